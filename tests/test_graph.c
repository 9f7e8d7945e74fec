/* test_graph.c - layers whose parts take each other's output: what they compute, that chains and
 * residuals are graphs, streams, and what is refused. */
#include "support/networks.h"

enum { B = 4, N = 8 };
static const int64_t LENGTHS[B] = { 3, 0, 1, 4 };

static recur_graph_part part(const char *name, recur_layer *layer, int64_t count,
                             const recur_source *sources)
{
    return (recur_graph_part){
        .name = name, .layer = layer, .sources = sources, .source_count = count
    };
}

/* What one layer gives; made in floats() or in run_forward. */
static float *outputs(const recur_layer *whole, const char *name, const recur_packed *packed,
                      const float *x)
{
    recur_layer *child = NULL;
    run r = { .packed = packed, .x = x };
    OK(recur_layer_child(whole, name, &child, NULL));
    run_forward(child, &r);
    recur_layer_release(child);
    return r.y;
}

/* [R][features] from features [begin, begin + count) of one array behind those of another. */
static float *beside(int64_t R, const float *a, int64_t a_width, int64_t begin, int64_t count,
                     const float *b, int64_t b_width)
{
    float *both = floats(R * (count + b_width));
    for (int64_t r = 0; r < R; r++) {
        for (int64_t j = 0; j < count; j++)
            both[r * (count + b_width) + j] = a[r * a_width + begin + j];
        for (int64_t j = 0; j < b_width; j++)
            both[r * (count + b_width) + count + j] = b[r * b_width + j];
    }
    return both;
}

/* skips(), part by part: every number of y is the same. */
static void parts_by_hand(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(1);
        recur_layer *net = skips(ctx);
        randomize(net, 1);
        recur_packed *packed = layout(ctx, B, LENGTHS, 0);
        run r = { .packed = packed, .x = randoms(N * 6, 1) };
        run_forward(net, &r);
        const float *dense = outputs(net, "dense", packed, beside(N, r.x, 6, 2, 3, NULL, 0)),
                    *rnn = outputs(net, "rnn", packed, beside(N, dense, 2, 0, 2, r.x, 6)),
                    *some = beside(N, r.x, 6, 1, 2, rnn, 5),
                    *fc = outputs(net, "fc", packed, beside(N, dense, 2, 0, 2, some, 7)),
                    *mask = outputs(net, "mask", packed, fc),
                    *last = beside(N, rnn, 5, 1, 4, NULL, 0),
                    *y = outputs(net, "out", packed, beside(N, mask, 4, 0, 4, last, 4));
        check_same("y", N * 4, r.y, y);
        recur_packed_release(packed);
        recur_layer_release(net);
    }
}

/* Two layers of equal parameters: all that a pass gives is the same, bit for bit. */
static void check_equal(recur_context *ctx, recur_layer *a, recur_layer *b, int mode)
{
    const recur_layer_info info = info_of(a, -1);
    const int64_t P = recur_layer_param_count(a);
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    recur_state *state = NULL;
    OK(recur_state_create(a, B, &state));
    const int64_t S = recur_state_count(state), Y = recur_layer_rows(a, packed) * info.output_size;
    assert_int_equal(recur_layer_param_count(b), P);
    randomize(a, 0.8);
    memcpy(recur_layer_params(b), recur_layer_params(a), (size_t)P * sizeof(float));
    run r = { .packed = packed,
              .x = randoms(N * info.input_size, 1),
              .dy = randoms(Y, 1),
              .s0 = randoms(S, 1),
              .dsn = randoms(S, 1),
              .mode = mode,
              .seed = 5 },
        q = r;
    run_both(ctx, a, &r);
    run_both(ctx, b, &q);
    check_same("y", Y, q.y, r.y);
    check_same("dx", N * info.input_size, q.dx, r.dx);
    check_same("dparams", P, q.dparams, r.dparams);
    check_same("sn", S, q.sn, r.sn);
    check_same("ds0", S, q.ds0, r.ds0);
    recur_state_release(state);
    recur_packed_release(packed);
    recur_layer_release(a);
    recur_layer_release(b);
}

/* The parts of a chain: linear → GRU → dropout → tanh → last → linear */
enum { LINKS = 6 };
static void make_parts(recur_context *ctx, recur_layer **parts)
{
    parts[0] = linear(ctx, 5, 3, 0);
    parts[1] = recurrent(ctx, RECUR_CELL_GRU, 3, 4, 2, BOTH, 0);
    parts[2] = dropout(ctx, 8, 0.3);
    parts[3] = activation(ctx, 8, RECUR_ACTIVATION_TANH);
    parts[4] = last(ctx, 8, BOTH);
    parts[5] = linear(ctx, 8, 2, 0);
}
static const char *const NAMES[LINKS] = { "in", "rnn", "drop", "tanh", "last", "fc" };

