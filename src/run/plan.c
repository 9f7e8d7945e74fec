/* plan.c - the plan of a state: the streaming step of one layer as calls with everything written
 * down. A state made for a layer and stepped with its snapshot gets the snapshot's plan. */
#include "run/run.h"

/* Of a group the most of its parts, which are run one by one. */
int64_t recur__step_scratch(const recur_layer *layer, int64_t B)
{
    if (layer->ops->step) return layer->ops->step->scratch(layer, B);
    int64_t most = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const int64_t part = recur__step_scratch(layer->part[i], B);
        if (part < 0) return part;
        most = recur__max(most, part);
    }
    return most;
}

/* How many steps go one after the other instead of as one pass. A layer that is no snapshot has no
 * pack: a pass makes one, steps do without. */
static int64_t block_steps(const recur_layer *layer, const recur__plan *plan)
{
    int64_t steps = INT64_MAX;
    for (int64_t i = 0; i < plan->calls; i++)
        if (plan->call[i].at_once) steps = 1;
    const bool stream = layer->states > 0 && recur__layer_is_snapshot(layer);
    return stream && plan->takes_rows ? steps : 0;
}

/* The step of a state without sequences, which may have no scratch. */
static void no_rows(recur__step_call *call) { (void)call; }

bool recur__state_plan(recur_state *state, const recur_layer *layer)
{
    const int64_t scratch = recur__step_scratch(layer, state->batch);
    recur__plan *plan = &state->plan;
    const recur__step_call at = {
        .run = state->batch > 0 ? layer->ops->step->forward : no_rows,
        .layer = layer,
        .state = state->values,
        .scratch = state->scratch,
        .B = state->batch,
        .at_once = true,
    };
    if (scratch < 0 || scratch > state->scratch_floats) return false;
    plan->layer = layer->serial;
    plan->layout = 0;
    plan->takes_rows = layer->capabilities & RECUR_CAN_TAKE_ROWS;
    plan->calls = 1;
    if (state->batch > 0 && recur__plan_calls(&at, NULL) <= state->most_calls)
        plan->calls = recur__plan_calls(&at, plan->call);
    else
        plan->call[0] = at;
    plan->block_steps = block_steps(layer, plan);
    return true;
}
