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

void recur__fill_visible_U(const recur_layer *layer, const float *U, float *masked_h)
{
    const int64_t H = layer->spec.hidden_size, size = size_of(layer);
    for (int64_t j = 0; j < H; j++) {
        const int64_t first = j / size * size;
        memset(masked_h + j * H, 0, (size_t)first * sizeof *masked_h);
        if (masked_h != U)
            memcpy(masked_h + j * H + first, U + j * H + first,
                   (size_t)(H - first) * sizeof *masked_h);
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
    int64_t n, first, size, in;
    float *dA, *x, *h, *dx;
} rows;

static rows gather(const recur__walk *w, const recur__backward_scratch *scratch, int64_t m,
                   const float *dA, const float *x, int64_t in)
{
    const int64_t H = w->H, size = size_of(w->layer), first = m * size, masked_h = H - first;
    rows g = { .first = first,
               .size = size,
               .in = in,
               .dA = scratch->module[0],
               .x = scratch->module[1],
               .h = scratch->module[2],
               .dx = scratch->module[3] };
    for (int64_t n = 0; n < w->N; n++) {
        if (is_zero(dA + n * H + first, size)) continue;
        memcpy(g.dA + g.n * size, dA + n * H + first, (size_t)size * sizeof *dA);
        memcpy(g.h + g.n * masked_h, scratch->before + n * H + first,
               (size_t)masked_h * sizeof *dA);
        if (x) memcpy(g.x + g.n * in, x + n * in, (size_t)in * sizeof *x);
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

void recur__module_gradients(const recur__walk *w, const recur__weights *p,
                             const recur__weights *dp, const float *dA, const float *x, float *dx,
                             const recur__backward_scratch *scratch)
{
    const recur_context *ctx = w->pass->ctx;
    const recur__kernels *k = w->pass->kernels;
    const int64_t H = w->H, in = p->in;
    for (int64_t m = 0; m < w->layer->spec.cell_options.modules; m++) {
        const rows g = gather(w, scratch, m, dA, x, in);
        const int64_t masked_h = H - g.first;
        const recur__matrix rows_dA = { g.dA, g.size };
        if (g.n == 0) continue;
        if (dp->W) {
            if (x)
                recur__gemm_tn(ctx, k, g.size, in, g.n, rows_dA, (recur__matrix){ g.x, in },
                               dp->W + g.first * in, in);
            recur__gemm_tn(ctx, k, g.size, masked_h, g.n, rows_dA, (recur__matrix){ g.h, masked_h },
                           dp->U + g.first * H + g.first, H);
        }
        if (!dx) continue;
        memset(g.dx, 0, (size_t)(g.n * in) * sizeof *g.dx);
        recur__gemm_nn(ctx, k, g.n, in, g.size, rows_dA, (recur__matrix){ p->W + g.first * in, in },
                       g.dx, in);
        scatter(w, &g, dA, dx);
    }
}
