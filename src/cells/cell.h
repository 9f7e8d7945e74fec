/* cell.h - what a kind of recurrence is: a table. A new kind is one new file and one line in cells.h.
 *
 * Per packed row a cell keeps SLOTS blocks of H floats. Before the pointwise part they hold pre-activations, after it whatever
 * backward needs, after backward the gradients of the pre-activations.
 *
 *   - W_ih has one block of H rows per gate, and gate g adds W x + b_ih to slot g.
 *   - W_hh has one block per gate too. A *run* says which blocks add U s + b_hh to which slots, and whether s is h (phase 0) or
 *     the vector u that phase 0 left behind (phase 1: GRU with the reset before the product).
 *   - Each phase ends with a pointwise part, forward and backward.
 *
 * Cells never call GEMM and never loop over time; layers never know a gate. */
#ifndef RECUR__CELL_H
#define RECUR__CELL_H

#include "base/base.h"

enum { RECUR__STATES = 2, RECUR__PHASES = 2, RECUR__RUNS = 3 }; /* the most of any kind */

/* The rows of one step, forward. */
typedef struct recur__rows {
    int64_t rows, H;
    float *slots;                /* [rows][SLOTS*H] */
    float *state[RECUR__STATES]; /* [rows][H] h, c: before in, after out */
    float *u;                    /* [rows][H] phase 0 out, phase 1 unused; NULL with one phase */
    float *y;                    /* [rows][..] h again, ldy floats apart; NULL: not wanted */
    int64_t ldy;
    float *c; /* [rows][H] c again, for backward; NULL: not wanted */
} recur__rows;

/* The rows of one step, backward. */
typedef struct recur__rows_backward {
    int64_t rows, H;
    float *slots;                       /* [rows][SLOTS*H] as forward left them in, gradients of pre-activations out */
    const float *before[RECUR__STATES]; /* [rows][..] h and c before the step, ld_before floats apart */
    int64_t ld_before[RECUR__STATES];
    const float *c;               /* [rows][H] c after the step */
    const float *dy;              /* [rows][..] adds to dh, lddy floats apart; NULL: zeros */
    int64_t lddy;
    float *dstate[RECUR__STATES]; /* [rows][H] d(after) in; d(before) out, but for what comes back through U */
    float *du;                    /* [rows][H] phase 1 unused, phase 0 in */
} recur__rows_backward;

typedef struct recur__run {
    int phase, first_gate, gates, first_slot;
} recur__run;

typedef struct recur__cell {
    int32_t kind;     /* RECUR_CELL_* */
    const char *name; /* for messages and recur_layer_info.type */
    int gates, slots, states, phases;
    int forget_gate; /* the gate whose bias RECUR_INIT_FORGET_BIAS sets, or -1 */
    recur__run run[RECUR__RUNS]; /* unused ones have 0 gates */
    void (*forward[RECUR__PHASES])(const recur__rows *r);
    void (*backward[RECUR__PHASES])(const recur__rows_backward *r); /* phase 1 is run before phase 0 */
} recur__cell;

/* The row of a kind for an instruction set of a context (NULL: the default one); NULL for an unknown kind. */
const recur__cell *recur__cell_of(const recur_context *ctx, int32_t kind);

#endif
