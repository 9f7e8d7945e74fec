/* table.c - one row per instruction set, and one column per family of kernels. The build defines
 * RECUR__HAS_<name> for the sets that it compiles. What every layer may need is in the row itself;
 * other families have lists of their own, so that a program which needs none of a family is linked
 * without it. */
#include "kernels/reduced.h"

/* F(argument, constant, set) for the sets that this build has. */
#ifdef RECUR__HAS_ref
#define IF_REF(F, argument) F(argument, RECUR_ISA_REF, ref)
#else
#define IF_REF(F, argument)
#endif
#ifdef RECUR__HAS_sse2
#define IF_SSE2(F, argument) F(argument, RECUR_ISA_SSE2, sse2)
#else
#define IF_SSE2(F, argument)
#endif
#ifdef RECUR__HAS_avx2
#define IF_AVX2(F, argument) F(argument, RECUR_ISA_AVX2, avx2)
#else
#define IF_AVX2(F, argument)
#endif
#ifdef RECUR__HAS_avx512
#define IF_AVX512(F, argument) F(argument, RECUR_ISA_AVX512, avx512)
#else
#define IF_AVX512(F, argument)
#endif
#ifdef RECUR__HAS_neon
#define IF_NEON(F, argument) F(argument, RECUR_ISA_NEON, neon)
#else
#define IF_NEON(F, argument)
#endif
#ifdef RECUR__HAS_vec4
#define IF_VEC4(F, argument) F(argument, RECUR_ISA_VEC4, vec4)
#else
#define IF_VEC4(F, argument)
#endif
#ifdef RECUR__HAS_avx2_exact
#define IF_AVX2_EXACT(F, argument) F(argument, RECUR_ISA_AVX2_EXACT, avx2_exact)
#else
#define IF_AVX2_EXACT(F, argument)
#endif
#define EACH_SET(F, argument) \
    IF_REF(F, argument)       \
    IF_SSE2(F, argument)      \
    IF_AVX2(F, argument)      \
    IF_AVX512(F, argument)    \
    IF_NEON(F, argument)      \
    IF_VEC4(F, argument)      \
    IF_AVX2_EXACT(F, argument)

#define DECLARE(argument, id, set)                                  \
    extern const recur__optimizer_kernels recur__optimizer_##set;   \
    extern const recur__gemv recur__gemv_##set;                     \
    extern const recur__gemm recur__gemm_##set;                     \
    extern const recur__reduce recur__reduce_##set;                 \
    extern const recur__elementwise recur__elementwise_##set;       \
    extern const recur__activation_kernels recur__activation_##set; \
    extern const recur__layernorm recur__layernorm_##set;           \
    extern const recur__loss_kernels recur__loss_##set;             \
    extern const recur__reduced_kernels recur__reduced_##set;
EACH_SET(DECLARE, _)

#define ROW(argument, id, set) \
    { id, &recur__gemv_##set, &recur__gemm_##set, &recur__reduce_##set, &recur__elementwise_##set },
static const recur__kernels table[] = { EACH_SET(ROW, _) };

const recur__kernels *recur__kernels_of(const recur_context *ctx)
{
    const int isa = recur__context_isa(ctx);
    for (size_t i = 1; i < sizeof table / sizeof *table; i++)
        if (table[i].isa == isa) return &table[i];
    return &table[0];
}

#define POINTER(family, id, set) &recur__##family##_##set,
#define FAMILY(type, family)                                                \
    static const type *const family##_of[] = { EACH_SET(POINTER, family) }; \
    const type *recur__##family##_of(const recur__kernels *kernels)         \
    {                                                                       \
        return family##_of[kernels - table];                                \
    }
FAMILY(recur__activation_kernels, activation)
FAMILY(recur__layernorm, layernorm)
FAMILY(recur__loss_kernels, loss)
FAMILY(recur__optimizer_kernels, optimizer)
FAMILY(recur__reduced_kernels, reduced)
