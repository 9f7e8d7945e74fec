/* test_naive.c - random models on random ragged batches against the textbook implementation, on
 * every instruction set. */
#include "support/support.h"

enum { CONFIGURATIONS = 300, WITH_OPTIONS = 900 };

/* Unbounded functions give sums of large numbers, whose rounding hides small ones; and norms make
 * small differences large. So some tolerances are wider. */
static const tolerance WITH_LARGE = { 2e-6, 1e-5, 5e-6 }, WITH_NORMS = { 5e-5, 1e-5, 5e-6 };

static const int64_t SIZES[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 35 };

typedef struct configuration {
    recur_recurrent_options options;
    naive_recurrent net;
    state_shape shape;
    int64_t B, N, T, O, lengths[19];
    bool state, ids;
} configuration;

static bool often(void) { return below(3) == 0; }
static int some_function(int most) { return often() ? 1 + (int)below(most) : 0; }

/* Draws options that the kind has. */
static kind_row draw_kind(int cell)
{
    kind_row k = KINDS[cell - 1];
    recur_recurrent_options *o = &k.with;
    assert_int_equal(k.cell, cell);
    const bool clockwork = cell == RECUR_CELL_CLOCKWORK, c = naive_has_c(cell) && !clockwork;
    if (often()) o->flags |= RECUR_LAYER_LEARN_INITIAL_STATE;
    if (often()) o->preactivation_clip = 0.7;
    if (often()) o->zoneout_hidden = (double)between(0, 1);
    o->activation = some_function(RECUR_ACTIVATION_IDENTITY);
    if (!has_U(cell) && often()) o->activation = RECUR_ACTIVATION_POSITIVE;
    /* It is bounded: products of the others grow without end. */
    const int gate = some_function(RECUR_ACTIVATION_SOFTSIGN);
    if (naive_gates(cell) > 1 && gate != RECUR_ACTIVATION_RELU && cell != RECUR_CELL_MINLSTM)
        o->gate_activation = gate;
    if (naive_gates(cell) == 3 && !c && has_U(cell) && often()) o->flags |= RECUR_LAYER_UPDATE_NEW;
    if (!c) return k;
    if (has_U(cell)) o->output_activation = some_function(RECUR_ACTIVATION_IDENTITY);
    if (often()) o->cell_clip = 0.3;
    if (often()) o->zoneout_cell = (double)between(0, 1);
    return k;
}

/* The same modules with periods of their own. */
static const recur_clockwork_options *other_periods(const recur_clockwork_options *of)
{
    int32_t periods[RECUR_MOST_MODULES] = { 0 };
    if (!of) return NULL;
    for (int32_t m = 0, period = 1; m < of->modules; m++, period += 1 + (int32_t)below(2))
        periods[m] = period;
    return clockwork(of->modules, periods);
}

/* Makes configuration number n: kinds and directions take turns, everything else is drawn. */
static configuration draw(const char *isa, int n, bool with_options)
{
    const int cell = 1 + n % PLAIN;
    const kind_row kind = with_options ? draw_kind(cell) : KINDS[cell - 1];
    configuration q = { .B = 1 + below(COUNT(q.lengths)), .T = 1 + below(9) };
    q.options = options_of(&kind, SIZES[below(COUNT(SIZES))], SIZES[below(COUNT(SIZES))],
                           1 + below(3), n / PLAIN % 3, below(4) ? 0 : RECUR_LAYER_NO_BIAS);
    if (has_U(cell) && kind.with.zoneout_cell > 0 && q.options.hidden_size > 1 && often())
        q.options.projection_size = 1 + below(q.options.hidden_size - 1);
    if (often()) q.options.clockwork = other_periods(q.options.clockwork);
    q.net = textbook_of(&q.options);
    q.shape = shape_of(&q.options, q.B);
    q.O = q.shape.width * (q.net.forward + q.net.reverse);
    const bool dense = below(4) == 0;
    for (int64_t b = 0; b < q.B; b++) {
        q.lengths[b] = dense ? q.T : below(q.T + 1);
        q.N += q.lengths[b];
    }
    q.state = below(3) > 0;
    q.ids = below(3) == 0;
    trying("%s %d: %s%s I %lld H %lld P %lld L %lld direction %d bias %d B %lld T %lld N %lld%s%s",
           isa, n, kind.name, with_options ? " with options" : "", (long long)q.net.I,
           (long long)q.net.H, (long long)q.net.P, (long long)q.net.L, q.options.direction,
           q.net.bias, (long long)q.B, (long long)q.T, (long long)q.N, q.state ? " state" : "",
           q.ids ? " ids" : "");
    return q;
}

