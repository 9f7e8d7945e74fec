/* lstm.c - long short-term memory; Hochreiter and Schmidhuber 1997, with the forget gate of Gers
 * 2000.
 *
 *   i = σ(W_i x + U_i h + b_i)     f = σ(W_f x + U_f h + b_f)
 *   g = tanh(W_g x + U_g h + b_g)  o = σ(W_o x + U_o h + b_o)
 *   c' = f c + i g                 h' = o tanh(c')
 *
 * backward, with the gates kept and tanh(c') computed again:
 *
 *   dc' += dh' o (1 - tanh²(c'))   dc = dc' f
 *   da_i = dc' g i (1-i)           da_f = dc' c f (1-f)
 *   da_g = dc' i (1-g²)            da_o = dh' tanh(c') o (1-o) */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf i = gate(m, k[0]), f = gate(m, k[1]), g = candidate(m, k[2]), o = gate(m, k[3]);
    const vf c = bounded_cell(m, f * s[1] + i * g);
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
             y = output(m, bounded_cell(m, unbounded));
    const vf dh = d[0], dc = where_unbounded_cell(m, unbounded, d[1] + dh * o * output_slope(m, y));
    k[0] = dc * g * gate_slope(m, i);
    k[1] = dc * c * gate_slope(m, f);
    k[2] = dc * i * candidate_slope(m, g);
    k[3] = dh * y * gate_slope(m, o);
    d[0] = v_set(0);
    d[1] = dc * f;
}

#define NAME   lstm
#define STATES 2
#define PHASE  (4, 4, 4, 4)
#define ROW                                                                                       \
    .kind = RECUR_CELL_LSTM, .options = RECUR__LSTM_OPTIONS, .activation = RECUR_ACTIVATION_TANH, \
    .forget_gate = 1
#include "cells/gated.inc"
