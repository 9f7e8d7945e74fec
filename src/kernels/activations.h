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

INLINE vf v_tanh_slope(vf y) { return 1.0f - y * y; }
INLINE vf v_sigmoid_slope(vf y) { return y * (1.0f - y); }
INLINE vf v_softsign_slope(vf y) { return (1.0f - v_max(-y, y)) * (1.0f - v_max(-y, y)); }
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

#endif
