/* test_pedal.c - the example plug-in: its numbers are those of the model, in blocks of any size,
 * and its process function allocates nothing, locks nothing and does not call the system. */
#ifdef __linux__
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "support/support.h"

#include "../examples/plugin/plugin.h"
#include "support/forbidden.h"

#if POSSIBLE

enum { SAMPLES = 200, HIDDEN = 6, RATE = 8000 };

/* Writes a model of one LSTM layer to a new file, which the caller removes; returns its path. */
static const char *model_path(void)
{
    static char path[32];
    const int weights = 4 * HIDDEN * (1 + HIDDEN) + 4 * HIDDEN + 2 * HIDDEN + HIDDEN + 1;
    strcpy(path, "/tmp/recur_pedal_XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fprintf(file,
            "{\"architecture\": \"LSTM\", \"config\": {\"input_size\": 1, \"hidden_size\": %d, "
            "\"num_layers\": 1}, \"weights\": [",
            HIDDEN);
    const float *drawn = randoms(weights, 0.8);
    for (int i = 0; i < weights; i++) fprintf(file, "%s%.9g", i ? ", " : "", (double)drawn[i]);
    fprintf(file, "]}");
    assert_int_equal(fclose(file), 0);
    return path;
}

static const plugin_descriptor *plugin(void)
{
    static const plugin_descriptor *found;
    const plugin_descriptor *(*of)(uint32_t);
    char path[256];
    const char *folder = getenv("BUILD");
    if (found) return found;
    snprintf(path, sizeof path, "%s/examples/plugin/pedal.so", folder ? folder : "build");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail_msg("%s", dlerror());
    *(void **)&of = dlsym(library, "plugin_descriptor_of");
    assert_non_null(of);
    assert_null(of(1));
    found = of(0);
    assert_non_null(found);
    return found;
}

static void *pedal_of(const char *path)
{
    char message[256] = "";
    void *made = plugin()->instantiate(RATE, path, message, sizeof message);
    if (!made) fail_msg("%s", message);
    return made;
}

/* What the model makes of half a second of silence and then of x. */
static float *expected(const char *path, const float *x, float gain)
{
    float *y = floats(SAMPLES), unheard;
    const float silence = 0;
    recur_layer *model, *snapshot;
    recur_state *state;
    OK(recur_import_nam(NULL, path, &model));
    OK(recur_layer_snapshot(model, RECUR_PRECISION_FLOAT32, &snapshot));
    OK(recur_state_create(snapshot, 1, &state));
    for (int i = 0; i < RATE / 2; i++)
        OK(recur_layer_step(snapshot, &silence, state, &unheard, NULL));
    for (int i = 0; i < SAMPLES; i++) {
        OK(recur_layer_step(snapshot, &x[i], state, &y[i], NULL));
        y[i] *= gain;
    }
    recur_state_release(state);
    recur_layer_release(snapshot);
    recur_layer_release(model);
    return y;
}

static void blocks_of_any_size(void **unused)
{
    (void)unused;
    dice(1);
    const char *path = model_path();
    const float *x = randoms(SAMPLES, 1);
    const float *want = expected(path, x, powf(10, -6.0f / 20));
    void *pedal = pedal_of(path);
    float *y = floats(SAMPLES), decibels = -6;
    plugin()->connect_port(pedal, PLUGIN_GAIN, &decibels);
    for (int size = 1; size <= SAMPLES; size = 3 * size + 1) {
        memcpy(y, x, SAMPLES * sizeof *y); /* in place: the output is where the input was */
        plugin()->activate(pedal);
        for (int at = 0; at < SAMPLES; at += size) {
            plugin()->connect_port(pedal, PLUGIN_INPUT, y + at);
            plugin()->connect_port(pedal, PLUGIN_OUTPUT, y + at);
            plugin()->run(pedal, (uint32_t)(SAMPLES - at < size ? SAMPLES - at : size));
        }
        trying("blocks of %d", size);
        check_same("the pedal", SAMPLES, y, want);
    }
    plugin()->cleanup(pedal);
    remove(path);
}

static void run_does_nothing_else(void **unused)
{
    (void)unused;
    dice(2);
    const char *path = model_path();
    float *sound = randoms(SAMPLES, 1), decibels = 0;
    void *pedal = pedal_of(path);
    int status = 0;
    plugin()->connect_port(pedal, PLUGIN_GAIN, &decibels);
    plugin()->connect_port(pedal, PLUGIN_INPUT, sound);
    plugin()->connect_port(pedal, PLUGIN_OUTPUT, sound);
    plugin()->activate(pedal);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int strict = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        inside = true;
        (void)strict;
        plugin()->run(pedal, SAMPLES);
        inside = false;
        syscall(SYS_exit, 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    plugin()->cleanup(pedal);
    remove(path);
}

static void files_that_are_no_pedal(void **unused)
{
    (void)unused;
    char message[256] = "";
    assert_null(plugin()->instantiate(RATE, "/nowhere/pedal.nam", message, sizeof message));
    assert_non_null(strstr(message, "/nowhere/pedal.nam"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_of_any_size),
        TEST(run_does_nothing_else),
        TEST(files_that_are_no_pedal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("a sanitizer or another system: nothing can be put in the place of malloc");
    return 77;
}

#endif
