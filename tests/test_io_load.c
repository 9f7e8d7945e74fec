/* test_io_load.c - layers, optimizers and states under prefixes of a file: identical when they come back; strict, and all or
 * nothing, when something does not fit. */
#include "support/support.h"

static recur_file *new_file(recur_context *ctx)
{
    recur_file *file = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    return file;
}

/* Written and opened again. */
static recur_file *again(recur_context *ctx, recur_file *file)
{
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = bytes_of((int64_t)bytes, 1);
    OK(recur_file_write_memory(file, data, &bytes));
    recur_file *back = NULL;
    OK(recur_file_open_memory(ctx, data, bytes, &back));
    recur_file_release(file);
    return back;
}

static void add(recur_file *file, const char *name, int rank, int64_t a, int64_t b)
{
    const recur_tensor info = { .size = sizeof info, .rank = rank, .dim = { a, b, 1, 1 }, .name = name };
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

/* ---- layers ------------------------------------------------------------------------------------- */

static void layers_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    for (int k = 0; k < COUNT(KINDS); k++) {
        trying("%s", KINDS[k].name);
        dice((uint64_t)k);
        recur_layer *from = model(ctx, &KINDS[k]), *to = model(ctx, &KINDS[k]);
        const int64_t count = recur_layer_count(from);
        randomize(from, 1);
        recur_layer_params(from)[count - 1] = NAN;
        recur_file *file = new_file(ctx);
        OK(recur_layer_save(from, file, NULL));
        assert_int_equal(recur_file_tensors(file), recur_layer_tensors(from));
        file = again(ctx, file);
        recur_tensor t = { .size = sizeof t };
        OK(recur_file_find(file, "rnn.weight_ih_l1_reverse", &t));
        assert_int_equal(t.dim[1], info_of(from, 0).output_size);
        OK(recur_layer_load(to, file, ""));
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
    recur_layer *a = linear(NULL, 2, 3), *b = linear(NULL, 2, 3), *net = model(NULL, &KINDS[RECUR_CELL_GRU - 1]),
                *rnn = NULL;
    randomize(a, 1);
    randomize(net, 1);
    recur_file *file = new_file(NULL);
    OK(recur_layer_save(a, file, "a."));
    OK(recur_layer_save(b, file, "b."));
    OK(recur_layer_save(net, file, "net."));
    OK(recur_layer_load(b, file, "a."));
    check_same("b", recur_layer_count(b), recur_layer_params(b), recur_layer_params(a));
    FAILS(RECUR_E_MISSING, recur_file_all_used(file), "b.weight");
    FAILS(RECUR_E_MISSING, recur_layer_load(b, file, NULL), "weight [3,2]");
    FAILS(RECUR_E_MISSING, recur_layer_load(b, file, "net.fc"), "net.fcweight");

    OK(recur_layer_child(net, "rnn", &rnn, NULL)); /* a part alone */
    float *before = copy_of(recur_layer_count(net), recur_layer_params(net));
    memset(recur_layer_params(rnn), 0, (size_t)recur_layer_count(rnn) * sizeof(float));
    OK(recur_layer_load(rnn, file, "net.rnn."));
    check_same("net", recur_layer_count(net), recur_layer_params(net), before);
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
    const float *before = copy_of(recur_layer_count(layer), recur_layer_params(layer));
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
        FAILS(rows[i].code, recur_layer_load(layer, file, "m."), rows[i].words);
        check_same("parameters", recur_layer_count(layer), recur_layer_params(layer), before);
        FAILS(RECUR_E_MISSING, recur_file_all_used(file), rows[i].weight);
        recur_file_release(file);
    }
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_ARGUMENT, recur_layer_load(NULL, file, ""), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_load(layer, NULL, ""), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_save(NULL, file, ""), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_layer_save(layer, NULL, ""), "file NULL");
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_load(snapshot, file, ""), "snapshot 80");
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_save(snapshot, file, ""), "snapshot 80");
    FAILS(RECUR_E_FORMAT, recur_layer_save(layer, file, "\xff"), "UTF-8");
    assert_int_equal(recur_file_tensors(file), 0);
    recur_file_release(file);
    recur_layer_release(snapshot);
    recur_layer_release(layer);
}

