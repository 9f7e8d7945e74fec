/* disk_none.c - a library without files (RECUR_FILES=0). These are never called: the doors
 * refuse. */
#include "file/file.h"

#if !RECUR_FILES

recur_status recur__disk_open(recur__disk_in *in, const char *path)
{
    *in = (recur__disk_in){ .path = path };
    return recur__left_out(path, "FILES");
}

recur_status recur__disk_read(const recur__disk_in *in, size_t offset, unsigned char *to,
                              size_t bytes)
{
    (void)offset;
    (void)to;
    (void)bytes;
    return recur__left_out(in->path, "FILES");
}

recur_status recur__disk_close(recur__disk_in *in, recur_status status)
{
    (void)in;
    return status;
}

recur_status recur__disk_begin(recur__disk *disk, const recur_context *ctx, const char *path)
{
    *disk = (recur__disk){ .ctx = ctx, .path = path };
    return recur__left_out(path, "FILES");
}

recur_status recur__disk_put(recur__disk *disk, const unsigned char *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    return recur__left_out(disk->path, "FILES");
}

recur_status recur__disk_end(recur__disk *disk, recur_status status)
{
    (void)disk;
    return status;
}

#endif
