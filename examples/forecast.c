/* forecast.c - from the prices of each day a number: how many shares change hands, or what the
 * price will be.
 *
 *     open, high, low, close ──▶ GRU, 2 hidden units ──▶ ReLU ──▶ 128 ──▶ ReLU ──▶ 1
 *
 * All days are one sequence, and every day has its target. The first --train of them are learned,
 * the whole batch at a time. Over the days that are learned, inputs have mean 0 and deviation 1,
 * and the target goes from 0 to 1. --ahead N aims at N days later. --apart makes every day a
 * sequence of its own, in which nothing can be remembered: it shows what becomes of the model when
 * days are mistaken for a batch.
 *
 * A ReLU behind two units can die: both units are negative on all days, no gradient reaches what is
 * below, and the forecast is the same for every day. The program reports such a run, and starts
 * again from another seed.
 *
 * The program shows regression, one long sequence, chains of many kinds, and bidirectional layers
 * with a head on both halves. */
#include "common/clock.h"
#include "common/csv.h"
#include "common/model.h"
#include "common/options.h"
#include "common/prices.h"
#include "common/progress.h"
#include "common/run.h"
#include "common/stop.h"
#include "common/try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { I = 4, HEAD = 128, INVENTED = 253, MOST_STARTS = 20 };

static const choice target_choices[] = { { "volume", PRICE_VOLUME },
                                         { "close", PRICE_CLOSE },
                                         { NULL, 0 } };

static struct {
    const char *data, *forecast;
    int32_t cell, target, bidirectional, apart;
    int64_t hidden, train, ahead, every;
    double lr;
    run_settings run;
} set = { .cell = RECUR_CELL_GRU,
          .target = PRICE_VOLUME,
          .hidden = 2,
          .train = 200,
          .every = 100,
          .lr = 1e-4,
          .run = { .epochs = 1000, .seed = 1 } };

static const option_row options[] = {
    TEXT("data", &set.data, "FILE",
         "daily prices (CSV with Open, High, Low, Close, Volume); without it they are invented"),
    CHOICE("target", &set.target, target_choices, IN_MODEL, "what is forecast"),
    COUNT("ahead", &set.ahead, 0, 1e6, IN_MODEL, "of how many days later"),
    COUNT("train", &set.train, 2, 1e9, IN_MODEL, "days that are learned, from the first"),
    CHOICE("cell", &set.cell, cell_choices, IN_MODEL, "kind of recurrence"),
    COUNT("hidden", &set.hidden, 1, 4096, IN_MODEL, "hidden units"),
    FLAG("bidirectional", &set.bidirectional, IN_MODEL, "read from both ends"),
    FLAG("apart", &set.apart, IN_MODEL, "every day is a sequence of its own"),
    NUMBER("lr", &set.lr, 1e-9, 10, "learning rate of Adam"),
    COUNT("every", &set.every, 1, 1e6, ON_LINE_ONLY, "epochs from line to line"),
    TEXT("forecast", &set.forecast, "FILE", "write truth and forecast of every day there"),
    RUN_OPTIONS(set.run),
    END_OF_OPTIONS,
};

/* ---- numbers -------------------------------------------------------------------------------- */

/* One layout has the days that are learned, one has all days; rows are in the order of days. The
 * target of the last --ahead days is not known. */
static prices shares;
static int64_t days, known;
static float *x, *target; /* [days][I], [known] */
static float *y, *dy;     /* [days]             */
static double low, high;  /* of the target      */

static void scale_column(const prices *p, int column, float *to)
{
    double mean = 0, square = 0;
    for (int64_t i = 0; i < set.train; i++) mean += p->day[i][column] / (double)set.train;
    for (int64_t i = 0; i < set.train; i++)
        square += pow(p->day[i][column] - mean, 2) / (double)set.train;
    const double deviation = square > 0 ? sqrt(square) : 1;
    for (int64_t i = 0; i < p->n; i++) to[i * I] = (float)((p->day[i][column] - mean) / deviation);
}

static void load_prices(void)
{
    const prices p = shares = prices_of(set.data, (uint64_t)set.run.seed, INVENTED);
    days = p.n;
    known = p.n - set.ahead;
    if (known < set.train)
        die("%lld days are %lld with a target; %lld are to be learned", (long long)days,
            (long long)(known > 0 ? known : 0), (long long)set.train);
    x = NEW(float, days *I);
    target = NEW(float, known);
    y = NEW(float, days);
    dy = NEW(float, days);
    for (int column = 0; column < I; column++) scale_column(&p, column, x + column);
    low = INFINITY;
    high = -INFINITY;
    for (int64_t i = 0; i < set.train; i++) {
        low = fmin(low, p.day[i + set.ahead][set.target]);
        high = fmax(high, p.day[i + set.ahead][set.target]);
    }
    if (!(high > low)) die("the target is %g on all days", low);
    for (int64_t i = 0; i < known; i++)
        target[i] = (float)((p.day[i + set.ahead][set.target] - low) / (high - low));
}

/* ---- the network ---------------------------------------------------------------------------- */

static run r;
static recur_packed *learned, *all; /* layouts of the days that are learned, and of all */

