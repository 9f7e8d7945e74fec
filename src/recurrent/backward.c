/* backward.c - the walk backwards: backpropagation through time.
 *
 * For each line, against the order of forward: a tile brings dh = dy + dA U back from the step
 * after, and the cell's equations turn the gate blocks into the gradients dA of the
 * pre-activations. After the loop, over all rows at once (gradients.c),
 *
 *   dW += dAᵀ x    dU += dAᵀ h_before    db += Σ dA    dx = dA W */
#include "recurrent/backward.h"

/* ---- time ----------------------------------------------------------------------------------- */

/* Rows of step t that are alike. */
typedef struct rows {
    int64_t t;
    recur__slice of; /* rows of the step */
    bool continued;  /* their state before is that of a step, not an initial one */
    bool followed;   /* gradients come back from the step after */
} rows;

/* What those rows from `from` on have, their neighbours in time apart. */
static recur__cell_step_backward step_of(const recur__line_back *a, int64_t at, int64_t from,
                                         int64_t count)
{
    const recur__walk *w = a->w;
    const recur__backward_scratch *scratch = a->scratch;
    const int64_t H = w->H, P = w->P;
    recur__cell_step_backward c = {
        .layer = w->layer,
        .pack = &a->pack,
        .mask = recur__rows_from(scratch->masks.recurrent, from, P),
        .u = recur__rows_from(a->u, at, H),
        .dproject = a->dp.project,
        .through = scratch->through ? scratch->through + from * P : NULL,
        .dm = scratch->dm,
        .dh_zero = scratch->dh,
    };
    c.step = (recur__step_backward){
        .rows = count,
        .H = H,
        .cell_options = w->cell_options,
        .extra = a->pack.derived ? a->pack.derived : a->pack.p.extra,
        .d_extra = a->d_extra,
        .units = H,
        .fetches = recur__outgrows_cache(w->layer, H),
        .gate_blocks = a->gate_blocks + at * w->S,
        .mask = recur__rows_from(scratch->masks.recurrent, from, H),
        .row_scratch = scratch->row,
        .dh_total = scratch->dh_total ? scratch->dh_total + at * P : NULL,
        .dy = recur__rows_from(a->dy, at, a->ld_dy),
        .lddy = a->ld_dy,
        .dh = a->dstate[0] + from * P,
    };
    for (int s = 0; s < w->cell->states; s++)
        c.step.zoneout_share[s] = recur__rows_from(scratch->masks.zoneout_share[s], from,
                                                   w->width[s]);
    return c;
}

/* All phases of those rows that are in this thread's slice. */
static void run_rows(const recur__line_back *a, const recur__slice *slice, const rows *r)
{
    const recur__walk *w = a->w;
    const recur__slice own = recur__common_places(r->of, *slice);
    const int64_t from = own.from;
    if (from >= own.to) return;
    const int64_t H = w->H, P = w->P, ldy = w->D * P, *starts = w->packed->starts;
    const int64_t at = starts[r->t] + from;
    const int64_t earlier = a->reverse ? r->t + 1 : r->t - 1;
    const int64_t later = a->reverse ? r->t - 1 : r->t + 1;
    const int64_t before = r->continued ? starts[earlier] + from : from;
    recur__cell_step_backward c = step_of(a, at, from, own.to - from);
    recur__step_backward *step = &c.step;
    if (r->followed) c.after = a->gate_blocks + (starts[later] + from) * w->S;
    step->single_row = r->of.to - r->of.from == 1;
    step->units_reversed = r->t & 1;
    step->h = r->continued ? a->y + before * ldy : a->initial[0] + before * P;
    step->ldh = r->continued ? ldy : P;
    if (w->cell->states > 1) {
        step->c = (r->continued ? a->c : a->initial[1]) + before * H;
        step->c_after = a->c + at * H;
        step->dc = a->dstate[1] + from * H;
    }
    if (w->cell_options) recur__fill_zoneout(w, a->index, starts[r->t], own, &a->scratch->masks);
    for (int64_t row = 0; a->dc && row < step->rows; row++) {
        const float *dc = a->dc + (at + row) * a->ld_dy;
        w->pass->kernels->elementwise->add(H, dc, step->dc + row * H);
    }
    recur__cell_step_back(&c);
}

