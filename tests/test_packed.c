/* test_packed.c - layouts of ragged batches: where rows live, moving them there and back, using the
 * memory again. */
#include "support/support.h"

/* ---- where rows live ------------------------------------------------------------------------ */

/* The lengths 3, 5, 2, 3 sorted stably are 5 3 3 2, so the rows step by step are b a d c | b a d c
 * | b a d | b | b. */
static void the_known_layout(void **unused)
{
    (void)unused;
    recur_packed *packed = layout(NULL, 4, (const int64_t[]){ 3, 5, 2, 3 }, 0);
    static const int64_t sizes[] = { 4, 4, 3, 1, 1, 0, 0 };
    static const int64_t rows[4][6] = { { 1, 5, 9, -1, -1, -1 },
                                        { 0, 4, 8, 11, 12, -1 },
                                        { 3, 7, -1, -1, -1, -1 },
                                        { 2, 6, 10, -1, -1, -1 } };
    assert_int_equal(recur_packed_batch(packed), 4);
    assert_int_equal(recur_packed_steps(packed), 5);
    assert_int_equal(recur_packed_rows(packed), 13);
    for (int t = 0; t < COUNT(sizes); t++)
        assert_int_equal(recur_packed_batch_size(packed, t), sizes[t]);
    assert_int_equal(recur_packed_batch_size(packed, -1), -1);
    for (int b = 0; b < 4; b++)
        for (int t = 0; t < 6; t++) assert_int_equal(recur_packed_row(packed, b, t), rows[b][t]);
    assert_int_equal(recur_packed_length(packed, 1), 5);
    assert_int_equal(recur_packed_length(packed, 4), -1);
    assert_int_equal(recur_packed_length(packed, -1), -1);
    assert_int_equal(recur_packed_row(packed, 4, 0), -1);
    assert_int_equal(recur_packed_row(packed, -1, 0), -1);
    assert_int_equal(recur_packed_row(packed, 0, -1), -1);
    recur_packed_release(packed);
}

static void of_nothing(void **unused)
{
    (void)unused;
    assert_int_equal(recur_packed_batch(NULL), 0);
    assert_int_equal(recur_packed_steps(NULL), 0);
    assert_int_equal(recur_packed_rows(NULL), 0);
    recur_packed_release(NULL);
}

/* Checks a layout against its definition, by counting. */
static void check_layout(const recur_packed *packed, int64_t B, const int64_t *lengths, int64_t T)
{
    int64_t N = 0, row = 0;
    assert_int_equal(recur_packed_batch(packed), B);
    assert_int_equal(recur_packed_steps(packed), T);
    for (int64_t b = 0; b < B; b++) {
        N += lengths[b];
        assert_int_equal(recur_packed_length(packed, b), lengths[b]);
    }
    assert_int_equal(recur_packed_rows(packed), N);
    for (int64_t t = 0; t <= T; t++) {
        const int64_t first = row;
        for (int64_t length = T; length > t;
             length--) /* the longer first, of equal ones the earlier */
            for (int64_t b = 0; b < B; b++)
                if (lengths[b] == length) assert_int_equal(recur_packed_row(packed, b, t), row++);
        assert_int_equal(recur_packed_batch_size(packed, t), row - first);
        for (int64_t b = 0; b < B; b++)
            if (lengths[b] <= t) assert_int_equal(recur_packed_row(packed, b, t), -1);
    }
}

static void random_layouts(void **unused)
{
    (void)unused;
    dice(3);
    for (int n = 0; n < 200; n++) {
        int64_t lengths[40], T = 0;
        const int64_t B = below(COUNT(lengths) + 1), most = 1 + below(12);
        for (int64_t b = 0; b < B; b++) {
            lengths[b] = below(most);
            if (lengths[b] > T) T = lengths[b];
        }
        trying("%d: B %d", n, (int)B);
        const int64_t steps = below(2) ? T + below(4) : 0;
        recur_packed *packed = layout(NULL, B, lengths, steps);
        check_layout(packed, B, lengths, steps ? steps : T);
        recur_packed_release(packed);
    }
}

/* A dense batch is a time-major array. */
static void dense(void **unused)
{
    (void)unused;
    recur_packed *packed = layout(NULL, 3, NULL, 4);
    for (int t = 0; t < 4; t++)
        for (int b = 0; b < 3; b++) assert_int_equal(recur_packed_row(packed, b, t), t * 3 + b);
    recur_packed_release(packed);
}

