/* matmul.c - chooses who computes a product. The only file that calls CBLAS; sizes were checked
 * where layers and layouts are made, so they fit its int.
 *
 * One row: sgemm would repack a whole matrix for it. Inputs times weights: CBLAS. Gradients: own
 * kernels, and CBLAS where both sides are so long that the instruction set's own are slower.
 * Products with many rows are cut into pieces, whatever the number of threads, so that the sums are
 * the same. */
#include <cblas.h>

#include "linalg/matrix.h"

/* CBLAS repacks an operand for every piece, so its pieces are larger; so are those of a long
 * gradient of weights, which read all of B. */
enum { PIECE = 256, LONG_PIECE = 512, CBLAS_PIECE = 1024 };

typedef struct product {
    const recur__kernels *k;
    int64_t M, N, K, piece;
    recur__matrix A, B;
    float *C;
    int64_t ldc;
    bool at, bt; /* transposed */
    bool own;
} product;

static void call_cblas(const product *p, int64_t M, const float *A, float *C)
{
    const CBLAS_TRANSPOSE at = p->at ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE bt = p->bt ? CblasTrans : CblasNoTrans;
    cblas_sgemm(CblasRowMajor, at, bt, (int)M, (int)p->N, (int)p->K, 1, A, (int)p->A.ld, p->B.data,
                (int)p->B.ld, 1, C, (int)p->ldc);
}

/* Rows [m, m + M) of C */
static void multiply(const product *p, int64_t m, int64_t M)
{
    const float *A = p->A.data + (p->at ? m : m * p->A.ld);
    const float *B = p->B.data;
    float *C = p->C + m * p->ldc;
    if (!p->own) {
        call_cblas(p, M, A, C);
    } else if (p->bt) {
        for (int64_t r = 0; r < M; r++) {
            float *c = C + r * p->ldc;
            p->k->gemv->gemv_t(p->N, p->K, B, p->B.ld, A + r * p->A.ld, c, c);
        }
    } else {
        recur__gemm_function *gemm = p->at ? p->k->gemm->tn : p->k->gemm->nn;
        gemm(M, p->N, p->K, A, p->A.ld, B, p->B.ld, C, p->ldc);
    }
}

static void multiply_piece(void *argument, int64_t i)
{
    const product *p = argument;
    multiply(p, i * p->piece, recur__min(p->piece, p->M - i * p->piece));
}

static void multiply_all(const recur_context *ctx, product *p)
{
    p->piece = PIECE;
    if (p->at && p->N >= PIECE) p->piece = LONG_PIECE;
    if (!p->own) p->piece = CBLAS_PIECE;
    const int64_t pieces = (p->M + p->piece - 1) / p->piece;
    if ((double)p->M * (double)p->N * (double)p->K >= RECUR__WORTH_WAKING)
        recur__parallel(ctx, pieces, multiply_piece, p);
    else
        for (int64_t i = 0; i < pieces; i++) multiply_piece(p, i);
}

static bool empty(int64_t M, int64_t N, int64_t K) { return M == 0 || N == 0 || K == 0; }
static bool reference(const recur__kernels *k) { return k->isa == RECUR_ISA_REF; }

void recur__gemm_nt(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C, int64_t ldc)
{
    if (empty(M, N, K)) return;
    product p = { .k = k,
                  .M = M,
                  .N = N,
                  .K = K,
                  .A = A,
                  .B = B,
                  .C = C,
                  .ldc = ldc,
                  .bt = true,
                  .own = M < 4 || reference(k) };
    if (p.own)
        multiply(&p, 0, M);
    else
        multiply_all(ctx, &p);
}

void recur__gemm_nn(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C, int64_t ldc)
{
    if (M == 1) k->gemv->gemv_n(K, N, B.data, B.ld, A.data, C, C);
    if (M == 1 || empty(M, N, K)) return;
    product p = { .k = k,
                  .M = M,
                  .N = N,
                  .K = K,
                  .A = A,
                  .B = B,
                  .C = C,
                  .ldc = ldc,
                  .own = N < k->gemm->blas_from || K < k->gemm->blas_from };
    multiply_all(ctx, &p);
}

enum { FEW = 16, MOST = 4096 };

/* The last columns that would not fill their vectors: all, if there are few, else those over the
 * last full one. */
static int64_t few_columns(const product *p)
{
    const int64_t width = p->k->gemm->width;
    const int64_t over = p->N % width;
    int64_t few = over <= width / 4 ? over : 0;
    if (p->N <= FEW) few = p->N;
    const bool fits = p->M > few && p->M * few <= MOST;
    return p->own && !reference(p->k) && fits ? few : 0;
}

/* They are computed the other way round, where rows of C fill the vectors: Cᵀ = Bᵀ A. */
static void transposed_columns(const product *p, int64_t few)
{
    float transposed_round[MOST], *C = p->C + p->N - few;
    memset(transposed_round, 0, (size_t)(p->M * few) * sizeof *transposed_round);
    p->k->gemm->tn(few, p->M, p->K, p->B.data + p->N - few, p->B.ld, p->A.data, p->A.ld,
                   transposed_round, p->M);
    for (int64_t m = 0; m < p->M; m++)
        for (int64_t n = 0; n < few; n++) C[m * p->ldc + n] += transposed_round[n * p->M + m];
}

void recur__gemm_tn(const recur_context *ctx, const recur__kernels *k, int64_t M, int64_t N,
                    int64_t K, recur__matrix A, recur__matrix B, float *C, int64_t ldc)
{
    if (empty(M, N, K)) return;
    product p = { .k = k,
                  .M = M,
                  .N = N,
                  .K = K,
                  .A = A,
                  .B = B,
                  .C = C,
                  .ldc = ldc,
                  .at = true,
                  .own = M < k->gemm->blas_from || N < k->gemm->blas_from };
    if (K == 1) {
        k->gemv->ger(M, N, A.data, B.data, C, ldc);
        return;
    }
    const int64_t few = few_columns(&p);
    if (few) transposed_columns(&p, few);
    p.N -= few;
    if (p.N) multiply_all(ctx, &p);
}
