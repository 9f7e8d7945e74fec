/* reduced.c - products with matrices of fewer bits. kernels/reduced.h says what their bits are; the
 * reference writes it down, all others compute a panel of 16 rows of W with several rows of x at
 * once. */
#include "kernels/reduced.h"
#include "kernels/simd.h"

#if RECUR__SET == RECUR__IS_ref

static float as_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void prepare_bfloat16(int64_t R, int64_t K, recur__matrix x, float *rows)
{
    for (int64_t r = 0; r < R; r++, rows += recur__reduced_row(K))
        for (int64_t k = 0; k < K + K % 2; k++)
            rows[k] = k < K ? recur__as_bfloat16(x.data[r * x.ld + k]) : 0;
}

static void bfloat16_multiply(const recur__reduced_product *p)
{
    const recur__reduced *W = p->W;
    const int64_t words = recur__reduced_words(W->precision, W->K), ld = recur__reduced_row(W->K);
    for (int64_t n = p->first * RECUR__PANEL_ROWS; n < recur__min(p->end * RECUR__PANEL_ROWS, W->N);
         n++)
        for (int64_t r = 0; r < p->R; r++) {
            const uint32_t *word = W->panels + n / RECUR__PANEL_ROWS * words * RECUR__PANEL_ROWS +
                                   n % RECUR__PANEL_ROWS;
            float sum = 0;
            for (int64_t i = 0; i < words; i++, word += RECUR__PANEL_ROWS) {
                sum += as_float(*word << 16) * p->rows[r * ld + 2 * i];
                sum += as_float(*word & 0xffff0000) * p->rows[r * ld + 2 * i + 1];
            }
            p->y.data[r * p->y.ld + n] += sum;
        }
}

/* As numbers in their order: the reference has no use for words of several. */
static void prepare_int8(int64_t R, int64_t K, recur__matrix x, float *rows)
{
    for (int64_t r = 0; r < R; r++, rows += recur__reduced_row(K)) {
        int32_t largest = 0;
        for (int64_t k = 0; k < K; k++) {
            const int32_t magnitude = recur__magnitude(x.data[r * x.ld + k]);
            if (magnitude > largest) largest = magnitude;
        }
        const recur__scales scales = recur__scales_of(largest);
        rows[0] = scales.from;
        for (int64_t k = 0; k < K; k++) {
            const int8_t q = (int8_t)recur__as_int8(x.data[r * x.ld + k], scales);
            memcpy((char *)(rows + RECUR__ROW_HEAD) + k, &q, 1);
        }
    }
}

static void int8_multiply(const recur__reduced_product *p)
{
    const recur__reduced *W = p->W;
    const int64_t words = recur__reduced_words(W->precision, W->K), ld = recur__reduced_row(W->K);
    for (int64_t n = p->first * RECUR__PANEL_ROWS; n < recur__min(p->end * RECUR__PANEL_ROWS, W->N);
         n++)
        for (int64_t r = 0; r < p->R; r++) {
            const int8_t *x = (const int8_t *)(p->rows + r * ld + RECUR__ROW_HEAD);
            const uint32_t *panel = W->panels + n / RECUR__PANEL_ROWS * words * RECUR__PANEL_ROWS;
            int32_t sum = 0;
            for (int64_t k = 0; k < W->K; k++) {
                const int64_t i = k / 16 * 4 + k % 4;
                const uint32_t word = panel[i * RECUR__PANEL_ROWS + n % RECUR__PANEL_ROWS];
                sum += (int8_t)(word >> k % 16 / 4 * 8) * x[k];
            }
            const float product = (float)sum * p->rows[r * ld] * W->scale[n];
            p->y.data[r * p->y.ld + n] += product;
        }
}

#else

/* ---- vectors -------------------------------------------------------------------------------- */

typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef int16_t vs __attribute__((vector_size(4 * VW)));
typedef uint32_t vu __attribute__((vector_size(4 * VW)));

/* Vectors of a panel's 16 rows; rows of x in a tile; panels that one row takes at once, as its sums
 * would else wait for each other. */
