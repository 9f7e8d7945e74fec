/* test_optimizer.c - update rules against a textbook double version, ranges, memory.
 *
 * The textbook moves one number by the rule as its paper or PyTorch writes it; the test checks
 * vectors of every length against it on every instruction set. */
#include "support/support.h"
#include "train/optimizer.h"

static const tolerance STEPS = { 1e-6, 1e-6, 0 };

/* ---- the textbook --------------------------------------------------------------------------- */

typedef struct spec {
    const char *name, *moments; /* the names that a file gives them */
    recur_optimizer_options options;
} spec;

#define RULE(kind_, ...)                                                    \
    {                                                                       \
        .size = sizeof(recur_optimizer_options), .kind = kind_, __VA_ARGS__ \
    }
/* As recur_optimizer_options_init and assignments make it. */
#define EXACT(kind_, ...)                                                                      \
    {                                                                                          \
        .size = sizeof(recur_optimizer_options) | RECUR_SIZE_EXACT, .kind = kind_, __VA_ARGS__ \
    }
static const spec SPECS[] = {
    { "sgd", "", RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1) },
    { "sgd decay", "", RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1, .weight_decay = 0.2) },
    { "sgd momentum", "momentum", RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1, .momentum = 0.8) },
    { "sgd nesterov", "momentum",
      RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1, .momentum = 0.8, .weight_decay = 0.1,
           .flags = RECUR_OPTIMIZER_NESTEROV) },
    { "adam", "m v", RULE(RECUR_OPTIMIZER_ADAM, .rate = 0.01) },
    { "adam all", "m v v_max",
      RULE(RECUR_OPTIMIZER_ADAM, .rate = 0.02, .beta1 = 0.7, .beta2 = 0.9, .epsilon = 1e-3,
           .weight_decay = 0.1, .flags = RECUR_OPTIMIZER_AMSGRAD) },
    { "adam without beta1", "m v",
      EXACT(RECUR_OPTIMIZER_ADAM, .rate = 0.01, .beta2 = 0.999, .epsilon = 1e-8) },
    { "adamw", "m v", RULE(RECUR_OPTIMIZER_ADAMW, .rate = 0.02, .weight_decay = 0.3) },
    { "adamw amsgrad", "m v v_max",
      RULE(RECUR_OPTIMIZER_ADAMW, .rate = 0.02, .weight_decay = 0.3,
           .flags = RECUR_OPTIMIZER_AMSGRAD) },
    { "rmsprop", "v", RULE(RECUR_OPTIMIZER_RMSPROP, .rate = 0.01, .weight_decay = 0.1) },
    { "rmsprop momentum", "v momentum",
      RULE(RECUR_OPTIMIZER_RMSPROP, .rate = 0.01, .momentum = 0.8, .beta2 = 0.9) },
    { "rmsprop centred", "v mean",
      RULE(RECUR_OPTIMIZER_RMSPROP, .rate = 0.01, .flags = RECUR_OPTIMIZER_CENTRED) },
    { "rmsprop centred momentum", "v mean momentum",
      RULE(RECUR_OPTIMIZER_RMSPROP, .rate = 0.01, .momentum = 0.8, .epsilon = 1e-4,
           .flags = RECUR_OPTIMIZER_CENTRED) },
    { "adagrad", "sum", RULE(RECUR_OPTIMIZER_ADAGRAD, .rate = 0.1, .weight_decay = 0.1) },
    { "sgd dampened", "momentum",
      RULE(RECUR_OPTIMIZER_SGD, .rate = 0.1, .momentum = 0.8, .dampening = 0.3) },
    { "adagrad slower", "sum",
      RULE(RECUR_OPTIMIZER_ADAGRAD, .rate = 0.1, .rate_decay = 0.2, .accumulator = 0.5) },
    { "radam", "m v",
      RULE(RECUR_OPTIMIZER_RADAM, .rate = 0.02, .beta2 = 0.9, .weight_decay = 0.1) },
    { "radam decoupled", "m v",
      RULE(RECUR_OPTIMIZER_RADAM, .rate = 0.02, .beta2 = 0.8, .weight_decay = 0.1,
           .flags = RECUR_OPTIMIZER_DECOUPLED) },
    { "nadam", "m v", RULE(RECUR_OPTIMIZER_NADAM, .rate = 0.02, .weight_decay = 0.1) },
    { "nadam decoupled", "m v",
      RULE(RECUR_OPTIMIZER_NADAM, .rate = 0.02, .beta2 = 0.9, .weight_decay = 0.1,
           .momentum_decay = 0.2, .flags = RECUR_OPTIMIZER_DECOUPLED) },
    { "adadelta", "v delta", RULE(RECUR_OPTIMIZER_ADADELTA, .rate = 0.9, .weight_decay = 0.1) },
};

