/* test_bad_sizes.c - numbers, constants and options that no layer, state or layout is made with. */
#include "support/support.h"

static recur_layer *rnn;
static recur_packed *packed;
static recur_state *state;
static recur_tape *tape;
static recur_cell *cell;
static float x[5 * 3], y[64];

static int open_all(void **unused)
{
    (void)unused;
    trying("-");
    rnn = recurrent(NULL, RECUR_CELL_LSTM, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    packed = layout(NULL, 2, (const int64_t[]){ 2, 3 }, 0);
    OK(recur_state_create(rnn, 2, &state));
    OK(recur_tape_create(NULL, &tape));
    OK(recur_cell_from_layer(rnn, &cell));
    return 0;
}

static int close_all(void **unused)
{
    (void)unused;
    recur_layer_release(rnn);
    recur_packed_release(packed);
    recur_state_release(state);
    recur_tape_release(tape);
    recur_cell_release(cell);
    return 0;
}

#define REFUSED(call, words) FAILS(RECUR_E_ARGUMENT, call, words)

static void recurrent_options(void **unused)
{
    (void)unused;
    const recur_recurrent_options good = {
        .size = sizeof good, .cell = RECUR_CELL_LSTM, .input_size = 3, .hidden_size = 4
    };
    const recur_clockwork_options no_modules = { .size = sizeof no_modules },
                                  unsized = { .modules = 1 },
                                  uneven = { .size = sizeof uneven, .modules = 3 },
                                  falling = { .size = sizeof falling,
                                              .modules = 2,
                                              .periods = { 4, 2 } };
    const struct {
        const char *what;
        recur_recurrent_options options;
        recur_status code;
        const char *words;
    } rows[] = {
#define WITH(member, value) \
    { .size = sizeof good, .cell = 3, .input_size = 3, .hidden_size = 4, .member = value }
        { "cell 0",
          { .size = sizeof good, .input_size = 3, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "0" },
        { "cell 17",
          { .size = sizeof good, .cell = 17, .input_size = 3, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "17" },
        { "gate function of a minimal LSTM",
          { .size = sizeof good,
            .cell = 14,
            .input_size = 3,
            .hidden_size = 4,
            .gate_activation = RECUR_ACTIVATION_TANH },
          RECUR_E_UNSUPPORTED,
          "gate_activation minlstm" },
        { "cell -1",
          { .size = sizeof good, .cell = -1, .input_size = 3, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "-1" },
        { "no input", { .size = sizeof good, .cell = 3, .hidden_size = 4 }, RECUR_E_ARGUMENT, "0" },
        { "no hidden", { .size = sizeof good, .cell = 3, .input_size = 3 }, RECUR_E_ARGUMENT, "0" },
        { "input -3",
          { .size = sizeof good, .cell = 3, .input_size = -3, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "-3" },
        { "input 2^40",
          { .size = sizeof good, .cell = 3, .input_size = INT64_C(1) << 40, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "" },
        { "layers", WITH(num_layers, -1), RECUR_E_ARGUMENT, "-1" },
        { "direction", WITH(direction, 3), RECUR_E_ARGUMENT, "3" },
        { "flags", WITH(flags, 32), RECUR_E_ARGUMENT, "0x20" },
        { "dropout 1", WITH(dropout, 1), RECUR_E_ARGUMENT, "1" },
        { "dropout -0.1", WITH(dropout, -0.1), RECUR_E_ARGUMENT, "-0.1" },
        { "dropout NaN", WITH(dropout, (double)NAN), RECUR_E_ARGUMENT, "nan" },
        { "projection too wide", WITH(projection_size, 4), RECUR_E_ARGUMENT, "4" },
        { "projection below 0", WITH(projection_size, -1), RECUR_E_ARGUMENT, "-1" },
        { "recurrent dropout", WITH(recurrent_dropout, 1), RECUR_E_ARGUMENT, "1" },
        { "zoneout", WITH(zoneout_hidden, 1.5), RECUR_E_ARGUMENT, "1.5" },
        { "zoneout of c", WITH(zoneout_cell, -0.5), RECUR_E_ARGUMENT, "-0.5" },
        { "cell clip", WITH(cell_clip, -2), RECUR_E_ARGUMENT, "-2" },
        { "infinite clip", WITH(preactivation_clip, INFINITY), RECUR_E_ARGUMENT, "inf" },
        { "gate activation", WITH(gate_activation, 7), RECUR_E_ARGUMENT, "7" },
        { "modules of an LSTM", WITH(clockwork, &uneven), RECUR_E_UNSUPPORTED, "clockwork lstm" },
        { "z of an LSTM", WITH(flags, RECUR_LAYER_UPDATE_NEW), RECUR_E_UNSUPPORTED, "lstm" },
        { "projection of a GRU",
          { .size = sizeof good,
            .cell = 4,
            .input_size = 3,
            .hidden_size = 4,
            .projection_size = 2 },
          RECUR_E_UNSUPPORTED,
          "gru" },
        { "recurrent dropout without U",
          { .size = sizeof good,
            .cell = 12,
            .input_size = 3,
            .hidden_size = 4,
            .recurrent_dropout = 0.5 },
          RECUR_E_UNSUPPORTED,
          "indrnn" },
        { "no modules",
          { .size = sizeof good,
            .cell = 11,
            .input_size = 3,
            .hidden_size = 4,
            .clockwork = &no_modules },
          RECUR_E_ARGUMENT,
          "0" },
        { "no options of a clockwork",
          { .size = sizeof good, .cell = 11, .input_size = 3, .hidden_size = 4 },
          RECUR_E_ARGUMENT,
          "recur_recurrent_options.clockwork recur_clockwork_options" },
        { "options of a clockwork without a size",
          { .size = sizeof good,
            .cell = 11,
            .input_size = 3,
            .hidden_size = 4,
            .clockwork = &unsized },
          RECUR_E_ARGUMENT,
          "recur_clockwork_options size 0" },
        { "reserved", WITH(reserved, 1), RECUR_E_ARGUMENT, "reserved 1" },
        { "reserved pointer", WITH(reserved_pointer, &good), RECUR_E_ARGUMENT, "reserved_pointer" },
        { "uneven modules",
          { .size = sizeof good,
            .cell = 11,
            .input_size = 3,
            .hidden_size = 4,
            .clockwork = &uneven },
          RECUR_E_ARGUMENT,
          "3" },
        { "falling periods",
          { .size = sizeof good,
            .cell = 11,
            .input_size = 3,
            .hidden_size = 4,
            .clockwork = &falling },
          RECUR_E_ARGUMENT,
          "2" },
        { "cell names, 2 layers",
          { .size = sizeof good,
            .cell = 3,
            .input_size = 3,
            .hidden_size = 4,
            .num_layers = 2,
            .flags = RECUR_LAYER_CELL_NAMES },
          RECUR_E_UNSUPPORTED,
          "2" },
        { "cell names, reverse",
          { .size = sizeof good,
            .cell = 3,
            .input_size = 3,
            .hidden_size = 4,
            .direction = RECUR_DIRECTION_REVERSE,
            .flags = RECUR_LAYER_CELL_NAMES },
          RECUR_E_UNSUPPORTED,
          "" },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        recur_layer *layer = rnn;
        trying("%s", rows[i].what);
        FAILS(rows[i].code, recur_recurrent_create(NULL, &rows[i].options, &layer), rows[i].words);
        assert_null(layer);
        recur_cell *none = cell;
        /* Where there are two reasons, it may name either. */
        const recur_status status = recur_cell_create(NULL, &rows[i].options, &none);
        assert_true(status == RECUR_E_ARGUMENT || status == RECUR_E_UNSUPPORTED);
        assert_null(none);
    }
}

/* A size that nobody set is no size of a struct: nothing is read or written beyond it. */
static void sizes_beyond_all_structs(void **unused)
{
    (void)unused;
    const uint32_t garbage[] = { 5000, 0x00FFFFF8, 0x3FFFFFF8 };
    recur_layer *layer = NULL;
    OK(recur_linear_create(NULL, 2, 2, 0, &layer));
    for (int i = 0; i < COUNT(garbage); i++) {
        recur_layer_info info = { .size = garbage[i] };
        recur_tensor tensor = { .size = garbage[i] };
        recur_context_options options = { .size = garbage[i] };
        recur_context *ctx = NULL;
        char words[64];
        snprintf(words, sizeof words, "size %u", (unsigned)garbage[i]);
        FAILS(RECUR_E_ARGUMENT, recur_layer_describe(layer, -1, &info), words);
        FAILS(RECUR_E_ARGUMENT, recur_layer_tensor_info(layer, 0, &tensor), words);
        FAILS(RECUR_E_ARGUMENT, recur_context_create(&options, &ctx), words);
    }
    recur_layer_release(layer);
}

static void sizes_of_layers(void **unused)
{
    (void)unused;
    static const int64_t bad[] = { 0, -1, INT64_MIN };
    recur_layer *layer = NULL;
    for (int i = 0; i < COUNT(bad); i++) {
        trying("size %lld", (long long)bad[i]);
        REFUSED(recur_linear_create(NULL, bad[i], 3, 0, &layer), "");
        REFUSED(recur_linear_create(NULL, 3, bad[i], 0, &layer), "");
        REFUSED(recur_embedding_create(NULL, bad[i], 3, 0, &layer), "");
        REFUSED(recur_embedding_create(NULL, 3, bad[i], 0, &layer), "");
        REFUSED(recur_last_create(NULL, bad[i], 0, &layer), "");
        REFUSED(recur_dropout_create(NULL, bad[i], 0.5, &layer), "");
        REFUSED(recur_activation_create(NULL, bad[i], 1, &layer), "");
        REFUSED(recur_norm_create(NULL, bad[i], 0, 0, &layer), "");
        REFUSED(recur_merge_create(NULL, bad[i], 1, &layer), "");
    }
    static const int64_t huge[] = { INT32_MAX, INT64_MAX };
    for (int i = 0; i < COUNT(huge); i++) {
        const recur_status linear = recur_linear_create(NULL, huge[i], huge[i], 0, &layer);
        assert_true(linear == RECUR_E_ARGUMENT || linear == RECUR_E_MEMORY);
        const recur_status table = recur_embedding_create(NULL, huge[i], huge[i], 0, &layer);
        assert_true(table == RECUR_E_ARGUMENT || table == RECUR_E_MEMORY);
        assert_null(layer);
    }
    REFUSED(recur_linear_create(NULL, 3, 3, RECUR_LAYER_CELL_NAMES, &layer), "2");
    REFUSED(recur_embedding_create(NULL, 3, 3, 1, &layer), "1");
    REFUSED(recur_last_create(NULL, 4, 3, &layer), "3");
    REFUSED(recur_dropout_create(NULL, 4, 1, &layer), "1");
    REFUSED(recur_dropout_create(NULL, 4, -0.5, &layer), "-0.5");
    REFUSED(recur_dropout_create(NULL, 4, (double)NAN, &layer), "nan");
    REFUSED(recur_activation_create(NULL, 4, 0, &layer), "0");
    REFUSED(recur_activation_create(NULL, 4, 11, &layer), "11");
    REFUSED(recur_norm_create(NULL, 4, 0, 2, &layer), "2");
    REFUSED(recur_merge_create(NULL, 4, 0, &layer), "0");
    REFUSED(recur_merge_create(NULL, 4, 6, &layer), "6");
    recur_state *none = NULL;
    OK(recur_state_create(rnn, 0, &none));
    FAILS(RECUR_E_SHAPE, recur_layer_forward(rnn, packed, x, none, y, NULL), "batch 0");
    REFUSED(recur_state_gather(state, none, (const int64_t[9]){ 0 }), "sequence 0");
    recur_state_release(none);
    none = state;
    REFUSED(recur_state_create(rnn, -1, &none), "-1");
    REFUSED(recur_state_create(rnn, -7, &none), "-7");
    REFUSED(recur_state_create(rnn, INT64_MAX, &none), "");
    REFUSED(recur_state_create(NULL, 1, &none), "NULL");
    assert_null(none);
    REFUSED(recur_packed_pack(packed, 3, 4, x, y), "3");
    REFUSED(recur_packed_unpack(packed, -1, 4, x, y), "-1");
    REFUSED(recur_packed_pack(packed, 0, 0, x, y), "0");
    REFUSED(recur_packed_unpack(packed, 0, 0, x, y), "0");
    REFUSED(recur_packed_gather(packed, NULL, 0, x, y), "0");
    REFUSED(recur_tape_reserve(tape, rnn, packed, -1), "-1");
    FAILS(RECUR_E_MEMORY, recur_tape_reserve(tape, rnn, packed, INT64_MAX), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(recurrent_options),
                                        cmocka_unit_test(sizes_of_layers),
                                        cmocka_unit_test(sizes_beyond_all_structs) };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
