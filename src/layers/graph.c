/* graph.c - running parts one after the other. Each takes what its links say, of the whole's input
 * and of what parts before it gave; in a chain, all of the one before.
 *
 *   forward    x of a part = its links side by side (one link to all of a part: that part's y)
 *   backward   dy of a part = Σ dx of those who took it, from the last part to the first */
#include "layers/graph.h"

/* Rows that a part takes, or gives. */
static bool takes_sequences(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    return whole->per_sequence || layer->wiring[i].reduced;
}

static int64_t rows_in(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    return takes_sequences(layer, i, whole) ? whole->packed->batch : whole->packed->rows;
}

static int64_t rows_out(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    const bool reduces = layer->part[i]->capabilities & RECUR_CAN_REDUCE_TIME;
    return reduces ? whole->packed->batch : rows_in(layer, i, whole);
}

static int64_t floats_in(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    return rows_in(layer, i, whole) * layer->part[i]->input_size;
}

static int64_t floats_out(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    return rows_out(layer, i, whole) * layer->part[i]->output_size;
}

/* A part that takes the whole's input, and nothing else, takes it as it comes: ids, too. */
static bool takes_input(const recur_layer *layer, int64_t i)
{
    return !layer->wiring[i].gathers && layer->wiring[i].link[0].part < 0;
}

/* All that part i gives goes to the next one, and to no other. */
static bool next_takes(const recur_layer *layer, int64_t i)
{
    if (i + 1 == layer->parts) return false;
    const recur__wiring *next = &layer->wiring[i + 1];
    return next->alone && next->link[0].part == i;
}

static recur__shape shape_of(const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    recur__shape shape = *whole;
    shape.ids = whole->ids && takes_input(layer, i);
    shape.y_stays = i + 1 < layer->parts ? whole->record : whole->y_stays;
    shape.per_sequence = takes_sequences(layer, i, whole);
    return shape;
}

static uint64_t key_of(uint64_t key, int64_t part) { return recur_random(key, (uint64_t)part); }

/* ---- memory --------------------------------------------------------------------------------- */

/* What a pass knows of a part. */
typedef struct station {
    size_t begin;  /* where what it keeps begins */
    int64_t state; /* floats of a sequence's state before its own */
    float *y;
    float *dy; /* NULL: there is none yet */
    float *dy_place;
} station;

/* Memory of a pass beside what the parts take. */
typedef struct memory {
    station *part;   /* [parts] */
    float *gathered; /* the input of one part, put together */
    float *dx;       /* and its gradient, before it is handed out */
} memory;

/* Output of part i: kept for backward, else scratch; the last one is the caller's. */
static float *carve_output(const recur_layer *layer, int64_t i, const recur__shape *whole,
                           recur__workspace *workspace)
{
    const int64_t floats = floats_out(layer, i, whole);
    if (i + 1 == layer->parts) return NULL;
    return whole->record ? recur__carve(&workspace->reserve, floats, sizeof(float))
                         : recur__scratch(workspace, floats, sizeof(float));
}

/* Gradients of what parts give. Those that only the next part makes lie in two places by turns. */
static void carve_gradients(const recur_layer *layer, const recur__shape *whole,
                            recur__workspace *workspace, memory *m)
{
    int64_t widest = 0, taken = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        if (next_takes(layer, i)) widest = recur__max(widest, floats_out(layer, i, whole));
        if (!layer->wiring[i].alone) taken = recur__max(taken, floats_in(layer, i, whole));
    }
    float *turn[2] = { recur__scratch(workspace, widest, sizeof(float)),
                       recur__scratch(workspace, widest, sizeof(float)) };
    m->dx = recur__scratch(workspace, taken, sizeof(float));
    for (int64_t i = 0; i + 1 < layer->parts; i++) {
        float *own = next_takes(layer, i)
                         ? turn[i % 2]
                         : recur__scratch(workspace, floats_out(layer, i, whole), sizeof(float));
        if (m->part) m->part[i].dy_place = own;
    }
}

/* While it only measures, m->part stays NULL. */
static void carve(const recur_layer *layer, const recur__shape *whole, recur__workspace *workspace,
                  bool backward, memory *m)
{
    m->part = recur__scratch(workspace, layer->parts, sizeof *m->part);
    int64_t widest = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        float *y = carve_output(layer, i, whole, workspace);
        if (m->part) m->part[i] = (station){ .y = y };
        if (layer->wiring[i].gathers) widest = recur__max(widest, floats_in(layer, i, whole));
    }
    m->gathered = recur__scratch(workspace, widest, sizeof(float));
    if (backward) carve_gradients(layer, whole, workspace, m);
}

