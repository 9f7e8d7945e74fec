/* rnn_relu.c - h' = max(0, W x + b_ih + U h + b_hh); with U = identity at the start the IRNN of Le,
 * Jaitly, Hinton 2015.
 *
 * backward: da = dh where h' > 0, else 0, with h' kept in the gate block. A NaN goes on as NaN. */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    s[0] = k[0] = relu_candidate(f, k[0]);
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    k[0] = through_relu_candidate(f, k[0], d[0]);
    d[0] = v_set(0);
}

#define NAME  rnn_relu
#define PHASE (1, 1, 1, 1)
#define ROW                                                     \
    .kind = RECUR_CELL_RNN_RELU, .options = RECUR__RNN_OPTIONS, \
    .activation = RECUR_ACTIVATION_RELU, .forget_gate = -1
#include "cells/gated.inc"
