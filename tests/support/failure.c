/* failure.c - the world that calls work on, what can be seen of it, and the loop over allocations
 * that fail. */
#include "support/failure.h"

static const recur_loss_options CTC = { .size = sizeof CTC, .kind = RECUR_LOSS_CTC };

world *make_world(void)
{
    world *w = bytes_of(1, sizeof *w);
    memset(w, 0, sizeof *w);
    w->ctx = counting_context(&w->count, RECUR_ISA_AUTO);
    dice(1);
    recur_layer *parts[2] = { NULL };
    OK(recur_recurrent_create(w->ctx, &RNN, &parts[0]));
    OK(recur_linear_create(w->ctx, 2 * H, 2, 0, &parts[1]));
    w->net = chain(w->ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "rnn", "fc" },
                   parts);
    randomize(w->net, 0.5);
    OK(recur_layer_child(w->net, "rnn", &w->rnn, NULL));
    OK(recur_recurrent_create(w->ctx, &LINE, &w->line));
    randomize(w->line, 0.5);
    OK(recur_norm_create(w->ctx, H, 0, 0, &parts[0]));
    OK(recur_linear_create(w->ctx, H, I, 0, &parts[1]));
    w->back = chain(w->ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "norm", "fc" },
                    parts);
    randomize(w->back, 0.5);
    assert_in_range(recur_layer_param_count(w->net), 1, COUNT(w->grads));
    memcpy(w->x, randoms(N * I, 1), sizeof w->x);
    w->packed = layout(w->ctx, B, LENGTHS, 0);
    w->one = layout(w->ctx, B, NULL, 1);
    OK(recur_tape_create(w->ctx, &w->tape));
    OK(recur_tape_create(w->ctx, &w->full));
    OK(recur_state_create(w->net, B, &w->state));
    OK(recur_state_create(w->line, B, &w->line_state));
    OK(recur_cell_from_layer(w->line, &w->cell));
    OK(recur_layer_forward(w->net, w->packed, w->x, w->state, NULL, w->full));
    OK(recur_optimizer_create(w->ctx, &ADAM, 10, &w->optimizer));
    OK(recur_loss_create(w->ctx, &CTC, &w->ctc));
    OK(recur_loss_create(w->ctx, &SAMPLED, &w->sampled));
    OK(recur_file_open_memory(w->ctx, NULL, 0, &w->empty));
    OK(recur_file_open_memory(w->ctx, NULL, 0, &w->file));
    OK(recur_file_put_layer(w->file, "net.", w->net));
    OK(recur_file_put_optimizer(w->file, "adam.", w->optimizer));
    OK(recur_file_put_state(w->file, "state.", w->state));
    OK(recur_file_put_model(w->file, "model.", w->net,
                            &(recur_model_sample){ .size = sizeof(recur_model_sample),
                                                   .packed = w->packed,
                                                   .x = w->x }));
    OK(recur_file_write_memory(w->file, NULL, &w->saved_bytes));
    w->saved = bytes_of((int64_t)w->saved_bytes, 1);
    OK(recur_file_write_memory(w->file, w->saved, &w->saved_bytes));
    return w;
}

void end_world(world *w)
{
    w->count.until_failure = -1;
    recur_layer *const layers[] = { w->rnn, w->net, w->line, w->back };
    for (int i = 0; i < COUNT(layers); i++) recur_layer_release(layers[i]);
    recur_packed_release(w->packed);
    recur_packed_release(w->one);
    recur_tape_release(w->tape);
    recur_tape_release(w->full);
    recur_state_release(w->state);
    recur_state_release(w->line_state);
    recur_cell_release(w->cell);
    recur_optimizer_release(w->optimizer);
    recur_loss_release(w->ctc);
    recur_loss_release(w->sampled);
    recur_file_release(w->file);
    recur_file_release(w->empty);
    recur_context_release(w->ctx);
    if (w->count.blocks || w->count.mistakes)
        fail_msg("%d blocks leaked, %d mistakes", (int)w->count.blocks, (int)w->count.mistakes);
    give_back();
}

/* Sums up all that can be seen of all handles, which must not change in a failure. */
static double sight(world *w)
{
    double sum = 0, weight = 1;
    float values[2 * 2 * B * H];
    for (int64_t i = 0; i < recur_layer_param_count(w->net); i++)
        sum += (weight *= 1.01) * (double)recur_layer_params(w->net)[i];
    weight = 1;
    for (int s = 0; s < 2; s++) {
        recur_state *state = s ? w->line_state : w->state;
        const int64_t count = recur_state_count(state);
        OK(recur_state_read(state, 0, count, values));
        for (int64_t i = 0; i < count; i++) sum += (weight *= 1.02) * (double)values[i];
    }
    for (int64_t i = 0; i < COUNT(w->grads); i++) sum += (double)w->grads[i];
    sum += 1e3 * (double)recur_tape_records(w->full) + 2e3 * (double)recur_tape_records(w->tape);
    sum += 1e4 * (double)recur_packed_rows(w->packed) +
           1e5 * (double)recur_packed_batch(w->packed) + (double)recur_packed_row(w->packed, 1, 0);
    sum += 1e6 * (double)recur_file_tensor_count(w->file) +
           2e6 * (double)recur_file_metadata_count(w->file) +
           5e6 * (double)recur_file_tensor_count(w->empty);
    return sum;
}

/* Makes the call while allocation number n fails (and all later ones, unless `once`); false if
 * there were fewer. */
static bool fail_nth(const call *c, int64_t n, bool once, const float *want)
{
    world *w = make_world();
    const double before = sight(w);
    const size_t bytes = w->count.bytes;
    trying("%s, allocation %lld%s", c->name, (long long)n, once ? " alone" : "");
    support_forget();
    w->count.until_failure = n;
    w->count.once = once;
    const recur_status status = c->make(w);
    const bool failed = w->count.refusals > 0;
    w->count.until_failure = -1;
    if (failed && status) {
        support_fails(RECUR_E_MEMORY, status, "", c->name, __FILE__, __LINE__);
        if (fabs(sight(w) - before) > 0)
            fail_msg("%s: a failure at allocation %lld changed a handle", c->name, (long long)n);
        if (!c->keeps) assert_int_equal(w->count.bytes, bytes);
        OK(c->make(w));
    } else if (status || (failed && !once)) {
        fail_msg("%s: allocation %lld failed, the call gave %s", c->name, (long long)n,
                 recur_status_name(status));
    }
    assert_memory_equal(w->result, want, sizeof w->result);
    end_world(w);
    return failed;
}

void every_allocation_of(const call *calls, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float want[RESULT];
        world *w = make_world();
        trying("%s", calls[i].name);
        const int64_t before = w->count.allocations;
        OK(calls[i].make(w));
        const int64_t allocations = w->count.allocations - before;
        memcpy(want, w->result, sizeof want);
        end_world(w);
        for (int once = 0; once < 2; once++) {
            int64_t n = 0;
            while (fail_nth(&calls[i], n, once, want)) n++;
            assert_true(n >= allocations);
        }
    }
}
