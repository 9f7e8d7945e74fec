/* base.h - what every room of the library stands on: errors, sized structs, memory, the context,
 * random numbers.
 *
 * Public functions check everything at the door with these helpers, then call private code that
 * trusts its arguments. */
#ifndef RECUR__BASE_H
#define RECUR__BASE_H

#include <stdbool.h>
#include <string.h>

#include "base/features.h"
#include "recur.h"

/* ---- errors --------------------------------------------------------------------------------- */

/* The words of a format are checked as the C standard has them: with mingw too, which otherwise
 * takes those of an old C library. */
#if defined(__MINGW32__) && !defined(__clang__)
#define RECUR__PRINTF(format_at, first) __attribute__((format(gnu_printf, format_at, first)))
#else
#define RECUR__PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
#endif

/* Sets this thread's sentence and returns the code. Never allocates. The only writer of
 * recur_last_error(). */
recur_status recur__fail(recur_status code, const char *format, ...) RECUR__PRINTF(2, 3);

/* How often this thread has set its sentence: whether a function of the caller's did. */
uint64_t recur__failures(void);

/* UNSUPPORTED, with the switch that this build was made without: base/features.h. */
recur_status recur__left_out(const char *function, const char *feature);

/* Puts where it happened, such as a path, before the sentence of a failure; gives its code. */
recur_status recur__fail_in(const char *where, recur_status status);

/* RECUR_E_MEMORY with the number of bytes; SIZE_MAX says that the size itself overflowed. */
recur_status recur__no_memory(size_t bytes);

#define RECUR__CHECK(call)                \
    do {                                  \
        const recur_status try_ = (call); \
        if (try_) return try_;            \
    } while (0)

/* The first lines of a public function: "recur_tape_create: out is NULL". */
#define RECUR__NOT_NULL(pointer)                                                        \
    do {                                                                                \
        if (!(pointer))                                                                 \
            return recur__fail(RECUR_E_ARGUMENT, "%s: %s is NULL", __func__, #pointer); \
    } while (0)

/* A constant of the interface, for messages that say which ones there are. */
typedef struct recur__constant {
    int32_t value;
    const char *name;
} recur__constant;
#define RECUR__CONSTANT(name) \
    {                         \
        name, #name           \
    }

/* RECUR_E_ARGUMENT for a value that its group does not have, with the names that it has. A 0 that
 * is no constant was not set, and the sentence says so. */
#define RECUR__NO_CONSTANT(function, member, value, group) \
    recur__no_constant(function, member, value, group, (int)(sizeof(group) / sizeof *(group)))
recur_status recur__no_constant(const char *function, const char *member, int32_t value,
                                const recur__constant *group, int count);

/* Refuses flags that are not among the `known` ones; `names` says which these are, or "no flags".
 */
recur_status recur__check_flags(const char *function, uint32_t flags, uint32_t known,
                                const char *names);

enum { RECUR__DIRECTIONS = 3 };
extern const recur__constant recur__directions[RECUR__DIRECTIONS]; /* RECUR_DIRECTION_*, by value */
/* RECUR_ACTIVATION_*, from TANH on; and those of them that cells have. */
enum { RECUR__CELL_ACTIVATIONS = 7 };
extern const recur__constant recur__activations[RECUR_ACTIVATION_POSITIVE];
extern const recur__constant recur__cell_activations[RECUR__CELL_ACTIVATIONS];

/* ---- sized structs -------------------------------------------------------------------------- */

/* Copies a caller's options into ours, `known` bytes long: a shorter (older) struct is filled up
   with zeros, a longer (newer) one is accepted if its unknown tail is zero. from NULL: all zeros.
 */
recur_status recur__take(const char *what, const void *from, void *to, size_t known);

/* Whether recur_x_init filled the caller's options: then a zero in them is meant. NULL: no. */
bool recur__is_exact(const void *options);

/* Fills a caller's sized struct from ours: no more than its size bytes, its size member kept. */
recur_status recur__give(const char *what, const void *from, void *to, size_t known, size_t least);

/* What every recur_x_init does: gives the caller's struct of `size` bytes these members, zeros
 * behind them, and its size, marked as exact. */
recur_status recur__set_out(const char *function, const void *from, size_t known, void *to,
                            size_t size);

/* ---- memory --------------------------------------------------------------------------------- */

/* 64-byte aligned, contents undefined; NULL if there is none or bytes is SIZE_MAX. The only door to
 * the allocator. */
void *recur__alloc(const recur_context *ctx, size_t bytes);
void recur__free(const recur_context *ctx, void *ptr, size_t bytes); /* NULL is allowed */

/* One function lays out an object twice: first with base NULL, to measure, then to carve. */
typedef struct recur__carver {
    unsigned char *base;
    size_t used; /* SIZE_MAX: the size overflowed */
} recur__carver;

/* count elements of `size` bytes at a multiple of 64; NULL while measuring, and for count 0. */
static inline void *recur__carve(recur__carver *carver, int64_t count, size_t size)
{
    enum { ALIGN = 64 };
    if (count < 0 || (uint64_t)count > (SIZE_MAX / 2 - ALIGN) / size) carver->used = SIZE_MAX;
    if (count == 0 || carver->used == SIZE_MAX) return NULL;
    const size_t bytes = ((size_t)count * size + ALIGN - 1) / ALIGN * ALIGN, at = carver->used;
    carver->used = at > SIZE_MAX / 2 - bytes ? SIZE_MAX : at + bytes;
    return carver->base && carver->used != SIZE_MAX ? carver->base + at : NULL;
}

/* p + n; NULL for NULL, which C gives no sum: of measured objects, and of what is left out. */
#define RECUR__BEHIND(p, n) ((p) ? (p) + (n) : NULL)

/* a * b, or -1 if that overflows or either is negative: sticky through chains of products. */
static inline int64_t recur__times(int64_t a, int64_t b)
{
    int64_t product;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) ? -1 : product;
}

