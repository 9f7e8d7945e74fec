/* csv.h - curves as comma-separated values: a line of names, then a row per epoch. Without a path
 * nothing happens. */
#ifndef EXAMPLES_CSV_H
#define EXAMPLES_CSV_H

#include <stdint.h>
#include <stdio.h>

typedef struct {
    const char *path;
    FILE *stream; /* NULL: no file is wanted */
} csv;

/* Begins a file (path NULL: none) with its header line, such as "epoch,loss"; or goes on with one
 * that is there. */
csv csv_open(const char *path, const char *header, int go_on);

/* Writes a row, at once: a run that is interrupted leaves what it had. */
void csv_row(const csv *file, int64_t n, const double *values);

void csv_close(csv *file);

#endif
