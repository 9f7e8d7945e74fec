/* pair.c - which of two builds of librecur is faster? Both are loaded into one process, and take
 * turns every few milliseconds, so that what else the machine does meets both alike. It tells
 * differences of about 2 % where separate processes tell 5 %. Thread CPU time. Both libraries need
 * the interface of the header that this is compiled with.
 *
 *   cc -O2 -Iinclude bench/pair.c -o pair -ldl
 *   OPENBLAS_NUM_THREADS=1 ./pair ../before/lib/librecur.so lib/librecur.so lstm forward 512 512 32
 * 20
 *
 * The numbers are inputs, units, sequences and steps; instead of forward: train, or step (a stream
 * of a snapshot). */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <recur.h>

enum { ROUNDS = 60, ROUND_NS = 15000000 };

typedef enum way { FORWARD, TRAIN, STEP } way;

typedef struct sizes {
    int64_t I, H, B, T;
} sizes;

/* Functions go by the names of the header. */
typedef struct library {
    __typeof__(&recur_recurrent_create) recur_recurrent_create;
    __typeof__(&recur_layer_init) recur_layer_init;
    __typeof__(&recur_layer_snapshot) recur_layer_snapshot;
    __typeof__(&recur_packed_create) recur_packed_create;
    __typeof__(&recur_tape_create) recur_tape_create;
    __typeof__(&recur_state_create) recur_state_create;
    __typeof__(&recur_layer_forward) recur_layer_forward;
    __typeof__(&recur_layer_backward) recur_layer_backward;
    __typeof__(&recur_layer_step) recur_layer_step;
    __typeof__(&recur_layer_param_count) recur_layer_param_count;
    __typeof__(&recur_last_error) recur_last_error;
    recur_layer *layer, *snapshot;
    recur_packed *packed;
    recur_tape *tape;
    recur_state *state;
    float *x, *y, *dy, *dx, *dparams;
} library;

static void stop(const char *what)
{
    fprintf(stderr, "pair: %s\n", what);
    exit(1);
}

static void try(const library *a, recur_status status)
{
    if (status) stop(a->recur_last_error());
}

static float *numbers(int64_t n, float scale)
{
    float *v = malloc((size_t)n * sizeof *v);
    if (!v) stop("no memory");
    for (int64_t i = 0; i < n; i++) v[i] = scale * ((float)(i * 7919 % 2001) / 1000 - 1);
    return v;
}

static void *found(void *handle, const char *name)
{
    void *function = dlsym(handle, name);
    if (!function) stop(dlerror());
    return function;
}

static void open_library(library *a, const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) stop(dlerror());
#define FIND(name) *(void **)(void *)&a->name = found(handle, #name)
    FIND(recur_recurrent_create);
    FIND(recur_layer_init);
    FIND(recur_layer_snapshot);
    FIND(recur_packed_create);
    FIND(recur_tape_create);
    FIND(recur_state_create);
    FIND(recur_layer_forward);
    FIND(recur_layer_backward);
    FIND(recur_layer_step);
    FIND(recur_layer_param_count);
    FIND(recur_last_error);
}

static void make(library *a, int32_t cell, sizes n)
{
    const recur_recurrent_options o = {
        .size = sizeof o, .cell = cell, .input_size = n.I, .hidden_size = n.H
    };
    int64_t *lengths = malloc((size_t)n.B * sizeof *lengths);
    if (!lengths) stop("no memory");
    for (int64_t b = 0; b < n.B; b++) lengths[b] = n.T;
    try(a, a->recur_recurrent_create(NULL, &o, &a->layer));
    try(a, a->recur_layer_init(a->layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    try(a, a->recur_layer_snapshot(a->layer, RECUR_PRECISION_FLOAT32, &a->snapshot));
    try(a, a->recur_packed_create(NULL, n.B, lengths, n.T, &a->packed));
    try(a, a->recur_tape_create(NULL, &a->tape));
    try(a, a->recur_state_create(a->snapshot, n.B, &a->state));
    free(lengths);
    a->x = numbers(n.B * n.T * n.I, 1);
    a->y = numbers(n.B * n.T * n.H, 0);
    a->dy = numbers(n.B * n.T * n.H, 0.001F);
    a->dx = numbers(n.B * n.T * n.I, 0);
    a->dparams = numbers(a->recur_layer_param_count(a->layer), 0);
}

static void run(library *a, way w, int64_t T)
{
    if (w == FORWARD)
        try(a, a->recur_layer_forward(a->snapshot, a->packed, a->x, NULL, a->y, NULL));
    if (w == TRAIN) {
        try(a, a->recur_layer_forward(a->layer, a->packed, a->x, NULL, a->y, a->tape));
        try(a, a->recur_layer_backward(a->layer, a->packed, a->x, a->dy, NULL, a->dx, a->dparams,
                                       a->tape));
    }
    for (int64_t t = 0; w == STEP && t < T; t++)
        try(a, a->recur_layer_step(a->snapshot, a->x, a->state, a->y, NULL));
}

/* Nanoseconds of one run, the mean of so many. */
static double time_of(library *a, way w, int64_t T, int64_t runs)
{
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int64_t i = 0; i < runs; i++) run(a, w, T);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
           (double)runs;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int32_t cell_of(const char *name)
{
    static const struct {
        const char *name;
        int32_t cell;
    } cells[] = { { "rnn", RECUR_CELL_RNN_TANH },
                  { "lstm", RECUR_CELL_LSTM },
                  { "gru", RECUR_CELL_GRU },
                  { "gru_reset_before", RECUR_CELL_GRU_RESET_BEFORE } };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(cells[i].name, name) == 0) return cells[i].cell;
    stop("the cell is rnn, lstm, gru or gru_reset_before");
    return 0;
}

int main(int argc, char **argv)
{
    static library one, two;
    static double first[ROUNDS], second[ROUNDS], ratio[ROUNDS];
    if (argc != 9) stop("give two libraries, a cell, forward|train|step, and I H B T");
    const int32_t cell = cell_of(argv[3]);
    const way w = argv[4][0] == 'f' ? FORWARD : argv[4][0] == 't' ? TRAIN : STEP;
    const sizes n = { atoll(argv[5]), atoll(argv[6]), atoll(argv[7]), atoll(argv[8]) };
    open_library(&one, argv[1]);
    open_library(&two, argv[2]);
    make(&one, cell, n);
    make(&two, cell, n);
    run(&two, w, n.T);
    const int64_t runs = (int64_t)(ROUND_NS / time_of(&one, w, n.T, 1)) + 1;
    for (int r = 0; r < ROUNDS; r++) {
        if (r % 2) first[r] = time_of(&one, w, n.T, runs);
        second[r] = time_of(&two, w, n.T, runs);
        if (r % 2 == 0) first[r] = time_of(&one, w, n.T, runs);
        ratio[r] = second[r] / first[r];
    }
    qsort(first, ROUNDS, sizeof *first, compare);
    qsort(second, ROUNDS, sizeof *second, compare);
    qsort(ratio, ROUNDS, sizeof *ratio, compare);
    printf("%s %s, I %s, H %s, B %s, T %s\n", argv[3], argv[4], argv[5], argv[6], argv[7], argv[8]);
    printf("  second / first: median %.3f, middle half %.3f to %.3f\n", ratio[ROUNDS / 2],
           ratio[ROUNDS / 4], ratio[3 * ROUNDS / 4]);
    printf("  minima: %.1f us and %.1f us, ratio %.3f\n", first[0] / 1e3, second[0] / 1e3,
           second[0] / first[0]);
    return 0;
}
