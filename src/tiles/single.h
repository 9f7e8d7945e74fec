/* single.h - the step of a row alone, which a stream has nothing else of. All kinds have one for
 * each phase (tiles.c). Plain kinds with gates also have their own, in which the equations follow
 * the products without a call between them (cells/gated.inc).
 *
 * A tile of one row has too few accumulators to hide the latency of their sums. So two groups of
 * units go through k together, as far as there are two whole ones. Every sum is that of a tile of
 * many rows, in the same order: a row alone gives the same bits as in a batch. */
#ifndef RECUR__SINGLE_H
#define RECUR__SINGLE_H

#include "tiles/tile.h"

/* What is known to the compiler of a step of G groups with NV vectors of units each. */
typedef struct single {
    int G, NV;
    bool half;    /* panels have half vectors */
    bool fetches; /* panels do not stay in the second cache: numbers ahead are called for */
    recur__phase phase;
} single;

/* Vectors of units in a group. */
INLINE int wide_of(const recur__phase p) { return p.accumulators > 1 ? 1 : WIDE; }

/* The panels of W or U: of each group [n][V] vectors. Vectors from `shared` on go to accumulators
 * `shift` further. */
typedef struct single_panels {
    int V, shared, shift;
    const float *at;
    int64_t n, apart; /* numbers from one group to the next */
} single_panels;

/* Numbers of a panel between what is called for and what is multiplied. */
enum { AHEAD = 384, LINE = 16 };

/* acc[g][v] += a panel[g][v] for one k */
INLINE void add_single(const single s, const single_panels m, va acc[][ACCUMULATORS], va a,
                       const float *panel)
{
    const int lanes = s.half ? VW / 2 : VW;
    for (int g = 0; s.fetches && g < s.G; g++)
        for (int v = 0; v < m.V * VW; v += LINE)
            __builtin_prefetch(panel + g * m.apart + AHEAD + v, 0, 3);
    UNROLL for (int g = 0; g < s.G; g++)
    {
        UNROLL for (int v = 0; v < m.V; v++)
        {
            const float *w = panel + g * m.apart + v * lanes;
            acc[g][v < m.shared ? v : v + m.shift] += a * (s.half ? v_load_half(w) : v_load(w));
        }
    }
}

/* The same for all k. With BROADCAST4 numbers of a are read four at a time. */
INLINE void multiply_single(const single s, const single_panels m, va acc[][ACCUMULATORS],
                            const float *a)
{
    const int64_t ld = m.V * (s.half ? VW / 2 : VW);
    const float *panel = m.at;
    int64_t k = 0;
    for (; BROADCAST4 && k + 4 <= m.n; k += 4, panel += 4 * ld) {
        const vf four = v_broadcast4(a + k);
        add_single(s, m, acc, V_SPREAD(four, 0), panel);
        add_single(s, m, acc, V_SPREAD(four, 1), panel + ld);
        add_single(s, m, acc, V_SPREAD(four, 2), panel + 2 * ld);
        add_single(s, m, acc, V_SPREAD(four, 3), panel + 3 * ld);
    }
    for (; k < m.n; k++, panel += ld) add_single(s, m, acc, v_set(a[k]), panel);
}

/* The panels of so many gates, from unit j on. */
INLINE single_panels panels_from(const single s, const float *at, int64_t n, int gates, int64_t j)
{
    return (single_panels){
        .V = gates * s.NV, .at = at + j * n * gates, .n = n, .apart = n * gates * s.NV * VW
    };
}

