/* cell.h - what a kind of recurrence is: a table. A new kind is one new file and one line in
 * list.h.
 *
 * Cells hold equations only. The products around them are in tiles/, the walk over time is in
 * recurrent/, which never knows a gate. */
#ifndef RECUR__CELL_H
#define RECUR__CELL_H

#include "tiles/step.h"

enum { RECUR__EXTRAS = 2 }; /* the most of any kind */

/* What the options of a layer change in the equations of its kind; a layer without any has none,
 * and its cell runs plain. */
struct recur__cell_options {
    int32_t gate, activation, output; /* RECUR_ACTIVATION_*, never 0 */
    bool update_new;                  /* GRU: z weighs the new state */
    bool c_differs; /* c' is not what the kind's equation gives, but bounded or in part the old c */
    float preactivation_clip, cell_clip; /* 0: no bound */
    int32_t modules;                     /* clockwork; else 0 */
    int32_t period[RECUR_MOST_MODULES];
};

/* Parameters of a kind beside W, U and biases: vectors of H numbers, in one tensor. */
typedef struct recur__extra {
    const char *name; /* "weight_peephole" */
    int vectors;
    bool ones; /* they start as ones; else as weights do if called so, or as zeros */
} recur__extra;

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
