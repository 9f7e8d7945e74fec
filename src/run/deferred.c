/* deferred.c - gradients of single steps that wait: the rows of many steps are added together, so
 * that dW is read and written once for all of them. */
#include "run/tape.h"

static void add_rows(recur__deferred *d, const recur_layer *layer, float *dparams)
{
    const float *const row[RECUR__GRADIENT_ROWS] = { d->row[0], d->row[1], d->row[2] };
    if (d->rows) layer->ops->gradients->add(layer, d->rows, row, dparams);
    d->rows = 0;
}

void recur__add_gradients(const recur_tape *tape, recur__prepack *prepack,
                          const recur__step_call *call, float *dparams)
{
    recur__deferred *d = &prepack->deferred;
    const recur_layer *layer = call->layer;
    const int64_t rows = call->B;
    if (!call->row[0]) return; /* zeros */
    if (!tape->defers || rows > RECUR__MOST_DEFERRED / 2) {
        layer->ops->gradients->add(layer, rows, call->row, dparams);
        return;
    }
    if (d->rows + rows > RECUR__MOST_DEFERRED) add_rows(d, layer, dparams);
    for (int i = 0; i < RECUR__GRADIENT_ROWS && d->width[i]; i++)
        recur__copy(d->row[i] + d->rows * d->width[i], call->row[i], rows * d->width[i]);
    d->rows += rows;
    d->dparams = (uintptr_t)dparams;
}

void recur__settle_gradients(recur__prepack *prepack, const recur_layer *layer, float *dparams)
{
    if (prepack->waiting == 1) add_rows(&prepack->deferred, layer, dparams);
}

recur_status recur_tape_defer_gradients(recur_tape *tape, int32_t on)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(tape);
    tape->defers = on;
    return RECUR_OK;
}

static void add_tree(const recur_tape *tape, const recur_layer *node, float *dparams)
{
    recur__prepack *prepack = recur__prepack_of(tape, node);
    if (prepack) add_rows(&prepack->deferred, node, dparams);
    for (int64_t i = 0; i < node->parts; i++)
        add_tree(tape, node->part[i], dparams + (node->part[i]->offset - node->offset));
}

recur_status recur_tape_add_gradients(recur_tape *tape, const recur_layer *layer, float *dparams)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(tape);
    RECUR__NOT_NULL(layer);
    if (layer->count) RECUR__NOT_NULL(dparams);
    if (layer->count) add_tree(tape, layer, dparams);
    return RECUR_OK;
}
