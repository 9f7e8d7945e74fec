/* test_model.c - whole networks in files: what is saved opens as the same network, with the same
 * parameters under the same names, alone or beside others. */
#include <unistd.h>

#include "model/model.h"
#include "support/networks.h"

static char folder[] = "/tmp/recur_model_XXXXXX";
static char path[64];

/* ---- the same network ----------------------------------------------------------------------- */

static void check_same_layer(const recur_layer *a, const recur_layer *b)
{
    recur_layer_info x = info_of(a, -1), y = info_of(b, -1);
    assert_string_equal(x.name, y.name);
    assert_string_equal(x.type, y.type);
    assert_int_equal(x.clockwork == NULL, y.clockwork == NULL);
    if (x.clockwork) assert_memory_equal(x.clockwork, y.clockwork, sizeof *x.clockwork);
    x.name = y.name = x.type = y.type = NULL;
    assert_int_equal(x.conv == NULL, y.conv == NULL);
    if (x.conv) assert_memory_equal(x.conv, y.conv, sizeof *x.conv);
    x.clockwork = y.clockwork = NULL;
    x.conv = y.conv = NULL;
    assert_memory_equal(&x, &y, sizeof x);
    for (int64_t i = 0; i < x.parts; i++) {
        recur_layer *p = NULL, *q = NULL;
        OK(recur_layer_child(a, info_of(a, i).name, &p, NULL));
        OK(recur_layer_child(b, info_of(b, i).name, &q, NULL));
        check_same_layer(p, q);
        const recur_layer_info from = info_of(a, i), to = info_of(b, i);
        assert_int_equal(from.source_count, to.source_count);
        for (int64_t n = 0; n < from.source_count; n++) {
            const recur_source *s = &from.sources[n], *t = &to.sources[n];
            assert_true(s->begin == t->begin && s->count == t->count);
            assert_true(s->part == t->part || strcmp(s->part, t->part) == 0);
        }
        recur_layer_release(p);
        recur_layer_release(q);
    }
}

static void check_same_network(recur_layer *a, recur_layer *b)
{
    check_same_layer(a, b);
    assert_int_equal(recur_layer_param_count(a), recur_layer_param_count(b));
    assert_int_equal(recur_layer_tensor_count(a), recur_layer_tensor_count(b));
    for (int64_t i = 0; i < recur_layer_tensor_count(a); i++) {
        recur_tensor s = { .size = sizeof s }, t = { .size = sizeof t };
        OK(recur_layer_tensor_info(a, i, &s));
        OK(recur_layer_tensor_info(b, i, &t));
        assert_string_equal(s.name, t.name);
        assert_memory_equal(s.dim, t.dim, sizeof s.dim);
    }
    check_same("parameters", recur_layer_param_count(a), recur_layer_params(a),
               recur_layer_params(b));
}

static unsigned char *saved(const recur_layer *layer, size_t *bytes)
{
    recur_file *file = new_file(NULL);
    OK(recur_file_put_model(file, NULL, layer, NULL));
    *bytes = 0;
    OK(recur_file_write_memory(file, NULL, bytes));
    unsigned char *data = bytes_of((int64_t)*bytes, 1);
    OK(recur_file_write_memory(file, data, bytes));
    recur_file_release(file);
    return data;
}

/* Saves a layer, which it releases, and opens the file. Saving what was opened gives the same
 * bytes. */
static void comes_back(recur_context *ctx, recur_layer *layer)
{
    randomize(layer, 1);
    recur_layer *opened = NULL;
    size_t bytes, bytes_again;
    const unsigned char *data = saved(layer, &bytes);
    OK(recur_model_open_memory(ctx, data, bytes, &opened));
    check_same_network(layer, opened);
    const unsigned char *data_again = saved(opened, &bytes_again);
    assert_int_equal(bytes, bytes_again);
    assert_memory_equal(data, data_again, bytes);
    recur_layer_release(layer);
    recur_layer_release(opened);
}

