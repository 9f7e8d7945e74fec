/* linear.c - y = W x + b, row by row; an id is the one-hot vector of that index.
 *
 * backward: dW += dyᵀ x   db += Σ dy   dx = dy W */
#include <stdio.h>

#include "layers/leaf.h"
#include "linalg/reduced.h"

static float *bias_of(const recur_layer *layer, float *params)
{
    return layer->spec.flags & RECUR_LAYER_NO_BIAS
               ? NULL
               : params + layer->input_size * layer->output_size;
}

static bool linear_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 1 || (index == 1 && layer->spec.flags & RECUR_LAYER_NO_BIAS)) return false;
    snprintf(name, 64, "%s", index == 0 ? "weight" : "bias");
    t->rank = index == 0 ? 2 : 1;
    t->dim[0] = layer->output_size;
    t->dim[1] = index == 0 ? layer->input_size : 1;
    return true;
}

static recur__initial linear_initial(const recur_layer *layer, const char *tensor)
{
    (void)tensor;
    return (recur__initial){ RECUR__INITIAL_UNIFORM,
                             1 / __builtin_sqrt((double)layer->input_size) };
}

/* ---- packs ---------------------------------------------------------------------------------- */

/* That of a tape has W both ways, with rows that begin where cache lines do. That of a snapshot has
 * W with fewer bits: carve_reduced. */

typedef struct pack {
    int64_t ld_in, ld_out;
    float *rows, *columns; /* [out][ld_in], [in][ld_out] */
} pack;

/* NULL for floats: the parameters are as good. */
static void *carve_reduced(const recur_layer *layer, recur__carver *carver)
{
    const int32_t precision = layer->spec.precision;
    if (precision == RECUR_PRECISION_FLOAT32) return NULL;
    recur__reduced *to = recur__carve(carver, 1, sizeof *to);
    const recur__reduced made = recur__carve_reduced(precision, layer->output_size,
                                                     layer->input_size, carver);
    if (to) *to = made;
    return to;
}

static void *carve_pack(const recur_layer *layer, recur__carver *carver)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    if (recur__layer_is_snapshot(layer)) return carve_reduced(layer, carver);
    pack *to = recur__carve(carver, 1, sizeof *to);
    const int64_t ld_in = recur__padded(in), ld_out = recur__padded(out);
    float *rows = recur__carve(carver, recur__times(out, ld_in), sizeof(float));
    float *columns = recur__carve(carver, recur__times(in, ld_out), sizeof(float));
    if (to) *to = (pack){ ld_in, ld_out, rows, columns };
    return to;
}

static void fill_pack(const recur_layer *layer, void *place)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    if (!place) return;
    if (recur__is_reduced(layer)) {
        recur__fill_reduced(place, (recur__matrix){ layer->params, in });
        return;
    }
    const pack *to = place;
    for (int64_t j = 0; j < out; j++)
        memcpy(to->rows + j * to->ld_in, layer->params + j * in, (size_t)in * sizeof(float));
    recur__transpose(out, in, layer->params, in, to->columns, to->ld_out);
}

/* ---- products ------------------------------------------------------------------------------- */

/* So few outputs that each is a sum over lanes, for any number of rows. */
static bool few_outputs(const recur_layer *layer)
{
    return layer->output_size < layer->root->kernels->gemm->width;
}

static void multiply_row(const recur_layer *layer, const pack *packed, const float *x, float *y)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const float *W = layer->params, *b = bias_of(layer, layer->params);
    const recur__gemv *gemv = layer->root->kernels->gemv;
    if (few_outputs(layer))
        gemv->dots(out, in, (recur__matrix){ W, in }, x, b, y);
    else if (packed)
        gemv->gemv_n(in, out, (recur__matrix){ packed->columns, packed->ld_out }, x, b, y);
    else
        gemv->gemv_t(out, in, (recur__matrix){ W, in }, x, b, y);
}

static void fill_bias(const recur_layer *layer, int64_t R, float *y)
{
    const int64_t out = layer->output_size;
    const float *b = bias_of(layer, layer->params);
    if (!b) memset(y, 0, (size_t)(R * out) * sizeof *y);
    for (int64_t r = 0; b && r < R; r++) memcpy(y + r * out, b, (size_t)out * sizeof *y);
}

