/* optimizer.c - optimizers: options, making and releasing, ranges, and the step.
 *
 * A part with rate_scale 0 is frozen: its parameters do not move, its moments still follow the
 * gradients. */
#include <float.h>
#include <math.h>

#include "train/optimizer_kinds.h"

/* ---- options -------------------------------------------------------------------------------- */

/* An option that must be in [0, below), and 0 if the kind does not have it. */
static recur_status check_number(const char *function, const recur__optimizer_kind *kind,
                                 const char *option, bool has, double value, double below)
{
    if (!has && value != 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: the kind %s (%d) has no %s, which is %g",
                           function, kind->name, (int)kind->kind, option, value);
    if (!(value >= 0 && value < below))
        return recur__fail(RECUR_E_ARGUMENT, "%s: %s is %g; it must be in [0,%g)", function, option,
                           value, below);
    return RECUR_OK;
}

static recur_status check_flags(const char *function, const recur__optimizer_kind *kind,
                                const recur_optimizer_options *o)
{
    if (o->flags & ~kind->flags)
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: flags %#llx has a bit that the kind %s (%d) does not have",
                           function, (unsigned long long)o->flags, kind->name, (int)kind->kind);
    if (o->flags & RECUR_OPTIMIZER_NESTEROV && o->momentum == 0)
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: RECUR_OPTIMIZER_NESTEROV needs momentum, which is 0", function);
    if (o->dampening != 0 && (o->momentum == 0 || o->flags & RECUR_OPTIMIZER_NESTEROV))
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: dampening is %g; it needs momentum, which is %g, without "
                           "RECUR_OPTIMIZER_NESTEROV",
                           function, o->dampening, o->momentum);
    return RECUR_OK;
}

