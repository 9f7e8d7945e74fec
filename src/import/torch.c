/* torch.c - state dicts of PyTorch in JSON: tensors by name. The names before the last dot are
 * modules, and their order in the file is the order in which they run. A tensor lies as here, so
 * only names and shapes have to be understood. What a state dict does not say, such as functions
 * between modules, is not guessed: two linear maps in a row are refused. */
#include "import/import.h"

enum { MOST_LAYERS = 32, LONGEST = RECUR__IMPORT_NAME };

/* Tensors that follow each other in the file and have the same name before the last dot. */
typedef struct module {
    const char *place;     /* of the dict */
    char prefix[LONGEST];  /* "rec.", or "" */
    char name[LONGEST];    /* of the part: "rec" */
    recur__json first;     /* the key of its first tensor */
    recur__json_items all; /* before that */
    int64_t tensors, span; /* how many, and members from the first tensor to the last */
} module;

typedef struct reader {
    recur__import *in;
    bool strict;      /* all members are tensors */
    bool after_a_map; /* the last module is linear or a convolution */
} reader;

/* ---- tensors of a module -------------------------------------------------------------------- */

static recur__place place_of(const module *m, const char *name)
{
    return recur__place_of("%.40s%s%.90s%.40s", m->place, *m->place ? "." : "", m->prefix, name);
}

static recur__json tensor(const module *m, const char *name)
{
    const recur__place whole = recur__place_of("%s%.60s", m->prefix, name);
    recur__json_items items = m->all;
    for (int64_t i = 0; i < m->span && recur__json_next(&items); i++)
        if (recur__json_is(items.key, whole.text)) return items.value;
    return (recur__json){ NULL, NULL };
}

static recur_status shape(const recur__import *in, const module *m, const char *name, int rank,
                          int64_t *dim)
{
    const recur__json value = tensor(m, name);
    return recur__import_shape(in, place_of(m, name).text, value.at ? value : m->first, rank, dim);
}

/* Into the tensor of the same name. */
static recur_status fill(const recur__import *in, const module *m, const char *name,
                         recur_layer *layer)
{
    recur_tensor t = { .size = sizeof t };
    for (int64_t i = 0; i < recur_layer_tensor_count(layer); i++) {
        RECUR__CHECK(recur_layer_tensor_info(layer, i, &t));
        if (strcmp(t.name, name) == 0) break;
    }
    return recur__import_plain(in, place_of(m, name).text, tensor(m, name), t.rank, t.dim,
                               recur_layer_params(layer) + t.offset);
}

/* All tensors of a layer, which must be all of the module. */
static recur_status fill_all(const recur__import *in, const module *m, recur_layer *layer)
{
    const int64_t count = recur_layer_tensor_count(layer);
    if (m->tensors != count)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place_of(m, "").text, m->first,
                                  "the module has %lld tensors, of which %lld are understood",
                                  (long long)m->tensors, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        recur_tensor t = { .size = sizeof t };
        RECUR__CHECK(recur_layer_tensor_info(layer, i, &t));
        RECUR__CHECK(fill(in, m, t.name, layer));
    }
    return RECUR_OK;
}

/* ---- kinds of modules ----------------------------------------------------------------------- */

/* The shapes of layer k of a stack: [G H][inputs] and [G H][H]. */
static recur_status check_layer(const recur__import *in, const module *m, int64_t k,
                                const int64_t U[2])
{
    int64_t dim[2], square[2];
    const recur__place W = recur__place_of("weight_ih_l%lld", (long long)k);
    const recur__place hh = recur__place_of("weight_hh_l%lld", (long long)k);
    RECUR__CHECK(shape(in, m, W.text, 2, dim));
    RECUR__CHECK(shape(in, m, hh.text, 2, square));
    if (dim[0] == U[0] && square[0] == U[0] && square[1] == U[1] && (k == 0 || dim[1] == U[1]))
        return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, place_of(m, W.text).text, m->first,
                              "[%lld][%lld] and [%lld][%lld] do not fit weight_hh_l0 "
                              "[%lld][%lld]",
                              (long long)dim[0], (long long)dim[1], (long long)square[0],
                              (long long)square[1], (long long)U[0], (long long)U[1]);
}

/* LSTM or GRU: by the rows of weight_hh. */
static recur_status cell_of(const recur__import *in, const module *m, const int64_t U[2],
                            int32_t *out)
{
    *out = U[0] == 4 * U[1] ? RECUR_CELL_LSTM : RECUR_CELL_GRU;
    if (U[0] == 4 * U[1] || U[0] == 3 * U[1]) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_UNSUPPORTED, place_of(m, "weight_hh_l0").text, m->first,
                              "[%lld][%lld] is neither of an LSTM, [4 H][H], nor of a GRU, "
                              "[3 H][H]",
                              (long long)U[0], (long long)U[1]);
}

