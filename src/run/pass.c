/* pass.c - the doors of forward, backward and step: everything is checked and all memory taken
 * before anything is computed. */
#include "run/tape.h"

void *recur__scratch(recur__room *room, int64_t count, size_t size)
{
    void *memory = recur__carve(&room->scratch, count, size);
    if (room->scratch.used > room->peak) room->peak = room->scratch.used;
    return memory;
}

static recur__tracer tracer_of(const recur_tape *tape)
{
    return tape ? tape->tracer : (recur__tracer){ NULL, NULL };
}
static bool records(const recur_tape *tape) { return tape && tape->mode != RECUR_TAPE_EVALUATE; }

/* Whole lines, so that the next record begins on one. */
static int64_t fresh_bytes(int64_t batch) { return (batch + 63) / 64 * 64; }

void recur__measure(const recur_layer *layer, const recur__shape *shape, recur__room *room)
{
    room->scratch.used = room->peak == SIZE_MAX ? SIZE_MAX : 0;
    layer->ops->measure(layer, shape, room);
    if (shape->record && layer->starts)
        recur__carve(&room->keep, fresh_bytes(shape->packed->batch), 1);
}

/* Where a record says which sequences began with the learned start: behind all that its layer
 * keeps. */
static bool *fresh_of(const recur__record *record, size_t keep)
{
    return (bool *)record->keep + keep - fresh_bytes(record->batch);
}

/* The same through the tape's memory of earlier passes; without a tape in *own. */
static const recur__measured *measure_on(recur_tape *tape, const recur_layer *layer,
                                         const recur__shape *shape, recur__measured *own)
{
    recur__measured *m = tape ? recur__tape_measured(tape, layer->serial) : own;
    const recur_packed *p = shape->packed;
    const unsigned flags = 1u + shape->ids * 2u + shape->record * 4u + shape->dropout * 8u +
                           shape->trace * 16u;
    if (tape && m->flags == flags && m->layer == layer->serial && m->layout == p->serial &&
        m->batch == p->batch)
        return m;
    recur__room room = { 0 };
    recur__measure(layer, shape, &room);
    *m = (recur__measured){ layer->serial,
                            p->serial,
                            p->batch,
                            flags,
                            room.keep.used,
                            room.peak,
                            shape->record ? recur__keep_bytes(layer, p) : 0 };
    return m;
}

/* ---- checks --------------------------------------------------------------------------------- */

static recur_status check_ids(const char *what, const recur_layer *layer, int64_t rows,
                              const int32_t *ids)
{
    const uint32_t symbols = (uint32_t)layer->input_size;
    if (layer->root->kernels->elementwise->all_below(rows, ids, symbols)) return RECUR_OK;
    for (int64_t r = 0; r < rows; r++)
        if ((uint32_t)ids[r] >= symbols)
            return recur__fail(RECUR_E_ARGUMENT,
                               "%s: id %ld in row %lld, but there are %lld symbols", what,
                               (long)ids[r], (long long)r, (long long)layer->input_size);
    return RECUR_OK;
}

/* The input is there and of a type that the layer takes. */
static recur_status check_input(const char *what, const recur__call *call, bool ids, int64_t rows)
{
    const recur_layer *layer = call->layer;
    if (!layer->ops->forward)
        return recur__fail(RECUR_E_UNSUPPORTED, "%s: a group is not run, but its %lld parts are",
                           what, (long long)layer->parts);
    if (!(layer->capabilities & (ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS)))
        return recur__fail(RECUR_E_UNSUPPORTED, "%s: a layer of type %s takes no %s", what,
                           layer->type, ids ? "ids" : "rows of floats");
    if (rows == 0) return RECUR_OK;
    if (!(ids ? (const void *)call->ids : (const void *)call->x))
        return recur__fail(RECUR_E_ARGUMENT, "%s: %s is NULL, but there are %lld rows", what,
                           ids ? "ids" : "x", (long long)rows);
    return ids ? check_ids(what, layer, rows, call->ids) : RECUR_OK;
}

