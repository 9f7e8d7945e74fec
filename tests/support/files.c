/* files.c - containers in memory. */
#include "support/support.h"

recur_file *new_file(recur_context *ctx)
{
    recur_file *file = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    assert_int_equal(recur_file_tensor_count(file), 0);
    return file;
}

recur_file *again(recur_context *ctx, recur_file *file)
{
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = bytes_of((int64_t)bytes, 1);
    OK(recur_file_write_memory(file, data, &bytes));
    recur_file *back = NULL;
    OK(recur_file_open_memory(ctx, data, bytes, &back));
    memset(data, 0, bytes); /* it was copied */
    recur_file_release(file);
    return back;
}

unsigned char *file_bytes(const char *header, size_t buffer, size_t *bytes)
{
    const size_t n = strlen(header);
    unsigned char *data = bytes_of((int64_t)(8 + n + buffer), 1);
    for (int i = 0; i < 8; i++) data[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(data + 8, header, n);
    memset(data + 8 + n, 0, buffer);
    *bytes = 8 + n + buffer;
    return data;
}

void drop_checksum(unsigned char *data)
{
    static const char key[] = "\"recur.checksum\":\"";
    char *at = strstr((char *)data + 8, key);
    assert_non_null(at);
    char *end = strchr(at + sizeof key - 1, '"') + 1;
    if (*end == ',') end++;
    memset(at, ' ', (size_t)(end - at));
}
