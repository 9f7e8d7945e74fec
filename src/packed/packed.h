/* packed.h - the layout of a ragged batch, as the layers see it. */
#ifndef RECUR__PACKED_H
#define RECUR__PACKED_H

#include "base/base.h"

/* Sequences sorted by length, stably, the longest first: "place" is where a sequence stands in that
 * order. */
struct recur_packed {
    recur_context *ctx;
    size_t bytes; /* of the handle and its first arrays: one allocation */
    void *grown;  /* arrays of a larger layout, if reset asked for one */
    size_t grown_bytes;
    int64_t most_batch, most_steps; /* what the arrays have room for */
    uint64_t serial;                /* of this layout; 0: one step of a hand-written loop */
    int64_t batch, steps, rows;     /* B, T, N */
    int64_t longest;                /* steps that have rows */
    bool dense;                     /* there are steps, and every sequence has all of them */
    bool in_order;                  /* place = sequence: nothing has to be reordered */
    int64_t *lengths;               /* [B] by sequence */
    int64_t *order;                 /* [B] sequence by place */
    int64_t *place;                 /* [B] place by sequence */
    int64_t *sizes;                 /* [longest] rows of each step */
    int64_t *starts;                /* [longest + 1] first row of each step */
};

/* The layout of one step of B sequences, in order; sizes and starts are the caller's two small
 * arrays. */
static inline recur_packed recur__one_step(int64_t B, int64_t sizes[1], int64_t starts[2])
{
    sizes[0] = B, starts[0] = 0, starts[1] = B;
    return (recur_packed){ .batch = B,
                           .steps = 1,
                           .rows = B,
                           .longest = 1,
                           .dense = true,
                           .in_order = true,
                           .sizes = sizes,
                           .starts = starts };
}

/* Rows of step t whose state before it comes from the step processed before (t-1, or t+1 in
   reverse): the first ones. The others, if any, begin here. */
static inline int64_t recur__rows_going_on(const recur_packed *p, int64_t t, bool reverse)
{
    if (reverse) return t + 1 < p->longest ? p->sizes[t + 1] : 0;
    return t > 0 ? p->sizes[t] : 0;
}

#endif
