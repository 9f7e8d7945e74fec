/* pointwise.h - the equations of a cell over a tile of finished products, one vector of units at a
 * time:
 *
 *   forward(f, e, k, s, u)
 *       k[GATE_BLOCKS]  pre-activations in, what backward needs out
 *       s[STATES]       state before the step in, after it out
 *       u               out, for the second phase
 *   backward(f, a, k, d, de, du)
 *       k[GATE_BLOCKS]  as forward left them in, gradients of the pre-activations out
 *       d[STATES]       gradients of the state after the step in, before it out
 *       de[EXTRA]       gradients of e, out
 *       du              in, for the first of two phases
 *
 * f is what options change, or NULL: activations.h. e are the kind's own parameters. What options
 * do around the equations (zoneout, masks, a trace) is done here, for every kind alike. */
#ifndef RECUR__POINTWISE_H
#define RECUR__POINTWISE_H

#include "cells/activations.h"
#include "tiles/tiles.h"

enum { MOST_GATE_BLOCKS = 8, MOST_EXTRAS = 8 };

#pragma GCC diagnostic ignored "-Wunused-parameter" /* equations take what any kind needs */

/* What the equations of a kind look at on their way back, beside the gate blocks. */
typedef struct backward_inputs {
    vf e[MOST_EXTRAS];        /* the kind's own parameters */
    vf before[RECUR__STATES]; /* state before the step */
    vf c_after;               /* the second state after it */
} backward_inputs;

typedef void forward_part(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u);
typedef void backward_part(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d,
                           vf *de, vf *du);

/* What is fixed at compile time for one phase of one cell. */
typedef struct shape {
    recur__phase phase;
    int gate_blocks, states, extra; /* extra: vectors of the kind's own parameters */
    bool last;                      /* this phase gives h; in backward it takes dh */
    bool two;                       /* the cell has two phases */
} shape;

/* What the unit j has of its own parameters: the same for all rows. */
INLINE void fetch_extra(int extra, const float *from, int64_t j, int64_t H, int64_t n, vf *e)
{
    UNROLL for (int i = 0; i < extra; i++) e[i] = fetch(from + j + i * H, 0, n);
}

/* to[0..n) += v; of rows of 4 units all rows */
INLINE void add_to(float *to, vf v, int64_t n)
{
    if (n == VW) {
        v_store(to, v_load(to) + v);
        return;
    }
    float lanes[VW];
    v_store(lanes, v);
    for (int64_t i = 0; i < (n == NARROW || n > VW ? VW : n); i++)
        to[n == NARROW ? i % 4 : i] += lanes[i];
}

/* A vector of units of a row, or of units of rows: n lanes from unit j of row r on, and the sums
 * of their products. */
typedef struct units {
    const float *sums;
    int64_t r, j, n;
} units;

/* ---- forward -------------------------------------------------------------------------------- */

/* share of a, the rest of b; shares of 0 and 1 are exact */
INLINE vf blend(vf share, vf a, vf b) { return share * a + (1.0f - share) * b; }

/* Zoneout: a share of the old state stays. */
INLINE void zone_out(const recur__step *a, int states, int64_t at, int64_t n, const vf *old, vf *s)
{
    UNROLL for (int i = 0; i < states; i++)
    {
        if (a->zoneout_share[i])
            s[i] = blend(fetch(a->zoneout_share[i] + at, a->H, n), old[i], s[i]);
    }
}

INLINE void finish_units(const shape sh, const recur__step *a, const recur__cell_options *f,
                         forward_part *part, const units q)
{
    const int64_t H = a->H, SH = sh.gate_blocks * H, r = q.r, j = q.j, n = q.n;
    float *row = a->gate_blocks ? a->gate_blocks + r * SH + j : NULL;
    vf k[MOST_GATE_BLOCKS], s[RECUR__STATES], old[RECUR__STATES], e[MOST_EXTRAS], u = v_set(0);
    UNROLL for (int i = 0; i < sh.gate_blocks; i++)
    {
        const int sum = i - sh.phase.first_block;
        if (sum >= 0 && sum < sh.phase.accumulators)
            k[i] = v_load(q.sums + sum * VW);
        else if (sh.two && sh.last) /* as the first phase left it */
            k[i] = fetch(row + i * H, SH, n);
        else
            k[i] = v_set(0);
    }
    fetch_extra(sh.extra, a->extra, j, H, n, e);
    old[0] = s[0] = fetch(a->h + r * a->ldh + j, a->ldh, n);
    if (sh.states > 1) old[1] = s[1] = fetch(a->c + r * H + j, H, n);
    part(f, e, k, s, &u);
    if (f && sh.last) zone_out(a, sh.states, r * H + j, n, old, s);
    if (row) {
        UNROLL for (int i = 0; i < sh.gate_blocks; i++) put(row + i * H, SH, k[i], n);
    }
    if (sh.two && !sh.last) put(a->u + r * H + j, H, u, n);
    if (!sh.last) return;
    put(a->y + r * a->ldy + j, a->ldy, s[0], n);
    if (sh.states > 1) put(a->c_after + r * H + j, H, s[1], n);
}

