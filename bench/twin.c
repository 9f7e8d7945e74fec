/* twin.c - hashes of what a library computes, one line a case, so that two can be compared.
 *
 *     twin [WORD]        WORD: only the cases whose name contains it
 *
 * A line is the name of a case and five hashes: of y, of the final state, of dx, of dstate and of
 * dparams. What a case does not have is hashed as an empty array. Inputs, parameters and gradients
 * come from recur_random alone, so equal libraries print equal lines on the same machine.
 * scripts/twin.sh builds this program against two libraries and compares what it prints. */
#include <recur.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names of the two headers ---------------------------------------------------------------- */

/* The program below uses the newer names. scripts/twin.sh looks for every HAS_name of this file in
 * the headers, and defines HAS_name where the header knows `name`. To follow one more renaming, add
 * one more block here. */
#ifndef HAS_RECUR_TAPE_RECORD_NO_DROPOUT
#define RECUR_TAPE_RECORD_NO_DROPOUT RECUR_TAPE_SENSITIVE
#endif
#ifndef HAS_RECUR_LAYER_LEARN_INITIAL_STATE
#define RECUR_LAYER_LEARN_INITIAL_STATE RECUR_LAYER_LEARN_START
#endif
#ifndef HAS_recur_state_tensor_count
#define recur_state_tensor_count recur_state_tensors
#define recur_state_tensor_info  recur_state_tensor
#endif
#ifndef HAS_recur_layer_param_count
#define recur_layer_param_count recur_layer_count
#endif

/* One step of a stream, which may take a tape. */
#ifdef HAS_recur_layer_step_backward
#define STREAM_STEP(layer, x, state, y)       recur_layer_step(layer, x, state, y, NULL)
#define STREAM_STEP_IDS(layer, ids, state, y) recur_layer_step_ids(layer, ids, state, y, NULL)
#else
#define STREAM_STEP(layer, x, state, y)       recur_layer_step(layer, x, state, y)
#define STREAM_STEP_IDS(layer, ids, state, y) recur_layer_step_ids(layer, ids, state, y)
#endif

/* Gradients that wait: switched on, and handed over to dparams at the end. */
#ifdef HAS_recur_tape_defer_gradients
#define DEFER(tape) recur_tape_defer_gradients(tape, 1)
#else
#define DEFER(tape) recur_tape_defer(tape, 1)
#endif
#ifdef HAS_recur_tape_add_gradients
#define ADD_GRADIENTS(tape, layer, dparams) recur_tape_add_gradients(tape, layer, dparams)
#else
#define ADD_GRADIENTS(tape, layer, dparams) ((void)(tape), (void)(layer), (void)(dparams), RECUR_OK)
#endif

/* The most numbers of a clockwork's periods that a case gives. */
enum { MOST_PERIODS = 7 };

/* Modules and periods of a clockwork, wherever the options have them. */
static void set_clockwork(recur_recurrent_options *o, int32_t modules, const int32_t *periods)
{
#ifdef HAS_recur_clockwork_options
    static recur_clockwork_options clockwork;
    clockwork = (recur_clockwork_options){ .size = sizeof clockwork, .modules = modules };
    o->clockwork = &clockwork;
    int32_t *to = clockwork.periods;
#else
    o->modules = modules;
    int32_t *to = o->periods;
#endif
    for (int32_t m = 0; m < modules && m < MOST_PERIODS; m++) to[m] = periods[m];
}

/* ---- failing --------------------------------------------------------------------------------- */

static char case_name[200] = "before the first case";

static _Noreturn void die(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "twin: %s: %s\n", case_name, what);
    exit(1);
}

static void try_call(recur_status status, const char *call)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "twin: %s gave %s\n", call, recur_status_name(status));
    die(recur_last_error());
}

#define TRY(call) try_call((call), #call)

/* ---- memory and numbers ---------------------------------------------------------------------- */

enum { FLOATS = 1 << 22 };

static float memory[FLOATS];
static int64_t used;

/* n zeros, until the next case begins. */
static float *zeros(int64_t n)
{
    float *p = memory + used;
    if (n > FLOATS - used) die("the program's own array is too small");
    memset(p, 0, (size_t)n * sizeof *p);
    used += n;
    return p;
}

/* n numbers in (-scale, scale), a function of n, scale and stream. */
static void fill(float *p, int64_t n, double scale, uint64_t stream)
{
    for (int64_t i = 0; i < n; i++) {
        const uint64_t bits = recur_random(stream, (uint64_t)i);
        const double unit = (double)(bits >> 11) * 0x1p-53;
        p[i] = (float)((2 * unit - 1) * scale);
    }
}

static float *numbers(int64_t n, double scale, uint64_t stream)
{
    float *p = zeros(n);
    fill(p, n, scale, stream);
    return p;
}

static int32_t *symbols(int64_t n, int64_t below, uint64_t stream)
{
    int32_t *p = (int32_t *)(void *)zeros(n);
    for (int64_t i = 0; i < n; i++) {
        p[i] = (int32_t)(recur_random(stream, (uint64_t)i) % (uint64_t)below);
    }
    return p;
}

/* ---- hashes ---------------------------------------------------------------------------------- */

enum { Y, STATE, DX, DSTATE, DPARAMS, HASHES };

static uint64_t hash[HASHES];

/* FNV-1a over the bits of n floats, a whole float at a time. */
static void add_to_hash(int which, const float *p, int64_t n)
{
    uint64_t h = hash[which];
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &p[i], sizeof bits);
        h = (h ^ bits) * 0x100000001b3u;
    }
    hash[which] = h;
}

static void add_state_to_hash(int which, const recur_state *state)
{
    const int64_t n = recur_state_count(state);
    if (n == 0) return;
    float *values = zeros(n);
    TRY(recur_state_read(state, 0, n, values));
    add_to_hash(which, values, n);
}

static void begin_hashes(void)
{
    for (int i = 0; i < HASHES; i++) hash[i] = 0xcbf29ce484222325u;
}

