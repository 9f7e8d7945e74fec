/* tiles.c - the tiles in which the products of all kinds run.
 *
 * A tile is MR rows × V vectors of accumulators in registers: the gate blocks of VW units, or NV
 * vectors of units where a phase has one gate block. Products fill it, then it goes through a small
 * buffer to the cell's equations: tile.h. Everything is inlined with the numbers of rows and gate
 * blocks known. The reference set has tiles of one number, summed in double. */
#include "tiles/tiles.h"

#include "tiles/single.h"

/* One group of units of a step: those from j on, and their panels. */
typedef struct group {
    const recur__step *step;
    weights W, U;
    int64_t j;
} group;

#define LANES         VW
#define SUM           va
#define LOAD          v_load
#define SPREAD_ONE(x) v_set(x)
#define STORE(to, v)  v_store(to, (vf)(v))
#define PART(v)       (v)
#define NAME(x)       x
#include "tiles/multiply.h"

#if RECUR__SET == RECUR__IS_avx512 /* the last units, where half a vector holds them */
#define LANES         (VW / 2)
#define SUM           vh
#define LOAD          h_load
#define SPREAD_ONE(x) h_of(v_set(x))
#define STORE(to, v)  memcpy(to, &(v), sizeof(vh))
#define PART(v)       h_of(v)
#define NAME(x)       x##_half
#include "tiles/multiply.h"
#else
#define products_half products
#endif

/* acc[r][v] += a[r] panel[v] for the 4 units that a[r] holds of each of its rows: K is a multiple
 * of 4. */
INLINE void multiply_narrow(int MR, int V, int shared, int shift, va acc[MOST_ROWS][ACCUMULATORS],
                            const float *a, int64_t lda, int64_t K, const float *panel)
{
    for (int64_t k = 0; k < K; k += 4, panel += 4 * V * VW) {
        vf x[4][MOST_ROWS];
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vf narrow = fetch(a + r * NARROW_ROWS * lda + k, lda, NARROW);
            x[0][r] = V_SPREAD(narrow, 0), x[1][r] = V_SPREAD(narrow, 1),
            x[2][r] = V_SPREAD(narrow, 2);
            x[3][r] = V_SPREAD(narrow, 3);
        }
        UNROLL for (int i = 0; i < 4; i++)
        {
            UNROLL for (int v = 0; v < V; v++)
            {
                const vf w = v_broadcast4(panel + (i * V + v) * VW);
                const int to = v < shared ? v : v + shift;
                UNROLL for (int r = 0; r < MR; r++) acc[r][to] += x[i][r] * w;
            }
        }
    }
}

/* Rows of the next tile when so many are left: blocks of nearly equal size. */
INLINE int64_t block_of(int64_t left, int most)
{
    if (left <= most) return left;
    return (left + (left + most - 1) / most - 1) / ((left + most - 1) / most);
}

/* Calls what the equations will read or write of a tile into the second cache, while its products
 * run: rows of n floats, ld apart, in so many blocks. A training pass goes through more memory than
 * caches hold. */
INLINE void call_for(int MR, int64_t n, const float *from, int64_t ld, int blocks, int64_t apart)
{
    for (int r = 0; from && r < MR; r++)
        for (int b = 0; b < blocks; b++)
            for (int64_t i = 0; i < n; i += 16)
                __builtin_prefetch(from + r * ld + b * apart + i, 1, 2);
}

/* What the next tile fetches. */
INLINE void fetch_on(weights *w, int64_t K)
{
    if (w->fetches) w->next += K * w->step;
}

/* ---- forward -------------------------------------------------------------------------------- */

/* The sums of MR rows from r0 on, of NV vectors of units. */
INLINE void forward_tile(int MR, int NV, const recur__phase p, const group g, int64_t r0,
                         tile_row *number)
{
    const recur__step *a = g.step;
    const int A = p.accumulators, V = A * NV;
    const int64_t H = a->H, j = g.j, left = H - j;
    for (int r = 0; r < MR; r++) {
        const float *init = a->init + (a->ids ? a->ids[r0 + r] : r0 + r) * a->ld_init +
                            p.first_block * H + j;
        UNROLL for (int v = 0; v < V; v++)
            v_store(&number[r][v * VW], A > 1 ? v_load_part(init + v * H, left)
                                              : v_load_part(init + v * VW, left - v * VW));
    }
    if (MR > 1 && VW > 1) {
        const int64_t n = NV * VW;
        call_for(MR, n,
                 a->gate_blocks ? a->gate_blocks + r0 * a->ld_gate_blocks + p.first_block * H + j
                                : NULL,
                 a->ld_gate_blocks, A, H);
        call_for(MR, n, a->gate_blocks && a->c_after ? a->c_after + r0 * H + j : NULL, H, 1, 0);
        call_for(MR, n, a->gate_blocks ? a->y + r0 * a->ldy + j : NULL, a->ldy, 1, 0);
    }
    if (A > 1 && HALVES && recur__lanes(VW, H, j) < VW)
        products_half(MR, NV, p, g, r0, number);
    else
        products(MR, NV, p, g, r0, number);
}

