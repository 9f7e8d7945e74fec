/* keras.c - the layers of Keras in RTNeural's JSON. Kernels are [in][out], those of convolutions
 * [kernel][in][out], so all of them go to their tensors by strides. Gates of an LSTM are i, f, c, o
 * as here; those of a GRU are z, r, n, and the first two change places. */
#include <math.h>

#include "import/import.h"

/* A layer of the file. */
typedef struct source {
    const char *place; /* "layers[3]" */
    const char *name;  /* of its part: "gru3" */
    recur__json object, weights;
    recur__json_words function; /* its "activation"; empty: none */
} source;

static recur__place weights_place(const source *s, int64_t i)
{
    return recur__place_of("%.90s.weights[%lld]", s->place, (long long)i);
}

static recur_status shape(const recur__import *in, const source *s, int64_t i, int rank,
                          int64_t *dim)
{
    const recur__json value = recur__import_item(s->weights, i);
    return recur__import_shape(in, weights_place(s, i).text, value.at ? value : s->object, rank,
                               dim);
}

static recur_status add(recur__import *in, const source *s, recur_layer *layer)
{
    return recur__import_add(in, s->place, s->object, s->name, layer);
}

static recur_status numbers(const recur__import *in, const source *s, int64_t i,
                            const recur__import_target *target)
{
    return recur__import_numbers(in, weights_place(s, i).text, recur__import_item(s->weights, i),
                                 target);
}

/* Array number i, [rows][columns], into a tensor [columns][rows]. */
static recur_status transposed(const recur__import *in, const source *s, int64_t i,
                               const int64_t dim[2], float *to)
{
    const recur__import_target target = {
        .to = to, .rank = 2, .dim = { dim[0], dim[1] }, .stride = { 1, dim[0] }
    };
    return numbers(in, s, i, &target);
}

static recur_status vector(const recur__import *in, const source *s, int64_t i, int64_t n,
                           float *to)
{
    return recur__import_plain(in, weights_place(s, i).text, recur__import_item(s->weights, i), 1,
                               &n, to);
}

/* So many arrays, or one less: the last is a bias. */
static recur_status check_count(const recur__import *in, const source *s, int64_t most, bool *bias)
{
    const int64_t count = recur__json_count(s->weights);
    *bias = count == most;
    if (count == most || count == most - 1) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, s->place, s->object,
                              "\"weights\" has %lld arrays; %lld or %lld are expected",
                              (long long)count, (long long)most - 1, (long long)most);
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static recur_status read_dense(recur__import *in, const source *s)
{
    int64_t dim[2];
    bool bias;
    recur_layer *layer;
    RECUR__CHECK(check_count(in, s, 2, &bias));
    RECUR__CHECK(shape(in, s, 0, 2, dim));
    const uint32_t flags = bias ? 0 : RECUR_LAYER_NO_BIAS;
    RECUR__CHECK(recur_linear_create(in->ctx, dim[0], dim[1], flags, &layer));
    RECUR__CHECK(add(in, s, layer));
    RECUR__CHECK(transposed(in, s, 0, dim, recur__import_tensor(layer, "weight")));
    return bias ? vector(in, s, 1, dim[1], recur__import_tensor(layer, "bias")) : RECUR_OK;
}

static recur_status conv_options(const recur__import *in, const source *s, const int64_t dim[3],
                                 bool bias, recur_conv_options *out)
{
    const recur__import_range one = { .least = 1, .otherwise = 1 };
    const recur__import_range length = { .least = 1, .otherwise = dim[0] };
    int64_t kernel, stride;
    *out = (recur_conv_options){ .size = sizeof *out, .axis = RECUR_CONV_TIME };
    RECUR__CHECK(recur__import_whole(in, s->place, s->object, "kernel_size", length, &kernel));
    RECUR__CHECK(recur__import_whole(in, s->place, s->object, "strides", one, &stride));
    RECUR__CHECK(recur__import_whole(in, s->place, s->object, "dilation", one, &out->dilation));
    RECUR__CHECK(recur__import_whole(in, s->place, s->object, "groups", one, &out->groups));
    out->flags = bias ? 0 : RECUR_LAYER_NO_BIAS;
    out->kernel = dim[0];
    out->in_channels = dim[1] * out->groups;
    out->out_channels = dim[2];
    if (stride != 1)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, s->place, s->object,
                                  "strides is %lld; over time only 1 is possible",
                                  (long long)stride);
    if (kernel == dim[0]) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, s->place, s->object,
                              "kernel_size is %lld, but the kernel has %lld steps",
                              (long long)kernel, (long long)dim[0]);
}

