/* test_threads.c - the same bits for any number of threads, beside the host's own threads, and
 * after a fork. */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <recur.h>

#include "support/system.h"

enum { I = 24, H = 70, L = 2, B = 37, T = 24, OUT = 2 * H, RUNS = 6 };

#define OK(call) assert_int_equal((call), RECUR_OK)

/* A training pass of a bidirectional stack on a ragged batch, large enough to be shared out. */
typedef struct pass {
    recur_context *ctx;
    recur_layer *net;
    recur_packed *packed;
    recur_tape *tape;
    recur_state *state, *dstate;
    float *x, *y, *dx, *grads, *h;
    int64_t rows, count;
} pass;

static float *numbers(int64_t n, uint64_t seed)
{
    float *v = malloc((size_t)n * sizeof *v);
    assert_non_null(v);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(recur_random(seed, (uint64_t)i) % 2001) / 1000 - 1;
    return v;
}

static pass make_with(int32_t cell, const recur_context_options *co)
{
    pass p = { 0 };
    const recur_clockwork_options clockwork = { .size = sizeof clockwork, .modules = 5 };
    const recur_recurrent_options ro = { .size = sizeof ro,
                                         .cell = cell,
                                         .input_size = I,
                                         .hidden_size = H,
                                         .num_layers = L,
                                         .direction = RECUR_DIRECTION_BIDIRECTIONAL,
                                         .dropout = 0.25,
                                         .recurrent_dropout = cell < RECUR_CELL_INDRNN ? 0.25 : 0,
                                         .zoneout_hidden = 0.125,
                                         .clockwork = cell == RECUR_CELL_CLOCKWORK ? &clockwork
                                                                                   : NULL };
    int64_t lengths[B];
    for (int64_t b = 0; b < B; b++) lengths[b] = (int64_t)(recur_random(7, (uint64_t)b) % (T + 1));
    lengths[B / 2] = T;
    OK(recur_context_create(co, &p.ctx));
    OK(recur_recurrent_create(p.ctx, &ro, &p.net));
    OK(recur_layer_init(p.net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    OK(recur_packed_create(p.ctx, B, lengths, T, &p.packed));
    OK(recur_tape_create(p.ctx, &p.tape));
    OK(recur_state_create(p.net, B, &p.state));
    OK(recur_state_create(p.net, B, &p.dstate));
    p.rows = recur_packed_rows(p.packed);
    p.count = recur_layer_param_count(p.net);
    p.x = numbers(p.rows * I, 2);
    p.y = numbers(p.rows * OUT, 3);
    p.dx = numbers(p.rows * I, 4);
    p.grads = numbers(p.count, 5);
    p.h = numbers(recur_state_count(p.state), 6);
    if (cell == RECUR_CELL_CLOCKWORK) /* clocks stand at 0 */
        for (int64_t i = recur_state_count(p.state) / 2; i < recur_state_count(p.state); i++)
            p.h[i] = 0;
    return p;
}

static pass make(int32_t cell, int threads, const recur_allocator *allocator)
{
    const recur_context_options co = { .size = sizeof co,
                                       .threads = threads,
                                       .allocator = allocator };
    return make_with(cell, &co);
}

static void run(pass *p)
{
    const int64_t floats = recur_state_count(p->state);
    OK(recur_state_write(p->state, 0, floats, p->h));
    OK(recur_state_write(p->dstate, 0, floats, p->h));
    OK(recur_tape_set_seed(p->tape, 9));
    memset(p->grads, 0, (size_t)p->count * sizeof *p->grads);
    OK(recur_layer_forward(p->net, p->packed, p->x, p->state, p->y, p->tape));
    OK(recur_layer_backward(p->net, p->packed, p->x, p->y, p->dstate, p->dx, p->grads, p->tape));
}

static void same(const pass *a, const pass *b)
{
    const int64_t floats = recur_state_count(a->state);
    float *of_a = numbers(2 * floats, 0), *of_b = numbers(2 * floats, 1);
    OK(recur_state_read(a->state, 0, floats, of_a));
    OK(recur_state_read(b->state, 0, floats, of_b));
    OK(recur_state_read(a->dstate, 0, floats, of_a + floats));
    OK(recur_state_read(b->dstate, 0, floats, of_b + floats));
    assert_memory_equal(of_a, of_b, (size_t)(2 * floats) * sizeof(float));
    assert_memory_equal(a->y, b->y, (size_t)(a->rows * OUT) * sizeof(float));
    assert_memory_equal(a->dx, b->dx, (size_t)(a->rows * I) * sizeof(float));
    assert_memory_equal(a->grads, b->grads, (size_t)a->count * sizeof(float));
    free(of_a);
    free(of_b);
}

static void end(pass *p)
{
    recur_state_release(p->dstate);
    recur_state_release(p->state);
    recur_tape_release(p->tape);
    recur_packed_release(p->packed);
    recur_layer_release(p->net);
    recur_context_release(p->ctx);
    free(p->x);
    free(p->y);
    free(p->dx);
    free(p->grads);
    free(p->h);
}

static void any_number_of_threads(void **unused)
{
    (void)unused;
    for (int32_t cell = RECUR_CELL_RNN_TANH; cell <= RECUR_CELL_SRU; cell++) {
        pass one = make(cell, 1, NULL);
        run(&one);
        for (int threads = 2; threads <= 5; threads++) {
            pass many = make(cell, threads, NULL);
            run(&many);
            same(&one, &many);
            end(&many);
        }
        end(&one);
    }
}

/* Whether the next weights are fetched while others are multiplied depends on the cache. */
static void any_size_of_cache(void **unused)
{
    (void)unused;
    for (int32_t isa = RECUR_ISA_REF; isa <= RECUR_ISA_AVX2_EXACT; isa++)
        for (int32_t cell = RECUR_CELL_RNN_TANH; cell <= RECUR_CELL_SRU; cell++) {
            recur_context_options co = { .size = sizeof co, .isa = isa, .cache_bytes = INT64_MAX };
            recur_context *ctx;
            if (recur_context_create(&co, &ctx)) continue; /* this machine has no such set */
            recur_context_release(ctx);
            pass all = make_with(cell, &co);
            co.cache_bytes = 1;
            pass nothing = make_with(cell, &co);
            run(&all);
            run(&nothing);
            same(&all, &nothing);
            end(&nothing);
            end(&all);
        }
}

static void *run_often(void *p)
{
    for (int i = 0; i < RUNS; i++) run(p);
    return NULL;
}

/* Two threads of the host share a context. The one that finds the pool busy runs alone. */
static void beside_the_hosts_threads(void **unused)
{
    (void)unused;
    pass one = make(RECUR_CELL_LSTM, 1, NULL), shared = make(RECUR_CELL_LSTM, 3, NULL),
         other = shared;
    run(&one);
    OK(recur_tape_create(shared.ctx, &other.tape));
    OK(recur_state_create(shared.net, B, &other.state));
    OK(recur_state_create(shared.net, B, &other.dstate));
    other.y = numbers(other.rows * OUT, 3);
    other.dx = numbers(other.rows * I, 4);
    other.grads = numbers(other.count, 5);
    pthread_t host;
    assert_int_equal(pthread_create(&host, NULL, run_often, &other), 0);
    run_often(&shared);
    assert_int_equal(pthread_join(host, NULL), 0);
    same(&one, &shared);
    same(&one, &other);
    recur_tape_release(other.tape);
    recur_state_release(other.state);
    recur_state_release(other.dstate);
    free(other.y);
    free(other.dx);
    free(other.grads);
    end(&shared);
    end(&one);
}

/* The child of a fork has no workers: it runs alone, and can release everything. */
static void after_a_fork(void **unused)
{
    (void)unused;
    if (!HAS_FORK) skip();
    pass p = make(RECUR_CELL_GRU, 3, NULL);
    run(&p);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pass again = p;
        again.grads = numbers(p.count, 5);
        again.y = numbers(p.rows * OUT, 3);
        run(&again);
        const int differs = memcmp(again.grads, p.grads, (size_t)p.count * sizeof(float)) != 0;
        free(again.grads);
        free(again.y);
        end(&p);
        _exit(differs);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end(&p);
}

/* A pool that cannot be made is an error, and nothing is left behind. */
static int64_t given, limit;
static void *give(void *user, size_t bytes, size_t align)
{
    static _Alignas(64) unsigned char blocks[2][4096];
    (void)user;
    if (limit-- <= 0) return NULL;
    assert_true(given < 2 && bytes <= sizeof blocks[0] && align <= 64);
    return blocks[given++];
}
static void take(void *user, void *ptr, size_t bytes)
{
    (void)user;
    (void)ptr;
    (void)bytes;
    given--;
}

static void no_memory_for_the_pool(void **unused)
{
    (void)unused;
    const recur_allocator allocator = { give, take, NULL };
    const recur_context_options co = { .size = sizeof co, .threads = 4, .allocator = &allocator };
    for (int n = 0; n < 3; n++) {
        recur_context *ctx = NULL;
        limit = n;
        const recur_status status = recur_context_create(&co, &ctx);
        assert_int_equal(status, n < 2 ? RECUR_E_MEMORY : RECUR_OK);
        recur_context_release(ctx);
        assert_int_equal(given, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads),    cmocka_unit_test(any_size_of_cache),
        cmocka_unit_test(beside_the_hosts_threads), cmocka_unit_test(after_a_fork),
        cmocka_unit_test(no_memory_for_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
