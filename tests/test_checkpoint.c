/* test_checkpoint.c - recur_tape_checkpoint: a pass that keeps states instead of its history gives
 * the outputs that it would give without, and the gradients of its segments recorded one by one. */
#include "support/networks.h"

enum { B = 5, T = 11, I = 6 };
/* Steps that a segment ends with are the last of some sequences, of none, and of all. */
static const int64_t RAGGED[B] = { 4, 0, 11, 7, 3 };

/* ---- the same as without -------------------------------------------------------------------- */

static void fill_in(const recur_layer *layer, run *r)
{
    const recur_layer_info info = info_of(layer, -1);
    const int64_t N = recur_packed_rows(r->packed);
    const int64_t rows = info.capabilities & RECUR_CAN_REDUCE_TIME ? B : N;
    recur_state *state;
    OK(recur_state_create(layer, B, &state));
    const int64_t S = recur_state_count(state);
    recur_state_release(state);
    if (info.capabilities & RECUR_CAN_TAKE_ROWS)
        r->x = randoms(N * info.input_size, 1);
    else
        r->ids = random_ids(N, info.input_size);
    r->dy = randoms(rows * info.output_size, 1);
    r->seed = 9;
    r->dsn = S ? randoms(S, 1) : NULL;
    /* Counters of a clockwork are whole numbers. */
    if (S) r->s0 = strstr(info.type, "clockwork") ? zeros(S) : randoms(S, 1);
}

/* Outputs have the same bits, gradients other roundings. */
static void compare(recur_context *ctx, const recur_layer *layer, const run *like)
{
    const recur_layer_info info = info_of(layer, -1);
    const int64_t N = recur_packed_rows(like->packed), P = recur_layer_param_count(layer);
    const int64_t rows = info.capabilities & RECUR_CAN_REDUCE_TIME ? B : N;
    run whole = *like;
    recur_state *state;
    OK(recur_state_create(layer, B, &state));
    const int64_t S = recur_state_count(state);
    recur_state_release(state);
    run_both(ctx, layer, &whole);
    for (int64_t k = 2; k <= 12; k += k < 6 ? 1 : 3) {
        run r = *like;
        r.checkpoint = k;
        run_both(ctx, layer, &r);
        check_same("y", rows * info.output_size, r.y, whole.y);
        if (like->dsn) check_same("final state", S, r.sn, whole.sn);
        if (like->dsn) check_near("d(first state)", S, r.ds0, whole.ds0, GRADIENTS);
        if (like->x) check_near("dx", N * info.input_size, r.dx, whole.dx, GRADIENTS);
        check_near("dparams", P, r.dparams, whole.dparams, GRADIENTS);
    }
}

static void check_layer(recur_context *ctx, const char *what, recur_layer *layer)
{
    for (int ragged = 0; ragged < 2; ragged++) {
        recur_packed *packed = layout(ctx, B, ragged ? RAGGED : NULL, ragged ? 0 : T);
        run r = { .packed = packed };
        trying("%s, %s, %s", recur_context_isa(ctx), what, ragged ? "ragged" : "dense");
        fill_in(layer, &r);
        compare(ctx, layer, &r);
        r.s0 = r.dsn = NULL;
        compare(ctx, layer, &r);
        recur_packed_release(packed);
    }
    recur_layer_release(layer);
    give_back();
}

static void every_kind_of_recurrence_is_the_same(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(2);
        for (int k = 0; k < ROWS; k++) {
            recur_layer *layer = recurrent_of(ctx, &KINDS[k], I, 12, 2, RECUR_DIRECTION_FORWARD,
                                              k % 2 ? RECUR_LAYER_LEARN_INITIAL_STATE : 0);
            randomize(layer, 0.5);
            check_layer(ctx, KINDS[k].name, layer);
        }
    }
}

