/* test_memory_failure.c - every function that can allocate, with its n-th allocation failing, n = 1, 2, 3 ...
 *
 * Each must say RECUR_E_MEMORY, leave all handles as they were and leak nothing; when there is memory again, the same call on
 * the same handles must succeed and give what an undisturbed one gives. */
#include <unistd.h>

#include "support/support.h"

enum { I = 3, H = 4, B = 3, N = 8, RESULT = 64 };

static const int64_t LENGTHS[B] = { 3, 1, 4 };
static char path[] = "/tmp/recur_failure_XXXXXX";

/* The handles that calls work on. */
typedef struct world {
    counter count;
    recur_context *ctx;
    recur_layer *rnn, *net, *line; /* bidirectional; with a head; one layer forward */
    recur_layer *back;             /* from what line gives to what it takes */
    recur_packed *packed, *one;
    recur_tape *tape, *full; /* empty; with a record of net and a step of cell */
    recur_state *state, *line_state;
    recur_cell *cell;
    recur_optimizer *optimizer;
    recur_loss *ctc, *sampled;
    recur_file *file, *empty;
    float x[N * I], grads[400], result[RESULT];
    void *saved;
    size_t saved_bytes;
} world;

static const recur_recurrent_options RNN = { .size = sizeof RNN,
                                             .cell = RECUR_CELL_LSTM,
                                             .input_size = I,
                                             .hidden_size = H,
                                             .direction = RECUR_DIRECTION_BIDIRECTIONAL };
static const recur_recurrent_options LINE = {
    .size = sizeof LINE, .cell = RECUR_CELL_GRU, .input_size = I, .hidden_size = H
};
static const recur_optimizer_options ADAM = { .size = sizeof ADAM, .kind = RECUR_OPTIMIZER_ADAM };

static const recur_loss_options CTC = { .size = sizeof CTC, .kind = RECUR_LOSS_CTC };
static const recur_loss_options SAMPLED = {
    .size = sizeof SAMPLED, .kind = RECUR_LOSS_SAMPLED_SOFTMAX, .classes = 5, .samples = 3
};

static world *make_world(void)
{
    world *w = bytes_of(1, sizeof *w);
    memset(w, 0, sizeof *w);
    w->ctx = counting_context(&w->count, RECUR_ISA_AUTO);
    dice(1);
    recur_layer *parts[2] = { NULL };
    OK(recur_recurrent_create(w->ctx, &RNN, &parts[0]));
    OK(recur_linear_create(w->ctx, 2 * H, 2, 0, &parts[1]));
    w->net = chain(w->ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "rnn", "fc" }, parts);
    randomize(w->net, 0.5);
    OK(recur_layer_child(w->net, "rnn", &w->rnn, NULL));
    OK(recur_recurrent_create(w->ctx, &LINE, &w->line));
    randomize(w->line, 0.5);
    OK(recur_norm_create(w->ctx, H, 0, 0, &parts[0]));
    OK(recur_linear_create(w->ctx, H, I, 0, &parts[1]));
    w->back = chain(w->ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "norm", "fc" }, parts);
    randomize(w->back, 0.5);
    assert_in_range(recur_layer_count(w->net), 1, COUNT(w->grads));
    memcpy(w->x, randoms(N * I, 1), sizeof w->x);
    w->packed = layout(w->ctx, B, LENGTHS, 0);
    w->one = layout(w->ctx, B, NULL, 1);
    OK(recur_tape_create(w->ctx, &w->tape));
    OK(recur_tape_create(w->ctx, &w->full));
    OK(recur_state_create(w->net, B, &w->state));
    OK(recur_state_create(w->line, B, &w->line_state));
    OK(recur_cell_from_layer(w->line, &w->cell));
    OK(recur_layer_forward(w->net, w->packed, w->x, w->state, NULL, w->full));
    OK(recur_optimizer_create(w->ctx, &ADAM, 10, &w->optimizer));
    OK(recur_loss_create(w->ctx, &CTC, &w->ctc));
    OK(recur_loss_create(w->ctx, &SAMPLED, &w->sampled));
    OK(recur_file_open_memory(w->ctx, NULL, 0, &w->empty));
    OK(recur_file_open_memory(w->ctx, NULL, 0, &w->file));
    OK(recur_layer_save(w->net, w->file, "net."));
    OK(recur_optimizer_save(w->optimizer, w->file, "adam."));
    OK(recur_state_save(w->state, w->file, "state."));
    OK(recur_model_put(w->net, w->file, "model.", &(recur_model_sample){ .size = sizeof(recur_model_sample), .packed = w->packed, .x = w->x }));
    OK(recur_file_write_memory(w->file, NULL, &w->saved_bytes));
    w->saved = bytes_of((int64_t)w->saved_bytes, 1);
    OK(recur_file_write_memory(w->file, w->saved, &w->saved_bytes));
    return w;
}

