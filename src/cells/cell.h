/* cell.h - what a kind of recurrence is: a table. A new kind is one new file and one line in
 * cells.h.
 *
 * Per packed row a cell has SLOTS blocks of H floats. They begin as pre-activations, hold after the
 * step whatever backward needs, and after backward the gradients of the pre-activations. A step has
 * one phase, or two (GRU with the reset before the product):
 *
 *     phase:  accumulators = init + W x + U s          products, in tiles of rows × units
 *             pointwise part of the cell               on the same tile, while it is in registers
 *
 * s is h in the first phase, in the second the vector u that the first one left behind. Cells hold
 * equations only; the tiles around them are in drive.c; the walk over time is in layers/, which
 * never knows a gate. */
#ifndef RECUR__CELL_H
#define RECUR__CELL_H

#include "base/base.h"

enum { RECUR__STATES = 2, RECUR__PHASES = 2, RECUR__EXTRAS = 2 }; /* the most of any kind */

/* What the options of a layer change in the equations of its kind; a layer without any has none,
 * and its cell runs plain. */
typedef struct recur__cell_options {
    int32_t gate, activation, output; /* RECUR_ACTIVATION_*, never 0 */
    bool update_new;                  /* GRU: z weighs the new state */
    bool c_differs; /* c' is not what the kind's equation gives, but bounded or in part the old c */
    float preactivation_clip, cell_clip; /* 0: no bound */
    int32_t modules;                     /* clockwork; else 0 */
    int32_t period[RECUR_MOST_MODULES];
} recur__cell_options;

/* Parameters of a kind beside W, U and biases: vectors of H numbers, in one tensor. */
typedef struct recur__extra {
    const char *name; /* "weight_peephole" */
    int vectors;
    bool ones; /* they start as ones; else as weights do if called so, or as zeros */
} recur__extra;

/* Which blocks of H rows of W and U a phase adds to which slots. Its accumulators are slots
 * first_slot to first_slot + accumulators - 1. Gate x_first + i of W goes to accumulator i; gate
 * h_first + i of U to accumulator i if i < shared, else to the last ones. */
typedef struct recur__phase {
    int first_block, accumulators;
    int x_first, x_gates;
    int h_first, h_gates, shared;
} recur__phase;

/* The slot to which gate h_first + i of U goes. */
static inline int recur__h_block(const recur__phase *p, int i)
{
    return p->first_block + (i < p->shared ? i : i + p->accumulators - p->h_gates);
}

/* The rows of one step, forward. Panels are those of layers/panels.h. */
typedef struct recur__step {
    int64_t rows, H, K;  /* K: numbers in a row of s */
    bool single_row;     /* the step has one row in all, not one in this thread's share: it may be
                       summed in     another order */
    bool units_reversed; /* the last units first: in every other step, so that it begins with the
                    panels still in the cache */
    const recur__cell_options *cell_options;   /* NULL: plain */
    const float *extra;                        /* [E][H] parameters of the kind's own */
    const float *zoneout_share[RECUR__STATES]; /* [rows][H] share of the state before that stays
                                         (zoneout); NULL: none */
    const float *init; /* [..][S*H], row r at init + (ids ? ids[r] : r) * ld_init */
    int64_t ld_init;
    const int32_t *ids;
    const float *x, *W; /* [rows][in], panels; in = 0: W x is in init already */
    int64_t ldx, in;
    const float *s, *U; /* [rows][K], panels; U NULL: s is zero */
    int64_t lds;
    const float *h, *c; /* [rows][H] state before */
    int64_t ldh;        /* of h; rows of c are H apart */
    float *gate_blocks; /* [rows][S*H] what backward needs; NULL: not wanted, but not for cells that
                     need_slots */
    int64_t ld_gate_blocks; /* S*H */
    float *u;               /* [rows][H] phase 0 of two: out */
    float *y, *c_after;     /* [rows][..] state after */
    int64_t ldy;
} recur__step;

/* The rows of one step, backward. */
typedef struct recur__step_backward {
    int64_t rows, H;
    bool single_row, units_reversed;
    const recur__cell_options *cell_options; /* NULL: plain */
    const float *extra;                      /* [E][H] */
    float *d_extra;                          /* [E][H] adds up; NULL: not wanted */
    const float *zoneout_share[RECUR__STATES];
    const float *mask;    /* [rows][H] of what came back through U, or NULL */
    float *dh_total;      /* [rows][H] gradient of h after the step: out; NULL: not wanted */
    float *room;          /* [(S+2)*H] of a cell that needs_slots */
    const float *dA, *Ut; /* [rows][S*H], panels: dA U comes in as dh, in phase 0 of two as du; dA
                             NULL: nothing comes */
    int64_t first,
        units;          /* units of each gate in dA that count: those before and behind are zero */
    float *gate_blocks; /* [rows][S*H] as forward left them in, gradients out */
    const float *h, *c; /* [rows][..] state before the step */
    int64_t ldh;
    const float *c_after; /* [rows][H] */
    const float *dy;      /* [rows][..] adds to dh; NULL: zeros */
    int64_t lddy;
    float *dh, *dc; /* [rows][H] gradients of the state after in; before out, but for what comes
                       back through U */
} recur__step_backward;

typedef struct recur__cell {
    int32_t kind;     /* RECUR_CELL_* */
    const char *name; /* for messages and recur_layer_info.type */
    int gates, gate_blocks, states, phases;
    int forget_gate; /* the gate that keeps the state, whose bias RECUR_INIT_FORGET_BIAS sets, or -1
                      */
    bool needs_gate_blocks; /* looks at whole rows, after the products: slots are there in inference
                               too */
    bool always_modified;
    int32_t activation; /* of the candidate, where it can be chosen; else 0 */
    recur__extra extra[RECUR__EXTRAS];
    int width, wide; /* floats of a vector; vectors of units in a tile where a phase has one
                        accumulator, and in backward */
    recur__phase phase[RECUR__PHASES];
    void (*forward[RECUR__PHASES])(const recur__step *step);
    void (*backward[RECUR__PHASES])(
        const recur__step_backward *step); /* phase 1 is run before phase 0 */
} recur__cell;

/* Numbers of a vector of the units from j on, in panels of phases with several accumulators: the
 * last ones may have half as many lanes. */
static inline int64_t recur__lanes(int64_t width, int64_t H, int64_t j)
{
    return width == 16 && j > 0 && H - j <= 8 ? 8 : width;
}

/* All vectors of a kind's own parameters. */
static inline int64_t recur__extra_vectors(const recur__cell *cell)
{
    int64_t vectors = 0;
    for (int i = 0; i < RECUR__EXTRAS; i++) vectors += cell->extra[i].vectors;
    return vectors;
}

/* The row of a kind for the instruction set of a context (NULL: the default one), with vectors that
 * suit H units in batches or, if it streams, row by row; NULL for an unknown kind. */
const recur__cell *recur__cell_of(const recur_context *ctx, int32_t kind, int64_t H, bool streams);

/* The kind of a name, 0 for an unknown one. */
int32_t recur__cell_called(const char *name);

#endif
