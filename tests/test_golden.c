/* test_golden.c - every case of tests/golden, computed by PyTorch in float64, on every instruction
 * set.
 *
 * A case is a safetensors file; its texts say what it is. Names and shapes are PyTorch's: input
 * [T][B][I], output [T][B][DH], h0, hn [LD][B][H]; grad_X is the gradient of sum(output
 * grad_output) + sum(hn grad_hn) + sum(cn grad_cn). */
#include <dirent.h>

#include "support/golden.h"

static const char *const FOLDER = "tests/golden";

/* ---- layers and cells ----------------------------------------------------------------------- */

static void layer_case(recur_context *ctx, recur_file *file)
{
    recur_layer *layer = read_layer(ctx, file, bias_flag(file));
    read_params(layer, file);
    const int64_t T = (int64_t)number(file, "steps", 0), B = (int64_t)number(file, "batch", 0);
    const int64_t I = info_of(layer, -1).input_size, O = info_of(layer, -1).output_size;
    recur_packed *packed = layout(ctx, B,
                                  has(file, "lengths") ? read_integers(file, "lengths") : NULL, T);
    if (has(file, "batch_sizes"))
        for (int64_t t = 0; t < T; t++)
            assert_int_equal(recur_packed_batch_size(packed, t),
                             read_integers(file, "batch_sizes")[t]);
    const float *s0 = read_state(file, "h0", "c0"), *sn = read_state(file, "hn", "cn");
    const float *ds0 = read_state(file, "grad_h0", "grad_c0");
    const int64_t S = count_of(file, "hn") + (has(file, "cn") ? count_of(file, "cn") : 0);
    run r = { .packed = packed,
              .x = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, I, array(file, "input")),
              .s0 = s0 ? s0 : zeros(S),
              .dy = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, O, array(file, "grad_output")),
              .dsn = read_state(file, "grad_hn", "grad_cn") };
    run_both(ctx, layer, &r);
    check_near("output", T * B * O, unpacked(packed, RECUR_LAYOUT_TIME_FIRST, O, r.y),
               array(file, "output"), OUTPUTS);
    check_near("final state", S, r.sn, sn, OUTPUTS);
    check_near("grad_input", T * B * I, unpacked(packed, RECUR_LAYOUT_TIME_FIRST, I, r.dx),
               array(file, "grad_input"), GRADIENTS);
    if (ds0) check_near("grad of initial state", S, r.ds0, ds0, GRADIENTS);
    check_params(layer, file, "grad_", r.dparams, GRADIENTS);
    run_forward(layer, &r);
    check_near("output without a tape", T * B * O,
               unpacked(packed, RECUR_LAYOUT_TIME_FIRST, O, r.y), array(file, "output"), OUTPUTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

static void cell_case(recur_context *ctx, recur_file *file)
{
    recur_layer *layer = read_layer(ctx, file, bias_flag(file) | RECUR_LAYER_CELL_NAMES);
    read_params(layer, file);
    recur_cell *cell = NULL;
    OK(recur_cell_from_layer(layer, &cell));
    const int64_t B = (int64_t)number(file, "batch", 0), N = count_of(file, "hn"),
                  I = count_of(file, "input");
    const int64_t S = N * (has(file, "cn") ? 2 : 1);
    recur_state *state = NULL;
    recur_tape *tape = NULL;
    OK(recur_state_create(layer, B, &state));
    OK(recur_tape_create(ctx, &tape));
    OK(recur_state_write(state, 0, S, read_state(file, "h0", "c0")));
    const float *x = array(file, "input");
    float *y = floats(N), *s = floats(S), *dx = floats(I),
          *grads = zeros(recur_layer_param_count(layer));
    OK(recur_cell_step(cell, x, state, y, tape));
    OK(recur_state_read(state, 0, S, s));
    check_near("y", N, y, array(file, "hn"), OUTPUTS);
    check_near("state", S, s, read_state(file, "hn", "cn"), OUTPUTS);
    OK(recur_state_write(state, 0, S, read_state(file, "grad_hn", "grad_cn")));
    OK(recur_cell_step_backward(cell, x, NULL, state, dx, grads, tape));
    OK(recur_state_read(state, 0, S, s));
    check_near("grad_input", I, dx, array(file, "grad_input"), GRADIENTS);
    check_near("grad of state", S, s, read_state(file, "grad_h0", "grad_c0"), GRADIENTS);
    check_params(layer, file, "grad_", grads, GRADIENTS);
    recur_cell_release(cell);
    recur_tape_release(tape);
    recur_state_release(state);
    recur_layer_release(layer);
}

/* Checks rows of layer normalisation. What lies behind the end of a sequence is zero on both
 * sides. */
static void norm_case(recur_context *ctx, recur_file *file)
{
    const int64_t F = (int64_t)number(file, "features", 0), T = (int64_t)number(file, "steps", 0),
                  B = (int64_t)number(file, "batch", 0);
    recur_layer *layer = NULL;
    OK(recur_norm_create(ctx, F, number(file, "eps", 0), bias_flag(file), &layer));
    read_params(layer, file);
    recur_packed *packed = layout(ctx, B,
                                  has(file, "lengths") ? read_integers(file, "lengths") : NULL, T);
    run r = { .packed = packed,
              .x = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, F, array(file, "input")),
              .dy = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, F, array(file, "grad_output")) };
    run_both(ctx, layer, &r);
    check_near("output", T * B * F, unpacked(packed, RECUR_LAYOUT_TIME_FIRST, F, r.y),
               array(file, "output"), OUTPUTS);
    check_near("grad_input", T * B * F, unpacked(packed, RECUR_LAYOUT_TIME_FIRST, F, r.dx),
               array(file, "grad_input"), GRADIENTS);
    check_params(layer, file, "grad_", r.dparams, GRADIENTS);
    recur_packed_release(packed);
    recur_layer_release(layer);
}

