/* reduce.c - sums over the rows of a matrix: into one row, or into the rows that ids name. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

#if RECUR__SET == RECUR__IS_ref

static void column_sums(int64_t R, int64_t N, const float *A, int64_t lda, float *sum)
{
    for (int64_t n = 0; n < N; n++) {
        double total = (double)sum[n];
        for (int64_t r = 0; r < R; r++) total += (double)A[r * lda + n];
        sum[n] = (float)total;
    }
}

#else

/* V vectors of columns, the last one of `tail` lanes, while all rows go by. */
INLINE void sums_of(int V, int64_t tail, int64_t R, const float *A, int64_t lda, float *sum)
{
    vf acc[4];
    for (int v = 0; v < V; v++) acc[v] = v_load_part(sum + v * VW, v == V - 1 ? tail : VW);
    for (int64_t r = 0; r < R; r++, A += lda)
        for (int v = 0; v < V; v++) acc[v] += v_load_part(A + v * VW, v == V - 1 ? tail : VW);
    for (int v = 0; v < V; v++) v_store_part(sum + v * VW, acc[v], v == V - 1 ? tail : VW);
}

static void column_sums(int64_t R, int64_t N, const float *A, int64_t lda, float *sum)
{
    int64_t n = R > 0 ? 0 : N; /* without rows A may be NULL */
    for (; n + 4 * VW <= N; n += 4 * VW) sums_of(4, VW, R, A + n, lda, sum + n);
    for (; n < N; n += VW) sums_of(1, recur__min(VW, N - n), R, A + n, lda, sum + n);
}

#endif

typedef float vec4 __attribute__((vector_size(16)));

static void scatter(int64_t R, int64_t N, const float *A, int64_t lda, const int32_t *ids, float *C)
{
    for (int64_t r = 0; r < R; r++, A += lda) {
        float *c = C + ids[r] * N;
        int64_t n = 0;
        for (; n + VW <= N; n += VW) v_store(c + n, v_load(c + n) + v_load(A + n));
        for (; n + 4 <= N; n += 4) { /* narrow rows, and what is left of wide ones */
            vec4 sum, own;
            memcpy(&sum, c + n, sizeof sum);
            memcpy(&own, A + n, sizeof own);
            sum += own;
            memcpy(c + n, &sum, sizeof sum);
        }
        for (; n < N; n++) c[n] += A[n];
    }
}

const recur__reduce RECUR__PER_ISA(reduce) = { .column_sums = RECUR__IF(TRAIN, column_sums),
                                               .scatter = RECUR__IF(TRAIN, scatter) };
