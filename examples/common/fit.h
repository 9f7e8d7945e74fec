/* fit.h - the epochs of a classifier: shuffle, train batch by batch, test, report, save; until all are done or
 * Ctrl-C. What a batch is, and how a network learns from it, is the program's own. */
#ifndef EXAMPLES_FIT_H
#define EXAMPLES_FIT_H

#include "options.h"
#include "run.h"
#include "score.h"

typedef struct {
    run *run;
    const run_settings *settings;
    const option_row *options; /* for the model file           */
    int64_t train, test;       /* sizes of the two sets        */
    int64_t batch;             /* most samples in a batch      */
    const char *what;          /* what a sample is: "strings"  */
    double decay;              /* the learning rate is multiplied by this after every epoch; 0: by 1 */

    /* Runs the samples order[0..n-1] of the training set, learning from them, or of the test set; adds to s. */
    void (*step)(int learn, const int64_t *order, int64_t n, score *s);
} fit_task;

/* Goes on after `done` epochs. Gives the exit status, 0 or that of an interrupted program; the score of the last test
 * in held_out. */
int fit(const fit_task *task, int64_t done, score *held_out);

#endif