static void print_hashes(void)
{
    static const char *const names[HASHES] = { "y", "state", "dx", "dstate", "dparams" };
    printf("%s", case_name);
    for (int i = 0; i < HASHES; i++) printf(" %s=%016llx", names[i], (unsigned long long)hash[i]);
    printf("\n");
}

/* ---- what is run ----------------------------------------------------------------------------- */

/* A kind of recurrence with options. A member that is 0 is left to the library. */
typedef struct kind {
    int32_t cell;
    const char *name;
    uint32_t flags;
    int64_t projection;
    double dropout, recurrent_dropout, zoneout_hidden, zoneout_cell, cell_clip, clip;
    int32_t gate, activation, output;
    int32_t periods[MOST_PERIODS];
} kind;

#define SOFT  .gate = RECUR_ACTIVATION_HARD_SIGMOID, .activation = RECUR_ACTIVATION_SOFTSIGN
#define LEARN .flags = RECUR_LAYER_LEARN_INITIAL_STATE

static const kind plain_kinds[] = {
    { .cell = RECUR_CELL_RNN_TANH, .name = "rnn_tanh" },
    { .cell = RECUR_CELL_RNN_RELU, .name = "rnn_relu" },
    { .cell = RECUR_CELL_LSTM, .name = "lstm" },
    { .cell = RECUR_CELL_GRU, .name = "gru" },
    { .cell = RECUR_CELL_GRU_RESET_BEFORE, .name = "gru_reset_before" },
    { .cell = RECUR_CELL_LSTM_PEEPHOLE, .name = "lstm_peephole" },
    { .cell = RECUR_CELL_LSTM_COUPLED, .name = "lstm_coupled" },
    { .cell = RECUR_CELL_RNN_NORM, .name = "rnn_norm" },
    { .cell = RECUR_CELL_LSTM_NORM, .name = "lstm_norm" },
    { .cell = RECUR_CELL_GRU_NORM, .name = "gru_norm" },
    { .cell = RECUR_CELL_CLOCKWORK, .name = "clockwork" },
};

static const kind kinds_with_options[] = {
    { RECUR_CELL_RNN_TANH, "rnn_tanh+softsign", .activation = RECUR_ACTIVATION_SOFTSIGN },
    { RECUR_CELL_RNN_TANH, "rnn_tanh+clip", .clip = 0.5 },
    { RECUR_CELL_RNN_TANH, "rnn_tanh+dropout", .dropout = 0.3, .recurrent_dropout = 0.4 },
    { RECUR_CELL_RNN_TANH, "rnn_tanh+nobias", .flags = RECUR_LAYER_NO_BIAS },
    { RECUR_CELL_RNN_RELU, "rnn_relu+zoneout", .zoneout_hidden = 0.3 },
    { RECUR_CELL_RNN_RELU, "rnn_relu+learn", LEARN },
    { RECUR_CELL_RNN_NORM, "rnn_norm+learn", LEARN },
    { RECUR_CELL_RNN_NORM, "rnn_norm+dropout", .dropout = 0.3, .recurrent_dropout = 0.4 },
    { RECUR_CELL_LSTM, "lstm+projection", .projection = 2 },
    { RECUR_CELL_LSTM, "lstm+projection+zoneout", .projection = 2, .zoneout_hidden = 0.2 },
    { RECUR_CELL_LSTM, "lstm+projection+dropout", .projection = 3, .recurrent_dropout = 0.4 },
    { RECUR_CELL_LSTM, "lstm+learn", LEARN },
    { RECUR_CELL_LSTM, "lstm+nobias", .flags = RECUR_LAYER_NO_BIAS },
    { RECUR_CELL_LSTM, "lstm+dropout", .dropout = 0.3 },
    { RECUR_CELL_LSTM, "lstm+recurrent_dropout", .recurrent_dropout = 0.4 },
    { RECUR_CELL_LSTM, "lstm+zoneout", .zoneout_hidden = 0.2, .zoneout_cell = 0.4 },
    { RECUR_CELL_LSTM, "lstm+clips", .cell_clip = 0.3, .clip = 0.6 },
    { RECUR_CELL_LSTM, "lstm+functions", SOFT, .output = RECUR_ACTIVATION_IDENTITY },
    { RECUR_CELL_LSTM_PEEPHOLE, "lstm_peephole+projection", .projection = 2 },
    { RECUR_CELL_LSTM_PEEPHOLE, "lstm_peephole+clips", .cell_clip = 0.3, .clip = 0.5 },
    { RECUR_CELL_LSTM_PEEPHOLE, "lstm_peephole+dropout", .dropout = 0.2, .recurrent_dropout = 0.2 },
    { RECUR_CELL_LSTM_COUPLED, "lstm_coupled+functions", SOFT,
      .output = RECUR_ACTIVATION_SOFTSIGN },
    { RECUR_CELL_LSTM_COUPLED, "lstm_coupled+zoneout", .zoneout_hidden = 0.5, .zoneout_cell = 0.1,
      .cell_clip = 0.4 },
    { RECUR_CELL_LSTM_NORM, "lstm_norm+all", LEARN, .projection = 2, .zoneout_cell = 0.2,
      .recurrent_dropout = 0.1 },
    { RECUR_CELL_GRU, "gru+new", .flags = RECUR_LAYER_UPDATE_NEW },
    { RECUR_CELL_GRU, "gru+functions", SOFT },
    { RECUR_CELL_GRU, "gru+clip+zoneout", .clip = 0.5, .zoneout_hidden = 0.3 },
    { RECUR_CELL_GRU, "gru+dropout", .dropout = 0.3, .recurrent_dropout = 0.4 },
    { RECUR_CELL_GRU, "gru+learn+nobias",
      .flags = RECUR_LAYER_LEARN_INITIAL_STATE | RECUR_LAYER_NO_BIAS },
    { RECUR_CELL_GRU_RESET_BEFORE, "gru_reset_before+new+learn",
      .flags = RECUR_LAYER_UPDATE_NEW | RECUR_LAYER_LEARN_INITIAL_STATE },
    { RECUR_CELL_GRU_RESET_BEFORE, "gru_reset_before+functions", SOFT, .clip = 0.8 },
    { RECUR_CELL_GRU_RESET_BEFORE, "gru_reset_before+dropout", .recurrent_dropout = 0.4 },
    { RECUR_CELL_GRU_NORM, "gru_norm+new+zoneout", .flags = RECUR_LAYER_UPDATE_NEW,
      .zoneout_hidden = 0.1 },
    { RECUR_CELL_CLOCKWORK, "clockwork+periods", .periods = { 1, 3, 4, 5, 7, 9, 11 }, .clip = 0.7 },
    { RECUR_CELL_CLOCKWORK, "clockwork+learn+zoneout", LEARN, .zoneout_hidden = 0.2 },
    { RECUR_CELL_CLOCKWORK, "clockwork+dropout", .recurrent_dropout = 0.4 },
};

