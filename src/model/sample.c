/* sample.c - inputs and outputs that travel with a model, sequence after sequence, unpadded, in the
 * caller's order:
 *
 *     recur.sample.lengths  I64 [B]
 *     recur.sample.x        F32 [N][input_size]   or   recur.sample.ids  I64 [N]
 *     recur.sample.y        F32 [N or B][output_size]
 *
 * Whoever writes and whoever opens run the layer on x, and refuse the model if what comes out is
 * not y. */
#include <math.h>

#include "model/model.h"

enum { MOST_FLOATS = 1 << 26 };

static const double TOLERANCE = 1e-4;

/* ---- a sample at work ----------------------------------------------------------------------- */

typedef struct sample {
    const recur_layer *layer;
    recur_context *ctx;
    int64_t B, N, R, I, O; /* sequences, rows in, rows out, features */
    bool with_ids, per_sequence;
    int64_t *lengths;          /* [B] */
    int64_t *wholes;           /* [N] ids as in the file */
    int32_t *ids, *joined_ids; /* [N] */
    float *x, *joined_x;       /* [N][I] */
    float *y, *joined_y;       /* [R][O] what the layer gives */
    float *want;               /* [R][O] what it should give */
    void *memory;
    size_t bytes;
} sample;

static void lay_out(recur__carver *carver, sample *s)
{
    const int64_t ids = s->with_ids ? s->N : 0, x = s->with_ids ? 0 : recur__times(s->N, s->I),
                  y = recur__times(s->R, s->O);
    s->lengths = recur__carve(carver, s->B, sizeof *s->lengths);
    s->wholes = recur__carve(carver, ids, sizeof *s->wholes);
    s->ids = recur__carve(carver, ids, sizeof *s->ids);
    s->joined_ids = recur__carve(carver, ids, sizeof *s->joined_ids);
    s->x = recur__carve(carver, x, sizeof *s->x);
    s->joined_x = recur__carve(carver, x, sizeof *s->joined_x);
    s->y = recur__carve(carver, y, sizeof *s->y);
    s->joined_y = recur__carve(carver, y, sizeof *s->joined_y);
    s->want = recur__carve(carver, y, sizeof *s->want);
}

/* Floats that a row or a sequence takes in all parts, about: a hidden unit has up to four gates,
 * and states. */
static recur_status widths(const recur_layer *layer, int64_t *sum)
{
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    for (int64_t i = 0; i < info.parts; i++) {
        recur_layer_info part = { .size = sizeof part };
        recur_layer *child;
        RECUR__CHECK(recur_layer_describe(layer, i, &part));
        RECUR__CHECK(recur_layer_child(layer, part.name, &child, NULL));
        const recur_status status = widths(child, sum);
        recur_layer_release(child);
        if (status) return status;
    }
    const int64_t hidden = recur__times(8 * info.num_layers, info.hidden_size);
    if (hidden < 0 || __builtin_add_overflow(*sum, hidden, sum) ||
        __builtin_add_overflow(*sum, info.input_size + info.output_size, sum))
        *sum = INT64_MAX / 2;
    return RECUR_OK;
}

static recur_status check_room(const recur_layer *layer, int64_t B, int64_t N)
{
    int64_t width = 0;
    RECUR__CHECK(widths(layer, &width));
    const int64_t floats = B > MOST_FLOATS || N > MOST_FLOATS ? -1 : recur__times(B + N, width);
    if (floats >= 0 && floats <= MOST_FLOATS) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "a sample of %lld sequences and %lld rows, each of %lld floats in all "
                       "parts: %d floats are the most",
                       (long long)B, (long long)N, (long long)width, MOST_FLOATS);
}

/* Checks that the layer can run a sample of this form and size, and makes room for it. */
static recur_status begin(const recur_layer *layer, recur_context *ctx, int64_t B, int64_t N,
                          bool with_ids, sample *s)
{
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    if (!(info.capabilities & (with_ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS)))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a sample of %s, which this layer of type %s does not take",
                           with_ids ? "ids" : "rows", info.type);
    RECUR__CHECK(check_room(layer, B, N));
    const bool per_sequence = info.capabilities & RECUR_CAN_REDUCE_TIME;
    *s = (sample){ .layer = layer,
                   .ctx = ctx,
                   .B = B,
                   .N = N,
                   .R = per_sequence ? B : N,
                   .I = info.input_size,
                   .O = info.output_size,
                   .with_ids = with_ids,
                   .per_sequence = per_sequence };
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, s);
    s->bytes = measure.used;
    s->memory = s->bytes ? recur__alloc(ctx, s->bytes) : NULL;
    if (s->bytes && !s->memory) return recur__no_memory(s->bytes);
    recur__carver carve = { s->memory, 0 };
    lay_out(&carve, s);
    return RECUR_OK;
}