/* Against the order of forward. Rows differ in whether a step follows them (dA U comes back) and
 * whether one precedes them. */
static void run_steps(const void *line, const recur__slice *slice)
{
    const recur__line_back *a = line;
    const recur_packed *packed = a->w->packed;
    const int64_t T = packed->longest;
    for (int64_t i = T - 1; i >= 0; i--) {
        const int64_t t = a->reverse ? T - 1 - i : i, all = packed->sizes[t];
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        int64_t followed = 0;
        if (a->reverse && t > 0) followed = all;
        if (!a->reverse && t + 1 < T) followed = packed->sizes[t + 1];
        const int64_t both = recur__min(old, followed);
        const rows kinds[] = {
            { t, { 0, both }, true, true },
            { t, { both, old }, true, false },
            { t, { recur__max(both, old), followed }, false, true },
            { t, { recur__max(old, followed), all }, false, false },
        };
        for (int k = 0; k < 4; k++) run_rows(a, slice, &kinds[k]);
    }
}

/* ---- states --------------------------------------------------------------------------------- */

/* What comes back through U to the states before the first step of each sequence: dh += dA U. */
static void through_initial_state(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const recur_packed *packed = w->packed;
    const int64_t steps = a->reverse ? packed->longest : 1;
    for (int64_t t = 0; t < steps; t++) {
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        const int64_t at = packed->starts[t] + old, count = packed->sizes[t] - old;
        const recur__cell_step_backward c = step_of(a, at, old, count);
        recur__add_through_U(&c, a->gate_blocks + at * w->S, a->dstate[0] + old * w->P);
    }
}

static void load_gradients(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    for (int s = 0; s < w->cell->states; s++) {
        const float *dstate = recur__state_at(w, w->pass->dstate, s, a->index);
        recur__state_load(w->packed, w->width[s], dstate, a->dstate[s]);
    }
}

static void store_gradients(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    for (int s = 0; s < w->cell->states && w->pass->dstate; s++) {
        float *dstate = recur__state_at(w, w->pass->dstate, s, a->index);
        recur__state_store(w->packed, w->width[s], a->dstate[s], dstate);
    }
}

/* The gradient of the learned initial state: of all sequences that began there. */
static void add_initial_state_gradient(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const bool *began = w->pass->at_initial_state;
    if (!began || !a->dp.W) return;
    for (int s = 0; s < w->cell->states; s++)
        for (int64_t p = 0; a->dp.initial[s] && p < w->B; p++) {
            const float *dstate = a->dstate[s] + p * w->width[s];
            if (!began[w->packed->in_order ? p : w->packed->order[p]]) continue;
            w->pass->kernels->elementwise->add(w->width[s], dstate, a->dp.initial[s]);
        }
}

/* ---- the walk ------------------------------------------------------------------------------- */

static recur__line_back line_of(const recur__walk *w, const recur__backward_scratch *scratch,
                                int64_t l, int64_t d, const float *y)
{
    const recur__history *h = &w->history;
    const recur__pass *pass = w->pass;
    const int64_t index = l * w->D + d, NH = w->N * w->H;
    recur__line_back a = {
        .w = w, .scratch = scratch, .index = index, .d = d, .pack = scratch->pack
    };
    a.reverse = recur__is_reverse(w->layer, d);
    a.gate_blocks = RECUR__BEHIND(h->gate_blocks, index * w->N * w->S);
    a.c = recur__rows_from(h->c, index, NH);
    a.u = recur__rows_from(h->u, index, NH);
    a.y = RECUR__BEHIND(y, d * w->P);
    a.pack.p = recur__weights_of(w->layer, w->layer->params, l, d);
    if (pass->dparams) a.dp = recur__weights_of(w->layer, pass->dparams, l, d);
    a.d_extra = a.dp.extra;
    if (w->cell->derive) a.d_extra = a.dp.W ? scratch->d_derived : NULL;
    for (int s = 0; s < w->cell->states; s++) {
        a.initial[s] = h->initial[s] + index * w->B * w->width[s];
        a.dstate[s] = scratch->dstate[s];
    }
    return a;
}

