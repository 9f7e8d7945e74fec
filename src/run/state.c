/* state.c - hidden state of every recurrent part of a layer, as one flat vector in the caller's
 * order, and the scratch of a step. */
#include "core/layer.h"

/* ---- making --------------------------------------------------------------------------------- */

/* Scratch of one step; of a group the most of its parts, which are run one by one. */
static int64_t step_floats(const recur_layer *layer, int64_t B)
{
    if (layer->ops->step_floats) return layer->ops->step_floats(layer, B);
    int64_t most = 0;
    for (int64_t i = 0; i < layer->parts; i++) {
        const int64_t part = step_floats(layer->part[i], B);
        if (part < 0) return part;
        most = recur__max(most, part);
    }
    return most;
}

/* Layers times directions of a recurrent part. */
static int64_t lines_of(const recur_layer *node)
{
    int64_t widths = 0;
    for (int64_t s = 0; s < node->states; s++) widths += node->ops->state_width(node, s);
    return node->state_floats / widths;
}

typedef struct builder {
    recur__carver carver;
    recur_tensor *table;
    int64_t tensors, floats; /* laid out so far */
    int64_t batch;
} builder;

/* Names and places of the tensors of one node and its parts. Its tensors are called after its path
 * in the layer. */
static void lay_out_tensors(builder *b, const recur_layer *layer, const recur_layer *node,
                            const char *path, size_t path_length)
{
    for (int64_t i = 0; i < node->parts; i++) {
        const char *name = node->part[i]->name;
        const size_t length = strlen(name);
        char *inner = recur__carve(&b->carver, (int64_t)(path_length + length + 1), 1);
        if (inner) {
            memcpy(inner, path, path_length);
            memcpy(inner + path_length, name, length);
            inner[path_length + length] = '.';
        }
        lay_out_tensors(b, layer, node->part[i], inner, path_length + length + 1);
    }
    for (int64_t s = 0; s < node->states && node->parts == 0; s++) {
        const char *last = node->spec.cell->state[s].name;
        const size_t last_length = strlen(last);
        char *name = recur__carve(&b->carver, (int64_t)(path_length + last_length + 1), 1);
        const int64_t H = node->ops->state_width(node, s), LD = lines_of(node);
        if (name) {
            if (path_length) memcpy(name, path, path_length);
            memcpy(name + path_length, last, last_length + 1);
            b->table[b->tensors] = (recur_tensor){ .size = sizeof(recur_tensor),
                                                   .rank = 3,
                                                   .dim = { LD, b->batch, H, 1 },
                                                   .offset = b->floats,
                                                   .count = LD * b->batch * H,
                                                   .name = name,
                                                   .type = "F32" };
        }
        b->tensors++;
        b->floats += LD * b->batch * H;
    }
}

static void lay_out(builder *b, const recur_layer *layer, recur_state *state)
{
    recur__carve(&b->carver, 1, sizeof *state); /* the handle itself is where the memory begins */
    state->values = recur__carve(&b->carver, recur__times(layer->state_floats, b->batch),
                                 sizeof(float));
    state->scratch = recur__carve(&b->carver, state->scratch_floats, sizeof(float));
    state->fresh = recur__carve(&b->carver, b->batch, sizeof(bool));
    state->stages = layer->capabilities & RECUR_CAN_STEP
                        ? recur__lay_stages(layer, (recur__stream){ .B = b->batch }, NULL)
                        : 0;
    state->stage = recur__carve(&b->carver, state->stages, sizeof *state->stage);
    state->tensor = b->table = recur__carve(&b->carver, layer->states, sizeof(recur_tensor));
    lay_out_tensors(b, layer, layer, "", 0);
}

size_t recur__state_bytes(const recur_layer *layer, int64_t batch)
{
    recur_state state = { .batch = batch, .scratch_floats = step_floats(layer, batch) };
    if (state.scratch_floats < 0 || recur__times(layer->state_floats, batch) < 0) return SIZE_MAX;
    builder b = { .batch = batch };
    lay_out(&b, layer, &state);
    return b.carver.used;
}

