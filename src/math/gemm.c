/* gemm.c - the only file that calls CBLAS. Sizes were checked where layers and layouts are made, so they fit CBLAS's int.
 * Products with one row go to the kernels: sgemm would repack a whole matrix for them. */
#include <cblas.h>

#include "math/math.h"

static void sgemm(enum CBLAS_TRANSPOSE at, enum CBLAS_TRANSPOSE bt, int64_t M, int64_t N, int64_t K, recur__matrix A,
                  recur__matrix B, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, at, bt, (int)M, (int)N, (int)K, 1, A.data, (int)A.ld, B.data, (int)B.ld, 1, C, (int)ldc);
}

static bool empty(int64_t M, int64_t N, int64_t K) { return M == 0 || N == 0 || K == 0; }

void recur__gemm_nt(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (M == 1) k->product->dots(N, K, B.data, B.ld, A.data, C);
    else if (k->product->gemm) k->product->gemm(false, true, M, N, K, A.data, A.ld, B.data, B.ld, C, ldc);
    else sgemm(CblasNoTrans, CblasTrans, M, N, K, A, B, C, ldc);
}

void recur__gemm_nn(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (M == 1) k->product->rows(K, N, B.data, B.ld, A.data, C);
    else if (k->product->gemm) k->product->gemm(false, false, M, N, K, A.data, A.ld, B.data, B.ld, C, ldc);
    else sgemm(CblasNoTrans, CblasNoTrans, M, N, K, A, B, C, ldc);
}

void recur__gemm_tn(const recur__kernels *k, int64_t M, int64_t N, int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc)
{
    if (empty(M, N, K)) return;
    if (K == 1) k->product->outer(M, N, A.data, B.data, C, ldc);
    else if (k->product->gemm) k->product->gemm(true, false, M, N, K, A.data, A.ld, B.data, B.ld, C, ldc);
    else sgemm(CblasTrans, CblasNoTrans, M, N, K, A, B, C, ldc);
}
