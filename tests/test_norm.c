/* test_norm.c - layer normalisation: the textbook's numbers, what it does not depend on, rows apart
 * from each other. */
#include "support/support.h"

enum { B = 4, N = 8 };
static const int64_t LENGTHS[B] = { 3, 0, 1, 4 };

static recur_layer *norm(recur_context *ctx, int64_t F, double epsilon, uint32_t flags)
{
    recur_layer *layer = NULL;
    OK(recur_norm_create(ctx, F, epsilon, flags, &layer));
    return layer;
}

/* A new layer has weight 1 and bias 0. */
static recur_layer *plain(recur_context *ctx, int64_t F, double epsilon)
{
    recur_layer *layer = norm(ctx, F, epsilon, 0);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    return layer;
}

/* Checks all numbers of a batch against the textbook; `mean` is added to x. */
static void check_textbook(recur_context *ctx, int64_t F, double epsilon, double mean,
                           uint32_t flags)
{
    recur_layer *layer = norm(ctx, F, epsilon, flags);
    randomize(layer, 1);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    float *x = randoms(N * F, 2);
    for (int64_t i = 0; i < N * F; i++) x[i] = (float)((double)x[i] + mean);
    run r = { .packed = packed, .x = x, .dy = randoms(N * F, 1) };
    run_both(ctx, layer, &r);
    const double *w = widen(F, recur_layer_params(layer)),
                 *b = flags ? NULL : widen(F, recur_layer_params(layer) + F);
    double *y = doubles(N * F), *dx = doubles(N * F), *dparams = doubles(2 * F);
    const double e = epsilon > 0 ? epsilon : 1e-5;
    naive_norm(N, F, e, w, b, widen(N * F, x), y);
    naive_norm_backward(N, F, e, w, widen(N * F, x), widen(N * F, r.dy), dx, dparams,
                        flags ? NULL : dparams + F);
    trying("%s %d features, mean %g", recur_context_isa(ctx), (int)F, mean);
    check_close("y", N * F, r.y, y, OUTPUTS);
    check_close("dx", N * F, r.dx, dx, GRADIENTS);
    check_close("dparams", recur_layer_param_count(layer), r.dparams, dparams, GRADIENTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
    give_back();
}

static void textbook(void **unused)
{
    (void)unused;
    static const int64_t widths[] = { 1, 2, 3, 4, 7, 8, 15, 16, 17, 28, 33, 64, 130 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < COUNT(widths); i++) {
            dice((uint64_t)i + 1);
            check_textbook(ctx, widths[i], 0, 0, 0);
            check_textbook(ctx, widths[i], 0.25, 0, RECUR_LAYER_NO_BIAS);
            check_textbook(ctx, widths[i], 0, 3000, 0); /* x has 4 digits less, y must not */
        }
}

/* Behind a recurrent layer in a chain, rows give the same step by step, at once, and one sequence
 * at a time. */
static void rows_stand_apart(void **unused)
{
    (void)unused;
    enum { F = 19 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(3);
        recur_layer *layer = norm(ctx, F, 0, 0), *snapshot = NULL;
        randomize(layer, 1);
        recur_packed *packed = layout(ctx, B, LENGTHS, 0), *one = layout(ctx, 1, NULL, 1);
        run r = { .packed = packed, .x = randoms(N * F, 1), .dy = randoms(N * F, 1) };
        run_both(ctx, layer, &r);
        recur_state *state = NULL;
        OK(recur_state_create(layer, 1, &state));
        assert_int_equal(recur_state_count(state), 0);
        OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
        float *sum = zeros(2 * F), *y = floats(F);
        for (int64_t i = 0; i < N; i++) {
            run row = { .packed = one, .x = r.x + i * F, .dy = r.dy + i * F };
            run_both(ctx, layer, &row);
            check_same("y of a row", F, row.y, r.y + i * F);
            check_same("dx of a row", F, row.dx, r.dx + i * F);
            for (int64_t j = 0; j < 2 * F; j++) sum[j] += row.dparams[j];
            OK(recur_layer_step(snapshot, r.x + i * F, state, y, NULL));
            check_same("y of a step", F, y, r.y + i * F);
        }
        check_near("dparams", 2 * F, r.dparams, sum, GRADIENTS);
        recur_state_release(state);
        recur_layer_release(snapshot);
        recur_layer_release(layer);
        recur_packed_release(packed);
        recur_packed_release(one);
    }
}

/* a x + b is normalised to the same as x, so its gradient has no part along 1 and x̂, which cannot
 * change y. */
static void shift_and_scale_are_lost(void **unused)
{
    (void)unused;
    enum { F = 37 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(5);
        recur_layer *layer = plain(ctx, F, 1e-12);
        recur_packed *packed = layout(ctx, 1, NULL, 1);
        float *x = randoms(F, 1), *moved = floats(F);
        for (int64_t i = 0; i < F; i++) moved[i] = 64 * x[i] + 128;
        run a = { .packed = packed, .x = x, .dy = randoms(F, 1) }, b = a;
        b.x = moved;
        run_both(ctx, layer, &a);
        run_both(ctx, layer, &b);
        check_near("y", F, b.y, a.y, (tolerance){ 1e-5, 0, 0 }); /* the sum rounds 64 x + 128 */
        double mean = 0, square = 0, along = 0, shift = 0;
        for (int64_t i = 0; i < F; i++) {
            mean += (double)a.y[i] / F;
            square += (double)a.y[i] * (double)a.y[i] / F;
            shift += (double)a.dx[i];
            along += (double)a.dx[i] * (double)a.y[i];
        }
        assert_true(fabs(mean) < 1e-6 && fabs(square - 1) < 1e-5);
        assert_true(fabs(shift) < 1e-5 && fabs(along) < 1e-5);
        recur_layer_release(layer);
        recur_packed_release(packed);
    }
}

/* Rows without variance give the bias; NaN stays in its row. */
static void flat_and_broken_rows(void **unused)
{
    (void)unused;
    enum { F = 21 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(7);
        recur_layer *layer = norm(ctx, F, 0, 0);
        randomize(layer, 1);
        recur_packed *packed = layout(ctx, 4, NULL, 1);
        float *x = randoms(4 * F, 1);
        for (int64_t i = 0; i < F; i++) {
            x[i] = 0.1f;
            x[F + i] = -1e30f;
        }
        x[3 * F + F - 1] = NAN;
        run r = { .packed = packed, .x = x, .dy = randoms(4 * F, 1) };
        run_both(ctx, layer, &r);
        check_near("a flat row", F, r.y, recur_layer_params(layer) + F, OUTPUTS);
        check_near("a large flat row", F, r.y + F, recur_layer_params(layer) + F, OUTPUTS);
        for (int64_t i = 0; i < 4 * F; i++) {
            assert_int_equal(isnan(r.y[i]) != 0, i >= 3 * F);
            assert_int_equal(isnan(r.dx[i]) != 0, i >= 3 * F);
        }
        recur_layer_release(layer);
        recur_packed_release(packed);
    }
}

/* The numbers are so large that no float can hold their squares, or their sum. */
static void large_rows(void **unused)
{
    (void)unused;
    enum { F = 21, R = 4 };
    static const double scales[] = { 1e18, 1e20, 1e30, 1e38 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < COUNT(scales); i++) {
            dice(11);
            recur_layer *layer = norm(ctx, F, 0, 0);
            randomize(layer, 1);
            recur_packed *packed = layout(ctx, R, NULL, 1);
            float *x = randoms(R * F, 1);
            for (int64_t e = 0; e < R * F; e++) x[e] = (float)((1.5 + (double)x[e]) * scales[i]);
            run r = { .packed = packed, .x = x, .dy = randoms(R * F, 1) };
            run_both(ctx, layer, &r);
            const double *w = widen(F, recur_layer_params(layer)),
                         *b = widen(F, recur_layer_params(layer) + F);
            double *y = doubles(R * F), *dx = doubles(R * F), *dparams = doubles(2 * F);
            naive_norm(R, F, 1e-5, w, b, widen(R * F, x), y);
            naive_norm_backward(R, F, 1e-5, w, widen(R * F, x), widen(R * F, r.dy), dx, dparams,
                                dparams + F);
            trying("%s numbers of %g", recur_context_isa(ctx), scales[i]);
            check_close("y", R * F, r.y, y, OUTPUTS);
            check_close("dparams", 2 * F, r.dparams, dparams, GRADIENTS);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
}

/* What is not wanted changes nothing else; dparams is added to. */
static void what_is_not_wanted(void **unused)
{
    (void)unused;
    enum { F = 6 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(9);
        recur_layer *layer = norm(ctx, F, 0, 0);
        randomize(layer, 1);
        recur_packed *packed = layout(ctx, B, LENGTHS, 0);
        run r = { .packed = packed, .x = randoms(N * F, 1), .dy = randoms(N * F, 1) };
        run_both(ctx, layer, &r);
        recur_tape *tape = NULL;
        OK(recur_tape_create(ctx, &tape));
        float *grads = zeros(2 * F), *dx = floats(N * F);
        for (int i = 0; i < 4; i++) OK(recur_layer_forward(layer, packed, r.x, NULL, NULL, tape));
        OK(recur_layer_backward(layer, packed, r.x, r.dy, NULL, dx, NULL, tape));
        check_same("dx without dparams", N * F, dx, r.dx);
        OK(recur_layer_backward(layer, packed, r.x, r.dy, NULL, NULL, grads, tape));
        check_same("dparams without dx", 2 * F, grads, r.dparams);
        OK(recur_layer_backward(layer, packed, r.x, NULL, NULL, dx, grads, tape));
        check_same("dx of no gradient", N * F, dx, zeros(N * F));
        check_same("dparams of no gradient", 2 * F, grads, r.dparams);
        OK(recur_layer_backward(layer, packed, r.x, r.dy, NULL, NULL, grads, tape));
        for (int64_t i = 0; i < 2 * F; i++) grads[i] /= 2;
        check_near("dparams of two passes", 2 * F, grads, r.dparams, GRADIENTS);
        recur_tape_release(tape);
        recur_layer_release(layer);
        recur_packed_release(packed);
    }
}

/* The description of a norm is enough to make it again, and RECUR_INIT_DEFAULT gives it 1 and 0. */
static void description(void **unused)
{
    (void)unused;
    recur_layer *parts[2] = { recurrent(NULL, RECUR_CELL_GRU, 3, 5, 1, RECUR_DIRECTION_FORWARD, 0),
                              norm(NULL, 5, 0.5, 0) };
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 2,
                             (const char *const[]){ "rnn", "norm" }, parts);
    const recur_layer_info info = info_of(net, 1);
    assert_int_equal(info.kind, RECUR_KIND_NORM);
    assert_string_equal(info.type, "norm");
    assert_true(info.epsilon == 0.5);
    assert_int_equal(info.capabilities, RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD);
    assert_true(info_of(net, 0).epsilon == 0);
    OK(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    const recur_tensor w = tensor_of(net, "norm.weight"), b = tensor_of(net, "norm.bias");
    assert_int_equal(w.rank, 1);
    assert_int_equal(w.count, 5);
    for (int64_t i = 0; i < 5; i++) {
        assert_true(recur_layer_params(net)[w.offset + i] == 1);
        assert_true(recur_layer_params(net)[b.offset + i] == 0);
    }
    OK(recur_layer_init(net, NULL, RECUR_INIT_ORTHOGONAL, 0, 1)); /* vectors are left alone */
    assert_true(recur_layer_params(net)[w.offset] == 1);
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_init(net, "norm.*", RECUR_INIT_XAVIER, 0, 1), "");
    recur_layer_release(net);
    recur_layer *layer = norm(NULL, 5, 0, RECUR_LAYER_NO_BIAS);
    assert_true(info_of(layer, -1).epsilon == 1e-5);
    assert_int_equal(info_of(layer, -1).flags, RECUR_LAYER_NO_BIAS);
    assert_int_equal(recur_layer_tensor_count(layer), 1);
    recur_layer_release(layer);
}

static void refused(void **unused)
{
    (void)unused;
    recur_layer *layer = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 4, -1e-5, 0, &layer), "-1e-05");
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 4, 1e-60, 0, &layer), "1e-60");
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 4, (double)NAN, 0, &layer), "nan");
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 4, (double)INFINITY, 0, &layer), "inf");
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 4, 0, RECUR_LAYER_CELL_NAMES, &layer), "2");
    FAILS(RECUR_E_ARGUMENT, recur_norm_create(NULL, 0, 0, 0, &layer), "0");
    assert_null(layer);
    layer = norm(NULL, 4, 0, 0);
    recur_packed *packed = layout(NULL, 1, NULL, 1);
    const int32_t id = 0;
    float y[4];
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward_ids(layer, packed, &id, NULL, y, NULL), "norm");
    recur_packed_release(packed);
    recur_layer_release(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(textbook),
                                        TEST(large_rows),
                                        TEST(rows_stand_apart),
                                        TEST(shift_and_scale_are_lost),
                                        TEST(flat_and_broken_rows),
                                        TEST(what_is_not_wanted),
                                        TEST(description),
                                        TEST(refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
