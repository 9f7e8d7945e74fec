/* recur/layer.h - anything that maps rows to rows. Included by recur.h; never alone.
 *
 *     x [N][I] or ids [N] ──▶ layer ──▶ y [rows][O]        rows: N, or B behind a `last`
 *
 * A layer is constant in every pass, forward and backward: gradients go to the caller's flat
 * vector, history to the tape, hidden state to a state object. So any number of threads may run one
 * layer.
 *
 * What records, what streams: recur_layer_forward and recur_layer_step do the same arithmetic, over
 * a whole layout and over one step of each sequence. With a tape in mode TRAIN or RECORD_NO_DROPOUT
 * either is recorded for one backward. Without a tape, or with one in mode EVALUATE, either is
 * inference, without dropout; steps are then called streaming.
 *
 * Example: a classifier of whole sequences, run over two of them.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_GRU,
 *                                               .input_size = 3,
 *                                               .hidden_size = 8 };
 *     const char *const names[] = { "rnn", "last", "fc" };
 *     const int64_t lengths[] = { 2, 1 };
 *     const float x[3 * 3] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
 *     float y[2 * 2];
 *     recur_layer *part[3], *net;
 *     recur_packed *packed;
 *     TRY(recur_recurrent_create(NULL, &options, &part[0]));
 *     TRY(recur_last_create(NULL, 8, RECUR_DIRECTION_FORWARD, &part[1]));
 *     TRY(recur_linear_create(NULL, 8, 2, 0, &part[2]));
 *     TRY(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 3, names, part, &net));
 *     for (int i = 0; i < 3; i++) recur_layer_release(part[i]);
 *     TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
 *     TRY(recur_packed_create(NULL, 2, lengths, 0, &packed));
 *     TRY(recur_layer_forward(net, packed, x, NULL, y, NULL));
 *     recur_packed_release(packed);
 *     recur_layer_release(net);
 */
#ifndef RECUR_LAYER_H
#define RECUR_LAYER_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* ---- making layers -------------------------------------------------------------------------- */

/** Flags at creation. */
enum {
    RECUR_LAYER_NO_BIAS = 1,             /**< no bias vectors                                     */
    RECUR_LAYER_CELL_NAMES = 2,          /**< recurrent, one layer forward: weight_ih, not
                                              weight_ih_l0                                        */
    RECUR_LAYER_UPDATE_NEW = 4,          /**< GRU kinds: z weighs the new state, h' = (1-z) h + z
                                              n, not the old one                                  */
    RECUR_LAYER_LEARN_INITIAL_STATE = 8, /**< recurrent: initial states are parameters, not zeros */
    RECUR_LAYER_OUTPUT_CELL = 16         /**< LSTM kinds: a row of y is [h][c] for each direction */
};

/** Functions of recur_activation_create and, but for the last three, of recurrent layers, whose
 * backward knows only the value of a function. */
enum {
    RECUR_ACTIVATION_TANH = 1,
    RECUR_ACTIVATION_SIGMOID = 2,
    RECUR_ACTIVATION_RELU = 3,
    RECUR_ACTIVATION_HARD_SIGMOID = 4, /**< 0.2 x + 0.5 between 0 and 1: ONNX, Keras 2            */
    RECUR_ACTIVATION_SOFTSIGN = 5,     /**< x / (1 + |x|)                                         */
    RECUR_ACTIVATION_IDENTITY = 6,
    RECUR_ACTIVATION_SILU = 7, /**< x / (1 + exp(-x)), swish; Elfwing 2017. Layers only           */
    RECUR_ACTIVATION_ELU = 8,  /**< x above 0, exp(x) - 1 below; Clevert 2015. Layers only        */
    RECUR_ACTIVATION_GELU = 9, /**< x Φ(x) with the normal distribution Φ itself, that is
                                    x/2 (1 + erf(x/√2)), not its tanh form; Hendrycks 2016.
                                    Layers only                                                   */
    RECUR_ACTIVATION_POSITIVE = 10 /**< x + 1/2 from 0 on, sigmoid below: g of the minGRU that is
                                        made in logarithms; Feng 2024                             */
};

