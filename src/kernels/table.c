/* table.c - one row per instruction set, and one column per family of kernels. What every layer may
 * need is in the row itself; other families have lists of their own, so that a program which needs
 * none of a family is linked without it. */
#include "base/isas.h"
#include "kernels/reduced.h"

#define DECLARE(argument, id, set, exact)                           \
    extern const recur__optimizer_kernels recur__optimizer_##set;   \
    extern const recur__gemv recur__gemv_##set;                     \
    extern const recur__gemm recur__gemm_##set;                     \
    extern const recur__reduce recur__reduce_##set;                 \
    extern const recur__elementwise recur__elementwise_##set;       \
    extern const recur__activation_kernels recur__activation_##set; \
    extern const recur__layernorm recur__layernorm_##set;           \
    extern const recur__loss_kernels recur__loss_##set;             \
    extern const recur__reduced_kernels recur__reduced_##set;
RECUR__SETS(DECLARE, _)

#define ROW(argument, id, set, exact) \
    { id, &recur__gemv_##set, &recur__gemm_##set, &recur__reduce_##set, &recur__elementwise_##set },
static const recur__kernels table[] = { RECUR__SETS(ROW, _) };

const recur__kernels *recur__kernels_of(const recur_context *ctx)
{
    const int isa = recur__context_isa(ctx);
    for (size_t i = 1; i < sizeof table / sizeof *table; i++)
        if (table[i].isa == isa) return &table[i];
    return &table[0];
}

#define POINTER(family, id, set, exact) &recur__##family##_##set,
#define FAMILY(type, family)                                                   \
    static const type *const family##_of[] = { RECUR__SETS(POINTER, family) }; \
    const type *recur__##family##_of(const recur__kernels *kernels)            \
    {                                                                          \
        return family##_of[kernels - table];                                   \
    }
FAMILY(recur__activation_kernels, activation)
FAMILY(recur__layernorm, layernorm)
FAMILY(recur__loss_kernels, loss)
FAMILY(recur__optimizer_kernels, optimizer)
FAMILY(recur__reduced_kernels, reduced)
