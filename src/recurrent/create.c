/* create.c - making a recurrent layer: which options there are, for which kinds, and what they
 * change in the equations. */
#include <float.h>
#include <math.h>

#include "recurrent/recurrent.h"

static const recur__pass_ops pass_ops = {
    .measure = RECUR__IF(BATCH, recur__recurrent_measure),
    .forward = RECUR__IF(BATCH, recur__recurrent_forward),
    .backward = RECUR__IF(TRAIN, recur__recurrent_backward),
};

static const recur__layer_ops recurrent_ops = {
    .kind = RECUR_KIND_RECURRENT,
    .parameters = &recur__recurrent_parameters,
    .states = &recur__recurrent_states,
    .pass = &pass_ops,
    .step = &recur__recurrent_step,
    .pack = &recur__recurrent_pack,
    .gradients = RECUR__IF(TRAIN, &recur__recurrent_gradients),
};

enum { MOST_LAYERS = 1024 };

/* ---- checks --------------------------------------------------------------------------------- */

static recur_status check_sizes(const recur_recurrent_options *o, const recur__cell *cell)
{
    RECUR__CHECK(recur__layer_check_size("input_size", o->input_size));
    RECUR__CHECK(recur__layer_check_size("hidden_size", o->hidden_size));
    if (o->num_layers < 1 || o->num_layers > MOST_LAYERS)
        return recur__fail(RECUR_E_ARGUMENT, "num_layers is %lld: it must lie between 1 and %d",
                           (long long)o->num_layers, MOST_LAYERS);
    /* Of a row of gate blocks, and of both directions. */
    const int64_t widest = recur__max(cell->gate_blocks, 2);
    if (o->hidden_size > RECUR__LARGEST / widest)
        return recur__fail(RECUR_E_ARGUMENT, "hidden_size %lld times %lld is above %d",
                           (long long)o->hidden_size, (long long)widest, RECUR__LARGEST);
    if (o->projection_size < 0 || o->projection_size >= o->hidden_size)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "projection_size is %lld: it must lie between 0 and hidden_size - 1 = %lld",
            (long long)o->projection_size, (long long)(o->hidden_size - 1));
    return RECUR_OK;
}

static bool is_function(int32_t activation)
{
    for (int i = 0; i < RECUR__CELL_ACTIVATIONS; i++)
        if (recur__cell_activations[i].value == activation) return true;
    return false;
}

static recur_status check_words(const recur_recurrent_options *o)
{
    const uint32_t flags = RECUR_LAYER_NO_BIAS | RECUR_LAYER_CELL_NAMES | RECUR_LAYER_UPDATE_NEW |
                           RECUR_LAYER_LEARN_INITIAL_STATE | RECUR_LAYER_OUTPUT_CELL;
    if (o->direction < RECUR_DIRECTION_FORWARD || o->direction > RECUR_DIRECTION_BIDIRECTIONAL)
        return RECUR__NO_CONSTANT("recur_recurrent_options", "direction", o->direction,
                                  recur__directions);
    if (o->reserved || o->reserved_pointer)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_recurrent_options: reserved is %d, reserved_pointer %s: leave "
                           "them 0 and NULL",
                           (int)o->reserved, o->reserved_pointer ? "set" : "NULL");
    RECUR__CHECK(recur__check_flags("recur_recurrent_options", o->flags, flags,
                                    "RECUR_LAYER_NO_BIAS, _CELL_NAMES, _UPDATE_NEW, "
                                    "_LEARN_INITIAL_STATE and _OUTPUT_CELL"));
    static const char *const members[] = { "gate_activation", "activation", "output_activation" };
    const int32_t functions[] = { o->gate_activation, o->activation, o->output_activation };
    for (int i = 0; i < 3; i++)
        if (functions[i] && !is_function(functions[i]))
            return RECUR__NO_CONSTANT("recur_recurrent_options", members[i], functions[i],
                                      recur__cell_activations);
    if (o->flags & RECUR_LAYER_CELL_NAMES &&
        (o->num_layers != 1 || o->direction != RECUR_DIRECTION_FORWARD))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "cell names are for one forward layer, not for %lld with %s",
                           (long long)o->num_layers, recur__directions[o->direction].name);
    return RECUR_OK;
}

