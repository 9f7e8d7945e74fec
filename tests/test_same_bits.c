/* test_same_bits.c - one order of sums: a row has the same bits however the work is cut. A pass
 * over a whole batch is the measure. Against it stand passes over parts of the time, passes over
 * some of the sequences, recorded passes, and steps of the layer, of its snapshot and on a tape,
 * with rows and ids, of every kind on every instruction set. */
#include "support/support.h"

enum { T = 5, B = 13, I = 5 };

typedef struct trial {
    recur_context *ctx;
    recur_layer *layer, *snapshot;
    int64_t in, O;
    const float *x;     /* [T][B][in], or */
    const int32_t *ids; /* [T][B] */
    const float *want;  /* [T][B][O] */
    bool steps;         /* the layer can go step by step */
} trial;

/* The first n sequences of steps [from, from + steps). */
typedef struct piece {
    int64_t n, from, steps;
} piece;

static const float *rows_of(const trial *t, piece p, int64_t width, const float *all)
{
    float *rows = floats(p.steps * p.n * width);
    for (int64_t s = 0; s < p.steps; s++)
        memcpy(rows + s * p.n * width, all + (p.from + s) * B * width,
               (size_t)(p.n * width) * sizeof *rows);
    (void)t;
    return rows;
}

static const int32_t *ids_of(const trial *t, piece p)
{
    int32_t *ids = bytes_of(p.steps * p.n, sizeof *ids);
    for (int64_t s = 0; s < p.steps; s++)
        memcpy(ids + s * p.n, t->ids + (p.from + s) * B, (size_t)p.n * sizeof *ids);
    return ids;
}

/* What is compared, for the message of a failing check. */
static const char *runs_as(const trial *t, const recur_layer *layer, const recur_tape *tape,
                           const char *what)
{
    static char text[64];
    snprintf(text, sizeof text, "y of a %s of the %s%s", what,
             layer == t->snapshot ? "snapshot" : "layer", tape ? " on a tape" : "");
    return text;
}

/* One forward over a part of the batch; its outputs must be those of the whole. */
static void check_pass(const trial *t, const recur_layer *layer, piece p, recur_state *state,
                       recur_tape *tape)
{
    recur_packed *packed = layout(t->ctx, p.n, NULL, p.steps);
    float *y = floats(p.steps * p.n * t->O);
    if (t->ids)
        OK(recur_layer_forward_ids(layer, packed, ids_of(t, p), state, y, tape));
    else
        OK(recur_layer_forward(layer, packed, rows_of(t, p, t->in, t->x), state, y, tape));
    check_same(runs_as(t, layer, tape, "pass"), p.steps * p.n * t->O, y,
               rows_of(t, p, t->O, t->want));
    recur_packed_release(packed);
}

static void check_step(const trial *t, const recur_layer *layer, piece p, recur_state *state,
                       recur_tape *tape)
{
    float *y = floats(p.n * t->O);
    if (t->ids)
        OK(recur_layer_step_ids(layer, ids_of(t, p), state, y, tape));
    else
        OK(recur_layer_step(layer, rows_of(t, p, t->in, t->x), state, y, tape));
    check_same(runs_as(t, layer, tape, "step"), p.n * t->O, y, rows_of(t, p, t->O, t->want));
}

static recur_tape *recording(recur_context *ctx)
{
    recur_tape *tape;
    OK(recur_tape_create(ctx, &tape));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_RECORD_NO_DROPOUT));
    return tape;
}

/* All steps of the first n sequences, one by one; with two tapes the second half of them goes the
 * tape's short way. */
static void check_steps(const trial *t, int64_t n)
{
    const recur_layer *const runs[] = { t->layer, t->snapshot, t->layer };
    for (int r = 0; r < 3; r++) {
        recur_tape *tape = r == 2 ? recording(t->ctx) : NULL;
        recur_state *state;
        OK(recur_state_create(runs[r], n, &state));
        for (int64_t s = 0; s < T; s++) check_step(t, runs[r], (piece){ n, s, 1 }, state, tape);
        recur_state_release(state);
        recur_tape_release(tape);
    }
}

/* The first n sequences in pieces of so many steps. */
static void check_cut(const trial *t, const recur_layer *layer, int64_t n, int64_t steps)
{
    recur_state *state;
    OK(recur_state_create(layer, n, &state));
    for (int64_t s = 0; s < T; s += steps)
        check_pass(t, layer, (piece){ n, s, s + steps < T ? steps : T - s }, state, NULL);
    recur_state_release(state);
}

