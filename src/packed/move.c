/* move.c - rows of any type into packed order, back, and one per sequence. */
#include "packed/packed.h"

/* A padded or joined array, seen through its layout: the row of step t of sequence b is first(b) +
 * t * stride. */
typedef struct view {
    int32_t layout;
    int64_t stride;
} view;

static recur_status open_view(const char *what, int32_t layout, size_t row_bytes,
                              const recur_packed *p, view *out)
{
    static const recur__constant layouts[] = { RECUR__CONSTANT(RECUR_LAYOUT_BATCH_FIRST),
                                               RECUR__CONSTANT(RECUR_LAYOUT_TIME_FIRST),
                                               RECUR__CONSTANT(RECUR_LAYOUT_JOINED) };
    if (layout < RECUR_LAYOUT_BATCH_FIRST || layout > RECUR_LAYOUT_JOINED)
        return RECUR__NO_CONSTANT(what, "layout", layout, layouts);
    if (row_bytes == 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: row_bytes is 0; it is the size of a row, such as %zu for ids", what,
                           sizeof(int32_t));
    *out = (view){ .layout = layout, .stride = layout == RECUR_LAYOUT_TIME_FIRST ? p->batch : 1 };
    return RECUR_OK;
}

/* First row of a sequence; joined says how many rows the sequences before it have. */
static int64_t first(const view *v, const recur_packed *p, int64_t b, int64_t joined)
{
    switch (v->layout) {
    case RECUR_LAYOUT_BATCH_FIRST:
        return b * p->steps;
    case RECUR_LAYOUT_TIME_FIRST:
        return b;
    default:
        return joined;
    }
}

recur_status recur_packed_pack(const recur_packed *packed, int32_t layout, size_t row_bytes,
                               const void *from, void *rows)
{
    RECUR__NOT_NULL(packed);
    view v = { 0 };
    RECUR__CHECK(open_view(__func__, layout, row_bytes, packed, &v));
    if (packed->rows == 0) return RECUR_OK;
    RECUR__NOT_NULL(from);
    RECUR__NOT_NULL(rows);
    const unsigned char *in = from;
    unsigned char *out = rows;
    for (int64_t b = 0, joined = 0; b < packed->batch; joined += packed->lengths[b], b++) {
        const int64_t start = first(&v, packed, b, joined);
        for (int64_t t = 0; t < packed->lengths[b]; t++)
            memcpy(out + (size_t)(packed->starts[t] + packed->place[b]) * row_bytes,
                   in + (size_t)(start + t * v.stride) * row_bytes, row_bytes);
    }
    return RECUR_OK;
}

recur_status recur_packed_unpack(const recur_packed *packed, int32_t layout, size_t row_bytes,
                                 const void *rows, void *to)
{
    RECUR__NOT_NULL(packed);
    view v = { 0 };
    RECUR__CHECK(open_view(__func__, layout, row_bytes, packed, &v));
    if (packed->rows == 0) return RECUR_OK;
    RECUR__NOT_NULL(rows);
    RECUR__NOT_NULL(to);
    const unsigned char *in = rows;
    unsigned char *out = to;
    for (int64_t b = 0, joined = 0; b < packed->batch; joined += packed->lengths[b], b++) {
        const int64_t start = first(&v, packed, b, joined);
        for (int64_t t = 0; t < packed->lengths[b]; t++)
            memcpy(out + (size_t)(start + t * v.stride) * row_bytes,
                   in + (size_t)(packed->starts[t] + packed->place[b]) * row_bytes, row_bytes);
    }
    return RECUR_OK;
}

recur_status recur_packed_gather(const recur_packed *packed, const int64_t *steps, size_t row_bytes,
                                 const void *rows, void *to)
{
    RECUR__NOT_NULL(packed);
    if (row_bytes == 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_packed_gather: rows of 0 bytes");
    if (packed->batch == 0) return RECUR_OK;
    RECUR__NOT_NULL(to);
    if (packed->rows) RECUR__NOT_NULL(rows);
    const unsigned char *in = rows;
    unsigned char *out = to;
    for (int64_t b = 0; b < packed->batch; b++, out += row_bytes) {
        const int64_t length = packed->lengths[b], step = steps ? steps[b] : -1,
                      t = step < 0 ? length + step : step;
        if (length == 0) {
            memset(out, 0, row_bytes);
            continue;
        }
        if (step < -length || step >= length)
            return recur__fail(RECUR_E_ARGUMENT,
                               "step %lld of sequence %lld, which has length %lld", (long long)step,
                               (long long)b, (long long)length);
        memcpy(out, in + (size_t)(packed->starts[t] + packed->place[b]) * row_bytes, row_bytes);
    }
    return RECUR_OK;
}
