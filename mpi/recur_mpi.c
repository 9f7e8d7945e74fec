/* recur_mpi.c - the exchange of recur_shards over MPI, which does not wait for the dead.
 *
 * MPI itself would: its calls return when the other rank answers, or never. So an exchange is
 * begun, then looked at again and again. Between two looks it asks whether the processes of this
 * node are alive, whether the program was told to end, and how long the other rank has been silent.
 */
#include "recur_mpi.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TAG = 1, PIECE = 1 << 28 };               /* floats of a message: an int counts them */
static const double USUAL_SECONDS = 600,         /* that an exchange may wait */
    BETWEEN_LOOKS = 0.02, WITHOUT_SLEEP = 0.002; /* seconds */

/* Where a rank runs. */
typedef struct {
    char node[MPI_MAX_PROCESSOR_NAME];
    long process;
} place;

struct recur_mpi {
    MPI_Comm comm;
    int rank, ranks;
    int broken; /* an exchange has failed */
    double seconds;
    const volatile sig_atomic_t *stop;
    place *places; /* [ranks]; process 0: of another node, or not to be seen from here */
};

static recur_status fail(recur_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static recur_status fail(recur_status status, const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return recur_fail(status, sentence);
}

/* A failure of MPI, in its own words. */
static recur_status mpi_failed(const char *function, int error)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(error, words, &length);
    return fail(RECUR_E_IO, "%s: %.300s", function, words);
}

