/* test_resume.c - a run that is stopped and resumed gives the same bits as one that was not:
 * network and optimizer in one file, from which alone the second half starts. */
#include <unistd.h>

#include "support/support.h"

enum { STEPS = 4, B = 3, SYMBOLS = 7, CLASSES = 2 };

typedef struct trainer {
    recur_layer *net;
    recur_optimizer *optimizer;
} trainer;

static recur_layer *network(void)
{
    const recur_recurrent_options lstm = { .size = sizeof lstm,
                                           .cell = RECUR_CELL_LSTM,
                                           .input_size = 4,
                                           .hidden_size = 3,
                                           .num_layers = 2,
                                           .direction = RECUR_DIRECTION_BIDIRECTIONAL,
                                           .dropout = 0.3 };
    const char *const names[] = { "emb", "rnn", "last", "drop", "fc" };
    recur_layer *part[COUNT(names)] = { NULL };
    OK(recur_embedding_create(NULL, SYMBOLS, 4, 0, &part[0]));
    OK(recur_recurrent_create(NULL, &lstm, &part[1]));
    OK(recur_last_create(NULL, 6, RECUR_DIRECTION_BIDIRECTIONAL, &part[2]));
    OK(recur_dropout_create(NULL, 6, 0.2, &part[3]));
    OK(recur_linear_create(NULL, 6, CLASSES, 0, &part[4]));
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, COUNT(names), names, part);
    OK(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    return net;
}

static void release(trainer *t)
{
    recur_layer_release(t->net);
    recur_optimizer_release(t->optimizer);
}

/* Makes one step with ragged ids, dropout, cross-entropy, clipping and an update. What a step sees
 * depends on its number alone. */
static void train(const trainer *t, uint64_t first, uint64_t steps)
{
    static const int64_t lengths[B] = { 4, 0, 2 };
    const int64_t count = recur_layer_param_count(t->net);
    const recur_loss_options options = { .size = sizeof options, .kind = RECUR_LOSS_CROSS_ENTROPY };
    recur_packed *packed = layout(NULL, B, lengths, 0);
    recur_tape *tape = NULL;
    recur_loss *loss = NULL;
    OK(recur_tape_create(NULL, &tape));
    OK(recur_loss_create(NULL, &options, &loss));
    for (uint64_t step = first; step < first + steps; step++) {
        double value;
        float *grads = zeros(count), y[B * CLASSES], dy[B * CLASSES];
        int32_t ids[6];
        for (uint64_t i = 0; i < 6; i++) ids[i] = (int32_t)(recur_random(step, i) % SYMBOLS);
        OK(recur_tape_set_seed(tape, step));
        OK(recur_layer_forward_ids(t->net, packed, ids, NULL, y, tape));
        OK(recur_loss_classes(loss, B, CLASSES, y, (const int32_t[B]){ 0, 1, 1 }, &value, dy));
        OK(recur_layer_backward_ids(t->net, packed, ids, dy, NULL, grads, tape));
        (void)recur_clip_norm(grads, count, 0.5);
        OK(recur_optimizer_step(t->optimizer, recur_layer_params(t->net), grads, count, 1));
    }
    recur_loss_release(loss);
    recur_tape_release(tape);
    recur_packed_release(packed);
}

static void save(const trainer *t, const char *path)
{
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_put_model(file, "model.", t->net, NULL));
    OK(recur_file_put_optimizer(file, "optimizer.", t->optimizer));
    OK(recur_file_write(file, path));
    recur_file_release(file);
}

static trainer load(const recur_optimizer_options *options, const char *path)
{
    trainer t = { NULL, NULL };
    recur_file *file = NULL;
    OK(recur_file_open(NULL, path, &file));
    OK(recur_file_get_model(file, "model.", &t.net));
    OK(recur_optimizer_create(NULL, options, recur_layer_param_count(t.net), &t.optimizer));
    OK(recur_file_get_optimizer(file, "optimizer.", t.optimizer));
    OK(recur_file_all_used(file));
    recur_file_release(file);
    return t;
}

static const recur_optimizer_options RULES[] = {
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_SGD, .rate = 0.1 },
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_SGD, .rate = 0.1, .momentum = 0.9 },
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_RMSPROP, .rate = 0.01, .momentum = 0.5 },
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_ADAGRAD, .rate = 0.1 },
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_ADADELTA, .rate = 1 },
    { .size = sizeof *RULES, .kind = RECUR_OPTIMIZER_ADAM, .rate = 0.05 },
    { .size = sizeof *RULES,
      .kind = RECUR_OPTIMIZER_ADAMW,
      .rate = 0.05,
      .flags = RECUR_OPTIMIZER_AMSGRAD },
};

static void resumed_runs_have_the_same_bits(void **state)
{
    (void)state;
    char path[] = "/tmp/recur_resume_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < COUNT(RULES); i++) {
        trying("rule %d", i);
        trainer whole = { .net = network() };
        const int64_t count = recur_layer_param_count(whole.net);
        OK(recur_optimizer_create(NULL, &RULES[i], count, &whole.optimizer));
        train(&whole, 0, STEPS);
        save(&whole, path);
        const float *half = copy_of(count, recur_layer_params(whole.net));
        train(&whole, STEPS, STEPS); /* the run that was never stopped */
        trainer resumed = load(&RULES[i], path);
        check_same("parameters half-way", count, recur_layer_params(resumed.net), half);
        train(&resumed, STEPS, STEPS);
        check_same("parameters", count, recur_layer_params(resumed.net),
                   recur_layer_params(whole.net));
        assert_true(memcmp(half, recur_layer_params(whole.net), (size_t)count * sizeof *half) != 0);
        release(&whole);
        release(&resumed);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(resumed_runs_have_the_same_bits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
