/* bundle.c - a set of tensors under a prefix of a file: read strictly, written wholly or not at
 * all.
 *
 * Strict: every tensor of the set is there with its shape and a type of numbers, and nothing else
 * starts with the prefix, but for what may lie beside. All of that is known before the first float
 * is written. */
#include "file/file.h"

#include <math.h>

/* ---- names ---------------------------------------------------------------------------------- */

/* Where the last part of a name begins: "rnn.norm_weight_l0" has norm_weight_l0 behind its last
 * dot. */
static size_t last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot + 1 - name) : 0;
}

/* Whether a part begins with this word: followed by nothing, or by a suffix such as _l0. */
static bool begins_with(const char *part, const char *word)
{
    const size_t length = strlen(word);
    return strncmp(part, word, length) == 0 && (part[length] == '\0' || part[length] == '_');
}

/* The old name of a tensor, as the pieces that follow each other in it. */
typedef struct old_form {
    size_t head;      /* so many characters of today's name, */
    const char *word; /* then this word, */
    const char *tail; /* then what is left of today's name */
} old_form;

/* False: the tensor has always been called so. */
static bool old_form_of(const recur__bundle *bundle, const char *name, old_form *out)
{
    const size_t head = last_part(name);
    for (const recur__old_name *old = bundle->old; old && old->now; old++) {
        if (!begins_with(name + head, old->now)) continue;
        *out = (old_form){ head, old->then, name + head + strlen(old->now) };
        return true;
    }
    return false;
}

static bool is_old_form(const old_form *form, const char *name, const char *now)
{
    if (strncmp(name, now, form->head) != 0) return false;
    const size_t length = strlen(form->word);
    const char *part = name + form->head;
    return strncmp(part, form->word, length) == 0 && strcmp(part + length, form->tail) == 0;
}

/* The entry that a file has for a tensor of the set, under its name or its old one; or NULL. */
static recur__entry *entry_of(const recur__bundle *bundle, const recur_file *file,
                              const char *prefix, const char *name)
{
    recur__entry *entry = recur__entry_find(file, prefix, name);
    old_form form;
    if (entry || !old_form_of(bundle, name, &form)) return entry;
    const size_t length = strlen(prefix);
    for (int64_t i = 0; i < file->entries.count; i++) {
        entry = recur__entry_at(file, i);
        if (strncmp(entry->name, prefix, length) == 0 &&
            is_old_form(&form, entry->name + length, name))
            return entry;
    }
    return NULL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* The first number that is NaN or infinite; count: none is. */
static int64_t first_not_finite(const float *x, int64_t count)
{
    enum { BLOCK = 1024 };
    for (int64_t at = 0; at < count; at += BLOCK) {
        const int64_t n = recur__min(BLOCK, count - at);
        uint32_t all = 0; /* its highest bit is set if an exponent has all of its bits */
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, x + at + i, sizeof bits);
            all |= (bits & 0x7fffffff) + 0x800000;
        }
        for (int64_t i = 0; all >> 31 && i < n; i++)
            if (!isfinite(x[at + i])) return at + i;
    }
    return count;
}

/* ---- reading -------------------------------------------------------------------------------- */

static recur_status check_tensor(const recur__bundle *bundle, const recur_file *file,
                                 const char *prefix, const recur_tensor *info)
{
    const recur__entry *entry = entry_of(bundle, file, prefix, info->name);
    if (!entry)
        return recur__fail(RECUR_E_MISSING,
                           "the %s wants tensor %.150s%.150s %s, the file has none", bundle->what,
                           prefix, info->name, recur__shape_say(info->rank, info->dim).text);
    if (entry->rank != info->rank ||
        (info->rank && memcmp(entry->shape, info->dim, (size_t)info->rank * sizeof *info->dim)))
        return recur__fail(RECUR_E_SHAPE, "tensor %.240s has shape %s, the %s wants %s",
                           entry->name, recur__shape_say(entry->rank, entry->shape).text,
                           bundle->what, recur__shape_say(info->rank, info->dim).text);
    if (!entry->type->element)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "tensor %.300s is of type %s, which does not become float32",
                           entry->name, entry->type->name);
    return RECUR_OK;
}

static recur_status check_entry(const recur__bundle *bundle, const recur__entry *entry)
{
    enum { BLOCK = 1024 };
    float x[BLOCK];
    const int64_t bytes = entry->type->bits / 8;
    for (int64_t at = 0; bundle->finite && at < entry->count; at += BLOCK) {
        const int64_t n = recur__min(BLOCK, entry->count - at);
        recur__floats_from(entry->type, entry->data + at * bytes, n, x);
        const int64_t i = first_not_finite(x, n);
        if (i < n)
            return recur__fail(RECUR_E_NUMERIC,
                               "tensor %.200s: number %lld of its %lld is %g, and a %s with it "
                               "would compute nothing else; recur_file_read reads it all the same",
                               entry->name, (long long)(at + i), (long long)entry->count,
                               (double)x[i], bundle->what);
    }
    return RECUR_OK;
}

/* Whether an entry, named without the prefix, is that of a tensor of the set. An old name is none
 * where the file has today's. */
static bool belongs(const recur__bundle *bundle, const recur_file *file, const char *prefix,
                    const char *name)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    for (int64_t i = 0; i < bundle->tensors; i++) {
        if (bundle->tensor(bundle, i, &info, &data)) continue;
        if (strcmp(info.name, name) == 0) return true;
        old_form form;
        if (old_form_of(bundle, info.name, &form) && is_old_form(&form, name, info.name))
            return !recur__entry_find(file, prefix, info.name);
    }
    return false;
}