/* The numbers that both sides begin with; rows are joined. */
typedef struct numbers {
    float *params, *x, *dy, *s0, *dsn;
    int32_t *ids;
    int64_t P, Y, S; /* parameters, outputs, floats of a state */
} numbers;

static numbers draw_numbers(const configuration *q)
{
    const int64_t I = q->net.I;
    numbers v = { .P = naive_count(&q->net), .Y = q->N * q->O, .S = q->shape.floats };
    v.params = randoms(v.P, 1 / sqrt((double)q->net.H));
    v.dy = randoms(v.Y, 1);
    v.s0 = random_state(&q->options, q->B, 1);
    v.dsn = q->state ? randoms(v.S, 1) : zeros(v.S);
    v.ids = random_ids(q->N, I);
    v.x = q->ids ? zeros(q->N * I) : randoms(q->N * I, 1.5);
    for (int64_t r = 0; q->ids && r < q->N; r++) v.x[r * I + v.ids[r]] = 1;
    return v;
}

static naive_pass textbook(const configuration *q, const numbers *v)
{
    const int64_t half = q->shape.h;
    const double *s0 = q->state ? widen(v->S, v->s0) : NULL, *dsn = widen(v->S, v->dsn);
    double *sn = doubles(v->S), *ds0 = doubles(v->S);
    naive_pass p = { .B = q->B,
                     .lengths = q->lengths,
                     .params = widen(v->P, v->params),
                     .x = widen(q->N * q->net.I, v->x),
                     .h0 = s0,
                     .c0 = s0 ? s0 + half : NULL,
                     .dy = widen(v->Y, v->dy),
                     .dhn = dsn,
                     .dcn = dsn + half,
                     .y = doubles(v->Y),
                     .hn = sn,
                     .cn = sn + half,
                     .dx = doubles(q->N * q->net.I),
                     .dh0 = ds0,
                     .dc0 = ds0 + half,
                     .dparams = doubles(v->P) };
    return p;
}

/* Runs the same through the library. gradients is false where they depend on the rounding at a
 * kink, or where the textbook has none. */
static void compare(recur_context *ctx, const configuration *q, const numbers *v,
                    const naive_pass *want, bool gradients)
{
    const int64_t I = q->net.I, O = q->O;
    const tolerance outputs = naive_norms(q->net.kind)  ? WITH_NORMS
                              : naive_is_plain(&q->net) ? OUTPUTS
                                                        : WITH_LARGE;
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &q->options, &layer));
    assert_int_equal(recur_layer_param_count(layer), v->P);
    memcpy(recur_layer_params(layer), v->params, (size_t)v->P * sizeof(float));
    recur_packed *packed = layout(ctx, q->B, q->lengths, q->T);
    assert_int_equal(recur_packed_rows(packed), q->N);
    int32_t *ids = bytes_of(q->N, sizeof *ids);
    OK(recur_packed_pack(packed, RECUR_LAYOUT_JOINED, sizeof *ids, v->ids, ids));
    run r = { .packed = packed,
              .x = packed_of(packed, RECUR_LAYOUT_JOINED, I, v->x),
              .ids = q->ids ? ids : NULL,
              .s0 = q->state ? v->s0 : NULL,
              .dsn = q->state ? v->dsn : NULL,
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT,
              .dy = packed_of(packed, RECUR_LAYOUT_JOINED, O, v->dy) };
    run_both(ctx, layer, &r);
    check_close("y", v->Y, unpacked(packed, RECUR_LAYOUT_JOINED, O, r.y), want->y, outputs);
    if (q->state) check_close("final state", v->S, r.sn, want->hn, outputs);
    if (gradients) {
        check_close("dparams", v->P, r.dparams, want->dparams, GRADIENTS);
        if (!q->ids)
            check_close("dx", q->N * I, unpacked(packed, RECUR_LAYOUT_JOINED, I, r.dx), want->dx,
                        GRADIENTS);
        if (q->state) check_close("grad of initial state", v->S, r.ds0, want->dh0, GRADIENTS);
    }
    const float *recorded = r.y;
    run_forward(layer, &r);
    check_near("y without a tape", v->Y, r.y, recorded, outputs);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* Plain kinds are run forward and backward, others forward only. */
