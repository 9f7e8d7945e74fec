/* bench.h - what the files of recur-bench share: workloads, their tasks, and what is measured of
 * them. */
#ifndef BENCH_H
#define BENCH_H

#include <recur.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

enum { LAYOUTS = 8 }; /* sets of lengths that a ragged workload takes in turn */

/* ---- workloads ------------------------------------------------------------------------------ */

/* The sizes of a workload; what a task does not have is 0. */
typedef struct shape {
    int32_t cell;          /* RECUR_CELL_*                                           */
    int32_t direction;     /* RECUR_DIRECTION_*                                      */
    int32_t precision;     /* RECUR_PRECISION_* of a snapshot                        */
    int64_t T, B, I, H, L; /* steps, batch, input, hidden, layers                    */
    int64_t shortest;      /* lengths are uniform in shortest..T; 0: all are T       */
    int64_t outputs;       /* of the linear head; 0: there is none                   */
    bool ids;              /* symbols, not rows of floats                            */
    bool each_step;        /* the head sees every step, not the last alone           */
    double clip;           /* L2 norm that gradients are clipped to; 0: they are not */
} shape;

/* Something that can be run again and again. `flops` counts 2 for each multiply-add of all matrix
 * products of a call, those of backward included; a product that a row lookup replaces (ids) counts
 * nothing. */
typedef struct task {
    const char *what;
    void *(*create)(const shape *s, recur_context *ctx);
    void (*run)(void *self, int64_t calls);
    void (*release)(void *self);
    double (*flops)(const shape *s);
    int64_t (*memory)(const void *self); /* bytes that recur_layer_memory said it would hold; NULL:
                                            there is more than layers */
} task;

extern const task train_task;    /* a training step: forward, loss, backward, clipping, Adam   */
extern const task layers_task;   /* forward and backward of the recurrent layers alone         */
extern const task sentence_task; /* a training epoch of one sentence, the loop written by hand */
extern const task stream_task;   /* one step of one stream on a snapshot                       */
extern const task sequence_task; /* whole sequences forward on a snapshot                      */
extern const task sgemm_task;    /* the product that the others are compared with              */

typedef struct workload {
    char name[32];
    const task *task;
    shape shape;
    int32_t threads; /* 0: as the command line says */
} workload;

enum { MAX_WORKLOADS = 96 };
typedef struct catalogue {
    workload all[MAX_WORKLOADS];
    int64_t count;
} catalogue;

/* All workloads, or those of a series: "h", "b", "t", "l", "ragged". false: there is no such
 * series. */
bool catalogue_fill(catalogue *c, const char *series);
void catalogue_print(const catalogue *c);
/* Marks what a word of the command line means: a name, or the beginning of several ("w6-lstm"). */
bool catalogue_choose(const catalogue *c, const char *word, bool *chosen);
const char *cell_name(int32_t cell);
const char *precision_name(int32_t precision);

/* ---- counting products ---------------------------------------------------------------------- */

/* h_rows: the rows whose h is not the zero of the initial state; dx: the gradient of the input is
 * wanted. */
double products_recurrent(const shape *s, double h_rows, bool trained, bool dx);
double products_head(const shape *s, bool trained);
double mean_rows(const shape *s);   /* rows of a call: valid steps, on average over the layouts */
int64_t directions(const shape *s); /* 1 or 2 */

/* ---- data ----------------------------------------------------------------------------------- */

/* A failure ends the program with the library's sentence. */
#define TRY(call) try_or_exit((call), #call)
void try_or_exit(recur_status status, const char *call);

void *zeros(int64_t count, size_t size);
float *uniform(int64_t count, float bound, uint64_t seed);
int32_t *symbols(int64_t count, int64_t below, uint64_t seed);
recur_layer *make_recurrent(const shape *s, recur_context *ctx);
/* A chain: recurrent, last (unless each_step), linear. */
recur_layer *make_network(const shape *s, recur_context *ctx);

/* The layout of the batches: always the same one, or LAYOUTS in turn. */
typedef struct batches {
    recur_packed *packed;
    int64_t *lengths; /* [LAYOUTS][B]; NULL: all are T */
    int64_t B, T, turn;
} batches;
/* The first batch is the largest: all its lengths are T. */
batches batches_create(const shape *s, recur_context *ctx);
void batches_next(batches *b);
void batches_release(batches *b);

/* ---- memory --------------------------------------------------------------------------------- */

typedef struct memory {
    recur_allocator hooks;
    _Atomic size_t bytes; /* asked for since the start */
    _Atomic size_t held;  /* now */
    _Atomic size_t most;  /* at most at once */
    size_t context;       /* the context's own part of what is held */
} memory;
recur_context *memory_context(memory *m, int32_t isa, int32_t threads);

/* ---- measuring ------------------------------------------------------------------------------ */

typedef struct sample {
    double cpu, wall; /* seconds of a call: this thread's processor time, and time on the wall */
} sample;

typedef struct measured {
    const workload *w;
    recur_context *ctx;
    memory memory;
    void *self;
    int32_t threads;
    int64_t calls; /* in a sample */
    sample *samples;
    int64_t count, room;
    double spent;
    size_t startup; /* bytes until the first sample */
    double cpu, wall, cpu_least, wall_least;
} measured;

typedef struct settings {
    double seconds;
    int64_t repetitions;
    int32_t isa, threads;
    const char *json;
} settings;

void measure_prepare(measured *m, const workload *w, const settings *set);
/* Measures all of them round after round, until each has its repetitions and its seconds. The first
 * is in every round. */
void measure_rounds(measured *m, int64_t count, const settings *set);
void measure_release(measured *m);

/* ---- the machine ---------------------------------------------------------------------------- */

/* Prints what the processor can do: multiply-adds, and floats read from each level of its memory.
 */
void print_limits(void);

/* Starts a process that copies memory until this one ends, on another core if there is one. */
void start_neighbour(void);
/* Is such a process, and does not return. */
void be_neighbour(void);

/* ---- telling -------------------------------------------------------------------------------- */

/* The first one measured is the sgemm that tells the peak. */
void report_table(const measured *m, int64_t count);
void report_json(const measured *m, int64_t count, FILE *to);

#endif
