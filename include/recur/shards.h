/* recur/shards.h - training by several processes with the same bits for any number of them.
 * Included by recur.h; never alone.
 *
 * A batch is cut into S shards, a power of two that is chosen once for a run. Each shard's gradient
 * is computed by itself. They are added by one tree, neighbours first, whoever has computed them:
 *
 *     shard      0   1   2   3   4   5   6   7
 *                └─+─┘   └─+─┘   └─+─┘   └─+─┘        one process (a rank) owns some shards
 *                  └───+───┘       └───+───┘          side by side: all, or 0 to 3, or 0 to 2
 *                      └───────+───────┘
 *
 * So the sum does not depend on the number of ranks, as long as a shard's gradient does not: seeds
 * of dropout come from the step and the sequence, never from the rank, and all ranks compute with
 * one instruction set, or in a context with RECUR_CONTEXT_EXACT. Numbers beside the gradients (a
 * loss, a count of rows) are added by the same tree. Every rank gets the same sums, so a norm that
 * it clips by, and the step of its optimizer, are the same everywhere, too.
 *
 * Where shards of two ranks meet in the tree, each sends half of its sum to the other, and adds up
 * the other half; the sums go back on the same way. That are 2 log2 R rounds for R ranks, in which
 * a rank sends less than two vectors in all. The library knows no network: a function of the
 * caller's moves floats between two ranks. librecur_mpi has one for MPI.
 *
 * Example: a step of training with four shards of two sequences, all of them in this process.
 *
 *     const recur_shards_options options = {
 *         .size = sizeof options, .shards = 4, .count = 3, .numbers = 1
 *     };
 *     const recur_loss_options sum = {
 *         .size = sizeof sum, .kind = RECUR_LOSS_MSE, .flags = RECUR_LOSS_SUM
 *     };
 *     const float x[8 * 2] = { 1, 2, 3, 4 }, target[8] = { 1, 2 };
 *     float y[2], dy[2], grads[3];
 *     double loss;
 *     recur_layer *net;
 *     recur_loss *mse;
 *     recur_packed *rows;
 *     recur_tape *tape;
 *     recur_shards *shards;
 *     TRY(recur_linear_create(NULL, 2, 1, 0, &net));
 *     TRY(recur_loss_create(NULL, &sum, &mse));
 *     TRY(recur_packed_create(NULL, 2, NULL, 1, &rows));
 *     TRY(recur_tape_create(NULL, &tape));
 *     TRY(recur_shards_create(NULL, &options, NULL, NULL, &shards));
 *     for (int64_t s = recur_shards_first(shards, 0); s < recur_shards_first(shards, 1); s++) {
 *         const int64_t at = recur_shards_sequence(shards, 8, s);
 *         float *dparams = recur_shards_gradient(shards);
 *         TRY(recur_tape_set_seed(tape, recur_random(42, (uint64_t)at)));
 *         TRY(recur_layer_forward(net, rows, x + at * 2, NULL, y, tape));
 *         TRY(recur_loss_values(mse, 2, 1, y, target + at, &loss, dy));
 *         TRY(recur_layer_backward(net, rows, x + at * 2, dy, NULL, NULL, dparams, tape));
 *         TRY(recur_shards_add(shards, &loss));
 *     }
 *     TRY(recur_shards_sum(shards, grads, &loss));
 *     printf("loss %g\n", loss / 8);   // loss 0.625
 *     recur_shards_release(shards);
 *     recur_tape_release(tape);
 *     recur_packed_release(rows);
 *     recur_loss_release(mse);
 *     recur_layer_release(net);
 */
#ifndef RECUR_SHARDS_H
#define RECUR_SHARDS_H
#ifndef RECUR_H
#error "include <recur.h>"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/** Sends floats to another rank and receives floats from it, and returns when both are done. The
 * other rank calls its own with the two numbers exchanged; either may be 0. All calls of two ranks
 * with each other come in the same order on both, and no call waits for a third rank, so that a
 * rank may first send and then receive, if the one with the lower number begins.
 *
 * A failure is any other status than RECUR_OK; say why with recur_fail. The floats of numbers that
 * are no gradients are whole numbers below 65536.
 *
 * @param user as given to recur_shards_create.
 * @param rank the other one.
 * @param send_count how many floats go there; send [send_count].
 * @param send is not changed.
 * @param receive_count how many come from there; receive [receive_count].
 * @param receive is overwritten.
 */
typedef recur_status recur_exchange_function(void *user, int32_t rank, int64_t send_count,
                                             const float *send, int64_t receive_count,
                                             float *receive);

