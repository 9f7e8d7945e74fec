/* simd.h - a small vocabulary of vectors, the same for every instruction set; the reference set has
 * vectors of one.
 *
 *   vf                         VW floats; + - * / work on it, also with a float on one side
 *   v_load, v_store            VW floats anywhere
 *   v_load_n, v_store_n        the first n of them; the others are read as 0
 *   v_load_part, v_store_part  all of a vector if n is that much, else the first n lanes
 *   v_set                      one float in all lanes
 *   v_first(a, b, n)           the first n lanes of a, then those of b
 *   v_broadcast4, V_SPREAD     4 floats, again and again; number i of them in all lanes
 *   vh, h_load, h_of           half a vector, where HALVES; else a whole one
 *   v_load_half                half a vector, where HALVES, and zeros
 *   v_max, v_min               with NaN in the second argument the result is NaN
 *   v_where_positive(x, v)     v in the lanes where x > 0 or x is NaN, else 0
 *   v_exp, v_sigmoid, v_tanh   of every lane
 *   v_expm1                    exp(x) - 1, with all its digits near 0
 *
 * Accuracy (tests/test_kernels.c measures it): exp 1 ulp, sigmoid and tanh 3 ulp; the reference
 * rounds libm's double results. */
#ifndef RECUR__SIMD_H
#define RECUR__SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/isa.h"

#define RECUR__IS_ref        1
#define RECUR__IS_sse2       2
#define RECUR__IS_avx2       3
#define RECUR__IS_avx512     4
#define RECUR__IS_neon       5
#define RECUR__IS_vec4       6 /* any machine whose compiler has GNU's vectors */
#define RECUR__IS_avx2_exact 7
#define RECUR__IS_2(set)     RECUR__IS_##set
#define RECUR__IS(set)       RECUR__IS_2(set)
#define RECUR__SET           RECUR__IS(RECUR__ISA)
#define RECUR__HAS_FMA \
    (RECUR__SET == RECUR__IS_avx2 || RECUR__SET == RECUR__IS_avx512 || RECUR__SET == RECUR__IS_neon)
/* Vectors of AVX2, with FMA or without. */
#define RECUR__AVX2 (RECUR__SET == RECUR__IS_avx2 || RECUR__SET == RECUR__IS_avx2_exact)
/* Sets that agree: they round every product and every sum, and their sums have one order. */
#define RECUR__EXACT                                                 \
    (RECUR__SET == RECUR__IS_sse2 || RECUR__SET == RECUR__IS_vec4 || \
     RECUR__SET == RECUR__IS_avx2_exact)

#if defined(__clang__) /* it warns of loops of one turn, which cannot be unrolled */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
/* Functions of vectors are inlined with their numbers known. A build that looks at every access or
 * counts every branch (RECUR__CHECKED) has each of them once: that compiles a hundred times faster,
 * and a branch of one function is one branch. */
#ifdef RECUR__CHECKED
#define INLINE static inline __attribute__((unused))
#else
#define INLINE static inline __attribute__((always_inline, unused))
#endif

#if RECUR__SET == RECUR__IS_ref

enum { VW = 1 };
typedef float vf;
INLINE vf v_set(float s) { return s; }
INLINE vf v_max(vf a, vf b) { return a > b ? a : b; }
INLINE vf v_min(vf a, vf b) { return a < b ? a : b; }
INLINE vf v_exp(vf x) { return (float)exp((double)x); }
INLINE vf v_expm1(vf x) { return (float)expm1((double)x); }
INLINE vf v_sigmoid(vf x) { return (float)(1 / (1 + exp(-(double)x))); }
INLINE vf v_tanh(vf x) { return (float)tanh((double)x); }
INLINE vf v_where_positive(vf x, vf v) { return x <= 0 ? 0 : v; }
INLINE float v_sum(vf x) { return x; }
enum { SUM_LANES = 1 };

#else

