/* sampled.c - losses on drawn classes. */
#include <math.h>
#include <stdlib.h>

#include "naive/losses.h"

double naive_share(const naive_sampled *s, int64_t c)
{
    if (!s->counts) return log((double)(c + 2) / (double)(c + 1)) / log((double)(s->V + 1));
    double sum = 0;
    for (int64_t k = 0; k < s->V; k++) sum += pow((double)s->counts[k], s->power);
    return pow((double)s->counts[c], s->power) / sum;
}

int64_t naive_draw(const naive_sampled *s, double u)
{
    double sum = 0;
    int64_t c = 0;
    while (c < s->V - 1 && (sum += naive_share(s, c)) <= u) c++;
    return c;
}

double naive_logit(const naive_sampled *s, const double *h, const double *params, int64_t c)
{
    double y = s->biased ? params[s->V * s->F + c] : 0;
    for (int64_t k = 0; k < s->F; k++) y += params[c * s->F + k] * h[k];
    return y;
}

static double negatives(const naive_sampled *s, const double *h, const double *params,
                        int64_t label, const int64_t *drawn)
{
    double value = log1p(exp(-naive_logit(s, h, params, label)));
    for (int64_t i = 0; i < s->samples; i++)
        if (drawn[i] != label) value += log1p(exp(naive_logit(s, h, params, drawn[i])));
    return value;
}

static double softmax(const naive_sampled *s, const double *h, const double *params, int64_t label,
                      const int64_t *drawn)
{
    int *there = calloc((size_t)s->V, sizeof *there);
    double sum = 0, own = 0;
    for (int64_t i = 0; i < s->samples; i++) there[drawn[i]] = 1;
    there[label] = 1;
    for (int64_t c = 0; c < s->V; c++) {
        if (!there[c]) continue;
        const double chance = 1 - pow(1 - naive_share(s, c), (double)s->samples);
        const double p = exp(naive_logit(s, h, params, c)) / chance;
        sum += p;
        if (c == label) own = p;
    }
    free(there);
    return -log(own / sum);
}

double naive_sampled_row(const naive_sampled *s, const double *h, const double *params,
                         int64_t label, const int64_t *drawn)
{
    return (s->softmax ? softmax : negatives)(s, h, params, label, drawn);
}