INLINE void finish_forward(const shape sh, const recur__step *a, const recur__cell_options *f,
                           forward_part *part, const tile *t)
{
    for (int r = 0; VW > 4 && t->narrow && r < t->rows; r++)
        finish_units(sh, a, f, part, (units){ t->number[r], t->row + r * NARROW_ROWS, 0, NARROW });
    for (int r = 0; !t->narrow && r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            const int64_t j = t->unit + v * VW, left = a->H - j;
            if (t->whole || left >= VW)
                finish_units(sh, a, f, part, (units){ &t->number[r][v * VW], t->row + r, j, VW });
            else
                finish_units(sh, a, f, part, (units){ &t->number[r][v * VW], t->row + r, j, left });
        }
}

/* ---- backward ------------------------------------------------------------------------------- */

/* What came back through U, where h had a mask on its way: through it again. Of two phases the
 * first has the mask on h itself. */
INLINE void unmask(const shape sh, vf mask, vf *in, vf *h)
{
    if (sh.last)
        *in *= mask;
    else
        *h *= mask;
}

INLINE void finish_units_backward(const shape sh, const recur__step_backward *a,
                                  const recur__cell_options *f, backward_part *part, const units q)
{
    const int64_t H = a->H, SH = sh.gate_blocks * H, r = q.r, j = q.j, n = q.n, at = r * H + j;
    float *row = a->gate_blocks + r * SH + j;
    vf k[MOST_GATE_BLOCKS], d[RECUR__STATES], stays[RECUR__STATES], de[MOST_EXTRAS];
    backward_inputs b = { .c_after = v_set(0) };
    vf in = v_load(q.sums);
    const bool masked = f && a->mask;
    const vf mask = masked ? fetch(a->mask + at, H, n) : v_set(1);
    UNROLL for (int i = 0; i < sh.gate_blocks; i++) k[i] = fetch(row + i * H, SH, n);
    fetch_extra(sh.extra, a->extra, j, H, n, b.e);
    b.before[0] = fetch(a->h + r * a->ldh + j, a->ldh, n);
    if (masked) unmask(sh, mask, &in, &b.before[0]);
    d[0] = fetch(a->dh + at, H, n);
    if (sh.last) {
        d[0] += in;
        if (a->dy) d[0] += fetch(a->dy + r * a->lddy + j, a->lddy, n);
        if (f && a->dh_total) put(a->dh_total + at, H, d[0], n);
    }
    if (sh.states > 1) {
        b.before[1] = fetch(a->c + at, H, n);
        b.c_after = fetch(a->c_after + at, H, n);
        d[1] = fetch(a->dc + at, H, n);
    }
    const bool zones_out = f && sh.last && (a->zoneout_share[0] || a->zoneout_share[1]);
    if (zones_out) {
        UNROLL for (int i = 0; i < sh.states; i++)
        {
            stays[i] = v_set(0);
            if (a->zoneout_share[i]) stays[i] = fetch(a->zoneout_share[i] + at, H, n) * d[i];
            d[i] -= stays[i];
        }
    }
    const vf before = d[0];
    if (masked && !sh.last) d[0] = v_set(0);
    UNROLL for (int i = 0; i < sh.extra; i++) de[i] = v_set(0);
    part(f, &b, k, d, de, &in);
    if (masked && !sh.last) d[0] = before + d[0] * mask;
    if (zones_out) {
        UNROLL for (int i = 0; i < sh.states; i++) d[i] += stays[i];
    }
    UNROLL for (int i = 0; i < sh.gate_blocks; i++) put(row + i * H, SH, k[i], n);
    put(a->dh + at, H, d[0], n);
    if (sh.states > 1) put(a->dc + at, H, d[1], n);
    if (!a->d_extra) return;
    UNROLL for (int i = 0; i < sh.extra; i++) add_to(a->d_extra + i * H + j, de[i], n);
}

INLINE void finish_backward(const shape sh, const recur__step_backward *a,
                            const recur__cell_options *f, backward_part *part, const tile *t)
{
    for (int r = 0; VW > 4 && t->narrow && r < t->rows; r++)
        finish_units_backward(sh, a, f, part,
                              (units){ t->number[r], t->row + r * NARROW_ROWS, 0, NARROW });
    for (int r = 0; !t->narrow && r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            const int64_t j = t->unit + v * VW, left = a->H - j;
            if (left >= VW)
                finish_units_backward(sh, a, f, part,
                                      (units){ &t->number[r][v * VW], t->row + r, j, VW });
            else
                finish_units_backward(sh, a, f, part,
                                      (units){ &t->number[r][v * VW], t->row + r, j, left });
        }
}

/* Calls n numbers into the second cache. */
INLINE void call_row(int64_t n, const float *from)
{
    for (int64_t i = 0; VW > 1 && i < n; i += 16) __builtin_prefetch(from + i, 1, 2);
}

/* Of a kind without U, to whose units nothing comes back from others: row by row, as they lie in
 * memory, for nothing but memory holds it up. */
INLINE void sweep_backward(const shape sh, const recur__step_backward *a,
                           const recur__cell_options *f, backward_part *part)
{
    static const float nothing[VW];
    const int64_t SH = sh.gate_blocks * a->H;
    for (int64_t r = 0; r < a->rows; r++) {
        int64_t j = 0;
        call_row(SH, a->gate_blocks + r * SH);
        call_row(a->H, a->h + r * a->ldh);
        if (a->dy) call_row(a->H, a->dy + r * a->lddy);
        for (; j + VW <= a->H; j += VW)
            finish_units_backward(sh, a, f, part, (units){ nothing, r, j, VW });
        if (j < a->H) finish_units_backward(sh, a, f, part, (units){ nothing, r, j, a->H - j });
    }
}

#endif
