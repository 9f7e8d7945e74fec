/* fuzz_resume.c - libFuzzer on what goes on where it stopped: the first two bytes choose an
 * optimizer, a layer or a state and the prefix of its tensors, the rest is a file from which it is
 * loaded. If that fails, the object is as it was, bit for bit; if not, it works. */
#include <stdlib.h>
#include <string.h>

#include "recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { COUNT = 12, B = 2, I = 2, H = 2 };

static void check(int good)
{
    if (!good) abort();
}

typedef struct saved {
    uint8_t *data;
    size_t bytes;
} saved;

static recur_file *new_file(void)
{
    recur_file *file;
    check(!recur_file_open_memory(NULL, NULL, 0, &file));
    return file;
}

/* The bytes of a file, which is released. */
static saved bytes_of(recur_file *file)
{
    saved s = { 0 };
    check(!recur_file_write_memory(file, NULL, &s.bytes));
    s.data = malloc(s.bytes);
    check(s.data && !recur_file_write_memory(file, s.data, &s.bytes));
    recur_file_release(file);
    return s;
}

/* Of an object before and after a load that failed. */
static void check_same(recur_status status, recur_file *before, recur_file *after)
{
    const saved a = bytes_of(before), b = bytes_of(after);
    if (status) {
        check(*recur_last_error() != 0);
        check(a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0);
    }
    free(a.data);
    free(b.data);
}

static void load_optimizer(unsigned choice, recur_file *file, const char *prefix)
{
    const float grads[COUNT] = { 1, 2, 3 };
    float params[COUNT] = { 0 };
    recur_optimizer_options o;
    recur_optimizer *optimizer;
    recur_file *before = new_file(), *after = new_file();
    check(
        !recur_optimizer_options_init(&o, sizeof o, 1 + (int32_t)(choice % RECUR_OPTIMIZER_NADAM)));
    check(!recur_optimizer_create(NULL, &o, COUNT, &optimizer));
    check(!recur_optimizer_step(optimizer, params, grads, COUNT, 1));
    check(!recur_file_put_optimizer(before, "", optimizer));
    const recur_status status = recur_file_get_optimizer(file, prefix, optimizer);
    check(!recur_file_put_optimizer(after, "", optimizer));
    check_same(status, before, after);
    const recur_status step = recur_optimizer_step(optimizer, params, grads, COUNT, 1);
    check(!step || *recur_last_error());
    recur_optimizer_release(optimizer);
}

static recur_layer *layer_of(unsigned choice)
{
    const int32_t cell = 1 + (int32_t)(choice % RECUR_CELL_SRU);
    const recur_clockwork_options clock = { .size = sizeof clock, .modules = 1 };
    const recur_recurrent_options o = {
        .size = sizeof o,
        .cell = cell,
        .input_size = I,
        .hidden_size = H,
        .flags = choice & 16 ? RECUR_LAYER_LEARN_INITIAL_STATE : 0,
        .clockwork = cell == RECUR_CELL_CLOCKWORK ? &clock : NULL,
    };
    recur_layer *layer;
    check(!recur_recurrent_create(NULL, &o, &layer));
    check(!recur_layer_init(layer, NULL, RECUR_INIT_UNIFORM, 0.5, 1));
    return layer;
}

static void load_layer(unsigned choice, recur_file *file, const char *prefix)
{
    const float x[3 * I] = { 0 };
    float y[3 * H];
    recur_layer *layer = layer_of(choice);
    recur_packed *packed;
    recur_file *before = new_file(), *after = new_file();
    check(!recur_file_put_layer(before, "", layer));
    const recur_status status = recur_file_get_layer(file, prefix, layer);
    check(!recur_file_put_layer(after, "", layer));
    check_same(status, before, after);
    check(!recur_packed_create(NULL, 1, NULL, 3, &packed));
    check(!recur_layer_forward(layer, packed, x, NULL, y, NULL));
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static void load_state(unsigned choice, recur_file *file, const char *prefix)
{
    const float x[B * I] = { 0 };
    float y[B * H];
    recur_layer *layer = layer_of(choice);
    recur_state *state;
    recur_file *before = new_file(), *after = new_file();
    check(!recur_state_create(layer, B, &state));
    check(!recur_layer_step(layer, x, state, y, NULL));
    check(!recur_file_put_state(before, "", state));
    const recur_status status = recur_file_get_state(file, prefix, state);
    check(!recur_file_put_state(after, "", state));
    check_same(status, before, after);
    check(!recur_layer_step(layer, x, state, y, NULL));
    recur_state_release(state);
    recur_layer_release(layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    recur_file *file;
    if (bytes < 2 || recur_file_open_memory(NULL, data + 2, bytes - 2, &file)) return 0;
    const char *prefix = data[1] & 4 ? "p." : "";
    const unsigned choice = data[0] >> 2;
    switch (data[0] % 3) {
    case 0:
        load_optimizer(choice, file, prefix);
        break;
    case 1:
        load_layer(choice, file, prefix);
        break;
    default:
        load_state(choice, file, prefix);
        break;
    }
    recur_file_release(file);
    return 0;
}
