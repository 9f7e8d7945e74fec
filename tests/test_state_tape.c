/* test_state_tape.c - states: what they hold and whom they fit; tapes: a stack of records. */
#include "support/support.h"

/* ---- states --------------------------------------------------------------------------------- */

static void check_tensor(const recur_state *state, int64_t index, const char *name, int64_t blocks,
                         int64_t batch, int64_t H, int64_t offset)
{
    recur_tensor t = { .size = sizeof t };
    OK(recur_state_tensor_info(state, index, &t));
    assert_string_equal(t.name, name);
    assert_int_equal(t.rank, 3);
    assert_int_equal(t.dim[0], blocks);
    assert_int_equal(t.dim[1], batch);
    assert_int_equal(t.dim[2], H);
    assert_int_equal(t.offset, offset);
    assert_int_equal(t.count, blocks * batch * H);
}

static recur_state *state_of(const recur_layer *layer, int64_t batch)
{
    recur_state *state = NULL;
    OK(recur_state_create(layer, batch, &state));
    return state;
}

static void tensors_of_a_state(void **unused)
{
    (void)unused;
    recur_layer *parts[3] = {
        recurrent(NULL, RECUR_CELL_LSTM, 3, 5, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0),
        recurrent(NULL, RECUR_CELL_GRU, 10, 4, 1, RECUR_DIRECTION_FORWARD, 0)
    };
    recur_state *state = state_of(parts[0], 7);
    assert_int_equal(recur_state_tensor_count(state), 2);
    assert_int_equal(recur_state_count(state), 2 * 4 * 7 * 5);
    assert_int_equal(recur_state_batch(state), 7);
    check_tensor(state, 0, "h", 4, 7, 5, 0);
    check_tensor(state, 1, "c", 4, 7, 5, 140);
    recur_state_release(state);
    OK(recur_linear_create(NULL, 4, 2, 0, &parts[2]));
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 3,
                             (const char *const[]){ "low", "high", "fc" }, parts);
    state = state_of(net, 2);
    assert_int_equal(recur_state_tensor_count(state), 3);
    check_tensor(state, 0, "low.h", 4, 2, 5, 0);
    check_tensor(state, 1, "low.c", 4, 2, 5, 40);
    check_tensor(state, 2, "high.h", 1, 2, 4, 80);
    recur_layer_release(net); /* a state does not need its layer */
    check_tensor(state, 2, "high.h", 1, 2, 4, 80);
    recur_tensor t = { .size = sizeof t };
    FAILS(RECUR_E_ARGUMENT, recur_state_tensor_info(state, 3, &t), "3");
    FAILS(RECUR_E_ARGUMENT, recur_state_tensor_info(state, -1, &t), "-1");
    recur_state_release(state);
    assert_int_equal(recur_state_batch(NULL), 0);
    assert_int_equal(recur_state_count(NULL), 0);
    assert_int_equal(recur_state_tensor_count(NULL), 0);
    recur_state_release(NULL);
}

static void check_values(const recur_state *state, const float *want)
{
    float *got = floats(recur_state_count(state));
    OK(recur_state_read(state, 0, recur_state_count(state), got));
    check_same("state", recur_state_count(state), got, want);
}

static void read_write_copy_reset(void **unused)
{
    (void)unused;
    enum { L = 2, B = 3, H = 4, HALF = L * B * H, S = 2 * HALF };
    recur_layer *layer = recurrent(NULL, RECUR_CELL_LSTM, 3, H, L, RECUR_DIRECTION_FORWARD, 0);
    recur_state *a = state_of(layer, B), *b = state_of(layer, B), *other = state_of(layer, B + 1);
    float values[S];
    check_values(a, zeros(S));
    for (int i = 0; i < S; i++) values[i] = (float)i + 1;
    OK(recur_state_write(a, 0, S, values));
    check_values(a, values);
    OK(recur_state_write(a, 5, 2, (const float[]){ -1, -2 }));
    values[5] = -1;
    values[6] = -2;
    check_values(a, values);
    float two[2];
    OK(recur_state_read(a, 5, 2, two));
    assert_true(two[0] == -1.0f && two[1] == -2.0f);
    OK(recur_state_read(a, S, 0, two));
    FAILS(RECUR_E_ARGUMENT, recur_state_read(a, S - 1, 2, two), "47 2 48");
    FAILS(RECUR_E_ARGUMENT, recur_state_write(a, -1, 2, two), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_state_write(a, 0, -1, two), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_state_read(a, INT64_MAX, INT64_MAX, two), "");
    OK(recur_state_copy(b, a));
    check_values(b, values);
    FAILS(RECUR_E_SHAPE, recur_state_copy(other, a), "4 3");
    OK(recur_state_reset(a, 1));
    for (int i = 0; i < S; i++)
        if (i / H % B == 1) values[i] = 0;
    check_values(a, values);
    FAILS(RECUR_E_ARGUMENT, recur_state_reset(a, B), "3");
    FAILS(RECUR_E_ARGUMENT, recur_state_reset(a, -2), "-2");
    check_values(a, values);
    OK(recur_state_reset(a, -1));
    check_values(a, zeros(S));
    recur_state_release(a);
    recur_state_release(b);
    recur_state_release(other);
    recur_layer_release(layer);
}

