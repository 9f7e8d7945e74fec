/* types.c - the types of layer that a model file can hold, and how each is made of its description.
 * A new type is one line in `types`; a new cell is none. */
#include "model/model.h"
#include "core/layer.h"

/* ---- types ---------------------------------------------------------------------------------- */

static int64_t no_floats(const recur_layer_info *info)
{
    (void)info;
    return 0;
}

static int64_t matrix_floats(const recur_layer_info *info)
{
    return recur__times(info->input_size, info->output_size);
}

/* One gate: W of the first layer, and of each layer its U. A kind without U has at least W of the
 * layers above. */
static int64_t recurrent_floats(const recur_layer_info *info)
{
    const int64_t h = info->projection_size ? info->projection_size : info->hidden_size,
                  L = recur__max(1, info->num_layers);
    const recur__cell *cell = recur__cell_of(NULL, info->variant, info->hidden_size, false);
    const int64_t squares = cell && cell->h_gates ? L : L - 1;
    const int64_t W = recur__times(info->hidden_size, info->input_size);
    const int64_t U = recur__times(squares, recur__times(info->hidden_size, h));
    int64_t sum;
    return W < 0 || U < 0 || __builtin_add_overflow(W, U, &sum) ? -1 : sum;
}

static recur_status make_recurrent(recur_context *ctx, const recur_layer_info *info,
                                   recur_layer **out)
{
    const recur_recurrent_options options = recur__structure_options(info);
    return recur_recurrent_create(ctx, &options, out);
}

static recur_status make_linear(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_linear_create(ctx, info->input_size, info->output_size, info->flags, out);
}

static recur_status make_embedding(recur_context *ctx, const recur_layer_info *info,
                                   recur_layer **out)
{
    return recur_embedding_create(ctx, info->input_size, info->output_size, info->flags, out);
}

static recur_status make_last(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_last_create(ctx, info->input_size, info->direction, out);
}

static recur_status make_dropout(recur_context *ctx, const recur_layer_info *info,
                                 recur_layer **out)
{
    return recur_dropout_create(ctx, info->input_size, info->dropout, out);
}

static recur_status make_activation(recur_context *ctx, const recur_layer_info *info,
                                    recur_layer **out)
{
    return recur_activation_create(ctx, info->input_size, info->variant, out);
}

static int64_t norm_floats(const recur_layer_info *info)
{
    return info->input_size;
} /* without a bias */

static int64_t channel_floats(const recur_layer_info *info) { return info->channels; }

static recur_status make_rms_norm(recur_context *ctx, const recur_layer_info *info,
                                  recur_layer **out)
{
    return recur_rms_norm_create(ctx, info->input_size, info->epsilon, out);
}

/* Numbers in a channel: if there is a remainder, the layer that is made says another input_size. */
static int64_t length_of(const recur_layer_info *info)
{
    return info->channels > 0 ? info->input_size / info->channels : 0;
}

static recur_status make_group_norm(recur_context *ctx, const recur_layer_info *info,
                                    recur_layer **out)
{
    return recur_group_norm_create(ctx, info->channels, length_of(info), info->groups,
                                   info->epsilon, out);
}

static recur_status make_affine(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_affine_create(ctx, info->channels, length_of(info), info->flags, out);
}

static recur_status make_prelu(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_prelu_create(ctx, info->channels, length_of(info), out);
}

static recur_status make_softmax(recur_context *ctx, const recur_layer_info *info,
                                 recur_layer **out)
{
    return recur_softmax_create(ctx, info->input_size, out);
}

static recur_conv_options conv_options(const recur_layer_info *info)
{
    recur_conv_options o = { .size = sizeof o };
    if (info->conv) o = *info->conv;
    o.axis = info->variant;
    o.flags = info->flags;
    o.in_channels = info->channels;
    o.groups = info->groups;
    if (o.axis == RECUR_CONV_ROW) o.length = length_of(info);
    return o;
}

static int64_t conv_floats(const recur_layer_info *info)
{
    const recur_conv_options o = conv_options(info);
    if (o.groups < 0) return -1;
    const int64_t in = o.in_channels / recur__max(1, o.groups);
    return recur__times(o.out_channels, recur__times(in, o.kernel));
}

static recur_status make_conv(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    const recur_conv_options options = conv_options(info);
    return recur_conv_create(ctx, &options, out);
}

static recur_status make_norm(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_norm_create(ctx, info->input_size, info->epsilon, info->flags, out);
}

static recur_status make_merge(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_merge_create(ctx, info->input_size, info->variant, out);
}

