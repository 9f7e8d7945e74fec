/* recur/loss.h - value and gradient of a loss; reading label sequences. Included by recur.h; never
 * alone.
 *
 * Rows are independent of each other: packed order, caller's order, any order that y and its
 * targets have in common. Only CTC sees time.
 *
 * Example: cross-entropy of two rows of three classes, and its gradient.
 *
 *     const recur_loss_options options = { .size = sizeof options,
 *                                          .kind = RECUR_LOSS_CROSS_ENTROPY };
 *     const float y[6] = { 2, 0, 0, 0, 1, 0 };
 *     const int32_t labels[2] = { 0, 2 };
 *     float dy[6];
 *     double value;
 *     recur_loss *loss;
 *     TRY(recur_loss_create(NULL, &options, &loss));
 *     TRY(recur_loss_classes(loss, 2, 3, y, labels, &value, dy));
 *     printf("%g\n", value);
 *     recur_loss_release(loss);
 */
#ifndef RECUR_LOSS_H
#define RECUR_LOSS_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of loss; definitions are PyTorch's. */
enum {
    RECUR_LOSS_CROSS_ENTROPY = 1,     /**< labels: -log softmax(y)[label], y are logits        */
    RECUR_LOSS_NLL = 2,               /**< labels: -y[label], y are log probabilities          */
    RECUR_LOSS_CTC = 3,               /**< label sequences without times, y are logits; Graves
                                           2006                                                */
    RECUR_LOSS_SAMPLED_SOFTMAX = 4,   /**< many classes: cross-entropy over the label and some
                                           drawn classes; Jean 2015                            */
    RECUR_LOSS_NEGATIVE_SAMPLING = 5, /**< many classes: the label from drawn classes, each by
                                           its sigmoid; Mikolov 2013                           */
    RECUR_LOSS_MSE = 16,              /**< values: (y - t)²                                    */
    RECUR_LOSS_L1 = 17,               /**< values: |y - t|; the gradient is 0 where they are
                                           equal                                               */
    RECUR_LOSS_HUBER = 18,            /**< values: e²/2 for |e| ≤ delta, else delta (|e| -
                                           delta/2)                                            */
    RECUR_LOSS_BCE_LOGITS = 19        /**< values: binary cross-entropy of sigmoid(y) with t
                                           in [0,1]                                            */
};

/** Flags of a loss. */
enum {
    RECUR_LOSS_SUM = 1,          /**< no division: for batches split over threads or machines     */
    RECUR_LOSS_IGNORE_INDEX = 2, /**< labels equal to ignore_index count for nothing, as negative
                                      ones do                                                     */
    RECUR_LOSS_ZERO_INFINITY = 4 /**< CTC: a sequence that cannot be spelled costs 0, with gradient
                                      0, not infinity and NaN                                     */
};

/** Options of a loss. */
typedef struct recur_loss_options {
    uint32_t size;                /**< sizeof(recur_loss_options)                               */
    int32_t kind;                 /**< RECUR_LOSS_*, required                                   */
    uint32_t flags;               /**< RECUR_LOSS_SUM ...                                       */
    int32_t ignore_index;         /**< with RECUR_LOSS_IGNORE_INDEX                             */
    double smoothing;             /**< cross-entropy: label smoothing, [0,1); Szegedy 2016      */
    double delta;                 /**< Huber: > 0; 0 = 1                                        */
    int64_t classes;              /**< length of the vectors here; 0 without them. Sampled
                                       kinds: required                                          */
    const float *class_weight;    /**< labels: [classes], ≥ 0, copied; NULL = ones              */
    const float *positive_weight; /**< BCE: [classes], ≥ 0, weight of t = 1, copied; NULL =
                                       ones                                                     */
    int32_t blank;                /**< CTC: the class that stands for no label, ≥ 0             */
    int32_t reserved;             /**< 0                                                        */
    int64_t samples;              /**< sampled kinds: classes drawn, ≥ 1, required              */
    double power;                 /**< sampled kinds: a class is drawn by counts^power, [0,1];
                                       0 = 0.75                                                 */
    const float *counts;          /**< sampled kinds: [classes], ≥ 0, how often each occurs,
                                       copied; NULL = log-uniform, for classes by falling
                                       frequency: class c by log((c+2)/(c+1))                   */
    const void *reserved_pointer; /**< NULL                                                     */
} recur_loss_options;

