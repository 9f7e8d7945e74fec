/* rtneural.c - which of RTNeural's forms a file has, and what stands around the layers: gains, and
 * the input that is added to the output.
 *
 *     x ──▶ in_gain ──┬──▶ layers ──▶ skip ──▶ out_gain ──▶ y
 *                     └─────────────────┘ the first features */
#include <math.h>

#include "base/elementary.h"
#include "import/import.h"

typedef struct frame {
    recur__json layers, state_dict, model_data;
    recur__json in_gain, out_gain;
    int64_t skip;
} frame;

static recur_status take_frame(const recur__import *in, recur__json root, frame *f)
{
    const recur__import_range range = { .least = 0, .otherwise = 0 };
    int64_t in_skip;
    RECUR__CHECK(recur__import_member(in, "", root, "layers", &f->layers));
    RECUR__CHECK(recur__import_member(in, "", root, "state_dict", &f->state_dict));
    RECUR__CHECK(recur__import_member(in, "", root, "model_data", &f->model_data));
    RECUR__CHECK(recur__import_member(in, "", root, "in_gain", &f->in_gain));
    RECUR__CHECK(recur__import_member(in, "", root, "out_gain", &f->out_gain));
    RECUR__CHECK(recur__import_whole(in, "", root, "in_skip", range, &in_skip));
    RECUR__CHECK(recur__import_whole(in, "model_data", f->model_data, "skip", range, &f->skip));
    if (f->skip && in_skip && f->skip != in_skip)
        return recur__import_fail(in, RECUR_E_FORMAT, "", root,
                                  "in_skip is %lld, but skip of model_data is %lld",
                                  (long long)in_skip, (long long)f->skip);
    if (in_skip) f->skip = in_skip;
    return RECUR_OK;
}

/* ---- around the layers ---------------------------------------------------------------------- */

/* A layer of n features that multiplies the first `loud` of them; none if the file has no gain.
 * Decibels; at -90 and below is silence. */
static recur_status make_gain(const recur__import *in, const char *place, recur__json value,
                              int64_t n, int64_t loud, recur_layer **out)
{
    float decibels;
    *out = NULL;
    if (!value.at || recur__json_kind_of(value) == RECUR__JSON_NULL) return RECUR_OK;
    RECUR__CHECK(recur__import_float(in, place, value, &decibels));
    const float gain = decibels > -90 ? (float)recur__pow(10, (double)decibels / 20) : 0;
    if (!isfinite(gain))
        return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                                  "%g decibels are more than a float holds", (double)decibels);
    RECUR__CHECK(recur_affine_create(in->ctx, n, 1, RECUR_LAYER_NO_BIAS, out));
    float *weight = recur_layer_params(*out);
    for (int64_t i = 0; i < n; i++) weight[i] = i < loud ? gain : 1;
    return RECUR_OK;
}

/* Only the first feature of an input is sound: the others are controls. */
static recur_status add_in_gain(recur__import *in, recur__json value)
{
    recur_layer *layer;
    RECUR__CHECK(make_gain(in, "in_gain", value, in->input_size, 1, &layer));
    if (layer) recur__import_add_first(in, "in_gain", layer);
    return RECUR_OK;
}

static recur_status add_out_gain(recur__import *in, recur__json value)
{
    recur_layer *layer;
    RECUR__CHECK(make_gain(in, "out_gain", value, in->width, in->width, &layer));
    return layer ? recur__import_add(in, "out_gain", value, "out_gain", layer) : RECUR_OK;
}

static recur_status add_skip(recur__import *in, recur__json root, int64_t skip)
{
    recur_layer *layer;
    const int64_t O = in->width, i = in->count;
    if (skip == 0) return RECUR_OK;
    if (skip != O || skip > in->input_size)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, "", root,
                                  "the first %lld features of the input are added to the output, "
                                  "but the network has %lld inputs and %lld outputs",
                                  (long long)skip, (long long)in->input_size, (long long)O);
    RECUR__CHECK(recur_merge_create(in->ctx, 2 * O, RECUR_MERGE_SUM, &layer));
    in->width = 2 * O;
    RECUR__CHECK(recur__import_add(in, "", root, "skip", layer));
    in->source[0] = (recur_source){ .part = in->name[i - 1] };
    in->source[1] = (recur_source){ .part = in->layer[0] ? in->name[0] : NULL, .count = skip };
    in->part[i].sources = in->source;
    in->part[i].source_count = 2;
    return RECUR_OK;
}

/* ---- forms ---------------------------------------------------------------------------------- */

static recur_status read_keras(recur__import *in, recur__json root, recur__json layers)
{
    const recur__import_range required = { .least = 1 };
    int64_t input_size;
    RECUR__CHECK(recur__import_whole(in, "", root, "in_shape", required, &input_size));
    RECUR__CHECK(recur__import_begin(in, root, input_size));
    return recur__import_keras(in, layers);
}

static recur_status read_layers(recur__import *in, recur__json root, const frame *f)
{
    if (recur__json_kind_of(root) != RECUR__JSON_OBJECT)
        return recur__import_fail(in, RECUR_E_FORMAT, "", root,
                                  "an object is expected, with \"layers\", \"state_dict\" or "
                                  "tensors in it");
    if (f->layers.at) return read_keras(in, root, f->layers);
    if (f->state_dict.at)
        return recur__import_torch(in, "state_dict", f->state_dict, f->model_data);
    return recur__import_torch(in, "", root, f->model_data);
}

recur_status recur__import_rtneural(recur__import *in, recur__json root)
{
    frame f;
    RECUR__CHECK(take_frame(in, root, &f));
    RECUR__CHECK(read_layers(in, root, &f));
    if (in->count == 1) return RECUR_OK; /* the caller says that there is no layer */
    RECUR__CHECK(add_in_gain(in, f.in_gain));
    RECUR__CHECK(add_skip(in, root, f.skip));
    return add_out_gain(in, f.out_gain);
}
