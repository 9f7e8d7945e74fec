/* step.c - single steps of B sequences: in a stream, where each layer of the stack is one call of
 * the state's plan, and recorded on a tape, for loops written by hand. */
#include "recurrent/cell_step.h"

/* The products of all units of a row come before the equations of any, so that h may be written
 * over h. */
static bool writes_over_h(const recur_layer *layer, int64_t B)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t wide = cell->phase[0].accumulators > 1 ? 1 : cell->wide;
    const int64_t H = layer->spec.hidden_size, units = cell->width * wide;
    if (!recur__is_plain(layer)) return false;
    return H <= units || (B == 1 && H <= 2 * units && recur__pairs(cell->width, wide, H) == 1);
}

/* ---- scratch of a streaming step ------------------------------------------------------------- */

/* All layers of the stack share it. It is the same for snapshots of any precision. */
typedef struct scratch {
    float *y, *init, *gate_blocks, *u, *zoneout_share[RECUR__STATES], *derived, *reduced;
} scratch;

static int64_t lay_out(const recur_layer *layer, int64_t B, float *base, scratch *out)
{
    const recur__cell *cell = layer->spec.cell;
    const recur_recurrent_options *o = &layer->spec.options;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    const int64_t S = cell->gate_blocks * H;
    const bool two = cell->phases > 1;
    const struct {
        float **place;
        int64_t width;
    } rows[] = {
        { &out->y, P },
        { &out->init, S },
        { &out->gate_blocks, two || cell->needs_gate_blocks ? S : 0 },
        { &out->u, two || recur__projects(layer) ? H : 0 },
        { &out->zoneout_share[0], o->zoneout_hidden > 0 ? P : 0 },
        { &out->zoneout_share[1], o->zoneout_cell > 0 ? H : 0 },
    };
    int64_t width = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *rows[i].place = base && rows[i].width ? base + B * width : NULL;
        width += rows[i].width;
    }
    out->derived = base ? base + B * width : NULL;
    out->reduced = base ? out->derived + cell->derived * H : NULL;
    const int64_t floats = recur__times(B, width);
    if (floats < 0 || floats > INT64_MAX / 2) return -1;
    return floats + cell->derived * H +
           recur__min(B, RECUR__REDUCED_ROWS) * recur__reduced_floats(layer);
}

static int64_t stream_scratch(const recur_layer *layer, int64_t B)
{
    scratch none;
    return lay_out(layer, B, NULL, &none);
}

/* ---- one layer of a stream ------------------------------------------------------------------ */

/* Rows of [h][c] where c is an output, too. */
static void give_h_and_c(const recur__step_call *call, const float *h)
{
    const int64_t P = call->step.K, H = call->step.H;
    const float *c = call->step.c_after;
    float *y = call->y;
    for (int64_t b = 0; b < call->B; b++, y += P + H) {
        memcpy(y, h + b * P, (size_t)P * sizeof *y);
        memcpy(y + P, c + b * H, (size_t)H * sizeof *y);
    }
}

/* h after the step becomes the state, and the output if that lies elsewhere. */
static void give_h(const recur__step_call *call, const float *h)
{
    const size_t bytes = (size_t)(call->B * call->step.K) * sizeof *h;
    if (h != call->state) memcpy(call->state, h, bytes);
    if (!call->y || call->y == call->state) return;
    if (recur__outputs_cell(call->layer) && call->index == call->layer->spec.num_layers - 1)
        give_h_and_c(call, h);
    else
        memcpy(call->y, h, bytes);
}