enum {
    V = RECUR__PANEL_ROWS / VW,
    MOST = RECUR__SET == RECUR__IS_sse2 ? 3 : 6,
    AT_ONCE = 8 / V,
    FEW = V > 2 ? 1 : 4 / V,      /* panels of a tile of two rows */
    AHEAD = 4 * RECUR__PANEL_ROWS /* words that are fetched for a row alone, from its panels */
};

INLINE vi load_words(const uint32_t *p)
{
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* A word in all lanes. */
INLINE vi spread(const float *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    return word - (vi){ 0 };
}

INLINE vf to_floats(vi v) { return __builtin_convertvector(v, vf); }

/* The register of a vector, of which compilers know nothing behind IN_REGISTER. STAY: loads that
 * come behind it stay there. Without these compilers keep too much in registers. */
#if RECUR__SET == RECUR__IS_neon
#define IN_REGISTER(v) __asm__ volatile("" : "+w"(v))
#elif RECUR__SET == RECUR__IS_avx512
#define IN_REGISTER(v) __asm__ volatile("" : "+v"(v))
#elif RECUR__SET == RECUR__IS_vec4 /* it has whatever registers the machine has */
#define IN_REGISTER(v) (void)(v)
#else
#define IN_REGISTER(v) __asm__ volatile("" : "+x"(v))
#endif
#define STAY __asm__ volatile("" ::: "memory")

/* Keeps compilers from adding to a product without rounding it. */
INLINE vf rounded(vf v)
{
    IN_REGISTER(v);
    return v;
}

#if RECUR__SET == RECUR__IS_avx512
INLINE vf plus_product(vf sum, vf a, vf b)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
}
INLINE vi multiply_pairs(vs a, vi b) { return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b); }
#elif RECUR__SET == RECUR__IS_avx2
INLINE vf plus_product(vf sum, vf a, vf b)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
}
INLINE vi multiply_pairs(vs a, vi b) { return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
#elif RECUR__SET == RECUR__IS_avx2_exact
INLINE vf plus_product(vf sum, vf a, vf b) { return sum + a * b; }
INLINE vi multiply_pairs(vs a, vi b) { return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
#elif RECUR__SET == RECUR__IS_sse2
INLINE vf plus_product(vf sum, vf a, vf b) { return sum + a * b; }
INLINE vi multiply_pairs(vs a, vi b) { return (vi)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#elif RECUR__SET == RECUR__IS_vec4
INLINE vf plus_product(vf sum, vf a, vf b) { return sum + a * b; }
INLINE vi multiply_pairs(vs a, vi b)
{
    const vi low = ((vi)a << 16 >> 16) * (b << 16 >> 16);
    return low + ((vi)a >> 16) * (b >> 16);
}
#else
INLINE vf plus_product(vf sum, vf a, vf b)
{
    return (vf)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
}
#endif

#if RECUR__SET == RECUR__IS_neon
INLINE i4 to_nearest(f4 x) { return (i4)vcvtnq_s32_f32((float32x4_t)x); }
#elif RECUR__SET == RECUR__IS_vec4
INLINE i4 to_nearest(f4 x) { return (i4)(x + (float)V_MAGIC) - 0x4B400000; }
#else
INLINE i4 to_nearest(f4 x) { return (i4)_mm_cvtps_epi32((__m128)x); }
#endif

/* ---- rows of x ------------------------------------------------------------------------------ */

INLINE vf as_bfloat16(vf x)
{
    enum { SMALLEST = (127 - 56) << 23 };
    const vi bits = (vi)x, number = x == x;
    const vi up = (vi)((vu)bits + 0x7fff + ((vu)bits >> 16 & 1));
    const vi near = (up & number) | ((bits | 0x00400000) & ~number);
    return (vf)(near & ((bits & 0x7fffffff) >= SMALLEST) & -0x10000);
}

static void prepare_bfloat16(int64_t R, int64_t K, recur__matrix x, float *rows)
{
    for (int64_t r = 0; r < R; r++, rows += recur__reduced_row(K)) {
        const float *row = x.data + r * x.ld;
        int64_t k = 0;
        for (; k + VW <= K; k += VW) v_store(rows + k, as_bfloat16(v_load(row + k)));
        if (k < K) v_store(rows + k, as_bfloat16(v_load_n(row + k, K - k)));
    }
}

INLINE vi larger(vi a, vi b)
{
    const vi first = a > b;
    return (a & first) | (b & ~first);
}

static int32_t largest_of(const float *x, int64_t K)
{
    vi largest = { 0 };
    int64_t k = 0;
    for (; k + VW <= K; k += VW) largest = larger(largest, (vi)v_load(x + k) & 0x7fffffff);
    if (k < K) largest = larger(largest, (vi)v_load_n(x + k, K - k) & 0x7fffffff);
    int32_t most = 0;
    for (int i = 0; i < VW; i++)
        if (largest[i] > most) most = largest[i];
    return most;
}

/* Where the words of a prepared row begin. */
typedef struct words_of_row {
    float *even, *odd, *fours;
} words_of_row;

INLINE words_of_row words_at(float *row, int64_t words)
{
    float *even = row + RECUR__ROW_HEAD;
    return (words_of_row){ even, even + words, even + 2 * words };
}

/* The words of a block of 16 numbers, of which each has number j, j + 4, j + 8 and j + 12. */
INLINE void prepare_block(const float *x, float scale, words_of_row to, int64_t word)
{
    i4 q[4];
    for (int i = 0; i < 4; i++) {
        f4 v;
        memcpy(&v, x + 4 * i, sizeof v);
        q[i] = to_nearest(v * scale);
    }
    const i4 even = (q[0] & 0xffff) | (q[2] << 16), odd = (q[1] & 0xffff) | (q[3] << 16);
    const i4 all = (even & 0x00ff00ff) | ((odd & 0x00ff00ff) << 8);
    memcpy(to.even + word, &even, sizeof even);
    memcpy(to.odd + word, &odd, sizeof odd);
    memcpy(to.fours + word, &all, sizeof all);
}

static void prepare_int8(int64_t R, int64_t K, recur__matrix x, float *rows)
{
    const int64_t words = recur__reduced_words(RECUR_PRECISION_INT8, K);
    for (int64_t r = 0; r < R; r++, rows += recur__reduced_row(K)) {
        const float *row = x.data + r * x.ld;
        const recur__scales scales = recur__scales_of(largest_of(row, K));
        const words_of_row to = words_at(rows, words);
        float last[16] = { 0 };
        int64_t k = 0;
        rows[0] = scales.from;
        for (; k + 16 <= K; k += 16) prepare_block(row + k, scales.to, to, k / 4);
        for (int64_t i = k; i < K; i++) last[i - k] = row[i];
        if (k < K) prepare_block(last, scales.to, to, k / 4);
    }
}

/* ---- tiles ---------------------------------------------------------------------------------- */

/* Panels and rows of one tile. `next` is what is fetched meanwhile, `step` words with each row of a
 * panel. */
typedef struct tile {
    const recur__reduced *W;
    int64_t words, panel, ld;
    const float *rows;
    float *y; /* of the first panel */
    int64_t ldy;
    const uint32_t *next;
    int64_t step;
} tile;

INLINE const uint32_t *panel_at(const tile *t, int p)
{
    return t->W->panels + (t->panel + p) * t->words * RECUR__PANEL_ROWS;
}

/* Rows of W from vector v of panel p on; below 1: there are none. */
INLINE int64_t left_at(const tile *t, int p, int v)
{
    return t->W->N - (t->panel + p) * RECUR__PANEL_ROWS - v * VW;
}

/* Adds a vector to y where it has rows of W. */
INLINE void add_to(const tile *t, int p, int r, int v, vf sum)
{
    const int64_t left = left_at(t, p, v);
    float *y = t->y + r * t->ldy + p * RECUR__PANEL_ROWS + v * VW;
    if (left >= VW)
        v_store(y, v_load(y) + sum);
    else if (left > 0)
        v_store_n(y, v_load_n(y, left) + sum, left);
}

INLINE void add_product(vf *sum, vf x, vf w)
{
    *sum = plus_product(*sum, x, w);
    IN_REGISTER(*sum);
}

typedef vf bfloat16_sums[AT_ONCE > FEW ? AT_ONCE : FEW][MOST][V];

/* Word i of P panels and of one row of x. Nothing is loaded twice, as loads are what it waits for.
 */
INLINE void add_bfloat16_alone(int P, const tile *t, int64_t i, const uint32_t *word,
                               bfloat16_sums sum)
{
    const int64_t apart = t->words * RECUR__PANEL_ROWS;
    const vf even = v_set(t->rows[2 * i]), odd = v_set(t->rows[2 * i + 1]);
    UNROLL for (int p = 0; p < P; p++)
    {
        UNROLL for (int v = 0; v < V; v++)
        {
            const uint32_t *at = word + p * apart + v * VW;
            const vi w = load_words(at);
            if (v == 0) __builtin_prefetch(at + AHEAD, 0, 2);
            add_product(&sum[p][0][v], even, (vf)(w << 16));
            add_product(&sum[p][0][v], odd, (vf)(w & -0x10000));
        }
    }
}

/* The same for MR rows, whose sums take the registers: words are loaded once for each half. */
INLINE void add_bfloat16_rows(int P, int MR, const tile *t, int64_t i, const uint32_t *word,
                              bfloat16_sums sum)
{
    const int64_t apart = t->words * RECUR__PANEL_ROWS;
    UNROLL for (int p = 0; p < P; p++)
    {
        vf w[V];
        UNROLL for (int v = 0; v < V; v++) w[v] = (vf)(load_words(word + p * apart + v * VW) << 16);
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vf x = v_set(t->rows[r * t->ld + 2 * i]);
            UNROLL for (int v = 0; v < V; v++) add_product(&sum[p][r][v], x, w[v]);
        }
        STAY;
        UNROLL for (int v = 0; v < V; v++)
            w[v] = (vf)(load_words(word + p * apart + v * VW) & -0x10000);
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vf x = v_set(t->rows[r * t->ld + 2 * i + 1]);
            UNROLL for (int v = 0; v < V; v++) add_product(&sum[p][r][v], x, w[v]);
        }
    }
}

INLINE void bfloat16_tile(bool fetches, int P, int MR, const tile t)
{
    bfloat16_sums sum;
    UNROLL for (int p = 0; p < P; p++)
    {
        UNROLL for (int r = 0; r < MR; r++)
        {
            UNROLL for (int v = 0; v < V; v++) sum[p][r][v] = v_set(0);
        }
    }
    const uint32_t *word = panel_at(&t, 0), *next = fetches ? t.next : word;
    for (int64_t i = 0; i < t.words; i++, word += RECUR__PANEL_ROWS, next += t.step) {
        if (fetches) __builtin_prefetch(next, 0, 2);
        if (MR == 1)
            add_bfloat16_alone(P, &t, i, word, sum);
        else
            add_bfloat16_rows(P, MR, &t, i, word, sum);
    }
    UNROLL for (int p = 0; p < P; p++)
    {
        UNROLL for (int r = 0; r < MR; r++)
        {
            UNROLL for (int v = 0; v < V; v++) add_to(&t, p, r, v, sum[p][r][v]);
        }
    }
}

/* What the whole numbers of a tile are worth. */
INLINE void add_whole(const tile *t, int p, int r, int v, vi sum)
{
    const float *scales = t->W->scale + (t->panel + p) * RECUR__PANEL_ROWS + v * VW;
    const int64_t left = left_at(t, p, v);
    const vf scale = left > 0 ? v_load_part(scales, left) : v_set(0);
    add_to(t, p, r, v, rounded(to_floats(sum) * v_set(t->rows[r * t->ld]) * scale));
}

/* sum += products of the four numbers of each word, of row r of x and word i of a panel's rows */
#if RECUR__SET == RECUR__IS_neon
INLINE vi plus_four(vi sum, vi w, vi x)
{
#ifdef __ARM_FEATURE_DOTPROD
    return (vi)vdotq_s32((int32x4_t)sum, (int8x16_t)w, (int8x16_t)x);
#else
    const int8x16_t a = (int8x16_t)w, b = (int8x16_t)x;
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    const int32x4_t high = vpaddlq_s16(vmull_s8(vget_high_s8(a), vget_high_s8(b)));
    return sum + (vi)vpaddq_s32(low, high);
#endif
}
#elif RECUR__AVX2
/* Neither half of a sum of two products saturates: 2 * 127 * 127 < 32768. */
INLINE vi plus_four(vi sum, vi w, vi x)
{
    const __m256i signed_w = _mm256_sign_epi8((__m256i)w, (__m256i)x);
    const __m256i two = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)x), signed_w);
    return sum + (vi)_mm256_madd_epi16(two, _mm256_set1_epi16(1));
}
#endif