static void end(sample *s) { recur__free(s->ctx, s->memory, s->bytes); }

/* Rows between the file's order and that of the layout. Rows per sequence are in the caller's order
 * in both. */
static recur_status join(const sample *s, const recur_packed *packed, const float *rows,
                         float *joined)
{
    if (s->R == 0) return RECUR_OK;
    if (!s->per_sequence)
        return recur_packed_unpack(packed, RECUR_LAYOUT_JOINED, (size_t)s->O * sizeof(float), rows,
                                   joined);
    memcpy(joined, rows, (size_t)(s->R * s->O) * sizeof(float));
    return RECUR_OK;
}

/* y of the layer, joined. */
static recur_status run(sample *s, const recur_packed *packed, const float *x, const int32_t *ids)
{
    RECUR__CHECK(s->with_ids ? recur_layer_forward_ids(s->layer, packed, ids, NULL, s->y, NULL)
                             : recur_layer_forward(s->layer, packed, x, NULL, s->y, NULL));
    return join(s, packed, s->y, s->joined_y);
}

static recur_status compare(const sample *s, double tolerance)
{
    for (int64_t i = 0; i < s->R * s->O; i++) {
        const double got = (double)s->joined_y[i], want = (double)s->want[i];
        if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) /* true for NaN */
            return recur__fail(RECUR_E_NUMERIC,
                               "row %lld of the sample's %lld: number %lld should be %.9g, the "
                               "layer gives %.9g; the tolerance is %g",
                               (long long)(i / s->O), (long long)s->R, (long long)(i % s->O), want,
                               got, tolerance);
    }
    return RECUR_OK;
}

/* ---- into a file ---------------------------------------------------------------------------- */

static recur_status add_wholes(recur_file *file, const char *prefix, const char *name,
                               const int64_t *from, int64_t count)
{
    if (recur__entry_find(file, prefix, name))
        return recur__fail(RECUR_E_ARGUMENT, "the file has a tensor %.200s%.200s already", prefix,
                           name);
    const recur__entry like = { .name = name,
                                .type = recur__type_of("I64"),
                                .shape = &count,
                                .rank = 1,
                                .count = count,
                                .bytes = (size_t)count * sizeof *from };
    recur__entry *entry;
    RECUR__CHECK(recur__entry_add(file, prefix, &like, &entry));
    recur__wholes_to(from, count, entry->data);
    return RECUR_OK;
}

static recur_status add_rows(recur_file *file, const char *prefix, const char *name,
                             const float *from, int64_t rows, int64_t width)
{
    const recur_tensor info = {
        .size = sizeof info, .rank = 2, .dim = { rows, width, 1, 1 }, .name = name
    };
    return recur__file_add(file, prefix, &info, from, NULL);
}

static recur_status add_input(sample *s, recur_file *file, const char *prefix,
                              const recur_model_sample *given)
{
    if (!s->with_ids) {
        if (s->N)
            RECUR__CHECK(recur_packed_unpack(given->packed, RECUR_LAYOUT_JOINED,
                                             (size_t)s->I * sizeof(float), given->x, s->joined_x));
        return add_rows(file, prefix, RECUR__SAMPLE "x", s->joined_x, s->N, s->I);
    }
    if (s->N)
        RECUR__CHECK(recur_packed_unpack(given->packed, RECUR_LAYOUT_JOINED, sizeof(int32_t),
                                         given->ids, s->joined_ids));
    for (int64_t i = 0; i < s->N; i++) s->wholes[i] = s->joined_ids[i];
    return add_wholes(file, prefix, RECUR__SAMPLE "ids", s->wholes, s->N);
}

