/* step.c - streaming: one step of B sequences, and what a snapshot holds to make it fast: weights
 * in panels, biases added up. */
#include "recurrent/recurrent.h"

void recur__add_biases(const recur_layer *layer, const recur__weights *p, float *bias)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    memset(bias, 0, (size_t)(cell->gate_blocks * H) * sizeof *bias);
    if (!p->b_ih) return;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates))
        for (int64_t g = 0; g < r.gates * H; g++) bias[r.block * H + g] += p->b_ih[r.gate * H + g];
    for (const recur__phase *f = cell->phase; f < cell->phase + cell->phases; f++)
        for (int i = 0; i < f->h_gates; i++) {
            float *slot = bias + recur__h_block(f, i) * H;
            for (int64_t j = 0; j < H; j++) slot[j] += p->b_hh[(f->h_first + i) * H + j];
        }
}

/* ---- what is prepared ----------------------------------------------------------------------- */

static int64_t directions(const recur_layer *layer)
{
    return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}
static int64_t width_of_h(const recur_layer *layer)
{
    return recur__recurrent_state_width(layer, 0);
}

bool recur__is_plain(const recur_layer *layer)
{
    const recur__cell *cell = layer->spec.cell;
    return cell->phases == 1 && !layer->spec.modified && !cell->extra[0].blocks && !cell->derive &&
           !cell->needs_gate_blocks && !layer->spec.options.projection_size;
}

bool recur__may_be_once(const recur_layer *layer)
{
    return recur__is_plain(layer) && layer->spec.num_layers == 1 &&
           layer->spec.direction != RECUR_DIRECTION_BIDIRECTIONAL && !layer->starts;
}

void *recur__recurrent_carve_prepared(const recur_layer *layer, recur__carver *carver)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, P = width_of_h(layer), D = directions(layer),
                  LD = layer->spec.num_layers * D;
    recur__prepared *prepared = recur__carve(carver, LD, sizeof *prepared);
    for (int64_t ld = 0; ld < LD; ld++) {
        const int64_t in = ld < D ? layer->input_size : D * P;
        recur__prepared extra = { .bias = recur__carve(carver, cell->gate_blocks * H,
                                                       sizeof(float)) };
        extra.derived = recur__carve(carver, cell->derived * H, sizeof(float));
        for (int i = 0; i < cell->phases; i++) {
            extra.panels.W[i] = recur__carve(
                carver, recur__panel_size(cell, H, in, cell->phase[i].x_gates), sizeof(float));
            extra.panels.U[i] = recur__carve(
                carver, recur__panel_size(cell, H, P, cell->phase[i].h_gates), sizeof(float));
        }
        const bool trains = layer->capabilities & RECUR_CAN_RECORD;
        extra.ld_U = recur__padded(H);
        extra.U = recur__carve(carver,
                               trains && recur__is_plain(layer)
                                   ? recur__times(cell->phase[0].h_gates * H, extra.ld_U)
                                   : 0,
                               sizeof(float));
        if (prepared) prepared[ld] = extra;
    }
    return prepared;
}

