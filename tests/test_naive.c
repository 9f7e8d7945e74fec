/* test_naive.c - random models on random ragged batches against the textbook implementation, on every instruction set. */
#include "support/support.h"

enum { CONFIGURATIONS = 300 };

static const int64_t SIZES[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 35 };

typedef struct configuration {
    const kind_row *kind;
    naive_recurrent net;
    int direction;
    int64_t B, N, T, lengths[19];
    bool state, ids;
} configuration;

/* Configuration number n: all kinds and directions in turn, everything else by chance. */
static configuration draw(const char *isa, int n)
{
    configuration q = { .kind = &KINDS[n % COUNT(KINDS)], .direction = n / COUNT(KINDS) % 3 };
    q.net = (naive_recurrent){ .kind = q.kind->naive,
                               .I = SIZES[below(COUNT(SIZES))],
                               .H = SIZES[below(COUNT(SIZES))],
                               .L = 1 + below(3),
                               .forward = q.direction != RECUR_DIRECTION_REVERSE,
                               .reverse = q.direction != RECUR_DIRECTION_FORWARD,
                               .bias = below(4) > 0 };
    q.B = 1 + below(COUNT(q.lengths));
    q.T = 1 + below(9);
    const bool dense = below(4) == 0;
    for (int64_t b = 0; b < q.B; b++) {
        q.lengths[b] = dense ? q.T : below(q.T + 1);
        q.N += q.lengths[b];
    }
    q.state = below(3) > 0;
    q.ids = below(3) == 0;
    trying("%s %d: %s I %lld H %lld L %lld direction %d bias %d B %lld T %lld N %lld%s%s", isa, n, q.kind->name,
           (long long)q.net.I, (long long)q.net.H, (long long)q.net.L, q.direction, q.net.bias, (long long)q.B,
           (long long)q.T, (long long)q.N, q.state ? " state" : "", q.ids ? " ids" : "");
    return q;
}

/* What both sides start from; rows are joined. */
typedef struct numbers {
    float *params, *x, *dy, *s0, *dsn;
    int32_t *ids;
    int64_t P, Y, S; /* parameters, outputs, floats of a state */
} numbers;

static numbers draw_numbers(const configuration *q)
{
    const int64_t I = q->net.I, D = q->net.forward + q->net.reverse, half = q->net.L * D * q->B * q->net.H;
    numbers v = { .P = naive_count(&q->net), .Y = q->N * D * q->net.H, .S = half * q->kind->states };
    v.params = randoms(v.P, 1 / sqrt((double)q->net.H));
    v.dy = randoms(v.Y, 1);
    v.s0 = q->state ? randoms(v.S, 1) : zeros(v.S);
    v.dsn = q->state ? randoms(v.S, 1) : zeros(v.S);
    v.ids = random_ids(q->N, I);
    v.x = q->ids ? zeros(q->N * I) : randoms(q->N * I, 1.5);
    for (int64_t r = 0; q->ids && r < q->N; r++) v.x[r * I + v.ids[r]] = 1;
    return v;
}

static naive_pass textbook(const configuration *q, const numbers *v)
{
    const int64_t half = v->S / q->kind->states;
    const double *s0 = widen(v->S, v->s0), *dsn = widen(v->S, v->dsn);
    double *sn = doubles(2 * half), *ds0 = doubles(2 * half);
    naive_pass p = { .B = q->B,
                     .lengths = q->lengths,
                     .params = widen(v->P, v->params),
                     .x = widen(q->N * q->net.I, v->x),
                     .h0 = s0,
                     .c0 = s0 + half,
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
    naive_run(&q->net, &p);
    return p;
}

/* The same through the library. gradients false: those of a ReLU hang on rounding. */
static void compare(recur_context *ctx, const configuration *q, const numbers *v, const naive_pass *want,
                    bool gradients)
{
    const int64_t I = q->net.I, O = q->net.H * (q->net.forward + q->net.reverse);
    recur_layer *layer = recurrent(ctx, q->kind->cell, I, q->net.H, q->net.L, q->direction,
                                   q->net.bias ? 0 : RECUR_LAYER_NO_BIAS);
    assert_int_equal(recur_layer_count(layer), v->P);
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
              .dy = packed_of(packed, RECUR_LAYOUT_JOINED, O, v->dy) };
    run_both(ctx, layer, &r);
    check_close("y", v->Y, unpacked(packed, RECUR_LAYOUT_JOINED, O, r.y), want->y, OUTPUTS);
    if (q->state) check_close("final state", v->S, r.sn, want->hn, OUTPUTS);
    if (gradients) {
        check_close("dparams", v->P, r.dparams, want->dparams, GRADIENTS);
        if (!q->ids) check_close("dx", q->N * I, unpacked(packed, RECUR_LAYOUT_JOINED, I, r.dx), want->dx, GRADIENTS);
        if (q->state) check_close("grad of initial state", v->S, r.ds0, want->dh0, GRADIENTS);
    }
    const float *recorded = r.y;
    run_forward(layer, &r);
    check_near("y without a tape", v->Y, r.y, recorded, OUTPUTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static void random_stacks(void **unused)
{
    (void)unused;
    int skipped = 0;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(20240607);
        for (int n = 0; n < CONFIGURATIONS; n++) {
            const configuration q = draw(recur_context_isa(ctx), n);
            const numbers v = draw_numbers(&q);
            const naive_pass want = textbook(&q, &v);
            const bool gradients = want.closest > 1e-6;
            skipped += !gradients;
            compare(ctx, &q, &v, &want, gradients);
            give_back();
        }
    }
    assert_in_range(skipped, 0, CONFIGURATIONS / 5);
}

/* Linear and embedding, rows and ids. */
static void random_rows(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(77);
        for (int n = 0; n < 60; n++) {
            const int64_t I = SIZES[below(COUNT(SIZES))], O = SIZES[below(COUNT(SIZES))], R = 1 + below(40);
            const bool ids = n % 2 || n % 3 == 0, embedding = n % 3 == 0, bias = !embedding && below(2);
            trying("%s %d: %s I %lld O %lld R %lld%s", recur_context_isa(ctx), n, embedding ? "embedding" : "linear",
                   (long long)I, (long long)O, (long long)R, ids ? " ids" : "");
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
            double *y = doubles(R * O), *dx = doubles(R * I), *grads = doubles(recur_layer_count(layer));
            const double *params = widen(recur_layer_count(layer), recur_layer_params(layer)), *dy = widen(R * O, r.dy);
            if (embedding) {
                naive_embedding(R, O, params, r.ids, y);
                naive_embedding_backward(R, O, r.ids, dy, grads);
            } else {
                naive_linear(R, I, O, params, bias ? params + I * O : NULL, widen(R * I, x), y);
                naive_linear_backward(R, I, O, params, widen(R * I, x), dy, dx, grads, bias ? grads + I * O : NULL);
            }
            if (!ids) r.ids = NULL;
            run_both(ctx, layer, &r);
            check_close("y", R * O, r.y, y, OUTPUTS);
            check_close("dparams", recur_layer_count(layer), r.dparams, grads, GRADIENTS);
            if (!ids) check_close("dx", R * I, r.dx, dx, GRADIENTS);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(random_stacks), TEST(random_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
