/* test_compose.c - what parts do together: halves that are merged, ways round a chain, stacks of
 * different widths. */
#include "support/support.h"

enum { B = 4, N = 8 };
static const int64_t LENGTHS[B] = { 3, 0, 1, 4 };

/* All plain kinds but the clockwork, whose second state counts steps and cannot be drawn from
 * dice. */
enum { LAST = PLAIN - 1 };

static int64_t states_of(int k)
{
    const recur_recurrent_options options = options_of(&KINDS[k], 1, 1, 1, RECUR_DIRECTION_FORWARD,
                                                       0);
    const state_shape shape = shape_of(&options, 1);
    return shape.floats / shape.h;
}

typedef void check(recur_context *ctx, int k);

static void everywhere(check *one)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < LAST; k++) {
            dice((uint64_t)k + 1);
            trying("%s %s", recur_context_isa(ctx), KINDS[k].name);
            one(ctx, k);
            give_back();
        }
}

#define EVERYWHERE(name)                  \
    static void all_##name(void **unused) \
    {                                     \
        (void)unused;                     \
        everywhere(name);                 \
    }

static recur_layer *merge(recur_context *ctx, int64_t features, int way)
{
    recur_layer *layer = NULL;
    OK(recur_merge_create(ctx, features, way, &layer));
    return layer;
}

/* ---- merge ---------------------------------------------------------------------------------- */

static void merged_numbers(void **unused)
{
    (void)unused;
    static const float x[8] = { 1, 2, 3, -4, 0.5f, 8, -2, 16 }, dy[4] = { 1, 3, 5, 7 };
    static const float y[4][4] = {
        { 0 }, { 4, -2, -1.5f, 24 }, { 2, -1, -0.75f, 12 }, { 3, -8, -1, 128 }
    };
    static const float dx[4][8] = { { 0 },
                                    { 1, 3, 1, 3, 5, 7, 5, 7 },
                                    { 0.5f, 1.5f, 0.5f, 1.5f, 2.5f, 3.5f, 2.5f, 3.5f },
                                    { 3, -12, 1, 6, -10, 112, 2.5f, 56 } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int way = RECUR_MERGE_SUM; way <= RECUR_MERGE_MULTIPLY; way++) {
            trying("%s way %d", recur_context_isa(ctx), way);
            recur_layer *layer = merge(ctx, 4, way);
            recur_packed *packed = layout(ctx, 2, NULL, 1);
            run r = { .packed = packed, .x = x, .dy = dy };
            run_both(ctx, layer, &r);
            check_same("y", 4, r.y, y[way]);
            check_same("dx", 8, r.dx, dx[way]);
            recur_state *state = NULL;
            float step[4];
            OK(recur_state_create(layer, 2, &state));
            OK(recur_layer_step(layer, x, state, step, NULL));
            check_same("y of a step", 4, step, y[way]);
            const recur_layer_info info = info_of(layer, -1);
            assert_int_equal(info.kind, RECUR_KIND_MERGE);
            assert_int_equal(info.variant, way);
            assert_int_equal(info.input_size, 4);
            assert_int_equal(info.output_size, 2);
            assert_non_null(strstr(info.type, "merge_"));
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(layer);
        }
    recur_layer *none = NULL;
    FAILS(RECUR_E_SHAPE, recur_merge_create(NULL, 5, RECUR_MERGE_SUM, &none), "5");
    assert_null(none);
}

