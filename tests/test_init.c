/* test_init.c - start values: bounds, moments, structure, and what they depend on. */
#include "support/support.h"

enum { I = 24, H = 40 };

static recur_layer *lstm(void)
{
    return recurrent(NULL, RECUR_CELL_LSTM, I, H, 2, RECUR_DIRECTION_BIDIRECTIONAL, 0);
}

typedef struct moments {
    double mean, deviation, lowest, highest;
} moments;

static moments moments_of(int64_t count, const float *v)
{
    moments m = { 0, 0, INFINITY, -INFINITY };
    for (int64_t i = 0; i < count; i++) {
        m.mean += (double)v[i] / (double)count;
        m.lowest = fmin(m.lowest, (double)v[i]);
        m.highest = fmax(m.highest, (double)v[i]);
    }
    for (int64_t i = 0; i < count; i++)
        m.deviation += ((double)v[i] - m.mean) * ((double)v[i] - m.mean) / (double)count;
    m.deviation = sqrt(m.deviation);
    return m;
}

/* A sample that is uniform in ±bound stays inside, comes near both ends, and has mean 0 and
 * deviation bound/√3, to five deviations of the estimates. */
static void check_uniform(int64_t count, const float *v, double bound)
{
    const moments m = moments_of(count, v);
    const double n = (double)count, sigma = bound / sqrt(3);
    assert_true(m.lowest >= -bound * 1.000001 && m.highest <= bound * 1.000001);
    assert_true(m.lowest < -bound * (1 - 40 / n) && m.highest > bound * (1 - 40 / n));
    assert_true(fabs(m.mean) < 5 * sigma / sqrt(n));
    assert_true(fabs(m.deviation - sigma) < 5 * sigma / sqrt(2 * n));
}

static void check_normal(int64_t count, const float *v, double sigma)
{
    const moments m = moments_of(count, v);
    const double n = (double)count;
    int64_t beyond = 0;
    for (int64_t i = 0; i < count; i++) beyond += fabs((double)v[i]) > 2 * sigma;
    assert_true(fabs(m.mean) < 5 * sigma / sqrt(n));
    assert_true(fabs(m.deviation - sigma) < 5 * sigma / sqrt(2 * n));
    assert_true(fabs((double)beyond / n - 0.0455) < 5 * sqrt(0.0455 / n));
}

static void check_tensor_uniform(recur_layer *layer, const char *name, double bound)
{
    const recur_tensor t = tensor_of(layer, name);
    trying("%s", name);
    check_uniform(t.count, recur_layer_params(layer) + t.offset, bound);
}

static void defaults(void **unused)
{
    (void)unused;
    recur_layer *parts[3] = { NULL, lstm(), NULL };
    OK(recur_embedding_create(NULL, 500, I, 0, &parts[0]));
    OK(recur_linear_create(NULL, 2 * H, 60, 0, &parts[2]));
    recur_layer *net = chain(NULL, RECUR_COMPOSE_SEQUENTIAL, 3,
                             (const char *const[]){ "emb", "rnn", "fc" }, parts);
    OK(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, 1));
    const recur_tensor emb = tensor_of(net, "emb.weight");
    check_normal(emb.count, recur_layer_params(net) + emb.offset, 1);
    static const char *const tensors[] = { "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0",
                                           "rnn.bias_hh_l1_reverse", "rnn.weight_ih_l1_reverse" };
    for (int i = 0; i < COUNT(tensors); i++) check_tensor_uniform(net, tensors[i], 1 / sqrt(H));
    check_tensor_uniform(net, "fc.weight", 1 / sqrt(2 * H));
    check_tensor_uniform(net, "fc.bias", 1 / sqrt(2 * H));
    recur_layer_release(net);
}

static void check_constant(recur_layer *layer, const char *name, float value)
{
    const recur_tensor t = tensor_of(layer, name);
    trying("%s", name);
    for (int64_t i = 0; i < t.count; i++)
        assert_true(recur_layer_params(layer)[t.offset + i] == value);
}

/* Of the tensors that PyTorch does not have, scales are ones, shifts and initial states zeros, and
 * weights are filled as weights are. Tensors without gates are one block. */
