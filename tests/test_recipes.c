/* test_recipes.c - the recipes of docs/recipes.md about time, each against a law that says what its
 * numbers must be. */
#include "support/recipes.h"

static float *values_of(const recur_state *state)
{
    float *values = floats(recur_state_count(state));
    OK(recur_state_read(state, 0, recur_state_count(state), values));
    return values;
}

/* ---- truncated backpropagation -------------------------------------------------------------- */

enum { STRANDS = 3, STEPS = 13 };

/* Runs one window as the recipe does, which begins `shift` steps before the next one, and gives its
 * gradients. The state moves on by shift. */
static float *learn_window(recur_layer *net, recur_tape *tape, int64_t window, int64_t shift,
                           const float *x, const float *dy, recur_state *state)
{
    recur_packed *head = layout(NULL, STRANDS, NULL, shift),
                 *rest = layout(NULL, STRANDS, NULL, window - shift);
    recur_state *next = state_of(net, STRANDS), *dstate = state_of(net, STRANDS);
    const float *x_rest = x + shift * STRANDS * I, *dy_rest = dy + shift * STRANDS * C;
    float *y = floats(window * STRANDS * C), *grads = zeros(recur_layer_param_count(net));
    OK(recur_layer_forward(net, head, x, state, y, tape));
    OK(recur_state_copy(next, state));
    if (shift < window)
        OK(recur_layer_forward(net, rest, x_rest, state, y + shift * STRANDS * C, tape));
    OK(recur_state_reset(dstate, -1));
    if (shift < window)
        OK(recur_layer_backward(net, rest, x_rest, dy_rest, dstate, NULL, grads, tape));
    OK(recur_layer_backward(net, head, x, dy, dstate, NULL, grads, tape));
    OK(recur_state_copy(state, next));
    recur_state_release(next);
    recur_state_release(dstate);
    recur_packed_release(head);
    recur_packed_release(rest);
    return grads;
}

/* Every window starts in the state that the whole text has there, and its gradient is that of one
 * pass over the window. */
static void windows(recur_context *ctx, int k)
{
    static const int64_t sizes[][2] = { { 6, 2 }, { 5, 4 }, { 4, 4 }, { 3, 1 } };
    recur_layer *net = model(ctx, k);
    const float *x = randoms(STEPS * STRANDS * I, 1), *dy = randoms(STEPS * STRANDS * C, 1);
    for (int i = 0; i < COUNT(sizes); i++) {
        const int64_t window = sizes[i][0], shift = sizes[i][1];
        recur_tape *tape = tape_of(ctx);
        recur_state *state = state_of(net, STRANDS), *whole = state_of(net, STRANDS);
        recur_packed *at_once = layout(ctx, STRANDS, NULL, window),
                     *moved = layout(ctx, STRANDS, NULL, shift);
        for (int64_t t = 0; t + window <= STEPS; t += shift) {
            const float *from = x + t * STRANDS * I;
            run one = {
                .packed = at_once, .x = from, .dy = dy + t * STRANDS * C, .s0 = values_of(whole)
            };
            check_near("where a window starts", recur_state_count(state), values_of(state), one.s0,
                       OUTPUTS);
            run_both(ctx, net, &one);
            const float *grads = learn_window(net, tape, window, shift, from, dy + t * STRANDS * C,
                                              state);
            check_near("its gradient", recur_layer_param_count(net), grads, one.dparams, GRADIENTS);
            assert_int_equal(recur_tape_records(tape), 0);
            /* The state runs over the whole text, without windows. */
            OK(recur_layer_forward(net, moved, from, whole, NULL, NULL));
        }
        recur_packed_release(at_once);
        recur_packed_release(moved);
        recur_state_release(state);
        recur_state_release(whole);
        recur_tape_release(tape);
    }
    recur_layer_release(net);
}
RECIPE(windows)

/* ---- encoder and decoder -------------------------------------------------------------------- */

enum { PAIRS = 4 };
static const int64_t READ[PAIRS] = { 2, 5, 0, 3 }, WRITTEN[PAIRS] = { 3, 1, 2, 0 };
enum { READ_ROWS = 10, WRITTEN_ROWS = 6 };

