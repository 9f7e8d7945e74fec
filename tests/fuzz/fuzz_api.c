/* fuzz_api.c - libFuzzer on calls: the bytes are a program. An instruction is a byte, and takes its
 * arguments out of the bytes behind it. Objects lie in a few slots, which are empty at first and
 * after a release, so that calls get NULL, and objects that do not fit each other. A call that
 * fails says why and makes nothing; at the end all memory has come back. The allocator refuses
 * more than MOST_BYTES in all, and an allocation that the program names.
 *
 * In which order arguments take their bytes is the compiler's choice, so an input is the same
 * program only with the same compiler. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { LAYERS = 4, LAYOUTS = 2, STATES = 3, MOST_BYTES = 1 << 23, FLOATS = 1 << 12 };
enum { MOST_CALLS = 48, MOST_WORK = 1 << 17 };

static struct {
    const uint8_t *at, *end;
    recur_context *ctx;
    recur_layer *layer[LAYERS];
    recur_packed *packed[LAYOUTS];
    recur_state *state[STATES];
    recur_tape *tape;
    recur_file *file;
    size_t bytes; /* that are allocated */
    int fails_in; /* allocations from now on; 0: none fails */
    int64_t work; /* rows times parameters, which bound the time of a program */
} p;

/* What calls read, the same in every program, and what they write. */
static float in[FLOATS], out[FLOATS], more[FLOATS], grads[FLOATS];
static int32_t ids[FLOATS];

