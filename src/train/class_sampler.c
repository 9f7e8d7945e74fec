/* class_sampler.c - drawing classes by a fixed distribution: by counts^power, or log-uniform.
 *
 * A draw looks for the first class whose cdf is above a uniform number u. A guide
 * (Chen and Asau 1974) says where in the list to begin: from there on, a class is found after less
 * than one step on average. */

#include "base/elementary.h"
#include "train/loss.h"

/* Running sums of the weights; the last one. */
static double add_up(int64_t classes, const float *counts, double power, double *cdf)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) {
        if (counts)
            sum += counts[c] > 0 ? recur__pow((double)counts[c], power) : 0;
        else
            sum = recur__log1p((double)(c + 1));
        cdf[c] = sum;
    }
    return sum;
}

recur_status recur__draws_fill(recur_loss *loss, const float *counts, double power)
{
    const int64_t V = loss->classes;
    const double sum = add_up(V, counts, power, loss->cdf);
    if (!(sum > 0))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: all %lld counts are 0",
                           (long long)V);
    for (int64_t c = 0; c < V; c++) loss->cdf[c] /= sum; /* the last ones are 1 */
    for (int64_t j = 0, c = 0; j < V; j++) {
        while (loss->cdf[c] * (double)V < (double)j) c++;
        loss->guide[j] = (int32_t)c;
    }
    for (int64_t c = 0; c < V && loss->kind->draws_every_class; c++)
        if (!(recur__draw_probability(loss, c) > 0))
            return recur__fail(RECUR_E_ARGUMENT,
                               "recur_loss_create: class %lld of %lld is never drawn (its count is "
                               "%g): as a label it "
                               "would have no probability",
                               (long long)c, (long long)V, counts ? (double)counts[c] : 0.0);
    return RECUR_OK;
}

int32_t recur__draw_class(const recur_loss *loss, uint64_t seed, uint64_t counter)
{
    const double u = recur__uniform(recur_random(seed, counter));
    int32_t c = loss->guide[(int64_t)(u * (double)loss->classes)];
    while (loss->cdf[c] <= u) c++;
    return c;
}

double recur__draw_probability(const recur_loss *loss, int64_t c)
{
    return c > 0 ? loss->cdf[c] - loss->cdf[c - 1] : loss->cdf[0];
}
