/* kinds.c - every kind of recurrence, plain and with options; the textbook's words for them. */
#include "support/support.h"

#define SOFT \
    .gate_activation = RECUR_ACTIVATION_HARD_SIGMOID, .activation = RECUR_ACTIVATION_SOFTSIGN

/* Periods that are no powers of two; options_of says how many modules there are. */
static const recur_clockwork_options uneven = { .size = sizeof uneven,
                                                .periods = { 1, 3, 4, 5, 7, 9, 11 } };

const kind_row KINDS[ROWS] = {
    { RECUR_CELL_RNN_TANH, "rnn_tanh", { 0 } },
    { RECUR_CELL_RNN_RELU, "rnn_relu", { 0 } },
    { RECUR_CELL_LSTM, "lstm", { 0 } },
    { RECUR_CELL_GRU, "gru", { 0 } },
    { RECUR_CELL_GRU_RESET_BEFORE, "gru_reset_before", { 0 } },
    { RECUR_CELL_LSTM_PEEPHOLE, "lstm_peephole", { 0 } },
    { RECUR_CELL_LSTM_COUPLED, "lstm_coupled", { 0 } },
    { RECUR_CELL_RNN_NORM, "rnn_norm", { 0 } },
    { RECUR_CELL_LSTM_NORM, "lstm_norm", { 0 } },
    { RECUR_CELL_GRU_NORM, "gru_norm", { 0 } },
    { RECUR_CELL_CLOCKWORK, "clockwork", { 0 } },
    { RECUR_CELL_INDRNN, "indrnn", { 0 } },
    { RECUR_CELL_MINGRU, "mingru", { 0 } },
    { RECUR_CELL_MINLSTM, "minlstm", { 0 } },
    { RECUR_CELL_QRNN, "qrnn", { 0 } },
    { RECUR_CELL_SRU, "sru", { 0 } },

    { RECUR_CELL_RNN_TANH, "rnn, softsign", { .activation = RECUR_ACTIVATION_SOFTSIGN } },
    { RECUR_CELL_RNN_TANH, "rnn, clipped", { .preactivation_clip = 0.5 } },
    { RECUR_CELL_RNN_RELU, "relu, zoneout", { .zoneout_hidden = 0.3 } },
    { RECUR_CELL_RNN_NORM,
      "rnn_norm, initial state",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } },
    { RECUR_CELL_LSTM, "lstm, projection", { .projection_size = 2 } },
    { RECUR_CELL_LSTM, "lstm, initial state", { .flags = RECUR_LAYER_LEARN_INITIAL_STATE } },
    { RECUR_CELL_LSTM, "lstm, zoneout", { .zoneout_hidden = 0.2, .zoneout_cell = 0.4 } },
    { RECUR_CELL_LSTM, "lstm, clips", { .cell_clip = 0.3, .preactivation_clip = 0.6 } },
    { RECUR_CELL_LSTM,
      "lstm, functions",
      { SOFT, .output_activation = RECUR_ACTIVATION_IDENTITY } },
    { RECUR_CELL_LSTM_PEEPHOLE, "peephole, projection", { .projection_size = 2 } },
    { RECUR_CELL_LSTM_PEEPHOLE,
      "peephole, clips",
      { .cell_clip = 0.3, .preactivation_clip = 0.5 } },
    { RECUR_CELL_LSTM_COUPLED,
      "coupled, functions",
      { SOFT, .output_activation = RECUR_ACTIVATION_SOFTSIGN } },
    { RECUR_CELL_LSTM_COUPLED,
      "coupled, zoneout",
      { .zoneout_hidden = 0.5, .zoneout_cell = 0.1, .cell_clip = 0.4 } },
    { RECUR_CELL_LSTM_NORM,
      "lstm_norm, all",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE, .projection_size = 2, .zoneout_cell = 0.2 } },
    { RECUR_CELL_GRU, "gru, new", { .flags = RECUR_LAYER_UPDATE_NEW } },
    { RECUR_CELL_GRU, "gru, functions", { SOFT } },
    { RECUR_CELL_GRU, "gru, clipped", { .preactivation_clip = 0.5, .zoneout_hidden = 0.3 } },
    { RECUR_CELL_GRU_RESET_BEFORE,
      "before, new",
      { .flags = RECUR_LAYER_UPDATE_NEW | RECUR_LAYER_LEARN_INITIAL_STATE } },
    { RECUR_CELL_GRU_RESET_BEFORE, "before, functions", { SOFT, .preactivation_clip = 0.8 } },
    { RECUR_CELL_GRU_NORM,
      "gru_norm, new",
      { .flags = RECUR_LAYER_UPDATE_NEW, .zoneout_hidden = 0.1 } },
    { RECUR_CELL_CLOCKWORK,
      "clockwork, periods",
      { .clockwork = &uneven, .preactivation_clip = 0.7 } },
    { RECUR_CELL_CLOCKWORK,
      "clockwork, initial state",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE, .zoneout_hidden = 0.2 } },
    { RECUR_CELL_INDRNN, "indrnn, tanh", { .activation = RECUR_ACTIVATION_TANH } },
    { RECUR_CELL_INDRNN,
      "indrnn, start",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE,
        .preactivation_clip = 0.7,
        .zoneout_hidden = 0.2 } },
    { RECUR_CELL_MINGRU, "mingru, positive", { .activation = RECUR_ACTIVATION_POSITIVE } },
    { RECUR_CELL_MINGRU, "mingru, functions", { SOFT, .preactivation_clip = 0.8 } },
    { RECUR_CELL_MINGRU,
      "mingru, start",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE, .zoneout_hidden = 0.3 } },
    { RECUR_CELL_MINLSTM, "minlstm, positive", { .activation = RECUR_ACTIVATION_POSITIVE } },
    { RECUR_CELL_MINLSTM,
      "minlstm, start",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE,
        .preactivation_clip = 0.7,
        .zoneout_hidden = 0.2 } },
    { RECUR_CELL_QRNN, "qrnn, functions", { SOFT, .cell_clip = 0.3, .zoneout_hidden = 0.5 } },
    { RECUR_CELL_QRNN,
      "qrnn, start",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE, .zoneout_cell = 0.2 } },
    { RECUR_CELL_SRU, "sru, functions", { SOFT, .cell_clip = 0.3, .preactivation_clip = 0.6 } },
    { RECUR_CELL_SRU,
      "sru, start",
      { .flags = RECUR_LAYER_LEARN_INITIAL_STATE, .zoneout_hidden = 0.1, .zoneout_cell = 0.4 } },
};

