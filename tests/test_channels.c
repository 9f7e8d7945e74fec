/* test_channels.c - softmax, affine, PReLU, RMSNorm, GroupNorm, gates and magnitudes, SiLU, ELU,
 * GELU and the positive function: the textbook's numbers on every instruction set, and rows that
 * stand apart. test_gradients has the reference's backward; here the others are held against it. */
#include "support/networks.h"

enum { B = 4, N = 8, LAYERS = 18 };
static const int64_t LENGTHS[B] = { 3, 0, 1, 4 };

static recur_layer *make(recur_context *ctx, int which)
{
    recur_layer *const layers[LAYERS] = { softmax(ctx, 21),
                                          affine(ctx, 19, 1, 0),
                                          affine(ctx, 3, 7, RECUR_LAYER_NO_BIAS),
                                          prelu(ctx, 19, 1),
                                          prelu(ctx, 3, 7),
                                          prelu(ctx, 1, 5),
                                          rms_norm(ctx, 37, 0),
                                          rms_norm(ctx, 8, 0.25),
                                          group_norm(ctx, 12, 1, 3, 0),
                                          group_norm(ctx, 6, 5, 2, 0),
                                          group_norm(ctx, 4, 9, 1, 0.5),
                                          merge(ctx, 38, RECUR_MERGE_GATE),
                                          merge(ctx, 38, RECUR_MERGE_MAGNITUDE),
                                          activation(ctx, 19, RECUR_ACTIVATION_SILU),
                                          activation(ctx, 19, RECUR_ACTIVATION_ELU),
                                          activation(ctx, 19, RECUR_ACTIVATION_GELU),
                                          activation(ctx, 19, RECUR_ACTIVATION_POSITIVE),
                                          activation(ctx, 19, RECUR_ACTIVATION_RELU) };
    for (int i = 0; i < LAYERS; i++)
        if (i != which) recur_layer_release(layers[i]);
    randomize(layers[which], 1);
    return layers[which];
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double function_of(int function, double x)
{
    switch (function) {
    case RECUR_ACTIVATION_SILU:
        return x * sigmoid(x);
    case RECUR_ACTIVATION_ELU:
        return x > 0 ? x : expm1(x);
    case RECUR_ACTIVATION_GELU:
        return x / 2 * erfc(-x / sqrt(2));
    case RECUR_ACTIVATION_POSITIVE:
        return x >= 0 ? x + 0.5 : sigmoid(x);
    default:
        return x > 0 ? x : 0;
    }
}

static void join(int way, int64_t F, const double *x, double *y)
{
    for (int64_t j = 0; j < F; j++)
        y[j] = way == RECUR_MERGE_GATE ? x[j] * sigmoid(x[F + j]) : hypot(x[j], x[F + j]);
}

static void normalise(const recur_layer_info *info, const double *w, const double *x, double *y)
{
    const bool rms = info->variant == RECUR_NORM_RMS;
    const int64_t F = info->input_size, groups = rms ? 1 : info->groups, n = F / groups,
                  L = rms ? 1 : F / info->channels;
    for (int64_t g = 0; g < groups; g++) {
        double mean = 0, square = 0;
        for (int64_t j = g * n; j < (g + 1) * n && !rms; j++) mean += x[j] / (double)n;
        for (int64_t j = g * n; j < (g + 1) * n; j++)
            square += (x[j] - mean) * (x[j] - mean) / (double)n;
        for (int64_t j = g * n; j < (g + 1) * n; j++)
            y[j] = w[j / L] * (x[j] - mean) / sqrt(square + info->epsilon) +
                   (rms ? 0 : w[info->channels + j / L]);
    }
}

static void softmax_of(int64_t F, const double *x, double *y)
{
    double sum = 0;
    for (int64_t j = 0; j < F; j++) sum += y[j] = exp(x[j]);
    for (int64_t j = 0; j < F; j++) y[j] /= sum;
}

/* One row by the book. */
static void naive(const recur_layer_info *info, const double *w, const double *x, double *y)
{
    const int64_t F = info->input_size, C = info->channels, L = C ? F / C : 1;
    if (info->kind == RECUR_KIND_SOFTMAX) softmax_of(F, x, y);
    if (info->kind == RECUR_KIND_MERGE) join(info->variant, F / 2, x, y);
    if (info->kind == RECUR_KIND_NORM) normalise(info, w, x, y);
    for (int64_t j = 0; j < F; j++) {
        if (info->kind == RECUR_KIND_ACTIVATION) y[j] = function_of(info->variant, x[j]);
        if (info->kind == RECUR_KIND_PRELU) y[j] = x[j] > 0 ? x[j] : w[j / L] * x[j];
        if (info->kind == RECUR_KIND_AFFINE)
            y[j] = w[j / L] * x[j] + (info->flags ? 0 : w[C + j / L]);
    }
}

static void check_textbook(recur_context *ctx, int which, double scale)
{
    dice((uint64_t)which + 1);
    recur_layer *layer = make(ctx, which);
    const recur_layer_info info = info_of(layer, -1);
    trying("%s %s %d, x up to %g", recur_context_isa(ctx), info.type, which, scale);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    run r = { .packed = packed, .x = randoms(N * info.input_size, scale) };
    run_forward(layer, &r);
    const double *w = widen(recur_layer_param_count(layer), recur_layer_params(layer)),
                 *x = widen(N * info.input_size, r.x);
    double *y = doubles(N * info.output_size);
    for (int64_t i = 0; i < N; i++)
        naive(&info, w, x + i * info.input_size, y + i * info.output_size);
    check_close("y", N * info.output_size, r.y, y, OUTPUTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
    give_back();
}

static void textbook(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int which = 0; which < LAYERS; which++)
            for (double scale = 0.1; scale < 50; scale *= 10) check_textbook(ctx, which, scale);
}

static void backward_agrees(void **unused)
{
    (void)unused;
    for (int which = 0; which < LAYERS; which++) {
        run first = { 0 };
        for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
            dice((uint64_t)which + 1);
            recur_layer *layer = make(ctx, which);
            const recur_layer_info info = info_of(layer, -1);
            const int64_t P = recur_layer_param_count(layer);
            trying("%s %s %d", recur_context_isa(ctx), info.type, which);
            recur_packed *packed = layout(ctx, B, LENGTHS, 0);
            run r = { .packed = packed,
                      .x = randoms(N * info.input_size, 3),
                      .dy = randoms(N * info.output_size, 1) };
            run_both(ctx, layer, &r);
            if (first.y) {
                check_near("dx", N * info.input_size, r.dx, first.dx, GRADIENTS);
                check_near("dparams", P, r.dparams, first.dparams, GRADIENTS);
            } else {
                first = r;
            }
            recur_packed_release(packed);
            recur_layer_release(layer);
        }
        give_back();
    }
}