static void fill(const recur_layer *layer, recur__prepared *to)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__weights p = to->p;
    const int64_t H = layer->spec.hidden_size, P = width_of_h(layer);
    recur__add_biases(layer, &p, to->bias);
    if (layer->spec.cell_options.modules) /* of a snapshot, whose parameters are its own */
        recur__fill_visible_U(layer, p.U, p.U);
    if (cell->derive) cell->derive(&layer->spec.cell_options, H, p.extra, to->derived);
    for (int i = 0; i < cell->phases; i++) {
        const recur__phase *f = &cell->phase[i];
        if (f->x_gates)
            recur__panel_pack(cell, f, H, p.in, f->x_gates, p.W + f->x_first * H * p.in,
                              to->panels.W[i]);
        if (f->h_gates)
            recur__panel_pack(cell, f, H, P, f->h_gates, p.U + f->h_first * H * P, to->panels.U[i]);
    }
    for (int64_t k = 0; to->U && k < cell->phase[0].h_gates * H; k++)
        memcpy(to->U + k * to->ld_U, p.U + k * H, (size_t)H * sizeof *p.U);
    to->one_tile = H <= cell->width * (cell->phase[0].accumulators > 1 ? 1 : cell->wide);
    to->step = (recur__step){ .H = H,
                              .K = H,
                              .init = to->bias,
                              .W = to->panels.W[0],
                              .ldx = p.in,
                              .in = p.in,
                              .U = cell->phase[0].h_gates ? to->panels.U[0] : NULL,
                              .lds = H,
                              .ldh = H,
                              .ld_gate_blocks = cell->gate_blocks * H,
                              .ldy = H };
    to->back = (recur__step_backward){ .H = H, .units = H, .ldh = H, .lddy = H };
}

void recur__recurrent_fill_prepared(const recur_layer *layer, void *prepared)
{
    const int64_t D = directions(layer);
    for (int64_t ld = 0; ld < layer->spec.num_layers * D; ld++) {
        recur__prepared *to = (recur__prepared *)prepared + ld;
        to->p = recur__weights_of(layer, layer->params, ld / D, ld % D);
        fill(layer, to);
    }
}

/* ---- one step ------------------------------------------------------------------------------- */

/* Rows of scratch: h after the step, twice, for layers to take turns, and what one layer takes. */
typedef struct rows {
    float *y[2], *init, *gate_blocks, *u, *zoneout_share[RECUR__STATES], *derived;
} rows;

static int64_t lay_out(const recur_layer *layer, int64_t B, float *scratch, rows *out)
{
    const recur__cell *cell = layer->spec.cell;
    const recur_recurrent_options *o = &layer->spec.options;
    const int64_t H = layer->spec.hidden_size, P = width_of_h(layer), S = cell->gate_blocks * H;
    const bool keeps = cell->phases > 1 || cell->needs_gate_blocks;
    const int64_t sizes[] = { P,
                              P,
                              S,
                              keeps ? S : 0,
                              cell->phases > 1 || o->projection_size ? H : 0,
                              o->zoneout_hidden > 0 ? P : 0,
                              o->zoneout_cell > 0 ? H : 0 };
    float **const place[] = { &out->y[0],
                              &out->y[1],
                              &out->init,
                              &out->gate_blocks,
                              &out->u,
                              &out->zoneout_share[0],
                              &out->zoneout_share[1] };
    int64_t row = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; row += sizes[i], i++)
        *place[i] = scratch && sizes[i] ? scratch + B * row : NULL;
    out->derived = scratch ? scratch + B * row : NULL;
    const int64_t floats = recur__times(B, row);
    return floats < 0 ? floats : floats + cell->derived * H;
}

int64_t recur__recurrent_step_floats(const recur_layer *layer, int64_t B)
{
    rows none;
    return lay_out(layer, B, NULL, &none);
}

/* Rows of init for ids, or for weights that are not in panels: bias + W x. */
static void multiply_input(const recur_layer *layer, recur__stream *s, const recur__weights *p,
                           const float *bias, const float *x, const int32_t *ids, float *init)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, S = cell->gate_blocks * H;
    if (bias)
        memcpy(init, bias, (size_t)S * sizeof *init);
    else
        recur__add_biases(layer, p, init);
    for (int64_t b = 1; b < s->B; b++) memcpy(init + b * S, init, (size_t)S * sizeof *init);
    for (int64_t b = 0; ids && b < s->B; b++) recur__add_column(cell, H, p, ids[b], init + b * S);
    if (ids) return;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates))
        recur__gemm_nt(s->ctx, s->kernels, s->B, r.gates * H, p->in, (recur__matrix){ x, p->in },
                       (recur__matrix){ p->W + r.gate * H * p->in, p->in }, init + r.block * H, S);
}