static recur_status put(sample *s, recur_file *file, const char *prefix,
                        const recur_model_sample *given, double tolerance)
{
    RECUR__CHECK(run(s, given->packed, given->x, given->ids));
    RECUR__CHECK(join(s, given->packed, given->y ? given->y : s->y, s->want));
    RECUR__CHECK(compare(s, tolerance));
    for (int64_t b = 0; b < s->B; b++) s->lengths[b] = recur_packed_length(given->packed, b);
    RECUR__CHECK(add_wholes(file, prefix, RECUR__SAMPLE "lengths", s->lengths, s->B));
    RECUR__CHECK(add_input(s, file, prefix, given));
    return add_rows(file, prefix, RECUR__SAMPLE "y", s->want, s->R, s->O);
}

recur_status recur_model_sample_init(recur_model_sample *sample_, size_t size)
{
    if (!sample_) return recur__fail(RECUR_E_ARGUMENT, "%s: sample is NULL", __func__);
    const recur_model_sample s = { .tolerance = TOLERANCE };
    return recur__set_out(__func__, &s, sizeof s, sample_, size);
}

recur_status recur__sample_put(const recur_layer *layer, recur_file *file, const char *prefix,
                               const recur_model_sample *sample_, double *tolerance)
{
    recur_model_sample given;
    RECUR__CHECK(recur__take("recur_model_sample", sample_, &given, sizeof given));
    RECUR__CHECK(recur__check_flags("recur_model_sample", given.flags, 0, "no flags"));
    if (!given.packed) return recur__fail(RECUR_E_ARGUMENT, "recur_model_sample: packed is NULL");
    if (!given.x == !given.ids)
        return recur__fail(RECUR_E_ARGUMENT, "recur_model_sample: %s of x and ids; one is needed",
                           given.x ? "both" : "none");
    if (!(given.tolerance >= 0 && isfinite(given.tolerance)))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_model_sample: tolerance is %g: it must be 0 or more, and finite",
                           given.tolerance);
    *tolerance = given.tolerance;
    if (given.tolerance == 0 && !recur__is_exact(sample_)) *tolerance = TOLERANCE;
    sample s;
    RECUR__CHECK(begin(layer, file->ctx, recur_packed_batch(given.packed),
                       recur_packed_rows(given.packed), given.ids != NULL, &s));
    const recur_status status = put(&s, file, prefix, &given, *tolerance);
    end(&s);
    return status;
}

/* ---- out of a file -------------------------------------------------------------------------- */

static recur_status find(const recur_file *file, const char *prefix, const char *name,
                         recur__entry **out)
{
    *out = recur__entry_find(file, prefix, name);
    if (*out) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "the model has a sample, but the file no tensor %.200s%s",
                       prefix, name);
}

static recur_status check_shape(const recur__entry *entry, bool wholes, int rank, int64_t rows,
                                int64_t width)
{
    const int64_t wanted[2] = { rows, width };
    if (wholes ? strcmp(entry->type->name, "I64") != 0 : !entry->type->element)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s is of type %s, not %s", entry->name,
                           entry->type->name, wholes ? "I64" : "one that becomes float32");
    if (entry->rank == rank && memcmp(entry->shape, wanted, (size_t)rank * sizeof *wanted) == 0)
        return RECUR_OK;
    return recur__fail(RECUR_E_SHAPE, "tensor %.200s has shape %s, the sample wants %s",
                       entry->name, recur__shape_say(entry->rank, entry->shape).text,
                       recur__shape_say(rank, wanted).text);
}

static recur_status take_lengths(const sample *s, const recur__entry *entry)
{
    int64_t rows = 0;
    recur__wholes_from(entry->data, s->B, s->lengths);
    for (int64_t b = 0; b < s->B; b++)
        if (s->lengths[b] < 0 || __builtin_add_overflow(rows, s->lengths[b], &rows))
            return recur__fail(RECUR_E_FORMAT, "tensor %.200s: sequence %lld has length %lld",
                               entry->name, (long long)b, (long long)s->lengths[b]);
    if (rows == s->N) return RECUR_OK;
    return recur__fail(RECUR_E_SHAPE, "tensor %.200s adds up to %lld rows, the sample has %lld",
                       entry->name, (long long)rows, (long long)s->N);
}

