/* run.h - the doors of passes and steps, and the state between them: what the files of this room
 * share.
 *
 *   check.c     what a caller may have got wrong
 *   pass.c      forward and backward over a batch      step.c   one step, streaming or by hand
 *   plan.c      the short way of a state's steps       measure.c, memory.c   bytes, asked before
 *   state.c     hidden state                           tape.h   records, and what a tape keeps
 *   segments.c  long passes, of which a tape keeps states instead of histories */
#ifndef RECUR__RUN_H
#define RECUR__RUN_H

#include "core/layer.h"

/* What the caller gave to a forward, a backward or a step. */
typedef struct recur__request {
    const char *what; /* the public function, for messages */
    const recur_layer *layer;
    const recur_packed *packed; /* the layout; of a step by hand one made of the batch */
    bool with_ids;              /* which of the two is the input */
    const float *x;
    const int32_t *ids;
    float *y;
    const float *dy;
    recur_state *state; /* backward: dstate */
    float *dx, *dparams;
    recur_tape *tape;
} recur__request;

/* ---- check.c -------------------------------------------------------------------------------- */

/* All that a forward needs; and a backward, whose record, layout, input and state must be those of
 * the newest record. */
recur_status recur__check_forward(const recur__request *q);
recur_status recur__check_backward(const recur__request *q);
/* The input of so many rows is there, of a type that the layer takes, its ids in range. */
recur_status recur__check_input(const recur__request *q, int64_t rows);
/* SHAPE unless the state has these sequences and the layer's tensors. */
recur_status recur__check_state(const recur__request *q, int64_t batch);
/* ---- pass.c --------------------------------------------------------------------------------- */

recur_status recur__forward(const recur__request *q);
recur_status recur__backward(const recur__request *q);

/* ---- step.c ---------------------------------------------------------------------------------- */

recur_status recur__one_step_forward(recur__request *q);
recur_status recur__one_step_backward(recur__request *q);

/* ---- measure.c ------------------------------------------------------------------------------ */

/* Bytes that a pass of this shape takes at most, forward or backward. */
void recur__measure(const recur_layer *layer, const recur__shape *shape,
                    recur__workspace *workspace);
/* The same for each of these inputs (RECUR_CAN_TAKE_ROWS, RECUR_CAN_TAKE_IDS): the most of them. */
recur__workspace recur__measure_inputs(const recur_layer *layer, recur__shape shape,
                                       uint32_t inputs);
/* Bytes behind a record that say which sequences began at the learned initial state: whole cache
 * lines, so that the next record begins on one. */
static inline size_t recur__began_bytes(const recur_layer *layer, int64_t batch)
{
    return layer->learned_states ? ((size_t)batch + 63) / 64 * 64 : 0;
}
/* recur__measure by one of the two ways, as a whole or in segments. */
typedef void recur__measuring(const recur_layer *layer, const recur__shape *shape,
                              recur__workspace *workspace);
static inline void recur__measure_as(recur__measuring *way, const recur_layer *layer,
                                     const recur__shape *shape, recur__workspace *workspace)
{
    const size_t began = recur__began_bytes(layer, shape->packed->batch);
    workspace->scratch.used = workspace->peak == SIZE_MAX ? SIZE_MAX : 0;
    way(layer, shape, workspace);
    if (shape->record) recur__carve(&workspace->reserve, (int64_t)began, 1);
}

/* ---- segments.c ----------------------------------------------------------------------------- */

/* UNSUPPORTED for a layer that cannot be run in segments, and where a trace wants to see it. */
recur_status recur__check_segments(const char *function, const recur_layer *layer, bool traced);
/* The operations of a layer's pass, where shape.segment_steps is set. */
void recur__measure_segments(const recur_layer *layer, const recur__shape *shape,
                             recur__workspace *workspace);
void recur__forward_segments(const recur_layer *layer, recur__pass *pass);
void recur__backward_segments(const recur_layer *layer, recur__pass *pass);

/* ---- states (state.c, plan.c) --------------------------------------------------------------- */

struct recur_state {
    recur_context *ctx;
    size_t bytes;
    recur_layer *layer; /* for which it was made, kept alive */
    int64_t batch, count, tensors;
    recur_tensor *tensor;
    float *values; /* [count], sequences in the caller's order */
    float *scratch;
    int64_t scratch_floats;
    bool *at_initial_state; /* [B] sequences that begin with the layer's; values are zeros */
    bool any_at_initial_state;
    bool units_reversed; /* of the next streaming step */
    recur__plan plan;    /* the layer that was stepped last, at first that of the state */
    int64_t most_calls;  /* for which there is memory */
};

/* The precisions of fewer bits alone. */
recur_status recur__check_fewer_bits(const char *function, int32_t precision);
/* Whether a tensor of a leaf that has fewer bits is one of those matrices. */
bool recur__tensor_reduces(const recur_layer *leaf, const recur_tensor *tensor);

/* The state in which B sequences begin: zeros, or what the layer has learned. */
void recur__begin_values(const recur_layer *layer, int64_t batch, float *values);
/* Before a pass: writes the learned initial state of the layer into the sequences that begin. */
void recur__state_begin(recur_state *state, const recur_layer *layer);
/* After it: sequences with steps have left the initial state; packed NULL: all of them. */
void recur__leave_initial_state(recur_state *state, const recur_packed *packed);
static inline void recur__state_leave(recur_state *state, const recur_packed *packed)
{
    if (state->any_at_initial_state) recur__leave_initial_state(state, packed);
}

/* Whether its tensors have the shapes of the layer's. */
bool recur__state_fits(const recur_state *state, const recur_layer *layer);
/* What a state for so many sequences takes. SIZE_MAX: too much. */
size_t recur__state_bytes(const recur_layer *layer, int64_t batch);
/* The numbers of one sequence, which a state without sequences has too. */
int64_t recur__state_floats(const recur_state *state);

/* Floats of scratch that a streaming step of this layer takes; below 0: too many. */
int64_t recur__step_scratch(const recur_layer *layer, int64_t B);
/* Makes the state's plan one for this layer, which fits it and goes step by step. False: the
 * scratch is too small. */
bool recur__state_plan(recur_state *state, const recur_layer *layer);

/* One step of the layer that the plan is for. */
static inline void recur__state_step(recur_state *state, const recur_layer *layer, const float *x,
                                     const int32_t *ids, float *y)
{
    const bool begins = state->any_at_initial_state, reversed = state->units_reversed;
    if (begins && layer->learned_states) recur__state_begin(state, layer);
    recur__plan_run(&state->plan, x, ids, y, reversed);
    state->units_reversed = !reversed;
    if (begins) recur__state_leave(state, NULL);
}

#endif