static void end_world(world *w)
{
    w->count.until_failure = -1;
    recur_layer *const layers[] = { w->rnn, w->net, w->line, w->back };
    for (int i = 0; i < COUNT(layers); i++) recur_layer_release(layers[i]);
    recur_packed_release(w->packed);
    recur_packed_release(w->one);
    recur_tape_release(w->tape);
    recur_tape_release(w->full);
    recur_state_release(w->state);
    recur_state_release(w->line_state);
    recur_cell_release(w->cell);
    recur_optimizer_release(w->optimizer);
    recur_loss_release(w->ctc);
    recur_loss_release(w->sampled);
    recur_file_release(w->file);
    recur_file_release(w->empty);
    recur_context_release(w->ctx);
    if (w->count.blocks || w->count.mistakes)
        fail_msg("%d blocks leaked, %d mistakes", (int)w->count.blocks, (int)w->count.mistakes);
    give_back();
}

/* What can be seen of all handles, summed up: it must not change in a failure. */
static double sight(world *w)
{
    double sum = 0, weight = 1;
    float values[2 * 2 * B * H];
    for (int64_t i = 0; i < recur_layer_count(w->net); i++)
        sum += (weight *= 1.01) * (double)recur_layer_params(w->net)[i];
    weight = 1;
    for (int s = 0; s < 2; s++) {
        recur_state *state = s ? w->line_state : w->state;
        const int64_t count = recur_state_count(state);
        OK(recur_state_read(state, 0, count, values));
        for (int64_t i = 0; i < count; i++) sum += (weight *= 1.02) * (double)values[i];
    }
    for (int64_t i = 0; i < COUNT(w->grads); i++) sum += (double)w->grads[i];
    sum += 1e3 * (double)recur_tape_records(w->full) + 2e3 * (double)recur_tape_records(w->tape);
    sum += 1e4 * (double)recur_packed_rows(w->packed) + 1e5 * (double)recur_packed_batch(w->packed) +
           (double)recur_packed_row(w->packed, 1, 0);
    sum += 1e6 * (double)recur_file_tensors(w->file) + 2e6 * (double)recur_file_texts(w->file) +
           5e6 * (double)recur_file_tensors(w->empty);
    return sum;
}

/* ---- the calls ------------------------------------------------------------------------------------------------- */

#define MAKES(name, type, call)                        \
    static recur_status name(world *w)                 \
    {                                                  \
        recur_##type *out = (recur_##type *)(void *)w; \
        const recur_status status = call;              \
        if (status)                                    \
            assert_null(out);                          \
        else                                           \
            recur_##type##_release(out);               \
        return status;                                 \
    }

static const recur_loss_options WEIGHTED = {
    .size = sizeof WEIGHTED, .kind = RECUR_LOSS_CROSS_ENTROPY, .classes = 3, .class_weight = (const float[]){ 1, 2, 3 }
};

