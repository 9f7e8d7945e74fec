/* check.c - what a caller may have got wrong, said in a sentence with the numbers in it. */
#include "run/tape.h"

static recur_status check_request(const recur__request *q)
{
    if (!q->layer) return recur__fail(RECUR_E_ARGUMENT, "%s: layer is NULL", q->what);
    if (!q->packed) return recur__fail(RECUR_E_ARGUMENT, "%s: packed is NULL", q->what);
    return RECUR_OK;
}

static recur_status check_ids(const recur__request *q, int64_t rows)
{
    const uint32_t symbols = (uint32_t)q->layer->input_size;
    if (q->layer->root->kernels->elementwise->all_below(rows, q->ids, symbols)) return RECUR_OK;
    for (int64_t r = 0; r < rows; r++)
        if ((uint32_t)q->ids[r] >= symbols)
            return recur__fail(RECUR_E_ARGUMENT,
                               "%s: id %ld in row %lld, but there are %lld symbols", q->what,
                               (long)q->ids[r], (long long)r, (long long)symbols);
    return RECUR_OK;
}

/* The input is there, and of a type that the layer takes. */
static recur_status check_given(const recur__request *q, int64_t rows)
{
    const recur_layer *layer = q->layer;
    const uint32_t wanted = q->with_ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS;
    const void *input = q->with_ids ? (const void *)q->ids : (const void *)q->x;
    if (!layer->ops->pass)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a group is not run; run its %lld parts, which recur_layer_child "
                           "gives",
                           q->what, (long long)layer->parts);
    if (!(layer->capabilities & wanted))
        return recur__fail(RECUR_E_UNSUPPORTED, "%s: a layer of type %s takes no %s", q->what,
                           layer->type, q->with_ids ? "ids" : "rows of floats");
    if (rows == 0) return RECUR_OK;
    if (!input)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %s is NULL, but there are %lld rows", q->what,
                           q->with_ids ? "ids" : "x", (long long)rows);
    return RECUR_OK;
}

recur_status recur__check_input(const recur__request *q, int64_t rows)
{
    RECUR__CHECK(check_given(q, rows));
    return q->with_ids && rows ? check_ids(q, rows) : RECUR_OK;
}

recur_status recur__check_state(const recur__request *q, int64_t batch)
{
    const recur_state *state = q->state;
    const recur_layer *layer = q->layer;
    if (!state) return RECUR_OK;
    if (state->batch != batch)
        return recur__fail(RECUR_E_SHAPE,
                           "%s: the state was made for batch %lld, the layout has %lld", q->what,
                           (long long)state->batch, (long long)batch);
    if (recur__state_fits(state, layer)) return RECUR_OK;
    return recur__fail(RECUR_E_SHAPE,
                       "%s: the state has %lld tensors of %lld floats for a sequence, the layer "
                       "has %lld of %lld; make the state for this layer",
                       q->what, (long long)state->tensors, (long long)recur__state_floats(state),
                       (long long)layer->states, (long long)layer->state_floats);
}

/* Which layout the record has, and which one was given. */
static recur_status other_layout(const recur__request *q, const recur__record *record)
{
    const recur_packed *p = q->packed;
    if (!record->layout)
        return recur__fail(RECUR_E_ORDER,
                           "%s: the newest record is a step of %lld sequences; play it back with "
                           "recur_layer_step_backward",
                           q->what, (long long)record->batch);
    if (!p->serial)
        return recur__fail(RECUR_E_ORDER,
                           "%s: the newest record is no step, but a pass over a layout of %lld "
                           "sequences; play it back with recur_layer_backward",
                           q->what, (long long)record->batch);
    if (record->batch != p->batch)
        return recur__fail(RECUR_E_ORDER,
                           "%s: the newest record is of another layout: its forward had %lld "
                           "sequences, this layout has %lld",
                           q->what, (long long)record->batch, (long long)p->batch);
    return recur__fail(RECUR_E_ORDER,
                       "%s: the newest record is of another layout than this one with %lld "
                       "sequences and %lld rows, or this one was reset since; give the layout that "
                       "forward had, as it was then",
                       q->what, (long long)p->batch, (long long)p->rows);
}

static recur_status check_record(const recur__request *q)
{
    const recur__record *record = q->tape->newest;
    if (!record)
        return recur__fail(RECUR_E_ORDER,
                           "%s: the tape has no record: there was no recorded forward", q->what);
    if (record->layer != q->layer->serial)
        return recur__fail(RECUR_E_ORDER, "%s: the newest of %lld records is of another layer",
                           q->what, (long long)recur_tape_records(q->tape));
    if (record->layout != q->packed->serial || record->batch != q->packed->batch)
        return other_layout(q, record);
    if (record->ids != q->with_ids)
        return recur__fail(RECUR_E_ORDER, "%s: the newest record was made with %s", q->what,
                           record->ids ? "ids" : "rows of floats");
    if (record->hash && record->hash != recur__hash_parameters(q->layer))
        return recur__fail(RECUR_E_ORDER,
                           "%s: the %lld parameters of the layer changed since its forward; "
                           "change them only after backward",
                           q->what, (long long)q->layer->count);
    return RECUR_OK;
}

recur_status recur__check_forward(const recur__request *q)
{
    RECUR__CHECK(check_request(q));
    if (recur__tape_is_refused(q->tape)) return recur__left_out(q->what, "TRAIN");
    RECUR__CHECK(recur__check_input(q, q->packed->rows));
    if (recur__tape_records(q->tape) && recur__layer_is_snapshot(q->layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a snapshot cannot be recorded; set the tape's mode to "
                           "RECUR_TAPE_EVALUATE",
                           q->what);
    return recur__check_state(q, q->packed->batch);
}

recur_status recur__check_backward(const recur__request *q)
{
    RECUR__CHECK(check_request(q));
    if (!q->tape) return recur__fail(RECUR_E_ARGUMENT, "%s: tape is NULL", q->what);
    RECUR__CHECK(check_given(q, q->packed->rows));
    /* Before ids are read: those of another layout may be fewer than this one has rows. */
    RECUR__CHECK(check_record(q));
    RECUR__CHECK(recur__check_input(q, q->packed->rows));
    RECUR__CHECK(recur__check_state(q, q->packed->batch));
    const recur__prepack *prepack = q->tape->newest->prepack;
    if (!prepack || !recur__waits_for_others(prepack, q->dparams)) return RECUR_OK;
    return recur__fail(RECUR_E_ORDER,
                       "%s: gradients of %lld rows wait for another dparams; add them with "
                       "recur_tape_add_gradients first",
                       q->what, (long long)prepack->deferred.rows);
}

uint64_t recur__hash_parameters(const recur_layer *layer)
{
    uint64_t hash = 1;
    for (int64_t i = 0; i < layer->count; i++) {
        uint32_t bits;
        memcpy(&bits, &layer->params[i], sizeof bits);
        hash = (hash ^ bits) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}
