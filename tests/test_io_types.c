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

/* ---- the other way: parameters that are stored in fewer bits ------------------------------- */

/* What a file that stores a type gives back for x, by way of a layer of one weight. */
static float stored(const char *type, float x)
{
    recur_layer *one;
    recur_file *file;
    float back;
    OK(recur_linear_create(NULL, 1, 1, RECUR_LAYER_NO_BIAS, &one));
    recur_layer_params(one)[0] = x;
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_set_type(file, type));
    OK(recur_file_put_layer(file, "", one));
    OK(recur_file_read(file, "weight", &back, 1));
    recur_file_release(file);
    recur_layer_release(one);
    return back;
}

/* The number of a type with these bits. */
static float number_of(const char *type, uint32_t bits)
{
    const unsigned char buffer[2] = { (unsigned char)bits, (unsigned char)(bits >> 8) };
    float x;
    recur_file *file = typed(type, 1, buffer, 2);
    OK(recur_file_read(file, "t", &x, 1));
    recur_file_release(file);
    return x;
}

static void check_stored(const char *type, float x, float want)
{
    const float got = stored(type, x);
    if (memcmp(&got, &want, sizeof got) != 0)
        fail_msg("%s of %.9g is %.9g, should be %.9g", type, (double)x, (double)got, (double)want);
}

/* Between two neighbours of a type: what is nearer, and in the middle the one with even bits. */
static void check_between(const char *type, uint32_t bits)
{
    const float low = number_of(type, bits), high = number_of(type, bits + 1);
    const float middle = (float)(((double)low + (double)high) / 2);
    check_stored(type, low, low);
    check_stored(type, -low, -low);
    check_stored(type, middle, bits & 1 ? high : low);
    check_stored(type, nextafterf(middle, low), low);
    check_stored(type, nextafterf(middle, high), high);
}

static void stored_numbers_are_the_nearest(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits += 1 + bits % 7) check_between("F16", bits);
    for (uint32_t bits = 0x80; bits < 0x7f7f; bits += 1 + bits % 7) check_between("BF16", bits);
    check_stored("F16", 65519.996f, 65504);
    check_stored("F16", 0x1p-26f, 0);
    check_stored("BF16", 0x1p-149f, 0);
    check_stored("F32", 0.1f, 0.1f);
}

static void types_that_cannot_be_stored(void **state)
{
    (void)state;
    recur_layer *one;
    recur_file *file;
    OK(recur_linear_create(NULL, 1, 1, 0, &one));
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    FAILS(RECUR_E_ARGUMENT, recur_file_set_type(file, "half"), "half");
    FAILS(RECUR_E_UNSUPPORTED, recur_file_set_type(file, "F64"), "F64");
    FAILS(RECUR_E_ARGUMENT, recur_file_set_type(file, NULL), "NULL");
    OK(recur_file_set_type(file, "F16"));
    recur_layer_params(one)[0] = 65520;
    FAILS(RECUR_E_NUMERIC, recur_file_put_layer(file, "", one), "is 65520");
    assert_int_equal(recur_file_tensor_count(file), 0);
    recur_layer_params(one)[0] = -INFINITY;
    FAILS(RECUR_E_NUMERIC, recur_file_put_layer(file, "", one), "weight");
    recur_file_release(file);
    recur_layer_release(one);
}

/* A model opens with the numbers that were stored, and its sample is what these give. */
static void models_are_stored_with_their_sample(void **state)
{
    (void)state;
    static const char *const types[] = { "F16", "BF16" };
    const recur_recurrent_options o = {
        .size = sizeof o, .cell = RECUR_CELL_GRU, .input_size = 3, .hidden_size = 9, .num_layers = 2
    };
    recur_layer *rnn, *again;
    recur_packed *packed;
    recur_file *file;
    dice(5);
    OK(recur_recurrent_create(NULL, &o, &rnn));
    OK(recur_layer_init(rnn, NULL, RECUR_INIT_DEFAULT, 0, 1));
    OK(recur_packed_create(NULL, 2, NULL, 4, &packed));
    for (int i = 0; i < COUNT(types); i++) {
        const recur_model_sample sample = {
            .size = sizeof sample, .packed = packed, .x = randoms(8 * 3, 1), .tolerance = 1e-7
        };
        trying("%s", types[i]);
        OK(recur_file_open_memory(NULL, NULL, 0, &file));
        OK(recur_file_set_type(file, types[i]));
        OK(recur_file_put_model(file, "", rnn, &sample));
        OK(recur_file_get_model(file, "", &again));
        for (int64_t k = 0; k < recur_layer_param_count(rnn); k++)
            check_stored(types[i], recur_layer_params(rnn)[k], recur_layer_params(again)[k]);
        recur_layer_release(again);
        recur_file_release(file);
    }
    recur_packed_release(packed);
    recur_layer_release(rnn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type),
        TEST(types_that_are_no_floats),
        TEST(stored_numbers_are_the_nearest),
        TEST(types_that_cannot_be_stored),
        TEST(models_are_stored_with_their_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
