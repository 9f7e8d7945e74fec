/* chain.h - parts that run one after the other: a sequential, and what a residual adds its input
 * to. */
#ifndef RECUR__CHAIN_H
#define RECUR__CHAIN_H

#include "core/layer.h"

void recur__chain_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room);
void recur__chain_forward(const recur_layer *layer, recur__pass *pass);
void recur__chain_backward(const recur_layer *layer, recur__pass *pass);
int64_t recur__chain_step_floats(const recur_layer *layer, int64_t B);
void recur__chain_step(const recur_layer *layer, recur__stream *stream);

/* Floats between the parts in a step, rounded up so that each begins where a vector may. */
static inline int64_t recur__between(const recur_layer *part, int64_t B)
{
    return (recur__times(B, part->output_size) + 15) / 16 * 16;
}

extern const recur__layer_ops recur__sequential_ops, recur__residual_ops;

#endif