MAKES(packed_create, packed, recur_packed_create(w->ctx, B, LENGTHS, 0, &out))
MAKES(recurrent_create, layer, recur_recurrent_create(w->ctx, &RNN, &out))
MAKES(linear_create, layer, recur_linear_create(w->ctx, 3, 4, 0, &out))
MAKES(embedding_create, layer, recur_embedding_create(w->ctx, 3, 4, 0, &out))
MAKES(last_create, layer, recur_last_create(w->ctx, 3, 0, &out))
MAKES(dropout_create, layer, recur_dropout_create(w->ctx, 3, 0.5, &out))
MAKES(activation_create, layer, recur_activation_create(w->ctx, 3, RECUR_ACTIVATION_TANH, &out))
MAKES(norm_create, layer, recur_norm_create(w->ctx, 3, 0, 0, &out))
MAKES(merge_create, layer, recur_merge_create(w->ctx, 4, RECUR_MERGE_SUM, &out))
MAKES(residual_create, layer,
      recur_compose_create(w->ctx, RECUR_COMPOSE_RESIDUAL, 2, (const char *const[]){ "line", "back" },
                           (recur_layer *const[]){ w->line, w->back }, &out))
MAKES(compose_create, layer,
      recur_compose_create(w->ctx, RECUR_COMPOSE_GROUP, 2, (const char *const[]){ "a", "b" },
                           (recur_layer *const[]){ w->net, w->line }, &out))
MAKES(layer_child, layer, recur_layer_child(w->net, "fc", &out, NULL))
MAKES(layer_snapshot, layer, recur_layer_snapshot(w->net, RECUR_PRECISION_FLOAT32, &out))
MAKES(cell_create, cell, recur_cell_create(w->ctx, &LINE, &out))
MAKES(cell_from_layer, cell, recur_cell_from_layer(w->line, &out))
MAKES(state_create, state, recur_state_create(w->net, B, &out))
MAKES(tape_create, tape, recur_tape_create(w->ctx, &out))
MAKES(loss_create, loss, recur_loss_create(w->ctx, &WEIGHTED, &out))
MAKES(loss_create_sampled, loss, recur_loss_create(w->ctx, &SAMPLED, &out))
MAKES(optimizer_create, optimizer, recur_optimizer_create(w->ctx, &ADAM, 10, &out))
MAKES(file_open_empty, file, recur_file_open_memory(w->ctx, NULL, 0, &out))
MAKES(file_open_memory, file, recur_file_open_memory(w->ctx, w->saved, w->saved_bytes, &out))
MAKES(model_get, layer, recur_model_get(w->file, "model.", &out))
MAKES(file_open, file, recur_file_open(w->ctx, "tests/golden/lstm_bi.safetensors", &out))

static recur_status packed_reset(world *w)
{
    static const int64_t longer[] = { 5, 0, 3, 9, 1, 2, 2 };
    const recur_status status = recur_packed_reset(w->packed, COUNT(longer), longer, 0);
    for (int64_t b = 0; b < COUNT(longer); b++) w->result[b] = (float)recur_packed_row(w->packed, b, 0);
    return status;
}

static recur_status forward(world *w)
{
    return recur_layer_forward(w->net, w->packed, w->x, w->state, w->result, NULL);
}
static recur_status forward_recorded(world *w)
{
    return recur_layer_forward(w->net, w->packed, w->x, w->state, w->result, w->tape);
}

static recur_status forward_above(world *w)
{
    return recur_layer_forward(w->net, w->packed, w->x, w->state, w->result, w->full);
}

static recur_status forward_ids(world *w)
{
    return recur_layer_forward_ids(w->net, w->packed, (const int32_t[N]){ 0, 1, 2, 2, 1, 0, 1, 1 }, NULL, w->result,
                                   NULL);
}

static recur_status forward_rows(world *w)
{
    return recur_layer_forward(w->back, w->one, w->x, NULL, w->result, w->tape);
}

