/* test_defer.c - gradients that wait on a tape (recur_tape_defer_gradients) are the same sums,
 * complete when they are said to be, and never lost. */
#include "support/loop.h"

enum { I = LOOP_I };

/* Fewer, as many, and more rows than wait at once; batches that fill what waits, and that are too
 * large for it. */
static void the_same_sums(void **unused)
{
    (void)unused;
    static const int64_t sizes[][2] = { { 1, 1 },   { 2, 1 },  { 127, 1 }, { 129, 1 }, { 130, 1 },
                                        { 270, 1 }, { 31, 5 }, { 5, 64 },  { 4, 65 },  { 3, 160 } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++)
            for (int64_t s = 0; s < COUNT(sizes); s++) {
                const uint32_t flags = s % 2 ? RECUR_LAYER_NO_BIAS : 0;
                trying("%s, T %d, B %d", KINDS[kind].name, (int)sizes[s][0], (int)sizes[s][1]);
                loop at_once = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags, 0);
                loop later = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags, 1);
                for (int i = 0; i < 2; i++) { /* the second time over gradients of the first */
                    loop_forward(&at_once, 0, at_once.T);
                    loop_backward(&at_once, 0, at_once.T);
                    loop_forward(&later, 0, later.T);
                    loop_backward(&later, 0, later.T);
                }
                check_loop_gradients(&later, &at_once);
                check_same("dx", later.T * later.B * I, later.dx, at_once.dx);
                close_loop(&at_once);
                close_loop(&later);
                give_back();
            }
}

/* The way out of a loop that is not played back to its beginning: what waits is handed over. */
static void what_waits_is_added(void **unused)
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
    loop_backward(&want, 0, 5); /* each adds its own again, the last one what waits */
    loop_backward(&q, 0, 5);
    check_loop_gradients(&q, &want);
    close_loop(&want);
    close_loop(&q);
    close_context(ctx);
}

/* Of a layer of parts that are run by hand: all at once. */
static void what_waits_of_all_parts(void **unused)
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

/* Rows of one vector of gradients do not get into another: that is refused until they were
 * added. */
static void each_into_its_own(void **unused)
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

/* A tape that is reset or goes takes what waits with it, and never follows a pointer of the
 * caller's: the gradients are freed before. */
static void what_waits_is_lost(void **unused)
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
static void memory(void **unused)
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
    const struct CMUnitTest tests[] = { TEST(the_same_sums),      TEST(what_waits_is_added),
                                        TEST(each_into_its_own),  TEST(what_waits_of_all_parts),
                                        TEST(what_waits_is_lost), TEST(memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
