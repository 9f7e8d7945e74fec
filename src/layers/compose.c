/* compose.c - making layers of named parts: what fits together, and what the whole can do. */
#include "layers/graph.h"

/* A group is never run: the door sends it away. */
static const recur__layer_ops group_ops = { .kind = RECUR_KIND_COMPOSE };

/* Each way to compose: what it is called, how it runs. */
static const struct {
    const char *type;
    const recur__layer_ops *ops;
} ways[] = {
    [RECUR_COMPOSE_SEQUENTIAL] = { "sequential", &recur__graph_ops },
    [RECUR_COMPOSE_GROUP] = { "group", &group_ops },
    [RECUR_COMPOSE_RESIDUAL] = { "residual", &recur__residual_ops },
    [RECUR_COMPOSE_GRAPH] = { "graph", &recur__graph_ops },
};

/* What a layer may take. */
enum { INPUTS = RECUR_CAN_TAKE_ROWS | RECUR_CAN_TAKE_IDS };

/* A whole under construction, in one block of memory. */
typedef struct draft {
    int64_t count, links;
    const char **name;     /* [count] */
    recur_layer **part;    /* [count] */
    recur__wiring *wiring; /* [count] */
    recur__link *link;     /* [links] */
    recur_source *source;  /* [links], of a graph */
    int64_t input_size;
    void *memory;
    size_t bytes;
} draft;

static void lay_out(recur__carver *carver, draft *d)
{
    d->name = recur__carve(carver, d->count, sizeof *d->name);
    d->part = recur__carve(carver, d->count, sizeof *d->part);
    d->wiring = recur__carve(carver, d->count, sizeof *d->wiring);
    d->link = recur__carve(carver, d->links, sizeof *d->link);
    d->source = recur__carve(carver, d->links, sizeof *d->source);
}

static recur_status reserve(const recur_context *ctx, draft *d)
{
    recur__carver carver = { NULL, 0 };
    lay_out(&carver, d);
    d->bytes = carver.used;
    d->memory = recur__alloc(ctx, d->bytes);
    if (!d->memory) return recur__no_memory(d->bytes);
    carver = (recur__carver){ d->memory, 0 };
    lay_out(&carver, d);
    return RECUR_OK;
}

/* ---- checking ------------------------------------------------------------------------------- */

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
    return layer->states > 0 || !(layer->capabilities & RECUR_CAN_STEP);
}

static const char *called(const draft *d, int64_t part)
{
    return part < 0 ? "the input" : d->name[part];
}

static int64_t width_of(const draft *d, int64_t part)
{
    return part < 0 ? d->input_size : d->part[part]->output_size;
}

static recur_status check_width(const draft *d, int64_t i)
{
    const recur__wiring *w = &d->wiring[i];
    int64_t features = 0;
    for (int64_t n = 0; n < w->links; n++) features += w->link[n].count;
    if (features == d->part[i]->input_size) return RECUR_OK;
    if (w->links == 1)
        return recur__fail(RECUR_E_SHAPE, "part \"%s\" gives %lld features, part \"%s\" takes %lld",
                           called(d, w->link[0].part), (long long)features, d->name[i],
                           (long long)d->part[i]->input_size);
    return recur__fail(
        RECUR_E_SHAPE, "the %lld sources of part \"%s\" give %lld features, it takes %lld",
        (long long)w->links, d->name[i], (long long)features, (long long)d->part[i]->input_size);
}

/* Whether a part gives one row for each sequence. */
static bool gives_sequences(const draft *d, int64_t part)
{
    if (part < 0) return false;
    return d->wiring[part].reduced || d->part[part]->capabilities & RECUR_CAN_REDUCE_TIME;
}

static recur_status check_rows(const draft *d, int64_t i)
{
    const recur__wiring *w = &d->wiring[i];
    for (int64_t n = 1; n < w->links; n++)
        if (gives_sequences(d, w->link[n].part) != w->reduced)
            return recur__fail(RECUR_E_SHAPE,
                               "part \"%s\" takes rows of steps and rows of sequences: \"%s\" "
                               "stands before a last step, or behind it, and \"%s\" does not",
                               d->name[i], called(d, w->link[n].part), called(d, w->link[0].part));
    if (w->reduced && needs_time(d->part[i]))
        return recur__fail(RECUR_E_SHAPE,
                           "part \"%s\" looks through time, but stands behind a last step",
                           d->name[i]);
    return RECUR_OK;
}

static recur_status check_part(draft *d, int64_t i)
{
    recur__wiring *w = &d->wiring[i];
    const recur_layer *part = d->part[i];
    if (part->ops == &group_ops)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "part \"%s\" is a group: it cannot be run in a chain", d->name[i]);
    const bool takes_input = !w->gathers && w->link[0].part < 0;
    if (!(part->capabilities & RECUR_CAN_TAKE_ROWS) && !takes_input)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "part \"%s\" takes ids, so it can only take the whole input, as the "
                           "first does",
                           d->name[i]);
    w->reduced = gives_sequences(d, w->link[0].part);
    RECUR__CHECK(check_width(d, i));
    return check_rows(d, i);
}

