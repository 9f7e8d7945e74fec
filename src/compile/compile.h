/* compile.h - a layer as C, inside: compile.c (the doors) walks the tree once for each section of
 * the text; what belongs to another section is dropped on the way.
 *
 *     header  STATE                                 what stays between steps, a plain struct
 *     source  SCRATCH, SUMS                         what a step takes beside it
 *             (support.c)                           the functions that are needed
 *             PARTS                                 weights and a function for each part
 *             INIT, STEP                            the bodies of NAME_init and NAME_step
 *             (self_test.c)                         the sample, and what it has to give
 *
 * What a kind of layer is as C is told in one function, found by the table in kinds.c; what a kind
 * of recurrence is, in one row of cells.c. Facts about kinds (gates, phases, states, names of
 * tensors) are asked of the tables in core/ops.h and cells/cell.h.
 *
 * In texts @ stands for the name of the model, and $ for the same in capitals. {wide} is the type
 * of sums: float, or double where the bits are those of the reference. {to_wide} casts to it and
 * {narrow} back; where it is float they are nothing. */
#ifndef RECUR__COMPILE_H
#define RECUR__COMPILE_H

#include "core/layer.h"

enum { RECUR__IDENTIFIER = 48, RECUR__EXPRESSION = 128 };

typedef enum recur__section {
    RECUR__SECTION_NONE, /* finds out what is needed */
    RECUR__SECTION_STATE,
    RECUR__SECTION_SCRATCH,
    RECUR__SECTION_SUMS,
    RECUR__SECTION_PARTS,
    RECUR__SECTION_INIT,
    RECUR__SECTION_STEP,
    RECUR__SECTION_ANY /* text that is not part of the walk */
} recur__section;

/* A node of the tree as C. */
typedef struct recur__item {
    const recur_layer *layer;
    char name[RECUR__IDENTIFIER];
    char out[RECUR__EXPRESSION]; /* an expression for the row that it gives */
} recur__item;

/* Functions of support.c, as bits. */
enum {
    RECUR__NEED_COPY = 1 << 0,
    RECUR__NEED_PRODUCT = 1 << 1,
    RECUR__NEED_QUANTISE = 1 << 2,
    RECUR__NEED_PRODUCT_INT8 = 1 << 3,
    RECUR__NEED_FIXED = 1 << 4, /* own functions are made of these */
    RECUR__NEED_RECIPROCAL = 1 << 5,
    RECUR__NEED_SIGMOID = 1 << 6,
    RECUR__NEED_TANH = 1 << 7,
    RECUR__NEED_EXP = 1 << 8,
    RECUR__NEED_EXPM1 = 1 << 9,
    RECUR__NEED_RELU = 1 << 10,
    RECUR__NEED_BOUNDED = 1 << 11,
    RECUR__NEED_HARD_SIGMOID = 1 << 12,
    RECUR__NEED_SOFTSIGN = 1 << 13,
    RECUR__NEED_SILU = 1 << 14,
    RECUR__NEED_ELU = 1 << 15,
    RECUR__NEED_GELU = 1 << 16,
    RECUR__NEED_ROOT = 1 << 17,
    RECUR__NEED_MOMENTS = 1 << 18,
    RECUR__NEED_RMS = 1 << 19,
    RECUR__NEED_SOFTMAX = 1 << 20,
    RECUR__NEED_POWER = 1 << 21, /* exp in float, as vectors have it */
    RECUR__NEED_TOTAL = 1 << 22, /* sums of rows in eight parts */
    RECUR__NEED_DOTS = 1 << 23,
    RECUR__NEED_FOUR_SUMS = 1 << 24,
    RECUR__NEED_POSITIVE = 1 << 25
};

typedef struct recur__emitter {
    const recur_layer *layer;
    recur_context *ctx;
    const char *name;
    const char *header; /* what the source includes; NULL: NAME.h */
    uint32_t flags;     /* RECUR_COMPILE_* */
    int32_t precision;
    char *to; /* NULL: only measures */
    size_t used;
    recur__section section;
    uint32_t needs;   /* RECUR__NEED_* */
    bool has_scratch; /* there is something in it */
    bool has_sums;    /* and in the union of what one part at a time has */
    bool has_state;
    int64_t quantised; /* numbers of the widest row that is made int8 */
    int64_t constants; /* bytes of weights */
    recur__item *item; /* [items], in the order of the tree */
    int64_t items;
    float *rows; /* scratch for tensors that are written in another form */
    int64_t row_floats;
} recur__emitter;

/* Whether the bits are those of a context that is RECUR_CONTEXT_EXACT: everything is in float. */
static inline bool recur__is_exact_c(const recur__emitter *e)
{
    return (e->flags & RECUR_COMPILE_EXACT) != 0;
}

/* Whether they are those of the reference: sums are in double, own functions are rounded once. */
static inline bool recur__is_reference_c(const recur__emitter *e)
{
    return e->precision == RECUR_PRECISION_INT8 &&
           !(e->flags & (RECUR_COMPILE_LIBRARY_MATH | RECUR_COMPILE_EXACT));
}

/* ---- text (text.c) -------------------------------------------------------------------------- */

