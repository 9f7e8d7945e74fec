/* test_compile.c - layers as C: what compilers make of them computes what the library does. All
 * models of a test go into one shared object, as a compiler's start costs more than a model. */
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/networks.h"

#ifndef CC
#define CC "cc"
#endif
#define STRICT     "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror"
#define STRICT_CPP "-x c++ -std=c++11 -Wall -Wextra -Wpedantic -Wconversion -Werror"

enum { STEPS = 12, MOST_MODELS = 256 };

static int count; /* of the models of a test */

/* ---- a folder, and compilers ---------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[2][128];
    static int turn = 0;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0) fail_msg("this failed: %s", command);
}

static bool has(const char *program)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static int make_folder(void **state)
{
    (void)state;
    count = 0;
    strcpy(folder, "/tmp/recur-compile-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) + support_teardown(state);
}

/* ---- models --------------------------------------------------------------------------------- */

typedef struct model {
    recur_layer *layer;
    uint32_t flags;
    int32_t precision;
    bool ids;
    float *x, *want;
    int32_t *id;
} model;

static model models[MOST_MODELS];

static void compile_model(const model *m, int i)
{
    char name[16], path[32];
    snprintf(name, sizeof name, "m%d", i);
    snprintf(path, sizeof path, "m%d.c", i);
    const recur_compile_options options = {
        .size = sizeof options, .flags = m->flags, .precision = m->precision, .name = name
    };
    OK(recur_compile_c(m->layer, &options, in_folder(path)));
}

/* What the set of the layer's context gives, step by step. */
static void run_reference(model *m)
{
    const recur_layer_info info = info_of(m->layer, -1);
    recur_layer *snapshot = NULL;
    recur_state *state = NULL;
    m->ids = m->flags & RECUR_COMPILE_IDS || !(info.capabilities & RECUR_CAN_TAKE_ROWS);
    m->x = m->ids ? NULL : randoms(STEPS * info.input_size, 1);
    m->id = m->ids ? random_ids(STEPS, info.input_size) : NULL;
    m->want = floats(STEPS * info.output_size);
    OK(recur_layer_snapshot(m->layer, m->precision, &snapshot));
    OK(recur_state_create(snapshot, 1, &state));
    for (int64_t t = 0; t < STEPS; t++)
        if (m->ids)
            OK(recur_layer_step_ids(snapshot, m->id + t, state, m->want + t * info.output_size,
                                    NULL));
        else
            OK(recur_layer_step(snapshot, m->x + t * info.input_size, state,
                                m->want + t * info.output_size, NULL));
    recur_state_release(state);
    recur_layer_release(snapshot);
}

/* Adds a model to those of the test; its layer is given back at the end. */
static void add(recur_layer *layer, int32_t precision, uint32_t flags)
{
    assert_true(count < MOST_MODELS);
    model *m = &models[count];
    *m = (model){ .layer = layer, .flags = flags, .precision = precision };
    compile_model(m, count++);
    run_reference(m);
}

/* One file with all models, and for each a function that runs it from its initial state. */
static void write_all(void)
{
    FILE *file = fopen(in_folder("all.c"), "w");
    assert_non_null(file);
    for (int i = 0; i < count; i++) {
        const bool arena = models[i].flags & RECUR_COMPILE_ARENA;
        fprintf(file, "#include \"m%d.c\"\n", i);
        fprintf(file, "void run_m%d(int32_t steps, const void *x, float *y);\n", i);
        fprintf(file, "void run_m%d(int32_t steps, const void *x, float *y)\n{\n", i);
        fprintf(file, "    static m%d_state s;\n", i);
        if (arena) fprintf(file, "    static m%d_scratch t;\n", i);
        fprintf(file, "    m%d_init(&s);\n    m%d_run(&s, %ssteps, (const %s *)x, y);\n}\n", i, i,
                arena ? "&t, " : "", models[i].ids ? "int32_t" : "float");
    }
    assert_int_equal(fclose(file), 0);
}

