/* test_loss_sampled.c - losses on drawn classes against a textbook double version and its finite
 * differences, against the full softmax, laws, memory. What is drawn: test_draws.c. */
#include "naive/losses.h"
#include "support/support.h"

static const double NOT_A_NUMBER = (double)NAN;
enum { V = 11, F = 5, MOST = 7 };

static const float COUNTS[V] = { 40, 3, 0.5f, 12, 1, 7, 100, 2, 2, 30, 5 };

typedef struct spec {
    const char *name;
    recur_loss_options options;
    bool biased;
} spec;

#define OPTIONS(kind_, ...)                                                           \
    {                                                                                 \
        .size = sizeof(recur_loss_options), .kind = RECUR_LOSS_##kind_, .classes = V, \
        .samples = 4, __VA_ARGS__                                                     \
    }
static const spec SPECS[] = {
    { "softmax, log-uniform", OPTIONS(SAMPLED_SOFTMAX, .flags = 0), true },
    { "softmax, counts", OPTIONS(SAMPLED_SOFTMAX, .counts = COUNTS), false },
    { "softmax, ignore",
      OPTIONS(SAMPLED_SOFTMAX, .flags = RECUR_LOSS_IGNORE_INDEX, .ignore_index = 3), true },
    { "negatives, log-uniform", OPTIONS(NEGATIVE_SAMPLING, .flags = 0), false },
    { "negatives, counts", OPTIONS(NEGATIVE_SAMPLING, .counts = COUNTS), true },
    { "negatives, ignore",
      OPTIONS(NEGATIVE_SAMPLING, .counts = COUNTS, .power = 0.3, .flags = RECUR_LOSS_IGNORE_INDEX,
              .ignore_index = 6),
      true },
};

/* ---- the textbook --------------------------------------------------------------------------- */

typedef struct batch {
    int64_t R, count;
    float *h, *params; /* [R][F], [V][F] then [V] */
    int32_t *labels;
    uint64_t seed, counter;
} batch;

static batch batch_of(const spec *s, int64_t R)
{
    const int64_t count = V * F + (s->biased ? V : 0);
    batch b = { .R = R,
                .count = count,
                .h = randoms(R * F, 1),
                .params = randoms(count, 1),
                .labels = random_ids(R, V),
                .seed = (uint64_t)below(1 << 20),
                .counter = (uint64_t)below(1 << 20) };
    for (int64_t r = 2; r < R; r += 4) b.labels[r] = -1;
    return b;
}

static naive_sampled drawn_textbook(const recur_loss_options *o, bool biased)
{
    return (naive_sampled){ .V = o->classes,
                            .F = F,
                            .samples = o->samples,
                            .softmax = o->kind == RECUR_LOSS_SAMPLED_SOFTMAX,
                            .biased = biased,
                            .counts = o->counts,
                            .power = o->power > 0 ? o->power : 0.75 };
}

static int64_t draw(const naive_sampled *s, uint64_t seed, uint64_t at)
{
    return naive_draw(s, (double)(recur_random(seed, at) >> 11) / 9007199254740992.0);
}

static double textbook(const recur_loss_options *o, const batch *b, const double *h,
                       const double *params)
{
    const naive_sampled s = drawn_textbook(o, b->count > V * F);
    int64_t drawn[MOST];
    double value = 0, rows = 0;
    for (int64_t r = 0; r < b->R; r++) {
        if (b->labels[r] < 0 ||
            (o->flags & RECUR_LOSS_IGNORE_INDEX && b->labels[r] == o->ignore_index))
            continue;
        for (int64_t i = 0; i < s.samples; i++)
            drawn[i] = draw(&s, b->seed,
                            b->counter + (uint64_t)(i + (s.softmax ? 0 : r * s.samples)));
        value += naive_sampled_row(&s, h + r * F, params, b->labels[r], drawn);
        rows++;
    }
    return o->flags & RECUR_LOSS_SUM || rows == 0 ? value : value / rows;
}

static void differences(const recur_loss_options *o, const batch *b, double *h, double *params,
                        double *at, int64_t count, double *d)
{
    const double step = 1e-5;
    for (int64_t i = 0; i < count; i++) {
        const double before = at[i];
        at[i] = before + step;
        const double up = textbook(o, b, h, params);
        at[i] = before - step;
        d[i] = (up - textbook(o, b, h, params)) / (2 * step);
        at[i] = before;
    }
}

/* ---- against the textbook ------------------------------------------------------------------- */

