/* gru_norm.c - GRU with the reset after the product, and all summed inputs normalised over the
 * units; Ba, Kiros, Hinton 2016. Its extra parameters are γ and β of r, z, n and m.
 *
 *   r = σ(LN_r(W_r x + U_r h + b_r))   z = σ(LN_z(W_z x + U_z h + b_z))
 *   m = LN_m(U_n h + b_hn)             n = tanh(LN_n(W_n x + b_in) + r m)
 *   h' = (1 - z) n + z h
 *
 * backward as in gru.c, each gradient then through its LN. */
#include "cells/layernorm.h"

enum { GATE_BLOCKS = 4, NORMS = 4 };

static void forward_row(const recur__step *a, int64_t r)
{
    const recur__cell_options *f = a->cell_options;
    const norm_row w = norm_row_of(GATE_BLOCKS, NORMS, a->H,
                                   a->gate_blocks + r * GATE_BLOCKS * a->H, a->extra);
    for (int64_t j = 0; j < a->H; j += VW) {
        const vf reset = gate(f, normalised_block(&w, 0, j)),
                 z = gate(f, normalised_block(&w, 1, j));
        const vf n = candidate(f, normalised_block(&w, 2, j) + reset * normalised_block(&w, 3, j)),
                 h = v_load_part(a->h + r * a->ldh + j, a->H - j);
        const vf after = n + kept(f, z) * (h - n);
        put(a->y + r * a->ldy + j, 0,
            blend(zoneout_share_at(a->zoneout_share[0], r * a->H + j, a->H - j), h, after),
            a->H - j);
    }
}

static void backward_row(const recur__step_backward *a, int64_t r)
{
    const recur__cell_options *f = a->cell_options;
    const int64_t H = a->H;
    const norm_row w = norm_row_of(GATE_BLOCKS, NORMS, H, a->gate_blocks + r * GATE_BLOCKS * H,
                                   a->extra);
    float *dh = a->dh + r * H, *dp = a->row_scratch;
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t left = H - j;
        const vf reset = gate(f, normalised_block(&w, 0, j)),
                 z = gate(f, normalised_block(&w, 1, j)), m = normalised_block(&w, 3, j);
        const vf n = candidate(f, normalised_block(&w, 2, j) + reset * m),
                 h = v_load_part(a->h + r * a->ldh + j, left);
        const vf stays = zoneout_share_at(a->zoneout_share[0], r * H + j, left) *
                         v_load_part(dh + j, left),
                 d = v_load_part(dh + j, left) - stays;
        const vf keep = kept(f, z), da_n = d * (1.0f - keep) * candidate_slope(f, n);
        put(dp + j, 0, da_n * m * gate_slope(f, reset), left);
        put(dp + H + j, 0, d * (h - n) * kept_slope(f, z), left);
        put(dp + 2 * H + j, 0, da_n, left);
        put(dp + 3 * H + j, 0, da_n * reset, left);
        put(dh + j, 0, d * keep + stays, left);
    }
    norm_row_backward(&w, dp, a->gate_blocks + r * GATE_BLOCKS * H, a->d_extra,
                      a->d_extra ? a->d_extra + NORMS * H : NULL);
}

#define NAME  gru_norm
#define PHASE (4, 3, 3, 2)
#define WHOLE_ROWS
#define ROW                                                     \
    .kind = RECUR_CELL_GRU_NORM, .options = RECUR__GRU_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = 1, .extra = NORM_TENSORS(NORMS)
#include "cells/gated.inc"
