/* mpi_train.c - several processes train one network, and the result has the same bits for any
 * number of them.
 *
 *     mpirun -n 4 build/examples/mpi_train --task digits
 *     mpirun -n 3 build/examples/mpi_train --task text --save run.safetensors --every 20
 *
 * Two tasks: digits, read row by row (as mnist.c), and the characters of a text (as char_lm.c). A
 * batch falls into shards (--shards, a power of two); a rank computes its shards one by one, and
 * recur_shards adds them up. The order of the data depends on the seed and the epoch, dropout on
 * the update and the first sequence of a shard, and neither on the rank. Rank 0 prints and writes
 * files. A run that was killed goes on from its file with any other number of ranks (--load).
 *
 * It is built by `make mpi`, and needs the library librecur_mpi. */
#include "common/clock.h"
#include "common/dice.h"
#include "common/images.h"
#include "common/model.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/text.h"
#include "common/try.h"

#include <recur_mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORY = 200000, DIGITS = 0, TEXT_TASK = 1, NUMBERS = 3 };
enum { LOSS, RIGHT, ROWS }; /* what is summed beside the gradients */

static const choice tasks[] = { { "digits", DIGITS }, { "text", TEXT_TASK }, { NULL, 0 } };

static struct {
    const char *data, *text;
    int32_t task, cell, exact, timing;
    int64_t hidden, layers, batch, window, shards, threads, train, every, updates, seconds;
    double dropout, lr, clip;
    run_settings run;
} set = { .cell = RECUR_CELL_LSTM,
          .hidden = 128,
          .layers = 2,
          .batch = 64,
          .window = 50,
          .shards = 8,
          .threads = 1,
          .train = 2000,
          .seconds = 600,
          .lr = 0.002,
          .clip = 5,
          .run = { .epochs = 2, .seed = 1 } };

static const option_row options[] = {
    CHOICE("task", &set.task, tasks, IN_MODEL, "what to learn"),
    TEXT("data", &set.data, "DIR", "digits: where MNIST's files are; without it they are drawn"),
    TEXT("text", &set.text, "FILE", "text: what to learn; without it sentences are invented"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 65536, IN_MODEL, "hidden units"),
    COUNT("layers", &set.layers, 1, 64, IN_MODEL, "recurrent layers"),
    NUMBER_OF_MODEL("dropout", &set.dropout, 0, 0.99, "dropout behind every recurrent layer"),
    COUNT("batch", &set.batch, 1, 1e6, IN_MODEL, "sequences in a batch, of all ranks"),
    COUNT("window", &set.window, 1, 1e6, IN_MODEL, "text: characters a gradient goes back"),
    COUNT("shards", &set.shards, 1, 65536, IN_MODEL, "parts of a batch, a power of two"),
    COUNT("threads", &set.threads, 1, 1024, ON_LINE_ONLY, "threads of each rank"),
    FLAG("timing", &set.timing, ON_LINE_ONLY, "say how long rank 0 computed and exchanged"),
    FLAG("exact", &set.exact, IN_MODEL, "the same bits on every processor, too"),
    COUNT("train", &set.train, 1, 1e8, IN_MODEL, "digits: images to train on"),
    COUNT("every", &set.every, 0, 1e9, ON_LINE_ONLY,
          "updates from one save to the next; 0: epochs"),
    COUNT("updates", &set.updates, 0, 1e9, ON_LINE_ONLY, "at most so many in all; 0: all epochs"),
    COUNT("silence", &set.seconds, 1, 1e9, ON_LINE_ONLY, "seconds to wait for another rank"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- what there is -------------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_end;
static recur_mpi *mpi;
static recur_shards *shards;
static recur_context *ctx;
static run r;
static int64_t first, last; /* this rank's shards: [first, last) */
static int64_t I, O;        /* of the network */

static images digits, unused;
static int64_t *order; /* of the images of an epoch */
static alphabet letters;
static strands text_strands;
static recur_state **states, *next_state; /* text: of each own shard's strands */

static recur_packed *packed; /* of a shard */
static float *padded, *x;    /* digits */
static int32_t *ids, *labels, *guess;
static float *logits, *dlogits;

static int is_text(void) { return set.task == TEXT_TASK; }
static int64_t steps(void) { return is_text() ? set.window : IMAGE_ROWS; }
static int64_t sequences_of(int64_t shard) /* that come before it */
{
    return recur_shards_sequence(shards, set.batch, shard);
}

static int64_t updates_of_epoch(void)
{
    return is_text() ? text_strands.steps / set.window : digits.n / set.batch;
}

/* ---- making --------------------------------------------------------------------------------- */

static void load_data(const recur_file *file)
{
    if (is_text()) {
        text t = text_of(set.text, (uint64_t)set.run.seed, STORY);
        letters = file ? alphabet_load(file, set.run.load) : alphabet_of(&t);
        text_strands = strands_of(&letters, t.bytes, t.n, set.batch);
        text_release(&t);
    } else {
        images_get(set.data, (uint64_t)set.run.seed, set.train, &digits, &unused);
        order = NEW(int64_t, digits.n);
    }
    if (updates_of_epoch() < 1)
        die("there is not enough data for one batch of %lld sequences", (long long)set.batch);
    I = is_text() ? letters.n : IMAGE_COLUMNS;
    O = is_text() ? letters.n : IMAGE_CLASSES;
}

static recur_layer *make_net(void)
{
    const char *const of_text[] = { "rnn", "dropout", "fc" };
    const char *const of_digits[] = { "rnn", "last", "dropout", "fc" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = I,
                                          .hidden_size = set.hidden,
                                          .num_layers = set.layers,
                                          .dropout = set.layers > 1 ? set.dropout : 0 };
    recur_layer *part[4], *net;
    int parts = 0;
    TRY(recur_recurrent_create(ctx, &rnn, &part[parts++]));
    if (!is_text())
        TRY(recur_last_create(ctx, set.hidden, RECUR_DIRECTION_FORWARD, &part[parts++]));
    TRY(recur_dropout_create(ctx, set.hidden, set.dropout, &part[parts++]));
    TRY(recur_linear_create(ctx, set.hidden, O, 0, &part[parts++]));
    TRY(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, parts, is_text() ? of_text : of_digits,
                             part, &net));
    for (int i = 0; i < parts; i++) recur_layer_release(part[i]);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, (uint64_t)set.run.seed));
    return net;
}