static void saved_and_loaded(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_LSTM, 3, 4, 2, RECUR_DIRECTION_FORWARD, 0);
    recur_state *state = state_of(layer, 3), *other = state_of(layer, 4);
    const int64_t S = recur_state_count(state);
    dice(1);
    const float *values = randoms(S, 1);
    OK(recur_state_write(state, 0, S, values));
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_put_state(file, "stream.", state));
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(file, "stream.c", &t));
    OK(recur_state_reset(state, -1));
    OK(recur_file_get_state(file, "stream.", state));
    check_values(state, values);
    FAILS(RECUR_E_SHAPE, recur_file_get_state(file, "stream.", other), "stream.h");
    check_values(other, zeros(recur_state_count(other)));
    FAILS(RECUR_E_MISSING, recur_file_get_state(file, "nowhere.", state), "nowhere.h");
    check_values(state, values);
    recur_file_release(file);
    recur_state_release(state);
    recur_state_release(other);
    recur_layer_release(layer);
}

/* A state fits every layer with equal state tensors, whatever their names and inputs; and no
 * other. */
static void whom_a_state_fits(void **unused)
{
    (void)unused;
    recur_layer *encoder = recurrent(NULL, RECUR_CELL_LSTM, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_layer *parts[2] = { recurrent(NULL, RECUR_CELL_LSTM, 6, 4, 1, RECUR_DIRECTION_FORWARD,
                                        0) };
    OK(recur_linear_create(NULL, 4, 9, 0, &parts[1]));
    recur_layer *decoder = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 2,
                                 (const char *const[]){ "rnn", "fc" }, parts);
    recur_layer *wide = recurrent(NULL, RECUR_CELL_LSTM, 3, 5, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_layer *gru = recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    dice(2);
    randomize(encoder, 0.5);
    randomize(decoder, 0.5);
    recur_packed *packed = layout(NULL, 2, (const int64_t[]){ 3, 2 }, 0),
                 *three = layout(NULL, 3, NULL, 1);
    recur_state *state = state_of(encoder, 2);
    const float *x = randoms(5 * 6, 1);
    float y[5 * 9], y2[2 * 9];
    OK(recur_layer_forward(encoder, packed, x, state, NULL, NULL));
    OK(recur_layer_forward(decoder, packed, x, state, y, NULL));
    float before[16], after[16];
    OK(recur_state_read(state, 0, 16, before));
    FAILS(RECUR_E_SHAPE, recur_layer_forward(wide, packed, x, state, y, NULL), "8 10");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(gru, packed, x, state, y, NULL), "");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(encoder, three, x, state, y, NULL), "2 3");
    FAILS(RECUR_E_SHAPE, recur_layer_step(wide, x, state, y, NULL), "8 10");
    OK(recur_state_read(state, 0, 16, after));
    check_same("state after failures", 16, after, before);
    /* A step needs scratch that fits, so the state is made for the larger layer. */
    recur_state *roomy = state_of(decoder, 2);
    OK(recur_state_copy(roomy, state));
    OK(recur_layer_step(decoder, x, roomy, y2, NULL));
    OK(recur_layer_step(encoder, x, roomy, NULL, NULL));
    recur_state_release(roomy);
    recur_state_release(state);
    recur_packed_release(packed);
    recur_packed_release(three);
    recur_layer *const layers[] = { encoder, decoder, wide, gru };
    for (int i = 0; i < COUNT(layers); i++) recur_layer_release(layers[i]);
}

