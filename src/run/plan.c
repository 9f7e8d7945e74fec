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

bool recur__state_plan(recur_state *state, const recur_layer *layer)
{
    const int64_t scratch = recur__step_scratch(layer, state->batch);
    const recur__step_call at = {
        .run = layer->ops->step->forward,
        .layer = layer,
        .state = state->values,
        .scratch = state->scratch,
        .B = state->batch,
    };
    if (scratch < 0 || scratch > state->scratch_floats) return false;
    state->plan.layer = layer->serial;
    if (recur__plan_calls(&at, NULL) <= state->most_calls) {
        state->plan.calls = recur__plan_calls(&at, state->plan.call);
    } else {
        state->plan.call[0] = at;
        state->plan.calls = 1;
    }
    return true;
}
