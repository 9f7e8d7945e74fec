/* gradient_flow.c - how far back in time does a gradient reach?
 *
 *     x_1 ──▶ h_1 ──▶ h_2 ──▶ ... ──▶ h_100 ──▶ y
 *
 *     ∂loss/∂h_t = (∂h_{t+1}/∂h_t)ᵀ ∂loss/∂h_{t+1}
 *
 * This is the adding problem (Hochreiter and Schmidhuber 1997): of 100 numbers from 0 to 1 two are
 * marked, one in each half, and after the last one the network says their sum. The loss knows h_100
 * alone, so whatever reaches h_1 went through 99 Jacobians. If they shrink a vector it vanishes, if
 * they stretch it it explodes, both exponentially (Hochreiter 1991; Bengio 1994).
 *
 * The norm of ∂loss/∂h_t is measured at every step, in networks that have learned nothing yet, and
 * again afterwards. While they learn, the norm of the whole gradient is measured before it is
 * clipped.
 *
 * The program shows recur_tape_trace, initial weights that carry gradients (identity, forget bias),
 * clipping, and one loss after many steps. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/dice.h"
#include "common/model.h"
#include "common/options.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/stop.h"
#include "common/try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETS = 7, I = 2, TEST = 500, MOST_STEPS = 2000 };

static struct {
    int64_t hidden, steps, train, batch;
    double lr, clip;
    const char *flow;
    run_settings run;
} set = { .hidden = 50,
          .steps = 100,
          .train = 2000,
          .batch = 20,
          .lr = 0.003,
          .clip = 1,
          .run = { .epochs = 30, .seed = 1 } };

static const option_row options[] = {
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    COUNT("steps", &set.steps, 2, MOST_STEPS, IN_MODEL, "steps of a sequence"),
    COUNT("train", &set.train, 1, 1e8, ON_LINE_ONLY, "sequences in an epoch; they are new in each"),
    COUNT("batch", &set.batch, 1, 1e6, ON_LINE_ONLY, "sequences in a batch"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    TEXT("flow", &set.flow, "FILE", "write the norms by step there, before learning and after it"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- the networks --------------------------------------------------------------------------- */

/* Recurrent weights begin as usual, random with a spectral radius of about `value`, or as the
 * identity times `value`. */
enum { USUAL, RADIUS, IDENTITY };

static const struct {
    const char *name;
    int32_t cell, start;
    double value, forget_bias;
} kinds[NETS] = {
    /* clang-format off */
    { "rnn", RECUR_CELL_RNN_TANH, USUAL, 0, 0 },
    { "rnn_wild", RECUR_CELL_RNN_TANH, RADIUS, 2, 0 },
    { "irnn", RECUR_CELL_RNN_RELU, IDENTITY, 1, 0 },
    { "lstm_bias_0", RECUR_CELL_LSTM, USUAL, 0, 0 },
    { "lstm_bias_1", RECUR_CELL_LSTM, USUAL, 0, 1 },
    { "lstm_bias_4", RECUR_CELL_LSTM, USUAL, 0, 4 },
    { "gru", RECUR_CELL_GRU, USUAL, 0, 0 },
    /* clang-format on */
};

