/* test_io_checksum.c - files know when they are damaged: XXH3-64 against its reference, every bit
 * of a small file and many of a large one flipped, files without a checksum, and weights that are
 * no numbers. */
#include "file/file.h"
#include "file/xxh3.h"
#include "support/support.h"

/* ---- the hash ------------------------------------------------------------------------------- */

/* The bytes that xxHash's own vectors are made of. */
static void fill(unsigned char *data, int64_t count)
{
    uint64_t x = UINT64_C(2654435761);
    for (int64_t i = 0; i < count; i++) {
        data[i] = (unsigned char)(x >> 56);
        x *= UINT64_C(11400714785074694797);
    }
}

/* By the reference implementation, xxhash.h 0.8.3, XXH3_64bits without a seed. */
static void vectors(void **state)
{
    (void)state;
    static const struct {
        int64_t length;
        uint64_t hash;
    } rows[] = {
        { 17, UINT64_C(0x796f5acd3a60f862) },   { 24, UINT64_C(0xa3fe70bf9d3510eb) },
        { 32, UINT64_C(0x9feaddbdbf57eed3) },   { 48, UINT64_C(0x397da259ecba1f11) },
        { 80, UINT64_C(0xbcdefbbb2c47c90a) },   { 127, UINT64_C(0x2408ed71323d6096) },
        { 128, UINT64_C(0xfcff24126754d861) },  { 129, UINT64_C(0x98f1b0a679a2ca29) },
        { 195, UINT64_C(0xcd94217ee362ec3a) },  { 239, UINT64_C(0x16ce2b9d3b28805d) },
        { 240, UINT64_C(0x81c3c2b67f568ccf) },  { 241, UINT64_C(0xc5a639ecd2030e5e) },
        { 256, UINT64_C(0x55de574ad89d0ac5) },  { 257, UINT64_C(0xb17fd5a8ae75bb0b) },
        { 403, UINT64_C(0xcdeb804d65c6dea4) },  { 511, UINT64_C(0x8089715b163e7fc0) },
        { 512, UINT64_C(0x617e49599013cb6b) },  { 1023, UINT64_C(0x87a8f7b2f2e22496) },
        { 1024, UINT64_C(0xdd85c9b5c1109c5c) }, { 1025, UINT64_C(0xd870c0fa13211c6a) },
        { 1087, UINT64_C(0x047f181e7c8a41b9) }, { 1088, UINT64_C(0xcc1450ea6b52a8f4) },
        { 1089, UINT64_C(0xef727b2effc4cc8c) }, { 2048, UINT64_C(0xdd59e2c3a5f038e0) },
        { 2049, UINT64_C(0xd3afa4329779b921) }, { 2240, UINT64_C(0x6e73a90539cf2948) },
        { 2367, UINT64_C(0xcb37aeb9e5d361ed) }, { 4096, UINT64_C(0xe91206429d1f48f9) },
        { 4160, UINT64_C(0x4f323b15321e94e1) },
    };
    unsigned char *data = bytes_of(4160, 1);
    fill(data, 4160);
    for (int i = 0; i < COUNT(rows); i++) {
        /* All at once, and in pieces of every kind of size. */
        static const int64_t pieces[] = { 5000, 1, 7, 63, 64, 65, 1000, 1024, 1025, 1088 };
        for (int k = 0; k < COUNT(pieces); k++) {
            trying("%lld bytes in pieces of %lld", (long long)rows[i].length, (long long)pieces[k]);
            recur__xxh3 hash;
            recur__xxh3_begin(&hash);
            for (int64_t at = 0; at < rows[i].length; at += pieces[k]) {
                const int64_t left = rows[i].length - at;
                recur__xxh3_add(&hash, data + at, (size_t)(left < pieces[k] ? left : pieces[k]));
            }
            assert_true(recur__xxh3_end(&hash) == rows[i].hash);
        }
    }
}

/* ---- files ---------------------------------------------------------------------------------- */

static unsigned char *written(recur_file *file, size_t *bytes)
{
    *bytes = 0;
    OK(recur_file_write_memory(file, NULL, bytes));
    unsigned char *data = bytes_of((int64_t)*bytes, 1);
    OK(recur_file_write_memory(file, data, bytes));
    recur_file_release(file);
    return data;
}

static recur_file *file_of(int64_t hidden)
{
    recur_layer *net = recurrent(NULL, RECUR_CELL_LSTM, 2, hidden, 1, 0, 0);
    recur_file *file = new_file(NULL);
    dice(1);
    randomize(net, 1);
    OK(recur_file_put_model(file, "", net, NULL));
    OK(recur_file_set_metadata(file, "alphabet", "a\"\x01\x1f\xc3\xa9"));
    recur_layer_release(net);
    return file;
}

