/* ctc.c - connectionist temporal classification: a loss on label sequences that are shorter than
 * what is labelled. Graves 2006.
 *
 * A path names a class, or the blank, at every step. It spells the labels that are left when
 * repetitions are merged and blanks are taken away: a a - a b b spells a a b. The loss is -log of
 * the probability of all paths that spell the labels l. Let l' = - l1 - l2 - ... - have length
 * S = 2L+1, let p be log probabilities, and let ⊕ add what two numbers are the logarithms of:
 *
 *     α_t(s) = p_t(l'_s) + (α_t-1(s) ⊕ α_t-1(s-1) ⊕ α_t-1(s-2))
 *     β_t(s) = p_t(l'_s) + (β_t+1(s) ⊕ β_t+1(s+1) ⊕ β_t+1(s+2))     the same from the other end
 *     γ_t(s) = exp(α_t(s) + β_t(s) - p_t(l'_s) + loss)              the part of s in step t
 *
 * The steps by two are allowed only onto a label that differs from the one before. The gradient of
 * the logits is softmax - Σ γ over the places where l' has the class. */
#include "train/ctc.h"

double recur__log_sum(int64_t classes, const float *y)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        if (!((double)y[c] <= largest)) largest = (double)y[c];
    for (int64_t c = 0; c < classes; c++) sum += recur__exp((double)y[c] - largest);
    return largest + recur__log(sum);
}

/* ---- one sequence --------------------------------------------------------------------------- */

/* One sequence of the batch: T rows, L labels, S = 2L+1 places in l'. */
typedef struct sequence {
    const recur_packed *packed;
    int64_t b, T, L, S, classes;
    const float *y;
    const int32_t *labels;
    int32_t blank;
    double *alpha;   /* [T][S] */
    double *beta;    /* [S]    */
    double *log_sum; /* [T]    */
    double *gamma;   /* [classes]: Σ γ of a step; zero between steps */
} sequence;

static int64_t row_of(const sequence *q, int64_t t) { return recur_packed_row(q->packed, q->b, t); }

static int32_t class_at(const sequence *q, int64_t s)
{
    return s % 2 ? q->labels[s / 2] : q->blank;
}

/* p_t(l'_s) */
static double log_p(const sequence *q, int64_t t, int64_t s)
{
    return (double)q->y[row_of(q, t) * q->classes + class_at(q, s)] - q->log_sum[t];
}

/* Whether a path may go from s-2 to s: over a blank, onto another label. */
static bool may_skip(const sequence *q, int64_t s)
{
    return s % 2 && s >= 2 && q->labels[s / 2] != q->labels[s / 2 - 1];
}

/* Fills alpha; gives log of the probability of all paths. */
static double run_forward(const sequence *q)
{
    const int64_t T = q->T, S = q->S;
    if (T == 0) return q->L == 0 ? 0 : -INFINITY;
    for (int64_t t = 0; t < T; t++)
        q->log_sum[t] = recur__log_sum(q->classes, q->y + row_of(q, t) * q->classes);
    for (int64_t s = 0; s < S; s++) q->alpha[s] = s < 2 ? log_p(q, 0, s) : -INFINITY;
    for (int64_t t = 1; t < T; t++) {
        const double *before = q->alpha + (t - 1) * S;
        double *alpha = q->alpha + t * S;
        for (int64_t s = 0; s < S; s++) {
            double sum = before[s];
            if (s >= 1) sum = recur__log_add(sum, before[s - 1]);
            if (may_skip(q, s)) sum = recur__log_add(sum, before[s - 2]);
            alpha[s] = sum + log_p(q, t, s);
        }
    }
    const double *last = q->alpha + (T - 1) * S;
    return S > 1 ? recur__log_add(last[S - 1], last[S - 2]) : last[0];
}

/* beta of step t from that of step t+1, in place; s rises, so that s+1 and s+2 are still those of
 * step t+1. */
static void step_back(const sequence *q, int64_t t)
{
    const int64_t S = q->S;
    double *beta = q->beta;
    for (int64_t s = 0; s < S; s++) {
        if (t == q->T - 1) {
            beta[s] = s >= S - 2 ? 0 : -INFINITY;
        } else {
            if (s + 1 < S) beta[s] = recur__log_add(beta[s], beta[s + 1]);
            if (s + 2 < S && may_skip(q, s + 2)) beta[s] = recur__log_add(beta[s], beta[s + 2]);
        }
        beta[s] += log_p(q, t, s);
    }
}

/* Writes the rows of the sequence in dy, scaled. */
static void run_backward(const sequence *q, double log_all, double scale, float *dy)
{
    for (int64_t t = q->T - 1; t >= 0; t--) {
        const int64_t at = row_of(q, t) * q->classes;
        step_back(q, t);
        for (int64_t s = 0; s < q->S; s++) {
            const double through = q->alpha[t * q->S + s] + q->beta[s];
            if (through != -INFINITY)
                q->gamma[class_at(q, s)] += recur__exp(through - log_p(q, t, s) - log_all);
        }
        for (int64_t c = 0; c < q->classes; c++)
            dy[at + c] = (float)(scale *
                                 (recur__exp((double)q->y[at + c] - q->log_sum[t]) - q->gamma[c]));
        for (int64_t s = 0; s < q->S; s++) q->gamma[class_at(q, s)] = 0;
    }
}