/* One case, or what many cases have in common. */
typedef struct job {
    recur_context *ctx;
    const char *isa;
    int threads;
    const char *what; /* name of the kind or layer                          */
    bool clocks;      /* its state c holds clocks, not numbers              */
    bool learns;      /* its initial state is learned                       */
    int64_t B, T;
    recur_layer *layer;
    int64_t I, O; /* floats of a row of x, of y                             */
    int32_t mode; /* of the tape                                            */
    bool ids, ragged;
} job;

/* x or ids for n rows. One of the two is NULL. */
typedef struct input {
    const float *x;
    const int32_t *ids;
} input;

static input input_of(const job *j, int64_t n, uint64_t stream)
{
    input in = { NULL, NULL };
    if (j->ids)
        in.ids = symbols(n, j->I, stream);
    else
        in.x = numbers(n * j->I, 1, stream);
    return in;
}

static input input_from(const job *j, const input *in, int64_t row)
{
    input part = { NULL, NULL };
    if (j->ids)
        part.ids = in->ids + row;
    else
        part.x = in->x + row * j->I;
    return part;
}

static recur_packed *layout_of(const job *j)
{
    int64_t lengths[64];
    recur_packed *packed;
    if (j->B > 64) die("too many sequences");
    for (int64_t b = 0; b < j->B; b++) {
        lengths[b] = (int64_t)(recur_random(77, (uint64_t)b) % (uint64_t)(j->T + 1));
        if (b == 1) lengths[b] = 0;
        if (b == 2 || j->B == 1) lengths[b] = j->T;
    }
    TRY(recur_packed_create(j->ctx, j->B, j->ragged ? lengths : NULL, j->T, &packed));
    return packed;
}

/* A tape, as often as not with room made for it before. */
static recur_tape *tape_of(const job *j, const recur_packed *packed, int64_t passes)
{
    recur_tape *tape;
    TRY(recur_tape_create(j->ctx, &tape));
    TRY(recur_tape_set_mode(tape, j->mode));
    TRY(recur_tape_set_seed(tape, 5));
    if (j->B % 2 == 0) TRY(recur_tape_reserve(tape, j->layer, packed, passes));
    return tape;
}

/* A state with numbers in it, but for clocks, and for the first sequence if it is to be learned. */
static recur_state *state_of(const job *j, const recur_layer *layer, uint64_t stream)
{
    recur_state *state;
    TRY(recur_state_create(layer, j->B, &state));
    for (int64_t i = 0; i < recur_state_tensor_count(state); i++) {
        recur_tensor t = { .size = sizeof t };
        TRY(recur_state_tensor_info(state, i, &t));
        const size_t length = strlen(t.name);
        const bool is_h = length > 0 && t.name[length - 1] == 'h';
        if (j->clocks && !is_h) continue;
        const float *values = numbers(t.count, 0.5, stream + (uint64_t)i);
        TRY(recur_state_write(state, t.offset, t.count, values));
    }
    if (j->learns) TRY(recur_state_reset(state, 0));
    return state;
}

static void forward(const job *j, const recur_layer *layer, const recur_packed *packed,
                    const input *in, recur_state *state, float *y, recur_tape *tape)
{
    if (j->ids)
        TRY(recur_layer_forward_ids(layer, packed, in->ids, state, y, tape));
    else
        TRY(recur_layer_forward(layer, packed, in->x, state, y, tape));
}

static void backward(const job *j, const recur_packed *packed, const input *in, const float *dy,
                     recur_state *dstate, float *dx, float *dparams, recur_tape *tape)
{
    if (j->ids) {
        TRY(recur_layer_backward_ids(j->layer, packed, in->ids, dy, dstate, dparams, tape));
    } else {
        TRY(recur_layer_backward(j->layer, packed, in->x, dy, dstate, dx, dparams, tape));
    }
}

/* ---- the ways to run a layer ----------------------------------------------------------------- */

/* Two windows of the same length forward, the state going on, and both backward. */
static void run_windows(const job *j, int windows)
{
    recur_packed *packed = layout_of(j);
    const int64_t N = recur_packed_rows(packed);
    const int64_t rows = recur_layer_rows(j->layer, packed);
    const int64_t P = recur_layer_param_count(j->layer);
    recur_tape *tape = tape_of(j, packed, windows);
    recur_state *state = state_of(j, j->layer, 100);
    recur_state *dstate = state_of(j, j->layer, 200);
    input in[2];
    float *dparams = zeros(P);
    for (int w = 0; w < windows; w++) {
        in[w] = input_of(j, N, 1 + (uint64_t)w);
        float *y = zeros(rows * j->O);
        forward(j, j->layer, packed, &in[w], state, y, tape);
        add_to_hash(Y, y, rows * j->O);
        add_state_to_hash(STATE, state);
    }
    for (int w = windows - 1; w >= 0; w--) {
        const float *dy = numbers(rows * j->O, 1, 10 + (uint64_t)w);
        float *dx = j->ids ? NULL : zeros(N * j->I);
        backward(j, packed, &in[w], dy, dstate, dx, dparams, tape);
        if (dx) add_to_hash(DX, dx, N * j->I);
        add_state_to_hash(DSTATE, dstate);
    }
    add_to_hash(DPARAMS, dparams, P);
    recur_state_release(state);
    recur_state_release(dstate);
    recur_tape_release(tape);
    recur_packed_release(packed);
}

