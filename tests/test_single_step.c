/* test_single_step.c - single steps of a loop by hand equal a pass. After one full check the tape's
 * plan lets steps skip most checks: they give what checked steps give; and a call that does not fit
 * the plan is checked in full, and refused with the same sentence. */
#include "support/loop.h"

enum { I = LOOP_I, H = LOOP_H, OUT = LOOP_OUT, T = 12 };

static void count_trace(const recur_trace *trace, void *user)
{
    (void)trace;
    ++*(int *)user;
}

/* Every step of a tape with a trace is checked in full. */
static int traces;
static loop checked_loop(recur_context *ctx, int kind, int64_t B)
{
    loop q = open_loop(ctx, kind, T, B, 0, 0);
    OK(recur_tape_trace(q.tape, count_trace, &traces));
    return q;
}

static void check_loops(const loop *got, const loop *want)
{
    check_near("h", T * want->B * H, got->h, want->h, OUTPUTS);
    check_near("y", T * want->B * OUT, got->y, want->y, OUTPUTS);
    check_near("dx", T * want->B * I, got->dx, want->dx, GRADIENTS);
    check_loop_gradients(got, want);
}

static void reserve(loop *q)
{
    OK(recur_tape_reserve(q->tape, q->layer, q->one, T));
    OK(recur_tape_reserve(q->tape, q->head, q->one, T));
}

static void run_epoch(loop *q)
{
    OK(recur_state_reset(q->state, -1));
    OK(recur_state_reset(q->dstate, -1));
    loop_forward(q, 0, T);
    loop_backward(q, 0, T);
}

/* The law holds epoch after epoch, reserved or not, with other parameters in each: the tape repacks
 * parameters for each epoch, and never uses those of the epoch before. */
static void planned_steps_equal_checked_steps(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++)
            for (int way = 0; way < 4; way++) {
                const int64_t B = way % 2 ? 3 : 1;
                trying("%s, B %d%s", KINDS[kind].name, (int)B, way > 1 ? ", reserved" : "");
                loop want = checked_loop(ctx, KINDS[kind].cell, B),
                     q = open_loop(ctx, KINDS[kind].cell, T, B, 0, 0);
                if (way > 1) reserve(&q);
                traces = 0;
                for (int epoch = 0; epoch < 3; epoch++) {
                    run_epoch(&want);
                    run_epoch(&q);
                    check_loops(&q, &want);
                    dice((uint64_t)epoch);
                    randomize(want.layer, 0.6);
                    randomize(want.head, 0.6);
                    dice((uint64_t)epoch);
                    randomize(q.layer, 0.6);
                    randomize(q.head, 0.6);
                }
                assert_int_equal(traces, 3 * 2 * T);
                close_loop(&want);
                close_loop(&q);
                give_back();
            }
}

/* Parameters may change after a reset: the steps that follow use the new ones. */
static void reset_discards_repacked_parameters(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop want = checked_loop(ctx, RECUR_CELL_LSTM, 1),
             q = open_loop(ctx, RECUR_CELL_LSTM, T, 1, 0, 0);
        reserve(&q);
        loop_forward(&q, 0, T);
        loop_backward(&q, 5, T);
        OK(recur_tape_reset(q.tape));
        dice(3);
        randomize(q.layer, 0.9);
        randomize(q.head, 0.9);
        dice(3);
        randomize(want.layer, 0.9);
        randomize(want.head, 0.9);
        q.grads = zeros(q.P);
        q.head_grads = zeros(q.Q);
        run_epoch(&q);
        run_epoch(&want);
        check_loops(&q, &want);
        close_loop(&want);
        close_loop(&q);
    }
}

/* Steps whose records are dropped may be taken again: gradients are as if they had not been. */
static void dropped_steps_count_for_nothing(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++) {
            trying("%s", KINDS[kind].name);
            loop want = checked_loop(ctx, KINDS[kind].cell, 2),
                 q = open_loop(ctx, KINDS[kind].cell, T, 2, 0, 0);
            run_epoch(&want);
            recur_state *aside;
            OK(recur_state_create(q.layer, 2, &aside));
            loop_forward(&q, 0, 5);
            OK(recur_state_copy(aside, q.state));
            const int64_t records = recur_tape_records(q.tape);
            loop_forward(&q, 5, T);
            OK(recur_tape_drop(q.tape, recur_tape_records(q.tape) - records));
            assert_int_equal(recur_tape_records(q.tape), records);
            OK(recur_state_copy(q.state, aside));
            loop_forward(&q, 5, T);
            loop_backward(&q, 0, T);
            check_loops(&q, &want);
            FAILS(RECUR_E_ARGUMENT, recur_tape_drop(q.tape, 1), "1 records");
            OK(recur_tape_drop(q.tape, 0));
            recur_state_release(aside);
            close_loop(&want);
            close_loop(&q);
            give_back();
        }
}

