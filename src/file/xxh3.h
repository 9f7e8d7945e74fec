/* xxh3.h - XXH3-64, the hash by which a file is known to be undamaged, over bytes that come in
 * pieces.
 *
 * Why this one: it needs no tables and no instructions of its own, runs at the speed of memory in
 * plain C, and many programs can compute it (`xxhsum -H3`, Python's xxhash). 64 bits miss one
 * damage in 2^64. It is no seal: who changes a file on purpose can change the checksum, too.
 *
 * Source: "xxHash fast digest algorithm", doc/xxhash_spec.md of github.com/Cyan4973/xxHash, with
 * seed 0 and the default secret. */
#ifndef RECUR__XXH3_H
#define RECUR__XXH3_H

#include "base/base.h"

enum { RECUR__XXH3_STRIPE = 64, RECUR__XXH3_BLOCK = 1024, RECUR__XXH3_LEAST = 17 };

typedef struct recur__xxh3 {
    uint64_t acc[8];
    uint64_t length;
    size_t used; /* of the block: it is not consumed before more follows */
    /* The end of the block before, then the block: the last 64 bytes are always in one piece. */
    unsigned char bytes[RECUR__XXH3_STRIPE + RECUR__XXH3_BLOCK];
} recur__xxh3;

void recur__xxh3_begin(recur__xxh3 *h);
void recur__xxh3_add(recur__xxh3 *h, const void *data, size_t bytes);

/* The hash of all bytes. There must be RECUR__XXH3_LEAST: shorter ones have rules of their own,
 * and no file needs them. */
uint64_t recur__xxh3_end(const recur__xxh3 *h);

#endif
