/* pass.c - the doors of forward and backward: everything is checked and all memory taken before
 * anything is computed. */
#include "run/tape.h"

static recur__tracer tracer_of(const recur_tape *tape)
{
    return tape ? tape->tracer : (recur__tracer){ NULL, NULL };
}

/* ---- what a pass takes ---------------------------------------------------------------------- */

static unsigned flags_of(const recur__shape *shape)
{
    unsigned flags = 0;
    if (shape->ids) flags |= RECUR__PLAN_IDS;
    if (shape->record) flags |= RECUR__PLAN_RECORD;
    if (shape->dropout) flags |= RECUR__PLAN_DROPOUT;
    if (shape->trace) flags |= RECUR__PLAN_TRACE;
    if (shape->segment_steps) flags |= RECUR__PLAN_SEGMENTS;
    return flags;
}

/* The tape's plan for passes of this shape, made if need be; without a tape *own. */
static recur__tape_plan *plan_of(const recur__request *q, const recur__shape *shape,
                                 recur__tape_plan *own)
{
    const recur_layer *layer = q->layer;
    const recur_packed *p = shape->packed;
    recur_tape *tape = q->tape;
    const unsigned flags = flags_of(shape);
    recur__tape_plan *plan = own;
    if (tape) {
        plan = recur__tape_plan_of(tape, layer->serial, p->serial, p->batch, flags);
        if (plan) return plan;
        plan = &tape->plan[tape->next_plan++ % RECUR__PLANS];
    }
    recur__workspace workspace = { 0 };
    recur__measure(layer, shape, &workspace);
    *plan = (recur__tape_plan){
        .layer = layer->serial,
        .layout = p->serial,
        .batch = p->batch,
        .flags = flags,
        .record = workspace.reserve.used,
        .scratch = workspace.peak,
        .prepack = shape->record ? recur__prepack_bytes(layer, p) : 0,
    };
    return plan;
}

/* Where a record says which sequences began at the learned initial state: behind all that its
 * layer keeps. */
static bool *began_of(const recur_layer *layer, recur__record *record, size_t reserve)
{
    if (!layer->learned_states) return NULL;
    return (bool *)record->reserve + reserve - recur__began_bytes(layer, record->batch);
}

/* ---- forward -------------------------------------------------------------------------------- */

static void run_forward(const recur__request *q, const recur__shape *shape,
                        recur__workspace *workspace, const recur__record *record)
{
    const recur_layer *layer = q->layer;
    recur__pass pass = {
        .shape = *shape,
        .ctx = layer->root->ctx,
        .kernels = layer->root->kernels,
        .key = record ? record->key : 0,
        .workspace = workspace,
        .pack = record && record->prepack ? record->prepack->pack : NULL,
        .x = q->x,
        .ids = q->ids,
        .y = q->y,
        .state = q->state ? q->state->values : NULL,
        .tracer = tracer_of(q->tape),
    };
    if (q->state && layer->learned_states) recur__state_begin(q->state, layer);
    if (RECUR_TRAIN && shape->segment_steps)
        recur__forward_segments(layer, &pass);
    else
        layer->ops->pass->forward(layer, &pass);
    if (q->state) recur__state_leave(q->state, q->packed);
}

/* Inference without a tape: one block from the allocator, if any is needed. */
static recur_status forward_untaped(const recur__request *q, const recur__shape *shape,
                                    size_t bytes)
{
    recur_context *ctx = recur__layer_context(q->layer);
    unsigned char *memory = bytes ? recur__alloc(ctx, bytes) : NULL;
    if (bytes && !memory) return recur__no_memory(bytes);
    recur__workspace workspace = { .scratch.base = memory };
    run_forward(q, shape, &workspace, NULL);
    recur__free(ctx, memory, bytes);
    return RECUR_OK;
}

static void describe_record(const recur__request *q, const recur__shape *shape,
                            recur__record *record)
{
    record->layer = q->layer->serial;
    record->layout = q->packed->serial;
    record->batch = (int32_t)q->packed->batch;
    record->ids = shape->ids;
    record->dropout = shape->dropout;
    record->began_at_zero = !q->state && !q->layer->learned_states;
    record->key = recur_random(q->tape->seed, q->tape->passes);
    if (recur__context_checks(q->layer->root->ctx)) record->hash = recur__hash_parameters(q->layer);
}

