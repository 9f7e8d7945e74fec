/* reserve.c - memory for passes to come, so that they allocate nothing. */
#include "run/tape.h"

/* Room for all reservations in one piece: in an empty tape one block, else what the records have
 * not used of it, behind them. */
static bool reserve_records(recur_tape *tape, size_t bytes)
{
    const size_t wanted = tape->reserved + bytes;
    if (tape->records) {
        const size_t used = recur__tape_used(tape->first),
                     missing = wanted > used ? wanted - used : 0;
        const recur__block *b = tape->current;
        return b->bytes - b->used >= missing || recur__tape_next_block(tape, missing);
    }
    if (wanted == 0 || (tape->first && tape->first->bytes >= wanted)) return true;
    recur__block *made = recur__tape_new_block(tape, wanted);
    if (!made) return false;
    recur__tape_free_blocks(tape, tape->first);
    tape->first = tape->current = made;
    return true;
}

recur_status recur_tape_reserve(recur_tape *tape, const recur_layer *layer,
                                const recur_packed *packed, int64_t passes)
{
    RECUR__NEEDS(BATCH);
    RECUR__NOT_NULL(tape);
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(packed);
    if (passes < 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_tape_reserve: %lld passes", (long long)passes);
    if (!layer->ops->pass)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_tape_reserve: a group is not run, but its parts are");
    if (passes > 0 && recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_tape_reserve: %lld passes of a snapshot cannot be recorded",
                           (long long)passes);
    const recur__shape plain = { .packed = packed };
    const recur__shape recorded = {
        .packed = packed,
        .record = passes > 0,
        .dropout = passes > 0,
        .trace = passes > 0 && tape->tracer.function,
        .segment_steps = passes > 0 ? recur__segment_steps(tape->segment_steps, packed) : 0,
    };
    if (recorded.segment_steps)
        RECUR__CHECK(recur__check_segments(__func__, layer, recorded.trace));
    const uint32_t inputs = layer->capabilities;
    const recur__workspace most = recur__measure_inputs(layer, recorded, inputs);
    const size_t other = recur__measure_inputs(layer, plain, inputs).peak;
    const size_t scratch = most.peak > other ? most.peak : other;
    const size_t record = recur__record_bytes(most.reserve.used);
    const int64_t all = recur__times(passes, record > INT64_MAX ? -1 : (int64_t)record);
    const size_t prepack = passes > 1 ? recur__prepack_bytes(layer, packed) : 0;
    if (all < 0 || (size_t)all > SIZE_MAX / 4) return recur__no_memory(SIZE_MAX);
    if (scratch > SIZE_MAX / 4 || prepack > SIZE_MAX / 4) return recur__no_memory(SIZE_MAX);
    if (!recur__tape_scratch(tape, scratch)) return recur__no_memory(scratch);
    if (!reserve_records(tape, (size_t)all)) return recur__no_memory((size_t)all);
    if (prepack && !recur__prepack_reserve(tape, layer, prepack, true))
        return recur__no_memory(prepack);
    tape->reserved += (size_t)all;
    return RECUR_OK;
}
