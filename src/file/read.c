/* read.c - opening: everything the header says is checked before the buffer behind it is read, or
 * memory for it is asked for.
 *
 * Checked: its length; JSON without duplicate keys; for each tensor a known type, a shape whose
 * product does not overflow, a range of the buffer as long as type and shape say; that the ranges
 * cover the buffer without hole or overlap. Behind the buffer: the checksum, if there is one.
 *
 * Memory: the header, given back at the end, and one block for what it says, which is counted
 * first: names and texts without their quotation marks, 80 bytes for a tensor, 8 for a dimension
 * and for a text. */
#include "file/file.h"
#include "file/xxh3.h"
#include "json/json.h"

enum { LENGTH = 8, FIRST = 64 }; /* bytes of the header's length; those looked at first */

/* What a header holds, counted before there is room for it. */
typedef struct contents {
    recur_file *file;
    size_t buffer; /* bytes behind the header */
    int64_t tensors, texts, dims, characters;
    recur__entry *entry;  /* [tensors] */
    int64_t *dim;         /* [dims] those not taken yet */
    char *text;           /* [characters] alike */
    recur__json checksum; /* the text of that name; none: the file has none */
} contents;

static bool is_texts(recur__json key) { return recur__json_is(key, "__metadata__"); }

/* ---- one tensor ----------------------------------------------------------------------------- */

static recur_status take_count(const char *name, const char *what, int64_t i, recur__json value,
                               int64_t *out)
{
    if (!recur__json_whole(value, out))
        return recur__fail(RECUR_E_FORMAT,
                           "tensor %.200s: number %lld of its %s, %.40s, is not an integer of 64 "
                           "bits",
                           name, (long long)i, what, recur__json_say(value).text);
    if (*out >= 0) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s: number %lld of its %s is %lld", name,
                       (long long)i, what, (long long)*out);
}

static recur_status take_type(recur__entry *entry, recur__json value)
{
    const recur__json_words words = recur__json_say(value);
    if (recur__json_kind_of(value) != RECUR__JSON_STRING)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: dtype is not a string", entry->name);
    entry->type = recur__type_of(words.text);
    if (entry->type) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s has the unknown dtype %.40s", entry->name,
                       words.text);
}

static recur_status take_shape(contents *c, recur__entry *entry, recur__json value)
{
    if (recur__json_kind_of(value) != RECUR__JSON_ARRAY)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: shape is not an array", entry->name);
    const int64_t rank = recur__json_count(value);
    if (rank > RECUR__FILE_RANK)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s has %lld dimensions, more than %d",
                           entry->name, (long long)rank, RECUR__FILE_RANK);
    entry->shape = c->dim;
    recur__json_items items = recur__json_items_of(value);
    while (recur__json_next(&items)) {
        RECUR__CHECK(take_count(entry->name, "shape", entry->rank, items.value, c->dim));
        entry->rank++;
        c->dim++;
    }
    entry->count = recur__shape_count(entry->rank, entry->shape);
    if (entry->count >= 0) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "tensor %.200s: the product of its shape %s overflows",
                       entry->name, recur__shape_say(entry->rank, entry->shape).text);
}

static recur_status take_range(const contents *c, recur__entry *entry, recur__json value)
{
    if (recur__json_kind_of(value) != RECUR__JSON_ARRAY || recur__json_count(value) != 2)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: data_offsets is not an array of 2",
                           entry->name);
    int64_t range[2];
    recur__json_items items = recur__json_items_of(value);
    for (int i = 0; recur__json_next(&items); i++)
        RECUR__CHECK(take_count(entry->name, "data_offsets", i, items.value, &range[i]));
    if (range[0] > range[1] || (uint64_t)range[1] > c->buffer)
        return recur__fail(RECUR_E_FORMAT,
                           "tensor %.200s lies at bytes %lld to %lld of a buffer of %zu",
                           entry->name, (long long)range[0], (long long)range[1], c->buffer);
    const int64_t bits = recur__times(entry->count, entry->type->bits);
    if (bits < 0 || bits % 8 || bits / 8 != range[1] - range[0])
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s: %s %s does not fill bytes %lld to %lld",
                           entry->name, entry->type->name,
                           recur__shape_say(entry->rank, entry->shape).text, (long long)range[0],
                           (long long)range[1]);
    entry->begin = (size_t)range[0];
    entry->bytes = (size_t)(range[1] - range[0]);
    return RECUR_OK;
}

