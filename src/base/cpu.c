/* cpu.c - which of the instruction sets of this build the machine can run. */
#include "base/isas.h"
#include "base/system.h"

#if !defined(RECUR__HAS_ref) && !defined(RECUR__HAS_vec4) && !defined(RECUR__HAS_neon) && \
    !(defined(RECUR__HAS_sse2) && defined(__x86_64__))
#error "One of the instruction sets has to run on every machine: ref, vec4, neon, or sse2 on x86-64"
#endif

static bool __attribute__((unused)) always(void) { return true; }

#if defined(__x86_64__)
#define has_sse2 always
#elif defined(__i386__)
static bool __attribute__((unused)) has_sse2(void) { return __builtin_cpu_supports("sse2"); }
#endif
#if defined(__x86_64__) || defined(__i386__)
static bool __attribute__((unused)) has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static bool __attribute__((unused)) has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

#define has_ref                       always
#define has_vec4                      always
#define has_neon                      always
#define has_avx2_exact                has_avx2
#define ROW(argument, id, set, exact) { id, #set, has_##set, exact },

/* The first one always runs. */
static const struct {
    int isa;
    const char *name;
    bool (*available)(void);
    bool exact; /* it agrees with all others that are */
} sets[] = { RECUR__SETS(ROW, _) };
enum { SETS = sizeof sets / sizeof *sets };

bool recur__cpu_has(int isa)
{
    for (int i = 0; i < SETS; i++)
        if (sets[i].isa == isa) return sets[i].available();
    return false;
}

bool recur__isa_is_exact(int isa)
{
    for (int i = 0; i < SETS; i++)
        if (sets[i].isa == isa) return sets[i].exact;
    return false;
}

int recur__cpu_best(bool exact)
{
    for (int i = SETS - 1; i >= 0; i--)
        if ((sets[i].exact || !exact) && sets[i].available()) return sets[i].isa;
    return RECUR_ISA_AUTO;
}

const char *recur__isa_name(int isa)
{
    static const char *const names[] = { "auto",   "ref",  "sse2", "avx2",
                                         "avx512", "neon", "vec4", "avx2_exact" };
    return isa >= RECUR_ISA_AUTO && isa <= RECUR_ISA_AVX2_EXACT ? names[isa] : "unknown";
}

int64_t recur__cpu_second_cache(void)
{
    enum { USUAL = 512 * 1024 };
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0) return bytes;
#endif
    return USUAL;
}
