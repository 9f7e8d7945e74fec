/* sgemm.c - a square product, whose speed stands for the machine's peak: by the BLAS that the
 * library was built with, or without one by a linear layer of its own. */
#include "bench.h"

#ifdef RECUR__BLAS
#include <cblas.h>
#endif
#include <stdlib.h>
#include <string.h>

enum { SIZE = 512 };

typedef struct sgemm {
    float *a, *b, *c; /* [SIZE][SIZE] */
    recur_layer *linear;
    recur_packed *rows;
} sgemm;

static void *create(const shape *s, recur_context *ctx)
{
    (void)s;
    sgemm *g = zeros(1, sizeof *g);
    g->a = uniform(SIZE * SIZE, 1, 3);
    g->b = uniform(SIZE * SIZE, 1, 4);
    g->c = zeros(SIZE * SIZE, sizeof *g->c);
    TRY(recur_linear_create(ctx, SIZE, SIZE, RECUR_LAYER_NO_BIAS, &g->linear));
    TRY(recur_packed_create(ctx, SIZE, NULL, 1, &g->rows));
    memcpy(recur_layer_params(g->linear), g->b, SIZE * SIZE * sizeof *g->b);
    return g;
}

static void run(void *self, int64_t calls)
{
    sgemm *g = self;
    for (int64_t i = 0; i < calls; i++)
#ifdef RECUR__BLAS
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1, g->a, SIZE,
                    g->b, SIZE, 0, g->c, SIZE);
#else
        TRY(recur_layer_forward(g->linear, g->rows, g->a, NULL, g->c, NULL));
#endif
}

static void release(void *self)
{
    sgemm *g = self;
    recur_packed_release(g->rows);
    recur_layer_release(g->linear);
    free(g->a);
    free(g->b);
    free(g->c);
    free(g);
}

static double flops(const shape *s)
{
    (void)s;
    return 2.0 * SIZE * SIZE * SIZE;
}

const task sgemm_task = {
    "product of 512 x 512 matrices, by BLAS if there is one", create, run, release, flops, NULL
};
