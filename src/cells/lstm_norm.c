/* lstm_norm.c - LSTM with the summed inputs of each gate, and what h sees of c, normalised over the
 * units; Ba, Kiros, Hinton 2016. Its extra parameters are γ and β of i, f, g, o and c.
 *
 *   i = σ(LN_i(W_i x + U_i h + b_i))  f, o likewise  g = tanh(LN_g(...))
 *   c' = f c + i g                    h' = o tanh(LN_c(c'))
 *
 * backward: y = tanh(q), q = LN_c(c'), dq = dh' o (1-y²). Then through LN_c to dc', as in lstm.c,
 * and each da through its LN. */
#include "cells/layernorm.h"

enum { GATE_BLOCKS = 4, NORMS = 5 };

/* c' as the equation and its bound have it, before zoneout; raw: before the bound. */
INLINE vf cell_of(const recur__cell_options *f, const norm_row *w, const float *c, int64_t j,
                  vf *raw)
{
    const vf i = gate(f, normalised_block(w, 0, j)), forget = gate(f, normalised_block(w, 1, j)),
             g = candidate(f, normalised_block(w, 2, j));
    *raw = forget * v_load_part(c + j, w->s[0].H - j) + i * g;
    return bounded_cell(f, *raw);
}

static void forward_row(const recur__step *a, int64_t r)
{
    const int64_t H = a->H;
    const norm_row w = norm_row_of(GATE_BLOCKS, NORMS, H, a->gate_blocks + r * GATE_BLOCKS * H,
                                   a->extra);
    const float *c = a->c + r * H;
    float *y = a->y + r * a->ldy; /* holds c' until it holds h': c itself may lie where c' goes */
    vf raw;
    for (int64_t j = 0; j < H; j += VW)
        put(y + j, 0, cell_of(a->cell_options, &w, c, j, &raw), H - j);
    const norm s = norm_of(H, y, a->extra + 4 * H, a->extra + (NORMS + 4) * H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j, at = r * H + j;
        const vf o = gate(a->cell_options, normalised_block(&w, 3, j)),
                 h = o * output(a->cell_options, normalised(&s, j));
        const vf after = v_load_part(y + j, n);
        put(a->c_after + at, 0,
            blend(zoneout_share_at(a->zoneout_share[1], at, n), v_load_part(c + j, n), after), n);
        put(y + j, 0,
            a->zoneout_share[0] ? blend(v_load_part(a->zoneout_share[0] + at, n),
                                        v_load_part(a->h + r * a->ldh + j, n), h)
                                : h,
            n);
    }
}

/* From dh: what comes to c', and da_o, to their places; of dh the share stays that zoneout leaves.
 */
static void through_output(const recur__step_backward *a, const norm_row *w, int64_t r,
                           const float *c, float *to_c, float *da_o)
{
    const int64_t H = a->H;
    const norm s = norm_of(H, c, a->extra + 4 * H, a->extra + (NORMS + 4) * H);
    float *dh = a->dh + r * H;
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf stays = zoneout_share_at(a->zoneout_share[0], r * H + j, n) *
                         v_load_part(dh + j, n),
                 d = v_load_part(dh + j, n) - stays;
        const vf o = gate(a->cell_options, normalised_block(w, 3, j)),
                 y = output(a->cell_options, normalised(&s, j));
        put(da_o + j, 0, d * y * gate_slope(a->cell_options, o), n);
        put(to_c + j, 0, d * o * output_slope(a->cell_options, y), n);
        put(dh + j, 0, stays, n);
    }
    norm_backward(&s, to_c, to_c, a->d_extra ? a->d_extra + 4 * H : NULL,
                  a->d_extra ? a->d_extra + (NORMS + 4) * H : NULL);
}

static void backward_row(const recur__step_backward *a, int64_t r)
{
    const int64_t H = a->H;
    const norm_row w = norm_row_of(GATE_BLOCKS, NORMS, H, a->gate_blocks + r * GATE_BLOCKS * H,
                                   a->extra);
    const float *c = a->c + r * H;
    float *dc = a->dc + r * H, *dp = a->row_scratch, *to_c = dp + GATE_BLOCKS * H,
          *after = to_c + H;
    vf raw;
    for (int64_t j = 0; j < H; j += VW)
        put(after + j, 0,
            a->cell_options->c_differs ? cell_of(a->cell_options, &w, c, j, &raw)
                                       : v_load_part(a->c_after + r * H + j, H - j),
            H - j);
    through_output(a, &w, r, after, to_c, dp + 3 * H);
    for (int64_t j = 0; j < H; j += VW) {
        const int64_t n = H - j;
        const vf i = gate(a->cell_options, normalised_block(&w, 0, j)),
                 f = gate(a->cell_options, normalised_block(&w, 1, j)),
                 g = candidate(a->cell_options, normalised_block(&w, 2, j));
        const vf stays = zoneout_share_at(a->zoneout_share[1], r * H + j, n) *
                         v_load_part(dc + j, n);
        cell_of(a->cell_options, &w, c, j, &raw);
        const vf d = where_unbounded_cell(
            a->cell_options, raw, v_load_part(dc + j, n) - stays + v_load_part(to_c + j, n));
        put(dp + j, 0, d * g * gate_slope(a->cell_options, i), n);
        put(dp + H + j, 0, d * v_load_part(c + j, n) * gate_slope(a->cell_options, f), n);
        put(dp + 2 * H + j, 0, d * i * candidate_slope(a->cell_options, g), n);
        put(dc + j, 0, d * f + stays, n);
    }
    norm_row_backward(&w, dp, a->gate_blocks + r * GATE_BLOCKS * H, a->d_extra,
                      a->d_extra ? a->d_extra + NORMS * H : NULL);
}

#define NAME   lstm_norm
#define STATES 2
#define PHASE  (4, 4, 4, 4)
#define WHOLE_ROWS
#define ROW                                                       \
    .kind = RECUR_CELL_LSTM_NORM, .options = RECUR__LSTM_OPTIONS, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = 1, .extra = NORM_TENSORS(NORMS)
#include "cells/gated.inc"
