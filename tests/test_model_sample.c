/* test_model_sample.c - inputs and outputs that travel with a model: it is refused where it would
 * give something else. */
#include "support/support.h"

enum { I = 3, H = 4, O = 2, B = 4, N = 7 };

static const int64_t LENGTHS[B] = { 2, 0, 4, 1 };

/* The tests work on a network that gives rows, one that gives a row per sequence, and a sample. */
static recur_layer *rows, *ends;
static recur_packed *packed;
static float x[N * I];
static int32_t ids[N];
static recur_model_sample sample;

static recur_layer *network(bool per_sequence)
{
    const char *const names[] = { "rnn", "fc", "last" };
    recur_layer *parts[3] = { recurrent(NULL, RECUR_CELL_LSTM, I, H, 2,
                                        RECUR_DIRECTION_BIDIRECTIONAL, 0) };
    OK(recur_linear_create(NULL, 2 * H, O, 0, &parts[1]));
    if (per_sequence) OK(recur_last_create(NULL, O, RECUR_DIRECTION_FORWARD, &parts[2]));
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, per_sequence ? 3 : 2, names, parts);
    randomize(net, 1);
    return net;
}

static int open_all(void **state)
{
    (void)state;
    dice(1);
    rows = network(false);
    ends = network(true);
    packed = layout(NULL, B, LENGTHS, 0);
    memcpy(x, randoms(N * I, 1), sizeof x);
    memcpy(ids, random_ids(N, I), sizeof ids);
    sample = (recur_model_sample){ .size = sizeof sample, .packed = packed, .x = x };
    return 0;
}

static int close_all(void **state)
{
    recur_layer_release(rows);
    recur_layer_release(ends);
    recur_packed_release(packed);
    return support_teardown(state);
}

/* A file with the network and the sample. */
static recur_file *with_sample(const recur_layer *layer)
{
    recur_file *file = new_file(NULL);
    OK(recur_file_put_model(file, "m.", layer, &sample));
    return file;
}

static float *array(recur_file *file, const char *name, int64_t count)
{
    float *values = floats(count);
    OK(recur_file_read(file, name, values, count));
    return values;
}

static void opens(recur_file *file, const recur_layer *same)
{
    recur_layer *got = NULL;
    OK(recur_file_get_model(file, "m.", &got));
    check_same("parameters", recur_layer_param_count(same), recur_layer_params(got),
               recur_layer_params((recur_layer *)(uintptr_t)same));
    OK(recur_file_all_used(file));
    recur_layer_release(got);
    recur_file_release(file);
}

/* ---- what is in the file -------------------------------------------------------------------- */

static void samples_of_rows(void **state)
{
    (void)state;
    recur_file *file = with_sample(rows);
    run r = { .packed = packed, .x = x };
    run_forward(rows, &r);
    const float *joined_x = unpacked(packed, RECUR_LAYOUT_JOINED, I, x),
                *joined_y = unpacked(packed, RECUR_LAYOUT_JOINED, O, r.y);
    check_same("x", N * I, array(file, "m.recur.sample.x", N * I), joined_x);
    check_same("y", N * O, array(file, "m.recur.sample.y", N * O), joined_y);
    const float *lengths = array(file, "m.recur.sample.lengths", B);
    for (int b = 0; b < B; b++) assert_int_equal((int64_t)lengths[b], LENGTHS[b]);
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(file, "m.recur.sample.lengths", &t));
    assert_string_equal(t.type, "I64");
    opens(file, rows);
}

