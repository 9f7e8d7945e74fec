/* recur/state.h - hidden state between calls. Included by recur.h; never alone.
 *
 * A state holds h (and c for LSTM) of every recurrent part of a layer, for B sequences in the
 * caller's order, as one flat vector with named tensors: "h" [L*D][B][H], "c" ...; in a composed
 * layer "rnn.h", "rnn.c" .... Truncated BPTT, streaming, and encoder to decoder are all the same
 * call with the same state. In backward a state carries the gradient of the final state in, and
 * that of the initial state out.
 *
 * A state made for a layer fits the layer's snapshot too, and is as fast with it as one that was
 * made for the snapshot.
 *
 * Example: a stream of two sequences, the second of which begins anew.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_LSTM,
 *                                               .input_size = 1,
 *                                               .hidden_size = 4 };
 *     const float x[2] = { 1, -1 };
 *     float y[2 * 4];
 *     recur_layer *lstm;
 *     recur_state *state;
 *     TRY(recur_recurrent_create(NULL, &options, &lstm));
 *     TRY(recur_state_create(lstm, 2, &state));
 *     TRY(recur_layer_step(lstm, x, state, y, NULL));
 *     TRY(recur_state_reset(state, 1));
 *     TRY(recur_layer_step(lstm, x, state, y, NULL));
 *     recur_state_release(state);
 *     recur_layer_release(lstm);
 */
#ifndef RECUR_STATE_H
#define RECUR_STATE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Makes the initial state of `batch` sequences, with the scratch of recur_layer_step. Its numbers
 * are zeros; a layer with RECUR_LAYER_LEARN_INITIAL_STATE puts its learned values in their place
 * when it is run. The state fits every layer whose state tensors have the same shapes: a snapshot,
 * a decoder like its encoder; names do not matter.
 *
 * Shapes:  -
 * Memory:  one allocation; keeps the layer alive.
 * Errors:  ARGUMENT: NULL, batch negative or above 2^31-1. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer that will be run or stepped, or the one of which its snapshot was made.
 * @param batch number of sequences, B; 0 for a batch of none.
 * @param out the state.
 */
RECUR_NODISCARD recur_status recur_state_create(const recur_layer *layer, int64_t batch,
                                                recur_state **out);

/** Gives a state back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param state is gone afterwards.
 */
RECUR_API void recur_state_release(recur_state *state);

/** Number of sequences, B. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 */
RECUR_API int64_t recur_state_batch(const recur_state *state);

/** Goes back to the initial state.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, no such sequence.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 * @param sequence 0 to B-1; -1: all of them.
 */
RECUR_NODISCARD recur_status recur_state_reset(recur_state *state, int64_t sequence);

/** Copies the values of one state into another.
 *
 * Shapes:  equal batch and tensors.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. SHAPE: another batch or other tensors: make both for the same layer, or
 *          use recur_state_gather between batches.
 * Threads: one at a time.
 * Since:   0.1
 * @param to the state that is written.
 * @param from the state that is read.
 */
RECUR_NODISCARD recur_status recur_state_copy(recur_state *to, const recur_state *from);

/** Copies chosen sequences of one state into another: sequence b of `to` becomes sequence
 * sequences[b] of `from`. For beam search, where some hypotheses go on twice and others not at all.
 *
 * Shapes:  sequences [batch of to], each 0 to batch of from - 1; tensors of equal widths.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, `to` is `from`: take two states in turn; no such sequence. SHAPE: other
 *          tensors.
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
 * @param state the state.
 */
RECUR_API int64_t recur_state_count(const recur_state *state);

/** Number of named tensors. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 */
RECUR_API int64_t recur_state_tensor_count(const recur_state *state);

/** One named tensor of the flat vector: name, shape, offset.
 *
 * Shapes:  [L*D][B][H, or P] of h.
 * Memory:  the name lives as long as the state.
 * Errors:  ARGUMENT: NULL, no such index, out->size too small.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 * @param index 0 to recur_state_tensor_count - 1.
 * @param out is filled in; set its size before.
 */
RECUR_NODISCARD recur_status recur_state_tensor_info(const recur_state *state, int64_t index,
                                                     recur_tensor *out);

/** Copies floats out of the flat vector.
 *
 * Shapes:  to [count]; offset + count at most recur_state_count.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a range outside the vector.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 * @param offset the first float, as recur_state_tensor_info says.
 * @param count how many.
 * @param to where they go.
 */
RECUR_NODISCARD recur_status recur_state_read(const recur_state *state, int64_t offset,
                                              int64_t count, float *to);

/** Copies floats into the flat vector. Of a layer with a learned initial state all sequences leave
 * it then, whichever floats were written: the others stay as they are, 0 in a new state, and do not
 * become h0 and c0.
 *
 * Shapes:  from [count]; offset + count at most recur_state_count.
 * Memory:  allocates nothing.
 * Errors:  as recur_state_read.
 * Threads: one at a time.
 * Since:   0.1
 * @param state the state.
 * @param offset the first float, as recur_state_tensor_info says.
 * @param count how many.
 * @param from the numbers.
 */
RECUR_NODISCARD recur_status recur_state_write(recur_state *state, int64_t offset, int64_t count,
                                               const float *from);

#ifdef __cplusplus
}
#endif
#endif
