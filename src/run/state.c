/* state.c - hidden state of every recurrent part of a layer, as one flat vector in the caller's
 * order, and the scratch of a step. */
#include "run/run.h"

/* ---- making --------------------------------------------------------------------------------- */

typedef struct builder {
    recur__carver carver;
    recur_tensor *table;
    int64_t tensors, floats; /* laid out so far */
    int64_t batch;
} builder;

/* path + name + end, carved; NULL while measuring. */
static char *join(builder *b, const char *path, size_t path_length, const char *name,
                  const char *end)
{
    const size_t n = strlen(name), e = strlen(end);
    char *text = recur__carve(&b->carver, (int64_t)(path_length + n + e + 1), 1);
    if (!text) return NULL;
    if (path_length) memcpy(text, path, path_length);
    memcpy(text + path_length, name, n);
    memcpy(text + path_length + n, end, e + 1);
    return text;
}

static void lay_out_tensor(builder *b, const recur__state_tensor *t, const char *path,
                           size_t path_length)
{
    const int64_t count = t->lines * b->batch * t->width;
    const char *name = join(b, path, path_length, t->name, "");
    if (name)
        b->table[b->tensors] = (recur_tensor){
            .size = sizeof(recur_tensor),
            .rank = 3,
            .dim = { t->lines, b->batch, t->width, 1 },
            .offset = b->floats,
            .count = count,
            .name = name,
            .type = "F32",
        };
    b->tensors++;
    b->floats += count;
}

/* Names and places of the tensors of one node and its parts. Its tensors are called after its path
 * in the layer. */
static void lay_out_tensors(builder *b, const recur_layer *node, const char *path,
                            size_t path_length)
{
    for (int64_t i = 0; i < node->parts; i++) {
        const char *name = node->part[i]->name;
        const char *inner = join(b, path, path_length, name, ".");
        lay_out_tensors(b, node->part[i], inner, path_length + strlen(name) + 1);
    }
    for (int64_t s = 0; s < node->states && node->parts == 0; s++) {
        const recur__state_tensor t = node->ops->states->tensor(node, s);
        lay_out_tensor(b, &t, path, path_length);
    }
}

/* Every state has memory for one call at least: a layer that it fits may go step by step, though
 * the one that it was made for does not. */
static int64_t calls_of(const recur_layer *layer, int64_t batch)
{
    const recur__step_call at = { .layer = layer, .B = batch };
    return layer->capabilities & RECUR_CAN_STEP ? recur__plan_calls(&at, NULL) : 1;
}

static void lay_out(builder *b, const recur_layer *layer, recur_state *state)
{
    const int64_t floats = recur__times(layer->state_floats, b->batch);
    recur__carver *carver = &b->carver;
    recur__carve(carver, 1, sizeof *state); /* the handle itself is where the memory begins */
    state->values = recur__carve(carver, floats, sizeof(float));
    state->scratch = recur__carve(carver, state->scratch_floats, sizeof(float));
    state->at_initial_state = recur__carve(carver, b->batch, sizeof(bool));
    state->plan.call = recur__carve(carver, state->most_calls, sizeof(recur__step_call));
    state->tensor = b->table = recur__carve(carver, layer->states, sizeof(recur_tensor));
    lay_out_tensors(b, layer, "", 0);
}

static recur_state measure(const recur_layer *layer, int64_t batch)
{
    return (recur_state){
        .batch = batch,
        .scratch_floats = recur__step_scratch(layer, batch),
        .most_calls = calls_of(layer, batch),
    };
}

size_t recur__state_bytes(const recur_layer *layer, int64_t batch)
{
    recur_state state = measure(layer, batch);
    builder b = { .batch = batch };
    if (state.scratch_floats < 0 || recur__times(layer->state_floats, batch) < 0) return SIZE_MAX;
    lay_out(&b, layer, &state);
    return b.carver.used;
}

