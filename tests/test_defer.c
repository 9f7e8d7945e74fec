/* test_defer.c - gradients that wait on a tape (recur_tape_defer) are the same sums, complete when they are said to be, and never lost. */
#include "support/support.h"

enum { I = 5, H = 7, OUT = 3 };

/* A loop by hand: T steps of a cell, and a head over h after each of them. */
typedef struct loop {
    recur_context *ctx;
    recur_layer *layer, *head;
    recur_cell *cell;
    int64_t T, B, P, Q; /* parameters of the cell, of the head */
    recur_packed *one;
    recur_tape *tape;
    recur_state *state, *dstate;
    const float *x, *dy;  /* [T][B][I], [T][B][OUT] */
    float *h, *y;         /* [T][B][H], [T][B][OUT] */
    float *grads, *head_grads, *dx;
} loop;

static loop open_loop(recur_context *ctx, int kind, int64_t T, int64_t B, uint32_t flags, int32_t defers)
{
    loop q = { .ctx = ctx, .T = T, .B = B, .layer = recurrent(ctx, kind, I, H, 1, RECUR_DIRECTION_FORWARD, flags) };
    dice(11);
    OK(recur_linear_create(ctx, H, OUT, flags, &q.head));
    randomize(q.layer, 0.6), randomize(q.head, 0.6);
    OK(recur_cell_from_layer(q.layer, &q.cell));
    q.one = layout(ctx, B, NULL, 1);
    OK(recur_tape_create(ctx, &q.tape));
    OK(recur_tape_defer(q.tape, defers));
    OK(recur_state_create(q.layer, B, &q.state));
    OK(recur_state_create(q.layer, B, &q.dstate));
    q.P = recur_layer_count(q.layer), q.Q = recur_layer_count(q.head);
    q.x = randoms(T * B * I, 1), q.dy = randoms(T * B * OUT, 1);
    q.h = floats(T * B * H), q.y = floats(T * B * OUT), q.dx = floats(T * B * I);
    q.grads = zeros(q.P), q.head_grads = zeros(q.Q);
    return q;
}

static void close_loop(loop *q)
{
    recur_state_release(q->state), recur_state_release(q->dstate);
    recur_packed_release(q->one);
    recur_cell_release(q->cell);
    recur_layer_release(q->head), recur_layer_release(q->layer);
    recur_tape_release(q->tape);
}

static void forward(loop *q)
{
    for (int64_t t = 0; t < q->T; t++) {
        float *h = q->h + t * q->B * H;
        OK(recur_cell_step(q->cell, q->x + t * q->B * I, q->state, h, q->tape));
        OK(recur_layer_forward(q->head, q->one, h, NULL, q->y + t * q->B * OUT, q->tape));
    }
}

/* Steps [from, to), the last one first. */
static void backward(loop *q, int64_t from, int64_t to)
{
    float *dh = floats(q->B * H);
    for (int64_t t = to - 1; t >= from; t--) {
        OK(recur_layer_backward(q->head, q->one, q->h + t * q->B * H, q->dy + t * q->B * OUT, NULL, dh, q->head_grads, q->tape));
        OK(recur_cell_step_backward(q->cell, q->x + t * q->B * I, dh, q->dstate, q->dx + t * q->B * I, q->grads, q->tape));
    }
}

static void check_grads(const loop *got, const loop *want)
{
    check_near("gradients of the cell", want->P, got->grads, want->grads, GRADIENTS);
    check_near("gradients of the head", want->Q, got->head_grads, want->head_grads, GRADIENTS);
}

