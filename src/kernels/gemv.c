/* gemv.c - products with one row, for which a GEMM is the wrong tool.
 *
 * gemv_t and gemv_n add k by k to b, as gemm.c does for many rows: the same bits. What sums in
 * another order says so: `dots` has a sum for each lane, which few outputs wait for less, and
 * gemv_n_split one for even and one for odd k. The reference sums in double, in the order of the
 * formula. */
#include "kernels/kernels.h"
#include "kernels/simd.h"
#include "kernels/transpose.h"

#if RECUR__SET == RECUR__IS_ref

static void gemv_t(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = b ? (double)b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)W.data[n * W.ld + k] * (double)x[k];
        y[n] = (float)sum;
    }
}

static void gemv_n(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = b ? (double)b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)x[k] * (double)W.data[k * W.ld + n];
        y[n] = (float)sum;
    }
}

static void rows_n(recur__sizes s, recur__matrix A, recur__matrix W, const float *b, recur__sums y)
{
    for (int64_t r = 0; r < s.M; r++) gemv_n(s.K, s.N, W, A.data + r * A.ld, b, y.data + r * y.ld);
}

#else

/* R products of rows of W with x, the x vector loaded once for all R. */
INLINE void dots_of(int R, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    v_sums acc[4] = { 0 };
    int64_t k = 0;
    for (; k + VW <= K; k += VW) {
        const vf xv = v_load(x + k);
        for (int r = 0; r < R; r++) acc[r] = v_sums_add(acc[r], v_load(W.data + r * W.ld + k) * xv);
    }
    if (k < K) {
        const vf xv = v_load_n(x + k, K - k);
        for (int r = 0; r < R; r++)
            acc[r] = v_sums_add(acc[r], v_load_n(W.data + r * W.ld + k, K - k) * xv);
    }
    for (int r = 0; r < R; r++) y[r] = (b ? b[r] : 0) + v_total(acc[r]);
}

static void dots(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    if (N == 1) { /* the head of many streams: without what a loop makes ready */
        dots_of(1, K, W, x, b, y);
        return;
    }
    int64_t n = 0;
    for (; n + 4 <= N; n += 4, W.data += 4 * W.ld) dots_of(4, K, W, x, b ? b + n : NULL, y + n);
    for (; n < N; n++, W.data += W.ld) dots_of(1, K, W, x, b ? b + n : NULL, y + n);
}

/* Vectors of y at once: as many as hide the latency of their sums; where even and odd k have sums
 * of their own, half as many. */
enum { ROW_VECTORS = RECUR_BATCH ? 8 : 2, SPLIT_VECTORS = RECUR__SET == RECUR__IS_avx512 ? 5 : 4 };

/* Columns of W, from where W and y begin. */
typedef struct columns {
    int64_t K;
    recur__matrix W;
    const float *x, *b;
    float *y;
} columns;

typedef struct row_sums {
    vf full[ROW_VECTORS];
    vh half;
} row_sums;

/* to += x W for one row of W, whose last vector has `tail` lanes: of half a vector if `half`. The
 * number is in all lanes of x. */
INLINE void add_row(int V, bool half, int64_t tail, const float *W, vf x, row_sums *to)
{
    for (int v = 0; v < V; v++)
        to->full[v] += x * v_load_part(W + v * VW, half || v < V - 1 ? VW : tail);
    if (half) to->half += h_of(x) * h_load_n(W + V * VW, tail);
}

/* V vectors of y, and half a one, kept in registers while all rows of W go by; split: even and odd
 * ones apart, so that sums need not wait for each other. With BROADCAST4 their numbers are read
 * four at a time, as loads are what this waits for. */
INLINE void gemv_n_of(const columns *q, bool split, int V, bool half, int64_t tail)
{
    const int64_t K = q->K, ld = q->W.ld;
    const float *W = q->W.data, *x = q->x;
    row_sums even, apart, *odd = split ? &apart : &even;
    if (V > ROW_VECTORS) return; /* never called with so many */
    even.half = apart.half = h_of(v_set(0));
    for (int v = 0; v < V; v++) {
        const int64_t lanes = half || v < V - 1 ? VW : tail;
        even.full[v] = q->b ? v_load_part(q->b + v * VW, lanes) : v_set(0);
        apart.full[v] = v_set(0);
    }
    if (half && q->b) even.half = h_load_n(q->b + V * VW, tail);
    int64_t k = 0;
    for (; BROADCAST4 && k + 4 <= K; k += 4, W += 4 * ld) {
        const vf vec4 = v_broadcast4(x + k);
        add_row(V, half, tail, W, V_SPREAD(vec4, 0), &even);
        add_row(V, half, tail, W + ld, V_SPREAD(vec4, 1), odd);
        add_row(V, half, tail, W + 2 * ld, V_SPREAD(vec4, 2), &even);
        add_row(V, half, tail, W + 3 * ld, V_SPREAD(vec4, 3), odd);
    }
    for (; k + 2 <= K; k += 2, W += 2 * ld) {
        add_row(V, half, tail, W, v_set(x[k]), &even);
        add_row(V, half, tail, W + ld, v_set(x[k + 1]), odd);
    }
    if (k < K) add_row(V, half, tail, W, v_set(x[k]), &even);
    for (int v = 0; v < V; v++)
        v_store_part(q->y + v * VW, split ? even.full[v] + apart.full[v] : even.full[v],
                     half || v < V - 1 ? VW : tail);
    if (half) h_store_n(q->y + V * VW, split ? even.half + apart.half : even.half, tail);
}

