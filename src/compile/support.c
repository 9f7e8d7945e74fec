/* support.c - the functions that parts of a model share, as C: products, rounding to int8,
 * functions of one number. Only those that are needed stand in a file.
 *
 * Own functions, which want no library: exp(-y) in whole numbers of 64 bits, to 2^-56 or better.
 * What is made of it is rounded once, so it is the float next to the function's value, as what the
 * reference set computes in double is. They take no double, which small processors lack. */
#include "compile/compile.h"

/* How a function is written. Of functions of one number: with the C library, in whole numbers of 64
 * bits, in float as the library's vectors have it. Of sums: in float, in double, in eight parts. */
typedef enum form { FORM_LIBRARY, FORM_OWN, FORM_EXACT, FORMS } form;

/* A function: its text and what it needs, in each form. A text that is NULL is that before it, with
 * what that needs. */
typedef struct function {
    uint32_t bit;
    const char *text[FORMS];
    uint32_t needs[FORMS];
} function;

/* ---- rows and products ---------------------------------------------------------------------- */

static const char copy_text[] = "/* to = from */\n"
                                "static void @_copy(int32_t n, const float *from, float *to)\n"
                                "{\n"
                                "    for (int32_t i = 0; i < n; i++) {\n"
                                "        to[i] = from[i];\n"
                                "    }\n"
                                "}\n";

/* Four rows at a time read x once for all of them, and their sums do not wait for each other. */
static const char product_text[] =
    "/* y [rows] += W [rows][columns] x [columns] */\n"
    "static void @_add_product(int32_t rows, int32_t columns, const float *W, const float *x,\n"
    "                          float *y)\n"
    "{\n"
    "    const int32_t whole = rows - rows % 4;\n"
    "    for (int32_t r = 0; r < whole; r += 4) {\n"
    "        const float *w0 = W + r * columns;\n"
    "        const float *w1 = w0 + columns;\n"
    "        const float *w2 = w1 + columns;\n"
    "        const float *w3 = w2 + columns;\n"
    "        {wide} sum0 = y[r];\n"
    "        {wide} sum1 = y[r + 1];\n"
    "        {wide} sum2 = y[r + 2];\n"
    "        {wide} sum3 = y[r + 3];\n"
    "        for (int32_t k = 0; k < columns; k++) {\n"
    "            const float number = x[k];\n"
    "            sum0 += {to_wide}w0[k] * {to_wide}number;\n"
    "            sum1 += {to_wide}w1[k] * {to_wide}number;\n"
    "            sum2 += {to_wide}w2[k] * {to_wide}number;\n"
    "            sum3 += {to_wide}w3[k] * {to_wide}number;\n"
    "        }\n"
    "        y[r] = {narrow}sum0;\n"
    "        y[r + 1] = {narrow}sum1;\n"
    "        y[r + 2] = {narrow}sum2;\n"
    "        y[r + 3] = {narrow}sum3;\n"
    "    }\n"
    "    for (int32_t r = whole; r < rows; r++) {\n"
    "        {wide} sum = y[r];\n"
    "        for (int32_t k = 0; k < columns; k++) {\n"
    "            sum += {to_wide}W[r * columns + k] * {to_wide}x[k];\n"
    "        }\n"
    "        y[r] = {narrow}sum;\n"
    "    }\n"
    "}\n";

static const char quantise_text[] =
    "/* q = whole numbers from -127 to 127 that are x times 127 / largest; what makes them x "
    "again.\n"
    " * A row with an infinity or a NaN gives NaN. */\n"
    "static float @_quantise(int32_t n, const float *x, int8_t *q)\n"
    "{\n"
    "    float largest = 0.0f;\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        const float magnitude = x[i] < 0.0f ? -x[i] : x[i];\n"
    "        if (!(magnitude <= largest) && largest == largest) {\n"
    "            largest = magnitude;\n"
    "        }\n"
    "    }\n"
    "    const int usable = largest >= 1e-30f && largest <= 3.402823466e+38f;\n"
    "    const float to = usable ? 127.0f / largest : 0.0f;\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        /* Behind 1.5 * 2^23 a float has no fraction: the sum is rounded, halves to even. */\n"
    "        const float number = usable ? x[i] * to : 0.0f;\n"
    "        const float shifted = number + 12582912.0f;\n"
    "        q[i] = (int8_t)(shifted - 12582912.0f);\n"
    "    }\n"
    "    if (!(largest <= 3.402823466e+38f)) {\n"
    "        return largest - largest;\n"
    "    }\n"
    "    return usable ? largest / 127.0f : 0.0f;\n"
    "}\n";

