/* recurrent.c - a stack of cells over time: layer after layer, direction after direction, sequence by sequence.
 *
 *     x ──▶ layer 0 ──▶ [forward half][reverse half] ──▶ layer 1 ──▶ ... ──▶ y
 *
 * A reverse direction visits the steps T-1 ... 0 of its sequence. In backward every direction visits its steps in the
 * opposite order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

/* What one layer and direction leaves of one sequence: states before each of its visits and after the last, gates of each. */
typedef struct trace {
    double *h, *c, *gates; /* [T+1][H], [T+1][H], [T][4H] */
} trace;

static double *zeros(int64_t count)
{
    double *p = calloc((size_t)(count ? count : 1), sizeof *p);
    if (!p) abort();
    return p;
}

static int64_t directions(const naive_recurrent *net) { return (net->forward ? 1 : 0) + (net->reverse ? 1 : 0); }
static int64_t width(const naive_recurrent *net, int64_t k) { return k ? directions(net) * net->H : net->I; }

/* Parameters of the cell of layer k and direction d, and their gradients; returns how many there are in all before the next. */
static int64_t cell_at(const naive_recurrent *net, int64_t k, int64_t d, const double *params, double *dparams,
                       naive_cell *cell, naive_grads *grads)
{
    const int64_t H = net->H, GH = naive_gates(net->kind) * H, D = directions(net);
    int64_t at = 0;
    for (int64_t m = 0; m < k * D + d; m++) at += GH * (width(net, m / D) + H + (net->bias ? 2 : 0));
    const int64_t W = at, U = W + GH * width(net, k), b = U + GH * H, v = b + GH;
    if (cell)
        *cell = (naive_cell){ net->kind,
                              width(net, k),
                              H,
                              params + W,
                              params + U,
                              net->bias ? params + b : NULL,
                              net->bias ? params + v : NULL };
    if (grads)
        *grads = (naive_grads){ dparams + W, dparams + U, net->bias ? dparams + b : NULL,
                                net->bias ? dparams + v : NULL };
    return at;
}

int64_t naive_count(const naive_recurrent *net) { return cell_at(net, net->L, 0, NULL, NULL, NULL, NULL); }

static int is_reverse(const naive_recurrent *net, int64_t d) { return net->reverse && (!net->forward || d == 1); }

/* One layer, one direction, one sequence: X [T][in] → half of Y [T][DH]. */
static void forward(const naive_recurrent *net, const naive_cell *cell, int64_t d, int64_t T, const double *X,
                    double *Y, const trace *t)
{
    const int64_t H = net->H, DH = directions(net) * H;
    for (int64_t s = 0; s < T; s++) {
        const int64_t step = is_reverse(net, d) ? T - 1 - s : s;
        double *h = t->h + s * H, *c = t->c + s * H;
        naive_step(cell, X + step * cell->I, h, c, h + H, c + H, t->gates + s * 4 * H);
        memcpy(Y + step * DH + d * H, h + H, (size_t)H * sizeof *h);
    }
}

/* dh, dc [H]: in of the final state, out of the initial one. */
static void backward(const naive_recurrent *net, const naive_cell *cell, const naive_grads *grads, int64_t d, int64_t T,
                     const double *X, const double *dY, double *dX, const trace *t, double *dh, double *dc)
{
    const int64_t H = net->H, DH = directions(net) * H;
    double *dh1 = zeros(2 * H), *dc1 = dh1 + H;
    for (int64_t s = T - 1; s >= 0; s--) {
        const int64_t step = is_reverse(net, d) ? T - 1 - s : s;
        const double *h = t->h + s * H, *c = t->c + s * H;
        for (int64_t j = 0; j < H; j++) {
            dh1[j] = dh[j] + dY[step * DH + d * H + j];
            dc1[j] = dc[j];
        }
        naive_step_backward(cell, X + step * cell->I, h, c, c + H, t->gates + s * 4 * H, dh1, dc1, dX + step * cell->I,
                            dh, dc, grads);
    }
    free(dh1);
}

static void note_closest(const naive_recurrent *net, int64_t T, const trace *t, double *closest)
{
    if (net->kind != NAIVE_RNN_RELU) return;
    for (int64_t s = 0; s < T; s++)
        for (int64_t j = 0; j < net->H; j++) {
            const double a = fabs(t->gates[s * 4 * net->H + j]);
            if (a > 0 && a < *closest) *closest = a;
        }
}

