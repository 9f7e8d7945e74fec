/* forward.c - the walk over layers, directions and time, forward.
 *
 * Per layer and direction the weights are packed into panels, then step by step the cell's tiles
 * compute bias + W x + U h and the new h (and c) from it. Where that pays better, W x (or for ids
 * the column of W) is made for all steps beforehand. State rows stand by place, so the first rows
 * of a state are those of the sequences that are alive. */
#include "recurrent/recurrent.h"

/* Where one layer and direction reads and writes. */
typedef struct lane {
    recur__weights p;
    const float *x;    /* [N][in] if the tiles multiply it */
    const float *init; /* [..][S*H] */
    int64_t ld_init;
    const int32_t *ids;             /* of rows of init */
    const recur__panels *panels;    /* NULL: the step multiplies row by row */
    const float *extra;             /* [E][H] of the kind, or derived */
    float *gate_blocks, *c, *u, *y; /* [N][..] of the record; y also in inference, if wanted */
    float *start[RECUR__STATES];    /* [B][P], [B][H] by place */
    int64_t ld;
    bool zero_start, reverse;
} lane;

/* ---- what the accumulators start with ------------------------------------------------------- */

/* Few rows a step: their input is multiplied for all steps at once, unless it is smaller than what
 * comes of it. */
static bool multiplies_at_once(const recur__walk *w, int64_t in)
{
    return w->N < RECUR__FEW_ROWS * w->packed->longest && in > RECUR__FEW_INPUTS &&
           !recur__has_modules(w);
}

/* Decides where init comes from: the bias alone, a table by id, or a row for every row. */
static void prepare_input(const recur__walk *w, lane *a, const float *x, const int32_t *ids,
                          const recur__forward_scratch *scratch)
{
    const size_t row = (size_t)w->S * sizeof(float);
    const recur__weights *p = &a->p;
    recur__add_biases(w->layer, p, scratch->bias);
    const bool table = ids && a->panels && recur__wants_table(w->layer, &w->pass->shape),
               by_row = !table && (ids || multiplies_at_once(w, p->in) || !a->panels);
    a->x = ids || by_row ? NULL : x;
    a->init = table || by_row ? scratch->init : scratch->bias;
    a->ld_init = table || by_row ? w->S : 0;
    a->ids = table ? ids : NULL;
    const int64_t rows = table ? p->in : by_row ? w->N : 0;
    for (int64_t r = 0; r < rows; r++) memcpy(scratch->init + r * w->S, scratch->bias, row);
    for (int64_t r = 0; ids && r < rows; r++)
        recur__add_column(w->cell, w->H, p, table ? r : ids[r], scratch->init + r * w->S);
    if (ids || !by_row) return;
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates))
        recur__gemm_nt(w->pass->ctx, w->pass->kernels, w->N, r.gates * w->H, p->in,
                       (recur__matrix){ x, p->in },
                       (recur__matrix){ p->W + r.gate * w->H * p->in, p->in },
                       scratch->init + r.block * w->H, w->S);
}

