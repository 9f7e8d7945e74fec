/* test_quantise.c - what recur_quantise reports is what the snapshot does, bounds hold, and nothing
 * leaks when memory runs out. */
#include "support/support.h"

enum { I = 5, H = 20, O = 3, B = 4, T = 9, MATRICES = 5 };

static const char *const NAME[MATRICES] = { "rnn.weight_ih_l0", "rnn.weight_hh_l0",
                                            "rnn.weight_ih_l1", "rnn.weight_hh_l1", "head.weight" };

/* Two layers and a head, whose weights are `loud` times larger. */
static recur_layer *network(recur_context *ctx, float loud)
{
    static const char *const names[] = { "rnn", "act", "head" };
    recur_layer *part[3];
    part[0] = recurrent(ctx, RECUR_CELL_LSTM, I, H, 2, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_activation_create(ctx, H, RECUR_ACTIVATION_TANH, &part[1]));
    OK(recur_linear_create(ctx, H, O, 0, &part[2]));
    recur_layer *made = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    randomize(made, 0.3);
    const recur_tensor head = tensor_of(made, "head.weight");
    for (int64_t i = 0; i < head.count; i++) recur_layer_params(made)[head.offset + i] *= loud;
    return made;
}

static void forward(const recur_layer *layer, const recur_packed *packed, const float *x, float *y,
                    float *h)
{
    recur_state *state;
    OK(recur_state_create(layer, B, &state));
    OK(recur_layer_forward(layer, packed, x, state, y, NULL));
    OK(recur_state_read(state, 0, recur_state_count(state), h));
    recur_state_release(state);
}

static double difference(int64_t n, const float *a, const float *b)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* How far a snapshot is off, measured here. */
static void check_errors(const recur_layer *layer, const recur_layer *snapshot,
                         const recur_packed *packed, const float *x, double y, double h)
{
    enum { N = B * T * O, S = 2 * 2 * B * H };
    float *got[2] = { floats(N), floats(S) }, *want[2] = { floats(N), floats(S) };
    recur_layer *plain;
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &plain));
    forward(plain, packed, x, want[0], want[1]);
    forward(snapshot, packed, x, got[0], got[1]);
    assert_true(difference(N, got[0], want[0]) == y);
    assert_true(difference(S, got[1], want[1]) == h);
    recur_layer_release(plain);
}

static void the_report_is_true(void **unused)
{
    (void)unused;
    for (int32_t precision = 1; precision < 3; precision++) {
        recur_layer *layer = network(NULL, 1), *snapshot, *same;
        recur_packed *packed = layout(NULL, B, NULL, T);
        const float *x = randoms(B * T * I, 1);
        recur_quantised m[MATRICES];
        recur_quantise_report r = { .size = sizeof r, .count = MATRICES, .matrix = m };
        const recur_quantise_options o = {
            .size = sizeof o, .precision = precision, .packed = packed, .x = x
        };
        OK(recur_quantise(layer, &o, &snapshot, &r));
        assert_int_equal(r.count, MATRICES);
        assert_true(r.y_error > 0 && r.state_error > 0);
        for (int i = 0; i < MATRICES; i++) {
            assert_string_equal(m[i].name, NAME[i]);
            assert_int_equal(m[i].precision, precision);
            assert_true(m[i].y_error > 0 && m[i].y_error < 3 * r.y_error);
            assert_true(i == 4 ? m[i].state_error == 0 : m[i].state_error == r.state_error);
            assert_true(m[i].weight_error > 1e-4 && m[i].weight_error < 1e-2);
        }
        check_errors(layer, snapshot, packed, x, r.y_error, r.state_error);
        OK(recur_layer_snapshot(layer, precision, &same)); /* without a bound it is this one */
        check_errors(layer, same, packed, x, r.y_error, r.state_error);
        r = (recur_quantise_report){ .size = sizeof r, .count = 2, .matrix = m + 3 };
        m[3].name = NULL;
        OK(recur_quantise(layer, &o, NULL, &r));
        assert_int_equal(r.count, MATRICES); /* and two of them were given */
        assert_string_equal(m[3].name, NAME[0]);
        recur_layer_release(same);
        recur_layer_release(snapshot);
        recur_packed_release(packed);
        recur_layer_release(layer);
    }
}

