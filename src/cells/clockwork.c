/* clockwork.c - clockwork RNN; Koutník, Greff, Gomez, Schmidhuber 2014. Module m of H / modules
 * units is updated every period[m] steps; it sees itself and slower modules only.
 *
 *   h'_j = tanh(W_j x + Σ U_jk h_k + b_j)   over units k of j's module and of slower ones, where
 * j's clock stands at 0 h'_j = h_j                              else
 *
 * The second state is the clock of each unit: steps since its last update, 0 when the next is due.
 * So sequences of a batch may stand at different times, in either direction and between calls. What
 * is not due is not computed; U k→j is zero where k's module is faster.
 *
 * backward: da = dh' (1 - h'²), dh = 0 where the clock stood at 0; else da = 0, dh = dh' */
#include "cells/pointwise.h"

enum { GATE_BLOCKS = 1, STATES = 2, EXTRA = 1 };

/* x where the clock stands at 0, else y */
INLINE vf where_due(vf clock, vf x, vf y)
{
    return v_where_positive(0.5f - clock, x) + v_where_positive(clock - 0.5f, y);
}

/* e: periods */
INLINE void forward(const recur__cell_options *f, const vf *e, vf *k, vf *s, vf *u)
{
    const vf clock = s[1], next = clock + 1.0f;
    s[0] = k[0] = where_due(clock, candidate(f, k[0]), s[0]);
    s[1] = v_where_positive(e[0] - 0.5f - next, next);
}

INLINE void backward(const recur__cell_options *f, const vf *e, vf *de, vf *k, const vf *p, vf c,
                     vf *d, vf *du)
{
    const vf clock = p[1], zero = v_set(0);
    k[0] = where_due(clock, d[0] * candidate_slope(f, k[0]), zero);
    d[0] = where_due(clock, zero, d[0]);
    d[1] = zero;
}

#define PHASE                                                                        \
    {                                                                                \
        .first_block = 0, .accumulators = 1, .x_gates = 1, .h_gates = 1, .shared = 1 \
    }

static const shape SHAPE = {
    .phase = PHASE, .gate_blocks = GATE_BLOCKS, .states = STATES, .extra = EXTRA, .last = true
};

APART void finish(const recur__step *a, const tile *t)
{
    finish_forward(SHAPE, a, a->cell_options, forward, t);
}
APART void finish_back(const recur__step_backward *a, const tile *t)
{
    finish_backward(SHAPE, a, a->cell_options, backward, t);
}

/* Does any of n units of a row change in this step? Nothing does between the updates of its
 * modules. */
static bool due(const float *clock, int64_t n)
{
    bool any = false;
    for (int64_t j = 0; j < n; j++) any |= clock[j] == 0;
    return any;
}

/* Units j to j + n of a row stay as they are, and their clocks go on. */
static void pass_on(const recur__step *a, int64_t r, int64_t j, int64_t n)
{
    const float *h = a->h + r * a->ldh, *clock = a->c + r * a->H;
    for (int64_t i = j; i < j + n; i++) {
        const float next = clock[i] + 1;
        a->y[r * a->ldy + i] = h[i];
        if (a->gate_blocks) a->gate_blocks[r * a->H + i] = h[i];
        a->c_after[r * a->H + i] = next < a->extra[i] ? next : 0;
    }
}

/* Rows from r on that are due, or are not. */
static int64_t alike(const recur__step *a, int64_t r, int64_t j, int64_t n, bool wanted)
{
    int64_t end = r;
    while (end < a->rows && due(a->c + end * a->H + j, n) == wanted) end++;
    return end;
}

/* The units of a group, seeing the states from unit k on. */
static void forward_units(int64_t vectors, const recur__step *a, const float *W, const float *U,
                          int64_t j, int64_t k)
{
    const int64_t n = least(vectors * VW, a->H - j);
    recur__step b = *a;
    for (int64_t r = 0, end; r < a->rows; r = end) {
        end = alike(a, r, j, n, false);
        for (int64_t i = r; i < end; i++) pass_on(a, i, j, n);
        r = end, end = alike(a, r, j, n, true);
        if (r == end) continue;
        b = *a;
        b.rows = end - r, b.K = a->H - k, b.single_row = a->single_row && b.rows == 1;
        b.init += a->ids ? 0 : r * a->ld_init, b.ids = a->ids ? a->ids + r : NULL;
        b.x = a->in ? a->x + r * a->ldx : NULL, b.s = a->s ? a->s + r * a->lds + k : NULL;
        b.h += r * a->ldh, b.c += r * a->H, b.y += r * a->ldy, b.c_after += r * a->H;
        b.gate_blocks = a->gate_blocks ? a->gate_blocks + r * a->H : NULL;
        b.zoneout_share[0] = a->zoneout_share[0] ? a->zoneout_share[0] + r * a->H : NULL;
        RECUR__PER_ISA(tiles).forward_units(vectors, &b, finish, W, U ? U + k * vectors * VW : NULL,
                                            j);
    }
}

static void forward_step(const recur__step *a)
{
    const int64_t H = a->H, size = H / a->cell_options->modules;
    const float *W = a->W, *U = a->U;
    for (int64_t j = 0, vectors; j < H; j += vectors * VW) {
        vectors = least(WIDE, (H - j + VW - 1) / VW);
        forward_units(vectors, a, W, U, j, j / size * size);
        W += a->in * vectors * VW;
        if (U) U += H * vectors * VW;
    }
}

/* Gradients come back to unit j from its module and faster ones; of these, from those that were
 * updated in the step after: their clocks stand at 0 after this one. */
static void backward_step(const recur__step_backward *a)
{
    const int64_t H = a->H, size = H / a->cell_options->modules;
    int64_t from = H, to = 0;
    for (int64_t k = 0; k < H && a->dA; k += size)
        for (int64_t r = 0; r < a->rows && to < k + size; r++)
            if (due(a->c_after + r * H + k, size)) from = least(from, k), to = k + size;
    recur__step_backward b = *a;
    b.first = least(from, to), b.units = to - b.first;
    tiles_backward(SHAPE.gate_blocks, &SHAPE.phase, &b, finish_back);
}

const recur__cell RECUR__PER_ISA(clockwork) = {
    .kind = RECUR_CELL_CLOCKWORK,
    .name = "clockwork",
    .gates = 1,
    .gate_blocks = GATE_BLOCKS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .always_modified = true,
    .activation = RECUR_ACTIVATION_TANH,
    .width = VW,
    .wide = WIDE,
    .phase = { PHASE },
    .forward = { forward_step },
    .backward = { backward_step },
};