/* Cells are in a table of their own: any type that is not here. */
#define TYPES_OF(X)                                                            \
    X(linear, 0, make_linear, matrix_floats)                                   \
    X(embedding, 0, make_embedding, matrix_floats)                             \
    X(last, 0, make_last, no_floats)                                           \
    X(dropout, 0, make_dropout, no_floats)                                     \
    X(tanh, RECUR_ACTIVATION_TANH, make_activation, no_floats)                 \
    X(sigmoid, RECUR_ACTIVATION_SIGMOID, make_activation, no_floats)           \
    X(relu, RECUR_ACTIVATION_RELU, make_activation, no_floats)                 \
    X(hard_sigmoid, RECUR_ACTIVATION_HARD_SIGMOID, make_activation, no_floats) \
    X(softsign, RECUR_ACTIVATION_SOFTSIGN, make_activation, no_floats)         \
    X(identity, RECUR_ACTIVATION_IDENTITY, make_activation, no_floats)         \
    X(silu, RECUR_ACTIVATION_SILU, make_activation, no_floats)                 \
    X(elu, RECUR_ACTIVATION_ELU, make_activation, no_floats)                   \
    X(gelu, RECUR_ACTIVATION_GELU, make_activation, no_floats)                 \
    X(positive, RECUR_ACTIVATION_POSITIVE, make_activation, no_floats)         \
    X(norm, 0, make_norm, norm_floats)                                         \
    X(merge_sum, RECUR_MERGE_SUM, make_merge, no_floats)                       \
    X(merge_mean, RECUR_MERGE_MEAN, make_merge, no_floats)                     \
    X(merge_multiply, RECUR_MERGE_MULTIPLY, make_merge, no_floats)             \
    X(merge_gate, RECUR_MERGE_GATE, make_merge, no_floats)                     \
    X(merge_magnitude, RECUR_MERGE_MAGNITUDE, make_merge, no_floats)           \
    X(rms_norm, RECUR_NORM_RMS, make_rms_norm, norm_floats)                    \
    X(group_norm, RECUR_NORM_GROUP, make_group_norm, channel_floats)           \
    X(affine, 0, make_affine, channel_floats)                                  \
    X(prelu, 0, make_prelu, channel_floats)                                    \
    X(softmax, 0, make_softmax, no_floats)                                     \
    X(conv_time, RECUR_CONV_TIME, make_conv, conv_floats)                      \
    X(conv_row, RECUR_CONV_ROW, make_conv, conv_floats)                        \
    X(sequential, RECUR_COMPOSE_SEQUENTIAL, NULL, NULL)                        \
    X(group, RECUR_COMPOSE_GROUP, NULL, NULL)                                  \
    X(residual, RECUR_COMPOSE_RESIDUAL, NULL, NULL)                            \
    X(graph, RECUR_COMPOSE_GRAPH, NULL, NULL)

/* With RECUR_ONLY_linear and the like, models have layers of these types alone. */
#define NAMED(name, variant, make, floats) || RECUR__IS_ONE(RECUR_ONLY_##name)
enum { ALL_TYPES = !(0 TYPES_OF(NAMED)) };
#define HAS(name) (ALL_TYPES || RECUR__IS_ONE(RECUR_ONLY_##name))
typedef recur_status maker(recur_context *ctx, const recur_layer_info *info, recur_layer **out);
typedef int64_t counter(const recur_layer_info *info);
#define IF_HERE(name, type, function) (HAS(name) ? (type *)(function) : NULL)
#define ROW(name, variant, make, floats) \
    { { #name, variant, IF_HERE(name, maker, make), IF_HERE(name, counter, floats) }, HAS(name) },
static const struct {
    recur__model_type type;
    bool is_here;
} types[] = { TYPES_OF(ROW) };
enum { TYPES = sizeof types / sizeof *types };

static recur_status left_out(const char *where, const char *name)
{
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "layer \"%.150s\": this library was built without the type %s in models, by "
                       "KINDS or RECUR_ONLY_...; build it with %s among them",
                       where, name, name);
}

recur_status recur__model_type_of(const char *where, const char *name, recur__model_type *out)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].type.name, name) == 0) {
            *out = types[i].type;
            return types[i].is_here ? RECUR_OK : left_out(where, name);
        }
    *out = (recur__model_type){ name, recur__cell_called(name), make_recurrent, recurrent_floats };
    if (out->variant)
        return recur__cell_of(NULL, out->variant, 1, false) ? RECUR_OK
                                                            : recur__no_cell(out->variant);
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "layer \"%.150s\": this version has no layer of type %.80s", where, name);
}
