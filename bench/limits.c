/* limits.c - what one core of this machine can do at best: multiply-adds, and floats read from each
 * level of its memory. A figure is the best of many short runs, by the clock on the wall: a
 * processor clock of a virtual machine may stand still. */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { RUNS = 40, SUMS = 12, CLOCK = 1 << 19, MOST_OF_A_CORE = 32 << 20 };

/* A kernel does its work once and returns how much that was; sink keeps the compiler from leaving
 * it out. */
typedef double kernel(const float *from, int64_t count);
static volatile float sink;

/* Twelve sums, each in a register of its own, hide the latency of an operation. */
#define EACH(DO, x)             FOUR(DO, x, 0, 1, 2, 3) REST(DO, x)
#define REST(DO, x)             FOUR(DO, x, 4, 5, 6, 7) FOUR(DO, x, 8, 9, 10, 11)
#define FOUR(DO, x, a, b, c, d) DO(a, x) DO(b, x) DO(c, x) DO(d, x)
#define CLEAR(k, vector)        vector s##k = { k }; /* all different, or they would be one */
#define MULTIPLY_ADD(k, FMA)    s##k = FMA(x, x, s##k);
#define READ(k, vector)         s##k += ((const vector *)(from + i))[k];
#define TOTAL(k, total)         total += s##k;

/* multiply_add_NAME counts its operations, read_NAME its bytes, with vectors of WIDTH floats. */
#define KERNELS(name, target, WIDTH, FMA)                                                \
    typedef float name __attribute__((vector_size(4 * (WIDTH)), aligned(4), may_alias)); \
    target static double multiply_add_##name(const float *from, int64_t count)           \
    {                                                                                    \
        const name x = *(const name *)from;                                              \
        name total = { 0 };                                                              \
        EACH(CLEAR, name)                                                                \
        for (int64_t i = 0; i < count; i++) {                                            \
            EACH(MULTIPLY_ADD, FMA)                                                      \
        }                                                                                \
        EACH(TOTAL, total)                                                               \
        sink = total[0];                                                                 \
        return 2.0 * SUMS * (WIDTH) * (double)count;                                     \
    }                                                                                    \
    target static double read_##name(const float *from, int64_t count)                   \
    {                                                                                    \
        name total = { 0 };                                                              \
        EACH(CLEAR, name)                                                                \
        for (int64_t i = 0; i + SUMS * (WIDTH) <= count; i += SUMS * (WIDTH)) {          \
            EACH(READ, name)                                                             \
        }                                                                                \
        EACH(TOTAL, total)                                                               \
        sink = total[0];                                                                 \
        return (double)(count * (int64_t)sizeof *from);                                  \
    }

#define PLAIN_FMA(x, y, z) ((x) * (y) + (z))
#if defined(__x86_64__)
KERNELS(sse2, , 4, PLAIN_FMA)
KERNELS(avx2, __attribute__((target("avx2,fma"))), 8, _mm256_fmadd_ps)
KERNELS(avx512, __attribute__((target("avx512f"))), 16, _mm512_fmadd_ps)
#elif defined(__aarch64__)
#define NEON_FMA(x, y, z) vfmaq_f32(z, x, y)
KERNELS(neon, , 4, NEON_FMA)
#else
KERNELS(vec4, , 4, PLAIN_FMA)
#endif

typedef struct vectors {
    const char *name;
    kernel *multiply_add, *read;
} vectors;

/* The widest ones that this machine has. */
static vectors widest(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return (vectors){ "avx512", multiply_add_avx512, read_avx512 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (vectors){ "avx2", multiply_add_avx2, read_avx2 };
    return (vectors){ "sse2", multiply_add_sse2, read_sse2 };
#elif defined(__aarch64__)
    return (vectors){ "neon", multiply_add_neon, read_neon };
#else
    return (vectors){ "vec4", multiply_add_vec4, read_vec4 };
#endif
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The most work a nanosecond. Each run lasts half a millisecond at least, and looks at the clock, a
 * call of the system, only after half a million floats. */
static double best(kernel *work, const float *from, int64_t count)
{
    const int64_t times = count < CLOCK ? CLOCK / count : 1;
    double most = 0;
    for (int run = 0; run < RUNS; run++) {
        double done = 0, spent;
        const double start = now();
        do
            for (int64_t i = 0; i < times; i++) done += work(from, count);
        while ((spent = now() - start) < 5e-4);
        most = fmax(most, 1e-9 * done / spent);
    }
    return most;
}

static int64_t cache(int name, int64_t usual)
{
    const long bytes = sysconf(name);
    return bytes > 0 ? bytes : usual;
}

/* Half of a cache holds what is read; of the last one a quarter, as others use it too. */
static void print_reads(kernel *read)
{
    const int64_t first = cache(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
                  second = cache(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
    int64_t third = cache(_SC_LEVEL3_CACHE_SIZE, 8 << 20);
    if (third > MOST_OF_A_CORE) third = MOST_OF_A_CORE; /* the sum over all of a server's caches */
    const struct {
        const char *level;
        int64_t bytes;
    } of[] = { { "first cache", first / 2 },
               { "second cache", second / 2 },
               { "third cache", third / 4 > second ? third / 4 : third / 2 },
               { "memory", 8 * third } };
    float *from = uniform(8 * third / (int64_t)sizeof *from, 1, 5);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        printf("%-14s %8.1f GB/s  (%lld KiB)\n", of[i].level,
               best(read, from, of[i].bytes / (int64_t)sizeof *from),
               (long long)(of[i].bytes >> 10));
    free(from);
}

void print_limits(void)
{
    const vectors v = widest();
    const float small[16] = { 0 };
    printf("One core at its best, with vectors of %s\n\n", v.name);
    printf("%-14s %8.1f GFLOP/s\n", "multiply-add", best(v.multiply_add, small, 1000));
    print_reads(v.read);
}
