/* backward.c - the walk backwards: backpropagation through time.
 *
 * Per layer and direction, against the order of forward: a tile brings dh = dy + dA U back from the
 * step after, and the cell's equations turn the slots into the gradients dA of the pre-activations.
 * After the loop, over all rows at once, dW += dAᵀ x    dU += dAᵀ h_before    db += Σ dA    dx = dA
 * W */
#include "recurrent/recurrent.h"

/* One layer and direction. */
typedef struct lane {
    int64_t ld, d;
    bool reverse;
    recur__weights p, dp; /* dp.W is NULL if dparams is not wanted */
    const recur__backward_scratch *scratch;
    const float *extra;     /* [E][H] of the kind, or derived */
    float *d_extra;         /* its gradient; NULL: not wanted */
    float *gate_blocks;     /* [N][S*H] */
    const float *c, *u, *y; /* [N][H], [N][H], [N][D*P] from this direction's half on */
    const float *start[RECUR__STATES];
    const float *dy;              /* [N][D*P] likewise; NULL: zeros */
    float *dstate[RECUR__STATES]; /* [B][P], [B][H] by place */
} lane;

/* Rows from `at` on of a step: what they have beside their neighbours in time. */
static recur__step_backward step_of(const recur__walk *w, const lane *a, int64_t at, int64_t from,
                                    int64_t rows)
{
    const int64_t H = w->H, ldy = w->D * w->P;
    const recur__backward_scratch *scratch = a->scratch;
    recur__step_backward step = { .rows = rows,
                                  .H = H,
                                  .cell_options = w->cell_options,
                                  .extra = a->extra,
                                  .d_extra = a->d_extra,
                                  .units = H,
                                  .gate_blocks = a->gate_blocks + at * w->S,
                                  .mask = recur__rows_from(scratch->masks.recurrent, from, H),
                                  .room = scratch->room,
                                  .dh_total = scratch->dh_total ? scratch->dh_total + at * H : NULL,
                                  .dy = a->dy ? a->dy + at * ldy : NULL,
                                  .lddy = ldy,
                                  .dh = a->dstate[0] + from * H };
    for (int s = 0; s < w->cell->states; s++)
        step.zoneout_share[s] = recur__rows_from(scratch->masks.zoneout_share[s], from,
                                                 w->width[s]);
    return step;
}

/* rows of dh += what comes back through U, and through its mask */
static void add_through_U(const recur__walk *w, const lane *a, const float *dA, int64_t from,
                          int64_t rows, float *dh)
{
    const recur__phase *f = &w->cell->phase[0];
    const int64_t H = w->H, P = w->P;
    float *through = a->scratch->through ? a->scratch->through + from * P : dh;
    const float *mask = recur__rows_from(a->scratch->masks.recurrent, from, P);
    if (through != dh) memset(through, 0, (size_t)(rows * P) * sizeof *dh);
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nn(w->pass->ctx, w->pass->kernels, rows, P, H,
                       (recur__matrix){ dA + recur__h_block(f, i) * H, w->S },
                       (recur__matrix){ a->p.U + (f->h_first + i) * H * P, P }, through, P);
    for (int64_t e = 0; through != dh && e < rows * P; e++)
        dh[e] += mask ? through[e] * mask[e] : through[e];
}

/* With projection, h = W_hr m: dh is brought together here, and dm goes to the equations. after
 * NULL: no step follows. */
static void through_projection(const recur__walk *w, const lane *a, const float *after, int64_t at,
                               int64_t from, recur__step_backward *step)
{
    const int64_t H = w->H, P = w->P, ldy = w->D * P;
    const recur__backward_scratch *scratch = a->scratch;
    float *dh = a->dstate[0] + from * P;
    if (after) add_through_U(w, a, after, from, step->rows, dh);
    for (int64_t r = 0; a->dy && r < step->rows; r++)
        w->pass->kernels->elementwise->add(P, a->dy + (at + r) * ldy, dh + r * P);
    if (scratch->dh_total)
        memcpy(scratch->dh_total + at * P, dh, (size_t)(step->rows * P) * sizeof *dh);
    float *stays = scratch->through + from * P;
    const float *zoneout_share = step->zoneout_share[0];
    for (int64_t e = 0; e < step->rows * P; e++) {
        stays[e] = zoneout_share ? zoneout_share[e] * dh[e] : 0;
        dh[e] -= stays[e];
    }
    if (a->dp.project)
        recur__gemm_tn(w->pass->ctx, w->pass->kernels, P, H, step->rows, (recur__matrix){ dh, P },
                       (recur__matrix){ a->u + at * H, H }, a->dp.project, H);
    memset(scratch->dm, 0, (size_t)(step->rows * H) * sizeof *dh);
    memset(scratch->dh, 0, (size_t)(step->rows * H) * sizeof *dh);
    recur__gemm_nn(w->pass->ctx, w->pass->kernels, step->rows, H, P, (recur__matrix){ dh, P },
                   (recur__matrix){ a->p.project, H }, scratch->dm, H);
    memcpy(dh, stays, (size_t)(step->rows * P) * sizeof *dh);
    step->zoneout_share[0] = NULL;
    step->dA = NULL, step->dh_total = NULL, step->mask = NULL;
    step->dy = scratch->dm, step->lddy = H, step->dh = scratch->dh;
    step->h = a->u + at * H, step->ldh = H; /* the equations do not look at h */
}

