/* gemv.c - products with one row, for which a GEMM is the wrong tool. The reference sums in double,
 * in the order of the formula. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

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

/* Sum of R products of rows of W with x, the x vector loaded once for all R. */
INLINE void gemv_t_of(int R, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    vf acc[4] = { 0 };
    int64_t k = 0;
    for (; k + VW <= K; k += VW) {
        const vf xv = v_load(x + k);
        for (int r = 0; r < R; r++) acc[r] += v_load(W.data + r * W.ld + k) * xv;
    }
    if (k < K) {
        const vf xv = v_load_n(x + k, K - k);
        for (int r = 0; r < R; r++) acc[r] += v_load_n(W.data + r * W.ld + k, K - k) * xv;
    }
    for (int r = 0; r < R; r++) y[r] = (b ? b[r] : 0) + v_sum(acc[r]);
}

static void gemv_t(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y)
{
    if (N == 1) { /* the head of many streams: without what a loop makes ready */
        gemv_t_of(1, K, W, x, b, y);
        return;
    }
    int64_t n = 0;
    for (; n + 4 <= N; n += 4, W.data += 4 * W.ld) gemv_t_of(4, K, W, x, b ? b + n : NULL, y + n);
    for (; n < N; n++, W.data += W.ld) gemv_t_of(1, K, W, x, b ? b + n : NULL, y + n);
}

/* Vectors of y at once: with 16 registers not more. */
enum { ROW_VECTORS = RECUR__SET == RECUR__IS_avx512 ? 5 : 4 };

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

/* V vectors of y, and half a one, kept in registers while all rows of W go by: even and odd ones
 * apart, so that sums need not wait for each other; with BROADCAST4 their numbers are read four at
 * a time, as loads are what this waits for. */
INLINE void gemv_n_of(const columns *q, int V, bool half, int64_t tail)
{
    const int64_t K = q->K, ld = q->W.ld;
    const float *W = q->W.data, *x = q->x;
    row_sums even, odd;
    even.half = odd.half = h_of(v_set(0));
    for (int v = 0; v < V; v++) {
        const int64_t lanes = half || v < V - 1 ? VW : tail;
        even.full[v] = q->b ? v_load_part(q->b + v * VW, lanes) : v_set(0);
        odd.full[v] = v_set(0);
    }
    if (half && q->b) even.half = h_load_n(q->b + V * VW, tail);
    int64_t k = 0;
    for (; BROADCAST4 && k + 4 <= K; k += 4, W += 4 * ld) {
        const vf vec4 = v_broadcast4(x + k);
        add_row(V, half, tail, W, V_SPREAD(vec4, 0), &even);
        add_row(V, half, tail, W + ld, V_SPREAD(vec4, 1), &odd);
        add_row(V, half, tail, W + 2 * ld, V_SPREAD(vec4, 2), &even);
        add_row(V, half, tail, W + 3 * ld, V_SPREAD(vec4, 3), &odd);
    }
    for (; k + 2 <= K; k += 2, W += 2 * ld) {
        add_row(V, half, tail, W, v_set(x[k]), &even);
        add_row(V, half, tail, W + ld, v_set(x[k + 1]), &odd);
    }
    if (k < K) add_row(V, half, tail, W, v_set(x[k]), &even);
    for (int v = 0; v < V; v++)
        v_store_part(q->y + v * VW, even.full[v] + odd.full[v], half || v < V - 1 ? VW : tail);
    if (half) h_store_n(q->y + V * VW, even.half + odd.half, tail);
}

INLINE void block_of_rows(const columns *q, int V, bool half, int64_t tail)
{
    if (half)
        gemv_n_of(q, V, HALVES, tail);
    else
        gemv_n_of(q, V, false, tail);
}

/* In blocks of nearly equal numbers of vectors; behind the last one may come half a vector. */
static void gemv_n(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b, float *y)
{
    const int64_t over = N % VW;
    const bool ends_in_half = HALVES && over > 0 && over <= VW / 2;
    int64_t left = N / VW + (over > 0 && !ends_in_half);
    columns q = { .K = K, .W = W, .x = x, .b = b, .y = y };
    for (int64_t blocks = recur__max(1, (left + ROW_VECTORS - 1) / ROW_VECTORS); blocks > 0;
         blocks--) {
        const int64_t vectors = (left + blocks - 1) / blocks,
                      tail = blocks > 1 || over == 0 ? VW : over;
        const bool half = ends_in_half && blocks == 1;
        switch (vectors) {
        case 0:
            gemv_n_of(&q, 0, HALVES, tail);
            break;
        case 1:
            block_of_rows(&q, 1, half, tail);
            break;
        case 2:
            block_of_rows(&q, 2, half, tail);
            break;
        case 3:
            block_of_rows(&q, 3, half, tail);
            break;
        case 4:
            block_of_rows(&q, 4, half, tail);
            break;
        default:
            block_of_rows(&q, ROW_VECTORS, half, tail);
            break;
        }
        left -= vectors;
        q.W.data += vectors * VW;
        q.y += vectors * VW;
        if (q.b) q.b += vectors * VW;
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

/* The sums of gemv_n: even and odd rows of W apart, b first. */
INLINE void multiply_tile(int R, int V, const tile *t)
{
    vf even[ROWS][COLUMNS], odd[ROWS][COLUMNS];
    UNROLL for (int v = 0; v < V; v++)
    {
        const int64_t lanes = v < V - 1 ? VW : t->tail;
        const vf b = t->b ? v_load_part(t->b + v * VW, lanes) : v_set(0);
        UNROLL for (int r = 0; r < R; r++)
        {
            even[r][v] = b;
            odd[r][v] = v_set(0);
        }
    }
    int64_t k = 0;
    for (; k + 2 <= t->K; k += 2) {
        add_outer(R, V, t, k, even);
        add_outer(R, V, t, k + 1, odd);
    }
    if (k < t->K) add_outer(R, V, t, k, even);
    UNROLL for (int r = 0; r < R; r++)
    {
        UNROLL for (int v = 0; v < V; v++) v_store_part(
            t->y + r * t->ldy + v * VW, even[r][v] + odd[r][v], v < V - 1 ? VW : t->tail);
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
    .ger = ger,
};
