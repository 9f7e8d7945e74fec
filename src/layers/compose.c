/* compose.c - layers of named parts: sequential (a chain that runs as one) and group (parts that the caller runs). */
#include "layers/layer.h"

static void sequential_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room);
static void sequential_forward(const recur_layer *layer, recur__pass *pass);
static void sequential_backward(const recur_layer *layer, recur__pass *pass);
static int64_t sequential_step_floats(const recur_layer *layer, int64_t B);
static void sequential_step(const recur_layer *layer, const recur__stream *stream);

static const recur__layer_ops sequential_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .measure = sequential_measure,
    .forward = sequential_forward,
    .backward = sequential_backward,
    .step_floats = sequential_step_floats,
    .step = sequential_step,
};

/* A group is never run: the door sends it away. */
static const recur__layer_ops group_ops = { .kind = RECUR_KIND_COMPOSE };

/* ---- making ------------------------------------------------------------------------------------- */

static recur_status check_names(int64_t count, const char *const *names, recur_layer *const *parts)
{
    for (int64_t i = 0; i < count; i++) {
        if (!names[i] || !parts[i]) return recur__fail(RECUR_E_ARGUMENT, "part %lld or its name is NULL", (long long)i);
        if (!*names[i] || strchr(names[i], '.'))
            return recur__fail(RECUR_E_ARGUMENT, "part %lld is called \"%s\": a name is not empty and has no dot", (long long)i, names[i]);
        for (int64_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return recur__fail(RECUR_E_ARGUMENT, "parts %lld and %lld are both called \"%s\"", (long long)j, (long long)i, names[i]);
        if (recur__layer_is_snapshot(parts[i]))
            return recur__fail(RECUR_E_UNSUPPORTED, "part \"%s\" is a snapshot: it has no parameters to copy", names[i]);
    }
    return RECUR_OK;
}

/* Looks through time: it needs packed rows. */
static bool needs_time(const recur_layer *layer)
{
    return layer->states > 0 || layer->abilities & RECUR_ABLE_PER_SEQUENCE;
}

static recur_status check_chain(int64_t count, const char *const *names, recur_layer *const *parts)
{
    bool per_sequence = false;
    for (int64_t i = 0; i < count; i++) {
        const recur_layer *part = parts[i];
        if (part->ops == &group_ops)
            return recur__fail(RECUR_E_UNSUPPORTED, "part \"%s\" is a group: it cannot be run in a chain", names[i]);
        if (i > 0 && !(part->abilities & RECUR_ABLE_ROWS))
            return recur__fail(RECUR_E_UNSUPPORTED, "part \"%s\" takes ids, so it can only be the first", names[i]);
        if (i > 0 && parts[i - 1]->output_size != part->input_size)
            return recur__fail(RECUR_E_SHAPE, "part \"%s\" gives %lld features, part \"%s\" takes %lld", names[i - 1],
                               (long long)parts[i - 1]->output_size, names[i], (long long)part->input_size);
        if (per_sequence && needs_time(part))
            return recur__fail(RECUR_E_SHAPE, "part \"%s\" looks through time, but stands behind a last step", names[i]);
        per_sequence |= (part->abilities & RECUR_ABLE_PER_SEQUENCE) != 0;
    }
    return RECUR_OK;
}

/* What a chain can do follows from its parts. */
static uint32_t chain_abilities(int64_t count, recur_layer *const *parts)
{
    uint32_t all = RECUR_ABLE_STEP | RECUR_ABLE_RECORD, any = 0;
    for (int64_t i = 0; i < count; i++) {
        all &= parts[i]->abilities;
        any |= parts[i]->abilities;
    }
    return all | (any & RECUR_ABLE_PER_SEQUENCE) | (parts[0]->abilities & (RECUR_ABLE_ROWS | RECUR_ABLE_IDS));
}

recur_status recur_compose_create(recur_context *ctx, int32_t kind, int64_t count, const char *const *names,
                                  recur_layer *const *parts, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(names);
    RECUR__NOT_NULL(parts);
    if ((kind != RECUR_COMPOSE_SEQUENTIAL && kind != RECUR_COMPOSE_GROUP) || count < 1)
        return recur__fail(RECUR_E_ARGUMENT, "composing %lld parts in way %d: there must be parts, and the way be known", (long long)count,
                           (int)kind);
    RECUR__TRY(check_names(count, names, parts));
    recur_layer whole = { .spec = { .variant = kind }, .ops = &group_ops, .type = "group", .abilities = RECUR_ABLE_RECORD, .parts = count,
                          .part = (recur_layer **)(uintptr_t)parts };
    for (int64_t i = 0; i < count; i++) {
        whole.states += parts[i]->states;
        whole.state_floats += parts[i]->state_floats;
        whole.starts += parts[i]->starts;
    }
    if (kind == RECUR_COMPOSE_SEQUENTIAL) {
        RECUR__TRY(check_chain(count, names, parts));
        whole.ops = &sequential_ops;
        whole.type = "sequential";
        whole.abilities = chain_abilities(count, parts);
        whole.input_size = parts[0]->input_size;
        whole.output_size = parts[count - 1]->output_size;
    }
    return recur__layer_build(ctx, &whole, names, false, out);
}

/* ---- running a chain ---------------------------------------------------------------------------- */

/* Walks the parts: the shape of each, and where its output goes. */
typedef struct walk {
    recur__shape shape; /* of the part at hand */
    int64_t floats;     /* of its output */
} walk;

static void enter(walk *w, const recur_layer *layer, int64_t i, const recur__shape *whole)
{
    const recur_layer *part = layer->part[i];
    if (i == 0) w->shape = *whole;
    else w->shape.ids = false;
    w->shape.y_kept = i + 1 < layer->parts ? whole->record : whole->y_kept;
    const bool per_sequence = w->shape.per_sequence || part->abilities & RECUR_ABLE_PER_SEQUENCE;
    w->floats = (per_sequence ? whole->packed->batch : whole->packed->rows) * part->output_size;
}

static void leave(walk *w, const recur_layer *part)
{
    w->shape.per_sequence |= (part->abilities & RECUR_ABLE_PER_SEQUENCE) != 0;
}

static uint64_t key_of(uint64_t key, int64_t part) { return recur_random(key, (uint64_t)part); }

/* Output of part i: kept for backward, else scratch; the last one is the caller's. */
static float *carve_output(const recur_layer *layer, int64_t i, const walk *w, recur__room *room)
{
    if (i + 1 == layer->parts) return NULL;
    return w->shape.record ? recur__carve(&room->keep, w->floats, sizeof(float)) : recur__scratch(room, w->floats, sizeof(float));
}

static void sequential_measure(const recur_layer *layer, const recur__shape *shape, recur__room *room)
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
    pass.key = key_of(whole->key, i);
    pass.x = x;
    pass.ids = i == 0 ? whole->ids : NULL;
    return pass;
}

