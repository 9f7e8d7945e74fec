/* test_stream.c - a stream equals a pass: steps of a layer and of its snapshot give what a pass
 * over the whole sequence gives, on rows and ids, with and without y, in a state made for the layer
 * and in one made for another. */
#include "support/support.h"

enum { T = 6, I = 5 };

/* The network that runs: the recurrent layer alone, or as a part of a chain, of a chain in a chain,
 * or of a residual. */
enum { ALONE, WITH_HEAD, FIRST_A_LINEAR, NESTED, AROUND, NETWORKS };
static const char *const NETWORK[] = { "alone", "with a head", "after a linear layer", "nested",
                                       "in a residual" };

static recur_layer *linear(recur_context *ctx, int64_t in, int64_t out)
{
    recur_layer *layer;
    OK(recur_linear_create(ctx, in, out, 0, &layer));
    return layer;
}

static recur_layer *of_two(recur_context *ctx, int kind, recur_layer *a, recur_layer *b)
{
    static const char *const names[] = { "a", "b" };
    return chain(ctx, kind, 2, names, (recur_layer *[]){ a, b });
}

static recur_layer *model(recur_context *ctx, int network, int cell, int64_t H, int64_t L)
{
    recur_layer *rnn = recurrent(ctx, cell, network == FIRST_A_LINEAR || network == AROUND ? H : I,
                                 H, L, RECUR_DIRECTION_FORWARD, 0),
                *all = rnn;
    if (network == WITH_HEAD) all = of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, rnn, linear(ctx, H, 3));
    if (network == FIRST_A_LINEAR)
        all = of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, linear(ctx, I, H), rnn);
    if (network == NESTED) {
        recur_layer *inner = of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, rnn,
                                    recurrent(ctx, cell, H, H, L, RECUR_DIRECTION_FORWARD, 0));
        all = of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, inner,
                     of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, linear(ctx, H, 7), linear(ctx, 7, 2)));
    }
    if (network == AROUND)
        all = of_two(ctx, RECUR_COMPOSE_SEQUENTIAL, linear(ctx, I, H),
                     of_two(ctx, RECUR_COMPOSE_RESIDUAL, rnn, linear(ctx, H, H)));
    randomize(all, 0.15);
    return all;
}

typedef struct trial {
    recur_layer *layer, *snapshot;
    int64_t B, O;
    const float *x;     /* [T][B][I] */
    const int32_t *ids; /* [T][B] */
    const float *want;  /* [T][B][O] */
    recur_state *last;  /* after the pass */
} trial;

static void pass(trial *t, recur_context *ctx, bool with_ids)
{
    recur_packed *packed = layout(ctx, t->B, NULL, T);
    float *y = floats(T * t->B * t->O);
    OK(recur_state_create(t->layer, t->B, &t->last));
    if (with_ids)
        OK(recur_layer_forward_ids(t->layer, packed, t->ids, t->last, y, NULL));
    else
        OK(recur_layer_forward(t->layer, packed, t->x, t->last, y, NULL));
    t->want = y;
    recur_packed_release(packed);
}

static const float *values_of(const recur_state *state)
{
    const int64_t count = recur_state_count(state);
    float *values = floats(count);
    OK(recur_state_read(state, 0, count, values));
    return values;
}

/* skips: y is asked for at every other step only. */
static void steps(const trial *t, const recur_layer *layer, recur_state *state, bool with_ids,
                  bool skips)
{
    for (int64_t s = 0; s < T; s++) {
        float *y = skips && s % 2 == 0 ? NULL : floats(t->B * t->O);
        if (with_ids)
            OK(recur_layer_step_ids(layer, t->ids + s * t->B, state, y, NULL));
        else
            OK(recur_layer_step(layer, t->x + s * t->B * I, state, y, NULL));
        if (y) check_near("y", t->B * t->O, y, t->want + s * t->B * t->O, OUTPUTS);
    }
    check_near("state", recur_state_count(state), values_of(state), values_of(t->last), OUTPUTS);
}

