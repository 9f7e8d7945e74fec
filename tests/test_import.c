/* test_import.c - files of other programs, written here with drawn numbers, and what the textbook
 * makes of these numbers. */
#include "support/support.h"

enum { T = 9 };

/* ---- writing JSON --------------------------------------------------------------------------- */

static char text[1 << 17];
static size_t used;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    used += (size_t)vsnprintf(text + used, sizeof text - used, format, args);
    va_end(args);
    assert_true(used < sizeof text);
}

/* Numbers at `stride` from each other, as one array. */
static void put_row(int64_t n, const double *from, int64_t stride)
{
    put("[");
    for (int64_t i = 0; i < n; i++) put("%s%.9g", i ? "," : "", from[i * stride]);
    put("]");
}

/* A matrix [rows][columns] as it lies, or turned: [columns][rows]. */
static void put_matrix(int64_t rows, int64_t columns, const double *from, bool turned)
{
    put("[");
    for (int64_t i = 0; i < (turned ? columns : rows); i++) {
        put(i ? "," : "");
        if (turned)
            put_row(rows, from + i, columns);
        else
            put_row(columns, from + i * columns, 1);
    }
    put("]");
}

static double *drawn(int64_t n) { return widen(n, randoms(n, 0.7)); }

/* ---- running -------------------------------------------------------------------------------- */

/* The layer of the text: a pass and steps give y, it is trained and saved like any other. */
static void check_layer(recur_context *ctx, recur_layer *layer, const double *x, const double *y)
{
    const recur_layer_info info = info_of(layer, -1);
    const int64_t I = info.input_size, O = info.output_size;
    float *rows = floats(T * I), *step = floats(O);
    for (int64_t i = 0; i < T * I; i++) rows[i] = (float)x[i];
    recur_packed *packed = layout(ctx, 1, NULL, T);
    recur_state *state = NULL;
    run r = { .packed = packed, .x = rows };
    run_forward(layer, &r);
    check_close("y", T * O, r.y, y, OUTPUTS);
    OK(recur_state_create(layer, 1, &state));
    for (int64_t t = 0; t < T; t++) {
        OK(recur_layer_step(layer, rows + t * I, state, step, NULL));
        check_same("step", O, step, r.y + t * O);
    }
    recur_file *file = new_file(ctx);
    recur_layer *opened = NULL;
    OK(recur_file_put_model(file, "", layer, NULL));
    OK(recur_file_get_model(file, "", &opened));
    run q = { .packed = packed, .x = rows, .dy = randoms(T * O, 1), .mode = RECUR_TAPE_TRAIN };
    run_both(ctx, opened, &q);
    check_same("opened", T * O, q.y, r.y);
    recur_file_release(file);
    recur_layer_release(opened);
    recur_state_release(state);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

typedef recur_status import(recur_context *ctx, const void *data, size_t bytes, recur_layer **out);

/* The text as a layer, on each instruction set of this machine. */
static void check_text(import *door, const double *x, const double *y)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        char *exact = bytes_of((int64_t)used, 1); /* nothing may be read behind it */
        recur_layer *layer = NULL;
        memcpy(exact, text, used);
        OK(door(ctx, exact, used, &layer));
        check_layer(ctx, layer, x, y);
    }
}

/* ---- .nam ----------------------------------------------------------------------------------- */

/* The textbook's parameters of layer k; the second bias is zero. */
static double *layer_of(const naive_recurrent *net, double *params, int64_t k, int64_t gates)
{
    const int64_t H = net->H, rest = gates * H * (H + 2) + (net->learn_initial ? 2 * H : 0);
    double *at = params;
    for (int64_t i = 0; i < k; i++) at += gates * H * (i ? H : net->I) + rest;
    return at;
}