/* Of 4 units, MR vectors of rows from r0 on. */
INLINE void forward_narrow(int MR, const recur__phase p, const group g, forward_finish *finish,
                           int64_t r0)
{
    const recur__step *a = g.step;
    const int V = p.accumulators;
    tile_row number[MOST_ROWS];
    va acc[MOST_ROWS][ACCUMULATORS];
    UNROLL for (int r = 0; r < MR; r++)
    {
        const int64_t row = r0 + r * NARROW_ROWS;
        UNROLL for (int v = 0; v < V; v++)
        {
            const float *init = a->init + (p.first_block + v) * 4;
            acc[r][v] = a->ids ? look_up_narrow(init, a->ids + row, a->ld_init)
                               : load_narrow(init + row * a->ld_init, a->ld_init);
        }
    }
    if (a->in) multiply_narrow(MR, p.x_gates, V, 0, acc, a->x + r0 * a->ldx, a->ldx, a->in, g.W.at);
    if (a->U)
        multiply_narrow(MR, p.h_gates, p.shared, V - p.h_gates, acc, a->s + r0 * a->lds, a->lds,
                        a->K, g.U.at);
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < V; v++) v_store(&number[r][v * VW], (vf)acc[r][v]);
    }
    const tile t = { .number = number, .row = r0, .rows = MR, .vectors = 1, .narrow = true };
    finish(a, &t);
}

enum { NARROW_AT_ONCE = VW > 8 ? 4 : 2 }; /* vectors of rows in a tile */

/* Of 4 units as many rows as fill vectors; returns the first one left. */
INLINE int64_t forward_all_narrow(const recur__phase p, const group g, forward_finish *finish)
{
    const recur__step *a = g.step;
    int64_t r = 0;
    if (VW <= 4 || a->H != 4 || a->in % 4 || a->K % 4) return 0;
    for (; r + NARROW_AT_ONCE * NARROW_ROWS <= a->rows; r += NARROW_AT_ONCE * NARROW_ROWS)
        forward_narrow(NARROW_AT_ONCE, p, g, finish, r);
    for (; r + NARROW_ROWS <= a->rows; r += NARROW_ROWS) forward_narrow(1, p, g, finish, r);
    return r;
}

/* Rows of a tile in forward. */
INLINE int forward_rows(int NV, const recur__phase p)
{
    return rows_at_most((p.x_gates > p.h_gates ? p.x_gates : p.h_gates) * NV);
}

/* The sums of n rows from r0 on, in tiles of nearly equal size. */
INLINE void forward_block(int NV, const recur__phase p, group *g, int64_t r0, int64_t n,
                          tile_row *number)
{
    const int most = forward_rows(NV, p);
    for (int64_t r = r0, rows; r < r0 + n; r += rows, number += rows) {
        rows = block_of(r0 + n - r, most);
        switch (rows) {
        case 1:
            forward_tile(1, NV, p, *g, r, number);
            break;
#if RECUR__SET != RECUR__IS_ref
        case 2:
            forward_tile(2, NV, p, *g, r, number);
            break;
        case 3:
            forward_tile(3, NV, p, *g, r, number);
            break;
        case 4:
            if (most >= 4) forward_tile(4, NV, p, *g, r, number);
            break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
        case 5:
            forward_tile(5, NV, p, *g, r, number);
            break;
        case 6:
            forward_tile(6, NV, p, *g, r, number);
            break;
        default:
            forward_tile(7, NV, p, *g, r, number);
            break;
#endif
#endif
        }
        fetch_on(&g->W, g->step->in);
        fetch_on(&g->U, g->step->K);
    }
}

