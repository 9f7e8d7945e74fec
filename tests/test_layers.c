/* test_layers.c - what a layer says of itself: names, shapes, places, counts, parts; and
 * composing. */
#include "support/support.h"

/* The tensor at a place, in one line: "weight_ih_l0 [28][5] at 0". */
static void check_tensor(const recur_layer *layer, int64_t index, const char *line)
{
    recur_tensor t = { .size = sizeof t };
    OK(recur_layer_tensor_info(layer, index, &t));
    char got[256];
    int n = snprintf(got, sizeof got, "%s ", t.name);
    int64_t count = 1;
    for (int i = 0; i < t.rank; i++) {
        n += snprintf(got + n, sizeof got - (size_t)n, "[%lld]", (long long)t.dim[i]);
        count *= t.dim[i];
    }
    for (int i = t.rank; i < 4; i++) assert_int_equal(t.dim[i], 1);
    snprintf(got + n, sizeof got - (size_t)n, " at %lld", (long long)t.offset);
    assert_string_equal(got, line);
    assert_int_equal(t.count, count);
    assert_string_equal(t.type, "F32");
    assert_int_equal(t.size, sizeof t);
}

static void check_tensors(const recur_layer *layer, int64_t count, const char *const *lines)
{
    assert_int_equal(recur_layer_tensor_count(layer), count);
    for (int64_t i = 0; i < count; i++) check_tensor(layer, i, lines[i]);
    recur_tensor t = { .size = sizeof t };
    FAILS(RECUR_E_ARGUMENT, recur_layer_tensor_info(layer, count, &t), "");
    FAILS(RECUR_E_ARGUMENT, recur_layer_tensor_info(layer, -1, &t), "-1");
}

static void names_of_recurrent(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_LSTM, 5, 7, 2, RECUR_DIRECTION_BIDIRECTIONAL,
                                   0);
    static const char *const lstm[] = {
        "weight_ih_l0 [28][5] at 0",
        "weight_hh_l0 [28][7] at 140",
        "bias_ih_l0 [28] at 336",
        "bias_hh_l0 [28] at 364",
        "weight_ih_l0_reverse [28][5] at 392",
        "weight_hh_l0_reverse [28][7] at 532",
        "bias_ih_l0_reverse [28] at 728",
        "bias_hh_l0_reverse [28] at 756",
        "weight_ih_l1 [28][14] at 784",
        "weight_hh_l1 [28][7] at 1176",
        "bias_ih_l1 [28] at 1372",
        "bias_hh_l1 [28] at 1400",
        "weight_ih_l1_reverse [28][14] at 1428",
        "weight_hh_l1_reverse [28][7] at 1820",
        "bias_ih_l1_reverse [28] at 2016",
        "bias_hh_l1_reverse [28] at 2044",
    };
    check_tensors(layer, COUNT(lstm), lstm);
    assert_int_equal(recur_layer_param_count(layer), 2072);
    recur_layer_release(layer);
    layer = recurrent(NULL, RECUR_CELL_GRU, 2, 3, 2, RECUR_DIRECTION_FORWARD, RECUR_LAYER_NO_BIAS);
    static const char *const gru[] = { "weight_ih_l0 [9][2] at 0", "weight_hh_l0 [9][3] at 18",
                                       "weight_ih_l1 [9][3] at 45", "weight_hh_l1 [9][3] at 72" };
    check_tensors(layer, COUNT(gru), gru);
    recur_layer_release(layer);
    layer = recurrent(NULL, RECUR_CELL_RNN_TANH, 2, 3, 1, RECUR_DIRECTION_FORWARD,
                      RECUR_LAYER_CELL_NAMES);
    static const char *const cell[] = { "weight_ih [3][2] at 0", "weight_hh [3][3] at 6",
                                        "bias_ih [3] at 15", "bias_hh [3] at 18" };
    check_tensors(layer, COUNT(cell), cell);
    for (int64_t i = 0; i < 21; i++) assert_true(recur_layer_params(layer)[i] == 0.0f);
    assert_int_equal((uintptr_t)recur_layer_params(layer) % 64, 0);
    recur_layer_release(layer);
    /* a reverse-only layer has one direction; its state_dict is that of whoever runs PyTorch
     * backwards */
    layer = recurrent(NULL, RECUR_CELL_RNN_TANH, 2, 3, 1, RECUR_DIRECTION_REVERSE, 0);
    assert_int_equal(recur_layer_tensor_count(layer), 4);
    recur_layer_release(layer);
}

