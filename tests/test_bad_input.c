/* test_bad_input.c - every fallible function against arguments that it must refuse: the documented
 * code, a sentence with the numbers in it, and everything still works afterwards. Sizes and
 * options, files, losses and optimizers have tests of their own. */
#include "support/support.h"

enum { I = 3, H = 4, B = 2, N = 5 };

static recur_layer *rnn, *both, *embedding, *last, *group, *snapshot;
static recur_packed *packed, *three;
static recur_state *state, *wrong_batch, *wrong_layer;
static recur_tape *tape;
static recur_cell *cell;
static float x[N * I], y[64], grads[400];
static const int32_t ids[N] = { 0, 1, 2, 1, 0 };

static int open_all(void **unused)
{
    (void)unused;
    trying("-");
    rnn = recurrent(NULL, RECUR_CELL_LSTM, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    both = recurrent(NULL, RECUR_CELL_GRU, I, H, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    recur_layer *other = recurrent(NULL, RECUR_CELL_LSTM, I, H + 1, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_embedding_create(NULL, 7, I, 0, &embedding));
    OK(recur_last_create(NULL, I, RECUR_DIRECTION_FORWARD, &last));
    OK(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "a" }, &rnn,
                            &group));
    OK(recur_layer_snapshot(rnn, RECUR_PRECISION_FLOAT32, &snapshot));
    packed = layout(NULL, B, (const int64_t[]){ 2, 3 }, 0);
    three = layout(NULL, 3, NULL, 1);
    OK(recur_state_create(rnn, B, &state));
    OK(recur_state_create(rnn, 3, &wrong_batch));
    OK(recur_state_create(other, B, &wrong_layer));
    OK(recur_tape_create(NULL, &tape));
    OK(recur_cell_from_layer(rnn, &cell));
    recur_layer_release(other);
    return 0;
}

static int close_all(void **unused)
{
    (void)unused;
    recur_layer *const layers[] = { rnn, both, embedding, last, group, snapshot };
    for (int i = 0; i < COUNT(layers); i++) recur_layer_release(layers[i]);
    recur_packed_release(packed);
    recur_packed_release(three);
    recur_state_release(state);
    recur_state_release(wrong_batch);
    recur_state_release(wrong_layer);
    recur_tape_release(tape);
    recur_cell_release(cell);
    return 0;
}

#define REFUSED(call, words) FAILS(RECUR_E_ARGUMENT, call, words)

