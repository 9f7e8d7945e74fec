/* panels.h - the weights of one layer and direction, laid out for the tiles of tiles/tiles.c.
 *
 *   forward   [groups of units][K][gates][VW]       all gates of the same units side by side
 *   backward  [groups of units][G*H][vectors][VW]   all that comes back to the same units
 *
 * Where a phase has one accumulator, and in backward, a group has up to `wide` vectors of units.
 * Units beyond H are zero. Else, if half a vector of 16 suffices for the last units, they have no
 * more: recur__lanes. */
#ifndef RECUR__PANELS_H
#define RECUR__PANELS_H

#include "cells/cell.h"
#include "linalg/matrix.h"

typedef struct recur__panels {
    float *W[RECUR__PHASES], *U[RECUR__PHASES]; /* forward; W is NULL if the input comes as a table
                                                   or a product of its own */
    float *Ut[RECUR__PHASES];                   /* backward */
} recur__panels;

/* Floats of the panels of K columns of one phase's W (of = x gates) or U, and of its U backward. */
int64_t recur__panel_size(const recur__cell *cell, int64_t H, int64_t K, int gates);

/* gates blocks M [gates*H][M.ld] into forward panels, and U [gates*H][H] into backward ones. */
void recur__panel_pack(const recur__cell *cell, const recur__phase *phase, int64_t H, int gates,
                       recur__matrix M, float *to);
void recur__panel_pack_backward(const recur__cell *cell, int64_t H, int gates, const float *U,
                                float *to);

#endif
