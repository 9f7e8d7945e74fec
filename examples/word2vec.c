/* word2vec.c - words as vectors: words that stand among the same words come to lie in the same
 * direction.
 *
 *     cbow       mean of the vectors of the neighbours ──▶ which word stands between them?
 *     skipgram   the vector of a word                  ──▶ which words stand around it?
 *
 * The right word is told from words that are drawn at random (Mikolov 2013), or by a softmax over
 * all words or over drawn ones (--loss). At the end the program prints the nearest words by cosine,
 * and analogies: king - man + woman = ? Then the vectors move into a model that predicts the next
 * word of few sentences. It learns faster than one that begins with vectors drawn at random.
 *
 * The program shows embeddings, sampled losses for many classes, and parameters that move from
 * model to model. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/dice.h"
#include "common/model.h"
#include "common/options.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/stop.h"
#include "common/transfer.h"
#include "common/try.h"
#include "common/vectors.h"
#include "common/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CBOW, SKIPGRAM, STORY = 200000 };

static const choice model_choices[] = { { "cbow", CBOW }, { "skipgram", SKIPGRAM }, { NULL, 0 } };
static const choice loss_choices[] = { { "negatives", RECUR_LOSS_NEGATIVE_SAMPLING },
                                       { "sampled", RECUR_LOSS_SAMPLED_SOFTMAX },
                                       { "softmax", RECUR_LOSS_CROSS_ENTROPY },
                                       { NULL, 0 } };

static struct {
    const char *text, *near, *vectors;
    int32_t model, loss;
    int64_t width, window, least, negatives, samples, batch, transfer;
    double lr, subsample;
    run_settings run;
} set = { .model = CBOW,
          .loss = RECUR_LOSS_NEGATIVE_SAMPLING,
          .width = 64,
          .window = 4,
          .least = 5,
          .negatives = 5,
          .samples = 100,
          .batch = 500,
          .transfer = 5,
          .lr = 0.005,
          .run = { .epochs = 30, .seed = 1 } };

static const option_row options[] = {
    TEXT("text", &set.text, "FILE", "what to read; without it simple sentences are invented"),
    CHOICE("model", &set.model, model_choices, IN_MODEL, "what is predicted from what"),
    COUNT("width", &set.width, 1, 4096, IN_MODEL, "numbers in a vector"),
    COUNT("window", &set.window, 1, 100, IN_MODEL, "neighbours on either side, at most"),
    COUNT("least", &set.least, 1, 1e9, ON_LINE_ONLY, "words that come less often are left out"),
    CHOICE("loss", &set.loss, loss_choices, IN_MODEL,
           "right words from drawn ones, or a softmax over drawn or all words"),
    COUNT("negatives", &set.negatives, 1, 1000, IN_MODEL,
          "loss negatives: words drawn against each right one"),
    COUNT("samples", &set.samples, 1, 1e6, IN_MODEL, "loss sampled: words drawn for a batch"),
    NUMBER("subsample", &set.subsample, 0, 1,
           "frequent words are skipped down to about this share; 0: none"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "predictions in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    TEXT("near", &set.near, "WORDS", "whose nearest words are shown: \"king paris\""),
    COUNT("transfer", &set.transfer, 0, 1000, ON_LINE_ONLY,
          "epochs of the model that the vectors move into"),
    TEXT("vectors", &set.vectors, "FILE",
         "write the vectors there, in the text format of word2vec"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- words ---------------------------------------------------------------------------------- */

static vocabulary words;
static int32_t *ids; /* of the text; -1 between sentences */
static int64_t n_ids;

/* Says whether a frequent word is skipped this time. */
static int is_skipped(dice *d, int32_t id)
{
    if (set.subsample == 0) return 0;
    const double part = (double)words.count[id] / (double)n_ids;
    return between(d, 0, 1) > sqrt(set.subsample / part);
}

/* ---- the model ------------------------------------------------------------------------------ */

static run r;
static recur_layer *in, *out; /* vectors of what is given; from a vector to logits of all words */
static int64_t at_in, at_out; /* where their gradients begin */

/* A batch has at most B predictions: the given words of one follow those of the other, and `right`
 * has the right words. */
static recur_packed *given_rows, *rows;
static int64_t B, M;   /* predictions, given words */
static int64_t *first; /* [B+1]: where the given words of a prediction begin */
static int32_t *given, *right;
static float *e, *de;             /* [M][width]: vectors of given words  */
static float *v, *dv;             /* [B][width]: their means             */
static float *y, *dy;             /* [B][words]: logits, for the softmax */
static uint64_t draw_seed, draws; /* of this epoch; random numbers used so far */

