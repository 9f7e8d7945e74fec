/* test_import_models.c - models that people use, from the files of other projects, against the
 * outputs that lie beside them. These files are not part of this project: RECUR_MODELS names a
 * folder with `nam` (lstm.nam, expected.csv) and `rtneural` (NAME.json, NAME_x.csv, NAME_y.csv)
 * in it. Without the variable this test says so and does nothing. */
#include "support/support.h"

enum { MOST = 1 << 16 };

typedef struct table {
    int64_t rows, columns;
    float *value;
} table;

/* A file of numbers with commas between them; lines that begin with a letter are left out. */
static table read_csv(const char *path)
{
    table t = { .value = floats(MOST) };
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    int64_t count = 0;
    if (!file) fail_msg("cannot open %s", path);
    while (getline(&line, &room, file) > 0) {
        if (line[0] >= 'a') continue;
        for (char *at = line, *end = NULL; at; at = *end == ',' ? end + 1 : NULL) {
            assert_true(count < MOST);
            t.value[count++] = strtof(at, &end);
        }
        t.rows++;
    }
    free(line);
    fclose(file);
    t.columns = count / t.rows;
    return t;
}

static char *path_of(const char *name, const char *ending)
{
    char *path = bytes_of(1000, 1);
    snprintf(path, 1000, "%s/%s%s", getenv("RECUR_MODELS"), name, ending);
    return path;
}

/* What a layer gives for one sequence, step by step. */
static float *streamed(const recur_layer *layer, int64_t T, int64_t I, const float *x)
{
    const int64_t O = info_of(layer, -1).output_size;
    float *y = floats(T * O);
    recur_state *state = NULL;
    OK(recur_state_create(layer, 1, &state));
    for (int64_t t = 0; t < T; t++) OK(recur_layer_step(layer, x + t * I, state, y + t * O, NULL));
    recur_state_release(state);
    return y;
}

static void say(const char *name, const char *isa, int64_t count, double most, double allowed)
{
    print_message("    %-14s %-5s %6lld outputs, largest difference %.2e of %.0e\n", name, isa,
                  (long long)count, most, allowed);
    assert_true(most <= allowed);
}

/* y of a file is [rows of x][features], or turned: [features][rows of x but the first ones]. */
static void run_rtneural(recur_context *ctx, const char *name, double allowed)
{
    recur_layer *layer = NULL;
    char whole[100];
    snprintf(whole, sizeof whole, "rtneural/%s", name);
    OK(recur_import_rtneural(ctx, path_of(whole, ".json"), &layer));
    const table x = read_csv(path_of(whole, "_x.csv")), y = read_csv(path_of(whole, "_y.csv"));
    const int64_t O = info_of(layer, -1).output_size;
    const bool turned = y.rows == O && O > 1;
    const int64_t from = turned ? x.rows - y.columns : 0;
    const float *got = streamed(layer, x.rows, x.columns, x.value);
    double most = 0;
    assert_int_equal(turned ? y.columns : y.rows, x.rows - from);
    for (int64_t t = from; t < x.rows; t++)
        for (int64_t j = 0; j < O; j++) {
            const int64_t at = turned ? j * y.columns + t - from : t * O + j;
            most = fmax(most, fabs((double)got[t * O + j] - (double)y.value[at]));
        }
    say(name, recur_context_isa(ctx), (x.rows - from) * O, most, allowed);
    recur_layer_release(layer);
}

/* With the tolerances of RTNeural's own tests. */
static void rtneural_models(void **unused)
{
    (void)unused;
    if (!getenv("RECUR_MODELS")) skip();
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = NULL;
        run_rtneural(ctx, "conv", 1e-6);
        run_rtneural(ctx, "dense", 1e-6);
        run_rtneural(ctx, "gru", 5e-6);
        run_rtneural(ctx, "lstm", 1e-6);
        run_rtneural(ctx, "gru_torch", 1e-6);
        run_rtneural(ctx, "conv1d_torch", 1e-6);
        OK(recur_import_rtneural(ctx, path_of("rtneural/full_model", ".json"), &layer));
        recur_layer_release(layer);
    }
}

static void nam_model(void **unused)
{
    (void)unused;
    if (!getenv("RECUR_MODELS")) skip();
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *layer = NULL;
        OK(recur_import_nam(ctx, path_of("nam/lstm", ".nam"), &layer));
        const table both = read_csv(path_of("nam/expected", ".csv"));
        float *x = floats(both.rows);
        for (int64_t t = 0; t < both.rows; t++) x[t] = both.value[2 * t];
        const float *got = streamed(layer, both.rows, 1, x);
        double most = 0;
        for (int64_t t = 0; t < both.rows; t++)
            most = fmax(most, fabs((double)got[t] - (double)both.value[2 * t + 1]));
        say("lstm.nam", recur_context_isa(ctx), both.rows, most, 1e-5);
        recur_layer_release(layer);
    }
}

int main(void)
{
    if (!getenv("RECUR_MODELS"))
        print_message("    RECUR_MODELS names no folder of models: nothing is run\n");
    const struct CMUnitTest tests[] = { TEST(rtneural_models), TEST(nam_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
