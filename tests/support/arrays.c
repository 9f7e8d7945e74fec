/* arrays.c - arrays with guards behind them, and dice. */
#include "support/support.h"

enum { GUARD = 64 };

typedef struct block {
    struct block *next;
    size_t bytes;
    unsigned char data[]; /* [bytes], then the guard */
} block;

static block *blocks;

void *bytes_of(int64_t count, size_t size)
{
    assert_true(count >= 0);
    const size_t bytes = (size_t)count * size;
    block *b = malloc(sizeof *b + bytes + GUARD);
    if (!b) fail_msg("the test itself has no memory");
    *b = (block){ .next = blocks, .bytes = bytes };
    memset(b->data, 0xFF, bytes);
    memset(b->data + bytes, 0xA5, GUARD);
    blocks = b;
    return b->data;
}

void give_back(void)
{
    int64_t written = 0;
    while (blocks) {
        block *b = blocks;
        for (size_t i = 0; i < GUARD; i++) written += b->data[b->bytes + i] != 0xA5;
        blocks = b->next;
        free(b);
    }
    if (written) fail_msg("%lld bytes were written behind the end of arrays", (long long)written);
}

float *floats(int64_t count) { return bytes_of(count, sizeof(float)); }

float *zeros(int64_t count)
{
    float *p = floats(count);
    for (int64_t i = 0; i < count; i++) p[i] = 0;
    return p;
}

float *copy_of(int64_t count, const float *from)
{
    float *p = floats(count);
    for (int64_t i = 0; i < count; i++) p[i] = from[i];
    return p;
}

double *doubles(int64_t count)
{
    double *p = bytes_of(count, sizeof(double));
    for (int64_t i = 0; i < count; i++) p[i] = 0;
    return p;
}

double *widen(int64_t count, const float *from)
{
    double *p = bytes_of(count, sizeof(double));
    for (int64_t i = 0; i < count; i++) p[i] = (double)from[i];
    return p;
}

/* xorshift64*, Vigna 2016 */
static uint64_t dice_state = 1;

static uint64_t roll(void)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return dice_state * 0x2545F4914F6CDD1Du;
}

void dice(uint64_t seed)
{
    dice_state = seed * 0x9E3779B97F4A7C15u + 1;
    for (int i = 0; i < 8; i++) roll();
}

int64_t below(int64_t n) { return (int64_t)((roll() >> 16) % (uint64_t)n); }

float between(double low, double high)
{
    return (float)(low + (high - low) * (double)(roll() >> 11) * 0x1p-53);
}

float *randoms(int64_t count, double scale)
{
    float *p = floats(count);
    for (int64_t i = 0; i < count; i++) p[i] = between(-scale, scale);
    return p;
}

int32_t *random_ids(int64_t count, int64_t limit)
{
    int32_t *p = bytes_of(count, sizeof *p);
    for (int64_t i = 0; i < count; i++) p[i] = (int32_t)below(limit);
    return p;
}
