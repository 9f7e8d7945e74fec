/* disk_windows.c - whole files in and out on Windows, whose paths are UTF-8 here.
 *
 * A file is written under a temporary name beside its own, brought to the disk, then moved over the
 * old one in one step: whoever opens the name, after a kill or a power loss too, finds the old file
 * or the new one. What a kill leaves behind is ".recur-" and 16 digits ".tmp" in that folder. A
 * file that somebody reads with this library can be replaced meanwhile. The new file has the rights
 * that its folder gives. */
#define _CRT_RAND_S /* rand_s, whose numbers nobody can guess */
#include "file/file.h"

#if RECUR_FILES && defined(_WIN32)

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/windows.h"

enum { MOST_AT_ONCE = 1 << 30 };
enum { ROOM = 2048, TRIES = 100 }; /* ROOM: characters of a path, with its 0 */

/* ---- sentences ------------------------------------------------------------------------------ */

/* What the system says of an error, without the full stop and the line end behind it. */
static void say_reason(DWORD number, char *reason, int room)
{
    wchar_t words[128];
    const DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD n = FormatMessageW(flags, NULL, number, 0, words, 128, NULL);
    while (n > 0 && (words[n - 1] == L'.' || words[n - 1] <= L' ')) n--;
    const int bytes = WideCharToMultiByte(CP_UTF8, 0, words, (int)n, reason, room - 1, NULL, NULL);
    reason[bytes] = '\0';
    if (bytes == 0) snprintf(reason, (size_t)room, "the system gives no reason");
}

static recur_status failed_with(DWORD number, const char *what, const char *path)
{
    char reason[256] = "No such file or directory"; /* the same words everywhere */
    const bool not_there = number == ERROR_FILE_NOT_FOUND || number == ERROR_PATH_NOT_FOUND;
    if (!not_there) say_reason(number, reason, sizeof reason);
    return recur__fail(not_there ? RECUR_E_NOT_FOUND : RECUR_E_IO, "%s %.250s: %s (error %lu)",
                       what, path, reason, (unsigned long)number);
}

static recur_status failed(const char *what, const char *path)
{
    return failed_with(GetLastError(), what, path);
}

static recur_status not_regular(const char *what, const char *path)
{
    return recur__fail(RECUR_E_IO, "%s %.250s: it is not a regular file", what, path);
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* A path as the system takes it. */
typedef struct wide {
    wchar_t path[ROOM];
} wide;

static recur_status widen(const char *what, const char *path, wide *out)
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out->path, ROOM))
        return RECUR_OK;
    if (GetLastError() != ERROR_NO_UNICODE_TRANSLATION) return failed(what, path);
    return recur__fail(RECUR_E_IO, "%s a file whose path, of %zu bytes, is not UTF-8", what,
                       strlen(path));
}

/* Bytes of a path that name its folder, with the last slash or colon; 0: the current folder. */
static size_t folder_bytes(const char *path)
{
    size_t bytes = 0;
    for (size_t i = 0; path[i]; i++)
        if (path[i] == '/' || path[i] == '\\' || path[i] == ':') bytes = i + 1;
    return bytes;
}

/* ---- in ------------------------------------------------------------------------------------- */

static uint64_t whole(DWORD high, DWORD low) { return (uint64_t)high << 32 | low; }

/* Size and time say whether a file is still what it was. That its name is gone, or another file's,
 * does no harm: what was opened stays whole. */