static void put_nam(const naive_recurrent *net, double *params, int64_t O, const double *head)
{
    const int64_t H = net->H, G = 4 * net->H;
    put("{\"version\":\"0.5.4\",\"metadata\":null,\"architecture\":\"LSTM\",\"config\":"
        "{\"input_size\":%d,\"hidden_size\":%d,\"num_layers\":%d,\"out_channels\":%d},"
        "\"weights\":[",
        (int)net->I, (int)H, (int)net->L, (int)O);
    for (int64_t k = 0; k < net->L; k++) {
        const int64_t I = k ? H : net->I;
        double *W = layer_of(net, params, k, 4), *U = W + G * I, *b = U + G * H;
        for (int64_t row = 0; row < G; row++) {
            for (int64_t i = 0; i < I; i++) put("%.9g,", W[row * I + i]);
            for (int64_t i = 0; i < H; i++) put("%.9g,", U[row * H + i]);
        }
        for (int64_t i = 0; i < G; i++) {
            put("%.9g,", b[i]);
            b[G + i] = 0;
        }
        for (int64_t i = 0; i < 2 * H; i++) put("%.9g,", b[2 * G + i]);
    }
    for (int64_t i = 0; i < O * (H + 1); i++) put("%s%.9g", i ? "," : "", head[i]);
    put("],\"sample_rate\":48000}");
}

static void nam_of(int64_t I, int64_t H, int64_t L, int64_t O)
{
    const naive_recurrent net = {
        .kind = NAIVE_LSTM, .I = I, .H = H, .L = L, .forward = 1, .bias = 1, .learn_initial = 1
    };
    const int64_t lengths[1] = { T };
    double *params = drawn(naive_count(&net)), *head = drawn(O * (H + 1)), *x = drawn(T * I);
    double *h = doubles(T * H), *y = doubles(T * O);
    trying("%d inputs, %d units, %d layers, %d outputs", (int)I, (int)H, (int)L, (int)O);
    used = 0;
    put_nam(&net, params, O, head);
    naive_pass pass = { .B = 1, .lengths = lengths, .params = params, .x = x, .y = h };
    pass.hn = doubles(L * H);
    pass.cn = doubles(L * H);
    naive_forward(&net, &pass);
    naive_linear(T, H, O, head, head + O * H, h, y);
    check_text(recur_import_nam_memory, x, y);
}

static void nam(void **unused)
{
    (void)unused;
    dice(1);
    nam_of(1, 3, 1, 1);
    nam_of(1, 5, 2, 1);
    nam_of(2, 4, 3, 2);
}

/* ---- state dicts ---------------------------------------------------------------------------- */

/* What stands around the layers. */
typedef struct around {
    bool pytorch, bare; /* a state dict; without model_data */
    int64_t skip;
    double in_gain, out_gain; /* decibels; 0: not there */
} around;

static double gain_of(double decibels) { return decibels > -90 ? pow(10, decibels / 20) : 0; }

static double *with_in_gain(const around *a, int64_t I, const double *x)
{
    double *loud = doubles(T * I);
    for (int64_t i = 0; i < T * I; i++) loud[i] = x[i] * (i % I ? 1 : gain_of(a->in_gain));
    return loud;
}

static void finish(const around *a, int64_t I, const double *loud, int64_t O, double *y)
{
    for (int64_t t = 0; t < T; t++)
        for (int64_t j = 0; j < O; j++) {
            if (j < a->skip) y[t * O + j] += loud[t * I + j];
            y[t * O + j] *= gain_of(a->out_gain);
        }
}

static void put_gains(const around *a)
{
    if (a->in_gain != 0) put("\"in_gain\":%g,", a->in_gain);
    if (a->out_gain != 0) put("\"out_gain\":%g,", a->out_gain);
    if (a->skip && (a->bare || !a->pytorch)) put("\"in_skip\":%d,", (int)a->skip);
}

static void put_state_dict(const naive_recurrent *net, double *params, int64_t O,
                           const double *head)
{
    const int64_t H = net->H, gates = naive_gates(net->kind), G = gates * H;
    for (int64_t k = 0; k < net->L; k++) {
        const int64_t I = k ? H : net->I;
        const double *W = layer_of(net, params, k, gates), *U = W + G * I, *b = U + G * H;
        put("\"rec.weight_ih_l%d\":", (int)k);
        put_matrix(G, I, W, false);
        put(",\"rec.weight_hh_l%d\":", (int)k);
        put_matrix(G, H, U, false);
        put(",\"rec.bias_ih_l%d\":", (int)k);
        put_row(G, b, 1);
        put(",\"rec.bias_hh_l%d\":", (int)k);
        put_row(G, b + G, 1);
        put(",");
    }
    put("\"lin.weight\":");
    put_matrix(O, H, head, false);
    put(",\"lin.bias\":");
    put_row(O, head + O * H, 1);
    put("}");
}