static void by_path(void **state)
{
    (void)state;
    recur_layer *net = tagger(NULL), *opened = NULL;
    randomize(net, 1);
    OK(recur_model_save(net, path, NULL));
    OK(recur_model_save(net, path, NULL)); /* over the old one */
    OK(recur_model_open(NULL, path, &opened));
    check_same_network(net, opened);
    size_t bytes;
    const unsigned char *data = saved(net, &bytes);
    unsigned char *written = bytes_of((int64_t)bytes + 1, 1);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fread(written, 1, bytes + 1, in), bytes);
    fclose(in);
    assert_memory_equal(written, data, bytes);
    recur_layer_release(net);
    recur_layer_release(opened);
}

static void recurrent_layers_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    dice(1);
    for (int k = 0; k < COUNT(KINDS); k++)
        for (int direction = 0; direction < 3; direction++)
            for (int64_t layers = 1; layers < 3; layers++) {
                trying("%s, direction %d, %d layers", KINDS[k].name, direction, (int)layers);
                comes_back(ctx, recurrent_of(ctx, &KINDS[k], 3, 6, layers, direction, 0));
                comes_back(ctx, recurrent_of(ctx, &KINDS[k], 3, 6, layers, direction,
                                             RECUR_LAYER_NO_BIAS));
            }
    comes_back(ctx, recurrent(ctx, RECUR_CELL_GRU, 3, 2, 1, 0, RECUR_LAYER_CELL_NAMES));
    close_context(ctx);
}

static void other_layers_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    dice(2);
    comes_back(ctx, linear(ctx, 3, 2, 0));
    comes_back(ctx, linear(ctx, 3, 2, RECUR_LAYER_NO_BIAS));
    comes_back(ctx, embedding(ctx, 5, 2));
    for (int direction = 0; direction < 3; direction++) comes_back(ctx, last(ctx, 4, direction));
    comes_back(ctx, dropout(ctx, 3, 0.1));
    comes_back(ctx, dropout(ctx, 3, 0));
    for (int f = RECUR_ACTIVATION_TANH; f <= RECUR_ACTIVATION_POSITIVE; f++)
        comes_back(ctx, activation(ctx, 3, f));
    comes_back(ctx, norm(ctx, 3, 0, 0));
    comes_back(ctx, norm(ctx, 3, 1e-3, RECUR_LAYER_NO_BIAS));
    for (int way = RECUR_MERGE_SUM; way <= RECUR_MERGE_MAGNITUDE; way++)
        comes_back(ctx, merge(ctx, 4, way));
    comes_back(ctx, pair(ctx, RECUR_COMPOSE_RESIDUAL, "rnn",
                         recurrent(ctx, RECUR_CELL_GRU, 3, 3, 1, BOTH, 0), "merge",
                         merge(ctx, 6, RECUR_MERGE_SUM)));
    comes_back(ctx, rms_norm(ctx, 3, 1e-3));
    comes_back(ctx, group_norm(ctx, 6, 2, 3, 0));
    comes_back(ctx, affine(ctx, 3, 2, RECUR_LAYER_NO_BIAS));
    comes_back(ctx, prelu(ctx, 3, 2));
    comes_back(ctx, softmax(ctx, 3));
    for (int i = 0; i < CONVS; i++) comes_back(ctx, conv(ctx, &CONV[i]));
    comes_back(ctx, skips(ctx));
    comes_back(ctx, pair(ctx, SEQUENTIAL, "net", skips(ctx), "fc", linear(ctx, 4, 2, 0)));
    comes_back(ctx, tagger(ctx));
    comes_back(
        ctx, pair(ctx, GROUP, "encoder", classifier(ctx, RECUR_CELL_GRU), "decoder", tagger(ctx)));
    comes_back(ctx,
               pair(ctx, GROUP, "\303\244 \"b\"", linear(ctx, 1, 1, 0), "c", linear(ctx, 1, 1, 0)));
    recur_layer *deep = linear(ctx, 2, 2, 0), *one[1];
    for (int depth = 1; depth < RECUR__MODEL_DEPTH; depth++) {
        one[0] = deep;
        deep = chain(ctx, SEQUENTIAL, 1, (const char *const[]){ "in" }, one);
    }
    comes_back(ctx, deep);
    close_context(ctx);
}

