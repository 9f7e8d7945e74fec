#!/bin/sh
# one_thread.sh - a context with one thread is one thread: training passes with large products take
# no more processor time of the process than of the thread that calls, and no other thread is there
# afterwards. A BLAS with threads of its own (Debian's libopenblas-pthread) starts them when it is
# loaded, before anybody can ask for one; there the same holds with OPENBLAS_NUM_THREADS=1.
set -eu
cd "$(dirname "$0")/.."

skip() {
    echo "$1"
    exit 77
}

fail() {
    echo "one_thread: $1" >&2
    exit 1
}

[ -z "${SANITIZE:-}" ] || skip "sanitizers have threads of their own"
[ -d /proc/self/task ] || skip "this system does not show the threads of a process"
library=${LIBRARY:-$PWD/lib/librecur.so}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/program.c" <<'END'
/* argv[1] is the number of threads of the context. Prints the number of threads that are there, and
 * how many percent of the caller's processor time the process took. */
#define _POSIX_C_SOURCE 200809L
#include <recur.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { I = 64, H = 256, B = 64, T = 20 };
#define TRY(call) \
    if (call) return fprintf(stderr, "%s: %s\n", #call, recur_last_error()), 1

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int tasks(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(folder));) n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    recur_context_options co = { .size = sizeof co, .threads = argc > 1 ? atoi(argv[1]) : 1 };
    recur_context *ctx;
    TRY(recur_context_create(&co, &ctx));
    recur_recurrent_options ro = { .size = sizeof ro, .cell = RECUR_CELL_LSTM, .input_size = I,
                                   .hidden_size = H };
    recur_layer *lstm;
    recur_packed *packed;
    recur_tape *tape;
    int64_t lengths[B];
    for (int b = 0; b < B; b++) lengths[b] = T;
    TRY(recur_recurrent_create(ctx, &ro, &lstm));
    TRY(recur_layer_init(lstm, NULL, RECUR_INIT_DEFAULT, 0, 1));
    TRY(recur_packed_create(ctx, B, lengths, 0, &packed));
    TRY(recur_tape_create(ctx, &tape));
    float *x = calloc(B * T * I, sizeof *x), *y = calloc(B * T * H, sizeof *y);
    float *grads = calloc((size_t)recur_layer_param_count(lstm), sizeof *grads);
    if (!x || !y || !grads) return 1;
    const double process = now(CLOCK_PROCESS_CPUTIME_ID), own = now(CLOCK_THREAD_CPUTIME_ID);
    while (now(CLOCK_THREAD_CPUTIME_ID) - own < 0.5) {
        TRY(recur_layer_forward(lstm, packed, x, NULL, y, tape));
        TRY(recur_layer_backward(lstm, packed, x, y, NULL, NULL, grads, tape));
    }
    printf("%d %.0f\n", tasks(),
           100 * (now(CLOCK_PROCESS_CPUTIME_ID) - process) / (now(CLOCK_THREAD_CPUTIME_ID) - own));
    return 0;
}
END
# shellcheck disable=SC2086 # ccache gcc
${CC:-cc} -std=c11 -O1 -Iinclude -o "$scratch/program" "$scratch/program.c" "$library" \
    "-Wl,-rpath,$(dirname "$library")"

# says THREADS: sets tasks and percent.
says() {
    said=$("$scratch/program" "$1") || fail "the program failed"
    tasks=${said% *} percent=${said#* }
}

# What is measured here can be measured: two threads are seen.
OPENBLAS_NUM_THREADS=1
export OPENBLAS_NUM_THREADS
says 2
[ "$tasks" = 2 ] || fail "a context of two threads shows $tasks"
says 1
[ "$tasks" = 1 ] || fail "a context of one thread shows $tasks"
[ "$percent" -le 102 ] || fail "one thread takes $percent % of its own processor time"
echo "one thread: $tasks thread, $percent % of its processor time"

unset OPENBLAS_NUM_THREADS
says 1
if [ "$tasks" != 1 ]; then
    case $(ldd "$library") in
    *openblas*) echo "this OpenBLAS has threads of its own: $tasks threads, $percent %" ;;
    *) fail "a context of one thread shows $tasks threads" ;;
    esac
fi
