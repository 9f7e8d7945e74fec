/* csv.c - curves as comma-separated values; see csv.h. */
#include "csv.h"
#include "try.h"

#include <errno.h>
#include <string.h>

csv csv_open(const char *path, const char *header, int go_on)
{
    csv file = { .path = path, .stream = NULL };
    if (!path) return file;
    file.stream = fopen(path, go_on ? "a" : "w");
    if (!file.stream || fseek(file.stream, 0, SEEK_END)) die("%s: %s", path, strerror(errno));
    if (ftell(file.stream) == 0) fprintf(file.stream, "%s\n", header);
    return file;
}

void csv_row(const csv *file, int64_t n, const double *values)
{
    if (!file->stream) return;
    for (int64_t i = 0; i < n; i++) fprintf(file->stream, "%s%.9g", i ? "," : "", values[i]);
    fputc('\n', file->stream);
    if (fflush(file->stream) || ferror(file->stream)) die("%s: %s", file->path, strerror(errno));
}

void csv_close(csv *file)
{
    if (file->stream && fclose(file->stream)) die("%s: %s", file->path, strerror(errno));
    file->stream = NULL;
}