/* A bidirectional layer and a merge by sum are a forward and a reverse layer added up. */
static void merged_directions(recur_context *ctx, int k)
{
    enum { I = 3, H = 6 };
    recur_layer *both = recurrent(ctx, KINDS[k].cell, I, H, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    recur_layer *one[2] = { recurrent(ctx, KINDS[k].cell, I, H, 1, RECUR_DIRECTION_FORWARD, 0),
                            recurrent(ctx, KINDS[k].cell, I, H, 1, RECUR_DIRECTION_REVERSE, 0) };
    const int64_t P = recur_layer_param_count(one[0]), S = states_of(k) * B * H;
    randomize(both, 0.5);
    for (int d = 0; d < 2; d++)
        memcpy(recur_layer_params(one[d]), recur_layer_params(both) + d * P,
               (size_t)P * sizeof(float));
    recur_layer *parts[2] = { both, merge(ctx, 2 * H, RECUR_MERGE_SUM) };
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2,
                             (const char *const[]){ "rnn", "merge" }, parts);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    run r = { .packed = packed,
              .x = randoms(N * I, 1),
              .dy = randoms(N * H, 1),
              .s0 = zeros(2 * S),
              .dsn = zeros(2 * S) };
    run_both(ctx, net, &r);
    float *y = zeros(N * H), *dx = zeros(N * I);
    for (int d = 0; d < 2; d++) {
        run half = { .packed = packed, .x = r.x, .dy = r.dy };
        run_both(ctx, one[d], &half);
        for (int64_t i = 0; i < N * H; i++) y[i] += half.y[i];
        for (int64_t i = 0; i < N * I; i++) dx[i] += half.dx[i];
        check_near("dparams", P, r.dparams + d * P, half.dparams, GRADIENTS);
        recur_layer_release(one[d]);
    }
    check_near("y", N * H, r.y, y, OUTPUTS);
    check_near("dx", N * I, r.dx, dx, GRADIENTS);
    assert_int_equal(info_of(net, -1).output_size, H);
    recur_packed_release(packed);
    recur_layer_release(net);
}
EVERYWHERE(merged_directions)

/* ---- residual ------------------------------------------------------------------------------- */

enum { F = 5, H = 7 };
static const char *const NAMES[] = { "rnn", "fc" };

/* A recurrent part, and a linear one that gives as many features as came in. */
static recur_layer *there_and_back(recur_context *ctx, int k, int way)
{
    recur_layer *parts[2] = { recurrent(ctx, KINDS[k].cell, F, H, 2, RECUR_DIRECTION_FORWARD, 0) };
    OK(recur_linear_create(ctx, H, F, 0, &parts[1]));
    return chain(ctx, way, 2, NAMES, parts);
}

static void twins(recur_context *ctx, int k, recur_layer **residual, recur_layer **plain)
{
    *residual = there_and_back(ctx, k, RECUR_COMPOSE_RESIDUAL);
    *plain = there_and_back(ctx, k, RECUR_COMPOSE_SEQUENTIAL);
    randomize(*plain, 0.5);
    memcpy(recur_layer_params(*residual), recur_layer_params(*plain),
           (size_t)recur_layer_param_count(*plain) * sizeof(float));
}

/* A residual gives y = x + chain(x) and dx = dy + the chain's dx; everything else is the
 * chain's. */
static void residual_is_sum(recur_context *ctx, int k)
{
    recur_layer *residual, *plain;
    twins(ctx, k, &residual, &plain);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    const int64_t S = states_of(k) * 2 * B * H, P = recur_layer_param_count(plain);
    run a = { .packed = packed,
              .x = randoms(N * F, 1),
              .dy = randoms(N * F, 1),
              .s0 = randoms(S, 1),
              .dsn = randoms(S, 1) };
    run b = a, silent = a, quiet = a;
    run_both(ctx, residual, &a);
    run_both(ctx, plain, &b);
    float *y = floats(N * F), *dx = floats(N * F);
    for (int64_t i = 0; i < N * F; i++) {
        y[i] = b.y[i] + a.x[i];
        dx[i] = b.dx[i] + a.dy[i];
    }
    check_same("y", N * F, a.y, y);
    check_same("dx", N * F, a.dx, dx);
    check_same("dparams", P, a.dparams, b.dparams);
    check_same("final state", S, a.sn, b.sn);
    check_same("grad of state", S, a.ds0, b.ds0);
    silent.dy = NULL;
    run_both(ctx, residual, &silent); /* only the state has a gradient */
    quiet.dy = zeros(N * F);
    run_both(ctx, residual, &quiet);
    check_same("dx without dy", N * F, silent.dx, quiet.dx);
    check_same("dparams without dy", P, silent.dparams, quiet.dparams);
    recur_packed_release(packed);
    recur_layer_release(residual);
    recur_layer_release(plain);
}
EVERYWHERE(residual_is_sum)

/* The last part of a residual (a recurrent one) saves its own output for backward, while the chain
 * around it saves the sum. */
