/* kann_bench.c - the training epoch w2 in KANN. It is a peer of compare.py, which builds and runs
 * it. DIR holds kann.c and kautodiff.c:
 *
 *   gcc -O3 -march=native -include stdbool.h -I DIR -o kann_bench \
 *       kann_bench.c DIR/kann.c DIR/kautodiff.c -lm
 *
 * The graph of all 69 steps is made once beforehand, as kann_unroll would make it, so that an epoch
 * is forward, backward and update. Cell and head are one product with [h, x], which is the fastest
 * of the ways to write this in KANN:
 *
 *     [y[t], a[t]] = W [h[t], x[t]] + b        h[t+1] = tanh(a[t])
 *
 * The update is plain gradient descent, which is less work than the Adam of the others. KANN's cost
 * is the mean over steps, not the sum. */
#include <kann.h>

#include "peer.h"

enum { STEPS = 69, SYMBOLS = 35 };

typedef struct sentence {
    kann_t *net;
    int count;                      /* parameters */
    float x[(STEPS + 1) * SYMBOLS]; /* one-hot; the target of a step is the next input */
} sentence;

static kad_node_t *feed(float *row)
{
    kad_node_t *x = kad_feed(2, 1, SYMBOLS);
    x->x = row;
    return x;
}

static kann_t *all_steps(float *x)
{
    kad_node_t *W = kann_new_weight(2 * SYMBOLS, 2 * SYMBOLS), *b = kann_new_bias(2 * SYMBOLS);
    kad_node_t *h = kann_new_leaf(KAD_CONST, 0, 2, 1, SYMBOLS), *cost[STEPS];
    /* A leaf of two dimensions starts with random numbers. */
    memset(h->x, 0, SYMBOLS * sizeof *h->x);
    for (int t = 0; t < STEPS; t++, x += SYMBOLS) {
        /* h comes first: for the gradient, kad_concat takes a part without one to have no width. */
        kad_node_t *hx = kad_concat(1, 2, h, feed(x));
        kad_node_t *ya = kad_add(kad_cmul(hx, W), b); /* [2S] */
        cost[t] = kad_mse(kad_slice(ya, 1, 0, SYMBOLS), feed(x + SYMBOLS));
        h = kad_tanh(kad_slice(ya, 1, SYMBOLS, 2 * SYMBOLS));
    }
    /* The last h enters no cost, so KANN does not compute it. */
    return kann_new(kad_avg(STEPS, cost), 1, h);
}

static float epoch(sentence *q, float rate)
{
    const float cost = kann_cost(q->net, 0, 1);
    const float *g = q->net->g;
    float *w = q->net->x;
    for (int i = 0; i < q->count; i++) w[i] -= rate * g[i];
    return cost;
}

static void release(void *self)
{
    sentence *q = self;
    kann_delete(q->net);
    free(q);
}

static void *create(const char *workload, char *why)
{
    sentence *q = calloc(1, sizeof *q);
    (void)workload; /* there is one */
    if (!q) {
        snprintf(why, PEER_TEXT, "no memory for a sentence of %d steps", STEPS);
        return NULL;
    }
    kann_srand(1);
    for (int t = 0; t <= STEPS; t++) q->x[t * SYMBOLS + (int)(kann_drand() * SYMBOLS)] = 1;
    q->net = all_steps(q->x);
    q->count = kann_size_var(q->net);
    const float before = epoch(q, 1);
    for (int i = 0; i < 300; i++) epoch(q, 1);
    const float after = epoch(q, 1);
    if (after < before / 2) return q;
    snprintf(why, PEER_TEXT, "it does not learn: mean squared error %g, after 300 epochs %g",
             before, after);
    release(q);
    return NULL;
}

static bool run(void *self, char *why)
{
    const float cost = epoch(self, 1e-6f); /* so small that the numbers stay of the same kind */
    if (cost == cost) return true;
    snprintf(why, PEER_TEXT, "the error is not a number");
    return false;
}

int main(void)
{
#ifdef HAVE_CBLAS
    const char *products = ", OpenBLAS";
#else
    const char *products = "";
#endif
    char name[64];
    snprintf(name, sizeof name, "KANN %s%s", KAD_VERSION, products);
    const peer kann = { name, "\"w2\"", create, run, release };
    peer_serve(&kann);
    return 0;
}
