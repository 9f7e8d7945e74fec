/* loss.h - what the files of the losses share: a made loss, and the functions of its kind. */
#ifndef RECUR__LOSS_H
#define RECUR__LOSS_H

#include "base/base.h"

/* Value of rows whose labels are known to be fine. dy may be NULL; both are divided by what the loss divides by. */
typedef double recur__class_loss(const recur_loss *loss, int64_t rows, int64_t classes, const float *y,
                                 const int32_t *labels, float *dy);
typedef double recur__value_loss(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t,
                                 float *dy);

/* A kind: its functions, and which options it has. One of classes, values and sequences is set. */
typedef struct recur__loss_kind {
    int32_t kind; /* RECUR_LOSS_* */
    const char *name;
    recur__class_loss *classes;
    recur__value_loss *values;
    bool sequences; /* in ctc.c */
    bool smoothing, delta, class_weight, positive_weight;
} recur__loss_kind;

struct recur_loss {
    recur_context *ctx;
    size_t bytes; /* of this allocation */
    const recur__loss_kind *kind;
    bool sum, ignores, zero_infinity;
    int32_t ignore_index, blank;
    double smoothing, delta;
    int64_t classes; /* length of weight; 0 without */
    float *weight;   /* class_weight or positive_weight; NULL: ones */
};

/* Whether a label counts for something. */
static inline bool recur__label_counts(const recur_loss *loss, int32_t label)
{
    return label >= 0 && !(loss->ignores && label == loss->ignore_index);
}

recur__class_loss recur__cross_entropy, recur__nll;
recur__value_loss recur__mse, recur__l1, recur__huber, recur__bce_logits;

#endif