static void make_run(void)
{
    const recur_loss_options sum = { .size = sizeof sum,
                                     .kind = RECUR_LOSS_CROSS_ENTROPY,
                                     .flags = RECUR_LOSS_SUM };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = set.lr };
    r = (run){ .net = make_net() };
    r.count = recur_layer_param_count(r.net);
    r.grads = NEW(float, r.count);
    TRY(recur_tape_create(ctx, &r.tape));
    TRY(recur_loss_create(ctx, &sum, &r.loss));
    TRY(recur_optimizer_create(ctx, &adam, r.count, &r.optimizer));
}

static void make_shards(void)
{
    const recur_shards_options o = { .size = sizeof o,
                                     .shards = (int32_t)set.shards,
                                     .rank = recur_mpi_rank(mpi),
                                     .ranks = recur_mpi_ranks(mpi),
                                     .count = r.count,
                                     .numbers = NUMBERS };
    TRY(recur_shards_create(ctx, &o, recur_mpi_exchange, mpi, &shards));
    first = recur_shards_first(shards, o.rank);
    last = recur_shards_first(shards, o.rank + 1);
    if (set.batch % set.shards)
        die_of_usage("--batch: %lld sequences do not fall into %lld equal shards",
                     (long long)set.batch, (long long)set.shards);
}

static void make_all(const recur_file *file)
{
    const recur_context_options o = { .size = sizeof o,
                                      .threads = (int32_t)set.threads,
                                      .flags = set.exact ? RECUR_CONTEXT_EXACT
                                                         : RECUR_CONTEXT_REPRODUCIBLE };
    const int64_t B = set.batch / set.shards, rows = B * steps();
    TRY(recur_context_create(&o, &ctx));
    load_data(file);
    make_run();
    make_shards();
    TRY(recur_packed_create(ctx, B, NULL, steps(), &packed));
    TRY(recur_tape_reserve(r.tape, r.net, packed, 1));
    TRY(recur_state_create(r.net, B, &next_state));
    states = NEW(recur_state *, last - first);
    for (int64_t s = 0; s < last - first; s++) TRY(recur_state_create(r.net, B, &states[s]));
    padded = NEW(float, rows *I);
    x = NEW(float, rows *I);
    ids = NEW(int32_t, rows);
    labels = NEW(int32_t, rows);
    guess = NEW(int32_t, rows);
    logits = NEW(float, rows *O);
    dlogits = NEW(float, rows *O);
}

