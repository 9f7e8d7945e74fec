/* leaf.h - what the small layers share: they work row by row, keep nothing, and need no scratch. */
#ifndef RECUR__LEAF_H
#define RECUR__LEAF_H

#include "core/layer.h"

static inline void recur__measure_nothing(const recur_layer *layer, const recur__shape *shape,
                                          recur__workspace *workspace)
{
    (void)layer;
    (void)shape;
    (void)workspace;
}

static inline int64_t recur__no_scratch(const recur_layer *layer, int64_t B)
{
    (void)layer;
    (void)B;
    return 0;
}

/* What a layer can do that maps any row to a row. */
enum { RECUR__ROW_CAPABILITIES = RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD };

/* The tables of such a layer, the last of them name_ops, from its functions name_forward, name_step
 * and name_backward. */
#define RECUR__LEAF_OPS(KIND, name, parameter_table)                               \
    static const recur__pass_ops name##_pass_ops = {                               \
        .measure = RECUR__IF(BATCH, recur__measure_nothing),                       \
        .forward = RECUR__IF(BATCH, name##_forward),                               \
        .backward = RECUR__IF(TRAIN, name##_backward),                             \
    };                                                                             \
    static const recur__step_ops name##_step_ops = { .scratch = recur__no_scratch, \
                                                     .forward = name##_step };     \
    static const recur__layer_ops name##_ops = { .kind = KIND,                     \
                                                 .parameters = (parameter_table),  \
                                                 .pass = &name##_pass_ops,         \
                                                 .step = &name##_step_ops };

/* The one matrix of a layer, for recur__pack_ops.reduces. */
static inline bool recur__is_weight(const char *tensor) { return strcmp(tensor, "weight") == 0; }

/* A gradient of zeros goes back as zeros. True if there is nothing else to do. */
static inline bool recur__no_gradient(const recur_layer *layer, int64_t rows, const float *dy,
                                      float *dx)
{
    const size_t floats = (size_t)(rows * layer->input_size);
    if (!dy && dx && floats) memset(dx, 0, floats * sizeof(float));
    return !dy;
}

#endif
