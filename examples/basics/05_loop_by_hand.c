/* 05_loop_by_hand.c - lesson 5: a loop over time of your own, which learns digits of pi by heart.
 *
 * Such a loop may do anything between two steps: feed an answer back, branch, stop early. With a
 * tape, recur_layer_step records a step, and recur_layer_step_backward plays the newest one back.
 * So the second loop goes the other way: from the last step to the first, head before cell. */
#include <math.h>
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 24, UPDATES = 600 };
static const float digits[] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3 };
enum { STEPS = sizeof digits / sizeof *digits - 1 }; /* one from each digit to the next */

/* A group keeps the parameters of its parts in one vector. We run the parts, each with a state. */
static recur_layer *group, *cell, *head;
static recur_state *cell_state, *head_state, *dstate; /* dstate: gradient of the cell's state */
static int64_t at_cell, at_head;                      /* where in the vector each one begins */
static float x[STEPS], h[STEPS][HIDDEN], y[STEPS];    /* backward reads x and h once more */

static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

static void make_layers(void)
{
    const recur_recurrent_options lstm = {
        .size = sizeof lstm, .cell = RECUR_CELL_LSTM, .input_size = 1, .hidden_size = HIDDEN
    };
    const char *const names[2] = { "cell", "head" };
    recur_layer *part[2];
    check(recur_recurrent_create(NULL, &lstm, &part[0]));
    check(recur_linear_create(NULL, HIDDEN, 1, 0, &part[1]));
    check(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 2, names, part, &group));
    check(recur_layer_init(group, NULL, RECUR_INIT_DEFAULT, 0, 1));
    check(recur_layer_child(group, "cell", &cell, &at_cell));
    check(recur_layer_child(group, "head", &head, &at_head));
    check(recur_state_create(cell, 1, &cell_state)); /* for a batch of one sequence */
    check(recur_state_create(cell, 1, &dstate));
    check(recur_state_create(head, 1, &head_state)); /* a linear layer remembers nothing */
    for (int i = 0; i < 2; i++) recur_layer_release(part[i]);
}

/* With a tape the inputs are the digits; without one, from the second on, its own answers. */
static void run(recur_tape *tape)
{
    check(recur_state_reset(cell_state, -1)); /* -1: all sequences */
    for (int t = 0; t < STEPS; t++) {
        x[t] = tape || t == 0 ? digits[t] : roundf(y[t - 1]);
        check(recur_layer_step(cell, &x[t], cell_state, h[t], tape));
        check(recur_layer_step(head, h[t], head_state, &y[t], tape));
    }
}

int main(void)
{
    make_layers();
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = 0.01 };
    const int64_t count = recur_layer_param_count(group);
    float *grads = malloc((size_t)count * sizeof *grads);
    recur_optimizer *optimizer;
    recur_tape *tape;
    check(recur_optimizer_create(NULL, &adam, count, &optimizer));
    check(recur_tape_create(NULL, &tape));
    if (!grads) return EXIT_FAILURE;
    for (int update = 0; update <= UPDATES; update++) {
        float loss = 0, dh[HIDDEN];
        memset(grads, 0, (size_t)count * sizeof *grads);
        run(tape);
        check(recur_state_reset(dstate, -1));
        for (int t = STEPS - 1; t >= 0; t--) {
            const float dy = y[t] - digits[t + 1]; /* of the loss: (y - next digit)^2 / 2 */
            loss += dy * dy / 2;
            check(recur_layer_step_backward(head, h[t], &dy, NULL, dh, grads + at_head, tape));
            check(recur_layer_step_backward(cell, &x[t], dh, dstate, NULL, grads + at_cell, tape));
        }
        check(recur_optimizer_step(optimizer, recur_layer_params(group), grads, count, 1));
        if (update % 50 != 0) continue;
        run(NULL);
        printf("update %3d  loss %8.4f  from memory 3.", update, (double)loss);
        for (int t = 0; t < STEPS; t++) printf("%.0f", (double)fabsf(roundf(y[t])));
        printf("\n");
    }
    free(grads);
    recur_state_release(dstate);
    recur_state_release(cell_state);
    recur_state_release(head_state);
    recur_tape_release(tape);
    recur_optimizer_release(optimizer);
    recur_layer_release(cell);
    recur_layer_release(head);
    recur_layer_release(group);
    return 0;
}
