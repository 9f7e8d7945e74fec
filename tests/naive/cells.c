/* cells.c - one step of each recurrence, with every option.
 *
 *   RNN        a = W x + b + U h + v                     h' = tanh(a)  or  max(0, a)
 *   RNN_NORM   h' = tanh(N(a))                           N(a) = γ (a - μ)/√(σ² + 1e-5) + β
 *              over the units
 *   CLOCKWORK  as RNN, but unit j of module m sees only units of modules ≥ m, and where its
 *              counter is not 0 h' = h; the counter goes from 0 to the period of m, and then is 0
 *              again
 *   INDRNN     h' = max(0, W x + b + u h), unit by unit
 *
 *   LSTM       a = W x + b + U h + v, four blocks        i = σ(ai)  f = σ(af)  g = tanh(ag)
 *                                                        o = σ(ao)
 *              c' = f c + i g                            h' = o tanh(c')
 *   PEEPHOLE   ai += pi c   af += pf c   ao += po c'
 *   COUPLED    i = 1 - f, three blocks
 *   NORM       ai = Ni(ai) ...                           h' = o tanh(Nc(c'))
 *   projected  h' = P (o tanh(c'))
 *
 *   GRU        r = σ(Wr x + br + Ur h + vr)              z = σ(Wz x + bz + Uz h + vz)
 *              after:   m = Un h + vn                    n = tanh(Wn x + bn + r m)
 *              before:  m = Un (r h) + vn                n = tanh(Wn x + bn + m)
 *              h' = (1 - z) n + z h
 *   NORM       r = σ(Nr(..))   z = σ(Nz(..))   m = Nm(Un h + vn)   n = tanh(Nn(Wn x + bn) + r m)
 *
 *   MINGRU     z = σ(az)   n = an                        h' = (1 - z) h + z n, a = W x + b here and
 *                                                        below
 *   MINLSTM    f = σ(af)   i = σ(ai)   n = an            h' = (f h + i n) / (f + i)
 *   QRNN       z = tanh(az)  f = σ(af)  o = σ(ao)        c' = f c + (1 - f) z   h' = o c'
 *   SRU        n = an  f = σ(af + vf c)  p = ap          c' = f c + (1 - f) n
 *              r = σ(ar + vr c)                          h' = r c' + (1 - r) p
 *
 * What goes into a function is clipped first. Zoneout mixes the new state with the old one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

int64_t naive_gates(int kind)
{
    switch (kind) {
    case NAIVE_LSTM:
    case NAIVE_LSTM_PEEPHOLE:
    case NAIVE_LSTM_NORM:
    case NAIVE_SRU:
        return 4;
    case NAIVE_GRU:
    case NAIVE_GRU_RESET_BEFORE:
    case NAIVE_GRU_NORM:
    case NAIVE_LSTM_COUPLED:
    case NAIVE_MINLSTM:
    case NAIVE_QRNN:
        return 3;
    case NAIVE_MINGRU:
        return 2;
    default:
        return 1;
    }
}

int64_t naive_norms(int kind)
{
    return kind == NAIVE_RNN_NORM    ? 1
           : kind == NAIVE_LSTM_NORM ? 5
           : kind == NAIVE_GRU_NORM  ? 4
                                     : 0;
}

static int is_lstm(int kind)
{
    return kind == NAIVE_LSTM || kind == NAIVE_LSTM_PEEPHOLE || kind == NAIVE_LSTM_COUPLED ||
           kind == NAIVE_LSTM_NORM;
}

static int is_gru(int kind)
{
    return kind == NAIVE_GRU || kind == NAIVE_GRU_RESET_BEFORE || kind == NAIVE_GRU_NORM;
}

int naive_has_c(int kind)
{
    return is_lstm(kind) || kind == NAIVE_CLOCKWORK || kind == NAIVE_QRNN || kind == NAIVE_SRU;
}

int naive_has_U(int kind) { return kind < NAIVE_INDRNN; }

int64_t naive_peepholes(int kind)
{
    return kind == NAIVE_LSTM_PEEPHOLE ? 3 : kind == NAIVE_SRU ? 2 : kind == NAIVE_INDRNN;
}

/* ---- functions ------------------------------------------------------------------------------ */

static void near(const naive_cell *cell, double distance)
{
    if (distance != 0 && fabs(distance) < *cell->closest) *cell->closest = fabs(distance);
}