typedef void runner(int32_t steps, const void *x, float *y);

static const tolerance STEP = { 1e-6, 1e-6, 0 };

static void compare_all(void *library)
{
    for (int i = 0; i < count; i++) {
        const model *m = &models[i];
        const recur_layer_info info = info_of(m->layer, -1);
        char name[32];
        float *y = floats(STEPS * info.output_size);
        snprintf(name, sizeof name, "run_m%d", i);
        runner *runs;
        *(void **)&runs = dlsym(library, name);
        assert_non_null(runs);
        runs(STEPS, m->ids ? (const void *)m->id : m->x, y);
        trying("%s, a %s", name, info.type);
        if (m->precision || m->flags & RECUR_COMPILE_EXACT)
            check_same("y", STEPS * info.output_size, y, m->want);
        else
            check_near("y", STEPS * info.output_size, y, m->want, STEP);
    }
}

/* Compilers that are not there are passed over. */
static void check_syntax(void)
{
    if (has("clang")) shell("clang " STRICT " -fsyntax-only %s", in_folder("all.c"));
    if (has("g++")) shell("g++ " STRICT_CPP " -fsyntax-only %s", in_folder("all.c"));
    if (has("clang++")) shell("clang++ " STRICT_CPP " -fsyntax-only %s", in_folder("all.c"));
}

