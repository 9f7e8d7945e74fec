/* chain.h - parts that run one after the other: a sequential, and what a residual adds its input
 * to. */
#ifndef RECUR__CHAIN_H
#define RECUR__CHAIN_H

#include "core/layer.h"

void recur__chain_measure(const recur_layer *layer, const recur__shape *shape,
                          recur__workspace *workspace);
void recur__chain_forward(const recur_layer *layer, recur__pass *pass);
void recur__chain_backward(const recur_layer *layer, recur__pass *pass);
int64_t recur__chain_scratch(const recur_layer *layer, int64_t B);
void recur__chain_step(recur__step_call *call);

extern const recur__layer_ops recur__sequential_ops, recur__residual_ops;

#endif
