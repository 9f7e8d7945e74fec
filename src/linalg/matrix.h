/* matrix.h - the contract of matrix products; behind it CBLAS, the reference, and the products of
 * one row. */
#ifndef RECUR__LINALG_H
#define RECUR__LINALG_H

#include "kernels/kernels.h"

/* A row-major matrix inside a larger array: element (i, j) is at data[i * ld + j]. */
typedef struct recur__matrix {
    const float *data;
    int64_t ld;
} recur__matrix;

/* All three add to C [M][N]. Large ones are cut into pieces of a fixed size, which the threads of
 * ctx share: the same sums for any number of threads. No size may exceed RECUR__LARGEST; zero is
 * fine. */
void recur__gemm_nt(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc); /* A [M][K] B [N][K]ᵀ: inputs times weights    */
void recur__gemm_nn(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc); /* A [M][K] B [K][N]: gradients times weights  */
void recur__gemm_tn(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C,
                    int64_t ldc); /* A [K][M]ᵀ B [K][N]: gradients times inputs  */

/* to[c][r] = from[r][c] for R rows of C numbers */
void recur__transpose(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to,
                      int64_t ld_to);

#endif