static void fill_rows(const sequence *q, float value, float *dy)
{
    for (int64_t t = 0; t < q->T; t++)
        for (int64_t c = 0; c < q->classes; c++) dy[row_of(q, t) * q->classes + c] = value;
}

/* Value of one sequence, scaled; its rows of dy. There is no gradient where no path spells the
 * labels. */
static double run_sequence(const recur_loss *loss, const sequence *q, double scale, float *dy)
{
    const double log_all = run_forward(q);
    if (log_all == -INFINITY) {
        if (dy) fill_rows(q, loss->zero_infinity ? 0 : NAN, dy);
        return loss->zero_infinity ? 0 : INFINITY;
    }
    if (dy) run_backward(q, log_all, scale, dy);
    return -log_all * scale;
}

/* ---- the batch ------------------------------------------------------------------------------ */

/* Room for any sequence of the batch; measures while the carver has no base. */
static void lay_out(recur__carver *carver, const int64_t *lengths, sequence *q)
{
    int64_t cells = 0, S = 1, T = 0;
    for (int64_t b = 0; b < recur_packed_batch(q->packed); b++) {
        const int64_t steps = recur_packed_length(q->packed, b), places = 2 * lengths[b] + 1;
        cells = recur__max(cells, recur__times(steps, places));
        S = recur__max(S, places);
        T = recur__max(T, steps);
    }
    q->alpha = recur__carve(carver, cells, sizeof(double));
    q->beta = recur__carve(carver, S, sizeof(double));
    q->log_sum = recur__carve(carver, T, sizeof(double));
    q->gamma = recur__carve(carver, q->classes, sizeof(double));
}

recur_status recur__ctc_check(const char *function, const recur_loss *loss,
                              const recur_packed *packed, int64_t classes)
{
    if (!loss->kind->sequences) return recur__loss_not_for(function, loss);
    const int64_t rows = recur_packed_rows(packed);
    if (classes < 0 || classes > RECUR__LARGEST ||
        recur__times(recur__times(rows, classes), (int64_t)sizeof(float)) < 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: %lld rows of %lld classes: one is negative or too large", function,
                           (long long)rows, (long long)classes);
    if (loss->blank >= classes)
        return recur__fail(RECUR_E_SHAPE, "%s: the blank is class %d, but there are %lld", function,
                           (int)loss->blank, (long long)classes);
    return RECUR_OK;
}

static recur_status check_labels(const recur_loss *loss, int64_t batch, int64_t classes,
                                 const int32_t *labels, const int64_t *lengths)
{
    int64_t at = 0;
    for (int64_t b = 0; b < batch; b++) {
        if (lengths[b] < 0 || lengths[b] > RECUR__LARGEST)
            return recur__fail(RECUR_E_ARGUMENT, "recur_ctc_loss: sequence %lld has %lld labels",
                               (long long)b, (long long)lengths[b]);
        if (lengths[b] && !labels)
            return recur__fail(RECUR_E_ARGUMENT,
                               "recur_ctc_loss: labels is NULL, but sequence %lld has %lld labels",
                               (long long)b, (long long)lengths[b]);
        for (int64_t i = 0; i < lengths[b]; i++, at++)
            if (labels[at] < 0 || labels[at] >= classes || labels[at] == loss->blank)
                return recur__fail(RECUR_E_ARGUMENT,
                                   "recur_ctc_loss: label %lld of sequence %lld is %d; there "
                                   "are %lld classes, and %d "
                                   "is the blank",
                                   (long long)i, (long long)b, (int)labels[at], (long long)classes,
                                   (int)loss->blank);
    }
    return RECUR_OK;
}

static double run_batch(const recur_loss *loss, sequence *q, const int64_t *lengths, float *dy)
{
    const int64_t batch = recur_packed_batch(q->packed);
    double value = 0;
    memset(q->gamma, 0, (size_t)q->classes * sizeof *q->gamma);
    for (q->b = 0; q->b < batch; q->labels = RECUR__BEHIND(q->labels, q->L), q->b++) {
        q->T = recur_packed_length(q->packed, q->b);
        q->L = lengths[q->b];
        q->S = 2 * q->L + 1;
        double scale = 1;
        if (!loss->sum) scale = 1 / ((double)recur__max(q->L, 1) * (double)batch);
        value += run_sequence(loss, q, scale, dy);
    }
    return value;
}

recur_status recur_ctc_loss(const recur_loss *loss, const recur_packed *packed, int64_t classes,
                            const float *y, const int32_t *labels, const int64_t *label_lengths,
                            double *value, float *dy, recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(loss);
    RECUR__NOT_NULL(packed);
    if (recur_packed_rows(packed)) RECUR__NOT_NULL(y);
    if (recur_packed_batch(packed)) RECUR__NOT_NULL(label_lengths);
    RECUR__CHECK(recur__ctc_check(__func__, loss, packed, classes));
    RECUR__CHECK(check_labels(loss, recur_packed_batch(packed), classes, labels, label_lengths));
    sequence q = {
        .packed = packed, .classes = classes, .y = y, .labels = labels, .blank = loss->blank
    };
    recur__carver carver = { 0 };
    lay_out(&carver, label_lengths, &q);
    const size_t bytes = carver.used;
    void *memory = recur__loss_borrow(loss, tape, bytes);
    if (!memory) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = memory };
    lay_out(&carver, label_lengths, &q);
    const double result = run_batch(loss, &q, label_lengths, dy);
    recur__loss_return(loss, tape, memory, bytes);
    if (value) *value = result;
    return RECUR_OK;
}
