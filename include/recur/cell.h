/* recur/cell.h - one step of a recurrence, for loops written by hand. Included by recur.h; never
 * alone.
 *
 * A cell owns no weights: behind it stands a recurrent layer of one layer and one direction with
 * PyTorch's cell names (weight_ih, weight_hh, bias_ih, bias_hh). recur_layer_step does the same
 * for every layer that can go step by step, composed ones too.
 *
 * Example: four steps of two sequences forward, and back again.
 *
 *     const recur_recurrent_options options = { .size = sizeof options,
 *                                               .cell = RECUR_CELL_GRU,
 *                                               .input_size = 3,
 *                                               .hidden_size = 5 };
 *     float x[4][2 * 3] = { { 1, 2, 3 } };
 *     float y[4][2 * 5], dy[4][2 * 5] = { { 0 } }, dx[4][2 * 3];
 *     float dparams[3 * 5 * (3 + 5 + 2)] = { 0 };
 *     recur_cell *cell;
 *     recur_state *h, *dh;
 *     recur_tape *tape;
 *     TRY(recur_cell_create(NULL, &options, &cell));
 *     TRY(recur_layer_init(recur_cell_layer(cell), NULL, RECUR_INIT_DEFAULT, 0, 1));
 *     TRY(recur_state_create(recur_cell_layer(cell), 2, &h));
 *     TRY(recur_state_create(recur_cell_layer(cell), 2, &dh));
 *     TRY(recur_tape_create(NULL, &tape));
 *     for (int t = 0; t < 4; t++) {
 *         TRY(recur_cell_step(cell, x[t], h, y[t], tape));
 *     }
 *     dy[3][0] = 1;
 *     for (int t = 3; t >= 0; t--) {
 *         TRY(recur_cell_step_backward(cell, x[t], dy[t], dh, dx[t], dparams, tape));
 *     }
 *     recur_tape_release(tape);
 *     recur_state_release(dh);
 *     recur_state_release(h);
 *     recur_cell_release(cell);
 */
#ifndef RECUR_CELL_H
#define RECUR_CELL_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Makes a cell over a new layer of its own.
 *
 * Shapes:  -
 * Memory:  two allocations: the cell and its layer.
 * Errors:  as recur_recurrent_create; UNSUPPORTED: more layers, another direction, dropout: make a
 *          layer and run it with recur_layer_forward or recur_layer_step.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options as of recur_recurrent_create, with num_layers 0 or 1, forward, and no dropout;
 *        recurrent_dropout and zoneout are allowed. RECUR_LAYER_CELL_NAMES is added to flags.
 * @param out the cell.
 */
RECUR_NODISCARD recur_status recur_cell_create(recur_context *ctx,
                                               const recur_recurrent_options *options,
                                               recur_cell **out);

/** Makes a cell over a layer that exists: a part of a composed layer, a snapshot.
 *
 * Shapes:  -
 * Memory:  one allocation; keeps the layer alive.
 * Errors:  ARGUMENT: NULL. UNSUPPORTED: not recurrent, more than one layer, not forward: use
 *          recur_layer_step, or recur_layer_forward if it looks ahead. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param layer the layer; release your handle when you like.
 * @param out the cell.
 */
RECUR_NODISCARD recur_status recur_cell_from_layer(recur_layer *layer, recur_cell **out);

/** Gives a cell back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  its layer lives on if somebody else holds it.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param cell is gone afterwards.
 */
RECUR_API void recur_cell_release(recur_cell *cell);

/** The layer behind a cell: for parameters, init, files, composing, and states
 * (recur_state_create). NULL for NULL.
 *
 * Shapes:  -
 * Memory:  borrowed: lives as long as the cell; do not release it. recur_layer_retain makes a
 *          handle that outlives the cell.
 * Errors:  cannot fail.
 * Threads: free.
 * Since:   0.1
 * @param cell the cell.
 */
RECUR_API recur_layer *recur_cell_layer(const recur_cell *cell);

/** One step for every sequence of a state: state = f(x, state). A tape in mode TRAIN or
 * RECORD_NO_DROPOUT records it, for recur_cell_step_backward; without a tape, or in mode EVALUATE,
 * it is streaming.
 *
 * Shapes:  x [B][I], y [B][H], or [B][P] with a projection: the new h. B is the state's batch.
 * Memory:  with a tape, nothing is allocated after warm-up or recur_tape_reserve; without one,
 *          nothing ever.
 * Errors:  as recur_layer_step; ARGUMENT: cell is NULL. A failed step leaves state and tape as
 *          they were.
 * Threads: free in cell; state and tape one at a time.
 * Since:   0.1
 * @param cell the cell.
 * @param x the input.
 * @param state the state before the step, and after it.
 * @param y NULL: not wanted.
 * @param tape NULL: streaming.
 */
RECUR_NODISCARD recur_status recur_cell_step(const recur_cell *cell, const float *x,
                                             recur_state *state, float *y, recur_tape *tape);

/** The same for symbols: an id is the one-hot vector of that index.
 *
 * Shapes:  ids [B], each 0 to I-1; y as recur_cell_step.
 * Memory:  as recur_cell_step.
 * Errors:  as recur_cell_step; ARGUMENT: an id out of range.
 * Threads: as recur_cell_step.
 * Since:   0.1
 * @param cell as recur_cell_step.
 * @param ids the input.
 * @param state as recur_cell_step.
 * @param y as recur_cell_step.
 * @param tape as recur_cell_step.
 */
RECUR_NODISCARD recur_status recur_cell_step_ids(const recur_cell *cell, const int32_t *ids,
                                                 recur_state *state, float *y, recur_tape *tape);

/** Plays back the newest record, which must be a step of this cell, and removes it.
 *
 * Shapes:  x [B][I] as in the step; dy as y; dx [B][I] is overwritten; dparams
 *          [recur_layer_param_count of its layer] is added to. B is dstate's batch.
 * Memory:  as recur_layer_backward.
 * Errors:  as recur_layer_step_backward; ARGUMENT: cell is NULL.
 * Threads: free in cell; dstate and tape one at a time.
 * Since:   0.1
 * @param cell the cell.
 * @param x as in the step.
 * @param dy the gradient of y, which adds to that of h; NULL: zeros.
 * @param dstate in: the gradient of the state after the step; out: of the state before it.
 * @param dx the gradient of x; NULL: not wanted.
 * @param dparams the gradients of the parameters; NULL: not wanted.
 * @param tape the tape that recorded the step.
 */
RECUR_NODISCARD recur_status recur_cell_step_backward(const recur_cell *cell, const float *x,
                                                      const float *dy, recur_state *dstate,
                                                      float *dx, float *dparams, recur_tape *tape);

/** The same for a step made by recur_cell_step_ids.
 *
 * Shapes:  as recur_cell_step_backward, with ids [B]; ids have no gradient.
 * Memory:  as recur_cell_step_backward.
 * Errors:  as recur_cell_step_backward; ARGUMENT: an id out of range.
 * Threads: as recur_cell_step_backward.
 * Since:   0.1
 * @param cell as recur_cell_step_backward.
 * @param ids as in the step.
 * @param dy as recur_cell_step_backward.
 * @param dstate as recur_cell_step_backward.
 * @param dparams as recur_cell_step_backward.
 * @param tape as recur_cell_step_backward.
 */
RECUR_NODISCARD recur_status recur_cell_step_backward_ids(const recur_cell *cell,
                                                          const int32_t *ids, const float *dy,
                                                          recur_state *dstate, float *dparams,
                                                          recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
