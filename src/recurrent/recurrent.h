/* recurrent.h - what the files of the recurrent layer share: parameters, packs and memory of a
 * stack of cells over time. A line is one layer of the stack in one direction: l * D + d. */
#ifndef RECUR__RECURRENT_H
#define RECUR__RECURRENT_H

#include "core/layer.h"
#include "linalg/reduced.h"
#include "recurrent/panels.h"

/* ---- parameters (parameters.c) -------------------------------------------------------------- */

/* Parameters of one line, as pointers into a flat vector (or gradients: the same places). */
typedef struct recur__weights {
    int64_t in;                    /* I, or D*P above the first layer */
    float *W, *U;                  /* [x_gates*H][in], [h_gates*H][P]; U NULL without gates */
    float *b_ih, *b_hh;            /* [x_gates*H], [h_gates*H]; NULL without bias or gates */
    float *project;                /* [P][H]; NULL without projection */
    float *extra;                  /* [E][H] of the kind; NULL: none */
    float *initial[RECUR__STATES]; /* [P], [H] learned initial states; NULL: zeros */
} recur__weights;

extern const recur__parameter_ops recur__recurrent_parameters;
extern const recur__state_ops recur__recurrent_states;

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d);

static inline int64_t recur__direction_count(const recur_layer *layer)
{
    return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

/* P: numbers in a row of h */
static inline int64_t recur__output_width(const recur_layer *layer)
{
    const int64_t P = layer->spec.options.projection_size;
    return P ? P : layer->spec.hidden_size;
}

static inline int64_t recur__state_width(const recur_layer *layer, int64_t s)
{
    const bool output = layer->spec.cell->state[s].width == RECUR__WIDTH_OUTPUT;
    return output ? recur__output_width(layer) : layer->spec.hidden_size;
}

static inline bool recur__projects(const recur_layer *layer)
{
    return layer->spec.options.projection_size > 0;
}

/* Rows of y are [h][c] for each direction of the top layer. */
static inline bool recur__outputs_cell(const recur_layer *layer)
{
    return layer->spec.flags & RECUR_LAYER_OUTPUT_CELL;
}

static inline bool recur__has_modules(const recur_layer *layer)
{
    return layer->spec.cell_options.modules > 0;
}

static inline bool recur__is_reverse(const recur_layer *layer, int64_t d)
{
    return d == 1 || layer->spec.direction == RECUR_DIRECTION_REVERSE;
}

/* ---- packs (prepack.c) ---------------------------------------------------------------------- */

/* The parameters of one line, repacked. A pass has one in its scratch and fills it for each line;
 * snapshots and tapes have one for each line. */
typedef struct recur__pack {
    recur__weights p;     /* where they lie in the layer's parameters; clockwork: U as visible_U */
    float *bias;          /* [S*H] added up per gate block: b_ih where W x goes, b_hh where U h */
    float *derived;       /* [derived][H] what the equations read; NULL: the extra parameters */
    float *visible_U;     /* [H][H] clockwork, in a pass: zero where a module does not see */
    bool has_panels;      /* else products of rows with the parameters as they are */
    recur__panels panels; /* forward, or backward */
    float *U_rows;        /* [h_gates*H][ld_U_rows] of a tape: rows begin where cache lines do */
    int64_t ld_U_rows;
    /* Fewer bits: instead of panels, and of products with the parameters as they are. Gates of W by
     * recur__x_run; gates of U by phase, the shared ones and the others. */
    int32_t precision;
    recur__reduced W[RECUR__PHASES], U[RECUR__PHASES][2], project;
} recur__pack;

/* What a pack holds. */
enum {
    RECUR__PACK_FORWARD = 1,    /* bias */
    RECUR__PACK_PANELS = 2,     /* of W and U */
    RECUR__PACK_BACKWARD = 4,   /* panels of Uᵗ, */
    RECUR__PACK_BACK_FIRST = 8, /* those of phase 0 among them */
    RECUR__PACK_VISIBLE = 16,   /* visible_U */
    RECUR__PACK_U_ROWS = 32
};

/* Carves a pack for a line with so many inputs; fills it for the line of p. x: its tiles multiply
 * the input. */
recur__pack recur__carve_pack(const recur_layer *layer, int64_t in, unsigned parts,
                              recur__carver *carver);
void recur__fill_pack(const recur_layer *layer, bool x, recur__pack *pack);
void recur__add_biases(const recur_layer *layer, const recur__weights *p, float *bias);

static inline bool recur__pack_is_reduced(const recur__pack *pack)
{
    return RECUR_REDUCED && pack->precision != RECUR_PRECISION_FLOAT32;
}

extern const recur__pack_ops recur__recurrent_pack;

/* The input of so many rows. */
typedef struct recur__input {
    int64_t rows;
    const float *x;           /* [rows][in], or */
    const int32_t *ids;       /* [rows] */
    const recur_context *ctx; /* a pass: products go on its threads; a step: NULL */
    float *scratch; /* with fewer bits: recur__reduced_floats for each row, of 48 at most */
} recur__input;

/* init [rows][S*H] = bias + W x */
void recur__begin_rows(const recur_layer *layer, const recur__pack *pack, const recur__input *input,
                       float *init);

/* ---- fewer bits (reduced.c) ----------------------------------------------------------------- */

void recur__carve_reduced_pack(const recur_layer *layer, int64_t in, recur__carver *carver,
                               recur__pack *pack);
void recur__fill_reduced_pack(const recur_layer *layer, recur__pack *pack);

/* Floats of scratch for each row of a product of any line. */
int64_t recur__reduced_floats(const recur_layer *layer);

/* Rows of init += x W; a row += W[:, id]; rows of step->init += s U of one phase; y += m W_hr. */
void recur__reduced_input(const recur_layer *layer, const recur__pack *pack,
                          const recur__input *input, float *init);
void recur__reduced_column(const recur_layer *layer, const recur__pack *pack, int64_t id,
                           float *row);
void recur__reduced_state(const recur_layer *layer, const recur__pack *pack, int phase,
                          const recur__step *step, float *scratch);
void recur__reduced_projection(const recur_layer *layer, const recur__pack *pack, int64_t rows,
                               const float *m, recur__sums y, float *scratch);

/* ---- one pass: sizes, memory, slices of the batch (walk.c, scratch.c) ----------------------- */

/* What a pass keeps for backward; sizes per line, or per layer. Inference keeps only y, in scratch,
 * where two layers take turns. */
typedef struct recur__history {
    float *gate_blocks;            /* [L*D][N][S*H] */
    float *c;                      /* [L*D][N][H] cells with c */
    float *u;                      /* [L*D][N][H] what U sees in the second of two phases; with
                                      projection o tanh(c) */
    float *y;                      /* [L][N][D*P]; the top one is the pass's y, if that stays */
    float *initial[RECUR__STATES]; /* [L*D][B][P], [L*D][B][H] initial states, by place */
} recur__history;

/* One walk through a recurrent layer: sizes at hand, and the pass. */
typedef struct recur__walk {
    const recur_layer *layer;
    recur__pass *pass;
    const recur__cell *cell;
    const recur_packed *packed;
    int64_t N, B, H, L, D;
    int64_t P;                               /* numbers in a row of h: H, or the projection's */
    int64_t S, G;                            /* gate blocks and gates of W, times H */
    int64_t width[RECUR__STATES];            /* P, H */
    const recur__cell_options *cell_options; /* NULL: plain */
    recur__history history;
} recur__walk;

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass);

