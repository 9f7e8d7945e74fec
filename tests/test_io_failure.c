/* test_io_failure.c - containers when there is no memory, or no room on the disk. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/support.h"

static const char SMALL[] = "{\"__metadata__\":{\"k\":\"v\"},\"a.b\":{\"dtype\":\"F32\",\"shape\":["
                            "2,1],\"data_offsets\":[0,8]}}";

typedef struct attempt {
    recur_context *ctx;
    const unsigned char *data;
    size_t bytes;
    const char *path;
} attempt;

/* Calls everything that allocates, and releases the file whatever happens. */
static recur_status all_of_it(const attempt *a, recur_file **file)
{
    const recur_tensor info = { .size = sizeof info, .rank = 1, .dim = { 2 }, .name = "added" };
    const float values[2] = { 1, 2 };
    char key[8];
    size_t bytes = 0;
    recur_status status = recur_file_open_memory(a->ctx, a->data, a->bytes, file);
    if (!status) status = recur_file_add(*file, &info, values);
    for (int i = 0; !status && i < 20; i++) {
        snprintf(key, sizeof key, "%d", i);
        status = recur_file_set_metadata(*file, key, "before");
    }
    if (!status) status = recur_file_set_metadata(*file, "19", "after");
    if (!status) status = recur_file_write_memory(*file, NULL, &bytes);
    if (!status) status = recur_file_write(*file, a->path);
    recur_file_release(*file);
    *file = NULL;
    if (!status) status = recur_file_open(a->ctx, a->path, file);
    return status;
}

static void no_memory(void **state)
{
    (void)state;
    char path[] = "/tmp/recur-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    counter c;
    attempt a = { .ctx = counting_context(&c, RECUR_ISA_REF), .path = path };
    a.data = file_bytes(SMALL, 8, &a.bytes);
    int64_t n = 0;
    for (bool done = false; !done; n++) {
        trying("allocation %lld fails", (long long)n);
        c.until_failure = n;
        recur_file *file = NULL;
        support_forget();
        const recur_status status = all_of_it(&a, &file);
        c.until_failure = -1;
        done = status == RECUR_OK;
        if (!done) support_fails(RECUR_E_MEMORY, status, "bytes", "all_of_it", __FILE__, __LINE__);
        assert_true((file != NULL) == done);
        recur_file_release(file);
        assert_int_equal(c.blocks, 1); /* the context */
    }
    assert_true(n > 20);
    recur_context_release(a.ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
    unlink(path);
}

static void failed_changes_leave_the_file(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_file *file = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    const recur_tensor info = { .size = sizeof info, .rank = 1, .dim = { 1 }, .name = "x" };
    const float one = 1;
    OK(recur_file_set_metadata(file, "k", "old"));
    for (int64_t n = 0; n < 2; n++) {
        c.until_failure = n;
        FAILS(RECUR_E_MEMORY, recur_file_add(file, &info, &one), "bytes");
        assert_int_equal(recur_file_tensor_count(file), 0);
    }
    c.until_failure = 0;
    FAILS(RECUR_E_MEMORY, recur_file_set_metadata(file, "k", "new"), "bytes");
    assert_string_equal(recur_file_metadata(file, "k"), "old");
    c.until_failure = -1;
    recur_file_release(file);
    recur_context_release(ctx);
    assert_int_equal(c.blocks + c.mistakes, 0);
}

static void no_room_on_the_disk(void **state)
{
    (void)state;
    if (!HAS_LIMITS) skip();
    char folder[] = "/tmp/recur-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m", folder);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_set_metadata(file, "k", "old"));
    OK(recur_file_write(file, path));
    const recur_tensor info = { .size = sizeof info, .rank = 1, .dim = { 100000 }, .name = "x" };
    OK(recur_file_add(file, &info, zeros(100000)));

    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    FAILS(RECUR_E_IO, recur_file_write(file, path), "tmp File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    recur_file_release(file);

    OK(recur_file_open(NULL, path, &file)); /* the old one */
    assert_string_equal(recur_file_metadata(file, "k"), "old");
    recur_file_release(file);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* empty: nothing temporary was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(no_memory), TEST(failed_changes_leave_the_file),
                                        TEST(no_room_on_the_disk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
