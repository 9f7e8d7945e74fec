/* test_trace.c - what a trace shows: the numbers of the textbook, step by step; and that it changes
 * nothing. */
#include "support/support.h"

enum { I = 3, H = 5, L = 2, B = 4, N = 12, MOST = 16 };
static const int64_t LENGTHS[B] = { 3, 0, 5, 4 };

/* A copy of what a trace was given. */
typedef struct shown {
    recur_trace trace;
    char part[32];
    float *gate, *c, *h, *dh; /* [N][gates][H], [N][H], [N][width]: h without its stride */
    double *norm;
} shown;

typedef struct album {
    int64_t width, count; /* of h; pictures */
    shown picture[MOST];
} album;

static float *rows_of(const float *from, int64_t rows, int64_t width, int64_t stride)
{
    if (!from) return NULL;
    float *to = floats(rows * width);
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + r * width, from + r * stride, (size_t)width * sizeof *to);
    return to;
}

static void keep(const recur_trace *t, void *user)
{
    album *a = user;
    if (a->count == MOST) fail_msg("more than %d traces", MOST);
    shown *s = &a->picture[a->count++];
    assert_int_equal(t->size, sizeof *t);
    assert_in_range(t->h_stride, a->width, 1000);
    s->trace = *t;
    snprintf(s->part, sizeof s->part, "%s", t->part);
    s->gate = rows_of(t->gate, t->rows, t->gates * t->hidden_size, t->gates * t->hidden_size);
    s->c = rows_of(t->c, t->rows, t->hidden_size, t->hidden_size);
    s->h = rows_of(t->h, t->rows, a->width, t->h_stride);
    s->dh = rows_of(t->dh, t->rows, a->width, a->width);
    s->norm = t->norm ? doubles(t->steps) : NULL;
    for (int64_t i = 0; s->norm && i < t->steps; i++) s->norm[i] = t->norm[i];
}

static recur_tape *tape_of(recur_context *ctx, int mode, album *a)
{
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, mode));
    if (a) OK(recur_tape_trace(tape, keep, a));
    return tape;
}

/* ---- a pass --------------------------------------------------------------------------------- */

typedef struct subject {
    recur_context *ctx;
    recur_recurrent_options options;
    state_shape shape;
    recur_layer *layer;
    recur_packed *packed;
    int64_t D, O, P;
    float *x, *dy, *s0, *dsn; /* joined; states */
} subject;

static subject make(recur_context *ctx, const kind_row *kind, int direction)
{
    subject q = { .ctx = ctx, .options = options_of(kind, I, H, L, direction, 0) };
    q.shape = shape_of(&q.options, B);
    q.D = direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    q.O = q.D * q.shape.width;
    OK(recur_recurrent_create(ctx, &q.options, &q.layer));
    randomize(q.layer, 0.7);
    q.packed = layout(ctx, B, LENGTHS, 0);
    q.P = recur_layer_param_count(q.layer);
    q.x = randoms(N * I, 1);
    q.dy = randoms(N * q.O, 1);
    q.s0 = random_state(&q.options, B, 1);
    q.dsn = randoms(q.shape.floats, 1);
    return q;
}

static void done(subject *q)
{
    recur_packed_release(q->packed);
    recur_layer_release(q->layer);
    give_back();
}

/* Runs a pass, and gives all that comes out of it in one vector. */
static float *play(const subject *q, int mode, album *a, int64_t *count)
{
    const int64_t Y = N * q->O, X = N * I, S = q->shape.floats;
    float *all = zeros(*count = Y + X + 2 * S + q->P), *y = all, *dx = y + Y, *sn = dx + X,
          *ds0 = sn + S, *dparams = ds0 + S;
    const float *x = packed_of(q->packed, RECUR_LAYOUT_JOINED, I, q->x),
                *dy = packed_of(q->packed, RECUR_LAYOUT_JOINED, q->O, q->dy);
    recur_tape *tape = tape_of(q->ctx, mode, a);
    recur_state *state = NULL;
    OK(recur_state_create(q->layer, B, &state));
    OK(recur_state_write(state, 0, S, q->s0));
    OK(recur_layer_forward(q->layer, q->packed, x, state, y, tape));
    OK(recur_state_read(state, 0, S, sn));
    if (recur_tape_records(tape)) {
        OK(recur_state_write(state, 0, S, q->dsn));
        OK(recur_layer_backward(q->layer, q->packed, x, dy, state, dx, dparams, tape));
        OK(recur_state_read(state, 0, S, ds0));
    }
    recur_state_release(state);
    recur_tape_release(tape);
    return all;
}

