/* optimizer_kinds.c - the kinds of optimizers: one function and one row of the table each. */
#include <math.h>

#include "train/optimizer_kinds.h"

static recur__update *sgd(const recur_optimizer_options *o, const recur__optimizer_kernels *update,
                          double rate, double decay, uint64_t t, recur__rule *k)
{
    (void)rate, (void)decay, (void)t, (void)k;
    if (o->momentum == 0) return update->sgd[0];
    return update->sgd[o->flags & RECUR_OPTIMIZER_NESTEROV ? 2 : 1];
}

static recur__update *adam(const recur_optimizer_options *o, const recur__optimizer_kernels *update,
                           double rate, double decay, uint64_t t, recur__rule *k)
{
    (void)decay;
    const double n = (double)t;
    k->rate = (float)(rate / (1 - pow(o->beta1, n)));
    k->root = (float)(1 / sqrt(1 - pow(o->beta2, n)));
    return update->adam[(o->flags & RECUR_OPTIMIZER_AMSGRAD) != 0];
}

static recur__update *adamw(const recur_optimizer_options *o,
                            const recur__optimizer_kernels *update, double rate, double decay,
                            uint64_t t, recur__rule *k)
{
    k->decay = 0;
    k->shrink = (float)(rate * decay);
    return adam(o, update, rate, decay, t, k);
}

static recur__update *rmsprop(const recur_optimizer_options *o,
                              const recur__optimizer_kernels *update, double rate, double decay,
                              uint64_t t, recur__rule *k)
{
    (void)rate, (void)decay, (void)t, (void)k;
    return update->rmsprop[(o->flags & RECUR_OPTIMIZER_CENTRED) != 0][o->momentum > 0];
}

static recur__update *adagrad(const recur_optimizer_options *o,
                              const recur__optimizer_kernels *update, double rate, double decay,
                              uint64_t t, recur__rule *k)
{
    (void)o, (void)rate, (void)decay, (void)t, (void)k;
    return update->adagrad;
}

static recur__update *adadelta(const recur_optimizer_options *o,
                               const recur__optimizer_kernels *update, double rate, double decay,
                               uint64_t t, recur__rule *k)
{
    (void)o, (void)rate, (void)decay, (void)t, (void)k;
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
      .moment = { { "sum", RECUR__ALWAYS } },
      .rule = adagrad },
    { .kind = RECUR_OPTIMIZER_ADADELTA,
      .name = "adadelta",
      .rate = 1,
      .beta2 = 0.9,
      .epsilon = 1e-6,
      .moment = { { "v", RECUR__ALWAYS }, { "delta", RECUR__ALWAYS } },
      .rule = adadelta },
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
};

recur_status recur__optimizer_no_kind(const char *function, int32_t kind)
{
    return RECUR__NO_CONSTANT(function, "kind", kind, constants);
}
