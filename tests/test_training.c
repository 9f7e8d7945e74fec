/* test_training.c - what chance decides in training: dropout on the recurrent connections, one mask
 * for all steps of a sequence; and zoneout, of each unit in each step. */
#include "support/support.h"

static recur_tape *tape_of(recur_context *ctx, int mode, uint64_t seed)
{
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, mode));
    OK(recur_tape_set_seed(tape, seed));
    return tape;
}

static recur_layer *one_layer(recur_context *ctx, recur_recurrent_options o, int64_t I, int64_t H,
                              int direction)
{
    recur_layer *layer = NULL;
    o.size = sizeof o;
    o.input_size = I;
    o.hidden_size = H;
    o.direction = direction;
    OK(recur_recurrent_create(ctx, &o, &layer));
    return layer;
}

static void fill(recur_layer *layer, const char *match, int scheme, double value)
{
    OK(recur_layer_init(layer, match, scheme, value, 0));
}

/* ---- masks that can be seen ----------------------------------------------------------------- */

enum { B = 40, T = 6, H = 50 };
static const double DROP = 0.3;

/* h' = h mask / (1 - p), from h = 1: units are multiplied by 1/(1-p) at every step, or are 0 for
 * ever. */
static recur_layer *carrier(recur_context *ctx, int direction)
{
    recur_layer *layer = one_layer(
        ctx,
        (recur_recurrent_options){ .cell = RECUR_CELL_RNN_TANH,
                                   .recurrent_dropout = DROP,
                                   .activation = RECUR_ACTIVATION_IDENTITY },
        1, H, direction);
    fill(layer, "weight_hh*", RECUR_INIT_IDENTITY, 1);
    return layer;
}

static float *carried(recur_context *ctx, const recur_layer *layer, int mode, uint64_t seed,
                      int passes)
{
    const int64_t D = info_of(layer, -1).direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    recur_packed *packed = layout(ctx, B, NULL, T);
    recur_tape *tape = tape_of(ctx, mode, seed);
    recur_state *state = NULL;
    OK(recur_state_create(layer, B, &state));
    float *ones = zeros(D * B * H), *y = floats(T * B * D * H);
    for (int64_t i = 0; i < D * B * H; i++) ones[i] = 1;
    for (int i = 0; i < passes; i++) {
        OK(recur_state_write(state, 0, D * B * H, ones));
        OK(recur_layer_forward(layer, packed, zeros(T * B), state, y, tape));
    }
    recur_state_release(state);
    recur_tape_release(tape);
    recur_packed_release(packed);
    return y;
}

/* A frequency of n throws lies within five deviations of its probability. */
static void check_frequency(const char *what, int64_t hits, int64_t n, double p)
{
    const double deviation = sqrt((double)n * p * (1 - p));
    if (fabs((double)hits - (double)n * p) > 5 * deviation)
        fail_msg("%s: %d of %d are not %g", what, (int)hits, (int)n, p);
}

static void one_mask_for_all_steps(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = carrier(ctx, RECUR_DIRECTION_FORWARD);
        const float *y = carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 1);
        int64_t kept = 0, same_neighbour = 0;
        for (int64_t i = 0; i < B * H; i++) {
            kept += y[i] > 0;
            same_neighbour += (y[i] > 0) == (y[(i + H) % (B * H)] > 0);
            double want = 1;
            for (int64_t t = 0; t < T; t++) {
                want = y[i] > 0 ? want / (1 - DROP) : 0;
                const double got = (double)y[t * B * H + i];
                if (fabs(got - want) > 1e-5 * want)
                    fail_msg("unit %d step %d is %g, not %g", (int)i, (int)t, got, want);
            }
        }
        check_frequency("kept", kept, B * H, 1 - DROP);
        check_frequency("as in the next sequence", same_neighbour, B * H,
                        DROP * DROP + (1 - DROP) * (1 - DROP));
        recur_layer_release(layer);
        give_back();
    }
}

static int64_t differences(int64_t n, const float *a, const float *b)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += (a[i] > 0) != (b[i] > 0);
    return count;
}

/* Masks depend on the seed and on the number of the pass. Each direction has its own. Without
 * training there is none. */
