/* tile.h - a tile of finished products: its sizes, and the vectors that lie in its rows. Who made
 * it and what becomes of it is told in tiles.h. */
#ifndef RECUR__TILE_H
#define RECUR__TILE_H

#include "tiles/narrow.h"
#include "tiles/step.h"

/* WIDE: vectors of units in a tile where a phase has one accumulator, and in backward. */
enum { WIDE = RECUR__SET == RECUR__IS_ref ? 1 : 4, ACCUMULATORS = 4 };
/* Rows of a tile: accumulators, a row of panel and a broadcast just fit the registers, of which
 * there are 32 or 16. */
enum {
    REGISTERS = RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon ? 32 : 16,
    MOST_ROWS = RECUR__SET == RECUR__IS_ref ? 1
                : REGISTERS == 32           ? 7
                                            : 4
};

/* Of a phase whose W and U go to `vectors` accumulators at a time. */
INLINE int rows_at_most(int vectors) { return MOST_ROWS == 4 && vectors > 3 ? 3 : MOST_ROWS; }

/* An accumulator. The reference rounds it where a product of its own would end, by which rows of W
 * x may be made. */
#if RECUR__SET == RECUR__IS_ref
typedef double va;
/* Not inline: gcc 12 forgets to round pairs of numbers. */
static __attribute__((noinline, unused)) float rounded(double acc) { return (float)acc; }
#define ROUNDED(acc) ((va)rounded(acc))
#else
typedef vf va;
#define ROUNDED(acc) (acc)
#endif

/* Rows whose products are finished before the equations look at them. The equations of many rows
 * overlap, and the rows stay in the first cache. */
enum { BLOCK_ROWS = RECUR__SET == RECUR__IS_ref ? 1 : 48 };

/* Sums of products of a row: accumulators, or vectors of units. */
typedef float tile_row[ACCUMULATORS * VW];

/* Rows after their products. */
typedef struct tile {
    tile_row *number;  /* [rows] */
    int64_t row, unit; /* where it lies */
    int rows, vectors; /* of units */
    bool whole;        /* known to the compiler: all its vectors are whole */
    bool narrow;       /* a row of numbers is NARROW_ROWS rows of 4 units: narrow.h */
} tile;

/* The weights of one group of units, and what is fetched into the second cache while a tile is
 * multiplied by them: a share of the weights that come next, `step` numbers further with every row
 * of these. */
typedef struct weights {
    const float *at; /* [K][columns] */
    bool fetches;    /* known to the compiler */
    const float *next;
    int64_t step;
} weights;

/* Sets whose machines may have small second caches have tiles that fetch. */
enum { FETCHES = RECUR_BATCH && (RECUR__AVX2 || RECUR__SET == RECUR__IS_neon) };

/* Sets in which kinds with gates have the step of a row alone for themselves: single.h. */
#define OWN_SINGLES (RECUR__AVX2 || RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon)

/* What becomes of a tile: functions of their own, or compilers keep their constants in the
 * registers of the products. */
#define APART static __attribute__((noinline, unused))
typedef void forward_finish(const recur__step *a, const tile *t);
INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
typedef void backward_finish(const recur__step_backward *a, const tile *t);

/* The first n lanes of a vector; or, with n = NARROW, rows of 4 units, `stride` floats apart. */
INLINE vf fetch(const float *p, int64_t stride, int64_t n)
{
    if (n != NARROW) return v_load_part(p, n);
    return stride == 4 ? v_load(p) : load_narrow(p, stride);
}
INLINE void put(float *p, int64_t stride, vf v, int64_t n)
{
    if (n == NARROW && stride != 4)
        store_narrow(p, stride, v);
    else
        v_store_part(p, v, n == NARROW ? VW : n);
}

#endif
