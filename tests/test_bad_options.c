/* test_bad_options.c - structs that start with their size: older and newer callers, damaged
 * ones. */
#include <unistd.h>

#include "support/support.h"

enum { ROOM = 512, EXTRA = 64 };

/* Makes something from options, or refuses to; releases what it made. */
typedef recur_status maker(const void *options);

#define MAKER(name, type, call)                            \
    static recur_status name(const void *options)          \
    {                                                      \
        recur_##type *out = NULL;                          \
        const recur_status status = call;                  \
        assert_int_equal(out != NULL, status == RECUR_OK); \
        recur_##type##_release(out);                       \
        return status;                                     \
    }

MAKER(context, context, recur_context_create(options, &out))
MAKER(recurrent_layer, layer, recur_recurrent_create(NULL, options, &out))
MAKER(cell, cell, recur_cell_create(NULL, options, &out))
MAKER(loss, loss, recur_loss_create(NULL, options, &out))
MAKER(optimizer, optimizer, recur_optimizer_create(NULL, options, 5, &out))

static recur_status sample(const void *options)
{
    const float logits[3] = { 1, 2, 3 };
    int32_t id = -1;
    const recur_status status = recur_sample(options, 1, 3, logits, 1, 1, &id);
    if (!status) assert_in_range(id, 0, 2);
    return status;
}

static const recur_context_options CONTEXT = { .size = sizeof CONTEXT, .threads = 1 };
static const recur_recurrent_options RNN = {
    .size = sizeof RNN, .cell = RECUR_CELL_GRU, .input_size = 3, .hidden_size = 4, .num_layers = 1
};
static const recur_loss_options LOSS = { .size = sizeof LOSS, .kind = RECUR_LOSS_MSE };
static const recur_optimizer_options ADAM = { .size = sizeof ADAM, .kind = RECUR_OPTIMIZER_ADAM };
static const recur_sample_options SAMPLE = { .size = sizeof SAMPLE };

/* needed: the bytes that an older caller must at least have had. */
static const struct {
    const char *name;
    maker *make;
    const void *good;
    size_t size, needed;
} STRUCTS[] = {
    { "context", context, &CONTEXT, sizeof CONTEXT, 8 },
    { "recurrent", recurrent_layer, &RNN, sizeof RNN,
      offsetof(recur_recurrent_options, num_layers) },
    { "cell", cell, &RNN, sizeof RNN, offsetof(recur_recurrent_options, num_layers) },
    { "loss", loss, &LOSS, sizeof LOSS, offsetof(recur_loss_options, flags) },
    { "optimizer", optimizer, &ADAM, sizeof ADAM, offsetof(recur_optimizer_options, rate) },
    { "sample", sample, &SAMPLE, sizeof SAMPLE, 8 },
};

/* A copy of the options that says it has `size` bytes; its bytes behind the known ones are
 * `tail`. */
static const void *sized(int i, uint32_t size, unsigned char tail)
{
    static _Alignas(16) unsigned char room[ROOM];
    memset(room, 0, sizeof room);
    memset(room + STRUCTS[i].size, tail, EXTRA);
    memcpy(room, STRUCTS[i].good, STRUCTS[i].size);
    memcpy(room, &size, sizeof size);
    return room;
}

static void sizes(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT(STRUCTS); i++) {
        const uint32_t known = (uint32_t)STRUCTS[i].size;
        char words[32];
        trying("%s", STRUCTS[i].name);
        OK(STRUCTS[i].make(sized(i, known, 0)));
        FAILS(RECUR_E_ARGUMENT, STRUCTS[i].make(sized(i, 0, 0)), "0 size");
        FAILS(RECUR_E_ARGUMENT, STRUCTS[i].make(sized(i, 4, 0)), "4 size");
        for (uint32_t size = (uint32_t)STRUCTS[i].needed; size < known; size += 8)
            OK(STRUCTS[i].make(sized(i, size, 0)));  /* older */
        OK(STRUCTS[i].make(sized(i, known + 8, 0))); /* newer */
        OK(STRUCTS[i].make(sized(i, known + EXTRA, 0)));
        OK(STRUCTS[i].make(sized(i, known, 0xFF))); /* what lies behind is none of ours */
        snprintf(words, sizeof words, "%u", (unsigned)known);
        FAILS(RECUR_E_ARGUMENT, STRUCTS[i].make(sized(i, known + 8, 1)), words);
        FAILS(RECUR_E_ARGUMENT, STRUCTS[i].make(sized(i, known + EXTRA, 1)), words);
    }
}