static recur_status take_tensor(contents *c, recur__json key, recur__json value)
{
    static const char *const names[] = { "dtype", "shape", "data_offsets" };
    recur__json member[3] = { { NULL, NULL } };
    recur__entry *entry = c->entry + c->file->entries.count;
    *entry = (recur__entry){ .name = c->text };
    c->text = recur__json_copy(key, c->text);
    if (recur__json_kind_of(value) != RECUR__JSON_OBJECT)
        return recur__fail(RECUR_E_FORMAT, "tensor %.200s is not a JSON object", entry->name);
    recur__json_items items = recur__json_items_of(value);
    while (recur__json_next(&items))
        for (int i = 0; i < 3; i++) {
            if (!recur__json_is(items.key, names[i])) continue;
            if (member[i].at)
                return recur__fail(RECUR_E_FORMAT, "tensor %.200s has a duplicate %s", entry->name,
                                   names[i]);
            member[i] = items.value;
        }
    RECUR__CHECK(take_type(entry, member[0]));
    RECUR__CHECK(take_shape(c, entry, member[1]));
    RECUR__CHECK(take_range(c, entry, member[2]));
    c->file->entries.items[c->file->entries.count++] = entry;
    return RECUR_OK;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static recur_status take_texts(contents *c, recur__json value)
{
    recur__json_items items = recur__json_items_of(value);
    while (recur__json_next(&items)) {
        if (items.value.at == c->checksum.at) continue;
        c->file->texts.items[c->file->texts.count++] = c->text;
        c->text = recur__json_copy(items.key, c->text);
        c->text = recur__json_copy(items.value, c->text);
    }
    return RECUR_OK;
}

static recur_status count_string(contents *c, recur__json string)
{
    const int64_t bytes = recur__json_bytes(string);
    c->characters += bytes + 1;
    if (bytes >= 0) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT,
                       "the JSON of the header has a character U+0000 in \"%.60s\": names and "
                       "texts cannot",
                       recur__json_say(string).text);
}

/* A text is the checksum by its key and by its words. Where only one of them says so, the other is
 * damaged. */
static recur_status find_checksum(contents *c, const recur__json_items *text, bool *is_it)
{
    const bool named = recur__json_is(text->key, RECUR__CHECKSUM_KEY);
    const size_t length = (size_t)(text->value.end - text->value.at) - 2;
    *is_it = recur__is_checksum(text->value.at + 1, length);
    if (named != *is_it)
        return recur__fail(RECUR_E_FORMAT,
                           "the file is damaged: its text %.60s is \"%.100s\"; a checksum is "
                           "called " RECUR__CHECKSUM_KEY
                           ", and begins with \"" RECUR__CHECKSUM_WORDS "\"",
                           recur__json_say(text->key).text, recur__json_say(text->value).text);
    if (*is_it && c->checksum.at)
        return recur__fail(RECUR_E_FORMAT, "__metadata__ has a duplicate " RECUR__CHECKSUM_KEY);
    if (*is_it) c->checksum = text->value;
    return RECUR_OK;
}

static recur_status count_texts(contents *c, recur__json value)
{
    if (recur__json_kind_of(value) != RECUR__JSON_OBJECT)
        return recur__fail(RECUR_E_FORMAT, "__metadata__ is not a JSON object");
    recur__json_items items = recur__json_items_of(value);
    while (recur__json_next(&items)) {
        if (recur__json_kind_of(items.value) != RECUR__JSON_STRING)
            return recur__fail(RECUR_E_FORMAT, "__metadata__: %s is not a string",
                               recur__json_say(items.key).text);
        bool checksum;
        RECUR__CHECK(find_checksum(c, &items, &checksum));
        if (checksum) continue;
        RECUR__CHECK(count_string(c, items.key));
        RECUR__CHECK(count_string(c, items.value));
        c->texts++;
    }
    return RECUR_OK;
}

/* ---- the header ----------------------------------------------------------------------------- */

