/* conv.c - convolutions over time and inside a row: making, parameters, the products of windows
 * with weights, forward, backward and steps. The equations are in conv.h. */
#include <stdio.h>

#include "layers/conv.h"
#include "linalg/matrix.h"

/* Windows that are multiplied at once: they stay in the cache. */
enum { WINDOWS = 64 };

/* Columns of W that a streaming step repacks at once, where there is no pack. */
enum { PANEL = 16 };

static const recur__conv_axis *axis_of(const recur_layer *layer)
{
    return layer->spec.conv.axis == RECUR_CONV_TIME ? &recur__conv_time : &recur__conv_row;
}

/* ---- parameters ----------------------------------------------------------------------------- */

static int64_t weights_of(const recur_layer *layer)
{
    return layer->spec.conv.out_channels * recur__conv_width(layer);
}

static float *bias_of(const recur_layer *layer, float *params)
{
    return layer->spec.flags & RECUR_LAYER_NO_BIAS ? NULL : params + weights_of(layer);
}

static bool conv_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    const recur_conv_options *o = &layer->spec.conv;
    if (index > 1 || (index == 1 && layer->spec.flags & RECUR_LAYER_NO_BIAS)) return false;
    snprintf(name, 64, "%s", index == 0 ? "weight" : "bias");
    t->rank = index == 0 ? 3 : 1;
    t->dim[0] = o->out_channels;
    t->dim[1] = index == 0 ? recur__conv_in(layer) : 1;
    t->dim[2] = index == 0 ? o->kernel : 1;
    return true;
}

static recur__initial conv_initial(const recur_layer *layer, const char *tensor)
{
    (void)tensor;
    return (recur__initial){ RECUR__INITIAL_UNIFORM,
                             1 / __builtin_sqrt((double)recur__conv_width(layer)) };
}

/* Weights are [in_g][kernel], windows over time [kernel][in_g]: whether that is another order. */
static bool is_reordered(const recur_layer *layer)
{
    const recur_conv_options *o = &layer->spec.conv;
    return o->axis == RECUR_CONV_TIME && o->kernel > 1 && recur__conv_in(layer) > 1;
}

/* ---- the pack: W of each group as [D][out_g], in the order of windows ------------------------ */

static int64_t column_length(const recur_layer *layer)
{
    return recur__padded(recur__conv_out(layer));
}

static int64_t pack_floats(const recur_layer *layer)
{
    return recur__times(recur__times(layer->spec.conv.groups, recur__conv_width(layer)),
                        column_length(layer));
}

static void *carve_pack(const recur_layer *layer, recur__carver *carver)
{
    return recur__carve(carver, pack_floats(layer), sizeof(float));
}

typedef struct columns {
    int64_t group, first, count, ld;
} columns;

/* Some columns of a group's W: those of output channels [first, first + count). */
static void fill_columns(const recur_layer *layer, const columns *c, float *to)
{
    const int64_t in = recur__conv_in(layer), kernel = layer->spec.conv.kernel, D = in * kernel;
    const float *W = layer->params + (c->group * recur__conv_out(layer) + c->first) * D;
    if (!is_reordered(layer)) {
        recur__transpose(c->count, D, W, D, to, c->ld);
        return;
    }
    for (int64_t o = 0; o < c->count; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t k = 0; k < kernel; k++) to[(k * in + i) * c->ld + o] = *W++;
}

static void fill_pack(const recur_layer *layer, void *place)
{
    const int64_t D = recur__conv_width(layer), ld = column_length(layer);
    float *to = place;
    for (int64_t g = 0; g < layer->spec.conv.groups && to; g++, to += D * ld) {
        const columns all = { g, 0, recur__conv_out(layer), ld };
        fill_columns(layer, &all, to);
    }
}

/* ---- forward -------------------------------------------------------------------------------- */

/* What a forward needs beside its arguments. */
typedef struct room {
    const float *pack; /* or */
    float *panel;      /* [D][PANEL]: columns of W, one panel after the other */
    float *A;          /* [WINDOWS][D] */
    float *Y;          /* [WINDOWS][out_g], where a row of y is not that */
} room;

/* A row of y is [out_channels][length]: of length 1 the product goes straight there. */
static bool is_direct(const recur_layer *layer) { return recur__conv_length(layer) == 1; }

