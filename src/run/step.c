/* step.c - one step of every sequence of a state: streaming, or recorded on a tape for a loop
 * written by hand. */
#include "run/tape.h"

/* ---- streaming ------------------------------------------------------------------------------ */

/* The node on account of which a layer cannot go step by step: itself, or a part of it. */
static const recur_layer *find_culprit(const recur_layer *node)
{
    for (int64_t i = 0; i < node->parts; i++)
        if (!(node->part[i]->capabilities & RECUR_CAN_STEP)) return find_culprit(node->part[i]);
    return node;
}

static const char *why_no_steps(const recur_layer *node)
{
    if (node->capabilities & RECUR_CAN_REDUCE_TIME) return "gives one row for a whole sequence";
    if (node->ops->kind == RECUR_KIND_CONV) return "looks ahead in time (pad_after)";
    return node->spec.direction == RECUR_DIRECTION_REVERSE
               ? "begins at the end of a sequence (RECUR_DIRECTION_REVERSE)"
               : "looks ahead in time (RECUR_DIRECTION_BIDIRECTIONAL)";
}

static recur_status no_steps(const recur__request *q)
{
    const recur_layer *culprit = find_culprit(q->layer);
    if (culprit == q->layer)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a layer of type %s cannot go step by step: it %s; use "
                           "recur_layer_forward",
                           q->what, culprit->type, why_no_steps(culprit));
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "%s: a layer of type %s cannot go step by step: its part \"%s\" %s; use "
                       "recur_layer_forward",
                       q->what, q->layer->type, culprit->name, why_no_steps(culprit));
}

/* Everything is checked; a layer that was not stepped before gets the state's plan. */
static recur_status stream(const recur__request *q)
{
    const recur_layer *layer = q->layer;
    recur_state *state = q->state;
    RECUR__CHECK(recur__check_input(q, state->batch));
    if (!(layer->capabilities & RECUR_CAN_STEP)) return no_steps(q);
    if (state->plan.layer != layer->serial) {
        RECUR__CHECK(recur__check_state(q, state->batch));
        if (!recur__state_plan(state, layer))
            return recur__fail(RECUR_E_SHAPE,
                               "%s: the state's scratch has %lld floats, but this layer needs "
                               "%lld; make the state for this layer",
                               q->what, (long long)state->scratch_floats,
                               (long long)recur__step_scratch(layer, state->batch));
    }
    recur__state_step(state, layer, q->x, q->ids, q->y);
    return RECUR_OK;
}

/* ---- with a tape ---------------------------------------------------------------------------- */

/* The layout of one step of B sequences. */
typedef struct one_step {
    recur_packed packed;
    int64_t sizes[1], starts[2];
} one_step;

static void lay_out(one_step *one, int64_t B)
{
    one->packed = recur__one_step(B, one->sizes, one->starts);
}

static recur_status step(recur__request *q)
{
    if (!q->layer) return recur__fail(RECUR_E_ARGUMENT, "%s: layer is NULL", q->what);
    if (!q->state) return recur__fail(RECUR_E_ARGUMENT, "%s: state is NULL", q->what);
    if (recur__tape_is_refused(q->tape)) return recur__left_out(q->what, "TRAIN");
    if (!recur__tape_records(q->tape)) return stream(q);
    one_step one;
    lay_out(&one, q->state->batch);
    q->packed = &one.packed;
    if (q->layer->ops->pass && !(q->layer->capabilities & RECUR_CAN_STEP)) return no_steps(q);
    return recur__forward(q);
}

/* The shortest way: the state has a plan for this layer, so only pointers can be wrong. */
static inline bool streams(const recur_layer *layer, const float *x, const recur_state *state)
{
    return layer && x && state && state->plan.layer == layer->serial && state->plan.takes_rows;
}

recur_status recur__one_step_forward(recur__request *q)
{
    if (!q->tape && streams(q->layer, q->x, q->state)) {
        recur__state_step(q->state, q->layer, q->x, NULL, q->y);
        return RECUR_OK;
    }
    if (RECUR_TRAIN && q->state && recur__single_step(q, 0, q->state->batch)) return RECUR_OK;
    return step(q);
}

static recur_status step_backward(recur__request *q, int64_t batch)
{
    const recur__record *record = q->tape ? q->tape->newest : NULL;
    if (!q->layer) return recur__fail(RECUR_E_ARGUMENT, "%s: layer is NULL", q->what);
    if (!q->tape) return recur__fail(RECUR_E_ARGUMENT, "%s: tape is NULL", q->what);
    if (!q->state && q->layer->states)
        return recur__fail(RECUR_E_ARGUMENT, "%s: dstate is NULL", q->what);
    const bool ours = record && record->layout == 0 && record->layer == q->layer->serial;
    if (ours && record->batch != batch)
        return recur__fail(RECUR_E_SHAPE,
                           "%s: dstate was made for batch %lld, but the step had %lld", q->what,
                           (long long)batch, (long long)record->batch);
    one_step one;
    lay_out(&one, batch);
    q->packed = &one.packed;
    return recur__backward(q);
}

recur_status recur__one_step_backward(recur__request *q)
{
    const recur__record *newest = q->tape ? q->tape->newest : NULL;
    int64_t batch = newest ? newest->batch : 1;
    if (q->state) batch = q->state->batch;
    if (recur__single_step_backward(q, 0, batch)) return RECUR_OK;
    return step_backward(q, batch);
}

/* Apart, so that the shortest way makes no room for a request. */
static __attribute__((noinline)) recur_status request_step(const recur_layer *layer, const float *x,
                                                           recur_state *state, float *y,
                                                           recur_tape *tape)
{
    recur__request q = {
        .what = "recur_layer_step", .layer = layer, .x = x, .y = y, .state = state, .tape = tape
    };
    return recur__one_step_forward(&q);
}

recur_status recur_layer_step(const recur_layer *layer, const float *x, recur_state *state,
                              float *y, recur_tape *tape)
{
    if (tape || !streams(layer, x, state)) return request_step(layer, x, state, y, tape);
    recur__state_step(state, layer, x, NULL, y);
    return RECUR_OK;
}

recur_status recur_layer_step_ids(const recur_layer *layer, const int32_t *ids, recur_state *state,
                                  float *y, recur_tape *tape)
{
    recur__request q = { .what = __func__,
                         .layer = layer,
                         .with_ids = true,
                         .ids = ids,
                         .y = y,
                         .state = state,
                         .tape = tape };
    return recur__one_step_forward(&q);
}

recur_status recur_layer_step_backward(const recur_layer *layer, const float *x, const float *dy,
                                       recur_state *dstate, float *dx, float *dparams,
                                       recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    recur__request q = { .what = __func__,
                         .layer = layer,
                         .x = x,
                         .dy = dy,
                         .state = dstate,
                         .dx = dx,
                         .dparams = dparams,
                         .tape = tape };
    return recur__one_step_backward(&q);
}

recur_status recur_layer_step_backward_ids(const recur_layer *layer, const int32_t *ids,
                                           const float *dy, recur_state *dstate, float *dparams,
                                           recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    recur__request q = { .what = __func__,
                         .layer = layer,
                         .with_ids = true,
                         .ids = ids,
                         .dy = dy,
                         .state = dstate,
                         .dparams = dparams,
                         .tape = tape };
    return recur__one_step_backward(&q);
}