static const char four_sums_text[] =
    "/* sum[0 ... 3] = products of columns [0, columns) of four rows of whole numbers */\n"
    "#ifdef __ARM_FEATURE_SIMD32\n"
    "#include <arm_acle.h>\n"
    "#include <string.h>\n"
    "\n"
    "/* Four numbers, as the words that two instructions multiply in pairs: 0 and 2, 1 and 3. */\n"
    "static void @_pairs(const int8_t *from, int32_t pair[2])\n"
    "{\n"
    "    uint32_t four;\n"
    "    memcpy(&four, from, sizeof four);\n"
    "    pair[0] = __sxtb16((int8x4_t)four);\n"
    "    pair[1] = __sxtb16((int8x4_t)((four >> 8) | (four << 24)));\n"
    "}\n"
    "\n"
    "static void @_four_sums(int32_t columns, const int8_t *W, const int8_t *q, int32_t sum[4])\n"
    "{\n"
    "    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;\n"
    "    const int8_t *const w0 = W;\n"
    "    const int8_t *const w1 = w0 + columns;\n"
    "    const int8_t *const w2 = w1 + columns;\n"
    "    const int8_t *const w3 = w2 + columns;\n"
    "    int32_t k = 0;\n"
    "    for (; k + 4 <= columns; k += 4) {\n"
    "        int32_t x[2], w[2];\n"
    "        @_pairs(q + k, x);\n"
    "        @_pairs(w0 + k, w);\n"
    "        s0 = __smlad(w[1], x[1], __smlad(w[0], x[0], s0));\n"
    "        @_pairs(w1 + k, w);\n"
    "        s1 = __smlad(w[1], x[1], __smlad(w[0], x[0], s1));\n"
    "        @_pairs(w2 + k, w);\n"
    "        s2 = __smlad(w[1], x[1], __smlad(w[0], x[0], s2));\n"
    "        @_pairs(w3 + k, w);\n"
    "        s3 = __smlad(w[1], x[1], __smlad(w[0], x[0], s3));\n"
    "    }\n"
    "    for (; k < columns; k++) {\n"
    "        s0 += w0[k] * q[k];\n"
    "        s1 += w1[k] * q[k];\n"
    "        s2 += w2[k] * q[k];\n"
    "        s3 += w3[k] * q[k];\n"
    "    }\n"
    "    sum[0] = s0;\n"
    "    sum[1] = s1;\n"
    "    sum[2] = s2;\n"
    "    sum[3] = s3;\n"
    "}\n"
    "#elif defined(__riscv_vector) && defined(__riscv_v_intrinsic) && __riscv_v_intrinsic >= "
    "11000\n"
    "#include <riscv_vector.h>\n"
    "\n"
    "/* sum + w x, element by element; sums behind n stay. */\n"
    "static vint32m4_t @_plus(vint32m4_t sum, const int8_t *w, vint8m1_t x, size_t n)\n"
    "{\n"
    "    const vint16m2_t product = __riscv_vwmul_vv_i16m2(__riscv_vle8_v_i8m1(w, n), x, n);\n"
    "    return __riscv_vwadd_wv_i32m4_tu(sum, sum, product, n);\n"
    "}\n"
    "\n"
    "static int32_t @_of_all(vint32m4_t sum, size_t n)\n"
    "{\n"
    "    const vint32m1_t zero = __riscv_vmv_s_x_i32m1(0, 1);\n"
    "    return __riscv_vmv_x_s_i32m1_i32(__riscv_vredsum_vs_i32m4_i32m1(sum, zero, n));\n"
    "}\n"
    "\n"
    "static void @_four_sums(int32_t columns, const int8_t *W, const int8_t *q, int32_t sum[4])\n"
    "{\n"
    "    const size_t all = __riscv_vsetvlmax_e32m4();\n"
    "    vint32m4_t s0 = __riscv_vmv_v_x_i32m4(0, all);\n"
    "    vint32m4_t s1 = s0;\n"
    "    vint32m4_t s2 = s0;\n"
    "    vint32m4_t s3 = s0;\n"
    "    int32_t k = 0;\n"
    "    while (k < columns) {\n"
    "        const size_t n = __riscv_vsetvl_e8m1((size_t)(columns - k));\n"
    "        const vint8m1_t x = __riscv_vle8_v_i8m1(q + k, n);\n"
    "        s0 = @_plus(s0, W + k, x, n);\n"
    "        s1 = @_plus(s1, W + columns + k, x, n);\n"
    "        s2 = @_plus(s2, W + 2 * columns + k, x, n);\n"
    "        s3 = @_plus(s3, W + 3 * columns + k, x, n);\n"
    "        k += (int32_t)n;\n"
    "    }\n"
    "    sum[0] = @_of_all(s0, all);\n"
    "    sum[1] = @_of_all(s1, all);\n"
    "    sum[2] = @_of_all(s2, all);\n"
    "    sum[3] = @_of_all(s3, all);\n"
    "}\n"
    "#else\n"
    "static void @_four_sums(int32_t columns, const int8_t *W, const int8_t *q, int32_t sum[4])\n"
    "{\n"
    "    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;\n"
    "    const int8_t *const w1 = W + columns;\n"
    "    const int8_t *const w2 = w1 + columns;\n"
    "    const int8_t *const w3 = w2 + columns;\n"
    "    for (int32_t k = 0; k < columns; k++) {\n"
    "        const int32_t number = q[k];\n"
    "        s0 += W[k] * number;\n"
    "        s1 += w1[k] * number;\n"
    "        s2 += w2[k] * number;\n"
    "        s3 += w3[k] * number;\n"
    "    }\n"
    "    sum[0] = s0;\n"
    "    sum[1] = s1;\n"
    "    sum[2] = s2;\n"
    "    sum[3] = s3;\n"
    "}\n"
    "#endif\n";

static const char product_int8_text[] =
    "/* y [rows] += W x of whole numbers: W [rows][columns] times its scales, q times x_scale */\n"
    "static void @_add_product_int8(int32_t rows, int32_t columns, const int8_t *W,\n"
    "                               const float *scale, const int8_t *q, float x_scale, float *y)\n"
    "{\n"
    "    const int32_t whole = rows - rows % 4;\n"
    "    for (int32_t r = 0; r < whole; r += 4) {\n"
    "        int32_t sum[4];\n"
    "        @_four_sums(columns, W + r * columns, q, sum);\n"
    "        for (int32_t i = 0; i < 4; i++) {\n"
    "            const float product = (float)sum[i] * x_scale * scale[r + i];\n"
    "            y[r + i] += product;\n"
    "        }\n"
    "    }\n"
    "    for (int32_t r = whole; r < rows; r++) {\n"
    "        int32_t sum = 0;\n"
    "        for (int32_t k = 0; k < columns; k++) {\n"
    "            sum += W[r * columns + k] * q[k];\n"
    "        }\n"
    "        const float product = (float)sum * x_scale * scale[r];\n"
    "        y[r] += product;\n"
    "    }\n"
    "}\n";

