/* test_io_memory.c - what opening a file takes: memory in proportion to its header and its data,
 * and no more of a file than is needed to refuse it. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"

enum { MANY = 20000 };

/* Opens a header of `count` items, each printed by its number, and gives the most memory that was
 * alive, the caller's copy not counted, in header lengths. */
static double cost_of(const char *head, const char *item, const char *tail, int count)
{
    char *header = (char *)bytes_of((int64_t)count * 300 + 200, 1);
    size_t used = (size_t)sprintf(header, "%s", head);
    for (int i = 0; i < count; i++) {
        if (i) header[used++] = ',';
        used += (size_t)sprintf(header + used, item, (unsigned)i);
    }
    used += (size_t)sprintf(header + used, "%s", tail);
    size_t bytes;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_file *file = NULL;
    char path[] = "/tmp/recur-test-XXXXXX";
    const int fd = mkstemp(path);
    const unsigned char *data = file_bytes(header, 0, &bytes);
    assert_int_equal(write(fd, data, bytes), bytes);
    close(fd);
    const size_t before = c.bytes;
    c.most = before;
    OK(recur_file_open(ctx, path, &file));
    const double cost = (double)(c.most - before) / (double)used;
    recur_file_release(file);
    assert_int_equal(c.bytes, before);
    recur_context_release(ctx);
    unlink(path);
    give_back();
    return cost;
}

static void headers_cost_four_times_their_size(void **state)
{
    (void)state;
    static const char empty[] = "\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
    static const char shapes[] = "\"%x\":{\"dtype\":\"U8\",\"shape\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                                 "0,0],\"data_offsets\":[0,0]}";
    const double costs[] = {
        cost_of("{", empty, "}", MANY),
        cost_of("{", shapes, "}", MANY),
        cost_of("{\"__metadata__\":{", "\"%x\":\"\"", "}}", MANY),
        cost_of("{\"__metadata__\":{", "\"%x\":\"a text of some length\"", "}}", MANY),
        cost_of("{\"__metadata__\":{", "\"%x\":\"\\u00e9\\u20ac\"", "}}", MANY),
    };
    for (int i = 0; i < COUNT(costs); i++) {
        trying("header %d costs %.2f times its size", i, costs[i]);
        assert_true(costs[i] <= 4);
    }
}

/* Every dimension of a tensor of 64 takes 8 bytes, and 2 in the header. */
static void dimensions_cost_eight_bytes(void **state)
{
    (void)state;
    char item[400];
    int used = sprintf(item, "\"%%x\":{\"dtype\":\"U8\",\"shape\":[0");
    for (int i = 1; i < 64; i++) used += sprintf(item + used, ",0");
    sprintf(item + used, "],\"data_offsets\":[0,0]}");
    assert_true(cost_of("{", item, "}", MANY) <= 4.6);
}

/* Two gigabytes of zeros, and a header that is not one: neither is read. */
static void a_foreign_file_is_not_read(void **state)
{
    (void)state;
    char path[] = "/tmp/recur-test-XXXXXX";
    const int fd = mkstemp(path);
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_file *file = NULL;
    assert_int_equal(ftruncate(fd, (off_t)INT32_MAX), 0);
    const size_t before = c.bytes;
    c.most = before;
    FAILS(RECUR_E_FORMAT, recur_file_open(ctx, path, &file), "start {");
    assert_true(c.most - before < 1000);
    /* A tensor that ends before the file does: the header is read, and the buffer is not. */
    static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]}}";
    const unsigned char length[8] = { sizeof header - 1 };
    assert_int_equal(pwrite(fd, length, 8, 0), 8);
    assert_int_equal(pwrite(fd, header, sizeof header - 1, 8), sizeof header - 1);
    FAILS(RECUR_E_FORMAT, recur_file_open(ctx, path, &file), "9");
    assert_true(c.most - before < 2000);
    close(fd);
    unlink(path);
    recur_context_release(ctx);
}

/* What is opened holds the tensors, and little beside them. */
static void data_are_held_once(void **state)
{
    (void)state;
    enum { FLOATS = 1 << 18 };
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_file *file = new_file(ctx);
    const recur_tensor info = { .size = sizeof info, .rank = 1, .dim = { FLOATS }, .name = "x" };
    char path[] = "/tmp/recur-test-XXXXXX";
    close(mkstemp(path));
    OK(recur_file_add(file, &info, zeros(FLOATS)));
    OK(recur_file_write(file, path));
    recur_file_release(file);
    const size_t before = c.bytes;
    c.most = before;
    OK(recur_file_open(ctx, path, &file));
    assert_true(c.most - before < 4 * FLOATS + 2000);
    recur_file_release(file);
    recur_context_release(ctx);
    unlink(path);
}

/* A model that opens from memory takes the memory of its parameters, and no copy of the file. */
static void models_open_without_a_copy(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    recur_layer *net = recurrent(ctx, RECUR_CELL_LSTM, 100, 200, 1, 0, 0);
    recur_layer *got = NULL;
    recur_file *file = new_file(ctx);
    size_t bytes = 0;
    OK(recur_file_put_model(file, "", net, NULL));
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = bytes_of((int64_t)bytes, 1);
    OK(recur_file_write_memory(file, data, &bytes));
    recur_file_release(file);
    const size_t before = c.bytes;
    c.most = before;
    OK(recur_model_open_memory(ctx, data, bytes, &got));
    const size_t layer = c.bytes - before;
    trying("a layer of %zu bytes took %zu", layer, c.most - before);
    assert_true(layer > bytes - 2000 && layer < bytes + 20000);
    assert_true(c.most - before < layer + 5000);
    memset(data, 0, bytes); /* it is not needed any more */
    check_same("parameters", recur_layer_param_count(net), recur_layer_params(got),
               recur_layer_params(net));
    recur_layer_release(net);
    recur_layer_release(got);
    recur_context_release(ctx);
    assert_int_equal(c.blocks + c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_cost_four_times_their_size), TEST(dimensions_cost_eight_bytes),
        TEST(a_foreign_file_is_not_read),         TEST(data_are_held_once),
        TEST(models_open_without_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
