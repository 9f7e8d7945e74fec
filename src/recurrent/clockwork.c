/* clockwork.c - clockwork RNN: what its modules do not see, and gradients of what was not computed.
 *
 *        sees  0 1 2 3   module, from the fastest to the slowest
 *   U =    0   x x x x
 *          1   . x x x
 *          2   . . x x
 *          3   . . . x   . is never read and has no gradient */
#include "recurrent/recurrent.h"

static int64_t size_of(const recur_layer *layer)
{
    return layer->spec.hidden_size / layer->spec.cell_options.modules;
}

void recur__fill_visible_U(const recur_layer *layer, const float *U, float *visible)
{
    const int64_t H = layer->spec.hidden_size, size = size_of(layer);
    for (int64_t j = 0; j < H; j++) {
        const int64_t first = j / size * size;
        float *row = visible + j * H;
        memset(row, 0, (size_t)first * sizeof *row);
        if (visible == U) continue;
        memcpy(row + first, U + j * H + first, (size_t)(H - first) * sizeof *row);
    }
}

static bool is_zero(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] != 0) return false;
    return true;
}

/* One module's rows that were due, side by side. */
typedef struct rows {
    int64_t n, first, size, visible, in;
    float *dA, *x, *h, *dx;
} rows;

static rows gather(const recur__walk *w, const recur__module_rows *of, int64_t m, int64_t in)
{
    const int64_t H = w->H, size = size_of(w->layer), first = m * size;
    rows g = {
        .first = first,
        .size = size,
        .visible = H - first,
        .in = in,
        .dA = of->module[0],
        .x = of->module[1],
        .h = of->module[2],
        .dx = of->module[3],
    };
    for (int64_t n = 0; n < w->N; n++) {
        const float *dA = of->dA + n * H + first, *h = of->before + n * H + first;
        if (is_zero(dA, size)) continue;
        memcpy(g.dA + g.n * size, dA, (size_t)size * sizeof *dA);
        memcpy(g.h + g.n * g.visible, h, (size_t)g.visible * sizeof *h);
        if (of->x) memcpy(g.x + g.n * in, of->x + n * in, (size_t)in * sizeof *h);
        g.n++;
    }
    return g;
}

static void scatter(const recur__walk *w, const rows *g, const float *dA, float *dx)
{
    const float *row = g->dx;
    for (int64_t n = 0; n < w->N; n++) {
        if (is_zero(dA + n * w->H + g->first, g->size)) continue;
        w->pass->kernels->elementwise->add(g->in, row, dx + n * g->in);
        row += g->in;
    }
}

static void add_weights(const recur__walk *w, const rows *g, bool x, const recur__weights *dp)
{
    const recur_context *ctx = w->pass->ctx;
    const recur__kernels *k = w->pass->kernels;
    const recur__matrix dA = { g->dA, g->size }, X = { g->x, g->in }, h = { g->h, g->visible };
    float *dW = dp->W + g->first * g->in, *dU = dp->U + g->first * w->H + g->first;
    if (x)
        recur__gemm_tn(ctx, k, (recur__sizes){ g->size, g->in, g->n }, dA, X,
                       (recur__sums){ dW, g->in });
    recur__gemm_tn(ctx, k, (recur__sizes){ g->size, g->visible, g->n }, dA, h,
                   (recur__sums){ dU, w->H });
}

void recur__module_gradients(const recur__walk *w, const recur__weights *p,
                             const recur__weights *dp, const recur__module_rows *of)
{
    const recur__kernels *k = w->pass->kernels;
    const int64_t in = p->in;
    for (int64_t m = 0; m < w->layer->spec.cell_options.modules; m++) {
        const rows g = gather(w, of, m, in);
        const recur__matrix dA = { g.dA, g.size }, W = { p->W + g.first * in, in };
        if (g.n == 0) continue;
        if (dp->W) add_weights(w, &g, of->x != NULL, dp);
        if (!of->dx) continue;
        memset(g.dx, 0, (size_t)(g.n * in) * sizeof *g.dx);
        recur__gemm_nn(w->pass->ctx, k, (recur__sizes){ g.n, in, g.size }, dA, W,
                       (recur__sums){ g.dx, in });
        scatter(w, &g, of->dA, of->dx);
    }
}
