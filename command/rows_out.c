/* rows_out.c - rows to the standard output, or to a file that takes its name when it is whole. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void writer_open(writer *out, const char *path, int format, int32_t rate)
{
    *out = (writer){ .path = path, .format = format, .rate = rate, .file = stdout };
    if (path) {
        /* Devices and pipes are written as they are: nothing may take their place. */
        struct stat status;
        const bool plain = stat(path, &status) || S_ISREG(status.st_mode);
        if (plain) out->unfinished = text("%s.%ld.part", path, (long)getpid());
        const int flags = plain ? O_WRONLY | O_CREAT | O_EXCL : O_WRONLY;
        const int descriptor = open(plain ? out->unfinished : path, flags, 0666);
        if (descriptor < 0) fail("%s cannot be written: %s", path, strerror(errno));
        unfinished_file(out->unfinished);
        out->file = fdopen(descriptor, "wb");
        if (!out->file) fail("%s cannot be written: %s", path, strerror(errno));
    }
    if (format != FORMAT_CSV && isatty(fileno(out->file)))
        misuse("numbers in binary are nothing for a terminal; use --output FILE, a pipe, or --to "
               "csv");
    if (format != FORMAT_WAV) return;
    /* Where the header can be written once more, when the number of samples is known. */
    const bool appends = fcntl(fileno(out->file), F_GETFL) & O_APPEND;
    out->header = appends ? -1 : ftell(out->file);
    wav_write_header(out->file, rate, -1);
}

static void write_samples(writer *out, const float *row, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        const float scaled = rintf(row[i] * 32768);
        const bool inside = scaled >= -32768 && scaled <= 32767;
        int sample = 0; /* of NaN */
        if (inside) sample = (int)scaled;
        if (scaled > 32767) sample = 32767;
        if (scaled < -32768) sample = -32768;
        out->clipped += !inside;
        putc(sample & 255, out->file);
        putc(sample >> 8 & 255, out->file);
    }
    out->samples += width;
}

/* Nine digits are every bit of a float. */
static void write_csv(FILE *file, const float *row, int64_t width)
{
    for (int64_t i = 0; i < width; i++) fprintf(file, i ? ",%.9g" : "%.9g", (double)row[i]);
    putc('\n', file);
}

static void check_written(const writer *out)
{
    if (ferror(out->file))
        fail("%s cannot be written: %s", out->path ? out->path : "the standard output",
             strerror(errno));
}

void writer_row(writer *out, const float *row, int64_t width)
{
    if (out->format == FORMAT_CSV) write_csv(out->file, row, width);
    if (out->format == FORMAT_F32) fwrite(row, sizeof *row, (size_t)width, out->file);
    if (out->format == FORMAT_WAV) write_samples(out, row, width);
    check_written(out);
}

void writer_flush(writer *out)
{
    fflush(out->file);
    check_written(out);
}

void writer_close(writer *out)
{
    writer_flush(out);
    if (out->format == FORMAT_WAV && out->header >= 0 && !fseek(out->file, out->header, SEEK_SET)) {
        wav_write_header(out->file, out->rate, out->samples);
        fseek(out->file, 0, SEEK_END);
        writer_flush(out);
    }
    if (out->clipped)
        warn("%lld of %lld samples were out of [-1, 1) and are clipped", (long long)out->clipped,
             (long long)out->samples);
    if (!out->path) return;
    if (fclose(out->file)) fail("%s cannot be written: %s", out->path, strerror(errno));
    if (out->unfinished && rename(out->unfinished, out->path))
        fail("%s cannot be written: %s", out->path, strerror(errno));
    unfinished_file(NULL);
    free(out->unfinished);
}
