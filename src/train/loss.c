/* loss.c - losses: the table of kinds, making and releasing, and the checks before a value is
 * computed. */
#include <math.h>

#include "train/loss.h"

static const recur__loss_kind kinds[] = {
    { .kind = RECUR_LOSS_CROSS_ENTROPY,
      .name = "cross-entropy",
      .classes = recur__cross_entropy,
      .smoothing = true,
      .class_weight = true },
    { .kind = RECUR_LOSS_NLL, .name = "nll", .classes = recur__nll, .class_weight = true },
    { .kind = RECUR_LOSS_CTC, .name = "ctc", .sequences = true },
    { .kind = RECUR_LOSS_SAMPLED_SOFTMAX,
      .name = "sampled softmax",
      .sampled = recur__sampled_softmax,
      .draws_every_class = true },
    { .kind = RECUR_LOSS_NEGATIVE_SAMPLING,
      .name = "negative sampling",
      .sampled = recur__negative_sampling },
    { .kind = RECUR_LOSS_MSE, .name = "mse", .values = recur__mse },
    { .kind = RECUR_LOSS_L1, .name = "l1", .values = recur__l1 },
    { .kind = RECUR_LOSS_HUBER, .name = "huber", .values = recur__huber, .delta = true },
    { .kind = RECUR_LOSS_BCE_LOGITS,
      .name = "bce with logits",
      .values = recur__bce_logits,
      .positive_weight = true },
};

static const recur__constant constants[] = {
    RECUR__CONSTANT(RECUR_LOSS_CROSS_ENTROPY),
    RECUR__CONSTANT(RECUR_LOSS_NLL),
    RECUR__CONSTANT(RECUR_LOSS_CTC),
    RECUR__CONSTANT(RECUR_LOSS_SAMPLED_SOFTMAX),
    RECUR__CONSTANT(RECUR_LOSS_NEGATIVE_SAMPLING),
    RECUR__CONSTANT(RECUR_LOSS_MSE),
    RECUR__CONSTANT(RECUR_LOSS_L1),
    RECUR__CONSTANT(RECUR_LOSS_HUBER),
    RECUR__CONSTANT(RECUR_LOSS_BCE_LOGITS),
};

static const recur__loss_kind *kind_of(int32_t kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind) return &kinds[i];
    return NULL;
}

/* ---- options -------------------------------------------------------------------------------- */

static recur_status foreign(const recur__loss_kind *kind, const char *option)
{
    return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: the kind %s (%d) has no %s",
                       kind->name, (int)kind->kind, option);
}

static recur_status check_kind_has(const recur__loss_kind *kind, const recur_loss_options *o)
{
    if (o->smoothing != 0 && !kind->smoothing) return foreign(kind, "smoothing");
    if (o->delta != 0 && !kind->delta) return foreign(kind, "delta");
    if (o->class_weight && !kind->class_weight) return foreign(kind, "class_weight");
    if (o->positive_weight && !kind->positive_weight) return foreign(kind, "positive_weight");
    if ((o->flags & RECUR_LOSS_IGNORE_INDEX || o->ignore_index) && !kind->classes && !kind->sampled)
        return foreign(kind, "ignore_index");
    if (o->samples && !kind->sampled) return foreign(kind, "samples");
    if (o->power != 0 && !kind->sampled) return foreign(kind, "power");
    if (o->counts && !kind->sampled) return foreign(kind, "counts");
    if (o->flags & RECUR_LOSS_ZERO_INFINITY && !kind->sequences)
        return foreign(kind, "flag RECUR_LOSS_ZERO_INFINITY");
    if (o->blank && !kind->sequences) return foreign(kind, "blank");
    if (o->blank < 0 || o->reserved || o->reserved_pointer)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_loss_create: blank is %d, reserved %d, reserved_pointer %s: one "
                           "is negative, or not 0",
                           (int)o->blank, (int)o->reserved, o->reserved_pointer ? "set" : "NULL");
    if (o->ignore_index && !(o->flags & RECUR_LOSS_IGNORE_INDEX))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_loss_create: ignore_index is %d, but the flag "
                           "RECUR_LOSS_IGNORE_INDEX is not set",
                           (int)o->ignore_index);
    return RECUR_OK;
}

