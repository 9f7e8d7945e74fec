/* import.h - layers out of other programs' JSON, inside.
 *
 *     text ──▶ nam.c                     ──┐ parts, one after the other     ┌──▶ graph
 *         └──▶ rtneural.c ──▶ keras.c    ──┼──────────────▶ recur__import ──┘
 *                        └──▶ torch.c    ──┘ numbers.c: arrays ──▶ parameters
 *
 * Arrays are walked where they lie, and their numbers go to the parameters of a layer at once; the
 * other order of axes in a file is but other strides. A layer is made when the text is known to
 * have as many numbers as the layer has parameters, so that no text gets memory for a size that it
 * only claims. */
#ifndef RECUR__IMPORT_H
#define RECUR__IMPORT_H

#include "file/file.h"
#include "json/json.h"

enum {
    RECUR__IMPORT_PARTS = 256,    /* in a network, at most */
    RECUR__IMPORT_SIZE = 1 << 20, /* the largest number that is a size */
    RECUR__IMPORT_RANK = 3,
    RECUR__IMPORT_NAME = 100 /* of a part or tensor, with its 0 */
};

/* A network in the making. */
typedef struct recur__import {
    recur_context *ctx;
    const char *text; /* of the file */
    size_t bytes;
    int64_t input_size; /* features of the network's input, */
    int64_t width;      /* and of what the last part gives */
    int64_t count;      /* of places taken. The first is kept for what stands before the layers */
    recur_graph_part part[RECUR__IMPORT_PARTS];
    recur_layer *layer[RECUR__IMPORT_PARTS]; /* NULL in the first place: nothing stands there */
    char name[RECUR__IMPORT_PARTS][RECUR__IMPORT_NAME];
    recur_source source[2]; /* of the skip */
} recur__import;

/* Where something stands, for messages: "layers[2].weights[0]". */
typedef struct recur__place {
    char text[2 * RECUR__IMPORT_NAME];
} recur__place;
recur__place recur__place_of(const char *format, ...) RECUR__PRINTF(1, 2);

/* A failure with its place and the byte at which the value begins. */
recur_status recur__import_fail(const recur__import *in, recur_status code, const char *place,
                                recur__json value, const char *format, ...) RECUR__PRINTF(5, 6);

/* ---- readers: each adds the parts that a text has ------------------------------------------- */

recur_status recur__import_nam(recur__import *in, recur__json root);
recur_status recur__import_rtneural(recur__import *in, recur__json root);
recur_status recur__import_keras(recur__import *in, recur__json layers);
/* dict: of tensors, or the root that has them beside other things. model_data: none, or what the
 * file says of the network. */
recur_status recur__import_torch(recur__import *in, const char *place, recur__json dict,
                                 recur__json model_data);

/* ---- parts (parts.c) ------------------------------------------------------------------------ */

/* The features of the input, before the first part; 0: the first part says it. */
recur_status recur__import_begin(recur__import *in, recur__json value, int64_t input_size);

/* Adds a layer that takes what the last part gives. The layer is the network's from here on, also
 * after a failure. */
recur_status recur__import_add(recur__import *in, const char *place, recur__json value,
                               const char *name, recur_layer *layer);

/* Puts a layer before the first one, which takes what that gives. */
void recur__import_add_first(recur__import *in, const char *name, recur_layer *layer);

/* The parameters of a tensor of a layer, which must have it. */
float *recur__import_tensor(recur_layer *layer, const char *name);

/* ---- members and numbers (numbers.c) -------------------------------------------------------- */

/* A member of an object; none if it is not there. FORMAT: it is there twice. */
recur_status recur__import_member(const recur__import *in, const char *place, recur__json object,
                                  const char *name, recur__json *out);

/* A member that is a whole number from `least` on, or an array whose last element is one.
 * otherwise: its value if it is not there or null; below `least`: it must be there. */
typedef struct recur__import_range {
    int64_t least, otherwise;
} recur__import_range;
recur_status recur__import_whole(const recur__import *in, const char *place, recur__json object,
                                 const char *name, recur__import_range range, int64_t *out);

/* Element number i of an array; none if there is no such one. */
recur__json recur__import_item(recur__json array, int64_t i);

/* The shape of arrays in arrays, as its first elements say it: every dimension is above 0, and the
 * text has room for so many numbers. FORMAT: it has another rank, or something else is there. */
recur_status recur__import_shape(const recur__import *in, const char *place, recur__json value,
                                 int rank, int64_t *dim);

/* Where the numbers of arrays in arrays go: number (i, j, k) to to[i s0 + j s1 + k s2]. */
typedef struct recur__import_target {
    float *to;
    int rank;
    int64_t dim[RECUR__IMPORT_RANK];
    int64_t stride[RECUR__IMPORT_RANK];
} recur__import_target;
recur_status recur__import_numbers(const recur__import *in, const char *place, recur__json value,
                                   const recur__import_target *target);

/* The same for arrays that lie as the tensor does. */
recur_status recur__import_plain(const recur__import *in, const char *place, recur__json value,
                                 int rank, const int64_t *dim, float *to);

/* One number, finite as a float. */
recur_status recur__import_float(const recur__import *in, const char *place, recur__json value,
                                 float *out);

#endif