static void check_all(trial *t, const char *what, int64_t H)
{
    static const int64_t batches[] = { 1, 2, 3, 5, 8 };
    float *want = floats(T * B * t->O);
    recur_packed *packed = layout(t->ctx, B, NULL, T);
    if (t->ids)
        OK(recur_layer_forward_ids(t->layer, packed, t->ids, NULL, want, NULL));
    else
        OK(recur_layer_forward(t->layer, packed, t->x, NULL, want, NULL));
    recur_packed_release(packed);
    t->want = want;
    for (int i = 0; i < COUNT(batches); i++) {
        const int64_t n = batches[i];
        trying("%s on %s, H %d, %s: %d sequences", what, recur_context_isa(t->ctx), (int)H,
               t->ids ? "ids" : "rows", (int)n);
        recur_tape *tape = recording(t->ctx);
        check_pass(t, t->layer, (piece){ n, 0, T }, NULL, NULL);
        check_pass(t, t->snapshot, (piece){ n, 0, T }, NULL, NULL);
        check_pass(t, t->layer, (piece){ n, 0, T }, NULL, tape);
        recur_tape_release(tape);
        if (!t->steps) continue;
        for (int64_t steps = 1; steps < T; steps += steps) {
            check_cut(t, t->layer, n, steps);
            check_cut(t, t->snapshot, n, steps);
        }
        check_steps(t, n);
    }
}

static void check_inputs(trial *t, const char *what, int64_t H)
{
    OK(recur_layer_snapshot(t->layer, RECUR_PRECISION_FLOAT32, &t->snapshot));
    const recur_layer_info info = info_of(t->layer, -1);
    t->in = info.input_size;
    t->O = info.output_size;
    t->steps = info.capabilities & RECUR_CAN_STEP;
    t->x = randoms(T * B * t->in, 1);
    check_all(t, what, H);
    t->ids = random_ids(T * B, t->in);
    check_all(t, what, H);
    recur_layer_release(t->layer);
    recur_layer_release(t->snapshot);
    give_back();
}

/* Below, at and above the width of vectors, and of two and four of them. */
static const int64_t widths[] = { 3, 4, 8, 9, 16, 23, 32, 50 };

static void check_kind(recur_context *ctx, const kind_row *kind, int64_t H, int direction)
{
    trial t = { .ctx = ctx };
    const int64_t in = H % 2 ? I : 3 * I + 1, L = H % 3 == 1 ? 2 : 1;
    t.layer = recurrent_of(ctx, kind, in, H, L, direction, 0);
    randomize(t.layer, 0.4);
    check_inputs(&t, kind->name, H);
}

static void every_kind(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(31);
        for (int k = 0; k < ROWS; k++)
            for (int h = k < PLAIN ? 0 : k % 2; h < COUNT(widths); h += k < PLAIN ? 1 : 2)
                check_kind(ctx, &KINDS[k], widths[h], RECUR_DIRECTION_FORWARD);
    }
}

/* They do not go step by step, but a row alone is as in a batch. */
static void both_directions(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(32);
        for (int k = 0; k < PLAIN; k++)
            for (int h = 0; h < COUNT(widths); h++)
                check_kind(ctx, &KINDS[k], widths[h], RECUR_DIRECTION_BIDIRECTIONAL);
    }
}

/* Heads of few and of many outputs, behind a recurrent layer and alone. */
static void heads(void **unused)
{
    (void)unused;
    static const int64_t outputs[] = { 1, 3, 4, 7, 8, 15, 16, 17, 33, 70 };
    static const char *const names[] = { "rnn", "head" };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(33);
        for (int o = 0; o < COUNT(outputs); o++)
            for (int h = 0; h < COUNT(widths); h++) {
                recur_layer *part[2] = { recurrent(ctx, RECUR_CELL_GRU, I, widths[h], 1,
                                                   RECUR_DIRECTION_FORWARD, 0) };
                trial t = { .ctx = ctx }, alone = { .ctx = ctx };
                OK(recur_linear_create(ctx, widths[h], outputs[o], 0, &part[1]));
                OK(recur_linear_create(ctx, widths[h], outputs[o], 0, &alone.layer));
                t.layer = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, part);
                randomize(t.layer, 0.4);
                randomize(alone.layer, 0.4);
                check_inputs(&t, "GRU with a head", widths[h]);
                check_inputs(&alone, "linear", widths[h]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind),
        TEST(both_directions),
        TEST(heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
