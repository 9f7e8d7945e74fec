/* embedding.c - a row of the weight for each id.
 *
 * backward: dweight[id] += dy of its rows */
#include <stdio.h>

#include "kernels/reduced.h"
#include "layers/leaf.h"

static bool embedding_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    if (index > 0) return false;
    snprintf(name, 64, "weight");
    t->rank = 2;
    t->dim[0] = layer->input_size;
    t->dim[1] = layer->output_size;
    return true;
}

static recur__initial embedding_initial(const recur_layer *layer, const char *tensor)
{
    (void)layer;
    (void)tensor;
    return (recur__initial){ RECUR__INITIAL_NORMAL, 1 };
}

/* ---- fewer bits: rows one after the other, with a scale for each ----------------------------- */

typedef struct pack {
    uint16_t *bfloat16; /* [symbols][width], or */
    int8_t *int8;       /* [symbols][width] */
    float *scale;       /* [symbols] */
} pack;

static void *carve_pack(const recur_layer *layer, recur__carver *carver)
{
    const int64_t numbers = recur__times(layer->input_size, layer->output_size);
    const bool small = layer->spec.precision == RECUR_PRECISION_INT8;
    if (!recur__is_reduced(layer)) return NULL;
    pack *to = recur__carve(carver, 1, sizeof *to), made = { 0 };
    made.bfloat16 = recur__carve(carver, small ? 0 : numbers, sizeof *made.bfloat16);
    made.int8 = recur__carve(carver, small ? numbers : 0, sizeof *made.int8);
    made.scale = recur__carve(carver, small ? layer->input_size : 0, sizeof *made.scale);
    if (to) *to = made;
    return to;
}

static void fill_row(const pack *to, int64_t E, int64_t id, const float *row)
{
    int32_t largest = 0;
    for (int64_t j = 0; j < E; j++)
        if (recur__magnitude(row[j]) > largest) largest = recur__magnitude(row[j]);
    const recur__scales scales = recur__scales_of(largest);
    if (to->int8) to->scale[id] = scales.from;
    for (int64_t j = 0; j < E; j++) {
        const float number = recur__as_bfloat16(row[j]);
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        if (to->int8)
            to->int8[id * E + j] = (int8_t)recur__as_int8(row[j], scales);
        else
            to->bfloat16[id * E + j] = (uint16_t)(bits >> 16);
    }
}

static void fill_pack(const recur_layer *layer, void *place)
{
    const int64_t E = layer->output_size;
    for (int64_t id = 0; place && id < layer->input_size; id++)
        fill_row(place, E, id, layer->params + id * E);
}

static void look_up_reduced(const pack *from, int64_t E, int32_t id, float *y)
{
    for (int64_t j = 0; j < E; j++) {
        if (from->int8) {
            y[j] = (float)from->int8[id * E + j] * from->scale[id];
        } else {
            const uint32_t bits = (uint32_t)from->bfloat16[id * E + j] << 16;
            memcpy(y + j, &bits, sizeof bits);
        }
    }
}

/* ---- passes and steps ----------------------------------------------------------------------- */

static void look_up(const recur_layer *layer, int64_t R, const int32_t *ids, float *y)
{
    const int64_t E = layer->output_size;
    for (int64_t r = 0; r < R && y; r++)
        if (recur__is_reduced(layer))
            look_up_reduced(layer->pack, E, ids[r], y + r * E);
        else
            memcpy(y + r * E, layer->params + ids[r] * E, (size_t)E * sizeof(float));
}

static void embedding_forward(const recur_layer *layer, recur__pass *pass)
{
    look_up(layer, recur__shape_rows(&pass->shape), pass->ids, pass->y);
}

static void embedding_step(recur__step_call *call)
{
    look_up(call->layer, call->B, call->ids, call->y);
}

static void embedding_backward(const recur_layer *layer, recur__pass *pass)
{
    const int64_t R = recur__shape_rows(&pass->shape), E = layer->output_size;
    if (pass->dy && pass->dparams)
        pass->kernels->reduce->scatter(R, E, pass->dy, E, pass->ids, pass->dparams);
}

static const recur__parameter_ops parameter_ops = {
    .tensor = embedding_tensor,
    .initial = embedding_initial,
};

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, recur__measure_nothing),
    .forward = RECUR__IF(BATCH, embedding_forward),
    .backward = RECUR__IF(TRAIN, embedding_backward),
};

static const recur__step_ops step_ops = {
    .scratch = recur__no_scratch,
    .forward = embedding_step,
};

static const recur__pack_ops pack_ops = {
    .carve = carve_pack,
    .fill = fill_pack,
    .reduces = recur__is_weight,
};

static const recur__layer_ops embedding_ops = {
    .kind = RECUR_KIND_EMBEDDING,
    .parameters = &parameter_ops,
    .pass = &pass_ops,
    .step = &step_ops,
    .pack = &pack_ops,
};

recur_status recur_embedding_create(recur_context *ctx, int64_t symbols, int64_t width,
                                    uint32_t flags, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__CHECK(recur__layer_check_size("symbols", symbols));
    RECUR__CHECK(recur__layer_check_size("width", width));
    RECUR__CHECK(recur__check_flags(__func__, flags, 0, "no flags"));
    const recur_layer layer = {
        .ops = &embedding_ops,
        .type = "embedding",
        .capabilities = RECUR_CAN_TAKE_IDS | RECUR_CAN_STEP | RECUR_CAN_RECORD,
        .input_size = symbols,
        .output_size = width,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
