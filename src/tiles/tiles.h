/* tiles.h - the products of one phase of a step, in tiles: tiles.c, compiled once for all kinds.
 * Each tile goes to a function of the kind, which knows its equations. */
#ifndef RECUR__TILES_H
#define RECUR__TILES_H

#include "tiles/tile.h"

/* Phases with tiles of their own. All others run too, but slowly: accumulators, gates of W, gates
 * of U, and how many of these are shared. */
#define RECUR__KNOWN_PHASES(F) F(1, 1, 1, 1) F(2, 2, 2, 2) F(3, 3, 3, 3) F(4, 4, 4, 4) F(4, 3, 3, 2)
enum { KNOWN_PHASES = 5 };

/* Whether a phase runs by the line (A, X, H, S). Without gates of U a step has no U, so what the
 * line says of it does not matter. */
#define RECUR__RUNS_BY(a, x, h, s, A, X, H, S) \
    ((a) == A && (x) == X && ((h) == 0 || ((h) == H && (s) == S)))

/* The place of a phase in that list; behind it: no place. */
INLINE int known_phase(const recur__phase p)
{
    int i = 0;
#define IS(A, X, U, S)                                                                        \
    if (RECUR__RUNS_BY(p.accumulators, p.x_gates, p.h_gates, p.shared, A, X, U, S)) return i; \
    i++;
    RECUR__KNOWN_PHASES(IS)
#undef IS
    return i;
}

typedef void forward_tiles(const recur__phase *phase, const recur__step *step,
                           forward_finish *finish);
typedef struct recur__tiles {
    /* bias + W x + U s of all rows and units of a step's phase; every tile goes to finish. */
    forward_tiles *forward[KNOWN_PHASES + 1];
    /* The same for some vectors of units from j on, of a phase with one accumulator: W and U are
     * their panels. */
    void (*forward_units)(int64_t vectors, const recur__step *step, forward_finish *finish,
                          const float *W, const float *U, int64_t j);
    /* dA U of all rows and units. from: the phase whose gradients come back here: the next one, or
     * the first one of the step after. */
    void (*backward)(int gate_blocks, const recur__phase *from, const recur__step_backward *step,
                     backward_finish *finish);
} recur__tiles;

extern const recur__tiles RECUR__PER_ISA(tiles);

INLINE void tiles_forward(const recur__phase *phase, const recur__step *step,
                          forward_finish *finish)
{
    RECUR__PER_ISA(tiles).forward[known_phase(*phase)](phase, step, finish);
}

/* gate_blocks: those of a row of dA. from: the phase whose gradients come back here. */
INLINE void tiles_backward(int gate_blocks, const recur__phase *from,
                           const recur__step_backward *step, backward_finish *finish)
{
    RECUR__PER_ISA(tiles).backward(gate_blocks, from, step, finish);
}

#endif