static void names_of_rows(void **unused)
{
    (void)unused;
    recur_layer *layer = NULL;
    OK(recur_linear_create(NULL, 5, 3, 0, &layer));
    check_tensors(layer, 2, (const char *const[]){ "weight [3][5] at 0", "bias [3] at 15" });
    recur_layer_release(layer);
    OK(recur_linear_create(NULL, 5, 3, RECUR_LAYER_NO_BIAS, &layer));
    check_tensors(layer, 1, (const char *const[]){ "weight [3][5] at 0" });
    recur_layer_release(layer);
    OK(recur_embedding_create(NULL, 11, 3, 0, &layer));
    check_tensors(layer, 1, (const char *const[]){ "weight [11][3] at 0" });
    recur_layer_release(layer);
    OK(recur_last_create(NULL, 4, RECUR_DIRECTION_FORWARD, &layer));
    check_tensors(layer, 0, NULL);
    assert_null(recur_layer_params(layer));
    recur_layer_release(layer);
}

/* A model of two parts in one line each. */
static recur_layer *classifier(int cell, int64_t I, int64_t H, int64_t L, int64_t classes)
{
    recur_layer *parts[3] = { recurrent(NULL, cell, I, H, L, RECUR_DIRECTION_FORWARD, 0) };
    OK(recur_last_create(NULL, H, RECUR_DIRECTION_FORWARD, &parts[1]));
    OK(recur_linear_create(NULL, H, classes, 0, &parts[2]));
    return chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 3, (const char *const[]){ "rnn", "last", "fc" },
                 parts);
}

static void parameter_counts(void **unused)
{
    (void)unused;
    static const struct {
        int cell;
        int64_t small, mnist;
    } rows[] = { { RECUR_CELL_RNN_TANH, 76, 54538 },
                 { RECUR_CELL_GRU, 188, 161034 },
                 { RECUR_CELL_LSTM, 244, 214282 } };
    for (int i = 0; i < COUNT(rows); i++) {
        recur_layer *small = classifier(rows[i].cell, 8, 4, 1, 4),
                    *mnist = classifier(rows[i].cell, 28, 128, 2, 10);
        assert_int_equal(recur_layer_param_count(small), rows[i].small);
        assert_int_equal(recur_layer_param_count(mnist), rows[i].mnist);
        recur_layer_release(small);
        recur_layer_release(mnist);
    }
}

static void prefixes(void **unused)
{
    (void)unused;
    recur_layer *net = classifier(RECUR_CELL_GRU, 8, 4, 1, 4);
    static const char *const lines[] = {
        "rnn.weight_ih_l0 [12][8] at 0", "rnn.weight_hh_l0 [12][4] at 96",
        "rnn.bias_ih_l0 [12] at 144",    "rnn.bias_hh_l0 [12] at 156",
        "fc.weight [4][4] at 168",       "fc.bias [4] at 184"
    };
    check_tensors(net, COUNT(lines), lines);
    recur_layer *parts[2] = { net }, *fc = NULL, *inner = NULL;
    OK(recur_linear_create(NULL, 3, 2, 0, &parts[1]));
    recur_layer *whole = chain(NULL, RECUR_COMPOSE_GROUP, 2,
                               (const char *const[]){ "decoder", "other" }, parts);
    check_tensor(whole, 4, "decoder.fc.weight [4][4] at 168");
    check_tensor(whole, 6, "other.weight [2][3] at 188");
    int64_t offset = -1;
    OK(recur_layer_child(whole, "decoder.fc", &fc, &offset));
    assert_int_equal(offset, 168);
    check_tensors(fc, 2, (const char *const[]){ "weight [4][4] at 0", "bias [4] at 16" });
    assert_ptr_equal(recur_layer_params(fc), recur_layer_params(whole) + 168);
    OK(recur_layer_child(whole, "decoder", &inner, NULL));
    recur_layer_release(whole);
    recur_layer_params(inner)[168] = 3; /* the parts keep the whole alive */
    assert_true(recur_layer_params(fc)[0] == 3.0f);
    check_tensor(inner, 4, "fc.weight [4][4] at 168");
    recur_layer *none = fc;
    FAILS(RECUR_E_MISSING, recur_layer_child(inner, "decoder", &none, &offset), "decoder");
    assert_null(none);
    FAILS(RECUR_E_MISSING, recur_layer_child(inner, "fc.weight", &none, &offset), "fc.weight");
    FAILS(RECUR_E_MISSING, recur_layer_child(inner, "f", &none, &offset), "f");
    FAILS(RECUR_E_MISSING, recur_layer_child(inner, "", &none, &offset), "");
    recur_layer_release(inner);
    recur_layer_release(fc);
}