static recur_loss *loss_of(recur_context *ctx, recur_loss_options o, uint32_t more_flags)
{
    recur_loss *loss = NULL;
    o.flags |= more_flags;
    OK(recur_loss_create(ctx, &o, &loss));
    return loss;
}

static double run_loss(const recur_loss *loss, const batch *b, float *dh, float *dparams)
{
    double value = NOT_A_NUMBER;
    OK(recur_loss_sampled(loss, b->R, F, b->h, b->labels, b->params, b->count, b->seed, b->counter,
                          &value, dh, dparams, NULL));
    return value;
}

static void near(const char *what, double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * (1 + fabs(want))))
        fail_msg("%s is %.12g, should be %.12g", what, got, want);
}

static void test_textbook(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS) * 8; i++) {
            const spec *s = &SPECS[i / 8];
            recur_loss_options o = s->options;
            o.flags |= i % 2 ? RECUR_LOSS_SUM : 0;
            o.samples = 1 + i % MOST;
            trying("%s, %lld", s->name, (long long)i);
            dice((uint64_t)i);
            const batch b = batch_of(s, i % 8 + (i % 8 == 7 ? 20 : 0));
            recur_loss *loss = loss_of(ctx, o, 0);
            float *dh = floats(b.R * F), *dparams = zeros(b.count);
            double *h = widen(b.R * F, b.h), *params = widen(b.count, b.params),
                   *want_h = doubles(b.R * F), *want = doubles(b.count);
            differences(&o, &b, h, params, h, b.R * F, want_h);
            differences(&o, &b, h, params, params, b.count, want);
            near("value", run_loss(loss, &b, dh, dparams), textbook(&o, &b, h, params), 2e-6);
            check_close("dh", b.R * F, dh, want_h, (tolerance){ 2e-6, 0, 2e-6 });
            check_close("dparams", b.count, dparams, want, (tolerance){ 2e-6, 0, 2e-6 });
            recur_loss_release(loss);
            give_back();
        }
}

/* When all classes are drawn, the sampled softmax is the cross-entropy of a linear layer. */
static void test_full_softmax(void **state)
{
    (void)state;
    enum { R = 40 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < 3; i++) {
            trying("%s", SPECS[i].name);
            dice((uint64_t)i);
            const batch b = batch_of(&SPECS[i], R);
            recur_loss_options o = SPECS[i].options;
            o.samples = 20000;
            recur_loss *sampled = loss_of(ctx, o, 0), *full = NULL;
            const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                                       .kind = RECUR_LOSS_CROSS_ENTROPY,
                                                       .flags = o.flags,
                                                       .ignore_index = o.ignore_index };
            OK(recur_loss_create(ctx, &cross_entropy, &full));
            recur_layer *linear = NULL;
            recur_tape *tape = NULL;
            recur_packed *rows = layout(ctx, R, NULL, 1);
            OK(recur_linear_create(ctx, F, V, SPECS[i].biased ? 0 : RECUR_LAYER_NO_BIAS, &linear));
            OK(recur_tape_create(ctx, &tape));
            assert_int_equal(recur_layer_param_count(linear), b.count);
            memcpy(recur_layer_params(linear), b.params, (size_t)b.count * sizeof(float));
            float *y = floats(R * V), *dy = floats(R * V), *want_h = floats(R * F),
                  *want = zeros(b.count), *dh = floats(R * F), *dparams = zeros(b.count);
            double value;
            OK(recur_layer_forward(linear, rows, b.h, NULL, y, tape));
            OK(recur_loss_classes(full, R, V, y, b.labels, &value, dy));
            OK(recur_layer_backward(linear, rows, b.h, dy, NULL, want_h, want, tape));
            near("value", run_loss(sampled, &b, dh, dparams), value, 1e-6);
            check_near("dh", R * F, dh, want_h, (tolerance){ 1e-7, 1e-6, 1e-6 });
            check_near("dparams", b.count, dparams, want, (tolerance){ 1e-7, 1e-6, 1e-6 });
            recur_loss_release(sampled);
            recur_loss_release(full);
            recur_layer_release(linear);
            recur_tape_release(tape);
            recur_packed_release(rows);
            give_back();
        }
}

/* ---- laws ----------------------------------------------------------------------------------- */

/* A batch gives what its rows give one by one, with the random numbers that are theirs; gradients
 * add up. */
