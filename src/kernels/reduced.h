/* reduced.h - matrices of fewer bits: how they lie in memory, and what their products are, to the
 * bit. The reference set computes them as they are written here; all others give its bits.
 *
 *   y[r][n] += Σk W[n][k] x[r][k]
 *
 * bfloat16  W and x are rounded to the nearest, ties to even; numbers below 2^-56 become 0. So each
 *           product is a float exactly (unless it overflows), and it does not matter whether a set
 *           multiplies and adds at once. The sum of a number of y begins at 0, goes through k in
 * order, and is added to y. int8      W[n][k] = q scale[n], x[r][k] = p scale of its row, with q
 * and p from -127 to 127 and the largest number of a row at 127. Σ q p is a whole number; as a
 * float it is multiplied by the scale of x, then by that of W, then added to y. A row with a NaN or
 * an infinity has the scale NaN.
 *
 * Panels of 16 rows of W are the same for every set, in words of 32 bits, one for each row:
 *
 *   bfloat16  [ceil(N/16)][ceil(K/2)][16] words of the numbers 2i and 2i + 1, the first one low
 *   int8      [ceil(N/16)][ceil(K/16)][4][16] words of four numbers: word j of a block of 16 has
 *             its numbers j, j + 4, j + 8 and j + 12
 *
 * What is missing at the ends is 0. */
#ifndef RECUR__REDUCED_KERNELS_H
#define RECUR__REDUCED_KERNELS_H

#include "kernels/kernels.h"

enum { RECUR__PANEL_ROWS = 16 };

/* The most columns: a sum of so many products of int8 is an int32. */
enum { RECUR__MOST_REDUCED = 1 << 17 };

/* A matrix [N][K] of fewer bits. */
typedef struct recur__reduced {
    int32_t precision; /* RECUR_PRECISION_BFLOAT16 or _INT8 */
    int64_t N, K;
    uint32_t *panels;
    float *scale; /* [N] int8 */
} recur__reduced;

/* Words of a row of a panel. */
static inline int64_t recur__reduced_words(int32_t precision, int64_t K)
{
    return precision == RECUR_PRECISION_INT8 ? (K + 15) / 16 * 4 : (K + 1) / 2;
}

/* Rows of x, prepared: each of them takes so many floats, whatever the precision.
 *
 *   bfloat16  rounded floats
 *   int8      its scale and 15 words of nothing; a word for each word of a panel's row, of the
 *             numbers 0 and 2 of the four as int16; as many of the numbers 1 and 3; as many of all
 *             four as int8. The reference has the numbers in their order. */
static inline int64_t recur__reduced_row(int64_t K) { return (K + 15) / 16 * 16 + 16; }

enum { RECUR__ROW_HEAD = 16 };

/* y of R prepared rows and of the panels from `first` to `end` - 1 of W. */
typedef struct recur__reduced_product {
    const recur__reduced *W;
    int64_t first, end, R;
    const float *rows; /* [R][recur__reduced_row(K)] */
    recur__sums y;
} recur__reduced_product;

/* By RECUR_PRECISION_*, of which FLOAT32 has none. */
enum { RECUR__PRECISIONS = RECUR_PRECISION_INT8 + 1 };
typedef struct recur__reduced_kernels {
    void (*prepare[RECUR__PRECISIONS])(int64_t R, int64_t K, recur__matrix x, float *rows);
    void (*multiply[RECUR__PRECISIONS])(const recur__reduced_product *product);
} recur__reduced_kernels;

const recur__reduced_kernels *recur__reduced_of(const recur__kernels *kernels);

/* The number closest to x, as a float. */
static inline float recur__as_bfloat16(float x)
{
    enum { SMALLEST = (127 - 56) << 23 };
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) < SMALLEST) return 0;
    bits = x != x ? bits | 0x00400000 : bits + 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The magnitude of a number as bits, which are ordered as the numbers are; an infinity and NaN are
 * the largest. */
static inline int32_t recur__magnitude(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffff;
}

/* By what the numbers of a row are multiplied to lie between -127 and 127, and by what these are to
 * become the row again. */
typedef struct recur__scales {
    float to, from;
} recur__scales;

/* For a row with this largest magnitude. */
static inline recur__scales recur__scales_of(int32_t magnitude)
{
    float largest;
    memcpy(&largest, &magnitude, sizeof largest);
    if (!(largest < __builtin_inff())) return (recur__scales){ 0, __builtin_nanf("") };
    if (largest < 1e-30f) return (recur__scales){ 0, 0 };
    return (recur__scales){ 127 / largest, largest / 127 };
}

static inline int32_t recur__as_int8(float x, recur__scales scales)
{
    return scales.to > 0 ? (int32_t)__builtin_lrintf(x * scales.to) : 0;
}

/* A number of a row as a matrix of fewer bits has it. */
static inline float recur__rounded(int32_t precision, float x, recur__scales scales)
{
    if (precision == RECUR_PRECISION_BFLOAT16) return recur__as_bfloat16(x);
    return (float)recur__as_int8(x, scales) * scales.from;
}

/* The scales of a row. */
static inline recur__scales recur__scales_of_row(int64_t K, const float *row)
{
    int32_t largest = 0;
    for (int64_t k = 0; k < K; k++)
        if (recur__magnitude(row[k]) > largest) largest = recur__magnitude(row[k]);
    return recur__scales_of(largest);
}

#endif