static void a_chain_is_a_graph(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int mode = RECUR_TAPE_TRAIN; mode <= RECUR_TAPE_RECORD_NO_DROPOUT; mode += 2) {
            dice(2);
            recur_layer *parts[LINKS];
            recur_graph_part spelled[LINKS];
            make_parts(ctx, parts);
            recur_layer *a = chain(ctx, SEQUENTIAL, LINKS, NAMES, parts);
            make_parts(ctx, parts);
            recur_source before[LINKS];
            for (int i = 0; i < LINKS; i++) {
                before[i] = (recur_source){ .part = i ? NAMES[i - 1] : NULL };
                spelled[i] = part(NAMES[i], parts[i], i % 2, i % 2 ? &before[i] : NULL);
            }
            check_equal(ctx, a, graph(ctx, 5, LINKS, spelled), mode);
        }
}

/* y = x + chain(x), as a residual, and as a graph with a sum. */
static void a_residual_is_a_graph(void **unused)
{
    (void)unused;
    static const recur_source both[] = { { .part = "rnn" }, { .part = NULL } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(3);
        recur_layer *a = pair(ctx, RECUR_COMPOSE_RESIDUAL, "fc", linear(ctx, 5, 4, 0), "rnn",
                              recurrent(ctx, RECUR_CELL_LSTM, 4, 5, 1, 0, 0));
        const recur_graph_part parts[] = {
            part("fc", linear(ctx, 5, 4, 0), 0, NULL),
            part("rnn", recurrent(ctx, RECUR_CELL_LSTM, 4, 5, 1, 0, 0), 0, NULL),
            part("sum", merge(ctx, 10, RECUR_MERGE_SUM), 2, both)
        };
        check_equal(ctx, a, graph(ctx, 5, 3, parts), RECUR_TAPE_RECORD_NO_DROPOUT);
    }
}

/* One step after the other, with a snapshot and without, gives the rows of a whole pass; steps by
 * hand give its gradients. */
static void streams_and_steps(void **unused)
{
    (void)unused;
    enum { STEPS = 7, STREAMS = 3 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(4);
        recur_layer *net = skips(ctx), *snapshot = NULL;
        randomize(net, 1);
        OK(recur_layer_snapshot(net, RECUR_PRECISION_FLOAT32, &snapshot));
        recur_packed *packed = layout(ctx, STREAMS, NULL, STEPS);
        recur_state *state = NULL;
        recur_tape *tape = NULL;
        OK(recur_tape_create(ctx, &tape));
        OK(recur_state_create(net, STREAMS, &state));
        const int64_t S = recur_state_count(state), P = recur_layer_param_count(net);
        run r = { .packed = packed,
                  .x = randoms(STEPS * STREAMS * 6, 1),
                  .dy = randoms(STEPS * STREAMS * 4, 1),
                  .s0 = zeros(S),
                  .dsn = zeros(S) };
        run_both(ctx, net, &r);
        float *y = floats(STREAMS * 4), *dx = floats(STEPS * STREAMS * 6), *grads = zeros(P);
        for (int how = 0; how < 3; how++) {
            OK(recur_state_reset(state, -1));
            for (int t = 0; t < STEPS; t++) {
                OK(recur_layer_step(how == 1 ? snapshot : net, r.x + t * STREAMS * 6, state, y,
                                    how == 2 ? tape : NULL));
                check_near("y of a step", STREAMS * 4, y, r.y + t * STREAMS * 4, OUTPUTS);
            }
        }
        OK(recur_state_write(state, 0, S, r.dsn));
        for (int t = STEPS - 1; t >= 0; t--)
            OK(recur_layer_step_backward(net, r.x + t * STREAMS * 6, r.dy + t * STREAMS * 4, state,
                                         dx + t * STREAMS * 6, grads, tape));
        check_near("dx", STEPS * STREAMS * 6, dx, r.dx, GRADIENTS);
        check_near("dparams", P, grads, r.dparams, GRADIENTS);
        recur_tape_release(tape);
        recur_state_release(state);
        recur_packed_release(packed);
        recur_layer_release(snapshot);
        recur_layer_release(net);
        give_back();
    }
}

/* Two embeddings of the same ids, side by side; behind a last step and beside it; parts of graphs
 * in graphs. */
