/* kinds.c - a layer as C, kind by kind: the table, what wholes make of their parts, and the kinds
 * that work number by number or multiply once. */
#include <stdio.h>

#include "compile/compile.h"

/* The name of a kind's function in the text is that of the item. */
typedef void kind_function(recur__emitter *e, recur__item *item, recur__flow flow);

static kind_function *const kinds[] = {
    [RECUR_KIND_RECURRENT] = recur__say_recurrent,
    [RECUR_KIND_LINEAR] = recur__say_linear,
    [RECUR_KIND_EMBEDDING] = recur__say_embedding,
    [RECUR_KIND_DROPOUT] = recur__say_dropout,
    [RECUR_KIND_ACTIVATION] = recur__say_activation,
    [RECUR_KIND_COMPOSE] = recur__say_compose,
    [RECUR_KIND_NORM] = recur__say_norm,
    [RECUR_KIND_MERGE] = recur__say_merge,
    [RECUR_KIND_SOFTMAX] = recur__say_softmax,
    [RECUR_KIND_AFFINE] = recur__say_channels,
    [RECUR_KIND_PRELU] = recur__say_channels,
    [RECUR_KIND_CONV] = recur__say_conv,
};

bool recur__has_c(const recur_layer *layer)
{
    const size_t kind = (size_t)layer->ops->kind;
    if (kind >= sizeof kinds / sizeof *kinds || !kinds[kind]) return false;
    return !layer->spec.cell || recur__cell_c_of(layer->spec.cell->kind);
}

/* ---- states --------------------------------------------------------------------------------- */

static void say_initial(recur__emitter *e, const recur__item *item, const recur__state_tensor *t,
                        int64_t line, const float *values)
{
    char name[RECUR__EXPRESSION], shape[32];
    snprintf(name, sizeof name, "%s_%.8s0_l%lld", item->name, t->name, (long long)line);
    snprintf(shape, sizeof shape, "%lld", (long long)t->width);
    recur__say_floats(e, name, shape, t->width, values);
    recur__need(e, RECUR__NEED_COPY);
    recur__say(e, RECUR__SECTION_INIT, "    @_copy(%lld, @_%s, state->%s_%s + %lld);\n",
               (long long)t->width, name, item->name, t->name, (long long)(line * t->width));
}

static void say_states(recur__emitter *e, const recur__item *item)
{
    const recur_layer *layer = item->layer;
    const recur__state_ops *ops = layer->ops->states;
    for (int64_t s = 0; ops && s < layer->states; s++) {
        const recur__state_tensor t = ops->tensor(layer, s);
        const bool learned = ops->initial && ops->initial(layer, s, 0);
        e->has_state = true;
        recur__say(e, RECUR__SECTION_STATE, "    float %s_%s[%lld * %lld];\n", item->name, t.name,
                   (long long)t.lines, (long long)t.width);
        for (int64_t line = 0; learned && line < t.lines; line++)
            say_initial(e, item, &t, line, ops->initial(layer, s, line));
        if (!learned)
            recur__say(e, RECUR__SECTION_INIT,
                       "    for (int32_t i = 0; i < %lld; i++) {\n        state->%s_%s[i] = "
                       "0.0f;\n    }\n",
                       (long long)(t.lines * t.width), item->name, t.name);
    }
}

void recur__say_node(recur__emitter *e, recur__item *item, recur__flow flow)
{
    if (item->layer->ops->kind != RECUR_KIND_COMPOSE) say_states(e, item);
    kinds[item->layer->ops->kind](e, item, flow);
}

/* ---- wholes: a chain, a residual, a graph --------------------------------------------------- */

/* Where features of an earlier part, or of the whole's input, lie. */
static void source_of(const recur__item *parts, const recur__link *link, const char *in,
                      char to[RECUR__EXPRESSION])
{
    const char *from = link->part < 0 ? in : parts[link->part].out;
    (void)parts;
    if (link->begin)
        snprintf(to, RECUR__EXPRESSION, "%.60s + %lld", from, (long long)link->begin);
    else
        snprintf(to, RECUR__EXPRESSION, "%.90s", from);
}