/* Of rows [from, to) of step t this thread's share, all phases: going_on, their state before is
   that of the step before; with next, gradients come back from the step after. */
static void run_rows(const recur__walk *w, const lane *a, const recur__share *share, int64_t t,
                     int64_t from, int64_t to, bool going_on, bool next)
{
    const bool single_row = to - from == 1;
    from = recur__max(from, share->from), to = recur__min(to, share->to);
    if (from >= to) return;
    const int64_t H = w->H, P = w->P, ldy = w->D * P, *starts = w->packed->starts,
                  at = starts[t] + from;
    const int64_t before = going_on ? starts[a->reverse ? t + 1 : t - 1] + from : from;
    const float *after = next ? a->gate_blocks + (starts[a->reverse ? t - 1 : t + 1] + from) * w->S
                              : NULL;
    recur__step_backward step = step_of(w, a, at, from, to - from);
    step.single_row = single_row, step.units_reversed = t & 1;
    step.h = going_on ? a->y + before * ldy : a->start[0] + before * P;
    step.ldh = going_on ? ldy : P;
    if (w->cell->states > 1) {
        step.c = (going_on ? a->c : a->start[1]) + before * H;
        step.c_after = a->c + at * H;
        step.dc = a->dstate[1] + from * H;
    }
    if (w->cell_options) recur__fill_zones(w, a->ld, starts[t], from, to, &a->scratch->masks);
    for (int i = w->cell->phases - 1; i >= 0; i--) {
        const bool comes_from_next = i == w->cell->phases - 1;
        step.dA = comes_from_next ? after : step.gate_blocks;
        step.Ut = a->scratch->panels.Ut[comes_from_next ? 0 : i + 1];
        if (recur__projects(w)) through_projection(w, a, after, at, from, &step);
        w->cell->backward[i](&step);
    }
}

/* Against the order of forward. Rows differ in whether a step follows them (dA U comes back) and
 * whether one precedes them. */
static void run_steps(const recur__walk *w, const lane *a, const recur__share *share)
{
    const recur_packed *packed = w->packed;
    const int64_t T = packed->longest;
    for (int64_t i = T - 1; i >= 0; i--) {
        const int64_t t = a->reverse ? T - 1 - i : i, rows = packed->sizes[t];
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        const int64_t followed = a->reverse  ? (t > 0 ? rows : 0)
                                 : t + 1 < T ? packed->sizes[t + 1]
                                             : 0;
        const int64_t both = recur__min(old, followed);
        run_rows(w, a, share, t, 0, both, true, true);
        run_rows(w, a, share, t, both, old, true, false);
        run_rows(w, a, share, t, recur__max(both, old), followed, false, true);
        run_rows(w, a, share, t, recur__max(old, followed), rows, false, false);
    }
}

typedef struct time_job {
    const recur__walk *w;
    const lane *a;
    int64_t shares;
} time_job;

static void run_share(void *argument, int64_t i)
{
    const time_job *job = argument;
    const recur__share share = recur__share_of(job->w->packed, i, job->shares);
    run_steps(job->w, job->a, &share);
}

/* What comes back through U to the states before the first step of each sequence: dh += dA U. */
static void through_start(const recur__walk *w, const lane *a)
{
    const recur_packed *packed = w->packed;
    for (int64_t t = 0; t < (a->reverse ? packed->longest : 1); t++) {
        const int64_t old = recur__rows_going_on(packed, t, a->reverse),
                      at = packed->starts[t] + old;
        add_through_U(w, a, a->gate_blocks + at * w->S, old, packed->sizes[t] - old,
                      a->dstate[0] + old * w->P);
    }
}