static void release_all(void)
{
    for (int64_t s = 0; s < last - first; s++) recur_state_release(states[s]);
    recur_state_release(next_state);
    recur_packed_release(packed);
    recur_shards_release(shards);
    run_release(&r);
    recur_context_release(ctx);
    images_release(&digits);
    images_release(&unused);
    free(states);
    free(order);
    free(text_strands.ids);
    free(padded);
    free(x);
    free(ids);
    free(labels);
    free(guess);
    free(logits);
    free(dlogits);
}

/* ---- learning ------------------------------------------------------------------------------- */

/* The rows that the loss looks at: one of each sequence, or all. */
static int64_t read_digits(int64_t update, int64_t shard)
{
    const int64_t from = sequences_of(shard), B = sequences_of(shard + 1) - from;
    const int64_t at = update % updates_of_epoch() * set.batch + from;
    for (int64_t b = 0; b < B; b++) {
        image_shrink(digits.pixels + order[at + b] * IMAGE_PIXELS, IMAGE_ROWS,
                     padded + b * IMAGE_PIXELS);
        labels[b] = digits.labels[order[at + b]];
    }
    TRY(recur_packed_pack(packed, RECUR_LAYOUT_BATCH_FIRST, IMAGE_COLUMNS * sizeof *x, padded, x));
    TRY(recur_layer_forward(r.net, packed, x, NULL, logits, r.tape));
    return B;
}

static int64_t read_text(int64_t update, int64_t shard)
{
    const int64_t from = sequences_of(shard), B = sequences_of(shard + 1) - from;
    const strands own = { B, text_strands.steps,
                          text_strands.ids + from * (text_strands.steps + 1) };
    recur_state *state = states[shard - first];
    if (update % updates_of_epoch() == 0) TRY(recur_state_reset(state, -1));
    strands_cut(&own, update % updates_of_epoch() * set.window, set.window, ids, labels);
    TRY(recur_layer_forward_ids(r.net, packed, ids, state, logits, r.tape));
    return B * set.window;
}

static void learn_shard(int64_t update, int64_t shard)
{
    double loss;
    score s = { 0, 0, 0 };
    float *grads = recur_shards_gradient(shards);
    /* The seed of an update, and in it of a sequence: no rank is in it. */
    const uint64_t seed = recur_random((uint64_t)set.run.seed, (uint64_t)update);
    TRY(recur_tape_set_seed(r.tape, recur_random(seed, (uint64_t)sequences_of(shard))));
    const int64_t rows = is_text() ? read_text(update, shard) : read_digits(update, shard);
    TRY(recur_loss_classes(r.loss, rows, O, logits, labels, &loss, dlogits));
    score_add(&s, loss / (double)rows, rows, O, logits, labels, guess);
    if (is_text())
        TRY(recur_layer_backward_ids(r.net, packed, ids, dlogits, NULL, grads, r.tape));
    else
        TRY(recur_layer_backward(r.net, packed, x, dlogits, NULL, NULL, grads, r.tape));
    const double numbers[NUMBERS] = { loss, (double)s.right, (double)rows };
    TRY(recur_shards_add(shards, numbers));
}

static double computing, exchanging; /* seconds of this rank */

/* One update of the network, by all ranks; the same everywhere. */
static void learn(int64_t update, score *s)
{
    double numbers[NUMBERS];
    const double start = seconds();
    for (int64_t shard = first; shard < last; shard++) learn_shard(update, shard);
    const double computed = seconds();
    TRY(recur_shards_sum(shards, r.grads, numbers));
    computing += computed - start;
    exchanging += seconds() - computed;
    recur_clip_norm(r.grads, r.count, set.clip * numbers[ROWS]);
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count,
                             1 / numbers[ROWS]));
    s->loss += numbers[LOSS];
    s->right += (int64_t)numbers[RIGHT];
    s->rows += (int64_t)numbers[ROWS];
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Rank 0 writes what the next update depends on: the network, the optimizer, the states of all
 * strands, and how far the epoch is. */
static void save(int64_t update, const score *s)
{
    const int64_t width = is_text() ? recur_state_count(next_state) : 0;
    const recur_tensor all = {
        .size = sizeof all, .rank = 2, .dim = { set.shards, width, 1, 1 }, .name = "states"
    };
    char word[80];
    if (!set.run.save) return;
    float *values = NEW(float, set.shards *width + 1);
    for (int64_t shard = first; shard < last && width; shard++)
        TRY(recur_state_read(states[shard - first], 0, width, values + shard * width));
    TRY(recur_shards_gather(shards, width, values));
    if (recur_mpi_rank(mpi) == 0) {
        recur_file *file = model_new(options, update / updates_of_epoch());
        run_save(&r, file, "");
        if (width) TRY(recur_file_add(file, &all, values));
        if (is_text()) alphabet_save(&letters, file);
        snprintf(word, sizeof word, "%lld %a %lld %lld", (long long)update, s->loss,
                 (long long)s->right, (long long)s->rows);
        TRY(recur_file_set_metadata(file, "progress", word));
        model_write(file, set.run.save);
    }
    free(values);
}

