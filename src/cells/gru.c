/* gru.c - gated recurrent unit with the reset after the product, as PyTorch, cuDNN and Keras have
 * it.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)
 *   m = U_n h + b_hn               n = tanh(W_n x + b_in + r m)
 *   h' = (1 - z) n + z h
 *
 * Gate blocks r, z, n, m: the first three take W x, while U h goes to r, z and m.
 *
 * backward:
 *
 *   da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)
 *   dm = da_n r               da_r = da_n m r (1-r)        dh = dh' z */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf r = gate(f, k[0]), z = gate(f, k[1]), n = candidate(f, k[2] + r * k[3]);
    k[0] = r;
    k[1] = z;
    k[2] = n;
    s[0] = n + kept(f, z) * (s[0] - n);
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf r = k[0], z = k[1], n = k[2], m = k[3], h = a->before[0], dh = d[0];
    const vf keep = kept(f, z), da_n = dh * (1.0f - keep) * candidate_slope(f, n);
    k[0] = da_n * m * gate_slope(f, r);
    k[1] = dh * (h - n) * kept_slope(f, z);
    k[2] = da_n;
    k[3] = da_n * r;
    d[0] = dh * keep;
}

#define NAME  gru
#define PHASE (4, 3, 3, 2)
#define ROW                                                                                     \
    .kind = RECUR_CELL_GRU, .options = RECUR__GRU_OPTIONS, .activation = RECUR_ACTIVATION_TANH, \
    .forget_gate = 1
#include "cells/gated.inc"
