/* measure.c - how many bytes a pass takes, asked of a layer without memory to carve. */
#include "run/run.h"

/* Whole cache lines, so that the next record begins on one. */
size_t recur__began_bytes(const recur_layer *layer, int64_t batch)
{
    return layer->learned_states ? ((size_t)batch + 63) / 64 * 64 : 0;
}

void recur__measure(const recur_layer *layer, const recur__shape *shape,
                    recur__workspace *workspace)
{
    const size_t began = recur__began_bytes(layer, shape->packed->batch);
    workspace->scratch.used = workspace->peak == SIZE_MAX ? SIZE_MAX : 0;
    if (shape->segment_steps)
        recur__measure_segments(layer, shape, workspace);
    else
        layer->ops->pass->measure(layer, shape, workspace);
    if (shape->record) recur__carve(&workspace->reserve, (int64_t)began, 1);
}

recur__workspace recur__measure_inputs(const recur_layer *layer, recur__shape shape,
                                       uint32_t inputs)
{
    recur__workspace most = { 0 };
    for (int ids = 0; ids < 2; ids++) {
        if (!(inputs & (ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS))) continue;
        recur__workspace one = { .peak = most.peak };
        shape.ids = ids;
        recur__measure(layer, &shape, &one);
        most.peak = one.peak;
        if (one.reserve.used > most.reserve.used) most.reserve.used = one.reserve.used;
    }
    return most;
}
