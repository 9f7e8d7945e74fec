/* lstm_coupled.c - LSTM that forgets as much as it takes in, i = 1 - f; Greff 2017 (CIFG), ONNX
 * input_forget.
 *
 *   f = σ(W_f x + U_f h + b_f)   g = tanh(W_g x + U_g h + b_g)   o = σ(W_o x + U_o h + b_o)
 *   c' = f c + (1 - f) g         h' = o tanh(c')
 *
 * backward:
 *
 *   dc' += dh' o (1 - tanh²(c'))   dc = dc' f
 *   da_f = dc' (c - g) f (1-f)     da_g = dc' (1-f) (1-g²)   da_o = dh' tanh(c') o (1-o) */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf f = gate(m, k[0]), g = candidate(m, k[1]), o = gate(m, k[2]);
    const vf c = bounded_cell(m, g + f * (s[1] - g));
    k[0] = f;
    k[1] = g;
    k[2] = o;
    s[0] = o * output(m, c);
    s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf f = k[0], g = k[1], o = k[2], c = a->before[1];
    const vf unbounded = m && m->c_differs ? g + f * (c - g) : a->c_after,
             y = output(m, bounded_cell(m, unbounded));
    const vf dh = d[0], dc = where_unbounded_cell(m, unbounded, d[1] + dh * o * output_slope(m, y));
    k[0] = dc * (c - g) * gate_slope(m, f);
    k[1] = dc * (1.0f - f) * candidate_slope(m, g);
    k[2] = dh * y * gate_slope(m, o);
    d[0] = v_set(0);
    d[1] = dc * f;
}

#define NAME   lstm_coupled
#define STATES 2
#define PHASE  (3, 3, 3, 3)
#define ROW                                                          \
    .kind = RECUR_CELL_LSTM_COUPLED, .options = RECUR__LSTM_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = 0
#include "cells/gated.inc"
