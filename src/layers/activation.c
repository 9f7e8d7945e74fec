/* activation.c - y = f(x), number by number. backward: dx = dy f'(x), with f'(x) computed from x
 * again. */
#include "layers/leaf.h"

static void activation_forward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t n = recur__shape_rows(&pass->shape) * layer->input_size;
    if (pass->y)
        recur__activation_of(pass->kernels)->forward[layer->spec.variant](n, pass->x, pass->y);
}

static void activation_step(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    const int64_t n = call->B * layer->input_size;
    const recur__activation_kernels *k = recur__activation_of(layer->root->kernels);
    if (call->y) k->forward[layer->spec.variant](n, call->x, call->y);
}

static void activation_backward(const recur_layer *layer, recur__pass *pass)
{
    if (recur__no_gradient(layer, recur__shape_rows(&pass->shape), pass->dy, pass->dx) || !pass->dx)
        return;
    const int64_t n = recur__shape_rows(&pass->shape) * layer->input_size;
    recur__activation_of(pass->kernels)
        ->backward[layer->spec.variant](n, pass->x, pass->dy, pass->dx);
}

RECUR__LEAF_OPS(RECUR_KIND_ACTIVATION, activation, NULL)

recur_status recur_activation_create(recur_context *ctx, int64_t features, int32_t function,
                                     recur_layer **out)
{
    static const char *const types[RECUR__ACTIVATIONS] = { NULL,       "tanh",         "sigmoid",
                                                           "relu",     "hard_sigmoid", "softsign",
                                                           "identity", "silu",         "elu",
                                                           "gelu",     "positive" };
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    if (function < RECUR_ACTIVATION_TANH || function >= RECUR__ACTIVATIONS)
        return RECUR__NO_CONSTANT(__func__, "function", function, recur__activations);
    const recur_layer layer = {
        .ops = &activation_ops,
        .type = types[function],
        .spec = { .variant = function },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD,
        .input_size = features,
        .output_size = features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
