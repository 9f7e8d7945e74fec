/* file.h - model files inside: a list of tensors, a list of texts, and the contents they point
 * into.
 *
 *     u64 n, little-endian │ n bytes of JSON, '{' first, │ the buffer: every tensor,
 *                          │ padded with spaces          │ without holes
 *
 *     file ──▶ entries ──▶ entry { name, type, shape, data ──▶ the contents of the file that was
 *          │                                                   opened, or memory of its own }
 *          └─▶ texts ────▶ text { key, value }
 *
 * Data stay as in the file, little-endian and of their own type, until somebody reads them. */
#ifndef RECUR__FILE_H
#define RECUR__FILE_H

#include "base/base.h"

/* ---- element types -------------------------------------------------------------------------- */

typedef struct recur__type {
    const char *name;
    int bits; /* of one element */
    /* The nearest float of an element; NULL: it is not one number of whole bytes. */
    float (*element)(const unsigned char *from);
    /* The bits nearest to a float, ties to even; NULL: files are not written in this type. */
    uint32_t (*bits_of)(float x);
} recur__type;

const recur__type *recur__type_of(const char *name); /* NULL: unknown */

void recur__floats_from(const recur__type *type, const unsigned char *from, int64_t count,
                        float *to);
void recur__floats_to(const recur__type *type, const float *from, int64_t count, unsigned char *to);

/* The first finite number that is none any more in a type; count: all stay finite. */
int64_t recur__first_too_large(const recur__type *type, const float *x, int64_t count);

/* Rounds floats to what a file of that type gives back. */
void recur__round_floats(const recur__type *type, int64_t count, float *x);
void recur__wholes_from(const unsigned char *from, int64_t count, int64_t *to); /* I64 */
void recur__wholes_to(const int64_t *from, int64_t count, unsigned char *to);

/* ---- the file ------------------------------------------------------------------------------- */

enum { RECUR__FILE_RANK = 64, RECUR__FILE_HEADER = 100000000 };

typedef struct recur__list {
    void **items;
    int64_t count, room;
} recur__list;

typedef struct recur__entry {
    size_t allocated; /* of its own allocation, which holds name, shape and data; 0: the file's */
    const char *name;
    const recur__type *type;
    const int64_t *shape; /* [rank] */
    int rank;             /* 0 to RECUR__FILE_RANK */
    bool used;
    int64_t count;
    unsigned char *data; /* [bytes] */
    size_t bytes;
    size_t begin; /* of data in the buffer of the file that was opened */
} recur__entry;

/* Of the file that was opened: what its header says, and the buffer behind it. Both NULL in a new
 * file. */
typedef struct recur__opened {
    unsigned char *names; /* entries, shapes, texts */
    size_t names_bytes;
    unsigned char *data;
    size_t data_bytes; /* 0: the data are not the file's own */
} recur__opened;

struct recur_file {
    recur_context *ctx;
    recur__opened opened;
    recur__list entries;
    recur__list texts;         /* of characters: a key, and behind its 0 the value */
    const recur__type *stored; /* how parameters of layers are added; NULL: as F32 */
};

static inline recur__entry *recur__entry_at(const recur_file *file, int64_t i)
{
    return file->entries.items[i];
}
static inline const char *recur__key_at(const recur_file *file, int64_t i)
{
    return file->texts.items[i];
}
static inline const char *recur__value_at(const recur_file *file, int64_t i)
{
    const char *key = recur__key_at(file, i);
    return key + strlen(key) + 1;
}

recur_status recur__file_create(recur_context *ctx, recur_file **out);

/* The checksum: a text that is first in every file that is written, and in no list. Behind the
 * words stand 16 hexadecimal digits: XXH3-64 of the whole file, with zeros in their place. */
#define RECUR__CHECKSUM_KEY   "recur.checksum"
#define RECUR__CHECKSUM_WORDS "XXH3-64 of this file with zeros here: "
#define RECUR__CHECKSUM_ZEROS "0000000000000000"
enum { RECUR__CHECKSUM_DIGITS = 16 };

/* Whether a text says that it is a checksum, whatever its key. */
bool recur__is_checksum(const char *value, size_t length);

/* recur_file_open_memory, but the tensors stay where they lie in data, which must outlive the file.
 */
recur_status recur__file_borrow(recur_context *ctx, const void *data, size_t bytes,
                                recur_file **out);

/* Makes room in a list for so many items. */
recur_status recur__list_reserve(const recur_context *ctx, recur__list *list, int64_t count);

/* Product of the dimensions, or -1 if one is negative or that of those above 0 overflows. */
int64_t recur__shape_count(int rank, const int64_t *shape);

