/* transpose.h - rows of weights on their way into a product: as many as fill a vector become
 * columns, one vector for each k. */
#ifndef RECUR__KERNEL_TRANSPOSE_H
#define RECUR__KERNEL_TRANSPOSE_H

#include "kernels/simd.h"

#if RECUR__SET != RECUR__IS_ref

/* Lane i of the four lanes number g, of two vectors: those of the first one are 0 to 3, those of
 * the second one 4 to 7. */
#define LANE(g, i)          ((i) < 4 ? 4 * (g) + (i) : VW + 4 * (g) + (i)-4)
#define FOUR(g, i, j, k, l) LANE(g, i), LANE(g, j), LANE(g, k), LANE(g, l)
#if RECUR__SET == RECUR__IS_avx512
#define EACH_FOUR(i, j, k, l) \
    FOUR(0, i, j, k, l), FOUR(1, i, j, k, l), FOUR(2, i, j, k, l), FOUR(3, i, j, k, l)
#elif RECUR__AVX2
#define EACH_FOUR(i, j, k, l) FOUR(0, i, j, k, l), FOUR(1, i, j, k, l)
#else
#define EACH_FOUR(i, j, k, l) FOUR(0, i, j, k, l)
#endif
#ifdef __clang__
#define MIX(a, b, i, j, k, l) __builtin_shufflevector(a, b, EACH_FOUR(i, j, k, l))
#else
#define MIX(a, b, i, j, k, l) __builtin_shuffle(a, b, (vi){ EACH_FOUR(i, j, k, l) })
#endif

/* Four numbers from k on of rows 0, 4, 8 ... of `row`, side by side. */
INLINE vf quads(const float *const *row, int64_t k)
{
    float side_by_side[VW];
    UNROLL for (int r = 0; r < VW; r += 4) memcpy(side_by_side + r, row[r] + k, 16);
    return v_load(side_by_side);
}

/* to[k * ld_to + r] = from[r * ld + k] for K numbers of `rows` rows. Behind the last row it is
 * repeated up to a whole vector. */
INLINE void rows_to_columns(int64_t rows, int64_t K, const float *from, int64_t ld, float *to,
                            int64_t ld_to)
{
    const float *row[VW];
    for (int64_t r = 0; r < VW; r++) row[r] = from + (r < rows ? r : rows - 1) * ld;
    int64_t k = 0;
    for (; k + 4 <= K; k += 4, to += 4 * ld_to) {
        const vf a = quads(row, k), b = quads(row + 1, k), c = quads(row + 2, k),
                 d = quads(row + 3, k);
        const vf ab = MIX(a, b, 0, 4, 1, 5), cd = MIX(c, d, 0, 4, 1, 5),
                 ab_high = MIX(a, b, 2, 6, 3, 7), cd_high = MIX(c, d, 2, 6, 3, 7);
        v_store(to, MIX(ab, cd, 0, 1, 4, 5));
        v_store(to + ld_to, MIX(ab, cd, 2, 3, 6, 7));
        v_store(to + 2 * ld_to, MIX(ab_high, cd_high, 0, 1, 4, 5));
        v_store(to + 3 * ld_to, MIX(ab_high, cd_high, 2, 3, 6, 7));
    }
    for (; k < K; k++, to += ld_to)
        for (int64_t r = 0; r < VW; r++) to[r] = row[r][k];
}

#endif
#endif
