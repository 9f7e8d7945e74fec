/* gru.c - gated recurrent unit with the reset after the product, as PyTorch, cuDNN and Keras have
 * it.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)
 *   m = U_n h + b_hn               n = tanh(W_n x + b_in + r m)
 *   h' = (1 - z) n + z h
 *
 * Slots r, z, n, m: the first three take W x, while U h goes to r, z and m.
 * backward: da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)   dm = da_n r   da_r = da_n m r
 * (1-r)   dh = dh' z */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 4, STATES = 1 };

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf r = gate(f, k[0]), z = gate(f, k[1]), n = candidate(f, k[2] + r * k[3]);
    k[0] = r, k[1] = z, k[2] = n;
    s[0] = n + kept(f, z) * (s[0] - n);
}

INLINE void backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    const vf r = k[0], z = k[1], n = k[2], m = k[3], h = p[0], dh = d[0];
    const vf keep = kept(f, z), da_n = dh * (1.0f - keep) * candidate_slope(f, n);
    k[0] = da_n * m * gate_slope(f, r);
    k[1] = dh * (h - n) * kept_slope(f, z);
    k[2] = da_n;
    k[3] = da_n * r;
    d[0] = dh * keep;
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 4, .x_gates = 3, .h_gates = 3, .shared = 2 \
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

const recur__cell RECUR__PER_ISA(gru) = {
    .kind = RECUR_CELL_GRU,
    .name = "gru",
    .gates = 3,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = 1,
    .activation = RECUR_ACTIVATION_TANH,
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