static void run_layer(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    const recur__pack *made = layer->pack;
    recur__pack pack = { 0 };
    scratch to;
    lay_out(layer, call->B, call->scratch, &to);
    if (!made) pack.p = recur__weights_of(layer, layer->params, call->index, 0);
    recur__cell_step c = { .layer = layer, .pack = made ? made + call->index : &pack };
    recur__step *step = &c.step;
    *step = call->step;
    step->units_reversed = call->units_reversed;
    step->x = call->x;
    c.scratch = to.reduced;
    if (call->ids || !made || recur__pack_is_reduced(made)) { /* products that are not the tiles' */
        const recur__input input = {
            .rows = call->B, .x = call->x, .ids = call->ids, .scratch = to.reduced
        };
        recur__begin_rows(layer, c.pack, &input, to.init);
        step->init = to.init;
        step->ld_init = step->ld_gate_blocks;
        step->in = 0;
    }
    if (layer->spec.modified) recur__fill_zoneout_stream(layer, call->B, to.zoneout_share);
    if (!made && layer->spec.cell->derive) {
        layer->spec.cell->derive(&layer->spec.cell_options, step->H, pack.p.extra, to.derived);
        step->extra = to.derived;
    }
    float *h = step->y;
    recur__cell_step_forward(&c);
    give_h(call, h);
}

/* Where everything is prepared. */
static void run_plain(recur__step_call *call)
{
    recur__step *step = &call->step;
    if (call->ids) {
        run_layer(call);
        return;
    }
    step->x = call->x;
    step->units_reversed = call->units_reversed;
    call->layer->spec.cell->forward[0](step);
    if (step->y != call->y) give_h(call, step->y);
}

static recur__step_call plan_layer(const recur__step_call *at, int64_t l)
{
    const recur_layer *layer = at->layer;
    const recur__cell *cell = layer->spec.cell;
    const recur__pack *made = layer->pack ? (const recur__pack *)layer->pack + l : NULL;
    const int64_t L = layer->spec.num_layers, H = layer->spec.hidden_size;
    const int64_t P = recur__output_width(layer);
    const recur__pack unpacked = { .p = recur__weights_of(layer, layer->params, l, 0) };
    const bool plain = made && recur__is_plain(layer) && !recur__is_reduced(layer);
    recur__step_call call = *at;
    scratch to;
    lay_out(layer, at->B, at->scratch, &to);
    call.run = plain ? run_plain : run_layer;
    call.index = (int32_t)l;
    call.at_once = !plain || (at->B < RECUR__FEW_ROWS && unpacked.p.in > RECUR__FEW_INPUTS);
    call.state = RECUR__BEHIND(at->state, l * at->B * P);
    if (l < L - 1 || !recur__outputs_cell(layer)) call.y = call.state;
    if (l > 0) {
        call.x = RECUR__BEHIND(call.state, -at->B * P);
        call.ids = NULL;
    }
    call.step = recur__step_of_line(layer, made ? made : &unpacked);
    recur__step *step = &call.step;
    if (made) {
        step->W = made->panels.W[0];
        step->U = made->panels.U[0];
    }
    step->rows = at->B;
    step->h = step->s = call.state;
    if (cell->states > 1)
        step->c = step->c_after = RECUR__BEHIND(at->state, L * at->B * P + l * at->B * H);
    step->gate_blocks = to.gate_blocks;
    step->u = to.u;
    for (int s = 0; s < RECUR__STATES; s++) step->zoneout_share[s] = to.zoneout_share[s];
    step->y = plain && writes_over_h(layer, at->B) ? call.state : to.y;
    return call;
}

static int64_t plan_stream(const recur__step_call *at, recur__step_call *to)
{
    const int64_t L = at->layer->spec.num_layers;
    for (int64_t l = 0; to && l < L; l++) to[l] = plan_layer(at, l);
    return L;
}

/* As one call: for a chain that is itself one. */
static void stream_step(recur__step_call *whole)
{
    const int64_t L = whole->layer->spec.num_layers;
    for (int64_t l = 0; l < L; l++) {
        recur__step_call call = plan_layer(whole, l);
        if (l == L - 1) call.y = whole->y;
        call.run(&call);
    }
}

/* ---- recorded steps ------------------------------------------------------------------------- */

