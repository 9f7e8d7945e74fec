/* test_optimizer_errors.c - what optimizers refuse: the code, and a sentence with the numbers in
 * it. */
#include "support/support.h"
#include "train/optimizer.h"

static const double NOT_A_NUMBER = (double)NAN;

#define RULE(kind_, ...)                                                    \
    {                                                                       \
        .size = sizeof(recur_optimizer_options), .kind = kind_, __VA_ARGS__ \
    }

static void create_fails(const char *words, recur_optimizer_options o)
{
    recur_optimizer *optimizer = (recur_optimizer *)&o;
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_create(NULL, &o, 3, &optimizer), words);
    assert_null(optimizer);
}

static void test_create_errors(void **state)
{
    (void)state;
    const recur_optimizer_options fine = RULE(RECUR_OPTIMIZER_SGD, .rate = 0),
                                  fine_adam = RULE(RECUR_OPTIMIZER_ADAM, .rate = 0);
    recur_optimizer *optimizer;
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_create(NULL, NULL, 3, &optimizer), "options");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_create(NULL, &fine, 3, NULL), "out");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_create(NULL, &fine, -3, &optimizer), "count -3");
    create_fails("size 0", (recur_optimizer_options){ .kind = RECUR_OPTIMIZER_SGD });
#define CREATE_FAILS(words, kind_, ...) \
    create_fails(words, (recur_optimizer_options)RULE(RECUR_OPTIMIZER_##kind_, __VA_ARGS__))
    create_fails("kind 0", (recur_optimizer_options)RULE(0, .rate = 1));
    create_fails("kind 9", (recur_optimizer_options)RULE(9, .rate = 1));
    CREATE_FAILS("rate -1", SGD, .rate = -1);
    CREATE_FAILS("rate nan", SGD, .rate = NOT_A_NUMBER);
    CREATE_FAILS("rate inf", SGD, .rate = (double)INFINITY);
    CREATE_FAILS("momentum 1", SGD, .momentum = 1);
    CREATE_FAILS("momentum -0.5", RMSPROP, .momentum = -0.5);
    CREATE_FAILS("beta1 1.5", ADAM, .beta1 = 1.5);
    CREATE_FAILS("beta2 1", ADAMW, .beta2 = 1);
    CREATE_FAILS("beta2 nan", RMSPROP, .beta2 = NOT_A_NUMBER);
    CREATE_FAILS("epsilon -1e-08", ADAM, .epsilon = -1e-8);
    CREATE_FAILS("epsilon inf", ADADELTA, .epsilon = (double)INFINITY);
    CREATE_FAILS("weight_decay -0.1", ADAGRAD, .weight_decay = -0.1);
    CREATE_FAILS("weight_decay inf", ADAMW, .weight_decay = (double)INFINITY);
    CREATE_FAILS("adam 2 momentum 0.9", ADAM, .momentum = 0.9);
    CREATE_FAILS("sgd 1 beta1 0.9", SGD, .beta1 = 0.9);
    CREATE_FAILS("rmsprop 4 beta1 0.9", RMSPROP, .beta1 = 0.9);
    CREATE_FAILS("sgd 1 beta2 0.9", SGD, .beta2 = 0.9);
    CREATE_FAILS("adagrad 5 beta2 0.9", ADAGRAD, .beta2 = 0.9);
    CREATE_FAILS("sgd 1 epsilon 0.5", SGD, .epsilon = 0.5);
    CREATE_FAILS("adadelta 6 momentum 0.5", ADADELTA, .momentum = 0.5);
    CREATE_FAILS("0x10 sgd 1", SGD, .flags = 16);
    CREATE_FAILS("0x1 adam 2", ADAM, .flags = RECUR_OPTIMIZER_NESTEROV);
    CREATE_FAILS("0x2 rmsprop 4", RMSPROP, .flags = RECUR_OPTIMIZER_AMSGRAD);
    CREATE_FAILS("0x4 adamw 3", ADAMW, .flags = RECUR_OPTIMIZER_CENTRED);
    CREATE_FAILS("momentum 0", SGD, .flags = RECUR_OPTIMIZER_NESTEROV);
    CREATE_FAILS("0x10 adamw 3", ADAMW, .flags = RECUR_OPTIMIZER_DECOUPLED);
    CREATE_FAILS("dampening 0.5 momentum 0", SGD, .dampening = 0.5);
    CREATE_FAILS("dampening 0.5", SGD, .dampening = 0.5, .momentum = 0.5,
                 .flags = RECUR_OPTIMIZER_NESTEROV);
    CREATE_FAILS("dampening 1.5", SGD, .dampening = 1.5, .momentum = 0.5);
    CREATE_FAILS("adam 2 dampening 0.5", ADAM, .dampening = 0.5);
    CREATE_FAILS("rate_decay -1", ADAGRAD, .rate_decay = -1);
    CREATE_FAILS("accumulator -1", ADAGRAD, .accumulator = -1);
    CREATE_FAILS("sgd 1 accumulator 1", SGD, .accumulator = 1);
    CREATE_FAILS("radam 7 momentum_decay 1", RADAM, .momentum_decay = 1);
    FAILS(RECUR_E_MEMORY, recur_optimizer_create(NULL, &fine_adam, INT64_MAX, &optimizer),
          "overflows");
}

static void test_call_errors(void **state)
{
    (void)state;
    const recur_optimizer_options momentum = RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1,
                                                  .momentum = 0.8);
    recur_optimizer *o = NULL;
    OK(recur_optimizer_create(NULL, &momentum, 3, &o));
    float p[] = { 1, 2, 3 }, g[] = { 1, 1, 1 };
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_step(NULL, p, g, 3, 1), "optimizer");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_step(o, NULL, g, 3, 1), "params");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_step(o, p, NULL, 3, 1), "grads");
    FAILS(RECUR_E_SHAPE, recur_optimizer_step(o, p, g, 4, 1), "4 3");
    FAILS(RECUR_E_NUMERIC, recur_optimizer_step(o, p, g, 3, NOT_A_NUMBER), "nan");
    FAILS(RECUR_E_NUMERIC, recur_optimizer_step(o, p, g, 3, (double)-INFINITY), "-inf");
    FAILS(RECUR_E_NUMERIC, recur_optimizer_step(o, p, g, 3, 1e39), "1e+39");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_rate(NULL, 1), "optimizer");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_rate(o, -1), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_rate(o, NOT_A_NUMBER), "nan");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_rate(o, (double)INFINITY), "inf");
    assert_true(recur_optimizer_rate(o) == 0.1 && recur_optimizer_rate(NULL) == 0);
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(NULL, 0, 1, 0, 0), "optimizer");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, -1, 1, 0, 0), "-1 3");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, 1, -1, 0, 0), "1 -1");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, 1, 3, 0, 0), "1 3");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, INT64_MAX, INT64_MAX, 0, 0),
          "9223372036854775807 3");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, 0, 3, -1, 0), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_scale_range(o, 0, 3, 0, NOT_A_NUMBER), "nan");
    recur__optimizer_view view;
    recur__optimizer_view_of(o, &view);
    assert_true(*view.steps == 0);
    check_same("params", 3, p, (const float[]){ 1, 2, 3 });
    recur_optimizer_release(o);
    recur_optimizer_release(NULL);
}

