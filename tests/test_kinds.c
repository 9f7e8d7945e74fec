/* test_kinds.c - every kind and option: its parameters by name, and its gradients against those of
 * the textbook, on every instruction set. */
#include "support/support.h"

/* No kind of the public header is left out of KINDS, which all tests walk. */
static void completeness(void **unused)
{
    (void)unused;
    int kinds = 0;
    for (int cell = 1; cell < 100; cell++) {
        const bool clocks = cell == RECUR_CELL_CLOCKWORK;
        const recur_recurrent_options options = { .size = sizeof options,
                                                  .cell = cell,
                                                  .input_size = 1,
                                                  .hidden_size = 1,
                                                  .clockwork = clocks ? clockwork(1, NULL) : NULL };
        recur_layer *layer = NULL;
        if (recur_recurrent_create(NULL, &options, &layer)) continue;
        bool listed = false;
        for (int k = 0; k < PLAIN; k++) listed |= KINDS[k].cell == cell;
        if (!listed) fail_msg("cell %d is not tested", cell);
        recur_layer_release(layer);
        kinds++;
    }
    assert_int_equal(kinds, PLAIN);
}

/* ---- names and shapes ----------------------------------------------------------------------- */

typedef struct expected {
    const char *name;
    int64_t rows, columns; /* columns 0: a vector */
} expected;

/* Writes the tensors of one layer and direction in their order, and returns how many there are. */
static int tensors_of(const recur_recurrent_options *o, int64_t in, expected *t)
{
    const naive_recurrent net = textbook_of(o);
    const int64_t H = o->hidden_size, R = shape_of(o, 1).width, GH = naive_gates(net.kind) * H,
                  EH = naive_norms(net.kind) * H;
    const bool U = naive_has_U(net.kind);
    int n = 0;
    t[n++] = (expected){ "weight_ih", GH, in };
    if (U) t[n++] = (expected){ "weight_hh", GH, R };
    if (net.bias) t[n++] = (expected){ "bias_ih", GH, 0 };
    if (net.bias && U) t[n++] = (expected){ "bias_hh", GH, 0 };
    if (net.kind == NAIVE_INDRNN) t[n++] = (expected){ "weight_hh", H, 0 };
    if (net.P) t[n++] = (expected){ "weight_hr", net.P, H };
    if (net.kind == NAIVE_LSTM_PEEPHOLE) t[n++] = (expected){ "weight_peephole", 3 * H, 0 };
    if (net.kind == NAIVE_SRU) t[n++] = (expected){ "weight_c", 2 * H, 0 };
    if (EH) t[n++] = (expected){ "norm_weight", EH, 0 };
    if (EH) t[n++] = (expected){ "norm_bias", EH, 0 };
    if (net.learn_initial) t[n++] = (expected){ "h0", R, 0 };
    if (net.learn_initial && naive_has_c(net.kind) && net.kind != NAIVE_CLOCKWORK)
        t[n++] = (expected){ "c0", H, 0 };
    return n;
}

static void check_names(const kind_row *kind, int direction, int64_t L, uint32_t flags)
{
    const recur_recurrent_options o = options_of(kind, 3, 6, L, direction, flags);
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(NULL, &o, &layer));
    const int64_t D = direction == RECUR_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    int64_t index = 0, offset = 0;
    for (int64_t m = 0; m < L * D; m++) {
        expected want[10];
        const int n = tensors_of(&o, m / D ? D * shape_of(&o, 1).width : 3, want);
        const bool reverse = direction == RECUR_DIRECTION_REVERSE ? false : m % D;
        for (int i = 0; i < n; i++, index++) {
            recur_tensor t = { .size = sizeof t };
            char name[64];
            OK(recur_layer_tensor_info(layer, index, &t));
            snprintf(name, sizeof name, flags & RECUR_LAYER_CELL_NAMES ? "%s" : "%s_l%d%s",
                     want[i].name, (int)(m / D), reverse ? "_reverse" : "");
            trying("%s: %s", kind->name, name);
            assert_string_equal(t.name, name);
            assert_int_equal(t.rank, want[i].columns ? 2 : 1);
            assert_int_equal(t.dim[0], want[i].rows);
            assert_int_equal(t.dim[1], want[i].columns ? want[i].columns : 1);
            assert_int_equal(t.offset, offset);
            offset += t.count;
        }
    }
    assert_int_equal(recur_layer_tensor_count(layer), index);
    assert_int_equal(recur_layer_param_count(layer), offset);
    recur_layer_release(layer);
}

static void names(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++) {
        for (int direction = 0; direction < 3; direction++)
            check_names(&KINDS[k], direction, 2, direction == 1 ? RECUR_LAYER_NO_BIAS : 0);
        check_names(&KINDS[k], RECUR_DIRECTION_FORWARD, 1, RECUR_LAYER_CELL_NAMES);
    }
}

/* ---- gradients ------------------------------------------------------------------------------ */

enum { I = 2, H = 4, B = 3, N = 7 };
static const int64_t LENGTHS[B] = { 4, 0, 3 };

typedef enum { WITH_STATE, FROM_START, WITH_IDS, WAYS } way;

