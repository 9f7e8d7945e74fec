/* recur/context.h - allocator, instruction set, threads. Included by recur.h; never alone. */
#ifndef RECUR_CONTEXT_H
#define RECUR_CONTEXT_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Instruction sets. RECUR_ISA_REF is plain C with sums in double: slow, exact, the oracle of the
 * others. All agree within a few units in the last place. */
enum {
    RECUR_ISA_AUTO = 0, /**< the best of this machine */
    RECUR_ISA_REF = 1,
    RECUR_ISA_SSE2 = 2,
    RECUR_ISA_AVX2 = 3, /**< with FMA */
    RECUR_ISA_AVX512 = 4,
    RECUR_ISA_NEON = 5
};

/** Where memory comes from. Both functions must be callable from every thread that uses the context. */
typedef struct recur_allocator {
    /** bytes > 0 at a multiple of align (a power of two, at most 64), or NULL. */
    void *(*alloc)(void *user, size_t bytes, size_t align);
    /** Gives back what alloc gave, with the same number of bytes. ptr is never NULL. */
    void (*free)(void *user, void *ptr, size_t bytes);
    void *user; /**< handed to both */
} recur_allocator;

/** Flags of a context. */
enum {
    RECUR_CONTEXT_CHECK = 1 /**< every recorded pass remembers a hash of its layer's parameters, and
                                 a backward whose parameters have changed since is RECUR_E_ORDER
                                 instead of a wrong gradient; for finding mistakes: it costs time */
};

/** Options of a context. */
typedef struct recur_context_options {
    uint32_t size;                    /**< sizeof(recur_context_options)                        */
    int32_t isa;                      /**< RECUR_ISA_*; 0: the best of this machine             */
    int32_t threads;                  /**< threads that a pass may use, its caller's included, at most 1024; 0 = 1 */
    uint32_t flags;                   /**< RECUR_CONTEXT_*                                      */
    const recur_allocator *allocator; /**< copied; NULL: the C library's                        */
    const void *reserved;             /**< NULL                                                 */
} recur_context_options;

/** Makes a context. Most programs need none: NULL stands for the default context (one thread, the
 * best instruction set, the C library's allocator). The environment variable RECUR_ISA (ref, sse2, avx2, avx512,
 * neon) sets the instruction set where the options leave it to the library, in the default context too; a
 * value that is unknown or that this machine lacks is ignored. This is the only place that reads the
 * environment and asks the CPU.
 *
 * With more than one thread the context starts a pool, asleep between passes, which shares out the sequences of a batch; results are the
 * same bits for any number of threads. A pass that finds the pool busy, or is too small, runs on its caller's thread alone.
 *
 * Shapes:  -
 * Memory:  one allocation, from options->allocator, and one for the pool. Everything made from the context keeps it alive.
 * Errors:  ARGUMENT: unknown isa or flags, threads outside 0..1024, half an allocator. UNSUPPORTED: the
 *          machine lacks the instruction set asked for. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_context_create(const recur_context_options *options, recur_context **out);

/** Gives a context back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed with the last object made from it.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API void recur_context_release(recur_context *ctx);

/** The instruction set in use: "ref", "sse2", "avx2", "avx512", "neon". NULL asks the default context.
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API const char *recur_context_isa(const recur_context *ctx);

#ifdef __cplusplus
}
#endif
#endif
