/* disk_posix.c - whole files in and out, where the system is not Windows.
 *
 * A file is written under a temporary name beside its own, brought to the disk, then renamed, and
 * the folder is brought to the disk: whoever opens the name, after a kill or a power loss too,
 * finds the old file or the new one. What a kill leaves behind is ".recur-" and 16 digits ".tmp" in
 * that folder. */
#ifdef __APPLE__ /* O_NOFOLLOW, and times of files in nanoseconds */
#define _DARWIN_C_SOURCE
#endif
#include "file/file.h"

#if RECUR_FILES && !defined(_WIN32)

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

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
enum { NAME = 32 };              /* of a temporary file, with its 0 */

static int open_again(const char *path, int flags, mode_t mode)
{
    int fd;
    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

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
    in->fd = open_again(path, O_RDONLY | O_NONBLOCK, 0); /* a FIFO must not keep us waiting */
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

/* ---- out: where to -------------------------------------------------------------------------- */

enum { ROOM = 4096, MOST_LINKS = 40, TRIES = 100 };

/* Bytes of a path that name its folder, with the last slash; 0: the current folder. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash + 1 - path) : 0;
}

static recur_status too_long(const char *path)
{
    errno = ENAMETOOLONG;
    return failed("cannot write", path);
}

/* Puts what a symbolic link says in the place of its name. */
static recur_status replace_link(recur__disk *disk)
{
    const ssize_t n = readlink(disk->target, disk->link, ROOM);
    if (n < 0) return failed("cannot write", disk->target);
    const size_t before = n > 0 && disk->link[0] == '/' ? 0 : folder_bytes(disk->target);
    if (before + (size_t)n >= ROOM) return too_long(disk->path);
    memcpy(disk->target + before, disk->link, (size_t)n);
    disk->target[before + (size_t)n] = '\0';
    return RECUR_OK;
}

/* Finds the file at the end of the links that a path may name, so that a link stays one. There may
 * be none yet. */
static recur_status find_target(recur__disk *disk, struct stat *about, bool *exists)
{
    if (strlen(disk->path) >= ROOM) return too_long(disk->path);
    memcpy(disk->target, disk->path, strlen(disk->path) + 1);
    for (int links = 0; links < MOST_LINKS; links++) {
        *exists = lstat(disk->target, about) == 0;
        if (!*exists && errno != ENOENT) return failed("cannot write", disk->target);
        if (!*exists || S_ISREG(about->st_mode)) return RECUR_OK;
        if (!S_ISLNK(about->st_mode))
            return recur__fail(RECUR_E_IO, "cannot write %.250s: it is not a regular file",
                               disk->path);
        /* The system may forbid to follow it, as it does with a stranger's link in /tmp. */
        struct stat end;
        if (links == 0 && stat(disk->path, &end) && errno != ENOENT)
            return failed("cannot write", disk->path);
        RECUR__CHECK(replace_link(disk));
    }
    errno = ELOOP;
    return failed("cannot write", disk->path);
}

/* ---- out: a file that nobody else has ------------------------------------------------------- */

/* Nobody can guess it where the system has random numbers. Where not, nobody else uses it. */
static uint64_t unguessable(const void *address, int again)
{
    struct timespec now = { 0, 0 };
    uint64_t bits = 0;
    const int fd = open_again("/dev/urandom", O_RDONLY, 0);
    const bool got = fd >= 0 && read(fd, &bits, sizeof bits) == (ssize_t)sizeof bits;
    if (fd >= 0) close(fd);
    if (got) return bits;
    clock_gettime(CLOCK_REALTIME, &now);
    bits = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + (uint64_t)again;
    return (bits ^ (uint64_t)getpid() << 40 ^ (uintptr_t)address) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Owner, group and mode of the file that will be replaced, as far as the system lets us. If the
 * group cannot be kept, its members get what everybody gets. */
static void keep_owner(int fd, const struct stat *old)
{
    struct stat now;
    mode_t mode = old->st_mode & 0777;
    if (fstat(fd, &now)) return;
    const bool same = now.st_uid == old->st_uid && now.st_gid == old->st_gid;
    if (!same && fchown(fd, old->st_uid, old->st_gid) && fchown(fd, (uid_t)-1, old->st_gid))
        mode = (mode & 0707) | (mode & 07) << 3;
    if (fchmod(fd, mode)) return; /* it stays its owner's alone */
}

static recur_status make_temporary(recur__disk *disk, const struct stat *old)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const size_t folder = folder_bytes(disk->target);
    memcpy(disk->temporary, disk->target, folder);
    for (int i = 0; i < TRIES; i++) {
        snprintf(disk->temporary + folder, NAME, ".recur-%016" PRIx64 ".tmp", unguessable(disk, i));
        disk->fd = open_again(disk->temporary, flags, old ? 0600 : 0666);
        if (disk->fd >= 0 && old) keep_owner(disk->fd, old);
        if (disk->fd >= 0) return RECUR_OK;
        if (errno != EEXIST) break;
    }
    return failed("cannot create", disk->temporary);
}

/* ---- out: the doors ------------------------------------------------------------------------- */

static void lay_out(recur__carver *carver, recur__disk *disk)
{
    disk->target = recur__carve(carver, ROOM, 1);
    disk->link = recur__carve(carver, ROOM, 1);
    disk->temporary = recur__carve(carver, ROOM + NAME, 1);
}

recur_status recur__disk_begin(recur__disk *disk, const recur_context *ctx, const char *path)
{
    struct stat about;
    bool exists = false;
    *disk = (recur__disk){ .ctx = ctx, .path = path, .fd = -1 };
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, disk);
    disk->allocated = measure.used;
    disk->memory = recur__alloc(ctx, disk->allocated);
    if (!disk->memory) return recur__no_memory(disk->allocated);
    recur__carver carve = { disk->memory, 0 };
    lay_out(&carve, disk);
    recur_status status = find_target(disk, &about, &exists);
    if (!status) status = make_temporary(disk, exists ? &about : NULL);
    if (status) recur__free(ctx, disk->memory, disk->allocated);
    return status;
}