static recur_status forward_recorded(const recur__request *q, const recur__shape *shape,
                                     recur__tape_plan *plan, recur__workspace *workspace)
{
    recur_tape *tape = q->tape;
    const recur_layer *layer = q->layer;
    bool failed = false;
    recur__prepack *prepack = recur__prepack_for_record(tape, layer, plan->prepack, &failed);
    if (failed) return recur__no_memory(plan->prepack);
    recur__record *record = recur__tape_begin(tape, plan->record);
    if (!record) return recur__no_memory(plan->record);
    describe_record(q, shape, record);
    bool *began = began_of(layer, record, plan->record);
    for (int64_t b = 0; began && b < record->batch; b++)
        began[b] = !q->state || q->state->at_initial_state[b];
    if (prepack) recur__prepack_filled(prepack, layer);
    record->prepack = prepack;
    workspace->reserve.base = record->reserve;
    run_forward(q, shape, workspace, record);
    recur__plan_single_step(q, shape, plan, record);
    recur__tape_commit(tape, record);
    return RECUR_OK;
}

static recur_status forward_on_tape(const recur__request *q, const recur__shape *shape,
                                    recur__tape_plan *plan)
{
    if (plan->record == SIZE_MAX || plan->scratch == SIZE_MAX) return recur__no_memory(SIZE_MAX);
    recur__workspace workspace = { .scratch.base = recur__tape_scratch(q->tape, plan->scratch) };
    if (!workspace.scratch.base) return recur__no_memory(plan->scratch);
    if (shape->record) return forward_recorded(q, shape, plan, &workspace);
    run_forward(q, shape, &workspace, NULL);
    return RECUR_OK;
}

recur_status recur__forward(const recur__request *q)
{
    const bool record = recur__tape_records(q->tape);
    RECUR__CHECK(recur__check_forward(q));
    const recur__shape shape = {
        .packed = q->packed,
        .ids = q->with_ids,
        .record = record,
        .dropout = q->tape && q->tape->mode == RECUR_TAPE_TRAIN,
        .trace = record && q->tape->tracer.function,
        .segment_steps = record ? recur__segment_steps(q->tape->segment_steps, q->packed) : 0,
    };
    if (shape.segment_steps) RECUR__CHECK(recur__check_segments(q->what, q->layer, shape.trace));
    recur__tape_plan own, *plan = plan_of(q, &shape, &own);
    return q->tape ? forward_on_tape(q, &shape, plan) : forward_untaped(q, &shape, plan->scratch);
}

/* ---- blocks of a stream ------------------------------------------------------------------- */

/* Whether the steps of this layout are to go one after the other, by the plan of the state, as that
 * takes no more time than a pass. A snapshot that the state has not been stepped with yet gets its
 * plan first. */
static bool is_block(const recur__request *q)
{
    const recur_layer *layer = q->layer;
    const recur_packed *p = q->packed;
    recur_state *state = q->state;
    if (q->tape || !layer || !p || !q->x || !state || !recur__layer_is_snapshot(layer))
        return false;
    if (!(layer->capabilities & RECUR_CAN_STEP) || p->batch != state->batch || !p->dense)
        return false;
    if (state->plan.layer != layer->serial &&
        !(recur__state_fits(state, layer) && recur__state_plan(state, layer)))
        return false;
    if (p->longest > state->plan.block_steps) return false;
    state->plan.layout = p->serial;
    return true;
}

/* All steps of a block from the second one on. */
static __attribute__((noinline)) void run_steps(const recur_layer *layer, const recur_packed *p,
                                                const float *x, recur_state *state, float *y)
{
    for (int64_t t = 1; t < p->longest; t++) {
        x += p->batch * layer->input_size;
        if (y) y += p->batch * layer->output_size;
        recur__state_step(state, layer, x, NULL, y);
    }
}

static inline recur_status run_block(const recur_layer *layer, const recur_packed *p,
                                     const float *x, recur_state *state, float *y)
{
    recur__state_step(state, layer, x, NULL, y);
    if (p->longest > 1) run_steps(layer, p, x, state, y);
    return RECUR_OK;
}

/* Apart, so that the shortest way does not make its request. */
static __attribute__((noinline)) recur_status forward(recur__request q)
{
    if (is_block(&q)) return run_block(q.layer, q.packed, q.x, q.state, q.y);
    if (RECUR_TRAIN && q.packed && recur__single_step(&q, q.packed->serial, q.packed->batch))
        return RECUR_OK;
    return recur__forward(&q);
}

