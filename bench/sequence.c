/* sequence.c - inference: whole sequences forward through a snapshot, with a tape as scratch
 * memory. */
#include "bench.h"

#include <stdlib.h>

typedef struct sequence {
    recur_layer *rnn; /* a snapshot */
    recur_tape *tape;
    batches b;
    float *x, *y; /* [N][I], [N][D*H] */
} sequence;

static void *create(const shape *s, recur_context *ctx)
{
    sequence *q = zeros(1, sizeof *q);
    const int64_t N = s->T * s->B;
    recur_layer *original = make_recurrent(s, ctx);
    TRY(recur_layer_snapshot(original, s->precision, &q->rnn));
    recur_layer_release(original);
    q->b = batches_create(s, ctx);
    TRY(recur_tape_create(ctx, &q->tape));
    TRY(recur_tape_set_mode(q->tape, RECUR_TAPE_EVALUATE));
    TRY(recur_tape_reserve(q->tape, q->rnn, q->b.packed, 0));
    q->x = uniform(N * s->I, 1, 3);
    q->y = zeros(N * directions(s) * s->H, sizeof *q->y);
    return q;
}

static void run(void *self, int64_t calls)
{
    sequence *q = self;
    for (int64_t i = 0; i < calls; i++) {
        batches_next(&q->b);
        TRY(recur_layer_forward(q->rnn, q->b.packed, q->x, NULL, q->y, q->tape));
    }
}

static void release(void *self)
{
    sequence *q = self;
    recur_tape_release(q->tape);
    recur_layer_release(q->rnn);
    batches_release(&q->b);
    free(q->x);
    free(q->y);
    free(q);
}

static double flops(const shape *s)
{
    return products_recurrent(s, mean_rows(s) - (double)s->B, false, false);
}

const task sequence_task = { "sequences forward", create, run, release, flops, NULL };
