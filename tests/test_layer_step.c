/* test_layer_step.c - recorded steps of any layer (recur_layer_step with a tape, and
 * recur_layer_step_backward) equal a pass over the same sequence, and equal the steps of a cell bit
 * for bit; states serve a layer and its snapshot by turns, and keep their layer alive. */
#include "support/networks.h"

enum { I = 5, H = 7, OUT = 3, T = 4 };

/* ---- a loop of steps, there and back -------------------------------------------------------- */

/* T steps of a layer: x [T][B][I] or ids [T][B], dy [T][B][width]; y, dx and gradients come out. */
typedef struct loop {
    const recur_layer *layer;
    int64_t B, width, P;
    const float *x;
    const int32_t *ids; /* NULL: the input is x */
    const float *dy;
    recur_state *state, *dstate;
    recur_tape *tape;
    float *y, *dx, *grads;
} loop;

static loop open_loop(recur_context *ctx, const recur_layer *layer, int64_t B, bool with_ids)
{
    loop q = { .layer = layer, .B = B };
    q.width = info_of(layer, -1).output_size;
    q.P = recur_layer_param_count(layer);
    q.x = randoms(T * B * I, 1);
    if (with_ids) q.ids = random_ids(T * B, I);
    q.dy = randoms(T * B * q.width, 1);
    OK(recur_state_create(layer, B, &q.state));
    OK(recur_state_create(layer, B, &q.dstate));
    OK(recur_tape_create(ctx, &q.tape));
    OK(recur_tape_set_mode(q.tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    q.y = floats(T * B * q.width);
    q.dx = floats(T * B * I);
    q.grads = zeros(q.P);
    return q;
}

/* Input, gradients and state before the first step are those of another loop. */
static loop open_twin(recur_context *ctx, const loop *of)
{
    loop q = open_loop(ctx, of->layer, of->B, of->ids);
    q.x = of->x;
    q.ids = of->ids;
    q.dy = of->dy;
    OK(recur_state_copy(q.state, of->state));
    OK(recur_state_copy(q.dstate, of->dstate));
    return q;
}

static void close_loop(loop *q)
{
    recur_state_release(q->state);
    recur_state_release(q->dstate);
    recur_tape_release(q->tape);
}

static recur_status step(const loop *q, int64_t t)
{
    float *y = q->y + t * q->B * q->width;
    if (q->ids) return recur_layer_step_ids(q->layer, q->ids + t * q->B, q->state, y, q->tape);
    return recur_layer_step(q->layer, q->x + t * q->B * I, q->state, y, q->tape);
}

static recur_status step_back(const loop *q, int64_t t)
{
    const float *dy = q->dy + t * q->B * q->width;
    if (q->ids)
        return recur_layer_step_backward_ids(q->layer, q->ids + t * q->B, dy, q->dstate, q->grads,
                                             q->tape);
    return recur_layer_step_backward(q->layer, q->x + t * q->B * I, dy, q->dstate,
                                     q->dx + t * q->B * I, q->grads, q->tape);
}

static void forward(const loop *q)
{
    for (int64_t t = 0; t < T; t++) OK(step(q, t));
}

static void backward(const loop *q)
{
    for (int64_t t = T - 1; t >= 0; t--) OK(step_back(q, t));
}

static float *values_of(const recur_state *state)
{
    float *values = floats(recur_state_count(state));
    OK(recur_state_read(state, 0, recur_state_count(state), values));
    return values;
}

static void write_state(recur_state *state, const float *values)
{
    OK(recur_state_write(state, 0, recur_state_count(state), values));
}

/* ---- layers --------------------------------------------------------------------------------- */

/* A recurrent layer of a kind, with a linear head. */
static recur_layer *with_head(recur_context *ctx, int k, int64_t L, recur_recurrent_options *o)
{
    *o = options_of(&KINDS[k], I, H, L, RECUR_DIRECTION_FORWARD, 0);
    recur_layer *rnn = NULL;
    OK(recur_recurrent_create(ctx, o, &rnn));
    recur_layer *head = linear(ctx, info_of(rnn, -1).output_size, OUT, 0);
    recur_layer *all = pair(ctx, SEQUENTIAL, "rnn", rnn, "fc", head);
    randomize(all, 0.5);
    return all;
}

static recur_layer *one_recurrent(recur_context *ctx, int k)
{
    recur_layer *rnn = recurrent_of(ctx, &KINDS[k], I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    randomize(rnn, 0.5);
    return rnn;
}

/* ---- steps equal a pass --------------------------------------------------------------------- */

/* The pass over what a loop does, from the state in which the loop begins. */
static run pass_of(recur_context *ctx, const loop *q, const float *s0, const float *dsn)
{
    recur_packed *packed = layout(ctx, q->B, NULL, T);
    run r = { .packed = packed,
              .x = q->ids ? NULL : q->x,
              .ids = q->ids,
              .s0 = s0,
              .dsn = dsn,
              .dy = q->dy,
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(ctx, q->layer, &r);
    recur_packed_release(packed);
    return r;
}

static void check_loop(recur_context *ctx, loop *q, const float *s0, const float *dsn)
{
    const int64_t S = recur_state_count(q->state);
    const run want = pass_of(ctx, q, s0, dsn);
    memset(q->grads, 0, (size_t)q->P * sizeof *q->grads);
    if (s0) write_state(q->state, s0);
    if (!s0) OK(recur_state_reset(q->state, -1));
    forward(q);
    assert_int_equal(recur_tape_records(q->tape), T);
    check_near("y", T * q->B * q->width, q->y, want.y, OUTPUTS);
    if (want.sn) check_near("final state", S, values_of(q->state), want.sn, OUTPUTS);
    if (dsn) write_state(q->dstate, dsn);
    if (!dsn) OK(recur_state_reset(q->dstate, -1));
    backward(q);
    assert_int_equal(recur_tape_records(q->tape), 0);
    check_near("dparams", q->P, q->grads, want.dparams, GRADIENTS);
    if (!q->ids) check_near("dx", T * q->B * I, q->dx, want.dx, GRADIENTS);
    if (want.ds0) check_near("grad of state", S, values_of(q->dstate), want.ds0, GRADIENTS);
}

/* The second time, the parameters are others: nothing of the first time may be left. */
static void chain_steps_equal_pass(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++)
            for (int way = 0; way < 4; way++) {
                const int64_t B = way % 2 ? 3 : 1, L = way > 1 ? 2 : 1;
                dice((uint64_t)(k * 4 + way));
                recur_recurrent_options o;
                recur_layer *layer = with_head(ctx, k, L, &o);
                loop q = open_loop(ctx, layer, B, way == 1 || way == 2);
                for (int again = 0; again < 2; again++) {
                    trying("%s, %s, B %d, L %d, again %d", recur_context_isa(ctx), KINDS[k].name,
                           (int)B, (int)L, again);
                    const float *s0 = random_state(&o, B, 1);
                    check_loop(ctx, &q, s0, randoms(recur_state_count(q.state), 1));
                    randomize(layer, 0.5);
                }
                close_loop(&q);
                recur_layer_release(layer);
                give_back();
            }
}

/* A linear layer has no state, but takes one that was made for it: it says the batch. */
static void linear_steps_equal_pass(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int way = 0; way < 8; way++) {
            const int64_t B = way & 1 ? 3 : 1;
            const bool with_ids = way & 2, without_dstate = way & 4;
            dice((uint64_t)way);
            trying("%s, way %d", recur_context_isa(ctx), way);
            recur_layer *layer = linear(ctx, I, OUT, 0);
            randomize(layer, 0.5);
            loop q = open_loop(ctx, layer, B, with_ids);
            assert_int_equal(recur_state_count(q.state), 0);
            recur_state *kept = q.dstate;
            const run want = pass_of(ctx, &q, NULL, NULL);
            forward(&q);
            if (without_dstate) q.dstate = NULL;
            backward(&q);
            q.dstate = kept;
            check_near("y", T * B * OUT, q.y, want.y, OUTPUTS);
            check_near("dparams", q.P, q.grads, want.dparams, GRADIENTS);
            if (!with_ids) check_near("dx", T * B * I, q.dx, want.dx, GRADIENTS);
            close_loop(&q);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- steps equal those of a cell ------------------------------------------------------------ */

static void cell_forward(const loop *q, const recur_cell *cell)
{
    for (int64_t t = 0; t < T; t++) {
        float *y = q->y + t * q->B * q->width;
        if (q->ids)
            OK(recur_cell_step_ids(cell, q->ids + t * q->B, q->state, y, q->tape));
        else
            OK(recur_cell_step(cell, q->x + t * q->B * I, q->state, y, q->tape));
    }
}

static void cell_backward(const loop *q, const recur_cell *cell)
{
    for (int64_t t = T - 1; t >= 0; t--) {
        const float *dy = q->dy + t * q->B * q->width;
        if (q->ids)
            OK(recur_cell_step_backward_ids(cell, q->ids + t * q->B, dy, q->dstate, q->grads,
                                            q->tape));
        else
            OK(recur_cell_step_backward(cell, q->x + t * q->B * I, dy, q->dstate,
                                        q->dx + t * q->B * I, q->grads, q->tape));
    }
}

static void layer_steps_equal_cell_steps(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++)
            for (int way = 0; way < 4; way++) {
                dice((uint64_t)(k * 4 + way));
                trying("%s, %s, way %d", recur_context_isa(ctx), KINDS[k].name, way);
                recur_layer *layer = one_recurrent(ctx, k);
                recur_cell *cell = NULL;
                OK(recur_cell_from_layer(layer, &cell));
                loop a = open_loop(ctx, layer, way % 2 ? 3 : 1, way > 1);
                loop b = open_twin(ctx, &a);
                const int64_t S = recur_state_count(a.state);
                forward(&a);
                cell_forward(&b, cell);
                check_same("y", T * a.B * a.width, a.y, b.y);
                check_same("state", S, values_of(a.state), values_of(b.state));
                backward(&a);
                cell_backward(&b, cell);
                check_same("dparams", a.P, a.grads, b.grads);
                check_same("grad of state", S, values_of(a.dstate), values_of(b.dstate));
                if (!a.ids) check_same("dx", T * a.B * I, a.dx, b.dx);
                close_loop(&a);
                close_loop(&b);
                recur_cell_release(cell);
                recur_layer_release(layer);
                give_back();
            }
}

/* A step that a layer recorded may be played back by its cell, and the other way round. */
static void layer_and_cell_share_records(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++) {
            dice((uint64_t)k);
            trying("%s, %s", recur_context_isa(ctx), KINDS[k].name);
            recur_layer *layer = one_recurrent(ctx, k);
            recur_cell *cell = NULL;
            OK(recur_cell_from_layer(layer, &cell));
            loop a = open_loop(ctx, layer, 2, false);
            loop b = open_twin(ctx, &a);
            forward(&a);
            cell_backward(&a, cell);
            cell_forward(&b, cell);
            backward(&b);
            check_same("y", T * a.B * a.width, a.y, b.y);
            check_same("dparams", a.P, a.grads, b.grads);
            check_same("dx", T * a.B * I, a.dx, b.dx);
            close_loop(&a);
            close_loop(&b);
            recur_cell_release(cell);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- a tape that evaluates ------------------------------------------------------------------ */

/* With a tape that evaluates, a step is one of a stream: it has no dropout, takes no memory, and
 * gives the bits of a step without a tape. */
static void evaluating_tape_streams(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int way = 0; way < 4; way++) {
            dice((uint64_t)way);
            trying("%s, way %d", recur_context_isa(ctx), way);
            const char *const names[] = { "rnn", "drop", "fc" };
            recur_layer *parts[] = { recurrent(ctx, RECUR_CELL_LSTM, I, H, 2, 0, 0),
                                     dropout(ctx, H, 0.5), linear(ctx, H, OUT, 0) };
            recur_layer *layer = chain(ctx, SEQUENTIAL, 3, names, parts);
            randomize(layer, 0.5);
            loop a = open_loop(ctx, layer, way % 2 ? 3 : 1, way > 1);
            loop b = open_twin(ctx, &a);
            OK(recur_tape_set_mode(a.tape, RECUR_TAPE_EVALUATE));
            const size_t held = recur_tape_bytes(a.tape);
            forward(&a);
            assert_int_equal(recur_tape_records(a.tape), 0);
            assert_int_equal(recur_tape_bytes(a.tape), held);
            recur_tape *tape = b.tape;
            b.tape = NULL;
            forward(&b);
            b.tape = tape;
            check_same("y", T * a.B * OUT, a.y, b.y);
            const int64_t S = recur_state_count(a.state);
            check_same("state", S, values_of(a.state), values_of(b.state));
            FAILS(RECUR_E_ORDER, step_back(&a, T - 1), "no record");
            close_loop(&a);
            close_loop(&b);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- wrong calls ---------------------------------------------------------------------------- */

/* A failed call leaves state, tape and gradients as they were: afterwards the loop goes on and
 * gives the numbers of one in which nothing went wrong. */
static void wrong_calls_change_nothing(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    dice(5);
    recur_recurrent_options o;
    recur_layer *layer = with_head(ctx, 2, 1, &o), *other = with_head(ctx, 2, 1, &o);
    loop q = open_loop(ctx, layer, 2, false), want = open_twin(ctx, &q);
    recur_state *three = NULL, *of_other = NULL, *of_head = NULL;
    recur_layer *head = linear(ctx, H, OUT, 0);
    OK(recur_state_create(layer, 3, &three));
    OK(recur_state_create(other, 2, &of_other));
    OK(recur_state_create(head, 2, &of_head));
    forward(&want);
    backward(&want);
    const int32_t bad_ids[] = { 0, I };
    OK(step(&q, 0));
    FAILS(RECUR_E_ARGUMENT, recur_layer_step(NULL, q.x, q.state, q.y, q.tape), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step(layer, NULL, q.state, q.y, q.tape), "x NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step(layer, q.x, NULL, q.y, q.tape), "state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step_ids(layer, NULL, q.state, q.y, q.tape), "ids NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step_ids(layer, bad_ids, q.state, q.y, q.tape), "5 1");
    FAILS(RECUR_E_SHAPE, recur_layer_step(layer, q.x, of_head, q.y, q.tape), "make the state");
    for (int64_t t = 1; t < T; t++) OK(step(&q, t));
    assert_int_equal(recur_tape_records(q.tape), T);
    const float *x = q.x + (T - 1) * 2 * I;
    FAILS(RECUR_E_ARGUMENT,
          recur_layer_step_backward(NULL, x, NULL, q.dstate, NULL, q.grads, q.tape), "layer NULL");
    FAILS(RECUR_E_ARGUMENT,
          recur_layer_step_backward(layer, NULL, NULL, q.dstate, NULL, q.grads, q.tape), "x NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step_backward(layer, x, NULL, NULL, NULL, q.grads, q.tape),
          "dstate NULL");
    FAILS(RECUR_E_ARGUMENT,
          recur_layer_step_backward(layer, x, NULL, q.dstate, NULL, q.grads, NULL), "tape NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_step_backward_ids(layer, NULL, NULL, NULL, NULL, q.tape),
          "dstate NULL");
    FAILS(RECUR_E_SHAPE, recur_layer_step_backward(layer, x, NULL, three, NULL, q.grads, q.tape),
          "dstate batch 3 2");
    FAILS(RECUR_E_SHAPE, recur_layer_step_backward(layer, x, NULL, of_head, NULL, q.grads, q.tape),
          "state");
    FAILS(RECUR_E_ORDER, recur_layer_step_backward(other, x, NULL, of_other, NULL, q.grads, q.tape),
          "another layer");
    FAILS(RECUR_E_ORDER,
          recur_layer_step_backward_ids(layer, random_ids(2, I), NULL, q.dstate, q.grads, q.tape),
          "rows");
    assert_int_equal(recur_tape_records(q.tape), T);
    check_same("nothing is added", q.P, q.grads, zeros(q.P));
    backward(&q);
    FAILS(RECUR_E_ORDER, step_back(&q, 0), "no record");
    check_same("y", T * 2 * OUT, q.y, want.y);
    check_same("dparams", q.P, q.grads, want.grads);
    check_same("dx", T * 2 * I, q.dx, want.dx);
    close_loop(&q);
    close_loop(&want);
    recur_state_release(three);
    recur_state_release(of_other);
    recur_state_release(of_head);
    recur_layer_release(head);
    recur_layer_release(layer);
    recur_layer_release(other);
    close_context(ctx);
}

/* ids is what the layer takes; words are those of the sentence. */
static void check_refused(recur_context *ctx, recur_layer *layer, bool ids, const char *words)
{
    static const float x[2 * H] = { 0 };
    static const int32_t symbols[2] = { 0 };
    recur_state *state = NULL;
    recur_tape *tape = NULL;
    float y[2 * 2 * H];
    OK(recur_state_create(layer, 2, &state));
    OK(recur_tape_create(ctx, &tape));
    const float *before = values_of(state);
    for (int mode = RECUR_TAPE_TRAIN; mode <= RECUR_TAPE_RECORD_NO_DROPOUT; mode++) {
        if (mode == RECUR_TAPE_EVALUATE) continue;
        OK(recur_tape_set_mode(tape, mode));
        if (ids)
            FAILS(RECUR_E_UNSUPPORTED, recur_layer_step_ids(layer, symbols, state, y, tape), words);
        else
            FAILS(RECUR_E_UNSUPPORTED, recur_layer_step(layer, x, state, y, tape), words);
        assert_int_equal(recur_tape_records(tape), 0);
        check_same("state", recur_state_count(state), values_of(state), before);
    }
    recur_state_release(state);
    recur_tape_release(tape);
    recur_layer_release(layer);
}

/* What cannot go step by step is refused on a tape that records as it is without one. */
static void layers_without_steps_are_refused(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_layer *rnn = NULL;
    for (int direction = RECUR_DIRECTION_REVERSE; direction <= BOTH; direction++) {
        rnn = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, direction, 0);
        const bool both = direction == BOTH;
        const char *words = both ? "gru ahead BIDIRECTIONAL recur_layer_forward"
                                 : "gru end REVERSE";
        check_refused(ctx, rnn, false, words);
        rnn = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, direction, 0);
        check_refused(ctx, rnn, true, words);
        rnn = recurrent(ctx, RECUR_CELL_GRU, I, 4, 1, direction, 0);
        words = both ? "sequential \"rnn\" BIDIRECTIONAL" : "sequential \"rnn\" REVERSE";
        check_refused(ctx,
                      pair(ctx, SEQUENTIAL, "rnn", rnn, "fc", linear(ctx, both ? 8 : 4, OUT, 0)),
                      false, words);
    }
    check_refused(ctx, last(ctx, H, 0), false, "whole sequence");
    rnn = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, 0, 0);
    check_refused(ctx, pair(ctx, SEQUENTIAL, "rnn", rnn, "end", last(ctx, H, 0)), false,
                  "sequential \"end\" whole sequence");
    check_refused(ctx, pair(ctx, GROUP, "a", linear(ctx, I, H, 0), "b", linear(ctx, H, I, 0)),
                  false, "group");
    check_refused(ctx, embedding(ctx, I, H), false, "rows");
    check_refused(ctx, activation(ctx, H, RECUR_ACTIVATION_TANH), true, "ids");
    rnn = recurrent(ctx, RECUR_CELL_GRU, I, H, 1, 0, 0);
    recur_layer *snapshot = NULL;
    OK(recur_layer_snapshot(rnn, RECUR_PRECISION_FLOAT32, &snapshot));
    check_refused(ctx, snapshot, false, "snapshot RECUR_TAPE_EVALUATE");
    recur_layer_release(rnn);
    close_context(ctx);
}

/* ---- states --------------------------------------------------------------------------------- */

/* One state is stepped with a layer and with its snapshot by turns, which have other parameters:
 * every turn gives the numbers of a pass of the layer whose turn it is. */
static void layer_and_snapshot_take_turns(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++)
            for (int first = 0; first < 2; first++) {
                dice((uint64_t)k);
                trying("%s, %s, first %d", recur_context_isa(ctx), KINDS[k].name, first);
                recur_recurrent_options o;
                recur_layer *layer = with_head(ctx, k, 2, &o), *snapshot = NULL;
                OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
                randomize(layer, 0.5);
                const recur_layer *const turns[] = { layer, snapshot, layer, snapshot };
                recur_state *state = NULL;
                OK(recur_state_create(turns[first], 2, &state));
                for (int turn = first; turn < 4; turn++) {
                    const float *s0 = random_state(&o, 2, 1), *x = randoms(T * 2 * I, 1);
                    recur_packed *packed = layout(ctx, 2, NULL, T);
                    run want = { .packed = packed, .x = x, .s0 = s0 };
                    run_forward(turns[turn], &want);
                    write_state(state, s0);
                    float *y = floats(T * 2 * OUT);
                    for (int64_t t = 0; t < T; t++)
                        OK(recur_layer_step(turns[turn], x + t * 2 * I, state, y + t * 2 * OUT,
                                            NULL));
                    check_near("y", T * 2 * OUT, y, want.y, OUTPUTS);
                    check_near("state", recur_state_count(state), values_of(state), want.sn,
                               OUTPUTS);
                    recur_packed_release(packed);
                }
                recur_state_release(state);
                recur_layer_release(snapshot);
                recur_layer_release(layer);
                give_back();
            }
}

/* A state retains the layer that it was made for; another one with the same tensors takes it over.
 */
static void state_outlives_its_layer(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int parted = 0; parted < 2; parted++) {
            dice(7);
            trying("%s, parted %d", recur_context_isa(ctx), parted);
            recur_recurrent_options o;
            recur_layer *layer = with_head(ctx, 2, 1, &o), *twin = with_head(ctx, 2, 1, &o);
            memcpy(recur_layer_params(twin), recur_layer_params(layer),
                   (size_t)recur_layer_param_count(layer) * sizeof(float));
            recur_state *state = NULL, *fresh = NULL;
            recur_layer *of = layer, *like = twin, *part = NULL, *twin_part = NULL;
            if (parted) {
                OK(recur_layer_child(layer, "rnn", &part, NULL));
                OK(recur_layer_child(twin, "rnn", &twin_part, NULL));
                of = part;
                like = twin_part;
            }
            OK(recur_state_create(of, 1, &state));
            OK(recur_state_create(like, 1, &fresh));
            const float *x = randoms(2 * I, 1);
            const int64_t width = info_of(like, -1).output_size;
            float *y = floats(width), *want = floats(width);
            OK(recur_layer_step(of, x, state, NULL, NULL));
            recur_layer_release(part);
            recur_layer_release(layer);
            recur_tensor t = { .size = sizeof t };
            OK(recur_state_tensor_info(state, 0, &t));
            assert_string_equal(t.name, parted ? "h" : "rnn.h");
            OK(recur_layer_step(like, x, fresh, NULL, NULL));
            check_same("state", recur_state_count(state), values_of(state), values_of(fresh));
            OK(recur_layer_step(like, x + I, state, y, NULL));
            OK(recur_layer_step(like, x + I, fresh, want, NULL));
            check_same("y", width, y, want);
            recur_layer_release(twin_part);
            recur_layer_release(twin);
            OK(recur_state_reset(state, -1));
            recur_state_release(state);
            recur_state_release(fresh);
            give_back();
        }
}

/* A state may be made for a layer that does not go step by step itself, but has the tensors of one
 * that does: a group for its part, a bidirectional layer for a forward one of two layers. */
static void states_of_layers_without_steps_serve_others(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++)
            for (int way = 0; way < 2; way++) {
                dice((uint64_t)k);
                trying("%s, %s, way %d", recur_context_isa(ctx), KINDS[k].name, way);
                recur_layer *rnn = recurrent_of(ctx, &KINDS[k], I, H, 1, way ? BOTH : 0, 0),
                            *of = rnn, *runs = NULL;
                if (way) {
                    runs = recurrent_of(ctx, &KINDS[k], I, H, 2, 0, 0);
                } else {
                    of = pair(ctx, GROUP, "rnn", rnn, "fc", linear(ctx, H, OUT, 0));
                    OK(recur_layer_child(of, "rnn", &runs, NULL));
                }
                randomize(runs, 0.5);
                recur_state *state = NULL, *own = NULL;
                OK(recur_state_create(of, 2, &state));
                OK(recur_state_create(runs, 2, &own));
                for (int t = 0; t < T; t++) {
                    const float *x = randoms(2 * I, 1);
                    float *y = floats(2 * H), *want = floats(2 * H);
                    OK(recur_layer_step(runs, x, state, y, NULL));
                    OK(recur_layer_step(runs, x, own, want, NULL));
                    check_near("y", 2 * H, y, want, OUTPUTS);
                }
                recur_state_release(state);
                recur_state_release(own);
                recur_layer_release(runs);
                recur_layer_release(of);
                give_back();
            }
}

