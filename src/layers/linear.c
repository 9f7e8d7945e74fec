/* linear.c - y = W x + b, row by row; an id is the one-hot vector of that index.
 *
 * backward: dW += dyᵀ x   db += Σ dy   dx = dy W */
#include <stdio.h>

#include "layers/leaf.h"
#include "linalg/matrix.h"

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

static recur__start linear_start(const recur_layer *layer, const char *tensor)
{
    (void)tensor;
    return (recur__start){ RECUR__START_UNIFORM, 1 / __builtin_sqrt((double)layer->input_size) };
}

/* ---- what a tape keeps for single steps: W both ways, rows beginning where cache lines do --- */

typedef struct prepared {
    int64_t ld_in, ld_out;
    float *rows, *columns; /* [out][ld_in], [in][ld_out] */
} prepared;

static void *linear_carve_prepared(const recur_layer *layer, recur__carver *carver)
{
    if (!(layer->capabilities & RECUR_CAN_RECORD)) return NULL; /* a snapshot's rows are as good */
    prepared *to = recur__carve(carver, 1, sizeof *to);
    const int64_t ld_in = recur__padded(layer->input_size),
                  ld_out = recur__padded(layer->output_size);
    float *rows = recur__carve(carver, recur__times(layer->output_size, ld_in), sizeof(float));
    float *columns = recur__carve(carver, recur__times(layer->input_size, ld_out), sizeof(float));
    if (to) *to = (prepared){ ld_in, ld_out, rows, columns };
    return to;
}

static void linear_fill_prepared(const recur_layer *layer, void *place)
{
    if (!place) return;
    const prepared *to = place;
    const int64_t in = layer->input_size;
    for (int64_t j = 0; j < layer->output_size; j++)
        memcpy(to->rows + j * to->ld_in, layer->params + j * in, (size_t)in * sizeof(float));
    recur__transpose(layer->output_size, in, layer->params, in, to->columns, to->ld_out);
}

/* ---- passes --------------------------------------------------------------------------------- */

/* R rows of x or ids */
static void multiply(const recur_layer *layer, const recur_context *ctx,
                     const recur__kernels *kernels, const prepared *kept, int64_t R, const float *x,
                     const int32_t *ids, float *y)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const float *W = layer->params, *b = bias_of(layer, layer->params);
    if (!y || R == 0) return;
    if (R == 1 && !ids) {
        if (kept)
            kernels->gemv->gemv_n(in, out, kept->columns, kept->ld_out, x, b, y);
        else
            kernels->gemv->gemv_t(out, in, W, in, x, b, y);
        return;
    }
    if (b)
        for (int64_t r = 0; r < R; r++) memcpy(y + r * out, b, (size_t)out * sizeof *y);
    else
        memset(y, 0, (size_t)(R * out) * sizeof *y);
    if (!ids && kept)
        recur__gemm_nn(ctx, kernels, R, out, in, (recur__matrix){ x, in },
                       (recur__matrix){ kept->columns, kept->ld_out }, y, out);
    else if (!ids)
        recur__gemm_nt(ctx, kernels, R, out, in, (recur__matrix){ x, in }, (recur__matrix){ W, in },
                       y, out);
    else
        for (int64_t r = 0; r < R; r++)
            for (int64_t j = 0; j < out; j++) y[r * out + j] += W[j * in + ids[r]];
}

static void linear_once_forward(const recur__once *o)
{
    multiply(o->layer, o->layer->root->ctx, o->layer->root->kernels, o->prepared, o->B, o->x, NULL,
             o->y);
}

static void linear_forward(const recur_layer *layer, recur__pass *pass)
{
    multiply(layer, pass->ctx, pass->kernels, pass->prepared, recur__shape_rows(&pass->shape),
             pass->x, pass->ids, pass->y);
}

static void linear_step(const recur_layer *layer, recur__stream *s)
{
    multiply(layer, s->ctx, s->kernels, NULL, s->B, s->x, s->ids, s->y);
}

static void add_bias_gradients(const recur_layer *layer, int64_t R, const float *dy, float *dparams)
{
    float *db = bias_of(layer, dparams);
    if (db)
        layer->root->kernels->reduce->column_sums(R, layer->output_size, dy, layer->output_size,
                                                  db);
}

static void linear_gradient_widths(const recur_layer *layer, int64_t width[RECUR__PARTS])
{
    width[0] = layer->output_size, width[1] = layer->input_size;
}