static void pack(const recur__walk *w, const lane *a)
{
    if (recur__projects(w)) return;
    for (int i = w->packed->longest > 1 ? 0 : 1; i < w->cell->phases;
         i++) { /* one step alone has nothing coming back to phase 0 */
        const recur__phase *f = &w->cell->phase[i];
        if (f->h_gates)
            recur__panel_pack_backward(w->cell, w->H, f->h_gates, a->p.U + f->h_first * w->H * w->H,
                                       a->scratch->panels.Ut[i]);
    }
}

/* The gradient of the learned start: of all sequences that began there. */
static void start_gradient(const recur__walk *w, const lane *a)
{
    for (int s = 0; s < w->cell->states && w->pass->fresh && a->dp.W; s++)
        for (int64_t p = 0; a->dp.start[s] && p < w->B; p++)
            if (w->pass->fresh[w->packed->in_order ? p : w->packed->order[p]])
                w->pass->kernels->elementwise->add(w->width[s], a->dstate[s] + p * w->width[s],
                                                   a->dp.start[s]);
}

/* ---- gradients of the parameters ------------------------------------------------------------ */

void recur__add_dU(const recur_layer *layer, int phase, int64_t rows, const float *dA,
                   recur__matrix s, float *dU)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[phase];
    const int64_t H = layer->spec.hidden_size, P = recur__recurrent_state_width(layer, 0);
    for (int i = 0; i < f->h_gates; i += i < f->shared ? f->shared : f->h_gates) {
        const int gates = i < f->shared ? f->shared : f->h_gates - f->shared;
        recur__gemm_tn(layer->root->ctx, layer->root->kernels, gates * H, P, rows,
                       (recur__matrix){ dA + recur__h_block(f, i) * H, cell->gate_blocks * H }, s,
                       dU + (f->h_first + i) * H * P, P);
    }
}

/* The same for rows from row `at` on of this direction */
static void add_dU(const recur__walk *w, const lane *a, int phase, int64_t at, int64_t rows,
                   recur__matrix s)
{
    recur__add_dU(w->layer, phase, rows, a->gate_blocks + at * w->S, s, a->dp.U);
}

/* n rows of P floats, ld apart, side by side */
static void copy_rows(int64_t n, int64_t P, const float *from, int64_t ld, float *to)
{
    if (ld == P && n > 0)
        memcpy(to, from, (size_t)(n * P) * sizeof *to);
    else
        for (int64_t r = 0; r < n; r++) memcpy(to + r * P, from + r * ld, (size_t)P * sizeof *to);
}

/* h before each step as U saw it: of the step before, or where the sequence begins */
static void gather_before(const recur__walk *w, const lane *a, float *before)
{
    const int64_t P = w->P, ldy = w->D * P;
    const float *mask = a->scratch->masks.recurrent;
    for (int64_t t = 0; t < w->packed->longest; t++) {
        const int64_t at = w->packed->starts[t],
                      old = recur__rows_going_on(w->packed, t, a->reverse);
        if (old)
            copy_rows(old, P, a->y + w->packed->starts[a->reverse ? t + 1 : t - 1] * ldy, ldy,
                      before + at * P);
        copy_rows(w->packed->sizes[t] - old, P, a->start[0] + old * P, P, before + (at + old) * P);
        for (int64_t e = 0; mask && e < w->packed->sizes[t] * P; e++) before[at * P + e] *= mask[e];
    }
}

/* dU += dAᵀ h_before. In a dense batch h before is y itself, one step aside; else it is gathered.
 */
static void recurrent_gradient(const recur__walk *w, const lane *a, float *before)
{
    const int64_t P = w->P, ldy = w->D * P, B = w->B, rest = w->N - B;
    if (rest >= 0 && w->packed->sizes[w->packed->longest - 1] == B &&
        !a->scratch->masks.recurrent) {
        add_dU(w, a, 0, a->reverse ? 0 : B, rest,
               (recur__matrix){ a->y + (a->reverse ? B * ldy : 0), ldy });
        if (!w->pass->zero_start)
            add_dU(w, a, 0, a->reverse ? rest : 0, B, (recur__matrix){ a->start[0], P });
    } else {
        gather_before(w, a, before);
        add_dU(w, a, 0, 0, w->N, (recur__matrix){ before, P });
    }
    if (w->cell->phases > 1) add_dU(w, a, 1, 0, w->N, (recur__matrix){ a->u, w->H });
}

