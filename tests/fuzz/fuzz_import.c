/* fuzz_import.c - libFuzzer on files of other programs: what opens must run, be saved, and come
 * back the same. */
#include <stdlib.h>
#include <string.h>

#include "recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { T = 2, MOST = 1 << 20 };

static void check(int good)
{
    if (!good) abort();
}

/* A pass, if the states are of a size to be tried: a dilation costs a file nothing. */
static float *run(const recur_layer *layer, const recur_layer_info *info)
{
    recur_packed *packed;
    recur_layer_info part = { .size = sizeof part };
    for (int64_t i = 0; i < info->parts; i++) {
        check(!recur_layer_describe(layer, i, &part));
        if (part.conv && part.conv->dilation > 1000) return NULL;
    }
    float *x = calloc((size_t)(info->input_size * T), sizeof *x);
    float *y = calloc((size_t)(info->output_size * T), sizeof *y);
    check(!recur_packed_create(NULL, 1, NULL, T, &packed));
    check(x && y && !recur_layer_forward(layer, packed, x, NULL, y, NULL));
    recur_packed_release(packed);
    free(x);
    return y;
}

static void come_back(const recur_layer *layer, const recur_layer_info *info, const float *y)
{
    recur_file *file;
    recur_layer *back;
    check(!recur_file_open_memory(NULL, NULL, 0, &file));
    check(!recur_file_put_model(file, "", layer, NULL));
    check(!recur_file_get_model(file, "", &back));
    float *again = run(back, info);
    check(memcmp(y, again, (size_t)(info->output_size * T) * sizeof *y) == 0);
    free(again);
    recur_layer_release(back);
    recur_file_release(file);
}

static void try_door(recur_status status, recur_layer *layer)
{
    recur_layer_info info = { .size = sizeof info };
    if (status) {
        check(layer == NULL && *recur_last_error());
        return;
    }
    check(!recur_layer_describe(layer, -1, &info));
    check(info.input_size <= MOST && info.output_size <= MOST);
    float *y = run(layer, &info);
    if (y) come_back(layer, &info, y);
    free(y);
    recur_layer_release(layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    recur_layer *layer;
    recur_status status = recur_import_nam_memory(NULL, data, bytes, &layer);
    try_door(status, layer);
    status = recur_import_rtneural_memory(NULL, data, bytes, &layer);
    try_door(status, layer);
    return 0;
}
