/* compose.c - making layers of named parts: what fits together, and what the whole can do. */
#include "layers/chain.h"

/* A group is never run: the door sends it away. */
static const recur__layer_ops group_ops = { .kind = RECUR_KIND_COMPOSE };

/* ---- making --------------------------------------------------------------------------------- */

static recur_status check_names(int64_t count, const char *const *names, recur_layer *const *parts)
{
    for (int64_t i = 0; i < count; i++) {
        if (!names[i] || !parts[i])
            return recur__fail(RECUR_E_ARGUMENT, "part %lld or its name is NULL", (long long)i);
        if (!*names[i] || strchr(names[i], '.'))
            return recur__fail(RECUR_E_ARGUMENT,
                               "part %lld is called \"%s\": a name is not empty and has no dot",
                               (long long)i, names[i]);
        for (int64_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return recur__fail(RECUR_E_ARGUMENT, "parts %lld and %lld are both called \"%s\"",
                                   (long long)j, (long long)i, names[i]);
        if (recur__layer_is_snapshot(parts[i]))
            return recur__fail(RECUR_E_UNSUPPORTED,
                               "part \"%s\" is a snapshot: it has no parameters to copy", names[i]);
    }
    return RECUR_OK;
}

/* Looks through time: it needs packed rows. */
static bool needs_time(const recur_layer *layer)
{
    return layer->states > 0 || layer->capabilities & RECUR_CAN_REDUCE_TIME;
}

static recur_status check_chain(int64_t count, const char *const *names, recur_layer *const *parts)
{
    bool per_sequence = false;
    for (int64_t i = 0; i < count; i++) {
        const recur_layer *part = parts[i];
        if (part->ops == &group_ops)
            return recur__fail(RECUR_E_UNSUPPORTED,
                               "part \"%s\" is a group: it cannot be run in a chain", names[i]);
        if (i > 0 && !(part->capabilities & RECUR_CAN_TAKE_ROWS))
            return recur__fail(RECUR_E_UNSUPPORTED,
                               "part \"%s\" takes ids, so it can only be the first", names[i]);
        if (i > 0 && parts[i - 1]->output_size != part->input_size)
            return recur__fail(RECUR_E_SHAPE,
                               "part \"%s\" gives %lld features, part \"%s\" takes %lld",
                               names[i - 1], (long long)parts[i - 1]->output_size, names[i],
                               (long long)part->input_size);
        if (per_sequence && needs_time(part))
            return recur__fail(RECUR_E_SHAPE,
                               "part \"%s\" looks through time, but stands behind a last step",
                               names[i]);
        per_sequence |= (part->capabilities & RECUR_CAN_REDUCE_TIME) != 0;
    }
    return RECUR_OK;
}

/* What a chain can do follows from its parts. */
static uint32_t chain_capabilities(int64_t count, recur_layer *const *parts)
{
    uint32_t all = RECUR_CAN_STEP | RECUR_CAN_RECORD, any = 0;
    for (int64_t i = 0; i < count; i++) {
        all &= parts[i]->capabilities;
        any |= parts[i]->capabilities;
    }
    return all | (any & RECUR_CAN_REDUCE_TIME) |
           (parts[0]->capabilities & (RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS));
}

/* Each way to compose: what it is called, how it runs. */
static const struct {
    const char *type;
    const recur__layer_ops *ops;
} ways[] = {
    [RECUR_COMPOSE_SEQUENTIAL] = { "sequential", &recur__sequential_ops },
    [RECUR_COMPOSE_GROUP] = { "group", &group_ops },
    [RECUR_COMPOSE_RESIDUAL] = { "residual", &recur__residual_ops },
};
enum { WAYS = sizeof ways / sizeof *ways };

/* What is added up must have the same rows. */
static recur_status check_residual(const recur_layer *chain)
{
    if (!(chain->capabilities & RECUR_CAN_TAKE_ROWS))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a residual adds its input, but its first part takes ids only");
    if (chain->capabilities & RECUR_CAN_REDUCE_TIME)
        return recur__fail(RECUR_E_SHAPE,
                           "a residual adds its input, but one part gives one row per sequence");
    if (chain->input_size != chain->output_size)
        return recur__fail(RECUR_E_SHAPE,
                           "a residual adds its input of %lld features to %lld features",
                           (long long)chain->input_size, (long long)chain->output_size);
    return RECUR_OK;
}

recur_status recur_compose_create(recur_context *ctx, int32_t kind, int64_t count,
                                  const char *const *names, recur_layer *const *parts,
                                  recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(names);
    RECUR__NOT_NULL(parts);
    static const recur__constant kinds[] = { RECUR__CONSTANT(RECUR_COMPOSE_SEQUENTIAL),
                                             RECUR__CONSTANT(RECUR_COMPOSE_GROUP),
                                             RECUR__CONSTANT(RECUR_COMPOSE_RESIDUAL) };
    if (kind < RECUR_COMPOSE_SEQUENTIAL || kind >= WAYS)
        return RECUR__NO_CONSTANT(__func__, "kind", kind, kinds);
    if (count < 1)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_compose_create: count is %lld; there must be a part at least",
                           (long long)count);
    RECUR__CHECK(check_names(count, names, parts));
    recur_layer whole = { .spec = { .variant = kind },
                          .ops = ways[kind].ops,
                          .type = ways[kind].type,
                          .capabilities = RECUR_CAN_RECORD,
                          .parts = count,
                          .part = (recur_layer **)(uintptr_t)parts };
    for (int64_t i = 0; i < count; i++) {
        whole.states += parts[i]->states;
        whole.state_floats += parts[i]->state_floats;
        whole.learned_states += parts[i]->learned_states;
    }
    if (kind != RECUR_COMPOSE_GROUP) {
        RECUR__CHECK(check_chain(count, names, parts));
        whole.capabilities = chain_capabilities(count, parts);
        whole.input_size = parts[0]->input_size;
        whole.output_size = parts[count - 1]->output_size;
    }
    if (kind == RECUR_COMPOSE_RESIDUAL) {
        RECUR__CHECK(check_residual(&whole));
        whole.capabilities &= ~(uint32_t)RECUR_CAN_TAKE_IDS;
    }
    return recur__layer_build(ctx, &whole, names, false, out);
}