/* A trace is set in the middle of a loop, and taken away again, in forward and in backward. */
static void a_trace_of_some_steps_changes_nothing(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++) {
            trying("%s", KINDS[kind].name);
            loop want = checked_loop(ctx, KINDS[kind].cell, 2),
                 q = open_loop(ctx, KINDS[kind].cell, T, 2, 0, 0);
            run_epoch(&want);
            int seen = 0;
            loop_forward(&q, 0, 5);
            OK(recur_tape_trace(q.tape, count_trace, &seen));
            loop_forward(&q, 5, 8);
            OK(recur_tape_trace(q.tape, NULL, NULL));
            loop_forward(&q, 8, T);
            loop_backward(&q, 6, T);
            OK(recur_tape_trace(q.tape, count_trace, &seen));
            loop_backward(&q, 2, 6);
            OK(recur_tape_trace(q.tape, NULL, NULL));
            loop_backward(&q, 0, 2);
            assert_int_equal(seen, 3 + 4);
            check_loops(&q, &want);
            close_loop(&want);
            close_loop(&q);
            give_back();
        }
}

/* Steps that evaluate are not recorded. A state made for another layer of the same kind fits as
 * before. */
static void evaluation_between_steps_changes_nothing(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop want = checked_loop(ctx, RECUR_CELL_GRU, 1),
             q = open_loop(ctx, RECUR_CELL_GRU, T, 1, 0, 0),
             stranger = open_loop(ctx, RECUR_CELL_GRU, T, 1, 0, 0);
        run_epoch(&want);
        loop_forward(&q, 0, 6);
        const int64_t records = recur_tape_records(q.tape);
        recur_state *aside;
        float *h = floats(H), *y = floats(OUT);
        OK(recur_state_create(stranger.layer, 1, &aside));
        OK(recur_state_copy(aside, q.state));
        OK(recur_tape_set_mode(q.tape, RECUR_TAPE_EVALUATE));
        OK(recur_cell_step(q.cell, q.x + 6 * I, aside, h, q.tape));
        OK(recur_layer_forward(q.head, q.one, h, NULL, y, q.tape));
        assert_int_equal(recur_tape_records(q.tape), records);
        check_near("h", H, h, want.h + 6 * H, OUTPUTS);
        check_near("y", OUT, y, want.y + 6 * OUT, OUTPUTS);
        OK(recur_tape_set_mode(q.tape, RECUR_TAPE_TRAIN));
        recur_state_release(q.state);
        OK(recur_state_create(stranger.layer, 1, &q.state));
        OK(recur_state_copy(q.state, aside));
        OK(recur_state_reset(q.state, -1));
        OK(recur_tape_reset(q.tape));
        loop_forward(&q, 0, T);
        recur_state_release(q.dstate);
        OK(recur_state_create(stranger.layer, 1, &q.dstate));
        loop_backward(&q, 0, T);
        check_loops(&q, &want);
        recur_state_release(aside);
        close_loop(&want);
        close_loop(&q);
        close_loop(&stranger);
    }
}

/* Outputs and gradients that are not wanted are NULL, and the others stay the same. */
static void outputs_that_are_not_wanted_may_be_null(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop want = checked_loop(ctx, RECUR_CELL_LSTM, 1),
             q = open_loop(ctx, RECUR_CELL_LSTM, T, 1, 0, 0);
        loop *const both[] = { &want, &q };
        for (int i = 0; i < 2; i++) {
            loop *p = both[i];
            for (int64_t t = 0; t < T; t++) {
                OK(recur_cell_step(p->cell, p->x + t * I, p->state, t % 2 ? NULL : p->h + t * H,
                                   p->tape));
                OK(recur_layer_forward(p->head, p->one, p->x, NULL, t % 3 ? NULL : p->y + t * OUT,
                                       p->tape));
            }
            float *dx = floats(H);
            for (int64_t t = T - 1; t >= 0; t--) {
                OK(recur_layer_backward(p->head, p->one, p->x, t % 2 ? NULL : p->dy, NULL, dx,
                                        t % 4 ? p->head_grads : NULL, p->tape));
                if (t % 2) check_same("dx", H, dx, zeros(H));
                OK(recur_cell_step_backward(p->cell, p->x + t * I, t % 3 ? dx : NULL, p->dstate,
                                            NULL, t % 4 ? p->grads : NULL, p->tape));
            }
        }
        check_loop_gradients(&q, &want);
        for (int64_t t = 0; t < T; t += 6) check_near("h", H, q.h + t * H, want.h + t * H, OUTPUTS);
        float *got = floats(2 * H), *wanted = floats(2 * H);
        OK(recur_state_read(q.dstate, 0, 2 * H, got));
        OK(recur_state_read(want.dstate, 0, 2 * H, wanted));
        check_near("dstate", 2 * H, got, wanted, GRADIENTS);
        close_loop(&want);
        close_loop(&q);
    }
}

