/* masks.c - recurrent dropout (Gal and Ghahramani 2016) and zoneout (Krueger 2017). Masks are
 * functions of the pass's key, the layer and direction, and the sequence or packed row; backward
 * makes them again. */
#include "recurrent/recurrent.h"

enum {
    RECURRENT = 1 << 20,
    ZONE = 2 << 20
}; /* keys apart from those of dropout between layers, which are small */

static double zoneout(const recur__walk *w, int s)
{
    const recur_recurrent_options *o = &w->layer->spec.options;
    return s == 0 ? o->zoneout_hidden : o->zoneout_cell;
}

void recur__carve_masks(const recur__walk *w, const recur__shape *shape, recur__room *room,
                        recur__masks *out)
{
    const bool recurrent = shape->dropout && w->layer->spec.options.recurrent_dropout > 0;
    const int64_t BP = recur__times(w->B, w->P);
    out->recurrent = recur__scratch(room, recurrent ? BP : 0, sizeof(float));
    out->masked_h = recur__scratch(room, recurrent ? BP : 0, sizeof(float));
    for (int s = 0; s < w->cell->states; s++)
        out->zoneout_share[s] = recur__scratch(
            room, zoneout(w, s) > 0 ? recur__times(w->B, w->width[s]) : 0, sizeof(float));
}

/* n numbers that are 0 with probability p, else 1 / (1 - p). */
static void draw(const recur__walk *w, double p, uint64_t key, int64_t n, float *mask)
{
    for (int64_t j = 0; j < n; j++) mask[j] = p < 1 ? 1 : 0;
    if (p < 1) w->pass->kernels->elementwise->dropout(n, p, key, mask, mask);
}

void recur__fill_recurrent_mask(const recur__walk *w, int64_t ld, const recur__masks *masks)
{
    if (!masks->recurrent) return;
    const uint64_t key = recur_random(w->pass->key, (uint64_t)(RECURRENT + ld));
    for (int64_t p = 0; p < w->B; p++) {
        const int64_t b = w->packed->in_order ? p : w->packed->order[p];
        draw(w, w->layer->spec.options.recurrent_dropout, recur_random(key, (uint64_t)b), w->P,
             masks->recurrent + p * w->P);
    }
}

void recur__fill_zones(const recur__walk *w, int64_t ld, int64_t start, int64_t from, int64_t to,
                       const recur__masks *masks)
{
    for (int s = 0; s < w->cell->states; s++) {
        if (!masks->zoneout_share[s]) continue;
        const double p = zoneout(w, s);
        const uint64_t key = recur_random(w->pass->key, (uint64_t)(ZONE + 2 * ld + s));
        for (int64_t r = from; r < to; r++) {
            float *row = masks->zoneout_share[s] + r * w->width[s];
            if (w->pass->shape.dropout)
                draw(w, p, recur_random(key, (uint64_t)(start + r)), w->width[s], row);
            for (int64_t j = 0; j < w->width[s]; j++)
                row[j] = !w->pass->shape.dropout ? (float)p : row[j] > 0 ? 0 : 1;
        }
    }
}
