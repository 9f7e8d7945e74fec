/* test_random.c - random numbers that never change, and ids drawn from logits. */
#include "support/support.h"
#include "base/base.h"

static const double NOT_A_NUMBER = (double)NAN;

/* ---- numbers -------------------------------------------------------------------------------- */

/* The bits were computed by another program. A seed must give the same training run for ever. */
static void test_pinned(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, counter, bits;
        double uniform, normal;
    } pins[] = {
        { 0, 0, 0xA706DD2F4D197E6F, 0x1.4e0dba5e9a32fp-1, 0.3919393499913908 },
        { 0, 1, 0xB382A305F4414F5E, 0x1.6705460be8829p-1, 0.52788986289930662 },
        { 1, 0, 0x5E41AB087439611E, 0x1.7906ac21d0e58p-2, -0.33665229221588361 },
        { 42, 7, 0xBC16A3D4CC48678E, 0x1.782d47a99890cp-1, 0.62715279445959571 },
        { UINT64_MAX, UINT64_MAX, 0x445018E305810B78, 0x1.1140638c16042p-2, -0.62237643331609849 },
        { 123456789, (uint64_t)1 << 40, 0x32FC6958DDCC02F7, 0x1.97e34ac6ee6p-3,
          -0.84461113846114833 },
    };
    for (int64_t i = 0; i < COUNT(pins); i++) {
        const uint64_t bits = recur_random(pins[i].seed, pins[i].counter);
        assert_true(bits == pins[i].bits);
        assert_true(recur__uniform(bits) == pins[i].uniform);
        assert_true(recur__normal(bits) == pins[i].normal);
    }
    assert_true(recur__uniform(0) == 0 && recur__uniform(UINT64_MAX) == 1 - 0x1p-53);
}

static void test_normal_quantiles(void **state)
{
    (void)state;
    static const struct {
        double p, z, error;
    } known[] = {
        { 0.975, 1.9599639845400536, 1e-14 }, { 0.025, -1.9599639845400538, 1e-14 },
        { 0.9, 1.2815515655446008, 1e-14 },   { 1e-5, -4.2648907939228256, 1e-10 },
        { 1e-12, -7.034483825301132, 1e-4 },  { 0.5, 0, 1e-15 }
    }; /* far out 2^-52 is a step that one sees */
    for (int64_t i = 0; i < COUNT(known); i++) {
        const double z = recur__normal((uint64_t)(known[i].p * 0x1p64));
        if (!(fabs(z - known[i].z) <= known[i].error))
            fail_msg("quantile %g is %.17g", known[i].p, z);
    }
    assert_true(recur__normal(0) == -recur__normal(UINT64_MAX)); /* both are finite */
    assert_true(recur__normal(0) < -8 && recur__normal(0) > -9);
}

static void test_distribution(void **state)
{
    (void)state;
    enum { N = 200000, BINS = 50 };
    int64_t bins[BINS] = { 0 };
    double sum[5] = { 0 };
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t bits = recur_random(99, i);
        bins[(int)(recur__uniform(bits) * BINS)]++;
        const double z = recur__normal(bits);
        for (int power = 1; power < 5; power++) sum[power] += pow(z, power) / N;
    }
    for (int b = 0; b < BINS; b++)
        assert_true(llabs(bins[b] - N / BINS) < 5 * (int64_t)sqrt(N / BINS));
    const double want[] = { 0, 0, 1, 0, 3 }, deviation[] = { 0, 1, 1.5, 4, 10 };
    for (int power = 1; power < 5; power++)
        if (!(fabs(sum[power] - want[power]) < 5 * deviation[power] / sqrt(N)))
            fail_msg("moment %d is %g", power, sum[power]);
}

/* ---- sampling ------------------------------------------------------------------------------- */

/* Draws from a row many times: counts[c] says how often c came. */
static void draw_often(const recur_sample_options *options, int64_t classes, const float *logits,
                       int64_t times, int64_t *counts)
{
    float *rows = floats(times * classes);
    int32_t *ids = bytes_of(times, sizeof *ids);
    for (int64_t t = 0; t < times; t++)
        memcpy(rows + t * classes, logits, (size_t)classes * sizeof *rows);
    OK(recur_sample(options, times, classes, rows, 11, 1000, ids));
    for (int64_t c = 0; c < classes; c++) counts[c] = 0;
    for (int64_t t = 0; t < times; t++) {
        assert_true(ids[t] >= 0 && ids[t] < classes);
        counts[ids[t]]++;
    }
}

