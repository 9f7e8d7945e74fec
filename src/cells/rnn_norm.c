/* rnn_norm.c - h' = tanh(LN(W x + b_ih + U h + b_hh)); Ba, Kiros, Hinton 2016. Extra parameters: γ,
 * β.
 *
 * backward: dp = dh' (1 - h'²), then through LN: layernorm.h. */
#include "cells/layernorm.h"

enum { NORMS = 1 };

static void forward_row(const recur__step *a, int64_t r)
{
    const int64_t H = a->H;
    const float *k = a->gate_blocks + r * H;
    const norm s = norm_of(H, k, a->extra, a->extra + H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf h = candidate(a->cell_options, normalised(&s, j));
        put(a->y + r * a->ldy + j, 0,
            blend(zoneout_share_at(a->zoneout_share[0], r * H + j, n),
                  v_load_part(a->h + r * a->ldh + j, n), h),
            n);
    }
}

static void backward_row(const recur__step_backward *a, int64_t r)
{
    const int64_t H = a->H;
    float *k = a->gate_blocks + r * H, *dh = a->dh + r * H, *d_extra = a->d_extra;
    const norm s = norm_of(H, k, a->extra, a->extra + H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf h = candidate(a->cell_options, normalised(&s, j)), d = v_load_part(dh + j, n);
        const vf stays = zoneout_share_at(a->zoneout_share[0], r * H + j, n) * d;
        put(a->row_scratch + j, 0, (d - stays) * candidate_slope(a->cell_options, h), n);
        put(dh + j, 0, stays, n);
    }
    norm_backward(&s, a->row_scratch, k, d_extra, d_extra ? d_extra + H : NULL);
}

#define NAME  rnn_norm
#define PHASE (1, 1, 1, 1)
#define WHOLE_ROWS
#define ROW                                                     \
    .kind = RECUR_CELL_RNN_NORM, .options = RECUR__RNN_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = -1, .extra = NORM_TENSORS(NORMS)
#include "cells/gated.inc"
