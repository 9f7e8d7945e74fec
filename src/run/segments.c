/* segments.c - passes over long layouts in segments of a few steps, for tapes that keep states
 * instead of histories (recur_tape_checkpoint).
 *
 *   forward    state 0 → segment 0 → state 1 → segment 1 → ...    the record keeps the states
 *   backward   from the last segment on: forward once more, into a history in scratch; then back
 *
 * The steps of a segment follow each other in packed rows, so a segment is a layout whose arrays
 * are windows of the whole's. Sequences that have ended are there without steps. Masks are those of
 * the whole, since a pass knows its first row. Behind a `last` a row stands for a whole sequence:
 * that of the segment in which it ends counts. */
#include "run/tape.h"

/* A pass in segments. */
typedef struct job {
    const recur_layer *layer;
    const recur_packed *whole;
    recur__shape shape; /* of one segment; packed is `layout` */
    recur_packed layout;
    int64_t steps, count; /* of a segment but the last one; segments */
    int64_t values;       /* floats of a state, of all sequences */
    int64_t row_out;      /* floats of y or dy that are one for each sequence; 0: for each row */
    float *states;        /* [count][values] in the record: before each segment */
    float *state, *dstate;
    float *rows;               /* [B][row_out] y or dy of one segment */
    int64_t *starts, *lengths; /* of `layout` */
    recur__workspace inner;    /* of one segment; both of its parts lie in the tape's scratch */
    size_t history, scratch;   /* bytes of these */
} job;

/* ---- what can be done so -------------------------------------------------------------------- */

/* Whether a step's output needs nothing that comes after it; of sequences the last step is fine. */
static bool looks_back_only(const recur_layer *layer)
{
    for (int64_t i = 0; i < layer->parts; i++)
        if (!looks_back_only(layer->part[i])) return false;
    if (layer->parts || layer->capabilities & RECUR_CAN_STEP) return true;
    return layer->ops->kind == RECUR_KIND_LAST && layer->spec.direction == RECUR_DIRECTION_FORWARD;
}

recur_status recur__check_segments(const char *function, const recur_layer *layer, bool traced)
{
    if (!looks_back_only(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a layer of type %s looks at later steps, so it cannot be run in "
                           "segments; call recur_tape_checkpoint(tape, 0)",
                           function, layer->type);
    if (traced)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "%s: a trace sees a pass as a whole; call recur_tape_checkpoint(tape, "
                           "0), or take the trace away",
                           function);
    return RECUR_OK;
}

/* ---- memory --------------------------------------------------------------------------------- */

/* Two steps at least: the sums of a single row have another order. */
static int64_t count_of(int64_t T, int64_t steps)
{
    const int64_t whole = T / steps, rest = T % steps;
    return whole + (rest > 1);
}

static int64_t end_of(const job *j, int64_t i)
{
    return i + 1 == j->count ? j->whole->longest : (i + 1) * j->steps;
}

/* The largest segment, sizes alone. No segment has more rows than as many first steps. */
static recur_packed largest(const recur_packed *whole, int64_t steps)
{
    const int64_t T = recur__min(whole->longest, steps + 1);
    return (
        recur_packed){ .batch = whole->batch, .steps = T, .longest = T, .rows = whole->starts[T] };
}

static job job_of(const recur_layer *layer, const recur__shape *shape)
{
    const recur_packed *p = shape->packed;
    job j = { .layer = layer,
              .whole = p,
              .shape = *shape,
              .steps = shape->segment_steps,
              .count = count_of(p->longest, shape->segment_steps),
              .values = recur__times(layer->state_floats, p->batch),
              .row_out = layer->capabilities & RECUR_CAN_REDUCE_TIME ? layer->output_size : 0 };
    j.shape.segment_steps = 0;
    return j;
}

/* Carves what a pass in segments takes beside its record; the same for forward and backward. */
static void carve(job *j, recur__workspace *workspace)
{
    const recur_packed most = largest(j->whole, j->steps);
    recur__shape shape = j->shape;
    recur__workspace inner = { 0 };
    shape.packed = &most;
    recur__measure_as(j->layer->ops->pass->measure, j->layer, &shape, &inner);
    j->states = recur__carve(&workspace->reserve, recur__times(j->count, j->values), sizeof(float));
    j->state = recur__scratch(workspace, j->values, sizeof(float));
    j->dstate = recur__scratch(workspace, j->values, sizeof(float));
    j->rows = recur__scratch(workspace, recur__times(most.batch, j->row_out), sizeof(float));
    j->starts = recur__scratch(workspace, most.longest + 1, sizeof(int64_t));
    j->lengths = recur__scratch(workspace, most.batch, sizeof(int64_t));
    j->history = inner.reserve.used;
    j->scratch = inner.peak;
    const bool fits = j->history < SIZE_MAX / 4 && j->scratch < SIZE_MAX / 4;
    j->inner.reserve.base = recur__scratch(workspace, fits ? (int64_t)j->history : -1, 1);
    j->inner.scratch.base = recur__scratch(workspace, fits ? (int64_t)j->scratch : -1, 1);
}

void recur__measure_segments(const recur_layer *layer, const recur__shape *shape,
                             recur__workspace *workspace)
{
    job j = job_of(layer, shape);
    carve(&j, workspace);
}

/* ---- one segment ---------------------------------------------------------------------------- */

