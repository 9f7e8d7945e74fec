/* test_reduced.c - products with matrices of fewer bits: every instruction set gives the bits that
 * are written here, for any number of rows and threads, at sizes about the borders of panels, words
 * and tiles, and with NaN, infinity and numbers that vanish. */
#include "support/support.h"

#include "linalg/reduced.h"

enum { GAP = 3 };

/* ---- what a product is, in its own words ----------------------------------------------------- */

/* The nearest number with 8 bits of fraction, by arithmetic. */
static float rounded_to_bfloat16(float x)
{
    int exponent;
    if (!isfinite(x)) return x;
    if (fabsf(x) < 0x1p-56f) return 0;
    const double fraction = frexp((double)x, &exponent) * 256;
    return (float)ldexp(nearbyint(fraction), exponent - 8);
}

static float dot_bfloat16(int64_t K, const float *w, const float *x)
{
    float sum = 0;
    for (int64_t k = 0; k < K; k++) {
        const float product = rounded_to_bfloat16(w[k]) * rounded_to_bfloat16(x[k]);
        sum += product;
    }
    return sum;
}

static float largest_of(int64_t K, const float *row)
{
    float most = 0;
    for (int64_t k = 0; k < K; k++) {
        if (!isfinite(row[k])) return NAN;
        most = fmaxf(most, fabsf(row[k]));
    }
    return most;
}

static float dot_int8(int64_t K, const float *w, const float *x)
{
    const float of_w = largest_of(K, w), of_x = largest_of(K, x);
    int64_t sum = 0;
    if (isnan(of_w) || isnan(of_x)) return NAN;
    if (of_w < 1e-30f || of_x < 1e-30f) return 0; /* too small for a scale */
    const float to_w = 127 / of_w, to_x = 127 / of_x;
    for (int64_t k = 0; k < K; k++)
        sum += (int64_t)nearbyintf(w[k] * to_w) * (int64_t)nearbyintf(x[k] * to_x);
    const float scaled = (float)sum * (of_x / 127);
    return scaled * (of_w / 127);
}

/* ---- trials ---------------------------------------------------------------------------------- */

typedef struct trial {
    int32_t precision;
    int64_t R, N, K, ldx, ldy;
    float *W, *x, *y, *want;
} trial;

static trial trial_of(int32_t precision, int64_t R, int64_t N, int64_t K)
{
    trial t = { .precision = precision, .R = R, .N = N, .K = K, .ldx = K + GAP, .ldy = N + GAP };
    t.W = randoms(N * K, 1);
    t.x = randoms(R * t.ldx, 2);
    t.y = randoms(R * t.ldy, 1);
    for (int64_t r = 0; r < R; r++)
        for (int i = 0; i < GAP; i++) t.x[r * t.ldx + K + i] = NAN;
    return t;
}

static void expect(trial *t)
{
    t->want = copy_of(t->R * t->ldy, t->y);
    for (int64_t r = 0; r < t->R; r++)
        for (int64_t n = 0; n < t->N; n++) {
            const float *w = t->W + n * t->K, *x = t->x + r * t->ldx;
            t->want[r * t->ldy + n] += t->precision == RECUR_PRECISION_INT8
                                           ? dot_int8(t->K, w, x)
                                           : dot_bfloat16(t->K, w, x);
        }
}

/* NaN is NaN, whatever its bits. */
static void check_bits(const trial *t, const float *got)
{
    for (int64_t i = 0; i < t->R * t->ldy; i++)
        if (memcmp(got + i, t->want + i, sizeof *got) && !(isnan(got[i]) && isnan(t->want[i])))
            fail_msg("number %d of row %d: %a instead of %a", (int)(i % t->ldy), (int)(i / t->ldy),
                     (double)got[i], (double)t->want[i]);
}

static void multiply(recur_context *ctx, bool threads, const trial *t)
{
    recur__carver carver = { 0 };
    recur__carve_reduced(t->precision, t->N, t->K, &carver);
    carver = (recur__carver){ .base = bytes_of((int64_t)carver.used + 64, 1) };
    carver.base += -(uintptr_t)carver.base % 64;
    recur__reduced W = recur__carve_reduced(t->precision, t->N, t->K, &carver);
    recur__fill_reduced(&W, (recur__matrix){ t->W, t->K });
    float *y = copy_of(t->R * t->ldy, t->y);
    const recur__reduced_tools tools = {
        .ctx = threads ? ctx : NULL,
        .kernels = recur__kernels_of(ctx),
        .scratch = floats(recur__reduced_scratch(t->R, t->K)),
    };
    recur__multiply_reduced(&tools, &W, t->R, (recur__matrix){ t->x, t->ldx },
                            (recur__sums){ y, t->ldy });
    check_bits(t, y);
}

