/* test_layer_memory.c - recur_layer_memory says, to the byte, what the allocator is asked for. */
#include "support/networks.h"

enum { I = 5, H = 7, ANY = 0, EVERY = RECUR_MEMORY_ROWS | RECUR_MEMORY_IDS };

static counter count;

static recur_memory memory_of(const recur_layer *layer, const recur_packed *packed, uint32_t flags)
{
    recur_memory m = { .size = sizeof m };
    count.until_failure = 0; /* asking allocates nothing */
    OK(recur_layer_memory(layer, packed, flags, &m));
    count.until_failure = -1;
    assert_int_equal(count.refusals, 0);
    assert_int_equal(m.flags, flags);
    assert_int_equal(m.parameters, 4 * recur_layer_param_count(layer));
    return m;
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static void check_bytes(const char *what, size_t before, int64_t want)
{
    if (count.bytes != before + (size_t)want)
        fail_msg("%s: %lld bytes, recur_layer_memory says %lld", what,
                 (long long)(count.bytes - before), (long long)want);
}

/* ---- what is asked about -------------------------------------------------------------------- */

static void look(const recur_trace *trace, void *user) { *(int64_t *)user += trace->rows; }

typedef struct trial {
    recur_context *ctx;
    const recur_layer *layer;
    const recur_packed *packed;
    recur_layer_info info;
    const float *x, *dy;
    const int32_t *ids;
    float *y, *dx, *grads;
} trial;

static trial trial_of(recur_context *ctx, const recur_layer *layer, const recur_packed *packed)
{
    trial t = { .ctx = ctx, .layer = layer, .packed = packed, .info = info_of(layer, -1) };
    const int64_t N = recur_packed_rows(packed);
    t.x = randoms(N * t.info.input_size, 1);
    t.ids = random_ids(N, t.info.input_size);
    t.dy = randoms(N * t.info.output_size, 1);
    t.y = floats(N * t.info.output_size);
    t.dx = floats(N * t.info.input_size);
    t.grads = zeros(recur_layer_param_count(layer));
    return t;
}

static void forward(const trial *t, bool ids, recur_tape *tape)
{
    if (ids)
        OK(recur_layer_forward_ids(t->layer, t->packed, t->ids, NULL, t->y, tape));
    else
        OK(recur_layer_forward(t->layer, t->packed, t->x, NULL, t->y, tape));
}

static void backward(const trial *t, bool ids, recur_tape *tape)
{
    if (ids)
        OK(recur_layer_backward_ids(t->layer, t->packed, t->ids, t->dy, NULL, t->grads, tape));
    else
        OK(recur_layer_backward(t->layer, t->packed, t->x, t->dy, NULL, t->dx, t->grads, tape));
}

static bool takes(const trial *t, bool ids)
{
    return t->info.capabilities & (ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS);
}

/* ---- handles and passes against the query --------------------------------------------------- */

static void handles(const trial *t)
{
    const recur_memory m = memory_of(t->layer, t->packed, ANY);
    const int64_t B = recur_packed_batch(t->packed);
    recur_layer *snapshot = NULL;
    recur_state *state = NULL;
    recur_tape *tape = NULL;
    size_t before = count.bytes;
    OK(recur_layer_snapshot(t->layer, RECUR_PRECISION_FLOAT32, &snapshot));
    check_bytes("a snapshot", before, m.snapshot);
    const recur_memory of_snapshot = memory_of(snapshot, t->packed, ANY);
    assert_int_equal(of_snapshot.layer, m.snapshot);
    assert_int_equal(of_snapshot.snapshot, m.snapshot);
    assert_int_equal(of_snapshot.state, m.state);
    assert_int_equal(of_snapshot.kept + of_snapshot.record + of_snapshot.training, 0);
    recur_layer_release(snapshot);
    before = count.bytes;
    if (B) OK(recur_state_create(t->layer, B, &state));
    check_bytes("a state", before, m.state);
    recur_state_release(state);
    before = count.bytes;
    OK(recur_tape_create(t->ctx, &tape));
    OK(recur_tape_reserve(tape, t->layer, t->packed, 1));
    check_bytes("a tape", before, m.tape + m.record + larger(m.training, m.inference));
    recur_tape_release(tape);
}

static void reserved_for_a_trace(const trial *t)
{
    const recur_memory m = memory_of(t->layer, t->packed, RECUR_MEMORY_TRACE);
    const size_t before = count.bytes;
    int64_t seen = 0;
    recur_tape *tape = NULL;
    OK(recur_tape_create(t->ctx, &tape));
    OK(recur_tape_trace(tape, look, &seen));
    OK(recur_tape_reserve(tape, t->layer, t->packed, 2));
    check_bytes("room for two with a trace", before,
                m.tape + m.kept + 2 * m.record + larger(m.training, m.inference));
    recur_tape_release(tape);
}

/* The tape has three records of any pass and nothing but them, however often they are made. */
static void reserved(const trial *t)
{
    const recur_memory m = memory_of(t->layer, t->packed, ANY);
    const size_t before = count.bytes;
    recur_tape *tape = NULL;
    OK(recur_tape_create(t->ctx, &tape));
    OK(recur_tape_reserve(tape, t->layer, t->packed, 3));
    check_bytes("room for three", before,
                m.tape + m.kept + 3 * m.record + larger(m.training, m.inference));
    assert_int_equal(recur_tape_bytes(tape), count.bytes - before);
    const int64_t allocations = count.allocations;
    for (int ids = 0; ids < 2; ids++)
        for (int mode = RECUR_TAPE_TRAIN; takes(t, ids) && mode <= RECUR_TAPE_RECORD_NO_DROPOUT;
             mode++) {
            OK(recur_tape_set_mode(tape, mode));
            for (int i = 0; i < 3; i++) forward(t, ids, tape);
            for (int i = 0; i < 3 && mode != RECUR_TAPE_EVALUATE; i++) backward(t, ids, tape);
        }
    assert_int_equal(count.allocations, allocations);
    recur_tape_release(tape);
}

/* One pass on a tape of its own takes what the query says of just this pass. */
static void recorded(const trial *t, bool ids, bool dropout, bool trace)
{
    const uint32_t flags = (ids ? RECUR_MEMORY_IDS : RECUR_MEMORY_ROWS) |
                           (dropout ? 0 : RECUR_MEMORY_NO_DROPOUT) |
                           (trace ? RECUR_MEMORY_TRACE : 0);
    const recur_memory m = memory_of(t->layer, t->packed, flags);
    const size_t before = count.bytes;
    int64_t seen = 0;
    recur_tape *tape = NULL;
    OK(recur_tape_create(t->ctx, &tape));
    OK(recur_tape_set_mode(tape, dropout ? RECUR_TAPE_TRAIN : RECUR_TAPE_RECORD_NO_DROPOUT));
    if (trace) OK(recur_tape_trace(tape, look, &seen));
    forward(t, ids, tape);
    backward(t, ids, tape);
    check_bytes("a recorded pass", before, m.tape + larger(m.record, 16 << 10) + m.training);
    assert_int_equal(recur_tape_bytes(tape), count.bytes - before);
    recur_tape_release(tape);
}

static void not_recorded(const trial *t, bool ids)
{
    const recur_memory m = memory_of(t->layer, t->packed,
                                     ids ? RECUR_MEMORY_IDS : RECUR_MEMORY_ROWS);
    count.most = count.bytes;
    forward(t, ids, NULL);
    assert_int_equal(count.most - count.bytes, m.inference);
    recur_tape *tape = NULL;
    OK(recur_tape_create(t->ctx, &tape));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_EVALUATE));
    const size_t before = count.bytes;
    forward(t, ids, tape);
    check_bytes("an evaluation", before, m.inference);
    recur_tape_release(tape);
}