/* Parts are copied: later changes of one do not reach the other. */
static void parts_are_copies(void **unused)
{
    (void)unused;
    recur_layer *part = NULL, *whole = NULL;
    OK(recur_linear_create(NULL, 2, 2, 0, &part));
    for (int i = 0; i < 6; i++) recur_layer_params(part)[i] = (float)i;
    recur_layer *const twice[2] = { part, part };
    OK(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "a", "b" },
                            twice, &whole));
    recur_layer_params(part)[0] = 99;
    recur_layer_params(whole)[7] = 50;
    const float want[] = { 0, 1, 2, 3, 4, 5, 0, 50, 2, 3, 4, 5 };
    check_same("params", 12, recur_layer_params(whole), want);
    assert_true(recur_layer_params(part)[1] == 1.0f);
    recur_layer_release(part);
    recur_layer_release(whole);
}

static void descriptions(void **unused)
{
    (void)unused;
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_LSTM,
                                              .input_size = 5,
                                              .hidden_size = 7,
                                              .num_layers = 2,
                                              .direction = RECUR_DIRECTION_BIDIRECTIONAL,
                                              .flags = RECUR_LAYER_NO_BIAS,
                                              .dropout = 0.25 };
    recur_layer *parts[4] = { NULL };
    OK(recur_recurrent_create(NULL, &options, &parts[0]));
    OK(recur_dropout_create(NULL, 14, 0.5, &parts[1]));
    OK(recur_last_create(NULL, 14, RECUR_DIRECTION_BIDIRECTIONAL, &parts[2]));
    OK(recur_activation_create(NULL, 14, RECUR_ACTIVATION_RELU, &parts[3]));
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 4,
                             (const char *const[]){ "rnn", "drop", "last", "relu" }, parts);
    const recur_layer_info all = info_of(net, -1), rnn = info_of(net, 0), drop = info_of(net, 1),
                           last = info_of(net, 2), relu = info_of(net, 3);
    assert_int_equal(all.kind, RECUR_KIND_COMPOSE);
    assert_int_equal(all.variant, RECUR_COMPOSE_SEQUENTIAL);
    assert_int_equal(all.parts, 4);
    assert_int_equal(all.input_size, 5);
    assert_int_equal(all.output_size, 14);
    assert_int_equal(all.capabilities, RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS | RECUR_CAN_RECORD |
                                           RECUR_CAN_REDUCE_TIME);
    assert_string_equal(all.name, "");
    assert_string_equal(all.type, "sequential");
    assert_int_equal(rnn.kind, RECUR_KIND_RECURRENT);
    assert_int_equal(rnn.variant, RECUR_CELL_LSTM);
    assert_int_equal(rnn.hidden_size, 7);
    assert_int_equal(rnn.num_layers, 2);
    assert_int_equal(rnn.direction, RECUR_DIRECTION_BIDIRECTIONAL);
    assert_int_equal(rnn.flags, RECUR_LAYER_NO_BIAS);
    assert_true(rnn.dropout == 0.25);
    assert_int_equal(rnn.capabilities, RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS | RECUR_CAN_RECORD);
    assert_string_equal(rnn.name, "rnn");
    assert_string_equal(rnn.type, "lstm");
    assert_int_equal(rnn.offset, 0);
    assert_int_equal(drop.kind, RECUR_KIND_DROPOUT);
    assert_true(drop.dropout == 0.5);
    assert_int_equal(drop.capabilities, RECUR_CAN_TAKE_ROWS | RECUR_CAN_STEP | RECUR_CAN_RECORD);
    assert_int_equal(last.kind, RECUR_KIND_LAST);
    assert_int_equal(last.direction, RECUR_DIRECTION_BIDIRECTIONAL);
    assert_true(last.capabilities & RECUR_CAN_REDUCE_TIME);
    assert_int_equal(relu.kind, RECUR_KIND_ACTIVATION);
    assert_int_equal(relu.variant, RECUR_ACTIVATION_RELU);
    assert_int_equal(relu.offset, recur_layer_param_count(net));
    recur_layer_info info = { .size = sizeof info };
    FAILS(RECUR_E_ARGUMENT, recur_layer_describe(net, 4, &info), "4");
    FAILS(RECUR_E_ARGUMENT, recur_layer_describe(net, -2, &info), "-2");
    recur_layer_release(net);
}

