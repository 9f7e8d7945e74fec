/* scratch.c - memory that a call needs only while it runs, kept for the next call: it grows, and
 * never shrinks. */
#include "base/base.h"

unsigned char *recur__scratch_take(recur__scratch_block *block, size_t bytes)
{
    if (bytes == 0) return (unsigned char *)block; /* nobody writes there */
    if (bytes <= block->bytes) return block->memory;
    unsigned char *memory = recur__alloc(block->ctx, bytes);
    if (!memory) return NULL;
    recur__scratch_free(block);
    block->memory = memory;
    block->bytes = bytes;
    return memory;
}

void recur__scratch_free(recur__scratch_block *block)
{
    recur__free(block->ctx, block->memory, block->bytes);
    block->memory = NULL;
    block->bytes = 0;
}

unsigned char *recur__tape_scratch(recur_tape *tape, size_t bytes)
{
    return recur__scratch_take((recur__scratch_block *)(void *)tape, bytes);
}
