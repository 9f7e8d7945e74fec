/* loss.c - losses: the table of kinds, making and releasing, and the checks before a value is computed. */
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
    { .kind = RECUR_LOSS_MSE, .name = "mse", .values = recur__mse },
    { .kind = RECUR_LOSS_L1, .name = "l1", .values = recur__l1 },
    { .kind = RECUR_LOSS_HUBER, .name = "huber", .values = recur__huber, .delta = true },
    { .kind = RECUR_LOSS_BCE_LOGITS, .name = "bce with logits", .values = recur__bce_logits, .positive_weight = true },
};

static const recur__loss_kind *kind_of(int32_t kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind) return &kinds[i];
    return NULL;
}

/* ---- options ------------------------------------------------------------------------------------ */

static recur_status foreign(const recur__loss_kind *kind, const char *option)
{
    return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: the kind %s (%d) has no %s", kind->name, (int)kind->kind,
                       option);
}

static recur_status check_kind_has(const recur__loss_kind *kind, const recur_loss_options *o)
{
    if (o->smoothing != 0 && !kind->smoothing) return foreign(kind, "smoothing");
    if (o->delta != 0 && !kind->delta) return foreign(kind, "delta");
    if (o->class_weight && !kind->class_weight) return foreign(kind, "class_weight");
    if (o->positive_weight && !kind->positive_weight) return foreign(kind, "positive_weight");
    if ((o->flags & RECUR_LOSS_IGNORE_INDEX || o->ignore_index) && !kind->classes) return foreign(kind, "ignore_index");
    if (o->flags & RECUR_LOSS_ZERO_INFINITY && !kind->sequences) return foreign(kind, "flag RECUR_LOSS_ZERO_INFINITY");
    if (o->blank && !kind->sequences) return foreign(kind, "blank");
    if (o->blank < 0 || o->reserved)
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: blank is %d, reserved %d: one is negative, or not 0",
                           (int)o->blank, (int)o->reserved);
    if (o->ignore_index && !(o->flags & RECUR_LOSS_IGNORE_INDEX))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_loss_create: ignore_index is %d, but the flag RECUR_LOSS_IGNORE_INDEX is not set",
                           (int)o->ignore_index);
    return RECUR_OK;
}

static recur_status check_weights(const float *weight, int64_t classes)
{
    if (classes < 0 || (classes > 0 && !weight))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: classes is %lld: it is the length of the weights, %s",
                           (long long)classes, weight ? "at least 1" : "0 without them");
    if (!weight) return RECUR_OK;
    if (classes == 0)
        return recur__fail(RECUR_E_SHAPE, "recur_loss_create: there are weights, but classes, their length, is 0");
    for (int64_t c = 0; c < classes; c++)
        if (!(weight[c] >= 0) || isinf(weight[c]))
            return recur__fail(RECUR_E_ARGUMENT,
                               "recur_loss_create: weight %lld of %lld is %g; it must be at least 0 and finite",
                               (long long)c, (long long)classes, (double)weight[c]);
    return RECUR_OK;
}

static recur_status check_options(const recur__loss_kind *kind, const recur_loss_options *o)
{
    if (!kind) return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: kind %d is unknown", (int)o->kind);
    if (o->flags & ~(uint32_t)(RECUR_LOSS_SUM | RECUR_LOSS_IGNORE_INDEX | RECUR_LOSS_ZERO_INFINITY))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: flags %#x has an unknown bit", (unsigned)o->flags);
    RECUR__TRY(check_kind_has(kind, o));
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: smoothing is %g; it must be in [0,1)", o->smoothing);
    if (!(o->delta >= 0))
        return recur__fail(RECUR_E_ARGUMENT, "recur_loss_create: delta is %g; it must be above 0", o->delta);
    return check_weights(o->class_weight ? o->class_weight : o->positive_weight, o->classes);
}

/* ---- making ------------------------------------------------------------------------------------- */

