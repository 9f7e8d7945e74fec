/* fuzz_file.c - libFuzzer on safetensors files: whatever opens must be readable, writable, and the
 * same when it is opened again; and what opens as a network must be saved as one. */
#include <stdlib.h>
#include <string.h>

#include "recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(int good)
{
    if (!good) abort();
}

static void read_all(recur_file *file, size_t bytes)
{
    for (int64_t i = 0; i < recur_file_tensor_count(file); i++) {
        recur_tensor t = { .size = sizeof t };
        check(!recur_file_tensor_info(file, i, &t));
        /* No type is smaller than half a byte. */
        check(t.count >= 0 && (uint64_t)t.count <= 2 * bytes);
        float *to = malloc((size_t)t.count * sizeof *to + 1);
        const recur_status status = to ? recur_file_read(file, t.name, to, t.count)
                                       : RECUR_E_MEMORY;
        check(!status || status == RECUR_E_UNSUPPORTED);
        free(to);
    }
}

static uint8_t *write_all(const recur_file *file, size_t *bytes)
{
    *bytes = 0;
    check(!recur_file_write_memory(file, NULL, bytes));
    uint8_t *data = malloc(*bytes);
    check(data != NULL && !recur_file_write_memory(file, data, bytes));
    return data;
}

/* What is written opens, and is written as the same bytes again. */
static void write_twice(const recur_file *file)
{
    size_t bytes, bytes_again;
    recur_file *back;
    uint8_t *data = write_all(file, &bytes);
    check(!recur_file_open_memory(NULL, data, bytes, &back));
    check(recur_file_tensor_count(back) == recur_file_tensor_count(file) &&
          recur_file_metadata_count(back) == recur_file_metadata_count(file));
    uint8_t *data_again = write_all(back, &bytes_again);
    check(bytes == bytes_again && memcmp(data, data_again, bytes) == 0);
    recur_file_release(back);
    free(data);
    free(data_again);
}

static void get_model(recur_file *file)
{
    recur_layer *layer;
    recur_file *other;
    if (recur_file_get_model(file, "", &layer)) {
        check(layer == NULL && *recur_last_error());
        return;
    }
    check(!recur_file_open_memory(NULL, NULL, 0, &other));
    check(!recur_file_put_model(other, "", layer, NULL));
    recur_file_release(other);
    recur_layer_release(layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    recur_file *file;
    if (recur_file_open_memory(NULL, data, bytes, &file)) {
        check(file == NULL && *recur_last_error());
        return 0;
    }
    read_all(file, bytes);
    write_twice(file);
    get_model(file);
    recur_file_release(file);
    return 0;
}
