/* keyword.c - a small GRU that tells sounds apart, from training to a C file for a microcontroller.
 *
 *     keyword FOLDER      writes keyword.c and keyword.h there, with int8 weights
 *
 * Four waveforms are drawn: a tone that rises, one that falls, a steady one, and noise, each with
 * noise on top. The network takes the sound of 8 samples at a time and says at every step which of
 * the four it hears. It is trained in float, told what int8 costs, and written as C with sounds
 * that it has not heard as its self-test. `make check-cortex-m` runs the result on emulated
 * processors. */
#include <math.h>
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 8, STEPS = 32, BATCH = 32, ROWS = STEPS * BATCH, HIDDEN = 16, SOUNDS = 4 };
enum { UPDATES = 300, TESTS = 20 };

static const char *const names[SOUNDS] = { "rising", "falling", "steady", "noise" };

static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

/* ---- sounds --------------------------------------------------------------------------------- */

static double uniform(uint64_t seed, uint64_t *at)
{
    return (double)(recur_random(seed, (*at)++) >> 11) * 0x1p-53;
}

/* Row t * BATCH + b is frame t of sound b; every row has the label of its sound. */
static void draw(uint64_t seed, float *x, int32_t *labels)
{
    uint64_t at = 0;
    for (int b = 0; b < BATCH; b++) {
        const int sound = (int)(uniform(seed, &at) * SOUNDS);
        double phase = 6.28 * uniform(seed, &at);
        const double low = 0.15 + 0.1 * uniform(seed, &at), high = 2.5 * low;
        for (int i = 0; i < STEPS * FRAME; i++) {
            const double part = (double)i / (STEPS * FRAME), noise = 2 * uniform(seed, &at) - 1;
            double pitch = 0.5 * (low + high);
            if (sound == 0) pitch = low + part * (high - low);
            if (sound == 1) pitch = high - part * (high - low);
            phase += pitch;
            const double sample = sound == 3 ? noise : sin(phase) + 0.1 * noise;
            x[(i / FRAME * BATCH + b) * FRAME + i % FRAME] = (float)sample;
        }
        for (int t = 0; t < STEPS; t++) labels[t * BATCH + b] = sound;
    }
}

/* ---- training ------------------------------------------------------------------------------- */

static recur_layer *make_network(void)
{
    const recur_recurrent_options gru = {
        .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = FRAME, .hidden_size = HIDDEN
    };
    const char *const parts[2] = { "rnn", "sound" };
    recur_layer *part[2], *network;
    check(recur_recurrent_create(NULL, &gru, &part[0]));
    check(recur_linear_create(NULL, HIDDEN, SOUNDS, 0, &part[1]));
    check(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, parts, part, &network));
    check(recur_layer_init(network, NULL, RECUR_INIT_DEFAULT, 0, 1));
    for (int i = 0; i < 2; i++) recur_layer_release(part[i]);
    return network;
}

static void train(recur_layer *network, const recur_packed *layout)
{
    static float x[ROWS * FRAME], y[ROWS * SOUNDS], dy[ROWS * SOUNDS];
    static int32_t labels[ROWS];
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 0.01 };
    const int64_t count = recur_layer_param_count(network);
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
    double value = 0;
    check(recur_tape_create(NULL, &tape));
    check(recur_loss_create(NULL, &cross_entropy, &loss));
    check(recur_optimizer_create(NULL, &adam, count, &optimizer));
    float *grads = calloc((size_t)count, sizeof *grads);
    if (!grads) exit(EXIT_FAILURE);
    for (uint64_t update = 1; update <= UPDATES; update++) {
        draw(update, x, labels);
        memset(grads, 0, (size_t)count * sizeof *grads);
        check(recur_layer_forward(network, layout, x, NULL, y, tape));
        check(recur_loss_classes(loss, ROWS, SOUNDS, y, labels, &value, dy));
        check(recur_layer_backward(network, layout, x, dy, NULL, NULL, grads, tape));
        check(recur_optimizer_step(optimizer, recur_layer_params(network), grads, count, 1));
        if (update % 100 == 0) printf("update %3d  loss %.4f\n", (int)update, value);
    }
    free(grads);
    recur_optimizer_release(optimizer);
    recur_loss_release(loss);
    recur_tape_release(tape);
}

/* The part of sounds that it tells right at their last frame. */
static double accuracy(const recur_layer *network, const recur_packed *layout)
{
    static float x[ROWS * FRAME], y[ROWS * SOUNDS];
    static int32_t labels[ROWS];
    int right = 0;
    for (uint64_t test = 1; test <= TESTS; test++) {
        draw(UPDATES + test, x, labels);
        check(recur_layer_forward(network, layout, x, NULL, y, NULL));
        for (int row = ROWS - BATCH; row < ROWS; row++) {
            int most = 0;
            for (int k = 1; k < SOUNDS; k++)
                if (y[row * SOUNDS + k] > y[row * SOUNDS + most]) most = k;
            right += most == labels[row];
        }
    }
    return (double)right / (TESTS * BATCH);
}

/* ---- the C file ----------------------------------------------------------------------------- */

/* Two sounds that no update has heard are the self-test. */
static void write_c(const recur_layer *network, const char *folder)
{
    static float x[ROWS * FRAME], two[2 * STEPS * FRAME];
    static int32_t labels[ROWS];
    char path[1024];
    recur_packed *pair;
    draw(0, x, labels);
    for (int t = 0; t < STEPS; t++)
        memcpy(two + t * 2 * FRAME, x + t * BATCH * FRAME, 2 * FRAME * sizeof *two);
    check(recur_packed_create(NULL, 2, NULL, STEPS, &pair));
    const recur_model_sample sample = { .size = sizeof sample, .packed = pair, .x = two };
    const recur_compile_options options = { .size = sizeof options,
                                            .precision = RECUR_PRECISION_INT8,
                                            .name = "keyword",
                                            .sample = &sample };
    snprintf(path, sizeof path, "%s/keyword.c", folder);
    check(recur_compile_c(network, &options, path));
    printf("%s: its self-test hears %s, then %s\n", path, names[labels[0]], names[labels[1]]);
    recur_packed_release(pair);
}

int main(int count, char **words)
{
    if (count != 2) {
        fprintf(stderr, "usage: keyword FOLDER\n");
        return 2;
    }
    recur_packed *layout;
    recur_layer *network = make_network(), *small;
    check(recur_packed_create(NULL, BATCH, NULL, STEPS, &layout));
    train(network, layout);
    check(recur_layer_snapshot(network, RECUR_PRECISION_INT8, &small));
    printf("right: %.1f %% in float, %.1f %% in int8\n", 100 * accuracy(network, layout),
           100 * accuracy(small, layout));
    write_c(network, words[1]);
    recur_layer_release(small);
    recur_layer_release(network);
    recur_packed_release(layout);
    return 0;
}
