/* sized.c - structs that start with their size, so that old programs and new libraries understand
 * each other. */
#include "base/base.h"

static uint32_t size_of(const void *sized)
{
    uint32_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

recur_status recur__take(const char *what, const void *from, void *to, size_t known)
{
    memset(to, 0, known);
    if (!from) return RECUR_OK;
    const size_t size = size_of(from);
    if (size < 2 * sizeof(uint32_t))
        return recur__fail(RECUR_E_ARGUMENT, "%s: size is %zu; set it to the size of the struct",
                           what, size);
    const unsigned char *bytes = from;
    for (size_t i = known; i < size; i++)
        if (bytes[i])
            return recur__fail(RECUR_E_ARGUMENT,
                               "%s: byte %zu of %zu is set, but this version knows only %zu", what,
                               i, size, known);
    memcpy(to, from, size < known ? size : known);
    return RECUR_OK;
}

recur_status recur__give(const char *what, const void *from, void *to, size_t known, size_t least)
{
    const size_t size = size_of(to);
    if (size < least)
        return recur__fail(RECUR_E_ARGUMENT, "%s: size is %zu; at least %zu is needed", what, size,
                           least);
    const size_t skip = sizeof(uint32_t), common = size < known ? size : known;
    memcpy((unsigned char *)to + skip, (const unsigned char *)from + skip, common - skip);
    memset((unsigned char *)to + common, 0, size - common);
    return RECUR_OK;
}