bool has_kink(int cell) { return cell == RECUR_CELL_RNN_RELU || cell == RECUR_CELL_INDRNN; }

bool has_U(int cell) { return naive_has_U(cell); }

/* Gives the number of modules of a clockwork with H units: as many as divide them, at most 7, of
 * two units or more if that can be. */
static int32_t modules_of(int64_t H)
{
    int32_t modules = 7;
    while (H % modules || (modules > 1 && H / modules < 2)) modules--;
    return modules > 1 || H > 7 ? modules : (int32_t)H;
}

const recur_clockwork_options *clockwork(int32_t modules, const int32_t *periods)
{
    enum { MOST = 512 };
    static recur_clockwork_options all[MOST];
    static int count = 0;
    recur_clockwork_options one = { .size = sizeof one, .modules = modules };
    for (int m = 0; periods && m < modules; m++) one.periods[m] = periods[m];
    for (int i = 0; i < count; i++)
        if (memcmp(&all[i], &one, sizeof one) == 0) return &all[i];
    assert_true(count < MOST);
    all[count] = one;
    return &all[count++];
}

recur_recurrent_options options_of(const kind_row *kind, int64_t I, int64_t H, int64_t L,
                                   int direction, uint32_t flags)
{
    recur_recurrent_options o = kind->with;
    o.size = sizeof o;
    o.cell = kind->cell;
    o.input_size = I;
    o.hidden_size = H;
    o.num_layers = L;
    o.direction = direction;
    o.flags |= flags;
    if (kind->cell == RECUR_CELL_CLOCKWORK && !(o.clockwork && o.clockwork->modules))
        o.clockwork = clockwork(modules_of(H), o.clockwork ? o.clockwork->periods : NULL);
    return o;
}

recur_layer *recurrent_of(recur_context *ctx, const kind_row *kind, int64_t I, int64_t H, int64_t L,
                          int direction, uint32_t flags)
{
    const recur_recurrent_options o = options_of(kind, I, H, L, direction, flags);
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &o, &layer));
    return layer;
}

naive_recurrent textbook_of(const recur_recurrent_options *o)
{
    naive_recurrent net = { .kind = o->cell,
                            .I = o->input_size,
                            .H = o->hidden_size,
                            .L = o->num_layers ? o->num_layers : 1,
                            .forward = o->direction != RECUR_DIRECTION_REVERSE,
                            .reverse = o->direction != RECUR_DIRECTION_FORWARD,
                            .bias = !(o->flags & RECUR_LAYER_NO_BIAS),
                            .P = o->projection_size,
                            .update_new = (o->flags & RECUR_LAYER_UPDATE_NEW) != 0,
                            .learn_initial = (o->flags & RECUR_LAYER_LEARN_INITIAL_STATE) != 0,
                            .zoneout_h = o->zoneout_hidden,
                            .zoneout_c = o->zoneout_cell,
                            .cell_clip = (double)(float)o->cell_clip,
                            .clip = (double)(float)o->preactivation_clip,
                            .gate = o->gate_activation,
                            .activation = o->activation,
                            .output = o->output_activation };
    if (!o->clockwork) return net;
    net.modules = o->clockwork->modules;
    for (int m = 0; m < RECUR_MOST_MODULES; m++) net.periods[m] = o->clockwork->periods[m];
    return net;
}

state_shape shape_of(const recur_recurrent_options *o, int64_t B)
{
    const int64_t LD = o->num_layers * (o->direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    const int64_t R = o->projection_size ? o->projection_size : o->hidden_size;
    const int64_t h = LD * B * R, c = naive_has_c(o->cell) ? LD * B * o->hidden_size : 0;
    return (state_shape){ .blocks = LD, .width = R, .h = h, .floats = h + c };
}

/* Draws numbers, but for the counters of a clockwork, each of which is somewhere between 0 and its
 * period. */
float *random_state(const recur_recurrent_options *o, int64_t B, double scale)
{
    const state_shape s = shape_of(o, B);
    const int64_t H = o->hidden_size;
    float *state = randoms(s.floats, scale);
    if (o->cell != RECUR_CELL_CLOCKWORK) return state;
    const recur_clockwork_options *clocks = o->clockwork;
    for (int64_t i = 0; s.h + i < s.floats; i++) {
        const int64_t own = i % H / (H / clocks->modules);
        state[s.h + i] = (float)below(clocks->periods[0] ? clocks->periods[own] : 1 << own);
    }
    return state;
}