static void state_dict_of(int kind, int64_t I, int64_t L, const around *a)
{
    const int64_t H = 4, O = a->skip ? a->skip : 1, lengths[1] = { T };
    const naive_recurrent net = { .kind = kind, .I = I, .H = H, .L = L, .forward = 1, .bias = 1 };
    double *params = drawn(naive_count(&net)), *head = drawn(O * (H + 1)), *x = drawn(T * I);
    double *h = doubles(T * H), *y = doubles(T * O), *loud = with_in_gain(a, I, x);
    used = 0;
    put("{");
    put_gains(a);
    if (!a->bare)
        put("\"model_data\":{\"model\":\"SimpleRNN\",\"unit_type\":\"%s\",\"input_size\":%d,"
            "\"skip\":%d,\"output_size\":%d,\"num_layers\":%d,\"hidden_size\":%d,\"bias_fl\":true},"
            "\"state_dict\":{",
            kind == NAIVE_LSTM ? "LSTM" : "GRU", (int)I, (int)a->skip, (int)O, (int)L, (int)H);
    put_state_dict(&net, params, O, head);
    if (!a->bare) put("}");
    naive_pass pass = { .B = 1, .lengths = lengths, .params = params, .x = loud, .y = h };
    pass.hn = doubles(L * H);
    pass.cn = doubles(L * H);
    naive_forward(&net, &pass);
    naive_linear(T, H, O, head, head + O * H, h, y);
    finish(a, I, loud, O, y);
    trying("kind %d, %d inputs, %d layers, skip %d: %.300s", kind, (int)I, (int)L, (int)a->skip,
           text);
    check_text(recur_import_rtneural_memory, x, y);
}

static void state_dicts(void **unused)
{
    (void)unused;
    static const around forms[] = {
        { .pytorch = true },
        { .pytorch = true, .skip = 1 },
        { .pytorch = true, .bare = true },
        { .pytorch = true, .bare = true, .skip = 1, .in_gain = -6, .out_gain = 3.5 },
        { .pytorch = true, .skip = 1, .in_gain = 12 },
        { .pytorch = true, .out_gain = -90 },
        { .pytorch = true, .skip = 2, .out_gain = 1 },
    };
    dice(2);
    for (int i = 0; i < COUNT(forms); i++)
        for (int64_t L = 1; L <= 2; L++)
            for (int64_t I = forms[i].skip > 1 ? forms[i].skip : 1; I <= 3; I++) {
                state_dict_of(NAIVE_LSTM, I, L, &forms[i]);
                state_dict_of(NAIVE_GRU, I, L, &forms[i]);
            }
}

/* A convolution of two groups behind a GRU, without bias, and a dotted name. */
static void convolution_of_a_state_dict(void **unused)
{
    (void)unused;
    dice(3);
    enum { H = 4, O = 2, K = 3 };
    const int64_t lengths[1] = { T };
    const naive_recurrent net = {
        .kind = NAIVE_GRU, .I = 1, .H = H, .L = 1, .forward = 1, .bias = 0
    };
    double *params = drawn(naive_count(&net)), *x = drawn(T), *W = drawn(O * 2 * K);
    double *h = doubles(T * H), *y = doubles(T * O);
    used = 0;
    put("{\"a.rnn.weight_ih_l0\":");
    put_matrix(3 * H, 1, params, false);
    put(",\"a.rnn.weight_hh_l0\":");
    put_matrix(3 * H, H, params + 3 * H, false);
    put(",\"a.conv.weight\":[");
    put_matrix(2, K, W, false);
    put(",");
    put_matrix(2, K, W + 2 * K, false);
    put("]}");
    naive_pass pass = { .B = 1, .lengths = lengths, .params = params, .x = x, .y = h };
    pass.hn = doubles(H);
    naive_forward(&net, &pass);
    for (int t = 0; t < T; t++)
        for (int o = 0; o < O; o++)
            for (int i = 0; i < 2; i++)
                for (int k = 0; k < K; k++) {
                    const int s = t - (K - 1) + k;
                    if (s >= 0) y[t * O + o] += W[(o * 2 + i) * K + k] * h[s * H + 2 * o + i];
                }
    check_text(recur_import_rtneural_memory, x, y);
}

/* ---- Keras' layers -------------------------------------------------------------------------- */

/* A network in the making: its rows so far. */
typedef struct rows {
    int64_t width;
    double *x; /* [T][width] */
    int64_t layers;
} rows;

