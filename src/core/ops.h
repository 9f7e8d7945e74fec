/* ops.h - the contract of a kind of layer: six small tables, each NULL where the kind has nothing
 * of the sort. Arguments were checked at the door; a pass cannot fail half-way, so no function here
 * returns an error. None allocates memory, takes a lock or prints. */
#ifndef RECUR__OPS_H
#define RECUR__OPS_H

#include "core/pass.h"
#include "core/plan.h"

/* How RECUR_INIT_DEFAULT fills a tensor. */
typedef struct recur__initial {
    enum { RECUR__INITIAL_UNIFORM, RECUR__INITIAL_NORMAL, RECUR__INITIAL_CONSTANT } kind;
    double value; /* U(-value, value); N(0, value²); value */
} recur__initial;

/* Parameters: the tensors in the flat vector. */
typedef struct recur__parameter_ops {
    /* Describes the index-th tensor (rank, dim) and writes its name into name[64]; false if there
     * is none. Called while a layer is built, twice; must not look at values. */
    bool (*tensor)(const recur_layer *layer, int64_t index, char *name, recur_tensor *t);
    /* What RECUR_INIT_DEFAULT fills the tensor of this name with: PyTorch's values. */
    recur__initial (*initial)(const recur_layer *layer, const char *tensor);
} recur__parameter_ops;

/* One tensor of a state: [lines][B][width]. A line is a layer in one direction. */
typedef struct recur__state_tensor {
    const char *name;
    int64_t lines, width;
} recur__state_tensor;

/* States: what stays between calls. */
typedef struct recur__state_ops {
    /* Describes state tensor s, of layer->states many. */
    recur__state_tensor (*tensor)(const recur_layer *layer, int64_t s);
    /* The learned initial state of one line of state tensor s [width]; NULL: zeros. Called at the
     * first step of a sequence, with the values of the parameters at that time. */
    const float *(*initial)(const recur_layer *layer, int64_t s, int64_t line);
} recur__state_ops;

/* Passes over a batch. NULL: the kind is not run (a group). */
typedef struct recur__pass_ops {
    /* Adds to the workspace what forward and, with shape.record, backward take. The three carve in
     * the same order, so a size and its places cannot disagree. */
    void (*measure)(const recur_layer *layer, const recur__shape *shape,
                    recur__workspace *workspace);
    /* y and the final state. Called from any thread; several may run one layer. */
    void (*forward)(const recur_layer *layer, recur__pass *pass);
    /* dx and d(initial state); adds to dparams. The newest record is in workspace->reserve. */
    void (*backward)(const recur_layer *layer, recur__pass *pass);
} recur__pass_ops;

/* Single steps. NULL: the layer cannot go step by step. */
typedef struct recur__step_ops {
    /* Floats of scratch of one streaming step of B sequences; below 0: too many. */
    int64_t (*scratch)(const recur_layer *layer, int64_t B);
    /* One streaming step: y and the state from x, the state and the parameters. Runs in real-time
     * threads. */
    void (*forward)(recur__step_call *call);
    /* Writes a streaming step as calls of its own: as recur__plan_calls. NULL: forward is the one
     * call. The last call's y is where the output goes. */
    int64_t (*plan)(const recur__step_call *at, recur__step_call *to);
    /* A step by hand: makes call->run record into call->record what pass.backward would find there
     * after pass.forward over a layout of one step, with repacked parameters. `record` is such a
     * record, to learn its places from. False: this layer has no short way. NULL: the kind has
     * none. */
    bool (*plan_recorded)(recur__step_call *call, const recur__shape *shape, void *record);
    /* Backward of such a step: from dy and the gradient of the state after it in call->state, the
     * gradient of the state before it, dx, and the rows that gradients of parameters are made of.
     */
    void (*backward)(recur__step_call *call);
} recur__step_ops;

/* Repacked parameters: the one other form of weights. A snapshot owns them for ever, a tape while
 * steps recorded one by one wait for their backward, a pass until its end (in its own scratch). */
typedef struct recur__pack_ops {
    /* Carves the pack; NULL while the carver only measures, and where nothing is to be kept. */
    void *(*carve)(const recur_layer *layer, recur__carver *carver);
    /* Fills it from the parameters. `pack` may be NULL. */
    void (*fill)(const recur_layer *layer, void *pack);
    /* Whether a tensor of this name, if it is a matrix, has layer->spec.precision in the pack of a
     * snapshot: kernels/reduced.h. NULL: none has. */
    bool (*reduces)(const char *tensor);
} recur__pack_ops;

/* Gradients of parameters from the rows of a step's backward: now, or later for many steps. */
typedef struct recur__gradient_ops {
    /* Numbers in a row of each of call->row; 0: there is none. */
    void (*widths)(const recur_layer *layer, int64_t width[RECUR__GRADIENT_ROWS]);
    /* dparams += what `rows` rows of each give. */
    void (*add)(const recur_layer *layer, int64_t rows, const float *const row[], float *dparams);
} recur__gradient_ops;

typedef struct recur__layer_ops {
    int32_t kind; /* RECUR_KIND_* */
    const recur__parameter_ops *parameters;
    const recur__state_ops *states;
    const recur__pass_ops *pass;
    const recur__step_ops *step;
    const recur__pack_ops *pack;
    const recur__gradient_ops *gradients;
} recur__layer_ops;

#endif