#define CHECK_MPI(function, arguments)                    \
    do {                                                  \
        const int error_ = function arguments;            \
        if (error_) return mpi_failed(#function, error_); \
    } while (0)

/* ---- who is alive --------------------------------------------------------------------------- */

static int is_alive(long process) { return kill((pid_t)process, 0) == 0 || errno != ESRCH; }

/* A rank of this node that has ended; -1: there is none. */
static int dead_rank(const recur_mpi *m)
{
    for (int r = 0; r < m->ranks; r++)
        if (r != m->rank && m->places[r].process && !is_alive(m->places[r].process)) return r;
    return -1;
}

/* All ranks tell where they are. Those whose process cannot be seen from here are forgotten. */
static recur_status find_places(recur_mpi *m)
{
    place own = { .process = (long)getpid() };
    int length = 0;
    CHECK_MPI(MPI_Get_processor_name, (own.node, &length));
    CHECK_MPI(MPI_Allgather,
              (&own, sizeof own, MPI_BYTE, m->places, sizeof own, MPI_BYTE, m->comm));
    for (int r = 0; r < m->ranks; r++)
        if (strcmp(m->places[r].node, own.node) != 0 || !is_alive(m->places[r].process))
            m->places[r].process = 0;
    return RECUR_OK;
}

/* Whether there is still something to wait for. */
static recur_status look_around(const recur_mpi *m, int rank, double waited)
{
    const int dead = dead_rank(m);
    if (dead >= 0)
        return fail(RECUR_E_IO,
                    "rank %d (process %ld on %.64s) has ended, while rank %d waited for rank %d; "
                    "start all ranks again, from the last file",
                    dead, m->places[dead].process, m->places[dead].node, m->rank, rank);
    if (m->stop && *m->stop)
        return fail(RECUR_E_IO,
                    "rank %d was told to end while it waited for rank %d, perhaps because another "
                    "rank has ended; start all ranks again, from the last file",
                    m->rank, rank);
    if (waited > m->seconds)
        return fail(RECUR_E_IO,
                    "rank %d has been silent for %.0f seconds, while rank %d waited for it; it may "
                    "have ended, or need more time (recur_mpi_options.seconds)",
                    rank, waited, m->rank);
    return RECUR_OK;
}

/* ---- exchanging ----------------------------------------------------------------------------- */

/* At first others may have the core, then it sleeps for a moment. */
static void rest(double waited)
{
    const struct timespec moment = { 0, 20000 };
    if (waited < WITHOUT_SLEEP)
        sched_yield();
    else
        nanosleep(&moment, NULL);
}

static recur_status wait_for(const recur_mpi *m, int rank, MPI_Request request[2])
{
    const double start = MPI_Wtime();
    double looked = start;
    for (;;) {
        int done = 0;
        CHECK_MPI(MPI_Testall, (2, request, &done, MPI_STATUSES_IGNORE));
        if (done) return RECUR_OK;
        const double now = MPI_Wtime();
        rest(now - start);
        if (now - looked < BETWEEN_LOOKS) continue;
        looked = now;
        const recur_status status = look_around(m, rank, now - start);
        if (status) return status;
    }
}

/* What MPI may still write to or read from is let go, as far as MPI can. */
static void abandon(MPI_Request request[2])
{
    for (int i = 0; i < 2; i++) {
        if (request[i] == MPI_REQUEST_NULL) continue;
        MPI_Cancel(&request[i]);
        MPI_Request_free(&request[i]);
    }
}

static recur_status begin(const recur_mpi *m, int rank, int sends, const float *send, int receives,
                          float *receive, MPI_Request request[2])
{
    if (receives)
        CHECK_MPI(MPI_Irecv, (receive, receives, MPI_FLOAT, rank, TAG, m->comm, &request[0]));
    if (sends) CHECK_MPI(MPI_Isend, (send, sends, MPI_FLOAT, rank, TAG, m->comm, &request[1]));
    return RECUR_OK;
}

static int64_t piece_of(int64_t count, int64_t at)
{
    const int64_t left = count > at ? count - at : 0;
    return left < PIECE ? left : PIECE;
}

recur_status recur_mpi_exchange(void *mpi, int32_t rank, int64_t send_count, const float *send,
                                int64_t receive_count, float *receive)
{
    recur_mpi *m = mpi;
    if (!m) return recur_fail(RECUR_E_ARGUMENT, "recur_mpi_exchange: mpi is NULL");
    if (m->broken)
        return recur_fail(RECUR_E_IO, "recur_mpi_exchange: an exchange before this one has failed");
    const int64_t most = send_count > receive_count ? send_count : receive_count;
    for (int64_t at = 0; at < most; at += PIECE) {
        const int64_t sends = piece_of(send_count, at), receives = piece_of(receive_count, at);
        MPI_Request request[2] = { MPI_REQUEST_NULL, MPI_REQUEST_NULL };
        recur_status status = begin(m, rank, (int)sends, sends ? send + at : NULL, (int)receives,
                                    receives ? receive + at : NULL, request);
        if (!status) status = wait_for(m, rank, request);
        if (!status) continue;
        m->broken = 1;
        abandon(request);
        return status;
    }
    return RECUR_OK;
}

/* ---- making --------------------------------------------------------------------------------- */

static recur_status take(const recur_mpi_options *from, recur_mpi_options *options)
{
    *options = (recur_mpi_options){ .seconds = USUAL_SECONDS };
    if (!from) return RECUR_OK;
    if (from->size != sizeof *from)
        return fail(RECUR_E_ARGUMENT,
                    "recur_mpi_create: size is %u; set it to the %zu bytes of the struct",
                    (unsigned)from->size, sizeof *from);
    if (!(from->seconds >= 0))
        return fail(RECUR_E_ARGUMENT, "recur_mpi_create: seconds is %g", from->seconds);
    options->stop = from->stop;
    if (from->seconds > 0) options->seconds = from->seconds;
    return RECUR_OK;
}

static recur_status set_up(MPI_Comm comm, recur_mpi *m)
{
    CHECK_MPI(MPI_Comm_dup, (comm, &m->comm));
    CHECK_MPI(MPI_Comm_set_errhandler, (m->comm, MPI_ERRORS_RETURN));
    CHECK_MPI(MPI_Comm_rank, (m->comm, &m->rank));
    CHECK_MPI(MPI_Comm_size, (m->comm, &m->ranks));
    m->places = calloc((size_t)m->ranks, sizeof *m->places);
    if (!m->places) return fail(RECUR_E_MEMORY, "there is no memory for %d ranks", m->ranks);
    return find_places(m);
}

recur_status recur_mpi_create(MPI_Comm comm, const recur_mpi_options *options, recur_mpi **out)
{
    int initialised = 0;
    recur_mpi_options o;
    if (!out) return recur_fail(RECUR_E_ARGUMENT, "recur_mpi_create: out is NULL");
    *out = NULL;
    recur_status status = take(options, &o);
    if (status) return status;
    MPI_Initialized(&initialised);
    if (!initialised)
        return recur_fail(RECUR_E_UNSUPPORTED, "recur_mpi_create: call MPI_Init first");
    recur_mpi *m = malloc(sizeof *m);
    if (!m) return recur_fail(RECUR_E_MEMORY, "recur_mpi_create: there is no memory");
    *m = (recur_mpi){ .comm = MPI_COMM_NULL, .seconds = o.seconds, .stop = o.stop };
    status = set_up(comm, m);
    if (status) {
        recur_mpi_release(m);
        return status;
    }
    *out = m;
    return RECUR_OK;
}

void recur_mpi_release(recur_mpi *mpi)
{
    if (!mpi) return;
    if (!mpi->broken && mpi->comm != MPI_COMM_NULL) MPI_Comm_free(&mpi->comm);
    free(mpi->places);
    free(mpi);
}

int32_t recur_mpi_rank(const recur_mpi *mpi) { return mpi ? mpi->rank : -1; }
int32_t recur_mpi_ranks(const recur_mpi *mpi) { return mpi ? mpi->ranks : 0; }
