/* test_defer.c - gradients that wait on a tape (recur_tape_defer_gradients) are the same sums, are
 * complete when the library says so, and are never lost. */
#include "support/loop.h"

enum { I = LOOP_I };

/* There are fewer rows than can wait at once, as many, and more; and batches that fill what can
 * wait, or are too large for it. */
static void deferred_sums_equal_immediate_ones(void **unused)
{
    (void)unused;
    static const int64_t sizes[][2] = { { 1, 1 },   { 2, 1 },  { 127, 1 }, { 129, 1 }, { 130, 1 },
                                        { 270, 1 }, { 31, 5 }, { 5, 64 },  { 4, 65 },  { 3, 160 } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++)
            for (int64_t s = 0; s < COUNT(sizes); s++) {
                const uint32_t flags = s % 2 ? RECUR_LAYER_NO_BIAS : 0;
                trying("%s, T %d, B %d", KINDS[kind].name, (int)sizes[s][0], (int)sizes[s][1]);
                loop immediate = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags,
                                           0);
                loop deferred = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags,
                                          1);
                for (int i = 0; i < 2; i++) { /* the second time over gradients of the first */
                    loop_forward(&immediate, 0, immediate.T);
                    loop_backward(&immediate, 0, immediate.T);
                    loop_forward(&deferred, 0, deferred.T);
                    loop_backward(&deferred, 0, deferred.T);
                }
                check_loop_gradients(&deferred, &immediate);
                check_same("dx", deferred.T * deferred.B * I, deferred.dx, immediate.dx);
                close_loop(&immediate);
                close_loop(&deferred);
                give_back();
            }
}

/* A loop that is not played back to its beginning calls recur_tape_add_gradients, which adds the
 * rows that wait. */
static void waiting_rows_can_be_added(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 0);
    loop q = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 1);
    loop_forward(&want, 0, want.T);
    loop_backward(&want, 13, 20);
    loop_forward(&q, 0, q.T);
    loop_backward(&q, 13, 20);
    check_same("nothing yet", q.P, q.grads, zeros(q.P));
    check_same("nothing yet", q.Q, q.head_grads, zeros(q.Q));
    for (int twice = 0; twice < 2; twice++) {
        OK(recur_tape_add_gradients(q.tape, q.layer, q.grads));
        OK(recur_tape_add_gradients(q.tape, q.head, q.head_grads));
        check_loop_gradients(&q, &want);
    }
    loop_backward(&want, 5, 13);
    loop_backward(&q, 5, 13);
    OK(recur_tape_defer_gradients(q.tape, 0));
    /* Each backward adds its own rows again, and the last one adds what waits. */
    loop_backward(&want, 0, 5);
    loop_backward(&q, 0, 5);
    check_loop_gradients(&q, &want);
    close_loop(&want);
    close_loop(&q);
    close_context(ctx);
}

/* For a layer whose parts are run by hand, one call adds the rows of all parts. */
static void waiting_rows_of_all_parts_are_added(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    const char *const names[] = { "cell", "head" };
    loop want = open_loop(ctx, RECUR_CELL_GRU, 9, 2, 0, 0);
    loop q = open_loop(ctx, RECUR_CELL_GRU, 9, 2, 0, 1);
    recur_layer *parts[] = { q.layer, q.head }, *net;
    OK(recur_compose_create(ctx, RECUR_COMPOSE_GROUP, 2, names, parts, &net));
    close_loop(&q);
    q = open_loop(ctx, RECUR_CELL_GRU, 9, 2, 0, 1);
    recur_cell_release(q.cell);
    recur_layer_release(q.layer);
    recur_layer_release(q.head);
    int64_t at_head;
    OK(recur_layer_child(net, "cell", &q.layer, NULL));
    OK(recur_layer_child(net, "head", &q.head, &at_head));
    OK(recur_cell_from_layer(q.layer, &q.cell));
    loop_forward(&want, 0, want.T);
    loop_backward(&want, 2, 9);
    loop_forward(&q, 0, q.T);
    loop_backward(&q, 2, 9);
    float *grads = zeros(q.P + q.Q);
    OK(recur_tape_add_gradients(q.tape, net, grads));
    q.grads = grads;
    q.head_grads = grads + at_head;
    check_loop_gradients(&q, &want);
    recur_layer_release(net);
    close_loop(&want);
    close_loop(&q);
    close_context(ctx);
}

