/* gemm.c - products over many rows. Operands are read where they lie, in blocks that stay in the
 * cache.
 *
 *   nt  C[M][N] += A[M][K] B[N][K]ᵀ       nn  C[M][N] += A[M][K] B[K][N]
 *   tn  C[M][N] += A[K][M]ᵀ B[K][N]
 *
 * nt and nn begin with C and add k after k, so their sums do not depend on M, on blocks or on
 * tiles. nt turns rows of B into the columns of a small panel, by which it multiplies all rows of
 * A.
 *
 * A tile of ROWS × up to VECTORS vectors of C stays in registers while k runs: a number of A is
 * broadcast, vectors of B go by. For DEPTH values of k, and BLOCK rows at a time, tiles go over all
 * columns, so that the DEPTH rows of B stay in the second-level cache. Where there are many
 * columns, the first tile of some rows of Aᵀ writes its numbers side by side as it reads them,
 * since their rows lie too far apart to stay in a cache; meanwhile A of the next block is fetched.
 * To pack A apart from that, or B, was slower, as was packing with few columns. */
#include "kernels/kernels.h"
#include "kernels/simd.h"
#include "kernels/transpose.h"

#if RECUR__SET != RECUR__IS_ref

/* There are 32 registers, else 16. */
enum { MANY_REGISTERS = RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon };
/* A vector with a tail costs no more than a full one. */
enum { MASKS = RECUR__SET == RECUR__IS_avx512 };
enum { ROWS = 6, VECTORS = MANY_REGISTERS ? 4 : 2, PANEL = VECTORS * VW, FEW_PANELS = 2 };
/* Of DEPTH, BLOCK and the depth of a panel: what a product has on the stack takes 9 KiB. */
enum { DEPTH = 128, BLOCK = 3 * ROWS, WIDTH = 512, LINE = 16, STACK = 2304 };
/* Rows of B and A that are fetched ahead; with 16 registers it costs more than it brings. */
enum { SOON = 8, LATER = 16 };

typedef struct product {
    int64_t M, N, K, lda, ldb, ldc;
    const float *A, *B;
    float *C;
} product;

INLINE product product_of(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    return (product){ sizes.M, sizes.N, sizes.K, A.ld, B.ld, C.ld, A.data, B.data, C.data };
}

/* Where a tile reads and writes. Number k of row r of A is at a[k * step + r] if transposed, else
 * at a[r * step + k]. */
typedef struct place {
    int64_t K, step, ldb, ldc, tail; /* tail: lanes of the last vector */
    const float *a, *b;
    float *c, *packed; /* packed: where A goes, ROWS numbers for each k */
} place;

/* A as it lies there; or packed: by the first columns, for the others. */
enum { IN_PLACE, TO_PACKED, FROM_PACKED };

/* MR × NV vectors of C */
INLINE void tile(int MR, int NV, bool at, bool full, int how, const place *p)
{
    vf acc[ROWS][VECTORS];
    const int64_t step = how == FROM_PACKED ? ROWS : p->step, K = p->K, ldb = p->ldb, ldc = p->ldc,
                  tail = p->tail;
    const float *a = p->a, *b = p->b, *soon = b + SOON * ldb;
    float *c = p->c, *packed = p->packed;
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < NV; v++)
        {
            const float *from = c + r * ldc + v * VW;
            acc[r][v] = at ? v_set(0) : full || v < NV - 1 ? v_load(from) : v_load_n(from, tail);
        }
    }
    if (at && K > LATER) {
        UNROLL for (int r = 0; r < MR; r++)
        {
            UNROLL for (int v = 0; v < NV; v++)
            {
                if (v * VW % LINE == 0) __builtin_prefetch(c + r * ldc + v * VW);
            }
        }
    }
    for (int64_t k = 0; k < K; k++, b += ldb, soon += ldb, a += at ? step : 1) {
        vf bk[VECTORS];
        UNROLL for (int v = 0; v < NV; v++)
        {
            if (MANY_REGISTERS && v * VW % LINE == 0) __builtin_prefetch(soon + v * VW);
            bk[v] = full || v < NV - 1 ? v_load(b + v * VW) : v_load_n(b + v * VW, tail);
        }
        if (MANY_REGISTERS && at && how != FROM_PACKED) __builtin_prefetch(a + LATER * step);
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vf ark = v_set(at ? a[r] : a[r * step]);
            UNROLL for (int v = 0; v < NV; v++) acc[r][v] += ark * bk[v];
        }
        if (how == TO_PACKED) {
            memcpy(packed, a, (size_t)MR * sizeof *a);
            packed += ROWS;
        }
    }
    UNROLL for (int r = 0; r < MR; r++, c += ldc)
    {
        UNROLL for (int v = 0; v < NV; v++)
        {
            if (full || v < NV - 1)
                v_store(c + v * VW, at ? v_load(c + v * VW) + acc[r][v] : acc[r][v]);
            else
                v_store_n(c + v * VW, at ? v_load_n(c + v * VW, tail) + acc[r][v] : acc[r][v],
                          tail);
        }
    }
}

