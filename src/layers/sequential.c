/* sequential.c - running parts one after the other: each takes the rows of the one before. */
#include "layers/chain.h"

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
    w->shape.y_stays = i + 1 < layer->parts ? whole->record : whole->y_stays;
    const bool per_sequence = w->shape.per_sequence || part->capabilities & RECUR_CAN_REDUCE_TIME;
    w->floats = (per_sequence ? whole->packed->batch : whole->packed->rows) * part->output_size;
}

static void leave(walk *w, const recur_layer *part)
{
    w->shape.per_sequence |= (part->capabilities & RECUR_CAN_REDUCE_TIME) != 0;
}

static uint64_t key_of(uint64_t key, int64_t part) { return recur_random(key, (uint64_t)part); }

/* Output of part i: kept for backward, else scratch; the last one is the caller's. */
static float *carve_output(const recur_layer *layer, int64_t i, const walk *w,
                           recur__workspace *workspace)
{
    if (i + 1 == layer->parts) return NULL;
    return w->shape.record ? recur__carve(&workspace->reserve, w->floats, sizeof(float))
                           : recur__scratch(workspace, w->floats, sizeof(float));
}

void recur__chain_measure(const recur_layer *layer, const recur__shape *shape,
                          recur__workspace *workspace)
{
    const size_t mark = workspace->scratch.used;
    walk w = { 0 };
    int64_t widest = 0;
    recur__scratch(workspace, layer->parts, 2 * sizeof(size_t)); /* what is known of each part */
    if (shape->record) recur__scratch(workspace, layer->parts, sizeof *shape);
    for (int64_t i = 0; i < layer->parts; i++) {
        enter(&w, layer, i, shape);
        carve_output(layer, i, &w, workspace);
        widest = recur__max(widest, w.floats);
        leave(&w, layer->part[i]);
    }
    if (shape->record) { /* backward: gradients between the parts */
        recur__scratch(workspace, widest, sizeof(float));
        recur__scratch(workspace, widest, sizeof(float));
    }
    for (int64_t i = 0; i < layer->parts; i++) {
        enter(&w, layer, i, shape);
        const size_t inner = workspace->scratch.used;
        layer->part[i]->ops->pass->measure(layer->part[i], &w.shape, workspace);
        workspace->scratch.used = inner;
        leave(&w, layer->part[i]);
    }
    workspace->scratch.used = mark;
}

/* The part's share of the pass: its input, its state, its masks. */
static recur__pass pass_of(const recur__pass *whole, const walk *w, int64_t i, const float *x)
{
    recur__pass pass = *whole;
    pass.shape = w->shape;
    pass.pack = NULL; /* is of the whole */
    pass.key = key_of(whole->key, i);
    pass.x = x;
    pass.ids = i == 0 ? whole->ids : NULL;
    return pass;
}

void recur__chain_forward(const recur_layer *layer, recur__pass *whole)
{
    recur__workspace *workspace = whole->workspace;
    const int64_t last = layer->parts - 1, B = whole->shape.packed->batch;
    const size_t mark = workspace->scratch.used;
    float **output = recur__scratch(workspace, layer->parts, 2 * sizeof(size_t));
    walk w = { 0 };
    for (int64_t i = 0; i <= last; i++) {
        enter(&w, layer, i, &whole->shape);
        output[i] = i == last ? whole->y : carve_output(layer, i, &w, workspace);
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
        const size_t inner = workspace->scratch.used;
        part->ops->pass->forward(part, &pass);
        workspace->scratch.used = inner;
        leave(&w, part);
        if (state) state += part->state_floats * B;
        x = output[i];
    }
    workspace->scratch.used = mark;
}

/* What backward knows of a part: where its kept memory begins and what it gave. */
typedef struct kept {
    size_t begin;
    float *output;
} kept;
_Static_assert(sizeof(kept) == 2 * sizeof(size_t), "what recur__chain_measure reserves");

