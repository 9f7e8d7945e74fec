/* norm.c - normalisation over the features of a row; Ba 2016, without the mean Zhang 2019:
 *
 *   x̂ = (x - mean) / √(variance + epsilon)      y = w x̂ + b
 *   x̂ = x / √(mean(x²) + epsilon)               y = w x̂
 *
 * What is known of each row is kept for backward, whose equations are in kernels/layernorm.h. */
#include <stdio.h>

#include "layers/leaf.h"

static float *bias_of(const recur_layer *layer, float *params)
{
    return layer->spec.flags & RECUR_LAYER_NO_BIAS ? NULL : params + layer->input_size;
}

static bool norm_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 1 || (index == 1 && layer->spec.flags & RECUR_LAYER_NO_BIAS)) return false;
    snprintf(name, 64, "%s", index == 0 ? "weight" : "bias");
    t->rank = 1;
    t->dim[0] = layer->input_size;
    t->dim[1] = 1;
    return true;
}

static recur__initial norm_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    return (recur__initial){ RECUR__INITIAL_CONSTANT, strcmp(tensor, "weight") == 0 ? 1 : 0 };
}

static recur__moments *carve_moments(const recur__shape *shape, recur__workspace *workspace)
{
    return shape->record
               ? recur__carve(&workspace->reserve, recur__shape_rows(shape), sizeof(recur__moments))
               : NULL;
}

static void norm_measure(const recur_layer *layer, const recur__shape *shape,
                         recur__workspace *workspace)
{
    (void)layer;
    carve_moments(shape, workspace);
}

/* Rows of this layer, whose moments are known or wanted, or NULL. */
static recur__normed_rows rows_of(const recur_layer *layer, int64_t R, const float *x,
                                  recur__moments *moments)
{
    return (recur__normed_rows){
        .R = R,
        .n = layer->input_size,
        .epsilon = layer->spec.epsilon,
        .x = x,
        .w = layer->params,
        .b = bias_of(layer, layer->params),
        .moments = moments,
    };
}

static void normalise(const recur_layer *layer, const recur__normed_rows *rows, float *y)
{
    const recur__layernorm *norm = recur__layernorm_of(layer->root->kernels);
    if (!y && !rows->moments) return;
    if (layer->spec.variant == RECUR_NORM_RMS)
        norm->rms_forward(rows, y);
    else
        norm->forward(rows, y);
}

static void norm_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__moments *moments = carve_moments(&pass->shape, pass->workspace);
    const int64_t R = recur__shape_rows(&pass->shape);
    const recur__normed_rows rows = rows_of(layer, R, pass->x, moments);
    normalise(layer, &rows, pass->y);
}

static void norm_step(recur__step_call *call)
{
    const recur__normed_rows rows = rows_of(call->layer, call->B, call->x, NULL);
    normalise(call->layer, &rows, call->y);
}

static void norm_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__moments *moments = carve_moments(&pass->shape, pass->workspace);
    const int64_t R = recur__shape_rows(&pass->shape);
    if (recur__no_gradient(layer, R, pass->dy, pass->dx)) return;
    const recur__layernorm *norm = recur__layernorm_of(pass->kernels);
    const recur__normed_rows rows = rows_of(layer, R, pass->x, moments);
    float *db = pass->dparams ? bias_of(layer, pass->dparams) : NULL;
    if (pass->dparams) norm->gradient(&rows, pass->dy, pass->dparams, db);
    if (!pass->dx) return;
    if (layer->spec.variant == RECUR_NORM_RMS)
        norm->rms_backward(&rows, pass->dy, pass->dx);
    else
        norm->backward(&rows, pass->dy, pass->dx);
}

static const recur__parameter_ops parameter_ops = {
    .tensor = norm_tensor,
    .initial = norm_initial,
};

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, norm_measure),
    .forward = RECUR__IF(BATCH, norm_forward),
    .backward = RECUR__IF(TRAIN, norm_backward),
};

static const recur__step_ops step_ops = {
    .scratch = recur__no_scratch,
    .forward = norm_step,
};

static const recur__layer_ops norm_ops = {
    .kind = RECUR_KIND_NORM,
    .parameters = &parameter_ops,
    .pass = &pass_ops,
    .step = &step_ops,
};

/* ---- making ---------------------------------------------------------------------------------- */

static recur_status make(recur_context *ctx, const char *function, const recur_layer *prototype,
                         recur_layer **out)
{
    recur_layer layer = *prototype;
    RECUR__CHECK(recur__layer_check_size("features", layer.input_size));
    RECUR__CHECK(recur__layer_take_epsilon(function, &layer.spec.epsilon));
    layer.ops = &norm_ops;
    layer.capabilities = RECUR__ROW_CAPABILITIES;
    layer.output_size = layer.input_size;
    return recur__layer_build(ctx, &layer, NULL, false, out);
}

recur_status recur_norm_create(recur_context *ctx, int64_t features, double epsilon, uint32_t flags,
                               recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(
        recur__check_flags(__func__, flags, RECUR_LAYER_NO_BIAS, "RECUR_LAYER_NO_BIAS only"));
    const recur_layer layer = {
        .type = "norm",
        .spec = { .flags = flags, .epsilon = epsilon, .variant = RECUR_NORM_LAYER },
        .input_size = features,
    };
    return make(ctx, __func__, &layer, out);
}

recur_status recur_rms_norm_create(recur_context *ctx, int64_t features, double epsilon,
                                   recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    const recur_layer layer = {
        .type = "rms_norm",
        .spec = { .flags = RECUR_LAYER_NO_BIAS, .epsilon = epsilon, .variant = RECUR_NORM_RMS },
        .input_size = features,
    };
    return make(ctx, __func__, &layer, out);
}
