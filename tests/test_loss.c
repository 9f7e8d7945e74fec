/* test_loss.c - losses against a textbook double version and its finite differences, laws among
 * them, memory.
 *
 * The textbook version computes one row from the definition; the test checks value and gradient of
 * the library against it on every instruction set. */
#include "support/support.h"

static const double NOT_A_NUMBER = (double)NAN;

/* ---- the textbook --------------------------------------------------------------------------- */

static const float WEIGHTS[] = { 0.5f, 2, 0, 1.25f, 0.1f, 3, 1 }; /* [7] */
enum { CLASSES = 7 };

typedef struct spec {
    const char *name;
    recur_loss_options options;
} spec;

#define OPTIONS(kind_, ...)                                            \
    {                                                                  \
        .size = sizeof(recur_loss_options), .kind = kind_, __VA_ARGS__ \
    }
static const spec SPECS[] = {
    { "cross-entropy", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .flags = 0) },
    { "smoothing", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .smoothing = 0.15) },
    { "weights", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .classes = CLASSES, .class_weight = WEIGHTS) },
    { "weights, smoothing", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .classes = CLASSES,
                                    .class_weight = WEIGHTS, .smoothing = 0.3) },
    { "ignore", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .flags = RECUR_LOSS_IGNORE_INDEX,
                        .ignore_index = 3, .smoothing = 0.1) },
    { "nll", OPTIONS(RECUR_LOSS_NLL, .flags = 0) },
    { "nll, weights, ignore",
      OPTIONS(RECUR_LOSS_NLL, .flags = RECUR_LOSS_IGNORE_INDEX, .ignore_index = 1,
              .classes = CLASSES, .class_weight = WEIGHTS) },
    { "mse", OPTIONS(RECUR_LOSS_MSE, .flags = 0) },
    { "l1", OPTIONS(RECUR_LOSS_L1, .flags = 0) },
    { "huber", OPTIONS(RECUR_LOSS_HUBER, .flags = 0) },
    { "huber 0.4", OPTIONS(RECUR_LOSS_HUBER, .delta = 0.4) },
    { "bce", OPTIONS(RECUR_LOSS_BCE_LOGITS, .flags = 0) },
    { "bce, weights",
      OPTIONS(RECUR_LOSS_BCE_LOGITS, .classes = CLASSES, .positive_weight = WEIGHTS) },
};

static bool on_labels(const recur_loss_options *o) { return o->kind < RECUR_LOSS_MSE; }

static double weight(const float *weights, int64_t c) { return weights ? (double)weights[c] : 1; }

static bool counts(const recur_loss_options *o, int32_t label)
{
    return label >= 0 && !(o->flags & RECUR_LOSS_IGNORE_INDEX && label == o->ignore_index);
}

static double log_softmax(const double *y, int64_t classes, int64_t c)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; k++) largest = fmax(largest, y[k]);
    for (int64_t k = 0; k < classes; k++) sum += exp(y[k] - largest);
    return y[c] - largest - log(sum);
}

static double row_of_labels(const recur_loss_options *o, const double *y, int64_t classes,
                            int32_t label)
{
    if (!counts(o, label)) return 0;
    const double w = weight(o->class_weight, label);
    if (o->kind == RECUR_LOSS_NLL) return -w * y[label];
    double value = -(1 - o->smoothing) * w * log_softmax(y, classes, label);
    for (int64_t c = 0; c < classes && o->smoothing > 0; c++)
        value -= o->smoothing / (double)classes * weight(o->class_weight, c) *
                 log_softmax(y, classes, c);
    return value;
}

static double row_of_values(const recur_loss_options *o, const double *y, int64_t features,
                            const float *target)
{
    double value = 0;
    for (int64_t j = 0; j < features; j++) {
        const double t = (double)target[j], e = fabs(y[j] - t), delta = o->delta > 0 ? o->delta : 1;
        switch (o->kind) {
        case RECUR_LOSS_MSE:
            value += e * e;
            break;
        case RECUR_LOSS_L1:
            value += e;
            break;
        case RECUR_LOSS_HUBER:
            value += e <= delta ? e * e / 2 : delta * (e - delta / 2);
            break;
        default:
            value += weight(o->positive_weight, j) * t * log1p(exp(-y[j])) +
                     (1 - t) * log1p(exp(y[j]));
            break;
        }
    }
    return value;
}

