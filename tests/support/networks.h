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

static inline recur_layer *softmax(recur_context *ctx, int64_t features)
{
    recur_layer *layer = NULL;
    OK(recur_softmax_create(ctx, features, &layer));
    return layer;
}

static inline recur_layer *affine(recur_context *ctx, int64_t channels, int64_t length,
                                  uint32_t flags)
{
    recur_layer *layer = NULL;
    OK(recur_affine_create(ctx, channels, length, flags, &layer));
    return layer;
}

static inline recur_layer *prelu(recur_context *ctx, int64_t channels, int64_t length)
{
    recur_layer *layer = NULL;
    OK(recur_prelu_create(ctx, channels, length, &layer));
    return layer;
}

static inline recur_layer *rms_norm(recur_context *ctx, int64_t features, double epsilon)
{
    recur_layer *layer = NULL;
    OK(recur_rms_norm_create(ctx, features, epsilon, &layer));
    return layer;
}

static inline recur_layer *group_norm(recur_context *ctx, int64_t channels, int64_t length,
                                      int64_t groups, double epsilon)
{
    recur_layer *layer = NULL;
    OK(recur_group_norm_create(ctx, channels, length, groups, epsilon, &layer));
    return layer;
}

static inline recur_layer *conv(recur_context *ctx, const recur_conv_options *options)
{
    recur_layer *layer = NULL;
    recur_conv_options o = *options;
    o.size = sizeof o;
    OK(recur_conv_create(ctx, &o, &layer));
    return layer;
}

/* Makes a graph, and releases the parts. */
static inline recur_layer *graph(recur_context *ctx, int64_t input_size, int64_t count,
                                 const recur_graph_part *parts)
{
    recur_layer *whole = NULL;
    OK(recur_graph_create(ctx, input_size, count, parts, &whole));
    for (int64_t i = 0; i < count; i++)
        recur_layer_release((recur_layer *)(uintptr_t)parts[i].layer);
    return whole;
}

/* An LSTM over the input and what a linear layer makes of some of its features; then that, the
 * LSTM's output and the input side by side, and a mask of it all: what RNNoise and DTLN do. x [6],
 * y [4]. */
static inline recur_layer *skips(recur_context *ctx)
{
    static const recur_source some[] = { { .part = NULL, .begin = 2, .count = 3 } };
    static const recur_source two[] = { { .part = "dense" }, { .part = NULL } };
    static const recur_source all[] = { { .part = "dense" },
                                        { .part = NULL, .begin = 1, .count = 2 },
                                        { .part = "rnn" } };
    static const recur_source masked[] = { { .part = "mask" }, { .part = "rnn", .begin = 1 } };
    const recur_graph_part parts[] = {
        { .name = "dense", .layer = linear(ctx, 3, 2, 0), .sources = some, .source_count = 1 },
        { .name = "rnn",
          .layer = recurrent(ctx, RECUR_CELL_LSTM, 8, 5, 1, 0, 0),
          .sources = two,
          .source_count = 2 },
        { .name = "fc", .layer = linear(ctx, 9, 4, 0), .sources = all, .source_count = 3 },
        { .name = "mask", .layer = activation(ctx, 4, RECUR_ACTIVATION_SIGMOID) },
        { .name = "out",
          .layer = merge(ctx, 8, RECUR_MERGE_MULTIPLY),
          .sources = masked,
          .source_count = 2 },
    };
    return graph(ctx, 6, COUNT(parts), parts);
}

/* Convolutions of every sort: over time and inside a row; with all options. */
enum { TIMES = 8, CONVS = 16 };
static const recur_conv_options CONV[CONVS] = {
    { .axis = RECUR_CONV_TIME, .in_channels = 3, .out_channels = 4, .kernel = 3 },
    { .axis = RECUR_CONV_TIME, .in_channels = 4, .out_channels = 6, .kernel = 2, .dilation = 3 },
    { .axis = RECUR_CONV_TIME, .in_channels = 4, .out_channels = 6, .kernel = 3, .groups = 2 },
    { .axis = RECUR_CONV_TIME, .in_channels = 3, .out_channels = 3, .kernel = 4, .groups = 3 },
    { .axis = RECUR_CONV_TIME,
      .in_channels = 1,
      .out_channels = 19,
      .kernel = 5,
      .dilation = 2,
      .flags = RECUR_LAYER_NO_BIAS },
    { .axis = RECUR_CONV_TIME, .in_channels = 5, .out_channels = 2, .kernel = 1 },
    { .axis = RECUR_CONV_TIME, .in_channels = 2, .out_channels = 3, .kernel = 3, .pad_after = 1 },
    { .axis = RECUR_CONV_TIME,
      .in_channels = 2,
      .out_channels = 3,
      .kernel = 2,
      .dilation = 2,
      .pad_after = 2 },
    { .axis = RECUR_CONV_ROW, .in_channels = 6, .out_channels = 4, .kernel = 1, .groups = 2 },
    { .axis = RECUR_CONV_ROW, .in_channels = 2, .out_channels = 3, .kernel = 3, .length = 5 },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 2,
      .out_channels = 3,
      .kernel = 3,
      .length = 6,
      .stride = 2,
      .pad_before = 1,
      .pad_after = 1 },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 1,
      .out_channels = 18,
      .kernel = 4,
      .length = 9,
      .stride = 2,
      .pad_after = 3,
      .padding = RECUR_PADDING_REFLECT },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 2,
      .out_channels = 2,
      .kernel = 2,
      .length = 4,
      .dilation = 3,
      .pad_before = 2,
      .pad_after = 3,
      .padding = RECUR_PADDING_REFLECT,
      .flags = RECUR_LAYER_NO_BIAS },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 4,
      .out_channels = 4,
      .kernel = 3,
      .length = 3,
      .groups = 4,
      .pad_before = 2 },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 4,
      .out_channels = 2,
      .kernel = 3,
      .length = 3,
      .groups = 2 },
    { .axis = RECUR_CONV_ROW,
      .in_channels = 3,
      .out_channels = 33,
      .kernel = 2,
      .length = 90,
      .stride = 1,
      .pad_after = 1 },
};

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
