/* build.c - the tree of nodes: built in one allocation, counted, given back. */
#include <float.h>
#include <stdatomic.h>

#include "core/layer.h"
#include "kernels/reduced.h"

/* ---- building ------------------------------------------------------------------------------- */

typedef struct builder {
    recur__carver carver;
    recur_layer *root;
    const recur_layer *prototype;
    const char *const *names; /* of the prototype's parts; NULL: their own */
    recur_context *ctx;
    bool snapshot;
    recur__precisions precisions; /* of a snapshot; of NULL: those of the prototype's leaves */
    int64_t leaves;               /* laid out so far */
    recur_tensor *table;
    float *params;
    bool fills;              /* params are the layer's own: there is something to be written */
    float *in_place;         /* the caller's parameters; NULL: the layer's own */
    int64_t tensors, floats; /* laid out so far */
} builder;

enum { LOCAL_NAME = 64 };

static bool describe_tensor(const recur_layer *layer, int64_t index, char *name, recur_tensor *t)
{
    const recur__parameter_ops *ops = layer->ops->parameters;
    return ops && ops->tensor(layer, index, name, t);
}

static int64_t floats_of(const recur_tensor *t)
{
    int64_t floats = 1;
    for (int i = 0; i < t->rank; i++) floats = recur__times(floats, t->dim[i]);
    return floats;
}

/* Tensors and floats of a prototype. */
static void count(const recur_layer *from, int64_t *tensors, int64_t *floats)
{
    for (int64_t i = 0; i < from->parts; i++) {
        *tensors += from->part[i]->tensors;
        *floats += from->part[i]->count;
    }
    char name[LOCAL_NAME];
    recur_tensor t = { .dim = { 1, 1, 1, 1 } };
    for (int64_t i = 0; describe_tensor(from, i, name, &t); i++) {
        const int64_t size = floats_of(&t);
        if (size < 0 || __builtin_add_overflow(*floats, size, floats)) *floats = INT64_MAX;
        ++*tensors;
    }
}

/* path + name + end, carved; only its length counts while measuring. */
static char *join(builder *b, const char *path, size_t path_length, const char *name,
                  const char *end)
{
    const size_t n = strlen(name), e = strlen(end);
    char *text = recur__carve(&b->carver, (int64_t)(path_length + n + e + 1), 1);
    if (!text) return NULL;
    memcpy(text, path, path_length);
    memcpy(text + path_length, name, n);
    memcpy(text + path_length + n, end, e + 1);
    return text;
}

static void lay_out_tensors(builder *b, const recur_layer *from, recur_layer *node,
                            const char *path, size_t path_length)
{
    char local[LOCAL_NAME];
    recur_tensor t = { .size = sizeof t, .dim = { 1, 1, 1, 1 }, .type = "F32" };
    for (int64_t i = 0; describe_tensor(from, i, local, &t); i++) {
        t.count = floats_of(&t);
        t.offset = b->floats;
        t.name = join(b, path, path_length, local, "");
        if (node) b->table[b->tensors] = t;
        b->tensors++;
        b->floats += t.count;
    }
    const int64_t own = node && b->fills ? b->floats - node->offset : 0;
    if (own && from->params)
        memcpy(b->params + node->offset, from->params, (size_t)own * sizeof(float));
    else if (own)
        memset(b->params + node->offset, 0, (size_t)own * sizeof(float));
}

static int32_t next_precision(builder *b, const recur_layer *leaf)
{
    const recur__precisions *p = &b->precisions;
    const int64_t i = b->leaves++;
    if (!p->of) return leaf->spec.precision;
    return recur__leaf_precision(leaf, p->same ? *p->of : p->of[i]);
}

/* A leaf: kernels of this context, tensors, and what a snapshot holds beside them. */
static void lay_out_leaf(builder *b, const recur_layer *from, recur_layer *node, const char *path,
                         size_t path_length)
{
    recur_layer leaf = *from;
    if (b->snapshot) leaf.capabilities &= ~(uint32_t)RECUR_CAN_RECORD;
    if (leaf.spec.cell)
        leaf.spec.cell = recur__cell_of(b->ctx, leaf.spec.variant, leaf.spec.hidden_size,
                                        b->snapshot);
    if (b->snapshot) leaf.spec.precision = next_precision(b, from);
    if (node) {
        node->spec.cell = leaf.spec.cell;
        node->spec.precision = leaf.spec.precision;
    }
    lay_out_tensors(b, from, node, path, path_length);
    if (!b->snapshot || !leaf.ops->pack) return;
    void *pack = leaf.ops->pack->carve(&leaf, &b->carver);
    if (!node) return;
    node->pack = pack;
    node->ops->pack->fill(node, pack);
}

static recur_layer *lay_out_node(builder *b, const recur_layer *from, const char *name,
                                 const char *path, size_t path_length);

