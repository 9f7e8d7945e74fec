/* test_io_hostile.c - files that are damaged on purpose. */
#include <unistd.h>

#include "support/support.h"

static void refuses(const char *header, size_t buffer, const char *words)
{
    trying("%.200s", header);
    size_t bytes;
    const unsigned char *data = file_bytes(header, buffer, &bytes);
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
    const unsigned char *data = file_bytes(header, buffer, &bytes);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, data, bytes, &file));
    assert_int_equal(recur_file_tensor_count(file), tensors);
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
    refuses("{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8,
            "duplicate a");
    refuses("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
            "duplicate dtype");
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
    refuses("{" T("a", "F32", "[99999999999999999999]", "[0,4]") "}", 4, "a integer");
    refuses("{" T("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "a 4294967296 overflows");
    refuses("{" T("a", "F32", "[0,4294967296,4294967296]", "[0,0]") "}", 0,
            "a 4294967296 overflows");
    refuses("{" T("a", "F32", "[9223372036854775807]", "[0,4]") "}", 4, "a 9223372036854775807");
    refuses("{" T("a", "F32", "[1152921504606846976]", "[0,0]") "}", 0, "a 1152921504606846976");
    refuses("{" T("a", "F32", "[2]", "[0,4]") "}", 4, "a F32 [2] 0 4");
    refuses("{" T("a", "F4", "[3]", "[0,1]") "}", 1, "a F4 [3]");
    refuses("{" T("a", "F32", "[1]", "[4,0]") "}", 4, "a 4 0");
    refuses("{" T("a", "F32", "[1]", "[0,-4]") "}", 4, "a data_offsets -4");
    refuses("{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "a data_offsets -4");
    refuses("{" T("a", "F32", "[1]", "[0,4]") "}", 3, "a 0 4 3");
    refuses("{" T("a", "F32", "[1]", "[9223372036854775803,9223372036854775807]") "}", 4,
            "a 9223372036854775807 4");
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
    accepts("{" T("b", "F32", "[1]", "[0,4]") "," T("a", "I64", "[0]",
                                                    "[0,0]") "," T("c", "U8", "[0]", "[0,0]") "}",
            4, 3);
    /* Tensors may have any order and any alignment. */
    accepts("{" T("b", "U8", "[3]", "[4,7]") "," T("a", "F32", "[1]", "[0,4]") "}", 7, 2);
    accepts("{" T("", "U8", "[3]", "[0,3]") "}", 3, 1);
    accepts("{\"a\":{\"future\":[{}],\"shape\":[1],\"data_offsets\":[0,4],\"dtype\":\"F32\"}}", 4,
            1);
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
        to = header +
             sprintf(header, "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1");
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
    unsigned char *data = file_bytes("{}", 0, &bytes);
    recur_file *file = NULL;
    for (size_t n = 0; n < 8; n++) {
        char words[8];
        snprintf(words, sizeof words, "%zu", n);
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, n, &file), words);
    }
    data[0] = 3;
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "truncated 3 2");
    memcpy(data, "\x00\xe1\xf5\x05\0\0\0\0", 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file),
          "truncated 100000000 2");
    memcpy(data, "\x01\xe1\xf5\x05\0\0\0\0", 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "100000001 100000000");
    memset(data, 0xff, 8);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), "18446744073709551615");
}

/* ---- other formats -------------------------------------------------------------------------- */