void recur__graph_measure(const recur_layer *layer, const recur__shape *whole,
                          recur__workspace *workspace)
{
    const size_t mark = workspace->scratch.used;
    memory m;
    carve(layer, whole, workspace, whole->record, &m);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur__shape shape = shape_of(layer, i, whole);
        const size_t inner = workspace->scratch.used;
        layer->part[i]->ops->pass->measure(layer->part[i], &shape, workspace);
        workspace->scratch.used = inner;
    }
    workspace->scratch.used = mark;
}

/* ---- links ---------------------------------------------------------------------------------- */

/* Rows of some features between a part's input and what they are taken from. */
typedef struct stretch {
    int64_t rows, count;       /* of them; features in each */
    int64_t whole, whole_at;   /* features of a row there, and the first of these */
    int64_t joined, joined_at; /* of a row of the input */
} stretch;

static int64_t width_of(const recur_layer *layer, int64_t part)
{
    return part < 0 ? layer->input_size : layer->part[part]->output_size;
}

static stretch stretch_of(const recur_layer *layer, int64_t i, const recur__link *link, int64_t at,
                          int64_t rows)
{
    return (stretch){ .rows = rows,
                      .count = link->count,
                      .whole = width_of(layer, link->part),
                      .whole_at = link->begin,
                      .joined = layer->part[i]->input_size,
                      .joined_at = at };
}

static void take(const stretch *s, const float *whole, float *joined)
{
    for (int64_t r = 0; r < s->rows; r++)
        recur__copy(joined + r * s->joined + s->joined_at, whole + r * s->whole + s->whole_at,
                    s->count);
}

static void give_back(const stretch *s, const float *joined, float *whole)
{
    for (int64_t r = 0; r < s->rows; r++) {
        const float *from = joined + r * s->joined + s->joined_at;
        float *to = whole + r * s->whole + s->whole_at;
        for (int64_t j = 0; j < s->count; j++) to[j] += from[j];
    }
}

/* The rows that part i takes. */
static const float *input_of(const recur_layer *layer, int64_t i, const recur__pass *whole,
                             const memory *m)
{
    const recur__wiring *wiring = &layer->wiring[i];
    const int64_t rows = rows_in(layer, i, &whole->shape);
    int64_t at = 0;
    for (int64_t n = 0; n < wiring->links; n++) {
        const recur__link *link = &wiring->link[n];
        const float *from = link->part < 0 ? whole->x : m->part[link->part].y;
        if (!wiring->gathers) return from;
        const stretch s = stretch_of(layer, i, link, at, rows);
        take(&s, from, m->gathered);
        at += link->count;
    }
    return m->gathered;
}

/* The part's share of the pass: its input, its masks. */
static recur__pass pass_of(const recur_layer *layer, int64_t i, const recur__pass *whole,
                           const memory *m)
{
    recur__pass pass = *whole;
    pass.shape = shape_of(layer, i, &whole->shape);
    pass.pack = NULL; /* is of the whole */
    pass.key = key_of(whole->key, i);
    pass.x = input_of(layer, i, whole, m);
    pass.ids = takes_input(layer, i) ? whole->ids : NULL;
    pass.y = m->part[i].y;
    return pass;
}

/* ---- forward -------------------------------------------------------------------------------- */

void recur__graph_forward(const recur_layer *layer, recur__pass *whole)
{
    recur__workspace *workspace = whole->workspace;
    const int64_t B = whole->shape.packed->batch;
    const size_t mark = workspace->scratch.used;
    memory m;
    carve(layer, &whole->shape, workspace, false, &m);
    m.part[layer->parts - 1].y = whole->y;
    float *state = whole->state;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        recur__pass pass = pass_of(layer, i, whole, &m);
        pass.state = state;
        const size_t inner = workspace->scratch.used;
        part->ops->pass->forward(part, &pass);
        workspace->scratch.used = inner;
        if (state) state += part->state_floats * B;
    }
    workspace->scratch.used = mark;
}

/* ---- backward ------------------------------------------------------------------------------- */

