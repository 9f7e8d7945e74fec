/* test_elementary.c - functions from +, -, × and ÷ alone: as accurate as elementary.h says, right
 * at the ends of their ranges, and with the same bits everywhere. */
#include "support/support.h"

#include "base/elementary.h"
#include "file/xxh3.h"

typedef double function(double x);
typedef long double precise(long double x);

static long double cos_pi(long double t)
{
    return cosl(3.14159265358979323846264338327950288L * t);
}

/* A range, and the units in the last place that the function may be wrong there. */
typedef struct row {
    const char *name;
    function *f;
    precise *of;
    double from, to, units;
} row;

static const row ROWS_OF_RANGES[] = {
    { "exp", recur__exp, expl, -700, 700, 1 },
    { "exp", recur__exp, expl, -1, 1, 1 },
    { "expm1", recur__expm1, expm1l, -1, 1, 2 },
    { "expm1", recur__expm1, expm1l, -30, 600, 2 },
    { "log", recur__log, logl, 0.5, 2, 1 },
    { "log", recur__log, logl, 1e-300, 1e300, 1 },
    { "log1p", recur__log1p, log1pl, -0.9, 1, 3 },
    { "log1p", recur__log1p, log1pl, 1e-12, 1e-3, 3 },
    { "cos π t", recur__cos_pi, cos_pi, 0, 0.49, 2 },
};

static void they_are_accurate(void **unused)
{
    (void)unused;
    if (sizeof(long double) == sizeof(double)) skip(); /* nothing better to compare with */
    dice(5);
    for (int i = 0; i < COUNT(ROWS_OF_RANGES); i++) {
        const row *r = &ROWS_OF_RANGES[i];
        for (int n = 0; n < 100000; n++) {
            const double x = r->from + (r->to - r->from) * ((double)below(1 << 30) / (1 << 30));
            const long double want = r->of((long double)x);
            const double size = fabs((double)want), unit = nextafter(size, HUGE_VAL) - size;
            const double wrong = fabs((double)((long double)r->f(x) - want)) / unit;
            if (!(wrong <= r->units)) fail_msg("%s(%.17g) is wrong by %g units", r->name, x, wrong);
        }
    }
}

static void ends_are_right(void **unused)
{
    (void)unused;
    const double infinity = HUGE_VAL;
    assert_true(recur__exp(0) == 1 && recur__exp(-infinity) == 0);
    assert_true(recur__exp(infinity) == infinity && recur__exp(710) == infinity);
    assert_true(recur__exp(-745) > 0 && recur__exp(-746) == 0);
    assert_true(isnan(recur__exp(NAN)) && isnan(recur__expm1(NAN)));
    assert_true(recur__expm1(1e-300) == 1e-300 && recur__expm1(-infinity) == -1);
    assert_true(recur__log(1) == 0 && recur__log(0) == -infinity);
    assert_true(recur__log(infinity) == infinity);
    assert_true(isnan(recur__log(-1)) && isnan(recur__log(NAN)));
    assert_true(recur__log1p(-1) == -infinity && recur__log1p(1e-300) == 1e-300);
    assert_true(recur__log1p(infinity) == infinity);
    assert_true(recur__pow(0.5, 3) == 0.125 && recur__pow(7, 0) == 1 && recur__pow(0, 0) == 1);
    assert_true(recur__pow(0, 0.5) == 0 && recur__pow(0, 100) == 0);
    assert_true(fabs(recur__pow(0.999, 1000) / pow(0.999, 1000) - 1) < 1e-15);
    assert_true(fabs(recur__pow(10, -2.5) / pow(10, -2.5) - 1) < 2e-15);
    assert_true(recur__cos_pi(0) == 1 && recur__cos_pi(1) == -1 && recur__cos_pi(0.5) == 0);
}

/* The lowest byte first, on every machine. */
static void add_byte(recur__xxh3 *h, double y, int byte)
{
    uint64_t bits;
    memcpy(&bits, &y, sizeof bits);
    const unsigned char b = (unsigned char)(bits >> 8 * byte);
    recur__xxh3_add(h, &b, 1);
}

/* The same everywhere: what x86-64 gave. */
static void bits_are_known(void **unused)
{
    (void)unused;
    recur__xxh3 h;
    recur__xxh3_begin(&h);
    for (int i = 1; i < 20000; i++) {
        const double x = i * 0.01;
        const double y[] = { recur__exp(x - 100),   recur__expm1(x - 100), recur__log(x),
                             recur__log1p(x),       recur__pow(0.97, x),   recur__pow(x, 0.75),
                             recur__cos_pi(x / 200) };
        for (int j = 0; j < COUNT(y); j++)
            for (int byte = 0; byte < 8; byte++) add_byte(&h, y[j], byte);
    }
    const uint64_t got = recur__xxh3_end(&h), want = 0xe967b9f46fe5f2db;
    if (got != want)
        fail_msg("0x%016llx, not 0x%016llx", (unsigned long long)got, (unsigned long long)want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(they_are_accurate), TEST(ends_are_right),
                                        TEST(bits_are_known) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
