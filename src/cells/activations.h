/* activations.h - what the options of a layer change in a cell's equations: activations, bounds.
 * With options NULL, which is known when this is compiled, a gate is σ and nothing is bounded. The
 * functions themselves are in kernels/activations.h. */
#ifndef RECUR__ACTIVATIONS_H
#define RECUR__ACTIVATIONS_H

#include "cells/cell.h"
#include "kernels/activations.h"

INLINE vf bounded(float bound, vf x) { return bound > 0 ? v_bounded(bound, x) : x; }

/* Functions of their own: inlined at every gate they would be most of the library. */
static __attribute__((noinline, unused)) vf activated(int32_t function, vf x)
{
    switch (function) {
    case RECUR_ACTIVATION_TANH:
        return v_tanh(x);
    case RECUR_ACTIVATION_RELU:
        return v_relu(x);
    case RECUR_ACTIVATION_HARD_SIGMOID:
        return v_hard_sigmoid(x);
    case RECUR_ACTIVATION_SOFTSIGN:
        return v_softsign(x);
    case RECUR_ACTIVATION_IDENTITY:
        return x;
    case RECUR_ACTIVATION_POSITIVE:
        return v_positive(x);
    default:
        return v_sigmoid(x);
    }
}

/* The derivative where the function has the value y. */
static __attribute__((noinline, unused)) vf slope(int32_t function, vf y)
{
    switch (function) {
    case RECUR_ACTIVATION_TANH:
        return v_tanh_slope(y);
    case RECUR_ACTIVATION_RELU:
        return v_where_relu_rises(y, v_set(1));
    case RECUR_ACTIVATION_HARD_SIGMOID:
        return v_where_hard_sigmoid_rises(y, v_set(0.2f));
    case RECUR_ACTIVATION_SOFTSIGN:
        return v_softsign_slope(y);
    case RECUR_ACTIVATION_IDENTITY:
        return v_set(1);
    case RECUR_ACTIVATION_POSITIVE:
        return v_positive_slope(y);
    default:
        return v_sigmoid_slope(y);
    }
}

/* v where x lies within the bound, else 0 */
INLINE vf where_within(float bound, vf x, vf v)
{
    return bound > 0 ? v_where_positive(bound - x, v_where_positive(x + bound, v)) : v;
}

/* The function of a pre-activation, and its derivative; beyond the bound the function stands still.
 */
INLINE vf through(const recur__cell_options *f, int32_t function, vf a)
{
    return activated(function, bounded(f->preactivation_clip, a));
}
INLINE vf slope_through(const recur__cell_options *f, int32_t function, vf y)
{
    const vf d = slope(function, y);
    if (!(f->preactivation_clip > 0)) return d;
    const vf low = activated(function, v_set(-f->preactivation_clip)),
             high = activated(function, v_set(f->preactivation_clip));
    return v_where_positive(high - y, v_where_positive(y - low, d));
}

INLINE vf gate(const recur__cell_options *f, vf a)
{
    return f ? through(f, f->gate, a) : v_sigmoid(a);
}
INLINE vf gate_slope(const recur__cell_options *f, vf y)
{
    return f ? slope_through(f, f->gate, y) : v_sigmoid_slope(y);
}

/* The candidate of cells in which it is tanh. */
INLINE vf candidate(const recur__cell_options *f, vf a)
{
    return f ? through(f, f->activation, a) : v_tanh(a);
}
INLINE vf candidate_slope(const recur__cell_options *f, vf y)
{
    return f ? slope_through(f, f->activation, y) : v_tanh_slope(y);
}

/* The candidate of cells in which it is max(0, .). What comes back is exactly d or 0, with options
 * and without: a trace, which gives a plain layer options, must not change a bit. */
INLINE vf relu_candidate(const recur__cell_options *f, vf a)
{
    return f ? through(f, f->activation, a) : v_relu(a);
}
INLINE vf through_relu_candidate(const recur__cell_options *f, vf y, vf d)
{
    const bool plain = !f || (f->activation == RECUR_ACTIVATION_RELU && f->preactivation_clip == 0);
    return plain ? v_where_relu_rises(y, d) : d * slope_through(f, f->activation, y);
}

/* The candidate of cells in which it is no function. */
INLINE vf free_candidate(const recur__cell_options *f, vf a)
{
    return f ? through(f, f->activation, a) : a;
}
INLINE vf through_free_candidate(const recur__cell_options *f, vf y, vf d)
{
    return f ? d * slope_through(f, f->activation, y) : d;
}

/* What h sees of c. */
INLINE vf output(const recur__cell_options *f, vf c)
{
    return f ? activated(f->output, c) : v_tanh(c);
}
INLINE vf output_slope(const recur__cell_options *f, vf y)
{
    return f ? slope(f->output, y) : v_tanh_slope(y);
}

INLINE vf bounded_cell(const recur__cell_options *f, vf c)
{
    return f ? bounded(f->cell_clip, c) : c;
}
INLINE vf where_unbounded_cell(const recur__cell_options *f, vf c, vf v)
{
    return f ? where_within(f->cell_clip, c, v) : v;
}

/* The share of the old state in h' of a GRU. */
INLINE vf kept(const recur__cell_options *f, vf z) { return f && f->update_new ? 1.0f - z : z; }
INLINE vf kept_slope(const recur__cell_options *f, vf z)
{
    return f && f->update_new ? -gate_slope(f, z) : gate_slope(f, z);
}

#endif
