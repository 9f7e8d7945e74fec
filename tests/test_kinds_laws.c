/* test_kinds_laws.c - laws of kinds and options, on every instruction set: some kinds are others in
 * disguise; options do nothing, or all, at their ends; clocks tick; initial states are learned. */
#include "support/support.h"

enum { I = 3, H = 6, B = 4, N = 14 };
static const int64_t LENGTHS[B] = { 5, 0, 7, 2 };

static recur_layer *made(recur_context *ctx, const kind_row *kind, int direction)
{
    recur_layer *layer = recurrent_of(ctx, kind, I, H, 2, direction, 0);
    randomize(layer, 0.6);
    return layer;
}

static run played(recur_context *ctx, const recur_layer *layer, const recur_packed *packed,
                  const float *s0, int64_t S)
{
    dice(17);
    const int64_t O = info_of(layer, -1).output_size;
    run r = { .packed = packed,
              .x = randoms(N * I, 1),
              .s0 = s0,
              .dy = randoms(N * O, 1),
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    r.dsn = s0 ? randoms(S, 1) : NULL;
    run_both(ctx, layer, &r);
    return r;
}

/* Checks that both layers compute the same, but for the gradients of their parameters. */
static void check_equal(recur_context *ctx, const char *what, const recur_layer *a,
                        const recur_layer *b)
{
    const int64_t O = info_of(a, -1).output_size,
                  S = 4 * B * H * (info_of(a, -1).variant == RECUR_CELL_LSTM ? 2 : 1);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    trying("%s %s", recur_context_isa(ctx), what);
    dice(18);
    const float *s0 = randoms(S, 1);
    const run want = played(ctx, a, packed, s0, S), got = played(ctx, b, packed, s0, S);
    check_near("y", N * O, got.y, want.y, OUTPUTS);
    check_near("final state", S, got.sn, want.sn, OUTPUTS);
    check_near("dx", N * I, got.dx, want.dx, GRADIENTS);
    check_near("grad of initial state", S, got.ds0, want.ds0, GRADIENTS);
    recur_packed_release(packed);
}

/* Copies tensor number `index` of one layer into that of another, block of H rows by block. Block i
 * comes from block from[i], times a sign of its own. */
static void copy_blocks(recur_layer *to, const recur_layer *from, int64_t index, int blocks,
                        const int *of, const float *sign)
{
    recur_tensor t = { .size = sizeof t }, f = { .size = sizeof f };
    OK(recur_layer_tensor_info(to, index, &t));
    OK(recur_layer_tensor_info(from, index, &f));
    assert_string_equal(t.name, f.name);
    const int64_t size = t.count / blocks;
    const float *source = recur_layer_params((recur_layer *)(uintptr_t)from) + f.offset;
    float *target = recur_layer_params(to) + t.offset;
    for (int b = 0; b < blocks; b++)
        for (int64_t i = 0; i < size; i++)
            target[b * size + i] = sign[b] * source[of[b] * size + i];
}

static const kind_row *plain(int cell) { return &KINDS[cell - 1]; }

/* h' = (1-z) h + z n is h' = (1-z) n + z h with the rows of z negated. */
static void update_new(recur_context *ctx)
{
    static const int cells[] = { RECUR_CELL_GRU, RECUR_CELL_GRU_RESET_BEFORE, RECUR_CELL_GRU_NORM };
    for (int k = 0; k < COUNT(cells); k++) {
        const kind_row new = { cells[k], "new", { .flags = RECUR_LAYER_UPDATE_NEW } };
        recur_layer *a = made(ctx, plain(cells[k]), RECUR_DIRECTION_BIDIRECTIONAL),
                    *b = made(ctx, &new, RECUR_DIRECTION_BIDIRECTIONAL);
        const bool norm = cells[k] == RECUR_CELL_GRU_NORM;
        for (int64_t i = 0; i < recur_layer_tensor_count(a); i++) {
            const int blocks = norm && i % 6 > 3
                                   ? 4
                                   : 3; /* what is normalised is negated by γ and β alone */
            const float z = norm && blocks == 3 ? 1 : -1;
            copy_blocks(b, a, i, blocks, (const int[]){ 0, 1, 2, 3 },
                        (const float[]){ 1, z, 1, 1 });
        }
        check_equal(ctx, "update new", a, b);
        recur_layer_release(a);
        recur_layer_release(b);
    }
}

/* i = 1 - f is σ(-a_f), so a coupled LSTM is an LSTM whose rows of i are those of f, negated. */
static void coupled(recur_context *ctx)
{
    recur_layer *a = made(ctx, plain(RECUR_CELL_LSTM), RECUR_DIRECTION_BIDIRECTIONAL),
                *b = made(ctx, plain(RECUR_CELL_LSTM_COUPLED), RECUR_DIRECTION_BIDIRECTIONAL);
    for (int64_t i = 0; i < recur_layer_tensor_count(a); i++) {
        recur_tensor three = { .size = sizeof three }, four = { .size = sizeof four };
        OK(recur_layer_tensor_info(b, i, &three));
        OK(recur_layer_tensor_info(a, i, &four));
        const int64_t size = three.count / 3;
        float *f = recur_layer_params(b) + three.offset, *to = recur_layer_params(a) + four.offset;
        for (int64_t j = 0; j < size; j++) to[j] = -f[j];
        memcpy(to + size, f, (size_t)(3 * size) * sizeof *to);
    }
    check_equal(ctx, "coupled", a, b);
    recur_layer_release(a);
    recur_layer_release(b);
}

/* Copies parameters of one layer by name into another, whose further tensors become zero. */
static void copy_common(recur_layer *to, recur_layer *from)
{
    memset(recur_layer_params(to), 0, (size_t)recur_layer_param_count(to) * sizeof(float));
    for (int64_t i = 0; i < recur_layer_tensor_count(from); i++) {
        recur_tensor f = { .size = sizeof f };
        OK(recur_layer_tensor_info(from, i, &f));
        const recur_tensor t = tensor_of(to, f.name);
        assert_int_equal(t.count, f.count);
        memcpy(recur_layer_params(to) + t.offset, recur_layer_params(from) + f.offset,
               (size_t)f.count * sizeof(float));
    }
}

/* Options change nothing if they say what is so anyway: the default functions, bounds that nothing
 * reaches, peepholes of 0, initial states of 0. */
static void idle_options(recur_context *ctx)
{
    static const kind_row idle[] = {
        { RECUR_CELL_RNN_TANH,
          "rnn",
          { .activation = RECUR_ACTIVATION_TANH, .preactivation_clip = 1e6 } },
        { RECUR_CELL_RNN_RELU, "relu", { .activation = RECUR_ACTIVATION_RELU } },
        { RECUR_CELL_LSTM,
          "lstm",
          { .activation = RECUR_ACTIVATION_TANH,
            .gate_activation = RECUR_ACTIVATION_SIGMOID,
            .output_activation = RECUR_ACTIVATION_TANH } },
        { RECUR_CELL_LSTM, "lstm", { .cell_clip = 100, .preactivation_clip = 100 } },
        { RECUR_CELL_LSTM, "lstm", { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } },
        { RECUR_CELL_GRU,
          "gru",
          { .gate_activation = RECUR_ACTIVATION_SIGMOID, .preactivation_clip = 1e3 } },
        { RECUR_CELL_GRU_RESET_BEFORE,
          "before",
          { .activation = RECUR_ACTIVATION_TANH, .preactivation_clip = 1e3 } },
    };
    for (int k = 0; k < COUNT(idle); k++) {
        recur_layer *a = made(ctx, plain(idle[k].cell), RECUR_DIRECTION_BIDIRECTIONAL),
                    *b = made(ctx, &idle[k], RECUR_DIRECTION_BIDIRECTIONAL);
        copy_common(b, a);
        check_equal(ctx, idle[k].name, a, b);
        recur_layer_release(a);
        recur_layer_release(b);
    }
    recur_layer *a = made(ctx, plain(RECUR_CELL_LSTM), RECUR_DIRECTION_BIDIRECTIONAL),
                *b = made(ctx, plain(RECUR_CELL_LSTM_PEEPHOLE), RECUR_DIRECTION_BIDIRECTIONAL);
    copy_common(b, a);
    check_equal(ctx, "peepholes of 0", a, b);
    recur_layer_release(a);
    recur_layer_release(b);
    const kind_row relu = { RECUR_CELL_RNN_TANH,
                            "tanh that is relu",
                            { .activation = RECUR_ACTIVATION_RELU } };
    a = made(ctx, plain(RECUR_CELL_RNN_RELU), RECUR_DIRECTION_BIDIRECTIONAL);
    b = made(ctx, &relu, RECUR_DIRECTION_BIDIRECTIONAL);
    copy_common(b, a);
    check_equal(ctx, relu.name, a, b);
    recur_layer_release(a);
    recur_layer_release(b);
}

/* With a zoneout of 1 the state never changes. */
static void zoneout_of_one(recur_context *ctx)
{
    const kind_row frozen = { RECUR_CELL_LSTM,
                              "frozen",
                              { .zoneout_hidden = 1, .zoneout_cell = 1 } };
    recur_layer *layer = made(ctx, &frozen, RECUR_DIRECTION_FORWARD);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    const int64_t S = 4 * B * H;
    trying("%s %s", recur_context_isa(ctx), frozen.name);
    const float *s0 = randoms(S, 1);
    for (int mode = RECUR_TAPE_TRAIN; mode <= RECUR_TAPE_RECORD_NO_DROPOUT; mode++) {
        run r = { .packed = packed,
                  .x = randoms(N * I, 1),
                  .s0 = s0,
                  .dy = zeros(N * H),
                  .dsn = s0,
                  .mode = mode };
        if (mode == RECUR_TAPE_EVALUATE)
            run_forward(layer, &r);
        else
            run_both(ctx, layer, &r);
        check_same("state", S, r.sn, s0);
        if (mode != RECUR_TAPE_EVALUATE) check_same("grad of state", S, r.ds0, s0);
    }
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* ---- clocks --------------------------------------------------------------------------------- */

/* One module that updates at every step is a plain RNN. */
static void one_clock(recur_context *ctx)
{
    const kind_row one = { RECUR_CELL_CLOCKWORK, "one clock", { .clockwork = clockwork(1, NULL) } };
    recur_layer *a = made(ctx, plain(RECUR_CELL_RNN_TANH), RECUR_DIRECTION_BIDIRECTIONAL),
                *b = made(ctx, &one, RECUR_DIRECTION_BIDIRECTIONAL);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    copy_common(b, a);
    trying("%s %s", recur_context_isa(ctx), one.name);
    const run want = played(ctx, a, packed, NULL, 0), got = played(ctx, b, packed, NULL, 0);
    check_near("y", N * 2 * H, got.y, want.y, OUTPUTS);
    check_near("dx", N * I, got.dx, want.dx, GRADIENTS);
    check_near("dparams", recur_layer_param_count(a), got.dparams, want.dparams, GRADIENTS);
    recur_packed_release(packed);
    recur_layer_release(a);
    recur_layer_release(b);
}

/* A module changes at the steps 0, T, 2 T ... alone. Faster modules do not reach it, and get no
 * gradient from it. */
static void modules_keep_time(recur_context *ctx)
{
    enum { M = 3, SIZE = H / M, T = 13 };
    static const recur_clockwork_options modules = { .size = sizeof modules,
                                                     .modules = M,
                                                     .periods = { 1, 3, 5 } };
    static const kind_row clocks = { RECUR_CELL_CLOCKWORK, "clocks", { .clockwork = &modules } };
    recur_layer *layer = recurrent_of(ctx, &clocks, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    randomize(layer, 0.6);
    recur_packed *packed = layout(ctx, 1, NULL, T);
    trying("%s %s", recur_context_isa(ctx), clocks.name);
    run r = { .packed = packed, .x = randoms(T * I, 1), .dy = randoms(T * H, 1) };
    run_both(ctx, layer, &r);
    for (int64_t t = 1; t < T; t++)
        for (int64_t j = 0; j < H; j++) {
            const bool updates = t % modules.periods[j / SIZE] == 0;
            if (updates != (memcmp(&r.y[t * H + j], &r.y[(t - 1) * H + j], sizeof(float)) != 0))
                fail_msg("unit %d at step %d", (int)j, (int)t);
        }
    const recur_tensor U = tensor_of(layer, "weight_hh_l0");
    const float *y = r.y, *dU = r.dparams + U.offset;
    for (int64_t j = 0; j < H; j++)
        for (int64_t i = 0; i < H; i++) {
            assert_int_equal(dU[j * H + i] == 0.0f, i / SIZE < j / SIZE);
            if (i / SIZE < j / SIZE) recur_layer_params(layer)[U.offset + j * H + i] = 1e6f;
        }
    run_forward(layer, &r);
    check_same("y with other weights of faster modules", T * H, r.y, y);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* ---- initial states ------------------------------------------------------------------------- */

static recur_state *state_for(const recur_layer *layer)
{
    recur_state *state = NULL;
    OK(recur_state_create(layer, B, &state));
    return state;
}

static float *output_of(const recur_layer *layer, const recur_packed *packed, const float *x,
                        recur_state *state)
{
    float *y = floats(N * H);
    OK(recur_layer_forward(layer, packed, x, state, y, NULL));
    return y;
}

/* A pass without a state, with a new one, or with one that was reset begins with the learned
 * initial state. If one sequence was reset it begins there, and its neighbours go on. */
static void new_states_begin_learned(recur_context *ctx)
{
    static const int cells[] = { RECUR_CELL_RNN_TANH, RECUR_CELL_LSTM, RECUR_CELL_GRU_RESET_BEFORE,
                                 RECUR_CELL_CLOCKWORK };
    for (int k = 0; k < COUNT(cells); k++) {
        const kind_row kind = { cells[k], "start", { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } };
        recur_layer *layer = made(ctx, &kind, RECUR_DIRECTION_FORWARD), *snapshot = NULL;
        recur_packed *packed = layout(ctx, B, LENGTHS, 0);
        trying("%s start of %d", recur_context_isa(ctx), cells[k]);
        const float *x = randoms(N * I, 1), *want = output_of(layer, packed, x, NULL);
        recur_state *state = state_for(layer);
        check_near("fresh", N * H, output_of(layer, packed, x, state), want, OUTPUTS);
        const float *on = output_of(layer, packed, x, state);
        OK(recur_state_reset(state, -1));
        check_near("reset", N * H, output_of(layer, packed, x, state), want, OUTPUTS);
        OK(recur_state_reset(state, 2));
        const float *mixed = output_of(layer, packed, x, state);
        for (int64_t b = 0; b < B; b++)
            for (int64_t t = 0; t < LENGTHS[b]; t++) {
                const int64_t row = recur_packed_row(packed, b, t) * H;
                check_near(b == 2 ? "reset" : "went on", H, mixed + row, (b == 2 ? want : on) + row,
                           OUTPUTS);
            }
        OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
        check_near("snapshot", N * H, output_of(snapshot, packed, x, NULL), want, OUTPUTS);
        recur_layer_release(snapshot);
        recur_state_release(state);
        recur_packed_release(packed);
        recur_layer_release(layer);
        give_back();
    }
}

/* Streams begin with the learned initial state too; one that is reset begins anew. */
static void streams_begin_learned(recur_context *ctx)
{
    const kind_row kind = { RECUR_CELL_LSTM,
                            "start",
                            { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } };
    recur_layer *layer = made(ctx, &kind, RECUR_DIRECTION_FORWARD);
    recur_packed *packed = layout(ctx, B, NULL, 3);
    trying("%s streams", recur_context_isa(ctx));
    const float *x = randoms(3 * B * I, 1);
    float *want = floats(3 * B * H), *y = floats(B * H);
    OK(recur_layer_forward(layer, packed, x, NULL, want, NULL));
    recur_state *state = state_for(layer);
    for (int64_t t = 0; t < 3; t++) {
        OK(recur_layer_step(layer, x + t * B * I, state, y, NULL));
        check_near("y", B * H, y, want + t * B * H, OUTPUTS);
    }
    OK(recur_state_reset(state, 1));
    OK(recur_layer_step(layer, x, state, y, NULL));
    check_near("stream that was reset", H, y + H, want + H, OUTPUTS);
    recur_state_release(state);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* A state whose values were written is not the initial one: it gets the gradient, and the
 * parameters h0 get none. */
static void given_states_give_h0_no_gradient(recur_context *ctx)
{
    const kind_row kind = { RECUR_CELL_GRU, "start", { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } };
    recur_layer *layer = made(ctx, &kind, RECUR_DIRECTION_FORWARD);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    trying("%s given", recur_context_isa(ctx));
    const run given = played(ctx, layer, packed, randoms(2 * B * H, 1), 2 * B * H),
              free = played(ctx, layer, packed, NULL, 0);
    for (int64_t l = 0; l < 2; l++) {
        const recur_tensor t = tensor_of(layer, l ? "h0_l1" : "h0_l0");
        double *sum = doubles(H);
        for (int64_t j = 0; j < H; j++) assert_true(given.dparams[t.offset + j] == 0.0f);
        for (int64_t j = 0; j < H; j++) sum[j] = (double)fabsf(free.dparams[t.offset + j]);
        for (int64_t j = 0; j < H; j++) assert_true(sum[j] > 0);
    }
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* ---- everywhere ----------------------------------------------------------------------------- */

#define LAW(name)                                                     \
    static void law_##name(void **unused)                             \
    {                                                                 \
        (void)unused;                                                 \
        for (recur_context *ctx = NULL; (ctx = next_context(ctx));) { \
            dice(71);                                                 \
            name(ctx);                                                \
            give_back();                                              \
        }                                                             \
    }

LAW(update_new)
LAW(coupled)
LAW(idle_options)
LAW(zoneout_of_one)
LAW(one_clock)
LAW(modules_keep_time)
LAW(new_states_begin_learned)
LAW(streams_begin_learned)
LAW(given_states_give_h0_no_gradient)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(law_update_new),
        TEST(law_coupled),
        TEST(law_idle_options),
        TEST(law_zoneout_of_one),
        TEST(law_one_clock),
        TEST(law_modules_keep_time),
        TEST(law_new_states_begin_learned),
        TEST(law_streams_begin_learned),
        TEST(law_given_states_give_h0_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