/* An older caller's shorter struct hides what he does not know. */
static void shorter_means_default(void **unused)
{
    (void)unused;
    recur_recurrent_options options = RNN;
    recur_layer *layer = NULL;
    options.num_layers = 3;
    options.flags = RECUR_LAYER_NO_BIAS;
    options.size = offsetof(recur_recurrent_options, num_layers);
    OK(recur_recurrent_create(NULL, &options, &layer));
    recur_layer_info info = info_of(layer, -1);
    assert_int_equal(info.num_layers, 1);
    assert_int_equal(info.flags, 0);
    recur_layer_release(layer);
    options.size = offsetof(recur_recurrent_options, hidden_size);
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &options, &layer), "0");
    recur_context *ctx = NULL;
    OK(recur_context_create(NULL, &ctx)); /* no options at all: all defaults */
    recur_context_release(ctx);
}

/* The message says which bit is unknown, and what there is. */
static void flags_and_bounds(void **unused)
{
    (void)unused;
    recur_recurrent_options options = RNN;
    recur_layer *layer = NULL;
    options.flags = RECUR_LAYER_NO_BIAS | 0x8000;
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &options, &layer), "0x8000 _OUTPUT_CELL");
    FAILS(RECUR_E_ARGUMENT, recur_linear_create(NULL, 2, 2, 0x21, &layer), "RECUR_LAYER_NO_BIAS");
    FAILS(RECUR_E_ARGUMENT, recur_embedding_create(NULL, 2, 2, 1, &layer), "0x1 no flags");
    options = RNN;
    options.preactivation_clip = 1e-60; /* 0 as a float, which would mean none */
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &options, &layer), "1e-60");
}

/* ---- recur_x_init --------------------------------------------------------------------------- */

static recur_status init_context(void *to, size_t size)
{
    return recur_context_options_init(to, size);
}
static recur_status init_sample(void *to, size_t size)
{
    return recur_sample_options_init(to, size);
}
static recur_status init_loss(void *to, size_t size)
{
    return recur_loss_options_init(to, size, RECUR_LOSS_HUBER);
}
static recur_status init_optimizer(void *to, size_t size)
{
    return recur_optimizer_options_init(to, size, RECUR_OPTIMIZER_ADAM);
}
static recur_status init_recurrent(void *to, size_t size)
{
    return recur_recurrent_options_init(to, size, RECUR_CELL_LSTM);
}
static recur_status init_schedule(void *to, size_t size)
{
    return recur_schedule_init(to, size, RECUR_SCHEDULE_EXPONENTIAL);
}
static recur_status init_plateau(void *to, size_t size) { return recur_plateau_init(to, size); }
static recur_status init_model_sample(void *to, size_t size)
{
    return recur_model_sample_init(to, size);
}

static const struct {
    const char *name;
    recur_status (*init)(void *to, size_t size);
    size_t size;
} INITS[] = {
    { "context", init_context, sizeof(recur_context_options) },
    { "sample", init_sample, sizeof(recur_sample_options) },
    { "loss", init_loss, sizeof(recur_loss_options) },
    { "optimizer", init_optimizer, sizeof(recur_optimizer_options) },
    { "recurrent", init_recurrent, sizeof(recur_recurrent_options) },
    { "schedule", init_schedule, sizeof(recur_schedule) },
    { "plateau", init_plateau, sizeof(recur_plateau) },
    { "model sample", init_model_sample, sizeof(recur_model_sample) },
};

/* Whatever size the caller's struct has, so many bytes are written, zeros where nothing is known.
 */
static void inits_write_size_bytes(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT(INITS); i++) {
        trying("%s", INITS[i].name);
        FAILS(RECUR_E_ARGUMENT, INITS[i].init(NULL, INITS[i].size), "NULL");
        unsigned char whole[ROOM];
        OK(INITS[i].init(whole, INITS[i].size));
        for (size_t size = 0; size < INITS[i].size + 32; size += 4) {
            unsigned char room[ROOM];
            memset(room, 0xEE, sizeof room);
            if (size < 8) {
                FAILS(RECUR_E_ARGUMENT, INITS[i].init(room, size), "size");
                continue;
            }
            OK(INITS[i].init(room, size));
            const uint32_t first = (uint32_t)size | RECUR_SIZE_EXACT;
            assert_memory_equal(room, &first, sizeof first);
            for (size_t k = 4; k < sizeof room; k++) {
                const unsigned char known = k < INITS[i].size ? whole[k] : 0;
                assert_int_equal(room[k], k < size ? known : 0xEE);
            }
        }
    }
}