static void of_further_tensors(void **unused)
{
    (void)unused;
    enum { P = 30 };
    const kind_row norm = { RECUR_CELL_LSTM_NORM,
                            "",
                            { .projection_size = P, .flags = RECUR_LAYER_LEARN_INITIAL_STATE } };
    const kind_row peephole = { RECUR_CELL_LSTM_PEEPHOLE, "", { 0 } };
    recur_layer *layer = recurrent_of(NULL, &norm, I, H, 1, RECUR_DIRECTION_BIDIRECTIONAL, 0);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, 9, 1));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    check_constant(layer, "norm_weight_l0", 1);
    check_constant(layer, "norm_weight_l0_reverse", 1);
    check_constant(layer, "norm_bias_l0", 0);
    check_constant(layer, "h0_l0", 0);
    check_constant(layer, "c0_l0_reverse", 0);
    check_tensor_uniform(layer, "weight_hr_l0_reverse", 1 / sqrt(H));
    check_tensor_uniform(layer, "bias_ih_l0", 1 / sqrt(H));
    OK(recur_layer_init(layer, "weight_h*", RECUR_INIT_XAVIER, 0, 1));
    check_tensor_uniform(layer, "weight_hr_l0", sqrt(6.0 / (P + H)));
    /* It is filled gate by gate: H rows, P columns. */
    check_tensor_uniform(layer, "weight_hh_l0", sqrt(6.0 / (P + H)));
    OK(recur_layer_init(layer, "*norm*", RECUR_INIT_CONSTANT, 9, 1));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_FORGET_BIAS, 1, 1));
    check_constant(layer, "norm_bias_l0", 9);
    recur_layer_release(layer);
    layer = recurrent_of(NULL, &peephole, I, H, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_DEFAULT, 0, 1));
    check_tensor_uniform(layer, "weight_peephole_l0", 1 / sqrt(H));
    recur_layer_release(layer);
}

static void plain_schemes(void **unused)
{
    (void)unused;
    recur_layer *layer = lstm();
    const int64_t P = recur_layer_param_count(layer);
    float *params = recur_layer_params(layer);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, -0.25, 1));
    for (int64_t i = 0; i < P; i++) assert_true(params[i] == -0.25f);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_UNIFORM, 0.3, 1));
    check_uniform(P, params, 0.3);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_NORMAL, 0.02, 1));
    check_normal(P, params, 0.02);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, 0, 1));
    for (int64_t i = 0; i < P; i++) assert_true(params[i] == 0.0f);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_UNIFORM, 0, 1));
    for (int64_t i = 0; i < P; i++) assert_true(params[i] == 0.0f);
    recur_layer_release(layer);
}

/* Matrices are filled gate by gate: a block of H rows has `in` columns and H outputs. */
static void xavier(void **unused)
{
    (void)unused;
    recur_layer *layer = lstm(), *linear = NULL;
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, 5, 1));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_XAVIER, 0, 1));
    check_tensor_uniform(layer, "weight_ih_l0", sqrt(6.0 / (I + H)));
    check_tensor_uniform(layer, "weight_hh_l0_reverse", sqrt(6.0 / (H + H)));
    check_tensor_uniform(layer, "weight_ih_l1", sqrt(6.0 / (2 * H + H)));
    const recur_tensor bias = tensor_of(layer, "bias_ih_l0");
    for (int64_t i = 0; i < bias.count; i++)
        assert_true(recur_layer_params(layer)[bias.offset + i] == 5.0f);
    OK(recur_layer_init(layer, "weight_ih_l0", RECUR_INIT_XAVIER, 2.5, 1));
    check_tensor_uniform(layer, "weight_ih_l0", 2.5 * sqrt(6.0 / (I + H)));
    OK(recur_linear_create(NULL, 70, 50, 0, &linear));
    OK(recur_layer_init(linear, NULL, RECUR_INIT_XAVIER, 0, 3));
    check_tensor_uniform(linear, "weight", sqrt(6.0 / 120));
    recur_layer_release(layer);
    recur_layer_release(linear);
}

/* A block Q [rows][columns] must have orthogonal rows, or columns if there are more rows, of norm
 * gain. */
static void check_orthogonal(int64_t rows, int64_t columns, const float *Q, double gain)
{
    const bool by_rows = rows <= columns;
    const int64_t n = by_rows ? rows : columns, m = by_rows ? columns : rows;
    for (int64_t a = 0; a < n; a++)
        for (int64_t b = 0; b <= a; b++) {
            double product = 0;
            for (int64_t i = 0; i < m; i++)
                product += by_rows ? (double)Q[a * columns + i] * (double)Q[b * columns + i]
                                   : (double)Q[i * columns + a] * (double)Q[i * columns + b];
            if (fabs(product - (a == b ? gain * gain : 0)) > 2e-6 * gain * gain)
                fail_msg("rows %d and %d: %g", (int)a, (int)b, product);
        }
}

