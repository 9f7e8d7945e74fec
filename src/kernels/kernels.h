/* kernels.h - what is computed once per instruction set: one table per set, chosen by the context.
 */
#ifndef RECUR__KERNELS_H
#define RECUR__KERNELS_H

#include "base/base.h"

/* A row-major matrix inside a larger array: element (i, j) is at data[i * ld + j]. */
typedef struct recur__matrix {
    const float *data;
    int64_t ld;
} recur__matrix;

/* Such a matrix, which a product adds to. */
typedef struct recur__sums {
    float *data;
    int64_t ld;
} recur__sums;

/* Of a product of many rows: C [M][N] of K summands each. */
typedef struct recur__sizes {
    int64_t M, N, K;
} recur__sizes;

/* Products with one row, and sums, for which a GEMM is the wrong tool. W is [N][K] or [K][N]; b may
 * be y, or NULL: zeros.
 *
 * What a forward pass computes has one order of sums, whatever the number of rows: a number begins
 * with b, and gets k after k. So do gemv_t, gemv_n, recur__gemm's nt and nn, and the tiles. */
typedef struct recur__gemv {
    /* y[n] = b[n] + Σk W[n][k] x[k] */
    void (*gemv_t)(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y);
    /* y[n] = b[n] + Σk x[k] W[k][n] */
    void (*gemv_n)(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b, float *y);
    /* y[r][n] = b[n] + Σk A[r][k] W[k][n] for M rows. Each has the bits that gemv_n gives it,
     * whatever rows stand beside it: so a stream equals the whole. */
    void (*rows_n)(recur__sizes sizes, recur__matrix A, recur__matrix W, const float *b,
                   recur__sums y);
    /* The same as gemv_n, in an order that is faster for few columns: for gradients. */
    void (*gemv_n_split)(int64_t K, int64_t N, recur__matrix W, const float *x, const float *b,
                         float *y);
    /* The same as gemv_t, in an order that is faster for few outputs. Who has so few takes it for
     * every number of rows. */
    void (*dots)(int64_t N, int64_t K, recur__matrix W, const float *x, const float *b, float *y);
    void (*ger)(int64_t M, int64_t N, const float *a, const float *b, float *C,
                int64_t ldc); /* C[m][n] += a[m] b[n]    */
} recur__gemv;

/* Sums over the rows of A [R][N]. */
typedef struct recur__reduce {
    /* sum[n] += Σr A[r][n] */
    void (*column_sums)(int64_t R, int64_t N, const float *A, int64_t lda, float *sum);
    /* C[ids[r]][n] += A[r][n] for rows of N numbers without gaps; ids may repeat */
    void (*scatter)(int64_t R, int64_t N, const float *A, int64_t lda, const int32_t *ids,
                    float *C);
} recur__reduce;

/* Products of many rows. Where both sides of B or C are at least `blas_from` CBLAS is faster. The
 * sums of nt and nn begin with C and get k after k; tn, for gradients of weights, adds up blocks of
 * k by themselves, since there may be many. */
typedef void recur__gemm_function(recur__sizes sizes, recur__matrix A, recur__matrix B,
                                  recur__sums C);
typedef struct recur__gemm {
    recur__gemm_function *nt; /* C[M][N] += A[M][K] B[N][K]ᵀ */
    recur__gemm_function *nn; /* C[M][N] += A[M][K] B[K][N]  */
    recur__gemm_function *tn; /* C[M][N] += A[K][M]ᵀ B[K][N] */
    /* width: numbers in a vector; in sets that agree, in the widest of their vectors */
    int64_t blas_from, width;
} recur__gemm;

enum { RECUR__ACTIVATIONS = RECUR_ACTIVATION_POSITIVE + 1 }; /* one more than the last */

/* Functions of a vector of n numbers, by RECUR_ACTIVATION_*; y may be x. */
typedef struct recur__activation_kernels {
    void (*forward[RECUR__ACTIVATIONS])(int64_t n, const float *x, float *y);
    void (*backward[RECUR__ACTIVATIONS])(int64_t n, const float *x, const float *dy,
                                         float *dx); /* from x, not y */
} recur__activation_kernels;

/* One pass over a vector of n numbers; y may be x. */
typedef struct recur__elementwise {
    void (*add)(int64_t n, const float *x, float *y); /* y += x */
    /* y = x / (1 - p) where the mask of this key keeps, else 0. Element e of a tensor, of which
     * these are those from `first` on, has the same mask in every call. */
    void (*dropout)(int64_t n, int64_t first, double p, uint64_t key, const float *x, float *y);
    void (*exp)(int64_t n, const float *x, float *y);
    bool (*all_below)(int64_t n, const int32_t *ids, uint32_t limit); /* 0 <= id < limit */
} recur__elementwise;

