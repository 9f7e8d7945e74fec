/* recur/state.h - hidden state between calls. Included by recur.h; never alone.
 *
 * One object holds h (and c for LSTM) of every recurrent part of a layer, for B sequences in the caller's order, as
 * one flat vector with named tensors: "h" [L*D][B][H], "c" ...; in a composed layer "rnn.h", "rnn.c" .... Truncated BPTT,
 * streaming and encoder → decoder are all the same call with the same state. In backward a state object carries d(final
 * state) in and d(initial state) out. */
#ifndef RECUR_STATE_H
#define RECUR_STATE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** The initial state (zeros) of `batch` sequences, with the scratch of recur_layer_step. It fits every layer whose state tensors have
 * the same shapes: a snapshot, a decoder like its encoder; names do not matter.
 *
 * Shapes:  -
 * Memory:  one allocation; keeps the layer alive.
 * Errors:  ARGUMENT: NULL, batch < 1 or above 2^31-1. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_create(const recur_layer *layer, int64_t batch, recur_state **out);

/** Gives a state back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API void recur_state_release(recur_state *state);

/** Number of sequences, B. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_state_batch(const recur_state *state);

/** Back to the initial state: one sequence, or all with -1.
 *
 * Shapes:  sequence -1 to B-1.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, no such sequence.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_reset(recur_state *state, int64_t sequence);

/** Copies the values of one state into another.
 *
 * Shapes:  equal batch and tensors.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. SHAPE.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_copy(recur_state *to, const recur_state *from);

/** Copies chosen sequences of one state into another: sequence b of `to` becomes sequence
 * sequences[b] of `from`. For beam search, where some hypotheses go on twice and others not at all.
 *
 * Shapes:  sequences [batch of to], each 0 to batch of from - 1; tensors of equal widths.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, `to` is `from`, no such sequence. SHAPE: other tensors.
 * Threads: one at a time.
 * Since:   0.1
 * @param to the state that is written.
 * @param from the state that is read.
 * @param sequences which of from's sequences.
 */
RECUR_NODISCARD recur_status recur_state_gather(recur_state *to, const recur_state *from,
                                                const int64_t *sequences);

/** Number of floats in the flat vector. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_state_count(const recur_state *state);

/** Number of named tensors. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_state_tensor_count(const recur_state *state);

/** One named tensor of the flat vector.
 *
 * Shapes:  index 0 to recur_state_tensor_count-1.
 * Memory:  the name lives as long as the state.
 * Errors:  ARGUMENT: NULL, no such index, out->size too small.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_tensor_info(const recur_state *state, int64_t index, recur_tensor *out);

/** Copies floats out of the flat vector.
 *
 * Shapes:  offset + count at most recur_state_count.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a range outside the vector.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_read(const recur_state *state, int64_t offset, int64_t count, float *to);

/** Copies floats into the flat vector.
 *
 * Shapes:  as recur_state_read.
 * Memory:  allocates nothing.
 * Errors:  as recur_state_read.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_state_write(recur_state *state, int64_t offset, int64_t count, const float *from);

#ifdef __cplusplus
}
#endif
#endif
