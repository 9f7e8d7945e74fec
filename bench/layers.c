/* layers.c - forward and backward of recurrent layers alone, with the gradient of their input: what
 * a library of layers does, without head, loss and optimizer. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct layers {
    recur_layer *rnn;
    recur_tape *tape;
    batches b;
    int64_t count, memory;
    float *grads;  /* [count]    */
    float *x, *dx; /* [N][I]     */
    float *y, *dy; /* [N][D*H]   */
} layers;

/* The query comes before there is a tape, and is about the largest layout that the batches have. */
static int64_t computed(const recur_layer *rnn, const recur_packed *packed)
{
    recur_memory m = { .size = sizeof m };
    TRY(recur_layer_memory(rnn, packed, 0, &m));
    return m.layer + m.layout + m.tape + m.record +
           (m.training > m.inference ? m.training : m.inference);
}

static void *create(const shape *s, recur_context *ctx)
{
    layers *l = zeros(1, sizeof *l);
    const int64_t N = s->T * s->B, features = directions(s) * s->H;
    l->rnn = make_recurrent(s, ctx);
    l->count = recur_layer_param_count(l->rnn);
    l->b = batches_create(s, ctx);
    l->memory = computed(l->rnn, l->b.packed);
    TRY(recur_tape_create(ctx, &l->tape));
    TRY(recur_tape_reserve(l->tape, l->rnn, l->b.packed, 1));
    l->grads = zeros(l->count, sizeof *l->grads);
    l->x = uniform(N * s->I, 1, 3);
    l->dx = zeros(N * s->I, sizeof *l->dx);
    l->y = zeros(N * features, sizeof *l->y);
    l->dy = uniform(N * features, 0.1f, 4);
    return l;
}

static void run(void *self, int64_t calls)
{
    layers *l = self;
    for (int64_t i = 0; i < calls; i++) {
        batches_next(&l->b);
        memset(l->grads, 0, (size_t)l->count * sizeof *l->grads);
        TRY(recur_layer_forward(l->rnn, l->b.packed, l->x, NULL, l->y, l->tape));
        TRY(recur_layer_backward(l->rnn, l->b.packed, l->x, l->dy, NULL, l->dx, l->grads, l->tape));
    }
}

static void release(void *self)
{
    layers *l = self;
    recur_tape_release(l->tape);
    recur_layer_release(l->rnn);
    batches_release(&l->b);
    free(l->grads);
    free(l->x);
    free(l->dx);
    free(l->y);
    free(l->dy);
    free(l);
}

static double flops(const shape *s)
{
    return products_recurrent(s, mean_rows(s) - (double)s->B, true, true);
}

static int64_t layers_memory(const void *self) { return ((const layers *)self)->memory; }

const task layers_task = {
    "forward and backward of the layers", create, run, release, flops, layers_memory
};