/* A wrong call gets the sentence of the full check. It records nothing and loses nothing, and the
 * loop goes on. */
static void wrong_calls_change_nothing(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = checked_loop(ctx, RECUR_CELL_LSTM, 1),
         q = open_loop(ctx, RECUR_CELL_LSTM, T, 1, 0, 0),
         other = open_loop(ctx, RECUR_CELL_LSTM, T, 4, 0, 0);
    recur_layer *wide = recurrent(ctx, RECUR_CELL_LSTM, I, H + 1, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_state *of_wide, *three;
    OK(recur_state_create(wide, 1, &of_wide));
    OK(recur_state_create(q.layer, 3, &three));
    run_epoch(&want);
    loop_forward(&q, 0, 8);
    FAILS(RECUR_E_SHAPE, recur_cell_step(q.cell, q.x, of_wide, NULL, q.tape),
          "recur_cell_step 16 14");
    FAILS(RECUR_E_ARGUMENT, recur_cell_step(q.cell, NULL, q.state, NULL, q.tape),
          "recur_cell_step x NULL 1");
    FAILS(RECUR_E_ARGUMENT, recur_cell_step(q.cell, q.x, NULL, NULL, q.tape),
          "recur_cell_step state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_forward(q.head, q.one, NULL, NULL, q.y, q.tape),
          "recur_layer_forward x NULL");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(q.layer, q.one, q.x, other.state, q.h, q.tape),
          "recur_layer_forward 4 1");
    FAILS(RECUR_E_SHAPE, recur_layer_forward(q.head, q.one, q.x, q.state, q.y, q.tape),
          "recur_layer_forward state");
    assert_int_equal(recur_tape_records(q.tape), 16);
    loop_forward(&q, 8, T);
    FAILS(RECUR_E_ORDER,
          recur_cell_step_backward(q.cell, q.x, NULL, q.dstate, NULL, q.grads, q.tape),
          "24 another layer");
    FAILS(RECUR_E_ORDER,
          recur_layer_backward(want.head, q.one, q.h, q.dy, NULL, NULL, q.head_grads, q.tape),
          "24 another layer");
    loop_backward(&q, 9, T);
    FAILS(RECUR_E_ORDER,
          recur_layer_backward(q.head, other.one, q.h, q.dy, NULL, NULL, q.head_grads, q.tape),
          "layout 1 4");
    FAILS(RECUR_E_ARGUMENT,
          recur_layer_backward(q.head, q.one, NULL, q.dy, NULL, NULL, q.head_grads, q.tape),
          "x NULL");
    OK(recur_layer_backward(q.head, q.one, q.h + 8 * H, q.dy + 8 * OUT, NULL, q.dx, q.head_grads,
                            q.tape));
    FAILS(RECUR_E_SHAPE,
          recur_cell_step_backward(q.cell, q.x, NULL, other.dstate, NULL, q.grads, q.tape), "4 1");
    FAILS(RECUR_E_SHAPE, recur_cell_step_backward(q.cell, q.x, NULL, three, NULL, q.grads, q.tape),
          "3 1");
    FAILS(RECUR_E_SHAPE,
          recur_cell_step_backward(q.cell, q.x, NULL, of_wide, NULL, q.grads, q.tape), "16 14");
    FAILS(RECUR_E_ARGUMENT,
          recur_cell_step_backward(q.cell, q.x, NULL, NULL, NULL, q.grads, q.tape), "dstate NULL");
    float *dh = copy_of(H, q.dx);
    OK(recur_cell_step_backward(q.cell, q.x + 8 * I, dh, q.dstate, q.dx + 8 * I, q.grads, q.tape));
    loop_backward(&q, 0, 8);
    assert_int_equal(recur_tape_records(q.tape), 0);
    check_loops(&q, &want);
    recur_state_release(of_wide);
    recur_state_release(three);
    recur_layer_release(wide);
    close_loop(&want);
    close_loop(&q);
    close_loop(&other);
    close_context(ctx);
}

/* Two layers are run over a layout of one step, without a cell. Their calls look alike, and must
 * not be taken for each other's. */
