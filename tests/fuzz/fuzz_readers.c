/* fuzz_readers.c - libFuzzer on the readers of the examples: prices as CSV, images as IDX, texts,
 * sounds as WAV, and the words and alphabets of model files. They end the program with a sentence
 * when a file is bad; here they are compiled with exit renamed, and come back. What such an end
 * would leave to the system, memory and open files, is noted by functions in the place of those of
 * the C library and of zlib, and given back here. */
#undef exit
#undef calloc
#undef free
#undef fopen
#undef fclose
#undef gzopen
#undef gzclose
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "common/images.h"
#include "common/prices.h"
#include "common/sound.h"
#include "common/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
void fuzz_exit(int status);

void *fuzz_calloc(size_t n, size_t size);
void fuzz_free(void *block);
FILE *fuzz_fopen(const char *path, const char *mode);
int fuzz_fclose(FILE *file);
gzFile fuzz_gzopen(const char *path, const char *mode);
int fuzz_gzclose(gzFile file);

static jmp_buf ended;
static char folder[] = "/tmp/recur-fuzz-XXXXXX";

static void check(int good)
{
    if (!good) abort();
}

/* ---- what a reader holds -------------------------------------------------------------------- */

enum { MOST = 1 << 14, BLOCK = 1, FILE_STREAM, GZ_STREAM };
enum { MOST_BYTES = 1 << 26 }; /* for an input of some kilobytes */

static struct {
    void *what;
    int sort;
} held[MOST];
static int holds;

static void *hold(void *what, int sort)
{
    if (!what) return NULL;
    check(holds < MOST);
    held[holds].what = what;
    held[holds++].sort = sort;
    return what;
}

/* The last one is the one that is most likely asked for. */
static void let_go(const void *what)
{
    for (int i = holds - 1; what && i >= 0; i--)
        if (held[i].what == what) {
            held[i] = held[--holds];
            return;
        }
    check(!what);
}

static void let_all_go(void)
{
    while (holds > 0) {
        void *what = held[--holds].what;
        if (held[holds].sort == BLOCK) free(what);
        if (held[holds].sort == FILE_STREAM) fclose(what);
        if (held[holds].sort == GZ_STREAM) gzclose(what);
    }
}

/* ---- in the place of the C library's -------------------------------------------------------- */

void fuzz_exit(int status) { longjmp(ended, status ? status : 1); }

void *fuzz_calloc(size_t n, size_t size)
{
    check(n <= MOST_BYTES / size);
    return hold(calloc(n, size), BLOCK);
}

void fuzz_free(void *block)
{
    let_go(block);
    free(block);
}

FILE *fuzz_fopen(const char *path, const char *mode)
{
    return hold(fopen(path, mode), FILE_STREAM);
}

int fuzz_fclose(FILE *file)
{
    let_go(file);
    return fclose(file);
}

gzFile fuzz_gzopen(const char *path, const char *mode)
{
    return hold(gzopen(path, mode), GZ_STREAM);
}

int fuzz_gzclose(gzFile file)
{
    let_go(file);
    return gzclose(file);
}

/* ---- the readers ---------------------------------------------------------------------------- */

static void clean_up(void)
{
    static const char *const names[] = { "prices.csv", "text.txt", "x.wav", "x-images-idx3-ubyte",
                                         "x-labels-idx1-ubyte" };
    for (int i = 0; i < 5; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static const char *written(const char *name, const uint8_t *data, size_t bytes)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    check(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
    return path;
}

static void read_prices(const uint8_t *data, size_t bytes)
{
    prices p = prices_of(written("prices.csv", data, bytes), 0, 0);
    check(p.n >= 0 && (uint64_t)p.n <= bytes);
    prices_release(&p);
}

static void read_images(const uint8_t *data, size_t bytes, size_t cut)
{
    float small[49];
    written("x-images-idx3-ubyte", data, cut);
    written("x-labels-idx1-ubyte", data + cut, bytes - cut);
    images set = images_read(folder, "x", cut & 1 ? 3 : 0);
    for (int64_t i = 0; i < set.n; i++) image_shrink(set.pixels + i * IMAGE_PIXELS, 7, small);
    images_release(&set);
}

static void read_text(const uint8_t *data, size_t bytes, size_t cut)
{
    text t = text_of(written("text.txt", data, bytes), 0, 0);
    alphabet a = alphabet_of(&t);
    int32_t *ids = alphabet_ids(&a, t.bytes, t.n);
    fuzz_free(ids);
    vocabulary v = words_of(&t, 1 + (int64_t)(cut % 3));
    const int64_t n = words_read(&v, &t, &ids);
    for (int64_t i = 0; i < n; i++) check(ids[i] >= -1 && ids[i] < v.n);
    fuzz_free(ids);
    words_release(&v);
    text_release(&t);
}

static void read_sound(const uint8_t *data, size_t bytes)
{
    sound it = sound_read(written("x.wav", data, bytes), 3);
    check(it.count > 0 && (uint64_t)it.count <= bytes / 2);
    fuzz_free(it.samples);
}

/* The file is held here, as the readers may end before it is released. */
static recur_file *model_file;

static void read_model(const uint8_t *data, size_t bytes, size_t cut)
{
    text t = { (int64_t)cut, fuzz_calloc(cut + 1, 1) };
    char *line = fuzz_calloc(bytes - cut + 1, 1);
    check(line && t.bytes && !recur_file_open_memory(NULL, NULL, 0, &model_file));
    memcpy(t.bytes, data, cut);
    memcpy(line, data + cut, bytes - cut);
    if (!recur_file_set_metadata(model_file, "alphabet", line) &&
        !recur_file_set_metadata(model_file, "words", line)) {
        vocabulary v = words_load(model_file, "x", &t);
        words_release(&v);
        (void)alphabet_load(model_file, "x");
    }
    fuzz_free(t.bytes);
    fuzz_free(line);
}

static void read_input(const uint8_t *data, size_t bytes)
{
    const size_t wanted = (size_t)(data[1] | data[2] << 8), left = bytes - 3;
    const size_t cut = wanted < left ? wanted : left;
    switch (data[0] % 5) {
    case 0:
        read_prices(data + 3, left);
        break;
    case 1:
        read_images(data + 3, left, cut);
        break;
    case 2:
        read_text(data + 3, left, cut);
        break;
    case 3:
        read_model(data + 3, left, cut);
        break;
    default:
        read_sound(data + 3, left);
        break;
    }
    check(holds == 0); /* a reader that was content has given back all */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int ready;
    if (!ready) {
        check(mkdtemp(folder) != NULL && atexit(clean_up) == 0);
        ready = 1;
    }
    if (bytes < 3) return 0;
    if (!setjmp(ended)) read_input(data, bytes);
    let_all_go();
    recur_file_release(model_file);
    model_file = NULL;
    return 0;
}