static recur_layer *make_net(void)
{
    recur_layer *part[2];
    const char *const names[] = { "in", "out" };
    TRY(recur_embedding_create(NULL, words.n, set.width, 0, &part[0]));
    TRY(recur_linear_create(NULL, set.width, words.n, RECUR_LAYER_NO_BIAS, &part[1]));
    recur_layer *net = chain(RECUR_COMPOSE_GROUP, 2, names, part);
    TRY(recur_layer_init(net, "in.*", RECUR_INIT_UNIFORM, 0.5 / sqrt((double)set.width),
                         (uint64_t)set.run.seed));
    return net; /* what predicts begins with zeros */
}

/* Words are drawn by their count to the power of 3/4, so that rare ones are drawn a little more
 * often than they come. */
static void create_run(void)
{
    float *counts = NEW(float, words.n);
    for (int64_t i = 0; i < words.n; i++)
        counts[i] = words.count[i] > 0 ? (float)words.count[i] : 1;
    recur_loss_options loss = { .size = sizeof loss, .kind = set.loss };
    if (set.loss != RECUR_LOSS_CROSS_ENTROPY) {
        loss.classes = words.n;
        loss.counts = counts;
        loss.samples = set.loss == RECUR_LOSS_NEGATIVE_SAMPLING ? set.negatives : set.samples;
    }
    r = run_create(make_net(), &loss, set.lr);
    free(counts);
}

static void create_all(void)
{
    create_run();
    TRY(recur_layer_child(r.net, "in", &in, &at_in));
    TRY(recur_layer_child(r.net, "out", &out, &at_out));
    TRY(recur_packed_create(NULL, 1, NULL, 1, &given_rows));
    TRY(recur_packed_create(NULL, 1, NULL, 1, &rows));
    const int64_t D = set.width, most = set.batch * (set.model == CBOW ? 2 * set.window : 1);
    const int64_t logits = set.loss == RECUR_LOSS_CROSS_ENTROPY ? set.batch * words.n : 0;
    first = NEW(int64_t, set.batch + 1);
    given = NEW(int32_t, most);
    right = NEW(int32_t, set.batch);
    e = NEW(float, most *D);
    de = NEW(float, most *D);
    v = NEW(float, set.batch *D);
    dv = NEW(float, set.batch *D);
    y = NEW(float, logits);
    dy = NEW(float, logits);
}

static void release_all(void)
{
    recur_layer_release(in);
    recur_layer_release(out);
    run_release(&r);
    recur_packed_release(given_rows);
    recur_packed_release(rows);
    words_release(&words);
    free(ids);
    free(first);
    free(given);
    free(right);
    free(e);
    free(de);
    free(v);
    free(dv);
    free(y);
    free(dy);
}

/* ---- a step --------------------------------------------------------------------------------- */

/* Computes to = scale Σ of n rows. */
static void add_rows(float *to, const float *from, int64_t n, float scale)
{
    memset(to, 0, (size_t)set.width * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < set.width; k++) to[k] += scale * from[i * set.width + k];
}

/* Computes logits over all words and their cross-entropy, and dv. */
static double learn_softmax(void)
{
    double loss;
    TRY(recur_packed_reset(rows, B, NULL, 1));
    TRY(recur_layer_forward(out, rows, v, NULL, y, r.tape));
    TRY(recur_loss_classes(r.loss, B, words.n, y, right, &loss, dy));
    TRY(recur_layer_backward(out, rows, v, dy, NULL, dv, r.grads + at_out, r.tape));
    return loss;
}

/* Computes a sampled loss, which reads only the rows of right and drawn words, and dv. */
static double learn_sampled(void)
{
    double loss;
    TRY(recur_loss_sampled(r.loss, B, set.width, v, right, recur_layer_params(out),
                           recur_layer_param_count(out), draw_seed, draws, &loss, dv,
                           r.grads + at_out, r.tape));
    draws += (uint64_t)(set.loss == RECUR_LOSS_NEGATIVE_SAMPLING ? B * set.negatives : set.samples);
    return loss;
}

