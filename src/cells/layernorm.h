/* layernorm.h - layer normalisation over the H units of a row; Ba, Kiros, Hinton 2016. Cells that
 * have it let the tiles only make the products, and then go through whole rows. So gate blocks keep
 * the summed inputs as they were before it.
 *
 *   LN(a) = γ â + β      forward and backward of one row: kernels/layernorm.h */
#ifndef RECUR__CELL_LAYERNORM_H
#define RECUR__CELL_LAYERNORM_H

#include "cells/pointwise.h"
#include "kernels/layernorm.h"

#define EPSILON 1e-5

/* The tensors of a kind with so many norms: all γ, all β. */
#define NORM_TENSORS(norms)                                                 \
    {                                                                       \
        { "norm_weight", .blocks = norms, .initial = RECUR__INITIAL_ONES }, \
        {                                                                   \
            "norm_bias", .blocks = norms, .initial = RECUR__INITIAL_ZEROS   \
        }                                                                   \
    }

/* One LN of one row. */
typedef struct norm {
    recur__moments moments;
    const float *a, *gain, *bias;
    int64_t H;
} norm;

INLINE norm norm_of(int64_t H, const float *a, const float *gain, const float *bias)
{
    return (norm){ moments_of(H, EPSILON, a), a, gain, bias, H };
}

/* LN(a) of the units from j on. */
INLINE vf normalised(const norm *s, int64_t j)
{
    const int64_t n = s->H - j;
    return normal(v_load_part(s->a + j, n), s->moments) * v_load_part(s->gain + j, n) +
           v_load_part(s->bias + j, n);
}

/* dp in, da out (which may be a itself); dgain, dbias NULL: not wanted. */
static inline void norm_backward(const norm *s, const float *dp, float *da, float *dgain,
                                 float *dbias)
{
    if (dgain) row_gradient(s->H, s->a, s->moments, dp, dgain, dbias);
    row_backward(s->H, s->a, s->moments, s->gain, dp, da);
}

/* The gate blocks of one row, each with its norm. Extra parameters are first all γ, then all β. */
typedef struct norm_row {
    norm s[MOST_GATE_BLOCKS];
    int gate_blocks;
} norm_row;

INLINE norm_row norm_row_of(int gate_blocks, int norms, int64_t H, const float *k,
                            const float *extra)
{
    norm_row w = { .gate_blocks = gate_blocks };
    for (int i = 0; i < gate_blocks; i++)
        w.s[i] = norm_of(H, k + i * H, extra + i * H, extra + (norms + i) * H);
    return w;
}

/* LN of a gate block, for the units from j on. */
INLINE vf normalised_block(const norm_row *w, int i, int64_t j) { return normalised(&w->s[i], j); }

/* Block by block, dp [gate_blocks][H] in, the gradients of the summed inputs out; dgain NULL: not
 * wanted. */
static inline void norm_row_backward(const norm_row *w, const float *dp, float *gate_blocks,
                                     float *dgain, float *dbias)
{
    for (int i = 0; i < w->gate_blocks; i++) {
        const int64_t at = i * w->s[i].H;
        norm_backward(&w->s[i], dp + at, gate_blocks + at, dgain ? dgain + at : NULL,
                      dgain ? dbias + at : NULL);
    }
}

/* Zoneout of one row: the share of the old state that stays, or 0. */
INLINE vf zoneout_share_at(const float *zoneout_share, int64_t at, int64_t n)
{
    return zoneout_share ? v_load_part(zoneout_share + at, n) : v_set(0);
}

/* A tile forward: sums go to their gate blocks. Backward: what came back is added to dh. */
INLINE void store_sums(const shape sh, const recur__step *a, const tile *t)
{
    const int gate_blocks = sh.phase.accumulators > 1 ? sh.phase.accumulators : t->vectors;
    const int64_t SH = sh.gate_blocks * a->H;
    for (int r = 0; r < t->rows; r++)
        for (int i = 0; i < gate_blocks; i++) {
            const int64_t at = sh.phase.accumulators > 1 ? i * a->H + t->unit : t->unit + i * VW;
            const int64_t left = sh.phase.accumulators > 1 ? a->H - t->unit : a->H - at,
                          row = t->row + r * (t->narrow ? NARROW_ROWS : 1);
            put(a->gate_blocks + row * SH + at, SH, v_load(&t->number[r][i * VW]),
                t->narrow ? NARROW : left);
        }
}

INLINE void add_to_dh(const recur__step_backward *a, const tile *t)
{
    const int64_t H = a->H;
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            const int64_t j = t->unit + v * VW, n = t->narrow ? NARROW : H - j,
                          row = t->row + r * (t->narrow ? NARROW_ROWS : 1), at = row * H + j;
            vf dh = v_load(&t->number[r][v * VW]);
            if (a->mask) dh *= fetch(a->mask + at, H, n);
            dh += fetch(a->dh + at, H, n);
            if (a->dy) dh += fetch(a->dy + row * a->lddy + j, a->lddy, n);
            put(a->dh + at, H, dh, n);
            if (a->dh_total) put(a->dh_total + at, H, dh, n);
        }
}

#endif
