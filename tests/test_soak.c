/* test_soak.c - the same work again and again: after a warm-up the process keeps its memory to the
 * page. `make soak SECONDS=3600` does it for an hour, and tells how speed and memory went; here it
 * is a second. */
#include "support/support.h"

#include <stdio.h>
#include <time.h>

enum { B = 6, I = 7, H = 24, CLASSES = 5, T = 12, WARM_UP = 240, PARTS = 10 };

/* Kilobytes of its own that the process has in memory, so without pages of files, which the system
 * brings and takes; -1: nobody knows. */
static int64_t resident(void)
{
    long long kilobytes = -1;
#if defined(__linux__) && !defined(RECUR__CHECKED)
    char line[200];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %lld", &kilobytes) == 1) break;
    if (file) fclose(file);
#endif
    return kilobytes;
}

static double seconds(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct work {
    recur_context *ctx;
    recur_layer *net;
    recur_loss *loss;
    recur_optimizer *optimizer;
    recur_tape *tape;
    float *x, *y, *dy, *grads;
    int32_t *labels;
    int64_t round;
} work;

static work begin(void)
{
    static const char *const names[] = { "rnn", "fc" };
    const recur_context_options options = { .size = sizeof options, .threads = 2 };
    work w = { 0 };
    recur_loss_options of_loss;
    recur_optimizer_options of_adam;
    recur_layer *part[2];
    dice(71);
    OK(recur_context_create(&options, &w.ctx));
    part[0] = recurrent(w.ctx, RECUR_CELL_LSTM, I, H, 2, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_linear_create(w.ctx, H, CLASSES, 0, &part[1]));
    w.net = chain(w.ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    OK(recur_layer_init(w.net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    OK(recur_loss_options_init(&of_loss, sizeof of_loss, RECUR_LOSS_CROSS_ENTROPY));
    OK(recur_optimizer_options_init(&of_adam, sizeof of_adam, RECUR_OPTIMIZER_ADAM));
    OK(recur_loss_create(w.ctx, &of_loss, &w.loss));
    OK(recur_optimizer_create(w.ctx, &of_adam, recur_layer_param_count(w.net), &w.optimizer));
    OK(recur_tape_create(w.ctx, &w.tape));
    w.x = randoms(B * T * I, 1);
    w.y = floats(B * T * CLASSES);
    w.dy = floats(B * T * CLASSES);
    w.grads = floats(recur_layer_param_count(w.net));
    w.labels = random_ids(B * T, CLASSES);
    return w;
}

static void end(work *w)
{
    recur_tape_release(w->tape);
    recur_optimizer_release(w->optimizer);
    recur_loss_release(w->loss);
    recur_layer_release(w->net);
    recur_context_release(w->ctx);
}

/* Batches of other lengths in turn, always the same ones. */
static void train(work *w)
{
    int64_t lengths[B];
    double value;
    recur_packed *packed;
    for (int b = 0; b < B; b++) lengths[b] = 1 + (w->round + 5 * b) % T;
    OK(recur_packed_create(w->ctx, B, lengths, 0, &packed));
    const int64_t rows = recur_packed_rows(packed), count = recur_layer_param_count(w->net);
    memset(w->grads, 0, (size_t)count * sizeof *w->grads);
    OK(recur_layer_forward(w->net, packed, w->x, NULL, w->y, w->tape));
    OK(recur_loss_classes(w->loss, rows, CLASSES, w->y, w->labels, &value, w->dy));
    OK(recur_layer_backward(w->net, packed, w->x, w->dy, NULL, NULL, w->grads, w->tape));
    OK(recur_optimizer_step(w->optimizer, recur_layer_params(w->net), w->grads, count, 1));
    assert_true(isfinite(value));
    recur_packed_release(packed);
}

/* A snapshot streams, and the network goes through a file. */
static void deploy(const work *w)
{
    recur_layer *snapshot, *back;
    recur_state *state;
    recur_file *file, *other;
    char sentence[200];
    OK(recur_layer_snapshot(w->net, (int32_t)(w->round % 3), &snapshot));
    OK(recur_state_create(snapshot, B, &state));
    for (int t = 0; t < T; t++) OK(recur_layer_step(snapshot, w->x + t * B * I, state, w->y, NULL));
    recur_state_release(state);
    recur_layer_release(snapshot);
    size_t bytes = 0;
    OK(recur_file_open_memory(w->ctx, NULL, 0, &file));
    OK(recur_file_put_model(file, "net.", w->net, NULL));
    OK(recur_file_put_optimizer(file, "adam.", w->optimizer));
    OK(recur_file_write_memory(file, NULL, &bytes));
    void *data = malloc(bytes);
    assert_non_null(data);
    OK(recur_file_write_memory(file, data, &bytes));
    OK(recur_file_open_memory(w->ctx, data, bytes, &other));
    OK(recur_file_get_model(other, "net.", &back));
    assert_int_equal(recur_file_get_model(other, "none.", &snapshot) == RECUR_OK, 0);
    snprintf(sentence, sizeof sentence, "%s", recur_last_error());
    assert_true(sentence[0]);
    recur_layer_release(back);
    recur_file_release(other);
    recur_file_release(file);
    free(data);
}

static void memory_stays(void **unused)
{
    (void)unused;
    const char *wanted = getenv("SOAK_SECONDS");
    const double time = wanted ? strtod(wanted, NULL) : 1;
    work w = begin();
    double began = seconds();
    int64_t before = 0, done = 0;
    for (int part = 0; part <= PARTS; part++) { /* the first is the warm-up */
        const double until = part ? began + time * part / PARTS : began, start = seconds();
        int64_t rounds = 0;
        for (; rounds < (part ? T : WARM_UP) || seconds() < until; rounds++, w.round++) {
            train(&w);
            deploy(&w);
        }
        done += rounds;
        int64_t memory = resident();
        if (wanted)
            print_message("%2d of %d: %lld rounds, %.1f a second, %lld KB\n", part, PARTS,
                          (long long)rounds, (double)rounds / (seconds() - start),
                          (long long)memory);
        if (part == 0) { /* printing has memory of its own by now */
            before = memory = resident();
            began = seconds();
        }
        if (memory != before)
            fail_msg("after %lld rounds the process holds %lld KB; after the warm-up it held %lld",
                     (long long)done, (long long)memory, (long long)before);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(memory_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
