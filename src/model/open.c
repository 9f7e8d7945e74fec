/* open.c - a network out of a file that says what it is. The text is checked; each layer is made,
 * asked what it is and held against the text; then the parameters are loaded, strictly; then the
 * sample is run. */
#include <stdio.h>

#include "core/layer.h"
#include "model/model.h"

/* ---- the tree ------------------------------------------------------------------------------- */

typedef struct builder {
    recur_context *ctx;
    int64_t floats; /* of the file that no layer made so far has claimed */
    int64_t layers; /* made so far */
} builder;

static recur_status build(builder *b, const char *where, int depth, recur__json object,
                          recur_layer **out);

/* A layer without parts. A type that needs more parameters than the file has is not made: it could
 * take any amount of memory. */
static recur_status make_leaf(builder *b, const char *where, const recur__model_type *m,
                              const recur_layer_info *info, recur_layer **out)
{
    const int64_t floats = m->floats(info);
    if (floats < 0)
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\" has a size below 0, or parameters without number",
                           where);
    if (floats > b->floats)
        return recur__fail(
            RECUR_E_FORMAT,
            "layer \"%.150s\" needs %lld parameters or more, the file has %lld for it", where,
            (long long)floats, (long long)b->floats);
    b->floats -= floats;
    return m->make(b->ctx, info, out);
}

/* Parts under construction. */
typedef struct parts {
    int64_t count, sources;
    int64_t characters;      /* of their names, with a 0 behind each */
    recur_layer **part;      /* [count] */
    const char **name;       /* [count] */
    recur_graph_part *graph; /* [count] */
    recur_source *source;    /* [sources] of all parts, of a graph */
    char *character;         /* [characters] */
    void *memory;
    size_t bytes;
} parts;

static void lay_out(recur__carver *carver, parts *p)
{
    p->part = recur__carve(carver, p->count, sizeof *p->part);
    p->name = recur__carve(carver, p->count, sizeof *p->name);
    p->graph = recur__carve(carver, p->count, sizeof *p->graph);
    p->source = recur__carve(carver, p->sources, sizeof *p->source);
    p->character = recur__carve(carver, p->characters, 1);
}

static void release_parts(const builder *b, parts *p)
{
    for (int64_t i = 0; i < p->count; i++) recur_layer_release(p->part[i]);
    recur__free(b->ctx, p->memory, p->bytes);
}

/* Makes room for the parts, with their names in it. */
static recur_status begin_parts(builder *b, const char *where, recur__json array, parts *p)
{
    recur__json_items items = recur__json_items_of(array);
    *p = (parts){ .count = 0 };
    while (recur__json_next(&items)) {
        const recur__json name = recur__json_member(items.value, "name");
        RECUR__CHECK(recur__structure_string(where, name, "the name of a part"));
        p->characters += recur__json_bytes(name) + 1;
        p->sources += recur__wiring_count(items.value);
        p->count++;
    }
    if (p->count == 0 || recur__json_kind_of(array) != RECUR__JSON_ARRAY)
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\": parts is not there, or not an array of parts", where);
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, p);
    p->bytes = measure.used;
    p->memory = recur__alloc(b->ctx, p->bytes);
    if (!p->memory) return recur__no_memory(p->bytes);
    recur__carver carve = { p->memory, 0 };
    lay_out(&carve, p);
    char *to = p->character;
    items = recur__json_items_of(array);
    for (int64_t i = 0; recur__json_next(&items); i++) {
        p->part[i] = NULL;
        p->name[i] = to;
        to = recur__json_copy(recur__json_member(items.value, "name"), to);
    }
    return RECUR_OK;
}

static recur_status build_part(builder *b, const char *where, int depth, recur__json object,
                               const char *name, recur_layer **out)
{
    char path[160];
    snprintf(path, sizeof path, "%s%s%s", where, *where ? "." : "", name);
    return build(b, path, depth, object, out);
}