/* Files that newcomers try: each is called by its name, behind the path. */
static void other_formats(void **state)
{
    (void)state;
#define FILE_OF(bytes) bytes, sizeof(bytes) - 1
    static const struct {
        const char *bytes;
        size_t count;
        const char *words;
    } rows[] = {
        { FILE_OF("PK\003\004\0\0\010\010\0\0\0\0\0\0"), "ZIP PyTorch .pt" },
        { FILE_OF("PK\003\004\024\0\0\0\010\0abcdef"), "ZIP .keras" },
        { FILE_OF("\211HDF\r\n\032\n\0\0\0\0\0"), "HDF5 .h5" },
        { FILE_OF("\200\002}q\0(X\003\0\0\0abc"), "pickle PyTorch" },
        { FILE_OF("\200\004\225\032\0\0\0\0\0\0\0}"), "pickle" },
        { FILE_OF("\010\007\022\007pytorch\032\0032.0"), "ONNX recur.from_onnx" },
        { FILE_OF("\223NUMPY\001\0v\0{'descr'"), ".npy" },
        { FILE_OF("\037\213\010\0\0\0\0\0\0\003abc"), "gzip" },
        { FILE_OF("{\"version\": \"0.5.2\", \"architecture\": \"LSTM\"}"), "JSON .nam" },
        { FILE_OF("[1, 2]"), "JSON" },
        { FILE_OF("Once upon a time\n"), "text" },
        { FILE_OF("\343\201\202\343\201\202\343\201\202\n"), "text" },
        { FILE_OF("<html>"), "text" },
        { FILE_OF("abc"), "text" },
    };
    char path[] = "/tmp/recur-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < COUNT(rows); i++) {
        trying("%s", rows[i].words);
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(rows[i].bytes, 1, rows[i].count, out), rows[i].count);
        fclose(out);
        recur_file *file = NULL;
        recur_layer *layer = NULL;
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, rows[i].bytes, rows[i].count, &file),
              rows[i].words);
        FAILS(RECUR_E_FORMAT, recur_file_open(NULL, path, &file), rows[i].words);
        FAILS(RECUR_E_FORMAT, recur_model_open(NULL, path, &layer), rows[i].words);
        FAILS(RECUR_E_FORMAT, recur_file_open(NULL, path, &file), path);
    }
    unlink(path);
}

/* Headers whose length is how another format begins: 640 bytes like a pickle, 559903 like gzip. */
static void lengths_like_other_formats(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0x0280, 0x0480, 0x0580, 0x088b1f, 0x120708, 0x2020 };
    for (int i = 0; i < COUNT(lengths); i++) {
        char *header = malloc(lengths[i] + 1);
        assert_non_null(header);
        memset(header, ' ', lengths[i]);
        memcpy(header, "{}", 2);
        header[lengths[i]] = '\0';
        accepts(header, 0, 0);
        size_t bytes;
        recur_file *file = NULL;
        const unsigned char *data = file_bytes(header, 0, &bytes);
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes - 1, &file), "truncated");
        free(header);
    }
}

/* ---- every truncation, every changed byte --------------------------------------------------- */

static const char SMALL[] = "{\"__metadata__\":{\"k\":\"v\"}," T(
    "a.b", "F32", "[2,1]", "[0,8]") "," T("c", "F16", "[]", "[8,10]") "}";

static void truncations(void **state)
{
    (void)state;
    size_t bytes;
    const unsigned char *whole = file_bytes(SMALL, 10, &bytes);
    for (size_t n = 0; n < bytes; n++) {
        trying("%zu of %zu bytes", n, bytes);
        /* The block has exactly this size, so that a sanitizer sees a byte too far. */
        unsigned char *data = malloc(n ? n : 1);
        assert_non_null(data);
        memcpy(data, whole, n);
        recur_file *file = NULL;
        FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, n, &file), "");
        assert_null(file);
        free(data);
    }
}

/* Reads all of a file that was opened, whatever it says. */
static void use(recur_file *file)
{
    for (int64_t i = 0; i < recur_file_tensor_count(file); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_tensor_info(file, i, &t));
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
    assert_int_equal(recur_file_tensor_count(back), recur_file_tensor_count(file));
    assert_int_equal(recur_file_metadata_count(back), recur_file_metadata_count(file));
    recur_file_release(back);
    free(data);
}

static void mutations(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = file_bytes(SMALL, 10, &bytes);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_headers),       TEST(odd_but_legal_headers),
        TEST(long_and_deep_headers), TEST(lengths),
        TEST(other_formats),         TEST(lengths_like_other_formats),
        TEST(truncations),           TEST(mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
