/* test_conv.c - convolutions: the textbook's numbers, streams that equal the whole bit for bit, and
 * sequences that do not see each other. */
#include "support/networks.h"

enum { B = 5, T = 9 };
static const int64_t LENGTHS[B] = { 4, 0, 9, 1, 7 };

/* ---- the textbook --------------------------------------------------------------------------- */

/* What stands around a number of x: one sequence with its history, or one row. */
typedef struct around {
    const recur_conv_options *options;
    const recur_packed *packed;
    int64_t sequence, length;
    const float *x, *history; /* the first number of a row; [before][in] or NULL */
} around;

static int64_t dilation_of(const recur_conv_options *o) { return o->dilation ? o->dilation : 1; }

static double over_time(const void *user, int64_t channel, int64_t at)
{
    const around *a = user;
    const int64_t in = a->options->in_channels,
                  before = (a->options->kernel - 1) * dilation_of(a->options);
    if (at >= a->length || (at < 0 && !a->history)) return 0;
    if (at < 0) return (double)a->history[(before + at) * in + channel];
    return (double)a->x[recur_packed_row(a->packed, a->sequence, at) * in + channel];
}

static double inside_row(const void *user, int64_t channel, int64_t at)
{
    const around *a = user;
    const bool reflects = a->options->padding == RECUR_PADDING_REFLECT;
    if (reflects && at < 0) at = -at;
    if (reflects && at >= a->length) at = 2 * a->length - 2 - at;
    return at < 0 || at >= a->length ? 0 : (double)a->x[channel * a->length + at];
}

static naive_conv textbook_of_conv(const recur_layer *layer, const recur_conv_options *o)
{
    const double *params = widen(recur_layer_param_count(layer),
                                 recur_layer_params((recur_layer *)(uintptr_t)layer));
    const int64_t groups = o->groups ? o->groups : 1;
    const int64_t weights = o->out_channels * o->in_channels / groups * o->kernel;
    return (naive_conv){ .in = o->in_channels,
                         .out = o->out_channels,
                         .kernel = o->kernel,
                         .dilation = dilation_of(o),
                         .groups = groups,
                         .W = params,
                         .b = o->flags ? NULL : params + weights };
}

static double *naive_time(const recur_layer *layer, const recur_conv_options *o, const run *r)
{
    naive_conv c = textbook_of_conv(layer, o);
    double *y = doubles(recur_packed_rows(r->packed) * o->out_channels);
    const int64_t span = (o->kernel - 1) * c.dilation;
    c.x = over_time;
    for (int64_t b = 0; b < recur_packed_batch(r->packed); b++) {
        around a = { o, r->packed, b, recur_packed_length(r->packed, b), r->x, NULL };
        if (r->s0) a.history = r->s0 + b * span * o->in_channels;
        c.user = &a;
        for (int64_t t = 0; t < a.length; t++)
            for (int64_t n = 0; n < o->out_channels; n++)
                y[recur_packed_row(r->packed, b, t) * o->out_channels + n] = naive_conv_at(
                    &c, n, t - span + o->pad_after);
    }
    return y;
}

static double *naive_row(const recur_layer *layer, const recur_conv_options *o, const run *r)
{
    naive_conv c = textbook_of_conv(layer, o);
    const recur_layer_info info = info_of(layer, -1);
    const int64_t rows = recur_packed_rows(r->packed), L = info.output_size / o->out_channels,
                  stride = o->stride ? o->stride : 1;
    double *y = doubles(rows * info.output_size);
    c.x = inside_row;
    for (int64_t row = 0; row < rows; row++) {
        const around a = {
            o, NULL, 0, o->length ? o->length : 1, r->x + row * info.input_size, NULL
        };
        c.user = &a;
        for (int64_t n = 0; n < o->out_channels; n++)
            for (int64_t l = 0; l < L; l++)
                y[row * info.output_size + n * L + l] = naive_conv_at(&c, n,
                                                                      l * stride - o->pad_before);
    }
    return y;
}

static void textbook(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < CONVS; i++)
            for (int with_state = 0; with_state < 2; with_state++) {
                trying("%s convolution %d, with a state: %d", recur_context_isa(ctx), i,
                       with_state);
                dice((uint64_t)i + 1);
                recur_layer *layer = conv(ctx, &CONV[i]);
                randomize(layer, 1);
                recur_packed *packed = layout(ctx, B, LENGTHS, 0);
                const recur_layer_info info = info_of(layer, -1);
                const int64_t N = recur_packed_rows(packed);
                run r = { .packed = packed, .x = randoms(N * info.input_size, 1) };
                const int64_t span = (CONV[i].kernel - 1) * dilation_of(&CONV[i]);
                if (with_state && i < TIMES && CONV[i].pad_after == 0)
                    r.s0 = randoms(B * span * info.input_size, 1);
                run_forward(layer, &r);
                check_close("y", N * info.output_size, r.y,
                            i < TIMES ? naive_time(layer, &CONV[i], &r)
                                      : naive_row(layer, &CONV[i], &r),
                            OUTPUTS);
                recur_packed_release(packed);
                recur_layer_release(layer);
                give_back();
            }
}

