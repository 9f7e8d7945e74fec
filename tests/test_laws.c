/* test_laws.c - laws of recurrence about time, batch and direction. They hold for every kind, on
 * every instruction set. */
#include "support/support.h"

/* A random layer and a random ragged batch for it; rows and gradients are joined (sequence after
 * sequence). */
typedef struct subject {
    recur_context *ctx;
    const kind_row *kind;
    recur_layer *layer;
    state_shape shape;
    int64_t I, H, O, B, N, T, S, lengths[8];
    float *x, *dy, *s0, *dsn;
} subject;

enum { INPUT = 5, HIDDEN = 7 };

static subject make(recur_context *ctx, int k, int64_t L, int direction, int64_t B,
                    const int64_t *lengths)
{
    subject q = { .ctx = ctx, .kind = &KINDS[k], .I = INPUT, .H = HIDDEN, .B = B };
    const recur_recurrent_options options = options_of(q.kind, q.I, q.H, L, direction, 0);
    trying("%s %s", recur_context_isa(ctx), q.kind->name);
    OK(recur_recurrent_create(ctx, &options, &q.layer));
    randomize(q.layer, 0.5);
    q.shape = shape_of(&options, B);
    q.O = q.shape.width * (direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    q.S = q.shape.floats;
    for (int64_t b = 0; b < B; b++) {
        q.lengths[b] = lengths[b];
        q.N += lengths[b];
        if (lengths[b] > q.T) q.T = lengths[b];
    }
    q.x = randoms(q.N * q.I, 1);
    q.dy = randoms(q.N * q.O, 1);
    q.s0 = random_state(&options, B, 1);
    q.dsn = randoms(q.S, 1);
    return q;
}

/* Runs a pass, and joins again what it gives. */
static run play(const subject *q, const recur_layer *layer, int64_t B, const int64_t *lengths,
                const float *x, const float *s0, const float *dy, const float *dsn)
{
    recur_packed *packed = layout(q->ctx, B, lengths, 0);
    run r = { .packed = packed,
              .x = packed_of(packed, RECUR_LAYOUT_JOINED, q->I, x),
              .s0 = s0,
              .dy = packed_of(packed, RECUR_LAYOUT_JOINED, info_of(layer, -1).output_size, dy),
              .dsn = dsn,
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(q->ctx, layer, &r);
    r.y = unpacked(packed, RECUR_LAYOUT_JOINED, info_of(layer, -1).output_size, r.y);
    r.dx = unpacked(packed, RECUR_LAYOUT_JOINED, q->I, r.dx);
    recur_packed_release(packed);
    return r;
}

static run play_all(const subject *q)
{
    return play(q, q->layer, q->B, q->lengths, q->x, q->s0, q->dy, q->dsn);
}

/* Says where the row of sequence b in block m of a state lies, and how wide it is. Blocks of h come
 * first. */
static int64_t row_at(const subject *q, int64_t B, int64_t m, int64_t b, int64_t *width)
{
    const int64_t blocks = q->shape.blocks, R = q->shape.width;
    *width = m < blocks ? R : q->H;
    return m < blocks ? (m * B + b) * R : blocks * B * R + ((m - blocks) * B + b) * q->H;
}

static int64_t blocks_of(const subject *q) { return q->shape.blocks * (q->S > q->shape.h ? 2 : 1); }

/* Gives sequence b of a state as a state of one sequence. */
static float *slice(const subject *q, const float *state, int64_t b)
{
    float *one = floats(q->S / q->B);
    for (int64_t m = 0, width; m < blocks_of(q); m++) {
        const int64_t from = row_at(q, q->B, m, b, &width);
        memcpy(one + row_at(q, 1, m, 0, &width), state + from, (size_t)width * sizeof *one);
    }
    return one;
}

static float *reversed(const subject *q, int64_t width, const float *rows)
{
    float *to = floats(q->N * width);
    for (int64_t b = 0, first = 0; b < q->B; first += q->lengths[b++])
        for (int64_t t = 0; t < q->lengths[b]; t++)
            memcpy(to + (first + t) * width, rows + (first + q->lengths[b] - 1 - t) * width,
                   (size_t)width * sizeof *to);
    return to;
}

static void done(subject *q)
{
    recur_layer_release(q->layer);
    give_back();
}

/* Checks a law for every kind on every instruction set. */
typedef void law(recur_context *ctx, int k);

static void everywhere(law *check)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < COUNT(KINDS); k++) {
            dice((uint64_t)k + 31);
            check(ctx, k);
        }
}

