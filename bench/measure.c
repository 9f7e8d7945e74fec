/* measure.c - time of calls: warm-up, samples long enough for the clock, round robin, median and
 * minimum. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static const double SAMPLE =
    2e-3; /* seconds of a sample at least: reading the clocks costs nothing then */

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sample timed(const measured *m, int64_t calls)
{
    const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    m->w->task->run(m->self, calls);
    const double wall_end = seconds(CLOCK_MONOTONIC), cpu_end = seconds(CLOCK_THREAD_CPUTIME_ID);
    return (sample){ (cpu_end - cpu) / (double)calls, (wall_end - wall) / (double)calls };
}

void measure_prepare(measured *m, const workload *w, const settings *set)
{
    *m = (measured){ .w = w, .threads = w->threads ? w->threads : set->threads };
    m->ctx = memory_context(&m->memory, set->isa, m->threads);
    m->self = w->task->create(&w->shape, m->ctx);
    double once;
    for (m->calls = 1; (once = timed(m, m->calls).wall) * (double)m->calls < SAMPLE;) m->calls *= 2;
    m->calls = (int64_t)fmax(1, ceil(SAMPLE / once));
    m->startup = atomic_load(&m->memory.bytes);
}

static void take_sample(measured *m)
{
    if (m->count == m->room) {
        m->room = m->room ? 2 * m->room : 64;
        sample *more = realloc(m->samples, (size_t)m->room * sizeof *more);
        if (!more) {
            fprintf(stderr, "recur-bench: no memory for %lld samples\n", (long long)m->room);
            exit(1);
        }
        m->samples = more;
    }
    const sample s = timed(m, m->calls);
    m->spent += s.wall * (double)m->calls;
    m->samples[m->count++] = s;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The processor clock of a virtual machine stands still now and then: less than half the median is
 * no record. */
static double median(double *values, int64_t count, double *least)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    const double middle = (values[(count - 1) / 2] + values[count / 2]) / 2;
    int64_t first = 0;
    while (values[first] < middle / 2) first++;
    *least = values[first];
    return middle;
}

static void summarise(measured *m)
{
    double *values = zeros(m->count, sizeof *values);
    for (int64_t i = 0; i < m->count; i++) values[i] = m->samples[i].cpu;
    m->cpu = median(values, m->count, &m->cpu_least);
    for (int64_t i = 0; i < m->count; i++) values[i] = m->samples[i].wall;
    m->wall = median(values, m->count, &m->wall_least);
    free(values);
}

void measure_rounds(measured *m, int64_t count, const settings *set)
{
    for (bool more = true; more;) {
        more = false;
        for (int64_t i = 1; i < count; i++) {
            if (m[i].count >= set->repetitions && m[i].spent >= set->seconds) continue;
            take_sample(&m[i]);
            more = true;
        }
        if (more) take_sample(&m[0]);
    }
    for (int64_t i = 0; i < count; i++) summarise(&m[i]);
}

void measure_release(measured *m)
{
    m->w->task->release(m->self);
    recur_context_release(m->ctx);
    free(m->samples);
}