static void samples_of_ids(void **state)
{
    (void)state;
    sample.x = NULL;
    sample.ids = ids;
    recur_file *file = with_sample(ends);
    run r = { .packed = packed, .ids = ids };
    run_forward(ends, &r);
    check_same("y", B * O, array(file, "m.recur.sample.y", B * O), r.y); /* the caller's order */
    recur_tensor t = { .size = sizeof t };
    OK(recur_file_find(file, "m.recur.sample.ids", &t));
    assert_string_equal(t.type, "I64");
    assert_int_equal(t.count, N);
    const float *first = array(file, "m.recur.sample.ids", N);
    for (int64_t s = 0, at = 0; s < B; s++)
        for (int64_t step = 0; step < LENGTHS[s]; step++, at++)
            assert_int_equal((int)first[at], ids[recur_packed_row(packed, s, step)]);
    opens(file, ends);
}

static void empty_samples(void **state)
{
    (void)state;
    static const int64_t nothing[2] = { 0, 0 };
    OK(recur_packed_reset(packed, 2, nothing, 0));
    opens(with_sample(rows), rows);
    opens(with_sample(ends), ends);
    OK(recur_packed_reset(packed, 0, NULL, 0));
    opens(with_sample(ends), ends);
}

/* The parameters of a file with a sample load like those of any other. */
static void loading_passes_samples_over(void **state)
{
    (void)state;
    recur_file *file = with_sample(rows);
    recur_layer *other = network(false);
    OK(recur_file_get_layer(file, "m.", other));
    OK(recur_file_all_used(file));
    check_same("parameters", recur_layer_param_count(rows), recur_layer_params(other),
               recur_layer_params(rows));
    const recur_tensor info = {
        .size = sizeof info, .rank = 1, .dim = { 1, 1, 1, 1 }, .name = "m.recur.other"
    };
    OK(recur_file_add(file, &info, x));
    FAILS(RECUR_E_FORMAT, recur_file_get_layer(file, "m.", other), "m.recur.other");
    recur_layer_release(other);
    recur_file_release(file);
}

/* ---- refusing ------------------------------------------------------------------------------- */

/* Outputs from elsewhere are a little less, and a little more, away than is allowed. */
static void tolerances(void **state)
{
    (void)state;
    recur_layer *got = NULL;
    for (int i = 0; i < 3; i++) {
        sample.tolerance = (const double[]){ 0, 1e-6, 0.5 }[i];
        const double allowed = i ? sample.tolerance : 1e-4;
        for (int wrong = 0; wrong < 2; wrong++) {
            trying("tolerance %g, %s", allowed, wrong ? "more" : "less");
            run r = { .packed = packed, .x = x };
            run_forward(rows, &r);
            r.y[5] += (float)((wrong ? 1.3 : 0.7) * allowed * fmax(1, fabs((double)r.y[5])));
            sample.y = r.y;
            recur_file *file = new_file(NULL);
            if (wrong)
                FAILS(RECUR_E_NUMERIC, recur_file_put_model(file, "", rows, &sample),
                      "sample 7 tolerance");
            else
                OK(recur_file_put_model(file, "", rows, &sample));
            assert_int_equal(recur_file_tensor_count(file) > 0, !wrong);
            if (!wrong) OK(recur_file_get_model(file, "", &got));
            recur_layer_release(got);
            got = NULL;
            recur_file_release(file);
        }
    }
}

/* One weight or one output in the file is changed, and it opens no more. */
static void a_changed_model_is_refused(void **state)
{
    (void)state;
    recur_file *file = with_sample(rows);
    size_t bytes = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = bytes_of((int64_t)bytes, 1);
    OK(recur_file_write_memory(file, data, &bytes));
    recur_file_release(file);
    drop_checksum(data);
    uint64_t header = 0;
    for (int i = 0; i < 8; i++) header |= (uint64_t)data[i] << 8 * i;
    const size_t weights = 8 + (size_t)header, outputs = bytes - N * O * sizeof(float);
    for (int which = 0; which < 2; which++) {
        /* This byte holds the sign and the exponent of the first float. */
        const size_t at = (which ? outputs : weights) + 3;
        trying("byte %zu of %zu", at, bytes);
        recur_layer *got = NULL;
        recur_file *changed = NULL;
        data[at] ^= 0x81;
        OK(recur_file_open_memory(NULL, data, bytes, &changed));
        FAILS(RECUR_E_NUMERIC, recur_file_get_model(changed, "m.", &got), "row sample");
        assert_null(got);
        recur_file_release(changed);
        data[at] ^= 0x81;
    }
    recur_layer *got = NULL;
    recur_file *back = NULL;
    OK(recur_file_open_memory(NULL, data, bytes, &back));
    OK(recur_file_get_model(back, "m.", &got));
    recur_layer_release(got);
    recur_file_release(back);
}

