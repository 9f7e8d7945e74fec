/* intrinsics.h - the intrinsics of AVX2, and of AVX-512 for its set.
 *
 * GCC reads its whole <immintrin.h> in a third of a second, again for each file and each set; the
 * parts that are used take 0.05 s for AVX2, 0.14 s for AVX-512. They want to be included by
 * <immintrin.h> alone, so its guard is defined while they are read; who includes it later still
 * gets the rest. Other compilers get <immintrin.h> as it is. */
#ifndef RECUR__INTRINSICS_H
#define RECUR__INTRINSICS_H

#if defined(__GNUC__) && !defined(__clang__) && !defined(__INTEL_COMPILER) && \
    !defined(_IMMINTRIN_H_INCLUDED)
#define _IMMINTRIN_H_INCLUDED
#include <smmintrin.h>
/* What the parts above need comes first. */
#include <avxintrin.h>
#include <avx2intrin.h>
#include <fmaintrin.h>
#if RECUR__SET == RECUR__IS_avx512
#include <avx512fintrin.h>
#include <avx512vlintrin.h>
#include <avx512bwintrin.h>
#include <avx512dqintrin.h>
#endif
#undef _IMMINTRIN_H_INCLUDED
#else
#include <immintrin.h>
#endif

#endif
