/* recur/graph.h - layers whose parts take each other's output. Included by recur.h; never alone.
 *
 * The parts of a graph run in the order in which they are given, which never changes. Each says
 * what it takes: the rows of earlier parts, or of the graph's input, side by side, or some of their
 * features. So there are no cycles, and a graph streams, trains and is saved like a chain; a chain
 * is the graph in which every part takes the whole of the one before. What the last part gives is
 * what the graph gives.
 *
 *     a skip         rnn2 takes { "rnn1", 0, 0 }, { NULL, 0, 0 }           output and input
 *     a mask         out = merge (RECUR_MERGE_MULTIPLY) takes "mask", NULL mask and input
 *     a sum          out = merge (RECUR_MERGE_SUM) takes "fc", NULL        y = x + fc(...)
 *     a slice        fc takes { NULL, 3, 2 }                               features 3 and 4 of x
 *     side by side   out = activation (IDENTITY) takes "a", "b"            [a][b]
 *
 * Example: an LSTM, and a mask that is multiplied with the input.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_LSTM,
 *                                               .input_size = 4,
 *                                               .hidden_size = 4 };
 *     recur_layer *rnn, *sigmoid, *product, *net;
 *     TRY(recur_recurrent_create(NULL, &options, &rnn));
 *     TRY(recur_activation_create(NULL, 4, RECUR_ACTIVATION_SIGMOID, &sigmoid));
 *     TRY(recur_merge_create(NULL, 8, RECUR_MERGE_MULTIPLY, &product));
 *     const recur_source both[] = { { .part = "mask" }, { .part = NULL } };
 *     const recur_graph_part parts[] = { { .name = "rnn", .layer = rnn },
 *                                        { .name = "mask", .layer = sigmoid },
 *                                        { .name = "out", .layer = product,
 *                                          .sources = both, .source_count = 2 } };
 *     TRY(recur_graph_create(NULL, 4, 3, parts, &net));
 *     recur_layer_release(rnn);
 *     recur_layer_release(sigmoid);
 *     recur_layer_release(product);
 *     recur_layer_release(net);
 */
#ifndef RECUR_GRAPH_H
#define RECUR_GRAPH_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** What a part of a graph takes: features [begin, begin + count) of the rows of an earlier part. */
typedef struct recur_source {
    const char *part;     /**< the name of an earlier part; NULL: the graph's input               */
    const void *reserved; /**< NULL                                                               */
    int64_t begin;        /**< the first feature                                                  */
    int64_t count;        /**< how many; 0: all from begin on                                     */
} recur_source;

/** A part of a graph. */
typedef struct recur_graph_part {
    const char *name;            /**< not empty, without a dot, used once                         */
    const recur_layer *layer;    /**< is copied, values included                                  */
    const recur_source *sources; /**< [source_count], side by side; NULL: all of the part before
                                      it, or of the input if it is the first                      */
    const void *reserved;        /**< NULL                                                        */
    int64_t source_count;        /**< 0 with NULL                                                 */
} recur_graph_part;

/** Makes a graph of named parts, which are copied as by recur_compose_create. Names of parameters
 * and states are "part.name".
 *
 * Shapes:  a part takes as many features as its sources have together; sources that stand side by
 *          side are all rows of steps, or all rows of sequences (behind a `last`). Ids are taken
 *          if every part that takes the input takes all of it, alone, and takes ids.
 * Memory:  one allocation, and another one while it is made. A recorded pass keeps what every part
 *          but the last gives.
 * Errors:  ARGUMENT: NULL, no parts, a bad name, a source that is no earlier part, or has not these
 *          features; a part but the last that nobody takes. SHAPE: parts that do not fit.
 *          UNSUPPORTED: a snapshot or a group as part, or ids in the middle. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param input_size features of the graph's input, or number of symbols.
 * @param count number of parts.
 * @param parts [count], in the order in which they run.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_graph_create(recur_context *ctx, int64_t input_size,
                                                int64_t count, const recur_graph_part *parts,
                                                recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
