/* test_own_memory.c - all memory comes from the allocator of the context, and there is little of
 * it.
 *
 * Functions of this program stand in the place of the C library's, and count while the library
 * works: making, saving, opening, running and training a network calls none of them, and starts no
 * thread. Then the most bytes that were alive at once while a model was opened, against those of
 * its weights. */
#ifdef __linux__
#define _GNU_SOURCE /* RTLD_NEXT, mkdtemp */
#endif
#include "support/support.h"

#if defined(RECUR__CHECKED) || !defined(__GLIBC__)
#define POSSIBLE 0 /* sanitizers have a malloc of their own */
#else
#define POSSIBLE 1
#endif

/* ---- the C library's ------------------------------------------------------------------------- */

static volatile bool inside; /* a call of the library */
static volatile int calls;   /* of the C library's memory and threads, meanwhile */

#if POSSIBLE

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void count_call(void)
{
    if (inside) calls++;
}

/* glibc has these names for what this program hides. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *malloc(size_t n)
{
    count_call();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count_call();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count_call();
    return __libc_realloc(p, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    count_call();
    *p = __libc_memalign(align, n);
    return *p ? 0 : 12;
}

void *aligned_alloc(size_t align, size_t n)
{
    count_call();
    return __libc_memalign(align, n);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*work)(void *), void *of)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    count_call();
    if (!create) *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(thread, how, work, of);
}

/* Threads of this process. */
static int threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    if (!folder) return 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count - 2; /* . and .. */
}

#endif

/* ---- an allocator of the caller's ------------------------------------------------------------ */

/* Memory is given out of an array, and never again: only what is alive is counted. */
static struct arena {
    _Alignas(64) unsigned char memory[1 << 26];
    size_t used, alive, most;
} arena;

static void *take(void *user, size_t bytes, size_t align)
{
    struct arena *a = user;
    const size_t at = (a->used + align - 1) / align * align;
    if (at + bytes > sizeof a->memory) return NULL;
    a->used = at + bytes;
    a->alive += bytes;
    if (a->alive > a->most) a->most = a->alive;
    return a->memory + at;
}

static void give(void *user, void *ptr, size_t bytes)
{
    struct arena *a = user;
    (void)ptr;
    a->alive -= bytes;
}

static recur_context *arena_context(void)
{
    static const recur_allocator allocator = { take, give, &arena };
    const recur_context_options options = { .size = sizeof options, .allocator = &allocator };
    recur_context *ctx;
    arena.used = arena.alive = arena.most = 0;
    OK(recur_context_create(&options, &ctx));
    return ctx;
}

enum { INPUT = 16, HIDDEN = 32, CLASSES = 4, BATCH = 3, STEPS = 5 };

static recur_layer *make_network(recur_context *ctx, int64_t input, int64_t hidden, int64_t classes)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_LSTM,
                                              .input_size = input,
                                              .hidden_size = hidden,
                                              .num_layers = 2 };
    recur_layer *part[2], *net;
    OK(recur_recurrent_create(ctx, &options, &part[0]));
    OK(recur_linear_create(ctx, hidden, classes, 0, &part[1]));
    OK(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *[]){ "rnn", "fc" }, part,
                            &net));
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    OK(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 5));
    return net;
}

/* ---- nothing but the allocator --------------------------------------------------------------- */

#if POSSIBLE

static void train(recur_context *ctx, recur_layer *net, const recur_packed *packed, const float *x)
{
    static float y[BATCH * STEPS * CLASSES], dy[BATCH * STEPS * CLASSES], gradients[1 << 16];
    const int64_t count = recur_layer_param_count(net);
    const recur_loss_options cross = { .size = sizeof cross, .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options adam = { .size = sizeof adam, .kind = RECUR_OPTIMIZER_ADAM };
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
    const int32_t labels[BATCH * STEPS] = { 0 };
    double value = 0;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_loss_create(ctx, &cross, &loss));
    OK(recur_optimizer_create(ctx, &adam, count, &optimizer));
    for (int step = 0; step < 3; step++) {
        memset(gradients, 0, (size_t)count * sizeof *gradients);
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_loss_classes(loss, BATCH * STEPS, CLASSES, y, labels, &value, dy));
        OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, gradients, tape));
        recur_clip_norm(gradients, count, 1);
        OK(recur_optimizer_step(optimizer, recur_layer_params(net), gradients, count, 1));
    }
    recur_optimizer_release(optimizer);
    recur_loss_release(loss);
    recur_tape_release(tape);
}

