/* elementary.h - exp, log and their kin from +, -, × and ÷ alone. C libraries differ in the last
 * bit of theirs, and results must not depend on the C library. Tests/test_elementary.c measures the
 * accuracy: 2 units in the last place; power: 2 and those of y log x.
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