/** Makes a linear layer: y = W x + b for every row. Parameters: weight [out_features][in_features],
 * bias [out_features].
 *
 * Shapes:  x [R][in_features] or ids [R] below in_features (the column of W), y [R][out_features].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: sizes < 1, unknown flags. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param in_features numbers in a row of x.
 * @param out_features numbers in a row of y.
 * @param flags RECUR_LAYER_NO_BIAS or 0.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_linear_create(recur_context *ctx, int64_t in_features,
                                                 int64_t out_features, uint32_t flags,
                                                 recur_layer **out);

/** Makes an embedding: a vector for each symbol. Parameter: weight [symbols][width].
 *
 * Shapes:  ids [R] below symbols (rows of floats are not accepted), y [R][width].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: sizes < 1, flags not 0. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param symbols how many there are.
 * @param width numbers in a vector.
 * @param flags 0.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_embedding_create(recur_context *ctx, int64_t symbols,
                                                    int64_t width, uint32_t flags,
                                                    recur_layer **out);

/** Makes a layer that gives one row per sequence, in the caller's order: the output of the step at
 * which the network has read all of it. FORWARD takes the last step, REVERSE the first;
 * BIDIRECTIONAL takes the first half of the features from the last step, the second half from the
 * first. A sequence of length 0 gives a row of zeros.
 *
 * Shapes:  x [N][features], y [B][features].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: features < 1, unknown direction. SHAPE: BIDIRECTIONAL with an odd number of
 *          features. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param direction RECUR_DIRECTION_*, that of the recurrent layer before it.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_last_create(recur_context *ctx, int64_t features,
                                               int32_t direction, recur_layer **out);

/** Makes a dropout layer. When the tape's mode is RECUR_TAPE_TRAIN it zeroes each number with the
 * given probability and divides the others by 1 - probability; otherwise it passes on everything.
 *
 * Shapes:  x [R][features], y [R][features].
 * Memory:  one allocation. Masks are recomputed from the tape's seed, never stored.
 * Errors:  ARGUMENT: features < 1, probability outside [0,1). MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param probability [0,1).
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_dropout_create(recur_context *ctx, int64_t features,
                                                  double probability, recur_layer **out);

/** Makes an activation: y = function(x), number by number.
 *
 * Shapes:  x [R][features], y [R][features].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: features < 1, unknown function. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param function RECUR_ACTIVATION_*.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_activation_create(recur_context *ctx, int64_t features,
                                                     int32_t function, recur_layer **out);

/** Makes a layer normalisation: each row is shifted and scaled to mean 0 and variance 1, then
 * y = weight x + bias, number by number; Ba 2016. Parameters: weight [features], bias [features];
 * RECUR_INIT_DEFAULT gives 1 and 0.
 *
 * Shapes:  x [R][features], y [R][features].
 * Memory:  one allocation. A recorded pass keeps three floats of each row.
 * Errors:  ARGUMENT: features < 1, epsilon neither 0 nor a normal float above 0, unknown flags.
 *          MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param epsilon added to the variance; 0 = 1e-5.
 * @param flags RECUR_LAYER_NO_BIAS or 0.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_norm_create(recur_context *ctx, int64_t features, double epsilon,
                                               uint32_t flags, recur_layer **out);

/** The same without the mean: y = weight x / √(mean of x² + epsilon); Zhang 2019. Parameter: weight
 * [features]; RECUR_INIT_DEFAULT gives 1.
 *
 * Shapes:  x [R][features], y [R][features].
 * Memory:  one allocation. A recorded pass keeps three floats of each row.
 * Errors:  as recur_norm_create.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param epsilon added to the mean square; 0 = 1e-5.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_rms_norm_create(recur_context *ctx, int64_t features,
                                                   double epsilon, recur_layer **out);

/** Makes a group normalisation: a row is [channels][length], and each of its groups of channels is
 * shifted and scaled to mean 0 and variance 1; then y = weight x + bias with a weight and a bias
 * for each channel; Wu 2018. Parameters: weight [channels], bias [channels]; RECUR_INIT_DEFAULT
 * gives 1 and 0.
 *
 * Shapes:  x [R][channels * length], y the same.
 * Memory:  one allocation.
 * Errors:  ARGUMENT: sizes < 1 or too large together, epsilon neither 0 nor a normal float above 0.
 *          SHAPE: groups do not divide channels. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param channels of a row.
 * @param length numbers in a channel.
 * @param groups how many; 1: the whole row.
 * @param epsilon added to the variance; 0 = 1e-5.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_group_norm_create(recur_context *ctx, int64_t channels,
                                                     int64_t length, int64_t groups, double epsilon,
                                                     recur_layer **out);

/** Makes a layer that scales and shifts each channel: a row is [channels][length], and
 * y = weight x + bias with a weight and a bias for each channel. A batch normalisation that is no
 * longer trained is such a layer. Parameters: weight [channels], bias [channels];
 * RECUR_INIT_DEFAULT gives 1 and 0.
 *
 * Shapes:  x [R][channels * length], y the same.
 * Memory:  one allocation.
 * Errors:  ARGUMENT: sizes < 1 or too large together, unknown flags. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param channels of a row.
 * @param length numbers in a channel; 1: each number has its own weight.
 * @param flags RECUR_LAYER_NO_BIAS or 0.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_affine_create(recur_context *ctx, int64_t channels,
                                                 int64_t length, uint32_t flags, recur_layer **out);

/** Makes a PReLU: a row is [channels][length], and y is x where x is above 0, else weight x with a
 * weight for each channel; He 2015. With one channel all numbers share it, and a weight that is not
 * trained makes it a leaky ReLU. Parameter: weight [channels]; RECUR_INIT_DEFAULT gives 0.25.
 *
 * Shapes:  x [R][channels * length], y the same.
 * Memory:  one allocation.
 * Errors:  ARGUMENT: sizes < 1 or too large together. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param channels of a row.
 * @param length numbers in a channel; 1: each number has its own weight.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_prelu_create(recur_context *ctx, int64_t channels,
                                                int64_t length, recur_layer **out);

/** Makes a softmax over the features of each row: y = exp(x) / sum of exp(x).
 *
 * Shapes:  x [R][features], y [R][features].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: features < 1. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_softmax_create(recur_context *ctx, int64_t features,
                                                  recur_layer **out);

/** Ways of recur_merge_create. */
enum {
    RECUR_MERGE_SUM = 1,      /**< a + b                                                          */
    RECUR_MERGE_MEAN = 2,     /**< (a + b) / 2                                                    */
    RECUR_MERGE_MULTIPLY = 3, /**< a b                                                            */
    RECUR_MERGE_GATE = 4,     /**< a sigmoid(b): a gated linear unit; Dauphin 2016                */
    RECUR_MERGE_MAGNITUDE = 5 /**< √(a² + b²), such as of the real and imaginary parts of a
                                   spectrum; where that is 0, so is its gradient                  */
};

