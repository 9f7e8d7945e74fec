/* dtype.c - the element types of safetensors: one table, one row per type, what one element is as a
 * float, and for the types that are written what a float is as an element.
 *
 * A small float of e exponent and m fraction bits is (-1)^s 1.fraction 2^(exponent - bias), with
 * exponent 0 for subnormals (-1)^s 0.fraction 2^(1 - bias): all of them are floats exactly. The
 * types differ in what they spend on infinity and NaN: F16, BF16, F8_E5M2 the last exponent;
 * F8_E4M3 the last pattern of each sign; the FNUZ ones that of -0. */
#include <math.h>

#include "file/file.h"

/* Whether floats lie in memory as in files. */
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { LITTLE_ENDIAN_FLOATS = 1 };
#else
enum { LITTLE_ENDIAN_FLOATS = 0 };
#endif

static uint64_t bits_of(const unsigned char *from, int bytes)
{
    uint64_t bits = 0;
    for (int i = 0; i < bytes; i++) bits |= (uint64_t)from[i] << 8 * i;
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float small_float(uint32_t x, int e, int m, int bias)
{
    const uint32_t sign = x >> (e + m) << 31, exponent = x >> m & ((1u << e) - 1),
                   fraction = x & ((1u << m) - 1);
    if (exponent == 0) return ldexpf(sign ? -(float)fraction : (float)fraction, 1 - bias - m);
    return float_of(sign | (exponent + 127 - (uint32_t)bias) << 23 | fraction << (23 - m));
}

static float half(uint32_t x)
{
    const bool special = (x & 0x7c00) == 0x7c00;
    return special ? float_of(x >> 15 << 31 | 0x7f800000 | (x & 0x3ff) << 13)
                   : small_float(x, 5, 10, 15);
}

/* ---- the other way -------------------------------------------------------------------------- */

static uint32_t to_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The whole number nearest to x / 2^shift, ties to even; shift is 1 to 31. */
static uint32_t nearest(uint32_t x, uint32_t shift)
{
    return (x + (1u << (shift - 1)) - 1 + (x >> shift & 1)) >> shift;
}

static uint32_t to_bf16(float x) { return x != x ? 0x7fc0 : nearest(to_f32(x), 16); }

/* Below 2^-14 the numbers of F16 are whole multiples of 2^-24; above 65504 comes infinity. */
static uint32_t to_f16(float x)
{
    enum { SMALLEST_NORMAL = 113 << 23, INFINITE = 0x477ff000 };
    const uint32_t sign = to_f32(x) >> 16 & 0x8000, size = to_f32(x) & 0x7fffffff;
    if (x != x) return 0x7e00;
    if (size >= INFINITE) return sign | 0x7c00;
    if (size >= SMALLEST_NORMAL) return sign | nearest(size - (112u << 23), 13);
    const uint32_t exponent = size >> 23, shift = 126 - exponent;
    return shift > 24 ? sign : sign | nearest((size & 0x7fffff) | 0x800000, shift);
}

/* ---- the types ------------------------------------------------------------------------------ */

static float f64(const unsigned char *from)
{
    const uint64_t bits = bits_of(from, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

static float f32(const unsigned char *from) { return float_of((uint32_t)bits_of(from, 4)); }
static float f16(const unsigned char *from) { return half((uint32_t)bits_of(from, 2)); }
static float bf16(const unsigned char *from) { return float_of((uint32_t)bits_of(from, 2) << 16); }
static float e5m2(const unsigned char *from) { return half((uint32_t)*from << 8); }
static float e4m3(const unsigned char *from)
{
    return (*from & 0x7f) == 0x7f ? NAN : small_float(*from, 4, 3, 7);
}
static float e8m0(const unsigned char *from)
{
    return *from == 0xff ? NAN : ldexpf(1, *from - 127);
}
static float e4m3fnuz(const unsigned char *from)
{
    return *from == 0x80 ? NAN : small_float(*from, 4, 3, 8);
}
static float e5m2fnuz(const unsigned char *from)
{
    return *from == 0x80 ? NAN : small_float(*from, 5, 2, 16);
}
static float i64(const unsigned char *from) { return (float)(int64_t)bits_of(from, 8); }
static float i32(const unsigned char *from) { return (float)(int32_t)bits_of(from, 4); }
static float i16(const unsigned char *from) { return (int16_t)bits_of(from, 2); }
static float i8(const unsigned char *from) { return (int8_t)*from; }
static float u64(const unsigned char *from) { return (float)bits_of(from, 8); }
static float u32(const unsigned char *from) { return (float)(uint32_t)bits_of(from, 4); }
static float u16(const unsigned char *from) { return (uint16_t)bits_of(from, 2); }
static float u8(const unsigned char *from) { return *from; }
static float boolean(const unsigned char *from) { return *from != 0; }

static const recur__type types[] = {
    { "F64", 64, f64, NULL },
    { "F32", 32, f32, to_f32 },
    { "F16", 16, f16, to_f16 },
    { "BF16", 16, bf16, to_bf16 },
    { "F8_E5M2", 8, e5m2, NULL },
    { "F8_E4M3", 8, e4m3, NULL },
    { "F8_E8M0", 8, e8m0, NULL },
    { "F8_E4M3FNUZ", 8, e4m3fnuz, NULL },
    { "F8_E5M2FNUZ", 8, e5m2fnuz, NULL },
    { "I64", 64, i64, NULL },
    { "I32", 32, i32, NULL },
    { "I16", 16, i16, NULL },
    { "I8", 8, i8, NULL },
    { "U64", 64, u64, NULL },
    { "U32", 32, u32, NULL },
    { "U16", 16, u16, NULL },
    { "U8", 8, u8, NULL },
    { "BOOL", 8, boolean, NULL },
    { "C64", 64, NULL, NULL },
    { "F6_E2M3", 6, NULL, NULL },
    { "F6_E3M2", 6, NULL, NULL },
    { "F4", 4, NULL, NULL },
};
enum { TYPES = sizeof types / sizeof *types };

const recur__type *recur__type_of(const char *name)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

void recur__floats_from(const recur__type *type, const unsigned char *from, int64_t count,
                        float *to)
{
    const int64_t bytes = type->bits / 8;
    if (LITTLE_ENDIAN_FLOATS && type->element == f32) {
        if (count) memcpy(to, from, (size_t)count * sizeof *to);
        return;
    }
    for (int64_t i = 0; i < count; i++) to[i] = type->element(from + i * bytes);
}

void recur__floats_to(const recur__type *type, const float *from, int64_t count, unsigned char *to)
{
    const int bytes = type->bits / 8;
    if (LITTLE_ENDIAN_FLOATS && type->element == f32) {
        if (count) memcpy(to, from, (size_t)count * sizeof *from);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const uint32_t bits = type->bits_of(from[i]);
        for (int k = 0; k < bytes; k++) *to++ = (unsigned char)(bits >> 8 * k);
    }
}

static float rounded(const recur__type *type, float x)
{
    unsigned char bytes[sizeof x];
    recur__floats_to(type, &x, 1, bytes);
    return type->element(bytes);
}

int64_t recur__first_too_large(const recur__type *type, const float *x, int64_t count)
{
    if (type->element == f32) return count;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(x[i]) && !isfinite(rounded(type, x[i]))) return i;
    return count;
}

void recur__round_floats(const recur__type *type, int64_t count, float *x)
{
    for (int64_t i = 0; i < count; i++) x[i] = rounded(type, x[i]);
}

void recur__wholes_from(const unsigned char *from, int64_t count, int64_t *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = (int64_t)bits_of(from + 8 * i, 8);
}

void recur__wholes_to(const int64_t *from, int64_t count, unsigned char *to)
{
    for (int64_t i = 0; i < count; i++)
        for (int k = 0; k < 8; k++) to[8 * i + k] = (unsigned char)((uint64_t)from[i] >> 8 * k);
}
