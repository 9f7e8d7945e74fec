/* recur/tape.h - what backward needs from forward, and scratch memory. Included by recur.h; never
 * alone.
 *
 * Records are a stack: each recorded forward pushes one, each backward pops the newest. So T steps
 * forward and T steps backward by hand work, and so does a layer that is used twice. The memory
 * stays with the tape for the next pass.
 *
 * Do not change a layer's parameters between a forward and its backward. Backward reads them again,
 * and for single steps the tape may hold a repacked copy that would go stale. A context with
 * RECUR_CONTEXT_CHECK finds this mistake: the backward fails with RECUR_E_ORDER.
 *
 * Example: one training pass of a linear layer over three rows.
 *
 *     const float x[3 * 2] = { 1, 2, 3, 4, 5, 6 };
 *     const float dy[3 * 1] = { 1, 1, 1 };
 *     float y[3], dparams[3] = { 0 };
 *     recur_layer *fc;
 *     recur_packed *rows;
 *     recur_tape *tape;
 *     TRY(recur_linear_create(NULL, 2, 1, 0, &fc));
 *     TRY(recur_packed_create(NULL, 3, NULL, 1, &rows));
 *     TRY(recur_tape_create(NULL, &tape));
 *     TRY(recur_tape_reserve(tape, fc, rows, 1));
 *     TRY(recur_layer_forward(fc, rows, x, NULL, y, tape));
 *     TRY(recur_layer_backward(fc, rows, x, dy, NULL, NULL, dparams, tape));
 *     recur_tape_release(tape);
 *     recur_packed_release(rows);
 *     recur_layer_release(fc);
 */
#ifndef RECUR_TAPE_H
#define RECUR_TAPE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** What passes and steps with a tape do. Without a tape they do what EVALUATE does. */
enum {
    RECUR_TAPE_TRAIN = 0,            /**< record, with dropout                                    */
    RECUR_TAPE_EVALUATE = 1,         /**< neither: the tape is scratch memory only                */
    RECUR_TAPE_RECORD_NO_DROPOUT = 2 /**< record, without dropout: gradients of the model as it is
                                          used                                                    */
};

/** Makes an empty tape in mode RECUR_TAPE_TRAIN with seed 0.
 *
 * Shapes:  -
 * Memory:  one allocation; grows with the passes it serves.
 * Errors:  ARGUMENT: NULL. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param out the tape.
 */
RECUR_NODISCARD recur_status recur_tape_create(recur_context *ctx, recur_tape **out);

/** Gives a tape back. NULL is allowed. Gradients that wait (recur_tape_defer_gradients) are lost.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape is gone afterwards.
 */
RECUR_API void recur_tape_release(recur_tape *tape);

/** Sets the mode of the passes that follow.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, unknown mode.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param mode RECUR_TAPE_*
 */
RECUR_NODISCARD recur_status recur_tape_set_mode(recur_tape *tape, int32_t mode);

/** Sets the seed of dropout. Masks depend only on it and on the number of passes recorded since
 * this call.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param seed any number.
 */
RECUR_NODISCARD recur_status recur_tape_set_seed(recur_tape *tape, uint64_t seed);

/** Makes room for `passes` more recorded passes of this layer and layout, forward and backward, so
 * that they, and passes with no more sequences, steps and rows, allocate nothing. Adds up over
 * calls.
 *
 * Shapes:  -
 * Memory:  allocates what is missing; recur_layer_memory says how much that is.
 * Errors:  ARGUMENT: NULL, passes < 0. UNSUPPORTED: a group: reserve for each part that you run;
 *          passes > 0 of a snapshot: give 0. MEMORY: the tape is as before; take fewer passes or a
 *          smaller batch.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param layer the layer that will be run.
 * @param packed the largest layout; for a loop of single steps one with one step.
 * @param passes records that wait at the same time; 0: evaluation only.
 */
RECUR_NODISCARD recur_status recur_tape_reserve(recur_tape *tape, const recur_layer *layer,
                                                const recur_packed *packed, int64_t passes);

/** Removes all records and reservations; keeps the memory, mode and seed. For a loop that stops
 * after some forward passes. Gradients that wait (recur_tape_defer_gradients) are lost.
 *
 * Shapes:  -
 * Memory:  frees nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 */
RECUR_NODISCARD recur_status recur_tape_reset(recur_tape *tape);

/** Removes the newest records, as if they had been played back, without gradients: for passes whose
 * output turned out not to be needed, above others that are. Memory, mode, seed, reservations and
 * gradients that wait stay.
 *
 * Shapes:  -
 * Memory:  allocates and frees nothing.
 * Errors:  ARGUMENT: NULL, records < 0 or above recur_tape_records. The tape is as before.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param records how many, from the newest one on.
 */
RECUR_NODISCARD recur_status recur_tape_drop(recur_tape *tape, int64_t records);

/** Makes room for long sequences: a recorded pass over more than `steps` steps keeps the states
 * between segments of so many steps instead of the history of every step. Its backward runs each
 * segment forward once more, from the last one on, and then back. So a record takes a state for
 * every segment, and the history of one segment is scratch; recur_layer_memory says how much, with
 * recur_memory.checkpoint. Forward is computed twice: a step of training takes about 1.3 times as
 * long.
 *
 * Outputs and states have the same bits as without. Gradients have those of a loop that records the
 * segments one by one, and carries states from each to the next, and their gradients back. From
 * those of one pass, which adds up all of its rows at once, they differ in their rounding: choose
 * `steps` once for a run, as it is a part of what the run computes.
 *
 * The square root of the number of steps is a good start. It is for layers that look back only:
 * those that can step, and a `last` of the forward direction.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, steps negative or 1. ORDER: records wait for their backward. A pass
 *          later: UNSUPPORTED for a layer that looks at later steps (a bidirectional one), and on a
 *          tape with a trace.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param steps of a segment; the last one may have one more. 0: every pass is recorded as a whole,
 *        as a new tape does.
 */
