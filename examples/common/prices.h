/* prices.h - daily prices of a share. */
#ifndef EXAMPLES_PRICES_H
#define EXAMPLES_PRICES_H

#include <stdint.h>

enum { PRICE_OPEN, PRICE_HIGH, PRICE_LOW, PRICE_CLOSE, PRICE_VOLUME, PRICE_COLUMNS };

typedef struct {
    int64_t n;                    /* days */
    double (*day)[PRICE_COLUMNS]; /* [n]  */
} prices;

/* Reads comma-separated values whose first line names the columns Open, High, Low, Close and
 * Volume, in any order among others. With path NULL, invents n days, which depend on the seed. */
prices prices_of(const char *path, uint64_t seed, int64_t n);
void prices_release(prices *p);

#endif
