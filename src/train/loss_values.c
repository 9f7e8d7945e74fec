/* loss_values.c - losses on target values: every number has its own cost, and the mean is over all numbers.
 *
 * A kind is one function of one number: y and t, the weight w of its column and the delta of the loss give the cost,
 * and its derivative in dy. The loop around it is the same for all, and inlined into each. */
#include <math.h>

#include "train/loss.h"

#define INLINE static inline __attribute__((always_inline))

typedef double cost(double y, double t, double w, double delta, double *dy);

INLINE double each(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t, float *dy,
                   cost *f)
{
    const int64_t count = rows * features;
    const double scale = loss->sum || count == 0 ? 1 : 1 / (double)count;
    double value = 0;
    for (int64_t r = 0, i = 0; r < rows; r++)
        for (int64_t j = 0; j < features; j++, i++) {
            double d;
            value += f((double)y[i], (double)t[i], loss->weight ? (double)loss->weight[j] : 1, loss->delta, &d);
            if (dy) dy[i] = (float)(d * scale);
        }
    return value * scale;
}

/* x between -limit and limit; NaN stays. */
INLINE double within(double x, double limit)
{
    return x > limit ? limit : x < -limit ? -limit : x;
}

INLINE double mse_of(double y, double t, double w, double delta, double *dy)
{
    (void)w, (void)delta;
    const double e = y - t;
    *dy = 2 * e;
    return e * e;
}

INLINE double l1_of(double y, double t, double w, double delta, double *dy)
{
    (void)w, (void)delta;
    const double e = y - t;
    *dy = e > 0 ? 1 : e < 0 ? -1 : e; /* 0, or NaN */
    return fabs(e);
}

INLINE double huber_of(double y, double t, double w, double delta, double *dy)
{
    (void)w;
    const double e = y - t;
    *dy = within(e, delta);
    return fabs(e) <= delta ? e * e / 2 : delta * (fabs(e) - delta / 2);
}

/* (1-t) y + (1 + (w-1) t) log(1 + exp(-y)), without an exp that could overflow. */
double recur__bce_of(double y, double t, double w, double *dy)
{
    const double e = exp(-fabs(y)), balance = 1 + (w - 1) * t;
    const double sigmoid_of_minus = y >= 0 ? e / (1 + e) : 1 / (1 + e);
    *dy = 1 - t - balance * sigmoid_of_minus;
    return (1 - t) * y + balance * (log1p(e) + (y < 0 ? -y : 0));
}

INLINE double bce_logits_of(double y, double t, double w, double delta, double *dy)
{
    (void)delta;
    return recur__bce_of(y, t, w, dy);
}

double recur__mse(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t, float *dy)
{
    return each(loss, rows, features, y, t, dy, mse_of);
}

double recur__l1(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t, float *dy)
{
    return each(loss, rows, features, y, t, dy, l1_of);
}

double recur__huber(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t, float *dy)
{
    return each(loss, rows, features, y, t, dy, huber_of);
}

double recur__bce_logits(const recur_loss *loss, int64_t rows, int64_t features, const float *y, const float *t,
                         float *dy)
{
    return each(loss, rows, features, y, t, dy, bce_logits_of);
}
