/* test_io_load.c - layers and states under prefixes of a file: identical when they come back;
 * strict, and all or nothing, when something does not fit. */
#include "support/support.h"
#include "file/file.h"

static void add(recur_file *file, const char *name, int rank, int64_t a, int64_t b)
{
    const recur_tensor info = {
        .size = sizeof info, .rank = rank, .dim = { a, b, 1, 1 }, .name = name
    };
    OK(recur_file_add(file, &info, zeros(a * b)));
}

static recur_layer *linear(recur_context *ctx, int64_t in, int64_t out)
{
    recur_layer *layer = NULL;
    OK(recur_linear_create(ctx, in, out, 0, &layer));
    return layer;
}

static recur_layer *model(recur_context *ctx, const kind_row *kind)
{
    const char *const names[] = { "rnn", "fc" };
    recur_layer *rnn = recurrent_of(ctx, kind, 3, 4, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    recur_layer *parts[] = { rnn, linear(ctx, info_of(rnn, -1).output_size, 2) };
    return chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, names, parts);
}

/* ---- layers --------------------------------------------------------------------------------- */

static void layers_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    for (int k = 0; k < COUNT(KINDS); k++) {
        trying("%s", KINDS[k].name);
        dice((uint64_t)k);
        recur_layer *from = model(ctx, &KINDS[k]), *to = model(ctx, &KINDS[k]);
        const int64_t count = recur_layer_param_count(from);
        randomize(from, 1);
        recur_layer_params(from)[count - 1] = -0.0f;
        recur_file *file = new_file(ctx);
        OK(recur_file_put_layer(file, NULL, from));
        assert_int_equal(recur_file_tensor_count(file), recur_layer_tensor_count(from));
        file = again(ctx, file);
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_find(file, "rnn.weight_ih_l1_reverse", &t));
        assert_int_equal(t.dim[1], info_of(from, 0).output_size);
        OK(recur_file_get_layer(file, "", to));
        check_same("parameters", count, recur_layer_params(to), recur_layer_params(from));
        OK(recur_file_all_used(file));
        recur_file_release(file);
        recur_layer_release(from);
        recur_layer_release(to);
    }
    close_context(ctx);
}

static void prefixes(void **state)
{
    (void)state;
    recur_layer *a = linear(NULL, 2, 3), *b = linear(NULL, 2, 3),
                *net = model(NULL, &KINDS[RECUR_CELL_GRU - 1]), *rnn = NULL;
    randomize(a, 1);
    randomize(net, 1);
    recur_file *file = new_file(NULL);
    OK(recur_file_put_layer(file, "a.", a));
    OK(recur_file_put_layer(file, "b.", b));
    OK(recur_file_put_layer(file, "net.", net));
    OK(recur_file_get_layer(file, "a.", b));
    check_same("b", recur_layer_param_count(b), recur_layer_params(b), recur_layer_params(a));
    FAILS(RECUR_E_MISSING, recur_file_all_used(file), "b.weight");
    FAILS(RECUR_E_MISSING, recur_file_get_layer(file, NULL, b), "weight [3,2]");
    FAILS(RECUR_E_MISSING, recur_file_get_layer(file, "net.fc", b), "net.fcweight");

    OK(recur_layer_child(net, "rnn", &rnn, NULL)); /* a part alone */
    float *before = copy_of(recur_layer_param_count(net), recur_layer_params(net));
    memset(recur_layer_params(rnn), 0, (size_t)recur_layer_param_count(rnn) * sizeof(float));
    OK(recur_file_get_layer(file, "net.rnn.", rnn));
    check_same("net", recur_layer_param_count(net), recur_layer_params(net), before);
    recur_file_release(file);
    recur_layer_release(a);
    recur_layer_release(b);
    recur_layer_release(rnn);
    recur_layer_release(net);
}

