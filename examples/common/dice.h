/* dice.h - streams of random whole numbers. The library's numbers are pure functions of a seed and
 * a counter; a dice is the two together. Every purpose (data, order, sampling) has a stream of its
 * own, so none disturbs another. */
#ifndef EXAMPLES_DICE_H
#define EXAMPLES_DICE_H

#include <stdint.h>

typedef struct {
    uint64_t seed, counter;
} dice;

/* The stream of one purpose, or of one thing (an epoch, a string), of a run with this seed. */
dice dice_for(uint64_t seed, uint64_t purpose);

/* The next number: 0 to n-1. */
int64_t below(dice *d, int64_t n);

/* The next number in a range. */
double between(dice *d, double low, double high);

/* order[i] = i for n elements, shuffled. */
void shuffled(dice *d, int64_t n, int64_t *order);

#endif
