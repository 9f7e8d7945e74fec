/* program.c FOLDER [FEATURE ...] - runs what every build of the library has, and asks for what some
 * are built without. It prints the bits of what a model from memory computes, so that builds can be
 * compared. Of each FEATURE (TRAIN, BATCH, FILES, THREADS, REDUCED, clockwork, conv_time) the
 * library has to say that it was built without it, and how; all others have to work. FOLDER has the
 * models gru, which every build opens, and conv; with the argument "make" they are written. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recur.h"

#define OK(call)                                           \
    do {                                                   \
        const recur_status status_ = (call);               \
        if (status_) {                                     \
            printf("%s: %s\n", #call, recur_last_error()); \
            exit(1);                                       \
        }                                                  \
    } while (0)

enum { INPUT = 3, HIDDEN = 9, OUTPUT = 2, STEPS = 7, MOST = 1 << 20 };

static char **left_out;
static int count;

static bool is_left_out(const char *feature)
{
    for (int i = 0; i < count; i++)
        if (strcmp(left_out[i], feature) == 0) return true;
    return false;
}

/* The answer of a function that needs the feature. */
static void answers(const char *feature, recur_status status)
{
    const char *said = status ? recur_last_error() : "it works";
    const bool refused = status == RECUR_E_UNSUPPORTED && strstr(said, feature) &&
                         strstr(said, "built");
    if (is_left_out(feature) ? refused : !status) return;
    printf("%s: %s\n", feature, said);
    exit(1);
}

static recur_layer *make_gru(void)
{
    const recur_recurrent_options options = {
        .size = sizeof options, .cell = RECUR_CELL_GRU, .input_size = INPUT, .hidden_size = HIDDEN
    };
    recur_layer *part[2], *layer;
    OK(recur_recurrent_create(NULL, &options, &part[0]));
    OK(recur_linear_create(NULL, HIDDEN, OUTPUT, 0, &part[1]));
    OK(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *[]){ "rnn", "fc" },
                            part, &layer));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 7));
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
    return layer;
}

static float input[STEPS * INPUT];

static void save(const char *folder, const char *name, const recur_layer *layer)
{
    const int64_t lengths[] = { STEPS };
    char path[1000];
    recur_packed *packed;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(recur_packed_create(NULL, 1, lengths, 0, &packed));
    const recur_model_sample sample = { .size = sizeof sample, .packed = packed, .x = input };
    OK(recur_model_save(layer, path, &sample));
    recur_packed_release(packed);
}

static void make_models(const char *folder)
{
    const recur_conv_options options = { .size = sizeof options,
                                         .axis = RECUR_CONV_TIME,
                                         .in_channels = INPUT,
                                         .out_channels = 2,
                                         .kernel = 2 };
    recur_layer *gru = make_gru(), *conv;
    OK(recur_conv_create(NULL, &options, &conv));
    save(folder, "gru", gru);
    save(folder, "conv", conv);
    recur_layer_release(gru);
    recur_layer_release(conv);
}

static recur_status open_model(const char *folder, const char *name, recur_layer **out)
{
    static unsigned char data[MOST];
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) exit(2);
    const size_t bytes = fread(data, 1, MOST, file);
    fclose(file);
    return recur_model_open_memory(NULL, data, bytes, out);
}

static void print(const char *what, int64_t floats, const float *y)
{
    printf("%s", what);
    for (int64_t i = 0; i < floats; i++) printf(" %a", (double)y[i]);
    puts("");
}

static void stream(const char *what, const recur_layer *layer)
{
    float y[STEPS * OUTPUT];
    recur_state *state;
    OK(recur_state_create(layer, 1, &state));
    for (int t = 0; t < STEPS; t++)
        OK(recur_layer_step(layer, input + t * INPUT, state, y + t * OUTPUT, NULL));
    print(what, STEPS * OUTPUT, y);
    recur_state_release(state);
}