/* ---- own functions -------------------------------------------------------------------------- */

static const char fixed_text[] =
    "/* A float, and its bits. */\n"
    "typedef union @_bits {\n"
    "    float number;\n"
    "    uint32_t bits;\n"
    "} @_bits;\n"
    "\n"
    "/* The high half of a product. */\n"
    "static uint64_t @_high(uint64_t a, uint64_t b)\n"
    "{\n"
    "    const uint64_t a1 = a >> 32, a0 = a & 0xffffffffu;\n"
    "    const uint64_t b1 = b >> 32, b0 = b & 0xffffffffu;\n"
    "    const uint64_t m = a1 * b0 + ((a0 * b0) >> 32);\n"
    "    const uint64_t n = a0 * b1 + (m & 0xffffffffu);\n"
    "    return a1 * b1 + (m >> 32) + (n >> 32);\n"
    "}\n"
    "\n"
    "/* exp(-y) = m 2^-(63 + n), m from 2^62 on; y from 2^-25 to below 128, given by its bits.\n"
    " * y / ln 2 = n + i/16 + g; a table has 2^(-i/16), a polynomial gives 2^-g. */\n"
    "static uint64_t @_power(uint32_t bits, int32_t *n)\n"
    "{\n"
    "    static const uint64_t root[16] = {\n"
    "        0xffffffffffffffffu, 0xf5257d152486cc2cu, 0xeac0c6e7dd24392fu,\n"
    "        0xe0ccdeec2a94e111u, 0xd744fccad69d6af4u, 0xce248c151f8480e4u,\n"
    "        0xc5672a115506daddu, 0xbd08a39f580c36bfu, 0xb504f333f9de6484u,\n"
    "        0xad583eea42a14ac6u, 0xa5fed6a9b15138eau, 0x9ef5326091a111aeu,\n"
    "        0x9837f0518db8a96fu, 0x91c3d373ab11c336u, 0x8b95c1e3ea8bd6e7u,\n"
    "        0x85aac367cc487b15u,\n"
    "    };\n"
    "    static const uint64_t taylor[9] = {\n"
    "        0x8000000000000000u, 0x8000000000000000u, 0x4000000000000000u,\n"
    "        0x1555555555555555u, 0x0555555555555555u, 0x0111111111111111u,\n"
    "        0x002d82d82d82d82eu, 0x0006806806806807u, 0x0000d00d00d00d01u,\n"
    "    };\n"
    "    const uint64_t log2e = 0xb8aa3b295c17f0bcu; /* 2^63 / ln 2 */\n"
    "    const uint64_t ln2 = 0xb17217f7d1cf79acu;   /* 2^64 ln 2 */\n"
    "    const uint64_t mantissa = (bits & 0x007fffffu) | 0x00800000u;\n"
    "    const int32_t right = 149 - (int32_t)(bits >> 23);\n"
    "    const uint64_t low = mantissa * (log2e & 0xffffffffu);\n"
    "    const uint64_t middle = mantissa * (log2e >> 32) + (low >> 32);\n"
    "    const uint64_t p1 = middle >> 32;\n"
    "    const uint64_t p0 = (middle << 32) | (low & 0xffffffffu);\n"
    "    const uint64_t f = (p1 << (64 - right)) | (p0 >> right);\n"
    "    const uint64_t v = @_high(f & 0x0fffffffffffffffu, ln2);\n"
    "    uint64_t p = taylor[8];\n"
    "    for (int32_t k = 7; k >= 0; k--) {\n"
    "        p = taylor[k] - @_high(v, p);\n"
    "    }\n"
    "    *n = (int32_t)(p1 >> right);\n"
    "    return @_high(p, root[f >> 60]);\n"
    "}\n"
    "\n"
    "/* m 2^-s as a float: rounded to 53 bits, then to 24, halves to even, as a double would be "
    "*/\n"
    "static float @_rounded(uint64_t m, int32_t s)\n"
    "{\n"
    "    @_bits to;\n"
    "    int32_t exponent = 190 - s;\n"
    "    int32_t drop = 40;\n"
    "    if (m == 0u) {\n"
    "        return 0.0f;\n"
    "    }\n"
    "    for (int32_t i = 32; i > 0; i /= 2) {\n"
    "        if ((m >> (64 - i)) == 0u) {\n"
    "            m <<= i;\n"
    "            exponent -= i;\n"
    "        }\n"
    "    }\n"
    "    if (m < 0xfffffffffffffc00u) {\n"
    "        m = (m + 0x400u) & 0xfffffffffffff800u;\n"
    "    }\n"
    "    if (exponent <= 0) { /* subnormal */\n"
    "        drop += 1 - exponent;\n"
    "        exponent = 1;\n"
    "    }\n"
    "    if (drop > 63) {\n"
    "        to.bits = drop == 64 ? 1u : 0u;\n"
    "        return to.number;\n"
    "    }\n"
    "    to.bits = (uint32_t)(m >> drop);\n"
    "    const uint64_t left = m << (64 - drop);\n"
    "    const uint64_t half = (uint64_t)1 << 63;\n"
    "    if (left > half || (left == half && to.bits % 2u != 0u)) {\n"
    "        to.bits++;\n"
    "    }\n"
    "    to.bits += (uint32_t)(exponent - 1) << 23;\n"
    "    return to.number;\n"
    "}\n";

/* Twice Newton's step, from what a float knows. */
static const char reciprocal_text[] =
    "/* 2^125 / d for d from 2^62 to 2^63 */\n"
    "static uint64_t @_reciprocal(uint64_t d)\n"
    "{\n"
    "    const float about = (float)(uint32_t)(d >> 32) * (1.0f / 1073741824.0f);\n"
    "    const int64_t r = (int64_t)(4294967040.0f / about);\n"
    "    const int64_t one = (int64_t)1 << 62;\n"
    "    int64_t q = r * ((int64_t)1 << 31);\n"
    "    int64_t rest = one - (int64_t)@_high(d, (uint64_t)q << 1);\n"
    "    q += rest / 1024 * r / ((int64_t)1 << 21);\n"
    "    rest = one - (int64_t)@_high(d, (uint64_t)q << 1);\n"
    "    q += rest * r / ((int64_t)1 << 31);\n"
    "    return (uint64_t)q;\n"
    "}\n";

