/* char_lm.c - a model of the characters of any text: what comes next, given all that came before?
 *
 * The text is cut into as many strands as a batch has rows, and each strand is read from beginning
 * to end. Backpropagation is truncated: a window of --window characters is run, and its gradients
 * go back to its beginning and no further. The next window begins --shift characters later, with
 * the state that was reached there. If the shift is below the window, the last characters of a
 * window come again in the next one, so that every character is once predicted with a past that its
 * gradient reaches:
 *
 *     window 1   |––– shift –––|– rest –|
 *     window 2                 |––– shift –––|– rest –|
 *
 * A window is run in two passes, because the next one starts with the state between them.
 *
 * Then the model writes: each character is drawn from the softmax and fed back.
 *
 * The program shows a state that is carried from call to call, a state's gradient, dropout,
 * schedules, a run that stops anywhere and goes on with the same bits, snapshots and sampling. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/model.h"
#include "common/options.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/score.h"
#include "common/stop.h"
#include "common/text.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORY = 200000 };

static const choice schedule_choices[] = { { "constant", RECUR_SCHEDULE_CONSTANT },
                                           { "cosine", RECUR_SCHEDULE_COSINE },
                                           { NULL, 0 } };

static struct {
    const char *text, *prime;
    int32_t cell, schedule;
    int64_t hidden, layers, batch, window, shift, warm_up, length, top_k;
    double dropout, validation, lr, final_lr, clip, temperature;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .hidden = 128,
          .layers = 2,
          .batch = 50,
          .window = 50,
          .validation = 0.1,
          .lr = 0.002,
          .clip = 5,
          .length = 500,
          .temperature = 0.8,
          .run = { .epochs = 10, .seed = 1 } };

static const option_row options[] = {
    TEXT("text", &set.text, "FILE", "what to learn; without it simple sentences are invented"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 65536, IN_MODEL, "hidden units"),
    ALSO("rnn_size"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    ALSO("num_layers"),
    NUMBER_OF_MODEL("dropout", &set.dropout, 0, 0.99, "dropout behind every recurrent layer"),
    COUNT("batch", &set.batch, 1, 1e6, IN_MODEL, "strands of the text"),
    ALSO("batch_size"),
    COUNT("window", &set.window, 1, 1e6, IN_MODEL, "characters a gradient goes back"),
    ALSO("seq_length"),
    COUNT("shift", &set.shift, 0, 1e6, IN_MODEL,
          "characters from window to window; 0: as many as it has"),
    NUMBER_OF_MODEL("validation", &set.validation, 0, 0.9,
                    "part at the end of the text that is not learned"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    ALSO("learning_rate"),
    CHOICE("schedule", &set.schedule, schedule_choices, ON_LINE_ONLY, "learning rate over time"),
    NUMBER("final-lr", &set.final_lr, 0, 10, "with cosine: the rate at the end"),
    COUNT("warm-up", &set.warm_up, 0, 1e9, ON_LINE_ONLY, "updates in which the rate rises"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    ALSO("grad_clip"),
    NUMBER("temperature", &set.temperature, 1e-3, 1e3,
           "of the sample: low is careful, high is bold"),
    COUNT("top-k", &set.top_k, 0, 256, ON_LINE_ONLY,
          "of the sample: among the likeliest so many; 0: all"),
    TEXT("prime", &set.prime, "WORDS", "what the sample begins with"),
    ALSO("primetext"),
    COUNT("length", &set.length, 0, 1e9, ON_LINE_ONLY, "characters of the sample"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- the text ------------------------------------------------------------------------------- */

static alphabet letters;
static strands training, validation;

/* The text is needed only to learn: a model that only writes knows its letters. */
static void load_text(const recur_file *file)
{
    text t = text_of(set.text, (uint64_t)set.run.seed, STORY);
    letters = file ? alphabet_load(file, set.run.load) : alphabet_of(&t);
    const int64_t held_out = (int64_t)(set.validation * (double)t.n), n = t.n - held_out;
    training = strands_of(&letters, t.bytes, n, set.batch);
    validation = strands_of(&letters, t.bytes + n, held_out, set.batch);
    if (training.steps < set.window || (held_out && validation.steps < 1))
        die("the text has %lld characters, too few for %lld strands of a window of %lld",
            (long long)t.n, (long long)set.batch, (long long)set.window);
    text_release(&t);
}

/* ---- the model ------------------------------------------------------------------------------ */

static run r;
static recur_packed *head, *tail; /* layouts of shift steps, and of the rest of a window */
static recur_state *state, *next, *dstate;
static int32_t *ids, *labels, *guess; /* [window][B]    */
static float *logits, *dlogits;       /* [window][B][S] */