/* The item of part i of a whole. */
static recur__item *part_of(recur__emitter *e, recur__item *whole, int64_t i)
{
    recur__item *part = whole + 1;
    while (i-- > 0) part = recur__next_item(e, part);
    return part;
}

static void link_source(recur__emitter *e, recur__item *whole, const recur__link *link,
                        const char *in, char to[RECUR__EXPRESSION])
{
    const recur__link first = { link->part < 0 ? -1 : 0, link->begin, link->count };
    const recur__item *from = link->part < 0 ? whole : part_of(e, whole, link->part);
    source_of(from, &first, in, to);
}

/* The row that part i takes; puts it together if it must be. */
static void say_input(recur__emitter *e, recur__item *whole, int64_t i, const char *in,
                      char to[RECUR__EXPRESSION])
{
    const recur__wiring *wiring = &whole->layer->wiring[i];
    const recur__item *part = part_of(e, whole, i);
    int64_t at = 0;
    if (!wiring->gathers) {
        link_source(e, whole, &wiring->link[0], in, to);
        return;
    }
    snprintf(to, RECUR__EXPRESSION, "t->%s_x", part->name);
    e->has_scratch = true;
    recur__need(e, RECUR__NEED_COPY);
    recur__say(e, RECUR__SECTION_SCRATCH, "    float %s_x[%lld];\n", part->name,
               (long long)part->layer->input_size);
    for (int64_t n = 0; n < wiring->links; n++) {
        const recur__link *link = &wiring->link[n];
        char from[RECUR__EXPRESSION];
        link_source(e, whole, link, in, from);
        recur__say(e, RECUR__SECTION_STEP, "    @_copy(%lld, %s, %s + %lld);\n",
                   (long long)link->count, from, to, (long long)at);
        at += link->count;
    }
}

/* y += x, around the parts. */
static void say_residual(recur__emitter *e, recur__item *item, const char *in)
{
    recur__say(e, RECUR__SECTION_PARTS,
               "/* %s: y = x + what its parts make of x */\n"
               "static void @_%s(const float *x, float *y)\n{\n"
               "    for (int32_t i = 0; i < %lld; i++) {\n        y[i] += x[i];\n    }\n}\n\n",
               item->name, item->name, (long long)item->layer->output_size);
    recur__say(e, RECUR__SECTION_STEP, "    @_%s(%s, %s);\n", item->name, in, item->out);
}

void recur__say_compose(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const bool residual = layer->spec.variant == RECUR_COMPOSE_RESIDUAL;
    const char *want = residual ? recur__say_output(e, item, flow) : flow.want;
    recur__item *part = item + 1;
    for (int64_t i = 0; i < layer->parts; i++) {
        char in[RECUR__EXPRESSION];
        const bool last = i == layer->parts - 1;
        say_input(e, item, i, flow.in, in);
        recur__say_node(e, part, (recur__flow){ in, last ? want : NULL });
        if (last && !residual) memcpy(item->out, part->out, sizeof item->out);
        part = recur__next_item(e, part);
    }
    if (residual) say_residual(e, item, flow.in);
}

/* ---- one product, or a row of a table ------------------------------------------------------- */

static recur__matrix_c weight_of(recur__emitter *e, const recur__item *item, int64_t N, int64_t K)
{
    recur__matrix_c W = { .N = N, .K = K, .numbers = item->layer->params };
    W.precision = recur__leaf_precision(item->layer, e->precision);
    snprintf(W.name, sizeof W.name, "%s_weight", item->name);
    return W;
}

static void say_vector(recur__emitter *e, const recur__item *item, const char *what, int64_t count,
                       const float *numbers)
{
    char name[RECUR__EXPRESSION], shape[32];
    snprintf(name, sizeof name, "%s_%s", item->name, what);
    snprintf(shape, sizeof shape, "%lld", (long long)count);
    recur__say_floats(e, name, shape, count, numbers);
}

