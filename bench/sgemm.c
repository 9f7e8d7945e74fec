/* sgemm.c - the square product of the linked BLAS, whose speed stands for the machine's peak. */
#include "bench.h"

#include <cblas.h>
#include <stdlib.h>

enum { SIZE = 512 };

typedef struct sgemm {
    float *a, *b, *c; /* [SIZE][SIZE] */
} sgemm;

static void *create(const shape *s, recur_context *ctx)
{
    (void)s;
    (void)ctx;
    sgemm *g = zeros(1, sizeof *g);
    g->a = uniform(SIZE * SIZE, 1, 3);
    g->b = uniform(SIZE * SIZE, 1, 4);
    g->c = zeros(SIZE * SIZE, sizeof *g->c);
    return g;
}

static void run(void *self, int64_t calls)
{
    sgemm *g = self;
    for (int64_t i = 0; i < calls; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1, g->a, SIZE,
                    g->b, SIZE, 0, g->c, SIZE);
}

static void release(void *self)
{
    sgemm *g = self;
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
    "product of 512 x 512 matrices by BLAS", create, run, release, flops, NULL
};
