/* main.c - recur-bench: how fast librecur is on this machine. recur-bench --help */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static catalogue workloads;
static const workload sgemm = { .name = "sgemm", .task = &sgemm_task, .shape = { .T = 1, .B = 1 } };

static const char help[] =
    "recur-bench [option]... [workload]...   measures the workloads named, or all\n"
    "\n"
    "A workload is a name of --list, or the beginning of several: w3-lstm, w6-lstm, w6.\n"
    "\n"
    "  --seconds S      measure each for S seconds at least (1)\n"
    "  --repetitions N  take N samples of each at least (5)\n"
    "  --isa NAME       ref, sse2, avx2, avx512, neon, vec4 or avx2_exact, not the best of this "
    "machine\n"
    "  --threads N      threads of a pass (1); all but w8, which has two\n"
    "  --series NAME    not the workloads but the layers over one size: h, b, t or l;\n"
    "                   ragged: lengths of 1 to T beside all lengths T\n"
    "  --json FILE      write a line of JSON for each, too; -: to the standard output, and no "
    "table\n"
    "  --neighbour      measure beside a process that copies memory on another core\n"
    "  --be-neighbour   only be such a process, until it is killed\n"
    "  --limits         tell what one core can do at best: multiply-adds, reads of each cache\n"
    "  --list           name the workloads\n"
    "  --help           this text\n";

static void usage(const char *problem, const char *word)
{
    fprintf(stderr, "recur-bench: %s%s\nTry recur-bench --help\n", problem, word);
    exit(2);
}

static double number(const char *option, const char *text, double least, double most)
{
    char *end;
    const double x = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(x >= least && x <= most))
        usage("wrong or missing value of ", option);
    return x;
}

static int32_t isa_of(const char *text)
{
    static const char *const names[] = { "auto",   "ref",  "sse2", "avx2",
                                         "avx512", "neon", "vec4", "avx2_exact" };
    for (int32_t i = 1; text && i <= RECUR_ISA_AVX2_EXACT; i++)
        if (strcmp(text, names[i]) == 0) return i;
    usage("unknown or missing instruction set ", text ? text : "");
    return 0;
}

/* BLAS reads these variables when it is loaded, so the program starts again with them set. Threads
 * of BLAS would hide from the clock of this one. */
static void restart_with_one_blas_thread(char **argv)
{
    static const char *const names[] = { "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
                                         "MKL_NUM_THREADS", "BLIS_NUM_THREADS" };
    if (getenv("RECUR_BENCH_RESTARTED")) return;
    setenv("RECUR_BENCH_RESTARTED", "1", 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) setenv(names[i], "1", 1);
    execv("/proc/self/exe", argv);
    execvp(argv[0], argv);
    fprintf(stderr, "recur-bench: could not restart; BLAS may use several threads\n");
}

/* Reads the options; words that are none move to the front of words. */
static int64_t parse(char **argv, settings *set, const char **words, const char **series,
                     bool *list)
{
    int64_t count = 0;
    for (char **a = argv + 1; *a; a++) {
        if (strcmp(*a, "--help") == 0 || strcmp(*a, "-h") == 0) {
            fputs(help, stdout);
            exit(0);
        } else if (strcmp(*a, "--limits") == 0) {
            print_limits();
            exit(0);
        } else if (strcmp(*a, "--be-neighbour") == 0) {
            be_neighbour();
        } else if (strcmp(*a, "--neighbour") == 0) {
            start_neighbour();
        } else if (strcmp(*a, "--list") == 0) {
            *list = true;
        } else if (strncmp(*a, "--", 2) != 0) {
            words[count++] = *a;
        } else {
            const char *option = *a, *value = a[1];
            if (strcmp(option, "--seconds") == 0)
                set->seconds = number(option, value, 0, 1e6);
            else if (strcmp(option, "--repetitions") == 0)
                set->repetitions = (int64_t)number(option, value, 1, 1e6);
            else if (strcmp(option, "--threads") == 0)
                set->threads = (int32_t)number(option, value, 1, 1024);
            else if (strcmp(option, "--isa") == 0)
                set->isa = isa_of(value);
            else if (strcmp(option, "--series") == 0 && value)
                *series = value;
            else if (strcmp(option, "--json") == 0 && value)
                set->json = value;
            else
                usage("unknown option, or its value is missing: ", option);
            a++;
        }
    }
    return count;
}

static void write_json(const measured *m, int64_t count, const char *path)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *to = standard ? stdout : fopen(path, "w");
    if (to) report_json(m, count, to);
    if (!to || (standard ? fflush(to) : fclose(to))) {
        perror(path);
        exit(1);
    }
}

static void bench(const bool *chosen, const settings *set)
{
    measured *m = zeros(workloads.count + 1, sizeof *m);
    int64_t count = 0;
    measure_prepare(&m[count++], &sgemm, set);
    for (int64_t i = 0; i < workloads.count; i++)
        if (chosen[i]) measure_prepare(&m[count++], &workloads.all[i], set);
    measure_rounds(m, count, set);
    if (!set->json || strcmp(set->json, "-") != 0) report_table(m, count);
    if (set->json) write_json(m, count, set->json);
    for (int64_t i = 0; i < count; i++) measure_release(&m[i]);
    free(m);
}

int main(int argc, char **argv)
{
    settings set = { .seconds = 1, .repetitions = 5, .threads = 1 };
    bool list = false, chosen[MAX_WORKLOADS] = { false };
    const char *series = NULL, **words = zeros(argc, sizeof *words);
    restart_with_one_blas_thread(argv);
    const int64_t count = parse(argv, &set, words, &series, &list);
    if (!catalogue_fill(&workloads, series)) usage("unknown series ", series);
    for (int64_t i = 0; i < count; i++)
        if (!catalogue_choose(&workloads, words[i], chosen)) usage("unknown workload ", words[i]);
    for (int64_t i = 0; count == 0 && i < workloads.count; i++) chosen[i] = true;
    free(words);
    if (list)
        catalogue_print(&workloads);
    else
        bench(chosen, &set);
    return 0;
}