/* init += U s for a phase, where U is not in panels; of a clockwork RNN module by module. */
static void multiply_state(const recur_layer *layer, recur__stream *s, const recur__weights *p,
                           const recur__phase *f, const recur__step *step, float *init)
{
    const int64_t H = step->H, P = step->K, S = layer->spec.cell->gate_blocks * H,
                  size = layer->spec.cell_options.modules ? H / layer->spec.cell_options.modules
                                                          : H;
    for (int i = 0; i < f->h_gates; i++)
        for (int64_t j = 0; j < H; j += size) {
            const int64_t unseen = layer->spec.cell_options.modules ? j : 0;
            recur__gemm_nt(s->ctx, s->kernels, s->B, size, P - unseen,
                           (recur__matrix){ step->s + unseen, P },
                           (recur__matrix){ p->U + ((f->h_first + i) * H + j) * P + unseen, P },
                           init + recur__h_block(f, i) * H + j, S);
        }
}

/* In a stream zoneout leaves its probability of the old state. */
static void fill_zones(const recur_layer *layer, int64_t B, const rows *to, recur__step *step)
{
    const int64_t width[] = { step->K, step->H };
    const double zoneout[] = { layer->spec.options.zoneout_hidden,
                               layer->spec.options.zoneout_cell };
    for (int i = 0; i < RECUR__STATES; i++) {
        for (int64_t e = 0; to->zoneout_share[i] && e < B * width[i]; e++)
            to->zoneout_share[i][e] = (float)zoneout[i];
        step->zoneout_share[i] = to->zoneout_share[i];
    }
}

static void step_layer(const recur_layer *layer, recur__stream *s, int64_t l, const float *x,
                       const int32_t *ids, float *h, float *c, const rows *to)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, P = width_of_h(layer), S = cell->gate_blocks * H;
    const recur__prepared *prepared = layer->prepared ? (const recur__prepared *)layer->prepared + l
                                                      : NULL;
    const bool modified = layer->spec.modified, by_row = ids || !prepared;
    const recur__weights p = by_row || cell->extra[0].blocks || P < H
                                 ? recur__weights_of(layer, layer->params, l, 0)
                                 : (recur__weights){ .in = l == 0 ? layer->input_size : P };
    float *y = to->y[l % 2];
    if (by_row) multiply_input(layer, s, &p, prepared ? prepared->bias : NULL, x, ids, to->init);
    recur__step step = { .rows = s->B,
                         .H = H,
                         .K = P,
                         .single_row = s->B == 1,
                         .units_reversed = s->units_reversed,
                         .cell_options = modified ? &layer->spec.cell_options : NULL,
                         .extra = p.extra,
                         .init = by_row ? to->init : prepared->bias,
                         .ld_init = by_row ? S : 0,
                         .x = x,
                         .ldx = p.in,
                         .in = by_row ? 0 : p.in,
                         .lds = P,
                         .h = h,
                         .c = c,
                         .ldh = P,
                         .gate_blocks = to->gate_blocks,
                         .ld_gate_blocks = S,
                         .u = to->u,
                         .y = y,
                         .c_after = c,
                         .ldy = P };
    if (modified) fill_zones(layer, s->B, to, &step);
    if (cell->derive) {
        step.extra = prepared ? prepared->derived : to->derived;
        if (!prepared) cell->derive(&layer->spec.cell_options, H, p.extra, to->derived);
    }
    if (P < H)
        step.h = step.y = to->u, step.ldh = step.ldy = H,
        step.zoneout_share[0] = NULL; /* the equations do not look at h */
    for (int i = 0; i < cell->phases; i++) {
        step.s = i == 0 ? h : step.u;
        if (prepared) {
            step.W = prepared->panels.W[i];
            step.U = cell->phase[i].h_gates ? prepared->panels.U[i] : NULL;
        } else
            multiply_state(layer, s, &p, &cell->phase[i], &step, to->init);
        cell->forward[i](&step);
    }
    if (P == H) return;
    memset(y, 0, (size_t)(s->B * P) * sizeof *y);
    recur__gemm_nt(s->ctx, s->kernels, s->B, P, H, (recur__matrix){ to->u, H },
                   (recur__matrix){ p.project, H }, y, P);
    for (int64_t e = 0; to->zoneout_share[0] && e < s->B * P; e++)
        y[e] = to->zoneout_share[0][e] * h[e] + (1 - to->zoneout_share[0][e]) * y[e];
}

