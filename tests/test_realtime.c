/* test_realtime.c - a streaming step allocates nothing, locks nothing, calls neither BLAS nor the
 * system. After one step that warms up, a child process goes on under strict seccomp, which kills
 * it at a system call, with functions of this program in the place of the C library's and of BLAS,
 * which end it with their name. Every kind on every instruction set, as a layer, a cell and a
 * snapshot of every precision, with rows and ids, for one stream and for many. */
#ifdef __linux__
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "support/support.h"
#include "support/forbidden.h"

#if POSSIBLE

/* ---- steps ---------------------------------------------------------------------------------- */

typedef struct trial {
    const char *of; /* the layer, a snapshot, or the cell */
    const recur_layer *layer;
    const recur_cell *cell; /* or NULL */
    recur_state *state;
    int64_t B;
    const float *x;
    const int32_t *ids; /* instead of x */
    float *y;
} trial;

/* All trials of one layer: 4 sorts × 5 numbers of streams × rows and ids, at most, and a cell. */
enum { MOST_TRIALS = 50, STEPS = 3 };
static trial trials[MOST_TRIALS];
static int count;
static int64_t ever;

/* Where the child is, in memory that both see. */
static volatile int *at;

static recur_status step(const trial *t)
{
    if (t->cell && t->ids) return recur_cell_step_ids(t->cell, t->ids, t->state, t->y, NULL);
    if (t->cell) return recur_cell_step(t->cell, t->x, t->state, t->y, NULL);
    if (t->ids) return recur_layer_step_ids(t->layer, t->ids, t->state, t->y, NULL);
    return recur_layer_step(t->layer, t->x, t->state, t->y, NULL);
}

/* The child ends with 0 after some steps of each trial in which nothing happened that must not. */
static void run_child(void)
{
    const int strict = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); /* where the system allows it */
    recur_status status = RECUR_OK;
    inside = true;
    (void)strict;
    for (*at = 0; *at < count; *at += 1)
        for (int i = 0; i < STEPS && status == RECUR_OK; i++) status = step(&trials[*at]);
    inside = false;
    syscall(SYS_exit, status == RECUR_OK ? 0 : 1);
}

static void run_trials(recur_context *ctx, const char *what)
{
    int status = 0;
    for (int i = 0; i < count; i++) OK(step(&trials[i]));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) run_child();
    assert_int_equal(waitpid(child, &status, 0), child);
    const trial *t = &trials[*at < count ? *at : 0];
    if (WIFSIGNALED(status))
        fail_msg("%s, %s, %s, %s, B %d: a step called the system, or ended with signal %d", what,
                 t->of, recur_context_isa(ctx), t->ids ? "ids" : "rows", (int)t->B,
                 WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("%s, %s, %s, %s, B %d: a step called what is named above, or failed (%d)", what,
                 t->of, recur_context_isa(ctx), t->ids ? "ids" : "rows", (int)t->B,
                 WEXITSTATUS(status));
    assert_int_equal(*at, count);
    ever += count;
}

/* A layer, or its cell, with one number of streams; with rows and ids, if it takes them. */
static void add_trials(const char *of, const recur_layer *layer, const recur_cell *cell, int64_t B)
{
    const recur_layer_info info = info_of(layer, -1);
    trial t = { .of = of, .layer = layer, .cell = cell, .B = B };
    assert_true(info.capabilities & RECUR_CAN_STEP);
    t.y = floats(B * info.output_size);
    for (int ids = 0; ids < 2; ids++) {
        if (!(info.capabilities & (ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS))) continue;
        t.x = ids ? NULL : randoms(B * info.input_size, 1);
        t.ids = ids ? random_ids(B, info.input_size) : NULL;
        OK(recur_state_create(layer, B, &t.state));
        assert_true(count < MOST_TRIALS);
        trials[count++] = t;
    }
}

/* The layer, its snapshots of every precision, and the cell of one that has one. */
static void check_layer(recur_context *ctx, const char *what, recur_layer *layer)
{
    static const int64_t streams[] = { 1, 2, 4, 16, 64 };
    static const char *const precisions[] = { "snapshot", "bfloat16", "int8" };
    recur_layer *snapshots[3] = { NULL };
    recur_cell *cell = NULL;
    randomize(layer, 0.3);
    trying("%s", what);
    if (recur_cell_from_layer(layer, &cell)) cell = NULL;
    for (int p = 0; p < COUNT(precisions); p++) OK(recur_layer_snapshot(layer, p, &snapshots[p]));
    count = 0;
    for (int i = 0; i < COUNT(streams); i++) {
        add_trials("layer", layer, NULL, streams[i]);
        if (cell) add_trials("cell", layer, cell, streams[i]);
        for (int p = 0; p < COUNT(precisions); p++)
            if (snapshots[p]) add_trials(precisions[p], snapshots[p], NULL, streams[i]);
    }
    run_trials(ctx, what);
    for (int i = 0; i < count; i++) recur_state_release(trials[i].state);
    for (int p = 0; p < COUNT(precisions); p++) recur_layer_release(snapshots[p]);
    recur_cell_release(cell);
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

static void a_step_does_nothing_else(void **unused)
{
    (void)unused;
    at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    for (int isa = RECUR_ISA_REF; isa <= LAST_ISA; isa++) {
        recur_context *ctx = context_of(isa);
        if (!ctx) continue;
        dice(41);
        visit_streamable(ctx, check_layer);
        recur_context_release(ctx);
    }
    print_message("%lld trials of %d steps\n", (long long)ever, STEPS);
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
    return 77;
}

#endif