/* Not zero, but zero as a float. */
static bool too_small(double bound) { return bound > 0 && bound < (double)FLT_MIN; }

static recur_status check_numbers(const recur_recurrent_options *o)
{
    if (!(o->dropout >= 0 && o->dropout < 1))
        return recur__fail(RECUR_E_ARGUMENT, "dropout is %g: it must lie in [0,1)", o->dropout);
    if (!(o->recurrent_dropout >= 0 && o->recurrent_dropout < 1))
        return recur__fail(RECUR_E_ARGUMENT, "recurrent_dropout is %g: it must lie in [0,1)",
                           o->recurrent_dropout);
    if (!(o->zoneout_hidden >= 0 && o->zoneout_hidden <= 1) ||
        !(o->zoneout_cell >= 0 && o->zoneout_cell <= 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "zoneout is %g of h and %g of c: both must lie in [0,1]",
                           o->zoneout_hidden, o->zoneout_cell);
    if (!(o->cell_clip >= 0) || !(o->preactivation_clip >= 0) || isinf(o->cell_clip) ||
        isinf(o->preactivation_clip) || too_small(o->cell_clip) || too_small(o->preactivation_clip))
        return recur__fail(RECUR_E_ARGUMENT,
                           "cell_clip is %g and preactivation_clip %g: a bound is a positive "
                           "float, or 0 for none",
                           o->cell_clip, o->preactivation_clip);
    return RECUR_OK;
}

/* Options that mean nothing to a kind are refused, not ignored. */
static recur_status check_kind(const recur_recurrent_options *o, const recur__cell *cell)
{
    const struct {
        bool wanted;
        uint32_t option;
        const char *name;
    } options[] = {
        { o->activation, RECUR__OPTION_ACTIVATION, "activation" },
        { o->preactivation_clip > 0, RECUR__OPTION_PREACTIVATION_CLIP, "preactivation_clip" },
        { o->zoneout_hidden > 0, RECUR__OPTION_ZONEOUT_HIDDEN, "zoneout_hidden" },
        { o->recurrent_dropout > 0, RECUR__OPTION_RECURRENT_DROPOUT, "recurrent_dropout" },
        { o->projection_size, RECUR__OPTION_PROJECTION, "projection_size" },
        { o->zoneout_cell > 0, RECUR__OPTION_ZONEOUT_CELL, "zoneout_cell" },
        { o->cell_clip > 0, RECUR__OPTION_CELL_CLIP, "cell_clip" },
        { o->output_activation, RECUR__OPTION_OUTPUT_ACTIVATION, "output_activation" },
        { o->gate_activation, RECUR__OPTION_GATE_ACTIVATION, "gate_activation" },
        { o->flags & RECUR_LAYER_UPDATE_NEW, RECUR__OPTION_UPDATE_NEW, "RECUR_LAYER_UPDATE_NEW" },
        { o->clockwork != NULL, RECUR__OPTION_MODULES, "clockwork" },
        { o->flags & RECUR_LAYER_OUTPUT_CELL, RECUR__OPTION_CELL_CLIP, "RECUR_LAYER_OUTPUT_CELL" },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].wanted && !(cell->options & options[i].option))
            return recur__fail(RECUR_E_UNSUPPORTED, "%s is not for a layer of kind %s",
                               options[i].name, cell->name);
    return RECUR_OK;
}