static recur_layer *made_like(const recur_layer_info *i)
{
    recur_recurrent_options o = { .size = sizeof o,
                                  .cell = i->variant,
                                  .input_size = i->input_size,
                                  .hidden_size = i->hidden_size,
                                  .num_layers = i->num_layers,
                                  .projection_size = i->projection_size,
                                  .direction = i->direction,
                                  .flags = i->flags,
                                  .dropout = i->dropout,
                                  .recurrent_dropout = i->recurrent_dropout,
                                  .zoneout_hidden = i->zoneout_hidden,
                                  .zoneout_cell = i->zoneout_cell,
                                  .cell_clip = i->cell_clip,
                                  .preactivation_clip = i->preactivation_clip,
                                  .gate_activation = i->gate_activation,
                                  .activation = i->activation,
                                  .output_activation = i->output_activation,
                                  .clockwork = i->clockwork };
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(NULL, &o, &layer));
    return layer;
}

/* A layer can be made again from what it says, and says what it was told. */
static void rebuilt(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++) {
        const uint32_t flags = k % 2 ? RECUR_LAYER_NO_BIAS : 0;
        recur_recurrent_options o = options_of(&KINDS[k], 3, 4, 2, k % 3, flags);
        o.dropout = 0.25;
        o.recurrent_dropout = has_U(KINDS[k].cell) ? 0.125 : 0;
        trying("%s", KINDS[k].name);
        recur_layer *one = NULL;
        OK(recur_recurrent_create(NULL, &o, &one));
        const recur_layer_info i = info_of(one, -1);
        recur_layer *two = made_like(&i);
        recur_layer_info again = info_of(two, -1);
        assert_string_equal(again.name, i.name);
        assert_string_equal(again.type, i.type);
        again.name = i.name;
        again.type = i.type;
        assert_int_equal(again.clockwork != NULL, KINDS[k].cell == RECUR_CELL_CLOCKWORK);
        if (i.clockwork) assert_memory_equal(again.clockwork, i.clockwork, sizeof *i.clockwork);
        again.clockwork = i.clockwork;
        assert_memory_equal(&again, &i, sizeof i);
        assert_int_equal(i.flags, o.flags);
        assert_int_equal(i.projection_size, o.projection_size);
        assert_memory_equal(&i.recurrent_dropout, &o.recurrent_dropout, 5 * sizeof(double));
        if (o.clockwork) assert_int_equal(i.clockwork->modules, o.clockwork->modules);
        assert_int_equal(recur_layer_param_count(one), recur_layer_param_count(two));
        for (int64_t t = 0; t < recur_layer_tensor_count(one); t++) {
            recur_tensor a = { .size = sizeof a }, b = { .size = sizeof b };
            OK(recur_layer_tensor_info(one, t, &a));
            OK(recur_layer_tensor_info(two, t, &b));
            assert_string_equal(a.name, b.name);
        }
        assert_true(i.type[0] != 0);
        assert_int_equal(i.capabilities & RECUR_CAN_STEP,
                         k % 3 == RECUR_DIRECTION_FORWARD ? RECUR_CAN_STEP : 0);
        recur_layer *snapshot = NULL;
        OK(recur_layer_snapshot(one, RECUR_PRECISION_FLOAT32, &snapshot));
        assert_int_equal(info_of(snapshot, -1).capabilities,
                         i.capabilities & ~(uint32_t)RECUR_CAN_RECORD);
        recur_layer_release(snapshot);
        recur_layer_release(one);
        recur_layer_release(two);
    }
}

static void rows_out(void **unused)
{
    (void)unused;
    recur_packed *packed = layout(NULL, 4, (const int64_t[]){ 3, 5, 2, 3 }, 0);
    recur_layer *net = classifier(RECUR_CELL_GRU, 8, 4, 1, 4), *rnn = NULL;
    OK(recur_layer_child(net, "rnn", &rnn, NULL));
    assert_int_equal(recur_layer_rows(net, packed), 4);
    assert_int_equal(recur_layer_rows(rnn, packed), 13);
    assert_int_equal(recur_layer_rows(NULL, packed), 0);
    assert_int_equal(recur_layer_rows(net, NULL), 0);
    recur_layer_release(net);
    recur_layer_release(rnn);
    recur_packed_release(packed);
}

