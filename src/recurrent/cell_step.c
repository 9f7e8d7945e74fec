/* cell_step.c - one step of some rows of one line, forward and backward: cell_step.h. */
#include "recurrent/cell_step.h"

bool recur__outgrows_cache(const recur_layer *layer, int64_t K)
{
    const int64_t H = layer->spec.hidden_size, floats = layer->spec.cell->h_gates * H * K;
    return floats > recur__context_cache(layer->root->ctx) / 2 / (int64_t)sizeof(float);
}

recur__step recur__step_of_line(const recur_layer *layer, const recur__pack *pack)
{
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    return (recur__step){
        .H = H,
        .K = P,
        .cell_options = layer->spec.modified ? &layer->spec.cell_options : NULL,
        .extra = pack->derived ? pack->derived : pack->p.extra,
        .fetches = !recur__pack_is_reduced(pack) && recur__outgrows_cache(layer, pack->p.in + P),
        .init = pack->bias,
        .ldx = pack->p.in,
        .in = pack->p.in,
        .lds = P,
        .ldh = P,
        .ld_gate_blocks = layer->spec.cell->gate_blocks * H,
        .ldy = P,
    };
}

static void multiply_input(const recur_layer *layer, const recur__weights *p,
                           const recur__input *input, float *init)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, S = cell->gate_blocks * H;
    const recur__matrix X = { input->x, p->in };
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates)) {
        const recur__matrix W = { p->W + r.gate * H * p->in, p->in };
        const recur__sizes sizes = { input->rows, r.gates * H, p->in };
        const recur__sums to = { init + r.block * H, S };
        if (input->ctx)
            recur__gemm_nt(input->ctx, layer->root->kernels, sizes, X, W, to);
        else
            recur__gemm_nt_here(layer->root->kernels, sizes, X, W, to);
    }
}

void recur__begin_rows(const recur_layer *layer, const recur__pack *pack, const recur__input *input,
                       float *init)
{
    const int64_t S = layer->spec.cell->gate_blocks * layer->spec.hidden_size;
    if (pack->bias)
        memcpy(init, pack->bias, (size_t)S * sizeof *init);
    else
        recur__add_biases(layer, &pack->p, init);
    for (int64_t r = 1; r < input->rows; r++) memcpy(init + r * S, init, (size_t)S * sizeof *init);
    for (int64_t r = 0; input->ids && r < input->rows; r++)
        if (recur__pack_is_reduced(pack))
            recur__reduced_column(layer, pack, input->ids[r], init + r * S);
        else
            recur__add_column(layer, &pack->p, input->ids[r], init + r * S);
    if (input->ids) return;
    if (recur__pack_is_reduced(pack))
        recur__reduced_input(layer, pack, input, init);
    else
        multiply_input(layer, &pack->p, input, init);
}

/* ---- forward -------------------------------------------------------------------------------- */

/* h as U sees it: through the mask of recurrent dropout. */
static void mask_h(recur__cell_step *c)
{
    recur__step *step = &c->step;
    const int64_t P = step->K;
    for (int64_t r = 0; r < step->rows; r++)
        for (int64_t j = 0; j < P; j++)
            c->masked_h[r * P + j] = step->h[r * step->ldh + j] * c->mask[r * P + j];
    step->s = c->masked_h;
    step->lds = P;
}

/* Without panels U s is added to the rows of init by ordinary products; of a clockwork RNN module
 * by module, unless U was made what the modules see. */
static void multiply_state(const recur__cell_step *c, const recur__phase *f)
{
    const recur_layer *layer = c->layer;
    const recur__step *step = &c->step;
    const bool modules = recur__has_modules(layer) && !c->pack->visible_U;
    const int64_t H = step->H, P = step->K, S = step->ld_gate_blocks;
    const int64_t size = modules ? H / layer->spec.cell_options.modules : H;
    float *init = (float *)(uintptr_t)step->init;
    for (int i = 0; i < f->h_gates; i++)
        for (int64_t j = 0; j < H; j += size) {
            const int64_t first = modules ? j : 0;
            const float *U = c->pack->p.U + ((f->h_first + i) * H + j) * P + first;
            const recur__matrix s = { step->s + first, step->lds }, Uj = { U, P };
            recur__gemm_nt_here(layer->root->kernels, (recur__sizes){ step->rows, size, P - first },
                                s, Uj, (recur__sums){ init + recur__h_block(f, i) * H + j, S });
        }
}

static void run_phases(recur__cell_step *c, const float *h, int64_t ldh)
{
    const recur__cell *cell = c->layer->spec.cell;
    const recur__pack *pack = c->pack;
    recur__step *step = &c->step;
    for (int i = 0; i < cell->phases; i++) {
        if (i > 0) {
            step->s = step->u;
            step->lds = step->H;
            step->h = h;
            step->ldh = ldh;
        }
        step->W = pack->panels.W[i];
        step->U = c->zero_state ? NULL : pack->panels.U[i];
        if (recur__pack_is_reduced(pack) && !c->zero_state)
            recur__reduced_state(c->layer, pack, i, step, c->scratch);
        else if (!pack->has_panels && !c->zero_state)
            multiply_state(c, &cell->phase[i]);
        cell->forward[i](step);
    }
}