static recur_status check_modules(const recur_clockwork_options *clockwork, int64_t H)
{
    if (clockwork->modules < 1 || clockwork->modules > RECUR_MOST_MODULES)
        return recur__fail(RECUR_E_ARGUMENT, "a clockwork RNN of %d modules: there are 1 to %d",
                           (int)clockwork->modules, RECUR_MOST_MODULES);
    if (H % clockwork->modules)
        return recur__fail(RECUR_E_ARGUMENT, "hidden_size %lld does not fall into %d modules",
                           (long long)H, (int)clockwork->modules);
    enum { LONGEST = 1 << 24 }; /* floats count so far */
    const int32_t *period = clockwork->periods;
    for (int i = 0; i < clockwork->modules; i++)
        if (period[i] < 1 || period[i] > LONGEST || (i > 0 && period[i] < period[i - 1]))
            return recur__fail(RECUR_E_ARGUMENT,
                               "period %d is %d: periods lie between 1 and %d and rise", i,
                               (int)period[i], LONGEST);
    return RECUR_OK;
}

/* The options of a clockwork's own, with its periods filled in. */
static recur_status take_clockwork(const recur_recurrent_options *o, recur_clockwork_options *out)
{
    if (!o->clockwork)
        return recur__fail(RECUR_E_ARGUMENT,
                           "a clockwork RNN has modules: set recur_recurrent_options.clockwork to "
                           "a recur_clockwork_options that says how many");
    RECUR__CHECK(recur__take("recur_clockwork_options", o->clockwork, out, sizeof *out));
    bool given = recur__is_exact(o->clockwork);
    for (int i = 0; i < RECUR_MOST_MODULES; i++) given |= out->periods[i] != 0;
    for (int i = 0; !given && i < recur__min(out->modules, RECUR_MOST_MODULES); i++)
        out->periods[i] = 1 << i;
    out->size = sizeof *out;
    return check_modules(out, o->hidden_size);
}

/* ---- defaults ------------------------------------------------------------------------------- */

static recur_recurrent_options defaults_of(const recur__cell *cell)
{
    const bool gates = cell->options & RECUR__OPTION_GATE_ACTIVATION,
               one = cell->options & RECUR__OPTION_ACTIVATION,
               output = cell->options & RECUR__OPTION_OUTPUT_ACTIVATION;
    return (recur_recurrent_options){
        .cell = cell->kind,
        .num_layers = 1,
        .gate_activation = gates ? RECUR_ACTIVATION_SIGMOID : 0,
        .activation = one ? cell->activation : 0,
        .output_activation = output ? RECUR_ACTIVATION_TANH : 0,
    };
}

recur_status recur_recurrent_options_init(recur_recurrent_options *options, size_t size,
                                          int32_t cell)
{
    RECUR__NOT_NULL(options);
    const recur__cell *kind = recur__cell_of(NULL, cell, INT64_MAX, false);
    if (!kind) return recur__no_cell(cell);
    const recur_recurrent_options o = defaults_of(kind);
    return recur__set_out(__func__, &o, sizeof o, options, size);
}

/* A function is the kind's own, which counts as not given, or another; 0 stands for none. */
static recur_status take_function(const char *member, int32_t own, int32_t *function)
{
    if (own && !*function)
        return RECUR__NO_CONSTANT("recur_recurrent_options", member, *function,
                                  recur__cell_activations);
    if (*function == own) *function = 0;
    return RECUR_OK;
}

/* Options of recur_recurrent_options_init, in which a zero asks for no default. */
static recur_status take_exact(recur_recurrent_options *o, const recur__cell *cell)
{
    const recur_recurrent_options own = defaults_of(cell);
    RECUR__CHECK(take_function("gate_activation", own.gate_activation, &o->gate_activation));
    RECUR__CHECK(take_function("activation", own.activation, &o->activation));
    return take_function("output_activation", own.output_activation, &o->output_activation);
}

