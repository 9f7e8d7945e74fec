/* gru_reset_before.c - gated recurrent unit with the reset before the product: Cho 2014, ONNX by default.
 *
 *   r = σ(W_r x + U_r h + b_r)     z = σ(W_z x + U_z h + b_z)      phase 0, which leaves u = r h
 *   n = tanh(W_n x + U_n u + b_n)  h' = (1 - z) n + z h            phase 1
 *
 * backward, phase 1: da_n = dh' (1-z) (1-n²)   da_z = dh' (h - n) z (1-z)   dh = dh' z, then du = U_nᵀ da_n
 *           phase 0: da_r = du h r (1-r)       dh += du r */
#include "cells/drive.h"

enum { SLOTS = 3, STATES = 1 };

INLINE void reset_forward(vf *k, vf *s, vf *u)
{
    k[0] = v_sigmoid(k[0]);
    k[1] = v_sigmoid(k[1]);
    *u = k[0] * s[0];
}

INLINE void update_forward(vf *k, vf *s, vf *u)
{
    (void)u;
    const vf z = k[1], n = v_tanh(k[2]);
    k[2] = n;
    s[0] = n + z * (s[0] - n);
}

INLINE void update_backward(vf *k, const vf *p, vf c, vf *d, vf *du)
{
    (void)c, (void)du;
    const vf z = k[1], n = k[2], h = p[0], dh = d[0];
    k[1] = dh * (h - n) * (z * (1.0f - z));
    k[2] = dh * (1.0f - z) * (1.0f - n * n);
    d[0] = dh * z;
}

INLINE void reset_backward(vf *k, const vf *p, vf c, vf *d, vf *du)
{
    (void)c;
    const vf r = k[0];
    k[0] = *du * p[0] * (r * (1.0f - r));
    d[0] += *du * r;
}

static void reset_rows(const recur__rows *r) { drive_forward(r, SLOTS, STATES, true, false, reset_forward); }
static void update_rows(const recur__rows *r) { drive_forward(r, SLOTS, STATES, true, true, update_forward); }
static void update_rows_backward(const recur__rows_backward *r)
{
    drive_backward(r, SLOTS, STATES, true, true, update_backward);
}
static void reset_rows_backward(const recur__rows_backward *r)
{
    drive_backward(r, SLOTS, STATES, true, false, reset_backward);
}

const recur__cell RECUR__PER_ISA(gru_reset_before) = {
    .kind = RECUR_CELL_GRU_RESET_BEFORE,
    .name = "gru_reset_before",
    .gates = 3,
    .slots = SLOTS,
    .states = STATES,
    .phases = 2,
    .forget_gate = -1,
    .run = { { 0, 0, 2, 0 }, { 1, 2, 1, 2 } },
    .forward = { reset_rows, update_rows },
    .backward = { reset_rows_backward, update_rows_backward },
};
