/* test_defer.c - gradients that wait on a tape (recur_tape_defer) are the same sums, complete when
 * they are said to be, and never lost. */
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
                    loop_forward(&at_once, 0, at_once.T), loop_backward(&at_once, 0, at_once.T);
                    loop_forward(&later, 0, later.T), loop_backward(&later, 0, later.T);
                }
                check_loop_gradients(&later, &at_once);
                check_same("dx", later.T * later.B * I, later.dx, at_once.dx);
                close_loop(&at_once), close_loop(&later);
                give_back();
            }
}

/* The way out of a loop that is not played back to its beginning: reset, or defer, add what waits.
 */
static void what_waits_is_added(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 0),
         q = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 1);
    loop_forward(&want, 0, want.T), loop_backward(&want, 13, 20);
    loop_forward(&q, 0, q.T), loop_backward(&q, 13, 20);
    check_same("nothing yet", q.P, q.grads, zeros(q.P));
    check_same("nothing yet", q.Q, q.head_grads, zeros(q.Q));
    OK(recur_tape_reset(q.tape));
    check_loop_gradients(&q, &want);
    OK(recur_tape_reset(q.tape)); /* once */
    check_loop_gradients(&q, &want);
    OK(recur_tape_reset(want.tape));
    loop_forward(&want, 0, want.T), loop_backward(&want, 10, 20);
    loop_forward(&q, 0, q.T), loop_backward(&q, 10, 20);
    OK(recur_tape_defer(q.tape, 0));
    check_loop_gradients(&q, &want);
    loop_backward(&want, 5, 10), loop_backward(&q, 5, 10); /* each adds its own again */
    check_loop_gradients(&q, &want);
    loop_backward(&want, 0, 5), loop_backward(&q, 0, 5);
    check_loop_gradients(&q, &want);
    close_loop(&want), close_loop(&q);
    close_context(ctx);
}

/* Rows of one vector of gradients do not get into another. */
static void each_into_its_own(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 0),
         q = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 1);
    loop *const both[] = { &want, &q };
    float *first[2], *second[2];
    for (int i = 0; i < 2; i++) {
        loop *p = both[i];
        first[i] = p->grads, second[i] = zeros(p->P);
        loop_forward(p, 0, p->T);
        loop_backward(p, 7, 12);
        p->grads = second[i];
        loop_backward(p, 3, 7);
        p->grads = first[i];
        loop_backward(p, 0, 3);
    }
    check_near("the first", q.P, first[1], first[0], GRADIENTS);
    check_near("the second", q.P, second[1], second[0], GRADIENTS);
    check_loop_gradients(&q, &want);
    close_loop(&want), close_loop(&q);
    close_context(ctx);
}

/* A layer lives as long as its gradients wait; a tape that goes takes them with it. */
static void who_goes_first(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop q = open_loop(ctx, RECUR_CELL_LSTM, 6, 1, 0, 1);
        loop_forward(&q, 0, q.T), loop_backward(&q, 2, 6);
        recur_cell_release(q.cell), recur_layer_release(q.layer);
        q.cell = NULL, q.layer = NULL;
        OK(recur_tape_reset(q.tape));
        assert_true(q.grads[0] != 0.0f);
        close_loop(&q);
        loop r = open_loop(ctx, RECUR_CELL_LSTM, 6, 1, 0, 1);
        loop_forward(&r, 0, r.T), loop_backward(&r, 2, 6);
        close_loop(&r);
        check_same("lost", r.P, r.grads, zeros(r.P));
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
    loop_forward(&q, 0, q.T), loop_backward(&q, 0, q.T);
    assert_int_equal(c.allocations, before);
    close_loop(&q);
    recur_context_release(ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(the_same_sums), TEST(what_waits_is_added),
                                        TEST(each_into_its_own), TEST(who_goes_first),
                                        TEST(memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
