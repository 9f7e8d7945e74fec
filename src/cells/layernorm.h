/* layernorm.h - layer normalisation over the H units of a row; Ba, Kiros, Hinton 2016. Cells that
 * have it let the tiles only make the products, and then go through whole rows: gate blocks keep
 * the summed inputs as they were before it.
 *
 *   LN(a) = γ x̂ + β,  x̂ = (a - mean) / √(variance + ε)
 * backward, from dp = dLN:
 *   dγ += dp x̂   dβ += dp
 *   da = (γ dp - mean(γ dp) - x̂ mean(γ dp x̂)) / √(variance + ε) */
#ifndef RECUR__CELL_LAYERNORM_H
#define RECUR__CELL_LAYERNORM_H

#include "cells/pointwise.h"

#define EPSILON 1e-5

/* The tensors of a kind with so many norms: all γ, all β. */
#define NORM_TENSORS(norms)                                                 \
    {                                                                       \
        { "norm_weight", .blocks = norms, .initial = RECUR__INITIAL_ONES }, \
        {                                                                   \
            "norm_bias", .blocks = norms, .initial = RECUR__INITIAL_ZEROS   \
        }                                                                   \
    }

#if RECUR__SET == RECUR__IS_ref
typedef double number;
INLINE double total(va v) { return v; }
#else
typedef float number;
INLINE double total(va v) { return v_sum(v); }
#endif

typedef struct norm {
    number mean, scale; /* scale = 1 / √(variance + ε) */
} norm;

/* The first n lanes, the others 0. */
INLINE va first(va v, int64_t n)
{
#if RECUR__SET != RECUR__IS_ref
    float lanes[VW];
    if (n >= VW) return v;
    v_store(lanes, v);
    return v_load_n(lanes, n);
#else
    (void)n;
    return v;
#endif
}

INLINE norm norm_of(int64_t H, const float *a)
{
    va sum = v_set(0), squares = v_set(0);
    for (int64_t j = 0; j < H; j += VW) sum += v_load_part(a + j, H - j);
    const double mean = total(sum) / (double)H;
    for (int64_t j = 0; j < H; j += VW) {
        const va off = first(v_load_part(a + j, H - j) - (number)mean, H - j);
        squares += off * off;
    }
    return (norm){ (number)mean, (number)(1 / sqrt(total(squares) / (double)H + EPSILON)) };
}

/* x̂ and LN(a) of the units from j on; n are left. */
INLINE va normal(norm s, const float *a, int64_t j, int64_t n)
{
    return (v_load_part(a + j, n) - s.mean) * s.scale;
}
INLINE vf normalised(norm s, const float *a, const float *gain, const float *bias, int64_t j,
                     int64_t n)
{
    return (vf)(normal(s, a, j, n) * v_load_part(gain + j, n) + v_load_part(bias + j, n));
}

/* dp in, da out (which may be a itself); dgain, dbias NULL: not wanted. */
static inline void norm_backward(int64_t H, norm s, const float *a, const float *gain,
                                 const float *dp, float *da, float *dgain, float *dbias)
{
    va sum = v_set(0), dot = v_set(0);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const va x = normal(s, a, j, n), d = v_load_part(dp + j, n),
                 g = v_load_part(gain + j, n) * d;
        sum += g;
        dot += g * x;
        if (!dgain) continue;
        put(dgain + j, 0, (vf)(v_load_part(dgain + j, n) + d * x), n);
        put(dbias + j, 0, (vf)(v_load_part(dbias + j, n) + d), n);
    }
    const number mean = (number)(total(sum) / (double)H), slant = (number)(total(dot) / (double)H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        put(da + j, 0,
            (vf)((v_load_part(gain + j, n) * v_load_part(dp + j, n) - mean -
                  normal(s, a, j, n) * slant) *
                 s.scale),
            n);
    }
}

/* The slots of one row, each with its norm. Own are first all γ, then all β. */
typedef struct norm_row {
    norm s[MOST_GATE_BLOCKS];
    int gate_blocks;
    const float *k, *gain, *bias;
    int64_t H;
} norm_row;

INLINE norm_row norm_row_of(int gate_blocks, int norms, int64_t H, const float *k,
                            const float *extra)
{
    norm_row w = {
        .gate_blocks = gate_blocks, .k = k, .gain = extra, .bias = extra + norms * H, .H = H
    };
    for (int i = 0; i < gate_blocks; i++) w.s[i] = norm_of(H, k + i * H);
    return w;
}

/* LN of slot i, for the units from j on. */
INLINE vf normalised_block(const norm_row *w, int i, int64_t j)
{
    const int64_t at = i * w->H;
    return normalised(w->s[i], w->k + at, w->gain + at, w->bias + at, j, w->H - j);
}

/* Slot by slot, dp [slots][H] in, the slots' gradients out; dgain NULL: not wanted. */
static inline void norm_row_backward(const norm_row *w, const float *dp, float *gate_blocks,
                                     float *dgain, float *dbias)
{
    for (int i = 0; i < w->gate_blocks; i++) {
        const int64_t at = i * w->H;
        norm_backward(w->H, w->s[i], w->k + at, w->gain + at, dp + at, gate_blocks + at,
                      dgain ? dgain + at : NULL, dgain ? dbias + at : NULL);
    }
}

/* Zoneout of one row: the share of the old state that stays, or 0. */
INLINE vf zoneout_share_at(const float *zoneout_share, int64_t at, int64_t n)
{
    return zoneout_share ? v_load_part(zoneout_share + at, n) : v_set(0);
}

/* A tile forward: sums go to their slots. Backward: what came back is added to dh. */
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
