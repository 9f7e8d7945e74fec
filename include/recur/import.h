/* recur/import.h - layers out of other programs' files. Included by recur.h; never alone.
 *
 * What is opened is an ordinary layer, a graph of named parts: it streams, trains, and
 * recur_model_save writes it. A file that says something which no layer expresses is refused, and
 * the sentence says where in the file it stands. docs/imports.md tells what is read and how.
 *
 * Example: one sample at a time through a network that lies in memory; recur_import_rtneural takes
 * the path of a file in its place.
 *
 *     static const char text[] = "{\"in_skip\": 1, \"fc.weight\": [[2]], \"fc.bias\": [1]}";
 *     const float x[1] = { 3 };
 *     float y[1];
 *     recur_layer *net;
 *     recur_state *state;
 *     TRY(recur_import_rtneural_memory(NULL, text, sizeof text - 1, &net));
 *     TRY(recur_state_create(net, 1, &state));
 *     TRY(recur_layer_step(net, x, state, y, NULL));
 *     printf("%g\n", y[0]);   // 2 * 3 + 1, and the input: 10
 *     recur_state_release(state);
 *     recur_layer_release(net);
 */
#ifndef RECUR_IMPORT_H
#define RECUR_IMPORT_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Opens a .nam file of Neural Amp Modeler whose architecture is LSTM: the parts "rnn", with its
 * start as learned initial state, and "head", a linear layer.
 *
 * Shapes:  x [N][input_size], y [N][out_channels]; both are 1 in nearly every file.
 * Memory:  the file is read whole and given back; the layer is as one that was made by hand. A
 *          damaged file does not get more memory than a small multiple of its size.
 * Errors:  ARGUMENT: NULL. NOT_FOUND, IO: as recur_file_open. FORMAT: not JSON, or not what such a
 *          file has: the sentence says where, what is expected and what is there; get the file
 *          anew. UNSUPPORTED: another architecture, such as WaveNet, ConvNet or Linear: it needs
 *          another program. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param path of a file.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_import_nam(recur_context *ctx, const char *path,
                                              recur_layer **out);

/** The same from memory, such as a resource of the program.
 *
 * Shapes:  as recur_import_nam.
 * Memory:  data are read where they lie, and not kept.
 * Errors:  as recur_import_nam, but NOT_FOUND and IO; ARGUMENT: data is NULL for bytes above 0.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param data the contents of a file; no 0 is needed behind them.
 * @param bytes length of data.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_import_nam_memory(recur_context *ctx, const void *data,
                                                     size_t bytes, recur_layer **out);

/** Opens a network in one of the JSON forms that RTNeural reads:
 *
 *     {"in_shape": ..., "layers": [...]}        Keras' layers, as AIDA-X has them, too: dense,
 *                                               time-distributed-dense, conv1d, gru, lstm,
 *                                               batchnorm, prelu, activation
 *     {"model_data": ..., "state_dict": {...}}  PyTorch's, as NeuralPi and Proteus have them
 *     {"rec.weight_ih_l0": [...], ...}          a PyTorch state dict alone: LSTM, GRU, linear and
 *                                               causal convolution, in the order of the file
 *
 * A batch normalisation becomes recur_affine_create, folded in double precision. "in_gain" and
 * "out_gain" (decibels) become parts of these names, "skip" and "in_skip" a part "skip", which adds
 * the first features of the input to the output.
 *
 * Shapes:  x [N][features of the file's input], y [N][features of its last layer].
 * Memory:  as recur_import_nam.
 * Errors:  as recur_import_nam; UNSUPPORTED: a layer, function or module that the list above does
 *          not have; a state dict in which two linear modules or convolutions follow each other,
 *          for it does not say what stands between them.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param path of a file.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_import_rtneural(recur_context *ctx, const char *path,
                                                   recur_layer **out);

/** The same from memory, such as a resource of the program.
 *
 * Shapes:  as recur_import_rtneural.
 * Memory:  data are read where they lie, and not kept.
 * Errors:  as recur_import_rtneural, but NOT_FOUND and IO; ARGUMENT: data is NULL for bytes above
 *          0.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param data the contents of a file; no 0 is needed behind them.
 * @param bytes length of data.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_import_rtneural_memory(recur_context *ctx, const void *data,
                                                          size_t bytes, recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
