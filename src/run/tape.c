/* tape.c - making and emptying tapes: tape.h. */
#include "run/tape.h"

enum { SMALLEST_BLOCK = 1 << 14 };

recur__block *recur__tape_new_block(recur_tape *tape, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) return NULL;
    recur__block *b = recur__alloc(tape->ctx, bytes + sizeof *b);
    if (b) *b = (recur__block){ .bytes = bytes };
    return b;
}

void recur__tape_free_blocks(recur_tape *tape, recur__block *b)
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

size_t recur__tape_used(const recur__block *b)
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
    *tape = (recur_tape){ .ctx = recur__context_retain(ctx), .scratch.ctx = ctx };
    *out = tape;
    return RECUR_OK;
}

void recur_tape_release(recur_tape *tape)
{
    if (!tape) return;
    recur_context *ctx = tape->ctx;
    recur__tape_free_blocks(tape, tape->first);
    recur__prepack_release(tape);
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

recur_status recur_tape_trace(recur_tape *tape, recur_trace_function *function, void *user)
{
    RECUR__NEEDS(TRAIN);
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
    recur__prepack_discard(tape);
    return RECUR_OK;
}

recur_status recur_tape_drop(recur_tape *tape, int64_t records)
{
    RECUR__NOT_NULL(tape);
    if (records < 0 || records > tape->records)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %lld records to remove, and the tape has %lld",
                           __func__, (long long)records, (long long)tape->records);
    for (; records > 0; records--) recur__tape_pop(tape);
    return RECUR_OK;
}

int64_t recur_tape_records(const recur_tape *tape) { return tape ? tape->records : 0; }
size_t recur_tape_bytes(const recur_tape *tape)
{
    return tape ? sizeof *tape + chain_headers(tape->first) + chain_bytes(tape->first) +
                      tape->scratch.bytes + tape->prepack_bytes
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
    recur__block *made = recur__tape_new_block(tape, wanted > smallest ? wanted : smallest);
    if (!made) made = recur__tape_new_block(tape, bytes);
    if (!made) return NULL;
    recur__tape_free_blocks(tape, next);
    made->older = tape->current;
    if (tape->current)
        tape->current->newer = made;
    else
        tape->first = made;
    return made;
}
