/* recur/recurrent.h - cells over time. Included by recur.h; never alone. */
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
    RECUR_CELL_RNN_TANH = 1,        /**< h' = tanh(W x + U h + b); Elman 1990                          */
    RECUR_CELL_RNN_RELU = 2,        /**< the same with max(0, .)                                       */
    RECUR_CELL_LSTM = 3,            /**< gates i, f, g, o; Hochreiter and Schmidhuber 1997, Gers 2000  */
    RECUR_CELL_GRU = 4,             /**< gates r, z, n; reset after the product: PyTorch, cuDNN, Keras' default */
    RECUR_CELL_GRU_RESET_BEFORE = 5, /**< gates r, z, n; reset before the product: Cho 2014, ONNX' default */
    RECUR_CELL_LSTM_PEEPHOLE = 6,   /**< LSTM whose gates i, f see c and whose o sees c'; Gers and Schmidhuber 2000 */
    RECUR_CELL_LSTM_COUPLED = 7,    /**< gates f, g, o, with i = 1 - f; Greff 2017                     */
    RECUR_CELL_RNN_NORM = 8,        /**< RNN tanh, summed inputs normalised over the units; Ba 2016    */
    RECUR_CELL_LSTM_NORM = 9,       /**< LSTM, each gate's summed inputs and c normalised; Ba 2016     */
    RECUR_CELL_GRU_NORM = 10,       /**< GRU, r, z and both parts of n normalised; Ba 2016             */
    RECUR_CELL_CLOCKWORK = 11,      /**< RNN tanh in modules with periods of their own; Koutnik 2014   */
    RECUR_CELL_INDRNN = 12          /**< h' = max(0, W x + u h + b), each unit sees itself only; Li 2018 */
};

/** Which way through time. */
enum {
    RECUR_DIRECTION_FORWARD = 0,
    RECUR_DIRECTION_REVERSE = 1,      /**< each sequence from its own last step to its first */
    RECUR_DIRECTION_BIDIRECTIONAL = 2 /**< both, side by side: [forward half][reverse half]  */
};

/** The most modules of a clockwork RNN. */
enum { RECUR_MOST_MODULES = 16 };

/** Options of recur_recurrent_create. */
typedef struct recur_recurrent_options {
    uint32_t size;           /**< sizeof(recur_recurrent_options)                                  */
    int32_t cell;            /**< RECUR_CELL_*, required                                           */
    int64_t input_size;      /**< I, required                                                      */
    int64_t hidden_size;     /**< H, required                                                      */
    int64_t num_layers;      /**< L, at most 1024; 0 = 1                                           */
    int64_t projection_size; /**< P < H: LSTM's h is W_hr (o tanh c), P numbers wide; Sak 2014. 0 = none */
    int32_t direction;       /**< RECUR_DIRECTION_*                                                */
    uint32_t flags;          /**< RECUR_LAYER_*                                                    */
    double dropout;          /**< [0,1): on the outputs of all layers but the last, in training    */
    double recurrent_dropout; /**< [0,1): on the h that goes into U h, in training, one mask for all steps of a sequence in a pass; Gal 2016 */
    double zoneout_hidden;   /**< [0,1]: probability that a unit of h keeps its value in a step, in training; else that share of it; Krueger 2017 */
    double zoneout_cell;     /**< the same for c, in LSTM kinds                                    */
    double cell_clip;        /**< c' is held within ±cell_clip (cuDNN, TFLite), in LSTM kinds; 0 = no bound */
    double preactivation_clip; /**< what goes into gates and candidate is held within ± this (ONNX clip); 0 = no bound */
    int32_t gate_activation; /**< RECUR_ACTIVATION_* of the gates; 0 = sigmoid                     */
    int32_t activation;      /**< of the candidate (g of LSTM, n of GRU) or of an RNN's h; 0 = the kind's own */
    int32_t output_activation; /**< of c' on its way into h, in LSTM kinds; 0 = tanh               */
    int32_t modules;         /**< clockwork: number of modules, of H / modules units each; else 0  */
    int32_t periods[RECUR_MOST_MODULES]; /**< clockwork: steps between updates of each module, rising; all 0 = 1, 2, 4, 8 ... */
} recur_recurrent_options;

/** Cells over time: a stack of L layers in one or two directions. Parameters, named as PyTorch's, per layer k and
 * direction ("_reverse"), in this order:
 *
 *     weight_ih_l{k} [G*H][in], weight_hh_l{k} [G*H][P], bias_ih_l{k} [G*H], bias_hh_l{k} [G*H]
 *     weight_hr_l{k} [P][H]                       with a projection
 *     weight_hh_l{k} [H]                          INDRNN, here instead of the one above, and without bias_hh: u
 *     weight_peephole_l{k} [3*H]                  LSTM_PEEPHOLE: i, f, o
 *     norm_weight_l{k} [E*H], norm_bias_l{k} [E*H] the normalised kinds: γ and β of RNN 1, LSTM i, f, g, o, c, GRU r, z, n, m
 *     h0_l{k} [P], c0_l{k} [H]                    with RECUR_LAYER_LEARN_INITIAL_STATE; c of LSTM kinds
 *
 * where in = I for k = 0, else D*P, P = H without a projection, and G blocks of H rows belong to the gates in the order above. All are
 * zero until recur_layer_init or recur_file_get_layer. Of a clockwork's weight_hh what a module does not see is never read and has no gradient;
 * its state c holds a clock for each unit, the steps since its last update, 0 when the next is due.
 *
 * Shapes:  x [N][I] or ids [N] below I, y [N][D*P], states h [L*D][B][P] and, for LSTM kinds and clockwork, c [L*D][B][H].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL, unknown cell, direction, flags or activation, sizes < 1, numbers outside what stands beside them, a clockwork whose
 *          modules do not divide H or whose periods fall. UNSUPPORTED: cell names with more than one layer or not forward; an option
 *          that means nothing to the kind. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_recurrent_create(recur_context *ctx, const recur_recurrent_options *options,
                                              recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
