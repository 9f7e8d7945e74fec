/* model.c - a program that knows nothing of the networks it runs; test_torch_files.py compiles it.
 *
 *   model run FILE T B <x >y      opens a model and runs it on B sequences of T steps
 *   model train FILE T B <x >y    makes a network, trains it to give the sum of x, saves it, and runs it */
#include <recur.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call)                                            \
    do {                                                     \
        if (call) {                                          \
            fprintf(stderr, "%s\n", recur_last_error());     \
            exit(1);                                         \
        }                                                    \
    } while (0)

static recur_layer *network(void)
{
    const char *const names[] = { "rnn", "fc" };
    const recur_recurrent_options lstm = { .size = sizeof lstm, .cell = RECUR_CELL_LSTM, .input_size = 3, .hidden_size = 5, .num_layers = 2 };
    recur_layer *part[2], *net;
    TRY(recur_recurrent_create(NULL, &lstm, &part[0]));
    TRY(recur_linear_create(NULL, 5, 2, 0, &part[1]));
    TRY(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &net));
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    return net;
}

static void train(recur_layer *net, const recur_packed *packed, const float *x)
{
    const int64_t count = recur_layer_param_count(net), rows = recur_packed_rows(packed);
    float *grads = malloc((size_t)count * sizeof *grads), *y = malloc((size_t)rows * 2 * sizeof *y), *dy = malloc((size_t)rows * 2 * sizeof *dy);
    float *target = malloc((size_t)rows * 2 * sizeof *target);
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *adam;
    double value;
    TRY(recur_tape_create(NULL, &tape));
    TRY(recur_loss_create(NULL, &(recur_loss_options){ .size = sizeof(recur_loss_options), .kind = RECUR_LOSS_MSE }, &loss));
    TRY(recur_optimizer_create(NULL, &(recur_optimizer_options){ .size = sizeof(recur_optimizer_options), .kind = RECUR_OPTIMIZER_ADAM, .rate = 0.01 },
                               count, &adam));
    for (int64_t i = 0; i < rows; i++) target[2 * i] = target[2 * i + 1] = x[3 * i] + x[3 * i + 1] + x[3 * i + 2];
    for (int step = 0; step < 50; step++) {
        memset(grads, 0, (size_t)count * sizeof *grads);
        TRY(recur_layer_forward(net, packed, x, NULL, y, tape));
        TRY(recur_loss_values(loss, rows, 2, y, target, &value, dy));
        TRY(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape));
        TRY(recur_optimizer_step(adam, recur_layer_params(net), grads, count, 1));
    }
    recur_tape_release(tape);
    recur_loss_release(loss);
    recur_optimizer_release(adam);
    free(grads);
    free(y);
    free(dy);
    free(target);
}

int main(int count, char **word)
{
    if (count != 5) return 2;
    recur_layer *net = NULL;
    recur_packed *packed;
    recur_layer_info info = { .size = sizeof info };
    TRY(recur_packed_create(NULL, atol(word[4]), NULL, atol(word[3]), &packed));
    if (strcmp(word[1], "run") == 0) TRY(recur_model_open(NULL, word[2], &net));
    else net = network();
    TRY(recur_layer_describe(net, -1, &info));
    const size_t in = (size_t)(recur_packed_rows(packed) * info.input_size), out = (size_t)(recur_layer_rows(net, packed) * info.output_size);
    float *x = malloc(in * sizeof *x), *y = malloc(out * sizeof *y);
    if (!x || !y || fread(x, sizeof *x, in, stdin) != in) return 3;
    if (strcmp(word[1], "train") == 0) {
        train(net, packed, x);
        TRY(recur_model_save(net, word[2], &(recur_model_sample){ .size = sizeof(recur_model_sample), .packed = packed, .x = x }));
    }
    TRY(recur_layer_forward(net, packed, x, NULL, y, NULL));
    if (fwrite(y, sizeof *y, out, stdout) != out) return 4;
    recur_layer_release(net);
    recur_packed_release(packed);
    free(x);
    free(y);
    return 0;
}
