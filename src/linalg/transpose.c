/* transpose.c - rows become columns, four of each at a time; the last four overlap those before
 * them, if need be. */
#include "linalg/matrix.h"

typedef float vec4 __attribute__((vector_size(16)));
typedef int32_t lanes __attribute__((vector_size(16)));
#ifdef __clang__
#define PAIRS(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define PAIRS(a, b, i, j, k, l) __builtin_shuffle(a, b, (lanes){ i, j, k, l })
#endif

static inline vec4 load(const float *from)
{
    vec4 v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void store(float *to, vec4 v) { memcpy(to, &v, sizeof v); }

static inline void transpose_four(const float *from, int64_t ld_from, float *to, int64_t ld_to)
{
    const vec4 a = load(from), b = load(from + ld_from), c = load(from + 2 * ld_from),
               d = load(from + 3 * ld_from);
    const vec4 ab = PAIRS(a, b, 0, 4, 1, 5), cd = PAIRS(c, d, 0, 4, 1, 5),
               ab_high = PAIRS(a, b, 2, 6, 3, 7), cd_high = PAIRS(c, d, 2, 6, 3, 7);
    store(to, PAIRS(ab, cd, 0, 1, 4, 5));
    store(to + ld_to, PAIRS(ab, cd, 2, 3, 6, 7));
    store(to + 2 * ld_to, PAIRS(ab_high, cd_high, 0, 1, 4, 5));
    store(to + 3 * ld_to, PAIRS(ab_high, cd_high, 2, 3, 6, 7));
}

enum { BLOCK = 16 }; /* rows, whose lines stay in the first cache while columns go by */

static void transpose_block(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to,
                            int64_t ld_to)
{
    for (int64_t c = 0;; c = recur__min(c + 4, C - 4)) {
        int64_t r = 0;
        for (; r + 4 <= R; r += 4)
            transpose_four(from + r * ld_from + c, ld_from, to + c * ld_to + r, ld_to);
        if (r < R)
            transpose_four(from + (R - 4) * ld_from + c, ld_from, to + c * ld_to + R - 4, ld_to);
        if (c == C - 4) return;
    }
}

void recur__transpose(int64_t R, int64_t C, const float *from, int64_t ld_from, float *to,
                      int64_t ld_to)
{
    if (R < 4 || C < 4) {
        for (int64_t r = 0; r < R; r++)
            for (int64_t c = 0; c < C; c++) to[c * ld_to + r] = from[r * ld_from + c];
        return;
    }
    for (int64_t r = 0; r < R; r += BLOCK) {
        const int64_t first = recur__min(r, recur__max(0, R - 4)),
                      rows = recur__min(BLOCK, R - first); /* four at least */
        transpose_block(rows, C, from + first * ld_from, ld_from, to + first, ld_to);
    }
}