/* Checks that the counts are those of probabilities proportional to p. */
static void check_counts(int64_t classes, const int64_t *counts, const double *p)
{
    double total = 0, times = 0;
    for (int64_t c = 0; c < classes; c++) {
        total += p[c];
        times += (double)counts[c];
    }
    for (int64_t c = 0; c < classes; c++) {
        const double q = p[c] / total, want = times * q;
        if (!(fabs((double)counts[c] - want) <= 5 * sqrt(want * (1 - q)) + 1e-6))
            fail_msg("class %lld came %lld times, not %g", (long long)c, (long long)counts[c],
                     want);
    }
}

static void test_frequencies(void **state)
{
    (void)state;
    enum { CLASSES = 9 };
    const float y[CLASSES] = { 1, -2, 3, 0.5f, -INFINITY, 2.5f, 3, -1, 40 - 38.5f };
    static const double temperatures[] = { 0, 1, 0.5, 3, 1e6 };
    for (int64_t t = 0; t < COUNT(temperatures); t++) {
        const recur_sample_options o = { .size = sizeof o, .temperature = temperatures[t] };
        int64_t counts[CLASSES];
        double p[CLASSES];
        for (int c = 0; c < CLASSES; c++) p[c] = exp((double)y[c] / (t ? temperatures[t] : 1));
        draw_often(&o, CLASSES, y, 40000, counts);
        check_counts(CLASSES, counts, p);
        if (t < 2) {
            draw_often(t ? &o : NULL, CLASSES, y, 40000, counts);
            check_counts(CLASSES, counts, p);
        }
    }
}

/* Orders ids from the most to the least likely. */
static void rank(int64_t classes, const float *y, int32_t *order)
{
    for (int32_t c = 0; c < classes; c++) {
        int64_t at = c;
        for (; at > 0 && y[order[at - 1]] < y[c]; at--) order[at] = order[at - 1];
        order[at] = c;
    }
}

/* Computes what both filters let through, by sorting; p[c] is 0 for what they drop. */
static void keep(const recur_sample_options *o, int64_t classes, const float *y, double *p)
{
    int32_t order[64];
    double sum = 0, part = 0;
    rank(classes, y, order);
    const int64_t k = o->top_k > 0 && o->top_k < classes ? o->top_k : classes;
    for (int64_t c = 0; c < classes; c++) p[c] = 0;
    for (int64_t i = 0; i < k; i++)
        sum += exp((double)(y[order[i]] - y[order[0]]) / o->temperature);
    for (int64_t i = 0; i < k && (part < o->top_p * sum || o->top_p == 0); i++)
        part += p[order[i]] = exp((double)(y[order[i]] - y[order[0]]) / o->temperature);
}

/* Makes logits with many ties, both zeros, and forbidden classes. */
static void test_filters(void **state)
{
    (void)state;
    static const double shares[] = { 0, 0.05, 0.31, 0.5, 0.77, 0.93, 0.999 };
    for (int64_t trial = 0; trial < 150; trial++) {
        dice((uint64_t)trial);
        const int64_t classes = 1 + below(40);
        float *y = floats(classes);
        for (int64_t c = 0; c < classes; c++)
            y[c] = trial % 3 ? (float)(below(7) - 3) / 2 : between(-3, 3);
        for (int64_t c = 0; c < classes; c++)
            if (y[c] == 0 && below(2)) y[c] = -0.0f;
        for (int64_t c = 1; c < classes; c += 6) y[c] = -INFINITY;
        const recur_sample_options o = { .size = sizeof o,
                                         .top_k = (int32_t)below(classes + 3),
                                         .top_p = shares[below(COUNT(shares))],
                                         .temperature = 0.5 + (double)below(3) };
        trying("trial %lld: %lld classes, top_k %d, top_p %g, temperature %g", (long long)trial,
               (long long)classes, (int)o.top_k, o.top_p, o.temperature);
        double *p = doubles(classes);
        int64_t counts[64];
        keep(&o, classes, y, p);
        draw_often(&o, classes, y, 5000, counts);
        check_counts(classes, counts, p);
        give_back();
    }
}