/* All rows: products of a block of them, then its equations. */
INLINE void forward_rows_of(int NV, const recur__phase p, group g, forward_finish *finish)
{
    const int64_t rows = g.step->rows;
    tile_row number[BLOCK_ROWS];
    for (int64_t r = NV == 1 ? forward_all_narrow(p, g, finish) : 0, n; r < rows; r += n) {
        n = block_of(rows - r, BLOCK_ROWS);
        forward_block(NV, p, &g, r, n, number);
        const tile t = { .number = number, .row = r, .unit = g.j, .rows = (int)n, .vectors = NV };
        finish(g.step, &t);
    }
}

/* Groups of units, each of `wide` vectors but for the last. The panels of a group lie behind those
 * of all units before it. */
INLINE int64_t groups_of(int64_t H, int wide) { return (H + wide * VW - 1) / (wide * VW); }
INLINE int64_t first_unit(int64_t i, int64_t groups, bool units_reversed, int wide)
{
    return (units_reversed ? groups - 1 - i : i) * wide * VW;
}

/* forward_rows_of where a phase has one accumulator. Passes and forward_units share these
 * functions: they are a good part of this file. */
#define ROWS(NV)                                                                                   \
    APART void rows_of_##NV(int first_block, const group *g, forward_finish *finish)               \
    {                                                                                              \
        const recur__phase p = {                                                                   \
            .first_block = first_block, .accumulators = 1, .x_gates = 1, .h_gates = 1, .shared = 1 \
        };                                                                                         \
        forward_rows_of(NV, p, *g, finish);                                                        \
    }
ROWS(1)
#if RECUR__SET != RECUR__IS_ref
ROWS(2)
ROWS(3)
ROWS(4)
#endif

INLINE void forward_rows_of_one(int64_t vectors, int first_block, const group *g,
                                forward_finish *finish)
{
    switch (vectors) {
    case 1:
        rows_of_1(first_block, g, finish);
        break;
#if RECUR__SET != RECUR__IS_ref
    case 2:
        rows_of_2(first_block, g, finish);
        break;
    case 3:
        rows_of_3(first_block, g, finish);
        break;
    default:
        rows_of_4(first_block, g, finish);
        break;
#endif
    }
}

INLINE void forward_vectors(int64_t vectors, const recur__phase p, const group g,
                            forward_finish *finish)
{
    if (p.accumulators == 1)
        forward_rows_of_one(vectors, p.first_block, &g, finish);
    else
        forward_rows_of(1, p, g, finish);
}

/* Weights of K rows of so many columns for each unit, of a group of `units` units. What comes next
 * lies `to` units further, and `tiles` tiles share it. */
INLINE weights fetching(const float *at, int64_t K, int64_t columns, int64_t to, int64_t units,
                        int64_t tiles)
{
    const int64_t step = (columns * units + tiles - 1) / tiles;
    const float *next = at ? at + to * K * columns : NULL; /* a step may be without W or U */
    return (weights){ .at = at, .fetches = true, .next = next, .step = step };
}

INLINE group group_at(const recur__phase p, const recur__step *a, int64_t j)
{
    group g = { .step = a, .j = j };
    if (a->in) g.W.at = a->W + j * a->in * p.x_gates;
    if (a->U) g.U.at = a->U + j * a->K * p.h_gates;
    return g;
}

/* Groups first, first + 1, ... of a step. */
INLINE void forward_groups(const recur__phase p, const recur__step *a, forward_finish *finish,
                           int64_t first)
{
    const int wide = p.accumulators > 1 ? 1 : WIDE;
    const int64_t H = a->H, groups = groups_of(H, wide);
    for (int64_t i = first; i < groups; i++) {
        const int64_t j = first_unit(i, groups, a->units_reversed, wide);
        forward_vectors(least(wide, (H - j + VW - 1) / VW), p, group_at(p, a, j), finish);
    }
}

/* The groups of a step whose panels are too large for the second cache, while the next one is
 * fetched: all but the last, with which the next step begins. Returns how many. */
INLINE int64_t forward_fetching(const recur__phase p, const recur__step *a, forward_finish *finish)
{
    const int wide = p.accumulators > 1 ? 1 : WIDE, most = forward_rows(wide, p);
    const int64_t units = wide * VW, to = a->units_reversed ? -units : units;
    const int64_t groups = groups_of(a->H, wide), tiles = (a->rows + most - 1) / most;
    if (wide > 1 && a->H % units) return 0; /* a group has fewer vectors */
    for (int64_t i = 0; i < groups - 1; i++) {
        group g = group_at(p, a, first_unit(i, groups, a->units_reversed, wide));
        g.W = fetching(g.W.at, a->in, p.x_gates, to, units, tiles);
        g.U = fetching(g.U.at, a->K, p.h_gates, to, units, tiles);
        forward_rows_of(wide, p, g, finish);
    }
    return groups - 1;
}