static recur_layer *make_net(void)
{
    recur_layer *part[3];
    const char *const names[] = { "rnn", "dropout", "fc" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = letters.n,
                                          .hidden_size = set.hidden,
                                          .num_layers = set.layers,
                                          .dropout = set.dropout };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_dropout_create(NULL, set.hidden, set.dropout, &part[1]));
    TRY(recur_linear_create(NULL, set.hidden, letters.n, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

static void create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, rows = set.window * B;
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_packed_create(NULL, B, NULL, set.shift, &head));
    TRY(recur_packed_create(NULL, B, NULL, set.window - set.shift, &tail));
    TRY(recur_tape_reserve(r.tape, r.net, head, 1));
    TRY(recur_tape_reserve(r.tape, r.net, tail, 1));
    TRY(recur_state_create(r.net, B, &state));
    TRY(recur_state_create(r.net, B, &next));
    TRY(recur_state_create(r.net, B, &dstate));
    ids = NEW(int32_t, rows);
    labels = NEW(int32_t, rows);
    guess = NEW(int32_t, rows);
    logits = NEW(float, rows *letters.n);
    dlogits = NEW(float, rows *letters.n);
}

static void release_all(void)
{
    run_release(&r);
    recur_packed_release(head);
    recur_packed_release(tail);
    recur_state_release(state);
    recur_state_release(next);
    recur_state_release(dstate);
    free(ids);
    free(labels);
    free(guess);
    free(logits);
    free(dlogits);
    free(training.ids);
    free(validation.ids);
}

/* ---- learning ------------------------------------------------------------------------------- */

static int64_t step;  /* updates so far          */
static score trained; /* of the epoch under way  */

static int64_t windows(void)
{
    return (training.steps - set.window) / set.shift + 1; /* of an epoch */
}

static void learn_window(int64_t t)
{
    /* The rows of the first pass of a window, and of the whole window. */
    const int64_t split = set.shift * set.batch, rows = set.window * set.batch;
    float *const rest = logits + split * letters.n, *const drest = dlogits + split * letters.n;
    const int overlap = set.shift < set.window;
    double loss;
    strands_cut(&training, t, set.window, ids, labels);
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_layer_forward_ids(r.net, head, ids, state, logits, r.tape));
    TRY(recur_state_copy(next, state));
    if (overlap) TRY(recur_layer_forward_ids(r.net, tail, ids + split, state, rest, r.tape));
    TRY(recur_loss_classes(r.loss, rows, letters.n, logits, labels, &loss, dlogits));
    score_add(&trained, loss, rows, letters.n, logits, labels, guess);
    TRY(recur_state_reset(dstate, -1)); /* truncation: nothing comes from beyond the window */
    if (overlap)
        TRY(recur_layer_backward_ids(r.net, tail, ids + split, drest, dstate, r.grads, r.tape));
    TRY(recur_layer_backward_ids(r.net, head, ids, dlogits, dstate, r.grads, r.tape));
    TRY(recur_state_copy(state, next));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
}

static double rate_of(int64_t at)
{
    const recur_schedule schedule = {
        .size = sizeof schedule,
        .kind = set.schedule,
        .rate = set.lr,
        .final_rate = set.schedule == RECUR_SCHEDULE_COSINE ? set.final_lr : 0,
        .period = set.schedule == RECUR_SCHEDULE_COSINE ? set.run.epochs * windows() : 0,
        .warm_up = set.warm_up
    };
    const double rate = recur_schedule_rate(&schedule, at);
    if (!(rate >= 0)) die("%s", recur_last_error());
    return rate;
}

/* Learns the rest of the epoch that is under way, or as much of it as an interrupt leaves.
 * Everything depends on the number of updates so far, and on what a model file holds. */
static void learn_epoch(void)
{
    const int64_t n = windows(), epoch = step / n;
    progress_begin(epoch + 1, set.run.epochs, n * set.window * set.batch);
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_TRAIN));
    for (; step < (epoch + 1) * n && !stopped(); step++) {
        if (step % n == 0) {
            TRY(recur_state_reset(state, -1));
            trained = (score){ 0, 0, 0 };
        }
        TRY(recur_tape_set_seed(r.tape, (uint64_t)step));
        TRY(recur_optimizer_set_rate(r.optimizer, rate_of(step)));
        learn_window(step % n * set.shift);
        progress_show(&trained);
    }
}

/* Measures the whole part that is held out, in strands of its own. */
static score validate(void)
{
    score s = { 0, 0, 0 };
    recur_packed *piece;
    TRY(recur_packed_create(NULL, set.batch, NULL, set.window, &piece));
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_EVALUATE));
    TRY(recur_state_reset(next, -1));
    for (int64_t t = 0; t < validation.steps; t += set.window) {
        const int64_t left = validation.steps - t, n = left < set.window ? left : set.window,
                      rows = n * set.batch;
        double loss;
        TRY(recur_packed_reset(piece, set.batch, NULL, n));
        strands_cut(&validation, t, n, ids, labels);
        TRY(recur_layer_forward_ids(r.net, piece, ids, next, logits, r.tape));
        TRY(recur_loss_classes(r.loss, rows, letters.n, logits, labels, &loss, NULL));
        score_add(&s, loss, rows, letters.n, logits, labels, guess);
    }
    recur_packed_release(piece);
    return s;
}

