/* context.c - allocator, instruction set, threads; the only place that takes memory from the
 * system, and that reads the environment.
 *
 * The default context is the library's only global object: made once, never changed afterwards,
 * never freed. It also counts serial numbers, whose values no result depends on. */
#include <stdatomic.h>

#include "base/system.h"

enum {
    MOST_THREADS = 1024,
    ALL_FLAGS = RECUR_CONTEXT_CHECK | RECUR_CONTEXT_REPRODUCIBLE | RECUR_CONTEXT_EXACT
};

struct recur_context {
    atomic_int_fast64_t references;
    recur_allocator allocator;
    int isa, threads;
    bool checks;       /* RECUR_CONTEXT_CHECK */
    bool reproducible; /* RECUR_CONTEXT_REPRODUCIBLE, or EXACT */
    int64_t cache;     /* bytes of a core's second one */
    recur__pool *pool; /* NULL with one thread */
    bool shapes_only;  /* recur__context_of_shapes */
};

enum { NOT_MADE, BEING_MADE, MADE };
static struct {
    atomic_int made;
    recur_context context;
    atomic_uint_fast64_t serials;
} the;

static void *libc_alloc(void *user, size_t bytes, size_t align)
{
    (void)user;
    return recur__system_alloc(bytes, align);
}

static void libc_free(void *user, void *ptr, size_t bytes)
{
    (void)user;
    (void)bytes;
    recur__system_free(ptr);
}

/* RECUR_ISA in the environment, if this machine has it; else the best. exact: of those that agree,
 * or AUTO if there is none. */
static int isa_wanted(bool exact)
{
    const char *name = getenv("RECUR_ISA");
    for (int isa = RECUR_ISA_REF; name && isa <= RECUR_ISA_AVX2_EXACT; isa++)
        if (strcmp(name, recur__isa_name(isa)) == 0 && recur__cpu_has(isa) &&
            (recur__isa_is_exact(isa) || !exact))
            return isa;
    return recur__cpu_best(exact);
}

static void make_default(void)
{
    the.context.allocator = (recur_allocator){ libc_alloc, libc_free, NULL };
    the.context.isa = isa_wanted(false);
    the.context.threads = 1;
    the.context.cache = recur__cpu_second_cache();
}

/* Whoever comes first makes it; others wait for the few microseconds that this takes. */
static const recur_context *resolve(const recur_context *ctx)
{
    int made = NOT_MADE;
    if (ctx) return ctx;
    if (atomic_load_explicit(&the.made, memory_order_acquire) == MADE) return &the.context;
    if (atomic_compare_exchange_strong(&the.made, &made, BEING_MADE)) {
        make_default();
        atomic_store_explicit(&the.made, MADE, memory_order_release);
    }
    while (atomic_load_explicit(&the.made, memory_order_acquire) != MADE) continue;
    return &the.context;
}

recur_status recur_context_options_init(recur_context_options *options, size_t size)
{
    RECUR__NOT_NULL(options);
    const recur_context_options o = { .isa = RECUR_ISA_AUTO, .threads = 1 };
    return recur__set_out(__func__, &o, sizeof o, options, size);
}

static recur_status check_options(const recur_context_options *o)
{
    static const recur__constant sets[] = {
        RECUR__CONSTANT(RECUR_ISA_AUTO),   RECUR__CONSTANT(RECUR_ISA_REF),
        RECUR__CONSTANT(RECUR_ISA_SSE2),   RECUR__CONSTANT(RECUR_ISA_AVX2),
        RECUR__CONSTANT(RECUR_ISA_AVX512), RECUR__CONSTANT(RECUR_ISA_NEON),
        RECUR__CONSTANT(RECUR_ISA_VEC4),   RECUR__CONSTANT(RECUR_ISA_AVX2_EXACT),
    };
    if (o->isa < RECUR_ISA_AUTO || o->isa > RECUR_ISA_AVX2_EXACT)
        return RECUR__NO_CONSTANT("recur_context_create", "isa", o->isa, sets);
    if (o->threads < 0 || o->threads > MOST_THREADS)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_context_create: threads is %d; it must be in 0 to %d",
                           (int)o->threads, MOST_THREADS);
    if (o->cache_bytes < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_context_create: cache_bytes is %lld; give the bytes of the "
                           "second cache, or 0 for what the system says",
                           (long long)o->cache_bytes);
    if (o->flags & ~(uint32_t)ALL_FLAGS || o->reserved)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_context_create: flags is %u, reserved %s; the flags are "
                           "RECUR_CONTEXT_CHECK, RECUR_CONTEXT_REPRODUCIBLE and "
                           "RECUR_CONTEXT_EXACT, and reserved must be NULL",
                           (unsigned)o->flags, o->reserved ? "set" : "NULL");
    if (o->allocator && (!o->allocator->alloc || !o->allocator->free))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_context_create: the allocator needs both alloc and free");
    if (o->isa && !recur__cpu_has(o->isa))
        return recur__fail(RECUR_E_UNSUPPORTED, "this machine or build has no %s",
                           recur__isa_name(o->isa));
    const bool exact = o->flags & RECUR_CONTEXT_EXACT;
    if (exact && o->isa && !recur__isa_is_exact(o->isa))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_context_create: isa is %s, which rounds otherwise than the sets "
                           "that agree; with RECUR_CONTEXT_EXACT let isa be 0, or one of sse2, "
                           "avx2_exact, vec4",
                           recur__isa_name(o->isa));
    if (exact && !isa_wanted(true))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_context_create: RECUR_CONTEXT_EXACT needs sse2, avx2_exact or "
                           "vec4, and this library was built with none of them");
    return RECUR_OK;
}