/** Fills in the defaults of a kind: delta 1 (Huber), power 0.75 (sampled kinds), nothing else.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has, unknown kind.
 * Threads: free.
 * Since:   0.1
 * @param options is overwritten.
 * @param size sizeof(recur_loss_options), as your compiler sees it.
 * @param kind RECUR_LOSS_*.
 */
RECUR_NODISCARD recur_status recur_loss_options_init(recur_loss_options *options, size_t size,
                                                     int32_t kind);

/** Makes a loss.
 *
 * Without RECUR_LOSS_SUM a loss is a mean: of label kinds over the weights of the rows that count,
 * of value kinds over all numbers, of CTC over sequences, each divided by its number of labels
 * first (as PyTorch does). With nothing to divide by, value and gradient are 0.
 *
 * The sampled kinds are for output layers of so many classes that their logits cost more than the
 * rest of the network: see recur_loss_sampled.
 *
 * Shapes:  -
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL, unknown kind or flags, smoothing outside [0,1), delta < 0, blank < 0, an
 *          option that the kind does not have, a weight or count that is negative or not finite,
 *          counts that are all 0; sampled kinds: classes or samples outside 1..2^31-1, power
 *          outside [0,1], for a sampled softmax a class that is never drawn. SHAPE: weights without
 *          classes. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options are copied, vectors too.
 * @param out the loss.
 */
RECUR_NODISCARD recur_status recur_loss_create(recur_context *ctx,
                                               const recur_loss_options *options, recur_loss **out);

/** Gives a loss back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param loss is gone afterwards.
 */
RECUR_API void recur_loss_release(recur_loss *loss);

/** Value and gradient of a loss on class labels: cross-entropy, NLL.
 *
 * Shapes:  y [rows][classes], labels [rows], dy [rows][classes] is overwritten.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes, a label ≥ classes. SHAPE: classes is not the weights'
 *          length, no classes. UNSUPPORTED: another kind. NaN in y is no error: it comes back as
 *          NaN.
 * Threads: free.
 * Since:   0.1
 * @param loss of a kind for labels.
 * @param rows of y.
 * @param classes numbers in a row of y.
 * @param y logits or log probabilities, as the kind says.
 * @param labels the class of each row, below classes; a row with a negative one counts for nothing.
 * @param value NULL: not wanted. Summed in double, whatever the instruction set.
 * @param dy the gradient; NULL: not wanted.
 */
RECUR_NODISCARD recur_status recur_loss_classes(const recur_loss *loss, int64_t rows,
                                                int64_t classes, const float *y,
                                                const int32_t *labels, double *value, float *dy);

/** Value and gradient of a loss on target values: MSE, L1, Huber, binary cross-entropy.
 *
 * Shapes:  y [rows][features], target [rows][features], dy [rows][features] is overwritten.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes. SHAPE: features is not the weights' length. UNSUPPORTED:
 *          another kind.
 * Threads: free.
 * Since:   0.1
 * @param loss of a kind for values.
 * @param rows of y.
 * @param features numbers in a row of y.
 * @param y what the network gives.
 * @param target what it should give.
 * @param value NULL: not wanted.
 * @param dy the gradient; NULL: not wanted.
 */
RECUR_NODISCARD recur_status recur_loss_values(const recur_loss *loss, int64_t rows,
                                               int64_t features, const float *y,
                                               const float *target, double *value, float *dy);

/** Value and gradient of a CTC loss: minus the log probability of all ways to spell a sequence's
 * labels in its steps. Every step says a class or the blank; repetitions are merged.
 *
 * A sequence with too few steps (one for each label, and one between equal neighbours) has no such
 * way: it costs infinity and has NaN as gradient, unless RECUR_LOSS_ZERO_INFINITY is set.
 *
 * Shapes:  y [N][classes] in packed order; label_lengths [B]; labels [sum of label_lengths];
 *          dy [N][classes] is overwritten.
 * Memory:  scratch from the tape, which then allocates nothing after warm-up; without one, from the
 *          allocator.
 * Errors:  ARGUMENT: NULL, a size that is negative or too large, a label that is the blank or no
 *          class. SHAPE: the blank is no class. UNSUPPORTED: another kind of loss. MEMORY. NaN in y
 *          is no error: it comes back as NaN.
 * Threads: free; tape one at a time.
 * Since:   0.1
 * @param loss of the kind RECUR_LOSS_CTC.
 * @param packed the layout of y.
 * @param classes numbers in a row of y, the blank among them.
 * @param y logits.
 * @param labels of the sequences, one sequence after the other in the caller's order; each below
 *        classes and not the blank.
 * @param label_lengths how many labels each sequence has, ≥ 0, in the caller's order.
 * @param value NULL: not wanted.
 * @param dy the gradient; NULL: not wanted.
 * @param tape lends scratch; NULL is allowed. Its records are not touched.
 */
