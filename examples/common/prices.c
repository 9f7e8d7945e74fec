/* prices.c - reading or inventing daily prices; see prices.h. */
#include "prices.h"
#include "dice.h"
#include "text.h"
#include "try.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 64 };
static const char *const column_names[PRICE_COLUMNS] = { "Open", "High", "Low", "Close", "Volume" };

/* Gives the next line as fields, which are cut out of the text; NULL at its end. */
static char *next_line(char *at, char **fields, int64_t *n)
{
    if (!*at) return NULL;
    char *end = at + strcspn(at, "\r\n"), *next = end + strspn(end, "\r\n");
    *end = '\0';
    for (*n = 0; at && *n < MOST_FIELDS; ++*n) {
        fields[*n] = at;
        at = strchr(at, ',');
        if (at) *at++ = '\0';
    }
    return next;
}

static void find_columns(const char *path, char *const *fields, int64_t n, int64_t *where)
{
    for (int c = 0; c < PRICE_COLUMNS; c++) {
        where[c] = 0;
        while (where[c] < n && strcmp(fields[where[c]], column_names[c]) != 0) where[c]++;
        if (where[c] == n) die("%s: the first line names no column '%s'", path, column_names[c]);
    }
}

static prices read_prices(const char *path)
{
    text t = text_of(path, 0, 0);
    char *all = NEW(char, t.n + 1), *fields[MOST_FIELDS];
    int64_t where[PRICE_COLUMNS], found = 0;
    memcpy(all, t.bytes, (size_t)t.n);
    char *at = next_line(all, fields, &found);
    if (!at) die("%s: it has no line", path);
    find_columns(path, fields, found, where);
    prices p = { 0, NULL };
    /* A line has two characters at least. */
    p.day = (double(*)[PRICE_COLUMNS])new_array(t.n / 2 + 1, sizeof *p.day);
    while ((at = next_line(at, fields, &found))) {
        for (int c = 0; c < PRICE_COLUMNS; c++) {
            char *end = NULL;
            double *x = &p.day[p.n][c];
            if (where[c] < found) *x = strtod(fields[where[c]], &end);
            if (!end || end == fields[where[c]] || *end || !isfinite(*x))
                die("%s: day %lld has no number in column '%s'", path, (long long)p.n + 1,
                    column_names[c]);
        }
        p.n++;
    }
    free(all);
    text_release(&t);
    return p;
}

/* Invents prices that wander. Many shares change hands on days on which they wander far. */
static prices invent_prices(uint64_t seed, int64_t n)
{
    dice d = dice_for(seed, 0x707269636573);
    prices p = { n, NULL };
    p.day = (double(*)[PRICE_COLUMNS])new_array(n, sizeof *p.day);
    double price = 85;
    for (int64_t i = 0; i < n; i++) {
        const double open = price, restless = between(&d, 0.002, 0.03);
        price *= 1 + restless * between(&d, -1, 1.05);
        p.day[i][PRICE_OPEN] = open;
        p.day[i][PRICE_CLOSE] = price;
        p.day[i][PRICE_HIGH] = fmax(open, price) * (1 + restless * between(&d, 0, 1));
        p.day[i][PRICE_LOW] = fmin(open, price) * (1 - restless * between(&d, 0, 1));
        p.day[i][PRICE_VOLUME] = 5e6 + 4e8 * restless * between(&d, 0.7, 1.3);
    }
    return p;
}

prices prices_of(const char *path, uint64_t seed, int64_t n)
{
    return path ? read_prices(path) : invent_prices(seed, n);
}

void prices_release(prices *p) { free(p->day); }
