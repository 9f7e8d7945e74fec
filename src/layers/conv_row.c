/* conv_row.c - windows inside a row, which is [in_channels][length]. Number k under the kernel is
 * number l stride + k dilation - pad_before of a channel; beyond its ends stand zeros, or the
 * channel mirrored. A window is [in_g][kernel]. */
#include "layers/conv.h"

/* Where number i of a channel lies, which may be beyond its ends; -1: it is zero. */
static int64_t within(const recur_conv_options *o, int64_t i)
{
    if (i >= 0 && i < o->length) return i;
    if (o->padding == RECUR_PADDING_ZEROS) return -1;
    return i < 0 ? -i : 2 * (o->length - 1) - i;
}

/* The first number under the kernel in window w, and where its row begins. */
static int64_t begin_of(const recur__conv_view *view, int64_t w, int64_t *row)
{
    const recur_conv_options *o = &view->layer->spec.conv;
    const int64_t L = recur__conv_length(view->layer);
    *row = w / L * view->layer->input_size;
    return w % L * o->stride - o->pad_before;
}

/* Whether the kernel lies side by side within the channel. */
static bool is_whole(const recur_conv_options *o, int64_t begin)
{
    return begin >= 0 && o->dilation == 1 && begin + o->kernel <= o->length;
}

static void fill(const recur__conv_view *view, const recur__conv_block *block, float *A)
{
    const recur_conv_options *o = &view->layer->spec.conv;
    const int64_t in = recur__conv_in(view->layer), K = o->kernel;
    for (int64_t w = 0; w < block->count; w++) {
        int64_t row;
        const int64_t begin = begin_of(view, block->first + w, &row);
        const float *x = view->x + row + block->group * in * o->length;
        for (int64_t i = 0; i < in; i++, A += K, x += o->length) {
            if (is_whole(o, begin)) {
                recur__copy(A, x + begin, K);
                continue;
            }
            for (int64_t k = 0; k < K; k++) {
                const int64_t at = within(o, begin + k * o->dilation);
                A[k] = at < 0 ? 0 : x[at];
            }
        }
    }
}

static void spill(const recur__conv_view *view, const recur__conv_block *block, const float *dA)
{
    const recur_conv_options *o = &view->layer->spec.conv;
    const int64_t in = recur__conv_in(view->layer), K = o->kernel;
    for (int64_t w = 0; w < block->count && view->dx; w++) {
        int64_t row;
        const int64_t begin = begin_of(view, block->first + w, &row);
        float *dx = view->dx + row + block->group * in * o->length;
        for (int64_t i = 0; i < in; i++, dA += K, dx += o->length)
            for (int64_t k = 0; k < K; k++) {
                const int64_t at = within(o, begin + k * o->dilation);
                if (at >= 0) dx[at] += dA[k];
            }
    }
}

const recur__conv_axis recur__conv_row = { .fill = fill, .spill = spill };
