/* loop.c - a loop written by hand over a cell and a head; see loop.h. */
#include "support/loop.h"

enum { I = LOOP_I, H = LOOP_H, OUT = LOOP_OUT };

loop open_loop(recur_context *ctx, int kind, int64_t T, int64_t B, uint32_t flags, int32_t defers)
{
    loop q = { .ctx = ctx,
               .T = T,
               .B = B,
               .layer = recurrent(ctx, kind, I, H, 1, RECUR_DIRECTION_FORWARD, flags) };
    dice(11);
    OK(recur_linear_create(ctx, H, OUT, flags, &q.head));
    randomize(q.layer, 0.6);
    randomize(q.head, 0.6);
    OK(recur_cell_from_layer(q.layer, &q.cell));
    q.one = layout(ctx, B, NULL, 1);
    OK(recur_tape_create(ctx, &q.tape));
    OK(recur_tape_defer_gradients(q.tape, defers));
    OK(recur_state_create(q.layer, B, &q.state));
    OK(recur_state_create(q.layer, B, &q.dstate));
    q.P = recur_layer_param_count(q.layer);
    q.Q = recur_layer_param_count(q.head);
    q.x = randoms(T * B * I, 1);
    q.dy = randoms(T * B * OUT, 1);
    q.h = floats(T * B * H);
    q.y = floats(T * B * OUT);
    q.dx = floats(T * B * I);
    q.grads = zeros(q.P);
    q.head_grads = zeros(q.Q);
    return q;
}

void close_loop(loop *q)
{
    recur_state_release(q->state);
    recur_state_release(q->dstate);
    recur_packed_release(q->one);
    recur_cell_release(q->cell);
    recur_layer_release(q->head);
    recur_layer_release(q->layer);
    recur_tape_release(q->tape);
}

void loop_forward(loop *q, int64_t from, int64_t to)
{
    for (int64_t t = from; t < to; t++) {
        float *h = q->h + t * q->B * H;
        OK(recur_cell_step(q->cell, q->x + t * q->B * I, q->state, h, q->tape));
        OK(recur_layer_forward(q->head, q->one, h, NULL, q->y + t * q->B * OUT, q->tape));
    }
}

void loop_backward(loop *q, int64_t from, int64_t to)
{
    float *dh = floats(q->B * H);
    for (int64_t t = to - 1; t >= from; t--) {
        OK(recur_layer_backward(q->head, q->one, q->h + t * q->B * H, q->dy + t * q->B * OUT, NULL,
                                dh, q->head_grads, q->tape));
        OK(recur_cell_step_backward(q->cell, q->x + t * q->B * I, dh, q->dstate,
                                    q->dx + t * q->B * I, q->grads, q->tape));
    }
}

void check_loop_gradients(const loop *got, const loop *want)
{
    check_near("gradients of the cell", want->P, got->grads, want->grads, GRADIENTS);
    check_near("gradients of the head", want->Q, got->head_grads, want->head_grads, GRADIENTS);
}