static void run_pass(const job *j) { run_windows(j, 2); }

/* Without a state, without dx; the same tape twice. */
static void run_bare(const job *j)
{
    recur_packed *packed = layout_of(j);
    const int64_t N = recur_packed_rows(packed);
    const int64_t rows = recur_layer_rows(j->layer, packed);
    const int64_t P = recur_layer_param_count(j->layer);
    recur_tape *tape = tape_of(j, packed, 1);
    float *y = zeros(rows * j->O);
    float *dparams = zeros(P);
    const float *dy = numbers(rows * j->O, 1, 10);
    for (uint64_t round = 0; round < 2; round++) {
        const input in = input_of(j, N, 1 + round);
        forward(j, j->layer, packed, &in, NULL, y, tape);
        add_to_hash(Y, y, rows * j->O);
        backward(j, packed, &in, dy, NULL, NULL, dparams, tape);
    }
    add_to_hash(DPARAMS, dparams, P);
    recur_tape_release(tape);
    recur_packed_release(packed);
}

/* Inference of a layer or a snapshot: without a tape, then with a tape as scratch memory. */
static void infer(const job *j, const recur_layer *layer)
{
    recur_packed *packed = layout_of(j);
    const int64_t N = recur_packed_rows(packed);
    const int64_t rows = recur_layer_rows(layer, packed);
    const input in = input_of(j, N, 1);
    recur_state *state = state_of(j, layer, 100);
    recur_tape *tape;
    float *y = zeros(rows * j->O);
    TRY(recur_tape_create(j->ctx, &tape));
    TRY(recur_tape_set_mode(tape, RECUR_TAPE_EVALUATE));
    forward(j, layer, packed, &in, state, y, NULL);
    add_to_hash(Y, y, rows * j->O);
    forward(j, layer, packed, &in, state, y, tape);
    add_to_hash(Y, y, rows * j->O);
    forward(j, layer, packed, &in, NULL, y, NULL);
    add_to_hash(Y, y, rows * j->O);
    add_state_to_hash(STATE, state);
    recur_state_release(state);
    recur_tape_release(tape);
    recur_packed_release(packed);
}

static void run_inference(const job *j) { infer(j, j->layer); }

static void run_snapshot(const job *j)
{
    recur_layer *snapshot;
    TRY(recur_layer_snapshot(j->layer, RECUR_PRECISION_FLOAT32, &snapshot));
    infer(j, snapshot);
    recur_layer_release(snapshot);
}

/* T recorded passes over layouts of one step each, backward the last one first; then once more. */
static void run_single_steps(const job *j)
{
    job one = *j;
    one.T = 1;
    one.ragged = false;
    recur_packed *packed = layout_of(&one);
    const int64_t P = recur_layer_param_count(j->layer);
    const input in = input_of(j, j->T * j->B, 1);
    const float *dy = numbers(j->T * j->B * j->O, 1, 10);
    recur_tape *tape = tape_of(j, packed, j->T);
    recur_state *state = state_of(j, j->layer, 100);
    recur_state *dstate = state_of(j, j->layer, 200);
    float *y = zeros(j->B * j->O);
    float *dx = j->ids ? NULL : zeros(j->B * j->I);
    float *dparams = zeros(P);
    for (int round = 0; round < 2; round++) {
        for (int64_t t = 0; t < j->T; t++) {
            const input now = input_from(j, &in, t * j->B);
            forward(j, j->layer, packed, &now, state, y, tape);
            add_to_hash(Y, y, j->B * j->O);
        }
        for (int64_t t = j->T - 1; t >= 0; t--) {
            const input now = input_from(j, &in, t * j->B);
            backward(j, packed, &now, dy + t * j->B * j->O, dstate, dx, dparams, tape);
            if (dx) add_to_hash(DX, dx, j->B * j->I);
        }
        add_state_to_hash(STATE, state);
        add_state_to_hash(DSTATE, dstate);
        add_to_hash(DPARAMS, dparams, P);
    }
    recur_state_release(state);
    recur_state_release(dstate);
    recur_tape_release(tape);
    recur_packed_release(packed);
}

/* A step of every stream of a state, T times; one stream begins anew in the middle. */
static void stream(const job *j, const recur_layer *layer, recur_state *state)
{
    const input in = input_of(j, j->T * j->B, 1);
    float *y = zeros(j->B * j->O);
    for (int64_t t = 0; t < j->T; t++) {
        const input now = input_from(j, &in, t * j->B);
        if (t == 2) TRY(recur_state_reset(state, j->B - 1));
        if (j->ids)
            TRY(STREAM_STEP_IDS(layer, now.ids, state, y));
        else
            TRY(STREAM_STEP(layer, now.x, state, y));
        add_to_hash(Y, y, j->B * j->O);
    }
    if (!j->ids) TRY(STREAM_STEP(layer, in.x, state, NULL));
    add_state_to_hash(STATE, state);
}

static void run_stream(const job *j)
{
    recur_state *state = state_of(j, j->layer, 100);
    stream(j, j->layer, state);
    recur_state_release(state);
}

/* Of a snapshot; then with a state that was made for the layer, not for the snapshot. */
static void run_snapshot_stream(const job *j)
{
    recur_layer *snapshot;
    TRY(recur_layer_snapshot(j->layer, RECUR_PRECISION_FLOAT32, &snapshot));
    recur_state *state = state_of(j, snapshot, 100);
    recur_state *strange = state_of(j, j->layer, 100);
    stream(j, snapshot, state);
    stream(j, snapshot, strange);
    recur_state_release(state);
    recur_state_release(strange);
    recur_layer_release(snapshot);
}

/* ---- loops by hand --------------------------------------------------------------------------- */

enum { OUT = 3 };

typedef struct loop {
    const job *j;
    recur_cell *cell;
    recur_layer *head;
    recur_packed *one;
    recur_tape *tape;
    recur_state *state, *dstate;
    input in;
    float *h, *y, *dy, *dh, *dx; /* [T][B][O], [B][OUT], [T][B][OUT], [B][O], [B][I] */
    float *dparams, *dhead;
    int64_t P, Q;
} loop;