/* ---- batches -------------------------------------------------------------------------------- */

typedef struct batch {
    int64_t rows, width;
    float *y, *target;
    int32_t *labels; /* some negative */
} batch;

static batch batch_of(const recur_loss_options *o, int64_t rows, int64_t width)
{
    const batch b = { .rows = rows,
                      .width = width,
                      .y = randoms(rows * width, 4),
                      .target = randoms(rows * width, 2),
                      .labels = random_ids(rows, width) };
    for (int64_t r = 1; r < rows; r += 5) b.labels[r] = -100;
    for (int64_t i = 0; i < rows * width && o->kind == RECUR_LOSS_BCE_LOGITS; i++)
        b.target[i] = between(0, 1);
    return b;
}

static double divisor(const recur_loss_options *o, const batch *b)
{
    if (!on_labels(o)) return (double)(b->rows * b->width);
    double sum = 0;
    for (int64_t r = 0; r < b->rows; r++)
        if (counts(o, b->labels[r])) sum += weight(o->class_weight, b->labels[r]);
    return sum;
}

static double row(const recur_loss_options *o, const batch *b, int64_t r, const double *y)
{
    return on_labels(o) ? row_of_labels(o, y, b->width, b->labels[r])
                        : row_of_values(o, y, b->width, b->target + r * b->width);
}

static recur_loss *loss_of(recur_context *ctx, recur_loss_options o, uint32_t more_flags)
{
    recur_loss *loss;
    o.flags |= more_flags;
    OK(recur_loss_create(ctx, &o, &loss));
    return loss;
}

static double evaluate(const recur_loss *loss, const recur_loss_options *o, const batch *b,
                       float *dy)
{
    double value = NOT_A_NUMBER;
    if (on_labels(o))
        OK(recur_loss_classes(loss, b->rows, b->width, b->y, b->labels, &value, dy));
    else
        OK(recur_loss_values(loss, b->rows, b->width, b->y, b->target, &value, dy));
    return value;
}

static void near(const char *what, double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * (1 + fabs(want))))
        fail_msg("%s is %.12g, should be %.12g", what, got, want);
}

/* Checks value and gradient against the textbook, divided by `divide`. No number is within h of a
 * corner of l1 or huber. */
static void check_batch(const recur_loss *loss, const spec *s, const batch *b, double divide)
{
    const recur_loss_options *o = &s->options;
    float *dy = floats(b->rows * b->width);
    double value = 0, *want = doubles(b->rows * b->width), *y = widen(b->rows * b->width, b->y);
    const double h = 1e-5;
    for (int64_t r = 0; r < b->rows; r++) {
        double *yr = y + r * b->width;
        value += row(o, b, r, yr);
        for (int64_t c = 0; c < b->width; c++) {
            const double at = yr[c];
            yr[c] = at + h;
            const double up = row(o, b, r, yr);
            yr[c] = at - h;
            want[r * b->width + c] = divide > 0 ? (up - row(o, b, r, yr)) / (2 * h) / divide : 0;
            yr[c] = at;
        }
    }
    near(s->name, evaluate(loss, o, b, dy), divide > 0 ? value / divide : 0, 1e-6);
    check_close(s->name, b->rows * b->width, dy, want, (tolerance){ 2e-7, 0, 1e-6 });
}

static void test_textbook(void **state)
{
    (void)state;
    static const int64_t HEIGHT[] = { 0, 1, 2, 9, 33 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            recur_loss *mean = loss_of(ctx, SPECS[i].options, 0),
                       *sum = loss_of(ctx, SPECS[i].options, RECUR_LOSS_SUM);
            for (int64_t j = 0; j < COUNT(HEIGHT); j++) {
                trying("%s, %lld rows", SPECS[i].name, (long long)HEIGHT[j]);
                dice((uint64_t)(100 * i + j));
                const batch b = batch_of(&SPECS[i].options, HEIGHT[j], CLASSES);
                check_batch(sum, &SPECS[i], &b, 1);
                check_batch(mean, &SPECS[i], &b, divisor(&SPECS[i].options, &b));
            }
            recur_loss_release(mean);
            recur_loss_release(sum);
        }
}

