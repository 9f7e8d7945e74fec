/* test_denormals.c - numbers below the smallest normal one. The library leaves the caller's
 * floating-point environment alone: whoever streams where time is short sets his thread to flush
 * (docs/reliability.md), and then a state that fades becomes zero in every kind of layer, while
 * without that it goes through the denormal numbers. */
#include "support/support.h"

#if defined(__SSE__)
#include <xmmintrin.h>
static uint64_t environment(void) { return _mm_getcsr() & ~0x3fu; } /* but for what has happened */
static void set_environment(uint64_t e) { _mm_setcsr((unsigned)e); }
enum { POSSIBLE = 1, FLUSH = 0x8040 }; /* results and operands */
#elif defined(__aarch64__)
static uint64_t environment(void)
{
    uint64_t e;
    __asm__ volatile("mrs %0, fpcr" : "=r"(e));
    return e;
}
static void set_environment(uint64_t e) { __asm__ volatile("msr fpcr, %0" : : "r"(e)); }
enum { POSSIBLE = 1, FLUSH = 1 << 24 };
#else
static uint64_t environment(void) { return 0; }
static void set_environment(uint64_t e) { (void)e; }
enum { POSSIBLE = 0, FLUSH = 0 };
#endif

enum { B = 3, STEPS = 160 };
static int64_t ever;

static int64_t denormals(int64_t n, const float *v)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        count += (bits & 0x7f800000) == 0 && (bits & 0x007fffff) != 0;
    }
    return count;
}

/* Small weights, and nothing that keeps a state alive. */
static void make_fading(recur_layer *layer)
{
    float *params = recur_layer_params(layer);
    randomize(layer, 0.1);
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_layer_tensor_info(layer, i, &t));
        if (!strstr(t.name, "weight"))
            memset(params + t.offset, 0, (size_t)t.count * sizeof *params);
    }
}

/* One input, then zeros: how many numbers of y and of the state were denormal after all steps. */
static int64_t fade(const recur_layer *layer, uint64_t flush)
{
    const recur_layer_info info = info_of(layer, -1);
    recur_state *state;
    float *x = floats(B * info.input_size), *y = floats(B * info.output_size);
    int64_t count = 0;
    OK(recur_state_create(layer, B, &state));
    const int64_t n = recur_state_count(state);
    float *h = floats(n);
    for (int64_t i = 0; i < B * info.input_size; i++) x[i] = i % 2 ? 1e-20f : -1e-20f;
    for (int t = 0; t < STEPS; t++) {
        const uint64_t before = environment();
        set_environment(before | flush);
        const recur_status status = recur_layer_step(layer, x, state, y, NULL);
        const uint64_t after = environment();
        set_environment(before);
        OK(status);
        assert_true(after == (before | flush));
        OK(recur_state_read(state, 0, n, h));
        count += denormals(n, h) + denormals(B * info.output_size, y);
        memset(x, 0, (size_t)(B * info.input_size) * sizeof *x);
    }
    recur_state_release(state);
    return count;
}

static void check_layer(recur_context *ctx, const char *what, recur_layer *layer)
{
    recur_layer *snapshot = NULL;
    trying("%s", what);
    make_fading(layer);
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    if ((info_of(layer, -1).capabilities & RECUR_CAN_TAKE_ROWS) &&
        info_of(layer, -1).input_size < 100) {
        const int64_t plain = fade(layer, 0);
        ever += plain;
        assert_int_equal(fade(snapshot, 0), plain);
        if (fade(layer, FLUSH) || fade(snapshot, FLUSH))
            fail_msg("%s, %s: denormal numbers, although the thread flushes them", what,
                     recur_context_isa(ctx));
    }
    recur_layer_release(snapshot);
    recur_layer_release(layer);
    give_back();
}

static void a_state_that_fades(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; POSSIBLE && (ctx = next_context(ctx));) {
        dice(61);
        ever = 0;
        visit_streamable(ctx, check_layer);
        assert_true(ever > 1000); /* there was something to flush */
    }
}

/* A whole training step leaves the environment as it is, too. */
static void passes_leave_the_environment(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (uint64_t flush = 0; flush <= FLUSH; flush += FLUSH ? FLUSH : 1) {
            dice(62);
            recur_layer *layer = recurrent(ctx, RECUR_CELL_GRU, 5, 9, 1,
                                           RECUR_DIRECTION_BIDIRECTIONAL, 0);
            recur_packed *packed = layout(ctx, B, NULL, 4);
            const uint64_t before = environment();
            run r = { .packed = packed, .x = randoms(12 * 5, 1), .dy = randoms(12 * 18, 1) };
            randomize(layer, 0.5);
            set_environment(before | flush);
            run_both(ctx, layer, &r);
            const uint64_t after = environment();
            set_environment(before);
            assert_true(after == (before | flush));
            recur_packed_release(packed);
            recur_layer_release(layer);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_state_that_fades),
        TEST(passes_leave_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
