/* sound.c - WAV files; see sound.h. */
#include "sound.h"
#include "try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t number(FILE *file, int bytes)
{
    int64_t n = 0;
    for (int i = 0; i < bytes; i++) n |= (int64_t)(fgetc(file) & 255) << 8 * i;
    return n;
}

/* Goes on behind the next chunk's name and size; gives the size, or -1 at the end. */
static int64_t next_chunk(FILE *file, char name[5])
{
    if (fread(name, 1, 4, file) != 4) return -1;
    return number(file, 4);
}

/* Bytes from here to the end. A chunk may say that it is longer. */
static int64_t left_of(FILE *file)
{
    const long at = ftell(file);
    if (at < 0 || fseek(file, 0, SEEK_END) != 0) return 0;
    const long end = ftell(file);
    return fseek(file, at, SEEK_SET) != 0 || end < at ? 0 : end - at;
}

static int64_t read_format(FILE *file, const char *path, int64_t bytes)
{
    const int64_t sort = number(file, 2), channels = number(file, 2), rate = number(file, 4);
    const int64_t others = number(file, 6), bits = number(file, 2);
    if (bytes < 16 || sort != 1 || channels != 1 || bits != 16 || others < 0)
        die("%s: it must have one channel of 16 bits (format 1); it has %d of %d bits (format %d)",
            path, (int)channels, (int)bits, (int)sort);
    fseek(file, (long)(bytes - 16), SEEK_CUR);
    return rate;
}

sound sound_read(const char *path, int64_t after)
{
    char name[5] = "";
    sound it = { 0 };
    FILE *file = fopen(path, "rb");
    if (!file) die("%s cannot be opened", path);
    if (next_chunk(file, name) < 0 || memcmp(name, "RIFF", 4) != 0) die("%s: no WAV file", path);
    fseek(file, 4, SEEK_CUR);
    for (int64_t bytes; (bytes = next_chunk(file, name)) >= 0;) {
        if (!memcmp(name, "fmt ", 4)) {
            it.rate = read_format(file, path, bytes);
        } else if (!memcmp(name, "data", 4) && it.rate) {
            const int64_t left = left_of(file), samples = (bytes < left ? bytes : left) / 2;
            it.samples = NEW(float, samples + after);
            for (; it.count < samples; it.count++)
                it.samples[it.count] = (float)(int16_t)number(file, 2) / 32768;
            break;
        } else {
            fseek(file, (long)(bytes + bytes % 2), SEEK_CUR);
        }
    }
    fclose(file);
    if (it.count < 1) die("%s: there is no sound in it", path);
    return it;
}

static void put(FILE *file, int64_t n, int bytes)
{
    for (int i = 0; i < bytes; i++) fputc((int)(n >> 8 * i & 255), file);
}

void sound_write(const char *path, int64_t rate, int64_t count, const float *samples)
{
    FILE *file = fopen(path, "wb");
    if (!file) die("%s cannot be written", path);
    fputs("RIFF", file);
    put(file, 36 + 2 * count, 4);
    fputs("WAVEfmt ", file);
    put(file, 16, 4);
    put(file, 1, 2); /* numbers, */
    put(file, 1, 2); /* of one channel */
    put(file, rate, 4);
    put(file, 2 * rate, 4);
    put(file, 2, 2);
    put(file, 16, 2);
    fputs("data", file);
    put(file, 2 * count, 4);
    for (int64_t i = 0; i < count; i++)
        put(file, lrintf(fminf(fmaxf(samples[i], -1), 32767.0f / 32768) * 32768), 2);
    if (fclose(file)) die("%s cannot be written", path);
}