/* By words of four, where a set multiplies these: rows alone, and all rows of NEON. */
enum { FOURS = RECUR__SET == RECUR__IS_neon ? MOST : RECUR__AVX2 ? 1 : 0 };

#if RECUR__SET == RECUR__IS_neon || RECUR__AVX2
INLINE void multiply_fours(bool fetches, int MR, const tile *t, vi sum[MOST][V])
{
    const uint32_t *word = panel_at(t, 0), *next = fetches ? t->next : word;
    const float *x = t->rows + RECUR__ROW_HEAD + 2 * t->words; /* the words of four */
    for (int64_t i = 0; i < t->words; i++, word += RECUR__PANEL_ROWS, next += t->step) {
        if (fetches) __builtin_prefetch(next, 0, 2);
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vi four = spread(x + r * t->ld + i);
            UNROLL for (int v = 0; v < V; v++)
                sum[r][v] = plus_four(sum[r][v], load_words(word + v * VW), four);
        }
    }
}
#else
INLINE void multiply_fours(bool fetches, int MR, const tile *t, vi sum[MOST][V])
{
    (void)fetches;
    (void)MR;
    (void)t;
    (void)sum;
}
#endif

#if RECUR__SET != RECUR__IS_neon
/* One after the other, or compilers keep so many products that they run out of registers. */
INLINE void add_pairs(vi *sum, vs w, vi pair)
{
    *sum += multiply_pairs(w, pair);
    IN_REGISTER(*sum);
}

