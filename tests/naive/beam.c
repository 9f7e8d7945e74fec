/* beam.c - the beam search of CTC with beginnings as strings: what is spelled alike is found by
 * comparing all with all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive/losses.h"

/* A beginning, and the probability of its paths that end in the blank and of those that end in its
 * last label. */
typedef struct beginning {
    int64_t length;
    int32_t labels[NAIVE_LONG];
    double b, n;
} beginning;

/* Gives the one among n that is spelled like this; a new one if there is none. */
static beginning *find(beginning *all, int64_t *n, const beginning *like, int32_t added)
{
    beginning wanted = *like;
    wanted.b = wanted.n = 0;
    if (added >= 0) wanted.labels[wanted.length++] = added;
    for (int64_t i = 0; i < *n; i++)
        if (all[i].length == wanted.length &&
            memcmp(all[i].labels, wanted.labels, (size_t)wanted.length * sizeof *wanted.labels) ==
                0)
            return &all[i];
    all[*n] = wanted;
    return &all[(*n)++];
}

static int by_probability(const void *a, const void *b)
{
    const beginning *x = a, *y = b;
    const double p = x->b + x->n, q = y->b + y->n;
    return (p < q) - (p > q);
}

static void prolong(beginning *next, int64_t *n, const beginning *from, int64_t C, int32_t blank,
                    const double *p)
{
    const int32_t last = from->length ? from->labels[from->length - 1] : -1;
    for (int32_t c = 0; c < C; c++) {
        if (c == blank) {
            find(next, n, from, -1)->b += (from->b + from->n) * p[c];
        } else if (c == last) {
            find(next, n, from, -1)->n += from->n * p[c];
            find(next, n, from, c)->n += from->b * p[c];
        } else {
            find(next, n, from, c)->n += (from->b + from->n) * p[c];
        }
    }
}

int64_t naive_ctc_beam(int64_t T, int64_t C, int32_t blank, const float *y, int64_t width,
                       int32_t *labels, double *score)
{
    beginning *now = calloc((size_t)width, sizeof *now),
              *next = calloc((size_t)(width * (C + 1)), sizeof *next);
    double *p = calloc((size_t)C, sizeof *p);
    int64_t beams = 1;
    now[0].b = 1;
    for (int64_t t = 0; t < T; t++) {
        double sum = 0;
        int64_t n = 0;
        for (int64_t c = 0; c < C; c++) sum += p[c] = exp((double)y[t * C + c]);
        for (int64_t c = 0; c < C; c++) p[c] /= sum;
        for (int64_t i = 0; i < beams; i++) prolong(next, &n, &now[i], C, blank, p);
        qsort(next, (size_t)n, sizeof *next, by_probability);
        beams = n < width ? n : width;
        memcpy(now, next, (size_t)beams * sizeof *now);
    }
    const int64_t length = now[0].length;
    memcpy(labels, now[0].labels, (size_t)length * sizeof *labels);
    *score = log(now[0].b + now[0].n);
    free(now);
    free(next);
    free(p);
    return length;
}
