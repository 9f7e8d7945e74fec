/* test_check_parameters.c - RECUR_CONTEXT_CHECK: a backward whose parameters have changed since its
 * forward is refused, one whose parameters are the same is not, and the numbers are those of a
 * context without the flag. */
#include "support/loop.h"

enum { I = LOOP_I, H = LOOP_H, OUT = LOOP_OUT, T = 6 };

/* A context with or without the flag, on the best instruction set. */
static recur_context *context(uint32_t flags)
{
    const recur_context_options options = { .size = sizeof options, .flags = flags };
    recur_context *ctx = NULL;
    OK(recur_context_create(&options, &ctx));
    return ctx;
}

/* ---- passes --------------------------------------------------------------------------------- */

typedef struct desk {
    recur_layer *layer;
    recur_packed *packed;
    recur_tape *tape;
    float *x, *y, *dy, *grads;
    int64_t P;
} desk;

static desk open_desk(recur_context *ctx)
{
    static const int64_t lengths[] = { 3, 1 };
    desk d = { .layer = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0) };
    dice(1);
    randomize(d.layer, 0.5);
    d.packed = layout(ctx, 2, lengths, 0);
    OK(recur_tape_create(ctx, &d.tape));
    d.P = recur_layer_param_count(d.layer);
    d.x = randoms(4 * I, 1);
    d.y = floats(4 * 2 * H);
    d.dy = randoms(4 * 2 * H, 1);
    d.grads = zeros(d.P);
    return d;
}

static void close_desk(desk *d)
{
    recur_tape_release(d->tape);
    recur_packed_release(d->packed);
    recur_layer_release(d->layer);
}

static recur_status push(const desk *d)
{
    return recur_layer_forward(d->layer, d->packed, d->x, NULL, d->y, d->tape);
}

static recur_status pop(const desk *d)
{
    return recur_layer_backward(d->layer, d->packed, d->x, d->dy, NULL, NULL, d->grads, d->tape);
}

/* Whichever parameter changes, in whichever bit. The record stays, so that a caller who puts the
 * parameters back gets the gradient that he would have got. */
static void changed_parameters_are_refused(void **unused)
{
    (void)unused;
    recur_context *ctx = context(RECUR_CONTEXT_CHECK);
    desk d = open_desk(ctx);
    OK(push(&d));
    OK(pop(&d));
    const float *want = copy_of(d.P, d.grads);
    float *params = recur_layer_params(d.layer);
    for (int64_t i = 0; i < d.P; i++) {
        trying("parameter %d of %d", (int)i, (int)d.P);
        memset(d.grads, 0, (size_t)d.P * sizeof *d.grads);
        OK(push(&d));
        const float before = params[i];
        params[i] = i % 2 ? nextafterf(before, 9) : -before;
        FAILS(RECUR_E_ORDER, pop(&d), "recur_layer_backward parameters changed since its forward");
        assert_int_equal(recur_tape_records(d.tape), 1);
        check_same("nothing is added", d.P, d.grads, zeros(d.P));
        params[i] = before;
        OK(pop(&d));
        check_same("dparams", d.P, d.grads, want);
    }
    close_desk(&d);
    recur_context_release(ctx);
}

/* Two parameters that change places are a change, too. */
static void exchanged_parameters_are_refused(void **unused)
{
    (void)unused;
    recur_context *ctx = context(RECUR_CONTEXT_CHECK);
    desk d = open_desk(ctx);
    float *params = recur_layer_params(d.layer), first = params[0];
    OK(push(&d));
    params[0] = params[d.P - 1];
    params[d.P - 1] = first;
    FAILS(RECUR_E_ORDER, pop(&d), "parameters");
    close_desk(&d);
    recur_context_release(ctx);
}

/* Every record has the parameters of its own forward. What changes after a backward is nobody's
 * business, and so is what changes after a reset, which takes all records away. */
static void reset_and_backward_end_the_check(void **unused)
{
    (void)unused;
    recur_context *ctx = context(RECUR_CONTEXT_CHECK);
    desk d = open_desk(ctx);
    OK(push(&d));
    OK(pop(&d));
    randomize(d.layer, 0.5);
    OK(push(&d));
    OK(pop(&d));
    OK(push(&d));
    OK(push(&d));
    randomize(d.layer, 0.5);
    OK(push(&d));
    OK(pop(&d));
    FAILS(RECUR_E_ORDER, pop(&d), "parameters");
    OK(recur_tape_reset(d.tape));
    FAILS(RECUR_E_ORDER, pop(&d), "no record");
    OK(push(&d));
    OK(pop(&d));
    close_desk(&d);
    recur_context_release(ctx);
}

