/* sized.c - structs that start with their size, so that old programs and new libraries understand
 * each other.
 *
 * Beside the size the first member may have a mark, RECUR_SIZE_EXACT: the struct was filled in by a
 * recur_x_init, and a zero in it is a zero. Without the mark a zero asks for the default. */
#include "base/base.h"

static uint32_t first_member(const void *sized)
{
    uint32_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

static size_t size_of(const void *sized)
{
    return first_member(sized) & ~(uint32_t)RECUR_SIZE_EXACT;
}

bool recur__is_exact(const void *options)
{
    return options && first_member(options) & RECUR_SIZE_EXACT;
}

/* A struct of a later version may be larger, but not by so much: that is no size of a struct. */
enum { MOST_BEYOND = 1024 };

static recur_status check_most(const char *what, size_t size, size_t known)
{
    if (size <= known + MOST_BEYOND) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT,
                       "%s: size is %zu, but the struct has %zu bytes; set it to the size of the "
                       "struct",
                       what, size, known);
}

recur_status recur__take(const char *what, const void *from, void *to, size_t known)
{
    memset(to, 0, known);
    if (!from) return RECUR_OK;
    const size_t size = size_of(from);
    if (size < 2 * sizeof(uint32_t))
        return recur__fail(RECUR_E_ARGUMENT, "%s: size is %zu; set it to the size of the struct",
                           what, size);
    RECUR__CHECK(check_most(what, size, known));
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
    RECUR__CHECK(check_most(what, size, known));
    const size_t skip = sizeof(uint32_t);
    const size_t common = size < known ? size : known;
    memcpy((unsigned char *)to + skip, (const unsigned char *)from + skip, common - skip);
    memset((unsigned char *)to + common, 0, size - common);
    return RECUR_OK;
}

recur_status recur__set_out(const char *function, const void *from, size_t known, void *to,
                            size_t size)
{
    if (size < 2 * sizeof(uint32_t) || size >= RECUR_SIZE_EXACT)
        return recur__fail(RECUR_E_ARGUMENT, "%s: size is %zu; give it the size of the struct",
                           function, size);
    const uint32_t first = (uint32_t)size | RECUR_SIZE_EXACT;
    memset(to, 0, size);
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &first, sizeof first);
    return RECUR_OK;
}
