/* test_laws_options.c - laws of two ways to ask for the same: ids and one-hot rows, cell and layer,
 * part and whole, copy and original, NULL and zeros, any instruction set and any number of threads.
 * They hold for every kind, on every instruction set. */
#include "support/support.h"

enum { I = 5, H = 7, B = 4 };
static const int64_t LENGTHS[B] = { 3, 0, 5, 2 };
enum { N = 10 };

typedef struct subject {
    recur_context *ctx;
    const kind_row *kind;
    recur_layer *layer;
    recur_packed *packed;
    recur_recurrent_options options;
    int64_t O, S, P;
    float *x, *dy, *s0, *dsn;
} subject;

static subject make(recur_context *ctx, int k, int direction)
{
    subject q = { .ctx = ctx, .kind = &KINDS[k] };
    q.options = options_of(q.kind, I, H, 2, direction, 0);
    const state_shape shape = shape_of(&q.options, B);
    trying("%s %s", recur_context_isa(ctx), q.kind->name);
    OK(recur_recurrent_create(ctx, &q.options, &q.layer));
    randomize(q.layer, 0.5);
    q.packed = layout(ctx, B, LENGTHS, 0);
    q.O = shape.width * (direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    q.S = shape.floats;
    q.P = recur_layer_param_count(q.layer);
    q.x = randoms(N * I, 1);
    q.dy = randoms(N * q.O, 1);
    q.s0 = random_state(&q.options, B, 1);
    q.dsn = randoms(q.S, 1);
    return q;
}

static run play(const subject *q, const float *s0, const float *dy, const float *dsn)
{
    run r = { .packed = q->packed,
              .x = q->x,
              .s0 = s0,
              .dy = dy,
              .dsn = dsn,
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(q->ctx, q->layer, &r);
    return r;
}

static void done(subject *q)
{
    recur_packed_release(q->packed);
    recur_layer_release(q->layer);
    give_back();
}

typedef void law(recur_context *ctx, int k);

static void everywhere(law *check)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < COUNT(KINDS); k++) {
            dice((uint64_t)k + 61);
            check(ctx, k);
        }
}

/* backward(2 a + b) = 2 backward(a) + backward(b). */
static void backward_is_linear(recur_context *ctx, int k)
{
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    const float *dy2 = randoms(N * q.O, 1), *dsn2 = randoms(q.S, 1);
    float *dy = floats(N * q.O), *dsn = floats(q.S);
    for (int64_t i = 0; i < N * q.O; i++) dy[i] = 2 * q.dy[i] + dy2[i];
    for (int64_t i = 0; i < q.S; i++) dsn[i] = 2 * q.dsn[i] + dsn2[i];
    const run a = play(&q, q.s0, q.dy, q.dsn), b = play(&q, q.s0, dy2, dsn2),
              both = play(&q, q.s0, dy, dsn);
    double *want = doubles(q.P);
    for (int64_t i = 0; i < q.P; i++) want[i] = 2 * (double)a.dparams[i] + (double)b.dparams[i];
    check_close("dparams", q.P, both.dparams, want, GRADIENTS);
    want = doubles(N * I);
    for (int64_t i = 0; i < N * I; i++) want[i] = 2 * (double)a.dx[i] + (double)b.dx[i];
    check_close("dx", N * I, both.dx, want, GRADIENTS);
    done(&q);
}

/* NULL means zeros for the initial state unless it is learned, for dy, and for the gradient of the
 * final state. An output that is not wanted changes no other. */