/** Makes a layer that joins the two halves [a][b] of each row, number by number: behind a
 * bidirectional layer these are the outputs of both directions at a step, behind two sources of a
 * graph (recur_graph_create) the rows of both.
 *
 * Shapes:  x [R][features], y [R][features / 2].
 * Memory:  one allocation.
 * Errors:  ARGUMENT: features < 1, unknown way. SHAPE: an odd number of features. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param features numbers in a row of x.
 * @param way RECUR_MERGE_*
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_merge_create(recur_context *ctx, int64_t features, int32_t way,
                                                recur_layer **out);

/** Ways to compose layers. */
enum {
    RECUR_COMPOSE_SEQUENTIAL = 1, /**< each part takes the rows of the one before                 */
    RECUR_COMPOSE_GROUP = 2,      /**< parts that the caller runs himself, through
                                       recur_layer_child: one flat vector, one optimizer, one file
                                       for all                                                    */
    RECUR_COMPOSE_RESIDUAL = 3,   /**< a chain whose input is added to its output:
                                       y = x + chain(x); He 2015, Wu 2016                         */
    RECUR_COMPOSE_GRAPH = 4       /**< each part says what it takes: made by recur_graph_create   */
};

/** Makes a layer of named parts. The parts are copied, values included, into one flat vector;
 * release the originals when you like. Parameters are named "part.name": "rnn.weight_ih_l0",
 * "fc.weight".
 *
 * Shapes:  SEQUENTIAL: part i+1 takes as many features as part i gives; what looks through time
 *          stands before a `last`. RESIDUAL: the same, of rows, without a `last`, and the last part
 *          gives as many features as the first takes.
 * Memory:  one allocation, and another one while it is made.
 * Errors:  ARGUMENT: NULL, no parts, a name that is empty, has a dot or is used twice, unknown
 *          kind. SHAPE: parts that do not fit each other; the sentence names both. UNSUPPORTED: a
 *          snapshot as part: compose first, then make a snapshot of the whole; in a chain, a group,
 *          or ids in the middle; in a residual, ids. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param kind RECUR_COMPOSE_*.
 * @param count number of parts.
 * @param names [count], copied.
 * @param parts [count], in order.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_compose_create(recur_context *ctx, int32_t kind, int64_t count,
                                                  const char *const *names,
                                                  recur_layer *const *parts, recur_layer **out);

/** A part by its name: another handle on the same parameters, which start at *offset of the flat
 * vector of `layer`. So its gradients go to grads + *offset.
 *
 * Shapes:  -
 * Memory:  allocates nothing. The part keeps the whole alive; release it like any layer.
 * Errors:  ARGUMENT: NULL. MISSING: no such part; recur_layer_describe tells the names.
 * Threads: free.
 * Since:   0.1
 * @param layer the whole.
 * @param name "rnn"; of a part's part "decoder.rnn".
 * @param out the part.
 * @param offset NULL: not wanted.
 */
