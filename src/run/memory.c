/* memory.c - how many bytes a layer takes: what everything is carved with, asked without memory to
 * carve. */
#include <stddef.h>

#include "run/tape.h"

enum {
    REDUCED = RECUR_MEMORY_BFLOAT16 | RECUR_MEMORY_INT8,
    KNOWN = RECUR_MEMORY_ROWS | RECUR_MEMORY_IDS | RECUR_MEMORY_NO_DROPOUT | RECUR_MEMORY_TRACE |
            REDUCED
};

/* Of the snapshot that is asked about. */
static int32_t precision_of(uint32_t flags)
{
    if (flags & RECUR_MEMORY_BFLOAT16) return RECUR_PRECISION_BFLOAT16;
    return flags & RECUR_MEMORY_INT8 ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32;
}

/* The inputs that are asked about, of those that the layer takes. */
static recur_status inputs_of(const recur_layer *layer, uint32_t flags, uint32_t *inputs)
{
    const bool rows = flags & RECUR_MEMORY_ROWS, ids = flags & RECUR_MEMORY_IDS;
    *inputs = layer->capabilities & (RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS);
    if (rows != ids) *inputs &= ids ? RECUR_CAN_TAKE_IDS : RECUR_CAN_TAKE_ROWS;
    if (*inputs || !layer->ops->pass) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED, "recur_layer_memory: a layer of type %s takes no %s",
                       layer->type, ids ? "ids" : "rows of floats");
}

/* -1: that many bytes cannot be. */
static int64_t bytes(size_t n) { return n > INT64_MAX || n == SIZE_MAX ? -1 : (int64_t)n; }

/* Asked with a struct that has the member; programs of before it do not. */
static int64_t checkpoint_of(const recur_memory *asked)
{
    recur_memory known;
    if (asked->size < offsetof(recur_memory, checkpoint) + sizeof known.checkpoint) return 0;
    return asked->checkpoint;
}

static void fill_passes(const recur_layer *layer, const recur_packed *packed, uint32_t inputs,
                        recur_memory *m)
{
    const recur__shape plain = { .packed = packed };
    const recur__shape recorded = { .packed = packed,
                                    .record = true,
                                    .dropout = !(m->flags & RECUR_MEMORY_NO_DROPOUT),
                                    .trace = m->flags & RECUR_MEMORY_TRACE,
                                    .segment_steps = recur__segment_steps(m->checkpoint, packed) };
    m->inference = bytes(recur__measure_inputs(layer, plain, inputs).peak);
    if (recur__layer_is_snapshot(layer)) return;
    const recur__workspace most = recur__measure_inputs(layer, recorded, inputs);
    m->kept = bytes(recur__prepack_bytes(layer, packed));
    m->record = bytes(recur__record_bytes(most.reserve.used));
    m->training = bytes(most.peak);
}

recur_status recur_layer_memory(const recur_layer *layer, const recur_packed *packed,
                                uint32_t flags, recur_memory *out)
{
    RECUR__NEEDS(BATCH);
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(packed);
    RECUR__NOT_NULL(out);
    if (flags & ~(uint32_t)KNOWN)
        return recur__fail(RECUR_E_ARGUMENT, "recur_layer_memory: flags %u: one is unknown",
                           (unsigned)flags);
    if ((flags & REDUCED) == REDUCED)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_layer_memory: flags %u: a snapshot has one precision; give "
                           "RECUR_MEMORY_BFLOAT16 or RECUR_MEMORY_INT8",
                           (unsigned)flags);
    const int32_t precision = precision_of(flags);
    const int64_t checkpoint = checkpoint_of(out);
    uint32_t inputs;
    if (checkpoint < 0 || checkpoint == 1)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_layer_memory: segments of %lld steps; set checkpoint to 2 or "
                           "more, or to 0 for none",
                           (long long)checkpoint);
    if (recur__segment_steps(checkpoint, packed) && !recur__layer_is_snapshot(layer))
        RECUR__CHECK(recur__check_segments(__func__, layer, flags & RECUR_MEMORY_TRACE));
    RECUR__CHECK(inputs_of(layer, flags, &inputs));
    recur_memory m = {
        .flags = flags,
        .layer = bytes(recur__layer_bytes(layer)),
        .parameters = layer->count * (int64_t)sizeof(float),
        .snapshot = bytes(recur__snapshot_bytes(layer, (recur__precisions){ &precision, true })),
        .state = packed->batch ? bytes(recur__state_bytes(layer, packed->batch)) : 0,
        .layout = (int64_t)(packed->bytes + packed->grown_bytes),
        .tape = (int64_t)recur__tape_fixed_bytes(),
        .checkpoint = checkpoint,
    };
    if (layer->ops->pass) fill_passes(layer, packed, inputs, &m);
    if (m.layer < 0 || m.snapshot < 0 || m.state < 0 || m.kept < 0 || m.record < 0 ||
        m.training < 0 || m.inference < 0)
        return recur__no_memory(SIZE_MAX);
    return recur__give("recur_memory", &m, out, sizeof m, offsetof(recur_memory, checkpoint));
}