/* The defaults that the header promises. */
static recur_optimizer_options explicit_options(recur_optimizer_options o)
{
    static const struct {
        double rate, beta1, beta2, epsilon, momentum_decay;
    } defaults[] = { { 0, 0, 0, 0, 0 },
                     { 0.001, 0, 0, 0, 0 },
                     { 0.001, 0.9, 0.999, 1e-8, 0 },
                     { 0.001, 0.9, 0.999, 1e-8, 0 },
                     { 0.01, 0, 0.99, 1e-8, 0 },
                     { 0.01, 0, 0, 1e-10, 0 },
                     { 1, 0, 0.9, 1e-6, 0 },
                     { 0.001, 0.9, 0.999, 1e-8, 0 },
                     { 0.002, 0.9, 0.999, 1e-8, 0.004 } };
    if (o.size & RECUR_SIZE_EXACT) return o;
    if (o.rate == 0) o.rate = defaults[o.kind].rate;
    if (o.beta1 == 0) o.beta1 = defaults[o.kind].beta1;
    if (o.beta2 == 0) o.beta2 = defaults[o.kind].beta2;
    if (o.epsilon == 0) o.epsilon = defaults[o.kind].epsilon;
    if (o.momentum_decay == 0) o.momentum_decay = defaults[o.kind].momentum_decay;
    return o;
}

/* One number with its moments. */
typedef struct scalar {
    double p, m, v, w;
    int t;
} scalar;

static void move_adam(const recur_optimizer_options *o, scalar *s, double g, double rate)
{
    s->m = o->beta1 * s->m + (1 - o->beta1) * g;
    s->v = o->beta2 * s->v + (1 - o->beta2) * g * g;
    s->w = fmax(s->w, s->v);
    const double v = o->flags & RECUR_OPTIMIZER_AMSGRAD ? s->w : s->v;
    const double m_hat = s->m / (1 - pow(o->beta1, s->t)), v_hat = v / (1 - pow(o->beta2, s->t));
    s->p -= rate * m_hat / (sqrt(v_hat) + o->epsilon);
}

/* Liu 2020, algorithm 2, with epsilon where PyTorch has it. */
static void move_radam(const recur_optimizer_options *o, scalar *s, double g, double rate)
{
    s->m = o->beta1 * s->m + (1 - o->beta1) * g;
    s->v = o->beta2 * s->v + (1 - o->beta2) * g * g;
    const double m_hat = s->m / (1 - pow(o->beta1, s->t)), fall = pow(o->beta2, s->t);
    const double most = 2 / (1 - o->beta2) - 1, length = most - 2 * s->t * fall / (1 - fall);
    if (length <= 5) {
        s->p -= rate * m_hat;
        return;
    }
    const double r = sqrt((length - 4) / (most - 4) * ((length - 2) / (most - 2)) * most / length);
    s->p -= rate * m_hat * r * sqrt(1 - fall) / (sqrt(s->v) + o->epsilon);
}

/* Dozat 2016, with the momenta of PyTorch; w is 1 - their product. */
static void move_nadam(const recur_optimizer_options *o, scalar *s, double g, double rate)
{
    const double now = o->beta1 * (1 - 0.5 * pow(0.96, s->t * o->momentum_decay));
    const double then = o->beta1 * (1 - 0.5 * pow(0.96, (s->t + 1) * o->momentum_decay));
    const double product = (1 - s->w) * now;
    s->w = 1 - product;
    s->m = o->beta1 * s->m + (1 - o->beta1) * g;
    s->v = o->beta2 * s->v + (1 - o->beta2) * g * g;
    const double divisor = sqrt(s->v / (1 - pow(o->beta2, s->t))) + o->epsilon;
    s->p -= rate * (1 - now) / (1 - product) * g / divisor;
    s->p -= rate * then / (1 - product * then) * s->m / divisor;
}

static void move_rmsprop(const recur_optimizer_options *o, scalar *s, double g, double rate)
{
    s->v = o->beta2 * s->v + (1 - o->beta2) * g * g;
    s->w = o->beta2 * s->w + (1 - o->beta2) * g;
    const double variance = o->flags & RECUR_OPTIMIZER_CENTRED ? s->v - s->w * s->w : s->v;
    s->m = o->momentum * s->m + g / (sqrt(variance) + o->epsilon);
    s->p -= rate * s->m;
}

