/* old_program.c - a program that was built when the interface was fixed: it trains a small network,
 * streams it, saves it and opens it again, with the structs and constants of that time. It links
 * today's library, and ends with 0 if all is as it was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recur_0_1.h"

enum { B = 3, T = 6, I = 2, H = 5, CLASSES = 3 };

#define GOOD(what)                                                                     \
    do {                                                                               \
        if (!(what)) {                                                                 \
            fprintf(stderr, "line %d: %s; %s\n", __LINE__, #what, recur_last_error()); \
            exit(1);                                                                   \
        }                                                                              \
    } while (0)

static recur_layer *network(recur_context *ctx)
{
    const recur_recurrent_options options = {
        .size = sizeof options, .cell = RECUR_CELL_LSTM, .input_size = I, .hidden_size = H
    };
    const char *const names[] = { "rnn", "fc" };
    recur_layer *part[2], *net = NULL;
    GOOD(recur_recurrent_create(ctx, &options, &part[0]) == RECUR_OK);
    GOOD(recur_linear_create(ctx, H, CLASSES, 0, &part[1]) == RECUR_OK);
    GOOD(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &net) == RECUR_OK);
    GOOD(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1) == RECUR_OK);
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    return net;
}

/* Structs of that time are filled up to the size they had then, and not beyond. */
static void describe(const recur_layer *net)
{
    struct {
        recur_layer_info info;
        unsigned char behind[64];
    } of = { .info = { .size = sizeof of.info } };
    memset(of.behind, 0xA5, sizeof of.behind);
    GOOD(recur_layer_describe(net, -1, &of.info) == RECUR_OK);
    GOOD(of.info.input_size == I && of.info.output_size == CLASSES && of.info.parts == 2);
    for (size_t i = 0; i < sizeof of.behind; i++) GOOD(of.behind[i] == 0xA5);
}

/* Returns how much smaller the loss has become. */
static double train(recur_context *ctx, recur_layer *net, const recur_packed *packed,
                    const float *x)
{
    recur_loss_options of_loss;
    recur_optimizer_options of_adam;
    recur_loss *loss;
    recur_optimizer *adam;
    recur_tape *tape;
    static float y[B * T * CLASSES], dy[B * T * CLASSES];
    int32_t labels[B * T];
    double first = 0, value = 0;
    const int64_t count = recur_layer_param_count(net);
    float *grads = calloc((size_t)count, sizeof *grads);
    GOOD(grads);
    for (int i = 0; i < B * T; i++) labels[i] = i % CLASSES;
    GOOD(recur_loss_options_init(&of_loss, sizeof of_loss, RECUR_LOSS_CROSS_ENTROPY) == RECUR_OK);
    GOOD(recur_optimizer_options_init(&of_adam, sizeof of_adam, RECUR_OPTIMIZER_ADAM) == RECUR_OK);
    of_adam.rate = 0.05;
    GOOD(recur_loss_create(ctx, &of_loss, &loss) == RECUR_OK);
    GOOD(recur_optimizer_create(ctx, &of_adam, count, &adam) == RECUR_OK);
    GOOD(recur_tape_create(ctx, &tape) == RECUR_OK);
    for (int epoch = 0; epoch < 50; epoch++) {
        memset(grads, 0, (size_t)count * sizeof *grads);
        GOOD(recur_layer_forward(net, packed, x, NULL, y, tape) == RECUR_OK);
        GOOD(recur_loss_classes(loss, B * T, CLASSES, y, labels, &value, dy) == RECUR_OK);
        GOOD(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape) == RECUR_OK);
        GOOD(recur_optimizer_step(adam, recur_layer_params(net), grads, count, 1) == RECUR_OK);
        if (epoch == 0) first = value;
    }
    recur_tape_release(tape);
    recur_optimizer_release(adam);
    recur_loss_release(loss);
    free(grads);
    return first - value;
}

/* The same model from a file in memory. */
static recur_layer *come_back(recur_context *ctx, const recur_layer *net)
{
    recur_file *file, *read;
    recur_layer *back = NULL;
    size_t bytes = 0;
    GOOD(recur_file_open_memory(ctx, NULL, 0, &file) == RECUR_OK);
    GOOD(recur_file_put_model(file, "", net, NULL) == RECUR_OK);
    GOOD(recur_file_write_memory(file, NULL, &bytes) == RECUR_OK);
    void *data = malloc(bytes);
    GOOD(data && recur_file_write_memory(file, data, &bytes) == RECUR_OK);
    GOOD(recur_file_open_memory(ctx, data, bytes, &read) == RECUR_OK);
    GOOD(recur_file_get_model(read, "", &back) == RECUR_OK);
    recur_file_release(read);
    recur_file_release(file);
    free(data);
    return back;
}

/* Steps give what a pass gives, bit for bit. */
static void stream(const recur_layer *net, const float *x, const float *y)
{
    recur_state *state;
    float out[B * CLASSES];
    GOOD(recur_state_create(net, B, &state) == RECUR_OK);
    for (int t = 0; t < T; t++) {
        GOOD(recur_layer_step(net, x + t * B * I, state, out, NULL) == RECUR_OK);
        GOOD(memcmp(out, y + t * B * CLASSES, sizeof out) == 0);
    }
    recur_state_release(state);
}

int main(void)
{
    const recur_context_options options = { .size = sizeof options, .threads = 2 };
    recur_context *ctx;
    recur_packed *packed;
    static float x[B * T * I], y[B * T * CLASSES];
    for (int i = 0; i < B * T * I; i++) x[i] = sinf((float)i);
    GOOD(recur_context_create(&options, &ctx) == RECUR_OK);
    GOOD(recur_packed_create(ctx, B, NULL, T, &packed) == RECUR_OK);
    recur_layer *net = network(ctx);
    describe(net);
    GOOD(train(ctx, net, packed, x) > 0.1);
    recur_layer *back = come_back(ctx, net);
    GOOD(recur_layer_forward(back, packed, x, NULL, y, NULL) == RECUR_OK);
    stream(net, x, y);
    recur_layer_release(back);
    recur_layer_release(net);
    recur_packed_release(packed);
    recur_context_release(ctx);
    puts("a program of the first interface runs");
    return 0;
}
