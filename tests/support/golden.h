/* golden.h - reading the cases of tests/golden: safetensors files whose texts say what they are. */
#ifndef SUPPORT_GOLDEN_H
#define SUPPORT_GOLDEN_H

#include "support/support.h"

static inline bool has(const recur_file *file, const char *name)
{
    recur_tensor t = { .size = sizeof t };
    return recur_file_find(file, name, &t) == RECUR_OK;
}

static inline int64_t count_of(const recur_file *file, const char *name)
{
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(file, name, &t));
    return t.count;
}

static inline float *array(recur_file *file, const char *name)
{
    const int64_t count = count_of(file, name);
    float *values = floats(count);
    OK(recur_file_read(file, name, values, count));
    return values;
}

/* A number of the file as an integer array: lengths, labels. */
static inline int64_t *read_integers(recur_file *file, const char *name)
{
    const int64_t count = count_of(file, name);
    const float *values = array(file, name);
    int64_t *integers = bytes_of(count, sizeof *integers);
    for (int64_t i = 0; i < count; i++) integers[i] = (int64_t)values[i];
    return integers;
}

static inline double number(const recur_file *file, const char *key, double otherwise)
{
    const char *text = recur_file_metadata(file, key);
    if (!text) return otherwise;
    return strcmp(text, "True") == 0 ? 1 : strtod(text, NULL);
}

static inline bool text_is(const recur_file *file, const char *key, const char *value)
{
    const char *text = recur_file_metadata(file, key);
    return text && strcmp(text, value) == 0;
}

static inline int cell_of(const recur_file *file)
{
    for (int k = 0; k < COUNT(KINDS); k++)
        if (text_is(file, "mode", KINDS[k].name)) return KINDS[k].cell;
    fail_msg("unknown mode %s", recur_file_metadata(file, "mode"));
    return 0;
}

/* Reads h and c one after the other, as a state holds them; NULL if the file has none. */
static inline float *read_state(recur_file *file, const char *h_name, const char *c_name)
{
    if (!has(file, h_name)) return NULL;
    const int64_t n = count_of(file, h_name);
    float *h = array(file, h_name);
    if (!has(file, c_name)) return h;
    const int64_t m = count_of(file, c_name);
    float *both = floats(n + m);
    memcpy(both, h, (size_t)n * sizeof *both);
    memcpy(both + n, array(file, c_name), (size_t)m * sizeof *both);
    return both;
}

static inline recur_layer *read_layer(recur_context *ctx, recur_file *file, uint32_t flags)
{
    const int64_t L = (int64_t)number(file, "num_layers", 1);
    const int direction = number(file, "bidirectional", 0) != 0 ? RECUR_DIRECTION_BIDIRECTIONAL
                                                                : RECUR_DIRECTION_FORWARD;
    const recur_recurrent_options options = {
        .size = sizeof options,
        .cell = cell_of(file),
        .input_size = (int64_t)number(file, "input_size", 0),
        .hidden_size = (int64_t)number(file, "hidden_size", 0),
        .num_layers = L,
        .projection_size = (int64_t)number(file, "proj_size", 0),
        .direction = direction,
        .flags = flags
    };
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &options, &layer));
    return layer;
}

static inline uint32_t bias_flag(const recur_file *file)
{
    return number(file, "bias", 1) != 0 ? 0 : RECUR_LAYER_NO_BIAS;
}

/* Reads parameters one by one by their names, which are prefix + name in the file. */
static inline void check_params(const recur_layer *layer, recur_file *file, const char *prefix,
                                const float *got, tolerance allowed)
{
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor t = { .size = sizeof t };
        char name[128];
        OK(recur_layer_tensor_info(layer, i, &t));
        snprintf(name, sizeof name, "%s%s", prefix, t.name);
        check_near(name, t.count, got + t.offset, array(file, name), allowed);
    }
}

static inline void read_params(recur_layer *layer, recur_file *file)
{
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_layer_tensor_info(layer, i, &t));
        OK(recur_file_read(file, t.name, recur_layer_params(layer) + t.offset, t.count));
    }
}

#endif
