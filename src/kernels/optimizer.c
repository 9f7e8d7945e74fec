/* optimizer.c - the inner loops of training over long vectors: update rules, clipping, one row of a
 * softmax.
 *
 * Plain loops without branches, of which the compiler makes vectors for each instruction set;
 * variants of a rule are one inlined body with constant flags. Letters: p parameter, g gradient, m
 * v moments. */
#include <float.h>
#include <math.h>

#include "kernels/simd.h"
#include "kernels/kernels.h"

/* ---- update rules --------------------------------------------------------------------------- */

INLINE float gradient(const recur__rule *k, float g, float p)
{
    return k->scale * g + k->decay * p;
}

/* `to`, or p to the bit where it is frozen. This is chosen by bits and not by ?:, of
 * which the compiler would make two loops for each rule. */
INLINE float unless_frozen(const recur__rule *k, float p, float to)
{
    uint32_t old_bits, new_bits;
    memcpy(&old_bits, &p, sizeof p);
    memcpy(&new_bits, &to, sizeof to);
    new_bits = (old_bits & k->frozen) | (new_bits & ~k->frozen);
    memcpy(&to, &new_bits, sizeof to);
    return to;
}

INLINE float moved(const recur__rule *k, float p, float direction)
{
    return unless_frozen(k, p, p - (k->rate * direction + k->shrink * p));
}

static void sgd(const recur__rule *rule, float *restrict p, const float *restrict g,
                float *restrict a, float *restrict b, float *restrict c)
{
    (void)a;
    (void)b;
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) p[i] = moved(&k, p[i], gradient(&k, g[i], p[i]));
}

INLINE void momentum_sgd(bool nesterov, const recur__rule *rule, float *restrict p,
                         const float *restrict g, float *restrict m)
{
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), mn = k.momentum * m[i] + d;
        m[i] = mn;
        p[i] = moved(&k, p[i], nesterov ? d + k.momentum * mn : mn);
    }
}

static void sgd_momentum(const recur__rule *rule, float *restrict p, const float *restrict g,
                         float *restrict a, float *restrict b, float *restrict c)
{
    (void)b;
    (void)c;
    momentum_sgd(false, rule, p, g, a);
}

static void sgd_nesterov(const recur__rule *rule, float *restrict p, const float *restrict g,
                         float *restrict a, float *restrict b, float *restrict c)
{
    (void)b;
    (void)c;
    momentum_sgd(true, rule, p, g, a);
}

static void adam(const recur__rule *rule, float *restrict p, const float *restrict g,
                 float *restrict m, float *restrict v, float *restrict c)
{
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]);
        const float mn = k.beta1 * m[i] + k.rest1 * d, vn = k.beta2 * v[i] + k.rest2 * d * d;
        m[i] = mn;
        v[i] = vn;
        p[i] = moved(&k, p[i], mn / (sqrtf(vn) * k.root + k.epsilon));
    }
}

static void adam_amsgrad(const recur__rule *rule, float *restrict p, const float *restrict g,
                         float *restrict m, float *restrict v, float *restrict v_max)
{
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]);
        const float mn = k.beta1 * m[i] + k.rest1 * d, vn = k.beta2 * v[i] + k.rest2 * d * d;
        const float most = v_max[i] > vn ? v_max[i] : vn;
        m[i] = mn;
        v[i] = vn;
        v_max[i] = most;
        p[i] = moved(&k, p[i], mn / (sqrtf(most) * k.root + k.epsilon));
    }
}

static void sgd_dampened(const recur__rule *rule, float *restrict p, const float *restrict g,
                         float *restrict m, float *restrict b, float *restrict c)
{
    (void)b;
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float mn = k.momentum * m[i] + k.share * gradient(&k, g[i], p[i]);
        m[i] = mn;
        p[i] = moved(&k, p[i], mn);
    }
}

