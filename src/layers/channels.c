/* channels.c - layers with parameters for each channel of a row, which is [channels][length]:
 *
 *   affine   y = w x + b                          dx = dy w              dw += dy x     db += dy
 *   prelu    y = x above 0, else w x; He 2015     dx = dy, else dy w     dw += dy x below 0 */
#include <stdio.h>

#include "layers/leaf.h"

static int64_t length_of(const recur_layer *layer)
{
    return layer->input_size / layer->spec.channels;
}

static bool has_bias(const recur_layer *layer)
{
    return layer->ops->kind == RECUR_KIND_AFFINE && !(layer->spec.flags & RECUR_LAYER_NO_BIAS);
}

static bool channel_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 1 || (index == 1 && !has_bias(layer))) return false;
    snprintf(name, 64, "%s", index == 0 ? "weight" : "bias");
    t->rank = 1;
    t->dim[0] = layer->spec.channels;
    t->dim[1] = 1;
    return true;
}

static recur__initial affine_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    return (recur__initial){ RECUR__INITIAL_CONSTANT, strcmp(tensor, "weight") == 0 ? 1 : 0 };
}

static recur__initial prelu_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    (void)tensor;
    return (recur__initial){ RECUR__INITIAL_CONSTANT, 0.25 };
}

static const recur__parameter_ops affine_parameters = { .tensor = channel_tensor,
                                                        .initial = affine_initial };
static const recur__parameter_ops prelu_parameters = { .tensor = channel_tensor,
                                                       .initial = prelu_initial };

/* ---- affine ----------------------------------------------------------------------------------
 */

static void affine(const recur_layer *layer, int64_t R, const float *x, float *y)
{
    const int64_t C = layer->spec.channels, L = length_of(layer);
    const float *w = layer->params, *b = has_bias(layer) ? w + C : NULL;
    for (int64_t r = 0; r < R && y; r++)
        for (int64_t c = 0; c < C; c++, x += L, y += L) {
            const float shift = b ? b[c] : 0;
            for (int64_t j = 0; j < L; j++) y[j] = w[c] * x[j] + shift;
        }
}

static void affine_forward(const recur_layer *layer, recur__pass *pass)
{
    affine(layer, recur__shape_rows(&pass->shape), pass->x, pass->y);
}
static void affine_step(recur__step_call *call) { affine(call->layer, call->B, call->x, call->y); }

static void affine_gradient(const recur_layer *layer, int64_t R, const recur__pass *pass)
{
    const int64_t C = layer->spec.channels, L = length_of(layer);
    const float *x = pass->x, *dy = pass->dy;
    float *dw = pass->dparams, *db = has_bias(layer) ? dw + C : NULL;
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++, x += L, dy += L)
            for (int64_t j = 0; j < L; j++) {
                dw[c] += dy[j] * x[j];
                if (db) db[c] += dy[j];
            }
}

static void affine_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t C = layer->spec.channels, L = length_of(layer);
    const int64_t R = recur__shape_rows(&pass->shape);
    if (recur__no_gradient(layer, R, pass->dy, pass->dx)) return;
    if (pass->dparams) affine_gradient(layer, R, pass);
    if (!pass->dx) return;
    const float *w = layer->params, *dy = pass->dy;
    float *dx = pass->dx;
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++, dx += L, dy += L)
            for (int64_t j = 0; j < L; j++) dx[j] = w[c] * dy[j];
}

RECUR__LEAF_OPS(RECUR_KIND_AFFINE, affine, &affine_parameters)

/* ---- PReLU ----------------------------------------------------------------------------------- */

/* y or dx: what comes where x is above 0, or NaN; else that times w. */
static void prelu(const recur_layer *layer, int64_t R, const float *x, const float *from, float *to)
{
    const int64_t C = layer->spec.channels, L = length_of(layer);
    const float *w = layer->params;
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++, x += L, from += L, to += L)
            for (int64_t j = 0; j < L; j++) to[j] = x[j] <= 0 ? w[c] * from[j] : from[j];
}

static void prelu_forward(const recur_layer *layer, recur__pass *pass)
{
    if (pass->y) prelu(layer, recur__shape_rows(&pass->shape), pass->x, pass->x, pass->y);
}
static void prelu_step(recur__step_call *call)
{
    if (call->y) prelu(call->layer, call->B, call->x, call->x, call->y);
}

static void prelu_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t C = layer->spec.channels, L = length_of(layer);
    const int64_t R = recur__shape_rows(&pass->shape);
    if (recur__no_gradient(layer, R, pass->dy, pass->dx)) return;
    const float *x = pass->x, *dy = pass->dy;
    if (pass->dx) prelu(layer, R, x, dy, pass->dx);
    for (int64_t r = 0; r < R && pass->dparams; r++)
        for (int64_t c = 0; c < C; c++, x += L, dy += L)
            for (int64_t j = 0; j < L; j++) pass->dparams[c] += x[j] <= 0 ? dy[j] * x[j] : 0;
}

RECUR__LEAF_OPS(RECUR_KIND_PRELU, prelu, &prelu_parameters)

/* ---- making ---------------------------------------------------------------------------------- */

static recur_status make(recur_context *ctx, const recur_layer *prototype, int64_t length,
                         recur_layer **out)
{
    recur_layer layer = *prototype;
    RECUR__CHECK(recur__layer_check_size("channels", layer.spec.channels));
    RECUR__CHECK(recur__layer_check_size("length", length));
    layer.input_size = layer.output_size = layer.spec.channels * length;
    RECUR__CHECK(recur__layer_check_size("channels times length", layer.input_size));
    layer.capabilities = RECUR__ROW_CAPABILITIES;
    return recur__layer_build(ctx, &layer, NULL, false, out);
}

recur_status recur_affine_create(recur_context *ctx, int64_t channels, int64_t length,
                                 uint32_t flags, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(
        recur__check_flags(__func__, flags, RECUR_LAYER_NO_BIAS, "RECUR_LAYER_NO_BIAS only"));
    const recur_layer layer = {
        .ops = &affine_ops,
        .type = "affine",
        .spec = { .flags = flags, .channels = channels },
    };
    return make(ctx, &layer, length, out);
}

recur_status recur_prelu_create(recur_context *ctx, int64_t channels, int64_t length,
                                recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    const recur_layer layer = {
        .ops = &prelu_ops,
        .type = "prelu",
        .spec = { .channels = channels },
    };
    return make(ctx, &layer, length, out);
}