void recur__chain_backward(const recur_layer *layer, recur__pass *whole)
{
    recur__workspace *workspace = whole->workspace;
    const int64_t last = layer->parts - 1, B = whole->shape.packed->batch;
    const size_t mark = workspace->scratch.used;
    kept *part_kept = recur__scratch(workspace, layer->parts, sizeof *part_kept);
    recur__shape *shape = recur__scratch(workspace, layer->parts, sizeof *shape);
    walk w = { 0 };
    int64_t widest = 0, states = 0;
    for (int64_t i = 0; i <= last; i++) {
        enter(&w, layer, i, &whole->shape);
        shape[i] = w.shape;
        part_kept[i].output = i == last ? whole->y : carve_output(layer, i, &w, workspace);
        widest = recur__max(widest, w.floats);
        leave(&w, layer->part[i]);
    }
    for (int64_t i = 0; i <= last; i++) {
        part_kept[i].begin = workspace->reserve.used;
        recur__workspace measured = { .reserve.used = workspace->reserve.used };
        layer->part[i]->ops->pass->measure(layer->part[i], &shape[i], &measured);
        workspace->reserve.used = measured.reserve.used;
        states += layer->part[i]->state_floats;
    }
    float *between[2] = { recur__scratch(workspace, widest, sizeof(float)),
                          recur__scratch(workspace, widest, sizeof(float)) };
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
        workspace->reserve.used = part_kept[i].begin;
        const size_t inner = workspace->scratch.used;
        part->ops->pass->backward(part, &pass);
        workspace->scratch.used = inner;
        dy = pass.dx;
    }
    workspace->scratch.used = mark;
}

/* ---- one step of a chain -------------------------------------------------------------------- */

/* Floats between two parts, rounded up so that each row begins where a vector may. */
static int64_t between(const recur_layer *part, int64_t B)
{
    return (recur__times(B, part->output_size) + 15) / 16 * 16;
}

/* What the parts give stands first, one behind the other, then the scratch of the part that
 * runs. */
int64_t recur__chain_scratch(const recur_layer *layer, int64_t B)
{
    int64_t outputs = 0, most = 0;
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

static int64_t all_between(const recur_layer *layer, int64_t B)
{
    int64_t floats = 0;
    for (int64_t i = 0; i + 1 < layer->parts; i++) floats += between(layer->part[i], B);
    return floats;
}

void recur__chain_step(recur__step_call *call)
{
    const recur__step_call whole = *call;
    const recur_layer *layer = whole.layer;
    float *output = whole.scratch;
    call->scratch += all_between(layer, whole.B);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        call->layer = part;
        call->y = i + 1 < layer->parts ? output : whole.y;
        part->ops->step->forward(call);
        output += between(part, whole.B);
        call->state += part->state_floats * whole.B;
        call->x = call->y;
        call->ids = NULL;
    }
    *call = whole;
}

/* The same as calls of the parts. */
static int64_t sequential_plan(const recur__step_call *whole, recur__step_call *to)
{
    const recur_layer *layer = whole->layer;
    recur__step_call at = *whole;
    float *output = whole->scratch;
    int64_t calls = 0;
    if (to) at.scratch += all_between(layer, whole->B);
    for (int64_t i = 0; i < layer->parts; i++) {
        const recur_layer *part = layer->part[i];
        at.layer = part;
        at.y = i + 1 < layer->parts ? output : whole->y;
        calls += recur__plan_calls(&at, to ? to + calls : NULL);
        if (!to) continue;
        at.x = to[calls - 1].y;
        at.ids = NULL;
        at.state += part->state_floats * whole->B;
        output += between(part, whole->B);
    }
    return calls;
}

static const recur__pass_ops pass_ops = {
    .measure = recur__chain_measure,
    .forward = recur__chain_forward,
    .backward = recur__chain_backward,
};

static const recur__step_ops step_ops = {
    .scratch = recur__chain_scratch,
    .forward = recur__chain_step,
    .plan = sequential_plan,
};

const recur__layer_ops recur__sequential_ops = {
    .kind = RECUR_KIND_COMPOSE,
    .pass = &pass_ops,
    .step = &step_ops,
};