/* A graph: each part says what it takes. */
static recur_status make_graph(const builder *b, const char *where, const recur_layer_info *info,
                               parts *p, recur__json array, recur_layer **out)
{
    recur_source *source = p->source;
    recur__json_items items = recur__json_items_of(array);
    for (int64_t i = 0; recur__json_next(&items); i++) {
        const int64_t count = recur__wiring_count(items.value);
        p->graph[i] = (recur_graph_part){ .name = p->name[i],
                                          .layer = p->part[i],
                                          .sources = count ? source : NULL,
                                          .source_count = count };
        RECUR__CHECK(recur__wiring_take(where, items.value, i, p->name, source));
        source += count;
    }
    return recur_graph_create(b->ctx, info->input_size, p->count, p->graph, out);
}

static recur_status make_whole(const builder *b, const char *where, const recur_layer_info *info,
                               parts *p, recur__json array, recur_layer **out)
{
    if (info->variant == RECUR_COMPOSE_GRAPH) return make_graph(b, where, info, p, array, out);
    if (p->sources)
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\" is no graph, but has a part with \"from\"", where);
    return recur_compose_create(b->ctx, info->variant, p->count, p->name, p->part, out);
}

static recur_status make_composed(builder *b, const char *where, int depth,
                                  const recur_layer_info *info, recur__json array,
                                  recur_layer **out)
{
    parts p;
    RECUR__CHECK(begin_parts(b, where, array, &p));
    recur_status status = RECUR_OK;
    recur__json_items items = recur__json_items_of(array);
    for (int64_t i = 0; !status && recur__json_next(&items); i++)
        status = build_part(b, where, depth + 1, items.value, p.name[i], &p.part[i]);
    if (!status) status = make_whole(b, where, info, &p, array, out);
    release_parts(b, &p);
    return status;
}

static recur_status check_limits(builder *b, const char *where, int depth, recur__json object)
{
    if (recur__json_kind_of(object) != RECUR__JSON_OBJECT)
        return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\" is not a JSON object", where);
    if (depth > RECUR__MODEL_DEPTH || ++b->layers > RECUR__MODEL_LAYERS)
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\" is number %lld at depth %d: a model file holds at "
                           "most %d layers, %d deep",
                           where, (long long)b->layers, depth, RECUR__MODEL_LAYERS,
                           RECUR__MODEL_DEPTH);
    return RECUR_OK;
}

static recur_status make(builder *b, const char *where, int depth, recur__structure *s,
                         recur_layer **out)
{
    recur__model_type m;
    RECUR__CHECK(recur__structure_string(where, s->type, "type"));
    const recur__json_words type = recur__json_say(s->type);
    RECUR__CHECK(recur__model_type_of(where, type.text, &m));
    s->info.variant = m.variant;
    if (!m.make) return make_composed(b, where, depth, &s->info, s->parts, out);
    if (!s->parts.at) return make_leaf(b, where, &m, &s->info, out);
    return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\" of type %.40s has parts", where,
                       type.text);
}

static recur_status build(builder *b, const char *where, int depth, recur__json object,
                          recur_layer **out)
{
    recur__structure s;
    RECUR__CHECK(check_limits(b, where, depth, object));
    RECUR__CHECK(recur__structure_take(where, object, &s));
    RECUR__CHECK(make(b, where, depth, &s, out));
    recur_layer_info made = { .size = sizeof made };
    recur_status status = recur_layer_describe(*out, -1, &made);
    if (!status) status = recur__structure_check(where, &s, object, &made);
    if (!status) return RECUR_OK;
    recur_layer_release(*out);
    *out = NULL;
    return status;
}

/* ---- the text ------------------------------------------------------------------------------- */