static void check_all(const char *how)
{
    write_all();
    check_syntax();
    shell("%s " STRICT " %s -shared -fPIC -o %s %s -lm", CC, how, in_folder("all.so"),
          in_folder("all.c"));
    void *library = dlopen(in_folder("all.so"), RTLD_NOW);
    if (!library) fail_msg("%s", dlerror());
    compare_all(library);
    dlclose(library);
    for (int i = 0; i < count; i++) recur_layer_release(models[i].layer);
    count = 0;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static recur_layer *drawn(recur_layer *layer)
{
    randomize(layer, 0.5);
    return layer;
}

static void every_kind_of_recurrence(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    dice(1);
    for (int i = 0; i < ROWS; i++)
        for (int small = 0; small < 2; small++) {
            const int64_t H = 4 + 2 * below(5), L = 1 + below(2);
            trying("%s", KINDS[i].name);
            add(drawn(recurrent_of(ctx, &KINDS[i], 1 + below(7), H, L, 0, 0)),
                small ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32,
                (uint32_t)below(3) * RECUR_COMPILE_ARENA);
        }
    check_all("-O1");
    close_context(ctx);
}

/* ---- models at random ----------------------------------------------------------------------- */

/* A leaf that takes rows of `in` numbers. */
static recur_layer *any_channels(recur_context *ctx, int64_t in)
{
    const int64_t C = in % 2 ? in : in / 2, L = in / C;
    switch (below(4)) {
    case 0:
        return affine(ctx, C, L, (uint32_t)below(2) * RECUR_LAYER_NO_BIAS);
    case 1:
        return prelu(ctx, C, L);
    case 2:
        return group_norm(ctx, C, L, C % 2 ? 1 : 2, 1e-3);
    default:
        return rms_norm(ctx, in, 0);
    }
}

static recur_layer *any_conv(recur_context *ctx, int64_t in)
{
    const bool time = below(2);
    const int64_t groups = in % 2 ? 1 : 1 + below(2);
    recur_conv_options o = { .axis = time ? RECUR_CONV_TIME : RECUR_CONV_ROW,
                             .in_channels = in,
                             .out_channels = groups * (1 + below(3)),
                             .groups = groups,
                             .kernel = 1 + below(3),
                             .dilation = 1 + below(2),
                             .flags = (uint32_t)below(2) * RECUR_LAYER_NO_BIAS };
    if (!time) {
        o.in_channels = in % 2 ? 1 : 2;
        o.length = in / o.in_channels;
        o.groups = o.in_channels;
        o.out_channels = o.groups * (1 + below(2));
        o.stride = 1 + below(2);
        o.kernel = 1 + below(2);
        o.padding = o.length > 2 ? (int32_t)below(2) : 0;
        o.pad_before = below(2);
        o.pad_after = 1 + below(2);
        if (o.length == 1) o.dilation = 1; /* or the kernel may reach over more than there is */
    }
    return conv(ctx, &o);
}

static recur_layer *any_leaf(recur_context *ctx, int64_t in, bool without_gelu)
{
    int function = 1 + (int)below(RECUR_ACTIVATION_POSITIVE);
    if (without_gelu && function == RECUR_ACTIVATION_GELU) function = RECUR_ACTIVATION_ELU;
    switch (below(9)) {
    case 0:
        return linear(ctx, in, 1 + below(8), (uint32_t)below(2) * RECUR_LAYER_NO_BIAS);
    case 1:
        return activation(ctx, in, function);
    case 2:
        return in > 1 ? norm(ctx, in, 1e-2, (uint32_t)below(2)) : dropout(ctx, in, 0.5);
    case 3:
        return any_channels(ctx, in);
    case 4:
        return in % 2 ? softmax(ctx, in) : merge(ctx, in, 1 + (int)below(5));
    case 5:
        return any_conv(ctx, in);
    case 6:
        return dropout(ctx, in, 0.5);
    default:
        return recurrent_of(ctx, &KINDS[below(ROWS)], in, 4 + 2 * below(3), 1 + below(2), 0,
                            (uint32_t)below(2) * RECUR_LAYER_NO_BIAS);
    }
}

static int64_t width_of(const recur_layer *layer) { return info_of(layer, -1).output_size; }

/* A residual around a recurrent layer and a linear one, or a graph of three parts. */
static recur_layer *any_whole(recur_context *ctx, int64_t in, bool without_gelu)
{
    static const char *const names[] = { "rnn", "back to" };
    static const recur_source both[] = { { .part = "first" }, { .part = NULL, .count = 1 } };
    if (below(2)) {
        recur_layer *parts[2] = { any_leaf(ctx, in, without_gelu), NULL };
        parts[1] = linear(ctx, width_of(parts[0]), in, 0);
        return chain(ctx, RECUR_COMPOSE_RESIDUAL, 2, names, parts);
    }
    recur_layer *first = any_leaf(ctx, in, without_gelu);
    recur_layer *join = any_leaf(ctx, width_of(first) + 1, without_gelu);
    const recur_graph_part parts[] = {
        { .name = "first", .layer = first },
        { .name = "step", .layer = join, .sources = both, .source_count = 2 },
        { .name = "out", .layer = any_leaf(ctx, width_of(join), without_gelu) },
    };
    return graph(ctx, in, 3, parts);
}

static recur_layer *any_model(recur_context *ctx, bool without_gelu)
{
    static const char *const names[] = { "in", "a b", "tanh", "out" };
    recur_layer *parts[4];
    const int64_t n = 1 + below(4);
    int64_t in = 1 + below(6);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 && below(5) == 0)
            parts[i] = embedding(ctx, in, 1 + below(6));
        else if (below(3) == 0)
            parts[i] = any_whole(ctx, in, without_gelu);
        else
            parts[i] = any_leaf(ctx, in, without_gelu);
        in = width_of(parts[i]);
    }
    if (n > 1 || below(2)) return chain(ctx, RECUR_COMPOSE_SEQUENTIAL, n, names, parts);
    return parts[0];
}

static void every_layer_that_streams(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    for (int i = 0; i < 200; i++) {
        dice((uint64_t)i + 1);
        const int32_t precision = i % 2 ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32;
        recur_layer *layer = drawn(any_model(ctx, precision != 0));
        const bool ids = info_of(layer, -1).capabilities & RECUR_CAN_TAKE_IDS;
        uint32_t flags = below(3) ? 0 : RECUR_COMPILE_ARENA;
        if (below(3) == 0) flags |= RECUR_COMPILE_OWN_MATH;
        if (ids && below(2)) flags |= RECUR_COMPILE_IDS;
        add(layer, precision, flags);
    }
    check_all("-O1");
    close_context(ctx);
}