/* With equal parameters, encoder and decoder are one layer over what is read and then written, of
   which only the latter has a loss: their gradients add up to its. */
static void hand_over(recur_context *ctx, int k)
{
    recur_layer *one = recurrent(ctx, KINDS[k].cell, I, H, 2, RECUR_DIRECTION_FORWARD, 0),
                *parts[2] = { one, one };
    randomize(one, 0.6);
    recur_layer *model_ = NULL, *encoder = NULL, *decoder = NULL;
    int64_t at_encoder = -1, at_decoder = -1, lengths[PAIRS], P = recur_layer_param_count(one);
    OK(recur_compose_create(ctx, RECUR_COMPOSE_GROUP, 2,
                            (const char *const[]){ "encoder", "decoder" }, parts, &model_));
    OK(recur_layer_child(model_, "encoder", &encoder, &at_encoder));
    OK(recur_layer_child(model_, "decoder", &decoder, &at_decoder));
    recur_packed *source = layout(ctx, PAIRS, READ, 0), *target = layout(ctx, PAIRS, WRITTEN, 0);
    const float *x = randoms(READ_ROWS * I, 1), *x2 = randoms(WRITTEN_ROWS * I, 1),
                *dy = randoms(WRITTEN_ROWS * H, 1);
    float *y = floats(WRITTEN_ROWS * H), *grads = zeros(2 * P);

    recur_tape *tape = tape_of(ctx);
    recur_state *state = state_of(encoder, PAIRS), *dstate = state_of(encoder, PAIRS);
    OK(recur_layer_forward(encoder, source, x, state, NULL, tape));
    OK(recur_layer_forward(decoder, target, x2, state, y, tape));
    OK(recur_layer_backward(decoder, target, x2, dy, dstate, NULL, grads + at_decoder, tape));
    OK(recur_layer_backward(encoder, source, x, NULL, dstate, NULL, grads + at_encoder, tape));

    for (int64_t b = 0; b < PAIRS; b++) lengths[b] = READ[b] + WRITTEN[b];
    recur_packed *both = layout(ctx, PAIRS, lengths, 0);
    float *all = floats((READ_ROWS + WRITTEN_ROWS) * I),
          *dall = zeros((READ_ROWS + WRITTEN_ROWS) * H);
    for (int64_t b = 0; b < PAIRS; b++)
        for (int64_t t = 0; t < lengths[b]; t++) {
            const int64_t to = recur_packed_row(both, b, t), later = t - READ[b];
            const int64_t from = recur_packed_row(later < 0 ? source : target, b,
                                                  later < 0 ? t : later);
            memcpy(all + to * I, (later < 0 ? x : x2) + from * I, I * sizeof *all);
            if (later >= 0) memcpy(dall + to * H, dy + from * H, H * sizeof *dall);
        }
    run r = { .packed = both, .x = all, .dy = dall };
    run_both(ctx, one, &r);
    for (int64_t b = 0; b < PAIRS; b++)
        for (int64_t t = 0; t < WRITTEN[b]; t++)
            check_near("y", H, y + recur_packed_row(target, b, t) * H,
                       r.y + recur_packed_row(both, b, READ[b] + t) * H, OUTPUTS);
    for (int64_t i = 0; i < P; i++) grads[i] += grads[P + i];
    check_near("dparams", P, grads, r.dparams, GRADIENTS);

    recur_packed *const layouts[] = { source, target, both };
    for (int i = 0; i < COUNT(layouts); i++) recur_packed_release(layouts[i]);
    recur_state_release(state);
    recur_state_release(dstate);
    recur_tape_release(tape);
    recur_layer *const layers[] = { encoder, decoder, model_, one };
    for (int i = 0; i < COUNT(layers); i++) recur_layer_release(layers[i]);
}
RECIPE(hand_over)

/* ---- one to many ---------------------------------------------------------------------------- */

enum { PICTURES = 2, FEATURES = 3, WORDS = 3, NOTHING = PICTURES * WORDS * I };

/* Runs sequences that begin in a state made from features, and gives the loss sum(y r) and, with
 * grads and df, its gradients. */
