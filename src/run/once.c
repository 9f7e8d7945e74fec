/* once.c - one recorded step after another, the shortest way through a tape: what a loop written by
 * hand takes.
 *
 * The first steps of a loop go through passes.c, which checks everything. What the tape keeps of
 * the layer then notes of which kind they were, and of further steps of that kind only what can
 * differ is looked at. Whatever is not as noted goes through passes.c, which also has the sentences
 * for what is wrong. Records are the same either way. */
#include "run/tape.h"

void recur__once_note(recur__record *record, const recur__call *call, const recur__shape *shape,
                      size_t keep)
{
    recur__kept *kept = record->kept;
    const recur_layer *layer = call->layer;
    const recur_packed *packed = call->packed;
    if (!kept || shape->ids || shape->trace || !layer->ops->once_forward ||
        (layer->states && !call->state))
        return;
    if (packed->longest != 1 || packed->rows != packed->batch || !packed->in_order ||
        (layer->ops->may_be_once && !layer->ops->may_be_once(layer)))
        return;
    kept->once = (recur__once_kind){
        .noted = true, .layout = packed->serial, .batch = packed->batch, .keep = keep
    };
    record->once = true;
}

/* What is kept of the layer, if steps of this kind were noted, the tape records, and nobody looks
 * on; or NULL. */
static recur__kept *noted(const recur_tape *tape, const recur_layer *layer, uint64_t layout,
                          int64_t batch)
{
    if (tape->mode == RECUR_TAPE_EVALUATE || tape->tracer.function) return NULL;
    recur__kept *kept = recur__kept_of(&tape->keeper, layer);
    const bool same = kept && kept->once.noted && kept->once.layout == layout &&
                      kept->once.batch == batch;
    return same && (kept->filled || kept->reserved) ? kept : NULL;
}

/* A state if the layer has one, and one that is known to fit it. */
static bool fits(const recur_layer *layer, const recur_state *state, int64_t batch)
{
    return layer->states ? state && state->made_for == layer->serial && state->batch == batch
                         : !state;
}

bool recur__once_forward(const recur_layer *layer, uint64_t layout, int64_t batch, const float *x,
                         recur_state *state, float *y, recur_tape *tape)
{
    if (!layer || !x || !tape) return false;
    recur__kept *kept = noted(tape, layer, layout, batch);
    if (!kept || !fits(layer, state, batch)) return false;
    recur__record *record = recur__tape_begin(tape, kept->once.keep);
    if (!record) return false;
    record->layer = layer->serial, record->layout = layout, record->batch = batch,
    record->kept = kept, record->once = true;
    record->zero_start = !state;
    layer->ops->once_forward(&(recur__once){ .layer = layer,
                                             .prepared = recur__kept_prepared(kept, layer),
                                             .B = batch,
                                             .keep = (float *)(void *)record->keep,
                                             .x = x,
                                             .y = y,
                                             .state = state ? state->values : NULL });
    if (state && state->any_fresh) recur__state_leave(state, NULL);
    recur__tape_commit(tape, record);
    return true;
}

bool recur__once_backward(const recur_layer *layer, uint64_t layout, int64_t batch, const float *x,
                          const float *dy, recur_state *dstate, float *dx, float *dparams,
                          recur_tape *tape)
{
    if (!layer || !x || !tape) return false;
    recur__record *record = tape->newest;
    if (!record || !record->once || tape->tracer.function) return false;
    if (record->layer != layer->serial || record->layout != layout || record->batch != batch)
        return false;
    if (!fits(layer, dstate, batch) || record->zero_start != !dstate) return false;
    layer->ops->once_backward(&(recur__once){ .layer = layer,
                                              .prepared = record->kept->prepared,
                                              .B = batch,
                                              .keep = (float *)(void *)record->keep,
                                              .x = x,
                                              .dy = dy,
                                              .state = dstate ? dstate->values : NULL,
                                              .dx = dx,
                                              .dparams = layer->count ? dparams : NULL,
                                              .deferred = recur__tape_deferred(tape, record) });
    recur__tape_pop(tape);
    return true;
}
