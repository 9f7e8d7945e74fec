/* single_step.c - one recorded step after another, the shortest way through a tape: what a loop
 * written by hand takes.
 *
 * After one full check the tape's plan remembers layer, layout and batch. Later steps that match
 * skip every check but those for NULL. Whatever does not match goes through pass.c, which also has
 * the sentences for what is wrong. Records are the same either way. */
#include "run/tape.h"

void recur__plan_single_step(const recur__request *q, const recur__shape *shape,
                             recur__tape_plan *plan, recur__record *record)
{
    const recur_layer *layer = q->layer;
    const recur_packed *packed = q->packed;
    const recur__step_ops *ops = layer->ops->step;
    recur__prepack *prepack = record->prepack;
    if (!prepack || shape->ids || shape->trace || !ops || !ops->plan_recorded) return;
    if (packed->longest != 1 || packed->rows != packed->batch || !packed->in_order) return;
    if (record->hash || (layer->states && !q->state)) return;
    record->single_step = true;
    if (plan->ready == prepack) return;
    recur__prepack_unplan(q->tape, prepack);
    prepack->call = (recur__step_call){ .layer = layer, .B = packed->batch, .pack = prepack->pack };
    if (ops->plan_recorded(&prepack->call, shape, record->reserve))
        plan->ready = prepack;
    else
        record->single_step = false;
}

/* A state if the layer has one, and one that fits it. */
static bool fits(const recur_layer *layer, const recur_state *state, int64_t batch)
{
    if (!layer->states) return !state || (state->batch == batch && !state->tensors);
    return state && state->batch == batch && recur__state_fits(state, layer);
}

bool recur__single_step(const recur__request *q, uint64_t layout, int64_t batch)
{
    const recur_layer *layer = q->layer;
    recur_tape *tape = q->tape;
    if (!layer || !q->x || !recur__tape_records(tape) || tape->tracer.function) return false;
    unsigned flags = RECUR__PLAN_RECORD;
    if (tape->mode == RECUR_TAPE_TRAIN) flags |= RECUR__PLAN_DROPOUT;
    recur__tape_plan *plan = recur__tape_plan_of(tape, layer->serial, layout, batch, flags);
    recur__prepack *prepack = plan ? plan->ready : NULL;
    if (!prepack || !(prepack->filled || prepack->reserved)) return false;
    if (!fits(layer, q->state, batch)) return false;
    recur__record *record = recur__tape_begin(tape, plan->record);
    if (!record) return false;
    record->layer = layer->serial;
    record->layout = layout;
    record->batch = (int32_t)batch;
    record->prepack = prepack;
    record->single_step = true;
    recur__prepack_filled(prepack, layer);
    recur__step_call *call = &prepack->call;
    call->record = (float *)(void *)record->reserve;
    call->x = q->x;
    call->y = q->y;
    if (q->state) call->state = q->state->values;
    call->run(call);
    if (q->state) recur__state_leave(q->state, NULL);
    recur__tape_commit(tape, record);
    return true;
}

bool recur__single_step_backward(const recur__request *q, uint64_t layout, int64_t batch)
{
    const recur_layer *layer = q->layer;
    recur_tape *tape = q->tape;
    if (!layer || !q->x || !tape || tape->tracer.function) return false;
    recur__record *record = tape->newest;
    if (!record || !record->single_step || record->layer != layer->serial) return false;
    if (record->layout != layout || record->batch != batch) return false;
    recur__prepack *prepack = record->prepack;
    recur__step_call *call = &prepack->call;
    if (call->B != batch || !fits(layer, q->state, batch)) return false;
    if (recur__waits_for_others(prepack, q->dparams)) return false;
    call->record = (float *)(void *)record->reserve;
    call->x = q->x;
    call->dy = q->dy;
    call->dx = q->dx;
    if (q->state) call->state = q->state->values;
    layer->ops->step->backward(call);
    if (q->dparams && layer->count) {
        recur__add_gradients(tape, prepack, call, q->dparams);
        recur__settle_gradients(prepack, layer, q->dparams);
    }
    recur__tape_pop(tape);
    return true;
}