static void open_loop(loop *q, const job *j, bool deferred)
{
    const job one = { .ctx = j->ctx, .B = j->B, .T = 1 };
    const int64_t TB = j->T * j->B;
    *q = (loop){ .j = j };
    TRY(recur_cell_from_layer(j->layer, &q->cell));
    TRY(recur_linear_create(j->ctx, j->O, OUT, 0, &q->head));
    q->P = recur_layer_param_count(j->layer);
    q->Q = recur_layer_param_count(q->head);
    fill(recur_layer_params(q->head), q->Q, 0.5, 31);
    q->one = layout_of(&one);
    q->tape = tape_of(j, q->one, j->T);
    if (j->B % 2 == 0) TRY(recur_tape_reserve(q->tape, q->head, q->one, j->T));
    if (deferred) TRY(DEFER(q->tape));
    q->state = state_of(j, j->layer, 100);
    q->dstate = state_of(j, j->layer, 200);
    q->in = input_of(j, TB, 1);
    q->dy = numbers(TB * OUT, 1, 10);
    q->h = zeros(TB * j->O);
    q->y = zeros(j->B * OUT);
    q->dh = zeros(j->B * j->O);
    q->dx = zeros(j->B * j->I);
    q->dparams = zeros(q->P);
    q->dhead = zeros(q->Q);
}

static void close_loop(loop *q)
{
    recur_state_release(q->state);
    recur_state_release(q->dstate);
    recur_tape_release(q->tape);
    recur_packed_release(q->one);
    recur_layer_release(q->head);
    recur_cell_release(q->cell);
}

static void step_forward(loop *q, int64_t t)
{
    const job *j = q->j;
    const input now = input_from(j, &q->in, t * j->B);
    float *h = q->h + t * j->B * j->O;
    if (j->ids)
        TRY(recur_cell_step_ids(q->cell, now.ids, q->state, h, q->tape));
    else
        TRY(recur_cell_step(q->cell, now.x, q->state, h, q->tape));
    TRY(recur_layer_forward(q->head, q->one, h, NULL, q->y, q->tape));
    add_to_hash(Y, h, j->B * j->O);
    add_to_hash(Y, q->y, j->B * OUT);
}

static void step_backward(loop *q, int64_t t)
{
    const job *j = q->j;
    const input now = input_from(j, &q->in, t * j->B);
    const float *h = q->h + t * j->B * j->O;
    const float *dy = q->dy + t * j->B * OUT;
    TRY(recur_layer_backward(q->head, q->one, h, dy, NULL, q->dh, q->dhead, q->tape));
    add_to_hash(DX, q->dh, j->B * j->O);
    if (j->ids) {
        TRY(recur_cell_step_backward_ids(q->cell, now.ids, q->dh, q->dstate, q->dparams, q->tape));
    } else {
        TRY(recur_cell_step_backward(q->cell, now.x, q->dh, q->dstate, q->dx, q->dparams, q->tape));
        add_to_hash(DX, q->dx, j->B * j->I);
    }
}

/* Recorded steps of a cell and a head over each, then backward; once more on the same tape; and
 * steps without a tape. */
static void run_loop_with(const job *j, bool deferred)
{
    loop q;
    open_loop(&q, j, deferred);
    for (int round = 0; round < 2; round++) {
        for (int64_t t = 0; t < j->T; t++) step_forward(&q, t);
        for (int64_t t = j->T - 1; t >= 0; t--) step_backward(&q, t);
        if (deferred) {
            TRY(ADD_GRADIENTS(q.tape, j->layer, q.dparams));
            TRY(ADD_GRADIENTS(q.tape, q.head, q.dhead));
        }
        add_state_to_hash(STATE, q.state);
        add_state_to_hash(DSTATE, q.dstate);
        add_to_hash(DPARAMS, q.dparams, q.P);
        add_to_hash(DPARAMS, q.dhead, q.Q);
    }
    if (j->ids)
        TRY(recur_cell_step_ids(q.cell, q.in.ids, q.state, q.h, NULL));
    else
        TRY(recur_cell_step(q.cell, q.in.x, q.state, q.h, NULL));
    add_to_hash(Y, q.h, j->B * j->O);
    add_state_to_hash(STATE, q.state);
    close_loop(&q);
}

static void run_loop(const job *j) { run_loop_with(j, false); }
static void run_deferred(const job *j) { run_loop_with(j, true); }

/* ---- ways and what they need ----------------------------------------------------------------- */

enum {
    ROWS = 1,     /* takes rows                                                        */
    IDS = 2,      /* takes ids                                                         */
    STEPS = 4,    /* looks at one step at a time, forward: may be streamed             */
    CELL = 8,     /* is one forward recurrent layer                                    */
    RAGGED = 16,  /* sequences of several lengths, one of them 0                       */
    THREADS = 32, /* is worth running on several threads                               */
    TRAIN = 64    /* is recorded                                                       */
};

typedef struct way {
    const char *name;
    void (*run)(const job *j);
    unsigned needs;
} way;

static const way ways[] = {
    { "dense", run_pass, ROWS | THREADS | TRAIN },
    { "ragged", run_pass, ROWS | RAGGED | THREADS | TRAIN },
    { "ids", run_pass, IDS | THREADS | TRAIN },
    { "ragged-ids", run_pass, IDS | RAGGED | TRAIN },
    { "bare", run_bare, ROWS | RAGGED | TRAIN },
    { "inference", run_inference, ROWS | RAGGED | THREADS },
    { "inference-ids", run_inference, IDS },
    { "single-steps", run_single_steps, ROWS | TRAIN },
    { "single-steps-ids", run_single_steps, IDS | TRAIN },
    { "loop", run_loop, ROWS | CELL | TRAIN },
    { "loop-ids", run_loop, IDS | CELL | TRAIN },
    { "deferred", run_deferred, ROWS | CELL | TRAIN },
    { "deferred-ids", run_deferred, IDS | CELL | TRAIN },
    { "stream", run_stream, ROWS | STEPS },
    { "stream-ids", run_stream, IDS | STEPS },
    { "snapshot-stream", run_snapshot_stream, ROWS | STEPS },
    { "snapshot-stream-ids", run_snapshot_stream, IDS | STEPS },
    { "snapshot", run_snapshot, ROWS | THREADS },
    { "snapshot-ragged", run_snapshot, ROWS | RAGGED },
    { "snapshot-ids", run_snapshot, IDS },
};