/* ---- losses, optimizers, clipping ----------------------------------------------------------- */

static const struct {
    const char *name;
    int kind;
    bool labels;
} LOSSES[] = { { "cross_entropy", RECUR_LOSS_CROSS_ENTROPY, true },
               { "nll", RECUR_LOSS_NLL, true },
               { "mse", RECUR_LOSS_MSE, false },
               { "l1", RECUR_LOSS_L1, false },
               { "huber", RECUR_LOSS_HUBER, false },
               { "bce_with_logits", RECUR_LOSS_BCE_LOGITS, false } };

/* Checks CTC. The logits are [T][B][C], and every sequence has as many of its row of labels as
 * target_lengths says. */
static void ctc_case(recur_context *ctx, recur_file *file)
{
    recur_tensor in = { .size = sizeof in };
    OK(recur_file_find(file, "input", &in));
    const int64_t T = in.dim[0], B = in.dim[1], C = in.dim[2], most = count_of(file, "target") / B;
    recur_packed *packed = layout(ctx, B, read_integers(file, "input_lengths"), T);
    const int64_t *lengths = read_integers(file, "target_lengths"),
                  *targets = read_integers(file, "target");
    const float *y = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, C, array(file, "input"));
    int32_t *labels = bytes_of(B * most, sizeof *labels);
    for (int64_t b = 0, at = 0; b < B; b++)
        for (int64_t i = 0; i < lengths[b]; i++) labels[at++] = (int32_t)targets[b * most + i];
    const recur_loss_options options = { .size = sizeof options,
                                         .kind = RECUR_LOSS_CTC,
                                         .flags = text_is(file, "reduction", "sum") ? RECUR_LOSS_SUM
                                                                                    : 0u,
                                         .blank = (int32_t)number(file, "blank", 0) };
    recur_loss *loss = NULL;
    OK(recur_loss_create(ctx, &options, &loss));
    double value = NAN;
    float *dy = floats(recur_packed_rows(packed) * C);
    OK(recur_ctc_loss(loss, packed, C, y, labels, lengths, &value, dy, NULL));
    const float value_f = (float)value;
    check_near("loss", 1, &value_f, array(file, "loss"), OUTPUTS);
    check_near("grad_input", T * B * C, unpacked(packed, RECUR_LAYOUT_TIME_FIRST, C, dy),
               array(file, "grad_input"), GRADIENTS);
    recur_loss_release(loss);
    recur_packed_release(packed);
}