/* The last rows of A, fewer than a tile has, which are never packed */
INLINE void few_rows(int64_t rows, int NV, bool at, bool full, const place *p)
{
    switch (rows) {
    case 1:
        tile(1, NV, at, full, IN_PLACE, p);
        break;
    case 2:
        tile(2, NV, at, full, IN_PLACE, p);
        break;
    case 3:
        tile(3, NV, at, full, IN_PLACE, p);
        break;
    case 4:
        tile(4, NV, at, full, IN_PLACE, p);
        break;
    default:
        tile(5, NV, at, full, IN_PLACE, p);
        break;
    }
}

INLINE void all_rows(int NV, bool at, bool full, int how, const place *p)
{
    if (!at || how == IN_PLACE)
        tile(ROWS, NV, at, full, IN_PLACE, p);
    else if (how == FROM_PACKED)
        tile(ROWS, NV, at, full, FROM_PACKED, p);
    else if (NV == VECTORS)
        tile(ROWS, NV, at, true, TO_PACKED, p);
}

/* Rows [m, m + M) of A at [k, k + K), and what is fetched meanwhile: so many `lines` of numbers,
 * `each` of them with a tile. */
typedef struct block {
    int64_t m, M, k, K;
    float *packed;
    const float *next;
    int64_t lines, numbers, each;
} block;

INLINE void fetch(block *q, int64_t lda)
{
    for (int64_t i = recur__min(q->each, q->lines); i > 0; i--, q->lines--, q->next += lda)
        for (int64_t j = 0; j < q->numbers; j += LINE) __builtin_prefetch(q->next + j, 0, 2);
}

/* All rows of a block, NV vectors of columns from n on; packs: the first columns pack A, the others
 * read that. */
INLINE void columns_of(int NV, bool at, bool packs, const product *p, block *q, int64_t n)
{
    const int how = !packs ? IN_PLACE : n > 0 ? FROM_PACKED : TO_PACKED;
    const int64_t left = p->N - n;
    place t = { .K = q->K,
                .step = p->lda,
                .ldb = p->ldb,
                .ldc = p->ldc,
                .tail = recur__min(left - (NV - 1) * VW, VW),
                .b = p->B + q->k * p->ldb + n };
    const bool full = left >= NV * VW;
    for (int64_t r = 0, rows; r < q->M; r += rows) {
        const int64_t below = q->M - r;
        rows = below > ROWS && below < 2 * ROWS
                   ? (below + 1) / 2
                   : recur__min(below, ROWS); /* 4 and 3, not 6 and 1 */
        fetch(q, p->lda);
        if (packs) t.packed = q->packed + r * q->K;
        t.a = how == FROM_PACKED && rows == ROWS ? t.packed
              : at                               ? p->A + q->k * p->lda + q->m + r
                                                 : p->A + (q->m + r) * p->lda + q->k;
        t.c = p->C + (q->m + r) * p->ldc + n;
        if (rows < ROWS && full && !MASKS)
            few_rows(rows, NV, at, true, &t);
        else if (rows < ROWS)
            few_rows(rows, NV, at, false, &t);
        else if (full)
            all_rows(NV, at, true, how, &t);
        else
            all_rows(NV, at, false, how, &t);
    }
}

/* The next vectors of columns: how many there are. Five are three and two, not four and one. */
INLINE int64_t next_columns(bool at, const product *p, block *q, int64_t n, bool packs)
{
    const int64_t left = (p->N - n + VW - 1) / VW;
    const int64_t vectors = left > VECTORS && left < 2 * VECTORS ? (left + 1) / 2
                                                                 : recur__min(left, VECTORS);
    switch (vectors) {
    case 1:
        columns_of(1, at, packs, p, q, n);
        break;
    case 2:
        columns_of(2, at, packs, p, q, n);
        break;
#if RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon
    case 3:
        columns_of(3, at, packs, p, q, n);
        break;
    default:
        columns_of(4, at, packs, p, q, n);
        break;
#endif
    }
    return vectors;
}

/* The same of nt and nn, which share it: it is most of this file. */
static __attribute__((noinline)) int64_t next_columns_of_rows(const product *p, block *q, int64_t n)
{
    return next_columns(false, p, q, n, false);
}