/* Where the model lies, if it lies somewhere else. */
static recur_status no_model(const recur_file *file, const char *prefix)
{
    const size_t ending = strlen(RECUR__MODEL_TEXT);
    for (int64_t i = 0; i < file->texts.count; i++) {
        const char *key = recur__key_at(file, i);
        const size_t n = strlen(key);
        if (n > ending && strcmp(key + n - ending, RECUR__MODEL_TEXT) == 0)
            return recur__fail(
                RECUR_E_MISSING,
                "the file has no model under the prefix \"%.150s\", but one under \"%.*s\"", prefix,
                (int)recur__min((int64_t)(n - ending), 150), key);
    }
    return recur__fail(
        RECUR_E_MISSING,
        "the file has no text %.150s" RECUR__MODEL_TEXT
        ": its %lld tensors come without a structure; make the layer, then recur_file_get_layer",
        prefix, (long long)file->entries.count);
}

/* The members of the outermost object. */
typedef struct root {
    recur__json version, layer, sample;
} root;

static recur_status check_version(recur__json version)
{
    int64_t number = 0;
    if (!recur__json_whole(version, &number) || number < 1)
        return recur__fail(RECUR_E_FORMAT, RECUR__MODEL_TEXT
                           ": version is not there, or not a whole number above 0");
    if (number == RECUR__MODEL_VERSION) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "the model is of version %lld, this library opens version %d",
                       (long long)number, RECUR__MODEL_VERSION);
}

static recur__json *member_of(root *r, recur__json key)
{
    if (recur__json_is(key, "version")) return &r->version;
    if (recur__json_is(key, "layer")) return &r->layer;
    return recur__json_is(key, "sample") ? &r->sample : NULL;
}

static recur_status take_root(recur__json object, root *out)
{
    recur__json_items items = recur__json_items_of(object);
    RECUR__CHECK(check_version(recur__json_member(object, "version")));
    while (recur__json_next(&items)) {
        const recur__json_words key = recur__json_say(items.key);
        recur__json *member = member_of(out, items.key);
        if (!member)
            return recur__fail(RECUR_E_UNSUPPORTED,
                               RECUR__MODEL_TEXT ": this version does not know what %.80s means",
                               key.text);
        if (member->at)
            return recur__fail(RECUR_E_FORMAT, RECUR__MODEL_TEXT " has a duplicate %s", key.text);
        *member = items.value;
    }
    static const char *const of_parts[] = { "name", "from" };
    for (int i = 0; i < 2; i++)
        if (recur__json_member(out->layer, of_parts[i]).at)
            return recur__fail(RECUR_E_FORMAT,
                               RECUR__MODEL_TEXT ": the layer has a %s, but is nobody's part",
                               of_parts[i]);
    return RECUR_OK;
}

static recur_status parse(const recur_file *file, const char *prefix, root *out)
{
    recur__json object;
    const char *text = recur__file_text(file, prefix, RECUR__MODEL_TEXT);
    if (!text) return no_model(file, prefix);
    RECUR__CHECK(recur__json_check(RECUR__MODEL_TEXT, text, strlen(text), &object));
    *out = (root){ .version = { NULL, NULL } };
    return take_root(object, out);
}

/* ---- all together --------------------------------------------------------------------------- */

static int64_t floats_under(const recur_file *file, const char *prefix)
{
    int64_t sum = 0; /* no more than the bytes of the file, times 2 */
    for (int64_t i = 0; i < file->entries.count; i++)
        if (strncmp(recur__entry_at(file, i)->name, prefix, strlen(prefix)) == 0)
            sum += recur__entry_at(file, i)->count;
    return sum;
}

static recur_status check_sample(const recur_layer *layer, recur_file *file, const char *prefix,
                                 recur__json sample)
{
    double tolerance = -1;
    const recur__json value = recur__json_member(sample, "tolerance");
    if (recur__json_count(sample) != 1 || !recur__json_double(value, &tolerance) || tolerance < 0)
        return recur__fail(
            RECUR_E_FORMAT, RECUR__MODEL_TEXT
            ": sample is not an object with a tolerance of 0 or more, and nothing else");
    return recur__sample_check(layer, file, prefix, tolerance);
}

