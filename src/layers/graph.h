/* graph.h - parts that run one after the other, each on what its links say: a graph; a sequential,
 * whose parts take the one before; and what a residual adds its input to. */
#ifndef RECUR__GRAPH_H
#define RECUR__GRAPH_H

#include "core/layer.h"

void recur__graph_measure(const recur_layer *layer, const recur__shape *shape,
                          recur__workspace *workspace);
void recur__graph_forward(const recur_layer *layer, recur__pass *pass);
void recur__graph_backward(const recur_layer *layer, recur__pass *pass);
int64_t recur__graph_scratch(const recur_layer *layer, int64_t B);
void recur__graph_step(recur__step_call *call);

extern const recur__layer_ops recur__graph_ops, recur__residual_ops;

#endif
