/* memory.c - contexts whose allocator counts the bytes that it is asked for and holds. */
#include "bench.h"

#include <stdlib.h>

static void *counted_alloc(void *user, size_t bytes, size_t align)
{
    void *p;
    if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes)) return NULL;
    memory *m = user;
    atomic_fetch_add(&m->bytes, bytes);
    const size_t held = atomic_fetch_add(&m->held, bytes) + bytes;
    for (size_t most = atomic_load(&m->most);
         held > most && !atomic_compare_exchange_weak(&m->most, &most, held);) {}
    return p;
}

static void counted_free(void *user, void *p, size_t bytes)
{
    atomic_fetch_sub(&((memory *)user)->held, bytes);
    free(p);
}

recur_context *memory_context(memory *m, int32_t isa, int32_t threads)
{
    recur_context *ctx;
    m->hooks = (recur_allocator){ counted_alloc, counted_free, m };
    atomic_init(&m->bytes, 0);
    atomic_init(&m->held, 0);
    atomic_init(&m->most, 0);
    const recur_context_options options = {
        .size = sizeof options, .isa = isa, .threads = threads, .allocator = &m->hooks
    };
    TRY(recur_context_create(&options, &ctx));
    m->context = atomic_load(&m->held);
    return ctx;
}