/* States are made for the layer, for its snapshot, and for neither. */
static void check_in_all_states(const trial *t, const recur_layer *twin, bool with_ids)
{
    const recur_layer *const made_for[] = { t->layer, t->snapshot, twin }, *const runs[] = {
        t->layer, t->snapshot
    };
    for (int m = 0; m < 3; m++)
        for (int r = 0; r < 2; r++)
            for (int skips = 0; skips < 2; skips++) {
                recur_state *state;
                OK(recur_state_create(made_for[m], t->B, &state));
                steps(t, runs[r], state, with_ids, skips);
                OK(recur_state_reset(state, -1));
                steps(t, runs[r], state, with_ids, skips);
                recur_state_release(state);
            }
}

static void check_network(recur_context *ctx, int network, int cell, int64_t H, int64_t L,
                          int64_t B)
{
    trial t = { .B = B, .layer = model(ctx, network, cell, H, L) };
    recur_layer *twin = model(ctx, network, cell, H, L);
    OK(recur_layer_snapshot(t.layer, RECUR_PRECISION_FLOAT32, &t.snapshot));
    t.O = info_of(t.layer, -1).output_size;
    t.x = randoms(T * B * I, 1);
    t.ids = random_ids(T * B, I);
    for (int with_ids = 0; with_ids < 2; with_ids++) {
        trying("%s %s, H %d, L %d, B %d, %s", KINDS[cell - 1].name, NETWORK[network], (int)H,
               (int)L, (int)B, with_ids ? "ids" : "rows");
        pass(&t, ctx, with_ids);
        check_in_all_states(&t, twin, with_ids);
        recur_state_release(t.last);
    }
    recur_layer_release(t.layer);
    recur_layer_release(t.snapshot);
    recur_layer_release(twin);
    give_back();
}

/* The widths lie about those of a vector, so that a tile has all units of a row, or only some. */
static void steps_equal_a_pass(void **unused)
{
    (void)unused;
    static const int cells[] = { RECUR_CELL_RNN_TANH, RECUR_CELL_LSTM, RECUR_CELL_GRU,
                                 RECUR_CELL_GRU_RESET_BEFORE };
    static const int64_t widths[] = { 1, 4, 7, 8, 15, 16, 17, 33, 70 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(21);
        for (int c = 0; c < COUNT(cells); c++)
            for (int network = 0; network < NETWORKS; network++)
                for (int h = 0; h < COUNT(widths); h++)
                    check_network(ctx, network, cells[c], widths[h], 1 + h % 2, h % 3 == 2 ? 3 : 1);
    }
}

/* Streams take their units in another order at every other step, which must not change a single
 * bit. */
static void order_of_weights_changes_no_bit(void **unused)
{
    (void)unused;
    static const int64_t inputs[] = { 1, 15, 16, 40 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int cell = RECUR_CELL_RNN_TANH; cell <= RECUR_CELL_GRU; cell++)
            for (int i = 0; i < COUNT(inputs); i++) {
                dice(22);
                recur_layer *layer = recurrent(ctx, cell, inputs[i], 70, 1, RECUR_DIRECTION_FORWARD,
                                               0),
                            *snapshot;
                randomize(layer, 0.2);
                OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
                recur_state *even, *odd;
                OK(recur_state_create(snapshot, 1, &even));
                OK(recur_state_create(snapshot, 1, &odd));
                /* This state makes one step more, which the reset undoes. */
                OK(recur_layer_step(snapshot, randoms(inputs[i], 1), odd, NULL, NULL));
                OK(recur_state_reset(odd, -1));
                for (int t = 0; t < T; t++) {
                    const float *x = randoms(inputs[i], 1);
                    float *y[2] = { floats(70), floats(70) };
                    OK(recur_layer_step(snapshot, x, even, y[0], NULL));
                    OK(recur_layer_step(snapshot, x, odd, y[1], NULL));
                    check_same("y", 70, y[1], y[0]);
                }
                recur_state_release(even);
                recur_state_release(odd);
                recur_layer_release(snapshot);
                recur_layer_release(layer);
                give_back();
            }
}

