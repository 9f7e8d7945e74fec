/* softmax.c - y = exp(x) / Σ exp(x) over the features of a row. backward computes y again:
 *
 *   dx = y (dy - Σ dy y) */
#include "layers/leaf.h"

static void softmax(const recur_layer *layer, int64_t R, const float *x, float *y)
{
    const int64_t F = layer->input_size;
    const recur__optimizer_kernels *k = recur__optimizer_of(layer->root->kernels);
    for (int64_t r = 0; r < R && y; r++, x += F, y += F)
        k->scale(F, (float)(1 / k->exps(F, k->max(F, x), x, y)), y);
}

static void softmax_forward(const recur_layer *layer, recur__pass *pass)
{
    softmax(layer, recur__shape_rows(&pass->shape), pass->x, pass->y);
}
static void softmax_step(recur__step_call *call)
{
    softmax(call->layer, call->B, call->x, call->y);
}

static void softmax_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape), F = layer->input_size;
    if (recur__no_gradient(layer, R, pass->dy, pass->dx) || !pass->dx) return;
    const float *dy = pass->dy;
    float *dx = pass->dx;
    softmax(layer, R, pass->x, dx);
    for (int64_t r = 0; r < R; r++, dx += F, dy += F) {
        double dot = 0;
        for (int64_t j = 0; j < F; j++) dot += (double)dy[j] * (double)dx[j];
        for (int64_t j = 0; j < F; j++) dx[j] *= dy[j] - (float)dot;
    }
}

RECUR__LEAF_OPS(RECUR_KIND_SOFTMAX, softmax, NULL)

recur_status recur_softmax_create(recur_context *ctx, int64_t features, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    const recur_layer layer = {
        .ops = &softmax_ops,
        .type = "softmax",
        .capabilities = RECUR__ROW_CAPABILITIES,
        .input_size = features,
        .output_size = features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