/* Every member of the description is written and read again, whatever the others are. */
static void every_member_is_written(void **state)
{
    (void)state;
    recur_layer_info full;
    memset(&full, 0, sizeof full);
    full.type = "lstm";
    full.input_size = INT64_C(1) << 40;
    full.output_size = 2;
    full.hidden_size = 3;
    full.num_layers = 4;
    full.projection_size = 5;
    full.direction = BOTH;
    full.flags = RECUR_LAYER_NO_BIAS | RECUR_LAYER_CELL_NAMES | RECUR_LAYER_UPDATE_NEW |
                 RECUR_LAYER_LEARN_INITIAL_STATE;
    double *const reals[] = {
        &full.dropout,      &full.recurrent_dropout, &full.zoneout_hidden,
        &full.zoneout_cell, &full.cell_clip,         &full.preactivation_clip
    };
    for (int i = 0; i < COUNT(reals); i++) *reals[i] = 0.1 + i / 3.0;
    full.epsilon = 1e-5;
    recur_clockwork_options clocks = { .size = sizeof clocks, .modules = 16 };
    for (int i = 0; i < RECUR_MOST_MODULES; i++) clocks.periods[i] = 1 << i;
    full.clockwork = &clocks;
    recur_conv_options windows = { .size = sizeof windows,
                                   .padding = RECUR_PADDING_REFLECT,
                                   .out_channels = 11,
                                   .kernel = 12,
                                   .stride = 13,
                                   .dilation = 14,
                                   .pad_before = 15,
                                   .pad_after = 16 };
    full.conv = &windows;
    full.channels = 17;
    full.groups = 18;
    for (int f = 0; f <= RECUR_ACTIVATION_IDENTITY; f++) {
        full.gate_activation = f;
        full.activation = RECUR_ACTIVATION_IDENTITY - f;
        full.output_activation = f;
        char text[2000];
        recur__json_writer w = { .to = text };
        recur__json object;
        recur__structure back;
        OK(recur__structure_can_put(&full));
        recur__json_open(&w, '{');
        recur__structure_put(&w, &full, false);
        recur__json_close(&w, '}');
        assert_true(w.used < sizeof text);
        OK(recur__json_check("text", text, w.used, &object));
        OK(recur__structure_take("", object, &back));
        assert_ptr_equal(back.info.clockwork, &back.clockwork);
        assert_memory_equal(&clocks, &back.clockwork, sizeof clocks);
        assert_ptr_equal(back.info.conv, &back.conv);
        assert_memory_equal(&windows, &back.conv, sizeof windows);
        assert_true(recur__json_is(back.type, full.type));
        OK(recur__structure_check("", &back, object, &full));
        back.info.type = full.type;
        back.info.clockwork = full.clockwork;
        back.info.conv = full.conv;
        assert_memory_equal(&full, &back.info, sizeof full);
    }
    const recur_recurrent_options options = recur__structure_options(&full);
    assert_int_equal(options.input_size, full.input_size);
    assert_int_equal(options.hidden_size, full.hidden_size);
    assert_int_equal(options.num_layers, full.num_layers);
    assert_int_equal(options.projection_size, full.projection_size);
    assert_int_equal(options.flags, full.flags);
    assert_int_equal(options.direction, full.direction);
    assert_memory_equal(&options.dropout, reals[0], sizeof(double));
    assert_memory_equal(&options.recurrent_dropout, reals[1],
                        offsetof(recur_recurrent_options, clockwork) -
                            offsetof(recur_recurrent_options, recurrent_dropout));
    assert_ptr_equal(options.clockwork, &clocks);
    full.flags |= 1u << 31;
    FAILS(RECUR_E_UNSUPPORTED, recur__structure_can_put(&full), "0x80000000 lstm");
    full.flags = 0;
    full.direction = 3;
    FAILS(RECUR_E_UNSUPPORTED, recur__structure_can_put(&full), "direction lstm");
}

/* ---- in a file with others ------------------------------------------------------------------ */

static recur_file *reopened(recur_context *ctx, recur_file *file)
{
    OK(recur_file_write(file, path));
    recur_file_release(file);
    recur_file *again = NULL;
    OK(recur_file_open(ctx, path, &again));
    return again;
}