/* ---- learned initial states ----------------------------------------------------------------- */

/* A kind that learns its initial state. */
static bool learns(int k) { return KINDS[k].with.flags & RECUR_LAYER_LEARN_INITIAL_STATE; }

/* Streams and recorded steps of a new state begin with the learned initial state, as a pass without
 * a state does; and so after a reset. */
static void steps_begin_with_learned_state(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++)
            for (int64_t B = 1; learns(k) && B <= 3; B += 2) {
                dice((uint64_t)k);
                trying("%s, %s, B %d", recur_context_isa(ctx), KINDS[k].name, (int)B);
                recur_recurrent_options o;
                recur_layer *layer = with_head(ctx, k, 2, &o), *snapshot = NULL;
                loop q = open_loop(ctx, layer, B, false);
                check_loop(ctx, &q, NULL, NULL);
                check_loop(ctx, &q, NULL, NULL);
                OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
                const float *want = copy_of(T * B * OUT, q.y);
                recur_tape *tape = q.tape;
                q.tape = NULL;
                for (int streams = 0; streams < 3; streams++) {
                    OK(recur_state_reset(q.state, -1));
                    q.layer = streams == 1 ? snapshot : layer;
                    forward(&q);
                    check_near("y of a stream", T * B * OUT, q.y, want, OUTPUTS);
                }
                q.tape = tape;
                close_loop(&q);
                recur_layer_release(snapshot);
                recur_layer_release(layer);
                give_back();
            }
}