static recur_status count(contents *c, recur__json root)
{
    bool texts = false;
    recur__json_items items = recur__json_items_of(root);
    while (recur__json_next(&items)) {
        if (is_texts(items.key)) {
            if (texts)
                return recur__fail(RECUR_E_FORMAT, "the header has a duplicate __metadata__");
            texts = true;
            RECUR__CHECK(count_texts(c, items.value));
            continue;
        }
        RECUR__CHECK(count_string(c, items.key));
        c->dims += recur__min(recur__json_count(recur__json_member(items.value, "shape")),
                              RECUR__FILE_RANK);
        c->tensors++;
    }
    return RECUR_OK;
}

static void lay_out(recur__carver *carver, contents *c)
{
    c->entry = recur__carve(carver, c->tensors, sizeof *c->entry);
    c->dim = recur__carve(carver, c->dims, sizeof *c->dim);
    c->text = recur__carve(carver, c->characters, 1);
}

static recur_status make_room(contents *c)
{
    recur_file *file = c->file;
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, c);
    unsigned char *block = recur__alloc(file->ctx, measure.used);
    if (!block) return recur__no_memory(measure.used);
    file->opened.names = block;
    file->opened.names_bytes = measure.used;
    recur__carver carve = { block, 0 };
    lay_out(&carve, c);
    RECUR__CHECK(recur__list_reserve(file->ctx, &file->entries, c->tensors));
    return recur__list_reserve(file->ctx, &file->texts, c->texts);
}

static recur_status take_all(contents *c, recur__json root)
{
    recur__json_items items = recur__json_items_of(root);
    while (recur__json_next(&items)) {
        if (is_texts(items.key))
            RECUR__CHECK(take_texts(c, items.value));
        else
            RECUR__CHECK(take_tensor(c, items.key, items.value));
    }
    return RECUR_OK;
}

/* ---- no name twice, no hole ----------------------------------------------------------------- */

static int by_key(const void *a, const void *b) { return strcmp(a, b); }

static recur_status check_keys(const recur_file *file)
{
    const int64_t n = file->texts.count;
    const size_t bytes = (size_t)n * sizeof(void *);
    void **key = recur__alloc(file->ctx, bytes);
    if (!key) return recur__no_memory(bytes);
    if (n) memcpy(key, file->texts.items, bytes);
    recur__sort(key, n, by_key);
    recur_status status = RECUR_OK;
    for (int64_t i = 1; i < n && !status; i++)
        if (strcmp(key[i - 1], key[i]) == 0)
            status = recur__fail(RECUR_E_FORMAT, "__metadata__ has a duplicate %.200s",
                                 (const char *)key[i]);
    recur__free(file->ctx, key, bytes);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const recur__entry *x = a;
    const recur__entry *y = b;
    return strcmp(x->name, y->name);
}

static recur_status check_names(recur_file *file)
{
    recur__sort(file->entries.items, file->entries.count, by_name);
    for (int64_t i = 1; i < file->entries.count; i++)
        if (by_name(recur__entry_at(file, i - 1), recur__entry_at(file, i)) == 0)
            return recur__fail(RECUR_E_FORMAT, "the header has a duplicate tensor %.200s",
                               recur__entry_at(file, i)->name);
    return check_keys(file);
}

/* By place in the buffer, empty ones first, those by name. */
static int by_place(const void *a, const void *b)
{
    const recur__entry *x = a;
    const recur__entry *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return by_name(x, y);
}

static recur_status check_cover(recur_file *file, size_t buffer)
{
    size_t at = 0;
    recur__sort(file->entries.items, file->entries.count, by_place);
    for (int64_t i = 0; i < file->entries.count; i++) {
        const recur__entry *entry = recur__entry_at(file, i);
        if (entry->begin != at)
            return recur__fail(
                RECUR_E_FORMAT,
                "tensor %.200s starts at byte %zu of the buffer, the one before it ends at %zu",
                entry->name, entry->begin, at);
        at += entry->bytes;
    }
    if (at == buffer) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "the tensors end at byte %zu of a buffer of %zu", at,
                       buffer);
}