static void null_handles(void **unused)
{
    (void)unused;
    recur_tensor t = { .size = sizeof t };
    recur_layer_info info = { .size = sizeof info };
    recur_memory memory = { .size = sizeof memory };
    recur_layer *layer = NULL;
    REFUSED(recur_context_create(NULL, NULL), "NULL");
    REFUSED(recur_packed_create(NULL, 1, NULL, 1, NULL), "NULL");
    REFUSED(recur_packed_reset(NULL, 1, NULL, 1), "NULL");
    REFUSED(recur_packed_pack(NULL, 0, 4, x, y), "NULL");
    REFUSED(recur_packed_pack(packed, 0, 4, NULL, y), "NULL");
    REFUSED(recur_packed_pack(packed, 0, 4, x, NULL), "NULL");
    REFUSED(recur_packed_unpack(NULL, 0, 4, x, y), "NULL");
    REFUSED(recur_packed_unpack(packed, 0, 4, NULL, y), "NULL");
    REFUSED(recur_packed_unpack(packed, 0, 4, x, NULL), "NULL");
    REFUSED(recur_packed_gather(NULL, NULL, 4, x, y), "NULL");
    REFUSED(recur_packed_gather(packed, NULL, 4, NULL, y), "NULL");
    REFUSED(recur_packed_gather(packed, NULL, 4, x, NULL), "NULL");
    REFUSED(recur_recurrent_create(NULL, NULL, &layer), "");
    REFUSED(recur_linear_create(NULL, 1, 1, 0, NULL), "NULL");
    REFUSED(recur_embedding_create(NULL, 1, 1, 0, NULL), "NULL");
    REFUSED(recur_last_create(NULL, 1, 0, NULL), "NULL");
    REFUSED(recur_dropout_create(NULL, 1, 0, NULL), "NULL");
    REFUSED(recur_activation_create(NULL, 1, 1, NULL), "NULL");
    REFUSED(recur_norm_create(NULL, 1, 0, 0, NULL), "NULL");
    REFUSED(recur_merge_create(NULL, 2, 1, NULL), "NULL");
    REFUSED(recur_softmax_create(NULL, 2, NULL), "NULL");
    REFUSED(recur_affine_create(NULL, 2, 1, 0, NULL), "NULL");
    REFUSED(recur_prelu_create(NULL, 2, 1, NULL), "NULL");
    REFUSED(recur_rms_norm_create(NULL, 2, 0, NULL), "NULL");
    REFUSED(recur_group_norm_create(NULL, 2, 1, 1, 0, NULL), "NULL");
    REFUSED(recur_conv_create(NULL, NULL, &layer), "NULL");
    REFUSED(recur_graph_create(NULL, 1, 1, NULL, &layer), "NULL");
    REFUSED(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, NULL, &rnn, &layer), "NULL");
    REFUSED(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "a" }, NULL,
                                 &layer),
            "NULL");
    REFUSED(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "a" }, &rnn,
                                 NULL),
            "NULL");
    REFUSED(recur_layer_child(NULL, "a", &layer, NULL), "NULL");
    REFUSED(recur_layer_child(group, NULL, &layer, NULL), "NULL");
    REFUSED(recur_layer_child(group, "a", NULL, NULL), "NULL");
    REFUSED(recur_layer_snapshot(NULL, 0, &layer), "NULL");
    REFUSED(recur_layer_snapshot(rnn, 0, NULL), "NULL");
    REFUSED(recur_layer_snapshot(rnn, 3, &layer), "3 RECUR_PRECISION_FLOAT32");
    REFUSED(recur_layer_describe(NULL, -1, &info), "NULL");
    REFUSED(recur_layer_describe(rnn, -1, NULL), "NULL");
    REFUSED(recur_layer_tensor_info(NULL, 0, &t), "NULL");
    REFUSED(recur_layer_tensor_info(rnn, 0, NULL), "NULL");
    REFUSED(recur_layer_init(NULL, NULL, 0, 0, 0), "NULL");
    REFUSED(recur_layer_memory(NULL, packed, 0, &memory), "layer NULL");
    REFUSED(recur_layer_memory(rnn, NULL, 0, &memory), "packed NULL");
    REFUSED(recur_layer_memory(rnn, packed, 0, NULL), "out NULL");
    recur_cell *none = cell;
    REFUSED(recur_cell_create(NULL, NULL, &none), "");
    assert_null(none);
    REFUSED(recur_cell_from_layer(rnn, NULL), "NULL");
    REFUSED(recur_state_create(rnn, 1, NULL), "NULL");
    REFUSED(recur_state_tensor_info(NULL, 0, &t), "NULL");
    REFUSED(recur_state_tensor_info(state, 0, NULL), "NULL");
    REFUSED(recur_state_reset(NULL, -1), "NULL");
    REFUSED(recur_state_copy(NULL, state), "NULL");
    REFUSED(recur_state_copy(state, NULL), "NULL");
    REFUSED(recur_state_read(NULL, 0, 1, y), "NULL");
    REFUSED(recur_state_read(state, 0, 1, NULL), "NULL");
    REFUSED(recur_state_write(NULL, 0, 1, y), "NULL");
    REFUSED(recur_state_write(state, 0, 1, NULL), "NULL");
    REFUSED(recur_tape_create(NULL, NULL), "NULL");
    REFUSED(recur_tape_set_mode(NULL, 0), "NULL");
    REFUSED(recur_tape_set_seed(NULL, 0), "NULL");
    REFUSED(recur_tape_reset(NULL), "NULL");
    REFUSED(recur_tape_drop(NULL, 0), "NULL");
    REFUSED(recur_tape_drop(tape, -1), "-1 records");
    REFUSED(recur_tape_drop(tape, 1), "the tape has 0");
    REFUSED(recur_tape_defer_gradients(NULL, 1), "NULL");
    REFUSED(recur_tape_reserve(NULL, rnn, packed, 1), "NULL");
    REFUSED(recur_tape_reserve(tape, NULL, packed, 1), "NULL");
    REFUSED(recur_tape_reserve(tape, rnn, NULL, 1), "NULL");
    assert_null(recur_cell_layer(NULL));
    assert_null(recur_layer_params(NULL));
    assert_int_equal(recur_layer_param_count(NULL) + recur_layer_tensor_count(NULL), 0);
    recur_layer_release(NULL);
    recur_cell_release(NULL);
    recur_context_release(NULL);
}

