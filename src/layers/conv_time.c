/* conv_time.c - windows over time. Number k under the kernel is the row of step t + k dilation -
 * before of the same sequence: of its history before its first step, zeros behind its last. A
 * window is [kernel][in_g]. */
#include "layers/conv.h"

/* A packed row: its step, and the place of its sequence. */
typedef struct position {
    int64_t t, p;
} position;

/* The step that a packed row belongs to: by halves. */
static position position_of(const recur_packed *packed, int64_t row)
{
    int64_t low = 0, high = packed->longest;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (packed->starts[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return (position){ low, row - packed->starts[low] };
}

static position next(const recur_packed *packed, position at)
{
    if (at.p + 1 < packed->sizes[at.t]) return (position){ at.t, at.p + 1 };
    return (position){ at.t + 1, 0 };
}

static int64_t sequence_at(const recur_packed *packed, int64_t place)
{
    return packed->in_order ? place : packed->order[place];
}

/* The packed row of step t at a place; -1: there is none. */
static int64_t row_of(const recur_packed *packed, int64_t t, int64_t place)
{
    return t < packed->longest && place < packed->sizes[t] ? packed->starts[t] + place : -1;
}

/* The row of the history, of step t < 0; -1: there is none. */
static int64_t history_row(const recur__conv_view *view, int64_t t, int64_t place)
{
    const int64_t before = recur__conv_before(view->layer);
    return before ? sequence_at(view->packed, place) * before + before + t : -1;
}

/* Where number k of a window lies; NULL: zeros. */
static const float *number_at(const recur__conv_view *view, position at, int64_t k)
{
    const recur_conv_options *o = &view->layer->spec.conv;
    const int64_t t = at.t + k * o->dilation - o->pad_before;
    const int64_t row = t < 0 ? history_row(view, t, at.p) : row_of(view->packed, t, at.p);
    const float *rows = t < 0 ? view->history : view->x;
    return row < 0 || !rows ? NULL : rows + row * o->in_channels;
}

static void fill(const recur__conv_view *view, const recur__conv_block *block, float *A)
{
    const int64_t in = recur__conv_in(view->layer), kernel = view->layer->spec.conv.kernel;
    position at = position_of(view->packed, block->first);
    for (int64_t w = 0; w < block->count; w++, at = next(view->packed, at))
        for (int64_t k = 0; k < kernel; k++, A += in) {
            const float *from = number_at(view, at, k);
            if (from)
                recur__copy(A, from + block->group * in, in);
            else
                memset(A, 0, (size_t)in * sizeof *A);
        }
}

static float *gradient_at(const recur__conv_view *view, position at, int64_t k)
{
    const recur_conv_options *o = &view->layer->spec.conv;
    const int64_t t = at.t + k * o->dilation - o->pad_before;
    const int64_t row = t < 0 ? history_row(view, t, at.p) : row_of(view->packed, t, at.p);
    float *rows = t < 0 ? view->d_history : view->dx;
    return row < 0 || !rows ? NULL : rows + row * o->in_channels;
}

static void add(int64_t n, const float *from, float *to)
{
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static void spill(const recur__conv_view *view, const recur__conv_block *block, const float *dA)
{
    const int64_t in = recur__conv_in(view->layer), kernel = view->layer->spec.conv.kernel;
    position at = position_of(view->packed, block->first);
    for (int64_t w = 0; w < block->count; w++, at = next(view->packed, at))
        for (int64_t k = 0; k < kernel; k++, dA += in) {
            float *to = gradient_at(view, at, k);
            if (to) add(in, dA, to + block->group * in);
        }
}

const recur__conv_axis recur__conv_time = { .fill = fill, .spill = spill };

/* ---- history -------------------------------------------------------------------------------- */

/* Steps of the sequence at a place, places in falling order of length. */
static int64_t length_at(const recur_packed *packed, int64_t place, int64_t at_most)
{
    int64_t t = at_most;
    while (t > 0 && packed->sizes[t - 1] <= place) t--;
    return t;
}

/* Row j of the new history is row j + length of the old one, or of x. */
void recur__conv_move_on(const recur__conv_view *view, float *history)
{
    const recur_packed *packed = view->packed;
    const int64_t in = view->layer->spec.conv.in_channels, before = recur__conv_before(view->layer);
    int64_t length = packed->longest;
    for (int64_t p = 0; p < packed->batch; p++) {
        float *rows = history + sequence_at(packed, p) * before * in;
        length = length_at(packed, p, length);
        const int64_t stay = recur__max(0, before - length);
        if (stay && length) memmove(rows, rows + length * in, (size_t)(stay * in) * sizeof *rows);
        for (int64_t j = stay; j < before; j++)
            recur__copy(rows + j * in, view->x + row_of(packed, length - before + j, p) * in, in);
    }
}

void recur__conv_move_back(const recur__conv_view *view, const float *d_last)
{
    const recur_packed *packed = view->packed;
    const int64_t in = view->layer->spec.conv.in_channels, before = recur__conv_before(view->layer);
    int64_t length = packed->longest;
    for (int64_t p = 0; p < packed->batch; p++) {
        const int64_t first = sequence_at(packed, p) * before;
        length = length_at(packed, p, length);
        for (int64_t j = 0; j < before; j++) {
            const float *from = d_last + (first + j) * in;
            if (j + length < before)
                add(in, from, view->d_history + (first + j + length) * in);
            else if (view->dx)
                add(in, from, view->dx + row_of(packed, length - before + j, p) * in);
        }
    }
}