enum { WAYS = sizeof ways / sizeof *ways };

static const char *word = "";
static int64_t cases;

static void run_way(const job *of, const way *w, const char *sizes)
{
    static const char *const modes[] = { "", " evaluate", " no-dropout" };
    job j = *of;
    j.ids = (w->needs & IDS) != 0;
    j.ragged = (w->needs & RAGGED) != 0;
    snprintf(case_name, sizeof case_name, "%s %s %d-thread %s %s%s", j.what, j.isa, j.threads,
             sizes, w->name, modes[j.mode]);
    if (!strstr(case_name, word)) return;
    used = 0;
    begin_hashes();
    w->run(&j);
    print_hashes();
    cases++;
}

/* ---- recurrent layers ------------------------------------------------------------------------ */

typedef struct sizes {
    int64_t H, I, B, T, L;
    int32_t direction;
} sizes;

/* As many modules as divide H, at most 7, of two units or more if that can be. */
static int32_t modules_of(int64_t H)
{
    for (int32_t modules = MOST_PERIODS; modules > 1; modules--) {
        if (H % modules == 0 && H / modules >= 2) return modules;
    }
    return H > MOST_PERIODS ? 1 : (int32_t)H;
}

static recur_layer *recurrent_of(recur_context *ctx, const kind *k, const sizes *s)
{
    recur_layer *layer;
    recur_recurrent_options o = { .size = sizeof o, .cell = k->cell };
    o.input_size = s->I;
    o.hidden_size = s->H;
    o.num_layers = s->L;
    o.direction = s->direction;
    o.flags = k->flags;
    o.projection_size = k->projection;
    o.dropout = k->dropout;
    o.recurrent_dropout = k->recurrent_dropout;
    o.zoneout_hidden = k->zoneout_hidden;
    o.zoneout_cell = k->zoneout_cell;
    o.cell_clip = k->cell_clip;
    o.preactivation_clip = k->clip;
    o.gate_activation = k->gate;
    o.activation = k->activation;
    o.output_activation = k->output;
    if (k->cell == RECUR_CELL_CLOCKWORK) set_clockwork(&o, modules_of(s->H), k->periods);
    TRY(recur_recurrent_create(ctx, &o, &layer));
    fill(recur_layer_params(layer), recur_layer_param_count(layer), s->H > 20 ? 0.2 : 0.6, 30);
    return layer;
}

/* Every way that fits a recurrent layer of these sizes. */
static void run_recurrent(const job *base, const kind *k, const sizes *s, unsigned may)
{
    static const char *const directions[] = { "forward", "reverse", "both" };
    char text[80];
    job j = *base;
    j.what = k->name;
    j.clocks = k->cell == RECUR_CELL_CLOCKWORK;
    j.learns = (k->flags & RECUR_LAYER_LEARN_INITIAL_STATE) != 0;
    j.B = s->B;
    j.T = s->T;
    j.I = s->I;
    j.O = k->projection ? k->projection : s->H;
    if (s->direction == RECUR_DIRECTION_BIDIRECTIONAL) j.O *= 2;
    j.layer = recurrent_of(j.ctx, k, s);
    snprintf(text, sizeof text, "H%lld I%lld B%lld T%lld L%lld %s", (long long)s->H,
             (long long)s->I, (long long)s->B, (long long)s->T, (long long)s->L,
             directions[s->direction]);
    for (int w = 0; w < WAYS; w++) {
        const unsigned needs = ways[w].needs;
        const bool is_forward = s->direction == RECUR_DIRECTION_FORWARD;
        if (needs & STEPS && !is_forward) continue;
        if (needs & CELL && !(is_forward && s->L == 1)) continue;
        if (j.threads > 1 && !(needs & THREADS)) continue;
        if ((needs & may) == needs) run_way(&j, &ways[w], text);
    }
    recur_layer_release(j.layer);
}

enum { EVERYTHING = ROWS | IDS | STEPS | CELL | RAGGED | THREADS | TRAIN };

static const int64_t hidden[] = { 3, 4, 5, 8, 17, 40, 80, 100 };
static const int64_t batch[] = { 1, 2, 7, 33 };
static const int64_t inputs[] = { 1, 5, 20 };

enum { HIDDEN = 8, BATCH = 4, INPUTS = 3 };

/* One layer forward, which every way fits, in all pairs of H and B; and a stack or another
 * direction, with a turn that moves on from pair to pair. */
static void run_plain_kind(const job *base, const kind *k)
{
    static const sizes others[] = {
        { .L = 2, .direction = RECUR_DIRECTION_BIDIRECTIONAL },
        { .L = 2, .direction = RECUR_DIRECTION_FORWARD },
        { .L = 1, .direction = RECUR_DIRECTION_REVERSE },
        { .L = 2, .direction = RECUR_DIRECTION_REVERSE },
        { .L = 1, .direction = RECUR_DIRECTION_BIDIRECTIONAL },
    };
    int turn = 0;
    for (int h = 0; h < HIDDEN; h++) {
        for (int b = 0; b < BATCH; b++, turn++) {
            if (hidden[h] == 80 && batch[b] > 2) continue;
            if (hidden[h] == 100 && batch[b] > 7) continue;
            sizes s = { .H = hidden[h], .I = inputs[turn % INPUTS], .B = batch[b], .L = 1 };
            s.T = s.H > 20 ? 4 : 5;
            if (s.H >= 80 || s.H * s.B > 1000) s.T = 2;
            run_recurrent(base, k, &s, EVERYTHING);
            s.L = others[turn % 5].L;
            s.direction = others[turn % 5].direction;
            run_recurrent(base, k, &s, EVERYTHING);
        }
    }
    run_recurrent(base, k, &(sizes){ .H = 8, .I = 5, .B = 1, .T = 1, .L = 1 }, EVERYTHING);
    run_recurrent(base, k, &(sizes){ .H = 5, .I = 20, .B = 1, .T = 1, .L = 2 }, EVERYTHING);
    run_recurrent(base, k, &(sizes){ .H = 17, .I = 5, .B = 2, .T = 1, .L = 1 }, EVERYTHING);
    run_recurrent(base, k, &(sizes){ .H = 4, .I = 4, .B = 1, .T = 140, .L = 1 }, EVERYTHING);
}