/* ---- batch ---------------------------------------------------------------------------------- */

static const int64_t RAGGED[] = { 4, 1, 0, 6, 3, 4 };

/* A ragged batch gives what each of its sequences gives alone, and its dparams are the sum of
 * theirs. */
static void batch_equals_each_alone(recur_context *ctx, int k)
{
    subject q = make(ctx, k, 2, RECUR_DIRECTION_BIDIRECTIONAL, COUNT(RAGGED), RAGGED);
    const run all = play_all(&q);
    const int64_t P = recur_layer_param_count(q.layer), one_state = q.S / q.B;
    double *sum = doubles(P);
    for (int64_t b = 0, first = 0; b < q.B; first += q.lengths[b++]) {
        const int64_t n = q.lengths[b];
        const run one = play(&q, q.layer, 1, &n, q.x + first * q.I, slice(&q, q.s0, b),
                             q.dy + first * q.O, slice(&q, q.dsn, b));
        check_near("y", n * q.O, all.y + first * q.O, one.y, OUTPUTS);
        check_near("dx", n * q.I, all.dx + first * q.I, one.dx, GRADIENTS);
        check_near("final state", one_state, slice(&q, all.sn, b), one.sn, OUTPUTS);
        check_near("grad of state", one_state, slice(&q, all.ds0, b), one.ds0, GRADIENTS);
        if (n == 0) check_same("passed through", one_state, one.sn, slice(&q, q.s0, b));
        if (n == 0) check_same("passed back", one_state, one.ds0, slice(&q, q.dsn, b));
        for (int64_t i = 0; i < P; i++) sum[i] += (double)one.dparams[i];
    }
    check_close("dparams", P, all.dparams, sum, GRADIENTS);
    done(&q);
}

/* Permuting the batch permutes the rows and the states. */
static void permuted_batch_permutes_rows(recur_context *ctx, int k)
{
    static const int64_t from[] = { 3, 5, 0, 2, 4, 1 };
    subject q = make(ctx, k, 2, RECUR_DIRECTION_BIDIRECTIONAL, COUNT(RAGGED), RAGGED);
    const run all = play_all(&q);
    int64_t first[8], lengths[8], n = 0;
    for (int64_t b = 0, at = 0; b < q.B; at += q.lengths[b++]) first[b] = at;
    float *x = floats(q.N * q.I), *dy = floats(q.N * q.O), *s0 = floats(q.S), *dsn = floats(q.S),
          *y = floats(q.N * q.O);
    const int64_t one_state = q.S / q.B;
    for (int64_t b = 0; b < q.B; n += lengths[b++]) {
        lengths[b] = q.lengths[from[b]];
        memcpy(x + n * q.I, q.x + first[from[b]] * q.I, (size_t)(lengths[b] * q.I) * sizeof *x);
        memcpy(dy + n * q.O, q.dy + first[from[b]] * q.O, (size_t)(lengths[b] * q.O) * sizeof *dy);
        memcpy(y + n * q.O, all.y + first[from[b]] * q.O, (size_t)(lengths[b] * q.O) * sizeof *y);
        for (int64_t m = 0, width; m < blocks_of(&q); m++) {
            const int64_t to = row_at(&q, q.B, m, b, &width),
                          at = row_at(&q, q.B, m, from[b], &width);
            memcpy(s0 + to, q.s0 + at, (size_t)width * sizeof *s0);
            memcpy(dsn + to, q.dsn + at, (size_t)width * sizeof *dsn);
        }
    }
    const run other = play(&q, q.layer, q.B, lengths, x, s0, dy, dsn);
    check_near("y", q.N * q.O, other.y, y, OUTPUTS);
    check_near("dparams", recur_layer_param_count(q.layer), other.dparams, all.dparams, GRADIENTS);
    for (int64_t b = 0; b < q.B; b++)
        check_near("final state", one_state, slice(&q, other.sn, b), slice(&q, all.sn, from[b]),
                   OUTPUTS);
    done(&q);
}

/* ---- time ----------------------------------------------------------------------------------- */

/* forward(a ++ b) equals forward(a), then forward(b) with the state carried; and so does
 * backward. */