recur_status recur_state_create(const recur_layer *layer, int64_t batch, recur_state **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    if (batch < 1 || batch > RECUR__LARGEST)
        return recur__fail(RECUR_E_ARGUMENT, "a state for batch %lld: it must lie between 1 and %d",
                           (long long)batch, RECUR__LARGEST);
    recur_context *ctx = recur__layer_context(layer);
    const size_t bytes = recur__state_bytes(layer, batch);
    void *memory = recur__alloc(ctx, bytes);
    if (!memory) return recur__no_memory(bytes);
    recur_state state = { .batch = batch,
                          .scratch_floats = step_floats(layer, batch),
                          .made_for = layer->serial };
    builder b = { .carver.base = memory, .batch = batch };
    lay_out(&b, layer, &state);
    state.ctx = recur__context_retain(ctx);
    state.bytes = bytes;
    state.tensors = b.tensors;
    state.count = b.floats;
    if (state.count) memset(state.values, 0, (size_t)state.count * sizeof *state.values);
    const recur__stream at = { .ctx = ctx,
                               .kernels = layer->root->kernels,
                               .B = batch,
                               .state = state.values,
                               .scratch = state.scratch };
    if (state.stages) state.stages = recur__lay_stages(layer, at, state.stage);
    if (state.stages && layer->capabilities & RECUR_CAN_TAKE_ROWS && !layer->starts)
        state.quick = layer->serial;
    for (int64_t i = 0; i < batch; i++) state.fresh[i] = true;
    state.any_fresh = true;
    *out = memcpy(memory, &state, sizeof state);
    return RECUR_OK;
}

void recur_state_release(recur_state *state)
{
    if (!state) return;
    recur_context *ctx = state->ctx;
    recur__free(ctx, state, state->bytes);
    recur_context_release(ctx);
}

/* ---- values --------------------------------------------------------------------------------- */

recur_status recur_state_reset(recur_state *state, int64_t sequence)
{
    RECUR__NOT_NULL(state);
    if (sequence < -1 || sequence >= state->batch)
        return recur__fail(RECUR_E_ARGUMENT, "sequence %lld of a state for batch %lld",
                           (long long)sequence, (long long)state->batch);
    for (int64_t b = 0; b < state->batch; b++) state->fresh[b] |= sequence < 0 || b == sequence;
    state->any_fresh = true;
    if (sequence < 0) {
        if (state->count) memset(state->values, 0, (size_t)state->count * sizeof *state->values);
        return RECUR_OK;
    }
    for (int64_t i = 0; i < state->tensors; i++) {
        const recur_tensor *t = &state->tensor[i];
        for (int64_t ld = 0; ld < t->dim[0]; ld++)
            memset(state->values + t->offset + (ld * state->batch + sequence) * t->dim[2], 0,
                   (size_t)t->dim[2] * sizeof(float));
    }
    return RECUR_OK;
}

recur_status recur_state_copy(recur_state *to, const recur_state *from)
{
    RECUR__NOT_NULL(to);
    RECUR__NOT_NULL(from);
    bool equal = to->batch == from->batch && to->tensors == from->tensors;
    for (int64_t i = 0; equal && i < to->tensors; i++)
        equal = memcmp(to->tensor[i].dim, from->tensor[i].dim, sizeof to->tensor[i].dim) == 0;
    if (!equal)
        return recur__fail(RECUR_E_SHAPE,
                           "a state for batch %lld with %lld tensors of %lld floats does not fit "
                           "one for batch %lld with %lld tensors of %lld",
                           (long long)from->batch, (long long)from->tensors, (long long)from->count,
                           (long long)to->batch, (long long)to->tensors, (long long)to->count);
    if (to->count) memmove(to->values, from->values, (size_t)to->count * sizeof *to->values);
    memmove(to->fresh, from->fresh, (size_t)to->batch * sizeof *to->fresh);
    to->any_fresh = from->any_fresh;
    return RECUR_OK;
}

static recur_status check_range(const recur_state *state, int64_t offset, int64_t count)
{
    if (offset >= 0 && count >= 0 && offset <= state->count && count <= state->count - offset)
        return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT, "floats %lld to %lld + %lld of a state of %lld",
                       (long long)offset, (long long)offset, (long long)count,
                       (long long)state->count);
}

