/* recurrent.h - what the files of the recurrent layer share: parameters and memory of a stack of
 * cells over time. */
#ifndef RECUR__RECURRENT_H
#define RECUR__RECURRENT_H

#include "core/layer.h"
#include "recurrent/panels.h"
#include "linalg/matrix.h"

/* Parameters of one layer in one direction, as pointers into a flat vector (or gradients: the same
 * places). */
typedef struct recur__weights {
    int64_t in;                  /* I, or D*P above the first layer */
    float *W, *U;                /* [x_gates*H][in], [h_gates*H][P]; U NULL without gates */
    float *b_ih, *b_hh;          /* [x_gates*H], [h_gates*H]; NULL without bias or gates */
    float *project;              /* [P][H]; NULL without projection */
    float *extra;                /* [E][H] of the kind's own; NULL: none */
    float *start[RECUR__STATES]; /* [P], [H] learned initial states; NULL: zeros */
} recur__weights;

bool recur__recurrent_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t);
recur__start recur__recurrent_start(const recur_layer *layer, const char *tensor);
int64_t recur__recurrent_state_width(const recur_layer *layer, int64_t s);
const float *recur__recurrent_state_start(const recur_layer *layer, int64_t s, int64_t ld);
void recur__recurrent_measure(const recur_layer *layer, const recur__shape *shape,
                              recur__room *room);
recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d);

/* What a pass keeps for backward; sizes per layer and direction (ld = l*D + d), or per layer.
 * Inference keeps only y, in scratch, where two layers take turns. */
typedef struct recur__history {
    float *gate_blocks; /* [L*D][N][S*H] */
    float *c;           /* [L*D][N][H] cells with c */
    float *u; /* [L*D][N][H] cells of two phases: what U sees in the second; with projection o
                 tanh(c) */
    float *y; /* [L][N][D*P]; the top one is the pass's y, if that is kept */
    float *start[RECUR__STATES]; /* [L*D][B][P], [L*D][B][H] initial states, by place */
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

static inline bool recur__projects(const recur__walk *w)
{
    return w->layer->spec.options.projection_size > 0;
}

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass);

static inline bool recur__is_reverse(const recur_layer *layer, int64_t d)
{
    return d == 1 || layer->spec.direction == RECUR_DIRECTION_REVERSE;
}

/* The places that one thread works on, through all steps. */
typedef struct recur__share {
    int64_t from, to;
} recur__share;

/* Into how many shares a pass of so many multiplications falls: one per thread, if it is worth
 * waking them. */
int64_t recur__shares(const recur__walk *w, int64_t width);
/* Share i of n: places with about the same number of rows. */
recur__share recur__share_of(const recur_packed *packed, int64_t i, int64_t n);

/* Carves the history (in the record, or in inference what stands for it in scratch). */
void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__room *room);

/* Where state tensor s of one layer and direction lies in values (or gradients) of the whole. */
static inline float *recur__state_at(const recur__walk *w, float *values, int64_t s, int64_t ld)
{
    return values ? values + ((s ? w->L * w->D * w->P : 0) + ld * w->width[s]) * w->B : NULL;
}

/* Copies one state tensor of one layer and direction between the caller's order and places; state
 * NULL: zeros. H: its width. */
void recur__state_load(const recur_packed *packed, int64_t H, const float *state, float *by_place);
void recur__state_store(const recur_packed *packed, int64_t H, const float *by_place, float *state);

/* Random numbers of a pass: masks.c. */
typedef struct recur__masks {
    float *recurrent; /* [B][P] by place, the same for all steps: what U sees of h is multiplied by
                         it */
    float *masked_h;  /* [B][P] h times it, in forward */
    float *zoneout_share[RECUR__STATES]; /* [B][H] of the step at hand: 1 where the old state stays;
                                   in evaluation its probability */
} recur__masks;

/* Scratch of forward and backward, carved by each and measured by both. Sizes grow with B, T and N,
 * so that room for a layout is room for every smaller one. */
typedef struct recur__forward_scratch {
    float *bias;                 /* [S*H] */
    float *state[RECUR__STATES]; /* [B][P], [B][H] by place: before the first step; in inference c
                                    of every step */
    float *final;                /* [B][P] h after the last step, by place */
    float *y;    /* [2][B][P] h of this step and the one before, where no y is wanted */
    float *x;    /* [N][D*P] input after dropout */
    float *init; /* [..][S*H] what each id adds, or each row, where the tiles do not compute it */
    float *gate_blocks, *u; /* [B][S*H], [B][H]: inference */
    float *U;               /* [H][H] clockwork: without what its modules do not see */
    float *extra;           /* [derived][H] of kinds that derive what equations read */
    recur__masks masks;
    recur__panels panels;
} recur__forward_scratch;

typedef struct recur__backward_scratch {
    float *dstate[RECUR__STATES]; /* [B][P], [B][H] by place */
    float *sums;                  /* [S*H] */
    float *before;                /* [N][P] h before each step */
    float *x;                     /* [N][D*P] input after dropout */
    float *dy[2];                 /* [N][D*P] between layers */
    float *table;                 /* [I][G*H] what each id got */
    float *dm, *dh;               /* [B][H] with projection: gradient of o tanh(c); zeros */
    float *through;   /* [B][P] what comes back through U, where it is not added at once */
    float *dh_total;  /* [N][P] gradient of h of each step, for a trace */
    double *norm;     /* [T] its length */
    float *room;      /* [(S+2)*H] of cells that look at whole rows */
    float *U, *extra; /* as in forward */
    float *d_extra;   /* [derived][H] */
    float *module[4]; /* clockwork: rows of one module that were due: their dA, x, h before, dx */
    recur__masks masks;
    recur__panels panels;
} recur__backward_scratch;