static void under_prefixes(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *a = classifier(ctx, RECUR_CELL_LSTM), *b = tagger(ctx), *got = NULL,
                *weights = classifier(ctx, RECUR_CELL_LSTM);
    randomize(a, 1);
    randomize(b, 1);
    recur_file *file = new_file(ctx);
    OK(recur_file_put_model(file, "a.", a, NULL));
    OK(recur_file_put_model(file, "b.", b, NULL));
    OK(recur_file_set_metadata(file, "alphabet", "xyz"));
    FAILS(RECUR_E_ARGUMENT, recur_file_put_model(file, "a.", a, NULL), "a.");
    file = reopened(ctx, file);
    OK(recur_file_get_model(file, "b.", &got));
    check_same_network(b, got);
    recur_layer_release(got);
    FAILS(RECUR_E_MISSING, recur_file_all_used(file), "a.rnn.weight_ih_l0");
    OK(recur_file_get_model(file, "a.", &got));
    check_same_network(a, got);
    OK(recur_file_all_used(file));
    assert_string_equal(recur_file_metadata(file, "alphabet"), "xyz");
    OK(recur_file_get_layer(file, "a.", weights)); /* the parameters alone, under their own names */
    check_same_network(a, weights);
    recur_layer_release(got);
    FAILS(RECUR_E_MISSING, recur_file_get_model(file, "c.", &got), "c. a.");
    assert_null(got);
    FAILS(RECUR_E_MISSING, recur_file_get_model(file, NULL, &got), "a.");
    FAILS(RECUR_E_MISSING, recur_model_open(ctx, path, &got), "a.");
    recur_file_release(file);
    recur_layer_release(a);
    recur_layer_release(b);
    recur_layer_release(weights);
    close_context(ctx);
}

/* A part is saved alone; and a file of weights without a structure is opened. */
static void parts_and_weights(void **state)
{
    (void)state;
    recur_layer *net = tagger(NULL), *rnn = NULL, *got = NULL, *snapshot = NULL;
    randomize(net, 1);
    OK(recur_layer_child(net, "rnn", &rnn, NULL));
    OK(recur_model_save(rnn, path, NULL));
    OK(recur_model_open(NULL, path, &got));
    assert_string_equal(info_of(got, -1).name, "");
    check_same("parameters", recur_layer_param_count(rnn), recur_layer_params(got),
               recur_layer_params(rnn));
    recur_layer_release(got);
    recur_file *file = new_file(NULL);
    OK(recur_file_put_layer(file, "", rnn));
    file = reopened(NULL, file);
    FAILS(RECUR_E_MISSING, recur_file_get_model(file, "", &got),
          "recur.model 16 recur_file_get_layer");
    recur_file_release(file);
    OK(recur_layer_snapshot(net, 0, &snapshot));
    FAILS(RECUR_E_UNSUPPORTED, recur_model_save(snapshot, path, NULL), "snapshot");
    recur_layer_release(snapshot);
    recur_layer_release(rnn);
    recur_layer_release(net);
}

