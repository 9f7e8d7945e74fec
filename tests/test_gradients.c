/* test_gradients.c - backward against finite differences, for every kind of cell and layer.
 *
 * The loss is sum(y r) + sum(final state s). Its derivative comes from four points,
 *
 *     f'(v) ≈ (8 (f(v+e) - f(v-e)) - (f(v+2e) - f(v-2e))) / 12e,      e = 1/32,
 *
 * whose truncation, e⁴/30 times the fifth derivative, is some 1e-7; float32 outputs with errors of
 * 1e-7, some hundred of them, add about 1e-6/e = 3e-5. The reference arithmetic is used, so neither
 * hides the other. */
#include "support/networks.h"

static const double E = 1.0 / 32;
static const tolerance DIFFERENCES = { 1e-4, 0, 1e-3 };

/* A model with its parameters and all that goes in. */
typedef struct point {
    recur_layer *layer;
    const recur_packed *packed;
    float *x, *s0; /* s0 NULL: without a state */
    const int32_t *ids;
    const float *r, *s;
    recur_tape *tape;
    recur_state *state;
    float *y, *sn;
    int64_t X, Y, S;
} point;

static double loss(point *p)
{
    OK(recur_tape_reset(p->tape));
    OK(recur_tape_set_seed(p->tape, 99));
    if (p->s0) OK(recur_state_write(p->state, 0, p->S, p->s0));
    recur_state *state = p->s0 ? p->state : NULL;
    if (p->ids)
        OK(recur_layer_forward_ids(p->layer, p->packed, p->ids, state, p->y, p->tape));
    else
        OK(recur_layer_forward(p->layer, p->packed, p->x, state, p->y, p->tape));
    double sum = 0;
    for (int64_t i = 0; i < p->Y; i++) sum += (double)p->y[i] * (double)p->r[i];
    if (!p->s0) return sum;
    OK(recur_state_read(p->state, 0, p->S, p->sn));
    for (int64_t i = 0; i < p->S; i++) sum += (double)p->sn[i] * (double)p->s[i];
    return sum;
}

static double loss_with(point *p, float *v, double value)
{
    const float before = *v;
    *v = (float)value;
    const double f = loss(p);
    *v = before;
    return f;
}

static void check_gradient(const char *what, point *p, int64_t count, float *v, const float *got)
{
    double *want = doubles(count);
    for (int64_t i = 0; i < count; i++) {
        const double at = (double)v[i];
        const double near = loss_with(p, &v[i], at + E) - loss_with(p, &v[i], at - E);
        const double far = loss_with(p, &v[i], at + 2 * E) - loss_with(p, &v[i], at - 2 * E);
        want[i] = (8 * near - far) / (12 * E);
    }
    check_close(what, count, got, want, DIFFERENCES);
}

/* Checks all gradients of a layer, and releases it. options: those of a recurrence, or NULL. */
static void check_layer(recur_context *ctx, recur_layer *layer,
                        const recur_recurrent_options *options, const recur_packed *packed,
                        bool ids, bool with_state, int mode)
{
    const recur_layer_info info = info_of(layer, -1);
    point p = { .layer = layer, .packed = packed };
    p.X = recur_packed_rows(packed) * info.input_size;
    p.Y = recur_layer_rows(layer, packed) * info.output_size;
    OK(recur_state_create(layer, recur_packed_batch(packed), &p.state));
    OK(recur_tape_create(ctx, &p.tape));
    OK(recur_tape_set_mode(p.tape, mode));
    p.S = recur_state_count(p.state);
    p.x = floats(p.X);
    for (int64_t i = 0; i < p.X; i++)
        p.x[i] = between(0.3, 1.2) * (below(2) ? 1.0f : -1.0f); /* away from a ReLU's kink */
    p.ids = ids ? random_ids(recur_packed_rows(packed), info.input_size) : NULL;
    p.r = randoms(p.Y, 1);
    p.s = randoms(p.S, 1);
    const int64_t batch = recur_packed_batch(packed);
    if (with_state) p.s0 = options ? random_state(options, batch, 1) : randoms(p.S, 1);
    p.y = floats(p.Y);
    p.sn = floats(p.S);
    run r = { .packed = packed,
              .x = p.x,
              .ids = p.ids,
              .s0 = p.s0,
              .dsn = with_state ? p.s : NULL,
              .dy = p.r,
              .mode = mode,
              .seed = 99 };
    run_both(ctx, layer, &r);
    check_gradient("dparams", &p, recur_layer_param_count(layer), recur_layer_params(layer),
                   r.dparams);
    if (!ids) check_gradient("dx", &p, p.X, p.x, r.dx);
    /* Counters stand behind h and have no gradient. */
    const bool counters = options && options->cell == RECUR_CELL_CLOCKWORK;
    if (with_state)
        check_gradient("grad of initial state", &p, counters ? shape_of(options, batch).h : p.S,
                       p.s0, r.ds0);
    recur_state_release(p.state);
    recur_tape_release(p.tape);
    recur_layer_release(layer);
    give_back();
}