static void pack(const recur__walk *w, const lane *a, const recur__panels *to)
{
    const int64_t H = w->H, in = a->p.in;
    for (int i = 0; i < w->cell->phases; i++) {
        const recur__phase *f = &w->cell->phase[i];
        if (a->x && f->x_gates)
            recur__panel_pack(w->cell, f, H, in, f->x_gates, a->p.W + f->x_first * H * in,
                              to->W[i]);
        if (f->h_gates)
            recur__panel_pack(w->cell, f, H, w->P, f->h_gates, a->p.U + f->h_first * H * w->P,
                              to->U[i]);
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Without panels: U s is added to the rows of init by ordinary products. */
static void multiply_state(const recur__walk *w, const lane *a, const recur__phase *f, int64_t at,
                           const recur__step *step)
{
    const int64_t H = w->H, P = w->P;
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nt(w->pass->ctx, w->pass->kernels, step->rows, H, P,
                       (recur__matrix){ step->s, step->lds },
                       (recur__matrix){ a->p.U + (f->h_first + i) * H * P, P },
                       (float *)(uintptr_t)a->init + at * w->S + recur__h_block(f, i) * H, w->S);
}

/* With projection: y = W_hr m, of which zoneout leaves the share of h before. */
static void project(const recur__walk *w, const lane *a, const recur__step *step,
                    const float *zoneout_share, const float *h, int64_t ldh, float *y, int64_t ldy)
{
    for (int64_t r = 0; r < step->rows; r++) memset(y + r * ldy, 0, (size_t)w->P * sizeof *y);
    recur__gemm_nt(w->pass->ctx, w->pass->kernels, step->rows, w->P, w->H,
                   (recur__matrix){ step->y, w->H }, (recur__matrix){ a->p.project, w->H }, y, ldy);
    for (int64_t r = 0; zoneout_share && r < step->rows; r++)
        for (int64_t j = 0; j < w->P; j++)
            y[r * ldy + j] = zoneout_share[r * w->P + j] * h[r * ldh + j] +
                             (1 - zoneout_share[r * w->P + j]) * y[r * ldy + j];
}

/* h as U sees it: through the mask of recurrent dropout. */
static void mask_state(const recur__walk *w, const recur__masks *masks, int64_t from,
                       recur__step *step)
{
    float *masked_h = masks->masked_h + from * w->P;
    const float *mask = masks->recurrent + from * w->P;
    for (int64_t r = 0; r < step->rows; r++)
        for (int64_t j = 0; j < w->P; j++)
            masked_h[r * w->P + j] = step->h[r * step->ldh + j] * mask[r * w->P + j];
    step->s = masked_h;
    step->lds = w->P;
}

/* Where a step of rows reads and writes: h and c are those of row `from`. */
static recur__step step_of(const recur__walk *w, const lane *a,
                           const recur__forward_scratch *scratch, int64_t t, int64_t from,
                           int64_t rows)
{
    const int64_t H = w->H, at = w->packed->starts[t] + from;
    recur__step step = { .rows = rows,
                         .H = H,
                         .K = w->P,
                         .cell_options = w->cell_options,
                         .extra = a->extra,
                         .ids = a->ids ? a->ids + at : NULL,
                         .init = a->init + (a->ids ? 0 : at) * a->ld_init,
                         .ld_init = a->ld_init,
                         .ldx = a->p.in,
                         .in = a->x ? a->p.in : 0,
                         .ld_gate_blocks = w->S };
    step.x = a->x ? a->x + at * a->p.in : NULL;
    step.gate_blocks = a->gate_blocks         ? a->gate_blocks + at * w->S
                       : scratch->gate_blocks ? scratch->gate_blocks + from * w->S
                                              : NULL;
    step.u = a->u ? a->u + at * H : scratch->u ? scratch->u + from * H : NULL;
    step.c_after = a->c ? a->c + at * H : scratch->state[1] ? scratch->state[1] + from * H : NULL;
    for (int s = 0; s < w->cell->states; s++)
        step.zoneout_share[s] = recur__rows_from(scratch->masks.zoneout_share[s], from,
                                                 w->width[s]);
    return step;
}

/* Of rows [from, to) of step t this thread's share: all phases. h, c and y are those of row 0. */
static void run_rows(const recur__walk *w, const lane *a, const recur__forward_scratch *scratch,
                     const recur__share *share, int64_t t, int64_t from, int64_t to, const float *h,
                     int64_t ldh, const float *c, float *y, int64_t ldy, bool zero)
{
    const bool single_row = to - from == 1;
    from = recur__max(from, share->from), to = recur__min(to, share->to);
    if (from >= to) return;
    recur__step step = step_of(w, a, scratch, t, from, to - from);
    step.single_row = single_row, step.units_reversed = t & 1;
    step.h = step.s = h + from * ldh, step.ldh = step.lds = ldh;
    step.c = c ? c + from * w->H : NULL;
    step.y = y + from * ldy, step.ldy = ldy;
    if (w->cell_options)
        recur__fill_zones(w, a->ld, w->packed->starts[t], from, to, &scratch->masks);
    if (scratch->masks.recurrent && !zero) mask_state(w, &scratch->masks, from, &step);
    if (scratch->masks.recurrent && !zero && w->cell->phases > 1)
        step.h = step.s, step.ldh = step.lds;
    const float *zoneout_share = step.zoneout_share[0];
    if (recur__projects(w))
        step.h = step.y = step.u, step.ldh = step.ldy = w->H,
        step.zoneout_share[0] = NULL; /* the equations do not look at h */
    for (int i = 0; i < w->cell->phases; i++) {
        if (i > 0) step.s = step.u, step.lds = w->H, step.h = h + from * ldh, step.ldh = ldh;
        step.W = a->panels ? a->panels->W[i] : NULL;
        step.U = a->panels && !zero && w->cell->phase[i].h_gates ? a->panels->U[i] : NULL;
        if (!a->panels && !zero)
            multiply_state(w, a, &w->cell->phase[i], w->packed->starts[t] + from, &step);
        w->cell->forward[i](&step);
    }
    if (recur__projects(w))
        project(w, a, &step, zoneout_share, h + from * ldh, ldh, y + from * ldy, ldy);
}

/* h after step t: a row of y, or of the two that take turns where y is not wanted. */
static float *h_of(const recur__walk *w, const lane *a, const recur__forward_scratch *scratch,
                   int64_t t)
{
    return a->y ? a->y + w->packed->starts[t] * w->D * w->P : scratch->y + t % 2 * w->B * w->P;
}

static void run_steps(const recur__walk *w, const lane *a, const recur__forward_scratch *scratch,
                      const recur__share *share)
{
    const recur_packed *packed = w->packed;
    const int64_t T = packed->longest, H = w->H, P = w->P, ldy = a->y ? w->D * P : P;
    for (int64_t i = 0; i < T; i++) {
        const int64_t t = a->reverse ? T - 1 - i : i, before = a->reverse ? t + 1 : t - 1,
                      rows = packed->sizes[t];
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        float *y = h_of(w, a, scratch, t);
        if (old > 0)
            run_rows(w, a, scratch, share, t, 0, old, h_of(w, a, scratch, before), ldy,
                     a->c ? a->c + packed->starts[before] * H : scratch->state[1], y, ldy, false);
        if (old < rows)
            run_rows(w, a, scratch, share, t, old, rows, a->start[0], P, a->start[1], y, ldy,
                     a->zero_start);
        if (!w->pass->state) continue;
        const int64_t go_on = a->reverse  ? (t > 0 ? rows : 0)
                              : t + 1 < T ? packed->sizes[t + 1]
                                          : 0;
        for (int64_t r = recur__max(go_on, share->from); r < recur__min(rows, share->to); r++)
            memcpy(scratch->final + r * P, y + r * ldy, (size_t)P * sizeof *y);
    }
}

/* The whole time loop of one share of the batch: no thread waits for another between steps. */
typedef struct time_job {
    const recur__walk *w;
    const lane *a;
    const recur__forward_scratch *scratch;
    int64_t shares;
} time_job;

static void run_share(void *argument, int64_t i)
{
    const time_job *job = argument;
    const recur__share share = recur__share_of(job->w->packed, i, job->shares);
    run_steps(job->w, job->a, job->scratch, &share);
}

/* ---- one layer and direction ---------------------------------------------------------------- */

/* States into places; in inference c stays in one place, so it begins there. Without a state the
 * learned one, or zeros. */
static void load_states(const recur__walk *w, lane *a, int64_t ld,
                        const recur__forward_scratch *scratch)
{
    const recur__pass *pass = w->pass;
    for (int s = 0; s < w->cell->states; s++) {
        const int64_t width = w->width[s];
        const float *learned = pass->state ? NULL : a->p.start[s];
        a->start[s] = pass->shape.record ? w->history.start[s] + ld * w->B * width
                                         : scratch->state[s];
        recur__state_load(w->packed, width, recur__state_at(w, pass->state, s, ld), a->start[s]);
        for (int64_t p = 0; learned && p < w->B; p++)
            memcpy(a->start[s] + p * width, learned, (size_t)width * sizeof *learned);
    }
}

/* Final states into the caller's order; c of a record is found row by row. Sequences without steps
 * keep their state. */
static void store_states(const recur__walk *w, const lane *a, int64_t ld,
                         const recur__forward_scratch *scratch)
{
    const recur_packed *packed = w->packed;
    const int64_t H = w->H, P = w->P, alive = packed->sizes[0];
    if (!w->pass->state) return;
    float *h = recur__state_at(w, w->pass->state, 0, ld),
          *c = recur__state_at(w, w->pass->state, 1, ld);
    for (int64_t p = 0; p < alive; p++) {
        const int64_t b = packed->in_order ? p : packed->order[p];
        memcpy(h + b * P, scratch->final + p * P, (size_t)P * sizeof *h);
        if (w->cell->states == 1) continue;
        const int64_t length = packed->longest == 1 ? 1 : packed->lengths[b],
                      last = a->reverse ? 0 : length - 1;
        const float *from = a->c ? a->c + (packed->starts[last] + p) * H
                                 : scratch->state[1] + p * H;
        memcpy(c + b * H, from, (size_t)H * sizeof *c);
    }
}

/* Of a record: this layer and direction's part. */
static float *share(float *all, int64_t index, int64_t size)
{
    return all ? all + index * size : NULL;
}

static void run_direction(const recur__walk *w, int64_t l, int64_t d, const float *x,
                          const int32_t *ids, float *y, const recur__forward_scratch *scratch)
{
    const int64_t ld = l * w->D + d;
    const recur__prepared *prepared = w->layer->prepared ? w->layer->prepared : w->pass->prepared;
    lane a = { .p = recur__weights_of(w->layer, w->layer->params, l, d),
               .gate_blocks = share(w->history.gate_blocks, ld, w->N * w->S),
               .c = share(w->history.c, ld, w->N * w->H),
               .u = share(w->history.u, ld, w->N * w->H),
               .y = y ? y + d * w->P : NULL,
               .panels = prepared                 ? &prepared[ld].panels
                         : recur__wants_panels(w) ? &scratch->panels
                                                  : NULL,
               .ld = ld,
               .reverse = recur__is_reverse(w->layer, d) };
    a.extra = a.p.extra;
    a.zero_start = !w->pass->state && !a.p.start[0];
    if (recur__has_modules(w)) {
        recur__fill_visible_U(w->layer, a.p.U, scratch->U);
        a.p.U = scratch->U;
    }
    if (w->cell->derive) {
        w->cell->derive(&w->layer->spec.cell_options, w->H, a.p.extra, scratch->extra);
        a.extra = scratch->extra;
    }
    load_states(w, &a, ld, scratch);
    recur__fill_recurrent_mask(w, ld, &scratch->masks);
    prepare_input(w, &a, x, ids, scratch);
    if (a.panels && !prepared) pack(w, &a, a.panels);
    time_job job = { w, &a, scratch, recur__shares(w, w->H + (a.x ? a.p.in : 0)) };
    recur__parallel(recur__layer_context(w->layer), job.shares, run_share, &job);
    store_states(w, &a, ld, scratch);
    recur__trace(
        w, RECUR_TRACE_FORWARD,
        &(recur__trace_view){ .l = l, .d = d, .gate_blocks = a.gate_blocks, .c = a.c, .h = a.y });
}

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__forward_scratch scratch = { 0 };
    recur__carve_history(&w, &pass->shape, pass->room);
    recur__carve_forward(&w, &pass->shape, pass->room, &scratch);
    if (w.N == 0) return; /* states pass through unchanged */
    const int64_t NDP = w.N * w.D * w.P;
    const bool record = pass->shape.record, own_top = record && !pass->shape.y_kept;
    const float *x = pass->x;
    for (int64_t l = 0; l < w.L; l++) {
        const bool top = l == w.L - 1;
        float *y = top && !own_top ? pass->y : w.history.y + (record ? l : l % 2) * NDP;
        if (l > 0 && scratch.x) {
            pass->kernels->elementwise->dropout(NDP, layer->spec.dropout,
                                                recur_random(pass->key, (uint64_t)l), x, scratch.x);
            x = scratch.x;
        }
        for (int64_t d = 0; d < w.D; d++)
            run_direction(&w, l, d, x, l == 0 ? pass->ids : NULL, y, &scratch);
        if (top && own_top && pass->y) memcpy(pass->y, y, (size_t)NDP * sizeof(float));
        x = y;
    }
}
