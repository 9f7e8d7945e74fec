/* optimizer_kinds.c - the kinds of optimizers: one function and one row of the table each. */
#include <math.h>

#include "base/elementary.h"
#include "train/optimizer_kinds.h"

static recur__update *sgd(const recur__optimizer_kernels *update, const recur__part_step *step,
                          recur__rule *k)
{
    const recur_optimizer_options *o = step->o;
    if (o->momentum == 0) return update->sgd[0];
    if (o->flags & RECUR_OPTIMIZER_NESTEROV) return update->sgd[2];
    k->share = (float)(1 - o->dampening);
    return update->sgd[o->dampening > 0 && step->t > 1 ? 3 : 1];
}

static void decouple(const recur__part_step *step, recur__rule *k)
{
    k->decay = 0;
    k->shrink = (float)(step->rate * step->decay);
}

static recur__update *adam(const recur__optimizer_kernels *update, const recur__part_step *step,
                           recur__rule *k)
{
    const recur_optimizer_options *o = step->o;
    const double n = (double)step->t;
    k->rate = (float)(step->rate / (1 - recur__pow(o->beta1, n)));
    k->root = (float)(1 / sqrt(1 - recur__pow(o->beta2, n)));
    return update->adam[(o->flags & RECUR_OPTIMIZER_AMSGRAD) != 0];
}

static recur__update *adamw(const recur__optimizer_kernels *update, const recur__part_step *step,
                            recur__rule *k)
{
    decouple(step, k);
    return adam(update, step, k);
}

/* Of n steps so many count as long as the variance of the second moment is unknown: then the mean
 * gradient alone is followed. */
static recur__update *radam(const recur__optimizer_kernels *update, const recur__part_step *step,
                            recur__rule *k)
{
    const recur_optimizer_options *o = step->o;
    const double n = (double)step->t, most = 2 / (1 - o->beta2) - 1, fall = recur__pow(o->beta2, n);
    const double length = most - 2 * n * fall / (1 - fall);
    if (o->flags & RECUR_OPTIMIZER_DECOUPLED) decouple(step, k);
    double rate = step->rate / (1 - recur__pow(o->beta1, n));
    if (length > 5)
        rate *= sqrt((1 - fall) * (length - 4) * (length - 2) * most /
                     ((most - 4) * (most - 2) * length));
    k->rate = (float)rate;
    k->root = 1;
    return length > 5 ? update->adam[0] : update->adam_mean;
}

double recur__nadam_momentum(const recur_optimizer_options *o, uint64_t t)
{
    return o->beta1 * (1 - 0.5 * recur__pow(0.96, (double)t * o->momentum_decay));
}

static recur__update *nadam(const recur__optimizer_kernels *update, const recur__part_step *step,
                            recur__rule *k)
{
    const recur_optimizer_options *o = step->o;
    const double now = recur__nadam_momentum(o, step->t);
    const double then = recur__nadam_momentum(o, step->t + 1);
    if (o->flags & RECUR_OPTIMIZER_DECOUPLED) decouple(step, k);
    k->share = (float)((1 - now) / (1 - step->product));
    k->momentum = (float)(then / (1 - step->product * then));
    k->root = (float)(1 / sqrt(1 - recur__pow(o->beta2, (double)step->t)));
    return update->nadam;
}

static recur__update *rmsprop(const recur__optimizer_kernels *update, const recur__part_step *step,
                              recur__rule *k)
{
    (void)k;
    return update->rmsprop[(step->o->flags & RECUR_OPTIMIZER_CENTRED) != 0][step->o->momentum > 0];
}

static recur__update *adagrad(const recur__optimizer_kernels *update, const recur__part_step *step,
                              recur__rule *k)
{
    k->rate = (float)(step->rate / (1 + (double)(step->t - 1) * step->o->rate_decay));
    return update->adagrad;
}

static recur__update *adadelta(const recur__optimizer_kernels *update, const recur__part_step *step,
                               recur__rule *k)
{
    (void)step;
    (void)k;
    return update->adadelta;
}