static recur_packed *ragged(recur_context *ctx)
{
    return layout(ctx, 4, (const int64_t[]){ 2, 0, 4, 1 }, 4);
}

/* Parameters at which no unit of a ReLU recurrence comes near its kink: small weights, biases of 4
 * and -4 in turn. */
static recur_layer *prepared(recur_layer *layer, int cell)
{
    randomize(layer, 0.7);
    if (!has_kink(cell)) return layer;
    randomize(layer, 0.1);
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor t = { .size = sizeof t };
        OK(recur_layer_tensor_info(layer, i, &t));
        for (int64_t j = 0; strstr(t.name, "bias_ih") && j < t.count; j++)
            recur_layer_params(layer)[t.offset + j] = j % 2 ? 4 : -4;
    }
    return layer;
}

/* test_kinds and test_training check functions with kinks, clips, and norms, whose fifth
 * derivatives are large. */
static bool smooth(const kind_row *kind)
{
    const recur_recurrent_options *o = &kind->with;
    return !naive_norms(kind->cell) && !(o->preactivation_clip > 0) && !(o->cell_clip > 0) &&
           !o->gate_activation && !o->activation;
}

typedef enum { WITH_STATE, FROM_START, WITH_IDS, WITHOUT_BIAS, IN_TRAINING, WAYS } route;

static void check_recurrence(recur_context *ctx, const kind_row *kind, const recur_packed *packed,
                             int direction, route how)
{
    const bool bare = how == WITHOUT_BIAS;
    recur_recurrent_options o = options_of(kind, 3, 4, bare ? 1 : 2, direction,
                                           bare ? RECUR_LAYER_NO_BIAS : 0);
    if (how == IN_TRAINING) o.dropout = o.zoneout_hidden = 0.3;
    if (how == IN_TRAINING && has_U(kind->cell)) o.recurrent_dropout = 0.3;
    trying("%s direction %d way %d", kind->name, direction, (int)how);
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &o, &layer));
    check_layer(ctx, prepared(layer, kind->cell), &o, packed, how == WITH_IDS, how != FROM_START,
                how == IN_TRAINING ? RECUR_TAPE_TRAIN : RECUR_TAPE_RECORD_NO_DROPOUT);
}

static void recurrences(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(5);
    for (int k = 0; k < COUNT(KINDS); k++)
        for (int direction = 0; direction < 3; direction++)
            for (int how = 0; how < WAYS; how++) {
                const bool needs_bias = has_kink(KINDS[k].cell);
                if (smooth(&KINDS[k]) && !(how == WITHOUT_BIAS && needs_bias))
                    check_recurrence(ctx, &KINDS[k], packed, direction, (route)how);
            }
    recur_packed_release(packed);
    close_context(ctx);
}

/* ---- cells: two steps by hand --------------------------------------------------------------- */

enum { STEPS = 2, B = 3, I = 2, H = 3 };

typedef struct hand {
    recur_cell *cell;
    recur_state *state;
    float *x, *s0, *r, *s; /* [STEPS][B][I], [S], [STEPS][B][O], [S] */
    const int32_t *ids;
    int64_t S, O; /* O: floats of h */
} hand;