static recur_layer *make_net(uint64_t seed)
{
    recur_layer *part[5];
    const char *const names[] = { "rnn", "relu1", "fc1", "relu2", "fc2" };
    const int64_t features = set.hidden * (set.bidirectional ? 2 : 1);
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = set.cell,
                                          .input_size = I,
                                          .hidden_size = set.hidden,
                                          .direction = set.bidirectional
                                                           ? RECUR_DIRECTION_BIDIRECTIONAL
                                                           : RECUR_DIRECTION_FORWARD };
    TRY(recur_recurrent_create(NULL, &rnn, &part[0]));
    TRY(recur_activation_create(NULL, features, RECUR_ACTIVATION_RELU, &part[1]));
    TRY(recur_linear_create(NULL, features, HEAD, 0, &part[2]));
    TRY(recur_activation_create(NULL, HEAD, RECUR_ACTIVATION_RELU, &part[3]));
    TRY(recur_linear_create(NULL, HEAD, 1, 0, &part[4]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 5, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    return net;
}

static void start_run(uint64_t seed)
{
    const recur_loss_options mse = { .size = sizeof mse, .kind = RECUR_LOSS_MSE };
    r = run_create(make_net(seed), &mse, set.lr);
}

/* Makes a layout of one sequence of n steps, or of n sequences of one step. */
static recur_packed *layout_of(int64_t n)
{
    recur_packed *packed;
    TRY(recur_packed_create(NULL, set.apart ? n : 1, NULL, set.apart ? 1 : n, &packed));
    return packed;
}

static double learn_epoch(void)
{
    double loss;
    memset(r.grads, 0, (size_t)r.count * sizeof *r.grads);
    TRY(recur_layer_forward(r.net, learned, x, NULL, y, r.tape));
    TRY(recur_loss_values(r.loss, set.train, 1, y, target, &loss, dy));
    if (!isfinite(loss))
        die("the loss is %g: training has run away; a smaller --lr may help", loss);
    TRY(recur_layer_backward(r.net, learned, x, dy, NULL, NULL, r.grads, r.tape));
    TRY(recur_optimizer_step(r.optimizer, recur_layer_params(r.net), r.grads, r.count, 1));
    return loss;
}

/* Says whether the forecast of the last epoch is the same for every day. */
static int is_dead(void)
{
    for (int64_t i = 1; i < set.train; i++)
        if (y[i] != y[0]) return 0;
    return 1;
}

/* Gives the loss on days that were not learned, or on all if there are none; y has the forecast of
 * every day. */
static double test(void)
{
    double loss;
    const int64_t from = known > set.train ? set.train : 0;
    TRY(recur_layer_forward(r.net, all, x, NULL, y, NULL));
    TRY(recur_loss_values(r.loss, known - from, 1, y + from, target + from, &loss, NULL));
    return loss;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* Runs the epochs after `done`, until all are done (1), the run has died (0), or an interrupt came
 * (1). */
static int learn(int64_t *done, const csv *curves)
{
    const double start = seconds();
    while (*done < set.run.epochs && !stopped()) {
        const double loss = learn_epoch();
        if (is_dead()) {
            progress_end();
            printf("epoch %4lld  loss %.4f  dead: the forecast is the same for every day\n",
                   (long long)*done, loss);
            return 0;
        }
        csv_row(curves, 3, (double[]){ (double)*done + 1, loss, seconds() - start });
        if (*done % set.every == 0) printf("epoch %4lld  loss %.4f\n", (long long)*done, loss);
        fflush(stdout);
        ++*done;
    }
    return 1;
}

/* A run that has died leaves nothing behind, not even its curve. */
static int64_t learn_alive(int64_t done)
{
    static const char header[] = "epoch,loss,seconds";
    csv curves = csv_open(set.run.csv, header, set.run.load != NULL);
    stop_on_interrupt();
    for (int64_t starts = 2; !learn(&done, &curves); starts++) {
        if (starts > MOST_STARTS)
            die("dead after each of %d starts; more --hidden units would help", MOST_STARTS);
        printf("starting again (start %lld)\n", (long long)starts);
        csv_close(&curves);
        curves = csv_open(set.run.csv, header, 0);
        run_release(&r);
        start_run(recur_random((uint64_t)set.run.seed, (uint64_t)starts));
        done = 0;
    }
    csv_close(&curves);
    return done;
}

static void write_forecast(void)
{
    csv file = csv_open(set.forecast, "day,truth,forecast,learned", 0);
    for (int64_t i = 0; i < known; i++)
        csv_row(&file, 4,
                (double[]){ (double)(i + 1), shares.day[i + set.ahead][set.target],
                            low + (high - low) * (double)y[i], i < set.train });
    csv_close(&file);
}

static void save(int64_t done)
{
    if (!set.run.save) return;
    recur_file *file = model_new(options, done);
    run_save(&r, file, "");
    model_write(file, set.run.save);
}

int main(int argc, char **argv)
{
    options_parse(argc, argv, "Forecasts a number for every day from daily prices.", options);
    int64_t done;
    recur_file *file = model_open(set.run.load, options, &done);
    load_prices();
    learned = layout_of(set.train);
    all = layout_of(days);
    start_run((uint64_t)set.run.seed);
    if (file) run_load(&r, file, "");
    model_close(file, set.run.load);
    done = learn_alive(done);
    save(done);
    const int status = stopped() ? stopped_status(done, set.run.save) : 0;
    if (!status) {
        const double loss = test();
        write_forecast();
        printf("after %lld epochs: test loss %.4f\n", (long long)done, loss);
    }
    run_release(&r);
    recur_packed_release(learned);
    recur_packed_release(all);
    prices_release(&shares);
    free(x);
    free(target);
    free(y);
    free(dy);
    return finish(status);
}
