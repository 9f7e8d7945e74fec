/* 04_stream.c - lesson 4: one sample at a time, as it arrives.
 *
 * A state keeps what the network has seen. A step reads one row, changes the state and gives one
 * row. It allocates nothing and never waits, so it may run where sound is computed. The numbers are
 * those of the whole sequence at once.
 *
 * Steps are fastest on a snapshot: an unchangeable copy, laid out for this machine. The parameters
 * of the layer itself may change at any time, so its steps read them where they lie. */
#include <math.h>
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 12, HIDDEN = 8 };

static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

/* A GRU and a linear layer: one number in, one number out. A real program would open a file that
 * recur_model_save has written: recur_model_open(NULL, "network.safetensors", &network). */
static recur_layer *make_network(void)
{
    const recur_recurrent_options gru = {
        .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = 1, .hidden_size = HIDDEN
    };
    const char *const names[2] = { "rnn", "fc" };
    recur_layer *part[2];
    recur_layer *network;
    check(recur_recurrent_create(NULL, &gru, &part[0]));
    check(recur_linear_create(NULL, HIDDEN, 1, 0, &part[1]));
    check(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &network));
    check(recur_layer_init(network, NULL, RECUR_INIT_DEFAULT, 0, 3));
    for (int i = 0; i < 2; i++) recur_layer_release(part[i]);
    return network;
}

int main(void)
{
    recur_layer *network = make_network();

    /* The whole sequence at once, to compare with: a wave. */
    recur_packed *layout;
    float x[STEPS];
    float whole[STEPS];
    for (int t = 0; t < STEPS; t++) x[t] = sinf((float)t);
    check(recur_packed_create(NULL, 1, NULL, STEPS, &layout));
    check(recur_layer_forward(network, layout, x, NULL, whole, NULL));

    /* A stream of one sequence. Many streams can share one snapshot; each has its own state. */
    recur_layer *snapshot;
    recur_state *state;
    check(recur_layer_snapshot(network, RECUR_PRECISION_FLOAT32, &snapshot));
    check(recur_state_create(snapshot, 1, &state));

    float difference = 0;
    printf("time   input   at once  streamed\n");
    for (int t = 0; t < STEPS; t++) {
        float y;
        check(recur_layer_step(snapshot, &x[t], state, &y, NULL)); /* NULL: nothing is recorded */
        printf("%4d  %6.3f  %8.5f  %8.5f\n", t, (double)x[t], (double)whole[t], (double)y);
        difference = fmaxf(difference, fabsf(whole[t] - y));
    }
    printf("The streamed numbers are %s.\n", difference < 1e-6f ? "the same" : "different");

    /* A reset makes the state forget: the stream begins anew. */
    float again;
    check(recur_state_reset(state, -1)); /* -1: all sequences of the state */
    check(recur_layer_step(snapshot, &x[0], state, &again, NULL));
    printf("After a reset, time 0 gives %.5f again.\n", (double)again);

    recur_state_release(state);
    recur_layer_release(snapshot);
    recur_packed_release(layout);
    recur_layer_release(network);
    return difference < 1e-6f ? 0 : EXIT_FAILURE;
}