/* A trace changes no bit, in training with dropout of every sort too. */
static void a_trace_changes_nothing(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < COUNT(KINDS); k++)
            for (int mode = RECUR_TAPE_TRAIN; mode <= RECUR_TAPE_RECORD_NO_DROPOUT; mode++) {
                kind_row kind = KINDS[k];
                dice((uint64_t)k);
                trying("%s %s mode %d", recur_context_isa(ctx), kind.name, mode);
                kind.with.dropout = 0.3;
                kind.with.recurrent_dropout = has_U(kind.cell) ? 0.3 : 0;
                subject q = make(ctx, &kind, k % 3);
                album a = { .width = q.shape.width };
                int64_t count;
                const float *want = play(&q, mode, NULL, &count), *got = play(&q, mode, &a, &count);
                check_same("results", count, got, want);
                assert_int_equal(a.count, mode == RECUR_TAPE_EVALUATE ? 0 : 2 * L * q.D);
                done(&q);
            }
}

/* ---- the textbook --------------------------------------------------------------------------- */

typedef struct textbook {
    naive_recurrent net;
    double *gates, *c, *h, *dh; /* [LD][N][4H], [LD][N][H], [LD][N][R], [LD][N][R] */
} textbook;

static textbook ask(const subject *q)
{
    textbook t = { .net = textbook_of(&q->options) };
    const int64_t S = q->shape.floats, half = q->shape.h, LD = L * q->D;
    const double *s0 = widen(S, q->s0), *dsn = widen(S, q->dsn);
    double *sn = doubles(S);
    t.gates = doubles(LD * N * 4 * H);
    t.c = doubles(LD * N * H);
    t.h = doubles(LD * N * q->shape.width);
    t.dh = doubles(LD * N * q->shape.width);
    naive_pass p = { .B = B,
                     .lengths = LENGTHS,
                     .params = widen(q->P, recur_layer_params(q->layer)),
                     .x = widen(N * I, q->x),
                     .h0 = s0,
                     .c0 = s0 + half,
                     .dy = widen(N * q->O, q->dy),
                     .dhn = dsn,
                     .dcn = dsn + half,
                     .y = doubles(N * q->O),
                     .hn = sn,
                     .cn = sn + half,
                     .all_gates = t.gates,
                     .all_c = t.c,
                     .all_h = t.h,
                     .all_dh = t.dh };
    naive_differences(&t.net, &p);
    return t;
}

static void check_rows(const subject *q, const char *what, const float *got, const double *want,
                       int64_t width, tolerance allowed)
{
    check_close(what, N * width, unpacked(q->packed, RECUR_LAYOUT_JOINED, width, got), want,
                allowed);
}

static void check_forward(const subject *q, const shown *s, const textbook *want, int64_t m)
{
    const int64_t G = s->trace.gates, R = q->shape.width;
    const double *gates = want->gates + m * N * 4 * H;
    double *some = doubles(N * G * H); /* a GRU's m may not be among them */
    assert_true(G >= naive_gates(want->net.kind) && G <= 4);
    for (int64_t r = 0; r < N; r++)
        memcpy(some + r * G * H, gates + r * 4 * H, (size_t)(G * H) * sizeof *some);
    check_rows(q, "h", s->h, want->h + m * N * R, R, OUTPUTS);
    check_rows(q, "gates", s->gate, some, G * H, OUTPUTS);
    assert_int_equal(s->c != NULL, naive_has_c(want->net.kind));
    if (s->c) check_rows(q, "c", s->c, want->c + m * N * H, H, OUTPUTS);
    assert_null(s->dh);
    assert_null(s->norm);
}

static void check_backward(const subject *q, const shown *s, const textbook *want, int64_t m)
{
    const int64_t R = q->shape.width;
    double norm[MOST] = { 0 };
    check_rows(q, "dh", s->dh, want->dh + m * N * R, R, GRADIENTS);
    for (int64_t b = 0, row = m * N; b < B; row += LENGTHS[b++])
        for (int64_t i = 0; i < LENGTHS[b] * R; i++) norm[i / R] += pow(want->dh[row * R + i], 2);
    assert_int_equal(s->trace.steps, 5);
    for (int64_t t = 0; t < s->trace.steps; t++)
        if (fabs(s->norm[t] - sqrt(norm[t])) > 1e-4 * (1 + sqrt(norm[t])))
            fail_msg("norm at step %d is %g, not %g", (int)t, s->norm[t], sqrt(norm[t]));
}

