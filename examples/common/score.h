/* score.h - loss and accuracy over the batches of an epoch, and how an epoch is reported. */
#ifndef EXAMPLES_SCORE_H
#define EXAMPLES_SCORE_H

#include <stdint.h>

typedef struct {
    double loss; /* summed over rows */
    int64_t right, rows;
} score;

/* Adds a batch: its mean loss, and how many of the likeliest classes, which come back in guess, are
 * right. A loss that is not finite ends the program. logits [rows][classes], labels [rows], guess
 * [rows]. */
void score_add(score *s, double mean_loss, int64_t rows, int64_t classes, const float *logits,
               const int32_t *labels, int32_t *guess);

double score_loss(const score *s);     /* mean */
double score_accuracy(const score *s); /* per cent */

/* Prints the line of an epoch: the loss in training, the accuracy of the test, the time of
 * training, and rows per second, if they have a name ("sequences"). */
void score_line(int64_t epoch, const score *train, const score *test, double time,
                const char *rows_name);

#endif