static void empty(void **unused)
{
    (void)unused;
    recur_packed *packed = layout(NULL, 0, NULL, 0);
    check_layout(packed, 0, NULL, 0);
    char byte = 'x';
    OK(recur_packed_pack(packed, RECUR_LAYOUT_JOINED, 4, &byte, &byte));
    OK(recur_packed_gather(packed, NULL, 4, &byte, &byte));
    OK(recur_packed_reset(packed, 3, (const int64_t[]){ 0, 0, 0 }, 7));
    check_layout(packed, 3, (const int64_t[]){ 0, 0, 0 }, 7);
    float rows[1], last[3 * 2] = { 1, 1, 1, 1, 1, 1 };
    OK(recur_packed_gather(packed, NULL, 2 * sizeof(float), rows, last));
    for (int i = 0; i < 6; i++) assert_true(last[i] == 0.0f);
    OK(recur_packed_reset(packed, 0, (const int64_t[]){ 0 }, 0));
    check_layout(packed, 0, NULL, 0);
    recur_packed_release(packed);
    assert_int_equal(byte, 'x');
}

/* ---- moving rows ---------------------------------------------------------------------------- */

/* Makes rows of `size` bytes that say their sequence and step in every byte. */
static void fill(unsigned char *row, size_t size, int64_t b, int64_t t)
{
    for (size_t i = 0; i < size; i++) row[i] = (unsigned char)(1 + 16 * b + t + (int64_t)i);
}

static int64_t place(int how, const int64_t *lengths, int64_t B, int64_t T, int64_t b, int64_t t)
{
    if (how == RECUR_LAYOUT_BATCH_FIRST) return b * T + t;
    if (how == RECUR_LAYOUT_TIME_FIRST) return t * B + b;
    for (int64_t before = 0; before < b; before++) t += lengths[before];
    return t;
}

static void there_and_back(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { 3, 0, 5, 2, 3, 1 };
    static const size_t sizes[] = { 1, 2, 3, 4, 8, 12, 20, 64, 100 };
    enum { B = 6, T = 7, N = 14 };
    recur_packed *packed = layout(NULL, B, lengths, T);
    for (int how = RECUR_LAYOUT_BATCH_FIRST; how <= RECUR_LAYOUT_JOINED; how++)
        for (int s = 0; s < COUNT(sizes); s++) {
            const size_t size = sizes[s];
            const int64_t places = how == RECUR_LAYOUT_JOINED ? N : B * T;
            trying("layout %d size %zu", how, size);
            unsigned char *from = bytes_of(places, size), *rows = bytes_of(N, size),
                          *back = bytes_of(places, size);
            unsigned char want[100];
            for (int64_t b = 0; b < B; b++)
                for (int64_t t = 0; t < lengths[b]; t++)
                    fill(from + (size_t)place(how, lengths, B, T, b, t) * size, size, b, t);
            OK(recur_packed_pack(packed, how, size, from, rows));
            for (int64_t b = 0; b < B; b++)
                for (int64_t t = 0; t < lengths[b]; t++) {
                    fill(want, size, b, t);
                    assert_memory_equal(rows + (size_t)recur_packed_row(packed, b, t) * size, want,
                                        size);
                }
            /* Both arrays have 0xFF as padding, which stays. */
            OK(recur_packed_unpack(packed, how, size, rows, back));
            assert_memory_equal(back, from, (size_t)places * size);
        }
    recur_packed_release(packed);
}

