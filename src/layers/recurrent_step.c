/* recurrent_step.c - streaming: one step of B sequences, and what a snapshot holds to make it fast: weights in panels, biases added up. */
#include "layers/recurrent.h"

void recur__add_biases(const recur_layer *layer, const recur__weights *p, float *bias)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    memset(bias, 0, (size_t)(cell->slots * H) * sizeof *bias);
    if (!p->b_ih) return;
    for (int64_t g = 0; g < cell->gates * H; g++) bias[g] += p->b_ih[g];
    for (const recur__phase *f = cell->phase; f < cell->phase + cell->phases; f++)
        for (int i = 0; i < f->h_gates; i++) {
            float *slot = bias + recur__h_slot(f, i) * H;
            for (int64_t j = 0; j < H; j++) slot[j] += p->b_hh[(f->h_first + i) * H + j];
        }
}

/* ---- snapshot ----------------------------------------------------------------------------------- */

static int64_t directions(const recur_layer *layer) { return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1; }

void recur__recurrent_carve_snapshot(const recur_layer *layer, recur_layer *node, recur__carver *carver)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, D = directions(layer), LD = layer->spec.num_layers * D;
    recur__prepared *prepared = recur__carve(carver, LD, sizeof *prepared);
    for (int64_t ld = 0; ld < LD; ld++) {
        const int64_t in = ld < D ? layer->input_size : D * H;
        recur__prepared own = { .bias = recur__carve(carver, cell->slots * H, sizeof(float)) };
        for (int i = 0; i < cell->phases; i++) {
            own.panels.W[i] = recur__carve(carver, recur__panel_size(cell, H, in, cell->phase[i].x_gates), sizeof(float));
            own.panels.U[i] = recur__carve(carver, recur__panel_size(cell, H, H, cell->phase[i].h_gates), sizeof(float));
        }
        if (node) prepared[ld] = own;
    }
    if (node) node->prepared = prepared;
}

void recur__recurrent_fill_snapshot(recur_layer *node)
{
    const recur__cell *cell = node->spec.cell;
    const int64_t H = node->spec.hidden_size, D = directions(node);
    for (int64_t ld = 0; ld < node->spec.num_layers * D; ld++) {
        const recur__weights p = recur__weights_of(node, node->params, ld / D, ld % D);
        const recur__prepared *to = (const recur__prepared *)node->prepared + ld;
        recur__add_biases(node, &p, to->bias);
        for (int i = 0; i < cell->phases; i++) {
            const recur__phase *f = &cell->phase[i];
            recur__panel_pack(cell, f, H, p.in, f->x_gates, p.W + f->x_first * H * p.in, to->panels.W[i]);
            recur__panel_pack(cell, f, H, H, f->h_gates, p.U + f->h_first * H * H, to->panels.U[i]);
        }
    }
}

/* ---- one step ----------------------------------------------------------------------------------- */

/* h after the step, twice, for layers to take turns; then rows of init, slots and u, where they are needed. */
int64_t recur__recurrent_step_floats(const recur_layer *layer, int64_t B)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t row = 2 * layer->spec.hidden_size + 2 * cell->slots * layer->spec.hidden_size + layer->spec.hidden_size;
    return recur__times(B, row);
}

/* Rows of init for ids, or for weights that are not in panels: bias + W x. */
static void multiply_input(const recur_layer *layer, const recur__stream *s, const recur__weights *p, const float *bias, const float *x,
                           const int32_t *ids, float *init)
{
    const int64_t S = layer->spec.cell->slots * layer->spec.hidden_size, G = layer->spec.cell->gates * layer->spec.hidden_size;
    if (bias) memcpy(init, bias, (size_t)S * sizeof *init);
    else recur__add_biases(layer, p, init);
    for (int64_t b = 1; b < s->B; b++) memcpy(init + b * S, init, (size_t)S * sizeof *init);
    if (ids)
        for (int64_t b = 0; b < s->B; b++) recur__add_column(p, G, ids[b], init + b * S);
    else recur__gemm_nt(s->ctx, s->kernels, s->B, G, p->in, (recur__matrix){ x, p->in }, (recur__matrix){ p->W, p->in }, init, S);
}

/* init += U s for a phase, where U is not in panels. */
static void multiply_state(const recur__stream *s, const recur__weights *p, const recur__phase *f, int64_t S, const recur__step *step,
                           float *init)
{
    const int64_t H = step->H;
    for (int i = 0; i < f->h_gates; i++)
        recur__gemm_nt(s->ctx, s->kernels, s->B, H, H, (recur__matrix){ step->s, H }, (recur__matrix){ p->U + (f->h_first + i) * H * H, H },
                       init + recur__h_slot(f, i) * H, S);
}

static void step_layer(const recur_layer *layer, const recur__stream *s, int64_t l, const float *x, const int32_t *ids, float *h, float *c,
                       float *y, float *scratch)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, S = cell->slots * H;
    const recur__prepared *prepared = layer->prepared ? (const recur__prepared *)layer->prepared + l : NULL;
    const bool rows = ids || !prepared;
    const recur__weights p = rows ? recur__weights_of(layer, layer->params, l, 0) : (recur__weights){ .in = l == 0 ? layer->input_size : H };
    float *init = scratch;
    if (rows) multiply_input(layer, s, &p, prepared ? prepared->bias : NULL, x, ids, init);
    recur__step step = { .rows = s->B, .H = H, .alone = s->B == 1, .init = rows ? init : prepared->bias, .ld_init = rows ? S : 0, .x = x, .ldx = p.in,
                         .in = rows ? 0 : p.in, .lds = H, .h = h, .c = c, .ldh = H, .y = y, .c_after = c, .ldy = H };
    if (cell->phases > 1) {
        step.slots = scratch + s->B * S;
        step.u = scratch + s->B * 2 * S;
    }
    for (int i = 0; i < cell->phases; i++) {
        step.s = i == 0 ? h : step.u;
        if (prepared) {
            step.W = prepared->panels.W[i];
            step.U = prepared->panels.U[i];
        } else multiply_state(s, &p, &cell->phase[i], S, &step, init);
        cell->forward[i](&step);
    }
}

void recur__recurrent_step(const recur_layer *layer, const recur__stream *s)
{
    const int64_t H = layer->spec.hidden_size, L = layer->spec.num_layers, BH = s->B * H;
    const float *x = s->x;
    for (int64_t l = 0; l < L; l++) {
        float *h = s->state + l * BH, *c = layer->spec.cell->states > 1 ? s->state + (L + l) * BH : NULL, *y = s->scratch + l % 2 * BH;
        step_layer(layer, s, l, x, l == 0 ? s->ids : NULL, h, c, y, s->scratch + 2 * BH);
        memcpy(h, y, (size_t)BH * sizeof *h);
        x = y;
    }
    if (s->y) memcpy(s->y, x, (size_t)BH * sizeof *x);
}
