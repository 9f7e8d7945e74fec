/* recurrent_once.c - one recorded step of a plain layer over parameters that the tape has prepared: what a loop written by hand takes,
 * without the walk over layers, directions and time. Its record is that of recurrent_forward.c. */
#include "layers/recurrent.h"

bool recur__is_once(const recur_layer *layer, const recur__pass *pass)
{
    const recur_packed *packed = pass->shape.packed;
    const recur__prepared *prepared = pass->prepared;
    return prepared && prepared->plain && packed->longest == 1 && packed->rows == packed->batch && packed->in_order && layer->spec.num_layers == 1 &&
           layer->spec.direction != RECUR_DIRECTION_BIDIRECTIONAL && !layer->starts && !pass->ids && !pass->shape.trace &&
           (pass->state || pass->dstate);
}

static recur__walk begin(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__carve_history(&w, &pass->shape, pass->room);
    return w;
}

void recur__once_forward(const recur_layer *layer, recur__pass *pass)
{
    const recur__walk w = begin(layer, pass);
    const recur__history *to = &w.history;
    const size_t rows = (size_t)(w.B * w.H) * sizeof(float);
    float *h = pass->state, *c = w.cell->states > 1 ? h + w.B * w.H : NULL, *y = pass->shape.y_kept ? pass->y : to->y;
    memcpy(to->start[0], h, rows);
    if (c) memcpy(to->start[1], c, rows);
    recur__step step = ((const recur__prepared *)pass->prepared)->step;
    step.rows = w.B, step.alone = w.B == 1;
    step.x = pass->x, step.s = step.h = to->start[0], step.c = to->start[1];
    step.slots = to->slots, step.y = y, step.c_after = to->c;
    w.cell->forward[0](&step);
    memcpy(h, y, rows);
    if (c) memcpy(c, to->c, rows);
    if (pass->y && pass->y != y) memcpy(pass->y, y, rows);
}

void recur__once_gradient_widths(const recur_layer *layer, int64_t width[RECUR__PARTS])
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    if (!recur__is_plain(layer) || layer->spec.num_layers != 1 || layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL) return;
    width[0] = recur__times(cell->slots, H), width[1] = layer->input_size, width[2] = H;
}

/* Parts are dA by slots, x, and h before the step. */
void recur__once_add_gradients(const recur_layer *layer, const void *prepared, int64_t rows, const float *const part[RECUR__PARTS], float *dparams)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const recur__kernels *kernels = layer->root->kernels;
    const int64_t H = layer->spec.hidden_size, S = cell->slots * H, G = cell->gates * H;
    const recur__weights *p = &((const recur__prepared *)prepared)->p;
    const float *dA = part[0], *params = layer->params; /* gradients lie in dparams where parameters do in params */
    recur__gemm_tn(layer->root->ctx, kernels, G, p->in, rows, (recur__matrix){ dA, S }, (recur__matrix){ part[1], p->in }, dparams + (p->W - params), p->in);
    recur__add_dU(layer, 0, rows, dA, (recur__matrix){ part[2], H }, dparams + (p->U - params));
    if (!p->b_ih) return;
    for (int i = 0; i < f->h_gates; i++)
        kernels->product->column_sums(rows, H, dA + recur__h_slot(f, i) * H, S, dparams + (p->b_hh - params) + (f->h_first + i) * H);
    kernels->product->column_sums(rows, G, dA, S, dparams + (p->b_ih - params));
}

void recur__once_backward(const recur_layer *layer, recur__pass *pass)
{
    const recur__walk w = begin(layer, pass);
    const recur__history *from = &w.history;
    const recur__prepared *prepared = pass->prepared;
    const recur__weights *p = &prepared->p;
    const recur__phase *f = &w.cell->phase[0];
    float *dh = pass->dstate, *dc = w.cell->states > 1 ? dh + w.B * w.H : NULL;
    w.cell->backward[0](&(recur__step_backward){ .rows = w.B, .H = w.H, .alone = w.B == 1, .units = w.H, .slots = from->slots, .h = from->start[0], .ldh = w.H,
                                                 .c = from->start[1], .c_after = from->c, .dy = pass->dy, .lddy = w.H, .dh = dh, .dc = dc });
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nn(pass->ctx, pass->kernels, w.B, w.H, w.H, (recur__matrix){ from->slots + recur__h_slot(f, i) * w.H, w.S },
                       (recur__matrix){ prepared->U + i * w.H * prepared->ld_U, prepared->ld_U }, dh, w.H);
    if (pass->dparams) recur__add_gradients(layer, pass, w.B, (const float *[RECUR__PARTS]){ from->slots, pass->x, from->start[0] });
    if (!pass->dx) return;
    memset(pass->dx, 0, (size_t)(w.B * p->in) * sizeof *pass->dx);
    recur__gemm_nn(pass->ctx, pass->kernels, w.B, p->in, w.G, (recur__matrix){ from->slots, w.S }, (recur__matrix){ p->W, p->in }, pass->dx, p->in);
}