static void test_rows(void **state)
{
    (void)state;
    for (int64_t i = 0; i < COUNT(SPECS); i++) {
        trying("%s", SPECS[i].name);
        dice((uint64_t)i);
        const batch b = batch_of(&SPECS[i], 13);
        recur_loss *loss = loss_of(NULL, SPECS[i].options, RECUR_LOSS_SUM);
        float *dh = floats(b.R * F), *again = floats(b.R * F), *before = randoms(b.count, 1),
              *dparams = copy_of(b.count, before), *parts = copy_of(b.count, before);
        const double whole = run_loss(loss, &b, dh, dparams);
        double sum = 0;
        for (int64_t r = 0; r < b.R; r++) {
            batch one = b;
            one.R = 1;
            one.h += r * F;
            one.labels += r;
            if (SPECS[i].options.kind == RECUR_LOSS_NEGATIVE_SAMPLING)
                one.counter += (uint64_t)(r * 4);
            sum += run_loss(loss, &one, again + r * F, parts);
        }
        near("value", sum, whole, 1e-6);
        check_near("dh", b.R * F, again, dh, (tolerance){ 0, 0, 1e-6 });
        check_near("dparams", b.count, parts, dparams, (tolerance){ 0, 0, 1e-6 });

        near("value alone", run_loss(loss, &b, NULL, NULL), whole, 0);
        OK(recur_loss_sampled(loss, b.R, F, b.h, b.labels, b.params, b.count, b.seed, b.counter,
                              NULL, again, NULL, NULL));
        check_same("dh alone", b.R * F, again, dh);
        recur_loss_release(loss);
        give_back();
    }
}

/* Rows of parameters that nobody asked for are not touched: they may be anything, and their
 * gradients stay. */
static void test_untouched(void **state)
{
    (void)state;
    enum { MANY = 5000, R = 3 };
    for (int kind = RECUR_LOSS_SAMPLED_SOFTMAX; kind <= RECUR_LOSS_NEGATIVE_SAMPLING; kind++) {
        const recur_loss_options o = {
            .size = sizeof o, .kind = kind, .classes = MANY, .samples = 7
        };
        const naive_sampled s = drawn_textbook(&o, true);
        recur_loss *loss = loss_of(NULL, o, 0);
        const int32_t labels[R] = { 4999, 17, 4999 };
        bool asked[MANY] = { [4999] = true, [17] = true };
        const int64_t draws = kind == RECUR_LOSS_NEGATIVE_SAMPLING ? 7 * R : 7;
        for (int64_t i = 0; i < draws; i++) asked[draw(&s, 3, (uint64_t)i)] = true;
        float *params = randoms(MANY * (F + 1), 1), *d = zeros(MANY * (F + 1)),
              *h = randoms(R * F, 1), *dh = floats(R * F);
        for (int64_t c = 0; c < MANY; c++)
            for (int64_t k = 0; k <= F && !asked[c]; k++) {
                const int64_t at = k < F ? c * F + k : MANY * F + c;
                params[at] = d[at] = NAN;
            }
        double value;
        OK(recur_loss_sampled(loss, R, F, h, labels, params, MANY * (F + 1), 3, 0, &value, dh, d,
                              NULL));
        assert_true(isfinite(value));
        for (int64_t i = 0; i < R * F; i++) assert_true(isfinite(dh[i]));
        for (int64_t i = 0; i < MANY * (F + 1); i++) {
            const int64_t c = i < MANY * F ? i / F : i - MANY * F;
            assert_true(asked[c] ? d[i] < 0 || d[i] > 0 : isnan(d[i]));
        }
        recur_loss_release(loss);
    }
}

/* The bits are the same with a tape, with threads, and in every run; another seed gives other
 * draws. */
static void test_bits(void **state)
{
    (void)state;
    enum { MANY = 900, WIDE = 64, R = 700 };
    const recur_context_options two = { .size = sizeof two, .threads = 2 };
    recur_context *ctx = NULL;
    recur_tape *tape = NULL;
    OK(recur_context_create(&two, &ctx));
    OK(recur_tape_create(ctx, &tape));
    dice(1);
    const float *h = randoms(R * WIDE, 1), *params = randoms(MANY * WIDE, 0.1);
    const int32_t *labels = random_ids(R, MANY);
    for (int kind = RECUR_LOSS_SAMPLED_SOFTMAX; kind <= RECUR_LOSS_NEGATIVE_SAMPLING; kind++) {
        const recur_loss_options o = {
            .size = sizeof o, .kind = kind, .classes = MANY, .samples = 300
        };
        recur_loss *one = loss_of(NULL, o, 0), *threads = loss_of(ctx, o, 0);
        float *dh[2], *d[2];
        double value[3];
        for (int i = 0; i < 2; i++) {
            dh[i] = floats(R * WIDE);
            d[i] = zeros(MANY * WIDE);
            OK(recur_loss_sampled(i ? threads : one, R, WIDE, h, labels, params, MANY * WIDE, 8, 1,
                                  &value[i], dh[i], d[i], i ? tape : NULL));
        }
        OK(recur_loss_sampled(one, R, WIDE, h, labels, params, MANY * WIDE, 9, 1, &value[2], NULL,
                              NULL, NULL));
        assert_true(value[0] == value[1] && fabs(value[0] - value[2]) > 0);
        check_same("dh", R * WIDE, dh[1], dh[0]);
        check_same("dparams", MANY * WIDE, d[1], d[0]);
        recur_loss_release(one);
        recur_loss_release(threads);
    }
    assert_int_equal(recur_tape_records(tape), 0);
    recur_tape_release(tape);
    recur_context_release(ctx);
}

