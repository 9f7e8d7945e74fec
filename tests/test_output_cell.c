/* test_output_cell.c - cell states as an ordinary output (RECUR_LAYER_OUTPUT_CELL): rows of y are
 * [h][c] for each direction. */
#include "support/support.h"

enum { I = 3, H = 5, B = 4 };
static const int64_t LENGTHS[B] = { 4, 0, 6, 3 };

static recur_layer *lstm(recur_context *ctx, const kind_row *kind, int64_t L, int direction,
                         uint32_t flags)
{
    recur_recurrent_options o = kind->with;
    recur_layer *layer;
    o.size = sizeof o;
    o.cell = kind->cell;
    o.input_size = I;
    o.hidden_size = H;
    o.num_layers = L;
    o.direction = direction;
    o.flags |= flags;
    OK(recur_recurrent_create(ctx, &o, &layer));
    return layer;
}

static bool has_c(int cell)
{
    return cell == RECUR_CELL_LSTM || cell == RECUR_CELL_LSTM_PEEPHOLE ||
           cell == RECUR_CELL_LSTM_COUPLED || cell == RECUR_CELL_LSTM_NORM ||
           cell == RECUR_CELL_QRNN || cell == RECUR_CELL_SRU;
}

/* What a trace shows of the top layer. */
typedef struct seen {
    float *c[2]; /* of each direction */
    int64_t L;
} seen;

static void look(const recur_trace *trace, void *user)
{
    seen *s = user;
    if (trace->event != RECUR_TRACE_FORWARD || trace->layer != s->L - 1) return;
    s->c[trace->reverse != 0] = copy_of(trace->rows * H, trace->c);
}

/* The plain layer's h, and the c that a trace shows, without a tape and with one. */
static void rows_are_h_and_c(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < ROWS; kind++)
            for (int form = 0; form < 6; form++) {
                const int64_t L = 1 + form / 3;
                const int direction = form % 3;
                if (!has_c(KINDS[kind].cell)) continue;
                trying("%s, L %d, direction %d", KINDS[kind].name, (int)L, direction);
                recur_layer *plain = lstm(ctx, &KINDS[kind], L, direction, 0);
                recur_layer *both = lstm(ctx, &KINDS[kind], L, direction, RECUR_LAYER_OUTPUT_CELL);
                const int64_t D = direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
                recur_layer_info info = { .size = sizeof info }, of = { .size = sizeof of };
                OK(recur_layer_describe(plain, -1, &info));
                OK(recur_layer_describe(both, -1, &of));
                const int64_t P = info.output_size / D, W = P + H;
                assert_int_equal(of.output_size, D * W);
                dice(5);
                randomize(plain, 0.6);
                dice(5);
                randomize(both, 0.6);
                recur_packed *packed = layout(ctx, B, LENGTHS, 0);
                recur_tape *tape;
                OK(recur_tape_create(ctx, &tape));
                OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
                const int64_t N = recur_packed_rows(packed);
                const float *x = randoms(N * I, 1);
                float *y = floats(N * D * P), *z = floats(N * D * W), *w = floats(N * D * W);
                seen s = { .L = L };
                OK(recur_tape_trace(tape, look, &s));
                OK(recur_layer_forward(plain, packed, x, NULL, y, tape));
                OK(recur_tape_trace(tape, NULL, NULL));
                OK(recur_layer_forward(both, packed, x, NULL, z, NULL));
                OK(recur_layer_forward(both, packed, x, NULL, w, tape));
                check_near("without a tape", N * D * W, z, w, OUTPUTS);
                for (int64_t n = 0; n < N; n++)
                    for (int64_t d = 0; d < D; d++) {
                        const int reverse = direction == RECUR_DIRECTION_REVERSE || d == 1;
                        const float *row = w + (n * D + d) * W;
                        check_near("h", P, row, y + (n * D + d) * P, OUTPUTS);
                        check_near("c", H, row + P, s.c[reverse] + n * H, OUTPUTS);
                    }
                recur_tape_release(tape);
                recur_packed_release(packed);
                recur_layer_release(plain);
                recur_layer_release(both);
                give_back();
            }
}

/* Steps of a stream, from the layer and from its snapshot, give the rows of a pass. */
static void stream_equals_pass(void **unused)
{
    (void)unused;
    enum { T = 5 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int kind = 0; kind < ROWS; kind++) {
            if (!has_c(KINDS[kind].cell)) continue;
            trying("%s", KINDS[kind].name);
            recur_layer *layer = lstm(ctx, &KINDS[kind], 2, 0, RECUR_LAYER_OUTPUT_CELL), *fast;
            randomize(layer, 0.6);
            OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &fast));
            recur_layer_info info = { .size = sizeof info };
            OK(recur_layer_describe(layer, -1, &info));
            const int64_t W = info.output_size;
            recur_packed *packed = layout(ctx, B, NULL, T);
            recur_state *state;
            OK(recur_state_create(layer, B, &state));
            const float *x = randoms(T * B * I, 1);
            float *want = floats(T * B * W), *got = floats(B * W);
            OK(recur_layer_forward(layer, packed, x, NULL, want, NULL));
            for (int snapshot = 0; snapshot < 2; snapshot++) {
                OK(recur_state_reset(state, -1));
                for (int t = 0; t < T; t++) {
                    OK(recur_layer_step(snapshot ? fast : layer, x + t * B * I, state, got, NULL));
                    check_near("y", B * W, got, want + t * B * W, OUTPUTS);
                }
            }
            recur_state_release(state);
            recur_packed_release(packed);
            recur_layer_release(fast);
            recur_layer_release(layer);
            give_back();
        }
}