/* The gates of W or U that go to one vector of units: in each row of a panel they lie behind each
 * other. Those from `shared` on go `shift` accumulators further. */
typedef struct gate_columns {
    int gates, shared, shift;
    const float *panel;
    int64_t stride, lanes;
} gate_columns;

/* acc[g] += Σk a[k] panel[k][g] */
static void multiply_any(const gate_columns *c, const float *a, int64_t K, va acc[ACCUMULATORS])
{
    for (int64_t k = 0; k < K; k++)
        for (int g = 0; g < c->gates; g++)
            acc[g < c->shared ? g : g + c->shift] +=
                v_set(a[k]) * v_load_part(c->panel + k * c->stride + g * c->lanes, c->lanes);
}

/* One row, and of a group of units from j on its vector v. */
static void forward_any_tile(const recur__phase *p, const recur__step *a, forward_finish *finish,
                             int64_t r, int64_t j, int64_t v)
{
    const int A = p->accumulators;
    const int64_t H = a->H, unit = j + v * VW, lanes = A > 1 ? recur__lanes(VW, H, j) : VW,
                  vectors = A > 1 ? 1 : least(WIDE, (H - j + VW - 1) / VW);
    const float *init = a->init + (a->ids ? a->ids[r] : r) * a->ld_init + p->first_block * H + unit;
    tile_row number[1];
    const tile t = { .number = number, .row = r, .unit = unit, .rows = 1, .vectors = 1 };
    va acc[ACCUMULATORS];
    for (int i = 0; i < A; i++) acc[i] = v_load_part(init + i * H, H - unit);
    gate_columns c = { .gates = p->x_gates, .shared = A, .lanes = lanes };
    c.stride = vectors * c.gates * lanes;
    if (a->in && c.gates) {
        c.panel = a->W + j * a->in * c.gates + v * c.gates * lanes;
        multiply_any(&c, a->x + r * a->ldx, a->in, acc);
    }
    for (int i = 0; i < A; i++) acc[i] = ROUNDED(acc[i]);
    c.gates = p->h_gates;
    c.shared = p->shared;
    c.shift = A - p->h_gates;
    c.stride = vectors * c.gates * lanes;
    if (a->U && c.gates) {
        c.panel = a->U + j * a->K * c.gates + v * c.gates * lanes;
        multiply_any(&c, a->s + r * a->lds, a->K, acc);
    }
    for (int i = 0; i < A; i++) v_store(&number[0][i * VW], (vf)acc[i]);
    finish(a, &t);
}

/* Phases that have no line in RECUR__KNOWN_PHASES: right, but slow. */
static void forward_any(const recur__phase *p, const recur__step *a, forward_finish *finish)
{
    const int wide = p->accumulators > 1 ? 1 : WIDE;
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t j = 0; j < a->H; j += wide * VW)
            for (int64_t v = 0; v < wide && j + v * VW < a->H; v++)
                forward_any_tile(p, a, finish, r, j, v);
}

/* With the numbers of a phase known to the compiler. */
#define NUMBERS(p, A, X, U, S)                                                          \
    (recur__phase)                                                                      \
    {                                                                                   \
        .first_block = (p)->first_block, .accumulators = A, .x_gates = X, .h_gates = U, \
        .shared = S                                                                     \
    }