/* In all exact sets. A linear layer with fewer outputs has so many sums for each of them. */
enum { EXACT_LANES = 8 };

void recur__say_linear(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const int64_t in = layer->input_size, out = layer->output_size;
    const bool ids = strcmp(flow.in, "id") == 0,
               biased = !(layer->spec.flags & RECUR_LAYER_NO_BIAS);
    const recur__matrix_c W = weight_of(e, item, out, in);
    const bool small = W.precision == RECUR_PRECISION_INT8 && !ids;
    const bool few = recur__is_exact_c(e) && out < EXACT_LANES;
    const recur__product_c p = { 0, out, "x", "y", few };
    const char *y = recur__say_output(e, item, flow);
    recur__say(e, RECUR__SECTION_PARTS, "/* %s: linear, y = W x + b, %lld -> %lld */\n", item->name,
               (long long)in, (long long)out);
    recur__say_matrix(e, &W);
    if (biased) say_vector(e, item, "bias", out, layer->params + in * out);
    recur__say(e, RECUR__SECTION_PARTS, "\nstatic void @_%s(%s%s, float *y)\n{\n", item->name,
               small ? "@_scratch *t, " : "", ids ? "int32_t id" : "const float *x");
    if (biased) recur__need(e, RECUR__NEED_COPY);
    if (biased)
        recur__say(e, RECUR__SECTION_PARTS, "    @_copy(%lld, @_%s_bias, y);\n", (long long)out,
                   item->name);
    else
        recur__say(e, RECUR__SECTION_PARTS,
                   "    for (int32_t j = 0; j < %lld; j++) {\n        y[j] = 0.0f;\n    }\n",
                   (long long)out);
    if (small) recur__say(e, RECUR__SECTION_PARTS, "    float scale;\n");
    if (!ids) recur__say_prepare(e, &W, "x");
    if (ids)
        recur__say_column(e, &W, &p);
    else
        recur__say_product(e, &W, &p);
    recur__say(e, RECUR__SECTION_PARTS, "}\n\n");
    recur__say(e, RECUR__SECTION_STEP, "    @_%s(%s%s, %s);\n", item->name, small ? "t, " : "",
               flow.in, y);
}

void recur__say_embedding(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const int64_t width = layer->output_size;
    const recur__matrix_c W = weight_of(e, item, layer->input_size, width);
    const bool small = W.precision == RECUR_PRECISION_INT8;
    const char *y = recur__say_output(e, item, flow);
    recur__say(e, RECUR__SECTION_PARTS, "/* %s: embedding, a row for each of %lld symbols */\n",
               item->name, (long long)layer->input_size);
    recur__say_matrix(e, &W);
    recur__say(e, RECUR__SECTION_PARTS,
               "\nstatic void @_%s(int32_t id, float *y)\n{\n"
               "    const int there = id >= 0 && id < %lld;\n"
               "    for (int32_t j = 0; j < %lld; j++) {\n        y[j] = there ? ",
               item->name, (long long)layer->input_size, (long long)width);
    if (small)
        recur__say(e, RECUR__SECTION_PARTS, "(float)@_%s[id * %lld + j] * @_%s_scale[id]", W.name,
                   (long long)width, W.name);
    else
        recur__say(e, RECUR__SECTION_PARTS, "@_%s[id * %lld + j]", W.name, (long long)width);
    recur__say(e, RECUR__SECTION_PARTS, " : 0.0f;\n    }\n}\n\n");
    recur__say(e, RECUR__SECTION_STEP, "    @_%s(%s, %s);\n", item->name, flow.in, y);
}

/* ---- number by number ----------------------------------------------------------------------- */

