/* mnist.c - recognises handwritten digits that it reads row by row: 28 steps of 28 pixels go
 * through recurrent layers, and a linear layer on the last step. Or it reads them pixel by pixel,
 * 784 steps of one, in their order or in any (--permute): how long can a network remember?
 *
 * With --data the program reads the digits of MNIST (the four IDX files, packed with gzip or not);
 * without, it draws digits itself.
 *
 * --hand-written runs one layer as a loop over a cell. --irnn is a plain network of ReLUs that
 * begins as a memory: its recurrent weights are the identity, its biases 0 (Le 2015).
 *
 * The program shows dense batches (a layout in which all lengths are equal), rows of floats as
 * input, a stack of layers, a cell and its backward, initial weights, optimizers, and validation in
 * the middle of an epoch. */
#include "common/dice.h"
#include "common/fit.h"
#include "common/images.h"
#include "common/options.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = IMAGE_CLASSES };

static const choice net_choices[] = { { "rnn", RECUR_CELL_RNN_TANH },
                                      { "relu", RECUR_CELL_RNN_RELU },
                                      { "lstm", RECUR_CELL_LSTM },
                                      { "gru", RECUR_CELL_GRU },
                                      { NULL, 0 } };
static const choice optimizer_choices[] = { { "adam", RECUR_OPTIMIZER_ADAM },
                                            { "sgd", RECUR_OPTIMIZER_SGD },
                                            { NULL, 0 } };

static struct {
    const char *data;
    int32_t cell, optimizer, hand_written, pixels, irnn;
    int64_t hidden, layers, train, batch, size, permute, validate;
    double lr, clip, identity, gaussian, forget_bias;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .optimizer = RECUR_OPTIMIZER_ADAM,
          .hidden = 128,
          .layers = 2,
          .batch = 100,
          .size = 28,
          .lr = 0.001,
          .identity = 1,
          .run = { .epochs = 2, .seed = 1 } };

