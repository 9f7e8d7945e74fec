/* random.c - random numbers as pure functions of seed and counter.
 *
 * recur_random is SplitMix64 (Steele, Lea, Flood 2014) entered at any place; recur__normal inverts
 * the normal distribution by Wichura's AS 241 (1988). Only + - * / and sqrt in double, so every
 * machine gets the same numbers. */
#include <math.h>

#include "base/base.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t recur_random(uint64_t seed, uint64_t counter)
{
    const uint64_t golden = 0x9E3779B97F4A7C15u;
    return mix(mix(seed + golden) + (counter + 1) * golden);
}

double recur__uniform(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

/* ln of a normal double: x = m 2^e with m in [√½, √2), ln m = 2 artanh((m-1)/(m+1)). */
static double natural_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double series = 0;
    for (int k = 25; k >= 1; k -= 2) series = series * s2 + 1.0 / k;
    return 2 * s * series + e * 0.69314718055994531;
}

/* a[0] + a[1] r + ... + a[7] r^7 */
static double polynomial(const double a[8], double r)
{
    double p = a[7];
    for (int k = 6; k >= 0; k--) p = p * r + a[k];
    return p;
}

static const double central[2][8] = {
    { 3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3,
      1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
      3.3430575583588128105e4, 2.5090809287301226727e3 },
    { 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
      2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
      5.2264952788528545610e3 },
};
static const double middle[2][8] = {
    { 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
      3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
      2.27238449892691845833e-2, 7.74545014278341407640e-4 },
    { 1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
      1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
      1.05075007164441684324e-9 },
};
static const double far[2][8] = {
    { 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
      2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
      2.71155556874348757815e-5, 2.01033439929228813265e-7 },
    { 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
      7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
      2.04426310338993978564e-15 },
};

double recur__normal(uint64_t bits)
{
    const double p = ((double)(bits >> 12) + 0.5) * 0x1p-52, q = p - 0.5; /* p in (0,1) */
    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * polynomial(central[0], r) / polynomial(central[1], r);
    }
    const double r = sqrt(-natural_log(q < 0 ? p : 1 - p));
    const double z = r <= 5 ? polynomial(middle[0], r - 1.6) / polynomial(middle[1], r - 1.6)
                            : polynomial(far[0], r - 5) / polynomial(far[1], r - 5);
    return q < 0 ? -z : z;
}
