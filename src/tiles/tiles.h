/* tiles.h - the products of one phase of a step, in tiles: tiles.c, compiled once for all kinds.
 * Each tile goes to a function of the kind, which knows its equations. */
#ifndef RECUR__TILES_H
#define RECUR__TILES_H

#include "tiles/tile.h"

/* Phases with tiles of their own. All others run too, but slowly: accumulators, gates of W, gates
 * of U, and how many of these are shared. */
#define RECUR__KNOWN_PHASES(F) F(1, 1, 1, 1) F(2, 2, 2, 2) F(3, 3, 3, 3) F(4, 4, 4, 4) F(4, 3, 3, 2)

/* Whether a phase runs by the line (A, X, H, S). Without gates of U a step has no U, so what the
 * line says of it does not matter. */
#define RECUR__RUNS_BY(a, x, h, s, A, X, H, S) \
    ((a) == A && (x) == X && ((h) == 0 || ((h) == H && (s) == S)))

/* Each of these stands alone, so that what no kind calls is not linked. */
typedef struct recur__phase_tiles {
    /* bias + W x + U s of all rows and units of a step's phase; every tile goes to finish. */
    void (*forward)(const recur__phase *phase, const recur__step *step, forward_finish *finish);
} recur__phase_tiles;
typedef struct recur__unit_tiles {
    /* The same for some vectors of units from j on, of a phase with one accumulator: W and U are
     * their panels. */
    void (*forward)(int64_t vectors, const recur__step *step, forward_finish *finish,
                    const float *W, const float *U, int64_t j);
} recur__unit_tiles;
typedef struct recur__backward_tiles {
    /* dA U of all rows and units. gate_blocks: those of a row of dA. from: the phase whose
     * gradients come back here: the next one, or the first one of the step after. */
    void (*backward)(int gate_blocks, const recur__phase *from, const recur__step_backward *step,
                     backward_finish *finish);
} recur__backward_tiles;

#define DECLARE(A, X, U, S) extern const recur__phase_tiles RECUR__PER_ISA(tiles_##A##X##U##S);
RECUR__KNOWN_PHASES(DECLARE)
#undef DECLARE
extern const recur__phase_tiles RECUR__PER_ISA(tiles_any);
extern const recur__unit_tiles RECUR__PER_ISA(unit_tiles);
extern const recur__backward_tiles RECUR__PER_ISA(backward_tiles);

/* By the first line of the list that fits. */
INLINE void tiles_forward(const recur__phase *phase, const recur__step *step,
                          forward_finish *finish)
{
    const recur__phase p = *phase;
#define RUN(A, X, U, S)                                                               \
    if (RECUR__RUNS_BY(p.accumulators, p.x_gates, p.h_gates, p.shared, A, X, U, S)) { \
        RECUR__PER_ISA(tiles_##A##X##U##S).forward(phase, step, finish);              \
        return;                                                                       \
    }
    RECUR__KNOWN_PHASES(RUN)
#undef RUN
    RECUR__PER_ISA(tiles_any).forward(phase, step, finish);
}

INLINE void tiles_backward(int gate_blocks, const recur__phase *from,
                           const recur__step_backward *step, backward_finish *finish)
{
    RECUR__PER_ISA(backward_tiles).backward(gate_blocks, from, step, finish);
}

#endif
