/* test_memory.c - what allocates and what does not; every byte comes back, in whatever order
 * handles are released. */
#include "support/support.h"

enum { SYMBOLS = 9, B = 6, T = 8 };

static counter count;

/* embedding → two bidirectional recurrent layers with dropout → dropout → last → linear */
static recur_layer *model(recur_context *ctx, const kind_row *kind)
{
    recur_recurrent_options options = options_of(kind, 5, 7, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    const int64_t wide = 2 * shape_of(&options, 1).width;
    options.dropout = 0.2;
    options.recurrent_dropout = has_U(kind->cell) ? 0.2 : 0;
    recur_layer *parts[5] = { NULL };
    OK(recur_embedding_create(ctx, SYMBOLS, 5, 0, &parts[0]));
    OK(recur_recurrent_create(ctx, &options, &parts[1]));
    OK(recur_dropout_create(ctx, wide, 0.2, &parts[2]));
    OK(recur_last_create(ctx, wide, RECUR_DIRECTION_BIDIRECTIONAL, &parts[3]));
    OK(recur_linear_create(ctx, wide, 3, 0, &parts[4]));
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 5,
                             (const char *const[]){ "emb", "rnn", "drop", "last", "fc" }, parts);
    randomize(net, 0.3);
    return net;
}

static void close_counted(recur_context *ctx)
{
    recur_context_release(ctx);
    assert_int_equal(count.blocks, 0);
    assert_int_equal(count.bytes, 0);
    assert_int_equal(count.mistakes, 0);
}

/* A training loop allocates in its first round only. */
static void training_after_warm_up(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++) {
        recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
        dice(1);
        recur_layer *net = model(ctx, &KINDS[k]);
        const int64_t P = recur_layer_param_count(net);
        recur_packed *packed = layout(ctx, B, NULL, T);
        const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                                   .kind = RECUR_LOSS_CROSS_ENTROPY };
        const recur_optimizer_options adam = { .size = sizeof adam, .kind = RECUR_OPTIMIZER_ADAM };
        recur_tape *tape = NULL;
        recur_loss *loss = NULL;
        recur_optimizer *optimizer = NULL;
        recur_state *state = NULL, *dstate = NULL;
        OK(recur_tape_create(ctx, &tape));
        OK(recur_loss_create(ctx, &cross_entropy, &loss));
        OK(recur_optimizer_create(ctx, &adam, P, &optimizer));
        OK(recur_state_create(net, B, &state));
        OK(recur_state_create(net, B, &dstate));
        const int32_t *ids = random_ids(B * T, SYMBOLS), *labels = random_ids(B, 3);
        float *y = floats(B * 3), *dy = floats(B * 3), *grads = zeros(P);
        int64_t before = -1;
        for (int round = 0; round < 5; round++) {
            double value = 0;
            OK(recur_layer_forward_ids(net, packed, ids, state, y, tape));
            OK(recur_loss_classes(loss, B, 3, y, labels, &value, dy));
            OK(recur_state_reset(dstate, -1));
            OK(recur_layer_backward_ids(net, packed, ids, dy, dstate, grads, tape));
            recur_clip_norm(grads, P, 1);
            OK(recur_optimizer_step(optimizer, recur_layer_params(net), grads, P, 1));
            if (round == 0) before = count.allocations;
            assert_int_equal(count.allocations, before);
        }
        recur_state_release(state);
        recur_state_release(dstate);
        recur_optimizer_release(optimizer);
        recur_loss_release(loss);
        recur_tape_release(tape);
        recur_packed_release(packed);
        recur_layer_release(net);
        close_counted(ctx);
    }
}

/* After recur_tape_reserve not even the first round allocates, nor does any layout with no more
 * sequences, steps and rows. */
