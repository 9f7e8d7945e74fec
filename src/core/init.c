/* init.c - start values. Number e of a tensor is a function of the seed, the scheme and its place
 * in the flat vector alone. One row of `schemes` per scheme: what it can fill, and how it fills one
 * block (a gate's rows of a tensor). */
#include <math.h>

#include "core/layer.h"

/* One block of a tensor: a gate's H rows of weight_ih, weight_hh, bias_ih or bias_hh, or the whole
 * of any other. */
typedef struct block {
    const recur_layer *leaf;
    const char *name; /* of the tensor in its leaf: "weight_hh_l0" */
    int64_t gate, rows, columns, count;
    bool matrix;
    float *values;
    uint64_t seed, place; /* number e of the block has the random number (seed, place + e) */
    double value;
    double *scratch; /* [longest][shortest] side, orthogonal */
} block;

static double uniform(const block *b, int64_t e)
{
    return 2 * recur__uniform(recur_random(b->seed, b->place + (uint64_t)e)) - 1;
}
static double normal(const block *b, int64_t e)
{
    return recur__normal(recur_random(b->seed, b->place + (uint64_t)e));
}
static double gain(const block *b) { return b->value == 0 ? 1 : b->value; }
static bool starts_with(const char *name, const char *word)
{
    return strncmp(name, word, strlen(word)) == 0;
}
static bool bias(const char *name)
{
    return starts_with(name, "bias_ih") || starts_with(name, "bias_hh");
}

/* Blocks of H rows that the gates of a recurrence have in a tensor of this name. */
static int64_t gates_of(const recur_layer *leaf, const char *name)
{
    const recur__cell *cell = leaf->spec.cell;
    if (!cell) return 1;
    if (starts_with(name, "weight_ih") || starts_with(name, "bias_ih")) return cell->x_gates;
    if (starts_with(name, "weight_hh") || starts_with(name, "bias_hh"))
        return cell->h_gates ? cell->h_gates : 1; /* a kind without U may call a vector so */
    return 1;
}

static bool any(const block *b) { return b->count > 0; }
static bool matrices(const block *b) { return b->matrix; }
static bool recurrent_weights(const block *b)
{
    return b->matrix && starts_with(b->name, "weight_hh");
}
static bool forget_biases(const block *b)
{
    return b->leaf->spec.cell && b->leaf->spec.cell->forget_gate == b->gate && bias(b->name);
}

static void fill_uniform(const block *b, double bound)
{
    for (int64_t e = 0; e < b->count; e++) b->values[e] = (float)(bound * uniform(b, e));
}

static void fill_normal(const block *b, double deviation)
{
    for (int64_t e = 0; e < b->count; e++) b->values[e] = (float)(deviation * normal(b, e));
}

static void fill_constant(const block *b, double value)
{
    for (int64_t e = 0; e < b->count; e++) b->values[e] = (float)value;
}

static void default_init(const block *b)
{
    const recur__initial initial = b->leaf->ops->parameters->initial(b->leaf, b->name);
    if (initial.kind == RECUR__INITIAL_UNIFORM)
        fill_uniform(b, initial.value);
    else if (initial.kind == RECUR__INITIAL_NORMAL)
        fill_normal(b, initial.value);
    else
        fill_constant(b, initial.value);
}

static void constant_init(const block *b) { fill_constant(b, b->value); }
static void uniform_init(const block *b) { fill_uniform(b, b->value); }
static void normal_init(const block *b) { fill_normal(b, b->value); }
static void xavier_init(const block *b)
{
    fill_uniform(b, gain(b) * sqrt(6.0 / (double)(b->rows + b->columns)));
}

static void identity_init(const block *b)
{
    for (int64_t e = 0; e < b->count; e++)
        b->values[e] = e / b->columns == e % b->columns ? (float)gain(b) : 0;
}

static void forget_init(const block *b)
{
    fill_constant(b, starts_with(b->name, "bias_ih") ? b->value : 0);
}

/* v[i] made orthogonal to v[0..i) and of length 1: Gram and Schmidt, twice, which is enough
 * (Kahan). */
static void orthonormalise(double *v, int64_t i, int64_t n)
{
    double *own = v + i * n, square = 0;
    for (int64_t k = 0; k < 2 * i; k++) {
        const double *other = v + k % i * n;
        double dot = 0;
        for (int64_t e = 0; e < n; e++) dot += own[e] * other[e];
        for (int64_t e = 0; e < n; e++) own[e] -= dot * other[e];
    }
    for (int64_t e = 0; e < n; e++) square += own[e] * own[e];
    const double scale = 1 / sqrt(square);
    for (int64_t e = 0; e < n; e++) own[e] *= scale;
}

/* The shorter side's vectors are orthonormal: rows of a wide block, columns of a tall one. */
static void orthogonal_init(const block *b)
{
    const bool tall = b->rows > b->columns;
    const int64_t vectors = tall ? b->columns : b->rows, n = tall ? b->rows : b->columns;
    for (int64_t e = 0; e < b->count; e++) b->scratch[e] = normal(b, e);
    for (int64_t i = 0; i < vectors; i++) orthonormalise(b->scratch, i, n);
    for (int64_t i = 0; i < vectors; i++)
        for (int64_t e = 0; e < n; e++)
            b->values[tall ? e * b->columns + i : i * b->columns + e] =
                (float)(gain(b) * b->scratch[i * n + e]);
}