static void adam_mean(const recur__rule *rule, float *restrict p, const float *restrict g,
                      float *restrict m, float *restrict v, float *restrict c)
{
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), mn = k.beta1 * m[i] + k.rest1 * d;
        m[i] = mn;
        v[i] = k.beta2 * v[i] + k.rest2 * d * d;
        p[i] = moved(&k, p[i], mn);
    }
}

static void nadam(const recur__rule *rule, float *restrict p, const float *restrict g,
                  float *restrict m, float *restrict v, float *restrict c)
{
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]);
        const float mn = k.beta1 * m[i] + k.rest1 * d, vn = k.beta2 * v[i] + k.rest2 * d * d;
        m[i] = mn;
        v[i] = vn;
        p[i] = moved(&k, p[i], (k.share * d + k.momentum * mn) / (sqrtf(vn) * k.root + k.epsilon));
    }
}

/* What RMSprop divides by, but for epsilon, is the root of this. */
INLINE float mean_square(const recur__rule *k, float v, float d)
{
    return k->beta2 * v + k->rest2 * d * d;
}

INLINE float variance(float square, float mean)
{
    const float difference = square - mean * mean;
    return 0 > difference ? 0 : difference; /* rounding may take it below zero */
}

static void rmsprop(const recur__rule *rule, float *restrict p, const float *restrict g,
                    float *restrict v, float *restrict b, float *restrict c)
{
    (void)b;
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), vn = mean_square(&k, v[i], d);
        v[i] = vn;
        p[i] = moved(&k, p[i], d / (sqrtf(vn) + k.epsilon));
    }
}

static void rmsprop_momentum(const recur__rule *rule, float *restrict p, const float *restrict g,
                             float *restrict v, float *restrict b, float *restrict m)
{
    (void)b;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), vn = mean_square(&k, v[i], d);
        const float mn = d / (sqrtf(vn) + k.epsilon) + k.momentum * m[i];
        v[i] = vn;
        m[i] = mn;
        p[i] = moved(&k, p[i], mn);
    }
}

static void rmsprop_centred(const recur__rule *rule, float *restrict p, const float *restrict g,
                            float *restrict v, float *restrict mean, float *restrict c)
{
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), vn = mean_square(&k, v[i], d);
        const float mn = k.beta2 * mean[i] + k.rest2 * d;
        v[i] = vn;
        mean[i] = mn;
        p[i] = moved(&k, p[i], d / (sqrtf(variance(vn, mn)) + k.epsilon));
    }
}

static void rmsprop_centred_momentum(const recur__rule *rule, float *restrict p,
                                     const float *restrict g, float *restrict v,
                                     float *restrict mean, float *restrict m)
{
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), vn = mean_square(&k, v[i], d);
        const float mn = k.beta2 * mean[i] + k.rest2 * d;
        const float direction = d / (sqrtf(variance(vn, mn)) + k.epsilon) + k.momentum * m[i];
        v[i] = vn;
        mean[i] = mn;
        m[i] = direction;
        p[i] = moved(&k, p[i], direction);
    }
}

static void adagrad(const recur__rule *rule, float *restrict p, const float *restrict g,
                    float *restrict sum, float *restrict b, float *restrict c)
{
    (void)b;
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), s = sum[i] + d * d;
        sum[i] = s;
        p[i] = moved(&k, p[i], d / (sqrtf(s) + k.epsilon));
    }
}

static void adadelta(const recur__rule *rule, float *restrict p, const float *restrict g,
                     float *restrict v, float *restrict u, float *restrict c)
{
    (void)c;
    const recur__rule k = *rule;
    for (int64_t i = 0; i < k.n; i++) {
        const float d = gradient(&k, g[i], p[i]), vn = k.beta2 * v[i] + k.rest2 * d * d;
        const float step = sqrtf(u[i] + k.epsilon) / sqrtf(vn + k.epsilon) * d;
        v[i] = vn;
        u[i] = k.beta2 * u[i] + k.rest2 * step * step;
        p[i] = moved(&k, p[i], step);
    }
}

