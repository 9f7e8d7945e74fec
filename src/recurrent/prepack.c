/* prepack.c - the one repacked form of a recurrent layer's weights: panels for the tiles, biases
 * added up, and rows of U on cache lines of their own. Passes, tapes and snapshots fill it here. */
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
            float *block = bias + recur__h_block(f, i) * H;
            for (int64_t j = 0; j < H; j++) block[j] += p->b_hh[(f->h_first + i) * H + j];
        }
}

/* ---- one line ------------------------------------------------------------------------------- */

static float *floats(recur__carver *carver, int64_t count)
{
    return recur__carve(carver, count, sizeof(float));
}

recur__pack recur__carve_pack(const recur_layer *layer, int64_t in, unsigned parts,
                              recur__carver *carver)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    const bool modules = recur__has_modules(layer), visible = parts & RECUR__PACK_VISIBLE;
    const bool multiplies = parts & RECUR__PACK_PANELS, reduced = recur__is_reduced(layer);
    recur__pack pack = { .has_panels = multiplies && !reduced, .ld_U_rows = recur__padded(H) };
    if (parts & RECUR__PACK_FORWARD) pack.bias = floats(carver, cell->gate_blocks * H);
    pack.derived = floats(carver, recur__times(cell->derived, H));
    pack.visible_U = floats(carver, modules && visible ? recur__times(H, H) : 0);
    for (int i = 0; i < cell->phases; i++) {
        const recur__phase *f = &cell->phase[i];
        if (pack.has_panels) {
            pack.panels.W[i] = floats(carver, recur__panel_size(cell, H, in, f->x_gates));
            pack.panels.U[i] = floats(carver, recur__panel_size(cell, H, P, f->h_gates));
        }
        const bool back = i > 0 || parts & RECUR__PACK_BACK_FIRST;
        if (parts & RECUR__PACK_BACKWARD && back)
            pack.panels.Ut[i] = floats(carver, recur__panel_size(cell, H, H, f->h_gates));
    }
    if (multiplies && reduced) recur__carve_reduced_pack(layer, in, carver, &pack);
    if (parts & RECUR__PACK_U_ROWS)
        pack.U_rows = floats(carver, recur__times(cell->phase[0].h_gates * H, pack.ld_U_rows));
    return pack;
}

static void fill_panels(const recur_layer *layer, bool x, recur__pack *pack)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__weights *p = &pack->p;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    for (int i = 0; i < cell->phases; i++) {
        const recur__phase *f = &cell->phase[i];
        const recur__matrix W = { p->W + f->x_first * H * p->in, p->in };
        const recur__matrix U = { RECUR__BEHIND(p->U, f->h_first * H * P), P };
        if (x && f->x_gates) recur__panel_pack(cell, f, H, f->x_gates, W, pack->panels.W[i]);
        if (f->h_gates) recur__panel_pack(cell, f, H, f->h_gates, U, pack->panels.U[i]);
    }
}

static void fill_panels_back(const recur_layer *layer, recur__pack *pack)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    for (int i = 0; i < cell->phases; i++) {
        const recur__phase *f = &cell->phase[i];
        const float *U = RECUR__BEHIND(pack->p.U, f->h_first * H * H);
        if (pack->panels.Ut[i])
            recur__panel_pack_backward(cell, H, f->h_gates, U, pack->panels.Ut[i]);
    }
}

static void fill_U_rows(const recur_layer *layer, recur__pack *pack)
{
    const int64_t H = layer->spec.hidden_size, rows = layer->spec.cell->phase[0].h_gates * H;
    for (int64_t k = 0; k < rows; k++)
        memcpy(pack->U_rows + k * pack->ld_U_rows, pack->p.U + k * H, (size_t)H * sizeof(float));
}

void recur__fill_pack(const recur_layer *layer, bool x, recur__pack *pack)
{
    const recur__cell *cell = layer->spec.cell;
    if (cell->derive)
        cell->derive(&layer->spec.cell_options, layer->spec.hidden_size, pack->p.extra,
                     pack->derived);
    if (pack->visible_U) {
        recur__fill_visible_U(layer, pack->p.U, pack->visible_U);
        pack->p.U = pack->visible_U;
    }
    if (pack->bias) recur__add_biases(layer, &pack->p, pack->bias);
    if (pack->has_panels) fill_panels(layer, x, pack);
    if (recur__pack_is_reduced(pack)) recur__fill_reduced_pack(layer, pack);
    fill_panels_back(layer, pack);
    if (pack->U_rows) fill_U_rows(layer, pack);
}

/* ---- all lines, for a snapshot or a tape ---------------------------------------------------- */

static void *carve_all(const recur_layer *layer, recur__carver *carver)
{
    const int64_t D = recur__direction_count(layer), lines = layer->spec.num_layers * D;
    const bool trains = !recur__layer_is_snapshot(layer);
    if (trains && recur__has_modules(layer))
        return NULL; /* what is visible would be as large as U */
    unsigned parts = RECUR__PACK_FORWARD | RECUR__PACK_PANELS;
    if (trains && recur__is_plain(layer)) parts |= RECUR__PACK_U_ROWS;
    recur__pack *pack = recur__carve(carver, lines, sizeof *pack);
    for (int64_t line = 0; line < lines; line++) {
        const int64_t in = line < D ? layer->input_size : D * recur__output_width(layer);
        const recur__pack made = recur__carve_pack(layer, in, parts, carver);
        if (pack) pack[line] = made;
    }
    return pack;
}

static void fill_all(const recur_layer *layer, void *pack)
{
    const int64_t D = recur__direction_count(layer), lines = layer->spec.num_layers * D;
    recur__pack *to = pack;
    for (int64_t line = 0; to && line < lines; line++) {
        to[line].p = recur__weights_of(layer, layer->params, line / D, line % D);
        /* The parameters of a snapshot are its own: they are made what its modules see. */
        if (recur__has_modules(layer)) recur__fill_visible_U(layer, to[line].p.U, to[line].p.U);
        recur__fill_pack(layer, true, &to[line]);
    }
}

static bool is_reduced(const char *tensor)
{
    static const char *const matrix[] = { "weight_ih", "weight_hh", "weight_hr" };
    for (int i = 0; i < 3; i++)
        if (strncmp(tensor, matrix[i], strlen(matrix[i])) == 0) return true;
    return false;
}

const recur__pack_ops recur__recurrent_pack = {
    .carve = carve_all,
    .fill = fill_all,
    .reduces = is_reduced,
};