/* Places from..to - 1 of a batch: those that one thread works on, through all steps, or rows of one
 * step, which stand by place. */
typedef struct recur__slice {
    int64_t from, to;
} recur__slice;

/* Into how many slices a pass of so many multiplications falls: one per thread, if it is worth
 * waking them. */
int64_t recur__slices(const recur__walk *w, int64_t width);
/* Runs a line's whole time loop in so many slices: no thread waits for another between steps. */
typedef void recur__time_loop(const void *line, const recur__slice *slice);
void recur__run_slices(const recur__walk *w, int64_t slices, recur__time_loop *run,
                       const void *line);

/* The places that are in both. */
static inline recur__slice recur__common_places(recur__slice a, recur__slice b)
{
    return (recur__slice){ recur__max(a.from, b.from), recur__min(a.to, b.to) };
}

/* Where state tensor s of one line lies in values (or gradients) of the whole. */
static inline float *recur__state_at(const recur__walk *w, float *values, int64_t s, int64_t line)
{
    return values ? values + ((s ? w->L * w->D * w->P : 0) + line * w->width[s]) * w->B : NULL;
}

/* Copies one state tensor of one line between the caller's order and places; state NULL: zeros. */
void recur__state_load(const recur_packed *packed, int64_t width, const float *state,
                       float *by_place);
