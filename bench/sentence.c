/* sentence.c - a training epoch of one sentence, by a loop written by hand over a cell and a head:
 *
 *     y[t] = head([x[t], h[t]])        h[t+1] = tanh(W x[t] + U h[t] + b)
 *
 * Batch 1, inputs and outputs of the same size, mean squared error summed over steps, Adam. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct sentence {
    int64_t T, S, W; /* steps, symbols, width of [x, h] */
    recur_layer *net, *head;
    recur_cell *cell;
    int64_t at_head, at_cell, count; /* where their parameters begin; how many there are */
    recur_packed *one;               /* the layout of a single row */
    recur_state *h, *dh;
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *adam;
    float *grads;           /* [count]        */
    float *xh, *dxh;        /* [T+1][W], [W]  */
    float *y, *dy, *target; /* [T][S]         */
} sentence;

static void make_parts(sentence *q, const shape *s, recur_context *ctx)
{
    recur_layer *part[2], *layer;
    const char *const names[] = { "cell", "head" };
    const recur_recurrent_options rnn = { .size = sizeof rnn,
                                          .cell = s->cell,
                                          .input_size = s->I,
                                          .hidden_size = s->H,
                                          .flags = RECUR_LAYER_CELL_NAMES };
    TRY(recur_recurrent_create(ctx, &rnn, &part[0]));
    TRY(recur_linear_create(ctx, s->I + s->H, s->outputs, 0, &part[1]));
    TRY(recur_compose_create(ctx, RECUR_COMPOSE_GROUP, 2, names, part, &q->net));
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    TRY(recur_layer_init(q->net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    TRY(recur_layer_child(q->net, "head", &q->head, &q->at_head));
    TRY(recur_layer_child(q->net, "cell", &layer, &q->at_cell));
    TRY(recur_cell_from_layer(layer, &q->cell));
    recur_layer_release(layer);
    q->count = recur_layer_param_count(q->net);
}

static void *create(const shape *s, recur_context *ctx)
{
    sentence *q = zeros(1, sizeof *q);
    const recur_loss_options sum = { .size = sizeof sum,
                                     .kind = RECUR_LOSS_MSE,
                                     .flags = RECUR_LOSS_SUM };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 1e-6 };
    q->T = s->T;
    q->S = s->I;
    q->W = s->I + s->H;
    make_parts(q, s, ctx);
    TRY(recur_packed_create(ctx, 1, NULL, 1, &q->one));
    TRY(recur_tape_create(ctx, &q->tape));
    TRY(recur_tape_defer_gradients(q->tape, 1));
    TRY(recur_tape_reserve(q->tape, recur_cell_layer(q->cell), q->one, q->T));
    TRY(recur_tape_reserve(q->tape, q->head, q->one, q->T));
    TRY(recur_state_create(recur_cell_layer(q->cell), 1, &q->h));
    TRY(recur_state_create(recur_cell_layer(q->cell), 1, &q->dh));
    TRY(recur_loss_create(ctx, &sum, &q->loss));
    TRY(recur_optimizer_create(ctx, &adam, q->count, &q->adam));
    q->grads = zeros(q->count, sizeof *q->grads);
    q->xh = zeros((q->T + 1) * q->W, sizeof *q->xh);
    q->dxh = zeros(q->W, sizeof *q->dxh);
    q->y = zeros(q->T * q->S, sizeof *q->y);
    q->dy = zeros(q->T * q->S, sizeof *q->dy);
    q->target = zeros(q->T * q->S, sizeof *q->target);
    int32_t *ids = symbols(q->T + 1, q->S, 3);
    for (int64_t t = 0; t <= q->T; t++) {
        q->xh[t * q->W + ids[t]] = 1;
        if (t > 0) q->target[(t - 1) * q->S + ids[t]] = 1;
    }
    free(ids);
    return q;
}

static void epoch(sentence *q)
{
    const int64_t T = q->T, S = q->S, W = q->W;
    double value;
    memset(q->grads, 0, (size_t)q->count * sizeof *q->grads);
    TRY(recur_state_reset(q->h, -1));
    for (int64_t t = 0; t < T; t++) {
        TRY(recur_layer_forward(q->head, q->one, &q->xh[t * W], NULL, &q->y[t * S], q->tape));
        TRY(recur_cell_step(q->cell, &q->xh[t * W], q->h, &q->xh[(t + 1) * W + S], q->tape));
    }
    TRY(recur_loss_values(q->loss, T, S, q->y, q->target, &value, q->dy));
    TRY(recur_state_reset(q->dh, -1));
    memset(q->dxh, 0, (size_t)W * sizeof *q->dxh);
    /* h[t+1] went into the head of step t+1 and into the next cell, so its gradient is the sum of
     * dxh and dh. */
    for (int64_t t = T - 1; t >= 0; t--) {
        TRY(recur_cell_step_backward(q->cell, &q->xh[t * W], &q->dxh[S], q->dh, NULL,
                                     q->grads + q->at_cell, q->tape));
        TRY(recur_layer_backward(q->head, q->one, &q->xh[t * W], &q->dy[t * S], NULL, q->dxh,
                                 q->grads + q->at_head, q->tape));
    }
    TRY(recur_optimizer_step(q->adam, recur_layer_params(q->net), q->grads, q->count,
                             1.0 / (double)S));
}

static void run(void *self, int64_t calls)
{
    for (int64_t i = 0; i < calls; i++) epoch(self);
}

static void release(void *self)
{
    sentence *q = self;
    recur_optimizer_release(q->adam);
    recur_loss_release(q->loss);
    recur_tape_release(q->tape);
    recur_state_release(q->h);
    recur_state_release(q->dh);
    recur_packed_release(q->one);
    recur_cell_release(q->cell);
    recur_layer_release(q->head);
    recur_layer_release(q->net);
    free(q->grads);
    free(q->xh);
    free(q->dxh);
    free(q->y);
    free(q->dy);
    free(q->target);
    free(q);
}

static double flops(const shape *s)
{
    return products_recurrent(s, (double)(s->T - 1), true, false) +
           2.0 * 3.0 * (double)(s->T * s->outputs * (s->I + s->H));
}

const task sentence_task = { "training epoch by hand", create, run, release, flops, NULL };
