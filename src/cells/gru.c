/* gru.c - gated recurrent unit with the reset after the product, as PyTorch, cuDNN and Keras have it.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)
 *   m = U_n h + b_hn               n = tanh(W_n x + b_in + r m)
 *   h' = (1 - z) n + z h
 *
 * Slots r, z, n, m: the first three take W x, while U h goes to r, z and m.
 * backward: da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)   dm = da_n r   da_r = da_n m r (1-r)   dh = dh' z */
#include "cells/drive.h"

enum { SLOTS = 4, STATES = 1 };

INLINE void forward(vf *k, vf *s, vf *u)
{
    (void)u;
    const vf r = v_sigmoid(k[0]), z = v_sigmoid(k[1]), n = v_tanh(k[2] + r * k[3]);
    k[0] = r, k[1] = z, k[2] = n;
    s[0] = n + z * (s[0] - n);
}

INLINE void backward(vf *k, const vf *p, vf c, vf *d, vf *du)
{
    (void)c, (void)du;
    const vf r = k[0], z = k[1], n = k[2], m = k[3], h = p[0], dh = d[0];
    const vf da_n = dh * (1.0f - z) * (1.0f - n * n);
    k[0] = da_n * m * (r * (1.0f - r));
    k[1] = dh * (h - n) * (z * (1.0f - z));
    k[2] = da_n;
    k[3] = da_n * r;
    d[0] = dh * z;
}

static void forward_rows(const recur__rows *r) { drive_forward(r, SLOTS, STATES, false, true, forward); }
static void backward_rows(const recur__rows_backward *r) { drive_backward(r, SLOTS, STATES, false, true, backward); }

const recur__cell RECUR__PER_ISA(gru) = {
    .kind = RECUR_CELL_GRU,
    .name = "gru",
    .gates = 3,
    .slots = SLOTS,
    .states = STATES,
    .phases = 1,
    .forget_gate = -1,
    .run = { { 0, 0, 2, 0 }, { 0, 2, 1, 3 } },
    .forward = { forward_rows },
    .backward = { backward_rows },
};
