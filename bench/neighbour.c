/* neighbour.c - a process beside the measured one that copies memory without end, as on a machine
 * that does other work too. */
#define _GNU_SOURCE
#include "bench.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif

enum { BYTES = 64 << 20 }; /* of each of the two blocks: more than caches hold */

void be_neighbour(void)
{
    char *from = zeros(BYTES, 1), *to = zeros(BYTES, 1);
    for (;;) {
        memcpy(to, from, BYTES);
        memcpy(from, to, BYTES);
    }
}

#ifdef __linux__
/* Keeps the child on another core than the parent, and ends it with the parent. */
static void part(void)
{
    cpu_set_t here, elsewhere;
    const int mine = sched_getcpu();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mine < 0 || sched_getaffinity(0, sizeof elsewhere, &elsewhere)) return;
    CPU_ZERO(&here);
    CPU_SET((size_t)mine, &here);
    CPU_CLR((size_t)mine, &elsewhere);
    if (CPU_COUNT(&elsewhere) > 0) sched_setaffinity(0, sizeof elsewhere, &elsewhere);
    sched_setaffinity(getppid(), sizeof here, &here);
}
#else
static void part(void) {}
#endif

static pid_t neighbour;

static void end_neighbour(void) { kill(neighbour, SIGKILL); }

void start_neighbour(void)
{
    neighbour = fork();
    if (neighbour == 0) {
        part();
        be_neighbour();
    }
    if (neighbour < 0)
        fprintf(stderr, "recur-bench: no neighbour, as no process could be started\n");
    else
        atexit(end_neighbour);
}