static double hand_loss(const hand *q, recur_tape *tape)
{
    float y[B * H], sn[2 * B * H];
    const int64_t outputs = B * q->O;
    double sum = 0;
    OK(recur_state_write(q->state, 0, q->S, q->s0));
    for (int64_t t = 0; t < STEPS; t++) {
        if (q->ids)
            OK(recur_cell_step_ids(q->cell, q->ids + t * B, q->state, y, tape));
        else
            OK(recur_cell_step(q->cell, q->x + t * B * I, q->state, y, tape));
        for (int64_t i = 0; i < outputs; i++) sum += (double)y[i] * (double)q->r[t * outputs + i];
    }
    OK(recur_state_read(q->state, 0, q->S, sn));
    for (int64_t i = 0; i < q->S; i++) sum += (double)sn[i] * (double)q->s[i];
    return sum;
}

static void check_hand(const char *what, const hand *q, int64_t count, float *v, const float *got)
{
    double *want = doubles(count);
    for (int64_t i = 0; i < count; i++) {
        const float at = v[i];
        double f[5];
        for (int e = -2; e <= 2; e++) {
            v[i] = (float)((double)at + e * E);
            f[e + 2] = hand_loss(q, NULL);
        }
        v[i] = at;
        want[i] = (8 * (f[3] - f[1]) - (f[4] - f[0])) / (12 * E);
    }
    check_close(what, count, got, want, DIFFERENCES);
}

static void check_cell(recur_context *ctx, const kind_row *kind, bool ids)
{
    hand q = { .ids = ids ? random_ids(STEPS * B, I) : NULL };
    const recur_recurrent_options options = options_of(kind, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_cell_create(ctx, &options, &q.cell));
    recur_layer *layer = prepared(recur_cell_layer(q.cell), kind->cell);
    OK(recur_state_create(layer, B, &q.state));
    q.S = recur_state_count(q.state);
    q.x = randoms(STEPS * B * I, 1);
    q.s0 = random_state(&options, B, 1);
    q.O = shape_of(&options, B).width;
    q.r = randoms(STEPS * B * q.O, 1);
    q.s = randoms(q.S, 1);
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    hand_loss(&q, tape);
    assert_int_equal(recur_tape_records(tape), STEPS);
    float *dx = floats(STEPS * B * I), *grads = zeros(recur_layer_param_count(layer)),
          *ds0 = floats(q.S);
    OK(recur_state_write(q.state, 0, q.S, q.s));
    for (int64_t t = STEPS - 1; t >= 0; t--) {
        const float *dy = q.r + t * B * q.O;
        if (ids)
            OK(recur_cell_step_backward_ids(q.cell, q.ids + t * B, dy, q.state, grads, tape));
        else
            OK(recur_cell_step_backward(q.cell, q.x + t * B * I, dy, q.state, dx + t * B * I, grads,
                                        tape));
    }
    OK(recur_state_read(q.state, 0, q.S, ds0));
    check_hand("dparams", &q, recur_layer_param_count(layer), recur_layer_params(layer), grads);
    const bool counters = kind->cell == RECUR_CELL_CLOCKWORK;
    check_hand("grad of initial state", &q, counters ? q.S / 2 : q.S, q.s0, ds0);
    if (!ids) check_hand("dx", &q, STEPS * B * I, q.x, dx);
    recur_tape_release(tape);
    recur_state_release(q.state);
    recur_cell_release(q.cell);
    give_back();
}

static void cells(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    dice(6);
    for (int k = 0; k < COUNT(KINDS); k++)
        for (int ids = 0; ids < 2; ids++) {
            trying("cell %s%s", KINDS[k].name, ids ? " ids" : "");
            if (smooth(&KINDS[k])) check_cell(ctx, &KINDS[k], ids);
        }
    close_context(ctx);
}

/* ---- the other layers ----------------------------------------------------------------------- */

