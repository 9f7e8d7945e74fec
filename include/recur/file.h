/* recur/file.h - safetensors files: layers, optimizers and states under prefixes, texts beside them. Included by recur.h; never alone.
 *
 * Every framework can open these files, and this opens those of PyTorch (safetensors.torch.save_file of a state_dict). Reading
 * checks everything in the header before any of it is used. */
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
 * Memory:  holds the file's contents.
 * Errors:  ARGUMENT: NULL. IO: the system's reason. FORMAT: not safetensors, truncated, damaged: says where. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_open(recur_context *ctx, const char *path, recur_file **out);

/** The same from memory. data NULL and bytes 0: a new, empty file.
 *
 * Shapes:  -
 * Memory:  data is copied.
 * Errors:  as recur_file_open.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                              recur_file **out);

/** Gives a file back. NULL is allowed. Nothing is written.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API void recur_file_release(recur_file *file);

/** Writes the file to disk: to a temporary name beside path, then renamed, so that path holds the old file or the new one, never half.
 *
 * Shapes:  -
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. IO: the system's reason; path is as before. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_write(const recur_file *file, const char *path);

/** The same into memory.
 *
 * Shapes:  data [*bytes]; *bytes in: the room at data, out: what is needed. data NULL: only measures.
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. SHAPE: the room is too small; *bytes says what is needed. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_write_memory(const recur_file *file, void *data, size_t *bytes);

/** Number of tensors. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_file_tensor_count(const recur_file *file);

/** One tensor by its place: name, shape, type. Tensors of more than 4 dimensions have rank 4 with the trailing ones multiplied.
 *
 * Shapes:  index 0 to recur_file_tensor_count-1.
 * Memory:  the name lives as long as the file.
 * Errors:  ARGUMENT: NULL, no such index, out->size too small.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_tensor_info(const recur_file *file, int64_t index, recur_tensor *out);

/** One tensor by its name.
 *
 * Shapes:  -
 * Memory:  the name lives as long as the file.
 * Errors:  ARGUMENT: NULL, out->size too small. MISSING.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_find(const recur_file *file, const char *name, recur_tensor *out);

/** Copies a tensor out, converted to float32 from any float or integer type (the nearest float), and marks it as used.
 *
 * Shapes:  to [count], count the tensor's.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. MISSING. SHAPE: another count. UNSUPPORTED: a type that is not a number's.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_read(recur_file *file, const char *name, float *to, int64_t count);

/** Adds a float32 tensor under info->name with info->rank and info->dim (its other members are not read).
 *
 * Shapes:  from [product of dim].
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, an empty name or one that exists, or "__metadata__"; rank outside 0..4, a negative dim. FORMAT: a name
 *          that is not UTF-8. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_add(recur_file *file, const recur_tensor *info, const float *from);

/** Number of texts. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_file_metadata_count(const recur_file *file);

/** The key of a text by its place; NULL if there is none.
 *
 * Shapes:  index 0 to recur_file_metadata_count-1.
 * Memory:  lives until the file is changed or released.
 * Errors:  NULL.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API const char *recur_file_metadata_key(const recur_file *file, int64_t index);

/** Your own words beside the model (alphabet, scaling, epoch): the text under a key; NULL if there is none.
 *
 * Shapes:  -
 * Memory:  lives until the file is changed or released.
 * Errors:  NULL.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API const char *recur_file_metadata(const recur_file *file, const char *key);

/** Sets a text, replacing one of the same key.
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL. FORMAT: not UTF-8. MEMORY.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_set_metadata(recur_file *file, const char *key, const char *value);

/** Loads the parameters of a layer from the tensors prefix + name ("model." + "rnn.weight_ih_l0"). Strict: every tensor of the layer must be
 * there with its shape, and no other under the prefix; or nothing is changed and the error names the tensor.
 *
 * Shapes:  each tensor exactly as recur_layer_tensor_info says.
 * Memory:  may allocate.
 * Errors:  ARGUMENT: NULL. MISSING: a tensor the layer has and the file has not. SHAPE: a misshapen one. FORMAT: one under the prefix that the
 *          layer does not have. UNSUPPORTED: a snapshot; a type that is not a number's. MEMORY.
 * Threads: one at a time in layer and file.
 * Since:   0.1
 * @param prefix NULL is "": the whole file belongs to the layer.
 */
RECUR_NODISCARD recur_status recur_file_get_layer(recur_file *file, const char *prefix, recur_layer *layer);

/** Adds the parameters of a layer to a file, named prefix + name.
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  ARGUMENT: NULL, a name that exists in the file. UNSUPPORTED: a snapshot. MEMORY. On failure the file is as before.
 * Threads: one at a time in layer and file.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_put_layer(recur_file *file, const char *prefix, const recur_layer *layer);

/** Loads the moments and step count of an optimizer: a run that stops and resumes gives the same bits as one that does not.
 *
 * Shapes:  the optimizer must have the kind, flags and count of the one that was saved. Its rate and ranges are not in the file.
 * Memory:  may allocate.
 * Errors:  as recur_file_get_layer. On failure the optimizer is as before.
 * Threads: one at a time in optimizer and file.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_get_optimizer(recur_file *file, const char *prefix, recur_optimizer *optimizer);

/** Adds the moments and step count of an optimizer to a file: prefix + "m", "v" ..., and texts prefix + "kind", "step".
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  as recur_file_put_layer.
 * Threads: one at a time in optimizer and file.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_put_optimizer(recur_file *file, const char *prefix, const recur_optimizer *optimizer);

/** Loads the hidden state of the streams: prefix + "rnn.h" ....
 *
 * Shapes:  equal batch and tensors.
 * Memory:  may allocate.
 * Errors:  as recur_file_get_layer. On failure the state is as before.
 * Threads: one at a time in state and file.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_get_state(recur_file *file, const char *prefix, recur_state *state);

/** Adds the hidden state of the streams to a file.
 *
 * Shapes:  -
 * Memory:  copies.
 * Errors:  as recur_file_put_layer.
 * Threads: one at a time in state and file.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_put_state(recur_file *file, const char *prefix, const recur_state *state);

/** RECUR_E_MISSING, naming it, if a tensor of the file was neither loaded nor read: strictness over the whole file.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. MISSING.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_file_all_used(const recur_file *file);

#ifdef __cplusplus
}
#endif
#endif