static recur_status check_options(const char *function, const recur__optimizer_kind *kind,
                                  const recur_optimizer_options *o)
{
    if (!kind) return recur__optimizer_no_kind(function, o->kind);
    const double above_1 = nextafter(1, 2);
    const struct {
        const char *option;
        bool has;
        double value, below;
    } numbers[] = {
        { "rate", true, o->rate, INFINITY },
        { "momentum", kind->momentum, o->momentum, 1 },
        { "beta1", kind->beta1 > 0, o->beta1, 1 },
        { "beta2", kind->beta2 > 0, o->beta2, 1 },
        { "epsilon", kind->epsilon > 0, o->epsilon, INFINITY },
        { "weight_decay", true, o->weight_decay, INFINITY },
        { "dampening", kind->dampening, o->dampening, above_1 },
        { "rate_decay", kind->rate_decay, o->rate_decay, INFINITY },
        { "accumulator", kind->accumulator, o->accumulator, INFINITY },
        { "momentum_decay", kind->momentum_decay > 0, o->momentum_decay, INFINITY },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        RECUR__CHECK(check_number(function, kind, numbers[i].option, numbers[i].has,
                                  numbers[i].value, numbers[i].below));
    return check_flags(function, kind, o);
}

static void fill_in(const recur__optimizer_kind *kind, recur_optimizer_options *o)
{
    if (o->rate == 0) o->rate = kind->rate;
    if (o->beta1 == 0) o->beta1 = kind->beta1;
    if (o->beta2 == 0) o->beta2 = kind->beta2;
    if (o->epsilon == 0) o->epsilon = kind->epsilon;
    if (o->momentum_decay == 0) o->momentum_decay = kind->momentum_decay;
}

recur_status recur_optimizer_options_init(recur_optimizer_options *options, size_t size,
                                          int32_t kind)
{
    RECUR__NOT_NULL(options);
    const recur__optimizer_kind *of = recur__optimizer_kind_of(kind);
    if (!of) return recur__optimizer_no_kind(__func__, kind);
    recur_optimizer_options o = { .kind = kind };
    fill_in(of, &o);
    return recur__set_out(__func__, &o, sizeof o, options, size);
}

/* ---- making --------------------------------------------------------------------------------- */

static bool has_moment(const recur__optimizer_kind *kind, const recur_optimizer_options *o,
                       int moment)
{
    switch (kind->moment[moment].has) {
    case RECUR__ALWAYS:
        return true;
    case RECUR__IF_MOMENTUM:
        return o->momentum > 0;
    case RECUR__IF_AMSGRAD:
        return o->flags & RECUR_OPTIMIZER_AMSGRAD;
    case RECUR__IF_CENTRED:
        return o->flags & RECUR_OPTIMIZER_CENTRED;
    default:
        return false;
    }
}

/* Lays out an optimizer: the handle, then its moments. NULL while measuring. */
static recur_optimizer *lay_out(recur__carver *carver, const recur__optimizer_kind *kind,
                                const recur_optimizer_options *o, int64_t count)
{
    recur_optimizer *optimizer = recur__carve(carver, 1, sizeof *optimizer);
    float *moment[RECUR__MOMENTS];
    for (int i = 0; i < RECUR__MOMENTS; i++)
        moment[i] = recur__carve(carver, has_moment(kind, o, i) ? count : 0, sizeof(float));
    if (!optimizer) return NULL;
    *optimizer = (recur_optimizer){ .kind = kind,
                                    .options = *o,
                                    .count = count,
                                    .whole = { .end = count, .rate_scale = 1, .decay_scale = 1 },
                                    .product = 1,
                                    .part_count = 1 };
    optimizer->parts = &optimizer->whole;
    memcpy(optimizer->moment, moment, sizeof moment);
    return optimizer;
}

recur_status recur_optimizer_create(recur_context *ctx, const recur_optimizer_options *options,
                                    int64_t count, recur_optimizer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(options);
    recur_optimizer_options o;
    RECUR__CHECK(recur__take("recur_optimizer_options", options, &o, sizeof o));
    const recur__optimizer_kind *kind = recur__optimizer_kind_of(o.kind);
    RECUR__CHECK(check_options(__func__, kind, &o));
    if (!recur__is_exact(options)) fill_in(kind, &o);
    if (count < 0)
        return recur__fail(RECUR_E_ARGUMENT, "recur_optimizer_create: count is %lld",
                           (long long)count);

    recur__carver carver = { 0 };
    lay_out(&carver, kind, &o, count);
    const size_t bytes = carver.used;
    void *base = recur__alloc(ctx, bytes);
    if (!base) return recur__no_memory(bytes);
    carver = (recur__carver){ .base = base };
    recur_optimizer *optimizer = lay_out(&carver, kind, &o, count);
    optimizer->ctx = recur__context_retain(ctx);
    optimizer->bytes = bytes;
    for (int i = 0; i < RECUR__MOMENTS; i++)
        for (int64_t j = 0; optimizer->moment[i] && j < count; j++)
            optimizer->moment[i][j] = (float)o.accumulator;
    *out = optimizer;
    return RECUR_OK;
}

void recur_optimizer_release(recur_optimizer *optimizer)
{
    if (!optimizer) return;
    recur_context *ctx = optimizer->ctx;
    if (optimizer->part_bytes) recur__free(ctx, optimizer->parts, optimizer->part_bytes);
    recur__free(ctx, optimizer, optimizer->bytes);
    recur_context_release(ctx);
}

void recur__optimizer_view_of(recur_optimizer *optimizer, recur__optimizer_view *out)
{
    *out = (recur__optimizer_view){ .ctx = optimizer->ctx,
                                    .kind = optimizer->kind->name,
                                    .flags = optimizer->options.flags,
                                    .count = optimizer->count,
                                    .steps = &optimizer->steps };
    for (int i = 0; i < RECUR__MOMENTS; i++) {
        if (!has_moment(optimizer->kind, &optimizer->options, i)) continue;
        out->name[out->moments] = optimizer->kind->moment[i].name;
        out->data[out->moments++] = optimizer->moment[i];
    }
}

/* ---- rates and ranges ----------------------------------------------------------------------- */

double recur_optimizer_rate(const recur_optimizer *optimizer)
{
    return optimizer ? optimizer->options.rate : 0;
}

recur_status recur_optimizer_set_rate(recur_optimizer *optimizer, double rate)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    if (!(rate >= 0 && rate < INFINITY))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_optimizer_set_rate: rate is %g; it must be at least 0 and finite",
                           rate);
    optimizer->options.rate = rate;
    return RECUR_OK;
}

