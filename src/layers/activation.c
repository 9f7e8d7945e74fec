/* activation.c - y = f(x), number by number. backward: dx = dy f'(x), with f'(x) computed from x again. */
#include "layers/leaf.h"

static void apply(const recur_layer *layer, const recur__vector *v, int64_t n, const float *x, float *y)
{
    if (!y) return;
    switch (layer->spec.variant) {
    case RECUR_ACTIVATION_TANH: v->tanh(n, x, y); break;
    case RECUR_ACTIVATION_SIGMOID: v->sigmoid(n, x, y); break;
    default: v->relu(n, x, y); break;
    }
}

static void activation_forward(const recur_layer *layer, recur__pass *pass)
{
    apply(layer, pass->kernels->vector, recur__shape_rows(&pass->shape) * layer->input_size, pass->x, pass->y);
}

static void activation_step(const recur_layer *layer, const recur__stream *s)
{
    apply(layer, s->kernels->vector, s->B * layer->input_size, s->x, s->y);
}

static void activation_backward(const recur_layer *layer, recur__pass *pass)
{
    if (recur__no_gradient(layer, pass) || !pass->dx) return;
    const int64_t n = recur__shape_rows(&pass->shape) * layer->input_size;
    const recur__vector *v = pass->kernels->vector;
    switch (layer->spec.variant) {
    case RECUR_ACTIVATION_TANH: v->tanh_backward(n, pass->x, pass->dy, pass->dx); break;
    case RECUR_ACTIVATION_SIGMOID: v->sigmoid_backward(n, pass->x, pass->dy, pass->dx); break;
    default: v->relu_backward(n, pass->x, pass->dy, pass->dx); break;
    }
}

static const recur__layer_ops activation_ops = {
    .kind = RECUR_KIND_ACTIVATION,
    .measure = recur__measure_nothing,
    .forward = activation_forward,
    .backward = activation_backward,
    .step_floats = recur__step_nothing,
    .step = activation_step,
};

recur_status recur_activation_create(recur_context *ctx, int64_t features, int32_t function, recur_layer **out)
{
    static const char *const types[] = { NULL, "tanh", "sigmoid", "relu" };
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__TRY(recur__layer_check_size("features", features));
    if (function < RECUR_ACTIVATION_TANH || function > RECUR_ACTIVATION_RELU)
        return recur__fail(RECUR_E_ARGUMENT, "recur_activation_create: function %d is unknown", (int)function);
    const recur_layer layer = {
        .ops = &activation_ops,
        .type = types[function],
        .spec = { .variant = function },
        .abilities = RECUR_ABLE_ROWS | RECUR_ABLE_STEP | RECUR_ABLE_RECORD,
        .input_size = features,
        .output_size = features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