/* Where the gradient of a link's rows is: of the whole's input, or of a part's output. */
typedef struct target {
    float *place; /* NULL: not wanted */
    float **dy;   /* set once there is something */
    int64_t floats;
} target;

static target target_of(const recur_layer *layer, const recur__link *link, const recur__pass *whole,
                        const memory *m, float **dx)
{
    if (link->part < 0)
        return (target){ whole->dx, dx, rows_in(layer, 0, &whole->shape) * layer->input_size };
    station *part = &m->part[link->part];
    return (target){ part->dy_place, &part->dy, floats_out(layer, link->part, &whole->shape) };
}

/* Where the part writes dx: straight to where it belongs, if nothing is there yet. */
static float *dx_of(const recur_layer *layer, int64_t i, const recur__pass *whole, const memory *m,
                    float **dx)
{
    const target to = target_of(layer, layer->wiring[i].link, whole, m, dx);
    if (layer->wiring[i].gathers) return m->dx;
    if (!to.place) return NULL;
    if (*to.dy) return m->dx;
    return *to.dy = to.place;
}

static void hand_out(const recur_layer *layer, int64_t i, const recur__pass *whole, const memory *m,
                     float **dx)
{
    const recur__wiring *wiring = &layer->wiring[i];
    const int64_t rows = rows_in(layer, i, &whole->shape);
    int64_t at = 0;
    for (int64_t n = 0; n < wiring->links; n++) {
        const recur__link *link = &wiring->link[n];
        const target to = target_of(layer, link, whole, m, dx);
        const stretch s = stretch_of(layer, i, link, at, rows);
        at += link->count;
        if (!to.place) continue;
        if (!*to.dy && to.floats) memset(to.place, 0, (size_t)to.floats * sizeof(float));
        *to.dy = to.place;
        give_back(&s, m->dx, to.place);
    }
}

/* Finds where each part's reserve and state begin. */
static void find_begins(const recur_layer *layer, const recur__pass *whole, const memory *m)
{
    recur__carver *reserve = &whole->workspace->reserve;
    int64_t state = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur__shape shape = shape_of(layer, i, &whole->shape);
        recur__workspace measured = { .reserve.used = reserve->used };
        m->part[i].begin = reserve->used;
        m->part[i].state = state;
        state += layer->part[i]->state_floats;
        layer->part[i]->ops->pass->measure(layer->part[i], &shape, &measured);
        reserve->used = measured.reserve.used;
    }
}

static void backward_part(const recur_layer *layer, int64_t i, recur__pass *whole, const memory *m,
                          float **dx)
{
    const recur_layer *part = layer->part[i];
    recur__workspace *workspace = whole->workspace;
    recur__pass pass = pass_of(layer, i, whole, m);
    pass.dy = i + 1 < layer->parts ? m->part[i].dy : whole->dy;
    pass.dx = dx_of(layer, i, whole, m, dx);
    pass.dparams = whole->dparams ? whole->dparams + (part->offset - layer->offset) : NULL;
    if (pass.ids) pass.dx = NULL;
    workspace->reserve.used = m->part[i].begin;
    const size_t inner = workspace->scratch.used;
    if (whole->dstate) pass.dstate = whole->dstate + m->part[i].state * whole->shape.packed->batch;
    part->ops->pass->backward(part, &pass);
    workspace->scratch.used = inner;
    if (pass.dx && pass.dx == m->dx) hand_out(layer, i, whole, m, dx);
}

void recur__graph_backward(const recur_layer *layer, recur__pass *whole)
{
    recur__workspace *workspace = whole->workspace;
    const size_t mark = workspace->scratch.used;
    float *dx = NULL;
    memory m;
    carve(layer, &whole->shape, workspace, true, &m);
    m.part[layer->parts - 1].y = whole->y;
    find_begins(layer, whole, &m);
    for (int64_t i = layer->parts - 1; i >= 0; i--) backward_part(layer, i, whole, &m, &dx);
    workspace->scratch.used = mark;
}

/* ---- one step ------------------------------------------------------------------------------- */

/* Floats of rows, rounded up so that what follows begins where a vector may. */
static int64_t rounded(int64_t B, int64_t features)
{
    return (recur__times(B, features) + 15) / 16 * 16;
}

/* Floats of the widest input that is put together. */
static int64_t gathered_floats(const recur_layer *layer, int64_t B)
{
    int64_t widest = 0;
    for (int64_t i = 0; i < layer->parts; i++)
        if (layer->wiring[i].gathers) widest = recur__max(widest, layer->part[i]->input_size);
    return rounded(B, widest);
}