static recur_status check_numbers(const char *what, const float *numbers, int64_t classes)
{
    for (int64_t c = 0; c < classes; c++)
        if (!(numbers[c] >= 0) || isinf(numbers[c]))
            return recur__fail(
                RECUR_E_ARGUMENT,
                "recur_loss_create: %s %lld of %lld is %g; it must be at least 0 and finite", what,
                (long long)c, (long long)classes, (double)numbers[c]);
    return RECUR_OK;
}

static recur_status check_weights(const float *weight, int64_t classes)
{
    if (classes < 0 || (classes > 0 && !weight))
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_loss_create: classes is %lld: it is the length of the weights, %s",
            (long long)classes, weight ? "at least 1" : "0 without them");
    if (!weight) return RECUR_OK;
    if (classes == 0)
        return recur__fail(RECUR_E_SHAPE,
                           "recur_loss_create: there are weights, but classes, their length, is 0");
    return check_numbers("weight", weight, classes);
}

static recur_status check_draws(const recur_loss_options *o)
{
    if (o->classes < 1 || o->classes > RECUR__LARGEST || o->samples < 1 ||
        o->samples > RECUR__LARGEST)
        return recur__fail(
            RECUR_E_ARGUMENT,
            "recur_loss_create: %lld classes, %lld samples: both must be from 1 to 2147483647",
            (long long)o->classes, (long long)o->samples);
    if (!(o->power >= 0 && o->power <= 1))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: power is %g; it must be in [0,1]",
                           o->power);
    return o->counts ? check_numbers("count", o->counts, o->classes) : RECUR_OK;
}

/* What stands for a 0. */
static void fill_in(const recur__loss_kind *kind, recur_loss_options *o)
{
    if (kind->delta && o->delta == 0) o->delta = 1;
    if (kind->sampled && o->power == 0) o->power = 0.75;
}

recur_status recur_loss_options_init(recur_loss_options *options, size_t size, int32_t kind)
{
    RECUR__NOT_NULL(options);
    const recur__loss_kind *of = kind_of(kind);
    if (!of) return RECUR__NO_CONSTANT(__func__, "kind", kind, constants);
    recur_loss_options o = { .kind = kind };
    fill_in(of, &o);
    return recur__set_out(__func__, &o, sizeof o, options, size);
}

static recur_status check_options(const recur__loss_kind *kind, const recur_loss_options *o)
{
    RECUR__CHECK(
        recur__check_flags("recur_loss_create", o->flags,
                           RECUR_LOSS_SUM | RECUR_LOSS_IGNORE_INDEX | RECUR_LOSS_ZERO_INFINITY,
                           "RECUR_LOSS_SUM, _IGNORE_INDEX and _ZERO_INFINITY"));
    RECUR__CHECK(check_kind_has(kind, o));
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_loss_create: smoothing is %g; it must be in [0,1)", o->smoothing);
    if (kind->delta && !(o->delta > 0))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: delta is %g; it must be above 0",
                           o->delta);
    if (kind->sampled) return check_draws(o);
    return check_weights(o->class_weight ? o->class_weight : o->positive_weight, o->classes);
}

/* ---- making --------------------------------------------------------------------------------- */

/* The loss with its vectors; measures while the carver has no base. */
static recur_loss *lay_out(recur__carver *carver, const recur__loss_kind *kind,
                           const recur_loss_options *o)
{
    recur_loss *loss = recur__carve(carver, 1, sizeof *loss);
    const int64_t weights = kind->sampled ? 0 : o->classes, drawn = kind->sampled ? o->classes : 0;
    float *weight = recur__carve(carver, weights, sizeof *weight);
    double *cdf = recur__carve(carver, drawn, sizeof *cdf);
    int32_t *guide = recur__carve(carver, drawn, sizeof *guide);
    if (loss) *loss = (recur_loss){ .weight = weight, .cdf = cdf, .guide = guide };
    return loss;
}

