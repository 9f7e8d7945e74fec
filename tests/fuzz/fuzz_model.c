/* fuzz_model.c - libFuzzer on structures: the bytes are the text "recur.model" of a file with the
 * parameters of a small chain. What opens must run, and come back the same when it is saved. */
#include <stdlib.h>
#include <string.h>

#include "recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(int good)
{
    if (!good) abort();
}

/* The bytes of a file with a chain of everything. */
static uint8_t *chain_in_a_file(size_t *bytes)
{
    const recur_recurrent_options gru = {
        .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = 2, .hidden_size = 2
    };
    const char *const names[] = { "rnn", "last", "fc" };
    recur_layer *part[3], *net;
    recur_file *file;
    check(!recur_recurrent_create(NULL, &gru, &part[0]) &&
          !recur_last_create(NULL, 2, 0, &part[1]));
    check(!recur_linear_create(NULL, 2, 2, 0, &part[2]));
    check(!recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 3, names, part, &net));
    check(!recur_file_open_memory(NULL, NULL, 0, &file));
    check(!recur_file_put_model(file, "", net, NULL));
    for (int i = 0; i < 3; i++) recur_layer_release(part[i]);
    recur_layer_release(net);
    *bytes = 0;
    check(!recur_file_write_memory(file, NULL, bytes));
    uint8_t *data = malloc(*bytes);
    check(data && !recur_file_write_memory(file, data, bytes));
    recur_file_release(file);
    return data;
}

/* The same file with another structure. */
static recur_file *file_saying(const char *structure)
{
    static uint8_t *chain;
    static size_t bytes;
    recur_file *file;
    if (!chain) chain = chain_in_a_file(&bytes);
    check(!recur_file_open_memory(NULL, chain, bytes, &file));
    if (recur_file_set_metadata(file, "recur.model", structure))
        check(!recur_file_set_metadata(file, "recur.model", "{}")); /* not UTF-8 */
    return file;
}

static void run(const recur_layer *layer)
{
    recur_layer_info info = { .size = sizeof info };
    recur_packed *packed;
    check(!recur_layer_describe(layer, -1, &info));
    if (!(info.capabilities & RECUR_CAN_TAKE_ROWS) || info.input_size > 10000 ||
        info.output_size > 10000)
        return;
    check(!recur_packed_create(NULL, 1, NULL, 2, &packed));
    float *x = calloc((size_t)info.input_size * 2, sizeof *x),
          *y = calloc((size_t)info.output_size * 2, sizeof *y);
    check(x && y && !recur_layer_forward(layer, packed, x, NULL, y, NULL));
    recur_packed_release(packed);
    free(x);
    free(y);
}

/* Saved and opened again it says the same of itself. */
static void come_back(const recur_layer *layer)
{
    recur_file *file, *other;
    recur_layer *back;
    check(!recur_file_open_memory(NULL, NULL, 0, &file) &&
          !recur_file_open_memory(NULL, NULL, 0, &other));
    check(!recur_file_put_model(file, "p.", layer, NULL));
    check(!recur_file_get_model(file, "p.", &back));
    check(!recur_file_put_model(other, "p.", back, NULL));
    check(strcmp(recur_file_metadata(file, "p.recur.model"),
                 recur_file_metadata(other, "p.recur.model")) == 0);
    recur_layer_release(back);
    recur_file_release(file);
    recur_file_release(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = calloc(bytes + 1, 1);
    check(text != NULL);
    memcpy(text, data, bytes);
    recur_file *file = file_saying(text);
    recur_layer *layer;
    if (!recur_file_get_model(file, "", &layer)) {
        run(layer);
        come_back(layer);
    } else {
        check(layer == NULL && *recur_last_error());
    }
    recur_layer_release(layer);
    recur_file_release(file);
    free(text);
    return 0;
}
