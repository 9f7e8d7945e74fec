/* rnn_tanh.c - h' = tanh(W x + b_ih + U h + b_hh); Elman 1990.
 *
 * backward: da = dh (1 - h'²), with h' kept in the gate block. */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    s[0] = k[0] = candidate(f, k[0]);
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    k[0] = d[0] * candidate_slope(f, k[0]);
    d[0] = v_set(0);
}

#define NAME  rnn_tanh
#define PHASE (1, 1, 1, 1)
#define ROW                                                     \
    .kind = RECUR_CELL_RNN_TANH, .options = RECUR__RNN_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = -1
#include "cells/gated.inc"
