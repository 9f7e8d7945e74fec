/* tape.h - a stack of records in a chain of blocks, and one block of scratch; and what a tape keeps
 * of layers for loops written by hand.
 *
 *   block 1 [record][record][record      ]  →  block 2 [record][free          ]  →  block 3 [free ]
 *                                                        newest ↑
 * A record never moves. Popping gives its bytes back to its block; blocks stay for the next pass,
 * so that a loop that has run once allocates nothing. What every step of a loop by hand does to a
 * tape is defined here. */
#ifndef RECUR__TAPE_H
#define RECUR__TAPE_H

#include "core/layer.h"

/* ---- what a tape keeps of layers (keep.c) --------------------------------------------------- */

/* Rows that wait until products of many of them are added to dparams at once. */
enum { RECUR__DEFERRED = 128 };
typedef struct recur__deferred {
    const recur_layer *layer; /* held while rows wait */
    int64_t rows;             /* that wait, RECUR__DEFERRED at most */
    int64_t width[RECUR__PARTS];
    float *part[RECUR__PARTS]; /* [RECUR__DEFERRED][width] */
    float *dparams;
} recur__deferred;

/* The kind of steps that are known to need no checks but of pointers. */
typedef struct recur__once_kind {
    bool noted;
    uint64_t layout; /* serial number */
    int64_t batch;
    size_t keep; /* bytes of a record */
} recur__once_kind;

/* The parameters of one layer, prepared for single steps: from its second waiting record on, or its
 * first reserved one, until none waits. */
typedef struct recur__kept {
    struct recur__kept *next;
    uint64_t layer;  /* serial number */
    int64_t waiting; /* records that use it */
    bool filled, reserved;
    size_t bytes; /* all in all */
    void *prepared;
    recur__once_kind once;
    recur__deferred deferred;
} recur__kept;

typedef struct recur__keeper {
    recur_context *ctx;
    recur__kept *first;
    size_t bytes;
} recur__keeper;

/* Bytes that a tape keeps for steps of this layer in this layout; 0: nothing. */
size_t recur__keep_bytes(const recur_layer *layer, const recur_packed *packed);
static inline recur__kept *recur__kept_of(const recur__keeper *keeper,
                                          const recur_layer *layer) /* or NULL */
{
    recur__kept *kept = keeper->first;
    while (kept && kept->layer != layer->serial) kept = kept->next;
    return kept;
}
/* Makes sure of the layer's place; NULL: no memory. */
recur__kept *recur__keep(recur__keeper *keeper, const recur_layer *layer, size_t bytes,
                         bool reserve);
static inline void *recur__kept_prepared(recur__kept *kept, const recur_layer *layer)
{
    if (!kept->filled) layer->ops->fill_prepared(layer, kept->prepared);
    kept->filled = true;
    return kept->prepared;
}
void recur__keep_forget(recur__keeper *keeper); /* no record waits any more */
void recur__keep_flush(recur__kept *kept);      /* what waits is added */
void recur__keep_release(recur__keeper *keeper);

/* ---- tapes (tape.c) ------------------------------------------------------------------------- */

typedef struct recur__record {
    struct recur__record *older;
    uint64_t layer, layout; /* serial numbers */
    int64_t batch;
    bool ids, dropout, zero_start;
    bool once; /* of a kind of steps that once.c takes */
    uint64_t key;
    recur__kept *kept; /* by which its parameters are kept, or NULL */
    size_t bytes;      /* this header and keep */
    _Alignas(64) unsigned char keep[];
} recur__record;

typedef struct recur__block {
    struct recur__block *older, *newer;
    size_t bytes, used; /* of memory */
    _Alignas(64) unsigned char memory[];
} recur__block;

/* What passes of a shape take: a loop written by hand asks for the same ones again and again. */
typedef struct recur__measured {
    uint64_t layer, layout; /* serial numbers */
    int64_t batch;
    unsigned flags; /* of the shape: ids, record, dropout, trace */
    size_t keep, peak, kept;
} recur__measured;

enum { RECUR__MEASURED = 4 };

struct recur_tape {
    recur__scratch_block scratch; /* first: recur__tape_scratch finds it there */
    recur_context *ctx;
    int32_t mode;
    uint64_t seed, passes; /* passes recorded since the seed was set */
    int64_t records;
    recur__record *newest;
    recur__block *first, *current;
    size_t reserved; /* for records */
    recur__measured measured[RECUR__MEASURED];
    recur__tracer tracer;
    bool defers; /* gradients of single steps */
    recur__keeper keeper;
};

_Static_assert(offsetof(struct recur_tape, scratch) == 0, "a tape begins with its scratch");

static inline recur__measured *recur__tape_measured(recur_tape *tape, uint64_t layer)
{
    return &tape->measured[layer % RECUR__MEASURED];
}

/* Where the tape keeps a layer's parameters, of so many bytes, for its next record; made if need
   be, unless reservations promise that nothing is allocated. NULL: nowhere, as no other record of
   the layer waits or was reserved, or, if *failed, for lack of memory. */
recur__kept *recur__tape_keep(recur_tape *tape, const recur_layer *layer, size_t bytes,
                              bool *failed);
size_t recur__tape_fixed_bytes(
    void); /* of a tape beside its records and scratch, once it has been reserved */

/* Where gradients of a record may wait, or NULL. */
static inline recur__deferred *recur__tape_deferred(const recur_tape *tape,
                                                    const recur__record *record)
{
    return tape->defers && record->kept && record->kept->filled ? &record->kept->deferred : NULL;
}

/* A record with what it keeps; SIZE_MAX: too many bytes. */
static inline size_t recur__record_bytes(size_t keep)
{
    return keep > SIZE_MAX / 2 ? SIZE_MAX : sizeof(recur__record) + keep;
}

/* A block behind the current one, with at least so many bytes free; NULL: no memory. */
recur__block *recur__tape_next_block(recur_tape *tape, size_t bytes);

/* A new record with room for keep, not yet on the tape, or NULL; commit cannot fail. */
static inline recur__record *recur__tape_begin(recur_tape *tape, size_t keep)
{
    const size_t bytes = recur__record_bytes(keep);
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
    if (record->kept) record->kept->waiting++;
    tape->records++;
    tape->passes++;
}

/* Takes the newest record off. */
static inline void recur__tape_pop(recur_tape *tape)
{
    recur__block *b = tape->current;
    recur__record *record = tape->newest;
    recur__kept *kept = record->kept;
    if (kept && --kept->waiting == 0) {
        recur__keep_flush(kept);
        kept->filled = false;
    }
    b->used -= record->bytes;
    if (b->used == 0 && b->older) tape->current = b->older;
    tape->newest = record->older;
    tape->records--;
}

/* ---- steps that only go on (once.c) --------------------------------------------------------- */

/* False, and nothing done, unless the tape knows that such steps need no other checks. layout:
 * serial number, 0 for a cell. */
bool recur__once_forward(const recur_layer *layer, uint64_t layout, int64_t batch, const float *x,
                         recur_state *state, float *y, recur_tape *tape);
bool recur__once_backward(const recur_layer *layer, uint64_t layout, int64_t batch, const float *x,
                          const float *dy, recur_state *dstate, float *dx, float *dparams,
                          recur_tape *tape);
/* After a step that passes.c has checked and recorded: whether the tape keeps enough of it for its
 * backward, and for the next ones. */
void recur__once_note(recur__record *record, const recur__call *call, const recur__shape *shape,
                      size_t keep);

#endif
