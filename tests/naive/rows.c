/* rows.c - layers that map row by row. */
#include <math.h>
#include <string.h>

#include "naive/naive.h"

void naive_linear(int64_t R, int64_t I, int64_t O, const double *W, const double *b,
                  const double *x, double *y)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t o = 0; o < O; o++) {
            double sum = b ? b[o] : 0;
            for (int64_t i = 0; i < I; i++) sum += W[o * I + i] * x[r * I + i];
            y[r * O + o] = sum;
        }
}

void naive_linear_backward(int64_t R, int64_t I, int64_t O, const double *W, const double *x,
                           const double *dy, double *dx, double *dW, double *db)
{
    memset(dx, 0, (size_t)(R * I) * sizeof *dx);
    for (int64_t r = 0; r < R; r++)
        for (int64_t o = 0; o < O; o++) {
            if (db) db[o] += dy[r * O + o];
            for (int64_t i = 0; i < I; i++) {
                dx[r * I + i] += dy[r * O + o] * W[o * I + i];
                dW[o * I + i] += dy[r * O + o] * x[r * I + i];
            }
        }
}

void naive_embedding(int64_t R, int64_t width, const double *W, const int32_t *ids, double *y)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < width; i++) y[r * width + i] = W[ids[r] * width + i];
}

void naive_embedding_backward(int64_t R, int64_t width, const int32_t *ids, const double *dy,
                              double *dW)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < width; i++) dW[ids[r] * width + i] += dy[r * width + i];
}

static double mean_of(int64_t F, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < F; i++) sum += x[i];
    return sum / (double)F;
}

static double deviation_of(int64_t F, double epsilon, const double *x)
{
    const double mean = mean_of(F, x);
    double sum = 0;
    for (int64_t i = 0; i < F; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)F + epsilon);
}

void naive_norm(int64_t R, int64_t F, double epsilon, const double *w, const double *b,
                const double *x, double *y)
{
    for (int64_t r = 0; r < R; r++, x += F, y += F)
        for (int64_t i = 0; i < F; i++)
            y[i] = w[i] * (x[i] - mean_of(F, x)) / deviation_of(F, epsilon, x) + (b ? b[i] : 0);
}

/* ∂y_i/∂x_j = w_i/s (δ_ij - 1/F - (x_i - mean)(x_j - mean)/(F s²)), summed as it stands. */
void naive_norm_backward(int64_t R, int64_t F, double epsilon, const double *w, const double *x,
                         const double *dy, double *dx, double *dw, double *db)
{
    for (int64_t r = 0; r < R; r++, x += F, dy += F, dx += F) {
        const double mean = mean_of(F, x), s = deviation_of(F, epsilon, x), n = (double)F;
        for (int64_t j = 0; j < F; j++) {
            dx[j] = 0;
            for (int64_t i = 0; i < F; i++)
                dx[j] += dy[i] * w[i] / s *
                         ((i == j) - 1 / n - (x[i] - mean) * (x[j] - mean) / (n * s * s));
            dw[j] += dy[j] * (x[j] - mean) / s;
            if (db) db[j] += dy[j];
        }
    }
}
