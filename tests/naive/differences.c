/* differences.c - gradients of any kind and option, by differences. The loss is
 * sum(y dy) + sum(hn dhn) + sum(cn dcn), and
 *
 *     f'(v) ≈ (f(v+e) - f(v-e)) / 2e,      e = 1e-5,
 *
 * is computed in double, so that e² and the rounding, 1e-16/e, both are some 1e-10. Counters of a
 * clockwork have no gradient. */
#include <stdlib.h>
#include <string.h>

#include "naive/naive.h"

static const double E = 1e-5;

typedef struct sizes {
    int64_t P, X, Y, H, C, nudges; /* floats of parameters, x, y, h0, c0, all h */
} sizes;

static sizes sizes_of(const naive_recurrent *net, const naive_pass *p)
{
    const int64_t D = (net->forward ? 1 : 0) + (net->reverse ? 1 : 0), R = net->P ? net->P : net->H;
    int64_t N = 0;
    for (int64_t b = 0; b < p->B; b++) N += p->lengths[b];
    return (sizes){ .P = naive_count(net),
                    .X = N * net->I,
                    .Y = N * D * R,
                    .H = net->L * D * p->B * R,
                    .C = naive_has_c(net->kind) ? net->L * D * p->B * net->H : 0,
                    .nudges = net->L * D * N * R };
}

static double loss(const naive_recurrent *net, naive_pass *p, const sizes *n)
{
    double sum = 0;
    naive_forward(net, p);
    for (int64_t i = 0; i < n->Y; i++) sum += p->y[i] * p->dy[i];
    for (int64_t i = 0; i < n->H; i++) sum += p->hn[i] * p->dhn[i];
    for (int64_t i = 0; net->kind != NAIVE_CLOCKWORK && i < n->C; i++) sum += p->cn[i] * p->dcn[i];
    return sum;
}

/* The gradient of an input of the pass, *input [count]. */
static void differentiate(const naive_recurrent *net, naive_pass *p, const sizes *n,
                          const double **input, int64_t count, double *d, int add)
{
    const double *given = *input;
    double *v = calloc((size_t)count + 1, sizeof *v);
    if (!v) abort();
    if (given) memcpy(v, given, (size_t)count * sizeof *v);
    *input = v;
    for (int64_t i = 0; i < count; i++) {
        const double at = v[i];
        v[i] = at + E;
        const double above = loss(net, p, n);
        v[i] = at - E;
        const double below = loss(net, p, n);
        v[i] = at;
        d[i] = (add ? d[i] : 0) + (above - below) / (2 * E);
    }
    *input = given;
    free(v);
}

void naive_differences(const naive_recurrent *net, naive_pass *pass)
{
    const sizes n = sizes_of(net, pass);
    naive_forward(net, pass);
    naive_pass p = *pass;
    p.all_gates = p.all_c = p.all_h = NULL;
    if (pass->dparams) differentiate(net, &p, &n, &p.params, n.P, pass->dparams, 1);
    if (pass->dx) differentiate(net, &p, &n, &p.x, n.X, pass->dx, 0);
    if (pass->dh0 && pass->h0) differentiate(net, &p, &n, &p.h0, n.H, pass->dh0, 0);
    if (pass->dc0 && pass->h0 && net->kind != NAIVE_CLOCKWORK)
        differentiate(net, &p, &n, &p.c0, n.C, pass->dc0, 0);
    if (pass->all_dh) differentiate(net, &p, &n, &p.nudge, n.nudges, pass->all_dh, 0);
    naive_forward(net, pass); /* outputs of the point itself */
}
