/* loss.h - what the files of the losses share: a made loss, and the functions of its kind. */
#ifndef RECUR__LOSS_H
#define RECUR__LOSS_H

#include "base/base.h"

/* Value of rows whose labels are known to be fine. dy may be NULL; both are divided by what the
 * loss divides by. */
typedef double recur__class_loss(const recur_loss *loss, int64_t rows, int64_t classes,
                                 const float *y, const int32_t *labels, float *dy);
typedef double recur__value_loss(const recur_loss *loss, int64_t rows, int64_t features,
                                 const float *y, const float *t, float *dy);

/* One call of recur_loss_sampled, checked: R rows of F features, V classes. dh, dW and db may be
 * NULL, b too. */
typedef struct recur__sampled {
    const recur_loss *loss;
    int64_t R, F, V;
    const float *h, *W, *b; /* [R][F], [V][F], [V] */
    const int32_t *labels;  /* [R] */
    uint64_t seed, counter;
    double scale; /* 1 over what the loss divides by */
    float *dh, *dW, *db;
    recur_tape *tape;
} recur__sampled;
typedef recur_status recur__sampled_loss(const recur__sampled *call, double *value);

/* A kind: its functions, and which options it has. One of classes, values, sampled and sequences is
 * set. */
typedef struct recur__loss_kind {
    int32_t kind; /* RECUR_LOSS_* */
    const char *name;
    recur__class_loss *classes;
    recur__value_loss *values;
    recur__sampled_loss *sampled;
    bool sequences;         /* in ctc.c */
    bool draws_every_class; /* a class that is never drawn has no probability as a label */
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
    int64_t samples; /* drawn classes; 0: no sampled kind */
    double *cdf;     /* [classes]: how often this class or one before is drawn; the last is 1 */
    int32_t *guide;  /* [classes]: where the search in cdf begins */
};

/* Memory for one call, from a tape or, without one, from the loss's allocator; NULL if there is
 * none. */
static inline void *recur__loss_borrow(const recur_loss *loss, recur_tape *tape, size_t bytes)
{
    return tape ? recur__tape_scratch(tape, bytes) : recur__alloc(loss->ctx, bytes);
}

static inline void recur__loss_return(const recur_loss *loss, recur_tape *tape, void *memory,
                                      size_t bytes)
{
    if (!tape) recur__free(loss->ctx, memory, bytes);
}

/* Fills cdf and guide; fails if a class can never be drawn that must be. */
recur_status recur__draws_fill(recur_loss *loss, const float *counts, double power);
/* Draws a class; how often a class is drawn. */
int32_t recur__draw_class(const recur_loss *loss, uint64_t seed, uint64_t counter);
double recur__draw_probability(const recur_loss *loss, int64_t c);

/* RECUR_E_UNSUPPORTED: this function does not compute the loss; says which one does. */
recur_status recur__loss_not_for(const char *function, const recur_loss *loss);

/* Whether a label counts for something. */
static inline bool recur__label_counts(const recur_loss *loss, int32_t label)
{
    return label >= 0 && !(loss->ignores && label == loss->ignore_index);
}

recur__class_loss recur__cross_entropy, recur__nll;
recur__value_loss recur__mse, recur__l1, recur__huber, recur__bce_logits;
recur__sampled_loss recur__sampled_softmax, recur__negative_sampling;

/* Binary cross-entropy of sigmoid(y) with t, w the weight of t = 1; its derivative. */
double recur__bce_of(double y, double t, double w, double *dy);

#endif
