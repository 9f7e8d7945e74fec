/* test_gemm.c - matrix products of every instruction set at sizes about the borders of tiles and
 * blocks, in rows with gaps between them: against plain sums, with NaN and infinity, and the same
 * bits for any number of threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "linalg/matrix.h"

typedef enum form { NT, NN, TN, FORMS } form;
enum { GAP = 3, LAST = RECUR_ISA_VEC4 };

static const int64_t sizes[] = { 1, 3, 7, 28, 35, 65, 100, 127, 129, 300, 513 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* A product of M rows, N columns and K summands. Its matrices end where their last rows do, so that
 * AddressSanitizer sees what is read beyond. */
typedef struct product {
    form form;
    int64_t M, N, K, lda, ldb, ldc;
    float *A, *B, *C;
} product;

static recur_context *contexts[LAST + 1]; /* NULL: not on this machine */

static float *a_of(const product *p, int64_t m, int64_t k)
{
    return p->A + (p->form == TN ? k * p->lda + m : m * p->lda + k);
}
static float *b_of(const product *p, int64_t k, int64_t n)
{
    return p->B + (p->form == NT ? n * p->ldb + k : k * p->ldb + n);
}
static size_t numbers(int64_t rows, int64_t width, int64_t ld)
{
    return (size_t)((rows - 1) * ld + width);
}
static size_t numbers_of_C(const product *p) { return numbers(p->M, p->N, p->ldc); }

static float *matrix(int64_t rows, int64_t width, int64_t ld, float gaps)
{
    const size_t n = numbers(rows, width, ld);
    float *m = malloc(n * sizeof *m);
    assert_non_null(m);
    for (size_t i = 0; i < n; i++) m[i] = gaps;
    return m;
}

/* The numbers are small integers, so that every order of summing gives the same float; with `fine`
 * they are normal numbers. The gaps hold NaN, and nobody may read them. */
static product product_of(form f, int64_t M, int64_t N, int64_t K, bool fine)
{
    product p = { .form = f,
                  .M = M,
                  .N = N,
                  .K = K,
                  .lda = (f == TN ? M : K) + GAP,
                  .ldb = (f == NT ? K : N) + GAP,
                  .ldc = N + GAP };
    p.A = matrix(f == TN ? K : M, p.lda - GAP, p.lda, NAN);
    p.B = matrix(f == NT ? N : K, p.ldb - GAP, p.ldb, NAN);
    p.C = matrix(M, N, p.ldc, 5);
    for (int64_t k = 0; k < K; k++) {
        for (int64_t m = 0; m < M; m++) {
            const uint64_t r = recur_random(1, (uint64_t)(m * K + k));
            *a_of(&p, m, k) = fine ? (float)recur__normal(r) : (float)(r % 7) - 3;
        }
        for (int64_t n = 0; n < N; n++) {
            const uint64_t r = recur_random(2, (uint64_t)(n * K + k));
            *b_of(&p, k, n) = fine ? (float)recur__normal(r) : (float)(r % 7) - 3;
        }
    }
    return p;
}

static void release(product *p)
{
    free(p->A);
    free(p->B);
    free(p->C);
}

/* Computes what C should become. */
static float *plain_sums(const product *p)
{
    float *want = matrix(p->M, p->N, p->ldc, 5);
    for (int64_t m = 0; m < p->M; m++)
        for (int64_t k = 0; k < p->K; k++) {
            const float a = *a_of(p, m, k);
            for (int64_t n = 0; n < p->N; n++) want[m * p->ldc + n] += a * *b_of(p, k, n);
        }
    return want;
}

/* Multiplies through the door of linalg, or by the kernels of the instruction set, which the door
 * may leave to BLAS. */
static void multiply(const product *p, const recur_context *ctx, bool kernels)
{
    const recur__kernels *k = recur__kernels_of(ctx);
    const recur__sizes mnk = { p->M, p->N, p->K };
    const recur__matrix A = { p->A, p->lda }, B = { p->B, p->ldb };
    const recur__sums C = { p->C, p->ldc };
    for (size_t i = 0; i < numbers_of_C(p); i++) p->C[i] = 5;
    if (kernels && p->form == NN)
        k->gemm->nn(mnk, A, B, C);
    else if (kernels && p->form == TN)
        k->gemm->tn(mnk, A, B, C);
    else if (p->form == NT)
        recur__gemm_nt(ctx, k, mnk, A, B, C);
    else if (p->form == NN)
        recur__gemm_nn(ctx, k, mnk, A, B, C);
    else
        recur__gemm_tn(ctx, k, mnk, A, B, C);
}