static void run_all(const trial *t, const char *what)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        trying("%s, instruction set %d, precision %d, R %d, N %d, K %d", what,
               (int)recur__context_isa(ctx), (int)t->precision, (int)t->R, (int)t->N, (int)t->K);
        multiply(ctx, false, t);
    }
}

static void every_set_gives_these_bits(void **unused)
{
    (void)unused;
    static const int64_t rows[] = { 1, 2, 3, 4, 5, 6, 7, 13, 49 };
    static const int64_t outputs[] = { 1, 15, 16, 17, 47, 65, 150 };
    static const int64_t columns[] = { 1, 2, 3, 15, 16, 17, 40, 129 };
    for (int32_t precision = 1; precision < RECUR__PRECISIONS; precision++)
        for (int r = 0; r < COUNT(rows); r++)
            for (int n = 0; n < COUNT(outputs); n++)
                for (int k = 0; k < COUNT(columns); k++) {
                    dice((uint64_t)(100 * r + 10 * n + k));
                    trial t = trial_of(precision, rows[r], outputs[n], columns[k]);
                    expect(&t);
                    run_all(&t, "sizes");
                    give_back();
                }
}

static void numbers_at_the_borders(void **unused)
{
    (void)unused;
    static const float odd[] = { NAN,        INFINITY,    -INFINITY, 0x1p-56f,  0x1.fffffep-57f,
                                 0x1p-140f,  -0.0f,       0x1.01p0f, 0x1.03p0f, 0x1.010002p0f,
                                 -0x1.ffp0f, 0x1.fep127f, 1e-31f };
    enum { R = 5, N = 20, K = 37 };
    for (int32_t precision = 1; precision < RECUR__PRECISIONS; precision++)
        for (int i = 0; i < COUNT(odd); i++)
            for (int in_W = 0; in_W < 2; in_W++) {
                const bool tiny = fabsf(odd[i]) < 1e-20f;
                dice((uint64_t)i);
                trial t = trial_of(precision, R, N, K);
                *(in_W ? &t.W[3 * K + 20] : &t.x[2 * t.ldx + 35]) = odd[i];
                if (in_W)
                    for (int k = 0; k < K; k++) t.W[7 * K + k] = tiny ? odd[i] : 0;
                expect(&t);
                run_all(&t, "borders");
                give_back();
            }
}

static void the_largest_sums_do_not_saturate(void **unused)
{
    (void)unused;
    enum { R = 2, N = 17, K = RECUR__MOST_REDUCED };
    trial t = trial_of(RECUR_PRECISION_INT8, R, N, K);
    for (int64_t i = 0; i < N * K; i++) t.W[i] = i / K % 2 ? -1 : 1;
    for (int64_t i = 0; i < R * t.ldx; i++) t.x[i] = 3;
    expect(&t);
    run_all(&t, "largest");
}

static void threads_give_the_same_bits(void **unused)
{
    (void)unused;
    const recur_context_options options = { .size = sizeof options, .threads = 3 };
    recur_context *ctx;
    OK(recur_context_create(&options, &ctx));
    for (int32_t precision = 1; precision < RECUR__PRECISIONS; precision++) {
        trial t = trial_of(precision, 50, 410, 300);
        expect(&t);
        trying("three threads, precision %d", (int)precision);
        multiply(ctx, true, &t);
    }
    recur_context_release(ctx);
}

/* A number of a matrix is what its products see. */
static void numbers_of_a_matrix(void **unused)
{
    (void)unused;
    enum { N = 18, K = 33 };
    for (int32_t precision = 1; precision < RECUR__PRECISIONS; precision++) {
        float *W = randoms(N * K, 1);
        recur__carver carver = { .base = bytes_of(1 << 14, 1) };
        recur__reduced made = recur__carve_reduced(precision, N, K, &carver);
        recur__fill_reduced(&made, (recur__matrix){ W, K });
        for (int n = 0; n < N; n++)
            for (int k = 0; k < K; k++) {
                const float *row = W + n * K, most = largest_of(K, row);
                const float want = precision == RECUR_PRECISION_INT8
                                       ? nearbyintf(row[k] * (127 / most)) * (most / 127)
                                       : rounded_to_bfloat16(row[k]);
                trying("precision %d, number %d of row %d", (int)precision, k, n);
                assert_true(recur__reduced_number(&made, n, k) == want);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_set_gives_these_bits),
        TEST(numbers_at_the_borders),
        TEST(the_largest_sums_do_not_saturate),
        TEST(threads_give_the_same_bits),
        TEST(numbers_of_a_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
