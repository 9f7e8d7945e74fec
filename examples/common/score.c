/* score.c - loss and accuracy of an epoch; see score.h. */
#include "score.h"
#include "progress.h"
#include "try.h"

#include <math.h>
#include <stdio.h>

void score_add(score *s, double mean_loss, int64_t rows, int64_t classes, const float *logits,
               const int32_t *labels, int32_t *guess)
{
    const recur_sample_options greedy = { .size = sizeof greedy, .top_k = 1 };
    if (!isfinite(mean_loss))
        die("the loss is %g: training has run away; a smaller --lr may help", mean_loss);
    TRY(recur_sample(&greedy, rows, classes, logits, 0, 0, guess));
    for (int64_t r = 0; r < rows; r++) s->right += guess[r] == labels[r];
    s->loss += mean_loss * (double)rows;
    s->rows += rows;
}

double score_loss(const score *s) { return s->rows ? s->loss / (double)s->rows : 0; }

double score_accuracy(const score *s)
{
    return s->rows ? 100.0 * (double)s->right / (double)s->rows : 0;
}

void score_line(int64_t epoch, const score *train, const score *test, double time,
                const char *rows_name)
{
    progress_end();
    printf("epoch %2lld  loss %.4f  accuracy %.2f%%  %.1f s", (long long)epoch, score_loss(train),
           score_accuracy(test), time);
    if (rows_name) printf("  %.0f %s/s", time > 0 ? (double)train->rows / time : 0, rows_name);
    putchar('\n');
    fflush(stdout);
}
