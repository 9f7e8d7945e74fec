/* clip.c - limits on gradients: by a norm of all of them, or one by one. */
#include <float.h>
#include <math.h>

#include "kernels/kernels.h"

/* As PyTorch scales: by max_norm / (norm + 1e-6), if that is below 1. */
static void scale_down(const recur__optimizer_kernels *update, float *grads, int64_t count,
                       double norm, double max_norm)
{
    const double factor = max_norm / (norm + 1e-6);
    if (max_norm > 0 && isfinite(norm) && factor < 1) update->scale(count, (float)factor, grads);
}

double recur_clip_norm(float *grads, int64_t count, double max_norm)
{
    if ((!grads && count) || count < 0 || !(max_norm >= 0)) return NAN;
    const recur__optimizer_kernels *update = recur__optimizer_of(recur__kernels_of(NULL));
    const double norm = sqrt(update->sum_squares(count, grads));
    scale_down(update, grads, count, norm, max_norm);
    return norm;
}

double recur_clip_norm_inf(float *grads, int64_t count, double max_norm)
{
    if ((!grads && count) || count < 0 || !(max_norm >= 0)) return NAN;
    const recur__optimizer_kernels *update = recur__optimizer_of(recur__kernels_of(NULL));
    const double norm = (double)update->max_abs(count, grads);
    scale_down(update, grads, count, norm, max_norm);
    return norm;
}

recur_status recur_clip_value(float *grads, int64_t count, double limit)
{
    if (count) RECUR__NOT_NULL(grads);
    if (count < 0 || !(limit >= 0))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_clip_value: count %lld, limit %g: one is negative or NaN",
                           (long long)count, limit);
    const double largest = (double)FLT_MAX;
    const float l = limit < INFINITY ? (float)(limit < largest ? limit : largest) : INFINITY;
    recur__optimizer_of(recur__kernels_of(NULL))->clamp(count, l, grads);
    return RECUR_OK;
}
