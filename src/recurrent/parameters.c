/* parameters.c - the parameters and states of a recurrent layer: names, shapes, places, and what
 * they begin with. */
#include <stdio.h>

#include "recurrent/recurrent.h"

/* ---- parameters ----------------------------------------------------------------------------- */

/* The tensors of one layer and direction, in their order. Those of 0 rows are not there. */
enum {
    W,
    U,
    B_IH,
    B_HH,
    PROJECT,
    EXTRA,
    INITIAL = EXTRA + RECUR__EXTRAS,
    TENSORS = INITIAL + RECUR__STATES
};
typedef struct parameter {
    const char *name, *suffix;
    int64_t rows, columns; /* columns 0: a vector */
} parameter;

static void parameters_of(const recur_layer *layer, int64_t l, parameter p[TENSORS])
{
    const recur__spec *s = &layer->spec;
    const recur__cell *cell = s->cell;
    const int64_t H = s->hidden_size, P = recur__output_width(layer),
                  in = l == 0 ? layer->input_size : recur__direction_count(layer) * P;
    const bool biases = !(s->flags & RECUR_LAYER_NO_BIAS),
               learns = s->flags & RECUR_LAYER_LEARN_INITIAL_STATE;
    p[W] = (parameter){ "weight_ih", "", cell->x_gates * H, in };
    p[U] = (parameter){ "weight_hh", "", cell->h_gates * H, P };
    p[B_IH] = (parameter){ "bias_ih", "", biases ? cell->x_gates * H : 0, 0 };
    p[B_HH] = (parameter){ "bias_hh", "", biases ? cell->h_gates * H : 0, 0 };
    p[PROJECT] = (parameter){ "weight_hr", "", s->options.projection_size, H };
    for (int i = 0; i < RECUR__EXTRAS; i++) {
        const recur__extra *t = &cell->extra[i];
        p[EXTRA + i] = (parameter){ t->name, "", t->blocks * H, t->columns };
    }
    for (int i = 0; i < RECUR__STATES; i++) {
        const bool learned = learns && i < cell->states && !cell->state[i].begins_with_zeros;
        p[INITIAL + i] = (parameter){ cell->state[i].name, "0",
                                      learned ? recur__state_width(layer, i) : 0, 0 };
    }
}

static int64_t size_of(const parameter *p) { return p->rows * (p->columns ? p->columns : 1); }

/* As PyTorch has them: forward before reverse. */
static bool describe_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    const int64_t D = recur__direction_count(layer);
    parameter p[TENSORS];
    int64_t there = 0;
    parameters_of(layer, 0, p);
    for (int i = 0; i < TENSORS; i++) there += p[i].rows > 0;
    const int64_t ld = index / there, l = ld / D;
    if (l >= layer->spec.num_layers) return false;
    parameters_of(layer, l, p);
    int i = 0;
    for (int64_t skip = index % there; skip > 0 || p[i].rows == 0; i++) skip -= p[i].rows > 0;
    t->rank = p[i].columns ? 2 : 1;
    t->dim[0] = p[i].rows;
    t->dim[1] = p[i].columns ? p[i].columns : 1;
    if (layer->spec.flags & RECUR_LAYER_CELL_NAMES)
        snprintf(name, 64, "%s%s", p[i].name, p[i].suffix);
    else
        snprintf(name, 64, "%s%s_l%lld%s", p[i].name, p[i].suffix, (long long)l,
                 ld % D ? "_reverse" : "");
    return true;
}

/* Of one layer and direction. */
static int64_t floats_of(const recur_layer *layer, int64_t l)
{
    parameter p[TENSORS];
    int64_t floats = 0;
    parameters_of(layer, l, p);
    for (int i = 0; i < TENSORS; i++) floats += size_of(&p[i]);
    return floats;
}

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d)
{
    const int64_t D = recur__direction_count(layer);
    parameter p[TENSORS];
    float *at = params;
    if (l > 0)
        at += D * floats_of(layer, 0) + ((l - 1) * D + d) * floats_of(layer, l);
    else if (d > 0)
        at += floats_of(layer, 0);
    parameters_of(layer, l, p);
    float *place[TENSORS];
    for (int i = 0; i < TENSORS; at += size_of(&p[i]), i++) place[i] = p[i].rows ? at : NULL;
    return (recur__weights){ .in = p[W].columns,
                             .W = place[W],
                             .U = place[U],
                             .b_ih = place[B_IH],
                             .b_hh = place[B_HH],
                             .project = place[PROJECT],
                             .extra = place[EXTRA],
                             .initial = { place[INITIAL], place[INITIAL + 1] } };
}

static bool starts_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

/* PyTorch's. Extra tensors begin as the table says, initial states with zeros. */
static recur__initial initial_of(const recur_layer *layer, const char *tensor)
{
    const recur__extra *extra = layer->spec.cell->extra;
    const recur__initial uniform = { RECUR__INITIAL_UNIFORM,
                                     1 / __builtin_sqrt((double)layer->spec.hidden_size) };
    for (int i = 0; i < RECUR__EXTRAS; i++) {
        if (!extra[i].name || !starts_with(tensor, extra[i].name)) continue;
        if (extra[i].initial == RECUR__INITIAL_WEIGHTS) return uniform;
        return (recur__initial){ RECUR__INITIAL_CONSTANT, extra[i].initial == RECUR__INITIAL_ONES };
    }
    if (starts_with(tensor, "weight_") || starts_with(tensor, "bias_")) return uniform;
    return (recur__initial){ RECUR__INITIAL_CONSTANT, 0 };
}

/* ---- states --------------------------------------------------------------------------------- */

static recur__state_tensor describe_state(const recur_layer *layer, int64_t s)
{
    return (recur__state_tensor){
        .name = layer->spec.cell->state[s].name,
        .lines = layer->spec.num_layers * recur__direction_count(layer),
        .width = recur__state_width(layer, s),
    };
}

static const float *initial_state(const recur_layer *layer, int64_t s, int64_t line)
{
    const int64_t D = recur__direction_count(layer);
    return recur__weights_of(layer, layer->params, line / D, line % D).initial[s];
}

const recur__parameter_ops recur__recurrent_parameters = {
    .tensor = describe_tensor,
    .initial = initial_of,
};

const recur__state_ops recur__recurrent_states = {
    .tensor = describe_state,
    .initial = initial_state,
};
