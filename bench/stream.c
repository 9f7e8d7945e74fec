/* stream.c - streaming: one step of a recurrent layer and its linear head, on a snapshot. */
#include "bench.h"

#include <stdlib.h>

enum { INPUTS = 64 }; /* different rows, in turn */

typedef struct stream {
    recur_layer *net; /* a snapshot */
    recur_state *state;
    int64_t width;
    int64_t turn;
    float *x, *y; /* [INPUTS][B][I], [B][outputs] */
} stream;

static void *create(const shape *s, recur_context *ctx)
{
    stream *t = zeros(1, sizeof *t);
    recur_layer *original = make_network(s, ctx);
    TRY(recur_layer_snapshot(original, s->precision, &t->net));
    recur_layer_release(original);
    TRY(recur_state_create(t->net, s->B, &t->state));
    t->width = s->B * s->I;
    t->x = uniform(INPUTS * t->width, 1, 3);
    t->y = zeros(s->B * s->outputs, sizeof *t->y);
    return t;
}

static void run(void *self, int64_t calls)
{
    stream *t = self;
    for (int64_t i = 0; i < calls; i++) {
        TRY(recur_layer_step(t->net, t->x + t->turn * t->width, t->state, t->y, NULL));
        t->turn = (t->turn + 1) % INPUTS;
    }
}

static void release(void *self)
{
    stream *t = self;
    recur_state_release(t->state);
    recur_layer_release(t->net);
    free(t->x);
    free(t->y);
    free(t);
}

static double flops(const shape *s)
{
    return products_recurrent(s, (double)s->B, false, false) + products_head(s, false);
}

const task stream_task = { "streaming step", create, run, release, flops, NULL };
