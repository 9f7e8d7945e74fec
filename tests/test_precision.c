/* test_precision.c - snapshots with fewer bits, of every kind, precision and instruction set: they
 * compute what the layer computes whose numbers have few bits anyhow, a step is a pass, a batch its
 * rows, threads change nothing, and how far they are from float32 is bounded. */
#include "support/support.h"

enum { I = 5 };
static const char *const PRECISION[] = { "float32", "bfloat16", "int8" };

static recur_layer *snapshot_of(const recur_layer *layer, int32_t precision)
{
    recur_layer *snapshot;
    OK(recur_layer_snapshot(layer, precision, &snapshot));
    return snapshot;
}

/* ---- numbers of few bits: nothing is rounded --------------------------------------------------
 */

/* Rows of whole numbers up to 127, the first of which is 127: int8 keeps them, and so does bfloat16
 * if they are multiples of 1/4 up to 31. */
static void make_coarse(int32_t precision, int64_t rows, int64_t width, float scale, float *numbers)
{
    const bool small = precision == RECUR_PRECISION_INT8;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < width; k++) {
            const int64_t q = k == 0 ? 127 : below(255) - 127;
            numbers[r * width + k] = (float)(small ? q : q / 8) * scale;
        }
}

static void make_matrices_coarse(int32_t precision, recur_layer *layer)
{
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_layer_tensor_info(layer, i, &t));
        const bool own = strstr(t.name, "recurrent") || strstr(t.name, "norm");
        if (t.rank == 2 && !own)
            make_coarse(precision, t.dim[0], t.dim[1], 0x1p-9f,
                        recur_layer_params(layer) + t.offset);
    }
}

/* One step from a state of few bits. What is multiplied in a second phase, or by a projection, is
 * not of few bits; nor are rows of U whose first number a module does not see. */
