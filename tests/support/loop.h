/* loop.h - a loop written by hand: T steps of a cell, each followed by a linear head over h. */
#ifndef SUPPORT_LOOP_H
#define SUPPORT_LOOP_H

#include "support/support.h"

enum { LOOP_I = 5, LOOP_H = 7, LOOP_OUT = 3 };

typedef struct loop {
    recur_context *ctx;
    recur_layer *layer, *head;
    recur_cell *cell;
    int64_t T, B, P, Q; /* parameters of the cell, of the head */
    recur_packed *one;
    recur_tape *tape;
    recur_state *state, *dstate;
    const float *x, *dy; /* [T][B][LOOP_I], [T][B][LOOP_OUT] */
    float *h, *y;        /* [T][B][LOOP_H], [T][B][LOOP_OUT] */
    float *grads, *head_grads, *dx;
} loop;

/* Parameters, inputs and gradients are the same in every loop of these sizes. */
loop open_loop(recur_context *ctx, int kind, int64_t T, int64_t B, uint32_t flags, int32_t defers);
void close_loop(loop *q);

/* Steps [from, to); backward the last one first. */
void loop_forward(loop *q, int64_t from, int64_t to);
void loop_backward(loop *q, int64_t from, int64_t to);

void check_loop_gradients(const loop *got, const loop *want);

#endif
