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

static recur_status tree_json(const recur_layer *layer, int depth, int64_t *layers, json_t **out);

static recur_status part_json(const recur_layer *layer, int64_t index, int depth, int64_t *layers,
                              json_t **out)
{
    recur_layer_info info = { .size = sizeof info };
    recur_layer *part;
    RECUR__CHECK(recur_layer_describe(layer, index, &info));
    if (!recur__is_utf8(info.name))
        return recur__fail(RECUR_E_FORMAT, "the name of part %lld, of %zu bytes, is not UTF-8",
                           (long long)index, strlen(info.name));
    RECUR__CHECK(recur_layer_child(layer, info.name, &part, NULL));
    const recur_status status = tree_json(part, depth, layers, out);
    recur_layer_release(part);
    return status ? status : recur__wiring_put(&info, *out);
}

static recur_status parts_json(const recur_layer *layer, int64_t parts, int depth, int64_t *layers,
                               json_t *object)
{
    json_t *array = json_array();
    if (json_object_set_new(object, "parts", array))
        return recur__fail(RECUR_E_MEMORY, "there is no memory to describe %lld parts",
                           (long long)parts);
    for (int64_t i = 0; i < parts; i++) {
        json_t *part = NULL;
        recur_status status = part_json(layer, i, depth, layers, &part);
        if (!status && json_array_append(array, part))
            status = recur__fail(RECUR_E_MEMORY, "there is no memory to describe %lld parts",
                                 (long long)parts);
        json_decref(part);
        if (status) return status;
    }
    return RECUR_OK;
}

static recur_status tree_json(const recur_layer *layer, int depth, int64_t *layers, json_t **out)
{
    if (depth > RECUR__MODEL_DEPTH || ++*layers > RECUR__MODEL_LAYERS)
        return recur__fail(RECUR_E_UNSUPPORTED, "a model file holds at most %d layers, %d deep",
                           RECUR__MODEL_LAYERS, RECUR__MODEL_DEPTH);
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    RECUR__CHECK(recur__structure_put(&info, depth > 1, out));
    const recur_status status = info.parts ? parts_json(layer, info.parts, depth + 1, layers, *out)
                                           : RECUR_OK;
    if (status) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

/* ---- the text ------------------------------------------------------------------------------- */

static recur_status add_text(recur_file *file, const char *prefix, const json_t *root)
{
    const size_t used = json_dumpb(root, NULL, 0, JSON_COMPACT);
    char *text = used ? recur__alloc(file->ctx, used + 1) : NULL;
    if (!text) return recur__no_memory(used + 1);
    recur_status status = RECUR_OK;
    if (json_dumpb(root, text, used, JSON_COMPACT) != used) status = recur__no_memory(used);
    text[used] = '\0';
    if (!status) status = recur__text_add(file, prefix, RECUR__MODEL_TEXT, text);
    recur__free(file->ctx, text, used + 1);
    return status;
}

/* Takes the tree over. */
static recur_status add_structure(recur_file *file, const char *prefix, json_t *tree,
                                  const double *tolerance)
{
    json_t *root = json_object();
    bool good = json_object_set_new(root, "version", json_integer(RECUR__MODEL_VERSION)) == 0;
    good = json_object_set_new(root, "layer", tree) == 0 &&
           good; /* takes it over, even on failure */
    if (tolerance)
        good = good && json_object_set_new(root, "sample",
                                           json_pack("{s:f}", "tolerance", *tolerance)) == 0;
    recur_status status;
    if (good)
        status = add_text(file, prefix, root);
    else
        status = recur__fail(RECUR_E_MEMORY, "there is no memory for the structure of a model");
    json_decref(root);
    return status;
}

static recur_status put(const recur_layer *layer, recur_file *file, const char *prefix,
                        const recur_model_sample *sample)
{
    if (recur__file_text(file, prefix, RECUR__MODEL_TEXT))
        return recur__fail(RECUR_E_ARGUMENT,
                           "the file has a model under the prefix \"%.200s\" already", prefix);
    double tolerance = 0;
    int64_t layers = 0;
    json_t *tree = NULL;
    RECUR__CHECK(recur_file_put_layer(file, prefix, layer));
    if (sample) RECUR__CHECK(recur__sample_put(layer, file, prefix, sample, &tolerance));
    RECUR__CHECK(tree_json(layer, 1, &layers, &tree));
    return add_structure(file, prefix, tree, sample ? &tolerance : NULL);
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
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(path);
    recur_file *file;
    RECUR__CHECK(recur__file_create(recur__layer_context(layer), &file));
    recur_status status = recur_file_put_model(file, "", layer, sample);
    if (!status) status = recur_file_write(file, path);
    recur_file_release(file);
    return status;
}
