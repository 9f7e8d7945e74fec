/* read.c - opening: everything the header says is checked against the file before any of it is
 * used.
 *
 * Checked: its length; JSON without duplicate keys; for each tensor a known type, a shape whose
 * product does not overflow, a range of the buffer as long as type and shape say; that the ranges
 * cover the buffer without hole or overlap. */
#include <jansson.h>
#include <stdlib.h>

#include "file/file.h"

enum { LENGTH = 8 }; /* bytes of the header's length */

/* ---- one tensor ----------------------------------------------------------------------------- */

static recur_status count_at(const char *name, const char *what, const json_t *array, size_t i,
                             int64_t *out)
{
    const json_t *value = json_array_get(array, i);
    *out = json_is_integer(value) ? json_integer_value(value) : -1;
    if (*out >= 0) return RECUR_OK;
    if (!json_is_integer(value))
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: number %zu of its %s is not an integer",
                           name, i, what);
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s: number %zu of its %s is %lld", name, i, what,
                       (long long)*out);
}

static recur_status take_type(const char *name, const json_t *value, recur__entry *entry)
{
    if (!json_is_string(value))
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: dtype is not a string", name);
    entry->type = recur__type_of(json_string_value(value));
    if (entry->type) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s has the unknown dtype %.40s", name,
                       json_string_value(value));
}

static recur_status take_shape(const char *name, const json_t *value, recur__entry *entry,
                               int64_t *shape)
{
    if (!json_is_array(value))
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: shape is not an array", name);
    const size_t rank = json_array_size(value);
    if (rank > RECUR__FILE_RANK)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s has %zu dimensions, more than %d", name,
                           rank, RECUR__FILE_RANK);
    for (size_t i = 0; i < rank; i++) RECUR__CHECK(count_at(name, "shape", value, i, &shape[i]));
    entry->rank = (int)rank;
    entry->shape = shape;
    entry->count = recur__shape_count(entry->rank, shape);
    if (entry->count >= 0) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s: the product of its shape %s overflows", name,
                       recur__shape_say(entry->rank, shape).text);
}

static recur_status take_range(const char *name, const json_t *value, unsigned char *buffer,
                               size_t bytes, recur__entry *entry)
{
    if (!json_is_array(value) || json_array_size(value) != 2)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: data_offsets is not an array of 2",
                           name);
    int64_t begin, end;
    RECUR__CHECK(count_at(name, "data_offsets", value, 0, &begin));
    RECUR__CHECK(count_at(name, "data_offsets", value, 1, &end));
    if (begin > end || (uint64_t)end > bytes)
        return recur__fail(RECUR_E_FORMAT,
                           "tensor %.200s lies at bytes %lld to %lld of a buffer of %zu", name,
                           (long long)begin, (long long)end, bytes);
    const int64_t bits = recur__times(entry->count, entry->type->bits);
    if (bits < 0 || bits % 8 || bits / 8 != end - begin)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: %s %s does not fill bytes %lld to %lld",
                           name, entry->type->name,
                           recur__shape_say(entry->rank, entry->shape).text, (long long)begin,
                           (long long)end);
    entry->data = buffer + begin;
    entry->bytes = (size_t)(end - begin);
    return RECUR_OK;
}

static recur_status take_tensor(recur_file *file, const char *name, const json_t *value,
                                unsigned char *buffer, size_t bytes)
{
    if (!json_is_object(value))
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s is not a JSON object", name);
    int64_t shape[RECUR__FILE_RANK];
    recur__entry entry = { .name = name };
    RECUR__CHECK(take_type(name, json_object_get(value, "dtype"), &entry));
    RECUR__CHECK(take_shape(name, json_object_get(value, "shape"), &entry, shape));
    RECUR__CHECK(take_range(name, json_object_get(value, "data_offsets"), buffer, bytes, &entry));
    recur__entry *added;
    return recur__entry_add(file, "", &entry, &added);
}

/* ---- the header ----------------------------------------------------------------------------- */