/* At a threshold that many classes share, the lowest ids get through, exactly as many as needed. */
static void test_ties(void **state)
{
    (void)state;
    const float y[] = { 1, 2, 1, 2, 1, 1 };
    int64_t counts[6];
    draw_often(&(recur_sample_options){ .size = sizeof(recur_sample_options), .top_k = 4 }, 6, y,
               4000, counts);
    assert_true(counts[0] && counts[1] && counts[2] && counts[3] && !counts[4] && !counts[5]);
    const float flat[] = { 5, 5, 5, 5, 5, 5 };
    draw_often(&(recur_sample_options){ .size = sizeof(recur_sample_options), .top_p = 0.5 }, 6,
               flat, 4000, counts);
    assert_true(counts[0] && counts[1] && counts[2] && !counts[3] && !counts[4] && !counts[5]);
    draw_often(&(recur_sample_options){ .size = sizeof(recur_sample_options), .top_p = 0.51 }, 6,
               flat, 4000, counts);
    assert_true(counts[2] && counts[3] && !counts[4] && !counts[5]);
    draw_often(
        &(recur_sample_options){ .size = sizeof(recur_sample_options), .top_k = 3, .top_p = 0.5 },
        6, flat, 4000, counts);
    assert_true(counts[0] && counts[1] && !counts[2]); /* 2 of 3 are the fewest that reach half */
    draw_often(&(recur_sample_options){ .size = sizeof(recur_sample_options), .top_p = 1 }, 6, flat,
               4000, counts);
    for (int c = 0; c < 6; c++) assert_true(counts[c]);
    const float other[] = {
        1, 2, 0
    }; /* so hot that all are equally likely: one of them reaches a third */
    draw_often(&(recur_sample_options){ .size = sizeof(recur_sample_options),
                                        .top_p = 1.0 / 3,
                                        .temperature = 1e30 },
               3, other, 4000, counts);
    assert_true(!counts[0] && counts[1] && !counts[2]);
}

static void test_greedy(void **state)
{
    (void)state;
    const float y[] = { 0, 3, 3, 1, -1, -INFINITY, -2, -1, -0.0f, 0, -INFINITY, -5 };
    const recur_sample_options greedy = { .size = sizeof greedy,
                                          .top_k = 1,
                                          .temperature = 1e-300 };
    int32_t ids[3];
    for (uint64_t seed = 0; seed < 20; seed++) {
        OK(recur_sample(&greedy, 3, 4, y, seed, seed, ids));
        assert_true(ids[0] == 1 && ids[1] == 0 && ids[2] == 0);
    }
}

/* A temperature near 0 is greedy up to ties. It overflows nowhere, and neither do huge logits. */
static void test_extremes(void **state)
{
    (void)state;
    const float y[] = { 3e38f, -3e38f, 3e38f, 0 }, small[] = { 1e-45f, 0, -1e-45f, 1e-45f };
    static const double temperatures[] = { 5e-324, 1e-300, 1e-30 };
    int64_t counts[4];
    for (int t = 0; t < 3; t++) {
        const recur_sample_options o = { .size = sizeof o, .temperature = temperatures[t] };
        draw_often(&o, 4, y, 4000, counts);
        check_counts(4, counts, (const double[]){ 1, 0, 1, 0 });
    }
    const recur_sample_options cold = { .size = sizeof cold, .temperature = 1e-60 };
    draw_often(&cold, 4, small, 4000, counts);
    check_counts(4, counts, (const double[]){ 1, 0, 0, 1 });
    const recur_sample_options hot = { .size = sizeof hot, .temperature = 1e308 };
    draw_often(&hot, 4, y, 4000, counts);
    check_counts(4, counts, (const double[]){ 1, 1, 1, 1 });
    const float one = -7, only[] = { -INFINITY, -3e38f, -INFINITY };
    draw_often(NULL, 1, &one, 10, counts);
    assert_int_equal(counts[0], 10);
    draw_often(NULL, 3, only, 10, counts);
    assert_int_equal(counts[1], 10);
}

