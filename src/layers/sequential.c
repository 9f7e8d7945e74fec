/* sequential.c - running parts one after the other: each takes the rows of the one before. */
#include "layers/chain.h"

const recur__layer_ops recur__sequential_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .measure = recur__chain_measure,
    .forward = recur__chain_forward,
    .backward = recur__chain_backward,
    .step_floats = recur__chain_step_floats,
    .step = recur__chain_step,
};

/* Walks the parts: the shape of each, and where its output goes. */
typedef struct walk {
    recur__shape shape; /* of the part at hand */
    int64_t floats;     /* of its output */
} walk;

static void enter(walk *w, const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    const recur_layer *part = layer->part[i];
    if (i == 0)
        w->shape = *whole;
    else
        w->shape.ids = false;
    w->shape.y_kept = i + 1 < layer->parts ? whole->record : whole->y_kept;
    const bool per_sequence = w->shape.per_sequence || part->capabilities & RECUR_CAN_REDUCE_TIME;
    w->floats = (per_sequence ? whole->packed->batch : whole->packed->rows) * part->output_size;
}

static void leave(walk *w, const recur_layer *part)
{
    w->shape.per_sequence |= (part->capabilities & RECUR_CAN_REDUCE_TIME) != 0;
}

static uint64_t key_of(uint64_t key, int64_t part) { return recur_random(key, (uint64_t)part); }

/* Output of part i: kept for backward, else scratch; the last one is the caller's. */
static float *carve_output(const recur_layer *layer, int64_t i, const walk *w, recur__room *room)
{
    if (i + 1 == layer->parts) return NULL;
    return w->shape.record ? recur__carve(&room->keep, w->floats, sizeof(float))
                           : recur__scratch(room, w->floats, sizeof(float));
}

void recur__chain_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room)
{
    const size_t mark = room->scratch.used;
    walk w = { 0 };
    int64_t widest = 0;
    recur__scratch(room, layer->parts, 2 * sizeof(size_t)); /* what is known of each part */
    if (shape->record) recur__scratch(room, layer->parts, sizeof *shape);
    for (int64_t i = 0; i < layer->parts; i++) {
        enter(&w, layer, i, shape);
        carve_output(layer, i, &w, room);
        widest = recur__max(widest, w.floats);
        leave(&w, layer->part[i]);
    }
    if (shape->record) { /* backward: gradients between the parts */
        recur__scratch(room, widest, sizeof(float));
        recur__scratch(room, widest, sizeof(float));
    }
    for (int64_t i = 0; i < layer->parts; i++) {
        enter(&w, layer, i, shape);
        const size_t inner = room->scratch.used;
        layer->part[i]->ops->measure(layer->part[i], &w.shape, room);
        room->scratch.used = inner;
        leave(&w, layer->part[i]);
    }
    room->scratch.used = mark;
}

/* The part's share of the pass: its input, its state, its masks. */
static recur__pass pass_of(const recur__pass *whole, const walk *w, int64_t i, const float *x)
{
    recur__pass pass = *whole;
    pass.shape = w->shape;
    pass.prepared = NULL; /* is of the whole */
    pass.key = key_of(whole->key, i);
    pass.x = x;
    pass.ids = i == 0 ? whole->ids : NULL;
    return pass;
}

void recur__chain_forward(const recur_layer *layer, recur__pass *whole)
{
    recur__room *room = whole->room;
    const int64_t last = layer->parts - 1, B = whole->shape.packed->batch;
    const size_t mark = room->scratch.used;
    float **output = recur__scratch(room, layer->parts, 2 * sizeof(size_t));
    walk w = { 0 };
    for (int64_t i = 0; i <= last; i++) {
        enter(&w, layer, i, &whole->shape);
        output[i] = i == last ? whole->y : carve_output(layer, i, &w, room);
        leave(&w, layer->part[i]);
    }
    float *state = whole->state;
    const float *x = whole->x;
    for (int64_t i = 0; i <= last; i++) {
        const recur_layer *part = layer->part[i];
        enter(&w, layer, i, &whole->shape);
        recur__pass pass = pass_of(whole, &w, i, x);
        pass.y = output[i];
        pass.state = state;
        const size_t inner = room->scratch.used;
        part->ops->forward(part, &pass);
        room->scratch.used = inner;
        leave(&w, part);
        if (state) state += part->state_floats * B;
        x = output[i];
    }
    room->scratch.used = mark;
}

