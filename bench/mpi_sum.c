/* mpi_sum.c - how long recur_shards_sum takes over MPI: ranks with one shard each, nothing
 * computed.
 *
 *     make mpi
 *     mpicc -O2 -Iinclude -Impi bench/mpi_sum.c -o build/mpi_sum -Llib -lrecur_mpi -lrecur \
 *         -Wl,-rpath,"$PWD/lib"
 *     mpirun -n 4 build/mpi_sum 3333697 20        floats of a gradient, sums
 *
 * Rank 0 prints the fastest and the middle time of a sum. Between two sums all ranks meet, so that
 * no time of waiting counts. */
#include <recur_mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define TRY(call)                                        \
    do {                                                 \
        if (call) {                                      \
            fprintf(stderr, "%s\n", recur_last_error()); \
            exit(1);                                     \
        }                                                \
    } while (0)

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const int64_t count = argc > 1 ? atoll(argv[1]) : 1000000;
    const int sums = argc > 2 ? atoi(argv[2]) : 20;
    recur_mpi *mpi;
    recur_shards *shards;
    TRY(recur_mpi_create(MPI_COMM_WORLD, NULL, &mpi));
    const int32_t ranks = recur_mpi_ranks(mpi);
    recur_shards_options options = {
        .size = sizeof options, .shards = 1, .rank = recur_mpi_rank(mpi), .ranks = ranks
    };
    while (options.shards < ranks) options.shards *= 2;
    options.count = count;
    options.numbers = 3;
    TRY(recur_shards_create(NULL, &options, recur_mpi_exchange, mpi, &shards));
    float *grads = malloc((size_t)count * sizeof *grads);
    double *times = malloc((size_t)sums * sizeof *times), numbers[3] = { 0 };
    const int64_t own = recur_shards_first(shards, options.rank + 1) -
                        recur_shards_first(shards, options.rank);
    for (int i = 0; i < sums; i++) {
        for (int64_t s = 0; s < own; s++) {
            recur_shards_gradient(shards);
            TRY(recur_shards_add(shards, numbers));
        }
        MPI_Barrier(MPI_COMM_WORLD);
        const double start = MPI_Wtime();
        TRY(recur_shards_sum(shards, grads, numbers));
        times[i] = MPI_Wtime() - start;
    }
    qsort(times, (size_t)sums, sizeof *times, ascending);
    if (options.rank == 0)
        printf("%d ranks, %.2f MB: fastest %.2f ms, middle %.2f ms\n", (int)ranks,
               (double)count * 4e-6, 1e3 * times[0], 1e3 * times[sums / 2]);
    recur_shards_release(shards);
    recur_mpi_release(mpi);
    free(grads);
    free(times);
    MPI_Finalize();
    return 0;
}