static void loss_case(recur_context *ctx, recur_file *file)
{
    if (text_is(file, "loss", "ctc")) {
        ctc_case(ctx, file);
        return;
    }
    int k = 0;
    while (k < COUNT(LOSSES) && !text_is(file, "loss", LOSSES[k].name)) k++;
    assert_true(k < COUNT(LOSSES));
    recur_tensor in = { .size = sizeof in };
    OK(recur_file_find(file, "input", &in));
    const int64_t R = in.dim[0], C = in.dim[1];
    recur_loss_options options = { .size = sizeof options, .kind = LOSSES[k].kind };
    options.flags = (text_is(file, "reduction", "sum") ? RECUR_LOSS_SUM : 0u);
    if (recur_file_metadata(file, "ignore_index")) {
        options.flags |= RECUR_LOSS_IGNORE_INDEX;
        options.ignore_index = (int32_t)number(file, "ignore_index", 0);
    }
    options.smoothing = number(file, "label_smoothing", 0);
    options.delta = number(file, "delta", 0);
    if (has(file, "weight")) {
        options.classes = C;
        options.class_weight = array(file, "weight");
    }
    recur_loss *loss = NULL;
    OK(recur_loss_create(ctx, &options, &loss));
    const float *y = array(file, "input"), *target = array(file, "target");
    int32_t *labels = bytes_of(R, sizeof *labels);
    for (int64_t r = 0; r < R; r++) labels[r] = LOSSES[k].labels ? (int32_t)target[r] : 0;
    double value = NAN;
    float *dy = floats(R * C);
    if (LOSSES[k].labels)
        OK(recur_loss_classes(loss, R, C, y, labels, &value, dy));
    else
        OK(recur_loss_values(loss, R, C, y, target, &value, dy));
    const float value_f = (float)value;
    check_near("loss", 1, &value_f, array(file, "loss"), OUTPUTS);
    check_near("grad_input", R * C, dy, array(file, "grad_input"), GRADIENTS);
    recur_loss_release(loss);
}

static const struct {
    const char *name;
    int kind;
} RULES[] = { { "sgd", RECUR_OPTIMIZER_SGD },         { "adam", RECUR_OPTIMIZER_ADAM },
              { "adamw", RECUR_OPTIMIZER_ADAMW },     { "rmsprop", RECUR_OPTIMIZER_RMSPROP },
              { "adagrad", RECUR_OPTIMIZER_ADAGRAD }, { "adadelta", RECUR_OPTIMIZER_ADADELTA } };

static void optim_case(recur_context *ctx, recur_file *file)
{
    int k = 0;
    while (k < COUNT(RULES) && !text_is(file, "optim", RULES[k].name)) k++;
    assert_true(k < COUNT(RULES));
    recur_optimizer_options options = { .size = sizeof options, .kind = RULES[k].kind };
    options.rate = number(file, "lr", 0);
    options.momentum = number(file, "momentum", 0);
    options.weight_decay = number(file, "weight_decay", 0);
    options.flags = (recur_file_metadata(file, "nesterov") ? RECUR_OPTIMIZER_NESTEROV : 0u) |
                    (recur_file_metadata(file, "amsgrad") ? RECUR_OPTIMIZER_AMSGRAD : 0u) |
                    (recur_file_metadata(file, "centered") ? RECUR_OPTIMIZER_CENTRED : 0u);
    const int64_t count = count_of(file, "param_0");
    float *params = array(file, "param_0");
    recur_optimizer *optimizer = NULL;
    OK(recur_optimizer_create(ctx, &options, count, &optimizer));
    for (int64_t s = 0; s < (int64_t)number(file, "steps", 0); s++) {
        char grad[32], after[32];
        snprintf(grad, sizeof grad, "grad_%lld", (long long)s);
        snprintf(after, sizeof after, "param_%lld", (long long)s + 1);
        OK(recur_optimizer_step(optimizer, params, array(file, grad), count, 1));
        check_near(after, count, params, array(file, after), OUTPUTS);
    }
    recur_optimizer_release(optimizer);
}

static void clip_case(recur_context *ctx, recur_file *file)
{
    (void)ctx;
    const int64_t a = count_of(file, "grad_a"), b = count_of(file, "grad_b");
    float *grads = floats(a + b);
    OK(recur_file_read(file, "grad_a", grads, a));
    OK(recur_file_read(file, "grad_b", grads + a, b));
    const double largest = number(file, "max_norm", 0);
    const double norm = text_is(file, "norm_type", "inf")
                            ? recur_clip_norm_inf(grads, a + b, largest)
                            : recur_clip_norm(grads, a + b, largest);
    const float norm_f = (float)norm;
    check_near("total_norm", 1, &norm_f, array(file, "total_norm"), OUTPUTS);
    check_near("clipped_a", a, grads, array(file, "clipped_a"), OUTPUTS);
    check_near("clipped_b", b, grads + a, array(file, "clipped_b"), OUTPUTS);
}

/* ---- whole training runs -------------------------------------------------------------------- */

