/* recur/file.h - safetensors files: layers, optimizers and states under prefixes, texts beside
 * them. Included by recur.h; never alone.
 *
 * Every framework can open these files, and this opens those of PyTorch
 * (safetensors.torch.save_file of a state_dict). Reading checks everything in the header before any
 * of it is used.
 *
 * Files that are written carry a checksum, XXH3-64 of all their bytes, in the text
 * "recur.checksum". Whoever opens one that is damaged, be it by a bit, gets RECUR_E_FORMAT. Files
 * without that text open as they are. The text is in none of the lists below: it is checked when a
 * file is opened, and made when it is written. A program that changes a file and keeps its texts
 * should leave that one out.
 *
 * Example: two layers in one file, out and in again.
 *
 *     recur_layer *a, *b;
 *     recur_file *file;
 *     TRY(recur_linear_create(NULL, 3, 2, 0, &a));
 *     TRY(recur_linear_create(NULL, 2, 1, 0, &b));
 *     TRY(recur_file_open_memory(NULL, NULL, 0, &file));
 *     TRY(recur_file_put_layer(file, "a.", a));
 *     TRY(recur_file_put_layer(file, "b.", b));
 *     TRY(recur_file_set_metadata(file, "epoch", "7"));
 *     TRY(recur_file_write(file, "both.safetensors"));
 *     recur_file_release(file);
 *
 *     TRY(recur_file_open(NULL, "both.safetensors", &file));
 *     TRY(recur_file_get_layer(file, "a.", a));
 *     TRY(recur_file_get_layer(file, "b.", b));
 *     TRY(recur_file_all_used(file));
 *     recur_file_release(file);
 *     recur_layer_release(a);
 *     recur_layer_release(b);
 */
#ifndef RECUR_FILE_H
#define RECUR_FILE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Opens a file and reads it.
 *
 * Shapes:  -
 * Memory:  holds the data of the tensors, and their names. While it opens, at most 4 times the
 *          header and 8 bytes for each dimension of a tensor beside the data. All of the header is
 *          checked before memory for the data is asked for.
 * Errors:  ARGUMENT: NULL. NOT_FOUND: nothing is at path. IO: the system's reason; the file was
 *          changed while it was read, so try again. FORMAT: not safetensors (and what it seems to
 *          be), truncated, damaged: says where. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param path of a regular file.
 * @param out the file.
 */
RECUR_NODISCARD recur_status recur_file_open(recur_context *ctx, const char *path,
                                             recur_file **out);

/** The same from memory.
 *
 * Shapes:  data [bytes].
 * Memory:  data is copied.
 * Errors:  as recur_file_open.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param data the contents of a file; NULL, with bytes 0: a new, empty file.
 * @param bytes length of data.
 * @param out the file.
 */
RECUR_NODISCARD recur_status recur_file_open_memory(recur_context *ctx, const void *data,
                                                    size_t bytes, recur_file **out);

/** Gives a file back. NULL is allowed. Nothing is written.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param file is gone afterwards.
 */
RECUR_API void recur_file_release(recur_file *file);

/** Writes the file to disk: to a temporary name beside path, brought to the disk, then renamed;
 * then the folder is brought to the disk. So path holds the old file or the new one, never half,
 * after a kill and after a power loss too.
 *
 * A symbolic link stays: the file that it names is replaced, or made. Mode, owner and group stay
 * where the system allows it; if the group cannot be kept, its members may do what everybody may.
 * Other hard links keep the old file. Access lists and extended attributes are not copied. A
 * process that is killed while it writes leaves a file ".recur-" and 16 digits ".tmp" in the
 * folder; remove such files when nobody is writing there.
 *
 * Shapes:  -
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. NOT_FOUND: the folder is not there. IO: the system's reason. MEMORY.
 *          Then path is as before, but for one case, of which the sentence says that the new file
 *          is there: the folder could not be brought to the disk. Write it again.
 * Threads: one at a time. Several processes may write to one path: the last one stays.
 * Since:   0.1
 * @param file is not changed.
 * @param path where to; a file that is there is replaced.
 */
RECUR_NODISCARD recur_status recur_file_write(const recur_file *file, const char *path);