static void check_all(recur_context *ctx, const recur_layer *layer, const recur_packed *packed)
{
    const trial t = trial_of(ctx, layer, packed);
    handles(&t);
    reserved(&t);
    reserved_for_a_trace(&t);
    for (int ids = 0; ids < 2; ids++) {
        if (!takes(&t, ids)) continue;
        not_recorded(&t, ids);
        for (int i = 0; i < 4; i++) recorded(&t, ids, i & 1, i & 2);
    }
    const recur_memory any = memory_of(layer, packed, ANY), every = memory_of(layer, packed, EVERY);
    assert_memory_equal(&any.layer, &every.layer, sizeof any - offsetof(recur_memory, layer));
}

/* The layouts are dense, ragged with an empty sequence, of one step, of one long sequence, and of
 * none. */
enum { LAYOUTS = 5 };
static recur_packed *layout_of(recur_context *ctx, int i)
{
    static const int64_t ragged[] = { 3, 0, 14, 9, 9, 1 };
    static const struct {
        int64_t B, T;
        const int64_t *lengths;
    } all[LAYOUTS] = {
        { 6, 12, NULL }, { 6, 14, ragged }, { 9, 1, NULL }, { 1, 33, NULL }, { 0, 0, NULL }
    };
    return layout(ctx, all[i].B, all[i].lengths, all[i].T);
}

