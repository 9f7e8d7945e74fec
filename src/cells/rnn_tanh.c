/* rnn_tanh.c - h' = tanh(W x + b_ih + U h + b_hh); Elman 1990.
 *
 * backward: da = dh (1 - h'²), with h' kept in the slot. */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 1, STATES = 1 };

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    s[0] = k[0] = candidate(f, k[0]);
}

INLINE void backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    k[0] = d[0] * candidate_slope(f, k[0]);
    d[0] = v_set(0);
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 1, .x_gates = 1, .h_gates = 1, .shared = 1 \
    }

static const shape SHAPE = {
    .phase = PHASE, .gate_blocks = GATE_BLOCKS, .states = STATES, .last = true
};

APART void finish(const recur__step *a, const tile *t)
{
    finish_forward(SHAPE, a, NULL, forward, t);
}
APART void finish_modified(const recur__step *a, const tile *t)
{
    finish_forward(SHAPE, a, a->cell_options, forward, t);
}
APART void finish_back(const recur__step_backward *a, const tile *t)
{
    finish_backward(SHAPE, a, NULL, backward, t);
}
APART void finish_back_modified(const recur__step_backward *a, const tile *t)
{
    finish_backward(SHAPE, a, a->cell_options, backward, t);
}

static void forward_step(const recur__step *step)
{
    tiles_forward(&SHAPE.phase, step, step->cell_options ? finish_modified : finish);
}
static void backward_step(const recur__step_backward *step)
{
    tiles_backward(SHAPE.gate_blocks, &SHAPE.phase, step,
                   step->cell_options ? finish_back_modified : finish_back);
}

const recur__cell RECUR__PER_ISA(rnn_tanh) = {
    .kind = RECUR_CELL_RNN_TANH,
    .name = "rnn_tanh",
    .gates = 1,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .activation = RECUR_ACTIVATION_TANH,
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
