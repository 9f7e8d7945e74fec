/* test_tiles.c - the tiles of products, beneath all kinds: phases of every shape, whether tiles
 * know them or not, give on every instruction set what plain loops give. All numbers are small
 * integers, so that every order of a sum has the same result. */
#include "base/isas.h"
#include "per_isa/phases.h"
#include "recurrent/panels.h"
#include "support/support.h"

#define DECLARE(argument, id, set, exact) extern const phase_set recur__phase_set_##set;
#define ROW(argument, id, set, exact)     { id, #set, &recur__phase_set_##set },
RECUR__SETS(DECLARE, _)
static const struct {
    int isa;
    const char *name;
    const phase_set *set;
} sets[] = { RECUR__SETS(ROW, _) };

/* The largest sizes: blocks of a row, gates, units, inputs, rows. */
enum {
    BLOCKS = 6,
    GATES = 4,
    MOST_H = 65,
    MOST_IN = 17,
    MOST_R = 9,
    MOST_W = GATES * (MOST_H + 15)
};

static float x[MOST_R * MOST_IN], s[MOST_R * MOST_H], init[MOST_R * BLOCKS * MOST_H],
    dA[MOST_R * BLOCKS * MOST_H], W[GATES * MOST_H * MOST_IN], U[GATES * MOST_H * MOST_H];
static float panel_W[MOST_W * MOST_IN], panel_U[MOST_W * MOST_H], panel_Ut[MOST_W * MOST_H],
    got[MOST_R * GATES * MOST_H];
static const int32_t ids[MOST_R] = { 2, 0, 2, 1, 0, 1, 1, 2, 0 };

static void numbers(int64_t n, float *to, uint64_t key)
{
    for (int64_t i = 0; i < n; i++) to[i] = (float)(recur_random(key, (uint64_t)i) % 7) - 3;
}

/* One case. With in = 0, W x is in init, where it was looked up by id. */
typedef struct phase_case {
    const phase_set *set;
    const char *name;
    recur__phase phase;
    int64_t H, R, in;
    bool has_s, reversed;
} phase_case;

static void check_equal(const phase_case *c, const char *what, int64_t row, int64_t at, float want,
                        float is)
{
    if (want == is) return;
    const recur__phase *p = &c->phase;
    fail_msg("%s %s: (%d,%d,%d,%d) H %d rows %d in %d s %d reversed %d: row %d number %d is %g, "
             "not %g",
             c->name, what, p->accumulators, p->x_gates, p->h_gates, p->shared, (int)c->H,
             (int)c->R, (int)c->in, c->has_s, c->reversed, (int)row, (int)at, (double)is,
             (double)want);
}

/* Computes what accumulator i of unit j has in row r. */
static float sum_of(const phase_case *c, int64_t r, int i, int64_t j)
{
    const recur__phase *p = &c->phase;
    const int64_t H = c->H, block = (p->first_block + i) * H, row = c->in ? r : ids[r];
    float sum = init[row * BLOCKS * H + block + j];
    for (int64_t k = 0; i < p->x_gates && k < c->in; k++)
        sum += W[(i * H + j) * c->in + k] * x[r * c->in + k];
    for (int g = 0; c->has_s && g < p->h_gates; g++)
        for (int64_t k = 0; recur__h_block(p, g) == p->first_block + i && k < H; k++)
            sum += U[(g * H + j) * H + k] * s[r * H + k];
    return sum;
}

static void check_forward(const phase_case *c)
{
    const recur__phase *p = &c->phase;
    const int64_t H = c->H, ld = p->accumulators * H;
    const recur__step step = { .rows = c->R,
                               .H = H,
                               .K = H,
                               .units_reversed = c->reversed,
                               .fetches = c->reversed,
                               .init = init,
                               .ld_init = BLOCKS * H,
                               .ids = c->in ? NULL : ids,
                               .x = x,
                               .W = panel_W,
                               .ldx = c->in,
                               .in = c->in,
                               .s = s,
                               .U = c->has_s && p->h_gates ? panel_U : NULL,
                               .lds = H,
                               .y = got,
                               .ldy = ld };
    memset(got, 0, sizeof got);
    c->set->forward(p, &step);
    for (int64_t r = 0; r < c->R; r++)
        for (int i = 0; i < p->accumulators; i++)
            for (int64_t j = 0; j < H; j++)
                check_equal(c, "forward", r, i * H + j, sum_of(c, r, i, j),
                            got[r * ld + i * H + j]);
}

