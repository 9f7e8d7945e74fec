/* gemv.c - products with one row, for which a GEMM is the wrong tool. The reference sums in double,
 * in the order of the formula. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

#if RECUR__SET == RECUR__IS_ref

static void gemv_t(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = b ? (double)b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)W[n * ldw + k] * (double)x[k];
        y[n] = (float)sum;
    }
}

static void gemv_n(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = b ? (double)b[n] : 0;
        for (int64_t k = 0; k < K; k++) sum += (double)x[k] * (double)W[k * ldw + n];
        y[n] = (float)sum;
    }
}

#else

/* Sum of R products of rows of W with x, the x vector loaded once for all R. */
INLINE void gemv_t_of(int R, int64_t K, const float *W, int64_t ldw, const float *x, const float *b,
                      float *y)
{
    vf acc[4] = { 0 };
    int64_t k = 0;
    for (; k + VW <= K; k += VW) {
        const vf xv = v_load(x + k);
        for (int r = 0; r < R; r++) acc[r] += v_load(W + r * ldw + k) * xv;
    }
    if (k < K) {
        const vf xv = v_load_n(x + k, K - k);
        for (int r = 0; r < R; r++) acc[r] += v_load_n(W + r * ldw + k, K - k) * xv;
    }
    for (int r = 0; r < R; r++) y[r] = (b ? b[r] : 0) + v_sum(acc[r]);
}

static void gemv_t(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y)
{
    if (N == 1) { /* the head of many streams: without what a loop makes ready */
        gemv_t_of(1, K, W, ldw, x, b, y);
        return;
    }
    int64_t n = 0;
    for (; n + 4 <= N; n += 4) gemv_t_of(4, K, W + n * ldw, ldw, x, b ? b + n : NULL, y + n);
    for (; n < N; n++) gemv_t_of(1, K, W + n * ldw, ldw, x, b ? b + n : NULL, y + n);
}

/* acc[v] += x W for one row of W, whose last vector has `tail` lanes: of half a vector if `half`.
 * The number is in all lanes of x. */
INLINE void add_row(int V, bool half, int64_t tail, const float *W, vf x, vf *acc, vh *last)
{
    for (int v = 0; v < V; v++)
        acc[v] += x * v_load_part(W + v * VW, half || v < V - 1 ? VW : tail);
    if (half) *last += h_of(x) * h_load_n(W + V * VW, tail);
}

/* Vectors of y at once: with 16 registers not more. */
enum { ROW_VECTORS = RECUR__SET == RECUR__IS_avx512 ? 5 : 4 };

/* V vectors of y, and half a one, kept in registers while all rows of W go by: even and odd ones
 * apart, so that sums need not wait for each other; with BROADCAST4 their numbers are read four at
 * a time, as loads are what this waits for. */
INLINE void gemv_n_of(int V, bool half, int64_t tail, int64_t K, const float *W, int64_t ldw,
                      const float *x, const float *b, float *y)
{
    vf even[ROW_VECTORS], odd[ROW_VECTORS];
    vh last = h_of(v_set(0)), odd_last = last;
    for (int v = 0; v < V; v++) {
        even[v] = b ? v_load_part(b + v * VW, half || v < V - 1 ? VW : tail) : v_set(0);
        odd[v] = v_set(0);
    }
    if (half && b) last = h_load_n(b + V * VW, tail);
    int64_t k = 0;
    for (; BROADCAST4 && k + 4 <= K; k += 4, W += 4 * ldw) {
        const vf vec4 = v_broadcast4(x + k);
        add_row(V, half, tail, W, V_SPREAD(vec4, 0), even, &last);
        add_row(V, half, tail, W + ldw, V_SPREAD(vec4, 1), odd, &odd_last);
        add_row(V, half, tail, W + 2 * ldw, V_SPREAD(vec4, 2), even, &last);
        add_row(V, half, tail, W + 3 * ldw, V_SPREAD(vec4, 3), odd, &odd_last);
    }
    for (; k + 2 <= K; k += 2, W += 2 * ldw) {
        add_row(V, half, tail, W, v_set(x[k]), even, &last);
        add_row(V, half, tail, W + ldw, v_set(x[k + 1]), odd, &odd_last);
    }
    if (k < K) add_row(V, half, tail, W, v_set(x[k]), even, &last);
    for (int v = 0; v < V; v++)
        v_store_part(y + v * VW, even[v] + odd[v], half || v < V - 1 ? VW : tail);
    if (half) h_store_n(y + V * VW, last + odd_last, tail);
}

INLINE void block_of_rows(int V, bool half, int64_t tail, int64_t K, const float *W, int64_t ldw,
                          const float *x, const float *b, float *y)
{
    if (half)
        gemv_n_of(V, HALVES, tail, K, W, ldw, x, b, y);
    else
        gemv_n_of(V, false, tail, K, W, ldw, x, b, y);
}

/* In blocks of nearly equal numbers of vectors; behind the last one may come half a vector. */
static void gemv_n(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y)
{
    const int64_t over = N % VW;
    const bool ends_in_half = HALVES && over > 0 && over <= VW / 2;
    int64_t left = N / VW + (over > 0 && !ends_in_half);
    for (int64_t n = 0, blocks = recur__max(1, (left + ROW_VECTORS - 1) / ROW_VECTORS); blocks > 0;
         blocks--) {
        const int64_t vectors = (left + blocks - 1) / blocks,
                      tail = blocks > 1 || over == 0 ? VW : over;
        const bool half = ends_in_half && blocks == 1;
        switch (vectors) {
        case 0:
            gemv_n_of(0, HALVES, tail, K, W + n, ldw, x, b, y + n);
            break;
        case 1:
            block_of_rows(1, half, tail, K, W + n, ldw, x, b, y + n);
            break;
        case 2:
            block_of_rows(2, half, tail, K, W + n, ldw, x, b, y + n);
            break;
        case 3:
            block_of_rows(3, half, tail, K, W + n, ldw, x, b, y + n);
            break;
        case 4:
            block_of_rows(4, half, tail, K, W + n, ldw, x, b, y + n);
            break;
        default:
            block_of_rows(ROW_VECTORS, half, tail, K, W + n, ldw, x, b, y + n);
            break;
        }
        n += vectors * VW;
        left -= vectors;
        if (b) b += vectors * VW;
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
    .ger = ger,
};
