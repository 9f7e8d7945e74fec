/* ctc.h - batches for tests of CTC. */
#ifndef SUPPORT_CTC_H
#define SUPPORT_CTC_H

#include "naive/losses.h"
#include "support/support.h"

recur_loss *ctc(recur_context *ctx, int32_t blank, uint32_t flags);

typedef struct ctc_batch {
    int64_t B, C;
    int32_t blank;
    recur_packed *packed;
    float *y;
    int32_t *labels;
    int64_t *lengths;
} ctc_batch;

/* Draws labels that can be spelled: they are no more than half of the steps, rounded up, whatever
 * repeats. */
ctc_batch ctc_batch_of(recur_context *ctx, int64_t B, int64_t longest, int64_t C, int32_t blank);

/* The rows of one sequence. */
float *ctc_rows(const ctc_batch *x, int64_t b, const float *rows);

#endif