static void sequential_forward(const recur_layer *layer, recur__pass *whole)
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
_Static_assert(sizeof(kept) == 2 * sizeof(size_t), "what sequential_measure reserves");

static void sequential_backward(const recur_layer *layer, recur__pass *whole)
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
    float *between[2] = { recur__scratch(room, widest, sizeof(float)), recur__scratch(room, widest, sizeof(float)) };
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

/* ---- one step of a chain ------------------------------------------------------------------------ */

/* Floats between the parts, rounded up so that each begins where a vector may. */
static int64_t between(const recur_layer *part, int64_t B) { return (recur__times(B, part->output_size) + 15) / 16 * 16; }

/* What the parts give stands first, one behind the other, then the scratch of the part that runs. */
static int64_t sequential_step_floats(const recur_layer *layer, int64_t B)
{
    int64_t outputs = 0, most = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        const int64_t own = part->ops->step_floats ? part->ops->step_floats(part, B) : 0, y = recur__times(B, part->output_size);
        if (own < 0 || y < 0 || __builtin_add_overflow(outputs, y + 15, &outputs)) return -1;
        most = recur__max(most, own);
    }
    return __builtin_add_overflow(outputs, most, &most) ? -1 : most;
}

static void sequential_step(const recur_layer *layer, const recur__stream *whole)
{
    recur__stream s = *whole;
    float *output = whole->scratch;
    for (int64_t i = 0; i < layer->parts; i++) s.scratch += i + 1 < layer->parts ? between(layer->part[i], s.B) : 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        s.y = i + 1 < layer->parts ? output : whole->y;
        part->ops->step(part, &s);
        output += between(part, s.B);
        s.state += part->state_floats * s.B;
        s.x = s.y;
        s.ids = NULL;
    }
}