/* A part is checked when it is run itself; changes of another part do not concern it. */
static void parts_are_checked_alone(void **unused)
{
    (void)unused;
    recur_context *ctx = context(RECUR_CONTEXT_CHECK);
    static const char *const names[] = { "a", "b" };
    recur_layer *parts[2] = { NULL, NULL }, *a = NULL;
    OK(recur_linear_create(ctx, I, H, 0, &parts[0]));
    OK(recur_linear_create(ctx, H, OUT, 0, &parts[1]));
    recur_layer *whole = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, parts);
    OK(recur_layer_child(whole, "a", &a, NULL));
    randomize(whole, 0.5);
    recur_packed *packed = layout(ctx, 2, NULL, 1);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    float x[2 * I] = { 1 }, y[2 * H], *params = recur_layer_params(whole);
    const int64_t in_b = recur_layer_param_count(whole) - 1;
    OK(recur_layer_forward(a, packed, x, NULL, y, tape));
    params[in_b] += 1;
    OK(recur_layer_backward(a, packed, x, y, NULL, NULL, NULL, tape));
    OK(recur_layer_forward(whole, packed, x, NULL, y, tape));
    const float before = params[in_b];
    params[in_b] = before + 1;
    FAILS(RECUR_E_ORDER, recur_layer_backward(whole, packed, x, y, NULL, NULL, NULL, tape),
          "parameters");
    params[in_b] = before;
    OK(recur_layer_backward(whole, packed, x, y, NULL, NULL, NULL, tape));
    recur_tape_release(tape);
    recur_packed_release(packed);
    recur_layer_release(a);
    recur_layer_release(whole);
    recur_context_release(ctx);
}

/* Without the flag nobody looks: backward takes the parameters as they are. */
static void without_the_flag_nothing_is_checked(void **unused)
{
    (void)unused;
    recur_context *ctx = context(0);
    desk d = open_desk(ctx);
    OK(push(&d));
    randomize(d.layer, 0.5);
    OK(pop(&d));
    close_desk(&d);
    recur_context_release(ctx);
}

/* ---- single steps --------------------------------------------------------------------------- */

static void reserve(loop *q)
{
    OK(recur_tape_reserve(q->tape, q->layer, q->one, T));
    OK(recur_tape_reserve(q->tape, q->head, q->one, T));
}

/* The flag changes no number of a loop of single steps, which does not go its shortest way. */
static void checked_loops_equal_others(void **unused)
{
    (void)unused;
    recur_context *with = context(RECUR_CONTEXT_CHECK), *without = context(0);
    for (int k = 0; k < PLAIN; k++)
        for (int way = 0; way < 4; way++) {
            trying("%s, way %d", KINDS[k].name, way);
            const int64_t B = way % 2 ? 3 : 1;
            loop q = open_loop(with, KINDS[k].cell, T, B, 0, 0),
                 want = open_loop(without, KINDS[k].cell, T, B, 0, 0);
            if (way > 1) reserve(&q);
            for (int epoch = 0; epoch < 2; epoch++) {
                loop_forward(&q, 0, T);
                loop_backward(&q, 0, T);
                loop_forward(&want, 0, T);
                loop_backward(&want, 0, T);
                check_near("y", T * B * OUT, q.y, want.y, OUTPUTS);
                check_near("dx", T * B * I, q.dx, want.dx, GRADIENTS);
                check_loop_gradients(&q, &want);
                dice((uint64_t)way);
                randomize(q.layer, 0.5);
                randomize(q.head, 0.5);
                dice((uint64_t)way);
                randomize(want.layer, 0.5);
                randomize(want.head, 0.5);
            }
            close_loop(&q);
            close_loop(&want);
            give_back();
        }
    recur_context_release(with);
    recur_context_release(without);
}

/* Steps of a cell and of a linear head: the tape has repacked parameters of both, with which a
 * change would not be seen. */
static void changed_parameters_of_steps_are_refused(void **unused)
{
    (void)unused;
    recur_context *ctx = context(RECUR_CONTEXT_CHECK);
    for (int k = 0; k < PLAIN; k++)
        for (int way = 0; way < 4; way++) {
            trying("%s, way %d", KINDS[k].name, way);
            const int64_t B = way % 2 ? 3 : 1, last = T - 1;
            loop q = open_loop(ctx, KINDS[k].cell, T, B, 0, 0);
            if (way > 1) reserve(&q);
            loop_forward(&q, 0, T);
            float *head = recur_layer_params(q.head), *cell = recur_layer_params(q.layer);
            const float before = head[1];
            head[1] = before + 1;
            FAILS(RECUR_E_ORDER,
                  recur_layer_backward(q.head, q.one, q.h + last * B * H, q.dy + last * B * OUT,
                                       NULL, NULL, q.head_grads, q.tape),
                  "parameters changed");
            head[1] = before;
            OK(recur_layer_backward(q.head, q.one, q.h + last * B * H, q.dy + last * B * OUT, NULL,
                                    NULL, q.head_grads, q.tape));
            cell[q.P - 1] += 1;
            FAILS(RECUR_E_ORDER,
                  recur_cell_step_backward(q.cell, q.x + last * B * I, NULL, q.dstate, NULL,
                                           q.grads, q.tape),
                  "recur_cell_step_backward parameters changed");
            FAILS(RECUR_E_ORDER,
                  recur_layer_step_backward(q.layer, q.x + last * B * I, NULL, q.dstate, NULL,
                                            q.grads, q.tape),
                  "recur_layer_step_backward parameters changed");
            assert_int_equal(recur_tape_records(q.tape), 2 * T - 1);
            check_same("nothing is added", q.P, q.grads, zeros(q.P));
            OK(recur_tape_reset(q.tape));
            OK(recur_state_reset(q.dstate, -1));
            loop_forward(&q, 0, T);
            loop_backward(&q, 0, T);
            close_loop(&q);
            give_back();
        }
    recur_context_release(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changed_parameters_are_refused),          TEST(exchanged_parameters_are_refused),
        TEST(reset_and_backward_end_the_check),        TEST(parts_are_checked_alone),
        TEST(without_the_flag_nothing_is_checked),     TEST(checked_loops_equal_others),
        TEST(changed_parameters_of_steps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
