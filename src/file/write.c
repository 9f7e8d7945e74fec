/* write.c - the header in JSON, then the data of every tensor in the order they were added: to
 * memory or to disk. */
#include "file/file.h"
#include "file/xxh3.h"
#include "json/json.h"

enum { LENGTH = 8, PADDING = 8 };

/* What stands before the buffer: length and header. */
typedef struct front_matter {
    unsigned char *data;
    size_t bytes;
    size_t total;  /* with the buffer */
    size_t digits; /* where those of the checksum lie */
} front_matter;

/* ---- the header ----------------------------------------------------------------------------- */

/* Gives the place behind the digits of the checksum, and its quotation mark. */
static size_t put_texts(recur__json_writer *w, const recur_file *file)
{
    recur__json_put_name(w, "", "__metadata__");
    recur__json_open(w, '{');
    recur__json_put_name(w, "", RECUR__CHECKSUM_KEY);
    recur__json_put_string(w, RECUR__CHECKSUM_WORDS RECUR__CHECKSUM_ZEROS);
    const size_t behind = w->used;
    for (int64_t i = 0; i < file->texts.count; i++) {
        recur__json_put_name(w, "", recur__key_at(file, i));
        recur__json_put_string(w, recur__value_at(file, i));
    }
    recur__json_close(w, '}');
    return behind;
}

static void put_entry(recur__json_writer *w, const recur__entry *entry, size_t begin)
{
    recur__json_put_name(w, "", entry->name);
    recur__json_open(w, '{');
    recur__json_put_name(w, "", "dtype");
    recur__json_put_string(w, entry->type->name);
    recur__json_put_name(w, "", "shape");
    recur__json_open(w, '[');
    for (int i = 0; i < entry->rank; i++) recur__json_put_whole(w, entry->shape[i]);
    recur__json_close(w, ']');
    recur__json_put_name(w, "", "data_offsets");
    recur__json_open(w, '[');
    recur__json_put_whole(w, (int64_t)begin);
    recur__json_put_whole(w, (int64_t)(begin + entry->bytes));
    recur__json_close(w, ']');
    recur__json_close(w, '}');
}

/* Gives where the digits of the checksum lie. */
static size_t put_header(recur__json_writer *w, const recur_file *file)
{
    size_t at = 0;
    recur__json_open(w, '{');
    const size_t behind = put_texts(w, file);
    for (int64_t i = 0; i < file->entries.count; i++) {
        put_entry(w, recur__entry_at(file, i), at);
        at += recur__entry_at(file, i)->bytes;
    }
    recur__json_close(w, '}');
    return behind - RECUR__CHECKSUM_DIGITS - 1;
}

/* ---- the front ------------------------------------------------------------------------------ */

static recur_status make_front(const recur_file *file, front_matter *out)
{
    size_t buffer = 0;
    for (int64_t i = 0; i < file->entries.count; i++)
        if (__builtin_add_overflow(buffer, recur__entry_at(file, i)->bytes, &buffer))
            return recur__no_memory(SIZE_MAX);
    recur__json_writer measure = { .to = NULL };
    put_header(&measure, file);
    const size_t header = (measure.used + PADDING - 1) / PADDING * PADDING;
    if (header > RECUR__FILE_HEADER)
        return recur__fail(RECUR_E_FORMAT, "a header of %zu bytes; safetensors allows %d", header,
                           RECUR__FILE_HEADER);
    out->bytes = LENGTH + header;
    if (__builtin_add_overflow(out->bytes, buffer, &out->total)) return recur__no_memory(SIZE_MAX);
    out->data = recur__alloc(file->ctx, out->bytes);
    if (!out->data) return recur__no_memory(out->bytes);
    for (int i = 0; i < LENGTH; i++) out->data[i] = (unsigned char)((uint64_t)header >> 8 * i);
    recur__json_writer write = { .to = (char *)out->data + LENGTH };
    out->digits = LENGTH + put_header(&write, file);
    memset(out->data + LENGTH + write.used, ' ', header - write.used);
    return RECUR_OK;
}

static void put_checksum(const recur_file *file, front_matter *front)
{
    recur__xxh3 hash;
    recur__xxh3_begin(&hash);
    recur__xxh3_add(&hash, front->data, front->bytes);
    for (int64_t i = 0; i < file->entries.count; i++)
        recur__xxh3_add(&hash, recur__entry_at(file, i)->data, recur__entry_at(file, i)->bytes);
    const uint64_t sum = recur__xxh3_end(&hash);
    for (int i = 0; i < RECUR__CHECKSUM_DIGITS; i++)
        front->data[front->digits + (size_t)i] =
            (unsigned char)"0123456789abcdef"[sum >> (60 - 4 * i) & 15];
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
    else if (data) {
        put_checksum(file, &front);
        copy_out(file, &front, data);
    }
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
    RECUR__NEEDS(FILES);
    RECUR__NOT_NULL(file);
    RECUR__NOT_NULL(path);
    front_matter front;
    RECUR__CHECK(make_front(file, &front));
    put_checksum(file, &front);
    const recur_status status = put_all(file, &front, path);
    recur__free(file->ctx, front.data, front.bytes);
    return status;
}
