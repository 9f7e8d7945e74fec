/* test_exact.c - RECUR_CONTEXT_EXACT: everything that can be computed has the same bits on every
 * instruction set that agrees, and the bits that are written down here, which other machines and
 * compilers gave. */
#include "support/support.h"

#include "base/base.h"
#include "file/xxh3.h"

/* The hash of all numbers that a test computes. */
typedef recur__xxh3 digest;

/* The bytes of a number, the lowest first. */
static void add_bits(digest *d, uint64_t bits, size_t bytes)
{
    unsigned char byte[8];
    for (size_t i = 0; i < bytes; i++) byte[i] = (unsigned char)(bits >> 8 * i);
    recur__xxh3_add(d, byte, bytes);
}

static void add_floats(digest *d, int64_t count, const float *x)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        add_bits(d, bits, sizeof bits);
    }
}

static void add_double(digest *d, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    add_bits(d, bits, sizeof bits);
}

/* An exact context of this set, or NULL. */
static recur_context *exact_context(int32_t isa)
{
    const recur_context_options options = { .size = sizeof options,
                                            .isa = isa,
                                            .flags = RECUR_CONTEXT_EXACT };
    recur_context *ctx = NULL;
    const recur_status status = recur_context_create(&options, &ctx);
    assert_true(status == RECUR_OK || status == RECUR_E_UNSUPPORTED);
    return ctx;
}

typedef void subject(recur_context *ctx, digest *d);

/* Every set that agrees, and the one that the library chooses, gives these bits. */
static void has_bits(subject *computes, uint64_t want)
{
    static const int32_t sets[] = { RECUR_ISA_AUTO, RECUR_ISA_SSE2, RECUR_ISA_AVX2_EXACT,
                                    RECUR_ISA_VEC4 };
    for (int i = 0; i < COUNT(sets); i++) {
        recur_context *ctx = exact_context(sets[i]);
        if (!ctx) continue;
        digest d;
        recur__xxh3_begin(&d);
        dice(17);
        computes(ctx, &d);
        const uint64_t got = recur__xxh3_end(&d);
        if (got != want)
            fail_msg("%s gives 0x%016llx, not 0x%016llx", recur_context_isa(ctx),
                     (unsigned long long)got, (unsigned long long)want);
        recur_context_release(ctx);
        give_back();
    }
}

/* ---- recurrences ---------------------------------------------------------------------------- */

enum { I = 5, B = 6, N = 17 };
static const int64_t LENGTHS[B] = { 3, 0, 5, 2, 1, 6 };

/* Training forward and backward of a batch, with masks where the kind has some; then the steps of a
 * stream. */