/* All of one sequence: inputs of the layers, the last being y, their gradients, the traces. */
typedef struct sequence {
    int64_t b, T;
    double **X, **dX; /* [L+1] arrays [T][width] */
    trace *traces;    /* [L*D] */
} sequence;

/* Where layer k and direction d of sequence b lies in a state [LD][B][H]. */
static int64_t state_at(const naive_recurrent *net, const naive_pass *p, int64_t m, int64_t b)
{
    return (m * p->B + b) * net->H;
}

static void copy(double *to, const double *from, int64_t count) { memcpy(to, from, (size_t)count * sizeof *to); }

static void forward_sequence(const naive_recurrent *net, naive_pass *p, sequence *q)
{
    const int64_t H = net->H, D = directions(net), T = q->T;
    for (int64_t k = 0; k < net->L; k++)
        for (int64_t d = 0; d < D; d++) {
            const int64_t m = k * D + d, at = state_at(net, p, m, q->b);
            trace *t = &q->traces[m];
            *t = (trace){ zeros((T + 1) * H), zeros((T + 1) * H), zeros(T * 4 * H) };
            copy(t->h, p->h0 + at, H);
            if (net->kind == NAIVE_LSTM) copy(t->c, p->c0 + at, H);
            naive_cell cell;
            cell_at(net, k, d, p->params, NULL, &cell, NULL);
            forward(net, &cell, d, T, q->X[k], q->X[k + 1], t);
            note_closest(net, T, t, &p->closest);
            copy(p->hn + at, t->h + T * H, H);
            if (net->kind == NAIVE_LSTM) copy(p->cn + at, t->c + T * H, H);
        }
}

static void backward_sequence(const naive_recurrent *net, naive_pass *p, sequence *q)
{
    const int64_t H = net->H, D = directions(net);
    double *dh = zeros(2 * H), *dc = dh + H;
    for (int64_t k = net->L - 1; k >= 0; k--)
        for (int64_t d = 0; d < D; d++) {
            const int64_t m = k * D + d, at = state_at(net, p, m, q->b);
            copy(dh, p->dhn + at, H);
            if (net->kind == NAIVE_LSTM) copy(dc, p->dcn + at, H);
            naive_cell cell;
            naive_grads grads;
            cell_at(net, k, d, p->params, p->dparams, &cell, &grads);
            backward(net, &cell, &grads, d, q->T, q->X[k], q->dX[k + 1], q->dX[k], &q->traces[m], dh, dc);
            copy(p->dh0 + at, dh, H);
            if (net->kind == NAIVE_LSTM) copy(p->dc0 + at, dc, H);
        }
    free(dh);
}

/* Sequence b, whose rows start at row `first`. */
static void run_sequence(const naive_recurrent *net, naive_pass *p, int64_t b, int64_t first)
{
    const int64_t L = net->L, D = directions(net), DH = D * net->H;
    sequence q = { .b = b, .T = p->lengths[b], .X = calloc((size_t)(2 * (L + 1)), sizeof *q.X) };
    q.dX = q.X ? q.X + L + 1 : NULL;
    q.traces = calloc((size_t)(L * D), sizeof *q.traces);
    if (!q.X || !q.traces) abort();
    for (int64_t k = 0; k <= L; k++) {
        q.X[k] = zeros(q.T * width(net, k));
        q.dX[k] = zeros(q.T * width(net, k));
    }
    copy(q.X[0], p->x + first * net->I, q.T * net->I);
    forward_sequence(net, p, &q);
    copy(p->y + first * DH, q.X[L], q.T * DH);
    copy(q.dX[L], p->dy + first * DH, q.T * DH);
    backward_sequence(net, p, &q);
    copy(p->dx + first * net->I, q.dX[0], q.T * net->I);
    for (int64_t m = 0; m < L * D; m++) {
        free(q.traces[m].h);
        free(q.traces[m].c);
        free(q.traces[m].gates);
    }
    for (int64_t k = 0; k < 2 * (L + 1); k++) free(q.X[k]);
    free(q.X);
    free(q.traces);
}

void naive_run(const naive_recurrent *net, naive_pass *pass)
{
    pass->closest = INFINITY;
    for (int64_t b = 0, first = 0; b < pass->B; first += pass->lengths[b++]) run_sequence(net, pass, b, first);
}