/* Columns few enough for their part of B to stay in the cache */
INLINE void multiply_columns(bool at, const product *p, float *packed)
{
    const int64_t panels = (p->N + PANEL - 1) / PANEL;
    const bool many = panels > FEW_PANELS;
    /* Where little of A shares a pass over B, fewer pages of it at a time. */
    const int64_t depth = p->M > BLOCK ? DEPTH : DEPTH / 2;
    for (int64_t k = 0; k < p->K; k += depth)
        for (int64_t m = 0; m < p->M; m += BLOCK) {
            block q = { .m = m,
                        .M = recur__min(p->M - m, BLOCK),
                        .k = k,
                        .K = recur__min(p->K - k, depth),
                        .packed = packed };
            const int64_t after = m + q.M, rows = recur__min(p->M - after, BLOCK),
                          tiles = panels * ((q.M + ROWS - 1) / ROWS);
            if (many && rows > 0) {
                q.next = at ? p->A + k * p->lda + after : p->A + after * p->lda + k;
                q.lines = at ? q.K : rows;
                q.numbers = at ? rows : q.K;
                q.each = (q.lines + tiles - 1) / tiles;
            }
            for (int64_t n = 0; n < p->N;)
                n += VW * (at ? next_columns(at, p, &q, n, many) : next_columns_of_rows(p, &q, n));
        }
}

INLINE void multiply(bool at, product p, float *packed)
{
    for (int64_t n = p.N; n > 0; n -= WIDTH, p.B += WIDTH, p.C += WIDTH) {
        p.N = recur__min(n, WIDTH);
        multiply_columns(at, &p, packed);
    }
}

/* A panel has the columns of a tile: 9 KiB, which stay in the first cache. */
enum { PANEL_DEPTH = STACK / PANEL };

/* Columns n to n + N of C, at most a panel, and K numbers of k, for all rows. */
INLINE void multiply_panel(const product *p, int64_t n, int64_t k, float *panel)
{
    product part = *p;
    part.N = recur__min(p->N - n, PANEL);
    part.K = recur__min(p->K - k, PANEL_DEPTH);
    for (int64_t j = 0; j < part.N; j += VW)
        rows_to_columns(recur__min(part.N - j, VW), part.K, p->B + (n + j) * p->ldb + k, p->ldb,
                        panel + j, PANEL);
    part.A = p->A + k;
    part.B = panel;
    part.ldb = PANEL;
    part.C = p->C + n;
    block q = { .M = part.M, .K = part.K };
    for (int64_t j = 0; j < part.N;) j += VW * next_columns_of_rows(&part, &q, j);
}

static void nt(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    _Alignas(64) float panel[PANEL_DEPTH * PANEL];
    const product p = product_of(sizes, A, B, C);
    for (int64_t k = 0; k < p.K; k += PANEL_DEPTH)
        for (int64_t n = 0; n < p.N; n += PANEL) multiply_panel(&p, n, k, panel);
}

static void nn(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    multiply(false, product_of(sizes, A, B, C), NULL);
}

static void tn(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    _Alignas(64) float packed[BLOCK * DEPTH];
    multiply(true, product_of(sizes, A, B, C), packed);
}

#else

static void nt(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    for (int64_t m = 0; m < sizes.M; m++)
        for (int64_t n = 0; n < sizes.N; n++) {
            double sum = (double)C.data[m * C.ld + n];
            for (int64_t k = 0; k < sizes.K; k++)
                sum += (double)A.data[m * A.ld + k] * (double)B.data[n * B.ld + k];
            C.data[m * C.ld + n] = (float)sum;
        }
}

static void nn(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    for (int64_t m = 0; m < sizes.M; m++)
        for (int64_t n = 0; n < sizes.N; n++) {
            double sum = (double)C.data[m * C.ld + n];
            for (int64_t k = 0; k < sizes.K; k++)
                sum += (double)A.data[m * A.ld + k] * (double)B.data[k * B.ld + n];
            C.data[m * C.ld + n] = (float)sum;
        }
}

static void tn(recur__sizes sizes, recur__matrix A, recur__matrix B, recur__sums C)
{
    for (int64_t m = 0; m < sizes.M; m++)
        for (int64_t n = 0; n < sizes.N; n++) {
            double sum = (double)C.data[m * C.ld + n];
            for (int64_t k = 0; k < sizes.K; k++)
                sum += (double)A.data[k * A.ld + m] * (double)B.data[k * B.ld + n];
            C.data[m * C.ld + n] = (float)sum;
        }
}

#endif

/* OpenBLAS 0.3.21 on Zen 4, both sides 256 or more: with AVX-512 these are 3 to 12 % faster, with
 * AVX2 3 to 10 % slower. */
enum { LARGEST = RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_ref ? INT32_MAX : 256 };

const recur__gemm RECUR__PER_ISA(gemm) = {
    .nt = RECUR__IF(BATCH, nt),
    .nn = RECUR__IF(BATCH, nn),
    .tn = RECUR__IF(TRAIN, tn),
    .blas_from = LARGEST,
    .width = SUM_LANES,
};