static void look_at(job *j, int64_t i)
{
    const recur_packed *p = j->whole;
    const int64_t from = i * j->steps, T = end_of(j, i) - from, first = p->starts[from];
    for (int64_t t = 0; t <= T; t++) j->starts[t] = p->starts[from + t] - first;
    for (int64_t b = 0; b < p->batch; b++)
        j->lengths[b] = recur__min(recur__max(p->lengths[b] - from, 0), T);
    j->layout = *p;
    j->layout.steps = j->layout.longest = T;
    j->layout.rows = j->starts[T];
    j->layout.dense = j->layout.rows == p->batch * T;
    j->layout.lengths = j->lengths;
    j->layout.sizes = p->sizes + from;
    j->layout.starts = j->starts;
    j->shape.packed = &j->layout;
}

/* What forward and backward of a segment have in common. */
static recur__pass pass_of(job *j, int64_t i, const recur__pass *whole)
{
    recur__pass pass = *whole;
    look_at(j, i);
    j->inner.reserve.used = j->inner.scratch.used = 0;
    pass.shape = j->shape;
    pass.workspace = &j->inner;
    pass.first_row = j->whole->starts[i * j->steps];
    pass.x = RECUR__BEHIND(whole->x, pass.first_row * j->layer->input_size);
    pass.ids = RECUR__BEHIND(whole->ids, pass.first_row);
    return pass;
}

/* Whether the row of a sequence is that of this segment. */
static bool ends_in(const job *j, int64_t i, int64_t b)
{
    const int64_t length = j->whole->lengths[b];
    return length > i * j->steps ? length <= end_of(j, i) : i == 0 && length == 0;
}

/* Rows of sequences: those that end in the segment, and for the others zeros, or what was there. */
static void take_ending(const job *j, int64_t i, bool zeros, const float *from, float *to)
{
    for (int64_t b = 0; b < j->whole->batch; b++) {
        const int64_t at = b * j->row_out;
        const size_t bytes = (size_t)j->row_out * sizeof *to;
        if (ends_in(j, i, b))
            memcpy(to + at, from + at, bytes);
        else if (zeros)
            memset(to + at, 0, bytes);
    }
}

static void copy_values(const job *j, const float *from, float *to)
{
    if (j->values) memcpy(to, from, (size_t)j->values * sizeof *to);
}

/* ---- forward -------------------------------------------------------------------------------- */

static void forward_segment(job *j, int64_t i, const recur__pass *whole)
{
    recur__pass pass = pass_of(j, i, whole);
    pass.state = j->state;
    pass.y = RECUR__BEHIND(whole->y, pass.first_row * j->layer->output_size);
    if (j->row_out) pass.y = whole->y ? j->rows : NULL;
    j->layer->ops->pass->forward(j->layer, &pass);
    if (j->row_out && whole->y) take_ending(j, i, false, j->rows, whole->y);
}

void recur__forward_segments(const recur_layer *layer, recur__pass *pass)
{
    job j = job_of(layer, &pass->shape);
    carve(&j, pass->workspace);
    if (pass->state)
        copy_values(&j, pass->state, j.state);
    else
        recur__begin_values(layer, j.whole->batch, j.state);
    for (int64_t i = 0; i < j.count; i++) {
        copy_values(&j, j.state, RECUR__BEHIND(j.states, i * j.values));
        forward_segment(&j, i, pass);
    }
    if (pass->state) copy_values(&j, j.state, pass->state);
}

/* ---- backward ------------------------------------------------------------------------------- */

static void backward_segment(job *j, int64_t i, const recur__pass *whole)
{
    recur__pass again = *whole;
    again.y = NULL;
    copy_values(j, RECUR__BEHIND(j->states, i * j->values), j->state);
    forward_segment(j, i, &again);
    recur__pass pass = pass_of(j, i, whole);
    pass.dy = RECUR__BEHIND(whole->dy, pass.first_row * j->layer->output_size);
    if (j->row_out && whole->dy) {
        take_ending(j, i, true, whole->dy, j->rows);
        pass.dy = j->rows;
    }
    pass.dx = RECUR__BEHIND(whole->dx, pass.first_row * j->layer->input_size);
    pass.dstate = j->dstate;
    pass.state = NULL;
    pass.began_at_zero = whole->began_at_zero && i == 0;
    pass.at_initial_state = i == 0 ? whole->at_initial_state : NULL;
    j->layer->ops->pass->backward(j->layer, &pass);
}

void recur__backward_segments(const recur_layer *layer, recur__pass *pass)
{
    job j = job_of(layer, &pass->shape);
    carve(&j, pass->workspace);
    if (pass->dstate)
        copy_values(&j, pass->dstate, j.dstate);
    else if (j.values)
        memset(j.dstate, 0, (size_t)j.values * sizeof *j.dstate);
    for (int64_t i = j.count - 1; i >= 0; i--) backward_segment(&j, i, pass);
    if (pass->dstate) copy_values(&j, j.dstate, pass->dstate);
}

/* ---- the option ----------------------------------------------------------------------------- */

recur_status recur_tape_checkpoint(recur_tape *tape, int64_t steps)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(tape);
    if (steps < 0 || steps == 1)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_tape_checkpoint: segments of %lld steps; give 2 or more, or 0 "
                           "for none",
                           (long long)steps);
    if (tape->records)
        return recur__fail(RECUR_E_ORDER,
                           "recur_tape_checkpoint: %lld records wait for their backward; play "
                           "them back first",
                           (long long)tape->records);
    tape->segment_steps = steps;
    for (int i = 0; i < RECUR__PLANS; i++) tape->plan[i] = (recur__tape_plan){ 0 };
    return RECUR_OK;
}