static void loading_is_strict(void **state)
{
    (void)state;
    recur_layer *layer = linear(NULL, 4, 16), *snapshot = NULL;
    randomize(layer, 1);
    const float *before = copy_of(recur_layer_param_count(layer), recur_layer_params(layer));
    const struct {
        const char *weight;
        int64_t a, b;
        const char *bias;
        int rank;
        int64_t c;
        const char *third;
        recur_status code;
        const char *words;
    } rows[] = {
        { "m.weight", 16, 4, "m.bias", 1, 15, NULL, RECUR_E_SHAPE, "m.bias [15] [16] layer" },
        { "m.weight", 16, 4, "m.bias", 2, 16, NULL, RECUR_E_SHAPE, "m.bias [16,1] [16]" },
        { "m.weight", 4, 16, "m.bias", 1, 16, NULL, RECUR_E_SHAPE, "m.weight [4,16] [16,4]" },
        { "m.weight", 16, 4, "m.bas", 1, 16, NULL, RECUR_E_MISSING, "m.bias [16]" },
        { "weight", 16, 4, "m.bias", 1, 16, NULL, RECUR_E_MISSING, "m.weight [16,4]" },
        { "m.weight", 16, 4, "m.bias", 1, 16, "m.weight2", RECUR_E_FORMAT, "m.weight2 [1] 2 m." },
        { "m.weight", 16, 4, "m.bias", 1, 16, "m.", RECUR_E_FORMAT, "m. [1] 2" },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        trying("row %d", i);
        recur_file *file = new_file(NULL);
        add(file, rows[i].weight, 2, rows[i].a, rows[i].b);
        add(file, rows[i].bias, rows[i].rank, rows[i].c, 1);
        if (rows[i].third) add(file, rows[i].third, 1, 1, 1);
        FAILS(rows[i].code, recur_file_get_layer(file, "m.", layer), rows[i].words);
        check_same("parameters", recur_layer_param_count(layer), recur_layer_params(layer), before);
        FAILS(RECUR_E_MISSING, recur_file_all_used(file), rows[i].weight);
        recur_file_release(file);
    }
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_ARGUMENT, recur_file_get_layer(file, "", NULL), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_layer(NULL, "", layer), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_layer(file, "", NULL), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_layer(NULL, "", layer), "file NULL");
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    FAILS(RECUR_E_UNSUPPORTED, recur_file_get_layer(file, "", snapshot), "snapshot 80");
    FAILS(RECUR_E_UNSUPPORTED, recur_file_put_layer(file, "", snapshot), "snapshot 80");
    FAILS(RECUR_E_FORMAT, recur_file_put_layer(file, "\xff", layer), "UTF-8");
    assert_int_equal(recur_file_tensor_count(file), 0);
    recur_file_release(file);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
}

/* Converted models have weights of other types. */
static void other_types(void **state)
{
    (void)state;
    static const char types[][5] = { "F16", "C64" };
    for (int i = 0; i < 2; i++) {
        char header[200];
        const int size = i ? 8 : 2;
        const int n = snprintf(
            header, sizeof header,
            "{\"weight\":{\"dtype\":\"%s\",\"shape\":[1,1],\"data_offsets\":[0,%d]},"
            "\"bias\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[%d,%d]}}",
            types[i], size, types[i], size, 2 * size);
        unsigned char data[256] = { (unsigned char)n };
        memcpy(data + 8, header, (size_t)n);
        data[8 + n + 1] = 0x3c; /* 1 in half precision */
        recur_file *file = NULL;
        OK(recur_file_open_memory(NULL, data, (size_t)(8 + n + 2 * size), &file));
        recur_layer *layer = linear(NULL, 1, 1);
        if (i == 0) {
            OK(recur_file_get_layer(file, "", layer));
            const float want[2] = { 1, 0 };
            check_same("parameters", 2, recur_layer_params(layer), want);
        } else {
            FAILS(RECUR_E_UNSUPPORTED, recur_file_get_layer(file, "", layer), "weight C64");
        }
        recur_layer_release(layer);
        recur_file_release(file);
    }
}