/* Σ y r of a pass in double. */
static double loss(const recur_layer *layer, const recur_packed *packed, const float *x,
                   const float *r, float *y, int64_t count)
{
    double sum = 0;
    OK(recur_layer_forward(layer, packed, x, NULL, y, NULL));
    for (int64_t i = 0; i < count; i++) sum += (double)y[i] * (double)r[i];
    return sum;
}

/* Backward against finite differences, of all parameters and inputs. */
static void gradients_are_differences(void **unused)
{
    (void)unused;
    const double e = 1.0 / 512; /* a longer step may reach over a kink of hard sigmoid */
    recur_context *ctx = reference_context();
    for (int kind = 0; kind < ROWS; kind++)
        for (int direction = 0; direction < 3; direction++) {
            if (!has_c(KINDS[kind].cell) || has_kink(KINDS[kind].cell)) continue;
            if (KINDS[kind].with.cell_clip > 0 || KINDS[kind].with.preactivation_clip > 0) continue;
            trying("%s, direction %d", KINDS[kind].name, direction);
            dice((uint64_t)(3 * kind + direction));
            recur_layer *layer = lstm(ctx, &KINDS[kind], 2, direction, RECUR_LAYER_OUTPUT_CELL);
            randomize(layer, 0.5);
            recur_layer_info info = { .size = sizeof info };
            OK(recur_layer_describe(layer, -1, &info));
            recur_packed *packed = layout(ctx, B, LENGTHS, 0);
            recur_tape *tape;
            OK(recur_tape_create(ctx, &tape));
            const int64_t N = recur_packed_rows(packed), P = recur_layer_param_count(layer);
            const int64_t Y = N * info.output_size;
            float *x = randoms(N * I, 1), *r = randoms(Y, 1), *y = floats(Y);
            float *dx = floats(N * I), *grads = zeros(P), *params = recur_layer_params(layer);
            double *want = doubles(P + N * I);
            /* Without dropout and zoneout's chances a recorded pass is what inference is not. */
            const recur_recurrent_options *o = &KINDS[kind].with;
            if (o->recurrent_dropout > 0 || o->zoneout_hidden > 0 || o->zoneout_cell > 0)
                OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
            OK(recur_layer_forward(layer, packed, x, NULL, NULL, tape));
            OK(recur_layer_backward(layer, packed, x, r, NULL, dx, grads, tape));
            for (int64_t i = 0; i < P + N * I; i++) {
                float *v = i < P ? params + i : x + (i - P);
                const float before = *v;
                *v = (float)((double)before + e);
                const double above = loss(layer, packed, x, r, y, Y);
                *v = (float)((double)before - e);
                want[i] = (above - loss(layer, packed, x, r, y, Y)) / (2 * e);
                *v = before;
            }
            const tolerance allowed = { 2e-3, 0, 2e-3 };
            check_close("parameters", P, grads, want, allowed);
            check_close("x", N * I, dx, want + P, allowed);
            recur_tape_release(tape);
            recur_packed_release(packed);
            recur_layer_release(layer);
            give_back();
        }
    close_context(ctx);
}

/* Kinds without a cell state refuse it; a chain and a file take it like any layer. */
static void around_it(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    for (int kind = 0; kind < PLAIN; kind++) {
        recur_recurrent_options o = KINDS[kind].with;
        recur_layer *layer;
        if (has_c(KINDS[kind].cell)) continue;
        o.size = sizeof o;
        o.cell = KINDS[kind].cell;
        o.input_size = I;
        o.hidden_size = 4;
        o.flags = RECUR_LAYER_OUTPUT_CELL;
        trying("%s", KINDS[kind].name);
        FAILS(RECUR_E_UNSUPPORTED, recur_recurrent_create(ctx, &o, &layer),
              "RECUR_LAYER_OUTPUT_CELL");
    }
    const kind_row kind = { .cell = RECUR_CELL_LSTM };
    recur_layer *parts[2], *net, *opened;
    const char *const names[] = { "rnn", "fc" };
    parts[0] = lstm(ctx, &kind, 1, RECUR_DIRECTION_FORWARD, RECUR_LAYER_OUTPUT_CELL);
    OK(recur_linear_create(ctx, 2 * H, 2, 0, &parts[1]));
    OK(recur_compose_create(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, parts, &net));
    randomize(net, 0.5);
    recur_file *file;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    OK(recur_file_put_model(file, NULL, net, NULL));
    OK(recur_file_get_model(file, NULL, &opened));
    recur_packed *packed = layout(ctx, 2, NULL, 3);
    const float *x = randoms(2 * 3 * I, 1);
    float y[12], z[12];
    OK(recur_layer_forward(net, packed, x, NULL, y, NULL));
    OK(recur_layer_forward(opened, packed, x, NULL, z, NULL));
    check_same("opened", 12, z, y);
    recur_packed_release(packed);
    recur_file_release(file);
    recur_layer_release(opened);
    recur_layer_release(net);
    recur_layer_release(parts[0]);
    recur_layer_release(parts[1]);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(rows_are_h_and_c), TEST(stream_equals_pass),
                                        TEST(gradients_are_differences), TEST(around_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