static void null_is_zeros(recur_context *ctx, int k)
{
    if (KINDS[k].with.flags & RECUR_LAYER_LEARN_INITIAL_STATE) return;
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    const run with = play(&q, zeros(q.S), q.dy, zeros(q.S)), without = play(&q, NULL, q.dy, NULL);
    check_same("y", N * q.O, without.y, with.y);
    check_same("dparams", q.P, without.dparams, with.dparams);
    check_same("dx", N * I, without.dx, with.dx);
    const run no_dy = play(&q, q.s0, NULL, q.dsn), zero_dy = play(&q, q.s0, zeros(N * q.O), q.dsn);
    check_same("dparams without dy", q.P, no_dy.dparams, zero_dy.dparams);
    check_same("grad of state without dy", q.S, no_dy.ds0, zero_dy.ds0);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    float *dx = floats(N * I), *grads = zeros(q.P);
    for (int i = 0; i < 3; i++) OK(recur_layer_forward(q.layer, q.packed, q.x, NULL, NULL, tape));
    OK(recur_layer_backward(q.layer, q.packed, q.x, q.dy, NULL, NULL, grads, tape));
    check_same("dparams without dx", q.P, grads, with.dparams);
    OK(recur_layer_backward(q.layer, q.packed, q.x, q.dy, NULL, dx, NULL, tape));
    check_same("dx without dparams", N * I, dx, with.dx);
    OK(recur_layer_backward(q.layer, q.packed, q.x, q.dy, NULL, NULL, grads, tape));
    for (int64_t i = 0; i < q.P; i++) grads[i] /= 2;
    check_near("dparams of two passes", q.P, grads, with.dparams, GRADIENTS);
    recur_tape_release(tape);
    done(&q);
}