static void null_in_passes(void **unused)
{
    (void)unused;
    REFUSED(recur_layer_forward(NULL, packed, x, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_forward(rnn, NULL, x, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_forward(rnn, packed, NULL, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_forward_ids(NULL, packed, ids, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_forward_ids(rnn, NULL, ids, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_forward_ids(rnn, packed, NULL, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_backward(NULL, packed, x, y, NULL, NULL, grads, tape), "NULL");
    REFUSED(recur_layer_backward(rnn, NULL, x, y, NULL, NULL, grads, tape), "NULL");
    REFUSED(recur_layer_backward(rnn, packed, NULL, y, NULL, NULL, grads, tape), "NULL");
    REFUSED(recur_layer_backward(rnn, packed, x, y, NULL, NULL, grads, NULL), "NULL");
    REFUSED(recur_layer_backward_ids(NULL, packed, ids, y, NULL, grads, tape), "NULL");
    REFUSED(recur_layer_backward_ids(rnn, packed, NULL, y, NULL, grads, tape), "NULL");
    REFUSED(recur_layer_backward_ids(rnn, packed, ids, y, NULL, grads, NULL), "NULL");
    REFUSED(recur_layer_step(NULL, x, state, y, NULL), "NULL");
    REFUSED(recur_layer_step(rnn, NULL, state, y, NULL), "NULL");
    REFUSED(recur_layer_step(rnn, x, NULL, y, NULL), "NULL");
    REFUSED(recur_layer_step_ids(NULL, ids, state, y, NULL), "NULL");
    REFUSED(recur_layer_step_ids(rnn, NULL, state, y, NULL), "NULL");
    REFUSED(recur_layer_step_ids(rnn, ids, NULL, y, NULL), "NULL");
    REFUSED(recur_cell_step(NULL, x, state, y, NULL), "NULL");
    REFUSED(recur_cell_step(cell, NULL, state, y, NULL), "NULL");
    REFUSED(recur_cell_step(cell, x, NULL, y, NULL), "NULL");
    REFUSED(recur_cell_step(cell, x, NULL, y, tape), "NULL");
    REFUSED(recur_cell_step_ids(NULL, ids, state, y, NULL), "NULL");
    REFUSED(recur_cell_step_ids(cell, NULL, state, y, NULL), "NULL");
    REFUSED(recur_cell_step_ids(cell, ids, NULL, y, NULL), "NULL");
    REFUSED(recur_cell_step_backward(NULL, x, y, state, NULL, grads, tape), "NULL");
    REFUSED(recur_cell_step_backward(cell, x, y, NULL, NULL, grads, tape), "NULL");
    REFUSED(recur_cell_step_backward(cell, x, y, state, NULL, grads, NULL), "NULL");
    REFUSED(recur_cell_step_backward_ids(NULL, ids, y, state, grads, tape), "NULL");
    REFUSED(recur_cell_step_backward_ids(cell, ids, y, NULL, grads, tape), "NULL");
    REFUSED(recur_cell_step_backward_ids(cell, ids, y, state, grads, NULL), "NULL");
    assert_int_equal(recur_tape_records(tape), 0);
}

/* ---- passes --------------------------------------------------------------------------------- */

static void ids_out_of_range(void **unused)
{
    (void)unused;
    static const int32_t bad[] = { 3, -1, INT32_MAX, INT32_MIN };
    for (int i = 0; i < COUNT(bad); i++) {
        int32_t some[N] = { 0, 1, 2, 1, 0 };
        char words[32];
        some[4] = bad[i];
        snprintf(words, sizeof words, "%ld 4 3", (long)bad[i]);
        trying("id %ld", (long)bad[i]);
        REFUSED(recur_layer_forward_ids(rnn, packed, some, state, y, tape), words);
        assert_int_equal(recur_tape_records(tape), 0);
        OK(recur_layer_forward_ids(rnn, packed, ids, NULL, y, tape));
        REFUSED(recur_layer_backward_ids(rnn, packed, some, y, NULL, grads, tape), words);
        OK(recur_layer_backward_ids(rnn, packed, ids, y, NULL, grads, tape));
        some[1] = bad[i];
        snprintf(words, sizeof words, "%ld 1 3", (long)bad[i]);
        REFUSED(recur_layer_step_ids(rnn, some, state, y, NULL), words);
        REFUSED(recur_cell_step_ids(cell, some, state, y, NULL), words);
        REFUSED(recur_cell_step_ids(cell, some, state, y, tape), words);
    }
    float values[2 * B * H];
    OK(recur_state_read(state, 0, COUNT(values), values));
    for (int i = 0; i < COUNT(values); i++) assert_true(values[i] == 0.0f);
}

static void states_that_do_not_fit(void **unused)
{
    (void)unused;
    FAILS(RECUR_E_SHAPE, recur_layer_forward(rnn, packed, x, wrong_batch, y, NULL), "3 2");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(rnn, packed, x, wrong_batch, y, tape), "3 2");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(rnn, packed, x, wrong_layer, y, NULL), "");
    FAILS(RECUR_E_SHAPE, recur_layer_forward_ids(rnn, packed, ids, wrong_batch, y, NULL), "3 2");
    FAILS(RECUR_E_SHAPE, recur_layer_step(rnn, x, wrong_layer, y, NULL), "");
    FAILS(RECUR_E_SHAPE, recur_cell_step(cell, x, wrong_layer, y, NULL), "");
    FAILS(RECUR_E_SHAPE, recur_cell_step(cell, x, wrong_layer, y, tape), "");
    OK(recur_layer_forward(rnn, packed, x, NULL, y, tape));
    FAILS(RECUR_E_SHAPE, recur_layer_backward(rnn, packed, x, y, wrong_batch, NULL, grads, tape),
          "3 2");
    FAILS(RECUR_E_SHAPE, recur_layer_backward(rnn, packed, x, y, wrong_layer, NULL, grads, tape),
          "");
    assert_int_equal(recur_tape_records(tape), 1);
    OK(recur_layer_backward(rnn, packed, x, y, NULL, NULL, grads, tape));
    OK(recur_cell_step(cell, x, state, y, tape));
    FAILS(RECUR_E_SHAPE, recur_cell_step_backward(cell, x, y, wrong_batch, NULL, grads, tape),
          "3 2");
    OK(recur_cell_step_backward(cell, x, y, state, NULL, grads, tape));
}

static void meaningful_but_not_here(void **unused)
{
    (void)unused;
    recur_state *two = NULL;
    OK(recur_state_create(both, B, &two));
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(both, x, two, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step_ids(both, ids, two, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(last, x, state, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(embedding, x, state, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(group, x, state, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(embedding, packed, x, NULL, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward_ids(last, packed, ids, NULL, y, NULL), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward(snapshot, packed, x, NULL, y, tape), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_forward_ids(snapshot, packed, ids, NULL, y, tape), "");
    FAILS(RECUR_E_UNSUPPORTED, recur_tape_reserve(tape, snapshot, packed, 1), "1");
    recur_cell *none = cell;
    FAILS(RECUR_E_UNSUPPORTED, recur_cell_from_layer(both, &none), "recur_layer_forward");
    FAILS(RECUR_E_UNSUPPORTED, recur_cell_from_layer(last, &none), "");
    REFUSED(recur_cell_from_layer(NULL, &none), "NULL");
    assert_null(none);
    OK(recur_cell_from_layer(snapshot, &none));
    FAILS(RECUR_E_UNSUPPORTED, recur_cell_step(none, x, state, y, tape), "");
    recur_cell_release(none);
    recur_state_release(two);
    assert_int_equal(recur_tape_records(tape), 0);
}

static void memory_of_nothing(void **unused)
{
    (void)unused;
    recur_memory m = { .size = offsetof(recur_memory, checkpoint) - 1 }; /* of the first version */
    REFUSED(recur_layer_memory(rnn, packed, 0, &m), "87 88");
    m.size = sizeof m;
    REFUSED(recur_layer_memory(rnn, packed, 64, &m), "64");
    REFUSED(recur_layer_memory(rnn, packed, 48, &m), "48 one precision");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_memory(embedding, packed, RECUR_MEMORY_ROWS, &m),
          "embedding rows");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_memory(last, packed, RECUR_MEMORY_IDS, &m), "last ids");
    OK(recur_layer_memory(embedding, packed, RECUR_MEMORY_ROWS | RECUR_MEMORY_IDS, &m));
    OK(recur_layer_memory(group, packed, RECUR_MEMORY_IDS, &m));
    struct {
        recur_memory known;
        int64_t later[2];
    } newer = { .known = { .size = sizeof newer }, .later = { 1, 1 } };
    /* This is the struct of a program that knows more than this library. */
    OK(recur_layer_memory(group, packed, 0, &newer.known));
    assert_int_equal(newer.known.size, sizeof newer);
    assert_int_equal(newer.later[0] + newer.later[1], 0);
}

/* An array of no elements may be NULL. */
static void empty_arrays(void **unused)
{
    (void)unused;
    recur_layer *learned = NULL, *tanh = NULL;
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_GRU,
                                              .input_size = I,
                                              .hidden_size = H,
                                              .flags = RECUR_LAYER_LEARN_INITIAL_STATE };
    recur_state *begins = NULL;
    float first[B * H], second[B * H];
    OK(recur_state_read(state, 0, 0, NULL));
    OK(recur_recurrent_create(NULL, &options, &learned));
    OK(recur_layer_init(learned, NULL, RECUR_INIT_UNIFORM, 0.5, 1));
    OK(recur_state_create(learned, B, &begins));
    OK(recur_layer_step(learned, x, begins, first, NULL));
    OK(recur_state_reset(begins, -1));
    OK(recur_state_write(begins, 0, 0, NULL));
    OK(recur_layer_step(learned, x, begins, second, NULL));
    check_same("writing nothing changes nothing", B * H, second, first);
    OK(recur_activation_create(NULL, I, RECUR_ACTIVATION_TANH, &tanh));
    OK(recur_tape_add_gradients(tape, tanh, NULL));
    recur_state_release(begins);
    recur_layer_release(learned);
    recur_layer_release(tanh);
}

/* The same of rows and labels. */
static void losses_of_no_rows(void **unused)
{
    (void)unused;
    recur_packed *nothing = layout(NULL, 0, NULL, 0), *silent = layout(NULL, B, NULL, 0);
    const int64_t no_labels[B] = { 0 };
    int64_t lengths[B] = { 1, 1 };
    OK(recur_sample(NULL, 0, 3, NULL, 0, 0, NULL));
    for (int32_t kind = RECUR_LOSS_CROSS_ENTROPY; kind <= RECUR_LOSS_MSE; kind++) {
        if (kind > RECUR_LOSS_NEGATIVE_SAMPLING && kind < RECUR_LOSS_MSE) continue;
        const bool sampled = kind == RECUR_LOSS_SAMPLED_SOFTMAX ||
                             kind == RECUR_LOSS_NEGATIVE_SAMPLING;
        const recur_loss_options o = {
            .size = sizeof o, .kind = kind, .classes = sampled ? 2 : 0, .samples = sampled ? 2 : 0
        };
        recur_loss *loss = NULL;
        double value = 1;
        trying("loss %d", (int)kind);
        OK(recur_loss_create(NULL, &o, &loss));
        if (kind == RECUR_LOSS_CTC) {
            OK(recur_ctc_loss(loss, nothing, 2, NULL, NULL, NULL, &value, NULL, NULL));
            assert_true(value == 0);
            OK(recur_ctc_loss(loss, silent, 2, NULL, NULL, no_labels, &value, NULL, NULL));
            FAILS(RECUR_E_ARGUMENT,
                  recur_ctc_loss(loss, silent, 2, NULL, NULL, lengths, &value, NULL, NULL),
                  "labels NULL 1");
            OK(recur_ctc_decode(loss, nothing, 2, NULL, 2, NULL, NULL, NULL, NULL));
            OK(recur_ctc_decode(loss, silent, 2, NULL, 2, NULL, lengths, NULL, NULL));
            assert_int_equal(lengths[0] + lengths[1], 0);
        } else if (kind == RECUR_LOSS_MSE)
            OK(recur_loss_values(loss, 0, 2, NULL, NULL, &value, NULL));
        else if (sampled)
            OK(recur_loss_sampled(loss, 0, 2, NULL, NULL, x, 4, 0, 0, &value, NULL, NULL, NULL));
        else
            OK(recur_loss_classes(loss, 0, 2, NULL, NULL, &value, NULL));
        assert_true(value == 0);
        recur_loss_release(loss);
    }
    recur_packed_release(nothing);
    recur_packed_release(silent);
}

static void backward_out_of_order(void **unused)
{
    (void)unused;
    FAILS(RECUR_E_ORDER, recur_layer_backward(rnn, packed, x, y, NULL, NULL, grads, tape), "");
    FAILS(RECUR_E_ORDER, recur_cell_step_backward(cell, x, y, state, NULL, grads, tape), "");
    OK(recur_layer_forward(both, packed, x, NULL, y, tape));
    FAILS(RECUR_E_ORDER, recur_layer_backward(rnn, packed, x, y, NULL, NULL, grads, tape), "");
    FAILS(RECUR_E_ORDER, recur_layer_backward(both, three, x, y, NULL, NULL, grads, tape), "2 3");
    FAILS(RECUR_E_ORDER, recur_layer_backward_ids(both, packed, ids, y, NULL, grads, tape), "");
    OK(recur_layer_backward(both, packed, x, y, NULL, NULL, grads, tape));
    /* A pass of a layer is not a step of its cell. */
    OK(recur_layer_forward(rnn, packed, x, NULL, y, tape));
    FAILS(RECUR_E_ORDER, recur_cell_step_backward(cell, x, y, state, NULL, grads, tape),
          "no step 2 recur_layer_backward");
    OK(recur_tape_reset(tape));
    OK(recur_cell_step(cell, x, state, y, tape));
    FAILS(RECUR_E_ORDER, recur_layer_backward(rnn, packed, x, y, NULL, NULL, grads, tape),
          "a step of 2 recur_layer_step_backward");
    OK(recur_cell_step_backward(cell, x, y, state, NULL, grads, tape));
}

/* After all these wrong calls a valid one gives what it always gave. */
static void still_works(void **unused)
{
    (void)unused;
    float first[N * H], second[N * H];
    OK(recur_layer_forward(rnn, packed, x, NULL, first, NULL));
    null_handles(NULL);
    null_in_passes(NULL);
    ids_out_of_range(NULL);
    OK(recur_layer_forward(rnn, packed, x, NULL, second, NULL));
    check_same("y", COUNT(first), second, first);
}

/* The layout has now more rows than there are ids, of which none may be read: what lies behind them
 * is no id, and the guard of the array would be told as one. */
static void ids_of_an_older_layout(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_packed *own = layout(NULL, 2, NULL, 2);
    recur_tape *record;
    const int32_t *few = random_ids(4, 3);
    OK(recur_tape_create(NULL, &record));
    OK(recur_layer_forward_ids(layer, own, few, NULL, floats(16), record));
    OK(recur_packed_reset(own, 2, NULL, 6));
    FAILS(RECUR_E_ORDER,
          recur_layer_backward_ids(layer, own, few, zeros(48), NULL,
                                   zeros(recur_layer_param_count(layer)), record),
          "layout 12");
    recur_tape_release(record);
    recur_packed_release(own);
    recur_layer_release(layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define BAD(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
        BAD(null_handles),
        BAD(null_in_passes),
        BAD(ids_out_of_range),
        BAD(states_that_do_not_fit),
        BAD(meaningful_but_not_here),
        BAD(memory_of_nothing),
        BAD(empty_arrays),
        BAD(losses_of_no_rows),
        BAD(backward_out_of_order),
        BAD(ids_of_an_older_layout),
        BAD(still_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