static const char sigmoid_text[] = "static float @_sigmoid(float x)\n"
                                   "{\n"
                                   "    return 1.0f / (1.0f + expf(-x));\n"
                                   "}\n";

static const char own_sigmoid_text[] =
    "/* 1 / (1 + exp(-x)); below 0 exp(x) / (1 + exp(x)) */\n"
    "static float @_sigmoid(float x)\n"
    "{\n"
    "    @_bits a;\n"
    "    int32_t n;\n"
    "    a.number = x;\n"
    "    const int negative = a.bits > 0x7fffffffu;\n"
    "    a.bits &= 0x7fffffffu;\n"
    "    if (a.bits > 0x7f800000u) {\n"
    "        return x;\n"
    "    }\n"
    "    if (a.bits >= 0x43000000u) { /* 128 */\n"
    "        return negative ? 0.0f : 1.0f;\n"
    "    }\n"
    "    if (a.bits < 0x33000000u) { /* 2^-25 */\n"
    "        return 0.5f;\n"
    "    }\n"
    "    const uint64_t e = @_power(a.bits, &n);\n"
    "    const uint64_t r = @_reciprocal(((uint64_t)1 << 62) + (n < 62 ? e >> (n + 1) : 0u));\n"
    "    return negative ? @_rounded(@_high(e << 1, r), n + 63) : @_rounded(r, 63);\n"
    "}\n";

static const char tanh_text[] = "static float @_tanh(float x)\n"
                                "{\n"
                                "    return tanhf(x);\n"
                                "}\n";

static const char own_tanh_text[] =
    "/* (1 - e) / (1 + e) with e = exp(-2x); near 0 a series in x^2 */\n"
    "static float @_tanh(float x)\n"
    "{\n"
    "    static const uint64_t series[9] = {\n"
    "        0x8000000000000000u, 0x2aaaaaaaaaaaaaabu, 0x1111111111111111u,\n"
    "        0x06e86e86e86e86e8u, 0x02cc9e9105821f3eu, 0x01226e355e6c23c9u,\n"
    "        0x0075b4f43855f77fu, 0x002fb46c8a56ebc5u, 0x0013558248036744u,\n"
    "    };\n"
    "    @_bits a;\n"
    "    int32_t n;\n"
    "    float y;\n"
    "    a.number = x;\n"
    "    const int negative = a.bits > 0x7fffffffu;\n"
    "    a.bits &= 0x7fffffffu;\n"
    "    if (a.bits > 0x7f800000u || a.bits < 0x39000000u) { /* NaN; 2^-13 */\n"
    "        return x;\n"
    "    }\n"
    "    if (a.bits >= 0x41800000u) { /* 16 */\n"
    "        return negative ? -1.0f : 1.0f;\n"
    "    }\n"
    "    if (a.bits < 0x3e000000u) { /* 1/8 */\n"
    "        const uint64_t m = (uint64_t)((a.bits & 0x007fffffu) | 0x00800000u) << 40;\n"
    "        const int32_t s = 126 - (int32_t)(a.bits >> 23);\n"
    "        const uint64_t z = @_high(m, m) >> (2 * s);\n"
    "        uint64_t p = series[8];\n"
    "        for (int32_t k = 7; k >= 0; k--) {\n"
    "            p = series[k] - @_high(z, p);\n"
    "        }\n"
    "        y = @_rounded(@_high(m, p), 63 + s);\n"
    "    } else {\n"
    "        const uint64_t one = (uint64_t)1 << 62;\n"
    "        const uint64_t power = @_power(a.bits + 0x00800000u, &n);\n"
    "        const uint64_t e = n < 62 ? power >> (n + 1) : 0u;\n"
    "        y = @_rounded(@_high((one - e) << 1, @_reciprocal(one + e)), 62);\n"
    "    }\n"
    "    return negative ? -y : y;\n"
    "}\n";

static const char exp_text[] = "static float @_exp(float x)\n"
                               "{\n"
                               "    return expf(x);\n"
                               "}\n";

static const char own_exp_text[] = "/* exp(x) of an x that is not above 0 */\n"
                                   "static float @_exp(float x)\n"
                                   "{\n"
                                   "    @_bits a;\n"
                                   "    int32_t n;\n"
                                   "    a.number = x;\n"
                                   "    a.bits &= 0x7fffffffu;\n"
                                   "    if (a.bits > 0x7f800000u) {\n"
                                   "        return x;\n"
                                   "    }\n"
                                   "    if (a.bits >= 0x43000000u) {\n"
                                   "        return 0.0f;\n"
                                   "    }\n"
                                   "    if (a.bits < 0x33000000u) {\n"
                                   "        return 1.0f;\n"
                                   "    }\n"
                                   "    const uint64_t e = @_power(a.bits, &n);\n"
                                   "    return @_rounded(e, 63 + n);\n"
                                   "}\n";

/* Near 0 a difference would have no digits left. */
static const char expm1_text[] =
    "/* exp(x) - 1 of an x that is not above 0 */\n"
    "static float @_expm1(float x)\n"
    "{\n"
    "    if (x > -0.25f) {\n"
    "        return x * (1.0f + x * (0.5f + x * (0.166666667f + x * (0.0416666667f +\n"
    "               x * (0.00833333333f + x * 0.00138888889f)))));\n"
    "    }\n"
    "    return expf(x) - 1.0f;\n"
    "}\n";

