/* models.c - layers, layouts and whole passes, made in one line. */
#include "support/support.h"

recur_layer *recurrent(recur_context *ctx, int cell, int64_t I, int64_t H, int64_t L, int direction,
                       uint32_t flags)
{
    const kind_row plain = { .cell = cell };
    return recurrent_of(ctx, &plain, I, H, L, direction, flags);
}

void randomize(recur_layer *layer, double scale)
{
    float *params = recur_layer_params(layer);
    for (int64_t i = 0; i < recur_layer_param_count(layer); i++) params[i] = between(-scale, scale);
}

recur_layer *chain(recur_context *ctx, int kind, int64_t count, const char *const *names,
                   recur_layer **parts)
{
    recur_layer *whole = NULL;
    OK(recur_compose_create(ctx, kind, count, names, parts, &whole));
    for (int64_t i = 0; i < count; i++) recur_layer_release(parts[i]);
    return whole;
}

recur_packed *layout(recur_context *ctx, int64_t B, const int64_t *lengths, int64_t T)
{
    recur_packed *packed = NULL;
    OK(recur_packed_create(ctx, B, lengths, T, &packed));
    return packed;
}

recur_tensor tensor_of(const recur_layer *layer, const char *name)
{
    recur_tensor t = { .size = sizeof t };
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        OK(recur_layer_tensor_info(layer, i, &t));
        if (strcmp(t.name, name) == 0) return t;
    }
    fail_msg("the layer has no tensor %s", name);
    return t;
}

recur_layer_info info_of(const recur_layer *layer, int64_t part)
{
    recur_layer_info info = { .size = sizeof info };
    OK(recur_layer_describe(layer, part, &info));
    return info;
}

/* Makes a state with these values; NULL for NULL. */
static recur_state *state_with(const recur_layer *layer, const recur_packed *packed,
                               const float *values)
{
    recur_state *state = NULL;
    if (!values) return NULL;
    OK(recur_state_create(layer, recur_packed_batch(packed), &state));
    OK(recur_state_write(state, 0, recur_state_count(state), values));
    return state;
}

/* Copies the values of a state, and releases it. */
static float *state_values(recur_state *state)
{
    if (!state) return NULL;
    float *values = floats(recur_state_count(state));
    OK(recur_state_read(state, 0, recur_state_count(state), values));
    recur_state_release(state);
    return values;
}

static void forward(const recur_layer *layer, run *r, recur_tape *tape)
{
    recur_state *state = state_with(layer, r->packed, r->s0);
    r->y = floats(recur_layer_rows(layer, r->packed) * info_of(layer, -1).output_size);
    if (r->ids)
        OK(recur_layer_forward_ids(layer, r->packed, r->ids, state, r->y, tape));
    else
        OK(recur_layer_forward(layer, r->packed, r->x, state, r->y, tape));
    r->sn = state_values(state);
}

void run_forward(const recur_layer *layer, run *r) { forward(layer, r, NULL); }

void run_both(recur_context *ctx, const recur_layer *layer, run *r)
{
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, r->mode));
    OK(recur_tape_set_seed(tape, r->seed));
    OK(recur_tape_checkpoint(tape, r->checkpoint));
    forward(layer, r, tape);
    recur_state *dstate = state_with(layer, r->packed, r->dsn);
    r->dparams = zeros(recur_layer_param_count(layer));
    if (r->ids) {
        OK(recur_layer_backward_ids(layer, r->packed, r->ids, r->dy, dstate, r->dparams, tape));
    } else {
        r->dx = floats(recur_packed_rows(r->packed) * info_of(layer, -1).input_size);
        OK(recur_layer_backward(layer, r->packed, r->x, r->dy, dstate, r->dx, r->dparams, tape));
    }
    r->ds0 = state_values(dstate);
    assert_int_equal(recur_tape_records(tape), 0);
    recur_tape_release(tape);
}

static int64_t rows_of(const recur_packed *packed, int how)
{
    return how == RECUR_LAYOUT_JOINED ? recur_packed_rows(packed)
                                      : recur_packed_batch(packed) * recur_packed_steps(packed);
}

float *packed_of(const recur_packed *packed, int how, int64_t width, const float *from)
{
    float *rows = floats(recur_packed_rows(packed) * width);
    OK(recur_packed_pack(packed, how, (size_t)width * sizeof(float), from, rows));
    return rows;
}

float *unpacked(const recur_packed *packed, int how, int64_t width, const float *rows)
{
    float *to = zeros(rows_of(packed, how) * width);
    OK(recur_packed_unpack(packed, how, (size_t)width * sizeof(float), rows, to));
    return to;
}
