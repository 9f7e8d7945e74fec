/* disk.c - whole files in and out. A file is written under a temporary name beside its own, brought
 * to the disk, then renamed: whoever opens the name finds the old file or the new one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/file.h"

static recur_status failed(const char *what, const char *path)
{
    char reason[128];
    const int number = errno;
    const bool not_there = number == ENOENT || number == ENOTDIR;
    if (strerror_r(number, reason, sizeof reason)) snprintf(reason, sizeof reason, "error");
    return recur__fail(not_there ? RECUR_E_NOT_FOUND : RECUR_E_IO, "%s %.250s: %s (errno %d)", what,
                       path, reason, number);
}

/* ---- in ------------------------------------------------------------------------------------- */

static recur_status fill(int fd, const char *path, unsigned char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = read(fd, data + at, bytes - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("cannot read", path);
        if (n == 0)
            return recur__fail(RECUR_E_IO,
                               "%.250s became shorter while it was read: %zu of %zu bytes", path,
                               at, bytes);
        at += (size_t)n;
    }
    return RECUR_OK;
}

static recur_status read_all(const recur_context *ctx, int fd, const char *path,
                             unsigned char **data, size_t *bytes)
{
    struct stat about;
    if (fstat(fd, &about)) return failed("cannot read", path);
    if (!S_ISREG(about.st_mode))
        return recur__fail(RECUR_E_IO, "cannot read %.250s: it is not a regular file", path);
    if ((uintmax_t)about.st_size > SIZE_MAX / 2) return recur__no_memory(SIZE_MAX);
    *bytes = (size_t)about.st_size;
    *data = recur__alloc(ctx, *bytes);
    if (!*data) return recur__no_memory(*bytes);
    const recur_status status = fill(fd, path, *data, *bytes);
    if (status) {
        recur__free(ctx, *data, *bytes);
        *data = NULL;
    }
    return status;
}

recur_status recur__disk_read(const recur_context *ctx, const char *path, unsigned char **data,
                              size_t *bytes)
{
    *data = NULL;
    const int fd = open(path,
                        O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us waiting */
    if (fd < 0) return failed("cannot open", path);
    const recur_status status = read_all(ctx, fd, path, data, bytes);
    close(fd);
    return status;
}

/* ---- out ------------------------------------------------------------------------------------ */

enum { ENDING = 40, TRIES = 1000 };

/* A name that nobody has: path, process, try. */
static recur_status make_temporary(recur__disk *disk, mode_t mode)
{
    for (int i = 0; i < TRIES; i++) {
        snprintf(disk->temporary, disk->allocated, "%s.%ld-%d.tmp", disk->path, (long)getpid(), i);
        disk->fd = open(disk->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (disk->fd >= 0) return RECUR_OK;
        if (errno != EEXIST) break;
    }
    return failed("cannot create", disk->temporary);
}

recur_status recur__disk_begin(recur__disk *disk, const recur_context *ctx, const char *path)
{
    struct stat about;
    const bool exists = stat(path, &about) == 0;
    if (exists && !S_ISREG(about.st_mode))
        return recur__fail(RECUR_E_IO, "cannot write %.250s: it is not a regular file", path);
    *disk = (recur__disk){ .ctx = ctx, .path = path, .allocated = strlen(path) + ENDING, .fd = -1 };
    disk->temporary = recur__alloc(ctx, disk->allocated);
    if (!disk->temporary) return recur__no_memory(disk->allocated);
    const recur_status status = make_temporary(disk, exists ? about.st_mode & 0777 : 0666);
    if (status) recur__free(ctx, disk->temporary, disk->allocated);
    return status;
}

recur_status recur__disk_put(recur__disk *disk, const unsigned char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = write(disk->fd, data + at, bytes - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("cannot write", disk->temporary);
        at += (size_t)n;
    }
    return RECUR_OK;
}

recur_status recur__disk_end(recur__disk *disk, recur_status status)
{
    if (!status && fsync(disk->fd)) status = failed("cannot write", disk->temporary);
    if (close(disk->fd) && !status) status = failed("cannot write", disk->temporary);
    if (!status && rename(disk->temporary, disk->path))
        status = failed("cannot replace", disk->path);
    if (status) unlink(disk->temporary);
    recur__free(disk->ctx, disk->temporary, disk->allocated);
    return status;
}
