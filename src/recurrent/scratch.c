/* scratch.c - the memory of a pass through a recurrent layer: one carve for the history in a
 * record, one for forward's scratch, one for backward's. */
#include "recurrent/recurrent.h"

static int64_t times3(int64_t a, int64_t b, int64_t c)
{
    return recur__times(recur__times(a, b), c);
}

void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__workspace *workspace)
{
    recur__history *h = &w->history;
    const int64_t LD = w->L * w->D, NH = recur__times(w->N, w->H), NP = recur__times(w->N, w->P);
    const bool outputs_cell = recur__outputs_cell(w->layer);
    if (!shape->record) {
        const int64_t layers = recur__min(outputs_cell ? w->L : w->L - 1, 2);
        h->y = recur__scratch(workspace, times3(layers, w->D, NP), sizeof(float));
        h->c = recur__scratch(workspace, outputs_cell ? recur__times(LD, NH) : 0, sizeof(float));
        return;
    }
    const int64_t layers = w->L - (shape->y_stays && !outputs_cell);
    h->gate_blocks = recur__carve(&workspace->reserve, times3(LD, w->N, w->S), sizeof(float));
    h->c = recur__carve(&workspace->reserve, w->cell->states > 1 ? recur__times(LD, NH) : 0,
                        sizeof(float));
    h->u = recur__carve(&workspace->reserve,
                        w->cell->phases > 1 || recur__projects(w->layer) ? recur__times(LD, NH) : 0,
                        sizeof(float));
    h->y = recur__carve(&workspace->reserve, times3(layers, w->D, NP), sizeof(float));
    for (int i = 0; i < w->cell->states; i++)
        h->initial[i] = recur__carve(&workspace->reserve, times3(LD, w->B, w->width[i]),
                                     sizeof(float));
}

static bool drops_out(const recur__walk *w, const recur__shape *shape)
{
    return shape->dropout && w->layer->spec.dropout > 0 && w->L > 1;
}

static float *floats(recur__workspace *workspace, int64_t count)
{
    return recur__scratch(workspace, count, sizeof(float));
}

/* The widest input of any layer of the stack. */
static int64_t widest_input(const recur__walk *w)
{
    return recur__max(w->layer->input_size, w->L > 1 ? w->D * w->P : 0);
}

/* A pack in scratch, for the widest line. */
static recur__pack carve_pack(const recur__walk *w, unsigned parts, recur__workspace *workspace)
{
    const recur__pack pack = recur__carve_pack(w->layer, widest_input(w), parts,
                                               &workspace->scratch);
    recur__note_peak(workspace);
    return pack;
}

/* Rows of init: what each id adds, or as many rows as are multiplied at once; with fewer bits those
 * of a step at least. */
static int64_t init_rows(const recur__walk *w, const recur__shape *shape)
{
    const int64_t steps = widest_input(w) > RECUR__FEW_INPUTS ? w->packed->longest : 0;
    const int64_t few = recur__times(RECUR__FEW_ROWS, recur__max(2, steps));
    if (recur__is_reduced(w->layer)) return recur__max(w->B, recur__min(w->N, few));
    return recur__min(w->N, shape->ids ? recur__max(few, w->layer->input_size) : few);
}