static void use_everything(recur_context *ctx, const char *path)
{
    static float x[BATCH * STEPS * INPUT], y[BATCH * STEPS * CLASSES];
    recur_packed *packed;
    recur_layer *net = make_network(ctx, INPUT, HIDDEN, CLASSES), *opened, *snapshot;
    recur_state *state;
    for (int i = 0; i < COUNT(x); i++) x[i] = (float)(i % 17) / 17;
    OK(recur_packed_create(ctx, BATCH, NULL, STEPS, &packed));
    train(ctx, net, packed, x);
    const recur_model_sample sample = { .size = sizeof sample, .packed = packed, .x = x };
    OK(recur_model_save(net, path, &sample));
    OK(recur_model_open(ctx, path, &opened));
    OK(recur_layer_snapshot(opened, RECUR_PRECISION_INT8, &snapshot));
    OK(recur_layer_forward(opened, packed, x, NULL, y, NULL));
    OK(recur_state_create(snapshot, 1, &state));
    for (int t = 0; t < STEPS; t++) OK(recur_layer_step(snapshot, x + t * INPUT, state, y, NULL));
    recur_state_release(state);
    recur_layer_release(snapshot);
    recur_layer_release(opened);
    recur_layer_release(net);
    recur_packed_release(packed);
}

static void everything_comes_from_the_allocator(void **state)
{
    (void)state;
    char folder[] = "/tmp/recur_own_memory_XXXXXX", path[64];
    const int before = threads();
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model", folder);
    inside = true;
    recur_context *ctx = arena_context();
    use_everything(ctx, path);
    recur_context_release(ctx);
    inside = false;
    assert_int_equal(calls, 0);
    assert_int_equal(threads(), before);
    assert_int_equal(arena.alive, 0);
    assert_true(arena.used > 0);
    remove(path);
    rmdir(folder);
    /* That they would have been seen: the default context takes its memory from the C library. */
    inside = true;
    recur_layer *layer = make_network(NULL, 1, 1, 1);
    recur_layer_release(layer);
    inside = false;
    assert_in_range(calls, 1, 100);
}

#endif

/* ---- how much of it ---------------------------------------------------------------------------
 */

/* A file in memory of a network whose weights are much more than all else. */
static unsigned char *saved_network(size_t *bytes, size_t *weights)
{
    recur_layer *net = make_network(NULL, 96, 128, 64);
    recur_file *file;
    *weights = (size_t)recur_layer_param_count(net) * sizeof(float);
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_put_model(file, NULL, net, NULL));
    *bytes = 0;
    OK(recur_file_write_memory(file, NULL, bytes));
    unsigned char *data = bytes_of((int64_t)*bytes, 1);
    OK(recur_file_write_memory(file, data, bytes));
    recur_file_release(file);
    recur_layer_release(net);
    return data;
}

/* What a stream of ten steps and a pass give. A pass takes memory of its own, and gives it back. */
static void outputs(const recur_layer *layer, float *y, size_t *of_stream)
{
    enum { IN = 96, OUT = 64, LINES = 10 };
    static float x[LINES * IN];
    const int64_t lengths[] = { 7, 3 };
    recur_packed *packed;
    recur_state *state;
    for (int i = 0; i < COUNT(x); i++) x[i] = (float)(i * 7 % 23) / 23 - 0.5f;
    OK(recur_state_create(layer, 1, &state));
    for (int t = 0; t < LINES; t++)
        OK(recur_layer_step(layer, x + t * IN, state, y + t * OUT, NULL));
    *of_stream = arena.most;
    OK(recur_packed_create(NULL, 2, lengths, 0, &packed));
    OK(recur_layer_forward(layer, packed, x, NULL, y + LINES * OUT, NULL));
    recur_packed_release(packed);
    recur_state_release(state);
}