INLINE void multiply_twos(bool fetches, int MR, const tile *t, vi sum[MOST][V])
{
    const uint32_t *word = panel_at(t, 0), *next = fetches ? t->next : word;
    const float *x = t->rows + RECUR__ROW_HEAD;
    for (int64_t i = 0; i < t->words; i++, word += RECUR__PANEL_ROWS, next += t->step, x++) {
        if (fetches) __builtin_prefetch(next, 0, 2);
        vs w[V];
        UNROLL for (int v = 0; v < V; v++) w[v] = (vs)load_words(word + v * VW) << 8 >> 8;
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vi pair = spread(x + r * t->ld);
            UNROLL for (int v = 0; v < V; v++) add_pairs(&sum[r][v], w[v], pair);
        }
        STAY;
        UNROLL for (int v = 0; v < V; v++) w[v] = (vs)load_words(word + v * VW) >> 8;
        UNROLL for (int r = 0; r < MR; r++)
        {
            const vi pair = spread(x + r * t->ld + t->words);
            UNROLL for (int v = 0; v < V; v++) add_pairs(&sum[r][v], w[v], pair);
        }
    }
}
#else
INLINE void multiply_twos(bool fetches, int MR, const tile *t, vi sum[MOST][V])
{
    multiply_fours(fetches, MR, t, sum);
}
#endif

