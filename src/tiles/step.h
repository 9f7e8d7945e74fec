/* step.h - one step of a recurrence as the tiles see it.
 *
 * A step has one phase or two (GRU with the reset before the product has two). A phase is
 *
 *     accumulators = init + W x + U s      products, in tiles of rows × units
 *     pointwise part of the cell           on the same tile, while it is in the cache
 *
 * In the first phase s is h, in the second it is the vector u that the first one left behind.
 *
 * Each row has S gate blocks of H floats. They begin as pre-activations, hold what backward needs
 * after the step, and hold the gradients of the pre-activations after backward. */
#ifndef RECUR__STEP_H
#define RECUR__STEP_H

#include "base/base.h"

/* The most of any kind. */
enum { RECUR__STATES = 2, RECUR__PHASES = 2 };

/* What options change in a cell's equations. Tiles only hand it on: cells/cell.h. */
typedef struct recur__cell_options recur__cell_options;

/* Which blocks of H rows of W and U a phase adds to which gate blocks. */
typedef struct recur__phase {
    /* Its accumulators are gate blocks first_block to first_block + accumulators - 1. */
    int first_block, accumulators;
    /* Gate x_first + i of W goes to accumulator i. */
    int x_first, x_gates;
    /* Gate h_first + i of U goes to accumulator i if i < shared, else to the last ones. */
    int h_first, h_gates, shared;
} recur__phase;

/* The gate block to which gate h_first + i of U goes. */
static inline int recur__h_block(const recur__phase *p, int i)
{
    return p->first_block + (i < p->shared ? i : i + p->accumulators - p->h_gates);
}

/* Numbers of a vector of the units from j on, in panels of phases with several accumulators. The
 * last vector may have half as many lanes. */
static inline int64_t recur__lanes(int64_t width, int64_t H, int64_t j)
{
    return width == 16 && j > 0 && H - j <= 8 ? 8 : width;
}

/* Pairs of groups of `wide` vectors of units, which the step of a row alone takes together: their
 * panels have the same form. Only the last group may have another. */
static inline int64_t recur__pairs(int64_t width, int64_t wide, int64_t H)
{
    const int64_t units = width * wide, groups = (H + units - 1) / units;
    const int64_t j = (groups - 1) * units;
    const bool alike = wide > 1 ? H - j > units - width : recur__lanes(width, H, j) == width;
    return width > 1 ? (groups - !alike) / 2 : 0;
}

/* The rows of one step, forward. Panels are those of recurrent/panels.h. */
typedef struct recur__step {
    /* K: numbers in a row of s */
    int64_t rows, H, K;
    /* The last units come first. Every other step does so: the panels used last are still in the
     * cache. */
    bool units_reversed;
    /* The panels are too large for the second cache: while one is multiplied, the next is fetched.
     */
    bool fetches;
    /* NULL: plain */
    const recur__cell_options *cell_options;
    /* [E][H] parameters of the kind's own, or what it derives from them */
    const float *extra;
    /* [rows][H] share of the state before that stays (zoneout); NULL: none */
    const float *zoneout_share[RECUR__STATES];
    /* [..][S*H], row r at init + (ids ? ids[r] : r) * ld_init */
    const float *init;
    int64_t ld_init;
    const int32_t *ids;
    /* [rows][in], panels; in = 0: W x is in init already */
    const float *x, *W;
    int64_t ldx, in;
    /* [rows][K], panels; U NULL: s is zero, or the phase has no U */
    const float *s, *U;
    int64_t lds;
    /* [rows][H] state before; rows of c are H apart */
    const float *h, *c;
    int64_t ldh;
    /* [rows][S*H] what backward needs; NULL: not wanted. Kinds with needs_gate_blocks and those of
     * two phases always have it. */
    float *gate_blocks;
    int64_t ld_gate_blocks;
    /* [rows][H] phase 0 of two: out */
    float *u;
    /* [rows][..] state after */
    float *y, *c_after;
    int64_t ldy;
} recur__step;

/* The rows of one step, backward. */
typedef struct recur__step_backward {
    int64_t rows, H;
    bool single_row, units_reversed, fetches;
    /* NULL: plain */
    const recur__cell_options *cell_options;
    /* [E][H] */
    const float *extra;
    /* [E][H] adds up; NULL: not wanted */
    float *d_extra;
    const float *zoneout_share[RECUR__STATES];
    /* [rows][H] of what came back through U, or NULL */
    const float *mask;
    /* [rows][H] gradient of h after the step: out; NULL: not wanted */
    float *dh_total;
    /* [(S+2)*H] of a cell that needs_gate_blocks */
    float *row_scratch;
    /* [rows][S*H], panels: dA U comes in as dh, in phase 0 of two as du. dA NULL: nothing comes. */
    const float *dA, *Ut;
    /* Units of each gate in dA that count. Those before and behind are zero. */
    int64_t first, units;
    /* [rows][S*H] as forward left them in, gradients out */
    float *gate_blocks;
    /* [rows][..] state before the step */
    const float *h, *c;
    int64_t ldh;
    /* [rows][H] */
    const float *c_after;
    /* [rows][..] adds to dh; NULL: zeros */
    const float *dy;
    int64_t lddy;
    /* [rows][H] gradients of the state: after the step in; before it out, but for what comes back
     * through U */
    float *dh, *dc;
} recur__step_backward;

#endif