static const recur__constant scheme_names[] = {
    RECUR__CONSTANT(RECUR_INIT_DEFAULT),  RECUR__CONSTANT(RECUR_INIT_CONSTANT),
    RECUR__CONSTANT(RECUR_INIT_UNIFORM),  RECUR__CONSTANT(RECUR_INIT_NORMAL),
    RECUR__CONSTANT(RECUR_INIT_XAVIER),   RECUR__CONSTANT(RECUR_INIT_ORTHOGONAL),
    RECUR__CONSTANT(RECUR_INIT_IDENTITY), RECUR__CONSTANT(RECUR_INIT_FORGET_BIAS),
};

static const struct {
    bool (*can)(const block *b);
    void (*fill)(const block *b);
    bool not_negative, scratch;
} schemes[] = {
    [RECUR_INIT_DEFAULT] = { any, default_init, false, false },
    [RECUR_INIT_CONSTANT] = { any, constant_init, false, false },
    [RECUR_INIT_UNIFORM] = { any, uniform_init, true, false },
    [RECUR_INIT_NORMAL] = { any, normal_init, true, false },
    [RECUR_INIT_XAVIER] = { matrices, xavier_init, false, false },
    [RECUR_INIT_ORTHOGONAL] = { matrices, orthogonal_init, false, true },
    [RECUR_INIT_IDENTITY] = { recurrent_weights, identity_init, false, false },
    [RECUR_INIT_FORGET_BIAS] = { forget_biases, forget_init, false, false },
};
enum { SCHEMES = sizeof schemes / sizeof *schemes };

/* What one walk through the tree found, and what it is to do. */
typedef struct job {
    const recur_layer *whole;
    const char *match;
    int32_t scheme;
    double value;
    uint64_t seed;
    double *scratch; /* NULL: only counts */
    bool fill;
    int64_t matched, blocks, largest;
} job;

/* Whether the whole name fits the pattern: * stands for any run of characters, ? for one. After a
 * character that does not fit, the last * takes one more. */
static bool fits(const char *pattern, const char *name)
{
    const char *star = NULL;
    const char *taken = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            taken = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

static void visit_tensor(job *j, const recur_layer *leaf, const recur_tensor *t)
{
    const char *name = t->name + j->whole->prefix;
    if (j->match && !fits(j->match, name)) return;
    j->matched++;
    const int64_t gates = gates_of(leaf, t->name + leaf->prefix);
    block b = { .leaf = leaf,
                .name = t->name + leaf->prefix,
                .rows = t->dim[0] / gates,
                .columns = t->count / t->dim[0],
                .count = t->count / gates,
                .matrix = t->rank >= 2,
                .value = j->value,
                .scratch = j->scratch };
    b.seed = recur_random(j->seed, (uint64_t)j->scheme);
    for (b.gate = 0; b.gate < gates; b.gate++) {
        const int64_t at = t->offset + b.gate * b.count;
        b.place = (uint64_t)(at - j->whole->offset);
        b.values = leaf->params + (at - leaf->offset);
        if (!schemes[j->scheme].can(&b)) continue;
        j->blocks++;
        j->largest = recur__max(j->largest, b.count);
        if (j->fill) schemes[j->scheme].fill(&b);
    }
}

static void visit(job *j, const recur_layer *node)
{
    for (int64_t i = 0; i < node->parts; i++) visit(j, node->part[i]);
    for (int64_t i = 0; i < node->tensors && node->parts == 0; i++)
        visit_tensor(j, node, &node->tensor[i]);
}

recur_status recur_layer_init(recur_layer *layer, const char *match, int32_t scheme, double value,
                              uint64_t seed)
{
    RECUR__NOT_NULL(layer);
    if (scheme < 0 || scheme >= SCHEMES)
        return RECUR__NO_CONSTANT(__func__, "scheme", scheme, scheme_names);
    if (!isfinite(value) || (schemes[scheme].not_negative && value < 0))
        return recur__fail(RECUR_E_ARGUMENT, "recur_layer_init: %s cannot have the value %g",
                           scheme_names[scheme].name, value);
    if (recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_layer_init: a snapshot has no parameters to write");
    job j = { .whole = layer, .match = match, .scheme = scheme, .value = value, .seed = seed };
    visit(&j, layer);
    if (j.matched == 0 && match)
        return recur__fail(
            RECUR_E_MISSING,
            "recur_layer_init: none of the %lld names of tensors fits \"%.100s\" as a "
            "whole; * stands for any characters, as in \"rnn.*\"",
            (long long)layer->tensors, match);
    if (j.blocks == 0 && (match || layer->tensors))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_layer_init: %s fills none of the %lld tensors that match",
                           scheme_names[scheme].name, (long long)j.matched);
    const int64_t doubles = schemes[scheme].scratch ? j.largest : 0;
    const size_t bytes = (size_t)doubles * sizeof(double);
    if (doubles && !(j.scratch = recur__alloc(recur__layer_context(layer), bytes)))
        return recur__no_memory(bytes);
    j.fill = true;
    visit(&j, layer);
    recur__free(recur__layer_context(layer), j.scratch, bytes);
    return RECUR_OK;
}