/* A context whose results are the same on every machine; NULL: this build has no set for it. */
static recur_context *exact_context(void)
{
    const recur_context_options exact = { .size = sizeof exact, .flags = RECUR_CONTEXT_EXACT };
    recur_context *ctx = NULL;
    if (recur_context_create(&exact, &ctx))
        print_message("             none of the exact sets is in this build\n");
    return ctx;
}

/* A clockwork RNN with zoneout. */
static bool is_refused_as_exact(const recur_layer *layer)
{
    const recur_compile_options o = { .size = sizeof o, .flags = RECUR_COMPILE_EXACT };
    size_t bytes = 0;
    return recur_compile_c_memory(layer, &o, RECUR_COMPILE_SOURCE, NULL, &bytes) ==
           RECUR_E_UNSUPPORTED;
}

/* In float and in int8, with all functions, the same bits as the library's vectors. */
static void exact_files_have_the_bits_of_exact_contexts(void **state)
{
    (void)state;
    recur_context *ctx = exact_context();
    int refused = 0;
    for (int i = 0; ctx && i < 200; i++) {
        dice((uint64_t)i + 1);

        const uint32_t arena = below(3) ? 0 : RECUR_COMPILE_ARENA;
        const int k = i / 2;
        recur_layer *layer = k < ROWS ? recurrent_of(ctx, &KINDS[k], 1 + below(7), 4 + 2 * below(9),
                                                     1 + below(2), 0, 0)
                                      : any_model(ctx, false);
        if (is_refused_as_exact(layer)) {
            recur_layer_release(layer);
            refused++;
            continue;
        }
        add(drawn(layer), i % 2 ? RECUR_PRECISION_INT8 : RECUR_PRECISION_FLOAT32,
            arena | RECUR_COMPILE_EXACT);
    }
    assert_true(refused < 10);
    if (ctx) check_all("-O1");
    if (ctx) close_context(ctx);
}

/* ---- what is called, and the self-test ------------------------------------------------------- */

static void compile_one(recur_layer *layer, const recur_compile_options *options)
{
    char path[64];
    snprintf(path, sizeof path, "%s.c", options->name);
    OK(recur_compile_c(layer, options, in_folder(path)));
}

/* Lines of `nm` that name something undefined but the words of `allowed`. */
static void check_calls(const char *name, const char *allowed)
{
    shell("%s " STRICT " -O1 -c -o %s/%s.o %s/%s.c", CC, folder, name, folder, name);
    shell("! nm -u %s/%s.o | grep -v ' w ' | grep -Ev ' (%s)$' | grep .", folder, name, allowed);
}

/* All functions of one number, and a norm, which takes a root. */
static recur_layer *functions(recur_context *ctx)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
    recur_layer *parts[10];
    for (int i = 0; i < 8; i++) parts[i] = activation(ctx, 6, i + 1 + (i > 4));
    parts[8] = norm(ctx, 6, 0, 0);
    parts[9] = softmax(ctx, 6);
    return chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 10, names, parts);
}

static void it_calls_two_functions_or_none(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *layers[] = { drawn(functions(ctx)),
                              drawn(recurrent(ctx, RECUR_CELL_LSTM_NORM, 3, 8, 2, 0, 0)) };
    for (int i = 0; i < 2; i++) {
        recur_compile_options o = { .size = sizeof o, .name = "calls" };
        compile_one(layers[i], &o);
        check_calls("calls", "expf|tanhf");
        o.flags = RECUR_COMPILE_OWN_MATH;
        compile_one(layers[i], &o);
        check_calls("calls", "-");
        o = (recur_compile_options){ .size = sizeof o,
                                     .name = "calls",
                                     .precision = RECUR_PRECISION_INT8 };
        compile_one(layers[i], &o);
        check_calls("calls", "-");
        o.flags = RECUR_COMPILE_EXACT;
        compile_one(layers[i], &o);
        check_calls("calls", "-");
        recur_layer_release(layers[i]);
    }
    close_context(ctx);
}

