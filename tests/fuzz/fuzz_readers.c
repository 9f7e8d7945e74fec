/* fuzz_readers.c - libFuzzer on the readers of the examples: prices as CSV, images as IDX, texts,
 * and the words and alphabets of model files. They end the program with a sentence when a file is
 * bad; here they are compiled with exit renamed, and come back. What such an end leaves in memory
 * is no finding (-detect_leaks=0). */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/images.h"
#include "common/prices.h"
#include "common/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
void fuzz_exit(int status);

static jmp_buf ended;
static char folder[] = "/tmp/recur-fuzz-XXXXXX";

void fuzz_exit(int status) { longjmp(ended, status ? status : 1); }

static void check(int good)
{
    if (!good) abort();
}

static void clean_up(void)
{
    static const char *const names[] = { "prices.csv", "text.txt", "x-images-idx3-ubyte",
                                         "x-labels-idx1-ubyte" };
    for (int i = 0; i < 4; i++) {
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
    check(p.n > 0);
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
    free(ids);
    vocabulary v = words_of(&t, 1 + (int64_t)(cut % 3));
    const int64_t n = words_read(&v, &t, &ids);
    for (int64_t i = 0; i < n; i++) check(ids[i] >= -1 && ids[i] < v.n);
    free(ids);
    words_release(&v);
    text_release(&t);
}

static void read_model(const uint8_t *data, size_t bytes, size_t cut)
{
    recur_file *file;
    text t = { (int64_t)cut, malloc(cut + 1) };
    char *line = calloc(bytes - cut + 1, 1);
    check(line && t.bytes && !recur_file_open_memory(NULL, NULL, 0, &file));
    memcpy(t.bytes, data, cut);
    memcpy(line, data + cut, bytes - cut);
    if (!recur_file_set_metadata(file, "alphabet", line) &&
        !recur_file_set_metadata(file, "words", line)) {
        vocabulary v = words_load(file, "x", &t);
        words_release(&v);
        (void)alphabet_load(file, "x");
    }
    recur_file_release(file);
    free(t.bytes);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int ready;
    if (!ready) {
        check(mkdtemp(folder) != NULL && atexit(clean_up) == 0);
        ready = 1;
    }
    if (bytes < 3 || setjmp(ended)) return 0;
    const size_t wanted = (size_t)(data[1] | data[2] << 8), left = bytes - 3;
    const size_t cut = wanted < left ? wanted : left;
    switch (data[0] % 4) {
    case 0:
        read_prices(data + 3, left);
        break;
    case 1:
        read_images(data + 3, left, cut);
        break;
    case 2:
        read_text(data + 3, left, cut);
        break;
    default:
        read_model(data + 3, left, cut);
        break;
    }
    return 0;
}
