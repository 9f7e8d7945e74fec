/* test_ctc.c - CTC against all paths written out, its finite differences, laws, memory, and every
 * error. Its decoders: test_ctc_decode.c. */
#include "support/ctc.h"

static const double NOT_A_NUMBER = (double)NAN, INFINITE = (double)INFINITY;

static double value_of(const recur_loss *loss, const ctc_batch *x, float *dy)
{
    double value = NOT_A_NUMBER;
    OK(recur_ctc_loss(loss, x->packed, x->C, x->y, x->labels, x->lengths, &value, dy, NULL));
    return value;
}

static void test_all_paths(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t seed = 1; seed < 30; seed++) {
            dice((uint64_t)seed);
            const int64_t C = 1 + seed % 4;
            ctc_batch x = ctc_batch_of(ctx, 4, 1 + seed % NAIVE_STEPS, C, (int32_t)below(C));
            recur_loss *sum = ctc(ctx, x.blank, RECUR_LOSS_SUM), *mean = ctc(ctx, x.blank, 0);
            double want_sum = 0, want_mean = 0;
            const int32_t *labels = x.labels;
            for (int64_t b = 0; b < x.B; b++) {
                const int64_t L = x.lengths[b];
                const double cost = -log(naive_ctc_probability(
                    recur_packed_length(x.packed, b), C, x.blank, ctc_rows(&x, b, x.y), labels, L));
                want_sum += cost;
                want_mean += cost / (double)(L > 0 ? L : 1) / (double)x.B;
                labels += L;
            }
            trying("%s, seed %lld", recur_context_isa(ctx), (long long)seed);
            assert_true(fabs(value_of(sum, &x, NULL) - want_sum) <= 1e-10 * (1 + want_sum));
            assert_true(fabs(value_of(mean, &x, NULL) - want_mean) <= 1e-10 * (1 + want_mean));
            recur_packed_release(x.packed);
            recur_loss_release(sum);
            recur_loss_release(mean);
            give_back();
        }
}

/* ---- gradients ------------------------------------------------------------------------------ */

static void test_differences(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t seed = 1; seed < 12; seed++) {
            dice((uint64_t)seed);
            const int64_t C = 2 + seed % 5;
            ctc_batch x = ctc_batch_of(ctx, 3, 4 + 3 * seed, C, (int32_t)below(C));
            recur_loss *loss = ctc(ctx, x.blank, seed % 2 ? RECUR_LOSS_SUM : 0);
            const int64_t count = recur_packed_rows(x.packed) * C;
            float *dy = floats(count), *again = floats(count);
            double *want = doubles(count);
            const double value = value_of(loss, &x, dy);
            for (int64_t i = 0; i < count; i++) {
                const float before = x.y[i];
                const float above = before + 0x1p-7f, beneath = before - 0x1p-7f;
                x.y[i] = above;
                const double plus = value_of(loss, &x, NULL);
                x.y[i] = beneath;
                want[i] = (plus - value_of(loss, &x, NULL)) / ((double)above - (double)beneath);
                x.y[i] = before;
            }
            trying("%s, seed %lld", recur_context_isa(ctx), (long long)seed);
            check_close("dy", count, dy, want, (tolerance){ 3e-5, 0, 0 });
            recur_tape *tape = NULL;
            double taped = NOT_A_NUMBER;
            OK(recur_tape_create(ctx, &tape));
            OK(recur_ctc_loss(loss, x.packed, C, x.y, x.labels, x.lengths, &taped, again, tape));
            assert_true(taped == value);
            check_same("dy with a tape", count, again, dy);
            recur_tape_release(tape);
            recur_packed_release(x.packed);
            recur_loss_release(loss);
            give_back();
        }
}

/* A batch gives what its sequences give one by one, long ones too; and what is very likely or very
 * unlikely still has a finite loss. */