static recur_layer *make_net(int k)
{
    recur_layer *part[3];
    const char *const names[] = { "rnn", "last", "fc" };
    const recur_recurrent_options rnn = {
        .size = sizeof rnn, .cell = kinds[k].cell, .input_size = I, .hidden_size = set.hidden
    };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_last_create(NULL, set.hidden, RECUR_DIRECTION_FORWARD, &part[1]));
    TRY(recur_linear_create(NULL, set.hidden, 1, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    const uint64_t seed = (uint64_t)set.run.seed;
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    if (kinds[k].start == RADIUS)
        TRY(recur_layer_init(net, "rnn.weight_hh*", RECUR_INIT_NORMAL,
                             kinds[k].value / sqrt((double)set.hidden), seed));
    if (kinds[k].start == IDENTITY) {
        TRY(recur_layer_init(net, "rnn.weight_hh*", RECUR_INIT_IDENTITY, kinds[k].value, 0));
        TRY(recur_layer_init(net, "rnn.bias*", RECUR_INIT_CONSTANT, 0, 0));
    }
    if (kinds[k].cell == RECUR_CELL_LSTM)
        TRY(recur_layer_init(net, "rnn.*", RECUR_INIT_FORGET_BIAS, kinds[k].forget_bias, 0));
    return net;
}

/* ---- passes --------------------------------------------------------------------------------- */

static run runs[NETS];
static recur_packed *packed;
static float *x, *sums, *y, *dy; /* [T][B][I], [B] */
static double largest[NETS],
    *flow[2]; /* of the gradient in an epoch; [NETS][T] before and after learning */

/* Draws numbers and marks, time-major. The first mark is in the first half, the second in the
 * second. */
static void load_batch(dice *d, int64_t B)
{
    const int64_t T = set.steps;
    TRY(recur_packed_reset(packed, B, NULL, T));
    for (int64_t b = 0; b < B; b++) {
        const int64_t marked[] = { below(d, T / 2), T / 2 + below(d, T - T / 2) };
        for (int64_t t = 0; t < T; t++) {
            float *row = x + (t * B + b) * I;
            row[0] = (float)between(d, 0, 1);
            row[1] = t == marked[0] || t == marked[1];
        }
        sums[b] = x[(marked[0] * B + b) * I] + x[(marked[1] * B + b) * I];
    }
}

static double forward(run *r, int64_t B)
{
    double loss;
    TRY(recur_layer_forward(r->net, packed, x, NULL, y, r->tape));
    TRY(recur_loss_values(r->loss, B, 1, y, sums, &loss, dy));
    return loss;
}

static void backward(run *r)
{
    memset(r->grads, 0, (size_t)r->count * sizeof *r->grads);
    TRY(recur_layer_backward(r->net, packed, x, dy, NULL, NULL, r->grads, r->tape));
}

/* A gradient that is not finite teaches nothing: its batch is left out. */
static double learn(int k, int64_t B)
{
    run *r = &runs[k];
    const double loss = forward(r, B);
    backward(r);
    const double norm = recur_clip_norm(r->grads, r->count, set.clip);
    largest[k] = fmax(largest[k], norm);
    if (isfinite(norm))
        TRY(recur_optimizer_step(r->optimizer, recur_layer_params(r->net), r->grads, r->count, 1));
    return loss;
}

/* Called by the library when a recurrent layer has been passed: norm[t] is that of ∂loss/∂h_t over
 * all sequences. */
static void keep_norms(const recur_trace *trace, void *norms)
{
    if (trace->event == RECUR_TRACE_BACKWARD)
        memcpy(norms, trace->norm, (size_t)trace->steps * sizeof *trace->norm);
}

static void measure(double *norms)
{
    dice d = dice_for((uint64_t)set.run.seed, 2);
    load_batch(&d, set.batch);
    for (int k = 0; k < NETS; k++) {
        TRY(recur_tape_trace(runs[k].tape, keep_norms, norms + k * set.steps));
        forward(&runs[k], set.batch);
        backward(&runs[k]);
        TRY(recur_tape_trace(runs[k].tape, NULL, NULL));
    }
}

/* ---- the program ---------------------------------------------------------------------------- */

static void create_all(void)
{
    const recur_loss_options mse = { .size = sizeof mse, .kind = RECUR_LOSS_MSE };
    const int64_t B = set.batch > TEST ? set.batch : TEST;
    for (int k = 0; k < NETS; k++) runs[k] = run_create(make_net(k), &mse, set.lr);
    TRY(recur_packed_create(NULL, B, NULL, set.steps, &packed));
    x = NEW(float, set.steps *B *I);
    sums = NEW(float, B);
    y = NEW(float, B);
    dy = NEW(float, B);
    for (int i = 0; i < 2; i++) flow[i] = NEW(double, NETS *set.steps);
}

static void release_all(void)
{
    for (int k = 0; k < NETS; k++) run_release(&runs[k]);
    recur_packed_release(packed);
    free(x);
    free(sums);
    free(y);
    free(dy);
    free(flow[0]);
    free(flow[1]);
}

static void print_flow(const char *when, const double *norms)
{
    const int64_t T = set.steps;
    printf("%s\n%-12s %10s %10s %10s   %s\n", when, "", "step 1", "half way", "the last",
           "per step");
    for (int k = 0; k < NETS; k++) {
        const double *n = norms + k * T;
        printf("%-12s %10.1e %10.1e %10.1e   x %.3f\n", kinds[k].name, n[0], n[T / 2 - 1], n[T - 1],
               pow(n[0] / n[T - 1], 1 / (double)(T - 1)));
    }
}

static void write_flow(void)
{
    char header[32 * 2 * NETS] = "step";
    for (int when = 0; when < 2; when++)
        for (int k = 0; k < NETS; k++) {
            const size_t used = strlen(header);
            snprintf(header + used, sizeof header - used, ",%s_%s", kinds[k].name,
                     when ? "after" : "before");
        }
    csv file = csv_open(set.flow, header, 0);
    for (int64_t t = 0; t < set.steps; t++) {
        double row[1 + 2 * NETS] = { (double)t + 1 };
        for (int i = 0; i < 2 * NETS; i++) row[1 + i] = flow[i / NETS][i % NETS * set.steps + t];
        csv_row(&file, 1 + 2 * NETS, row);
    }
    csv_close(&file);
}

static void run_name(char *text, size_t size, int k) { snprintf(text, size, "%s.", kinds[k].name); }

static void save(int64_t done)
{
    char prefix[32];
    if (!set.run.save) return;
    recur_file *file = model_new(options, done);
    for (int k = 0; k < NETS; k++) {
        run_name(prefix, sizeof prefix, k);
        run_save(&runs[k], file, prefix);
    }
    model_write(file, set.run.save);
}

static void load(recur_file *file)
{
    char prefix[32];
    for (int k = 0; k < NETS; k++) {
        run_name(prefix, sizeof prefix, k);
        run_load(&runs[k], file, prefix);
    }
}

/* All networks learn from the same batches. row: losses on the test's sequences, and largest
 * norms. */
static void learn_epoch(int64_t epoch, double *row)
{
    dice d = dice_for((uint64_t)set.run.seed, 0x10000 + (uint64_t)epoch),
         test = dice_for((uint64_t)set.run.seed, 1);
    score s = { 0, 0, 0 };
    progress_begin(epoch, set.run.epochs, set.train);
    for (int k = 0; k < NETS; k++) largest[k] = 0;
    while (s.rows < set.train && !stopped()) {
        load_batch(&d, set.batch);
        for (int k = 0; k < NETS; k++) {
            const double loss = learn(k, set.batch);
            if (k == NETS - 1) s.loss += loss * (double)set.batch;
        }
        s.rows += set.batch;
        progress_show(&s);
    }
    progress_end();
    load_batch(&test, TEST);
    for (int k = 0; k < NETS; k++) {
        TRY(recur_tape_set_mode(runs[k].tape, RECUR_TAPE_EVALUATE));
        row[k] = forward(&runs[k], TEST);
        TRY(recur_tape_set_mode(runs[k].tape, RECUR_TAPE_TRAIN));
        row[NETS + k] = largest[k];
    }
}

static csv open_curves(void)
{
    char header[32 * 2 * NETS] = "epoch";
    for (int i = 0; i < 2 * NETS; i++) {
        const size_t used = strlen(header);
        snprintf(header + used, sizeof header - used, ",%s_%s", kinds[i % NETS].name,
                 i < NETS ? "loss" : "norm");
    }
    strcat(header, ",clip,seconds");
    return csv_open(set.run.csv, header, set.run.load != NULL);
}

static int64_t learn_all(int64_t done)
{
    csv curves = open_curves();
    stop_on_interrupt();
    while (done < set.run.epochs && !stopped()) {
        double row[3 + 2 * NETS], start = seconds();
        learn_epoch(done + 1, row + 1);
        if (stopped()) break;
        row[0] = (double)++done;
        row[1 + 2 * NETS] = set.clip;
        row[2 + 2 * NETS] = seconds() - start;
        csv_row(&curves, 3 + 2 * NETS, row);
        printf("epoch %2lld  loss", (long long)done);
        for (int k = 0; k < NETS; k++) printf("  %s %.4f", kinds[k].name, row[1 + k]);
        printf("  %.1f s\n", row[2 + 2 * NETS]);
        save(done);
    }
    csv_close(&curves);
    return done;
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Shows gradients that vanish, explode, and arrive.", options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    create_all();
    if (file) load(file);
    model_close(file, set.run.load);
    measure(flow[0]);
    print_flow("norm of the gradient by h, before learning", flow[0]);
    done = learn_all(done);
    save(done);
    const int status = stopped() ? stopped_status(done, set.run.save) : 0;
    if (!status) {
        measure(flow[1]);
        print_flow("and after it", flow[1]);
        write_flow();
    }
    release_all();
    return finish(status);
}
