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

enum { MOST_AT_ONCE = 1 << 30 }; /* some systems refuse more */

/* ---- in ------------------------------------------------------------------------------------- */

/* Size and time say whether a file is still what it was. That its name is gone, or another file's,
 * does no harm: what was opened stays whole. */
static recur_status about(recur__disk_in *in, struct stat *out)
{
    if (fstat(in->fd, out)) return failed("cannot read", in->path);
    if (S_ISREG(out->st_mode)) return RECUR_OK;
    return recur__fail(RECUR_E_IO, "cannot read %.250s: it is not a regular file", in->path);
}

recur_status recur__disk_open(recur__disk_in *in, const char *path)
{
    struct stat now;
    *in = (recur__disk_in){ .path = path };
    do in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us waiting */
    while (in->fd < 0 && errno == EINTR);
    if (in->fd < 0) return failed("cannot open", path);
    recur_status status = about(in, &now);
    if (!status && (uintmax_t)now.st_size > SIZE_MAX / 2) status = recur__no_memory(SIZE_MAX);
    if (status) {
        close(in->fd);
        return status;
    }
    in->bytes = (size_t)now.st_size;
    in->time[0] = now.st_mtim.tv_sec;
    in->time[1] = now.st_mtim.tv_nsec;
    return RECUR_OK;
}

recur_status recur__disk_read(const recur__disk_in *in, size_t offset, unsigned char *to,
                              size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const size_t part = (size_t)recur__min((int64_t)(bytes - at), MOST_AT_ONCE);
        const ssize_t n = pread(in->fd, to + at, part, (off_t)(offset + at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("cannot read", in->path);
        if (n == 0)
            return recur__fail(RECUR_E_IO,
                               "%.250s became shorter while it was read: %zu of %zu bytes",
                               in->path, offset + at, in->bytes);
        at += (size_t)n;
    }
    return RECUR_OK;
}

static recur_status check_unchanged(recur__disk_in *in)
{
    struct stat now;
    RECUR__CHECK(about(in, &now));
    if ((uintmax_t)now.st_size == in->bytes && now.st_mtim.tv_sec == in->time[0] &&
        now.st_mtim.tv_nsec == in->time[1])
        return RECUR_OK;
    return recur__fail(RECUR_E_IO,
                       "%.250s was changed while it was read: it had %zu bytes and has %llu now; "
                       "read it again when it is complete, and replace files by renaming, as "
                       "recur_file_write does",
                       in->path, in->bytes, (unsigned long long)now.st_size);
}

recur_status recur__disk_close(recur__disk_in *in, recur_status status)
{
    /* What looks damaged may only be unfinished. */
    const bool told = !status || status == RECUR_E_FORMAT;
    const recur_status changed = told ? check_unchanged(in) : RECUR_OK;
    close(in->fd);
    return changed ? changed : status;
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