/* A layer with its parameters and input, rows joined; and what the textbook says of it. */
typedef struct point {
    recur_recurrent_options options;
    naive_recurrent net;
    state_shape shape;
    way how;
    float *params, *x, *dy, *s0, *dsn;
    int32_t *ids;
    int64_t P, O;
    naive_pass want;
} point;

static point draw(const kind_row *kind, int direction, way how)
{
    const uint32_t flags = how == WITH_IDS && !has_kink(kind->cell) ? RECUR_LAYER_NO_BIAS : 0;
    point p = { .options = options_of(kind, I, H, 2, direction, flags), .how = how };
    p.net = textbook_of(&p.options);
    p.shape = shape_of(&p.options, B);
    p.P = naive_count(&p.net);
    p.O = p.shape.width * (p.net.forward + p.net.reverse);
    p.params = randoms(p.P, 0.8);
    p.ids = random_ids(N, I);
    p.x = how == WITH_IDS ? zeros(N * I) : randoms(N * I, 1.5);
    for (int64_t r = 0; how == WITH_IDS && r < N; r++) p.x[r * I + p.ids[r]] = 1;
    p.dy = randoms(N * p.O, 1);
    p.s0 = random_state(&p.options, B, 1);
    p.dsn = how == FROM_START ? zeros(p.shape.floats) : randoms(p.shape.floats, 1);
    return p;
}

static void ask_textbook(point *p)
{
    const int64_t S = p->shape.floats;
    const double *s0 = p->how == FROM_START ? NULL : widen(S, p->s0), *dsn = widen(S, p->dsn);
    double *sn = doubles(S), *ds0 = doubles(S);
    p->want = (naive_pass){ .B = B,
                            .lengths = LENGTHS,
                            .params = widen(p->P, p->params),
                            .x = widen(N * I, p->x),
                            .h0 = s0,
                            .c0 = s0 ? s0 + p->shape.h : NULL,
                            .dy = widen(N * p->O, p->dy),
                            .dhn = dsn,
                            .dcn = dsn + p->shape.h,
                            .y = doubles(N * p->O),
                            .hn = sn,
                            .cn = sn + p->shape.h,
                            .dx = doubles(N * I),
                            .dh0 = ds0,
                            .dc0 = ds0 + p->shape.h,
                            .dparams = doubles(p->P) };
    naive_differences(&p->net, &p->want);
}

static void compare(recur_context *ctx, const point *p)
{
    recur_layer *layer = NULL;
    OK(recur_recurrent_create(ctx, &p->options, &layer));
    assert_int_equal(recur_layer_param_count(layer), p->P);
    memcpy(recur_layer_params(layer), p->params, (size_t)p->P * sizeof(float));
    recur_packed *packed = layout(ctx, B, LENGTHS, 0);
    int32_t *ids = bytes_of(N, sizeof *ids);
    OK(recur_packed_pack(packed, RECUR_LAYOUT_JOINED, sizeof *ids, p->ids, ids));
    run r = { .packed = packed,
              .x = packed_of(packed, RECUR_LAYOUT_JOINED, I, p->x),
              .ids = p->how == WITH_IDS ? ids : NULL,
              .s0 = p->how == FROM_START ? NULL : p->s0,
              .dsn = p->how == FROM_START ? NULL : p->dsn,
              .dy = packed_of(packed, RECUR_LAYOUT_JOINED, p->O, p->dy),
              .mode = RECUR_TAPE_RECORD_NO_DROPOUT };
    run_both(ctx, layer, &r);
    check_close("y", N * p->O, unpacked(packed, RECUR_LAYOUT_JOINED, p->O, r.y), p->want.y,
                OUTPUTS);
    check_close("dparams", p->P, r.dparams, p->want.dparams, GRADIENTS);
    if (r.dx)
        check_close("dx", N * I, unpacked(packed, RECUR_LAYOUT_JOINED, I, r.dx), p->want.dx,
                    GRADIENTS);
    const bool counters = p->options.cell == RECUR_CELL_CLOCKWORK; /* have no gradient */
    if (r.ds0)
        check_close("grad of initial state", counters ? p->shape.h : p->shape.floats, r.ds0,
                    p->want.dh0, GRADIENTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* Numbers that lie near a kink are drawn again. */
static point draw_away_from_kinks(const kind_row *kind, int direction, way how)
{
    for (;;) {
        point p = draw(kind, direction, how);
        ask_textbook(&p);
        if (p.want.closest > 3e-5) return p;
    }
}

static void gradients(void **unused)
{
    (void)unused;
    for (int k = 0; k < COUNT(KINDS); k++)
        for (int n = 0; n < 3 * WAYS; n++) {
            dice((uint64_t)(100 * k + n));
            const point p = draw_away_from_kinks(&KINDS[k], n / WAYS, (way)(n % WAYS));
            for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
                trying("%s %s direction %d way %d", recur_context_isa(ctx), KINDS[k].name, n / WAYS,
                       n % WAYS);
                compare(ctx, &p);
            }
            give_back();
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(completeness), TEST(names), TEST(gradients) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
