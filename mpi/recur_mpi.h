/* recur_mpi.h - the exchange of recur_shards over MPI: librecur_mpi, a small library beside
 * librecur. `make mpi` builds it, `pkg-config --cflags --libs recur-mpi` says how to use it.
 *
 * The program starts and ends MPI itself. A rank that dies, or that is silent for too long, is no
 * deadlock: every other rank that waits for it gets RECUR_E_IO and a sentence. Print it and end the
 * program, without MPI_Finalize, which would wait for the dead; then start all ranks again from the
 * last file.
 *
 *     MPI_Init(&argc, &argv);
 *     recur_mpi *mpi;
 *     TRY(recur_mpi_create(MPI_COMM_WORLD, NULL, &mpi));
 *     const recur_shards_options options = { .size = sizeof options,
 *                                            .shards = 16,
 *                                            .rank = recur_mpi_rank(mpi),
 *                                            .ranks = recur_mpi_ranks(mpi),
 *                                            .count = recur_layer_param_count(net) };
 *     TRY(recur_shards_create(NULL, &options, recur_mpi_exchange, mpi, &shards));
 */
#ifndef RECUR_MPI_H
#define RECUR_MPI_H

#include <mpi.h>
#include <recur.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Ranks of a communicator, as recur_shards needs them. */
typedef struct recur_mpi recur_mpi;

/** Options of recur_mpi_create. */
typedef struct recur_mpi_options {
    uint32_t size;    /**< sizeof(recur_mpi_options)                                       */
    int32_t reserved; /**< 0                                                               */
    double seconds;   /**< that an exchange waits for the other rank; 0 = 600              */
    const volatile sig_atomic_t *stop; /**< of the program: once it is not 0, what waits gives up.
                                  For a handler of SIGTERM, which mpirun sends to all ranks when
                                  one has died. NULL: none                                        */
} recur_mpi_options;

/** Makes the ranks of a communicator known. All of its ranks call it.
 *
 * Shapes:  -
 * Memory:  a few numbers for each rank, by malloc; a communicator of its own.
 * Errors:  ARGUMENT: NULL, a size that no struct has, seconds below 0 or NaN. UNSUPPORTED: MPI has
 *          not been initialised. IO: MPI failed. MEMORY.
 * Threads: one thread at a time uses MPI, unless the program asked for MPI_THREAD_MULTIPLE.
 * Since:   0.1
 * @param comm the ranks that train together, such as MPI_COMM_WORLD.
 * @param options NULL: the defaults.
 * @param out the ranks.
 */
RECUR_NODISCARD recur_status recur_mpi_create(MPI_Comm comm, const recur_mpi_options *options,
                                              recur_mpi **out);

/** Gives it back, before MPI_Finalize. After an exchange that failed, only memory is freed. NULL is
 * allowed.
 *
 * Shapes:  -
 * Memory:  freed at once.
 * Errors:  cannot fail.
 * Threads: as recur_mpi_create.
 * Since:   0.1
 * @param mpi is gone afterwards.
 */
RECUR_API void recur_mpi_release(recur_mpi *mpi);

/** The rank of this process.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  -1 for NULL.
 * Threads: free.
 * Since:   0.1
 * @param mpi the ranks.
 */
RECUR_API int32_t recur_mpi_rank(const recur_mpi *mpi);

/** How many ranks there are.
 *
 * Shapes:  -
 * Memory:  allocates nothing.
 * Errors:  0 for NULL.
 * Threads: free.
 * Since:   0.1
 * @param mpi the ranks.
 */
RECUR_API int32_t recur_mpi_ranks(const recur_mpi *mpi);

/** A recur_exchange_function, for recur_shards_create with the recur_mpi as `user`. Both directions
 * are under way at the same time. On one node MPI takes shared memory; neighbouring ranks, which
 * exchange the largest halves, should be on one node, as mpirun places them.
 *
 * Shapes:  send [send_count], receive [receive_count].
 * Memory:  as MPI takes it.
 * Errors:  IO: MPI failed; a rank of this node has ended; the other rank was silent for
 *          options.seconds; options.stop was set. The message says which. End the program and start
 *          all ranks again from the last file.
 * Threads: as recur_mpi_create.
 * Since:   0.1
 * @param mpi a recur_mpi.
 * @param rank the other rank.
 * @param send_count how many floats go there.
 * @param send [send_count].
 * @param receive_count how many come from there.
 * @param receive [receive_count].
 */
RECUR_API recur_status recur_mpi_exchange(void *mpi, int32_t rank, int64_t send_count,
                                          const float *send, int64_t receive_count, float *receive);

#ifdef __cplusplus
}
#endif
#endif
