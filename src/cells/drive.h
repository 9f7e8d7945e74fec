/* drive.h - the tiles in which a cell's products and equations run. Included by every cell.
 *
 * A tile is MR rows × V vectors of accumulators in registers: the slots of VW units, or NV vectors of units where there is one
 * slot. Products fill it, then it goes through a small buffer to the cell's equations, written for one vector of units:
 *
 *   forward(k, s, u)         k[SLOTS] pre-activations in, what backward needs out; s[STATES] state before in, after out; u out or in
 *   backward(k, p, c, d, du) k[SLOTS] as forward left them in, gradients out; p[STATES] state before, c after; d[STATES] gradients of
 *                            the state after in, before out; du in
 *
 * Everything is inlined with the numbers of rows, slots and states known. The reference set has tiles of one number, summed in double. */
#ifndef RECUR__DRIVE_H
#define RECUR__DRIVE_H

#include "cells/cell.h"
#include "kernels/simd.h"

enum { MOST_SLOTS = 4, WIDE = RECUR__SET == RECUR__IS_ref ? 1 : 4, ACCUMULATORS = 4 };
/* Rows of a tile: accumulators, a row of panel and a broadcast just fit the registers. */
enum { MOST_ROWS = RECUR__SET == RECUR__IS_ref ? 1 : RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon ? 7 : 3 };

#if RECUR__SET == RECUR__IS_ref
typedef double va;
#else
typedef vf va; /* an accumulator */
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

typedef void forward_part(vf *k, vf *s, vf *u);
typedef void backward_part(vf *k, const vf *p, vf c, vf *d, vf *du);

/* A tile after its products: rows of ACCUMULATORS vectors. */
typedef struct tile {
    float number[MOST_ROWS][ACCUMULATORS * VW];
    int64_t row, unit; /* where it lies */
    int rows, vectors; /* of units */
} tile;

/* The equations over a whole tile: functions of their own, or compilers keep constants in the registers of the products. */
#define APART static __attribute__((noinline))
typedef void forward_finish(const recur__step *a, const tile *t);
typedef void backward_finish(const recur__step_backward *a, const tile *t);

/* What is fixed at compile time for one phase of one cell. */
typedef struct shape {
    recur__phase phase;
    int slots, states;
    bool last;   /* this phase gives h; in backward it takes dh */
    bool two;    /* the cell has two phases */
} shape;

/* The first n lanes of a vector; or, with n = QUADS, as many rows of 4 units as fill it, `stride` floats apart. */
enum { QUADS = -1, ROWS_OF_QUADS = VW / 4 };

#if RECUR__SET == RECUR__IS_avx512
INLINE vf load_quads(const float *p, int64_t stride)
{
    const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
    const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 2 * stride)), _mm_loadu_ps(p + 3 * stride), 1);
    return (vf)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
INLINE void store_quads(float *p, int64_t stride, vf v)
{
    _mm_storeu_ps(p, _mm512_castps512_ps128((__m512)v));
    _mm_storeu_ps(p + stride, _mm512_extractf32x4_ps((__m512)v, 1));
    _mm_storeu_ps(p + 2 * stride, _mm512_extractf32x4_ps((__m512)v, 2));
    _mm_storeu_ps(p + 3 * stride, _mm512_extractf32x4_ps((__m512)v, 3));
}
#elif RECUR__SET == RECUR__IS_avx2
INLINE vf load_quads(const float *p, int64_t stride)
{
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
}
INLINE void store_quads(float *p, int64_t stride, vf v)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128((__m256)v));
    _mm_storeu_ps(p + stride, _mm256_extractf128_ps((__m256)v, 1));
}
#else /* 4 units fill a vector, or more */
INLINE vf load_quads(const float *p, int64_t stride)
{
    (void)stride;
    return v_load(p);
}
INLINE void store_quads(float *p, int64_t stride, vf v)
{
    (void)stride;
    v_store(p, v);
}
#endif

