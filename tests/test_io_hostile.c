/* test_io_hostile.c - files that are damaged on purpose, an allocator that fails, a disk that is full. */
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/support.h"

/* A file of a header and so many zero bytes behind it. */
static unsigned char *contents(const char *header, size_t buffer, size_t *bytes)
{
    const size_t n = strlen(header);
    unsigned char *data = bytes_of((int64_t)(8 + n + buffer), 1);
    for (int i = 0; i < 8; i++) data[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(data + 8, header, n);
    memset(data + 8 + n, 0, buffer);
    *bytes = 8 + n + buffer;
    return data;
}

static void refuses(const char *header, size_t buffer, const char *words)
{
    trying("%.200s", header);
    size_t bytes;
    const unsigned char *data = contents(header, buffer, &bytes);
    recur_context *ctx = reference_context();
    recur_file *file = (recur_file *)1;
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(ctx, data, bytes, &file), words);
    assert_null(file);
    close_context(ctx);
}

static void accepts(const char *header, size_t buffer, int64_t tensors)
{
    trying("%.200s", header);
    size_t bytes;
    const unsigned char *data = contents(header, buffer, &bytes);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, data, bytes, &file));
    assert_int_equal(recur_file_tensors(file), tensors);
    recur_file_release(file);
}

#define T(name, type, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void hostile_headers(void **state)
{
    (void)state;
    refuses("", 0, "0");
    refuses("", 40, "0");
    refuses(" {}", 0, "{");
    refuses("[]", 0, "{");
    refuses("{", 0, "JSON");
    refuses("{} x", 0, "JSON");
    refuses("{}{}", 0, "JSON");
    refuses("{\"a\":}", 0, "JSON");
    refuses("{\"a\\u0000b\":1}", 0, "JSON");
    refuses("{\"\xff\":1}", 0, "JSON");
    refuses("{}", 8, "0 8");
    refuses("{\"a\":1}", 0, "a object");
    refuses("{\"a\":null}", 0, "a object");
    refuses("{\"a\":{}}", 0, "a dtype");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8, "duplicate a");
    refuses("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate dtype");
    refuses("{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, "duplicate a");
    refuses("{\"__metadata__\":[]}", 0, "__metadata__");
    refuses("{\"__metadata__\":{\"k\":7}}", 0, "__metadata__ k");
    refuses("{" T("__metadata__", "F32", "[1]", "[0,4]") "}", 4, "__metadata__ shape");
    refuses("{" T("a", "F33", "[1]", "[0,4]") "}", 4, "a F33");
    refuses("{" T("a", "f32", "[1]", "[0,4]") "}", 4, "a f32");
    refuses("{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a dtype");
    refuses("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "a shape");
    refuses("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "a data_offsets");
    refuses("{" T("a", "F32", "{}", "[0,4]") "}", 4, "a shape");
    refuses("{" T("a", "F32", "1", "[0,4]") "}", 4, "a shape");
    refuses("{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "a shape -1");
    refuses("{" T("a", "F32", "[2,-3]", "[0,4]") "}", 4, "a 1 shape -3");
    refuses("{" T("a", "F32", "[1.0]", "[0,4]") "}", 4, "a shape integer");
    refuses("{" T("a", "F32", "[\"1\"]", "[0,4]") "}", 4, "a shape integer");
    refuses("{" T("a", "F32", "[99999999999999999999]", "[0,4]") "}", 4, "JSON integer");
    refuses("{" T("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "a 4294967296 overflows");
    refuses("{" T("a", "F32", "[0,4294967296,4294967296]", "[0,0]") "}", 0, "a 4294967296 overflows");
    refuses("{" T("a", "F32", "[9223372036854775807]", "[0,4]") "}", 4, "a 9223372036854775807");
    refuses("{" T("a", "F32", "[1152921504606846976]", "[0,0]") "}", 0, "a 1152921504606846976");
    refuses("{" T("a", "F32", "[2]", "[0,4]") "}", 4, "a F32 [2] 0 4");
    refuses("{" T("a", "F4", "[3]", "[0,1]") "}", 1, "a F4 [3]");
    refuses("{" T("a", "F32", "[1]", "[4,0]") "}", 4, "a 4 0");
    refuses("{" T("a", "F32", "[1]", "[0,-4]") "}", 4, "a data_offsets -4");
    refuses("{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "a data_offsets -4");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "}", 3, "a 0 4 3");
    refuses("{" T("a", "F32", "[1]", "[9223372036854775803,9223372036854775807]") "}", 4, "a 9223372036854775807 4");
    refuses("{" T("a", "F32", "[1]", "[0,4,8]") "}", 4, "a data_offsets");
    refuses("{" T("a", "F32", "[1]", "[0]") "}", 4, "a data_offsets");
    refuses("{" T("a", "F32", "[1]", "{}") "}", 4, "a data_offsets");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "}", 9, "4 9");
    refuses("{" T("a", "F32", "[1]", "[4,8]") "}", 8, "a 4 0");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12, "b 8 4");
    refuses("{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8, "b 4 8");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4, "b 0 4");
    refuses("{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[0]", "[4,4]") "}", 8, "b 4 8");
}

static void odd_but_legal_headers(void **state)
{
    (void)state;
    accepts("{}", 0, 0);
    accepts("{}      ", 0, 0);
    accepts("{\"__metadata__\":{}}", 0, 0);
    accepts("{" T("a", "F32", "[]", "[0,4]") "}", 4, 1);
    accepts("{" T("a", "F32", "[0]", "[0,0]") "}", 0, 1);
    accepts("{" T("a", "F32", "[7,0]", "[4,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4, 2);
    accepts("{" T("b", "F32", "[1]", "[0,4]") "," T("a", "I64", "[0]", "[0,0]") "," T("c", "U8", "[0]", "[0,0]") "}", 4,
            3);
    accepts("{" T("b", "U8", "[3]", "[4,7]") "," T("a", "F32", "[1]", "[0,4]") "}", 7,
            2); /* any order, any alignment */
    accepts("{" T("", "U8", "[3]", "[0,3]") "}", 3, 1);
    accepts("{\"a\":{\"future\":[{}],\"shape\":[1],\"data_offsets\":[0,4],\"dtype\":\"F32\"}}", 4, 1);
}

static void long_and_deep_headers(void **state)
{
    (void)state;
    enum { DEEP = 100000, RANKS = 65 };
    static char header[2 * DEEP + 16];
    char *to = header;
    to += sprintf(to, "{\"a\":");
    memset(to, '[', DEEP);
    memset(to + DEEP, ']', DEEP);
    memcpy(to + 2 * DEEP, "}", 2);
    refuses(header, 0, "depth");

    for (int rank = RANKS - 1; rank <= RANKS; rank++) {
        to = header + sprintf(header, "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1");
        for (int i = 1; i < rank; i++) to += sprintf(to, ",1");
        sprintf(to, "]}}");
        if (rank < RANKS)
            accepts(header, 1, 1);
        else
            refuses(header, 1, "a 65 64");
    }
    to = header + sprintf(header, "{\"");
    memset(to, 'n', 2000); /* a name longer than a sentence */
    sprintf(to + 2000, "\":{}}");
    refuses(header, 0, "nnnn dtype");
}

static void lengths(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = contents("{}", 0, &bytes);
    recur_file *file = NULL;
    for (size_t n = 0; n < 8; n++) {
        char words[8];
        snprintf(words, sizeof words, "%zu", n);
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, n, &file), words);
    }
    data[0] = 3;
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "truncated 3 2");
    memcpy(data, "\x00\xe1\xf5\x05\0\0\0\0", 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "truncated 100000000 2");
    memcpy(data, "\x01\xe1\xf5\x05\0\0\0\0", 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "100000001 100000000");
    memset(data, 0xff, 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "18446744073709551615");
}

/* ---- every truncation, every changed byte ------------------------------------------------------- */

static const char SMALL[] = "{\"__metadata__\":{\"k\":\"v\"}," T("a.b", "F32", "[2,1]", "[0,8]") "," T("c", "F16", "[]",
                                                                                                       "[8,10]") "}";

static void truncations(void **state)
{
    (void)state;
    size_t bytes;
    const unsigned char *whole = contents(SMALL, 10, &bytes);
    for (size_t n = 0; n < bytes; n++) {
        trying("%zu of %zu bytes", n, bytes);
        unsigned char *data = malloc(n ? n : 1); /* of this size, so that a sanitizer sees a byte too far */
        assert_non_null(data);
        memcpy(data, whole, n);
        recur_file *file = NULL;
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, n, &file), "");
        assert_null(file);
        free(data);
    }
}

