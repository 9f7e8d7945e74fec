/* matmul.c - chooses who computes a product. The only file that calls CBLAS; sizes were checked
 * where layers and layouts are made, so they fit its int.
 *
 * What a forward pass or a step computes comes from own kernels: one order of sums, whatever the
 * number of rows. Gradients come from them too, unless the build has a CBLAS and both sides are so
 * long that the instruction set's own are slower, and the context does not ask for the same
 * gradients everywhere: `own_is_chosen`. Products with many rows are cut into pieces, whatever the
 * number of threads, so that the sums are the same. */
#ifdef RECUR__BLAS
#include <cblas.h>
#endif

#include "linalg/matrix.h"

/* CBLAS repacks an operand for every piece, so its pieces are larger; so are those of a long
 * gradient of weights, which read all of B. */
enum { PIECE = 256, LONG_PIECE = 512, CBLAS_PIECE = 1024 };

typedef struct product {
    const recur__kernels *k;
    recur__sizes sizes;
    recur__matrix A, B;
    recur__sums C;
    bool at, bt; /* transposed */
    bool own;
    int64_t piece;
} product;

static void call_cblas(const product *p, int64_t M, const float *A, float *C)
{
#ifdef RECUR__BLAS
    const CBLAS_TRANSPOSE at = p->at ? CblasTrans : CblasNoTrans;
    cblas_sgemm(CblasRowMajor, at, CblasNoTrans, (int)M, (int)p->sizes.N, (int)p->sizes.K, 1, A,
                (int)p->A.ld, p->B.data, (int)p->B.ld, 1, C, (int)p->C.ld);
#else /* never called */
    (void)p;
    (void)M;
    (void)A;
    (void)C;
#endif
}

/* Rows [m, m + M) of C */
static void multiply(const product *p, int64_t m, int64_t M)
{
    const float *A = p->A.data + (p->at ? m : m * p->A.ld);
    float *C = p->C.data + m * p->C.ld;
    recur__gemm_function *gemm = p->k->gemm->nn;
    if (!p->own) {
        call_cblas(p, M, A, C);
        return;
    }
    if (p->at) gemm = p->k->gemm->tn;
    if (p->bt) gemm = p->k->gemm->nt;
    gemm((recur__sizes){ M, p->sizes.N, p->sizes.K }, (recur__matrix){ A, p->A.ld }, p->B,
         (recur__sums){ C, p->C.ld });
}

static void multiply_piece(void *argument, int64_t i)
{
    const product *p = argument;
    multiply(p, i * p->piece, recur__min(p->piece, p->sizes.M - i * p->piece));
}

static void multiply_all(const recur_context *ctx, product *p)
{
    p->piece = PIECE;
    if (p->at && p->sizes.N >= PIECE) p->piece = LONG_PIECE;
    if (!p->own) p->piece = CBLAS_PIECE;
    const int64_t pieces = (p->sizes.M + p->piece - 1) / p->piece;
    if ((double)p->sizes.M * (double)p->sizes.N * (double)p->sizes.K >= RECUR__WORTH_WAKING)
        recur__parallel(ctx, pieces, multiply_piece, p);
    else
        for (int64_t i = 0; i < pieces; i++) multiply_piece(p, i);
}

static bool empty(recur__sizes s) { return s.M == 0 || s.N == 0 || s.K == 0; }
static bool reference(const recur__kernels *k) { return k->isa == RECUR_ISA_REF; }

/* The one place where own kernels or CBLAS are chosen, by the sides of B or of C. */
static bool own_is_chosen(const recur_context *ctx, const recur__kernels *k, int64_t rows,
                          int64_t columns)
{
#ifdef RECUR__BLAS
    return rows < k->gemm->blas_from || columns < k->gemm->blas_from ||
           recur__context_reproducible(ctx);
#else
    (void)ctx;
    (void)k;
    (void)rows;
    (void)columns;
    return true;
#endif
}

