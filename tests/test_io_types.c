/* test_io_types.c - every element type of safetensors becomes the nearest float: ordinary numbers,
 * the smallest and largest, infinities, NaN, both zeros. Buffers are little-endian. */
#include "support/support.h"

/* A file of one tensor, [count] of a type, with the buffer given. */
static recur_file *typed(const char *type, int64_t count, const void *buffer, size_t bytes)
{
    char header[256];
    const int n = snprintf(header, sizeof header,
                           "{\"t\":{\"dtype\":\"%s\",\"shape\":[%lld],\"data_offsets\":[0,%zu]}}",
                           type, (long long)count, bytes);
    unsigned char *data = bytes_of((int64_t)(8 + (size_t)n + bytes), 1);
    for (int i = 0; i < 8; i++) data[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(data + 8, header, (size_t)n);
    if (bytes) memcpy(data + 8 + n, buffer, bytes);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, data, 8 + (size_t)n + bytes, &file));
    return file;
}

static void check_type(const char *type, int64_t count, const void *buffer, size_t bytes,
                       const float *want)
{
    trying("%s", type);
    recur_file *file = typed(type, count, buffer, bytes);
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(file, "t", &t));
    assert_string_equal(t.type, type);
    float *got = floats(count);
    OK(recur_file_read(file, "t", got, count));
    for (int64_t i = 0; i < count; i++) /* of NaN only that it is one */
        if (isnan(want[i]) ? !isnan(got[i]) : memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %lld is %.9g, should be %.9g", type, (long long)i, (double)got[i],
                     (double)want[i]);
    recur_file_release(file);
}

#define TYPE(type, unit, buffer, ...)                                    \
    do {                                                                 \
        const float want[] = { __VA_ARGS__ };                            \
        assert_int_equal(sizeof(buffer) - 1, COUNT(want) * (unit));      \
        check_type(type, COUNT(want), buffer, sizeof(buffer) - 1, want); \
    } while (0)

static void every_type(void **state)
{
    (void)state;
    TYPE("F64", 8,
         "\0\0\0\0\0\0\xf0\x3f"
         "\0\0\0\0\0\0\0\x80"
         "\x9a\x99\x99\x99\x99\x99\xb9\x3f"
         "\0\0\0\0\0\0\xf0\xff"
         "\0\0\0\0\0\0\xf8\x7f"
         "\xff\xff\xff\xff\xff\xff\xef\x7f"
         "\0\0\0\0\0\0\xa0\x36",
         1, -0.0f, 0.1f, -INFINITY, NAN, INFINITY, 0x1p-149f);
    TYPE("F32", 4,
         "\0\0\x80\x3f"
         "\x01\0\0\x80"
         "\0\0\xc0\x7f",
         1, -0x1p-149f, NAN);
    TYPE("F16", 2,
         "\0\x3c"
         "\x01\0"
         "\xff\x83"
         "\xff\x03"
         "\0\x04"
         "\xff\x7b"
         "\0\x7c"
         "\0\xfc"
         "\x01\x7c"
         "\0\x80"
         "\x55\x35",
         1, 0x1p-24f, -0x3ffp-24f, 0x3ffp-24f, 0x1p-14f, 65504, INFINITY, -INFINITY, NAN, -0.0f,
         0x1.554p-2f);
    TYPE("BF16", 2,
         "\x80\x3f"
         "\x01\0"
         "\x80\xff"
         "\xc0\x7f"
         "\0\x80"
         "\x49\x40",
         1, 0x1p-133f, -INFINITY, NAN, -0.0f, 3.140625f);
    TYPE("F8_E4M3", 1, "\x38\x01\x87\x08\x7e\xfe\x7f\xff\x80\x78", 1, 0x1p-9f, -0x7p-9f, 0x1p-6f,
         448, -448, NAN, NAN, -0.0f, 256);
    TYPE("F8_E5M2", 1, "\x3c\x01\x83\x04\x7b\xfb\x7c\xfc\x7d\x80", 1, 0x1p-16f, -0x3p-16f, 0x1p-14f,
         57344, -57344, INFINITY, -INFINITY, NAN, -0.0f);
    TYPE("F8_E4M3FNUZ", 1, "\x40\x01\x7f\x80\xff\x08", 1, 0x1p-10f, 240, NAN, -240, 0x1p-7f);
    TYPE("F8_E5M2FNUZ", 1, "\x40\x01\x7f\x80\xff\x04", 1, 0x1p-17f, 57344, NAN, -57344, 0x1p-15f);
    TYPE("F8_E8M0", 1, "\x7f\0\xfe\xff\x80", 1, 0x1p-127f, 0x1p127f, NAN, 2);
    TYPE("I64", 8,
         "\xff\xff\xff\xff\xff\xff\xff\xff"
         "\x01\0\0\x01\0\0\0\0"
         "\0\0\0\0\0\0\0\x80"
         "\x03\0\0\x01\0\0\0\0",
         -1, 16777216, -0x1p63f, 16777220);
    TYPE("U64", 8,
         "\xff\xff\xff\xff\xff\xff\xff\xff"
         "\x05\0\0\0\0\0\0\0",
         0x1p64f, 5);
    TYPE("I32", 4,
         "\xfe\xff\xff\xff"
         "\xff\xff\xff\x7f",
         -2, 0x1p31f);
    TYPE("U32", 4,
         "\xfe\xff\xff\xff"
         "\x0a\0\0\0",
         0x1p32f, 10);
    TYPE("I16", 2,
         "\xfe\xff"
         "\0\x80",
         -2, -32768);
    TYPE("U16", 2,
         "\xfe\xff"
         "\0\x80",
         65534, 32768);
    TYPE("I8", 1, "\xff\x80\x7f", -1, -128, 127);
    TYPE("U8", 1, "\xff\x80\x7f", 255, 128, 127);
    TYPE("BOOL", 1, "\0\x01\x02", 0, 1, 1);
}

static void types_that_are_no_floats(void **state)
{
    (void)state;
    const struct {
        const char *type;
        int64_t count;
        size_t bytes;
    } rows[] = { { "C64", 2, 16 }, { "F4", 6, 3 }, { "F6_E2M3", 4, 3 }, { "F6_E3M2", 4, 3 } };
    const unsigned char buffer[16] = { 1 };
    for (int i = 0; i < COUNT(rows); i++) {
        recur_file *file = typed(rows[i].type, rows[i].count, buffer, rows[i].bytes);
        float to[6];
        FAILS(RECUR_E_UNSUPPORTED, recur_file_read(file, "t", to, rows[i].count), rows[i].type);
        FAILS(RECUR_E_MISSING, recur_file_all_used(file), "t");
        recur_file_release(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_type), TEST(types_that_are_no_floats) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
