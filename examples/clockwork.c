/* clockwork.c - a long waveform from nothing: there is no input, and a number comes out at every
 * step.
 *
 *     period 1 ◀── period 2 ◀── period 4 ◀── ... ◀── period 256
 *         └───────────┴────────────┴───── ... ─────────┴──▶ y_t
 *
 * These are the modules of a hidden layer; each feeds itself too. The modules of a clockwork RNN
 * (Koutnik, Greff, Gomez and Schmidhuber 2014) update at every first, second, fourth ... step. Slow
 * ones hold the outline, and their gradients pass few updates; fast ones draw the detail. Here it
 * learns one waveform of some hundred samples by heart, as in the paper's first experiment, beside
 * a plain RNN and an LSTM with no more parameters than it has.
 *
 * Initial states are learned: without an input they are all that tells the beginning from the
 * middle.
 *
 * The program shows clockwork RNNs, learned initial states, one long sequence, and several runs
 * side by side. */
#include "common/clock.h"
#include "common/csv.h"
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

enum { NETS = 3, MOST_SEEDS = 20 };
static const struct {
    const char *name;
    int32_t cell;
} kinds[NETS] = { { "clockwork", RECUR_CELL_CLOCKWORK },
                  { "rnn", RECUR_CELL_RNN_TANH },
                  { "lstm", RECUR_CELL_LSTM } };

static struct {
    int64_t length, parameters, modules, seeds, updates;
    double lr, clip, forget_bias;
    const char *signal;
    run_settings run;
} set = { .length = 320,
          .parameters = 1000,
          .modules = 9,
          .seeds = 3,
          .updates = 50,
          .lr = 0.003,
          .clip = 1,
          .forget_bias = 5,
          .run = { .epochs = 20, .seed = 1 } };