static const option_row options[] = {
    TEXT("data", &set.data, "DIR", "where MNIST's four files are; without it digits are drawn"),
    CHOICE("cell", &set.cell, net_choices, IN_MODEL, "kind of recurrence"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    FLAG("hand-written", &set.hand_written, IN_MODEL, "one layer, as a loop over a cell"),
    FLAG("pixels", &set.pixels, IN_MODEL, "read pixel by pixel, not row by row"),
    COUNT("size", &set.size, 1, 28, IN_MODEL,
          "rows and columns: 28, or a part of it (14, 7) to make images smaller"),
    COUNT("permute", &set.permute, 0, 1e15, IN_MODEL,
          "seed of an order of the pixels; 0: as they are"),
    FLAG("irnn", &set.irnn, ON_LINE_ONLY, "cell relu, recurrent weights the identity, biases 0"),
    NUMBER("identity", &set.identity, 0, 10, "irnn: times this; below 1 for a shorter memory"),
    NUMBER("gaussian", &set.gaussian, 0, 10,
           "deviation of the recurrent weights; 0: uniform, as usual"),
    NUMBER("forget-bias", &set.forget_bias, -100, 100,
           "start value of the bias of the gate that keeps the state"),
    COUNT("train", &set.train, 0, 1e8, ON_LINE_ONLY,
          "images to train on; 0: all, or 10000 drawn ones"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "images in a batch"),
    CHOICE("optimizer", &set.optimizer, optimizer_choices, IN_MODEL, "update rule"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    COUNT("validate", &set.validate, 0, 1e9, ON_LINE_ONLY,
          "updates from one validation to the next; 0: none between epochs"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* One batch of B images needs these: it has T steps of I pixels. */
static run r;
static images training, test;
static recur_packed *packed;
static int64_t T, I, *order_of;   /* order_of [T·I]: which pixel comes where */
static float *small, *padded, *x; /* [size][size], [B][T][I], [T][B][I] */
static int32_t *labels, *guess;   /* [B]                  */
static float *logits, *dlogits;   /* [B][CLASSES]         */

/* ---- images --------------------------------------------------------------------------------- */

static void load_batch(const images *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < n; b++) {
        image_shrink(all->pixels + order[b] * IMAGE_PIXELS, set.size, small);
        for (int64_t i = 0; i < T * I; i++) padded[b * T * I + i] = small[order_of[i]];
        labels[b] = all->labels[order[b]];
    }
    TRY(recur_packed_reset(packed, n, NULL, T));
    TRY(recur_packed_pack(packed, RECUR_LAYOUT_BATCH_FIRST, (size_t)I * sizeof *x, padded, x));
}

static void make_order(void)
{
    T = set.pixels ? set.size * set.size : set.size;
    I = set.pixels ? 1 : set.size;
    order_of = NEW(int64_t, T * I);
    for (int64_t i = 0; i < T * I; i++) order_of[i] = i;
    dice d = dice_for((uint64_t)set.permute, 3);
    if (set.permute) shuffled(&d, T * I, order_of);
}

/* ---- networks ------------------------------------------------------------------------------- */

/* Sets initial weights of the recurrent part where they are not the usual ones. */
static void start_values(recur_layer *net, const char *weights, const char *biases)
{
    const uint64_t seed = (uint64_t)set.run.seed;
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    if (set.gaussian > 0)
        TRY(recur_layer_init(net, weights, RECUR_INIT_NORMAL, set.gaussian, seed));
    if (set.irnn) {
        TRY(recur_layer_init(net, weights, RECUR_INIT_IDENTITY, set.identity, 0));
        TRY(recur_layer_init(net, biases, RECUR_INIT_CONSTANT, 0, 0));
    }
    if (set.forget_bias != 0)
        TRY(recur_layer_init(net, biases, RECUR_INIT_FORGET_BIAS, set.forget_bias, 0));
}

static recur_layer *make_net(void)
{
    recur_layer *part[3];
    const char *const names[] = { "rnn", "last", "fc" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = I,
                                          .hidden_size = set.hidden,
                                          .num_layers = set.layers };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_last_create(NULL, set.hidden, RECUR_DIRECTION_FORWARD, &part[1]));
    TRY(recur_linear_create(NULL, set.hidden, CLASSES, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    start_values(net, "rnn.weight_hh*", "rnn.bias*");
    return net;
}

/* ---- the same by hand ----------------------------------------------------------------------- */

static recur_cell *cell;
static recur_layer *fc;
static int64_t at_cell, at_fc; /* where their gradients begin       */
static recur_packed *one;      /* the layout of what fc takes       */
static recur_state *h, *dh;    /* of as many images as a batch has  */
static float *last, *dlast;    /* [B][hidden]: the last h           */

static recur_layer *make_parts(void)
{
    recur_layer *part[2];
    const char *const names[] = { "cell", "fc" };
    const recur_recurrent_options one_step = { .size = sizeof one_step,
                                               .cell = set.cell,
                                               .input_size = I,
                                               .hidden_size = set.hidden,
                                               .flags = RECUR_LAYER_CELL_NAMES };
    TRY(recur_recurrent_create(NULL, &one_step, &part[0]));
    TRY(recur_linear_create(NULL, set.hidden, CLASSES, 0, &part[1]));
    recur_layer *net = chain(RECUR_COMPOSE_GROUP, 2, names, part);
    start_values(net, "cell.weight_hh*", "cell.bias*");
    return net;
}

static void create_by_hand(void)
{
    recur_layer *layer;
    TRY(recur_layer_child(r.net, "cell", &layer, &at_cell));
    TRY(recur_layer_child(r.net, "fc", &fc, &at_fc));
    TRY(recur_cell_from_layer(layer, &cell));
    TRY(recur_packed_create(NULL, set.batch, NULL, 1, &one));
    recur_layer_release(layer);
    last = NEW(float, set.batch *set.hidden);
    dlast = NEW(float, set.batch *set.hidden);
}

static void release_by_hand(void)
{
    recur_cell_release(cell);
    recur_layer_release(fc);
    recur_packed_release(one);
    recur_state_release(h);
    recur_state_release(dh);
    free(last);
    free(dlast);
}

/* Makes zero states for n images. */
static void reset_states(int64_t n)
{
    if (recur_state_batch(h) != n) {
        recur_state_release(h);
        recur_state_release(dh);
        TRY(recur_state_create(recur_cell_layer(cell), n, &h));
        TRY(recur_state_create(recur_cell_layer(cell), n, &dh));
        TRY(recur_packed_reset(one, n, NULL, 1));
    }
    TRY(recur_state_reset(h, -1));
    TRY(recur_state_reset(dh, -1));
}

static void run_by_hand(int64_t n)
{
    const int64_t step = n * I; /* numbers of x in a step */
    recur_tape *tape = r.tape;
    reset_states(n);
    for (int64_t t = 0; t < T; t++) TRY(recur_cell_step(cell, x + t * step, h, last, tape));
    TRY(recur_layer_forward(fc, one, last, NULL, logits, tape));
}

static void learn_by_hand(int64_t n)
{
    const int64_t step = n * I;
    TRY(recur_layer_backward(fc, one, last, dlogits, NULL, dlast, r.grads + at_fc, r.tape));
    for (int64_t t = T - 1; t >= 0; t--)
        TRY(recur_cell_step_backward(cell, x + t * step, t == T - 1 ? dlast : NULL, dh, NULL,
                                     r.grads + at_cell, r.tape));
}

/* ---- learning ------------------------------------------------------------------------------- */

static void step(int learn, const int64_t *order, int64_t n, score *s);

/* Tests in the middle of an epoch, every so many updates. */
static void validate(int64_t updates)
{
    score s = { 0, 0, 0 };
    int64_t *order = NEW(int64_t, set.batch);
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_EVALUATE));
    for (int64_t i = 0; i < test.n; i += set.batch) {
        const int64_t n = test.n - i < set.batch ? test.n - i : set.batch;
        for (int64_t b = 0; b < n; b++) order[b] = i + b;
        step(0, order, n, &s);
    }
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_TRAIN));
    progress_end();
    printf("update %lld  loss %.4f  accuracy %.2f%%\n", (long long)updates, score_loss(&s),
           score_accuracy(&s));
    fflush(stdout);
    free(order);
}