INLINE void block_of_rows(const columns *q, bool split, int V, bool half, int64_t tail)
{
    if (half)
        gemv_n_of(q, split, V, HALVES, tail);
    else
        gemv_n_of(q, split, V, false, tail);
}

/* So many vectors, of which split ones are SPLIT_VECTORS at most. */
INLINE void block_of_vectors(const columns *q, bool split, int64_t vectors, bool half, int64_t tail)
{
    switch (vectors) {
    case 0:
        gemv_n_of(q, split, 0, HALVES, tail);
        break;
    case 1:
        block_of_rows(q, split, 1, half, tail);
        break;
    case 2:
        block_of_rows(q, split, 2, half, tail);
        break;
    case 3:
        block_of_rows(q, split, 3, half, tail);
        break;
    case 4:
        block_of_rows(q, split, 4, half, tail);
        break;
    case 5:
        if (!split || SPLIT_VECTORS >= 5) block_of_rows(q, split, 5, half, tail);
        break;
    case 6:
        if (!split) block_of_rows(q, false, 6, half, tail);
        break;
    case 7:
        if (!split) block_of_rows(q, false, 7, half, tail);
        break;
    default:
        if (!split) block_of_rows(q, false, 8, half, tail);
        break;
    }
}

/* In blocks of nearly equal numbers of vectors; behind the last one may come half a vector. */
INLINE void all_columns(columns q, bool split, int64_t N)
{
    const int most = split ? SPLIT_VECTORS : ROW_VECTORS;
    const int64_t over = N % VW;
    const bool ends_in_half = HALVES && over > 0 && over <= VW / 2;
    int64_t left = N / VW + (over > 0 && !ends_in_half);
    for (int64_t blocks = recur__max(1, (left + most - 1) / most); blocks > 0; blocks--) {
        const int64_t vectors = (left + blocks - 1) / blocks,
                      tail = blocks > 1 || over == 0 ? VW : over;
        block_of_vectors(&q, split, vectors, ends_in_half && blocks == 1, tail);
        left -= vectors;
        q.W.data += vectors * VW;
        q.y += vectors * VW;
        if (q.b) q.b += vectors * VW;
    }
}

static void gemv_n(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b, float *y)
{
    all_columns((columns){ .K = K, .W = W, .x = x, .b = b, .y = y }, false, N);
}

static void gemv_n_split(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b,
                         float *y)
{
    all_columns((columns){ .K = K, .W = W, .x = x, .b = b, .y = y }, true, N);
}

/* Rows that become columns at once, and numbers of each: 9 KiB, which stay in the first cache. */
enum { UNITS = ROW_VECTORS * VW, DEPTH = 2304 / UNITS / 4 * 4 };

static void gemv_t(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    _Alignas(64) float columns_of_W[DEPTH * UNITS];
    for (int64_t n = 0; n < N; n += UNITS, W.data += UNITS * W.ld) {
        const int64_t units = recur__min(N - n, UNITS);
        for (int64_t k = 0; k < K || k == 0; k += DEPTH) {
            const int64_t depth = recur__min(K - k, DEPTH);
            for (int64_t u = 0; u < units; u += VW)
                rows_to_columns(recur__min(units - u, VW), depth, W.data + u * W.ld + k, W.ld,
                                columns_of_W + u, UNITS);
            const float *from = b ? b + n : NULL;
            gemv_n(depth, units, (recur__matrix){ columns_of_W, UNITS }, x + k,
                   k > 0 ? y + n : from, y + n);
        }
    }
}

/* Some rows and vectors of columns of such a product with many rows. */
enum { MANY = RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon };
enum { ROWS = MANY ? 6 : 3, COLUMNS = 2 };
typedef struct tile {
    int64_t K, lda, ldw, ldy, tail; /* tail: lanes of the last vector */
    const float *a, *w, *b;
    float *y;
} tile;

/* acc += one column of A times one row of W */
INLINE void add_outer(int R, int V, const tile *t, int64_t k, vf acc[ROWS][COLUMNS])
{
    vf w[COLUMNS];
    UNROLL for (int v = 0; v < V; v++)
        w[v] = v_load_part(t->w + k * t->ldw + v * VW, v < V - 1 ? VW : t->tail);
    UNROLL for (int r = 0; r < R; r++)
    {
        const vf a = v_set(t->a[r * t->lda + k]);
        UNROLL for (int v = 0; v < V; v++) acc[r][v] += a * w[v];
    }
}

