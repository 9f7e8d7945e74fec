/* layer.h - what stands behind a recur_layer: a tree of nodes over one flat vector, and tables of
 * operations for each kind.
 *
 *   recur_layer (root)  owns params [count], names, the tree
 *     └ part (node)     params = root's + offset; a handle on a part is a pointer to its node and
 *                       counts on the root
 *
 * A pass goes through the tree in three steps, so that nothing can fail half-way: the door checks
 * everything; `measure` says what memory is needed, and it is taken; then `forward` or `backward`
 * computes, and cannot fail. */
#ifndef RECUR__LAYER_H
#define RECUR__LAYER_H

#include "cells/cell.h"
#include "core/ops.h"

/* Everything that makes one layer differ from another of its kind. */
typedef struct recur__spec {
    int32_t variant, direction;
    uint32_t flags;
    int64_t hidden_size, num_layers;   /* recurrent */
    double dropout;                    /* probability */
    double epsilon;                    /* norms */
    int64_t channels, groups;          /* of a row, where parts of it have parameters */
    const recur__cell *cell;           /* recurrent, like all that follows */
    recur_recurrent_options options;   /* as they were given, without pointers */
    recur_clockwork_options clockwork; /* of that kind; else zeros */
    recur_conv_options conv;           /* of a convolution, defaults written out; else zeros */
    recur__cell_options cell_options;  /* what they change in the equations; */
    bool modified;                     /* if they do */
    int32_t precision;                 /* RECUR_PRECISION_* of a snapshot's matrices */
} recur__spec;

/* Features [begin, begin + count) of the rows of a part; part -1: of the whole's input. */
typedef struct recur__link {
    int64_t part, begin, count;
} recur__link;

/* What a part of a whole takes. Of a chain: one link, all of the part before. */
typedef struct recur__wiring {
    int64_t links;
    recur__link *link;    /* [links], side by side */
    recur_source *source; /* [links] the same by name, of a part of a graph; else NULL */
    bool gathers;         /* its input has to be put together */
    bool alone;           /* it takes all that one part gives, and no other part takes of that */
    bool reduced;         /* its input has a row for each sequence, by a part of the same whole */
} recur__wiring;

struct recur_layer {
    const recur__layer_ops *ops;
    recur_layer *root;
    const char *name; /* of this part in its whole; "" for a root */
    const char *type; /* "lstm", "linear" */
    recur__spec spec;
    uint32_t capabilities; /* RECUR_CAN_* */
    int64_t input_size, output_size;
    int64_t parts;
    recur_layer **part;    /* [parts] */
    recur__wiring *wiring; /* [parts], what each of them takes; NULL: they are not run (a group) */
    float *params;         /* [count]; NULL: recur__context_of_shapes */
    int64_t offset, count; /* in the root's vector */
    recur_tensor *tensor;  /* [tensors], those of the root's table that are this node's */
    int64_t tensors;
    int64_t prefix;         /* characters of a tensor's full name that name this part */
    int64_t states;         /* state tensors of all recurrent parts */
    int64_t state_floats;   /* their floats for one sequence */
    int64_t learned_states; /* recurrent parts whose initial state is learned */
    void *pack;             /* of a snapshot: what ops->pack made */
    uint64_t serial;
    /* of a root only */
    recur_context *ctx;
    const recur__kernels *kernels;
    _Atomic int64_t references;
    void *memory;
    size_t bytes;
    bool in_place; /* a snapshot whose params are the caller's */
};

/* ---- the tree (build.c) ------------------------------------------------------------------- */

/* Makes a layer after a prototype on the caller's stack: ops, type, spec, sizes, capabilities,
 * parts with their wiring (names: their new ones, or NULL). Parameters are those of the parts, else
 * zero. snapshot: takes away the right to record, and adds packs. */
recur_status recur__layer_build(recur_context *ctx, const recur_layer *prototype,
                                const char *const *names, bool snapshot, recur_layer **out);

/* A snapshot whose leaves have these precisions, in the order of the tree. */
typedef struct recur__precisions {
    const int32_t *of; /* RECUR_PRECISION_* of each leaf, or of all: */
    bool same;         /* there is one */
} recur__precisions;
recur_status recur__snapshot_build(const recur_layer *layer, recur__precisions precisions,
                                   recur_layer **out);

/* A snapshot for a context of a layer of any other one, whose parameters are those of the caller,
 * who keeps them as they are as long as it lives. */
recur_status recur__snapshot_in_place(recur_context *ctx, const recur_layer *layer,
                                      const float *params, recur__precisions precisions,
                                      recur_layer **out);

recur_status recur__check_precision(const char *function, int32_t precision);

/* The precision that a leaf gets of one that was asked for: only what multiplies has one. */
int32_t recur__leaf_precision(const recur_layer *leaf, int32_t precision);

/* What a layer takes, or a snapshot of it. SIZE_MAX: too much. */
size_t recur__layer_bytes(const recur_layer *layer);
size_t recur__snapshot_bytes(const recur_layer *layer, recur__precisions precisions);

recur_layer *recur__layer_retain(const recur_layer *layer);

static inline recur_context *recur__layer_context(const recur_layer *layer)
{
    return layer->root->ctx;
}

static inline bool recur__layer_is_snapshot(const recur_layer *layer)
{
    return !(layer->capabilities & RECUR_CAN_RECORD);
}

/* Whether its matrices have fewer bits: a snapshot's. */
static inline bool recur__is_reduced(const recur_layer *layer)
{
    return RECUR_REDUCED && layer->spec.precision != RECUR_PRECISION_FLOAT32;
}

/* Checks a number of features or symbols. */
recur_status recur__layer_check_size(const char *what, int64_t size);

/* Checks what is added to a variance; 0 becomes 1e-5. */
recur_status recur__layer_take_epsilon(const char *function, double *epsilon);

/* Floats of a row that is followed by another one on a cache line of its own. */
static inline int64_t recur__padded(int64_t n)
{
    return n > INT64_MAX - 15 ? -1 : (n + 15) & ~(int64_t)15;
}

#endif
