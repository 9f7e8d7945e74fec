/* recur/model.h - whole networks as files, structure included. Included by recur.h; never alone.
 *
 * The file is safetensors: parameters under their own names, the structure as JSON in the text
 * "recur.model" of __metadata__. Any reader of safetensors can open it, and recur_file_get_layer
 * takes its parameters. docs/model-files.md has the format.
 *
 * Example: who opens a network knows nothing of what it opens.
 *
 *     recur_layer *net;
 *     TRY(recur_linear_create(NULL, 3, 2, 0, &net));
 *     TRY(recur_model_save(net, "net.safetensors", NULL));
 *     recur_layer_release(net);
 *     TRY(recur_model_open(NULL, "net.safetensors", &net));
 *     recur_layer_release(net);
 */
#ifndef RECUR_MODEL_H
#define RECUR_MODEL_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Inputs and the outputs that belong to them. They travel with the model; whoever opens it runs
 * them first, and gets an error instead of a model that would compute something else. */
typedef struct recur_model_sample {
    uint32_t size;              /**< sizeof(recur_model_sample)                                  */
    uint32_t flags;             /**< 0                                                           */
    double tolerance;           /**< outputs y' and y may differ by this · max(1, |y|); 0 = 1e-4 */
    const recur_packed *packed; /**< the layout, required                                        */
    const float *x;             /**< [N][input_size], or                                         */
    const int32_t *ids;         /**< [N]: one of the two                                         */
    const float *y;             /**< [recur_layer_rows][output_size], as from elsewhere; NULL:
                                     what the layer gives now                                    */
} recur_model_sample;

/** Fills in the defaults: a tolerance of 1e-4.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a size that no struct has.
 * Threads: free.
 * Since:   0.1
 * @param sample is overwritten.
 * @param size sizeof(recur_model_sample), as your compiler sees it.
 */
RECUR_NODISCARD recur_status recur_model_sample_init(recur_model_sample *sample, size_t size);

/** Saves a layer, structure and parameters, as one file, by recur_file_write: path holds the old
 * file or the new one, never half, and links, mode and owner stay.
 *
 * Shapes:  as in recur_model_sample.
 * Memory:  may allocate.
 * Errors:  as recur_file_put_model and recur_file_write. On failure path is as before.
 * Threads: free in layer.
 * Since:   0.1
 * @param layer is not changed.
 * @param path where to; a file that is there is replaced.
 * @param sample NULL: none.
 */
RECUR_NODISCARD recur_status recur_model_save(const recur_layer *layer, const char *path,
                                              const recur_model_sample *sample);

/** Opens what recur_model_save wrote: the layer, made anew, with its parameters. A sample in the
 * file is run first.
 *
 * Shapes:  as recur_layer_describe says of the layer.
 * Memory:  the file is read whole and given back; the layer is as one that was made by hand. A
 *          damaged file does not get more memory than a small multiple of its size.
 * Errors:  as recur_file_open and recur_file_get_model.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param path of a file.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_model_open(recur_context *ctx, const char *path,
                                              recur_layer **out);

/** The same from memory, such as a mapping of a file or a resource of the program.
 *
 * Shapes:  as recur_model_open.
 * Memory:  data are read where they lie, and not kept: beside the layer it takes only what the
 *          header of the file needs.
 * Errors:  as recur_file_open_memory and recur_file_get_model.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the layer; NULL: the default context.
 * @param data the contents of a file.
 * @param bytes length of data.
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_model_open_memory(recur_context *ctx, const void *data,
                                                     size_t bytes, recur_layer **out);

/** Opens a model as a snapshot that reads its parameters where they lie in your memory, such as a
 * mapping of a file, or an array in the program: all that it takes itself are the repacked matrices
 * of recurrent layers and convolutions, once. A model of one LSTM takes as much as its parameters;
 * as int8, a quarter of that.
 *
 * Shapes:  as recur_model_open.
 * Memory:  data stay yours. Keep them, unchanged, until the snapshot and all that retains it
 *          (states, parts) are released; then free or unmap them. Beside the snapshot, what
 *          recur_layer_memory says of one without its parameters, opening takes what the header of
 *          the file needs.
 * Errors:  as recur_model_open_memory. ARGUMENT: an unknown precision. UNSUPPORTED: the parameters
 *          cannot be read where they lie: they are not F32, do not lie one behind the other in the
 *          layer's order, as recur_model_save writes them, or data begin at an odd address; then
 *          use recur_model_open_memory and recur_layer_snapshot.
 * Threads: free.
 * Since:   0.1
 * @param ctx of the snapshot; NULL: the default context.
 * @param data the contents of a file, at an address that is a multiple of 4.
 * @param bytes length of data.
 * @param precision RECUR_PRECISION_* of the snapshot's matrices. With fewer bits the file's sample
 * is not run.
 * @param out the snapshot.
 */
RECUR_NODISCARD recur_status recur_model_open_in_place(recur_context *ctx, const void *data,
                                                       size_t bytes, int32_t precision,
                                                       recur_layer **out);

/** Adds a layer, structure and parameters, to a file: parameters named prefix + name, the text
 * prefix + "recur.model", a sample's tensors prefix + "recur.sample.x" .... So a model lies beside
 * an optimizer, another model, texts of yours.
 *
 * Shapes:  as in recur_model_sample. The activations of the sample, summed over all layers, may
 *          take at most 2^26 floats.
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, a name that exists in the file, no packed, not one of x and ids, an id
 *          out of range, tolerance negative or not finite. NUMERIC: the layer gives something else
 *          than y, or NaN; a parameter is NaN or infinite. UNSUPPORTED: a snapshot; more than 4096
 *          layers, or parts in parts to a depth of more than 32; a sample that is too large, or
 *          that the layer does not take (ids, rows; a group is not run). MEMORY. On failure the
 *          file is as before.
 * Threads: one at a time in file; free in layer.
 * Since:   0.1
 * @param file is added to.
 * @param prefix NULL is "".
 * @param layer is not changed.
 * @param sample NULL: none.
 */
RECUR_NODISCARD recur_status recur_file_put_model(recur_file *file, const char *prefix,
                                                  const recur_layer *layer,
                                                  const recur_model_sample *sample);

/** Makes the layer that was put under a prefix, in the file's context. Strict, as
 * recur_file_get_layer is: any other tensor under this prefix is an error.
 *
 * Shapes:  -
 * Memory:  as recur_model_open.
 * Errors:  ARGUMENT: NULL. MISSING: the file has no text prefix + "recur.model"; a parameter.
 *          FORMAT: not the structure of a network, or not the one whose parameters are there: says
 *          where. SHAPE: parts that do not fit each other, a misshapen parameter. UNSUPPORTED: a
 *          later version, a member or type of layer that this one does not know. NUMERIC: the
 *          sample gives something else; a parameter is NaN or infinite. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 * @param file its tensors count as used.
 * @param prefix NULL is "".
 * @param out the layer.
 */
RECUR_NODISCARD recur_status recur_file_get_model(recur_file *file, const char *prefix,
                                                  recur_layer **out);

#ifdef __cplusplus
}
#endif
#endif
