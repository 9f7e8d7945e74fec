/* indrnn.c - independently recurrent network; Li, Li, Cook, Zhu, Gao 2018. Each unit sees itself
 * only: the extra parameters u take the place of U.
 *
 *   h' = max(0, W x + u∘h + b)
 *
 * backward, with h' kept in the gate block: da = dh' where h' > 0, else 0   dh = da u   du += da h
 */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    s[0] = k[0] = relu_candidate(f, k[0] + e[0] * s[0]);
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    k[0] = through_relu_candidate(f, k[0], d[0]);
    de[0] = k[0] * a->before[0];
    d[0] = k[0] * a->e[0];
}

#define NAME  indrnn
#define EXTRA 1
#define PHASE (1, 1, 0, 0)
#define ROW                                                                            \
    .kind = RECUR_CELL_INDRNN, .activation = RECUR_ACTIVATION_RELU, .forget_gate = -1, \
    .options = RECUR__RNN_OPTIONS & ~RECUR__OPTION_RECURRENT_DROPOUT,                  \
    .extra = { { "weight_hh", .blocks = EXTRA, .initial = RECUR__INITIAL_ONES } }
#include "cells/gated.inc"