static void set_options(recur_loss *loss, const recur_loss_options *o)
{
    const float *weight = o->class_weight ? o->class_weight : o->positive_weight;
    if (weight) memcpy(loss->weight, weight, (size_t)o->classes * sizeof *weight);
    loss->sum = o->flags & RECUR_LOSS_SUM;
    loss->ignores = o->flags & RECUR_LOSS_IGNORE_INDEX;
    loss->zero_infinity = o->flags & RECUR_LOSS_ZERO_INFINITY;
    loss->ignore_index = o->ignore_index;
    loss->blank = o->blank;
    loss->smoothing = o->smoothing;
    loss->delta = o->delta;
    loss->classes = o->classes;
    loss->samples = o->samples;
}

recur_status recur_loss_create(recur_context *ctx, const recur_loss_options *options,
                               recur_loss **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_loss_options o;
    RECUR__CHECK(recur__take("recur_loss_options", options, &o, sizeof o));
    const recur__loss_kind *kind = kind_of(o.kind);
    if (!kind) return RECUR__NO_CONSTANT(__func__, "kind", o.kind, constants);
    const bool exact = recur__is_exact(options);
    if (!exact && o.power != 0 && !o.counts && kind->sampled)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_loss_create: power is %g, but there are no counts", o.power);
    if (!exact) fill_in(kind, &o);
    RECUR__CHECK(check_options(kind, &o));

    recur__carver carver = { 0 };
    lay_out(&carver, kind, &o);
    const size_t bytes = carver.used;
    void *base = recur__alloc(ctx, bytes);
    if (!base) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = base };
    recur_loss *loss = lay_out(&carver, kind, &o);
    loss->ctx = recur__context_retain(ctx);
    loss->bytes = bytes;
    loss->kind = kind;
    set_options(loss, &o);
    recur_status status = RECUR_OK;
    if (kind->sampled) status = recur__draws_fill(loss, o.counts, o.power);
    if (status)
        recur_loss_release(loss);
    else
        *out = loss;
    return status;
}

void recur_loss_release(recur_loss *loss)
{
    if (!loss) return;
    recur_context *ctx = loss->ctx;
    recur__free(ctx, loss, loss->bytes);
    recur_context_release(ctx);
}

/* The functions that compute a kind. */
static const char *functions_of(const recur__loss_kind *kind)
{
    if (kind->classes) return "recur_loss_classes, which takes labels";
    if (kind->values) return "recur_loss_values, which takes target values";
    if (kind->sampled) return "recur_loss_sampled, which draws classes";
    return "recur_ctc_loss or recur_ctc_decode, which take label sequences";
}

recur_status recur__loss_not_for(const char *function, const recur_loss *loss)
{
    return recur__fail(RECUR_E_UNSUPPORTED, "%s: the loss is of the kind %s (%d); for that use %s",
                       function, loss->kind->name, (int)loss->kind->kind, functions_of(loss->kind));
}

/* ---- doors ---------------------------------------------------------------------------------- */

/* rows and width of y, and the length of the weights against width. */
static recur_status check_shape(const char *function, const recur_loss *loss, int64_t rows,
                                int64_t width)
{
    if (rows < 0 || width < 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %lld rows of %lld: a size is negative", function,
                           (long long)rows, (long long)width);
    if (recur__times(recur__times(rows, width), (int64_t)sizeof(float)) < 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: the size of %lld rows of %lld overflows",
                           function, (long long)rows, (long long)width);
    if (loss->weight && width != loss->classes)
        return recur__fail(RECUR_E_SHAPE,
                           "%s: y has %lld columns, the loss was made with %lld weights", function,
                           (long long)width, (long long)loss->classes);
    return RECUR_OK;
}