static void orthogonal(void **unused)
{
    (void)unused;
    static const double gains[] = { 0, 1, 0.5 };
    for (int g = 0; g < COUNT(gains); g++) {
        const double gain = g ? gains[g] : 1;
        recur_layer *layer = lstm();
        OK(recur_layer_init(layer, NULL, RECUR_INIT_ORTHOGONAL, gains[g], 5));
        static const char *const names[] = { "weight_ih_l0", "weight_hh_l0", "weight_ih_l1_reverse",
                                             "weight_hh_l1_reverse" };
        for (int i = 0; i < COUNT(names); i++) {
            const recur_tensor t = tensor_of(layer, names[i]);
            const float *W = recur_layer_params(layer) + t.offset;
            trying("%s gain %g", names[i], gain);
            for (int gate = 0; gate < 4; gate++)
                check_orthogonal(H, t.dim[1], W + gate * H * t.dim[1], gain);
            /* Every gate has numbers of its own. */
            assert_memory_not_equal(W, W + H * t.dim[1], sizeof(float));
        }
        const recur_tensor bias = tensor_of(layer, "bias_hh_l0");
        for (int64_t i = 0; i < bias.count; i++)
            assert_true(recur_layer_params(layer)[bias.offset + i] == 0.0f);
        recur_layer_release(layer);
    }
    static const int64_t shapes[][2] = { { 1, 1 },  { 1, 9 },  { 9, 1 },
                                         { 30, 8 }, { 8, 30 }, { 64, 64 } };
    for (int i = 0; i < COUNT(shapes); i++) {
        recur_layer *linear = NULL;
        trying("%d by %d", (int)shapes[i][0], (int)shapes[i][1]);
        OK(recur_linear_create(NULL, shapes[i][1], shapes[i][0], 0, &linear));
        OK(recur_layer_init(linear, "weight", RECUR_INIT_ORTHOGONAL, 0, 11));
        check_orthogonal(shapes[i][0], shapes[i][1], recur_layer_params(linear), 1);
        recur_layer_release(linear);
    }
}

static void check_identity(const recur_layer *layer, const float *params, const char *name,
                           int64_t rows, float value)
{
    const recur_tensor t = tensor_of(layer, name);
    for (int64_t i = 0; i < t.count; i++) {
        const int64_t row = i / t.dim[1] % rows, column = i % t.dim[1];
        assert_true(params[t.offset + i] == (row == column ? value : 0.0f));
    }
}

static void identity(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, 5, 7, 2, RECUR_DIRECTION_FORWARD, 0);
    float *params = recur_layer_params(layer);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, 9, 1));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_IDENTITY, 0, 1));
    check_identity(layer, params, "weight_hh_l0", 7, 1);
    check_identity(layer, params, "weight_hh_l1", 7, 1);
    static const char *const others[] = { "weight_ih_l0", "weight_ih_l1", "bias_ih_l0",
                                          "bias_hh_l1" };
    for (int n = 0; n < COUNT(others); n++) {
        const recur_tensor t = tensor_of(layer, others[n]);
        for (int64_t i = 0; i < t.count; i++) assert_true(params[t.offset + i] == 9.0f);
    }
    OK(recur_layer_init(layer, "weight_hh_l1", RECUR_INIT_IDENTITY, 0.01, 1));
    check_identity(layer, params, "weight_hh_l0", 7, 1);
    check_identity(layer, params, "weight_hh_l1", 7, 0.01f);
    recur_layer_release(layer);
}

/* Only the recurrent matrices can be the identity. */
static void identity_by_name(void **unused)
{
    (void)unused;
    recur_layer *layer = recurrent(NULL, RECUR_CELL_GRU, 5, 7, 2, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_layer_init(layer, "weight_hh_l1", RECUR_INIT_IDENTITY, 0.5, 1));
    check_identity(layer, recur_layer_params(layer), "weight_hh_l1", 7, 0.5f);
    check_identity(layer, recur_layer_params(layer), "weight_hh_l0", 7, 0);
    FAILS(RECUR_E_UNSUPPORTED, recur_layer_init(layer, "weight_ih_l0", RECUR_INIT_IDENTITY, 0.5, 1),
          "RECUR_INIT_IDENTITY");
    recur_layer_release(layer);
}