/* ---- composing that fails ------------------------------------------------------------------- */

static void compose_errors(void **unused)
{
    (void)unused;
    recur_layer *five = NULL, *six = NULL, *embedding = NULL, *last = NULL, *group = NULL,
                *snapshot = NULL, *wide = NULL, *out = NULL;
    OK(recur_linear_create(NULL, 5, 5, 0, &five));
    OK(recur_linear_create(NULL, 6, 6, 0, &six));
    OK(recur_linear_create(NULL, 5, 7, 0, &wide));
    OK(recur_embedding_create(NULL, 5, 5, 0, &embedding));
    OK(recur_last_create(NULL, 5, RECUR_DIRECTION_FORWARD, &last));
    OK(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "x" }, &five,
                            &group));
    OK(recur_layer_snapshot(five, RECUR_PRECISION_FLOAT32, &snapshot));
    recur_layer *rnn = recurrent(NULL, RECUR_CELL_GRU, 5, 5, 1, RECUR_DIRECTION_FORWARD, 0);
    const struct {
        int kind;
        const char *names[2];
        recur_layer *parts[2];
        recur_status code;
        const char *words;
    } rows[] = {
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { five, six }, RECUR_E_SHAPE, "5 6 b" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "a" }, { five, five }, RECUR_E_ARGUMENT, "a" },
        { RECUR_COMPOSE_GROUP, { "a", "a" }, { five, five }, RECUR_E_ARGUMENT, "a" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "" }, { five, five }, RECUR_E_ARGUMENT, "" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b.c" }, { five, five }, RECUR_E_ARGUMENT, "b.c" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", NULL }, { five, five }, RECUR_E_ARGUMENT, "1" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { five, NULL }, RECUR_E_ARGUMENT, "1" },
        { 0, { "a", "b" }, { five, five }, RECUR_E_ARGUMENT, "0" },
        { RECUR_COMPOSE_GRAPH, { "a", "b" }, { five, five }, RECUR_E_ARGUMENT, "graph" },
        { 5, { "a", "b" }, { five, five }, RECUR_E_ARGUMENT, "5" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { last, rnn }, RECUR_E_SHAPE, "b" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { last, last }, RECUR_E_SHAPE, "b" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { five, embedding }, RECUR_E_UNSUPPORTED, "b" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { five, group }, RECUR_E_UNSUPPORTED, "b" },
        { RECUR_COMPOSE_SEQUENTIAL, { "a", "b" }, { five, snapshot }, RECUR_E_UNSUPPORTED, "b" },
        { RECUR_COMPOSE_GROUP, { "a", "b" }, { snapshot, five }, RECUR_E_UNSUPPORTED, "a" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { five, wide }, RECUR_E_SHAPE, "5 7" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { five, six }, RECUR_E_SHAPE, "5 6 b" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { rnn, last }, RECUR_E_SHAPE, "sequence" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { embedding, five }, RECUR_E_UNSUPPORTED, "ids" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { five, group }, RECUR_E_UNSUPPORTED, "b" },
        { RECUR_COMPOSE_RESIDUAL, { "a", "b" }, { five, snapshot }, RECUR_E_UNSUPPORTED, "b" },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        trying("row %d", i);
        out = five;
        FAILS(rows[i].code,
              recur_compose_create(NULL, rows[i].kind, 2, rows[i].names, rows[i].parts, &out),
              rows[i].words);
        assert_null(out);
    }
    FAILS(RECUR_E_ARGUMENT,
          recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 0, rows[0].names, rows[0].parts, &out),
          "");
    FAILS(RECUR_E_ARGUMENT,
          recur_compose_create(NULL, RECUR_COMPOSE_GROUP, -1, rows[0].names, rows[0].parts, &out),
          "");
    recur_layer *const all[] = { five, six, embedding, last, group, snapshot, wide, rnn };
    for (int i = 0; i < COUNT(all); i++) recur_layer_release(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_of_recurrent), TEST(names_of_rows), TEST(parameter_counts), TEST(prefixes),
        TEST(parts_are_copies),   TEST(descriptions),  TEST(rebuilt),          TEST(rows_out),
        TEST(compose_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
