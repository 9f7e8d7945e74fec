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

void recur__trace(const recur__walk *w, int32_t event, const recur__trace_view *view)
{
    const recur__tracer *tracer = &w->pass->tracer;
    if (!view->gate_blocks) return;
    if (view->dh) lengths(w, view->dh, view->norm);
    const recur_trace trace = {
        .size = sizeof trace,
        .event = event,
        .layer = (int32_t)view->l,
        .reverse = recur__is_reverse(w->layer, view->d),
        .rows = w->N,
        .steps = w->packed->longest,
        .hidden_size = w->H,
        .gates = w->cell->gate_blocks,
        .h_stride = w->D * w->P,
        .part = w->layer->name,
        .gate = view->gate_blocks,
        .c = view->c,
        .h = view->h,
        .dh = view->dh,
        .norm = view->norm,
        .packed = w->packed,
        .recurrent = w->layer,
    };
    tracer->function(&trace, tracer->user);
}
