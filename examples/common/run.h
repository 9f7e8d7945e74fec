/* run.h - what every training run has: a network, its gradients, a tape, a loss and an
 * optimizer. */
#ifndef EXAMPLES_RUN_H
#define EXAMPLES_RUN_H

#include <recur.h>

typedef struct {
    recur_layer *net;
    int64_t count; /* parameters */
    float *grads;  /* [count]    */
    recur_tape *tape;
    recur_loss *loss;
    recur_optimizer *optimizer;
} run;

/* A layer of named parts (RECUR_COMPOSE_*), which now belong to it. */
recur_layer *chain(int32_t kind, int64_t n, const char *const *names, recur_layer *const *parts);

/* A run over a network, which now belongs to it, with Adam or any optimizer. */
run run_create(recur_layer *net, const recur_loss_options *loss, double rate);
run run_create_with(recur_layer *net, const recur_loss_options *loss,
                    const recur_optimizer_options *optimizer);
void run_release(run *r);

/* The network, structure included, as prefix + "model.", the optimizer's moments as prefix +
 * "optimizer.": a run that is loaded goes on as if it had never stopped, and recur_file_get_model
 * opens the network anywhere. */
void run_save(const run *r, recur_file *file, const char *prefix);
void run_load(run *r, recur_file *file, const char *prefix);

#endif
