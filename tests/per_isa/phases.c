/* phases.c - runs phases through the tiles of one instruction set and writes down what the tiles
 * hold, without equations: for test_tiles.c. */
#include "per_isa/phases.h"
#include "tiles/tiles.h"

static void put_row(const tile *t, int r, int vector, float *rows, int64_t ld, int64_t left)
{
    const int64_t row = t->row + r * (t->narrow ? NARROW_ROWS : 1);
    put(rows + row * ld, ld, v_load(&t->number[r][vector * VW]), t->narrow ? NARROW : left);
}

static void collect(const recur__step *a, const tile *t)
{
    const int64_t H = a->H, accumulators = a->ldy / H;
    for (int r = 0; r < t->rows; r++)
        for (int i = 0; i < (accumulators > 1 ? accumulators : t->vectors); i++) {
            const int64_t unit = accumulators > 1 ? t->unit : t->unit + i * VW,
                          block = accumulators > 1 ? i * H : 0;
            put_row(t, r, i, a->y + block + unit, a->ldy, H - unit);
        }
}

static void collect_back(const recur__step_backward *a, const tile *t)
{
    for (int r = 0; r < t->rows; r++)
        for (int i = 0; i < t->vectors; i++)
            put_row(t, r, i, a->dh + t->unit + i * VW, a->H, a->H - t->unit - i * VW);
}

static void forward(const recur__phase *phase, const recur__step *step)
{
    tiles_forward(phase, step, collect);
}

static void backward(int gate_blocks, const recur__phase *from, const recur__step_backward *step)
{
    tiles_backward(gate_blocks, from, step, collect_back);
}

const phase_set RECUR__PER_ISA(phase_set) = {
    .width = VW, .wide = WIDE, .forward = forward, .backward = backward
};
