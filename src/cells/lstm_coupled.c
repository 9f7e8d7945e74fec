/* lstm_coupled.c - LSTM that forgets as much as it takes in, i = 1 - f; Greff 2017 (CIFG), ONNX
 * input_forget.
 *
 *   f = σ(W_f x + U_f h + b_f)   g = tanh(W_g x + U_g h + b_g)   o = σ(W_o x + U_o h + b_o)
 *   c' = f c + (1 - f) g         h' = o tanh(c')
 *
 * backward: dc' += dh' o (1 - tanh²(c'))   dc = dc' f
 *           da_f = dc' (c - g) f (1-f)   da_g = dc' (1-f) (1-g²)   da_o = dh' tanh(c') o (1-o) */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 3, STATES = 2 };

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf f = gate(m, k[0]), g = candidate(m, k[1]), o = gate(m, k[2]);
    const vf c = bounded_cell(m, g + f * (s[1] - g));
    k[0] = f, k[1] = g, k[2] = o;
    s[0] = o * output(m, c), s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    const vf f = k[0], g = k[1], o = k[2];
    const vf unbounded = m && m->c_differs ? g + f * (p[1] - g) : c,
             y = output(m, bounded_cell(m, unbounded));
    const vf dh = d[0], dc = where_unbounded_cell(m, unbounded, d[1] + dh * o * output_slope(m, y));
    k[0] = dc * (p[1] - g) * gate_slope(m, f);
    k[1] = dc * (1.0f - f) * candidate_slope(m, g);
    k[2] = dh * y * gate_slope(m, o);
    d[0] = v_set(0), d[1] = dc * f;
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 3, .x_gates = 3, .h_gates = 3, .shared = 3 \
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

const recur__cell RECUR__PER_ISA(lstm_coupled) = {
    .kind = RECUR_CELL_LSTM_COUPLED,
    .name = "lstm_coupled",
    .gates = 3,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = 0,
    .activation = RECUR_ACTIVATION_TANH,
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
