/* reduced.c - makes matrices of fewer bits out of floats, and shares out the panels of a product
 * among threads. */
#include "linalg/reduced.h"

recur__reduced recur__carve_reduced(int32_t precision, int64_t N, int64_t K, recur__carver *carver)
{
    recur__reduced made = { .precision = precision, .N = N, .K = K };
    const int64_t rows = (N + RECUR__PANEL_ROWS - 1) / RECUR__PANEL_ROWS * RECUR__PANEL_ROWS;
    const int64_t words = recur__times(rows, recur__reduced_words(precision, K));
    const bool scales = precision == RECUR_PRECISION_INT8;
    made.panels = recur__carve(carver, words, sizeof *made.panels);
    made.scale = recur__carve(carver, scales ? N : 0, sizeof *made.scale);
    return made;
}

static uint32_t *word_of(const recur__reduced *W, int64_t n, int64_t i)
{
    const int64_t words = recur__reduced_words(W->precision, W->K);
    return W->panels + (n / RECUR__PANEL_ROWS * words + i) * RECUR__PANEL_ROWS +
           n % RECUR__PANEL_ROWS;
}

static void fill_bfloat16(recur__reduced *to, int64_t n, const float *row)
{
    for (int64_t k = 0; k < to->K; k++) {
        const float number = recur__as_bfloat16(row[k]);
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        *word_of(to, n, k / 2) |= k % 2 ? bits : bits >> 16;
    }
}

static void fill_int8(recur__reduced *to, int64_t n, const float *row)
{
    const recur__scales scales = recur__scales_of_row(to->K, row);
    to->scale[n] = scales.from;
    for (int64_t k = 0; k < to->K; k++) {
        const uint32_t q = (uint32_t)recur__as_int8(row[k], scales) & 0xff;
        *word_of(to, n, k / 16 * 4 + k % 4) |= q << k % 16 / 4 * 8;
    }
}

void recur__fill_reduced(recur__reduced *to, recur__matrix W)
{
    const int64_t panels = (to->N + RECUR__PANEL_ROWS - 1) / RECUR__PANEL_ROWS;
    const int64_t words = panels * RECUR__PANEL_ROWS * recur__reduced_words(to->precision, to->K);
    memset(to->panels, 0, (size_t)words * sizeof *to->panels);
    for (int64_t n = 0; n < to->N; n++)
        if (to->precision == RECUR_PRECISION_INT8)
            fill_int8(to, n, W.data + n * W.ld);
        else
            fill_bfloat16(to, n, W.data + n * W.ld);
}

float recur__reduced_number(const recur__reduced *W, int64_t n, int64_t k)
{
    if (W->precision == RECUR_PRECISION_INT8) {
        const uint32_t word = *word_of(W, n, k / 16 * 4 + k % 4);
        return (float)(int8_t)(word >> k % 16 / 4 * 8) * W->scale[n];
    }
    const uint32_t word = *word_of(W, n, k / 2), bits = k % 2 ? word & 0xffff0000 : word << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

int64_t recur__reduced_scratch(int64_t R, int64_t K)
{
    return recur__times(recur__min(R, RECUR__REDUCED_ROWS), recur__reduced_row(K));
}

/* ---- products ------------------------------------------------------------------------------- */

typedef struct job {
    const recur__reduced_kernels *kernels;
    recur__reduced_product product;
    int64_t panels; /* of a task */
} job;

static void multiply_panels(void *argument, int64_t i)
{
    const job *a = argument;
    recur__reduced_product product = a->product;
    product.first = i * a->panels;
    product.end = recur__min(product.first + a->panels, a->product.end);
    a->kernels->multiply[product.W->precision](&product);
}

static void multiply_block(const recur__reduced_tools *tools, job *a)
{
    const recur__reduced *W = a->product.W;
    const int64_t panels = a->product.end;
    const double work = (double)a->product.R * (double)W->N * (double)W->K;
    int64_t tasks = 1;
    if (tools->ctx && work >= RECUR__WORTH_WAKING)
        tasks = recur__min(recur__context_threads(tools->ctx), panels);
    a->panels = (panels + tasks - 1) / tasks;
    if (tasks > 1)
        recur__parallel(tools->ctx, (panels + a->panels - 1) / a->panels, multiply_panels, a);
    else
        multiply_panels(a, 0);
}

void recur__multiply_reduced(const recur__reduced_tools *tools, const recur__reduced *W, int64_t R,
                             recur__matrix x, recur__sums y)
{
    const recur__reduced_kernels *kernels = recur__reduced_of(tools->kernels);
    if (W->N == 0 || W->K == 0) return;
    for (int64_t r = 0, rows; r < R; r += rows) {
        rows = recur__min(R - r, RECUR__REDUCED_ROWS);
        kernels->prepare[W->precision](rows, W->K, (recur__matrix){ x.data + r * x.ld, x.ld },
                                       tools->scratch);
        job a = { .kernels = kernels };
        a.product = (recur__reduced_product){
            .W = W,
            .end = (W->N + RECUR__PANEL_ROWS - 1) / RECUR__PANEL_ROWS,
            .R = rows,
            .rows = tools->scratch,
            .y = { y.data + r * y.ld, y.ld },
        };
        multiply_block(tools, &a);
    }
}
