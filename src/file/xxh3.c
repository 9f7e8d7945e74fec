/* xxh3.c - XXH3-64 by its specification, step by step, in the specification's words. */
#include "file/xxh3.h"

enum { STRIPE = RECUR__XXH3_STRIPE, BLOCK = RECUR__XXH3_BLOCK, SECRET = 192, SHORT = 240 };

static const uint64_t PRIME32_1 = UINT64_C(0x9E3779B1);
static const uint64_t PRIME32_2 = UINT64_C(0x85EBCA77);
static const uint64_t PRIME32_3 = UINT64_C(0xC2B2AE3D);
static const uint64_t PRIME64_1 = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t PRIME64_2 = UINT64_C(0xC2B2AE3D27D4EB4F);
static const uint64_t PRIME64_3 = UINT64_C(0x165667B19E3779F9);
static const uint64_t PRIME64_4 = UINT64_C(0x85EBCA77C2B2AE63);
static const uint64_t PRIME64_5 = UINT64_C(0x27D4EB2F165667C5);
static const uint64_t PRIME_MX1 = UINT64_C(0x165667919E3779F9);

static const unsigned char secret[SECRET] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

/* Little-endian, whatever the machine. */
static inline uint64_t word(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return value;
#else
    value = 0;
    for (int i = 0; i < 8; i++) value |= (uint64_t)at[i] << 8 * i;
    return value;
#endif
}

static uint64_t avalanche(uint64_t x)
{
    x ^= x >> 37;
    x *= PRIME_MX1;
    return x ^ x >> 32;
}

static inline uint64_t low_times_high(uint64_t a, uint64_t b)
{
    return (a & 0xffffffff) * (b >> 32);
}

/* The halves of the product of 128 bits, the one xor the other. */
static uint64_t folded_product(uint64_t a, uint64_t b)
{
    const uint64_t low = (a & 0xffffffff) * (b & 0xffffffff);
    const uint64_t cross = low_times_high(b, a) + (low >> 32);
    const uint64_t middle = low_times_high(a, b) + (cross & 0xffffffff);
    const uint64_t high = (a >> 32) * (b >> 32) + (cross >> 32) + (middle >> 32);
    return high ^ (middle << 32 | (low & 0xffffffff));
}

/* ---- medium inputs: 17 to 240 bytes --------------------------------------------------------- */

static uint64_t mix_step(const unsigned char *data, int64_t offset)
{
    return folded_product(word(data) ^ word(secret + offset),
                          word(data + 8) ^ word(secret + offset + 8));
}

static uint64_t to_128(const unsigned char *input, int64_t length)
{
    uint64_t acc = (uint64_t)length * PRIME64_1;
    for (int64_t i = (length - 1) / 32; i >= 0; i--) {
        acc += mix_step(input + 16 * i, 32 * i);
        acc += mix_step(input + length - 16 * i - 16, 32 * i + 16);
    }
    return avalanche(acc);
}

static uint64_t to_240(const unsigned char *input, int64_t length)
{
    uint64_t acc = (uint64_t)length * PRIME64_1;
    for (int64_t i = 0; i < 8; i++) acc += mix_step(input + 16 * i, 16 * i);
    acc = avalanche(acc);
    for (int64_t i = 8; i < length / 16; i++) acc += mix_step(input + 16 * i, 16 * (i - 8) + 3);
    acc += mix_step(input + length - 16, 119);
    return avalanche(acc);
}

/* ---- large inputs --------------------------------------------------------------------------- */

static inline void accumulate(uint64_t *acc, const unsigned char *stripe, const unsigned char *key)
{
    uint64_t sum[8];
    for (int i = 0; i < 8; i++) sum[i] = acc[i] + word(stripe + 8 * (i ^ 1));
    for (int i = 0; i < 8; i++) {
        const uint64_t mixed = word(stripe + 8 * i) ^ word(key + 8 * i);
        acc[i] = sum[i] + low_times_high(mixed, mixed);
    }
}

static void scramble(uint64_t *acc)
{
    for (int i = 0; i < 8; i++) {
        acc[i] ^= acc[i] >> 47;
        acc[i] ^= word(secret + SECRET - STRIPE + 8 * i);
        acc[i] *= PRIME32_1;
    }
}

static void take_block(uint64_t *acc, const unsigned char *block)
{
    uint64_t local[8];
    memcpy(local, acc, sizeof local);
    for (int n = 0; n < BLOCK / STRIPE; n++) accumulate(local, block + STRIPE * n, secret + 8 * n);
    scramble(local);
    memcpy(acc, local, sizeof local);
}

/* The last block, of `used` bytes, of which the last 64 are a stripe of their own. */
static uint64_t finish(const recur__xxh3 *h)
{
    const unsigned char *block = h->bytes + STRIPE;
    uint64_t acc[8];
    uint64_t result = h->length * PRIME64_1;
    memcpy(acc, h->acc, sizeof acc);
    for (size_t n = 0; n < (h->used - 1) / STRIPE; n++)
        accumulate(acc, block + STRIPE * n, secret + 8 * n);
    accumulate(acc, block + h->used - STRIPE, secret + SECRET - 71);
    for (int i = 0; i < 8; i += 2)
        result += folded_product(acc[i] ^ word(secret + 11 + 8 * i),
                                 acc[i + 1] ^ word(secret + 19 + 8 * i));
    return avalanche(result);
}

/* ---- the doors ------------------------------------------------------------------------------ */

void recur__xxh3_begin(recur__xxh3 *h)
{
    const uint64_t start[8] = { PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                                PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1 };
    memcpy(h->acc, start, sizeof start);
    h->length = 0;
    h->used = 0;
}

/* Consumes a block that is known not to be the last one, and keeps its end. */
static void consume(recur__xxh3 *h, const unsigned char *block)
{
    take_block(h->acc, block);
    memcpy(h->bytes, block + BLOCK - STRIPE, STRIPE);
}

void recur__xxh3_add(recur__xxh3 *h, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    h->length += bytes;
    while (bytes) {
        if (h->used == BLOCK) {
            consume(h, h->bytes + STRIPE);
            h->used = 0;
        }
        if (h->used == 0 && bytes > BLOCK) {
            consume(h, at);
            at += BLOCK;
            bytes -= BLOCK;
            continue;
        }
        const size_t room = BLOCK - h->used;
        const size_t part = bytes < room ? bytes : room;
        memcpy(h->bytes + STRIPE + h->used, at, part);
        h->used += part;
        at += part;
        bytes -= part;
    }
}

uint64_t recur__xxh3_end(const recur__xxh3 *h)
{
    const unsigned char *input = h->bytes + STRIPE;
    if (h->length <= 128) return to_128(input, (int64_t)h->length);
    if (h->length <= SHORT) return to_240(input, (int64_t)h->length);
    return finish(h);
}