static const option_row options[] = {
    COUNT("length", &set.length, 2, 100000, IN_MODEL, "samples of the waveform"),
    COUNT("parameters", &set.parameters, 30, 1e7, IN_MODEL, "most parameters of each network"),
    COUNT("modules", &set.modules, 1, RECUR_MOST_MODULES, IN_MODEL,
          "modules of the clockwork, of periods 1, 2, 4 ..."),
    COUNT("seeds", &set.seeds, 1, MOST_SEEDS, IN_MODEL,
          "networks of each kind, with start values of their own"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    NUMBER("clip", &set.clip, 0, 1e9, "largest norm of the gradient; 0: any"),
    NUMBER("forget-bias", &set.forget_bias, -100, 100, "start value of the LSTM's forget bias"),
    COUNT("updates", &set.updates, 1, 1e6, ON_LINE_ONLY, "updates of each network in an epoch"),
    TEXT("signal", &set.signal, "FILE",
         "write the waveform there, and what the best network of each kind makes of it"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- the networks --------------------------------------------------------------------------- */

/* Counts the parameters that do something: there is no input, and a clockwork does not use the
 * weights from faster to slower modules. */
static int64_t used(int32_t cell, int64_t H)
{
    const int64_t gates = cell == RECUR_CELL_LSTM ? 4 : 1, states = cell == RECUR_CELL_LSTM ? 2 : 1;
    const int64_t size = H / set.modules;
    const int64_t U = cell == RECUR_CELL_CLOCKWORK
                          ? size * size * set.modules * (set.modules + 1) / 2
                          : gates * H * H;
    return U + gates * H + states * H + H + 1; /* bias, initial states, output */
}

static int64_t hidden(int32_t cell)
{
    const int64_t unit = cell == RECUR_CELL_CLOCKWORK ? set.modules : 1;
    int64_t H = unit;
    while (used(cell, H + unit) <= set.parameters) H += unit;
    return H;
}

static recur_layer *make_net(int k, uint64_t seed)
{
    recur_layer *part[2];
    const char *const names[] = { "rnn", "fc" };
    const int64_t H = hidden(kinds[k].cell);
    const recur_clockwork_options clockwork = { .size = sizeof clockwork,
                                                .modules = (int32_t)set.modules };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = kinds[k].cell,
                                          .input_size = 1,
                                          .hidden_size = H,
                                          .flags = RECUR_LAYER_LEARN_INITIAL_STATE,
                                          .clockwork = kinds[k].cell == RECUR_CELL_CLOCKWORK
                                                           ? &clockwork
                                                           : NULL };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_linear_create(NULL, H, 1, 0, &part[1]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    if (kinds[k].cell == RECUR_CELL_LSTM)
        TRY(recur_layer_init(net, "rnn.*", RECUR_INIT_FORGET_BIAS, set.forget_bias, 0));
    return net;
}

/* ---- learning ------------------------------------------------------------------------------- */

static run runs[NETS][MOST_SEEDS];
static double error[NETS][MOST_SEEDS];
static recur_packed *packed;
static float *nothing, *wave, *y, *dy; /* [length] */

/* The wave is something like music: a slow swell, a melody of tones that change, and overtones,
 * from -1 to 1. */
static void make_wave(void)
{
    static const double tones[] = { 1, 1.5, 1.25, 2, 1.75, 1.125, 1.5, 0.75 };
    const double turn = 2 * 3.14159265358979323846;
    double phase = 0;
    for (int64_t t = 0; t < set.length; t++) {
        const double at = (double)t / (double)set.length;
        phase += turn * tones[(int)(8 * at)] / 40;
        wave[t] = (float)(0.45 * sin(turn * at) + (0.3 + 0.15 * cos(2 * turn * at)) * sin(phase) +
                          0.1 * sin(3 * phase));
    }
}

static double forward(run *r)
{
    double loss;
    TRY(recur_layer_forward(r->net, packed, nothing, NULL, y, r->tape));
    TRY(recur_loss_values(r->loss, set.length, 1, y, wave, &loss, dy));
    if (!isfinite(loss))
        die("the loss is %g: training has run away; a smaller --lr may help", loss);
    return loss;
}

static double learn(run *r)
{
    const double loss = forward(r);
    memset(r->grads, 0, (size_t)r->count * sizeof *r->grads);
    TRY(recur_layer_backward(r->net, packed, nothing, dy, NULL, NULL, r->grads, r->tape));
    recur_clip_norm(r->grads, r->count, set.clip);
    TRY(recur_optimizer_step(r->optimizer, recur_layer_params(r->net), r->grads, r->count, 1));
    return loss;
}

static double mean(int k)
{
    double sum = 0;
    for (int64_t i = 0; i < set.seeds; i++) sum += error[k][i];
    return sum / (double)set.seeds;
}

static void learn_epoch(int64_t epoch)
{
    score s = { 0, 0, 0 };
    progress_begin(epoch, set.run.epochs, set.updates);
    while (s.rows < set.updates && !stopped()) {
        for (int k = 0; k < NETS; k++)
            for (int64_t i = 0; i < set.seeds; i++) error[k][i] = learn(&runs[k][i]);
        s.rows++;
        s.loss += mean(0);
        progress_show(&s);
    }
    progress_end();
}

/* ---- the program ---------------------------------------------------------------------------- */

typedef void visitor(run *r, recur_file *file, const char *prefix);

static void each_run(visitor *visit, recur_file *file)
{
    for (int k = 0; k < NETS; k++)
        for (int64_t i = 0; i < set.seeds; i++) {
            char prefix[48];
            snprintf(prefix, sizeof prefix, "%s.%lld.", kinds[k].name, (long long)i);
            visit(&runs[k][i], file, prefix);
        }
}

static void save_run(run *r, recur_file *file, const char *prefix) { run_save(r, file, prefix); }

static void save(int64_t done)
{
    if (!set.run.save) return;
    recur_file *file = model_new(options, done);
    each_run(save_run, file);
    model_write(file, set.run.save);
}

static void create_all(void)
{
    const recur_loss_options mse = { .size = sizeof mse, .kind = RECUR_LOSS_MSE };
    for (int k = 0; k < NETS; k++) {
        const int64_t H = hidden(kinds[k].cell);
        printf("%-10s %4lld units, %lld parameters\n", kinds[k].name, (long long)H,
               (long long)used(kinds[k].cell, H));
        for (int64_t i = 0; i < set.seeds; i++)
            runs[k][i] = run_create(make_net(k, (uint64_t)(set.run.seed + i)), &mse, set.lr);
    }
    TRY(recur_packed_create(NULL, 1, NULL, set.length, &packed));
    nothing = NEW(float, set.length);
    wave = NEW(float, set.length);
    y = NEW(float, set.length);
    dy = NEW(float, set.length);
    make_wave();
}

static void release_all(void)
{
    for (int k = 0; k < NETS; k++)
        for (int64_t i = 0; i < set.seeds; i++) run_release(&runs[k][i]);
    recur_packed_release(packed);
    free(nothing);
    free(wave);
    free(y);
    free(dy);
}

static int64_t learn_all(int64_t done)
{
    csv curves = csv_open(set.run.csv, "epoch,clockwork_loss,rnn_loss,lstm_loss,seconds",
                          set.run.load != NULL);
    stop_on_interrupt();
    while (done < set.run.epochs && !stopped()) {
        const double start = seconds();
        learn_epoch(done + 1);
        const double time = seconds() - start;
        if (stopped()) break;
        csv_row(&curves, 5, (double[]){ (double)++done, mean(0), mean(1), mean(2), time });
        printf("epoch %2lld  loss  clockwork %.5f  rnn %.5f  lstm %.5f  %.1f s\n", (long long)done,
               mean(0), mean(1), mean(2), time);
        fflush(stdout);
        save(done);
    }
    csv_close(&curves);
    return done;
}

/* Prints the errors after the last update. */
static void test(void)
{
    for (int k = 0; k < NETS; k++) {
        printf("%-10s", kinds[k].name);
        for (int64_t i = 0; i < set.seeds; i++) {
            TRY(recur_tape_set_mode(runs[k][i].tape, RECUR_TAPE_EVALUATE));
            printf("  %.5f", error[k][i] = forward(&runs[k][i]));
        }
        printf("  mean %.5f\n", mean(k));
    }
}

static void write_signal(void)
{
    float *made = NEW(float, NETS *set.length);
    for (int k = 0; k < NETS; k++) {
        int64_t best = 0;
        for (int64_t i = 1; i < set.seeds; i++)
            if (error[k][i] < error[k][best]) best = i;
        TRY(recur_layer_forward(runs[k][best].net, packed, nothing, NULL, made + k * set.length,
                                NULL));
    }
    csv file = csv_open(set.signal, "sample,truth,clockwork,rnn,lstm", 0);
    for (int64_t t = 0; t < set.length; t++)
        csv_row(&file, 5,
                (double[]){ (double)t + 1, (double)wave[t], (double)made[t],
                            (double)made[set.length + t], (double)made[2 * set.length + t] });
    csv_close(&file);
    free(made);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv,
                  "Generates a waveform that was learned by heart: clockwork RNN, RNN and LSTM.",
                  options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    create_all();
    if (file) each_run(run_load, file);
    model_close(file, set.run.load);
    done = learn_all(done);
    save(done);
    const int status = stopped() ? stopped_status(done, set.run.save) : 0;
    if (!status) {
        test();
        write_signal();
        printf("mean squared error: clockwork %.5f, rnn %.5f, lstm %.5f\n", mean(0), mean(1),
               mean(2));
    }
    release_all();
    return finish(status);
}