recur_status recur_layer_forward(const recur_layer *layer, const recur_packed *packed,
                                 const float *x, recur_state *state, float *y, recur_tape *tape)
{
    RECUR__NEEDS(BATCH);
    /* The state knows layer and layout, so only pointers can be wrong. */
    if (!tape && layer && packed && x && state && state->plan.layer == layer->serial &&
        state->plan.layout == packed->serial)
        return run_block(layer, packed, x, state, y);
    return forward((recur__request){ .what = __func__,
                                     .layer = layer,
                                     .packed = packed,
                                     .x = x,
                                     .y = y,
                                     .state = state,
                                     .tape = tape });
}

recur_status recur_layer_forward_ids(const recur_layer *layer, const recur_packed *packed,
                                     const int32_t *ids, recur_state *state, float *y,
                                     recur_tape *tape)
{
    RECUR__NEEDS(BATCH);
    const recur__request q = { .what = __func__,
                               .layer = layer,
                               .packed = packed,
                               .with_ids = true,
                               .ids = ids,
                               .y = y,
                               .state = state,
                               .tape = tape };
    return recur__forward(&q);
}

/* ---- backward ------------------------------------------------------------------------------- */

recur_status recur__backward(const recur__request *q)
{
    RECUR__CHECK(recur__check_backward(q));
    const recur_layer *layer = q->layer;
    recur__record *record = q->tape->newest;
    recur__prepack *prepack = record->prepack;
    const recur__shape shape = {
        .packed = q->packed,
        .ids = q->with_ids,
        .record = true,
        .dropout = record->dropout,
        .trace = q->tape->tracer.function,
        .segment_steps = recur__segment_steps(q->tape->segment_steps, q->packed),
    };
    if (shape.segment_steps) RECUR__CHECK(recur__check_segments(q->what, layer, shape.trace));
    const recur__tape_plan *plan = plan_of(q, &shape, NULL);
    recur__workspace workspace = {
        .reserve.base = record->reserve,
        .scratch.base = recur__tape_scratch(q->tape, plan->scratch),
    };
    if (!workspace.scratch.base) return recur__no_memory(plan->scratch);
    recur__pass pass = {
        .shape = shape,
        .ctx = layer->root->ctx,
        .kernels = layer->root->kernels,
        .key = record->key,
        .workspace = &workspace,
        .pack = prepack && prepack->filled ? prepack->pack : NULL,
        .x = q->x,
        .ids = q->ids,
        .dy = q->dy,
        .dstate = q->state ? q->state->values : NULL,
        .dx = q->dx,
        .dparams = layer->count ? q->dparams : NULL,
        .began_at_zero = record->began_at_zero,
        .at_initial_state = began_of(layer, record, plan->record),
        .tracer = tracer_of(q->tape),
    };
    if (shape.segment_steps)
        recur__backward_segments(layer, &pass);
    else
        layer->ops->pass->backward(layer, &pass);
    if (prepack && pass.dparams) recur__settle_gradients(prepack, layer, pass.dparams);
    recur__tape_pop(q->tape);
    return RECUR_OK;
}

recur_status recur_layer_backward(const recur_layer *layer, const recur_packed *packed,
                                  const float *x, const float *dy, recur_state *dstate, float *dx,
                                  float *dparams, recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    const recur__request q = { .what = __func__,
                               .layer = layer,
                               .packed = packed,
                               .x = x,
                               .dy = dy,
                               .state = dstate,
                               .dx = dx,
                               .dparams = dparams,
                               .tape = tape };
    if (packed && recur__single_step_backward(&q, packed->serial, packed->batch)) return RECUR_OK;
    return recur__backward(&q);
}

recur_status recur_layer_backward_ids(const recur_layer *layer, const recur_packed *packed,
                                      const int32_t *ids, const float *dy, recur_state *dstate,
                                      float *dparams, recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    const recur__request q = { .what = __func__,
                               .layer = layer,
                               .packed = packed,
                               .with_ids = true,
                               .ids = ids,
                               .dy = dy,
                               .state = dstate,
                               .dparams = dparams,
                               .tape = tape };
    return recur__backward(&q);
}