/* ---- backward of every instruction set ------------------------------------------------------ */

/* test_gradients holds the reference against finite differences; here the others against it. */
static void backward_agrees(void **unused)
{
    (void)unused;
    for (int i = 0; i < CONVS; i++) {
        run first = { 0 };
        for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
            trying("%s convolution %d", recur_context_isa(ctx), i);
            dice((uint64_t)i + 1);
            recur_layer *layer = conv(ctx, &CONV[i]);
            randomize(layer, 1);
            recur_packed *packed = layout(ctx, B, LENGTHS, 0);
            const recur_layer_info info = info_of(layer, -1);
            const int64_t N = recur_packed_rows(packed), P = recur_layer_param_count(layer);
            recur_state *state = NULL;
            OK(recur_state_create(layer, B, &state));
            const int64_t S = recur_state_count(state);
            run r = { .packed = packed,
                      .x = randoms(N * info.input_size, 1),
                      .dy = randoms(N * info.output_size, 1),
                      .s0 = randoms(S, 1),
                      .dsn = randoms(S, 1) };
            run_both(ctx, layer, &r);
            if (first.y) {
                check_near("y", N * info.output_size, r.y, first.y, OUTPUTS);
                check_near("dx", N * info.input_size, r.dx, first.dx, GRADIENTS);
                check_near("dparams", P, r.dparams, first.dparams, GRADIENTS);
                check_near("ds0", S, r.ds0, first.ds0, GRADIENTS);
                check_same("sn", S, r.sn, first.sn);
            } else {
                first = r;
            }
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(layer);
        }
        give_back();
    }
}

/* ---- streams -------------------------------------------------------------------------------- */

enum { STREAMS = 3, STEPS = 23 };

/* A time-major stream in blocks of these sizes, again and again; steps of 1 as recur_layer_step. */
static void check_cut(recur_context *ctx, const recur_layer *layer, const run *whole,
                      const int64_t *cut, int64_t cuts)
{
    const recur_layer_info info = info_of(layer, -1);
    recur_state *state = NULL;
    float *y = floats(STEPS * STREAMS * info.output_size), *sn;
    OK(recur_state_create(layer, STREAMS, &state));
    for (int64_t t = 0, i = 0; t < STEPS; i++) {
        const int64_t steps = cut[i % cuts] < STEPS - t ? cut[i % cuts] : STEPS - t;
        const float *x = whole->x + t * STREAMS * info.input_size;
        float *to = y + t * STREAMS * info.output_size;
        t += steps;
        if (steps == 1) {
            OK(recur_layer_step(layer, x, state, to, NULL));
            continue;
        }
        recur_packed *block = layout(ctx, STREAMS, NULL, steps);
        OK(recur_layer_forward(layer, block, x, state, to, NULL));
        recur_packed_release(block);
    }
    check_same("y of a stream", STEPS * STREAMS * info.output_size, y, whole->y);
    sn = floats(recur_state_count(state));
    OK(recur_state_read(state, 0, recur_state_count(state), sn));
    check_same("its state", recur_state_count(state), sn, whole->sn);
    recur_state_release(state);
}

static void any_cut(void **unused)
{
    (void)unused;
    static const int64_t ones[] = { 1 }, twos[] = { 2, 1, 5 }, all[] = { STEPS }, most[] = { 11 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < CONVS; i++) {
            if (CONV[i].axis == RECUR_CONV_TIME && CONV[i].pad_after) continue;
            trying("%s convolution %d", recur_context_isa(ctx), i);
            dice((uint64_t)i + 1);
            recur_layer *layer = conv(ctx, &CONV[i]), *snapshot = NULL;
            randomize(layer, 1);
            OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
            recur_packed *packed = layout(ctx, STREAMS, NULL, STEPS);
            recur_state *state = NULL;
            OK(recur_state_create(layer, STREAMS, &state));
            run whole = { .packed = packed,
                          .x = randoms(STEPS * STREAMS * info_of(layer, -1).input_size, 1),
                          .s0 = zeros(recur_state_count(state)) };
            run_forward(layer, &whole);
            for (int which = 0; which < 2; which++) {
                const recur_layer *runs = which ? snapshot : layer;
                check_cut(ctx, runs, &whole, ones, 1);
                check_cut(ctx, runs, &whole, twos, 3);
                check_cut(ctx, runs, &whole, most, 1);
                check_cut(ctx, runs, &whole, all, 1);
            }
            run fresh = { .packed = packed, .x = whole.x };
            run_forward(layer, &fresh);
            check_same("without a state", STEPS * STREAMS * info_of(layer, -1).output_size, fresh.y,
                       whole.y);
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(snapshot);
            recur_layer_release(layer);
            give_back();
        }
}

