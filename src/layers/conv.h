/* conv.h - convolutions: windows of the input as rows, times the weights of each group of channels.
 *
 *   A [windows][D] = what lies under the kernel     D = in_g kernel numbers of a group
 *   y = A W + b                                     W [D][out_g]
 *   dA = dy Wᵀ      dW += dyᵀ A
 *
 * conv_time.c and conv_row.c say where a window takes its numbers, conv.c does the rest. */
#ifndef RECUR__CONV_H
#define RECUR__CONV_H

#include "layers/leaf.h"

/* What windows are taken from, and where their gradients go. */
typedef struct recur__conv_view {
    const recur_layer *layer;
    const recur_packed *packed; /* over time */
    int64_t windows;            /* how many there are */
    const float *x;
    float *dx;            /* or NULL */
    const float *history; /* over time: [B][before][in], NULL: zeros */
    float *d_history;     /* or NULL */
    float *y;             /* forward */
    const float *dy;      /* backward */
} recur__conv_view;

/* A stretch of windows of one group. */
typedef struct recur__conv_block {
    int64_t group, first, count;
} recur__conv_block;

/* One axis. */
typedef struct recur__conv_axis {
    /* A [count][D] = the windows of the block. */
    void (*fill)(const recur__conv_view *view, const recur__conv_block *block, float *A);
    /* dx, d_history += dA [count][D] */
    void (*spill)(const recur__conv_view *view, const recur__conv_block *block, const float *dA);
} recur__conv_axis;
extern const recur__conv_axis recur__conv_time, recur__conv_row;

/* Channels of a group, numbers of one of its windows. */
static inline int64_t recur__conv_in(const recur_layer *layer)
{
    return layer->spec.conv.in_channels / layer->spec.conv.groups;
}
static inline int64_t recur__conv_out(const recur_layer *layer)
{
    return layer->spec.conv.out_channels / layer->spec.conv.groups;
}
static inline int64_t recur__conv_width(const recur_layer *layer)
{
    return recur__conv_in(layer) * layer->spec.conv.kernel;
}

/* Windows in a channel of one row of y: 1 over time. */
static inline int64_t recur__conv_length(const recur_layer *layer)
{
    return layer->output_size / layer->spec.conv.out_channels;
}

/* Over time: steps before a sequence that its first step sees, of a layer with a state. */
static inline int64_t recur__conv_before(const recur_layer *layer)
{
    const recur_conv_options *o = &layer->spec.conv;
    return o->axis == RECUR_CONV_TIME && o->pad_after == 0 ? o->pad_before : 0;
}

/* Over time: the history behind the last step of each sequence, in place, and its gradient: in that
 * of the last one, added to dx and d_history. */
void recur__conv_move_on(const recur__conv_view *view, float *history);
void recur__conv_move_back(const recur__conv_view *view, const float *d_last);

#endif
