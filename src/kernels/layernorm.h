/* layernorm.h - layer normalisation of one row of n numbers; Ba 2016. kernels/layernorm.c takes
 * many rows through it, cells/layernorm.h a step of a recurrence.
 *
 *   x̂ = (x - mean) / √(variance + epsilon)      y = w x̂ + b
 *   g = w dy      dx = scale (g - mean(g) - x̂ mean(g x̂))      dw += dy x̂      db += dy
 *
 * The variance is that of what is left after a first mean, so large means cost no digits. Sums are
 * in double in the reference. */
#ifndef RECUR__KERNELS_LAYERNORM_H
#define RECUR__KERNELS_LAYERNORM_H

#include <float.h>

#include "kernels/kernels.h"
#include "kernels/simd.h"

/* Sums along a row. */
#if RECUR__SET == RECUR__IS_ref
typedef double lanes_sum;
INLINE lanes_sum lanes_add(lanes_sum sum, vf x) { return sum + (double)x; }
INLINE lanes_sum lanes_add_product(lanes_sum sum, vf x, vf y)
{
    return sum + (double)x * (double)y;
}
INLINE double lanes_total(lanes_sum sum) { return sum; }
#else
typedef v_sums lanes_sum;
INLINE lanes_sum lanes_add(lanes_sum sum, vf x) { return v_sums_add(sum, x); }
INLINE lanes_sum lanes_add_product(lanes_sum sum, vf x, vf y) { return v_sums_add(sum, x * y); }
INLINE double lanes_total(lanes_sum sum) { return (double)v_total(sum); }
#endif

/* x̂ */
INLINE vf normal(vf x, recur__moments m) { return (x - m.mean) * m.scale + m.rest; }

/* Of numbers whose sum, or whose squares, are too large for a float. NaN goes on as NaN. */
static __attribute__((noinline, unused)) recur__moments moments_of_large(int64_t n, double epsilon,
                                                                         const float *x)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double scale = 1 / sqrt(squares / (double)n + epsilon);
    const float rounded = (float)mean;
    return (recur__moments){ .mean = rounded,
                             .scale = (float)scale,
                             .rest = (float)(((double)rounded - mean) * scale) };
}

static __attribute__((unused)) recur__moments moments_of(int64_t n, double epsilon, const float *x)
{
    static const float ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    lanes_sum sum = { 0 }, squares = { 0 }, rest = { 0 };
    for (int64_t i = 0; i < n; i += VW) sum = lanes_add(sum, v_load_part(x + i, n - i));
    const float mean = (float)(lanes_total(sum) / (double)n);
    for (int64_t i = 0; i < n; i += VW) {
        const vf d = (v_load_part(x + i, n - i) - mean) * v_load_part(ones, n - i);
        rest = lanes_add(rest, d);
        squares = lanes_add_product(squares, d, d);
    }
    const double square = lanes_total(squares);
    if (!(square <= (double)FLT_MAX)) return moments_of_large(n, epsilon, x);
    const double r = lanes_total(rest) / (double)n, variance = square / (double)n - r * r;
    const double scale = 1 / sqrt((variance < 0 ? 0 : variance) + epsilon);
    return (recur__moments){ .mean = mean, .scale = (float)scale, .rest = (float)(-r * scale) };
}

/* dx of a row from dy; dx may be x. */
static __attribute__((unused)) void row_backward(int64_t n, const float *x, recur__moments m,
                                                 const float *w, const float *dy, float *dx)
{
    lanes_sum g_sum = { 0 }, gx_sum = { 0 };
    for (int64_t i = 0; i < n; i += VW) {
        const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i);
        g_sum = lanes_add(g_sum, g);
        gx_sum = lanes_add_product(gx_sum, g, normal(v_load_part(x + i, n - i), m));
    }
    const float g_mean = (float)(lanes_total(g_sum) / (double)n),
                gx_mean = (float)(lanes_total(gx_sum) / (double)n);
    for (int64_t i = 0; i < n; i += VW) {
        const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i),
                 x_hat = normal(v_load_part(x + i, n - i), m);
        v_store_part(dx + i, m.scale * (g - g_mean - x_hat * gx_mean), n - i);
    }
}

/* What a row adds to dw and, unless it is NULL, to db. */
static __attribute__((unused)) void row_gradient(int64_t n, const float *x, recur__moments m,
                                                 const float *dy, float *dw, float *db)
{
    for (int64_t i = 0; i < n; i += VW) {
        const vf d = v_load_part(dy + i, n - i), x_hat = normal(v_load_part(x + i, n - i), m);
        v_store_part(dw + i, v_load_part(dw + i, n - i) + d * x_hat, n - i);
        if (db) v_store_part(db + i, v_load_part(db + i, n - i) + d, n - i);
    }
}

#endif
