/* once.c - one recorded step of a plain layer over parameters that the tape has prepared (once.c),
 * without the walk over layers, directions and time. Its record is that of recurrent_forward.c. */
#include "recurrent/recurrent.h"

/* Where recur__carve_history puts what a plain layer keeps. */
typedef struct history {
    float *gate_blocks, *c, *y, *start[RECUR__STATES];
} history;

static inline history lay_out(const recur__cell *cell, int64_t BH, float *at)
{
    const int64_t row = recur__padded(BH);
    history h = { .gate_blocks = at };
    at += recur__padded(BH * cell->gate_blocks);
    if (cell->states > 1) h.c = at, at += row;
    h.y = at, at += row;
    h.start[0] = at;
    if (cell->states > 1) h.start[1] = at + row;
    return h;
}

/* Where a tile has all units of a row, h is written over h: the next step then waits for nothing
 * else. */
void recur__recurrent_once_forward(const recur__once *o)
{
    const recur__cell *cell = o->layer->spec.cell;
    recur__prepared *prepared = o->prepared;
    recur__step *step = &prepared->step;
    const int64_t BH = o->B * step->H;
    const history to = lay_out(cell, BH, o->keep);
    float *h = o->state, *c = cell->states > 1 ? h + BH : NULL;
    const bool over = o->B == 1 && prepared->one_tile;
    recur__copy(to.start[0], h, BH);
    if (c) recur__copy(to.start[1], c, BH);
    step->rows = o->B, step->single_row = o->B == 1;
    step->x = o->x, step->s = step->h = h, step->c = to.start[1];
    step->gate_blocks = to.gate_blocks, step->y = over ? h : to.y, step->c_after = to.c;
    cell->forward[0](step);
    recur__copy(over ? to.y : h, over ? h : to.y, BH);
    if (c) recur__copy(c, to.c, BH);
    if (o->y) recur__copy(o->y, to.y, BH);
}

void recur__recurrent_gradient_widths(const recur_layer *layer, int64_t width[RECUR__PARTS])
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    if (!recur__may_be_once(layer)) return;
    width[0] = recur__times(cell->gate_blocks, H), width[1] = layer->input_size, width[2] = H;
}

/* Parts are dA by slots, x, and h before the step. */
void recur__recurrent_add_gradients(const recur_layer *layer, const void *prepared, int64_t rows,
                                    const float *const part[RECUR__PARTS], float *dparams)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const recur__kernels *kernels = layer->root->kernels;
    const int64_t H = layer->spec.hidden_size, S = cell->gate_blocks * H, G = cell->x_gates * H;
    const recur__weights *p = &((const recur__prepared *)prepared)->p;
    const float *dA = part[0],
                *params =
                    layer->params; /* gradients lie in dparams where parameters do in params */
    recur__gemm_tn(layer->root->ctx, kernels, G, p->in, rows, (recur__matrix){ dA, S },
                   (recur__matrix){ part[1], p->in }, dparams + (p->W - params), p->in);
    if (p->U)
        recur__add_dU(layer, 0, rows, dA, (recur__matrix){ part[2], H }, dparams + (p->U - params));
    if (!p->b_ih) return;
    for (int i = 0; i < f->h_gates; i++)
        kernels->gemv->column_sums(rows, H, dA + recur__h_block(f, i) * H, S,
                                   dparams + (p->b_hh - params) + (f->h_first + i) * H);
    kernels->gemv->column_sums(rows, G, dA, S, dparams + (p->b_ih - params));
}

void recur__recurrent_once_backward(const recur__once *o)
{
    const recur_layer *layer = o->layer;
    recur__prepared *prepared = o->prepared;
    recur__step_backward *back = &prepared->back;
    const recur__weights *p = &prepared->p;
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const recur_context *ctx = layer->root->ctx;
    const recur__kernels *kernels = layer->root->kernels;
    const int64_t B = o->B, H = back->H, S = cell->gate_blocks * H;
    const history from = lay_out(cell, B * H, o->keep);
    back->rows = B, back->single_row = B == 1;
    back->gate_blocks = from.gate_blocks, back->h = from.start[0], back->c = from.start[1],
    back->c_after = from.c;
    back->dy = o->dy, back->dh = o->state, back->dc = cell->states > 1 ? o->state + B * H : NULL;
    cell->backward[0](back);
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nn(ctx, kernels, B, H, H,
                       (recur__matrix){ from.gate_blocks + recur__h_block(f, i) * H, S },
                       (recur__matrix){ prepared->U + i * H * prepared->ld_U, prepared->ld_U },
                       back->dh, H);
    if (o->dparams)
        recur__add_gradients(
            o, (const float *[RECUR__PARTS]){ from.gate_blocks, o->x, from.start[0] });
    if (!o->dx) return;
    memset(o->dx, 0, (size_t)(B * p->in) * sizeof *o->dx);
    recur__gemm_nn(ctx, kernels, B, p->in, cell->x_gates * H,
                   (recur__matrix){ from.gate_blocks, S }, (recur__matrix){ p->W, p->in }, o->dx,
                   p->in);
}