/* Adds an entry called prefix + name, its contents unchecked. data NULL: memory of its own, not
 * filled in. */
recur_status recur__entry_add(recur_file *file, const char *prefix, const recur__entry *like,
                              recur__entry **out);

/* The entry called prefix + name; NULL if there is none. */
recur__entry *recur__entry_find(const recur_file *file, const char *prefix, const char *name);

/* recur_file_add for prefix + name, in a type; NULL: F32. */
recur_status recur__file_add(recur_file *file, const char *prefix, const recur_tensor *info,
                             const float *from, const recur__type *type);

/* Adds a text under prefix + key, which must be UTF-8 and new; the text there, NULL if there is
 * none. */
recur_status recur__text_add(recur_file *file, const char *prefix, const char *key,
                             const char *value);
const char *recur__file_text(const recur_file *file, const char *prefix, const char *key);

/* Takes back what was added last, down to so many entries and texts. */
void recur__file_shrink(recur_file *file, int64_t entries, int64_t texts);

bool recur__is_utf8(const char *text);

/* Sorts pointers in place, whatever they point to, without more memory. */
typedef int recur__order(const void *a, const void *b);
void recur__sort(void **items, int64_t count, recur__order *order);

/* "[16,8]" for messages; a long one ends in "...". */
typedef struct recur__shape_words {
    char text[100];
} recur__shape_words;
recur__shape_words recur__shape_say(int rank, const int64_t *shape);

/* ---- the disk ------------------------------------------------------------------------------- */

/* A file that the system has opened: its descriptor, or the handle of Windows. */
#if defined(_WIN32)
typedef void *recur__fd;
#else
typedef int recur__fd;
#endif

/* A regular file being read. */
typedef struct recur__disk_in {
    const char *path;
    recur__fd fd;
    size_t bytes;    /* when it was opened, */
    int64_t time[2]; /* and when it was changed last */
} recur__disk_in;

recur_status recur__disk_open(recur__disk_in *in, const char *path);
recur_status recur__disk_read(const recur__disk_in *in, size_t offset, unsigned char *to,
                              size_t bytes);

/* Closes it, and hands on whether it could be read: IO if it was changed meanwhile. */
recur_status recur__disk_close(recur__disk_in *in, recur_status status);

/* A file being written under a temporary name. */
typedef struct recur__disk {
    const recur_context *ctx;
    const char *path;
    char *target;    /* the file at the end of the links that path may name */
    char *link;      /* what one of them says */
    char *temporary; /* beside the target */
    void *memory;    /* of all three */
    size_t allocated;
    recur__fd fd;
} recur__disk;

recur_status recur__disk_begin(recur__disk *disk, const recur_context *ctx, const char *path);
recur_status recur__disk_put(recur__disk *disk, const unsigned char *data, size_t bytes);

/* With RECUR_OK gives the file its name, with a failure removes it and hands the failure on. */
recur_status recur__disk_end(recur__disk *disk, recur_status status);

/* ---- sets of tensors under a prefix (bundle.c) ------------------------------------------------
 */

/* A word that a file of an earlier version has in the place of today's: "weight_norm" was the name
 * of "norm_weight". It stands at the beginning of the last part of a tensor's name. */
typedef struct recur__old_name {
    const char *now;
    const char *then;
} recur__old_name;

/* Named tensors that are read and written together, and where their floats lie. Who they belong to
 * (a layer, an optimizer, a state) only the caller knows. */
typedef struct recur__bundle {
    const char *what;           /* "layer", for messages */
    bool finite;                /* NaN and infinity are not read and not written */
    bool stored;                /* written in the type that the file stores */
    const char *beside;         /* other tensors whose names begin so may lie there; NULL: none */
    const recur__old_name *old; /* names that are read, too; the last has now NULL; NULL: none */
    const void *object;
    float *flat;
    int64_t tensors;
    /* Says what tensor number `index` is, and where its floats are. */
    recur_status (*tensor)(const struct recur__bundle *bundle, int64_t index, recur_tensor *info,
                           float **data);
} recur__bundle;

/* Strict, and all or nothing: every tensor is there with its shape, and no other under the prefix.
 */
recur_status recur__bundle_get(const recur__bundle *bundle, recur_file *file, const char *prefix);

/* The same, but the numbers stay where they lie, if that is one behind the other. */
recur_status recur__bundle_find(const recur__bundle *bundle, recur_file *file, const char *prefix,
                                const float **out);

/* Adds all tensors, or leaves the file as it was. */
recur_status recur__bundle_put(const recur__bundle *bundle, recur_file *file, const char *prefix);

#endif
