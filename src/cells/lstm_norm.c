/* lstm_norm.c - LSTM with the summed inputs of each gate, and what h sees of c, normalised over the units; Ba, Kiros, Hinton 2016.
 * Own: γ and β of i, f, g, o and c.
 *
 *   i = σ(LN_i(W_i x + U_i h + b_i))  f, o likewise  g = tanh(LN_g(...))
 *   c' = f c + i g                    h' = o tanh(LN_c(c'))
 *
 * backward: y = tanh(q), q = LN_c(c'): dq = dh' o (1-y²), through LN_c to dc', then as in lstm.c, each da through its LN. */
#include "cells/layernorm.h"

enum { SLOTS = 4, STATES = 2, NORMS = 5 };

/* c' as the equation and its bound have it, before zoneout; raw: before the bound. */
INLINE vf cell_of(const recur__form *f, const norm_row *w, const float *c, int64_t j, vf *raw)
{
    const vf i = gate(f, slot_of(w, 0, j)), forget = gate(f, slot_of(w, 1, j)), g = candidate(f, slot_of(w, 2, j));
    *raw = forget * v_load_part(c + j, w->H - j) + i * g;
    return bounded_cell(f, *raw);
}

static void forward_row(const recur__step *a, int64_t r)
{
    const int64_t H = a->H;
    const norm_row w = norm_row_of(SLOTS, NORMS, H, a->slots + r * SLOTS * H, a->own);
    const float *c = a->c + r * H;
    float *y = a->y + r * a->ldy; /* holds c' until it holds h': c itself may lie where c' goes */
    vf raw;
    for (int64_t j = 0; j < H; j += VW) put(y + j, 0, cell_of(a->form, &w, c, j, &raw), H - j);
    const norm s = norm_of(H, y);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j, at = r * H + j;
        const vf o = gate(a->form, slot_of(&w, 3, j)), h = o * output(a->form, normalised(s, y, w.gain + 4 * H, w.bias + 4 * H, j, n));
        const vf after = v_load_part(y + j, n);
        put(a->c_after + at, 0, blend(zone_at(a->zone[1], at, n), v_load_part(c + j, n), after), n);
        put(y + j, 0, a->zone[0] ? blend(v_load_part(a->zone[0] + at, n), v_load_part(a->h + r * a->ldh + j, n), h) : h, n);
    }
}

/* From dh: what comes to c', and da_o, to their places; of dh the share stays that zoneout leaves. */
static void through_output(const recur__step_backward *a, const norm_row *w, int64_t r, const float *c, float *to_c, float *da_o)
{
    const int64_t H = a->H;
    const norm s = norm_of(H, c);
    float *dh = a->dh + r * H;
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf stays = zone_at(a->zone[0], r * H + j, n) * v_load_part(dh + j, n), d = v_load_part(dh + j, n) - stays;
        const vf o = gate(a->form, slot_of(w, 3, j)), y = output(a->form, normalised(s, c, w->gain + 4 * H, w->bias + 4 * H, j, n));
        put(da_o + j, 0, d * y * gate_slope(a->form, o), n);
        put(to_c + j, 0, d * o * output_slope(a->form, y), n);
        put(dh + j, 0, stays, n);
    }
    norm_backward(H, s, c, w->gain + 4 * H, to_c, to_c, a->down ? a->down + 4 * H : NULL, a->down ? a->down + (NORMS + 4) * H : NULL);
}

static void backward_row(const recur__step_backward *a, int64_t r)
{
    const int64_t H = a->H;
    const norm_row w = norm_row_of(SLOTS, NORMS, H, a->slots + r * SLOTS * H, a->own);
    const float *c = a->c + r * H;
    float *dc = a->dc + r * H, *dp = a->room, *to_c = dp + SLOTS * H, *after = to_c + H;
    vf raw;
    for (int64_t j = 0; j < H; j += VW)
        put(after + j, 0, a->form->c_differs ? cell_of(a->form, &w, c, j, &raw) : v_load_part(a->c_after + r * H + j, H - j), H - j);
    through_output(a, &w, r, after, to_c, dp + 3 * H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf i = gate(a->form, slot_of(&w, 0, j)), f = gate(a->form, slot_of(&w, 1, j)), g = candidate(a->form, slot_of(&w, 2, j));
        const vf stays = zone_at(a->zone[1], r * H + j, n) * v_load_part(dc + j, n);
        cell_of(a->form, &w, c, j, &raw);
        const vf d = where_unbounded_cell(a->form, raw, v_load_part(dc + j, n) - stays + v_load_part(to_c + j, n));
        put(dp + j, 0, d * g * gate_slope(a->form, i), n);
        put(dp + H + j, 0, d * v_load_part(c + j, n) * gate_slope(a->form, f), n);
        put(dp + 2 * H + j, 0, d * i * candidate_slope(a->form, g), n);
        put(dc + j, 0, d * f + stays, n);
    }
    norm_row_backward(&w, dp, a->slots + r * SLOTS * H, a->down, a->down ? a->down + NORMS * H : NULL);
}

#define PHASE { .first_slot = 0, .accumulators = 4, .x_gates = 4, .h_gates = 4, .shared = 4 }

static const shape SHAPE = { .phase = PHASE, .slots = SLOTS, .states = STATES, .last = true };

APART void finish(const recur__step *a, const tile *t) { store_sums(SHAPE, a, t); }
APART void finish_back(const recur__step_backward *a, const tile *t) { add_to_dh(a, t); }

static void forward_step(const recur__step *step)
{
    drive_forward(&SHAPE, step, finish);
    for (int64_t r = 0; r < step->rows; r++) forward_row(step, r);
}

static void backward_step(const recur__step_backward *step)
{
    drive_backward(&SHAPE, step, finish_back);
    for (int64_t r = 0; r < step->rows; r++) backward_row(step, r);
}

const recur__cell RECUR__PER_ISA(lstm_norm) = {
    .kind = RECUR_CELL_LSTM_NORM,
    .name = "lstm_norm",
    .gates = 4,
    .slots = SLOTS,
    .states = STATES,
    .phases = 1,
    .forget_gate = 1,
    .needs_slots = true,
    .needs_form = true,
    .activation = RECUR_ACTIVATION_TANH,
    .own = { { "weight_norm", NORMS, true }, { "bias_norm", NORMS, false } },
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