/* Makes what the text describes, without its parameters. */
static recur_status build_shape(const recur_file *file, const char *prefix, recur__json layer,
                                recur_layer **out)
{
    builder b = { .floats = floats_under(file, prefix) };
    RECUR__CHECK(recur__context_of_shapes(file->ctx, &b.ctx));
    const recur_status status = build(&b, "", 1, layer, out);
    recur_context_release(b.ctx);
    return status;
}

/* The parameters of a shape: copied, or read where they lie. */
static recur_status fill(recur_file *file, const char *prefix, const recur_layer *shape,
                         recur_layer **out)
{
    RECUR__CHECK(recur__layer_build(file->ctx, shape, NULL, false, out));
    return recur_file_get_layer(file, prefix, *out);
}

static recur_status place(recur_file *file, const recur_layer *shape, int32_t precision,
                          recur_layer **out)
{
    const float *params;
    RECUR__CHECK(recur__layer_find(file, "", shape, &params));
    return recur__snapshot_in_place(file->ctx, shape, params,
                                    (recur__precisions){ &precision, true }, out);
}

/* The sample of a snapshot of fewer bits would give something else. */
static recur_status check(recur_file *file, const char *prefix, const root *r, int32_t precision,
                          recur_layer **out, recur_status status)
{
    if (!status && r->sample.at && precision == RECUR_PRECISION_FLOAT32)
        status = check_sample(*out, file, prefix, r->sample);
    if (!status) return RECUR_OK;
    recur_layer_release(*out);
    *out = NULL;
    return status;
}

static recur_status get(recur_file *file, const char *prefix, const root *r, recur_layer **out)
{
    recur_layer *shape;
    RECUR__CHECK(build_shape(file, prefix, r->layer, &shape));
    const recur_status status = fill(file, prefix, shape, out);
    recur_layer_release(shape);
    return check(file, prefix, r, RECUR_PRECISION_FLOAT32, out, status);
}

recur_status recur_file_get_model(recur_file *file, const char *prefix, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NOT_NULL(file);
    if (!prefix) prefix = "";
    root r;
    RECUR__CHECK(parse(file, prefix, &r));
    return get(file, prefix, &r, out);
}

static recur_status get_whole(recur_file *file, recur_layer **out)
{
    const recur_status status = recur_file_get_model(file, "", out);
    recur_file_release(file);
    return status;
}

recur_status recur_model_open(recur_context *ctx, const char *path, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    RECUR__NEEDS(FILES);
    recur_file *file;
    RECUR__CHECK(recur_file_open(ctx, path, &file));
    const recur_status status = get_whole(file, out);
    return status ? recur__fail_in(path, status) : RECUR_OK;
}

recur_status recur_model_open_memory(recur_context *ctx, const void *data, size_t bytes,
                                     recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    recur_file *file;
    RECUR__CHECK(recur__file_borrow(ctx, data, bytes, &file));
    return get_whole(file, out);
}

static recur_status get_in_place(recur_file *file, int32_t precision, recur_layer **out)
{
    root r;
    recur_layer *shape;
    RECUR__CHECK(parse(file, "", &r));
    RECUR__CHECK(build_shape(file, "", r.layer, &shape));
    const recur_status status = place(file, shape, precision, out);
    recur_layer_release(shape);
    return check(file, "", &r, precision, out, status);
}

recur_status recur_model_open_in_place(recur_context *ctx, const void *data, size_t bytes,
                                       int32_t precision, recur_layer **out)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    recur_file *file;
    RECUR__CHECK(recur__check_precision(__func__, precision));
    RECUR__CHECK(recur__file_borrow(ctx, data, bytes, &file));
    const recur_status status = get_in_place(file, precision, out);
    recur_file_release(file);
    return status;
}
