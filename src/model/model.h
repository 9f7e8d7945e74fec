/* model.h - whole networks in files, inside.
 *
 *     layer ──▶ recur_layer_info ──▶ JSON    structure.c: one table of members, both ways
 *           └─▶ parts ──▶ ...                save.c, open.c: the tree
 *                                            wiring.c: what the parts of a graph take
 *                                            types.c: what makes a layer of an info
 *     sample ──▶ tensors, run again          sample.c */
#ifndef RECUR__MODEL_H
#define RECUR__MODEL_H

#include <jansson.h>

#include "file/file.h"

enum { RECUR__MODEL_VERSION = 1, RECUR__MODEL_DEPTH = 32, RECUR__MODEL_LAYERS = 4096 };

#define RECUR__MODEL_TEXT "recur.model"

/* A model's sample lies among its parameters: recur.sample.x .... */
#define RECUR__SAMPLE "recur.sample."

/* ---- one layer (structure.c) ---------------------------------------------------------------- */

/* "type" and the members that are not zero, of a part "name" first, as a new object. */
recur_status recur__structure_put(const recur_layer_info *info, bool is_part, json_t **out);

/* Options of families of layers, to which a recur_layer_info points. */
typedef struct recur__structure_families {
    recur_clockwork_options clockwork;
    recur_conv_options conv;
} recur__structure_families;

/* The members of an object. One that is not known, or of another form, is an error; "type", "name",
 * "parts" and "from" are the caller's. where: "rnn.fc", for messages. What the object says of a
 * family goes to `families`, to which info points then. */
recur_status recur__structure_take(const char *where, json_t *object, recur_layer_info *info,
                                   recur__structure_families *families);

/* Whether a layer that was made says of itself what the object says of it. */
recur_status recur__structure_check(const char *where, json_t *object,
                                    const recur_layer_info *made);

recur_recurrent_options recur__structure_options(const recur_layer_info *info);

/* The string called key; FORMAT if it is something else or not there. */
recur_status recur__structure_text(const char *where, const json_t *object, const char *key,
                                   const char **out);

/* ---- what a part of a graph takes (wiring.c) ------------------------------------------------ */

/* "from" of a part: [["rnn"], [null, 3, 2]], all of the part rnn and two features of the input. */
recur_status recur__wiring_put(const recur_layer_info *info, json_t *object);

/* How many sources an object has; 0: all of the part before it. A "from" that says none counts as
 * one, which cannot be taken. */
int64_t recur__wiring_count(const json_t *object);

/* Those of part i, whose names are those of parts before it. */
recur_status recur__wiring_take(const char *where, const json_t *object, int64_t i,
                                const char *const *names, recur_source *out);

/* ---- types of layer (types.c) --------------------------------------------------------- */

typedef struct recur__model_type {
    const char *name; /* recur_layer_info.type */
    int32_t variant;
    /* Makes a layer; NULL: it is made of parts. */
    recur_status (*make)(recur_context *ctx, const recur_layer_info *info, recur_layer **out);
    /* How many parameters it has at least; -1: too many to count. */
    int64_t (*floats)(const recur_layer_info *info);
} recur__model_type;

recur_status recur__model_type_of(const char *where, const char *name, recur__model_type *out);

/* ---- samples (sample.c) --------------------------------------------------------------- */

/* Runs a sample and adds it to the file; tolerance: the one to say in the structure. */
recur_status recur__sample_put(const recur_layer *layer, recur_file *file, const char *prefix,
                               const recur_model_sample *sample, double *tolerance);

/* Runs the sample of the file. */
recur_status recur__sample_check(const recur_layer *layer, recur_file *file, const char *prefix,
                                 double tolerance);

#endif