static recur_status evaluate(world *w)
{
    OK(recur_tape_set_mode(w->tape, RECUR_TAPE_EVALUATE));
    return recur_layer_forward(w->net, w->packed, w->x, w->state, w->result, w->tape);
}

static recur_status backward(world *w)
{
    const recur_status status = recur_layer_backward(w->net, w->packed, w->x, NULL, w->state, w->result, w->grads,
                                                     w->full);
    if (!status) memcpy(w->result + N * I, w->grads, 40 * sizeof(float));
    return status;
}

static recur_status reserve(world *w) { return recur_tape_reserve(w->tape, w->net, w->packed, 3); }
static recur_status reserve_above(world *w) { return recur_tape_reserve(w->full, w->net, w->packed, 300); }
static recur_status cell_step(world *w) { return recur_cell_step(w->cell, w->x, w->line_state, w->result, w->tape); }

static recur_status cell_step_ids(world *w)
{
    return recur_cell_step_ids(w->cell, (const int32_t[B]){ 0, 1, 2 }, w->line_state, w->result, w->tape);
}

static recur_status sequences_with(world *w, recur_tape *tape)
{
    double value = 0;
    const recur_status status = recur_loss_sequences(w->ctc, w->packed, I, w->x, (const int32_t[]){ 1, 2, 1, 2 },
                                                     (const int64_t[B]){ 2, 0, 2 }, &value, w->result, tape);
    w->result[N * I] = (float)value;
    return status;
}

static recur_status decode_with(world *w, recur_tape *tape)
{
    int32_t labels[N] = { 0 };
    int64_t lengths[B];
    const recur_status status = recur_loss_decode(w->ctc, w->packed, I, w->x, 3, labels, lengths, NULL, tape);
    for (int i = 0; i < N; i++) w->result[i] = (float)labels[i];
    return status;
}

static recur_status sampled_with(world *w, recur_tape *tape)
{
    double value = 0;
    const recur_status status = recur_loss_sampled(w->sampled, N, I, w->x, (const int32_t[N]){ 0, 1, 2, 3, 4, 0, 1, -1 },
                                                   recur_layer_params(w->net), 5 * I, 1, 2, &value, w->result, NULL, tape);
    w->result[N * I] = (float)value;
    return status;
}

static recur_status loss_sequences(world *w) { return sequences_with(w, NULL); }
static recur_status loss_decode(world *w) { return decode_with(w, NULL); }
static recur_status loss_sampled(world *w) { return sampled_with(w, NULL); }
static recur_status loss_sequences_taped(world *w) { return sequences_with(w, w->tape); }
static recur_status loss_decode_taped(world *w) { return decode_with(w, w->tape); }
static recur_status loss_sampled_taped(world *w) { return sampled_with(w, w->tape); }