static void whole_equals_two_windows(recur_context *ctx, int k)
{
    static const int64_t a[] = { 2, 1, 0, 3 }, b[] = { 1, 4, 2, 0 };
    const int64_t both[] = { 3, 5, 2, 3 };
    subject q = make(ctx, k, 2, RECUR_DIRECTION_FORWARD, COUNT(both), both);
    const run whole = play_all(&q);
    float *part[2][2]; /* x and dy of a and b */
    int64_t n[2] = { 6, 7 }, at[2] = { 0, 0 }, first = 0;
    for (int i = 0; i < 2; i++) {
        part[i][0] = floats(n[i] * q.I);
        part[i][1] = floats(n[i] * q.O);
    }
    float *y = floats(q.N * q.O), *dx = floats(q.N * q.I);
    int64_t origin[2][8];
    for (int64_t s = 0; s < q.B; s++)
        for (int i = 0; i < 2; i++) {
            const int64_t count = i ? b[s] : a[s];
            memcpy(part[i][0] + at[i] * q.I, q.x + first * q.I,
                   (size_t)(count * q.I) * sizeof(float));
            memcpy(part[i][1] + at[i] * q.O, q.dy + first * q.O,
                   (size_t)(count * q.O) * sizeof(float));
            origin[i][s] = first;
            at[i] += count;
            first += count;
        }
    const run forward_a = play(&q, q.layer, q.B, a, part[0][0], q.s0, part[0][1], q.dsn);
    const run of_b = play(&q, q.layer, q.B, b, part[1][0], forward_a.sn, part[1][1], q.dsn);
    const run of_a = play(&q, q.layer, q.B, a, part[0][0], q.s0, part[0][1], of_b.ds0);
    for (int i = 0; i < 2; i++)
        for (int64_t s = 0, row = 0; s < q.B; row += i ? b[s] : a[s], s++) {
            const run *of = i ? &of_b : &of_a;
            const size_t count = (size_t)(i ? b[s] : a[s]) * sizeof(float);
            memcpy(y + origin[i][s] * q.O, of->y + row * q.O, count * (size_t)q.O);
            memcpy(dx + origin[i][s] * q.I, of->dx + row * q.I, count * (size_t)q.I);
        }
    check_near("y", q.N * q.O, y, whole.y, OUTPUTS);
    check_near("dx", q.N * q.I, dx, whole.dx, GRADIENTS);
    check_near("final state", q.S, of_b.sn, whole.sn, OUTPUTS);
    check_near("grad of initial state", q.S, of_a.ds0, whole.ds0, GRADIENTS);
    const int64_t P = recur_layer_param_count(q.layer);
    double *sum = widen(P, of_a.dparams);
    for (int64_t i = 0; i < P; i++) sum[i] += (double)of_b.dparams[i];
    check_close("dparams", P, whole.dparams, sum, GRADIENTS);
    done(&q);
}

/* T steps equal forward over T steps, for rows and for ids. */
static void steps_equal_pass(recur_context *ctx, int k)
{
    static const int64_t dense[] = { 5, 5, 5 };
    subject q = make(ctx, k, 2, RECUR_DIRECTION_FORWARD, 3, dense);
    recur_packed *packed = layout(ctx, q.B, dense, 0);
    const int32_t *ids = random_ids(q.N, q.I);
    for (int with_ids = 0; with_ids < 2; with_ids++) {
        run r = {
            .packed = packed, .x = q.x, .ids = with_ids ? ids : NULL, .s0 = q.s0
        }; /* rows are time-major here */
        run_forward(q.layer, &r);
        recur_state *state = NULL;
        OK(recur_state_create(q.layer, q.B, &state));
        OK(recur_state_write(state, 0, q.S, q.s0));
        float *y = floats(q.N * q.O), *s = floats(q.S);
        for (int64_t t = 0; t < 5; t++)
            if (with_ids)
                OK(recur_layer_step_ids(q.layer, ids + t * q.B, state, y + t * q.B * q.O, NULL));
            else
                OK(recur_layer_step(q.layer, q.x + t * q.B * q.I, state, y + t * q.B * q.O, NULL));
        OK(recur_state_read(state, 0, q.S, s));
        check_near("y", q.N * q.O, y, r.y, OUTPUTS);
        check_near("final state", q.S, s, r.sn, OUTPUTS);
        recur_state_release(state);
    }
    recur_packed_release(packed);
    done(&q);
}

/* ---- direction ------------------------------------------------------------------------------ */

