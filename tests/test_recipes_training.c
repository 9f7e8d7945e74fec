/* test_recipes_training.c - the recipes of docs/recipes.md about batches and runs: losses of every
 * step, parts of a batch, threads, rates. Each against a law that says what its numbers must be. */
#include <pthread.h>

#include "support/recipes.h"

static const recur_loss_options MEAN = { .size = sizeof MEAN, .kind = RECUR_LOSS_CROSS_ENTROPY };
static const recur_loss_options SUM = { .size = sizeof SUM,
                                        .kind = RECUR_LOSS_CROSS_ENTROPY,
                                        .flags = RECUR_LOSS_SUM };
static const recur_optimizer_options SGD = { .size = sizeof SGD,
                                             .kind = RECUR_OPTIMIZER_SGD,
                                             .rate = 0.5 };

static recur_loss *loss_of(recur_context *ctx, const recur_loss_options *options)
{
    recur_loss *loss = NULL;
    OK(recur_loss_create(ctx, options, &loss));
    return loss;
}

/* ---- losses of every step ------------------------------------------------------------------- */

enum { BATCH = 4, LONGEST = 5, TAGGED = 10 };
static const int64_t LENGTHS[BATCH] = { 3, 0, 5, 2 };

/* Runs a pass over a packed layout with a loss, whose value it gives. Gradients are added. */
static double learn(recur_context *ctx, const recur_layer *net, const recur_packed *packed,
                    const recur_loss *loss, const float *x, const int32_t *labels, float *grads)
{
    const int64_t rows = recur_packed_rows(packed);
    float *y = floats(rows * C), *dy = floats(rows * C);
    double value = NAN;
    recur_tape *tape = tape_of(ctx);
    OK(recur_layer_forward(net, packed, x, NULL, y, tape));
    OK(recur_loss_classes(loss, rows, C, y, labels, &value, dy));
    OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape));
    recur_tape_release(tape);
    return value;
}

/* A packed batch with its labels packed beside it is a padded one whose padding has labels that
 * count for nothing. */
static void every_step(recur_context *ctx, int k)
{
    recur_layer *net = model(ctx, k);
    recur_packed *packed = layout(ctx, BATCH, LENGTHS, LONGEST),
                 *dense = layout(ctx, BATCH, NULL, LONGEST);
    recur_loss *mean = loss_of(ctx, &MEAN);
    const int64_t P = recur_layer_param_count(net);
    float *padded = randoms(LONGEST * BATCH * I, 1), *x = floats(TAGGED * I);
    int32_t *given = random_ids(LONGEST * BATCH, C), labels[TAGGED];
    OK(recur_packed_pack(packed, RECUR_LAYOUT_TIME_FIRST, I * sizeof *x, padded, x));
    OK(recur_packed_pack(packed, RECUR_LAYOUT_TIME_FIRST, sizeof *labels, given, labels));
    for (int64_t b = 0; b < BATCH; b++)
        for (int64_t t = LENGTHS[b]; t < LONGEST; t++) given[t * BATCH + b] = -1;
    float *ours = zeros(P), *theirs = zeros(P);
    const double a = learn(ctx, net, packed, mean, x, labels, ours),
                 b = learn(ctx, net, dense, mean, padded, given, theirs);
    assert_true(fabs(a - b) < 1e-6);
    check_near("dparams", P, ours, theirs, GRADIENTS);
    recur_loss_release(mean);
    recur_packed_release(packed);
    recur_packed_release(dense);
    recur_layer_release(net);
}
RECIPE(every_step)

/* Rows that are divided by their sequence's length, and by the number of sequences, give the mean
 * of what each sequence alone costs. */
static void every_sequence(recur_context *ctx, int k)
{
    recur_layer *net = model(ctx, k);
    recur_packed *packed = layout(ctx, BATCH, LENGTHS, 0), *alone = layout(ctx, 1, NULL, 1);
    recur_loss *mean = loss_of(ctx, &MEAN), *sum = loss_of(ctx, &SUM);
    const int64_t P = recur_layer_param_count(net);
    const float *x = randoms(TAGGED * I, 1);
    const int32_t *labels = random_ids(TAGGED, C);
    float *y = floats(TAGGED * C), *dy = floats(TAGGED * C), *grads = zeros(P), *want = zeros(P),
          x1[LONGEST * I];
    recur_tape *tape = tape_of(ctx);
    OK(recur_layer_forward(net, packed, x, NULL, y, tape));
    OK(recur_loss_classes(sum, TAGGED, C, y, labels, NULL, dy));
    for (int64_t b = 0; b < BATCH; b++)
        for (int64_t t = 0; t < LENGTHS[b]; t++)
            for (int64_t c = 0; c < C; c++)
                dy[recur_packed_row(packed, b, t) * C + c] /= (float)(LENGTHS[b] * BATCH);
    OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape));
    for (int64_t b = 0; b < BATCH; b++) {
        int32_t labels1[LONGEST];
        if (LENGTHS[b] == 0) continue;
        for (int64_t t = 0; t < LENGTHS[b]; t++) {
            const int64_t row = recur_packed_row(packed, b, t);
            memcpy(x1 + t * I, x + row * I, I * sizeof *x1);
            labels1[t] = labels[row];
        }
        OK(recur_packed_reset(alone, 1, NULL, LENGTHS[b]));
        learn(ctx, net, alone, mean, x1, labels1, want);
    }
    for (int64_t i = 0; i < P; i++) want[i] /= BATCH;
    check_near("dparams", P, grads, want, GRADIENTS);
    recur_tape_release(tape);
    recur_loss_release(mean);
    recur_loss_release(sum);
    recur_packed_release(packed);
    recur_packed_release(alone);
    recur_layer_release(net);
}
RECIPE(every_sequence)

