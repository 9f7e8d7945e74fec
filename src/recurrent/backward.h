/* backward.h - one line of a pass on its way back: backward.c walks through time, gradients.c then
 * makes the gradients of its parameters and of its input. */
#ifndef RECUR__BACKWARD_H
#define RECUR__BACKWARD_H

#include "recurrent/cell_step.h"

typedef struct recur__line_back {
    const recur__walk *w;
    const recur__backward_scratch *scratch;
    int64_t index, d; /* l * D + d */
    bool reverse;
    recur__pack pack;
    recur__weights dp;      /* dp.W is NULL if dparams is not wanted */
    float *d_extra;         /* [E][H] of the kind, or of what it derives; NULL: not wanted */
    float *gate_blocks;     /* [N][S*H] as forward left them; then dA */
    const float *c, *u, *y; /* [N][H], [N][H], [N][D*P] from this direction's half on */
    const float *dc;        /* [N][H] of c as an output, ld_dy apart; NULL: it is none */
    int64_t ld_dy;
    const float *dy; /* [N][D*P] likewise; NULL: zeros */
    const float *initial[RECUR__STATES];
    float *dstate[RECUR__STATES]; /* [B][P], [B][H] by place */
} recur__line_back;

/* dW, dU and db from dA of all rows, and dx, to which the second direction adds. x or ids; dx NULL:
 * not wanted. */
void recur__line_gradients(const recur__line_back *a, const float *x, const int32_t *ids,
                           float *dx);

#endif
