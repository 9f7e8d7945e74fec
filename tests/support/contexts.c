/* contexts.c - an allocator that counts, checks and fails on demand, and contexts over it for every
 * instruction set. */
#include "support/support.h"

/* Every block has a header of a whole cache line in front of it, and a guard behind it. */
typedef struct header {
    uint64_t bytes;
    uint64_t magic;
    void *raw; /* what malloc gave */
    unsigned char pad[64 - 2 * sizeof(uint64_t) - sizeof(void *)];
} header;

enum { GUARD = 64 };
static const uint64_t ALIVE = 0xA11FE0A11FE0u, DEAD = 0xDEADDEADDEADu;

static void *counted_alloc(void *user, size_t bytes, size_t align)
{
    counter *c = user;
    if (bytes == 0 || align == 0 || align > 64 || (align & (align - 1)) != 0) c->mistakes++;
    if (c->until_failure == 0) {
        if (c->once) c->until_failure = -1;
        c->refusals++;
        return NULL;
    }
    if (c->until_failure > 0) c->until_failure--;
    const bool absurd = bytes > SIZE_MAX / 2 || (uint64_t)bytes > (uint64_t)1 << 40;
    void *raw = absurd ? NULL : malloc(64 + sizeof(header) + bytes + GUARD);
    if (!raw) return NULL;
    header *h = (header *)(((uintptr_t)raw + 63) / 64 * 64);
    *h = (header){ .bytes = bytes, .magic = ALIVE, .raw = raw };
    unsigned char *data = (unsigned char *)(h + 1);
    memset(data, 0xFF, bytes);
    memset(data + bytes, 0xA5, GUARD);
    c->allocations++;
    c->blocks++;
    c->bytes += bytes;
    if (c->bytes > c->most) c->most = c->bytes;
    return data;
}

static void counted_free(void *user, void *ptr, size_t bytes)
{
    counter *c = user;
    header *h = (header *)ptr - 1;
    if (h->magic != ALIVE || h->bytes != bytes) {
        c->mistakes++;
        return;
    }
    unsigned char *data = ptr;
    for (size_t i = 0; i < GUARD; i++)
        if (data[bytes + i] != 0xA5) c->mistakes++;
    memset(data, 0xFF, bytes);
    h->magic = DEAD;
    c->blocks--;
    c->bytes -= bytes;
    free(h->raw);
}

recur_context *counting_context(counter *c, int isa)
{
    *c = (counter){ .until_failure = -1 };
    const recur_allocator allocator = { counted_alloc, counted_free, c };
    const recur_context_options options = { .size = sizeof options,
                                            .isa = isa,
                                            .allocator = &allocator };
    recur_context *ctx = NULL;
    const recur_status status = recur_context_create(&options, &ctx);
    if (status == RECUR_E_UNSUPPORTED) return NULL;
    assert_int_equal(status, RECUR_OK);
    trying("%s", recur_context_isa(ctx));
    return ctx;
}

/* ---- the contexts of most tests ------------------------------------------------------------- */

static counter shared;

void close_context(recur_context *ctx)
{
    recur_context_release(ctx);
    if (shared.mistakes || shared.blocks || shared.bytes)
        fail_msg("%lld blocks of %zu bytes were not given back, %lld mistakes",
                 (long long)shared.blocks, shared.bytes, (long long)shared.mistakes);
}

recur_context *reference_context(void) { return counting_context(&shared, RECUR_ISA_REF); }

recur_context *next_context(recur_context *before)
{
    static int isa;
    if (before) close_context(before);
    if (!before) isa = RECUR_ISA_AUTO;
    while (++isa <= LAST_ISA) {
        recur_context *ctx = counting_context(&shared, isa);
        if (ctx) return ctx;
    }
    return NULL;
}
