/* layer.h - what stands behind a recur_layer: a tree of nodes over one flat vector, and a table of
 * operations per kind.
 *
 *   recur_layer (root)  owns params [count], names, the tree
 *     └ part (node)     params = root's + offset; a handle on a part is a pointer to its node and
 * counts on the root
 *
 * A pass goes through the tree in three steps, so that nothing can fail half-way: the door checks
 * everything; `measure` says what memory is needed, and it is taken; then `forward` or `backward`
 * computes, and cannot fail. */
#ifndef RECUR__LAYER_H
#define RECUR__LAYER_H

#include "cells/cell.h"
#include "kernels/kernels.h"
#include "packed/packed.h"

/* Everything that makes one layer differ from another of its kind. */
typedef struct recur__spec {
    int32_t variant, direction;
    uint32_t flags;
    int64_t hidden_size, num_layers;  /* recurrent */
    double dropout;                   /* probability */
    double epsilon;                   /* norm */
    const recur__cell *cell;          /* recurrent, like all that follows */
    recur_recurrent_options options;  /* as they were given */
    recur__cell_options cell_options; /* what they change in the equations; */
    bool modified;                    /* if they do */
} recur__spec;

/* The rows of a pass through one node. */
typedef struct recur__shape {
    const recur_packed *packed; /* N, B, T */
    bool per_sequence;          /* rows are B, in the caller's order: behind a `last` */
    bool ids;                   /* input are ids */
    bool record;                /* for a backward later */
    bool y_kept;                /* the pass's y stays until backward: no copy of it is needed */
    bool dropout;
    bool trace;
} recur__shape;

static inline int64_t recur__shape_rows(const recur__shape *s)
{
    return s->per_sequence ? s->packed->batch : s->packed->rows;
}

/* Memory of a pass: `keep` lives in the record until backward, `scratch` to the end of the pass.
   Scratch is given back part by part, so its peak counts. Both measure while their base is NULL. */
typedef struct recur__room {
    recur__carver keep, scratch;
    size_t peak;
} recur__room;

void *recur__scratch(recur__room *room, int64_t count,
                     size_t size); /* carves, and remembers the peak */

/* Who looks on. */
typedef struct recur__tracer {
    recur_trace_function *function; /* NULL: nobody */
    void *user;
} recur__tracer;

/* One pass through one node. */
typedef struct recur__pass {
    recur__shape shape;
    const recur_context *ctx;
    const recur__kernels *kernels;
    uint64_t key; /* of this pass's dropout masks */
    recur__room *room;
    const float *x;     /* [rows][input_size], or */
    const int32_t *ids; /* [rows] */
    float *y;     /* forward: [rows out][output_size] or NULL; backward: what forward kept there, if
                     y_kept */
    float *state; /* forward: this node's values in the caller's order, in and out; NULL: zeros */
    const float *dy;      /* backward: NULL means zeros */
    float *dstate;        /* backward: d(final) in, d(initial) out; NULL: zeros */
    bool zero_start;      /* backward: forward began with zeros */
    const void *prepared; /* what the tape keeps of this layer's parameters, or NULL */
    const bool *fresh; /* [B] backward: sequences that began with the layer's learned start; NULL:
                          none did */
    recur__tracer tracer;
    float *dx, *dparams; /* backward: NULL means not wanted; dparams begins with this node's */
} recur__pass;

/* One recorded step of a layer whose parameters a tape keeps: once.c. */
typedef struct recur__once {
    const recur_layer *layer;
    void *prepared; /* the layer may leave the step's own numbers there */
    int64_t B;
    float *keep;     /* what the record keeps */
    const float *x;  /* [B][input_size] */
    float *y;        /* forward: or NULL */
    const float *dy; /* backward: or NULL */
    float *state;    /* this layer's values in and out; in backward their gradients */
    float *dx, *dparams;
    struct recur__deferred
        *deferred; /* backward: where gradients of parameters may be put by, or NULL */
} recur__once;

/* One streaming step through one node; everything is there already. A node may use it for its
 * parts, but leaves it as it was. */
typedef struct recur__stream {
    const recur_context *ctx;
    const recur__kernels *kernels;
    int64_t B;
    bool units_reversed; /* every other step: recur__step */
    const float *x;      /* [B][input_size], or */
    const int32_t *ids;  /* [B] */
    float *state;        /* this node's values, in and out */
    float *y;            /* [B][output_size] or NULL */
    float *scratch;
} recur__stream;

