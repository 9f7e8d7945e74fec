/* fading.c - what steps cost while a state fades through the numbers below the smallest normal one.
 *
 *   cc -O2 -Iinclude -o build/bench/fading bench/fading.c lib/librecur.so -Wl,-rpath,$PWD/lib -lm
 *   build/bench/fading
 *
 * For every kind of recurrence, 64 units, a stream of zeros: nanoseconds of a step from a state of
 * 0.1, of 1e-40, and of 1e-40 in a thread that flushes such numbers (x86), least of 200 runs of 50
 * steps. The state is written anew before each step; the time of that is in all three. */
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

enum { I = 8, H = 64, RUNS = 200, STEPS = 50 };

static void good(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_text(status), recur_last_error());
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double nanoseconds(const recur_layer *layer, recur_state *state, float value)
{
    static float values[2 * H], x[I], y[H];
    const int64_t n = recur_state_count(state) < H ? recur_state_count(state) : H;
    double least = 1e30;
    for (int i = 0; i < 2 * H; i++) values[i] = value;
    for (int run = 0; run < RUNS; run++) {
        const double start = now();
        for (int t = 0; t < STEPS; t++) {
            good(recur_state_write(state, 0, n, values));
            good(recur_layer_step(layer, x, state, y, NULL));
        }
        const double each = (now() - start) / STEPS;
        if (each < least) least = each;
    }
    return least;
}

int main(void)
{
    static const char *const names[] = {
        "",         "rnn_tanh",         "rnn_relu",      "lstm",
        "gru",      "gru_reset_before", "lstm_peephole", "lstm_coupled",
        "rnn_norm", "lstm_norm",        "gru_norm",      "clockwork",
        "indrnn",   "mingru",           "minlstm",       "qrnn",
        "sru"
    };
    printf("%-18s %8s %8s %8s\n", "ns a step", "0.1", "1e-40", "flushed");
    for (int cell = RECUR_CELL_RNN_TANH; cell <= RECUR_CELL_SRU; cell++) {
        const recur_clockwork_options clock = { .size = sizeof clock, .modules = 4 };
        const recur_recurrent_options options = { .size = sizeof options,
                                                  .cell = cell,
                                                  .input_size = I,
                                                  .hidden_size = H,
                                                  .clockwork = cell == RECUR_CELL_CLOCKWORK
                                                                   ? &clock
                                                                   : NULL };
        recur_layer *layer, *snapshot;
        recur_state *state;
        good(recur_recurrent_create(NULL, &options, &layer));
        good(recur_layer_init(layer, "*weight*", RECUR_INIT_DEFAULT, 0, 1));
        good(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
        good(recur_state_create(snapshot, 1, &state));
        const double normal = nanoseconds(snapshot, state, 0.1f),
                     denormal = nanoseconds(snapshot, state, 1e-40f);
        double flushed = 0;
#ifdef __SSE__
        const unsigned before = _mm_getcsr();
        _mm_setcsr(before | 0x8040);
        flushed = nanoseconds(snapshot, state, 1e-40f);
        _mm_setcsr(before);
#endif
        printf("%-18s %8.1f %8.1f %8.1f\n", names[cell], normal, denormal, flushed);
        recur_state_release(state);
        recur_layer_release(snapshot);
        recur_layer_release(layer);
    }
    return 0;
}
