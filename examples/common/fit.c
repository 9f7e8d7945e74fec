/* fit.c - a program that learns from samples; see fit.h. */
#include "fit.h"
#include "clock.h"
#include "csv.h"
#include "dice.h"
#include "model.h"
#include "progress.h"
#include "stop.h"
#include "try.h"

#include <stdio.h>
#include <stdlib.h>

/* A run of a program. */
typedef struct {
    const fit_program *program;
    fit_sizes sizes;
} fit_task;

/* All samples in the given order, batch by batch; an interrupt ends training early. */
static score pass(const fit_task *task, int learn, const int64_t *order, int64_t samples)
{
    score s = { 0, 0, 0 };
    TRY(recur_tape_set_mode(task->program->run->tape,
                            learn ? RECUR_TAPE_TRAIN : RECUR_TAPE_EVALUATE));
    for (int64_t i = 0; i < samples && !(learn && stopped()); i += task->sizes.batch) {
        task->program->step(learn, order + i,
                            samples - i < task->sizes.batch ? samples - i : task->sizes.batch, &s);
        if (learn) progress_show(&s);
    }
    return s;
}

/* The rate of an epoch (the first is 1), from that of the first. */
static double rate_of(const fit_task *task, int64_t epoch, double rate)
{
    const recur_schedule falling = { .size = sizeof falling,
                                     .kind = RECUR_SCHEDULE_EXPONENTIAL,
                                     .rate = rate,
                                     .gamma = task->sizes.decay };
    return task->sizes.decay > 0 ? recur_schedule_rate(&falling, epoch - 1) : rate;
}

/* The order depends on seed and epoch alone, the rate on the epoch: a run that is loaded goes on as
 * if it had never stopped. */
static score train(const fit_task *task, int64_t epoch, double rate, int64_t *order)
{
    TRY(recur_optimizer_set_rate(task->program->run->optimizer, rate_of(task, epoch, rate)));
    dice d = dice_for((uint64_t)task->program->settings->seed, 0x10000 + (uint64_t)epoch);
    shuffled(&d, task->sizes.train, order);
    TRY(recur_tape_set_seed(task->program->run->tape, (uint64_t)epoch));
    progress_begin(epoch, task->program->settings->epochs, task->sizes.train);
    return pass(task, 1, order, task->sizes.train);
}

static score test(const fit_task *task, int64_t *order)
{
    for (int64_t i = 0; i < task->sizes.test; i++) order[i] = i;
    return pass(task, 0, order, task->sizes.test);
}

static void save(const fit_task *task, int64_t done)
{
    if (!task->program->settings->save) return;
    recur_file *file = model_new(task->program->options, done);
    run_save(task->program->run, file, "");
    model_write(file, task->program->settings->save);
}

/* Goes on after `done` epochs. Gives the exit status, 0 or that of an interrupted program; the
 * score of the last test in held_out. */
static int learn(const fit_task *task, int64_t done, score *held_out)
{
    const run_settings *set = task->program->settings;
    csv curves = csv_open(set->csv,
                          "epoch,train_loss,train_accuracy,test_loss,test_accuracy,seconds",
                          set->load != NULL);
    int64_t *order = NEW(int64_t, task->sizes.train > task->sizes.test ? task->sizes.train
                                                                       : task->sizes.test);
    const double rate = recur_optimizer_rate(task->program->run->optimizer);
    *held_out = (score){ 0, 0, 0 };
    stop_on_interrupt();
    if (done >= set->epochs) *held_out = test(task, order);
    while (done < set->epochs && !stopped()) {
        const double start = seconds();
        const score trained = train(task, done + 1, rate, order);
        const double time = seconds() - start;
        if (!stopped()) {
            *held_out = test(task, order);
            score_line(++done, &trained, held_out, time, task->program->what);
            csv_row(&curves, 6,
                    (double[]){ (double)done, score_loss(&trained), score_accuracy(&trained),
                                score_loss(held_out), score_accuracy(held_out), time });
        }
        save(task, done); /* after every epoch, and where an interrupt came */
    }
    free(order);
    csv_close(&curves);
    return stopped() ? stopped_status(done, set->save) : 0;
}

int fit(int argc, char **argv, const fit_program *program)
{
    int64_t done;
    options_parse(argc, argv, program->purpose, program->options);
    const char *path = program->settings->load;
    recur_file *file = model_open(path, program->options, &done);
    const fit_task task = { program, program->create() };
    if (file) run_load(program->run, file, "");
    model_close(file, path);
    score held_out;
    const int status = learn(&task, done, &held_out);
    if (!status && program->show) program->show();
    if (!status)
        printf("test loss %.4f\ntest accuracy %.2f%%\n", score_loss(&held_out),
               score_accuracy(&held_out));
    program->release();
    return finish(status);
}