/* Runs a batch forward and computes the loss; to learn, it also runs backward and updates. */
static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    static int64_t updates;
    double loss;
    load_batch(learn ? &training : &test, order, n);
    if (set.hand_written)
        run_by_hand(n);
    else
        TRY(recur_layer_forward(r.net, packed, x, NULL, logits, r.tape));
    TRY(recur_loss_classes(r.loss, n, CLASSES, logits, labels, &loss, dlogits));
    score_add(s, loss, n, CLASSES, logits, labels, guess);
    if (!learn) return;
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    if (set.hand_written)
        learn_by_hand(n);
    else
        TRY(recur_layer_backward(r.net, packed, x, dlogits, NULL, NULL, r.grads, r.tape));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
    if (set.validate && ++updates % set.validate == 0) validate(updates);
}

/* ---- the program ---------------------------------------------------------------------------- */

static void check_settings(void)
{
    if (IMAGE_ROWS % set.size)
        die_of_usage("--size: 28 rows are not a multiple of %lld", (long long)set.size);
    if (set.hand_written && set.layers != 1)
        die_of_usage("--hand-written: it is one layer: --layers 1");
    if (set.irnn) set.cell = RECUR_CELL_RNN_RELU;
    if (set.forget_bias != 0 && set.cell != RECUR_CELL_LSTM && set.cell != RECUR_CELL_GRU)
        die_of_usage("--forget-bias: the cell has no gate that keeps the state");
}

static fit_sizes create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options optimizer = { .size = sizeof optimizer,
                                                .kind = set.optimizer,
                                                .rate = set.lr };
    const int64_t B = set.batch, outputs = B * CLASSES;
    check_settings();
    images_get(set.data, (uint64_t)set.run.seed, set.train, &training, &test);
    make_order();
    r = run_create_with(set.hand_written ? make_parts() : make_net(), &cross_entropy, &optimizer);
    TRY(recur_packed_create(NULL, B, NULL, T, &packed));
    if (set.hand_written)
        create_by_hand();
    else
        TRY(recur_tape_reserve(r.tape, r.net, packed, 1));
    small = NEW(float, set.size *set.size);
    padded = NEW(float, B *T *I);
    x = NEW(float, B *T *I);
    labels = NEW(int32_t, B);
    guess = NEW(int32_t, B);
    logits = NEW(float, outputs);
    dlogits = NEW(float, outputs);
    return (fit_sizes){ .train = training.n, .test = test.n, .batch = B };
}

static void release_all(void)
{
    if (set.hand_written) release_by_hand();
    run_release(&r);
    recur_packed_release(packed);
    images_release(&training);
    images_release(&test);
    free(order_of);
    free(small);
    free(padded);
    free(x);
    free(labels);
    free(guess);
    free(logits);
    free(dlogits);
}

int main(int argc, char **argv)
{
    static const fit_program program = {
        .purpose = "Learns to read digits, row by row or pixel by pixel.",
        .options = options,
        .settings = &set.run,
        .run = &r,
        .what = "sequences",
        .create = create_all,
        .release = release_all,
        .step = step
    };
    return fit(argc, argv, &program);
}
