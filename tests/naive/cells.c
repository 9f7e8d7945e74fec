/* cells.c - one step of each recurrence and its derivative.
 *
 *   RNN    a = W x + b + U h + v                    h' = tanh(a)  or  max(0, a)
 *
 *   LSTM   a = W x + b + U h + v, four blocks       i = σ(ai)  f = σ(af)  g = tanh(ag)  o = σ(ao)
 *          c' = f c + i g                           h' = o tanh(c')
 *
 *   GRU    r = σ(Wr x + br + Ur h + vr)             z = σ(Wz x + bz + Uz h + vz)
 *          after:   m = Un h + vn                   n = tanh(Wn x + bn + r m)
 *          before:  m = Un (r h) + vn               n = tanh(Wn x + bn + m)
 *          h' = (1 - z) n + z h
 *
 * gates keeps i f g o; r z n m; or a. In backward da is the gradient of what goes into a gate's function. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

static double sigmoid(double a) { return 1 / (1 + exp(-a)); }

int64_t naive_gates(int kind)
{
    switch (kind) {
    case NAIVE_LSTM:
        return 4;
    case NAIVE_GRU:
    case NAIVE_GRU_RESET_BEFORE:
        return 3;
    default:
        return 1;
    }
}

/* Row r of W x + b, of U h + v. */
static double from_x(const naive_cell *cell, int64_t r, const double *x)
{
    double a = cell->b ? cell->b[r] : 0;
    for (int64_t i = 0; i < cell->I; i++) a += cell->W[r * cell->I + i] * x[i];
    return a;
}

static double from_h(const naive_cell *cell, int64_t r, const double *h)
{
    double a = cell->v ? cell->v[r] : 0;
    for (int64_t j = 0; j < cell->H; j++) a += cell->U[r * cell->H + j] * h[j];
    return a;
}

static void gru_step(const naive_cell *cell, const double *x, const double *h, double *h1, double *gates)
{
    const int64_t H = cell->H;
    double *r = gates, *z = gates + H, *n = gates + 2 * H, *m = gates + 3 * H;
    for (int64_t j = 0; j < H; j++) {
        r[j] = sigmoid(from_x(cell, j, x) + from_h(cell, j, h));
        z[j] = sigmoid(from_x(cell, H + j, x) + from_h(cell, H + j, h));
    }
    for (int64_t j = 0; j < H; j++) {
        if (cell->kind == NAIVE_GRU) {
            m[j] = from_h(cell, 2 * H + j, h);
            n[j] = tanh(from_x(cell, 2 * H + j, x) + r[j] * m[j]);
        } else {
            m[j] = cell->v ? cell->v[2 * H + j] : 0;
            for (int64_t k = 0; k < H; k++) m[j] += cell->U[(2 * H + j) * H + k] * r[k] * h[k];
            n[j] = tanh(from_x(cell, 2 * H + j, x) + m[j]);
        }
        h1[j] = (1 - z[j]) * n[j] + z[j] * h[j];
    }
}

void naive_step(const naive_cell *cell, const double *x, const double *h, const double *c, double *h1, double *c1,
                double *gates)
{
    const int64_t H = cell->H;
    if (cell->kind == NAIVE_GRU || cell->kind == NAIVE_GRU_RESET_BEFORE) {
        gru_step(cell, x, h, h1, gates);
        return;
    }
    const int64_t G = naive_gates(cell->kind);
    for (int64_t r = 0; r < G * H; r++) gates[r] = from_x(cell, r, x) + from_h(cell, r, h);
    for (int64_t j = 0; j < H; j++) {
        if (cell->kind == NAIVE_RNN_TANH) h1[j] = tanh(gates[j]);
        if (cell->kind == NAIVE_RNN_RELU) h1[j] = gates[j] > 0 ? gates[j] : 0;
        if (cell->kind != NAIVE_LSTM) continue;
        double *i = gates, *f = gates + H, *g = gates + 2 * H, *o = gates + 3 * H;
        i[j] = sigmoid(i[j]);
        f[j] = sigmoid(f[j]);
        g[j] = tanh(g[j]);
        o[j] = sigmoid(o[j]);
        c1[j] = f[j] * c[j] + i[j] * g[j];
        h1[j] = o[j] * tanh(c1[j]);
    }
}

/* ---- backward ----------------------------------------------------------------------------------- */

