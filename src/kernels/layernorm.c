/* layernorm.c - layer normalisation, row by row. Ba 2016.
 *
 *   x̂ = (x - mean) / √(variance + epsilon)      y = w x̂ + b
 *   g = w dy      dx = scale (g - mean(g) - x̂ mean(g x̂))      dw += Σ dy x̂      db += Σ dy
 *
 * The variance is that of what is left after a first mean, so large means cost no digits. Sums are
 * in double in the reference. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

#if RECUR__SET == RECUR__IS_ref

typedef double va; /* a sum */
INLINE va a_add(va sum, vf x) { return sum + (double)x; }
INLINE va a_add_product(va sum, vf x, vf y) { return sum + (double)x * (double)y; }
INLINE double a_sum(va sum) { return sum; }

#else

typedef vf va;
INLINE va a_add(va sum, vf x) { return sum + x; }
INLINE va a_add_product(va sum, vf x, vf y) { return sum + x * y; }
INLINE double a_sum(va sum) { return (double)v_sum(sum); }

#endif

INLINE vf normal(vf x, recur__moments m) { return (x - m.mean) * m.scale + m.rest; }

static const float ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static recur__moments moments_of(int64_t n, double epsilon, const float *x)
{
    va sum = { 0 }, squares = { 0 }, rest = { 0 };
    for (int64_t i = 0; i < n; i += VW) sum = a_add(sum, v_load_part(x + i, n - i));
    const float mean = (float)(a_sum(sum) / (double)n);
    for (int64_t i = 0; i < n; i += VW) {
        const vf d = (v_load_part(x + i, n - i) - mean) * v_load_part(ones, n - i);
        rest = a_add(rest, d);
        squares = a_add_product(squares, d, d);
    }
    const double r = a_sum(rest) / (double)n, variance = a_sum(squares) / (double)n - r * r;
    const double scale = 1 / sqrt((variance < 0 ? 0 : variance) + epsilon);
    return (recur__moments){ .mean = mean, .scale = (float)scale, .rest = (float)(-r * scale) };
}

static void forward(int64_t R, int64_t n, double epsilon, const float *x, const float *w,
                    const float *b, float *y, recur__moments *moments)
{
    for (int64_t r = 0; r < R; r++, x += n) {
        const recur__moments m = moments_of(n, epsilon, x);
        if (moments) moments[r] = m;
        if (!y) continue;
        for (int64_t i = 0; i < n; i += VW) {
            const vf wx = v_load_part(w + i, n - i) * normal(v_load_part(x + i, n - i), m);
            v_store_part(y + i, b ? wx + v_load_part(b + i, n - i) : wx, n - i);
        }
        y += n;
    }
}

static void backward(int64_t R, int64_t n, const float *x, const recur__moments *moments,
                     const float *w, const float *dy, float *dx)
{
    for (int64_t r = 0; r < R; r++, x += n, dy += n, dx += n) {
        const recur__moments m = moments[r];
        va g_sum = { 0 }, gx_sum = { 0 };
        for (int64_t i = 0; i < n; i += VW) {
            const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i);
            g_sum = a_add(g_sum, g);
            gx_sum = a_add_product(gx_sum, g, normal(v_load_part(x + i, n - i), m));
        }
        const float g_mean = (float)(a_sum(g_sum) / (double)n),
                    gx_mean = (float)(a_sum(gx_sum) / (double)n);
        for (int64_t i = 0; i < n; i += VW) {
            const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i);
            v_store_part(dx + i,
                         m.scale * (g - g_mean - normal(v_load_part(x + i, n - i), m) * gx_mean),
                         n - i);
        }
    }
}

#if RECUR__SET == RECUR__IS_ref

static void gradient(int64_t R, int64_t n, const float *x, const recur__moments *moments,
                     const float *dy, float *dw, float *db)
{
    for (int64_t i = 0; i < n; i++) {
        double w_sum = (double)dw[i], b_sum = db ? (double)db[i] : 0;
        for (int64_t r = 0; r < R; r++) {
            w_sum += (double)dy[r * n + i] * (double)normal(x[r * n + i], moments[r]);
            b_sum += (double)dy[r * n + i];
        }
        dw[i] = (float)w_sum;
        if (db) db[i] = (float)b_sum;
    }
}

#else

static void gradient(int64_t R, int64_t n, const float *x, const recur__moments *moments,
                     const float *dy, float *dw, float *db)
{
    for (int64_t r = 0; r < R; r++, x += n, dy += n)
        for (int64_t i = 0; i < n; i += VW) {
            const vf g = v_load_part(dy + i, n - i);
            v_store_part(dw + i,
                         v_load_part(dw + i, n - i) +
                             g * normal(v_load_part(x + i, n - i), moments[r]),
                         n - i);
            if (db) v_store_part(db + i, v_load_part(db + i, n - i) + g, n - i);
        }
}

#endif

const recur__layernorm RECUR__PER_ISA(layernorm) = {
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
};
