/* recurrent.c - cells over time, in L layers and D directions: making one, its parameters, the memory of its passes. */
#include <stdio.h>

#include "layers/recurrent.h"

static bool recurrent_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t);
static void recurrent_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room);
static double recurrent_bound(const recur_layer *layer) { return 1 / __builtin_sqrt((double)layer->spec.hidden_size); }

static const recur__layer_ops recurrent_ops = {
    .kind = RECUR_KIND_RECURRENT,
    .tensor = recurrent_tensor,
    .measure = recurrent_measure,
    .forward = recur__recurrent_forward,
    .backward = recur__recurrent_backward,
    .step_floats = recur__recurrent_step_floats,
    .step = recur__recurrent_step,
    .carve_snapshot = recur__recurrent_carve_snapshot,
    .fill_snapshot = recur__recurrent_fill_snapshot,
    .bound = recurrent_bound,
};

/* ---- making ------------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 1024 };

static int64_t directions(const recur_layer *layer) { return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1; }

static recur_status check(const recur_recurrent_options *o, const recur__cell *cell)
{
    if (!cell) return recur__fail(RECUR_E_ARGUMENT, "recur_recurrent_options: cell %d is unknown", (int)o->cell);
    RECUR__TRY(recur__layer_check_size("input_size", o->input_size));
    RECUR__TRY(recur__layer_check_size("hidden_size", o->hidden_size));
    if (o->num_layers < 1 || o->num_layers > MOST_LAYERS)
        return recur__fail(RECUR_E_ARGUMENT, "num_layers is %lld: it must lie between 1 and %d", (long long)o->num_layers, MOST_LAYERS);
    const int64_t widest = recur__max(cell->slots, 2); /* of a row of slots, and of both directions */
    if (o->hidden_size > RECUR__LARGEST / widest)
        return recur__fail(RECUR_E_ARGUMENT, "hidden_size %lld times %lld is above %d", (long long)o->hidden_size, (long long)widest,
                           RECUR__LARGEST);
    if (o->direction < RECUR_DIRECTION_FORWARD || o->direction > RECUR_DIRECTION_BIDIRECTIONAL)
        return recur__fail(RECUR_E_ARGUMENT, "recur_recurrent_options: direction %d is unknown", (int)o->direction);
    if (o->flags & ~(uint32_t)(RECUR_LAYER_NO_BIAS | RECUR_LAYER_CELL_NAMES))
        return recur__fail(RECUR_E_ARGUMENT, "recur_recurrent_options: flags %#x are unknown", (unsigned)o->flags);
    if (!(o->dropout >= 0 && o->dropout < 1))
        return recur__fail(RECUR_E_ARGUMENT, "dropout is %g: it must lie in [0,1)", o->dropout);
    if (o->projection_size)
        return recur__fail(RECUR_E_UNSUPPORTED, "projection_size is %lld: this version has no projection", (long long)o->projection_size);
    if (o->flags & RECUR_LAYER_CELL_NAMES && (o->num_layers != 1 || o->direction != RECUR_DIRECTION_FORWARD))
        return recur__fail(RECUR_E_UNSUPPORTED, "cell names are for one forward layer, not for %lld in direction %d",
                           (long long)o->num_layers, (int)o->direction);
    return RECUR_OK;
}

recur_status recur_recurrent_create(recur_context *ctx, const recur_recurrent_options *options, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_recurrent_options o;
    RECUR__TRY(recur__take("recur_recurrent_options", options, &o, sizeof o));
    if (o.num_layers == 0) o.num_layers = 1;
    const recur__cell *cell = recur__cell_of(ctx, o.cell, INT64_MAX);
    RECUR__TRY(check(&o, cell));
    recur_layer layer = {
        .ops = &recurrent_ops,
        .type = cell->name,
        .spec = { .variant = o.cell, .direction = o.direction, .flags = o.flags, .hidden_size = o.hidden_size,
                  .num_layers = o.num_layers, .dropout = o.dropout, .cell = cell },
        .abilities = RECUR_ABLE_ROWS | RECUR_ABLE_IDS | RECUR_ABLE_RECORD |
                     (o.direction == RECUR_DIRECTION_FORWARD ? RECUR_ABLE_STEP : 0u),
        .input_size = o.input_size,
        .states = cell->states,
    };
    layer.output_size = directions(&layer) * o.hidden_size;
    layer.state_floats = recur__times(recur__times(cell->states * o.num_layers, directions(&layer)), o.hidden_size);
    return recur__layer_build(ctx, &layer, NULL, false, out);
}

