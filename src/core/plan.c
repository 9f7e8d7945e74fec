/* plan.c - the calls of a streaming step: those that a kind writes down, or one for the whole. */
#include "core/layer.h"

int64_t recur__plan_calls(const recur__step_call *at, recur__step_call *to)
{
    const recur__step_ops *ops = at->layer->ops->step;
    if (ops->plan) return ops->plan(at, to);
    if (to) {
        *to = *at;
        to->run = ops->forward;
        to->at_once = at->layer->states > 0;
    }
    return 1;
}