/* The numbers of some windows in y or dy, row by row of Y or back. */
static float *place_in(const recur__conv_view *view, const recur__conv_block *block, int64_t w,
                       float *y)
{
    const int64_t L = recur__conv_length(view->layer), window = block->first + w;
    return y + window / L * view->layer->output_size +
           block->group * recur__conv_out(view->layer) * L + window % L;
}

static void scatter(const recur__conv_view *view, const recur__conv_block *block, const float *Y)
{
    const int64_t L = recur__conv_length(view->layer), out = recur__conv_out(view->layer);
    for (int64_t w = 0; w < block->count; w++, Y += out) {
        float *to = place_in(view, block, w, view->y);
        for (int64_t o = 0; o < out; o++) to[o * L] = Y[o];
    }
}

/* Y, from some columns of W. */
static void multiply_columns(const recur__conv_view *view, const recur__conv_block *block,
                             const columns *c, const float *A, const float *W, recur__sums Y)
{
    const recur_layer *layer = view->layer;
    const int64_t D = recur__conv_width(layer);
    const float *b = bias_of(layer, layer->params);
    if (b) b += c->group * recur__conv_out(layer) + c->first;
    Y.data += c->first;
    layer->root->kernels->gemv->rows_n((recur__sizes){ block->count, c->count, D },
                                       (recur__matrix){ A, D }, (recur__matrix){ W, c->ld }, b, Y);
}

static void multiply(const recur__conv_view *view, const recur__conv_block *block, const room *r)
{
    const recur_layer *layer = view->layer;
    const int64_t D = recur__conv_width(layer), out = recur__conv_out(layer),
                  ld = column_length(layer);
    recur__sums Y = { r->Y, out };
    if (is_direct(layer))
        Y = (recur__sums){ place_in(view, block, 0, view->y), layer->output_size };
    axis_of(layer)->fill(view, block, r->A);
    columns c = { block->group, 0, out, ld };
    if (r->pack) {
        multiply_columns(view, block, &c, r->A, r->pack + block->group * D * ld, Y);
    } else {
        for (c.ld = PANEL; c.first < out; c.first += PANEL) {
            c.count = recur__min(PANEL, out - c.first);
            fill_columns(layer, &c, r->panel);
            multiply_columns(view, block, &c, r->A, r->panel, Y);
        }
    }
    if (!is_direct(layer)) scatter(view, block, r->Y);
}

/* The next block of windows; false: there is none. A new one has count 0. */
static bool next_block(const recur__conv_view *view, recur__conv_block *block)
{
    block->first += block->count;
    if (block->first >= view->windows) {
        block->first = 0;
        if (++block->group >= view->layer->spec.conv.groups) return false;
    }
    block->count = recur__min(WINDOWS, view->windows - block->first);
    return true;
}

static recur__conv_block before_first(const recur__conv_view *view)
{
    return (recur__conv_block){ .group = -1, .first = view->windows };
}

