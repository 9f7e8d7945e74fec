/* isas.h - the instruction sets that this build has, for all tables with a row for each: the build
 * defines RECUR__HAS_<name> for those that it compiles kernels for.
 *
 * RECUR__SETS(F, argument) is F(argument, id, set, exact) for each: RECUR_ISA_*, its name, and
 * whether its bits are those of all others that are exact. The better come later. A new set is
 * a line here, one in context.h, names[] and a function has_<name> in cpu.c, and its flags in
 * Makefile, CMakeLists.txt and scripts/amalgamate.py. */
#ifndef RECUR__ISAS_H
#define RECUR__ISAS_H

#ifdef RECUR__HAS_ref
#define RECUR__IF_REF(F, argument) F(argument, RECUR_ISA_REF, ref, false)
#else
#define RECUR__IF_REF(F, argument)
#endif
#ifdef RECUR__HAS_vec4
#define RECUR__IF_VEC4(F, argument) F(argument, RECUR_ISA_VEC4, vec4, true)
#else
#define RECUR__IF_VEC4(F, argument)
#endif
#ifdef RECUR__HAS_sse2
#define RECUR__IF_SSE2(F, argument) F(argument, RECUR_ISA_SSE2, sse2, true)
#else
#define RECUR__IF_SSE2(F, argument)
#endif
#ifdef RECUR__HAS_avx2_exact
#define RECUR__IF_AVX2_EXACT(F, argument) F(argument, RECUR_ISA_AVX2_EXACT, avx2_exact, true)
#else
#define RECUR__IF_AVX2_EXACT(F, argument)
#endif
#ifdef RECUR__HAS_avx2
#define RECUR__IF_AVX2(F, argument) F(argument, RECUR_ISA_AVX2, avx2, false)
#else
#define RECUR__IF_AVX2(F, argument)
#endif
#ifdef RECUR__HAS_avx512
#define RECUR__IF_AVX512(F, argument) F(argument, RECUR_ISA_AVX512, avx512, false)
#else
#define RECUR__IF_AVX512(F, argument)
#endif
#ifdef RECUR__HAS_neon
#define RECUR__IF_NEON(F, argument) F(argument, RECUR_ISA_NEON, neon, false)
#else
#define RECUR__IF_NEON(F, argument)
#endif

#define RECUR__SETS(F, argument)      \
    RECUR__IF_REF(F, argument)        \
    RECUR__IF_VEC4(F, argument)       \
    RECUR__IF_SSE2(F, argument)       \
    RECUR__IF_AVX2_EXACT(F, argument) \
    RECUR__IF_AVX2(F, argument)       \
    RECUR__IF_AVX512(F, argument)     \
    RECUR__IF_NEON(F, argument)

#endif
