/* try.c - failing loudly; see try.h. */
#include "try.h"
#include "progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name = "example";

void set_program_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    name = slash ? slash + 1 : path;
}

const char *program_name(void) { return name; }

static void complain(const char *format, va_list arguments)
{
    progress_end();
    fflush(stdout);
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    exit(1);
}

void die_of_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "try '%s --help'\n", name);
    exit(2);
}

void *new_array(int64_t n, size_t size)
{
    if (n < 0 || (uint64_t)n > SIZE_MAX / size)
        die("%lld elements of %zu bytes are too many", (long long)n, size);
    void *array = calloc(n > 0 ? (size_t)n : 1, size);
    if (!array) die("out of memory: %lld elements of %zu bytes", (long long)n, size);
    return array;
}

int finish(int status)
{
    if (fflush(stdout) || ferror(stdout)) die("stdout: %s", strerror(errno));
    return status;
}
