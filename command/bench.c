/* bench.c - recur bench: how long a step and a batch of a model take on this machine. */
#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const option options[] = {
    { "streams", "B", "sequences of a step and of a batch (1)" },
    { "steps", "T", "steps of a batch (100)" },
    { "precision", "P", "float32, bfloat16 or int8 weights (float32)" },
    { "isa", "SET",
      "one instruction set: ref, sse2, avx2, avx512, neon, vec4, avx2_exact (all that run here)" },
    { "threads", "N", "threads of a batch (1)" },
    { "seconds", "S", "time for each line (0.5)" },
    { "prefix", "P", "the model whose names begin with P" },
    { NULL, NULL, NULL },
};

enum { MOST_SAMPLES = 1 << 21, WARM_UP = 16 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what is measured ----------------------------------------------------------------------- */

typedef struct setting {
    int64_t B, T;
    int32_t precision, threads;
    double seconds;
    double *samples; /* [MOST_SAMPLES]                                                           */
} setting;

typedef struct subject {
    recur_layer *layer; /* a snapshot                                                            */
    recur_layer_info info;
    recur_packed *packed;
    recur_state *state;
    bool ids;
    float *x, *y; /* of a batch; a step takes its first rows                                     */
    int32_t *id;
} subject;

/* x is uniform in [-1, 1): what a value is makes no difference in time, but tiny ones may. */
static void make_input(subject *s, int64_t rows)
{
    const int64_t I = s->info.input_size;
    s->id = take(NULL, (size_t)rows, sizeof *s->id);
    for (int64_t i = 0; i < rows; i++)
        s->id[i] = (int32_t)(recur_random(1, (uint64_t)i) % (uint64_t)I);
    if (s->ids) return;
    s->x = take(NULL, (size_t)rows, (size_t)I * sizeof *s->x);
    for (int64_t i = 0; i < rows * I; i++)
        s->x[i] = (float)(recur_random(2, (uint64_t)i) >> 40) / (1 << 23) - 1;
}

static void make_subject(subject *s, const arguments *args, const setting *set, int32_t isa)
{
    recur_context *ctx = make_context(isa, set->threads);
    opened file;
    *s = (subject){ .ids = false };
    open_file(args->file[0], ctx, &file);
    recur_layer *layer = model_of(&file, chosen_prefix(&file, given(args, "prefix")));
    s->info = described(layer);
    if (!(s->info.capabilities & (RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS)))
        fail("%s is a group, whose parts a program runs in its own way", args->file[0]);
    s->ids = !(s->info.capabilities & RECUR_CAN_TAKE_ROWS);
    check(recur_layer_snapshot(layer, set->precision, &s->layer), NULL);
    check(recur_state_create(s->layer, set->B, &s->state), NULL);
    check(recur_packed_create(ctx, set->B, NULL, set->T, &s->packed), NULL);
    const int64_t rows = set->B * set->T;
    s->y = take(NULL, (size_t)rows, (size_t)s->info.output_size * sizeof *s->y);
    make_input(s, rows);
    recur_layer_release(layer);
    close_file(&file);
    recur_context_release(ctx);
}

static void free_subject(subject *s)
{
    recur_layer_release(s->layer);
    recur_packed_release(s->packed);
    recur_state_release(s->state);
    free(s->x);
    free(s->y);
    free(s->id);
}

static void step(subject *s)
{
    check(s->ids ? recur_layer_step_ids(s->layer, s->id, s->state, s->y, NULL)
                 : recur_layer_step(s->layer, s->x, s->state, s->y, NULL),
          NULL);
}

static void batch(subject *s)
{
    check(s->ids ? recur_layer_forward_ids(s->layer, s->packed, s->id, NULL, s->y, NULL)
                 : recur_layer_forward(s->layer, s->packed, s->x, NULL, s->y, NULL),
          NULL);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted times of single calls; their number. */
static int64_t measure(subject *s, void (*call)(subject *), const setting *set, const char *what)
{
    int64_t count = 0;
    const double warm = now();
    for (int i = 0; i < WARM_UP && now() - warm < set->seconds; i++) call(s);
    const double start = now();
    for (double before = start; count < MOST_SAMPLES && before - start < set->seconds;) {
        call(s);
        const double after = now();
        set->samples[count++] = after - before;
        if (count % 256 == 0) progress("bench: %s, %s calls", what, grouped(count));
        before = count % 256 ? after : now();
    }
    progress_end();
    qsort(set->samples, (size_t)count, sizeof *set->samples, ascending);
    return count;
}

static double part(const setting *set, int64_t count, double share)
{
    const int64_t at = (int64_t)(share * (double)count);
    return set->samples[at < count ? at : count - 1] * 1e6;
}

static void print_line(const char *isa, const char *what, const setting *set, int64_t count)
{
    printf("  %-7s %-6s %11.2f %11.2f %11.2f %11.2f %11.2f  %11s\n", isa, what,
           set->samples[0] * 1e6, part(set, count, 0.5), part(set, count, 0.9),
           part(set, count, 0.99), set->samples[count - 1] * 1e6, grouped(count));
    fflush(stdout);
}

static void measure_isa(const arguments *args, const setting *set, int32_t isa)
{
    subject s;
    make_subject(&s, args, set, isa);
    char *what = text("%s, step", isa_name(isa));
    if (s.info.capabilities & RECUR_CAN_STEP)
        print_line(isa_name(isa), "step", set, measure(&s, step, set, what));
    free(what);
    what = text("%s, batch", isa_name(isa));
    print_line(isa_name(isa), "batch", set, measure(&s, batch, set, what));
    free(what);
    free_subject(&s);
}

static double clock_cost(void)
{
    enum { READINGS = 1000 };
    const double start = now();
    for (int i = 0; i < READINGS - 1; i++) now();
    return (now() - start) / READINGS;
}

static bool runs_here(int32_t isa)
{
    const recur_context_options wanted = { .size = sizeof wanted, .isa = isa };
    recur_context *ctx;
    if (recur_context_create(&wanted, &ctx)) return false;
    recur_context_release(ctx);
    return true;
}

static void print_head(const arguments *args, const setting *set)
{
    opened file;
    open_file(args->file[0], NULL, &file);
    recur_layer *layer = model_of(&file, chosen_prefix(&file, given(args, "prefix")));
    const recur_layer_info info = described(layer);
    printf("%s: %s, %s, %s\n", file.path, info.type,
           many(recur_layer_param_count(layer), "parameter"), precision_name(set->precision));
    printf("  a step is %s; a batch is %s of %s, on %s\n",
           set->B > 1 ? many(set->B, "row") : "a row", many(set->B, "sequence"),
           many(set->T, "step"), many(set->threads, "thread"));
    if (!(info.capabilities & RECUR_CAN_STEP))
        printf("  it needs whole sequences, so there are no steps\n");
    const char *us = plain_letters() ? "us" : "µs";
    printf("  %s for each call; %.2f %s of that is the clock\n\n", us, clock_cost() * 1e6, us);
    printf("  %-7s %-6s %11s %11s %11s %11s %11s  %11s\n", "isa", "", "least", "median", "90 %",
           "99 %", "most", "calls");
    recur_layer_release(layer);
    close_file(&file);
}

static int bench(const arguments *args)
{
    setting set = { .B = given_count(args, "streams", 1, 1 << 20),
                    .T = given_count(args, "steps", 100, 1 << 24),
                    .precision = given_precision(args),
                    .threads = (int32_t)given_count(args, "threads", 1, 1024),
                    .seconds = given_number(args, "seconds", 0.5) };
    const int32_t wanted = given_isa(args);
    set.samples = take(NULL, MOST_SAMPLES, sizeof *set.samples);
    if (wanted) recur_context_release(make_context(wanted, 1));
    print_head(args, &set);
    for (int32_t isa = RECUR_ISA_AUTO + 1; isa_name(isa); isa++)
        if (wanted ? isa == wanted : runs_here(isa)) measure_isa(args, &set, isa);
    free(set.samples);
    return WELL;
}

const command bench_command = {
    .name = "bench",
    .files = "FILE",
    .summary = "time of a step and of a batch on each instruction set",
    .help = "Every call is timed by itself. Let nothing else run meanwhile: the last columns show\n"
            "what the system does beside it. Half of the calls take at most the median.",
    .least_files = 1,
    .most_files = 1,
    .options = options,
    .run = bench,
};