static recur_layer *training_model(recur_context *ctx, recur_file *file)
{
    recur_layer *parts[3] = { read_layer(ctx, file, 0) };
    const int64_t O = info_of(parts[0], -1).output_size;
    OK(recur_last_create(ctx, O, RECUR_DIRECTION_FORWARD, &parts[1]));
    OK(recur_linear_create(ctx, O, (int64_t)number(file, "classes", 0), 0, &parts[2]));
    OK(recur_file_get_layer(file, "rnn.", parts[0]));
    OK(recur_file_get_layer(file, "fc.", parts[2]));
    return chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 3, (const char *const[]){ "rnn", "last", "fc" },
                 parts);
}

static void training_case(recur_context *ctx, recur_file *file)
{
    recur_layer *net = training_model(ctx, file);
    recur_tensor in = { .size = sizeof in };
    OK(recur_file_find(file, "input", &in));
    const int64_t T = in.dim[0], B = in.dim[1], C = info_of(net, -1).output_size,
                  P = recur_layer_param_count(net);
    recur_packed *packed = layout(ctx, B, read_integers(file, "lengths"), T);
    const float *x = packed_of(packed, RECUR_LAYOUT_TIME_FIRST, in.dim[2], array(file, "input"));
    const int64_t *targets = read_integers(file, "target");
    int32_t *labels = bytes_of(B, sizeof *labels);
    for (int64_t b = 0; b < B; b++) labels[b] = (int32_t)targets[b];
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = number(file, "lr", 0) };
    recur_loss *loss = NULL;
    recur_optimizer *optimizer = NULL;
    recur_tape *tape = NULL;
    OK(recur_loss_create(ctx, &cross_entropy, &loss));
    OK(recur_optimizer_create(ctx, &adam, P, &optimizer));
    OK(recur_tape_create(ctx, &tape));
    const int64_t steps = (int64_t)number(file, "steps", 0);
    float *y = floats(B * C), *dy = floats(B * C), *grads = floats(P), *losses = floats(steps);
    for (int64_t s = 0; s < steps; s++) {
        double value = NAN;
        memset(grads, 0, (size_t)P * sizeof *grads);
        OK(recur_layer_forward(net, packed, x, NULL, y, tape));
        OK(recur_loss_classes(loss, B, C, y, labels, &value, dy));
        OK(recur_layer_backward(net, packed, x, dy, NULL, NULL, grads, tape));
        recur_clip_norm(grads, P, number(file, "max_norm", 0));
        OK(recur_optimizer_step(optimizer, recur_layer_params(net), grads, P, 1));
        losses[s] = (float)value;
    }
    check_near("losses", steps, losses, array(file, "losses"), (tolerance){ .absolute = 1e-4 });
    check_params(net, file, "final.", recur_layer_params(net), (tolerance){ .absolute = 1e-3 });
    recur_tape_release(tape);
    recur_optimizer_release(optimizer);
    recur_loss_release(loss);
    recur_packed_release(packed);
    recur_layer_release(net);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(recur_context *ctx, recur_file *file);
    int64_t cases;
} FAMILIES[] = { { "layer", layer_case, 38 },     { "cell", cell_case, 8 },
                 { "norm", norm_case, 3 },        { "loss", loss_case, 21 },
                 { "optim", optim_case, 11 },     { "clip", clip_case, 2 },
                 { "training", training_case, 4 } };

/* Prints the family of a case after it passed. */
static int64_t run_file(recur_context *ctx, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    trying("%s, %s", recur_context_isa(ctx), name);
    recur_file *file = NULL;
    OK(recur_file_open(ctx, path, &file));
    int64_t family = 0;
    while (family < COUNT(FAMILIES) && !text_is(file, "kind", FAMILIES[family].name)) family++;
    if (family == COUNT(FAMILIES)) fail_msg("%s: unknown kind", name);
    FAMILIES[family].run(ctx, file);
    recur_file_release(file);
    give_back();
    return family;
}

static void every_case(void **unused)
{
    (void)unused;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        int64_t seen[sizeof FAMILIES / sizeof *FAMILIES] = { 0 };
        DIR *folder = opendir(FOLDER);
        if (!folder) fail_msg("there is no %s here", FOLDER);
        for (struct dirent *entry; (entry = readdir(folder));)
            if (strstr(entry->d_name, ".safetensors")) seen[run_file(ctx, entry->d_name)]++;
        closedir(folder);
        for (int64_t i = 0; i < COUNT(FAMILIES); i++) {
            trying("%s, family %s", recur_context_isa(ctx), FAMILIES[i].name);
            assert_int_equal(seen[i], FAMILIES[i].cases);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(every_case) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