/** The same into memory.
 *
 * Shapes:  data [*bytes].
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. SHAPE: the room is too small; *bytes says what is needed. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 * @param file is not changed.
 * @param data where to; NULL: only measures.
 * @param bytes in: the room at data; out: what is needed.
 */
RECUR_NODISCARD recur_status recur_file_write_memory(const recur_file *file, void *data,
                                                     size_t *bytes);

/** Number of tensors. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 */
RECUR_API int64_t recur_file_tensor_count(const recur_file *file);

/** One tensor by its place: name, shape, type. A tensor of more than 4 dimensions has rank 4, with
 * the trailing ones multiplied.
 *
 * Shapes:  -
 * Memory:  the name lives as long as the file.
 * Errors:  ARGUMENT: NULL, no such index, out->size too small.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 * @param index 0 to recur_file_tensor_count - 1.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_file_tensor_info(const recur_file *file, int64_t index,
                                                    recur_tensor *out);

/** One tensor by its name.
 *
 * Shapes:  -
 * Memory:  the name lives as long as the file.
 * Errors:  ARGUMENT: NULL, out->size too small. MISSING.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 * @param name the whole name, prefix and all.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_file_find(const recur_file *file, const char *name,
                                             recur_tensor *out);

/** Copies a tensor out, converted to float32 from any float or integer type (the nearest float),
 * and marks it as used.
 *
 * Shapes:  to [count].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. MISSING. SHAPE: another count. UNSUPPORTED: a type that is not a
 *          number's.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 * @param name the whole name, prefix and all.
 * @param to where the numbers go.
 * @param count of the tensor's elements, as recur_file_find says.
 */
RECUR_NODISCARD recur_status recur_file_read(recur_file *file, const char *name, float *to,
                                             int64_t count);

/** Adds a float32 tensor.
 *
 * Shapes:  from [product of info->dim].
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, an empty name or one that exists, or "__metadata__"; rank outside 0..4,
 *          a negative dim. FORMAT: a name that is not UTF-8. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 * @param file is added to.
 * @param info says name, rank and dim; its other members are not read.
 * @param from the numbers.
 */
RECUR_NODISCARD recur_status recur_file_add(recur_file *file, const recur_tensor *info,
                                            const float *from);

/** Sets the type in which the parameters of layers are stored that are put into this file from now
 * on: "F32", as at first, or "F16" or "BF16", which take half the space. Each number becomes the
 * nearest one of the type; whoever opens the file gets floats again. Moments of optimizers, states,
 * samples and the tensors of recur_file_add stay F32. A model's sample is run with the rounded
 * parameters.
 *
 * Shapes:  -
 * Memory:  allocates nothing. recur_file_put_model with a sample takes a copy of the parameters.
 * Errors:  ARGUMENT: NULL, no type of safetensors. UNSUPPORTED: another type of safetensors.
 *          recur_file_put_layer and recur_file_put_model give NUMERIC for a number that is too
 *          large for F16, whose largest is 65504: take BF16.
 * Threads: one at a time.
 * Since:   0.1
 * @param file is changed.
 * @param type "F32", "F16" or "BF16".
 */
RECUR_NODISCARD recur_status recur_file_set_type(recur_file *file, const char *type);

/** Number of texts. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 */
RECUR_API int64_t recur_file_metadata_count(const recur_file *file);

/** The key of a text by its place; NULL if there is none.
 *
 * Shapes:  -
 * Memory:  lives until the file is changed or released.
 * Errors:  NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 * @param index 0 to recur_file_metadata_count - 1.
 */
RECUR_API const char *recur_file_metadata_key(const recur_file *file, int64_t index);

/** The text under a key: your own words beside the model (alphabet, scaling, epoch). NULL if there
 * is none.
 *
 * Shapes:  -
 * Memory:  lives until the file is changed or released.
 * Errors:  NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 * @param key the whole key.
 */
RECUR_API const char *recur_file_metadata(const recur_file *file, const char *key);

/** Sets a text, replacing one of the same key.
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, "recur.checksum". FORMAT: not UTF-8. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 * @param file is changed.
 * @param key UTF-8.
 * @param value UTF-8.
 */
