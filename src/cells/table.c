/* table.c - finds the row of a kind for an instruction set. With RECUR_ONLY_lstm and the like the
 * places of all other kinds are NULL. */
#include "base/isas.h"
#include "cells/cell.h"
#include "cells/list.h"

#define NAMED(kind, set) || RECUR__IS_ONE(RECUR_ONLY_##kind)
enum { ALL_KINDS = !(0 RECUR__CELLS(NAMED, _)) };
#define HAS(kind) (ALL_KINDS || RECUR__IS_ONE(RECUR_ONLY_##kind))

/* By RECUR_CELL_* - 1. */
#define NAME(kind, set) #kind,
static const char *const names[] = { RECUR__CELLS(NAME, _) };
enum { KINDS = sizeof names / sizeof *names };

#define DECLARE(kind, set)            extern const recur__cell recur__##kind##_##set;
#define POINTER(kind, set)            HAS(kind) ? &recur__##kind##_##set : NULL,
#define ROW(argument, id, set, exact) { id, set },
#define TABLE(argument, id, set, exact) \
    RECUR__CELLS(DECLARE, set)          \
    static const recur__cell *const set[KINDS] = { RECUR__CELLS(POINTER, set) };

RECUR__SETS(TABLE, _)

static const recur__cell *const *cells_of(int isa)
{
    static const struct {
        int isa;
        const recur__cell *const *cells;
    } sets[] = { RECUR__SETS(ROW, _) };
    for (size_t i = 1; i < sizeof sets / sizeof *sets; i++)
        if (sets[i].isa == isa) return sets[i].cells;
    return sets[0].cells;
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
