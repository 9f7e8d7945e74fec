/* conv.c - convolutions by the book: every number of y is a sum over channels and the kernel. */
#include "naive/naive.h"

double naive_conv_at(const naive_conv *c, int64_t o, int64_t at)
{
    const int64_t in = c->in / c->groups, out = c->out / c->groups, first = o / out * in;
    double sum = c->b ? c->b[o] : 0;
    for (int64_t i = 0; i < in; i++)
        for (int64_t k = 0; k < c->kernel; k++)
            sum += c->W[(o * in + i) * c->kernel + k] *
                   c->x(c->user, first + i, at + k * c->dilation);
    return sum;
}
