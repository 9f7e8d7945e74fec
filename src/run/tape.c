/* tape.c - making, reserving and emptying tapes: tape.h. */
#include "run/tape.h"

enum { NEWEST = 16, SMALLEST_BLOCK = 1 << 14 };

static recur__block *new_block(recur_tape *tape, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) return NULL;
    recur__block *b = recur__alloc(tape->ctx, bytes + sizeof *b);
    if (b) *b = (recur__block){ .bytes = bytes };
    return b;
}

static void free_chain(recur_tape *tape, recur__block *b)
{
    while (b) {
        recur__block *newer = b->newer;
        recur__free(tape->ctx, b, b->bytes + sizeof(recur__block));
        b = newer;
    }
}

static size_t chain_headers(const recur__block *b)
{
    size_t bytes = 0;
    for (; b; b = b->newer) bytes += sizeof(recur__block);
    return bytes;
}

static size_t chain_bytes(const recur__block *b)
{
    size_t bytes = 0;
    for (; b; b = b->newer) bytes += b->bytes;
    return bytes;
}

static size_t chain_used(const recur__block *b)
{
    size_t used = 0;
    for (; b; b = b->newer) used += b->used;
    return used;
}

recur_status recur_tape_create(recur_context *ctx, recur_tape **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    recur_tape *tape = recur__alloc(ctx, sizeof *tape);
    if (!tape) return recur__no_memory(sizeof *tape);
    *tape = (recur_tape){ .ctx = recur__context_retain(ctx),
                          .scratch.ctx = ctx,
                          .keeper.ctx = ctx };
    *out = tape;
    return RECUR_OK;
}

void recur_tape_release(recur_tape *tape)
{
    if (!tape) return;
    recur_context *ctx = tape->ctx;
    free_chain(tape, tape->first);
    recur__keep_release(&tape->keeper);
    recur__scratch_free(&tape->scratch);
    recur__free(ctx, tape, sizeof *tape);
    recur_context_release(ctx);
}

recur_status recur_tape_set_mode(recur_tape *tape, int32_t mode)
{
    static const recur__constant modes[] = { RECUR__CONSTANT(RECUR_TAPE_TRAIN),
                                             RECUR__CONSTANT(RECUR_TAPE_EVALUATE),
                                             RECUR__CONSTANT(RECUR_TAPE_RECORD_NO_DROPOUT) };
    RECUR__NOT_NULL(tape);
    if (mode < RECUR_TAPE_TRAIN || mode > RECUR_TAPE_RECORD_NO_DROPOUT)
        return RECUR__NO_CONSTANT(__func__, "mode", mode, modes);
    tape->mode = mode;
    return RECUR_OK;
}

recur_status recur_tape_set_seed(recur_tape *tape, uint64_t seed)
{
    RECUR__NOT_NULL(tape);
    tape->seed = seed;
    tape->passes = 0;
    return RECUR_OK;
}

recur_status recur_tape_defer(recur_tape *tape, int32_t on)
{
    RECUR__NOT_NULL(tape);
    tape->defers = on;
    for (recur__kept *k = tape->keeper.first; k; k = k->next) recur__keep_flush(k);
    return RECUR_OK;
}

recur_status recur_tape_trace(recur_tape *tape, recur_trace_function *function, void *user)
{
    RECUR__NOT_NULL(tape);
    tape->tracer = (recur__tracer){ function, user };
    return RECUR_OK;
}

recur_status recur_tape_reset(recur_tape *tape)
{
    RECUR__NOT_NULL(tape);
    for (recur__block *b = tape->first; b; b = b->newer) b->used = 0;
    tape->current = tape->first;
    tape->newest = NULL;
    tape->records = 0;
    tape->reserved = 0;
    recur__keep_forget(&tape->keeper);
    return RECUR_OK;
}

