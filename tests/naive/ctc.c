/* ctc.c - with few steps and classes all paths can be tried: what each spells says to which labels
 * its probability belongs. */
#include <math.h>
#include <string.h>

#include "naive/losses.h"

/* Writes what a path spells, and gives its length. */
static int64_t spell(const int32_t *path, int64_t T, int32_t blank, int32_t *labels)
{
    int64_t length = 0;
    for (int64_t t = 0; t < T; t++)
        if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) labels[length++] = path[t];
    return length;
}

static int next_path(int32_t *path, int64_t T, int64_t C)
{
    for (int64_t t = 0; t < T; t++) {
        if (++path[t] < C) return 1;
        path[t] = 0;
    }
    return 0;
}

static double path_probability(const int32_t *path, int64_t T, int64_t C, const float *y)
{
    double p = 1;
    for (int64_t t = 0; t < T; t++) {
        double sum = 0;
        for (int64_t c = 0; c < C; c++) sum += exp((double)y[t * C + c]);
        p *= exp((double)y[t * C + path[t]]) / sum;
    }
    return p;
}

/* The probability of labels in T rows. */
double naive_ctc_probability(int64_t T, int64_t C, int32_t blank, const float *y,
                             const int32_t *labels, int64_t L)
{
    int32_t path[NAIVE_STEPS] = { 0 }, spelled[NAIVE_STEPS];
    double sum = 0;
    do {
        if (spell(path, T, blank, spelled) == L &&
            memcmp(spelled, labels, (size_t)L * sizeof *labels) == 0)
            sum += path_probability(path, T, C, y);
    } while (next_path(path, T, C));
    return sum;
}

int64_t naive_ctc_best_path(int64_t T, int64_t C, int32_t blank, const float *y, int32_t *labels,
                            double *score)
{
    int32_t path[NAIVE_STEPS] = { 0 }, best[NAIVE_STEPS] = { 0 };
    double most = -1;
    do {
        const double p = path_probability(path, T, C, y);
        if (!(p > most)) continue;
        memcpy(best, path, sizeof best);
        most = p;
    } while (next_path(path, T, C));
    *score = log(most);
    return spell(best, T, blank, labels);
}

int64_t naive_ctc_best_labels(int64_t T, int64_t C, int32_t blank, const float *y, int32_t *labels,
                              double *score)
{
    int32_t path[NAIVE_STEPS] = { 0 }, spelled[NAIVE_STEPS];
    int64_t length = 0;
    double most = -1;
    do {
        const int64_t L = spell(path, T, blank, spelled);
        const double p = naive_ctc_probability(T, C, blank, y, spelled, L);
        if (!(p > most * (1 + 1e-12))) continue;
        memcpy(labels, spelled, sizeof spelled);
        length = L;
        most = p;
    } while (next_path(path, T, C));
    *score = log(most);
    return length;
}