/* Of the part alone, as a layer of its own. */
static void a_matrix_alone(void **unused)
{
    (void)unused;
    recur_layer *layer;
    OK(recur_linear_create(NULL, I, O, 0, &layer));
    randomize(layer, 1);
    float *weight = recur_layer_params(layer);
    for (int i = 0; i < I * O; i++) weight[i] = 1.0f + 0x1p-8f; /* half a step: to even */
    recur_packed *packed = layout(NULL, 1, NULL, 1);
    const float x[I] = { 1, 0, 0, 0, 0 };
    recur_quantised m;
    recur_quantise_report r = { .size = sizeof r, .count = 1, .matrix = &m };
    const recur_quantise_options o = {
        .size = sizeof o, .precision = RECUR_PRECISION_BFLOAT16, .packed = packed, .x = x
    };
    OK(recur_quantise(layer, &o, NULL, &r));
    assert_int_equal(r.count, 1);
    assert_true(m.y_error == r.y_error && r.state_error == 0);
    assert_float_equal(m.weight_error, 0x1p-8f / (1 + 0x1p-8f), 1e-9f);
    assert_float_equal(r.y_error, 0x1p-8f, 1e-6f);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* The loud head costs most, so it is the first to get float32. */
static void bounds_hold(void **unused)
{
    (void)unused;
    recur_layer *layer = network(NULL, 30), *snapshot;
    recur_packed *packed = layout(NULL, B, NULL, T);
    const float *x = randoms(B * T * I, 1);
    recur_quantised m[MATRICES];
    recur_quantise_report r = { .size = sizeof r, .count = MATRICES, .matrix = m };
    recur_quantise_options o = {
        .size = sizeof o, .precision = RECUR_PRECISION_INT8, .packed = packed, .x = x
    };
    OK(recur_quantise(layer, &o, NULL, &r));
    const double all = r.y_error, rnn = m[0].y_error;
    assert_true(m[4].y_error > m[0].y_error && all > rnn);
    const double bound[] = { all * 1.01, rnn * 1.01, rnn / 4 };
    for (int i = 0; i < 3; i++) {
        o.most_y = bound[i];
        r = (recur_quantise_report){ .size = sizeof r, .count = MATRICES, .matrix = m };
        OK(recur_quantise(layer, &o, &snapshot, &r));
        assert_true(r.y_error <= bound[i]);
        assert_int_equal(m[4].precision, i < 1 ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32);
        assert_int_equal(m[0].precision, i < 2 ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32);
        check_errors(layer, snapshot, packed, x, r.y_error, r.state_error);
        recur_layer_release(snapshot);
    }
    o.most_y = 0;
    o.most_state = 1e-9;
    OK(recur_quantise(layer, &o, NULL, &r));
    assert_true(r.state_error == 0 && r.y_error > 0); /* the head changes no state */
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static void what_is_refused(void **unused)
{
    (void)unused;
    recur_layer *layer = network(NULL, 1), *out, *snapshot;
    recur_packed *packed = layout(NULL, B, NULL, T);
    const float *x = randoms(B * T * I, 1);
    const recur_quantise_options good = {
        .size = sizeof good, .precision = RECUR_PRECISION_INT8, .packed = packed, .x = x
    };
    recur_quantise_options o = good;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(NULL, &o, &out, NULL), "layer is NULL");
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, NULL, &out, NULL), "options is NULL");
    o.precision = 0;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, &o, &out, NULL), "precision INT8");
    o = good;
    o.packed = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, &o, &out, NULL), "packed is NULL");
    o = good;
    o.x = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, &o, &out, NULL), "none x ids");
    o = good;
    o.most_y = -1;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, &o, &out, NULL), "most_y -1");
    o.most_y = NAN;
    FAILS(RECUR_E_ARGUMENT, recur_quantise(layer, &o, &out, NULL), "most_y finite");
    OK(recur_layer_snapshot(layer, 0, &snapshot));
    FAILS(RECUR_E_UNSUPPORTED, recur_quantise(snapshot, &good, &out, NULL), "snapshot");
    assert_null(out);
    recur_layer_release(snapshot);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static void every_allocation_fails(void **unused)
{
    (void)unused;
    counter count;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    recur_layer *layer = network(ctx, 1), *out = NULL;
    recur_packed *packed = layout(ctx, B, NULL, T);
    const recur_quantise_options o = { .size = sizeof o,
                                       .precision = RECUR_PRECISION_INT8,
                                       .packed = packed,
                                       .x = randoms(B * T * I, 1),
                                       .most_y = 1e-9 };
    const int64_t blocks = count.blocks;
    int64_t n = 0;
    for (recur_status status = RECUR_E_MEMORY; status; n++) {
        count.until_failure = n;
        status = recur_quantise(layer, &o, &out, NULL);
        count.until_failure = -1;
        if (!status) break;
        assert_int_equal(status, RECUR_E_MEMORY);
        assert_null(out);
        assert_int_equal(count.blocks, blocks);
    }
    assert_in_range(n, 5, 100);
    recur_layer_release(out);
    recur_packed_release(packed);
    recur_layer_release(layer);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_report_is_true), TEST(a_matrix_alone),         TEST(bounds_hold),
        TEST(what_is_refused),    TEST(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