/* R rows of x; a pass shares them among the threads of ctx, a step (ctx NULL) does not. */
static void multiply(const recur_layer *layer, const recur_context *ctx, const pack *packed,
                     int64_t R, const float *x, float *y)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const recur__kernels *k = layer->root->kernels;
    const recur__sizes sizes = { R, out, in };
    const recur__matrix X = { x, in }, W = { layer->params, in };
    if (R == 1 || few_outputs(layer)) {
        for (int64_t r = 0; r < R; r++) multiply_row(layer, packed, x + r * in, y + r * out);
        return;
    }
    fill_bias(layer, R, y);
    if (ctx)
        recur__gemm_nt(ctx, k, sizes, X, W, (recur__sums){ y, out });
    else if (packed)
        k->gemm->nn(sizes, X, (recur__matrix){ packed->columns, packed->ld_out },
                    (recur__sums){ y, out });
    else
        recur__gemm_nt_here(k, sizes, X, W, (recur__sums){ y, out });
}

/* The same with fewer bits. */
static void multiply_reduced(const recur_layer *layer, const recur_context *ctx, int64_t R,
                             const float *x, float *y, float *scratch)
{
    const recur__reduced_tools tools = {
        .ctx = ctx,
        .kernels = layer->root->kernels,
        .scratch = scratch,
    };
    fill_bias(layer, R, y);
    recur__multiply_reduced(&tools, layer->pack, R, (recur__matrix){ x, layer->input_size },
                            (recur__sums){ y, layer->output_size });
}

static void look_up(const recur_layer *layer, int64_t R, const int32_t *ids, float *y)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    fill_bias(layer, R, y);
    for (int64_t r = 0; recur__is_reduced(layer) && r < R; r++)
        for (int64_t j = 0; j < out; j++)
            y[r * out + j] += recur__reduced_number(layer->pack, j, ids[r]);
    if (recur__is_reduced(layer)) return;
    for (int64_t r = 0; r < R; r++)
        for (int64_t j = 0; j < out; j++) y[r * out + j] += layer->params[j * in + ids[r]];
}

/* dx of R rows */
static void input_gradient(const recur_layer *layer, const pack *packed, int64_t R, const float *dy,
                           float *dx)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const recur__kernels *k = layer->root->kernels;
    const recur__matrix W = packed ? (recur__matrix){ packed->rows, packed->ld_in }
                                   : (recur__matrix){ layer->params, in };
    if (R == 1) {
        k->gemv->gemv_n(out, in, W, dy, NULL, dx);
        return;
    }
    memset(dx, 0, (size_t)(R * in) * sizeof *dx);
    recur__gemm_nn(layer->root->ctx, k, (recur__sizes){ R, in, out }, (recur__matrix){ dy, out }, W,
                   (recur__sums){ dx, in });
}

/* ---- gradients of parameters: rows of dy and x ---------------------------------------------- */

static void gradient_widths(const recur_layer *layer, int64_t width[RECUR__GRADIENT_ROWS])
{
    width[0] = layer->output_size;
    width[1] = layer->input_size;
}

static void add_bias_gradient(const recur_layer *layer, int64_t R, const float *dy, float *dparams)
{
    const int64_t out = layer->output_size;
    float *db = bias_of(layer, dparams);
    if (db) layer->root->kernels->reduce->column_sums(R, out, dy, out, db);
}

static void add_gradients(const recur_layer *layer, int64_t R, const float *const row[],
                          float *dparams)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const recur__matrix dY = { row[0], out }, X = { row[1], in };
    recur__gemm_tn(layer->root->ctx, layer->root->kernels, (recur__sizes){ out, in, R }, dY, X,
                   (recur__sums){ dparams, in });
    add_bias_gradient(layer, R, row[0], dparams);
}

static void add_id_gradients(const recur_layer *layer, int64_t R, const float *dy,
                             const int32_t *ids, float *dW)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    for (int64_t r = 0; r < R; r++)
        for (int64_t j = 0; j < out; j++) dW[j * in + ids[r]] += dy[r * out + j];
    add_bias_gradient(layer, R, dy, dW);
}

/* ---- passes and steps ----------------------------------------------------------------------- */

/* Products of fewer bits prepare rows. */
static void linear_measure(const recur_layer *layer, const recur__shape *shape,
                           recur__workspace *workspace)
{
    const bool reduced = recur__is_reduced(layer);
    const size_t mark = workspace->scratch.used;
    const int64_t floats = recur__reduced_scratch(recur__shape_rows(shape), layer->input_size);
    recur__scratch(workspace, reduced ? floats : 0, sizeof(float));
    workspace->scratch.used = mark;
}

/* The same for snapshots of any precision. */
static int64_t linear_scratch(const recur_layer *layer, int64_t B)
{
    return recur__reduced_scratch(B, layer->input_size);
}

static void linear_forward_reduced(const recur_layer *layer, recur__pass *pass)
{
    recur__workspace *workspace = pass->workspace;
    const int64_t R = recur__shape_rows(&pass->shape);
    const size_t mark = workspace->scratch.used;
    float *scratch = recur__scratch(workspace, recur__reduced_scratch(R, layer->input_size),
                                    sizeof *scratch);
    multiply_reduced(layer, layer->root->ctx, R, pass->x, pass->y, scratch);
    workspace->scratch.used = mark;
}