static void move(const recur_optimizer_options *o, scalar *s, double g, double rate, double decay)
{
    s->t++;
    if (o->kind == RECUR_OPTIMIZER_ADAMW || o->flags & RECUR_OPTIMIZER_DECOUPLED) {
        s->p *= 1 - rate * decay;
    } else {
        g += decay * s->p;
    }
    double step;
    switch (o->kind) {
    case RECUR_OPTIMIZER_SGD:
        s->m = o->momentum * s->m + (s->t > 1 ? 1 - o->dampening : 1) * g;
        s->p -= rate * (o->flags & RECUR_OPTIMIZER_NESTEROV ? g + o->momentum * s->m : s->m);
        break;
    case RECUR_OPTIMIZER_ADAM:
    case RECUR_OPTIMIZER_ADAMW:
        move_adam(o, s, g, rate);
        break;
    case RECUR_OPTIMIZER_RMSPROP:
        move_rmsprop(o, s, g, rate);
        break;
    case RECUR_OPTIMIZER_RADAM:
        move_radam(o, s, g, rate);
        break;
    case RECUR_OPTIMIZER_NADAM:
        move_nadam(o, s, g, rate);
        break;
    case RECUR_OPTIMIZER_ADAGRAD:
        s->v += g * g + (s->t == 1 ? o->accumulator : 0);
        s->p -= rate / (1 + (s->t - 1) * o->rate_decay) * g / (sqrt(s->v) + o->epsilon);
        break;
    default:
        s->v = o->beta2 * s->v + (1 - o->beta2) * g * g;
        step = sqrt(s->w + o->epsilon) / sqrt(s->v + o->epsilon) * g;
        s->w = o->beta2 * s->w + (1 - o->beta2) * step * step;
        s->p -= rate * step;
        break;
    }
}

/* ---- rules ---------------------------------------------------------------------------------- */

static recur_optimizer *optimizer_of(recur_context *ctx, recur_optimizer_options o, int64_t count)
{
    recur_optimizer *optimizer;
    OK(recur_optimizer_create(ctx, &o, count, &optimizer));
    return optimizer;
}

/* Steps of both versions; rates and decays [n] are multiples of each number's own. */
static void compare(recur_optimizer *optimizer, const recur_optimizer_options *o, int64_t n,
                    const double *rates, const double *decays)
{
    float *p = randoms(n, 2);
    scalar *s = bytes_of(n, sizeof *s);
    double *want = doubles(n);
    for (int64_t i = 0; i < n; i++) s[i] = (scalar){ .p = (double)p[i] };
    for (int step = 0; step < 8; step++) {
        const float *g = randoms(n, 1);
        for (int64_t i = 0; i < n; i++) {
            move(o, &s[i], 0.5 * (double)g[i], o->rate * (rates ? rates[i] : 1),
                 o->weight_decay * (decays ? decays[i] : 1));
            want[i] = s[i].p;
        }
        OK(recur_optimizer_step(optimizer, p, g, n, 0.5));
        check_close("params", n, p, want, STEPS);
    }
}

static void test_textbook(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            const recur_optimizer_options o = explicit_options(SPECS[i].options);
            for (int64_t n = 0; n <= 70; n++) {
                trying("%s, %s, %lld numbers", recur_context_isa(ctx), SPECS[i].name, (long long)n);
                dice((uint64_t)(1000 * i + n));
                recur_optimizer *optimizer = optimizer_of(ctx, SPECS[i].options, n);
                compare(optimizer, &o, n, NULL, NULL);
                recur_optimizer_release(optimizer);
            }
        }
}

/* Each number has multiples of its own: of the ranges that cover it, the last one counts. */
static void test_ranges(void **state)
{
    (void)state;
    enum { N = 53 };
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < 5 * COUNT(SPECS); i++) {
            const spec *s = &SPECS[i / 5];
            const recur_optimizer_options o = explicit_options(s->options);
            const int64_t ranges = i % 5 * (i % 5) * 3;
            trying("%s, %s, %lld ranges", recur_context_isa(ctx), s->name, (long long)ranges);
            recur_optimizer *optimizer = optimizer_of(ctx, s->options, N);
            double rates[N], decays[N];
            for (int64_t j = 0; j < N; j++) rates[j] = decays[j] = 1;
            dice((uint64_t)i);
            for (int64_t r = 0; r < ranges; r++) {
                const int64_t from = below(N + 1), count = below(N - from + 1);
                const double rate = (double)below(4) / 2, decay = (double)below(3);
                OK(recur_optimizer_scale_range(optimizer, from, count, rate, decay));
                for (int64_t j = from; j < from + count; j++) {
                    rates[j] = rate;
                    decays[j] = decay;
                }
            }
            compare(optimizer, &o, N, rates, decays);
            recur_optimizer_release(optimizer);
        }
}

