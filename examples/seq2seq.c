/* seq2seq.c - a sequence goes in, another one comes out: words spelled backwards, or the sum of two
 * numbers written as text.
 *
 *     h e l l o           start o l l e h
 *     ↓ ↓ ↓ ↓ ↓   state     ↓   ↓ ↓ ↓ ↓ ↓
 *      encoder   ───────▶      decoder
 *                           o   l l e h end
 *
 * An encoder reads. Its final state is the initial state of a decoder, which writes a symbol at a
 * time, until it writes `end`. The gradient of that state takes the same way back.
 *
 * In training the decoder is fed what it should have written, in the test what it did write. The
 * test counts answers that are right from beginning to end, to questions that are never in a
 * training batch. The idea is that of Sutskever 2014, who found that it helps to read the question
 * from its end: --backwards.
 *
 * The program shows two networks as one group, a state handed over, ragged batches, sequences of
 * length 0, and many streams at once. */
#include "common/answers.h"
#include "common/dice.h"
#include "common/fit.h"
#include "common/options.h"
#include "common/run.h"
#include "common/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REVERSE, ADD };
enum { MOST = 32, TEST = 2000, SHOWN = 5 };

static const choice task_choices[] = { { "reverse", REVERSE }, { "add", ADD }, { NULL, 0 } };

static struct {
    int32_t task, cell, backwards;
    int64_t longest, hidden, layers, train, batch;
    double lr, decay, clip;
    run_settings run;
} set = { .task = REVERSE,
          .cell = RECUR_CELL_LSTM,
          .hidden = 128,
          .layers = 1,
          .batch = 64,
          .lr = 0.003,
          .decay = 0.85,
          .clip = 1,
          .run = { .epochs = 20, .seed = 1 } };

