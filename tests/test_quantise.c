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

/* ---- parameters, rounded ------------------------------------------------------------------- */

/* Rows of ones in one place: what a head gives are the numbers of its matrix. */
static void check_head(recur_layer *head, int32_t precision, const float *rounded)
{
    recur_layer *snapshot;
    recur_packed *rows = layout(NULL, H, NULL, 1);
    float *x = zeros(H * H), *y = floats(H * O);
    for (int i = 0; i < H; i++) x[i * H + i] = 1;
    OK(recur_layer_snapshot(head, precision, &snapshot));
    OK(recur_layer_forward(snapshot, rows, x, NULL, y, NULL));
    for (int k = 0; k < H; k++)
        for (int n = 0; n < O; n++) {
            const double want = (double)y[k * O + n], got = (double)rounded[n * H + k];
            if (!(fabs(got - want) <= 1e-6 * fabs(want)))
                fail_msg("row %d, column %d: %.9g, the snapshot has %.9g", n, k, got, want);
        }
    recur_layer_release(snapshot);
    recur_packed_release(rows);
}

static void rounded_parameters_are_the_snapshots(void **unused)
{
    (void)unused;
    recur_layer *net = network(NULL, 3), *head;
    const int64_t count = recur_layer_param_count(net);
    float *to = floats(count), *again = floats(count), *of_head = floats(H * O + O);
    const float *from = recur_layer_params(net);
    int64_t offset;
    OK(recur_layer_child(net, "head", &head, &offset));
    memset(recur_layer_params(head) + H * O, 0, O * sizeof(float)); /* no bias */
    for (int32_t precision = 1; precision < 3; precision++) {
        trying("precision %d", (int)precision);
        OK(recur_quantise_params(net, precision, from, to));
        for (int64_t i = 0; i < recur_layer_tensor_count(net); i++) {
            recur_tensor t = { .size = sizeof t };
            OK(recur_layer_tensor_info(net, i, &t));
            const bool same = memcmp(to + t.offset, from + t.offset,
                                     (size_t)t.count * sizeof *to) == 0;
            assert_int_equal(same, strncmp(strrchr(t.name, '.') + 1, "bias", 4) == 0);
        }
        check_head(head, precision, to + offset);
        memcpy(again, from, (size_t)count * sizeof *again);
        OK(recur_quantise_params(net, precision, again, again));
        check_same("in place", count, again, to);
        OK(recur_quantise_params(head, precision, recur_layer_params(head), of_head));
        check_same("a part", H * O + O, of_head, to + offset);
    }
    recur_layer_release(head);
    recur_layer_release(net);
}

/* What a matrix of fewer bits is to learn: y = 100 x0 + w1 x1 + w2 x2 ..., where w1, w2 ... are
 * 0.43 to 0.61, and x1, x2 ... are much alike. As int8 the matrix has steps of 100 / 127, so that
 * all of these weights become 0.79, and the sum is off. Trained further, some of them become 0. */
enum { ROWS_OF_X = 64 };

typedef struct task {
    recur_packed *rows;
    float *x, *t; /* [ROWS_OF_X][H], [ROWS_OF_X] */
    float master[H];
} task;

static task task_of_steps(void)
{
    task a = {
        layout(NULL, ROWS_OF_X, NULL, 1), randoms(ROWS_OF_X * H, 0.1), zeros(ROWS_OF_X), { 100 }
    };
    const float *z = randoms(ROWS_OF_X, 1);
    for (int k = 1; k < H; k++) a.master[k] = 0.42f + 0.01f * (float)k;
    for (int r = 0; r < ROWS_OF_X; r++)
        for (int k = 0; k < H; k++) {
            if (k) a.x[r * H + k] += z[r];
            a.t[r] += a.master[k] * a.x[r * H + k];
        }
    return a;
}

/* The sum of squares, and its gradient. */
static double loss_of(recur_layer *head, const task *a, float *dparams)
{
    recur_tape *tape;
    float *y = floats(ROWS_OF_X);
    double sum = 0;
    OK(recur_tape_create(NULL, &tape));
    OK(recur_layer_forward(head, a->rows, a->x, NULL, y, tape));
    for (int r = 0; r < ROWS_OF_X; r++) {
        y[r] -= a->t[r];
        sum += (double)y[r] * (double)y[r];
    }
    memset(dparams, 0, H * sizeof *dparams);
    OK(recur_layer_backward(head, a->rows, a->x, y, NULL, NULL, dparams, tape));
    recur_tape_release(tape);
    return sum;
}

static void training_knows_of_the_rounding(void **unused)
{
    (void)unused;
    const recur_optimizer_options o = { .size = sizeof o,
                                        .kind = RECUR_OPTIMIZER_ADAM,
                                        .rate = 0.01 };
    recur_layer *head;
    recur_optimizer *adam;
    float dparams[H];
    double first = 0, last = 0;
    dice(4);
    task a = task_of_steps();
    OK(recur_linear_create(NULL, H, 1, RECUR_LAYER_NO_BIAS, &head));
    OK(recur_optimizer_create(NULL, &o, H, &adam));
    for (int step = 0; step < 300; step++) {
        OK(recur_quantise_params(head, RECUR_PRECISION_INT8, a.master, recur_layer_params(head)));
        last = loss_of(head, &a, dparams);
        if (step == 0) first = last;
        OK(recur_optimizer_step(adam, a.master, dparams, H, 1));
    }
    print_message("loss as int8: %.2f, trained further %.2f\n", first, last);
    assert_true(last < first / 10);
    recur_optimizer_release(adam);
    recur_layer_release(head);
    recur_packed_release(a.rows);
}

static void bad_rounding_is_refused(void **unused)
{
    (void)unused;
    recur_layer *net = network(NULL, 1);
    float *to = floats(recur_layer_param_count(net));
    FAILS(RECUR_E_ARGUMENT, recur_quantise_params(NULL, 1, to, to), "layer");
    FAILS(RECUR_E_ARGUMENT, recur_quantise_params(net, 1, NULL, to), "from");
    FAILS(RECUR_E_ARGUMENT, recur_quantise_params(net, 1, to, NULL), "to");
    FAILS(RECUR_E_ARGUMENT, recur_quantise_params(net, 0, to, to), "RECUR_PRECISION_INT8");
    recur_layer_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_report_is_true),
        TEST(a_matrix_alone),
        TEST(bounds_hold),
        TEST(what_is_refused),
        TEST(every_allocation_fails),
        TEST(rounded_parameters_are_the_snapshots),
        TEST(training_knows_of_the_rounding),
        TEST(bad_rounding_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
