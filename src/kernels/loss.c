/* loss.c - losses on target values: every number has its own cost. Computed in double, side by side
 * in as many sums as a row has anywhere. */
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

/* What a cost function was called with. */
typedef struct targets {
    int64_t n;
    double delta, scale;
    const float *y, *t;
    float *dy;
} targets;

/* Numbers [i, i + count), each into a sum of its own */
INLINE void add(const targets *q, int64_t i, int count, bool back, double *sum, cost *f)
{
    for (int k = 0; k < count; k++) {
        double d;
        sum[k] += f((double)q->y[i + k] - (double)q->t[i + k], q->delta, &d);
        if (back) q->dy[i + k] = (float)(d * q->scale);
    }
}

INLINE double total(const targets *q, bool back, cost *f)
{
    double sum[SUM_LANES] = { 0 }, all = 0;
    int64_t i = 0;
    for (; i + SUM_LANES <= q->n; i += SUM_LANES) add(q, i, SUM_LANES, back, sum, f);
    for (; i < q->n; i++) add(q, i, 1, back, sum, f);
    for (int k = 0; k < SUM_LANES; k++) all += sum[k];
    return all * q->scale;
}

INLINE double each(const targets q, cost *f)
{
    return q.dy ? total(&q, true, f) : total(&q, false, f);
}

static double mse(int64_t n, double delta, double scale, const float *y, const float *t, float *dy)
{
    return each((targets){ n, delta, scale, y, t, dy }, mse_of);
}
static double l1(int64_t n, double delta, double scale, const float *y, const float *t, float *dy)
{
    return each((targets){ n, delta, scale, y, t, dy }, l1_of);
}
static double huber(int64_t n, double delta, double scale, const float *y, const float *t,
                    float *dy)
{
    return each((targets){ n, delta, scale, y, t, dy }, huber_of);
}

const recur__loss_kernels RECUR__PER_ISA(loss) = { .mse = RECUR__IF(TRAIN, mse),
                                                   .l1 = RECUR__IF(TRAIN, l1),
                                                   .huber = RECUR__IF(TRAIN, huber) };
