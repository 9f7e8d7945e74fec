/* run.c - what every training run has; see run.h. */
#include "run.h"
#include "try.h"

#include <stdio.h>
#include <stdlib.h>

recur_layer *chain(int32_t kind, int64_t n, const char *const *names, recur_layer *const *parts)
{
    recur_layer *whole;
    TRY(recur_compose_create(NULL, kind, n, names, parts, &whole));
    for (int64_t i = 0; i < n; i++) recur_layer_release(parts[i]);
    return whole;
}

run run_create(recur_layer *net, const recur_loss_options *loss, double rate)
{
    const recur_optimizer_options adam = { .size = sizeof adam,
                                           .kind = RECUR_OPTIMIZER_ADAM,
                                           .rate = rate };
    return run_create_with(net, loss, &adam);
}

run run_create_with(recur_layer *net, const recur_loss_options *loss,
                    const recur_optimizer_options *optimizer)
{
    run r = { .net = net, .count = recur_layer_param_count(net) };
    r.grads = NEW(float, r.count);
    TRY(recur_tape_create(NULL, &r.tape));
    TRY(recur_loss_create(NULL, loss, &r.loss));
    TRY(recur_optimizer_create(NULL, optimizer, r.count, &r.optimizer));
    return r;
}

void run_release(run *r)
{
    recur_optimizer_release(r->optimizer);
    recur_loss_release(r->loss);
    recur_tape_release(r->tape);
    recur_layer_release(r->net);
    free(r->grads);
}

/* The two prefixes of a run. */
typedef struct {
    char model[64], optimizer[64];
} prefixes;

static prefixes under(const char *prefix)
{
    prefixes p;
    snprintf(p.model, sizeof p.model, "%smodel.", prefix);
    snprintf(p.optimizer, sizeof p.optimizer, "%soptimizer.", prefix);
    return p;
}

void run_save(const run *r, recur_file *file, const char *prefix)
{
    const prefixes p = under(prefix);
    TRY(recur_file_put_model(file, p.model, r->net, NULL));
    TRY(recur_file_put_optimizer(file, p.optimizer, r->optimizer));
}

void run_load(run *r, recur_file *file, const char *prefix)
{
    const prefixes p = under(prefix);
    TRY(recur_file_get_layer(file, p.model, r->net));
    TRY(recur_file_get_optimizer(file, p.optimizer, r->optimizer));
}
