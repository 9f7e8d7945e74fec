/* test_stack.c - what a thread needs of stack: passes, steps and losses take at most 16 KiB of it
 * here, and run in a thread that has 32 KiB, in a build without BLAS. */
#include "support/support.h"

#include <pthread.h>

#ifdef RECUR__CHECKED
enum { POSSIBLE = 0 }; /* frames are larger */
#else
enum { POSSIBLE = 1 };
#endif

/* Beside that OpenBLAS has 60 KiB of variables in every thread, which glibc takes from the stack.
 */
#ifdef RECUR__BLAS
enum { STACK = 96 << 10 };
#else
enum { STACK = 32 << 10 };
#endif
enum { PROMISED = 16 << 10, T = 5, B = 5, I = 20, FILL = 0x5A };

/* What a thread does; checks that fail, which take more, come afterwards. */
typedef struct job {
    recur_context *ctx;
    recur_layer *layer;
    recur_packed *packed;
    recur_tape *tape;
    recur_state *state;
    const float *x, *dy;
    float *y, *dx, *dparams;
    bool steps;
    recur_status status;
} job;

static void *nothing(void *unused) { return unused; }

static void *train(void *argument)
{
    job *j = argument;
    j->status = recur_layer_forward(j->layer, j->packed, j->x, NULL, j->y, j->tape);
    if (j->status == RECUR_OK)
        j->status = recur_layer_backward(j->layer, j->packed, j->x, j->dy, NULL, j->dx, j->dparams,
                                         j->tape);
    if (j->status == RECUR_OK && j->steps)
        j->status = recur_layer_step(j->layer, j->x, j->state, j->y, NULL);
    return NULL;
}

/* Bytes of its stack that a thread has written to. */
static int64_t stack_of(void *(*does)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *stack = NULL;
    assert_int_equal(posix_memalign(&stack, 64 << 10, STACK), 0);
    memset(stack, FILL, STACK);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, does, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    int64_t untouched = 0;
    while (untouched < STACK && ((unsigned char *)stack)[untouched] == FILL) untouched++;
    free(stack);
    return STACK - untouched;
}

static void check(recur_context *ctx, const kind_row *kind, int64_t H, int direction)
{
    job j = { .ctx = ctx };
    recur_layer *part[2] = { recurrent_of(ctx, kind, I, H, 2, direction, 0) };
    static const char *const names[] = { "rnn", "head" };
    OK(recur_linear_create(ctx, info_of(part[0], -1).output_size, 33, 0, &part[1]));
    j.layer = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
    j.steps = direction == RECUR_DIRECTION_FORWARD;
    j.packed = layout(ctx, B, NULL, T);
    randomize(j.layer, 0.2);
    OK(recur_tape_create(ctx, &j.tape));
    OK(recur_state_create(j.layer, B, &j.state));
    j.x = randoms(T * B * I, 1);
    j.dy = randoms(T * B * 33, 1);
    j.y = floats(T * B * 33);
    j.dx = floats(T * B * I);
    j.dparams = zeros(recur_layer_param_count(j.layer));
    const int64_t idle = stack_of(nothing, NULL), bytes = stack_of(train, &j) - idle;
    OK(j.status);
    if (bytes > PROMISED)
        fail_msg("%s on %s, H %d, takes %d bytes of stack; %d are promised", kind->name,
                 recur_context_isa(ctx), (int)H, (int)bytes, PROMISED);
    recur_state_release(j.state);
    recur_tape_release(j.tape);
    recur_packed_release(j.packed);
    recur_layer_release(j.layer);
    give_back();
}

static void every_kind_in_a_small_thread(void **unused)
{
    (void)unused;
    static const int64_t widths[] = { 4, 20, 70 };
    for (recur_context *ctx = NULL; POSSIBLE && (ctx = next_context(ctx));) {
        dice(51);
        for (int k = 0; k < ROWS; k++)
            for (int h = 0; h < COUNT(widths); h++) {
                trying("%s, H %d", KINDS[k].name, (int)widths[h]);
                check(ctx, &KINDS[k], widths[h],
                      k % 2 ? RECUR_DIRECTION_BIDIRECTIONAL : RECUR_DIRECTION_FORWARD);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_kind_in_a_small_thread) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
