/* walk.c - how fast kinds without U go through memory: their walk over time, beside a loop that
 * reads and writes as much. A backward pass that nobody wants gradients of parameters or input from
 * is the walk alone; a recorded forward pass over one input is the walk and the products of that
 * input.
 *
 *   cc -O3 -march=native -Iinclude bench/walk.c -o walk -Llib -lrecur -Wl,-rpath,lib && ./walk
 *
 * Times are those of the wall's clock, the least of many rounds in which all take turns. */
#define _POSIX_C_SOURCE 200809L
#include <recur.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { T = 1024, B = 16, H = 256, ROUNDS = 30, KINDS = 5, MOST_THREADS = 2 };

static const struct {
    int32_t cell;
    const char *name;
    int64_t blocks, states; /* rows of H numbers that a step leaves to backward: gates; h and c */
} kinds[KINDS] = {
    { RECUR_CELL_MINGRU, "mingru", 2, 1 }, { RECUR_CELL_MINLSTM, "minlstm", 3, 1 },
    { RECUR_CELL_QRNN, "qrnn", 3, 2 },     { RECUR_CELL_SRU, "sru", 4, 2 },
    { RECUR_CELL_INDRNN, "indrnn", 1, 1 },
};

static void try(recur_status status)
{
    if (!status) return;
    fprintf(stderr, "walk: %s\n", recur_last_error());
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *numbers(int64_t n)
{
    float *v = malloc((size_t)n * sizeof *v);
    if (!v) exit(1);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(recur_random(1, (uint64_t)i) >> 40) * 0x1p-23f - 1;
    return v;
}

/* One kind with so many threads, and its best times. */
typedef struct subject {
    recur_context *ctx;
    recur_layer *layer;
    recur_packed *packed;
    recur_tape *tape;
    double forward, backward;
} subject;

static subject make(int kind, int32_t threads)
{
    const recur_context_options c = { .size = sizeof c, .threads = threads };
    const recur_recurrent_options o = {
        .size = sizeof o, .cell = kinds[kind].cell, .input_size = 1, .hidden_size = H
    };
    subject s = { .forward = 1e9, .backward = 1e9 };
    try(recur_context_create(&c, &s.ctx));
    try(recur_recurrent_create(s.ctx, &o, &s.layer));
    try(recur_layer_init(s.layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    try(recur_packed_create(s.ctx, B, NULL, T, &s.packed));
    try(recur_tape_create(s.ctx, &s.tape));
    return s;
}

static void measure(subject *s, const float *x, const float *dy, float *y)
{
    const double begin = now();
    try(recur_layer_forward(s->layer, s->packed, x, NULL, y, s->tape));
    const double middle = now();
    try(recur_layer_backward(s->layer, s->packed, x, dy, NULL, NULL, NULL, s->tape));
    const double end = now();
    if (middle - begin < s->forward) s->forward = middle - begin;
    if (end - middle < s->backward) s->backward = end - middle;
}

static void end(subject *s)
{
    recur_tape_release(s->tape);
    recur_packed_release(s->packed);
    recur_layer_release(s->layer);
    recur_context_release(s->ctx);
}

/* Reads a, b and c, and writes a. */
static double update(int64_t n, float *a, const float *b, const float *c)
{
    const double begin = now();
    for (int64_t i = 0; i < n; i++) a[i] = a[i] * 0.5f + b[i] * c[i];
    return now() - begin;
}

int main(void)
{
    const int64_t rows = (int64_t)T * B, n = rows * H * 2;
    float *x = numbers(rows), *dy = numbers(rows * H), *y = numbers(rows * H);
    float *a = numbers(n), *b = numbers(n), *c = numbers(n);
    subject subjects[KINDS][MOST_THREADS];
    double loop = 1e9;
    for (int k = 0; k < KINDS; k++)
        for (int t = 0; t < MOST_THREADS; t++) subjects[k][t] = make(k, t + 1);
    for (int round = 0; round < ROUNDS; round++) {
        const double seconds = update(n, a, b, c);
        if (seconds < loop) loop = seconds;
        for (int k = 0; k < KINDS; k++)
            for (int t = 0; t < MOST_THREADS; t++) measure(&subjects[k][t], x, dy, y);
    }
    const double bandwidth = 16.0 * (double)n / loop * 1e-9;
    printf("T %d, B %d, H %d, one input; %s\n", T, B, H, recur_context_isa(subjects[0][0].ctx));
    printf("a loop that reads three vectors and writes one: %.1f GB/s\n\n", bandwidth);
    printf("%-8s %12s %12s %8s %8s %12s %12s\n", "kind", "forward ms", "backward ms", "GB/s",
           "of it", "2 threads", "faster");
    for (int k = 0; k < KINDS; k++) {
        const subject *one = &subjects[k][0], *two = &subjects[k][1];
        /* Gates are read and written, the states before and after a step and dy are read. */
        const double read = (double)(2 * kinds[k].blocks + (kinds[k].states > 1 ? 2 : 1) + 1);
        const double gb = read * 4 * (double)(rows * H) / one->backward * 1e-9;
        printf("%-8s %12.2f %12.2f %8.1f %7.0f%% %12.2f %11.2fx\n", kinds[k].name,
               one->forward * 1e3, one->backward * 1e3, gb, 100 * gb / bandwidth,
               two->backward * 1e3, one->backward / two->backward);
    }
    for (int k = 0; k < KINDS; k++)
        for (int t = 0; t < MOST_THREADS; t++) end(&subjects[k][t]);
    free(x);
    free(dy);
    free(y);
    free(a);
    free(b);
    free(c);
    return 0;
}
