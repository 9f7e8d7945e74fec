/* recur/cell.h - one step of a recurrence, for loops written by hand. Included by recur.h; never alone.
 *
 *     for (t = 0; t < T; t++)      TRY(recur_cell_step(cell, x[t], h, y[t], tape));
 *     for (t = T - 1; t >= 0; t--) TRY(recur_cell_step_backward(cell, x[t], dy[t], dh, dx[t], grads, tape));
 *
 * A cell owns no weights: behind it stands a recurrent layer of one layer and one direction with PyTorch's cell names
 * (weight_ih, weight_hh, bias_ih, bias_hh). */
#ifndef RECUR_CELL_H
#define RECUR_CELL_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** A cell over a new layer of its own.
 *
 * Shapes:  options: cell, input_size, hidden_size, flags; num_layers 0 or 1, forward, no dropout.
 * Memory:  two allocations: the cell and its layer.
 * Errors:  as recur_recurrent_create; UNSUPPORTED: more layers, another direction, dropout.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_cell_create(recur_context *ctx, const recur_recurrent_options *options,
                                         recur_cell **out);

/** A cell over a layer that exists: a part of a composed layer, a snapshot.
 *
 * Shapes:  -
 * Memory:  one allocation; keeps the layer alive.
 * Errors:  ARGUMENT: NULL. UNSUPPORTED: not recurrent, more than one layer, not forward. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_cell_from_layer(recur_layer *layer, recur_cell **out);

/** Gives a cell back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  its layer lives on if somebody else holds it.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API void recur_cell_release(recur_cell *cell);

/** The layer behind a cell: for parameters, init, files, composing, and states (recur_state_create). NULL for NULL.
 *
 * Shapes:  -
 * Memory:  borrowed: lives as long as the cell; do not release it.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 */
RECUR_API recur_layer *recur_cell_layer(const recur_cell *cell);

/** One step for every sequence of a state: state = f(x, state). With a tape in mode TRAIN or RECORD_NO_DROPOUT it is recorded.
 *
 * Shapes:  x [B][I], y [B][H]: the new h, B the state's batch.
 * Memory:  with a tape, nothing is allocated after warm-up or recur_tape_reserve; without one, nothing ever.
 * Errors:  ARGUMENT: NULL cell, x or state. SHAPE: the state does not fit. UNSUPPORTED: recording a snapshot. MEMORY. A failed step
 *          leaves state and tape as they were.
 * Threads: free in cell; state and tape one at a time.
 * Since:   0.1
 * @param y NULL: not wanted. tape NULL: inference.
 */
RECUR_NODISCARD recur_status recur_cell_step(const recur_cell *cell, const float *x, recur_state *state, float *y,
                                       recur_tape *tape);

/** The same for symbols: an id is the one-hot vector of that index.
 *
 * Shapes:  ids [B], each 0 to I-1; y [B][H].
 * Memory:  as recur_cell_step.
 * Errors:  as recur_cell_step; ARGUMENT: an id out of range.
 * Threads: as recur_cell_step.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_cell_step_ids(const recur_cell *cell, const int32_t *ids, recur_state *state,
                                           float *y, recur_tape *tape);

/** Plays back the newest record, which must be a step of this cell, and removes it.
 *
 * Shapes:  x [B][I] as in the step; dy [B][H] adds to the gradient of h, NULL: zeros; dx [B][I] is overwritten, NULL: not wanted;
 *          dparams [recur_layer_param_count of its layer] is added to, NULL: not wanted. B is dstate's batch.
 * Memory:  as recur_layer_backward.
 * Errors:  as recur_layer_backward; dstate must not be NULL.
 * Threads: free in cell; dstate and tape one at a time.
 * Since:   0.1
 * @param dstate in: gradient of the state after the step; out: of the state before it.
 */
RECUR_NODISCARD recur_status recur_cell_step_backward(const recur_cell *cell, const float *x, const float *dy,
                                                recur_state *dstate, float *dx, float *dparams,
                                                recur_tape *tape);

/** The same for a step made by recur_cell_step_ids.
 *
 * Shapes:  as recur_cell_step_backward, with ids [B].
 * Memory:  as recur_cell_step_backward.
 * Errors:  as recur_cell_step_backward; ARGUMENT: an id out of range.
 * Threads: as recur_cell_step_backward.
 * Since:   0.1
 */
RECUR_NODISCARD recur_status recur_cell_step_backward_ids(const recur_cell *cell, const int32_t *ids, const float *dy,
                                                    recur_state *dstate, float *dparams, recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