recur_status recur_state_create(const recur_layer *layer, int64_t batch, recur_state **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    if (batch < 0 || batch > RECUR__LARGEST)
        return recur__fail(RECUR_E_ARGUMENT, "a state for batch %lld: it must lie between 0 and %d",
                           (long long)batch, RECUR__LARGEST);
    if (batch > 1) RECUR__NEEDS(BATCH);
    recur_context *ctx = recur__layer_context(layer);
    const size_t bytes = recur__state_bytes(layer, batch);
    void *memory = recur__alloc(ctx, bytes);
    if (!memory) return recur__no_memory(bytes);
    recur_state *state = memory, made = measure(layer, batch);
    builder b = { .carver.base = memory, .batch = batch };
    lay_out(&b, layer, &made);
    made.ctx = recur__context_retain(ctx);
    made.layer = recur__layer_retain(layer);
    made.bytes = bytes;
    made.tensors = b.tensors;
    made.count = b.floats;
    if (made.count) memset(made.values, 0, (size_t)made.count * sizeof *made.values);
    for (int64_t i = 0; i < batch; i++) made.at_initial_state[i] = true;
    made.any_at_initial_state = true;
    if (layer->capabilities & RECUR_CAN_STEP) recur__state_plan(&made, layer);
    *state = made;
    *out = state;
    return RECUR_OK;
}

void recur_state_release(recur_state *state)
{
    if (!state) return;
    recur_context *ctx = state->ctx;
    recur_layer *layer = state->layer;
    recur__free(ctx, state, state->bytes);
    recur_layer_release(layer);
    recur_context_release(ctx);
}

/* ---- values --------------------------------------------------------------------------------- */

recur_status recur_state_reset(recur_state *state, int64_t sequence)
{
    RECUR__NOT_NULL(state);
    if (sequence < -1 || sequence >= state->batch)
        return recur__fail(RECUR_E_ARGUMENT, "sequence %lld of a state for batch %lld",
                           (long long)sequence, (long long)state->batch);
    for (int64_t b = 0; b < state->batch; b++)
        state->at_initial_state[b] |= sequence < 0 || b == sequence;
    state->any_at_initial_state = true;
    if (sequence < 0) {
        if (state->count) memset(state->values, 0, (size_t)state->count * sizeof *state->values);
        return RECUR_OK;
    }
    for (int64_t i = 0; i < state->tensors; i++) {
        const recur_tensor *t = &state->tensor[i];
        for (int64_t line = 0; line < t->dim[0]; line++)
            memset(state->values + t->offset + (line * state->batch + sequence) * t->dim[2], 0,
                   (size_t)t->dim[2] * sizeof(float));
    }
    return RECUR_OK;
}

static void gather(recur_state *to, const recur_state *from, const int64_t *sequences)
{
    for (int64_t i = 0; i < to->tensors; i++) {
        const recur_tensor *t = &to->tensor[i], *f = &from->tensor[i];
        const int64_t width = t->dim[2];
        for (int64_t line = 0; line < t->dim[0]; line++)
            for (int64_t b = 0; b < to->batch; b++) {
                const int64_t row = line * from->batch + sequences[b];
                memcpy(to->values + t->offset + (line * to->batch + b) * width,
                       from->values + f->offset + row * width, (size_t)width * sizeof(float));
            }
    }
    to->any_at_initial_state = false;
    for (int64_t b = 0; b < to->batch; b++) {
        to->at_initial_state[b] = from->at_initial_state[sequences[b]];
        to->any_at_initial_state |= to->at_initial_state[b];
    }
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
    memmove(to->at_initial_state, from->at_initial_state,
            (size_t)to->batch * sizeof *to->at_initial_state);
    to->any_at_initial_state = from->any_at_initial_state;
    return RECUR_OK;
}

int64_t recur__state_floats(const recur_state *state)
{
    int64_t floats = 0;
    for (int64_t i = 0; i < state->tensors; i++)
        floats += state->tensor[i].dim[0] * state->tensor[i].dim[2];
    return floats;
}