RECUR_NODISCARD recur_status recur_tape_checkpoint(recur_tape *tape, int64_t steps);

/** Lets gradients of parameters wait in loops written by hand. A backward of single steps (of a
 * recurrent layer of one layer in one direction without options, or of a linear layer; by
 * recur_layer_step_backward, recur_cell_step_backward, or recur_layer_backward over a layout of one
 * step) puts its rows by, and the products of up to 128 rows are added to dparams at once. That is
 * faster where a step has few sequences. Sums differ in their rounding. Steps of ids never wait:
 * each of their backwards adds its own gradients.
 *
 * Rows that wait are added to the dparams of a later backward of the same layer: when 128 of them
 * wait, and when the layer's last record is played back. So a loop that plays back all of its steps
 * has its gradients complete. A loop that stops before calls recur_tape_add_gradients. The tape
 * follows no pointer of the caller's: other dparams while rows wait are RECUR_E_ORDER.
 * recur_tape_reset drops the rows that wait.
 *
 * Shapes:  -
 * Memory:  allocates nothing; recur_layer_memory counts what waits as part of `kept`.
 * Errors:  ARGUMENT: tape is NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param on 1: they may wait; 0: every backward adds its own, as a new tape does. Rows that wait
 *        already go on waiting after 0, and are added as said above.
 */
RECUR_NODISCARD recur_status recur_tape_defer_gradients(recur_tape *tape, int32_t on);

/** Adds the gradients that wait (recur_tape_defer_gradients) for a layer and for all its parts.
 *
 * Shapes:  dparams [recur_layer_param_count] is added to.
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: free in layer; tape one at a time.
 * Since:   0.1
 * @param tape the tape.
 * @param layer the layer, or the whole whose parts were run by hand.
 * @param dparams the gradients of its parameters.
 */
RECUR_NODISCARD recur_status recur_tape_add_gradients(recur_tape *tape, const recur_layer *layer,
                                                      float *dparams);

/** When a trace is given. */
enum {
    RECUR_TRACE_FORWARD = 1, /**< after a recorded forward: gates, c and h of every step          */
    RECUR_TRACE_BACKWARD = 2 /**< after its backward: gates hold gradients, dh is there too       */
};

/** What one layer and direction of a recurrent part did in all steps of a recorded pass. Rows are
 * packed rows: recur_packed_row says where a step of a sequence lies. */
typedef struct recur_trace {
    uint32_t size;                /**< sizeof(recur_trace)                                        */
    int32_t event;                /**< RECUR_TRACE_*                                              */
    int32_t layer;                /**< of the stack, from 0                                       */
    int32_t reverse;              /**< 1: the walk from each sequence's last step to its first    */
    int64_t rows;                 /**< N                                                          */
    int64_t steps;                /**< T, of the longest sequence                                 */
    int64_t hidden_size;          /**< H                                                          */
    int64_t gates;                /**< blocks of H numbers in a row of `gate`: docs/math.md       */
    int64_t h_stride;             /**< floats from one row of h to the next                       */
    const char *part;             /**< its name in the layer that was run: "rnn"; "" if it is
                                       that layer itself                                          */
    const float *gate;            /**< [N][gates][H] FORWARD: gates after their activations, of
                                       normalised kinds before their norms; BACKWARD: the
                                       gradients of what went into activations and norms          */
    const float *c;               /**< [N][H] cell states; NULL for kinds without                 */
    const float *h;               /**< [N][H, or P] hidden states, h_stride floats apart          */
    const float *dh;              /**< BACKWARD: [N][H, or P] gradient of the loss by h of every
                                       step; else NULL                                            */
    const double *norm;           /**< BACKWARD: [T] length of that gradient over all sequences,
                                       step by step; else NULL                                    */
    const recur_packed *packed;   /**< the layout                                                 */
    const recur_layer *recurrent; /**< the part                                                   */
} recur_trace;

/** Is called by passes of a tape that has it: see recur_tape_trace. */
typedef void recur_trace_function(const recur_trace *trace, void *user);

/** Gives a function every recurrent part of recorded passes: once for each layer and direction
 * after forward, and again after backward. What the passes compute stays the same, bit for bit.
 *
 * Shapes:  as recur_trace says.
 * Memory:  backward takes N H floats and T doubles of scratch more.
 * Errors:  ARGUMENT: tape NULL.
 * Threads: one at a time; the function is called in the thread of the pass.
 * Since:   0.1
 * @param tape the tape.
 * @param function must not use this tape, nor keep pointers; copy what you want to keep. NULL: no
 *        trace, which costs nothing.
 * @param user is handed to the function.
 */
RECUR_NODISCARD recur_status recur_tape_trace(recur_tape *tape, recur_trace_function *function,
                                              void *user);

/** Number of records that wait for their backward. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 */
RECUR_API int64_t recur_tape_records(const recur_tape *tape);

/** Bytes the tape holds, used or not. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param tape the tape.
 */
RECUR_API size_t recur_tape_bytes(const recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