/* The sums of gemv_n: b first, then k after k. */
INLINE void multiply_tile(int R, int V, const tile *t)
{
    vf acc[ROWS][COLUMNS];
    UNROLL for (int v = 0; v < V; v++)
    {
        const int64_t lanes = v < V - 1 ? VW : t->tail;
        const vf b = t->b ? v_load_part(t->b + v * VW, lanes) : v_set(0);
        UNROLL for (int r = 0; r < R; r++) acc[r][v] = b;
    }
    for (int64_t k = 0; k < t->K; k++) add_outer(R, V, t, k, acc);
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int v = 0; v < V; v++)
            v_store_part(t->y + r * t->ldy + v * VW, acc[r][v], v < V - 1 ? VW : t->tail);
    }
}

INLINE void tile_of_rows(int64_t rows, int V, const tile *t)
{
    switch (rows) {
    case 1:
        multiply_tile(1, V, t);
        break;
    case 2:
        multiply_tile(2, V, t);
        break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
    case 3:
        multiply_tile(3, V, t);
        break;
    case 4:
        multiply_tile(4, V, t);
        break;
    case 5:
        multiply_tile(5, V, t);
        break;
#endif
    default:
        multiply_tile(ROWS, V, t);
        break;
    }
}

static void rows_n(recur__sizes s, recur__matrix A, recur__matrix W, const float *b, recur__sums y)
{
    enum { PANEL = COLUMNS * VW };
    if (s.M == 1) {
        gemv_n(s.K, s.N, W, A.data, b, y.data);
        return;
    }
    for (int64_t n = 0; n < s.N; n += PANEL) {
        const int64_t left = s.N - n;
        const int V = left > VW ? COLUMNS : 1;
        tile t = { .K = s.K, .lda = A.ld, .ldw = W.ld, .ldy = y.ld };
        t.tail = recur__min(left - (V - 1) * VW, VW);
        t.w = W.data + n;
        t.b = b ? b + n : NULL;
        for (int64_t r = 0, rows; r < s.M; r += rows) {
            const int64_t below = s.M - r;
            rows = below > ROWS && below < 2 * ROWS ? (below + 1) / 2 : recur__min(below, ROWS);
            t.a = A.data + r * A.ld;
            t.y = y.data + r * y.ld + n;
            if (V == 1)
                tile_of_rows(rows, 1, &t);
            else
                tile_of_rows(rows, COLUMNS, &t);
        }
    }
}

#endif

/* One row of C. The last vector overlaps the one before: it is read before that one is written, so
 * both write the same numbers. */
INLINE void ger_row(int64_t N, vf am, const float *b, float *c)
{
    if (N < VW) {
        v_store_n(c, v_load_n(c, N) + am * v_load_n(b, N), N);
        return;
    }
    const vf last = v_load(c + N - VW) + am * v_load(b + N - VW);
    for (int64_t n = 0; n + VW <= N; n += VW) v_store(c + n, v_load(c + n) + am * v_load(b + n));
    v_store(c + N - VW, last);
}

enum { WIDEST = 1024 }; /* row that is copied */

/* C without gaps between its rows, as one vector of M N numbers: so its vectors lie where they do
 * not cross cache lines, and are read and written once. b is copied with its beginning behind it,
 * which is what a vector over the end of a row needs; it takes one factor in its first lanes, and
 * the next one in the others. */
static void ger_flat(int64_t M, int64_t N, const float *a, const float *b, float *C)
{
    float twice[WIDEST + VW];
    memcpy(twice, b, (size_t)N * sizeof *b);
    memcpy(twice + N, b, VW * sizeof *b);
    const int64_t beyond = (int64_t)((uintptr_t)C / sizeof *C % VW),
                  first = beyond ? VW - beyond : 0;
    v_store_n(C, v_load_n(C, first) + v_set(a[0]) * v_load(b), first);
    int64_t n = first;
    for (int64_t m = 0; m < M; m++, C += N, n -= N) {
        const vf am = v_set(a[m]);
        for (; n + VW <= N; n += VW) v_store(C + n, v_load(C + n) + am * v_load(twice + n));
        if (n == N) continue;
        if (m + 1 < M)
            v_store(C + n, v_load(C + n) + v_first(am, v_set(a[m + 1]), N - n) * v_load(twice + n));
        else
            v_store_n(C + n, v_load_n(C + n, N - n) + am * v_load_n(b + n, N - n), N - n);
        n += VW;
    }
}

static void ger(int64_t M, int64_t N, const float *a, const float *b, float *C, int64_t ldc)
{
    if (VW > 4 && ldc == N && N >= VW && N <= WIDEST && (uintptr_t)C % sizeof *C == 0)
        ger_flat(M, N, a, b, C);
    else
        for (int64_t m = 0; m < M; m++, C += ldc) ger_row(N, v_set(a[m]), b, C);
}

const recur__gemv RECUR__PER_ISA(gemv) = {
    .gemv_t = gemv_t,
    .gemv_n = gemv_n,
    .rows_n = rows_n,
#if RECUR__SET == RECUR__IS_ref
    .gemv_n_split = gemv_n,
    .dots = gemv_t,
#else
    .gemv_n_split = RECUR__IF(TRAIN, gemv_n_split),
    .dots = dots,
#endif
    .ger = RECUR__IF(TRAIN, ger),
};