static recur_status check_call(const char *what, const recur__call *call)
{
    if (!call->layer) return recur__fail(RECUR_E_ARGUMENT, "%s: layer is NULL", what);
    if (!call->packed) return recur__fail(RECUR_E_ARGUMENT, "%s: packed is NULL", what);
    return RECUR_OK;
}

/* ---- forward -------------------------------------------------------------------------------- */

static void run_forward(const recur__call *call, const recur__shape *shape, recur__room *room,
                        uint64_t key, const void *prepared)
{
    recur__pass pass = { .shape = *shape,
                         .ctx = call->layer->root->ctx,
                         .kernels = call->layer->root->kernels,
                         .key = key,
                         .room = room,
                         .x = call->x,
                         .ids = call->ids,
                         .y = call->y,
                         .state = call->state ? call->state->values : NULL,
                         .prepared = prepared,
                         .tracer = tracer_of(call->tape) };
    if (call->state && call->layer->starts) recur__state_start(call->state, call->layer);
    call->layer->ops->forward(call->layer, &pass);
    if (call->state) recur__state_leave(call->state, call->packed);
}

/* Inference without a tape: one block from the allocator, if any is needed. */
static recur_status forward_untaped(const recur__call *call, const recur__shape *shape, size_t peak)
{
    recur_context *ctx = recur__layer_context(call->layer);
    unsigned char *memory = peak ? recur__alloc(ctx, peak) : NULL;
    if (peak && !memory) return recur__no_memory(peak);
    recur__room room = { .scratch.base = memory };
    run_forward(call, shape, &room, 0, NULL);
    recur__free(ctx, memory, peak);
    return RECUR_OK;
}

static void note_fresh(const recur__call *call, bool *fresh)
{
    for (int64_t b = 0; b < call->packed->batch; b++)
        fresh[b] = !call->state || call->state->fresh[b];
}

static recur_status forward_on_tape(const recur__call *call, const recur__shape *shape,
                                    const recur__measured *measured)
{
    recur_tape *tape = call->tape;
    if (measured->keep == SIZE_MAX || measured->peak == SIZE_MAX) return recur__no_memory(SIZE_MAX);
    recur__room room = { .scratch.base = recur__tape_scratch(tape, measured->peak) };
    if (!room.scratch.base) return recur__no_memory(measured->peak);
    if (!shape->record) {
        run_forward(call, shape, &room, 0, NULL);
        return RECUR_OK;
    }
    bool failed = false;
    recur__kept *kept = recur__tape_keep(tape, call->layer, measured->kept, &failed);
    if (failed) return recur__no_memory(measured->kept);
    recur__record *record = recur__tape_begin(tape, measured->keep);
    if (!record) return recur__no_memory(measured->keep);
    record->layer = call->layer->serial;
    record->layout = call->packed->serial;
    record->batch = call->packed->batch;
    record->ids = shape->ids;
    record->dropout = shape->dropout;
    record->zero_start = !call->state && !call->layer->starts;
    if (call->layer->starts) note_fresh(call, fresh_of(record, measured->keep));
    record->key = recur_random(tape->seed, tape->passes);
    record->kept = kept;
    room.keep.base = record->keep;
    run_forward(call, shape, &room, record->key,
                kept ? recur__kept_prepared(kept, call->layer) : NULL);
    recur__once_note(record, call, shape, measured->keep);
    recur__tape_commit(tape, record);
    return RECUR_OK;
}

recur_status recur__forward(const char *what, const recur__call *call)
{
    RECUR__CHECK(check_call(what, call));
    const bool ids = call->with_ids, record = records(call->tape);
    RECUR__CHECK(check_input(what, call, ids, call->packed->rows));
    if (record && recur__layer_is_snapshot(call->layer))
        return recur__fail(
            RECUR_E_UNSUPPORTED,
            "%s: a snapshot cannot be recorded; set the tape's mode to RECUR_TAPE_EVALUATE", what);
    if (call->state)
        RECUR__CHECK(recur__state_check(call->state, call->layer, call->packed->batch, what));
    const recur__shape shape = { .packed = call->packed,
                                 .ids = ids,
                                 .record = record,
                                 .dropout = call->tape && call->tape->mode == RECUR_TAPE_TRAIN,
                                 .trace = record && call->tape->tracer.function };
    recur__measured own;
    const recur__measured *measured = measure_on(call->tape, call->layer, &shape, &own);
    return call->tape ? forward_on_tape(call, &shape, measured)
                      : forward_untaped(call, &shape, measured->peak);
}