/* The groups from unit j on: products, then equations. */
INLINE void forward_single_groups(const single s, const recur__step *a, int64_t j,
                                  forward_finish *finish)
{
    const recur__phase p = s.phase;
    const int A = p.accumulators, V = A * s.NV;
    const int64_t H = a->H, width = s.NV * VW;
    const float *init = a->init + (a->ids ? a->ids[0] * a->ld_init : 0) + p.first_block * H + j;
    va acc[2][ACCUMULATORS];
    tile_row number[2];
    UNROLL for (int g = 0; g < s.G; g++, init += width)
    {
        const int64_t left = H - j - g * width;
        UNROLL for (int v = 0; v < V; v++)
            acc[g][v] = A > 1 ? v_load_part(init + v * H, left)
                              : v_load_part(init + v * VW, left - v * VW);
    }
    if (a->in) {
        single_panels W = panels_from(s, a->W, a->in, p.x_gates, j);
        W.shared = V;
        multiply_single(s, W, acc, a->x);
    }
    UNROLL for (int v = 0; v < V; v++) acc[0][v] = ROUNDED(acc[0][v]);
    if (a->U) {
        single_panels U = panels_from(s, a->U, a->K, p.h_gates, j);
        U.shared = p.shared * s.NV;
        U.shift = (A - p.h_gates) * s.NV;
        multiply_single(s, U, acc, a->s);
    }
    UNROLL for (int g = 0; g < s.G; g++)
    {
        UNROLL for (int v = 0; v < V; v++) v_store(&number[g][v * VW], (vf)acc[g][v]);
    }
    UNROLL for (int g = 0; g < s.G; g++)
    {
        const tile t = { .number = number + g,
                         .unit = j + g * width,
                         .rows = 1,
                         .vectors = s.NV,
                         .whole = g < s.G - 1 };
        finish(a, &t);
    }
}

/* One group, whole or not. */
INLINE void forward_single_group(const recur__phase p, const recur__step *a, int64_t j,
                                 forward_finish *finish)
{
    const int64_t left = a->H - j;
    if (HALVES && p.accumulators > 1 && recur__lanes(VW, a->H, j) < VW)
        forward_single_groups((single){ .G = 1, .NV = 1, .half = true, .phase = p }, a, j, finish);
    else if (WIDE == 1 || p.accumulators > 1 || left <= VW)
        forward_single_groups((single){ .G = 1, .NV = 1, .phase = p }, a, j, finish);
    else if (left <= 2 * VW)
        forward_single_groups((single){ .G = 1, .NV = 2, .phase = p }, a, j, finish);
    else if (left <= 3 * VW)
        forward_single_groups((single){ .G = 1, .NV = 3, .phase = p }, a, j, finish);
    else
        forward_single_groups((single){ .G = 1, .NV = 4, .phase = p }, a, j, finish);
}

/* What runs a pair of groups from unit j on, the same while it fetches, and one group. */
typedef void single_part(const recur__phase *p, const recur__step *a, int64_t j,
                         forward_finish *finish);
typedef struct single_parts {
    single_part *pair, *fetching_pair, *group;
} single_parts;

/* They are APART, or compilers keep constants of the equations in the registers of the products.
 * PHASE is that to which p points, as far as the compiler knows it; `does` is finisher, or what
 * takes its place. */
#define SINGLE_PAIR(name, PHASE, does, does_fetch)                                                 \
    APART void name(const recur__phase *p, const recur__step *a, int64_t j,                        \
                    forward_finish *finisher)                                                      \
    {                                                                                              \
        const recur__phase known = PHASE;                                                          \
        (void)p, (void)finisher;                                                                   \
        forward_single_groups(                                                                     \
            (single){ .G = 2, .NV = wide_of(known), .fetches = does_fetch, .phase = known }, a, j, \
            does);                                                                                 \
    }
#define SINGLE_GROUP(name, PHASE, does)                                     \
    APART void name(const recur__phase *p, const recur__step *a, int64_t j, \
                    forward_finish *finisher)                               \
    {                                                                       \
        (void)p, (void)finisher;                                            \
        forward_single_group(PHASE, a, j, does);                            \
    }

/* All units of a row: pairs of groups, then what is left. */
INLINE void forward_single(const recur__phase *p, int64_t wide, const recur__step *a,
                           const single_parts parts, forward_finish *finish)
{
    const int64_t width = wide * VW, H = a->H;
    const int64_t pairs = recur__pairs(VW, wide, H), n = (H + width - 1) / width - pairs;
    if (H <= width) {
        parts.group(p, a, 0, finish);
        return;
    }
    single_part *pair = FETCHES && a->fetches ? parts.fetching_pair : parts.pair;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = a->units_reversed ? n - 1 - i : i;
        if (at < pairs)
            pair(p, a, at * 2 * width, finish);
        else
            parts.group(p, a, (at + pairs) * width, finish);
    }
}

#endif
