/* loss_sampled.c - losses of output layers with very many classes, from the logits y_c = W_c h +
 * b_c of few of them.
 *
 * Negative sampling (Mikolov 2013) draws n classes for each row, and asks of each and of the label
 * whether it is the label:
 *
 *     -log σ(y_label) - Σ log σ(-y_c)          a class that is drawn twice counts twice
 *
 * The sampled softmax (Bengio and Senécal 2008; Jean 2015) draws n classes for all rows, and takes
 * each one once. A class that a draw takes with probability q is then among them with π = 1 -
 * (1-q)ⁿ, and stands for 1/π classes:
 *
 *     -log softmax(y - log π)[label]           over the label and the drawn classes other than it
 *
 * Its gradient is sparse in W, too; all of it is three matrix products with the drawn rows of W,
 * gathered, and a term for labels. */
#include <math.h>

#include "base/elementary.h"
#include "kernels/kernels.h"
#include "linalg/matrix.h"
#include "train/loss.h"

/* ---- one class of one row ------------------------------------------------------------------- */

static float logit(const recur__sampled *q, const recur__gemv *gemv, int64_t r, int32_t c)
{
    float y = q->b ? q->b[c] : 0;
    gemv->gemv_t(1, q->F, (recur__matrix){ q->W + c * q->F, q->F }, q->h + r * q->F, &y, &y);
    return y;
}

/* Adds what dy of this logit means for h, W and b. */
static void give_gradient(const recur__sampled *q, const recur__gemv *gemv, int64_t r, int32_t c,
                          double dy)
{
    const int64_t F = q->F;
    const float g = (float)(dy * q->scale);
    if (q->dh)
        gemv->gemv_n(1, F, (recur__matrix){ q->W + c * F, F }, &g, q->dh + r * F, q->dh + r * F);
    if (q->dW) gemv->ger(1, F, &g, q->h + r * F, q->dW + c * F, F);
    if (q->db) q->db[c] += g;
}

/* ---- negative sampling ---------------------------------------------------------------------- */

static double ask(const recur__sampled *q, const recur__gemv *gemv, int64_t r, int32_t c,
                  double is_label)
{
    double dy;
    const double cost = recur__bce_of((double)logit(q, gemv, r, c), is_label, 1, &dy);
    give_gradient(q, gemv, r, c, dy);
    return cost;
}

recur_status recur__negative_sampling(const recur__sampled *q, double *value)
{
    const recur_loss *loss = q->loss;
    const recur__gemv *gemv = recur__kernels_of(loss->ctx)->gemv;
    double sum = 0;
    if (q->dh) memset(q->dh, 0, (size_t)(q->R * q->F) * sizeof *q->dh);
    for (int64_t r = 0; r < q->R; r++) {
        if (!recur__label_counts(loss, q->labels[r])) continue;
        const uint64_t counter = q->counter + (uint64_t)r * (uint64_t)loss->samples;
        sum += ask(q, gemv, r, q->labels[r], 1);
        for (int64_t i = 0; i < loss->samples; i++) {
            const int32_t c = recur__draw_class(loss, q->seed, counter + (uint64_t)i);
            if (c != q->labels[r]) sum += ask(q, gemv, r, c, 0);
        }
    }
    *value = sum * q->scale;
    return RECUR_OK;
}

/* ---- sampled softmax ------------------------------------------------------------------------ */

/* The drawn classes, n of them, and what is gathered and computed for them. */
typedef struct drawn {
    const recur__kernels *k;
    int64_t n;
    int32_t *place; /* [V]: of a class among the drawn ones; -1 */
    int32_t *ids;   /* [n] */
    float *b;       /* [n]: bias - log π; later the gradients of the biases */
    float *W;       /* [n][F]; later dW */
    float *y;       /* [R][n]: logits; later their gradients */
} drawn;

/* Room for the classes drawn; measures while the carver has no base. */
static void lay_out(recur__carver *carver, const recur__sampled *q, drawn *s)
{
    const int64_t most = recur__min(q->loss->samples, q->V);
    s->place = recur__carve(carver, q->V, sizeof *s->place);
    s->ids = recur__carve(carver, most, sizeof *s->ids);
    s->b = recur__carve(carver, most, sizeof *s->b);
    s->W = recur__carve(carver, recur__times(most, q->F), sizeof *s->W);
    s->y = recur__carve(carver, recur__times(q->R, most), sizeof *s->y);
}

/* log π of a class */
static double log_inclusion(const recur_loss *loss, int32_t c)
{
    return recur__log(
        -recur__expm1((double)loss->samples * recur__log1p(-recur__draw_probability(loss, c))));
}