/* Weights of other types, as converted models have them. */
static void other_types(void **state)
{
    (void)state;
    static const char types[][5] = { "F16", "C64" };
    for (int i = 0; i < 2; i++) {
        char header[200];
        const int size = i ? 8 : 2;
        const int n = snprintf(header, sizeof header,
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
            OK(recur_layer_load(layer, file, ""));
            const float want[2] = { 1, 0 };
            check_same("parameters", 2, recur_layer_params(layer), want);
        } else {
            FAILS(RECUR_E_UNSUPPORTED, recur_layer_load(layer, file, ""), "weight C64");
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
    FAILS(RECUR_E_ARGUMENT, recur_layer_save(layer, file, ""), "bias already");
    assert_int_equal(recur_file_tensors(file), 1);
    FAILS(RECUR_E_ARGUMENT, recur_layer_save(layer, file, ""), "bias already"); /* weight has gone again */
    recur_file_release(file);
    recur_layer_release(layer);
}

/* ---- optimizers --------------------------------------------------------------------------------- */

static recur_optimizer *optimizer(recur_context *ctx, int kind, uint64_t flags, double momentum, int64_t count)
{
    const recur_optimizer_options o = { .size = sizeof o, .kind = kind, .flags = flags, .momentum = momentum };
    recur_optimizer *made = NULL;
    OK(recur_optimizer_create(ctx, &o, count, &made));
    return made;
}

static void steps(recur_optimizer *o, float *params, int64_t count, int n)
{
    for (int i = 0; i < n; i++) OK(recur_optimizer_step(o, params, randoms(count, 1), count, 1));
}

static const struct {
    int kind;
    uint64_t flags;
    double momentum;
} OPTIMIZERS[] = {
    { RECUR_OPTIMIZER_SGD, 0, 0 },
    { RECUR_OPTIMIZER_SGD, RECUR_OPTIMIZER_NESTEROV, 0.9 },
    { RECUR_OPTIMIZER_ADAM, 0, 0 },
    { RECUR_OPTIMIZER_ADAMW, RECUR_OPTIMIZER_AMSGRAD, 0 },
    { RECUR_OPTIMIZER_RMSPROP, RECUR_OPTIMIZER_CENTRED, 0.9 },
    { RECUR_OPTIMIZER_ADAGRAD, 0, 0 },
    { RECUR_OPTIMIZER_ADADELTA, 0, 0 },
};

static void a_resumed_run_has_the_same_bits(void **state)
{
    (void)state;
    enum { PARAMS = 37 };
    recur_context *ctx = reference_context();
    for (int k = 0; k < COUNT(OPTIMIZERS); k++) {
        trying("optimizer %d", OPTIMIZERS[k].kind);
        recur_optimizer *o[2];
        for (int i = 0; i < 2; i++)
            o[i] = optimizer(ctx, OPTIMIZERS[k].kind, OPTIMIZERS[k].flags, OPTIMIZERS[k].momentum, PARAMS);
        dice(7);
        float *params = randoms(PARAMS, 1);
        steps(o[0], params, PARAMS, 5);
        recur_file *file = new_file(ctx);
        OK(recur_optimizer_save(o[0], file, "opt."));
        assert_string_equal(recur_file_text(file, "opt.step"), "5");
        FAILS(RECUR_E_ARGUMENT, recur_optimizer_save(o[0], file, "opt."), "opt. already");
        file = again(ctx, file);
        OK(recur_optimizer_load(o[1], file, "opt."));
        OK(recur_file_all_used(file));
        float *resumed = copy_of(PARAMS, params);
        dice(8);
        steps(o[0], params, PARAMS, 5);
        dice(8);
        steps(o[1], resumed, PARAMS, 5);
        check_same("parameters", PARAMS, resumed, params);
        recur_file_release(file);
        recur_optimizer_release(o[0]);
        recur_optimizer_release(o[1]);
    }
    close_context(ctx);
}

static void optimizers_that_do_not_fit(void **state)
{
    (void)state;
    recur_optimizer *adam = optimizer(NULL, RECUR_OPTIMIZER_ADAM, 0, 0, 6), *other[4];
    other[0] = optimizer(NULL, RECUR_OPTIMIZER_ADAM, 0, 0, 7);
    other[1] = optimizer(NULL, RECUR_OPTIMIZER_ADAM, RECUR_OPTIMIZER_AMSGRAD, 0, 6);
    other[2] = optimizer(NULL, RECUR_OPTIMIZER_RMSPROP, 0, 0, 6);
    other[3] = optimizer(NULL, RECUR_OPTIMIZER_SGD, 0, 0, 6);
    const char *const words[] = { "count 7 6", "flags 2 0", "rmsprop adam", "sgd adam" };
    recur_file *file = new_file(NULL);
    FAILS(RECUR_E_MISSING, recur_optimizer_load(adam, file, "o."), "o.kind");
    OK(recur_optimizer_save(adam, file, "o."));
    for (int i = 0; i < 4; i++) FAILS(RECUR_E_SHAPE, recur_optimizer_load(other[i], file, "o."), words[i]);
    const char *const bad[] = { "", "-1", "+1", "1.0", " 1", "18446744073709551616", "99999999999999999999", "1e3" };
    for (int i = 0; i < COUNT(bad); i++) {
        OK(recur_file_set_text(file, "o.step", bad[i]));
        FAILS(RECUR_E_FORMAT, recur_optimizer_load(adam, file, "o."), bad[i]);
    }
    OK(recur_file_set_text(file, "o.step", "18446744073709551615"));
    OK(recur_optimizer_load(adam, file, "o."));
    recur_file *saved = new_file(NULL);
    OK(recur_optimizer_save(adam, saved, NULL));
    assert_string_equal(recur_file_text(saved, "step"), "18446744073709551615");
    OK(recur_file_set_text(file, "o.step", "3"));
    add(file, "o.stranger", 1, 1, 1);
    FAILS(RECUR_E_FORMAT, recur_optimizer_load(adam, file, "o."), "o.stranger optimizer");
    recur_file *text_first = new_file(NULL);
    OK(recur_file_set_text(text_first, "step", "my own"));
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_save(adam, text_first, ""), "step already");
    assert_int_equal(recur_file_tensors(text_first), 0);
    assert_int_equal(recur_file_texts(text_first), 1);
    FAILS(RECUR_E_FORMAT, recur_optimizer_save(other[3], text_first, "\xff"), "UTF-8"); /* which has no tensors */
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_load(NULL, file, ""), "optimizer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_load(adam, NULL, ""), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_save(NULL, file, ""), "optimizer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_save(adam, NULL, ""), "file NULL");
    recur_file_release(text_first);
    recur_file_release(saved);
    recur_file_release(file);
    for (int i = 0; i < 4; i++) recur_optimizer_release(other[i]);
    recur_optimizer_release(adam);
}

