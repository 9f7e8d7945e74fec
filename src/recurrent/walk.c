/* walk.c - the sizes of a walk over time, the slices of a batch that threads take, and states
 * between the caller's order and places. */
#include "recurrent/recurrent.h"

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass)
{
    const recur_packed *p = pass->shape.packed;
    const recur__spec *s = &layer->spec;
    const int64_t H = s->hidden_size, P = recur__output_width(layer);
    return (recur__walk){ .layer = layer,
                          .pass = pass,
                          .cell = s->cell,
                          .packed = p,
                          .N = p->rows,
                          .B = p->batch,
                          .H = H,
                          .L = s->num_layers,
                          .D = recur__direction_count(layer),
                          .P = P,
                          .S = s->cell->gate_blocks * H,
                          .G = s->cell->x_gates * H,
                          .width = { recur__state_width(layer, 0), recur__state_width(layer, 1) },
                          .cell_options = s->modified || pass->shape.trace ? &s->cell_options
                                                                           : NULL };
}

/* ---- slices of the batch ----------------------------------------------------------------------
 */

/* Products of a projection are made for all rows of a step, on one thread. */
int64_t recur__slices(const recur__walk *w, int64_t width)
{
    const int64_t threads = recur__context_threads(recur__layer_context(w->layer));
    if (recur__projects(w->layer) || threads < 2 ||
        (double)w->N * (double)w->G * (double)width < RECUR__WORTH_WAKING)
        return 1;
    return recur__min(threads, w->B);
}

/* The longest sequences come first, so equal numbers of rows are unequal numbers of places: place p
   has as many rows as there are steps with more than p rows. */
static int64_t boundary(const recur_packed *packed, int64_t i, int64_t n)
{
    if (i == 0) return 0;
    if (i == n) return packed->batch;
    const int64_t wanted = packed->rows / n * i;
    int64_t place = 0, rows = 0, length = packed->longest;
    for (; place < packed->batch && rows < wanted; place++) {
        while (length > 0 && packed->sizes[length - 1] <= place) length--;
        rows += length;
    }
    return place;
}

typedef struct time_job {
    const recur_packed *packed;
    int64_t slices;
    recur__time_loop *run;
    const void *line;
} time_job;

/* Slice i: places with about the same number of rows as the others. */
static void run_slice(void *argument, int64_t i)
{
    const time_job *job = argument;
    const recur__slice slice = { boundary(job->packed, i, job->slices),
                                 boundary(job->packed, i + 1, job->slices) };
    job->run(job->line, &slice);
}

void recur__run_slices(const recur__walk *w, int64_t slices, recur__time_loop *run,
                       const void *line)
{
    time_job job = { w->packed, slices, run, line };
    recur__parallel(recur__layer_context(w->layer), slices, run_slice, &job);
}

/* ---- states between the caller's order and places ------------------------------------------- */

void recur__state_load(const recur_packed *packed, int64_t width, const float *state,
                       float *by_place)
{
    const size_t row = (size_t)width * sizeof(float);
    if (!state)
        memset(by_place, 0, (size_t)packed->batch * row);
    else if (packed->in_order)
        memcpy(by_place, state, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++)
            memcpy(by_place + p * width, state + packed->order[p] * width, row);
}

void recur__state_store(const recur_packed *packed, int64_t width, const float *by_place,
                        float *state)
{
    const size_t row = (size_t)width * sizeof(float);
    if (packed->in_order)
        memcpy(state, by_place, (size_t)packed->batch * row);
    else
        for (int64_t p = 0; p < packed->batch; p++)
            memcpy(state + packed->order[p] * width, by_place + p * width, row);
}