RECUR_NODISCARD recur_status recur_layer_child(const recur_layer *layer, const char *name,
                                               recur_layer **out, int64_t *offset);

/** Number formats of the weights of a snapshot: of the matrices W and U of recurrent layers, of a
 * projection, of linear layers and embeddings. States, biases, other parameters and all that is not
 * a product with a matrix are float32 in any case.
 *
 * Every instruction set gives the same bits of a product:
 *
 *   BFLOAT16  weights and what they multiply are rounded to 8 bits of fraction, to the nearest and
 *             ties to even; magnitudes below 2^-56 become 0. Sums are float32.
 *   INT8      weights are whole numbers from -127 to 127 times a scale of their row, and what they
 *             multiply too, with a scale that follows from the row at hand. Sums are whole
 *             numbers. A row with an infinity or a NaN gives NaN. Matrices of more than 131072
 *             columns keep float32, with their layer.
 *
 * recur_quantise measures what they cost in accuracy. */
enum {
    RECUR_PRECISION_FLOAT32 = 0,
    RECUR_PRECISION_BFLOAT16 = 1, /**< half the memory traffic                                    */
    RECUR_PRECISION_INT8 = 2      /**< a quarter of it                                            */
};

/** Makes an immutable copy laid out for running on this machine, for any number of streams and
 * threads. Later changes of the original do not reach it. It has no parameters to read or write,
 * and no pass on it can be recorded. States made for the original fit it, and are as fast.
 *
 * Fewer bits pay where weights do not stay in the caches nearest to a core: from about 128 units
 * on. Steps and passes of such a snapshot give the same bits.
 *
 * Shapes:  takes and gives what `layer` does.
 * Memory:  one allocation. A snapshot keeps the float32 parameters, too.
 * Errors:  ARGUMENT: NULL, unknown precision. UNSUPPORTED: fewer bits of a snapshot: make it of the
 *          layer that the snapshot was made of. MEMORY.
 * Threads: free, while nobody writes the parameters.
 * Since:   0.1
 * @param layer the layer, or a part.
 * @param precision RECUR_PRECISION_*.
 * @param out the snapshot.
 */
RECUR_NODISCARD recur_status recur_layer_snapshot(const recur_layer *layer, int32_t precision,
                                                  recur_layer **out);

/** Makes a copy that can be trained on: the same structure and values, with a flat vector of its
 * own. Of a part: a layer of its own.
 *
 * Shapes:  takes and gives what `layer` does.
 * Memory:  one allocation.
 * Errors:  ARGUMENT: NULL. UNSUPPORTED: a snapshot: copy the layer that it was made of. MEMORY.
 * Threads: free, while nobody writes the parameters.
 * Since:   0.1
 * @param layer the layer, or a part.
 * @param out the copy.
 */
RECUR_NODISCARD recur_status recur_layer_copy(const recur_layer *layer, recur_layer **out);

/** Another handle on the same layer, for bindings whose objects are copied. NULL gives NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing. Release it as often as it was made and retained.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer, or a part.
 */
RECUR_API recur_layer *recur_layer_retain(recur_layer *layer);

/** Gives a handle back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  a layer is freed with its last handle, those on its parts included.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param layer the handle is gone afterwards.
 */
RECUR_API void recur_layer_release(recur_layer *layer);

/* ---- what a layer is ------------------------------------------------------------------------ */

/** Kinds of layer. */
enum {
    RECUR_KIND_RECURRENT = 1,
    RECUR_KIND_LINEAR = 2,
    RECUR_KIND_EMBEDDING = 3,
    RECUR_KIND_LAST = 4,
    RECUR_KIND_DROPOUT = 5,
    RECUR_KIND_ACTIVATION = 6,
    RECUR_KIND_COMPOSE = 7,
    RECUR_KIND_NORM = 8,
    RECUR_KIND_MERGE = 9,
    RECUR_KIND_SOFTMAX = 10,
    RECUR_KIND_AFFINE = 11,
    RECUR_KIND_PRELU = 12,
    RECUR_KIND_CONV = 13
};

/** Sorts of normalisation: recur_layer_info.variant. */
enum {
    RECUR_NORM_LAYER = 0, /**< recur_norm_create                                                  */
    RECUR_NORM_RMS = 1,   /**< recur_rms_norm_create                                              */
    RECUR_NORM_GROUP = 2  /**< recur_group_norm_create                                            */
};

