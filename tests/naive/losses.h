/* losses.h - losses with more in them than a formula, as a textbook writes them. */
#ifndef NAIVE_LOSSES_H
#define NAIVE_LOSSES_H

#include <stdint.h>

/* ---- drawn classes (sampled.c) -------------------------------------------------------------- */

typedef struct naive_sampled {
    int64_t V, F, samples;
    int softmax, biased;
    const float *counts; /* [V]; NULL: log-uniform */
    double power;
} naive_sampled;

double naive_share(const naive_sampled *s, int64_t c); /* the part of draws that a class has */
int64_t naive_draw(const naive_sampled *s, double u);  /* the class that u in [0,1) means */

/* y_c = W_c h + b_c; params: W [V][F], then b [V]. */
double naive_logit(const naive_sampled *s, const double *h, const double *params, int64_t c);

/* The cost of one row with its label, h [F], and the classes drawn for it [samples]. */
double naive_sampled_row(const naive_sampled *s, const double *h, const double *params,
                         int64_t label, const int64_t *drawn);

/* ---- CTC, all paths written out (ctc.c) ----------------------------------------------------- */

enum { NAIVE_STEPS = 6 }; /* at most */

/* The probability of labels [L] in T rows of C logits. */
double naive_ctc_probability(int64_t T, int64_t C, int32_t blank, const float *y,
                             const int32_t *labels, int64_t L);

/* The labels that the likeliest path spells, and the likeliest labels; how many there are, and the
   log probability of the path, of the labels. */
int64_t naive_ctc_best_path(int64_t T, int64_t C, int32_t blank, const float *y, int32_t *labels,
                            double *score);
int64_t naive_ctc_best_labels(int64_t T, int64_t C, int32_t blank, const float *y, int32_t *labels,
                              double *score);

/* The best of `width` beginnings that a beam search keeps, each written out (beam.c). Any number of
 * steps up to NAIVE_LONG. */
enum { NAIVE_LONG = 40 };
int64_t naive_ctc_beam(int64_t T, int64_t C, int32_t blank, const float *y, int64_t width,
                       int32_t *labels, double *score);

#endif
