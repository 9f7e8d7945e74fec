/* recur/quantise.h - what fewer bits cost: a snapshot with bfloat16 or int8, measured on data of
 * yours. Included by recur.h; never alone.
 *
 * Example: int8 where it changes no output by more than 0.01.
 *
 *     const recur_recurrent_options gru = {
 *         .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = 2, .hidden_size = 4
 *     };
 *     const float x[3 * 2] = { 1, 2, 3, 4, 5, 6 };
 *     recur_layer *layer, *snapshot;
 *     recur_packed *packed;
 *     recur_quantised matrix[2];
 *     recur_quantise_report report = { .size = sizeof report, .count = 2, .matrix = matrix };
 *     TRY(recur_recurrent_create(NULL, &gru, &layer));
 *     TRY(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
 *     TRY(recur_packed_create(NULL, 1, NULL, 3, &packed));
 *     const recur_quantise_options options = { .size = sizeof options,
 *                                              .precision = RECUR_PRECISION_INT8,
 *                                              .packed = packed,
 *                                              .x = x,
 *                                              .most_y = 0.01 };
 *     TRY(recur_quantise(layer, &options, &snapshot, &report));
 *     for (int i = 0; i < report.count; i++)
 *         printf("%s: y is off by %g\n", matrix[i].name, matrix[i].y_error);
 *     recur_layer_release(snapshot);
 *     recur_packed_release(packed);
 *     recur_layer_release(layer);
 */
#ifndef RECUR_QUANTISE_H
#define RECUR_QUANTISE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** What recur_quantise is to do. */
typedef struct recur_quantise_options {
    uint32_t size;              /**< in: sizeof(recur_quantise_options)                           */
    int32_t precision;          /**< RECUR_PRECISION_BFLOAT16 or RECUR_PRECISION_INT8             */
    const recur_packed *packed; /**< the layout of the data                                       */
    const float *x;             /**< [N][input_size], or                                          */
    const int32_t *ids;         /**< [N]                                                          */
    const void *reserved;       /**< NULL                                                         */
    double most_y;              /**< no number of y may differ by more; 0: no bound               */
    double most_state;          /**< no number of the final state may differ by more; 0: no bound */
} recur_quantise_options;

/** A matrix of fewer bits, and what it costs. */
typedef struct recur_quantised {
    const char *name;    /**< of the tensor; lives as long as the layer                           */
    const void *unused;  /**< NULL                                                                */
    double weight_error; /**< how far its numbers are off: the root of the mean square, as a part
                              of that of the numbers                                              */
    double y_error;      /**< the largest difference in y of the whole, if the part that has this
                              matrix is the only one with fewer bits                              */
    double state_error;  /**< the same of the final state; 0 without one                          */
    int32_t precision;   /**< RECUR_PRECISION_* that it has in the snapshot                       */
    int32_t reserved;    /**< 0                                                                   */
} recur_quantised;

/** What recur_quantise found. */
typedef struct recur_quantise_report {
    uint32_t size;           /**< in: sizeof(recur_quantise_report)                               */
    int32_t count;           /**< in: how many have room in `matrix`; out: how many there are     */
    recur_quantised *matrix; /**< in: [count], filled in order of the tensors; NULL: not wanted   */
    const void *reserved;    /**< NULL                                                            */
    double y_error;          /**< the largest difference in y between float32 and the snapshot    */
    double state_error;      /**< the same of the final state                                     */
} recur_quantise_report;

/** Makes a snapshot with fewer bits, and measures on a batch how far its output and its state after
 * the last step are from those of float32. With a bound, parts that cost most get float32, one
 * after the other, until the bound holds. NaN holds no bound.
 *
 * The layer is run once for each part that has matrices, and once more for each part that gets
 * float32. What holds on the batch need not hold on other data: let it be like yours.
 *
 * Shapes:  x [N][input_size] or ids [N] in the order of the layout.
 * Memory:  the snapshot is one allocation. Until the call ends: y and the state twice, and a state.
 * Errors:  ARGUMENT: NULL, a precision of another kind, not one of x and ids, an id out of range, a
 *          bound that is negative or not finite, size too small. UNSUPPORTED: a snapshot, a group,
 *          an input that the layer does not take. MEMORY.
 * Threads: free, while nobody writes the parameters.
 * Since:   0.1
 * @param layer the layer, or a part.
 * @param options what to do.
 * @param out the snapshot; NULL: only the report is wanted.
 * @param report is filled in; NULL: not wanted. If `count` is too small, the first ones are there.
 */
RECUR_NODISCARD recur_status recur_quantise(const recur_layer *layer,
                                            const recur_quantise_options *options,
                                            recur_layer **out, recur_quantise_report *report);

/** Rounds parameters to those of a snapshot with fewer bits: matrices to their nearest numbers, all
 * others stay. So a network is trained further for fewer bits: forward and backward run with the
 * rounded parameters, and the optimizer changes the floats behind them with the gradients as they
 * are ("straight through", Bengio 2013, arXiv:1308.3432). The inputs of products are not rounded.
 *
 *     const int64_t count = recur_layer_param_count(layer);
 *     float *params = recur_layer_params(layer);      // what passes read: rounded
 *     memcpy(floats, params, count * sizeof *floats); // what the optimizer changes
 *     for each batch:
 *         recur_quantise_params(layer, RECUR_PRECISION_INT8, floats, params);
 *         forward, loss, backward: dparams
 *         recur_optimizer_step(adam, floats, dparams);
 *     memcpy(params, floats, count * sizeof *floats); // and then recur_layer_snapshot
 *
 * Shapes:  from, to [recur_layer_param_count].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a precision of another kind.
 * Threads: free; writes to alone.
 * Since:   0.1
 * @param layer whose parameters they are: a layer, a part or a snapshot. It is not changed.
 * @param precision RECUR_PRECISION_BFLOAT16 or RECUR_PRECISION_INT8.
 * @param from the floats.
 * @param to where the rounded ones go; from itself is allowed.
 */
RECUR_NODISCARD recur_status recur_quantise_params(const recur_layer *layer, int32_t precision,
                                                   const float *from, float *to);

#ifdef __cplusplus
}
#endif
#endif