RECUR_NODISCARD recur_status recur_ctc_loss(const recur_loss *loss, const recur_packed *packed,
                                            int64_t classes, const float *y, const int32_t *labels,
                                            const int64_t *label_lengths, double *value, float *dy,
                                            recur_tape *tape);

/** The label sequences that a CTC loss finds likely.
 *
 * Shapes:  y [N][classes] in packed order; labels [N]; label_lengths [B]; scores [B].
 * Memory:  as recur_ctc_loss; more for a larger width.
 * Errors:  as recur_ctc_loss; ARGUMENT: width negative or above 2^31-1. NUMERIC: a row with NaN,
 *          with +infinity, or with no finite logit.
 * Threads: free; tape one at a time.
 * Since:   0.1
 * @param loss of the kind RECUR_LOSS_CTC.
 * @param packed the layout of y.
 * @param classes numbers in a row of y, the blank among them.
 * @param y logits.
 * @param width 0: what the likeliest path spells (greedy). From 1 on: the likeliest labels that a
 *        beam search over so many beginnings finds (Hannun 2014); as the width grows, those with
 *        the least loss.
 * @param labels the sequences found, one after the other in the caller's order; N has room for all.
 * @param label_lengths how many labels each sequence has.
 * @param scores NULL: not wanted. The log probability of each result: of its path, or of all its
 *        paths that were in the beam.
 * @param tape lends scratch; NULL is allowed. Its records are not touched.
 */
RECUR_NODISCARD recur_status recur_ctc_decode(const recur_loss *loss, const recur_packed *packed,
                                              int64_t classes, const float *y, int64_t width,
                                              int32_t *labels, int64_t *label_lengths,
                                              double *scores, recur_tape *tape);

/** Value and gradient of a sampled loss, from the rows below an output layer. Of its logits only
 * those of the labels and of drawn classes are computed, and only their rows of the parameters are
 * touched. Evaluate with the whole layer and recur_loss_classes.
 *
 * RECUR_LOSS_SAMPLED_SOFTMAX draws once for all rows, with random numbers counter to counter +
 * samples - 1 of the seed, and takes each class once. A logit, the label's too, is lowered by the
 * log of the probability that its class is drawn. If a row's label is among the drawn classes, that
 * draw is left out of the row's sum. With many samples the loss becomes the cross-entropy over all
 * classes.
 *
 * RECUR_LOSS_NEGATIVE_SAMPLING draws for every row: random numbers from counter + row · samples on.
 * Draws of the label count for nothing.
 *
 * Shapes:  h [rows][features]; labels [rows]; params and dparams [count]; dh [rows][features] is
 *          overwritten, dparams accumulates.
 * Memory:  a sampled softmax takes scratch for (rows + features + 2) samples + classes numbers from
 *          the tape, which then allocates nothing after warm-up; without one, from the allocator.
 *          Negative sampling allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that is negative or too large, a label ≥ classes. SHAPE: count is
 *          neither classes · features nor classes · (features + 1). UNSUPPORTED: another kind.
 *          MEMORY. NaN is no error: it comes back as NaN.
 * Threads: free; tape one at a time.
 * Since:   0.1
 * @param loss of a sampled kind.
 * @param rows of h.
 * @param features numbers in a row of h.
 * @param h what the output layer takes.
 * @param labels the class of each row, below the loss's classes; a negative one counts for nothing.
 * @param params the flat vector of a linear layer: weight [classes][features], then bias [classes]
 *        if count has room for it.
 * @param count length of params.
 * @param seed as in recur_random.
 * @param counter where the random numbers of this call begin.
 * @param value NULL: not wanted. Summed in double.
 * @param dh gradient of h; NULL: not wanted.
 * @param dparams gradient of params; NULL: not wanted.
 * @param tape lends scratch; NULL is allowed. Its records are not touched.
 */
RECUR_NODISCARD recur_status recur_loss_sampled(const recur_loss *loss, int64_t rows,
                                                int64_t features, const float *h,
                                                const int32_t *labels, const float *params,
                                                int64_t count, uint64_t seed, uint64_t counter,
                                                double *value, float *dh, float *dparams,
                                                recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
