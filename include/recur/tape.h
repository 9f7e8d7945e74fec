/* recur/tape.h - what backward needs from forward, and scratch memory. Included by recur.h; never alone.
 *
 * Records are a stack: each recorded forward pushes one, each backward pops the newest. So T steps forward and T steps
 * backward by hand work, and so does a layer that is used twice. The memory stays with the tape for the next pass. */
#ifndef RECUR_TAPE_H
#define RECUR_TAPE_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** What passes with a tape do. */
enum {
    RECUR_TAPE_TRAIN = 0,    /**< record, with dropout                                          */
    RECUR_TAPE_EVALUATE = 1, /**< neither: the tape is scratch memory only                      */
    RECUR_TAPE_SENSITIVE = 2 /**< record, without dropout: gradients of the model as it is used */
};

/** An empty tape in mode RECUR_TAPE_TRAIN with seed 0.
 *
 * Shapes:  -
 * Memory:  one allocation; grows with the passes it serves.
 * Errors:  ARGUMENT: NULL. MEMORY.
 * Threads: free.
 * Since:   0.1
 */
RECUR_TRY recur_status recur_tape_create(recur_context *ctx, recur_tape **out);

/** Gives a tape back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API void recur_tape_release(recur_tape *tape);

/** Sets the mode of the passes that follow.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, unknown mode.
 * Threads: one at a time.
 * Since:   0.1
 * @param mode RECUR_TAPE_*
 */
RECUR_TRY recur_status recur_tape_set_mode(recur_tape *tape, int32_t mode);

/** Dropout masks depend only on this seed and on the number of passes recorded since this call.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_TRY recur_status recur_tape_set_seed(recur_tape *tape, uint64_t seed);

/** Makes room for `passes` more recorded passes of this layer and layout, forward and backward, so that they, and passes
 * with no more sequences, steps and rows, allocate nothing. Adds up over calls; 0 passes: evaluation only.
 *
 * Shapes:  -
 * Memory:  allocates what is missing.
 * Errors:  ARGUMENT: NULL, passes < 0. UNSUPPORTED: a group; passes > 0 of a snapshot. MEMORY: the tape is as before.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_TRY recur_status recur_tape_reserve(recur_tape *tape, const recur_layer *layer, const recur_packed *packed,
                                          int64_t passes);

/** Forgets all records and reservations, keeps the memory, mode and seed.
 *
 * Shapes:  -
 * Memory:  frees nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_TRY recur_status recur_tape_reset(recur_tape *tape);

/** Number of records that wait for their backward. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API int64_t recur_tape_records(const recur_tape *tape);

/** Bytes the tape holds, used or not. 0 for NULL.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 */
RECUR_API size_t recur_tape_bytes(const recur_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