/** What a layer can do: bits of recur_layer_info.capabilities. */
enum {
    RECUR_CAN_TAKE_ROWS = 1,   /**< takes rows of floats                                          */
    RECUR_CAN_TAKE_IDS = 2,    /**< takes ids                                                     */
    RECUR_CAN_STEP = 4,        /**< recur_layer_step runs it                                      */
    RECUR_CAN_RECORD = 8,      /**< can be trained: not a snapshot                                */
    RECUR_CAN_REDUCE_TIME = 16 /**< gives B rows, in the caller's order, not N                    */
};

/** Everything needed to draw, convert or rebuild a layer. Filled in by recur_layer_describe. */
typedef struct recur_layer_info {
    uint32_t size;             /**< in: sizeof(recur_layer_info)                                  */
    int32_t kind;              /**< RECUR_KIND_*                                                  */
    int64_t input_size;        /**< floats of an input row, or number of symbols; 0 for a group   */
    int64_t output_size;       /**< floats of an output row; 0 for a group                        */
    int64_t hidden_size;       /**< recurrent: H; else 0                                          */
    int64_t num_layers;        /**< recurrent: L; else 0                                          */
    int64_t parts;             /**< composed: number of parts; else 0                             */
    int64_t offset;            /**< of its first parameter in the flat vector of the layer asked  */
    double dropout;            /**< recurrent, dropout: the probability                           */
    int32_t variant;           /**< RECUR_CELL_*, RECUR_ACTIVATION_*, RECUR_MERGE_*, RECUR_NORM_*,
                                    RECUR_CONV_*, RECUR_COMPOSE_*; else 0                         */
    int32_t direction;         /**< RECUR_DIRECTION_*                                             */
    uint32_t flags;            /**< RECUR_LAYER_*                                                 */
    uint32_t capabilities;     /**< RECUR_CAN_*                                                   */
    const char *name;          /**< of this part in its whole; "" otherwise                       */
    const char *type;          /**< "lstm", "linear", "sequential" ...: for messages and files    */
    int64_t projection_size;   /**< recurrent, as all that follows up to output_activation: see
                                    recur_recurrent_options                                       */
    double recurrent_dropout;  /**< as there                                                      */
    double zoneout_hidden;     /**< as there                                                      */
    double zoneout_cell;       /**< as there                                                      */
    double cell_clip;          /**< as there                                                      */
    double preactivation_clip; /**< as there                                                      */
    int32_t gate_activation;   /**< as there; 0: the kind's own                                   */
    int32_t activation;        /**< as there; 0: the kind's own                                   */
    int32_t output_activation; /**< as there; 0: the kind's own                                   */
    int32_t reserved;          /**< 0                                                             */
    double epsilon;            /**< norms: what is added to the variance; else 0                  */
    /** clockwork: its modules and all their periods; NULL for other kinds */
    const recur_clockwork_options *clockwork;
    /** convolution: all its options, defaults written out; NULL for other kinds */
    const recur_conv_options *conv;
    int64_t channels;             /**< affine, prelu, group norm, convolution: channels of a row of
                                       x; else 0                                                  */
    int64_t groups;               /**< group norm, convolution: groups of channels; else 0        */
    int64_t source_count;         /**< part of a graph: how many sources it has; else 0           */
    int64_t reserved_count;       /**< 0                                                          */
    const recur_source *sources;  /**< [source_count]; they live as long as the layer             */
    const void *reserved_pointer; /**< NULL                                                       */
} recur_layer_info;

/** What a layer is, or one of its parts.
 *
 * Shapes:  -
 * Memory:  the strings, and the options of a clockwork, live as long as the layer.
 * Errors:  ARGUMENT: NULL, no such part, out->size too small: at least all up to type is wanted.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 * @param part -1: the layer itself; else 0 to parts - 1.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_layer_describe(const recur_layer *layer, int64_t part,
                                                  recur_layer_info *out);

/** Rows of y for a layout: N, or B if a `last` is inside. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 * @param packed the layout.
 */
RECUR_API int64_t recur_layer_rows(const recur_layer *layer, const recur_packed *packed);

/* ---- parameters ----------------------------------------------------------------------------- */

/** Number of parameters: floats in the flat vector (also of a snapshot's original). 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 */
RECUR_API int64_t recur_layer_param_count(const recur_layer *layer);

