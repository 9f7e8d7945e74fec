/* number.c - decimal to binary, rounded once to the nearest.
 *
 * A number is head × 10^exponent, head its first 19 digits. If that is all of it and |exponent| is
 * at most 27, then 5^|exponent| has 64 bits, and one product or quotient of 128 bits is exact
 * enough to round. Every other number is estimated, and the estimate is held against the digits in
 * whole numbers of any length, until it is the nearest. No step depends on the locale. */
#include <float.h>

#include "json/json.h"

enum { HEAD = 19, MOST_DIGITS = 800, MOST_EXPONENT = 1000000000 };

/* Up to which power of ten, and down to which, a double can be above 0 and below infinity. */
enum { TOO_LARGE = 310, TOO_SMALL = -325 };

static const uint64_t INFINITE = UINT64_C(0x7ff) << 52;

typedef struct decimal {
    bool negative;
    bool cut;         /* digits other than 0 follow behind the head */
    uint64_t head;    /* 0: the number is 0 */
    int64_t exponent; /* of ten, for the head */
    int64_t digits;   /* from the first that is not 0, to the last in the text */
    int64_t last;     /* exponent of the last digit in the text */
    const char *from; /* the first digit that is not 0 */
    const char *end;  /* of the digits */
} decimal;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int64_t exponent_of(const char *at, const char *end)
{
    bool negative = false;
    int64_t value = 0;
    if (at < end && (*at == '+' || *at == '-')) negative = *at++ == '-';
    for (; at < end && is_digit(*at); at++)
        if (value < MOST_EXPONENT) value = 10 * value + (*at - '0');
    return negative ? -value : value;
}

static decimal decimal_of(recur__json value)
{
    decimal d = { .negative = *value.at == '-' };
    const char *at = d.negative ? value.at + 1 : value.at;
    int64_t behind_point = 0;
    int64_t exponent = 0;
    bool point = false;
    for (; at < value.end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        const uint64_t digit = (uint64_t)(*at - '0');
        if (point) behind_point++;
        if (d.digits == 0 && digit == 0) continue;
        if (d.digits == 0) d.from = at;
        if (d.digits < HEAD)
            d.head = 10 * d.head + digit;
        else if (digit)
            d.cut = true;
        d.digits++;
    }
    d.end = at;
    if (at < value.end && (*at | 0x20) == 'e') exponent = exponent_of(at + 1, value.end);
    d.last = exponent - behind_point;
    d.exponent = d.last + recur__max(0, d.digits - HEAD);
    return d;
}

/* ---- a double as whole numbers -------------------------------------------------------------- */

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* |value| is mantissa × 2^exponent. */
static uint64_t mantissa_of(uint64_t bits, int *exponent)
{
    const int biased = (int)(bits >> 52);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    *exponent = (biased ? biased : 1) - 1075;
    return biased ? fraction | UINT64_C(1) << 52 : fraction;
}

/* The double nearest to a number, and on which side of it the number lies: -1, 0 (exact), 1. */
typedef struct nearest {
    uint64_t bits; /* without the sign */
    int side;
} nearest;

/* ---- 128 bits ------------------------------------------------------------------------------- */

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

static const uint64_t FIVES[28] = {
    1,
    5,
    25,
    125,
    625,
    3125,
    15625,
    78125,
    390625,
    1953125,
    9765625,
    48828125,
    244140625,
    1220703125,
    6103515625,
    30517578125,
    152587890625,
    762939453125,
    3814697265625,
    19073486328125,
    95367431640625,
    476837158203125,
    2384185791015625,
    11920928955078125,
    59604644775390625,
    298023223876953125,
    1490116119384765625,
    7450580596923828125,
};

/* Rounds value × 2^exponent, a little more if `more`, to 53 bits. It is no subnormal. */
static nearest round_wide(wide value, int exponent, bool more)
{
    const uint64_t high = (uint64_t)(value >> 64);
    const int length = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)value);
    const int drop = length - 53;
    nearest n = { 0, more };
    uint64_t mantissa = (uint64_t)value;
    if (drop > 0) {
        const wide rest = value & (((wide)1 << drop) - 1);
        const wide half = (wide)1 << (drop - 1);
        mantissa = (uint64_t)(value >> drop);
        const bool up = rest > half || (rest == half && (more || mantissa & 1));
        if (rest) n.side = 1;
        if (up) n.side = -1;
        mantissa += up;
    } else {
        mantissa <<= -drop;
    }
    /* A carry out of the mantissa makes the exponent larger by 1, as it should. */
    n.bits = ((uint64_t)(exponent + drop + 1074) << 52) + mantissa;
    return n;
}

static bool short_number(const decimal *d, nearest *out)
{
    if (d->cut || d->exponent > 27 || d->exponent < -27) return false;
    if (d->exponent >= 0) {
        *out = round_wide((wide)d->head * FIVES[d->exponent], (int)d->exponent, false);
        return true;
    }
    const uint64_t divisor = FIVES[-d->exponent];
    const int shift = __builtin_clzll(d->head) + 64;
    const wide dividend = (wide)d->head << shift;
    const wide quotient = dividend / divisor;
    *out = round_wide(quotient, (int)d->exponent - shift, quotient * divisor != dividend);
    return true;
}
#else
static bool short_number(const decimal *d, nearest *out)
{
    (void)d;
    (void)out;
    return false;
}
#endif

/* ---- whole numbers of any length ------------------------------------------------------------ */

/* 800 digits, or 5^1126 × 2^55, have no more than 2800 bits. */
enum { LIMBS = 96 };

typedef struct big {
    int used;
    uint32_t limb[LIMBS]; /* the lowest first */
} big;