/* All steps; and what the derived vectors got, to the extra parameters. */
static void run_time(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const recur__cell *cell = w->cell;
    const bool derives = cell->derive_backward && a->d_extra;
    if (derives) memset(a->d_extra, 0, (size_t)(cell->derived * w->H) * sizeof *a->d_extra);
    /* What rows add to gradients, they add in one order. */
    recur__run_slices(w, a->d_extra ? 1 : recur__slices(w, w->H), run_steps, a);
    if (derives)
        cell->derive_backward(&w->layer->spec.cell_options, w->H, a->pack.p.extra, a->d_extra,
                              a->dp.extra);
}

static void run_line(recur__line_back *a, const float *x, const int32_t *ids, float *dx)
{
    const recur__walk *w = a->w;
    const recur__pass *pass = w->pass;
    recur__fill_pack(w->layer, false, &a->pack);
    load_gradients(a);
    if (a->scratch->masks.recurrent) recur__fill_recurrent_mask(w, a->index, &a->scratch->masks);
    run_time(a);
    if (pass->dstate || pass->at_initial_state) through_initial_state(a);
    store_gradients(a);
    add_initial_state_gradient(a);
    recur__line_gradients(a, x, ids, dx);
    const recur__trace_view view = {
        .l = a->index / w->D,
        .d = a->d,
        .gate_blocks = a->gate_blocks,
        .c = a->c,
        .h = a->y,
        .dh = a->scratch->dh_total,
        .norm = a->scratch->norm,
    };
    if (w->pass->tracer.function) recur__trace(w, RECUR_TRACE_BACKWARD, &view);
}

/* Without rows the gradients of states pass through unchanged. */
static void run_without_rows(const recur__walk *w, const recur__backward_scratch *scratch)
{
    if (!w->pass->at_initial_state || !w->pass->dstate) return;
    for (int64_t index = 0; index < w->L * w->D; index++) {
        const recur__line_back a = line_of(w, scratch, index / w->D, index % w->D, w->pass->y);
        load_gradients(&a);
        add_initial_state_gradient(&a);
    }
}

void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__backward_scratch scratch = { 0 };
    recur__carve_history(&w, &pass->shape, pass->workspace);
    recur__carve_backward(&w, &pass->shape, pass->workspace, &scratch);
    if (w.N == 0) {
        run_without_rows(&w, &scratch);
        return;
    }
    const int64_t NDP = w.N * w.D * w.P;
    const float *dy = pass->dy;
    for (int64_t l = w.L - 1; l >= 0; l--) {
        const bool top = l == w.L - 1;
        const bool joins = top && recur__outputs_cell(layer);
        const bool given = top && pass->shape.y_stays && !joins;
        const float *y = given ? pass->y : w.history.y + l * NDP;
        const float *x = l == 0 ? pass->x : w.history.y + (l - 1) * NDP;
        float *dx = l == 0 ? pass->dx : scratch.dy[l % 2];
        x = recur__drop_between(&w, l, x, scratch.x);
        for (int64_t d = 0; d < w.D; d++) {
            recur__line_back a = line_of(&w, &scratch, l, d, y);
            const int64_t width = joins ? w.P + w.H : w.P;
            a.ld_dy = w.D * width;
            a.dy = recur__rows_from(dy, d, width);
            a.dc = joins ? recur__rows_from(a.dy, 1, w.P) : NULL;
            run_line(&a, x, l == 0 ? pass->ids : NULL, dx);
        }
        if (scratch.x) recur__drop_between(&w, l, dx, dx);
        dy = dx;
    }
}