INLINE void int8_tile(bool fetches, int P, int MR, const tile t)
{
    vi sum[MOST][V];
    (void)P; /* one panel: sums of whole numbers wait for nothing */
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < V; v++) sum[r][v] = (vi){ 0 };
    }
    if (MR <= FOURS)
        multiply_fours(fetches, MR, &t, sum);
    else
        multiply_twos(fetches, MR, &t, sum);
    UNROLL for (int r = 0; r < MR; r++)
    {
        UNROLL for (int v = 0; v < V; v++) add_whole(&t, 0, r, v, sum[r][v]);
    }
}

/* ---- all rows and panels -------------------------------------------------------------------- */

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* The functions of one precision, from its tile: up to `most` rows, `two` panels of two rows at
 * once, and `alone` of one. */
#define TILES(name, most, two, alone)                                                             \
    static void name##_rows(int64_t rows, const tile *t)                                          \
    {                                                                                             \
        switch (rows) {                                                                           \
        case 1:                                                                                   \
            name##_tile(true, 1, 1, *t);                                                          \
            break;                                                                                \
        case 2:                                                                                   \
            name##_tile(true, 1, 2, *t);                                                          \
            break;                                                                                \
        case 3:                                                                                   \
            name##_tile(true, 1, 3, *t);                                                          \
            break;                                                                                \
        case 4:                                                                                   \
            if (least(most, MOST) > 3) name##_tile(true, 1, 4, *t);                               \
            break;                                                                                \
        case 5:                                                                                   \
            if (least(most, MOST) > 4) name##_tile(true, 1, 5, *t);                               \
            break;                                                                                \
        default:                                                                                  \
            if (least(most, MOST) > 5) name##_tile(true, 1, 6, *t);                               \
            break;                                                                                \
        }                                                                                         \
    }                                                                                             \
    static void name##_at_once(int64_t rows, const tile *t)                                       \
    {                                                                                             \
        if (rows == 1)                                                                            \
            name##_tile(false, alone, 1, *t);                                                     \
        else                                                                                      \
            name##_tile(false, two, 2, *t);                                                       \
    }                                                                                             \
    static void name##_multiply(const recur__reduced_product *p)                                  \
    {                                                                                             \
        const int64_t at_once = p->R == 1 ? (alone) : (two);                                      \
        tile t = tile_of(p);                                                                      \
        for (; p->R <= 2 && t.panel + at_once <= p->end; forward(&t, at_once))                    \
            name##_at_once(p->R, &t);                                                             \
        for (; t.panel < p->end; forward(&t, 1)) run_panel(p, t, least(most, MOST), name##_rows); \
    }

INLINE tile tile_of(const recur__reduced_product *p)
{
    return (tile){
        .W = p->W,
        .words = recur__reduced_words(p->W->precision, p->W->K),
        .panel = p->first,
        .ld = recur__reduced_row(p->W->K),
        .rows = p->rows,
        .y = p->y.data + p->first * RECUR__PANEL_ROWS,
        .ldy = p->y.ld,
    };
}

INLINE void forward(tile *t, int64_t panels)
{
    t->panel += panels;
    t->y += panels * RECUR__PANEL_ROWS;
}

/* One panel and all rows, while the next panel is fetched. */
INLINE void run_panel(const recur__reduced_product *p, tile t, int64_t most,
                      void (*run)(int64_t rows, const tile *t))
{
    const int64_t tiles = (p->R + most - 1) / most;
    t.step = (RECUR__PANEL_ROWS + tiles - 1) / tiles;
    t.next = panel_at(&t, t.panel + 1 < p->end ? 1 : 0);
    for (int64_t r = 0, rows; r < p->R; r += rows) {
        const int64_t blocks = (p->R - r + most - 1) / most;
        rows = (p->R - r + blocks - 1) / blocks;
        run(rows, &t);
        t.rows += rows * t.ld;
        t.y += rows * t.ldy;
        t.next += t.words * t.step;
    }
}

TILES(bfloat16, 5, FEW, AT_ONCE) /* the sixth row of AVX2 has no registers left */
TILES(int8, 6, 1, 1)

#endif

const recur__reduced_kernels RECUR__PER_ISA(reduced) = {
    .prepare = { NULL, RECUR__IF(REDUCED, prepare_bfloat16), RECUR__IF(REDUCED, prepare_int8) },
    .multiply = { NULL, RECUR__IF(REDUCED, bfloat16_multiply), RECUR__IF(REDUCED, int8_multiply) },
};