static void test_laws(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    dice(5);
    ctc_batch x = ctc_batch_of(ctx, 7, 300, 20, 0);
    recur_loss *loss = ctc(ctx, 0, RECUR_LOSS_SUM);
    const int64_t count = recur_packed_rows(x.packed) * x.C;
    for (int64_t i = 0; i < count; i++) x.y[i] *= 40;
    float *dy = floats(count);
    double whole = value_of(loss, &x, dy), parts = 0;
    const int32_t *labels = x.labels;
    for (int64_t b = 0; b < x.B; labels += x.lengths[b++]) {
        const int64_t T = recur_packed_length(x.packed, b);
        double value = NOT_A_NUMBER;
        recur_packed *alone = layout(ctx, 1, &T, T);
        float *own = floats(T * x.C);
        OK(recur_ctc_loss(loss, alone, x.C, ctc_rows(&x, b, x.y), labels, &x.lengths[b], &value,
                          own, NULL));
        check_same("dy of a sequence", T * x.C, own, ctc_rows(&x, b, dy));
        for (int64_t t = 0; t < T; t++) {
            double sum = 0;
            for (int64_t c = 0; c < x.C; c++) sum += (double)own[t * x.C + c];
            assert_true(fabs(sum) < 1e-5); /* shares of 1 against probabilities */
        }
        parts += value;
        recur_packed_release(alone);
    }
    assert_true(isfinite(whole) && fabs(whole - parts) <= 1e-12 * whole);
    recur_packed_release(x.packed);
    recur_loss_release(loss);
    close_context(ctx);
}

/* The edges are labels that do not fit into the steps, steps without labels, nothing at all,
 * forbidden classes, and NaN. */
static void test_edges(void **state)
{
    (void)state;
    recur_loss *strict = ctc(NULL, 0, RECUR_LOSS_SUM),
               *lenient = ctc(NULL, 0, RECUR_LOSS_SUM | RECUR_LOSS_ZERO_INFINITY);
    const int64_t steps[] = { 2, 0, 3, 1, 0 }, lengths[] = { 2, 0, 2, 1, 1 };
    const int32_t labels[] = { 1, 1, 1, 2, 2, 2 }; /* 1 1 needs three steps; no step has no label */
    recur_packed *packed = layout(NULL, 5, steps, 0);
    dice(3);
    float *y = randoms(6 * 3, 1), *dy = floats(6 * 3);
    double value = 0, finite = 0;
    OK(recur_ctc_loss(strict, packed, 3, y, labels, lengths, &value, dy, NULL));
    assert_true(value == INFINITE);
    for (int64_t t = 0; t < 2; t++) assert_true(isnan(dy[recur_packed_row(packed, 0, t) * 3 + 1]));
    assert_true(!isnan(dy[recur_packed_row(packed, 2, 0) * 3]));
    OK(recur_ctc_loss(lenient, packed, 3, y, labels, lengths, &finite, dy, NULL));
    assert_true(isfinite(finite) && finite > 0);
    for (int64_t t = 0; t < 2; t++) assert_true(dy[recur_packed_row(packed, 0, t) * 3 + 1] == 0);
    recur_packed_release(packed);

    packed = layout(NULL, 1, NULL, 3);
    const int64_t one = 1;
    float forbidden[] = {
        0, 1, -INFINITY, -INFINITY, 1, 0, 0, -INFINITY, 1
    }; /* 1 may be at steps 0 and 1 only */
    OK(recur_ctc_loss(strict, packed, 3, forbidden, labels, &one, &value, dy, NULL));
    assert_true(fabs(value + log(naive_ctc_probability(3, 3, 0, forbidden, labels, 1))) < 1e-12);
    for (int64_t i = 0; i < 9; i++) assert_true(isfinite(dy[i]));
    assert_true(dy[2] == 0 && dy[3] == 0 && dy[7] == 0);
    forbidden[4] = NAN;
    OK(recur_ctc_loss(strict, packed, 3, forbidden, labels, &one, &value, dy, NULL));
    assert_true(isnan(value) && isnan(dy[0]));
    recur_packed_release(packed);

    packed = layout(NULL, 0, NULL, 3);
    OK(recur_ctc_loss(strict, packed, 1, y, labels, &one, &value, dy, NULL));
    assert_true(value == 0);
    recur_packed_release(packed);
    recur_loss_release(strict);
    recur_loss_release(lenient);
}