/* ---- parts of a batch ----------------------------------------------------------------------- */

static const int64_t FIRST[] = { 3, 0, 5 }, SECOND[] = { 2, 4 }, WHOLE[] = { 3, 0, 5, 2, 4 };
enum { FIRST_ROWS = 8, SECOND_ROWS = 6, ALL_ROWS = 14 };

/* A batch may be run in parts: their summed gradient, clipped at rows times the norm and divided by
 * rows in the step, gives one step of the whole. */
static void parts_of_a_batch(recur_context *ctx, int k)
{
    recur_layer *net = model(ctx, k);
    const int64_t P = recur_layer_param_count(net);
    const float *x = randoms(ALL_ROWS * I, 1), *params = copy_of(P, recur_layer_params(net));
    const int32_t *labels = random_ids(ALL_ROWS, C);
    recur_packed *part[2] = { layout(ctx, COUNT(FIRST), FIRST, 0),
                              layout(ctx, COUNT(SECOND), SECOND, 0) };
    recur_packed *whole = layout(ctx, COUNT(WHOLE), WHOLE, 0);
    recur_loss *mean = loss_of(ctx, &MEAN), *sum = loss_of(ctx, &SUM);
    recur_optimizer *sgd = NULL;
    OK(recur_optimizer_create(ctx, &SGD, P, &sgd));
    const double norm = 0.05; /* below that of the gradient: it is clipped */

    float *grads = zeros(P);
    int64_t rows = 0;
    double value = 0;
    for (int i = 0; i < 2; i++) { /* x and labels here: joined, sequence after sequence */
        int32_t packed_labels[ALL_ROWS];
        OK(recur_packed_pack(part[i], RECUR_LAYOUT_JOINED, sizeof *labels, labels + rows,
                             packed_labels));
        value += learn(ctx, net, part[i], sum,
                       packed_of(part[i], RECUR_LAYOUT_JOINED, I, x + rows * I), packed_labels,
                       grads);
        rows += recur_packed_rows(part[i]);
    }
    assert_true(recur_clip_norm(grads, P, norm * (double)rows) > norm * (double)rows);
    OK(recur_optimizer_step(sgd, recur_layer_params(net), grads, P, 1.0 / (double)rows));
    const float *parts = copy_of(P, recur_layer_params(net));

    memcpy(recur_layer_params(net), params, (size_t)P * sizeof(float));
    int32_t all_labels[ALL_ROWS];
    OK(recur_packed_pack(whole, RECUR_LAYOUT_JOINED, sizeof *labels, labels, all_labels));
    grads = zeros(P);
    const double want = learn(ctx, net, whole, mean, packed_of(whole, RECUR_LAYOUT_JOINED, I, x),
                              all_labels, grads);
    assert_true(fabs(value / (double)rows - want) < 1e-6);
    recur_clip_norm(grads, P, norm);
    OK(recur_optimizer_step(sgd, recur_layer_params(net), grads, P, 1));
    check_near("params", P, parts, recur_layer_params(net), GRADIENTS);
    recur_packed_release(part[0]);
    recur_packed_release(part[1]);
    recur_packed_release(whole);
    recur_loss_release(mean);
    recur_loss_release(sum);
    recur_optimizer_release(sgd);
    recur_layer_release(net);
}
RECIPE(parts_of_a_batch)

/* ---- two threads ---------------------------------------------------------------------------- */

typedef struct share {
    const recur_layer *net;
    const recur_packed *packed;
    const recur_loss *sum;
    recur_tape *tape;
    const float *x;
    const int32_t *labels;
    float *y, *dy, *grads;
    double value;
    recur_status status;
} share;

static void *work(void *argument)
{
    share *s = argument;
    const int64_t rows = recur_packed_rows(s->packed);
    s->status = recur_layer_forward(s->net, s->packed, s->x, NULL, s->y, s->tape);
    if (!s->status)
        s->status = recur_loss_classes(s->sum, rows, C, s->y, s->labels, &s->value, s->dy);
    if (!s->status)
        s->status = recur_layer_backward(s->net, s->packed, s->x, s->dy, NULL, NULL, s->grads,
                                         s->tape);
    return NULL;
}