static double bounded(const naive_cell *cell, double limit, double a)
{
    if (limit == 0) return a;
    near(cell, fabs(a) - limit);
    return a > limit ? limit : a < -limit ? -limit : a;
}

static double function(const naive_cell *cell, int which, double a)
{
    a = bounded(cell, cell->net->clip, a);
    switch (which) {
    case NAIVE_TANH:
        return tanh(a);
    case NAIVE_SIGMOID:
        return 1 / (1 + exp(-a));
    case NAIVE_RELU:
        near(cell, a);
        return a > 0 ? a : 0;
    case NAIVE_HARD_SIGMOID:
        near(cell, fabs(a) - 2.5);
        return a > 2.5 ? 1 : a < -2.5 ? 0 : 0.2 * a + 0.5;
    case NAIVE_SOFTSIGN:
        return a / (1 + fabs(a));
    case NAIVE_POSITIVE:
        near(cell, a);
        return a >= 0 ? a + 0.5 : 1 / (1 + exp(-a));
    default:
        return a;
    }
}

static double gate(const naive_cell *cell, double a)
{
    return function(cell, cell->net->gate ? cell->net->gate : NAIVE_SIGMOID, a);
}

static double candidate(const naive_cell *cell, double a)
{
    const int relu = cell->net->kind == NAIVE_RNN_RELU || cell->net->kind == NAIVE_INDRNN,
              linear = cell->net->kind == NAIVE_MINGRU || cell->net->kind == NAIVE_MINLSTM ||
                       cell->net->kind == NAIVE_SRU,
              own = relu     ? NAIVE_RELU
                    : linear ? NAIVE_IDENTITY
                             : NAIVE_TANH;
    return function(cell, cell->net->activation ? cell->net->activation : own, a);
}

/* This is not clipped: c' has a bound of its own. */
static double output(const naive_cell *cell, double c)
{
    naive_recurrent net = *cell->net;
    net.clip = 0;
    const naive_cell free = { .net = &net, .closest = cell->closest };
    return function(&free, net.output ? net.output : NAIVE_TANH, c);
}

/* Normalises a [H] in place by entry e of the parameters. */
static void normalise(const naive_cell *cell, int64_t e, double *a)
{
    const int64_t H = cell->H;
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < H; j++) mean += a[j] / (double)H;
    for (int64_t j = 0; j < H; j++) variance += (a[j] - mean) * (a[j] - mean) / (double)H;
    for (int64_t j = 0; j < H; j++) {
        a[j] = cell->norm[e * H + j] * (a[j] - mean) / sqrt(variance + 1e-5);
        if (cell->shift) a[j] += cell->shift[e * H + j];
    }
}

/* Row r of W x + b, of U h + v. */
static double from_x(const naive_cell *cell, int64_t r, const double *x)
{
    double a = cell->b ? cell->b[r] : 0;
    for (int64_t i = 0; i < cell->I; i++) a += cell->W[r * cell->I + i] * x[i];
    return a;
}

/* Unit j of h on its way into U h. */
static double seen(const naive_cell *cell, int64_t j, const double *h)
{
    return cell->mask ? cell->mask[j] * h[j] : h[j];
}

static double from_h(const naive_cell *cell, int64_t r, const double *h)
{
    double a = cell->v ? cell->v[r] : 0;
    for (int64_t j = 0; j < cell->R; j++) a += cell->U[r * cell->R + j] * seen(cell, j, h);
    return a;
}

static double mixed(double zoneout, double before, double after)
{
    return zoneout * before + (1 - zoneout) * after;
}

static double next_h(const naive_cell *cell, int64_t j, double before, double after)
{
    return mixed(cell->keep_h ? cell->keep_h[j] : cell->net->zoneout_h, before, after);
}