static recur_status optimizer_range(world *w)
{
    for (int64_t i = 0; i < 9; i++) {
        const recur_status status = recur_optimizer_range(w->optimizer, i, 2, 0.5 + (double)i, 1);
        if (status) return status;
    }
    float params[10] = { 0 }, grads[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    OK(recur_optimizer_step(w->optimizer, params, grads, 10, 1));
    memcpy(w->result, params, sizeof params);
    return RECUR_OK;
}

static recur_status init_orthogonal(world *w)
{
    const recur_status status = recur_layer_init(w->net, NULL, RECUR_INIT_ORTHOGONAL, 1, 7);
    memcpy(w->result, recur_layer_params(w->net), sizeof w->result);
    return status;
}

static recur_status layer_save(world *w) { return recur_layer_save(w->net, w->file, "again."); }
static recur_status optimizer_save(world *w) { return recur_optimizer_save(w->optimizer, w->empty, "again."); }
static recur_status state_save(world *w) { return recur_state_save(w->state, w->empty, "again."); }
static recur_status optimizer_load(world *w) { return recur_optimizer_load(w->optimizer, w->file, "adam."); }
static recur_status state_load(world *w) { return recur_state_load(w->state, w->file, "state."); }

static recur_status model_put(world *w)
{
    const recur_model_sample sample = { .size = sizeof sample, .packed = w->packed, .x = w->x, .tolerance = 1e-6 };
    return recur_model_put(w->net, w->empty, "again.", &sample);
}

static recur_status model_save_and_open(world *w)
{
    recur_layer *layer = NULL;
    recur_status status = recur_model_save(w->net, path, NULL);
    if (!status) status = recur_model_open(w->ctx, path, &layer);
    if (!status) memcpy(w->result, recur_layer_params(layer), sizeof w->result);
    recur_layer_release(layer);
    return status;
}

static recur_status layer_load(world *w)
{
    const recur_status status = recur_layer_load(w->net, w->file, "net.");
    memcpy(w->result, recur_layer_params(w->net), sizeof w->result);
    return status;
}

static recur_status file_add(world *w)
{
    const recur_tensor info = { .size = sizeof info, .rank = 1, .dim = { N * I, 1, 1, 1 }, .name = "extra" };
    return recur_file_add(w->file, &info, w->x);
}

static recur_status file_set_text(world *w)
{
    return recur_file_set_text(w->file, "alphabet", "abcdefghijklmnopqrstuvwxyz");
}
static recur_status file_write(world *w) { return recur_file_write(w->file, path); }

static recur_status file_write_memory(world *w)
{
    size_t bytes = w->saved_bytes;
    return recur_file_write_memory(w->file, w->saved, &bytes);
}

/* Whether a failure may keep memory for later (buffers that grow). */
typedef struct call {
    const char *name;
    recur_status (*make)(world *w);
    bool keeps;
} call;

#define CALL(name)         \
    {                      \
#name, name, false \
    }
#define GROWS(name)       \
    {                     \
#name, name, true \
    }

static const call CALLS[] = {
    CALL(packed_create),   CALL(recurrent_create),  CALL(linear_create),     CALL(embedding_create),
    CALL(last_create),     CALL(dropout_create),    CALL(activation_create), CALL(compose_create),
    CALL(norm_create),     CALL(merge_create),      CALL(residual_create),
    CALL(layer_child),     CALL(layer_snapshot),    CALL(cell_create),       CALL(cell_from_layer),
    CALL(state_create),    CALL(tape_create),       CALL(loss_create),       CALL(optimizer_create),
    CALL(file_open_empty), CALL(file_open_memory),  CALL(file_open),         CALL(packed_reset),
    CALL(forward),         CALL(forward_ids),       GROWS(forward_recorded), GROWS(forward_above),
    GROWS(forward_rows),
    GROWS(evaluate),       GROWS(backward),         GROWS(reserve),          GROWS(reserve_above),
    GROWS(cell_step),      GROWS(cell_step_ids),    GROWS(optimizer_range),  CALL(init_orthogonal),
    GROWS(layer_save),     GROWS(optimizer_save),   GROWS(state_save),       CALL(layer_load),
    CALL(optimizer_load),  CALL(state_load),        GROWS(file_add),         GROWS(file_set_text),
    CALL(file_write),      CALL(file_write_memory),
    CALL(loss_create_sampled),  CALL(loss_sequences),        CALL(loss_decode),          CALL(loss_sampled),
    GROWS(loss_sequences_taped), GROWS(loss_decode_taped),   GROWS(loss_sampled_taped),
    CALL(file_write),      CALL(file_write_memory), CALL(model_get),         GROWS(model_put),
    CALL(model_save_and_open),
};

/* The call with allocation number n failing (and all later ones, unless once); false if it made fewer. */
static bool fail_nth(const call *c, int64_t n, bool once, const float *want)
{
    world *w = make_world();
    const double before = sight(w);
    const size_t bytes = w->count.bytes;
    trying("%s, allocation %lld%s", c->name, (long long)n, once ? " alone" : "");
    support_forget();
    w->count.until_failure = n;
    w->count.once = once;
    const recur_status status = c->make(w);
    const bool failed = w->count.refusals > 0;
    w->count.until_failure = -1;
    if (failed && status) {
        support_fails(RECUR_E_MEMORY, status, "", c->name, __FILE__, __LINE__);
        if (fabs(sight(w) - before) > 0)
            fail_msg("%s: a failure at allocation %lld changed a handle", c->name, (long long)n);
        if (!c->keeps) assert_int_equal(w->count.bytes, bytes);
        OK(c->make(w));
    } else if (status || (failed && !once)) {
        fail_msg("%s: allocation %lld failed, the call gave %s", c->name, (long long)n, recur_status_name(status));
    }
    assert_memory_equal(w->result, want, sizeof w->result);
    end_world(w);
    return failed;
}

static void every_allocation_fails(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT(CALLS); i++) {
        float want[RESULT];
        world *w = make_world();
        trying("%s", CALLS[i].name);
        const int64_t before = w->count.allocations;
        OK(CALLS[i].make(w));
        const int64_t allocations = w->count.allocations - before;
        memcpy(want, w->result, sizeof want);
        end_world(w);
        for (int once = 0; once < 2; once++) {
            int64_t n = 0;
            while (fail_nth(&CALLS[i], n, once, want)) n++;
            assert_true(n >= allocations);
        }
    }
}

