/* lstm_peephole.c - LSTM whose gates see the cell; Gers and Schmidhuber 2000, as in Graves 2013 and
 * ONNX. Own: p_i, p_f, p_o.
 *
 *   i = σ(W_i x + U_i h + p_i c + b_i)   f = σ(W_f x + U_f h + p_f c + b_f)   g = tanh(W_g x + U_g
 * h + b_g) c' = f c + i g                       o = σ(W_o x + U_o h + p_o c' + b_o)  h' = o
 * tanh(c')
 *
 * backward: da_o = dh' tanh(c') o (1-o)   dc' += dh' o (1 - tanh²(c')) + da_o p_o   dc = dc' f +
 * da_i p_i + da_f p_f da_i, da_f, da_g as in lstm.c  dp_i += da_i c   dp_f += da_f c   dp_o += da_o
 * c' */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 4, STATES = 2, EXTRA = 3 };

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf i = gate(m, k[0] + e[0] * s[1]), f = gate(m, k[1] + e[1] * s[1]),
             g = candidate(m, k[2]);
    const vf c = bounded_cell(m, f * s[1] + i * g), o = gate(m, k[3] + e[2] * c);
    k[0] = i, k[1] = f, k[2] = g, k[3] = o;
    s[0] = o * output(m, c), s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    const vf i = k[0], f = k[1], g = k[2], o = k[3];
    const vf unbounded = m && m->c_differs ? f * p[1] + i * g : c,
             masked_h = bounded_cell(m, unbounded), y = output(m, masked_h);
    k[3] = d[0] * y * gate_slope(m, o);
    const vf dc = where_unbounded_cell(m, unbounded,
                                       d[1] + d[0] * o * output_slope(m, y) + k[3] * e[2]);
    k[0] = dc * g * gate_slope(m, i);
    k[1] = dc * p[1] * gate_slope(m, f);
    k[2] = dc * i * candidate_slope(m, g);
    de[0] = k[0] * p[1], de[1] = k[1] * p[1], de[2] = k[3] * masked_h;
    d[0] = v_set(0), d[1] = dc * f + k[0] * e[0] + k[1] * e[1];
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 4, .x_gates = 4, .h_gates = 4, .shared = 4 \
    }

static const shape SHAPE = {
    .phase = PHASE, .gate_blocks = GATE_BLOCKS, .states = STATES, .extra = EXTRA, .last = true
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

const recur__cell RECUR__PER_ISA(lstm_peephole) = {
    .kind = RECUR_CELL_LSTM_PEEPHOLE,
    .name = "lstm_peephole",
    .gates = 4,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = 1,
    .activation = RECUR_ACTIVATION_TANH,
    .extra = { { "weight_peephole", EXTRA, false } },
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