static recur_status take_texts(recur_file *file, json_t *value)
{
    if (!json_is_object(value))
        return recur__fail(RECUR_E_FORMAT, "__metadata__ is not a JSON object");
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        const json_t *text = json_object_iter_value(at);
        if (!json_is_string(text))
            return recur__fail(RECUR_E_FORMAT, "__metadata__: %.200s is not a string",
                               json_object_iter_key(at));
        RECUR__CHECK(recur__text_add(file, "", json_object_iter_key(at), json_string_value(text)));
    }
    return RECUR_OK;
}

static recur_status take_all(recur_file *file, json_t *root, unsigned char *buffer, size_t bytes)
{
    if (!json_is_object(root))
        return recur__fail(RECUR_E_FORMAT, "the header is not a JSON object");
    for (void *at = json_object_iter(root); at; at = json_object_iter_next(root, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        if (strcmp(key, "__metadata__") == 0)
            RECUR__CHECK(take_texts(file, value));
        else
            RECUR__CHECK(take_tensor(file, key, value, buffer, bytes));
    }
    return RECUR_OK;
}

static recur_status take_header(recur_file *file, size_t header)
{
    json_error_t error = { 0 };
    const char *text = (const char *)file->contents + LENGTH;
    json_t *root = json_loadb(text, header, JSON_REJECT_DUPLICATES, &error);
    if (!root && (!*error.text || json_error_code(&error) == json_error_out_of_memory))
        return recur__fail(RECUR_E_MEMORY, "there is no memory to parse a header of %zu bytes",
                           header);
    if (!root)
        return recur__fail(RECUR_E_FORMAT,
                           "the header is not safetensors' JSON at byte %d of %zu: %s",
                           error.position, header, error.text);
    const size_t before = LENGTH + header;
    const recur_status status = take_all(file, root, file->contents + before, file->bytes - before);
    json_decref(root);
    return status;
}

/* ---- files of another format ---------------------------------------------------------------- */

/* What files begin with, and what to do about it. */
static const struct {
    const char *bytes;
    size_t count;
    const char *words;
} beginnings[] = {
    { "PK\003\004", 4,
      "a ZIP archive: a PyTorch .pt, a .keras or a .npz file, perhaps; convert it with the Python "
      "package (recur.from_torch, recur.from_keras) or safetensors.torch.save_file" },
    { "\211HDF\r\n\032\n", 8,
      "an HDF5 file: a Keras .h5, perhaps; convert it with the Python package (recur.from_keras)" },
    { "\200\002", 2,
      "a Python pickle: an old PyTorch .pt or .pth, perhaps; load it with PyTorch, then write its "
      "state_dict with safetensors.torch.save_file" },
    { "\200\004", 2, "a Python pickle; load it with Python, then write its arrays as safetensors" },
    { "\200\005", 2, "a Python pickle; load it with Python, then write its arrays as safetensors" },
    { "\223NUMPY", 6, "a NumPy .npy file; write the array as safetensors (recur.save)" },
    { "GGUF", 4, "a GGUF file, which this library does not read" },
    { "\037\213", 2, "a file that gzip has packed; unpack it first" },
};

/* Protocol buffers of ONNX: field 1 is the version of its format, field 2 who wrote it. */
static bool is_onnx(const unsigned char *bytes, size_t count)
{
    return count > 3 && bytes[0] == 0x08 && bytes[1] < 0x20 && bytes[2] == 0x12 && bytes[3] < 0x40;
}

/* Letters and line ends; a header's length, below 2^56 bytes, ends in a byte 0. */
static bool is_text(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count && i < 64; i++) {
        const unsigned char c = bytes[i];
        if (c >= 0xf8 || (c < ' ' && c != '\n' && c != '\r' && c != '\t')) return false;
    }
    return count > 0;
}

/* What the contents seem to be, and what to do; NULL: nothing that is known. */
static const char *seems(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (count >= beginnings[i].count &&
            memcmp(bytes, beginnings[i].bytes, beginnings[i].count) == 0)
            return beginnings[i].words;
    if (is_onnx(bytes, count))
        return "an ONNX file; convert it with the Python package (recur.from_onnx)";
    if (!is_text(bytes, count)) return NULL;
    if (bytes[0] == '{' || bytes[0] == '[')
        return "JSON: a .nam or a Keras configuration, perhaps; its numbers have to be written as "
               "safetensors first";
    return "a text; is this the right file?";
}