/* What fixes the moments: it cannot change once there are some. */
static recur_status check_change(const recur_optimizer_options *was,
                                 const recur_optimizer_options *o)
{
    if (o->kind != was->kind || o->flags != was->flags)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_optimizer_set_options: kind %d with flags %#llx cannot become "
                           "kind %d with flags %#llx; make a new optimizer",
                           (int)was->kind, (unsigned long long)was->flags, (int)o->kind,
                           (unsigned long long)o->flags);
    if ((o->momentum > 0) != (was->momentum > 0) || o->accumulator != was->accumulator)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_optimizer_set_options: momentum %g, accumulator %g were %g and "
                           "%g: the first stays 0 or above 0, the second as it is; make a new "
                           "optimizer",
                           o->momentum, o->accumulator, was->momentum, was->accumulator);
    return RECUR_OK;
}

recur_status recur_optimizer_set_options(recur_optimizer *optimizer,
                                         const recur_optimizer_options *options)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    RECUR__NOT_NULL(options);
    recur_optimizer_options o;
    RECUR__CHECK(recur__take("recur_optimizer_options", options, &o, sizeof o));
    const recur__optimizer_kind *kind = recur__optimizer_kind_of(o.kind);
    RECUR__CHECK(check_options(__func__, kind, &o));
    if (!recur__is_exact(options)) fill_in(kind, &o);
    RECUR__CHECK(check_change(&optimizer->options, &o));
    optimizer->options = o;
    return RECUR_OK;
}

/* Adds a part to n others, or makes the last of them longer. Gives the new n. */
static int64_t append(recur__part *parts, int64_t n, recur__part part)
{
    if (n > 0 && parts[n - 1].rate_scale == part.rate_scale &&
        parts[n - 1].decay_scale == part.decay_scale)
        n--;
    parts[n] = part;
    return n + 1;
}

/* The parts of before with [offset, part.end) replaced: at most two more. Gives their number. */
static int64_t replace(const recur__part *before, int64_t n_before, int64_t offset,
                       recur__part part, recur__part *after)
{
    int64_t n = 0, start = 0;
    for (int64_t i = 0; i < n_before; i++) {
        const recur__part old = before[i];
        if (start < offset)
            n = append(
                after, n,
                (recur__part){ recur__min(old.end, offset), old.rate_scale, old.decay_scale });
        if (start < part.end && part.end <= old.end) n = append(after, n, part);
        if (old.end > part.end) n = append(after, n, old);
        start = old.end;
    }
    return n;
}

recur_status recur_optimizer_scale_range(recur_optimizer *optimizer, int64_t offset, int64_t count,
                                         double rate_scale, double decay_scale)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    if (offset < 0 || count < 0 || offset > optimizer->count || count > optimizer->count - offset)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_optimizer_scale_range: %lld numbers from %lld on are not inside "
                           "the vector's %lld",
                           (long long)count, (long long)offset, (long long)optimizer->count);
    if (!(rate_scale >= 0 && rate_scale < INFINITY && decay_scale >= 0 && decay_scale < INFINITY))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_optimizer_scale_range: rate_scale %g, decay_scale %g: one is "
                           "negative or not finite",
                           rate_scale, decay_scale);
    if (count == 0) return RECUR_OK;
    recur__carver carver = { 0 };
    recur__carve(&carver, optimizer->part_count + 2, sizeof(recur__part));
    recur__part *parts = recur__alloc(optimizer->ctx, carver.used);
    if (!parts) return recur__no_memory(carver.used);
    const recur__part part = { offset + count, rate_scale, decay_scale };
    optimizer->part_count = replace(optimizer->parts, optimizer->part_count, offset, part, parts);
    if (optimizer->part_bytes) recur__free(optimizer->ctx, optimizer->parts, optimizer->part_bytes);
    optimizer->parts = parts;
    optimizer->part_bytes = carver.used;
    return RECUR_OK;
}

