/* keep.c - what a tape keeps of its layers: parameters prepared for single steps, so that a loop written by hand prepares them once and
 * not at every step. Parameters do not change while records wait, so what is kept cannot go stale. */
#include "layers/layer.h"

size_t recur__keep_bytes(const recur_layer *layer, const recur_packed *packed)
{
    if (packed->longest != 1 || !layer->ops->carve_prepared || layer->spec.form.modules) return 0;
    recur__carver carver = { 0 };
    recur__carve(&carver, 1, sizeof(recur__kept));
    layer->ops->carve_prepared(layer, &carver);
    return carver.used;
}

static void drop(recur__keeper *keeper, recur__kept **place)
{
    recur__kept *kept = *place;
    *place = kept->next;
    keeper->bytes -= kept->bytes;
    recur__free(keeper->ctx, kept, kept->bytes);
}

recur__kept *recur__kept_of(const recur__keeper *keeper, const recur_layer *layer)
{
    recur__kept *kept = keeper->first;
    while (kept && kept->layer != layer->serial) kept = kept->next;
    return kept;
}

recur__kept *recur__keep(recur__keeper *keeper, const recur_layer *layer, size_t bytes, bool reserve)
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
    recur__carve(&carver, 1, sizeof *made);
    made->layer = layer->serial, made->reserved = reserve, made->filled = false;
    made->prepared = layer->ops->carve_prepared(layer, &carver);
    return made;
}

const void *recur__kept_prepared(recur__kept *kept, const recur_layer *layer)
{
    if (!kept->filled) layer->ops->fill_prepared(layer, kept->prepared);
    kept->filled = true;
    return kept->prepared;
}

void recur__keep_forget(recur__keeper *keeper)
{
    for (recur__kept *k = keeper->first; k; k = k->next) k->waiting = 0, k->filled = k->reserved = false;
}

void recur__keep_release(recur__keeper *keeper)
{
    while (keeper->first) drop(keeper, &keeper->first);
}
