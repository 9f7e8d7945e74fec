/* test_kernels.c - accuracy of every vector function, in units in the last place against libm's
 * double; products against plain sums. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"
#include "linalg/matrix.h"

enum { N = 1 << 16 };

static float x[N], y[N];

/* Distance of a float from a double, in units in the last place of the float nearest to it. */
static double ulps(float got, double want)
{
    const float near = (float)want;
    const double unit = (double)(nextafterf(fabsf(near), INFINITY) - fabsf(near));
    return fabs((double)got - want) / unit;
}

static double sigmoid(double v) { return 1 / (1 + exp(-v)); }

/* Takes points evenly from `from` to `to`, and as densely again about 0. */
static void fill(double from, double to)
{
    for (int i = 0; i < N / 2; i++) {
        x[i] = (float)(from + (to - from) * i / (N / 2 - 1));
        x[N / 2 + i] = (float)((i % 2 ? 1 : -1) * exp(-20.0 * i / (N / 2)));
    }
}

static double worst(void (*f)(int64_t, const float *, float *), double (*want)(double), double from,
                    double to)
{
    double most = 0;
    fill(from, to);
    f(N - 3, x, y); /* an odd number: the last vector is not full */
    for (int i = 0; i < N - 3; i++) most = fmax(most, ulps(y[i], want((double)x[i])));
    return most;
}

/* Runs a check on every instruction set of this machine. */
static void on_every_set(void (*check)(const recur_context *ctx, const recur__kernels *k))
{
    for (int32_t isa = RECUR_ISA_REF; isa <= RECUR_ISA_AVX2_EXACT; isa++) {
        const recur_context_options options = { .size = sizeof options, .isa = isa };
        recur_context *ctx = NULL;
        if (recur_context_create(&options, &ctx)) continue;
        const recur__kernels *k = recur__kernels_of(ctx);
        assert_int_equal(k->isa, isa);
        check(ctx, k);
        recur_context_release(ctx);
    }
}

static double softsign(double v) { return v / (1 + fabs(v)); }

static void check_functions(const recur_context *ctx, const recur__kernels *k)
{
    const double s = worst(recur__activation_of(k)->forward[RECUR_ACTIVATION_SIGMOID], sigmoid, -80,
                           80);
    const double t = worst(recur__activation_of(k)->forward[RECUR_ACTIVATION_TANH], tanh, -12, 12);
    const double g = worst(recur__activation_of(k)->forward[RECUR_ACTIVATION_SOFTSIGN], softsign,
                           -80, 80),
                 e = worst(k->elementwise->exp, exp, -80, 80);
    printf("%-7s sigmoid %.2f ulp, tanh %.2f ulp, softsign %.2f ulp, exp %.2f ulp\n",
           recur_context_isa(ctx), s, t, g, e);
    assert_true(s <= 3 && t <= 3 && g <= 1.5 && e <= 3);
    fill(-4, 4); /* with an error of the line's rounding, which is not small beside values near 0 */
    recur__activation_of(k)->forward[RECUR_ACTIVATION_HARD_SIGMOID](N - 3, x, y);
    for (int i = 0; i < N - 3; i++)
        assert_true(fabs((double)y[i] - fmin(1, fmax(0, 0.2 * (double)x[i] + 0.5))) <= 1e-7);
    recur__activation_of(k)->forward[RECUR_ACTIVATION_IDENTITY](N - 3, x, y);
    assert_memory_equal(y, x, (N - 3) * sizeof *x);
}

static void functions(void **unused)
{
    (void)unused;
    on_every_set(check_functions);
}

