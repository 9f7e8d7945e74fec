/* test_reproducible.c - RECUR_CONTEXT_REPRODUCIBLE: no BLAS computes gradients. Functions of this
 * program stand in the place of those of BLAS, add in one order or in the other, and count. */
#include "support/support.h"

#include "base/base.h"

enum { N = 9, W = 300 }; /* wide enough for a BLAS */

static int calls;
static bool backwards; /* the order of the sums */

void cblas_sgemm(int order, int at, int bt, int m, int n, int k, float alpha, const float *A,
                 int lda, const float *B, int ldb, float beta, float *C, int ldc);
void cblas_sgemm(int order, int at, int bt, int m, int n, int k, float alpha, const float *A,
                 int lda, const float *B, int ldb, float beta, float *C, int ldc)
{
    enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111 };
    assert_int_equal(order, ROW_MAJOR);
    assert_int_equal(bt, NOT_TRANSPOSED);
    assert_true(alpha == 1 && beta == 1);
    calls++;
    for (int r = 0; r < m; r++)
        for (int c = 0; c < n; c++)
            for (int i = 0; i < k; i++) {
                const int j = backwards ? k - 1 - i : i;
                const float a = at == NOT_TRANSPOSED ? A[r * lda + j] : A[j * lda + r];
                C[r * ldc + c] += a * B[j * ldb + c];
            }
}

/* Gradients of a wide layer in a context with these flags: dx, then those of the parameters. */
static const float *gradients(int32_t isa, uint32_t flags, bool from_the_end, int64_t *count)
{
    const recur_context_options options = { .size = sizeof options, .isa = isa, .flags = flags };
    recur_context *ctx;
    recur_layer *layer;
    recur_tape *tape;
    calls = 0;
    backwards = from_the_end;
    dice(3);
    OK(recur_context_create(&options, &ctx));
    OK(recur_linear_create(ctx, W, W, 0, &layer));
    randomize(layer, 0.5);
    recur_packed *packed = layout(ctx, 1, NULL, N);
    OK(recur_tape_create(ctx, &tape));
    const float *x = randoms(N * W, 1), *dy = randoms(N * W, 1);
    *count = N * W + recur_layer_param_count(layer);
    float *got = zeros(*count);
    OK(recur_layer_forward(layer, packed, x, NULL, NULL, tape));
    OK(recur_layer_backward(layer, packed, x, dy, NULL, got, got + N * W, tape));
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(layer);
    recur_context_release(ctx);
    return got;
}

static void gradients_depend_on_no_blas(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        const int32_t isa = recur__context_isa(ctx);
        int64_t count;
        trying("%s", recur_context_isa(ctx));
        const float *one = gradients(isa, RECUR_CONTEXT_REPRODUCIBLE, false, &count);
        assert_int_equal(calls, 0);
        const float *other = gradients(isa, RECUR_CONTEXT_REPRODUCIBLE, true, &count);
        assert_int_equal(calls, 0);
        check_same("reproducible", count, other, one);
        const float *usual = gradients(isa, 0, true, &count);
#ifdef RECUR__BLAS
        if (isa == RECUR_ISA_AVX2) assert_true(calls > 0); /* so it would have been noticed */
#else
        check_same("without a BLAS", count, usual, one);
#endif
        check_near("usual", count, usual, one, GRADIENTS);
        give_back();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(gradients_depend_on_no_blas) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