/* ---- parameters --------------------------------------------------------------------------------- */

/* Four (without bias two) tensors per layer and direction, forward before reverse, as PyTorch has them. */
static bool recurrent_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    static const char *const kinds[] = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" };
    const recur__spec *s = &layer->spec;
    const int64_t D = directions(layer), each = s->flags & RECUR_LAYER_NO_BIAS ? 2 : 4, ld = index / each, l = ld / D, kind = index % each;
    if (l >= s->num_layers) return false;
    const int64_t in = l == 0 ? layer->input_size : D * s->hidden_size;
    t->rank = kind < 2 ? 2 : 1;
    t->dim[0] = s->cell->gates * s->hidden_size;
    t->dim[1] = kind == 0 ? in : kind == 1 ? s->hidden_size : 1;
    if (s->flags & RECUR_LAYER_CELL_NAMES) snprintf(name, 64, "%s", kinds[kind]);
    else snprintf(name, 64, "%s_l%lld%s", kinds[kind], (long long)l, ld % D ? "_reverse" : "");
    return true;
}

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d)
{
    const recur__spec *s = &layer->spec;
    const int64_t D = directions(layer), H = s->hidden_size, GH = s->cell->gates * H;
    const int64_t biases = s->flags & RECUR_LAYER_NO_BIAS ? 0 : 2;
    const int64_t first = GH * (layer->input_size + H + biases), other = GH * (D * H + H + biases); /* floats of a block */
    recur__weights w = { .in = l == 0 ? layer->input_size : D * H };
    w.W = params + (l == 0 ? d * first : D * first + ((l - 1) * D + d) * other);
    w.U = w.W + GH * w.in;
    if (biases) {
        w.b_ih = w.U + GH * H;
        w.b_hh = w.b_ih + GH;
    }
    return w;
}

/* ---- memory of a pass --------------------------------------------------------------------------- */

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *p = pass->shape.packed;
    const recur__spec *s = &layer->spec;
    return (recur__walk){ .layer = layer, .pass = pass, .cell = s->cell, .packed = p, .N = p->rows, .B = p->batch,
                          .H = s->hidden_size, .L = s->num_layers, .D = directions(layer),
                          .S = s->cell->slots * s->hidden_size, .G = s->cell->gates * s->hidden_size };
}

static int64_t times3(int64_t a, int64_t b, int64_t c) { return recur__times(recur__times(a, b), c); }

void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__room *room)
{
    recur__history *h = &w->history;
    const int64_t LD = w->L * w->D, NH = recur__times(w->N, w->H);
    if (!shape->record) {
        h->y = recur__scratch(room, times3(recur__min(w->L - 1, 2), w->D, NH), sizeof(float));
        return;
    }
    h->slots = recur__carve(&room->keep, times3(LD, w->N, w->S), sizeof(float));
    h->c = recur__carve(&room->keep, w->cell->states > 1 ? recur__times(LD, NH) : 0, sizeof(float));
    h->u = recur__carve(&room->keep, w->cell->phases > 1 ? recur__times(LD, NH) : 0, sizeof(float));
    h->y = recur__carve(&room->keep, times3(w->L - shape->y_kept, w->D, NH), sizeof(float));
    for (int i = 0; i < w->cell->states; i++) h->start[i] = recur__carve(&room->keep, times3(LD, w->B, w->H), sizeof(float));
}

