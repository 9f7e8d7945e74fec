/* 02_train.c - lesson 2: a network learns whether a sequence of bits has more ones than zeros.
 *
 * One update is four calls: forward, loss, backward, and a step of the optimizer. Forward records
 * on a tape what backward needs. Backward adds the gradients to a vector of ours. */
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 15, BATCH = 32, ROWS = STEPS * BATCH, HIDDEN = 16, CLASSES = 2, UPDATES = 400 };

static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

/* A GRU, its output after the last step, and a linear layer that makes two numbers of it. */
static recur_layer *make_network(void)
{
    const recur_recurrent_options gru = {
        .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = 2, .hidden_size = HIDDEN
    };
    const char *const names[3] = { "rnn", "last", "fc" };
    recur_layer *part[3];
    recur_layer *network;
    check(recur_recurrent_create(NULL, &gru, &part[0]));
    check(recur_last_create(NULL, HIDDEN, RECUR_DIRECTION_FORWARD, &part[1]));
    check(recur_linear_create(NULL, HIDDEN, CLASSES, 0, &part[2]));
    check(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 3, names, part, &network));
    check(recur_layer_init(network, NULL, RECUR_INIT_DEFAULT, 0, 1));
    for (int i = 0; i < 3; i++) recur_layer_release(part[i]); /* the network has copies of them */
    return network;
}

/* Row t * BATCH + b is step t of sequence b. A label is 1 where the ones are more. */
static void draw(uint64_t seed, int32_t *bits, int32_t *labels)
{
    int ones[BATCH] = { 0 };
    for (int row = 0; row < ROWS; row++) {
        bits[row] = (int32_t)(recur_random(seed, (uint64_t)row) & 1);
        ones[row % BATCH] += bits[row];
    }
    for (int b = 0; b < BATCH; b++) labels[b] = ones[b] > STEPS / 2;
}

int main(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 0.01 };
    recur_layer *network = make_network();
    const int64_t count = recur_layer_param_count(network);
    recur_packed *layout;
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
    check(recur_packed_create(NULL, BATCH, NULL, STEPS, &layout));
    check(recur_tape_create(NULL, &tape));
    check(recur_loss_create(NULL, &cross_entropy, &loss));
    check(recur_optimizer_create(NULL, &adam, count, &optimizer));
    float *grads = calloc((size_t)count, sizeof *grads);
    if (!grads) return EXIT_FAILURE;

    int32_t bits[ROWS], labels[BATCH];
    float y[BATCH * CLASSES], dy[BATCH * CLASSES];
    double value;
    for (uint64_t update = 1; update <= UPDATES; update++) {
        draw(update, bits, labels);
        memset(grads, 0, (size_t)count * sizeof *grads);
        check(recur_layer_forward_ids(network, layout, bits, NULL, y, tape));
        check(recur_loss_classes(loss, BATCH, CLASSES, y, labels, &value, dy));
        check(recur_layer_backward_ids(network, layout, bits, dy, NULL, grads, tape));
        check(recur_optimizer_step(optimizer, recur_layer_params(network), grads, count, 1));
        if (update == 1 || update % 50 == 0) printf("update %3d  loss %.4f\n", (int)update, value);
    }

    int right = 0;
    for (uint64_t test = 1; test <= 100; test++) { /* without a tape nothing is recorded */
        draw(UPDATES + test, bits, labels);
        check(recur_layer_forward_ids(network, layout, bits, NULL, y, NULL));
        for (int b = 0; b < BATCH; b++) right += (y[2 * b + 1] > y[2 * b]) == labels[b];
    }
    printf("%.1f %% of %d other sequences are right\n", right / (double)BATCH, 100 * BATCH);

    free(grads);
    recur_optimizer_release(optimizer);
    recur_loss_release(loss);
    recur_tape_release(tape);
    recur_packed_release(layout);
    recur_layer_release(network);
    return 0;
}