static recur_status take_ids(const sample *s, const recur__entry *entry)
{
    recur__wholes_from(entry->data, s->N, s->wholes);
    for (int64_t i = 0; i < s->N; i++) {
        if (s->wholes[i] < 0 || s->wholes[i] >= s->I)
            return recur__fail(RECUR_E_FORMAT, "tensor %.200s: id %lld is %lld, outside 0 to %lld",
                               entry->name, (long long)i, (long long)s->wholes[i],
                               (long long)s->I - 1);
        s->joined_ids[i] = (int32_t)s->wholes[i];
    }
    return RECUR_OK;
}

static recur_status pack(const sample *s, const recur_packed *packed)
{
    if (s->N == 0) return RECUR_OK;
    return s->with_ids ? recur_packed_pack(packed, RECUR_LAYOUT_JOINED, sizeof(int32_t),
                                           s->joined_ids, s->ids)
                       : recur_packed_pack(packed, RECUR_LAYOUT_JOINED,
                                           (size_t)s->I * sizeof(float), s->joined_x, s->x);
}

static recur_status run_packed(sample *s, double tolerance)
{
    recur_packed *packed;
    RECUR__CHECK(recur_packed_create(s->ctx, s->B, s->lengths, 0, &packed));
    recur_status status = pack(s, packed);
    if (!status) status = run(s, packed, s->x, s->ids);
    if (!status) status = compare(s, tolerance);
    recur_packed_release(packed);
    return status;
}

/* The same step by step, where the build has no passes: sequence after sequence, as they lie in the
 * file. */
static recur_status run_steps(sample *s, recur_state *state)
{
    int64_t row = 0;
    for (int64_t b = 0; b < s->B; b++) {
        RECUR__CHECK(recur_state_reset(state, -1));
        for (int64_t t = 0; t < s->lengths[b]; t++, row++) {
            float *y = s->joined_y + row * s->O;
            RECUR__CHECK(
                s->with_ids ? recur_layer_step_ids(s->layer, s->joined_ids + row, state, y, NULL)
                            : recur_layer_step(s->layer, s->joined_x + row * s->I, state, y, NULL));
        }
    }
    return RECUR_OK;
}

static recur_status run_stream(sample *s, double tolerance)
{
    recur_state *state;
    RECUR__CHECK(recur_state_create(s->layer, 1, &state));
    const recur_status status = run_steps(s, state);
    recur_state_release(state);
    return status ? status : compare(s, tolerance);
}

/* The tensors of a sample. */
typedef struct stored {
    recur__entry *lengths, *input, *y;
    bool with_ids;
} stored;

static recur_status take(sample *s, const stored *t, double tolerance)
{
    RECUR__CHECK(check_shape(t->input, s->with_ids, s->with_ids ? 1 : 2, s->N, s->I));
    RECUR__CHECK(check_shape(t->y, false, 2, s->R, s->O));
    RECUR__CHECK(take_lengths(s, t->lengths));
    if (s->with_ids)
        RECUR__CHECK(take_ids(s, t->input));
    else
        recur__floats_from(t->input->type, t->input->data, t->input->count, s->joined_x);
    recur__floats_from(t->y->type, t->y->data, t->y->count, s->want);
    return RECUR_BATCH ? run_packed(s, tolerance) : run_stream(s, tolerance);
}

recur_status recur__sample_check(const recur_layer *layer, recur_file *file, const char *prefix,
                                 double tolerance)
{
    stored t = { .with_ids = recur__entry_find(file, prefix, RECUR__SAMPLE "ids") != NULL };
    RECUR__CHECK(find(file, prefix, RECUR__SAMPLE "lengths", &t.lengths));
    RECUR__CHECK(
        find(file, prefix, t.with_ids ? RECUR__SAMPLE "ids" : RECUR__SAMPLE "x", &t.input));
    RECUR__CHECK(find(file, prefix, RECUR__SAMPLE "y", &t.y));
    RECUR__CHECK(check_shape(t.lengths, true, 1, t.lengths->count, 1));
    if (t.input->rank < 1) return check_shape(t.input, t.with_ids, t.with_ids ? 1 : 2, 0, 0);
    sample s;
    RECUR__CHECK(begin(layer, file->ctx, t.lengths->count, t.input->shape[0], t.with_ids, &s));
    const recur_status status = take(&s, &t, tolerance);
    end(&s);
    return status;
}
