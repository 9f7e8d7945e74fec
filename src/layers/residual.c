/* residual.c - y = x + chain(x): a way round the parts, for values forward and for gradients
 * backward. He 2015; between stacked recurrent layers Wu 2016.
 *
 *   dx = dy + the chain's dx
 *
 * What is kept as y is the sum, so the chain is told that its own output is not: its last part
 * keeps what it needs of it. */
#include "layers/chain.h"

static recur__shape inner(recur__shape shape)
{
    shape.y_kept = false;
    return shape;
}

static void residual_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room)
{
    const recur__shape own = inner(*shape);
    recur__chain_measure(layer, &own, room);
}

static int64_t floats_of(const recur_layer *layer, const recur__pass *pass)
{
    return recur__shape_rows(&pass->shape) * layer->input_size;
}

static void residual_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__pass own = *pass;
    own.shape = inner(pass->shape);
    recur__chain_forward(layer, &own);
    if (pass->y) pass->kernels->elementwise->add(floats_of(layer, pass), pass->x, pass->y);
}

static void residual_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__pass own = *pass;
    own.shape = inner(pass->shape);
    own.y = NULL;
    recur__chain_backward(layer, &own);
    if (pass->dx && pass->dy)
        pass->kernels->elementwise->add(floats_of(layer, pass), pass->dy, pass->dx);
}

static void residual_step(const recur_layer *layer, recur__stream *s)
{
    recur__chain_step(layer, s);
    if (s->y) s->kernels->elementwise->add(s->B * layer->input_size, s->x, s->y);
}

const recur__layer_ops recur__residual_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .measure = residual_measure,
    .forward = residual_forward,
    .backward = residual_backward,
    .step_floats = recur__chain_step_floats,
    .step = residual_step,
};