static recur_layer *reader(recur_context *ctx)
{
    static const char *const names[] = { "conv", "rnn", "drop", "last", "later", "fc" };
    const recur_conv_options conv = { .size = sizeof conv,
                                      .axis = RECUR_CONV_TIME,
                                      .in_channels = I,
                                      .out_channels = 8,
                                      .kernel = 3 };
    const recur_recurrent_options lstm = { .size = sizeof lstm,
                                           .cell = RECUR_CELL_LSTM,
                                           .input_size = 8,
                                           .hidden_size = 9,
                                           .num_layers = 2,
                                           .dropout = 0.3 };
    recur_layer *parts[6];
    OK(recur_conv_create(ctx, &conv, &parts[0]));
    OK(recur_recurrent_create(ctx, &lstm, &parts[1]));
    parts[2] = dropout(ctx, 9, 0.4);
    parts[3] = last(ctx, 9, RECUR_DIRECTION_FORWARD);
    parts[4] = dropout(ctx, 9, 0.4);
    parts[5] = linear(ctx, 9, 3, 0);
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 6, names, parts);
    randomize(net, 0.5);
    return net;
}

static recur_layer *marker(recur_context *ctx)
{
    static const char *const names[] = { "embedding", "rnn", "norm", "drop", "fc" };
    recur_layer *parts[5];
    parts[0] = embedding(ctx, 4, I);
    parts[1] = recurrent(ctx, RECUR_CELL_GRU, I, 9, 1, RECUR_DIRECTION_FORWARD, 0);
    parts[2] = norm(ctx, 9, 0, 0);
    parts[3] = dropout(ctx, 9, 0.4);
    parts[4] = linear(ctx, 9, 3, 0);
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 5, names, parts);
    randomize(net, 0.5);
    return net;
}

static void networks_are_the_same(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(3);
        check_layer(ctx, "a classifier", reader(ctx));
        check_layer(ctx, "a tagger of ids", marker(ctx));
    }
}

/* ---- the same as segments one by one -------------------------------------------------------- */

static void gradients_are_those_of_recorded_segments(void **unused)
{
    (void)unused;
    enum { H = 12, STEPS = 4 }; /* 11 steps: 4, 4 and 3 */
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++) {
            dice((uint64_t)k + 1);
            recur_layer *layer = recurrent_of(ctx, &KINDS[k], I, H, 1, RECUR_DIRECTION_FORWARD, 0);
            const int64_t P = recur_layer_param_count(layer);
            trying("%s, %s", recur_context_isa(ctx), KINDS[k].name);
            randomize(layer, 0.5);
            recur_packed *whole = layout(ctx, B, NULL, T), *part[3];
            run r = { .packed = whole, .checkpoint = STEPS };
            fill_in(layer, &r);
            run_both(ctx, layer, &r);
            recur_state *state, *dstate;
            recur_tape *tape;
            float *y = floats(T * B * H), *dx = floats(T * B * I), *dparams = zeros(P);
            OK(recur_state_create(layer, B, &state));
            OK(recur_state_create(layer, B, &dstate));
            OK(recur_state_write(state, 0, recur_state_count(state), r.s0));
            OK(recur_state_write(dstate, 0, recur_state_count(dstate), r.dsn));
            OK(recur_tape_create(ctx, &tape));
            for (int64_t i = 0; i < 3; i++) {
                part[i] = layout(ctx, B, NULL, i < 2 ? STEPS : T - 2 * STEPS);
                const int64_t at = i * STEPS * B;
                OK(recur_layer_forward(layer, part[i], r.x + at * I, state, y + at * H, tape));
            }
            for (int64_t i = 2; i >= 0; i--) {
                const int64_t at = i * STEPS * B;
                OK(recur_layer_backward(layer, part[i], r.x + at * I, r.dy + at * H, dstate,
                                        dx + at * I, dparams, tape));
                recur_packed_release(part[i]);
            }
            check_same("y", T * B * H, r.y, y);
            check_same("dx", T * B * I, r.dx, dx);
            check_same("dparams", P, r.dparams, dparams);
            float *ds0 = floats(recur_state_count(dstate));
            OK(recur_state_read(dstate, 0, recur_state_count(dstate), ds0));
            check_same("d(first state)", recur_state_count(dstate), r.ds0, ds0);
            recur_tape_release(tape);
            recur_state_release(state);
            recur_state_release(dstate);
            recur_packed_release(whole);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_is_what_was_said(void **unused)
{
    (void)unused;
    enum { LONG = 400, STEPS = 20 };
    counter c = { .until_failure = -1 };
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_layer *net = reader(ctx);
    recur_packed *packed = layout(ctx, B, NULL, LONG);
    recur_memory whole = { .size = sizeof whole };
    recur_memory m = { .size = sizeof m, .checkpoint = STEPS };
    OK(recur_layer_memory(net, packed, 0, &whole));
    OK(recur_layer_memory(net, packed, 0, &m));
    assert_int_equal(m.checkpoint, STEPS);
    assert_true(m.record < whole.record / 10);
    assert_true(m.record + m.training < (whole.record + whole.training) / 5);
    const size_t before = c.bytes;
    recur_tape *tape;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_checkpoint(tape, STEPS));
    OK(recur_tape_reserve(tape, net, packed, 1));
    const int64_t scratch = m.training > m.inference ? m.training : m.inference;
    assert_int_equal(c.bytes, before + (size_t)(m.tape + m.record + scratch));
    const int64_t P = recur_layer_param_count(net), allocations = c.allocations;
    const float *x = randoms(LONG * B * I, 1), *dy = randoms(B * 3, 1);
    float *y = floats(B * 3), *dparams = zeros(P);
    for (int i = 0; i < 2; i++) {
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, dparams, tape));
    }
    assert_int_equal(c.allocations, allocations);
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(net);
    close_context(ctx);
}