static void run_forward(const recur__conv_view *view, const room *r)
{
    recur__conv_block block = before_first(view);
    if (!view->y || view->windows == 0) return;
    while (next_block(view, &block)) multiply(view, &block, r);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int64_t windows_of(const recur_layer *layer, int64_t rows)
{
    return rows * recur__conv_length(layer);
}

/* Floats of the history of B sequences. */
static int64_t history_floats(const recur_layer *layer, int64_t B)
{
    return recur__times(B, layer->state_floats);
}

static void carve_windows(const recur_layer *layer, int64_t rows, recur__workspace *workspace,
                          room *r)
{
    const int64_t windows = recur__min(WINDOWS, windows_of(layer, rows));
    r->A = recur__scratch(workspace, windows * recur__conv_width(layer), sizeof(float));
    if (is_direct(layer)) return;
    r->Y = recur__scratch(workspace, windows * recur__conv_out(layer), sizeof(float));
}

/* Of a pass, which makes a pack if there is none. */
static room carve_forward(const recur_layer *layer, int64_t rows, const float *pack,
                          recur__workspace *workspace)
{
    room r = { .pack = pack ? pack : layer->pack };
    if (!recur__layer_is_snapshot(layer)) {
        float *own = recur__scratch(workspace, pack_floats(layer), sizeof(float));
        if (!r.pack && own) {
            fill_pack(layer, own);
            r.pack = own;
        }
    }
    carve_windows(layer, rows, workspace, &r);
    return r;
}

/* What backward needs. */
typedef struct back_room {
    float *A, *dA;    /* [WINDOWS][D] */
    float *dY;        /* [WINDOWS][out_g], where a row of y is not that */
    float *W, *dW;    /* [out_channels][D] in the order of windows, where that is another */
    float *d_history; /* [B][before][in] */
} back_room;

static back_room carve_backward(const recur_layer *layer, const recur__shape *shape,
                                recur__workspace *workspace)
{
    const int64_t windows = recur__min(WINDOWS, windows_of(layer, recur__shape_rows(shape)));
    const int64_t D = recur__conv_width(layer),
                  weights = is_reordered(layer) ? weights_of(layer) : 0;
    back_room r = { 0 };
    r.A = recur__scratch(workspace, windows * D, sizeof(float));
    r.dA = recur__scratch(workspace, windows * D, sizeof(float));
    if (!is_direct(layer))
        r.dY = recur__scratch(workspace, windows * recur__conv_out(layer), sizeof(float));
    r.W = recur__scratch(workspace, weights, sizeof(float));
    r.dW = recur__scratch(workspace, weights, sizeof(float));
    r.d_history = recur__scratch(workspace, history_floats(layer, shape->packed->batch),
                                 sizeof(float));
    return r;
}

/* The history that a recorded pass began with. */
static float *carve_history(const recur_layer *layer, const recur__shape *shape,
                            recur__workspace *workspace)
{
    if (!shape->record || !layer->states) return NULL;
    return recur__carve(&workspace->reserve, history_floats(layer, shape->packed->batch),
                        sizeof(float));
}

static void conv_measure(const recur_layer *layer, const recur__shape *shape,
                         recur__workspace *workspace)
{
    const size_t mark = workspace->scratch.used;
    carve_history(layer, shape, workspace);
    carve_forward(layer, recur__shape_rows(shape), NULL, workspace);
    workspace->scratch.used = mark;
    if (shape->record) carve_backward(layer, shape, workspace);
    workspace->scratch.used = mark;
}

/* ---- passes --------------------------------------------------------------------------------- */

static void keep_history(const recur__pass *pass, int64_t floats, float *kept)
{
    if (!kept || floats == 0) return;
    if (pass->state)
        memcpy(kept, pass->state, (size_t)floats * sizeof *kept);
    else
        memset(kept, 0, (size_t)floats * sizeof *kept);
}

static void conv_forward(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *packed = pass->shape.packed;
    const int64_t rows = recur__shape_rows(&pass->shape);
    const size_t mark = pass->workspace->scratch.used;
    float *kept = carve_history(layer, &pass->shape, pass->workspace);
    const room r = carve_forward(layer, rows, pass->pack, pass->workspace);
    const recur__conv_view view = { .layer = layer,
                                    .packed = packed,
                                    .windows = windows_of(layer, rows),
                                    .x = pass->x,
                                    .history = layer->states ? pass->state : NULL,
                                    .y = pass->y };
    keep_history(pass, history_floats(layer, packed->batch), kept);
    run_forward(&view, &r);
    if (layer->states && pass->state) recur__conv_move_on(&view, pass->state);
    pass->workspace->scratch.used = mark;
}

/* W in the order of windows, or dW from it. */
static void reorder(const recur_layer *layer, const float *from, float *to)
{
    const int64_t in = recur__conv_in(layer), kernel = layer->spec.conv.kernel;
    for (int64_t o = 0; o < layer->spec.conv.out_channels; o++, to += in * kernel)
        for (int64_t i = 0; i < in; i++)
            for (int64_t k = 0; k < kernel; k++) to[k * in + i] = *from++;
}

static void add_reordered(const recur_layer *layer, const float *from, float *to)
{
    const int64_t in = recur__conv_in(layer), kernel = layer->spec.conv.kernel;
    for (int64_t o = 0; o < layer->spec.conv.out_channels; o++, from += in * kernel)
        for (int64_t i = 0; i < in; i++)
            for (int64_t k = 0; k < kernel; k++) *to++ += from[k * in + i];
}

/* dy of a block, as rows of its windows. */
static recur__matrix gradient_of(const recur__conv_view *view, const recur__conv_block *block,
                                 const back_room *r)
{
    const int64_t L = recur__conv_length(view->layer), out = recur__conv_out(view->layer);
    float *dy = (float *)(uintptr_t)view->dy, *dY = r->dY;
    if (is_direct(view->layer))
        return (recur__matrix){ place_in(view, block, 0, dy), view->layer->output_size };
    for (int64_t w = 0; w < block->count; w++, dY += out) {
        const float *from = place_in(view, block, w, dy);
        for (int64_t o = 0; o < out; o++) dY[o] = from[o * L];
    }
    return (recur__matrix){ r->dY, out };
}

/* The gradients that a block adds to dW, db and what its windows were taken from. */
static void backward_block(const recur__conv_view *view, const recur__conv_block *block,
                           const back_room *r, float *dW, float *db)
{
    const recur_layer *layer = view->layer;
    const recur__kernels *k = layer->root->kernels;
    const int64_t D = recur__conv_width(layer), out = recur__conv_out(layer), g = block->group;
    const recur__matrix dY = gradient_of(view, block, r);
    const recur__matrix W = { (r->W ? r->W : layer->params) + g * out * D, D };
    if (db) k->reduce->column_sums(block->count, out, dY.data, dY.ld, db + g * out);
    if (dW) {
        axis_of(layer)->fill(view, block, r->A);
        recur__gemm_tn(layer->root->ctx, k, (recur__sizes){ out, D, block->count }, dY,
                       (recur__matrix){ r->A, D }, (recur__sums){ dW + g * out * D, D });
    }
    if (!view->dx && !view->d_history) return;
    memset(r->dA, 0, (size_t)(block->count * D) * sizeof *r->dA);
    recur__gemm_nn(layer->root->ctx, k, (recur__sizes){ block->count, D, out }, dY, W,
                   (recur__sums){ r->dA, D });
    axis_of(layer)->spill(view, block, r->dA);
}

static void run_backward(const recur__conv_view *view, const back_room *r, float *dparams)
{
    const recur_layer *layer = view->layer;
    float *dW = dparams, *db = dparams ? bias_of(layer, dparams) : NULL;
    recur__conv_block block = before_first(view);
    if (!view->dy || view->windows == 0) return;
    if (r->W) reorder(layer, layer->params, r->W);
    if (r->dW && dparams) {
        dW = r->dW;
        memset(dW, 0, (size_t)weights_of(layer) * sizeof *dW);
    }
    while (next_block(view, &block)) backward_block(view, &block, r, dW, db);
    if (r->dW && dparams) add_reordered(layer, dW, dparams);
}

static void conv_backward(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *packed = pass->shape.packed;
    const int64_t rows = recur__shape_rows(&pass->shape),
                  floats = history_floats(layer, packed->batch);
    const size_t mark = pass->workspace->scratch.used;
    const float *history = carve_history(layer, &pass->shape, pass->workspace);
    const back_room r = carve_backward(layer, &pass->shape, pass->workspace);
    const recur__conv_view view = { .layer = layer,
                                    .packed = packed,
                                    .windows = windows_of(layer, rows),
                                    .x = pass->x,
                                    .dx = pass->dx,
                                    .history = history,
                                    .d_history = pass->dstate ? r.d_history : NULL,
                                    .dy = pass->dy };
    if (pass->dx && rows)
        memset(pass->dx, 0, (size_t)(rows * layer->input_size) * sizeof *pass->dx);
    if (view.d_history) memset(view.d_history, 0, (size_t)floats * sizeof *view.d_history);
    run_backward(&view, &r, pass->dparams);
    if (view.d_history) {
        recur__conv_move_back(&view, pass->dstate);
        memcpy(pass->dstate, view.d_history, (size_t)floats * sizeof *view.d_history);
    }
    pass->workspace->scratch.used = mark;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* Lays out the scratch of a step, and measures it. A snapshot and its original take the same. */
static room carve_step(const recur_layer *layer, int64_t B, const float *pack, float *scratch,
                       size_t *bytes)
{
    recur__workspace workspace = { .scratch.base = (unsigned char *)scratch };
    room r = { .pack = pack ? pack : layer->pack };
    r.panel = recur__scratch(&workspace, recur__conv_width(layer), PANEL * sizeof(float));
    carve_windows(layer, B, &workspace, &r);
    *bytes = workspace.peak;
    return r;
}

static int64_t conv_scratch(const recur_layer *layer, int64_t B)
{
    size_t bytes;
    if (recur__times(B, layer->output_size) < 0) return -1;
    carve_step(layer, B, NULL, NULL, &bytes);
    return bytes > INT64_MAX ? -1 : (int64_t)(bytes / sizeof(float));
}

static void conv_step(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    int64_t sizes[1], starts[2];
    const recur_packed packed = recur__one_step(call->B, sizes, starts);
    size_t bytes;
    const room r = carve_step(layer, call->B, call->pack, call->scratch, &bytes);
    const recur__conv_view view = { .layer = layer,
                                    .packed = &packed,
                                    .windows = windows_of(layer, call->B),
                                    .x = call->x,
                                    .history = layer->states ? call->state : NULL,
                                    .y = call->y };
    run_forward(&view, &r);
    if (layer->states) recur__conv_move_on(&view, call->state);
}

static recur__state_tensor conv_state(const recur_layer *layer, int64_t s)
{
    (void)s;
    return (recur__state_tensor){ .name = "x", .lines = 1, .width = layer->state_floats };
}

/* ---- tables --------------------------------------------------------------------------------- */

static const recur__parameter_ops parameter_ops = {
    .tensor = conv_tensor,
    .initial = conv_initial,
};

static const recur__state_ops state_ops = { .tensor = conv_state };

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, conv_measure),
    .forward = RECUR__IF(BATCH, conv_forward),
    .backward = RECUR__IF(TRAIN, conv_backward),
};

