/* recurrent.h - what the files of the recurrent layer share: parameters and memory of a stack of cells over time. */
#ifndef RECUR__RECURRENT_H
#define RECUR__RECURRENT_H

#include "layers/layer.h"
#include "layers/panels.h"
#include "math/math.h"

/* Parameters of one layer in one direction, as pointers into a flat vector (or gradients: the same places). */
typedef struct recur__weights {
    int64_t in;        /* I, or D*H above the first layer */
    float *W, *U;      /* [G*H][in], [G*H][H] */
    float *b_ih, *b_hh; /* [G*H]; NULL without bias */
} recur__weights;

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d);

/* What a pass keeps for backward; sizes per layer and direction (ld = l*D + d), or per layer. Inference keeps only y, in scratch,
 * where two layers take turns. */
typedef struct recur__history {
    float *slots;                /* [L*D][N][S*H] */
    float *c;                    /* [L*D][N][H] cells with c */
    float *u;                    /* [L*D][N][H] cells of two phases */
    float *y;                    /* [L][N][D*H]; the top one is the pass's y, if that is kept */
    float *start[RECUR__STATES]; /* [L*D][B][H] initial states, by place */
} recur__history;

/* One walk through a recurrent layer: sizes at hand, and the pass. */
typedef struct recur__walk {
    const recur_layer *layer;
    recur__pass *pass;
    const recur__cell *cell;
    const recur_packed *packed;
    int64_t N, B, H, L, D;
    int64_t S, G; /* slots and gates, times H */
    recur__history history;
} recur__walk;

recur__walk recur__walk_begin(const recur_layer *layer, recur__pass *pass);

static inline bool recur__is_reverse(const recur_layer *layer, int64_t d)
{
    return d == 1 || layer->spec.direction == RECUR_DIRECTION_REVERSE;
}

/* The places that one thread works on, through all steps. */
typedef struct recur__share {
    int64_t from, to;
} recur__share;

/* Into how many shares a pass of so many multiplications falls: one per thread, if it is worth waking them. */
int64_t recur__shares(const recur__walk *w, int64_t width);
/* Share i of n: places with about the same number of rows. */
recur__share recur__share_of(const recur_packed *packed, int64_t i, int64_t n);

/* Carves the history (in the record, or in inference what stands for it in scratch). */
void recur__carve_history(recur__walk *w, const recur__shape *shape, recur__room *room);

/* Copies one state tensor of one layer and direction between the caller's order and places; state NULL: zeros. */
void recur__state_load(const recur_packed *packed, int64_t H, const float *state, float *by_place);
void recur__state_store(const recur_packed *packed, int64_t H, const float *by_place, float *state);

/* Scratch of forward and backward, carved by each and measured by both. Sizes grow with B, T and N, so that room for a layout
 * is room for every smaller one. */
typedef struct recur__forward_scratch {
    float *bias;                 /* [S*H] */
    float *state[RECUR__STATES]; /* [B][H] by place: before the first step; in inference c of every step */
    float *final;                /* [B][H] h after the last step, by place */
    float *y;                    /* [2][B][H] h of this step and the one before, where no y is wanted */
    float *x;                    /* [N][D*H] input after dropout */
    float *init;                 /* [..][S*H] what each id adds, or each row, where the tiles do not compute it */
    float *slots, *u;            /* [B][S*H], [B][H]: inference, two phases */
    recur__panels panels;
} recur__forward_scratch;

typedef struct recur__backward_scratch {
    float *dstate[RECUR__STATES]; /* [B][H] by place */
    float *sums;                  /* [S*H] */
    float *before;                /* [N][H] h before each step */
    float *x;                     /* [N][D*H] input after dropout */
    float *dy[2];                 /* [N][D*H] between layers */
    float *table;                 /* [I][G*H] what each id got */
    recur__panels panels;
} recur__backward_scratch;

void recur__carve_forward(const recur__walk *w, const recur__shape *shape, recur__room *room, recur__forward_scratch *out);
void recur__carve_backward(const recur__walk *w, const recur__shape *shape, recur__room *room, recur__backward_scratch *out);

/* Ids are looked up in a transposed table if there are at least as many of them as symbols, else in the matrix itself. */
static inline bool recur__wants_table(const recur_layer *layer, const recur__shape *shape)
{
    return shape->ids && shape->packed->rows >= layer->input_size;
}

/* So few rows a step that the input is better multiplied for all steps at once; and so few rows in all that panels do not pay. */
enum { RECUR__FEW_ROWS = 4 };
static inline bool recur__wants_panels(const recur__walk *w) { return w->packed->longest > 1 || w->B >= 2 * RECUR__FEW_ROWS; }

/* Biases added up per slot [S*H]: b_ih where W x goes, b_hh where U h goes. */
void recur__add_biases(const recur_layer *layer, const recur__weights *p, float *bias);

/* row[g] += W[g][id]: the product with a one-hot vector */
static inline void recur__add_column(const recur__weights *p, int64_t G, int64_t id, float *row)
{
    for (int64_t g = 0; g < G; g++) row[g] += p->W[g * p->in + id];
}

/* What a snapshot holds for each layer and direction. */
typedef struct recur__prepared {
    float *bias;          /* [S*H] */
    recur__panels panels; /* forward */
} recur__prepared;

int64_t recur__recurrent_step_floats(const recur_layer *layer, int64_t B);
void recur__recurrent_step(const recur_layer *layer, const recur__stream *stream);
void recur__recurrent_carve_snapshot(const recur_layer *layer, recur_layer *node, recur__carver *carver);
void recur__recurrent_fill_snapshot(recur_layer *node);

void recur__recurrent_forward(const recur_layer *layer, recur__pass *pass);
void recur__recurrent_backward(const recur_layer *layer, recur__pass *pass);

#endif
