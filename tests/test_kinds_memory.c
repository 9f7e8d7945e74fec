/* test_kinds_memory.c - every kind and option, traced and in training, with its n-th allocation
 * failing, n = 1, 2, 3 ... */
#include "support/support.h"

enum { I = 3, H = 6, B = 3, N = 8, MOST = 4000 };
static const int64_t LENGTHS[B] = { 3, 1, 4 };

/* All handles that a layer is used with, and what comes out: y, gradients, a step of a snapshot. */
typedef struct life {
    recur_layer *layer, *snapshot;
    recur_packed *packed;
    recur_tape *tape;
    recur_state *state, *stream;
    float x[N * I], y[N * 2 * H], dx[N * I], grads[MOST], step[B * H];
    int64_t traces;
} life;

static void count_traces(const recur_trace *trace, void *user)
{
    (void)trace;
    ((life *)user)->traces++;
}

#define GO(call)                       \
    do {                               \
        const recur_status s = (call); \
        if (s) return s;               \
    } while (0)

static recur_status live(recur_context *ctx, const recur_recurrent_options *options, life *l)
{
    GO(recur_recurrent_create(ctx, options, &l->layer));
    assert_in_range(recur_layer_param_count(l->layer), 1, MOST);
    dice(4);
    randomize(l->layer, 0.5);
    GO(recur_packed_create(ctx, B, LENGTHS, 0, &l->packed));
    GO(recur_tape_create(ctx, &l->tape));
    GO(recur_tape_trace(l->tape, count_traces, l));
    GO(recur_state_create(l->layer, B, &l->state));
    GO(recur_layer_forward(l->layer, l->packed, l->x, l->state, l->y, l->tape));
    GO(recur_state_reset(l->state, -1));
    GO(recur_layer_backward(l->layer, l->packed, l->x, l->y, l->state, l->dx, l->grads, l->tape));
    GO(recur_layer_snapshot(l->layer, RECUR_PRECISION_FLOAT32, &l->snapshot));
    if (options->direction != RECUR_DIRECTION_FORWARD) return RECUR_OK;
    GO(recur_state_create(l->snapshot, B, &l->stream));
    return recur_layer_step(l->snapshot, l->x, l->stream, l->step, NULL);
}

static recur_status live_with(const recur_recurrent_options *options, int64_t allocations, life *l)
{
    counter count;
    recur_context *ctx = counting_context(&count, RECUR_ISA_AUTO);
    dice(3);
    memset(l, 0, sizeof *l);
    memcpy(l->x, randoms(N * I, 1), sizeof l->x);
    count.until_failure = allocations;
    const recur_status status = live(ctx, options, l);
    count.until_failure = -1;
    recur_state_release(l->stream);
    recur_state_release(l->state);
    recur_tape_release(l->tape);
    recur_packed_release(l->packed);
    recur_layer_release(l->snapshot);
    recur_layer_release(l->layer);
    recur_context_release(ctx);
    if (count.blocks || count.mistakes)
        fail_msg("allocation %d: %d blocks leaked, %d mistakes", (int)allocations,
                 (int)count.blocks, (int)count.mistakes);
    give_back();
    return status;
}

static void every_allocation_fails(void **unused)
{
    (void)unused;
    static life want, got;
    for (int k = 0; k < COUNT(KINDS); k++) {
        kind_row kind = KINDS[k];
        kind.with.dropout = 0.25;
        kind.with.recurrent_dropout = has_U(kind.cell) ? 0.25 : 0;
        const int direction = k % 2 ? RECUR_DIRECTION_BIDIRECTIONAL : RECUR_DIRECTION_FORWARD;
        const recur_recurrent_options options = options_of(&kind, I, H, 2, direction, 0);
        assert_int_equal(live_with(&options, -1, &want), RECUR_OK);
        assert_int_equal(want.traces, direction ? 8 : 4);
        int64_t n = 0;
        for (recur_status status = RECUR_E_MEMORY; status; n++) {
            status = live_with(&options, n, &got);
            if (status && status != RECUR_E_MEMORY)
                fail_msg("%s: allocation %d gives %s", kind.name, (int)n, recur_last_error());
        }
        assert_in_range(n, 7, 100);
        check_same("y", N * 2 * H, got.y, want.y);
        check_same("dx", N * I, got.dx, want.dx);
        check_same("dparams", MOST, got.grads, want.grads);
        check_same("a step", B * H, got.step, want.step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_allocation_fails) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