/** The flat vector of parameters, to read and write. While somebody writes to it nobody may run the
 * layer, and while a tape holds a record of the layer nobody may write to it; a context with
 * RECUR_CONTEXT_CHECK finds writes of the second kind.
 *
 * Shapes:  [recur_layer_param_count].
 * Memory:  belongs to the layer and never moves; 64-byte aligned for a layer that is nobody's part.
 * Errors:  NULL for NULL, for a snapshot, and where there are no parameters.
 * Threads: free; who writes is the caller's to arrange.
 * Since:   0.1
 * @param layer the layer, or a part.
 */
RECUR_API float *recur_layer_params(recur_layer *layer);

/** Number of named tensors in the flat vector. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 */
RECUR_API int64_t recur_layer_tensor_count(const recur_layer *layer);

/** One named tensor of the flat vector: name, shape, offset. Tensors follow each other without
 * holes.
 *
 * Shapes:  -
 * Memory:  the name lives as long as the layer.
 * Errors:  ARGUMENT: NULL, no such index, out->size too small.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer.
 * @param index 0 to recur_layer_tensor_count - 1.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_layer_tensor_info(const recur_layer *layer, int64_t index,
                                                     recur_tensor *out);

/** Initialisation schemes. weight_ih, weight_hh, bias_ih and bias_hh of a recurrent layer are
 * filled gate by gate. */
enum {
    RECUR_INIT_DEFAULT = 0,    /**< PyTorch's: recurrent U(±1/√H), linear U(±1/√in),
                                    embedding N(0,1), norm 1 and 0; value unused.
                                    Recurrent, beyond PyTorch: norm_weight 1; norm_bias, h0
                                    and c0 0                                                */
    RECUR_INIT_CONSTANT = 1,   /**< value                                                   */
    RECUR_INIT_UNIFORM = 2,    /**< U(-value, value)                                        */
    RECUR_INIT_NORMAL = 3,     /**< N(0, value²)                                            */
    RECUR_INIT_XAVIER = 4,     /**< U(±gain·√(6/(in+out))); gain = value, 0 = 1; Glorot
                                    2010. Matrices only                                     */
    RECUR_INIT_ORTHOGONAL = 5, /**< orthonormal rows or columns times gain = value, 0 = 1;
                                    Saxe 2014. Matrices only                                */
    RECUR_INIT_IDENTITY = 6,   /**< value (0 = 1) on the diagonal; Le 2015. weight_hh only  */
    RECUR_INIT_FORGET_BIAS = 7 /**< b_ih = value and b_hh = 0 of the gate that keeps the
                                    state: LSTM's f (Gers 2000), GRU's z                    */
};

/** Fills parameters with start values, which depend only on scheme, value, seed and the tensor's
 * place in the layer.
 *
 * Shapes:  -
 * Memory:  ORTHOGONAL takes scratch from the allocator; the others allocate nothing.
 * Errors:  ARGUMENT: NULL, unknown scheme, value not finite, negative bound or deviation. MISSING:
 *          match fits no tensor's name; recur_layer_tensor_info tells the names. UNSUPPORTED: a
 *          snapshot: fill the layer, then make a new snapshot; a scheme that fills none of the
 *          matched tensors. MEMORY.
 * Threads: one at a time on a layer.
 * Since:   0.1
 * @param layer the layer, or a part.
 * @param match only tensors whose whole name fits this pattern, in which * stands for any
 *        characters and ? for one: "rnn.*" is all of the part called rnn, "*weight_hh*" every
 *        recurrent matrix, "fc.bias" that one; NULL: all. Matched tensors which the scheme cannot
 *        fill (a vector under ORTHOGONAL) are left alone, as long as it fills some.
 * @param scheme RECUR_INIT_*.
 * @param value as the scheme says.
 * @param seed as in recur_random; equal seeds give equal parameters.
 */
RECUR_NODISCARD recur_status recur_layer_init(recur_layer *layer, const char *match, int32_t scheme,
                                              double value, uint64_t seed);

/* ---- passes --------------------------------------------------------------------------------- */

/** Runs a layer over a batch. With a tape in mode TRAIN or RECORD_NO_DROPOUT the pass is recorded
 * for one backward.
 *
 * Over a snapshot, with a state and without a tape, small blocks of equally long sequences run step
 * by step, as recur_layer_step would: a stream may hand over one step or several at a time.
 *
 * Shapes:  x [N][input_size], y [recur_layer_rows][output_size]. A part behind a `last` is run with
 *          a layout of its own.
 * Memory:  without a tape, scratch comes from the allocator; with one, nothing is allocated after
 *          warm-up or recur_tape_reserve. The tape keeps no pointer of the caller's. At most 16 KiB
 *          of stack.
 * Errors:  ARGUMENT: NULL. SHAPE: the state's batch or tensors do not fit: make one for this layer
 *          and batch. UNSUPPORTED: the layer takes ids only: use recur_layer_forward_ids; it is a
 *          group: run its parts; it is a snapshot and would be recorded: record the layer that it
 *          was made of, or set the tape to RECUR_TAPE_EVALUATE. MEMORY. A failed pass leaves state
 *          and tape as they were.
 * Threads: free in layer and packed; state and tape one at a time.
 * Since:   0.1
 * @param layer the layer, or a part.
 * @param packed the layout of x.
 * @param x the input, in packed order.
 * @param state NULL: the initial state, final state not wanted. Else read at the start, replaced at
 *        the end.
 * @param y NULL: only the state (or the record) is wanted.
 * @param tape NULL: inference.
 */