static void residual_in_a_chain(recur_context *ctx, int k)
{
    recur_layer *rnn[3], *residual[2], *net = NULL;
    for (int i = 0; i < 3; i++) {
        rnn[i] = recurrent(ctx, KINDS[k].cell, F, F, 1, RECUR_DIRECTION_FORWARD, 0);
        randomize(rnn[i], 0.5);
    }
    for (int i = 0; i < 2; i++)
        OK(recur_compose_create(ctx, RECUR_COMPOSE_RESIDUAL, 1, NAMES, &rnn[i], &residual[i]));
    OK(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 3,
                            (const char *const[]){ "a", "b", "c" },
                            (recur_layer *const[]){ residual[0], residual[1], rnn[2] }, &net));
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    const int64_t P = recur_layer_param_count(rnn[0]);
    run all = { .packed = packed, .x = randoms(N * F, 1), .dy = randoms(N * F, 1) };
    run_both(ctx, net, &all);
    run step[3] = { { .packed = packed, .x = all.x } };
    float *x[3] = { NULL, floats(N * F), floats(N * F) };
    for (int i = 0; i < 3; i++) {
        if (i) step[i] = (run){ .packed = packed, .x = x[i] };
        run_forward(rnn[i], &step[i]);
        for (int64_t j = 0; j < N * F && i < 2; j++) x[i + 1][j] = step[i].x[j] + step[i].y[j];
    }
    check_near("y", N * F, all.y, step[2].y, OUTPUTS);
    const float *dy = all.dy;
    for (int i = 2; i >= 0; i--) {
        step[i].dy = dy;
        run_both(ctx, rnn[i], &step[i]);
        check_near("dparams", P, all.dparams + i * P, step[i].dparams, GRADIENTS);
        float *back = copy_of(N * F, step[i].dx);
        for (int64_t j = 0; j < N * F && i < 2; j++) back[j] += dy[j];
        dy = back;
    }
    check_near("dx", N * F, all.dx, dy, GRADIENTS);
    assert_int_equal(info_of(net, 0).variant, RECUR_COMPOSE_RESIDUAL);
    assert_string_equal(info_of(net, 0).type, "residual");
    assert_int_equal(info_of(net, 0).capabilities,
                     RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD);
    assert_int_equal(info_of(net, -1).capabilities,
                     RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD);
    assert_int_equal(tensor_of(net, "b.rnn.weight_ih_l0").dim[1], F);
    recur_packed_release(packed);
    recur_layer *const all_layers[] = { rnn[0], rnn[1], rnn[2], residual[0], residual[1], net };
    for (int i = 0; i < COUNT(all_layers); i++) recur_layer_release(all_layers[i]);
}
EVERYWHERE(residual_in_a_chain)

/* ---- streaming and files of whole stacks ---------------------------------------------------- */

/* The stack has hidden sizes 6, 3 and 8, a norm, a residual around the second layer and a
 * bottleneck, so no single recurrent layer could be it. */
static recur_layer *stack(recur_context *ctx, int k)
{
    recur_layer *round[2] = { recurrent(ctx, KINDS[k].cell, 6, 3, 1, RECUR_DIRECTION_FORWARD, 0) };
    OK(recur_linear_create(ctx, 3, 6, 0, &round[1]));
    recur_layer *parts[4] = { recurrent(ctx, KINDS[k].cell, F, 6, 1, RECUR_DIRECTION_FORWARD, 0) };
    OK(recur_norm_create(ctx, 6, 0, 0, &parts[1]));
    parts[2] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 2, NAMES, round);
    parts[3] = recurrent(ctx, KINDS[k].cell, 6, 8, 2, RECUR_DIRECTION_FORWARD, 0);
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 4,
                             (const char *const[]){ "low", "norm", "mid", "high" }, parts);
    randomize(net, 0.7);
    return net;
}

/* One pass of T steps, T single steps, the same of a snapshot, and two passes with the state
 * between them give the same. */
