/* masks.c - recurrent dropout (Gal and Ghahramani 2016) and zoneout (Krueger 2017). Masks are
 * functions of the pass's key, the layer and direction, and the sequence or packed row; backward
 * makes them again. */
#include "recurrent/recurrent.h"

enum {
    RECURRENT = 1 << 20,
    ZONE = 2 << 20
}; /* keys apart from those of dropout between layers, which are small */

static double zoneout(const recur_layer *layer, int s)
{
    const recur_recurrent_options *o = &layer->spec.options;
    return s == 0 ? o->zoneout_hidden : o->zoneout_cell;
}

void recur__carve_masks(const recur__walk *w, const recur__shape *shape,
                        recur__workspace *workspace, recur__masks *out)
{
    const bool recurrent = shape->dropout && w->layer->spec.options.recurrent_dropout > 0;
    const int64_t BP = recur__times(w->B, w->P);
    out->recurrent = recur__scratch(workspace, recurrent ? BP : 0, sizeof(float));
    out->masked_h = recur__scratch(workspace, recurrent ? BP : 0, sizeof(float));
    for (int s = 0; s < w->cell->states; s++)
        out->zoneout_share[s] = recur__scratch(
            workspace, zoneout(w->layer, s) > 0 ? recur__times(w->B, w->width[s]) : 0,
            sizeof(float));
}

/* n numbers that are 0 with probability p, else 1 / (1 - p). */
static void draw(const recur__walk *w, double p, uint64_t key, int64_t n, float *mask)
{
    for (int64_t j = 0; j < n; j++) mask[j] = p < 1 ? 1 : 0;
    if (p < 1) w->pass->kernels->elementwise->dropout(n, 0, p, key, mask, mask);
}

const float *recur__drop_between(const recur__walk *w, int64_t l, const float *x, float *to)
{
    if (l == 0 || !to) return x;
    const uint64_t key = recur_random(w->pass->key, (uint64_t)l);
    const int64_t DP = w->D * w->P, first = w->pass->first_row * DP;
    w->pass->kernels->elementwise->dropout(w->N * DP, first, w->layer->spec.dropout, key, x, to);
    return to;
}

void recur__fill_recurrent_mask(const recur__walk *w, int64_t line, const recur__masks *masks)
{
    const uint64_t key = recur_random(w->pass->key, (uint64_t)(RECURRENT + line));
    for (int64_t p = 0; p < w->B; p++) {
        const int64_t b = w->packed->in_order ? p : w->packed->order[p];
        draw(w, w->layer->spec.options.recurrent_dropout, recur_random(key, (uint64_t)b), w->P,
             masks->recurrent + p * w->P);
    }
}

void recur__fill_zoneout(const recur__walk *w, int64_t line, int64_t start, recur__slice rows,
                         const recur__masks *masks)
{
    for (int s = 0; s < w->cell->states; s++) {
        if (!masks->zoneout_share[s]) continue;
        const int64_t width = w->width[s];
        const double p = zoneout(w->layer, s);
        const uint64_t key = recur_random(w->pass->key, (uint64_t)(ZONE + 2 * line + s));
        const bool drawn = w->pass->shape.dropout;
        for (int64_t r = rows.from; r < rows.to; r++) {
            float *row = masks->zoneout_share[s] + r * width;
            const int64_t of_whole = w->pass->first_row + start + r;
            if (drawn) draw(w, p, recur_random(key, (uint64_t)of_whole), width, row);
            for (int64_t j = 0; j < width; j++) {
                const float old_stays = drawn && row[j] > 0 ? 0 : 1;
                row[j] = drawn ? old_stays : (float)p;
            }
        }
    }
}

void recur__fill_zoneout_stream(const recur_layer *layer, int64_t B, float *const share[])
{
    const int64_t width[RECUR__STATES] = { recur__output_width(layer), layer->spec.hidden_size };
    for (int s = 0; s < RECUR__STATES; s++)
        for (int64_t e = 0; share[s] && e < B * width[s]; e++)
            share[s][e] = (float)zoneout(layer, s);
}