static void ids_and_sequences(void **unused)
{
    (void)unused;
    static const recur_source input[] = { { .part = NULL } },
                              two[] = { { .part = "a" }, { .part = "b" } },
                              ends[] = { { .part = "rnn_last" }, { .part = "last" } },
                              rows[] = { { .part = "side" } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(5);
        const recur_graph_part inner[] = {
            part("a", embedding(ctx, 5, 2), 0, NULL), part("b", linear(ctx, 5, 3, 0), 1, input),
            part("ab", activation(ctx, 5, RECUR_ACTIVATION_IDENTITY), 2, two)
        };
        const recur_graph_part outer[] = {
            part("side", graph(ctx, 5, 3, inner), 0, NULL),
            part("rnn", recurrent(ctx, RECUR_CELL_GRU, 5, 4, 1, 0, 0), 0, NULL),
            part("rnn_last", last(ctx, 4, 0), 0, NULL), part("last", last(ctx, 5, 0), 1, rows),
            part("fc", linear(ctx, 9, 2, 0), 2, ends)
        };
        recur_layer *net = graph(ctx, 5, 5, outer);
        randomize(net, 1);
        assert_int_equal(info_of(net, -1).capabilities,
                         RECUR_CAN_TAKE_IDS | RECUR_CAN_RECORD | RECUR_CAN_REDUCE_TIME);
        recur_packed *packed = layout(ctx, B, LENGTHS, 0);
        run r = { .packed = packed,
                  .ids = random_ids(N, 5),
                  .dy = randoms(B * 2, 1),
                  .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
        run_both(ctx, net, &r);
        const recur_tensor a = tensor_of(net, "side.a.weight"), b = tensor_of(net, "side.b.weight"),
                           bias = tensor_of(net, "side.b.bias");
        const float *p = recur_layer_params(net);
        float *x = floats(N * 5), *ends_by_hand = zeros(B * 9);
        for (int64_t i = 0; i < N; i++)
            for (int64_t j = 0; j < 5; j++)
                x[i * 5 + j] = j < 2
                                   ? p[a.offset + r.ids[i] * 2 + j]
                                   : p[bias.offset + j - 2] + p[b.offset + (j - 2) * 5 + r.ids[i]];
        const float *h = outputs(net, "rnn", packed, x);
        for (int64_t s = 0; s < B; s++) {
            const int64_t row = recur_packed_row(packed, s, LENGTHS[s] - 1);
            for (int64_t j = 0; j < 9 && LENGTHS[s]; j++)
                ends_by_hand[s * 9 + j] = j < 4 ? h[row * 4 + j] : x[row * 5 + j - 4];
        }
        recur_packed *one = layout(ctx, B, NULL, 1);
        check_same("y", B * 2, r.y, outputs(net, "fc", one, ends_by_hand));
        recur_packed_release(one);
        recur_packed_release(packed);
        recur_layer_release(net);
        give_back();
    }
}

/* Steps of ids, in a graph that is no chain: two parts take them. */
static void steps_of_ids(void **unused)
{
    (void)unused;
    static const recur_source input[] = { { .part = NULL } },
                              two[] = { { .part = "a" }, { .part = "b" } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(6);
        const recur_graph_part parts[] = {
            part("a", embedding(ctx, 5, 2), 0, NULL), part("b", linear(ctx, 5, 3, 0), 1, input),
            part("rnn", recurrent(ctx, RECUR_CELL_GRU, 5, 4, 1, 0, 0), 2, two)
        };
        recur_layer *net = graph(ctx, 5, 3, parts);
        randomize(net, 1);
        recur_packed *packed = layout(ctx, 2, NULL, 4);
        run r = { .packed = packed, .ids = random_ids(2 * 4, 5) };
        run_forward(net, &r);
        recur_state *state = NULL;
        float *y = floats(2 * 4);
        OK(recur_state_create(net, 2, &state));
        for (int t = 0; t < 4; t++) {
            OK(recur_layer_step_ids(net, r.ids + 2 * t, state, y, NULL));
            check_near("y of a step", 2 * 4, y, r.y + t * 2 * 4, OUTPUTS);
        }
        recur_state_release(state);
        recur_packed_release(packed);
        recur_layer_release(net);
        give_back();
    }
}

/* Copies and snapshots say what their parts take, by the names of their own parts. */
static void description(void **unused)
{
    (void)unused;
    recur_layer *net = skips(NULL), *copy = NULL, *snapshot = NULL, *child = NULL;
    OK(recur_layer_copy(net, &copy));
    OK(recur_layer_snapshot(copy, RECUR_PRECISION_FLOAT32, &snapshot));
    recur_layer_release(net);
    recur_layer_release(copy);
    assert_string_equal(info_of(snapshot, -1).type, "graph");
    assert_int_equal(info_of(snapshot, -1).variant, RECUR_COMPOSE_GRAPH);
    assert_int_equal(info_of(snapshot, -1).source_count, 0);
    const recur_layer_info fc = info_of(snapshot, 2), mask = info_of(snapshot, 3);
    assert_int_equal(fc.source_count, 3);
    assert_string_equal(fc.sources[0].part, "dense");
    assert_ptr_equal(fc.sources[0].part, info_of(snapshot, 0).name);
    assert_int_equal(fc.sources[0].count, 0);
    assert_null(fc.sources[1].part);
    assert_int_equal(fc.sources[1].begin * 10 + fc.sources[1].count, 12);
    assert_int_equal(mask.source_count, 1);
    assert_string_equal(mask.sources[0].part, "fc");
    OK(recur_layer_child(snapshot, "fc", &child, NULL));
    recur_layer_release(snapshot);
    assert_int_equal(info_of(child, -1).source_count, 0);
    recur_layer_release(child);
}

static void refused(void **unused)
{
    (void)unused;
    recur_layer *fc = linear(NULL, 3, 3, 0), *wide = linear(NULL, 6, 3, 0), *end = last(NULL, 3, 0),
                *group = pair(NULL, GROUP, "a", linear(NULL, 3, 3, 0), "b", linear(NULL, 3, 3, 0)),
                *table = embedding(NULL, 3, 3), *none = NULL,
                *rnn = recurrent(NULL, RECUR_CELL_GRU, 3, 3, 1, 0, 0);
    static const recur_source from_a[] = { { .part = "a" }, { .part = "a" } },
                              later[] = { { .part = "b" } },
                              beyond[] = { { .part = NULL, .begin = 1, .count = 3 } },
                              below[] = { { .part = NULL, .begin = -1, .count = 2 } },
                              mixed[] = { { .part = "last" }, { .part = "a" } },
                              input[] = { { .part = NULL } };
#define BAD(code, words, ...)                                                        \
    do {                                                                             \
        const recur_graph_part parts[] = { __VA_ARGS__ };                            \
        FAILS(code, recur_graph_create(NULL, 3, COUNT(parts), parts, &none), words); \
        assert_null(none);                                                           \
    } while (0)
    BAD(RECUR_E_ARGUMENT, "a b 0", part("a", fc, 1, later), part("b", fc, 0, NULL));
    BAD(RECUR_E_ARGUMENT, "a 3 1", part("a", fc, 1, beyond));
    BAD(RECUR_E_ARGUMENT, "a -1", part("a", fc, 1, below));
    BAD(RECUR_E_ARGUMENT, "a", part("a", fc, 0, NULL), part("b", fc, 1, input));
    BAD(RECUR_E_ARGUMENT, "0 1 NULL", part("a", fc, 1, NULL));
    BAD(RECUR_E_ARGUMENT, "0 -1", part("a", fc, -1, input));
    BAD(RECUR_E_ARGUMENT, "a.b", part("a.b", fc, 0, NULL));
    BAD(RECUR_E_SHAPE, "a 3 6", part("a", wide, 0, NULL));
    BAD(RECUR_E_SHAPE, "2 b 6 3", part("a", fc, 0, NULL), part("b", fc, 2, from_a));
    BAD(RECUR_E_SHAPE, "wide last a", part("a", fc, 0, NULL), part("last", end, 0, NULL),
        part("wide", wide, 2, mixed));
    BAD(RECUR_E_SHAPE, "rnn", part("last", end, 0, NULL), part("rnn", rnn, 0, NULL));
    BAD(RECUR_E_UNSUPPORTED, "a", part("a", group, 0, NULL));
    BAD(RECUR_E_UNSUPPORTED, "b", part("a", fc, 0, NULL), part("b", table, 0, NULL));
    BAD(RECUR_E_UNSUPPORTED, "ids", part("a", table, 0, NULL), part("b", rnn, 0, NULL),
        part("c", end, 1, input), part("d", end, 1, (&(recur_source){ .part = "b" })),
        part("e", wide, 2, ((const recur_source[]){ { .part = "c" }, { .part = "d" } })));
#undef BAD
    const recur_graph_part one = part("a", fc, 0, NULL);
    FAILS(RECUR_E_ARGUMENT, recur_graph_create(NULL, 0, 1, &one, &none), "0");
    FAILS(RECUR_E_ARGUMENT, recur_graph_create(NULL, 3, 0, &one, &none), "0");
    FAILS(RECUR_E_ARGUMENT, recur_graph_create(NULL, 3, 1, NULL, &none), "NULL");
    FAILS(RECUR_E_ARGUMENT,
          recur_compose_create(NULL, RECUR_COMPOSE_GRAPH, 1, (const char *const[]){ "a" }, &fc,
                               &none),
          "recur_graph_create");
    recur_layer_release(fc);
    recur_layer_release(wide);
    recur_layer_release(end);
    recur_layer_release(group);
    recur_layer_release(table);
    recur_layer_release(rnn);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(parts_by_hand),         TEST(a_chain_is_a_graph),
                                        TEST(a_residual_is_a_graph), TEST(streams_and_steps),
                                        TEST(ids_and_sequences),     TEST(steps_of_ids),
                                        TEST(description),           TEST(refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
