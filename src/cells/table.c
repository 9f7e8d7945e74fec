/* table.c - finds the row of a kind for an instruction set. */
#include "cells/cell.h"
#include "cells/list.h"

#define DECLARE(kind, set) extern const recur__cell recur__##kind##_##set;
#define POINTER(kind, set) &recur__##kind##_##set,
#define TABLE(set)             \
    RECUR__CELLS(DECLARE, set) \
    static const recur__cell *const set[] = { RECUR__CELLS(POINTER, set) NULL };

TABLE(ref)
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
    default:
        return ref;
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
    for (const recur__cell *const *cell = cells_of(isa_for(ctx, H, streams)); *cell; cell++)
        if ((*cell)->kind == kind) return *cell;
    return NULL;
}

int32_t recur__cell_called(const char *name)
{
    for (const recur__cell *const *cell = ref; *cell; cell++)
        if (strcmp((*cell)->name, name) == 0) return (*cell)->kind;
    return 0;
}
