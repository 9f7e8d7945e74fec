/* rnn_norm.c - h' = tanh(LN(W x + b_ih + U h + b_hh)); Ba, Kiros, Hinton 2016. Own: γ, β.
 *
 * backward: dp = dh' (1 - h'²), then through LN: layernorm.h. */
#include "cells/layernorm.h"

enum { GATE_BLOCKS = 1, STATES = 1, NORMS = 1 };

static void forward_row(const recur__step *a, int64_t r)
{
    const int64_t H = a->H;
    const float *k = a->gate_blocks + r * H;
    const norm s = norm_of(H, k);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf h = candidate(a->cell_options, normalised(s, k, a->extra, a->extra + H, j, n));
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
    const norm s = norm_of(H, k);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf h = candidate(a->cell_options, normalised(s, k, a->extra, a->extra + H, j, n)),
                 d = v_load_part(dh + j, n);
        const vf stays = zoneout_share_at(a->zoneout_share[0], r * H + j, n) * d;
        put(a->room + j, 0, (d - stays) * candidate_slope(a->cell_options, h), n);
        put(dh + j, 0, stays, n);
    }
    norm_backward(H, s, k, a->extra, a->room, k, d_extra, d_extra ? d_extra + H : NULL);
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 1, .x_gates = 1, .h_gates = 1, .shared = 1 \
    }

static const shape SHAPE = {
    .phase = PHASE, .gate_blocks = GATE_BLOCKS, .states = STATES, .last = true
};

APART void finish(const recur__step *a, const tile *t) { store_sums(SHAPE, a, t); }
APART void finish_back(const recur__step_backward *a, const tile *t) { add_to_dh(a, t); }

static void forward_step(const recur__step *step)
{
    tiles_forward(&SHAPE.phase, step, finish);
    for (int64_t r = 0; r < step->rows; r++) forward_row(step, r);
}

static void backward_step(const recur__step_backward *step)
{
    tiles_backward(SHAPE.gate_blocks, &SHAPE.phase, step, finish_back);
    for (int64_t r = 0; r < step->rows; r++) backward_row(step, r);
}

const recur__cell RECUR__PER_ISA(rnn_norm) = {
    .kind = RECUR_CELL_RNN_NORM,
    .name = "rnn_norm",
    .gates = 1,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .needs_gate_blocks = true,
    .always_modified = true,
    .activation = RECUR_ACTIVATION_TANH,
    .extra = { { "weight_norm", NORMS, true }, { "bias_norm", NORMS, false } },
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
