/* sort.c - heap sort: never slow, and in place. The C library's qsort may be the one, and ask for
 * memory of its own. */
#include "file/file.h"

/* Lets an item sink until no child is behind it in the order. */
static void sink(void **items, int64_t at, int64_t count, recur__order *order)
{
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && order(items[child + 1], items[child]) > 0) child++;
        if (order(items[child], items[at]) <= 0) return;
        void *item = items[at];
        items[at] = items[child];
        items[child] = item;
        at = child;
    }
}

void recur__sort(void **items, int64_t count, recur__order *order)
{
    for (int64_t at = count / 2 - 1; at >= 0; at--) sink(items, at, count, order);
    for (int64_t last = count - 1; last > 0; last--) {
        void *item = items[0];
        items[0] = items[last];
        items[last] = item;
        sink(items, 0, last, order);
    }
}
