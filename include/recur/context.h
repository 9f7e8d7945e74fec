/* recur/context.h - allocator, instruction set, threads. Included by recur.h; never alone.
 *
 * Example: a layer whose passes share their batches among four threads.
 *
 *     recur_context_options options = { .size = sizeof options, .threads = 4 };
 *     recur_context *ctx;
 *     recur_layer *layer;
 *     TRY(recur_context_create(&options, &ctx));
 *     TRY(recur_linear_create(ctx, 8, 2, 0, &layer));
 *     recur_context_release(ctx);   // the layer keeps it alive
 *     recur_layer_release(layer);
 */
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
    RECUR_ISA_NEON = 5,
    RECUR_ISA_VEC4 = 6,      /**< vectors of 4, as the compiler makes them, on any machine */
    RECUR_ISA_AVX2_EXACT = 7 /**< AVX2 without FMA, for RECUR_CONTEXT_EXACT */
};

/** Where memory comes from. Both functions must be callable from every thread that uses the
 * context. */
typedef struct recur_allocator {
    /** bytes > 0 at a multiple of align (a power of two, at most 64), or NULL. */
    void *(*alloc)(void *user, size_t bytes, size_t align);
    /** Gives back what alloc gave, with the same number of bytes. ptr is never NULL. */
    void (*free)(void *user, void *ptr, size_t bytes);
    void *user; /**< handed to both */
} recur_allocator;

/** Flags of a context. */
enum {
    /** Every recorded pass remembers a hash of its layer's parameters, and a backward whose
     * parameters have changed since is RECUR_E_ORDER instead of a wrong gradient; for finding
     * mistakes: it costs time. */
    RECUR_CONTEXT_CHECK = 1,
    /** Gradients are computed by the library alone, as outputs always are, so that no BLAS, its
     * version, its threads or its choice of a processor changes their bits. Backward of layers of
     * 256 units and more may be slower. A build without BLAS is always like this. */
    RECUR_CONTEXT_REPRODUCIBLE = 2,
    /** The same bits on every processor, compiled by gcc or clang, for training, losses, optimizers
     * and streams: of the sets that agree, which are SSE2, AVX2_EXACT and VEC4, the best of this
     * machine computes. They round each product and each sum, and add in one order. REPRODUCIBLE
     * is in it. Batches take 1.1 to 1.2 times as long as with AVX2 on a Zen 3, streams up
     * to 1.6 times: docs/performance.md. */
    RECUR_CONTEXT_EXACT = 4
};

/** Options of a context. */
typedef struct recur_context_options {
    uint32_t size;                    /**< sizeof(recur_context_options)                          */
    int32_t isa;                      /**< RECUR_ISA_*; 0: the best of this machine               */
    int32_t threads;                  /**< that a pass may use, its caller's included, at most
                                           1024; 0 = 1                                            */
    uint32_t flags;                   /**< RECUR_CONTEXT_*                                        */
    const recur_allocator *allocator; /**< copied; NULL: the C library's                          */
    const void *reserved;             /**< NULL                                                   */
    int64_t cache_bytes; /**< second cache of a core, which the order of memory accesses follows but
                              no result; 0: as the system says, or 512 KiB                        */
} recur_context_options;

/** Fills in the defaults: the best instruction set, one thread, the C library's allocator.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has.
 * Threads: free.
 * Since:   0.1
 * @param options is overwritten.
 * @param size sizeof(recur_context_options), as your compiler sees it.
 */
RECUR_NODISCARD recur_status recur_context_options_init(recur_context_options *options,
                                                        size_t size);

/** Makes a context. Most programs need none: NULL stands for the default context (one thread, the
 * best instruction set, the C library's allocator).
 *
 * The environment variable RECUR_ISA (ref, sse2, avx2, avx512, neon, vec4, avx2_exact) sets the
 * instruction set where the options leave it to the library, in the default context too. A value
 * that is unknown, that this machine lacks, or that RECUR_CONTEXT_EXACT forbids, is ignored. This
 * is the only place that reads the environment and asks the CPU.
 *
 * With more than one thread the context starts a pool, which sleeps between passes. A pass shares
 * the sequences of a batch among its threads; results are the same bits for any number of them. A
 * pass runs on its caller's thread alone if it finds the pool busy, or if it has too little work.
 *
 * Shapes:  -
 * Memory:  one allocation, from options->allocator, and one for the pool. Everything made from the
 *          context keeps it alive.
 * Errors:  ARGUMENT: unknown isa or flags, threads outside 0..1024, half an allocator, an isa that
 *          RECUR_CONTEXT_EXACT forbids. UNSUPPORTED: the machine lacks the instruction set asked
 *          for, or the library has none for RECUR_CONTEXT_EXACT. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param options NULL: all defaults.
 * @param out the context.
 */
RECUR_NODISCARD recur_status recur_context_create(const recur_context_options *options,
                                                  recur_context **out);

/** Another handle on the same context, for bindings whose objects are copied. NULL gives NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing. Release it as often as it was made and retained.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param ctx the context.
 */
RECUR_API recur_context *recur_context_retain(recur_context *ctx);

/** Gives a context back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed with the last object made from it.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param ctx is not to be used by you afterwards.
 */
RECUR_API void recur_context_release(recur_context *ctx);

/** The instruction set in use: "ref", "sse2", "avx2", "avx512", "neon", "vec4", "avx2_exact".
 *
 * Shapes:  -
 * Memory:  a constant string; never NULL.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: asks the default context.
 */
RECUR_API const char *recur_context_isa(const recur_context *ctx);

#ifdef __cplusplus
}
#endif
#endif
