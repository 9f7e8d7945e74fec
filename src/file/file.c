/* file.c - the object: its tensors and texts, looking them up, adding to them, reading them as
 * floats. */
#include <stdio.h>

#include "file/file.h"

/* ---- lists ---------------------------------------------------------------------------------- */

recur_status recur__list_reserve(const recur_context *ctx, recur__list *list, int64_t count)
{
    if (count <= list->room) return RECUR_OK;
    void **items = recur__alloc(ctx, (size_t)count * sizeof *items);
    if (!items) return recur__no_memory((size_t)count * sizeof *items);
    if (list->count) memcpy(items, list->items, (size_t)list->count * sizeof *items);
    recur__free(ctx, list->items, (size_t)list->room * sizeof *items);
    list->items = items;
    list->room = count;
    return RECUR_OK;
}

static recur_status push(const recur_context *ctx, recur__list *list, void *item)
{
    if (list->count == list->room)
        RECUR__CHECK(recur__list_reserve(ctx, list, list->room ? 2 * list->room : 16));
    list->items[list->count++] = item;
    return RECUR_OK;
}

/* Whether name is prefix + rest. */
static bool is_joined(const char *name, const char *prefix, const char *rest)
{
    const size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && strcmp(name + length, rest) == 0;
}

static void join(char *to, const char *prefix, const char *rest)
{
    const size_t length = strlen(prefix);
    memcpy(to, prefix, length);
    memcpy(to + length, rest, strlen(rest) + 1);
}

/* ---- making and releasing ------------------------------------------------------------------- */

recur_status recur__file_create(recur_context *ctx, recur_file **out)
{
    recur_file *file = recur__alloc(ctx, sizeof *file);
    if (!file) return recur__no_memory(sizeof *file);
    *file = (recur_file){ .ctx = recur__context_retain(ctx) };
    *out = file;
    return RECUR_OK;
}

/* Whether a text lies among the names of the file that was opened. */
static bool was_opened(const recur_file *file, const char *key)
{
    const uintptr_t begin = (uintptr_t)file->opened.names;
    return (uintptr_t)key >= begin && (uintptr_t)key - begin < file->opened.names_bytes;
}

static size_t text_bytes(const char *key)
{
    const size_t length = strlen(key) + 1;
    return length + strlen(key + length) + 1;
}

static void free_text(const recur_file *file, char *key)
{
    if (!was_opened(file, key)) recur__free(file->ctx, key, text_bytes(key));
}

void recur__file_shrink(recur_file *file, int64_t entries, int64_t texts)
{
    while (file->entries.count > entries) {
        recur__entry *entry = recur__entry_at(file, --file->entries.count);
        if (entry->allocated) recur__free(file->ctx, entry, entry->allocated);
    }
    while (file->texts.count > texts) free_text(file, file->texts.items[--file->texts.count]);
}

void recur_file_release(recur_file *file)
{
    if (!file) return;
    recur_context *ctx = file->ctx;
    recur__file_shrink(file, 0, 0);
    recur__free(ctx, file->entries.items, (size_t)file->entries.room * sizeof(void *));
    recur__free(ctx, file->texts.items, (size_t)file->texts.room * sizeof(void *));
    recur__free(ctx, file->opened.names, file->opened.names_bytes);
    if (file->opened.data_bytes) recur__free(ctx, file->opened.data, file->opened.data_bytes);
    recur__free(ctx, file, sizeof *file);
    recur_context_release(ctx);
}

/* ---- tensors -------------------------------------------------------------------------------- */

typedef struct parts {
    recur__entry *entry;
    char *name;
    int64_t *shape;
    unsigned char *data;
} parts;

static parts lay_out(recur__carver *carver, size_t name, const recur__entry *like)
{
    parts p;
    p.entry = recur__carve(carver, 1, sizeof *p.entry);
    p.name = recur__carve(carver, (int64_t)name, 1);
    p.shape = recur__carve(carver, like->rank, sizeof *p.shape);
    p.data = recur__carve(carver, like->data ? 0 : (int64_t)like->bytes, 1);
    return p;
}

recur_status recur__entry_add(recur_file *file, const char *prefix, const recur__entry *like,
                              recur__entry **out)
{
    const size_t name = strlen(prefix) + strlen(like->name) + 1;
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, name, like);
    recur__carver carve = { recur__alloc(file->ctx, measure.used), 0 };
    if (!carve.base) return recur__no_memory(measure.used);
    const parts p = lay_out(&carve, name, like);
    join(p.name, prefix, like->name);
    if (like->rank) memcpy(p.shape, like->shape, (size_t)like->rank * sizeof *p.shape);
    *p.entry = *like;
    p.entry->allocated = measure.used;
    p.entry->begin = 0;
    p.entry->name = p.name;
    p.entry->shape = p.shape;
    if (!like->data) p.entry->data = p.data;
    const recur_status status = push(file->ctx, &file->entries, p.entry);
    if (status) recur__free(file->ctx, p.entry, measure.used);
    *out = status ? NULL : p.entry;
    return status;
}