/* ---- what the whole is ---------------------------------------------------------------------- */

/* Parts that take something of a part, or of the input (-1). */
static int64_t takers(const draft *d, int64_t part)
{
    int64_t sum = 0;
    for (int64_t n = 0; n < d->links; n++) sum += d->link[n].part == part;
    return sum;
}

static recur_status find_takers(draft *d)
{
    for (int64_t i = 0; i + 1 < d->count; i++)
        if (takers(d, i) == 0)
            return recur__fail(RECUR_E_ARGUMENT,
                               "no part takes what part \"%s\" gives: leave it out, or name it as "
                               "a source",
                               d->name[i]);
    for (int64_t i = 0; i < d->count; i++) {
        recur__wiring *w = &d->wiring[i];
        w->alone = !w->gathers && takers(d, w->link[0].part) == 1;
    }
    return RECUR_OK;
}

/* What a whole can do follows from its parts. */
static uint32_t capabilities_of(const draft *d)
{
    uint32_t all = RECUR_CAN_STEP | RECUR_CAN_RECORD, input = INPUTS;
    for (int64_t i = 0; i < d->count; i++) {
        const recur__wiring *w = &d->wiring[i];
        all &= d->part[i]->capabilities;
        for (int64_t n = 0; n < w->links; n++) {
            if (w->link[n].part >= 0) continue;
            input &= d->part[i]->capabilities;
            if (w->gathers) input &= ~(uint32_t)RECUR_CAN_TAKE_IDS;
        }
    }
    const bool reduces = gives_sequences(d, d->count - 1);
    return all | input | (reduces ? RECUR_CAN_REDUCE_TIME : 0);
}

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

/* Parts that are run: checks their wiring, and says what the whole is. */
static recur_status wire(draft *d, recur_layer *whole)
{
    for (int64_t i = 0; i < d->count; i++) RECUR__CHECK(check_part(d, i));
    RECUR__CHECK(find_takers(d));
    whole->wiring = d->wiring;
    whole->capabilities = capabilities_of(d);
    whole->input_size = d->input_size;
    whole->output_size = d->part[d->count - 1]->output_size;
    if (!(whole->capabilities & INPUTS))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "some parts take the input as ids, others as rows of floats");
    if (whole->spec.variant == RECUR_COMPOSE_RESIDUAL) {
        RECUR__CHECK(check_residual(whole));
        whole->capabilities &= ~(uint32_t)RECUR_CAN_TAKE_IDS;
    }
    return RECUR_OK;
}

static recur_status build(recur_context *ctx, int32_t kind, draft *d, recur_layer **out)
{
    recur_layer whole = { .spec = { .variant = kind },
                          .ops = ways[kind].ops,
                          .type = ways[kind].type,
                          .capabilities = RECUR_CAN_RECORD,
                          .parts = d->count,
                          .part = d->part };
    for (int64_t i = 0; i < d->count; i++) {
        whole.states += d->part[i]->states;
        whole.state_floats += d->part[i]->state_floats;
        whole.learned_states += d->part[i]->learned_states;
    }
    if (kind != RECUR_COMPOSE_GROUP) RECUR__CHECK(wire(d, &whole));
    return recur__layer_build(ctx, &whole, d->name, false, out);
}

static recur_status no_parts(const char *function, int64_t count)
{
    return recur__fail(RECUR_E_ARGUMENT, "%s: count is %lld; there must be a part at least",
                       function, (long long)count);
}

/* ---- chains --------------------------------------------------------------------------------- */

/* Each part takes all of the one before. */
static recur__wiring previous(const draft *d, int64_t i)
{
    d->link[i] = (recur__link){ .part = i - 1, .count = width_of(d, i - 1) };
    return (recur__wiring){ .links = 1, .link = &d->link[i] };
}

static recur_status compose(recur_context *ctx, int32_t kind, draft *d, recur_layer **out)
{
    d->input_size = d->part[0]->input_size;
    for (int64_t i = 0; i < d->count; i++) d->wiring[i] = previous(d, i);
    return build(ctx, kind, d, out);
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
    if (kind == RECUR_COMPOSE_GRAPH)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_compose_create: the parts of a graph say what they take: use "
                           "recur_graph_create");
    if (kind < RECUR_COMPOSE_SEQUENTIAL || kind > RECUR_COMPOSE_RESIDUAL)
        return RECUR__NO_CONSTANT(__func__, "kind", kind, kinds);
    if (count < 1) return no_parts(__func__, count);
    RECUR__CHECK(check_names(count, names, parts));
    draft d = { .count = count, .links = count };
    RECUR__CHECK(reserve(ctx, &d));
    memcpy(d.name, names, (size_t)count * sizeof *names);
    memcpy(d.part, parts, (size_t)count * sizeof *parts);
    const recur_status status = compose(ctx, kind, &d, out);
    recur__free(ctx, d.memory, d.bytes);
    return status;
}