/* Where h may be written over h, the next step waits for nothing else. */
static void run_recorded(recur__step_call *call)
{
    const recur__step_places *at = &call->place;
    recur__step *step = &call->step;
    const int64_t BH = call->B * step->H;
    float *record = call->record, *h = call->state, *c = at->c < 0 ? NULL : h + BH;
    float *kept_h = record + at->initial[0], *kept_y = record + at->y;
    const bool over = call->over_h;
    float *y = over ? h : kept_y;
    recur__copy(kept_h, h, BH);
    if (c) {
        recur__copy(record + at->initial[1], c, BH);
        step->c = record + at->initial[1];
        step->c_after = record + at->c;
    }
    step->x = call->x;
    step->s = step->h = h;
    step->gate_blocks = record + at->gate_blocks;
    step->y = y;
    call->layer->spec.cell->forward[0](step);
    recur__copy(over ? kept_y : h, y, BH);
    if (c) recur__copy(c, step->c_after, BH);
    if (call->y) recur__copy(call->y, kept_y, BH);
}

static int64_t place_of(const float *place, const void *record)
{
    return place ? place - (const float *)record : -1;
}

static bool plan_recorded(recur__step_call *call, const recur__shape *shape, void *record)
{
    const recur_layer *layer = call->layer;
    recur__pass pass = { .shape = *shape };
    recur__workspace workspace = { .reserve.base = record };
    recur__walk w = recur__walk_begin(layer, &pass);
    if (!recur__has_single_steps(layer)) return false;
    recur__carve_history(&w, shape, &workspace);
    call->place = (recur__step_places){
        .gate_blocks = place_of(w.history.gate_blocks, record),
        .c = place_of(w.history.c, record),
        .y = place_of(w.history.y, record),
        .initial = { place_of(w.history.initial[0], record),
                     place_of(w.history.initial[1], record) },
    };
    call->run = run_recorded;
    call->over_h = call->B == 1 && writes_over_h(layer, 1);
    call->step = recur__step_of_line(layer, call->pack);
    const recur__pack *pack = call->pack;
    call->step.W = pack->panels.W[0];
    call->step.U = pack->panels.U[0];
    call->step.rows = call->B;
    call->backward = (recur__step_backward){
        .rows = call->B,
        .single_row = call->B == 1,
        .H = w.H,
        .fetches = recur__outgrows_cache(layer, w.H),
        .units = w.H,
        .ldh = w.H,
        .lddy = w.H,
    };
    return true;
}

static void recorded_backward(recur__step_call *call)
{
    const recur_layer *layer = call->layer;
    const recur__cell *cell = layer->spec.cell;
    const recur__pack *pack = call->pack;
    const recur__step_places *at = &call->place;
    recur__step_backward *back = &call->backward;
    const int64_t B = call->B, H = back->H, in = pack->p.in, S = cell->gate_blocks * H;
    float *record = call->record, *dA = record + at->gate_blocks;
    back->gate_blocks = dA;
    back->h = record + at->initial[0];
    if (at->c >= 0) {
        back->c = record + at->initial[1];
        back->c_after = record + at->c;
        back->dc = call->state + B * H;
    }
    back->dy = call->dy;
    back->dh = call->state;
    cell->backward[0](back);
    recur__multiply_U(layer, pack, B, dA, back->dh);
    call->row[0] = dA;
    call->row[1] = call->x;
    call->row[2] = back->h;
    if (!call->dx) return;
    const recur__matrix dA_rows = { dA, S }, W = { pack->p.W, in };
    memset(call->dx, 0, (size_t)(B * in) * sizeof *call->dx);
    recur__gemm_nn(layer->root->ctx, layer->root->kernels,
                   (recur__sizes){ B, in, cell->x_gates * H }, dA_rows, W,
                   (recur__sums){ call->dx, in });
}

const recur__step_ops recur__recurrent_step = {
    .scratch = stream_scratch,
    .forward = stream_step,
    .plan = plan_stream,
    .plan_recorded = RECUR__IF(TRAIN, plan_recorded),
    .backward = RECUR__IF(TRAIN, recorded_backward),
};
