/* recurrent.c - a stack of cells over time: layer after layer, direction after direction, sequence
 * after sequence.
 *
 *     x ──▶ layer 0 ──▶ [forward half][reverse half] ──▶ layer 1 ──▶ ... ──▶ y
 *
 * A reverse direction visits the steps T-1 ... 0 of its sequence. In backward every direction
 * visits its steps in the opposite order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

/* The trace of one layer and direction over one sequence: states before each of its visits and
 * after the last one, and gates of each. */
typedef struct trace {
    double *h, *c, *gates; /* [T+1][R], [T+1][H], [T][4H] */
} trace;

static double *zeros(int64_t count)
{
    double *p = calloc((size_t)(count ? count : 1), sizeof *p);
    if (!p) abort();
    return p;
}

static int64_t directions(const naive_recurrent *net)
{
    return (net->forward ? 1 : 0) + (net->reverse ? 1 : 0);
}
static int64_t height(const naive_recurrent *net) { return net->P ? net->P : net->H; } /* of h */
static int64_t width(const naive_recurrent *net, int64_t k)
{
    return k ? directions(net) * height(net) : net->I;
}

/* Finds the parameters of the cell of layer k from *at on, and moves *at behind them. params NULL:
 * it only counts them. */
static naive_cell cell_from(const naive_recurrent *net, int64_t k, const double *params,
                            int64_t *at)
{
    const int64_t H = net->H, R = height(net), GH = naive_gates(net->kind) * H,
                  EH = naive_norms(net->kind) * H;
    const int learn = net->learn_initial,
              learn_c = learn && naive_has_c(net->kind) && net->kind != NAIVE_CLOCKWORK,
              alone = !naive_has_U(net->kind); /* units see themselves only */
    naive_cell cell = { .net = net, .I = width(net, k), .H = H, .R = R };
    const struct {
        const double **where;
        int64_t count;
    } tensor[] = { { &cell.W, GH * cell.I },
                   { &cell.U, alone ? 0 : GH * R },
                   { &cell.b, net->bias ? GH : 0 },
                   { &cell.v, net->bias && !alone ? GH : 0 },
                   { &cell.project, net->P * H },
                   { &cell.peephole, naive_peepholes(net->kind) * H },
                   { &cell.norm, EH },
                   { &cell.shift, EH },
                   { &cell.initial_h, learn ? R : 0 },
                   { &cell.initial_c, learn_c ? H : 0 } };
    for (size_t i = 0; i < sizeof tensor / sizeof *tensor; i++) {
        if (params && tensor[i].count) *tensor[i].where = params + *at;
        *at += tensor[i].count;
    }
    return cell;
}

/* Parameters of the cell of layer k and direction d. */
static naive_cell cell_at(const naive_recurrent *net, int64_t k, int64_t d, naive_pass *p)
{
    int64_t at = 0;
    for (int64_t m = 0; m < k * directions(net) + d; m++)
        cell_from(net, m / directions(net), NULL, &at);
    naive_cell cell = cell_from(net, k, p->params, &at);
    cell.closest = &p->closest;
    return cell;
}

int64_t naive_count(const naive_recurrent *net)
{
    int64_t at = 0;
    for (int64_t m = 0; m < net->L * directions(net); m++)
        cell_from(net, m / directions(net), NULL, &at);
    return at;
}

/* Their gradients, of a plain kind. */
static naive_grads grads_of(const naive_cell *cell, const naive_pass *p)
{
    double *W = p->dparams + (cell->W - p->params), *U = p->dparams + (cell->U - p->params);
    const int64_t GH = naive_gates(cell->net->kind) * cell->H;
    double *b = cell->b ? U + GH * cell->H : NULL;
    return (naive_grads){ W, U, b, b ? b + GH : NULL };
}

static int is_reverse(const naive_recurrent *net, int64_t d)
{
    return net->reverse && (!net->forward || d == 1);
}