static void lay_out_parts(builder *b, const recur_layer *from, recur_layer *node, const char *path,
                          size_t path_length)
{
    recur_layer **part = recur__carve(&b->carver, from->parts, sizeof *part);
    for (int64_t i = 0; i < from->parts; i++) {
        const char *name = from == b->prototype && b->names ? b->names[i] : from->part[i]->name;
        const char *inner = join(b, path, path_length, name, ".");
        recur_layer *made = lay_out_node(b, from->part[i], name, inner,
                                         path_length + strlen(name) + 1);
        if (part) part[i] = made;
    }
    if (node) node->part = part;
}

static recur__wiring lay_out_links(builder *b, const recur__wiring *from)
{
    recur__wiring to = *from;
    to.link = recur__carve(&b->carver, from->links, sizeof *to.link);
    if (to.link) memcpy(to.link, from->link, (size_t)from->links * sizeof *to.link);
    if (!from->source) return to;
    to.source = recur__carve(&b->carver, from->links, sizeof *to.source);
    if (to.source) memcpy(to.source, from->source, (size_t)from->links * sizeof *to.source);
    return to;
}

/* Sources name the new parts. */
static void name_sources(const recur_layer *node, const recur__wiring *wiring)
{
    for (int64_t i = 0; i < wiring->links && wiring->source; i++) {
        const int64_t part = wiring->link[i].part;
        wiring->source[i].part = part < 0 ? NULL : node->part[part]->name;
    }
}

static void lay_out_wiring(builder *b, const recur_layer *from, recur_layer *node)
{
    if (!from->wiring) return;
    recur__wiring *wiring = recur__carve(&b->carver, from->parts, sizeof *wiring);
    for (int64_t i = 0; i < from->parts; i++) {
        const recur__wiring to = lay_out_links(b, &from->wiring[i]);
        if (!node) continue;
        wiring[i] = to;
        name_sources(node, &wiring[i]);
    }
    if (node) node->wiring = wiring;
}

static recur_layer *lay_out_node(builder *b, const recur_layer *from, const char *name,
                                 const char *path, size_t path_length)
{
    recur_layer *node = recur__carve(&b->carver, 1, sizeof *node);
    const char *own_name = join(b, "", 0, name, "");
    if (node) {
        if (!b->root) b->root = node;
        *node = *from;
        node->root = b->root;
        node->name = own_name;
        node->offset = b->floats;
        node->tensor = RECUR__BEHIND(b->table, b->tensors);
        node->params = RECUR__BEHIND(b->params, b->floats);
        node->prefix = (int64_t)path_length;
        node->serial = recur__serial();
        if (b->snapshot) node->capabilities &= ~(uint32_t)RECUR_CAN_RECORD;
    }
    const int64_t first_tensor = b->tensors, first_float = b->floats;
    lay_out_parts(b, from, node, path, path_length);
    lay_out_wiring(b, from, node);
    if (from->parts == 0) lay_out_leaf(b, from, node, path, path_length);
    if (node) {
        node->tensors = b->tensors - first_tensor;
        node->count = b->floats - first_float;
    }
    return node;
}

static recur_layer *lay_out(builder *b)
{
    int64_t tensors = 0, floats = 0;
    count(b->prototype, &tensors, &floats);
    b->fills = !b->in_place && !recur__context_is_of_shapes(b->ctx);
    b->params = b->fills ? recur__carve(&b->carver, floats, sizeof(float)) : b->in_place;
    b->table = recur__carve(&b->carver, tensors, sizeof(recur_tensor));
    if (b->carver.used == SIZE_MAX) return NULL;
    return lay_out_node(b, b->prototype, "", "", 0);
}

static size_t bytes_of(const builder *begin)
{
    builder b = *begin;
    lay_out(&b);
    return b.carver.used;
}

static builder snapshot_of(const recur_layer *layer, recur__precisions precisions)
{
    return (builder){ .prototype = layer,
                      .ctx = recur__layer_context(layer),
                      .snapshot = true,
                      .precisions = precisions };
}

/* From how it begins: measured, then carved. */
static recur_status build(const builder *begin, recur_layer **out)
{
    recur_context *ctx = begin->ctx;
    const size_t bytes = bytes_of(begin);
    void *memory = recur__alloc(ctx, bytes);
    if (!memory) return recur__no_memory(bytes);
    builder b = *begin;
    b.carver.base = memory;
    recur_layer *layer = lay_out(&b);
    layer->ctx = recur__context_retain(ctx);
    layer->kernels = recur__kernels_of(layer->ctx);
    layer->memory = memory;
    layer->bytes = bytes;
    layer->in_place = begin->in_place != NULL;
    atomic_init(&layer->references, 1);
    *out = layer;
    return RECUR_OK;
}