static void check(int good)
{
    if (!good) abort();
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *take(void *user, size_t bytes, size_t align)
{
    void *block = NULL;
    (void)user;
    check(bytes > 0 && align <= 64);
    if (p.fails_in > 0 && --p.fails_in == 0) return NULL;
    if (bytes > MOST_BYTES - p.bytes) return NULL;
    if (posix_memalign(&block, align < sizeof block ? sizeof block : align, bytes)) return NULL;
    p.bytes += bytes;
    return block;
}

static void give(void *user, void *block, size_t bytes)
{
    (void)user;
    check(block && bytes <= p.bytes);
    p.bytes -= bytes;
    free(block);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static unsigned byte(void) { return p.at < p.end ? *p.at++ : 0; }

/* Mostly a size that layers may have, sometimes one that none can. */
static int64_t size(void)
{
    static const int64_t sizes[] = {
        0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 15, 16, 17, 24, 31, 33,
    };
    static const int64_t odd[] = { -1,        INT64_MIN,        INT64_MAX,
                                   1 << 20,   (int64_t)1 << 31, (int64_t)1 << 33,
                                   INT32_MAX, (int64_t)1 << 62 };
    const unsigned b = byte();
    return b < 240 ? sizes[b % 16] : odd[b % 8];
}

/* Of a part or a sequence; -1 is the whole, or all of them. */
static int64_t place(void)
{
    const int64_t n = size();
    return n == INT64_MIN ? n : n - 1;
}

/* A constant: those of an enum, and some beside it. */
static int32_t constant(void)
{
    const unsigned b = byte();
    return b < 250 ? (int32_t)(b % 18) - 1 : (int32_t)(0x7ffffff9u + b % 8);
}

static uint32_t flags(void)
{
    const unsigned b = byte();
    return b < 128 ? 0 : b < 250 ? 1u << b % 8 : 0xffffffffu;
}

static double real(void)
{
    static const double reals[] = { 0,  0.1,    0.5,  0.99,     1,      1.5,
                                    -1, 1e-300, 1e30, INFINITY, -1e300, 1e-5 };
    const unsigned b = byte();
    return b == 255 ? (double)NAN : reals[b < 128 ? b % 4 : b % 12];
}

static const char *name(void)
{
    static const char *const names[] = { "a", "b", "rnn", "fc", "a", "", "a.b", NULL };
    return names[byte() % 8];
}

static recur_layer **layer_slot(void) { return &p.layer[byte() % LAYERS]; }
static recur_layer *layer(void) { return *layer_slot(); }
static recur_packed *packed(void) { return p.packed[byte() % LAYOUTS]; }
static recur_state **state_slot(void) { return &p.state[byte() % STATES]; }

/* The state of a slot, or none. */
static recur_state *state(void)
{
    const unsigned b = byte();
    return b % 4 == STATES ? NULL : p.state[b % 4];
}

static recur_tape *tape(void) { return byte() % 4 ? p.tape : NULL; }

static void known(recur_status status)
{
    check(status <= 0 && status >= RECUR_E_NOT_FOUND);
    check(!status || *recur_last_error());
}

/* What a call made, or did not make. */
static void store(recur_layer **slot, recur_status status, recur_layer *const *made)
{
    known(status);
    check(!status == (*made != NULL));
    if (status) return;
    recur_layer_release(*slot);
    *slot = *made;
}

/* ---- layers --------------------------------------------------------------------------------- */

static void make_recurrent(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    const recur_clockwork_options clock = { .size = sizeof clock,
                                            .modules = (int32_t)size(),
                                            .periods = { (int32_t)size(), (int32_t)size() } };
    recur_recurrent_options o = { .size = sizeof o,
                                  .cell = constant(),
                                  .input_size = size(),
                                  .hidden_size = size(),
                                  .flags = flags() };
    if (byte() % 2) {
        o.num_layers = size();
        o.projection_size = size();
        o.direction = constant();
        o.dropout = real();
        o.recurrent_dropout = real();
        o.zoneout_hidden = real();
        o.zoneout_cell = real();
        o.cell_clip = real();
        o.preactivation_clip = real();
        o.gate_activation = constant();
        o.activation = constant();
        o.output_activation = constant();
    }
    if (o.cell == RECUR_CELL_CLOCKWORK || byte() % 8 == 1) o.clockwork = &clock;
    store(slot, recur_recurrent_create(p.ctx, &o, &made), &made);
}

static void make_leaf(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    const unsigned kind = byte() % 12;
    const int64_t n = size();
    recur_status s = RECUR_OK;
    if (kind == 0) s = recur_linear_create(p.ctx, n, size(), flags(), &made);
    if (kind == 1) s = recur_embedding_create(p.ctx, n, size(), flags(), &made);
    if (kind == 2) s = recur_last_create(p.ctx, n, constant(), &made);
    if (kind == 3) s = recur_dropout_create(p.ctx, n, real(), &made);
    if (kind == 4) s = recur_activation_create(p.ctx, n, constant(), &made);
    if (kind == 5) s = recur_norm_create(p.ctx, n, real(), flags(), &made);
    if (kind == 6) s = recur_rms_norm_create(p.ctx, n, real(), &made);
    if (kind == 7) s = recur_affine_create(p.ctx, n, size(), flags(), &made);
    if (kind == 8) s = recur_prelu_create(p.ctx, n, size(), &made);
    if (kind == 9) s = recur_softmax_create(p.ctx, n, &made);
    if (kind == 10) s = recur_merge_create(p.ctx, n, constant(), &made);
    if (kind == 11) {
        const int64_t length = size();
        s = recur_group_norm_create(p.ctx, n, length, size(), real(), &made);
    }
    store(slot, s, &made);
}

static void make_conv(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    recur_conv_options o = { .size = sizeof o,
                             .axis = 1 + (int32_t)(byte() % 2),
                             .in_channels = size(),
                             .out_channels = size(),
                             .kernel = size(),
                             .length = size(),
                             .flags = flags() };
    if (byte() % 2) {
        o.axis = constant();
        o.padding = constant();
        o.stride = size();
        o.dilation = size();
        o.groups = size();
        o.pad_before = size();
        o.pad_after = size();
    }
    store(slot, recur_conv_create(p.ctx, &o, &made), &made);
}

static void make_whole(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    const char *names[3] = { name(), name(), name() };
    recur_layer *const parts[3] = { layer(), layer(), layer() };
    const int64_t count = byte() % 4;
    store(slot, recur_compose_create(p.ctx, constant(), count, names, parts, &made), &made);
}

static void make_graph(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    recur_source sources[3][2] = { 0 };
    recur_graph_part parts[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        parts[i].name = name();
        parts[i].layer = layer();
        parts[i].source_count = byte() % 3;
        if (parts[i].source_count) parts[i].sources = sources[i];
        for (int k = 0; k < parts[i].source_count; k++) {
            sources[i][k].part = name();
            sources[i][k].begin = size();
            sources[i][k].count = size();
        }
    }
    const int64_t width = size();
    store(slot, recur_graph_create(p.ctx, width, byte() % 4, parts, &made), &made);
}

static void derive(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    const recur_layer *from = layer();
    const unsigned way = byte() % 4;
    if (way == 0) store(slot, recur_layer_copy(from, &made), &made);
    if (way == 1) store(slot, recur_layer_snapshot(from, constant(), &made), &made);
    if (way == 2) {
        int64_t offset;
        store(slot, recur_layer_child(from, name(), &made, &offset), &made);
    }
    if (way == 3) {
        const recur_quantise_options o = { .size = sizeof o, .precision = constant() };
        store(slot, recur_quantise(from, byte() % 2 ? &o : NULL, &made, NULL), &made);
    }
}

static void release_layer(void)
{
    recur_layer **slot = layer_slot();
    recur_layer_release(*slot);
    *slot = NULL;
}

/* Their values, now and then one that is no number. */
static void change_layer(void)
{
    recur_layer *to = layer();
    const int32_t scheme = constant();
    known(recur_layer_init(to, byte() % 4 ? NULL : name(), scheme, real(), byte()));
    if (!to || byte() % 8 != 1 || recur_layer_param_count(to) == 0) return;
    float *params = recur_layer_params(to);
    if (params) params[byte() % (uint64_t)recur_layer_param_count(to)] = byte() % 2 ? NAN : 1e38f;
}

static void look_at_layer(void)
{
    const recur_layer *of = layer();
    recur_layer_info info = { .size = sizeof info };
    recur_memory memory = { .size = sizeof memory };
    recur_tensor tensor = { .size = sizeof tensor };
    const int64_t part = place();
    known(recur_layer_describe(of, part, &info));
    known(recur_layer_memory(of, packed(), flags(), &memory));
    known(recur_layer_tensor_info(of, size(), &tensor));
    if (of) check(recur_layer_tensor_count(of) >= 0 && recur_layer_param_count(of) >= 0);
}

/* ---- layouts and states --------------------------------------------------------------------- */

static void make_layout(void)
{
    recur_packed **slot = &p.packed[byte() % LAYOUTS], *made = NULL;
    const unsigned way = byte() % 4;
    const int64_t batch = way == 3 ? size() : byte() % 10;
    int64_t lengths[10];
    for (int b = 0; b < 10; b++) lengths[b] = way == 2 ? size() : byte() % 8;
    const int64_t *ragged = way == 1 || way == 2 ? lengths : NULL, steps = ragged ? 0 : size();
    if (*slot && byte() % 2) {
        known(recur_packed_reset(*slot, batch, ragged, steps));
        return;
    }
    const recur_status s = recur_packed_create(p.ctx, batch, ragged, steps, &made);
    known(s);
    check(!s == (made != NULL));
    if (s) return;
    recur_packed_release(*slot);
    *slot = made;
}

static void make_state(void)
{
    recur_state **slot = state_slot(), *made = NULL;
    const recur_layer *of = layer();
    const recur_status s = recur_state_create(of, byte() % 8 ? byte() % 10 : size(), &made);
    known(s);
    check(!s == (made != NULL));
    if (s) return;
    recur_state_release(*slot);
    *slot = made;
}

static void change_state(void)
{
    recur_state *to = state();
    const recur_state *from = state();
    const int64_t from_place = size(), count = size();
    const int64_t places[10] = { byte() % 12, byte() % 12, byte() % 12 };
    const unsigned way = byte() % 5;
    if (way == 0) known(recur_state_reset(to, place()));
    if (way == 1) known(recur_state_copy(to, from));
    if (way == 2 && to && recur_state_batch(to) <= 10) known(recur_state_gather(to, from, places));
    if (way == 3 && count <= FLOATS) known(recur_state_write(to, from_place, count, in));
    if (way == 4 && count <= FLOATS) known(recur_state_read(from, from_place, count, out));
}

/* ---- passes --------------------------------------------------------------------------------- */

/* Whether so many rows have room in the arrays, and the program has time for them. */
static int fits(const recur_layer *of, int64_t rows)
{
    recur_layer_info info = { .size = sizeof info };
    if (!of) return 1;
    check(!recur_layer_describe(of, -1, &info));
    const int64_t count = recur_layer_param_count(of);
    int64_t width = info.input_size > info.output_size ? info.input_size : info.output_size;
    if (width < 1) width = 1;
    if (count > FLOATS || rows > FLOATS / width) return 0;
    p.work += (rows + 1) * (count + width + 16);
    return p.work <= MOST_WORK;
}

static void forward(void)
{
    const recur_layer *of = layer();
    const recur_packed *rows = packed();
    recur_state *s = state();
    if (!fits(of, rows ? recur_packed_rows(rows) : 0)) return;
    if (byte() % 3)
        known(recur_layer_forward(of, rows, in, s, out, tape()));
    else
        known(recur_layer_forward_ids(of, rows, ids, s, out, tape()));
}

static void backward(void)
{
    const recur_layer *of = layer();
    const recur_packed *rows = packed();
    recur_state *s = state();
    if (!fits(of, rows ? recur_packed_rows(rows) : 0)) return;
    const float *dy = byte() % 8 ? in : NULL;
    float *dparams = byte() % 8 ? grads : NULL;
    if (byte() % 3)
        known(recur_layer_backward(of, rows, in, dy, s, byte() % 2 ? more : NULL, dparams, tape()));
    else
        known(recur_layer_backward_ids(of, rows, ids, dy, s, dparams, tape()));
}

static int64_t batch_of(const recur_state *s) { return s ? recur_state_batch(s) : 1; }

static void step(void)
{
    const recur_layer *of = layer();
    recur_state *s = state();
    if (!fits(of, batch_of(s))) return;
    if (byte() % 3)
        known(recur_layer_step(of, in, s, out, tape()));
    else
        known(recur_layer_step_ids(of, ids, s, out, tape()));
}

static void step_backward(void)
{
    const recur_layer *of = layer();
    recur_state *s = state();
    if (!fits(of, 10)) return;
    const float *dy = byte() % 8 ? in : NULL;
    float *dparams = byte() % 8 ? grads : NULL;
    if (byte() % 3)
        known(recur_layer_step_backward(of, in, dy, s, byte() % 2 ? more : NULL, dparams, tape()));
    else
        known(recur_layer_step_backward_ids(of, ids, dy, s, dparams, tape()));
}

static void change_tape(void)
{
    const unsigned way = byte() % 7;
    const recur_layer *of = layer();
    if (way == 0) known(recur_tape_set_mode(p.tape, constant()));
    if (way == 1) known(recur_tape_set_seed(p.tape, byte()));
    if (way == 2) known(recur_tape_reserve(p.tape, of, packed(), size()));
    if (way == 3) known(recur_tape_drop(p.tape, size()));
    if (way == 4) known(recur_tape_reset(p.tape));
    if (way == 5) known(recur_tape_defer_gradients(p.tape, (int32_t)(byte() % 2)));
    if (way == 6 && fits(of, 1)) known(recur_tape_add_gradients(p.tape, of, grads));
}

/* ---- losses, optimizers, texts -------------------------------------------------------------- */

static void lose(void)
{
    recur_loss_options o = { .size = sizeof o, .kind = constant(), .flags = flags() };
    recur_loss *loss = NULL;
    double value;
    if (byte() % 2) {
        o.ignore_index = constant();
        o.smoothing = real();
        o.delta = real();
        o.blank = constant();
        o.samples = size();
        o.classes = size();
        if (o.classes <= FLOATS && byte() % 2) o.class_weight = in;
        if (o.classes <= FLOATS && byte() % 2) o.counts = more;
    }
    const recur_status s = recur_loss_create(p.ctx, &o, &loss);
    const int64_t rows = byte() % 32, classes = size();
    const recur_packed *layout = packed();
    known(s);
    check(!s == (loss != NULL));
    if (classes <= 64) {
        known(recur_loss_classes(loss, rows, classes, in, ids, &value, byte() % 2 ? out : NULL));
        known(recur_loss_values(loss, rows, classes, in, more, &value, byte() % 2 ? out : NULL));
    }
    if (classes <= 64 &&
        (!layout || (recur_packed_rows(layout) <= 64 && recur_packed_batch(layout) <= 10))) {
        const int64_t lengths[10] = { byte() % 4, byte() % 4, byte() % 4, 1, 1, 1, 1, 1, 1, 1 };
        known(recur_ctc_loss(loss, layout, classes, in, ids, lengths, &value, out, tape()));
    }
    recur_loss_release(loss);
}

static void optimize(void)
{
    recur_optimizer_options o = { .size = sizeof o, .kind = constant(), .rate = real() };
    recur_optimizer *optimizer = NULL;
    if (byte() % 2) {
        o.momentum = real();
        o.beta1 = real();
        o.beta2 = real();
        o.epsilon = real();
        o.weight_decay = real();
        o.dampening = real();
        o.flags = flags();
    }
    const int64_t count = size();
    const recur_status s = recur_optimizer_create(p.ctx, &o, count, &optimizer);
    known(s);
    check(!s == (optimizer != NULL));
    known(recur_optimizer_scale_range(optimizer, size(), size(), real(), real()));
    known(recur_optimizer_set_rate(optimizer, real()));
    if (count <= FLOATS) known(recur_optimizer_step(optimizer, more, in, count, real()));
    if (p.file && byte() % 2) known(recur_file_put_optimizer(p.file, "o.", optimizer));
    if (p.file && byte() % 2) known(recur_file_get_optimizer(p.file, "o.", optimizer));
    recur_optimizer_release(optimizer);
}

static void draw(void)
{
    const recur_sample_options o = {
        .size = sizeof o, .top_k = constant(), .top_p = real(), .temperature = real()
    };
    static int32_t drawn[64];
    const int64_t classes = size();
    if (classes <= 64) known(recur_sample(&o, byte() % 64, classes, in, byte(), 0, drawn));
}

static void compile(void)
{
    static char text[1 << 16];
    const recur_compile_options o = {
        .size = sizeof o, .flags = flags(), .precision = constant(), .name = name()
    };
    size_t bytes = sizeof text;
    const recur_layer *of = layer();
    if (!fits(of, 16)) return;
    known(recur_compile_c_memory(of, &o, constant(), text, &bytes));
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The file becomes what reading it anew gives. */
static void reopen(void)
{
    static uint8_t data[1 << 16];
    size_t bytes = sizeof data;
    recur_file *back = NULL;
    if (recur_file_write_memory(p.file, data, &bytes)) return;
    if (bytes && byte() % 4 == 1) data[byte() % bytes] ^= (uint8_t)byte();
    const recur_status s = recur_file_open_memory(p.ctx, data, bytes, &back);
    known(s);
    check(!s == (back != NULL));
    if (s) return;
    recur_file_release(p.file);
    p.file = back;
}

static void use_file(void)
{
    recur_layer **slot = layer_slot(), *made = NULL;
    const char *prefix = byte() % 2 ? "p." : "";
    const unsigned way = byte() % 8;
    if (!p.file) return;
    if (way == 0) known(recur_file_put_layer(p.file, prefix, *slot));
    if (way == 1) known(recur_file_get_layer(p.file, prefix, *slot));
    if (way == 2) known(recur_file_put_state(p.file, prefix, state()));
    if (way == 3) known(recur_file_get_state(p.file, prefix, state()));
    if (way == 4) known(recur_file_put_model(p.file, prefix, *slot, NULL));
    if (way == 5) store(slot, recur_file_get_model(p.file, prefix, &made), &made);
    if (way == 6) known(recur_file_all_used(p.file));
    if (way == 7) reopen();
}

/* ---- the program ---------------------------------------------------------------------------- */

static void fail_later(void) { p.fails_in = (int)(byte() % 16); }

typedef void instruction(void);

static instruction *const instructions[] = {
    make_recurrent, make_leaf,     make_conv,     make_whole,  make_graph, derive,
    release_layer,  change_layer,  look_at_layer, make_layout, make_state, change_state,
    forward,        backward,      step,          change_tape, lose,       optimize,
    draw,           compile,       use_file,      fail_later,  forward,    step_backward,
    make_recurrent, make_layout,   make_state,    forward,     backward,   step,
    step,           step_backward,
};
enum { INSTRUCTIONS = sizeof instructions / sizeof *instructions };

static void begin(const uint8_t *data, size_t bytes)
{
    static const int32_t sets[] = { RECUR_ISA_AUTO, RECUR_ISA_REF, RECUR_ISA_VEC4 };
    const recur_allocator allocator = { take, give, NULL };
    memset(&p, 0, sizeof p);
    p.at = data;
    p.end = data + bytes;
    const unsigned b = byte();
    recur_context_options o = { .size = sizeof o, .isa = sets[b % 3], .allocator = &allocator };
    if (b & 8) o.flags = RECUR_CONTEXT_CHECK;
    if (recur_context_create(&o, &p.ctx)) { /* a set that this build or machine lacks */
        o.isa = RECUR_ISA_AUTO;
        check(!recur_context_create(&o, &p.ctx));
    }
    check(!recur_tape_create(p.ctx, &p.tape));
    check(!recur_file_open_memory(p.ctx, NULL, 0, &p.file));
    for (int i = 0; !in[0] && i < FLOATS; i++) {
        in[i] = (float)(i % 13) * 0.2f - 1;
        ids[i] = i % 5;
    }
    ids[3] = b & 16 ? -1 : 3;
    memcpy(more, in, sizeof more);
    memset(grads, 0, sizeof grads);
}

static void end(void)
{
    for (int i = 0; i < LAYERS; i++) recur_layer_release(p.layer[i]);
    for (int i = 0; i < LAYOUTS; i++) recur_packed_release(p.packed[i]);
    for (int i = 0; i < STATES; i++) recur_state_release(p.state[i]);
    recur_tape_release(p.tape);
    recur_file_release(p.file);
    recur_context_release(p.ctx);
    check(p.bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    begin(data, bytes);
    for (int i = 0; i < MOST_CALLS && p.at < p.end; i++) instructions[byte() % INSTRUCTIONS]();
    end();
    return 0;
}
