/* product.c - products with one row, and sums, for which a GEMM is the wrong tool.
 * The reference sums in double, in the order of the formula. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

#if RECUR__SET == RECUR__IS_ref

static void dots(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = (double)y[n];
        for (int64_t k = 0; k < K; k++) sum += (double)W[n * ldw + k] * (double)x[k];
        y[n] = (float)sum;
    }
}

static void rows(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x, float *y)
{
    for (int64_t n = 0; n < N; n++) {
        double sum = (double)y[n];
        for (int64_t k = 0; k < K; k++) sum += (double)x[k] * (double)W[k * ldw + n];
        y[n] = (float)sum;
    }
}

static void column_sums(int64_t R, int64_t N, const float *A, int64_t lda, float *sum)
{
    for (int64_t n = 0; n < N; n++) {
        double total = (double)sum[n];
        for (int64_t r = 0; r < R; r++) total += (double)A[r * lda + n];
        sum[n] = (float)total;
    }
}

#else

/* Sum of R products of rows of W with x, the x vector loaded once for all R. */
INLINE void dots_of(int R, int64_t K, const float *W, int64_t ldw, const float *x, float *y)
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
    for (int r = 0; r < R; r++) y[r] += v_sum(acc[r]);
}

static void dots(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x, float *y)
{
    int64_t n = 0;
    for (; n + 4 <= N; n += 4) dots_of(4, K, W + n * ldw, ldw, x, y + n);
    for (; n < N; n++) dots_of(1, K, W + n * ldw, ldw, x, y + n);
}

/* V vectors of y, kept in registers while all rows of W go by; the last one has `tail` lanes. */
INLINE void rows_of(int V, int64_t tail, int64_t K, const float *W, int64_t ldw, const float *x, float *y)
{
    vf acc[4];
    for (int v = 0; v < V; v++) acc[v] = v == V - 1 && tail < VW ? v_load_n(y + v * VW, tail) : v_load(y + v * VW);
    for (int64_t k = 0; k < K; k++, W += ldw) {
        const vf xk = v_set(x[k]);
        for (int v = 0; v < V; v++)
            acc[v] += xk * (v == V - 1 && tail < VW ? v_load_n(W + v * VW, tail) : v_load(W + v * VW));
    }
    for (int v = 0; v < V; v++) {
        if (v == V - 1 && tail < VW) v_store_n(y + v * VW, acc[v], tail);
        else v_store(y + v * VW, acc[v]);
    }
}

static void rows(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x, float *y)
{
    int64_t n = 0;
    for (; n + 4 * VW <= N; n += 4 * VW) rows_of(4, VW, K, W + n, ldw, x, y + n);
    for (; n + VW <= N; n += VW) rows_of(1, VW, K, W + n, ldw, x, y + n);
    if (n < N) rows_of(1, N - n, K, W + n, ldw, x, y + n);
}

static void column_sums(int64_t R, int64_t N, const float *A, int64_t lda, float *sum)
{
    for (int64_t n = 0; n < N; n += VW) {
        const int64_t lanes = recur__min(VW, N - n);
        vf acc = v_load_n(sum + n, lanes);
        if (lanes == VW)
            for (int64_t r = 0; r < R; r++) acc += v_load(A + r * lda + n);
        else
            for (int64_t r = 0; r < R; r++) acc += v_load_n(A + r * lda + n, lanes);
        v_store_n(sum + n, acc, lanes);
    }
}

#endif

/* One row of C. The last vector overlaps the one before: it is read before that one is written, so both write the same numbers. */
INLINE void outer_row(int64_t N, vf am, const float *b, float *c)
{
    if (N < VW) {
        v_store_n(c, v_load_n(c, N) + am * v_load_n(b, N), N);
        return;
    }
    const vf last = v_load(c + N - VW) + am * v_load(b + N - VW);
    for (int64_t n = 0; n + VW <= N; n += VW) v_store(c + n, v_load(c + n) + am * v_load(b + n));
    v_store(c + N - VW, last);
}

static void outer(int64_t M, int64_t N, const float *a, const float *b, float *C, int64_t ldc)
{
    for (int64_t m = 0; m < M; m++, C += ldc) outer_row(N, v_set(a[m]), b, C);
}

typedef float four __attribute__((vector_size(16)));

static void scatter(int64_t R, int64_t N, const float *A, int64_t lda, const int32_t *ids, float *C)
{
    for (int64_t r = 0; r < R; r++, A += lda) {
        float *c = C + ids[r] * N;
        int64_t n = 0;
        for (; n + VW <= N; n += VW) v_store(c + n, v_load(c + n) + v_load(A + n));
        for (; n + 4 <= N; n += 4) { /* narrow rows, and what is left of wide ones */
            four sum, own;
            memcpy(&sum, c + n, sizeof sum);
            memcpy(&own, A + n, sizeof own);
            sum += own;
            memcpy(c + n, &sum, sizeof sum);
        }
        for (; n < N; n++) c[n] += A[n];
    }
}

const recur__product RECUR__PER_ISA(product) = {
    .scatter = scatter,
    .dots = dots,
    .rows = rows,
    .outer = outer,
    .column_sums = column_sums,
};