/* Rows that wait for one vector of gradients do not get into another: a backward with another
 * vector is refused until they are added. */
static void other_gradients_are_refused_while_rows_wait(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 0);
    loop q = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 1);
    loop *const both[] = { &want, &q };
    float *first[2], *second[2];
    for (int i = 0; i < 2; i++) {
        loop *p = both[i];
        first[i] = p->grads;
        second[i] = zeros(p->P);
        loop_forward(p, 0, p->T);
        loop_backward(p, 7, 12);
        if (p == &q) {
            OK(recur_layer_backward(q.head, q.one, q.h + 6 * q.B * LOOP_H, NULL, NULL, NULL,
                                    q.head_grads, q.tape));
            FAILS(RECUR_E_ORDER,
                  recur_cell_step_backward(q.cell, q.x, NULL, q.dstate, NULL, second[1], q.tape),
                  "recur_cell_step_backward 10 recur_tape_add_gradients");
            OK(recur_tape_add_gradients(q.tape, q.layer, q.grads));
            OK(recur_cell_step_backward(q.cell, q.x + 6 * q.B * I, NULL, q.dstate, NULL, second[1],
                                        q.tape));
        } else {
            OK(recur_layer_backward(want.head, want.one, want.h + 6 * want.B * LOOP_H, NULL, NULL,
                                    NULL, want.head_grads, want.tape));
            OK(recur_cell_step_backward(want.cell, want.x + 6 * want.B * I, NULL, want.dstate, NULL,
                                        second[0], want.tape));
        }
        p->grads = second[i];
        loop_backward(p, 0, 6);
    }
    check_near("the first", q.P, first[1], first[0], GRADIENTS);
    check_near("the second", q.P, second[1], second[0], GRADIENTS);
    close_loop(&want);
    close_loop(&q);
    close_context(ctx);
}

/* A tape that is reset or released drops the rows that wait, and never follows a pointer of the
 * caller's, who may have freed the gradients before. */
static void reset_and_release_drop_waiting_rows(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int reset = 0; reset < 2; reset++) {
            loop q = open_loop(ctx, RECUR_CELL_LSTM, 6, 1, 0, 1);
            float *grads = q.grads;
            loop_forward(&q, 0, q.T);
            loop_backward(&q, 2, 6);
            check_same("nothing yet", q.P, grads, zeros(q.P));
            if (reset) OK(recur_tape_reset(q.tape));
            if (reset) OK(recur_tape_add_gradients(q.tape, q.layer, grads));
            close_loop(&q);
            check_same("lost", q.P, grads, zeros(q.P));
        }
}

/* Nothing is allocated but what recur_tape_reserve and recur_layer_memory count. */
static void reserved_loop_allocates_nothing(void **unused)
{
    (void)unused;
    counter c = { .until_failure = -1 };
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    loop q = open_loop(ctx, RECUR_CELL_LSTM, 40, 1, 0, 1);
    OK(recur_tape_reserve(q.tape, q.layer, q.one, q.T));
    OK(recur_tape_reserve(q.tape, q.head, q.one, q.T));
    const int64_t before = c.allocations;
    loop_forward(&q, 0, q.T);
    loop_backward(&q, 0, q.T);
    assert_int_equal(c.allocations, before);
    close_loop(&q);
    recur_context_release(ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deferred_sums_equal_immediate_ones),
        TEST(waiting_rows_can_be_added),
        TEST(other_gradients_are_refused_while_rows_wait),
        TEST(waiting_rows_of_all_parts_are_added),
        TEST(reset_and_release_drop_waiting_rows),
        TEST(reserved_loop_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