static void run_kind_with_options(const job *base, const kind *k)
{
    static const sizes all[] = {
        { .H = 4, .I = 5, .B = 1, .T = 5, .L = 1 },
        { .H = 5, .I = 1, .B = 2, .T = 5, .L = 1 },
        { .H = 8, .I = 5, .B = 7, .T = 6, .L = 1 },
        { .H = 17, .I = 20, .B = 7, .T = 5, .L = 2 },
        { .H = 40, .I = 5, .B = 2, .T = 4, .L = 2, .direction = RECUR_DIRECTION_BIDIRECTIONAL },
        { .H = 5, .I = 5, .B = 33, .T = 4, .L = 2, .direction = RECUR_DIRECTION_REVERSE },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        job j = *base;
        sizes s = all[i];
        if (k->projection >= s.H) continue;
        run_recurrent(&j, k, &s, EVERYTHING);
        j.mode = RECUR_TAPE_RECORD_NO_DROPOUT;
        if (i % 3 == 0) run_recurrent(&j, k, &s, ROWS | RAGGED | CELL | TRAIN);
    }
}

/* ---- the other layers ------------------------------------------------------------------------ */

static recur_layer *linear(recur_context *ctx, int64_t in, int64_t out, uint32_t flags)
{
    recur_layer *layer;
    TRY(recur_linear_create(ctx, in, out, flags, &layer));
    return layer;
}

static recur_layer *embedding(recur_context *ctx, int64_t count, int64_t width)
{
    recur_layer *layer;
    TRY(recur_embedding_create(ctx, count, width, 0, &layer));
    return layer;
}

static recur_layer *last(recur_context *ctx, int64_t features, int32_t direction)
{
    recur_layer *layer;
    TRY(recur_last_create(ctx, features, direction, &layer));
    return layer;
}

static recur_layer *dropout(recur_context *ctx, int64_t features, double probability)
{
    recur_layer *layer;
    TRY(recur_dropout_create(ctx, features, probability, &layer));
    return layer;
}

static recur_layer *activation(recur_context *ctx, int64_t features, int32_t function)
{
    recur_layer *layer;
    TRY(recur_activation_create(ctx, features, function, &layer));
    return layer;
}

static recur_layer *norm(recur_context *ctx, int64_t features, double epsilon, uint32_t flags)
{
    recur_layer *layer;
    TRY(recur_norm_create(ctx, features, epsilon, flags, &layer));
    return layer;
}

static recur_layer *merge(recur_context *ctx, int64_t features, int32_t how)
{
    recur_layer *layer;
    TRY(recur_merge_create(ctx, features, how, &layer));
    return layer;
}

static recur_layer *recurrent(recur_context *ctx, int32_t cell, int64_t I, int64_t H,
                              int32_t direction)
{
    const kind k = { .cell = cell, .name = "part" };
    const sizes s = { .H = H, .I = I, .L = 1, .direction = direction };
    return recurrent_of(ctx, &k, &s);
}

/* Takes the parts over. */
static recur_layer *compose(recur_context *ctx, int32_t how, int count, recur_layer **parts)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    recur_layer *layer;
    TRY(recur_compose_create(ctx, how, count, names, parts, &layer));
    for (int i = 0; i < count; i++) recur_layer_release(parts[i]);
    return layer;
}

#define SEQUENTIAL(ctx, ...)                                                \
    compose(ctx, RECUR_COMPOSE_SEQUENTIAL,                                  \
            sizeof(recur_layer *[]){ __VA_ARGS__ } / sizeof(recur_layer *), \
            (recur_layer *[]){ __VA_ARGS__ })
#define RESIDUAL(ctx, ...)                                                  \
    compose(ctx, RECUR_COMPOSE_RESIDUAL,                                    \
            sizeof(recur_layer *[]){ __VA_ARGS__ } / sizeof(recur_layer *), \
            (recur_layer *[]){ __VA_ARGS__ })

/* A network that can be streamed: a stack, a norm, a residual and a head. */
static recur_layer *streamed(recur_context *ctx, recur_layer *first)
{
    recur_layer *inner = RESIDUAL(ctx, recurrent(ctx, RECUR_CELL_GRU, 12, 12, 0),
                                  dropout(ctx, 12, 0.3));
    return SEQUENTIAL(ctx, first, recurrent(ctx, RECUR_CELL_LSTM, 5, 12, 0), norm(ctx, 12, 0, 0),
                      inner, linear(ctx, 12, 3, 0), activation(ctx, 3, RECUR_ACTIVATION_RELU));
}

/* A network that looks both ways and gives one row for each sequence. */
static recur_layer *classifier(recur_context *ctx, recur_layer *first)
{
    return SEQUENTIAL(ctx, first,
                      recurrent(ctx, RECUR_CELL_LSTM, 5, 6, RECUR_DIRECTION_BIDIRECTIONAL),
                      merge(ctx, 12, RECUR_MERGE_SUM), last(ctx, 6, RECUR_DIRECTION_FORWARD),
                      dropout(ctx, 6, 0.2), linear(ctx, 6, 4, RECUR_LAYER_NO_BIAS));
}