/* One layer, one direction, one sequence: X [T][in] → half of Y [T][DR]. nudge, keep_h [T][R],
 * keep_c [T][H] or NULL. */
static void forward(const naive_cell *every, int64_t d, int64_t T, const double *X,
                    const double *nudge, double *Y, const trace *t)
{
    const int64_t H = every->H, R = every->R, DR = directions(every->net) * R;
    for (int64_t s = 0; s < T; s++) {
        const int64_t step = is_reverse(every->net, d) ? T - 1 - s : s;
        double *h = t->h + s * R, *c = t->c + s * H;
        naive_cell now = *every, *cell = &now;
        if (now.keep_h) now.keep_h += step * R;
        if (now.keep_c) now.keep_c += step * H;
        naive_step(cell, X + step * cell->I, h, c, h + R, c + H, t->gates + s * 4 * H);
        for (int64_t j = 0; nudge && j < R; j++) h[R + j] += nudge[step * R + j];
        memcpy(Y + step * DR + d * R, h + R, (size_t)R * sizeof *h);
    }
}

/* dh, dc [H]: in of the final state, out of the initial one. */
static void backward(const naive_cell *cell, const naive_grads *grads, int64_t d, int64_t T,
                     const double *X, const double *dY, double *dX, const trace *t, double *dh,
                     double *dc)
{
    const int64_t H = cell->H, DH = directions(cell->net) * H;
    double *dh1 = zeros(2 * H), *dc1 = dh1 + H;
    for (int64_t s = T - 1; s >= 0; s--) {
        const int64_t step = is_reverse(cell->net, d) ? T - 1 - s : s;
        const double *h = t->h + s * H, *c = t->c + s * H;
        for (int64_t j = 0; j < H; j++) {
            dh1[j] = dh[j] + dY[step * DH + d * H + j];
            dc1[j] = dc[j];
        }
        naive_step_backward(cell, X + step * cell->I, h, c, c + H, t->gates + s * 4 * H, dh1, dc1,
                            dX + step * cell->I, dh, dc, grads);
    }
    free(dh1);
}

/* All of one sequence, whose rows start at row `first`: inputs of the layers, the last being y,
 * their gradients, the traces. */
typedef struct sequence {
    int64_t b, T, first, N;
    double **X, **dX; /* [L+1] arrays [T][width] */
    trace *traces;    /* [L*D] */
} sequence;

static void copy(double *to, const double *from, int64_t count)
{
    memcpy(to, from, (size_t)count * sizeof *to);
}

/* State before the first step. */
static void begin(const naive_cell *cell, const naive_pass *p, int64_t m, int64_t b, trace *t)
{
    const int64_t H = cell->H, R = cell->R;
    if (p->h0) {
        copy(t->h, p->h0 + (m * p->B + b) * R, R);
        if (naive_has_c(cell->net->kind)) copy(t->c, p->c0 + (m * p->B + b) * H, H);
    } else {
        if (cell->initial_h) copy(t->h, cell->initial_h, R);
        if (cell->initial_c) copy(t->c, cell->initial_c, H);
    }
}

/* Copies steps from the order of visits into the order of time. */
static void show(double *all, const sequence *q, int64_t m, int64_t size, int reverse,
                 const double *visits)
{
    if (!all) return;
    for (int64_t s = 0; s < q->T; s++)
        copy(all + (m * q->N + q->first + (reverse ? q->T - 1 - s : s)) * size, visits + s * size,
             size);
}

