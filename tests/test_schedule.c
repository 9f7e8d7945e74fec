/* test_schedule.c - learning rates over time: PyTorch's numbers, laws, and every error. */
#include "support/support.h"

static const double NOT_A_NUMBER = (double)NAN, INFINITE = (double)INFINITY;

#define SCHEDULE(...) \
    (recur_schedule) { .size = sizeof(recur_schedule), __VA_ARGS__ }

static void check_rates(const char *what, const recur_schedule *s, int64_t n, const double *want)
{
    for (int64_t step = 0; step < n; step++) {
        trying("%s, step %lld", what, (long long)step);
        const double rate = recur_schedule_rate(s, step);
        if (!(fabs(rate - want[step]) <= 1e-14)) fail_msg("%.17g, not %.17g", rate, want[step]);
    }
}

/* These are StepLR(3), ExponentialLR(0.7) and CosineAnnealingLR(6, 0.05) of PyTorch, from 0.5
 * on. */
static void test_as_pytorch(void **state)
{
    (void)state;
    const recur_schedule step = SCHEDULE(.kind = RECUR_SCHEDULE_STEP, .rate = 0.5, .period = 3),
                         exponential = SCHEDULE(.kind = RECUR_SCHEDULE_EXPONENTIAL, .rate = 0.5,
                                                .gamma = 0.7),
                         cosine = SCHEDULE(.kind = RECUR_SCHEDULE_COSINE, .rate = 0.5,
                                           .final_rate = 0.05, .period = 6);
    check_rates("step", &step, 8,
                (const double[]){ 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005 });
    check_rates(
        "exponential", &exponential, 8,
        (const double[]){ 0.5, 0.35, 0.245, 0.1715, 0.12005, 0.084035, 0.0588245, 0.04117715 });
    check_rates("cosine", &cosine, 7,
                (const double[]){ 0.5, 0.4698557158514987, 0.3875, 0.275, 0.1625,
                                  0.0801442841485013, 0.05 });
    assert_true(recur_schedule_rate(&cosine, 7) == 0.05 &&
                recur_schedule_rate(&cosine, INT64_MAX) == 0.05);
}

static void test_warm_up(void **state)
{
    (void)state;
    const recur_schedule constant = SCHEDULE(.rate = 0.8, .warm_up = 4),
                         step = SCHEDULE(.kind = RECUR_SCHEDULE_STEP, .rate = 0.8, .gamma = 0.5,
                                         .period = 2, .warm_up = 4),
                         cosine = SCHEDULE(.kind = RECUR_SCHEDULE_COSINE, .rate = 0.8, .period = 8,
                                           .warm_up = 4);
    check_rates("constant", &constant, 6, (const double[]){ 0.2, 0.4, 0.6, 0.8, 0.8, 0.8 });
    check_rates("step", &step, 9, (const double[]){ 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2 });
    check_rates("cosine", &cosine, 9,
                (const double[]){ 0.2, 0.4, 0.6, 0.8, 0.8, 0.4 + 0.4 * sqrt(0.5), 0.4,
                                  0.4 - 0.4 * sqrt(0.5), 0 });
}

/* These laws follow from the definitions; they are checked at steps far apart. */
static void test_laws(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 1000000; n = 3 * n + 1) {
        trying("period %lld", (long long)n);
        const recur_schedule e = SCHEDULE(.kind = RECUR_SCHEDULE_EXPONENTIAL, .rate = 2,
                                          .gamma = 0.25, .period = 2 * n),
                             s = SCHEDULE(.kind = RECUR_SCHEDULE_STEP, .rate = 2, .gamma = 0.5,
                                          .period = n),
                             c = SCHEDULE(.kind = RECUR_SCHEDULE_COSINE, .rate = 2, .final_rate = 1,
                                          .period = 2 * n);
        assert_true(fabs(recur_schedule_rate(&e, n) - 1) < 1e-12 &&
                    fabs(recur_schedule_rate(&c, n) - 1.5) < 1e-12);
        for (int64_t at = 0; at <= 2 * n; at += 1 + n / 7) {
            const double falling = recur_schedule_rate(&e, at),
                         stairs = recur_schedule_rate(&s, at);
            assert_true(stairs >= falling * (1 - 1e-12) && stairs <= falling * 2.0000001);
            /* A cosine wave is odd about its middle. */
            const double sum = recur_schedule_rate(&c, at) + recur_schedule_rate(&c, 2 * n - at);
            assert_true(fabs(sum - 3) < 1e-12);
        }
    }
    recur_schedule shorter = SCHEDULE(.rate = 3);
    shorter.size = offsetof(recur_schedule, final_rate); /* that of an older program */
    assert_true(recur_schedule_rate(&shorter, 5) == 3);
}

