/* rows.c - layers that map row by row. */
#include <string.h>

#include "naive/naive.h"

void naive_linear(int64_t R, int64_t I, int64_t O, const double *W, const double *b, const double *x, double *y)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t o = 0; o < O; o++) {
            double sum = b ? b[o] : 0;
            for (int64_t i = 0; i < I; i++) sum += W[o * I + i] * x[r * I + i];
            y[r * O + o] = sum;
        }
}

void naive_linear_backward(int64_t R, int64_t I, int64_t O, const double *W, const double *x, const double *dy,
                           double *dx, double *dW, double *db)
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

void naive_embedding_backward(int64_t R, int64_t width, const int32_t *ids, const double *dy, double *dW)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < width; i++) dW[ids[r] * width + i] += dy[r * width + i];
}