/* ---- a row alone ---------------------------------------------------------------------------- */

enum { TOGETHER = 5 };

/* Streams of TOGETHER sequences, then of each alone. */
static void check_alone(const recur_layer *snapshot, int64_t H)
{
    const float *x = randoms(T * TOGETHER * I, 1);
    float *want = floats(T * TOGETHER * H), *y = floats(H);
    recur_state *state;
    OK(recur_state_create(snapshot, TOGETHER, &state));
    for (int t = 0; t < T; t++)
        OK(recur_layer_step(snapshot, x + t * TOGETHER * I, state, want + t * TOGETHER * H, NULL));
    recur_state_release(state);
    OK(recur_state_create(snapshot, 1, &state));
    for (int b = 0; b < TOGETHER; b++) {
        OK(recur_state_reset(state, -1));
        for (int t = 0; t < T; t++) {
            const int64_t row = t * TOGETHER + b;
            OK(recur_layer_step(snapshot, x + row * I, state, y, NULL));
            check_same("y", H, y, want + row * H);
        }
    }
    recur_state_release(state);
}

/* One group of units, a pair, more of them, and what is left behind them. With a projection the
 * products are other ones. */
static void a_row_alone_has_the_bits_of_a_batch(void **unused)
{
    (void)unused;
    static const int64_t widths[] = { 1, 3, 4, 8, 12, 16, 23, 24, 40, 64, 100 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++)
            for (int h = 0; h < COUNT(widths); h++) {
                const int64_t H = widths[h];
                recur_recurrent_options options = options_of(&KINDS[k], I, H, 1,
                                                             RECUR_DIRECTION_FORWARD, 0);
                recur_layer *layer, *snapshot;
                if (options.projection_size > 0) continue;
                dice(23);
                trying("%s, H %d", KINDS[k].name, (int)H);
                OK(recur_recurrent_create(ctx, &options, &layer));
                randomize(layer, 0.2);
                OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
                check_alone(snapshot, H);
                recur_layer_release(snapshot);
                recur_layer_release(layer);
                give_back();
            }
}

/* Blocks of one layout, one after the other, go the shortest way, and give the bits of steps. */
static void blocks_of_one_layout(void **unused)
{
    (void)unused;
    enum { BLOCK = 3, BLOCKS = T / BLOCK, MOST_B = 2, MOST_O = 7 };
    for (int network = ALONE; network <= WITH_HEAD; network++)
        for (int64_t B = 1; B <= MOST_B; B++) {
            recur_layer *layer = model(NULL, network, RECUR_CELL_LSTM, MOST_O, 1), *snapshot;
            recur_packed *block = layout(NULL, B, NULL, BLOCK);
            recur_state *by_blocks, *by_steps;
            const float *x = randoms(T * B * I, 1);
            float *y = floats(T * B * MOST_O), *want = floats(T * B * MOST_O);
            OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
            OK(recur_state_create(snapshot, B, &by_blocks));
            OK(recur_state_create(snapshot, B, &by_steps));
            const int64_t O = info_of(snapshot, -1).output_size;
            for (int64_t i = 0; i < BLOCKS; i++)
                OK(recur_layer_forward(snapshot, block, x + i * BLOCK * B * I, by_blocks,
                                       y + i * BLOCK * B * O, NULL));
            for (int64_t t = 0; t < T; t++)
                OK(recur_layer_step(snapshot, x + t * B * I, by_steps, want + t * B * O, NULL));
            trying("%s, %d streams", NETWORK[network], (int)B);
            check_same("blocks", T * B * O, y, want);
            recur_state_release(by_blocks);
            recur_state_release(by_steps);
            recur_packed_release(block);
            recur_layer_release(snapshot);
            recur_layer_release(layer);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_equal_a_pass),
        TEST(order_of_weights_changes_no_bit),
        TEST(a_row_alone_has_the_bits_of_a_batch),
        TEST(blocks_of_one_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