static void check_refused(const recur_schedule *s, int64_t step, const char *words)
{
    double rate = 0;
    FAILS(RECUR_E_ARGUMENT,
          (rate = recur_schedule_rate(s, step), isnan(rate) ? RECUR_E_ARGUMENT : RECUR_OK), words);
}

static void test_refused(void **state)
{
    (void)state;
    const recur_schedule good = SCHEDULE(.kind = RECUR_SCHEDULE_COSINE, .rate = 1, .period = 10);
    assert_true(recur_schedule_rate(&good, 0) == 1);
    check_refused(NULL, 0, "schedule NULL");
    check_refused(&good, -3, "-3");
#define REFUSED(words, ...)                               \
    do {                                                  \
        const recur_schedule bad = SCHEDULE(__VA_ARGS__); \
        check_refused(&bad, 1, words);                    \
    } while (0)
    REFUSED("kind 4", .kind = 4, .rate = 1);
    REFUSED("kind -1", .kind = -1, .rate = 1);
    REFUSED("rate -1", .rate = -1);
    REFUSED("rate nan", .rate = NOT_A_NUMBER);
    REFUSED("rate inf", .rate = INFINITE);
    REFUSED("final_rate -2", .kind = RECUR_SCHEDULE_COSINE, .rate = 1, .final_rate = -2,
            .period = 3);
    REFUSED("final_rate 2", .rate = 1, .final_rate = 2);
    REFUSED("gamma 0.5", .rate = 1, .gamma = 0.5);
    REFUSED("cosine gamma 0.5", .kind = RECUR_SCHEDULE_COSINE, .rate = 1, .gamma = 0.5,
            .period = 3);
    REFUSED("gamma nan", .kind = RECUR_SCHEDULE_STEP, .rate = 1, .gamma = NOT_A_NUMBER,
            .period = 3);
    REFUSED("gamma 0", .kind = RECUR_SCHEDULE_EXPONENTIAL, .rate = 1);
    REFUSED("period 0", .kind = RECUR_SCHEDULE_STEP, .rate = 1);
    REFUSED("period 7", .rate = 1, .period = 7);
    REFUSED("period -7", .kind = RECUR_SCHEDULE_STEP, .rate = 1, .period = -7);
    REFUSED("warm_up -7", .rate = 1, .warm_up = -7);
    REFUSED("period 5 warm_up 6", .kind = RECUR_SCHEDULE_COSINE, .rate = 1, .period = 5,
            .warm_up = 6);
    recur_schedule bad = good;
    bad.size = 0;
    check_refused(&bad, 0, "size 0");
}

/* ---- plateaus ------------------------------------------------------------------------------- */

static const double VALUES[] = { 0.948, 0.778, 0.599, 0.547, 0.48,  0.313, 0.26,  0.39,
                                 0.246, 0.217, 0.349, 0.227, 0.285, 0.199, 0.22,  0.112,
                                 0.199, 0.238, 0.161, 0.198, 0.177, 0.05,  0.183, 0.145 };

#define PLATEAU(...)                                            \
    {                                                           \
        .size = sizeof(recur_plateau), .rate = 0.5, __VA_ARGS__ \
    }

/* As recur_plateau_init and assignments make it. */
#define EXACT(...)                                                                 \
    {                                                                              \
        .size = sizeof(recur_plateau) | RECUR_SIZE_EXACT, .rate = 0.5, __VA_ARGS__ \
    }

/* A row has options, the values after which PyTorch's ReduceLROnPlateau let the rate of 0.5 fall,
 * and the rate at the end. */
static const struct {
    recur_plateau options;
    uint32_t falls;
    double last;
} CASES[] = {
    { PLATEAU(.patience = 1), 1u << 11 | 1u << 17 | 1u << 19 | 1u << 23, 5e-5 },
    { PLATEAU(.patience = 2, .cooldown = 2, .factor = 0.5), 1u << 12 | 1u << 18, 0.125 },
    { EXACT(.flags = RECUR_PLATEAU_MAXIMUM | RECUR_PLATEAU_ABSOLUTE, .threshold = 0.05,
            .factor = 0.3, .min_rate = 0.01),
      1u << 1 | 1u << 2 | 1u << 3 | 1u << 4, 0.01 },
    { EXACT(.factor = 0.9, .cooldown = 1, .epsilon = 1e-8),
      1u << 7 | 1u << 10 | 1u << 12 | 1u << 14 | 1u << 16 | 1u << 18 | 1u << 20 | 1u << 22,
      0.21523360500000008 },
    { PLATEAU(.patience = 1, .factor = 0.1, .epsilon = 0.01), 1u << 11 | 1u << 17, 0.005 },
    { PLATEAU(.flags = RECUR_PLATEAU_MAXIMUM, .patience = 3, .threshold = 0.2),
      1u << 4 | 1u << 8 | 1u << 12 | 1u << 16 | 1u << 20, 5e-6 },
};