static recur_status read_recurrent(recur__import *in, const module *m)
{
    int64_t W[2], U[2], L = 0;
    recur_layer *layer;
    recur_recurrent_options options = { .size = sizeof options };
    RECUR__CHECK(shape(in, m, "weight_ih_l0", 2, W));
    RECUR__CHECK(shape(in, m, "weight_hh_l0", 2, U));
    RECUR__CHECK(cell_of(in, m, U, &options.cell));
    while (L <= MOST_LAYERS &&
           tensor(m, recur__place_of("weight_ih_l%lld", (long long)L).text).at) {
        if (L < MOST_LAYERS) RECUR__CHECK(check_layer(in, m, L, U));
        L++;
    }
    if (L > MOST_LAYERS)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place_of(m, "").text, m->first,
                                  "more than %d layers are not read", MOST_LAYERS);
    options.input_size = W[1];
    options.hidden_size = U[1];
    options.num_layers = L;
    options.flags = tensor(m, "bias_ih_l0").at ? 0 : RECUR_LAYER_NO_BIAS;
    RECUR__CHECK(recur_recurrent_create(in->ctx, &options, &layer));
    RECUR__CHECK(recur__import_add(in, place_of(m, "").text, m->first, m->name, layer));
    return fill_all(in, m, layer);
}

static recur_status read_linear(recur__import *in, const module *m)
{
    int64_t dim[2]; /* out, in */
    recur_layer *layer;
    const uint32_t flags = tensor(m, "bias").at ? 0 : RECUR_LAYER_NO_BIAS;
    RECUR__CHECK(shape(in, m, "weight", 2, dim));
    RECUR__CHECK(recur_linear_create(in->ctx, dim[1], dim[0], flags, &layer));
    RECUR__CHECK(recur__import_add(in, place_of(m, "").text, m->first, m->name, layer));
    return fill_all(in, m, layer);
}

/* Groups follow from what comes in; of a first module, 1. */
static recur_status read_conv(recur__import *in, const module *m)
{
    int64_t dim[3]; /* out, in / groups, kernel */
    recur_layer *layer;
    RECUR__CHECK(shape(in, m, "weight", 3, dim));
    const recur_conv_options options = { .size = sizeof options,
                                         .axis = RECUR_CONV_TIME,
                                         .flags = tensor(m, "bias").at ? 0 : RECUR_LAYER_NO_BIAS,
                                         .in_channels = in->width ? in->width : dim[1],
                                         .out_channels = dim[0],
                                         .kernel = dim[2],
                                         .groups = in->width ? in->width / dim[1] : 1 };
    if (in->width % dim[1])
        return recur__import_fail(in, RECUR_E_FORMAT, place_of(m, "weight").text, m->first,
                                  "%lld features come in, which are no groups of %lld",
                                  (long long)in->width, (long long)dim[1]);
    const recur_status status = recur_conv_create(in->ctx, &options, &layer);
    if (status) return recur__fail_in(place_of(m, "").text, status);
    RECUR__CHECK(recur__import_add(in, place_of(m, "").text, m->first, m->name, layer));
    return fill_all(in, m, layer);
}

/* How deep arrays lie in each other. */
static int rank_of(recur__json value)
{
    int rank = 0;
    while (rank <= RECUR__IMPORT_RANK && recur__json_kind_of(value) == RECUR__JSON_ARRAY) {
        value = recur__import_item(value, 0);
        rank++;
    }
    return rank;
}

static recur_status read_module(reader *r, const module *m)
{
    recur__import *in = r->in;
    if (m->tensors == 0) return RECUR_OK;
    const bool recurrent = tensor(m, "weight_ih_l0").at != NULL;
    const int rank = rank_of(tensor(m, "weight"));
    if (!recurrent && rank != 2 && rank != 3)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place_of(m, "").text, m->first,
                                  "the module is no LSTM or GRU, linear map or convolution");
    if (!recurrent && r->after_a_map)
        return recur__import_fail(in, RECUR_E_UNSUPPORTED, place_of(m, "").text, m->first,
                                  "a linear map or convolution follows another one, and a state "
                                  "dict does not say what stands between them");
    r->after_a_map = !recurrent;
    if (recurrent) return read_recurrent(in, m);
    return rank == 2 ? read_linear(in, m) : read_conv(in, m);
}