/* ---- edges ---------------------------------------------------------------------------------- */

static void test_edges(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            trying("%s", SPECS[i].name);
            dice(7);
            batch b = batch_of(&SPECS[i], 6);
            recur_loss *loss = loss_of(ctx, SPECS[i].options, 0);
            float *dh = floats(6 * F), *d = zeros(b.count);
            for (int64_t r = 0; r < 6; r++) b.labels[r] = -1 - (int32_t)r; /* nothing counts */
            assert_true(run_loss(loss, &b, dh, d) == 0);
            check_same("dh", 6 * F, dh, zeros(6 * F));
            check_same("dparams", b.count, d, zeros(b.count));
            b.R = 0;
            assert_true(run_loss(loss, &b, dh, d) == 0);
            b.R = 6;
            b.labels[0] = b.labels[4] = 1;
            b.h[3] = NAN;
            assert_true(isnan(run_loss(loss, &b, dh, d)));
            assert_true(isnan(dh[0]) && !isnan(dh[4 * F]) && isnan(d[F + 3]));
            b.h[3] = 1e30f; /* far beyond what exp can do */
            b.h[4 * F] = -1e30f;
            memset(d, 0, (size_t)b.count * sizeof *d);
            assert_true(isfinite(run_loss(loss, &b, dh, d)));
            for (int64_t k = 0; k < 6 * F; k++) assert_true(isfinite(dh[k]));
            recur_loss_release(loss);
        }
    recur_loss_options o = OPTIONS(SAMPLED_SOFTMAX, .flags = 0); /* one class: nothing to learn */
    o.classes = 1;
    recur_loss *loss = loss_of(NULL, o, 0);
    float d[2] = { 0 };
    double value = 7;
    OK(recur_loss_sampled(loss, 1, 1, (const float[]){ 2 }, (const int32_t[]){ 0 },
                          (const float[]){ 3, 4 }, 2, 1, 1, &value, NULL, d, NULL));
    assert_true(value == 0 && d[0] == 0 && d[1] == 0);
    recur_loss_release(loss);
}

static void test_memory(void **state)
{
    (void)state;
    counter c = { .until_failure = -1 };
    recur_context *ctx = counting_context(&c, RECUR_ISA_AUTO);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    for (int64_t i = 1; i < 5; i += 3) { /* with counts: of either kind */
        float counted[V];
        memcpy(counted, COUNTS, sizeof counted);
        recur_loss_options o = SPECS[i].options;
        o.counts = counted;
        const int64_t before = c.allocations;
        recur_loss *loss = loss_of(ctx, o, 0);
        assert_int_equal(c.allocations, before + 1);
        dice(4);
        const batch b = batch_of(&SPECS[i], 9);
        const double value = run_loss(loss, &b, NULL, NULL);
        memset(counted, 0, sizeof counted); /* they were copied */
        near("value", run_loss(loss, &b, NULL, NULL), value, 0);
        double taped;
        for (int again = 0; again < 2; again++) {
            c.until_failure = again || o.kind == RECUR_LOSS_NEGATIVE_SAMPLING ? 0 : -1;
            OK(recur_loss_sampled(loss, b.R, F, b.h, b.labels, b.params, b.count, b.seed, b.counter,
                                  &taped, NULL, NULL, tape));
            near("with a tape", taped, value, 0);
        }
        c.until_failure = -1;
        recur_loss_release(loss);
    }
    recur_tape_release(tape);
    recur_context_release(ctx);
    assert_true(c.blocks == 0 && c.mistakes == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_textbook), TEST(test_full_softmax), TEST(test_rows),   TEST(test_untouched),
        TEST(test_bits),     TEST(test_edges),        TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