static void check_backward(const phase_case *c)
{
    const recur__phase *p = &c->phase;
    const int64_t H = c->H, S = BLOCKS * H;
    const recur__step_backward step = { .rows = c->R,
                                        .H = H,
                                        .single_row = c->R == 1,
                                        .units_reversed = c->reversed,
                                        .fetches = c->reversed,
                                        .dA = c->has_s ? dA : NULL,
                                        .Ut = panel_Ut,
                                        .units = H,
                                        .gate_blocks = dA,
                                        .dh = got };
    memset(got, 0, sizeof got);
    c->set->backward(BLOCKS, p, &step);
    for (int64_t r = 0; r < c->R; r++)
        for (int64_t j = 0; j < H; j++) {
            float sum = 0;
            for (int g = 0; c->has_s && g < p->h_gates; g++)
                for (int64_t k = 0; k < H; k++)
                    sum += dA[r * S + recur__h_block(p, g) * H + k] * U[(g * H + k) * H + j];
            check_equal(c, "backward", r, j, sum, got[r * H + j]);
        }
}

/* Runs a phase with H units over all numbers of rows and inputs. */
static void check_phase(phase_case c)
{
    static const int64_t rows[] = { 1, 2, 5, MOST_R }, inputs[] = { 0, 4, MOST_IN };
    const recur__cell cell = { .width = c.set->width, .wide = c.set->wide };
    if (c.phase.h_gates) {
        const recur__matrix of_U = { U, c.H };
        recur__panel_pack(&cell, &c.phase, c.H, c.phase.h_gates, of_U, panel_U);
        recur__panel_pack_backward(&cell, c.H, c.phase.h_gates, U, panel_Ut);
    }
    for (int i = 0; i < 3; i++) {
        c.in = inputs[i];
        const recur__matrix of_W = { W, c.in };
        if (c.phase.x_gates && c.in)
            recur__panel_pack(&cell, &c.phase, c.H, c.phase.x_gates, of_W, panel_W);
        for (int n = 0; n < 4; n++)
            for (int how = 0; how < 4; how++) {
                c.R = rows[n];
                c.has_s = how & 1;
                c.reversed = how & 2;
                check_forward(&c);
                if (c.in == 0) check_backward(&c);
            }
    }
}

/* The widths lie below, at and above one vector and one group of vectors; rows of 4 units share
 * vectors. */
static void every_phase(void **unused)
{
    (void)unused;
    numbers(MOST_R * MOST_IN, x, 1);
    numbers(MOST_R * MOST_H, s, 2);
    numbers(MOST_R * BLOCKS * MOST_H, init, 3);
    numbers(MOST_R * BLOCKS * MOST_H, dA, 4);
    numbers(GATES * MOST_H * MOST_IN, W, 5);
    numbers(GATES * MOST_H * MOST_H, U, 6);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (!recur__cpu_has(sets[i].isa)) continue;
        const int64_t V = sets[i].set->width;
        const int64_t units[] = {
            4, V - 1, V, V + 1, 2 * V + 1, 4 * V + 1, 8 * V < MOST_H ? 8 * V : V
        }; /* two groups of vectors */
        for (int h = 0; h < 7; h++)
            for (int A = 1; A <= GATES; A++)
                for (int n = 0; n < (A + 1) * (A + 1) * (A + 1); n++) {
                    phase_case c = { .set = sets[i].set, .name = sets[i].name, .H = units[h] };
                    c.phase = (recur__phase){ .first_block = 1,
                                              .accumulators = A,
                                              .x_gates = n % (A + 1),
                                              .h_gates = n / (A + 1) % (A + 1),
                                              .shared = n / (A + 1) / (A + 1) };
                    if (c.H > 0 && c.phase.shared <= c.phase.h_gates) check_phase(c);
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_phase) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
