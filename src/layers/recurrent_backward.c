/* recurrent_backward.c - the walk backwards: backpropagation through time.
 *
 * Per layer and direction, against the order of forward: the cell's pointwise part turns slots into the gradients dA of
 * the pre-activations, and dh += dA U carries them to the step before. After the loop, over all rows at once,
 *   dW += dAᵀ x    dU += dAᵀ h_before    db += Σ dA    dx = dA W */
#include "layers/recurrent.h"

/* One layer and direction. */
typedef struct lane {
    int64_t ld, d;
    bool reverse;
    recur__weights p, dp;           /* dp.W is NULL if dparams is not wanted */
    float *slots;                   /* [N][S*H] */
    const float *c, *u, *y;         /* [N][H], [N][H], [N][D*H] from this direction's half on */
    const float *start[RECUR__STATES];
    const float *dy;                /* [N][D*H] likewise; NULL: zeros */
    float *dstate[RECUR__STATES];   /* [B][H] by place */
} lane;

/* Rows [from, to) of step t, whose state before the step lies at `before`. */
static recur__rows_backward rows_of(const recur__walk *w, const lane *a, float *du, int64_t t, int64_t from, int64_t to, bool going_on)
{
    const int64_t H = w->H, ldy = w->D * H, at = w->packed->starts[t] + from;
    const int64_t before = going_on ? w->packed->starts[a->reverse ? t + 1 : t - 1] + from : from;
    recur__rows_backward r = { .rows = to - from, .H = H, .slots = a->slots + at * w->S, .c = a->c ? a->c + at * H : NULL,
                               .dy = a->dy ? a->dy + at * ldy : NULL, .lddy = ldy, .du = du ? du + from * H : NULL };
    r.before[0] = going_on ? a->y + before * ldy : a->start[0] + before * H;
    r.ld_before[0] = going_on ? ldy : H;
    for (int s = 0; s < w->cell->states; s++) r.dstate[s] = a->dstate[s] + from * H;
    if (w->cell->states > 1) {
        r.before[1] = (going_on ? a->c : a->start[1]) + before * H;
        r.ld_before[1] = H;
    }
    return r;
}

/* ds += dA U for the runs of a phase */
static void through_recurrent(const recur__walk *w, const lane *a, int phase, int64_t rows, const float *slots, float *ds)
{
    const int64_t H = w->H;
    for (const recur__run *run = w->cell->run; run < w->cell->run + RECUR__RUNS && run->gates; run++)
        if (run->phase == phase)
            recur__gemm_nn(w->pass->kernels, rows, H, run->gates * H, (recur__matrix){ slots + run->first_slot * H, w->S },
                           (recur__matrix){ a->p.U + run->first_gate * H * H, H }, ds, H);
}

static void run_steps(const recur__walk *w, const lane *a, float *du)
{
    const recur_packed *packed = w->packed;
    const int64_t T = packed->longest;
    for (int64_t i = T - 1; i >= 0; i--) {
        const int64_t t = a->reverse ? T - 1 - i : i, rows = packed->sizes[t];
        const int64_t old = recur__rows_going_on(packed, t, a->reverse);
        float *slots = a->slots + packed->starts[t] * w->S;
        for (int phase = w->cell->phases - 1; phase >= 0; phase--) {
            const recur__rows_backward going_on = rows_of(w, a, du, t, 0, old, old > 0), beginning = rows_of(w, a, du, t, old, rows, false);
            if (old > 0) w->cell->backward[phase](&going_on);
            if (old < rows) w->cell->backward[phase](&beginning);
            if (phase > 0) memset(du, 0, (size_t)(rows * w->H) * sizeof *du);
            through_recurrent(w, a, phase, rows, slots, phase > 0 ? du : a->dstate[0]);
        }
    }
}

/* ---- gradients of the parameters ---------------------------------------------------------------- */