/* One layer of a streaming step, or one part of a chain. */
typedef struct recur__stage {
    void (*run)(struct recur__stage *stage, bool units_reversed);
    const recur_layer *layer;
    recur__stream stream;
    recur__step step; /* of a plain recurrent layer: complete but for x */
} recur__stage;

/* Start values of one tensor. */
typedef struct recur__start {
    enum { RECUR__START_UNIFORM, RECUR__START_NORMAL, RECUR__START_CONSTANT } kind;
    double value; /* U(-value, value); N(0, value²); value */
} recur__start;

/* What gradients of parameters are made of: rows of dA, x and h; of dy and x. */
enum { RECUR__PARTS = 3 };

/* dparams += gradients, now or later, if the step says where they may wait: keep.c. */
void recur__add_gradients(const recur__once *once, const float *const part[RECUR__PARTS]);

/* What a kind of layer does. Every slot but those marked is filled; a pass trusts its arguments. */
typedef struct recur__layer_ops {
    int32_t kind; /* RECUR_KIND_* */
    /* Describes the index-th tensor of a leaf in t (rank, dim) and its name in name[64]; false if
     * there is none. NULL: no tensors. */
    bool (*tensor)(const recur_layer *layer, int64_t index, char *name, recur_tensor *t);
    /* Adds to the room what forward (and with shape.record backward) takes; forward and backward
     * carve in the same order. */
    void (*measure)(const recur_layer *layer, const recur__shape *shape, recur__room *room);
    void (*forward)(const recur_layer *layer, recur__pass *pass);
    void (*backward)(const recur_layer *layer, recur__pass *pass);
    /* Streaming: one step of B sequences, with step_floats floats of scratch. NULL: the layer
     * cannot. */
    int64_t (*step_floats)(const recur_layer *layer, int64_t B);
    void (*step)(const recur_layer *layer, recur__stream *stream);
    /* The same written down: stages of a kind's own, which end with the output (in stream.y of the
       last one); 0: the layer is one stage by step. to NULL: how many there may be, the same for a
       layer and its snapshot. NULL: always one. */
    int64_t (*lay_stages)(const recur_layer *layer, const recur__stream *at, recur__stage *to);
    /* Parameters laid out for single steps: carves (NULL while the carver only measures), and
       fills. A snapshot has them for ever, a tape while steps recorded one by one wait for their
       backward. NULL: nothing. */
    void *(*carve_prepared)(const recur_layer *layer, recur__carver *carver);
    void (*fill_prepared)(const recur_layer *layer, void *prepared);
    /* One recorded step of a root over prepared parameters, with the record of forward; of layers
     * for which may_be_once (NULL: all). NULL: none. */
    bool (*may_be_once)(const recur_layer *layer);
    void (*once_forward)(const recur__once *once);
    void (*once_backward)(const recur__once *once);
    /* Gradients that a tape may put by for a while: numbers in a row of each of their parts, 0:
       none; and what rows of parts add to dparams. NULL: none. */
    void (*gradient_widths)(const recur_layer *layer, int64_t width[RECUR__PARTS]);
    void (*add_gradients)(const recur_layer *layer, const void *prepared, int64_t rows,
                          const float *const part[RECUR__PARTS], float *dparams);
    /* Recurrent: numbers in a row of state tensor s, and the learned start of row ld (layer and
     * direction) of it, or NULL. */
    int64_t (*state_width)(const recur_layer *layer, int64_t s);
    const float *(*state_start)(const recur_layer *layer, int64_t s, int64_t ld);
    /* What RECUR_INIT_DEFAULT fills a tensor of this name with, PyTorch's values. NULL: no tensors.
     */
    recur__start (*start)(const recur_layer *layer, const char *tensor);
} recur__layer_ops;

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
    float *params;         /* [count] */
    int64_t offset, count; /* in the root's vector */
    recur_tensor *tensor;  /* [tensors], those of the root's table that are this node's */
    int64_t tensors;
    int64_t prefix;       /* characters of a tensor's full name that name this part */
    int64_t states;       /* state tensors of all recurrent parts */
    int64_t state_floats; /* their floats for one sequence */
    int64_t starts;       /* recurrent parts whose initial state is learned */
    void *prepared;       /* of a snapshot: what fill_prepared made */
    uint64_t serial;
    /* of a root only */
    recur_context *ctx;
    const recur__kernels *kernels;
    _Atomic int64_t references;
    void *memory;
    size_t bytes;
};

