/* reduced.c - a recurrent layer with fewer bits: its matrices, and the products that take the place
 * of those of the tiles. What they give is added to rows that begin with the bias, and the tiles
 * have nothing left but the equations. */
#include "recurrent/recurrent.h"

/* Gates of U of one phase that follow each other in the gate blocks: the shared ones, and the
 * others. */
typedef struct h_run {
    int gate, block, gates;
} h_run;

static h_run h_run_of(const recur__phase *f, int part)
{
    const int first = part ? f->shared : 0, gates = part ? f->h_gates - f->shared : f->shared;
    return (h_run){ f->h_first + first, recur__h_block(f, first), gates };
}

/* ---- matrices ------------------------------------------------------------------------------- */

void recur__carve_reduced_pack(const recur_layer *layer, int64_t in, recur__carver *carver,
                               recur__pack *pack)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    const int32_t precision = layer->spec.precision;
    int i = 0;
    pack->precision = precision;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates))
        pack->W[i++] = recur__carve_reduced(precision, r.gates * H, in, carver);
    for (int f = 0; f < cell->phases; f++)
        for (int part = 0; part < 2; part++) {
            const h_run r = h_run_of(&cell->phase[f], part);
            pack->U[f][part] = recur__carve_reduced(precision, r.gates * H, P, carver);
        }
    if (recur__projects(layer)) pack->project = recur__carve_reduced(precision, P, H, carver);
}

void recur__fill_reduced_pack(const recur_layer *layer, recur__pack *pack)
{
    const recur__cell *cell = layer->spec.cell;
    const recur__weights *p = &pack->p;
    const int64_t H = layer->spec.hidden_size, P = recur__output_width(layer);
    int i = 0;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates))
        recur__fill_reduced(&pack->W[i++], (recur__matrix){ p->W + r.gate * H * p->in, p->in });
    for (int f = 0; f < cell->phases; f++)
        for (int part = 0; part < 2; part++) {
            const h_run r = h_run_of(&cell->phase[f], part);
            if (r.gates == 0) continue;
            recur__fill_reduced(&pack->U[f][part], (recur__matrix){ p->U + r.gate * H * P, P });
        }
    if (recur__projects(layer))
        recur__fill_reduced(&pack->project, (recur__matrix){ p->project, H });
}

/* ---- products ------------------------------------------------------------------------------- */

int64_t recur__reduced_floats(const recur_layer *layer)
{
    const int64_t D = recur__direction_count(layer), P = recur__output_width(layer);
    const int64_t above = layer->spec.num_layers > 1 ? D * P : P;
    return recur__reduced_row(
        recur__max(layer->spec.hidden_size, recur__max(layer->input_size, above)));
}

static recur__reduced_tools tools_of(const recur_layer *layer, const recur_context *ctx,
                                     float *scratch)
{
    return (recur__reduced_tools){
        .ctx = ctx,
        .kernels = layer->root->kernels,
        .scratch = scratch,
    };
}

void recur__reduced_input(const recur_layer *layer, const recur__pack *pack,
                          const recur__input *input, float *init)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size, S = cell->gate_blocks * H;
    const recur__reduced_tools tools = tools_of(layer, input->ctx, input->scratch);
    const recur__reduced *W = pack->W;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates))
        recur__multiply_reduced(&tools, W++, input->rows, (recur__matrix){ input->x, pack->p.in },
                                (recur__sums){ init + r.block * H, S });
}

void recur__reduced_column(const recur_layer *layer, const recur__pack *pack, int64_t id,
                           float *row)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    const recur__reduced *W = pack->W;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates)) {
        for (int64_t n = 0; n < r.gates * H; n++)
            row[r.block * H + n] += recur__reduced_number(W, n, id);
        W++;
    }
}

void recur__reduced_state(const recur_layer *layer, const recur__pack *pack, int phase,
                          const recur__step *step, float *scratch)
{
    const recur__reduced_tools tools = tools_of(layer, NULL, scratch);
    float *init = (float *)(uintptr_t)step->init;
    for (int part = 0; part < 2; part++) {
        const h_run r = h_run_of(&layer->spec.cell->phase[phase], part);
        recur__multiply_reduced(&tools, &pack->U[phase][part], step->rows,
                                (recur__matrix){ step->s, step->lds },
                                (recur__sums){ init + r.block * step->H, step->ld_init });
    }
}

void recur__reduced_projection(const recur_layer *layer, const recur__pack *pack, int64_t rows,
                               const float *m, recur__sums y, float *scratch)
{
    const recur__reduced_tools tools = tools_of(layer, NULL, scratch);
    recur__multiply_reduced(&tools, &pack->project, rows,
                            (recur__matrix){ m, layer->spec.hidden_size }, y);
}