static void check_ends(const recur_context *ctx, const recur__kernels *k)
{
    (void)ctx;
    enum { ENDS = 9 };
    const float ends[ENDS] = {
        NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0.0f, 500.0f, -500.0f, NAN
    };
    float out[ENDS];
    recur__activation_of(k)->forward[RECUR_ACTIVATION_TANH](ENDS, ends, out);
    assert_true(isnan(out[0]) && out[1] == 1 && out[2] == -1 && out[3] == 1 && out[4] == -1 &&
                out[5] == 0 && out[6] == 1 && isnan(out[8]));
    recur__activation_of(k)->forward[RECUR_ACTIVATION_SIGMOID](ENDS, ends, out);
    assert_true(isnan(out[0]) && out[1] == 1 && out[2] >= 0 && out[2] < 1e-37f && out[3] == 1 &&
                out[5] == 0.5f && isnan(out[8]));
    recur__activation_of(k)->forward[RECUR_ACTIVATION_RELU](ENDS, ends, out);
    assert_true(isnan(out[0]) && out[1] == INFINITY && out[2] == 0 && out[6] == 500 &&
                out[7] == 0 && isnan(out[8]));
    recur__activation_of(k)->forward[RECUR_ACTIVATION_HARD_SIGMOID](ENDS, ends, out);
    assert_true(isnan(out[0]) && out[1] == 1 && out[2] == 0 && out[3] == 1 && out[4] == 0 &&
                out[5] == 0.5f && isnan(out[8]));
    recur__activation_of(k)->forward[RECUR_ACTIVATION_SOFTSIGN](ENDS, ends, out);
    assert_true(isnan(out[0]) && out[1] == 1 && out[2] == -1 && out[3] == 1 && out[4] == -1 &&
                out[5] == 0 && isnan(out[8]));
    const float ones[ENDS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    recur__activation_of(k)->backward[RECUR_ACTIVATION_SOFTSIGN](ENDS, ends, ones, out);
    assert_true(isnan(out[0]) && out[1] == 0 && out[2] == 0 && out[3] == 0 && out[5] == 1 &&
                isnan(out[8]));
    recur__activation_of(k)->backward[RECUR_ACTIVATION_HARD_SIGMOID](ENDS, ends, ones, out);
    const float fifth = 0.2f;
    assert_true(out[0] == fifth && out[1] == 0 && out[2] == 0 && out[3] == 0 && out[5] == fifth);
}

/* NaN stays NaN, and nothing overflows into one. */
static void ends(void **unused)
{
    (void)unused;
    on_every_set(check_ends);
}

typedef void product(const recur_context *, const recur__kernels *, recur__sizes, recur__matrix,
                     recur__matrix, recur__sums);

/* The numbers are small integers, so that every order of summing gives the same float. */
static void check_product(const recur_context *ctx, const recur__kernels *k, product *f, bool at,
                          bool bt, int64_t M, int64_t n, int64_t K)
{
    enum { GAP = 3, ROOM = 1 << 16 };
    static float A[ROOM], B[ROOM], C[ROOM], want[ROOM];
    const int64_t lda = (at ? M : K) + GAP, ldb = (bt ? K : n) + GAP, ldc = n + GAP;
    for (int64_t i = 0; i < ROOM; i++) {
        A[i] = (float)(recur_random(1, (uint64_t)i) % 7) - 3;
        B[i] = (float)(recur_random(2, (uint64_t)i) % 7) - 3;
        C[i] = want[i] = (float)(i % 5);
    }
    for (int64_t r = 0; r < M; r++)
        for (int64_t c = 0; c < n; c++)
            for (int64_t j = 0; j < K; j++)
                want[r * ldc + c] += (at ? A[j * lda + r] : A[r * lda + j]) *
                                     (bt ? B[c * ldb + j] : B[j * ldb + c]);
    f(ctx, k, (recur__sizes){ M, n, K }, (recur__matrix){ A, lda }, (recur__matrix){ B, ldb },
      (recur__sums){ C, ldc });
    assert_memory_equal(C, want, sizeof C);
}

static void check_products(const recur_context *ctx, const recur__kernels *k)
{
    static const int64_t sizes[][3] = { { 1, 1, 1 },    { 1, 35, 70 },  { 5, 16, 3 },
                                        { 16, 4, 200 }, { 7, 64, 17 },  { 13, 65, 130 },
                                        { 70, 33, 29 }, { 100, 3, 77 }, { 2, 130, 64 },
                                        { 3, 48, 1 },   { 33, 127, 5 }, { 0, 4, 4 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_product(ctx, k, recur__gemm_nt, false, true, sizes[i][0], sizes[i][1], sizes[i][2]);
        check_product(ctx, k, recur__gemm_nn, false, false, sizes[i][0], sizes[i][1], sizes[i][2]);
        check_product(ctx, k, recur__gemm_tn, true, false, sizes[i][0], sizes[i][1], sizes[i][2]);
    }
}

static void products(void **unused)
{
    (void)unused;
    on_every_set(check_products);
}

/* A column times a row is added without gaps, wherever C begins. A NaN stays in its row, and what
 * lies around C stays as it was. */
static void check_outer(const recur_context *ctx, const recur__kernels *k)
{
    (void)ctx;
    enum { MOST = 6, WIDE = 75, ROOM = 16 + MOST * WIDE + 16 };
    float a[MOST], b[WIDE], C[ROOM], want[ROOM];
    for (int i = 0; i < MOST; i++) a[i] = (float)(i + 1);
    for (int i = 0; i < WIDE; i++) b[i] = (float)(i % 9 - 4);
    for (int n = 1; n <= WIDE; n += n < 40 ? 1 : 7)
        for (int M = 1; M <= MOST; M += n > 20 ? 5 : 1)
            for (int begin = 0; begin < 16; begin++) {
                for (int i = 0; i < ROOM; i++) C[i] = want[i] = (float)(i % 5);
                a[M / 2] = begin % 2 ? NAN : 3;
                for (int m = 0; m < M; m++)
                    for (int j = 0; j < n; j++) want[begin + m * n + j] += a[m] * b[j];
                k->gemv->ger(M, n, a, b, C + begin, n);
                for (int i = 0; i < ROOM; i++)
                    assert_true(C[i] == want[i] || (isnan(C[i]) && isnan(want[i])));
            }
}

static void outer(void **unused)
{
    (void)unused;
    on_every_set(check_outer);
}

static void check_sums(const recur_context *ctx, const recur__kernels *k)
{
    (void)ctx;
    enum { R = 9, W = 21 };
    float A[R * W], sum[W] = { 0 }, C[3 * W] = { 0 }, want[3 * W] = { 0 };
    const int32_t ids[R] = { 0, 2, 2, 1, 0, 2, 1, 1, 0 };
    for (int i = 0; i < R * W; i++) A[i] = (float)(i % 11);
    k->reduce->column_sums(R, W, A, W, sum);
    k->reduce->scatter(R, W, A, W, ids, C);
    for (int r = 0; r < R; r++)
        for (int n = 0; n < W; n++) {
            sum[n] -= A[r * W + n];
            want[ids[r] * W + n] += A[r * W + n];
        }
    for (int n = 0; n < W; n++) assert_true(sum[n] == 0);
    assert_memory_equal(C, want, sizeof C);
}

static void sums(void **unused)
{
    (void)unused;
    on_every_set(check_sums);
}

/* Rows of every width up to three full vectors are compared with sums in double. */
static void check_norm(const recur_context *ctx, const recur__kernels *k)
{
    enum { R = 3, MOST = 50 };
    static float in[R * MOST], dy[R * MOST], w[MOST], b[MOST], out[R * MOST], dx[R * MOST];
    for (int64_t n = 1; n <= MOST; n++) {
        for (int64_t i = 0; i < R * n; i++) {
            in[i] = (float)(100 + recur__normal(recur_random(3, (uint64_t)i)));
            dy[i] = (float)recur__normal(recur_random(4, (uint64_t)i));
            if (i < n) w[i] = (float)recur__normal(recur_random(5, (uint64_t)i));
        }
        float dw[MOST] = { 0 }, db[MOST] = { 0 };
        recur__moments moments[R];
        const recur__normed_rows rows = {
            .R = R, .n = n, .epsilon = 1e-5, .x = in, .w = w, .b = b, .moments = moments
        };
        recur__layernorm_of(k)->forward(&rows, out);
        recur__layernorm_of(k)->backward(&rows, dy, dx);
        recur__layernorm_of(k)->gradient(&rows, dy, dw, db);
        double dw_want[MOST] = { 0 };
        for (int64_t r = 0; r < R; r++) {
            double mean = 0, square = 0, g = 0, gx = 0;
            for (int64_t i = 0; i < n; i++) mean += (double)in[r * n + i] / (double)n;
            for (int64_t i = 0; i < n; i++)
                square += ((double)in[r * n + i] - mean) * ((double)in[r * n + i] - mean) /
                          (double)n;
            const double s = 1 / sqrt(square + 1e-5);
            for (int64_t i = 0; i < n; i++) {
                const double g_i = (double)w[i] * (double)dy[r * n + i],
                             x_i = ((double)in[r * n + i] - mean) * s;
                g += g_i / (double)n;
                gx += g_i * x_i / (double)n;
                dw_want[i] += (double)dy[r * n + i] * x_i;
            }
            for (int64_t i = 0; i < n; i++) {
                const double x_i = ((double)in[r * n + i] - mean) * s,
                             d = s * ((double)w[i] * (double)dy[r * n + i] - g - x_i * gx);
                if (fabs((double)out[r * n + i] - (double)w[i] * x_i) > 1e-5 ||
                    fabs((double)dx[r * n + i] - d) > 2e-5 * fmax(1, s))
                    fail_msg("%s: row %d of %d, number %d: y %g, dx %g, which should be %g",
                             recur_context_isa(ctx), (int)r, (int)n, (int)i, (double)out[r * n + i],
                             (double)dx[r * n + i], d);
            }
        }
        for (int64_t i = 0; i < n; i++) assert_true(fabs((double)dw[i] - dw_want[i]) < 2e-5);
        assert_true(dw[n < MOST ? n : 0] == 0 || n == MOST); /* nothing behind the end */
    }
}

static void norms(void **unused)
{
    (void)unused;
    on_every_set(check_norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions), cmocka_unit_test(ends), cmocka_unit_test(products),
        cmocka_unit_test(outer),     cmocka_unit_test(sums), cmocka_unit_test(norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
