/* loss_classes.c - losses on class labels: cross-entropy and negative log likelihood.
 *
 * With class weights w, smoothing s and q_c = (1-s) w_label [c = label] + s/C w_c, a row costs -Σ
 * q_c log p_c, where log p is log softmax(y); its gradient is (Σ q) p_c - q_c. The mean divides by
 * the sum of w_label. */

#include "base/elementary.h"
#include "kernels/kernels.h"
#include "train/loss.h"

static double weight_of(const recur_loss *loss, int64_t c)
{
    return loss->weight ? (double)loss->weight[c] : 1;
}

/* 1 over what the loss divides by; 0 if that is 0. */
static double factor(const recur_loss *loss, int64_t rows, const int32_t *labels)
{
    if (loss->sum) return 1;
    double weights = 0;
    for (int64_t r = 0; r < rows; r++)
        if (recur__label_counts(loss, labels[r])) weights += weight_of(loss, labels[r]);
    return weights > 0 ? 1 / weights : 0;
}

/* s/C (Σc w_c (y_c - max)) and, beside it, s/C Σc w_c: the part of a row that smoothing spreads
 * over all classes. */
static double spread(const recur_loss *loss, int64_t classes, const float *y, float max, double *q)
{
    double sum = 0, weights = 0;
    for (int64_t c = 0; c < classes; c++) {
        const double w = weight_of(loss, c);
        sum += w * ((double)y[c] - (double)max);
        weights += w;
    }
    const double each = loss->smoothing / (double)classes;
    *q = each * weights;
    return each * sum;
}

/* What is known of a row: its label, Σ exp(y - max), the label's exp(y - max), and Q = Σ q. */
typedef struct softmax_row {
    int32_t label;
    double sum, e_label, Q;
} softmax_row;

/* dy holds exp(y - max) and becomes scale * (Q p - q). */
static void row_gradient(const recur_loss *loss, const softmax_row *row, double scale,
                         int64_t classes, float *dy)
{
    const recur__optimizer_kernels *update = recur__optimizer_of(recur__kernels_of(loss->ctx));
    update->scale(classes, (float)(scale * row->Q / row->sum), dy);
    const double each = loss->smoothing / (double)classes, w = weight_of(loss, row->label);
    const double q = (1 - loss->smoothing) * w + each * w;
    if (loss->smoothing > 0)
        for (int64_t c = 0; c < classes; c++) dy[c] -= (float)(scale * each * weight_of(loss, c));
    dy[row->label] = (float)(scale *
                             (row->Q * (row->e_label / row->sum) - q)); /* p near 1: in double */
}

double recur__cross_entropy(const recur_loss *loss, int64_t rows, int64_t classes, const float *y,
                            const int32_t *labels, float *dy)
{
    const recur__optimizer_kernels *update = recur__optimizer_of(recur__kernels_of(loss->ctx));
    const double scale = factor(loss, rows, labels);
    double value = 0;
    for (int64_t r = 0; r < rows; r++, y += classes, dy = dy ? dy + classes : NULL) {
        const int32_t label = labels[r];
        if (!recur__label_counts(loss, label) || scale == 0) {
            if (dy) memset(dy, 0, (size_t)classes * sizeof *dy);
            continue;
        }
        const float max = update->max(classes, y);
        const double sum = update->exps(classes, max, y, dy),
                     below = (double)y[label] - (double)max;
        const double own = (1 - loss->smoothing) * weight_of(loss, label);
        double q = 0, others = 0;
        if (loss->smoothing > 0) others = spread(loss, classes, y, max, &q);
        value += (own + q) * recur__log(sum) - own * below - others;
        const softmax_row row = { label, sum, recur__exp(below), own + q };
        if (dy) row_gradient(loss, &row, scale, classes, dy);
    }
    return value * scale;
}

double recur__nll(const recur_loss *loss, int64_t rows, int64_t classes, const float *y,
                  const int32_t *labels, float *dy)
{
    const double scale = factor(loss, rows, labels);
    double value = 0;
    if (dy) memset(dy, 0, (size_t)(rows * classes) * sizeof *dy);
    for (int64_t r = 0; r < rows && scale > 0; r++) {
        if (!recur__label_counts(loss, labels[r])) continue;
        const int64_t at = r * classes + labels[r];
        const double w = weight_of(loss, labels[r]);
        value -= w * (double)y[at];
        if (dy) dy[at] = (float)(-w * scale);
    }
    return value * scale;
}
