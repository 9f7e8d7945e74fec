/* data.c - what workloads are fed with, always the same: numbers, symbols, layers, lengths. */
#include "bench.h"

#include <stdlib.h>

void try_or_exit(recur_status status, const char *call)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "recur-bench: %s: %s\n  in %s\n", recur_status_name(status), recur_last_error(),
            call);
    exit(1);
}

void *zeros(int64_t count, size_t size)
{
    void *array = calloc((size_t)count + 1, size);
    if (!array) {
        fprintf(stderr, "recur-bench: no memory for %lld items of %zu bytes\n", (long long)count,
                size);
        exit(1);
    }
    return array;
}

float *uniform(int64_t count, float bound, uint64_t seed)
{
    float *x = zeros(count, sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = bound * ((float)(recur_random(seed, (uint64_t)i) >> 40) * 0x1p-23f - 1.0f);
    return x;
}

int32_t *symbols(int64_t count, int64_t below, uint64_t seed)
{
    int32_t *ids = zeros(count, sizeof *ids);
    for (int64_t i = 0; i < count; i++)
        ids[i] = (int32_t)(recur_random(seed, (uint64_t)i) % (uint64_t)below);
    return ids;
}

recur_layer *make_recurrent(const shape *s, recur_context *ctx)
{
    recur_layer *layer;
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = s->cell,
                                              .input_size = s->I,
                                              .hidden_size = s->H,
                                              .num_layers = s->L,
                                              .direction = s->direction };
    TRY(recur_recurrent_create(ctx, &options, &layer));
    TRY(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    return layer;
}

recur_layer *make_network(const shape *s, recur_context *ctx)
{
    const int64_t features = directions(s) * s->H;
    recur_layer *part[3], *net;
    const char *name[3] = { "rnn", "fc" };
    int64_t parts = 1;
    part[0] = make_recurrent(s, ctx);
    if (!s->each_step) {
        name[1] = "last";
        name[2] = "fc";
        TRY(recur_last_create(ctx, features, s->direction, &part[parts++]));
    }
    TRY(recur_linear_create(ctx, features, s->outputs, 0, &part[parts++]));
    TRY(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, parts, name, part, &net));
    for (int64_t i = 0; i < parts; i++) recur_layer_release(part[i]);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    return net;
}

static int64_t random_length(const shape *s, int64_t layout, int64_t sequence)
{
    const uint64_t draw = recur_random(2, (uint64_t)(layout * s->B + sequence));
    return s->shortest + (int64_t)(draw % (uint64_t)(s->T - s->shortest + 1));
}

batches batches_create(const shape *s, recur_context *ctx)
{
    batches b = { .B = s->B, .T = s->T };
    TRY(recur_packed_create(ctx, s->B, NULL, s->T, &b.packed));
    if (!s->shortest) return b;
    b.lengths = zeros(LAYOUTS * s->B, sizeof *b.lengths);
    for (int64_t k = 0; k < LAYOUTS; k++)
        for (int64_t i = 0; i < s->B; i++) b.lengths[k * s->B + i] = random_length(s, k, i);
    return b;
}

void batches_next(batches *b)
{
    if (!b->lengths) return;
    TRY(recur_packed_reset(b->packed, b->B, b->lengths + b->turn * b->B, b->T));
    b->turn = (b->turn + 1) % LAYOUTS;
}

void batches_release(batches *b)
{
    recur_packed_release(b->packed);
    free(b->lengths);
}

double mean_rows(const shape *s)
{
    if (!s->shortest) return (double)(s->T * s->B);
    int64_t rows = 0;
    for (int64_t k = 0; k < LAYOUTS; k++)
        for (int64_t i = 0; i < s->B; i++) rows += random_length(s, k, i);
    return (double)rows / LAYOUTS;
}
