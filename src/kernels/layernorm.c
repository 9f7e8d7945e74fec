/* layernorm.c - layer normalisation, row by row: the equations are in layernorm.h. RMSNorm (Zhang
 * 2019) is the same without the means; its functions stand apart, so that those of layer
 * normalisation keep their bits. */
#include "kernels/layernorm.h"

static void forward(const recur__normed_rows *rows, float *y)
{
    const int64_t n = rows->n;
    const float *x = rows->x, *w = rows->w, *b = rows->b;
    for (int64_t r = 0; r < rows->R; r++, x += n) {
        const recur__moments m = moments_of(n, rows->epsilon, x);
        if (rows->moments) rows->moments[r] = m;
        if (!y) continue;
        for (int64_t i = 0; i < n; i += VW) {
            const vf wx = v_load_part(w + i, n - i) * normal(v_load_part(x + i, n - i), m);
            v_store_part(y + i, b ? wx + v_load_part(b + i, n - i) : wx, n - i);
        }
        y += n;
    }
}

static void backward(const recur__normed_rows *rows, const float *dy, float *dx)
{
    const int64_t n = rows->n;
    for (int64_t r = 0; r < rows->R; r++)
        row_backward(n, rows->x + r * n, rows->moments[r], rows->w, dy + r * n, dx + r * n);
}

/* The mean counts as 0. */
static recur__moments rms_of(int64_t n, double epsilon, const float *x)
{
    lanes_sum squares = { 0 };
    for (int64_t i = 0; i < n; i += VW) {
        const vf v = v_load_part(x + i, n - i);
        squares = lanes_add_product(squares, v, v);
    }
    double square = lanes_total(squares);
    if (!(square <= (double)FLT_MAX)) {
        square = 0;
        for (int64_t i = 0; i < n; i++) square += (double)x[i] * (double)x[i];
    }
    return (recur__moments){ .scale = (float)(1 / sqrt(square / (double)n + epsilon)) };
}

static void rms_forward(const recur__normed_rows *rows, float *y)
{
    const int64_t n = rows->n;
    for (int64_t r = 0; r < rows->R; r++) {
        const float *x = rows->x + r * n;
        const recur__moments m = rms_of(n, rows->epsilon, x);
        if (rows->moments) rows->moments[r] = m;
        for (int64_t i = 0; i < n && y; i += VW) {
            const vf x_hat = v_load_part(x + i, n - i) * m.scale;
            v_store_part(y + r * n + i, v_load_part(rows->w + i, n - i) * x_hat, n - i);
        }
    }
}

static void rms_backward(const recur__normed_rows *rows, const float *dy, float *dx)
{
    const int64_t n = rows->n;
    const float *x = rows->x, *w = rows->w;
    for (int64_t r = 0; r < rows->R; r++, x += n, dy += n, dx += n) {
        const float scale = rows->moments[r].scale;
        lanes_sum sum = { 0 };
        for (int64_t i = 0; i < n; i += VW) {
            const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i);
            sum = lanes_add_product(sum, g, v_load_part(x + i, n - i) * scale);
        }
        const float mean = (float)(lanes_total(sum) / (double)n);
        for (int64_t i = 0; i < n; i += VW) {
            const vf g = v_load_part(w + i, n - i) * v_load_part(dy + i, n - i);
            const vf x_hat = v_load_part(x + i, n - i) * scale;
            v_store_part(dx + i, scale * (g - x_hat * mean), n - i);
        }
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
    .backward = RECUR__IF(TRAIN, backward),
    .rms_forward = rms_forward,
    .rms_backward = RECUR__IF(TRAIN, rms_backward),
    .gradient = RECUR__IF(TRAIN, gradient),
};
