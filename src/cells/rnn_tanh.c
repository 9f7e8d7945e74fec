/* rnn_tanh.c - h' = tanh(W x + b_ih + U h + b_hh); Elman 1990.
 *
 * backward: da = dh (1 - h'²), with h' kept in the slot. */
#include "cells/drive.h"

enum { SLOTS = 1, STATES = 1 };

INLINE void forward(vf *k, vf *s, vf *u)
{
    (void)u;
    s[0] = k[0] = v_tanh(k[0]);
}

INLINE void backward(vf *k, const vf *p, vf c, vf *d, vf *du)
{
    (void)p, (void)c, (void)du;
    k[0] = d[0] * (1.0f - k[0] * k[0]);
    d[0] = v_set(0);
}

static void forward_rows(const recur__rows *r) { drive_forward(r, SLOTS, STATES, false, true, forward); }
static void backward_rows(const recur__rows_backward *r) { drive_backward(r, SLOTS, STATES, false, true, backward); }

const recur__cell RECUR__PER_ISA(rnn_tanh) = {
    .kind = RECUR_CELL_RNN_TANH,
    .name = "rnn_tanh",
    .gates = 1,
    .slots = SLOTS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .run = { { 0, 0, 1, 0 } },
    .forward = { forward_rows },
    .backward = { backward_rows },
};