/* Options set between two steps hold from there on, as a rule that changes does; the moments stay.
 */
static void test_set_options(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            trying("%s, %s", recur_context_isa(ctx), SPECS[i].name);
            dice((uint64_t)i);
            recur_optimizer_options o = explicit_options(SPECS[i].options);
            recur_optimizer *optimizer = optimizer_of(ctx, SPECS[i].options, 1);
            scalar s = { .p = 0.5 };
            float p = 0.5f;
            for (int step = 0; step < 12; step++) {
                const float g = *randoms(1, 1);
                move(&o, &s, (double)g, o.rate, o.weight_decay);
                OK(recur_optimizer_step(optimizer, &p, &g, 1, 1));
                check_close("param", 1, &p, &s.p, STEPS);
                o.size = sizeof o | RECUR_SIZE_EXACT;
                o.rate *= 0.9;
                o.momentum *= 0.9;
                o.weight_decay *= 0.8;
                o.beta1 *= 0.95;
                OK(recur_optimizer_set_options(optimizer, &o));
            }
            recur_optimizer_release(optimizer);
        }
}

static void test_defaults(void **state)
{
    (void)state;
    dice(4);
    float *from = randoms(31, 1);
    const float *g = randoms(31, 1);
    for (int32_t kind = RECUR_OPTIMIZER_SGD; kind <= RECUR_OPTIMIZER_NADAM; kind++) {
        trying("kind %d", (int)kind);
        const recur_optimizer_options o = RULE(kind, .rate = 0);
        recur_optimizer *a = optimizer_of(NULL, o, 31),
                        *b = optimizer_of(NULL, explicit_options(o), 31);
        float *p = copy_of(31, from), *q = copy_of(31, from);
        for (int step = 0; step < 3; step++) {
            OK(recur_optimizer_step(a, p, g, 31, 1));
            OK(recur_optimizer_step(b, q, g, 31, 1));
        }
        check_same("params", 31, p, q);
        assert_true(memcmp(p, from, sizeof *p) != 0);
        assert_true(recur_optimizer_rate(a) == explicit_options(o).rate);
        recur_optimizer_release(a);
        recur_optimizer_release(b);
    }
}

/* With rate 0, or in a frozen range, nothing moves, whatever the gradient; the moments follow
 * it. */
static void test_frozen(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            trying("%s, %s", recur_context_isa(ctx), SPECS[i].name);
            dice(8);
            recur_optimizer *optimizer = optimizer_of(ctx, SPECS[i].options, 40);
            float *g = randoms(40, 1), *p = randoms(40, 1), *before = copy_of(40, p);
            recur__optimizer_view view;
            recur__optimizer_view_of(optimizer, &view);
            OK(recur_optimizer_set_rate(optimizer, 0));
            assert_true(recur_optimizer_rate(optimizer) == 0);
            OK(recur_optimizer_step(optimizer, p, g, 40, 1));
            check_same("params", 40, p, before);
            assert_true(*view.steps == 1);
            for (int m = 0; m < view.moments; m++)
                assert_true(view.data[m][39] != 0 || strcmp(view.name[m], "delta") == 0);
            OK(recur_optimizer_set_rate(optimizer, 0.1));
            OK(recur_optimizer_scale_range(optimizer, 7, 30, 0, 1));
            g[20] = NAN;
            g[21] = INFINITY;
            OK(recur_optimizer_step(optimizer, p, g, 40, 1));
            check_same("frozen params", 30, p + 7, before + 7);
            for (int64_t j = 0; j < 40; j++) assert_true((j >= 7 && j < 37) || p[j] != before[j]);
            recur_optimizer_release(optimizer);
        }
}

static void test_nan_reaches_params(void **state)
{
    (void)state;
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int64_t i = 0; i < COUNT(SPECS); i++) {
            trying("%s, %s", recur_context_isa(ctx), SPECS[i].name);
            recur_optimizer *optimizer = optimizer_of(ctx, SPECS[i].options, 40);
            float *g = zeros(40), *p = zeros(40);
            g[3] = g[39] = NAN;
            OK(recur_optimizer_step(optimizer, p, g, 40, 1));
            for (int64_t j = 0; j < 40; j++)
                assert_true(!isnan(p[j]) == (j != 3 && j != 39)); /* and 0/0 makes none */
            g[3] = 0;
            OK(recur_optimizer_step(optimizer, p, g, 40, 1));
            assert_true(isnan(p[3]));
            recur_optimizer_release(optimizer);
        }
}