/* db_ih += Σ dA where W x went, db_hh += Σ dA where U h went */
static void bias_gradient(const recur__walk *w, const lane *a, float *sums)
{
    const recur__kernels *k = w->pass->kernels;
    memset(sums, 0, (size_t)w->S * sizeof *sums);
    k->gemv->column_sums(w->N, w->S, a->gate_blocks, w->S, sums);
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates))
        k->elementwise->add(r.gates * w->H, sums + r.block * w->H, a->dp.b_ih + r.gate * w->H);
    for (const recur__phase *f = w->cell->phase; f < w->cell->phase + w->cell->phases; f++)
        for (int i = 0; i < f->h_gates; i++)
            k->elementwise->add(w->H, sums + recur__h_block(f, i) * w->H,
                                a->dp.b_hh + (f->h_first + i) * w->H);
}

/* dW[:, id] += dA of its rows; with a table of its own the columns are added up as rows first */
static void ids_gradient(const recur__walk *w, const lane *a, const int32_t *ids, float *table)
{
    const int64_t in = a->dp.in;
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates)) {
        const int64_t G = r.gates * w->H;
        const float *dA = a->gate_blocks + r.block * w->H;
        float *dW = a->dp.W + r.gate * w->H * in;
        for (int64_t n = 0; !table && n < w->N; n++)
            for (int64_t g = 0; g < G; g++) dW[g * in + ids[n]] += dA[n * w->S + g];
        if (!table) continue;
        memset(table, 0, (size_t)(in * G) * sizeof *table);
        w->pass->kernels->gemv->scatter(w->N, G, dA, w->S, ids, table);
        for (int64_t g = 0; g < G; g++)
            for (int64_t id = 0; id < in; id++) dW[g * in + id] += table[id * G + g];
    }
}

/* dW += dAᵀ x and dx += dA W. x, dx or a->dp.W NULL: not wanted */
static void input_gradients(const recur__walk *w, const lane *a, const float *x, float *dx)
{
    const recur__pass *pass = w->pass;
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates)) {
        const recur__matrix dA = { a->gate_blocks + r.block * w->H, w->S };
        const int64_t G = r.gates * w->H, in = a->p.in, at = r.gate * w->H * in;
        if (x && a->dp.W)
            recur__gemm_tn(pass->ctx, pass->kernels, G, in, w->N, dA, (recur__matrix){ x, in },
                           a->dp.W + at, in);
        if (dx)
            recur__gemm_nn(pass->ctx, pass->kernels, w->N, in, G, dA,
                           (recur__matrix){ a->p.W + at, in }, dx, in);
    }
}

/* dW, dU and dx */
static void gradients(const recur__walk *w, const lane *a, const float *x, float *dx)
{
    if (dx && a->d == 0) memset(dx, 0, (size_t)(w->N * a->p.in) * sizeof *dx);
    if (recur__has_modules(w)) {
        if (a->dp.W) gather_before(w, a, a->scratch->before);
        recur__module_gradients(w, &a->p, &a->dp, a->gate_blocks, x, dx, a->scratch);
        return;
    }
    input_gradients(w, a, x, dx);
    if (a->dp.W && w->cell->h_gates) recurrent_gradient(w, a, a->scratch->before);
}

/* ---- the walk ------------------------------------------------------------------------------- */

static lane lane_of(const recur__walk *w, int64_t l, int64_t d, const float *y, const float *dy,
                    const recur__backward_scratch *scratch)
{
    const recur__history *h = &w->history;
    const recur__pass *pass = w->pass;
    const int64_t ld = l * w->D + d, NH = w->N * w->H;
    lane a = { .ld = ld,
               .d = d,
               .scratch = scratch,
               .reverse = recur__is_reverse(w->layer, d),
               .gate_blocks = h->gate_blocks + ld * w->N * w->S,
               .c = h->c ? h->c + ld * NH : NULL,
               .u = h->u ? h->u + ld * NH : NULL,
               .y = y + d * w->P,
               .dy = dy ? dy + d * w->P : NULL };
    a.p = recur__weights_of(w->layer, w->layer->params, l, d);
    a.extra = a.p.extra;
    if (pass->dparams) a.dp = recur__weights_of(w->layer, pass->dparams, l, d);
    for (int s = 0; s < w->cell->states; s++) {
        a.start[s] = h->start[s] + ld * w->B * w->width[s];
        a.dstate[s] = scratch->dstate[s];
    }
    if (recur__has_modules(w)) {
        recur__fill_visible_U(w->layer, a.p.U, scratch->U);
        a.p.U = scratch->U;
    }
    a.d_extra = a.dp.extra;
    if (w->cell->derive) {
        w->cell->derive(&w->layer->spec.cell_options, w->H, a.p.extra, scratch->extra);
        a.extra = scratch->extra;
        a.d_extra = a.dp.W ? scratch->d_extra : NULL;
    }
    return a;
}