/* What was filled in is what a zero means; a zero put there afterwards is a zero. */
static void zeros_that_are_meant(void **unused)
{
    (void)unused;
    recur_optimizer_options adam;
    OK(recur_optimizer_options_init(&adam, sizeof adam, RECUR_OPTIMIZER_ADAM));
    /* The casts are for machines that keep constants with more digits. */
    assert_true(adam.rate == (double)1e-3 && adam.beta1 == (double)0.9);
    assert_true(adam.beta2 == (double)0.999 && adam.epsilon == (double)1e-8);
    recur_optimizer *optimizer = NULL;
    adam.rate = 0;
    OK(recur_optimizer_create(NULL, &adam, 3, &optimizer));
    assert_true(recur_optimizer_rate(optimizer) == 0);
    recur_optimizer_release(optimizer);
    FAILS(RECUR_E_ARGUMENT, recur_optimizer_options_init(&adam, sizeof adam, 0),
          "0 set RECUR_OPTIMIZER_SGD RECUR_OPTIMIZER_ADADELTA");

    recur_loss_options huber;
    recur_loss *loss = NULL;
    OK(recur_loss_options_init(&huber, sizeof huber, RECUR_LOSS_HUBER));
    assert_true(huber.delta == 1);
    OK(recur_loss_create(NULL, &huber, &loss));
    recur_loss_release(loss);
    huber.delta = 0;
    FAILS(RECUR_E_ARGUMENT, recur_loss_create(NULL, &huber, &loss), "delta 0");
    FAILS(RECUR_E_ARGUMENT, recur_loss_options_init(&huber, sizeof huber, 7),
          "7 RECUR_LOSS_CROSS_ENTROPY RECUR_LOSS_BCE_LOGITS");

    const float logits[3] = { 1, 2, 3 };
    int32_t id;
    recur_sample_options options;
    OK(recur_sample_options_init(&options, sizeof options));
    OK(recur_sample(&options, 1, 3, logits, 1, 1, &id));
    options.temperature = 0;
    FAILS(RECUR_E_ARGUMENT, recur_sample(&options, 1, 3, logits, 1, 1, &id), "temperature 0 top_k");
    options.temperature = 1;
    options.top_p = 0;
    FAILS(RECUR_E_ARGUMENT, recur_sample(&options, 1, 3, logits, 1, 1, &id), "top_p 0");

    recur_schedule falls;
    OK(recur_schedule_init(&falls, sizeof falls, RECUR_SCHEDULE_STEP));
    assert_true(falls.gamma == 0.1);
    falls.rate = 2;
    falls.period = 3;
    falls.gamma = 0;
    assert_true(recur_schedule_rate(&falls, 2) == 2 && recur_schedule_rate(&falls, 3) == 0);
    FAILS(RECUR_E_ARGUMENT, recur_schedule_init(&falls, sizeof falls, 9),
          "9 RECUR_SCHEDULE_COSINE");

    recur_plateau plateau;
    OK(recur_plateau_init(&plateau, sizeof plateau));
    assert_true(plateau.patience == 10 && plateau.factor == 0.1 && plateau.threshold == 1e-4);
    plateau.rate = 1;
    plateau.factor = 0;
    plateau.patience = 0;
    OK(recur_plateau_step(&plateau, 1));
    OK(recur_plateau_step(&plateau, 2));
    assert_true(plateau.rate == 0 && plateau.factor == 0 && plateau.patience == 0);
    assert_true(plateau.size == (sizeof plateau | RECUR_SIZE_EXACT));
}

