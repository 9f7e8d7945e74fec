/* test_model_damaged.c - model files that are cut off, changed byte by byte, or met without memory
 * or room on the disk: each is refused with a sentence, or opens as a layer that works. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/support.h"

/* A whole file with a sample of ids or rows, in memory. */
static unsigned char *whole_file(bool with_ids, size_t *bytes)
{
    static const int64_t lengths[2] = { 2, 1 };
    const recur_model_sample sample = { .size = sizeof sample,
                                        .packed = layout(NULL, 2, lengths, 0),
                                        .x = with_ids ? NULL : zeros(6),
                                        .ids = with_ids ? (const int32_t[3]){ 1, 0, 1 } : NULL };
    recur_layer *net = recurrent(NULL, RECUR_CELL_GRU, 2, 1, 1, 0, 0);
    recur_file *file = NULL;
    dice(1);
    randomize(net, 1);
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_put_model(file, "", net, &sample));
    *bytes = 0;
    OK(recur_file_write_memory(file, NULL, bytes));
    unsigned char *data = bytes_of((int64_t)*bytes, 1);
    OK(recur_file_write_memory(file, data, bytes));
    recur_packed_release((recur_packed *)(uintptr_t)sample.packed);
    recur_layer_release(net);
    recur_file_release(file);
    return data;
}

/* Gives the same file with 8 bytes of a tensor replaced. */
static void with_word(bool with_ids, const char *name, int64_t index, int64_t word,
                      recur_status code, const char *words)
{
    size_t bytes, header = 0;
    unsigned char *data = whole_file(with_ids, &bytes);
    drop_checksum(data);
    for (int i = 0; i < 8; i++) header |= (size_t)data[i] << 8 * i;
    char *json = (char *)bytes_of((int64_t)header + 1, 1), *at;
    memcpy(json, data + 8, header);
    json[header] = 0;
    at = strstr(json, name);
    assert_non_null(at);
    at = strstr(at, "data_offsets");
    const size_t offset = 8 + header + (size_t)strtol(strchr(at, '[') + 1, NULL, 10) +
                          8 * (size_t)index;
    for (int i = 0; i < 8; i++) data[offset + (size_t)i] = (unsigned char)((uint64_t)word >> 8 * i);
    trying("%s[%d] = %lld", name, (int)index, (long long)word);
    recur_layer *layer = NULL;
    FAILS(code, recur_model_open_memory(NULL, data, bytes, &layer), words);
    assert_null(layer);
}

static void hostile_lengths_and_ids(void **state)
{
    (void)state;
    with_word(false, "recur.sample.lengths", 0, -1, RECUR_E_FORMAT, "0 -1");
    with_word(false, "recur.sample.lengths", 1, 2, RECUR_E_SHAPE, "4 3");
    with_word(false, "recur.sample.lengths", 1, INT64_MAX, RECUR_E_FORMAT, "1 9223372036854775807");
    with_word(false, "recur.sample.lengths", 1, INT64_MAX - 2, RECUR_E_SHAPE,
              "9223372036854775807 3");
    with_word(true, "recur.sample.ids", 1, 2, RECUR_E_FORMAT, "2 0 1");
    with_word(true, "recur.sample.ids", 2, -1, RECUR_E_FORMAT, "2 -1");
    with_word(true, "recur.sample.ids", 0, INT64_C(1) << 32, RECUR_E_FORMAT, "0 4294967296");
    with_word(true, "recur.sample.y", 0, INT64_C(0x7fc000007fc00000), RECUR_E_NUMERIC, "nan");
}

/* ---- every truncation, every changed byte --------------------------------------------------- */

static recur_status open_copy(const unsigned char *data, size_t bytes)
{
    /* The block has exactly this size, so that a sanitizer sees a byte too far. */
    unsigned char *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    recur_layer *layer = NULL;
    support_forget();
    const recur_status status = recur_model_open_memory(NULL, copy, bytes, &layer);
    free(copy);
    if (status) {
        assert_null(layer);
        /* The failure has a sentence of its own. */
        support_fails(status, status, "", "recur_model_open_memory", __FILE__, __LINE__);
        return status;
    }
    recur_packed *packed = layout(NULL, 1, NULL, 2);
    const recur_layer_info info = info_of(layer, -1);
    float *x = zeros(2 * info.input_size), *y = floats(2 * info.output_size);
    OK(recur_layer_forward(layer, packed, x, NULL, y, NULL));
    recur_packed_release(packed);
    recur_layer_release(layer);
    return RECUR_OK;
}

static void truncations(void **state)
{
    (void)state;
    size_t bytes;
    const unsigned char *data = whole_file(false, &bytes);
    for (size_t n = 0; n < bytes; n++) {
        trying("%zu of %zu bytes", n, bytes);
        assert_int_equal(open_copy(data, n), RECUR_E_FORMAT);
    }
    assert_int_equal(open_copy(data, bytes), RECUR_OK);
}

static void mutations(void **state)
{
    (void)state;
    static const unsigned char others[] = { 0x01, 0x80, 0x10 };
    for (int with = 0; with < 4; with++) {
        const bool with_ids = with & 1;
        const bool with_checksum = with & 2;
        size_t bytes;
        unsigned char *data = whole_file(with_ids, &bytes);
        int64_t opened = 0;
        if (!with_checksum) drop_checksum(data);
        for (size_t at = 0; at < bytes; at++)
            for (int i = 0; i < COUNT(others); i++) {
                trying("byte %zu of %zu, xor %d", at, bytes, others[i]);
                data[at] ^= others[i];
                opened += open_copy(data, bytes) == RECUR_OK;
                data[at] ^= others[i];
            }
        if (with_checksum)
            assert_int_equal(opened, 0);
        else
            assert_in_range(opened, 1, bytes); /* the low bits of numbers, nothing else */
    }
}

/* ---- the disk ------------------------------------------------------------------------------- */

/* A save that fails half-way leaves the old model. */
static void no_room_on_the_disk(void **state)
{
    (void)state;
    if (!HAS_LIMITS) skip();
    char folder[] = "/tmp/recur_model_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net", folder);
    recur_layer *small = recurrent(NULL, RECUR_CELL_GRU, 2, 1, 1, 0, 0),
                *large = recurrent(NULL, RECUR_CELL_GRU, 200, 100, 1, 0, 0);
    recur_layer *got = NULL;
    randomize(small, 1);
    OK(recur_model_save(small, path, NULL));
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    FAILS(RECUR_E_IO, recur_model_save(large, path, NULL), "tmp File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    OK(recur_model_open(NULL, path, &got));
    check_same("parameters", recur_layer_param_count(small), recur_layer_params(got),
               recur_layer_params(small));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* empty: nothing temporary was left */
    recur_layer_release(small);
    recur_layer_release(large);
    recur_layer_release(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_lengths_and_ids),
        TEST(truncations),
        TEST(mutations),
        TEST(no_room_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