/* Gradient da of row r of W x + b; of U h + v. */
static void to_x(const naive_cell *cell, int64_t r, double da, const double *x, double *dx, const naive_grads *d)
{
    if (d->b) d->b[r] += da;
    for (int64_t i = 0; i < cell->I; i++) {
        d->W[r * cell->I + i] += da * x[i];
        dx[i] += da * cell->W[r * cell->I + i];
    }
}

static void to_h(const naive_cell *cell, int64_t r, double da, const double *h, double *dh, const naive_grads *d)
{
    if (d->v) d->v[r] += da;
    for (int64_t j = 0; j < cell->H; j++) {
        d->U[r * cell->H + j] += da * h[j];
        dh[j] += da * cell->U[r * cell->H + j];
    }
}

static void rnn_backward(const naive_cell *cell, const double *x, const double *h, const double *a, const double *dh1,
                         double *dx, double *dh, const naive_grads *d)
{
    for (int64_t j = 0; j < cell->H; j++) {
        const double t = tanh(a[j]);
        const double da = cell->kind == NAIVE_RNN_TANH ? dh1[j] * (1 - t * t) : a[j] > 0 ? dh1[j] : 0;
        to_x(cell, j, da, x, dx, d);
        to_h(cell, j, da, h, dh, d);
    }
}

static void lstm_backward(const naive_cell *cell, const double *x, const double *h, const double *c, const double *c1,
                          const double *gates, const double *dh1, const double *dc1, double *dx, double *dh, double *dc,
                          const naive_grads *d)
{
    const int64_t H = cell->H;
    for (int64_t j = 0; j < H; j++) {
        const double i = gates[j], f = gates[H + j], g = gates[2 * H + j], o = gates[3 * H + j], t = tanh(c1[j]);
        const double dct = dc1[j] + dh1[j] * o * (1 - t * t);
        const double da[4] = { dct * g * i * (1 - i), dct * c[j] * f * (1 - f), dct * i * (1 - g * g),
                               dh1[j] * t * o * (1 - o) };
        dc[j] = dct * f;
        for (int64_t k = 0; k < 4; k++) {
            to_x(cell, k * H + j, da[k], x, dx, d);
            to_h(cell, k * H + j, da[k], h, dh, d);
        }
    }
}

static void gru_backward(const naive_cell *cell, const double *x, const double *h, const double *gates,
                         const double *dh1, double *dx, double *dh, const naive_grads *d)
{
    const int64_t H = cell->H;
    const double *r = gates, *z = gates + H, *n = gates + 2 * H, *m = gates + 3 * H;
    double *dr = calloc((size_t)(3 * H), sizeof *dr), *rh = dr + H, *drh = dr + 2 * H;
    if (!dr) abort();
    for (int64_t j = 0; j < H; j++) rh[j] = r[j] * h[j];
    for (int64_t j = 0; j < H; j++) {
        const double dan = dh1[j] * (1 - z[j]) * (1 - n[j] * n[j]), daz = dh1[j] * (h[j] - n[j]) * z[j] * (1 - z[j]);
        dh[j] += dh1[j] * z[j];
        to_x(cell, 2 * H + j, dan, x, dx, d);
        to_x(cell, H + j, daz, x, dx, d);
        to_h(cell, H + j, daz, h, dh, d);
        if (cell->kind == NAIVE_GRU) {
            dr[j] = dan * m[j];
            to_h(cell, 2 * H + j, dan * r[j], h, dh, d);
        } else {
            to_h(cell, 2 * H + j, dan, rh, drh, d);
        }
    }
    for (int64_t j = 0; j < H; j++) {
        if (cell->kind == NAIVE_GRU_RESET_BEFORE) {
            dr[j] = drh[j] * h[j];
            dh[j] += drh[j] * r[j];
        }
        const double dar = dr[j] * r[j] * (1 - r[j]);
        to_x(cell, j, dar, x, dx, d);
        to_h(cell, j, dar, h, dh, d);
    }
    free(dr);
}

void naive_step_backward(const naive_cell *cell, const double *x, const double *h, const double *c, const double *c1,
                         const double *gates, const double *dh1, const double *dc1, double *dx, double *dh, double *dc,
                         const naive_grads *grads)
{
    memset(dh, 0, (size_t)cell->H * sizeof *dh);
    if (cell->kind == NAIVE_LSTM)
        lstm_backward(cell, x, h, c, c1, gates, dh1, dc1, dx, dh, dc, grads);
    else if (cell->kind == NAIVE_RNN_TANH || cell->kind == NAIVE_RNN_RELU)
        rnn_backward(cell, x, h, gates, dh1, dx, dh, grads);
    else
        gru_backward(cell, x, h, gates, dh1, dx, dh, grads);
}
