/* recur/recurrent.h - cells over time. Included by recur.h; never alone.
 *
 * Example: an LSTM of two layers, and a clockwork RNN of four modules.
 *
 *     const recur_clockwork_options modules = { .size = sizeof modules, .modules = 4 };
 *     recur_recurrent_options options = { .size = sizeof options,
 *                                         .cell = RECUR_CELL_LSTM,
 *                                         .input_size = 3,
 *                                         .hidden_size = 8,
 *                                         .num_layers = 2 };
 *     recur_layer *lstm, *clockwork;
 *     TRY(recur_recurrent_create(NULL, &options, &lstm));
 *     options.cell = RECUR_CELL_CLOCKWORK;
 *     options.clockwork = &modules;
 *     TRY(recur_recurrent_create(NULL, &options, &clockwork));
 *     recur_layer_release(lstm);
 *     recur_layer_release(clockwork);
 */
#ifndef RECUR_RECURRENT_H
#define RECUR_RECURRENT_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of recurrence; docs/math.md has their equations. */
enum {
    RECUR_CELL_RNN_TANH = 1,         /**< h' = tanh(W x + U h + b); Elman 1990                    */
    RECUR_CELL_RNN_RELU = 2,         /**< the same with max(0, .)                                 */
    RECUR_CELL_LSTM = 3,             /**< gates i, f, g, o; Hochreiter and Schmidhuber 1997, Gers
                                          2000                                                    */
    RECUR_CELL_GRU = 4,              /**< gates r, z, n; reset after the product: PyTorch, cuDNN,
                                          Keras' default                                          */
    RECUR_CELL_GRU_RESET_BEFORE = 5, /**< gates r, z, n; reset before the product: Cho 2014, ONNX'
                                          default                                                 */
    RECUR_CELL_LSTM_PEEPHOLE = 6,    /**< LSTM whose gates i, f read c and whose o reads c'; Gers
                                          and Schmidhuber 2000                                    */
    RECUR_CELL_LSTM_COUPLED = 7,     /**< gates f, g, o, with i = 1 - f; Greff 2017               */
    RECUR_CELL_RNN_NORM = 8,         /**< RNN tanh, summed inputs normalised over the units; Ba
                                          2016                                                    */
    RECUR_CELL_LSTM_NORM = 9,        /**< LSTM, each gate's summed inputs and c normalised; Ba
                                          2016                                                    */
    RECUR_CELL_GRU_NORM = 10,        /**< GRU, r, z and both parts of n normalised; Ba 2016       */
    RECUR_CELL_CLOCKWORK = 11,       /**< RNN tanh in modules with periods of their own; needs
                                          recur_recurrent_options.clockwork; Koutnik 2014         */
    RECUR_CELL_INDRNN = 12,          /**< h' = max(0, W x + u h + b): a unit reads its own h and no
                                          other; Li 2018                                          */
    RECUR_CELL_MINGRU = 13,          /**< gates z, n of x only: h' = (1 - z) h + z n; Feng 2024   */
    RECUR_CELL_MINLSTM = 14,         /**< gates f, i, n of x only: h' = (f h + i n) / (f + i); Feng
                                          2024                                                    */
    RECUR_CELL_QRNN = 15,            /**< gates z, f, o of x only: c' = f c + (1 - f) z, h' = o c';
                                          fo-pooling of Bradbury 2017                             */
    RECUR_CELL_SRU = 16              /**< gates n, f, r, p of x, and of the unit's own c: c' = f c +
                                          (1 - f) n, h' = r c' + (1 - r) p; Lei 2018              */
};

/** Which way through time. */
enum {
    RECUR_DIRECTION_FORWARD = 0,
    RECUR_DIRECTION_REVERSE = 1,      /**< each sequence from its own last step to its first      */
    RECUR_DIRECTION_BIDIRECTIONAL = 2 /**< both, side by side: [forward half][reverse half]       */
};

/** The most modules of a clockwork RNN. */
enum { RECUR_MOST_MODULES = 16 };

/** What a clockwork RNN needs to know beside the options of all kinds. */
typedef struct recur_clockwork_options {
    uint32_t size;                       /**< sizeof(recur_clockwork_options)                     */
    int32_t modules;                     /**< number of modules, of H / modules units each;
                                              required                                            */
    int32_t periods[RECUR_MOST_MODULES]; /**< steps between updates of each module, 1 to 2^24,
                                              rising; all 0 = 1, 2, 4, 8 ...                      */
} recur_clockwork_options;