recur_status recur_context_create(const recur_context_options *options, recur_context **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    recur_context_options o;
    RECUR__CHECK(recur__take("recur_context_options", options, &o, sizeof o));
    RECUR__CHECK(check_options(&o));
    if (o.threads > 1) RECUR__NEEDS(THREADS);
    const bool exact = o.flags & RECUR_CONTEXT_EXACT;
    const recur_context from = { .allocator = o.allocator ? *o.allocator : resolve(NULL)->allocator,
                                 .isa = o.isa ? o.isa : isa_wanted(exact),
                                 .threads = o.threads ? o.threads : 1 };
    recur_context *ctx = recur__alloc(&from, sizeof *ctx);
    if (!ctx) return recur__no_memory(sizeof *ctx);
    memset(ctx, 0, sizeof *ctx);
    atomic_init(&ctx->references, 1);
    ctx->allocator = from.allocator;
    ctx->isa = from.isa;
    ctx->threads = from.threads;
    ctx->checks = o.flags & RECUR_CONTEXT_CHECK;
    ctx->reproducible = exact || o.flags & RECUR_CONTEXT_REPRODUCIBLE;
    ctx->cache = o.cache_bytes ? o.cache_bytes : recur__cpu_second_cache();
    if (ctx->threads > 1 && !(ctx->pool = recur__pool_create(&ctx->allocator, ctx->threads))) {
        recur_context_release(ctx);
        return recur__no_memory(sizeof(void *) * (size_t)from.threads);
    }
    *out = ctx;
    return RECUR_OK;
}

recur_status recur__context_of_shapes(const recur_context *ctx, recur_context **out)
{
    const recur_context *like = resolve(ctx);
    recur_context *made = recur__alloc(like, sizeof *made);
    if (!made) return recur__no_memory(sizeof *made);
    *made = (recur_context){ .allocator = like->allocator,
                             .isa = like->isa,
                             .threads = 1,
                             .cache = like->cache,
                             .shapes_only = true };
    atomic_init(&made->references, 1);
    *out = made;
    return RECUR_OK;
}

recur_context *recur__context_retain(recur_context *ctx)
{
    if (!ctx || ctx == &the.context) return (recur_context *)(uintptr_t)resolve(NULL);
    atomic_fetch_add_explicit(&ctx->references, 1, memory_order_relaxed);
    return ctx;
}

recur_context *recur_context_retain(recur_context *ctx)
{
    return ctx ? recur__context_retain(ctx) : NULL;
}

void recur_context_release(recur_context *ctx)
{
    if (!ctx || ctx == &the.context) return;
    if (atomic_fetch_sub_explicit(&ctx->references, 1, memory_order_acq_rel) > 1) return;
    recur__pool_release(ctx->pool);
    const recur_allocator allocator = ctx->allocator;
    allocator.free(allocator.user, ctx, sizeof *ctx);
}

const char *recur_context_isa(const recur_context *ctx)
{
    return recur__isa_name(resolve(ctx)->isa);
}
int recur__context_isa(const recur_context *ctx) { return resolve(ctx)->isa; }
int recur__context_threads(const recur_context *ctx) { return resolve(ctx)->threads; }
int64_t recur__context_cache(const recur_context *ctx) { return resolve(ctx)->cache; }
bool recur__context_is_of_shapes(const recur_context *ctx) { return resolve(ctx)->shapes_only; }
bool recur__context_checks(const recur_context *ctx) { return resolve(ctx)->checks; }
bool recur__context_reproducible(const recur_context *ctx) { return resolve(ctx)->reproducible; }

void recur__parallel(const recur_context *ctx, int64_t tasks, recur__task *task, void *job)
{
    recur__pool *pool = resolve(ctx)->pool;
    if (recur__pool_run(pool, tasks, task, job)) return;
    for (int64_t i = 0; i < tasks; i++) task(job, i);
}

uint64_t recur__serial(void)
{
    return atomic_fetch_add_explicit(&the.serials, 1, memory_order_relaxed) + 1;
}

void *recur__alloc(const recur_context *ctx, size_t bytes)
{
    if (bytes == SIZE_MAX) return NULL;
    const recur_allocator *a = &resolve(ctx)->allocator;
    return a->alloc(a->user, bytes ? bytes : 1, 64);
}

void recur__free(const recur_context *ctx, void *ptr, size_t bytes)
{
    if (!ptr) return;
    const recur_allocator *a = &resolve(ctx)->allocator;
    a->free(a->user, ptr, bytes ? bytes : 1);
}