static void nan_is_refused(void **state)
{
    (void)state;
    recur_file *file = new_file(NULL);
    x[4] = NAN;
    FAILS(RECUR_E_NUMERIC, recur_file_put_model(file, "", rows, &sample), "nan");
    x[4] = 0;
    recur_layer_params(rows)[recur_layer_param_count(rows) - 1] = INFINITY;
    FAILS(RECUR_E_NUMERIC, recur_file_put_model(file, "", rows, &sample), "inf");
    assert_int_equal(recur_file_tensor_count(file) + recur_file_metadata_count(file), 0);
    recur_file_release(file);
}

static void refused_samples(void **state)
{
    (void)state;
    recur_file *file = new_file(NULL);
    recur_layer *group = NULL, *embedding = NULL;
    OK(recur_compose_create(NULL, RECUR_COMPOSE_GROUP, 1, (const char *const[]){ "a" }, &rows,
                            &group));
    OK(recur_embedding_create(NULL, 3, 2, 0, &embedding));
#define BAD(code, words, layer, ...)                                        \
    do {                                                                    \
        const recur_model_sample bad = { .size = sizeof bad, __VA_ARGS__ }; \
        FAILS(code, recur_file_put_model(file, "", layer, &bad), words);    \
    } while (0)
    BAD(RECUR_E_ARGUMENT, "packed NULL", rows, .x = x);
    BAD(RECUR_E_ARGUMENT, "none x ids", rows, .packed = packed);
    BAD(RECUR_E_ARGUMENT, "both x ids", rows, .packed = packed, .x = x, .ids = ids);
    BAD(RECUR_E_ARGUMENT, "flags 0x4", rows, .packed = packed, .x = x, .flags = 4);
    BAD(RECUR_E_ARGUMENT, "tolerance -1", rows, .packed = packed, .x = x, .tolerance = -1);
    BAD(RECUR_E_ARGUMENT, "tolerance nan", rows, .packed = packed, .x = x, .tolerance = NAN);
    BAD(RECUR_E_ARGUMENT, "tolerance inf", rows, .packed = packed, .x = x, .tolerance = INFINITY);
    BAD(RECUR_E_ARGUMENT, "3", rows, .packed = packed, .ids = (const int32_t[N]){ 0, 1, 2, 3 });
    BAD(RECUR_E_UNSUPPORTED, "rows group", group, .packed = packed, .x = x);
    BAD(RECUR_E_UNSUPPORTED, "rows embedding", embedding, .packed = packed, .x = x);
    sample.size = 4;
    FAILS(RECUR_E_ARGUMENT, recur_file_put_model(file, "", rows, &sample), "size 4");
    OK(recur_packed_reset(packed, 1, NULL, 1 << 24));
    BAD(RECUR_E_UNSUPPORTED, "1 16777216 67108864", rows, .packed = packed, .x = x);
    assert_int_equal(recur_file_tensor_count(file) + recur_file_metadata_count(file), 0);
    recur_layer_release(group);
    recur_layer_release(embedding);
    recur_file_release(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)
        WITH(samples_of_rows), WITH(samples_of_ids),
        WITH(empty_samples),   WITH(loading_passes_samples_over),
        WITH(tolerances),      WITH(a_changed_model_is_refused),
        WITH(nan_is_refused),  WITH(refused_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