static void row_layers(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    recur_layer *layer = NULL;
    dice(7);
    for (int how = 0; how < 4; how++) {
        trying("linear %d", how);
        OK(recur_linear_create(ctx, 5, 3, how & 1 ? RECUR_LAYER_NO_BIAS : 0, &layer));
        randomize(layer, 1);
        check_layer(ctx, layer, NULL, packed, how & 2, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    trying("embedding");
    OK(recur_embedding_create(ctx, 4, 3, 0, &layer));
    randomize(layer, 1);
    check_layer(ctx, layer, NULL, packed, true, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    for (int direction = 0; direction < 3; direction++) {
        trying("last %d", direction);
        OK(recur_last_create(ctx, 4, direction, &layer));
        check_layer(ctx, layer, NULL, packed, false, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    for (int mode = RECUR_TAPE_TRAIN; mode <= RECUR_TAPE_RECORD_NO_DROPOUT;
         mode += RECUR_TAPE_RECORD_NO_DROPOUT) {
        trying("dropout mode %d", mode);
        OK(recur_dropout_create(ctx, 6, 0.4, &layer));
        check_layer(ctx, layer, NULL, packed, false, false, mode);
    }
    for (int function = RECUR_ACTIVATION_TANH; function <= RECUR_ACTIVATION_POSITIVE; function++) {
        trying("activation %d", function);
        OK(recur_activation_create(ctx, 5, function, &layer));
        check_layer(ctx, layer, NULL, packed, false, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    for (int how = 0; how < 4; how++) {
        trying("norm %d", how);
        OK(recur_norm_create(ctx, 6, how & 2 ? 0.5 : 0, how & 1 ? RECUR_LAYER_NO_BIAS : 0, &layer));
        randomize(layer, 1);
        check_layer(ctx, layer, NULL, packed, false, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    for (int way = RECUR_MERGE_SUM; way <= RECUR_MERGE_MAGNITUDE; way++) {
        trying("merge %d", way);
        OK(recur_merge_create(ctx, 6, way, &layer));
        check_layer(ctx, layer, NULL, packed, false, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    recur_packed_release(packed);
    close_context(ctx);
}

/* Layers of rows with channels. A row layer has no state: p.s0 stays NULL. */
static void channel_layers(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(17);
    recur_layer *layers[] = { softmax(ctx, 5),
                              softmax(ctx, 1),
                              affine(ctx, 5, 1, 0),
                              affine(ctx, 2, 3, RECUR_LAYER_NO_BIAS),
                              affine(ctx, 1, 4, 0),
                              prelu(ctx, 5, 1),
                              prelu(ctx, 2, 3),
                              prelu(ctx, 1, 4),
                              rms_norm(ctx, 6, 0),
                              rms_norm(ctx, 5, 0.5),
                              group_norm(ctx, 6, 1, 2, 0.5),
                              group_norm(ctx, 4, 3, 2, 0.5),
                              group_norm(ctx, 4, 2, 1, 0.5) };
    for (int i = 0; i < COUNT(layers); i++) {
        trying("%s %d", info_of(layers[i], -1).type, i);
        randomize(layers[i], 1);
        check_layer(ctx, layers[i], NULL, packed, false, false, RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    recur_packed_release(packed);
    close_context(ctx);
}

static void convolutions(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(18);
    for (int i = 0; i < CONVS - 1; i++)
        for (int with_state = 0; with_state < 2; with_state++) {
            trying("convolution %d, with a state: %d", i, with_state);
            recur_layer *layer = conv(ctx, &CONV[i]);
            randomize(layer, 1);
            check_layer(ctx, layer, NULL, packed, false,
                        with_state && i < TIMES && CONV[i].pad_after == 0 && CONV[i].kernel > 1,
                        RECUR_TAPE_RECORD_NO_DROPOUT);
        }
    recur_packed_release(packed);
    close_context(ctx);
}

static void graphs(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(19);
    for (int with_state = 0; with_state < 2; with_state++) {
        trying("a graph, with a state: %d", with_state);
        check_layer(ctx, prepared(skips(ctx), 0), NULL, packed, false, with_state,
                    RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    recur_packed_release(packed);
    close_context(ctx);
}

/* embedding or linear → recurrent with dropout inside → dropout → tanh → last → linear */
static recur_layer *long_chain(recur_context *ctx, int cell, bool ids)
{
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = cell,
                                              .input_size = 3,
                                              .hidden_size = 3,
                                              .num_layers = 2,
                                              .direction = RECUR_DIRECTION_BIDIRECTIONAL,
                                              .dropout = 0.3 };
    recur_layer *parts[6] = { NULL };
    if (ids)
        OK(recur_embedding_create(ctx, 5, 3, 0, &parts[0]));
    else
        OK(recur_linear_create(ctx, 4, 3, 0, &parts[0]));
    OK(recur_recurrent_create(ctx, &options, &parts[1]));
    OK(recur_dropout_create(ctx, 6, 0.3, &parts[2]));
    OK(recur_activation_create(ctx, 6, RECUR_ACTIVATION_TANH, &parts[3]));
    OK(recur_last_create(ctx, 6, RECUR_DIRECTION_BIDIRECTIONAL, &parts[4]));
    OK(recur_linear_create(ctx, 6, 2, 0, &parts[5]));
    const char *const names[] = { "in", "rnn", "drop", "tanh", "last", "fc" };
    return prepared(chain(ctx, RECUR_COMPOSE_SEQUENTIAL, COUNT(names), names, parts), 0);
}

static void chains(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(8);
    for (int how = 0; how < 8; how++) {
        const int cell = how & 4 ? RECUR_CELL_LSTM : RECUR_CELL_GRU,
                  mode = how & 1 ? RECUR_TAPE_TRAIN : RECUR_TAPE_RECORD_NO_DROPOUT;
        trying("chain %d", how);
        check_layer(ctx, long_chain(ctx, cell, how & 2), NULL, packed, how & 2, true, mode);
    }
    recur_packed_release(packed);
    close_context(ctx);
}

/* Layers have hidden sizes of their own, and residuals around them: linear → residual (norm → GRU)
 * → residual (LSTM, bidirectional → merge → dropout) → GRU → norm */
static recur_layer *stack(recur_context *ctx, int cell)
{
    recur_layer *first[2] = { NULL }, *second[3] = { NULL }, *parts[5] = { NULL };
    OK(recur_norm_create(ctx, 4, 0, 0, &first[0]));
    first[1] = recurrent(ctx, cell, 4, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    second[0] = recurrent(ctx, RECUR_CELL_LSTM, 4, 4, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    OK(recur_merge_create(ctx, 8, RECUR_MERGE_MEAN, &second[1]));
    OK(recur_dropout_create(ctx, 4, 0.3, &second[2]));
    OK(recur_linear_create(ctx, 3, 4, 0, &parts[0]));
    parts[1] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 2, (const char *const[]){ "norm", "rnn" }, first);
    parts[2] = chain(ctx, RECUR_COMPOSE_RESIDUAL, 3,
                     (const char *const[]){ "rnn", "merge", "drop" }, second);
    parts[3] = recurrent(ctx, cell, 4, 2, 2, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_norm_create(ctx, 2, 0.5, 0, &parts[4]));
    const char *const names[] = { "in", "one", "two", "three", "out" };
    return prepared(chain(ctx, RECUR_COMPOSE_SEQUENTIAL, COUNT(names), names, parts), 0);
}

static void stacks(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_packed *packed = ragged(ctx);
    dice(9);
    for (int how = 0; how < 4; how++) {
        trying("stack %d", how);
        check_layer(ctx, stack(ctx, how & 1 ? RECUR_CELL_GRU : RECUR_CELL_RNN_TANH), NULL, packed,
                    false, true, how & 2 ? RECUR_TAPE_TRAIN : RECUR_TAPE_RECORD_NO_DROPOUT);
        trying("residual alone %d", how);
        static const int kinds[] = { RECUR_CELL_RNN_TANH, RECUR_CELL_LSTM, RECUR_CELL_GRU,
                                     RECUR_CELL_LSTM_NORM };
        recur_layer *part = recurrent(ctx, kinds[how], 3, 3, 1, 0, 0);
        recur_layer *residual = chain(ctx, RECUR_COMPOSE_RESIDUAL, 1,
                                      (const char *const[]){ "rnn" }, &part);
        check_layer(ctx, prepared(residual, 0), NULL, packed, false, true,
                    RECUR_TAPE_RECORD_NO_DROPOUT);
    }
    recur_packed_release(packed);
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(recurrences),    TEST(cells),        TEST(row_layers),
                                        TEST(channel_layers), TEST(convolutions), TEST(graphs),
                                        TEST(chains),         TEST(stacks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