static void as_in_the_textbook(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++)
        for (int direction = 0; direction < 3; direction++)
            for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
                dice((uint64_t)(200 + 3 * k + direction));
                trying("%s %s direction %d", recur_context_isa(ctx), KINDS[k].name, direction);
                subject q = make(ctx, &KINDS[k], direction);
                const textbook want = ask(&q);
                album a = { .width = q.shape.width };
                int64_t count, seen[2] = { 0, 0 };
                play(&q, RECUR_TAPE_RECORD_NO_DROPOUT, &a, &count);
                for (int64_t i = 0; i < a.count; i++) {
                    const shown *s = &a.picture[i];
                    const bool back = s->trace.event == RECUR_TRACE_BACKWARD;
                    const int64_t m = s->trace.layer * q.D + (q.D == 2 ? s->trace.reverse : 0);
                    assert_int_equal(s->trace.reverse, direction == RECUR_DIRECTION_BIDIRECTIONAL
                                                           ? m % 2
                                                           : direction);
                    assert_int_equal(back, i >= L * q.D);
                    assert_int_equal(s->trace.rows, N);
                    assert_int_equal(s->trace.hidden_size, H);
                    assert_ptr_equal(s->trace.packed, q.packed);
                    assert_string_equal(s->part, "");
                    seen[back] |= (int64_t)1 << m;
                    if (back)
                        check_backward(&q, s, &want, m);
                    else
                        check_forward(&q, s, &want, m);
                }
                assert_int_equal(seen[0], (1 << L * q.D) - 1);
                assert_int_equal(seen[1], seen[0]);
                done(&q);
            }
}

/* After backward the gates hold the gradients that sum to those of the biases. */
static void gates_become_gradients(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++) {
            dice((uint64_t)k);
            trying("%s %s", recur_context_isa(ctx), KINDS[k].name);
            subject q = make(ctx, &KINDS[k], RECUR_DIRECTION_FORWARD);
            album a = { .width = H };
            int64_t count, GH = naive_gates(KINDS[k].cell) * H;
            const float *all = play(&q, RECUR_TAPE_RECORD_NO_DROPOUT, &a, &count),
                        *dparams = all + count - q.P;
            for (int64_t l = 0; l < L; l++) {
                /* Backward shows the last layer first. */
                const shown *s = &a.picture[2 * L - 1 - l];
                const recur_tensor b = tensor_of(q.layer, l ? "bias_ih_l1" : "bias_ih_l0");
                double *sum = doubles(GH);
                assert_int_equal(s->trace.layer, l);
                for (int64_t r = 0; r < N; r++)
                    for (int64_t i = 0; i < GH; i++)
                        sum[i] += (double)s->gate[r * s->trace.gates * H + i];
                check_close("sum of da", GH, dparams + b.offset, sum, GRADIENTS);
            }
            done(&q);
        }
}

/* ---- inside others -------------------------------------------------------------------------- */

/* In linear → rnn → dropout → lstm (bidirectional) → last → linear, the trace calls each part by
 * its name. */