recur_status recur_layer_forward(const recur_layer *layer, const recur_packed *packed,
                                 const float *x, recur_state *state, float *y, recur_tape *tape)
{
    if (packed && recur__once_forward(layer, packed->serial, packed->batch, x, state, y, tape))
        return RECUR_OK;
    return recur__forward(
        __func__,
        &(recur__call){
            .layer = layer, .packed = packed, .x = x, .state = state, .y = y, .tape = tape });
}

recur_status recur_layer_forward_ids(const recur_layer *layer, const recur_packed *packed,
                                     const int32_t *ids, recur_state *state, float *y,
                                     recur_tape *tape)
{
    return recur__forward(__func__, &(recur__call){ .layer = layer,
                                                    .packed = packed,
                                                    .with_ids = true,
                                                    .ids = ids,
                                                    .state = state,
                                                    .y = y,
                                                    .tape = tape });
}

/* ---- backward ------------------------------------------------------------------------------- */

static recur_status check_record(const char *what, const recur__call *call,
                                 const recur__record *record, bool ids)
{
    if (!record)
        return recur__fail(RECUR_E_ORDER,
                           "%s: the tape has no record: there was no recorded forward", what);
    if (record->layer != call->layer->serial)
        return recur__fail(RECUR_E_ORDER, "%s: the newest of %lld records is of another layer",
                           what, (long long)recur_tape_records(call->tape));
    if (record->layout != call->packed->serial || record->batch != call->packed->batch)
        return recur__fail(
            RECUR_E_ORDER,
            "%s: the newest record is of another layout: it had batch %lld, this one has %lld",
            what, (long long)record->batch, (long long)call->packed->batch);
    if (record->ids != ids)
        return recur__fail(RECUR_E_ORDER, "%s: the newest record was made with %s", what,
                           record->ids ? "ids" : "rows of floats");
    return RECUR_OK;
}

recur_status recur__backward(const char *what, const recur__call *call)
{
    RECUR__CHECK(check_call(what, call));
    if (!call->tape) return recur__fail(RECUR_E_ARGUMENT, "%s: tape is NULL", what);
    const bool ids = call->with_ids;
    const recur_layer *layer = call->layer;
    RECUR__CHECK(check_input(what, call, ids, call->packed->rows));
    recur__record *record = call->tape->newest;
    RECUR__CHECK(check_record(what, call, record, ids));
    if (call->state)
        RECUR__CHECK(recur__state_check(call->state, layer, call->packed->batch, what));
    const recur__shape shape = { .packed = call->packed,
                                 .ids = ids,
                                 .record = true,
                                 .dropout = record->dropout,
                                 .trace = call->tape->tracer.function };
    const recur__measured *measured = measure_on(call->tape, layer, &shape, NULL);
    recur__room room = { .keep.base = record->keep,
                         .scratch.base = recur__tape_scratch(call->tape, measured->peak) };
    if (!room.scratch.base) return recur__no_memory(measured->peak);
    recur__pass pass = { .shape = shape,
                         .ctx = layer->root->ctx,
                         .kernels = layer->root->kernels,
                         .key = record->key,
                         .room = &room,
                         .x = call->x,
                         .ids = call->ids,
                         .dy = call->dy,
                         .dstate = call->state ? call->state->values : NULL,
                         .zero_start = record->zero_start,
                         .prepared = record->kept && record->kept->filled ? record->kept->prepared
                                                                          : NULL,
                         .tracer = tracer_of(call->tape),
                         .fresh = layer->starts ? fresh_of(record, measured->keep) : NULL,
                         .dx = call->dx,
                         .dparams = layer->count ? call->dparams : NULL };
    layer->ops->backward(layer, &pass);
    recur__tape_pop(call->tape);
    return RECUR_OK;
}

