/* merge.c - the two halves of a row into one: forward and reverse of a bidirectional layer, added,
 * averaged or multiplied.
 *
 *   y = a + b        y = (a + b)/2        y = a b
 *   da = db = dy     da = db = dy/2       da = dy b, db = dy a */
#include "layers/leaf.h"

static double weight(const recur_layer *layer)
{
    return layer->spec.variant == RECUR_MERGE_MEAN ? 0.5 : 1;
}

static void merge(const recur_layer *layer, int64_t R, const float *x, float *y)
{
    const int64_t F = layer->output_size;
    const float w = (float)weight(layer);
    for (int64_t r = 0; r < R && y; r++, x += 2 * F, y += F) {
        const float *a = x, *b = x + F;
        if (layer->spec.variant == RECUR_MERGE_MULTIPLY)
            for (int64_t j = 0; j < F; j++) y[j] = a[j] * b[j];
        else
            for (int64_t j = 0; j < F; j++) y[j] = w * (a[j] + b[j]);
    }
}

static void merge_forward(const recur_layer *layer, recur__pass *pass)
{
    merge(layer, recur__shape_rows(&pass->shape), pass->x, pass->y);
}
static void merge_step(recur__step_call *call) { merge(call->layer, call->B, call->x, call->y); }

static void merge_backward(const recur_layer *layer, recur__pass *pass)
{
    if (recur__no_gradient(layer, recur__shape_rows(&pass->shape), pass->dy, pass->dx) || !pass->dx)
        return;
    const int64_t R = recur__shape_rows(&pass->shape), F = layer->output_size;
    const float *x = pass->x, *dy = pass->dy, w = (float)weight(layer);
    const bool multiplies = layer->spec.variant == RECUR_MERGE_MULTIPLY;
    float *dx = pass->dx;
    for (int64_t r = 0; r < R; r++, x += 2 * F, dx += 2 * F, dy += F) {
        const float *a = x, *b = x + F;
        float *da = dx, *db = dx + F;
        for (int64_t j = 0; j < F; j++) {
            da[j] = multiplies ? dy[j] * b[j] : w * dy[j];
            db[j] = multiplies ? dy[j] * a[j] : w * dy[j];
        }
    }
}

RECUR__LEAF_OPS(RECUR_KIND_MERGE, merge, NULL)

recur_status recur_merge_create(recur_context *ctx, int64_t features, int32_t way,
                                recur_layer **out)
{
    static const recur__constant way_names[] = { RECUR__CONSTANT(RECUR_MERGE_SUM),
                                                 RECUR__CONSTANT(RECUR_MERGE_MEAN),
                                                 RECUR__CONSTANT(RECUR_MERGE_MULTIPLY) };
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    if (way < RECUR_MERGE_SUM || way > RECUR_MERGE_MULTIPLY)
        return RECUR__NO_CONSTANT(__func__, "way", way, way_names);
    if (features % 2)
        return recur__fail(RECUR_E_SHAPE, "recur_merge_create: %lld features are not two halves",
                           (long long)features);
    static const char *const types[] = { [RECUR_MERGE_SUM] = "merge_sum",
                                         [RECUR_MERGE_MEAN] = "merge_mean",
                                         [RECUR_MERGE_MULTIPLY] = "merge_multiply" };
    const recur_layer layer = {
        .ops = &merge_ops,
        .type = types[way],
        .spec = { .variant = way },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD,
        .input_size = features,
        .output_size = features / 2,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