static int64_t load(recur_file *file, score *s)
{
    long long update, right, rows;
    const char *word = recur_file_metadata(file, "progress");
    if (!word || sscanf(word, "%lld %la %lld %lld", &update, &s->loss, &right, &rows) != 4)
        die("%s: text 'progress' does not say how far training came", set.run.load);
    s->right = right;
    s->rows = rows;
    run_load(&r, file, "");
    if (is_text()) {
        const int64_t width = recur_state_count(next_state);
        float *values = NEW(float, set.shards *width);
        TRY(recur_file_read(file, "states", values, set.shards * width));
        for (int64_t shard = first; shard < last; shard++)
            TRY(recur_state_write(states[shard - first], 0, width, values + shard * width));
        free(values);
    }
    return update;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* A number that two runs share if their parameters do, bit for bit (FNV-1a). */
static uint64_t fingerprint(void)
{
    uint64_t hash = 0xcbf29ce484222325;
    const unsigned char *byte = (const unsigned char *)recur_layer_params(r.net);
    for (int64_t i = 0; i < r.count * (int64_t)sizeof(float); i++)
        hash = (hash ^ byte[i]) * 0x100000001b3;
    return hash;
}

static void begin_epoch(int64_t epoch)
{
    dice d = dice_for((uint64_t)set.run.seed, 0x10000 + (uint64_t)epoch);
    if (!is_text()) shuffled(&d, digits.n, order);
    if (recur_mpi_rank(mpi) == 0)
        progress_begin(epoch + 1, set.run.epochs,
                       updates_of_epoch() * set.batch * (is_text() ? set.window : 1));
}

static void train(int64_t update, score s)
{
    const int64_t n = updates_of_epoch(), all = set.run.epochs * n;
    const int64_t end = set.updates && set.updates < all ? set.updates : all;
    const int talks = recur_mpi_rank(mpi) == 0;
    double start = seconds();
    if (update < end) begin_epoch(update / n);
    while (update < end) {
        learn(update++, &s);
        if (talks) progress_show(&s);
        const int ends = update % n == 0;
        if (ends && talks) {
            progress_end();
            printf("epoch %2lld  loss %.9f  accuracy %.4f %%  %.1f s\n", (long long)(update / n),
                   score_loss(&s), score_accuracy(&s), seconds() - start);
            fflush(stdout);
        }
        if (ends) s = (score){ 0, 0, 0 };
        if (set.every ? update % set.every == 0 : ends) save(update, &s);
        if (ends && update < end) begin_epoch(update / n);
        if (ends) start = seconds();
    }
    if (update % (set.every ? set.every : n)) save(update, &s);
    if (talks) progress_end();
    if (talks && set.timing)
        fprintf(stderr, "rank 0: %.3f s of computing, %.3f s of exchanging and waiting\n",
                computing, exchanging);
    if (talks)
        printf("%lld updates, parameters %016llx\n", (long long)update,
               (unsigned long long)fingerprint());
}

static void on_term(int number)
{
    (void)number;
    told_to_end = 1;
}

static void start_mpi(int *argc, char ***argv)
{
    MPI_Init(argc, argv);
    signal(SIGTERM, on_term);
    const recur_mpi_options o = { .size = sizeof o,
                                  .seconds = (double)set.seconds,
                                  .stop = &told_to_end };
    TRY(recur_mpi_create(MPI_COMM_WORLD, &o, &mpi));
}

int main(int argc, char **argv)
{
    int64_t done, update = 0;
    score s = { 0, 0, 0 };
    options_parse(argc, argv, "Trains one network by several processes: mpirun -n N.", options);
    recur_file *file = model_open(set.run.load, options, &done);
    start_mpi(&argc, &argv);
    make_all(file);
    if (file) update = load(file, &s);
    model_close(file, set.run.load);
    train(update, s);
    release_all();
    recur_mpi_release(mpi);
    MPI_Finalize();
    return finish(0);
}
