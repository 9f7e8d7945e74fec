/* transpose.c - rows become columns, four numbers at a time. */
#include "math/math.h"

typedef float four __attribute__((vector_size(16)));

/* At most BLOCK rows, whose lines stay in the first cache while columns go by. */
enum { BLOCK = 16 };
static void transpose_block(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to, int64_t ld_to)
{
    for (int64_t c = 0; c < C; c++, from++, to += ld_to) {
        const float *at = from;
        int64_t r = 0;
        for (; r + 4 <= R; r += 4, at += 4 * ld_from) {
            const four column = { at[0], at[ld_from], at[2 * ld_from], at[3 * ld_from] };
            memcpy(to + r, &column, sizeof column);
        }
        for (; r < R; r++, at += ld_from) to[r] = *at;
    }
}

void recur__transpose(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to, int64_t ld_to)
{
    for (int64_t r = 0; r < R; r += BLOCK) transpose_block(recur__min(BLOCK, R - r), C, from + r * ld_from, ld_from, to + r, ld_to);
}