/* Adds text if its section is the one that is written. */
void recur__say(recur__emitter *e, recur__section section, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a text of any length, without a format. */
void recur__say_text(recur__emitter *e, recur__section section, const char *text);

/* A float as a constant of C: it reads back as the same. */
typedef struct recur__constant_text {
    char text[24];
} recur__constant_text;
recur__constant_text recur__float_text(float number);

/* What is added to a variance: a double where the bits are to be those of the library. */
void recur__say_epsilon(recur__emitter *e, recur__section section, double number);

/* ---- arrays, matrices and products (numbers.c) ---------------------------------------------- */

/* static const float @_NAME[dims] = { ... }; of count numbers. shape: "4 * 8". */
void recur__say_floats(recur__emitter *e, const char *name, const char *shape, int64_t count,
                       const float *numbers);

/* A matrix [N][K], its rows one behind the other, in a leaf's precision. */
typedef struct recur__matrix_c {
    char name[RECUR__EXPRESSION];
    int64_t N, K;
    const float *numbers;
    int32_t precision;
} recur__matrix_c;
void recur__say_matrix(recur__emitter *e, const recur__matrix_c *W);

/* A row to be multiplied: makes it int8 where that is the precision. After it come products. */
void recur__say_prepare(recur__emitter *e, const recur__matrix_c *W, const char *x);

/* y += rows [first, first + count) of W times x; in_parts: each sum is the total of eight, which
 * begins at 0 */
typedef struct recur__product_c {
    int64_t first, count;
    const char *x, *y;
    bool in_parts;
} recur__product_c;
void recur__say_product(recur__emitter *e, const recur__matrix_c *W, const recur__product_c *p);

/* y[j] += W[j][id] for rows [first, first + count) of W. */
void recur__say_column(recur__emitter *e, const recur__matrix_c *W, const recur__product_c *p);

/* ---- support (support.c) -------------------------------------------------------------------- */

/* Notes that functions are needed, and what they need themselves. */
void recur__need(recur__emitter *e, uint32_t functions);
void recur__say_support(recur__emitter *e);

/* The name of a RECUR_ACTIVATION_* function behind "@_"; notes that it is needed. NULL: the
 * identity. */
const char *recur__activation_c(recur__emitter *e, int32_t function);

/* ---- nodes (items.c, kinds.c and others) ---------------------------------------------------- */

/* What a part takes and where its row goes. */
typedef struct recur__flow {
    const char *in;   /* an expression: "x", "t->fc", "id" */
    const char *want; /* where it has to go; NULL: anywhere */
} recur__flow;

/* Whether there is C for a leaf of this kind. */
bool recur__has_c(const recur_layer *layer);

/* Writes a node and sets item->out. The items of its parts follow it. */
void recur__say_node(recur__emitter *e, recur__item *item, recur__flow flow);

/* The item behind all parts of one. */
recur__item *recur__next_item(recur__emitter *e, recur__item *item);

/* item->out, with a place in the scratch where the flow says none. */
const char *recur__say_output(recur__emitter *e, recur__item *item, recur__flow flow);

/* Kinds. */
void recur__say_recurrent(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_conv(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_compose(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_linear(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_embedding(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_dropout(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_activation(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_norm(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_channels(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_softmax(recur__emitter *e, recur__item *item, recur__flow flow);
void recur__say_merge(recur__emitter *e, recur__item *item, recur__flow flow);

/* ---- recurrences (cells.c) ------------------------------------------------------------------ */

/* A kind of recurrence as C. In its texts # begins a word that recurrent.c replaces:
 *
 *     #k0 ...       gate block 0 ... of unit j: a sum of products, then what the kind leaves there
 *     #e0 ...       vector 0 ... of the kind's own parameters (or of what is derived of them)
 *     #h #c         the states of unit j before the step
 *     #u            of the first of two phases: what U is multiplied by in the second
 *     #gate(a) #candidate(a) #output(c) #bounded(c) #kept(z)     as the options have them
 *     #H            the number of units
 *
 * The last phase declares after_h and, where there is a second state, after_c. */
typedef struct recur__cell_c {
    int32_t kind;
    const char *equations; /* for people: lines that begin with " *" */
    const char *before[2]; /* before the units of each phase; NULL: nothing */
    const char *units[2];  /* for each unit j, in each phase */
    bool only_due;         /* h stays as it is where the text's `due` is 0 */
    int moments;           /* of whole rows: blocks 0 ... that are normalised */
} recur__cell_c;

/* NULL: there is no row for it. */
const recur__cell_c *recur__cell_c_of(int32_t kind);

/* ---- the self-test (self_test.c) ------------------------------------------------------------ */

/* A sample, sequence after sequence, and what the reference gives for it in this precision. */
typedef struct recur__sample_c {
    int64_t sequences, rows, I, O;
    int64_t *lengths; /* [sequences] */
    float *x;         /* [rows][I], or */
    int32_t *ids;     /* [rows] */
    float *y;         /* [rows][O] */
    float tolerance;  /* 0: the same bits */
    void *memory;
    size_t bytes;
} recur__sample_c;

recur_status recur__sample_c_make(const recur__emitter *e, const recur_model_sample *given,
                                  recur__sample_c *out);
void recur__sample_c_free(const recur_layer *layer, recur__sample_c *sample);
void recur__say_self_test(recur__emitter *e, const recur__sample_c *sample);

#endif
