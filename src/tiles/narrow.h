/* narrow.h - rows of 4 units, as many as fill a vector:
 *
 *   [row 0: units 0 1 2 3][row 1: units 0 1 2 3]...
 */
#ifndef RECUR__NARROW_H
#define RECUR__NARROW_H

#include "kernels/simd.h"

/* NARROW stands for a number of lanes. Where 4 units fill a vector anyhow, there are none. */
enum { NARROW = -1, NARROW_ROWS = VW > 4 ? VW / 4 : 1 };

#if RECUR__SET == RECUR__IS_avx512
INLINE vf gather_narrow(const float *a, const float *b, const float *c, const float *d)
{
    const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)),
                                            _mm_loadu_ps(b), 1);
    const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(c)),
                                             _mm_loadu_ps(d), 1);
    return (vf)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
INLINE vf load_narrow(const float *p, int64_t stride)
{
    return gather_narrow(p, p + stride, p + 2 * stride, p + 3 * stride);
}
INLINE vf look_up_narrow(const float *p, const int32_t *ids, int64_t stride)
{
    return gather_narrow(p + ids[0] * stride, p + ids[1] * stride, p + ids[2] * stride,
                         p + ids[3] * stride);
}
INLINE void store_narrow(float *p, int64_t stride, vf v)
{
    _mm_storeu_ps(p, _mm512_castps512_ps128((__m512)v));
    _mm_storeu_ps(p + stride, _mm512_extractf32x4_ps((__m512)v, 1));
    _mm_storeu_ps(p + 2 * stride, _mm512_extractf32x4_ps((__m512)v, 2));
    _mm_storeu_ps(p + 3 * stride, _mm512_extractf32x4_ps((__m512)v, 3));
}
#elif RECUR__AVX2
INLINE vf gather_narrow(const float *a, const float *b)
{
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(b), 1);
}
INLINE vf load_narrow(const float *p, int64_t stride) { return gather_narrow(p, p + stride); }
INLINE vf look_up_narrow(const float *p, const int32_t *ids, int64_t stride)
{
    return gather_narrow(p + ids[0] * stride, p + ids[1] * stride);
}
INLINE void store_narrow(float *p, int64_t stride, vf v)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128((__m256)v));
    _mm_storeu_ps(p + stride, _mm256_extractf128_ps((__m256)v, 1));
}
#else /* never called */
INLINE vf load_narrow(const float *p, int64_t stride) { return v_set(p[stride]); }
INLINE vf look_up_narrow(const float *p, const int32_t *ids, int64_t stride)
{
    return v_set(p[ids[0] * stride]);
}
INLINE void store_narrow(float *p, int64_t stride, vf v) { v_store(p + stride, v); }
#endif

#endif