static const char own_expm1_text[] =
    "/* exp(x) - 1 of an x that is not above 0; near 0 a series */\n"
    "static float @_expm1(float x)\n"
    "{\n"
    "    static const uint64_t series[12] = {\n"
    "        0x8000000000000000u, 0x4000000000000000u, 0x1555555555555555u,\n"
    "        0x0555555555555555u, 0x0111111111111111u, 0x002d82d82d82d82eu,\n"
    "        0x0006806806806807u, 0x0000d00d00d00d01u, 0x0000171de3a556c7u,\n"
    "        0x0000024fc9f6ef14u, 0x00000035cc8acfebu, 0x000000047bb63bfeu,\n"
    "    };\n"
    "    @_bits a;\n"
    "    int32_t n;\n"
    "    a.number = x;\n"
    "    a.bits &= 0x7fffffffu;\n"
    "    if (a.bits > 0x7f800000u || a.bits < 0x33000000u) {\n"
    "        return x;\n"
    "    }\n"
    "    if (a.bits >= 0x43000000u) {\n"
    "        return -1.0f;\n"
    "    }\n"
    "    if (a.bits < 0x3e000000u) { /* 1/8 */\n"
    "        const uint64_t m = (uint64_t)((a.bits & 0x007fffffu) | 0x00800000u) << 40;\n"
    "        const int32_t s = 126 - (int32_t)(a.bits >> 23);\n"
    "        const uint64_t y = s < 64 ? m >> s : 0u;\n"
    "        uint64_t p = series[11];\n"
    "        for (int32_t k = 10; k >= 0; k--) {\n"
    "            p = series[k] - @_high(y, p);\n"
    "        }\n"
    "        return -@_rounded(@_high(m, p), 63 + s);\n"
    "    }\n"
    "    const uint64_t e = @_power(a.bits, &n);\n"
    "    return -@_rounded(((uint64_t)1 << 63) - (n < 63 ? e >> n : 0u), 63);\n"
    "}\n";

/* ---- the functions of exact contexts -------------------------------------------------------- */

/* kernels/simd.h has the same for vectors; what is changed here is changed there. */
static const char power_text[] =
    "/* A float, and its bits. */\n"
    "typedef union @_bits {\n"
    "    float number;\n"
    "    uint32_t bits;\n"
    "} @_bits;\n"
    "\n"
    "/* exp(x) = 2^n (1 + what it returns), with 2^n as scale. t is n + 1.5 * 2^23, of which the\n"
    " * low bits are n; Moshier 1989. */\n"
    "static float @_power(float x, float t, float *scale)\n"
    "{\n"
    "    @_bits power;\n"
    "    power.number = t;\n"
    "    power.bits = (power.bits << 23) + 0x3f800000u;\n"
    "    *scale = power.number;\n"
    "    const float n = t - 12582912.0f;\n"
    "    const float r = x - n * 0.693359375f + n * 2.12194440e-4f;\n"
    "    const float r2 = r * r;\n"
    "    const float p54 = r * 1.9875691500e-4f + 1.3981999507e-3f;\n"
    "    const float p32 = r * 8.3334519073e-3f + 4.1665795894e-2f;\n"
    "    const float p10 = r * 1.6666665459e-1f + 5.0000001201e-1f;\n"
    "    return (p54 * r2 + p32) * (r2 * r2) + (p10 * r2 + r);\n"
    "}\n"
    "\n"
    "static float @_within(float low, float high, float x)\n"
    "{\n"
    "    const float below = high < x ? high : x;\n"
    "    return low > below ? low : below;\n"
    "}\n";

static const char exact_sigmoid_text[] =
    "/* 1 / (1 + exp(-x)) */\n"
    "static float @_sigmoid(float x)\n"
    "{\n"
    "    float scale;\n"
    "    const float a = -@_within(-88.0f, 87.0f, x);\n"
    "    const float p = @_power(a, a * 1.44269504088896341f + 12582912.0f, &scale);\n"
    "    return 1.0f / (p * scale + (scale + 1.0f));\n"
    "}\n";

static const char exact_tanh_text[] =
    "/* (exp(2x) - 1) / (exp(2x) + 1) */\n"
    "static float @_tanh(float x)\n"
    "{\n"
    "    float scale;\n"
    "    const float a = @_within(-10.0f, 10.0f, x);\n"
    "    const float p = @_power(2.0f * a, a * 2.88539008177792681f + 12582912.0f, &scale);\n"
    "    return (p * scale + (scale - 1.0f)) / (p * scale + (scale + 1.0f));\n"
    "}\n";

static const char exact_exp_text[] =
    "static float @_exp(float x)\n"
    "{\n"
    "    float scale;\n"
    "    const float a = @_within(-87.6f, 88.8f, x);\n"
    "    const float p = @_power(a, a * 1.44269504088896341f + 12582912.0f, &scale);\n"
    "    return p * scale + scale;\n"
    "}\n";

static const char exact_expm1_text[] =
    "/* exp(x) - 1 */\n"
    "static float @_expm1(float x)\n"
    "{\n"
    "    float scale;\n"
    "    const float a = @_within(-87.6f, 88.8f, x);\n"
    "    const float p = @_power(a, a * 1.44269504088896341f + 12582912.0f, &scale);\n"
    "    return p * scale + (scale - 1.0f);\n"
    "}\n";

/* ---- other functions of one number ---------------------------------------------------------- */

static const char relu_text[] = "static float @_relu(float x)\n"
                                "{\n"
                                "    return 0.0f > x ? 0.0f : x;\n"
                                "}\n";

static const char bounded_text[] = "/* x held within -bound and bound */\n"
                                   "static float @_bounded(float bound, float x)\n"
                                   "{\n"
                                   "    const float below = bound < x ? bound : x;\n"
                                   "    return -bound > below ? -bound : below;\n"
                                   "}\n";