/* reverse(x) equals forward(x reversed), reversed. */
static void reverse_equals_reversed_forward(recur_context *ctx, int k)
{
    subject q = make(ctx, k, 1, RECUR_DIRECTION_REVERSE, COUNT(RAGGED), RAGGED);
    const run there = play_all(&q);
    recur_layer *forward = recurrent_of(ctx, q.kind, q.I, q.H, 1, RECUR_DIRECTION_FORWARD, 0);
    const int64_t P = recur_layer_param_count(forward);
    assert_int_equal(recur_layer_param_count(q.layer), P);
    memcpy(recur_layer_params(forward), recur_layer_params(q.layer), (size_t)P * sizeof(float));
    const run back = play(&q, forward, q.B, q.lengths, reversed(&q, q.I, q.x), q.s0,
                          reversed(&q, q.O, q.dy), q.dsn);
    check_near("y", q.N * q.O, reversed(&q, q.O, back.y), there.y, OUTPUTS);
    check_near("dx", q.N * q.I, reversed(&q, q.I, back.dx), there.dx, GRADIENTS);
    check_near("final state", q.S, back.sn, there.sn, OUTPUTS);
    check_near("grad of initial state", q.S, back.ds0, there.ds0, GRADIENTS);
    check_near("dparams", P, back.dparams, there.dparams, GRADIENTS);
    recur_layer_release(forward);
    done(&q);
}

/* Gives direction d of the state of one layer with two directions: h floats of h, c of c. */
static float *half_state(const float *both, int d, int64_t h, int64_t c)
{
    float *half = floats(h + c);
    memcpy(half, both + d * h, (size_t)h * sizeof *half);
    memcpy(half + h, both + 2 * h + d * c, (size_t)c * sizeof *half);
    return half;
}

/* A bidirectional layer gives what a forward layer and a reverse layer give side by side. */
static void bidirectional_equals_two_directions(recur_context *ctx, int k)
{
    subject q = make(ctx, k, 1, RECUR_DIRECTION_BIDIRECTIONAL, COUNT(RAGGED), RAGGED);
    const run both = play_all(&q);
    /* h and c are the floats of half a state. */
    const int64_t P = recur_layer_param_count(q.layer) / 2, R = q.shape.width, h = q.B * R,
                  c = q.S / 2 - h;
    double *dx = doubles(q.N * q.I);
    for (int d = 0; d < 2; d++) {
        recur_layer *half = recurrent_of(ctx, q.kind, q.I, q.H, 1,
                                         d ? RECUR_DIRECTION_REVERSE : RECUR_DIRECTION_FORWARD, 0);
        assert_int_equal(recur_layer_param_count(half), P);
        memcpy(recur_layer_params(half), recur_layer_params(q.layer) + d * P,
               (size_t)P * sizeof(float));
        float *dy = floats(q.N * R), *y = floats(q.N * R);
        for (int64_t row = 0; row < q.N; row++) {
            memcpy(dy + row * R, q.dy + row * q.O + d * R, (size_t)R * sizeof *dy);
            memcpy(y + row * R, both.y + row * q.O + d * R, (size_t)R * sizeof *y);
        }
        const run one = play(&q, half, q.B, q.lengths, q.x, half_state(q.s0, d, h, c), dy,
                             half_state(q.dsn, d, h, c));
        check_near("y", q.N * R, one.y, y, OUTPUTS);
        check_near("dparams", P, one.dparams, both.dparams + d * P, GRADIENTS);
        check_near("final state", h + c, one.sn, half_state(both.sn, d, h, c), OUTPUTS);
        check_near("grad of state", h + c, one.ds0, half_state(both.ds0, d, h, c), GRADIENTS);
        for (int64_t i = 0; i < q.N * q.I; i++) dx[i] += (double)one.dx[i];
        recur_layer_release(half);
    }
    check_close("dx", q.N * q.I, both.dx, dx, GRADIENTS);
    done(&q);
}

#define LAW(name)                         \
    static void law_##name(void **unused) \
    {                                     \
        (void)unused;                     \
        everywhere(name);                 \
    }

LAW(batch_equals_each_alone)
LAW(permuted_batch_permutes_rows)
LAW(whole_equals_two_windows)
LAW(steps_equal_pass)
LAW(reverse_equals_reversed_forward)
LAW(bidirectional_equals_two_directions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(law_batch_equals_each_alone),         TEST(law_permuted_batch_permutes_rows),
        TEST(law_whole_equals_two_windows),        TEST(law_steps_equal_pass),
        TEST(law_reverse_equals_reversed_forward), TEST(law_bidirectional_equals_two_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
