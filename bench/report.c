/* report.c - what was measured, as a table for people and as lines of JSON for programs. */
#include "bench.h"

#include <string.h>

/* Gives the processor time of one thread; with several threads only the wall's clock tells. */
static double typical(const measured *m) { return m->threads > 1 ? m->wall : m->cpu; }
static double least(const measured *m) { return m->threads > 1 ? m->wall_least : m->cpu_least; }

static double gflops(const measured *m)
{
    return 1e-9 * m->w->task->flops(&m->w->shape) / typical(m);
}

/* Gives the bytes that a call asks for after the warm-up. */
static double bytes_per_call(const measured *m)
{
    const size_t bytes = atomic_load(&m->memory.bytes) - m->startup;
    return (double)bytes / (double)(m->count * m->calls);
}

/* Gives the most that was held at once, without the context. */
static size_t most_bytes(const measured *m)
{
    return atomic_load(&m->memory.most) - m->memory.context;
}
static int64_t computed_bytes(const measured *m)
{
    return m->w->task->memory ? m->w->task->memory(m->self) : 0;
}

static void print_computed(const measured *m)
{
    if (m->w->task->memory)
        printf(" %11.1f", (double)computed_bytes(m) / 1024);
    else
        printf(" %11s", "-");
}

static void print_time(double t)
{
    if (t < 1e-6)
        printf(" %8.2f ns", 1e9 * t);
    else if (t < 1e-3)
        printf(" %8.2f µs", 1e6 * t);
    else if (t < 1)
        printf(" %8.2f ms", 1e3 * t);
    else
        printf(" %8.2f s ", t);
}

static void print_row(const measured *m, double peak)
{
    printf("%-21s", m->w->name);
    print_time(typical(m));
    print_time(least(m));
    print_time(m->wall);
    print_time(typical(m) / mean_rows(&m->w->shape));
    printf(" %9.2f %7.1f %11.1f", gflops(m), 100 * gflops(m) / peak, (double)most_bytes(m) / 1024);
    print_computed(m);
    printf(" %10.1f %8lld%s\n", bytes_per_call(m), (long long)m->count,
           m->threads > 1 ? "  *" : "");
}

/* Tells what the threads of a workload bring, if the same was run with one thread. */
static void print_speedup(const measured *m, const measured *all, int64_t count)
{
    if (m->w->threads < 2) return;
    for (int64_t i = 1; i < count; i++)
        if (strcmp(all[i].w->name, strchr(m->w->name, '-') + 1) == 0)
            printf("%s with %d threads: %.2f times as fast as with %d, by the wall's clock\n",
                   all[i].w->name, m->threads, all[i].wall / m->wall, all[i].threads);
}

void report_table(const measured *m, int64_t count)
{
    const double peak = gflops(&m[0]);
    bool several = false;
    printf("librecur %d.%d.%d, %s, threads: %d; sgemm 512³: %.1f GFLOP/s\n\n",
           (int)(recur_version() >> 16), (int)(recur_version() >> 8 & 255),
           (int)(recur_version() & 255), recur_context_isa(m[0].ctx), m[0].threads, peak);
    printf("%-21s %11s %11s %11s %11s %9s %7s %11s %11s %10s %8s\n", "workload", "median",
           "minimum", "on the wall", "per row", "GFLOP/s", "% sgemm", "held KiB", "computed",
           "bytes/call", "samples");
    for (int64_t i = 1; i < count; i++) {
        print_row(&m[i], peak);
        several = several || m[i].threads > 1;
    }
    printf("\nTimes are those of a call. GFLOP/s: 2 for each multiply-add of all products, "
           "backward included, over the "
           "median.\n");
    printf("held KiB: the most memory that all handles held at once; computed: what "
           "recur_layer_memory said "
           "beforehand;\nbytes/call: memory asked for by a call after the warm-up.\n");
    if (several)
        printf("*: several threads, all times are the wall's; the others are the thread's "
               "processor time.\n");
    for (int64_t i = 1; i < count; i++) print_speedup(&m[i], m, count);
}

void report_json(const measured *m, int64_t count, FILE *to)
{
    const double peak = gflops(&m[0]);
    for (int64_t i = 1; i < count; i++) {
        const shape *s = &m[i].w->shape;
        fprintf(to, "{\"workload\": \"%s\", \"isa\": \"%s\", \"threads\": %d, ", m[i].w->name,
                recur_context_isa(m[i].ctx), m[i].threads);
        fprintf(to,
                "\"cell\": \"%s\", \"T\": %lld, \"B\": %lld, \"I\": %lld, \"H\": %lld, \"L\": "
                "%lld, \"D\": %lld, ",
                cell_name(s->cell), (long long)s->T, (long long)s->B, (long long)s->I,
                (long long)s->H, (long long)s->L, (long long)directions(s));
        fprintf(to,
                "\"rows\": %.1f, \"cpu\": %.9g, \"cpu_least\": %.9g, \"wall\": %.9g, "
                "\"wall_least\": %.9g, ",
                mean_rows(s), m[i].cpu, m[i].cpu_least, m[i].wall, m[i].wall_least);
        fprintf(to,
                "\"samples\": %lld, \"calls\": %lld, \"flops\": %.0f, \"gflops\": %.3f, "
                "\"sgemm_gflops\": %.3f, ",
                (long long)m[i].count, (long long)m[i].calls, m[i].w->task->flops(s), gflops(&m[i]),
                peak);
        fprintf(to, "\"bytes_held\": %zu, \"bytes_computed\": %lld, \"bytes_per_call\": %.3f}\n",
                most_bytes(&m[i]), (long long)computed_bytes(&m[i]), bytes_per_call(&m[i]));
    }
}
