/* import.c - the public functions: a text of one form becomes a layer. */
#include "import/import.h"

typedef recur_status reader(recur__import *in, recur__json root);

static recur_status make(recur__import *in, reader *read, recur_layer **out)
{
    recur__json root;
    RECUR__CHECK(recur__json_check("the file", in->text, in->bytes, &root));
    RECUR__CHECK(read(in, root));
    if (in->count == 1)
        return recur__import_fail(in, RECUR_E_FORMAT, "", root, "the file has no layer");
    const int64_t from = in->layer[0] ? 0 : 1;
    return recur_graph_create(in->ctx, in->input_size, in->count - from, in->part + from, out);
}

static recur_status from_memory(recur_context *ctx, const void *data, size_t bytes, reader *read,
                                recur_layer **out)
{
    recur__import *in = recur__alloc(ctx, sizeof *in);
    if (!in) return recur__no_memory(sizeof *in);
    in->ctx = ctx;
    in->text = data ? data : "";
    in->bytes = bytes;
    in->input_size = in->width = 0;
    in->count = 1;
    in->layer[0] = NULL;
    const recur_status status = make(in, read, out);
    for (int64_t i = 0; i < in->count; i++) recur_layer_release(in->layer[i]);
    recur__free(ctx, in, sizeof *in);
    return status;
}

/* The whole file, between opening and closing it. */
static recur_status from_disk(recur_context *ctx, const recur__disk_in *disk, reader *read,
                              recur_layer **out)
{
    const size_t room = disk->bytes ? disk->bytes : 1;
    unsigned char *data = recur__alloc(ctx, room);
    if (!data) return recur__no_memory(room);
    recur_status status = recur__disk_read(disk, 0, data, disk->bytes);
    if (!status) {
        status = from_memory(ctx, data, disk->bytes, read, out);
        if (status) recur__fail_in(disk->path, status);
    }
    recur__free(ctx, data, room);
    return status;
}

/* A public function: its name for messages, and which form it reads. */
typedef struct door {
    const char *name;
    reader *read;
} door;

static recur_status check_given(const door *d, const char *what, bool given)
{
    return given ? RECUR_OK : recur__fail(RECUR_E_ARGUMENT, "%s: %s is NULL", d->name, what);
}

static recur_status open_path(const door *d, recur_context *ctx, const char *path,
                              recur_layer **out)
{
    recur__disk_in disk;
    RECUR__CHECK(check_given(d, "out", out != NULL));
    *out = NULL;
    if (!RECUR_FILES) return recur__left_out(d->name, "FILES");
    RECUR__CHECK(check_given(d, "path", path != NULL));
    RECUR__CHECK(recur__disk_open(&disk, path));
    const recur_status status = recur__disk_close(&disk, from_disk(ctx, &disk, d->read, out));
    if (!status || !*out) return status;
    recur_layer_release(*out);
    *out = NULL;
    return status;
}

static recur_status open_memory(const door *d, recur_context *ctx, const void *data, size_t bytes,
                                recur_layer **out)
{
    RECUR__CHECK(check_given(d, "out", out != NULL));
    *out = NULL;
    if (!data && bytes)
        return recur__fail(RECUR_E_ARGUMENT, "%s: data is NULL for %zu bytes", d->name, bytes);
    return from_memory(ctx, data, bytes, d->read, out);
}

recur_status recur_import_nam(recur_context *ctx, const char *path, recur_layer **out)
{
    return open_path(&(door){ __func__, recur__import_nam }, ctx, path, out);
}

recur_status recur_import_nam_memory(recur_context *ctx, const void *data, size_t bytes,
                                     recur_layer **out)
{
    return open_memory(&(door){ __func__, recur__import_nam }, ctx, data, bytes, out);
}

recur_status recur_import_rtneural(recur_context *ctx, const char *path, recur_layer **out)
{
    return open_path(&(door){ __func__, recur__import_rtneural }, ctx, path, out);
}

recur_status recur_import_rtneural_memory(recur_context *ctx, const void *data, size_t bytes,
                                          recur_layer **out)
{
    return open_memory(&(door){ __func__, recur__import_rtneural }, ctx, data, bytes, out);
}