/* ---- the tree (layer.c) --------------------------------------------------------------------- */

/* Makes a layer after a prototype on the caller's stack: ops, type, spec, sizes, capabilities,
   parts (names: their new ones, or NULL). Parameters are those of the parts, else zero. snapshot:
   takes away the right to record. */
recur_status recur__layer_build(recur_context *ctx, const recur_layer *prototype,
                                const char *const *names, bool snapshot, recur_layer **out);

/* What a copy of a layer takes, or a snapshot of it. SIZE_MAX: too much. */
size_t recur__layer_bytes(const recur_layer *layer, bool snapshot);

recur_layer *recur__layer_retain(const recur_layer *layer);
recur_context *recur__layer_context(const recur_layer *layer);
static inline bool recur__layer_is_snapshot(const recur_layer *layer)
{
    return !(layer->capabilities & RECUR_CAN_RECORD);
}

/* Checks a number of features or symbols. */
recur_status recur__layer_check_size(const char *what, int64_t size);

/* ---- states (state.c) ----------------------------------------------------------------------- */

struct recur_state {
    recur_context *ctx;
    size_t bytes;
    int64_t batch, count, tensors;
    recur_tensor *tensor;
    float *values; /* [count], sequences in the caller's order */
    float *scratch;
    int64_t scratch_floats; /* for recur_layer_step and cells without a tape */
    uint64_t made_for;      /* serial of the layer that is known to fit */
    bool *fresh; /* [B] sequences that stand at the layer's initial state; values are zeros */
    bool any_fresh;
    bool units_reversed; /* of the next streaming step */
    recur__stage *stage; /* [stages] steps of the layer that it was made for; 0: that cannot go step
                            by step */
    int64_t stages;
    uint64_t quick; /* its serial if steps over rows need no checks but for NULL */
};

/* Before a pass: writes the learned start of the layer into the values of fresh sequences. */
void recur__state_start(recur_state *state, const recur_layer *layer);
/* After it: sequences with steps are no longer fresh; lengths NULL: all of them. */
void recur__state_leave(recur_state *state, const recur_packed *packed);

/* ---- steps of a state over the layer that it was made for (stages.c) ------------------------ */

/* Stages of a layer whose state, scratch and output lie where `at` says; to NULL: how many there
 * may be. */
int64_t recur__lay_stages(const recur_layer *layer, recur__stream at, recur__stage *to);
void recur__run_stages(recur_state *state, const float *x, const int32_t *ids, float *y);

/* What a state for so many sequences takes. SIZE_MAX: too much. */
size_t recur__state_bytes(const recur_layer *layer, int64_t batch);

/* SHAPE unless the state has these sequences and the layer's tensors. */
recur_status recur__state_check(const recur_state *state, const recur_layer *layer, int64_t batch,
                                const char *what);

/* Floats of a row that is followed by another one on a cache line of its own. */
static inline int64_t recur__padded(int64_t n)
{
    return n > INT64_MAX - 15 ? -1 : (n + 15) & ~(int64_t)15;
}

/* ---- passes (passes.c) ---------------------------------------------------------------------- */

/* What the caller gave to a forward or backward; the doors in passes.c and cell.c fill it in. */
typedef struct recur__call {
    const recur_layer *layer;
    const recur_packed *packed;
    bool with_ids; /* which of the two is the input */
    const float *x;
    const int32_t *ids;
    float *y;
    const float *dy;
    recur_state *state; /* backward: dstate */
    float *dx, *dparams;
    recur_tape *tape;
} recur__call;

recur_status recur__forward(const char *what, const recur__call *call);
recur_status recur__backward(const char *what, const recur__call *call);
recur_status recur__step_once(const char *what, const recur__call *call);
/* Bytes that a pass of this shape takes at most, forward or backward. */
void recur__measure(const recur_layer *layer, const recur__shape *shape, recur__room *room);

/* ---- memory (memory.c) ---------------------------------------------------------------------- */

/* The same for each of these inputs (RECUR_CAN_TAKE_ROWS, RECUR_CAN_TAKE_IDS): the most of them. */
recur__room recur__measure_inputs(const recur_layer *layer, recur__shape shape, uint32_t inputs);

#endif
