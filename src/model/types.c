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

static recur_status make_norm(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_norm_create(ctx, info->input_size, info->epsilon, info->flags, out);
}

static recur_status make_merge(recur_context *ctx, const recur_layer_info *info, recur_layer **out)
{
    return recur_merge_create(ctx, info->input_size, info->variant, out);
}

/* Cells are in a table of their own: any type that is not here. */
static const recur__model_type types[] = {
    { "linear", 0, make_linear, matrix_floats },
    { "embedding", 0, make_embedding, matrix_floats },
    { "last", 0, make_last, no_floats },
    { "dropout", 0, make_dropout, no_floats },
    { "tanh", RECUR_ACTIVATION_TANH, make_activation, no_floats },
    { "sigmoid", RECUR_ACTIVATION_SIGMOID, make_activation, no_floats },
    { "relu", RECUR_ACTIVATION_RELU, make_activation, no_floats },
    { "hard_sigmoid", RECUR_ACTIVATION_HARD_SIGMOID, make_activation, no_floats },
    { "softsign", RECUR_ACTIVATION_SOFTSIGN, make_activation, no_floats },
    { "identity", RECUR_ACTIVATION_IDENTITY, make_activation, no_floats },
    { "norm", 0, make_norm, norm_floats },
    { "merge_sum", RECUR_MERGE_SUM, make_merge, no_floats },
    { "merge_mean", RECUR_MERGE_MEAN, make_merge, no_floats },
    { "merge_multiply", RECUR_MERGE_MULTIPLY, make_merge, no_floats },
    { "sequential", RECUR_COMPOSE_SEQUENTIAL, NULL, NULL },
    { "group", RECUR_COMPOSE_GROUP, NULL, NULL },
    { "residual", RECUR_COMPOSE_RESIDUAL, NULL, NULL },
};
enum { TYPES = sizeof types / sizeof *types };

recur_status recur__model_type_of(const char *where, const char *name, recur__model_type *out)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = types[i];
            return RECUR_OK;
        }
    *out = (recur__model_type){ name, recur__cell_called(name), make_recurrent, recurrent_floats };
    if (out->variant) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "layer \"%.150s\": this version has no layer of type %.80s", where, name);
}
