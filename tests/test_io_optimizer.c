/* test_io_optimizer.c - optimizers in files: a resumed run has the same bits, and what does not fit
 * is refused. */
#include "support/support.h"

static recur_optimizer *optimizer(recur_context *ctx, int kind, uint64_t flags, double momentum,
                                  int64_t count)
{
    const recur_optimizer_options o = {
        .size = sizeof o, .kind = kind, .flags = flags, .momentum = momentum
    };
    recur_optimizer *made = NULL;
    OK(recur_optimizer_create(ctx, &o, count, &made));
    return made;
}

static void steps(recur_optimizer *o, float *params, int64_t count, int n)
{
    for (int i = 0; i < n; i++) OK(recur_optimizer_step(o, params, randoms(count, 1), count, 1));
}

static const struct {
    int kind;
    uint64_t flags;
    double momentum;
} OPTIMIZERS[] = {
    { RECUR_OPTIMIZER_SGD, 0, 0 },
    { RECUR_OPTIMIZER_SGD, RECUR_OPTIMIZER_NESTEROV, 0.9 },
    { RECUR_OPTIMIZER_ADAM, 0, 0 },
    { RECUR_OPTIMIZER_ADAMW, RECUR_OPTIMIZER_AMSGRAD, 0 },
    { RECUR_OPTIMIZER_RMSPROP, RECUR_OPTIMIZER_CENTRED, 0.9 },
    { RECUR_OPTIMIZER_ADAGRAD, 0, 0 },
    { RECUR_OPTIMIZER_ADADELTA, 0, 0 },
};

static void a_resumed_run_has_the_same_bits(void **state)
{
    (void)state;
    enum { PARAMS = 37 };
    recur_context *ctx = reference_context();
    for (int k = 0; k < COUNT(OPTIMIZERS); k++) {
        trying("optimizer %d", OPTIMIZERS[k].kind);
        recur_optimizer *o[2];
        for (int i = 0; i < 2; i++)
            o[i] = optimizer(ctx, OPTIMIZERS[k].kind, OPTIMIZERS[k].flags, OPTIMIZERS[k].momentum,
                             PARAMS);
        dice(7);
        float *params = randoms(PARAMS, 1);
        steps(o[0], params, PARAMS, 5);
        recur_file *file = new_file(ctx);
        OK(recur_file_put_optimizer(file, "opt.", o[0]));
        assert_string_equal(recur_file_metadata(file, "opt.step"), "5");
        FAILS(RECUR_E_ARGUMENT, recur_file_put_optimizer(file, "opt.", o[0]), "opt. already");
        file = again(ctx, file);
        OK(recur_file_get_optimizer(file, "opt.", o[1]));
        OK(recur_file_all_used(file));
        float *resumed = copy_of(PARAMS, params);
        dice(8);
        steps(o[0], params, PARAMS, 5);
        dice(8);
        steps(o[1], resumed, PARAMS, 5);
        check_same("parameters", PARAMS, resumed, params);
        recur_file_release(file);
        recur_optimizer_release(o[0]);
        recur_optimizer_release(o[1]);
    }
    close_context(ctx);
}

static void optimizers_that_do_not_fit(void **state)
{
    (void)state;
    recur_optimizer *adam = optimizer(NULL, RECUR_OPTIMIZER_ADAM, 0, 0, 6), *other[4];
    other[0] = optimizer(NULL, RECUR_OPTIMIZER_ADAM, 0, 0, 7);
    other[1] = optimizer(NULL, RECUR_OPTIMIZER_ADAM, RECUR_OPTIMIZER_AMSGRAD, 0, 6);
    other[2] = optimizer(NULL, RECUR_OPTIMIZER_RMSPROP, 0, 0, 6);
    other[3] = optimizer(NULL, RECUR_OPTIMIZER_SGD, 0, 0, 6);
    const char *const words[] = { "count 7 6", "flags 2 0", "rmsprop adam", "sgd adam" };
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_MISSING, recur_file_get_optimizer(file, "o.", adam), "o.kind");
    OK(recur_file_put_optimizer(file, "o.", adam));
    for (int i = 0; i < 4; i++)
        FAILS(RECUR_E_SHAPE, recur_file_get_optimizer(file, "o.", other[i]), words[i]);
    const char *const bad[] = {
        "", "-1", "+1", "1.0", " 1", "18446744073709551616", "99999999999999999999", "1e3"
    };
    for (int i = 0; i < COUNT(bad); i++) {
        OK(recur_file_set_metadata(file, "o.step", bad[i]));
        FAILS(RECUR_E_FORMAT, recur_file_get_optimizer(file, "o.", adam), bad[i]);
    }
    OK(recur_file_set_metadata(file, "o.step", "18446744073709551615"));
    OK(recur_file_get_optimizer(file, "o.", adam));
    OK(recur_file_set_metadata(file, "o.flags", "8")); /* beta1 = 0 is meant, of earlier versions */
    OK(recur_file_get_optimizer(file, "o.", adam));
    recur_file *saved = new_file(NULL);
    OK(recur_file_put_optimizer(saved, NULL, adam));
    assert_string_equal(recur_file_metadata(saved, "step"), "18446744073709551615");
    OK(recur_file_set_metadata(file, "o.step", "3"));
    const recur_tensor stranger = {
        .size = sizeof stranger, .rank = 1, .dim = { 1, 1, 1, 1 }, .name = "o.stranger"
    };
    OK(recur_file_add(file, &stranger, zeros(1)));
    FAILS(RECUR_E_FORMAT, recur_file_get_optimizer(file, "o.", adam), "o.stranger optimizer");
    recur_file *text_first = new_file(NULL);
    OK(recur_file_set_metadata(text_first, "step", "my own"));
    FAILS(RECUR_E_ARGUMENT, recur_file_put_optimizer(text_first, "", adam), "step already");
    assert_int_equal(recur_file_tensor_count(text_first), 0);
    assert_int_equal(recur_file_metadata_count(text_first), 1);
    /* This optimizer has no tensors. */
    FAILS(RECUR_E_FORMAT, recur_file_put_optimizer(text_first, "\xff", other[3]), "UTF-8");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_optimizer(file, "", NULL), "optimizer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_optimizer(NULL, "", adam), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_optimizer(file, "", NULL), "optimizer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_optimizer(NULL, "", adam), "file NULL");
    recur_file_release(text_first);
    recur_file_release(saved);
    recur_file_release(file);
    for (int i = 0; i < 4; i++) recur_optimizer_release(other[i]);
    recur_optimizer_release(adam);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(a_resumed_run_has_the_same_bits),
                                        TEST(optimizers_that_do_not_fit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
