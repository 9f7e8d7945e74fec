/* dice.c - streams of random whole numbers; see dice.h. */
#include "dice.h"

#include <recur.h>

dice dice_for(uint64_t seed, uint64_t purpose)
{
    return (dice){ .seed = recur_random(seed, purpose), .counter = 0 };
}

int64_t below(dice *d, int64_t n)
{
    return (int64_t)(recur_random(d->seed, d->counter++) % (uint64_t)n);
}

double between(dice *d, double low, double high)
{
    const double u = (double)(recur_random(d->seed, d->counter++) >> 11) * 0x1p-53; /* [0,1) */
    return low + (high - low) * u;
}

void shuffled(dice *d, int64_t n, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) { /* Fisher and Yates, from the inside out */
        const int64_t j = below(d, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