/* dU += dAᵀ s over `rows` rows from row `at` on, for the runs of a phase */
static void add_dU(const recur__walk *w, const lane *a, int phase, int64_t at, int64_t rows, recur__matrix s)
{
    const int64_t H = w->H;
    for (const recur__run *run = w->cell->run; run < w->cell->run + RECUR__RUNS && run->gates; run++)
        if (run->phase == phase)
            recur__gemm_tn(w->pass->kernels, run->gates * H, H, rows,
                           (recur__matrix){ a->slots + at * w->S + run->first_slot * H, w->S }, s,
                           a->dp.U + run->first_gate * H * H, H);
}

/* h before each step, row by row */
static void gather_before(const recur__walk *w, const lane *a, float *before)
{
    const int64_t H = w->H, ldy = w->D * H;
    for (int64_t t = 0; t < w->packed->longest; t++) {
        const int64_t at = w->packed->starts[t], old = recur__rows_going_on(w->packed, t, a->reverse);
        const float *y = old ? a->y + w->packed->starts[a->reverse ? t + 1 : t - 1] * ldy : NULL;
        for (int64_t r = 0; r < w->packed->sizes[t]; r++)
            memcpy(before + (at + r) * H, r < old ? y + r * ldy : a->start[0] + r * H, (size_t)H * sizeof *before);
    }
}

/* dU += dAᵀ h_before. In a dense batch h before is y itself, one step aside; else it is gathered. */
static void recurrent_gradient(const recur__walk *w, const lane *a, float *before)
{
    const int64_t H = w->H, ldy = w->D * H, B = w->B, rest = w->N - B;
    if (rest >= 0 && w->packed->sizes[w->packed->longest - 1] == B) {
        add_dU(w, a, 0, a->reverse ? 0 : B, rest, (recur__matrix){ a->y + (a->reverse ? B * ldy : 0), ldy });
        if (!w->pass->zero_start) add_dU(w, a, 0, a->reverse ? rest : 0, B, (recur__matrix){ a->start[0], H });
    } else {
        gather_before(w, a, before);
        add_dU(w, a, 0, 0, w->N, (recur__matrix){ before, H });
    }
    if (w->cell->phases > 1) add_dU(w, a, 1, 0, w->N, (recur__matrix){ a->u, H });
}

/* db_ih += Σ dA where W x went, db_hh += Σ dA where U h went */
static void bias_gradient(const recur__walk *w, const lane *a, float *sums)
{
    const recur__kernels *k = w->pass->kernels;
    memset(sums, 0, (size_t)w->S * sizeof *sums);
    k->product->column_sums(w->N, w->S, a->slots, w->S, sums);
    k->vector->add(w->G, sums, a->dp.b_ih);
    for (const recur__run *run = w->cell->run; run < w->cell->run + RECUR__RUNS && run->gates; run++)
        k->vector->add(run->gates * w->H, sums + run->first_slot * w->H, a->dp.b_hh + run->first_gate * w->H);
}

/* dW[:, id] += dA of its rows; with a table of its own the columns are added up as rows first */
static void ids_gradient(const recur__walk *w, const lane *a, const int32_t *ids, float *table)
{
    const int64_t G = w->G, in = a->dp.in;
    if (!table) {
        for (int64_t n = 0; n < w->N; n++)
            for (int64_t g = 0; g < G; g++) a->dp.W[g * in + ids[n]] += a->slots[n * w->S + g];
        return;
    }
    memset(table, 0, (size_t)(in * G) * sizeof *table);
    for (int64_t n = 0; n < w->N; n++) w->pass->kernels->vector->add(G, a->slots + n * w->S, table + ids[n] * G);
    for (int64_t g = 0; g < G; g++)
        for (int64_t id = 0; id < in; id++) a->dp.W[g * in + id] += table[id * G + g];
}

/* ---- the walk ----------------------------------------------------------------------------------- */

