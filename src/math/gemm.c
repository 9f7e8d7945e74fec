/* gemm.c - chooses who computes a product. The only file that calls CBLAS; sizes were checked where layers and layouts are made, so
 * they fit its int.
 *
 * One row: sgemm would repack a whole matrix for it. Short sides: own kernels read both operands where they lie. Else: CBLAS.
 * bench/ measures where the border lies. */
#include <cblas.h>

#include "math/math.h"

enum { SHORT = 256 };

static void sgemm(enum CBLAS_TRANSPOSE at, enum CBLAS_TRANSPOSE bt, int64_t M, int64_t N, int64_t K, recur__matrix A,
                  recur__matrix B, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, at, bt, (int)M, (int)N, (int)K, 1, A.data, (int)A.ld, B.data, (int)B.ld, 1, C, (int)ldc);
}

static bool empty(int64_t M, int64_t N, int64_t K) { return M == 0 || N == 0 || K == 0; }
static bool reference(const recur__kernels *k) { return k->isa == RECUR_ISA_REF; }

void recur__gemm_nt(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (M < 4 || reference(k))
        for (int64_t m = 0; m < M; m++) k->product->dots(N, K, B.data, B.ld, A.data + m * A.ld, C + m * ldc);
    else sgemm(CblasNoTrans, CblasTrans, M, N, K, A, B, C, ldc);
}

void recur__gemm_nn(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (M == 1) k->product->rows(K, N, B.data, B.ld, A.data, C);
    else if (N < SHORT || K < SHORT || reference(k)) k->gemm->nn(M, N, K, A.data, A.ld, B.data, B.ld, C, ldc);
    else sgemm(CblasNoTrans, CblasNoTrans, M, N, K, A, B, C, ldc);
}

void recur__gemm_tn(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (K == 1) k->product->outer(M, N, A.data, B.data, C, ldc);
    else if (M < SHORT || N < SHORT || reference(k)) k->gemm->tn(M, N, K, A.data, A.ld, B.data, B.ld, C, ldc);
    else sgemm(CblasTrans, CblasNoTrans, M, N, K, A, B, C, ldc);
}
