/* prepack.c - what a tape keeps of its layers: parameters prepared for single steps, so that a loop
 * written by hand prepares them once and not at every step. Parameters do not change while records
 * wait, so what is kept cannot go stale. And, if the tape defers gradients, the rows of steps whose
 * products are added up together: dW is then read and written once for many. */
#include "run/tape.h"

/* The recur__kept itself comes first. */
static recur__kept carve(const recur_layer *layer, recur__carver *carver)
{
    recur__carve(carver, 1, sizeof(recur__kept));
    recur__kept own = { .layer = layer->serial,
                        .prepared = layer->ops->carve_prepared(layer, carver) };
    if (layer->ops->gradient_widths) layer->ops->gradient_widths(layer, own.deferred.width);
    for (int i = 0; i < RECUR__PARTS; i++)
        own.deferred.part[i] = recur__carve(
            carver, recur__times(RECUR__DEFERRED, own.deferred.width[i]), sizeof(float));
    return own;
}

size_t recur__keep_bytes(const recur_layer *layer, const recur_packed *packed)
{
    if (packed->longest != 1 || !layer->ops->carve_prepared || layer->spec.cell_options.modules)
        return 0;
    recur__carver carver = { 0 };
    carve(layer, &carver);
    return carver.used;
}

static void drop(recur__keeper *keeper, recur__kept **place)
{
    recur__kept *kept = *place;
    *place = kept->next;
    keeper->bytes -= kept->bytes;
    recur__free(keeper->ctx, kept, kept->bytes);
}

recur__kept *recur__keep(recur__keeper *keeper, const recur_layer *layer, size_t bytes,
                         bool reserve)
{
    recur__kept *known = recur__kept_of(keeper, layer), **idle = NULL;
    if (known) {
        known->reserved |= reserve;
        return known;
    }
    for (recur__kept **k = &keeper->first; *k; k = &(*k)->next)
        if (!(*k)->waiting && !(*k)->reserved && (!idle || (*k)->bytes > (*idle)->bytes)) idle = k;
    recur__kept *made = idle ? *idle : NULL; /* of another layer, which may be gone */
    if (!made || made->bytes < bytes) {
        made = recur__alloc(keeper->ctx, bytes);
        if (!made) return NULL;
        if (idle) drop(keeper, idle);
        *made = (recur__kept){ .next = keeper->first, .bytes = bytes };
        keeper->first = made;
        keeper->bytes += bytes;
    }
    recur__carver carver = { .base = (unsigned char *)made };
    recur__kept own = carve(layer, &carver);
    own.next = made->next, own.bytes = made->bytes, own.reserved = reserve;
    *made = own;
    return made;
}

void recur__keep_forget(recur__keeper *keeper)
{
    for (recur__kept *k = keeper->first; k; k = k->next) {
        recur__keep_flush(k);
        k->waiting = 0, k->filled = k->reserved = false;
    }
}

void recur__keep_release(recur__keeper *keeper)
{
    for (recur__kept *k = keeper->first; k; k = k->next)
        if (k->deferred.rows) recur_layer_release((recur_layer *)k->deferred.layer);
    while (keeper->first) drop(keeper, &keeper->first);
}

/* ---- gradients that wait -------------------------------------------------------------------- */

static void flush(recur__deferred *d, const void *prepared)
{
    const recur_layer *layer = d->layer;
    layer->ops->add_gradients(layer, prepared, d->rows, (const float *const *)d->part, d->dparams);
    d->rows = 0;
    recur_layer_release((recur_layer *)layer);
}

void recur__keep_flush(recur__kept *kept)
{
    if (kept->deferred.rows) flush(&kept->deferred, kept->prepared);
}

void recur__add_gradients(const recur__once *o, const float *const part[RECUR__PARTS])
{
    recur__deferred *d = o->deferred;
    const int64_t rows = o->B;
    if (!d || rows > RECUR__DEFERRED / 2) {
        o->layer->ops->add_gradients(o->layer, o->prepared, rows, part, o->dparams);
        return;
    }
    if (d->rows && (d->rows + rows > RECUR__DEFERRED || d->dparams != o->dparams))
        flush(d, o->prepared);
    if (d->rows == 0) d->layer = recur__layer_retain(o->layer), d->dparams = o->dparams;
    for (int i = 0; i < RECUR__PARTS && d->width[i]; i++)
        recur__copy(d->part[i] + d->rows * d->width[i], part[i], rows * d->width[i]);
    d->rows += rows;
}