/* Only the forget gate's quarter of the biases is filled, and the two biases sum to value. */
static void forget_bias(void **unused)
{
    (void)unused;
    recur_layer *layer = lstm();
    float *params = recur_layer_params(layer);
    OK(recur_layer_init(layer, NULL, RECUR_INIT_CONSTANT, 9, 1));
    OK(recur_layer_init(layer, NULL, RECUR_INIT_FORGET_BIAS, 1.5, 1));
    static const char *const ends[] = { "l0", "l0_reverse", "l1", "l1_reverse" };
    int64_t changed = 0;
    for (int n = 0; n < COUNT(ends); n++) {
        char ih[32], hh[32];
        snprintf(ih, sizeof ih, "bias_ih_%s", ends[n]);
        snprintf(hh, sizeof hh, "bias_hh_%s", ends[n]);
        const float *a = params + tensor_of(layer, ih).offset,
                    *b = params + tensor_of(layer, hh).offset;
        for (int64_t i = 0; i < 4 * H; i++)
            if (i / H == 1)
                assert_true(a[i] + b[i] == 1.5f);
            else
                assert_true(a[i] == 9.0f && b[i] == 9.0f);
    }
    for (int64_t i = 0; i < recur_layer_param_count(layer); i++) changed += params[i] != 9.0f;
    assert_int_equal(changed, 4 * 2 * H);
    recur_layer_release(layer);
}

/* Values depend on scheme, value, seed and place, and on nothing else. */
static void determinism(void **unused)
{
    (void)unused;
    for (int scheme = RECUR_INIT_DEFAULT; scheme <= RECUR_INIT_ORTHOGONAL; scheme++) {
        recur_layer *a = lstm(), *b = lstm();
        const size_t bytes = (size_t)recur_layer_param_count(a) * sizeof(float);
        trying("scheme %d", scheme);
        OK(recur_layer_init(a, NULL, RECUR_INIT_CONSTANT, 3, 1));
        OK(recur_layer_init(a, "weight*", scheme, 1, 42));
        OK(recur_layer_init(b, NULL, RECUR_INIT_CONSTANT, 3, 1));
        OK(recur_layer_init(b, "weight*", scheme, 1, 42));
        assert_memory_equal(recur_layer_params(a), recur_layer_params(b), bytes);
        OK(recur_layer_init(b, "weight*", scheme, 1, 43));
        const bool same = memcmp(recur_layer_params(a), recur_layer_params(b), bytes) == 0;
        assert_int_equal(same, scheme == RECUR_INIT_CONSTANT);
        /* Filling tensor by tensor gives the same numbers. */
        OK(recur_layer_init(b, "weight_ih*", scheme, 1, 42));
        OK(recur_layer_init(b, "weight_hh*", scheme, 1, 42));
        assert_memory_equal(recur_layer_params(a), recur_layer_params(b), bytes);
        const recur_tensor bias = tensor_of(a, "bias_hh_l1");
        assert_true(recur_layer_params(a)[bias.offset] == 3.0f);
        recur_layer_release(a);
        recur_layer_release(b);
    }
    recur_layer *layer = lstm(); /* no two tensors share their numbers */
    OK(recur_layer_init(layer, NULL, RECUR_INIT_UNIFORM, 1, 1));
    const float *params = recur_layer_params(layer);
    const recur_tensor one = tensor_of(layer, "weight_hh_l0"),
                       two = tensor_of(layer, "weight_hh_l0_reverse");
    assert_memory_not_equal(params + one.offset, params + two.offset,
                            (size_t)one.count * sizeof(float));
    recur_layer_release(layer);
}