static recur_status read_conv1d(recur__import *in, const source *s)
{
    int64_t dim[3]; /* kernel, in / groups, out */
    bool bias;
    recur_layer *layer;
    recur_conv_options options;
    RECUR__CHECK(check_count(in, s, 2, &bias));
    RECUR__CHECK(shape(in, s, 0, 3, dim));
    RECUR__CHECK(conv_options(in, s, dim, bias, &options));
    const recur_status status = recur_conv_create(in->ctx, &options, &layer);
    if (status) return recur__fail_in(s->place, status);
    RECUR__CHECK(add(in, s, layer));
    const recur__import_target target = { .to = recur__import_tensor(layer, "weight"),
                                          .rank = 3,
                                          .dim = { dim[0], dim[1], dim[2] },
                                          .stride = { 1, dim[0], dim[0] * dim[1] } };
    RECUR__CHECK(numbers(in, s, 0, &target));
    return bias ? vector(in, s, 1, dim[2], recur__import_tensor(layer, "bias")) : RECUR_OK;
}

/* The matrices of a recurrence with so many gates, and its layer. */
static recur_status recurrent(recur__import *in, const source *s, int cell, int64_t gates,
                              bool *bias, recur_layer **out)
{
    int64_t W[2], U[2];
    const char *function = s->function.text;
    if (*function && strcmp(function, "tanh") != 0)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, s->place, s->object,
                                  "its activation is \"%.40s\"; only \"tanh\" is read", function);
    RECUR__CHECK(check_count(in, s, 3, bias));
    RECUR__CHECK(shape(in, s, 0, 2, W));
    RECUR__CHECK(shape(in, s, 1, 2, U));
    if (U[1] != gates * U[0] || W[1] != U[1])
        return recur__import_fail(
            in, RECUR_E_FORMAT, s->place, s->object,
            "kernels [%lld][%lld] and [%lld][%lld] are not those of %lld "
            "gates: [inputs][%lld units] and [units][%lld units] are expected",
            (long long)W[0], (long long)W[1], (long long)U[0], (long long)U[1], (long long)gates,
            (long long)gates, (long long)gates);
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = cell,
                                              .input_size = W[0],
                                              .hidden_size = U[0],
                                              .flags = *bias ? 0 : RECUR_LAYER_NO_BIAS };
    RECUR__CHECK(recur_recurrent_create(in->ctx, &options, out));
    RECUR__CHECK(add(in, s, *out));
    RECUR__CHECK(transposed(in, s, 0, W, recur__import_tensor(*out, "weight_ih_l0")));
    return transposed(in, s, 1, U, recur__import_tensor(*out, "weight_hh_l0"));
}

/* The second bias stays zero. */
static recur_status read_lstm(recur__import *in, const source *s)
{
    bool bias;
    recur_layer *layer;
    RECUR__CHECK(recurrent(in, s, RECUR_CELL_LSTM, 4, &bias, &layer));
    if (!bias) return RECUR_OK;
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    float *b = recur__import_tensor(layer, "bias_ih_l0");
    return vector(in, s, 2, 4 * info.hidden_size, b);
}

/* z and r of a tensor, n floats each, change places. */
static void exchange_gates(float *at, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float z = at[i];
        at[i] = at[n + i];
        at[n + i] = z;
    }
}

/* Biases are [2][3H]: of W x, and of U h, which the reset comes behind. */
static recur_status read_gru(recur__import *in, const source *s)
{
    bool bias;
    recur_layer *layer;
    recur_layer_info info = { .size = sizeof info };
    RECUR__CHECK(recurrent(in, s, RECUR_CELL_GRU, 3, &bias, &layer));
    RECUR__CHECK(recur_layer_describe(layer, -1, &info));
    const int64_t H = info.hidden_size, dim[2] = { 2, 3 * H };
    exchange_gates(recur__import_tensor(layer, "weight_ih_l0"), H * info.input_size);
    exchange_gates(recur__import_tensor(layer, "weight_hh_l0"), H * H);
    if (!bias) return RECUR_OK;
    float *b = recur__import_tensor(layer, "bias_ih_l0"); /* and bias_hh_l0 behind it */
    RECUR__CHECK(recur__import_plain(in, weights_place(s, 2).text,
                                     recur__import_item(s->weights, 2), 2, dim, b));
    exchange_gates(b, H);
    exchange_gates(b + 3 * H, H);
    return RECUR_OK;
}

