/* model.h - whole networks in files, inside.
 *
 *     layer ──▶ recur_layer_info ──▶ JSON    structure.c: one table of members, both ways
 *           └─▶ parts ──▶ ...                save.c, open.c: the tree
 *                                            wiring.c: what the parts of a graph take
 *                                            types.c: what makes a layer of an info
 *     sample ──▶ tensors, run again          sample.c */
#ifndef RECUR__MODEL_H
#define RECUR__MODEL_H

#include "file/file.h"
#include "json/json.h"

enum { RECUR__MODEL_VERSION = 1, RECUR__MODEL_DEPTH = 32, RECUR__MODEL_LAYERS = 4096 };

#define RECUR__MODEL_TEXT "recur.model"

/* A model's sample lies among its parameters: recur.sample.x .... */
#define RECUR__SAMPLE "recur.sample."

/* ---- one layer (structure.c) ---------------------------------------------------------------- */

/* The members of an object that describes a layer: "type" and those that are not zero, of a part
 * "name" first. The caller opens and closes the object. */
void recur__structure_put(recur__json_writer *w, const recur_layer_info *info, bool is_part);

/* UNSUPPORTED: a layer with something that has no name in model files. */
recur_status recur__structure_can_put(const recur_layer_info *info);

/* What an object says of a layer. */
typedef struct recur__structure {
    recur__json type, name, parts, from; /* as they stand there */
    recur_layer_info info;
    /* Options of families of layers, of info, if the object says anything of them. */
    recur_clockwork_options clockwork;
    recur_conv_options conv;
    uint64_t told; /* a bit for each member of the table that is there */
} recur__structure;

/* The members of an object. One that is not known, or of another form, or there twice, is an error.
 * where: "rnn.fc", for messages. */
recur_status recur__structure_take(const char *where, recur__json object, recur__structure *out);

/* Whether a layer that was made says of itself what the object says of it. */
recur_status recur__structure_check(const char *where, const recur__structure *s,
                                    recur__json object, const recur_layer_info *made);

/* FORMAT unless a member is there and a string without U+0000. */
recur_status recur__structure_string(const char *where, recur__json value, const char *name);

recur_recurrent_options recur__structure_options(const recur_layer_info *info);

/* ---- what a part of a graph takes (wiring.c) ------------------------------------------------ */

/* "from" of a part, if it has sources: [["rnn"], [null, 3, 2]], all of the part rnn and two
 * features of the input. */
void recur__wiring_put(recur__json_writer *w, const recur_layer_info *info);

/* How many sources an object has; 0: all of the part before it. A "from" that says none counts as
 * one, which cannot be taken. */
int64_t recur__wiring_count(recur__json object);

/* Those of part i, whose names are those of parts before it. */
recur_status recur__wiring_take(const char *where, recur__json object, int64_t i,
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

/* ---- parameters (parameters.c) -------------------------------------------------------------- */

/* Where all parameters of a layer lie in a file, one behind the other; UNSUPPORTED if they do not.
 */
recur_status recur__layer_find(recur_file *file, const char *prefix, const recur_layer *layer,
                               const float **params);

/* ---- samples (sample.c) --------------------------------------------------------------- */

/* Runs a sample and adds it to the file; tolerance: the one to say in the structure. */
recur_status recur__sample_put(const recur_layer *layer, recur_file *file, const char *prefix,
                               const recur_model_sample *sample, double *tolerance);

/* Runs the sample of the file. */
recur_status recur__sample_check(const recur_layer *layer, recur_file *file, const char *prefix,
                                 double tolerance);

#endif