recur_status recur_state_read(const recur_state *state, int64_t offset, int64_t count, float *to)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(to);
    RECUR__CHECK(check_range(state, offset, count));
    if (count) memcpy(to, state->values + offset, (size_t)count * sizeof *to);
    return RECUR_OK;
}

recur_status recur_state_write(recur_state *state, int64_t offset, int64_t count, const float *from)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(from);
    RECUR__CHECK(check_range(state, offset, count));
    if (count) memcpy(state->values + offset, from, (size_t)count * sizeof *from);
    recur__state_leave(state, NULL);
    return RECUR_OK;
}

int64_t recur_state_batch(const recur_state *state) { return state ? state->batch : 0; }
int64_t recur_state_count(const recur_state *state) { return state ? state->count : 0; }
int64_t recur_state_tensor_count(const recur_state *state) { return state ? state->tensors : 0; }

recur_status recur_state_tensor_info(const recur_state *state, int64_t index, recur_tensor *out)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(out);
    if (index < 0 || index >= state->tensors)
        return recur__fail(RECUR_E_ARGUMENT, "tensor %lld of a state with %lld tensors",
                           (long long)index, (long long)state->tensors);
    return recur__give("recur_tensor", &state->tensor[index], out, sizeof(recur_tensor),
                       sizeof(recur_tensor));
}

/* ---- the learned start ---------------------------------------------------------------------- */

/* Fresh sequences of one node and its parts, whose values begin here; returns where those of the
 * next one begin. */
static float *start(const recur_state *state, const recur_layer *node, float *values)
{
    for (int64_t i = 0; i < node->parts; i++) values = start(state, node->part[i], values);
    const int64_t lines = node->parts == 0 && node->states ? lines_of(node) : 0;
    for (int64_t s = 0; s < node->states && lines; s++) {
        const int64_t width = node->ops->state_width(node, s);
        for (int64_t ld = 0; ld < lines; ld++) {
            const float *learned = node->starts ? node->ops->state_start(node, s, ld) : NULL;
            for (int64_t b = 0; b < state->batch; b++, values += width)
                if (learned && state->fresh[b])
                    memcpy(values, learned, (size_t)width * sizeof *values);
        }
    }
    return values;
}

void recur__state_start(recur_state *state, const recur_layer *layer)
{
    if (state->any_fresh) start(state, layer, state->values);
}

void recur__state_leave(recur_state *state, const recur_packed *packed)
{
    if (!state->any_fresh) return;
    state->any_fresh = false;
    for (int64_t b = 0; b < state->batch; b++) {
        state->fresh[b] &= packed && packed->lengths && packed->lengths[b] == 0;
        state->any_fresh |= state->fresh[b];
    }
}

/* ---- fit ------------------------------------------------------------------------------------ */

/* Compares the tensors from *at on with those of a node. */
static bool fits(const recur_state *state, const recur_layer *node, int64_t *at)
{
    for (int64_t i = 0; i < node->parts; i++)
        if (!fits(state, node->part[i], at)) return false;
    for (int64_t s = 0; s < node->states && node->parts == 0; s++, ++*at) {
        if (*at >= state->tensors || state->tensor[*at].dim[2] != node->ops->state_width(node, s) ||
            state->tensor[*at].dim[0] != lines_of(node))
            return false;
    }
    return true;
}

recur_status recur__state_check(const recur_state *state, const recur_layer *layer, int64_t batch,
                                const char *what)
{
    if (state->batch != batch)
        return recur__fail(RECUR_E_SHAPE,
                           "%s: the state was made for batch %lld, the layout has %lld", what,
                           (long long)state->batch, (long long)batch);
    if (state->made_for == layer->serial) return RECUR_OK;
    int64_t at = 0;
    if (fits(state, layer, &at) && at == state->tensors) return RECUR_OK;
    return recur__fail(
        RECUR_E_SHAPE,
        "%s: the state has %lld tensors of %lld floats for a sequence, the layer has %lld of %lld",
        what, (long long)state->tensors, (long long)(state->count / state->batch),
        (long long)layer->states, (long long)layer->state_floats);
}