static const char hard_sigmoid_text[] = "static float @_hard_sigmoid(float x)\n"
                                        "{\n"
                                        "    const float line = 0.2f * x + 0.5f;\n"
                                        "    const float below = 1.0f < line ? 1.0f : line;\n"
                                        "    return 0.0f > below ? 0.0f : below;\n"
                                        "}\n";

static const char softsign_text[] =
    "/* x / (1 + |x|) */\n"
    "static float @_softsign(float x)\n"
    "{\n"
    "    const float within = @_bounded(3.402823466e+38f, x);\n"
    "    return within / (1.0f + (-within > within ? -within : within));\n"
    "}\n";

static const char silu_text[] = "/* x sigmoid(x) */\n"
                                "static float @_silu(float x)\n"
                                "{\n"
                                "    return (-128.0f > x ? -128.0f : x) * @_sigmoid(x);\n"
                                "}\n";

static const char elu_text[] = "/* x above 0, exp(x) - 1 below */\n"
                               "static float @_elu(float x)\n"
                               "{\n"
                               "    return (0.0f > x ? 0.0f : x) + @_expm1(0.0f < x ? 0.0f : x);\n"
                               "}\n";

static const char positive_text[] =
    "/* x + 1/2 from 0 on, sigmoid(x) below */\n"
    "static float @_positive(float x)\n"
    "{\n"
    "    return (0.0f > x ? 0.0f : x) + @_sigmoid(0.0f < x ? 0.0f : x);\n"
    "}\n";

static const char gelu_text[] =
    "/* x times the share of a normal distribution that lies below x: erfc(z) = t exp(-z^2 +\n"
    " * polynomial in t), t = 1 / (1 + z/2), to 1.2e-7; Press 1992. */\n"
    "static float @_gelu(float x)\n"
    "{\n"
    "    const float z = (x < 0.0f ? -x : x) * 0.707106781f;\n"
    "    const float t = 1.0f / (1.0f + 0.5f * z);\n"
    "    float p = t * 0.17087277f - 0.82215223f;\n"
    "    p = p * t + 1.48851587f;\n"
    "    p = p * t - 1.13520398f;\n"
    "    p = p * t + 0.27886807f;\n"
    "    p = p * t - 0.18628806f;\n"
    "    p = p * t + 0.09678418f;\n"
    "    p = p * t + 0.37409196f;\n"
    "    p = p * t + 1.00002368f;\n"
    "    p = p * t - 1.26551223f;\n"
    "    const float beyond = 0.5f * t * @_exp(p - z * z);\n"
    "    const float share = (x <= 0.0f ? 0.0f : 1.0f - 2.0f * beyond) + beyond;\n"
    "    return (-128.0f > x ? -128.0f : x) * share;\n"
    "}\n";

static const char root_text[] =
    "/* The square root of an x that is not below 0: Newton's steps from half the exponent. */\n"
    "static float @_root(float x)\n"
    "{\n"
    "    union {\n"
    "        float number;\n"
    "        uint32_t bits;\n"
    "    } r;\n"
    "    if (!(x >= 1.17549435e-38f && x <= 3.402823466e+38f)) {\n"
    "        return x;\n"
    "    }\n"
    "    r.number = x;\n"
    "    r.bits = 0x1fbd1df5u + (r.bits >> 1);\n"
    "    for (int32_t i = 0; i < 3; i++) {\n"
    "        r.number = 0.5f * (r.number + x / r.number);\n"
    "    }\n"
    "    return r.number;\n"
    "}\n";

static const char exact_root_text[] =
    "/* The square root of an x that is not below 0, digit by digit: rounded once. */\n"
    "static double @_root(double x)\n"
    "{\n"
    "    union {\n"
    "        double number;\n"
    "        uint64_t bits;\n"
    "    } a;\n"
    "    uint64_t m, q = 0u, s = 0u;\n"
    "    int32_t exponent;\n"
    "    if (!(x >= 2.2250738585072014e-308 && x <= 1.7976931348623157e+308)) {\n"
    "        return x;\n"
    "    }\n"
    "    a.number = x;\n"
    "    exponent = (int32_t)(a.bits >> 52) - 1023;\n"
    "    m = (a.bits & 0x000fffffffffffffu) | 0x0010000000000000u;\n"
    "    if (exponent % 2 != 0) {\n"
    "        m <<= 1;\n"
    "        exponent--;\n"
    "    }\n"
    "    m <<= 1;\n"
    "    for (uint64_t r = (uint64_t)1 << 53; r != 0u; r >>= 1) {\n"
    "        const uint64_t t = s + r;\n"
    "        if (t <= m) {\n"
    "            s = t + r;\n"
    "            m -= t;\n"
    "            q += r;\n"
    "        }\n"
    "        m <<= 1;\n"
    "    }\n"
    "    q += m != 0u ? q & 1u : 0u;\n"
    "    a.bits = (q >> 1) + ((uint64_t)(exponent / 2 + 1022) << 52);\n"
    "    return a.number;\n"
    "}\n";

/* ---- rows ----------------------------------------------------------------------------------- */

static const char moments_text[] =
    "/* Of a row: (x - mean) scale + rest has mean 0 and variance 1; Ba 2016. */\n"
    "typedef struct @_moments {\n"
    "    float mean, scale, rest;\n"
    "} @_moments;\n"
    "\n"
    "static @_moments @_moments_of(int32_t n, {wide} epsilon, const float *x)\n"
    "{\n"
    "    {wide} sum = 0, rest = 0, squares = 0;\n"
    "    @_moments m;\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        sum += x[i];\n"
    "    }\n"
    "    m.mean = {narrow}(sum / ({wide})n);\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        const {wide} d = x[i] - m.mean;\n"
    "        rest += d;\n"
    "        squares += d * d;\n"
    "    }\n"
    "    rest /= ({wide})n;\n"
    "    const {wide} variance = squares / ({wide})n - rest * rest;\n"
    "    const {wide} scale = 1 / @_root((variance < 0 ? 0 : variance) + epsilon);\n"
    "    m.scale = {narrow}scale;\n"
    "    m.rest = {narrow}(-rest * scale);\n"
    "    return m;\n"
    "}\n"
    "\n"
    "static float @_normal(float x, @_moments m)\n"
    "{\n"
    "    return (x - m.mean) * m.scale + m.rest;\n"
    "}\n";