static void test_wide_rows(void **state)
{
    (void)state;
    const spec s = { "wide", OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .smoothing = 0.1) };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_loss *loss = loss_of(ctx, s.options, RECUR_LOSS_SUM);
        for (int64_t classes = 1; classes < 200; classes += classes < 70 ? 1 : 37) {
            trying("%lld classes", (long long)classes);
            dice((uint64_t)classes);
            const batch b = batch_of(&s.options, 2, classes);
            check_batch(loss, &s, &b, 1);
        }
        recur_loss_release(loss);
    }
}

/* ---- laws ----------------------------------------------------------------------------------- */

static void test_laws(void **state)
{
    (void)state;
    dice(5);
    for (int64_t i = 0; i < COUNT(SPECS); i++) {
        trying("%s", SPECS[i].name);
        const recur_loss_options *o = &SPECS[i].options;
        recur_loss *mean = loss_of(NULL, *o, 0), *sum = loss_of(NULL, *o, RECUR_LOSS_SUM);
        const batch all = batch_of(o, 23, CLASSES);
        float *dy = floats(23 * CLASSES), *again = floats(23 * CLASSES);
        const double whole = evaluate(sum, o, &all, dy);

        near("the mean times what it divides by", evaluate(mean, o, &all, again) * divisor(o, &all),
             whole, 1e-12);

        batch first = all, second = all; /* rows are independent, and add up */
        first.rows = 9;
        second = (batch){ 14, CLASSES, all.y + 9 * CLASSES, all.target + 9 * CLASSES,
                          all.labels + 9 };
        near("the two parts",
             evaluate(sum, o, &first, again) + evaluate(sum, o, &second, again + 9 * CLASSES),
             whole, 1e-12);
        check_same("dy of two parts", 23 * CLASSES, again, dy);

        /* What is not wanted changes nothing. */
        near("value without dy", evaluate(sum, o, &all, NULL), whole, 0);
        if (on_labels(o))
            OK(recur_loss_classes(sum, 23, CLASSES, all.y, all.labels, NULL, again));
        else
            OK(recur_loss_values(sum, 23, CLASSES, all.y, all.target, NULL, again));
        check_same("dy without value", 23 * CLASSES, again, dy);
        recur_loss_release(mean);
        recur_loss_release(sum);
    }
}

static void test_nothing_counts(void **state)
{
    (void)state;
    const float y[] = { NAN, 1, 2, 3, 4, 5 };
    const int32_t negative[] = { -1, INT32_MIN }, ignored[] = { 9, -1 }, weightless[] = { 2, 2 };
    recur_loss_options o = OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .flags = RECUR_LOSS_IGNORE_INDEX,
                                   .ignore_index = 9, .classes = 3, .class_weight = WEIGHTS);
    for (o.kind = RECUR_LOSS_CROSS_ENTROPY; o.kind <= RECUR_LOSS_NLL; o.kind++) {
        recur_loss *loss = loss_of(NULL, o, 0);
        const int32_t *const labels[] = { negative, ignored, weightless };
        for (int i = 0; i < 3; i++) {
            double value = 7;
            float *dy = floats(6);
            OK(recur_loss_classes(loss, 2, 3, y, labels[i], &value, dy));
            near("value", value, 0, 0);
            check_same("dy", 6, dy, zeros(6));
        }
        recur_loss_release(loss);
    }
    double value = 7;
    recur_loss *mse = loss_of(NULL, (recur_loss_options)OPTIONS(RECUR_LOSS_MSE, .flags = 0), 0);
    OK(recur_loss_values(mse, 0, 3, y, y, &value, NULL));
    near("no rows", value, 0, 0);
    value = 7;
    OK(recur_loss_values(mse, 3, 0, y, y, &value, NULL));
    near("no features", value, 0, 0);
    recur_loss_release(mse);
}

