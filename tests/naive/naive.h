/* naive.h - recurrent networks as a textbook writes them: double arithmetic, one sequence after the other, loops over indices.
 *
 * The oracle of the tests. It shares nothing with the library, so both would have to make the same mistake. Arrays are
 * row-major. A batch is joined: sequence after sequence, no padding. Parameters are one flat vector in PyTorch's order: for
 * each layer, for each direction (forward before reverse): weight_ih [GH][in], weight_hh [GH][H], bias_ih [GH],
 * bias_hh [GH]; gates i f g o and r z n. */
#ifndef NAIVE_H
#define NAIVE_H

#include <stdint.h>

enum { NAIVE_RNN_TANH = 1, NAIVE_RNN_RELU, NAIVE_LSTM, NAIVE_GRU, NAIVE_GRU_RESET_BEFORE };

/* ---- one step (cells.c) ------------------------------------------------------------------------- */

typedef struct naive_cell {
    int kind;
    int64_t I, H;
    const double *W, *U, *b, *v; /* [GH][I], [GH][H], bias_ih [GH], bias_hh [GH]; b and v NULL: no bias */
} naive_cell;

typedef struct naive_grads {
    double *W, *U, *b, *v; /* as in the cell; added to */
} naive_grads;

int64_t naive_gates(int kind); /* G */

/* h1 [H], c1 [H] from x [I], h [H], c [H]; gates [4H] is what backward needs. c and c1: LSTM only. */
void naive_step(const naive_cell *cell, const double *x, const double *h, const double *c, double *h1, double *c1,
                double *gates);

/* dh1, dc1 [H] in; dx [I] is added to; dh, dc [H] are overwritten. */
void naive_step_backward(const naive_cell *cell, const double *x, const double *h, const double *c, const double *c1,
                         const double *gates, const double *dh1, const double *dc1, double *dx, double *dh, double *dc,
                         const naive_grads *grads);

/* ---- stacks over time (recurrent.c) ------------------------------------------------------------- */

typedef struct naive_recurrent {
    int kind;
    int64_t I, H, L;
    int forward, reverse; /* which directions there are; both: outputs side by side */
    int bias;
} naive_recurrent;

/* One pass over B sequences, forward and backward. N: the sum of lengths, D: the number of directions. */
typedef struct naive_pass {
    int64_t B;
    const int64_t *lengths;           /* [B] */
    const double *params;             /* [naive_count] */
    const double *x, *h0, *c0;        /* [N][I], [LD][B][H] */
    const double *dy, *dhn, *dcn;     /* [N][DH], [LD][B][H] */
    double *y, *hn, *cn;              /* as dy, dhn, dcn */
    double *dx, *dh0, *dc0, *dparams; /* as x, h0, c0, params; dparams is added to */
    double closest; /* out: smallest |a| > 0 of a ReLU, where float and double may disagree on its side */
} naive_pass;

int64_t naive_count(const naive_recurrent *net);
void naive_run(const naive_recurrent *net, naive_pass *pass);

/* ---- rows to rows (rows.c) ---------------------------------------------------------------------- */

/* y = W x + b: x [R][I], W [O][I], b [O] or NULL, y [R][O]. Backward: dx overwritten, dW and db added to. */
void naive_linear(int64_t R, int64_t I, int64_t O, const double *W, const double *b, const double *x, double *y);
void naive_linear_backward(int64_t R, int64_t I, int64_t O, const double *W, const double *x, const double *dy,
                           double *dx, double *dW, double *db);

/* y[r] = W[ids[r]]: W [symbols][width]. Backward: dW added to. */
void naive_embedding(int64_t R, int64_t width, const double *W, const int32_t *ids, double *y);
void naive_embedding_backward(int64_t R, int64_t width, const int32_t *ids, const double *dy, double *dW);

#endif