/* ---- rows to rows --------------------------------------------------------------------------- */

/* Element i of each of the arrays; [gamma, beta,] mean, variance. */
static recur_status fold(const recur__import *in, const source *s, int64_t n, double epsilon,
                         recur_layer *layer)
{
    float *weight = recur__import_tensor(layer, "weight");
    float *bias = recur__import_tensor(layer, "bias");
    const int count = (int)recur__json_count(s->weights);
    recur__json_items items[4];
    for (int k = 0; k < count; k++)
        items[k] = recur__json_items_of(recur__import_item(s->weights, k));
    for (int64_t i = 0; i < n; i++) {
        float x[4] = { 1, 0, 0, 0 };
        float *const moments = x + 4 - count;
        for (int k = 0; k < count; k++) {
            recur__json_next(&items[k]); /* they were counted */
            const recur__place at = recur__place_of("%.120s[%lld]", weights_place(s, k).text,
                                                    (long long)i);
            RECUR__CHECK(recur__import_float(in, at.text, items[k].value, moments + k));
        }
        const double scale = x[0] / sqrt((double)x[3] + epsilon);
        weight[i] = (float)scale;
        bias[i] = (float)(x[1] - scale * x[2]);
        if (!isfinite(weight[i]) || !isfinite(bias[i]))
            return recur__import_fail(in, RECUR_E_FORMAT, s->place, s->object,
                                      "feature %lld has the variance %g, so that its normalisation "
                                      "is not finite",
                                      (long long)i, (double)x[3]);
    }
    return RECUR_OK;
}

static recur_status read_batchnorm(recur__import *in, const source *s)
{
    int64_t n, other;
    recur__json epsilon;
    float e;
    recur_layer *layer;
    const int64_t count = recur__json_count(s->weights);
    if (count != 2 && count != 4)
        return recur__import_fail(in, RECUR_E_FORMAT, s->place, s->object,
                                  "\"weights\" has %lld arrays; 2 or 4 are expected",
                                  (long long)count);
    RECUR__CHECK(shape(in, s, 0, 1, &n));
    for (int64_t k = 1; k < count; k++) {
        RECUR__CHECK(shape(in, s, k, 1, &other));
        if (other != n)
            return recur__import_fail(in, RECUR_E_FORMAT, weights_place(s, k).text, s->object,
                                      "it has %lld numbers, but the first array %lld",
                                      (long long)other, (long long)n);
    }
    RECUR__CHECK(recur__import_member(in, s->place, s->object, "epsilon", &epsilon));
    RECUR__CHECK(recur__import_float(in, s->place, epsilon.at ? epsilon : s->object, &e));
    RECUR__CHECK(recur_affine_create(in->ctx, n, 1, 0, &layer));
    RECUR__CHECK(add(in, s, layer));
    double exact = e;
    recur__json_double(epsilon, &exact);
    return fold(in, s, n, exact, layer);
}

/* [1][features], or [1][1] for all of them. */
static recur_status read_prelu(recur__import *in, const source *s)
{
    int64_t dim[2];
    recur_layer *layer;
    RECUR__CHECK(shape(in, s, 0, 2, dim));
    if (dim[0] != 1)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, weights_place(s, 0).text, s->object,
                                  "a PReLU with other weights at each of %lld steps is not read",
                                  (long long)dim[0]);
    const int64_t length = dim[1] == 1 ? in->width : 1;
    RECUR__CHECK(recur_prelu_create(in->ctx, dim[1], length, &layer));
    RECUR__CHECK(add(in, s, layer));
    return recur__import_plain(in, weights_place(s, 0).text, recur__import_item(s->weights, 0), 2,
                               dim, recur_layer_params(layer));
}

/* A function alone: it is added behind every kind. */
static recur_status read_activation(recur__import *in, const source *s)
{
    (void)in;
    (void)s;
    return RECUR_OK;
}

/* ---- layers --------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    int32_t function; /* RECUR_ACTIVATION_*; 0: softmax */
} FUNCTIONS[] = { { "tanh", RECUR_ACTIVATION_TANH },
                  { "relu", RECUR_ACTIVATION_RELU },
                  { "sigmoid", RECUR_ACTIVATION_SIGMOID },
                  { "elu", RECUR_ACTIVATION_ELU },
                  { "softmax", 0 } };

