/* test_memory_failure_train.c - losses, optimizers and start values, with their n-th allocation
 * failing: test_memory_failure.c says how. */
#include "support/failure.h"

static const recur_loss_options WEIGHTED = { .size = sizeof WEIGHTED,
                                             .kind = RECUR_LOSS_CROSS_ENTROPY,
                                             .classes = 3,
                                             .class_weight = (const float[]){ 1, 2, 3 } };

MAKES(loss_create, loss, recur_loss_create(w->ctx, &WEIGHTED, &out))
MAKES(loss_create_sampled, loss, recur_loss_create(w->ctx, &SAMPLED, &out))
MAKES(optimizer_create, optimizer, recur_optimizer_create(w->ctx, &ADAM, 10, &out))

static recur_status sequences_with(world *w, recur_tape *tape)
{
    double value = 0;
    const recur_status status = recur_ctc_loss(
        w->ctc, w->packed, I, w->x, (const int32_t[]){ 1, 2, 1, 2 }, (const int64_t[B]){ 2, 0, 2 },
        &value, w->result, tape);
    w->result[N * I] = (float)value;
    return status;
}

static recur_status decode_with(world *w, recur_tape *tape)
{
    int32_t labels[N] = { 0 };
    int64_t lengths[B];
    const recur_status status = recur_ctc_decode(w->ctc, w->packed, I, w->x, 3, labels, lengths,
                                                 NULL, tape);
    for (int i = 0; i < N; i++) w->result[i] = (float)labels[i];
    return status;
}

static recur_status sampled_with(world *w, recur_tape *tape)
{
    double value = 0;
    const recur_status status = recur_loss_sampled(
        w->sampled, N, I, w->x, (const int32_t[N]){ 0, 1, 2, 3, 4, 0, 1, -1 },
        recur_layer_params(w->net), 5 * I, 1, 2, &value, w->result, NULL, tape);
    w->result[N * I] = (float)value;
    return status;
}

static recur_status loss_sequences(world *w) { return sequences_with(w, NULL); }
static recur_status loss_decode(world *w) { return decode_with(w, NULL); }
static recur_status loss_sampled(world *w) { return sampled_with(w, NULL); }
static recur_status loss_sequences_taped(world *w) { return sequences_with(w, w->tape); }
static recur_status loss_decode_taped(world *w) { return decode_with(w, w->tape); }
static recur_status loss_sampled_taped(world *w) { return sampled_with(w, w->tape); }

static recur_status optimizer_range(world *w)
{
    for (int64_t i = 0; i < 9; i++) {
        const recur_status status = recur_optimizer_scale_range(w->optimizer, i, 2, 0.5 + (double)i,
                                                                1);
        if (status) return status;
    }
    float params[10] = { 0 }, grads[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    OK(recur_optimizer_step(w->optimizer, params, grads, 10, 1));
    memcpy(w->result, params, sizeof params);
    return RECUR_OK;
}

static recur_status init_orthogonal(world *w)
{
    const recur_status status = recur_layer_init(w->net, NULL, RECUR_INIT_ORTHOGONAL, 1, 7);
    memcpy(w->result, recur_layer_params(w->net), sizeof w->result);
    return status;
}

static const call CALLS[] = {
    CALL(loss_create),           CALL(loss_create_sampled), CALL(optimizer_create),
    CALL(loss_sequences),        CALL(loss_decode),         CALL(loss_sampled),
    GROWS(loss_sequences_taped), GROWS(loss_decode_taped),  GROWS(loss_sampled_taped),
    GROWS(optimizer_range),      CALL(init_orthogonal),
};

static void every_allocation_fails(void **unused)
{
    (void)unused;
    every_allocation_of(CALLS, COUNT(CALLS));
}

static void one_allocation_each(void **unused)
{
    (void)unused;
    recur_status (*const makes[])(world * w) = { loss_create, optimizer_create };
    for (int i = 0; i < COUNT(makes); i++) {
        world *w = make_world();
        const int64_t before = w->count.allocations;
        OK(makes[i](w));
        assert_int_equal(w->count.allocations - before, 1);
        end_world(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_allocation_fails), TEST(one_allocation_each) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