/* Options that were filled in make the layer that zeros make, and say the same of it. */
static void recurrent_options_are_filled_in(void **unused)
{
    (void)unused;
    for (int k = 0; k < PLAIN; k++) {
        trying("%s", KINDS[k].name);
        const recur_recurrent_options zeros = options_of(&KINDS[k], 3, 4, 0, 0, 0);
        recur_recurrent_options filled;
        OK(recur_recurrent_options_init(&filled, sizeof filled, KINDS[k].cell));
        assert_int_equal(filled.cell, KINDS[k].cell);
        assert_int_equal(filled.num_layers, 1);
        filled.input_size = 3;
        filled.hidden_size = 4;
        filled.clockwork = zeros.clockwork;
        recur_layer *a = NULL, *b = NULL;
        OK(recur_recurrent_create(NULL, &zeros, &a));
        OK(recur_recurrent_create(NULL, &filled, &b));
        const recur_layer_info of_a = info_of(a, -1);
        recur_layer_info of_b = info_of(b, -1);
        if (of_a.clockwork)
            assert_memory_equal(of_a.clockwork, of_b.clockwork, sizeof *of_a.clockwork);
        of_b.name = of_a.name;
        of_b.clockwork = of_a.clockwork;
        assert_memory_equal(&of_a, &of_b, sizeof of_a);
        recur_layer_release(a);
        recur_layer_release(b);
        filled.num_layers = 0;
        FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &filled, &a), "num_layers 0");
        recur_cell *cell = NULL;
        FAILS(RECUR_E_ARGUMENT, recur_cell_create(NULL, &filled, &cell), "num_layers 0");
    }
    recur_recurrent_options lstm;
    recur_layer *layer = NULL;
    OK(recur_recurrent_options_init(&lstm, sizeof lstm, RECUR_CELL_LSTM));
    assert_int_equal(lstm.gate_activation, RECUR_ACTIVATION_SIGMOID);
    assert_int_equal(lstm.activation, RECUR_ACTIVATION_TANH);
    assert_int_equal(lstm.output_activation, RECUR_ACTIVATION_TANH);
    lstm.input_size = lstm.hidden_size = 2;
    lstm.activation = RECUR_ACTIVATION_SOFTSIGN;
    OK(recur_recurrent_create(NULL, &lstm, &layer));
    assert_int_equal(info_of(layer, -1).activation, RECUR_ACTIVATION_SOFTSIGN);
    recur_layer_release(layer);
    lstm.output_activation = 0;
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_create(NULL, &lstm, &layer),
          "output_activation 0 RECUR_ACTIVATION_TANH");
    OK(recur_recurrent_options_init(&lstm, sizeof lstm, RECUR_CELL_RNN_RELU));
    assert_int_equal(lstm.gate_activation, 0);
    assert_int_equal(lstm.activation, RECUR_ACTIVATION_RELU);
    FAILS(RECUR_E_ARGUMENT, recur_recurrent_options_init(&lstm, sizeof lstm, 0),
          "0 rnn_tanh indrnn");
}

/* An older caller's shorter description is filled as far as it goes. */
static void shorter_descriptions(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_LSTM, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_layer_info info;
    for (uint32_t size = offsetof(recur_layer_info, projection_size); size <= sizeof info;
         size += 8) {
        memset(&info, 0xEE, sizeof info);
        info.size = size;
        trying("size %u", (unsigned)size);
        OK(recur_layer_describe(layer, -1, &info));
        assert_int_equal(info.hidden_size, 4);
        assert_string_equal(info.type, "lstm");
        for (size_t i = size; i < sizeof info; i++)
            assert_int_equal(((unsigned char *)&info)[i], 0xEE);
    }
    info.size = offsetof(recur_layer_info, type);
    FAILS(RECUR_E_ARGUMENT, recur_layer_describe(layer, -1, &info), "88");
    recur_layer_release(layer);
}

/* Into structs that it fills in, the library writes no more than size bytes, and zeros behind what
 * it knows. */
static void filled_in(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    recur_state *state = NULL;
    recur_file *file = NULL;
    OK(recur_state_create(layer, 2, &state));
    OK(recur_file_open_memory(NULL, NULL, 0, &file));
    OK(recur_file_put_layer(file, NULL, layer));
    union {
        recur_tensor tensor;
        recur_layer_info info;
        unsigned char bytes[ROOM];
    } u;
    for (int what = 0; what < 5; what++) {
        const size_t known = what == 0 ? sizeof(recur_layer_info) : sizeof(recur_tensor);
        for (int n = 0; n < 4; n++) {
            const uint32_t size = n == 0   ? (uint32_t)known
                                  : n == 1 ? (uint32_t)known + 32
                                  : n == 2 ? 0
                                           : 4;
            memset(&u, 0xEE, sizeof u);
            u.tensor.size = size;
            trying("struct %d size %u", what, (unsigned)size);
            support_forget();
            const recur_status status = what == 0   ? recur_layer_describe(layer, -1, &u.info)
                                        : what == 1 ? recur_layer_tensor_info(layer, 0, &u.tensor)
                                        : what == 2 ? recur_state_tensor_info(state, 0, &u.tensor)
                                        : what == 3
                                            ? recur_file_tensor_info(file, 0, &u.tensor)
                                            : recur_file_find(file, "weight_hh_l0", &u.tensor);
            if (n >= 2) {
                support_fails(RECUR_E_ARGUMENT, status, n == 2 ? "0" : "4", "filling", __FILE__,
                              __LINE__);
                for (size_t i = 4; i < ROOM; i++) assert_int_equal(u.bytes[i], 0xEE);
                continue;
            }
            OK(status);
            assert_int_equal(u.tensor.size, size);
            for (size_t i = known; i < ROOM; i++) assert_int_equal(u.bytes[i], i < size ? 0 : 0xEE);
        }
    }
    recur_file_release(file);
    recur_state_release(state);
    recur_layer_release(layer);
}

