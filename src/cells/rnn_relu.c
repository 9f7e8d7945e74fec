/* rnn_relu.c - h' = max(0, W x + b_ih + U h + b_hh); with U = identity at the start the IRNN of Le,
 * Jaitly, Hinton 2015.
 *
 * backward: da = dh where h' > 0, else 0, with h' kept in the slot. A NaN goes on as NaN. */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 1, STATES = 1 };

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    s[0] = k[0] = f ? candidate(f, k[0]) : v_max(v_set(0), k[0]);
}

INLINE void backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    const bool plain = !f || (f->activation == RECUR_ACTIVATION_RELU && f->preactivation_clip == 0);
    k[0] = plain ? v_where_positive(k[0], d[0]) : d[0] * candidate_slope(f, k[0]);
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

const recur__cell RECUR__PER_ISA(rnn_relu) = {
    .kind = RECUR_CELL_RNN_RELU,
    .name = "rnn_relu",
    .gates = 1,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .activation = RECUR_ACTIVATION_RELU,
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