static int run_self_test(const char *name)
{
    char command[512];
    snprintf(command, sizeof command,
             "%s " STRICT " -O1 -DMINE_SELF_TEST -o %s/%s %s/%s.c -lm && %s/%s >%s/out", CC, folder,
             name, folder, name, folder, name, folder);
    return system(command);
}

/* Two sequences through an LSTM: the sample is found to be right, and a wrong number to be wrong.
 */
static void it_tests_itself(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *layer = drawn(classifier(ctx, RECUR_CELL_GRU));
    const int64_t lengths[] = { 2, 5 };
    recur_packed *packed = layout(ctx, 2, lengths, 0);
    const recur_model_sample sample = { .size = sizeof sample,
                                        .packed = packed,
                                        .x = randoms(7 * 3, 1) };
    static const uint32_t flags[] = { 0,
                                      0,
                                      RECUR_COMPILE_ARENA,
                                      RECUR_COMPILE_ARENA,
                                      0,
                                      RECUR_COMPILE_LIBRARY_MATH,
                                      RECUR_COMPILE_EXACT,
                                      RECUR_COMPILE_EXACT };
    recur_context *exact = exact_context();
    const int ways = exact ? 8 : 6;
    recur_context_release(exact);
    for (int32_t i = 0; i < ways; i++) {
        const recur_compile_options o = { .size = sizeof o,
                                          .name = "mine",
                                          .precision = i % 2 ? RECUR_PRECISION_INT8 : 0,
                                          .flags = flags[i],
                                          .sample = &sample };
        compile_one(layer, &o);
        trying("precision %d", (int)o.precision);
        assert_int_equal(run_self_test("mine"), 0);
        shell("grep -q 'mine: 0 of 14 numbers' %s", in_folder("out"));
        shell("sed -i '/float mine_sample_x/,/};/s/0\\.[0-9]*f/0.5f/g' %s", in_folder("mine.c"));
        assert_int_not_equal(run_self_test("mine"), 0);
    }
    recur_packed_release(packed);
    recur_layer_release(layer);
    close_context(ctx);
}

/* ---- memory and bad input ------------------------------------------------------------------- */