/* ---- context -------------------------------------------------------------------------------- */

/* The context itself, or the default one for NULL, kept alive until recur_context_release. */
recur_context *recur__context_retain(recur_context *ctx);
/* Another context with the same allocator, whose layers have no numbers: all that is asked of them
 * is what they are. They need little memory, whatever a file says of their sizes. */
recur_status recur__context_of_shapes(const recur_context *ctx, recur_context **out);
bool recur__context_is_of_shapes(const recur_context *ctx);
int recur__context_isa(const recur_context *ctx); /* RECUR_ISA_*; NULL: of the default context */
int recur__context_threads(const recur_context *ctx);
bool recur__context_checks(const recur_context *ctx);       /* RECUR_CONTEXT_CHECK */
bool recur__context_reproducible(const recur_context *ctx); /* RECUR_CONTEXT_REPRODUCIBLE */
int64_t recur__context_cache(const recur_context *ctx);     /* bytes of a core's second cache */

/* Whether this build and this machine have an instruction set; the best of those; its name. */
bool recur__cpu_has(int isa);
int recur__cpu_best(bool exact); /* exact: of the sets that agree; AUTO: there is none */
bool recur__isa_is_exact(int isa);
const char *recur__isa_name(int isa);

/* Bytes of the second cache of a core: as the system says, or what is usual. */
int64_t recur__cpu_second_cache(void);

/* A number that no layer or layout of this process had before. */
uint64_t recur__serial(void);

/* ---- threads -------------------------------------------------------------------------------- */

/* Runs task(job, 0) to task(job, tasks - 1), in any order, on the threads of the context; returns
 * when all are done. */
enum { RECUR__WORTH_WAKING = 1 << 22 }; /* multiplications, about 40 µs; less stays on one thread */
typedef void recur__task(void *job, int64_t index);
void recur__parallel(const recur_context *ctx, int64_t tasks, recur__task *task, void *job);

/* What a context of more than one thread has for it; NULL: no memory. */
typedef struct recur__pool recur__pool;
recur__pool *recur__pool_create(const recur_allocator *allocator, int threads);
void recur__pool_release(recur__pool *pool);
/* False, and nothing done: there is no pool, or it is busy. */
bool recur__pool_run(recur__pool *pool, int64_t tasks, recur__task *task, void *job);

/* ---- scratch (scratch.c) -------------------------------------------------------------------- */

/* Memory that calls share one after the other. A tape begins with one, so that code which knows no
 * tapes, such as the losses, can take scratch from it. */
typedef struct recur__scratch_block {
    recur_context *ctx; /* whose allocator it uses */
    unsigned char *memory;
    size_t bytes;
} recur__scratch_block;

/* At least so many bytes, until the next call that takes some; NULL if there is no memory. */
unsigned char *recur__scratch_take(recur__scratch_block *block, size_t bytes);
void recur__scratch_free(recur__scratch_block *block);

/* recur__scratch_take from the block with which a tape begins. */
unsigned char *recur__tape_scratch(recur_tape *tape, size_t bytes);

/* ---- random numbers ------------------------------------------------------------------------- */

double recur__uniform(uint64_t bits); /* [0,1) */
double recur__normal(uint64_t bits);  /* N(0,1), the same on every machine */

/* ---- small things --------------------------------------------------------------------------- */

static inline int64_t recur__min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t recur__max(int64_t a, int64_t b) { return a > b ? a : b; }

/* to = from. Inline, because for short rows a memcpy call costs more than the copy, and its
 * overlapping tail load stalls on bytes just stored. */
static inline void recur__copy(float *to, const float *from, int64_t n)
{
    enum { SHORT = 128 };
    if (n > SHORT) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(to + i, from + i, 4 * sizeof *to);
        memcpy(to + i + 4, from + i + 4, 4 * sizeof *to);
    }
    for (; i + 4 <= n; i += 4) memcpy(to + i, from + i, 4 * sizeof *to);
    for (; i < n; i++) memcpy(to + i, from + i, sizeof *to); /* not to be made a call */
}

/* Largest batch, number of steps and feature width: products of two of them fit in int64_t, one in
 * CBLAS's int. */
enum { RECUR__LARGEST = INT32_MAX };

#endif
