/* temporal_order.c - which two of X and Y does a string hold, and in which order?
 *
 * Strings have 70 to 80 symbols: E, then a, b, c, d at random, but X or Y at one position in 10-20
 * and at one in 50-60, then B. To tell XX (Q), XY (R), YX (S) and YY (U) apart a network must
 * remember one symbol for 40 steps, and the order to the end: a plain RNN stays at chance, LSTM and
 * GRU learn it. The task is that of Hochreiter and Schmidhuber 1997, section 5.6.
 *
 * The program shows symbols as input, batches of different lengths without padding, and a loop that
 * allocates nothing. */
#include "common/dice.h"
#include "common/fit.h"
#include "common/options.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 70, LONGEST = 80, SYMBOLS = 8, CLASSES = 4, TEST = 2000, SHOWN = 4 };

static struct {
    int32_t cell, bidirectional;
    int64_t hidden, layers, train, batch;
    double lr, decay, clip, forget_bias;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .hidden = 4,
          .layers = 1,
          .train = 40000,
          .batch = 256,
          .lr = 0.005,
          .decay = 0.97,
          .clip = 1,
          .forget_bias = 1,
          .run = { .epochs = 20, .seed = 1 } };

static const option_row options[] = {
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    FLAG("bidirectional", &set.bidirectional, IN_MODEL, "read from both ends"),
    COUNT("train", &set.train, 1, 1e8, ON_LINE_ONLY, "strings to train on"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "strings in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("decay", &set.decay, 1e-3, 1, "factor of the learning rate from epoch to epoch"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    NUMBER("forget-bias", &set.forget_bias, -100, 100,
           "start value of the bias of the gate that keeps the state (LSTM f, GRU z)"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

typedef struct {
    int64_t length;
    int32_t ids[LONGEST], label;
} string;

/* One batch of B strings needs these: N packed rows go in, B rows come out. */
static run r;
static string *training, *test;
static recur_packed *packed;
static int64_t *lengths;              /* [B]    */
static int32_t *ids, *labels, *guess; /* [N], [B], [B] */
static float *logits, *dlogits;       /* [B][CLASSES]  */

/* The strings are the same for every --seed, which sets the initial weights and the order of
 * training, so that runs can be compared. */
static string *make_strings(int64_t n, uint64_t purpose)
{
    static const int32_t E = 0, X = 5, B = 7; /* a b c d are 1 to 4, Y is 6 */
    dice d = dice_for(0, purpose);
    string *all = NEW(string, n);
    for (string *s = all; s < all + n; s++) {
        const int32_t first = (int32_t)below(&d, 2), second = (int32_t)below(&d, 2);
        s->label = 2 * first + second;
        s->length = SHORTEST + below(&d, LONGEST - SHORTEST + 1);
        for (int64_t t = 1; t < s->length - 1; t++) s->ids[t] = 1 + (int32_t)below(&d, 4);
        s->ids[0] = E;
        s->ids[10 + below(&d, 11)] = X + first;
        s->ids[50 + below(&d, 11)] = X + second;
        s->ids[s->length - 1] = B;
    }
    return all;
}

static void load_batch(const string *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < n; b++) lengths[b] = all[order[b]].length;
    TRY(recur_packed_reset(packed, n, lengths, 0));
    for (int64_t b = 0; b < n; b++) {
        const string *s = &all[order[b]];
        for (int64_t t = 0; t < s->length; t++) ids[recur_packed_row(packed, b, t)] = s->ids[t];
        labels[b] = s->label; /* what comes out of `last` is in our own order */
    }
}

static recur_layer *make_net(void)
{
    recur_layer *part[3];
    const char *const names[] = { "rnn", "last", "fc" };
    const int32_t direction = set.bidirectional ? RECUR_DIRECTION_BIDIRECTIONAL
                                                : RECUR_DIRECTION_FORWARD;
    const int64_t features = set.hidden * (set.bidirectional ? 2 : 1);
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = SYMBOLS,
                                          .hidden_size = set.hidden,
                                          .num_layers = set.layers,
                                          .direction = direction };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_last_create(NULL, features, direction, &part[1]));
    TRY(recur_linear_create(NULL, features, CLASSES, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    if (set.cell != RECUR_CELL_RNN_TANH)
        TRY(recur_layer_init(net, "rnn.*", RECUR_INIT_FORGET_BIAS, set.forget_bias, 0));
    return net;
}

/* Runs a batch forward and computes the loss; to learn, it also runs backward, clips and
 * updates. */
static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    double loss;
    load_batch(learn ? training : test, order, n);
    TRY(recur_layer_forward_ids(r.net, packed, ids, NULL, logits, r.tape));
    TRY(recur_loss_classes(r.loss, n, CLASSES, logits, labels, &loss, dlogits));
    score_add(s, loss, n, CLASSES, logits, labels, guess);
    if (!learn) return;
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_layer_backward_ids(r.net, packed, ids, dlogits, NULL, r.grads, r.tape));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
}

static void show_some(void)
{
    const int64_t first[SHOWN] = { 0, 1, 2, 3 }, n = set.batch < SHOWN ? set.batch : SHOWN;
    score s = { 0, 0, 0 };
    step(0, first, n, &s);
    for (int64_t b = 0; b < n; b++) {
        for (int64_t t = 0; t < test[b].length; t++) putchar("EabcdXYB"[test[b].ids[t]]);
        printf("  is %c, predicted %c\n", "QRSU"[labels[b]], "QRSU"[guess[b]]);
    }
}

static fit_sizes create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, outputs = B * CLASSES;
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_packed_create(NULL, B, NULL, LONGEST, &packed)); /* the largest layout: room for */
    TRY(recur_tape_reserve(r.tape, r.net, packed, 1));         /* this one is room for all     */
    training = make_strings(set.train, 1);
    test = make_strings(TEST, 2);
    lengths = NEW(int64_t, B);
    ids = NEW(int32_t, B * LONGEST);
    labels = NEW(int32_t, B);
    guess = NEW(int32_t, B);
    logits = NEW(float, outputs);
    dlogits = NEW(float, outputs);
    return (fit_sizes){ .train = set.train, .test = TEST, .batch = B, .decay = set.decay };
}

static void release_all(void)
{
    run_release(&r);
    recur_packed_release(packed);
    free(training);
    free(test);
    free(lengths);
    free(ids);
    free(labels);
    free(guess);
    free(logits);
    free(dlogits);
}

int main(int argc, char **argv)
{
    static const fit_program program = {
        .purpose = "Tells strings apart by two symbols far from each other, and their order.",
        .options = options,
        .settings = &set.run,
        .run = &r,
        .what = "strings",
        .create = create_all,
        .release = release_all,
        .step = step,
        .show = show_some
    };
    return fit(argc, argv, &program);
}
