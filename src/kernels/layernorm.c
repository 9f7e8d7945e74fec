/* layernorm.c - layer normalisation, row by row: the equations are in layernorm.h. RMSNorm has them
 * without the means. */
#include "kernels/layernorm.h"

static void forward(const recur__normed_rows *rows, float *y)
{
    const int64_t n = rows->n;
    const float *x = rows->x, *w = rows->w, *b = rows->b;
    for (int64_t r = 0; r < rows->R; r++, x += n) {
        const recur__moments m = rows->rms ? rms_of(n, rows->epsilon, x)
                                           : moments_of(n, rows->epsilon, x);
        if (rows->moments) rows->moments[r] = m;
        if (!y) continue;
        for (int64_t i = 0; i < n; i += VW) {
            const vf x_hat = normal(v_load_part(x + i, n - i), m),
                     wx = w ? v_load_part(w + i, n - i) * x_hat : x_hat;
            v_store_part(y + i, b ? wx + v_load_part(b + i, n - i) : wx, n - i);
        }
        y += n;
    }
}

static void backward(const recur__normed_rows *rows, const float *dy, float *dx)
{
    const int64_t n = rows->n;
    for (int64_t r = 0; r < rows->R; r++, dy += n, dx += n) {
        if (rows->rms)
            row_backward_of(true, n, rows->x + r * n, rows->moments[r], rows->w, dy, dx);
        else
            row_backward(n, rows->x + r * n, rows->moments[r], rows->w, dy, dx);
    }
}

#if RECUR__SET == RECUR__IS_ref

static void gradient(const recur__normed_rows *rows, const float *dy, float *dw, float *db)
{
    const int64_t n = rows->n;
    for (int64_t i = 0; i < n; i++) {
        double w_sum = (double)dw[i], b_sum = db ? (double)db[i] : 0;
        for (int64_t r = 0; r < rows->R; r++) {
            const float x_hat = normal(rows->x[r * n + i], rows->moments[r]);
            w_sum += (double)dy[r * n + i] * (double)x_hat;
            b_sum += (double)dy[r * n + i];
        }
        dw[i] = (float)w_sum;
        if (db) db[i] = (float)b_sum;
    }
}

#else

static void gradient(const recur__normed_rows *rows, const float *dy, float *dw, float *db)
{
    const int64_t n = rows->n;
    for (int64_t r = 0; r < rows->R; r++)
        row_gradient(n, rows->x + r * n, rows->moments[r], dy + r * n, dw, db);
}

#endif

const recur__layernorm RECUR__PER_ISA(layernorm) = {
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
};
