/* table.c - one row per instruction set. The build defines RECUR__HAS_<name> for the sets that it
 * compiles. */
#include "kernels/reduced.h"

#define DECLARE(set)                                              \
    extern const recur__optimizer_kernels recur__optimizer_##set; \
    extern const recur__gemv recur__gemv_##set;                   \
    extern const recur__gemm recur__gemm_##set;                   \
    extern const recur__reduce recur__reduce_##set;               \
    extern const recur__elementwise recur__elementwise_##set;     \
    extern const recur__layernorm recur__layernorm_##set;         \
    extern const recur__loss_kernels recur__loss_##set;           \
    extern const recur__reduced_kernels recur__reduced_##set;
#define ROW(id, set)             \
    { id,                        \
      &recur__optimizer_##set,   \
      &recur__gemv_##set,        \
      &recur__gemm_##set,        \
      &recur__reduce_##set,      \
      &recur__elementwise_##set, \
      &recur__layernorm_##set,   \
      &recur__loss_##set,        \
      &recur__reduced_##set },

DECLARE(ref)
#ifdef RECUR__HAS_sse2
DECLARE(sse2)
#endif
#ifdef RECUR__HAS_avx2
DECLARE(avx2)
#endif
#ifdef RECUR__HAS_avx512
DECLARE(avx512)
#endif
#ifdef RECUR__HAS_neon
DECLARE(neon)
#endif
#ifdef RECUR__HAS_vec4
DECLARE(vec4)
#endif
#ifdef RECUR__HAS_avx2_exact
DECLARE(avx2_exact)
#endif

static const recur__kernels table[] = {
    ROW(RECUR_ISA_REF, ref)
#ifdef RECUR__HAS_sse2
        ROW(RECUR_ISA_SSE2, sse2)
#endif
#ifdef RECUR__HAS_avx2
            ROW(RECUR_ISA_AVX2, avx2)
#endif
#ifdef RECUR__HAS_avx512
                ROW(RECUR_ISA_AVX512, avx512)
#endif
#ifdef RECUR__HAS_neon
                    ROW(RECUR_ISA_NEON, neon)
#endif
#ifdef RECUR__HAS_vec4
                        ROW(RECUR_ISA_VEC4, vec4)
#endif
#ifdef RECUR__HAS_avx2_exact
                            ROW(RECUR_ISA_AVX2_EXACT, avx2_exact)
#endif
};

const recur__kernels *recur__kernels_of(const recur_context *ctx)
{
    const int isa = recur__context_isa(ctx);
    for (size_t i = 1; i < sizeof table / sizeof *table; i++)
        if (table[i].isa == isa) return &table[i];
    return &table[0];
}
