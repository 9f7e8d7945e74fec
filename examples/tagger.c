/* tagger.c - a label for every symbol of a string: how deep in brackets is it?
 *
 *     string     ) x ( ( x ) ( x
 *     depth      . . . 2 2 2 . 2
 *
 * The label of an x says how many brackets are open; that of a pair of brackets says the same, and
 * counts the pair itself; a dot (0) stands for a bracket without a partner.
 *
 * For an x or a closing bracket the past is enough. Only the future tells whether an opening one
 * will ever be closed: a network that reads forwards can but guess, a bidirectional one knows.
 * --direction forward shows the difference.
 *
 * The program shows labels per step (many to many), ragged batches, and bidirectional layers. */
#include "common/dice.h"
#include "common/fit.h"
#include "common/options.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHORTEST = 10,
    LONGEST = 40,
    DEEPEST = 6,
    CLASSES = DEEPEST + 1,
    SYMBOLS = 3,
    TEST = 2000,
    SHOWN = 3
};
enum { OPENING, CLOSING, OTHER };

static const choice direction_choices[] = { { "forward", RECUR_DIRECTION_FORWARD },
                                            { "reverse", RECUR_DIRECTION_REVERSE },
                                            { "bidirectional", RECUR_DIRECTION_BIDIRECTIONAL },
                                            { NULL, 0 } };

static struct {
    int32_t cell, direction;
    int64_t hidden, layers, train, batch;
    double lr, clip;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .direction = RECUR_DIRECTION_BIDIRECTIONAL,
          .hidden = 32,
          .layers = 2,
          .train = 10000,
          .batch = 50,
          .lr = 0.005,
          .clip = 1,
          .run = { .epochs = 10, .seed = 1 } };

static const option_row options[] = {
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    CHOICE("direction", &set.direction, direction_choices, IN_MODEL, "how the strings are read"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units of each direction"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    COUNT("train", &set.train, 1, 1e8, ON_LINE_ONLY, "strings to train on"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "strings in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

typedef struct {
    int64_t length;
    int32_t symbols[LONGEST], depths[LONGEST];
} string;

/* ---- strings -------------------------------------------------------------------------------- */

/* An opening bracket is labelled when its partner comes; until then it has none. */
static void label(string *s)
{
    int64_t open[LONGEST], height = 0;
    for (int64_t t = 0; t < s->length; t++) {
        s->depths[t] = s->symbols[t] == OTHER ? (int32_t)height : 0;
        if (s->symbols[t] == OPENING) open[height++] = t;
        if (s->symbols[t] != CLOSING || height == 0) continue;
        s->depths[t] = s->depths[open[height - 1]] = (int32_t)height;
        height--;
    }
}

static string *make_strings(int64_t n, uint64_t purpose)
{
    dice d = dice_for((uint64_t)set.run.seed, purpose);
    string *all = NEW(string, n);
    for (string *s = all; s < all + n; s++) {
        int64_t height = 0;
        s->length = SHORTEST + below(&d, LONGEST - SHORTEST + 1);
        for (int64_t t = 0; t < s->length; t++) {
            s->symbols[t] = (int32_t)below(&d, SYMBOLS);
            if (s->symbols[t] == OPENING && height == DEEPEST) s->symbols[t] = CLOSING;
            height += s->symbols[t] == OPENING                 ? 1
                      : s->symbols[t] == CLOSING && height > 0 ? -1
                                                               : 0;
        }
        label(s);
    }
    return all;
}

/* ---- network and batches -------------------------------------------------------------------- */

static run r;
static string *training, *test;
static recur_packed *packed;
static int64_t *lengths;              /* [B] */
static int32_t *ids, *labels, *guess; /* [N] */
static float *logits, *dlogits;       /* [N][CLASSES] */
static score by_symbol[SYMBOLS];      /* of the last test */

static recur_layer *make_net(void)
{
    recur_layer *part[2];
    const char *const names[] = { "rnn", "fc" };
    const int64_t features = set.hidden * (set.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = SYMBOLS,
                                          .hidden_size = set.hidden,
                                          .num_layers = set.layers,
                                          .direction = set.direction };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_linear_create(NULL, features, CLASSES, 0, &part[1]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

static void load_batch(const string *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < n; b++) lengths[b] = all[order[b]].length;
    TRY(recur_packed_reset(packed, n, lengths, 0));
    for (int64_t b = 0; b < n; b++)
        for (int64_t t = 0; t < lengths[b]; t++) {
            const int64_t row = recur_packed_row(packed, b, t);
            ids[row] = all[order[b]].symbols[t];
            labels[row] = all[order[b]].depths[t];
        }
}

static void count_by_symbol(int64_t rows)
{
    for (int64_t row = 0; row < rows; row++) {
        by_symbol[ids[row]].rows++;
        by_symbol[ids[row]].right += guess[row] == labels[row];
    }
}

/* Runs a batch forward and computes the loss, in which every symbol counts; to learn, it also runs
 * backward, clips and updates. */
static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    double loss;
    load_batch(learn ? training : test, order, n);
    const int64_t rows = recur_packed_rows(packed);
    TRY(recur_layer_forward_ids(r.net, packed, ids, NULL, logits, r.tape));
    TRY(recur_loss_classes(r.loss, rows, CLASSES, logits, labels, &loss, dlogits));
    if (!learn && s->rows == 0) memset(by_symbol, 0, sizeof by_symbol);
    score_add(s, loss, rows, CLASSES, logits, labels, guess);
    if (!learn) {
        count_by_symbol(rows);
        return;
    }
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_layer_backward_ids(r.net, packed, ids, dlogits, NULL, r.grads, r.tape));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
}

/* ---- the program ---------------------------------------------------------------------------- */

static void print_line(const char *name, int64_t b, const int32_t *rows, const char *letters)
{
    printf("%-10s", name);
    for (int64_t t = 0; t < test[b].length; t++)
        printf(" %c", letters[rows[recur_packed_row(packed, b, t)]]);
    putchar('\n');
}

static void show_some(void)
{
    const int64_t first[SHOWN] = { 0, 1, 2 }, n = set.batch < SHOWN ? set.batch : SHOWN;
    static const char *const names[] = { "opening brackets", "closing brackets", "others" };
    for (int i = 0; i < SYMBOLS; i++)
        printf("%-17s %6.2f%% right\n", names[i], score_accuracy(&by_symbol[i]));
    score s = { 0, 0, 0 };
    step(0, first, n, &s);
    for (int64_t b = 0; b < n; b++) {
        print_line("string", b, ids, "()x");
        print_line("depth", b, labels, ".123456");
        print_line("predicted", b, guess, ".123456");
    }
}

static fit_sizes create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, rows = B * LONGEST;
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_packed_create(NULL, B, NULL, LONGEST, &packed));
    TRY(recur_tape_reserve(r.tape, r.net, packed, 1));
    training = make_strings(set.train, 1);
    test = make_strings(TEST, 2);
    lengths = NEW(int64_t, B);
    ids = NEW(int32_t, rows);
    labels = NEW(int32_t, rows);
    guess = NEW(int32_t, rows);
    logits = NEW(float, rows *CLASSES);
    dlogits = NEW(float, rows *CLASSES);
    return (fit_sizes){ .train = set.train, .test = TEST, .batch = B };
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
        .purpose = "Labels every symbol of a string by how deep in brackets it is.",
        .options = options,
        .settings = &set.run,
        .run = &r,
        .what = "symbols",
        .create = create_all,
        .release = release_all,
        .step = step,
        .show = show_some
    };
    return fit(argc, argv, &program);
}