/* Reports an epoch, of which this run did so many updates in so many seconds. */
static void print_epoch(int64_t epoch, const score *held_out, int64_t updates, double time)
{
    const double characters = (double)(updates * set.window * set.batch);
    progress_end();
    printf(
        "epoch %2lld  loss %.4f  validation %.4f nats per character  %.1f s  %.0f characters/s\n",
        (long long)epoch, score_loss(&trained), score_loss(held_out), time,
        time > 0 ? characters / time : 0);
    fflush(stdout);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Beside the model, a file holds what the next update depends on: the state of the strands, and how
 * far the epoch is. */
static void save(void)
{
    char word[64];
    if (!set.run.save) return;
    recur_file *file = model_new(options, step / windows());
    run_save(&r, file, "");
    TRY(recur_file_put_state(file, "state.", state));
    alphabet_save(&letters, file);
    snprintf(word, sizeof word, "%lld %a %lld %lld", (long long)step, trained.loss,
             (long long)trained.right, (long long)trained.rows);
    TRY(recur_file_set_metadata(file, "progress", word));
    model_write(file, set.run.save);
}

static void load(recur_file *file)
{
    long long at, right, rows;
    const char *word = recur_file_metadata(file, "progress");
    if (!word || sscanf(word, "%lld %la %lld %lld", &at, &trained.loss, &right, &rows) != 4 ||
        at < 0)
        die("%s: text 'progress' does not say how far training came", set.run.load);
    step = at;
    trained.right = right;
    trained.rows = rows;
    run_load(&r, file, "");
    TRY(recur_file_get_state(file, "state.", state));
}

static int learn(void)
{
    csv curves = csv_open(
        set.run.csv,
        "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,rate,seconds",
        set.run.load != NULL);
    stop_on_interrupt();
    while (step < set.run.epochs * windows() && !stopped()) {
        const double start = seconds();
        const int64_t first = step;
        learn_epoch();
        const double time = seconds() - start;
        if (step % windows() == 0) {
            const int64_t epoch = step / windows();
            const score held_out = validate();
            print_epoch(epoch, &held_out, step - first, time);
            csv_row(&curves, 7,
                    (double[]){ (double)epoch, score_loss(&trained), score_accuracy(&trained),
                                score_loss(&held_out), score_accuracy(&held_out),
                                recur_optimizer_rate(r.optimizer), time });
        }
        save();
    }
    csv_close(&curves);
    return stopped() ? stopped_status(step / windows(), set.run.save) : 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_sample(void)
{
    const recur_sample_options how = { .size = sizeof how,
                                       .top_k = (int32_t)set.top_k,
                                       .temperature = set.temperature };
    const char *prime = set.prime ? set.prime : "";
    const int64_t primed = (int64_t)strlen(prime);
    int32_t *given = alphabet_ids(&letters, (const uint8_t *)prime, primed), id = letters.id['\n'];
    recur_layer *fast;
    recur_state *one;
    TRY(recur_layer_snapshot(r.net, RECUR_PRECISION_FLOAT32, &fast));
    TRY(recur_state_create(fast, 1, &one));
    if (id < 0) id = 0; /* a text of one line: begin with any symbol */
    printf("\n%s", prime);
    TRY(recur_layer_step_ids(fast, &id, one, logits, NULL)); /* a new line begins */
    for (int64_t i = 0; i < primed; i++)
        TRY(recur_layer_step_ids(fast, &given[i], one, logits, NULL));
    for (int64_t i = 0; i < set.length; i++) {
        TRY(recur_sample(&how, 1, letters.n, logits, (uint64_t)set.run.seed, (uint64_t)i, &id));
        putchar(letters.symbol[id]);
        TRY(recur_layer_step_ids(fast, &id, one, logits, NULL));
    }
    putchar('\n');
    recur_state_release(one);
    recur_layer_release(fast);
    free(given);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Learns the characters of a text, and writes in its manner.",
                  options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    if (set.shift == 0) set.shift = set.window;
    if (set.shift > set.window)
        die_of_usage(
            "--shift: %lld is more than the window's %lld: some characters would never be learned",
            (long long)set.shift, (long long)set.window);
    if (file && done >= set.run.epochs)
        letters = alphabet_load(file, set.run.load);
    else
        load_text(file);
    create_all();
    if (file) load(file);
    model_close(file, set.run.load);
    const int status = training.ids ? learn() : 0;
    if (!status && set.length) write_sample();
    release_all();
    return finish(status);
}