int64_t recur_tape_records(const recur_tape *tape) { return tape ? tape->records : 0; }
size_t recur_tape_bytes(const recur_tape *tape)
{
    return tape ? sizeof *tape + chain_headers(tape->first) + chain_bytes(tape->first) +
                      tape->scratch.bytes + tape->keeper.bytes
                : 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

size_t recur__tape_fixed_bytes(void) { return sizeof(recur_tape) + sizeof(recur__block); }

/* Blocks further on are replaced if they are too small. */
recur__block *recur__tape_next_block(recur_tape *tape, size_t bytes)
{
    recur__block *next = tape->current ? tape->current->newer : tape->first;
    if (next && next->bytes >= bytes) return next;
    const size_t held = chain_bytes(tape->first), smallest = SMALLEST_BLOCK;
    size_t wanted = bytes > held ? bytes
                                 : held; /* doubles what is held, so that there are few blocks */
    recur__block *made = new_block(tape, wanted > smallest ? wanted : smallest);
    if (!made) made = new_block(tape, bytes);
    if (!made) return NULL;
    free_chain(tape, next);
    made->older = tape->current;
    if (tape->current)
        tape->current->newer = made;
    else
        tape->first = made;
    return made;
}

/* Whether a record of the layer is among the newest ones: loops have few others between two of its
 * own. */
static bool waits(const recur_tape *tape, const recur_layer *layer)
{
    const recur__record *record = tape->newest;
    for (int i = 1; record && record->layer != layer->serial; i++)
        record = i < NEWEST ? record->older : NULL;
    return record;
}

recur__kept *recur__tape_keep(recur_tape *tape, const recur_layer *layer, size_t bytes,
                              bool *failed)
{
    recur__kept *kept = recur__kept_of(&tape->keeper, layer);
    if (bytes == 0 || !(waits(tape, layer) || (kept && kept->reserved))) return NULL;
    if (!tape->reserved) kept = recur__keep(&tape->keeper, layer, bytes, false);
    *failed = !kept && !tape->reserved;
    return kept;
}

/* Room for all reservations in one piece: in an empty tape one block, else what the records have
 * not used of it, behind them. */
static bool reserve_records(recur_tape *tape, size_t bytes)
{
    const size_t wanted = tape->reserved + bytes;
    if (tape->records) {
        const size_t used = chain_used(tape->first), missing = wanted > used ? wanted - used : 0;
        const recur__block *b = tape->current;
        return b->bytes - b->used >= missing || recur__tape_next_block(tape, missing);
    }
    if (wanted == 0 || (tape->first && tape->first->bytes >= wanted)) return true;
    recur__block *made = new_block(tape, wanted);
    if (!made) return false;
    free_chain(tape, tape->first);
    tape->first = tape->current = made;
    return true;
}

recur_status recur_tape_reserve(recur_tape *tape, const recur_layer *layer,
                                const recur_packed *packed, int64_t passes)
{
    RECUR__NOT_NULL(tape);
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(packed);
    if (passes < 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_tape_reserve: %lld passes", (long long)passes);
    if (!layer->ops->measure)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_tape_reserve: a group is not run, but its parts are");
    if (passes > 0 && recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_tape_reserve: %lld passes of a snapshot cannot be recorded",
                           (long long)passes);
    const recur__shape plain = { .packed = packed };
    const recur__shape recorded = { .packed = packed,
                                    .record = passes > 0,
                                    .dropout = passes > 0,
                                    .trace = passes > 0 && tape->tracer.function };
    const recur__room room = recur__measure_inputs(layer, recorded, layer->capabilities);
    const size_t other = recur__measure_inputs(layer, plain, layer->capabilities).peak,
                 peak = room.peak > other ? room.peak : other;
    const size_t record = recur__record_bytes(room.keep.used);
    const int64_t all = recur__times(passes, record > INT64_MAX ? -1 : (int64_t)record);
    if (all < 0 || (size_t)all > SIZE_MAX / 4 || peak > SIZE_MAX / 4)
        return recur__no_memory(SIZE_MAX);
    if (!recur__tape_scratch(tape, peak)) return recur__no_memory(peak);
    const size_t kept = passes > 1 ? recur__keep_bytes(layer, packed) : 0;
    if (kept > SIZE_MAX / 4) return recur__no_memory(SIZE_MAX);
    if (!reserve_records(tape, (size_t)all)) return recur__no_memory((size_t)all);
    if (kept && !recur__keep(&tape->keeper, layer, kept, true)) return recur__no_memory(kept);
    tape->reserved += (size_t)all;
    return RECUR_OK;
}
