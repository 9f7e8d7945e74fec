/* test_draws.c - the classes that sampled losses draw: each as often as its share says, and
 * together they stand for all. */
#include "naive/losses.h"
#include "support/support.h"

static recur_loss *loss_of(const naive_sampled *s)
{
    recur_loss *loss = NULL;
    const recur_loss_options options = { .size = sizeof options,
                                         .kind = s->softmax ? RECUR_LOSS_SAMPLED_SOFTMAX
                                                            : RECUR_LOSS_NEGATIVE_SAMPLING,
                                         .flags = RECUR_LOSS_SUM,
                                         .classes = s->V,
                                         .samples = s->samples,
                                         .power = s->counts ? s->power : 0,
                                         .counts = s->counts };
    OK(recur_loss_create(NULL, &options, &loss));
    return loss;
}

/* With parameters of 0 the gradient of a bias is half the number of draws. */
static void check_frequencies(int64_t V, const float *counts, double power, int32_t label)
{
    const naive_sampled s = {
        .V = V, .F = 1, .samples = 200000, .biased = 1, .counts = counts, .power = power
    };
    recur_loss *loss = loss_of(&s);
    const double n = (double)s.samples;
    float *params = zeros(2 * V), *d = zeros(2 * V);
    OK(recur_loss_sampled(loss, 1, 1, (const float[]){ 1 }, &label, params, 2 * V, 9, 0, NULL, NULL,
                          d, NULL));
    for (int64_t c = 0; c < V; c++) {
        const double q = naive_share(&s, c), got = 2 * (double)d[V + c];
        if (c == label)
            assert_true(got == -1);
        else if (!(fabs(got - n * q) <= 5 * sqrt(n * q * (1 - q)) + 1e-9))
            fail_msg("class %lld came %g times in %g, its share is %g", (long long)c, got, n, q);
    }
    recur_loss_release(loss);
}

static void test_frequencies(void **state)
{
    (void)state;
    enum { FEW = 11, MANY = 700 };
    const float counts[FEW] = { 40, 3, 0.5f, 12, 1, 7, 100, 2, 2, 30, 5 };
    float *zipf = floats(MANY), two[FEW] = { [4] = 3, [9] = 3 };
    for (int64_t c = 0; c < MANY; c++) zipf[c] = 1e6f / (float)(c + 1);
    check_frequencies(FEW, NULL, 0, 0);
    check_frequencies(FEW, counts, 0.75, 2);
    check_frequencies(FEW, counts, 1, 6);
    check_frequencies(FEW, two, 1, 1); /* a count of 0: never */
    check_frequencies(MANY, zipf, 0.75, 699);
    check_frequencies(MANY, NULL, 0, 5);
}

static void test_default_power(void **state)
{
    (void)state;
    const float counts[] = { 81, 16, 1 };
    double value[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        const naive_sampled s = {
            .V = 3, .F = 1, .samples = 50, .counts = counts, .power = i ? 0.75 : 0
        };
        recur_loss *loss = loss_of(&s);
        const float h = 1, W[] = { 1, 2, 3 };
        const int32_t label = 2;
        OK(recur_loss_sampled(loss, 1, 1, &h, &label, W, 3, 4, 0, &value[i], NULL, NULL, NULL));
        recur_loss_release(loss);
    }
    assert_true(value[0] == value[1]);
}

/* The drawn classes stand for all classes: the mean of their sum is the sum over all classes. */
static void test_expected_sum(void **state)
{
    (void)state;
    enum { TRIES = 40000, V = 11, F = 5 };
    const naive_sampled s = { .V = V, .F = F, .samples = 4, .softmax = 1, .biased = 1 };
    const int64_t count = V * (F + 1);
    recur_loss *loss = loss_of(&s);
    dice(2);
    const float *h = randoms(F, 1), *params = randoms(count, 1);
    const double *wide_h = widen(F, h), *wide = widen(count, params);
    const int32_t label = 3;
    double want = 0, sum = 0, squares = 0;
    for (int64_t c = 0; c < V; c++)
        if (c != label) want += exp(naive_logit(&s, wide_h, wide, c));
    const double own = exp(naive_logit(&s, wide_h, wide, label)) /
                       (1 - pow(1 - naive_share(&s, label), (double)s.samples));
    for (int64_t i = 0; i < TRIES; i++) {
        double value;
        OK(recur_loss_sampled(loss, 1, F, h, &label, params, count, 5, (uint64_t)(i * s.samples),
                              &value, NULL, NULL, NULL));
        const double others = own * (exp(value) - 1);
        sum += others;
        squares += others * others;
    }
    const double mean = sum / TRIES, deviation = sqrt((squares / TRIES - mean * mean) / TRIES);
    if (!(fabs(mean - want) < 4 * deviation))
        fail_msg("the mean is %g ± %g, should be %g", mean, deviation, want);
    assert_true(deviation < 0.02 * want);
    recur_loss_release(loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_frequencies), TEST(test_default_power),
                                        TEST(test_expected_sum) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