/* Makes one update with the batch that is loaded. */
static void learn_batch(score *s)
{
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_packed_reset(given_rows, M, NULL, 1));
    TRY(recur_layer_forward_ids(in, given_rows, given, NULL, e, r.tape));
    for (int64_t b = 0; b < B; b++) {
        const int64_t n = first[b + 1] - first[b];
        add_rows(v + b * set.width, e + first[b] * set.width, n, 1 / (float)n);
    }
    const double loss = set.loss == RECUR_LOSS_CROSS_ENTROPY ? learn_softmax() : learn_sampled();
    if (!isfinite(loss))
        die("the loss is %g: training has run away; a smaller --lr may help", loss);
    for (int64_t b = 0; b < B; b++)
        for (int64_t i = first[b]; i < first[b + 1]; i++)
            add_rows(de + i * set.width, dv + b * set.width, 1,
                     1 / (float)(first[b + 1] - first[b]));
    TRY(recur_layer_backward_ids(in, given_rows, given, de, NULL, r.grads + at_in, r.tape));
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
    s->loss += loss * (double)B;
    s->rows += B;
    B = M = 0;
}

static void ask(int32_t word, score *s)
{
    first[B + 1] = M;
    right[B] = word;
    if (++B == set.batch) learn_batch(s);
}

/* Makes the predictions of one place in the text, with a window of random size, so that near words
 * count more. */
static void read_place(dice *d, int64_t at, score *s)
{
    const int64_t reach = 1 + below(d, set.window), before = M;
    if (ids[at] < 0 || is_skipped(d, ids[at])) return;
    for (int64_t way = -1; way <= 1; way += 2)
        for (int64_t i = 1; i <= reach; i++) {
            const int64_t there = at + way * i;
            if (there < 0 || there >= n_ids || ids[there] < 0) break;
            given[M++] = set.model == CBOW ? ids[there] : ids[at];
            if (set.model == SKIPGRAM) ask(ids[there], s);
        }
    if (set.model == CBOW && M > before) ask(ids[at], s);
}

static score learn_epoch(int64_t epoch)
{
    score s = { 0, 0, 0 };
    int64_t *order = NEW(int64_t, n_ids);
    dice d = dice_for((uint64_t)set.run.seed, 0x10000 + (uint64_t)epoch);
    shuffled(&d, n_ids, order);
    draw_seed = recur_random((uint64_t)set.run.seed, (uint64_t)epoch);
    draws = 0;
    progress_begin(epoch, set.run.epochs, set.model == CBOW ? n_ids : n_ids * (set.window + 1));
    for (int64_t i = 0; i < n_ids && !stopped(); i++) {
        read_place(&d, order[i], &s);
        if (B == 0) progress_show(&s);
    }
    if (B > 0) learn_batch(&s);
    free(order);
    return s;
}

/* ---- the program ---------------------------------------------------------------------------- */

static void save(int64_t done)
{
    if (!set.run.save) return;
    recur_file *file = model_new(options, done);
    run_save(&r, file, "");
    words_save(&words, file);
    model_write(file, set.run.save);
}

static int64_t learn(int64_t done)
{
    csv curves = csv_open(set.run.csv, "epoch,loss,seconds", set.run.load != NULL);
    stop_on_interrupt();
    while (done < set.run.epochs && !stopped()) {
        const double start = seconds();
        const score s = learn_epoch(done + 1);
        const double time = seconds() - start;
        progress_end();
        if (!stopped()) {
            printf("epoch %2lld  loss %.4f  %.1f s  %.0f predictions/s\n", (long long)++done,
                   score_loss(&s), time, time > 0 ? (double)s.rows / time : 0);
            fflush(stdout);
            csv_row(&curves, 3, (double[]){ (double)done, score_loss(&s), time });
        }
        save(done);
    }
    csv_close(&curves);
    return done;
}

static void show(void)
{
    const float *table = recur_layer_params(in);
    vectors_show_nearest(&words, set.width, table, set.near);
    if (set.transfer)
        transfer_try(&words, set.width, table, ids, n_ids, set.transfer, (uint64_t)set.run.seed);
    vectors_write(&words, set.width, table, set.vectors);
    vectors_show_analogies(&words, set.width, table);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Learns vectors for the words of a text.", options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    text t = text_of(set.text, (uint64_t)set.run.seed, STORY);
    words = file ? words_load(file, set.run.load, &t) : words_of(&t, set.least);
    if (words.n < 2)
        die("the text has %lld words that come %lld times", (long long)words.n,
            (long long)set.least);
    n_ids = words_read(&words, &t, &ids);
    text_release(&t);
    create_all();
    if (file) run_load(&r, file, "");
    model_close(file, set.run.load);
    printf("%lld words, %lld different\n", (long long)n_ids, (long long)words.n);
    done = learn(done);
    const int status = stopped() ? stopped_status(done, set.run.save) : 0;
    if (!status) show();
    release_all();
    return finish(status);
}