static lane lane_of(const recur__walk *w, int64_t l, int64_t d, const float *y, const float *dy, const recur__backward_scratch *scratch)
{
    const recur__history *h = &w->history;
    const recur__pass *pass = w->pass;
    const int64_t ld = l * w->D + d, NH = w->N * w->H, BH = w->B * w->H;
    lane a = { .ld = ld, .d = d, .reverse = recur__is_reverse(w->layer, d), .slots = h->slots + ld * w->N * w->S,
               .c = h->c ? h->c + ld * NH : NULL, .u = h->u ? h->u + ld * NH : NULL, .y = y + d * w->H,
               .dy = dy ? dy + d * w->H : NULL };
    a.p = recur__weights_of(w->layer, w->layer->params, l, d);
    if (pass->dparams) a.dp = recur__weights_of(w->layer, pass->dparams, l, d);
    for (int s = 0; s < w->cell->states; s++) {
        a.start[s] = h->start[s] + ld * BH;
        a.dstate[s] = scratch->dstate[s];
    }
    return a;
}

static void run_direction(const recur__walk *w, const lane *a, const float *x, const int32_t *ids, float *dx,
                          const recur__backward_scratch *scratch)
{
    const recur__pass *pass = w->pass;
    const int64_t BH = w->B * w->H, LD = w->L * w->D;
    for (int s = 0; s < w->cell->states; s++)
        recur__state_load(w->packed, w->H, pass->dstate ? pass->dstate + (s * LD + a->ld) * BH : NULL, a->dstate[s]);
    run_steps(w, a, scratch->du);
    for (int s = 0; s < w->cell->states && pass->dstate; s++)
        recur__state_store(w->packed, w->H, a->dstate[s], pass->dstate + (s * LD + a->ld) * BH);
    if (a->dp.W) {
        if (ids) ids_gradient(w, a, ids, scratch->table);
        else
            recur__gemm_tn(pass->kernels, w->G, a->dp.in, w->N, (recur__matrix){ a->slots, w->S }, (recur__matrix){ x, a->dp.in }, a->dp.W,
                           a->dp.in);
        recurrent_gradient(w, a, scratch->before);
        if (a->dp.b_ih) bias_gradient(w, a, scratch->sums);
    }
    if (!dx) return;
    if (a->d == 0) memset(dx, 0, (size_t)(w->N * a->p.in) * sizeof *dx);
    recur__gemm_nn(pass->kernels, w->N, a->p.in, w->G, (recur__matrix){ a->slots, w->S }, (recur__matrix){ a->p.W, a->p.in }, dx, a->p.in);
}

void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__backward_scratch scratch;
    recur__carve_history(&w, &pass->shape, pass->room);
    recur__carve_backward(&w, &pass->shape, pass->room, &scratch);
    if (w.N == 0) return; /* gradients of states pass through unchanged */
    const recur__vector *v = pass->kernels->vector;
    const int64_t NDH = w.N * w.D * w.H;
    const float *dy = pass->dy;
    for (int64_t l = w.L - 1; l >= 0; l--) {
        const float *y = l == w.L - 1 && pass->shape.y_kept ? pass->y : w.history.y + l * NDH;
        const float *x = l == 0 ? pass->x : w.history.y + (l - 1) * NDH;
        float *dx = l == 0 ? pass->dx : scratch.dy[l % 2];
        const uint64_t key = recur_random(pass->key, (uint64_t)l);
        if (l > 0 && scratch.x) {
            v->dropout(NDH, layer->spec.dropout, key, x, scratch.x);
            x = scratch.x;
        }
        for (int64_t d = 0; d < w.D; d++) {
            const lane a = lane_of(&w, l, d, y, dy, &scratch);
            run_direction(&w, &a, x, l == 0 ? pass->ids : NULL, dx, &scratch);
        }
        if (l > 0 && scratch.x) v->dropout(NDH, layer->spec.dropout, key, dx, dx);
        dy = dx;
    }
}