static void masks_depend_on_seed_and_pass(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *layer = carrier(ctx, RECUR_DIRECTION_FORWARD),
                *both = carrier(ctx, RECUR_DIRECTION_BIDIRECTIONAL);
    const float *y = carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 1);
    const double apart = 2 * DROP * (1 - DROP);
    check_same("same seed", T * B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 1), y);
    check_frequency("seed", differences(B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 6, 1), y),
                    B * H, apart);
    check_frequency("pass", differences(B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 2), y),
                    B * H, apart);
    const float *halves = carried(ctx, both, RECUR_TAPE_TRAIN, 5, 1) + (T - 1) * B * 2 * H;
    int64_t differ = 0; /* the reverse half is at its first step there */
    for (int64_t b = 0; b < B; b++)
        differ += differences(H, halves + b * 2 * H, halves + b * 2 * H + H);
    check_frequency("directions", differ, B * H, apart);
    for (int mode = RECUR_TAPE_EVALUATE; mode <= RECUR_TAPE_RECORD_NO_DROPOUT; mode++) {
        const float *plain = carried(ctx, layer, mode, 5, 1);
        for (int64_t i = 0; i < T * B * H; i++) assert_true(plain[i] == 1.0f);
    }
    recur_layer_release(both);
    recur_layer_release(layer);
    close_context(ctx);
}

/* With zoneout, h' is what comes in, t + 1, or what was there. */
static void zoneout_of_h(void **unused)
{
    (void)unused;
    const double zone = 0.4;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = one_layer(
            ctx,
            (recur_recurrent_options){ .cell = RECUR_CELL_RNN_TANH,
                                       .zoneout_hidden = zone,
                                       .activation = RECUR_ACTIVATION_IDENTITY },
            1, H, RECUR_DIRECTION_FORWARD);
        fill(layer, "weight_ih*", RECUR_INIT_CONSTANT, 1);
        recur_packed *packed = layout(ctx, B, NULL, T);
        recur_tape *tape = tape_of(ctx, RECUR_TAPE_TRAIN, 3);
        float *x = floats(T * B), *y = floats(T * B * H);
        for (int64_t i = 0; i < T * B; i++) x[i] = (float)(i / B + 1);
        OK(recur_layer_forward(layer, packed, x, NULL, y, tape));
        int64_t kept = 0, twice = 0, chances = 0;
        for (int64_t t = 0; t < T; t++)
            for (int64_t i = 0; i < B * H; i++) {
                const float now = y[t * B * H + i], before = t ? y[(t - 1) * B * H + i] : 0,
                            two = t > 1 ? y[(t - 2) * B * H + i] : 0;
                const bool keeps = now == before, kept_before = t > 0 && before == two;
                if (!keeps && now != x[t * B])
                    fail_msg("step %d unit %d is %g", (int)t, (int)i, (double)now);
                kept += keeps;
                chances += kept_before;
                twice += keeps && kept_before;
            }
        check_frequency("kept", kept, T * B * H, zone);
        check_frequency("kept twice", twice, chances, zone);
        recur_tape_release(tape);
        recur_packed_release(packed);
        recur_layer_release(layer);
        give_back();
    }
}

/* ---- masks that are guessed ----------------------------------------------------------------- */

enum { FEW = 3, STEPS = 2 };

/* Writes bit after bit of n, as 0 and `one`. */
static void expand(int64_t n, int64_t count, double one, double *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = (n >> i & 1) ? one : 0;
}

/* Counts the bits that decide a pass: masks of h, and zoneouts of h and c in every step. */
typedef struct chance {
    int64_t mask, h, c;
} chance;

static chance chance_of(const recur_recurrent_options *o)
{
    const int64_t R = shape_of(o, 1).width;
    return (chance){ o->recurrent_dropout > 0 ? R : 0, o->zoneout_hidden > 0 ? STEPS * R : 0,
                     o->zoneout_cell > 0 ? STEPS * FEW : 0 };
}

/* Tells the textbook what chance number n decides. */
static void decide(const recur_recurrent_options *o, int64_t n, double *mask, double *keep_h,
                   double *keep_c)
{
    const chance bits = chance_of(o);
    expand(n, bits.mask, 1 / (1 - o->recurrent_dropout), mask);
    expand(n >> bits.mask, bits.h, 1, keep_h);
    expand(n >> (bits.mask + bits.h), bits.c, 1, keep_c);
}

static double furthest(int64_t count, const float *a, const double *b)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

/* Makes p the pass whose y and final state come nearest to those given, of all that chance might
 * decide; gives its distance. */
static double nearest(const recur_recurrent_options *o, naive_pass *p, const float *y, int64_t Y,
                      const float *sn)
{
    const int64_t S = shape_of(o, 1).floats;
    const naive_recurrent net = textbook_of(o);
    const chance bits = chance_of(o);
    double *mask = doubles(FEW), *keep_h = doubles(STEPS * FEW), *keep_c = doubles(STEPS * FEW),
           best = INFINITY;
    int64_t chosen = 0;
    p->mask = bits.mask ? mask : NULL;
    p->keep_h = keep_h;
    p->keep_c = keep_c;
    for (int64_t n = 0; n < (int64_t)1 << (bits.mask + bits.h + bits.c); n++) {
        decide(o, n, mask, keep_h, keep_c);
        naive_forward(&net, p);
        const double distance = fmax(furthest(Y, y, p->y), furthest(S, sn, p->hn));
        if (distance < best) chosen = n;
        best = fmin(best, distance);
    }
    decide(o, chosen, mask, keep_h, keep_c);
    naive_differences(&net, p);
    return best;
}