static void load_gradients(const recur__walk *w, const lane *a)
{
    for (int s = 0; s < w->cell->states; s++)
        recur__state_load(w->packed, w->width[s], recur__state_at(w, w->pass->dstate, s, a->ld),
                          a->dstate[s]);
}

static void run_direction(const recur__walk *w, const lane *a, const float *x, const int32_t *ids,
                          float *dx)
{
    const recur__pass *pass = w->pass;
    load_gradients(w, a);
    recur__fill_recurrent_mask(w, a->ld, &a->scratch->masks);
    pack(w, a);
    const bool derives = w->cell->derive_backward && a->d_extra;
    if (derives) memset(a->d_extra, 0, (size_t)(w->cell->derived * w->H) * sizeof *a->d_extra);
    time_job job = {
        w, a, a->d_extra ? 1 : recur__shares(w, w->H)
    }; /* what rows add to gradients, they add in one order */
    recur__parallel(recur__layer_context(w->layer), job.shares, run_share, &job);
    if (derives)
        w->cell->derive_backward(&w->layer->spec.cell_options, w->H, a->p.extra, a->d_extra,
                                 a->dp.extra);
    if (pass->dstate || pass->fresh) through_start(w, a);
    for (int s = 0; s < w->cell->states && pass->dstate; s++)
        recur__state_store(w->packed, w->width[s], a->dstate[s],
                           recur__state_at(w, pass->dstate, s, a->ld));
    start_gradient(w, a);
    if (a->dp.W && ids) ids_gradient(w, a, ids, a->scratch->table);
    gradients(w, a, ids ? NULL : x, dx);
    if (a->dp.b_ih) bias_gradient(w, a, a->scratch->sums);
    recur__trace(w, RECUR_TRACE_BACKWARD,
                 &(recur__trace_view){ .l = a->ld / w->D,
                                       .d = a->d,
                                       .gate_blocks = a->gate_blocks,
                                       .c = a->c,
                                       .h = a->y,
                                       .dh = a->scratch->dh_total,
                                       .norm = a->scratch->norm });
}

void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__backward_scratch scratch = { 0 };
    recur__carve_history(&w, &pass->shape, pass->room);
    recur__carve_backward(&w, &pass->shape, pass->room, &scratch);
    if (w.N == 0) { /* gradients of states pass through unchanged */
        for (int64_t ld = 0; ld < w.L * w.D && pass->fresh && pass->dstate; ld++) {
            const lane a = lane_of(&w, ld / w.D, ld % w.D, pass->y, NULL, &scratch);
            load_gradients(&w, &a);
            start_gradient(&w, &a);
        }
        return;
    }
    const recur__elementwise *v = pass->kernels->elementwise;
    const int64_t NDP = w.N * w.D * w.P;
    const float *dy = pass->dy;
    for (int64_t l = w.L - 1; l >= 0; l--) {
        const float *y = l == w.L - 1 && pass->shape.y_kept ? pass->y : w.history.y + l * NDP;
        const float *x = l == 0 ? pass->x : w.history.y + (l - 1) * NDP;
        float *dx = l == 0 ? pass->dx : scratch.dy[l % 2];
        const uint64_t key = recur_random(pass->key, (uint64_t)l);
        if (l > 0 && scratch.x) {
            v->dropout(NDP, layer->spec.dropout, key, x, scratch.x);
            x = scratch.x;
        }
        for (int64_t d = 0; d < w.D; d++) {
            const lane a = lane_of(&w, l, d, y, dy, &scratch);
            run_direction(&w, &a, x, l == 0 ? pass->ids : NULL, dx);
        }
        if (l > 0 && scratch.x) v->dropout(NDP, layer->spec.dropout, key, dx, dx);
        dy = dx;
    }
}
