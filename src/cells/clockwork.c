/* clockwork.c - clockwork RNN; Koutník, Greff, Gomez, Schmidhuber 2014. Module m of H / modules
 * units is updated every period[m] steps; it sees itself and slower modules only.
 *
 *   h'_j = tanh(W_j x + Σ U_jk h_k + b_j)   where j's clock stands at 0; over units k of j's module
 *                                           and of slower ones
 *   h'_j = h_j                              else
 *
 * The second state is the clock of each unit: steps since its last update, 0 when the next is due.
 * So sequences of a batch may stand at different times, in either direction and between calls. What
 * is not due is not computed; U k→j is zero where k's module is faster.
 *
 * backward: da = dh' (1 - h'²), dh = 0 where the clock stood at 0; else da = 0, dh = dh' */
#include "cells/pointwise.h"

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

INLINE void backward(const recur__cell_options *f, const backward_inputs *a, vf *k, vf *d, vf *de,
                     vf *du)
{
    const vf clock = a->before[1], zero = v_set(0);
    k[0] = where_due(clock, d[0] * candidate_slope(f, k[0]), zero);
    d[0] = where_due(clock, zero, d[0]);
    d[1] = zero;
}

/* The vector of equations: the period of each unit. */
static void periods(const recur__cell_options *f, int64_t H, const float *extra, float *derived)
{
    for (int64_t j = 0; j < H; j++) derived[j] = (float)f->period[j / (H / f->modules)];
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

/* The units of a group. They see the states of the first one's module and of slower ones. */
static void forward_units(int64_t vectors, const recur__step *a, forward_finish *finish,
                          const float *W, const float *U, int64_t j)
{
    const int64_t n = least(vectors * VW, a->H - j), size = a->H / a->cell_options->modules,
                  k = j / size * size;
    recur__step b;
    for (int64_t r = 0, end; r < a->rows; r = end) {
        end = alike(a, r, j, n, false);
        for (int64_t i = r; i < end; i++) pass_on(a, i, j, n);
        r = end;
        end = alike(a, r, j, n, true);
        if (r == end) continue;
        b = *a;
        b.rows = end - r;
        b.K = a->H - k;
        b.init += a->ids ? 0 : r * a->ld_init;
        b.ids = a->ids ? a->ids + r : NULL;
        b.x = a->in ? a->x + r * a->ldx : NULL;
        b.s = a->s ? a->s + r * a->lds + k : NULL;
        b.h += r * a->ldh;
        b.c += r * a->H;
        b.y += r * a->ldy;
        b.c_after += r * a->H;
        b.gate_blocks = a->gate_blocks ? a->gate_blocks + r * a->H : NULL;
        b.zoneout_share[0] = a->zoneout_share[0] ? a->zoneout_share[0] + r * a->H : NULL;
        RECUR__PER_ISA(unit_tiles)
            .forward(vectors, &b, finish, W, U ? U + k * vectors * VW : NULL, j);
    }
}

static void run_forward(const recur__phase *phase, const recur__step *a, forward_finish *finish)
{
    (void)phase;
    const int64_t H = a->H;
    const float *W = a->W, *U = a->U;
    for (int64_t j = 0, vectors; j < H; j += vectors * VW) {
        vectors = least(WIDE, (H - j + VW - 1) / VW);
        forward_units(vectors, a, finish, W, U, j);
        if (W) W += a->in * vectors * VW;
        if (U) U += H * vectors * VW;
    }
}

/* Gradients come back to unit j from its module and faster ones; of these, from those that were
 * updated in the step after: their clocks stand at 0 after this one. */
static void run_backward(int gate_blocks, const recur__phase *from, const recur__step_backward *a,
                         backward_finish *finish)
{
    const int64_t H = a->H, size = H / a->cell_options->modules;
    int64_t first = H, end = 0;
    for (int64_t k = 0; k < H && a->dA; k += size) {
        for (int64_t r = 0; r < a->rows && end < k + size; r++) {
            if (!due(a->c_after + r * H + k, size)) continue;
            first = least(first, k);
            end = k + size;
        }
    }
    recur__step_backward b = *a;
    b.first = least(first, end);
    b.units = end - b.first;
    tiles_backward(gate_blocks, from, &b, finish);
}

#define NAME         clockwork
#define SECOND_STATE "c", RECUR__WIDTH_HIDDEN, .begins_with_zeros = true
#define EXTRA        1
#define PHASE        (1, 1, 1, 1)
#define RUNS_TILES
#define ROW                                                                              \
    .kind = RECUR_CELL_CLOCKWORK, .options = RECUR__RNN_OPTIONS | RECUR__OPTION_MODULES, \
    .activation = RECUR_ACTIVATION_TANH, .forget_gate = -1, .derived = EXTRA, .derive = periods
#include "cells/gated.inc"