void recur__gemm_nt_here(const recur__kernels *k, recur__sizes sizes, recur__matrix A,
                         recur__matrix B, recur__sums C)
{
    if (sizes.M == 1)
        k->gemv->gemv_t(sizes.N, sizes.K, B, A.data, C.data, C.data);
    else if (!empty(sizes))
        k->gemm->nt(sizes, A, B, C);
}

void recur__gemm_nt(const recur_context *ctx, const recur__kernels *k, recur__sizes sizes,
                    recur__matrix A, recur__matrix B, recur__sums C)
{
    product p = { .k = k, .sizes = sizes, .A = A, .B = B, .C = C, .bt = true, .own = true };
    if (sizes.M == 1)
        recur__gemm_nt_here(k, sizes, A, B, C);
    else if (!empty(sizes))
        multiply_all(ctx, &p);
}

void recur__gemm_nn(const recur_context *ctx, const recur__kernels *k, recur__sizes sizes,
                    recur__matrix A, recur__matrix B, recur__sums C)
{
    if (sizes.M == 1) k->gemv->gemv_n_split(sizes.K, sizes.N, B, A.data, C.data, C.data);
    if (sizes.M == 1 || empty(sizes)) return;
    product p = { .k = k,
                  .sizes = sizes,
                  .A = A,
                  .B = B,
                  .C = C,
                  .own = own_is_chosen(ctx, k, sizes.N, sizes.K) };
    multiply_all(ctx, &p);
}

/* Columns that are few, and numbers of them at a time: 2 KiB of stack. */
enum { FEW = 16, AT_ONCE = 512 };

/* The last columns that would not fill their vectors: all, if there are few, else those over the
 * last full one. */
static int64_t few_columns(const product *p)
{
    const int64_t width = p->k->gemm->width;
    const int64_t over = p->sizes.N % width;
    int64_t few = over <= width / 4 ? over : 0;
    if (p->sizes.N <= FEW) few = p->sizes.N;
    return p->own && !reference(p->k) && p->sizes.M > few ? few : 0;
}

/* M rows of them from row m on are computed the other way round, where rows of C fill the vectors:
 * Cᵀ = Bᵀ A. */
static void transposed_rows(const product *p, int64_t few, int64_t m, int64_t M)
{
    const int64_t N = p->sizes.N - few;
    const recur__matrix A = { p->A.data + m, p->A.ld }, B = { p->B.data + N, p->B.ld };
    float transposed_round[AT_ONCE], *C = p->C.data + m * p->C.ld + N;
    memset(transposed_round, 0, (size_t)(M * few) * sizeof *transposed_round);
    p->k->gemm->tn((recur__sizes){ few, M, p->sizes.K }, B, A,
                   (recur__sums){ transposed_round, M });
    for (int64_t r = 0; r < M; r++)
        for (int64_t n = 0; n < few; n++) C[r * p->C.ld + n] += transposed_round[n * M + r];
}

static void transposed_columns(const product *p, int64_t few)
{
    const int64_t rows = AT_ONCE / few;
    for (int64_t m = 0; m < p->sizes.M; m += rows)
        transposed_rows(p, few, m, recur__min(rows, p->sizes.M - m));
}

void recur__gemm_tn(const recur_context *ctx, const recur__kernels *k, recur__sizes sizes,
                    recur__matrix A, recur__matrix B, recur__sums C)
{
    if (empty(sizes)) return;
    product p = { .k = k,
                  .sizes = sizes,
                  .A = A,
                  .B = B,
                  .C = C,
                  .at = true,
                  .own = own_is_chosen(ctx, k, sizes.M, sizes.N) };
    if (sizes.K == 1) {
        k->gemv->ger(sizes.M, sizes.N, A.data, B.data, C.data, C.ld);
        return;
    }
    const int64_t few = few_columns(&p);
    if (few) transposed_columns(&p, few);
    p.sizes.N -= few;
    if (p.sizes.N) multiply_all(ctx, &p);
}