static const recur__step_ops step_ops = {
    .scratch = conv_scratch,
    .forward = conv_step,
};

static const recur__pack_ops pack_ops = {
    .carve = carve_pack,
    .fill = fill_pack,
};

static const recur__layer_ops conv_ops = {
    .kind = RECUR_KIND_CONV,
    .parameters = &parameter_ops,
    .states = &state_ops,
    .pass = &pass_ops,
    .step = &step_ops,
    .pack = &pack_ops,
};

/* ---- making --------------------------------------------------------------------------------- */

/* A member that must be 0, or lie between least and the largest size. */
static recur_status check_member(const char *name, int64_t value, int64_t least)
{
    if (value >= least && value <= RECUR__LARGEST) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT,
                       "recur_conv_options: %s is %lld; it must lie between %lld and %d", name,
                       (long long)value, (long long)least, RECUR__LARGEST);
}

static recur_status check_members(const recur_conv_options *o)
{
    static const recur__constant axes[] = { RECUR__CONSTANT(RECUR_CONV_TIME),
                                            RECUR__CONSTANT(RECUR_CONV_ROW) };
    static const recur__constant paddings[] = { RECUR__CONSTANT(RECUR_PADDING_ZEROS),
                                                RECUR__CONSTANT(RECUR_PADDING_REFLECT) };
    if (o->axis != RECUR_CONV_TIME && o->axis != RECUR_CONV_ROW)
        return RECUR__NO_CONSTANT("recur_conv_options", "axis", o->axis, axes);
    if (o->padding != RECUR_PADDING_ZEROS && o->padding != RECUR_PADDING_REFLECT)
        return RECUR__NO_CONSTANT("recur_conv_options", "padding", o->padding, paddings);
    RECUR__CHECK(recur__check_flags("recur_conv_options", o->flags, RECUR_LAYER_NO_BIAS,
                                    "RECUR_LAYER_NO_BIAS only"));
    RECUR__CHECK(check_member("in_channels", o->in_channels, 1));
    RECUR__CHECK(check_member("out_channels", o->out_channels, 1));
    RECUR__CHECK(check_member("kernel", o->kernel, 1));
    RECUR__CHECK(check_member("length", o->length, 0));
    RECUR__CHECK(check_member("stride", o->stride, 0));
    RECUR__CHECK(check_member("dilation", o->dilation, 0));
    RECUR__CHECK(check_member("groups", o->groups, 0));
    RECUR__CHECK(check_member("pad_before", o->pad_before, 0));
    return check_member("pad_after", o->pad_after, 0);
}

