/* last.c - N packed rows into B rows in the caller's order: each feature from the end of the
 * sequence that has seen all of it.
 *
 * A forward half is taken from the last step, a reverse half from the first. backward: dx is zero
 * elsewhere. */
#include "layers/leaf.h"

/* Features [0, split) come from the last step, the others from the first. */
static int64_t split(const recur_layer *layer)
{
    switch (layer->spec.direction) {
    case RECUR_DIRECTION_FORWARD:
        return layer->input_size;
    case RECUR_DIRECTION_REVERSE:
        return 0;
    default:
        return layer->input_size / 2;
    }
}

/* Row of sequence b at its last or first step; -1 if it has none. */
static int64_t row_of(const recur_packed *p, int64_t b, bool at_end)
{
    const int64_t length = p->lengths[b];
    return length == 0 ? -1 : p->starts[at_end ? length - 1 : 0] + p->place[b];
}

static void last_forward(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *p = pass->shape.packed;
    const int64_t F = layer->input_size, front = split(layer);
    for (int64_t b = 0; b < p->batch && pass->y; b++) {
        float *y = pass->y + b * F;
        const int64_t last = row_of(p, b, true), first = row_of(p, b, false);
        if (last < 0) {
            memset(y, 0, (size_t)F * sizeof *y);
            continue;
        }
        memcpy(y, pass->x + last * F, (size_t)front * sizeof *y);
        memcpy(y + front, pass->x + first * F + front, (size_t)(F - front) * sizeof *y);
    }
}

static void last_backward(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *p = pass->shape.packed;
    const int64_t F = layer->input_size, front = split(layer);
    if (!pass->dx || p->rows == 0) return;
    memset(pass->dx, 0, (size_t)(p->rows * F) * sizeof *pass->dx);
    for (int64_t b = 0; b < p->batch && pass->dy; b++) {
        const float *dy = pass->dy + b * F;
        const int64_t last = row_of(p, b, true), first = row_of(p, b, false);
        if (last < 0) continue;
        memcpy(pass->dx + last * F, dy, (size_t)front * sizeof *dy);
        memcpy(pass->dx + first * F + front, dy + front, (size_t)(F - front) * sizeof *dy);
    }
}

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, recur__measure_nothing),
    .forward = RECUR__IF(BATCH, last_forward),
    .backward = RECUR__IF(TRAIN, last_backward),
};

static const recur__layer_ops last_ops = {
    .kind = RECUR_KIND_LAST,
    .pass = &pass_ops,
};

recur_status recur_last_create(recur_context *ctx, int64_t features, int32_t direction,
                               recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("features", features));
    if (direction < RECUR_DIRECTION_FORWARD || direction > RECUR_DIRECTION_BIDIRECTIONAL)
        return RECUR__NO_CONSTANT(__func__, "direction", direction, recur__directions);
    if (direction == RECUR_DIRECTION_BIDIRECTIONAL && features % 2)
        return recur__fail(RECUR_E_SHAPE, "recur_last_create: %lld features are not two halves",
                           (long long)features);
    const recur_layer layer = {
        .ops = &last_ops,
        .type = "last",
        .spec = { .direction = direction },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_RECORD | RECUR_CAN_REDUCE_TIME,
        .input_size = features,
        .output_size = features,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