/* What fetches is APART, or compilers give its registers to the rest. */
#define KNOWN(A, X, U, S)                                                               \
    APART int64_t fetching_##A##X##U##S(const recur__phase *p, const recur__step *a,    \
                                        forward_finish *finish)                         \
    {                                                                                   \
        return forward_fetching(NUMBERS(p, A, X, U, S), a, finish);                     \
    }                                                                                   \
    SINGLE_PAIR(pair_##A##X##U##S, NUMBERS(p, A, X, U, S), finisher, false)             \
    SINGLE_PAIR(fetching_pair_##A##X##U##S, NUMBERS(p, A, X, U, S), finisher, FETCHES)  \
    SINGLE_GROUP(group_##A##X##U##S, NUMBERS(p, A, X, U, S), finisher)                  \
    static void forward_##A##X##U##S(const recur__phase *p, const recur__step *a,       \
                                     forward_finish *finish)                            \
    {                                                                                   \
        int64_t done = 0;                                                               \
        if (a->rows == 1 || !RECUR_BATCH) {                                             \
            const single_parts parts = { pair_##A##X##U##S, fetching_pair_##A##X##U##S, \
                                         group_##A##X##U##S };                          \
            forward_single(p, wide_of(NUMBERS(p, A, X, U, S)), a, parts, finish);       \
            return;                                                                     \
        }                                                                               \
        if (FETCHES && a->fetches) done = fetching_##A##X##U##S(p, a, finish);          \
        forward_groups(NUMBERS(p, A, X, U, S), a, finish, done);                        \
    }
RECUR__KNOWN_PHASES(KNOWN)

/* The same for `vectors` vectors of units from j on, where there is one accumulator: W and U are
 * their panels. */
static void forward_units(int64_t vectors, const recur__step *a, forward_finish *finish,
                          const float *W, const float *U, int64_t j)
{
    const group g = { .step = a, .W.at = W, .U.at = U, .j = j };
    forward_rows_of_one(vectors, 0, &g, finish);
}

/* ---- backward ------------------------------------------------------------------------------- */

/* One group of units of a step: those from j on, and what comes back to them. */
typedef struct group_backward {
    const recur__step_backward *step;
    const recur__phase *from;
    int gate_blocks; /* in a row of dA */
    weights Ut;
    int64_t j;
} group_backward;

INLINE void backward_tile(int MR, int NV, const group_backward g, int64_t r0, tile_row *number)
{
    const recur__step_backward *a = g.step;
    const int64_t H = a->H, j = g.j, lda = g.gate_blocks * H;
    weights Ut = g.Ut;
    va acc[MOST_ROWS][ACCUMULATORS];
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < NV; v++) acc[r][v] = v_set(0);
    }
    if (MR > 1 && VW > 1) {
        const int64_t n = NV * VW, at = r0 * H + j;
        call_for(MR, n, a->gate_blocks + r0 * lda + j, lda, g.gate_blocks, H);
        call_for(MR, n, a->c ? a->c + at : NULL, H, 1, 0);
        call_for(MR, n, a->c_after ? a->c_after + at : NULL, H, 1, 0);
        call_for(MR, n, a->dy ? a->dy + r0 * a->lddy + j : NULL, a->lddy, 1, 0);
    }
    for (int i = 0; a->dA && i < g.from->h_gates; i++, fetch_on(&Ut, a->units)) {
        Ut.at = g.Ut.at + (i * H + a->first) * NV * VW;
        multiply(a->single_row, MR, NV, NV, 0, acc,
                 a->dA + r0 * lda + recur__h_block(g.from, i) * H + a->first, lda, a->units, Ut);
    }
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < NV; v++) v_store(&number[r][v * VW], (vf)acc[r][v]);
    }
}

INLINE void backward_narrow(int MR, const group_backward g, backward_finish *finish, int64_t r0)
{
    const recur__step_backward *a = g.step;
    const int64_t lda = g.gate_blocks * 4;
    tile_row number[MOST_ROWS];
    va acc[MOST_ROWS][ACCUMULATORS];
    UNROLL for (int r = 0; r < MR; r++) acc[r][0] = v_set(0);
    for (int i = 0; a->dA && i < g.from->h_gates; i++)
        multiply_narrow(MR, 1, 1, 0, acc, a->dA + r0 * lda + recur__h_block(g.from, i) * 4, lda, 4,
                        a->Ut + i * 4 * VW);
    UNROLL for (int r = 0; r < MR; r++) v_store(number[r], (vf)acc[r][0]);
    const tile t = { .number = number, .row = r0, .rows = MR, .vectors = 1, .narrow = true };
    finish(a, &t);
}

INLINE int64_t backward_all_narrow(const group_backward g, backward_finish *finish)
{
    const recur__step_backward *a = g.step;
    int64_t r = 0;
    if (VW <= 4 || a->H != 4 || a->units != 4) return 0;
    for (; r + NARROW_AT_ONCE * NARROW_ROWS <= a->rows; r += NARROW_AT_ONCE * NARROW_ROWS)
        backward_narrow(NARROW_AT_ONCE, g, finish, r);
    for (; r + NARROW_ROWS <= a->rows; r += NARROW_ROWS) backward_narrow(1, g, finish, r);
    return r;
}