static void steps_equal_passes(recur_context *ctx, int k)
{
    enum { T = 6, O = 8 };
    recur_layer *net = stack(ctx, k), *snapshot = NULL;
    OK(recur_layer_snapshot(net, RECUR_PRECISION_FLOAT32, &snapshot));
    recur_packed *packed = layout(ctx, B, NULL, T), *half = layout(ctx, B, NULL, T / 2);
    const int64_t S = states_of(k) * B * (6 + 3 + 2 * 8);
    run r = { .packed = packed, .x = randoms(T * B * F, 1), .s0 = randoms(S, 1) };
    run_forward(net, &r);
    for (int how = 0; how < 2; how++) {
        recur_state *state = NULL;
        float *y = floats(T * B * O), *sn = floats(S);
        OK(recur_state_create(net, B, &state));
        assert_int_equal(recur_state_count(state), S);
        OK(recur_state_write(state, 0, S, r.s0));
        for (int64_t t = 0; t < T; t++)
            OK(recur_layer_step(how ? snapshot : net, r.x + t * B * F, state, y + t * B * O, NULL));
        OK(recur_state_read(state, 0, S, sn));
        check_near("y of steps", T * B * O, y, r.y, OUTPUTS);
        check_near("final state of steps", S, sn, r.sn, OUTPUTS);
        recur_state_release(state);
    }
    run first = { .packed = half, .x = r.x, .s0 = r.s0 },
        second = { .packed = half, .x = r.x + T / 2 * B * F };
    run_forward(net, &first);
    second.s0 = first.sn;
    run_forward(snapshot, &second);
    check_near("y of the first half", T / 2 * B * O, first.y, r.y, OUTPUTS);
    check_near("y of the second half", T / 2 * B * O, second.y, r.y + T / 2 * B * O, OUTPUTS);
    check_near("final state", S, second.sn, r.sn, OUTPUTS);
    recur_packed_release(packed);
    recur_packed_release(half);
    recur_layer_release(snapshot);
    recur_layer_release(net);
}
EVERYWHERE(steps_equal_passes)

/* Each layer has state tensors of its own, by name; a file holds parameters and states. */
static void names_and_files(recur_context *ctx, int k)
{
    recur_layer *net = stack(ctx, k), *other = stack(ctx, k);
    recur_state *state = NULL;
    OK(recur_state_create(net, B, &state));
    static const char *const names[] = { "low.h", "mid.rnn.h", "high.h" };
    static const int64_t shapes[][2] = { { 1, 6 }, { 1, 3 }, { 2, 8 } };
    assert_int_equal(recur_state_tensor_count(state), 3 * states_of(k));
    for (int64_t i = 0; i < 3; i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_state_tensor_info(state, i * states_of(k), &t));
        assert_string_equal(t.name, names[i]);
        assert_int_equal(t.dim[0], shapes[i][0]);
        assert_int_equal(t.dim[1], B);
        assert_int_equal(t.dim[2], shapes[i][1]);
    }
    recur_file *file = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    OK(recur_file_put_layer(file, "m.", net));
    OK(recur_file_get_layer(file, "m.", other));
    OK(recur_file_all_used(file));
    check_same("params", recur_layer_param_count(net), recur_layer_params(other),
               recur_layer_params(net));
    recur_file_release(file);
    recur_state_release(state);
    recur_layer_release(net);
    recur_layer_release(other);
}
EVERYWHERE(names_and_files)

/* After recur_tape_reserve nothing is allocated, whatever the parts hold in reserve. */
static void reserved_is_enough(recur_context *ctx, int k)
{
    (void)ctx;
    counter count;
    recur_context *own = counting_context(&count, RECUR_ISA_AUTO);
    recur_layer *net = stack(own, k);
    recur_packed *packed = layout(own, B, LENGTHS, 0);
    recur_tape *tape = NULL;
    OK(recur_tape_create(own, &tape));
    OK(recur_tape_reserve(tape, net, packed, 2));
    const int64_t before = count.allocations;
    const float *x = randoms(N * F, 1), *dy = randoms(N * 8, 1);
    float *grads = zeros(recur_layer_param_count(net)), *y = floats(N * 8), *dx = floats(N * F);
    for (int i = 0; i < 2; i++) OK(recur_layer_forward(net, packed, x, NULL, y, tape));
    for (int i = 0; i < 2; i++) OK(recur_layer_backward(net, packed, x, dy, NULL, dx, grads, tape));
    assert_int_equal(count.allocations, before);
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(net);
    recur_context_release(own);
    assert_int_equal(count.blocks + count.mistakes, 0);
}
EVERYWHERE(reserved_is_enough)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merged_numbers),          TEST(all_merged_directions),  TEST(all_residual_is_sum),
        TEST(all_residual_in_a_chain), TEST(all_steps_equal_passes), TEST(all_names_and_files),
        TEST(all_reserved_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