void recur__carve_forward(const recur__walk *w, const recur__shape *shape,
                          recur__workspace *workspace, recur__forward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const int64_t BP = recur__times(w->B, w->P);
    const bool two = cell->phases > 1, projects = recur__projects(w->layer);
    const bool own_blocks = !shape->record && (two || cell->needs_gate_blocks);
    const bool own_u = !shape->record && (two || projects);
    const bool reduced = recur__is_reduced(w->layer);
    const int64_t reduced_rows = recur__max(w->B, recur__min(w->N, RECUR__REDUCED_ROWS));
    unsigned parts = RECUR__PACK_FORWARD | RECUR__PACK_VISIBLE;
    if (recur__wants_panels(w) && !reduced) parts |= RECUR__PACK_PANELS;
    for (int i = 0; i < cell->states; i++)
        out->state[i] = floats(workspace, recur__times(w->B, w->width[i]));
    out->final_h = floats(workspace, BP);
    out->y = floats(workspace, recur__times(2, BP));
    out->x = floats(workspace, drops_out(w, shape) ? times3(w->N, w->D, w->P) : 0);
    out->init = floats(workspace, recur__times(init_rows(w, shape), w->S));
    out->gate_blocks = floats(workspace, own_blocks ? recur__times(w->B, w->S) : 0);
    out->u = floats(workspace, own_u ? recur__times(w->B, w->H) : 0);
    out->reduced = floats(
        workspace, reduced ? recur__times(reduced_rows, recur__reduced_floats(w->layer)) : 0);
    recur__carve_masks(w, shape, workspace, &out->masks);
    out->pack = carve_pack(w, parts, workspace);
}

static void carve_modules(const recur__walk *w, recur__workspace *workspace,
                          recur__backward_scratch *out)
{
    if (!recur__has_modules(w->layer)) return;
    const int64_t in = widest_input(w), size = w->H / w->layer->spec.cell_options.modules;
    const int64_t width[] = { size, in, w->H, in };
    for (int i = 0; i < 4; i++) out->module[i] = floats(workspace, recur__times(w->N, width[i]));
}

void recur__carve_backward(const recur__walk *w, const recur__shape *shape,
                           recur__workspace *workspace, recur__backward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const recur_layer *layer = w->layer;
    const int64_t NDP = times3(w->N, w->D, w->P), NP = recur__times(w->N, w->P);
    const int64_t BH = recur__times(w->B, w->H), BP = recur__times(w->B, w->P);
    const bool projects = recur__projects(layer), traced = shape->trace;
    const bool apart = projects || layer->spec.options.recurrent_dropout > 0;
    const bool table = recur__wants_table(layer, shape);
    for (int i = 0; i < cell->states; i++)
        out->dstate[i] = floats(workspace, recur__times(w->B, w->width[i]));
    out->sums = floats(workspace, w->S);
    out->before = floats(workspace, NP);
    out->x = floats(workspace, drops_out(w, shape) ? NDP : 0);
    for (int i = 0; i < 2; i++) out->dy[i] = floats(workspace, w->L > 1 ? NDP : 0);
    out->table = floats(workspace, table ? recur__times(layer->input_size, w->G) : 0);
    out->dm = floats(workspace, projects ? BH : 0);
    out->dh = floats(workspace, projects ? BH : 0);
    recur__carve_masks(w, shape, workspace, &out->masks);
    out->through = floats(workspace, apart ? BP : 0);
    out->dh_total = floats(workspace, traced ? NP : 0);
    out->norm = recur__scratch(workspace, traced ? w->packed->longest : 0, sizeof(double));
    const int64_t row = recur__times(cell->gate_blocks + 2, w->H);
    out->row = floats(workspace, cell->needs_gate_blocks ? row : 0);
    out->d_derived = floats(workspace,
                            cell->derive_backward ? recur__times(cell->derived, w->H) : 0);
    carve_modules(w, workspace, out);
    unsigned parts = RECUR__PACK_VISIBLE;
    if (!projects) parts |= RECUR__PACK_BACKWARD;
    if (recur__first_phase_back(w) == 0) parts |= RECUR__PACK_BACK_FIRST;
    out->pack = carve_pack(w, parts, workspace);
}

void recur__recurrent_measure(const recur_layer *layer, const recur__shape *shape,
                              recur__workspace *workspace)
{
    recur__pass pass = { .shape = *shape };
    recur__walk w = recur__walk_begin(layer, &pass);
    recur__forward_scratch forward;
    recur__backward_scratch backward;
    const size_t mark = workspace->scratch.used;
    recur__carve_history(&w, shape, workspace);
    recur__carve_forward(&w, shape, workspace, &forward);
    workspace->scratch.used = mark;
    if (RECUR_TRAIN && shape->record) recur__carve_backward(&w, shape, workspace, &backward);
    workspace->scratch.used = mark;
}