static void nothing_after_reserve(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++) {
        recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
        dice(2);
        recur_layer *net = model(ctx, &KINDS[k]), *rnn = NULL;
        OK(recur_layer_child(net, "rnn", &rnn, NULL));
        const int64_t full[B] = { T, T, T - 1, T, 3, T };
        int64_t lengths[B], rows = 0;
        for (int b = 0; b < B; b++) rows += full[b];
        recur_packed *packed = layout(ctx, B, full, T);
        recur_tape *tape = NULL;
        OK(recur_tape_create(ctx, &tape));
        OK(recur_tape_reserve(tape, net, packed, 2));
        OK(recur_tape_reserve(tape, rnn, packed, 1));
        const int32_t *ids = random_ids(B * T, SYMBOLS);
        const float *x = randoms(B * T * 5, 1), *dy = randoms(B * T * 14, 1);
        float *y = floats(B * T * 14), *dx = floats(B * T * 5),
              *grads = zeros(recur_layer_param_count(net));
        const int64_t before = count.allocations;
        for (int n = 0; n < 60; n++) {
            const int64_t batch = n ? 1 + below(B) : B;
            int64_t used = 0;
            for (int64_t b = 0; b < batch; b++) {
                lengths[b] = n ? below(T + 1) : full[b];
                if (used + lengths[b] > rows) lengths[b] = 0;
                used += lengths[b];
            }
            trying("%s round %d: B %d N %d", KINDS[k].name, n, (int)batch, (int)used);
            OK(recur_packed_reset(packed, batch, lengths, T));
            OK(recur_layer_forward_ids(net, packed, ids, NULL, y, tape));
            OK(recur_layer_forward(rnn, packed, x, NULL, y, tape));
            OK(recur_layer_forward_ids(net, packed, ids, NULL, y, tape));
            OK(recur_layer_backward_ids(net, packed, ids, dy, NULL, grads, tape));
            OK(recur_layer_backward(rnn, packed, x, dy, NULL, dx, grads, tape));
            OK(recur_layer_backward_ids(net, packed, ids, dy, NULL, grads, tape));
            assert_int_equal(count.allocations, before);
        }
        recur_layer_release(rnn);
        recur_tape_release(tape);
        recur_packed_release(packed);
        recur_layer_release(net);
        close_counted(ctx);
    }
}

/* Runs two single steps of a linear layer forward, and back. */
static void two_rows(const recur_layer *layer, const recur_packed *one, recur_tape *tape)
{
    const recur_layer_info info = info_of(layer, -1);
    const float *x = zeros(info.input_size), *dy = zeros(info.output_size);
    float *y = floats(info.output_size), *grads = zeros(recur_layer_param_count(layer));
    for (int t = 0; t < 2; t++) OK(recur_layer_forward(layer, one, x, NULL, y, tape));
    for (int t = 0; t < 2; t++)
        OK(recur_layer_backward(layer, one, x, dy, NULL, NULL, grads, tape));
}

/* A tape repacks parameters for single steps. Layers that take turns share the memory for it, and
 * that of a layer that is gone goes to others. */
static void prepacks_are_used_again(void **unused)
{
    (void)unused;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    recur_packed *one = layout(ctx, 1, NULL, 1);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    recur_layer *part[2];
    OK(recur_linear_create(ctx, 3, 5, 0, &part[0]));
    OK(recur_linear_create(ctx, 30, 50, 0, &part[1]));
    int64_t before = 0;
    for (int round = 0; round < 4; round++) {
        two_rows(part[round % 2], one, tape);
        if (round == 1) before = count.allocations;
    }
    assert_int_equal(count.allocations, before);
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    const size_t held = recur_tape_bytes(tape);
    for (int i = 0; i < 20; i++) {
        OK(recur_linear_create(ctx, 30, 50, 0, &part[0]));
        two_rows(part[0], one, tape);
        recur_layer_release(part[0]);
    }
    assert_int_equal(recur_tape_bytes(tape), held);
    recur_tape_release(tape);
    recur_packed_release(one);
    close_counted(ctx);
}

