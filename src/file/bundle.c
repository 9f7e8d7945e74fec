/* bundle.c - the tensors of a layer, an optimizer or a state under a prefix of a file: loaded
 * strictly, saved wholly or not at all.
 *
 * Strict: every tensor of the owner is there with its shape and a type of numbers, and nothing else
 * starts with the prefix but a model's sample. All of that is known before the first float is
 * written. */
#include "file/file.h"

static recur_status check_piece(const recur__owner *owner, const recur_file *file,
                                const char *prefix, const recur_tensor *info)
{
    const recur__entry *entry = recur__entry_find(file, prefix, info->name);
    if (!entry)
        return recur__fail(RECUR_E_MISSING,
                           "the %s wants tensor %.150s%.150s %s, the file has none", owner->what,
                           prefix, info->name, recur__shape_say(info->rank, info->dim).text);
    if (entry->rank != info->rank ||
        (info->rank && memcmp(entry->shape, info->dim, (size_t)info->rank * sizeof *info->dim)))
        return recur__fail(RECUR_E_SHAPE, "tensor %.120s%.120s has shape %s, the %s wants %s",
                           prefix, info->name, recur__shape_say(entry->rank, entry->shape).text,
                           owner->what, recur__shape_say(info->rank, info->dim).text);
    if (!entry->type->element)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "tensor %.150s%.150s is of type %s, which does not become float32",
                           prefix, info->name, entry->type->name);
    return RECUR_OK;
}

/* Whether some piece of the owner is called so. */
static bool owns(const recur__owner *owner, const char *name)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    for (int64_t i = 0; i < owner->tensors; i++)
        if (!owner->piece(owner, i, &info, &data) && strcmp(info.name, name) == 0) return true;
    return false;
}

/* Whether a tensor, named without the prefix, belongs to the owner without being one of its pieces.
 */
static bool is_beside(const recur__owner *owner, const char *name)
{
    return owner->beside && strncmp(name, owner->beside, strlen(owner->beside)) == 0;
}

static recur_status check_strangers(const recur__owner *owner, const recur_file *file,
                                    const char *prefix)
{
    const size_t length = strlen(prefix);
    for (int64_t i = 0; i < file->entries.count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        if (strncmp(entry->name, prefix, length) || is_beside(owner, entry->name + length))
            continue;
        if (!owns(owner, entry->name + length))
            return recur__fail(
                RECUR_E_FORMAT,
                "tensor %.200s %s is none of the %lld of the %s under the prefix \"%.100s\"",
                entry->name, recur__shape_say(entry->rank, entry->shape).text,
                (long long)owner->tensors, owner->what, prefix);
    }
    return RECUR_OK;
}

static void use_beside(const recur__owner *owner, const recur_file *file, const char *prefix)
{
    const size_t length = strlen(prefix);
    for (int64_t i = 0; i < file->entries.count; i++) {
        recur__entry *entry = recur__entry_at(file, i);
        if (strncmp(entry->name, prefix, length) == 0 && is_beside(owner, entry->name + length))
            entry->used = true;
    }
}

recur_status recur__load(const recur__owner *owner, recur_file *file, const char *prefix)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    for (int64_t i = 0; i < owner->tensors; i++) {
        RECUR__CHECK(owner->piece(owner, i, &info, &data));
        RECUR__CHECK(check_piece(owner, file, prefix, &info));
    }
    RECUR__CHECK(check_strangers(owner, file, prefix));
    for (int64_t i = 0; i < owner->tensors; i++) {
        RECUR__CHECK(owner->piece(owner, i, &info, &data));
        recur__entry *entry = recur__entry_find(file, prefix, info.name);
        recur__floats_from(entry->type, entry->data, entry->count, data);
        entry->used = true;
    }
    use_beside(owner, file, prefix);
    return RECUR_OK;
}

recur_status recur__save(const recur__owner *owner, recur_file *file, const char *prefix)
{
    const int64_t entries = file->entries.count, texts = file->texts.count;
    recur_tensor info = { .size = sizeof info };
    float *data;
    for (int64_t i = 0; i < owner->tensors; i++) {
        recur_status status = owner->piece(owner, i, &info, &data);
        if (!status) status = recur__file_add(file, prefix, &info, data);
        if (status) {
            recur__file_shrink(file, entries, texts);
            return status;
        }
    }
    return RECUR_OK;
}
