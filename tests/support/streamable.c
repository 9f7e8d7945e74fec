/* streamable.c - every kind of layer that recur_layer_step runs. */
#include "support/networks.h"

static void recurrent_kinds(recur_context *ctx, visit_layer *visit)
{
    static const int64_t widths[] = { 4, 24 };
    for (int k = 0; k < ROWS; k++)
        for (int h = 0; h < (k < PLAIN ? 2 : 1); h++)
            visit(ctx, KINDS[k].name,
                  recurrent_of(ctx, &KINDS[k], 12, widths[h], 1, RECUR_DIRECTION_FORWARD, 0));
    for (int k = 0; k < PLAIN; k++)
        visit(ctx, "two recurrent layers",
              recurrent_of(ctx, &KINDS[k], 12, 24, 2, RECUR_DIRECTION_FORWARD, 0));
}

static void small_kinds(recur_context *ctx, visit_layer *visit)
{
    visit(ctx, "linear", linear(ctx, 24, 10, 0));
    visit(ctx, "embedding", embedding(ctx, 12, 24));
    visit(ctx, "dropout", dropout(ctx, 24, 0.5));
    for (int f = RECUR_ACTIVATION_TANH; f <= RECUR_ACTIVATION_POSITIVE; f++)
        visit(ctx, "activation", activation(ctx, 24, f));
    for (int way = RECUR_MERGE_SUM; way <= RECUR_MERGE_MAGNITUDE; way++)
        visit(ctx, "merge", merge(ctx, 24, way));
    visit(ctx, "norm", norm(ctx, 24, 0, 0));
    visit(ctx, "RMS norm", rms_norm(ctx, 24, 0));
    visit(ctx, "group norm", group_norm(ctx, 6, 4, 2, 0));
    visit(ctx, "affine", affine(ctx, 6, 4, 0));
    visit(ctx, "PReLU", prelu(ctx, 6, 4));
    visit(ctx, "softmax", softmax(ctx, 24));
}

static void convolutions(recur_context *ctx, visit_layer *visit)
{
    const recur_conv_options over_time = {
        .axis = RECUR_CONV_TIME, .in_channels = 6, .out_channels = 9, .kernel = 3, .dilation = 2
    };
    const recur_conv_options in_groups = {
        .axis = RECUR_CONV_TIME, .in_channels = 6, .out_channels = 6, .kernel = 2, .groups = 3
    };
    const recur_conv_options in_rows = { .axis = RECUR_CONV_ROW,
                                         .padding = RECUR_PADDING_REFLECT,
                                         .in_channels = 2,
                                         .out_channels = 3,
                                         .kernel = 3,
                                         .length = 9,
                                         .stride = 2,
                                         .pad_before = 1,
                                         .pad_after = 2 };
    visit(ctx, "convolution over time", conv(ctx, &over_time));
    visit(ctx, "convolution in groups", conv(ctx, &in_groups));
    visit(ctx, "convolution in rows", conv(ctx, &in_rows));
}

static void compositions(recur_context *ctx, visit_layer *visit)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    const recur_conv_options window = {
        .axis = RECUR_CONV_TIME, .in_channels = 24, .out_channels = 24, .kernel = 4
    };
    recur_layer *part[4], *inner[2];
    inner[0] = linear(ctx, 24, 24, 0);
    inner[1] = activation(ctx, 24, RECUR_ACTIVATION_TANH);
    part[0] = recurrent(ctx, RECUR_CELL_LSTM, 12, 24, 1, RECUR_DIRECTION_FORWARD, 0);
    part[1] = dropout(ctx, 24, 0.5);
    part[2] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 2, names, inner);
    part[3] = linear(ctx, 24, 3, 0);
    visit(ctx, "chain", chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 4, names, part));
    part[0] = embedding(ctx, 12, 24);
    part[1] = conv(ctx, &window);
    part[2] = recurrent(ctx, RECUR_CELL_GRU, 24, 8, 1, RECUR_DIRECTION_FORWARD, 0);
    visit(ctx, "chain of symbols", chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 3, names, part));
    visit(ctx, "graph", skips(ctx));
}

/* So large that a pass would wake its threads. */
static void large_layers(recur_context *ctx, visit_layer *visit)
{
    static const char *const names[] = { "a", "b" };
    const recur_recurrent_options projected = {
        .cell = RECUR_CELL_LSTM, .input_size = 128, .hidden_size = 128, .projection_size = 64
    };
    const recur_conv_options window = {
        .axis = RECUR_CONV_TIME, .in_channels = 64, .out_channels = 128, .kernel = 5
    };
    const kind_row row = { RECUR_CELL_LSTM, "a large projected LSTM", projected };
    recur_layer *part[2];
    part[0] = recurrent(ctx, RECUR_CELL_LSTM, 256, 256, 1, RECUR_DIRECTION_FORWARD, 0);
    part[1] = linear(ctx, 256, 256, 0);
    visit(ctx, "a large LSTM with a head", chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part));
    visit(ctx, row.name, recurrent_of(ctx, &row, 128, 128, 1, RECUR_DIRECTION_FORWARD, 0));
    visit(ctx, "a large linear", linear(ctx, 512, 512, 0));
    visit(ctx, "a large convolution", conv(ctx, &window));
}

void visit_streamable(recur_context *ctx, visit_layer *visit)
{
    recurrent_kinds(ctx, visit);
    small_kinds(ctx, visit);
    convolutions(ctx, visit);
    compositions(ctx, visit);
    large_layers(ctx, visit);
}
