/* model.c - a file, and the models in it. */
#include "command.h"

#include <stdlib.h>
#include <string.h>

static const char MODEL_TEXT[] = "recur.model";

static bool is_model(const char *key)
{
    const size_t length = strlen(key), tail = sizeof MODEL_TEXT - 1;
    return length >= tail && !strcmp(key + length - tail, MODEL_TEXT);
}

void open_file(const char *path, recur_context *ctx, opened *out)
{
    *out = (opened){ .path = path };
    check(recur_file_open(ctx, path, &out->file), path);
    const int64_t texts = recur_file_metadata_count(out->file);
    out->prefix = take(NULL, (size_t)texts, sizeof *out->prefix);
    for (int64_t i = 0; i < texts; i++) {
        const char *key = recur_file_metadata_key(out->file, i);
        if (!is_model(key)) continue;
        const int length = (int)(strlen(key) - sizeof MODEL_TEXT + 1);
        out->prefix[out->models++] = text("%.*s", length, key);
    }
}

void close_file(opened *file)
{
    for (int64_t i = 0; i < file->models; i++) free(file->prefix[i]);
    free(file->prefix);
    recur_file_release(file->file);
}

const char *chosen_prefix(const opened *file, const char *wanted)
{
    for (int64_t i = 0; wanted && i < file->models; i++)
        if (!strcmp(file->prefix[i], wanted)) return file->prefix[i];
    if (wanted) fail("%s: there is no model with the prefix \"%s\"", file->path, wanted);
    if (!file->models)
        fail("%s: there is no model in this file, only tensors and texts; a model is written by "
             "recur_model_save",
             file->path);
    if (file->models > 1)
        misuse("%s has %lld models; choose one: --prefix %s", file->path, (long long)file->models,
               *file->prefix[0] ? file->prefix[0] : file->prefix[1]);
    return file->prefix[0];
}

recur_layer *model_of(const opened *file, const char *prefix)
{
    recur_layer *layer;
    check(recur_file_get_model(file->file, prefix, &layer), file->path);
    return layer;
}

recur_context *make_context(int32_t isa, int32_t threads)
{
    const recur_context_options options = { .size = sizeof options,
                                            .isa = isa,
                                            .threads = threads };
    recur_context *ctx;
    check(recur_context_create(&options, &ctx), NULL);
    return ctx;
}

recur_layer_info described(const recur_layer *layer)
{
    recur_layer_info info = { .size = sizeof info };
    check(recur_layer_describe(layer, -1, &info), NULL);
    return info;
}
