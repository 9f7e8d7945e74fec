/* test_realtime.c - a streaming step allocates nothing, locks nothing, calls neither BLAS nor the
 * system. After one step that warms up, a child process goes on under strict seccomp, which kills
 * it at a system call, with functions of this program in the place of the C library's and of BLAS,
 * which end it with their name. Every kind on every instruction set, as a layer and as a snapshot,
 * with rows and ids, for one stream and for many. */
#ifdef __linux__
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "support/support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__linux__)
#define POSSIBLE 0 /* sanitizers have a malloc of their own, and call the system */
#else
#define POSSIBLE 1
#endif

#if POSSIBLE

#include <dlfcn.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what is forbidden ---------------------------------------------------------------------- */

static volatile bool inside; /* a step */
enum { FORBIDDEN = 3 };

static void forbid(const char *name)
{
    if (!inside) return;
    const ssize_t written = write(2, name, strlen(name));
    syscall(SYS_exit, written > 0 ? FORBIDDEN : FORBIDDEN + 1);
}

/* What stands behind a function of this program: looked for once, before anything is inside. */
static void *next(const char *name, void **found)
{
    if (!*found) *found = dlsym(RTLD_NEXT, name);
    return *found;
}

#define STANDS_FOR(type, name, parameters, arguments) \
    type name parameters;                             \
    type name parameters                              \
    {                                                 \
        static void *found;                           \
        type(*function) parameters;                   \
        forbid(#name "\n");                           \
        *(void **)&function = next(#name, &found);    \
        return function arguments;                    \
    }

STANDS_FOR(void *, malloc, (size_t n), (n))
STANDS_FOR(void *, realloc, (void *p, size_t n), (p, n))
STANDS_FOR(void *, aligned_alloc, (size_t a, size_t n), (a, n))
STANDS_FOR(int, posix_memalign, (void **p, size_t a, size_t n), (p, a, n))
STANDS_FOR(void *, mmap, (void *p, size_t n, int r, int f, int d, off_t o), (p, n, r, f, d, o))
STANDS_FOR(int, munmap, (void *p, size_t n), (p, n))
STANDS_FOR(int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_mutex_unlock, (pthread_mutex_t * m), (m))
STANDS_FOR(int, pthread_cond_broadcast, (pthread_cond_t * c), (c))

/* dlsym itself may ask for memory by calloc, and give it back. */
void *calloc(size_t n, size_t size)
{
    static char early[4096];
    static size_t used;
    static void *found;
    static bool looking;
    void *(*function)(size_t, size_t);
    forbid("calloc\n");
    if (looking) {
        used += (n * size + 15) / 16 * 16;
        return used <= sizeof early ? early + used - (n * size + 15) / 16 * 16 : NULL;
    }
    looking = !found;
    *(void **)&function = next("calloc", &found);
    looking = false;
    return function(n, size);
}

void free(void *p)
{
    static void *found;
    void (*function)(void *);
    forbid("free\n");
    *(void **)&function = next("free", &found);
    function(p);
}

/* This program trains nothing, so nobody needs what these do. */
void cblas_sgemm(void);
void cblas_sgemm(void) { forbid("cblas_sgemm\n"); }
void cblas_sgemv(void);
void cblas_sgemv(void) { forbid("cblas_sgemv\n"); }

/* ---- steps ---------------------------------------------------------------------------------- */

typedef struct trial {
    const char *what;
    recur_context *ctx;
    recur_layer *layer;
    const recur_cell *cell; /* or NULL */
    recur_state *state;
    const float *x;
    const int32_t *ids; /* instead of x */
    float *y;
} trial;

static recur_status step(const trial *t)
{
    if (t->cell && t->ids) return recur_cell_step_ids(t->cell, t->ids, t->state, t->y, NULL);
    if (t->cell) return recur_cell_step(t->cell, t->x, t->state, t->y, NULL);
    if (t->ids) return recur_layer_step_ids(t->layer, t->ids, t->state, t->y, NULL);
    return recur_layer_step(t->layer, t->x, t->state, t->y, NULL);
}

/* The child ends with 0 after three steps in which nothing happened that must not. */
static void run_child(const trial *t)
{
    const int strict = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); /* where the system allows it */
    inside = true;
    (void)strict;
    recur_status status = RECUR_OK;
    for (int i = 0; i < 3 && status == RECUR_OK; i++) status = step(t);
    inside = false;
    syscall(SYS_exit, status == RECUR_OK ? 0 : 1);
}

static void check(const trial *t, const char *of, int64_t B)
{
    int status = 0;
    OK(step(t));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) run_child(t);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        fail_msg("%s, %s, %s, %s, B %d: a step called the system, or ended with signal %d", t->what,
                 of, recur_context_isa(t->ctx), t->ids ? "ids" : "rows", (int)B, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("%s, %s, %s, %s, B %d: a step called what is named above, or failed (%d)", t->what,
                 of, recur_context_isa(t->ctx), t->ids ? "ids" : "rows", (int)B,
                 WEXITSTATUS(status));
}

static void check_inputs(trial t, const char *of, int64_t B)
{
    const recur_layer_info info = info_of(t.layer, -1);
    OK(recur_state_create(t.layer, B, &t.state));
    t.y = floats(B * info.output_size);
    t.x = randoms(B * info.input_size, 1);
    if (info.capabilities & RECUR_CAN_TAKE_ROWS) check(&t, of, B);
    t.ids = random_ids(B, info.input_size);
    if (info.capabilities & RECUR_CAN_TAKE_IDS) check(&t, of, B);
    recur_state_release(t.state);
}

/* The layer, its snapshot, and for a recurrent one its cell. */
static void check_layer(recur_context *ctx, const char *what, recur_layer *layer, bool is_cell)
{
    static const int64_t streams[] = { 1, 2, 4, 16, 64 };
    recur_layer *snapshot;
    recur_cell *cell = NULL;
    randomize(layer, 0.3);
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    if (is_cell) OK(recur_cell_from_layer(layer, &cell));
    trying("%s", what);
    for (int i = 0; i < COUNT(streams); i++) {
        check_inputs((trial){ .what = what, .ctx = ctx, .layer = layer }, "layer", streams[i]);
        check_inputs((trial){ .what = what, .ctx = ctx, .layer = snapshot }, "snapshot",
                     streams[i]);
        if (is_cell)
            check_inputs((trial){ .what = what, .ctx = ctx, .layer = layer, .cell = cell }, "cell",
                         streams[i]);
    }
    recur_cell_release(cell);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
    give_back();
}

/* Contexts with two threads, which a step must not wake. */
static recur_context *context_of(int isa)
{
    const recur_context_options o = { .size = sizeof o, .isa = isa, .threads = 2 };
    recur_context *ctx = NULL;
    const recur_status status = recur_context_create(&o, &ctx);
    assert_true(status == RECUR_OK || status == RECUR_E_UNSUPPORTED);
    return ctx;
}

static void recurrent_kinds(recur_context *ctx)
{
    static const int64_t widths[] = { 4, 24 };
    for (int k = 0; k < ROWS; k++)
        for (int h = 0; h < (k < PLAIN ? 2 : 1); h++) {
            recur_layer *one = recurrent_of(ctx, &KINDS[k], 12, widths[h], 1,
                                            RECUR_DIRECTION_FORWARD, 0);
            check_layer(ctx, KINDS[k].name, one, true);
        }
    for (int k = 0; k < PLAIN; k++)
        check_layer(ctx, "two layers",
                    recurrent_of(ctx, &KINDS[k], 12, 24, 2, RECUR_DIRECTION_FORWARD, 0), false);
}

/* So large that a pass would wake its threads. */
static void large_layers(recur_context *ctx)
{
    recur_layer *linear;
    check_layer(ctx, "a large LSTM",
                recurrent(ctx, RECUR_CELL_LSTM, 256, 256, 1, RECUR_DIRECTION_FORWARD, 0), false);
    OK(recur_linear_create(ctx, 512, 512, 0, &linear));
    check_layer(ctx, "a large linear", linear, false);
}

static void other_kinds(recur_context *ctx)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    recur_layer *part[4], *inner[2], *norm, *embedding;
    OK(recur_norm_create(ctx, 24, 0, 0, &norm));
    OK(recur_embedding_create(ctx, 12, 24, 0, &embedding));
    check_layer(ctx, "norm", norm, false);
    check_layer(ctx, "embedding", embedding, false);
    OK(recur_linear_create(ctx, 24, 24, 0, &inner[0]));
    OK(recur_activation_create(ctx, 24, RECUR_ACTIVATION_TANH, &inner[1]));
    part[0] = recurrent(ctx, RECUR_CELL_LSTM, 12, 24, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_dropout_create(ctx, 24, 0.5, &part[1]));
    part[2] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 2, names, inner);
    OK(recur_linear_create(ctx, 24, 3, 0, &part[3]));
    check_layer(ctx, "a chain", chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 4, names, part), false);
}

static void a_step_does_nothing_else(void **unused)
{
    (void)unused;
    for (int isa = RECUR_ISA_REF; isa <= RECUR_ISA_NEON; isa++) {
        recur_context *ctx = context_of(isa);
        if (!ctx) continue;
        dice(41);
        recurrent_kinds(ctx);
        other_kinds(ctx);
        large_layers(ctx);
        recur_context_release(ctx);
    }
}

/* The functions of this program are those that the library finds. */
static void what_is_forbidden_is_seen(void **unused)
{
    (void)unused;
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        recur_context *ctx = NULL;
        const int quiet = dup2(1, 2); /* nobody shall look for an error */
        inside = true;
        const recur_status created = recur_context_create(NULL, &ctx);
        syscall(SYS_exit, created == RECUR_OK && quiet ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == FORBIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_forbidden_is_seen),
        TEST(a_step_does_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("a sanitizer or another system: nothing can be put in the place of malloc");
    return 0;
}

#endif
