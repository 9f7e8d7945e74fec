/* prepack.c - what a tape keeps of its layers: parameters repacked for single steps, so that a loop
 * written by hand repacks them once and not at every step. Parameters do not change while records
 * wait, so what is kept cannot go stale. */
#include "run/tape.h"

/* How many records back another one of the layer may be: loops have few others between. */
enum { NEWEST = 16 };

/* The recur__prepack itself comes first. Returns what it is to be. */
static recur__prepack carve(const recur_layer *layer, recur__carver *carver)
{
    recur__carve(carver, 1, sizeof(recur__prepack));
    recur__prepack made = { .layer = layer->serial };
    recur__deferred *d = &made.deferred;
    made.pack = layer->ops->pack->carve(layer, carver);
    if (layer->ops->gradients) layer->ops->gradients->widths(layer, d->width);
    for (int i = 0; i < RECUR__GRADIENT_ROWS; i++) {
        const int64_t floats = recur__times(RECUR__MOST_DEFERRED, d->width[i]);
        d->row[i] = recur__carve(carver, floats, sizeof(float));
    }
    return made;
}

size_t recur__prepack_bytes(const recur_layer *layer, const recur_packed *packed)
{
    recur__carver header = { 0 }, carver = { 0 };
    if (packed->longest != 1 || !layer->ops->pack) return 0;
    recur__carve(&header, 1, sizeof(recur__prepack));
    carve(layer, &carver);
    return carver.used > header.used ? carver.used : 0;
}

recur__prepack *recur__prepack_of(const recur_tape *tape, const recur_layer *layer)
{
    recur__prepack *p = tape->prepack;
    while (p && p->layer != layer->serial) p = p->next;
    return p;
}

void recur__prepack_unplan(recur_tape *tape, const recur__prepack *prepack)
{
    for (int i = 0; i < RECUR__PLANS; i++)
        if (tape->plan[i].ready == prepack) tape->plan[i].ready = NULL;
}

static void drop(recur_tape *tape, recur__prepack **place)
{
    recur__prepack *prepack = *place;
    *place = prepack->next;
    tape->prepack_bytes -= prepack->bytes;
    recur__free(tape->ctx, prepack, prepack->bytes);
}

/* The largest one that nothing waits for: of another layer, which may be gone. NULL: none. */
static recur__prepack **find_idle(recur_tape *tape)
{
    recur__prepack **idle = NULL;
    for (recur__prepack **p = &tape->prepack; *p; p = &(*p)->next) {
        const bool used = (*p)->waiting || (*p)->reserved || (*p)->deferred.rows;
        if (!used && (!idle || (*p)->bytes > (*idle)->bytes)) idle = p;
    }
    return idle;
}

recur__prepack *recur__prepack_reserve(recur_tape *tape, const recur_layer *layer, size_t bytes,
                                       bool reserve)
{
    recur__prepack *known = recur__prepack_of(tape, layer), **idle = find_idle(tape);
    if (known) {
        known->reserved |= reserve;
        return known;
    }
    recur__prepack *place = idle ? *idle : NULL;
    if (place) recur__prepack_unplan(tape, place);
    if (!place || place->bytes < bytes) {
        place = recur__alloc(tape->ctx, bytes);
        if (!place) return NULL;
        if (idle) drop(tape, idle);
        *place = (recur__prepack){ .next = tape->prepack, .bytes = bytes };
        tape->prepack = place;
        tape->prepack_bytes += bytes;
    }
    recur__carver carver = { .base = (unsigned char *)place };
    recur__prepack made = carve(layer, &carver);
    made.next = place->next;
    made.bytes = place->bytes;
    made.reserved = reserve;
    *place = made;
    return place;
}

/* Whether a record of the layer is among the newest ones. */
static bool waits(const recur_tape *tape, const recur_layer *layer)
{
    const recur__record *record = tape->newest;
    for (int i = 1; record && record->layer != layer->serial; i++)
        record = i < NEWEST ? record->older : NULL;
    return record;
}

recur__prepack *recur__prepack_for_record(recur_tape *tape, const recur_layer *layer, size_t bytes,
                                          bool *failed)
{
    recur__prepack *prepack = recur__prepack_of(tape, layer);
    const bool reserved = prepack && prepack->reserved;
    if (bytes == 0 || !(reserved || waits(tape, layer))) return NULL;
    if (!tape->reserved) prepack = recur__prepack_reserve(tape, layer, bytes, false);
    *failed = !prepack && !tape->reserved;
    return prepack;
}

void recur__prepack_discard(recur_tape *tape)
{
    for (recur__prepack *p = tape->prepack; p; p = p->next) {
        p->waiting = 0;
        p->deferred.rows = 0;
        p->filled = false;
        p->reserved = false;
    }
}

void recur__prepack_release(recur_tape *tape)
{
    while (tape->prepack) drop(tape, &tape->prepack);
}
