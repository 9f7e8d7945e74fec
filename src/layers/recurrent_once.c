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

/* The same place in the gradients. */
static float *place(const recur_layer *layer, const recur__pass *pass, const float *parameter) { return pass->dparams + (parameter - layer->params); }

static void parameter_gradients(const recur__walk *w, const recur__pass *pass, const recur__weights *p)
{
    const recur__history *from = &w->history;
    const recur__phase *f = &w->cell->phase[0];
    const recur__product *k = pass->kernels->product;
    const recur_layer *layer = w->layer;
    recur__gemm_tn(pass->ctx, pass->kernels, w->G, p->in, w->B, (recur__matrix){ from->slots, w->S }, (recur__matrix){ pass->x, p->in },
                   place(layer, pass, p->W), p->in);
    recur__add_dU(w, 0, w->B, from->slots, (recur__matrix){ from->start[0], w->H }, place(layer, pass, p->U));
    if (!p->b_ih) return;
    for (int i = 0; i < f->h_gates; i++)
        k->column_sums(w->B, w->H, from->slots + recur__h_slot(f, i) * w->H, w->S, place(layer, pass, p->b_hh) + (f->h_first + i) * w->H);
    k->column_sums(w->B, w->G, from->slots, w->S, place(layer, pass, p->b_ih));
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
    if (pass->dparams) parameter_gradients(&w, pass, p);
    if (!pass->dx) return;
    memset(pass->dx, 0, (size_t)(w.B * p->in) * sizeof *pass->dx);
    recur__gemm_nn(pass->ctx, pass->kernels, w.B, p->in, w.G, (recur__matrix){ from->slots, w.S }, (recur__matrix){ p->W, p->in }, pass->dx, p->in);
}