static void refused_arguments(void **state)
{
    (void)state;
    recur_layer *layer = linear(NULL, 2, 2, 0), *got = layer;
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_ARGUMENT, recur_model_save(NULL, path, NULL), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_model_save(layer, NULL, NULL), "path NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_model(file, "", NULL, NULL), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_model(NULL, "", layer, NULL), "file NULL");
    FAILS(RECUR_E_FORMAT, recur_file_put_model(file, "\xff", layer, NULL), "UTF-8");
    FAILS(RECUR_E_ARGUMENT, recur_model_open(NULL, path, NULL), "out NULL");
    FAILS(RECUR_E_ARGUMENT, recur_model_open(NULL, NULL, &got), "path NULL");
    assert_null(got);
    FAILS(RECUR_E_ARGUMENT, recur_model_open_memory(NULL, "", 1, NULL), "out NULL");
    FAILS(RECUR_E_ARGUMENT, recur_model_open_memory(NULL, NULL, 1, &got), "NULL 1");
    FAILS(RECUR_E_MISSING, recur_model_open_memory(NULL, NULL, 0, &got), "recur.model 0");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_model(NULL, "", &got), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_model(file, "", NULL), "out NULL");
    recur_layer *latin = NULL, *tanh = activation(NULL, 2, RECUR_ACTIVATION_TANH);
    OK(recur_compose_create(NULL, GROUP, 1, (const char *const[]){ "\xe4" }, &tanh, &latin));
    FAILS(RECUR_E_FORMAT, recur_file_put_model(file, "", latin, NULL), "UTF-8 part 0");
    recur_layer_release(latin);
    recur_layer_release(tanh);
    FAILS(RECUR_E_IO, recur_model_open(NULL, folder, &got), "regular");
    FAILS(RECUR_E_NOT_FOUND, recur_model_save(layer, "/nowhere/at/all", NULL), "No such file");
    assert_int_equal(recur_file_tensor_count(file) + recur_file_metadata_count(file), 0);
    recur_layer *deep = linear(NULL, 2, 2, 0), *one[1];
    for (int depth = 1; depth <= RECUR__MODEL_DEPTH; depth++) {
        one[0] = deep;
        deep = chain(NULL, GROUP, 1, (const char *const[]){ "in" }, one);
    }
    FAILS(RECUR_E_UNSUPPORTED, recur_file_put_model(file, "", deep, NULL), "4096 32");
    assert_int_equal(recur_file_tensor_count(file) + recur_file_metadata_count(file), 0);
    recur_layer_release(deep);
    recur_file_release(file);
    recur_layer_release(layer);
}

/* ---- what earlier versions wrote ------------------------------------------------------------ */

/* tests/models/version_1 has a sample, so it opens only if it computes what it did. Its structure
 * is still written in the same way. */
static void earlier_versions_open(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        trying("%s", recur_context_isa(ctx));
        recur_layer *net = NULL;
        recur_file *old = NULL, *now = new_file(ctx);
        OK(recur_file_open(ctx, "tests/models/version_1.safetensors", &old));
        OK(recur_file_get_model(old, "", &net));
        OK(recur_file_all_used(old));
        OK(recur_file_put_model(now, "", net, NULL));
        const char *before = recur_file_metadata(old, "recur.model"),
                   *after = recur_file_metadata(now, "recur.model");
        assert_memory_equal(before, after, strlen(after) - 1); /* up to the sample */
        recur_layer_release(net);
        recur_file_release(old);
        recur_file_release(now);
    }
}

/* tests/models/old_names was written when norm_weight, norm_bias, h0 and c0 had other names. */
static void old_names_are_read(void **state)
{
    (void)state;
    recur_layer *net = NULL, *rnn = NULL;
    recur_file *old = NULL;
    OK(recur_file_open(NULL, "tests/models/old_names.safetensors", &old));
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(old, "rnn.weight_norm_l1_reverse", &t));
    OK(recur_file_find(old, "rnn.bias_norm_l0", &t));
    OK(recur_file_find(old, "rnn.start_h_l0", &t));
    OK(recur_file_find(old, "rnn.start_c_l1_reverse", &t));
    OK(recur_file_get_model(old, "", &net));
    OK(recur_file_all_used(old));
    OK(recur_layer_child(net, "rnn", &rnn, NULL));
    const float value = 0;
    t = (recur_tensor){ .size = sizeof t, .rank = 1, .dim = { 1, 1, 1, 1 }, .name = "rnn.start" };
    OK(recur_file_get_layer(old, "rnn.", rnn));
    OK(recur_file_add(old, &t, &value));
    FAILS(RECUR_E_FORMAT, recur_file_get_layer(old, "rnn.", rnn), "rnn.start");
    recur_layer_release(rnn);
    recur_layer_release(net);
    recur_file_release(old);
}

/* ---- all together --------------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/net", folder);
    return 0;
}

/* The folder holds nothing but the file: no temporary file is left. */
static int remove_folder(void **state)
{
    (void)state;
    return unlink(path) || rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_path),
        TEST(recurrent_layers_come_back),
        TEST(other_layers_come_back),
        TEST(every_member_is_written),
        TEST(under_prefixes),
        TEST(parts_and_weights),
        TEST(refused_arguments),
        TEST(earlier_versions_open),
        TEST(old_names_are_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
