/* test_tiles.c - the tiles of products, beneath all kinds: phases that drive.c has no line for give
 * what those give that have one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define RECUR__ISA ref
#include "tiles/tiles.c"

enum { R = 5, H = 3, IN = 4, GATE_BLOCKS = 4, MOST = 4096 };

static float sums[R * GATE_BLOCKS * H]; /* [R][SLOTS*H]: what tiles held */

static void collect(const recur__step *a, const tile *t)
{
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < GATE_BLOCKS; v++)
            sums[(t->row + r) * GATE_BLOCKS * a->H + v * a->H + t->unit] = t->number[r][v * VW];
}

static void numbers(int64_t n, float *to, uint64_t key)
{
    for (int64_t i = 0; i < n; i++) to[i] = (float)(recur_random(key, (uint64_t)i) % 7) - 3;
}

static void any_phase(void **unused)
{
    (void)unused;
    static const recur__phase phases[] = {
        { .accumulators = 2, .x_gates = 2, .h_gates = 2, .shared = 2 },
        { .accumulators = 3, .x_gates = 3, .h_gates = 3, .shared = 3 },
        { .accumulators = 4, .x_gates = 4, .h_gates = 4, .shared = 4 },
        { .accumulators = 4, .x_gates = 3, .h_gates = 3, .shared = 2 },
    };
    static float init[R * GATE_BLOCKS * H], x[R * IN], s[R * H], W[MOST], U[MOST],
        want[R * GATE_BLOCKS * H];
    const int32_t ids[R] = { 2, 0, 2, 1, 0 };
    numbers(R * GATE_BLOCKS * H, init, 1), numbers(R * IN, x, 2), numbers(R * H, s, 3),
        numbers(MOST, W, 4), numbers(MOST, U, 5);
    for (int i = 0; i < 4; i++) assert_true(known_phase(phases[i]) < KNOWN_PHASES);
    for (int i = 0; i < 4; i++)
        for (int with_ids = 0; with_ids < 2; with_ids++) {
            const recur__step step = { .rows = R,
                                       .H = H,
                                       .K = H,
                                       .init = init,
                                       .ld_init = GATE_BLOCKS * H,
                                       .ids = with_ids ? ids : NULL,
                                       .x = x,
                                       .W = W,
                                       .ldx = IN,
                                       .in = with_ids ? 0 : IN,
                                       .s = s,
                                       .U = U,
                                       .lds = H };
            memset(sums, 0, sizeof sums);
            recur__tiles_ref.forward[known_phase(phases[i])](&phases[i], &step, collect);
            memcpy(want, sums, sizeof want);
            memset(sums, 0, sizeof sums);
            forward_any(&phases[i], &step, collect);
            for (int r = 0; r < R;
                 r++) /* lanes beyond the phase's accumulators are not looked at */
                for (int v = 0; v < phases[i].accumulators * H; v++)
                    assert_true(sums[r * GATE_BLOCKS * H + v] == want[r * GATE_BLOCKS * H + v]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_phase) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