/* What is known of a row of n numbers: x̂ = (x - mean) scale + rest, where rest is what a float's
 * mean leaves of the true one. */
typedef struct recur__moments {
    float mean, scale, rest; /* scale = 1 / √(variance + epsilon) */
} recur__moments;

/* Normalisation of R rows of n numbers: y = w x̂ + b. */
typedef struct recur__normed_rows {
    int64_t R, n;
    double epsilon;
    const float *x;          /* [R][n] */
    const float *w, *b;      /* [n]; b NULL: zeros */
    recur__moments *moments; /* [R]: forward fills them, backward and gradient read them */
} recur__normed_rows;

typedef struct recur__layernorm {
    void (*forward)(const recur__normed_rows *rows, float *y); /* moments or y NULL: not wanted */
    void (*backward)(const recur__normed_rows *rows, const float *dy, float *dx); /* dx [R][n] */
    /* The same where the mean counts as 0; b is not read. */
    void (*rms_forward)(const recur__normed_rows *rows, float *y);
    void (*rms_backward)(const recur__normed_rows *rows, const float *dy, float *dx);
    /* dw [n] and, unless NULL, db [n] are added to. */
    void (*gradient)(const recur__normed_rows *rows, const float *dy, float *dw, float *db);
} recur__layernorm;

/* Costs of n numbers y with targets t, times scale; dy, unless NULL, gets the derivatives, times
 * scale. delta: huber's. */
typedef double recur__cost_function(int64_t n, double delta, double scale, const float *y,
                                    const float *t, float *dy);
typedef struct recur__loss_kernels {
    recur__cost_function *mse, *l1, *huber;
} recur__loss_kernels;

/* ---- the loops of training: update rules, clipping, one row of a softmax ----------------------
 */

/* One step over one range of the vector: how many numbers, and the constants of the rule. */
typedef struct recur__rule {
    int64_t n;
    float scale;        /* of the gradients on their way in                                */
    float decay;        /* times the parameter, added to the gradient (L2)                 */
    float shrink;       /* times the parameter, taken from it: rate decay, where decoupled */
    float rate;         /* step size, Adam's first bias correction included                */
    float momentum;     /* of the step before                                              */
    float share;        /* of the gradient: in a dampened momentum, in NAdam's direction   */
    float beta1, rest1; /* β1, 1 - β1                                                      */
    float beta2, rest2; /* β2, 1 - β2; also RMSprop's alpha and Adadelta's rho             */
    float root;         /* Adam: 1 / √(1 - β2^t); RAdam: 1                                 */
    float epsilon;      /* of the denominator                                              */
    uint32_t frozen;    /* all bits: the moments follow the gradients, the parameters stay; or 0 */
} recur__rule;

/* p moves against g; a, b, c are the moments that the rule has, in the order of its row in
 * train/optimizer_kinds.c. */
typedef void recur__update(const recur__rule *rule, float *restrict p, const float *restrict g,
                           float *restrict a, float *restrict b, float *restrict c);

typedef struct recur__optimizer_kernels {
    recur__update *sgd[4];    /* plain, momentum, Nesterov, dampened */
    recur__update *adam[2];   /* [amsgrad]                 */
    recur__update *adam_mean; /* by the mean gradient alone, as RAdam begins */
    recur__update *nadam;
    recur__update *rmsprop[2][2]; /* [centred][momentum]       */
    recur__update *adagrad, *adadelta;

    double (*sum_squares)(int64_t n, const float *x);
    float (*max_abs)(int64_t n, const float *x); /* NaN if there is one */
    void (*scale)(int64_t n, float s, float *x);
    void (*clamp)(int64_t n, float limit, float *x); /* NaN stays */

    float (*max)(int64_t n, const float *x); /* NaN is passed over; -infinity for none */
    /* e = exp(x - max), where e is wanted; gives their sum. */
    double (*exps)(int64_t n, float max, const float *x, float *e);
} recur__optimizer_kernels;

/* ---- the table of a context ------------------------------------------------------------------ */

typedef struct recur__kernels {
    int isa; /* RECUR_ISA_* */
    const recur__gemv *gemv;
    const recur__gemm *gemm;
    const recur__reduce *reduce;
    const recur__elementwise *elementwise;
} recur__kernels;

/* The table of a context; NULL: of the default one. */
const recur__kernels *recur__kernels_of(const recur_context *ctx);

/* The other families of the same set. */
const recur__activation_kernels *recur__activation_of(const recur__kernels *kernels);
const recur__layernorm *recur__layernorm_of(const recur__kernels *kernels);
const recur__loss_kernels *recur__loss_of(const recur__kernels *kernels);
const recur__optimizer_kernels *recur__optimizer_of(const recur__kernels *kernels);

#endif