static void one_kind(recur_context *ctx, digest *d, const kind_row *kind, int64_t H)
{
    const recur_recurrent_options options = options_of(kind, I, H, 2, RECUR_DIRECTION_BIDIRECTIONAL,
                                                       0);
    recur_layer *layer = recurrent_of(ctx, kind, I, H, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    const state_shape shape = shape_of(&options, B);
    const int64_t O = 2 * shape.width, P = recur_layer_param_count(layer);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    randomize(layer, 0.5);
    run r = { .packed = packed, .x = randoms(N * I, 1), .dy = randoms(N * O, 1), .seed = 3 };
    r.s0 = random_state(&options, B, 1);
    r.dsn = randoms(shape.floats, 1);
    run_both(ctx, layer, &r);
    add_floats(d, N * O, r.y);
    add_floats(d, shape.floats, r.sn);
    add_floats(d, N * I, r.dx);
    add_floats(d, shape.floats, r.ds0);
    add_floats(d, P, r.dparams);
    recur_packed_release(packed);
    recur_layer_release(layer);
    give_back();
}

/* Kinds that came later have digests of their own: one that is written down never changes. */
static bool came_later(int k) { return KINDS[k].cell >= RECUR_CELL_MINGRU; }

static void kinds_of(recur_context *ctx, digest *d, bool later)
{
    static const int64_t sizes[] = { 3, 4, 8, 9, 17, 40 };
    for (int k = 0; k < ROWS; k++)
        for (int h = 0; h < COUNT(sizes) && came_later(k) == later; h++)
            one_kind(ctx, d, &KINDS[k], sizes[h]);
}

static void kinds(recur_context *ctx, digest *d) { kinds_of(ctx, d, false); }

/* More rows, units and inputs than any block of a product has, with ragged ends. */
static void many(recur_context *ctx, digest *d)
{
    static const int cells[] = { RECUR_CELL_LSTM, RECUR_CELL_GRU, RECUR_CELL_RNN_TANH,
                                 RECUR_CELL_LSTM_NORM };
    enum { BATCH = 23, STEPS = 31, IN = 37, UNITS = 83, ROWS_IN_ALL = BATCH * STEPS };
    for (int i = 0; i < COUNT(cells); i++) {
        recur_layer *layer = recurrent(ctx, cells[i], IN, UNITS, 1, RECUR_DIRECTION_FORWARD, 0);
        recur_packed *packed = layout(ctx, BATCH, NULL, STEPS);
        const int64_t P = recur_layer_param_count(layer);
        randomize(layer, 0.2);
        run r = { .packed = packed,
                  .x = randoms(ROWS_IN_ALL * IN, 1),
                  .dy = randoms(ROWS_IN_ALL * UNITS, 1) };
        run_both(ctx, layer, &r);
        add_floats(d, ROWS_IN_ALL * UNITS, r.y);
        add_floats(d, ROWS_IN_ALL * IN, r.dx);
        add_floats(d, P, r.dparams);
        recur_packed_release(packed);
        recur_layer_release(layer);
        give_back();
    }
}

static void large_products_have_known_bits(void **unused)
{
    (void)unused;
    has_bits(many, 0xd24a7cbe986abc7d);
}

static void every_kind_has_known_bits(void **unused)
{
    (void)unused;
    has_bits(kinds, 0x21191c3656581758);
}

/* Steps of a snapshot, of one row and of several, in every precision. */
static void stream_of(recur_context *ctx, digest *d, const recur_layer *layer, int64_t rows,
                      int64_t O)
{
    recur_state *state;
    OK(recur_state_create(layer, rows, &state));
    float *y = floats(rows * O);
    for (int t = 0; t < 4; t++) {
        OK(recur_layer_step(layer, randoms(rows * I, 1), state, y, NULL));
        add_floats(d, rows * O, y);
    }
    recur_state_release(state);
    (void)ctx;
}

static void streams_of(recur_context *ctx, digest *d, bool later)
{
    static const int64_t sizes[] = { 3, 8, 20 };
    for (int k = 0; k < PLAIN; k++)
        for (int h = 0; h < COUNT(sizes) && came_later(k) == later; h++)
            for (int32_t precision = RECUR_PRECISION_FLOAT32; precision <= RECUR_PRECISION_INT8;
                 precision++) {
                recur_layer *layer = recurrent_of(ctx, &KINDS[k], I, sizes[h], 1,
                                                  RECUR_DIRECTION_FORWARD, 0),
                            *snapshot;
                randomize(layer, 0.5);
                OK(recur_layer_snapshot(layer, precision, &snapshot));
                stream_of(ctx, d, snapshot, 1, sizes[h]);
                stream_of(ctx, d, snapshot, 5, sizes[h]);
                recur_layer_release(snapshot);
                recur_layer_release(layer);
                give_back();
            }
}

static void streams(recur_context *ctx, digest *d) { streams_of(ctx, d, false); }

static void streams_have_known_bits(void **unused)
{
    (void)unused;
    has_bits(streams, 0x7295a422469ee0e2);
}

/* ---- other layers --------------------------------------------------------------------------- */

enum { W = 12 };

static void forward_and_back(recur_context *ctx, digest *d, recur_layer *layer)
{
    const int64_t P = recur_layer_param_count(layer);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    if (P) randomize(layer, 0.5);
    run r = { .packed = packed, .x = randoms(N * W, 3), .dy = randoms(N * W, 1), .seed = 3 };
    run_both(ctx, layer, &r);
    add_floats(d, N * W, r.y);
    add_floats(d, N * W, r.dx);
    add_floats(d, P, r.dparams);
    recur_packed_release(packed);
    recur_layer_release(layer);
    give_back();
}

static void layers(recur_context *ctx, digest *d)
{
    recur_layer *layer;
    for (int32_t a = RECUR_ACTIVATION_TANH; a <= RECUR_ACTIVATION_GELU; a++) {
        OK(recur_activation_create(ctx, W, a, &layer));
        forward_and_back(ctx, d, layer);
    }
    OK(recur_linear_create(ctx, W, W, 0, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_norm_create(ctx, W, 0, 0, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_rms_norm_create(ctx, W, 0, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_group_norm_create(ctx, 4, 3, 2, 0, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_affine_create(ctx, 4, 3, 0, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_prelu_create(ctx, 4, 3, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_softmax_create(ctx, W, &layer));
    forward_and_back(ctx, d, layer);
    OK(recur_dropout_create(ctx, W, 0.3, &layer));
    forward_and_back(ctx, d, layer);
    const recur_conv_options conv = { .size = sizeof conv,
                                      .axis = RECUR_CONV_TIME,
                                      .in_channels = W,
                                      .out_channels = W,
                                      .kernel = 3,
                                      .dilation = 2,
                                      .groups = 2 };
    OK(recur_conv_create(ctx, &conv, &layer));
    forward_and_back(ctx, d, layer);
}

static void other_layers_have_known_bits(void **unused)
{
    (void)unused;
    has_bits(layers, 0x0e7c09459f289790);
}

/* Kinds whose gates see x only, and their candidate in logarithms as a layer. */
static void without_U(recur_context *ctx, digest *d)
{
    recur_layer *layer;
    kinds_of(ctx, d, true);
    streams_of(ctx, d, true);
    OK(recur_activation_create(ctx, W, RECUR_ACTIVATION_POSITIVE, &layer));
    forward_and_back(ctx, d, layer);
}

static void kinds_without_U_have_known_bits(void **unused)
{
    (void)unused;
    has_bits(without_U, 0x727213aae4e4b95c);
}

/* ---- training ------------------------------------------------------------------------------- */

static void losses(recur_context *ctx, digest *d)
{
    static const int32_t kinds[] = { RECUR_LOSS_CROSS_ENTROPY, RECUR_LOSS_NLL,
                                     RECUR_LOSS_MSE,           RECUR_LOSS_L1,
                                     RECUR_LOSS_HUBER,         RECUR_LOSS_BCE_LOGITS };
    for (int i = 0; i < COUNT(kinds); i++) {
        recur_loss_options options;
        recur_loss *loss;
        double value;
        float *dy = floats(N * W), *y = randoms(N * W, 4), *t = randoms(N * W, 1);
        OK(recur_loss_options_init(&options, sizeof options, kinds[i]));
        if (kinds[i] == RECUR_LOSS_CROSS_ENTROPY) options.smoothing = 0.1;
        OK(recur_loss_create(ctx, &options, &loss));
        for (int64_t j = 0; j < N * W; j++) t[j] = 0.5f + 0.5f * t[j];
        if (kinds[i] < RECUR_LOSS_MSE)
            OK(recur_loss_classes(loss, N, W, y, random_ids(N, W), &value, dy));
        else
            OK(recur_loss_values(loss, N, W, y, t, &value, dy));
        add_double(d, value);
        add_floats(d, N * W, dy);
        recur_loss_release(loss);
        give_back();
    }
}

static void losses_have_known_bits(void **unused)
{
    (void)unused;
    has_bits(losses, 0x3441546bd44751b8);
}

/* Twelve steps of a network with an LSTM, dropout, a layer-normalised GRU and a head. */
static void train(recur_context *ctx, digest *d, int32_t optimizer_kind)
{
    static const char *const names[] = { "lstm", "drop", "gru", "norm", "head" };
    enum { H = 20, CLASSES = 7, STEPS = 12 };
    const recur_recurrent_options gru = { .size = sizeof gru,
                                          .cell = RECUR_CELL_GRU_NORM,
                                          .input_size = H,
                                          .hidden_size = H,
                                          .recurrent_dropout = 0.2 };
    recur_layer *parts[5], *net;
    parts[0] = recurrent(ctx, RECUR_CELL_LSTM, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_dropout_create(ctx, H, 0.3, &parts[1]));
    OK(recur_recurrent_create(ctx, &gru, &parts[2]));
    OK(recur_norm_create(ctx, H, 0, 0, &parts[3]));
    OK(recur_linear_create(ctx, H, CLASSES, 0, &parts[4]));
    net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 5, names, parts);
    OK(recur_layer_init(net, NULL, RECUR_INIT_UNIFORM, 0.3, 5));
    const int64_t P = recur_layer_param_count(net);
    recur_optimizer_options options;
    OK(recur_optimizer_options_init(&options, sizeof options, optimizer_kind));
    recur_optimizer *optimizer;
    OK(recur_optimizer_create(ctx, &options, P, &optimizer));
    const recur_loss_options loss_options = { .size = sizeof loss_options,
                                              .kind = RECUR_LOSS_CROSS_ENTROPY };
    recur_loss *loss;
    OK(recur_loss_create(ctx, &loss_options, &loss));
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    recur_tape *tape;
    OK(recur_tape_create(ctx, &tape));
    const float *x = randoms(N * I, 1);
    const int32_t *labels = random_ids(N, CLASSES);
    float *y = floats(N * CLASSES), *dy = floats(N * CLASSES), *grads = floats(P);
    for (uint64_t step = 0; step < STEPS; step++) {
        double value;
        OK(recur_tape_set_seed(tape, step));
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_loss_classes(loss, N, CLASSES, y, labels, &value, dy));
        memset(grads, 0, (size_t)P * sizeof *grads);
        OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape));
        add_double(d, recur_clip_norm(grads, P, 1));
        OK(recur_optimizer_step(optimizer, recur_layer_params(net), grads, P, 1));
        add_double(d, value);
    }
    add_floats(d, P, recur_layer_params(net));
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_loss_release(loss);
    recur_optimizer_release(optimizer);
    recur_layer_release(net);
    give_back();
}

static void trainings(recur_context *ctx, digest *d)
{
    for (int32_t kind = RECUR_OPTIMIZER_SGD; kind <= RECUR_OPTIMIZER_NADAM; kind++)
        train(ctx, d, kind);
}

static void training_has_known_bits(void **unused)
{
    (void)unused;
    has_bits(trainings, 0xbc18b3e03f1cdfb3);
}

/* ---- the option ----------------------------------------------------------------------------- */

static void sets_that_round_otherwise_are_refused(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        const recur_context_options options = { .size = sizeof options,
                                                .isa = recur__context_isa(ctx),
                                                .flags = RECUR_CONTEXT_EXACT };
        recur_context *exact = NULL;
        trying("%s", recur_context_isa(ctx));
        if (recur__isa_is_exact(options.isa))
            OK(recur_context_create(&options, &exact));
        else
            FAILS(RECUR_E_ARGUMENT, recur_context_create(&options, &exact), "EXACT");
        recur_context_release(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_has_known_bits),       TEST(large_products_have_known_bits),
        TEST(streams_have_known_bits),         TEST(other_layers_have_known_bits),
        TEST(kinds_without_U_have_known_bits), TEST(losses_have_known_bits),
        TEST(training_has_known_bits),         TEST(sets_that_round_otherwise_are_refused)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
