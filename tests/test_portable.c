/* test_portable.c - files are the same on every machine: what is written here has the bytes of
 * tests/portable/written.safetensors, which x86-64 wrote, and tests/portable/model.safetensors
 * opens here, with a sample of what its network computed there.
 *
 * So a file from any machine on which this test passes opens on all the others. RECUR_REWRITE=1
 * writes both files anew, where the format changes. */
#include "support/networks.h"

static const char *const WRITTEN = "tests/portable/written.safetensors";
static const char *const MODEL = "tests/portable/model.safetensors";
enum { SYMBOLS = 7, E = 3, H = 5, P = 4, O = 2, B = 3, T = 6 };

/* Numbers that every machine has exactly. */
static float exact(int64_t i) { return (float)((i * 37 + 11) % 129 - 64) / 128; }

static recur_layer *network(recur_context *ctx)
{
    const recur_recurrent_options o = { .size = sizeof o,
                                        .cell = RECUR_CELL_LSTM,
                                        .input_size = E,
                                        .hidden_size = H,
                                        .projection_size = P,
                                        .num_layers = 2 };
    recur_layer *rnn = NULL;
    OK(recur_recurrent_create(ctx, &o, &rnn));
    recur_layer *parts[] = { embedding(ctx, SYMBOLS, E), rnn, norm(ctx, P, 1e-5, 0),
                             linear(ctx, P, O, 0) };
    static const char *const names[] = { "words", "rnn", "norm",
                                         "h\xC3\xA9"
                                         "ad" };
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, COUNT(parts), names, parts);
    float *params = recur_layer_params(net);
    for (int64_t i = 0; i < recur_layer_param_count(net); i++) params[i] = exact(i);
    return net;
}

static void read_whole(const char *path, unsigned char **data, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot open %s", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    *data = bytes_of((int64_t)*bytes, 1);
    assert_int_equal(fread(*data, 1, *bytes, file), *bytes);
    fclose(file);
}

/* A network, a state, an optimizer, texts, and tensors of every rank. */
static recur_file *everything(recur_context *ctx)
{
    recur_layer *net = network(ctx);
    const int64_t count = recur_layer_param_count(net);
    recur_state *state = NULL;
    recur_optimizer *optimizer = NULL;
    const recur_optimizer_options adam = { .size = sizeof adam, .kind = RECUR_OPTIMIZER_ADAM };
    recur_file *file = new_file(ctx);
    OK(recur_file_put_model(file, "net.", net, NULL));
    OK(recur_state_create(net, B, &state));
    const int64_t S = recur_state_count(state);
    float *numbers = floats(S);
    for (int64_t i = 0; i < S; i++) numbers[i] = exact(i + 5);
    OK(recur_state_write(state, 0, S, numbers));
    OK(recur_file_put_state(file, "state.", state));
    OK(recur_optimizer_create(ctx, &adam, count, &optimizer));
    OK(recur_optimizer_step(optimizer, recur_layer_params(net), zeros(count), count, 1));
    OK(recur_file_put_optimizer(file, "adam.", optimizer));
    OK(recur_file_set_metadata(file, "what", "na\xC3\xAFve \"text\" \\ \n"));
    const float values[] = { 0.0f, -0.0f, 1e-45f, 3.4028235e38f, -1.5f, 0.1f };
    const recur_tensor matrix = { .size = sizeof matrix, .rank = 2, .dim = { 2, 3 }, .name = "m" };
    OK(recur_file_add(file, &matrix, values));
    recur_optimizer_release(optimizer);
    recur_state_release(state);
    recur_layer_release(net);
    return file;
}

static void written_bytes_are_the_same(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    recur_file *file = everything(ctx);
    size_t bytes = 0, there = 0;
    OK(recur_file_write_memory(file, NULL, &bytes));
    unsigned char *data = bytes_of((int64_t)bytes, 1), *want = NULL;
    OK(recur_file_write_memory(file, data, &bytes));
    if (getenv("RECUR_REWRITE")) OK(recur_file_write(file, WRITTEN));
    read_whole(WRITTEN, &want, &there);
    assert_int_equal(bytes, there);
    assert_memory_equal(data, want, bytes);
    recur_file_release(file);
    close_context(ctx);
}

/* Its sample is checked while it is opened. */
static void a_model_of_another_machine_opens(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        recur_layer *net = network(ctx), *there = NULL;
        if (getenv("RECUR_REWRITE") && strcmp(recur_context_isa(ctx), "ref") == 0) {
            recur_packed *packed = layout(ctx, B, (const int64_t[]){ T, 2, 4 }, T);
            int32_t ids[B * T];
            for (int i = 0; i < B * T; i++) ids[i] = i % SYMBOLS;
            const recur_model_sample sample = {
                .size = sizeof sample, .tolerance = 1e-5, .packed = packed, .ids = ids
            };
            OK(recur_model_save(net, MODEL, &sample));
            recur_packed_release(packed);
        }
        OK(recur_model_open(ctx, MODEL, &there));
        check_same("parameters", recur_layer_param_count(net), recur_layer_params(there),
                   recur_layer_params(net));
        recur_layer_release(there);
        recur_layer_release(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(written_bytes_are_the_same),
        TEST(a_model_of_another_machine_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
