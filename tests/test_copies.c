/* test_copies.c - further handles on layers and contexts, copies to train on, and sequences chosen
 * out of a state. */
#include "support/support.h"

enum { I = 3, H = 5, B = 4, T = 6 };

static recur_layer *network(recur_context *ctx)
{
    const char *const names[] = { "rnn", "fc" };
    recur_layer *parts[2], *net;
    parts[0] = recurrent(ctx, RECUR_CELL_LSTM, I, H, 2, RECUR_DIRECTION_FORWARD,
                         RECUR_LAYER_LEARN_INITIAL_STATE);
    OK(recur_linear_create(ctx, H, 2, 0, &parts[1]));
    OK(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, parts, &net));
    randomize(net, 0.5);
    recur_layer_release(parts[0]);
    recur_layer_release(parts[1]);
    return net;
}

/* A copy has the values, and from then on its own. */
static void a_copy_is_apart(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *net = network(ctx), *copy, *part, *alone, *snapshot;
        const int64_t P = recur_layer_param_count(net);
        OK(recur_layer_copy(net, &copy));
        assert_int_equal(recur_layer_param_count(copy), P);
        check_same("values", P, recur_layer_params(copy), recur_layer_params(net));
        recur_layer_params(copy)[0] += 1;
        assert_true(recur_layer_params(copy)[0] != recur_layer_params(net)[0]);
        OK(recur_layer_child(net, "rnn", &part, NULL));
        OK(recur_layer_copy(part, &alone));
        recur_tensor t = { .size = sizeof t };
        OK(recur_layer_tensor_info(alone, 0, &t));
        assert_string_equal(t.name, "weight_ih_l0");
        OK(recur_layer_snapshot(net, RECUR_PRECISION_FLOAT32, &snapshot));
        recur_layer *none = net;
        FAILS(RECUR_E_UNSUPPORTED, recur_layer_copy(snapshot, &none), "recur_layer_copy snapshot");
        assert_null(none);
        recur_layer_release(snapshot);
        recur_layer_release(alone);
        recur_layer_release(part);
        recur_layer_release(net);
        recur_layer_release(copy);
    }
}

/* What is retained lives until its last release. */
static void handles_count(void **unused)
{
    (void)unused;
    counter c = { .until_failure = -1 };
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_layer *net = network(ctx), *again = recur_layer_retain(net);
    recur_context *other = recur_context_retain(ctx);
    assert_ptr_equal(again, net);
    assert_ptr_equal(other, ctx);
    recur_layer_release(net);
    recur_context_release(ctx);
    assert_true(recur_layer_param_count(again) > 0);
    recur_layer_release(again);
    assert_true(c.blocks > 0); /* the context itself */
    recur_context_release(other);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
    assert_null(recur_layer_retain(NULL));
    assert_null(recur_context_retain(NULL));
}

/* Streams that go on from gathered sequences give what those sequences would have given. */
static void gathered_sequences_go_on(void **unused)
{
    (void)unused;
    enum { MORE = 6 };
    static const int64_t which[MORE] = { 2, 2, 0, 3, 3, 3 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *net = network(ctx);
        recur_state *four, *six;
        OK(recur_state_create(net, B, &four));
        OK(recur_state_create(net, MORE, &six));
        const float *x = randoms(T * B * I, 1), *one = randoms(I, 1);
        float next[B * I], chosen[MORE * I], y[B * 2], z[MORE * 2];
        for (int t = 0; t < T; t++) OK(recur_layer_step(net, x + t * B * I, four, NULL, NULL));
        OK(recur_state_reset(four, 3)); /* begins again, with the learned initial state */
        OK(recur_state_gather(six, four, which));
        for (int i = 0; i < B * I; i++) next[i] = one[i % I];
        for (int i = 0; i < MORE * I; i++) chosen[i] = one[i % I];
        OK(recur_layer_step(net, next, four, y, NULL));
        OK(recur_layer_step(net, chosen, six, z, NULL));
        for (int b = 0; b < MORE; b++) check_near("y", 2, z + b * 2, y + which[b] * 2, OUTPUTS);
        recur_state_release(four);
        recur_state_release(six);
        recur_layer_release(net);
    }
}

static void wrong_gathers(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *net = network(ctx), *narrow = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, 0, 0);
    recur_state *a, *b, *c;
    const int64_t good[B] = { 0, 0, 1, 1 }, bad[B] = { 0, 1, 2, 4 }, below[B] = { 0, -1, 0, 0 };
    OK(recur_state_create(net, B, &a));
    OK(recur_state_create(net, B, &b));
    OK(recur_state_create(narrow, B, &c));
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(a, a, good), "recur_state_gather same");
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(a, b, bad), "recur_state_gather 4 4");
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(a, b, below), "recur_state_gather -1 4");
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(a, b, NULL), "sequences NULL");
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(NULL, b, good), "to NULL");
    FAILS(RECUR_E_ARGUMENT, recur_state_gather(a, NULL, good), "from NULL");
    FAILS(RECUR_E_SHAPE, recur_state_gather(a, c, good), "recur_state_gather 1 5 2 20");
    recur_state_release(a);
    recur_state_release(b);
    recur_state_release(c);
    recur_layer_release(net);
    recur_layer_release(narrow);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(a_copy_is_apart), TEST(handles_count),
                                        TEST(gathered_sequences_go_on), TEST(wrong_gathers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
