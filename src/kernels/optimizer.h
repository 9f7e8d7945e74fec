/* optimizer.h - the inner loops of training over long vectors: update rules, clipping, one row of a
 * softmax. */
#ifndef RECUR__UPDATE_H
#define RECUR__UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* The constants of one step over one range of the vector. */
typedef struct recur__rule {
    float scale;        /* of the gradients on their way in                                */
    float decay;        /* times the parameter, added to the gradient (L2)                 */
    float shrink;       /* times the parameter, taken from it: rate decay, where decoupled */
    float rate;         /* step size, Adam's first bias correction included                */
    float momentum;     /* of the step before                                              */
    float beta1, rest1; /* β1, 1 - β1                                                      */
    float beta2, rest2; /* β2, 1 - β2; also RMSprop's alpha and Adadelta's rho             */
    float root;         /* Adam: 1 / √(1 - β2^t)                                           */
    float epsilon;      /* of the denominator                                              */
    bool frozen;        /* the moments follow the gradients, the parameters stay           */
} recur__rule;

/* p moves against g; a, b, c are the moments that the rule has, in the order of its row in
 * train/rules.c. */
typedef void recur__step(int64_t n, const recur__rule *rule, float *restrict p,
                         const float *restrict g, float *restrict a, float *restrict b,
                         float *restrict c);

struct recur__optimizer_kernels {
    recur__step *sgd[3];        /* plain, momentum, Nesterov */
    recur__step *adam[2];       /* [amsgrad]                 */
    recur__step *rmsprop[2][2]; /* [centred][momentum]       */
    recur__step *adagrad, *adadelta;

    double (*sum_squares)(int64_t n, const float *x);
    float (*max_abs)(int64_t n, const float *x); /* NaN if there is one */
    void (*scale)(int64_t n, float s, float *x);
    void (*clamp)(int64_t n, float limit, float *x); /* NaN stays */

    float (*max)(int64_t n, const float *x); /* NaN is passed over; -infinity for none */
    /* e = exp(x - max), where e is wanted; gives their sum. */
    double (*exps)(int64_t n, float max, const float *x, float *e);
};

#endif
