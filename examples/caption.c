/* caption.c - says what is on an image, letter by letter: a digit goes in, its English name comes
 * out.
 *
 *     image ──▶ see ──▶ h0         start s e v e n
 *                       └─────────▶  say
 *                                  s e v e n end
 *
 * A network that sees gives the initial state of one that says. From there on, each letter is the
 * next input. The gradient comes back out of the initial state.
 *
 * With --data the program reads the digits of MNIST (the four IDX files, packed with gzip or not);
 * without, it draws digits itself. The test counts names that are right from beginning to end, with
 * each letter fed back as it was said.
 *
 * The program shows one to many, a state that is written and its gradient read, and layers of
 * different kinds as one group. */
#include "common/answers.h"
#include "common/fit.h"
#include "common/images.h"
#include "common/options.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 10, MOST = 6 }; /* letters of a name, with `end` */

static const char *const digits[] = { "zero", "one", "two",   "three", "four",
                                      "five", "six", "seven", "eight", "nine" };
static const char letters[] = "efghinorstuvwxz";
enum { START = sizeof letters - 1, END, S };

static struct {
    const char *data;
    int32_t cell;
    int64_t hidden, seen, train, batch;
    double lr, clip;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .hidden = 64,
          .seen = 128,
          .batch = 50,
          .lr = 0.001,
          .clip = 5,
          .run = { .epochs = 5, .seed = 1 } };

static const option_row options[] = {
    TEXT("data", &set.data, "DIR", "where MNIST's four files are; without it digits are drawn"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units of what says"),
    COUNT("seen", &set.seen, 1, 4096, IN_MODEL, "hidden units of what sees"),
    COUNT("train", &set.train, 0, 1e8, ON_LINE_ONLY,
          "images to train on; 0: all, or 10000 drawn ones"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "images in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- networks ------------------------------------------------------------------------------- */

static run r; /* of the group */
static recur_layer *see, *say;
static int64_t at_see, at_say; /* where their gradients begin */

static recur_layer *make_see(void)
{
    recur_layer *part[4];
    const char *const names[] = { "fc1", "relu", "fc2", "tanh" };
    TRY(recur_linear_create(NULL, IMAGE_PIXELS, set.seen, 0, &part[0]));
    TRY(recur_activation_create(NULL, set.seen, RECUR_ACTIVATION_RELU, &part[1]));
    TRY(recur_linear_create(NULL, set.seen, set.hidden, 0, &part[2]));
    TRY(recur_activation_create(NULL, set.hidden, RECUR_ACTIVATION_TANH, &part[3])); /* as h is */
    return chain(RECUR_COMPOSE_SEQUENTIAL, 4, names, part);
}

static recur_layer *make_say(void)
{
    recur_layer *part[2];
    const char *const names[] = { "rnn", "fc" };
    const recur_recurrent_options rnn = {
        .size = sizeof rnn, .cell = set.cell, .input_size = S, .hidden_size = set.hidden
    };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_linear_create(NULL, set.hidden, S, 0, &part[1]));
    return chain(RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
}

static recur_layer *make_net(void)
{
    recur_layer *part[2] = { make_see(), make_say() };
    const char *const names[] = { "see", "say" };
    recur_layer *net = chain(RECUR_COMPOSE_GROUP, 2, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

/* ---- batches -------------------------------------------------------------------------------- */

/* A batch has B images, and their names as packed rows. If there are fewer, it is filled up with
 * names of length 0. */
static images training, test;
static recur_packed *one, *packed; /* the images, a step each; the names */
static int64_t *lengths;           /* [B], with `end`                    */
static int32_t *fed, *wanted, *guess;
static recur_state *state, *dstate;
static float *x, *h, *dh; /* [B][784], [B][H] */
static float *logits, *dlogits;

static int32_t letter(const char *word, int64_t t)
{
    return word[t] ? (int32_t)(strchr(letters, word[t]) - letters) : END;
}

static void load_batch(const images *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < set.batch; b++)
        lengths[b] = b < n ? (int64_t)strlen(digits[all->labels[order[b]]]) + 1 : 0;
    TRY(recur_packed_reset(packed, set.batch, lengths, MOST));
    for (int64_t b = 0; b < n; b++) {
        const uint8_t *image = all->pixels + order[b] * IMAGE_PIXELS;
        const char *word = digits[all->labels[order[b]]];
        for (int64_t i = 0; i < IMAGE_PIXELS; i++) x[b * IMAGE_PIXELS + i] = (float)image[i] / 255;
        for (int64_t t = 0; t < lengths[b]; t++) {
            const int64_t row = recur_packed_row(packed, b, t);
            fed[row] = t == 0 ? START : letter(word, t - 1);
            wanted[row] = letter(word, t);
        }
    }
}

/* What was seen becomes h of the initial state, the first of its tensors. The c of an LSTM is
 * zero. */
static void start_from(const float *seen)
{
    TRY(recur_state_reset(state, -1));
    TRY(recur_state_write(state, 0, set.batch * set.hidden, seen));
}

static void learn_batch(void)
{
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_state_reset(dstate, -1));
    TRY(recur_layer_backward_ids(say, packed, fed, dlogits, dstate, r.grads + at_say, r.tape));
    TRY(recur_state_read(dstate, 0, set.batch * set.hidden, dh));
    TRY(recur_layer_backward(see, one, x, dh, NULL, NULL, r.grads + at_see, r.tape));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
}

static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    double loss;
    load_batch(learn ? &training : &test, order, n);
    const int64_t rows = recur_packed_rows(packed);
    TRY(recur_layer_forward(see, one, x, NULL, h, r.tape));
    start_from(h);
    TRY(recur_layer_forward_ids(say, packed, fed, state, logits, r.tape));
    TRY(recur_loss_classes(r.loss, rows, S, logits, wanted, &loss, dlogits));
    score said = { 0, 0, 0 };
    score_add(&said, loss, rows, S, logits, wanted, guess);
    if (learn) {
        learn_batch();
    } else { /* from what was seen, each letter is fed back as it was said */
        start_from(h);
        answers_write(say, state, START, packed, S, logits, guess);
    }
    s->loss += loss * (double)n;
    s->right += answers_right(packed, n, guess, wanted);
    s->rows += n;
}

/* ---- the program ---------------------------------------------------------------------------- */

static void show_some(void)
{
    const int64_t n = set.batch < SHOWN ? set.batch : SHOWN,
                  first[SHOWN] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    score s = { 0, 0, 0 };
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_EVALUATE));
    step(0, first, n < test.n ? n : test.n, &s);
    for (int64_t b = 0; b < s.rows; b++) {
        printf("%d: ", test.labels[b]);
        answers_print(packed, b, guess, letters);
        fputs(b + 1 < s.rows ? "  " : "\n", stdout);
    }
}