/* A sequence of a ragged batch gives what it gives alone, bit for bit: y, its state, dx. */
static void sequences_stand_apart(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < TIMES; i++) {
            trying("%s convolution %d", recur_context_isa(ctx), i);
            dice((uint64_t)i + 1);
            recur_layer *layer = conv(ctx, &CONV[i]);
            randomize(layer, 1);
            recur_packed *packed = layout(ctx, B, LENGTHS, 0);
            const recur_layer_info info = info_of(layer, -1);
            const int64_t I = info.input_size, O = info.output_size;
            recur_state *state = NULL;
            OK(recur_state_create(layer, B, &state));
            const int64_t S = recur_state_count(state) / B;
            run r = { .packed = packed,
                      .x = randoms(recur_packed_rows(packed) * I, 1),
                      .s0 = randoms(S * B, 1) };
            run_forward(layer, &r);
            for (int64_t b = 0; b < B; b++) {
                recur_packed *one = layout(ctx, 1, &LENGTHS[b], T);
                float *x = floats(LENGTHS[b] * I);
                for (int64_t t = 0; t < LENGTHS[b]; t++)
                    memcpy(x + t * I, r.x + recur_packed_row(packed, b, t) * I,
                           (size_t)I * sizeof *x);
                run alone = { .packed = one, .x = x, .s0 = S ? r.s0 + b * S : NULL };
                run_forward(layer, &alone);
                for (int64_t t = 0; t < LENGTHS[b]; t++)
                    check_same("a row", O, alone.y + t * O,
                               r.y + recur_packed_row(packed, b, t) * O);
                if (S) check_same("its state", S, alone.sn, r.sn + b * S);
                recur_packed_release(one);
            }
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
}

