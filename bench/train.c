/* train.c - a training step of a network: forward, cross-entropy, backward, clipping, Adam. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct train {
    const shape *s;
    recur_layer *net;
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *adam;
    batches b;
    int64_t count;
    float *grads; /* [count]              */
    float *x;     /* [N][I], or           */
    int32_t *ids; /* [N]                  */
    int32_t *labels;
    float *y, *dy; /* [N or B][outputs]    */
} train;

static void *create(const shape *s, recur_context *ctx)
{
    train *t = zeros(1, sizeof *t);
    const int64_t N = s->T * s->B, rows = s->each_step ? N : s->B;
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    /* The rate is so small that the thousandth step works on the same kind of numbers as the
     * first. */
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 1e-6 };
    t->s = s;
    t->net = make_network(s, ctx);
    t->count = recur_layer_param_count(t->net);
    t->b = batches_create(s, ctx);
    TRY(recur_tape_create(ctx, &t->tape));
    TRY(recur_tape_reserve(t->tape, t->net, t->b.packed, 1));
    TRY(recur_loss_create(ctx, &cross_entropy, &t->loss));
    TRY(recur_optimizer_create(ctx, &adam, t->count, &t->adam));
    t->grads = zeros(t->count, sizeof *t->grads);
    if (s->ids)
        t->ids = symbols(N, s->I, 3);
    else
        t->x = uniform(N * s->I, 1, 3);
    t->labels = symbols(rows, s->outputs, 4);
    t->y = zeros(rows * s->outputs, sizeof *t->y);
    t->dy = zeros(rows * s->outputs, sizeof *t->dy);
    return t;
}

static void step(train *t)
{
    double value;
    recur_packed *packed = t->b.packed;
    batches_next(&t->b);
    const int64_t rows = recur_layer_rows(t->net, packed);
    memset(t->grads, 0, (size_t)t->count * sizeof *t->grads);
    if (t->ids)
        TRY(recur_layer_forward_ids(t->net, packed, t->ids, NULL, t->y, t->tape));
    else
        TRY(recur_layer_forward(t->net, packed, t->x, NULL, t->y, t->tape));
    TRY(recur_loss_classes(t->loss, rows, t->s->outputs, t->y, t->labels, &value, t->dy));
    if (t->ids)
        TRY(recur_layer_backward_ids(t->net, packed, t->ids, t->dy, NULL, t->grads, t->tape));
    else
        TRY(recur_layer_backward(t->net, packed, t->x, t->dy, NULL, NULL, t->grads, t->tape));
    if (t->s->clip > 0) recur_clip_norm(t->grads, t->count, t->s->clip);
    TRY(recur_optimizer_step(t->adam, recur_layer_params(t->net), t->grads, t->count, 1));
}

static void run(void *self, int64_t calls)
{
    for (int64_t i = 0; i < calls; i++) step(self);
}

static void release(void *self)
{
    train *t = self;
    recur_optimizer_release(t->adam);
    recur_loss_release(t->loss);
    recur_tape_release(t->tape);
    recur_layer_release(t->net);
    batches_release(&t->b);
    free(t->grads);
    free(t->x);
    free(t->ids);
    free(t->labels);
    free(t->y);
    free(t->dy);
    free(t);
}

static double flops(const shape *s)
{
    return products_recurrent(s, mean_rows(s) - (double)s->B, true, false) + products_head(s, true);
}

const task train_task = { "training step", create, run, release, flops, NULL };
