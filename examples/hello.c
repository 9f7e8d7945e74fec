/* hello.c - learns text by heart, one character at a time.
 *
 * First it learns a word: h e l l -> e l l o, by a recurrent layer and a linear one. What it has
 * learned is drawn from its softmax, with each character fed back as the next input.
 *
 * Then it learns a sentence, by a loop written by hand over a cell and a linear head:
 *
 *     y[t] = head([x[t], h[t]])        h[t+1] = tanh(W x[t] + U h[t] + b)
 *
 * The program shows sampling, streaming, a cell and its backward, and one group of parts with one
 * vector of gradients. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/model.h"
#include "common/options.h"
#include "common/run.h"
#include "common/score.h"
#include "common/stop.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_SYMBOLS = 4, WORD_HIDDEN = 8, WORD_STEPS = 100, S = 35 };
static const char letters[] = "helo",
                  alphabet[] = "abcdefghijklmnopqrstuvwxyz ?!.,:;01"; /* 0 starts, 1 ends */
static const char sentence[] =
    "0hello pytorch. how long can a rnn cell remember? show me your limit!1";
enum { T = sizeof sentence - 2 }; /* steps: from each character to the next */

static struct {
    int64_t hidden, every;
    double lr;
    int32_t raw_feedback;
    run_settings run;
} set = { .hidden = 35, .every = 100, .lr = 0.01, .run = { .epochs = 1000, .seed = 1 } };