/* Recorded steps by hand give the bits of a recorded pass, and its gradients. */
static void steps_by_hand(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int i = 0; i < CONVS; i++) {
            if (CONV[i].axis == RECUR_CONV_TIME && CONV[i].pad_after) continue;
            trying("%s convolution %d", recur_context_isa(ctx), i);
            dice((uint64_t)i + 1);
            recur_layer *layer = conv(ctx, &CONV[i]);
            randomize(layer, 1);
            const recur_layer_info info = info_of(layer, -1);
            const int64_t X = STREAMS * info.input_size, Y = STREAMS * info.output_size,
                          P = recur_layer_param_count(layer);
            recur_packed *packed = layout(ctx, STREAMS, NULL, STEPS);
            recur_state *state = NULL;
            recur_tape *tape = NULL;
            OK(recur_state_create(layer, STREAMS, &state));
            OK(recur_tape_create(ctx, &tape));
            const int64_t S = recur_state_count(state);
            run r = { .packed = packed,
                      .x = randoms(STEPS * X, 1),
                      .dy = randoms(STEPS * Y, 1),
                      .s0 = randoms(S, 1),
                      .dsn = randoms(S, 1) };
            run_both(ctx, layer, &r);
            float *y = floats(STEPS * Y), *dx = floats(STEPS * X), *grads = zeros(P),
                  *ds0 = floats(S);
            OK(recur_state_write(state, 0, S, r.s0));
            for (int t = 0; t < STEPS; t++)
                OK(recur_layer_step(layer, r.x + t * X, state, y + t * Y, tape));
            check_same("y", STEPS * Y, y, r.y);
            OK(recur_state_write(state, 0, S, r.dsn));
            for (int t = STEPS - 1; t >= 0; t--)
                OK(recur_layer_step_backward(layer, r.x + t * X, r.dy + t * Y, state, dx + t * X,
                                             grads, tape));
            OK(recur_state_read(state, 0, S, ds0));
            check_near("dx", STEPS * X, dx, r.dx, GRADIENTS);
            check_near("dparams", P, grads, r.dparams, GRADIENTS);
            check_near("ds0", S, ds0, r.ds0, GRADIENTS);
            recur_tape_release(tape);
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- what it says of itself, and refuses ---------------------------------------------------- */

static void description(void **unused)
{
    (void)unused;
    const recur_conv_options o = {
        .axis = RECUR_CONV_TIME, .in_channels = 4, .out_channels = 6, .kernel = 3, .groups = 2
    };
    recur_layer *layer = conv(NULL, &o);
    const recur_layer_info info = info_of(layer, -1);
    assert_int_equal(info.kind, RECUR_KIND_CONV);
    assert_string_equal(info.type, "conv_time");
    assert_int_equal(info.conv->stride, 1);
    assert_int_equal(info.conv->pad_before, 2);
    assert_int_equal(info.groups, 2);
    assert_int_equal(info.capabilities, RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD);
    const recur_tensor w = tensor_of(layer, "weight"), b = tensor_of(layer, "bias");
    assert_int_equal(w.rank, 3);
    assert_int_equal(w.dim[0] * 100 + w.dim[1] * 10 + w.dim[2], 623);
    assert_int_equal(w.count, 36);
    assert_int_equal(b.offset, 36);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    for (int64_t i = 0; i < 42; i++) /* PyTorch's bound, 1/√(in/groups · kernel) */
        assert_true(fabsf(recur_layer_params(layer)[i]) <= 0.4083f);
    recur_state *state = NULL;
    OK(recur_state_create(layer, 7, &state));
    recur_tensor x = { .size = sizeof x };
    OK(recur_state_tensor_info(state, 0, &x));
    assert_string_equal(x.name, "x");
    assert_int_equal(x.count, 7 * 2 * 4);
    recur_state_release(state);
    recur_layer_release(layer);
}

static void refused(void **unused)
{
    (void)unused;
    recur_conv_options good = { .size = sizeof good,
                                .axis = RECUR_CONV_ROW,
                                .in_channels = 4,
                                .out_channels = 6,
                                .kernel = 3,
                                .length = 5 };
    recur_layer *layer = NULL;
#define BAD(code, words, ...)                                    \
    do {                                                         \
        recur_conv_options o = good;                             \
        __VA_ARGS__;                                             \
        FAILS(code, recur_conv_create(NULL, &o, &layer), words); \
        assert_null(layer);                                      \
    } while (0)
    BAD(RECUR_E_ARGUMENT, "axis 0", o.axis = 0);
    BAD(RECUR_E_ARGUMENT, "axis 3", o.axis = 3);
    BAD(RECUR_E_ARGUMENT, "padding 2", o.padding = 2);
    BAD(RECUR_E_ARGUMENT, "flags", o.flags = RECUR_LAYER_CELL_NAMES);
    BAD(RECUR_E_ARGUMENT, "in_channels 0", o.in_channels = 0);
    BAD(RECUR_E_ARGUMENT, "out_channels -1", o.out_channels = -1);
    BAD(RECUR_E_ARGUMENT, "kernel 0", o.kernel = 0);
    BAD(RECUR_E_ARGUMENT, "stride -1", o.stride = -1);
    BAD(RECUR_E_ARGUMENT, "pad_after", o.pad_after = INT64_MAX);
    BAD(RECUR_E_ARGUMENT, "reach", o.kernel = o.dilation = INT32_MAX);
    BAD(RECUR_E_ARGUMENT, "row y", o.length = INT32_MAX / 4);
    BAD(RECUR_E_SHAPE, "4 6 4", o.groups = 4);
    BAD(RECUR_E_SHAPE, "6 5", o.kernel = 6);
    good.pad_before = 5;
    BAD(RECUR_E_SHAPE, "5 reflected", o.padding = RECUR_PADDING_REFLECT);
    good.pad_before = 0;
    good.axis = RECUR_CONV_TIME;
    BAD(RECUR_E_ARGUMENT, "length 5", (void)o);
    good.length = 0;
    BAD(RECUR_E_ARGUMENT, "stride 2", o.stride = 2);
    BAD(RECUR_E_ARGUMENT, "padding 1", o.padding = RECUR_PADDING_REFLECT);
    BAD(RECUR_E_ARGUMENT, "pad_after 3 2", o.pad_after = 3);
    BAD(RECUR_E_ARGUMENT, "pad_before 1 2", o.pad_before = 1);
    BAD(RECUR_E_ARGUMENT, "state", o.dilation = INT32_MAX / 4);
#undef BAD
    good.pad_after = 1;
    OK(recur_conv_create(NULL, &good, &layer));
    recur_state *state = NULL;
    OK(recur_state_create(layer, 1, &state));
    const float x[4] = { 0 };
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(layer, x, state, NULL, NULL), "conv_time ahead");
    recur_state_release(state);
    recur_layer_release(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(textbook),      TEST(backward_agrees),
                                        TEST(any_cut),       TEST(sequences_stand_apart),
                                        TEST(steps_by_hand), TEST(description),
                                        TEST(refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
