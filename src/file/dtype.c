/* dtype.c - the element types of safetensors: one table, one row per type, and what one element is
 * as a float.
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
    { "F64", 64, f64 },
    { "F32", 32, f32 },
    { "F16", 16, f16 },
    { "BF16", 16, bf16 },
    { "F8_E5M2", 8, e5m2 },
    { "F8_E4M3", 8, e4m3 },
    { "F8_E8M0", 8, e8m0 },
    { "F8_E4M3FNUZ", 8, e4m3fnuz },
    { "F8_E5M2FNUZ", 8, e5m2fnuz },
    { "I64", 64, i64 },
    { "I32", 32, i32 },
    { "I16", 16, i16 },
    { "I8", 8, i8 },
    { "U64", 64, u64 },
    { "U32", 32, u32 },
    { "U16", 16, u16 },
    { "U8", 8, u8 },
    { "BOOL", 8, boolean },
    { "C64", 64, NULL },
    { "F6_E2M3", 6, NULL },
    { "F6_E3M2", 6, NULL },
    { "F4", 4, NULL },
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

void recur__floats_to(const float *from, int64_t count, unsigned char *to)
{
    if (LITTLE_ENDIAN_FLOATS) {
        if (count) memcpy(to, from, (size_t)count * sizeof *from);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, from + i, sizeof bits);
        for (int k = 0; k < 4; k++) to[4 * i + k] = (unsigned char)(bits >> 8 * k);
    }
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
