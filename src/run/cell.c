/* cell.c - recur_cell: a thin face on a recurrent layer of one layer, which it steps. */
#include "run/run.h"

struct recur_cell {
    recur_layer *layer;
};

recur_status recur_cell_from_layer(recur_layer *layer, recur_cell **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    const recur__spec *spec = &layer->spec;
    if (layer->ops->kind != RECUR_KIND_RECURRENT || spec->num_layers != 1 ||
        spec->direction != RECUR_DIRECTION_FORWARD)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a cell is one forward recurrent layer, not %lld of type %s with %s; "
                           "use recur_layer_step, or recur_layer_forward if it looks ahead",
                           (long long)recur__max(spec->num_layers, 1), layer->type,
                           recur__directions[spec->direction].name);
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
    recur_layer *layer;
    RECUR__CHECK(recur__take("recur_recurrent_options", options, &o, sizeof o));
    if (o.direction < 0 || o.direction >= RECUR__DIRECTIONS)
        return RECUR__NO_CONSTANT("recur_recurrent_options", "direction", o.direction,
                                  recur__directions);
    if (o.num_layers > 1 || o.direction != RECUR_DIRECTION_FORWARD || o.dropout != 0)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a cell is one forward layer without dropout, not %lld with %s and "
                           "dropout %g; make a layer with recur_recurrent_create",
                           (long long)recur__max(o.num_layers, 1),
                           recur__directions[o.direction].name, o.dropout);
    o.size = (uint32_t)sizeof o | (o.size & (uint32_t)RECUR_SIZE_EXACT);
    o.flags |= RECUR_LAYER_CELL_NAMES;
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

/* ---- steps: those of the layer, but for the names in messages ---------------------------------
 */

static recur_status step(const recur_cell *cell, recur__request *q)
{
    if (!cell) return recur__fail(RECUR_E_ARGUMENT, "%s: cell is NULL", q->what);
    q->layer = cell->layer;
    return recur__one_step_forward(q);
}

static recur_status step_back(const recur_cell *cell, recur__request *q)
{
    if (!cell) return recur__fail(RECUR_E_ARGUMENT, "%s: cell is NULL", q->what);
    q->layer = cell->layer;
    return recur__one_step_backward(q);
}

recur_status recur_cell_step(const recur_cell *cell, const float *x, recur_state *state, float *y,
                             recur_tape *tape)
{
    recur__request q = { .what = __func__, .x = x, .y = y, .state = state, .tape = tape };
    return step(cell, &q);
}

recur_status recur_cell_step_ids(const recur_cell *cell, const int32_t *ids, recur_state *state,
                                 float *y, recur_tape *tape)
{
    recur__request q = {
        .what = __func__, .with_ids = true, .ids = ids, .y = y, .state = state, .tape = tape
    };
    return step(cell, &q);
}

recur_status recur_cell_step_backward(const recur_cell *cell, const float *x, const float *dy,
                                      recur_state *dstate, float *dx, float *dparams,
                                      recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    recur__request q = { .what = __func__,
                         .x = x,
                         .dy = dy,
                         .state = dstate,
                         .dx = dx,
                         .dparams = dparams,
                         .tape = tape };
    return step_back(cell, &q);
}

recur_status recur_cell_step_backward_ids(const recur_cell *cell, const int32_t *ids,
                                          const float *dy, recur_state *dstate, float *dparams,
                                          recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    recur__request q = { .what = __func__,
                         .with_ids = true,
                         .ids = ids,
                         .dy = dy,
                         .state = dstate,
                         .dparams = dparams,
                         .tape = tape };
    return step_back(cell, &q);
}