static void test_plateaus(void **state)
{
    (void)state;
    for (int64_t c = 0; c < COUNT(CASES); c++) {
        recur_plateau p = CASES[c].options;
        for (int64_t i = 0; i < COUNT(VALUES); i++) {
            const double before = p.rate;
            OK(recur_plateau_step(&p, VALUES[i]));
            trying("case %lld, value %lld: from %g to %g", (long long)c, (long long)i, before,
                   p.rate);
            assert_true((p.rate < before) == (CASES[c].falls >> i & 1));
        }
        assert_true(fabs(p.rate - CASES[c].last) <= 1e-14 * CASES[c].last);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    recur_plateau p = PLATEAU(.best = 0);
    for (int i = 0; i < 11; i++)
        OK(recur_plateau_step(&p, i == 0 ? 1 : 0.99995)); /* not better by 1e-4 of 1 */
    assert_true(p.rate == 0.5 && p.best == 1 && p.bad == 10);
    OK(recur_plateau_step(&p, NOT_A_NUMBER));
    assert_true(p.rate == 0.05 && p.bad == 0);
    OK(recur_plateau_step(&p, 0.99989));
    assert_true(p.rate == 0.05 && p.best == 0.99989);
    recur_plateau first;
    OK(recur_plateau_init(&first, sizeof first));
    first.rate = 0.5;
    first.patience = 0;
    OK(recur_plateau_step(&first, NOT_A_NUMBER));
    assert_true(first.rate == 0.05 && first.improvements == 0);
    OK(recur_plateau_step(&first, 1e300)); /* the first number is better than none */
    assert_true(first.rate == 0.05 && first.best == 1e300);
    struct {
        recur_plateau known;
        double unknown;
    } newer = { PLATEAU(.patience = 3), 0 };
    newer.known.size = sizeof newer;
    OK(recur_plateau_step(&newer.known, 1));
    assert_true(newer.known.size == sizeof newer && newer.known.best == 1);
}

static void check_plateau_refused(recur_plateau bad, const char *words)
{
    const recur_plateau before = bad;
    FAILS(RECUR_E_ARGUMENT, recur_plateau_step(&bad, 1), words);
    assert_memory_equal(&before, &bad, sizeof bad);
}

static void test_plateaus_refused(void **state)
{
    (void)state;
    FAILS(RECUR_E_ARGUMENT, recur_plateau_step(NULL, 1), "plateau NULL");
#define BAD(words, ...) check_plateau_refused((recur_plateau)PLATEAU(__VA_ARGS__), words)
    BAD("flags 0x10", .flags = 16);
    BAD("factor 1", .factor = 1);
    BAD("factor -1", .factor = -1);
    BAD("factor nan", .factor = NOT_A_NUMBER);
    BAD("min_rate -1", .min_rate = -1);
    BAD("threshold inf", .threshold = INFINITE);
    BAD("epsilon nan", .epsilon = NOT_A_NUMBER);
    BAD("patience -2", .patience = -2);
    BAD("cooldown -2", .cooldown = -2);
    BAD("flags 0x4", .flags = 4);
    BAD("improvements -1", .improvements = -1);
    BAD("bad -4", .bad = -4);
    BAD("cooling -4", .cooling = -4);
    recur_plateau p = PLATEAU(.improvements = 0);
    p.rate = -1;
    check_plateau_refused(p, "rate -1");
    p.rate = 1;
    p.size = offsetof(recur_plateau, best);
    check_plateau_refused(p, "size");
}

/* Counters that are full stay full: a run of any length goes on. */
static void test_full_counters(void **state)
{
    (void)state;
    recur_plateau p = PLATEAU(.patience = INT64_MAX, .improvements = INT64_MAX, .bad = INT64_MAX);
    p.best = 1;
    OK(recur_plateau_step(&p, 2));
    assert_true(p.bad == INT64_MAX && p.improvements == INT64_MAX);
    OK(recur_plateau_step(&p, 0.5));
    assert_true(p.bad == 0 && p.improvements == INT64_MAX && p.best == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_as_pytorch),       TEST(test_warm_up),      TEST(test_laws),
        TEST(test_refused),          TEST(test_plateaus),     TEST(test_defaults),
        TEST(test_plateaus_refused), TEST(test_full_counters)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
