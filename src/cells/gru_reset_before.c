/* gru_reset_before.c - gated recurrent unit with the reset before the product: Cho 2014, ONNX by
 * default.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)      first phase, which leaves u = r
 * h n = tanh(W_n x + U_n u + b_n)  h' = (1 - z) n + z h            second phase
 *
 * backward:
 *
 *   da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)   dh = dh' z       second phase
 *   du = U_nᵀ da_n                                                          between them
 *   da_r = du h r (1-r)       dh += du r                                    first phase */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    k[0] = gate(f, k[0]);
    k[1] = gate(f, k[1]);
    *u = k[0] * s[0];
}

INLINE void forward_second(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf n = candidate(f, k[2]);
    k[2] = n;
    s[0] = n + kept(f, k[1]) * (s[0] - n);
}

INLINE void backward_second(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d,
                            vf *de, vf *du)
{
    const vf z = k[1], n = k[2], h = a->before[0], dh = d[0], keep = kept(f, z);
    k[1] = dh * (h - n) * kept_slope(f, z);
    k[2] = dh * (1.0f - keep) * candidate_slope(f, n);
    d[0] = dh * keep;
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf r = k[0];
    k[0] = *du * a->before[0] * gate_slope(f, r);
    d[0] += *du * r;
}

#define NAME         gru_reset_before
#define PHASE        (2, 2, 2, 2)
#define SECOND_PHASE (1, 1, 1, 1)
#define ROW                                                             \
    .kind = RECUR_CELL_GRU_RESET_BEFORE, .options = RECUR__GRU_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = 1
#include "cells/gated.inc"