/* Patterns fit whole names. The table says which tensors they choose. */
static void patterns(void **unused)
{
    (void)unused;
    recur_layer *part[2], *net;
    const char *const names[] = { "rnn", "my_rnn" };
    part[0] = recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    part[1] = recurrent(NULL, RECUR_CELL_GRU, 4, 4, 1, RECUR_DIRECTION_FORWARD, 0);
    OK(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &net));
    const struct {
        const char *match;
        unsigned chosen; /* bits of tensors: weight_ih, weight_hh, bias_ih, bias_hh of each */
    } rows[] = {
        { "rnn.*", 0x0f },
        { "*rnn.*", 0xff },
        { "my_rnn.*", 0xf0 },
        { "*weight_hh*", 0x22 },
        { "*weight_hh", 0 },
        { "rnn", 0 },
        { "", 0 },
        { "*", 0xff },
        { "**l0", 0xff },
        { "rnn.bias_hh_l0", 0x08 },
        { "rnn.bias_hh_l", 0 },
        { "rnn.bias_hh_l0?", 0 },
        { "rnn.bias_?h_l0", 0x0c },
        { "???rnn.weight_ih_l?", 0x10 },
        { "*_*_*h*0", 0xf0 },
        { "m*i*_ih*l0", 0x50 },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        trying("\"%s\"", rows[i].match);
        OK(recur_layer_init(net, NULL, RECUR_INIT_CONSTANT, 1, 1));
        const recur_status status = recur_layer_init(net, rows[i].match, RECUR_INIT_CONSTANT, 2, 1);
        assert_int_equal(status, rows[i].chosen ? RECUR_OK : RECUR_E_MISSING);
        for (int64_t k = 0; k < recur_layer_tensor_count(net); k++) {
            recur_tensor t = { .size = sizeof t };
            OK(recur_layer_tensor_info(net, k, &t));
            const float wanted = rows[i].chosen >> k & 1 ? 2 : 1;
            assert_true(recur_layer_params(net)[t.offset] == wanted);
        }
    }
    recur_layer_release(net);
    recur_layer_release(part[0]);
    recur_layer_release(part[1]);
}

static void errors(void **unused)
{
    (void)unused;
    recur_layer *gru = recurrent(NULL, RECUR_CELL_GRU, 3, 4, 1, RECUR_DIRECTION_FORWARD, 0),
                *snapshot = NULL, *plain = NULL;
    recur_layer *bare = recurrent(NULL, RECUR_CELL_LSTM, 3, 4, 1, RECUR_DIRECTION_FORWARD,
                                  RECUR_LAYER_NO_BIAS);
    OK(recur_layer_snapshot(gru, RECUR_PRECISION_FLOAT32, &snapshot));
    OK(recur_linear_create(NULL, 3, 3, 0, &plain));
    const struct {
        recur_layer *layer;
        const char *match;
        int scheme;
        double value;
        recur_status code;
        const char *words;
    } rows[] = {
        { NULL, NULL, RECUR_INIT_DEFAULT, 0, RECUR_E_ARGUMENT, "NULL" },
        { gru, NULL, -1, 0, RECUR_E_ARGUMENT, "-1" },
        { gru, NULL, 8, 0, RECUR_E_ARGUMENT, "8" },
        { gru, NULL, RECUR_INIT_CONSTANT, (double)NAN, RECUR_E_ARGUMENT, "nan" },
        { gru, NULL, RECUR_INIT_CONSTANT, (double)INFINITY, RECUR_E_ARGUMENT, "inf" },
        { gru, NULL, RECUR_INIT_UNIFORM, -0.5, RECUR_E_ARGUMENT, "-0.5" },
        { gru, NULL, RECUR_INIT_NORMAL, -0.5, RECUR_E_ARGUMENT, "-0.5" },
        { gru, "weight_xx", RECUR_INIT_DEFAULT, 0, RECUR_E_MISSING, "weight_xx" },
        { snapshot, NULL, RECUR_INIT_DEFAULT, 0, RECUR_E_UNSUPPORTED, "snapshot" },
        { bare, NULL, RECUR_INIT_FORGET_BIAS, 1, RECUR_E_UNSUPPORTED, "" },
        { gru, "bias*", RECUR_INIT_ORTHOGONAL, 1, RECUR_E_UNSUPPORTED, "" },
        { gru, "bias*", RECUR_INIT_XAVIER, 1, RECUR_E_UNSUPPORTED, "" },
        { plain, NULL, RECUR_INIT_IDENTITY, 1, RECUR_E_UNSUPPORTED, "" },
    };
    for (int i = 0; i < COUNT(rows); i++) {
        trying("row %d", i);
        FAILS(rows[i].code,
              recur_layer_init(rows[i].layer, rows[i].match, rows[i].scheme, rows[i].value, 1),
              rows[i].words);
    }
    for (int64_t i = 0; i < recur_layer_param_count(gru); i++)
        assert_true(recur_layer_params(gru)[i] == 0.0f);
    recur_layer_release(gru);
    recur_layer_release(snapshot);
    recur_layer_release(plain);
    recur_layer_release(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(defaults),
                                        TEST(of_further_tensors),
                                        TEST(plain_schemes),
                                        TEST(xavier),
                                        TEST(orthogonal),
                                        TEST(identity),
                                        TEST(identity_by_name),
                                        TEST(forget_bias),
                                        TEST(determinism),
                                        TEST(patterns),
                                        TEST(errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