/* What the parts give stands first, one behind the other, then the input that is put together, then
 * the scratch of the part that runs. */
int64_t recur__graph_scratch(const recur_layer *layer, int64_t B)
{
    int64_t outputs = gathered_floats(layer, B), most = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        const recur__step_ops *ops = part->ops->step;
        const int64_t inner = ops ? ops->scratch(part, B) : 0;
        const int64_t y = recur__times(B, part->output_size);
        if (inner < 0 || y < 0 || __builtin_add_overflow(outputs, y + 15, &outputs)) return -1;
        most = recur__max(most, inner);
    }
    return __builtin_add_overflow(outputs, most, &most) ? -1 : most;
}

static int64_t all_outputs(const recur_layer *layer, int64_t B)
{
    int64_t floats = 0;
    for (int64_t i = 0; i + 1 < layer->parts; i++)
        floats += rounded(B, layer->part[i]->output_size);
    return floats;
}

/* Where part i's output lies; of -1 the whole's input. */
static const float *taken_from(const recur__step_call *whole, int64_t part)
{
    const float *output = whole->scratch;
    if (part < 0) return whole->x;
    for (int64_t i = 0; i < part; i++)
        output += rounded(whole->B, whole->layer->part[i]->output_size);
    return output;
}

static const float *step_input(const recur__step_call *whole, int64_t i, float *gathered)
{
    const recur__wiring *wiring = &whole->layer->wiring[i];
    int64_t at = 0;
    if (!wiring->gathers) return taken_from(whole, wiring->link[0].part);
    for (int64_t n = 0; n < wiring->links; n++) {
        const recur__link *link = &wiring->link[n];
        const stretch s = stretch_of(whole->layer, i, link, at, whole->B);
        take(&s, taken_from(whole, link->part), gathered);
        at += link->count;
    }
    return gathered;
}

void recur__graph_step(recur__step_call *call)
{
    const recur__step_call whole = *call;
    const recur_layer *layer = whole.layer;
    float *output = whole.scratch, *gathered = whole.scratch + all_outputs(layer, whole.B);
    call->scratch = gathered + gathered_floats(layer, whole.B);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        call->layer = part;
        call->x = step_input(&whole, i, gathered);
        call->ids = takes_input(layer, i) ? whole.ids : NULL;
        call->y = i + 1 < layer->parts ? output : whole.y;
        part->ops->step->forward(call);
        output += rounded(whole.B, part->output_size);
        call->state = RECUR__BEHIND(call->state, part->state_floats * whole.B);
    }
    *call = whole;
}

/* Only the first part takes the input, and each other one all of the part before. */
static bool is_chain(const recur_layer *layer)
{
    for (int64_t i = 0; i < layer->parts; i++)
        if (layer->wiring[i].gathers || layer->wiring[i].link[0].part != i - 1) return false;
    return true;
}

/* The same as calls of the parts. What is no chain is one call, as the input changes from step to
 * step and only the first call gets it. */
static int64_t graph_plan(const recur__step_call *whole, recur__step_call *to)
{
    const recur_layer *layer = whole->layer;
    recur__step_call at = *whole;
    float *output = whole->scratch;
    int64_t calls = 0;
    if (!is_chain(layer)) {
        if (to) *to = at;
        if (to) to->run = recur__graph_step;
        if (to) to->at_once = layer->states > 0;
        return 1;
    }
    if (to) at.scratch += all_outputs(layer, whole->B);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        at.layer = part;
        at.y = i + 1 < layer->parts ? output : whole->y;
        calls += recur__plan_calls(&at, to ? to + calls : NULL);
        if (!to) continue;
        at.x = to[calls - 1].y;
        at.ids = NULL;
        at.state = RECUR__BEHIND(at.state, part->state_floats * whole->B);
        output += rounded(whole->B, part->output_size);
    }
    return calls;
}

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, recur__graph_measure),
    .forward = RECUR__IF(BATCH, recur__graph_forward),
    .backward = RECUR__IF(TRAIN, recur__graph_backward),
};

static const recur__step_ops step_ops = {
    .scratch = recur__graph_scratch,
    .forward = recur__graph_step,
    .plan = graph_plan,
};

const recur__layer_ops recur__graph_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .pass = &pass_ops,
    .step = &step_ops,
};