static void run_stream(const recur_layer *layer)
{
    recur_layer *snapshot;
    stream("layer", layer);
    OK(recur_layer_snapshot(layer, RECUR_PRECISION_FLOAT32, &snapshot));
    stream("snapshot", snapshot);
    recur_layer_release(snapshot);
    answers("REDUCED", recur_layer_snapshot(layer, RECUR_PRECISION_INT8, &snapshot));
    if (is_left_out("REDUCED")) return;
    stream("int8", snapshot);
    recur_layer_release(snapshot);
}

static void run_pass(const recur_layer *layer)
{
    const int64_t lengths[] = { STEPS };
    float y[STEPS * OUTPUT];
    recur_packed *packed;
    recur_state *two;
    OK(recur_packed_create(NULL, 1, lengths, 0, &packed));
    answers("BATCH", recur_layer_forward(layer, packed, input, NULL, y, NULL));
    if (!is_left_out("BATCH")) print("pass", STEPS * OUTPUT, y);
    answers("BATCH", recur_state_create(layer, 2, &two));
    recur_state_release(two);
    recur_packed_release(packed);
}

/* A recorded step, and what follows it. */
static void train(const recur_layer *layer)
{
    const recur_optimizer_options options = { .size = sizeof options,
                                              .kind = RECUR_OPTIMIZER_ADAM,
                                              .rate = 0.01 };
    float y[OUTPUT], dy[OUTPUT] = { 1, 1 }, dx[INPUT];
    float dparams[4096] = { 0 };
    recur_tape *tape;
    recur_state *state, *dstate;
    recur_optimizer *optimizer = NULL;
    OK(recur_state_create(layer, 1, &state));
    OK(recur_state_create(layer, 1, &dstate));
    OK(recur_tape_create(NULL, &tape));
    answers("TRAIN", recur_layer_step(layer, input, state, y, tape));
    answers("TRAIN", recur_layer_step_backward(layer, input, dy, dstate, dx, dparams, tape));
    answers("TRAIN",
            recur_optimizer_create(NULL, &options, recur_layer_param_count(layer), &optimizer));
    OK(recur_state_reset(state, -1));
    OK(recur_tape_set_mode(tape, RECUR_TAPE_EVALUATE));
    OK(recur_layer_step(layer, input, state, y, tape));
    print("evaluated", OUTPUT, y);
    recur_optimizer_release(optimizer);
    recur_tape_release(tape);
    recur_state_release(state);
    recur_state_release(dstate);
}

static void ask_kinds(const char *folder)
{
    const recur_clockwork_options clockwork = { .size = sizeof clockwork, .modules = 2 };
    const recur_recurrent_options options = { .size = sizeof options,
                                              .cell = RECUR_CELL_CLOCKWORK,
                                              .input_size = 1,
                                              .hidden_size = 2,
                                              .clockwork = &clockwork };
    recur_layer *layer;
    answers("clockwork", recur_recurrent_create(NULL, &options, &layer));
    recur_layer_release(layer);
    answers("conv_time", open_model(folder, "conv", &layer));
    recur_layer_release(layer);
}

static void ask_system(const char *folder)
{
    const recur_context_options options = { .size = sizeof options, .threads = 2 };
    recur_context *ctx;
    recur_layer *layer;
    char path[1000];
    snprintf(path, sizeof path, "%s/gru", folder);
    answers("THREADS", recur_context_create(&options, &ctx));
    recur_context_release(ctx);
    answers("FILES", recur_model_open(NULL, path, &layer));
    recur_layer_release(layer);
}

int main(int words, char **word)
{
    recur_layer *layer;
    if (words < 2) return 2;
    for (int i = 0; i < STEPS * INPUT; i++) input[i] = (float)(i * 5 % 11) * 0.25f - 1;
    if (words == 3 && strcmp(word[2], "make") == 0) {
        make_models(word[1]);
        return 0;
    }
    left_out = word + 2;
    count = words - 2;
    OK(open_model(word[1], "gru", &layer));
    run_stream(layer);
    run_pass(layer);
    train(layer);
    ask_kinds(word[1]);
    ask_system(word[1]);
    recur_layer_release(layer);
    return 0;
}