static void a_failed_save_leaves_the_file(void **state)
{
    (void)state;
    recur_layer *layer = linear(NULL, 2, 2);
    recur_file *file = new_file(NULL);
    add(file, "bias", 1, 1, 1);
    FAILS(RECUR_E_ARGUMENT, recur_file_put_layer(file, "", layer), "bias already");
    assert_int_equal(recur_file_tensor_count(file), 1);
    /* The weight has gone again. */
    FAILS(RECUR_E_ARGUMENT, recur_file_put_layer(file, "", layer), "bias already");
    recur_file_release(file);
    recur_layer_release(layer);
}

/* ---- names of earlier versions --------------------------------------------------------------- */

static const char *const TODAY[] = { "a.norm_weight_l0", "a.norm_bias_l0_reverse", "h0", "c0_l1" };
static const char *const BEFORE[] = { "a.weight_norm_l0", "a.bias_norm_l0_reverse", "start_h",
                                      "start_c_l1" };
enum { RENAMED = 4 };

static recur_status renamed_tensor(const recur__bundle *bundle, int64_t index, recur_tensor *info,
                                   float **data)
{
    *info = (recur_tensor){
        .size = sizeof *info, .rank = 1, .dim = { 1, 1, 1, 1 }, .count = 1, .name = TODAY[index]
    };
    *data = bundle->flat + index;
    return RECUR_OK;
}

static void add_one(recur_file *file, const char *prefix, const char *name, float value)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    const recur_tensor info = {
        .size = sizeof info, .rank = 1, .dim = { 1, 1, 1, 1 }, .name = whole
    };
    OK(recur_file_add(file, &info, &value));
}

/* Each tensor is found under today's name or its old one; both at once are one too many. */
static void old_names(void **state)
{
    (void)state;
    static const recur__old_name words[] = { { "norm_weight", "weight_norm" },
                                             { "norm_bias", "bias_norm" },
                                             { "h0", "start_h" },
                                             { "c0", "start_c" },
                                             { NULL, NULL } };
    float values[RENAMED];
    const recur__bundle set = {
        .what = "set", .old = words, .flat = values, .tensors = RENAMED, .tensor = renamed_tensor
    };
    for (unsigned before = 0; before < 1u << RENAMED; before++) {
        recur_file *file = new_file(NULL);
        for (int i = 0; i < RENAMED; i++)
            add_one(file, "p.", (before >> i & 1 ? BEFORE : TODAY)[i], (float)(i + 1));
        trying("%x", before);
        memset(values, 0, sizeof values);
        OK(recur__bundle_get(&set, file, "p."));
        OK(recur_file_all_used(file));
        for (int i = 0; i < RENAMED; i++) assert_true(values[i] == (float)(i + 1));
        if (!(before & 1)) {
            add_one(file, "p.", BEFORE[0], 9);
            FAILS(RECUR_E_FORMAT, recur__bundle_get(&set, file, "p."), "p.a.weight_norm_l0");
        }
        recur_file_release(file);
    }
    recur_file *file = new_file(NULL);
    for (int i = 0; i < RENAMED - 1; i++) add_one(file, "", BEFORE[i], 1);
    FAILS(RECUR_E_MISSING, recur__bundle_get(&set, file, ""), "c0_l1");
    add_one(file, "", "start_cl1", 1);
    FAILS(RECUR_E_MISSING, recur__bundle_get(&set, file, ""), "c0_l1");
    add_one(file, "", "c0_l1", 1);
    FAILS(RECUR_E_FORMAT, recur__bundle_get(&set, file, ""), "start_cl1");
    recur_file_release(file);
}

/* ---- states --------------------------------------------------------------------------------- */

