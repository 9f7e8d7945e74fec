/* elementwise.c - functions of one number, applied in one pass over a vector. */
#include "kernels/activations.h"
#include "kernels/kernels.h"

typedef vf function(vf x);
typedef vf derivative(vf x, vf dy);

INLINE void map(int64_t n, const float *x, float *y, function *f)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW) v_store(y + i, f(v_load(x + i)));
    if (i < n) v_store_n(y + i, f(v_load_n(x + i, n - i)), n - i);
}

INLINE void map_backward(int64_t n, const float *x, const float *dy, float *dx, derivative *d)
{
    int64_t i = 0;
    for (; i + VW <= n; i += VW) v_store(dx + i, d(v_load(x + i), v_load(dy + i)));
    if (i < n) v_store_n(dx + i, d(v_load_n(x + i, n - i), v_load_n(dy + i, n - i)), n - i);
}

INLINE vf identity_of(vf x) { return x; }

INLINE vf d_tanh(vf x, vf dy) { return dy * v_tanh_slope(v_tanh(x)); }
INLINE vf d_sigmoid(vf x, vf dy) { return dy * v_sigmoid_slope(v_sigmoid(x)); }
INLINE vf d_relu(vf x, vf dy) { return v_where_relu_rises(x, dy); }
INLINE vf d_hard_sigmoid(vf x, vf dy)
{
    return v_where_hard_sigmoid_rises(v_hard_sigmoid(x), 0.2f * dy);
}
INLINE vf d_softsign(vf x, vf dy) { return dy * v_softsign_slope_at(x); }
INLINE vf d_silu(vf x, vf dy) { return dy * v_silu_slope_at(x); }
INLINE vf d_elu(vf x, vf dy) { return dy * v_elu_slope_at(x); }
INLINE vf d_gelu(vf x, vf dy) { return dy * v_gelu_slope_at(x); }
INLINE vf d_positive(vf x, vf dy) { return dy * v_positive_slope(v_positive(x)); }
INLINE vf d_identity(vf x, vf dy)
{
    (void)x;
    return dy;
}

/* name(n, x, y) and name_backward(n, x, dy, dx) of a function f and of dy times its derivative d.
 */
#define FUNCTION(name, f, d)                                                          \
    static void name(int64_t n, const float *x, float *y) { map(n, x, y, f); }        \
    static void name##backward(int64_t n, const float *x, const float *dy, float *dx) \
    {                                                                                 \
        map_backward(n, x, dy, dx, d);                                                \
    }
FUNCTION(tanh_, v_tanh, d_tanh)
FUNCTION(sigmoid_, v_sigmoid, d_sigmoid)
FUNCTION(relu_, v_relu, d_relu)
FUNCTION(hard_sigmoid_, v_hard_sigmoid, d_hard_sigmoid)
FUNCTION(softsign_, v_softsign, d_softsign)
FUNCTION(identity_, identity_of, d_identity)
FUNCTION(silu_, v_silu, d_silu)
FUNCTION(elu_, v_elu, d_elu)
FUNCTION(gelu_, v_gelu, d_gelu)
FUNCTION(positive_, v_positive, d_positive)

static void exp_(int64_t n, const float *x, float *y) { map(n, x, y, v_exp); }

static void add(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static bool all_below(int64_t n, const int32_t *ids, uint32_t limit)
{
    uint32_t outside = 0; /* without a branch, so that the loop becomes vectors */
    for (int64_t i = 0; i < n; i++) outside |= (uint32_t)ids[i] >= limit;
    return !outside;
}

/* 32 bits for element e: a multiplicative hash with the key mixed in twice; the compiler makes
 * vectors of it. */
INLINE uint32_t hash(uint32_t e, uint32_t low, uint32_t high)
{
    uint32_t z = e * 0x9E3779B9u + low;
    z = (z ^ (z >> 16)) * 0x21F0AAADu ^ high;
    z = (z ^ (z >> 15)) * 0x735A2D97u;
    return z ^ (z >> 15);
}

static void dropout(int64_t n, int64_t first, double p, uint64_t key, const float *x, float *y)
{
    const float scale = (float)(1 / (1 - p));
    const uint32_t threshold = (uint32_t)(p * 0x1p32); /* p < 1 */
    int64_t count = 0;
    for (int64_t at = 0; at < n; at += count) {
        const uint64_t element = (uint64_t)(first + at), k = recur_random(key, element >> 32);
        const uint32_t low = (uint32_t)k, high = (uint32_t)(k >> 32), begin = (uint32_t)element;
        count = recur__min(n - at, ((int64_t)1 << 32) - (int64_t)begin);
        for (int64_t e = 0; e < count; e++)
            y[at + e] = hash(begin + (uint32_t)e, low, high) >= threshold ? x[at + e] * scale : 0;
    }
}

const recur__activation_kernels RECUR__PER_ISA(activation) = {
    .forward = {
        [RECUR_ACTIVATION_TANH] = tanh_,
        [RECUR_ACTIVATION_SIGMOID] = sigmoid_,
        [RECUR_ACTIVATION_RELU] = relu_,
        [RECUR_ACTIVATION_HARD_SIGMOID] = hard_sigmoid_,
        [RECUR_ACTIVATION_SOFTSIGN] = softsign_,
        [RECUR_ACTIVATION_IDENTITY] = identity_,
        [RECUR_ACTIVATION_SILU] = silu_,
        [RECUR_ACTIVATION_ELU] = elu_,
        [RECUR_ACTIVATION_GELU] = gelu_,
        [RECUR_ACTIVATION_POSITIVE] = positive_,
    },
    .backward = {
        [RECUR_ACTIVATION_TANH] = RECUR__IF(TRAIN, tanh_backward),
        [RECUR_ACTIVATION_SIGMOID] = RECUR__IF(TRAIN, sigmoid_backward),
        [RECUR_ACTIVATION_RELU] = RECUR__IF(TRAIN, relu_backward),
        [RECUR_ACTIVATION_HARD_SIGMOID] = RECUR__IF(TRAIN, hard_sigmoid_backward),
        [RECUR_ACTIVATION_SOFTSIGN] = RECUR__IF(TRAIN, softsign_backward),
        [RECUR_ACTIVATION_IDENTITY] = RECUR__IF(TRAIN, identity_backward),
        [RECUR_ACTIVATION_SILU] = RECUR__IF(TRAIN, silu_backward),
        [RECUR_ACTIVATION_ELU] = RECUR__IF(TRAIN, elu_backward),
        [RECUR_ACTIVATION_GELU] = RECUR__IF(TRAIN, gelu_backward),
        [RECUR_ACTIVATION_POSITIVE] = RECUR__IF(TRAIN, positive_backward),
    },
};

const recur__elementwise RECUR__PER_ISA(elementwise) = {
    .add = add,
    .dropout = RECUR__IF(TRAIN, dropout),
    .exp = RECUR__IF(TRAIN, exp_),
    .all_below = all_below,
};
