/* parameters.c - cells over time, in L layers and D directions: parameters, and the memory of
 * passes. */
#include <stdio.h>

#include "recurrent/recurrent.h"

static int64_t directions(const recur_layer *layer)
{
    return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

/* Numbers in a row of h. */
static int64_t width_of_h(const recur_layer *layer)
{
    return layer->spec.options.projection_size ? layer->spec.options.projection_size
                                               : layer->spec.hidden_size;
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* The tensors of one layer and direction, in their order. Those of 0 rows are not there. */
enum {
    W,
    U,
    B_IH,
    B_HH,
    PROJECT,
    EXTRA,
    START = EXTRA + RECUR__EXTRAS,
    TENSORS = START + RECUR__STATES
};
typedef struct parameter {
    const char *name, *suffix;
    int64_t rows, columns; /* columns 0: a vector */
} parameter;

static void parameters_of(const recur_layer *layer, int64_t l, parameter p[TENSORS])
{
    const recur__spec *s = &layer->spec;
    const recur__cell *cell = s->cell;
    const int64_t H = s->hidden_size, P = width_of_h(layer),
                  in = l == 0 ? layer->input_size : directions(layer) * P;
    const bool biases = !(s->flags & RECUR_LAYER_NO_BIAS),
               learns = s->flags & RECUR_LAYER_LEARN_INITIAL_STATE;
    p[W] = (parameter){ "weight_ih", "", cell->x_gates * H, in };
    p[U] = (parameter){ "weight_hh", "", cell->h_gates * H, P };
    p[B_IH] = (parameter){ "bias_ih", "", biases ? cell->x_gates * H : 0, 0 };
    p[B_HH] = (parameter){ "bias_hh", "", biases ? cell->h_gates * H : 0, 0 };
    p[PROJECT] = (parameter){ "weight_hr", "", s->options.projection_size, H };
    for (int i = 0; i < RECUR__EXTRAS; i++) {
        const recur__extra *t = &cell->extra[i];
        p[EXTRA + i] = (parameter){ t->name, "", t->blocks * H, t->columns };
    }
    for (int i = 0; i < RECUR__STATES; i++) {
        const bool learned = learns && i < cell->states && !cell->state[i].begins_with_zeros;
        p[START + i] = (parameter){ cell->state[i].name, "0",
                                    learned ? recur__recurrent_state_width(layer, i) : 0, 0 };
    }
}

static int64_t size_of(const parameter *p) { return p->rows * (p->columns ? p->columns : 1); }

/* As PyTorch has them: forward before reverse. */
bool recur__recurrent_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    const int64_t D = directions(layer);
    parameter p[TENSORS];
    int64_t there = 0;
    parameters_of(layer, 0, p);
    for (int i = 0; i < TENSORS; i++) there += p[i].rows > 0;
    const int64_t ld = index / there, l = ld / D;
    if (l >= layer->spec.num_layers) return false;
    parameters_of(layer, l, p);
    int i = 0;
    for (int64_t skip = index % there; skip > 0 || p[i].rows == 0; i++) skip -= p[i].rows > 0;
    t->rank = p[i].columns ? 2 : 1;
    t->dim[0] = p[i].rows;
    t->dim[1] = p[i].columns ? p[i].columns : 1;
    if (layer->spec.flags & RECUR_LAYER_CELL_NAMES)
        snprintf(name, 64, "%s%s", p[i].name, p[i].suffix);
    else
        snprintf(name, 64, "%s%s_l%lld%s", p[i].name, p[i].suffix, (long long)l,
                 ld % D ? "_reverse" : "");
    return true;
}

/* Of one layer and direction. */
static int64_t floats_of(const recur_layer *layer, int64_t l)
{
    parameter p[TENSORS];
    int64_t floats = 0;
    parameters_of(layer, l, p);
    for (int i = 0; i < TENSORS; i++) floats += size_of(&p[i]);
    return floats;
}

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d)
{
    const int64_t D = directions(layer);
    parameter p[TENSORS];
    float *at = params;
    if (l > 0)
        at += D * floats_of(layer, 0) + ((l - 1) * D + d) * floats_of(layer, l);
    else if (d > 0)
        at += floats_of(layer, 0);
    parameters_of(layer, l, p);
    float *place[TENSORS];
    for (int i = 0; i < TENSORS; at += size_of(&p[i]), i++) place[i] = p[i].rows ? at : NULL;
    return (recur__weights){ .in = p[W].columns,
                             .W = place[W],
                             .U = place[U],
                             .b_ih = place[B_IH],
                             .b_hh = place[B_HH],
                             .project = place[PROJECT],
                             .extra = place[EXTRA],
                             .start = { place[START], place[START + 1] } };
}