static void states_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *net = model(ctx, &KINDS[RECUR_CELL_LSTM - 1]),
                *small = recurrent(ctx, RECUR_CELL_LSTM, 3, 4, 1, 0, 0);
    recur_state *from = NULL, *to = NULL, *wide = NULL, *other = NULL;
    OK(recur_state_create(net, 3, &from));
    OK(recur_state_create(net, 3, &to));
    OK(recur_state_create(net, 5, &wide));
    OK(recur_state_create(small, 3, &other));
    const int64_t count = recur_state_count(from);
    float *values = randoms(count, 1), *got = floats(count);
    OK(recur_state_write(from, 0, count, values));
    recur_file *file = new_file(ctx);
    OK(recur_file_put_state(file, "s.", from));
    FAILS(RECUR_E_ARGUMENT, recur_file_put_state(file, "s.", from), "s.rnn.h already");
    file = again(ctx, file);
    OK(recur_file_get_state(file, "s.", to));
    OK(recur_state_read(to, 0, count, got));
    check_same("state", count, got, values);
    OK(recur_file_all_used(file));
    FAILS(RECUR_E_SHAPE, recur_file_get_state(file, "s.", wide), "s.rnn.h [4,3,4] [4,5,4] state");
    FAILS(RECUR_E_MISSING, recur_file_get_state(file, "s.", other), "s.h [1,3,4]");
    add(file, "s.x", 1, 1, 1);
    OK(recur_state_reset(to, -1));
    FAILS(RECUR_E_FORMAT, recur_file_get_state(file, "s.", to), "s.x");
    OK(recur_state_read(to, 0, count, got));
    check_same("state", count, got, zeros(count));
    FAILS(RECUR_E_ARGUMENT, recur_file_get_state(file, "", NULL), "state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_get_state(NULL, "", to), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_state(file, "", NULL), "state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_file_put_state(NULL, "", to), "file NULL");
    recur_file_release(file);
    recur_state_release(other);
    recur_state_release(wide);
    recur_state_release(to);
    recur_state_release(from);
    recur_layer_release(small);
    recur_layer_release(net);
    close_context(ctx);
}

/* ---- memory runs out ------------------------------------------------------------------------ */

typedef struct owners {
    recur_layer *layer;
    recur_optimizer *adam;
    recur_state *state;
} owners;

static recur_status save(const owners *o, recur_file *file, int which)
{
    if (which == 0) return recur_file_put_layer(file, "l.", o->layer);
    if (which == 1) return recur_file_put_optimizer(file, "o.", o->adam);
    return recur_file_put_state(file, "s.", o->state);
}

static recur_status load(const owners *o, recur_file *file, int which)
{
    if (which == 0) return recur_file_get_layer(file, "l.", o->layer);
    if (which == 1) return recur_file_get_optimizer(file, "o.", o->adam);
    return recur_file_get_state(file, "s.", o->state);
}

static void no_memory(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    owners o = { .layer = model(ctx, &KINDS[RECUR_CELL_LSTM - 1]) };
    const recur_optimizer_options adam = { .size = sizeof adam, .kind = RECUR_OPTIMIZER_ADAM };
    OK(recur_optimizer_create(ctx, &adam, 10, &o.adam));
    OK(recur_state_create(o.layer, 2, &o.state));
    for (int which = 0; which < 3; which++) {
        recur_file *file = new_file(ctx);
        int64_t failures = 0;
        for (bool done = false; !done;) {
            c.until_failure = failures;
            support_forget();
            const recur_status status = save(&o, file, which);
            c.until_failure = -1;
            done = status == RECUR_OK;
            if (done) break;
            support_fails(RECUR_E_MEMORY, status, "bytes", "save", __FILE__, __LINE__);
            assert_int_equal(recur_file_tensor_count(file), 0);
            assert_int_equal(recur_file_metadata_count(file), 0);
            failures++;
        }
        assert_true(failures > 2);
        for (int64_t n = 0; n < 10; n++) {
            c.until_failure = n;
            const recur_status status = load(&o, file, which);
            c.until_failure = -1;
            if (!status) break;
            assert_int_equal(status, RECUR_E_MEMORY);
        }
        OK(recur_file_all_used(file));
        recur_file_release(file);
    }
    recur_state_release(o.state);
    recur_optimizer_release(o.adam);
    recur_layer_release(o.layer);
    recur_context_release(ctx);
    assert_int_equal(c.blocks + c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(layers_come_back),
        TEST(prefixes),
        TEST(loading_is_strict),
        TEST(other_types),
        TEST(a_failed_save_leaves_the_file),
        TEST(old_names),
        TEST(states_come_back),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