static void forward_sequence(const naive_recurrent *net, naive_pass *p, sequence *q)
{
    const int64_t H = net->H, R = height(net), D = directions(net), T = q->T;
    for (int64_t k = 0; k < net->L; k++)
        for (int64_t d = 0; d < D; d++) {
            const int64_t m = k * D + d;
            naive_cell cell = cell_at(net, k, d, p);
            if (p->mask) cell.mask = p->mask + (m * p->B + q->b) * R;
            if (p->keep_h) cell.keep_h = p->keep_h + (m * q->N + q->first) * R;
            if (p->keep_c) cell.keep_c = p->keep_c + (m * q->N + q->first) * H;
            trace *t = &q->traces[m];
            *t = (trace){ zeros((T + 1) * R), zeros((T + 1) * H), zeros(T * 4 * H) };
            begin(&cell, p, m, q->b, t);
            forward(&cell, d, T, q->X[k], p->nudge ? p->nudge + (m * q->N + q->first) * R : NULL,
                    q->X[k + 1], t);
            copy(p->hn + (m * p->B + q->b) * R, t->h + T * R, R);
            if (naive_has_c(net->kind)) copy(p->cn + (m * p->B + q->b) * H, t->c + T * H, H);
            show(p->all_gates, q, m, 4 * H, is_reverse(net, d), t->gates);
            show(p->all_c, q, m, H, is_reverse(net, d), t->c + H);
            show(p->all_h, q, m, R, is_reverse(net, d), t->h + R);
        }
}

static void backward_sequence(const naive_recurrent *net, naive_pass *p, sequence *q)
{
    const int64_t H = net->H, D = directions(net);
    double *dh = zeros(2 * H), *dc = dh + H;
    for (int64_t k = net->L - 1; k >= 0; k--)
        for (int64_t d = 0; d < D; d++) {
            const int64_t m = k * D + d, at = (m * p->B + q->b) * H;
            copy(dh, p->dhn + at, H);
            if (naive_has_c(net->kind)) copy(dc, p->dcn + at, H);
            const naive_cell cell = cell_at(net, k, d, p);
            const naive_grads grads = grads_of(&cell, p);
            backward(&cell, &grads, d, q->T, q->X[k], q->dX[k + 1], q->dX[k], &q->traces[m], dh,
                     dc);
            copy(p->dh0 + at, dh, H);
            if (naive_has_c(net->kind)) copy(p->dc0 + at, dc, H);
        }
    free(dh);
}

static void run_sequence(const naive_recurrent *net, naive_pass *p, int64_t b, int64_t first,
                         int64_t N, int back)
{
    const int64_t L = net->L, D = directions(net), DR = D * height(net);
    sequence q = { .b = b,
                   .T = p->lengths[b],
                   .first = first,
                   .N = N,
                   .X = calloc((size_t)(2 * (L + 1)), sizeof *q.X) };
    q.dX = q.X ? q.X + L + 1 : NULL;
    q.traces = calloc((size_t)(L * D), sizeof *q.traces);
    if (!q.X || !q.traces) abort();
    for (int64_t k = 0; k <= L; k++) {
        q.X[k] = zeros(q.T * width(net, k));
        q.dX[k] = zeros(q.T * width(net, k));
    }
    copy(q.X[0], p->x + first * net->I, q.T * net->I);
    forward_sequence(net, p, &q);
    copy(p->y + first * DR, q.X[L], q.T * DR);
    if (back) {
        copy(q.dX[L], p->dy + first * DR, q.T * DR);
        backward_sequence(net, p, &q);
        copy(p->dx + first * net->I, q.dX[0], q.T * net->I);
    }
    for (int64_t m = 0; m < L * D; m++) {
        free(q.traces[m].h);
        free(q.traces[m].c);
        free(q.traces[m].gates);
    }
    for (int64_t k = 0; k < 2 * (L + 1); k++) free(q.X[k]);
    free(q.X);
    free(q.traces);
}

static void run(const naive_recurrent *net, naive_pass *pass, int back)
{
    int64_t N = 0;
    pass->closest = INFINITY;
    for (int64_t b = 0; b < pass->B; b++) N += pass->lengths[b];
    for (int64_t b = 0, first = 0; b < pass->B; first += pass->lengths[b++])
        run_sequence(net, pass, b, first, N, back);
}

void naive_forward(const naive_recurrent *net, naive_pass *pass) { run(net, pass, 0); }
void naive_run(const naive_recurrent *net, naive_pass *pass) { run(net, pass, 1); }