/* ---- states ------------------------------------------------------------------------------------- */

static void states_come_back(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *net = model(ctx, &KINDS[RECUR_CELL_LSTM - 1]), *small = recurrent(ctx, RECUR_CELL_LSTM, 3, 4, 1, 0, 0);
    recur_state *from = NULL, *to = NULL, *wide = NULL, *other = NULL;
    OK(recur_state_create(net, 3, &from));
    OK(recur_state_create(net, 3, &to));
    OK(recur_state_create(net, 5, &wide));
    OK(recur_state_create(small, 3, &other));
    const int64_t count = recur_state_count(from);
    float *values = randoms(count, 1), *got = floats(count);
    OK(recur_state_write(from, 0, count, values));
    recur_file *file = new_file(ctx);
    OK(recur_state_save(from, file, "s."));
    FAILS(RECUR_E_ARGUMENT, recur_state_save(from, file, "s."), "s.rnn.h already");
    file = again(ctx, file);
    OK(recur_state_load(to, file, "s."));
    OK(recur_state_read(to, 0, count, got));
    check_same("state", count, got, values);
    OK(recur_file_all_used(file));
    FAILS(RECUR_E_SHAPE, recur_state_load(wide, file, "s."), "s.rnn.h [4,3,4] [4,5,4] state");
    FAILS(RECUR_E_MISSING, recur_state_load(other, file, "s."), "s.h [1,3,4]");
    add(file, "s.x", 1, 1, 1);
    OK(recur_state_reset(to, -1));
    FAILS(RECUR_E_FORMAT, recur_state_load(to, file, "s."), "s.x");
    OK(recur_state_read(to, 0, count, got));
    check_same("state", count, got, zeros(count));
    FAILS(RECUR_E_ARGUMENT, recur_state_load(NULL, file, ""), "state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_state_load(to, NULL, ""), "file NULL");
    FAILS(RECUR_E_ARGUMENT, recur_state_save(NULL, file, ""), "state NULL");
    FAILS(RECUR_E_ARGUMENT, recur_state_save(to, NULL, ""), "file NULL");
    recur_file_release(file);
    recur_state_release(other);
    recur_state_release(wide);
    recur_state_release(to);
    recur_state_release(from);
    recur_layer_release(small);
    recur_layer_release(net);
    close_context(ctx);
}

/* ---- memory runs out ---------------------------------------------------------------------------- */

typedef struct owners {
    recur_layer *layer;
    recur_optimizer *adam;
    recur_state *state;
} owners;

static recur_status save(const owners *o, recur_file *file, int which)
{
    if (which == 0) return recur_layer_save(o->layer, file, "l.");
    if (which == 1) return recur_optimizer_save(o->adam, file, "o.");
    return recur_state_save(o->state, file, "s.");
}

static recur_status load(const owners *o, recur_file *file, int which)
{
    if (which == 0) return recur_layer_load(o->layer, file, "l.");
    if (which == 1) return recur_optimizer_load(o->adam, file, "o.");
    return recur_state_load(o->state, file, "s.");
}

static void no_memory(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    owners o = { .layer = model(ctx, &KINDS[RECUR_CELL_LSTM - 1]),
                 .adam = optimizer(ctx, RECUR_OPTIMIZER_ADAM, 0, 0, 10) };
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
            assert_int_equal(recur_file_tensors(file), 0);
            assert_int_equal(recur_file_texts(file), 0);
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
        TEST(a_resumed_run_has_the_same_bits),
        TEST(optimizers_that_do_not_fit),
        TEST(states_come_back),
        TEST(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
