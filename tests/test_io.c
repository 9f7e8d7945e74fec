/* test_io.c - the container: what is added comes back bit for bit, texts, the disk. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"

static recur_tensor shaped(const char *name, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (recur_tensor){
        .size = sizeof(recur_tensor), .rank = rank, .dim = { a, b, c, d }, .name = name
    };
}

/* ---- tensors -------------------------------------------------------------------------------- */

static void round_trip(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_file *file = new_file(ctx);
    const uint32_t bits[6] = { 0x7f800001, 0xffc12345, 0x80000000, 1, 0xff800000, 0x3f8ccccd };
    float *from = floats(6);
    memcpy(from, bits, sizeof bits);
    const recur_tensor infos[] = { shaped("z\303\266\"\\\n\360\237\230\200", 2, 2, 3, -5, -5),
                                   shaped("a", 0, -1, -1, -1, -1), shaped("empty", 3, 4, 0, 7, -1),
                                   shaped("four", 4, 1, 2, 1, 3) };
    for (int i = 0; i < COUNT(infos); i++) OK(recur_file_add(file, &infos[i], from));
    for (int i = 0; i < 20; i++) { /* more than the lists have room for at first */
        char name[8];
        snprintf(name, sizeof name, "n%d", i);
        const recur_tensor info = shaped(name, 1, 1, 1, 1, 1);
        OK(recur_file_add(file, &info, from));
        OK(recur_file_set_metadata(file, name, name));
    }
    file = again(ctx, again(ctx, file));
    assert_int_equal(recur_file_tensor_count(file), COUNT(infos) + 20);
    for (int i = 0; i < COUNT(infos); i++) {
        recur_tensor t = { .size = sizeof t }, found = { .size = sizeof found };
        OK(recur_file_find(file, infos[i].name, &t));
        assert_int_equal(t.rank, infos[i].rank);
        int64_t count = 1;
        for (int k = 0; k < 4; k++) {
            assert_int_equal(t.dim[k], k < t.rank ? infos[i].dim[k] : 1);
            count *= t.dim[k];
        }
        assert_int_equal(t.count, count);
        assert_int_equal(t.offset, 0);
        assert_string_equal(t.type, "F32");
        float *to = floats(count);
        OK(recur_file_read(file, infos[i].name, to, count));
        check_same(infos[i].name, count, to, from);
        int64_t places = 0;
        for (int64_t k = 0; k < recur_file_tensor_count(file); k++) {
            OK(recur_file_tensor_info(file, k, &found));
            places += strcmp(found.name, infos[i].name) == 0;
        }
        assert_int_equal(places, 1);
    }
    assert_string_equal(recur_file_metadata(file, "n19"), "n19");
    recur_file_release(file);
    close_context(ctx);
}

static void order_is_kept_and_the_header_is_padded(void **state)
{
    (void)state;
    recur_file *file = new_file(NULL);
    const float one = 1;
    const char *names[] = { "b", "a", "cc", "ddd" };
    for (int i = 0; i < 4; i++) {
        const recur_tensor info = shaped(names[i], 1, 1, 1, 1, 1);
        OK(recur_file_add(file, &info, &one));
        size_t bytes = 0;
        OK(recur_file_write_memory(file, NULL, &bytes));
        unsigned char *data = bytes_of((int64_t)bytes, 1);
        OK(recur_file_write_memory(file, data, &bytes));
        const size_t header = data[0] + 256u * data[1];
        assert_int_equal(header % 8, 0);
        assert_int_equal(bytes, 8 + header + 4 * ((size_t)i + 1));
        assert_int_equal(data[8], '{');
        const unsigned char little_endian_one[4] = { 0, 0, 0x80, 0x3f };
        assert_memory_equal(data + 8 + header, little_endian_one, 4);
    }
    file = again(NULL, file);
    for (int i = 0; i < 4; i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_tensor_info(file, i, &t));
        assert_string_equal(t.name, names[i]);
    }
    recur_file_release(file);
}

