/* test_loss_errors.c - what losses refuse: the code, and a sentence with the numbers in it. CTC has
 * its own in test_ctc.c. */
#include "support/support.h"

static const double NOT_A_NUMBER = (double)NAN;
static const float WEIGHTS[] = { 0.5f, 2, 0, 1.25f, 0.1f, 3, 1 }; /* [7] */

#define OPTIONS(kind_, ...)                                            \
    {                                                                  \
        .size = sizeof(recur_loss_options), .kind = kind_, __VA_ARGS__ \
    }

static recur_loss *loss_of(recur_loss_options o)
{
    recur_loss *loss = NULL;
    OK(recur_loss_create(NULL, &o, &loss));
    return loss;
}

static void create_fails(recur_status code, recur_loss_options o, const char *words)
{
    recur_loss *loss = (recur_loss *)&o;
    FAILS(code, recur_loss_create(NULL, &o, &loss), words);
    assert_null(loss);
}

static void test_create_errors(void **state)
{
    (void)state;
    recur_loss *loss;
    const recur_loss_options fine = OPTIONS(RECUR_LOSS_MSE, .flags = 0);
    FAILS(RECUR_E_ARGUMENT, recur_loss_create(NULL, NULL, &loss), "options");
    FAILS(RECUR_E_ARGUMENT, recur_loss_create(NULL, &fine, NULL), "out");
    const float bad[] = { 1, -0.5f }, infinite[] = { 1, 2, INFINITY }, nan[] = { NAN };
    create_fails(RECUR_E_ARGUMENT, (recur_loss_options){ .kind = RECUR_LOSS_MSE }, "size 0");
#define CREATE_FAILS(code, words, kind_, ...) \
    create_fails(code, (recur_loss_options)OPTIONS(kind_, __VA_ARGS__), words)
    CREATE_FAILS(RECUR_E_ARGUMENT, "kind 0", 0, .flags = 0);
    CREATE_FAILS(RECUR_E_ARGUMENT, "kind 6", 6, .flags = 0);
    CREATE_FAILS(RECUR_E_ARGUMENT, "0x8", RECUR_LOSS_MSE, .flags = 8);
    CREATE_FAILS(RECUR_E_ARGUMENT, "smoothing 1", RECUR_LOSS_CROSS_ENTROPY, .smoothing = 1);
    CREATE_FAILS(RECUR_E_ARGUMENT, "smoothing -0.1", RECUR_LOSS_CROSS_ENTROPY, .smoothing = -0.1);
    CREATE_FAILS(RECUR_E_ARGUMENT, "smoothing nan", RECUR_LOSS_CROSS_ENTROPY,
                 .smoothing = NOT_A_NUMBER);
    CREATE_FAILS(RECUR_E_ARGUMENT, "delta -2", RECUR_LOSS_HUBER, .delta = -2);
    CREATE_FAILS(RECUR_E_ARGUMENT, "delta nan", RECUR_LOSS_HUBER, .delta = NOT_A_NUMBER);
    CREATE_FAILS(RECUR_E_ARGUMENT, "nll 2 smoothing", RECUR_LOSS_NLL, .smoothing = 0.1);
    CREATE_FAILS(RECUR_E_ARGUMENT, "mse 16 delta", RECUR_LOSS_MSE, .delta = 1);
    CREATE_FAILS(RECUR_E_ARGUMENT, "bce 19 class_weight", RECUR_LOSS_BCE_LOGITS, .classes = 7,
                 .class_weight = WEIGHTS);
    CREATE_FAILS(RECUR_E_ARGUMENT, "cross-entropy 1 positive_weight", RECUR_LOSS_CROSS_ENTROPY,
                 .classes = 7, .positive_weight = WEIGHTS);
    CREATE_FAILS(RECUR_E_ARGUMENT, "l1 17 ignore_index", RECUR_LOSS_L1,
                 .flags = RECUR_LOSS_IGNORE_INDEX);
    CREATE_FAILS(RECUR_E_ARGUMENT, "ignore_index -100", RECUR_LOSS_NLL, .ignore_index = -100);
    CREATE_FAILS(RECUR_E_ARGUMENT, "weight 1 2 -0.5", RECUR_LOSS_NLL, .classes = 2,
                 .class_weight = bad);
    CREATE_FAILS(RECUR_E_ARGUMENT, "weight 2 3 inf", RECUR_LOSS_BCE_LOGITS, .classes = 3,
                 .positive_weight = infinite);
    CREATE_FAILS(RECUR_E_ARGUMENT, "weight 0 1 nan", RECUR_LOSS_NLL, .classes = 1,
                 .class_weight = nan);
    CREATE_FAILS(RECUR_E_ARGUMENT, "classes 5", RECUR_LOSS_NLL, .classes = 5);
    CREATE_FAILS(RECUR_E_ARGUMENT, "classes -5", RECUR_LOSS_NLL, .classes = -5,
                 .class_weight = WEIGHTS);
    CREATE_FAILS(RECUR_E_SHAPE, "classes 0", RECUR_LOSS_NLL, .class_weight = WEIGHTS);
}