static bool starts_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

/* PyTorch's. Extra tensors begin as the table says, initial states with zeros. */
recur__start recur__recurrent_start(const recur_layer *layer, const char *tensor)
{
    const recur__extra *extra = layer->spec.cell->extra;
    const recur__start uniform = { RECUR__START_UNIFORM,
                                   1 / __builtin_sqrt((double)layer->spec.hidden_size) };
    for (int i = 0; i < RECUR__EXTRAS; i++) {
        if (!extra[i].name || !starts_with(tensor, extra[i].name)) continue;
        if (extra[i].initial == RECUR__INITIAL_WEIGHTS) return uniform;
        return (recur__start){ RECUR__START_CONSTANT, extra[i].initial == RECUR__INITIAL_ONES };
    }
    if (starts_with(tensor, "weight_") || starts_with(tensor, "bias_")) return uniform;
    return (recur__start){ RECUR__START_CONSTANT, 0 };
}

/* ---- states --------------------------------------------------------------------------------- */

int64_t recur__recurrent_state_width(const recur_layer *layer, int64_t s)
{
    return layer->spec.cell->state[s].width == RECUR__WIDTH_OUTPUT ? width_of_h(layer)
                                                                   : layer->spec.hidden_size;
}

const float *recur__recurrent_state_start(const recur_layer *layer, int64_t s, int64_t ld)
{
    const int64_t D = directions(layer);
    return recur__weights_of(layer, layer->params, ld / D, ld % D).start[s];
}

/* ---- memory of a pass ----------------------------------------------------------------------- */

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *p = pass->shape.packed;
    const recur__spec *s = &layer->spec;
    const int64_t H = s->hidden_size, P = width_of_h(layer);
    return (recur__walk){
        .layer = layer,
        .pass = pass,
        .cell = s->cell,
        .packed = p,
        .N = p->rows,
        .B = p->batch,
        .H = H,
        .L = s->num_layers,
        .D = directions(layer),
        .P = P,
        .S = s->cell->gate_blocks * H,
        .G = s->cell->x_gates * H,
        .width = { recur__recurrent_state_width(layer, 0), recur__recurrent_state_width(layer, 1) },
        .cell_options = s->modified || pass->shape.trace ? &s->cell_options : NULL
    };
}

static int64_t times3(int64_t a, int64_t b, int64_t c)
{
    return recur__times(recur__times(a, b), c);
}

void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__room *room)
{
    recur__history *h = &w->history;
    const int64_t LD = w->L * w->D, NH = recur__times(w->N, w->H), NP = recur__times(w->N, w->P);
    if (!shape->record) {
        h->y = recur__scratch(room, times3(recur__min(w->L - 1, 2), w->D, NP), sizeof(float));
        return;
    }
    h->gate_blocks = recur__carve(&room->keep, times3(LD, w->N, w->S), sizeof(float));
    h->c = recur__carve(&room->keep, w->cell->states > 1 ? recur__times(LD, NH) : 0, sizeof(float));
    h->u = recur__carve(&room->keep,
                        w->cell->phases > 1 || recur__projects(w) ? recur__times(LD, NH) : 0,
                        sizeof(float));
    h->y = recur__carve(&room->keep, times3(w->L - shape->y_kept, w->D, NP), sizeof(float));
    for (int i = 0; i < w->cell->states; i++)
        h->start[i] = recur__carve(&room->keep, times3(LD, w->B, w->width[i]), sizeof(float));
}

