/* cell.h - what a kind of recurrence is: a row of a table. A new kind is one new file and one line
 * in list.h.
 *
 * Cells hold equations only. The products around them are in tiles/. The walk over time, layers and
 * directions is in recurrent/. It never knows a gate: all it knows of a kind is this row. */
#ifndef RECUR__CELL_H
#define RECUR__CELL_H

#include "tiles/step.h"

/* Tensors of a kind beside those of W, U and biases: the most of any kind. */
enum { RECUR__EXTRAS = 2 };

/* Options of a layer, each of which means something to some kinds only. */
enum {
    RECUR__OPTION_ACTIVATION = 1 << 0,
    RECUR__OPTION_PREACTIVATION_CLIP = 1 << 1,
    RECUR__OPTION_ZONEOUT_HIDDEN = 1 << 2,
    RECUR__OPTION_RECURRENT_DROPOUT = 1 << 3,
    RECUR__OPTION_GATE_ACTIVATION = 1 << 4,
    RECUR__OPTION_UPDATE_NEW = 1 << 5,
    RECUR__OPTION_PROJECTION = 1 << 6,
    RECUR__OPTION_ZONEOUT_CELL = 1 << 7,
    RECUR__OPTION_CELL_CLIP = 1 << 8,
    RECUR__OPTION_OUTPUT_ACTIVATION = 1 << 9,
    RECUR__OPTION_MODULES = 1 << 10,

    /* Those of the families. */
    RECUR__RNN_OPTIONS = RECUR__OPTION_ACTIVATION | RECUR__OPTION_PREACTIVATION_CLIP |
                         RECUR__OPTION_ZONEOUT_HIDDEN | RECUR__OPTION_RECURRENT_DROPOUT,
    RECUR__GRU_OPTIONS = RECUR__RNN_OPTIONS | RECUR__OPTION_GATE_ACTIVATION |
                         RECUR__OPTION_UPDATE_NEW,
    RECUR__LSTM_OPTIONS = RECUR__RNN_OPTIONS | RECUR__OPTION_GATE_ACTIVATION |
                          RECUR__OPTION_PROJECTION | RECUR__OPTION_ZONEOUT_CELL |
                          RECUR__OPTION_CELL_CLIP | RECUR__OPTION_OUTPUT_ACTIVATION,
    /* Of kinds without U. */
    RECUR__DIAGONAL_OPTIONS = RECUR__OPTION_ACTIVATION | RECUR__OPTION_PREACTIVATION_CLIP |
                              RECUR__OPTION_ZONEOUT_HIDDEN | RECUR__OPTION_GATE_ACTIVATION
};

/* What the options of a layer change in the equations of its kind. A layer without any has none,
 * and its cell runs plain. */
struct recur__cell_options {
    /* RECUR_ACTIVATION_*, never 0 */
    int32_t gate, activation, output;
    /* GRU: z weighs the new state. */
    bool update_new;
    /* c' is not what the kind's equation gives, but bounded or in part the old c. */
    bool c_differs;
    /* 0: no bound */
    float preactivation_clip, cell_clip;
    /* clockwork; else 0 */
    int32_t modules;
    int32_t period[RECUR_MOST_MODULES];
};

/* A state that goes from step to step. */
typedef struct recur__cell_state {
    /* The last part of the tensor's name in a recur_state; the learned initial state has a 0 behind
     * it. */
    const char *name;
    /* Numbers in a row. OUTPUT is P, the width of h and y: H, or the projection's. */
    enum { RECUR__WIDTH_OUTPUT, RECUR__WIDTH_HIDDEN } width;
    /* It always begins with zeros, and so is never learned. */
    bool begins_with_zeros;
} recur__cell_state;

/* A tensor of a kind's own parameters, beside W, U and biases. */
typedef struct recur__extra {
    /* "weight_peephole". NULL: no more tensors. */
    const char *name;
    /* It has blocks * H rows. */
    int blocks;
    /* 0: a vector */
    int columns;
    /* What RECUR_INIT_DEFAULT fills it with. WEIGHTS: as W and U. */
    enum { RECUR__INITIAL_WEIGHTS, RECUR__INITIAL_ZEROS, RECUR__INITIAL_ONES } initial;
} recur__extra;

/* ---- the row of a kind -------------------------------------------------------------------------
 *
 * cells/gated.inc makes most of a row out of the equations; ROW of a kind's file gives the rest,
 * which is marked with (ROW) here. Rows are constant. There is one for each instruction set. */