recur__entry *recur__entry_find(const recur_file *file, const char *prefix, const char *name)
{
    for (int64_t i = 0; i < file->entries.count; i++)
        if (is_joined(recur__entry_at(file, i)->name, prefix, name))
            return recur__entry_at(file, i);
    return NULL;
}

static recur_status find(const recur_file *file, const char *name, recur__entry **out)
{
    *out = recur__entry_find(file, "", name);
    if (*out) return RECUR_OK;
    return recur__fail(RECUR_E_MISSING, "the file has no tensor %.200s among its %lld", name,
                       (long long)file->entries.count);
}

static recur_status show(const recur__entry *entry, recur_tensor *out)
{
    recur_tensor t = { .rank = (int32_t)recur__min(entry->rank, 4),
                       .dim = { 1, 1, 1, 1 },
                       .count = entry->count,
                       .name = entry->name,
                       .type = entry->type->name };
    for (int i = 0; i < entry->rank; i++) t.dim[i < 4 ? i : 3] *= entry->shape[i];
    return recur__give("recur_tensor", &t, out, sizeof t, sizeof t);
}

int64_t recur_file_tensor_count(const recur_file *file) { return file ? file->entries.count : 0; }

recur_status recur_file_tensor_info(const recur_file *file, int64_t index, recur_tensor *out)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(out);
    if (index < 0 || index >= file->entries.count)
        return recur__fail(RECUR_E_ARGUMENT, "the file has %lld tensors, number %lld is asked for",
                           (long long)file->entries.count, (long long)index);
    return show(recur__entry_at(file, index), out);
}

recur_status recur_file_find(const recur_file *file, const char *name, recur_tensor *out)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(name);
    RECUR__NOT_NULL(out);
    recur__entry *entry;
    RECUR__CHECK(find(file, name, &entry));
    return show(entry, out);
}

recur_status recur_file_read(recur_file *file, const char *name, float *to, int64_t count)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(name);
    if (!to && count) RECUR__NOT_NULL(to);
    recur__entry *entry;
    RECUR__CHECK(find(file, name, &entry));
    if (entry->count != count)
        return recur__fail(RECUR_E_SHAPE, "tensor %.200s has %lld elements, room is given for %lld",
                           name, (long long)entry->count, (long long)count);
    if (!entry->type->element)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "tensor %.200s is of type %s, which does not become float32", name,
                           entry->type->name);
    recur__floats_from(entry->type, entry->data, count, to);
    entry->used = true;
    return RECUR_OK;
}

/* A name that is new and a shape that is none of memory's. */
static recur_status check_new(const recur_file *file, const char *prefix, const recur_tensor *info)
{
    if (!*prefix && !*info->name)
        return recur__fail(RECUR_E_ARGUMENT, "a tensor needs a name; this one is empty");
    if (!recur__is_utf8(prefix) || !recur__is_utf8(info->name))
        return recur__fail(RECUR_E_FORMAT, "the name of a tensor, %zu bytes long, is not UTF-8",
                           strlen(prefix) + strlen(info->name));
    if (is_joined("__metadata__", prefix, info->name))
        return recur__fail(RECUR_E_ARGUMENT,
                           "a tensor cannot be called __metadata__: the texts lie there");
    if (recur__entry_find(file, prefix, info->name))
        return recur__fail(RECUR_E_ARGUMENT, "the file has a tensor %.200s%.200s already", prefix,
                           info->name);
    if (info->rank < 0 || info->rank > 4)
        return recur__fail(RECUR_E_ARGUMENT, "tensor %.200s%.200s: rank is %d, not 0 to 4", prefix,
                           info->name, (int)info->rank);
    for (int i = 0; i < info->rank; i++)
        if (info->dim[i] < 0)
            return recur__fail(RECUR_E_ARGUMENT, "tensor %.200s%.200s: dim[%d] is %lld", prefix,
                               info->name, i, (long long)info->dim[i]);
    const int64_t bytes = recur__times(recur__shape_count(info->rank, info->dim), sizeof(float));
    if (bytes < 0 || (uint64_t)bytes > SIZE_MAX / 4)
        return recur__fail(RECUR_E_MEMORY, "tensor %.200s%.200s: %s is more than memory can hold",
                           prefix, info->name, recur__shape_say(info->rank, info->dim).text);
    return RECUR_OK;
}

