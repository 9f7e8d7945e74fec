/* test_memory_failure_io.c - files, and what is saved to them and loaded, with their n-th
 * allocation failing: test_memory_failure.c says how. */
#include <unistd.h>

#include "support/failure.h"

static char path[] = "/tmp/recur_failure_XXXXXX";

MAKES(file_open_empty, file, recur_file_open_memory(w->ctx, NULL, 0, &out))
MAKES(file_open_memory, file, recur_file_open_memory(w->ctx, w->saved, w->saved_bytes, &out))
MAKES(model_get, layer, recur_file_get_model(w->file, "model.", &out))
MAKES(file_open, file, recur_file_open(w->ctx, "tests/golden/lstm_bi.safetensors", &out))
static recur_status layer_save(world *w) { return recur_file_put_layer(w->file, "again.", w->net); }
static recur_status optimizer_save(world *w)
{
    return recur_file_put_optimizer(w->empty, "again.", w->optimizer);
}
static recur_status state_save(world *w)
{
    return recur_file_put_state(w->empty, "again.", w->state);
}
static recur_status optimizer_load(world *w)
{
    return recur_file_get_optimizer(w->file, "adam.", w->optimizer);
}
static recur_status state_load(world *w)
{
    return recur_file_get_state(w->file, "state.", w->state);
}

static recur_status model_put(world *w)
{
    const recur_model_sample sample = {
        .size = sizeof sample, .packed = w->packed, .x = w->x, .tolerance = 1e-6
    };
    return recur_file_put_model(w->empty, "again.", w->net, &sample);
}

static recur_status model_save_and_open(world *w)
{
    recur_layer *layer = NULL;
    recur_status status = recur_model_save(w->net, path, NULL);
    if (!status) status = recur_model_open(w->ctx, path, &layer);
    if (!status) memcpy(w->result, recur_layer_params(layer), sizeof w->result);
    recur_layer_release(layer);
    return status;
}

static recur_status layer_load(world *w)
{
    const recur_status status = recur_file_get_layer(w->file, "net.", w->net);
    memcpy(w->result, recur_layer_params(w->net), sizeof w->result);
    return status;
}

static recur_status file_add(world *w)
{
    const recur_tensor info = {
        .size = sizeof info, .rank = 1, .dim = { N * I, 1, 1, 1 }, .name = "extra"
    };
    return recur_file_add(w->file, &info, w->x);
}

static recur_status file_set_text(world *w)
{
    return recur_file_set_metadata(w->file, "alphabet", "abcdefghijklmnopqrstuvwxyz");
}

static recur_status file_write(world *w) { return recur_file_write(w->file, path); }

static recur_status file_write_memory(world *w)
{
    size_t bytes = w->saved_bytes;
    return recur_file_write_memory(w->file, w->saved, &bytes);
}

static const call CALLS[] = {
    CALL(file_open_empty),   CALL(file_open_memory),    CALL(model_get),
    CALL(file_open),         GROWS(layer_save),         GROWS(optimizer_save),
    GROWS(state_save),       CALL(optimizer_load),      CALL(state_load),
    GROWS(model_put),        CALL(model_save_and_open), CALL(layer_load),
    GROWS(file_add),         GROWS(file_set_text),      CALL(file_write),
    CALL(file_write_memory),
};

static void every_allocation_fails(void **unused)
{
    (void)unused;
    every_allocation_of(CALLS, COUNT(CALLS));
}

static int make_path(void **unused)
{
    (void)unused;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **unused)
{
    (void)unused;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_allocation_fails) };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
