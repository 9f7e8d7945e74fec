/* plan.h - the one short way to do the same again: calls of single steps with everything written
 * down beforehand.
 *
 *   state ──▶ plan ──▶ call, call, ...    streaming: one call for each layer of a stack, each part
 *   tape  ──▶ plan ──▶ call               a recorded step by hand, and bytes of recorded passes
 *
 * A plan belongs to one layer, layout and batch. What was checked when it was made need not be
 * checked again. It keeps pointers into the layer, and is used only while the caller hands that
 * very layer in: serial numbers are compared first. */
#ifndef RECUR__PLAN_H
#define RECUR__PLAN_H

#include "cells/cell.h"
#include "kernels/kernels.h"

/* Gradients of parameters are made of rows: of dA, x and h; of dy and x. */
enum { RECUR__GRADIENT_ROWS = 3 };

/* Where a recorded step of a recurrent layer keeps what its backward needs: floats from the
 * beginning of its record. */
typedef struct recur__step_places {
    int64_t gate_blocks, c, y, initial[RECUR__STATES];
} recur__step_places;

/* One step of B sequences through one layer, or through one layer of a stack. `record` NULL: a
 * stream. A kind may use the call for its parts, but leaves it as it was, outputs apart. */
typedef struct recur__step_call {
    void (*run)(struct recur__step_call *call);
    const recur_layer *layer;
    const float *x;     /* [B][input_size], or */
    const int32_t *ids; /* [B] */
    float *y;           /* [B][output_size] or NULL */
    float *state;       /* this node's values in and out; backward: their gradients */
    float *record;      /* of a recorded step */
    float *scratch;     /* of a streaming step */
    const void *pack;   /* the layer's repacked parameters, or NULL */
    int64_t B;
    bool units_reversed;                    /* every other step: recur__step */
    bool at_once;                           /* a block of steps takes less time as one pass */
    bool over_h;                            /* recorded: h may be written over h */
    int32_t index;                          /* layer of a stack */
    const float *dy;                        /* backward: or NULL */
    float *dx;                              /* backward: or NULL */
    const float *row[RECUR__GRADIENT_ROWS]; /* backward: out */
    recur__step step;              /* recurrent: complete but for what changes from call to call */
    recur__step_backward backward; /* likewise */
    recur__step_places place;
} recur__step_call;

typedef struct recur__plan {
    uint64_t layer;      /* serial number; 0: no plan */
    bool takes_rows;     /* of floats; else ids */
    uint64_t layout;     /* serial number of the last layout that was such a block; 0: none */
    int64_t block_steps; /* a block of so many steps takes no more time than a pass over it */
    int64_t calls;
    recur__step_call *call; /* [calls] */
} recur__plan;

/* Writes the calls of a streaming step whose layer, state, scratch and output `at` says, and
 * returns how many there are; to NULL: how many there may be, for a layer and for its snapshot. */
int64_t recur__plan_calls(const recur__step_call *at, recur__step_call *to);

/* Only the first input and the last output change from step to step. */
static inline void recur__plan_run(const recur__plan *plan, const float *x, const int32_t *ids,
                                   float *y, bool units_reversed)
{
    recur__step_call *call = plan->call, *end = call + plan->calls;
    call->x = x;
    call->ids = ids;
    end[-1].y = y;
    do {
        call->units_reversed = units_reversed;
        call->run(call);
    } while (++call < end);
}

#endif
