/* minlstm.c - minimal LSTM, whose gates see x only, and whose shares of old and new add up to 1;
 * Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024.
 *
 *   f = σ(W_f x + b_f)   i = σ(W_i x + b_i)   n = W_n x + b_n
 *   s = f + i            F = f / s            h' = F h + (1 - F) n
 *
 * Where both gates are 0 as floats, s is held above 0, and h' is n.
 *
 * backward:
 *
 *   D = dh' (h - n)
 *   da_f = D (1-F) f (1-f) / s   da_i = -D F i (1-i) / s   da_n = dh' (1 - F)   dh = dh' F */
#include <float.h>

#include "cells/pointwise.h"

INLINE vf share_of_one(vf f, vf i) { return 1.0f / v_max(v_set(FLT_MIN), f + i); }

INLINE void forward(const recur__cell_options *o, const vf *e, vf *k, vf *s, vf *u)
{
    const vf f = gate(o, k[0]), i = gate(o, k[1]), n = free_candidate(o, k[2]);
    const vf F = f * share_of_one(f, i);
    k[0] = f;
    k[1] = i;
    k[2] = n;
    s[0] = n + F * (s[0] - n);
}

INLINE void backward(const recur__cell_options *o, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf f = k[0], i = k[1], n = k[2], h = a->before[0], dh = d[0];
    const vf one = share_of_one(f, i), F = f * one, D = dh * (h - n);
    k[0] = D * (1.0f - F) * (gate_slope(o, f) * one);
    k[1] = -D * F * (gate_slope(o, i) * one);
    k[2] = through_free_candidate(o, n, dh * (1.0f - F));
    d[0] = dh * F;
}

#define NAME  minlstm
#define PHASE (3, 3, 0, 0)
#define ROW                                                                                \
    .kind = RECUR_CELL_MINLSTM, .activation = RECUR_ACTIVATION_IDENTITY, .forget_gate = 0, \
    .options = RECUR__DIAGONAL_OPTIONS & ~RECUR__OPTION_GATE_ACTIVATION
#include "cells/gated.inc"
