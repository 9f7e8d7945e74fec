/* networks.h - layers in one line, and networks of them. */
#ifndef SUPPORT_NETWORKS_H
#define SUPPORT_NETWORKS_H

#include "support/support.h"

static inline recur_layer *linear(recur_context *ctx, int64_t in, int64_t out, uint32_t flags)
{
    recur_layer *layer = NULL;
    OK(recur_linear_create(ctx, in, out, flags, &layer));
    return layer;
}

static inline recur_layer *embedding(recur_context *ctx, int64_t symbols, int64_t width)
{
    recur_layer *layer = NULL;
    OK(recur_embedding_create(ctx, symbols, width, 0, &layer));
    return layer;
}

static inline recur_layer *last(recur_context *ctx, int64_t features, int direction)
{
    recur_layer *layer = NULL;
    OK(recur_last_create(ctx, features, direction, &layer));
    return layer;
}

static inline recur_layer *dropout(recur_context *ctx, int64_t features, double probability)
{
    recur_layer *layer = NULL;
    OK(recur_dropout_create(ctx, features, probability, &layer));
    return layer;
}

static inline recur_layer *activation(recur_context *ctx, int64_t features, int function)
{
    recur_layer *layer = NULL;
    OK(recur_activation_create(ctx, features, function, &layer));
    return layer;
}

static inline recur_layer *norm(recur_context *ctx, int64_t features, double epsilon,
                                uint32_t flags)
{
    recur_layer *layer = NULL;
    OK(recur_norm_create(ctx, features, epsilon, flags, &layer));
    return layer;
}

static inline recur_layer *merge(recur_context *ctx, int64_t features, int way)
{
    recur_layer *layer = NULL;
    OK(recur_merge_create(ctx, features, way, &layer));
    return layer;
}

static inline recur_layer *pair(recur_context *ctx, int kind, const char *a, recur_layer *first,
                                const char *b, recur_layer *second)
{
    return chain(ctx, kind, 2, (const char *const[]){ a, b }, (recur_layer *[]){ first, second });
}

enum {
    SEQUENTIAL = RECUR_COMPOSE_SEQUENTIAL,
    GROUP = RECUR_COMPOSE_GROUP,
    BOTH = RECUR_DIRECTION_BIDIRECTIONAL
};

/* Maps ids to classes, with two bidirectional layers and everything that a chain can hold. */
static inline recur_layer *tagger(recur_context *ctx)
{
    const recur_recurrent_options lstm = { .size = sizeof lstm,
                                           .cell = RECUR_CELL_LSTM,
                                           .input_size = 4,
                                           .hidden_size = 3,
                                           .num_layers = 2,
                                           .direction = BOTH,
                                           .dropout = 0.3 };
    recur_layer *rnn = NULL;
    OK(recur_recurrent_create(ctx, &lstm, &rnn));
    recur_layer *head = pair(ctx, SEQUENTIAL, "hidden", linear(ctx, 6, 5, RECUR_LAYER_NO_BIAS),
                             "relu", activation(ctx, 5, RECUR_ACTIVATION_RELU));
    const char *const names[] = { "emb", "rnn", "last", "drop", "head", "fc" };
    recur_layer *parts[] = { embedding(ctx, 7, 4), rnn,  last(ctx, 6, BOTH),
                             dropout(ctx, 6, 0.2), head, linear(ctx, 5, 2, 0) };
    return chain(ctx, SEQUENTIAL, COUNT(parts), names, parts);
}

static inline recur_layer *classifier(recur_context *ctx, int cell)
{
    return pair(ctx, SEQUENTIAL, "rnn", recurrent(ctx, cell, 3, 4, 1, 0, 0), "fc",
                linear(ctx, 4, 2, 0));
}

#endif