/** Options of recur_recurrent_create. */
typedef struct recur_recurrent_options {
    uint32_t size;             /**< sizeof(recur_recurrent_options)                               */
    int32_t cell;              /**< RECUR_CELL_*, required                                        */
    int64_t input_size;        /**< I, required                                                   */
    int64_t hidden_size;       /**< H, required                                                   */
    int64_t num_layers;        /**< L, at most 1024; 0 = 1                                        */
    int64_t projection_size;   /**< P < H, in LSTM kinds: h is W_hr (o tanh c), P numbers wide;
                                    Sak 2014. 0 = none                                            */
    int32_t direction;         /**< RECUR_DIRECTION_*                                             */
    uint32_t flags;            /**< RECUR_LAYER_*                                                 */
    double dropout;            /**< [0,1): on the outputs of all layers but the last, in training */
    double recurrent_dropout;  /**< [0,1): on the h that goes into U h, in training, one mask for
                                    all steps of a sequence in a pass; Gal 2016                   */
    double zoneout_hidden;     /**< [0,1]: in training, the probability that a unit of h keeps its
                                    value in a step; else that share of the value; Krueger 2017   */
    double zoneout_cell;       /**< the same for c, in LSTM kinds, QRNN and SRU                   */
    double cell_clip;          /**< c' is held within ±cell_clip (cuDNN, TFLite), in LSTM kinds,
                                    QRNN and SRU; 0 = no bound                                    */
    double preactivation_clip; /**< what goes into gates and candidate is held within ± this (ONNX
                                    clip); 0 = no bound                                           */
    int32_t gate_activation;   /**< RECUR_ACTIVATION_* of the gates; 0 = sigmoid                  */
    int32_t activation;        /**< of the candidate (g of LSTM, n of GRU) or of an RNN's h; 0 = the
                                    kind's own                                                    */
    int32_t output_activation; /**< of c' on its way into h, in LSTM kinds; 0 = tanh              */
    int32_t reserved;          /**< 0                                                             */
    /** clockwork: required, copied; other kinds: NULL */
    const recur_clockwork_options *clockwork;
    const void *reserved_pointer; /**< NULL                                                       */
} recur_recurrent_options;

/** Fills in the defaults of a kind: num_layers 1 and the kind's own functions, nothing else. They
 * make the same layer as zeros do.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has, unknown cell.
 * Threads: free.
 * Since:   0.1
 * @param options is overwritten.
 * @param size sizeof(recur_recurrent_options), as your compiler sees it.
 * @param cell RECUR_CELL_*.
 */
RECUR_NODISCARD recur_status recur_recurrent_options_init(recur_recurrent_options *options,
                                                          size_t size, int32_t cell);

/** Makes cells over time: a stack of L layers in one or two directions. Parameters, named as
 * PyTorch's, per layer k and direction ("_reverse"), in this order:
 *
 *     weight_ih_l{k} [G*H][in], weight_hh_l{k} [G*H][P], bias_ih_l{k} [G*H], bias_hh_l{k} [G*H]
 *     weight_hh_l{k} [H]             INDRNN: u, in place of the matrix; it has no bias_hh
 *     weight_hr_l{k} [P][H]          with a projection
 *     weight_peephole_l{k} [3*H]     LSTM_PEEPHOLE: i, f, o
 *     weight_c_l{k} [2*H]            SRU: f, r. Like MINGRU, MINLSTM and QRNN it has no weight_hh
 *                                    and no bias_hh
 *     norm_weight_l{k} [E*H], norm_bias_l{k} [E*H]   the normalised kinds: γ and β of RNN 1;
 *                                    LSTM i, f, g, o, c; GRU r, z, n, m
 *     h0_l{k} [P], c0_l{k} [H]       with RECUR_LAYER_LEARN_INITIAL_STATE; c: kinds with cells
 *
 * where in = I for k = 0, else D*P, P = H without a projection, and G blocks of H rows belong to
 * the gates in the order above. All are zero until recur_layer_init or recur_file_get_layer.
 *
 * Clockwork: entries of weight_hh from a faster to a slower module are never read and get no
 * gradient. The state c holds a clock for each unit: the steps since its last update, and 0 when
 * the next is due.
 *
 * Shapes:  x [N][I] or ids [N] below I, y [N][D*P], states h [L*D][B][P] and, for LSTM kinds, QRNN,
 *          SRU and clockwork, c [L*D][B][H]. With RECUR_LAYER_OUTPUT_CELL y is [N][D*(P+H)]: a row
 *          holds h and then c of each direction of the top layer.
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL, unknown cell, direction, flags or activation, sizes < 1, a value outside
 *          the range given beside the member, a clockwork without recur_clockwork_options, whose
 *          modules do not divide H, or whose periods fall: set the member that the sentence names.
 *          UNSUPPORTED: cell names with more than one layer or not forward; an option that means
 *          nothing to the kind: leave it out. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options are copied, those of a clockwork too.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_recurrent_create(recur_context *ctx,
                                                    const recur_recurrent_options *options,
                                                    recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