/* ---- the dict ------------------------------------------------------------------------------- */

/* The names before the last dot, which also name the part. */
static recur_status take_prefix(const recur__import *in, const char *place, recur__json key,
                                char prefix[LONGEST])
{
    char name[LONGEST];
    const int64_t bytes = recur__json_bytes(key);
    if (bytes < 0 || bytes >= LONGEST)
        return recur__import_fail(in, RECUR_E_FORMAT, place, key,
                                  "a name of at most %d bytes is expected", LONGEST - 1);
    recur__json_copy(key, name);
    const char *dot = strrchr(name, '.');
    const size_t n = dot ? (size_t)(dot - name) + 1 : 0;
    memcpy(prefix, name, n);
    prefix[n] = 0;
    return RECUR_OK;
}

static void begin_module(module *m, const char *prefix, recur__json key, recur__json_items before)
{
    const size_t n = strlen(prefix);
    memcpy(m->prefix, prefix, n + 1);
    m->first = key;
    m->all = before;
    m->tensors = m->span = 0;
    memcpy(m->name, n > 1 ? prefix : "module.", n > 1 ? n + 1 : sizeof "module.");
    m->name[strlen(m->name) - 1] = 0;
    for (char *at = m->name; *at; at++)
        if (*at == '.') *at = '_';
}

static recur_status read_dict(reader *r, const char *place, recur__json dict)
{
    module m = { .place = place };
    char prefix[LONGEST];
    int64_t members = 0; /* since the module began */
    recur__json_items items = recur__json_items_of(dict), before = items;
    for (; recur__json_next(&items); before = items) {
        members++;
        if (!r->strict && recur__json_kind_of(items.value) != RECUR__JSON_ARRAY) continue;
        RECUR__CHECK(take_prefix(r->in, place, items.key, prefix));
        if (m.tensors == 0 || strcmp(prefix, m.prefix) != 0) {
            RECUR__CHECK(read_module(r, &m));
            begin_module(&m, prefix, items.key, before);
            members = 1;
        }
        m.tensors++;
        m.span = members;
    }
    return read_module(r, &m);
}

/* ---- what the file says of the network ------------------------------------------------------ */

static recur_status check_number(const recur__import *in, recur__json model_data, const char *name,
                                 int64_t is)
{
    const recur__import_range range = { .least = 1, .otherwise = is };
    int64_t said;
    RECUR__CHECK(recur__import_whole(in, "model_data", model_data, name, range, &said));
    if (said == is) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, "model_data", model_data,
                              "%s is %lld, but the tensors say %lld", name, (long long)said,
                              (long long)is);
}

/* A member that is there is this word. */
static recur_status check_word(const recur__import *in, recur__json model_data, const char *name,
                               const char *word)
{
    recur__json value;
    RECUR__CHECK(recur__import_member(in, "model_data", model_data, name, &value));
    if (!value.at || recur__json_is(value, word)) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_UNSUPPORTED, "model_data", value,
                              "%s is %.60s, and the only one that is read here is %s", name,
                              recur__json_say(value).text, word);
}

static recur_status check_model_data(const recur__import *in, recur__json model_data)
{
    recur_layer_info info = { .size = sizeof info };
    if (!model_data.at || in->count == 1) return RECUR_OK;
    RECUR__CHECK(check_word(in, model_data, "model", "SimpleRNN"));
    RECUR__CHECK(check_number(in, model_data, "input_size", in->input_size));
    RECUR__CHECK(check_number(in, model_data, "output_size", in->width));
    RECUR__CHECK(recur_layer_describe(in->layer[1], -1, &info));
    if (info.kind != RECUR_KIND_RECURRENT) return RECUR_OK;
    RECUR__CHECK(
        check_word(in, model_data, "unit_type", info.variant == RECUR_CELL_LSTM ? "LSTM" : "GRU"));
    RECUR__CHECK(check_number(in, model_data, "hidden_size", info.hidden_size));
    return check_number(in, model_data, "num_layers", info.num_layers);
}

recur_status recur__import_torch(recur__import *in, const char *place, recur__json dict,
                                 recur__json model_data)
{
    reader r = { .in = in, .strict = *place != 0 };
    if (recur__json_kind_of(dict) != RECUR__JSON_OBJECT)
        return recur__import_fail(in, RECUR_E_FORMAT, place, dict,
                                  "an object of tensors is expected");
    RECUR__CHECK(read_dict(&r, place, dict));
    return check_model_data(in, model_data);
}