static bool drops_out(const recur__walk *w, const recur__shape *shape)
{
    return shape->dropout && w->layer->spec.dropout > 0 && w->L > 1;
}

static float *floats(recur__room *room, int64_t count)
{
    return recur__scratch(room, count, sizeof(float));
}

static void carve_panels(const recur__walk *w, int64_t in, recur__room *room, recur__panels *panels)
{
    const recur__cell *cell = w->cell;
    for (int i = 0; i < cell->phases && recur__wants_panels(w); i++) {
        panels->W[i] = floats(room, recur__panel_size(cell, w->H, in, cell->phase[i].x_gates));
        panels->U[i] = floats(room, recur__panel_size(cell, w->H, w->P, cell->phase[i].h_gates));
    }
}

void recur__carve_forward(const recur__walk *w, const recur__shape *shape, recur__room *room,
                          recur__forward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const int64_t BP = recur__times(w->B, w->P),
                  in = recur__max(w->layer->input_size, w->L > 1 ? w->D * w->P : 0);
    const bool own_gate_blocks = !shape->record && (cell->phases > 1 || cell->needs_gate_blocks),
               own_u = !shape->record && (cell->phases > 1 || recur__projects(w));
    out->bias = floats(room, w->S);
    for (int i = 0; i < cell->states; i++)
        out->state[i] = floats(room, recur__times(w->B, w->width[i]));
    out->final = floats(room, BP);
    out->y = floats(room, recur__times(2, BP));
    out->x = floats(room, drops_out(w, shape) ? times3(w->N, w->D, w->P) : 0);
    const int64_t steps = in > RECUR__FEW_INPUTS ? w->packed->longest : 0;
    const int64_t few = recur__times(RECUR__FEW_ROWS,
                                     recur__max(2, steps)); /* rows that are multiplied at once */
    const int64_t most = shape->ids ? recur__max(few, w->layer->input_size) : few;
    out->init = floats(room, recur__times(recur__min(w->N, most), w->S));
    out->gate_blocks = floats(room, own_gate_blocks ? recur__times(w->B, w->S) : 0);
    out->u = floats(room, own_u ? recur__times(w->B, w->H) : 0);
    out->U = floats(room, recur__has_modules(w) ? recur__times(w->H, w->H) : 0);
    out->extra = floats(room, recur__times(cell->derived, w->H));
    recur__carve_masks(w, shape, room, &out->masks);
    carve_panels(w, in, room, &out->panels);
}

static void carve_modules(const recur__walk *w, recur__room *room, recur__backward_scratch *out)
{
    if (!recur__has_modules(w)) return;
    const int64_t in = recur__max(w->layer->input_size, w->L > 1 ? w->D * w->P : 0);
    const int64_t width[] = { w->H / w->layer->spec.cell_options.modules, in, w->H, in };
    out->U = floats(room, recur__times(w->H, w->H));
    for (int i = 0; i < 4; i++) out->module[i] = floats(room, recur__times(w->N, width[i]));
}