/* Whether a tensor, named without the prefix, may lie beside the set without belonging to it. */
static bool is_beside(const recur__bundle *bundle, const char *name)
{
    return bundle->beside && strncmp(name, bundle->beside, strlen(bundle->beside)) == 0;
}

static recur_status check_strangers(const recur__bundle *bundle, const recur_file *file,
                                    const char *prefix)
{
    const size_t length = strlen(prefix);
    for (int64_t i = 0; i < file->entries.count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        if (strncmp(entry->name, prefix, length) != 0) continue;
        const char *name = entry->name + length;
        if (is_beside(bundle, name) || belongs(bundle, file, prefix, name)) continue;
        return recur__fail(
            RECUR_E_FORMAT,
            "tensor %.200s %s is none of the %lld of the %s under the prefix \"%.100s\"",
            entry->name, recur__shape_say(entry->rank, entry->shape).text,
            (long long)bundle->tensors, bundle->what, prefix);
    }
    return RECUR_OK;
}

static void use_beside(const recur__bundle *bundle, const recur_file *file, const char *prefix)
{
    const size_t length = strlen(prefix);
    for (int64_t i = 0; i < file->entries.count; i++) {
        recur__entry *entry = recur__entry_at(file, i);
        if (strncmp(entry->name, prefix, length) == 0 && is_beside(bundle, entry->name + length))
            entry->used = true;
    }
}

/* All that is known before a number is taken. */
static recur_status check(const recur__bundle *bundle, const recur_file *file, const char *prefix)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    for (int64_t i = 0; i < bundle->tensors; i++) {
        RECUR__CHECK(bundle->tensor(bundle, i, &info, &data));
        RECUR__CHECK(check_tensor(bundle, file, prefix, &info));
    }
    RECUR__CHECK(check_strangers(bundle, file, prefix));
    for (int64_t i = 0; i < bundle->tensors; i++) {
        RECUR__CHECK(bundle->tensor(bundle, i, &info, &data));
        RECUR__CHECK(check_entry(bundle, entry_of(bundle, file, prefix, info.name)));
    }
    return RECUR_OK;
}

recur_status recur__bundle_get(const recur__bundle *bundle, recur_file *file, const char *prefix)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    RECUR__CHECK(check(bundle, file, prefix));
    for (int64_t i = 0; i < bundle->tensors; i++) {
        RECUR__CHECK(bundle->tensor(bundle, i, &info, &data));
        recur__entry *entry = entry_of(bundle, file, prefix, info.name);
        recur__floats_from(entry->type, entry->data, entry->count, data);
        entry->used = true;
    }
    use_beside(bundle, file, prefix);
    return RECUR_OK;
}

/* Whether this machine's floats lie in memory as those of a file. */
static bool has_floats_of_files(void)
{
    const float one = 1;
    unsigned char bytes[sizeof one];
    recur__floats_to(recur__type_of("F32"), &one, 1, bytes);
    return memcmp(bytes, &one, sizeof one) == 0;
}

/* Whether number 0 of an entry can be read where number `offset` of the flat vector is wanted. */
static recur_status check_place(const recur__entry *entry, const unsigned char *flat,
                                int64_t offset)
{
    if (strcmp(entry->type->name, "F32") != 0 || !has_floats_of_files())
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "tensor %.200s of type %s cannot be used where it lies: that needs F32 "
                           "and a little-endian machine; copy it",
                           entry->name, entry->type->name);
    if (entry->data != flat + offset * (int64_t)sizeof(float))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "tensor %.200s does not lie behind the one before it in the layer's "
                           "order, as librecur writes them; copy it",
                           entry->name);
    if ((uintptr_t)flat % sizeof(float) == 0) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "tensor %.200s begins at an address that is no multiple of %zu; move the "
                       "file in memory, or copy it",
                       entry->name, sizeof(float));
}

recur_status recur__bundle_find(const recur__bundle *bundle, recur_file *file, const char *prefix,
                                const float **out)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    const unsigned char *flat = NULL;
    *out = NULL;
    RECUR__CHECK(check(bundle, file, prefix));
    for (int64_t i = 0; i < bundle->tensors; i++) {
        RECUR__CHECK(bundle->tensor(bundle, i, &info, &data));
        recur__entry *entry = entry_of(bundle, file, prefix, info.name);
        if (i == 0) flat = entry->data;
        RECUR__CHECK(check_place(entry, flat, info.offset));
        entry->used = true;
    }
    use_beside(bundle, file, prefix);
    *out = (const float *)(const void *)flat;
    return RECUR_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static recur_status put_tensor(const recur__bundle *bundle, recur_file *file, const char *prefix,
                               int64_t index)
{
    recur_tensor info = { .size = sizeof info };
    float *data;
    RECUR__CHECK(bundle->tensor(bundle, index, &info, &data));
    const int64_t i = bundle->finite ? first_not_finite(data, info.count) : info.count;
    if (i < info.count)
        return recur__fail(
            RECUR_E_NUMERIC,
            "tensor %.150s%.150s: number %lld of its %lld is %g, so that the %s would "
            "not open again; go back to the last good parameters, or write these "
            "with recur_file_add",
            prefix, info.name, (long long)i, (long long)info.count, (double)data[i], bundle->what);
    return recur__file_add(file, prefix, &info, data, bundle->stored ? file->stored : NULL);
}

recur_status recur__bundle_put(const recur__bundle *bundle, recur_file *file, const char *prefix)
{
    const int64_t entries = file->entries.count;
    const int64_t texts = file->texts.count;
    for (int64_t i = 0; i < bundle->tensors; i++) {
        const recur_status status = put_tensor(bundle, file, prefix, i);
        if (status) {
            recur__file_shrink(file, entries, texts);
            return status;
        }
    }
    return RECUR_OK;
}
