/* drive.h - drives a cell's equations over rows and units, VW units at a time. Included by every cell.
 *
 * A cell writes its pointwise parts for one vector of units:
 *
 *   forward(k, s, u)         k[SLOTS] pre-activations in, what backward needs out; s[STATES] state before in, after out; u out or in
 *   backward(k, p, c, d, du) k[SLOTS] as forward left them in, gradients out; p[STATES] state before, c after; d[STATES] gradients of
 *                            the state after in, before out; du in or out
 *
 * The calls below are inlined with the numbers of slots and states known, so that only what a kind uses is loaded and stored. */
#ifndef RECUR__DRIVE_H
#define RECUR__DRIVE_H

#include "cells/cell.h"
#include "kernels/simd.h"

enum { MOST_SLOTS = 4 };

typedef void forward_part(vf *k, vf *s, vf *u);
typedef void backward_part(vf *k, const vf *p, vf c, vf *d, vf *du);

INLINE vf load_part(const float *p, int64_t n) { return n == VW ? v_load(p) : v_load_n(p, n); }
INLINE void store_part(float *p, vf v, int64_t n)
{
    if (n == VW) v_store(p, v);
    else v_store_n(p, v, n);
}

/* n units from unit j on, of row r */
INLINE void forward_units(const recur__rows *a, int slots, int states, bool has_u, bool gives_h, forward_part *part, int64_t r,
                          int64_t j, int64_t n)
{
    const int64_t H = a->H, at = r * H + j;
    float *row = a->slots + r * slots * H + j;
    vf k[MOST_SLOTS], s[RECUR__STATES], u = { 0 };
    for (int i = 0; i < slots; i++) k[i] = load_part(row + i * H, n);
    for (int i = 0; i < states; i++) s[i] = load_part(a->state[i] + at, n);
    part(k, s, &u);
    for (int i = 0; i < slots; i++) store_part(row + i * H, k[i], n);
    if (has_u && !gives_h) store_part(a->u + at, u, n);
    if (!gives_h) return;
    for (int i = 0; i < states; i++) store_part(a->state[i] + at, s[i], n);
    if (a->y) store_part(a->y + r * a->ldy + j, s[0], n);
    if (states > 1 && a->c) store_part(a->c + at, s[1], n);
}

/* gives_h: this phase ends the step */
INLINE void drive_forward(const recur__rows *a, int slots, int states, bool has_u, bool gives_h, forward_part *part)
{
    for (int64_t r = 0; r < a->rows; r++) {
        int64_t j = 0;
        for (; j + VW <= a->H; j += VW) forward_units(a, slots, states, has_u, gives_h, part, r, j, VW);
        if (j < a->H) forward_units(a, slots, states, has_u, gives_h, part, r, j, a->H - j);
    }
}

INLINE void backward_units(const recur__rows_backward *a, int slots, int states, bool has_u, bool takes_dy, backward_part *part,
                           int64_t r, int64_t j, int64_t n)
{
    const int64_t H = a->H, at = r * H + j;
    float *row = a->slots + r * slots * H + j;
    vf k[MOST_SLOTS], p[RECUR__STATES], d[RECUR__STATES], c = { 0 }, du = { 0 };
    for (int i = 0; i < slots; i++) k[i] = load_part(row + i * H, n);
    for (int i = 0; i < states; i++) p[i] = load_part(a->before[i] + r * a->ld_before[i] + j, n);
    for (int i = 0; i < states; i++) d[i] = load_part(a->dstate[i] + at, n);
    if (states > 1) c = load_part(a->c + at, n);
    if (takes_dy && a->dy) d[0] += load_part(a->dy + r * a->lddy + j, n);
    if (has_u && !takes_dy) du = load_part(a->du + at, n);
    part(k, p, c, d, &du);
    for (int i = 0; i < slots; i++) store_part(row + i * H, k[i], n);
    for (int i = 0; i < states; i++) store_part(a->dstate[i] + at, d[i], n);
}

/* takes_dy: this phase begins the step's backward */
INLINE void drive_backward(const recur__rows_backward *a, int slots, int states, bool has_u, bool takes_dy, backward_part *part)
{
    for (int64_t r = 0; r < a->rows; r++) {
        int64_t j = 0;
        for (; j + VW <= a->H; j += VW) backward_units(a, slots, states, has_u, takes_dy, part, r, j, VW);
        if (j < a->H) backward_units(a, slots, states, has_u, takes_dy, part, r, j, a->H - j);
    }
}

#endif