static recur_status check_labels(const char *function, const recur_loss *loss, int64_t rows,
                                 int64_t classes, const int32_t *labels)
{
    for (int64_t r = 0; r < rows; r++)
        if (labels[r] >= classes && recur__label_counts(loss, labels[r]))
            return recur__fail(RECUR_E_ARGUMENT,
                               "%s: the label of row %lld is %d, but there are %lld classes",
                               function, (long long)r, (int)labels[r], (long long)classes);
    return RECUR_OK;
}

recur_status recur_loss_classes(const recur_loss *loss, int64_t rows, int64_t classes,
                                const float *y, const int32_t *labels, double *value, float *dy)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(loss);
    if (rows) RECUR__NOT_NULL(y);
    if (rows) RECUR__NOT_NULL(labels);
    if (!loss->kind->classes) return recur__loss_not_for(__func__, loss);
    RECUR__CHECK(check_shape(__func__, loss, rows, classes));
    if (classes == 0)
        return recur__fail(RECUR_E_SHAPE, "recur_loss_classes: %lld rows of 0 classes",
                           (long long)rows);
    RECUR__CHECK(check_labels(__func__, loss, rows, classes, labels));
    const double result = loss->kind->classes(loss, rows, classes, y, labels, dy);
    if (value) *value = result;
    return RECUR_OK;
}

recur_status recur_loss_values(const recur_loss *loss, int64_t rows, int64_t features,
                               const float *y, const float *target, double *value, float *dy)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(loss);
    if (rows) RECUR__NOT_NULL(y);
    if (rows) RECUR__NOT_NULL(target);
    if (!loss->kind->values) return recur__loss_not_for(__func__, loss);
    RECUR__CHECK(check_shape(__func__, loss, rows, features));
    const double result = loss->kind->values(loss, rows, features, y, target, dy);
    if (value) *value = result;
    return RECUR_OK;
}

static recur_status check_sampled(const recur_loss *loss, int64_t rows, int64_t features,
                                  const int32_t *labels, int64_t count)
{
    const char *function = "recur_loss_sampled";
    if (!loss->kind->sampled) return recur__loss_not_for(function, loss);
    RECUR__CHECK(check_shape(function, loss, rows, features));
    if (rows > RECUR__LARGEST || features < 1 || features > RECUR__LARGEST)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %lld rows of %lld: one is too small or too large",
                           function, (long long)rows, (long long)features);
    const int64_t V = loss->classes, weights = V * features;
    if (count != weights && count != weights + V)
        return recur__fail(RECUR_E_SHAPE,
                           "%s: there are %lld parameters; %lld classes of %lld features have "
                           "%lld, with a bias %lld",
                           function, (long long)count, (long long)V, (long long)features,
                           (long long)weights, (long long)(weights + V));
    return check_labels(function, loss, rows, V, labels);
}

recur_status recur_loss_sampled(const recur_loss *loss, int64_t rows, int64_t features,
                                const float *h, const int32_t *labels, const float *params,
                                int64_t count, uint64_t seed, uint64_t counter, double *value,
                                float *dh, float *dparams, recur_tape *tape)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(loss);
    if (rows) RECUR__NOT_NULL(h);
    if (rows) RECUR__NOT_NULL(labels);
    RECUR__NOT_NULL(params);
    RECUR__CHECK(check_sampled(loss, rows, features, labels, count));
    const int64_t weights = loss->classes * features;
    int64_t counted = 0;
    for (int64_t r = 0; r < rows; r++) counted += recur__label_counts(loss, labels[r]);
    const recur__sampled call = { .loss = loss,
                                  .R = rows,
                                  .F = features,
                                  .V = loss->classes,
                                  .h = h,
                                  .W = params,
                                  .b = count > weights ? params + weights : NULL,
                                  .labels = labels,
                                  .seed = seed,
                                  .counter = counter,
                                  .scale = loss->sum || counted == 0 ? 1 : 1 / (double)counted,
                                  .dh = dh,
                                  .dW = dparams,
                                  .db = count > weights && dparams ? dparams + weights : NULL,
                                  .tape = tape };
    double result;
    RECUR__CHECK(loss->kind->sampled(&call, &result));
    if (value) *value = result;
    return RECUR_OK;
}