RECUR_NODISCARD recur_status recur_file_set_metadata(recur_file *file, const char *key,
                                                     const char *value);

/** Adds the parameters of a layer, named prefix + name ("model." + "rnn.weight_ih_l0").
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, a name that exists in the file. UNSUPPORTED: a snapshot. NUMERIC: a
 *          parameter that is NaN or infinite, which would not be read again; recur_file_add writes
 *          it all the same. MEMORY. On failure the file is as before.
 * Threads: one at a time in layer and file.
 * Since:   0.1
 * @param file is added to.
 * @param prefix NULL is "".
 * @param layer its structure is not written: for that there is recur_file_put_model.
 */
RECUR_NODISCARD recur_status recur_file_put_layer(recur_file *file, const char *prefix,
                                                  const recur_layer *layer);

/** Reads the parameters of a layer from the tensors prefix + name. Strict: every tensor of the
 * layer must be there with its shape, and no other under the prefix; else nothing is changed, and
 * the error names the tensor. Names of earlier versions are found too.
 *
 * Shapes:  each tensor exactly as recur_layer_tensor_info says.
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. MISSING: a tensor that the layer has and the file has not. SHAPE: a
 *          misshapen one. FORMAT: one under the prefix that the layer does not have. UNSUPPORTED: a
 *          snapshot; a type that is not a number's. NUMERIC: a parameter that is NaN or infinite,
 *          with its tensor and place; recur_file_read reads it all the same. MEMORY.
 * Threads: one at a time in layer and file.
 * Since:   0.1
 * @param file its tensors count as used.
 * @param prefix NULL is "": the whole file belongs to the layer.
 * @param layer gets the values.
 */
RECUR_NODISCARD recur_status recur_file_get_layer(recur_file *file, const char *prefix,
                                                  recur_layer *layer);

/** Adds the moments and step count of an optimizer: tensors prefix + "m", "v" ..., and texts prefix
 * + "kind", "step" ....
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  as recur_file_put_layer.
 * Threads: one at a time in optimizer and file.
 * Since:   0.1
 * @param file is added to.
 * @param prefix NULL is "".
 * @param optimizer its rate and ranges are not written.
 */
RECUR_NODISCARD recur_status recur_file_put_optimizer(recur_file *file, const char *prefix,
                                                      const recur_optimizer *optimizer);

/** Reads the moments and step count of an optimizer: a run that stops and resumes gives the same
 * bits as one that does not.
 *
 * Shapes:  the optimizer must have the kind, flags and count of the one that was put.
 * Memory:  may allocate.
 * Errors:  as recur_file_get_layer. On failure the optimizer is as before.
 * Threads: one at a time in optimizer and file.
 * Since:   0.1
 * @param file its tensors count as used.
 * @param prefix NULL is "".
 * @param optimizer keeps its rate and ranges.
 */
RECUR_NODISCARD recur_status recur_file_get_optimizer(recur_file *file, const char *prefix,
                                                      recur_optimizer *optimizer);

/** Adds the hidden state of the streams: tensors prefix + "rnn.h" ....
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  as recur_file_put_layer.
 * Threads: one at a time in state and file.
 * Since:   0.1
 * @param file is added to.
 * @param prefix NULL is "".
 * @param state is not changed.
 */
RECUR_NODISCARD recur_status recur_file_put_state(recur_file *file, const char *prefix,
                                                  const recur_state *state);

/** Reads the hidden state of the streams.
 *
 * Shapes:  equal batch and tensors.
 * Memory:  may allocate.
 * Errors:  as recur_file_get_layer. On failure the state is as before.
 * Threads: one at a time in state and file.
 * Since:   0.1
 * @param file its tensors count as used.
 * @param prefix NULL is "".
 * @param state gets the values.
 */
RECUR_NODISCARD recur_status recur_file_get_state(recur_file *file, const char *prefix,
                                                  recur_state *state);

/** Whether all of the file was read: RECUR_E_MISSING, with the name of a tensor that was not.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. MISSING.
 * Threads: one at a time.
 * Since:   0.1
 * @param file the file.
 */
RECUR_NODISCARD recur_status recur_file_all_used(const recur_file *file);

#ifdef __cplusplus
}
#endif
#endif
