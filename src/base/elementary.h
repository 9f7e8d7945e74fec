/* elementary.h - exp, log and their kin from +, -, × and ÷ alone. C libraries differ in the last
 * bit of theirs, and results must not depend on the C library. tests/test_elementary.c holds their
 * accuracy: exp and log to 1 unit in the last place, expm1 and cos_pi to 2, log1p to 3. pow has the
 * error of exp(y log x), but for whole y up to 64, which are products.
 *
 * sqrt, fabs, floor, frexp and ldexp are exact everywhere, so the C library's serve. */
#ifndef RECUR__ELEMENTARY_H
#define RECUR__ELEMENTARY_H

double recur__exp(double x);
double recur__expm1(double x); /* exp(x) - 1, with all its digits near 0 */
double recur__log(double x);
double recur__log1p(double x); /* log(1 + x), with all its digits near 0 */
double recur__pow(double x, double y);
double recur__cos_pi(double t); /* cos(π t) for t in [0, 1] */

#endif