/* In a stream it passes on everything. */
void recur__say_dropout(recur__emitter *e, recur__item *item, recur__flow flow)
{
    if (!flow.want) {
        snprintf(item->out, sizeof item->out, "%s", flow.in);
        return;
    }
    snprintf(item->out, sizeof item->out, "%s", flow.want);
    recur__need(e, RECUR__NEED_COPY);
    recur__say(e, RECUR__SECTION_STEP, "    @_copy(%lld, %s, %s);\n",
               (long long)item->layer->output_size, flow.in, flow.want);
}

/* What stands before and behind the lines of a function of x and y. */
static void begin_function(recur__emitter *e, recur__item *item, const char *comment,
                           recur__flow flow)
{
    const char *y = recur__say_output(e, item, flow);
    recur__say(e, RECUR__SECTION_PARTS,
               "/* %s: %s */\nstatic void @_%s(const float *x, float *y)\n{\n", item->name, comment,
               item->name);
    recur__say(e, RECUR__SECTION_STEP, "    @_%s(%s, %s);\n", item->name, flow.in, y);
}

static void end_function(recur__emitter *e) { recur__say(e, RECUR__SECTION_PARTS, "}\n\n"); }

static void end_loop(recur__emitter *e) { recur__say(e, RECUR__SECTION_PARTS, "    }\n"); }

static void begin_loop(recur__emitter *e, const char *index, int64_t count)
{
    recur__say(e, RECUR__SECTION_PARTS, "    for (int32_t %s = 0; %s < %lld; %s++) {\n", index,
               index, (long long)count, index);
}

void recur__say_activation(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const char *name = recur__activation_c(e, item->layer->spec.variant);
    begin_function(e, item, name ? name : "identity", flow);
    begin_loop(e, "j", item->layer->output_size);
    recur__say(e, RECUR__SECTION_PARTS,
               name ? "        y[j] = @_%s(x[j]);\n" : "%.0s        y[j] = x[j];\n",
               name ? name : "");
    end_loop(e);
    end_function(e);
}

void recur__say_softmax(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const char *y = recur__say_output(e, item, flow);
    recur__need(e, RECUR__NEED_SOFTMAX);
    recur__say(e, RECUR__SECTION_STEP, "    @_softmax(%lld, %s, %s); /* %s */\n",
               (long long)item->layer->output_size, flow.in, y, item->name);
}

void recur__say_merge(recur__emitter *e, recur__item *item, recur__flow flow)
{
    static const char *const ways[] = {
        [RECUR_MERGE_SUM] = "a + b",
        [RECUR_MERGE_MEAN] = "0.5f * (a + b)",
        [RECUR_MERGE_MULTIPLY] = "a * b",
        [RECUR_MERGE_GATE] = "a * @_sigmoid(b)",
        [RECUR_MERGE_MAGNITUDE] = "(float)@_root(a * a + b * b)",
    };
    const int64_t F = item->layer->output_size;
    const int32_t way = item->layer->spec.variant;
    if (way == RECUR_MERGE_GATE) recur__need(e, RECUR__NEED_SIGMOID);
    if (way == RECUR_MERGE_MAGNITUDE) recur__need(e, RECUR__NEED_ROOT);
    begin_function(e, item, "both halves of a row into one", flow);
    recur__say(e, RECUR__SECTION_PARTS,
               "    for (int32_t j = 0; j < %lld; j++) {\n        const float a = x[j];\n"
               "        const float b = x[%lld + j];\n        y[j] = %s;\n    }\n",
               (long long)F, (long long)F, ways[way]);
    end_function(e);
}

/* ---- norms, and what has parameters for each channel ---------------------------------------- */

