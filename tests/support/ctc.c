/* ctc.c - batches for tests of CTC. */
#include "support/ctc.h"

recur_loss *ctc(recur_context *ctx, int32_t blank, uint32_t flags)
{
    recur_loss *loss = NULL;
    const recur_loss_options options = {
        .size = sizeof options, .kind = RECUR_LOSS_CTC, .flags = flags, .blank = blank
    };
    OK(recur_loss_create(ctx, &options, &loss));
    return loss;
}

ctc_batch ctc_batch_of(recur_context *ctx, int64_t B, int64_t longest, int64_t C, int32_t blank)
{
    ctc_batch x = { .B = B, .C = C, .blank = blank, .lengths = bytes_of(B, sizeof *x.lengths) };
    int64_t *steps = bytes_of(B, sizeof *steps), at = 0;
    x.labels = bytes_of(B * longest, sizeof *x.labels);
    for (int64_t b = 0; b < B; b++) {
        steps[b] = b == 0 ? longest : below(longest + 1);
        x.lengths[b] = C > 1 ? below((steps[b] + 1) / 2 + 1) : 0;
        for (int64_t i = 0; i < x.lengths[b]; i++)
            x.labels[at++] = (int32_t)((blank + 1 + below(C - 1)) % C);
    }
    x.packed = layout(ctx, B, steps, longest);
    x.y = randoms(recur_packed_rows(x.packed) * C, 2);
    return x;
}

float *ctc_rows(const ctc_batch *x, int64_t b, const float *rows)
{
    const int64_t T = recur_packed_length(x->packed, b);
    float *own = floats(T * x->C);
    for (int64_t t = 0; t < T; t++)
        memcpy(own + t * x->C, rows + recur_packed_row(x->packed, b, t) * x->C,
               (size_t)x->C * sizeof *own);
    return own;
}