/* ---- memory and errors ---------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    counter count = { .until_failure = -1 };
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    dice(4);
    ctc_batch x = ctc_batch_of(ctx, 3, 9, 4, 0);
    recur_loss *loss = ctc(ctx, 0, 0);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    const int64_t N = recur_packed_rows(x.packed);
    int32_t *labels = bytes_of(N, sizeof *labels);
    int64_t lengths[3];
    double value;
    for (int taped = 0; taped < 2; taped++) {
        recur_tape *with = taped ? tape : NULL;
        const int64_t blocks = count.blocks;
        count.until_failure = 0;
        FAILS(RECUR_E_MEMORY,
              recur_ctc_loss(loss, x.packed, 4, x.y, x.labels, x.lengths, &value, NULL, with), "");
        FAILS(RECUR_E_MEMORY,
              recur_ctc_decode(loss, x.packed, 4, x.y, 5, labels, lengths, NULL, with), "");
        /* The best path, width 0, needs no memory. */
        OK(recur_ctc_decode(loss, x.packed, 4, x.y, 0, labels, lengths, NULL, with));
        count.until_failure = -1;
        OK(recur_ctc_loss(loss, x.packed, 4, x.y, x.labels, x.lengths, &value, NULL, with));
        OK(recur_ctc_decode(loss, x.packed, 4, x.y, 5, labels, lengths, NULL, with));
        assert_int_equal(count.blocks, blocks + taped);
    }
    count.until_failure = 0; /* after warm-up nothing is allocated */
    OK(recur_ctc_loss(loss, x.packed, 4, x.y, x.labels, x.lengths, &value, NULL, tape));
    OK(recur_ctc_decode(loss, x.packed, 4, x.y, 5, labels, lengths, NULL, tape));
    count.until_failure = -1;
    recur_tape_release(tape);
    recur_packed_release(x.packed);
    recur_loss_release(loss);
    recur_context_release(ctx);
    assert_true(count.blocks == 0 && count.mistakes == 0);
}

static void check_options_refused(recur_loss_options options, const char *words)
{
    recur_loss *loss = (recur_loss *)(void *)&options;
    FAILS(RECUR_E_ARGUMENT, recur_loss_create(NULL, &options, &loss), words);
    assert_null(loss);
}