static void say_group_norm(recur__emitter *e, const recur__item *item)
{
    const recur_layer *layer = item->layer;
    const int64_t C = layer->spec.channels, L = layer->input_size / C, G = layer->spec.groups;
    recur__say(e, RECUR__SECTION_PARTS,
               "    for (int32_t g = 0; g < %lld; g++) {\n"
               "        const @_moments m = @_moments_of(%lld, ",
               (long long)G, (long long)(C / G * L));
    recur__say_epsilon(e, RECUR__SECTION_PARTS, layer->spec.epsilon);
    recur__say(e, RECUR__SECTION_PARTS,
               ", x + g * %lld);\n"
               "        for (int32_t j = g * %lld; j < (g + 1) * %lld; j++) {\n"
               "            y[j] = @_%s_weight[j / %lld] * @_normal(x[j], m) + "
               "@_%s_bias[j / %lld];\n        }\n    }\n",
               (long long)(C / G * L), (long long)(C / G * L), (long long)(C / G * L), item->name,
               (long long)L, item->name, (long long)L);
}

static void say_row_norm(recur__emitter *e, const recur__item *item, bool biased)
{
    const recur_layer *layer = item->layer;
    const bool rms = layer->spec.variant == RECUR_NORM_RMS;
    recur__say(e, RECUR__SECTION_PARTS, "    const %s = %s(%lld, ",
               rms ? "float scale" : "@_moments m", rms ? "@_rms_scale" : "@_moments_of",
               (long long)layer->input_size);
    recur__say_epsilon(e, RECUR__SECTION_PARTS, layer->spec.epsilon);
    recur__say(e, RECUR__SECTION_PARTS, ", x);\n");
    begin_loop(e, "j", layer->input_size);
    if (rms)
        recur__say(e, RECUR__SECTION_PARTS, "        y[j] = @_%s_weight[j] * (x[j] * scale);\n",
                   item->name);
    else
        recur__say(e, RECUR__SECTION_PARTS, "        y[j] = @_%s_weight[j] * @_normal(x[j], m)",
                   item->name);
    if (!rms && biased) recur__say(e, RECUR__SECTION_PARTS, " + @_%s_bias[j]", item->name);
    if (!rms) recur__say(e, RECUR__SECTION_PARTS, ";\n");
    end_loop(e);
}

void recur__say_norm(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const int32_t variant = layer->spec.variant;
    const bool biased = !(layer->spec.flags & RECUR_LAYER_NO_BIAS);
    const int64_t n = variant == RECUR_NORM_GROUP ? layer->spec.channels : layer->input_size;
    recur__need(e, variant == RECUR_NORM_RMS ? RECUR__NEED_RMS : RECUR__NEED_MOMENTS);
    say_vector(e, item, "weight", n, layer->params);
    if (biased) say_vector(e, item, "bias", n, layer->params + n);
    recur__say(e, RECUR__SECTION_PARTS, "\n");
    begin_function(e, item, layer->type, flow);
    if (variant == RECUR_NORM_GROUP)
        say_group_norm(e, item);
    else
        say_row_norm(e, item, biased);
    end_function(e);
}

void recur__say_channels(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const int64_t C = layer->spec.channels, L = layer->input_size / C;
    const bool prelu = layer->ops->kind == RECUR_KIND_PRELU;
    const bool biased = !prelu && !(layer->spec.flags & RECUR_LAYER_NO_BIAS);
    say_vector(e, item, "weight", C, layer->params);
    if (biased) say_vector(e, item, "bias", C, layer->params + C);
    recur__say(e, RECUR__SECTION_PARTS, "\n");
    begin_function(e, item, prelu ? "x above 0, else w x" : "w x + b, channel by channel", flow);
    begin_loop(e, "j", layer->input_size);
    recur__say(e, RECUR__SECTION_PARTS, "        y[j] = %s@_%s_weight[j / %lld] * x[j]",
               prelu ? "x[j] > 0.0f ? x[j] : " : "", item->name, (long long)L);
    if (biased)
        recur__say(e, RECUR__SECTION_PARTS, " + @_%s_bias[j / %lld]", item->name, (long long)L);
    recur__say(e, RECUR__SECTION_PARTS, ";\n");
    end_loop(e);
    end_function(e);
}