static void check_layouts(recur_context *ctx, const recur_layer *layer, const char *what)
{
    for (int i = 0; i < LAYOUTS; i++) {
        const size_t before = count.bytes;
        recur_packed *packed = layout_of(ctx, i);
        trying("%s, layout %d", what, i);
        check_bytes("a layout", before, memory_of(layer, packed, ANY).layout);
        check_all(ctx, layer, packed);
        recur_packed_release(packed);
    }
}

static void close_counted(recur_context *ctx)
{
    recur_context_release(ctx);
    assert_int_equal(count.blocks, 0);
    assert_int_equal(count.mistakes, 0);
    give_back();
}

/* ---- layers --------------------------------------------------------------------------------- */

static void one_kind(int isa, int k, int direction, int64_t L)
{
    recur_context *ctx = counting_context(&count, isa);
    if (!ctx) return;
    dice((uint64_t)k);
    kind_row kind = KINDS[k];
    kind.with.dropout = 0.25;
    char what[80];
    snprintf(what, sizeof what, "%s, %s (%d), direction %d, L %d", recur_context_isa(ctx),
             kind.name, k, direction, (int)L);
    const size_t before = count.bytes;
    recur_layer *layer = recurrent_of(ctx, &kind, I, H, L, direction,
                                      k % 2 ? RECUR_LAYER_LEARN_INITIAL_STATE : 0);
    recur_packed *packed = layout(ctx, 1, NULL, 1);
    trying("%s", what);
    check_bytes("a layer and a layout", before,
                memory_of(layer, packed, ANY).layer + memory_of(layer, packed, ANY).layout);
    randomize(layer, 0.5);
    check_layouts(ctx, layer, what);
    recur_packed_release(packed);
    recur_layer_release(layer);
    close_counted(ctx);
}

static void every_kind(void **unused)
{
    (void)unused;
    for (int isa = RECUR_ISA_AUTO; isa <= LAST_ISA; isa++)
        for (int k = 0; k < (isa ? PLAIN : ROWS); k++)
            for (int direction = RECUR_DIRECTION_FORWARD;
                 direction <= RECUR_DIRECTION_BIDIRECTIONAL; direction++)
                for (int64_t L = 1; L <= 3; L += 2) one_kind(isa, k, direction, L);
}

static void channels_convolutions_graphs(void **unused)
{
    (void)unused;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    for (int i = 0; i < CONVS + 6; i++) {
        recur_layer *layer = i < CONVS        ? conv(ctx, &CONV[i])
                             : i == CONVS     ? group_norm(ctx, 4, 3, 2, 0)
                             : i == CONVS + 1 ? rms_norm(ctx, 4, 0)
                             : i == CONVS + 2 ? prelu(ctx, 4, 1)
                             : i == CONVS + 3 ? affine(ctx, 4, 1, 0)
                             : i == CONVS + 4 ? softmax(ctx, 4)
                                              : skips(ctx);
        randomize(layer, 0.5);
        check_layouts(ctx, layer, info_of(layer, -1).type);
        recur_layer_release(layer);
    }
    close_counted(ctx);
}

static void every_other_layer(void **unused)
{
    (void)unused;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    recur_layer *layer[7] = { NULL };
    OK(recur_linear_create(ctx, I, H, 0, &layer[0]));
    OK(recur_embedding_create(ctx, I, H, 0, &layer[1]));
    OK(recur_last_create(ctx, 2 * I, RECUR_DIRECTION_BIDIRECTIONAL, &layer[2]));
    OK(recur_dropout_create(ctx, I, 0.5, &layer[3]));
    OK(recur_activation_create(ctx, I, RECUR_ACTIVATION_TANH, &layer[4]));
    OK(recur_norm_create(ctx, I, 0, 0, &layer[5]));
    OK(recur_merge_create(ctx, 2 * I, RECUR_MERGE_MEAN, &layer[6]));
    for (int i = 0; i < COUNT(layer); i++) {
        randomize(layer[i], 0.5);
        check_layouts(ctx, layer[i], info_of(layer[i], -1).type);
        recur_layer_release(layer[i]);
    }
    close_counted(ctx);
}

/* embedding → a residual of norm, two bidirectional layers and their merge → last → linear, in a
 * group with another layer. */
