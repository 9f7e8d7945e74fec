/* residual.c - y = x + chain(x): a way round the parts, for values forward and for gradients
 * backward. He 2015; between stacked recurrent layers Wu 2016.
 *
 *   dx = dy + the chain's dx
 *
 * What is kept as y is the sum, so the chain is told that its own output is not: its last part
 * keeps what it needs of it. */
#include "layers/graph.h"

static recur__shape inner(recur__shape shape)
{
    shape.y_stays = false;
    return shape;
}

static void residual_measure(const recur_layer *layer, const recur__shape *shape,
                             recur__workspace *workspace)
{
    const recur__shape chain = inner(*shape);
    recur__graph_measure(layer, &chain, workspace);
}

static int64_t floats_of(const recur_layer *layer, const recur__pass *pass)
{
    return recur__shape_rows(&pass->shape) * layer->input_size;
}

static void residual_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__pass chain = *pass;
    chain.shape = inner(pass->shape);
    recur__graph_forward(layer, &chain);
    if (pass->y) pass->kernels->elementwise->add(floats_of(layer, pass), pass->x, pass->y);
}

static void residual_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__pass chain = *pass;
    chain.shape = inner(pass->shape);
    chain.y = NULL;
    recur__graph_backward(layer, &chain);
    if (pass->dx && pass->dy)
        pass->kernels->elementwise->add(floats_of(layer, pass), pass->dy, pass->dx);
}

static void residual_step(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    recur__graph_step(call);
    if (!call->y) return;
    layer->root->kernels->elementwise->add(call->B * layer->input_size, call->x, call->y);
}

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, residual_measure),
    .forward = RECUR__IF(BATCH, residual_forward),
    .backward = RECUR__IF(TRAIN, residual_backward),
};

static const recur__step_ops step_ops = {
    .scratch = recur__graph_scratch,
    .forward = residual_step,
};

const recur__layer_ops recur__residual_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .pass = &pass_ops,
    .step = &step_ops,
};
