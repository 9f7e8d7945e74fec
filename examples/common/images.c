/* images.c - reads a set of images in the IDX format: two big-endian files, each a header and then
 * bytes.
 *
 *     images: 00 00 08 03, number, rows, columns (4 bytes each), pixels
 *     labels: 00 00 08 01, number, labels */
#include "images.h"
#include "try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#ifdef NO_ZLIB
/* Without zlib only plain files can be read: what is used of it here, by means of the C library. */
#define Z_OK        0
#define Z_BUF_ERROR (-5)
typedef FILE *gzFile;
#define gzopen               fopen
#define gzread(f, to, bytes) (int)fread(to, 1, bytes, f)
#define gzclose              fclose
static const char *gzerror(FILE *f, int *code)
{
    *code = ferror(f) ? errno : Z_BUF_ERROR;
    return strerror(errno);
}
#else
#include <zlib.h>
#endif

enum { AT_FIRST = 1024 }; /* images that there is room for before any is read */

typedef struct {
    gzFile stream;
    char path[4096];
} idx;

/* zlib reads plain files as they are; so only the name differs. */
static idx idx_open(const char *dir, const char *name, const char *what)
{
    idx f;
    const char *const endings[] = { "", ".gz" };
    for (int i = 0; i < 2; i++) {
#ifdef NO_ZLIB
        if (i == 1) die("%s has no %s-%s; packed files want a build with zlib", dir, name, what);
#endif
        snprintf(f.path, sizeof f.path, "%s/%s-%s%s", dir, name, what, endings[i]);
        errno = 0;
        f.stream = gzopen(f.path, "rb");
        if (f.stream) return f;
        if (errno != ENOENT) die("%s: %s", f.path, strerror(errno));
    }
    die("%s has neither %s-%s nor the same with .gz", dir, name, what);
}

static void idx_read(const idx *f, void *to, int bytes)
{
    int code;
    const int got = gzread(f->stream, to, (unsigned)bytes);
    if (got == bytes) return;
    const char *reason = gzerror(f->stream, &code);
    die("%s: %s", f->path, got < 0 && code != Z_BUF_ERROR ? reason : "the file ends too early");
}

static int64_t idx_number(const idx *f)
{
    uint8_t b[4];
    idx_read(f, b, 4);
    return (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
}

static void idx_expect(const idx *f, const char *what, int64_t wanted)
{
    const int64_t found = idx_number(f);
    if (found != wanted)
        die("%s: %s is %lld, not %lld", f->path, what, (long long)found, (long long)wanted);
}

/* Nothing may follow, and the checksum of gzip must be right. */
static void idx_close(idx *f, int whole)
{
    char more;
    if (whole && gzread(f->stream, &more, 1) > 0)
        die("%s: it is longer than its header says", f->path);
    const int code = gzclose(f->stream);
    if (whole && code != Z_OK) die("%s: the file is damaged", f->path);
}

/* Room for twice as many images, at most n. A header may say any number, so memory is taken as the
 * pixels come. */
static uint8_t *grown(uint8_t *pixels, int64_t *room, int64_t n)
{
    const int64_t wanted = *room < n / 2 ? 2 * *room : n;
    uint8_t *more = NEW(uint8_t, wanted * IMAGE_PIXELS);
    memcpy(more, pixels, (size_t)(*room * IMAGE_PIXELS));
    free(pixels);
    *room = wanted;
    return more;
}

static uint8_t *read_pixels(const char *dir, const char *name, int64_t most, int64_t *n)
{
    idx f = idx_open(dir, name, "images-idx3-ubyte");
    idx_expect(&f, "the magic number of images", 0x803);
    const int64_t all = idx_number(&f);
    idx_expect(&f, "the number of rows", IMAGE_ROWS);
    idx_expect(&f, "the number of columns", IMAGE_COLUMNS);
    *n = most > 0 && most < all ? most : all;
    if (*n == 0) die("%s: it has no images", f.path);
    int64_t room = *n < AT_FIRST ? *n : AT_FIRST;
    uint8_t *pixels = NEW(uint8_t, room * IMAGE_PIXELS);
    for (int64_t i = 0; i < *n; i++) {
        if (i == room) pixels = grown(pixels, &room, *n);
        idx_read(&f, pixels + i * IMAGE_PIXELS, IMAGE_PIXELS);
    }
    idx_close(&f, *n == all);
    return pixels;
}

static uint8_t *read_labels(const char *dir, const char *name, int64_t n)
{
    idx f = idx_open(dir, name, "labels-idx1-ubyte");
    idx_expect(&f, "the magic number of labels", 0x801);
    const int64_t all = idx_number(&f);
    if (all < n)
        die("%s: %lld labels for at least %lld images", f.path, (long long)all, (long long)n);
    uint8_t *labels = NEW(uint8_t, n);
    for (int64_t i = 0; i < n; i++) {
        idx_read(&f, &labels[i], 1);
        if (labels[i] >= IMAGE_CLASSES)
            die("%s: label %lld is %d, not 0 to 9", f.path, (long long)i, labels[i]);
    }
    idx_close(&f, n == all);
    return labels;
}

images images_read(const char *dir, const char *name, int64_t most)
{
    images set = { .n = 0 };
    set.pixels = read_pixels(dir, name, most, &set.n);
    set.labels = read_labels(dir, name, set.n);
    return set;
}

void images_get(const char *dir, uint64_t seed, int64_t most, images *train, images *test)
{
    enum { DRAWN = 10000, DRAWN_TEST = 2000 };
    if (dir) {
        *train = images_read(dir, "train", most);
        *test = images_read(dir, "t10k", 0);
    } else {
        *train = images_draw(seed, most ? most : DRAWN);
        *test = images_draw(~seed, DRAWN_TEST);
    }
}

void image_shrink(const uint8_t *pixels, int64_t size, float *small)
{
    const int64_t side = IMAGE_ROWS / size;
    memset(small, 0, (size_t)(size * size) * sizeof *small);
    for (int64_t i = 0; i < IMAGE_PIXELS; i++)
        small[i / IMAGE_COLUMNS / side * size + i % IMAGE_COLUMNS / side] += (float)pixels[i];
    for (int64_t i = 0; i < size * size; i++) small[i] /= (float)(255 * side * side);
}

void images_release(images *set)
{
    free(set->pixels);
    free(set->labels);
}
