/* parameters.c - the parameters and states of a recurrent layer: names, shapes, places, and what
 * they begin with. */
#include <stdio.h>

#include "recurrent/recurrent.h"

int64_t recur__directions(const recur_layer *layer)
{
    return layer->spec.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

int64_t recur__output_width(const recur_layer *layer)
{
    const int64_t P = layer->spec.options.projection_size;
    return P ? P : layer->spec.hidden_size;
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* The tensors of one layer and direction, in their order; those of 0 rows are not there. */
enum { MOST_TENSORS = 7 + RECUR__EXTRAS };
typedef struct parameter {
    const char *name;
    int64_t rows, columns; /* columns 0: a vector */
} parameter;

static int parameters_of(const recur_layer *layer, int64_t l, parameter p[MOST_TENSORS])
{
    const recur__spec *s = &layer->spec;
    const int64_t H = s->hidden_size, P = recur__output_width(layer), GH = s->cell->gates * H,
                  in = l == 0 ? layer->input_size : recur__directions(layer) * P;
    const int64_t biases = s->flags & RECUR_LAYER_NO_BIAS ? 0 : GH,
                  start = s->flags & RECUR_LAYER_LEARN_INITIAL_STATE ? H : 0;
    int n = 0;
    p[n++] = (parameter){ "weight_ih", GH, in };
    p[n++] = (parameter){ "weight_hh", GH, P };
    p[n++] = (parameter){ "bias_ih", biases, 0 };
    p[n++] = (parameter){ "bias_hh", biases, 0 };
    p[n++] = (parameter){ "weight_hr", s->options.projection_size, H };
    for (int i = 0; i < RECUR__EXTRAS; i++)
        p[n++] = (parameter){ s->cell->extra[i].name, s->cell->extra[i].vectors * H, 0 };
    p[n++] = (parameter){ "start_h", start ? P : 0, 0 };
    p[n++] = (parameter){ "start_c", s->cell->states > 1 && !s->cell_options.modules ? start : 0,
                          0 };
    return n;
}

static int64_t size_of(const parameter *p) { return p->rows * (p->columns ? p->columns : 1); }

/* As PyTorch has them: forward before reverse. */
static bool describe_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    const int64_t D = recur__directions(layer);
    parameter p[MOST_TENSORS];
    int64_t there = 0;
    const int n = parameters_of(layer, 0, p);
    for (int i = 0; i < n; i++) there += p[i].rows > 0;
    const int64_t ld = index / there, l = ld / D;
    if (l >= layer->spec.num_layers) return false;
    parameters_of(layer, l, p);
    int i = 0;
    for (int64_t skip = index % there; skip > 0 || p[i].rows == 0; i++) skip -= p[i].rows > 0;
    t->rank = p[i].columns ? 2 : 1;
    t->dim[0] = p[i].rows;
    t->dim[1] = p[i].columns ? p[i].columns : 1;
    if (layer->spec.flags & RECUR_LAYER_CELL_NAMES)
        snprintf(name, 64, "%s", p[i].name);
    else
        snprintf(name, 64, "%s_l%lld%s", p[i].name, (long long)l, ld % D ? "_reverse" : "");
    return true;
}

/* Of one layer and direction. */
static int64_t floats_of(const recur_layer *layer, int64_t l)
{
    parameter p[MOST_TENSORS];
    int64_t floats = 0;
    const int n = parameters_of(layer, l, p);
    for (int i = 0; i < n; i++) floats += size_of(&p[i]);
    return floats;
}

recur__weights recur__weights_of(const recur_layer *layer, float *params, int64_t l, int64_t d)
{
    const int64_t D = recur__directions(layer);
    parameter p[MOST_TENSORS];
    float *at = params;
    if (l > 0)
        at += D * floats_of(layer, 0) + ((l - 1) * D + d) * floats_of(layer, l);
    else if (d > 0)
        at += floats_of(layer, 0);
    const int n = parameters_of(layer, l, p);
    float *place[MOST_TENSORS];
    for (int i = 0; i < n; at += size_of(&p[i]), i++) place[i] = p[i].rows ? at : NULL;
    return (recur__weights){ .in = p[0].columns,
                             .W = place[0],
                             .U = place[1],
                             .b_ih = place[2],
                             .b_hh = place[3],
                             .project = place[4],
                             .extra = place[5],
                             .initial = { place[5 + RECUR__EXTRAS], place[6 + RECUR__EXTRAS] } };
}

static bool starts_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}

/* PyTorch's, and of what PyTorch does not have: scales are ones, further biases and first states
 * are zeros. */
static recur__initial initial_of(const recur_layer *layer, const char *tensor)
{
    const recur__extra *extra = layer->spec.cell->extra;
    for (int i = 0; i < RECUR__EXTRAS; i++)
        if (extra[i].ones && starts_with(tensor, extra[i].name))
            return (recur__initial){ RECUR__INITIAL_CONSTANT, 1 };
    if (starts_with(tensor, "weight_") || starts_with(tensor, "bias_ih") ||
        starts_with(tensor, "bias_hh"))
        return (recur__initial){ RECUR__INITIAL_UNIFORM,
                                 1 / __builtin_sqrt((double)layer->spec.hidden_size) };
    return (recur__initial){ RECUR__INITIAL_CONSTANT, 0 };
}

const recur__parameter_ops recur__recurrent_parameters = {
    .tensor = describe_tensor,
    .initial = initial_of,
};

/* ---- states --------------------------------------------------------------------------------- */

static recur__state_tensor describe_state(const recur_layer *layer, int64_t s)
{
    static const char *const names[RECUR__STATES] = { "h", "c" };
    const int64_t lines = layer->spec.num_layers * recur__directions(layer);
    const int64_t width = s == 0 ? recur__output_width(layer) : layer->spec.hidden_size;
    return (recur__state_tensor){ .name = names[s], .lines = lines, .width = width };
}

static const float *initial_state(const recur_layer *layer, int64_t s, int64_t line)
{
    const int64_t D = recur__directions(layer);
    return recur__weights_of(layer, layer->params, line / D, line % D).initial[s];
}

const recur__state_ops recur__recurrent_states = {
    .tensor = describe_state,
    .initial = initial_state,
};