static void open_layer(rows *r, const char *type, const char *function, int64_t width)
{
    put("%s{\"type\":\"%s\",\"activation\":\"%s\",\"shape\":[null,null,%d],\"weights\":[",
        r->layers++ ? "," : "", type, function, (int)width);
}

static void apply(const char *function, int64_t width, double *y)
{
    for (int64_t t = 0; t < T; t++) {
        double sum = 0;
        double *row = y + t * width;
        for (int64_t j = 0; j < width; j++) sum += exp(row[j]);
        for (int64_t j = 0; j < width; j++) {
            const double v = row[j];
            if (strcmp(function, "tanh") == 0) row[j] = tanh(v);
            if (strcmp(function, "relu") == 0) row[j] = fmax(v, 0);
            if (strcmp(function, "sigmoid") == 0) row[j] = 1 / (1 + exp(-v));
            if (strcmp(function, "elu") == 0) row[j] = v > 0 ? v : exp(v) - 1;
            if (strcmp(function, "softmax") == 0) row[j] = exp(v) / sum;
        }
    }
}

static void add_dense(rows *r, const char *type, const char *function, int64_t O, bool bias)
{
    const int64_t I = r->width;
    double *W = drawn(O * I), *b = drawn(O), *y = doubles(T * O);
    open_layer(r, type, function, O);
    put_matrix(O, I, W, true);
    if (bias) {
        put(",");
        put_row(O, b, 1);
    }
    put("]}");
    naive_linear(T, I, O, W, bias ? b : NULL, r->x, y);
    apply(function, O, y);
    *r = (rows){ O, y, r->layers };
}

/* Kernels are [kernel][in / groups][out]. */
static void add_conv(rows *r, const char *function, int64_t O, int K, int dilation, int groups)
{
    const int64_t I = r->width, part = I / groups;
    double *W = drawn(K * part * O), *b = drawn(O), *y = doubles(T * O);
    open_layer(r, "conv1d", function, O);
    put("[");
    for (int k = 0; k < K; k++) {
        put(k ? "," : "");
        put_matrix(part, O, W + k * part * O, false);
    }
    put("],");
    put_row(O, b, 1);
    put("],\"kernel_size\":[%d],\"dilation\":[%d],\"groups\":%d}", K, dilation, groups);
    for (int64_t t = 0; t < T; t++)
        for (int64_t o = 0; o < O; o++) {
            double sum = b[o];
            for (int64_t k = 0; k < K; k++)
                for (int64_t i = 0; i < part; i++) {
                    const int64_t s = t - (K - 1 - k) * dilation, from = o / (O / groups) * part;
                    if (s >= 0) sum += W[(k * part + i) * O + o] * r->x[s * I + from + i];
                }
            y[t * O + o] = sum;
        }
    apply(function, O, y);
    *r = (rows){ O, y, r->layers };
}

static void add_batchnorm(rows *r, bool affine, double epsilon)
{
    const int64_t n = r->width;
    double *p[4] = { drawn(n), drawn(n), drawn(n), drawn(n) }, *y = doubles(T * n);
    open_layer(r, "batchnorm", "", n);
    for (int64_t i = 0; i < n; i++) p[3][i] = (double)(float)(p[3][i] * p[3][i]);
    for (int k = affine ? 0 : 2; k < 4; k++) {
        put_row(n, p[k], 1);
        put(k < 3 ? "," : "],\"epsilon\":%g}", epsilon);
    }
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < n; i++) {
            const double z = (r->x[t * n + i] - p[2][i]) / sqrt(p[3][i] + epsilon);
            y[t * n + i] = affine ? z * p[0][i] + p[1][i] : z;
        }
    *r = (rows){ n, y, r->layers };
}

static void add_prelu(rows *r, bool shared)
{
    const int64_t n = r->width;
    double *w = drawn(n), *y = doubles(T * n);
    open_layer(r, "prelu", "", n);
    put("[");
    put_row(shared ? 1 : n, w, 1);
    put("]]}");
    for (int64_t i = 0; i < T * n; i++)
        y[i] = r->x[i] > 0 ? r->x[i] : w[shared ? 0 : i % n] * r->x[i];
    *r = (rows){ n, y, r->layers };
}

