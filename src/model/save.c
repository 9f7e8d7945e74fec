/* save.c - a whole network into a file: its parameters as tensors, its structure as the text
 * "recur.model":
 *
 *     { "version": 1,
 *       "layer": { "type": "sequential", ...,
 *                  "parts": [ { "name": "rnn", "type": "lstm", ... }, ... ] },
 *       "sample": { "tolerance": 0.0001 } } */
#include "model/model.h"
#include "core/layer.h"

/* ---- the tree ------------------------------------------------------------------------------- */

static recur_status put_layer(recur__json_writer *w, const recur_layer *layer,
                              const recur_layer_info *part, int depth, int64_t *layers);

static recur_status put_part(recur__json_writer *w, const recur_layer *layer, int64_t index,
                             int depth, int64_t *layers)
{
    recur_layer_info info = { .size = sizeof info };
    recur_layer *part;
    RECUR__CHECK(recur_layer_describe(layer, index, &info));
    if (!recur__is_utf8(info.name))
        return recur__fail(RECUR_E_FORMAT, "the name of part %lld, of %zu bytes, is not UTF-8",
                           (long long)index, strlen(info.name));
    RECUR__CHECK(recur_layer_child(layer, info.name, &part, NULL));
    const recur_status status = put_layer(w, part, &info, depth, layers);
    recur_layer_release(part);
    return status;
}

static recur_status put_parts(recur__json_writer *w, const recur_layer *layer, int64_t parts,
                              int depth, int64_t *layers)
{
    recur__json_put_name(w, "", "parts");
    recur__json_open(w, '[');
    for (int64_t i = 0; i < parts; i++) RECUR__CHECK(put_part(w, layer, i, depth, layers));
    recur__json_close(w, ']');
    return RECUR_OK;
}

/* part: what its layer says of it, and what it takes; NULL: it is nobody's part. */
static recur_status put_layer(recur__json_writer *w, const recur_layer *layer,
                              const recur_layer_info *part, int depth, int64_t *layers)
{
    if (depth > RECUR__MODEL_DEPTH || ++*layers > RECUR__MODEL_LAYERS)
        return recur__fail(RECUR_E_UNSUPPORTED, "a model file holds at most %d layers, %d deep",
                           RECUR__MODEL_LAYERS, RECUR__MODEL_DEPTH);
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    RECUR__CHECK(recur__structure_can_put(&info));
    recur__json_open(w, '{');
    recur__structure_put(w, &info, part != NULL);
    if (part) recur__wiring_put(w, part);
    if (info.parts) RECUR__CHECK(put_parts(w, layer, info.parts, depth + 1, layers));
    recur__json_close(w, '}');
    return RECUR_OK;
}

/* ---- the text ------------------------------------------------------------------------------- */

/* Measures the text, or writes it. tolerance NULL: there is no sample. */
static recur_status put_structure(recur__json_writer *w, const recur_layer *layer,
                                  const double *tolerance)
{
    int64_t layers = 0;
    recur__json_open(w, '{');
    recur__json_put_name(w, "", "version");
    recur__json_put_whole(w, RECUR__MODEL_VERSION);
    recur__json_put_name(w, "", "layer");
    RECUR__CHECK(put_layer(w, layer, NULL, 1, &layers));
    if (tolerance) {
        recur__json_put_name(w, "", "sample");
        recur__json_open(w, '{');
        recur__json_put_name(w, "", "tolerance");
        recur__json_put_double(w, *tolerance);
        recur__json_close(w, '}');
    }
    recur__json_close(w, '}');
    return RECUR_OK;
}

static recur_status add_structure(recur_file *file, const char *prefix, const recur_layer *layer,
                                  const double *tolerance)
{
    recur__json_writer measure = { .to = NULL };
    RECUR__CHECK(put_structure(&measure, layer, tolerance));
    const size_t bytes = measure.used + 1;
    recur__json_writer write = { .to = recur__alloc(file->ctx, bytes) };
    if (!write.to) return recur__no_memory(bytes);
    recur_status status = put_structure(&write, layer, tolerance);
    write.to[measure.used] = '\0';
    if (!status) status = recur__text_add(file, prefix, RECUR__MODEL_TEXT, write.to);
    recur__free(file->ctx, write.to, bytes);
    return status;
}

/* The sample is one of the parameters that the file gives back. */
static recur_status put_sample(const recur_layer *layer, recur_file *file, const char *prefix,
                               const recur_model_sample *sample, double *tolerance)
{
    recur_layer *rounded;
    if (!file->stored) return recur__sample_put(layer, file, prefix, sample, tolerance);
    RECUR__CHECK(recur_layer_copy(layer, &rounded));
    recur__round_floats(file->stored, recur_layer_param_count(rounded),
                        recur_layer_params(rounded));
    const recur_status status = recur__sample_put(rounded, file, prefix, sample, tolerance);
    recur_layer_release(rounded);
    return status;
}

static recur_status put(const recur_layer *layer, recur_file *file, const char *prefix,
                        const recur_model_sample *sample)
{
    if (recur__file_text(file, prefix, RECUR__MODEL_TEXT))
        return recur__fail(RECUR_E_ARGUMENT,
                           "the file has a model under the prefix \"%.200s\" already", prefix);
    double tolerance = 0;
    RECUR__CHECK(recur_file_put_layer(file, prefix, layer));
    if (sample) RECUR__CHECK(put_sample(layer, file, prefix, sample, &tolerance));
    return add_structure(file, prefix, layer, sample ? &tolerance : NULL);
}

/* ---- the doors ------------------------------------------------------------------------------ */

recur_status recur_file_put_model(recur_file *file, const char *prefix, const recur_layer *layer,
                                  const recur_model_sample *sample)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(file);
    if (!prefix) prefix = "";
    if (!recur__is_utf8(prefix))
        return recur__fail(RECUR_E_FORMAT, "a prefix of %zu bytes is not UTF-8", strlen(prefix));
    const int64_t entries = file->entries.count, texts = file->texts.count;
    const recur_status status = put(layer, file, prefix, sample);
    if (status) recur__file_shrink(file, entries, texts);
    return status;
}

recur_status recur_model_save(const recur_layer *layer, const char *path,
                              const recur_model_sample *sample)
{
    RECUR__NEEDS(FILES);
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(path);
    recur_file *file;
    RECUR__CHECK(recur__file_create(recur__layer_context(layer), &file));
    recur_status status = recur_file_put_model(file, "", layer, sample);
    if (!status) status = recur_file_write(file, path);
    recur_file_release(file);
    return status;
}