static double caption(recur_context *ctx, const recur_layer *to_h, const recur_layer *net,
                      const float *features, const float *r, float *grads, float *df)
{
    recur_packed *one = layout(ctx, PICTURES, NULL, 1), *words = layout(ctx, PICTURES, NULL, WORDS);
    recur_tape *tape = tape_of(ctx);
    recur_state *state = state_of(net, PICTURES), *dstate = state_of(net, PICTURES);
    const int64_t S = 2 * PICTURES * H; /* "h" of both layers; a c stays zero */
    const float *x = zeros(NOTHING);
    float *h0 = floats(S), *y = floats(PICTURES * WORDS * C), *dh0 = floats(S);
    OK(recur_layer_forward(to_h, one, features, NULL, h0, tape));
    float *by_layer = floats(S);
    for (int64_t b = 0; b < PICTURES; b++)
        for (int64_t l = 0; l < 2; l++)
            memcpy(by_layer + (l * PICTURES + b) * H, h0 + (b * 2 + l) * H, H * sizeof(float));
    OK(recur_state_write(state, 0, S, by_layer));
    OK(recur_layer_forward(net, words, x, state, y, tape));
    double value = 0;
    for (int64_t i = 0; i < PICTURES * WORDS * C; i++) value += (double)y[i] * (double)r[i];
    if (grads) {
        OK(recur_layer_backward(net, words, x, r, dstate, NULL, NULL, tape));
        OK(recur_state_read(dstate, 0, S, by_layer));
        for (int64_t b = 0; b < PICTURES; b++)
            for (int64_t l = 0; l < 2; l++)
                memcpy(dh0 + (b * 2 + l) * H, by_layer + (l * PICTURES + b) * H, H * sizeof(float));
        OK(recur_layer_backward(to_h, one, features, dh0, NULL, df, grads, tape));
    }
    recur_state_release(state);
    recur_state_release(dstate);
    recur_tape_release(tape);
    recur_packed_release(one);
    recur_packed_release(words);
    return value;
}

/* f'(v) ≈ (8 (f(v+e) - f(v-e)) - (f(v+2e) - f(v-2e))) / 12e, as test_gradients.c has it. */
#define SLOPE(v, f)                                                             \
    do {                                                                        \
        const float at = v;                                                     \
        double value[5];                                                        \
        for (int e = -2; e <= 2; e++) v = at + (float)e / 32, value[e + 2] = f; \
        v = at;                                                                 \
        slope = (8 * (value[3] - value[1]) - (value[4] - value[0])) * 32 / 12;  \
    } while (0)

/* The gradient of the initial state goes on into what made it. */
static void from_features(recur_context *ctx, int k)
{
    if (has_kink(KINDS[k].cell)) return; /* has kinks */
    recur_layer *net = model(ctx, k), *to_h = NULL;
    OK(recur_linear_create(ctx, FEATURES, 2 * H, 0, &to_h));
    randomize(to_h, 0.6);
    float *features = randoms(PICTURES * FEATURES, 1), *df = floats(PICTURES * FEATURES);
    const float *r = randoms(PICTURES * WORDS * C, 1);
    const int64_t P = recur_layer_param_count(to_h);
    float *grads = zeros(P), *params = recur_layer_params(to_h);
    double slope = 0, *want = doubles(P);
    const tolerance differences = { 3e-4, 0, 1e-3 };
    caption(ctx, to_h, net, features, r, grads, df);
    for (int64_t i = 0; i < P; i++) {
        SLOPE(params[i], caption(ctx, to_h, net, features, r, NULL, NULL));
        want[i] = slope;
    }
    check_close("dparams of what makes the state", P, grads, want, differences);
    for (int64_t i = 0; i < PICTURES * FEATURES; i++) {
        SLOPE(features[i], caption(ctx, to_h, net, features, r, NULL, NULL));
        want[i] = slope;
    }
    check_close("gradient of the features", PICTURES * FEATURES, df, want, differences);
    recur_layer_release(net);
    recur_layer_release(to_h);
}
RECIPE(from_features)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(recipe_windows), TEST(recipe_hand_over),
                                        TEST(recipe_from_features) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
