/* peer.h - what peers of compare.py written in C and C++ have in common: timing, and answering
 * requests, as peer.py says. Included once, by the program itself. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PEER_TEXT = 200, PEER_SAMPLES = 1 << 14 };

/* Seconds of a sample at least: then reading the clocks costs nothing. */
static const double PEER_SAMPLE = 2e-3;

typedef struct peer {
    const char *name;
    const char *workloads; /* all names, as strings of JSON with commas between */
    /* Both write what goes wrong into `why`, of PEER_TEXT characters. */
    void *(*create)(const char *workload, char *why); /* NULL: it cannot */
    bool (*run)(void *self, char *why);               /* a call */
    void (*release)(void *self);
} peer;

static double peer_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of a call, on both clocks. */
static bool peer_timed(const peer *p, void *self, long calls, double *cpu, double *wall, char *why)
{
    const double cpu_start = peer_seconds(CLOCK_THREAD_CPUTIME_ID),
                 start = peer_seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < calls; i++)
        if (!p->run(self, why)) return false;
    *wall = (peer_seconds(CLOCK_MONOTONIC) - start) / (double)calls;
    *cpu = (peer_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_start) / (double)calls;
    return true;
}

/* Gives the number of calls in a sample; 0: a call failed. */
static long peer_warm_up(const peer *p, void *self, char *why)
{
    long calls = 1;
    double cpu, wall;
    if (!p->run(self, why)) return 0;
    for (;; calls *= 2) {
        if (!peer_timed(p, self, calls, &cpu, &wall, why)) return 0;
        if (wall * (double)calls >= PEER_SAMPLE) break;
    }
    calls = (long)(PEER_SAMPLE / wall + 0.5);
    return calls > 0 ? calls : 1;
}

static int peer_ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double peer_median(double *values, long count)
{
    qsort(values, (size_t)count, sizeof *values, peer_ascending);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static bool peer_measure(const peer *p, void *self, long calls, double budget, char *why)
{
    static double cpu[PEER_SAMPLES], wall[PEER_SAMPLES];
    long count = 0;
    for (double spent = 0; count == 0 || (spent < budget && count < PEER_SAMPLES); count++) {
        if (!peer_timed(p, self, calls, &cpu[count], &wall[count], why)) return false;
        spent += wall[count] * (double)calls;
    }
    printf("{\"cpu\": %.9g, \"wall\": %.9g, \"samples\": %ld}\n", peer_median(cpu, count),
           peer_median(wall, count), count);
    return true;
}

/* Tells of a failure, in characters that a string of JSON may have. */
static void peer_fail(char *why)
{
    for (char *c = why; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = ' ';
    printf("{\"error\": \"%s\"}\n", why);
}

static void peer_serve(const peer *p)
{
    char wanted[64], current[64] = "", why[PEER_TEXT] = "";
    double budget;
    void *self = NULL;
    long calls = 0;
    printf("{\"peer\": \"%s\", \"workloads\": [%s]}\n", p->name, p->workloads);
    fflush(stdout);
    while (scanf("%63s %lf", wanted, &budget) == 2) {
        if (!self || strcmp(wanted, current) != 0) {
            if (self) p->release(self);
            strcpy(current, wanted);
            self = p->create(wanted, why);
            calls = self ? peer_warm_up(p, self, why) : 0;
        }
        if (calls == 0 || !peer_measure(p, self, calls, budget, why)) peer_fail(why);
        fflush(stdout);
    }
    if (self) p->release(self);
}

#endif
