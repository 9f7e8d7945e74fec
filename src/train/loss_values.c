/* loss_values.c - losses on target values: every number has its own cost, and the mean is over all
 * numbers. */
#include <math.h>

#include "base/elementary.h"
#include "kernels/kernels.h"
#include "train/loss.h"

static double scale_of(const recur_loss *loss, int64_t count)
{
    return loss->sum || count == 0 ? 1 : 1 / (double)count;
}

static double add_up(const recur_loss *loss, recur__cost_function *f, int64_t count, const float *y,
                     const float *t, float *dy)
{
    return f(count, loss->delta, scale_of(loss, count), y, t, dy);
}

double recur__mse(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                  const float *t, float *dy)
{
    return add_up(loss, recur__loss_of(recur__kernels_of(loss->ctx))->mse, rows * features, y, t,
                  dy);
}

double recur__l1(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                 const float *t, float *dy)
{
    return add_up(loss, recur__loss_of(recur__kernels_of(loss->ctx))->l1, rows * features, y, t,
                  dy);
}

double recur__huber(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                    const float *t, float *dy)
{
    return add_up(loss, recur__loss_of(recur__kernels_of(loss->ctx))->huber, rows * features, y, t,
                  dy);
}

/* (1-t) y + (1 + (w-1) t) log(1 + exp(-y)), without an exp that could overflow. */
double recur__bce_of(double y, double t, double w, double *dy)
{
    const double e = recur__exp(-fabs(y)), balance = 1 + (w - 1) * t;
    const double sigmoid_of_minus = y >= 0 ? e / (1 + e) : 1 / (1 + e);
    *dy = 1 - t - balance * sigmoid_of_minus;
    return (1 - t) * y + balance * (recur__log1p(e) + (y < 0 ? -y : 0));
}

double recur__bce_logits(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                         const float *t, float *dy)
{
    const double scale = scale_of(loss, rows * features);
    double value = 0;
    for (int64_t r = 0, i = 0; r < rows; r++)
        for (int64_t j = 0; j < features; j++, i++) {
            double d;
            value += recur__bce_of((double)y[i], (double)t[i],
                                   loss->weight ? (double)loss->weight[j] : 1, &d);
            if (dy) dy[i] = (float)(d * scale);
        }
    return value * scale;
}
