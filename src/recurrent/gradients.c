/* gradients.c - the gradients of a recurrent layer's parameters, and of its input.
 *
 *   dW += dAᵀ x    dU += dAᵀ h_before    db += Σ dA */
#include "recurrent/backward.h"

void recur__add_dU(const recur_layer *layer, int phase, int64_t rows, const float *dA,
                   recur__matrix s, float *dU)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[phase];
    const recur__kernels *k = layer->root->kernels;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    const int64_t S = cell->gate_blocks * H;
    for (int i = 0; i < f->h_gates;) {
        const int gates = i < f->shared ? f->shared : f->h_gates - f->shared;
        const recur__matrix dAi = { dA + recur__h_block(f, i) * H, S };
        float *dUi = dU + (f->h_first + i) * H * P;
        recur__gemm_tn(layer->root->ctx, k, (recur__sizes){ gates * H, P, rows }, dAi, s,
                       (recur__sums){ dUi, P });
        i += i < f->shared ? f->shared : f->h_gates;
    }
}

/* ---- of a pass: all rows of one line ----------------------------------------------------------
 */

/* The same for rows from row `at` on of this line. */
static void add_dU_from(const recur__line_back *a, int phase, int64_t at, int64_t rows,
                        recur__matrix s)
{
    const recur__walk *w = a->w;
    recur__add_dU(w->layer, phase, rows, a->gate_blocks + at * w->S, s, a->dp.U);
}

/* n rows of P floats, ld apart, side by side */
static void copy_rows(int64_t n, int64_t P, const float *from, int64_t ld, float *to)
{
    const size_t row = (size_t)P * sizeof *to;
    if (ld == P && n > 0) memcpy(to, from, (size_t)n * row);
    for (int64_t r = 0; ld != P && r < n; r++) memcpy(to + r * P, from + r * ld, row);
}

/* h before each step as U saw it: of the step before, or where the sequence begins */
static void gather_before(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const recur_packed *packed = w->packed;
    const int64_t P = w->P, ldy = w->D * P;
    const float *mask = a->scratch->masks.recurrent;
    for (int64_t t = 0; t < packed->longest; t++) {
        float *before = a->scratch->before + packed->starts[t] * P;
        const int64_t all = packed->sizes[t], earlier = a->reverse ? t + 1 : t - 1;
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        if (old) copy_rows(old, P, a->y + packed->starts[earlier] * ldy, ldy, before);
        copy_rows(all - old, P, a->initial[0] + old * P, P, before + old * P);
        for (int64_t e = 0; mask && e < all * P; e++) before[e] *= mask[e];
    }
}

/* dU += dAᵀ h_before. In a dense batch h before is y itself, one step aside; else it is gathered.
 */
static void recurrent_gradient(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const int64_t P = w->P, ldy = w->D * P, B = w->B, rest = w->N - B;
    const bool dense = rest >= 0 && w->packed->sizes[w->packed->longest - 1] == B;
    if (dense && !a->scratch->masks.recurrent) {
        const recur__matrix y = { a->y + (a->reverse ? B * ldy : 0), ldy };
        const recur__matrix initial = { a->initial[0], P };
        add_dU_from(a, 0, a->reverse ? 0 : B, rest, y);
        if (!w->pass->began_at_zero) add_dU_from(a, 0, a->reverse ? rest : 0, B, initial);
    } else {
        gather_before(a);
        add_dU_from(a, 0, 0, w->N, (recur__matrix){ a->scratch->before, P });
    }
    if (w->cell->phases > 1) add_dU_from(a, 1, 0, w->N, (recur__matrix){ a->u, w->H });
}

/* db_ih += Σ dA where W x went, db_hh += Σ dA where U h went */
static void bias_gradient(const recur__line_back *a)
{
    const recur__walk *w = a->w;
    const recur__kernels *k = w->pass->kernels;
    float *sums = a->scratch->sums;
    if (!a->dp.b_ih) return;
    memset(sums, 0, (size_t)w->S * sizeof *sums);
    k->reduce->column_sums(w->N, w->S, a->gate_blocks, w->S, sums);
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates))
        k->elementwise->add(r.gates * w->H, sums + r.block * w->H, a->dp.b_ih + r.gate * w->H);
    for (const recur__phase *f = w->cell->phase; f < w->cell->phase + w->cell->phases; f++)
        for (int i = 0; i < f->h_gates; i++) {
            const float *sum = sums + recur__h_block(f, i) * w->H;
            k->elementwise->add(w->H, sum, a->dp.b_hh + (f->h_first + i) * w->H);
        }
}

/* dW[:, id] += dA of its rows; with a table of its own the columns are added up as rows first. Of
 * one run of gates. */
