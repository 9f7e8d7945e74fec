/* forward.c - the walk over layers, directions and time, forward.
 *
 * For each line the weights are packed into panels, then step by step the cell's tiles compute
 * bias + W x + U h and the new h (and c) from it. Where that pays better, W x (or for ids the
 * column of W) is made for all steps beforehand. State rows stand by place, so the first rows of a
 * state are those of the sequences that are alive. */
#include "recurrent/cell_step.h"

/* Where one line reads and writes. */
typedef struct line {
    const recur__walk *w;
    const recur__forward_scratch *scratch;
    recur__pack pack;
    const float *x;    /* [N][in] if the tiles multiply it */
    const float *init; /* [..][S*H] */
    int64_t ld_init;
    const int32_t *ids;             /* [N] of rows of init, or of W */
    float *gate_blocks, *c, *u, *y; /* [N][..] of the record; y also in inference, if wanted */
    float *initial[RECUR__STATES];  /* [B][P], [B][H] by place */
    int64_t index;                  /* l * D + d */
    bool zero_state, reverse, packed_before;
    bool step_by_step; /* fewer bits: x or ids are multiplied at each step */
} line;

/* ---- what the accumulators start with ------------------------------------------------------- */

/* Few rows a step: their input is multiplied for all steps at once, unless it is smaller than what
 * comes of it. */
static bool multiplies_at_once(const recur__walk *w, int64_t in)
{
    return w->N < RECUR__FEW_ROWS * w->packed->longest && in > RECUR__FEW_INPUTS &&
           !recur__has_modules(w->layer);
}

/* Rows of init: what each id adds. */
static void fill_table(const line *a)
{
    const recur__walk *w = a->w;
    float *init = a->scratch->init;
    for (int64_t id = 0; id < a->pack.p.in; id++, init += w->S) {
        memcpy(init, a->pack.bias, (size_t)w->S * sizeof *init);
        recur__add_column(w->layer, &a->pack.p, id, init);
    }
}

/* Decides where init comes from: the bias alone, a table by id, or a row for every row, of all
 * steps or of the one at hand. Then the pack is filled, unless it was made before the pass. */