/* What the headers promise: one allocation for a handle. */
static void one_allocation_each(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        recur_status (*make)(world *w);
        int64_t allocations;
    } rows[] = {
        { "packed", packed_create, 1 },       { "recurrent", recurrent_create, 1 }, { "linear", linear_create, 1 },
        { "embedding", embedding_create, 1 }, { "last", last_create, 1 },           { "dropout", dropout_create, 1 },
        { "compose", compose_create, 1 },     { "child", layer_child, 0 },          { "snapshot", layer_snapshot, 1 },
        { "norm", norm_create, 1 },           { "merge", merge_create, 1 },         { "residual", residual_create, 1 },
        { "cell", cell_create, 2 },           { "from layer", cell_from_layer, 1 }, { "state", state_create, 1 },
        { "tape", tape_create, 1 },           { "loss", loss_create, 1 },           { "optimizer", optimizer_create, 1 }
    };
    for (int i = 0; i < COUNT(rows); i++) {
        world *w = make_world();
        const int64_t before = w->count.allocations;
        OK(rows[i].make(w));
        if (w->count.allocations - before != rows[i].allocations)
            fail_msg("%s: %d allocations, not %d", rows[i].name, (int)(w->count.allocations - before),
                     (int)rows[i].allocations);
        end_world(w);
    }
}

static void *nothing(void *user, size_t bytes, size_t align)
{
    (void)align;
    *(size_t *)user = bytes;
    return NULL;
}

static void never(void *user, void *ptr, size_t bytes)
{
    (void)user;
    fail_msg("%zu bytes at %p given back, but none were given", bytes, ptr);
}

static void context_without_memory(void **unused)
{
    (void)unused;
    size_t asked = 0;
    const recur_allocator allocator = { nothing, never, &asked };
    const recur_context_options options = { .size = sizeof options, .allocator = &allocator };
    recur_context *ctx = (recur_context *)(void *)&asked;
    char bytes[32];
    const recur_status status = recur_context_create(&options, &ctx);
    snprintf(bytes, sizeof bytes, "%zu", asked);
    support_fails(RECUR_E_MEMORY, status, bytes, "recur_context_create", __FILE__, __LINE__);
    assert_true(asked > 0);
    assert_null(ctx);
}

static int make_path(void **unused)
{
    (void)unused;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **unused)
{
    (void)unused;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_allocation_fails), TEST(one_allocation_each),
                                        TEST(context_without_memory) };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
