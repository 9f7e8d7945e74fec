/* panels.c - packing: for forward a transpose (units become the fastest index), for backward a copy
 * of column groups. */
#include "recurrent/panels.h"

int64_t recur__panel_size(const recur__cell *cell, int64_t H, int64_t K, int gates)
{
    const int64_t units = (H + cell->width - 1) / cell->width * cell->width;
    return recur__times(recur__times(units, K), gates);
}

/* n rows of K numbers as columns of VW, of which the last ones are zero; a column every `stride`
 * numbers. */
static void transpose(int64_t n, int64_t VW, int64_t K, const float *from, float *to,
                      int64_t stride)
{
    recur__transpose(n, K, from, K, to, stride);
    for (int64_t k = 0; n < VW && k < K; k++)
        memset(to + k * stride + n, 0, (size_t)(VW - n) * sizeof *to);
}

void recur__panel_pack(const recur__cell *cell, const recur__phase *phase, int64_t H, int gates,
                       recur__matrix M, float *to)
{
    const int64_t K = M.ld;
    const int64_t most = phase->accumulators > 1 ? 1 : cell->wide;
    for (int64_t j = 0; j < H;) {
        const int64_t VW = most > 1 ? cell->width : recur__lanes(cell->width, H, j);
        const int64_t vectors = recur__min(most, (H - j + VW - 1) / VW),
                      stride = vectors * gates * VW;
        for (int64_t v = 0; v < vectors; v++)
            for (int64_t g = 0; g < gates; g++) {
                const int64_t unit = j + v * VW;
                transpose(recur__min(VW, H - unit), VW, K, M.data + (g * H + unit) * K,
                          to + (v * gates + g) * VW, stride);
            }
        to += K * stride;
        j += vectors * VW;
    }
}

void recur__panel_pack_backward(const recur__cell *cell, int64_t H, int gates, const float *U,
                                float *to)
{
    const int64_t VW = cell->width;
    for (int64_t j = 0; j < H;) {
        const int64_t vectors = recur__min(cell->wide, (H - j + VW - 1) / VW), width = vectors * VW,
                      n = recur__min(width, H - j);
        for (int64_t k = 0; k < gates * H; k++, to += width) {
            memcpy(to, U + k * H + j, (size_t)n * sizeof *to);
            memset(to + n, 0, (size_t)(width - n) * sizeof *to);
        }
        j += width;
    }
}
