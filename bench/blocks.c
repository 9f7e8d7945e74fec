/* blocks.c - what a sample of a stream costs: in single steps with one state or another, and in
 * blocks of 1, 16 and 64. The ways take turns; thread CPU time. Build and run it with
 *
 *   cc -O2 -Iinclude bench/blocks.c -o blocks -Llib -lrecur -Wl,-rpath,lib && ./blocks
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <recur.h>

enum { SAMPLES = 4096, ROUNDS = 41, WAYS = 6 };

static void try(recur_status status)
{
    if (!status) return;
    fprintf(stderr, "blocks: %s\n", recur_last_error());
    exit(1);
}

static double nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* An LSTM with H units and a head: what is trained, the snapshot that runs, and its own state. */
typedef struct network {
    recur_layer *layer, *snapshot;
    recur_state *state;
} network;

static network make(int H, uint32_t flags)
{
    network n;
    const char *const names[] = { "rnn", "fc" };
    recur_layer *parts[2];
    recur_recurrent_options options = { .size = sizeof options,
                                        .cell = RECUR_CELL_LSTM,
                                        .input_size = 1,
                                        .hidden_size = H,
                                        .flags = flags };
    try(recur_recurrent_create(NULL, &options, &parts[0]));
    try(recur_linear_create(NULL, H, 1, 0, &parts[1]));
    try(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, names, parts, &n.layer));
    try(recur_layer_init(n.layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    try(recur_layer_snapshot(n.layer, 0, &n.snapshot));
    try(recur_state_create(n.snapshot, 1, &n.state));
    return n;
}

static void release(network *n)
{
    recur_state_release(n->state);
    recur_layer_release(n->snapshot);
    recur_layer_release(n->layer);
}

static float x[SAMPLES], y[SAMPLES];

/* The whole stream in blocks of a packed's length; without packed in single steps. */
static double time_of(const recur_layer *layer, recur_state *state, const recur_packed *packed,
                      int block)
{
    const double begin = nanoseconds();
    for (int i = 0; i < SAMPLES; i += block)
        try(packed ? recur_layer_forward(layer, packed, x + i, state, y + i, NULL)
                   : recur_layer_step(layer, x + i, state, y + i, NULL));
    return (nanoseconds() - begin) / SAMPLES;
}

static void measure(int H)
{
    const char *const names[WAYS] = { "own state",   "state of the layer", "learned initial state",
                                      "blocks of 1", "blocks of 16",       "blocks of 64" };
    const int block[WAYS] = { 1, 1, 1, 1, 16, 64 };
    static double time[WAYS][ROUNDS];
    network n = make(H, 0), learned = make(H, RECUR_LAYER_LEARN_INITIAL_STATE);
    recur_state *of_layer;
    recur_packed *packed[WAYS] = { NULL };
    try(recur_state_create(n.layer, 1, &of_layer));
    recur_state *const state[WAYS] = {
        n.state, of_layer, learned.state, n.state, n.state, n.state
    };
    for (int w = 3; w < WAYS; w++) try(recur_packed_create(NULL, 1, NULL, block[w], &packed[w]));
    for (int r = 0; r < ROUNDS; r++)
        for (int w = 0; w < WAYS; w++)
            time[w][r] = time_of(w == 2 ? learned.snapshot : n.snapshot, state[w], packed[w],
                                 block[w]);
    for (int w = 0; w < WAYS; w++) {
        qsort(time[w], ROUNDS, sizeof time[w][0], compare);
        printf("H %2d  %-22s median %7.1f  minimum %7.1f ns\n", H, names[w], time[w][ROUNDS / 2],
               time[w][0]);
        recur_packed_release(packed[w]);
    }
    recur_state_release(of_layer);
    release(&n);
    release(&learned);
}

int main(void)
{
    for (int i = 0; i < SAMPLES; i++)
        x[i] = (float)(recur_random(1, (uint64_t)i) >> 40) / (1 << 24);
    const int sizes[] = { 3, 8, 16, 40 };
    for (int i = 0; i < 4; i++) measure(sizes[i]);
    return 0;
}