static void linear_forward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape);
    if (!pass->y || R == 0) return;
    if (pass->ids)
        look_up(layer, R, pass->ids, pass->y);
    else if (recur__is_reduced(layer))
        linear_forward_reduced(layer, pass);
    else
        multiply(layer, layer->root->ctx, pass->pack, R, pass->x, pass->y);
}

static void linear_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape);
    const float *const row[RECUR__GRADIENT_ROWS] = { pass->dy, pass->x };
    if (recur__no_gradient(layer, R, pass->dy, pass->dx) || R == 0) return;
    if (pass->dparams && pass->ids) add_id_gradients(layer, R, pass->dy, pass->ids, pass->dparams);
    if (pass->dparams && !pass->ids) add_gradients(layer, R, row, pass->dparams);
    if (pass->dx) input_gradient(layer, pass->pack, R, pass->dy, pass->dx);
}

static void linear_step(recur__step_call *call)
{
    if (!call->y) return;
    if (call->ids)
        look_up(call->layer, call->B, call->ids, call->y);
    else if (recur__is_reduced(call->layer))
        multiply_reduced(call->layer, NULL, call->B, call->x, call->y, call->scratch);
    else
        multiply(call->layer, NULL, call->pack, call->B, call->x, call->y);
}

/* The head of a stream, which has one row and few outputs: the shortest way. */
static void head_step(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    const int64_t in = layer->input_size;
    if (call->ids || !call->y) {
        linear_step(call);
        return;
    }
    layer->root->kernels->gemv->dots(layer->output_size, in, (recur__matrix){ layer->params, in },
                                     call->x, bias_of(layer, layer->params), call->y);
}

/* A weight that does not stay in the first cache is better read once for a whole block. */
enum { SMALL = 4096 };

static int64_t linear_plan(const recur__step_call *at, recur__step_call *to)
{
    if (!to) return 1;
    const bool head = at->B == 1 && few_outputs(at->layer) && !recur__is_reduced(at->layer);
    *to = *at;
    to->run = head ? head_step : linear_step;
    to->at_once = at->layer->input_size * at->layer->output_size > SMALL;
    return 1;
}

static void linear_step_backward(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    call->row[0] = call->dy;
    call->row[1] = call->x;
    if (recur__no_gradient(layer, call->B, call->dy, call->dx) || !call->dx) return;
    input_gradient(layer, call->pack, call->B, call->dy, call->dx);
}

/* A recorded step keeps nothing: x and dy are all that backward needs. */
static bool plan_recorded(recur__step_call *call, const recur__shape *shape, void *record)
{
    (void)shape;
    (void)record;
    call->run = linear_step;
    return true;
}

static const recur__parameter_ops parameter_ops = {
    .tensor = linear_tensor,
    .initial = linear_initial,
};

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, linear_measure),
    .forward = RECUR__IF(BATCH, linear_forward),
    .backward = RECUR__IF(TRAIN, linear_backward),
};

static const recur__step_ops step_ops = {
    .scratch = linear_scratch,
    .forward = linear_step,
    .plan = linear_plan,
    .plan_recorded = RECUR__IF(TRAIN, plan_recorded),
    .backward = RECUR__IF(TRAIN, linear_step_backward),
};

static const recur__pack_ops pack_ops = {
    .carve = carve_pack,
    .fill = fill_pack,
    .reduces = recur__is_weight,
};

static const recur__gradient_ops gradient_ops = {
    .widths = gradient_widths,
    .add = add_gradients,
};

static const recur__layer_ops linear_ops = {
    .kind = RECUR_KIND_LINEAR,
    .parameters = &parameter_ops,
    .pass = &pass_ops,
    .step = &step_ops,
    .pack = &pack_ops,
    .gradients = RECUR__IF(TRAIN, &gradient_ops),
};

recur_status recur_linear_create(recur_context *ctx, int64_t in_features, int64_t out_features,
                                 uint32_t flags, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("in_features", in_features));
    RECUR__CHECK(recur__layer_check_size("out_features", out_features));
    RECUR__CHECK(
        recur__check_flags(__func__, flags, RECUR_LAYER_NO_BIAS, "RECUR_LAYER_NO_BIAS only"));
    const recur_layer layer = {
        .ops = &linear_ops,
        .type = "linear",
        .spec = { .flags = flags },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS | RECUR_CAN_STEP |
                        RECUR_CAN_RECORD,
        .input_size = in_features,
        .output_size = out_features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
