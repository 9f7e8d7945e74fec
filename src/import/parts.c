/* parts.c - a network in the making, part by part, and messages that say where in the file. */
#include <stdarg.h>
#include <stdio.h>

#include "import/import.h"

/* ---- messages ------------------------------------------------------------------------------- */

recur__place recur__place_of(const char *format, ...)
{
    recur__place place;
    va_list args;
    va_start(args, format);
    vsnprintf(place.text, sizeof place.text, format, args);
    va_end(args);
    return place;
}

recur_status recur__import_fail(const recur__import *in, recur_status code, const char *place,
                                recur__json value, const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    const size_t byte = value.at ? (size_t)(value.at - in->text) : 0;
    if (*place == 0) return recur__fail(code, "byte %zu: %s", byte, words);
    return recur__fail(code, "%s (byte %zu): %s", place, byte, words);
}

/* ---- parts ---------------------------------------------------------------------------------- */

/* A first layer has parameters for each feature, so a file of fewer bytes lies. */
recur_status recur__import_begin(recur__import *in, recur__json value, int64_t input_size)
{
    if ((uint64_t)input_size > in->bytes)
        return recur__import_fail(in, RECUR_E_FORMAT, "", value,
                                  "the input has %lld features, but the file only %zu bytes",
                                  (long long)input_size, in->bytes);
    in->input_size = in->width = input_size;
    return RECUR_OK;
}

recur_status recur__import_add(recur__import *in, const char *place, recur__json value,
                               const char *name, recur_layer *layer)
{
    recur_layer_info info = { .size = sizeof info };
    const int64_t i = in->count;
    if (i == RECUR__IMPORT_PARTS) {
        recur_layer_release(layer);
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place, value,
                                  "a network of more than %d parts is not read",
                                  RECUR__IMPORT_PARTS);
    }
    in->layer[i] = layer;
    in->part[i] = (recur_graph_part){ .name = in->name[i], .layer = layer };
    snprintf(in->name[i], sizeof in->name[i], "%s", name);
    in->count++;
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    if (in->input_size == 0) RECUR__CHECK(recur__import_begin(in, value, info.input_size));
    if (info.input_size != in->width)
        return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                                  "it takes %lld features, but %lld come in",
                                  (long long)info.input_size, (long long)in->width);
    in->width = info.output_size;
    return RECUR_OK;
}

void recur__import_add_first(recur__import *in, const char *name, recur_layer *layer)
{
    in->layer[0] = layer;
    in->part[0] = (recur_graph_part){ .name = in->name[0], .layer = layer };
    snprintf(in->name[0], sizeof in->name[0], "%s", name);
}

float *recur__import_tensor(recur_layer *layer, const char *name)
{
    recur_tensor tensor = { .size = sizeof tensor };
    for (int64_t i = 0; recur_layer_tensor_info(layer, i, &tensor) == RECUR_OK; i++)
        if (strcmp(tensor.name, name) == 0) return recur_layer_params(layer) + tensor.offset;
    return NULL;
}