/* Fills in what 0 means, and refuses what cannot be. */
static recur_status check(recur_recurrent_options *o, bool exact, const recur__cell *cell,
                          recur_clockwork_options *clockwork)
{
    if (!cell) return recur__no_cell(o->cell);
    if (exact) RECUR__CHECK(take_exact(o, cell));
    if (o->num_layers == 0 && !exact) o->num_layers = 1;
    RECUR__CHECK(check_sizes(o, cell));
    RECUR__CHECK(check_words(o));
    RECUR__CHECK(check_numbers(o));
    RECUR__CHECK(check_kind(o, cell));
    if (cell->options & RECUR__OPTION_MODULES) RECUR__CHECK(take_clockwork(o, clockwork));
    o->clockwork = NULL;
    return RECUR_OK;
}

/* ---- making --------------------------------------------------------------------------------- */

static recur__cell_options cell_options_of(const recur_recurrent_options *o,
                                           const recur_clockwork_options *clockwork,
                                           const recur__cell *cell)
{
    recur__cell_options f = {
        .gate = o->gate_activation ? o->gate_activation : RECUR_ACTIVATION_SIGMOID,
        .activation = o->activation ? o->activation : cell->activation,
        .output = o->output_activation ? o->output_activation : RECUR_ACTIVATION_TANH,
        .update_new = o->flags & RECUR_LAYER_UPDATE_NEW,
        .c_differs = o->cell_clip > 0 || o->zoneout_cell > 0,
        .preactivation_clip = (float)o->preactivation_clip,
        .cell_clip = (float)o->cell_clip,
        .modules = clockwork->modules,
    };
    memcpy(f.period, clockwork->periods, sizeof f.period);
    return f;
}

/* Whether a layer leaves the plain path of its kind. */
static bool is_modified(const recur_recurrent_options *o, const recur__cell *cell)
{
    return cell->always_modified || o->gate_activation || o->activation || o->output_activation ||
           o->flags & RECUR_LAYER_UPDATE_NEW || o->cell_clip > 0 || o->preactivation_clip > 0 ||
           o->recurrent_dropout > 0 || o->zoneout_hidden > 0 || o->zoneout_cell > 0;
}

/* Numbers of all states of one sequence in one layer and direction. */
static int64_t widths_of(const recur__cell *cell, int64_t P, int64_t H)
{
    int64_t widths = 0;
    for (int s = 0; s < cell->states; s++)
        widths += cell->state[s].width == RECUR__WIDTH_OUTPUT ? P : H;
    return widths;
}

recur_status recur_recurrent_create(recur_context *ctx, const recur_recurrent_options *options,
                                    recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_recurrent_options o;
    recur_clockwork_options clockwork = { 0 };
    RECUR__CHECK(recur__take("recur_recurrent_options", options, &o, sizeof o));
    const recur__cell *cell = recur__cell_of(ctx, o.cell, INT64_MAX, false);
    RECUR__CHECK(check(&o, recur__is_exact(options), cell, &clockwork));
    const int64_t P = o.projection_size ? o.projection_size : o.hidden_size,
                  D = o.direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1,
                  C = o.flags & RECUR_LAYER_OUTPUT_CELL ? o.hidden_size : 0;
    const recur_layer layer = {
        .ops = &recurrent_ops,
        .type = cell->name,
        .spec = { .variant = o.cell,
                  .direction = o.direction,
                  .flags = o.flags,
                  .hidden_size = o.hidden_size,
                  .num_layers = o.num_layers,
                  .dropout = o.dropout,
                  .cell = cell,
                  .options = o,
                  .clockwork = clockwork,
                  .cell_options = cell_options_of(&o, &clockwork, cell),
                  .modified = is_modified(&o, cell) },
        .capabilities = RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS | RECUR_CAN_RECORD |
                        (o.direction == RECUR_DIRECTION_FORWARD ? RECUR_CAN_STEP : 0u),
        .input_size = o.input_size,
        .output_size = D * (P + C),
        .states = cell->states,
        .state_floats = recur__times(recur__times(o.num_layers, D),
                                     widths_of(cell, P, o.hidden_size)),
        .learned_states = o.flags & RECUR_LAYER_LEARN_INITIAL_STATE ? 1 : 0,
    };
    return recur__layer_build(ctx, &layer, NULL, false, out);
}