/* Parts are dy and x. */
static void linear_add_gradients(const recur_layer *layer, const void *kept, int64_t R,
                                 const float *const part[RECUR__PARTS], float *dparams)
{
    (void)kept;
    const int64_t in = layer->input_size, out = layer->output_size;
    recur__gemm_tn(layer->root->ctx, layer->root->kernels, out, in, R,
                   (recur__matrix){ part[0], out }, (recur__matrix){ part[1], in }, dparams, in);
    add_bias_gradients(layer, R, part[0], dparams);
}

static void add_id_gradients(const recur_layer *layer, int64_t R, const float *dy,
                             const int32_t *ids, float *dW)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    for (int64_t r = 0; r < R; r++)
        for (int64_t j = 0; j < out; j++) dW[j * in + ids[r]] += dy[r * out + j];
    add_bias_gradients(layer, R, dy, dW);
}

/* One row, of which nothing else has to be known. */
static void run_row(recur__stage *stage, bool turned)
{
    (void)turned;
    const recur_layer *layer = stage->layer;
    const recur__stream *s = &stage->stream;
    if (s->ids || !s->y)
        linear_step(layer, &stage->stream);
    else
        s->kernels->gemv->gemv_t(layer->output_size, layer->input_size, layer->params,
                                 layer->input_size, s->x, bias_of(layer, layer->params), s->y);
}

static int64_t linear_lay_stages(const recur_layer *layer, const recur__stream *at,
                                 recur__stage *to)
{
    if (at->B != 1) return 0;
    if (to) *to = (recur__stage){ .run = run_row, .layer = layer, .stream = *at };
    return 1;
}

/* dx of R rows; kept: what a tape prepared, or NULL */
static void input_gradient(const recur_layer *layer, const prepared *kept, int64_t R,
                           const float *dy, float *dx)
{
    const int64_t in = layer->input_size, out = layer->output_size;
    const recur__kernels *kernels = layer->root->kernels;
    const recur__matrix W = kept ? (recur__matrix){ kept->rows, kept->ld_in }
                                 : (recur__matrix){ layer->params, in };
    if (R == 1) {
        kernels->gemv->gemv_n(out, in, W.data, W.ld, dy, NULL, dx);
        return;
    }
    memset(dx, 0, (size_t)(R * in) * sizeof *dx);
    recur__gemm_nn(layer->root->ctx, kernels, R, in, out, (recur__matrix){ dy, out }, W, dx, in);
}

static void linear_once_backward(const recur__once *o)
{
    if (recur__no_gradient(o->layer, o->B, o->dy, o->dx)) return;
    if (o->dparams) recur__add_gradients(o, (const float *[RECUR__PARTS]){ o->dy, o->x });
    if (o->dx) input_gradient(o->layer, o->prepared, o->B, o->dy, o->dx);
}

static void linear_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape);
    if (recur__no_gradient(layer, R, pass->dy, pass->dx) || R == 0) return;
    if (pass->dparams && pass->ids)
        add_id_gradients(layer, R, pass->dy, pass->ids, pass->dparams);
    else if (pass->dparams)
        linear_add_gradients(layer, NULL, R, (const float *[RECUR__PARTS]){ pass->dy, pass->x },
                             pass->dparams);
    if (pass->dx) input_gradient(layer, pass->prepared, R, pass->dy, pass->dx);
}

static const recur__layer_ops linear_ops = {
    .kind = RECUR_KIND_LINEAR,
    .tensor = linear_tensor,
    .measure = recur__measure_nothing,
    .forward = linear_forward,
    .backward = linear_backward,
    .step_floats = recur__step_nothing,
    .step = linear_step,
    .lay_stages = linear_lay_stages,
    .carve_prepared = linear_carve_prepared,
    .fill_prepared = linear_fill_prepared,
    .once_forward = linear_once_forward,
    .once_backward = linear_once_backward,
    .gradient_widths = linear_gradient_widths,
    .add_gradients = linear_add_gradients,
    .start = linear_start,
};

recur_status recur_linear_create(recur_context *ctx, int64_t in_features, int64_t out_features,
                                 uint32_t flags, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("in_features", in_features));
    RECUR__CHECK(recur__layer_check_size("out_features", out_features));
    if (flags & ~(uint32_t)RECUR_LAYER_NO_BIAS)
        return recur__fail(RECUR_E_ARGUMENT, "recur_linear_create: flags %#x are unknown",
                           (unsigned)flags);
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