/* The variance of a constant is 0, and rounding must not take its root below; an epsilon below all
 * floats is no 0. */
static void test_small_denominators(void **state)
{
    (void)state;
    const recur_optimizer_options centred = RULE(RECUR_OPTIMIZER_RMSPROP, .beta2 = 0.5,
                                                 .flags = RECUR_OPTIMIZER_CENTRED);
    const recur_optimizer_options tiny = RULE(RECUR_OPTIMIZER_ADAM, .epsilon = 1e-300);
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));) {
        dice(2);
        recur_optimizer *a = optimizer_of(ctx, centred, 64), *b = optimizer_of(ctx, tiny, 64);
        float *p = zeros(64), *q = zeros(64);
        const float *g = randoms(64, 3);
        for (int step = 0; step < 100; step++) {
            OK(recur_optimizer_step(a, p, g, 64, 1));
            OK(recur_optimizer_step(b, q, zeros(64), 64, 1));
        }
        for (int64_t j = 0; j < 64; j++) assert_true(!isnan(p[j]));
        check_same("params", 64, q, zeros(64));
        recur_optimizer_release(a);
        recur_optimizer_release(b);
    }
}

/* A file holds steps and moments: another optimizer that has them goes on with the same bits. */
static void test_view(void **state)
{
    (void)state;
    dice(6);
    for (int64_t i = 0; i < COUNT(SPECS); i++) {
        trying("%s", SPECS[i].name);
        recur_optimizer *a = optimizer_of(NULL, SPECS[i].options, 33),
                        *b = optimizer_of(NULL, SPECS[i].options, 33);
        float *p = randoms(33, 1);
        for (int step = 0; step < 3; step++) OK(recur_optimizer_step(a, p, randoms(33, 1), 33, 1));
        recur__optimizer_view from, to;
        recur__optimizer_view_of(a, &from);
        recur__optimizer_view_of(b, &to);
        assert_true(*from.steps == 3 && *to.steps == 0 && to.count == 33);
        assert_true(strncmp(from.kind, SPECS[i].name, strlen(from.kind)) == 0 &&
                    from.flags == SPECS[i].options.flags);
        char names[64] = "";
        for (int m = 0; m < from.moments; m++) {
            float *begin = zeros(33);
            for (int j = 0; j < 33; j++) begin[j] = (float)SPECS[i].options.accumulator;
            check_same("a new moment", 33, to.data[m], begin);
            memcpy(to.data[m], from.data[m], 33 * sizeof(float));
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", m ? " " : "",
                     from.name[m]);
        }
        assert_string_equal(names, SPECS[i].moments);
        *to.steps = *from.steps;
        const float *g = randoms(33, 1);
        float *q = copy_of(33, p);
        OK(recur_optimizer_step(a, p, g, 33, 1));
        OK(recur_optimizer_step(b, q, g, 33, 1));
        check_same("params", 33, q, p);
        recur_optimizer_release(a);
        recur_optimizer_release(b);
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    counter c;
    recur_context *ctx = counting_context(&c, RECUR_ISA_REF);
    const int64_t before = c.allocations;
    recur_optimizer *optimizer;
    c.until_failure = 0;
    FAILS(RECUR_E_MEMORY, recur_optimizer_create(ctx, &SPECS[5].options, 9, &optimizer), "bytes");
    assert_null(optimizer);
    c.until_failure = -1;
    optimizer = optimizer_of(ctx, SPECS[5].options, 9);
    assert_int_equal(c.allocations, before + 1);
    recur_context_release(ctx); /* the optimizer keeps it alive */
    OK(recur_optimizer_scale_range(optimizer, 0, 4, 0, 1));
    c.until_failure = 0;
    FAILS(RECUR_E_MEMORY, recur_optimizer_scale_range(optimizer, 2, 4, 2, 1), "bytes");
    float *p = zeros(9), *g = zeros(9); /* the ranges are as before, and a step allocates nothing */
    for (int i = 0; i < 9; i++) g[i] = 1;
    OK(recur_optimizer_step(optimizer, p, g, 9, 1));
    for (int i = 0; i < 9; i++) assert_true((p[i] == 0) == (i < 4) && p[i] == p[i < 4 ? 0 : 8]);
    recur_optimizer_release(optimizer);
    assert_int_equal(c.blocks, 0);
    assert_int_equal(c.mistakes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_textbook),           TEST(test_ranges), TEST(test_set_options),
        TEST(test_defaults),           TEST(test_frozen), TEST(test_nan_reaches_params),
        TEST(test_small_denominators), TEST(test_view),   TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