/* Reservations add up, also behind records that are there; 0 passes serve evaluation. */
static void reservations_add_up(void **unused)
{
    (void)unused;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    dice(3);
    recur_layer *net = model(ctx, &KINDS[RECUR_CELL_GRU - 1]), *snapshot = NULL;
    recur_packed *packed = layout(ctx, B, NULL, T);
    recur_tape *tape = NULL, *scratch = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_create(ctx, &scratch));
    const int32_t *ids = random_ids(B * T, SYMBOLS);
    float *y = floats(B * 3);
    OK(recur_layer_snapshot(net, RECUR_PRECISION_FLOAT32, &snapshot));
    OK(recur_tape_reserve(scratch, net, packed, 0));
    OK(recur_tape_reserve(scratch, snapshot, packed, 0));
    OK(recur_tape_set_mode(scratch, RECUR_TAPE_EVALUATE));
    OK(recur_tape_reserve(tape, net, packed, 4)); /* 4 reserved, 1 used, 2 more: 5 left */
    OK(recur_layer_forward_ids(net, packed, ids, NULL, y, tape));
    OK(recur_tape_reserve(tape, net, packed, 2));
    const int64_t before = count.allocations;
    OK(recur_layer_forward_ids(net, packed, ids, NULL, y, scratch));
    OK(recur_layer_forward_ids(snapshot, packed, ids, NULL, y, scratch));
    assert_int_equal(count.allocations, before);
    for (int i = 0; i < 5; i++) {
        trying("pass %d", i);
        OK(recur_layer_forward_ids(net, packed, ids, NULL, y, tape));
        assert_int_equal(count.allocations, before);
    }
    recur_tape_release(tape);
    recur_tape_release(scratch);
    recur_packed_release(packed);
    recur_layer_release(snapshot);
    recur_layer_release(net);
    close_counted(ctx);
}

/* Steps never allocate, not even the first; with a tape, a cell's step does not after
 * recur_tape_reserve or a first loop. */
static void steps_never_allocate(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++) {
        recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
        dice(4);
        trying("%s", KINDS[k].name);
        recur_layer *layer = recurrent_of(ctx, &KINDS[k], 5, 7, 1, RECUR_DIRECTION_FORWARD, 0),
                    *snapshot = NULL;
        randomize(layer, 0.5);
        OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
        recur_cell *cell = NULL, *fast = NULL;
        recur_state *state = NULL, *quick = NULL;
        recur_tape *tape = NULL, *warm = NULL;
        recur_packed *one = layout(ctx, B, NULL, 1);
        OK(recur_cell_from_layer(layer, &cell));
        OK(recur_cell_from_layer(snapshot, &fast));
        OK(recur_state_create(layer, B, &state));
        OK(recur_state_create(snapshot, B, &quick));
        OK(recur_tape_create(ctx, &tape));
        OK(recur_tape_create(ctx, &warm));
        OK(recur_tape_reserve(tape, layer, one, T));
        const float *x = randoms(B * 5, 1);
        const int32_t *ids = random_ids(B, 5);
        float *y = floats(B * 7), *dx = floats(B * 5),
              *grads = zeros(recur_layer_param_count(layer));
        int64_t before = count.allocations;
        for (int t = 0; t < 3; t++) {
            OK(recur_layer_step(layer, x, state, y, NULL));
            OK(recur_layer_step_ids(layer, ids, state, y, NULL));
            OK(recur_layer_step(snapshot, x, quick, y, NULL));
            OK(recur_layer_step_ids(snapshot, ids, quick, y, NULL));
            OK(recur_cell_step(cell, x, state, y, NULL));
            OK(recur_cell_step_ids(cell, ids, state, y, NULL));
            OK(recur_cell_step(fast, x, quick, y, NULL));
            OK(recur_cell_step_ids(fast, ids, quick, y, NULL));
        }
        for (int t = 0; t < T; t++) OK(recur_cell_step(cell, x, state, y, tape));
        for (int t = 0; t < T; t++)
            OK(recur_cell_step_backward(cell, x, y, state, dx, grads, tape));
        assert_int_equal(count.allocations, before);
        for (int round = 0; round < 3; round++) {
            for (int t = 0; t < T; t++) OK(recur_cell_step_ids(cell, ids, state, y, warm));
            for (int t = 0; t < T; t++)
                OK(recur_cell_step_backward_ids(cell, ids, y, state, grads, warm));
            if (round == 0) before = count.allocations;
            assert_int_equal(count.allocations, before);
        }
        recur_tape_release(tape);
        recur_tape_release(warm);
        recur_state_release(state);
        recur_state_release(quick);
        recur_cell_release(cell);
        recur_cell_release(fast);
        recur_packed_release(one);
        recur_layer_release(snapshot);
        recur_layer_release(layer);
        close_counted(ctx);
    }
}