RECUR_NODISCARD recur_status recur_layer_forward(const recur_layer *layer,
                                                 const recur_packed *packed, const float *x,
                                                 recur_state *state, float *y, recur_tape *tape);

/** The same for symbols. For a recurrent or linear layer an id stands for the one-hot vector of
 * that index (a row is looked up; nothing is multiplied by zero), for an embedding for its row.
 *
 * Shapes:  ids [N], each 0 to input_size-1; y as recur_layer_forward.
 * Memory:  as recur_layer_forward.
 * Errors:  as recur_layer_forward; ARGUMENT: an id out of range. UNSUPPORTED: the layer takes rows
 *          only: use recur_layer_forward.
 * Threads: as recur_layer_forward.
 * Since:   0.1
 * @param layer as recur_layer_forward.
 * @param packed the layout of ids.
 * @param ids the input, in packed order.
 * @param state as recur_layer_forward.
 * @param y as recur_layer_forward.
 * @param tape as recur_layer_forward.
 */
RECUR_NODISCARD recur_status recur_layer_forward_ids(const recur_layer *layer,
                                                     const recur_packed *packed, const int32_t *ids,
                                                     recur_state *state, float *y,
                                                     recur_tape *tape);

/** Plays back the newest record of the tape, which must be of this layer and this layout, and
 * removes it.
 *
 * Shapes:  x [N][input_size] as in forward; dy [rows][output_size]; dx [N][input_size] is
 *          overwritten; dparams [recur_layer_param_count] is added to.
 * Memory:  scratch from the tape: nothing is allocated after warm-up or recur_tape_reserve. At most
 *          16 KiB of stack, beside what a BLAS takes where it computes gradients
 *          (RECUR_CONTEXT_REPRODUCIBLE: it computes none).
 * Errors:  ARGUMENT: NULL. ORDER: no record, or the newest is of another layer or layout, or was
 *          made with ids: call the backwards in the opposite order of the forwards; with
 *          RECUR_CONTEXT_CHECK, parameters that were changed since the forward: update them after
 *          the last backward; with recur_tape_defer_gradients, other dparams than those that rows
 *          wait for. SHAPE: dstate does not fit. MEMORY. On failure the record stays and gradients
 *          are as they were.
 * Threads: free in layer and packed; dstate and tape one at a time.
 * Since:   0.1
 * @param layer the layer of the record.
 * @param packed the layout of the record.
 * @param x as in forward.
 * @param dy the gradient of y; NULL: zeros.
 * @param dstate in: the gradient of the final state; out: of the initial state. NULL: zeros, not
 *        wanted.
 * @param dx the gradient of x; NULL: not wanted.
 * @param dparams the gradients of the parameters; NULL: not wanted.
 * @param tape the tape that recorded the pass.
 */
RECUR_NODISCARD recur_status recur_layer_backward(const recur_layer *layer,
                                                  const recur_packed *packed, const float *x,
                                                  const float *dy, recur_state *dstate, float *dx,
                                                  float *dparams, recur_tape *tape);

/** The same for a record made by recur_layer_forward_ids.
 *
 * Shapes:  as recur_layer_backward, with ids [N]; ids have no gradient.
 * Memory:  as recur_layer_backward.
 * Errors:  as recur_layer_backward; ARGUMENT: an id out of range. ORDER: the record was made with
 *          rows.
 * Threads: as recur_layer_backward.
 * Since:   0.1
 * @param layer as recur_layer_backward.
 * @param packed as recur_layer_backward.
 * @param ids as in forward.
 * @param dy as recur_layer_backward.
 * @param dstate as recur_layer_backward.
 * @param dparams as recur_layer_backward.
 * @param tape as recur_layer_backward.
 */
RECUR_NODISCARD recur_status recur_layer_backward_ids(const recur_layer *layer,
                                                      const recur_packed *packed,
                                                      const int32_t *ids, const float *dy,
                                                      recur_state *dstate, float *dparams,
                                                      recur_tape *tape);