/* ---- the same where everything is prepared -------------------------------------------------- */

/* Where h after the step was not written over h before it, or the caller wants it too. */
static void copy_h(const recur__stage *stage)
{
    const recur__step *step = &stage->step;
    float *h = stage->stream.state, *y = stage->stream.y;
    const size_t bytes = (size_t)(step->rows * step->H) * sizeof *h;
    if (step->y != h) memcpy(h, step->y, bytes);
    if (y && y != h) memcpy(y, h, bytes);
}

/* The first layer may be given ids, which it looks up. */
static void run_ids(recur__stage *stage, bool units_reversed)
{
    rows to;
    stage->stream.units_reversed = units_reversed;
    lay_out(stage->layer, stage->stream.B, stage->stream.scratch, &to);
    step_layer(stage->layer, &stage->stream, 0, NULL, stage->stream.ids, stage->stream.state,
               stage->step.c_after, &to);
    if (stage->step.y != to.y[0])
        memcpy(stage->step.y, to.y[0], (size_t)(stage->step.rows * stage->step.H) * sizeof(float));
    copy_h(stage);
}

static void run_plain(recur__stage *stage, bool units_reversed)
{
    recur__step *step = &stage->step;
    if (stage->stream.ids) {
        run_ids(stage, units_reversed);
        return;
    }
    step->x = stage->stream.x, step->units_reversed = units_reversed;
    stage->layer->spec.cell->forward[0](step);
    if (step->y != stage->stream.y) copy_h(stage);
}

/* h becomes that after the step. Where a tile has all units, it writes h over h. */
int64_t recur__recurrent_lay_stages(const recur_layer *layer, const recur__stream *at,
                                    recur__stage *to)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__prepared *prepared = layer->prepared;
    const int64_t L = layer->spec.num_layers, BH = at->B * layer->spec.hidden_size;
    if (!recur__is_plain(layer)) return 0;
    if (!to) return L;
    for (int64_t l = 0; prepared && l < L; l++, to++) {
        float *h = at->state + l * BH, *c = cell->states > 1 ? h + L * BH : NULL;
        *to = (recur__stage){
            .run = run_plain, .layer = layer, .stream = *at, .step = prepared[l].step
        };
        to->stream.x = l ? h - BH : at->x, to->stream.state = to->stream.y = h;
        to->step.rows = at->B, to->step.single_row = at->B == 1, to->step.s = to->step.h = h,
        to->step.c = to->step.c_after = c;
        to->step.y = prepared[l].one_tile ? h : at->scratch;
    }
    return prepared ? L : 0;
}

/* ---- one step of a layer -------------------------------------------------------------------- */

void recur__recurrent_step(const recur_layer *layer, recur__stream *s)
{
    const int64_t H = layer->spec.hidden_size, P = width_of_h(layer), L = layer->spec.num_layers,
                  BP = s->B * P;
    const float *x = s->x;
    rows to;
    lay_out(layer, s->B, s->scratch, &to);
    for (int64_t l = 0; l < L; l++) {
        float *h = s->state + l * BP,
              *c = layer->spec.cell->states > 1 ? s->state + L * BP + l * s->B * H : NULL;
        step_layer(layer, s, l, x, l == 0 ? s->ids : NULL, h, c, &to);
        x = to.y[l % 2];
        memcpy(h, x, (size_t)BP * sizeof *h);
    }
    if (s->y) memcpy(s->y, x, (size_t)BP * sizeof *x);
}
