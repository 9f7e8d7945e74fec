/* test_clip.c - limits on gradients: what they leave alone, what they scale, and every error. */
#include "support/support.h"

static const double NOT_A_NUMBER = (double)NAN;

static void test_norms(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= 130; n++) {
        trying("%lld numbers", (long long)n);
        dice((uint64_t)n + 1);
        float *g = randoms(n, 3), *before = copy_of(n, g), *h = copy_of(n, g);
        double squares = 0, largest = 0, *want = doubles(n);
        for (int64_t i = 0; i < n; i++) {
            squares += (double)g[i] * (double)g[i];
            largest = fmax(largest, fabs((double)g[i]));
        }
        const double norm = sqrt(squares);
        assert_true(fabs(recur_clip_norm(g, n, 0) - norm) <= 1e-14 * norm &&
                    recur_clip_norm_inf(g, n, 0) == largest);
        assert_true(recur_clip_norm(g, n, (double)INFINITY) >= 0 &&
                    recur_clip_norm(g, n, norm + 1) >= 0);
        check_same("what is short enough", n, g, before);
        assert_true(fabs(recur_clip_norm(g, n, 0.5) - norm) <= 1e-14 * norm);
        for (int64_t i = 0; i < n; i++) want[i] = (double)before[i] * fmin(1, 0.5 / (norm + 1e-6));
        check_close("clipped", n, g, want, (tolerance){ 0, 3e-7, 0 });
        assert_true(recur_clip_norm_inf(h, n, 0.5) == largest);
        for (int64_t i = 0; i < n; i++)
            want[i] = (double)before[i] * fmin(1, 0.5 / (largest + 1e-6));
        check_close("clipped by the largest", n, h, want, (tolerance){ 0, 3e-7, 0 });
    }
    float huge[] = { 3e38f, -3e38f, 1e-38f }; /* their squares are no floats */
    assert_true(fabs(recur_clip_norm(huge, 3, 1) / (3e38 * sqrt(2)) - 1) < 1e-6);
    check_close("huge", 3, huge, (const double[]){ sqrt(0.5), -sqrt(0.5), 0 },
                (tolerance){ 1e-6, 0, 0 });
}

static void test_without_finite_norm(void **state)
{
    (void)state;
    static const float BAD[] = { NAN, -NAN, INFINITY, -INFINITY };
    for (int b = 0; b < 4; b++)
        for (int64_t at = 0; at < 70; at += 23) {
            dice(3);
            float *g = randoms(70, 3);
            g[at] = BAD[b];
            const float *before = copy_of(70, g);
            const double two = recur_clip_norm(g, 70, 1), most = recur_clip_norm_inf(g, 70, 1);
            assert_true(b < 2 ? isnan(two) && isnan(most)
                              : two == (double)INFINITY && most == (double)INFINITY);
            check_same("grads", 70, g, before);
        }
    float g[] = { 1, 2 };
    assert_true(isnan(recur_clip_norm(NULL, 2, 1)) && isnan(recur_clip_norm_inf(NULL, 2, 1)));
    assert_true(isnan(recur_clip_norm(g, -1, 1)) && isnan(recur_clip_norm_inf(g, -1, 1)));
    assert_true(isnan(recur_clip_norm(g, 2, -1)) && isnan(recur_clip_norm_inf(g, 2, -1)));
    assert_true(isnan(recur_clip_norm(g, 2, NOT_A_NUMBER)) &&
                isnan(recur_clip_norm_inf(g, 2, NOT_A_NUMBER)));
    check_same("grads", 2, g, (const float[]){ 1, 2 });
}

static void test_value(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= 70; n++) {
        dice((uint64_t)n + 1);
        float *g = randoms(n, 3), *want = copy_of(n, g);
        for (int64_t i = 0; i < n; i++)
            want[i] = want[i] > 1.5f ? 1.5f : want[i] < -1.5f ? -1.5f : want[i];
        if (n > 5) want[5] = g[5] = NAN;
        if (n > 6) {
            g[6] = -INFINITY;
            want[6] = -1.5f;
        }
        OK(recur_clip_value(g, n, 1.5));
        check_same("grads", n, g, want);
        OK(recur_clip_value(g, n, 1e300));
        OK(recur_clip_value(g, n, (double)INFINITY));
        check_same("grads", n, g, want);
        OK(recur_clip_value(g, n < 5 ? n : 5, 0));
        for (int64_t i = 0; i < n && i < 5; i++) assert_true(g[i] == 0);
    }
    float g[] = { 1 };
    FAILS(RECUR_E_ARGUMENT, recur_clip_value(NULL, 1, 1), "grads");
    OK(recur_clip_value(NULL, 0, 1)); /* a layer without parameters has no gradients */
    assert_true(recur_clip_norm(NULL, 0, 1) == 0 && recur_clip_norm_inf(NULL, 0, 1) == 0);
    FAILS(RECUR_E_ARGUMENT, recur_clip_value(g, -1, 1), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_clip_value(g, 1, -0.5), "-0.5");
    FAILS(RECUR_E_ARGUMENT, recur_clip_value(g, 1, NOT_A_NUMBER), "nan");
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_norms), TEST(test_without_finite_norm),
                                        TEST(test_value) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