static void random_stacks(void **unused)
{
    (void)unused;
    int skipped = 0;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(20240607);
        for (int n = 0; n < CONFIGURATIONS + WITH_OPTIONS; n++) {
            const configuration q = draw(recur_context_isa(ctx), n, n >= CONFIGURATIONS);
            const numbers v = draw_numbers(&q);
            naive_pass want = textbook(&q, &v);
            const bool plain = naive_is_plain(&q.net);
            if (plain)
                naive_run(&q.net, &want);
            else
                naive_forward(&q.net, &want);
            const bool gradients = want.closest > 1e-6;
            skipped += plain && !gradients;
            compare(ctx, &q, &v, &want, gradients && plain);
            give_back();
        }
    }
    assert_in_range(skipped, 0, CONFIGURATIONS / 5);
}

/* The textbook's two ways to its gradients agree. */
static void differences_are_derivatives(void **unused)
{
    (void)unused;
    const tolerance tight = { 1e-8, 0, 1e-8 };
    dice(12);
    for (int n = 0; n < 30; n++) {
        recur_recurrent_options o = options_of(&KINDS[n % 5], 2, 3, 1 + n % 2, n / 5 % 3,
                                               n % 7 ? 0 : RECUR_LAYER_NO_BIAS);
        configuration q = { .options = o,
                            .net = textbook_of(&o),
                            .shape = shape_of(&o, 2),
                            .B = 2,
                            .N = 5,
                            .lengths = { 3, 2 } };
        q.O = q.shape.width * (q.net.forward + q.net.reverse);
        q.state = n % 3;
        trying("%s %d", KINDS[n % 5].name, n);
        const numbers v = draw_numbers(&q);
        naive_pass exact = textbook(&q, &v), numeric = textbook(&q, &v);
        naive_run(&q.net, &exact);
        if (exact.closest < 1e-4) continue;
        naive_differences(&q.net, &numeric);
        check_doubles("y", v.Y, numeric.y, exact.y, tight);
        check_doubles("dparams", v.P, numeric.dparams, exact.dparams, tight);
        check_doubles("dx", q.N * q.net.I, numeric.dx, exact.dx, tight);
        if (q.state) check_doubles("grad of initial state", v.S, numeric.dh0, exact.dh0, tight);
        give_back();
    }
}

/* Linear and embedding layers are run on rows and on ids. */
static void random_rows(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(77);
        for (int n = 0; n < 60; n++) {
            const int64_t I = SIZES[below(COUNT(SIZES))], O = SIZES[below(COUNT(SIZES))],
                          R = 1 + below(40);
            const bool ids = n % 2 || n % 3 == 0, embedding = n % 3 == 0,
                       bias = !embedding && below(2);
            trying("%s %d: %s I %lld O %lld R %lld%s", recur_context_isa(ctx), n,
                   embedding ? "embedding" : "linear", (long long)I, (long long)O, (long long)R,
                   ids ? " ids" : "");
            recur_layer *layer = NULL;
            if (embedding)
                OK(recur_embedding_create(ctx, I, O, 0, &layer));
            else
                OK(recur_linear_create(ctx, I, O, bias ? 0 : RECUR_LAYER_NO_BIAS, &layer));
            randomize(layer, 1);
            recur_packed *packed = layout(ctx, R, NULL, 1);
            run r = { .packed = packed, .dy = randoms(R * O, 1), .ids = random_ids(R, I) };
            float *x = ids ? zeros(R * I) : randoms(R * I, 1);
            for (int64_t row = 0; ids && row < R; row++) x[row * I + r.ids[row]] = 1;
            r.x = x;
            double *y = doubles(R * O), *dx = doubles(R * I),
                   *grads = doubles(recur_layer_param_count(layer));
            const double *params = widen(recur_layer_param_count(layer), recur_layer_params(layer)),
                         *dy = widen(R * O, r.dy);
            if (embedding) {
                naive_embedding(R, O, params, r.ids, y);
                naive_embedding_backward(R, O, r.ids, dy, grads);
            } else {
                naive_linear(R, I, O, params, bias ? params + I * O : NULL, widen(R * I, x), y);
                naive_linear_backward(R, I, O, params, widen(R * I, x), dy, dx, grads,
                                      bias ? grads + I * O : NULL);
            }
            if (!ids) r.ids = NULL;
            run_both(ctx, layer, &r);
            check_close("y", R * O, r.y, y, OUTPUTS);
            check_close("dparams", recur_layer_param_count(layer), r.dparams, grads, GRADIENTS);
            if (!ids) check_close("dx", R * I, r.dx, dx, GRADIENTS);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
    }
}

