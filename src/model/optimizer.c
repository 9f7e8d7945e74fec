/* optimizer.c - optimizers in files: moments as tensors prefix + "m" ..., and four texts:
 *
 *     prefix + "kind"    "adam"          prefix + "flags"   "2"
 *     prefix + "count"   "76"            prefix + "step"    "1000"
 *
 * A run that stops and resumes has the same bits as one that does not. */
#include <inttypes.h>
#include <stdio.h>

#include "file/file.h"
#include "train/optimizer.h"

enum { DIGITS = 24 };

/* Once a flag said that beta1 = 0 was meant; files may still have it. */
enum { OLD_FLAGS = 8 };

static recur_status moment_tensor(const recur__bundle *bundle, int64_t index, recur_tensor *info,
                                  float **data)
{
    const recur__optimizer_view *view = bundle->object;
    *info = (recur_tensor){ .size = sizeof *info,
                            .rank = 1,
                            .dim = { view->count, 1, 1, 1 },
                            .count = view->count,
                            .name = view->name[index],
                            .type = "F32" };
    *data = view->data[index];
    return RECUR_OK;
}

static recur__bundle bundle_of(const recur__optimizer_view *view)
{
    return (recur__bundle){
        .what = "optimizer", .object = view, .tensors = view->moments, .tensor = moment_tensor
    };
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Decimal digits and nothing else. */
static bool number_of(const char *text, uint64_t *out)
{
    *out = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        if (__builtin_mul_overflow(*out, 10u, out)) return false;
        if (__builtin_add_overflow(*out, (unsigned)(*text - '0'), out)) return false;
    }
    return true;
}

static recur_status text_of(const recur_file *file, const char *prefix, const char *key,
                            const char **out)
{
    *out = recur__file_text(file, prefix, key);
    if (*out) return RECUR_OK;
    return recur__fail(RECUR_E_MISSING,
                       "the optimizer wants text %.200s%s, the file has none among its %lld",
                       prefix, key, (long long)file->texts.count);
}

static recur_status read_number(const recur_file *file, const char *prefix, const char *key,
                                uint64_t *out)
{
    const char *text;
    RECUR__CHECK(text_of(file, prefix, key, &text));
    if (number_of(text, out)) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "text %.200s%s is \"%.40s\", not a whole number", prefix,
                       key, text);
}

/* A number that must be as wanted, but for the bits that are passed over. */
static recur_status check_number(const recur_file *file, const char *prefix, const char *key,
                                 uint64_t wanted, uint64_t passed_over)
{
    uint64_t found;
    RECUR__CHECK(read_number(file, prefix, key, &found));
    found &= ~passed_over;
    if (found == wanted) return RECUR_OK;
    return recur__fail(RECUR_E_SHAPE,
                       "the optimizer's %s is %" PRIu64 ", in the file %.200s%s is %" PRIu64, key,
                       wanted, prefix, key, found);
}

static recur_status check_kind(const recur_file *file, const char *prefix, const char *kind)
{
    const char *text;
    RECUR__CHECK(text_of(file, prefix, "kind", &text));
    if (strcmp(text, kind) == 0) return RECUR_OK;
    return recur__fail(RECUR_E_SHAPE, "the optimizer is %s, in the file %.200skind is %.40s", kind,
                       prefix, text);
}

static recur_status add_text(recur_file *file, const char *prefix, const char *key,
                             const char *value)
{
    if (!recur__is_utf8(prefix))
        return recur__fail(RECUR_E_FORMAT, "a prefix of %zu bytes is not UTF-8", strlen(prefix));
    if (recur__file_text(file, prefix, key))
        return recur__fail(RECUR_E_ARGUMENT, "the file has a text %.200s%s already", prefix, key);
    return recur__text_add(file, prefix, key, value);
}

static recur_status add_number(recur_file *file, const char *prefix, const char *key,
                               uint64_t value)
{
    char digits[DIGITS];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return add_text(file, prefix, key, digits);
}

static recur_status add_texts(recur_file *file, const char *prefix,
                              const recur__optimizer_view *view)
{
    RECUR__CHECK(add_text(file, prefix, "kind", view->kind));
    RECUR__CHECK(add_number(file, prefix, "flags", view->flags));
    RECUR__CHECK(add_number(file, prefix, "count", (uint64_t)view->count));
    return add_number(file, prefix, "step", *view->steps);
}

/* ---- load and save -------------------------------------------------------------------------- */

recur_status recur_file_get_optimizer(recur_file *file, const char *prefix,
                                      recur_optimizer *optimizer)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    RECUR__NOT_NULL(file);
    if (!prefix) prefix = "";
    recur__optimizer_view view;
    recur__optimizer_view_of(optimizer, &view);
    uint64_t steps;
    RECUR__CHECK(check_kind(file, prefix, view.kind));
    RECUR__CHECK(check_number(file, prefix, "flags", view.flags, OLD_FLAGS));
    RECUR__CHECK(check_number(file, prefix, "count", (uint64_t)view.count, 0));
    RECUR__CHECK(read_number(file, prefix, "step", &steps));
    const recur__bundle bundle = bundle_of(&view);
    RECUR__CHECK(recur__bundle_get(&bundle, file, prefix));
    *view.steps = steps;
    return RECUR_OK;
}

recur_status recur_file_put_optimizer(recur_file *file, const char *prefix,
                                      const recur_optimizer *optimizer)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    RECUR__NOT_NULL(file);
    if (!prefix) prefix = "";
    recur__optimizer_view view;
    recur__optimizer_view_of((recur_optimizer *)(uintptr_t)optimizer, &view);
    const int64_t entries = file->entries.count, texts = file->texts.count;
    const recur__bundle bundle = bundle_of(&view);
    RECUR__CHECK(recur__bundle_put(&bundle, file, prefix));
    const recur_status status = add_texts(file, prefix, &view);
    if (status) recur__file_shrink(file, entries, texts);
    return status;
}