/* Runs a layer in all ways that it takes, and gives it back. */
static void run_layer(const job *base, const char *what, recur_layer *layer, unsigned may)
{
    static const sizes all[] = { { .B = 1, .T = 1 },
                                 { .B = 1, .T = 5 },
                                 { .B = 2, .T = 1 },
                                 { .B = 7, .T = 6 },
                                 { .B = 33, .T = 6 } };
    recur_layer_info info = { .size = sizeof info };
    job j = *base;
    TRY(recur_layer_describe(layer, -1, &info));
    j.what = what;
    j.layer = layer;
    j.I = info.input_size;
    j.O = info.output_size;
    if (recur_layer_param_count(layer) > 0) {
        fill(recur_layer_params(layer), recur_layer_param_count(layer), 0.6, 30);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[40];
        j.B = all[i].B;
        j.T = all[i].T;
        snprintf(text, sizeof text, "B%lld T%lld", (long long)j.B, (long long)j.T);
        for (int w = 0; w < WAYS; w++) {
            const unsigned needs = ways[w].needs;
            if (j.threads > 1 && !(needs & THREADS)) continue;
            if ((needs & (may | RAGGED | THREADS | TRAIN)) == needs) run_way(&j, &ways[w], text);
        }
    }
    recur_layer_release(layer);
}

static void run_networks(const job *j)
{
    recur_context *ctx = j->ctx;
    const unsigned both = ROWS | IDS | STEPS;
    run_layer(j, "sequential", streamed(ctx, linear(ctx, 20, 5, 0)), both);
    run_layer(j, "sequential-embedding", streamed(ctx, embedding(ctx, 9, 5)), IDS | STEPS);
    run_layer(j, "sequential-last", classifier(ctx, linear(ctx, 3, 5, 0)), ROWS | IDS);
    run_layer(j, "sequential-last-embedding", classifier(ctx, embedding(ctx, 9, 5)), IDS);
    run_layer(j, "residual", RESIDUAL(ctx, norm(ctx, 8, 0, 0), linear(ctx, 8, 8, 0)), ROWS | STEPS);
    run_layer(j, "residual-recurrent",
              RESIDUAL(ctx, recurrent(ctx, RECUR_CELL_GRU_NORM, 8, 8, 0), activation(ctx, 8, 1)),
              ROWS | STEPS);
}

static void run_small_layers(const job *j)
{
    static const char *const functions[] = { "",        "tanh",         "sigmoid",
                                             "relu",    "hard_sigmoid", "softsign",
                                             "identity" };
    static const char *const merges[] = { "", "merge-sum", "merge-mean", "merge-multiply" };
    recur_context *ctx = j->ctx;
    const unsigned both = ROWS | IDS | STEPS;
    run_layer(j, "linear", linear(ctx, 20, 17, 0), both);
    run_layer(j, "linear-nobias", linear(ctx, 5, 4, RECUR_LAYER_NO_BIAS), both);
    run_layer(j, "linear-wide", linear(ctx, 40, 100, 0), both);
    run_layer(j, "linear-to-one", linear(ctx, 100, 1, 0), both);
    run_layer(j, "embedding", embedding(ctx, 11, 17), IDS | STEPS);
    run_layer(j, "last-forward", last(ctx, 6, RECUR_DIRECTION_FORWARD), ROWS);
    run_layer(j, "last-reverse", last(ctx, 6, RECUR_DIRECTION_REVERSE), ROWS);
    run_layer(j, "last-both", last(ctx, 6, RECUR_DIRECTION_BIDIRECTIONAL), ROWS);
    run_layer(j, "dropout", dropout(ctx, 17, 0.4), ROWS | STEPS);
    run_layer(j, "norm", norm(ctx, 17, 0, 0), ROWS | STEPS);
    run_layer(j, "norm-nobias", norm(ctx, 40, 1e-3, RECUR_LAYER_NO_BIAS), ROWS | STEPS);
    for (int32_t f = 1; f <= RECUR_ACTIVATION_IDENTITY; f++) {
        run_layer(j, functions[f], activation(ctx, 17, f), ROWS | STEPS);
    }
    for (int32_t m = 1; m <= RECUR_MERGE_MULTIPLY; m++) {
        run_layer(j, merges[m], merge(ctx, 34, m), ROWS | STEPS);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* On several threads only what is large enough to be shared out. */
static void run_threads(const job *j)
{
    static const sizes all[] = {
        { .H = 17, .I = 20, .B = 33, .T = 5, .L = 1 },
        { .H = 40, .I = 20, .B = 33, .T = 4, .L = 2, .direction = RECUR_DIRECTION_BIDIRECTIONAL },
        { .H = 100, .I = 5, .B = 33, .T = 3, .L = 1 },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (size_t k = 0; k < sizeof plain_kinds / sizeof *plain_kinds; k++) {
            run_recurrent(j, &plain_kinds[k], &all[i], EVERYTHING);
        }
    }
    for (size_t k = 0; k < sizeof kinds_with_options / sizeof *kinds_with_options; k++) {
        run_recurrent(j, &kinds_with_options[k], &all[1], EVERYTHING);
    }
    run_networks(j);
}

static void run_everything(const job *j)
{
    for (size_t k = 0; k < sizeof plain_kinds / sizeof *plain_kinds; k++) {
        run_plain_kind(j, &plain_kinds[k]);
    }
    for (size_t k = 0; k < sizeof kinds_with_options / sizeof *kinds_with_options; k++) {
        run_kind_with_options(j, &kinds_with_options[k]);
    }
    run_small_layers(j);
    run_networks(j);
}

int main(int argc, char **argv)
{
    if (argc > 1) word = argv[1];
    for (int32_t isa = RECUR_ISA_REF; isa <= RECUR_ISA_NEON; isa++) {
        for (int32_t threads = 1; threads <= 2; threads++) {
            const recur_context_options o = { .size = sizeof o, .isa = isa, .threads = threads };
            job j = { .threads = threads };
            const recur_status status = recur_context_create(&o, &j.ctx);
            if (status == RECUR_E_UNSUPPORTED) break;
            TRY(status);
            j.isa = recur_context_isa(j.ctx);
            if (threads == 1)
                run_everything(&j);
            else
                run_threads(&j);
            recur_context_release(j.ctx);
        }
    }
    if (cases == 0) die("no case has this word in its name");
    fprintf(stderr, "twin: %lld cases\n", (long long)cases);
    return 0;
}