static recur_layer *group_of(recur_context *ctx, const kind_row *kind)
{
    recur_recurrent_options options = options_of(kind, I, H, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    options.dropout = 0.2;
    const int64_t wide = shape_of(&options, 1).width;
    recur_layer *inner[4] = { NULL }, *outer[4] = { NULL }, *whole[2] = { NULL };
    OK(recur_norm_create(ctx, I, 0, 0, &inner[0]));
    OK(recur_recurrent_create(ctx, &options, &inner[1]));
    OK(recur_merge_create(ctx, 2 * wide, RECUR_MERGE_SUM, &inner[2]));
    OK(recur_linear_create(ctx, wide, I, 0, &inner[3]));
    OK(recur_embedding_create(ctx, 9, I, 0, &outer[0]));
    outer[1] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 4,
                     (const char *const[]){ "norm", "rnn", "merge", "back" }, inner);
    OK(recur_last_create(ctx, I, RECUR_DIRECTION_FORWARD, &outer[2]));
    OK(recur_linear_create(ctx, I, 3, 0, &outer[3]));
    whole[0] = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 4,
                     (const char *const[]){ "emb", "way", "last", "fc" }, outer);
    whole[1] = recurrent_of(ctx, kind, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_layer *group = chain(ctx, RECUR_COMPOSE_GROUP, 2, (const char *const[]){ "net", "other" },
                               whole);
    randomize(group, 0.5);
    return group;
}

static void chains_and_parts(void **unused)
{
    (void)unused;
    static const char *const PARTS[] = { "net", "net.way", "net.way.rnn", "net.fc", "other" };
    for (int k = 0; k < ROWS; k++) {
        recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
        dice((uint64_t)k);
        recur_layer *group = group_of(ctx, &KINDS[k]);
        for (int i = 0; i < COUNT(PARTS); i++) {
            recur_layer *part = NULL;
            OK(recur_layer_child(group, PARTS[i], &part, NULL));
            check_layouts(ctx, part, PARTS[i]);
            recur_layer_release(part);
        }
        recur_packed *packed = layout(ctx, 3, NULL, 4);
        const recur_memory m = memory_of(group, packed, ANY);
        recur_state *state = NULL;
        const size_t before = count.bytes;
        OK(recur_state_create(group, 3, &state));
        check_bytes("a state of a group", before, m.state);
        assert_true(m.snapshot > m.parameters && m.layer > m.parameters);
        assert_int_equal(m.kept + m.record + m.training + m.inference, 0);
        recur_state_release(state);
        recur_packed_release(packed);
        recur_layer_release(group);
        close_counted(ctx);
    }
}

/* The query is right for a loop written by hand, and for layouts that have grown. */
static void loops_and_growth(void **unused)
{
    (void)unused;
    enum { B = 4, T = 6 };
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    recur_layer *layer = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    size_t before = count.bytes;
    recur_packed *one = layout(ctx, B, NULL, 1);
    const recur_memory m = memory_of(layer, one, ANY);
    assert_true(m.kept > 0);
    OK(recur_packed_reset(one, 3 * B, NULL, T));
    check_bytes("a layout that has grown", before, memory_of(layer, one, ANY).layout);
    OK(recur_packed_reset(one, B, NULL, 1));
    check_bytes("it keeps its memory", before, memory_of(layer, one, ANY).layout);
    recur_tape *tape = NULL;
    recur_cell *cell = NULL;
    recur_state *state = NULL;
    OK(recur_cell_from_layer(layer, &cell));
    OK(recur_state_create(layer, B, &state));
    before = count.bytes;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_reserve(tape, layer, one, T));
    check_bytes("a loop", before, m.tape + m.kept + T * m.record + larger(m.training, m.inference));
    const float *x = randoms(B * I, 1), *dy = randoms(B * H, 1);
    float *grads = zeros(recur_layer_param_count(layer));
    for (int t = 0; t < T; t++) OK(recur_cell_step(cell, x, state, NULL, tape));
    for (int t = 0; t < T; t++) OK(recur_cell_step_backward(cell, x, dy, state, NULL, grads, tape));
    assert_int_equal(recur_tape_bytes(tape), count.bytes - before);
    check_bytes("a loop that has run", before,
                m.tape + m.kept + T * m.record + larger(m.training, m.inference));
    recur_tape_release(tape);
    recur_state_release(state);
    recur_cell_release(cell);
    recur_packed_release(one);
    recur_layer_release(layer);
    close_counted(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_kind), TEST(every_other_layer),
                                        TEST(channels_convolutions_graphs), TEST(chains_and_parts),
                                        TEST(loops_and_growth) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
