/* recurrent_once.c - one recorded step of a plain layer over parameters that the tape has prepared: what a loop written by hand takes,
 * without the walk over layers, directions and time. Its record is that of recurrent_forward.c. */
#include "layers/recurrent.h"

bool recur__is_once(const recur__pass *pass)
{
    const recur_packed *packed = pass->shape.packed;
    const recur__prepared *prepared = pass->prepared;
    return prepared && prepared->once && packed->longest == 1 && packed->rows == packed->batch && packed->in_order && !pass->ids && !pass->shape.trace &&
           (pass->state || pass->dstate);
}

/* Where recur__carve_history puts what a plain layer keeps. */
typedef struct history {
    float *slots, *c, *y, *start[RECUR__STATES];
} history;

static float *next(float **at, int64_t floats)
{
    float *place = *at;
    *at += recur__padded(floats);
    return place;
}

static history lay_out(const recur_layer *layer, const recur__pass *pass)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t BH = pass->shape.packed->batch * layer->spec.hidden_size;
    float *at = (float *)(void *)(pass->room->keep.base + pass->room->keep.used);
    history h = { .slots = next(&at, BH * cell->slots) };
    if (cell->states > 1) h.c = next(&at, BH);
    h.y = pass->shape.y_kept ? pass->y : next(&at, BH);
    for (int i = 0; i < cell->states; i++) h.start[i] = next(&at, BH);
    pass->room->keep.used = (size_t)((unsigned char *)at - pass->room->keep.base);
    return h;
}

void recur__once_forward(const recur_layer *layer, recur__pass *pass)
{
    const history to = lay_out(layer, pass);
    recur__step step = ((const recur__prepared *)pass->prepared)->step;
    const int64_t B = pass->shape.packed->batch, BH = B * step.H;
    const size_t rows = (size_t)BH * sizeof(float);
    float *h = pass->state, *c = layer->spec.cell->states > 1 ? h + BH : NULL;
    memcpy(to.start[0], h, rows);
    if (c) memcpy(to.start[1], c, rows);
    step.rows = B, step.alone = B == 1;
    step.x = pass->x, step.s = step.h = to.start[0], step.c = to.start[1];
    step.slots = to.slots, step.y = to.y, step.c_after = to.c;
    layer->spec.cell->forward[0](&step);
    memcpy(h, to.y, rows);
    if (c) memcpy(c, to.c, rows);
    if (pass->y && pass->y != to.y) memcpy(pass->y, to.y, rows);
}

void recur__once_gradient_widths(const recur_layer *layer, int64_t width[RECUR__PARTS])
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    if (!recur__may_be_once(layer)) return;
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
    const history from = lay_out(layer, pass);
    const recur__prepared *prepared = pass->prepared;
    const recur__weights *p = &prepared->p;
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const int64_t B = pass->shape.packed->batch, H = layer->spec.hidden_size, S = cell->slots * H;
    float *dh = pass->dstate, *dc = cell->states > 1 ? dh + B * H : NULL;
    cell->backward[0](&(recur__step_backward){ .rows = B, .H = H, .alone = B == 1, .units = H, .slots = from.slots, .h = from.start[0], .ldh = H,
                                               .c = from.start[1], .c_after = from.c, .dy = pass->dy, .lddy = H, .dh = dh, .dc = dc });
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nn(pass->ctx, pass->kernels, B, H, H, (recur__matrix){ from.slots + recur__h_slot(f, i) * H, S },
                       (recur__matrix){ prepared->U + i * H * prepared->ld_U, prepared->ld_U }, dh, H);
    if (pass->dparams) recur__add_gradients(layer, pass, B, (const float *[RECUR__PARTS]){ from.slots, pass->x, from.start[0] });
    if (!pass->dx) return;
    memset(pass->dx, 0, (size_t)(B * p->in) * sizeof *pass->dx);
    recur__gemm_nn(pass->ctx, pass->kernels, B, p->in, cell->gates * H, (recur__matrix){ from.slots, S }, (recur__matrix){ p->W, p->in }, pass->dx, p->in);
}
