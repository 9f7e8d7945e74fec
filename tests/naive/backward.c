/* backward.c - the derivative of one step of the plain kinds. da is the gradient of what goes into
 * a gate's function. */
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include "naive/naive.h"

int naive_is_plain(const naive_recurrent *net)
{
    return net->kind <= NAIVE_GRU_RESET_BEFORE && !net->P && !net->update_new &&
           !net->learn_initial && net->zoneout_h == 0 && net->zoneout_c == 0 &&
           net->cell_clip == 0 && net->clip == 0 && !net->gate && !net->activation && !net->output;
}

/* Gradient da of row r of W x + b; of U h + v. */
static void to_x(const naive_cell *cell, int64_t r, double da, const double *x, double *dx,
                 const naive_grads *d)
{
    if (d->b) d->b[r] += da;
    for (int64_t i = 0; i < cell->I; i++) {
        d->W[r * cell->I + i] += da * x[i];
        dx[i] += da * cell->W[r * cell->I + i];
    }
}

static void to_h(const naive_cell *cell, int64_t r, double da, const double *h, double *dh,
                 const naive_grads *d)
{
    if (d->v) d->v[r] += da;
    for (int64_t j = 0; j < cell->H; j++) {
        d->U[r * cell->H + j] += da * h[j];
        dh[j] += da * cell->U[r * cell->H + j];
    }
}

static void rnn_backward(const naive_cell *cell, const double *x, const double *h, const double *h1,
                         const double *dh1, double *dx, double *dh, const naive_grads *d)
{
    for (int64_t j = 0; j < cell->H; j++) {
        const double da = cell->net->kind == NAIVE_RNN_TANH ? dh1[j] * (1 - h1[j] * h1[j])
                          : h1[j] > 0                       ? dh1[j]
                                                            : 0;
        to_x(cell, j, da, x, dx, d);
        to_h(cell, j, da, h, dh, d);
    }
}

static void lstm_backward(const naive_cell *cell, const double *x, const double *h, const double *c,
                          const double *c1, const double *gates, const double *dh1,
                          const double *dc1, double *dx, double *dh, double *dc,
                          const naive_grads *d)
{
    const int64_t H = cell->H;
    for (int64_t j = 0; j < H; j++) {
        const double i = gates[j], f = gates[H + j], g = gates[2 * H + j], o = gates[3 * H + j],
                     t = tanh(c1[j]);
        const double dct = dc1[j] + dh1[j] * o * (1 - t * t);
        const double da[4] = { dct * g * i * (1 - i), dct * c[j] * f * (1 - f),
                               dct * i * (1 - g * g), dh1[j] * t * o * (1 - o) };
        dc[j] = dct * f;
        for (int64_t k = 0; k < 4; k++) {
            to_x(cell, k * H + j, da[k], x, dx, d);
            to_h(cell, k * H + j, da[k], h, dh, d);
        }
    }
}

static void gru_backward(const naive_cell *cell, const double *x, const double *h,
                         const double *gates, const double *dh1, double *dx, double *dh,
                         const naive_grads *d)
{
    const int64_t H = cell->H;
    const double *r = gates, *z = gates + H, *n = gates + 2 * H, *m = gates + 3 * H;
    double *dr = calloc((size_t)(3 * H), sizeof *dr), *rh = dr + H, *drh = dr + 2 * H;
    if (!dr) abort();
    for (int64_t j = 0; j < H; j++) rh[j] = r[j] * h[j];
    for (int64_t j = 0; j < H; j++) {
        const double dan = dh1[j] * (1 - z[j]) * (1 - n[j] * n[j]),
                     daz = dh1[j] * (h[j] - n[j]) * z[j] * (1 - z[j]);
        dh[j] += dh1[j] * z[j];
        to_x(cell, 2 * H + j, dan, x, dx, d);
        to_x(cell, H + j, daz, x, dx, d);
        to_h(cell, H + j, daz, h, dh, d);
        if (cell->net->kind == NAIVE_GRU) {
            dr[j] = dan * m[j];
            to_h(cell, 2 * H + j, dan * r[j], h, dh, d);
        } else {
            to_h(cell, 2 * H + j, dan, rh, drh, d);
        }
    }
    for (int64_t j = 0; j < H; j++) {
        if (cell->net->kind == NAIVE_GRU_RESET_BEFORE) {
            dr[j] = drh[j] * h[j];
            dh[j] += drh[j] * r[j];
        }
        const double dar = dr[j] * r[j] * (1 - r[j]);
        to_x(cell, j, dar, x, dx, d);
        to_h(cell, j, dar, h, dh, d);
    }
    free(dr);
}

void naive_step_backward(const naive_cell *cell, const double *x, const double *h, const double *c,
                         const double *c1, const double *gates, const double *dh1,
                         const double *dc1, double *dx, double *dh, double *dc,
                         const naive_grads *grads)
{
    memset(dh, 0, (size_t)cell->H * sizeof *dh);
    if (cell->net->kind == NAIVE_LSTM)
        lstm_backward(cell, x, h, c, c1, gates, dh1, dc1, dx, dh, dc, grads);
    else if (cell->net->kind == NAIVE_RNN_TANH || cell->net->kind == NAIVE_RNN_RELU)
        rnn_backward(cell, x, h, gates, dh1, dx, dh, grads);
    else
        gru_backward(cell, x, h, gates, dh1, dx, dh, grads);
}
