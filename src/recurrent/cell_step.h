/* cell_step.h - one step of some rows of one line: all phases of its cell, projection and masks
 * around them. Passes, streams and recorded steps all come here. */
#ifndef RECUR__CELL_STEP_H
#define RECUR__CELL_STEP_H

#include "recurrent/recurrent.h"

/* Whether the weights of K columns of a line take more than half of the second cache. */
bool recur__outgrows_cache(const recur_layer *layer, int64_t K);

/* What a step of this line has in common with all others: sizes, parameters, options. Row places,
 * the number of rows and the state are the caller's to fill in. */
recur__step recur__step_of_line(const recur_layer *layer, const recur__pack *pack);

/* One step forward. Where `step` has panels they multiply; else what the products with the
 * parameters give is added to the rows of step->init, which then are the caller's own. */
typedef struct recur__cell_step {
    const recur_layer *layer;
    const recur__pack *pack;
    bool zero_state;   /* the state before is zero: no product with U */
    const float *mask; /* [rows][P] recurrent dropout of h; NULL: none */
    float *masked_h;   /* [rows][P] */
    float *scratch;    /* of products of fewer bits, as in recur__input */
    recur__step step;  /* h, s and c before, y and c_after: of P or H numbers each */
} recur__cell_step;

void recur__cell_step_forward(recur__cell_step *cell_step);

/* One step backward, of rows whose step forward was made. */
typedef struct recur__cell_step_backward {
    const recur_layer *layer;
    const recur__pack *pack;
    const float *after;  /* [rows][S*H] dA of the step that follows; NULL: none does */
    const float *mask;   /* [rows][P] as in forward */
    const float *u;      /* [rows][H] with projection: o tanh(c) */
    float *dproject;     /* [P][H] with projection; NULL: not wanted */
    float *through;      /* [rows][P] scratch, where the mask or projection needs it */
    float *dm, *dh_zero; /* [rows][H] scratch, with projection */
    recur__step_backward step;
} recur__cell_step_backward;

void recur__cell_step_back(recur__cell_step_backward *cell_step);

/* rows of dh += dA U, from the gate blocks of phase 0 */
void recur__multiply_U(const recur_layer *layer, const recur__pack *pack, int64_t rows,
                       const float *dA, float *dh);

/* rows of dh += what comes back through U from dA, and through its mask. through NULL: added at
 * once, without a mask. */
void recur__add_through_U(const recur__cell_step_backward *cell_step, const float *dA, float *dh);

#endif