static void test_set_options_errors(void **state)
{
    (void)state;
    const recur_optimizer_options made = RULE(RECUR_OPTIMIZER_SGD, .rate = 1, .momentum = 0.5);
    recur_optimizer *sgd;
    OK(recur_optimizer_create(NULL, &made, 3, &sgd));
#define SET_FAILS(words, ...)                                                 \
    do {                                                                      \
        const recur_optimizer_options o = RULE(__VA_ARGS__);                  \
        FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_options(sgd, &o), words); \
    } while (0)
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_options(NULL, &made), "optimizer");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_set_options(sgd, NULL), "options");
    SET_FAILS("rate -1", RECUR_OPTIMIZER_SGD, .rate = -1, .momentum = 0.5);
    SET_FAILS("kind 1 2", RECUR_OPTIMIZER_ADAM, .rate = 1);
    SET_FAILS("flags 0x1", RECUR_OPTIMIZER_SGD, .momentum = 0.5, .flags = RECUR_OPTIMIZER_NESTEROV);
    SET_FAILS("momentum 0 0.5", RECUR_OPTIMIZER_SGD, .rate = 2);
    assert_true(recur_optimizer_rate(sgd) == 1);
    recur_optimizer_release(sgd);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_create_errors), TEST(test_call_errors),
                                        TEST(test_set_options_errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
