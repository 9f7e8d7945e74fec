/* recipes.h - what the tests of docs/recipes.md share: a model, and handles in one line. */
#ifndef RECIPES_H
#define RECIPES_H

#include "support/support.h"

enum { I = 4, H = 5, C = 3 };

/* Two recurrent layers and a head. */
static inline recur_layer *model(recur_context *ctx, int k)
{
    recur_layer *parts[2] = { recurrent(ctx, KINDS[k].cell, I, H, 2, RECUR_DIRECTION_FORWARD, 0) };
    OK(recur_linear_create(ctx, H, C, 0, &parts[1]));
    recur_layer *net = chain(ctx, RECUR_COMPOSE_SEQUENTIAL, 2, (const char *const[]){ "rnn", "fc" },
                             parts);
    randomize(net, 0.6);
    return net;
}

static inline recur_tape *tape_of(recur_context *ctx)
{
    recur_tape *tape = NULL;
    OK(recur_tape_create(ctx, &tape));
    return tape;
}

static inline recur_state *state_of(const recur_layer *layer, int64_t batch)
{
    recur_state *state = NULL;
    OK(recur_state_create(layer, batch, &state));
    return state;
}

typedef void recipe(recur_context *ctx, int k);

static inline void everywhere(recipe *check)
{
    for (recur_context *ctx = NULL; (ctx = next_context(ctx));)
        for (int k = 0; k < PLAIN; k++) {
            dice((uint64_t)k + 17);
            trying("%s %s", recur_context_isa(ctx), KINDS[k].name);
            check(ctx, k);
            give_back();
        }
}

#define RECIPE(name)                         \
    static void recipe_##name(void **unused) \
    {                                        \
        (void)unused;                        \
        everywhere(name);                    \
    }

#endif