/* Rows of gates in Keras' order out of the textbook's: [gates H][columns]. */
static double *ordered(int64_t gates, int64_t H, int64_t columns, const double *from)
{
    static const int lstm[] = { 0, 1, 2, 3 }, gru[] = { 1, 0, 2 };
    const int *order = gates == 4 ? lstm : gru;
    double *to = doubles(gates * H * columns);
    for (int64_t g = 0; g < gates; g++)
        memcpy(to + g * H * columns, from + order[g] * H * columns,
               (size_t)(H * columns) * sizeof *to);
    return to;
}

static void add_recurrent(rows *r, int kind, int64_t H, bool bias)
{
    const int64_t I = r->width, gates = naive_gates(kind), G = gates * H, lengths[1] = { T };
    const naive_recurrent net = {
        .kind = kind, .I = I, .H = H, .L = 1, .forward = 1, .bias = bias
    };
    double *params = drawn(naive_count(&net)), *b = params + G * (I + H), *y = doubles(T * H);
    open_layer(r, kind == NAIVE_GRU ? "gru" : "lstm", "tanh", H);
    put_matrix(G, I, ordered(gates, H, I, params), true);
    put(",");
    put_matrix(G, H, ordered(gates, H, H, params + G * I), true);
    if (bias) put(kind == NAIVE_GRU ? ",[" : ",");
    if (bias) put_row(G, ordered(gates, H, 1, b), 1);
    if (bias && kind == NAIVE_GRU) {
        put(",");
        put_row(G, ordered(gates, H, 1, b + G), 1);
        put("]");
    }
    if (bias && kind == NAIVE_LSTM)
        for (int64_t i = 0; i < G; i++) b[G + i] = 0;
    put("]}");
    naive_pass pass = { .B = 1, .lengths = lengths, .params = params, .x = r->x, .y = y };
    pass.hn = doubles(H);
    pass.cn = doubles(H);
    naive_forward(&net, &pass);
    *r = (rows){ H, y, r->layers };
}

static void add_activation(rows *r, const char *function)
{
    open_layer(r, "activation", function, r->width);
    put("]}");
    double *y = doubles(T * r->width);
    memcpy(y, r->x, (size_t)(T * r->width) * sizeof *y);
    apply(function, r->width, y);
    r->x = y;
}

/* One network of layers that a number chooses. */
static void add_layers(rows *r, int which)
{
    static const char *const functions[] = { "tanh", "relu", "sigmoid", "elu", "softmax" };
    if (which == 0)
        for (int i = 0; i < COUNT(functions); i++) {
            add_dense(r, i % 2 ? "dense" : "time-distributed-dense", functions[i], 3 + i, i != 2);
            add_activation(r, functions[(i + 2) % 5]);
        }
    if (which == 1) {
        add_conv(r, "tanh", 4, 3, 1, 1);
        add_batchnorm(r, true, 0.01);
        add_prelu(r, false);
        add_conv(r, "", 6, 2, 3, 2);
        add_batchnorm(r, false, 5);
        add_prelu(r, true);
    }
    if (which == 2) add_recurrent(r, NAIVE_GRU, 5, true);
    if (which == 3) add_recurrent(r, NAIVE_LSTM, 5, true);
    if (which == 4) {
        add_recurrent(r, NAIVE_GRU, 4, false);
        add_recurrent(r, NAIVE_LSTM, 3, false);
    }
    add_dense(r, "dense", "", 1, true);
}

static void keras_layers(void **unused)
{
    (void)unused;
    static const around forms[] = { { .pytorch = false },
                                    { .skip = 1, .in_gain = -3, .out_gain = 6 } };
    for (int i = 0; i < 2 * 5; i++) {
        const around *a = &forms[i % 2];
        const int64_t I = 2;
        dice((uint64_t)i);
        used = 0;
        put("{\"in_shape\":[null,null,%d],", (int)I);
        put_gains(a);
        put("\"layers\":[");
        double *x = drawn(T * I), *loud = with_in_gain(a, I, x);
        rows r = { I, loud, 0 };
        add_layers(&r, i / 2);
        put("]}");
        finish(a, I, loud, 1, r.x);
        trying("layers %d: %.300s", i / 2, text);
        check_text(recur_import_rtneural_memory, x, r.x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nam),
        TEST(state_dicts),
        TEST(convolution_of_a_state_dict),
        TEST(keras_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