static void contexts(void **unused)
{
    (void)unused;
    const recur_allocator half = { .alloc = NULL };
    const struct {
        recur_context_options options;
        recur_status code;
        const char *words;
    } rows[] = {
        { { .size = sizeof(recur_context_options), .isa = 8 }, RECUR_E_ARGUMENT, "8" },
        { { .size = sizeof(recur_context_options), .isa = -1 }, RECUR_E_ARGUMENT, "-1" },
        { { .size = sizeof(recur_context_options), .threads = -2 }, RECUR_E_ARGUMENT, "-2" },
        { { .size = sizeof(recur_context_options), .flags = 8 }, RECUR_E_ARGUMENT, "8" },
        { { .size = sizeof(recur_context_options), .cache_bytes = -3 }, RECUR_E_ARGUMENT, "-3" },
        { { .size = sizeof(recur_context_options), .allocator = &half }, RECUR_E_ARGUMENT, "alloc" }
    };
    for (int i = 0; i < COUNT(rows); i++) {
        recur_context *ctx = (recur_context *)(void *)(uintptr_t)&half;
        trying("row %d", i);
        FAILS(rows[i].code, recur_context_create(&rows[i].options, &ctx), rows[i].words);
        assert_null(ctx);
    }
    static const char *const names[] = { "ref",  "sse2", "avx2",      "avx512",
                                         "neon", "vec4", "avx2_exact" };
    int there = 0;
    for (int isa = RECUR_ISA_REF; isa <= LAST_ISA; isa++) {
        const recur_context_options options = { .size = sizeof options, .isa = isa };
        recur_context *ctx = NULL;
        const recur_status status = recur_context_create(&options, &ctx);
        if (status) {
            assert_int_equal(status, RECUR_E_UNSUPPORTED);
            assert_non_null(strstr(recur_last_error(), names[isa - 1]));
        } else {
            assert_string_equal(recur_context_isa(ctx), names[isa - 1]);
            there++;
        }
        recur_context_release(ctx);
    }
    assert_true(there >= 1);
}

/* A layer that is too large is refused at once, without an attempt to count what it would take. */
static void huge_recurrent(void **unused)
{
    (void)unused;
    static const int64_t huge[] = { INT32_MAX, INT64_MAX, INT64_MAX / 2 };
    alarm(20);
    for (int i = 0; i < COUNT(huge); i++)
        for (int which = 0; which < 4; which++) {
            const recur_recurrent_options o = {
                .size = sizeof o,
                .cell = RECUR_CELL_LSTM,
                .input_size = which == 0 || which == 3 ? huge[i] : 1,
                .hidden_size = which == 1 || which == 3 ? huge[i] : 1,
                .num_layers = which >= 2 ? huge[i] : 1
            };
            if (o.input_size == INT32_MAX && o.hidden_size == 1 && o.num_layers == 1)
                continue; /* 34 GB may be there */
            recur_layer *layer = NULL;
            trying("size %lld at %d", (long long)huge[i], which);
            const recur_status status = recur_recurrent_create(NULL, &o, &layer);
            assert_true(status == RECUR_E_ARGUMENT || status == RECUR_E_MEMORY);
            assert_null(layer);
        }
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(sizes),
                                        TEST(shorter_means_default),
                                        TEST(flags_and_bounds),
                                        TEST(inits_write_size_bytes),
                                        TEST(zeros_that_are_meant),
                                        TEST(recurrent_options_are_filled_in),
                                        TEST(shorter_descriptions),
                                        TEST(filled_in),
                                        TEST(contexts),
                                        TEST(huge_recurrent) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