void recur__state_store(const recur_packed *packed, int64_t width, const float *by_place,
                        float *state);

static inline const float *recur__rows_from(const float *rows, int64_t from, int64_t width)
{
    return rows ? rows + from * width : NULL;
}

/* Random numbers of a pass: masks.c. */
typedef struct recur__masks {
    float *recurrent; /* [B][P] by place, for all steps: multiplies what U sees */
    float *masked_h;  /* [B][P] h times it, in forward */
    float *zoneout_share[RECUR__STATES]; /* [B][..] of the step at hand: 1 where the old state
                                            stays; in evaluation its probability */
} recur__masks;

/* Scratch of forward and backward, carved by each and measured by both. Sizes grow with B, T and N,
 * so that memory for a layout is enough for every smaller one. */
typedef struct recur__forward_scratch {
    recur__pack pack;
    float *state[RECUR__STATES]; /* [B][P], [B][H] by place: before the first step; in inference c
                                    of every step */
    float *final_h;              /* [B][P] h after the last step, by place */
    float *y;                    /* [2][B][P] h of this step and the one before, without y */
    float *x;                    /* [N][D*P] input after dropout */
    float *init;                 /* [..][S*H] what each id adds, or each row, where the tiles do not
                                    compute it */
    float *gate_blocks, *u;      /* [B][S*H], [B][H]: inference */
    float *reduced;              /* of products of fewer bits: row by row, so threads share it */
    recur__masks masks;
} recur__forward_scratch;

typedef struct recur__backward_scratch {
    recur__pack pack;
    float *dstate[RECUR__STATES]; /* [B][P], [B][H] by place */
    float *sums;                  /* [S*H] */
    float *before;                /* [N][P] h before each step */
    float *x;                     /* [N][D*P] input after dropout */
    float *dy[2];                 /* [N][D*P] between layers */
    float *table;                 /* [I][G*H] what each id got */
    float *dm, *dh;               /* [B][H] with projection: gradient of o tanh(c); zeros */
    float *through;               /* [B][P] what comes back through U, where not added at once */
    float *dh_total;              /* [N][P] gradient of h of each step, for a trace */
    double *norm;                 /* [T] its length */
    float *row;                   /* [(S+2)*H] of cells that look at whole rows */
    float *d_derived;             /* [derived][H] */
    float *module[4];             /* clockwork: rows of one module that were due: their dA, x, h
                                     before, dx */
    recur__masks masks;
} recur__backward_scratch;

/* The history in the record, or in inference what stands for it in scratch. */
void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__workspace *workspace);
void recur__carve_forward(const recur__walk *w, const recur__shape *shape,
                          recur__workspace *workspace, recur__forward_scratch *out);
void recur__carve_backward(const recur__walk *w, const recur__shape *shape,
                           recur__workspace *workspace, recur__backward_scratch *out);
void recur__recurrent_measure(const recur_layer *layer, const recur__shape *shape,
                              recur__workspace *workspace);

/* Ids are looked up in a transposed table if there are at least as many of them as symbols, else in
 * the matrix itself. */
static inline bool recur__wants_table(const recur_layer *layer, const recur__shape *shape)
{
    return shape->ids && shape->packed->rows >= layer->input_size;
}

/* So few rows a step that the input is better multiplied for all steps at once, unless it is small;
 * and so few rows in all that panels do not pay. */
enum { RECUR__FEW_ROWS = 4, RECUR__FEW_INPUTS = 8 };
static inline bool recur__wants_panels(const recur__walk *w)
{
    return w->packed->longest > 1 || w->B >= 2 * RECUR__FEW_ROWS;
}

