/* group_norm.c - each of the groups of a row's channels normalised by itself; Wu 2018. The row is
 * [channels][length]; weight and bias have a number for each channel.
 *
 *   x̂ = (x - mean) / √(variance + epsilon) of a group      y = w x̂ + b
 *
 * backward computes x̂ again: nothing is kept. */
#include <stdio.h>

#include "layers/leaf.h"

static bool group_norm_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 1) return false;
    snprintf(name, 64, "%s", index == 0 ? "weight" : "bias");
    t->rank = 1;
    t->dim[0] = layer->spec.channels;
    return true;
}

static recur__initial group_norm_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    return (recur__initial){ RECUR__INITIAL_CONSTANT, strcmp(tensor, "weight") == 0 ? 1 : 0 };
}

static int64_t group_size(const recur_layer *layer)
{
    return layer->input_size / layer->spec.groups;
}

/* The groups of one row, as rows. */
static recur__normed_rows groups_of(const recur_layer *layer, const float *ones, const float *x)
{
    return (recur__normed_rows){ .R = layer->spec.groups,
                                 .n = group_size(layer),
                                 .epsilon = layer->spec.epsilon,
                                 .x = x,
                                 .w = ones };
}

static void fill_ones(const recur_layer *layer, float *ones)
{
    for (int64_t j = 0; j < group_size(layer); j++) ones[j] = 1;
}

static void group_norm(const recur_layer *layer, int64_t R, float *ones, const float *x, float *y)
{
    const int64_t F = layer->input_size, C = layer->spec.channels, L = F / C;
    const float *w = layer->params, *b = w + C;
    fill_ones(layer, ones);
    for (int64_t r = 0; r < R && y; r++, x += F) {
        const recur__normed_rows groups = groups_of(layer, ones, x);
        recur__layernorm_of(layer->root->kernels)->forward(&groups, y);
        for (int64_t c = 0; c < C; c++, y += L)
            for (int64_t j = 0; j < L; j++) y[j] = w[c] * y[j] + b[c];
    }
}

/* What backward needs for one row. */
typedef struct room {
    recur__moments *moments; /* [groups] */
    float *x_hat, *g;        /* [features]: x̂; w dy */
    float *ones;             /* [features of a group] */
} room;

static room carve(const recur_layer *layer, recur__workspace *workspace)
{
    return (room){
        .moments = recur__scratch(workspace, layer->spec.groups, sizeof(recur__moments)),
        .x_hat = recur__scratch(workspace, layer->input_size, sizeof(float)),
        .g = recur__scratch(workspace, layer->input_size, sizeof(float)),
        .ones = recur__scratch(workspace, group_size(layer), sizeof(float)),
    };
}

static void group_norm_measure(const recur_layer *layer, const recur__shape *shape,
                               recur__workspace *workspace)
{
    const size_t mark = workspace->scratch.used;
    if (shape->record)
        carve(layer, workspace);
    else
        recur__scratch(workspace, group_size(layer), sizeof(float));
    workspace->scratch.used = mark;
}

static void group_norm_forward(const recur_layer *layer, recur__pass *pass)
{
    const size_t mark = pass->workspace->scratch.used;
    float *ones = recur__scratch(pass->workspace, group_size(layer), sizeof(float));
    group_norm(layer, recur__shape_rows(&pass->shape), ones, pass->x, pass->y);
    pass->workspace->scratch.used = mark;
}

static int64_t group_norm_scratch(const recur_layer *layer, int64_t B)
{
    (void)B;
    return group_size(layer);
}

static void group_norm_step(recur__step_call *call)
{
    group_norm(call->layer, call->B, call->scratch, call->x, call->y);
}

static void backward_row(const recur_layer *layer, const room *own, const float *x, const float *dy,
                         float *dx, float *dparams)
{
    const int64_t C = layer->spec.channels, L = layer->input_size / C;
    const recur__layernorm *norm = recur__layernorm_of(layer->root->kernels);
    const float *w = layer->params;
    recur__normed_rows groups = groups_of(layer, own->ones, x);
    groups.moments = own->moments;
    norm->forward(&groups, own->x_hat);
    for (int64_t c = 0; c < C; c++) {
        double dw = 0, db = 0;
        for (int64_t j = c * L; j < (c + 1) * L; j++) {
            own->g[j] = w[c] * dy[j];
            dw += (double)dy[j] * (double)own->x_hat[j];
            db += (double)dy[j];
        }
        if (!dparams) continue;
        dparams[c] += (float)dw;
        dparams[C + c] += (float)db;
    }
    if (dx) norm->backward(&groups, own->g, dx);
}

static void group_norm_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape), F = layer->input_size;
    const size_t mark = pass->workspace->scratch.used;
    if (recur__no_gradient(layer, R, pass->dy, pass->dx)) return;
    const room own = carve(layer, pass->workspace);
    fill_ones(layer, own.ones);
    for (int64_t r = 0; r < R; r++)
        backward_row(layer, &own, pass->x + r * F, pass->dy + r * F,
                     pass->dx ? pass->dx + r * F : NULL, pass->dparams);
    pass->workspace->scratch.used = mark;
}

static const recur__parameter_ops parameter_ops = {
    .tensor = group_norm_tensor,
    .initial = group_norm_initial,
};

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, group_norm_measure),
    .forward = RECUR__IF(BATCH, group_norm_forward),
    .backward = RECUR__IF(TRAIN, group_norm_backward),
};

static const recur__step_ops step_ops = {
    .scratch = group_norm_scratch,
    .forward = group_norm_step,
};

static const recur__layer_ops group_norm_ops = {
    .kind = RECUR_KIND_NORM,
    .parameters = &parameter_ops,
    .pass = &pass_ops,
    .step = &step_ops,
};

recur_status recur_group_norm_create(recur_context *ctx, int64_t channels, int64_t length,
                                     int64_t groups, double epsilon, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("channels", channels));
    RECUR__CHECK(recur__layer_check_size("length", length));
    RECUR__CHECK(recur__layer_check_size("channels times length", channels * length));
    RECUR__CHECK(recur__layer_check_size("groups", groups));
    if (channels % groups)
        return recur__fail(RECUR_E_SHAPE,
                           "recur_group_norm_create: %lld channels are not %lld equal groups",
                           (long long)channels, (long long)groups);
    RECUR__CHECK(recur__layer_take_epsilon(__func__, &epsilon));
    const recur_layer layer = {
        .ops = &group_norm_ops,
        .type = "group_norm",
        .spec = { .variant = RECUR_NORM_GROUP,
                  .epsilon = epsilon,
                  .channels = channels,
                  .groups = groups },
        .capabilities = RECUR__ROW_CAPABILITIES,
        .input_size = channels * length,
        .output_size = channels * length,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
