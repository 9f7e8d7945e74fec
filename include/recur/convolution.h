/* recur/convolution.h - convolutions over time, and inside a row. Included by recur.h; never alone.
 *
 * RECUR_CONV_TIME takes rows of in_channels numbers, one row for each step, and looks at the rows
 * of earlier steps. It is causal unless pad_after says otherwise: y of a step depends on x of that
 * step and of (kernel - 1) dilation steps before it. These are its state, "x", part of the state
 * object like the h of a recurrent layer: what is streamed, in steps or blocks of any size, equals
 * the whole bit for bit.
 *
 * RECUR_CONV_ROW looks inside a row, which is [in_channels][length], and makes it
 * [out_channels][length out]. It knows no time: it is a layer of rows, like a linear one. With
 * length 1 and kernel 1 it is a linear layer whose features are in groups.
 *
 *     length out = (pad_before + length + pad_after - (kernel - 1) dilation - 1) / stride + 1
 *
 * Parameters, named and shaped as PyTorch's Conv1d: weight [out_channels][in_channels / groups]
 * [kernel], bias [out_channels].
 *
 * Example: three rows of two channels, through a kernel over two steps.
 *
 *     const recur_conv_options options = { .size = sizeof options,
 *                                          .axis = RECUR_CONV_TIME,
 *                                          .in_channels = 2,
 *                                          .out_channels = 1,
 *                                          .kernel = 2 };
 *     const float x[3 * 2] = { 1, 2, 3, 4, 5, 6 };
 *     float y[3 * 1];
 *     recur_layer *conv;
 *     recur_state *state;
 *     TRY(recur_conv_create(NULL, &options, &conv));
 *     TRY(recur_layer_init(conv, NULL, RECUR_INIT_CONSTANT, 1, 0));
 *     TRY(recur_state_create(conv, 1, &state));
 *     for (int t = 0; t < 3; t++) TRY(recur_layer_step(conv, x + 2 * t, state, y + t, NULL));
 *     printf("%g %g %g\n", y[0], y[1], y[2]);   // 4 11 19
 *     recur_state_release(state);
 *     recur_layer_release(conv);
 */
#ifndef RECUR_CONVOLUTION_H
#define RECUR_CONVOLUTION_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** What a convolution goes along. */
enum {
    RECUR_CONV_TIME = 1, /**< the steps of a sequence                                             */
    RECUR_CONV_ROW = 2   /**< the numbers of a channel, inside a row                              */
};

/** What stands before and behind the numbers of a row. */
enum {
    RECUR_PADDING_ZEROS = 0,  /**< zeros                                                          */
    RECUR_PADDING_REFLECT = 1 /**< the row mirrored at its ends, which are not repeated           */
};

/** Options of recur_conv_create. */
typedef struct recur_conv_options {
    uint32_t size;        /**< sizeof(recur_conv_options)                                         */
    int32_t axis;         /**< RECUR_CONV_*, required                                             */
    uint32_t flags;       /**< RECUR_LAYER_NO_BIAS or 0                                           */
    int32_t padding;      /**< RECUR_PADDING_*; TIME: ZEROS                                       */
    int64_t in_channels;  /**< required                                                           */
    int64_t out_channels; /**< required                                                           */
    int64_t kernel;       /**< numbers under the kernel, required                                 */
    int64_t length;       /**< ROW: numbers in a channel of x, 0 = 1; TIME: 0                     */
    int64_t stride;       /**< ROW: from one window to the next, 0 = 1; TIME: 0 or 1              */
    int64_t dilation;     /**< from one number under the kernel to the next, 0 = 1                */
    int64_t groups;       /**< of channels that do not see each other, 0 = 1                      */
    int64_t pad_before;   /**< ROW: numbers before a channel; TIME: 0, or (kernel - 1) dilation -
                               pad_after, which is what 0 means                                   */
    int64_t pad_after;    /**< ROW: numbers behind a channel; TIME: steps that it looks ahead, at
                               most (kernel - 1) dilation. Then it has no state and no step, and
                               zeros stand before and behind each sequence                        */
} recur_conv_options;

/** Makes a convolution. Its weights are zero until recur_layer_init or recur_file_get_layer.
 *
 * Shapes:  TIME: x [N][in_channels], y [N][out_channels], state x [1][B][(kernel - 1) dilation
 *          in_channels], the oldest step first. ROW: x [R][in_channels * length], y
 *          [R][out_channels * length out].
 * Memory:  one allocation. A recorded pass over time keeps the state that it began with. A layer
 *          that is no snapshot repacks its weights at every streaming step: stream a snapshot.
 * Errors:  ARGUMENT: NULL, unknown axis, padding or flags, a size that is not set or out of range;
 *          TIME: length, stride or padding set, pad_before or pad_after that do not fit the kernel.
 *          SHAPE: groups do not divide the channels; a kernel wider than the padded row; more
 *          reflected numbers than the row has. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options are copied.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_conv_create(recur_context *ctx,
                                               const recur_conv_options *options,
                                               recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