static const char rms_text[] =
    "/* 1 / sqrt(mean of x^2 + epsilon) */\n"
    "static float @_rms_scale(int32_t n, {wide} epsilon, const float *x)\n"
    "{\n"
    "    {wide} squares = 0;\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        squares += {to_wide}x[i] * {to_wide}x[i];\n"
    "    }\n"
    "    return {narrow}(1 / @_root(squares / ({wide})n + epsilon));\n"
    "}\n";

static const char total_text[] = "/* The sum of a row's eight sums. */\n"
                                 "static float @_total(const float lane[8])\n"
                                 "{\n"
                                 "    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +\n"
                                 "           ((lane[1] + lane[5]) + (lane[3] + lane[7]));\n"
                                 "}\n";

static const char dots_text[] =
    "/* y [rows] += W [rows][columns] x [columns] */\n"
    "static void @_add_dots(int32_t rows, int32_t columns, const float *W, const float *x,\n"
    "                       float *y)\n"
    "{\n"
    "    for (int32_t r = 0; r < rows; r++) {\n"
    "        float lane[8] = { 0.0f };\n"
    "        for (int32_t k = 0; k < columns; k++) {\n"
    "            lane[k % 8] += W[r * columns + k] * x[k];\n"
    "        }\n"
    "        y[r] += @_total(lane);\n"
    "    }\n"
    "}\n";

static const char exact_moments_text[] =
    "/* Of a row: (x - mean) scale + rest has mean 0 and variance 1; Ba 2016. */\n"
    "typedef struct @_moments {\n"
    "    float mean, scale, rest;\n"
    "} @_moments;\n"
    "\n"
    "static @_moments @_moments_of(int32_t n, double epsilon, const float *x)\n"
    "{\n"
    "    float sum[8] = { 0.0f };\n"
    "    float rest[8] = { 0.0f };\n"
    "    float squares[8] = { 0.0f };\n"
    "    @_moments m;\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        sum[i % 8] += x[i];\n"
    "    }\n"
    "    m.mean = (float)((double)@_total(sum) / (double)n);\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        const float d = x[i] - m.mean;\n"
    "        rest[i % 8] += d;\n"
    "        squares[i % 8] += d * d;\n"
    "    }\n"
    "    const double r = (double)@_total(rest) / (double)n;\n"
    "    const double variance = (double)@_total(squares) / (double)n - r * r;\n"
    "    const double scale = 1.0 / @_root((variance < 0.0 ? 0.0 : variance) + epsilon);\n"
    "    m.scale = (float)scale;\n"
    "    m.rest = (float)(-r * scale);\n"
    "    return m;\n"
    "}\n"
    "\n"
    "static float @_normal(float x, @_moments m)\n"
    "{\n"
    "    return (x - m.mean) * m.scale + m.rest;\n"
    "}\n";

static const char exact_rms_text[] =
    "/* 1 / sqrt(mean of x^2 + epsilon) */\n"
    "static float @_rms_scale(int32_t n, double epsilon, const float *x)\n"
    "{\n"
    "    float squares[8] = { 0.0f };\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        squares[i % 8] += x[i] * x[i];\n"
    "    }\n"
    "    return (float)(1.0 / @_root((double)@_total(squares) / (double)n + epsilon));\n"
    "}\n";

/* In the exact form the sum is that of 32 sums. */
static const char softmax_text[] = "/* y = exp(x) / sum of exp(x) */\n"
                                   "static void @_softmax(int32_t n, const float *x, float *y)\n"
                                   "{\n"
                                   "    float most = x[0], sum = 0.0f;\n"
                                   "    for (int32_t i = 1; i < n; i++) {\n"
                                   "        most = x[i] > most ? x[i] : most;\n"
                                   "    }\n"
                                   "    for (int32_t i = 0; i < n; i++) {\n"
                                   "        y[i] = @_exp(x[i] - most);\n"
                                   "        sum += y[i];\n"
                                   "    }\n"
                                   "    for (int32_t i = 0; i < n; i++) {\n"
                                   "        y[i] /= sum;\n"
                                   "    }\n"
                                   "}\n";

static const char exact_softmax_text[] =
    "/* y = exp(x) / sum of exp(x); the sum is one of 32 sums */\n"
    "static void @_softmax(int32_t n, const float *x, float *y)\n"
    "{\n"
    "    double lane[32] = { 0 };\n"
    "    float most = x[0];\n"
    "    for (int32_t i = 1; i < n; i++) {\n"
    "        most = x[i] > most ? x[i] : most;\n"
    "    }\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        const float e = @_exp(x[i] - most);\n"
    "        y[i] = e < 1.17549435e-38f ? 0.0f : e;\n"
    "        lane[i % 32] += (double)y[i];\n"
    "    }\n"
    "    for (int32_t half = 16; half > 0; half /= 2) {\n"
    "        for (int32_t j = 0; j < half; j++) {\n"
    "            lane[j] += lane[j + half];\n"
    "        }\n"
    "    }\n"
    "    const float scale = (float)(1 / lane[0]);\n"
    "    for (int32_t i = 0; i < n; i++) {\n"
    "        y[i] *= scale;\n"
    "    }\n"
    "}\n";

