/* nam.c - LSTMs of Neural Amp Modeler. All numbers stand in one array, "weights": for each layer
 * the rows of [W | U], gates in the order i, f, g, o, then one bias, h0 and c0; then the weight and
 * the bias of the head. */
#include "import/import.h"

enum { GATES = 4, MOST_LAYERS = 1024 };

typedef struct config {
    int64_t I, H, L, O;
} config;

static recur_status check_architecture(const recur__import *in, recur__json root)
{
    recur__json value;
    RECUR__CHECK(recur__import_member(in, "", root, "architecture", &value));
    if (recur__json_is(value, "LSTM")) return RECUR_OK;
    if (recur__json_kind_of(value) != RECUR__JSON_STRING)
        return recur__import_fail(in, RECUR_E_FORMAT, "", root,
                                  "a .nam file has a string \"architecture\", and this has none");
    return recur__import_fail(in, RECUR_E_UNSUPPORTED, "architecture", value,
                              "it is \"%.60s\", and only \"LSTM\" is read: use a program that runs "
                              "%.60s",
                              recur__json_say(value).text, recur__json_say(value).text);
}

static recur_status take_config(const recur__import *in, recur__json root, config *c)
{
    const char *const place = "config";
    const recur__import_range required = { .least = 1 }, one = { .least = 1, .otherwise = 1 };
    recur__json object;
    int64_t channels;
    RECUR__CHECK(recur__import_member(in, "", root, place, &object));
    RECUR__CHECK(recur__import_whole(in, place, object, "input_size", required, &c->I));
    RECUR__CHECK(recur__import_whole(in, place, object, "hidden_size", required, &c->H));
    RECUR__CHECK(recur__import_whole(in, place, object, "num_layers", required, &c->L));
    RECUR__CHECK(recur__import_whole(in, place, object, "out_channels", one, &c->O));
    const recur__import_range same = { .least = 1, .otherwise = c->I };
    RECUR__CHECK(recur__import_whole(in, place, object, "in_channels", same, &channels));
    if (channels != c->I)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place, object,
                                  "in_channels is %lld, but input_size is %lld",
                                  (long long)channels, (long long)c->I);
    if (c->L <= MOST_LAYERS) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_UNSUPPORTED, place, object,
                              "num_layers is %lld; at most %d are possible", (long long)c->L,
                              MOST_LAYERS);
}

/* How many numbers there must be. No overflow: sizes are at most 2^20, layers 2^10. */
static int64_t weights_of(const config *c)
{
    const int64_t rest = (GATES + 2) * c->H; /* b, h0, c0 */
    const int64_t first = GATES * c->H * (c->I + c->H) + rest;
    const int64_t other = GATES * c->H * (c->H + c->H) + rest;
    return first + (c->L - 1) * other + c->O * (c->H + 1);
}

static recur_status check_count(const recur__import *in, recur__json weights, const config *c)
{
    const int64_t wanted = weights_of(c);
    if (recur__json_kind_of(weights) != RECUR__JSON_ARRAY)
        return recur__import_fail(in, RECUR_E_FORMAT, "weights", weights,
                                  "an array of %lld numbers is expected, and not there",
                                  (long long)wanted);
    const int64_t count = recur__json_count(weights);
    if (count == wanted) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, "weights", weights,
                              "%lld layers of %lld units with %lld inputs and %lld outputs have "
                              "%lld weights, but there are %lld",
                              (long long)c->L, (long long)c->H, (long long)c->I, (long long)c->O,
                              (long long)wanted, (long long)count);
}

/* ---- numbers, one after the other ----------------------------------------------------------- */

typedef struct weights {
    recur__json_items items;
    int64_t at;
} weights;

static recur_status take(const recur__import *in, weights *w, int64_t n, float *to)
{
    for (int64_t i = 0; i < n; i++) {
        recur__json_next(&w->items); /* they were counted */
        const int64_t at = w->at++;
        if (recur__json_float(w->items.value, to + i)) continue;
        const recur__place place = recur__place_of("weights[%lld]", (long long)at);
        return recur__import_float(in, place.text, w->items.value, to + i);
    }
    return RECUR_OK;
}

static float *tensor(recur_layer *layer, const char *name, int64_t k)
{
    return recur__import_tensor(layer, recur__place_of("%s_l%lld", name, (long long)k).text);
}

/* The second bias of the layer stays zero. */
static recur_status take_layer(const recur__import *in, weights *w, const config *c,
                               recur_layer *rnn, int64_t k)
{
    const int64_t H = c->H, I = k ? H : c->I;
    float *W = tensor(rnn, "weight_ih", k), *U = tensor(rnn, "weight_hh", k);
    for (int64_t row = 0; row < GATES * H; row++) {
        RECUR__CHECK(take(in, w, I, W + row * I));
        RECUR__CHECK(take(in, w, H, U + row * H));
    }
    RECUR__CHECK(take(in, w, GATES * H, tensor(rnn, "bias_ih", k)));
    RECUR__CHECK(take(in, w, H, tensor(rnn, "h0", k)));
    return take(in, w, H, tensor(rnn, "c0", k));
}

recur_status recur__import_nam(recur__import *in, recur__json root)
{
    config c;
    recur__json array;
    recur_layer *rnn, *head;
    RECUR__CHECK(check_architecture(in, root));
    RECUR__CHECK(take_config(in, root, &c));
    RECUR__CHECK(recur__import_member(in, "", root, "weights", &array));
    RECUR__CHECK(check_count(in, array, &c));
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_LSTM,
                                              .input_size = c.I,
                                              .hidden_size = c.H,
                                              .num_layers = c.L,
                                              .flags = RECUR_LAYER_LEARN_INITIAL_STATE };
    RECUR__CHECK(recur_recurrent_create(in->ctx, &options, &rnn));
    RECUR__CHECK(recur__import_add(in, "config", array, "rnn", rnn));
    RECUR__CHECK(recur_linear_create(in->ctx, c.H, c.O, 0, &head));
    RECUR__CHECK(recur__import_add(in, "config", array, "head", head));
    weights w = { .items = recur__json_items_of(array) };
    for (int64_t k = 0; k < c.L; k++) RECUR__CHECK(take_layer(in, &w, &c, rnn, k));
    RECUR__CHECK(take(in, &w, c.O * c.H, recur__import_tensor(head, "weight")));
    return take(in, &w, c.O, recur__import_tensor(head, "bias"));
}