/* Uses all of a file that was opened, whatever it says. */
static void use(recur_file *file)
{
    for (int64_t i = 0; i < recur_file_tensors(file); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_tensor(file, i, &t));
        assert_in_range(t.count, 0, 20);
        assert_int_equal(t.count, t.dim[0] * t.dim[1] * t.dim[2] * t.dim[3]);
        float *to = malloc(((size_t)t.count + 1) * sizeof *to);
        assert_non_null(to);
        const recur_status status = recur_file_read(file, t.name, to, t.count);
        assert_true(status == RECUR_OK || status == RECUR_E_UNSUPPORTED);
        free(to);
    }
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = malloc(bytes);
    assert_non_null(data);
    OK(recur_file_write_memory(file, data, &bytes));
    recur_file *back = NULL;
    OK(recur_file_open_memory(NULL, data, bytes, &back));
    assert_int_equal(recur_file_tensors(back), recur_file_tensors(file));
    assert_int_equal(recur_file_texts(back), recur_file_texts(file));
    recur_file_release(back);
    free(data);
}

static void mutations(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = contents(SMALL, 10, &bytes);
    int64_t opened = 0, refused = 0;
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char old = data[i];
        for (int value = 0; value < 256; value++) {
            data[i] = (unsigned char)value;
            trying("byte %zu is %d", i, value);
            recur_file *file = NULL;
            const recur_status status = recur_file_open_memory(NULL, data, bytes, &file);
            assert_true(status == RECUR_OK || status == RECUR_E_FORMAT);
            assert_true((file != NULL) == (status == RECUR_OK));
            if (file) use(file);
            opened += file != NULL;
            refused += file == NULL;
            recur_file_release(file);
        }
        data[i] = old;
    }
    assert_true(opened > 0 && refused > 0);
}

