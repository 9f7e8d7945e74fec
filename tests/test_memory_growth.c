/* test_memory_growth.c - what recur_layer_memory says is linear in T and in B, and costs nothing to
 * ask. */
#include "support/support.h"

static recur_memory at(recur_context *ctx, const recur_layer *layer, int64_t B, int64_t T)
{
    recur_packed *packed = layout(ctx, B, NULL, T);
    recur_memory m = { .size = sizeof m };
    OK(recur_layer_memory(layer, packed, RECUR_MEMORY_ROWS, &m));
    recur_packed_release(packed);
    return m;
}

static int64_t member(const recur_memory *m, int i)
{
    return i == 0 ? m->record : i == 1 ? m->training : m->inference;
}

/* Twice the distance gives twice the difference. The sizes are such that nothing has to be rounded
 * up; and since training is the larger one of forward and backward, the larger one must be the one
 * that grows. */
static void linear_in_time_and_batch(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    for (int k = 0; k < ROWS; k++) {
        recur_layer *layer = recurrent_of(ctx, &KINDS[k], 16, 64, 2, RECUR_DIRECTION_BIDIRECTIONAL,
                                          0);
        for (int by_time = 0; by_time < 2; by_time++) {
            recur_memory m[3];
            for (int i = 0; i < 3; i++)
                m[i] = by_time ? at(ctx, layer, 16, 512 << i) : at(ctx, layer, 512 << i, 16);
            for (int i = 0; i < 3; i++) {
                const int64_t first = member(&m[1], i) - member(&m[0], i),
                              second = member(&m[2], i) - member(&m[1], i);
                if (first <= 0 || second != 2 * first)
                    fail_msg("%s (%d), member %d grows with %s by %lld, then by %lld",
                             KINDS[k].name, k, i, by_time ? "T" : "B", (long long)first,
                             (long long)second);
            }
        }
        recur_layer_release(layer);
    }
    close_context(ctx);
}

/* The query needs none of the memory that it is about. Where so many bytes have no number, it says
 * so. */
static void more_than_there_is(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *layer = recurrent(ctx, RECUR_CELL_LSTM, 5, 1 << 10, 1, RECUR_DIRECTION_FORWARD, 0);
    if (sizeof(size_t) >= sizeof(int64_t)) {
        const recur_memory m = at(ctx, layer, 40000, 50000);
        assert_true(m.record > (int64_t)40000 * 50000 * 5 * 1024 * 4);
    } else {
        recur_packed *packed = layout(ctx, 40000, NULL, 50000);
        recur_memory m = { .size = sizeof m };
        FAILS(RECUR_E_MEMORY, recur_layer_memory(layer, packed, RECUR_MEMORY_ROWS, &m), "memory");
        recur_packed_release(packed);
    }
    recur_layer_release(layer);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(linear_in_time_and_batch), TEST(more_than_there_is) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