/* Two threads on one layer, each with a tape and gradients of its own, give the bits that they give
 * one after the other. */
static void two_threads(void **unused)
{
    (void)unused;
    for (int k = 0; k < PLAIN; k++) {
        trying("%s", KINDS[k].name);
        dice((uint64_t)k + 3);
        recur_layer *net = model(NULL, k);
        recur_loss *sum = loss_of(NULL, &SUM);
        recur_packed *packed[2] = { layout(NULL, COUNT(FIRST), FIRST, 0),
                                    layout(NULL, COUNT(SECOND), SECOND, 0) };
        const int64_t P = recur_layer_param_count(net);
        share alone[2], both[2];
        for (int i = 0; i < 2; i++) {
            const int64_t rows = recur_packed_rows(packed[i]);
            alone[i] = (share){ net,
                                packed[i],
                                sum,
                                tape_of(NULL),
                                randoms(rows * I, 1),
                                random_ids(rows, C),
                                floats(rows * C),
                                floats(rows * C),
                                zeros(P),
                                NAN,
                                RECUR_OK };
            both[i] = alone[i];
            both[i].tape = tape_of(NULL);
            both[i].y = floats(rows * C);
            both[i].dy = floats(rows * C);
            both[i].grads = zeros(P);
        }
        pthread_t thread[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, work, &both[i]), 0);
        for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
        for (int i = 0; i < 2; i++) {
            work(&alone[i]);
            OK(alone[i].status);
            OK(both[i].status);
            assert_true(alone[i].value == both[i].value);
            check_same("dparams", P, both[i].grads, alone[i].grads);
            recur_tape_release(alone[i].tape);
            recur_tape_release(both[i].tape);
            recur_packed_release(packed[i]);
        }
        recur_loss_release(sum);
        recur_layer_release(net);
    }
}

/* ---- rates and ends of a run ---------------------------------------------------------------- */

/* A gradient of 1 moves a parameter by the sum of all rates: a ramp, and half a wave about its
 * middle. */
static void warm_up(void **unused)
{
    (void)unused;
    enum { ALL = 100, WARM = 10 };
    const recur_schedule cosine = { .size = sizeof cosine,
                                    .kind = RECUR_SCHEDULE_COSINE,
                                    .rate = 0.25,
                                    .final_rate = 0.05,
                                    .period = ALL,
                                    .warm_up = WARM };
    recur_optimizer *sgd = NULL;
    OK(recur_optimizer_create(NULL, &SGD, 1, &sgd));
    float param = 0;
    const float grad = 1;
    for (int64_t step = 0; step < ALL; step++) {
        OK(recur_optimizer_set_rate(sgd, recur_schedule_rate(&cosine, step)));
        OK(recur_optimizer_step(sgd, &param, &grad, 1, 1));
    }
    const double ramp = 0.25 * (WARM + 1) / 2,
                 wave = (ALL - WARM) * (0.25 + 0.05) / 2 + (0.25 - 0.05) / 2;
    assert_true(fabs((double)param + ramp + wave) < 1e-4);
    recur_optimizer_release(sgd);
}

/* Stops when no value has been better for so long, with the parameters of the best. */
static void early_stop(void **unused)
{
    (void)unused;
    enum { PATIENCE = 4 };
    static const double values[] = { 5, 3, 4, 2, 2.5, 2.5, 2.1, 2.2, 1, 1 };
    recur_layer *net = model(NULL, 0);
    const int64_t P = recur_layer_param_count(net);
    float *best = floats(P), *params = recur_layer_params(net);
    recur_plateau plateau = { .size = sizeof plateau, .rate = 1, .factor = 0.5, .patience = 1 };
    int64_t seen = 0, stale = 0, epoch = 0;
    for (; epoch < COUNT(values) && stale < PATIENCE; epoch++) {
        params[3] = (float)epoch; /* training */
        OK(recur_plateau_step(&plateau, values[epoch]));
        stale++;
        if (plateau.improvements > seen) {
            memcpy(best, params, (size_t)P * sizeof *best);
            seen = plateau.improvements;
            stale = 0;
        }
    }
    memcpy(params, best, (size_t)P * sizeof *best);
    assert_int_equal(epoch, 8); /* the 1 was not waited for */
    assert_true(params[3] == 3);
    assert_true(plateau.best == 2);
    assert_true(plateau.rate == 0.25); /* fell after 2.5 2.5 and after 2.1 2.2 */
    recur_layer_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(recipe_every_step),
                                        TEST(recipe_every_sequence),
                                        TEST(recipe_parts_of_a_batch),
                                        TEST(two_threads),
                                        TEST(warm_up),
                                        TEST(early_stop) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