static void ids_gradient(const recur__line_back *a, recur__run r, const int32_t *ids)
{
    const recur__walk *w = a->w;
    const int64_t G = r.gates * w->H, in = a->dp.in;
    const float *dA = a->gate_blocks + r.block * w->H;
    float *table = a->scratch->table, *dW = a->dp.W + r.gate * w->H * in;
    for (int64_t n = 0; !table && n < w->N; n++)
        for (int64_t g = 0; g < G; g++) dW[g * in + ids[n]] += dA[n * w->S + g];
    if (!table) return;
    memset(table, 0, (size_t)(in * G) * sizeof *table);
    w->pass->kernels->reduce->scatter(w->N, G, dA, w->S, ids, table);
    for (int64_t g = 0; g < G; g++)
        for (int64_t id = 0; id < in; id++) dW[g * in + id] += table[id * G + g];
}

/* dW += dAᵀ x and dx += dA W; of a clockwork RNN only dW of ids. */
static void input_gradients(const recur__line_back *a, const float *x, const int32_t *ids,
                            float *dx)
{
    const recur__walk *w = a->w;
    const recur__kernels *k = w->pass->kernels;
    const recur__weights *p = &a->pack.p;
    const bool products = !recur__has_modules(w->layer);
    for (recur__run r = recur__x_run(w->cell, 0); r.gates;
         r = recur__x_run(w->cell, r.gate + r.gates)) {
        const int64_t G = r.gates * w->H, in = p->in, at = r.gate * w->H * in;
        const recur__matrix dA = { a->gate_blocks + r.block * w->H, w->S }, X = { x, in };
        const recur__matrix W = { p->W + at, in };
        if (a->dp.W && ids) ids_gradient(a, r, ids);
        if (!products) continue;
        if (a->dp.W && !ids)
            recur__gemm_tn(w->pass->ctx, k, (recur__sizes){ G, in, w->N }, dA, X,
                           (recur__sums){ a->dp.W + at, in });
        if (dx)
            recur__gemm_nn(w->pass->ctx, k, (recur__sizes){ w->N, in, G }, dA, W,
                           (recur__sums){ dx, in });
    }
}

static void module_gradients(const recur__line_back *a, const float *x, float *dx)
{
    if (a->dp.W) gather_before(a);
    const recur__module_rows rows = {
        .dA = a->gate_blocks,
        .x = x,
        .before = a->scratch->before,
        .dx = dx,
        .module = a->scratch->module,
    };
    recur__module_gradients(a->w, &a->pack.p, &a->dp, &rows);
}

void recur__line_gradients(const recur__line_back *a, const float *x, const int32_t *ids, float *dx)
{
    const recur__walk *w = a->w;
    const int64_t in = a->pack.p.in;
    if (dx && a->d == 0) memset(dx, 0, (size_t)(w->N * in) * sizeof *dx);
    input_gradients(a, x, ids, dx);
    if (recur__has_modules(w->layer))
        module_gradients(a, ids ? NULL : x, dx);
    else if (a->dp.W && w->cell->h_gates)
        recurrent_gradient(a);
    bias_gradient(a);
}

/* ---- of single steps: rows that a tape may let wait -------------------------------------------
 */

/* dA by gate blocks, x, and h before the step. */
static void widths(const recur_layer *layer, int64_t width[RECUR__GRADIENT_ROWS])
{
    const int64_t H = layer->spec.hidden_size;
    if (!recur__has_single_steps(layer)) return;
    width[0] = recur__times(layer->spec.cell->gate_blocks, H);
    width[1] = layer->input_size;
    width[2] = H;
}

static void add_gradients(const recur_layer *layer, int64_t rows, const float *const row[],
                          float *dparams)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__phase *f = &cell->phase[0];
    const recur__kernels *k = layer->root->kernels;
    const int64_t H = layer->spec.hidden_size, S = cell->gate_blocks * H, G = cell->x_gates * H;
    const recur__weights d = recur__weights_of(layer, dparams, 0, 0);
    const recur__matrix dA = { row[0], S }, x = { row[1], d.in }, h = { row[2], H };
    recur__gemm_tn(layer->root->ctx, k, (recur__sizes){ G, d.in, rows }, dA, x,
                   (recur__sums){ d.W, d.in });
    if (d.U) recur__add_dU(layer, 0, rows, row[0], h, d.U);
    if (!d.b_ih) return;
    for (int i = 0; i < f->h_gates; i++) {
        const float *dAi = row[0] + recur__h_block(f, i) * H;
        k->reduce->column_sums(rows, H, dAi, S, d.b_hh + (f->h_first + i) * H);
    }
    k->reduce->column_sums(rows, G, row[0], S, d.b_ih);
}

const recur__gradient_ops recur__recurrent_gradients = {
    .widths = widths,
    .add = add_gradients,
};