/* Anybody can check a file: the 16 digits become zeros, then all bytes are hashed. */
static void is_the_hash_of_all_bytes(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = written(file_of(3), &bytes);
    char digits[17] = "";
    recur__xxh3 hash;
    char *at = strstr((char *)data + 8, "with zeros here: ");
    assert_non_null(at);
    at += strlen("with zeros here: ");
    memcpy(digits, at, 16);
    memset(at, '0', 16);
    recur__xxh3_begin(&hash);
    recur__xxh3_add(&hash, data, bytes);
    assert_true(recur__xxh3_end(&hash) == strtoull(digits, NULL, 16));
    static const char begin[] = "{\"__metadata__\":{\"recur.checksum\":\"XXH3-64 of this file";
    assert_memory_equal(data + 8, begin, sizeof begin - 1);
}

static void flip(unsigned char *data, size_t bytes, size_t bit)
{
    recur_file *file = NULL;
    recur_layer *layer = NULL;
    trying("bit %zu of %zu", bit, 8 * bytes);
    data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    support_forget();
    const recur_status status = recur_file_open_memory(NULL, data, bytes, &file);
    support_fails(RECUR_E_FORMAT, status, "", "open", __FILE__, __LINE__);
    assert_null(file);
    support_forget();
    support_fails(RECUR_E_FORMAT, recur_model_open_memory(NULL, data, bytes, &layer), "", "open",
                  __FILE__, __LINE__);
    assert_null(layer);
    data[bit / 8] ^= (unsigned char)(1 << bit % 8);
}

static void opens(const unsigned char *data, size_t bytes)
{
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, data, bytes, &file));
    assert_string_equal(recur_file_metadata(file, "alphabet"), "a\"\x01\x1f\xc3\xa9");
    assert_int_equal(recur_file_metadata_count(file), 2);
    assert_null(recur_file_metadata(file, "recur.checksum"));
    recur_file_release(file);
}

static void every_flipped_bit_is_an_error(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = written(file_of(2), &bytes);
    opens(data, bytes);
    for (size_t bit = 0; bit < 8 * bytes; bit++) flip(data, bytes, bit);
    opens(data, bytes);
}

static void flipped_bits_of_a_large_file(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = written(file_of(200), &bytes);
    dice(9);
    for (int i = 0; i < 1000; i++)
        flip(data, bytes, (size_t)below((int64_t)bytes) * 8 + (size_t)below(8));
    opens(data, bytes);
}

/* The header of a file without tensors, and what is wrong with it. */
static void refuses(const char *header, const char *words)
{
    trying("%s", header);
    size_t bytes;
    recur_file *file = NULL;
    const unsigned char *data = file_bytes(header, 0, &bytes);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file), words);
}

static void damaged_checksums(void **state)
{
    (void)state;
#define WORDS "XXH3-64 of this file with zeros here: "
    refuses("{\"__metadata__\":{\"recur.checksum\":\"" WORDS "0123456789abcdef\"}}",
            "damaged 0123456789abcdef");
    refuses("{\"__metadata__\":{\"secur.checksum\":\"" WORDS "0123456789abcdef\"}}",
            "damaged secur.checksum");
    refuses("{\"__metadata__\":{\"recur.checksum\":\"" WORDS "0123456789ABCDEF\"}}", "damaged");
    refuses("{\"__metadata__\":{\"recur.checksum\":\"" WORDS "0123456789abcde\"}}", "damaged");
    refuses("{\"__metadata__\":{\"recur.checksum\":\"\"}}", "damaged");
    refuses("{\"__metadata__\":{\"recur.checksum\":\"" WORDS
            "0123456789abcdef\",\"recur.checksum\":\"" WORDS "0123456789abcdef\"}}",
            "duplicate recur.checksum");
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_ARGUMENT, recur_file_set_metadata(file, "recur.checksum", "x"), "recur.checksum");
    FAILS(RECUR_E_ARGUMENT, recur_file_set_metadata(file, "x", WORDS "0123456789abcdef"),
          "recur.checksum");
    OK(recur_file_set_metadata(file, "x", WORDS));
    recur_file_release(file);
}