/* Streams of one state do not influence each other. */
static void streams_are_apart(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = recurrent(ctx, RECUR_CELL_LSTM, 3, 8, 2, RECUR_DIRECTION_FORWARD, 0);
        dice(3);
        randomize(layer, 0.5);
        recur_state *both = state_of(layer, 2), *one = state_of(layer, 1);
        const float *x = randoms(6 * 2 * 3, 1);
        for (int t = 0; t < 6; t++) {
            float y2[16], y1[8];
            if (t == 3) {
                OK(recur_state_reset(both, 1)); /* the second stream starts anew */
                OK(recur_state_reset(one, 0));
            }
            OK(recur_layer_step(layer, x + t * 6, both, y2, NULL));
            OK(recur_layer_step(layer, x + t * 6 + 3, one, y1, NULL));
            check_near("second stream", 8, y2 + 8, y1, OUTPUTS);
        }
        recur_state_release(both);
        recur_state_release(one);
        recur_layer_release(layer);
    }
}

/* ---- tapes ---------------------------------------------------------------------------------- */

typedef struct desk {
    recur_layer *layer;
    recur_packed *packed;
    recur_tape *tape;
    float *x, *y, *dy, *grads;
    int64_t P;
} desk;

static desk open_desk(int64_t I, int64_t H)
{
    desk d = { .layer = recurrent(NULL, RECUR_CELL_GRU, I, H, 1, RECUR_DIRECTION_FORWARD, 0),
               .packed = layout(NULL, 2, (const int64_t[]){ 2, 3 }, 0) };
    OK(recur_tape_create(NULL, &d.tape));
    randomize(d.layer, 0.5);
    d.P = recur_layer_param_count(d.layer);
    d.x = randoms(5 * I, 1);
    d.y = floats(5 * H);
    d.dy = randoms(5 * H, 1);
    d.grads = zeros(d.P);
    return d;
}

static void close_desk(desk *d)
{
    recur_tape_release(d->tape);
    recur_packed_release(d->packed);
    recur_layer_release(d->layer);
}

static recur_status push(const desk *d, recur_tape *tape)
{
    return recur_layer_forward(d->layer, d->packed, d->x, NULL, d->y, tape);
}

static recur_status pop(const desk *d, recur_tape *tape)
{
    return recur_layer_backward(d->layer, d->packed, d->x, d->dy, NULL, NULL, d->grads, tape);
}

static void records_are_a_stack(void **unused)
{
    (void)unused;
    dice(4);
    desk a = open_desk(3, 4), b = open_desk(3, 5);
    recur_tape *tape = a.tape;
    FAILS(RECUR_E_ORDER, pop(&a, tape), "");
    OK(push(&a, tape));
    OK(push(&b, tape));
    OK(push(&a, tape));
    assert_int_equal(recur_tape_records(tape), 3);
    FAILS(RECUR_E_ORDER, pop(&b, tape), "");
    check_same("untouched", b.P, b.grads, zeros(b.P));
    OK(pop(&a, tape));
    FAILS(RECUR_E_ORDER, pop(&a, tape), "");
    OK(pop(&b, tape));
    OK(pop(&a, tape));
    assert_int_equal(recur_tape_records(tape), 0);
    FAILS(RECUR_E_ORDER, pop(&a, tape), "");
    const size_t held = recur_tape_bytes(tape);
    assert_true(held > 0);
    OK(push(&a, tape)); /* the memory stays */
    OK(recur_tape_reset(tape));
    assert_int_equal(recur_tape_records(tape), 0);
    assert_int_equal(recur_tape_bytes(tape), held);
    FAILS(RECUR_E_ORDER, pop(&a, tape), "");
    assert_int_equal(recur_tape_records(NULL), 0);
    assert_int_equal(recur_tape_bytes(NULL), 0);
    recur_tape_release(NULL);
    close_desk(&b);
    close_desk(&a);
}

/* A record belongs to its layer and layout, not to others that look the same, nor to a later one in
 * the same place. */
