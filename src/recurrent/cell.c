/* cell.c - recur_cell: a thin handle over a recurrent layer of one layer, run one step at a time.
 */
#include "run/tape.h"

struct recur_cell {
    recur_layer *layer;
};

/* ---- making --------------------------------------------------------------------------------- */

recur_status recur_cell_from_layer(recur_layer *layer, recur_cell **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    if (layer->ops->kind != RECUR_KIND_RECURRENT || layer->spec.num_layers != 1 ||
        layer->spec.direction != RECUR_DIRECTION_FORWARD)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a cell is one forward recurrent layer, not %lld of type %s with %s",
                           (long long)layer->spec.num_layers, layer->type,
                           recur__directions[layer->spec.direction].name);
    recur_cell *cell = recur__alloc(recur__layer_context(layer), sizeof *cell);
    if (!cell) return recur__no_memory(sizeof *cell);
    cell->layer = recur__layer_retain(layer);
    *out = cell;
    return RECUR_OK;
}

recur_status recur_cell_create(recur_context *ctx, const recur_recurrent_options *options,
                               recur_cell **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_recurrent_options o;
    RECUR__CHECK(recur__take("recur_recurrent_options", options, &o, sizeof o));
    if (o.direction < 0 || o.direction >= RECUR__DIRECTIONS)
        return RECUR__NO_CONSTANT("recur_recurrent_options", "direction", o.direction,
                                  recur__directions);
    if (o.num_layers > 1 || o.direction != RECUR_DIRECTION_FORWARD || o.dropout != 0)
        return recur__fail(
            RECUR_E_UNSUPPORTED,
            "a cell is one forward layer without dropout, not %lld with %s and dropout %g",
            (long long)o.num_layers, recur__directions[o.direction].name, o.dropout);
    o.size = sizeof o;
    o.flags |= RECUR_LAYER_CELL_NAMES;
    recur_layer *layer;
    RECUR__CHECK(recur_recurrent_create(ctx, &o, &layer));
    const recur_status status = recur_cell_from_layer(layer, out);
    recur_layer_release(layer);
    return status;
}

void recur_cell_release(recur_cell *cell)
{
    if (!cell) return;
    recur_layer *layer = cell->layer;
    recur__free(recur__layer_context(layer), cell, sizeof *cell);
    recur_layer_release(layer);
}

recur_layer *recur_cell_layer(const recur_cell *cell) { return cell ? cell->layer : NULL; }

/* ---- steps ---------------------------------------------------------------------------------- */

/* Without a tape a step is a streaming step, with one a pass over the layout of one step. */
static recur_status step(const char *what, const recur_cell *cell, recur__call *call)
{
    if (!cell) return recur__fail(RECUR_E_ARGUMENT, "%s: cell is NULL", what);
    if (!call->state) return recur__fail(RECUR_E_ARGUMENT, "%s: state is NULL", what);
    call->layer = cell->layer;
    if (!call->tape) return recur__step_once(what, call);
    int64_t sizes[1], starts[2];
    const recur_packed one = recur__one_step(call->state->batch, sizes, starts);
    call->packed = &one;
    return recur__forward(what, call);
}

static recur_status step_backward(const char *what, const recur_cell *cell, recur__call *call)
{
    if (!cell) return recur__fail(RECUR_E_ARGUMENT, "%s: cell is NULL", what);
    if (!call->state) return recur__fail(RECUR_E_ARGUMENT, "%s: dstate is NULL", what);
    int64_t sizes[1], starts[2];
    const recur_packed one = recur__one_step(call->state->batch, sizes, starts);
    call->layer = cell->layer;
    call->packed = &one;
    const recur__record *newest = call->tape ? call->tape->newest : NULL;
    if (newest && newest->layout == 0 && newest->layer == cell->layer->serial &&
        newest->batch != one.batch)
        return recur__fail(RECUR_E_SHAPE, "%s: dstate was made for batch %lld, the step had %lld",
                           what, (long long)one.batch, (long long)newest->batch);
    return recur__backward(what, call);
}

recur_status recur_cell_step(const recur_cell *cell, const float *x, recur_state *state, float *y,
                             recur_tape *tape)
{
    if (cell && state && recur__once_forward(cell->layer, 0, state->batch, x, state, y, tape))
        return RECUR_OK;
    return step(__func__, cell, &(recur__call){ .x = x, .state = state, .y = y, .tape = tape });
}

recur_status recur_cell_step_ids(const recur_cell *cell, const int32_t *ids, recur_state *state,
                                 float *y, recur_tape *tape)
{
    return step(
        __func__, cell,
        &(recur__call){ .with_ids = true, .ids = ids, .state = state, .y = y, .tape = tape });
}

recur_status recur_cell_step_backward(const recur_cell *cell, const float *x, const float *dy,
                                      recur_state *dstate, float *dx, float *dparams,
                                      recur_tape *tape)
{
    if (cell && dstate &&
        recur__once_backward(cell->layer, 0, dstate->batch, x, dy, dstate, dx, dparams, tape))
        return RECUR_OK;
    return step_backward(
        __func__, cell,
        &(recur__call){
            .x = x, .dy = dy, .state = dstate, .dx = dx, .dparams = dparams, .tape = tape });
}

recur_status recur_cell_step_backward_ids(const recur_cell *cell, const int32_t *ids,
                                          const float *dy, recur_state *dstate, float *dparams,
                                          recur_tape *tape)
{
    return step_backward(__func__, cell,
                         &(recur__call){ .with_ids = true,
                                         .ids = ids,
                                         .dy = dy,
                                         .state = dstate,
                                         .dparams = dparams,
                                         .tape = tape });
}
