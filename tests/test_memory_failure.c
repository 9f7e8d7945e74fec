/* test_memory_failure.c - layouts, layers, cells, states, tapes and passes, with their n-th
 * allocation failing, n = 1, 2, 3 ...
 *
 * Each must say RECUR_E_MEMORY, leave all handles as they were and leak nothing; when there is
 * memory again, the same call on the same handles must succeed and give what an undisturbed one
 * gives. */
#include "support/failure.h"

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
      recur_compose_create(w->ctx, RECUR_COMPOSE_RESIDUAL, 2,
                           (const char *const[]){ "line", "back" },
                           (recur_layer *const[]){ w->line, w->back }, &out))
MAKES(compose_create, layer,
      recur_compose_create(w->ctx, RECUR_COMPOSE_GROUP, 2, (const char *const[]){ "a", "b" },
                           (recur_layer *const[]){ w->net, w->line }, &out))
MAKES(conv_create, layer,
      recur_conv_create(w->ctx,
                        &(recur_conv_options){ .size = sizeof(recur_conv_options),
                                               .axis = RECUR_CONV_TIME,
                                               .in_channels = 2,
                                               .out_channels = 3,
                                               .kernel = 2 },
                        &out))
MAKES(graph_create, layer,
      recur_graph_create(w->ctx, 3, 1,
                         &(recur_graph_part){ .name = "line",
                                              .layer = w->line,
                                              .sources = &(recur_source){ .part = NULL },
                                              .source_count = 1 },
                         &out))
MAKES(layer_child, layer, recur_layer_child(w->net, "fc", &out, NULL))
MAKES(layer_snapshot, layer, recur_layer_snapshot(w->net, RECUR_PRECISION_FLOAT32, &out))
MAKES(cell_create, cell, recur_cell_create(w->ctx, &LINE, &out))
MAKES(cell_from_layer, cell, recur_cell_from_layer(w->line, &out))
MAKES(state_create, state, recur_state_create(w->net, B, &out))
MAKES(tape_create, tape, recur_tape_create(w->ctx, &out))

static recur_status packed_reset(world *w)
{
    static const int64_t longer[] = { 5, 0, 3, 9, 1, 2, 2 };
    const recur_status status = recur_packed_reset(w->packed, COUNT(longer), longer, 0);
    for (int64_t b = 0; b < COUNT(longer); b++)
        w->result[b] = (float)recur_packed_row(w->packed, b, 0);
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
    return recur_layer_forward_ids(w->net, w->packed, (const int32_t[N]){ 0, 1, 2, 2, 1, 0, 1, 1 },
                                   NULL, w->result, NULL);
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
    const recur_status status = recur_layer_backward(w->net, w->packed, w->x, NULL, w->state,
                                                     w->result, w->grads, w->full);
    if (!status) memcpy(w->result + N * I, w->grads, 40 * sizeof(float));
    return status;
}

static recur_status reserve(world *w) { return recur_tape_reserve(w->tape, w->net, w->packed, 3); }
static recur_status reserve_above(world *w)
{
    return recur_tape_reserve(w->full, w->net, w->packed, 300);
}
static recur_status cell_step(world *w)
{
    return recur_cell_step(w->cell, w->x, w->line_state, w->result, w->tape);
}

static recur_status cell_step_ids(world *w)
{
    return recur_cell_step_ids(w->cell, (const int32_t[B]){ 0, 1, 2 }, w->line_state, w->result,
                               w->tape);
}

static const call CALLS[] = {
    CALL(packed_create),  CALL(recurrent_create), CALL(linear_create),     CALL(embedding_create),
    CALL(last_create),    CALL(dropout_create),   CALL(activation_create), CALL(norm_create),
    CALL(merge_create),   CALL(residual_create),  CALL(compose_create),    CALL(layer_child),
    CALL(layer_snapshot), CALL(cell_create),      CALL(cell_from_layer),   CALL(state_create),
    CALL(tape_create),    CALL(packed_reset),     CALL(forward),           GROWS(forward_recorded),
    GROWS(forward_above), CALL(forward_ids),      GROWS(forward_rows),     GROWS(evaluate),
    GROWS(backward),      GROWS(reserve),         GROWS(reserve_above),    GROWS(cell_step),
    GROWS(cell_step_ids), CALL(conv_create),      CALL(graph_create),
};

static void every_allocation_fails(void **unused)
{
    (void)unused;
    every_allocation_of(CALLS, COUNT(CALLS));
}

/* A handle takes one allocation, as the headers promise; what is composed takes another one while
 * it is made. */
static void one_allocation_each(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        recur_status (*make)(world *w);
        int64_t allocations;
    } rows[] = { { "packed", packed_create, 1 },    { "recurrent", recurrent_create, 1 },
                 { "linear", linear_create, 1 },    { "embedding", embedding_create, 1 },
                 { "last", last_create, 1 },        { "dropout", dropout_create, 1 },
                 { "compose", compose_create, 2 },  { "child", layer_child, 0 },
                 { "snapshot", layer_snapshot, 1 }, { "norm", norm_create, 1 },
                 { "merge", merge_create, 1 },      { "residual", residual_create, 2 },
                 { "cell", cell_create, 2 },        { "from layer", cell_from_layer, 1 },
                 { "graph", graph_create, 2 },      { "conv", conv_create, 1 },
                 { "state", state_create, 1 },      { "tape", tape_create, 1 } };
    for (int i = 0; i < COUNT(rows); i++) {
        world *w = make_world();
        const int64_t before = w->count.allocations;
        OK(rows[i].make(w));
        if (w->count.allocations - before != rows[i].allocations)
            fail_msg("%s: %d allocations, not %d", rows[i].name,
                     (int)(w->count.allocations - before), (int)rows[i].allocations);
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

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_allocation_fails), TEST(one_allocation_each),
                                        TEST(context_without_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