static fit_sizes create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, rows = B * MOST;
    images_get(set.data, (uint64_t)set.run.seed, set.train, &training, &test);
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_layer_child(r.net, "see", &see, &at_see));
    TRY(recur_layer_child(r.net, "say", &say, &at_say));
    TRY(recur_packed_create(NULL, B, NULL, 1, &one));
    TRY(recur_packed_create(NULL, B, NULL, MOST, &packed));
    TRY(recur_state_create(say, B, &state));
    TRY(recur_state_create(say, B, &dstate));
    lengths = NEW(int64_t, B);
    x = NEW(float, B *IMAGE_PIXELS);
    h = NEW(float, B *set.hidden);
    dh = NEW(float, B *set.hidden);
    fed = NEW(int32_t, rows);
    wanted = NEW(int32_t, rows);
    guess = NEW(int32_t, rows);
    logits = NEW(float, rows *S);
    dlogits = NEW(float, rows *S);
    return (fit_sizes){ .train = training.n, .test = test.n, .batch = B };
}

static void release_all(void)
{
    recur_layer_release(see);
    recur_layer_release(say);
    run_release(&r);
    recur_packed_release(one);
    recur_packed_release(packed);
    recur_state_release(state);
    recur_state_release(dstate);
    images_release(&training);
    images_release(&test);
    free(lengths);
    free(x);
    free(h);
    free(dh);
    free(fed);
    free(wanted);
    free(guess);
    free(logits);
    free(dlogits);
}

int main(int argc, char **argv)
{
    static const fit_program program = {
        .purpose = "Learns to say the names of digits it sees, letter by letter.",
        .options = options,
        .settings = &set.run,
        .run = &r,
        .what = "names",
        .create = create_all,
        .release = release_all,
        .step = step,
        .show = show_some
    };
    return fit(argc, argv, &program);
}