static void parts_of_a_chain(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *parts[6] = { NULL };
        dice(3);
        trying("%s chain", recur_context_isa(ctx));
        OK(recur_linear_create(ctx, I, I, 0, &parts[0]));
        parts[1] = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
        OK(recur_dropout_create(ctx, H, 0.3, &parts[2]));
        parts[3] = recurrent(ctx, RECUR_CELL_LSTM, H, H, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
        OK(recur_last_create(ctx, 2 * H, RECUR_DIRECTION_BIDIRECTIONAL, &parts[4]));
        OK(recur_linear_create(ctx, 2 * H, 2, 0, &parts[5]));
        recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 6,
                                 (const char *const[]){ "in", "low", "drop", "high", "last", "fc" },
                                 parts);
        randomize(net, 0.7);
        recur_packed *packed = layout(ctx, B, LENGTHS, 0);
        album a = { .width = H };
        recur_tape *tape = tape_of(ctx, RECUR_TAPE_TRAIN, &a);
        const float *x = randoms(N * I, 1), *dy = randoms(B * 2, 1);
        float *y = floats(B * 2), *dx = floats(N * I);
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_layer_backward(net, packed, x, dy, NULL, dx, NULL, tape));
        static const char *const order[] = { "low", "high", "high", "high", "high", "low" };
        assert_int_equal(a.count, COUNT(order));
        for (int64_t i = 0; i < a.count; i++) {
            const shown *s = &a.picture[i];
            assert_string_equal(s->part, order[i]);
            assert_int_equal(s->trace.event, i < 3 ? RECUR_TRACE_FORWARD : RECUR_TRACE_BACKWARD);
            const recur_layer_info info = info_of(s->trace.recurrent, -1);
            assert_int_equal(info.variant,
                             strcmp(order[i], "low") == 0 ? RECUR_CELL_GRU : RECUR_CELL_LSTM);
        }
        OK(recur_tape_trace(tape, NULL, NULL));
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_layer_backward(net, packed, x, dy, NULL, dx, NULL, tape));
        assert_int_equal(a.count, COUNT(order));
        FAILS(RECUR_E_ARGUMENT, recur_tape_trace(NULL, keep, &a), "");
        recur_tape_release(tape);
        recur_packed_release(packed);
        recur_layer_release(net);
        give_back();
    }
}

/* Steps by hand are traced one by one. */
static void steps_of_cells_are_traced(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *layer = recurrent(ctx, RECUR_CELL_LSTM, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_cell *cell = NULL;
    recur_state *state = NULL;
    album a = { .width = H };
    recur_tape *tape = tape_of(ctx, RECUR_TAPE_TRAIN, &a);
    dice(9);
    randomize(layer, 0.7);
    OK(recur_cell_from_layer(layer, &cell));
    OK(recur_state_create(layer, B, &state));
    const float *x = randoms(B * I, 1), *dy = randoms(B * H, 1);
    float *y = floats(2 * B * H);
    for (int t = 0; t < 2; t++) OK(recur_cell_step(cell, x, state, y + t * B * H, tape));
    OK(recur_state_reset(state, -1));
    for (int t = 0; t < 2; t++) OK(recur_cell_step_backward(cell, x, dy, state, NULL, NULL, tape));
    assert_int_equal(a.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a.picture[i].trace.event,
                         i < 2 ? RECUR_TRACE_FORWARD : RECUR_TRACE_BACKWARD);
        check_same("h", B * H, a.picture[i].h, y + (i < 2 ? i : 3 - i) * B * H);
    }
    check_same("dh of the last step", B * H, a.picture[2].dh, dy);
    recur_tape_release(tape);
    recur_state_release(state);
    recur_cell_release(cell);
    recur_layer_release(layer);
    close_context(ctx);
}

/* A trace that begins between forward and backward of steps by hand shows what those forwards
 * gave. */
static void a_trace_may_begin_with_backward(void **unused)
{
    (void)unused;
    enum { STEPS = 4 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(8);
        recur_layer *layer = recurrent(ctx, RECUR_CELL_LSTM, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
        randomize(layer, 0.5);
        recur_cell *cell;
        recur_state *state, *dstate;
        album a = { .width = H };
        recur_tape *tape = tape_of(ctx, RECUR_TAPE_TRAIN, NULL);
        OK(recur_cell_from_layer(layer, &cell));
        OK(recur_state_create(layer, B, &state));
        OK(recur_state_create(layer, B, &dstate));
        const float *x = randoms(STEPS * B * I, 1), *dy = randoms(B * H, 1);
        float *y = floats(STEPS * B * H), *grads = zeros(recur_layer_param_count(layer));
        for (int t = 0; t < STEPS; t++)
            OK(recur_cell_step(cell, x + t * B * I, state, y + t * B * H, tape));
        OK(recur_tape_trace(tape, keep, &a));
        for (int t = STEPS - 1; t >= 0; t--) {
            OK(recur_cell_step_backward(cell, x + t * B * I, dy, dstate, NULL, grads, tape));
            check_same("h", B * H, a.picture[a.count - 1].h, y + t * B * H);
        }
        assert_int_equal(a.count, STEPS);
        recur_cell_release(cell);
        recur_layer_release(layer);
        recur_tape_release(tape);
        recur_state_release(state);
        recur_state_release(dstate);
        give_back();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trace_changes_nothing),   TEST(as_in_the_textbook),
        TEST(gates_become_gradients),    TEST(parts_of_a_chain),
        TEST(steps_of_cells_are_traced), TEST(a_trace_may_begin_with_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