void recur__carve_forward(const recur__walk *w, const recur__shape *shape, recur__room *room,
                          recur__forward_scratch *out);
void recur__carve_backward(const recur__walk *w, const recur__shape *shape, recur__room *room,
                           recur__backward_scratch *out);

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

/* ---- masks.c -------------------------------------------------------------------------------- */

void recur__carve_masks(const recur__walk *w, const recur__shape *shape, recur__room *room,
                        recur__masks *out);
/* The mask of recurrent dropout of one layer and direction. */
void recur__fill_recurrent_mask(const recur__walk *w, int64_t ld, const recur__masks *masks);
/* Zoneout of rows [from, to) of a step that begins at packed row `start`. */
void recur__fill_zones(const recur__walk *w, int64_t ld, int64_t start, int64_t from, int64_t to,
                       const recur__masks *masks);
static inline const float *recur__rows_from(const float *rows, int64_t from, int64_t width)
{
    return rows ? rows + from * width : NULL;
}

/* ---- modules.c: what a clockwork RNN does not compute --------------------------------------- */

/* U [H][H] without what faster modules would show to slower ones; seen may be U. */
void recur__fill_visible_U(const recur_layer *layer, const float *U, float *masked_h);
/* dW, dU and dx from the rows in which each module was due; h before each step lies in scratch. x
 * NULL: ids, whose dW is made elsewhere. */
void recur__module_gradients(const recur__walk *w, const recur__weights *p,
                             const recur__weights *dp, const float *dA, const float *x, float *dx,
                             const recur__backward_scratch *scratch);
static inline bool recur__has_modules(const recur__walk *w)
{
    return w->layer->spec.cell_options.modules > 0;
}

/* ---- trace.c -------------------------------------------------------------------------------- */

/* Shows one layer and direction of a recorded pass to whoever looks on. dh and norm in backward
 * only. */
typedef struct recur__trace_view {
    int64_t l, d;
    const float *gate_blocks, *c, *h, *dh;
    double *norm;
} recur__trace_view;
void recur__trace(const recur__walk *w, int32_t event, const recur__trace_view *masked_h);

/* ---- recurrent_step.c, recurrent_forward.c, recurrent_backward.c ---------------------------- */

/* Biases added up per slot [S*H]: b_ih where W x goes, b_hh where U h goes. */
void recur__add_biases(const recur_layer *layer, const recur__weights *p, float *bias);

/* row += W[:, id], the product with a one-hot vector: each gate to its block of a row [S*H] */
static inline void recur__add_column(const recur__cell *cell, int64_t H, const recur__weights *p,
                                     int64_t id, float *row)
{
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates)) {
        const float *w = p->W + r.gate * H * p->in + id;
        float *to = row + r.block * H;
        for (int64_t g = 0; g < r.gates * H; g++) to[g] += w[g * p->in];
    }
}

/* What a snapshot, or a tape for single steps, holds for each layer and direction. */
typedef struct recur__prepared {
    recur__weights p;     /* where they lie in the layer's parameters */
    float *bias;          /* [S*H] */
    float *derived;       /* [derived][H]; NULL if nothing is */
    recur__panels panels; /* forward */
    float *U;             /* [h_gates*H][ld_U] of a tape: rows begin where cache lines do */
    int64_t ld_U;
    bool one_tile;             /* of a plain layer: a tile has all units */
    recur__step step;          /* of a plain layer: complete but for its rows and where they lie */
    recur__step_backward back; /* and so its backward */
} recur__prepared;

int64_t recur__recurrent_step_floats(const recur_layer *layer, int64_t B);
void recur__recurrent_step(const recur_layer *layer, recur__stream *stream);
int64_t recur__recurrent_lay_stages(const recur_layer *layer, const recur__stream *at,
                                    recur__stage *to);
bool recur__is_plain(const recur_layer *layer); /* one phase, no options */
void *recur__recurrent_carve_prepared(const recur_layer *layer, recur__carver *carver);
void recur__recurrent_fill_prepared(const recur_layer *layer, void *prepared);

/* dU += dAᵀ s over so many rows: the shared slots of a phase together, then the others. */
void recur__add_dU(const recur_layer *layer, int phase, int64_t rows, const float *dA,
                   recur__matrix s, float *dU);

/* One recorded step of a plain layer over what the tape has prepared: recurrent_once.c. */
bool recur__may_be_once(const recur_layer *layer);
void recur__recurrent_once_forward(const recur__once *once);
void recur__recurrent_once_backward(const recur__once *once);
void recur__recurrent_gradient_widths(const recur_layer *layer, int64_t width[RECUR__PARTS]);
void recur__recurrent_add_gradients(const recur_layer *layer, const void *prepared, int64_t rows,
                                    const float *const part[RECUR__PARTS], float *dparams);

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass);
void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass);

#endif