static const option_row options[] = {
    CHOICE("task", &set.task, task_choices, IN_MODEL, "spell words backwards, or add two numbers"),
    COUNT("longest", &set.longest, 0, 15, IN_MODEL,
          "most letters of a word, or digits of a number; 0: 10, or 3"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    FLAG("backwards", &set.backwards, IN_MODEL, "read the question from its end"),
    COUNT("train", &set.train, 0, 1e8, ON_LINE_ONLY,
          "questions to train on; 0: 50000 words, or 200000 sums"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "questions in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("decay", &set.decay, 1e-3, 1, "factor of the learning rate from epoch to epoch"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- questions and answers ------------------------------------------------------------------ */

typedef struct {
    char ask[MOST], answer[MOST];
} question;

static const char *const written[] = { "abcdefghijklmnopqrstuvwxyz", "0123456789+" };
static int32_t S, START, END; /* symbols in all; the last two */

static int32_t id_of(char symbol)
{
    return (int32_t)(strchr(written[set.task], symbol) - written[set.task]);
}

static question make_word(dice *d)
{
    question q = { "", "" };
    const int64_t n = 1 + below(d, set.longest);
    for (int64_t i = 0; i < n; i++) q.ask[i] = q.answer[n - 1 - i] = written[REVERSE][below(d, 26)];
    return q;
}

/* Numbers have one digit as often as three, since all lengths have to be learned. */
static int64_t make_number(dice *d)
{
    int64_t limit = 10;
    for (int64_t n = below(d, set.longest); n > 0; n--) limit *= 10;
    return below(d, limit);
}

static question make_sum(dice *d)
{
    question q;
    const long long a = make_number(d), b = make_number(d);
    snprintf(q.ask, sizeof q.ask, "%lld+%lld", a, b);
    snprintf(q.answer, sizeof q.answer, "%lld", a + b);
    return q;
}

/* A tenth of all possible questions is for the test. */
static int is_for_test(const question *q)
{
    uint64_t hash = 0;
    for (const char *c = q->ask; *c; c++) hash = recur_random(hash, (uint64_t)*c);
    return hash % 10 == 0;
}

static question *make_questions(int64_t n, int for_test)
{
    dice d = dice_for((uint64_t)set.run.seed, for_test ? 2 : 1);
    question *all = NEW(question, n);
    for (int64_t i = 0; i < n;) {
        all[i] = set.task == REVERSE ? make_word(&d) : make_sum(&d);
        i += is_for_test(&all[i]) == for_test;
    }
    return all;
}

/* ---- networks ------------------------------------------------------------------------------- */

static run r; /* of the group */
static recur_layer *encoder, *decoder;
static int64_t at_encoder, at_decoder; /* where their gradients begin */
static question *training, *test;

static recur_layer *make_recurrent(int32_t direction)
{
    recur_layer *rnn;
    const recur_recurrent_options shape = { .size = sizeof shape,
                                            .cell = set.cell,
                                            .input_size = S,
                                            .hidden_size = set.hidden,
                                            .num_layers = set.layers,
                                            .direction = direction };
    TRY(recur_recurrent_create(NULL, &shape, &rnn));
    return rnn;
}

static recur_layer *make_net(void)
{
    recur_layer *half[2], *part[2];
    const char *const halves[] = { "encoder", "decoder" }, *const parts[] = { "rnn", "fc" };
    half[0] = make_recurrent(set.backwards ? RECUR_DIRECTION_REVERSE : RECUR_DIRECTION_FORWARD);
    part[0] = make_recurrent(RECUR_DIRECTION_FORWARD);
    TRY(recur_linear_create(NULL, set.hidden, S, 0, &part[1]));
    half[1] = chain(RECUR_COMPOSE_SEQUENTIAL, 2, parts, part);
    recur_layer *net = chain(RECUR_COMPOSE_GROUP, 2, halves, half);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

/* ---- batches -------------------------------------------------------------------------------- */

/* A batch has B questions and answers, as packed rows. If there are fewer, it is filled up with
 * questions of length 0. */
static recur_packed *source, *target;
static int64_t *asked, *answered; /* lengths [B]; of answers with their `end`, or 0 */
static int32_t *in, *fed, *wanted, *guess;
static recur_state *state, *dstate, *written_state;
static float *logits, *dlogits;

static void load_batch(const question *all, const int64_t *order, int64_t n)
{
    for (int64_t b = 0; b < set.batch; b++) {
        asked[b] = b < n ? (int64_t)strlen(all[order[b]].ask) : 0;
        answered[b] = b < n ? (int64_t)strlen(all[order[b]].answer) + 1 : 0;
    }
    TRY(recur_packed_reset(source, set.batch, asked, 0));
    TRY(recur_packed_reset(target, set.batch, answered, 0));
    for (int64_t b = 0; b < n; b++) {
        const question *q = &all[order[b]];
        for (int64_t t = 0; t < asked[b]; t++)
            in[recur_packed_row(source, b, t)] = id_of(q->ask[t]);
        fed[recur_packed_row(target, b, 0)] = START;
        wanted[recur_packed_row(target, b, answered[b] - 1)] = END;
        for (int64_t t = 0; t < answered[b] - 1; t++) {
            wanted[recur_packed_row(target, b, t)] = id_of(q->answer[t]);
            fed[recur_packed_row(target, b, t + 1)] = id_of(q->answer[t]);
        }
    }
}

static void learn_batch(void)
{
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_state_reset(dstate, -1));
    TRY(recur_layer_backward_ids(decoder, target, fed, dlogits, dstate, r.grads + at_decoder,
                                 r.tape));
    TRY(recur_layer_backward_ids(encoder, source, in, NULL, dstate, r.grads + at_encoder, r.tape));
    recur_clip_norm(r.grads, r.count, set.clip);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
}

static void step(int learn, const int64_t *order, int64_t n, score *s)
{
    double loss;
    load_batch(learn ? training : test, order, n);
    const int64_t rows = recur_packed_rows(target);
    TRY(recur_state_reset(state, -1));
    TRY(recur_layer_forward_ids(encoder, source, in, state, NULL, r.tape));
    TRY(recur_state_copy(written_state, state));
    TRY(recur_layer_forward_ids(decoder, target, fed, state, logits, r.tape));
    TRY(recur_loss_classes(r.loss, rows, S, logits, wanted, &loss, dlogits));
    score symbols = { 0, 0, 0 };
    score_add(&symbols, loss, rows, S, logits, wanted, guess);
    if (learn)
        learn_batch();
    else
        answers_write(decoder, written_state, START, target, S, logits, guess);
    s->loss += loss * (double)n;
    s->right += answers_right(target, n, guess, wanted);
    s->rows += n;
}

/* ---- the program ---------------------------------------------------------------------------- */

static void show_some(void)
{
    const int64_t first[SHOWN] = { 0, 1, 2, 3, 4 }, n = set.batch < SHOWN ? set.batch : SHOWN;
    score s = { 0, 0, 0 };
    TRY(recur_tape_set_mode(r.tape, RECUR_TAPE_EVALUATE));
    step(0, first, n, &s);
    for (int64_t b = 0; b < n; b++) {
        printf("%s is answered by ", test[b].ask);
        answers_print(target, b, guess, written[set.task]);
        printf(", right is %s\n", test[b].answer);
    }
}

static fit_sizes create_all(void)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t B = set.batch, rows = B * MOST;
    if (set.longest == 0) set.longest = set.task == REVERSE ? 10 : 3;
    if (set.train == 0) set.train = set.task == REVERSE ? 50000 : 200000;
    START = (int32_t)strlen(written[set.task]);
    END = START + 1;
    S = END + 1;
    training = make_questions(set.train, 0);
    test = make_questions(TEST, 1);
    r = run_create(make_net(), &cross_entropy, set.lr);
    TRY(recur_layer_child(r.net, "encoder", &encoder, &at_encoder));
    TRY(recur_layer_child(r.net, "decoder", &decoder, &at_decoder));
    TRY(recur_packed_create(NULL, B, NULL, MOST, &source));
    TRY(recur_packed_create(NULL, B, NULL, MOST, &target));
    /* The state fits the encoder too: its tensors are the same. */
    TRY(recur_state_create(decoder, B, &state));
    TRY(recur_state_create(decoder, B, &dstate));
    TRY(recur_state_create(decoder, B, &written_state));
    asked = NEW(int64_t, B);
    answered = NEW(int64_t, B);
    in = NEW(int32_t, rows);
    fed = NEW(int32_t, rows);
    wanted = NEW(int32_t, rows);
    guess = NEW(int32_t, rows);
    logits = NEW(float, rows *S);
    dlogits = NEW(float, rows *S);
    return (fit_sizes){ .train = set.train, .test = TEST, .batch = B, .decay = set.decay };
}

static void release_all(void)
{
    recur_layer_release(encoder);
    recur_layer_release(decoder);
    run_release(&r);
    recur_packed_release(source);
    recur_packed_release(target);
    recur_state_release(state);
    recur_state_release(dstate);
    recur_state_release(written_state);
    free(training);
    free(test);
    free(asked);
    free(answered);
    free(in);
    free(fed);
    free(wanted);
    free(guess);
    free(logits);
    free(dlogits);
}

int main(int argc, char **argv)
{
    static const fit_program program = {
        .purpose = "Learns to answer text with text: spelling backwards, adding.",
        .options = options,
        .settings = &set.run,
        .run = &r,
        .what = "answers",
        .create = create_all,
        .release = release_all,
        .step = step,
        .show = show_some
    };
    return fit(argc, argv, &program);
}