recur_status recur__layer_build(recur_context *ctx, const recur_layer *prototype,
                                const char *const *names, bool snapshot, recur_layer **out)
{
    const builder begin = {
        .prototype = prototype, .names = names, .ctx = ctx, .snapshot = snapshot
    };
    return build(&begin, out);
}

recur_status recur__snapshot_build(const recur_layer *layer, recur__precisions precisions,
                                   recur_layer **out)
{
    const builder begin = snapshot_of(layer, precisions);
    return build(&begin, out);
}

recur_status recur__snapshot_in_place(recur_context *ctx, const recur_layer *layer,
                                      const float *params, recur__precisions precisions,
                                      recur_layer **out)
{
    builder begin = snapshot_of(layer, precisions);
    begin.ctx = ctx;
    begin.in_place = (float *)(uintptr_t)params; /* nobody writes to a snapshot */
    return build(&begin, out);
}

int32_t recur__leaf_precision(const recur_layer *leaf, int32_t precision)
{
    const recur__pack_ops *ops = leaf->ops->pack;
    const bool few = leaf->input_size <= RECUR__MOST_REDUCED &&
                     leaf->spec.hidden_size <= RECUR__MOST_REDUCED / 2;
    return ops && ops->reduces && few ? precision : RECUR_PRECISION_FLOAT32;
}

size_t recur__layer_bytes(const recur_layer *layer)
{
    const builder begin = { .prototype = layer,
                            .ctx = recur__layer_context(layer),
                            .snapshot = recur__layer_is_snapshot(layer),
                            .in_place = layer->root->in_place ? layer->params : NULL };
    return bytes_of(&begin);
}

size_t recur__snapshot_bytes(const recur_layer *layer, recur__precisions precisions)
{
    const builder begin = snapshot_of(layer, precisions);
    return bytes_of(&begin);
}

recur_status recur__layer_check_size(const char *what, int64_t size)
{
    if (size >= 1 && size <= RECUR__LARGEST) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT, "%s is %lld: it must lie between 1 and %d", what,
                       (long long)size, RECUR__LARGEST);
}

recur_status recur__layer_take_epsilon(const char *function, double *epsilon)
{
    if (*epsilon != 0 && !(*epsilon >= (double)FLT_MIN && *epsilon <= (double)FLT_MAX))
        return recur__fail(RECUR_E_ARGUMENT,
                           "%s: epsilon is %g: it must be 0, or between %g and %g", function,
                           *epsilon, (double)FLT_MIN, (double)FLT_MAX);
    if (*epsilon == 0) *epsilon = 1e-5;
    return RECUR_OK;
}

/* ---- handles -------------------------------------------------------------------------------- */

recur_layer *recur__layer_retain(const recur_layer *layer)
{
    atomic_fetch_add_explicit(&layer->root->references, 1, memory_order_relaxed);
    return (recur_layer *)(uintptr_t)layer;
}

void recur_layer_release(recur_layer *layer)
{
    if (!layer) return;
    recur_layer *root = layer->root;
    if (atomic_fetch_sub_explicit(&root->references, 1, memory_order_acq_rel) > 1) return;
    recur_context *ctx = root->ctx;
    recur__free(ctx, root->memory, root->bytes);
    recur_context_release(ctx);
}

recur_layer *recur_layer_retain(recur_layer *layer)
{
    return layer ? recur__layer_retain(layer) : NULL;
}

recur_status recur_layer_copy(const recur_layer *layer, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    if (recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_layer_copy: a snapshot cannot be trained, nor can its copy; copy "
                           "the layer that it was made of");
    return recur__layer_build(recur__layer_context(layer), layer, NULL, false, out);
}

static const recur__constant precisions[] = { RECUR__CONSTANT(RECUR_PRECISION_FLOAT32),
                                              RECUR__CONSTANT(RECUR_PRECISION_BFLOAT16),
                                              RECUR__CONSTANT(RECUR_PRECISION_INT8) };

recur_status recur__check_precision(const char *function, int32_t precision)
{
    if (precision < RECUR_PRECISION_FLOAT32 || precision > RECUR_PRECISION_INT8)
        return RECUR__NO_CONSTANT(function, "precision", precision, precisions);
    if (precision && !RECUR_REDUCED) return recur__left_out(function, "REDUCED");
    return RECUR_OK;
}

recur_status recur_layer_snapshot(const recur_layer *layer, int32_t precision, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(layer);
    RECUR__CHECK(recur__check_precision(__func__, precision));
    if (precision && recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_layer_snapshot: a snapshot keeps its precision; make one of %s "
                           "from the layer that it was made of",
                           precisions[precision].name);
    return recur__snapshot_build(layer, (recur__precisions){ &precision, true }, out);
}