/* Inference without a tape gives its scratch back. */
static void inference_holds_nothing(void **unused)
{
    (void)unused;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    recur_layer *net = model(ctx, &KINDS[RECUR_CELL_LSTM - 1]);
    recur_packed *packed = layout(ctx, B, NULL, T);
    float *y = floats(B * 3);
    const size_t before = count.bytes;
    OK(recur_layer_forward_ids(net, packed, random_ids(B * T, SYMBOLS), NULL, y, NULL));
    assert_int_equal(count.bytes, before);
    recur_packed_release(packed);
    recur_layer_release(net);
    close_counted(ctx);
}

/* ---- releasing ------------------------------------------------------------------------------ */

enum { LAYERS = 7, HANDLES = LAYERS + 9 };

/* All handles that can hold each other are made from one context. */
typedef struct family {
    recur_context *ctx;
    recur_layer *layer[LAYERS];
    recur_packed *packed;
    recur_cell *cell[2];
    recur_state *state;
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
    recur_file *file;
} family;

static family raise(void)
{
    family f = { .ctx = counting_context(&count, RECUR_ISA_AUTO) };
    f.layer[0] = recurrent(f.ctx, RECUR_CELL_LSTM, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    f.layer[1] = recurrent(f.ctx, RECUR_CELL_GRU, 4, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_compose_create(f.ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "a", "b" },
                            f.layer, &f.layer[2]));
    OK(recur_compose_create(f.ctx, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "whole" },
                            &f.layer[2], &f.layer[3]));
    OK(recur_layer_child(f.layer[3], "whole", &f.layer[4], NULL));
    OK(recur_layer_child(f.layer[4], "b", &f.layer[5], NULL));
    OK(recur_layer_snapshot(f.layer[5], RECUR_PRECISION_FLOAT32, &f.layer[6]));
    OK(recur_cell_from_layer(f.layer[5], &f.cell[0]));
    OK(recur_cell_from_layer(f.layer[6], &f.cell[1]));
    f.packed = layout(f.ctx, 2, NULL, 3);
    OK(recur_state_create(f.layer[4], 2, &f.state));
    OK(recur_tape_create(f.ctx, &f.tape));
    float x[18] = { 0 };
    OK(recur_layer_forward(f.layer[4], f.packed, x, f.state, NULL, f.tape));
    const recur_loss_options mse = { .size = sizeof mse, .kind = RECUR_LOSS_MSE };
    const recur_optimizer_options sgd = { .size = sizeof sgd,
                                          .kind = RECUR_OPTIMIZER_SGD,
                                          .momentum = 0.9 };
    OK(recur_loss_create(f.ctx, &mse, &f.loss));
    OK(recur_optimizer_create(f.ctx, &sgd, 10, &f.optimizer));
    OK(recur_file_open_memory(f.ctx, NULL, 0, &f.file));
    OK(recur_file_put_layer(f.file, "m.", f.layer[3]));
    OK(recur_file_set_metadata(f.file, "key", "value"));
    return f;
}

static void release(family *f, int64_t handle)
{
    if (handle < LAYERS) {
        recur_layer_release(f->layer[handle]);
        return;
    }
    switch (handle - LAYERS) {
    case 0:
        recur_context_release(f->ctx);
        break;
    case 1:
        recur_packed_release(f->packed);
        break;
    case 2:
        recur_cell_release(f->cell[0]);
        break;
    case 3:
        recur_cell_release(f->cell[1]);
        break;
    case 4:
        recur_state_release(f->state);
        break;
    case 5:
        recur_tape_release(f->tape);
        break;
    case 6:
        recur_loss_release(f->loss);
        break;
    case 7:
        recur_optimizer_release(f->optimizer);
        break;
    default:
        recur_file_release(f->file);
    }
}

static void released_in_any_order(void **unused)
{
    (void)unused;
    dice(5);
    for (int n = 0; n < 300; n++) {
        int64_t order[HANDLES];
        for (int64_t i = 0; i < HANDLES; i++) { /* a random permutation, grown from the inside */
            const int64_t j = below(i + 1);
            order[i] = j < i ? order[j] : i;
            order[j] = i;
        }
        family f = raise();
        for (int i = 0; i < HANDLES; i++) release(&f, order[i]);
        trying("order %d", n);
        assert_int_equal(count.blocks, 0);
        assert_int_equal(count.mistakes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(training_after_warm_up),  TEST(nothing_after_reserve), TEST(reservations_add_up),
        TEST(prepacks_are_used_again), TEST(steps_never_allocate),  TEST(inference_holds_nothing),
        TEST(released_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