static void coarse(const kind_row *kind, recur_context *ctx, int32_t precision, int64_t B,
                   int64_t H)
{
    recur_layer *layer = recurrent_of(ctx, kind, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    randomize(layer, 0.3);
    make_matrices_coarse(precision, layer);
    recur_layer *snapshot = snapshot_of(layer, precision);
    const recur_recurrent_options options = options_of(kind, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    const state_shape s = shape_of(&options, B);
    recur_state *a, *b;
    OK(recur_state_create(layer, B, &a));
    OK(recur_state_create(snapshot, B, &b));
    float *x = floats(B * I), *start = random_state(&options, B, 0.5);
    make_coarse(precision, B, I, 0x1p-6f, x);
    make_coarse(precision, B, s.width, 0x1p-8f, start);
    OK(recur_state_write(a, 0, recur_state_count(a), start));
    OK(recur_state_write(b, 0, recur_state_count(b), start));
    float *want = floats(B * s.width), *got = floats(B * s.width);
    OK(recur_layer_step(layer, x, a, want, NULL));
    OK(recur_layer_step(snapshot, x, b, got, NULL));
    const bool rounds = kind->cell == RECUR_CELL_GRU_RESET_BEFORE || kind->with.projection_size ||
                        kind->cell == RECUR_CELL_CLOCKWORK;
    check_near("y", B * s.width, got, want, (tolerance){ .absolute = rounds ? 2e-2 : 3e-6 });
    recur_state_release(a);
    recur_state_release(b);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
}

static void numbers_of_few_bits_stay(void **unused)
{
    (void)unused;
    static const int64_t units[] = { 4, 6, 16, 30 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int32_t precision = 1; precision < COUNT(PRECISION); precision++)
            for (int k = 0; k < COUNT(KINDS); k++)
                for (int h = 0; h < COUNT(units); h++) {
                    dice((uint64_t)(k + h));
                    trying("%s, %s, H %d", PRECISION[precision], KINDS[k].name, (int)units[h]);
                    coarse(&KINDS[k], ctx, precision, 3, units[h]);
                    give_back();
                }
}

/* ---- a step is a pass, a batch its rows -------------------------------------------------------
 */

typedef struct trial {
    recur_layer *snapshot;
    int64_t B, T, O;
    const float *x;     /* [T][B][I], or */
    const int32_t *ids; /* [T][B] */
} trial;

static float *pass(const trial *t, recur_context *ctx, recur_state *state)
{
    float *y = floats(t->T * t->B * t->O);
    recur_packed *packed = layout(ctx, t->B, NULL, t->T);
    if (t->ids)
        OK(recur_layer_forward_ids(t->snapshot, packed, t->ids, state, y, NULL));
    else
        OK(recur_layer_forward(t->snapshot, packed, t->x, state, y, NULL));
    recur_packed_release(packed);
    return y;
}

static float *steps(const trial *t, recur_state *state)
{
    float *y = floats(t->T * t->B * t->O);
    for (int64_t i = 0; i < t->T; i++) {
        float *to = y + i * t->B * t->O;
        if (t->ids)
            OK(recur_layer_step_ids(t->snapshot, t->ids + i * t->B, state, to, NULL));
        else
            OK(recur_layer_step(t->snapshot, t->x + i * t->B * I, state, to, NULL));
    }
    return y;
}

/* The first sequence alone. */
static float *alone(const trial *t, recur_context *ctx)
{
    trial one = *t;
    one.B = 1;
    float *x = floats(t->T * I);
    int32_t *ids = bytes_of(t->T, sizeof *ids);
    for (int64_t i = 0; i < t->T; i++) {
        if (t->ids) ids[i] = t->ids[i * t->B];
        if (t->x) memcpy(x + i * I, t->x + i * t->B * I, I * sizeof *x);
    }
    one.x = t->x ? x : NULL;
    one.ids = t->ids ? ids : NULL;
    return pass(&one, ctx, NULL);
}

static void check_steps(const trial *t, const recur_layer *layer, recur_context *ctx)
{
    recur_state *state[2];
    OK(recur_state_create(t->snapshot, t->B, &state[0]));
    OK(recur_state_create(layer, t->B, &state[1])); /* that of the original fits */
    const int64_t floats_of_state = recur_state_count(state[0]);
    const float *passed = pass(t, ctx, state[0]), *stepped = steps(t, state[1]);
    check_same("y of steps and of a pass", t->T * t->B * t->O, stepped, passed);
    float *values[2] = { floats(floats_of_state), floats(floats_of_state) };
    for (int i = 0; i < 2; i++) OK(recur_state_read(state[i], 0, floats_of_state, values[i]));
    check_same("the state", floats_of_state, values[1], values[0]);
    const float *one = alone(t, ctx);
    for (int64_t i = 0; i < t->T; i++)
        check_same("y alone", t->O, one + i * t->O, passed + i * t->B * t->O);
    for (int i = 0; i < 2; i++) recur_state_release(state[i]);
}

/* With a linear layer behind it. */
static recur_layer *network(recur_context *ctx, const kind_row *kind, int64_t H)
{
    static const char *const names[] = { "rnn", "head" };
    recur_layer *part[2];
    part[0] = recurrent_of(ctx, kind, I, H, 2, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_linear_create(ctx, info_of(part[0], -1).output_size, 7, 0, &part[1]));
    recur_layer *made = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    randomize(made, 0.3);
    return made;
}

static void steps_are_passes(void **unused)
{
    (void)unused;
    static const struct {
        int64_t B, H, T;
    } sizes[] = { { 1, 6, 5 }, { 3, 18, 4 }, { 7, 8, 6 }, { 50, 4, 3 } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int32_t precision = 1; precision < COUNT(PRECISION); precision++)
            for (int k = 0; k < COUNT(KINDS); k++)
                for (int i = 0; i < 2 * COUNT(sizes); i++) {
                    const int s = i / 2;
                    trial t = { .B = sizes[s].B, .T = sizes[s].T, .O = 7 };
                    dice((uint64_t)(k + i));
                    trying("%s, %s, B %d, H %d, %s", PRECISION[precision], KINDS[k].name, (int)t.B,
                           (int)sizes[s].H, i % 2 ? "ids" : "rows");
                    recur_layer *layer = network(ctx, &KINDS[k], sizes[s].H);
                    t.snapshot = snapshot_of(layer, precision);
                    t.x = i % 2 ? NULL : randoms(t.T * t.B * I, 1);
                    t.ids = i % 2 ? random_ids(t.T * t.B, I) : NULL;
                    check_steps(&t, layer, ctx);
                    recur_layer_release(t.snapshot);
                    recur_layer_release(layer);
                    give_back();
                }
}

/* ---- how far from float32 ---------------------------------------------------------------------
 */

/* Ragged batches, both directions, two layers, 30 steps. Measured: at most 2.6e-3 and 5.5e-3, of
 * rnn_tanh. */
static double distance(const kind_row *kind, recur_context *ctx, int32_t precision)
{
    enum { B = 6, H = 42, T = 30 };
    static const int64_t lengths[B] = { 30, 3, 17, 30, 1, 8 };
    recur_layer *layer = recurrent_of(ctx, kind, I, H, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    randomize(layer, 0.15);
    recur_layer *snapshot = snapshot_of(layer, precision), *plain = snapshot_of(layer, 0);
    recur_packed *packed = layout(ctx, B, lengths, T);
    const int64_t N = recur_packed_rows(packed), O = info_of(layer, -1).output_size;
    const float *x = randoms(N * I, 1);
    float *y = floats(N * O), *want = floats(N * O);
    OK(recur_layer_forward(plain, packed, x, NULL, want, NULL));
    OK(recur_layer_forward(snapshot, packed, x, NULL, y, NULL));
    double most = 0;
    for (int64_t i = 0; i < N * O; i++) most = fmax(most, fabs((double)y[i] - (double)want[i]));
    recur_packed_release(packed);
    recur_layer_release(plain);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
    return most;
}

static void accuracy(void **unused)
{
    (void)unused;
    static const double bound[] = { 0, 5e-3, 1.1e-2 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int32_t precision = 1; precision < COUNT(PRECISION); precision++) {
            double most = 0;
            for (int k = 0; k < PLAIN; k++) {
                dice((uint64_t)k);
                const double far = distance(&KINDS[k], ctx, precision);
                trying("%s, %s: %g", PRECISION[precision], KINDS[k].name, far);
                assert_true(far > 0 && far < bound[precision]);
                most = fmax(most, far);
                give_back();
            }
        }
}

/* ---- threads, memory, embeddings, errors ------------------------------------------------------
 */

static void threads_change_nothing(void **unused)
{
    (void)unused;
    enum { B = 24, T = 60, H = 96 };
    for (int32_t precision = 1; precision < COUNT(PRECISION); precision++) {
        float *y[2];
        for (int i = 0; i < 2; i++) {
            const recur_context_options options = { .size = sizeof options, .threads = 1 + 2 * i };
            recur_context *ctx;
            OK(recur_context_create(&options, &ctx));
            dice(5);
            recur_layer *layer = network(ctx, &KINDS[2], H);
            trial t = { .B = B, .T = T, .O = 7, .snapshot = snapshot_of(layer, precision) };
            t.x = randoms(T * B * I, 1);
            y[i] = pass(&t, ctx, NULL);
            recur_layer_release(t.snapshot);
            recur_layer_release(layer);
            recur_context_release(ctx);
        }
        check_same("three threads", T * B * 7, y[1], y[0]);
    }
}

/* What recur_layer_memory says is what is taken, and steps take nothing. */
static void memory_is_what_was_said(void **unused)
{
    (void)unused;
    enum { B = 3, T = 4 };
    for (int32_t precision = 0; precision < COUNT(PRECISION); precision++)
        for (int k = 0; k < COUNT(KINDS); k++) {
            counter count;
            recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
            trying("%s, %s", PRECISION[precision], KINDS[k].name);
            recur_layer *layer = network(ctx, &KINDS[k], 12);
            recur_packed *packed = layout(ctx, B, NULL, T);
            const uint32_t flag[] = { 0, RECUR_MEMORY_BFLOAT16, RECUR_MEMORY_INT8 };
            recur_memory said = { .size = sizeof said }, own = { .size = sizeof own };
            OK(recur_layer_memory(layer, packed, flag[precision], &said));
            size_t before = count.bytes;
            recur_layer *snapshot = snapshot_of(layer, precision);
            assert_int_equal(count.bytes - before, said.snapshot);
            OK(recur_layer_memory(snapshot, packed, RECUR_MEMORY_ROWS, &own));
            assert_int_equal(own.layer, said.snapshot);
            const float *x = randoms(T * B * I, 1);
            float *y = floats(T * B * 7);
            before = count.most = count.bytes;
            OK(recur_layer_forward(snapshot, packed, x, NULL, y, NULL));
            assert_int_equal(count.most - before, own.inference);
            recur_state *state;
            OK(recur_state_create(layer, B, &state));
            const int64_t allocations = count.allocations;
            OK(recur_layer_step(snapshot, x, state, y, NULL));
            assert_int_equal(count.allocations, allocations);
            recur_state_release(state);
            recur_layer_release(snapshot);
            recur_packed_release(packed);
            recur_layer_release(layer);
            close_context(ctx);
            give_back();
        }
}

static void embeddings(void **unused)
{
    (void)unused;
    enum { SYMBOLS = 11, WIDTH = 19, N = 6 };
    for (int32_t precision = 1; precision < COUNT(PRECISION); precision++) {
        recur_layer *layer;
        OK(recur_embedding_create(NULL, SYMBOLS, WIDTH, 0, &layer));
        randomize(layer, 1);
        recur_layer *snapshot = snapshot_of(layer, precision);
        const int32_t *ids = random_ids(N, SYMBOLS);
        recur_packed *packed = layout(NULL, N, NULL, 1);
        float *got = floats(N * WIDTH), *want = floats(N * WIDTH);
        OK(recur_layer_forward_ids(layer, packed, ids, NULL, want, NULL));
        OK(recur_layer_forward_ids(snapshot, packed, ids, NULL, got, NULL));
        const bool small = precision == RECUR_PRECISION_INT8;
        check_near(
            "rows", N * WIDTH, got, want,
            (tolerance){ .absolute = small ? 0.5 / 127 : 0, .relative = small ? 1e-6 : 0x1p-8 });
        assert_memory_not_equal(got, want, N * WIDTH * sizeof *got);
        recur_packed_release(packed);
        recur_layer_release(snapshot);
        recur_layer_release(layer);
    }
}

static void what_is_refused(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, I, 4, 1, RECUR_DIRECTION_FORWARD, 0), *out;
    FAILS(RECUR_E_ARGUMENT, recur_layer_snapshot(layer, 3, &out),
          "precision 3 RECUR_PRECISION_BFLOAT16 RECUR_PRECISION_INT8");
    FAILS(RECUR_E_ARGUMENT, recur_layer_snapshot(layer, -1, &out), "precision -1");
    recur_layer *snapshot = snapshot_of(layer, RECUR_PRECISION_BFLOAT16);
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_snapshot(snapshot, RECUR_PRECISION_INT8, &out),
          "snapshot keeps its precision RECUR_PRECISION_INT8");
    recur_layer_release(snapshot);
    recur_layer_release(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_of_few_bits_stay), TEST(steps_are_passes),        TEST(accuracy),
        TEST(threads_change_nothing),   TEST(memory_is_what_was_said), TEST(embeddings),
        TEST(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