#define ADAM_MOMENTS                                                                   \
    {                                                                                  \
        { "m", RECUR__ALWAYS }, { "v", RECUR__ALWAYS }, { "v_max", RECUR__IF_AMSGRAD } \
    }

static const recur__optimizer_kind kinds[] = {
    { .kind = RECUR_OPTIMIZER_SGD,
      .name = "sgd",
      .rate = 1e-3,
      .momentum = true,
      .dampening = true,
      .flags = RECUR_OPTIMIZER_NESTEROV,
      .moment = { { "momentum", RECUR__IF_MOMENTUM } },
      .rule = sgd },
    { .kind = RECUR_OPTIMIZER_ADAM,
      .name = "adam",
      .rate = 1e-3,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .flags = RECUR_OPTIMIZER_AMSGRAD,
      .moment = ADAM_MOMENTS,
      .rule = adam },
    { .kind = RECUR_OPTIMIZER_ADAMW,
      .name = "adamw",
      .rate = 1e-3,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .flags = RECUR_OPTIMIZER_AMSGRAD,
      .moment = ADAM_MOMENTS,
      .rule = adamw },
    { .kind = RECUR_OPTIMIZER_RMSPROP,
      .name = "rmsprop",
      .rate = 1e-2,
      .beta2 = 0.99,
      .epsilon = 1e-8,
      .momentum = true,
      .flags = RECUR_OPTIMIZER_CENTRED,
      .moment = { { "v", RECUR__ALWAYS },
                  { "mean", RECUR__IF_CENTRED },
                  { "momentum", RECUR__IF_MOMENTUM } },
      .rule = rmsprop },
    { .kind = RECUR_OPTIMIZER_ADAGRAD,
      .name = "adagrad",
      .rate = 1e-2,
      .epsilon = 1e-10,
      .rate_decay = true,
      .accumulator = true,
      .moment = { { "sum", RECUR__ALWAYS } },
      .rule = adagrad },
    { .kind = RECUR_OPTIMIZER_ADADELTA,
      .name = "adadelta",
      .rate = 1,
      .beta2 = 0.9,
      .epsilon = 1e-6,
      .moment = { { "v", RECUR__ALWAYS }, { "delta", RECUR__ALWAYS } },
      .rule = adadelta },
    { .kind = RECUR_OPTIMIZER_RADAM,
      .name = "radam",
      .rate = 1e-3,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .flags = RECUR_OPTIMIZER_DECOUPLED,
      .moment = { { "m", RECUR__ALWAYS }, { "v", RECUR__ALWAYS } },
      .rule = radam },
    { .kind = RECUR_OPTIMIZER_NADAM,
      .name = "nadam",
      .rate = 2e-3,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .momentum_decay = 4e-3,
      .flags = RECUR_OPTIMIZER_DECOUPLED,
      .moment = { { "m", RECUR__ALWAYS }, { "v", RECUR__ALWAYS } },
      .rule = nadam },
};

const recur__optimizer_kind *recur__optimizer_kind_of(int32_t kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].kind == kind) return &kinds[i];
    return NULL;
}

static const recur__constant constants[] = {
    RECUR__CONSTANT(RECUR_OPTIMIZER_SGD),     RECUR__CONSTANT(RECUR_OPTIMIZER_ADAM),
    RECUR__CONSTANT(RECUR_OPTIMIZER_ADAMW),   RECUR__CONSTANT(RECUR_OPTIMIZER_RMSPROP),
    RECUR__CONSTANT(RECUR_OPTIMIZER_ADAGRAD), RECUR__CONSTANT(RECUR_OPTIMIZER_ADADELTA),
    RECUR__CONSTANT(RECUR_OPTIMIZER_RADAM),   RECUR__CONSTANT(RECUR_OPTIMIZER_NADAM),
};

recur_status recur__optimizer_no_kind(const char *function, int32_t kind)
{
    return RECUR__NO_CONSTANT(function, "kind", kind, constants);
}