/* ---- memory and disk run out -------------------------------------------------------------------- */

typedef struct attempt {
    recur_context *ctx;
    const unsigned char *data;
    size_t bytes;
    const char *path;
} attempt;

/* Everything that allocates; the file is released whatever happens. */
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
        status = recur_file_set_text(*file, key, "before");
    }
    if (!status) status = recur_file_set_text(*file, "19", "after");
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
    a.data = contents(SMALL, 10, &a.bytes);
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

static int64_t until_json_fails;

static void *json_alloc(size_t bytes)
{
    return until_json_fails-- > 0 ? malloc(bytes) : NULL;
}

/* JSON objects come from the JSON library's own allocator, which can fail too. */
static void no_memory_for_json(void **state)
{
    (void)state;
    size_t bytes;
    const unsigned char *data = contents(SMALL, 10, &bytes);
    json_malloc_t before_malloc;
    json_free_t before_free;
    json_get_alloc_funcs(&before_malloc, &before_free);
    recur_status status = RECUR_E_MEMORY;
    int64_t n = 0;
    for (; status; n++) {
        trying("JSON's allocation %lld fails", (long long)n);
        recur_file *file = NULL;
        size_t needed = 0;
        support_forget();
        until_json_fails = n;
        json_set_alloc_funcs(json_alloc, free);
        status = recur_file_open_memory(NULL, data, bytes, &file);
        if (!status) status = recur_file_write_memory(file, NULL, &needed);
        json_set_alloc_funcs(before_malloc, before_free);
        if (status && status != RECUR_E_FORMAT) /* as which it passes off a string that it has no memory for */
            support_fails(RECUR_E_MEMORY, status, "memory", "recur_file_*", __FILE__, __LINE__);
        if (!status) use(file);
        recur_file_release(file);
    }
    assert_true(n > 10);
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
    OK(recur_file_set_text(file, "k", "old"));
    for (int64_t n = 0; n < 2; n++) {
        c.until_failure = n;
        FAILS(RECUR_E_MEMORY, recur_file_add(file, &info, &one), "bytes");
        assert_int_equal(recur_file_tensors(file), 0);
    }
    c.until_failure = 0;
    FAILS(RECUR_E_MEMORY, recur_file_set_text(file, "k", "new"), "bytes");
    assert_string_equal(recur_file_text(file, "k"), "old");
    c.until_failure = -1;
    recur_file_release(file);
    recur_context_release(ctx);
    assert_int_equal(c.blocks + c.mistakes, 0);
}

static void no_room_on_the_disk(void **state)
{
    (void)state;
    char folder[] = "/tmp/recur-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m", folder);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_set_text(file, "k", "old"));
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
    assert_string_equal(recur_file_text(file, "k"), "old");
    recur_file_release(file);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* empty: nothing temporary was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_headers),
        TEST(odd_but_legal_headers),
        TEST(long_and_deep_headers),
        TEST(lengths),
        TEST(truncations),
        TEST(mutations),
        TEST(no_memory),
        TEST(no_memory_for_json),
        TEST(failed_changes_leave_the_file),
        TEST(no_room_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