/* With projection y = W_hr m, of which zoneout leaves the share of h before. */
static void project(const recur__cell_step *c, const float *share, float *y, int64_t ldy,
                    const float *h, int64_t ldh)
{
    const recur_layer *layer = c->layer;
    const recur__step *step = &c->step;
    const int64_t P = step->K, H = step->H;
    const recur__matrix m = { step->u, H }, W_hr = { c->pack->p.project, H };
    for (int64_t r = 0; r < step->rows; r++) memset(y + r * ldy, 0, (size_t)P * sizeof *y);
    if (recur__pack_is_reduced(c->pack))
        recur__reduced_projection(layer, c->pack, step->rows, m.data, (recur__sums){ y, ldy },
                                  c->scratch);
    else
        recur__gemm_nt_here(layer->root->kernels, (recur__sizes){ step->rows, P, H }, m, W_hr,
                            (recur__sums){ y, ldy });
    for (int64_t r = 0; share && r < step->rows; r++)
        for (int64_t j = 0; j < P; j++) {
            const float old = share[r * P + j];
            y[r * ldy + j] = old * h[r * ldh + j] + (1 - old) * y[r * ldy + j];
        }
}

void recur__cell_step_forward(recur__cell_step *c)
{
    recur__step *step = &c->step;
    const float *h = step->h, *share = step->zoneout_share[0];
    const int64_t ldh = step->ldh, ldy = step->ldy;
    float *y = step->y;
    const bool projects = recur__projects(c->layer);
    if (c->mask && !c->zero_state) mask_h(c);
    if (c->mask && !c->zero_state && c->layer->spec.cell->phases > 1) {
        step->h = step->s;
        step->ldh = step->lds;
    }
    if (projects) { /* the equations do not look at h */
        step->h = step->y = step->u;
        step->ldh = step->ldy = step->H;
        step->zoneout_share[0] = NULL;
    }
    run_phases(c, h, ldh);
    if (projects) project(c, share, y, ldy, h, ldh);
}

/* ---- backward ------------------------------------------------------------------------------- */

void recur__multiply_U(const recur_layer *layer, const recur__pack *pack, int64_t rows,
                       const float *dA, float *dh)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    const int64_t S = cell->gate_blocks * H;
    const float *U = pack->U_rows ? pack->U_rows : pack->p.U;
    const int64_t ld_U = pack->U_rows ? pack->ld_U_rows : P;
    for (int i = 0; i < f->h_gates; i++) {
        const recur__matrix dAi = { dA + recur__h_block(f, i) * H, S };
        const recur__matrix Ui = { U + (f->h_first + i) * H * ld_U, ld_U };
        recur__gemm_nn(layer->root->ctx, layer->root->kernels, (recur__sizes){ rows, P, H }, dAi,
                       Ui, (recur__sums){ dh, P });
    }
}

void recur__add_through_U(const recur__cell_step_backward *c, const float *dA, float *dh)
{
    const int64_t rows = c->step.rows, P = recur__output_width(c->layer);
    float *through = c->through ? c->through : dh;
    if (c->through) memset(through, 0, (size_t)(rows * P) * sizeof *through);
    recur__multiply_U(c->layer, c->pack, rows, dA, through);
    for (int64_t e = 0; c->through && e < rows * P; e++)
        dh[e] += c->mask ? through[e] * c->mask[e] : through[e];
}

/* With projection, h = W_hr m: dh is brought together here, and dm goes to the equations. */
static void through_projection(recur__cell_step_backward *c)
{
    const recur_layer *layer = c->layer;
    const recur__kernels *k = layer->root->kernels;
    recur__step_backward *step = &c->step;
    const int64_t H = step->H, P = recur__output_width(layer), rows = step->rows;
    const float *share = step->zoneout_share[0];
    float *dh = step->dh, *stays = c->through;
    if (c->after) recur__add_through_U(c, c->after, dh);
    for (int64_t r = 0; step->dy && r < rows; r++)
        k->elementwise->add(P, step->dy + r * step->lddy, dh + r * P);
    if (step->dh_total) memcpy(step->dh_total, dh, (size_t)(rows * P) * sizeof *dh);
    for (int64_t e = 0; e < rows * P; e++) {
        stays[e] = share ? share[e] * dh[e] : 0;
        dh[e] -= stays[e];
    }
    const recur__matrix dH = { dh, P }, m = { c->u, H }, W_hr = { c->pack->p.project, H };
    if (c->dproject)
        recur__gemm_tn(layer->root->ctx, k, (recur__sizes){ P, H, rows }, dH, m,
                       (recur__sums){ c->dproject, H });
    memset(c->dm, 0, (size_t)(rows * H) * sizeof *c->dm);
    memset(c->dh_zero, 0, (size_t)(rows * H) * sizeof *c->dh_zero);
    recur__gemm_nn(layer->root->ctx, k, (recur__sizes){ rows, H, P }, dH, W_hr,
                   (recur__sums){ c->dm, H });
    memcpy(dh, stays, (size_t)(rows * P) * sizeof *dh);
    step->zoneout_share[0] = NULL;
    step->dA = NULL;
    step->dh_total = NULL;
    step->mask = NULL;
    step->dy = c->dm;
    step->lddy = H;
    step->dh = c->dh_zero;
    step->h = c->u; /* the equations do not look at h */
    step->ldh = H;
}

void recur__cell_step_back(recur__cell_step_backward *c)
{
    const recur__cell *cell = c->layer->spec.cell;
    recur__step_backward *step = &c->step;
    for (int i = cell->phases - 1; i >= 0; i--) {
        const bool from_next_step = i == cell->phases - 1;
        step->dA = from_next_step ? c->after : step->gate_blocks;
        step->Ut = c->pack->panels.Ut[from_next_step ? 0 : i + 1];
        if (recur__projects(c->layer)) through_projection(c);
        cell->backward[i](step);
    }
}