static const option_row options[] = {
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units of the cell"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    COUNT("every", &set.every, 1, 1e6, ON_LINE_ONLY, "epochs from line to line"),
    FLAG("raw-feedback", &set.raw_feedback, ON_LINE_ONLY,
         "feed back the raw output, not the likeliest character"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- the word ------------------------------------------------------------------------------- */

static run make_word(void)
{
    recur_layer *part[2];
    const char *const names[] = { "rnn", "fc" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = RECUR_CELL_RNN_TANH,
                                          .input_size = WORD_SYMBOLS,
                                          .hidden_size = WORD_HIDDEN };
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_linear_create(NULL, WORD_HIDDEN, WORD_SYMBOLS, 0, &part[1]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return run_create(net, &cross_entropy, 0.05);
}

static void learn_word(run *word)
{
    const int32_t in[4] = { 0, 1, 2, 2 }, out[4] = { 1, 2, 2, 3 }; /* h e l l, e l l o */
    float logits[4][WORD_SYMBOLS], dlogits[4][WORD_SYMBOLS];
    double loss = 0;
    recur_packed *four;
    TRY(recur_packed_create(NULL, 1, NULL, 4, &four));
    for (int i = 0; i < WORD_STEPS; i++) {
        memset(word->grads, 0, (size_t)word->count * sizeof *word->grads);
        TRY(recur_layer_forward_ids(word->net, four, in, NULL, logits[0], word->tape));
        TRY(recur_loss_classes(word->loss, 4, WORD_SYMBOLS, logits[0], out, &loss, dlogits[0]));
        TRY(recur_layer_backward_ids(word->net, four, in, dlogits[0], NULL, word->grads,
                                     word->tape));
        TRY(recur_optimizer_step(word->optimizer, recur_layer_params(word->net), word->grads,
                                 word->count, 1));
    }
    printf("the word: loss %.4f after %d steps\n", loss, WORD_STEPS);
    recur_packed_release(four);
}

/* Begins with h and draws four characters, a few times. */
static void sample_word(const run *word, const char *how, const recur_sample_options *options_of,
                        int times)
{
    recur_state *state;
    float logits[WORD_SYMBOLS];
    uint64_t drawn = 0;
    TRY(recur_state_create(word->net, 1, &state));
    printf("%-24s", how);
    for (int i = 0; i < times; i++) {
        int32_t id = 0;
        TRY(recur_state_reset(state, -1));
        printf(" %c", letters[id]);
        for (int t = 0; t < 4; t++) {
            TRY(recur_layer_step_ids(word->net, &id, state, logits, NULL));
            TRY(recur_sample(options_of, 1, WORD_SYMBOLS, logits, (uint64_t)set.run.seed, drawn++,
                             &id));
            putchar(letters[id]);
        }
    }
    putchar('\n');
    recur_state_release(state);
}

static void show_word(const run *word)
{
    const recur_sample_options cold = { .size = sizeof cold, .temperature = 0.5 },
                               as_is = { .size = sizeof as_is },
                               hot = { .size = sizeof hot, .temperature = 3 },
                               two = { .size = sizeof two, .temperature = 3, .top_k = 2 },
                               greedy = { .size = sizeof greedy, .top_k = 1 };
    sample_word(word, "temperature 0.5", &cold, 8);
    sample_word(word, "temperature 1", &as_is, 8);
    sample_word(word, "temperature 3", &hot, 8);
    sample_word(word, "temperature 3, top 2", &two, 8);
    sample_word(word, "greedy", &greedy, 1);
}

/* ---- the sentence --------------------------------------------------------------------------- */

/* A row has x and h side by side. The head takes a whole row; the cell takes its x, and writes h
 * into the next row. */
static run r; /* of a group of cell and head */
static recur_layer *head;
static recur_cell *cell;
static int64_t at_head, at_cell; /* where their parameters and gradients begin */
static recur_packed *one;        /* the layout of a single row                 */
static recur_state *h, *dh;
static int64_t W;       /* S + H            */
static float *xh, *dxh; /* [T+1][W], [W]    */
static float y[T][S], dy[T][S], target[T][S];
static int32_t ids[T + 1], guess[T];

static recur_layer *make_group(void)
{
    recur_layer *part[2];
    const char *const names[] = { "cell", "head" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = RECUR_CELL_RNN_TANH,
                                          .input_size = S,
                                          .hidden_size = set.hidden,
                                          .flags = RECUR_LAYER_CELL_NAMES };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_linear_create(NULL, W, S, 0, &part[1]));
    recur_layer *group = chain(RECUR_COMPOSE_GROUP, 2, names, part);
    TRY(recur_layer_init(group, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return group;
}

static void create_sentence(void)
{
    const recur_loss_options sum = { .size = sizeof sum,
                                     .kind = RECUR_LOSS_MSE,
                                     .flags = RECUR_LOSS_SUM };
    recur_layer *layer;
    W = S + set.hidden;
    r = run_create(make_group(), &sum, set.lr);
    TRY(recur_layer_child(r.net, "head", &head, &at_head));
    TRY(recur_layer_child(r.net, "cell", &layer, &at_cell));
    TRY(recur_cell_from_layer(layer, &cell));
    TRY(recur_packed_create(NULL, 1, NULL, 1, &one));
    TRY(recur_tape_reserve(r.tape, layer, one, T));
    TRY(recur_tape_reserve(r.tape, head, one, T));
    TRY(recur_state_create(layer, 1, &h));
    TRY(recur_state_create(layer, 1, &dh));
    recur_layer_release(layer);
    xh = NEW(float, (T + 1) * W);
    dxh = NEW(float, W);
    for (int t = 0; t <= T; t++) {
        ids[t] = (int32_t)(strchr(alphabet, sentence[t]) - alphabet);
        xh[t * W + ids[t]] = 1;
        if (t > 0) target[t - 1][ids[t]] = 1;
    }
}

static void release_sentence(void)
{
    recur_state_release(h);
    recur_state_release(dh);
    recur_packed_release(one);
    recur_cell_release(cell);
    recur_layer_release(head);
    run_release(&r);
    free(xh);
    free(dxh);
}

/* An epoch runs all steps forward, the loss, all steps backward, and one update. The loss is the
 * mean over symbols, summed over steps. */
static score learn_sentence(void)
{
    double loss;
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_state_reset(h, -1));
    for (int64_t t = 0; t < T; t++) {
        TRY(recur_layer_forward(head, one, &xh[t * W], NULL, y[t], r.tape));
        TRY(recur_cell_step(cell, &xh[t * W], h, &xh[(t + 1) * W + S], r.tape));
    }
    TRY(recur_loss_values(r.loss, T, S, y[0], target[0], &loss, dy[0]));
    TRY(recur_state_reset(dh, -1));
    memset(dxh, 0, (size_t)W * sizeof *dxh);
    for (int64_t t = T - 1; t >= 0;
         t--) { /* h[t+1] went into the head of step t+1 and into the next cell: dxh and dh */
        TRY(recur_cell_step_backward(cell, &xh[t * W], &dxh[S], dh, NULL, r.grads + at_cell,
                                     r.tape));
        TRY(recur_layer_backward(head, one, &xh[t * W], dy[t], NULL, dxh, r.grads + at_head,
                                 r.tape));
    }
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1.0 / S));
    score s = { 0, 0, 0 };
    score_add(&s, loss / S, T, S, y[0], ids + 1, guess);
    return s;
}

static int64_t learn_epochs(int64_t done)
{
    csv curves = csv_open(set.run.csv, "epoch,loss,accuracy,seconds", set.run.load != NULL);
    const double start = seconds();
    stop_on_interrupt();
    while (done < set.run.epochs && !stopped()) {
        const score s = learn_sentence();
        const double time = seconds() - start;
        csv_row(&curves, 4, (double[]){ (double)++done, score_loss(&s), score_accuracy(&s), time });
        if (done % set.every == 0 || done == set.run.epochs) score_line(done, &s, &s, time, NULL);
    }
    csv_close(&curves);
    return done;
}

/* Writes a sentence: from the start sign on, each output is the next input. */
static void say_sentence(void)
{
    const recur_sample_options greedy = { .size = sizeof greedy, .top_k = 1 };
    float *row = xh; /* [x, h] */
    memset(row, 0, (size_t)W * sizeof *row);
    row[ids[0]] = 1;
    TRY(recur_state_reset(h, -1));
    for (int t = 0; t < T; t++) {
        int32_t id;
        TRY(recur_layer_forward(head, one, row, NULL, y[0], NULL));
        TRY(recur_cell_step(cell, row, h, &row[S], NULL));
        TRY(recur_sample(&greedy, 1, S, y[0], 0, 0, &id));
        if (alphabet[id] == '1') break;
        putchar(alphabet[id]);
        for (int k = 0; k < S; k++) row[k] = set.raw_feedback ? y[0][k] : k == id ? 1.0f : 0.0f;
    }
    putchar('\n');
}

static void save(const run *word, int64_t done)
{
    recur_file *file = model_new(options, done);
    run_save(word, file, "word.");
    run_save(&r, file, "sentence.");
    model_write(file, set.run.save);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Learns a word and a sentence by heart, and says them.", options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    run word = make_word();
    create_sentence();
    if (file) {
        run_load(&word, file, "word.");
        run_load(&r, file, "sentence.");
    } else
        learn_word(&word);
    model_close(file, set.run.load);
    show_word(&word);
    done = learn_epochs(done);
    if (set.run.save) save(&word, done);
    const int status = stopped() ? stopped_status(done, set.run.save) : 0;
    if (!status) say_sentence();
    release_sentence();
    run_release(&word);
    return finish(status);
}
