/* rnn_relu.c - h' = max(0, W x + b_ih + U h + b_hh); with U = identity at the start the IRNN of Le, Jaitly, Hinton 2015.
 *
 * backward: da = dh where h' > 0, else 0, with h' kept in the slot. A NaN goes on as NaN. */
#include "cells/drive.h"

enum { SLOTS = 1, STATES = 1 };

INLINE void forward(vf *k, vf *s, vf *u)
{
    (void)u;
    s[0] = k[0] = v_max(v_set(0), k[0]);
}

INLINE void backward(vf *k, const vf *p, vf c, vf *d, vf *du)
{
    (void)p, (void)c, (void)du;
    k[0] = v_where_positive(k[0], d[0]);
    d[0] = v_set(0);
}

static void forward_rows(const recur__rows *r) { drive_forward(r, SLOTS, STATES, false, true, forward); }
static void backward_rows(const recur__rows_backward *r) { drive_backward(r, SLOTS, STATES, false, true, backward); }

const recur__cell RECUR__PER_ISA(rnn_relu) = {
    .kind = RECUR_CELL_RNN_RELU,
    .name = "rnn_relu",
    .gates = 1,
    .slots = SLOTS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .run = { { 0, 0, 1, 0 } },
    .forward = { forward_rows },
    .backward = { backward_rows },
};