/* An id gives what the one-hot row of that index gives. */
static void ids_equal_one_hot_rows(recur_context *ctx, int k)
{
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    run by_id = { .packed = q.packed,
                  .ids = random_ids(N, I),
                  .s0 = q.s0,
                  .dy = q.dy,
                  .dsn = q.dsn,
                  .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    memset(q.x, 0, N * I * sizeof(float));
    for (int64_t row = 0; row < N; row++) q.x[row * I + by_id.ids[row]] = 1;
    run_both(ctx, q.layer, &by_id);
    const run by_row = play(&q, q.s0, q.dy, q.dsn);
    check_near("y", N * q.O, by_id.y, by_row.y, OUTPUTS);
    check_near("dparams", q.P, by_id.dparams, by_row.dparams, GRADIENTS);
    check_near("grad of state", q.S, by_id.ds0, by_row.ds0, GRADIENTS);
    done(&q);
}

enum { BY_HAND = 4 }; /* steps */

/* One loop over a cell, forward and backward, equals one pass of its layer. */
static void check_cell_loop(recur_context *ctx, recur_layer *layer,
                            const recur_recurrent_options *options, int64_t batch, recur_tape *tape)
{
    const int64_t T = BY_HAND;
    recur_packed *packed = layout(ctx, batch, NULL, T);
    const state_shape shape = shape_of(options, batch);
    const int64_t S = shape.floats, O = shape.width, P = recur_layer_param_count(layer);
    run r = { .packed = packed,
              .x = randoms(T * batch * I, 1),
              .s0 = random_state(options, batch, 1),
              .dy = randoms(T * batch * O, 1),
              .dsn = randoms(S, 1),
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(ctx, layer, &r);
    recur_cell *cell = NULL;
    recur_state *state = NULL;
    OK(recur_cell_from_layer(layer, &cell));
    OK(recur_state_create(layer, batch, &state));
    OK(recur_state_write(state, 0, S, r.s0));
    float *y = floats(T * batch * O), *dx = floats(T * batch * I), *s = floats(S),
          *grads = zeros(P);
    for (int64_t t = 0; t < T; t++)
        OK(recur_cell_step(cell, r.x + t * batch * I, state, y + t * batch * O, tape));
    OK(recur_state_read(state, 0, S, s));
    check_near("y", T * batch * O, y, r.y, OUTPUTS);
    check_near("final state", S, s, r.sn, OUTPUTS);
    OK(recur_state_write(state, 0, S, r.dsn));
    for (int64_t t = T - 1; t >= 0; t--)
        OK(recur_cell_step_backward(cell, r.x + t * batch * I, r.dy + t * batch * O, state,
                                    dx + t * batch * I, grads, tape));
    OK(recur_state_read(state, 0, S, s));
    check_near("dx", T * batch * I, dx, r.dx, GRADIENTS);
    check_near("dparams", P, grads, r.dparams, GRADIENTS);
    check_near("grad of state", S, s, r.ds0, GRADIENTS);
    recur_state_release(state);
    recur_cell_release(cell);
    recur_packed_release(packed);
}

/* The tape drops its repacked parameters with the last record of a loop: the next loop sees new
 * parameters. */
static void cell_steps_equal_pass(recur_context *ctx, int k)
{
    const recur_recurrent_options options = options_of(&KINDS[k], I, H, 1, RECUR_DIRECTION_FORWARD,
                                                       RECUR_LAYER_CELL_NAMES);
    recur_layer *layer = NULL;
    recur_tape *tape = NULL;
    OK(recur_recurrent_create(ctx, &options, &layer));
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    for (int64_t batch = 1; batch <= B; batch += B - 1) {
        trying("%s %s, batch %d", recur_context_isa(ctx), KINDS[k].name, (int)batch);
        randomize(layer, 0.5);
        check_cell_loop(ctx, layer, &options, batch, tape);
    }
    recur_tape_release(tape);
    recur_layer_release(layer);
    give_back();
}

/* Rows of a linear layer that are run one by one, forward and backward, equal all rows in one pass.
 * The second round has new parameters. */
static void linear_rows_equal_steps(void **unused)
{
    (void)unused;
    enum { R = 5, IN = 37, OUT = 19 };
    recur_context *ctx = NULL;
    while ((ctx = next_context(ctx))) {
        recur_layer *layer = NULL;
        recur_tape *tape = NULL;
        OK(recur_linear_create(ctx, IN, OUT, 0, &layer));
        OK(recur_tape_create(ctx, &tape));
        recur_packed *packed = layout(ctx, R, NULL, 1), *one = layout(ctx, 1, NULL, 1);
        const int64_t P = recur_layer_param_count(layer);
        for (int round = 0; round < 2; round++) {
            trying("%s round %d", recur_context_isa(ctx), round);
            randomize(layer, 0.5);
            run r = { .packed = packed,
                      .x = randoms(R * IN, 1),
                      .dy = randoms(R * OUT, 1),
                      .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
            run_both(ctx, layer, &r);
            float *y = floats(R * OUT), *dx = floats(R * IN), *grads = zeros(P);
            for (int64_t n = 0; n < R; n++)
                OK(recur_layer_forward(layer, one, r.x + n * IN, NULL, y + n * OUT, tape));
            for (int64_t n = R - 1; n >= 0; n--)
                OK(recur_layer_backward(layer, one, r.x + n * IN, r.dy + n * OUT, NULL, dx + n * IN,
                                        grads, tape));
            check_near("y", R * OUT, y, r.y, OUTPUTS);
            check_near("dx", R * IN, dx, r.dx, GRADIENTS);
            check_near("dparams", P, grads, r.dparams, GRADIENTS);
        }
        recur_packed_release(packed);
        recur_packed_release(one);
        recur_tape_release(tape);
        recur_layer_release(layer);
        give_back();
    }
}

/* A snapshot gives what its original gave at that moment, in passes and steps, on rows and ids. */
static void snapshot_equals_original(recur_context *ctx, int k)
{
    for (int direction = 0; direction < 3; direction++) {
        subject q = make(ctx, k, direction);
        run r = { .packed = q.packed, .x = q.x, .s0 = q.s0 };
        run i = { .packed = q.packed, .ids = random_ids(N, I) };
        run_forward(q.layer, &r);
        run_forward(q.layer, &i);
        run r2 = r, i2 = i;
        recur_state *state = NULL, *other = NULL;
        float *y = floats(B * q.O), *y2 = floats(B * q.O);
        OK(recur_state_create(q.layer, B, &state));
        if (direction == RECUR_DIRECTION_FORWARD)
            OK(recur_layer_step(q.layer, q.x, state, y, NULL));
        recur_layer *snapshot = NULL;
        OK(recur_layer_snapshot(q.layer, RECUR_PRECISION_FLOAT32, &snapshot));
        randomize(q.layer, 0.5);
        assert_int_equal(recur_layer_param_count(snapshot), q.P);
        assert_null(recur_layer_params(snapshot));
        run_forward(snapshot, &r2);
        run_forward(snapshot, &i2);
        check_near("y", N * q.O, r2.y, r.y, OUTPUTS);
        check_near("y of ids", N * q.O, i2.y, i.y, OUTPUTS);
        check_near("final state", q.S, r2.sn, r.sn, OUTPUTS);
        OK(recur_state_create(snapshot, B, &other));
        if (direction == RECUR_DIRECTION_FORWARD) {
            OK(recur_layer_step(snapshot, q.x, other, y2, NULL));
            check_near("a step", B * q.O, y2, y, OUTPUTS);
        }
        recur_state_release(state);
        recur_state_release(other);
        recur_layer_release(snapshot);
        done(&q);
    }
}

/* A file gives back what went into it, bit for bit, the ends of the range too. */
static void file_gives_back_parameters(recur_context *ctx, int k)
{
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    recur_layer_params(q.layer)[1] = 1e-45f;
    recur_layer_params(q.layer)[2] = -3.40282347e38f;
    recur_layer_params(q.layer)[3] = -0.0f;
    recur_file *file = NULL, *again = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    OK(recur_file_put_layer(file, "m.", q.layer));
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    void *data = bytes_of((int64_t)bytes, 1);
    OK(recur_file_write_memory(file, data, &bytes));
    OK(recur_file_open_memory(ctx, data, bytes, &again));
    const float *before = copy_of(q.P, recur_layer_params(q.layer));
    randomize(q.layer, 1);
    OK(recur_file_get_layer(again, "m.", q.layer));
    OK(recur_file_all_used(again));
    check_same("params", q.P, recur_layer_params(q.layer), before);
    recur_file_release(file);
    recur_file_release(again);
    done(&q);
}

/* Running the parts of a whole by hand gives what running the whole gives. */
static void parts_by_hand_equal_whole(recur_context *ctx, int k)
{
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    recur_layer *parts[2] = { q.layer }, *whole = NULL, *rnn = NULL, *fc = NULL;
    OK(recur_linear_create(ctx, q.O, 3, 0, &parts[1]));
    randomize(parts[1], 0.5);
    OK(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "rnn", "fc" },
                            parts, &whole));
    recur_layer_release(parts[1]);
    int64_t at_rnn = -1, at_fc = -1;
    OK(recur_layer_child(whole, "rnn", &rnn, &at_rnn));
    OK(recur_layer_child(whole, "fc", &fc, &at_fc));
    run all = { .packed = q.packed,
                .x = q.x,
                .s0 = q.s0,
                .dy = randoms(N * 3, 1),
                .dsn = q.dsn,
                .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(ctx, whole, &all);
    run first = { .packed = q.packed, .x = q.x, .s0 = q.s0, .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_forward(rnn, &first);
    run second = { .packed = q.packed, .x = first.y, .dy = all.dy };
    run_both(ctx, fc, &second);
    first.dy = second.dx;
    first.dsn = q.dsn;
    run_both(ctx, rnn, &first);
    check_near("y", N * 3, second.y, all.y, OUTPUTS);
    check_near("dx", N * I, first.dx, all.dx, GRADIENTS);
    check_near("dparams rnn", q.P, first.dparams, all.dparams + at_rnn, GRADIENTS);
    check_near("dparams fc", recur_layer_param_count(fc), second.dparams, all.dparams + at_fc,
               GRADIENTS);
    check_near("final state", q.S, first.sn, all.sn, OUTPUTS);
    check_near("grad of state", q.S, first.ds0, all.ds0, GRADIENTS);
    recur_layer_release(whole);
    recur_layer_release(fc);
    recur_layer_release(rnn);
    done(&q);
}

/* Any number of threads gives the same bits as one. */
static void threads_change_no_bit(recur_context *ctx, int k)
{
    static const char *const names[] = { "auto",   "ref",  "sse2", "avx2",
                                         "avx512", "neon", "vec4", "avx2_exact" };
    recur_context_options options = { .size = sizeof options };
    while (strcmp(names[options.isa], recur_context_isa(ctx)) != 0) options.isa++;
    subject q = make(ctx, k, RECUR_DIRECTION_BIDIRECTIONAL);
    const run one = play(&q, q.s0, q.dy, q.dsn);
    for (options.threads = 2; options.threads <= 5; options.threads++) {
        recur_context *many = NULL;
        OK(recur_context_create(&options, &many));
        recur_layer *layer = NULL;
        OK(recur_recurrent_create(many, &q.options, &layer));
        memcpy(recur_layer_params(layer), recur_layer_params(q.layer), (size_t)q.P * sizeof(float));
        run r = { .packed = q.packed,
                  .x = q.x,
                  .s0 = q.s0,
                  .dy = q.dy,
                  .dsn = q.dsn,
                  .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
        run_both(many, layer, &r);
        check_same("y", N * q.O, r.y, one.y);
        check_same("final state", q.S, r.sn, one.sn);
        check_same("dx", N * I, r.dx, one.dx);
        check_same("dparams", q.P, r.dparams, one.dparams);
        recur_layer_release(layer);
        recur_context_release(many);
    }
    done(&q);
}

/* In these layers a NaN of the input may be missing in some gradients: derivatives of kinks do not
 * show it, only dW = da x does; and initial states that are not used do not show it. */
static bool is_blind(const recur_recurrent_options *o)
{
    return o->flags & RECUR_LAYER_LEARN_INITIAL_STATE || has_kink(o->cell) ||
           o->preactivation_clip > 0 || o->cell_clip > 0 || o->gate_activation;
}

/* A NaN goes on through the rest of its own sequence and into the gradients, and nowhere else. */
static void nan_propagates(recur_context *ctx, int k)
{
    if (KINDS[k].cell == RECUR_CELL_CLOCKWORK) return; /* units that do not update do not see it */
    subject q = make(ctx, k, RECUR_DIRECTION_FORWARD);
    q.x[recur_packed_row(q.packed, 2, 2) * I + 3] = NAN;
    /* Of sequence 3, which so is NaN from its first step on. A kind with c and no U never reads h.
     */
    const int64_t c = shape_of(&q.options, B).h;
    q.s0[!has_U(q.options.cell) && q.S > c ? c + 3 * H : 3 * q.O] = NAN;
    const run r = play(&q, q.s0, q.dy, q.dsn);
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < LENGTHS[b]; t++)
            for (int64_t i = 0; i < q.O; i++) {
                const bool from_h = b == 3, from_x = b == 2 && t >= 2;
                const float y = r.y[recur_packed_row(q.packed, b, t) * q.O + i];
                if (!isnan(y) != !(from_h || from_x))
                    fail_msg("sequence %d step %d unit %d is %g", (int)b, (int)t, (int)i,
                             (double)y);
            }
    int64_t numbers = 0;
    for (int64_t i = 0; i < I; i++)
        numbers += !isnan(r.dx[recur_packed_row(q.packed, 2, 2) * I + i]);
    for (int64_t i = 0; i < q.P; i++) numbers += !isnan(r.dparams[i]);
    if (is_blind(&q.options) ? numbers == I + q.P : numbers > 0)
        fail_msg("%s: %d gradients hide the NaN", q.kind->name, (int)numbers);
    for (int64_t i = 0; i < I; i++)
        assert_int_equal(isnan(r.dx[recur_packed_row(q.packed, 0, 1) * I + i]), 0);
    done(&q);
}

#define LAW(name)                         \
    static void law_##name(void **unused) \
    {                                     \
        (void)unused;                     \
        everywhere(name);                 \
    }

LAW(backward_is_linear)
LAW(null_is_zeros)
LAW(ids_equal_one_hot_rows)
LAW(cell_steps_equal_pass)
LAW(snapshot_equals_original)
LAW(file_gives_back_parameters)
LAW(parts_by_hand_equal_whole)
LAW(threads_change_no_bit)
LAW(nan_propagates)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(law_backward_is_linear),
        TEST(law_null_is_zeros),
        TEST(law_ids_equal_one_hot_rows),
        TEST(law_cell_steps_equal_pass),
        TEST(law_snapshot_equals_original),
        TEST(law_file_gives_back_parameters),
        TEST(law_parts_by_hand_equal_whole),
        TEST(law_threads_change_no_bit),
        TEST(law_nan_propagates),
        TEST(linear_rows_equal_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