/* ---- mistakes ------------------------------------------------------------------------------- */

static void look(const recur_trace *trace, void *user)
{
    (void)trace;
    (void)user;
}

static void mistakes_have_sentences(void **unused)
{
    (void)unused;
    recur_layer *both = recurrent(NULL, RECUR_CELL_GRU, I, 4, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, I, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_packed *packed = layout(NULL, B, NULL, T);
    const float *x = randoms(T * B * I, 1);
    float *y = floats(T * B * 8), *dparams = zeros(recur_layer_param_count(layer));
    recur_tape *tape;
    OK(recur_tape_create(NULL, &tape));
    FAILS(RECUR_E_ARGUMENT, recur_tape_checkpoint(NULL, 4), "tape");
    FAILS(RECUR_E_ARGUMENT, recur_tape_checkpoint(tape, 1), "1 2");
    FAILS(RECUR_E_ARGUMENT, recur_tape_checkpoint(tape, -1), "-1");
    OK(recur_tape_checkpoint(tape, 4));
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(both, packed, x, NULL, y, tape),
          "gru later recur_tape_checkpoint");
    FAILS(RECUR_E_UNSUPPORTED, recur_tape_reserve(tape, both, packed, 1), "gru later");
    OK(recur_layer_forward(layer, packed, x, NULL, y, tape));
    FAILS(RECUR_E_ORDER, recur_tape_checkpoint(tape, 0), "1 records");
    OK(recur_layer_backward(layer, packed, x, y, NULL, NULL, dparams, tape));
    OK(recur_tape_trace(tape, look, NULL));
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(layer, packed, x, NULL, y, tape), "trace");
    OK(recur_tape_trace(tape, NULL, NULL));
    OK(recur_tape_checkpoint(tape, 0));
    OK(recur_layer_forward(both, packed, x, NULL, y, tape));
    recur_memory m = { .size = sizeof m, .checkpoint = 1 };
    FAILS(RECUR_E_ARGUMENT, recur_layer_memory(layer, packed, 0, &m), "1 checkpoint");
    m.checkpoint = 4;
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_memory(both, packed, 0, &m), "gru later");
    m.size = offsetof(recur_memory, checkpoint); /* of an older program */
    OK(recur_layer_memory(both, packed, 0, &m));
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(both);
    recur_layer_release(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_recurrence_is_the_same),
        TEST(networks_are_the_same),
        TEST(gradients_are_those_of_recorded_segments),
        TEST(memory_is_what_was_said),
        TEST(mistakes_have_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