static void test_pass_errors(void **state)
{
    (void)state;
    const float y[] = { 1, 2, 3, 4, 5, 6 };
    const int32_t labels[] = { 0, 3 };
    recur_loss *ce = loss_of((recur_loss_options)OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .flags = 0));
    recur_loss *weighted = loss_of((recur_loss_options)OPTIONS(
        RECUR_LOSS_CROSS_ENTROPY, .classes = 7, .class_weight = WEIGHTS));
    recur_loss *mse = loss_of((recur_loss_options)OPTIONS(RECUR_LOSS_MSE, .flags = 0));
    recur_loss *bce = loss_of((recur_loss_options)OPTIONS(RECUR_LOSS_BCE_LOGITS, .classes = 7,
                                                          .positive_weight = WEIGHTS));
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(NULL, 2, 3, y, labels, NULL, NULL), "loss");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, 2, 3, NULL, labels, NULL, NULL), "y");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, 2, 3, y, NULL, NULL, NULL), "labels");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, -2, 3, y, labels, NULL, NULL), "-2 3");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, 2, -3, y, labels, NULL, NULL), "2 -3");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, INT64_MAX, 2, y, labels, NULL, NULL),
          "9223372036854775807 2");
    FAILS(RECUR_E_ARGUMENT, recur_loss_classes(ce, 2, 3, y, labels, NULL, NULL), "row 1 3");
    FAILS(RECUR_E_SHAPE, recur_loss_classes(ce, 2, 0, y, labels, NULL, NULL), "2 0");
    FAILS(RECUR_E_SHAPE, recur_loss_classes(weighted, 2, 3, y, labels, NULL, NULL), "3 7");
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_classes(mse, 2, 3, y, labels, NULL, NULL), "mse 16");
    FAILS(RECUR_E_ARGUMENT, recur_loss_values(NULL, 2, 3, y, y, NULL, NULL), "loss");
    FAILS(RECUR_E_ARGUMENT, recur_loss_values(mse, 2, 3, NULL, y, NULL, NULL), "y");
    FAILS(RECUR_E_ARGUMENT, recur_loss_values(mse, 2, 3, y, NULL, NULL, NULL), "target");
    FAILS(RECUR_E_ARGUMENT, recur_loss_values(mse, -1, 3, y, y, NULL, NULL), "-1 3");
    FAILS(RECUR_E_ARGUMENT, recur_loss_values(mse, 1, -4, y, y, NULL, NULL), "1 -4");
    FAILS(RECUR_E_SHAPE, recur_loss_values(bce, 2, 3, y, y, NULL, NULL), "3 7");
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_values(ce, 2, 3, y, y, NULL, NULL), "cross-entropy 1");
    recur_loss_release(ce);
    recur_loss_release(weighted);
    recur_loss_release(mse);
    recur_loss_release(bce);
    recur_loss_release(NULL);
}

/* ---- sampled kinds -------------------------------------------------------------------------- */

