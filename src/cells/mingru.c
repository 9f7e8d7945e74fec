/* mingru.c - minimal GRU, whose gates see x only; Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024.
 *
 *   z = σ(W_z x + b_z)   n = W_n x + b_n   h' = (1 - z) h + z n
 *
 * backward:
 *
 *   da_z = dh' (n - h) z (1-z)   da_n = dh' z   dh = dh' (1 - z) */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf z = gate(f, k[0]), n = free_candidate(f, k[1]);
    k[0] = z;
    k[1] = n;
    s[0] += z * (n - s[0]);
}

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf z = k[0], n = k[1], h = a->before[0], dh = d[0];
    k[0] = dh * (n - h) * gate_slope(f, z);
    k[1] = through_free_candidate(f, n, dh * z);
    d[0] = dh * (1.0f - z);
}

#define NAME  mingru
#define PHASE (2, 2, 0, 0)
#define ROW                                                                                \
    .kind = RECUR_CELL_MINGRU, .activation = RECUR_ACTIVATION_IDENTITY, .forget_gate = -1, \
    .options = RECUR__DIAGONAL_OPTIONS
#include "cells/gated.inc"
