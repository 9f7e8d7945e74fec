/* walk.c - runs three things with a library whose functions report when they begin and end, and
 * prints where the walk through the library was. scripts/walk.sh builds and reads it.
 *
 * Prints `# name` for each of the three, and below it one address a line: that of each function
 * that began, and after each end that of the function which goes on. */
#include <recur.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* What the headers of two versions call differently. walk.sh defines HAS_name where it is known. */
#ifdef HAS_recur_layer_step_backward
#define STREAM_STEP(layer, x, state, y) recur_layer_step(layer, x, state, y, NULL)
#else
#define STREAM_STEP(layer, x, state, y) recur_layer_step(layer, x, state, y)
#endif
#ifndef HAS_recur_layer_param_count
#define recur_layer_param_count recur_layer_count
#endif

enum { MOST_PLACES = 1 << 22, MOST_DEPTH = 1 << 10 };

static void *places[MOST_PLACES];
static void *running[MOST_DEPTH];
static int64_t count;
static int depth;
static bool watching;

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static void note(void *function)
{
    if (!watching || count == MOST_PLACES) return;
    places[count] = function;
    count++;
}

void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)caller;
    if (depth < MOST_DEPTH) running[depth] = function;
    depth++;
    note(function);
}

void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
    depth--;
    if (depth > 0 && depth <= MOST_DEPTH) note(running[depth - 1]);
}

static void try_call(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "walk: %s: %s\n", recur_status_name(status), recur_last_error());
    exit(1);
}

static void begin(const char *name)
{
    printf("# %s\n", name);
    count = 0;
    watching = true;
}

static void end(void)
{
    watching = false;
    if (count == MOST_PLACES) fprintf(stderr, "walk: too long, the end is left out\n");
    for (int64_t i = 0; i < count; i++) printf("%p\n", places[i]);
}

enum { I = 5, H = 8, B = 3, T = 4, STEPS = 4, ROOM = 4096 };

static float x[ROOM], y[ROOM], dy[ROOM], dx[ROOM], dparams[ROOM];

static recur_layer *lstm(int64_t layers)
{
    const recur_recurrent_options o = { .size = sizeof o,
                                        .cell = RECUR_CELL_LSTM,
                                        .input_size = I,
                                        .hidden_size = H,
                                        .num_layers = layers };
    recur_layer *layer;
    try_call(recur_recurrent_create(NULL, &o, &layer));
    try_call(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    if (recur_layer_param_count(layer) > ROOM) exit(1);
    return layer;
}

/* Recorded, two layers, three lengths; the second pass on its tape. */
static void batch_forward(void)
{
    const int64_t lengths[B] = { 2, T, 1 };
    recur_layer *layer = lstm(2);
    recur_packed *packed;
    recur_state *state;
    recur_tape *tape;
    try_call(recur_packed_create(NULL, B, lengths, T, &packed));
    try_call(recur_state_create(layer, B, &state));
    try_call(recur_tape_create(NULL, &tape));
    try_call(recur_layer_forward(layer, packed, x, state, y, tape));
    try_call(recur_layer_backward(layer, packed, x, dy, NULL, dx, dparams, tape));
    begin("batch forward (LSTM, 2 layers, ragged, recorded)");
    try_call(recur_layer_forward(layer, packed, x, state, y, tape));
    end();
    recur_tape_release(tape);
    recur_state_release(state);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* The third step of a stream over a snapshot. */
static void streaming_step(void)
{
    recur_layer *layer = lstm(2);
    recur_layer *snapshot;
    recur_state *state;
    try_call(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    try_call(recur_state_create(snapshot, 1, &state));
    for (int t = 0; t < 2; t++) try_call(STREAM_STEP(snapshot, x, state, y));
    begin("streaming step of a snapshot (LSTM, 2 layers, 1 stream)");
    try_call(STREAM_STEP(snapshot, x, state, y));
    end();
    recur_state_release(state);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
}

/* STEPS recorded steps of a cell and their backward. With `watched`, one in the middle is. */
static void run_loop(const recur_cell *cell, recur_state *state, recur_state *dstate,
                     recur_tape *tape, bool watched)
{
    for (int t = 0; t < STEPS; t++) {
        watching = watched && t == 2;
        try_call(recur_cell_step(cell, x, state, y, tape));
    }
    for (int t = STEPS - 1; t >= 0; t--) {
        watching = watched && t == 2;
        try_call(recur_cell_step_backward(cell, x, dy, dstate, dx, dparams, tape));
    }
}

static void step_by_hand(void)
{
    recur_layer *layer = lstm(1);
    recur_cell *cell;
    recur_state *state, *dstate;
    recur_tape *tape;
    try_call(recur_cell_from_layer(layer, &cell));
    try_call(recur_state_create(layer, 1, &state));
    try_call(recur_state_create(layer, 1, &dstate));
    try_call(recur_tape_create(NULL, &tape));
    for (int i = 0; i < 2; i++) run_loop(cell, state, dstate, tape, false);
    begin("step by hand (LSTM cell, 1 sequence, recorded, forward and backward)");
    run_loop(cell, state, dstate, tape, true);
    end();
    recur_tape_release(tape);
    recur_state_release(state);
    recur_state_release(dstate);
    recur_cell_release(cell);
    recur_layer_release(layer);
}

int main(void)
{
    batch_forward();
    streaming_step();
    step_by_hand();
    return 0;
}
