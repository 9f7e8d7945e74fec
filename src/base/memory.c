/* memory.c - layouts that are measured and carved by one function. */
#include "base/base.h"

enum { ALIGN = 64 };

void *recur__carve(recur__carver *carver, int64_t count, size_t size)
{
    if (count < 0 || (uint64_t)count > (SIZE_MAX / 2 - ALIGN) / size) carver->used = SIZE_MAX;
    if (count == 0 || carver->used == SIZE_MAX) return NULL;
    const size_t bytes = ((size_t)count * size + ALIGN - 1) / ALIGN * ALIGN, at = carver->used;
    carver->used = at > SIZE_MAX / 2 - bytes ? SIZE_MAX : at + bytes;
    return carver->base && carver->used != SIZE_MAX ? carver->base + at : NULL;
}

int64_t recur__times(int64_t a, int64_t b)
{
    int64_t product;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) ? -1 : product;
}
