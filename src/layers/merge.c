/* merge.c - the two halves [a][b] of a row into one: outputs of both directions, a value and its
 * gate, a spectrum's real and imaginary parts.
 *
 *   sum         y = a + b           da = db = dy
 *   mean        y = (a + b)/2       da = db = dy/2
 *   multiply    y = a b             da = dy b          db = dy a
 *   gate        y = a σ(b)          da = dy σ(b)       db = dy a σ'(b)
 *   magnitude   y = √(a² + b²)      da = dy a/y        db = dy b/y        0 where y is 0 */
#include <math.h>

#include "layers/leaf.h"

/* Both halves of a row, and where what becomes of them goes. */
typedef struct halves {
    const recur__activation_kernels *kernels;
    int64_t F; /* numbers in a half */
    const float *a, *b;
} halves;

/* y of one row; da and db of one row. */
typedef void join(const halves *x, float *y);
typedef void part(const halves *x, const float *dy, float *da, float *db);

static void sum(const halves *x, float *y)
{
    for (int64_t j = 0; j < x->F; j++) y[j] = x->a[j] + x->b[j];
}

static void part_sum(const halves *x, const float *dy, float *da, float *db)
{
    recur__copy(da, dy, x->F);
    recur__copy(db, dy, x->F);
}

static void mean(const halves *x, float *y)
{
    for (int64_t j = 0; j < x->F; j++) y[j] = 0.5f * (x->a[j] + x->b[j]);
}

static void part_mean(const halves *x, const float *dy, float *da, float *db)
{
    for (int64_t j = 0; j < x->F; j++) da[j] = db[j] = 0.5f * dy[j];
}

static void multiply(const halves *x, float *y)
{
    for (int64_t j = 0; j < x->F; j++) y[j] = x->a[j] * x->b[j];
}

static void part_multiply(const halves *x, const float *dy, float *da, float *db)
{
    for (int64_t j = 0; j < x->F; j++) {
        da[j] = dy[j] * x->b[j];
        db[j] = dy[j] * x->a[j];
    }
}

static void gate(const halves *x, float *y)
{
    x->kernels->forward[RECUR_ACTIVATION_SIGMOID](x->F, x->b, y);
    for (int64_t j = 0; j < x->F; j++) y[j] *= x->a[j];
}

static void part_gate(const halves *x, const float *dy, float *da, float *db)
{
    for (int64_t j = 0; j < x->F; j++) db[j] = dy[j] * x->a[j];
    x->kernels->backward[RECUR_ACTIVATION_SIGMOID](x->F, x->b, db, db);
    x->kernels->forward[RECUR_ACTIVATION_SIGMOID](x->F, x->b, da);
    for (int64_t j = 0; j < x->F; j++) da[j] *= dy[j];
}

static void magnitude(const halves *x, float *y)
{
    for (int64_t j = 0; j < x->F; j++) y[j] = sqrtf(x->a[j] * x->a[j] + x->b[j] * x->b[j]);
}

static void part_magnitude(const halves *x, const float *dy, float *da, float *db)
{
    for (int64_t j = 0; j < x->F; j++) {
        const float a = x->a[j], b = x->b[j], y = sqrtf(a * a + b * b);
        const float slope = y == 0 ? 0 : dy[j] / y;
        da[j] = slope * a;
        db[j] = slope * b;
    }
}

/* Each way to join. */
static const struct {
    const char *type;
    join *forward;
    part *backward;
} ways[] = {
    [RECUR_MERGE_SUM] = { "merge_sum", sum, part_sum },
    [RECUR_MERGE_MEAN] = { "merge_mean", mean, part_mean },
    [RECUR_MERGE_MULTIPLY] = { "merge_multiply", multiply, part_multiply },
    [RECUR_MERGE_GATE] = { "merge_gate", gate, part_gate },
    [RECUR_MERGE_MAGNITUDE] = { "merge_magnitude", magnitude, part_magnitude },
};
enum { WAYS = sizeof ways / sizeof *ways };

static halves halves_of(const recur_layer *layer, const float *x)
{
    const int64_t F = layer->output_size;
    return (halves){ recur__activation_of(layer->root->kernels), F, x, x + F };
}

static void merge(const recur_layer *layer, int64_t R, const float *x, float *y)
{
    const int64_t F = layer->output_size;
    for (int64_t r = 0; r < R && y; r++, x += 2 * F, y += F) {
        const halves both = halves_of(layer, x);
        ways[layer->spec.variant].forward(&both, y);
    }
}

static void merge_forward(const recur_layer *layer, recur__pass *pass)
{
    merge(layer, recur__shape_rows(&pass->shape), pass->x, pass->y);
}
static void merge_step(recur__step_call *call) { merge(call->layer, call->B, call->x, call->y); }

static void merge_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape), F = layer->output_size;
    if (recur__no_gradient(layer, R, pass->dy, pass->dx) || !pass->dx) return;
    const float *x = pass->x, *dy = pass->dy;
    float *dx = pass->dx;
    for (int64_t r = 0; r < R; r++, x += 2 * F, dx += 2 * F, dy += F) {
        const halves both = halves_of(layer, x);
        ways[layer->spec.variant].backward(&both, dy, dx, dx + F);
    }
}

RECUR__LEAF_OPS(RECUR_KIND_MERGE, merge, NULL)

recur_status recur_merge_create(recur_context *ctx, int64_t features, int32_t way,
                                recur_layer **out)
{
    static const recur__constant way_names[] = { RECUR__CONSTANT(RECUR_MERGE_SUM),
                                                 RECUR__CONSTANT(RECUR_MERGE_MEAN),
                                                 RECUR__CONSTANT(RECUR_MERGE_MULTIPLY),
                                                 RECUR__CONSTANT(RECUR_MERGE_GATE),
                                                 RECUR__CONSTANT(RECUR_MERGE_MAGNITUDE) };
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    if (way < RECUR_MERGE_SUM || way >= WAYS)
        return RECUR__NO_CONSTANT(__func__, "way", way, way_names);
    if (features % 2)
        return recur__fail(RECUR_E_SHAPE, "recur_merge_create: %lld features are not two halves",
                           (long long)features);
    const recur_layer layer = {
        .ops = &merge_ops,
        .type = ways[way].type,
        .spec = { .variant = way },
        .capabilities = RECUR__ROW_CAPABILITIES,
        .input_size = features,
        .output_size = features / 2,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
