/* sampling.c - drawing ids from logits, without memory for a sorted copy.
 *
 * The likelier class has the larger logit, of equal logits the lower id. So what a filter keeps is
 * a threshold: all logits above it, and so many of the first that equal it. Thresholds are searched
 * by bisection over the bits of a float, which are made to order like the numbers; that is exact.
 */
#include <math.h>

#include "base/elementary.h"
#include "base/base.h"

typedef struct row {
    int64_t classes;
    const float *y;
    double max, temperature;
    uint32_t threshold; /* classes with a larger key are kept, */
    int64_t ties;       /* and the first so many of the same key */
} row;

/* Orders like the number; -0 as +0. */
static uint32_t key(float y)
{
    const float positive_zero = y + 0.0f;
    uint32_t bits;
    memcpy(&bits, &positive_zero, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* exp((y - max) / temperature): at most 1, 0 for -infinity. */
static double weight(const row *r, float y)
{
    return recur__exp(((double)y - r->max) / r->temperature);
}

/* How many of the row have at least this key. */
static int64_t count_from(const row *r, uint32_t from)
{
    int64_t count = 0;
    for (int64_t c = 0; c < r->classes; c++) count += key(r->y[c]) >= from;
    return count;
}

/* The weights of the keys in [from, below). */
static double weight_between(const row *r, uint32_t from, uint32_t below)
{
    double sum = 0;
    for (int64_t c = 0; c < r->classes; c++) {
        const uint32_t k = key(r->y[c]);
        if (k >= from && k < below) sum += weight(r, r->y[c]);
    }
    return sum;
}

/* Keeps the k likeliest: the threshold is the largest key that k classes reach. */
static void keep_k(row *r, int64_t k)
{
    if (k >= r->classes) return;
    uint32_t t = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1)
        if (count_from(r, t | bit) >= k) t |= bit;
    r->threshold = t;
    r->ties = k - count_from(r, t + 1); /* no key is UINT32_MAX: that is a NaN */
}

/* The weight of one class at the threshold. */
static double weight_at(const row *r, uint32_t threshold)
{
    for (int64_t c = 0; c < r->classes; c++)
        if (key(r->y[c]) == threshold) return weight(r, r->y[c]);
    return 0;
}

/* Of what is kept, keeps the fewest likeliest whose weights reach the part p of their sum. */
static void keep_p(row *r, double p)
{
    uint32_t low = r->threshold,
             high = key((float)r->max) + 1; /* keys in [high, ...) are kept for sure */
    double above = 0;
    const double total = weight_between(r, low + 1, high) + (double)r->ties * weight_at(r, low),
                 goal = p * total;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        const double with = above + weight_between(r, middle, high);
        if (with >= goal) {
            low = middle;
        } else {
            high = middle;
            above = with;
        }
    }
    const double each = weight_at(r, low);
    const int64_t most = low == r->threshold ? r->ties
                                             : count_from(r, low) - count_from(r, low + 1);
    r->threshold = low;
    r->ties = 1;
    while (r->ties < most && above + (double)r->ties * each < goal) r->ties++;
}

/* Whether class c is kept; asked for all classes in order, with ties counting down from the row's.
 */
static bool kept(const row *r, int64_t c, int64_t *ties)
{
    const uint32_t k = key(r->y[c]);
    return k > r->threshold || (k == r->threshold && (*ties)-- > 0);
}

/* The first class up to which the kept weights are more than u of their sum. */
static int64_t draw(const row *r, double u)
{
    double total = 0;
    for (int64_t c = 0, ties = r->ties; c < r->classes; c++)
        if (kept(r, c, &ties)) total += weight(r, r->y[c]);
    double sum = 0;
    int64_t last = 0;
    for (int64_t c = 0, ties = r->ties; c < r->classes; c++) {
        if (!kept(r, c, &ties)) continue;
        const double w = weight(r, r->y[c]);
        if (w == 0) continue;
        last = c;
        sum += w;
        if (sum > u * total) break;
    }
    return last;
}

/* The likeliest class, or -1: the row has NaN or +infinity (at *bad), or no finite number (*bad is
 * -1). */
static int64_t likeliest(const float *y, int64_t classes, int64_t *bad)
{
    int64_t best = -1;
    *bad = -1;
    for (int64_t c = 0; c < classes; c++) {
        if (isnan(y[c]) || y[c] == INFINITY) {
            *bad = c;
            return -1;
        }
        if (y[c] > (best < 0 ? -INFINITY : y[best])) best = c;
    }
    return best;
}

static void fill_in(recur_sample_options *o)
{
    if (o->top_p == 0) o->top_p = 1;
    if (o->temperature == 0) o->temperature = 1;
}

recur_status recur_sample_options_init(recur_sample_options *options, size_t size)
{
    RECUR__NOT_NULL(options);
    recur_sample_options o = { 0 };
    fill_in(&o);
    return recur__set_out(__func__, &o, sizeof o, options, size);
}

static recur_status check(const recur_sample_options *o, int64_t rows, int64_t classes)
{
    if (o->top_k < 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_sample: top_k is %d; it must be at least 0",
                           (int)o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return recur__fail(RECUR_E_ARGUMENT, "recur_sample: top_p is %g; it must be in (0,1]",
                           o->top_p);
    if (!(o->temperature > 0 && o->temperature < INFINITY))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_sample: temperature is %g; it must be above 0 and finite; for "
                           "the likeliest class set top_k to 1",
                           o->temperature);
    if (rows < 0 || classes < 0 || classes > INT32_MAX ||
        recur__times(recur__times(rows, classes), (int64_t)sizeof(float)) < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_sample: %lld rows of %lld classes: one is negative or too large",
                           (long long)rows, (long long)classes);
    if (classes == 0)
        return recur__fail(RECUR_E_SHAPE, "recur_sample: %lld rows of 0 classes", (long long)rows);
    return RECUR_OK;
}

recur_status recur_sample(const recur_sample_options *options, int64_t rows, int64_t classes,
                          const float *logits, uint64_t seed, uint64_t counter, int32_t *ids)
{
    if (rows) RECUR__NOT_NULL(logits);
    if (rows) RECUR__NOT_NULL(ids);
    recur_sample_options o;
    RECUR__CHECK(recur__take("recur_sample_options", options, &o, sizeof o));
    if (!recur__is_exact(options)) fill_in(&o);
    RECUR__CHECK(check(&o, rows, classes));
    for (int64_t i = 0; i < rows; i++) {
        const float *y = logits + i * classes;
        int64_t bad, id = likeliest(y, classes, &bad);
        if (bad >= 0)
            return recur__fail(RECUR_E_NUMERIC, "recur_sample: class %lld of row %lld is %g",
                               (long long)bad, (long long)i, (double)y[bad]);
        if (id < 0)
            return recur__fail(RECUR_E_NUMERIC,
                               "recur_sample: none of the %lld logits of row %lld is finite",
                               (long long)classes, (long long)i);
        if (o.top_k != 1) {
            row r = {
                .classes = classes, .y = y, .max = (double)y[id], .temperature = o.temperature
            };
            if (o.top_k > 0) keep_k(&r, o.top_k);
            if (o.top_p < 1) keep_p(&r, o.top_p);
            id = draw(&r, recur__uniform(recur_random(seed, counter + (uint64_t)i)));
        }
        ids[i] = (int32_t)id;
    }
    return RECUR_OK;
}