/* b × factor + more. */
static void multiply(big *b, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (int i = 0; i < b->used; i++) {
        carry += (uint64_t)b->limb[i] * factor;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) b->limb[b->used++] = (uint32_t)carry;
}

static void multiply_by_fives(big *b, int64_t power)
{
    for (; power >= 13; power -= 13) multiply(b, 1220703125, 0);
    for (; power > 0; power--) multiply(b, 5, 0);
}

static void shift_left(big *b, int64_t bits)
{
    const int limbs = (int)(bits / 32);
    if (bits % 32) multiply(b, UINT32_C(1) << bits % 32, 0);
    memmove(b->limb + limbs, b->limb, (size_t)b->used * sizeof *b->limb);
    memset(b->limb, 0, (size_t)limbs * sizeof *b->limb);
    b->used += limbs;
}

static int compare_big(const big *a, const big *b)
{
    if (a->used != b->used) return a->used < b->used ? -1 : 1;
    for (int i = a->used - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* All digits as a whole number; its exponent of ten. Behind 800 digits, one 1 stands for the rest:
 * no double and no middle between two has as many. */
static int64_t digits_of(const decimal *d, big *out)
{
    out->used = 0;
    int64_t taken = 0;
    for (const char *at = d->from; at < d->end && taken < MOST_DIGITS; at++) {
        if (*at == '.') continue;
        multiply(out, 10, (uint32_t)(*at - '0'));
        taken++;
    }
    int64_t exponent = d->last + d->digits - taken;
    if (taken == d->digits) return exponent;
    multiply(out, 10, 1);
    return exponent - 1;
}

/* Compares digits × 10^ten with half × 2^two. */
static int compare(const big *digits, int64_t ten, uint64_t half, int64_t two)
{
    big left = *digits;
    big right = { .used = half >> 32 ? 2 : half > 0,
                  .limb = { (uint32_t)half, (uint32_t)(half >> 32) } };
    multiply_by_fives(ten >= 0 ? &left : &right, ten >= 0 ? ten : -ten);
    shift_left(ten > two ? &left : &right, ten > two ? ten - two : two - ten);
    return compare_big(&left, &right);
}

/* Near the number: off by no more than the roundings of a few products. */
static uint64_t estimate(const decimal *d)
{
    static const double TENS[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double value = (double)d->head;
    int64_t exponent = d->exponent;
    for (; exponent > 22; exponent -= 22) value *= 1e22;
    for (; exponent < -22; exponent += 22) value /= 1e22;
    value = exponent < 0 ? value / TENS[-exponent] : value * TENS[exponent];
    return value > DBL_MAX ? INFINITE - 1 : bits_of(value);
}

/* Whether the number lies above the middle between a double and the next one, or on it and the next
 * one is even. */
static bool belongs_above(const big *digits, int64_t ten, uint64_t bits)
{
    int two;
    const uint64_t mantissa = mantissa_of(bits, &two);
    const int order = compare(digits, ten, 2 * mantissa + 1, two - 1);
    return order > 0 || (order == 0 && bits & 1);
}

static nearest long_number(const decimal *d)
{
    big digits;
    int two;
    const int64_t ten = digits_of(d, &digits);
    nearest n = { estimate(d), 0 };
    while (n.bits < INFINITE && belongs_above(&digits, ten, n.bits)) n.bits++;
    while (n.bits > 0 && !belongs_above(&digits, ten, n.bits - 1)) n.bits--;
    const uint64_t mantissa = mantissa_of(n.bits, &two);
    n.side = n.bits == INFINITE ? -1 : compare(&digits, ten, mantissa, two);
    return n;
}

/* ---- the doors ------------------------------------------------------------------------------ */

static nearest nearest_of(const decimal *d)
{
    nearest n = { 0, 0 };
    if (d->head == 0) return n;
    const int64_t power = d->digits + d->last; /* the number is below 10^power */
    if (power >= TOO_LARGE) return (nearest){ INFINITE, -1 };
    if (power <= TOO_SMALL) return (nearest){ 0, 1 };
    if (!short_number(d, &n)) n = long_number(d);
    return n;
}

bool recur__json_double(recur__json value, double *out)
{
    if (recur__json_kind_of(value) != RECUR__JSON_NUMBER) return false;
    const decimal d = decimal_of(value);
    const nearest n = nearest_of(&d);
    *out = double_of(n.bits | (uint64_t)d.negative << 63);
    return n.bits < INFINITE;
}

/* By a double that is rounded to odd: cut off, and its last bit set if anything was cut off. Its 53
 * bits are two more than a second rounding needs to be right. */
bool recur__json_float(recur__json value, float *out)
{
    if (recur__json_kind_of(value) != RECUR__JSON_NUMBER) return false;
    const decimal d = decimal_of(value);
    nearest n = nearest_of(&d);
    if (n.side < 0) n.bits--;
    if (n.side) n.bits |= 1;
    const float result = (float)double_of(n.bits | (uint64_t)d.negative << 63);
    *out = result;
    return result <= FLT_MAX && result >= -FLT_MAX;
}

bool recur__json_whole(recur__json value, int64_t *out)
{
    if (recur__json_kind_of(value) != RECUR__JSON_NUMBER) return false;
    const bool negative = *value.at == '-';
    const char *at = negative ? value.at + 1 : value.at;
    int64_t sum = 0;
    for (; at < value.end && is_digit(*at); at++) {
        const int digit = *at - '0';
        if (__builtin_mul_overflow(sum, 10, &sum)) return false;
        if (__builtin_add_overflow(sum, negative ? -digit : digit, &sum)) return false;
    }
    *out = sum;
    return at == value.end || !(*at == '.' || (*at | 0x20) == 'e');
}