/* ---- step ----------------------------------------------------------------------------------- */

/* The constants that kinds share. An epsilon that is 0 as a float would make 0/0 of a zero
 * gradient. */
static recur__rule common_rule(const recur_optimizer_options *o, double rate, double decay,
                               double grad_scale)
{
    return (recur__rule){ .scale = (float)grad_scale,
                          .decay = (float)decay,
                          .rate = (float)rate,
                          .momentum = (float)o->momentum,
                          .beta1 = (float)o->beta1,
                          .rest1 = (float)(1 - o->beta1),
                          .beta2 = (float)o->beta2,
                          .rest2 = (float)(1 - o->beta2),
                          .epsilon = fmaxf((float)o->epsilon, FLT_MIN),
                          .frozen = rate == 0 ? UINT32_MAX : 0 };
}

/* NAdam's product of momenta until now: one factor more, or all again after steps were read from a
 * file. */
static double product_of(recur_optimizer *optimizer)
{
    if (optimizer->options.momentum_decay == 0 && optimizer->kind->momentum_decay == 0) return 0;
    if (optimizer->product_steps >= optimizer->steps) {
        optimizer->product = 1;
        optimizer->product_steps = 0;
    }
    while (optimizer->product_steps < optimizer->steps && optimizer->product > 0)
        optimizer->product *= recur__nadam_momentum(&optimizer->options,
                                                    ++optimizer->product_steps);
    optimizer->product_steps = optimizer->steps;
    return optimizer->product;
}

recur_status recur_optimizer_step(recur_optimizer *optimizer, float *params, const float *grads,
                                  int64_t count, double grad_scale)
{
    RECUR__NEEDS(TRAIN);
    RECUR__NOT_NULL(optimizer);
    if (count) {
        RECUR__NOT_NULL(params);
        RECUR__NOT_NULL(grads);
    }
    if (count != optimizer->count)
        return recur__fail(RECUR_E_SHAPE,
                           "recur_optimizer_step: count is %lld, the optimizer was made for %lld",
                           (long long)count, (long long)optimizer->count);
    if (!(fabs(grad_scale) <= (double)FLT_MAX))
        return recur__fail(RECUR_E_NUMERIC,
                           "recur_optimizer_step: grad_scale is %g, which is not finite as a float",
                           grad_scale);
    const recur_optimizer_options *o = &optimizer->options;
    const recur__optimizer_kernels *update = recur__optimizer_of(recur__kernels_of(optimizer->ctx));
    if (optimizer->steps < UINT64_MAX) optimizer->steps++;
    const double product = product_of(optimizer);
    int64_t at = 0;
    for (const recur__part *part = optimizer->parts; at < count; at = part++->end) {
        const double rate = o->rate * part->rate_scale, decay = o->weight_decay * part->decay_scale;
        recur__rule rule = common_rule(o, rate, decay, grad_scale);
        rule.n = part->end - at;
        const recur__part_step call = { o, rate, decay, product, optimizer->steps };
        recur__update *step = optimizer->kind->rule(update, &call, &rule);
        float *m[RECUR__MOMENTS];
        for (int i = 0; i < RECUR__MOMENTS; i++)
            m[i] = optimizer->moment[i] ? optimizer->moment[i] + at : NULL;
        step(&rule, params + at, grads + at, m[0], m[1], m[2]);
    }
    return RECUR_OK;
}