static void test_sampled_create_errors(void **state)
{
    (void)state;
#define REFUSED(words, ...)        \
    create_fails(RECUR_E_ARGUMENT, \
                 (recur_loss_options){ .size = sizeof(recur_loss_options), __VA_ARGS__ }, words)
    const float negative[] = { 1, -2, 3 }, infinite[] = { 1, INFINITY, 3 }, nothing[] = { 0, 0, 0 },
                one[] = { 1, 0, 3 }, tiny[] = { 1, 1e-30f, 3 };
    for (int kind = RECUR_LOSS_SAMPLED_SOFTMAX; kind <= RECUR_LOSS_NEGATIVE_SAMPLING; kind++) {
        REFUSED("0 classes 5 samples", .kind = kind, .samples = 5);
        REFUSED("7 classes 0 samples", .kind = kind, .classes = 7);
        REFUSED("-7 classes", .kind = kind, .classes = -7, .samples = 5);
        REFUSED("-5 samples", .kind = kind, .classes = 7, .samples = -5);
        REFUSED("2147483648 classes", .kind = kind, .classes = INT64_C(2147483648), .samples = 1);
        REFUSED("2147483648 samples", .kind = kind, .classes = 1, .samples = INT64_C(2147483648));
        REFUSED("power -0.5", .kind = kind, .classes = 3, .samples = 1, .counts = WEIGHTS,
                .power = -0.5);
        REFUSED("power 1.5", .kind = kind, .classes = 3, .samples = 1, .counts = WEIGHTS,
                .power = 1.5);
        REFUSED("power nan", .kind = kind, .classes = 3, .samples = 1, .counts = WEIGHTS,
                .power = NOT_A_NUMBER);
        REFUSED("power 0.5 counts", .kind = kind, .classes = 3, .samples = 1, .power = 0.5);
        REFUSED("count 1 3 -2", .kind = kind, .classes = 3, .samples = 1, .counts = negative);
        REFUSED("count 1 3 inf", .kind = kind, .classes = 3, .samples = 1, .counts = infinite);
        REFUSED("all 3 counts", .kind = kind, .classes = 3, .samples = 1, .counts = nothing);
        REFUSED("reserved_pointer", .kind = kind, .classes = 3, .samples = 1,
                .reserved_pointer = WEIGHTS);
        REFUSED("smoothing", .kind = kind, .classes = 3, .samples = 1, .smoothing = 0.1);
        REFUSED("class_weight", .kind = kind, .classes = 3, .samples = 1, .class_weight = WEIGHTS);
    }
    REFUSED("class 1 3", .kind = RECUR_LOSS_SAMPLED_SOFTMAX, .classes = 3, .samples = 1,
            .counts = one);
    REFUSED("class 1 3", .kind = RECUR_LOSS_SAMPLED_SOFTMAX, .classes = 3, .samples = 1,
            .counts = tiny, .power = 1);
    REFUSED("cross-entropy samples", .kind = RECUR_LOSS_CROSS_ENTROPY, .samples = 3);
    REFUSED("cross-entropy power", .kind = RECUR_LOSS_CROSS_ENTROPY, .power = 1);
    REFUSED("mse counts", .kind = RECUR_LOSS_MSE, .counts = WEIGHTS);
}

static void test_sampled_pass_errors(void **state)
{
    (void)state;
    enum { V = 11, F = 5 };
    recur_loss *loss = loss_of(
        (recur_loss_options)OPTIONS(RECUR_LOSS_SAMPLED_SOFTMAX, .classes = V, .samples = 4));
    recur_loss *other = loss_of((recur_loss_options)OPTIONS(RECUR_LOSS_CROSS_ENTROPY, .flags = 0));
    const float *h = randoms(3 * F, 1), *W = randoms(V * (F + 1), 1);
    const int32_t labels[] = { 0, -5, V };
#define CALL(code, words, loss_, rows, features, h_, labels_, W_, count)                      \
    FAILS(RECUR_E_##code,                                                                     \
          recur_loss_sampled(loss_, rows, features, h_, labels_, W_, count, 0, 0, NULL, NULL, \
                             NULL, NULL),                                                     \
          words)
    CALL(ARGUMENT, "loss NULL", NULL, 2, F, h, labels, W, V * F);
    CALL(ARGUMENT, "h NULL", loss, 2, F, NULL, labels, W, V * F);
    CALL(ARGUMENT, "labels NULL", loss, 2, F, h, NULL, W, V * F);
    CALL(ARGUMENT, "params NULL", loss, 2, F, h, labels, NULL, V * F);
    CALL(ARGUMENT, "-2 5", loss, -2, F, h, labels, W, V * F);
    CALL(ARGUMENT, "2 -5", loss, 2, -F, h, labels, W, V * F);
    CALL(ARGUMENT, "2 0", loss, 2, 0, h, labels, W, 0);
    CALL(ARGUMENT, "2147483648", loss, INT64_C(2147483648), 1, h, labels, W, V);
    CALL(ARGUMENT, "9223372036854775807 2", loss, INT64_MAX, 2, h, labels, W, V * F);
    CALL(ARGUMENT, "row 2 11 11", loss, 3, F, h, labels, W, V * F);
    CALL(SHAPE, "54 11 5 55 66", loss, 2, F, h, labels, W, V * F - 1);
    CALL(SHAPE, "-1 55 66", loss, 2, F, h, labels, W, -1);
    CALL(UNSUPPORTED, "cross-entropy 1", other, 2, F, h, labels, W, V * F);
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_classes(loss, 2, F, h, labels, NULL, NULL),
          "sampled softmax 4");
    FAILS(RECUR_E_UNSUPPORTED, recur_loss_values(loss, 2, F, h, h, NULL, NULL),
          "sampled softmax 4");
    recur_loss_release(loss);
    recur_loss_release(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_create_errors), TEST(test_pass_errors),
                                        TEST(test_sampled_create_errors),
                                        TEST(test_sampled_pass_errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
