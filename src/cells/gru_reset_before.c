/* gru_reset_before.c - gated recurrent unit with the reset before the product: Cho 2014, ONNX by
 * default.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)      phase 0, which leaves u = r h
 *   n = tanh(W_n x + U_n u + b_n)  h' = (1 - z) n + z h            phase 1
 *
 * backward, phase 1: da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)   dh = dh' z, then du =
 * U_nᵀ da_n phase 0: da_r = du h r (1-r)       dh += du r */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 3, STATES = 1 };

INLINE void reset_forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    k[0] = gate(f, k[0]);
    k[1] = gate(f, k[1]);
    *u = k[0] * s[0];
}

INLINE void update_forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf n = candidate(f, k[2]);
    k[2] = n;
    s[0] = n + kept(f, k[1]) * (s[0] - n);
}

INLINE void update_backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p,
                            vf c, vf *d, vf *du)
{
    const vf z = k[1], n = k[2], h = p[0], dh = d[0], keep = kept(f, z);
    k[1] = dh * (h - n) * kept_slope(f, z);
    k[2] = dh * (1.0f - keep) * candidate_slope(f, n);
    d[0] = dh * keep;
}

INLINE void reset_backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p,
                           vf c, vf *d, vf *du)
{
    const vf r = k[0];
    k[0] = *du * p[0] * gate_slope(f, r);
    d[0] += *du * r;
}

#define RESET                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 2, .x_gates = 2, .h_gates = 2, .shared = 2 \
    }
#define UPDATE                                                                         \
    {                                                                                  \
        .first_block = 2, .accumulators = 1, .x_first = 2, .x_gates = 1, .h_first = 2, \
        .h_gates = 1, .shared = 1                                                      \
    }

static const shape RESET_SHAPE = {
    .phase = RESET, .gate_blocks = GATE_BLOCKS, .states = STATES, .two = true
};
static const shape UPDATE_SHAPE = {
    .phase = UPDATE, .gate_blocks = GATE_BLOCKS, .states = STATES, .two = true, .last = true
};

APART void finish_reset(const recur__step *a, const tile *t)
{
    finish_forward(RESET_SHAPE, a, NULL, reset_forward, t);
}
APART void finish_reset_modified(const recur__step *a, const tile *t)
{
    finish_forward(RESET_SHAPE, a, a->cell_options, reset_forward, t);
}
APART void finish_update(const recur__step *a, const tile *t)
{
    finish_forward(UPDATE_SHAPE, a, NULL, update_forward, t);
}
APART void finish_update_modified(const recur__step *a, const tile *t)
{
    finish_forward(UPDATE_SHAPE, a, a->cell_options, update_forward, t);
}
APART void finish_update_back(const recur__step_backward *a, const tile *t)
{
    finish_backward(UPDATE_SHAPE, a, NULL, update_backward, t);
}
APART void finish_update_back_modified(const recur__step_backward *a, const tile *t)
{
    finish_backward(UPDATE_SHAPE, a, a->cell_options, update_backward, t);
}
APART void finish_reset_back(const recur__step_backward *a, const tile *t)
{
    finish_backward(RESET_SHAPE, a, NULL, reset_backward, t);
}
APART void finish_reset_back_modified(const recur__step_backward *a, const tile *t)
{
    finish_backward(RESET_SHAPE, a, a->cell_options, reset_backward, t);
}

static void reset_step(const recur__step *step)
{
    tiles_forward(&RESET_SHAPE.phase, step,
                  step->cell_options ? finish_reset_modified : finish_reset);
}
static void update_step(const recur__step *step)
{
    tiles_forward(&UPDATE_SHAPE.phase, step,
                  step->cell_options ? finish_update_modified : finish_update);
}
static void update_step_backward(const recur__step_backward *step)
{
    tiles_backward(RESET_SHAPE.gate_blocks, &RESET_SHAPE.phase, step,
                   step->cell_options ? finish_update_back_modified : finish_update_back);
}
static void reset_step_backward(const recur__step_backward *step)
{
    tiles_backward(UPDATE_SHAPE.gate_blocks, &UPDATE_SHAPE.phase, step,
                   step->cell_options ? finish_reset_back_modified : finish_reset_back);
}

const recur__cell RECUR__PER_ISA(gru_reset_before) = {
    .kind = RECUR_CELL_GRU_RESET_BEFORE,
    .name = "gru_reset_before",
    .gates = 3,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 2,
    .forget_gate = 1,
    .activation = RECUR_ACTIVATION_TANH,
    .width = VW,
    .wide = WIDE,
    .phase = { RESET, UPDATE },
    .forward = { reset_step, update_step },
    .backward = { reset_step_backward, update_step_backward },
};
