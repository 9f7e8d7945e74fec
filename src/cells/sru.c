/* sru.c - simple recurrent unit; Lei, Zhang, Wang, Dai, Artzi 2018. Its gates see x, and c of their
 * own unit: v_f and v_r are extra parameters. What h' has of x comes through a matrix, as in the
 * authors' program where inputs and units are not equally many.
 *
 *   n = W_n x + b_n   f = σ(W_f x + v_f∘c + b_f)   r = σ(W_r x + v_r∘c + b_r)   p = W_p x + b_p
 *   c' = f c + (1 - f) n                           h' = r c' + (1 - r) p
 *
 * backward:
 *
 *   da_r = dh' (c' - p) r (1-r)   da_p = dh' (1 - r)   dc' += dh' r
 *   da_f = dc' (c - n) f (1-f)    da_n = dc' (1 - f)
 *   dc = dc' f + da_f v_f + da_r v_r    dv_f += da_f c    dv_r += da_r c */
#include "cells/pointwise.h"

INLINE void forward(const recur__cell_options *m, const vf *e, vf *k, vf *s, vf *u)
{
    const vf n = free_candidate(m, k[0]), p = k[3];
    const vf f = gate(m, k[1] + e[0] * s[1]), r = gate(m, k[2] + e[1] * s[1]);
    const vf c = bounded_cell(m, n + f * (s[1] - n));
    k[0] = n;
    k[1] = f;
    k[2] = r;
    s[0] = p + r * (c - p);
    s[1] = c;
}

INLINE void backward(const recur__cell_options *m, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf n = k[0], f = k[1], r = k[2], p = k[3], c = a->before[1];
    const vf unbounded = n + f * (c - n);
    const vf dh = d[0], dc = where_unbounded_cell(m, unbounded, d[1] + dh * r);
    k[0] = through_free_candidate(m, n, dc * (1.0f - f));
    k[1] = dc * (c - n) * gate_slope(m, f);
    k[2] = dh * (bounded_cell(m, unbounded) - p) * gate_slope(m, r);
    k[3] = dh * (1.0f - r);
    de[0] = k[1] * c;
    de[1] = k[2] * c;
    d[0] = v_set(0);
    d[1] = dc * f + k[1] * a->e[0] + k[2] * a->e[1];
}

#define NAME   sru
#define STATES 2
#define EXTRA  2
#define PHASE  (4, 4, 0, 0)
#define ROW                                                                                    \
    .kind = RECUR_CELL_SRU, .activation = RECUR_ACTIVATION_IDENTITY, .forget_gate = 1,         \
    .options = RECUR__DIAGONAL_OPTIONS | RECUR__OPTION_ZONEOUT_CELL | RECUR__OPTION_CELL_CLIP, \
    .extra = { { "weight_c", .blocks = EXTRA, .initial = RECUR__INITIAL_WEIGHTS } }
#include "cells/gated.inc"