/* Sequence 1 of two is reset between the steps 1 and 2, and so is its gradient on the way back:
 * then it is two sequences, each of which begins with the initial state and gives it a gradient. */
static void a_reset_begins_a_sequence(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { T, 2, T - 2 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < ROWS; k++) {
            if (!learns(k)) continue;
            dice((uint64_t)k);
            trying("%s, %s", recur_context_isa(ctx), KINDS[k].name);
            recur_layer *layer = one_recurrent(ctx, k);
            loop q = open_loop(ctx, layer, 2, false);
            const int64_t O = q.width, N = 2 * T;
            recur_packed *packed = layout(ctx, 3, lengths, 0);
            float *x = floats(N * I), *dy = floats(N * O), *y = floats(N * O), *dx = floats(N * I);
            int64_t place[2 * T];
            for (int64_t t = 0; t < T; t++) {
                place[2 * t] = recur_packed_row(packed, 0, t);
                place[2 * t + 1] = recur_packed_row(packed, t < 2 ? 1 : 2, t % 2);
            }
            for (int64_t i = 0; i < N; i++) {
                memcpy(x + place[i] * I, q.x + i * I, I * sizeof *x);
                memcpy(dy + place[i] * O, q.dy + i * O, (size_t)O * sizeof *dy);
            }
            run want = { .packed = packed, .x = x, .dy = dy, .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
            run_both(ctx, layer, &want);
            for (int64_t t = 0; t < T; t++) {
                if (t == 2) OK(recur_state_reset(q.state, 1));
                OK(step(&q, t));
            }
            for (int64_t t = T - 1; t >= 0; t--) {
                OK(step_back(&q, t));
                if (t == 2) OK(recur_state_reset(q.dstate, 1));
            }
            for (int64_t i = 0; i < N; i++) {
                memcpy(y + place[i] * O, q.y + i * O, (size_t)O * sizeof *y);
                memcpy(dx + place[i] * I, q.dx + i * I, I * sizeof *dx);
            }
            check_near("y", N * O, y, want.y, OUTPUTS);
            check_near("dx", N * I, dx, want.dx, GRADIENTS);
            check_near("dparams", q.P, q.grads, want.dparams, GRADIENTS);
            recur_packed_release(packed);
            close_loop(&q);
            recur_layer_release(layer);
            give_back();
        }
}

/* ---- no sequences --------------------------------------------------------------------------- */

/* Such a state may have no scratch, so nothing may be written; fuzz_api.c found it. */
static void a_state_without_sequences_steps(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    const float x[I] = { 0 };
    const int32_t ids[1] = { 0 };
    for (int i = 0; i < ROWS; i++)
        for (int32_t precision = -1; precision <= RECUR_PRECISION_INT8; precision++) {
            recur_layer *layer = recurrent_of(ctx, &KINDS[i], I, 8, 2, 0, 0), *snapshot = NULL;
            recur_state *state;
            float y = 7;
            trying("%s, precision %d", KINDS[i].name, (int)precision);
            if (precision >= 0) OK(recur_layer_snapshot(layer, precision, &snapshot));
            const recur_layer *stepped = snapshot ? snapshot : layer;
            OK(recur_state_create(stepped, 0, &state));
            OK(recur_layer_step(stepped, x, state, &y, NULL));
            OK(recur_layer_step_ids(stepped, ids, state, &y, NULL));
            assert_true(y == 7);
            recur_state_release(state);
            recur_layer_release(snapshot);
            recur_layer_release(layer);
        }
    close_context(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chain_steps_equal_pass),           TEST(linear_steps_equal_pass),
        TEST(layer_steps_equal_cell_steps),     TEST(layer_and_cell_share_records),
        TEST(evaluating_tape_streams),          TEST(wrong_calls_change_nothing),
        TEST(layers_without_steps_are_refused), TEST(layer_and_snapshot_take_turns),
        TEST(state_outlives_its_layer),         TEST(states_of_layers_without_steps_serve_others),
        TEST(steps_begin_with_learned_state),   TEST(a_reset_begins_a_sequence),
        TEST(a_state_without_sequences_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
