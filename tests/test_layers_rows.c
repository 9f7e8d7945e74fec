/* test_layers_rows.c - what the layers without recurrence compute: last, dropout, embedding,
 * activations; and groups. */
#include "support/support.h"

/* ---- last ----------------------------------------------------------------------------------- */

static void last_of_every_direction(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { 3, 0, 1, 4 };
    recur_packed *packed = layout(NULL, 4, lengths, 6);
    float x[8 * 2], y[4 * 2], dx[8 * 2];
    for (int64_t b = 0; b < 4; b++)
        for (int64_t t = 0; t < lengths[b]; t++)
            for (int64_t i = 0; i < 2; i++)
                x[recur_packed_row(packed, b, t) * 2 + i] = (float)(100 * b + 10 * t + i + 1);
    for (int direction = 0; direction < 3; direction++) {
        recur_layer *last = NULL;
        recur_tape *tape = NULL;
        trying("direction %d", direction);
        OK(recur_last_create(NULL, 2, direction, &last));
        OK(recur_tape_create(NULL, &tape));
        memset(y, 0xFF, sizeof y);
        OK(recur_layer_forward(last, packed, x, NULL, y, tape));
        const float dy[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
        memset(dx, 0xFF, sizeof dx);
        OK(recur_layer_backward(last, packed, x, dy, NULL, dx, NULL, tape));
        for (int64_t b = 0; b < 4; b++)
            for (int64_t i = 0; i < 2; i++) {
                const bool first = direction == RECUR_DIRECTION_REVERSE ||
                                   (direction == RECUR_DIRECTION_BIDIRECTIONAL && i == 1);
                const int64_t step = first ? 0 : lengths[b] - 1;
                const float want = lengths[b] ? (float)(100 * b + 10 * step + i + 1) : 0;
                assert_true(y[b * 2 + i] == want);
                for (int64_t t = 0; t < lengths[b]; t++) {
                    const float slope = dx[recur_packed_row(packed, b, t) * 2 + i];
                    assert_true(slope == (t == step ? dy[b * 2 + i] : 0.0f));
                }
            }
        recur_tape_release(tape);
        recur_layer_release(last);
    }
    recur_packed_release(packed);
    recur_layer *none = NULL;
    FAILS(RECUR_E_SHAPE, recur_last_create(NULL, 3, RECUR_DIRECTION_BIDIRECTIONAL, &none), "3");
}

/* ---- dropout -------------------------------------------------------------------------------- */

enum { WIDTH = 100, LINES = 200, CELLS = WIDTH * LINES };

typedef struct dropping {
    recur_layer *layer;
    recur_packed *packed;
    recur_tape *tape;
    float *ones;
} dropping;

static dropping drop(double probability)
{
    dropping d = { .packed = layout(NULL, LINES, NULL, 1), .ones = floats(CELLS) };
    OK(recur_dropout_create(NULL, WIDTH, probability, &d.layer));
    OK(recur_tape_create(NULL, &d.tape));
    for (int64_t i = 0; i < CELLS; i++) d.ones[i] = 1;
    return d;
}

static float *mask(dropping *d)
{
    float *y = floats(CELLS);
    OK(recur_layer_forward(d->layer, d->packed, d->ones, NULL, y, d->tape));
    return y;
}

static void undrop(dropping *d)
{
    recur_tape_release(d->tape);
    recur_packed_release(d->packed);
    recur_layer_release(d->layer);
}

static bool equal(const float *a, const float *b) { return memcmp(a, b, CELLS * sizeof *a) == 0; }

/* A fraction p of the numbers is zero, the rest 1/(1-p). With 20,000 draws, five deviations are 5
 * √(p(1-p)/20000) < 0.018. */
static void dropout_keeps_the_mean(void **unused)
{
    (void)unused;
    static const double probabilities[] = { 0, 0.1, 0.5, 0.9 };
    for (int i = 0; i < COUNT(probabilities); i++) {
        const double p = probabilities[i];
        dropping d = drop(p);
        const float *y = mask(&d);
        int64_t dropped = 0, columns = 0;
        for (int64_t c = 0; c < CELLS; c++) {
            if (y[c] == 0.0f)
                dropped++;
            else
                assert_true(fabs((double)y[c] - 1 / (1 - p)) < 1e-5 / (1 - p));
        }
        for (int64_t c = 0; c < WIDTH; c++) columns += y[c] == y[WIDTH + c];
        assert_true(fabs((double)dropped / CELLS - p) < 0.018);
        if (p == 0.5)
            assert_in_range(columns, 25, 75); /* neighbouring rows have masks of their own */
        if (p == 0) assert_int_equal(dropped, 0);
        undrop(&d);
    }
}

static void dropout_depends_on_seed_and_pass(void **unused)
{
    (void)unused;
    dropping d = drop(0.5), e = drop(0.5);
    OK(recur_tape_set_seed(d.tape, 7));
    const float *first = mask(&d), *second = mask(&d);
    assert_false(equal(first, second));
    OK(recur_tape_set_seed(d.tape, 8));
    assert_false(equal(first, mask(&d)));
    OK(recur_tape_set_seed(e.tape, 7)); /* another layer, another tape, the same numbers */
    assert_true(equal(first, mask(&e)));
    /* A pass that is not recorded does not count. */
    OK(recur_tape_set_mode(e.tape, RECUR_TAPE_EVALUATE));
    assert_true(equal(e.ones, mask(&e)));
    OK(recur_tape_set_mode(e.tape, RECUR_TAPE_TRAIN));
    assert_true(equal(second, mask(&e)));
    OK(recur_tape_set_mode(e.tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    assert_true(equal(e.ones, mask(&e)));
    assert_int_equal(recur_tape_records(e.tape), 3);
    OK(recur_tape_reset(d.tape)); /* records go, the seed stays */
    OK(recur_tape_set_seed(d.tape, 7));
    assert_true(equal(first, mask(&d)));
    float *y = floats(CELLS);
    OK(recur_layer_forward(d.layer, d.packed, d.ones, NULL, y, NULL));
    assert_true(equal(d.ones, y));
    undrop(&d);
    undrop(&e);
}

/* Backward multiplies by the mask of its own pass, even after others. */
static void dropout_backward(void **unused)
{
    (void)unused;
    dropping d = drop(0.3);
    const float *first = mask(&d), *second = mask(&d);
    float *dx = floats(CELLS);
    OK(recur_layer_backward(d.layer, d.packed, d.ones, d.ones, NULL, dx, NULL, d.tape));
    assert_true(equal(dx, second));
    OK(recur_layer_backward(d.layer, d.packed, d.ones, d.ones, NULL, dx, NULL, d.tape));
    assert_true(equal(dx, first));
    undrop(&d);
}

/* Dropout inside a stack works in TRAIN, and not in EVALUATE, in RECORD_NO_DROPOUT, or without a
 * tape. There is none behind the top layer. */
static void dropout_in_a_stack(void **unused)
{
    (void)unused;
    for (int L = 1; L <= 2; L++) {
        const recur_recurrent_options options = { .size = sizeof options,
                                                  .cell = RECUR_CELL_GRU,
                                                  .input_size = 3,
                                                  .hidden_size = 8,
                                                  .num_layers = L,
                                                  .dropout = 0.5 };
        recur_layer *layer = NULL;
        OK(recur_recurrent_create(NULL, &options, &layer));
        dice(3);
        randomize(layer, 0.5);
        recur_packed *packed = layout(NULL, 3, NULL, 4);
        const float *x = randoms(36, 1);
        float *y[4];
        for (int mode = 0; mode < 4; mode++) {
            recur_tape *tape = NULL;
            OK(recur_tape_create(NULL, &tape));
            if (mode < 3) OK(recur_tape_set_mode(tape, mode));
            y[mode] = floats(96);
            OK(recur_layer_forward(layer, packed, x, NULL, y[mode], mode < 3 ? tape : NULL));
            recur_tape_release(tape);
        }
        check_near("evaluate", 96, y[RECUR_TAPE_EVALUATE], y[3], OUTPUTS);
        check_near("sensitive", 96, y[RECUR_TAPE_RECORD_NO_DROPOUT], y[3], OUTPUTS);
        bool different = false;
        for (int i = 0; i < 96; i++) different |= fabsf(y[RECUR_TAPE_TRAIN][i] - y[3][i]) > 1e-3f;
        assert_int_equal(different, L == 2);
        recur_packed_release(packed);
        recur_layer_release(layer);
    }
}

/* ---- embedding, activations, groups --------------------------------------------------------- */

static void embedding_rows(void **unused)
{
    (void)unused;
    recur_layer *layer = NULL;
    OK(recur_embedding_create(NULL, 4, 3, 0, &layer));
    for (int i = 0; i < 12; i++) recur_layer_params(layer)[i] = (float)i;
    recur_packed *packed = layout(NULL, 5, NULL, 1);
    const int32_t ids[5] = { 3, 0, 3, 1, 3 };
    float y[15], grads[12] = { 0 };
    recur_tape *tape = NULL;
    OK(recur_tape_create(NULL, &tape));
    OK(recur_layer_forward_ids(layer, packed, ids, NULL, y, tape));
    for (int r = 0; r < 5; r++)
        for (int i = 0; i < 3; i++) assert_true(y[r * 3 + i] == (float)(ids[r] * 3 + i));
    OK(recur_layer_backward_ids(layer, packed, ids, y, NULL, grads, tape));
    const float want[12] = { 0, 1, 2, 3, 4, 5, 0, 0, 0, 27, 30, 33 };
    check_same("dW", 12, grads, want);
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(layer, packed, y, NULL, y, NULL), "");
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* Gives f(v), and its slope if that is wanted. */
static double function_of(int f, double v, double *slope)
{
    const double s = 1 / (1 + exp(-v)), t = tanh(v), a = 1 + fabs(v);
    const double value[] = { 0, t, s, v > 0 ? v : 0, fmin(1, fmax(0, 0.2 * v + 0.5)), v / a, v };
    const double slopes[] = { 0,           1 - t * t, s * (1 - s), v > 0, fabs(v) < 2.5 ? 0.2 : 0,
                              1 / (a * a), 1 };
    *slope = slopes[f];
    return value[f];
}

static void activation_values(void **unused)
{
    (void)unused;
    static const char *const types[] = { "",         "tanh",    "sigmoid", "relu", "hard_sigmoid",
                                         "softsign", "identity" };
    const float x[] = { -100, -3, -2.4f, -1, -0.0f, 0, 1e-3f, 1, 2.4f, 2.6f, 3, 100, NAN };
    enum { COLUMNS = sizeof x / sizeof *x };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_packed *packed = layout(ctx, 1, NULL, 1);
        for (int f = RECUR_ACTIVATION_TANH; f <= RECUR_ACTIVATION_IDENTITY; f++) {
            recur_layer *layer = NULL;
            recur_state *state = NULL;
            trying("%s function %d", recur_context_isa(ctx), f);
            OK(recur_activation_create(ctx, COLUMNS, f, &layer));
            float dy[COLUMNS], step[COLUMNS];
            run r = { .packed = packed, .x = x, .dy = dy };
            double want[COLUMNS], slope[COLUMNS];
            for (int i = 0; i < COLUMNS; i++) {
                dy[i] = 2;
                want[i] = function_of(f, (double)x[i], &slope[i]);
                slope[i] *= 2;
            }
            run_both(ctx, layer, &r);
            check_close("y", COLUMNS - 1, r.y, want, OUTPUTS);
            check_close("dx", COLUMNS - 1, r.dx, slope, GRADIENTS);
            assert_true(isnan(r.y[COLUMNS - 1]));
            OK(recur_state_create(layer, 1, &state));
            OK(recur_layer_step(layer, x, state, step, NULL));
            check_same("y of a step", COLUMNS - 1, step, r.y);
            assert_string_equal(info_of(layer, -1).type, types[f]);
            assert_int_equal(info_of(layer, -1).variant, f);
            recur_state_release(state);
            recur_layer_release(layer);
        }
        recur_packed_release(packed);
    }
}

static void a_group_is_not_run(void **unused)
{
    (void)unused;
    recur_layer *parts[2] = { recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, 0, 0),
                              recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, 0, 0) };
    recur_layer *group = chain(NULL, RECUR_COMPOSE_GROUP, 2,
                               (const char *const[]){ "encoder", "decoder" }, parts);
    recur_packed *packed = layout(NULL, 2, NULL, 2);
    recur_tape *tape = NULL;
    const float x[12] = { 0 };
    float y[16];
    OK(recur_tape_create(NULL, &tape));
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(group, packed, x, NULL, y, NULL), "group");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(group, packed, x, NULL, y, tape), "group");
    FAILS(RECUR_E_UNSUPPORTED, recur_tape_reserve(tape, group, packed, 1), "group");
    const recur_layer_info info = info_of(group, -1);
    assert_int_equal(info.input_size, 0);
    assert_int_equal(info.output_size, 0);
    assert_int_equal(
        info.capabilities & (RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS | RECUR_CAN_STEP), 0);
    assert_int_equal(info_of(group, 1).offset, recur_layer_param_count(group) / 2);
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(last_of_every_direction),
        TEST(dropout_keeps_the_mean),
        TEST(dropout_depends_on_seed_and_pass),
        TEST(dropout_backward),
        TEST(dropout_in_a_stack),
        TEST(embedding_rows),
        TEST(activation_values),
        TEST(a_group_is_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