static void check_most(const char *what, size_t weights, double times)
{
    const double most = (double)arena.most / (double)weights;
    if (most > times) fail_msg("%s took %.3f times the weights, not %.2f", what, most, times);
}

static void opening_takes_little(void **state)
{
    (void)state;
    enum { FLOATS = 2 * 10 * 64 };
    size_t bytes, weights, most;
    unsigned char *data = saved_network(&bytes, &weights);
    float *want = floats(FLOATS), *got = floats(FLOATS);
    recur_layer *layer, *snapshot;

    recur_context *ctx = arena_context();
    OK(recur_model_open_memory(ctx, data, bytes, &layer));
    check_most("opening from memory", weights, 1.1);
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    outputs(snapshot, want, &most);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
    recur_context_release(ctx);

    ctx = arena_context();
    OK(recur_model_open_in_place(ctx, data, bytes, RECUR_PRECISION_FLOAT32, &snapshot));
    check_most("opening in place", weights, 1.1);
    assert_null(recur_layer_params(snapshot));
    outputs(snapshot, got, &most);
    check_same("in place", FLOATS, got, want);
    assert_in_range(most, weights / 2, weights + weights / 10);
    recur_layer_release(snapshot);
    recur_context_release(ctx);
    assert_int_equal(arena.alive, 0);

    ctx = arena_context();
    OK(recur_model_open_in_place(ctx, data, bytes, RECUR_PRECISION_INT8, &snapshot));
    check_most("opening in place as int8", weights, 0.35);
    recur_layer_release(snapshot);
    recur_context_release(ctx);
    give_back();
}

/* ---- what cannot be used where it lies ---------------------------------------------------------
 */

static void bad_places_are_refused(void **state)
{
    (void)state;
    size_t bytes, weights;
    unsigned char *data = saved_network(&bytes, &weights);
    unsigned char *odd = bytes_of((int64_t)bytes + 1, 1);
    recur_layer *layer;
    memcpy(odd + 1, data, bytes);
    FAILS(RECUR_E_UNSUPPORTED,
          recur_model_open_in_place(NULL, odd + 1, bytes, RECUR_PRECISION_FLOAT32, &layer),
          "multiple of 4");
    FAILS(RECUR_E_ARGUMENT, recur_model_open_in_place(NULL, data, bytes, 9, &layer), "precision 9");
    FAILS(RECUR_E_ARGUMENT, recur_model_open_in_place(NULL, data, bytes, 0, NULL), "out NULL");
    FAILS(RECUR_E_FORMAT, recur_model_open_in_place(NULL, data, bytes - 4, 0, &layer), "");
    assert_null(layer);

    /* The same tensors, the last one first. */
    recur_file *from, *to;
    OK(recur_file_open_memory(NULL, data, bytes, &from));
    OK(recur_file_open_memory(NULL, NULL, 0, &to));
    OK(recur_file_set_metadata(to, "recur.model", recur_file_metadata(from, "recur.model")));
    for (int64_t i = recur_file_tensor_count(from) - 1; i >= 0; i--) {
        recur_tensor tensor = { .size = sizeof tensor };
        OK(recur_file_tensor_info(from, i, &tensor));
        float *values = floats(tensor.count);
        OK(recur_file_read(from, tensor.name, values, tensor.count));
        OK(recur_file_add(to, &tensor, values));
    }
    size_t room = bytes + 100;
    unsigned char *turned = bytes_of((int64_t)room, 1);
    OK(recur_file_write_memory(to, turned, &room));
    FAILS(RECUR_E_UNSUPPORTED, recur_model_open_in_place(NULL, turned, room, 0, &layer),
          "behind the one before it");
    OK(recur_model_open_memory(NULL, turned, room, &layer));
    recur_layer_release(layer);
    recur_file_release(from);
    recur_file_release(to);
    give_back();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if POSSIBLE
        cmocka_unit_test(everything_comes_from_the_allocator),
#endif
        cmocka_unit_test(opening_takes_little),
        cmocka_unit_test(bad_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
