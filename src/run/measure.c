/* measure.c - how many bytes a pass takes, asked of a layer without memory to carve. */
#include "run/run.h"

void recur__measure(const recur_layer *layer, const recur__shape *shape,
                    recur__workspace *workspace)
{
    recur__measure_as(shape->segment_steps ? recur__measure_segments : layer->ops->pass->measure,
                      layer, shape, workspace);
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
