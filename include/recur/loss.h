/* recur/loss.h - value and gradient of a loss. Included by recur.h; never alone.
 *
 * Rows are independent of each other: packed order, caller's order, any order that y and its targets share. */
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
    RECUR_LOSS_CROSS_ENTROPY = 1, /**< labels: -log softmax(y)[label], y are logits                      */
    RECUR_LOSS_NLL = 2,           /**< labels: -y[label], y are log probabilities                        */
    RECUR_LOSS_MSE = 16,          /**< values: (y - t)²                                                  */
    RECUR_LOSS_L1 = 17,           /**< values: |y - t|; the gradient is 0 where they are equal           */
    RECUR_LOSS_HUBER = 18,        /**< values: e²/2 for |e| ≤ delta, else delta (|e| - delta/2)          */
    RECUR_LOSS_BCE_LOGITS = 19    /**< values: binary cross-entropy of sigmoid(y) with t in [0,1]        */
};

/** Flags of a loss. */
enum {
    RECUR_LOSS_SUM = 1,         /**< no division: what batches split over threads or machines need         */
    RECUR_LOSS_IGNORE_INDEX = 2 /**< labels equal to ignore_index count for nothing, as negative ones do   */
};

/** Options of a loss. */
typedef struct recur_loss_options {
    uint32_t size;                /**< sizeof(recur_loss_options)                                   */
    int32_t kind;                 /**< RECUR_LOSS_*, required                                       */
    uint32_t flags;               /**< RECUR_LOSS_SUM, RECUR_LOSS_IGNORE_INDEX                      */
    int32_t ignore_index;         /**< with RECUR_LOSS_IGNORE_INDEX                                 */
    double smoothing;             /**< cross-entropy: label smoothing, [0,1); Szegedy 2016          */
    double delta;                 /**< Huber: > 0; 0 = 1                                            */
    int64_t classes;              /**< length of the weight vectors; 0 without them                 */
    const float *class_weight;    /**< labels: [classes], ≥ 0, copied; NULL = ones                  */
    const float *positive_weight; /**< BCE: [classes], ≥ 0, weight of t = 1, copied; NULL = ones    */
} recur_loss_options;

/** Makes a loss. Without RECUR_LOSS_SUM a loss is a mean: of label kinds over the weights of the rows that count, of value
 * kinds over all numbers. With nothing to divide by, value and gradient are 0.
 *
 * Shapes:  -
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL, unknown kind or flags, smoothing outside [0,1), delta < 0, an option that the kind does not have, a weight
 *          that is negative or not finite. SHAPE: weights without classes. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_TRY recur_status recur_loss_create(recur_context *ctx, const recur_loss_options *options, recur_loss **out);

/** Gives a loss back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API void recur_loss_release(recur_loss *loss);

/** Value and gradient of a loss on class labels.
 *
 * Shapes:  y [rows][classes], labels [rows], each below classes; negative ones count for nothing. dy [rows][classes] is overwritten.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes, a label ≥ classes. SHAPE: classes is not the weights' length, no classes. UNSUPPORTED: a kind on values.
 *          NaN in y is no error: it comes back as NaN.
 * Threads: free.
 * Since:   0.1
 * @param value NULL: not wanted. Summed in double, whatever the instruction set.
 * @param dy NULL: not wanted.
 */
RECUR_TRY recur_status recur_loss_classes(const recur_loss *loss, int64_t rows, int64_t classes, const float *y,
                                          const int32_t *labels, double *value, float *dy);

/** Value and gradient of a loss on target values.
 *
 * Shapes:  y [rows][features], target [rows][features], dy [rows][features] is overwritten.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, negative sizes. SHAPE: features is not the weights' length. UNSUPPORTED: a kind on labels.
 * Threads: free.
 * Since:   0.1
 * @param value NULL: not wanted.
 * @param dy NULL: not wanted.
 */
RECUR_TRY recur_status recur_loss_values(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                                         const float *target, double *value, float *dy);

#ifdef __cplusplus
}
#endif
#endif
