/* table.c - finds the row of a kind for an instruction set. With RECUR_ONLY_lstm and the like the
 * places of all other kinds are NULL. */
#include "cells/cell.h"
#include "cells/list.h"

#define NAMED(kind, set) || RECUR__IS_ONE(RECUR_ONLY_##kind)
enum { ALL_KINDS = !(0 RECUR__CELLS(NAMED, _)) };
#define HAS(kind) (ALL_KINDS || RECUR__IS_ONE(RECUR_ONLY_##kind))

/* By RECUR_CELL_* - 1. */
#define NAME(kind, set) #kind,
static const char *const names[] = { RECUR__CELLS(NAME, _) };
enum { KINDS = sizeof names / sizeof *names };

#define DECLARE(kind, set) extern const recur__cell recur__##kind##_##set;
#define POINTER(kind, set) HAS(kind) ? &recur__##kind##_##set : NULL,
#define TABLE(set)             \
    RECUR__CELLS(DECLARE, set) \
    static const recur__cell *const set[KINDS] = { RECUR__CELLS(POINTER, set) };

#ifdef RECUR__HAS_ref
TABLE(ref)
#endif
#ifdef RECUR__HAS_sse2
TABLE(sse2)
#endif
#ifdef RECUR__HAS_avx2
TABLE(avx2)
#endif
#ifdef RECUR__HAS_avx512
TABLE(avx512)
#endif
#ifdef RECUR__HAS_neon
TABLE(neon)
#endif
#ifdef RECUR__HAS_vec4
TABLE(vec4)
#endif
#ifdef RECUR__HAS_avx2_exact
TABLE(avx2_exact)
#endif

static const recur__cell *const *cells_of(int isa)
{
    switch (isa) {
#ifdef RECUR__HAS_sse2
    case RECUR_ISA_SSE2:
        return sse2;
#endif
#ifdef RECUR__HAS_avx2
    case RECUR_ISA_AVX2:
        return avx2;
#endif
#ifdef RECUR__HAS_avx512
    case RECUR_ISA_AVX512:
        return avx512;
#endif
#ifdef RECUR__HAS_neon
    case RECUR_ISA_NEON:
        return neon;
#endif
#ifdef RECUR__HAS_vec4
    case RECUR_ISA_VEC4:
        return vec4;
#endif
#ifdef RECUR__HAS_avx2_exact
    case RECUR_ISA_AVX2_EXACT:
        return avx2_exact;
#endif
#ifdef RECUR__HAS_ref
    case RECUR_ISA_REF:
        return ref;
#endif
    default: /* a context has one of these */
        return NULL;
    }
}

/* At H ≤ 8 vectors of 16 are half empty, and those of 8 measured faster; but for H = 4 in batches,
 * where rows share vectors (narrow.h). */
static int isa_for(const recur_context *ctx, int64_t H, bool streams)
{
    const int isa = recur__context_isa(ctx);
#ifdef RECUR__HAS_avx2
    if (isa == RECUR_ISA_AVX512 && H <= 8 && (H != 4 || streams)) return RECUR_ISA_AVX2;
#endif
    (void)H;
    (void)streams;
    return isa;
}

const recur__cell *recur__cell_of(const recur_context *ctx, int32_t kind, int64_t H, bool streams)
{
    if (kind < 1 || kind > KINDS) return NULL;
    return cells_of(isa_for(ctx, H, streams))[kind - 1];
}

int32_t recur__cell_called(const char *name)
{
    for (int32_t i = 0; i < KINDS; i++)
        if (strcmp(names[i], name) == 0) return i + 1;
    return 0;
}

recur_status recur__no_cell(int32_t kind)
{
    recur__constant group[KINDS];
    for (int32_t i = 0; i < KINDS; i++) group[i] = (recur__constant){ i + 1, names[i] };
    if (kind < 1 || kind > KINDS)
        return recur__no_constant("recur_recurrent_options", "cell (RECUR_CELL_...)", kind, group,
                                  KINDS);
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "this library was built without the kind %s, by KINDS or RECUR_ONLY_...; "
                       "build it with %s among them",
                       names[kind - 1], names[kind - 1]);
}
