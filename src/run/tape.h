/* tape.h - a stack of records in a chain of blocks, one block of scratch, and what a tape keeps of
 * layers for loops written by hand.
 *
 *   block 1 [record][record][record ] → block 2 [record][free       ] → block 3 [free ]
 *                                                 newest ↑
 * A record never moves. Popping gives its bytes back to its block; blocks stay for the next pass,
 * so that a loop that has run once allocates nothing. What every step of a loop by hand does to a
 * tape is defined here. */
#ifndef RECUR__TAPE_H
#define RECUR__TAPE_H

#include <stddef.h>

#include "run/run.h"

/* ---- repacked parameters, and gradient rows that wait (prepack.c, deferred.c) --------------- */

/* Rows that wait until products of many of them are added to dparams at once. */
enum { RECUR__MOST_DEFERRED = 128 };
typedef struct recur__deferred {
    int64_t rows;      /* that wait, RECUR__MOST_DEFERRED at most */
    uintptr_t dparams; /* for which; a number to compare, never followed */
    int64_t width[RECUR__GRADIENT_ROWS];
    float *row[RECUR__GRADIENT_ROWS]; /* [RECUR__MOST_DEFERRED][width] */
} recur__deferred;

/* A layer's repacked parameters. Made when a second step of it is recorded (the first, if
 * reserved), stale when its last record is popped: parameters do not change in between. */
typedef struct recur__prepack {
    struct recur__prepack *next;
    uint64_t layer;  /* serial number */
    int64_t waiting; /* records that use it */
    bool filled, reserved;
    size_t bytes; /* all in all */
    void *pack;
    recur__deferred deferred;
    recur__step_call call; /* of the tape's plan that is ready with it */
} recur__prepack;

/* ---- plans (plan.h) ------------------------------------------------------------------------- */

/* What passes of one shape take: a loop asks for the same ones again and again. */
typedef struct recur__tape_plan {
    uint64_t layer, layout; /* serial numbers; layer 0: free */
    int64_t batch;
    unsigned flags;                  /* of the shape */
    size_t record, scratch, prepack; /* bytes */
    recur__prepack *ready; /* single steps need no checks but of pointers: its call; or NULL */
} recur__tape_plan;

enum {
    RECUR__PLANS = 8,
    RECUR__PLAN_IDS = 1,
    RECUR__PLAN_RECORD = 2,
    RECUR__PLAN_DROPOUT = 4,
    RECUR__PLAN_TRACE = 8,
    RECUR__PLAN_SEGMENTS = 16
};

/* ---- tapes ---------------------------------------------------------------------------------- */

/* A header of one cache line: a loop by hand goes through many small records. */
typedef struct recur__record {
    struct recur__record *older;
    uint64_t layer, layout; /* serial numbers */
    int32_t batch;
    bool ids, dropout, began_at_zero;
    bool single_step; /* a plan's call made it */
    uint64_t key;
    uint64_t hash;           /* of the parameters, if the context checks them; else 0 */
    recur__prepack *prepack; /* that its step used, or NULL */
    size_t bytes;            /* this header and reserve */
    _Alignas(64) unsigned char reserve[];
} recur__record;
_Static_assert(sizeof(recur__record) == 64, "one cache line");

typedef struct recur__block {
    struct recur__block *older, *newer;
    size_t bytes, used; /* of memory */
    _Alignas(64) unsigned char memory[];
} recur__block;

struct recur_tape {
    recur__scratch_block scratch; /* first: recur__tape_scratch finds it there */
    recur_context *ctx;
    int32_t mode;
    uint64_t seed, passes; /* passes recorded since the seed was set */
    int64_t records;
    recur__record *newest;
    recur__block *first, *current;
    size_t reserved;       /* bytes for records */
    int64_t segment_steps; /* of recorded passes with more steps; 0: they run as a whole */
    recur__tracer tracer;
    bool defers;             /* gradients of single steps */
    recur__prepack *prepack; /* a list */
    size_t prepack_bytes;
    recur__tape_plan plan[RECUR__PLANS];
    int next_plan; /* to be replaced */
};

_Static_assert(offsetof(struct recur_tape, scratch) == 0, "a tape begins with its scratch");

/* The doors refuse a tape that would record, where the build does not train. */
static inline bool recur__tape_is_refused(const recur_tape *tape)
{
    return !RECUR_TRAIN && tape && tape->mode != RECUR_TAPE_EVALUATE;
}
static inline bool recur__tape_records(const recur_tape *tape)
{
    return RECUR_TRAIN && tape && tape->mode != RECUR_TAPE_EVALUATE;
}

/* Steps of the segments in which a tape records a pass over this layout; 0: as a whole. */
static inline int64_t recur__segment_steps(int64_t wanted, const recur_packed *packed)
{
    return packed->longest > wanted ? wanted : 0;
}

/* Bytes of a tape beside its records and scratch, once it has been reserved. */
size_t recur__tape_fixed_bytes(void);

/* A record with what it keeps; SIZE_MAX: too many bytes. */
static inline size_t recur__record_bytes(size_t reserve)
{
    return reserve > SIZE_MAX / 2 ? SIZE_MAX : sizeof(recur__record) + reserve;
}