recur_status recur_loss_create(recur_context *ctx, const recur_loss_options *options, recur_loss **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(options);
    recur_loss_options o;
    RECUR__TRY(recur__take("recur_loss_options", options, &o, sizeof o));
    const recur__loss_kind *kind = kind_of(o.kind);
    RECUR__TRY(check_options(kind, &o));

    recur__carver carver = { 0 };
    recur__carve(&carver, 1, sizeof **out);
    recur__carve(&carver, o.classes, sizeof(float));
    const size_t bytes = carver.used;
    void *base = recur__alloc(ctx, bytes);
    if (!base) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = base };
    recur_loss *loss = recur__carve(&carver, 1, sizeof *loss);
    *loss = (recur_loss){ .ctx = recur__context_retain(ctx),
                          .bytes = bytes,
                          .kind = kind,
                          .sum = o.flags & RECUR_LOSS_SUM,
                          .ignores = o.flags & RECUR_LOSS_IGNORE_INDEX,
                          .zero_infinity = o.flags & RECUR_LOSS_ZERO_INFINITY,
                          .ignore_index = o.ignore_index,
                          .blank = o.blank,
                          .smoothing = o.smoothing,
                          .delta = o.delta > 0 ? o.delta : 1,
                          .classes = o.classes,
                          .weight = recur__carve(&carver, o.classes, sizeof(float)) };
    const float *weight = o.class_weight ? o.class_weight : o.positive_weight;
    if (weight) memcpy(loss->weight, weight, (size_t)o.classes * sizeof *weight);
    *out = loss;
    return RECUR_OK;
}

void recur_loss_release(recur_loss *loss)
{
    if (!loss) return;
    recur_context *ctx = loss->ctx;
    recur__free(ctx, loss, loss->bytes);
    recur_context_release(ctx);
}

/* ---- doors -------------------------------------------------------------------------------------- */

/* rows and width of y, and the length of the weights against width. */
static recur_status check_shape(const char *function, const recur_loss *loss, int64_t rows, int64_t width)
{
    if (rows < 0 || width < 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %lld rows of %lld: a size is negative", function, (long long)rows,
                           (long long)width);
    if (recur__times(recur__times(rows, width), (int64_t)sizeof(float)) < 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: the size of %lld rows of %lld overflows", function, (long long)rows,
                           (long long)width);
    if (loss->weight && width != loss->classes)
        return recur__fail(RECUR_E_SHAPE, "%s: y has %lld columns, the loss was made with %lld weights", function,
                           (long long)width, (long long)loss->classes);
    return RECUR_OK;
}

recur_status recur_loss_classes(const recur_loss *loss, int64_t rows, int64_t classes, const float *y,
                                const int32_t *labels, double *value, float *dy)
{
    RECUR__NOT_NULL(loss);
    RECUR__NOT_NULL(y);
    RECUR__NOT_NULL(labels);
    if (!loss->kind->classes)
        return recur__fail(RECUR_E_UNSUPPORTED, "recur_loss_classes: the kind %s (%d) is none on labels of rows",
                           loss->kind->name, (int)loss->kind->kind);
    RECUR__TRY(check_shape(__func__, loss, rows, classes));
    if (classes == 0) return recur__fail(RECUR_E_SHAPE, "recur_loss_classes: %lld rows of 0 classes", (long long)rows);
    for (int64_t r = 0; r < rows; r++)
        if (labels[r] >= classes && recur__label_counts(loss, labels[r]))
            return recur__fail(RECUR_E_ARGUMENT,
                               "recur_loss_classes: the label of row %lld is %d, but there are %lld classes",
                               (long long)r, (int)labels[r], (long long)classes);
    const double result = loss->kind->classes(loss, rows, classes, y, labels, dy);
    if (value) *value = result;
    return RECUR_OK;
}

recur_status recur_loss_values(const recur_loss *loss, int64_t rows, int64_t features, const float *y,
                               const float *target, double *value, float *dy)
{
    RECUR__NOT_NULL(loss);
    RECUR__NOT_NULL(y);
    RECUR__NOT_NULL(target);
    if (!loss->kind->values)
        return recur__fail(RECUR_E_UNSUPPORTED, "recur_loss_values: the kind %s (%d) is none on values",
                           loss->kind->name, (int)loss->kind->kind);
    RECUR__TRY(check_shape(__func__, loss, rows, features));
    const double result = loss->kind->values(loss, rows, features, y, target, dy);
    if (value) *value = result;
    return RECUR_OK;
}