/* Rows give the same bits alone, in a batch, and step by step. */
static void rows_stand_apart(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int which = 0; which < LAYERS; which++) {
            dice((uint64_t)which + 1);
            recur_layer *layer = make(ctx, which), *snapshot = NULL;
            const recur_layer_info info = info_of(layer, -1);
            const int64_t I = info.input_size, O = info.output_size,
                          P = recur_layer_param_count(layer);
            trying("%s %s %d", recur_context_isa(ctx), info.type, which);
            recur_packed *packed = layout(ctx, B, LENGTHS, 0), *one = layout(ctx, 1, NULL, 1);
            run r = { .packed = packed, .x = randoms(N * I, 1), .dy = randoms(N * O, 1) };
            run_both(ctx, layer, &r);
            recur_state *state = NULL;
            OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
            OK(recur_state_create(layer, 1, &state));
            float *y = floats(O), *sum = zeros(P);
            const bool vectors = info.kind == RECUR_KIND_ACTIVATION;
            for (int64_t i = 0; i < N; i++) {
                run row = { .packed = one, .x = r.x + i * I, .dy = r.dy + i * O };
                run_both(ctx, layer, &row);
                check_same("y of a row", O, row.y, r.y + i * O);
                if (!vectors) check_same("dx of a row", I, row.dx, r.dx + i * I);
                for (int64_t j = 0; j < P; j++) sum[j] += row.dparams[j];
                OK(recur_layer_step(snapshot, r.x + i * I, state, y, NULL));
                check_same("y of a step", O, y, r.y + i * O);
            }
            check_near("dparams", P, r.dparams, sum, GRADIENTS);
            recur_state_release(state);
            recur_layer_release(snapshot);
            recur_packed_release(packed);
            recur_packed_release(one);
            recur_layer_release(layer);
            give_back();
        }
}