/* ---- clipping ------------------------------------------------------------------------------- */

/* Partial results side by side: sums of different lanes do not wait for each other. */
enum { LANES = 32 };

INLINE double sum_lanes(double lane[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static double sum_squares(int64_t n, const float *x)
{
    double lane[LANES] = { 0 };
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
    for (int j = 0; i < n; i++, j++) lane[j] += (double)x[i] * (double)x[i];
    return sum_lanes(lane);
}

/* The bits of |x| order like the numbers, with NaN above all. */
static float max_abs(int64_t n, const float *x)
{
    int32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    float result;
    memcpy(&result, &most, sizeof result);
    return result;
}

static void scale(int64_t n, float s, float *x)
{
    for (int64_t i = 0; i < n; i++) x[i] *= s;
}

static void clamp(int64_t n, float limit, float *x)
{
    for (int64_t i = 0; i < n; i++) {
        const float low = -limit > x[i] ? -limit : x[i];
        x[i] = limit < low ? limit : low;
    }
}

/* ---- one row of a softmax ------------------------------------------------------------------- */

/* Subnormal results would slow down everything that is computed from them. */
INLINE float no_subnormal(float e) { return e < FLT_MIN ? 0 : e; }

static float max(int64_t n, const float *x)
{
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    for (int j = 0; i < n; i++, j++) lane[j] = x[i] > lane[j] ? x[i] : lane[j];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] = lane[j + half] > lane[j] ? lane[j + half] : lane[j];
    return lane[0];
}

/* One block of at most LANES numbers; the compiler knows the width of full ones. */
INLINE void exps_of(int64_t width, float max, const float *x, float *e, double lane[LANES])
{
    float block[LANES];
    for (int64_t j = 0; j < width; j++) block[j] = x[j] - max;
    for (int64_t j = width; j < LANES; j++) block[j] = 0;
    for (int64_t j = 0; j < width; j += VW) v_store(block + j, v_exp(v_load(block + j)));
    for (int64_t j = 0; j < width; j++) block[j] = no_subnormal(block[j]);
    for (int64_t j = 0; j < width; j++) lane[j] += (double)block[j];
    if (e) memcpy(e, block, (size_t)width * sizeof *e);
}

static double exps(int64_t n, float max, const float *x, float *e)
{
    double lane[LANES] = { 0 };
    int64_t at = 0;
    for (; at + LANES <= n; at += LANES) exps_of(LANES, max, x + at, e ? e + at : NULL, lane);
    if (at < n) exps_of(n - at, max, x + at, e ? e + at : NULL, lane);
    return sum_lanes(lane);
}

const recur__optimizer_kernels RECUR__PER_ISA(optimizer) = {
    .sgd = { RECUR__IF(TRAIN, sgd), RECUR__IF(TRAIN, sgd_momentum), RECUR__IF(TRAIN, sgd_nesterov),
             RECUR__IF(TRAIN, sgd_dampened) },
    .adam = { RECUR__IF(TRAIN, adam), RECUR__IF(TRAIN, adam_amsgrad) },
    .adam_mean = RECUR__IF(TRAIN, adam_mean),
    .nadam = RECUR__IF(TRAIN, nadam),
    .rmsprop = { { RECUR__IF(TRAIN, rmsprop), RECUR__IF(TRAIN, rmsprop_momentum) },
                 { RECUR__IF(TRAIN, rmsprop_centred),
                   RECUR__IF(TRAIN, rmsprop_centred_momentum) } },
    .adagrad = RECUR__IF(TRAIN, adagrad),
    .adadelta = RECUR__IF(TRAIN, adadelta),
    .sum_squares = sum_squares,
    .max_abs = max_abs,
    .scale = scale,
    .clamp = clamp,
    .max = max,
    .exps = exps,
};
