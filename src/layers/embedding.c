/* embedding.c - a row of the weight for each id.
 *
 * backward: dweight[id] += dy of its rows */
#include <stdio.h>

#include "layers/leaf.h"

static bool embedding_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 0) return false;
    snprintf(name, 64, "weight");
    t->rank = 2;
    t->dim[0] = layer->input_size;
    t->dim[1] = layer->output_size;
    return true;
}

static recur__initial embedding_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    (void)tensor;
    return (recur__initial){ RECUR__INITIAL_NORMAL, 1 };
}

static void look_up(const recur_layer *layer, int64_t R, const int32_t *ids, float *y)
{
    const int64_t E = layer->output_size;
    for (int64_t r = 0; r < R && y; r++)
        memcpy(y + r * E, layer->params + ids[r] * E, (size_t)E * sizeof(float));
}

static void embedding_forward(const recur_layer *layer, recur__pass *pass)
{
    look_up(layer, recur__shape_rows(&pass->shape), pass->ids, pass->y);
}

static void embedding_step(recur__step_call *call)
{
    look_up(call->layer, call->B, call->ids, call->y);
}

static void embedding_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape), E = layer->output_size;
    if (pass->dy && pass->dparams)
        pass->kernels->reduce->scatter(R, E, pass->dy, E, pass->ids, pass->dparams);
}

static const recur__parameter_ops parameter_ops = {
    .tensor = embedding_tensor,
    .initial = embedding_initial,
};

RECUR__LEAF_OPS(RECUR_KIND_EMBEDDING, embedding, &parameter_ops)

recur_status recur_embedding_create(recur_context *ctx, int64_t symbols, int64_t width,
                                    uint32_t flags, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("symbols", symbols));
    RECUR__CHECK(recur__layer_check_size("width", width));
    RECUR__CHECK(recur__check_flags(__func__, flags, 0, "no flags"));
    const recur_layer layer = {
        .ops = &embedding_ops,
        .type = "embedding",
        .capabilities = RECUR_CAN_TAKE_IDS | RECUR_CAN_STEP | RECUR_CAN_RECORD,
        .input_size = symbols,
        .output_size = width,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
