/* ctc.h - what the CTC loss and its decoders share: numbers as logarithms, and memory for one call.
 */
#ifndef RECUR__CTC_H
#define RECUR__CTC_H

#include <math.h>

#include "base/elementary.h"
#include "train/loss.h"

/* log(e^a + e^b); -infinity is the logarithm of 0. NaN stays. */
static inline double recur__log_add(double a, double b)
{
    if (a == -INFINITY) return b;
    if (b == -INFINITY) return a;
    const double larger = a > b ? a : b, difference = a > b ? b - a : a - b;
    return larger + recur__log1p(recur__exp(difference));
}

/* log Σ e^y over a row of logits: what makes log probabilities of them. */
double recur__log_sum(int64_t classes, const float *y);

/* What both doors check: the kind of the loss, the sizes, the blank. */
recur_status recur__ctc_check(const char *function, const recur_loss *loss,
                              const recur_packed *packed, int64_t classes);

#endif