static void prepare_input(line *a, const float *x, const int32_t *ids)
{
    const recur__walk *w = a->w;
    const bool panels = a->pack.has_panels, at_once = multiplies_at_once(w, a->pack.p.in);
    const bool table = ids && panels && recur__wants_table(w->layer, &w->pass->shape);
    a->step_by_step = a->pack.precision && !at_once;
    const bool by_row = !table && !a->step_by_step && (ids || !panels || at_once);
    const recur__input input = {
        .rows = w->N, .x = x, .ids = ids, .ctx = w->pass->ctx, .scratch = a->scratch->reduced
    };
    a->x = by_row || (ids && !a->step_by_step) ? NULL : x;
    a->ids = table || a->step_by_step ? ids : NULL;
    if (!a->packed_before) recur__fill_pack(w->layer, a->x != NULL, &a->pack);
    a->init = table || by_row ? a->scratch->init : a->pack.bias;
    a->ld_init = table || by_row ? w->S : 0;
    if (table) fill_table(a);
    if (by_row) recur__begin_rows(w->layer, &a->pack, &input, a->scratch->init);
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Rows of one step that are alike: where their state lies before it, and where h goes. */
typedef struct rows {
    int64_t t;
    recur__slice of;    /* rows of the step */
    const float *h, *c; /* of row 0 */
    int64_t ldh;
    float *y; /* of row 0 */
    int64_t ldy;
    bool zero_state;
} rows;

/* Where the rows from `from` on of step t read and write, their state apart. */
static recur__step step_of(const line *a, int64_t t, int64_t from)
{
    const recur__walk *w = a->w;
    const recur__forward_scratch *scratch = a->scratch;
    const int64_t H = w->H, at = w->packed->starts[t] + from;
    recur__step step = recur__step_of_line(w->layer, &a->pack);
    step.cell_options = w->cell_options;
    step.ids = a->ids ? a->ids + at : NULL;
    step.init = a->init + (a->ids ? 0 : at) * a->ld_init;
    step.ld_init = a->ld_init;
    step.in = a->x ? a->pack.p.in : 0;
    step.x = a->x ? a->x + at * a->pack.p.in : NULL;
    if (a->gate_blocks)
        step.gate_blocks = a->gate_blocks + at * w->S;
    else if (scratch->gate_blocks)
        step.gate_blocks = scratch->gate_blocks + from * w->S;
    if (a->u)
        step.u = a->u + at * H;
    else if (scratch->u)
        step.u = scratch->u + from * H;
    if (a->c)
        step.c_after = a->c + at * H;
    else if (scratch->state[1])
        step.c_after = scratch->state[1] + from * H;
    for (int s = 0; s < w->cell->states; s++)
        step.zoneout_share[s] = recur__rows_from(scratch->masks.zoneout_share[s], from,
                                                 w->width[s]);
    return step;
}

/* With fewer bits: what the accumulators of this step's rows start with. */
static void begin_step(const line *a, int64_t from, recur__cell_step *c)
{
    const recur__walk *w = a->w;
    recur__step *step = &c->step;
    float *init = a->scratch->init + from * w->S;
    const recur__input input = {
        .rows = step->rows, .x = step->x, .ids = step->ids, .scratch = c->scratch
    };
    recur__begin_rows(w->layer, &a->pack, &input, init);
    step->init = init;
    step->ld_init = w->S;
    step->ids = NULL;
    step->in = 0;
}

/* All phases of those rows that are in this thread's slice. */
static void run_rows(const line *a, const recur__slice *slice, const rows *r)
{
    const recur__walk *w = a->w;
    const recur__masks *masks = &a->scratch->masks;
    const recur__slice own = recur__common_places(r->of, *slice);
    const int64_t from = own.from;
    if (from >= own.to) return;
    recur__cell_step c = { .layer = w->layer, .pack = &a->pack, .zero_state = r->zero_state };
    recur__step *step = &c.step;
    *step = step_of(a, r->t, from);
    step->rows = own.to - from;
    step->units_reversed = r->t & 1;
    step->h = step->s = r->h + from * r->ldh;
    step->ldh = step->lds = r->ldh;
    step->c = r->c ? r->c + from * w->H : NULL;
    step->y = r->y + from * r->ldy;
    step->ldy = r->ldy;
    if (w->cell_options) recur__fill_zoneout(w, a->index, w->packed->starts[r->t], own, masks);
    if (masks->recurrent) {
        c.mask = masks->recurrent + from * w->P;
        c.masked_h = masks->masked_h + from * w->P;
    }
    if (a->scratch->reduced)
        c.scratch = a->scratch->reduced + from * recur__reduced_floats(w->layer);
    if (a->step_by_step) begin_step(a, from, &c);
    recur__cell_step_forward(&c);
}

/* h after step t: a row of y, or of the two that take turns where y is not wanted. */
static float *h_of(const line *a, int64_t t)
{
    const recur__walk *w = a->w;
    if (a->y) return a->y + w->packed->starts[t] * w->D * w->P;
    return a->scratch->y + t % 2 * w->B * w->P;
}

/* Rows of step t that the step after it does not go on with. */
static int64_t rows_going_on_after(const recur_packed *packed, int64_t t, bool reverse)
{
    if (reverse) return t > 0 ? packed->sizes[t] : 0;
    return t + 1 < packed->longest ? packed->sizes[t + 1] : 0;
}

/* One step: rows whose state comes from the step before, then those that begin here. */
static void run_step(const line *a, const recur__slice *slice, int64_t t)
{
    const recur__walk *w = a->w;
    const recur_packed *packed = w->packed;
    const int64_t before = a->reverse ? t + 1 : t - 1, all = packed->sizes[t];
    const int64_t old = recur__rows_going_on(packed, t, a->reverse);
    const int64_t ldy = a->y ? w->D * w->P : w->P;
    rows r = { .t = t, .of = { 0, old }, .y = h_of(a, t), .ldy = ldy };
    if (old > 0) {
        r.h = h_of(a, before);
        r.ldh = ldy;
        r.c = a->c ? a->c + packed->starts[before] * w->H : a->scratch->state[1];
        run_rows(a, slice, &r);
    }
    if (old == all) return;
    r.of = (recur__slice){ old, all };
    r.h = a->initial[0];
    r.ldh = w->P;
    r.c = a->initial[1];
    r.zero_state = a->zero_state;
    run_rows(a, slice, &r);
}

static void run_steps(const void *argument, const recur__slice *slice)
{
    const line *a = argument;
    const recur__walk *w = a->w;
    const recur_packed *packed = w->packed;
    const int64_t T = packed->longest, P = w->P, ldy = a->y ? w->D * P : P;
    for (int64_t i = 0; i < T; i++) {
        const int64_t t = a->reverse ? T - 1 - i : i;
        run_step(a, slice, t);
        if (!w->pass->state) continue;
        const float *y = h_of(a, t);
        const int64_t on = rows_going_on_after(packed, t, a->reverse);
        for (int64_t r = recur__max(on, slice->from); r < recur__min(packed->sizes[t], slice->to);
             r++)
            memcpy(a->scratch->final_h + r * P, y + r * ldy, (size_t)P * sizeof *y);
    }
}

/* ---- one line ------------------------------------------------------------------------------- */

/* States into places; in inference c stays in one place, so it begins there. Without a state the
 * learned one, or zeros. */
static void load_states(line *a)
{
    const recur__walk *w = a->w;
    const recur__pass *pass = w->pass;
    for (int s = 0; s < w->cell->states; s++) {
        const int64_t width = w->width[s];
        const float *learned = pass->state ? NULL : a->pack.p.initial[s];
        float *to = a->scratch->state[s];
        if (pass->shape.record) to = w->history.initial[s] + a->index * w->B * width;
        a->initial[s] = to;
        recur__state_load(w->packed, width, recur__state_at(w, pass->state, s, a->index), to);
        for (int64_t p = 0; learned && p < w->B; p++)
            memcpy(to + p * width, learned, (size_t)width * sizeof *learned);
    }
}

/* Final states into the caller's order; c of a record is found row by row. Sequences without steps
 * keep their state. */
static void store_states(const line *a)
{
    const recur__walk *w = a->w;
    const recur_packed *packed = w->packed;
    const int64_t H = w->H, P = w->P, alive = packed->sizes[0];
    if (!w->pass->state) return;
    float *h = recur__state_at(w, w->pass->state, 0, a->index);
    float *c = recur__state_at(w, w->pass->state, 1, a->index);
    for (int64_t p = 0; p < alive; p++) {
        const int64_t b = packed->in_order ? p : packed->order[p];
        memcpy(h + b * P, a->scratch->final_h + p * P, (size_t)P * sizeof *h);
        if (w->cell->states == 1) continue;
        const int64_t length = packed->longest == 1 ? 1 : packed->lengths[b];
        const int64_t last = a->reverse ? 0 : length - 1;
        const float *from = a->scratch->state[1] + p * H;
        if (a->c) from = a->c + (packed->starts[last] + p) * H;
        memcpy(c + b * H, from, (size_t)H * sizeof *c);
    }
}

/* Of the history: what belongs to one line. */
static float *line_of(float *all, int64_t index, int64_t size)
{
    return all ? all + index * size : NULL;
}

/* The pack of a snapshot or a tape, or the pass's own, to be filled. */
static void prepare_pack(line *a, int64_t l, int64_t d)
{
    const recur_layer *layer = a->w->layer;
    const recur__pack *made = layer->pack ? layer->pack : a->w->pass->pack;
    a->packed_before = made;
    a->pack = made ? made[a->index] : a->scratch->pack;
    if (!made) a->pack.p = recur__weights_of(layer, layer->params, l, d);
}

static void run_line(const recur__walk *w, const recur__forward_scratch *scratch, int64_t l,
                     int64_t d, const float *x, float *y)
{
    const recur__history *history = &w->history;
    const int32_t *ids = l == 0 ? w->pass->ids : NULL;
    const int64_t index = l * w->D + d;
    line a = {
        .w = w, .scratch = scratch, .index = index, .reverse = recur__is_reverse(w->layer, d)
    };
    a.gate_blocks = line_of(history->gate_blocks, index, w->N * w->S);
    a.c = line_of(history->c, index, w->N * w->H);
    a.u = line_of(history->u, index, w->N * w->H);
    a.y = y ? y + d * w->P : NULL;
    prepare_pack(&a, l, d);
    a.zero_state = !w->pass->state && !a.pack.p.initial[0];
    load_states(&a);
    if (scratch->masks.recurrent) recur__fill_recurrent_mask(w, index, &scratch->masks);
    prepare_input(&a, x, ids);
    recur__run_slices(w, recur__slices(w, w->H + (a.x ? a.pack.p.in : 0)), run_steps, &a);
    store_states(&a);
    const recur__trace_view view = {
        .l = l, .d = d, .gate_blocks = a.gate_blocks, .c = a.c, .h = a.y
    };
    if (w->pass->tracer.function) recur__trace(w, RECUR_TRACE_FORWARD, &view);
}

/* Rows of [h][c] for each direction, from y [N][D*P] and c of the top layer. */
static void join_cells(const recur__walk *w, const float *y, float *to)
{
    const int64_t H = w->H, P = w->P;
    const float *c = w->history.c + (w->L - 1) * w->D * w->N * H;
    for (int64_t n = 0; n < w->N; n++)
        for (int64_t d = 0; d < w->D; d++) {
            memcpy(to, y + (n * w->D + d) * P, (size_t)P * sizeof *to);
            memcpy(to + P, c + (d * w->N + n) * H, (size_t)H * sizeof *to);
            to += P + H;
        }
}

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__forward_scratch scratch = { 0 };
    recur__carve_history(&w, &pass->shape, pass->workspace);
    recur__carve_forward(&w, &pass->shape, pass->workspace, &scratch);
    if (w.N == 0) return; /* states pass through unchanged */
    const int64_t NDP = w.N * w.D * w.P;
    const bool record = pass->shape.record, joins = recur__outputs_cell(layer);
    const bool own_top = joins || (record && !pass->shape.y_stays);
    const float *x = pass->x;
    for (int64_t l = 0; l < w.L; l++) {
        const bool top = l == w.L - 1;
        float *y = top && !own_top ? pass->y : w.history.y + (record ? l : l % 2) * NDP;
        x = recur__drop_between(&w, l, x, scratch.x);
        for (int64_t d = 0; d < w.D; d++) run_line(&w, &scratch, l, d, x, y);
        if (top && joins && pass->y) join_cells(&w, y, pass->y);
        if (top && own_top && !joins && pass->y) memcpy(pass->y, y, (size_t)NDP * sizeof(float));
        x = y;
    }
}
