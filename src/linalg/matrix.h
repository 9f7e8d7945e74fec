/* matrix.h - the contract of matrix products, and who computes them. */
#ifndef RECUR__LINALG_H
#define RECUR__LINALG_H

#include "kernels/kernels.h"

/* All three add to C [M][N]. Large ones are cut into pieces of a fixed size, which the threads of
 * ctx share: the same sums for any number of threads. No size may exceed RECUR__LARGEST; zero is
 * fine.
 *
 * These are for passes, which may wait for other threads; nn and tn may also call CBLAS. A step
 * calls recur__gemm_nt_here, which does neither. */
typedef void recur__gemm_contract(const recur_context *ctx, const recur__kernels *k,
                                  recur__sizes sizes, recur__matrix A, recur__matrix B,
                                  recur__sums C);
recur__gemm_contract recur__gemm_nt; /* A [M][K] B [N][K]ᵀ: inputs times weights   */
recur__gemm_contract recur__gemm_nn; /* A [M][K] B [K][N]: gradients times weights */
recur__gemm_contract recur__gemm_tn; /* A [K][M]ᵀ B [K][N]: gradients times inputs */

/* nt on the caller's thread, by kernels of this library: no lock, memory or system call */
void recur__gemm_nt_here(const recur__kernels *k, recur__sizes sizes, recur__matrix A,
                         recur__matrix B, recur__sums C);

/* to[c][r] = from[r][c] for R rows of C numbers */
void recur__transpose(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to,
                      int64_t ld_to);

#endif
