/* memory.c - contexts whose allocator counts the bytes that it is asked for. */
#include "bench.h"

#include <stdlib.h>

static void *counted_alloc(void *user, size_t bytes, size_t align)
{
    void *p;
    if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes)) return NULL;
    atomic_fetch_add(&((memory *)user)->bytes, bytes);
    return p;
}

static void counted_free(void *user, void *p, size_t bytes)
{
    (void)user, (void)bytes;
    free(p);
}

recur_context *memory_context(memory *m, int32_t isa, int32_t threads)
{
    recur_context *ctx;
    m->hooks = (recur_allocator){ counted_alloc, counted_free, m };
    atomic_init(&m->bytes, 0);
    const recur_context_options options = {
        .size = sizeof options, .isa = isa, .threads = threads, .allocator = &m->hooks
    };
    TRY(recur_context_create(&options, &ctx));
    return ctx;
}
