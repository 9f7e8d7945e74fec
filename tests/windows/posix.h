/* posix.h - what the tests use of POSIX and MinGW does not have. The Makefile includes it before
 * every test on Windows. What Windows cannot do fails, and support/system.h says which tests are
 * skipped for it. */
#ifndef WINDOWS_POSIX_H
#define WINDOWS_POSIX_H

#include <direct.h>
#include <errno.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static __attribute__((unused)) unsigned alarm(unsigned seconds)
{
    (void)seconds; /* the script that runs tests has a limit of its own */
    return 0;
}

static __attribute__((unused)) char *mkdtemp(char *path)
{
    return _mktemp(path) && _mkdir(path) == 0 ? path : NULL;
}

static __attribute__((unused)) ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at)
{
    const long before = lseek(fd, 0, SEEK_CUR);
    if (before < 0 || lseek(fd, at, SEEK_SET) < 0) return -1;
    const int n = write(fd, from, (unsigned)bytes);
    return lseek(fd, before, SEEK_SET) < 0 ? -1 : n;
}

static __attribute__((unused)) ssize_t getline(char **line, size_t *room, FILE *file)
{
    ssize_t n = 0;
    for (int c; (c = getc(file)) != EOF;) {
        if ((size_t)n + 2 > *room) {
            char *more = realloc(*line, *room = 2 * *room + 64);
            if (!more) return -1;
            *line = more;
        }
        (*line)[n++] = (char)c;
        if (c == '\n') break;
    }
    if (n == 0) return -1;
    (*line)[n] = '\0';
    return n;
}

#endif
