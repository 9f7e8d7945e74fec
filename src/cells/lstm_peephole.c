/* lstm_peephole.c - LSTM whose gates see the cell; Gers and Schmidhuber 2000, as in Graves 2013 and
 * ONNX. Its extra parameters are p_i, p_f, p_o.
 *
 *   i = σ(W_i x + U_i h + p_i c + b_i)    f = σ(W_f x + U_f h + p_f c + b_f)
 *   g = tanh(W_g x + U_g h + b_g)         o = σ(W_o x + U_o h + p_o c' + b_o)
 *   c' = f c + i g                        h' = o tanh(c')
 *
 * backward, with da_i, da_f, da_g as in lstm.c:
 *
 *   da_o = dh' tanh(c') o (1-o)
 *   dc' += dh' o (1 - tanh²(c')) + da_o p_o
 *   dc = dc' f + da_i p_i + da_f p_f
 *   dp_i += da_i c   dp_f += da_f c   dp_o += da_o c' */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf i = gate(m, k[0] + e[0] * s[1]), f = gate(m, k[1] + e[1] * s[1]),
             g = candidate(m, k[2]);
    const vf c = bounded_cell(m, f * s[1] + i * g), o = gate(m, k[3] + e[2] * c);
    k[0] = i;
    k[1] = f;
    k[2] = g;
    k[3] = o;
    s[0] = o * output(m, c);
    s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf i = k[0], f = k[1], g = k[2], o = k[3], c = a->before[1];
    const vf unbounded = m && m->c_differs ? f * c + i * g : a->c_after,
             c_after = bounded_cell(m, unbounded), y = output(m, c_after);
    k[3] = d[0] * y * gate_slope(m, o);
    const vf dc = where_unbounded_cell(m, unbounded,
                                       d[1] + d[0] * o * output_slope(m, y) + k[3] * a->e[2]);
    k[0] = dc * g * gate_slope(m, i);
    k[1] = dc * c * gate_slope(m, f);
    k[2] = dc * i * candidate_slope(m, g);
    de[0] = k[0] * c;
    de[1] = k[1] * c;
    de[2] = k[3] * c_after;
    d[0] = v_set(0);
    d[1] = dc * f + k[0] * a->e[0] + k[1] * a->e[1];
}

#define NAME   lstm_peephole
#define STATES 2
#define EXTRA  3
#define PHASE  (4, 4, 4, 4)
#define ROW                                                                             \
    .kind = RECUR_CELL_LSTM_PEEPHOLE, .options = RECUR__LSTM_OPTIONS, .forget_gate = 1, \
    .activation = RECUR_ACTIVATION_TANH, .extra = { { "weight_peephole", .blocks = EXTRA } }
#include "cells/gated.inc"