/* Files of other programs, and of versions before. */
static void without_a_checksum(void **state)
{
    (void)state;
    size_t bytes;
    unsigned char *data = written(file_of(2), &bytes);
    drop_checksum(data);
    opens(data, bytes);
    data[bytes - 1] ^= 1;
    opens(data, bytes);
    recur_file *file = NULL;
    recur_layer *layer = NULL;
    OK(recur_model_open(NULL, "tests/models/version_1.safetensors", &layer));
    recur_layer_release(layer);
    /* What is written from it has one again. */
    data[bytes - 1] ^= 1;
    OK(recur_file_open_memory(NULL, data, bytes, &file));
    data = written(file, &bytes);
    flip(data, bytes, 8 * bytes - 1);
}

/* A program that keeps all texts and changes the weights is told what to do. */
static void a_kept_checksum(void **state)
{
    (void)state;
    size_t bytes;
    recur_file *file = NULL;
    unsigned char *data = written(file_of(2), &bytes);
    memset(data + bytes - 4, 0, 4);
    FAILS(RECUR_E_FORMAT, recur_file_open_memory(NULL, data, bytes, &file),
          "damaged without text recur.checksum");
}

/* ---- weights that are no numbers ------------------------------------------------------------ */

static void numbers_only(void **state)
{
    (void)state;
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    static const char *const words[] = { "nan", "inf", "-inf" };
    enum { IN = 50, OUT = 60 };
    recur_layer *net = NULL;
    recur_layer *got = NULL;
    OK(recur_linear_create(NULL, IN, OUT, 0, &net));
    const int64_t places[] = { 0, 1023, 1024, IN * OUT - 1 };
    for (int i = 0; i < COUNT(bad) * COUNT(places); i++) {
        const int64_t place = places[i % COUNT(places)];
        const float value = bad[i / COUNT(places)];
        char expected[60];
        snprintf(expected, sizeof expected, "p.weight %d 3000 %s", (int)place,
                 words[i / COUNT(places)]);
        recur_file *file = new_file(NULL);
        randomize(net, 1);
        recur_layer_params(net)[place] = value;
        FAILS(RECUR_E_NUMERIC, recur_file_put_layer(file, "p.", net), expected);
        FAILS(RECUR_E_NUMERIC, recur_file_put_model(file, "p.", net, NULL), expected);
        assert_int_equal(recur_file_tensor_count(file), 0);
        /* As they are they can be written, and read. */
        for (int64_t k = 0; k < 2; k++) {
            recur_tensor t = { .size = sizeof t };
            char name[30];
            OK(recur_layer_tensor_info(net, k, &t));
            snprintf(name, sizeof name, "p.%s", t.name);
            t.name = name;
            OK(recur_file_add(file, &t, recur_layer_params(net) + t.offset));
        }
        float *raw = floats(IN * OUT);
        OK(recur_file_read(file, "p.weight", raw, IN * OUT));
        check_same("weight", IN * OUT, raw, recur_layer_params(net));
        randomize(net, 1);
        const float *before = copy_of(recur_layer_param_count(net), recur_layer_params(net));
        FAILS(RECUR_E_NUMERIC, recur_file_get_layer(file, "p.", net), expected);
        check_same("parameters", recur_layer_param_count(net), recur_layer_params(net), before);
        OK(recur_file_set_metadata(file, "p.recur.model",
                                   "{\"version\":1,\"layer\":{\"type\":\"linear\",\"input_size\":"
                                   "50,\"output_size\":60}}"));
        FAILS(RECUR_E_NUMERIC, recur_file_get_model(file, "p.", &got), expected);
        recur_file_release(file);
    }
    recur_layer_release(net);
}

/* Halves overflow in other types than F32, too. */
static void halves_are_looked_at(void **state)
{
    (void)state;
    static const char header[] = "{\"weight\":{\"dtype\":\"F16\",\"shape\":[1,2],\"data_offsets\":["
                                 "0,4]}}";
    size_t bytes;
    unsigned char *data = file_bytes(header, 4, &bytes);
    recur_layer *net = NULL;
    recur_file *file = NULL;
    OK(recur_linear_create(NULL, 2, 1, RECUR_LAYER_NO_BIAS, &net));
    data[bytes - 1] = 0x7c;
    OK(recur_file_open_memory(NULL, data, bytes, &file));
    FAILS(RECUR_E_NUMERIC, recur_file_get_layer(file, "", net), "weight 1 2 inf");
    recur_file_release(file);
    recur_layer_release(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vectors),
        TEST(is_the_hash_of_all_bytes),
        TEST(every_flipped_bit_is_an_error),
        TEST(flipped_bits_of_a_large_file),
        TEST(damaged_checksums),
        TEST(without_a_checksum),
        TEST(a_kept_checksum),
        TEST(numbers_only),
        TEST(halves_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
