/* qrnn.c - quasi-recurrent network with fo-pooling; Bradbury, Merity, Xiong, Socher 2017. Its
 * windows over time are a convolution before it, or one step.
 *
 *   z = tanh(W_z x + b_z)   f = σ(W_f x + b_f)   o = σ(W_o x + b_o)
 *   c' = f c + (1 - f) z    h' = o c'
 *
 * backward:
 *
 *   dc' += dh' o            dc = dc' f
 *   da_z = dc' (1-f) (1-z²)   da_f = dc' (c - z) f (1-f)   da_o = dh' c' o (1-o) */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf z = candidate(m, k[0]), f = gate(m, k[1]), o = gate(m, k[2]);
    const vf c = bounded_cell(m, z + f * (s[1] - z));
    k[0] = z;
    k[1] = f;
    k[2] = o;
    s[0] = o * c;
    s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf z = k[0], f = k[1], o = k[2], c = a->before[1];
    const vf unbounded = z + f * (c - z);
    const vf dh = d[0], dc = where_unbounded_cell(m, unbounded, d[1] + dh * o);
    k[0] = dc * (1.0f - f) * candidate_slope(m, z);
    k[1] = dc * (c - z) * gate_slope(m, f);
    k[2] = dh * bounded_cell(m, unbounded) * gate_slope(m, o);
    d[0] = v_set(0);
    d[1] = dc * f;
}

#define NAME   qrnn
#define STATES 2
#define PHASE  (3, 3, 0, 0)
#define ROW                                                                         \
    .kind = RECUR_CELL_QRNN, .activation = RECUR_ACTIVATION_TANH, .forget_gate = 1, \
    .options = RECUR__DIAGONAL_OPTIONS | RECUR__OPTION_ZONEOUT_CELL | RECUR__OPTION_CELL_CLIP
#include "cells/gated.inc"