static void check(form f, int64_t M, int64_t N, int64_t K)
{
    product p = product_of(f, M, N, K, false);
    float *want = plain_sums(&p);
    for (int isa = RECUR_ISA_REF; isa <= LAST; isa++)
        for (int kernels = 0; contexts[isa] && kernels < (f == NT ? 1 : 2); kernels++) {
            multiply(&p, contexts[isa], kernels);
            if (memcmp(p.C, want, numbers_of_C(&p) * sizeof *want))
                fail_msg("%s, form %d, %s: a product of %d x %d x %d is wrong",
                         recur_context_isa(contexts[isa]), (int)f, kernels ? "kernel" : "contract",
                         (int)M, (int)N, (int)K);
        }
    free(want);
    release(&p);
}

/* Every size stands beside every other, and the third one takes turns. */
static void sums(void **unused)
{
    (void)unused;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < SIZES; j++) {
            const int64_t third = sizes[(i + 4 * j) % SIZES];
            check(NT, sizes[i], sizes[j], third);
            check(NN, sizes[i], third, sizes[j]);
            check(TN, third, sizes[i], sizes[j]);
        }
    /* The sizes are one past a block, past the columns that stay in a cache, and past the depth. */
    check(TN, 61, 1030, 258);
    check(NN, 61, 1030, 258);
}

/* Checks whether row m, column n is not finite where it should be; elsewhere it must be what it
 * was. */
static void check_spread(const product *p, const float *clean, int64_t row, int64_t column,
                         const char *isa)
{
    for (int64_t m = 0; m < p->M; m++)
        for (int64_t n = 0; n < p->N; n++) {
            const float c = p->C[m * p->ldc + n];
            if (m == row || n == column ? isfinite(c) : c != clean[m * p->ldc + n])
                fail_msg("%s, form %d: C[%d][%d] is %g", isa, (int)p->form, (int)m, (int)n,
                         (double)c);
        }
}

/* NaN in A goes into its row of C, infinity in B into its column (as NaN where it meets 0), and
 * neither goes anywhere else. */
static void not_finite(void **unused)
{
    (void)unused;
    static const int64_t shapes[][3] = {
        { 7, 35, 28 }, { 65, 129, 300 }, { 127, 300, 65 }, { 100, 28, 513 }
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (form f = NT; f < FORMS; f++) {
            product p = product_of(f, shapes[i][0], shapes[i][1], shapes[i][2], false);
            float *clean = plain_sums(&p);
            const int64_t row = p.M - 2, column = p.N - 1, k = p.K - 1;
            *a_of(&p, row, k / 2) = NAN;
            *b_of(&p, k, column) = INFINITY;
            for (int isa = RECUR_ISA_REF; isa <= LAST; isa++)
                for (int kernels = 0; contexts[isa] && kernels < 2; kernels++) {
                    multiply(&p, contexts[isa], kernels);
                    check_spread(&p, clean, row, column, recur_context_isa(contexts[isa]));
                }
            free(clean);
            release(&p);
        }
}

/* The rounding of sums of normal numbers tells their order. They are compared with the reference,
 * and on one, two and three threads. */
static void check_threads(const product *p, int isa, const float *want)
{
    const size_t n = numbers_of_C(p);
    float *one = malloc(n * sizeof *one);
    assert_non_null(one);
    multiply(p, contexts[isa], false);
    memcpy(one, p->C, n * sizeof *one);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs((double)one[i] - (double)want[i]) <= 1e-6 * (double)p->K);
    for (int32_t threads = 2; threads <= 3; threads++) {
        const recur_context_options options = { .size = sizeof options,
                                                .isa = isa,
                                                .threads = threads };
        recur_context *ctx = NULL;
        assert_int_equal(recur_context_create(&options, &ctx), RECUR_OK);
        multiply(p, ctx, false);
        recur_context_release(ctx);
        assert_memory_equal(p->C, one, n * sizeof *one);
    }
    free(one);
}

static void threads(void **unused)
{
    (void)unused;
    static const int64_t shapes[][3] = { { 1100, 65, 129 }, { 700, 300, 100 }, { 513, 300, 300 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (form f = NT; f < FORMS; f++) {
            product p = product_of(f, shapes[i][0], shapes[i][1], shapes[i][2], true);
            multiply(&p, contexts[RECUR_ISA_REF], false);
            float *want = malloc(numbers_of_C(&p) * sizeof *want);
            assert_non_null(want);
            memcpy(want, p.C, numbers_of_C(&p) * sizeof *want);
            for (int isa = RECUR_ISA_REF; isa <= LAST; isa++)
                if (contexts[isa]) check_threads(&p, isa, want);
            free(want);
            release(&p);
        }
}

static int open_contexts(void **unused)
{
    (void)unused;
    for (int32_t isa = RECUR_ISA_REF; isa <= LAST; isa++) {
        const recur_context_options options = { .size = sizeof options, .isa = isa };
        if (recur_context_create(&options, &contexts[isa])) contexts[isa] = NULL;
    }
    return !contexts[RECUR_ISA_REF];
}

static int close_contexts(void **unused)
{
    (void)unused;
    for (int isa = RECUR_ISA_REF; isa <= LAST; isa++)
        if (contexts[isa]) recur_context_release(contexts[isa]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, open_contexts, close_contexts);
}