static void more_than_four_dimensions(void **state)
{
    (void)state;
    const char header[] =
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[1,2,3,2,2,1],\"data_offsets\":[0,24]}}       ";
    unsigned char data[8 + sizeof header - 1 + 24] = { sizeof header - 1 };
    memcpy(data + 8, header, sizeof header - 1);
    recur_file *file = NULL;
    OK(recur_file_open_memory(NULL, data, sizeof data, &file));
    for (int turn = 0; turn < 2; turn++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_find(file, "t", &t));
        assert_int_equal(t.rank, 4);
        assert_int_equal(t.dim[0], 1);
        assert_int_equal(t.dim[1], 2);
        assert_int_equal(t.dim[2], 3);
        assert_int_equal(t.dim[3], 4);
        assert_int_equal(t.count, 24);
        file = again(NULL, file); /* as it was, type and shape */
        assert_string_equal(t.type, "U8");
    }
    recur_file_release(file);
}

static void arguments(void **state)
{
    (void)state;
    recur_file *file = new_file(NULL);
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    recur_tensor info = shaped("w", 2, 2, 3, 1, 1), t = { .size = sizeof t };
    OK(recur_file_add(file, &info, x));
    FAILS(RECUR_E_ARGUMENT, recur_file_add(NULL, &info, x), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, NULL, x), "info NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "w already");
    info.name = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "name NULL");
    info.name = "";
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "empty");
    info.name = "__metadata__";
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "__metadata__");
    info.name = "v";
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, NULL), "v from NULL 6");
    info.rank = 5;
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "v rank 5 0 4");
    info.rank = -1;
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "v rank -1");
    info = shaped("v", 2, 2, -3, 1, 1);
    FAILS(RECUR_E_ARGUMENT, recur_file_add(file, &info, x), "v dim[1] -3");
    info = shaped("v", 3, INT64_MAX, INT64_MAX, 2, 1);
    FAILS(RECUR_E_MEMORY, recur_file_add(file, &info, x),
          "v [9223372036854775807,9223372036854775807,2]");
    info = shaped("v", 1, INT64_MAX / 4, 1, 1, 1);
    FAILS(RECUR_E_MEMORY, recur_file_add(file, &info, x), "v [2305843009213693951]");
    const char *const broken[] = { "\xff",
                                   "a\xc3",
                                   "\xc0\xaf",
                                   "\xe0\x80\x80",
                                   "\xed\xa0\x80",
                                   "\xf4\x90\x80\x80",
                                   "\xf0\x8f\xbf\xbf",
                                   "\x80",
                                   "\xf8\x88\x80\x80\x80",
                                   "\xe2\x82",
                                   "\xf0\x9f\x98" };
    for (int i = 0; i < COUNT(broken); i++) {
        info = shaped(broken[i], 1, 1, 1, 1, 1);
        FAILS(RECUR_E_FORMAT, recur_file_add(file, &info, x), "UTF-8");
        FAILS(RECUR_E_FORMAT, recur_file_set_metadata(file, broken[i], "value"), "UTF-8 5");
        FAILS(RECUR_E_FORMAT, recur_file_set_metadata(file, "key", broken[i]), "UTF-8 3");
    }
    assert_int_equal(recur_file_tensor_count(file), 1);
    assert_int_equal(recur_file_metadata_count(file), 0);

    FAILS(RECUR_E_ARGUMENT, recur_file_tensor_info(NULL, 0, &t), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_tensor_info(file, 0, NULL), "out NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_tensor_info(file, 1, &t), "1");
    FAILS(RECUR_E_ARGUMENT, recur_file_tensor_info(file, -1, &t), "-1");
    FAILS(RECUR_E_ARGUMENT, recur_file_find(NULL, "w", &t), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_find(file, NULL, &t), "name NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_find(file, "w", NULL), "out NULL");
    FAILS(RECUR_E_MISSING, recur_file_find(file, "x.y", &t), "x.y 1");
    t.size = 16;
    FAILS(RECUR_E_ARGUMENT, recur_file_find(file, "w", &t), "16");
    FAILS(RECUR_E_ARGUMENT, recur_file_tensor_info(file, 0, &t), "16");

    FAILS(RECUR_E_MISSING, recur_file_all_used(file), "w");
    FAILS(RECUR_E_ARGUMENT, recur_file_read(NULL, "w", x, 6), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_read(file, NULL, x, 6), "name NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_read(file, "w", NULL, 6), "to NULL");
    FAILS(RECUR_E_MISSING, recur_file_read(file, "v", x, 6), "v");
    FAILS(RECUR_E_SHAPE, recur_file_read(file, "w", x, 5), "w 6 5");
    FAILS(RECUR_E_MISSING, recur_file_all_used(file), "w");
    OK(recur_file_read(file, "w", x, 6));
    OK(recur_file_all_used(file));
    FAILS(RECUR_E_ARGUMENT, recur_file_all_used(NULL), "file NULL");
    assert_int_equal(recur_file_tensor_count(NULL), 0);
    recur_file_release(file);
    recur_file_release(NULL);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void texts(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_file *file = new_file(ctx);
    OK(recur_file_set_metadata(file, "alphabet", "helo"));
    OK(recur_file_set_metadata(file, "", ""));
    OK(recur_file_set_metadata(file, "Gr\303\266\303\237e", "\"\\\t/\001 \342\202\254"));
    OK(recur_file_set_metadata(file, "alphabet", "a longer one than before"));
    /* The value is that of the file itself. */
    OK(recur_file_set_metadata(file, "alphabet", recur_file_metadata(file, "alphabet")));
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(recur_file_metadata_count(file), 3);
        assert_string_equal(recur_file_metadata_key(file, 0), "alphabet");
        assert_string_equal(recur_file_metadata(file, "alphabet"), "a longer one than before");
        assert_string_equal(recur_file_metadata(file, ""), "");
        assert_string_equal(recur_file_metadata(file, "Gr\303\266\303\237e"),
                            "\"\\\t/\001 \342\202\254");
        file = again(ctx, file);
    }
    assert_null(recur_file_metadata(file, "epoch"));
    assert_null(recur_file_metadata(NULL, "alphabet"));
    assert_null(recur_file_metadata(file, NULL));
    assert_null(recur_file_metadata_key(file, 3));
    assert_null(recur_file_metadata_key(file, -1));
    assert_null(recur_file_metadata_key(NULL, 0));
    assert_int_equal(recur_file_metadata_count(NULL), 0);
    FAILS(RECUR_E_ARGUMENT, recur_file_set_metadata(NULL, "a", "b"), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_set_metadata(file, NULL, "b"), "key NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_set_metadata(file, "a", NULL), "value NULL");
    recur_file_release(file);
    close_context(ctx);
}

/* ---- memory and disk ------------------------------------------------------------------------ */

static void room_in_memory(void **state)
{
    (void)state;
    recur_file *file = new_file(NULL), *none = NULL;
    const float x[2] = { 1, 2 };
    const recur_tensor info = shaped("x", 1, 2, 1, 1, 1);
    OK(recur_file_add(file, &info, x));
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    const size_t needed = bytes;
    char words[40];
    snprintf(words, sizeof words, "%zu %zu", needed, needed - 1);
    unsigned char *data = bytes_of((int64_t)needed + 3, 1);
    bytes = needed - 1;
    FAILS(RECUR_E_SHAPE, recur_file_write_memory(file, data, &bytes), words);
    assert_int_equal(bytes, needed);
    bytes = needed + 3;
    OK(recur_file_write_memory(file, data, &bytes));
    assert_int_equal(bytes, needed);
    FAILS(RECUR_E_ARGUMENT, recur_file_write_memory(NULL, data, &bytes), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_write_memory(file, data, NULL), "bytes NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_open_memory(NULL, NULL, 7, &none), "NULL 7");
    FAILS(RECUR_E_ARGUMENT, recur_file_open_memory(NULL, data, 7, NULL), "out NULL");
    recur_file_release(file);
}

static int64_t names_in(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int64_t names = -2; /* . and .. */
    while (readdir(dir)) names++;
    closedir(dir);
    return names;
}

static void disk(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    char folder[] = "/tmp/recur-test-XXXXXX", path[64], elsewhere[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    snprintf(elsewhere, sizeof elsewhere, "%s/none/model.safetensors", folder);
    recur_file *file = new_file(ctx), *back = NULL;
    const recur_tensor info = shaped("x", 1, 3, 1, 1, 1);
    const float x[3] = { 1, NAN, -0.0f };
    FAILS(RECUR_E_NOT_FOUND, recur_file_open(ctx, path, &back), "model.safetensors No such file");
    assert_null(back);
    OK(recur_file_write(file, path));
    OK(recur_file_add(file, &info, x));
    assert_int_equal(chmod(path, 0600), 0);
    OK(recur_file_write(file, path)); /* over the old one */
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    if (HAS_MODES) assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(names_in(folder), 1);
    OK(recur_file_open(ctx, path, &back));
    float to[3];
    OK(recur_file_read(back, "x", to, 3));
    check_same("x", 3, to, x);
    recur_file_release(back);

    FAILS(RECUR_E_NOT_FOUND, recur_file_write(file, elsewhere), "none No such file");
    FAILS(RECUR_E_IO, recur_file_write(file, folder), "not a regular file");
    FAILS(RECUR_E_NOT_FOUND, recur_file_write(file, ""), "");
    FAILS(RECUR_E_IO, recur_file_open(ctx, folder, &back), "not a regular file");
    FAILS(RECUR_E_IO, recur_file_write(file, NULL_DEVICE), NULL_DEVICE " not a regular file");
    FAILS(RECUR_E_ARGUMENT, recur_file_write(NULL, path), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_write(file, NULL), "path NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_open(ctx, NULL, &back), "path NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_open(ctx, path, NULL), "out NULL");
    assert_int_equal(names_in(folder), 1);
    recur_file_release(file);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    close_context(ctx);
}

#if defined(_WIN32)
#include "base/windows.h"

/* Removes a file whose name is UTF-8; 0: it was there. */
static int remove_named(const char *path)
{
    wchar_t wide[128];
    return MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 128) ? _wunlink(wide) : -1;
}
#else
static int remove_named(const char *path) { return unlink(path); }
#endif

/* A path is UTF-8, whatever the letters of the system. */
static void paths_are_utf8(void **state)
{
    (void)state;
    char folder[] = "/tmp/recur-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/n\xC3\xA9t-\xCE\xBB\xE2\x82\xAC", folder);
    recur_context *ctx = reference_context();
    recur_file *file = new_file(ctx), *back = NULL;
    OK(recur_file_set_metadata(file, "k", "first"));
    OK(recur_file_write(file, path));
    OK(recur_file_set_metadata(file, "k", "second"));
    OK(recur_file_write(file, path)); /* over the first */
    OK(recur_file_open(ctx, path, &back));
    assert_string_equal(recur_file_metadata(back, "k"), "second");
    recur_file_release(back);
    recur_file_release(file);
    assert_int_equal(names_in(folder), 1);
    assert_int_equal(remove_named(path), 0);
    assert_int_equal(rmdir(folder), 0);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(round_trip),
        TEST(order_is_kept_and_the_header_is_padded),
        TEST(more_than_four_dimensions),
        TEST(arguments),
        TEST(texts),
        TEST(room_in_memory),
        TEST(disk),
        TEST(paths_are_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
