/* trace.c - shows what a recurrent layer did in a recorded pass to the function that the tape was
 * given. */
#include <math.h>

#include "recurrent/recurrent.h"

/* norm[t]: the length of dh of step t, over all sequences */
static void lengths(const recur__walk *w, const float *dh, double *norm)
{
    for (int64_t t = 0; t < w->packed->longest; t++) {
        const float *at = dh + w->packed->starts[t] * w->P;
        double square = 0;
        for (int64_t e = 0; e < w->packed->sizes[t] * w->P; e++)
            square += (double)at[e] * (double)at[e];
        norm[t] = sqrt(square);
    }
}

void recur__trace(const recur__walk *w, int32_t event, const recur__trace_view *masked_h)
{
    const recur__tracer *tracer = &w->pass->tracer;
    if (!tracer->function || !masked_h->gate_blocks) return;
    if (masked_h->dh) lengths(w, masked_h->dh, masked_h->norm);
    const recur_trace trace = {
        .size = sizeof trace,
        .event = event,
        .layer = (int32_t)masked_h->l,
        .reverse = recur__is_reverse(w->layer, masked_h->d),
        .rows = w->N,
        .steps = w->packed->longest,
        .hidden_size = w->H,
        .gates = w->cell->gate_blocks,
        .h_stride = w->D * w->P,
        .part = w->layer->name,
        .gate = masked_h->gate_blocks,
        .c = masked_h->c,
        .h = masked_h->h,
        .dh = masked_h->dh,
        .norm = masked_h->norm,
        .packed = w->packed,
        .recurrent = w->layer,
    };
    tracer->function(&trace, tracer->user);
}