#if RECUR__SET == RECUR__IS_avx512
#include "kernels/intrinsics.h"
enum { VW = 16 };
#elif RECUR__AVX2
#include "kernels/intrinsics.h"
enum { VW = 8 };
#elif RECUR__SET == RECUR__IS_sse2
#include <emmintrin.h>
enum { VW = 4 };
#elif RECUR__SET == RECUR__IS_neon
#include <arm_neon.h>
enum { VW = 4 };
#else
enum { VW = 4 };
#endif

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));

INLINE vf v_set(float s) { return s - (vf){ 0 }; } /* exact; compilers make one broadcast of it */

#if RECUR__SET == RECUR__IS_avx512
INLINE vf v_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf v_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif RECUR__AVX2
INLINE vf v_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf v_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#elif RECUR__SET == RECUR__IS_sse2
INLINE vf v_max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
INLINE vf v_min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
#elif RECUR__SET == RECUR__IS_neon
INLINE vf v_max(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
INLINE vf v_min(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
#else
INLINE vf v_chosen(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }
INLINE vf v_max(vf a, vf b) { return v_chosen((vi)(a > b), a, b); }
INLINE vf v_min(vf a, vf b) { return v_chosen((vi)(a < b), a, b); }
#endif

INLINE vf v_where_positive(vf x, vf v) { return (vf)((vi)v & ~(vi)(x <= 0.0f)); }

/* exp(x) = 2^n (1 + em1) with x = n ln 2 + r, |r| ≤ ln 2 / 2, and scale = 2^n (0 below the normal
 * numbers, infinity above). Chains are kept short: a small model waits for nothing but these
 * functions. */
typedef struct v_power {
    vf em1, scale;
} v_power;

enum { V_MAGIC = 12582912 }; /* 1.5·2^23: adding it rounds to an integer in the low bits */

/* t: n + V_MAGIC; rest: r with all its digits */
INLINE v_power v_power_of(vf t, vf r, vf rest)
{
    /* Cephes' minimax polynomial, Moshier 1989; in pairs, which do not wait for each other
     * (Estrin). */
    const vf r2 = r * r;
    const vf p54 = r * 1.9875691500e-4f + 1.3981999507e-3f,
             p32 = r * 8.3334519073e-3f + 4.1665795894e-2f;
    const vf p10 = r * 1.6666665459e-1f + 5.0000001201e-1f;
    return (v_power){ (p54 * r2 + p32) * (r2 * r2) + (p10 * r2 + rest),
                      (vf)(((vi)t << 23) + 0x3F800000) };
}

/* For all x, with ln 2 in two parts, the first of few bits. */
INLINE v_power v_power_exactly(vf x, vf t)
{
    const vf n = t - (float)V_MAGIC, r = x - n * 0.693359375f + n * 2.12194440e-4f;
    return v_power_of(t, r, r);
}

/* Shorter range reduction for sigmoid and tanh, which saturate. With FMA the high part of ln 2 is a
 * full float, and the low part leaves the critical path. */
#if !RECUR__HAS_FMA
INLINE v_power v_power_soon(vf x, vf t) { return v_power_exactly(x, t); }
#else
#if RECUR__SET == RECUR__IS_avx512
INLINE vf v_minus_product(vf x, vf a, vf b)
{
    return (vf)_mm512_fnmadd_ps((__m512)a, (__m512)b, (__m512)x);
}
#elif RECUR__SET == RECUR__IS_avx2
INLINE vf v_minus_product(vf x, vf a, vf b)
{
    return (vf)_mm256_fnmadd_ps((__m256)a, (__m256)b, (__m256)x);
}
#else
INLINE vf v_minus_product(vf x, vf a, vf b)
{
    return (vf)vfmsq_f32((float32x4_t)x, (float32x4_t)a, (float32x4_t)b);
}
#endif
INLINE v_power v_power_soon(vf x, vf t)
{
    const vf n = t - (float)V_MAGIC,
             r = v_minus_product(
                 x, n,
                 v_set(0.693147182464599609375f)); /* rounded once, whatever a compiler contracts */
    return v_power_of(t, r, r + n * 1.904654299957768e-9f);
}
#endif

INLINE vf v_exp(vf x)
{
    x = v_max(v_set(-87.6f), v_min(v_set(88.8f), x));
    const v_power e = v_power_exactly(x, x * 1.44269504088896341f + (float)V_MAGIC);
    return e.em1 * e.scale + e.scale;
}

INLINE vf v_expm1(vf x)
{
    x = v_max(v_set(-87.6f), v_min(v_set(88.8f), x));
    const v_power e = v_power_exactly(x, x * 1.44269504088896341f + (float)V_MAGIC);
    return e.em1 * e.scale + (e.scale - 1.0f);
}

INLINE vf v_sigmoid(vf x)
{
    x = -v_max(v_set(-88.0f), v_min(v_set(87.0f), x));
    const v_power e = v_power_soon(x, x * 1.44269504088896341f + (float)V_MAGIC);
    return 1.0f / (e.em1 * e.scale + (e.scale + 1.0f));
}

/* tanh x = (exp(2x) - 1) / (exp(2x) + 1) */
INLINE vf v_tanh(vf x)
{
    x = v_max(v_set(-10.0f), v_min(v_set(10.0f), x));
    const v_power e = v_power_soon(2.0f * x, x * 2.88539008177792681f + (float)V_MAGIC);
    return (e.em1 * e.scale + (e.scale - 1.0f)) / (e.em1 * e.scale + (e.scale + 1.0f));
}

/* The sum of all lanes: halves are added until one is left. */
INLINE float v_sum(vf x)
{
#if RECUR__SET == RECUR__IS_avx512
    return _mm512_reduce_add_ps((__m512)x);
#elif RECUR__AVX2
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128((__m256)x),
                                   _mm256_extractf128_ps((__m256)x, 1));
    const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps(quarter, quarter, 1)));