/** One step of every sequence of a state. Without a tape, or with one in mode EVALUATE, this is
 * streaming: y and the new state, without dropout; fastest on a snapshot, with a state that was
 * made for it or for the layer that it is a snapshot of. With a tape that records, the step is one
 * step of a loop written by hand, to be played back by recur_layer_step_backward.
 *
 * Shapes:  x [B][input_size], y [B][output_size], B the state's batch.
 * Memory:  streaming never allocates, locks, calls BLAS or the system, and takes at most 16 KiB of
 *          stack. A recorded step allocates nothing after warm-up or recur_tape_reserve.
 * Errors:  ARGUMENT: layer, x or state is NULL. SHAPE: the state does not fit, or its scratch, made
 *          for another layer, is too small: make the state for this layer. UNSUPPORTED: the layer
 *          looks ahead in time (reverse, bidirectional) or gives one row for a sequence (a `last`):
 *          use recur_layer_forward; it is a group: step its parts; it takes ids only: use
 *          recur_layer_step_ids; it is a snapshot and would be recorded: record the layer that it
 *          was made of. MEMORY. A failed step leaves state and tape as they were.
 * Threads: free in layer; state and tape one at a time.
 * Since:   0.1
 * @param layer the layer.
 * @param x the input.
 * @param state the state before the step, and after it. A layer without state (linear) takes one
 *        that was made for it, too: it says the batch.
 * @param y NULL: only the state (or the record) is wanted.
 * @param tape NULL: streaming.
 */
RECUR_NODISCARD recur_status recur_layer_step(const recur_layer *layer, const float *x,
                                              recur_state *state, float *y, recur_tape *tape);

/** The same for symbols. Every call checks its ids, and gathers a column of W for each. With few
 * symbols a streaming step of rows that hold one 1 is faster: an LSTM with 8 inputs and 16 units
 * takes two thirds of the time. With many symbols ids are faster, because all other columns are
 * left out.
 *
 * Shapes:  ids [B], each 0 to input_size-1; y [B][output_size].
 * Memory:  as recur_layer_step.
 * Errors:  as recur_layer_step; ARGUMENT: an id out of range.
 * Threads: as recur_layer_step.
 * Since:   0.1
 * @param layer as recur_layer_step.
 * @param ids the input.
 * @param state as recur_layer_step.
 * @param y as recur_layer_step.
 * @param tape as recur_layer_step.
 */
RECUR_NODISCARD recur_status recur_layer_step_ids(const recur_layer *layer, const int32_t *ids,
                                                  recur_state *state, float *y, recur_tape *tape);

/** Plays back the newest record, which must be a step of this layer, and removes it.
 *
 * Shapes:  x [B][input_size] as in the step; dy [B][output_size]; dx [B][input_size] is
 *          overwritten; dparams [recur_layer_param_count] is added to. B is dstate's batch.
 * Memory:  as recur_layer_backward.
 * Errors:  as recur_layer_backward; ARGUMENT: dstate is NULL, but the layer has a state. SHAPE:
 *          dstate was made for another batch than the step had.
 * Threads: free in layer; dstate and tape one at a time.
 * Since:   0.1
 * @param layer the layer.
 * @param x as in the step.
 * @param dy the gradient of y; NULL: zeros.
 * @param dstate in: the gradient of the state after the step; out: of the state before it.
 * @param dx the gradient of x; NULL: not wanted.
 * @param dparams the gradients of the parameters; NULL: not wanted.
 * @param tape the tape that recorded the step.
 */
RECUR_NODISCARD recur_status recur_layer_step_backward(const recur_layer *layer, const float *x,
                                                       const float *dy, recur_state *dstate,
                                                       float *dx, float *dparams, recur_tape *tape);

/** The same for a step made by recur_layer_step_ids.
 *
 * Shapes:  as recur_layer_step_backward, with ids [B]; ids have no gradient.
 * Memory:  as recur_layer_step_backward.
 * Errors:  as recur_layer_step_backward; ARGUMENT: an id out of range.
 * Threads: as recur_layer_step_backward.
 * Since:   0.1
 * @param layer as recur_layer_step_backward.
 * @param ids as in the step.
 * @param dy as recur_layer_step_backward.
 * @param dstate as recur_layer_step_backward.
 * @param dparams as recur_layer_step_backward.
 * @param tape as recur_layer_step_backward.
 */
RECUR_NODISCARD recur_status recur_layer_step_backward_ids(const recur_layer *layer,
                                                           const int32_t *ids, const float *dy,
                                                           recur_state *dstate, float *dparams,
                                                           recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