void recur__carve_backward(const recur__walk *w, const recur__shape *shape, recur__room *room,
                           recur__backward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const int64_t NDP = times3(w->N, w->D, w->P), BH = recur__times(w->B, w->H),
                  BP = recur__times(w->B, w->P);
    const bool projects = recur__projects(w);
    for (int i = 0; i < cell->states; i++)
        out->dstate[i] = floats(room, recur__times(w->B, w->width[i]));
    out->sums = floats(room, w->S);
    out->before = floats(room, recur__times(w->N, w->P));
    out->x = floats(room, drops_out(w, shape) ? NDP : 0);
    for (int i = 0; i < 2; i++) out->dy[i] = floats(room, w->L > 1 ? NDP : 0);
    out->table = floats(
        room, recur__wants_table(w->layer, shape) ? recur__times(w->layer->input_size, w->G) : 0);
    out->dm = floats(room, projects ? BH : 0);
    out->dh = floats(room, projects ? BH : 0);
    recur__carve_masks(w, shape, room, &out->masks);
    out->through = floats(room, projects || w->layer->spec.options.recurrent_dropout > 0 ? BP : 0);
    out->dh_total = floats(room, shape->trace ? recur__times(w->N, w->P) : 0);
    out->norm = recur__scratch(room, shape->trace ? w->packed->longest : 0, sizeof(double));
    out->room = floats(room,
                       cell->needs_gate_blocks ? recur__times(cell->gate_blocks + 2, w->H) : 0);
    carve_modules(w, room, out);
    out->extra = floats(room, recur__times(cell->derived, w->H));
    out->d_extra = floats(room, cell->derive_backward ? recur__times(cell->derived, w->H) : 0);
    for (int i = w->packed->longest > 1 ? 0 : 1; i < cell->phases && !projects;
         i++) /* one step alone has nothing coming back to phase 0 */
        out->panels.Ut[i] = floats(room,
                                   recur__panel_size(cell, w->H, w->H, cell->phase[i].h_gates));
}

void recur__recurrent_measure(const recur_layer *layer, const recur__shape *shape,
                              recur__room *room)
{
    recur__pass pass = { .shape = *shape };
    recur__walk w = recur__walk_begin(layer, &pass);
    recur__forward_scratch forward;
    recur__backward_scratch backward;
    const size_t mark = room->scratch.used;
    recur__carve_history(&w, shape, room);
    recur__carve_forward(&w, shape, room, &forward);
    room->scratch.used = mark;
    if (shape->record) recur__carve_backward(&w, shape, room, &backward);
    room->scratch.used = mark;
}

/* ---- shares of threads ---------------------------------------------------------------------- */

/* Products of a projection are made for all rows of a step, on one thread. */
int64_t recur__shares(const recur__walk *w, int64_t width)
{
    const int64_t threads = recur__context_threads(recur__layer_context(w->layer));
    if (recur__projects(w) || threads < 2 ||
        (double)w->N * (double)w->G * (double)width < RECUR__WORTH_WAKING)
        return 1;
    return recur__min(threads, w->B);
}

/* The longest sequences come first, so equal numbers of rows are unequal numbers of places: place p
   has as many rows as there are steps with more than p rows. */
static int64_t boundary(const recur_packed *packed, int64_t i, int64_t n)
{
    if (i == 0) return 0;
    if (i == n) return packed->batch;
    const int64_t wanted = packed->rows / n * i;
    int64_t place = 0, rows = 0, length = packed->longest;
    for (; place < packed->batch && rows < wanted; place++) {
        while (length > 0 && packed->sizes[length - 1] <= place) length--;
        rows += length;
    }
    return place;
}

recur__share recur__share_of(const recur_packed *packed, int64_t i, int64_t n)
{
    return (recur__share){ boundary(packed, i, n), boundary(packed, i + 1, n) };
}

/* ---- states between the caller's order and places ------------------------------------------- */

void recur__state_load(const recur_packed *packed, int64_t H, const float *state, float *by_place)
{
    const size_t row = (size_t)H * sizeof(float);
    if (!state)
        memset(by_place, 0, (size_t)packed->batch * row);
    else if (packed->in_order)
        memcpy(by_place, state, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++)
            memcpy(by_place + p * H, state + packed->order[p] * H, row);
}

void recur__state_store(const recur_packed *packed, int64_t H, const float *by_place, float *state)
{
    const size_t row = (size_t)H * sizeof(float);
    if (packed->in_order)
        memcpy(state, by_place, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++)
            memcpy(state + packed->order[p] * H, by_place + p * H, row);
}