recur_status recur__disk_put(recur__disk *disk, const unsigned char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const size_t part = (size_t)recur__min((int64_t)(bytes - at), MOST_AT_ONCE);
        const ssize_t n = write(disk->fd, data + at, part);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC; /* not even one byte, and no reason */
        if (n <= 0) return failed("cannot write", disk->temporary);
        at += (size_t)n;
    }
    return RECUR_OK;
}

static int sync_again(int fd)
{
    int result;
    do result = fsync(fd);
    while (result && errno == EINTR);
    return result;
}

/* Brings the new name to the disk. Not every system lets folders be opened or synced; then there is
 * nothing that could be done. */
static recur_status sync_folder(recur__disk *disk)
{
    char *folder = disk->link;
    const size_t bytes = folder_bytes(disk->target);
    memcpy(folder, disk->target, bytes);
    memcpy(folder + bytes, ".", 2);
    const int fd = open_again(folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return RECUR_OK;
    const bool broken = sync_again(fd) && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
    recur_status status = RECUR_OK;
    if (broken)
        status = failed("the new file is there, but may be gone after a power loss:", folder);
    close(fd);
    return status;
}

recur_status recur__disk_end(recur__disk *disk, recur_status status)
{
    if (!status && sync_again(disk->fd)) status = failed("cannot write", disk->temporary);
    /* A close that was interrupted has closed; everything is on the disk already. */
    if (close(disk->fd) && errno != EINTR && !status)
        status = failed("cannot write", disk->temporary);
    if (!status && rename(disk->temporary, disk->target))
        status = failed("cannot replace", disk->target);
    if (status)
        unlink(disk->temporary);
    else
        status = sync_folder(disk);
    recur__free(disk->ctx, disk->memory, disk->allocated);
    return status;
}

#endif