static void test_extremes(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_loss *ce = loss_of(ctx, SPECS[0].options, RECUR_LOSS_SUM);
        const float y[] = { 1000, -1000, 0, -1000, 1000, 5, 3e38f, -3e38f, 0 };
        const int32_t labels[] = { 1, 1, 0 };
        double value;
        float dy[9];
        OK(recur_loss_classes(ce, 3, 3, y, labels, &value, dy));
        near("value", value, 2000, 1e-12);
        check_same("dy", 9, dy, (const float[]){ 1, -1, 0, 0, 0, 0, 0, 0, 0 });

        /* In float, p = 1 - 2e-9 is 1. */
        const float sure[] = { 20, 0 }, forbidden[] = { 1, -INFINITY, 1 };
        const int32_t zero = 0;
        OK(recur_loss_classes(ce, 1, 2, sure, &zero, &value, dy));
        near("a sure value", value / log1p(exp(-20)), 1, 1e-6);
        check_close("a sure dy", 2, dy,
                    (const double[]){ -2.0611536181902037e-9, 2.0611536181902037e-9 },
                    (tolerance){ 0, 1e-6, 0 });
        OK(recur_loss_classes(ce, 1, 3, forbidden, &zero, &value, dy));
        near("two classes and a forbidden one", value, log(2), 1e-7);
        check_close("dy with a forbidden class", 3, dy, (const double[]){ -0.5, 0, 0.5 },
                    (tolerance){ 0, 1e-6, 0 });
        recur_loss_release(ce);

        recur_loss *bce = loss_of(
            ctx, (recur_loss_options)OPTIONS(RECUR_LOSS_BCE_LOGITS, .flags = 0), RECUR_LOSS_SUM);
        OK(recur_loss_values(bce, 2, 2, (const float[]){ 1000, -1000, 1000, -1000 },
                             (const float[]){ 1, 0, 0, 1 }, &value, dy));
        near("bce", value, 2000, 1e-12);
        check_same("dy", 4, dy, (const float[]){ 0, 0, 1, -1 });
        recur_loss_release(bce);
    }
}

static void test_nan(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            trying("%s", SPECS[i].name);
            const recur_loss_options *o = &SPECS[i].options;
            dice(3);
            batch b = batch_of(o, 2, CLASSES);
            b.labels[0] = b.labels[1] = 5;
            b.y[5] = NAN;
            float *dy = floats(2 * CLASSES);
            recur_loss *loss = loss_of(ctx, *o, 0);
            assert_true(isnan(evaluate(loss, o, &b, dy)));
            assert_true(o->kind == RECUR_LOSS_NLL || isnan(dy[5]));
            for (int64_t c = 0; c < CLASSES; c++) assert_true(!isnan(dy[CLASSES + c]));
            recur_loss_release(loss);
        }
}

/* An error of exactly 0 has gradient 0; huber is checked at its corner with both signs. */
static void test_corners(void **state)
{
    (void)state;
    const float y[] = { 2, 3, 2.5f, -1 }, t[] = { 2, 2, 4.5f, 0 };
    double value;
    float dy[4];
    recur_loss *l1 = loss_of(NULL, (recur_loss_options)OPTIONS(RECUR_LOSS_L1, .flags = 0), 0);
    OK(recur_loss_values(l1, 2, 2, y, t, &value, dy));
    near("l1", value, 1, 0);
    check_same("dy", 4, dy, (const float[]){ 0, 0.25f, -0.25f, -0.25f });
    recur_loss_release(l1);
    recur_loss *huber = loss_of(NULL, (recur_loss_options)OPTIONS(RECUR_LOSS_HUBER, .flags = 0),
                                RECUR_LOSS_SUM);
    OK(recur_loss_values(huber, 4, 1, y, t, &value, dy));
    near("huber", value, 0 + 0.5 + 1.5 + 0.5, 0);
    check_same("dy", 4, dy, (const float[]){ 0, 1, -1, -1 });
    recur_loss_release(huber);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    const int64_t before = c.allocations;
    c.until_failure = 0;
    recur_loss *loss = NULL;
    FAILS(RECUR_E_MEMORY, recur_loss_create(ctx, &SPECS[2].options, &loss), "bytes");
    assert_null(loss);
    c.until_failure = -1;
    float weights[CLASSES];
    memcpy(weights, WEIGHTS, sizeof weights);
    recur_loss_options o = SPECS[2].options;
    o.class_weight = weights;
    loss = loss_of(ctx, o, 0);
    assert_int_equal(c.allocations, before + 1);
    recur_context_release(ctx); /* the loss keeps it alive */
    dice(1);
    const batch b = batch_of(&o, 8, CLASSES);
    const double value = evaluate(loss, &o, &b, floats(8 * CLASSES));
    memset(weights, 0, sizeof weights); /* they were copied */
    near("value", evaluate(loss, &o, &b, NULL), value, 0);
    assert_int_equal(c.allocations, before + 1);
    recur_loss_release(loss);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_textbook), TEST(test_wide_rows), TEST(test_laws),    TEST(test_nothing_counts),
        TEST(test_extremes), TEST(test_nan),       TEST(test_corners), TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