INLINE vf load_part(const float *p, int64_t n) { return n >= VW ? v_load(p) : v_load_n(p, n); }
INLINE vf fetch(const float *p, int64_t stride, int64_t n) { return n == QUADS ? load_quads(p, stride) : load_part(p, n); }
INLINE void put(float *p, int64_t stride, vf v, int64_t n)
{
    if (n == QUADS) store_quads(p, stride, v);
    else if (n >= VW) v_store(p, v);
    else v_store_n(p, v, n);
}
INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* acc[r][v] += a[r][k] * panel[k][v] for one k */
INLINE void multiply_one(int MR, int V, int shared, int shift, va acc[MOST_ROWS][ACCUMULATORS], const float *a, int64_t lda, const float *panel)
{
    va w[ACCUMULATORS];
    UNROLL for (int v = 0; v < V; v++) w[v] = v_load(panel + v * VW);
    UNROLL for (int r = 0; r < MR; r++) {
        const va ark = v_set(a[r * lda]);
        UNROLL for (int v = 0; v < V; v++) acc[r][v < shared ? v : v + shift] += ark * w[v];
    }
}

/* The same for all k. Vectors from `shared` on go `shift` accumulators further. One row alone has too few accumulators to hide the latency
 * of their sums, so even and odd k have their own. */
INLINE void multiply(bool alone, int MR, int V, int shared, int shift, va acc[MOST_ROWS][ACCUMULATORS], const float *a, int64_t lda, int64_t K,
                     const float *panel)
{
    int64_t k = 0;
    if (MR == 1 && VW > 1 && alone) {
        va odd[MOST_ROWS][ACCUMULATORS];
        UNROLL for (int v = 0; v < ACCUMULATORS; v++) odd[0][v] = v_set(0);
        for (; k + 2 <= K; k += 2, panel += 2 * V * VW) {
            multiply_one(1, V, shared, shift, acc, a + k, lda, panel);
            multiply_one(1, V, shared, shift, odd, a + k + 1, lda, panel + V * VW);
        }
        UNROLL for (int v = 0; v < V; v++) acc[0][v < shared ? v : v + shift] += odd[0][v < shared ? v : v + shift];
    }
    for (; k < K; k++, panel += V * VW) multiply_one(MR, V, shared, shift, acc, a + k, lda, panel);
}

/* Rows of the next tile when so many are left: blocks of nearly equal size; of 4 units, as many as share a vector. */
INLINE int64_t block_of(int64_t left, int64_t H)
{
    if (VW > 4 && H == 4) return least(left, ROWS_OF_QUADS);
    return (left + (left + MOST_ROWS - 1) / MOST_ROWS - 1) / ((left + MOST_ROWS - 1) / MOST_ROWS);
}

/* ---- forward ------------------------------------------------------------------------------------ */

INLINE void finish_units(const shape sh, const recur__step *a, forward_part *part, const float *sums, int64_t r, int64_t j, int64_t n)
{
    const int64_t H = a->H, SH = sh.slots * H;
    float *row = a->slots ? a->slots + r * SH + j : NULL;
    vf k[MOST_SLOTS], s[RECUR__STATES], u = v_set(0);
    UNROLL for (int i = 0; i < sh.slots; i++) {
        const int own = i - sh.phase.first_slot;
        if (own < 0 || own >= sh.phase.accumulators) k[i] = fetch(row + i * H, SH, n);
        else k[i] = n == QUADS ? load_quads(sums + own * VW, ACCUMULATORS * VW) : v_load(sums + own * VW);
    }
    s[0] = fetch(a->h + r * a->ldh + j, a->ldh, n);
    if (sh.states > 1) s[1] = fetch(a->c + r * H + j, H, n);
    part(k, s, &u);
    if (row)
        UNROLL for (int i = 0; i < sh.slots; i++) put(row + i * H, SH, k[i], n);
    if (sh.two && !sh.last) put(a->u + r * H + j, H, u, n);
    if (!sh.last) return;
    put(a->y + r * a->ldy + j, a->ldy, s[0], n);
    if (sh.states > 1) put(a->c_after + r * H + j, H, s[1], n);
}

/* Rows of 4 units share a vector; else one row has it for itself. */
INLINE void finish_forward(const shape sh, const recur__step *a, forward_part *part, const tile *t)
{
    int r = 0;
    for (; VW > 4 && a->H == 4 && r + ROWS_OF_QUADS <= t->rows; r += ROWS_OF_QUADS)
        finish_units(sh, a, part, t->number[r], t->row + r, 0, QUADS);
    for (; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            const int64_t j = t->unit + v * VW, left = a->H - j;
            if (left >= VW) finish_units(sh, a, part, &t->number[r][v * VW], t->row + r, j, VW);
            else finish_units(sh, a, part, &t->number[r][v * VW], t->row + r, j, left);
        }
}

