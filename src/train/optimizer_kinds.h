/* optimizer_kinds.h - a made optimizer, and the table of its kinds. */
#ifndef RECUR__OPTIMIZER_KINDS_H
#define RECUR__OPTIMIZER_KINDS_H

#include "kernels/kernels.h"
#include "train/optimizer.h"

/* When a kind has a moment. */
typedef enum recur__has {
    RECUR__NEVER,
    RECUR__ALWAYS,
    RECUR__IF_MOMENTUM,
    RECUR__IF_AMSGRAD,
    RECUR__IF_CENTRED
} recur__has;

/* One step of one part: its rate and decay, the number of the step, from 1 on, and NAdam's product
 * of its momenta until now. */
typedef struct recur__part_step {
    const recur_optimizer_options *o;
    double rate, decay, product;
    uint64_t t;
} recur__part_step;

/* Chooses the step of a kind, and sets the constants that only this kind has; k comes with those
   that many have. */
typedef recur__update *recur__rule_of(const recur__optimizer_kernels *update,
                                      const recur__part_step *step, recur__rule *k);

/* A kind: defaults of the options that it has (0: it has no such option), its flags and moments. */
typedef struct recur__optimizer_kind {
    int32_t kind; /* RECUR_OPTIMIZER_* */
    const char *name;
    double rate, beta1, beta2, epsilon, momentum_decay;
    bool momentum, dampening, rate_decay, accumulator;
    uint64_t flags;
    struct {
        const char *name;
        recur__has has;
    } moment[RECUR__MOMENTS]; /* in the order of the arguments of its step in kernels/kernels.h */
    recur__rule_of *rule;
} recur__optimizer_kind;

const recur__optimizer_kind *recur__optimizer_kind_of(int32_t kind); /* NULL: unknown */

/* NAdam's momentum of a step. */
double recur__nadam_momentum(const recur_optimizer_options *o, uint64_t t);

/* RECUR_E_ARGUMENT, with the kinds that there are. */
recur_status recur__optimizer_no_kind(const char *function, int32_t kind);

/* A part of the vector with its own multiples of rate and weight decay; parts cover it in order
 * without gaps. */
typedef struct recur__part {
    int64_t end; /* it starts where the one before ends */
    double rate_scale, decay_scale;
} recur__part;

struct recur_optimizer {
    recur_context *ctx;
    size_t bytes; /* of this allocation */
    const recur__optimizer_kind *kind;
    recur_optimizer_options options; /* with the defaults filled in */
    int64_t count;
    uint64_t steps;
    double product; /* NAdam: of the momenta of the first product_steps steps */
    uint64_t product_steps;
    float *moment[RECUR__MOMENTS]; /* NULL: this one has none */
    recur__part whole;             /* where parts points as long as there is no range */
    recur__part *parts;
    size_t part_bytes; /* of their own allocation; 0 as long as there is none */
    int64_t part_count;
};

#endif
