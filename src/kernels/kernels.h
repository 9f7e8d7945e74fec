/* kernels.h - what is computed once per instruction set: one table per set, chosen by the context.
 */
#ifndef RECUR__KERNELS_H
#define RECUR__KERNELS_H

#include "base/base.h"

typedef struct recur__optimizer_kernels
    recur__optimizer_kernels; /* optimizer.h: optimizers, clipping */

/* Products with one row, and sums, for which a GEMM is the wrong tool. W is row-major [N][K] or
 * [K][N]; b may be y, or NULL: zeros. */
typedef struct recur__gemv {
    void (*gemv_t)(int64_t N, int64_t K, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y); /* y[n] = b[n] + Σk W[n][k] x[k] */
    void (*gemv_n)(int64_t K, int64_t N, const float *W, int64_t ldw, const float *x,
                   const float *b, float *y); /* y[n] = b[n] + Σk x[k] W[k][n] */
    void (*ger)(int64_t M, int64_t N, const float *a, const float *b, float *C,
                int64_t ldc); /* C[m][n] += a[m] b[n]    */
    void (*scatter)(int64_t R, int64_t N, const float *A, int64_t lda, const int32_t *ids,
                    float *C); /* C[ids[r]][n] += A[r][n] */
    void (*column_sums)(int64_t R, int64_t N, const float *A, int64_t lda,
                        float *sum); /* sum[n] += Σr A[r][n]    */
} recur__gemv;

/* Products of many rows. Where both sides of B or C are at least `blas_from` CBLAS is faster. */
typedef void recur__gemm_function(int64_t M, int64_t N, int64_t K, const float *A, int64_t lda,
                                  const float *B, int64_t ldb, float *C, int64_t ldc);
typedef struct recur__gemm {
    recur__gemm_function *nn; /* C[M][N] += A[M][K] B[K][N]  */
    recur__gemm_function *tn; /* C[M][N] += A[K][M]ᵀ B[K][N] */
    int64_t blas_from, width; /* width: numbers in a vector */
} recur__gemm;

enum { RECUR__ACTIVATIONS = RECUR_ACTIVATION_IDENTITY + 1 }; /* one more than the last */

/* One pass over a vector of n numbers; y may be x. */
typedef struct recur__elementwise {
    void (*activation[RECUR__ACTIVATIONS])(int64_t n, const float *x,
                                           float *y); /* of RECUR_ACTIVATION_* */
    void (*activation_backward[RECUR__ACTIVATIONS])(int64_t n, const float *x, const float *dy,
                                                    float *dx); /* from x, not y */
    void (*add)(int64_t n, const float *x, float *y);           /* y += x */
    /* y = x / (1 - p) where the mask of this key keeps, else 0. Element e of a tensor has the same
     * mask in every call. */
    void (*dropout)(int64_t n, double p, uint64_t key, const float *x, float *y);
    void (*exp)(int64_t n, const float *x, float *y);
    bool (*all_below)(int64_t n, const int32_t *ids, uint32_t limit); /* 0 <= id < limit */
} recur__elementwise;

/* What is known of a row of n numbers: x̂ = (x - mean) scale + rest, where rest is what a float's
 * mean leaves of the true one. */
typedef struct recur__moments {
    float mean, scale, rest; /* scale = 1 / √(variance + epsilon) */
} recur__moments;

/* Layer normalisation of R rows of n numbers: y = w x̂ + b. */
typedef struct recur__layernorm {
    /* b NULL: zeros; moments [R] NULL: not wanted; y NULL: not wanted. */
    void (*forward)(int64_t R, int64_t n, double epsilon, const float *x, const float *w,
                    const float *b, float *y, recur__moments *moments);
    /* dx [R][n] */
    void (*backward)(int64_t R, int64_t n, const float *x, const recur__moments *moments,
                     const float *w, const float *dy, float *dx);
    /* dw [n] and, unless NULL, db [n] are added to. */
    void (*gradient)(int64_t R, int64_t n, const float *x, const recur__moments *moments,
                     const float *dy, float *dw, float *db);
} recur__layernorm;

/* Costs of n numbers y with targets t, times scale; dy, unless NULL, gets the derivatives, times
 * scale. delta: huber's. */
typedef double recur__cost_function(int64_t n, double delta, double scale, const float *y,
                                    const float *t, float *dy);
typedef struct recur__loss_kernels {
    recur__cost_function *mse, *l1, *huber;
} recur__loss_kernels;

typedef struct recur__kernels {
    int isa; /* RECUR_ISA_* */
    const recur__optimizer_kernels *optimizer;
    const recur__gemv *gemv;
    const recur__gemm *gemm;
    const recur__elementwise *elementwise;
    const recur__layernorm *layernorm;
    const recur__loss_kernels *loss;
} recur__kernels;

/* The table of a context; NULL: of the default one. */
const recur__kernels *recur__kernels_of(const recur_context *ctx);

#endif
