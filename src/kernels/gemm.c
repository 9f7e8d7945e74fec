/* gemm.c - products whose sides are too short for CBLAS to pay: both operands are read where they lie.
 *
 *   nn  C[M][N] += A[M][K] B[K][N]        tn  C[M][N] += A[K][M]ᵀ B[K][N]
 *
 * A tile of ROWS × up to 4 vectors of C stays in registers while k runs: a number of A is broadcast, vectors of B go by. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

#if RECUR__SET != RECUR__IS_ref

enum { MANY_REGISTERS = RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon }; /* 32, else 16 */
enum { ROWS = 6, VECTORS = MANY_REGISTERS ? 4 : 2, DEPTH = 128 };

typedef struct product {
    bool transposed; /* of A */
    int64_t M, N, K, lda, ldb, ldc;
    const float *A, *B;
    float *C;
} product;

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

/* MR × NV vectors of C from (m, n) on, for k in [k0, k1); the last vector has `tail` lanes. */
INLINE void tile(int MR, int NV, bool at, bool full, const product *p, int64_t m, int64_t n, int64_t k0, int64_t k1, int64_t tail)
{
    vf acc[ROWS][VECTORS];
    const float *a = at ? p->A + k0 * p->lda + m : p->A + m * p->lda + k0, *b = p->B + k0 * p->ldb + n;
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < NV; v++) acc[r][v] = v_set(0);
    for (int64_t k = k0; k < k1; k++, b += p->ldb, a += at ? p->lda : 1) {
        if (at) __builtin_prefetch(a + 16 * p->lda);
        vf bk[VECTORS];
        UNROLL for (int v = 0; v < NV; v++) bk[v] = full || v < NV - 1 ? v_load(b + v * VW) : v_load_n(b + v * VW, tail);
        UNROLL for (int r = 0; r < MR; r++) {
            const vf ark = v_set(at ? a[r] : a[r * p->lda]);
            UNROLL for (int v = 0; v < NV; v++) acc[r][v] += ark * bk[v];
        }
    }
    UNROLL for (int r = 0; r < MR; r++) {
        float *c = p->C + (m + r) * p->ldc + n;
        UNROLL for (int v = 0; v < NV; v++, c += VW) {
            if (full || v < NV - 1) v_store(c, v_load(c) + acc[r][v]);
            else v_store_n(c, v_load_n(c, tail) + acc[r][v], tail);
        }
    }
}

/* All rows of one group of columns, in blocks of nearly equal size. */
INLINE void columns_of(int NV, bool at, bool full, const product *p, int64_t n, int64_t k0, int64_t k1, int64_t tail)
{
    for (int64_t m = 0, blocks = (p->M + ROWS - 1) / ROWS; blocks > 0; blocks--) {
        const int64_t rows = (p->M - m + blocks - 1) / blocks;
        switch (rows) {
        case 1: tile(1, NV, at, full, p, m, n, k0, k1, tail); break;
        case 2: tile(2, NV, at, full, p, m, n, k0, k1, tail); break;
        case 3: tile(3, NV, at, full, p, m, n, k0, k1, tail); break;
        case 4: tile(4, NV, at, full, p, m, n, k0, k1, tail); break;
        case 5: tile(5, NV, at, full, p, m, n, k0, k1, tail); break;
        default: tile(6, NV, at, full, p, m, n, k0, k1, tail); break;
        }
        m += rows;
    }
}

INLINE void multiply(bool at, const product *p)
{
    for (int64_t k = 0; k < p->K; k += DEPTH) {
        const int64_t end = recur__min(p->K, k + DEPTH);
        int64_t n = 0;
        for (; n + VECTORS * VW <= p->N; n += VECTORS * VW) columns_of(VECTORS, at, true, p, n, k, end, VW);
        const int64_t left = p->N - n, tail = (left - 1) % VW + 1;
        if (left == 0) continue;
        switch ((left + VW - 1) / VW) {
        case 1: columns_of(1, at, false, p, n, k, end, tail); break;
        case 2: columns_of(2, at, false, p, n, k, end, tail); break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
        case 3: columns_of(3, at, false, p, n, k, end, tail); break;
        default: columns_of(4, at, false, p, n, k, end, tail); break;
#endif
        }
    }
}

static void nn(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb, float *C, int64_t ldc)
{
    const product p = { .M = M, .N = N, .K = K, .lda = lda, .ldb = ldb, .ldc = ldc, .A = A, .B = B, .C = C };
    multiply(false, &p);
}

static void tn(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb, float *C, int64_t ldc)
{
    const product p = { .M = M, .N = N, .K = K, .lda = lda, .ldb = ldb, .ldc = ldc, .A = A, .B = B, .C = C };
    multiply(true, &p);
}

#else

static void nn(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb, float *C, int64_t ldc)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double sum = (double)C[m * ldc + n];
            for (int64_t k = 0; k < K; k++) sum += (double)A[m * lda + k] * (double)B[k * ldb + n];
            C[m * ldc + n] = (float)sum;
        }
}

static void tn(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb, float *C, int64_t ldc)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            double sum = (double)C[m * ldc + n];
            for (int64_t k = 0; k < K; k++) sum += (double)A[k * lda + m] * (double)B[k * ldb + n];
            C[m * ldc + n] = (float)sum;
        }
}

#endif

const recur__gemm RECUR__PER_ISA(gemm) = { .nn = nn, .tn = tn };