/* digits: where those of the checksum lie; NULL: there is none. */
static recur_status take_header(recur_file *file, const char *text, size_t header, size_t buffer,
                                const char **digits)
{
    recur__json root;
    contents c = { .file = file, .buffer = buffer };
    RECUR__CHECK(recur__json_check("the header", text, header, &root));
    RECUR__CHECK(count(&c, root));
    RECUR__CHECK(make_room(&c));
    RECUR__CHECK(take_all(&c, root));
    *digits = c.checksum.at ? c.checksum.end - 1 - RECUR__CHECKSUM_DIGITS : NULL;
    RECUR__CHECK(check_names(file));
    return check_cover(file, buffer);
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
static bool may_be_header(const unsigned char *first, size_t bytes, uint64_t n)
{
    if (bytes < LENGTH || n == 0 || n > RECUR__FILE_HEADER) return false;
    return bytes <= LENGTH || first[LENGTH] == '{';
}

/* The length of the header, by the first bytes of a file of so many. */
static recur_status measure(const unsigned char *first, size_t bytes, size_t *header)
{
    uint64_t n = 0;
    for (size_t i = 0; i < LENGTH && i < bytes; i++) n |= (uint64_t)first[i] << 8 * i;
    const size_t seen = bytes < FIRST ? bytes : FIRST;
    const char *other = may_be_header(first, bytes, n) ? NULL : seems(first, seen);
    if (other) return recur__fail(RECUR_E_FORMAT, "not safetensors: it begins like %s", other);
    if (bytes < LENGTH)
        return recur__fail(RECUR_E_FORMAT,
                           "%zu bytes are too short for safetensors, which starts with %d", bytes,
                           LENGTH);
    if (n > RECUR__FILE_HEADER)
        return recur__fail(RECUR_E_FORMAT,
                           "not safetensors, and no other format that is known here: its first %d "
                           "bytes would say that the header has %llu bytes, more than %d; is this "
                           "the right file?",
                           LENGTH, (unsigned long long)n, RECUR__FILE_HEADER);
    if (n > bytes - LENGTH)
        return recur__fail(RECUR_E_FORMAT, "truncated: a header of %llu bytes, and %zu follow",
                           (unsigned long long)n, bytes - LENGTH);
    if (!may_be_header(first, bytes, n))
        return recur__fail(RECUR_E_FORMAT,
                           "not safetensors: the header of %llu bytes does not start with {",
                           (unsigned long long)n);
    *header = (size_t)n;
    return RECUR_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Where the bytes come from: memory or, if that is NULL, the disk. */
typedef struct source {
    size_t bytes;
    const unsigned char *memory;
    const recur__disk_in *disk;
    bool borrowed; /* the memory outlives the file */
} source;

static recur_status get(const source *from, size_t offset, unsigned char *to, size_t bytes)
{
    if (!from->memory) return recur__disk_read(from->disk, offset, to, bytes);
    if (bytes) memcpy(to, from->memory + offset, bytes);
    return RECUR_OK;
}

static recur_status make_buffer(recur_file *file, const source *from, size_t offset)
{
    recur__opened *opened = &file->opened;
    if (from->borrowed) {
        opened->data = (unsigned char *)(uintptr_t)(from->memory + offset);
        return RECUR_OK;
    }
    /* One byte more, so that an empty buffer is the file's own, too. */
    opened->data_bytes = from->bytes - offset + 1;
    opened->data = recur__alloc(file->ctx, opened->data_bytes);
    return opened->data ? RECUR_OK : recur__no_memory(opened->data_bytes);
}

/* The buffer, piece by piece, so that the hash finds it in the cache. */
static recur_status take_data(recur_file *file, const source *from, size_t offset,
                              recur__xxh3 *hash)
{
    enum { PIECE = 1 << 18 };
    RECUR__CHECK(make_buffer(file, from, offset));
    unsigned char *data = file->opened.data;
    for (int64_t i = 0; i < file->entries.count; i++)
        recur__entry_at(file, i)->data = data + recur__entry_at(file, i)->begin;
    for (size_t at = offset; at < from->bytes; at += PIECE) {
        const size_t left = from->bytes - at;
        const size_t bytes = left < PIECE ? left : PIECE;
        unsigned char *to = data + (at - offset);
        if (!from->borrowed) RECUR__CHECK(get(from, at, to, bytes));
        if (hash) recur__xxh3_add(hash, to, bytes);
    }
    return RECUR_OK;
}

static recur_status check_sum(uint64_t sum, const char *digits)
{
    uint64_t wanted = 0;
    for (int i = 0; i < RECUR__CHECKSUM_DIGITS; i++) {
        const uint64_t digit = (uint64_t)(unsigned char)digits[i];
        wanted = wanted << 4 | (digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (sum == wanted) return RECUR_OK;
    return recur__fail(
        RECUR_E_FORMAT,
        "the file is damaged: its checksum is %016llx and says %016llx; if a program "
        "changed it on purpose and kept the text " RECUR__CHECKSUM_KEY
        ", write it again without that text",
        (unsigned long long)sum, (unsigned long long)wanted);
}

static recur_status take_file(recur_file *file, const source *from, const char *text, size_t header)
{
    const size_t before = LENGTH + header;
    const char *digits;
    recur__xxh3 hash;
    unsigned char length[LENGTH];
    RECUR__CHECK(take_header(file, text, header, from->bytes - before, &digits));
    if (!digits) return take_data(file, from, before, NULL);
    for (int i = 0; i < LENGTH; i++) length[i] = (unsigned char)((uint64_t)header >> 8 * i);
    const char *behind = digits + RECUR__CHECKSUM_DIGITS;
    recur__xxh3_begin(&hash);
    recur__xxh3_add(&hash, length, LENGTH);
    recur__xxh3_add(&hash, text, (size_t)(digits - text));
    recur__xxh3_add(&hash, RECUR__CHECKSUM_ZEROS, RECUR__CHECKSUM_DIGITS);
    recur__xxh3_add(&hash, behind, (size_t)(text + header - behind));
    RECUR__CHECK(take_data(file, from, before, &hash));
    return check_sum(recur__xxh3_end(&hash), digits);
}

/* The header is looked at where it lies in memory. From the disk it is copied for as long. */
static recur_status parse(recur_file *file, const source *from)
{
    unsigned char first[FIRST];
    size_t header = 0;
    RECUR__CHECK(get(from, 0, first, from->bytes < FIRST ? from->bytes : FIRST));
    RECUR__CHECK(measure(first, from->bytes, &header));
    if (from->memory) return take_file(file, from, (const char *)from->memory + LENGTH, header);
    unsigned char *text = recur__alloc(file->ctx, header);
    if (!text) return recur__no_memory(header);
    recur_status status = get(from, LENGTH, text, header);
    if (!status) status = take_file(file, from, (const char *)text, header);
    recur__free(file->ctx, text, header);
    return status;
}

static recur_status finish(recur_file *file, recur_status status, recur_file **out)
{
    if (status)
        recur_file_release(file);
    else
        *out = file;
    return status;
}

static recur_status open_disk(recur_file *file, const char *path)
{
    recur__disk_in in;
    RECUR__CHECK(recur__disk_open(&in, path));
    const source from = { .bytes = in.bytes, .disk = &in };
    recur_status status = parse(file, &from);
    if (status && status != RECUR_E_IO) recur__fail_in(path, status);
    return recur__disk_close(&in, status);
}

recur_status recur_file_open(recur_context *ctx, const char *path, recur_file **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NEEDS(FILES);
    RECUR__NOT_NULL(path);
    recur_file *file = NULL;
    RECUR__CHECK(recur__file_create(ctx, &file));
    return finish(file, open_disk(file, path), out);
}

static recur_status open_bytes(recur_context *ctx, const void *data, size_t bytes, bool borrowed,
                               recur_file **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    if (!data && bytes) return recur__fail(RECUR_E_ARGUMENT, "data is NULL for %zu bytes", bytes);
    recur_file *file = NULL;
    RECUR__CHECK(recur__file_create(ctx, &file));
    const source from = { .bytes = bytes, .memory = data, .borrowed = borrowed };
    return finish(file, data ? parse(file, &from) : RECUR_OK, out);
}

recur_status recur_file_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                    recur_file **out)
{
    return open_bytes(ctx, data, bytes, false, out);
}

recur_status recur__file_borrow(recur_context *ctx, const void *data, size_t bytes,
                                recur_file **out)
{
    return open_bytes(ctx, data, bytes, true, out);
}