typedef struct recur__cell {
    /* (ROW) RECUR_CELL_*, the value that users give and that files keep. table.c looks for it. */
    int32_t kind;

    /* For messages, model files and recur_layer_info.type: unique, and the same for ever. */
    const char *name;

    /* (ROW) RECUR__OPTION_*: the options that mean something to the equations. create.c refuses all
     * others. An option that is not here needs no code in the kind. Those of the walk are worth a
     * thought: RECURRENT_DROPOUT is a mask on the s of U s, PROJECTION a product behind the step.
     */
    uint32_t options;

    /* (ROW) RECUR_ACTIVATION_* of the candidate (or of an RNN's h) unless the option says another.
     * create.c puts it into the cell options. */
    int32_t activation;

    /* (ROW) The gate that keeps the state, in W's and U's numbers: RECUR_INIT_FORGET_BIAS sets its
     * biases. -1: there is none. */
    int forget_gate;

    /* The cell runs with cell options in any case. Else `forward` gets none for a layer without
     * options, or with those that only the walk knows. */
    bool always_modified;

    /* The step's gate_blocks are there in inference too, and backward has a `row_scratch`: for
     * kinds that look at whole rows after the products. Two phases have gate blocks in any case. */
    bool needs_gate_blocks;

    /* Blocks of H rows of weight_ih and bias_ih: at least 1. */
    int x_gates;

    /* Blocks of H rows of weight_hh and bias_hh. 0: the kind has neither, and its state goes on
     * through the equations alone. */
    int h_gates;

    /* Blocks of H floats that a row has in the record: step.h. A trace shows them. */
    int gate_blocks;

    /* 1 or 2 phases. They share out the gates of W and of U among them, in order. */
    int phases;
    recur__phase phase[RECUR__PHASES];

    /* The states; the first one is h, which is also the output. A second one is c of the step. The
     * walk keeps them, the record has them for each step, a recur_state between calls. */
    int states;
    recur__cell_state state[RECUR__STATES];

    /* (ROW) Tensors of the kind's own. They lie behind each other in a layer's parameters, with the
     * projection before them and the initial states behind. A step sees their beginning as `extra`;
     * of kinds that derive it sees what is derived. */
    recur__extra extra[RECUR__EXTRAS];

    /* (ROW) Optional: makes the vectors that the equations read, [derived][H], out of the options
     * and the extra parameters. The walk calls it once a pass for each layer and direction, and a
     * snapshot once for ever, before any step and on one thread. It must not keep a pointer. */
    int derived;
    void (*derive)(const recur__cell_options *f, int64_t H, const float *extra, float *derived);

    /* (ROW) Optional, of kinds whose extra parameters are derived from: d_extra += what d_derived
     * [derived][H], the sum over all steps, means for them. Called once a backward pass for each
     * layer and direction, and only if gradients of parameters are wanted. */
    void (*derive_backward)(const recur__cell_options *f, int64_t H, const float *extra,
                            const float *d_derived, float *d_extra);

    /* Floats of a vector, and vectors of units in a tile of a phase with one accumulator and in
     * backward. Panels are laid out for them: recurrent/panels.h. */
    int width, wide;

    /* One phase over the rows of a step, which may be any part of the batch: other threads run
     * others at the same time. The walk has filled in all members of the step that step.h does not
     * call optional. Phase 0 is run first; y may be h if a tile has all units of a row. */
    void (*forward[RECUR__PHASES])(const recur__step *step);

    /* The same backward; phase 1 is run before phase 0. Afterwards the gate blocks hold the
     * gradients of the pre-activations. The walk makes of them, for all steps at once, the
     * gradients of W, U, biases and x. With d_extra, or dh before the first step, sums over rows
     * are made here: then all rows of a step come on one thread. */
    void (*backward[RECUR__PHASES])(const recur__step_backward *step);
} recur__cell;

/* Numbers of all extra parameters of one layer and direction. */
static inline int64_t recur__extra_floats(const recur__cell *cell, int64_t H)
{
    int64_t floats = 0;
    for (int i = 0; i < RECUR__EXTRAS; i++) {
        const recur__extra *t = &cell->extra[i];
        floats += t->blocks * H * (t->columns ? t->columns : 1);
    }
    return floats;
}

/* Gates of W that follow each other in the gate blocks too. */
typedef struct recur__run {
    int gate, block, gates;
} recur__run;

/* The gate block to which a gate of W goes. */
static inline int recur__x_block(const recur__cell *cell, int gate)
{
    const recur__phase *p = cell->phase;
    if (cell->phases > 1 && gate >= p[1].x_first) p++;
    return p->first_block + gate - p->x_first;
}

/* The longest run that begins with a gate: so W is multiplied in as few products as possible. It
 * has no gates behind the last one. */
static inline recur__run recur__x_run(const recur__cell *cell, int gate)
{
    recur__run run = { .gate = gate };
    if (gate < cell->x_gates) run.block = recur__x_block(cell, gate);
    while (gate + run.gates < cell->x_gates &&
           recur__x_block(cell, gate + run.gates) == run.block + run.gates)
        run.gates++;
    return run;
}

/* The row of a kind for the instruction set of a context (NULL: the default one), with vectors that
 * suit H units in batches or, if it streams, row by row; NULL: recur__no_cell says why. */
const recur__cell *recur__cell_of(const recur_context *ctx, int32_t kind, int64_t H, bool streams);

/* The kind of a name, 0 for an unknown one. A build may be without it. */
int32_t recur__cell_called(const char *name);

/* Why there is no row of a kind: nobody knows it, or this build was made without it. */
recur_status recur__no_cell(int32_t kind);

#endif