recur_status recur__file_add(recur_file *file, const char *prefix, const recur_tensor *info,
                             const float *from, const recur__type *type)
{
    RECUR__CHECK(check_new(file, prefix, info));
    if (!type) type = recur__type_of("F32");
    const int64_t count = recur__shape_count(info->rank, info->dim);
    if (!from && count)
        return recur__fail(RECUR_E_ARGUMENT, "tensor %.200s%.200s: from is NULL for %lld elements",
                           prefix, info->name, (long long)count);
    const int64_t i = recur__first_too_large(type, from, count);
    if (i < count)
        return recur__fail(RECUR_E_NUMERIC,
                           "tensor %.200s%.200s: number %lld of its %lld is %g, which is too large "
                           "for %s; store this layer as F32 or BF16",
                           prefix, info->name, (long long)i, (long long)count, (double)from[i],
                           type->name);
    const recur__entry like = { .name = info->name,
                                .type = type,
                                .shape = info->dim,
                                .rank = info->rank,
                                .count = count,
                                .bytes = (size_t)count * (size_t)(type->bits / 8) };
    recur__entry *entry;
    RECUR__CHECK(recur__entry_add(file, prefix, &like, &entry));
    recur__floats_to(type, from, count, entry->data);
    return RECUR_OK;
}

recur_status recur_file_add(recur_file *file, const recur_tensor *info, const float *from)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(info);
    RECUR__NOT_NULL(info->name);
    return recur__file_add(file, "", info, from, NULL);
}

recur_status recur_file_set_type(recur_file *file, const char *type)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(type);
    const recur__type *found = recur__type_of(type);
    if (!found || !found->bits_of)
        return recur__fail(found ? RECUR_E_UNSUPPORTED : RECUR_E_ARGUMENT,
                           "parameters are stored as F32, F16 or BF16, not as \"%.40s\"", type);
    file->stored = found;
    return RECUR_OK;
}

recur_status recur_file_all_used(const recur_file *file)
{
    RECUR__NOT_NULL(file);
    for (int64_t i = 0; i < file->entries.count; i++)
        if (!recur__entry_at(file, i)->used)
            return recur__fail(
                RECUR_E_MISSING, "tensor %.200s, number %lld of %lld, was neither loaded nor read",
                recur__entry_at(file, i)->name, (long long)i, (long long)file->entries.count);
    return RECUR_OK;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static int64_t find_text(const recur_file *file, const char *prefix, const char *key)
{
    for (int64_t i = 0; i < file->texts.count; i++)
        if (is_joined(recur__key_at(file, i), prefix, key)) return i;
    return -1;
}

int64_t recur_file_metadata_count(const recur_file *file) { return file ? file->texts.count : 0; }

const char *recur_file_metadata_key(const recur_file *file, int64_t index)
{
    return file && index >= 0 && index < file->texts.count ? recur__key_at(file, index) : NULL;
}

const char *recur__file_text(const recur_file *file, const char *prefix, const char *key)
{
    const int64_t at = find_text(file, prefix, key);
    return at < 0 ? NULL : recur__value_at(file, at);
}

const char *recur_file_metadata(const recur_file *file, const char *key)
{
    return file && key ? recur__file_text(file, "", key) : NULL;
}

static recur_status make_text(recur_file *file, const char *prefix, const char *key,
                              const char *value, char **out)
{
    const size_t key_bytes = strlen(prefix) + strlen(key) + 1;
    const size_t value_bytes = strlen(value) + 1;
    char *text = recur__alloc(file->ctx, key_bytes + value_bytes);
    if (!text) return recur__no_memory(key_bytes + value_bytes);
    join(text, prefix, key);
    memcpy(text + key_bytes, value, value_bytes);
    *out = text;
    return RECUR_OK;
}

recur_status recur__text_add(recur_file *file, const char *prefix, const char *key,
                             const char *value)
{
    char *text = NULL;
    RECUR__CHECK(make_text(file, prefix, key, value, &text));
    const recur_status status = push(file->ctx, &file->texts, text);
    if (status) free_text(file, text);
    return status;
}

static recur_status replace_text(recur_file *file, int64_t at, const char *key, const char *value)
{
    char *text = NULL;
    RECUR__CHECK(make_text(file, "", key, value, &text));
    free_text(file, file->texts.items[at]);
    file->texts.items[at] = text;
    return RECUR_OK;
}

recur_status recur_file_set_metadata(recur_file *file, const char *key, const char *value)
{
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(key);
    RECUR__NOT_NULL(value);
    if (!recur__is_utf8(key) || !recur__is_utf8(value))
        return recur__fail(RECUR_E_FORMAT,
                           "a text of %zu bytes under a key of %zu bytes is not UTF-8",
                           strlen(value), strlen(key));
    if (strcmp(key, RECUR__CHECKSUM_KEY) == 0 || recur__is_checksum(value, strlen(value)))
        return recur__fail(RECUR_E_ARGUMENT,
                           "the text " RECUR__CHECKSUM_KEY " is made when the file is written; "
                           "leave it out");
    const int64_t at = find_text(file, "", key);
    return at < 0 ? recur__text_add(file, "", key, value) : replace_text(file, at, key, value);
}