/* Row r is drawn with counter + r, whatever the other rows are; the same seed gives the same
 * ids. */
static void test_rows(void **state)
{
    (void)state;
    enum { HEIGHT = 60, CLASSES = 23 };
    dice(9);
    const float *y = randoms(HEIGHT * CLASSES, 2);
    const recur_sample_options o = {
        .size = sizeof o, .top_k = 9, .top_p = 0.9, .temperature = 0.8
    };
    int32_t ids[HEIGHT], again[HEIGHT];
    OK(recur_sample(&o, HEIGHT, CLASSES, y, 5, UINT64_MAX - 3, ids)); /* the counter may wrap */
    OK(recur_sample(&o, HEIGHT, CLASSES, y, 5, UINT64_MAX - 3, again));
    assert_memory_equal(ids, again, sizeof ids);
    for (uint64_t r = 0; r < HEIGHT; r++) {
        OK(recur_sample(&o, 1, CLASSES, y + r * CLASSES, 5, UINT64_MAX - 3 + r, again));
        assert_int_equal(again[0], ids[r]);
    }
    OK(recur_sample(&o, HEIGHT, CLASSES, y, 6, UINT64_MAX - 3, again));
    assert_memory_not_equal(ids, again, sizeof ids);
    again[0] = 77;
    OK(recur_sample(&o, 0, CLASSES, y, 5, 0, again));
    assert_int_equal(again[0], 77);
}

static void option_fails(const char *words, int32_t top_k, double top_p, double temperature)
{
    const recur_sample_options o = {
        .size = sizeof o, .top_k = top_k, .top_p = top_p, .temperature = temperature
    };
    const float y[] = { 1, 2 };
    int32_t id;
    FAILS(RECUR_E_ARGUMENT, recur_sample(&o, 1, 2, y, 0, 0, &id), words);
}

static void test_errors(void **state)
{
    (void)state;
    int32_t ids[2];
    float y[] = { 1, 2, 3, 4, 5, 6 };
    option_fails("top_k -1", -1, 0, 0);
    option_fails("top_p -0.5", 0, -0.5, 0);
    option_fails("top_p 1.5", 0, 1.5, 0);
    option_fails("top_p nan", 0, NOT_A_NUMBER, 0);
    option_fails("temperature -2", 0, 0, -2);
    option_fails("temperature nan", 0, 0, NOT_A_NUMBER);
    option_fails("temperature inf", 0, 0, (double)INFINITY);
    FAILS(RECUR_E_ARGUMENT, recur_sample(&(recur_sample_options){ .top_k = 1 }, 2, 3, y, 0, 0, ids),
          "size 0");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, 2, 3, NULL, 0, 0, ids), "logits");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, 2, 3, y, 0, 0, NULL), "ids");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, -2, 3, y, 0, 0, ids), "-2 3");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, 2, -3, y, 0, 0, ids), "2 -3");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, 2, (int64_t)INT32_MAX + 1, y, 0, 0, ids),
          "2147483648");
    FAILS(RECUR_E_ARGUMENT, recur_sample(NULL, INT64_MAX / 4, 3, y, 0, 0, ids),
          "2305843009213693951");
    FAILS(RECUR_E_SHAPE, recur_sample(NULL, 2, 0, y, 0, 0, ids), "2 0");
    for (int greedy = 0; greedy < 2; greedy++) {
        const recur_sample_options o = { .size = sizeof o, .top_k = greedy };
        y[4] = NAN;
        FAILS(RECUR_E_NUMERIC, recur_sample(&o, 2, 3, y, 0, 0, ids), "class 1 row 1 nan");
        y[4] = INFINITY;
        FAILS(RECUR_E_NUMERIC, recur_sample(&o, 2, 3, y, 0, 0, ids), "class 1 row 1 inf");
        y[3] = y[4] = y[5] = -INFINITY;
        FAILS(RECUR_E_NUMERIC, recur_sample(&o, 2, 3, y, 0, 0, ids), "3 row 1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pinned),      TEST(test_normal_quantiles), TEST(test_distribution),
        TEST(test_frequencies), TEST(test_filters),          TEST(test_ties),
        TEST(test_greedy),      TEST(test_extremes),         TEST(test_rows),
        TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
