/* naive.h - recurrent networks as a textbook writes them: double arithmetic, one sequence after the
 * other, loops over indices.
 *
 * The oracle of the tests. It shares nothing with the library, so both would have to make the same
 * mistake. Arrays are row-major. A batch is joined: sequence after sequence, no padding. Parameters
 * are one flat vector in PyTorch's order: for each layer, for each direction (forward before
 * reverse): weight_ih [GH][in], weight_hh [GH][R], bias_ih [GH], bias_hh [GH], then what there is
 * of weight_hr [P][H], weight_peephole [3H], norm_weight and norm_bias [EH], h0 [R], c0
 * [H]. INDRNN has no bias_hh, and weight_hh [H] stands in the place of weight_peephole. MINGRU,
 * MINLSTM, QRNN and SRU have neither bias_hh nor weight_hh; SRU has weight_c [2H] in the place of
 * weight_peephole. Gates are i f g o, f g o, r z n; z n, f i n, z f o, n f r p. R is P with a
 * projection, else H: the width of h.
 *
 * Forward is there for every kind and option, backward for the five plain kinds; differences.c
 * gives the gradients of all. */
#ifndef NAIVE_H
#define NAIVE_H

#include <stdint.h>

/* The numbers of RECUR_CELL_*. */
enum {
    NAIVE_RNN_TANH = 1,
    NAIVE_RNN_RELU,
    NAIVE_LSTM,
    NAIVE_GRU,
    NAIVE_GRU_RESET_BEFORE,
    NAIVE_LSTM_PEEPHOLE,
    NAIVE_LSTM_COUPLED,
    NAIVE_RNN_NORM,
    NAIVE_LSTM_NORM,
    NAIVE_GRU_NORM,
    NAIVE_CLOCKWORK,
    NAIVE_INDRNN,
    NAIVE_MINGRU,
    NAIVE_MINLSTM,
    NAIVE_QRNN,
    NAIVE_SRU
};

/* Those of RECUR_ACTIVATION_*. */
enum {
    NAIVE_TANH = 1,
    NAIVE_SIGMOID,
    NAIVE_RELU,
    NAIVE_HARD_SIGMOID,
    NAIVE_SOFTSIGN,
    NAIVE_IDENTITY,
    NAIVE_POSITIVE = 10
};

typedef struct naive_recurrent {
    int kind;
    int64_t I, H, L;
    int forward, reverse; /* which directions there are; both: outputs side by side */
    int bias;
    /* options: 0 is none */
    int64_t P;                     /* projection */
    int update_new, learn_initial; /* GRU: h' = (1-z) h + z n; initial states are parameters */
    double zoneout_h, zoneout_c;   /* in the mean */
    double cell_clip, clip;        /* of c'; of what goes into a function */
    int gate, activation, output;  /* functions */
    int modules, periods[16];      /* clockwork */
} naive_recurrent;

/* ---- one step (cells.c, backward.c) --------------------------------------------------------- */

typedef struct naive_cell {
    const naive_recurrent *net;
    int64_t I, H, R;
    const double *W, *U;                 /* [GH][I], [GH][R] */
    const double *b, *v;                 /* bias_ih [GH], bias_hh [GH]; NULL: no bias */
    const double *project, *peephole;    /* [P][H], [3H], u [H] of INDRNN or v [2H] of SRU; NULL */
    const double *norm, *shift;          /* [EH], [EH]; NULL: none */
    const double *initial_h, *initial_c; /* [R], [H]; NULL: zeros */
    const double *mask;                  /* [R] times h on its way into U h; NULL: 1 */
    const double *keep_h, *keep_c; /* [R], [H] zoneout of each unit in this step; NULL: the mean */
    double *closest;               /* see naive_pass */
} naive_cell;

typedef struct naive_grads {
    double *W, *U, *b, *v; /* as in the cell; added to */
} naive_grads;

int64_t naive_gates(int kind); /* G */
int64_t naive_norms(int kind); /* E */
int naive_has_c(int kind);     /* LSTMs, QRNN, SRU: cell states; clockwork: counters */
int naive_has_U(int kind);
int64_t naive_peepholes(int kind); /* numbers of each unit's own */
/* Whether it is one of the five kinds with a backward, without options. */
int naive_is_plain(const naive_recurrent *net);