/* ---- graphs --------------------------------------------------------------------------------- */

/* The part of this name before part i; -1 for NULL, the input. */
static recur_status find_source(const draft *d, int64_t i, const char *name, int64_t *part)
{
    *part = -1;
    if (!name) return RECUR_OK;
    for (*part = 0; *part < i; ++*part)
        if (strcmp(d->name[*part], name) == 0) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT,
                       "part \"%s\" takes from \"%s\", which is none of the %lld parts before it",
                       d->name[i], name, (long long)i);
}

static recur_status take_source(const draft *d, int64_t i, const recur_source *source,
                                recur__link *link)
{
    RECUR__CHECK(find_source(d, i, source->part, &link->part));
    const int64_t width = width_of(d, link->part), begin = source->begin;
    if (source->reserved)
        return recur__fail(RECUR_E_ARGUMENT,
                           "a source of part \"%s\" has reserved set: leave it NULL", d->name[i]);
    if (begin < 0 || source->count < 0 || begin >= width || source->count > width - begin)
        return recur__fail(RECUR_E_ARGUMENT,
                           "part \"%s\" takes %lld features from %lld on of \"%s\", which has "
                           "%lld",
                           d->name[i], (long long)source->count, (long long)begin,
                           called(d, link->part), (long long)width);
    link->begin = begin;
    link->count = source->count ? source->count : width - begin;
    return RECUR_OK;
}

/* Says the link as a source again: 0 for all that there is. */
static recur_source say(const draft *d, const recur__link *link)
{
    const bool all = link->begin + link->count == width_of(d, link->part);
    return (recur_source){ .part = link->part < 0 ? NULL : d->name[link->part],
                           .begin = link->begin,
                           .count = all ? 0 : link->count };
}

static recur_status take_sources(const draft *d, int64_t i, const recur_graph_part *from,
                                 recur__wiring *w)
{
    const recur_source before = { .part = i > 0 ? d->name[i - 1] : NULL };
    const recur_source *sources = from->source_count ? from->sources : &before;
    for (int64_t n = 0; n < w->links; n++) {
        RECUR__CHECK(take_source(d, i, &sources[n], &w->link[n]));
        w->source[n] = say(d, &w->link[n]);
    }
    w->gathers = w->links > 1 || w->link[0].count != width_of(d, w->link[0].part);
    return RECUR_OK;
}

static int64_t links_of(const recur_graph_part *part)
{
    return part->source_count ? part->source_count : 1;
}

static recur_status compose_graph(recur_context *ctx, draft *d, const recur_graph_part *parts,
                                  recur_layer **out)
{
    int64_t at = 0;
    for (int64_t i = 0; i < d->count; i++) {
        d->name[i] = parts[i].name;
        d->part[i] = (recur_layer *)(uintptr_t)parts[i].layer;
    }
    RECUR__CHECK(check_names(d->count, d->name, d->part));
    for (int64_t i = 0; i < d->count; i++) {
        d->wiring[i] = (recur__wiring){ .links = links_of(&parts[i]),
                                        .link = d->link + at,
                                        .source = d->source + at };
        RECUR__CHECK(take_sources(d, i, &parts[i], &d->wiring[i]));
        at += d->wiring[i].links;
    }
    return build(ctx, RECUR_COMPOSE_GRAPH, d, out);
}

/* Counts the links of all parts. */
static recur_status count_links(int64_t count, const recur_graph_part *parts, int64_t *links)
{
    *links = 0;
    for (int64_t i = 0; i < count; i++) {
        const recur_graph_part *part = &parts[i];
        if (part->source_count < 0 || (part->source_count > 0) != (part->sources != NULL))
            return recur__fail(RECUR_E_ARGUMENT,
                               "part %lld has %lld sources, and sources is %s: leave both 0 and "
                               "NULL for the part before it",
                               (long long)i, (long long)part->source_count,
                               part->sources ? "set" : "NULL");
        if (part->reserved)
            return recur__fail(RECUR_E_ARGUMENT, "part %lld has reserved set: leave it NULL",
                               (long long)i);
        if (__builtin_add_overflow(*links, links_of(part), links))
            return recur__no_memory(SIZE_MAX);
    }
    return RECUR_OK;
}

recur_status recur_graph_create(recur_context *ctx, int64_t input_size, int64_t count,
                                const recur_graph_part *parts, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(parts);
    RECUR__CHECK(recur__layer_check_size("input_size", input_size));
    if (count < 1) return no_parts(__func__, count);
    draft d = { .count = count, .input_size = input_size };
    RECUR__CHECK(count_links(count, parts, &d.links));
    RECUR__CHECK(reserve(ctx, &d));
    const recur_status status = compose_graph(ctx, &d, parts, out);
    recur__free(ctx, d.memory, d.bytes);
    return status;
}
