/* layernorm.c - layer normalisation, row by row: the equations are in layernorm.h. */
#include "kernels/layernorm.h"

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
    for (int64_t r = 0; r < R; r++)
        row_backward(n, x + r * n, moments[r], w, dy + r * n, dx + r * n);
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
    for (int64_t r = 0; r < R; r++) row_gradient(n, x + r * n, moments[r], dy + r * n, dw, db);
}

#endif

const recur__layernorm RECUR__PER_ISA(layernorm) = {
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
};