/* A product of sizes that is too large to be one. */
static recur_status check_product(const char *what, int64_t a, int64_t b)
{
    if (recur__times(a, b) <= RECUR__LARGEST) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT, "recur_conv_options: %s, %lld times %lld, is above %d",
                       what, (long long)a, (long long)b, RECUR__LARGEST);
}

/* Defaults written out. */
static recur_status take_groups(recur_conv_options *o)
{
    if (o->stride == 0) o->stride = 1;
    if (o->dilation == 0) o->dilation = 1;
    if (o->groups == 0) o->groups = 1;
    if (o->in_channels % o->groups || o->out_channels % o->groups)
        return recur__fail(RECUR_E_SHAPE,
                           "recur_conv_options: %lld in_channels and %lld out_channels are not "
                           "%lld equal groups",
                           (long long)o->in_channels, (long long)o->out_channels,
                           (long long)o->groups);
    RECUR__CHECK(check_product("a kernel's reach", o->kernel, o->dilation));
    return check_product("what lies under the kernel", o->in_channels / o->groups, o->kernel);
}

static recur_status take_time(recur_conv_options *o, recur_layer *layer)
{
    const int64_t span = (o->kernel - 1) * o->dilation;
    if (o->length || o->stride != 1 || o->padding != RECUR_PADDING_ZEROS)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_conv_options: over time length is %lld, stride %lld, padding "
                           "%d; leave them 0",
                           (long long)o->length, (long long)o->stride, (int)o->padding);
    if (o->pad_after > span || (o->pad_before && o->pad_before + o->pad_after != span))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_conv_options: pad_before is %lld and pad_after %lld; over time "
                           "they are %lld together, (kernel - 1) dilation",
                           (long long)o->pad_before, (long long)o->pad_after, (long long)span);
    o->pad_before = span - o->pad_after;
    RECUR__CHECK(check_product("the state", span, o->in_channels));
    layer->input_size = o->in_channels;
    layer->output_size = o->out_channels;
    layer->capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_RECORD;
    if (o->pad_after == 0) layer->capabilities |= RECUR_CAN_STEP;
    layer->state_floats = o->pad_after ? 0 : span * o->in_channels;
    layer->states = layer->state_floats > 0;
    return RECUR_OK;
}