/* MR rows from r0 on, NV vectors of units from j on. */
INLINE void forward_tile(int MR, int NV, const recur__phase p, const recur__step *a, forward_finish *finish, const float *W, const float *U,
                         int64_t r0, int64_t j)
{
    const int A = p.accumulators, V = A * NV;
    const int64_t H = a->H, left = H - j;
    tile t;
    va acc[MOST_ROWS][ACCUMULATORS];
    for (int r = 0; r < MR; r++) {
        const float *init = a->init + (a->ids ? a->ids[r0 + r] : r0 + r) * a->ld_init + p.first_slot * H + j;
        UNROLL for (int v = 0; v < V; v++)
            v_store(&t.number[r][v * VW], A > 1 ? load_part(init + v * H, left) : load_part(init + v * VW, left - v * VW));
    }
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < V; v++) acc[r][v] = v_load(&t.number[r][v * VW]);
    if (a->in) multiply(a->alone, MR, p.x_gates * NV, V, 0, acc, a->x + r0 * a->ldx, a->ldx, a->in, W);
    if (a->U) multiply(a->alone, MR, p.h_gates * NV, p.shared * NV, (A - p.h_gates) * NV, acc, a->s + r0 * a->lds, a->lds, H, U);
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < V; v++) v_store(&t.number[r][v * VW], (vf)acc[r][v]);
    t.row = r0, t.unit = j, t.rows = MR, t.vectors = NV;
    finish(a, &t);
}

/* All rows of one group of units, in blocks of nearly equal size. */
INLINE void forward_group(int NV, const recur__phase p, const recur__step *a, forward_finish *finish, const float *W, const float *U, int64_t j)
{
    for (int64_t r = 0, rows; r < a->rows; r += rows) {
        rows = block_of(a->rows - r, a->H);
        switch (rows) {
        case 1: forward_tile(1, NV, p, a, finish, W, U, r, j); break;
#if RECUR__SET != RECUR__IS_ref
        case 2: forward_tile(2, NV, p, a, finish, W, U, r, j); break;
        case 3: forward_tile(3, NV, p, a, finish, W, U, r, j); break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
        case 4: forward_tile(4, NV, p, a, finish, W, U, r, j); break;
        case 5: forward_tile(5, NV, p, a, finish, W, U, r, j); break;
        case 6: forward_tile(6, NV, p, a, finish, W, U, r, j); break;
        default: forward_tile(7, NV, p, a, finish, W, U, r, j); break;
#endif
#endif
        }
    }
}

INLINE void drive_forward(const recur__phase p, const recur__step *a, forward_finish *finish)
{
    const int64_t H = a->H;
    const float *W = a->W, *U = a->U;
    for (int64_t j = 0; j < H;) {
        const int64_t vectors = p.accumulators > 1 ? 1 : least(WIDE, (H - j + VW - 1) / VW);
        switch (vectors) {
        case 1: forward_group(1, p, a, finish, W, U, j); break;
#if RECUR__SET != RECUR__IS_ref
        case 2: if (p.accumulators == 1) forward_group(2, p, a, finish, W, U, j); break;
        case 3: if (p.accumulators == 1) forward_group(3, p, a, finish, W, U, j); break;
        default: if (p.accumulators == 1) forward_group(4, p, a, finish, W, U, j); break;
#endif
        }
        W += a->in * p.x_gates * vectors * VW;
        if (U) U += H * p.h_gates * vectors * VW;
        j += vectors * VW;
    }
}

/* ---- backward ----------------------------------------------------------------------------------- */