recur_status recur_layer_backward(const recur_layer *layer, const recur_packed *packed,
                                  const float *x, const float *dy, recur_state *dstate, float *dx,
                                  float *dparams, recur_tape *tape)
{
    if (packed && recur__once_backward(layer, packed->serial, packed->batch, x, dy, dstate, dx,
                                       dparams, tape))
        return RECUR_OK;
    return recur__backward(__func__, &(recur__call){ .layer = layer,
                                                     .packed = packed,
                                                     .x = x,
                                                     .dy = dy,
                                                     .state = dstate,
                                                     .dx = dx,
                                                     .dparams = dparams,
                                                     .tape = tape });
}

recur_status recur_layer_backward_ids(const recur_layer *layer, const recur_packed *packed,
                                      const int32_t *ids, const float *dy, recur_state *dstate,
                                      float *dparams, recur_tape *tape)
{
    return recur__backward(__func__, &(recur__call){ .layer = layer,
                                                     .packed = packed,
                                                     .with_ids = true,
                                                     .ids = ids,
                                                     .dy = dy,
                                                     .state = dstate,
                                                     .dparams = dparams,
                                                     .tape = tape });
}

/* ---- step ----------------------------------------------------------------------------------- */

/* A layer that this state was not made for: do its tensors and the scratch fit? */
static recur_status check_stranger(const char *what, const recur_layer *layer,
                                   const recur_state *state)
{
    RECUR__CHECK(recur__state_check(state, layer, state->batch, what));
    const int64_t floats = layer->ops->step_floats(layer, state->batch);
    if (floats >= 0 && floats <= state->scratch_floats) return RECUR_OK;
    return recur__fail(
        RECUR_E_SHAPE,
        "%s: the state's scratch has %lld floats, but this layer needs %lld: make the state for it",
        what, (long long)state->scratch_floats, (long long)floats);
}

recur_status recur__step_once(const char *what, const recur__call *call)
{
    const recur_layer *layer = call->layer;
    recur_state *state = call->state;
    if (!layer) return recur__fail(RECUR_E_ARGUMENT, "%s: layer is NULL", what);
    if (!state) return recur__fail(RECUR_E_ARGUMENT, "%s: state is NULL", what);
    RECUR__CHECK(check_input(what, call, call->with_ids, state->batch));
    if (!(layer->capabilities & RECUR_CAN_STEP))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a layer of type %s with %s cannot go step by step", what,
                           layer->type, recur__directions[layer->spec.direction].name);
    if (state->made_for == layer->serial) {
        if (layer->starts) recur__state_start(state, layer);
        recur__run_stages(state, call->x, call->ids, call->y);
        return RECUR_OK;
    }
    RECUR__CHECK(check_stranger(what, layer, state));
    recur__stream stream = { .ctx = layer->root->ctx,
                             .kernels = layer->root->kernels,
                             .B = state->batch,
                             .units_reversed = state->units_reversed,
                             .x = call->x,
                             .ids = call->ids,
                             .state = state->values,
                             .y = call->y,
                             .scratch = state->scratch };
    state->units_reversed = !state->units_reversed;
    if (layer->starts) recur__state_start(state, layer);
    layer->ops->step(layer, &stream);
    recur__state_leave(state, NULL);
    return RECUR_OK;
}

static __attribute__((noinline)) recur_status
step_rows(const char *what, const recur_layer *layer, const float *x, recur_state *state, float *y)
{
    return recur__step_once(what, &(recur__call){ .layer = layer, .x = x, .state = state, .y = y });
}

/* The shortest way for a state and the layer that it was made for: of what step_once checks, only
 * the pointers can be wrong. */
recur_status recur_layer_step(const recur_layer *layer, const float *x, recur_state *state,
                              float *y)
{
    if (!layer || !state || !x || state->quick != layer->serial)
        return step_rows(__func__, layer, x, state, y);
    recur__run_stages(state, x, NULL, y);
    return RECUR_OK;
}

recur_status recur_layer_step_ids(const recur_layer *layer, const int32_t *ids, recur_state *state,
                                  float *y)
{
    return recur__step_once(
        __func__,
        &(recur__call){ .layer = layer, .with_ids = true, .ids = ids, .state = state, .y = y });
}
