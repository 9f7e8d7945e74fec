/* kernels.h - what is computed once per instruction set: one table per set, chosen by the context. */
#ifndef RECUR__KERNELS_H
#define RECUR__KERNELS_H

#include "base/base.h"

typedef struct recur__update recur__update; /* update.h: optimizers, clipping */

/* Products with one row, and sums, for which a GEMM is the wrong tool. W is row-major [N][K] or [K][N]; all add to y. */
typedef struct recur__product {
    void (*dots)(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x, float *y);  /* y[n] += Σk W[n][k] x[k] */
    void (*rows)(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x, float *y);  /* y[n] += Σk x[k] W[k][n] */
    void (*outer)(int64_t M, int64_t N, const float *a, const float *b, float *C, int64_t ldc); /* C[m][n] += a[m] b[n]    */
    void (*column_sums)(int64_t R, int64_t N, const float *A, int64_t lda, float *sum);         /* sum[n] += Σr A[r][n]    */
    /* C[M][N] += op(A)[M][K] op(B)[K][N] with sums in double; NULL where CBLAS does it. */
    void (*gemm)(bool at, bool bt, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float *C, int64_t ldc);
} recur__product;

/* One pass over a vector of n numbers; y may be x. */
typedef struct recur__vector {
    void (*tanh)(int64_t n, const float *x, float *y);
    void (*sigmoid)(int64_t n, const float *x, float *y);
    void (*relu)(int64_t n, const float *x, float *y);
    void (*tanh_backward)(int64_t n, const float *x, const float *dy, float *dx); /* from x, not y */
    void (*sigmoid_backward)(int64_t n, const float *x, const float *dy, float *dx);
    void (*relu_backward)(int64_t n, const float *x, const float *dy, float *dx);
    void (*add)(int64_t n, const float *x, float *y); /* y += x */
    /* y = x / (1 - p) where the mask of this key keeps, else 0. Element e of a tensor has the same mask in every call. */
    void (*dropout)(int64_t n, double p, uint64_t key, const float *x, float *y);
    void (*exp)(int64_t n, const float *x, float *y);
} recur__vector;

typedef struct recur__kernels {
    int isa; /* RECUR_ISA_* */
    const recur__update *update;
    const recur__product *product;
    const recur__vector *vector;
} recur__kernels;

/* The table of a context; NULL: of the default one. */
const recur__kernels *recur__kernels_of(const recur_context *ctx);

#endif
