/* 01_forward.c - lesson 1: a layer maps rows to rows.
 *
 * A row is what a layer takes at one step of one sequence: here 3 numbers. The program makes a GRU,
 * gives its parameters start values, and runs a batch of 2 sequences of 4 steps through it.
 *
 * Three habits begin here. Every call that can fail returns a status, which is checked. Options
 * begin with their own size. What was created is released. */
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 4, BATCH = 2, ROWS = STEPS * BATCH, INPUT = 3, HIDDEN = 5 };

/* Ends the program if a call has failed. The library has a sentence about what was wrong. */
static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

/* All parameters lie in one vector. Each tensor has a name, a shape and a place in it. */
static void print_parameters(const recur_layer *layer)
{
    printf("A GRU has %d parameters:\n", (int)recur_layer_param_count(layer));
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        recur_tensor tensor = { .size = sizeof tensor };
        check(recur_layer_tensor_info(layer, i, &tensor));
        printf("  %-13s [%d]", tensor.name, (int)tensor.dim[0]);
        if (tensor.rank > 1) printf("[%d]", (int)tensor.dim[1]);
        printf(", from number %d on\n", (int)tensor.offset);
    }
}

/* Where all sequences are equally long, the rows are an array [STEPS][BATCH]. */
static void print_rows(const float *y)
{
    printf("Every row of %d numbers has become a row of %d:\n", INPUT, HIDDEN);
    for (int step = 0; step < STEPS; step++) {
        for (int sequence = 0; sequence < BATCH; sequence++) {
            printf("  step %d of sequence %d ", step, sequence);
            for (int i = 0; i < HIDDEN; i++)
                printf(" %6.3f", (double)y[(step * BATCH + sequence) * HIDDEN + i]);
            printf("\n");
        }
    }
}

int main(void)
{
    const recur_recurrent_options options = {
        .size = sizeof options, .cell = RECUR_CELL_GRU, .input_size = INPUT, .hidden_size = HIDDEN
    };
    recur_layer *gru;
    check(recur_recurrent_create(NULL, &options, &gru));          /* NULL: the default context */
    check(recur_layer_init(gru, NULL, RECUR_INIT_DEFAULT, 0, 1)); /* the last number is the seed */
    print_parameters(gru);

    /* The layout of a batch: how many sequences there are, and how long each one is. */
    recur_packed *layout;
    check(recur_packed_create(NULL, BATCH, NULL, STEPS, &layout)); /* NULL: all have STEPS steps */

    float x[ROWS * INPUT];
    float y[ROWS * HIDDEN];
    for (int i = 0; i < ROWS * INPUT; i++) x[i] = (float)i / (ROWS * INPUT);
    check(recur_layer_forward(gru, layout, x, NULL, y, NULL)); /* no state, no tape: lessons 2, 4 */
    print_rows(y);

    recur_packed_release(layout);
    recur_layer_release(gru);
    return 0;
}
