/* plan.c - a streaming step with everything written down beforehand. A state knows the layer that
 * it was made for as a row of stages: who computes, and where its numbers lie. Only the first input
 * and the last output change from step to step. */
#include "layers/chain.h"

static void run_step(recur__stage *stage, bool units_reversed)
{
    stage->stream.units_reversed = units_reversed;
    stage->layer->ops->step(stage->layer, &stage->stream);
}

/* Parts as recur__chain_step runs them. */
static int64_t lay_chain(const recur_layer *layer, recur__stream at, recur__stage *to)
{
    float *const y = at.y, *output = at.scratch;
    int64_t count = 0;
    for (int64_t i = 0; i + 1 < layer->parts && to; i++)
        at.scratch += recur__between(layer->part[i], at.B);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        at.y = i + 1 < layer->parts ? output : y;
        count += recur__lay_stages(part, at, to ? to + count : NULL);
        if (!to) continue;
        at.x = to[count - 1].stream.y;
        at.state += part->state_floats * at.B;
        output += recur__between(part, at.B);
    }
    return count;
}

int64_t recur__lay_stages(const recur_layer *layer, recur__stream at, recur__stage *to)
{
    if (layer->ops->step == recur__chain_step) return lay_chain(layer, at, to);
    if (layer->ops->lay_stages) {
        const int64_t own = layer->ops->lay_stages(layer, &at, to);
        if (own) return own;
    }
    if (to) *to = (recur__stage){ .run = run_step, .layer = layer, .stream = at };
    return 1;
}

void recur__run_stages(recur_state *state, const float *x, const int32_t *ids, float *y)
{
    recur__stage *stage = state->stage, *end = stage + state->stages;
    stage->stream.x = x, stage->stream.ids = ids, end[-1].stream.y = y;
    const bool units_reversed = state->units_reversed;
    do stage->run(stage, units_reversed);
    while (++stage < end);
    state->units_reversed = !units_reversed;
    if (state->any_fresh) recur__state_leave(state, NULL);
}