/* The pass has one sequence of two steps, and three units. */
typedef struct small {
    recur_recurrent_options options;
    state_shape shape;
    recur_layer *layer;
    recur_packed *packed;
    int64_t P, Y;
} small;

static naive_pass textbook(const small *q, const run *r)
{
    static const int64_t lengths[] = { STEPS };
    const double *s0 = widen(q->shape.floats, r->s0), *dsn = widen(q->shape.floats, r->dsn);
    double *sn = doubles(q->shape.floats), *ds0 = doubles(q->shape.floats);
    return (naive_pass){ .B = 1,
                         .lengths = lengths,
                         .params = widen(q->P, recur_layer_params(q->layer)),
                         .x = widen(STEPS, r->x),
                         .h0 = s0,
                         .c0 = s0 + q->shape.h,
                         .dy = widen(q->Y, r->dy),
                         .dhn = dsn,
                         .dcn = dsn + q->shape.h,
                         .y = doubles(q->Y),
                         .hn = sn,
                         .cn = sn + q->shape.h,
                         .dx = doubles(STEPS),
                         .dh0 = ds0,
                         .dc0 = ds0 + q->shape.h,
                         .dparams = doubles(q->P) };
}

/* Checks that some masks explain what training gives, and that its gradients are those of these
 * masks. Returns how many outputs differ from evaluation. */
static int64_t check_one(recur_context *ctx, const small *q, uint64_t seed)
{
    /* Norms over few units make small errors large. */
    static const tolerance gradients = { 1e-4, 0, 1e-3 };
    randomize(q->layer, 1);
    run r = { .packed = q->packed,
              .x = randoms(STEPS, 1),
              .s0 = random_state(&q->options, 1, 1),
              .dy = randoms(q->Y, 1),
              .dsn = randoms(q->shape.floats, 1),
              .seed = seed };
    run mean = r;
    run_both(ctx, q->layer, &r);
    run_forward(q->layer, &mean);
    naive_pass p = textbook(q, &r);
    const double distance = nearest(&q->options, &p, r.y, q->Y, r.sn);
    if (distance > 2e-5)
        fail_msg("cell %d: nothing explains y, the nearest is %g away", q->options.cell, distance);
    check_close("dparams", q->P, r.dparams, p.dparams, gradients);
    check_close("dx", STEPS, r.dx, p.dx, gradients);
    const bool counters = q->options.cell == RECUR_CELL_CLOCKWORK;
    check_close("grad of state", counters ? q->shape.h : q->shape.floats, r.ds0, p.dh0, gradients);
    int64_t unlike = 0;
    for (int64_t i = 0; i < q->Y; i++) unlike += fabsf(r.y[i] - mean.y[i]) > 1e-4f;
    give_back();
    return unlike;
}

static void check_guess(recur_context *ctx, const kind_row *kind)
{
    small q = { .options = options_of(kind, 1, FEW, 1, RECUR_DIRECTION_FORWARD, 0) };
    int64_t unlike = 0;
    q.shape = shape_of(&q.options, 1);
    q.packed = layout(ctx, 1, NULL, STEPS);
    OK(recur_recurrent_create(ctx, &q.options, &q.layer));
    q.P = recur_layer_param_count(q.layer);
    q.Y = STEPS * q.shape.width;
    for (uint64_t seed = 0; seed < 6; seed++) unlike += check_one(ctx, &q, seed);
    if (unlike < 8) fail_msg("%s: training is like evaluation", kind->name);
    recur_layer_release(q.layer);
    recur_packed_release(q.packed);
}

static void some_mask_explains_it(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < COUNT(KINDS); k++) {
            kind_row kind = KINDS[k];
            dice((uint64_t)k);
            kind.with.zoneout_hidden = kind.with.zoneout_cell = 0;
            kind.with.recurrent_dropout = has_U(kind.cell) ? 0.4 : 0;
            trying("%s %s recurrent dropout", recur_context_isa(ctx), kind.name);
            if (has_U(kind.cell)) check_guess(ctx, &kind);
            kind.with.zoneout_hidden = 0.4;
            if (naive_has_c(kind.cell) && kind.cell != RECUR_CELL_CLOCKWORK) {
                kind.with.zoneout_cell = 0.3;
                kind.with.recurrent_dropout = 0; /* fewer to try */
            }
            trying("%s %s zoneout", recur_context_isa(ctx), kind.name);
            check_guess(ctx, &kind);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(one_mask_for_all_steps),
                                        TEST(masks_depend_on_seed_and_pass), TEST(zoneout_of_h),
                                        TEST(some_mask_explains_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