#else
    return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

/* Sums along a row, whose vectors are added one after the other: each lane has its own until
 * v_total. There are as many as a vector has; but eight in all sets that agree, so that vectors of
 * four take turns. */
#if RECUR__EXACT && RECUR__SET != RECUR__IS_avx2_exact
enum { SUM_LANES = 2 * VW };
typedef struct v_sums {
    vf next, other;
} v_sums;
INLINE v_sums v_sums_add(v_sums s, vf x) { return (v_sums){ s.other, s.next + x }; }
INLINE float v_total(v_sums s) { return v_sum(s.next + s.other); }
#else
enum { SUM_LANES = VW };
typedef struct v_sums {
    vf lanes;
} v_sums;
INLINE v_sums v_sums_add(v_sums s, vf x) { return (v_sums){ s.lanes + x }; }
INLINE float v_total(v_sums s) { return v_sum(s.lanes); }
#endif

#endif

INLINE vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }

#if RECUR__SET == RECUR__IS_avx512
INLINE vf v_load_n(const float *p, int64_t n)
{
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
INLINE void v_store_n(float *p, vf v, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
INLINE vf v_first(vf a, vf b, int64_t n)
{
    return (vf)_mm512_mask_blend_ps((__mmask16)((1u << n) - 1), (__m512)b, (__m512)a);
}
#elif RECUR__AVX2
INLINE __m256i v_mask_n(int64_t n)
{
    static const int32_t edge[16] = { -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0 };
    __m256i mask;
    memcpy(&mask, edge + 8 - n, sizeof mask);
    return mask;
}
INLINE vf v_load_n(const float *p, int64_t n) { return (vf)_mm256_maskload_ps(p, v_mask_n(n)); }
/* Not by a mask: on some processors that is a long microprogram, and a load cannot take its numbers
 * from it. */
INLINE void v_store_n(float *p, vf v, int64_t n)
{
    __m128 part = _mm256_castps256_ps128((__m256)v);
    if (n & 8) memcpy(p, &v, sizeof v);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps((__m256)v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
INLINE vf v_first(vf a, vf b, int64_t n)
{
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, _mm256_castsi256_ps(v_mask_n(n)));
}
#elif RECUR__SET == RECUR__IS_ref
INLINE vf v_load_n(const float *p, int64_t n) { return n > 0 ? *p : 0; }
INLINE void v_store_n(float *p, vf v, int64_t n)
{
    if (n > 0) *p = v;
}
INLINE vf v_first(vf a, vf b, int64_t n) { return n > 0 ? a : b; }
#else
/* Without a loop, which compilers would unroll in every place where it is used. */
INLINE vf v_load_n(const float *p, int64_t n)
{
    vf v = { 0 };
    if (n > 0) v[0] = p[0];
    if (n > 1) v[1] = p[1];
    if (n > 2) v[2] = p[2];
    if (n > 3) v[3] = p[3];
    return v;
}
INLINE void v_store_n(float *p, vf v, int64_t n)
{
    if (n > 0) p[0] = v[0];
    if (n > 1) p[1] = v[1];
    if (n > 2) p[2] = v[2];
    if (n > 3) p[3] = v[3];
}
INLINE vf v_first(vf a, vf b, int64_t n)
{
    const vi lane = { 0, 1, 2, 3 }, mask = lane < (int32_t)n;
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}
#endif

/* Four numbers, again and again in all lanes, and number i of these in all of them. Where
 * BROADCAST4 is set, a load of these and four permutations cost less than four broadcasts, which
 * are loads. With AVX2 most sizes were slower by it. */
enum { BROADCAST4 = RECUR__SET == RECUR__IS_avx512 };
#if RECUR__SET == RECUR__IS_avx512
INLINE vf v_broadcast4(const float *p) { return (vf)_mm512_broadcast_f32x4(_mm_loadu_ps(p)); }
#define V_SPREAD(four, i) (vf) _mm512_permute_ps((__m512)(four), 0x55 * (i))
#elif RECUR__AVX2
INLINE vf v_broadcast4(const float *p)
{
    return (vf)_mm256_broadcast_ps((const __m128 *)(const void *)p);
}
#define V_SPREAD(four, i) (vf) _mm256_permute_ps((__m256)(four), 0x55 * (i))
#else /* never called */
INLINE vf v_broadcast4(const float *p) { return v_set(p[0]); }
#define V_SPREAD(four, i) (four)
#endif

/* Half vectors, for the ends of rows: where a load of half costs half. */
#if RECUR__SET == RECUR__IS_avx512
enum { HALVES = 1 };
INLINE vf v_load_half(const float *p) { return (vf)_mm512_zextps256_ps512(_mm256_loadu_ps(p)); }
typedef float vh __attribute__((vector_size(2 * VW)));
INLINE vh h_of(vf v) { return (vh)_mm512_castps512_ps256((__m512)v); } /* its first half */
INLINE vh h_load(const float *p) { return (vh)_mm256_loadu_ps(p); }
INLINE vh h_load_n(const float *p, int64_t n)
{
    return (vh)_mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p);
}
INLINE void h_store_n(float *p, vh v, int64_t n)
{
    _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1), (__m256)v);
}
#else
enum { HALVES = 0 };
INLINE vf v_load_half(const float *p) { return v_load(p); } /* never called */
typedef vf vh;
INLINE vh h_of(vf v) { return v; }
INLINE vh h_load(const float *p)
{
    vh v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE vh h_load_n(const float *p, int64_t n) { return v_load_n(p, n); }
INLINE void h_store_n(float *p, vh v, int64_t n) { v_store_n(p, v, n); }
#endif

INLINE vf v_load_part(const float *p, int64_t n) { return n >= VW ? v_load(p) : v_load_n(p, n); }
INLINE void v_store_part(float *p, vf v, int64_t n)
{
    if (n >= VW)
        v_store(p, v);
    else
        v_store_n(p, v, n);
}

#endif