/* ---- the table, in the order of the file ---------------------------------------------------- */

enum { INVERSE = RECUR__NEED_FIXED | RECUR__NEED_RECIPROCAL };

static const function functions[] = {
    { RECUR__NEED_COPY, { copy_text }, { 0 } },
    { RECUR__NEED_PRODUCT, { product_text }, { 0 } },
    { RECUR__NEED_QUANTISE, { quantise_text }, { 0 } },
    { RECUR__NEED_FOUR_SUMS, { four_sums_text }, { 0 } },
    { RECUR__NEED_PRODUCT_INT8, { product_int8_text }, { RECUR__NEED_FOUR_SUMS } },
    { RECUR__NEED_FIXED, { fixed_text }, { 0 } },
    { RECUR__NEED_RECIPROCAL, { reciprocal_text }, { 0 } },
    { RECUR__NEED_POWER, { power_text }, { 0 } },
    { RECUR__NEED_SIGMOID,
      { sigmoid_text, own_sigmoid_text, exact_sigmoid_text },
      { 0, INVERSE, RECUR__NEED_POWER } },
    { RECUR__NEED_TANH,
      { tanh_text, own_tanh_text, exact_tanh_text },
      { 0, INVERSE, RECUR__NEED_POWER } },
    { RECUR__NEED_EXP,
      { exp_text, own_exp_text, exact_exp_text },
      { 0, RECUR__NEED_FIXED, RECUR__NEED_POWER } },
    { RECUR__NEED_EXPM1,
      { expm1_text, own_expm1_text, exact_expm1_text },
      { 0, RECUR__NEED_FIXED, RECUR__NEED_POWER } },
    { RECUR__NEED_RELU, { relu_text }, { 0 } },
    { RECUR__NEED_BOUNDED, { bounded_text }, { 0 } },
    { RECUR__NEED_HARD_SIGMOID, { hard_sigmoid_text }, { 0 } },
    { RECUR__NEED_SOFTSIGN, { softsign_text }, { RECUR__NEED_BOUNDED } },
    { RECUR__NEED_SILU, { silu_text }, { RECUR__NEED_SIGMOID } },
    { RECUR__NEED_ELU, { elu_text }, { RECUR__NEED_EXPM1 } },
    { RECUR__NEED_GELU, { gelu_text }, { RECUR__NEED_EXP } },
    { RECUR__NEED_POSITIVE, { positive_text }, { RECUR__NEED_SIGMOID } },
    { RECUR__NEED_ROOT, { root_text, exact_root_text }, { 0 } },
    { RECUR__NEED_TOTAL, { total_text }, { 0 } },
    { RECUR__NEED_DOTS, { dots_text }, { RECUR__NEED_TOTAL } },
    { RECUR__NEED_MOMENTS,
      { moments_text, NULL, exact_moments_text },
      { RECUR__NEED_ROOT, 0, RECUR__NEED_ROOT | RECUR__NEED_TOTAL } },
    { RECUR__NEED_RMS,
      { rms_text, NULL, exact_rms_text },
      { RECUR__NEED_ROOT, 0, RECUR__NEED_ROOT | RECUR__NEED_TOTAL } },
    { RECUR__NEED_SOFTMAX,
      { softmax_text, exact_softmax_text },
      { RECUR__NEED_EXP, RECUR__NEED_EXP } },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Functions of which the own form belongs to sums in double, not to own exp and tanh. */
enum { OF_SUMS = RECUR__NEED_ROOT | RECUR__NEED_SOFTMAX };

static form form_of(const recur__emitter *e, const function *f)
{
    const bool own = f->bit & OF_SUMS ? recur__is_reference_c(e)
                                      : (e->flags & RECUR_COMPILE_OWN_MATH) != 0;
    int written = FORM_LIBRARY;
    if (own) written = FORM_OWN;
    if (recur__is_exact_c(e)) written = FORM_EXACT;
    while (!f->text[written]) written--;
    return (form)written;
}

void recur__need(recur__emitter *e, uint32_t wanted)
{
    for (int i = FUNCTIONS - 1; i >= 0; i--) {
        const function *f = &functions[i];
        if (wanted & f->bit) wanted |= f->needs[form_of(e, f)];
    }
    e->needs |= wanted;
}

void recur__say_support(recur__emitter *e)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        const function *f = &functions[i];
        if (!(e->needs & f->bit)) continue;
        recur__say_text(e, RECUR__SECTION_ANY, f->text[form_of(e, f)]);
        recur__say_text(e, RECUR__SECTION_ANY, "\n");
    }
}

const char *recur__activation_c(recur__emitter *e, int32_t activation)
{
    static const struct {
        const char *name;
        uint32_t need;
    } names[] = {
        [RECUR_ACTIVATION_TANH] = { "tanh", RECUR__NEED_TANH },
        [RECUR_ACTIVATION_SIGMOID] = { "sigmoid", RECUR__NEED_SIGMOID },
        [RECUR_ACTIVATION_RELU] = { "relu", RECUR__NEED_RELU },
        [RECUR_ACTIVATION_HARD_SIGMOID] = { "hard_sigmoid", RECUR__NEED_HARD_SIGMOID },
        [RECUR_ACTIVATION_SOFTSIGN] = { "softsign", RECUR__NEED_SOFTSIGN },
        [RECUR_ACTIVATION_IDENTITY] = { NULL, 0 },
        [RECUR_ACTIVATION_SILU] = { "silu", RECUR__NEED_SILU },
        [RECUR_ACTIVATION_ELU] = { "elu", RECUR__NEED_ELU },
        [RECUR_ACTIVATION_GELU] = { "gelu", RECUR__NEED_GELU },
        [RECUR_ACTIVATION_POSITIVE] = { "positive", RECUR__NEED_POSITIVE },
    };
    recur__need(e, names[activation].need);
    return names[activation].name;
}