static void memory_holds_what_files_hold(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *layer = drawn(skips(ctx));
    const recur_compile_options o = { .size = sizeof o, .name = "both" };
    compile_one(layer, &o);
    for (int32_t file = RECUR_COMPILE_SOURCE; file <= RECUR_COMPILE_HEADER; file++) {
        size_t bytes = 0;
        OK(recur_compile_c_memory(layer, &o, file, NULL, &bytes));
        char *text = bytes_of((int64_t)bytes, 1), *read = bytes_of((int64_t)bytes, 1);
        bytes--;
        FAILS(RECUR_E_SHAPE, recur_compile_c_memory(layer, &o, file, text, &bytes), "room");
        OK(recur_compile_c_memory(layer, &o, file, text, &bytes));
        FILE *from = fopen(in_folder(file == RECUR_COMPILE_SOURCE ? "both.c" : "both.h"), "r");
        assert_non_null(from);
        assert_int_equal(fread(read, 1, bytes, from), bytes - 1);
        fclose(from);
        assert_memory_equal(read, text, bytes - 1);
        assert_int_equal(text[bytes - 1], 0);
    }
    recur_layer_release(layer);
    close_context(ctx);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *layer = linear(ctx, 2, 3, 0), *snapshot = NULL;
    recur_compile_options o = { .size = sizeof o };
    const char *path = in_folder("x.c");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(NULL, &o, path), "layer NULL");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, NULL), "path NULL");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, in_folder("x.cpp")), "path");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, ".c"), "path");
    FAILS(RECUR_E_NOT_FOUND, recur_compile_c(layer, &o, in_folder("no/x.c")), "no");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c_memory(layer, &o, 3, NULL, &(size_t){ 0 }), "file 3");
    FAILS(RECUR_E_ARGUMENT, recur_compile_c_memory(layer, &o, 1, NULL, NULL), "bytes NULL");
    o.name = "9lives";
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "9lives");
    o.name = "a-b";
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "name");
    o = (recur_compile_options){ .size = sizeof o, .flags = 32 };
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "flags");
    o = (recur_compile_options){ .size = sizeof o, .precision = RECUR_PRECISION_BFLOAT16 };
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "precision 1");
    o = (recur_compile_options){ .size = sizeof o,
                                 .flags = RECUR_COMPILE_OWN_MATH | RECUR_COMPILE_LIBRARY_MATH };
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "OWN_MATH");
    o.flags = RECUR_COMPILE_EXACT | RECUR_COMPILE_LIBRARY_MATH;
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "EXACT");
    o = (recur_compile_options){ .size = sizeof o, .reserved = 1 };
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "reserved 1");
    const recur_model_sample empty = { .size = sizeof empty };
    o = (recur_compile_options){ .size = sizeof o, .sample = &empty };
    FAILS(RECUR_E_ARGUMENT, recur_compile_c(layer, &o, path), "packed NULL");
    OK(recur_layer_snapshot(layer, 0, &snapshot));
    FAILS(RECUR_E_UNSUPPORTED, recur_compile_c(snapshot, NULL, path), "snapshot");
    recur_layer_params(layer)[4] = INFINITY;
    FAILS(RECUR_E_NUMERIC, recur_compile_c(layer, NULL, path), "parameter 4");
    assert_int_equal(access(in_folder("x.h"), F_OK), -1);
    recur_layer_release(layer);
    recur_layer_release(snapshot);
    close_context(ctx);
}

static void layers_that_do_not_step_are_refused(void **state)
{
    (void)state;
    recur_context *ctx = reference_context();
    recur_layer *both = recurrent(ctx, RECUR_CELL_LSTM, 2, 4, 1, BOTH, 0);
    recur_layer *end = last(ctx, 2, 0), *flat = norm(ctx, 2, 0, 0);
    const recur_compile_options ids = { .size = sizeof ids, .flags = RECUR_COMPILE_IDS };
    recur_layer *zoned = NULL;
    for (int i = 0; i < ROWS; i++)
        if (KINDS[i].cell == RECUR_CELL_CLOCKWORK && KINDS[i].with.zoneout_hidden > 0)
            zoned = recurrent_of(ctx, &KINDS[i], 2, 4, 1, 0, 0);
    const recur_compile_options exact = { .size = sizeof exact, .flags = RECUR_COMPILE_EXACT };
    FAILS(RECUR_E_UNSUPPORTED, recur_compile_c(zoned, &exact, in_folder("x.c")), "clockwork 0.2");
    recur_layer_release(zoned);
    FAILS(RECUR_E_UNSUPPORTED, recur_compile_c(both, NULL, in_folder("x.c")), "lstm");
    FAILS(RECUR_E_UNSUPPORTED, recur_compile_c(end, NULL, in_folder("x.c")), "last");
    FAILS(RECUR_E_UNSUPPORTED, recur_compile_c(flat, &ids, in_folder("x.c")), "ids norm");
    recur_layer_release(both);
    recur_layer_release(end);
    recur_layer_release(flat);
    close_context(ctx);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_kind_of_recurrence),
        IN_FOLDER(every_layer_that_streams),
        IN_FOLDER(exact_files_have_the_bits_of_exact_contexts),
        IN_FOLDER(it_calls_two_functions_or_none),
        IN_FOLDER(it_tests_itself),
        IN_FOLDER(memory_holds_what_files_hold),
        IN_FOLDER(bad_options_are_refused),
        IN_FOLDER(layers_that_do_not_step_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
