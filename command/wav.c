/* wav.c - headers of WAV files: RIFF, 16 bits, one channel. */
#include "command.h"

#include <string.h>

static uint32_t little(const unsigned char *bytes, int count)
{
    uint32_t number = 0;
    for (int i = count - 1; i >= 0; i--) number = number << 8 | bytes[i];
    return number;
}

/* The next bytes of the input; a file that ends here is no WAV. */
static const unsigned char *want(reader *in, size_t count)
{
    while (in->end - in->begin < count)
        if (!reader_fill(in)) fail("%s: the WAV file ends in its header", in->path);
    in->begin += count;
    return in->bytes + in->begin - count;
}

static void skip(reader *in, uint32_t count)
{
    for (; count > 4096; count -= 4096) want(in, 4096);
    want(in, count);
}

static void read_format(reader *in, uint32_t bytes)
{
    if (bytes < 16 || bytes > 4096) fail("%s: its format takes %u bytes", in->path, bytes);
    const unsigned char *f = want(in, bytes);
    const uint32_t sort = little(f, 2), channels = little(f + 2, 2), bits = little(f + 14, 2);
    /* 0xFFFE stands for a longer description, which begins with the sort in its last 16 bytes */
    const bool extensible = sort == 0xFFFE && bytes >= 40 && little(f + 24, 2) == 1;
    if ((sort != 1 && !extensible) || channels != 1 || bits != 16)
        fail("%s: it has %u channels of %u bits, format %u; convert it to one channel of 16 bits, "
             "format 1",
             in->path, channels, bits, sort);
    in->rate = (int32_t)(little(f + 4, 4) & INT32_MAX);
}

void wav_read_header(reader *in)
{
    const unsigned char *riff = want(in, 12);
    if (memcmp(riff, "RIFF", 4) != 0 || memcmp(riff + 8, "WAVE", 4) != 0)
        fail("%s: this is no WAV file; say what it is: --from csv or --from f32", in->path);
    for (bool format = false;;) {
        const unsigned char *chunk = want(in, 8);
        char name[5] = "";
        memcpy(name, chunk, 4);
        const uint32_t bytes = little(chunk + 4, 4);
        if (!strcmp(name, "fmt ")) {
            read_format(in, bytes);
            if (bytes % 2) want(in, 1);
            format = true;
        } else if (!strcmp(name, "data")) {
            if (!format) fail("%s: the samples come before their format", in->path);
            /* who writes into a pipe does not know the length beforehand */
            in->left = bytes == 0 || bytes >= 0xFFFFFF00u ? -1 : (int64_t)bytes;
            return;
        } else {
            skip(in, bytes);
            if (bytes % 2) skip(in, 1);
        }
    }
}

static unsigned char *put(unsigned char *to, uint32_t number, int count)
{
    for (int i = 0; i < count; i++) to[i] = (unsigned char)(number >> 8 * i);
    return to + count;
}

void wav_write_header(FILE *file, int32_t rate, int64_t samples)
{
    const bool known = samples >= 0 && samples < (int64_t)(UINT32_MAX - 64) / 2;
    const uint32_t bytes = known ? (uint32_t)samples * 2 : UINT32_MAX;
    unsigned char header[44], *to = header;
    memcpy(to, "RIFF", 4);
    to = put(to + 4, known ? bytes + 36 : UINT32_MAX, 4);
    memcpy(to, "WAVEfmt ", 8);
    to = put(to + 8, 16, 4);
    to = put(to, 1, 2);
    to = put(to, 1, 2);
    to = put(to, (uint32_t)rate, 4);
    to = put(to, (uint32_t)rate * 2, 4);
    to = put(to, 2, 2);
    to = put(to, 16, 2);
    memcpy(to, "data", 4);
    put(to + 4, bytes, 4);
    fwrite(header, 1, sizeof header, file);
}
