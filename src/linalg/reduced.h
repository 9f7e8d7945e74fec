/* reduced.h - matrices of fewer bits, made of floats once and multiplied often. What their bits are
 * is told in kernels/reduced.h. */
#ifndef RECUR__REDUCED_H
#define RECUR__REDUCED_H

#include "kernels/reduced.h"
#include "linalg/matrix.h"

/* Carves a matrix [N][K]; fills it from W [N][K]. */
recur__reduced recur__carve_reduced(int32_t precision, int64_t N, int64_t K, recur__carver *carver);
void recur__fill_reduced(recur__reduced *to, recur__matrix W);

/* Number k of row n, as a float. */
float recur__reduced_number(const recur__reduced *W, int64_t n, int64_t k);

/* Rows that are prepared together, in scratch of so many floats for R rows; below 0: too many. */
enum { RECUR__REDUCED_ROWS = 48 };
int64_t recur__reduced_scratch(int64_t R, int64_t K);

/* What a product is computed with. */
typedef struct recur__reduced_tools {
    const recur_context *ctx; /* NULL: on this thread alone */
    const recur__kernels *kernels;
    float *scratch; /* recur__reduced_scratch */
} recur__reduced_tools;

/* y += x Wᵀ for R rows. A row of y has the same bits whatever the number of rows and threads. */
void recur__multiply_reduced(const recur__reduced_tools *tools, const recur__reduced *W, int64_t R,
                             recur__matrix x, recur__sums y);

#endif