static bool drops_out(const recur__walk *w, const recur__shape *shape)
{
    return shape->dropout && w->layer->spec.dropout > 0 && w->L > 1;
}

static float *floats(recur__room *room, int64_t count) { return recur__scratch(room, count, sizeof(float)); }

void recur__carve_forward(const recur__walk *w, const recur__shape *shape, recur__room *room, recur__forward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const int64_t BH = recur__times(w->B, w->H), in = recur__max(w->layer->input_size, w->L > 1 ? w->D * w->H : 0);
    const bool own_slots = !shape->record && cell->phases > 1;
    out->bias = floats(room, w->S);
    for (int i = 0; i < cell->states; i++) out->state[i] = floats(room, BH);
    out->final = floats(room, BH);
    out->y = floats(room, recur__times(2, BH));
    out->x = floats(room, drops_out(w, shape) ? times3(w->N, w->D, w->H) : 0);
    const int64_t few = recur__times(RECUR__FEW_ROWS, recur__max(2, w->packed->longest)); /* rows that are multiplied at once */
    const int64_t most = shape->ids ? recur__max(few, w->layer->input_size) : few;
    out->init = floats(room, recur__times(recur__min(w->N, most), w->S));
    out->slots = floats(room, own_slots ? recur__times(w->B, w->S) : 0);
    out->u = floats(room, own_slots ? BH : 0);
    for (int i = 0; i < cell->phases && recur__wants_panels(w); i++) {
        out->panels.W[i] = floats(room, recur__panel_size(cell, w->H, in, cell->phase[i].x_gates));
        out->panels.U[i] = floats(room, recur__panel_size(cell, w->H, w->H, cell->phase[i].h_gates));
    }
}

void recur__carve_backward(const recur__walk *w, const recur__shape *shape, recur__room *room, recur__backward_scratch *out)
{
    const recur__cell *cell = w->cell;
    const int64_t NDH = times3(w->N, w->D, w->H);
    for (int i = 0; i < cell->states; i++) out->dstate[i] = floats(room, recur__times(w->B, w->H));
    out->sums = floats(room, w->S);
    out->before = floats(room, recur__times(w->N, w->H));
    out->x = floats(room, drops_out(w, shape) ? NDH : 0);
    for (int i = 0; i < 2; i++) out->dy[i] = floats(room, w->L > 1 ? NDH : 0);
    out->table = floats(room, recur__wants_table(w->layer, shape) ? recur__times(w->layer->input_size, w->G) : 0);
    for (int i = w->packed->longest > 1 ? 0 : 1; i < cell->phases; i++) /* one step alone has nothing coming back to phase 0 */
        out->panels.Ut[i] = floats(room, recur__panel_size(cell, w->H, w->H, cell->phase[i].h_gates));
}

static void recurrent_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room)
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

/* ---- shares of threads -------------------------------------------------------------------------- */

int64_t recur__shares(const recur__walk *w, int64_t width)
{
    const int64_t threads = recur__context_threads(recur__layer_context(w->layer));
    if (threads < 2 || (double)w->N * (double)w->G * (double)width < RECUR__WORTH_WAKING) return 1;
    return recur__min(threads, w->B);
}

/* The longest sequences come first, so equal numbers of rows are unequal numbers of places: place p has as many rows as there are
   steps with more than p rows. */
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

/* ---- states between the caller's order and places ----------------------------------------------- */

void recur__state_load(const recur_packed *packed, int64_t H, const float *state, float *by_place)
{
    const size_t row = (size_t)H * sizeof(float);
    if (!state) memset(by_place, 0, (size_t)packed->batch * row);
    else if (packed->in_order) memcpy(by_place, state, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++) memcpy(by_place + p * H, state + packed->order[p] * H, row);
}

void recur__state_store(const recur_packed *packed, int64_t H, const float *by_place, float *state)
{
    const size_t row = (size_t)H * sizeof(float);
    if (packed->in_order) memcpy(state, by_place, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++) memcpy(state + packed->order[p] * H, by_place + p * H, row);
}