/** How a run is divided. All but `rank` has to be the same on all ranks. */
typedef struct recur_shards_options {
    uint32_t size;   /**< sizeof(recur_shards_options)                                           */
    int32_t shards;  /**< S, a power of two, at most 65536; 0 = 1                                */
    int32_t rank;    /**< of this process: 0 to ranks - 1                                        */
    int32_t ranks;   /**< R, at most S; 0 = 1. Powers of two divide the work and the sums best   */
    int64_t count;   /**< floats of a gradient: recur_layer_param_count                          */
    int64_t numbers; /**< doubles of a shard beside its gradient, such as a loss; at most 65536  */
} recur_shards_options;

/** Makes the place where one rank puts the gradients of its shards.
 *
 * Shapes:  -
 * Memory:  one allocation: a vector of `count` floats for each sum that may wait, which are
 *          log2(S / R) + 1 where S / R is a power of two, and half a vector if there are ranks.
 * Errors:  ARGUMENT: NULL, a number outside its range, no exchange for more than one rank. MEMORY.
 * Threads: free.
 * Since:   0.1
 * @param ctx NULL: the default context.
 * @param options how the run is divided.
 * @param exchange moves floats; NULL for one rank.
 * @param user handed to exchange.
 * @param out the shards.
 */
RECUR_NODISCARD recur_status recur_shards_create(recur_context *ctx,
                                                 const recur_shards_options *options,
                                                 recur_exchange_function *exchange, void *user,
                                                 recur_shards **out);

/** Gives shards back. NULL is allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards is gone afterwards.
 */
RECUR_API void recur_shards_release(recur_shards *shards);

/** The first shard of a rank: rank r owns those from recur_shards_first(shards, r) on, below
 * recur_shards_first(shards, r + 1).
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  -1: shards is NULL, rank is not 0 to ranks.
 * Threads: free.
 * Since:   0.1
 * @param shards of any rank.
 * @param rank of the division; `ranks` gives S.
 */
RECUR_API int64_t recur_shards_first(const recur_shards *shards, int32_t rank);

/** The first sequence of a shard, if so many sequences are divided as evenly as they can be: shard
 * s has those from recur_shards_sequence(shards, n, s) on, below that of s + 1. There are none
 * where shards outnumber sequences.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  -1: shards is NULL, sequences below 0 or above 2^31-1, shard is not 0 to S.
 * Threads: free.
 * Since:   0.1
 * @param shards of any rank.
 * @param sequences of the whole batch.
 * @param shard of the division; S gives `sequences`.
 */
RECUR_API int64_t recur_shards_sequence(const recur_shards *shards, int64_t sequences,
                                        int64_t shard);

/** Where the gradient of the next shard goes: zeros. The same place, and zeros again, if the last
 * one was not added.
 *
 * Shapes:  the result is [count]; valid until recur_shards_add.
 * Memory:  belongs to the shards.
 * Errors:  NULL, with a sentence in recur_last_error: shards is NULL, or this rank has had all of
 *          its shards: call recur_shards_sum.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards the shards.
 */
RECUR_API float *recur_shards_gradient(recur_shards *shards);

/** Adds the shard whose gradient is complete: it joins its neighbours, as far as this rank has
 * them.
 *
 * Shapes:  numbers [numbers].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. ORDER: there was no recur_shards_gradient since the last one.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards the shards.
 * @param numbers of this shard; NULL if there are none.
 */
RECUR_NODISCARD recur_status recur_shards_add(recur_shards *shards, const double *numbers);

/** The sums over all shards of all ranks, which all call it. Afterwards the next step begins.
 *
 * Shapes:  grads [count], numbers [numbers].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL. ORDER: this rank has not added all of its shards. Any status that the
 *          exchange gave: the shards of this step are lost, and ranks may differ in how far they
 *          came; end the run, and resume it from a file.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards the shards.
 * @param grads is overwritten, and must be no place of recur_shards_gradient.
 * @param numbers is overwritten; NULL if there are none.
 */
RECUR_NODISCARD recur_status recur_shards_sum(recur_shards *shards, float *grads, double *numbers);

/** Forgets the shards that were added since the last sum: for a step that is given up.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards the shards.
 */
RECUR_NODISCARD recur_status recur_shards_reset(recur_shards *shards);

/** Brings together what ranks know of their shards, such as states of sequences that a file shall
 * have, so that any other number of ranks can go on with it. All ranks call it.
 *
 * Shapes:  values [S][width].
 * Memory:  allocates nothing.
 * Errors:  ARGUMENT: NULL, a negative width. Any status that the exchange gave.
 * Threads: one at a time.
 * Since:   0.1
 * @param shards the shards.
 * @param width floats of a shard.
 * @param values those of this rank's shards are read, all others are overwritten.
 */
RECUR_NODISCARD recur_status recur_shards_gather(recur_shards *shards, int64_t width,
                                                 float *values);

#ifdef __cplusplus
}
#endif
#endif