/* h1 [R], c1 [H] from x [I], h [R], c [H]; gates [4H]: after their functions, or before their
   norms; of a GRU then m. */
void naive_step(const naive_cell *cell, const double *x, const double *h, const double *c,
                double *h1, double *c1, double *gates);

/* Plain kinds. dh1, dc1 [H] in; dx [I] is added to; dh, dc [H] are overwritten. */
void naive_step_backward(const naive_cell *cell, const double *x, const double *h, const double *c,
                         const double *c1, const double *gates, const double *dh1,
                         const double *dc1, double *dx, double *dh, double *dc,
                         const naive_grads *grads);

/* ---- stacks over time (recurrent.c, differences.c) ------------------------------------------ */

/* One pass over B sequences. N: the sum of lengths, D: the number of directions. */
typedef struct naive_pass {
    int64_t B;
    const int64_t *lengths; /* [B] */
    const double *params;   /* [naive_count] */
    const double *x;        /* [N][I] */
    const double *h0, *c0;  /* [LD][B][R], [LD][B][H]; h0 NULL: the initial state of the net */
    const double *dy, *dhn, *dcn;     /* [N][DR], [LD][B][R], [LD][B][H] */
    double *y, *hn, *cn;              /* as dy, dhn, dcn */
    double *dx, *dh0, *dc0, *dparams; /* as x, h0, c0, params; dparams is added to */
    /* of every step: gates [LD][N][4H], c [LD][N][H], h [LD][N][R]; by differences dh [LD][N][R];
     * NULL: not wanted */
    double *all_gates, *all_c, *all_h, *all_dh;
    /* What chance decides in training: factors of h on its way into U h [LD][B][R]; zoneout of
       every step, 0 or 1, [LD][N][R] and [LD][N][H]. NULL: none, and the mean. */
    const double *mask, *keep_h, *keep_c;
    const double *nudge; /* [LD][N][R] is added to each h'; NULL: nothing */
    double closest; /* out: least distance > 0 from the kink of a function or a clip, where float
                       and double may disagree */
} naive_pass;

int64_t naive_count(const naive_recurrent *net);
void naive_forward(const naive_recurrent *net, naive_pass *pass);
/* Forward and backward of a plain kind. */
void naive_run(const naive_recurrent *net, naive_pass *pass);
/* The same of any kind, with a backward by finite differences. A d* that is NULL is not wanted. */
void naive_differences(const naive_recurrent *net, naive_pass *pass);

/* ---- rows to rows (rows.c) ------------------------------------------------------------------ */

/* y = W x + b: x [R][I], W [O][I], b [O] or NULL, y [R][O]. Backward: dx overwritten, dW and db
 * added to. */
void naive_linear(int64_t R, int64_t I, int64_t O, const double *W, const double *b,
                  const double *x, double *y);
void naive_linear_backward(int64_t R, int64_t I, int64_t O, const double *W, const double *x,
                           const double *dy, double *dx, double *dW, double *db);

/* y[r] = W[ids[r]]: W [symbols][width]. Backward: dW added to. */
void naive_embedding(int64_t R, int64_t width, const double *W, const int32_t *ids, double *y);
void naive_embedding_backward(int64_t R, int64_t width, const int32_t *ids, const double *dy,
                              double *dW);

/* y = w (x - mean) / √(variance + epsilon) + b over the F features of each row; b and db NULL:
   none. Backward: dx overwritten, dw and db added to. */
void naive_norm(int64_t R, int64_t F, double epsilon, const double *w, const double *b,
                const double *x, double *y);
void naive_norm_backward(int64_t R, int64_t F, double epsilon, const double *w, const double *x,
                         const double *dy, double *dx, double *dw, double *db);

/* ---- convolutions (conv.c) ------------------------------------------------------------------ */

/* W [out][in / groups][kernel], b [out] or NULL; x gives number `at` of a channel, zero or whatever
 * stands beyond its ends. */
typedef struct naive_conv {
    int64_t in, out, kernel, dilation, groups;
    const double *W, *b;
    double (*x)(const void *user, int64_t channel, int64_t at);
    const void *user;
} naive_conv;

/* y of channel o, whose kernel begins at number `at`. */
double naive_conv_at(const naive_conv *c, int64_t o, int64_t at);

#endif