/* NaN and infinity: what is wrong in a row stays in it, and what has a limit has it. */
static void ends(void **unused)
{
    (void)unused;
    static const int functions[] = { RECUR_ACTIVATION_SILU, RECUR_ACTIVATION_ELU,
                                     RECUR_ACTIVATION_GELU, RECUR_ACTIVATION_POSITIVE };
    static const float x[6] = { INFINITY, -INFINITY, NAN, 0, -3e38f, 3e38f };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_packed *packed = layout(ctx, 1, NULL, 1);
        for (int i = 0; i < 4; i++) {
            trying("%s function %d", recur_context_isa(ctx), functions[i]);
            recur_layer *layer = activation(ctx, 6, functions[i]);
            run r = { .packed = packed, .x = x, .dy = (const float[]){ 1, 1, 1, 1, 1, 1 } };
            run_both(ctx, layer, &r);
            const float low = functions[i] == RECUR_ACTIVATION_ELU ? -1 : 0;
            const float middle = functions[i] == RECUR_ACTIVATION_POSITIVE ? 0.5f : 0;
            assert_true(r.y[0] == INFINITY && fabsf(r.y[1] - low) < 1e-30f && isnan(r.y[2]));
            assert_true(r.y[3] == middle && fabsf(r.y[4] - low) < 1e-30f && r.y[5] == x[5]);
            assert_true(r.dx[0] == 1 && fabsf(r.dx[1]) < 1e-30f && isnan(r.dx[2]));
            assert_true(r.dx[5] == 1 && fabsf(r.dx[4]) < 1e-30f);
            recur_layer_release(layer);
        }
        recur_layer *soft = softmax(ctx, 3), *size = merge(ctx, 2, RECUR_MERGE_MAGNITUDE);
        run r = { .packed = packed, .x = (const float[]){ 3e38f, -3e38f, -INFINITY } };
        run_forward(soft, &r);
        assert_true(r.y[0] == 1 && r.y[1] == 0 && r.y[2] == 0);
        run zero = { .packed = packed, .x = (const float[]){ 0, 0 }, .dy = (const float[]){ 1 } };
        run_both(ctx, size, &zero);
        assert_true(zero.y[0] == 0 && zero.dx[0] == 0 && zero.dx[1] == 0);
        recur_layer_release(soft);
        recur_layer_release(size);
        recur_packed_release(packed);
    }
}

static void description(void **unused)
{
    (void)unused;
    recur_layer *layer = group_norm(NULL, 6, 5, 2, 0);
    recur_layer_info info = info_of(layer, -1);
    assert_string_equal(info.type, "group_norm");
    assert_int_equal(info.kind, RECUR_KIND_NORM);
    assert_int_equal(info.channels * 10 + info.groups, 62);
    assert_true(info.epsilon == (double)1e-5);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    assert_true(recur_layer_params(layer)[5] == 1 && recur_layer_params(layer)[6] == 0);
    recur_layer_release(layer);
    layer = prelu(NULL, 2, 3);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    assert_true(recur_layer_params(layer)[1] == 0.25f);
    assert_int_equal(recur_layer_param_count(layer), 2);
    recur_layer_release(layer);
    layer = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_rms_norm_create(NULL, 4, -1, &layer), "-1");
    FAILS(RECUR_E_SHAPE, recur_group_norm_create(NULL, 6, 1, 4, 0, &layer), "6 4");
    FAILS(RECUR_E_ARGUMENT, recur_group_norm_create(NULL, 6, 0, 3, 0, &layer), "length 0");
    FAILS(RECUR_E_ARGUMENT, recur_affine_create(NULL, INT32_MAX, 2, 0, &layer), "channels");
    FAILS(RECUR_E_ARGUMENT, recur_affine_create(NULL, 1, 2, 2, &layer), "2");
    FAILS(RECUR_E_ARGUMENT, recur_prelu_create(NULL, 0, 2, &layer), "0");
    FAILS(RECUR_E_ARGUMENT, recur_softmax_create(NULL, 0, &layer), "0");
    assert_null(layer);
    const recur_recurrent_options cell = { .size = sizeof cell,
                                           .cell = RECUR_CELL_LSTM,
                                           .input_size = 1,
                                           .hidden_size = 1,
                                           .activation = RECUR_ACTIVATION_SILU };
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &cell, &layer), "activation 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(textbook), TEST(backward_agrees),
                                        TEST(rows_stand_apart), TEST(ends), TEST(description) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
