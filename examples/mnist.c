/* mnist.c - handwritten digits, read row by row: 28 steps of 28 pixels, recurrent layers, a linear layer on the last
 * step.
 *
 * With --data the digits of MNIST (the four IDX files, packed with gzip or not); without, digits that the program
 * draws itself.
 *
 * Shown: dense batches (a layout in which all lengths are equal), rows of floats as input, a stack of layers. */
#include "common/fit.h"
#include "common/images.h"
#include "common/model.h"
#include "common/options.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = IMAGE_ROWS, I = IMAGE_COLUMNS, CLASSES = IMAGE_CLASSES, DRAWN = 10000, DRAWN_TEST = 2000 };

static struct {
    const char *data;
    int32_t cell;
    int64_t hidden, layers, train, batch;
    double lr;
    run_settings run;
} set = {
    .cell = RECUR_CELL_LSTM, .hidden = 128, .layers = 2, .batch = 100, .lr = 0.001, .run = { .epochs = 2, .seed = 1 }
};

static const option_row options[] = {
    TEXT("data", &set.data, "DIR", "where MNIST's four files are; without it digits are drawn"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    COUNT("train", &set.train, 0, 1e8, ON_LINE_ONLY, "images to train on; 0: all, or 10000 drawn ones"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "images in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* What one batch of B images needs. */
static run r;
static images training, test;
static recur_packed *packed;
static float *padded, *x;       /* [B][T][I], [T][B][I] */
static int32_t *labels, *guess; /* [B]                  */
static float *logits, *dlogits; /* [B][CLASSES]         */

static void load_batch(const images *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < n; b++) {
        const uint8_t *image = all->pixels + order[b] * IMAGE_PIXELS;
        for (int64_t i = 0; i < IMAGE_PIXELS; i++) padded[b * IMAGE_PIXELS + i] = (float)image[i] / 255;
        labels[b] = all->labels[order[b]];
    }
    TRY(recur_packed_reset(packed, n, NULL, T));
    TRY(recur_packed_pack(packed, RECUR_LAYOUT_BATCH_FIRST, I * sizeof *x, padded, x));
}

static recur_layer *make_net(void)
{
    recur_layer *part[3];
    const char *const names[] = { "rnn", "last", "fc" };
    const recur_recurrent_options rnn = {
        .size = sizeof rnn, .cell = set.cell, .input_size = I, .hidden_size = set.hidden, .num_layers = set.layers
    };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_last_create(NULL, set.hidden, RECUR_DIRECTION_FORWARD, &part[1]));
    TRY(recur_linear_create(NULL, set.hidden, CLASSES, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

/* Forward, loss, backward, update; the last two only to learn. */
static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    double loss;
    load_batch(learn ? &training : &test, order, n);
    TRY(recur_layer_forward(r.net, packed, x, NULL, logits, r.tape));
    TRY(recur_loss_classes(r.loss, n, CLASSES, logits, labels, &loss, dlogits));
    score_add(s, loss, n, CLASSES, logits, labels, guess);
    if (!learn) return;
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_layer_backward(r.net, packed, x, dlogits, NULL, NULL, r.grads, r.tape));
    TRY(recur_optimizer_step(r.adam, recur_layer_params(r.net), r.grads, r.count, 1));
}

static void load_images(void)
{
    if (set.data) {
        training = images_read(set.data, "train", set.train);
        test = images_read(set.data, "t10k", 0);
    } else {
        training = images_draw((uint64_t)set.run.seed, set.train ? set.train : DRAWN);
        test = images_draw(~(uint64_t)set.run.seed, DRAWN_TEST);
    }
}

static void create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy, .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, outputs = B * CLASSES;
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_packed_create(NULL, B, NULL, T, &packed));
    TRY(recur_tape_reserve(r.tape, r.net, packed, 1));
    padded = NEW(float, B *IMAGE_PIXELS);
    x = NEW(float, B *IMAGE_PIXELS);
    labels = NEW(int32_t, B);
    guess = NEW(int32_t, B);
    logits = NEW(float, outputs);
    dlogits = NEW(float, outputs);
}

static void release_all(void)
{
    run_release(&r);
    recur_packed_release(packed);
    images_release(&training);
    images_release(&test);
    free(padded), free(x), free(labels), free(guess), free(logits), free(dlogits);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Learns to read digits, row by row.", options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    load_images();
    create_all();
    if (file) run_load(&r, file, "");
    model_close(file, set.run.load);
    const fit_task task = { .run = &r,
                            .settings = &set.run,
                            .options = options,
                            .train = training.n,
                            .test = test.n,
                            .batch = set.batch,
                            .what = "sequences",
                            .step = step };
    score held_out;
    const int status = fit(&task, done, &held_out);
    if (!status) printf("test accuracy %.2f%%\n", score_accuracy(&held_out));
    release_all();
    return finish(status);
}