INLINE void finish_units_backward(const shape sh, const recur__step_backward *a, backward_part *part, const float *came, int64_t r,
                                  int64_t j, int64_t n)
{
    const int64_t H = a->H, SH = sh.slots * H, at = r * H + j;
    float *row = a->slots + r * SH + j;
    vf k[MOST_SLOTS], p[RECUR__STATES], d[RECUR__STATES], c = v_set(0);
    vf in = n == QUADS ? load_quads(came, ACCUMULATORS * VW) : v_load(came);
    UNROLL for (int i = 0; i < sh.slots; i++) k[i] = fetch(row + i * H, SH, n);
    p[0] = fetch(a->h + r * a->ldh + j, a->ldh, n);
    d[0] = fetch(a->dh + at, H, n);
    if (sh.last) {
        d[0] += in;
        if (a->dy) d[0] += fetch(a->dy + r * a->lddy + j, a->lddy, n);
    }
    if (sh.states > 1) {
        p[1] = fetch(a->c + at, H, n);
        c = fetch(a->c_after + at, H, n);
        d[1] = fetch(a->dc + at, H, n);
    }
    part(k, p, c, d, &in);
    UNROLL for (int i = 0; i < sh.slots; i++) put(row + i * H, SH, k[i], n);
    put(a->dh + at, H, d[0], n);
    if (sh.states > 1) put(a->dc + at, H, d[1], n);
}

INLINE void finish_backward(const shape sh, const recur__step_backward *a, backward_part *part, const tile *t)
{
    int r = 0;
    for (; VW > 4 && a->H == 4 && r + ROWS_OF_QUADS <= t->rows; r += ROWS_OF_QUADS)
        finish_units_backward(sh, a, part, t->number[r], t->row + r, 0, QUADS);
    for (; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            const int64_t j = t->unit + v * VW, left = a->H - j;
            if (left >= VW) finish_units_backward(sh, a, part, &t->number[r][v * VW], t->row + r, j, VW);
            else finish_units_backward(sh, a, part, &t->number[r][v * VW], t->row + r, j, left);
        }
}

INLINE void backward_tile(int MR, int NV, int slots, const recur__phase *from, const recur__step_backward *a, backward_finish *finish,
                          const float *Ut, int64_t r0, int64_t j)
{
    const int64_t H = a->H, lda = slots * H;
    tile t;
    va acc[MOST_ROWS][ACCUMULATORS];
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < NV; v++) acc[r][v] = v_set(0);
    for (int i = 0; a->dA && i < from->h_gates; i++)
        multiply(a->alone, MR, NV, NV, 0, acc, a->dA + r0 * lda + recur__h_slot(from, i) * H, lda, H, Ut + i * H * NV * VW);
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < NV; v++) v_store(&t.number[r][v * VW], (vf)acc[r][v]);
    t.row = r0, t.unit = j, t.rows = MR, t.vectors = NV;
    finish(a, &t);
}

INLINE void backward_group(int NV, int slots, const recur__phase *from, const recur__step_backward *a, backward_finish *finish,
                           const float *Ut, int64_t j)
{
    for (int64_t r = 0, rows; r < a->rows; r += rows) {
        rows = block_of(a->rows - r, a->H);
        switch (rows) {
        case 1: backward_tile(1, NV, slots, from, a, finish, Ut, r, j); break;
#if RECUR__SET != RECUR__IS_ref
        case 2: backward_tile(2, NV, slots, from, a, finish, Ut, r, j); break;
        case 3: backward_tile(3, NV, slots, from, a, finish, Ut, r, j); break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
        case 4: backward_tile(4, NV, slots, from, a, finish, Ut, r, j); break;
        case 5: backward_tile(5, NV, slots, from, a, finish, Ut, r, j); break;
        case 6: backward_tile(6, NV, slots, from, a, finish, Ut, r, j); break;
        default: backward_tile(7, NV, slots, from, a, finish, Ut, r, j); break;
#endif
#endif
        }
    }
}

/* from: the phase whose gradients come back here: the next one, or the first one of the step after. */
INLINE void drive_backward(int slots, const recur__phase from, const recur__step_backward *a, backward_finish *finish)
{
    const int64_t H = a->H;
    const float *Ut = a->Ut;
    for (int64_t j = 0; j < H;) {
        const int64_t vectors = least(WIDE, (H - j + VW - 1) / VW);
        switch (vectors) {
        case 1: backward_group(1, slots, &from, a, finish, Ut, j); break;
#if RECUR__SET != RECUR__IS_ref
        case 2: backward_group(2, slots, &from, a, finish, Ut, j); break;
        case 3: backward_group(3, slots, &from, a, finish, Ut, j); break;
        default: backward_group(4, slots, &from, a, finish, Ut, j); break;
#endif
        }
        Ut += from.h_gates * H * vectors * VW;
        j += vectors * VW;
    }
}

#endif
