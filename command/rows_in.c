/* rows_in.c - rows from a file or the standard input, as CSV, raw float32 or WAV.
 *
 * Bytes are taken as they come, so a stream that stops for a while has been answered up to its last
 * whole row. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, LONGEST_LINE = 1 << 28 };

bool reader_fill(reader *in)
{
    if (in->ended) return false;
    memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
    if (in->room - in->end < BLOCK) {
        in->room = in->room ? 2 * in->room : 2 * BLOCK;
        in->bytes = take(in->bytes, in->room, 1);
    }
    ssize_t count;
    do count = read(in->descriptor, in->bytes + in->end, BLOCK);
    while (count < 0 && errno == EINTR);
    if (count < 0) fail("%s cannot be read: %s", in->path, strerror(errno));
    in->ended = count == 0;
    in->end += (size_t)count;
    return !in->ended;
}

void reader_open(reader *in, const char *path, int format, int64_t width, bool header)
{
    const bool standard = !path || !strcmp(path, "-");
    *in = (reader){ .path = standard ? "the standard input" : path,
                    .descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY),
                    .format = format,
                    .width = width,
                    .header = header,
                    .left = -1 };
    if (in->descriptor < 0) fail("%s cannot be opened: %s", path, strerror(errno));
    in->bytes = take(NULL, in->room = 2 * BLOCK, 1);
    if (format == FORMAT_WAV) wav_read_header(in);
}

void reader_close(reader *in)
{
    if (in->descriptor != STDIN_FILENO) close(in->descriptor);
    free(in->bytes);
}

/* ---- CSV ------------------------------------------------------------------------------------ */

/* A whole line as a string, without its end, or NULL after the last one. */
static char *next_line(reader *in)
{
    size_t looked = 0;
    for (;;) {
        unsigned char *from = in->bytes + in->begin;
        const size_t there = in->end - in->begin;
        unsigned char *end = there > looked ? memchr(from + looked, '\n', there - looked) : NULL;
        looked = there;
        if (end) {
            in->begin += (size_t)(end - from) + 1;
            *end = 0;
            return (char *)from;
        }
        if (there > LONGEST_LINE)
            fail("%s, line %lld is longer than %d bytes; is it CSV?", in->path,
                 (long long)in->line + 1, LONGEST_LINE);
        if (reader_fill(in)) continue;
        if (!there) return NULL;
        in->bytes[in->end] = 0; /* reader_fill keeps a block free */
        in->begin = in->end;
        return (char *)in->bytes;
    }
}

static bool is_blank(const char *line) { return line[strspn(line, " \t\r")] == 0 || *line == '#'; }

static void parse_line(const reader *in, const char *line, float *row)
{
    const char *at = line;
    for (int64_t i = 0; i < in->width; i++) {
        char *end;
        row[i] = strtof(at, &end);
        if (end == at)
            fail("%s, line %lld: number %lld of %lld is \"%.*s\"", in->path, (long long)in->line,
                 (long long)i + 1, (long long)in->width, (int)strcspn(at, ",;\r"), at);
        at = end + strspn(end, " \t\r");
        const bool last = i + 1 == in->width;
        if (last && *at)
            fail("%s, line %lld: \"%.20s\" stands behind the %lld numbers that the model takes",
                 in->path, (long long)in->line, at, (long long)in->width);
        if (!last && !*at)
            fail("%s, line %lld has %lld numbers; the model takes %lld", in->path,
                 (long long)in->line, (long long)i + 1, (long long)in->width);
        if (*at == ',' || *at == ';') at++;
    }
}

static bool csv_row(reader *in, float *row)
{
    for (char *line; (line = next_line(in));) {
        in->line++;
        if (is_blank(line)) continue;
        if (in->header) {
            in->header = false;
            continue;
        }
        parse_line(in, line, row);
        return true;
    }
    return false;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Waits for a row of bytes, and gives how many there are: fewer at the end. */
static size_t wait_for(reader *in, size_t bytes)
{
    if (in->left >= 0 && (uint64_t)in->left < bytes) bytes = (size_t)in->left;
    while (in->end - in->begin < bytes && reader_fill(in)) {}
    const size_t there = in->end - in->begin;
    return there < bytes ? there : bytes;
}

static bool f32_row(reader *in, float *row)
{
    const size_t bytes = (size_t)in->width * sizeof *row, there = wait_for(in, bytes);
    if (there && there < bytes)
        fail("%s: row %lld has %zu bytes; the model takes %zu (%lld float32)", in->path,
             (long long)in->rows + 1, there, bytes, (long long)in->width);
    memcpy(row, in->bytes + in->begin, there);
    in->begin += there;
    return there;
}

static bool wav_row(reader *in, float *row)
{
    const size_t bytes = (size_t)in->width * 2, there = wait_for(in, bytes);
    if (there < 2) {
        if (in->left > 1)
            warn("%s ends %lld samples before its header says", in->path, (long long)in->left / 2);
        return false;
    }
    const unsigned char *from = in->bytes + in->begin;
    const int64_t samples = (int64_t)there / 2;
    for (int64_t i = 0; i < in->width; i++) {
        const int whole = i < samples ? from[2 * i] | from[2 * i + 1] << 8 : 0;
        row[i] = (float)(whole < 32768 ? whole : whole - 65536) / 32768;
    }
    if (samples < in->width)
        warn("the last frame has %lld of %lld samples; zeros stand behind them", (long long)samples,
             (long long)in->width);
    in->begin += there;
    if (in->left >= 0) in->left -= (int64_t)there;
    return true;
}

bool reader_row(reader *in, float *row)
{
    bool (*const next)(reader *, float *) = in->format == FORMAT_CSV   ? csv_row
                                            : in->format == FORMAT_F32 ? f32_row
                                                                       : wav_row;
    if (!next(in, row)) return false;
    in->rows++;
    return true;
}

bool reader_would_wait(const reader *in)
{
    const unsigned char *from = in->bytes + in->begin;
    const size_t there = in->end - in->begin;
    if (in->format == FORMAT_CSV && memchr(from, '\n', there)) return false;
    if (in->format == FORMAT_F32 && there >= (size_t)in->width * 4) return false;
    if (in->format == FORMAT_WAV && there >= (size_t)in->width * 2) return false;
    struct pollfd wanted = { .fd = in->descriptor, .events = POLLIN };
    return !in->ended && poll(&wanted, 1, 0) == 0;
}
