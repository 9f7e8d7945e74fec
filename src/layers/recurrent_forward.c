/* recurrent_forward.c - the walk over layers, directions and time, forward.
 *
 * Per layer and direction: slots = bias + x Wᵀ for all rows at once, then step by step  slots += h Uᵀ  and the cell's pointwise
 * part, which turns them into the new h (and c). State rows stand by place, so the first rows of the state are those of
 * the sequences that are alive. */
#include "layers/recurrent.h"

/* Biases added up per slot: b_ih where W x goes, b_hh where U h goes. */
static void add_biases(const recur__walk *w, const recur__weights *p, float *bias)
{
    memset(bias, 0, (size_t)w->S * sizeof *bias);
    if (!p->b_ih) return;
    const recur__vector *v = w->pass->kernels->vector;
    v->add(w->G, p->b_ih, bias);
    for (const recur__run *run = w->cell->run; run < w->cell->run + RECUR__RUNS && run->gates; run++)
        v->add(run->gates * w->H, p->b_hh + run->first_gate * w->H, bias + run->first_slot * w->H);
}

/* row[g] += W[g][id]: the product with a one-hot vector */
static void add_column(const recur__weights *p, int64_t G, int32_t id, float *row)
{
    for (int64_t g = 0; g < G; g++) row[g] += p->W[g * p->in + id];
}

/* What an id gives, for all ids: table[id] = bias + W[:, id]. */
static void fill_table(const recur__walk *w, const recur__weights *p, const float *bias, float *table)
{
    for (int64_t id = 0; id < p->in; id++) {
        memcpy(table + id * w->S, bias, (size_t)w->S * sizeof *table);
        add_column(p, w->G, (int32_t)id, table + id * w->S);
    }
}

/* slots = bias + x Wᵀ, or for ids the column of W */
static void project_input(const recur__walk *w, const recur__weights *p, const float *x, const int32_t *ids,
                          const recur__forward_scratch *scratch, float *slots)
{
    const size_t row = (size_t)w->S * sizeof *slots;
    add_biases(w, p, scratch->bias);
    if (ids && scratch->table) {
        fill_table(w, p, scratch->bias, scratch->table);
        for (int64_t n = 0; n < w->N; n++) memcpy(slots + n * w->S, scratch->table + ids[n] * w->S, row);
        return;
    }
    for (int64_t n = 0; n < w->N; n++) memcpy(slots + n * w->S, scratch->bias, row);
    if (ids)
        for (int64_t n = 0; n < w->N; n++) add_column(p, w->G, ids[n], slots + n * w->S);
    else
        recur__gemm_nt(w->pass->kernels, w->N, w->G, p->in, (recur__matrix){ x, p->in }, (recur__matrix){ p->W, p->in }, slots, w->S);
}

/* slots += s Uᵀ for the runs of a phase */
static void add_recurrent(const recur__walk *w, const recur__weights *p, int phase, int64_t rows, const float *s, float *slots)
{
    const int64_t H = w->H;
    for (const recur__run *run = w->cell->run; run < w->cell->run + RECUR__RUNS && run->gates; run++)
        if (run->phase == phase)
            recur__gemm_nt(w->pass->kernels, rows, run->gates * H, H, (recur__matrix){ s, H },
                           (recur__matrix){ p->U + run->first_gate * H * H, H }, slots + run->first_slot * H, w->S);
}

/* Where one layer and direction reads and writes. */
typedef struct lane {
    float *slots, *c, *u, *y; /* [N][..] */
    float *state[RECUR__STATES];
    bool zero_start, reverse;
} lane;

static void run_steps(const recur__walk *w, const recur__weights *p, const lane *a)
{
    const recur_packed *packed = w->packed;
    const int64_t T = packed->longest, H = w->H, ldy = w->D * H;
    for (int64_t i = 0; i < T; i++) {
        const int64_t t = a->reverse ? T - 1 - i : i, rows = packed->sizes[t], at = packed->starts[t];
        const recur__rows r = { .rows = rows, .H = H, .slots = a->slots + at * w->S, .state = { a->state[0], a->state[1] },
                                .u = a->u ? a->u + at * H : NULL, .y = a->y ? a->y + at * ldy : NULL, .ldy = ldy,
                                .c = a->c ? a->c + at * H : NULL };
        for (int phase = 0; phase < w->cell->phases; phase++) {
            if (i > 0 || !a->zero_start) add_recurrent(w, p, phase, rows, phase == 0 ? r.state[0] : r.u, r.slots);
            w->cell->forward[phase](&r);
        }
    }
}

/* Of a record: this layer and direction's part; in inference the same memory serves all. */
static float *share(float *all, int64_t index, int64_t size) { return all ? all + index * size : NULL; }

static void run_direction(const recur__walk *w, int64_t l, int64_t d, const float *x, const int32_t *ids, float *y,
                          const recur__forward_scratch *scratch)
{
    recur__pass *pass = w->pass;
    const bool record = pass->shape.record;
    const int64_t ld = l * w->D + d, index = record ? ld : 0, BH = w->B * w->H, LD = w->L * w->D;
    const recur__weights p = recur__weights_of(w->layer, w->layer->params, l, d);
    lane a = { .slots = share(w->history.slots, index, w->N * w->S), .c = share(w->history.c, index, w->N * w->H),
               .u = share(w->history.u, index, w->N * w->H), .y = y ? y + d * w->H : NULL, .zero_start = !pass->state,
               .reverse = recur__is_reverse(w->layer, d) };
    float *value[RECUR__STATES] = { 0 };
    for (int s = 0; s < w->cell->states; s++) {
        value[s] = pass->state ? pass->state + (s * LD + ld) * BH : NULL;
        a.state[s] = value[s] && w->packed->in_order ? value[s] : scratch->state[s];
        if (a.state[s] != value[s]) recur__state_load(w->packed, w->H, value[s], a.state[s]);
        if (record) memcpy(w->history.start[s] + ld * BH, a.state[s], (size_t)BH * sizeof(float));
    }
    project_input(w, &p, x, ids, scratch, a.slots);
    run_steps(w, &p, &a);
    for (int s = 0; s < w->cell->states; s++)
        if (value[s] && a.state[s] != value[s]) recur__state_store(w->packed, w->H, a.state[s], value[s]);
}

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass)
{
    recur__walk w = recur__walk_begin(layer, pass);
    recur__forward_scratch scratch;
    recur__carve_history(&w, &pass->shape, pass->room);
    recur__carve_forward(&w, &pass->shape, pass->room, &scratch);
    if (w.N == 0) return; /* states pass through unchanged */
    const int64_t NDH = w.N * w.D * w.H;
    const bool record = pass->shape.record, own_top = record && !pass->shape.y_kept;
    const float *x = pass->x;
    for (int64_t l = 0; l < w.L; l++) {
        const bool top = l == w.L - 1;
        float *y = top && !own_top ? pass->y : w.history.y + (record ? l : l % 2) * NDH;
        if (l > 0 && scratch.x) {
            pass->kernels->vector->dropout(NDH, layer->spec.dropout, recur_random(pass->key, (uint64_t)l), x, scratch.x);
            x = scratch.x;
        }
        for (int64_t d = 0; d < w.D; d++) run_direction(&w, l, d, x, l == 0 ? pass->ids : NULL, y, &scratch);
        if (top && own_top && pass->y) memcpy(pass->y, y, (size_t)NDH * sizeof(float));
        x = y;
    }
}
