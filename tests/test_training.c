/* test_training.c - what chance decides in training: dropout on the recurrent connections, one mask for all steps of a sequence; and
 * zoneout, of each unit in each step. */
#include "support/support.h"

static recur_tape *tape_of(recur_context *ctx, int mode, uint64_t seed)
{
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, mode));
    OK(recur_tape_set_seed(tape, seed));
    return tape;
}

static recur_layer *one_layer(recur_context *ctx, recur_recurrent_options o, int64_t I, int64_t H, int direction)
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

/* ---- masks that can be seen --------------------------------------------------------------------------------------- */

enum { B = 40, T = 6, H = 50 };
static const double DROP = 0.3;

/* h' = h mask / (1 - p), from h = 1: units are multiplied by 1/(1-p) at every step, or are 0 for ever. */
static recur_layer *carrier(recur_context *ctx, int direction)
{
    recur_layer *layer = one_layer(ctx,
                                   (recur_recurrent_options){ .cell = RECUR_CELL_RNN_TANH,
                                                              .recurrent_dropout = DROP,
                                                              .activation = RECUR_ACTIVATION_IDENTITY },
                                   1, H, direction);
    fill(layer, "weight_hh", RECUR_INIT_IDENTITY, 1);
    return layer;
}

static float *carried(recur_context *ctx, const recur_layer *layer, int mode, uint64_t seed, int passes)
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
        check_frequency("as in the next sequence", same_neighbour, B * H, DROP * DROP + (1 - DROP) * (1 - DROP));
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

/* Masks hang on the seed and on the number of the pass; each direction has its own; without training there is none. */
static void masks_depend_on_seed_and_pass(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *layer = carrier(ctx, RECUR_DIRECTION_FORWARD), *both = carrier(ctx, RECUR_DIRECTION_BIDIRECTIONAL);
    const float *y = carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 1);
    const double apart = 2 * DROP * (1 - DROP);
    check_same("same seed", T * B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 1), y);
    check_frequency("seed", differences(B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 6, 1), y), B * H, apart);
    check_frequency("pass", differences(B * H, carried(ctx, layer, RECUR_TAPE_TRAIN, 5, 2), y), B * H, apart);
    const float *halves = carried(ctx, both, RECUR_TAPE_TRAIN, 5, 1) + (T - 1) * B * 2 * H;
    int64_t differ = 0; /* the reverse half is at its first step there */
    for (int64_t b = 0; b < B; b++) differ += differences(H, halves + b * 2 * H, halves + b * 2 * H + H);
    check_frequency("directions", differ, B * H, apart);
    for (int mode = RECUR_TAPE_EVALUATE; mode <= RECUR_TAPE_SENSITIVE; mode++) {
        const float *plain = carried(ctx, layer, mode, 5, 1);
        for (int64_t i = 0; i < T * B * H; i++) assert_true(plain[i] == 1.0f);
    }
    recur_layer_release(both);
    recur_layer_release(layer);
    close_context(ctx);
}

/* Zoneout: h' is what comes in, t + 1, or what was there. */
static void zoneout_of_h(void **unused)
{
    (void)unused;
    const double zone = 0.4;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = one_layer(ctx,
                                       (recur_recurrent_options){ .cell = RECUR_CELL_RNN_TANH,
                                                                  .zoneout_hidden = zone,
                                                                  .activation = RECUR_ACTIVATION_IDENTITY },
                                       1, H, RECUR_DIRECTION_FORWARD);
        fill(layer, "weight_ih", RECUR_INIT_CONSTANT, 1);
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
                if (!keeps && now != x[t * B]) fail_msg("step %d unit %d is %g", (int)t, (int)i, (double)now);
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

/* ---- masks that are guessed ---------------------------------------------------------------------------------------- */

enum { FEW = 3, STEPS = 2 };

/* Bit after bit of n, as 0 and `one`. */
static void bits(int64_t n, int64_t count, double one, double *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = (n >> i & 1) ? one : 0;
}

/* The least distance of y [STEPS][R] from what the textbook makes of any masks of h and zoneouts of so many bits. */
static double nearest(const recur_recurrent_options *o, naive_pass *p, const float *y, int64_t Y)
{
    const naive_recurrent net = textbook_of(o);
    const int64_t R = shape_of(o, 1).width, masks = o->recurrent_dropout > 0 ? R : 0,
                  hs = o->zoneout_hidden > 0 ? STEPS * R : 0, cs = o->zoneout_cell > 0 ? STEPS * FEW : 0;
    double *mask = doubles(R), *keep_h = doubles(STEPS * R), *keep_c = doubles(STEPS * FEW), best = INFINITY;
    p->mask = masks ? mask : NULL;
    p->keep_h = keep_h;
    p->keep_c = keep_c;
    for (int64_t n = 0; n < (int64_t)1 << (masks + hs + cs); n++) {
        double furthest = 0;
        bits(n, masks, 1 / (1 - o->recurrent_dropout), mask);
        bits(n >> masks, hs, 1, keep_h);
        bits(n >> (masks + hs), cs, 1, keep_c);
        naive_forward(&net, p);
        for (int64_t i = 0; i < Y; i++) furthest = fmax(furthest, fabs((double)y[i] - p->y[i]));
        best = fmin(best, furthest);
    }
    return best;
}

/* One sequence of two steps, three units: some masks explain what training gives, and those without chance do not always. */
static void check_guess(recur_context *ctx, const kind_row *kind)
{
    const recur_recurrent_options o = options_of(kind, 1, FEW, 1, RECUR_DIRECTION_FORWARD, 0);
    const state_shape shape = shape_of(&o, 1);
    recur_packed *packed = layout(ctx, 1, NULL, STEPS);
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &o, &layer));
    int64_t unlike = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        randomize(layer, 1);
        const float *x = randoms(STEPS, 1), *s0 = random_state(&o, 1, 1);
        const double *h0 = widen(shape.floats, s0);
        double *sn = doubles(shape.floats);
        const int64_t Y = STEPS * shape.width;
        run r = { .packed = packed, .x = x, .s0 = s0, .dy = zeros(Y), .seed = seed }, mean = r;
        run_both(ctx, layer, &r);
        run_forward(layer, &mean);
        const int64_t lengths[] = { STEPS };
        naive_pass p = { .B = 1,
                         .lengths = lengths,
                         .params = widen(recur_layer_count(layer), recur_layer_params(layer)),
                         .x = widen(STEPS, x),
                         .h0 = h0,
                         .c0 = h0 + shape.h,
                         .y = doubles(Y),
                         .hn = sn,
                         .cn = sn + shape.h };
        const double distance = nearest(&o, &p, r.y, Y);
        if (distance > 1e-5) fail_msg("%s: nothing explains y, the nearest is %g away", kind->name, distance);
        for (int64_t i = 0; i < Y; i++) unlike += fabsf(r.y[i] - mean.y[i]) > 1e-4f;
        give_back();
    }
    if (unlike < 8) fail_msg("%s: training is like evaluation", kind->name);
    recur_layer_release(layer);
    recur_packed_release(packed);
}

static void some_mask_explains_it(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++) {
            kind_row kind = KINDS[k];
            dice((uint64_t)k);
            kind.with.recurrent_dropout = 0.4;
            trying("%s %s recurrent dropout", recur_context_isa(ctx), kind.name);
            check_guess(ctx, &kind);
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
    const struct CMUnitTest tests[] = { TEST(one_mask_for_all_steps), TEST(masks_depend_on_seed_and_pass),
                                        TEST(zoneout_of_h), TEST(some_mask_explains_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
