/* pass.h - one pass over a batch through one node of a layer's tree: what it reads and writes. */
#ifndef RECUR__PASS_H
#define RECUR__PASS_H

#include "core/workspace.h"
#include "kernels/kernels.h"
#include "packed/packed.h"

/* The rows of a pass through one node. */
typedef struct recur__shape {
    const recur_packed *packed; /* N, B, T */
    bool per_sequence;          /* rows are B, in the caller's order: behind a `last` */
    bool ids;                   /* the input are ids */
    bool record;                /* for a backward later */
    bool y_stays;               /* the pass's y stays until backward: no copy of it is needed */
    bool dropout;
    bool trace;
    int64_t segment_steps; /* the pass goes in segments of so many steps; 0: as a whole */
} recur__shape;

static inline int64_t recur__shape_rows(const recur__shape *s)
{
    return s->per_sequence ? s->packed->batch : s->packed->rows;
}

/* Who sees what a recorded pass computes. */
typedef struct recur__tracer {
    recur_trace_function *function; /* NULL: nobody */
    void *user;
} recur__tracer;

/* What a pass reads and writes. A NULL output is not wanted, a NULL gradient is zeros. */
typedef struct recur__pass {
    recur__shape shape;
    const recur_context *ctx;
    const recur__kernels *kernels;
    uint64_t key;      /* of this pass's dropout masks */
    int64_t first_row; /* of a segment: rows of the whole pass before its own */
    recur__workspace *workspace;
    const void *pack;    /* the layer's repacked parameters on a tape, or NULL */
    const float *x;      /* [rows][input_size], or */
    const int32_t *ids;  /* [rows] */
    float *y;            /* forward: [rows out][output_size]; backward: forward's y, if y_stays */
    float *state;        /* forward: this node's values, in and out, in the caller's order */
    const float *dy;     /* backward */
    float *dstate;       /* backward: d(final state) in, d(initial state) out */
    float *dx, *dparams; /* backward; dparams begins with this node's */
    bool began_at_zero;  /* backward: forward began with zeros */
    const bool *at_initial_state; /* [B] backward: sequences that began with the layer's learned
                                     initial state; NULL: none did */
    recur__tracer tracer;
} recur__pass;

#endif