/* One step alone has nothing coming back to phase 0. */
static inline int recur__first_phase_back(const recur__walk *w)
{
    return w->packed->longest > 1 ? 0 : 1;
}

/* ---- masks.c -------------------------------------------------------------------------------- */

void recur__carve_masks(const recur__walk *w, const recur__shape *shape,
                        recur__workspace *workspace, recur__masks *out);
/* x [N][D*P] after the dropout between layers l - 1 and l, in `to`; x where there is none (l = 0,
 * or to is NULL). */
const float *recur__drop_between(const recur__walk *w, int64_t l, const float *x, float *to);
/* The mask of recurrent dropout of one line. */
void recur__fill_recurrent_mask(const recur__walk *w, int64_t line, const recur__masks *masks);
/* Zoneout of rows [rows.from, rows.to) of a step that begins at packed row `start`. */
void recur__fill_zoneout(const recur__walk *w, int64_t line, int64_t start, recur__slice rows,
                         const recur__masks *masks);
/* In a stream zoneout leaves its probability of the old state. */
void recur__fill_zoneout_stream(const recur_layer *layer, int64_t B, float *const share[]);

/* ---- clockwork.c: what a clockwork RNN does not compute ------------------------------------- */

/* U [H][H] without what faster modules would show to slower ones; visible may be U. */
void recur__fill_visible_U(const recur_layer *layer, const float *U, float *visible);
/* The rows of one line, of which gradients are made. x NULL: ids, whose dW is made elsewhere. */
typedef struct recur__module_rows {
    const float *dA, *x, *before;
    float *dx;
    float *const *module; /* scratch */
} recur__module_rows;
/* dW, dU and dx from the rows in which each module was due. */
void recur__module_gradients(const recur__walk *w, const recur__weights *p,
                             const recur__weights *dp, const recur__module_rows *rows);

/* ---- trace.c -------------------------------------------------------------------------------- */

/* What one line of a recorded pass shows to whoever traces it. dh and norm in backward only. */
typedef struct recur__trace_view {
    int64_t l, d;
    const float *gate_blocks, *c, *h, *dh;
    double *norm;
} recur__trace_view;
void recur__trace(const recur__walk *w, int32_t event, const recur__trace_view *view);

/* ---- gradients.c ---------------------------------------------------------------------------- */

/* dU += dAᵀ s over so many rows: the shared gate blocks of a phase together, then the others. */
void recur__add_dU(const recur_layer *layer, int phase, int64_t rows, const float *dA,
                   recur__matrix s, float *dU);

extern const recur__gradient_ops recur__recurrent_gradients;

/* ---- passes and steps (forward.c, backward.c, step.c) --------------------------------------- */

/* row += W[:, id], the product with a one-hot vector: each gate to its block of a row [S*H] */
static inline void recur__add_column(const recur_layer *layer, const recur__weights *p, int64_t id,
                                     float *row)
{
    const recur__cell *cell = layer->spec.cell;
    const int64_t H = layer->spec.hidden_size;
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates)) {
        const float *w = p->W + r.gate * H * p->in + id;
        float *to = row + r.block * H;
        for (int64_t g = 0; g < r.gates * H; g++) to[g] += w[g * p->in];
    }
}

/* One phase, no options: its step is a call of the tiles and nothing else. */
static inline bool recur__is_plain(const recur_layer *layer)
{
    const recur__cell *cell = layer->spec.cell;
    return cell->phases == 1 && !layer->spec.modified && !cell->extra[0].blocks && !cell->derive &&
           !cell->needs_gate_blocks && !recur__projects(layer);
}

/* Its recorded single steps have a short way. */
static inline bool recur__has_single_steps(const recur_layer *layer)
{
    return recur__is_plain(layer) && layer->spec.num_layers == 1 && !layer->learned_states &&
           !recur__outputs_cell(layer) && layer->spec.direction != RECUR_DIRECTION_BIDIRECTIONAL;
}

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass);
void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass);

extern const recur__step_ops recur__recurrent_step;

#endif