static void draw(const recur__sampled *q, drawn *s)
{
    const recur_loss *loss = q->loss;
    s->n = 0;
    for (int64_t c = 0; c < q->V; c++) s->place[c] = -1;
    for (int64_t i = 0; i < loss->samples; i++) {
        const int32_t c = recur__draw_class(loss, q->seed, q->counter + (uint64_t)i);
        if (s->place[c] >= 0) continue;
        s->place[c] = (int32_t)s->n;
        s->ids[s->n++] = c;
    }
    for (int64_t i = 0; i < s->n; i++) {
        s->b[i] = (float)((q->b ? (double)q->b[s->ids[i]] : 0) - log_inclusion(loss, s->ids[i]));
        memcpy(s->W + i * q->F, q->W + s->ids[i] * q->F, (size_t)q->F * sizeof *s->W);
    }
}

/* y = h Wᵀ + b */
static void multiply(const recur__sampled *q, const drawn *s)
{
    const int64_t R = q->R, F = q->F, n = s->n;
    for (int64_t r = 0; r < R; r++) memcpy(s->y + r * n, s->b, (size_t)n * sizeof *s->y);
    recur__gemm_nt(q->loss->ctx, s->k, (recur__sizes){ R, n, F }, (recur__matrix){ q->h, F },
                   (recur__matrix){ s->W, F }, (recur__sums){ s->y, n });
}

/* The cost of a row; its logits become their gradients. The label's own is given at once. */
static double run_row(const recur__sampled *q, const drawn *s, int64_t r)
{
    const int32_t label = q->labels[r];
    const recur__optimizer_kernels *update = recur__optimizer_of(s->k);
    float *y = s->y + r * s->n;
    if (s->place[label] >= 0) y[s->place[label]] = -INFINITY;
    const double own = (double)logit(q, s->k->gemv, r, label) - log_inclusion(q->loss, label);
    float max = update->max(s->n, y);
    if (own > (double)max) max = (float)own;
    const double others = update->exps(s->n, max, y, y), below = own - (double)max,
                 sum = others + recur__exp(below);
    update->scale(s->n, (float)(q->scale / sum), y);
    give_gradient(q, s->k->gemv, r, label, -others / sum);
    return recur__log(sum) - below;
}

static double run_rows(const recur__sampled *q, const drawn *s)
{
    double sum = 0;
    if (q->dh) memset(q->dh, 0, (size_t)(q->R * q->F) * sizeof *q->dh);
    for (int64_t r = 0; r < q->R; r++)
        if (recur__label_counts(q->loss, q->labels[r]))
            sum += run_row(q, s, r);
        else
            memset(s->y + r * s->n, 0, (size_t)s->n * sizeof *s->y);
    return sum * q->scale;
}

/* dh += dy W, dW += dyᵀ h, db += Σ dy, for the drawn classes. */
static void give_gradients(const recur__sampled *q, const drawn *s)
{
    const int64_t R = q->R, F = q->F, n = s->n;
    const recur__matrix dy = { s->y, n };
    if (q->dh)
        recur__gemm_nn(q->loss->ctx, s->k, (recur__sizes){ R, F, n }, dy,
                       (recur__matrix){ s->W, F }, (recur__sums){ q->dh, F });
    if (q->dW) {
        memset(s->W, 0, (size_t)(n * F) * sizeof *s->W);
        recur__gemm_tn(q->loss->ctx, s->k, (recur__sizes){ n, F, R }, dy,
                       (recur__matrix){ q->h, F }, (recur__sums){ s->W, F });
        s->k->reduce->scatter(n, F, s->W, F, s->ids, q->dW);
    }
    if (q->db) {
        memset(s->b, 0, (size_t)n * sizeof *s->b);
        s->k->reduce->column_sums(R, n, s->y, n, s->b);
        s->k->reduce->scatter(n, 1, s->b, 1, s->ids, q->db);
    }
}

recur_status recur__sampled_softmax(const recur__sampled *q, double *value)
{
    drawn s = { .k = recur__kernels_of(q->loss->ctx) };
    recur__carver carver = { 0 };
    lay_out(&carver, q, &s);
    const size_t bytes = carver.used;
    void *memory = recur__loss_borrow(q->loss, q->tape, bytes);
    if (!memory) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = memory };
    lay_out(&carver, q, &s);
    draw(q, &s);
    multiply(q, &s);
    *value = run_rows(q, &s);
    give_gradients(q, &s);
    recur__loss_return(q->loss, q->tape, memory, bytes);
    return RECUR_OK;
}