recur_status recur_state_gather(recur_state *to, const recur_state *from, const int64_t *sequences)
{
    RECUR__NOT_NULL(to);
    RECUR__NOT_NULL(from);
    RECUR__NOT_NULL(sequences);
    if (to == from)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_state_gather: to and from are the same state; gather into another "
            "one");
    bool equal = to->tensors == from->tensors;
    for (int64_t i = 0; equal && i < to->tensors; i++)
        equal = to->tensor[i].dim[0] == from->tensor[i].dim[0] &&
                to->tensor[i].dim[2] == from->tensor[i].dim[2];
    if (!equal)
        return recur__fail(RECUR_E_SHAPE,
                           "recur_state_gather: from has %lld tensors of %lld floats for a "
                           "sequence, to has %lld of %lld",
                           (long long)from->tensors, (long long)recur__state_floats(from),
                           (long long)to->tensors, (long long)recur__state_floats(to));
    for (int64_t b = 0; b < to->batch; b++)
        if (sequences[b] < 0 || sequences[b] >= from->batch)
            return recur__fail(RECUR_E_ARGUMENT,
                               "recur_state_gather: sequence %lld of a state for batch %lld",
                               (long long)sequences[b], (long long)from->batch);
    gather(to, from, sequences);
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
    if (count) RECUR__NOT_NULL(to);
    RECUR__CHECK(check_range(state, offset, count));
    if (count) memcpy(to, state->values + offset, (size_t)count * sizeof *to);
    return RECUR_OK;
}

recur_status recur_state_write(recur_state *state, int64_t offset, int64_t count, const float *from)
{
    RECUR__NOT_NULL(state);
    if (count) RECUR__NOT_NULL(from);
    RECUR__CHECK(check_range(state, offset, count));
    if (count == 0) return RECUR_OK;
    memcpy(state->values + offset, from, (size_t)count * sizeof *from);
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

/* ---- the initial state ---------------------------------------------------------------------- */

/* Sequences of a state, and which of them begin; NULL: all. */
typedef struct beginning {
    int64_t batch;
    const bool *begins;
} beginning;

/* Rows [B][width] of one line: those of the sequences that begin. */
static void begin_line(const beginning *of, const float *initial, int64_t width, float *rows)
{
    for (int64_t b = 0; initial && b < of->batch; b++)
        if (!of->begins || of->begins[b])
            memcpy(rows + b * width, initial, (size_t)width * sizeof *rows);
}

/* Of one node and its parts, whose values begin here; returns where those of the next one begin. */
static float *begin_node(const beginning *of, const recur_layer *node, float *values)
{
    for (int64_t i = 0; i < node->parts; i++) values = begin_node(of, node->part[i], values);
    for (int64_t s = 0; s < node->states && node->parts == 0; s++) {
        const recur__state_ops *ops = node->ops->states;
        const recur__state_tensor t = ops->tensor(node, s);
        for (int64_t line = 0; line < t.lines; line++) {
            const float *initial = node->learned_states ? ops->initial(node, s, line) : NULL;
            begin_line(of, initial, t.width, values);
            values += of->batch * t.width;
        }
    }
    return values;
}

void recur__state_begin(recur_state *state, const recur_layer *layer)
{
    const beginning of = { state->batch, state->at_initial_state };
    if (state->any_at_initial_state) begin_node(&of, layer, state->values);
}

void recur__begin_values(const recur_layer *layer, int64_t batch, float *values)
{
    const beginning of = { batch, NULL };
    const int64_t floats = batch * layer->state_floats;
    if (floats) memset(values, 0, (size_t)floats * sizeof *values);
    if (layer->learned_states) begin_node(&of, layer, values);
}

void recur__leave_initial_state(recur_state *state, const recur_packed *packed)
{
    state->any_at_initial_state = false;
    for (int64_t b = 0; b < state->batch; b++) {
        state->at_initial_state[b] &= packed && packed->lengths && packed->lengths[b] == 0;
        state->any_at_initial_state |= state->at_initial_state[b];
    }
}

/* ---- fit ------------------------------------------------------------------------------------ */

/* Compares the tensors from *at on with those of a node. */
static bool fits(const recur_state *state, const recur_layer *node, int64_t *at)
{
    for (int64_t i = 0; i < node->parts; i++)
        if (!fits(state, node->part[i], at)) return false;
    for (int64_t s = 0; s < node->states && node->parts == 0; s++, ++*at) {
        const recur__state_tensor t = node->ops->states->tensor(node, s);
        if (*at >= state->tensors) return false;
        const recur_tensor *own = &state->tensor[*at];
        if (own->dim[2] != t.width || own->dim[0] != t.lines) return false;
    }
    return true;
}

bool recur__state_fits(const recur_state *state, const recur_layer *layer)
{
    int64_t at = 0;
    if (state->layer == layer || state->plan.layer == layer->serial) return true;
    return fits(state, layer, &at) && at == state->tensors;
}