static recur_status take_row(recur_conv_options *o, recur_layer *layer)
{
    if (o->length == 0) o->length = 1;
    const int64_t span = (o->kernel - 1) * o->dilation + 1,
                  padded = o->pad_before + o->length + o->pad_after;
    if (span > padded)
        return recur__fail(
            RECUR_E_SHAPE,
            "recur_conv_options: the kernel reaches over %lld numbers, but a channel "
            "with its padding has %lld",
            (long long)span, (long long)padded);
    if (o->padding == RECUR_PADDING_REFLECT &&
        (o->pad_before >= o->length || o->pad_after >= o->length))
        return recur__fail(RECUR_E_SHAPE,
                           "recur_conv_options: %lld and %lld numbers of a channel of %lld cannot "
                           "be reflected: that must be fewer",
                           (long long)o->pad_before, (long long)o->pad_after, (long long)o->length);
    const int64_t length = (padded - span) / o->stride + 1;
    RECUR__CHECK(check_product("a row of x", o->in_channels, o->length));
    RECUR__CHECK(check_product("a row of y", o->out_channels, length));
    layer->input_size = o->in_channels * o->length;
    layer->output_size = o->out_channels * length;
    layer->capabilities = RECUR__ROW_CAPABILITIES;
    return RECUR_OK;
}

recur_status recur_conv_create(recur_context *ctx, const recur_conv_options *options,
                               recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_conv_options o;
    RECUR__CHECK(recur__take("recur_conv_options", options, &o, sizeof o));
    RECUR__CHECK(check_members(&o));
    RECUR__CHECK(take_groups(&o));
    recur_layer layer = { .ops = &conv_ops };
    layer.type = o.axis == RECUR_CONV_TIME ? "conv_time" : "conv_row";
    RECUR__CHECK(o.axis == RECUR_CONV_TIME ? take_time(&o, &layer) : take_row(&o, &layer));
    o.size = sizeof o;
    layer.spec = (recur__spec){ .variant = o.axis,
                                .flags = o.flags,
                                .channels = o.in_channels,
                                .groups = o.groups,
                                .conv = o };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
