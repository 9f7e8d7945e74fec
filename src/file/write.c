/* write.c - the header in JSON, then the data of every tensor in the order they were added: to
 * memory or to disk. */
#include <jansson.h>

#include "file/file.h"

enum { LENGTH = 8, PADDING = 8 };

/* What stands before the buffer: length and header. */
typedef struct front_matter {
    unsigned char *data;
    size_t bytes;
    size_t total; /* with the buffer */
} front_matter;

/* ---- the header: functions give NULL or false for lack of memory ---------------------------- */

static json_t *texts_json(const recur_file *file)
{
    json_t *texts = json_object();
    bool good = texts != NULL;
    for (int64_t i = 0; good && i < file->texts.count; i++) {
        const recur__text *text = recur__text_at(file, i);
        good = json_object_set_new(texts, text->key, json_string(text->value)) == 0;
    }
    if (good) return texts;
    json_decref(texts);
    return NULL;
}

static bool append(json_t *array, int64_t value)
{
    return json_array_append_new(array, json_integer(value)) == 0;
}

static json_t *entry_json(const recur__entry *entry, size_t begin)
{
    json_t *object = json_object(), *shape = json_array(), *offsets = json_array();
    bool good = json_object_set_new(object, "dtype", json_string(entry->type->name)) == 0;
    for (int i = 0; i < entry->rank; i++) good = append(shape, entry->shape[i]) && good;
    good = append(offsets, (int64_t)begin) && append(offsets, (int64_t)(begin + entry->bytes)) &&
           good;
    good = json_object_set_new(object, "shape", shape) == 0 &&
           good; /* takes shape over, even on failure */
    good = json_object_set_new(object, "data_offsets", offsets) == 0 && good;
    if (good) return object;
    json_decref(object);
    return NULL;
}

static json_t *header_json(const recur_file *file)
{
    json_t *root = json_object();
    bool good = root != NULL;
    if (file->texts.count) good = json_object_set_new(root, "__metadata__", texts_json(file)) == 0;
    size_t at = 0;
    for (int64_t i = 0; good && i < file->entries.count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        good = json_object_set_new(root, entry->name, entry_json(entry, at)) == 0;
        at += entry->bytes;
    }
    if (good) return root;
    json_decref(root);
    return NULL;
}

/* ---- the front ------------------------------------------------------------------------------ */

static recur_status put_json(const recur_file *file, const json_t *root, front_matter *out)
{
    const size_t used = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    if (used == 0)
        return recur__fail(RECUR_E_MEMORY, "there is no memory for the header of %lld tensors",
                           (long long)file->entries.count);
    const size_t header = (used + PADDING - 1) / PADDING * PADDING;
    if (header > RECUR__FILE_HEADER)
        return recur__fail(RECUR_E_FORMAT, "a header of %zu bytes; safetensors allows %d", header,
                           RECUR__FILE_HEADER);
    out->bytes = LENGTH + header;
    out->data = recur__alloc(file->ctx, out->bytes);
    if (!out->data) return recur__no_memory(out->bytes);
    for (int i = 0; i < LENGTH; i++) out->data[i] = (unsigned char)((uint64_t)header >> 8 * i);
    memset(out->data + LENGTH + used, ' ', header - used);
    if (json_dumpb(root, (char *)out->data + LENGTH, used, JSON_COMPACT) == used) return RECUR_OK;
    recur__free(file->ctx, out->data, out->bytes);
    return recur__fail(RECUR_E_MEMORY, "there is no memory to write a header of %zu bytes", header);
}

static recur_status make_front(const recur_file *file, front_matter *out)
{
    size_t buffer = 0;
    for (int64_t i = 0; i < file->entries.count; i++)
        if (__builtin_add_overflow(buffer, recur__entry_at(file, i)->bytes, &buffer))
            return recur__no_memory(SIZE_MAX);
    json_t *root = header_json(file);
    const recur_status status = put_json(file, root, out);
    json_decref(root);
    if (status) return status;
    if (!__builtin_add_overflow(out->bytes, buffer, &out->total)) return RECUR_OK;
    recur__free(file->ctx, out->data, out->bytes);
    return recur__no_memory(SIZE_MAX);
}

/* ---- into memory, onto the disk ------------------------------------------------------------- */

static void copy_out(const recur_file *file, const front_matter *front, unsigned char *to)
{
    memcpy(to, front->data, front->bytes);
    to += front->bytes;
    for (int64_t i = 0; i < file->entries.count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        if (entry->bytes) memcpy(to, entry->data, entry->bytes);
        to += entry->bytes;
    }
}

recur_status recur_file_write_memory(const recur_file *file, void *data, size_t *bytes)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(bytes);
    front_matter front;
    RECUR__CHECK(make_front(file, &front));
    const size_t room = *bytes;
    *bytes = front.total;
    recur_status status = RECUR_OK;
    if (data && room < front.total)
        status = recur__fail(RECUR_E_SHAPE, "the file needs %zu bytes, room is given for %zu",
                             front.total, room);
    else if (data)
        copy_out(file, &front, data);
    recur__free(file->ctx, front.data, front.bytes);
    return status;
}

static recur_status put_all(const recur_file *file, const front_matter *front, const char *path)
{
    recur__disk disk;
    RECUR__CHECK(recur__disk_begin(&disk, file->ctx, path));
    recur_status status = recur__disk_put(&disk, front->data, front->bytes);
    for (int64_t i = 0; !status && i < file->entries.count; i++)
        status = recur__disk_put(&disk, recur__entry_at(file, i)->data,
                                 recur__entry_at(file, i)->bytes);
    return recur__disk_end(&disk, status);
}

recur_status recur_file_write(const recur_file *file, const char *path)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(path);
    front_matter front;
    RECUR__CHECK(make_front(file, &front));
    const recur_status status = put_all(file, &front, path);
    recur__free(file->ctx, front.data, front.bytes);
    return status;
}
