/* loss.c - losses on target values: every number has its own cost. Computed in double, side by side
 * in as many sums as a vector has lanes. */
#include "kernels/kernels.h"
#include "kernels/simd.h"

/* The cost of one number and in *d its derivative. */
typedef double cost(double e, double delta, double *d);

INLINE double mse_of(double e, double delta, double *d)
{
    (void)delta;
    *d = 2 * e;
    return e * e;
}

INLINE double l1_of(double e, double delta, double *d)
{
    (void)delta;
    *d = e > 0 ? 1 : e < 0 ? -1 : e; /* 0, or NaN */
    return fabs(e);
}

INLINE double huber_of(double e, double delta, double *d)
{
    *d = e > delta ? delta : e < -delta ? -delta : e; /* NaN stays */
    return fabs(e) <= delta ? e * e / 2 : delta * (fabs(e) - delta / 2);
}

INLINE void add(int n, bool back, double delta, double scale, const float *y, const float *t,
                float *dy, double *sum, cost *f)
{
    for (int k = 0; k < n; k++) {
        double d;
        sum[k] += f((double)y[k] - (double)t[k], delta, &d);
        if (back) dy[k] = (float)(d * scale);
    }
}

INLINE double total(bool back, int64_t n, double delta, double scale, const float *y,
                    const float *t, float *dy, cost *f)
{
    double sum[VW] = { 0 }, all = 0;
    int64_t i = 0;
    for (; i + VW <= n; i += VW)
        add(VW, back, delta, scale, y + i, t + i, back ? dy + i : dy, sum, f);
    for (; i < n; i++) add(1, back, delta, scale, y + i, t + i, back ? dy + i : dy, sum, f);
    for (int k = 0; k < VW; k++) all += sum[k];
    return all * scale;
}

INLINE double each(int64_t n, double delta, double scale, const float *y, const float *t, float *dy,
                   cost *f)
{
    return dy ? total(true, n, delta, scale, y, t, dy, f)
              : total(false, n, delta, scale, y, t, NULL, f);
}

static double mse(int64_t n, double delta, double scale, const float *y, const float *t, float *dy)
{
    return each(n, delta, scale, y, t, dy, mse_of);
}
static double l1(int64_t n, double delta, double scale, const float *y, const float *t, float *dy)
{
    return each(n, delta, scale, y, t, dy, l1_of);
}
static double huber(int64_t n, double delta, double scale, const float *y, const float *t,
                    float *dy)
{
    return each(n, delta, scale, y, t, dy, huber_of);
}

const recur__loss_kernels RECUR__PER_ISA(loss) = { .mse = mse, .l1 = l1, .huber = huber };