static recur_status add_function(recur__import *in, const source *s)
{
    enum { COUNT = sizeof FUNCTIONS / sizeof *FUNCTIONS };
    const char *word = s->function.text;
    recur_layer *layer;
    int i = 0;
    if (*word == 0 || strcmp(word, "linear") == 0) return RECUR_OK;
    while (i < COUNT && strcmp(word, FUNCTIONS[i].word) != 0) i++;
    if (i == COUNT)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, s->place, s->object,
                                  "its activation \"%.40s\" is none of tanh, relu, sigmoid, elu, "
                                  "softmax, linear",
                                  word);
    const int32_t function = FUNCTIONS[i].function;
    if (function) {
        RECUR__CHECK(recur_activation_create(in->ctx, in->width, function, &layer));
    } else {
        RECUR__CHECK(recur_softmax_create(in->ctx, in->width, &layer));
    }
    const recur__place name = recur__place_of("%.60s_%s", s->name, word);
    return recur__import_add(in, s->place, s->object, name.text, layer);
}

static const struct {
    const char *word, *name;
    recur_status (*read)(recur__import *in, const source *s);
    bool has_function; /* its "activation" is a part of the layer */
} TYPES[] = { { "dense", "dense", read_dense, false },
              { "time-distributed-dense", "dense", read_dense, false },
              { "conv1d", "conv", read_conv1d, false },
              { "gru", "gru", read_gru, true },
              { "lstm", "lstm", read_lstm, true },
              { "batchnorm", "batchnorm", read_batchnorm, false },
              { "prelu", "prelu", read_prelu, false },
              { "activation", "activation", read_activation, false } };
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

/* The last number of "shape" is how many features the layer gives. */
static recur_status check_shape(const recur__import *in, const source *s)
{
    const recur__import_range range = { .least = 1, .otherwise = in->width };
    int64_t width;
    RECUR__CHECK(recur__import_whole(in, s->place, s->object, "shape", range, &width));
    if (width == in->width) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, s->place, s->object,
                              "\"shape\" ends in %lld, but the layer gives %lld features",
                              (long long)width, (long long)in->width);
}

static recur_status take_function(const recur__import *in, source *s)
{
    recur__json value;
    RECUR__CHECK(recur__import_member(in, s->place, s->object, "activation", &value));
    s->function.text[0] = 0;
    if (!value.at || recur__json_kind_of(value) == RECUR__JSON_NULL) return RECUR_OK;
    if (recur__json_kind_of(value) != RECUR__JSON_STRING)
        return recur__import_fail(in, RECUR_E_FORMAT, s->place, value,
                                  "\"activation\" is %.40s; a string is expected",
                                  recur__json_say(value).text);
    s->function = recur__json_say(value);
    return RECUR_OK;
}

static recur_status read_layer(recur__import *in, const char *place, int64_t index,
                               recur__json object)
{
    recur__json type;
    source s = { .place = place, .object = object };
    int i = 0;
    RECUR__CHECK(recur__import_member(in, place, object, "type", &type));
    if (recur__json_kind_of(type) != RECUR__JSON_STRING)
        return recur__import_fail(in, RECUR_E_FORMAT, place, object,
                                  "an object with a string \"type\" is expected");
    while (i < TYPE_COUNT && !recur__json_is(type, TYPES[i].word)) i++;
    if (i == TYPE_COUNT)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place, type,
                                  "a layer of type \"%.60s\" is not read",
                                  recur__json_say(type).text);
    const recur__place name = recur__place_of("%s%lld", TYPES[i].name, (long long)index);
    s.name = name.text;
    RECUR__CHECK(take_function(in, &s));
    RECUR__CHECK(recur__import_member(in, place, object, "weights", &s.weights));
    RECUR__CHECK(TYPES[i].read(in, &s));
    RECUR__CHECK(check_shape(in, &s));
    return TYPES[i].has_function ? RECUR_OK : add_function(in, &s);
}

recur_status recur__import_keras(recur__import *in, recur__json layers)
{
    if (recur__json_kind_of(layers) != RECUR__JSON_ARRAY)
        return recur__import_fail(in, RECUR_E_FORMAT, "layers", layers,
                                  "an array of layers is expected");
    recur__json_items items = recur__json_items_of(layers);
    for (int64_t i = 0; recur__json_next(&items); i++) {
        const recur__place place = recur__place_of("layers[%lld]", (long long)i);
        RECUR__CHECK(read_layer(in, place.text, i, items.value));
    }
    return RECUR_OK;
}