static double next_c(const naive_cell *cell, int64_t j, double before, double after)
{
    return mixed(cell->keep_c ? cell->keep_c[j] : cell->net->zoneout_c, before, after);
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static void rnn_step(const naive_cell *cell, const double *x, const double *h, double *h1,
                     double *gates)
{
    const int64_t H = cell->H;
    for (int64_t j = 0; j < H; j++) gates[j] = from_x(cell, j, x) + from_h(cell, j, h);
    if (cell->net->kind == NAIVE_RNN_NORM) normalise(cell, 0, gates);
    for (int64_t j = 0; j < H; j++) {
        gates[j] = candidate(cell, gates[j]);
        h1[j] = next_h(cell, j, h[j], gates[j]);
    }
}

static void indrnn_step(const naive_cell *cell, const double *x, const double *h, double *h1,
                        double *gates)
{
    for (int64_t j = 0; j < cell->H; j++) {
        gates[j] = candidate(cell, from_x(cell, j, x) + cell->peephole[j] * h[j]);
        h1[j] = next_h(cell, j, h[j], gates[j]);
    }
}

/* Kinds whose gates see x, and of the state their own unit at most. */
static void diagonal_step(const naive_cell *cell, const double *x, const double *h, const double *c,
                          double *h1, double *c1, double *gates)
{
    const int kind = cell->net->kind;
    const int64_t H = cell->H;
    for (int64_t r = 0; r < naive_gates(kind) * H; r++) gates[r] = from_x(cell, r, x);
    for (int64_t j = 0; j < H; j++) {
        double *a = gates + j, new = 0;
        if (kind == NAIVE_MINGRU) {
            a[0] = gate(cell, a[0]);
            a[H] = candidate(cell, a[H]);
            new = (1 - a[0]) * h[j] + a[0] * a[H];
        } else if (kind == NAIVE_MINLSTM) {
            a[0] = gate(cell, a[0]);
            a[H] = gate(cell, a[H]);
            a[2 * H] = candidate(cell, a[2 * H]);
            new = (a[0] * h[j] + a[H] * a[2 * H]) / (a[0] + a[H]);
        } else if (kind == NAIVE_QRNN) {
            a[0] = candidate(cell, a[0]);
            a[H] = gate(cell, a[H]);
            a[2 * H] = gate(cell, a[2 * H]);
            c1[j] = bounded(cell, cell->net->cell_clip, a[H] * c[j] + (1 - a[H]) * a[0]);
            new = a[2 * H] * c1[j];
        } else {
            a[0] = candidate(cell, a[0]);
            a[H] = gate(cell, a[H] + cell->peephole[j] * c[j]);
            a[2 * H] = gate(cell, a[2 * H] + cell->peephole[H + j] * c[j]);
            c1[j] = bounded(cell, cell->net->cell_clip, a[H] * c[j] + (1 - a[H]) * a[0]);
            new = a[2 * H] * c1[j] + (1 - a[2 * H]) * a[3 * H];
        }
        h1[j] = next_h(cell, j, h[j], new);
        if (naive_has_c(kind)) c1[j] = next_c(cell, j, c[j], c1[j]);
    }
}

static void clockwork_step(const naive_cell *cell, const double *x, const double *h,
                           const double *c, double *h1, double *c1, double *gates)
{
    const naive_recurrent *net = cell->net;
    const int64_t H = cell->H, size = H / net->modules;
    for (int64_t j = 0; j < H; j++) {
        const int64_t own = j / size;
        double a = from_x(cell, j, x) + (cell->v ? cell->v[j] : 0);
        for (int64_t k = own * size; k < H; k++) a += cell->U[j * H + k] * seen(cell, k, h);
        gates[j] = c[j] == 0 ? candidate(cell, a) : h[j];
        h1[j] = next_h(cell, j, h[j], gates[j]);
        const int period = net->periods[0] ? net->periods[own] : 1 << own;
        c1[j] = c[j] + 1 == period ? 0 : c[j] + 1;
    }
}

static void lstm_step(const naive_cell *cell, const double *x, const double *h, const double *c,
                      double *h1, double *c1, double *gates)
{
    const naive_recurrent *net = cell->net;
    const int64_t H = cell->H, G = naive_gates(net->kind);
    const double *p = cell->peephole;
    double *out = calloc((size_t)(2 * H), sizeof *out), *normal = out + H;
    if (!out) abort();
    for (int64_t r = 0; r < G * H; r++) gates[r] = from_x(cell, r, x) + from_h(cell, r, h);
    for (int64_t k = 0; net->kind == NAIVE_LSTM_NORM && k < G; k++)
        normalise(cell, k, gates + k * H);
    double *i = gates, *f = G == 4 ? gates + H : gates, *g = f + H, *o = g + H;
    for (int64_t j = 0; j < H; j++) {
        f[j] = gate(cell, f[j] + (p ? p[H + j] * c[j] : 0));
        if (G == 4) i[j] = gate(cell, i[j] + (p ? p[j] * c[j] : 0));
        g[j] = candidate(cell, g[j]);
        c1[j] = bounded(cell, net->cell_clip, f[j] * c[j] + (G == 4 ? i[j] : 1 - f[j]) * g[j]);
        normal[j] = c1[j];
    }
    if (net->kind == NAIVE_LSTM_NORM) normalise(cell, 4, normal);
    for (int64_t j = 0; j < H; j++) {
        o[j] = gate(cell, o[j] + (p ? p[2 * H + j] * c1[j] : 0));
        out[j] = o[j] * output(cell, normal[j]);
    }
    for (int64_t j = 0; j < H; j++) c1[j] = next_c(cell, j, c[j], c1[j]);
    for (int64_t j = 0; j < cell->R; j++) {
        double new = cell->project ? 0 : out[j];
        for (int64_t k = 0; cell->project && k < H; k++) new += cell->project[j * H + k] * out[k];
        h1[j] = next_h(cell, j, h[j], new);
    }
    free(out);
}

/* In gates: r z n and m. */
static void gru_step(const naive_cell *cell, const double *x, const double *h, double *h1,
                     double *gates)
{
    const naive_recurrent *net = cell->net;
    const int64_t H = cell->H;
    const int norm = net->kind == NAIVE_GRU_NORM;
    double *r = gates, *z = gates + H, *n = gates + 2 * H, *m = gates + 3 * H;
    for (int64_t j = 0; j < 2 * H; j++) gates[j] = from_x(cell, j, x) + from_h(cell, j, h);
    for (int64_t k = 0; norm && k < 2; k++) normalise(cell, k, gates + k * H);
    for (int64_t j = 0; j < 2 * H; j++) gates[j] = gate(cell, gates[j]);
    for (int64_t j = 0; j < H; j++) {
        n[j] = from_x(cell, 2 * H + j, x);
        m[j] = net->kind == NAIVE_GRU_RESET_BEFORE ? (cell->v ? cell->v[2 * H + j] : 0)
                                                   : from_h(cell, 2 * H + j, h);
        for (int64_t k = 0; net->kind == NAIVE_GRU_RESET_BEFORE && k < H; k++)
            m[j] += cell->U[(2 * H + j) * H + k] * r[k] * seen(cell, k, h);
    }
    if (norm) normalise(cell, 2, n);
    if (norm) normalise(cell, 3, m);
    for (int64_t j = 0; j < H; j++) {
        n[j] = candidate(cell, n[j] + (net->kind == NAIVE_GRU_RESET_BEFORE ? m[j] : r[j] * m[j]));
        const double new = net->update_new ? (1 - z[j]) * h[j] + z[j] * n[j]
                                           : (1 - z[j]) * n[j] + z[j] * h[j];
        h1[j] = next_h(cell, j, h[j], new);
    }
}

/* Kinds with norms keep in gates what goes into the norms. */
static double *sums_of(const naive_cell *cell, const double *x, const double *h)
{
    const int64_t H = cell->H, G = naive_gates(cell->net->kind);
    double *sums = calloc((size_t)(4 * H), sizeof *sums);
    if (!sums) abort();
    for (int64_t r = 0; r < G * H; r++) {
        const int apart = is_gru(cell->net->kind) && r >= 2 * H; /* n has W x and U h apart */
        sums[r] = from_x(cell, r, x) + (apart ? 0 : from_h(cell, r, h));
        if (apart) sums[r + H] = from_h(cell, r, h);
    }
    return sums;
}

void naive_step(const naive_cell *cell, const double *x, const double *h, const double *c,
                double *h1, double *c1, double *gates)
{
    if (is_lstm(cell->net->kind))
        lstm_step(cell, x, h, c, h1, c1, gates);
    else if (is_gru(cell->net->kind))
        gru_step(cell, x, h, h1, gates);
    else if (cell->net->kind == NAIVE_CLOCKWORK)
        clockwork_step(cell, x, h, c, h1, c1, gates);
    else if (cell->net->kind == NAIVE_INDRNN)
        indrnn_step(cell, x, h, h1, gates);
    else if (!naive_has_U(cell->net->kind))
        diagonal_step(cell, x, h, c, h1, c1, gates);
    else
        rnn_step(cell, x, h, h1, gates);
    if (!naive_norms(cell->net->kind)) return;
    double *sums = sums_of(cell, x, h);
    memcpy(gates, sums, (size_t)(4 * cell->H) * sizeof *gates);
    free(sums);
}