/* What backward knows of a part: where its kept memory begins and what it gave. */
typedef struct kept {
    size_t begin;
    float *output;
} kept;
_Static_assert(sizeof(kept) == 2 * sizeof(size_t), "what recur__chain_measure reserves");

void recur__chain_backward(const recur_layer *layer, recur__pass *whole)
{
    recur__room *room = whole->room;
    const int64_t last = layer->parts - 1, B = whole->shape.packed->batch;
    const size_t mark = room->scratch.used;
    kept *part_kept = recur__scratch(room, layer->parts, sizeof *part_kept);
    recur__shape *shape = recur__scratch(room, layer->parts, sizeof *shape);
    walk w = { 0 };
    int64_t widest = 0, states = 0;
    for (int64_t i = 0; i <= last; i++) {
        enter(&w, layer, i, &whole->shape);
        shape[i] = w.shape;
        part_kept[i].output = i == last ? whole->y : carve_output(layer, i, &w, room);
        widest = recur__max(widest, w.floats);
        leave(&w, layer->part[i]);
    }
    for (int64_t i = 0; i <= last; i++) {
        part_kept[i].begin = room->keep.used;
        recur__room measured = { .keep.used = room->keep.used };
        layer->part[i]->ops->measure(layer->part[i], &shape[i], &measured);
        room->keep.used = measured.keep.used;
        states += layer->part[i]->state_floats;
    }
    float *between[2] = { recur__scratch(room, widest, sizeof(float)),
                          recur__scratch(room, widest, sizeof(float)) };
    const float *dy = whole->dy;
    for (int64_t i = last; i >= 0; i--) {
        const recur_layer *part = layer->part[i];
        states -= part->state_floats;
        w.shape = shape[i];
        recur__pass pass = pass_of(whole, &w, i, i ? part_kept[i - 1].output : whole->x);
        pass.y = part_kept[i].output;
        pass.dy = dy;
        pass.dx = i ? between[i % 2] : whole->dx;
        pass.dstate = whole->dstate ? whole->dstate + states * B : NULL;
        pass.dparams = whole->dparams ? whole->dparams + (part->offset - layer->offset) : NULL;
        room->keep.used = part_kept[i].begin;
        const size_t inner = room->scratch.used;
        part->ops->backward(part, &pass);
        room->scratch.used = inner;
        dy = pass.dx;
    }
    room->scratch.used = mark;
}

/* ---- one step of a chain -------------------------------------------------------------------- */

/* What the parts give stands first, one behind the other, then the scratch of the part that runs.
 */
int64_t recur__chain_step_floats(const recur_layer *layer, int64_t B)
{
    int64_t outputs = 0, most = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        const int64_t own = part->ops->step_floats ? part->ops->step_floats(part, B) : 0,
                      y = recur__times(B, part->output_size);
        if (own < 0 || y < 0 || __builtin_add_overflow(outputs, y + 15, &outputs)) return -1;
        most = recur__max(most, own);
    }
    return __builtin_add_overflow(outputs, most, &most) ? -1 : most;
}

void recur__chain_step(const recur_layer *layer, recur__stream *s)
{
    const float *const x = s->x;
    const int32_t *const ids = s->ids;
    float *const state = s->state, *const y = s->y, *const scratch = s->scratch;
    for (int64_t i = 0; i + 1 < layer->parts; i++)
        s->scratch += recur__between(layer->part[i], s->B);
    float *output = scratch;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        s->y = i + 1 < layer->parts ? output : y;
        part->ops->step(part, s);
        output += recur__between(part, s->B);
        s->state += part->state_floats * s->B;
        s->x = s->y, s->ids = NULL;
    }
    s->x = x, s->ids = ids, s->state = state, s->y = y, s->scratch = scratch;
}