/* Fewer, as many, and more rows than wait at once; batches that fill what waits, and that are too large for it. */
static void the_same_sums(void **unused)
{
    (void)unused;
    static const int64_t sizes[][2] = { { 1, 1 }, { 2, 1 }, { 31, 1 }, { 33, 1 }, { 34, 1 }, { 70, 1 }, { 9, 5 }, { 5, 16 }, { 4, 17 }, { 3, 40 } };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < PLAIN; kind++)
            for (int64_t s = 0; s < COUNT(sizes); s++) {
                const uint32_t flags = s % 2 ? RECUR_LAYER_NO_BIAS : 0;
                trying("%s, T %d, B %d", KINDS[kind].name, (int)sizes[s][0], (int)sizes[s][1]);
                loop at_once = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags, 0);
                loop later = open_loop(ctx, KINDS[kind].cell, sizes[s][0], sizes[s][1], flags, 1);
                for (int i = 0; i < 2; i++) { /* the second time over gradients of the first */
                    forward(&at_once), backward(&at_once, 0, at_once.T);
                    forward(&later), backward(&later, 0, later.T);
                }
                check_grads(&later, &at_once);
                check_same("dx", later.T * later.B * I, later.dx, at_once.dx);
                close_loop(&at_once), close_loop(&later);
                give_back();
            }
}

/* The way out of a loop that is not played back to its beginning: reset, or defer, add what waits. */
static void what_waits_is_added(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 0), q = open_loop(ctx, RECUR_CELL_LSTM, 20, 1, 0, 1);
    forward(&want), backward(&want, 13, 20);
    forward(&q), backward(&q, 13, 20);
    check_same("nothing yet", q.P, q.grads, zeros(q.P));
    check_same("nothing yet", q.Q, q.head_grads, zeros(q.Q));
    OK(recur_tape_reset(q.tape));
    check_grads(&q, &want);
    OK(recur_tape_reset(q.tape)); /* once */
    check_grads(&q, &want);
    OK(recur_tape_reset(want.tape));
    forward(&want), backward(&want, 10, 20);
    forward(&q), backward(&q, 10, 20);
    OK(recur_tape_defer(q.tape, 0));
    check_grads(&q, &want);
    backward(&want, 5, 10), backward(&q, 5, 10); /* each adds its own again */
    check_grads(&q, &want);
    backward(&want, 0, 5), backward(&q, 0, 5);
    check_grads(&q, &want);
    close_loop(&want), close_loop(&q);
    close_context(ctx);
}

/* Rows of one vector of gradients do not get into another. */
static void each_into_its_own(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    loop want = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 0), q = open_loop(ctx, RECUR_CELL_GRU, 12, 2, 0, 1);
    loop *const both[] = { &want, &q };
    float *first[2], *second[2];
    for (int i = 0; i < 2; i++) {
        loop *p = both[i];
        first[i] = p->grads, second[i] = zeros(p->P);
        forward(p);
        backward(p, 7, 12);
        p->grads = second[i];
        backward(p, 3, 7);
        p->grads = first[i];
        backward(p, 0, 3);
    }
    check_near("the first", q.P, first[1], first[0], GRADIENTS);
    check_near("the second", q.P, second[1], second[0], GRADIENTS);
    check_grads(&q, &want);
    close_loop(&want), close_loop(&q);
    close_context(ctx);
}

/* A layer lives as long as its gradients wait; a tape that goes takes them with it. */
static void who_goes_first(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        loop q = open_loop(ctx, RECUR_CELL_LSTM, 6, 1, 0, 1);
        forward(&q), backward(&q, 2, 6);
        recur_cell_release(q.cell), recur_layer_release(q.layer);
        q.cell = NULL, q.layer = NULL;
        OK(recur_tape_reset(q.tape));
        assert_true(q.grads[0] != 0.0f);
        close_loop(&q);
        loop r = open_loop(ctx, RECUR_CELL_LSTM, 6, 1, 0, 1);
        forward(&r), backward(&r, 2, 6);
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
    forward(&q), backward(&q, 0, q.T);
    assert_int_equal(c.allocations, before);
    close_loop(&q);
    recur_context_release(ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(the_same_sums), TEST(what_waits_is_added), TEST(each_into_its_own), TEST(who_goes_first), TEST(memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