static void passes_of_one_step_equal_cell_steps(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop want = checked_loop(ctx, RECUR_CELL_LSTM, 1),
             q = open_loop(ctx, RECUR_CELL_LSTM, T, 1, 0, 0);
        recur_state *three;
        OK(recur_state_create(q.layer, 3, &three));
        run_epoch(&want);
        for (int64_t t = 0; t < T; t++) {
            OK(recur_layer_forward(q.layer, q.one, q.x + t * I, q.state, q.h + t * H, q.tape));
            OK(recur_layer_forward(q.head, q.one, q.h + t * H, NULL, q.y + t * OUT, q.tape));
            FAILS(RECUR_E_SHAPE, recur_layer_forward(q.layer, q.one, q.x, three, q.h, q.tape),
                  "recur_layer_forward 3 1");
        }
        float *dh = floats(H);
        for (int64_t t = T - 1; t >= 0; t--) {
            FAILS(RECUR_E_ORDER,
                  recur_layer_backward(q.layer, q.one, q.x, NULL, q.dstate, NULL, q.grads, q.tape),
                  "another layer");
            OK(recur_layer_backward(q.head, q.one, q.h + t * H, q.dy + t * OUT, NULL, dh,
                                    q.head_grads, q.tape));
            FAILS(RECUR_E_SHAPE,
                  recur_layer_backward(q.layer, q.one, q.x, NULL, three, NULL, q.grads, q.tape),
                  "3 1");
            FAILS(RECUR_E_ORDER,
                  recur_cell_step_backward(q.cell, q.x, NULL, q.dstate, NULL, q.grads, q.tape),
                  "layout");
            OK(recur_layer_backward(q.layer, q.one, q.x + t * I, dh, q.dstate, q.dx + t * I,
                                    q.grads, q.tape));
        }
        check_loops(&q, &want);
        recur_state_release(three);
        close_loop(&want);
        close_loop(&q);
    }
}

/* Steps of one sequence and of three sequences take turns on one tape. */
static void batches_may_take_turns(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop want[2] = { checked_loop(ctx, RECUR_CELL_GRU, 1),
                         checked_loop(ctx, RECUR_CELL_GRU, 3) };
        loop q[2] = { open_loop(ctx, RECUR_CELL_GRU, T, 1, 0, 0),
                      open_loop(ctx, RECUR_CELL_GRU, T, 3, 0, 0) };
        recur_tape *own = q[1].tape;
        recur_cell *cell = q[1].cell;
        recur_layer *head = q[1].head;
        q[1].tape = q[0].tape;
        q[1].cell = q[0].cell;
        q[1].head = q[0].head;
        recur_state_release(q[1].state);
        recur_state_release(q[1].dstate);
        OK(recur_state_create(q[0].layer, 3, &q[1].state));
        OK(recur_state_create(q[0].layer, 3, &q[1].dstate));
        for (int i = 0; i < 2; i++) run_epoch(&want[i]);
        for (int64_t t = 0; t < T; t += 4) {
            loop_forward(&q[0], t, t + 4);
            loop_forward(&q[1], t, t + 4);
        }
        for (int64_t t = T; t > 0; t -= 4) {
            loop_backward(&q[1], t - 4, t);
            loop_backward(&q[0], t - 4, t);
        }
        for (int i = 0; i < 2; i++) check_loops(&q[i], &want[i]);
        q[1].tape = own;
        q[1].cell = cell;
        q[1].head = head;
        for (int i = 0; i < 2; i++) {
            close_loop(&want[i]);
            close_loop(&q[i]);
        }
    }
}

/* A reserved loop allocates nothing, from its first step on. A loop that is not reserved and finds
 * no memory says so, and goes on when there is some. */
static void reserved_steps_allocate_nothing(void **unused)
{
    (void)unused;
    counter c = { .until_failure = -1 };
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    loop q = open_loop(ctx, RECUR_CELL_GRU, T, 2, 0, 0);
    reserve(&q);
    const int64_t before = c.allocations;
    run_epoch(&q);
    run_epoch(&q);
    assert_int_equal(c.allocations, before);
    close_loop(&q);
    loop r = open_loop(ctx, RECUR_CELL_GRU, T, 2, 0, 0);
    int64_t steps = 0;
    for (; steps < 3; steps++) OK(recur_cell_step(r.cell, r.x, r.state, NULL, r.tape));
    c.until_failure = 0;
    while (recur_cell_step(r.cell, r.x, r.state, NULL, r.tape) == RECUR_OK) steps++;
    FAILS(RECUR_E_MEMORY, recur_cell_step(r.cell, r.x, r.state, NULL, r.tape), "");
    assert_int_equal(recur_tape_records(r.tape), steps);
    c.until_failure = -1;
    OK(recur_cell_step(r.cell, r.x, r.state, NULL, r.tape));
    close_loop(&r);
    recur_context_release(ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(planned_steps_equal_checked_steps),
        TEST(reset_discards_repacked_parameters),
        TEST(dropped_steps_count_for_nothing),
        TEST(a_trace_of_some_steps_changes_nothing),
        TEST(evaluation_between_steps_changes_nothing),
        TEST(outputs_that_are_not_wanted_may_be_null),
        TEST(wrong_calls_change_nothing),
        TEST(passes_of_one_step_equal_cell_steps),
        TEST(batches_may_take_turns),
        TEST(reserved_steps_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
