/* dropout.c - y = mask x / (1 - p) in training, else y = x. Srivastava 2014. The mask is a function
 * of the pass's key, so backward computes it again: dx = mask dy / (1 - p). */
#include "layers/leaf.h"

static void drop(const recur_layer *layer, const recur__pass *pass, const float *x, float *y)
{
    const int64_t n = recur__shape_rows(&pass->shape) * layer->input_size;
    if (n == 0 || !y) return;
    const int64_t first = pass->shape.per_sequence ? 0 : pass->first_row * layer->input_size;
    if (pass->shape.dropout && layer->spec.dropout > 0)
        pass->kernels->elementwise->dropout(n, first, layer->spec.dropout, pass->key, x, y);
    else
        memcpy(y, x, (size_t)n * sizeof *y);
}

static void dropout_forward(const recur_layer *layer, recur__pass *pass)
{
    drop(layer, pass, pass->x, pass->y);
}

static void dropout_backward(const recur_layer *layer, recur__pass *pass)
{
    if (!recur__no_gradient(layer, recur__shape_rows(&pass->shape), pass->dy, pass->dx))
        drop(layer, pass, pass->dy, pass->dx);
}

static void dropout_step(recur__step_call *call)
{
    const int64_t n = call->B * call->layer->input_size;
    if (call->y) memcpy(call->y, call->x, (size_t)n * sizeof *call->y);
}

RECUR__LEAF_OPS(RECUR_KIND_DROPOUT, dropout, NULL)

recur_status recur_dropout_create(recur_context *ctx, int64_t features, double probability,
                                  recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    if (!(probability >= 0 && probability < 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_dropout_create: probability is %g: it must lie in [0,1)",
                           probability);
    const recur_layer layer = {
        .ops = &dropout_ops,
        .type = "dropout",
        .spec = { .dropout = probability },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD,
        .input_size = features,
        .output_size = features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