INLINE void backward_block(int NV, group_backward *g, int64_t r0, int64_t n, tile_row *number)
{
    const int most = rows_at_most(NV);
    for (int64_t r = r0, rows; r < r0 + n; r += rows, number += rows) {
        rows = block_of(r0 + n - r, most);
        switch (rows) {
        case 1:
            backward_tile(1, NV, *g, r, number);
            break;
#if RECUR__SET != RECUR__IS_ref
        case 2:
            backward_tile(2, NV, *g, r, number);
            break;
        case 3:
            backward_tile(3, NV, *g, r, number);
            break;
        case 4:
            if (most >= 4) backward_tile(4, NV, *g, r, number);
            break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
        case 5:
            backward_tile(5, NV, *g, r, number);
            break;
        case 6:
            backward_tile(6, NV, *g, r, number);
            break;
        default:
            backward_tile(7, NV, *g, r, number);
            break;
#endif
#endif
        }
        for (int i = 0; i < g->from->h_gates; i++) fetch_on(&g->Ut, g->step->units);
    }
}

INLINE void backward_group(int NV, group_backward g, backward_finish *finish)
{
    const int64_t rows = g.step->rows;
    tile_row number[BLOCK_ROWS];
    for (int64_t r = NV == 1 ? backward_all_narrow(g, finish) : 0, n; r < rows; r += n) {
        n = block_of(rows - r, BLOCK_ROWS);
        backward_block(NV, &g, r, n, number);
        const tile t = { .number = number, .row = r, .unit = g.j, .rows = (int)n, .vectors = NV };
        finish(g.step, &t);
    }
}

INLINE group_backward group_back_at(int gate_blocks, const recur__phase *from,
                                    const recur__step_backward *a, int64_t j)
{
    group_backward g = { .step = a, .from = from, .gate_blocks = gate_blocks, .j = j };
    if (a->dA && a->Ut) g.Ut.at = a->Ut + j * from->h_gates * a->H;
    return g;
}

/* As forward_fetching. */
APART int64_t backward_fetching(int gate_blocks, const recur__phase *from,
                                const recur__step_backward *a, backward_finish *finish)
{
    const int most = rows_at_most(WIDE);
    const int64_t units = WIDE * VW, to = a->units_reversed ? -units : units;
    const int64_t groups = groups_of(a->H, WIDE), tiles = (a->rows + most - 1) / most;
    if (a->H % units) return 0; /* a group has fewer vectors */
    for (int64_t i = 0; i < groups - 1; i++) {
        const int64_t j = first_unit(i, groups, a->units_reversed, WIDE);
        group_backward g = group_back_at(gate_blocks, from, a, j);
        g.Ut = fetching(g.Ut.at, from->h_gates * a->H, 1, to, units, tiles);
        backward_group(WIDE, g, finish);
    }
    return groups - 1;
}

/* from: the phase whose gradients come back here: the next one, or the first one of the step after.
 */
static void backward(int gate_blocks, const recur__phase *from, const recur__step_backward *a,
                     backward_finish *finish)
{
    const int64_t H = a->H, groups = groups_of(H, WIDE);
    int64_t i = 0;
    if (FETCHES && a->fetches && a->dA && !a->single_row)
        i = backward_fetching(gate_blocks, from, a, finish);
    for (; i < groups; i++) {
        const int64_t j = first_unit(i, groups, a->units_reversed, WIDE);
        const group_backward g = group_back_at(gate_blocks, from, a, j);
        switch (least(WIDE, (H - j + VW - 1) / VW)) {
        case 1:
            backward_group(1, g, finish);
            break;
#if RECUR__SET != RECUR__IS_ref
        case 2:
            backward_group(2, g, finish);
            break;
        case 3:
            backward_group(3, g, finish);
            break;
        default:
            backward_group(4, g, finish);
            break;
#endif
        }
    }
}

#define TABLE(A, X, U, S) \
    const recur__phase_tiles RECUR__PER_ISA(tiles_##A##X##U##S) = { forward_##A##X##U##S };
RECUR__KNOWN_PHASES(TABLE)
const recur__phase_tiles RECUR__PER_ISA(tiles_any) = { forward_any };
const recur__unit_tiles RECUR__PER_ISA(unit_tiles) = { forward_units };
const recur__backward_tiles RECUR__PER_ISA(backward_tiles) = { RECUR__IF(TRAIN, backward) };
