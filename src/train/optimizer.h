/* optimizer.h - what a model file needs of an optimizer: its kind, its step count and its moments.
 */
#ifndef RECUR__OPTIMIZER_H
#define RECUR__OPTIMIZER_H

#include "base/base.h"

enum { RECUR__MOMENTS = 3 }; /* the most that a kind has */

typedef struct recur__optimizer_view {
    recur_context *ctx;
    const char *kind; /* "adam" ... */
    uint64_t flags;   /* RECUR_OPTIMIZER_* */
    int64_t count;
    uint64_t *steps;                  /* done so far */
    int moments;                      /* how many there are */
    const char *name[RECUR__MOMENTS]; /* "m", "v", "v_max" ... */
    float *data[RECUR__MOMENTS];      /* [count] each */
} recur__optimizer_view;

void recur__optimizer_view_of(recur_optimizer *optimizer, recur__optimizer_view *out);

#endif