static void records_know_their_own(void **unused)
{
    (void)unused;
    dice(5);
    desk a = open_desk(3, 4), twin = open_desk(3, 4);
    recur_packed *own = a.packed;
    OK(push(&a, a.tape));
    FAILS(RECUR_E_ORDER, pop(&twin, a.tape), "");
    a.packed = twin.packed;
    FAILS(RECUR_E_ORDER, pop(&a, a.tape), "");
    a.packed = own;
    OK(recur_packed_reset(own, 2, (const int64_t[]){ 2, 3 }, 0));
    FAILS(RECUR_E_ORDER, pop(&a, a.tape), "");
    assert_int_equal(recur_tape_records(a.tape), 1);
    OK(recur_tape_reset(a.tape));
    OK(push(&a, a.tape));
    const int32_t ids[5] = { 0, 1, 2, 0, 1 };
    FAILS(RECUR_E_ORDER,
          recur_layer_backward_ids(a.layer, a.packed, ids, a.dy, NULL, a.grads, a.tape), "");
    OK(pop(&a, a.tape));
    OK(recur_layer_forward_ids(a.layer, a.packed, ids, NULL, a.y, a.tape));
    FAILS(RECUR_E_ORDER, pop(&a, a.tape), "");
    OK(recur_layer_backward_ids(a.layer, a.packed, ids, a.dy, NULL, a.grads, a.tape));
    close_desk(&a);
    close_desk(&twin);
}

static void modes(void **unused)
{
    (void)unused;
    dice(6);
    desk d = open_desk(3, 4);
    OK(recur_tape_set_mode(d.tape, RECUR_TAPE_EVALUATE));
    OK(push(&d, d.tape));
    assert_int_equal(recur_tape_records(d.tape), 0);
    FAILS(RECUR_E_ORDER, pop(&d, d.tape), "");
    OK(recur_tape_set_mode(d.tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    OK(push(&d, d.tape));
    assert_int_equal(recur_tape_records(d.tape), 1);
    OK(recur_tape_set_mode(d.tape, RECUR_TAPE_EVALUATE)); /* scratch between forward and backward */
    OK(push(&d, d.tape));
    OK(pop(&d, d.tape));
    FAILS(RECUR_E_ARGUMENT, recur_tape_set_mode(d.tape, 3), "3");
    FAILS(RECUR_E_ARGUMENT, recur_tape_set_mode(d.tape, -1), "-1");
    OK(push(&d, d.tape));
    assert_int_equal(recur_tape_records(d.tape), 0);
    close_desk(&d);
}

/* An evaluation between the two halves of a training pass does not disturb its record. */
static void evaluation_in_between(void **unused)
{
    (void)unused;
    dice(7);
    desk d = open_desk(3, 4), big = open_desk(30, 40);
    OK(push(&d, d.tape));
    OK(pop(&d, d.tape));
    const float *want = copy_of(d.P, d.grads);
    memset(d.grads, 0, (size_t)d.P * sizeof(float));
    OK(push(&d, d.tape));
    OK(recur_tape_set_mode(d.tape, RECUR_TAPE_EVALUATE));
    OK(push(&big, d.tape));
    OK(recur_tape_set_mode(d.tape, RECUR_TAPE_TRAIN));
    OK(push(&big, d.tape)); /* and a larger record above it, which moves nothing */
    OK(pop(&big, d.tape));
    OK(pop(&d, d.tape));
    check_same("dparams", d.P, d.grads, want);
    close_desk(&big);
    close_desk(&d);
}

/* A layer used twice, y = f(f(x)): gradients of both uses add up, as those of two copies in a chain
 * do. */
static void a_layer_used_twice(void **unused)
{
    (void)unused;
    dice(8);
    desk d = open_desk(4, 4);
    recur_layer *whole = NULL, *const parts[2] = { d.layer, d.layer };
    OK(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "a", "b" },
                            parts, &whole));
    run want = { .packed = d.packed, .x = d.x, .dy = d.dy };
    run_both(NULL, whole, &want);
    float z[20], dx[20], dz[20];
    OK(push(&d, d.tape));
    OK(recur_layer_forward(d.layer, d.packed, d.y, NULL, z, d.tape));
    check_near("y", 20, z, want.y, OUTPUTS);
    OK(recur_layer_backward(d.layer, d.packed, d.y, d.dy, NULL, dz, d.grads, d.tape));
    OK(recur_layer_backward(d.layer, d.packed, d.x, dz, NULL, dx, d.grads, d.tape));
    check_near("dx", 20, dx, want.dx, GRADIENTS);
    double *sum = widen(d.P, want.dparams);
    for (int64_t i = 0; i < d.P; i++) sum[i] += (double)want.dparams[d.P + i];
    check_close("dparams", d.P, d.grads, sum, GRADIENTS);
    recur_layer_release(whole);
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tensors_of_a_state),
        TEST(read_write_copy_reset),
        TEST(saved_and_loaded),
        TEST(whom_a_state_fits),
        TEST(streams_are_apart),
        TEST(records_are_a_stack),
        TEST(modes),
        TEST(records_know_their_own),
        TEST(a_layer_used_twice),
        TEST(evaluation_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
