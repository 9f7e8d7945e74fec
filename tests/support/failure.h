/* failure.h - a world of handles, and calls on it whose n-th allocation fails. */
#ifndef SUPPORT_FAILURE_H
#define SUPPORT_FAILURE_H

#include "support/support.h"

enum { I = 3, H = 4, B = 3, N = 8, RESULT = 64 };

static const int64_t LENGTHS[B] = { 3, 1, 4 };

/* The handles that calls work on. */
typedef struct world {
    counter count;
    recur_context *ctx;
    recur_layer *rnn, *net, *line; /* bidirectional; with a head; one layer forward */
    recur_layer *back;             /* from what line gives to what it takes */
    recur_packed *packed, *one;
    recur_tape *tape, *full; /* empty; with a record of net and a step of cell */
    recur_state *state, *line_state;
    recur_cell *cell;
    recur_optimizer *optimizer;
    recur_loss *ctc, *sampled;
    recur_file *file, *empty;
    float x[N * I], grads[400], result[RESULT];
    void *saved;
    size_t saved_bytes;
} world;

static const recur_recurrent_options RNN = { .size = sizeof RNN,
                                             .cell = RECUR_CELL_LSTM,
                                             .input_size = I,
                                             .hidden_size = H,
                                             .direction = RECUR_DIRECTION_BIDIRECTIONAL };
static const recur_recurrent_options LINE = {
    .size = sizeof LINE, .cell = RECUR_CELL_GRU, .input_size = I, .hidden_size = H
};
static const recur_optimizer_options ADAM = { .size = sizeof ADAM, .kind = RECUR_OPTIMIZER_ADAM };
static const recur_loss_options SAMPLED = {
    .size = sizeof SAMPLED, .kind = RECUR_LOSS_SAMPLED_SOFTMAX, .classes = 5, .samples = 3
};

world *make_world(void);
void end_world(world *w);

/* A call on the world. keeps: a failure may leave memory for later (buffers that grow). */
typedef struct call {
    const char *name;
    recur_status (*make)(world *w);
    bool keeps;
} call;

/* clang-format off */
#define CALL(name) { #name, name, false }
#define GROWS(name) { #name, name, true }
/* clang-format on */

/* Makes every call while each of its allocations fails, alone or with all that follow. */
void every_allocation_of(const call *calls, int64_t count);

/* A call that makes a handle `out`, which must be NULL if it fails. */
#define MAKES(name, type, call)                        \
    static recur_status name(world *w)                 \
    {                                                  \
        recur_##type *out = (recur_##type *)(void *)w; \
        const recur_status status = call;              \
        if (status)                                    \
            assert_null(out);                          \
        else                                           \
            recur_##type##_release(out);               \
        return status;                                 \
    }

#endif
