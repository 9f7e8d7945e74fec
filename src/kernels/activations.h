/* activations.h - functions of vectors that layers and cells apply, beside those of simd.h, and
 * their derivatives: from y, the value of the function, or from x. With NaN the result is NaN. */
#ifndef RECUR__KERNELS_ACTIVATIONS_H
#define RECUR__KERNELS_ACTIVATIONS_H

#include <float.h>

#include "kernels/simd.h"

/* x held within ±bound */
INLINE vf v_bounded(float bound, vf x) { return v_max(v_set(-bound), v_min(v_set(bound), x)); }

INLINE vf v_relu(vf x) { return v_max(v_set(0), x); }
INLINE vf v_hard_sigmoid(vf x) { return v_max(v_set(0), v_min(v_set(1), 0.2f * x + 0.5f)); }
INLINE vf v_softsign(vf x)
{
    x = v_bounded(FLT_MAX, x); /* so that infinity gives 1, not NaN */
    return x / (1.0f + v_max(-x, x));
}

/* x + 1/2 from 0 on, σ(x) below: above 0, so that it has a logarithm; Feng 2024 calls it g. */
INLINE vf v_positive(vf x) { return v_max(v_set(0), x) + v_sigmoid(v_min(v_set(0), x)); }

INLINE vf v_tanh_slope(vf y) { return 1.0f - y * y; }
INLINE vf v_sigmoid_slope(vf y) { return y * (1.0f - y); }
INLINE vf v_softsign_slope(vf y) { return (1.0f - v_max(-y, y)) * (1.0f - v_max(-y, y)); }
/* 1 from 1/2 on: the other number is the last float below. */
INLINE vf v_positive_slope(vf y)
{
    return v_where_positive(0.5f - y, y * (1.0f - y)) +
           v_where_positive(y - 0x1.fffffep-2f, v_set(1));
}
/* v where the derivative is not 0. Where y is NaN, v goes on. */
INLINE vf v_where_relu_rises(vf y, vf v) { return v_where_positive(y, v); }
INLINE vf v_where_hard_sigmoid_rises(vf y, vf v)
{
    return v_where_positive(y, v_where_positive(1.0f - y, v));
}

/* From x there are more digits left of it: y comes near to 1. */
INLINE vf v_softsign_slope_at(vf x)
{
    const vf d = 1.0f + v_max(x, -x);
    return 1.0f / (d * d);
}

/* Functions of layers only: their derivatives need x. Beyond SATURATED a float sees no change. */
enum { SATURATED = 128 };

INLINE vf v_silu(vf x) { return v_max(v_set(-SATURATED), x) * v_sigmoid(x); }
INLINE vf v_silu_slope_at(vf x)
{
    const vf s = v_sigmoid(x);
    return s + v_bounded(SATURATED, x) * s * (1.0f - s);
}

INLINE vf v_elu(vf x) { return v_max(v_set(0), x) + v_expm1(v_min(v_set(0), x)); }
INLINE vf v_elu_slope_at(vf x) { return v_exp(v_min(v_set(0), x)); }

/* The share of a normal distribution that lies below x. */
#if RECUR__SET == RECUR__IS_ref
INLINE vf v_normal_below(vf x) { return (float)(0.5 * erfc(-(double)x * 0.70710678118654752)); }
#else
INLINE vf v_normal_below(vf x)
{
    /* erfc(z) = t exp(-z² + polynomial in t), t = 1 / (1 + z/2), to 1.2e-7; Press 1992. */
    const vf z = v_max(x, -x) * 0.70710678118654752f, t = 1.0f / (1.0f + 0.5f * z);
    vf p = t * 0.17087277f - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    const vf beyond = 0.5f * t * v_exp(p - z * z);
    return v_where_positive(x, 1.0f - 2.0f * beyond) + beyond;
}
#endif
INLINE vf v_normal_density(vf x) { return 0.39894228040143268f * v_exp(-0.5f * x * x); }

INLINE vf v_gelu(vf x) { return v_max(v_set(-SATURATED), x) * v_normal_below(x); }
INLINE vf v_gelu_slope_at(vf x)
{
    const vf within = v_bounded(SATURATED, x);
    return v_normal_below(x) + within * v_normal_density(within);
}

#endif