static void test_refused(void **state)
{
    (void)state;
#define REFUSED(words, ...)                                                                        \
    check_options_refused((recur_loss_options){ .size = sizeof(recur_loss_options), __VA_ARGS__ }, \
                          words)
    REFUSED("blank -3", .kind = RECUR_LOSS_CTC, .blank = -3);
    REFUSED("reserved 1", .kind = RECUR_LOSS_CTC, .reserved = 1);
    REFUSED("cross-entropy blank", .kind = RECUR_LOSS_CROSS_ENTROPY, .blank = 1);
    REFUSED("mse", .kind = RECUR_LOSS_MSE, .flags = RECUR_LOSS_ZERO_INFINITY);
    REFUSED("ctc smoothing", .kind = RECUR_LOSS_CTC, .smoothing = 0.1);
    REFUSED("ctc ignore_index", .kind = RECUR_LOSS_CTC, .flags = RECUR_LOSS_IGNORE_INDEX);
    REFUSED("ctc class_weight", .kind = RECUR_LOSS_CTC, .class_weight = (const float[]){ 1 },
            .classes = 1);

    const recur_loss_options other = { .size = sizeof other, .kind = RECUR_LOSS_CROSS_ENTROPY };
    recur_loss *loss = ctc(NULL, 2, 0), *rows = NULL;
    OK(recur_loss_create(NULL, &other, &rows));
    recur_packed *packed = layout(NULL, 2, NULL, 2);
    const float y[4 * 3] = { 0 };
    float nan[4 * 3] = { 0 };
    int32_t labels[4] = { 0, 1, 1, 0 };
    int64_t lengths[2] = { 1, 1 };
    double value;
    const int64_t too_few[2] = { 1, -1 };
    FAILS(RECUR_E_ARGUMENT, recur_ctc_loss(NULL, packed, 3, y, labels, lengths, &value, NULL, NULL),
          "loss NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_loss(loss, NULL, 3, y, labels, lengths, &value, NULL, NULL),
          "packed NULL");
    FAILS(RECUR_E_ARGUMENT,
          recur_ctc_loss(loss, packed, 3, NULL, labels, lengths, &value, NULL, NULL), "y NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_loss(loss, packed, 3, y, NULL, lengths, &value, NULL, NULL),
          "labels NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_loss(loss, packed, 3, y, labels, NULL, &value, NULL, NULL),
          "label_lengths NULL");
    FAILS(RECUR_E_ARGUMENT,
          recur_ctc_loss(loss, packed, -3, y, labels, lengths, &value, NULL, NULL), "-3");
    FAILS(RECUR_E_SHAPE, recur_ctc_loss(loss, packed, 2, y, labels, lengths, &value, NULL, NULL),
          "2");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_loss(loss, packed, 3, y, labels, too_few, &value, NULL, NULL),
          "-1");
    FAILS(RECUR_E_UNSUPPORTED,
          recur_ctc_loss(rows, packed, 3, y, labels, lengths, &value, NULL, NULL),
          "cross-entropy 1");
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_classes(loss, 4, 3, y, labels, &value, NULL), "ctc 3");
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_values(loss, 4, 3, y, y, &value, NULL), "ctc 3");
    const int32_t wrong[] = { 3, 2, -1 }; /* no class, the blank, no class */
    const char *const words[] = { "0 1 3 2", "0 1 2 3", "0 1 -1" };
    for (int64_t i = 0; i < 3; i++) {
        labels[1] = wrong[i];
        FAILS(RECUR_E_ARGUMENT,
              recur_ctc_loss(loss, packed, 3, y, labels, lengths, &value, NULL, NULL), words[i]);
    }
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(NULL, packed, 3, y, 1, labels, lengths, NULL, NULL),
          "loss NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(loss, NULL, 3, y, 1, labels, lengths, NULL, NULL),
          "packed NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(loss, packed, 3, NULL, 1, labels, lengths, NULL, NULL),
          "y NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(loss, packed, 3, y, 1, NULL, lengths, NULL, NULL),
          "labels NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(loss, packed, 3, y, 1, labels, NULL, NULL, NULL),
          "label_lengths NULL");
    FAILS(RECUR_E_ARGUMENT, recur_ctc_decode(loss, packed, 3, y, -2, labels, lengths, NULL, NULL),
          "-2");
    FAILS(RECUR_E_SHAPE, recur_ctc_decode(loss, packed, 1, y, 1, labels, lengths, NULL, NULL),
          "2 1");
    FAILS(RECUR_E_UNSUPPORTED, recur_ctc_decode(rows, packed, 3, y, 1, labels, lengths, NULL, NULL),
          "cross-entropy");
    nan[7] = NAN;
    FAILS(RECUR_E_NUMERIC, recur_ctc_decode(loss, packed, 3, nan, 1, labels, lengths, NULL, NULL),
          "2 4");
    for (int i = 6; i < 9; i++) nan[i] = -INFINITY;
    FAILS(RECUR_E_NUMERIC, recur_ctc_decode(loss, packed, 3, nan, 0, labels, lengths, NULL, NULL),
          "2 4 3");
    recur_packed_release(packed);
    recur_loss_release(loss);
    recur_loss_release(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_all_paths), TEST(test_differences),
                                        TEST(test_laws),      TEST(test_edges),
                                        TEST(test_memory),    TEST(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