static void gathering(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { 3, 0, 5, 2 };
    static const struct {
        int64_t steps[4], want[4];
    } rows[] = { { { 0, 0, 0, 0 }, { 0, 0, 0, 0 } },
                 { { 2, 0, 4, 1 }, { 2, 0, 4, 1 } },
                 { { -1, -1, -1, -1 }, { 2, 0, 4, 1 } },
                 { { -3, 9, -5, -2 }, { 0, 0, 0, 0 } }, /* of an empty sequence any step will do */
                 { { 1, -7, -2, 0 }, { 1, 0, 3, 0 } } };
    recur_packed *packed = layout(NULL, 4, lengths, 0);
    int32_t ids[10], got[4];
    for (int64_t b = 0; b < 4; b++)
        for (int64_t t = 0; t < lengths[b]; t++)
            ids[recur_packed_row(packed, b, t)] = (int32_t)(100 * b + t + 1);
    for (int i = 0; i < COUNT(rows); i++) {
        trying("row %d", i);
        memset(got, 0xFF, sizeof got);
        OK(recur_packed_gather(packed, rows[i].steps, sizeof *ids, ids, got));
        for (int64_t b = 0; b < 4; b++)
            assert_int_equal(got[b], lengths[b] ? 100 * b + rows[i].want[b] + 1 : 0);
    }
    memset(got, 0xFF, sizeof got);
    OK(recur_packed_gather(packed, NULL, sizeof *ids, ids, got));
    for (int64_t b = 0; b < 4; b++) assert_int_equal(got[b], lengths[b] ? 100 * b + lengths[b] : 0);
    FAILS(RECUR_E_ARGUMENT,
          recur_packed_gather(packed, (const int64_t[]){ 0, 0, 5, 0 }, 4, ids, got), "5 2");
    FAILS(RECUR_E_ARGUMENT,
          recur_packed_gather(packed, (const int64_t[]){ 0, 0, 0, -3 }, 4, ids, got), "-3 3 2");
    FAILS(RECUR_E_ARGUMENT,
          recur_packed_gather(packed, (const int64_t[]){ INT64_MIN, 0, 0, 0 }, 4, ids, got), "");
    recur_packed_release(packed);
}

/* ---- again ---------------------------------------------------------------------------------- */

static void reset_uses_the_memory_again(void **unused)
{
    (void)unused;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_AUTO);
    int64_t lengths[16];
    for (int b = 0; b < 16; b++) lengths[b] = b % 9;
    recur_packed *packed = layout(ctx, 16, lengths, 9);
    const int64_t before = c.allocations;
    dice(4);
    for (int n = 0; n < 50; n++) {
        const int64_t B = below(17), T = 1 + below(9);
        for (int64_t b = 0; b < B; b++) lengths[b] = below(T + 1);
        OK(recur_packed_reset(packed, B, lengths, T));
        check_layout(packed, B, lengths, T);
    }
    assert_int_equal(c.allocations, before);
    int64_t more[20] = { 0 };
    more[19] = 30;
    OK(recur_packed_reset(packed, 20, more, 0));
    check_layout(packed, 20, more, 30);
    recur_packed_release(packed);
    recur_context_release(ctx);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

static void a_failed_reset_changes_nothing(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { 2, 0, 3 };
    recur_packed *packed = layout(NULL, 3, lengths, 4), *none = packed;
    const struct {
        int64_t batch;
        int64_t lengths[3];
        int64_t steps;
        recur_status code;
        const char *words;
    } rows[] = { { 3, { 1, -2, 3 }, 4, RECUR_E_ARGUMENT, "-2 1" },
                 { 3, { 1, 5, 3 }, 4, RECUR_E_SHAPE, "5 4 1" },
                 { -3, { 1, 1, 1 }, 4, RECUR_E_ARGUMENT, "-3" },
                 { 3, { 1, 1, 1 }, -4, RECUR_E_ARGUMENT, "-4" },
                 { 3, { 1, 1, INT64_MAX }, 0, RECUR_E_ARGUMENT, "" },
                 { 3, { 1, 1, 1 }, INT64_MAX, RECUR_E_ARGUMENT, "" } };
    for (int i = 0; i < COUNT(rows); i++) {
        trying("row %d", i);
        FAILS(rows[i].code,
              recur_packed_reset(packed, rows[i].batch, rows[i].lengths, rows[i].steps),
              rows[i].words);
        check_layout(packed, 3, lengths, 4);
        none = packed;
        FAILS(rows[i].code,
              recur_packed_create(NULL, rows[i].batch, rows[i].lengths, rows[i].steps, &none),
              rows[i].words);
        assert_null(none);
    }
    FAILS(RECUR_E_ARGUMENT, recur_packed_reset(packed, INT64_MAX, lengths, 4), "");
    FAILS(RECUR_E_MEMORY, recur_packed_reset(packed, INT32_MAX, NULL, INT32_MAX), "");
    check_layout(packed, 3, lengths, 4);
    recur_packed_release(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_known_layout),
        TEST(of_nothing),
        TEST(random_layouts),
        TEST(dense),
        TEST(empty),
        TEST(there_and_back),
        TEST(gathering),
        TEST(reset_uses_the_memory_again),
        TEST(a_failed_reset_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