static recur_status about(recur__disk_in *in, BY_HANDLE_FILE_INFORMATION *out)
{
    if (GetFileType(in->fd) != FILE_TYPE_DISK) return not_regular("cannot read", in->path);
    if (!GetFileInformationByHandle(in->fd, out)) return failed("cannot read", in->path);
    if (!(out->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) return RECUR_OK;
    return not_regular("cannot read", in->path);
}

static int64_t time_of(const BY_HANDLE_FILE_INFORMATION *now)
{
    return (int64_t)whole(now->ftLastWriteTime.dwHighDateTime, now->ftLastWriteTime.dwLowDateTime);
}

recur_status recur__disk_open(recur__disk_in *in, const char *path)
{
    wide name;
    BY_HANDLE_FILE_INFORMATION now;
    *in = (recur__disk_in){ .path = path };
    RECUR__CHECK(widen("cannot open", path, &name));
    /* Folders open too, with the flag that is meant for backups, and are told from files below. */
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    in->fd = CreateFileW(name.path, GENERIC_READ, share, NULL, OPEN_EXISTING,
                         FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (in->fd == INVALID_HANDLE_VALUE) return failed("cannot open", path);
    recur_status status = about(in, &now);
    const uint64_t bytes = status ? 0 : whole(now.nFileSizeHigh, now.nFileSizeLow);
    if (bytes > SIZE_MAX / 2) status = recur__no_memory(SIZE_MAX);
    if (status) {
        CloseHandle(in->fd);
        return status;
    }
    in->bytes = (size_t)bytes;
    in->time[0] = time_of(&now);
    return RECUR_OK;
}

recur_status recur__disk_read(const recur__disk_in *in, size_t offset, unsigned char *to,
                              size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const DWORD part = (DWORD)recur__min((int64_t)(bytes - at), MOST_AT_ONCE);
        const uint64_t from = offset + at;
        OVERLAPPED place = { .Offset = (DWORD)from, .OffsetHigh = (DWORD)(from >> 32) };
        DWORD n = 0;
        const bool read = ReadFile(in->fd, to + at, part, &n, &place);
        if (!read && GetLastError() != ERROR_HANDLE_EOF) return failed("cannot read", in->path);
        if (n == 0)
            return recur__fail(RECUR_E_IO,
                               "%.250s became shorter while it was read: %zu of %zu bytes",
                               in->path, offset + at, in->bytes);
        at += n;
    }
    return RECUR_OK;
}

static recur_status check_unchanged(recur__disk_in *in)
{
    BY_HANDLE_FILE_INFORMATION now;
    RECUR__CHECK(about(in, &now));
    const uint64_t bytes = whole(now.nFileSizeHigh, now.nFileSizeLow);
    if (bytes == in->bytes && time_of(&now) == in->time[0]) return RECUR_OK;
    return recur__fail(RECUR_E_IO,
                       "%.250s was changed while it was read: it had %zu bytes and has %llu now; "
                       "read it again when it is complete, and replace files by renaming, as "
                       "recur_file_write does",
                       in->path, in->bytes, (unsigned long long)bytes);
}

recur_status recur__disk_close(recur__disk_in *in, recur_status status)
{
    /* What looks damaged may only be unfinished. */
    const bool told = !status || status == RECUR_E_FORMAT;
    const recur_status changed = told ? check_unchanged(in) : RECUR_OK;
    CloseHandle(in->fd);
    return changed ? changed : status;
}

/* ---- out ------------------------------------------------------------------------------------ */

static recur_status too_long(const char *path)
{
    return failed_with(ERROR_FILENAME_EXCED_RANGE, "cannot write", path);
}

/* Where the system says that a file is, behind all links: with "\\?\" in front. */
static recur_status take_final_path(recur__disk *disk, HANDLE file)
{
    wide final;
    const DWORD n = GetFinalPathNameByHandleW(file, final.path, ROOM, 0);
    if (n == 0) return RECUR_OK; /* some drives cannot tell, and have no links */
    if (n >= ROOM ||
        !WideCharToMultiByte(CP_UTF8, 0, final.path, -1, disk->target, ROOM, NULL, NULL))
        return too_long(disk->path);
    return RECUR_OK;
}

/* Finds the file at the end of the links that a path may name, so that a link stays one. There may
 * be none yet. */
static recur_status find_target(recur__disk *disk)
{
    wide name;
    if (strlen(disk->path) >= ROOM) return too_long(disk->path);
    memcpy(disk->target, disk->path, strlen(disk->path) + 1);
    RECUR__CHECK(widen("cannot write", disk->path, &name));
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    recur__disk_in old = { .path = disk->path };
    BY_HANDLE_FILE_INFORMATION now;
    old.fd = CreateFileW(name.path, FILE_READ_ATTRIBUTES, share, NULL, OPEN_EXISTING,
                         FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (old.fd == INVALID_HANDLE_VALUE) {
        const DWORD number = GetLastError();
        if (number == ERROR_FILE_NOT_FOUND) return RECUR_OK;
        return failed_with(number, "cannot write", disk->path);
    }
    const bool regular = GetFileType(old.fd) == FILE_TYPE_DISK &&
                         GetFileInformationByHandle(old.fd, &now) &&
                         !(now.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY);
    const recur_status status = regular ? take_final_path(disk, old.fd)
                                        : not_regular("cannot write", disk->path);
    CloseHandle(old.fd);
    return status;
}

static recur_status make_temporary(recur__disk *disk)
{
    wide name;
    DWORD number = ERROR_FILE_EXISTS;
    const size_t folder = folder_bytes(disk->target);
    memcpy(disk->temporary, disk->target, folder);
    for (int i = 0; i < TRIES && number == ERROR_FILE_EXISTS; i++) {
        unsigned high = 0, low = 0;
        if (rand_s(&high) || rand_s(&low)) low = GetCurrentProcessId() + (unsigned)i;
        snprintf(disk->temporary + folder, ROOM - folder, ".recur-%08x%08x.tmp", high, low);
        RECUR__CHECK(widen("cannot create", disk->temporary, &name));
        disk->fd = CreateFileW(name.path, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL,
                               NULL);
        if (disk->fd != INVALID_HANDLE_VALUE) return RECUR_OK;
        number = GetLastError();
    }
    return failed_with(number, "cannot create", disk->temporary);
}

static void lay_out(recur__carver *carver, recur__disk *disk)
{
    disk->target = recur__carve(carver, ROOM, 1);
    disk->temporary = recur__carve(carver, ROOM + 32, 1);
}

recur_status recur__disk_begin(recur__disk *disk, const recur_context *ctx, const char *path)
{
    *disk = (recur__disk){ .ctx = ctx, .path = path, .fd = INVALID_HANDLE_VALUE };
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, disk);
    disk->allocated = measure.used;
    disk->memory = recur__alloc(ctx, disk->allocated);
    if (!disk->memory) return recur__no_memory(disk->allocated);
    recur__carver carve = { disk->memory, 0 };
    lay_out(&carve, disk);
    recur_status status = find_target(disk);
    if (!status) status = make_temporary(disk);
    if (status) recur__free(ctx, disk->memory, disk->allocated);
    return status;
}

recur_status recur__disk_put(recur__disk *disk, const unsigned char *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const DWORD part = (DWORD)recur__min((int64_t)(bytes - at), MOST_AT_ONCE);
        DWORD n = 0;
        if (!WriteFile(disk->fd, data + at, part, &n, NULL))
            return failed("cannot write", disk->temporary);
        if (n == 0) return failed_with(ERROR_DISK_FULL, "cannot write", disk->temporary);
        at += n;
    }
    return RECUR_OK;
}

/* Moving over a file is one step of the system's; WRITE_THROUGH waits until it is on the disk. */
static recur_status move(recur__disk *disk)
{
    wide from, to;
    RECUR__CHECK(widen("cannot replace", disk->temporary, &from));
    RECUR__CHECK(widen("cannot replace", disk->target, &to));
    const DWORD how = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
    return MoveFileExW(from.path, to.path, how) ? RECUR_OK : failed("cannot replace", disk->target);
}

recur_status recur__disk_end(recur__disk *disk, recur_status status)
{
    wide name;
    if (!status && !FlushFileBuffers(disk->fd)) status = failed("cannot write", disk->temporary);
    if (!CloseHandle(disk->fd) && !status) status = failed("cannot write", disk->temporary);
    if (!status) status = move(disk);
    if (status && MultiByteToWideChar(CP_UTF8, 0, disk->temporary, -1, name.path, ROOM))
        DeleteFileW(name.path);
    recur__free(disk->ctx, disk->memory, disk->allocated);
    return status;
}

#endif
