/* elementary.c - elementary functions from +, -, × and ÷ alone: elementary.h. */
#include "base/elementary.h"

#include <math.h>
#include <stdint.h>

/* ln 2 in two parts, of which the first has 21 trailing zeros: a multiple of it is exact. */
static const double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
static const double LOG2_E = 1.44269504088896338700;

/* (exp(r) - 1 - r) / r² for |r| ≤ ln 2 / 2, by its series. */
static double exp_rest(double r)
{
    static const double inverse[] = { /* 1/14! ... 1/2! */
                                      1.1470745597729725e-11,
                                      1.6059043836821613e-10,
                                      2.08767569878681e-09,
                                      2.505210838544172e-08,
                                      2.755731922398589e-07,
                                      2.7557319223985893e-06,
                                      2.48015873015873e-05,
                                      1.984126984126984e-04,
                                      1.388888888888889e-03,
                                      8.333333333333333e-03,
                                      4.1666666666666664e-02,
                                      1.6666666666666666e-01,
                                      0.5
    };
    double sum = 0;
    for (int i = 0; i < (int)(sizeof inverse / sizeof *inverse); i++) sum = sum * r + inverse[i];
    return sum;
}

/* exp(x) = 2^n (1 + em1) */
typedef struct power {
    double em1;
    int n;
} power;

static power power_of(double x)
{
    const double n = floor(x * LOG2_E + 0.5);
    const double high = x - n * LN2_HIGH, low = n * LN2_LOW, r = high - low;
    return (power){ high - (low - r * r * exp_rest(r)), (int)n };
}

double recur__exp(double x)
{
    if (x != x) return x;
    if (x > 709.8) return HUGE_VAL;
    if (x < -745.2) return 0;
    const power p = power_of(x);
    return ldexp(1 + p.em1, p.n);
}

double recur__expm1(double x)
{
    if (!(fabs(x) <= 700)) return recur__exp(x) - 1;
    const power p = power_of(x);
    return ldexp(p.em1, p.n) + (ldexp(1, p.n) - 1);
}

/* log m for m near 1, with s = (m - 1) / (m + 1): 2 (s + s³/3 + s⁵/5 + ...) */
double recur__log(double x)
{
    if (!(x > 0)) return x == 0 ? -HUGE_VAL : (double)NAN;
    if (x > 1.7976931348623157e308) return x;
    int n;
    double m = frexp(x, &n);
    if (m < 0.70710678118654752) {
        m *= 2;
        n--;
    }
    const double f = m - 1, s = f / (2 + f), z = s * s;
    double sum = 0;
    for (int k = 25; k >= 3; k -= 2) sum = (sum + 1.0 / k) * z;
    /* 2 s = f - s f, whose first part is exact. */
    const double rest = s * (f - 2 * sum);
    return n * LN2_HIGH - ((rest - n * LN2_LOW) - f);
}

double recur__log1p(double x)
{
    const double u = 1 + x;
    if (u == 1) return x;
    if (!(u <= 1.7976931348623157e308)) return recur__log(u);
    return recur__log(u) * (x / (u - 1)); /* Kahan: the errors of u cancel */
}

/* A small whole y by multiplications, so that powers of 1/2 are exact. */
static double whole_power(double x, int y)
{
    double product = 1;
    for (; y > 0; y >>= 1, x *= x)
        if (y & 1) product *= x;
    return product;
}

double recur__pow(double x, double y)
{
    enum { SMALL = 64 };
    if (y >= 0 && y <= SMALL && y == floor(y)) return whole_power(x, (int)y);
    if (x == 0) return y > 0 ? 0 : HUGE_VAL;
    return recur__exp(y * recur__log(x));
}

/* cos x and sin x for |x| ≤ π/4, by their series. */
static double series(double first, int n, double x)
{
    double term = first, sum = 0, terms[12];
    int count = 0;
    for (int k = n; count < 10; k += 2) {
        terms[count++] = term;
        term *= -x * x / ((k + 1) * (k + 2));
    }
    while (count > 0) sum += terms[--count];
    return sum;
}

double recur__cos_pi(double t)
{
    static const double pi = 3.14159265358979323846;
    if (t > 0.5) return -recur__cos_pi(1 - t);
    if (t > 0.25) return series(pi * (0.5 - t), 1, pi * (0.5 - t));
    return series(1, 0, pi * t);
}