enum { B = 4, N = 10 };
static const int64_t LENGTHS[B] = { 3, 0, 5, 2 };

/* With small integers there is nothing to round: every instruction set gives the numbers of the
 * textbook, exactly. */
static void integers_are_exact(void **unused)
{
    (void)unused;
    const tolerance none = { 0, 0, 0 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int direction = 0; direction < 3; direction++) {
            const int forward = direction != RECUR_DIRECTION_REVERSE,
                      reverse = direction != RECUR_DIRECTION_FORWARD;
            const naive_recurrent net = { .kind = NAIVE_RNN_RELU,
                                          .I = 19,
                                          .H = 21,
                                          .L = 2,
                                          .forward = forward,
                                          .reverse = reverse,
                                          .bias = 1 };
            const int64_t O = (forward + reverse) * net.H, S = 2 * B * O, P = naive_count(&net);
            dice(9);
            trying("%s direction %d", recur_context_isa(ctx), direction);
            recur_layer *layer = recurrent(ctx, RECUR_CELL_RNN_RELU, net.I, net.H, net.L, direction,
                                           0);
            float *params = recur_layer_params(layer), *in = floats(N * (net.I + O) + 2 * S);
            for (int64_t i = 0; i < P; i++) params[i] = below(8) ? 0 : (float)(below(3) - 1);
            for (int64_t i = 0; i < N * (net.I + O) + 2 * S; i++) in[i] = (float)(below(5) - 2);
            float *x = in, *dy = x + N * net.I, *s0 = dy + N * O, *dsn = s0 + S;
            recur_packed *packed = layout(ctx, B, LENGTHS, 0);
            run r = { .packed = packed,
                      .x = packed_of(packed, RECUR_LAYOUT_JOINED, net.I, x),
                      .s0 = s0,
                      .dsn = dsn,
                      .dy = packed_of(packed, RECUR_LAYOUT_JOINED, O, dy) };
            run_both(ctx, layer, &r);
            naive_pass want = { .B = B,
                                .lengths = LENGTHS,
                                .params = widen(P, params),
                                .x = widen(N * net.I, x),
                                .h0 = widen(S, s0),
                                .dy = widen(N * O, dy),
                                .dhn = widen(S, dsn),
                                .y = doubles(N * O),
                                .hn = doubles(S),
                                .dx = doubles(N * net.I),
                                .dh0 = doubles(S),
                                .dparams = doubles(P) };
            want.c0 = want.h0; /* an RNN has no c */
            want.cn = want.hn;
            want.dcn = want.dhn;
            want.dc0 = want.dh0;
            naive_run(&net, &want);
            for (int64_t i = 0; i < P; i++) assert_true(fabs(want.dparams[i]) < 0x1p22);
            check_close("y", N * O, unpacked(packed, RECUR_LAYOUT_JOINED, O, r.y), want.y, none);
            check_close("dx", N * net.I, unpacked(packed, RECUR_LAYOUT_JOINED, net.I, r.dx),
                        want.dx, none);
            check_close("dparams", P, r.dparams, want.dparams, none);
            check_close("grad of state", S, r.ds0, want.dh0, none);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(random_stacks), TEST(random_rows),
                                        TEST(integers_are_exact),
                                        TEST(differences_are_derivatives) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