recur__block *recur__tape_new_block(recur_tape *tape, size_t bytes); /* NULL: no memory */
void recur__tape_free_blocks(recur_tape *tape, recur__block *first);
size_t recur__tape_used(const recur__block *first);

/* A block behind the current one, with at least so many bytes free; NULL: no memory. */
recur__block *recur__tape_next_block(recur_tape *tape, size_t bytes);

/* A new record with so many bytes in reserve, not yet on the tape, or NULL; commit cannot fail. */
static inline recur__record *recur__tape_begin(recur_tape *tape, size_t reserve)
{
    const size_t bytes = recur__record_bytes(reserve);
    recur__block *b = tape->current;
    if (!b || b->bytes - b->used < bytes) b = recur__tape_next_block(tape, bytes);
    if (!b) return NULL;
    recur__record *record = (recur__record *)(void *)(b->memory + b->used);
    *record = (recur__record){ .older = tape->newest, .bytes = bytes };
    return record;
}

static inline void recur__tape_commit(recur_tape *tape, recur__record *record)
{
    recur__block *b = tape->current;
    const unsigned char *at = (const unsigned char *)record;
    if (!b || at != b->memory + b->used) b = b ? b->newer : tape->first;
    b->used += record->bytes;
    tape->current = b;
    tape->newest = record;
    if (record->prepack) record->prepack->waiting++;
    tape->records++;
    tape->passes++;
}

/* Takes the newest record off. */
static inline void recur__tape_pop(recur_tape *tape)
{
    recur__block *b = tape->current;
    recur__record *record = tape->newest;
    recur__prepack *prepack = record->prepack;
    if (prepack && --prepack->waiting == 0) prepack->filled = false;
    b->used -= record->bytes;
    if (b->used == 0 && b->older) tape->current = b->older;
    tape->newest = record->older;
    tape->records--;
}

/* The plan of this layer, layout and shape that the tape knows, or NULL. */
static inline recur__tape_plan *recur__tape_plan_of(recur_tape *tape, uint64_t layer,
                                                    uint64_t layout, int64_t batch, unsigned flags)
{
    for (recur__tape_plan *p = tape->plan; p < tape->plan + RECUR__PLANS; p++)
        if (p->layer == layer && p->layout == layout && p->batch == batch && p->flags == flags)
            return p;
    return NULL;
}

/* ---- prepack.c ------------------------------------------------------------------------------ */

/* Bytes that a tape keeps for steps of this layer in this layout; 0: nothing. */
size_t recur__prepack_bytes(const recur_layer *layer, const recur_packed *packed);
recur__prepack *recur__prepack_of(const recur_tape *tape, const recur_layer *layer); /* or NULL */
/* Makes sure of the layer's place; NULL: no memory. */
recur__prepack *recur__prepack_reserve(recur_tape *tape, const recur_layer *layer, size_t bytes,
                                       bool reserve);
/* Where the tape keeps a layer's parameters for its next record; made if need be, unless
 * reservations promise that nothing is allocated. NULL: nowhere, as no other record of the layer
 * waits or was reserved, or, if *failed, for lack of memory. */
recur__prepack *recur__prepack_for_record(recur_tape *tape, const recur_layer *layer, size_t bytes,
                                          bool *failed);
static inline void *recur__prepack_filled(recur__prepack *prepack, const recur_layer *layer)
{
    if (!prepack->filled) layer->ops->pack->fill(layer, prepack->pack);
    prepack->filled = true;
    return prepack->pack;
}
void recur__prepack_discard(recur_tape *tape); /* no record waits any more */
void recur__prepack_release(recur_tape *tape);
/* Forgets which calls are ready with this prepack. */
void recur__prepack_unplan(recur_tape *tape, const recur__prepack *prepack);

/* ---- deferred.c ----------------------------------------------------------------------------- */

/* Whether rows of this layer wait that are for another dparams than these. */
static inline bool recur__waits_for_others(const recur__prepack *prepack, const float *dparams)
{
    const recur__deferred *d = &prepack->deferred;
    return d->rows && dparams && d->dparams != (uintptr_t)dparams;
}

/* Adds the gradients of a step's rows to dparams, or lets the rows wait. */
void recur__add_gradients(const recur_tape *tape, recur__prepack *prepack,
                          const recur__step_call *call, float *dparams);
/* Rows that wait are added when the layer's last record is about to be popped. */
void recur__settle_gradients(recur__prepack *prepack, const recur_layer *layer, float *dparams);

/* ---- single_step.c: recorded steps that are ready
 * ------------------------------------------------ */

/* False, and nothing done, unless a plan is ready for such a step. */
bool recur__single_step(const recur__request *q, uint64_t layout, int64_t batch);
bool recur__single_step_backward(const recur__request *q, uint64_t layout, int64_t batch);
/* After a pass that was checked and recorded: makes its plan's call ready, if the kind can. */
void recur__plan_single_step(const recur__request *q, const recur__shape *shape,
                             recur__tape_plan *plan, recur__record *record);

/* ---- check.c -------------------------------------------------------------------------------- */

uint64_t recur__hash_parameters(const recur_layer *layer); /* never 0 */

#endif
