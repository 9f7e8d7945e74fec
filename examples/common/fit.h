/* fit.h - a program that learns from samples: options, model file, and epochs: shuffle, train batch
 * by batch, test, report, save; until all are done or Ctrl-C. What a batch is, and how a network
 * learns from it, is the program's own. */
#ifndef EXAMPLES_FIT_H
#define EXAMPLES_FIT_H

#include "options.h"
#include "run.h"
#include "score.h"

/* What a program has to learn with. */
typedef struct {
    int64_t train, test; /* sizes of the two sets   */
    int64_t batch;       /* most samples in a batch */
    double decay;        /* the learning rate is multiplied by this after every epoch; 0: by 1 */
} fit_sizes;

typedef struct {
    const char *purpose; /* for --help */
    const option_row *options;
    const run_settings *settings;
    run *run;         /* made by create               */
    const char *what; /* what a sample is: "strings"  */

    /* Makes the data, the network and what batches need, from the options; and its opposite. */
    fit_sizes (*create)(void);
    void (*release)(void);

    /* Runs the samples order[0..n-1] of the training set, learning from them, or of the test set;
     * adds to s. */
    void (*step)(int learn, const int64_t *order, int64_t n, score *s);

    /* Prints what else there is to say when all epochs are done. NULL: nothing. */
    void (*show)(void);
} fit_program;

/* The whole program: options, model file, epochs. Gives the exit status. */
int fit(int argc, char **argv, const fit_program *program);

#endif