/* Whether the first bytes may be the length of a header and the beginning of one. Other formats are
 * looked for only where they are not: a header of 640 bytes begins as a pickle does. */
static bool may_be_header(const recur_file *file, uint64_t n)
{
    if (file->bytes < LENGTH || n == 0 || n > RECUR__FILE_HEADER) return false;
    return file->bytes <= LENGTH || file->contents[LENGTH] == '{';
}

static recur_status measure(const recur_file *file, size_t *header)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LENGTH && i < file->bytes; i++)
        n |= (uint64_t)file->contents[i] << 8 * i;
    const char *other = may_be_header(file, n) ? NULL : seems(file->contents, file->bytes);
    if (other) return recur__fail(RECUR_E_FORMAT, "not safetensors: it begins like %s", other);
    if (file->bytes < LENGTH)
        return recur__fail(RECUR_E_FORMAT,
                           "%zu bytes are too short for safetensors, which starts with %d",
                           file->bytes, LENGTH);
    if (n > RECUR__FILE_HEADER)
        return recur__fail(RECUR_E_FORMAT,
                           "not safetensors, and no other format that is known here: its first %d "
                           "bytes would say that the header has %llu bytes, more than %d; is this "
                           "the right file?",
                           LENGTH, (unsigned long long)n, RECUR__FILE_HEADER);
    if (n > file->bytes - LENGTH)
        return recur__fail(RECUR_E_FORMAT, "truncated: a header of %llu bytes, and %zu follow",
                           (unsigned long long)n, file->bytes - LENGTH);
    if (!may_be_header(file, n))
        return recur__fail(RECUR_E_FORMAT,
                           "not safetensors: the header of %llu bytes does not start with {",
                           (unsigned long long)n);
    *header = (size_t)n;
    return RECUR_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* By place in the buffer, empty ones first, those by name. */
static int by_place(const void *a, const void *b)
{
    const recur__entry *x = *(recur__entry *const *)a, *y = *(recur__entry *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static recur_status check_cover(recur_file *file, const unsigned char *buffer)
{
    const unsigned char *at = buffer, *end = file->contents + file->bytes;
    const int64_t count = file->entries.count;
    if (count) qsort(file->entries.items, (size_t)count, sizeof *file->entries.items, by_place);
    for (int64_t i = 0; i < count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        if (entry->data != at)
            return recur__fail(
                RECUR_E_FORMAT,
                "tensor %.200s starts at byte %zu of the buffer, the one before it ends at %zu",
                entry->name, (size_t)(entry->data - buffer), (size_t)(at - buffer));
        at += entry->bytes;
    }
    if (at == end) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "the tensors end at byte %zu of a buffer of %zu",
                       (size_t)(at - buffer), (size_t)(end - buffer));
}

static recur_status parse(recur_file *file)
{
    size_t header = 0;
    RECUR__CHECK(measure(file, &header));
    RECUR__CHECK(take_header(file, header));
    return check_cover(file, file->contents + LENGTH + header);
}

static recur_status copy_in(recur_file *file, const void *data, size_t bytes)
{
    file->contents = recur__alloc(file->ctx, bytes);
    if (!file->contents) return recur__no_memory(bytes);
    file->bytes = bytes;
    memcpy(file->contents, data, bytes);
    return RECUR_OK;
}

static recur_status finish(recur_file *file, recur_status status, recur_file **out)
{
    if (status)
        recur_file_release(file);
    else
        *out = file;
    return status;
}

recur_status recur_file_open(recur_context *ctx, const char *path, recur_file **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(path);
    recur_file *file;
    RECUR__CHECK(recur__file_create(ctx, &file));
    recur_status status = recur__disk_read(file->ctx, path, &file->contents, &file->bytes);
    if (!status && (status = parse(file)) != RECUR_OK) recur__fail_in(path, status);
    return finish(file, status, out);
}

recur_status recur_file_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                    recur_file **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    if (!data && bytes) return recur__fail(RECUR_E_ARGUMENT, "data is NULL for %zu bytes", bytes);
    recur_file *file;
    RECUR__CHECK(recur__file_create(ctx, &file));
    recur_status status = data ? copy_in(file, data, bytes) : RECUR_OK;
    if (data && !status) status = parse(file);
    return finish(file, status, out);
}
