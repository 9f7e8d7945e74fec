/* tree.c - a layer in words: its parts as a tree, one line each. */
#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a layer is ------------------------------------------------------------------------ */

enum { WORDS = 400 };

LIKE_PRINTF(2) static void add(char *words, const char *format, ...)
{
    const size_t length = strlen(words);
    va_list list;
    va_start(list, format);
    vsnprintf(words + length, WORDS - length, format, list);
    va_end(list);
}

static const char *activation_name(int32_t function)
{
    static const char *const names[] = { "",         "tanh",     "sigmoid", "relu", "hard sigmoid",
                                         "softsign", "identity", "silu",    "elu",  "gelu",
                                         "positive" };
    const int32_t count = sizeof names / sizeof *names;
    return function > 0 && function < count ? names[function] : "another function";
}

static void add_direction(char *words, int32_t direction)
{
    if (direction == RECUR_DIRECTION_REVERSE) add(words, ", reverse");
    if (direction == RECUR_DIRECTION_BIDIRECTIONAL) add(words, ", bidirectional");
}

static void add_recurrent(char *words, const recur_layer_info *info)
{
    add(words, ", H %lld", (long long)info->hidden_size);
    if (info->num_layers > 1) add(words, ", %lld layers", (long long)info->num_layers);
    add_direction(words, info->direction);
    if (info->projection_size) add(words, ", projected to %lld", (long long)info->projection_size);
    if (info->clockwork) add(words, ", %d modules", (int)info->clockwork->modules);
    if (info->dropout > 0) add(words, ", dropout %g", info->dropout);
    if (info->recurrent_dropout > 0) add(words, ", recurrent dropout %g", info->recurrent_dropout);
    if (info->zoneout_hidden > 0) add(words, ", zoneout of h %g", info->zoneout_hidden);
    if (info->zoneout_cell > 0) add(words, ", zoneout of c %g", info->zoneout_cell);
    if (info->cell_clip > 0) add(words, ", c within %g", info->cell_clip);
    if (info->preactivation_clip > 0) add(words, ", gates within %g", info->preactivation_clip);
    if (info->gate_activation) add(words, ", gates %s", activation_name(info->gate_activation));
    if (info->activation) add(words, ", candidate %s", activation_name(info->activation));
    if (info->output_activation)
        add(words, ", output %s", activation_name(info->output_activation));
    if (info->flags & RECUR_LAYER_LEARN_INITIAL_STATE) add(words, ", learned initial state");
    if (info->flags & RECUR_LAYER_OUTPUT_CELL) add(words, ", gives c");
}

static void add_conv(char *words, const recur_conv_options *conv)
{
    add(words, ", %lld to %lld channels, kernel %lld", (long long)conv->in_channels,
        (long long)conv->out_channels, (long long)conv->kernel);
    if (conv->stride > 1) add(words, ", stride %lld", (long long)conv->stride);
    if (conv->dilation > 1) add(words, ", dilation %lld", (long long)conv->dilation);
    if (conv->groups > 1) add(words, ", %lld groups", (long long)conv->groups);
    if (conv->pad_before && conv->axis == RECUR_CONV_ROW)
        add(words, ", %lld before", (long long)conv->pad_before);
    if (conv->pad_after)
        add(words, conv->axis == RECUR_CONV_TIME ? ", looks ahead %lld" : ", %lld behind",
            (long long)conv->pad_after);
    if (conv->padding == RECUR_PADDING_REFLECT) add(words, ", reflected");
}

static void add_sources(char *words, const recur_layer_info *info)
{
    for (int64_t i = 0; i < info->source_count; i++) {
        const recur_source *source = &info->sources[i];
        add(words, "%s%s", i ? " + " : ", of ", source->part ? source->part : "input");
        if (source->count)
            add(words, "[%lld:%lld]", (long long)source->begin,
                (long long)(source->begin + source->count));
        else if (source->begin)
            add(words, "[%lld:]", (long long)source->begin);
    }
}

static void describe(char *words, const recur_layer_info *info)
{
    add(words, "%s", info->type);
    if (info->kind == RECUR_KIND_RECURRENT) add_recurrent(words, info);
    if (info->kind == RECUR_KIND_LAST) add_direction(words, info->direction);
    if (info->kind == RECUR_KIND_DROPOUT) add(words, " %g", info->dropout);
    if (info->kind == RECUR_KIND_NORM && info->groups > 1)
        add(words, ", %lld groups", (long long)info->groups);
    if (info->conv) add_conv(words, info->conv);
    if (info->flags & RECUR_LAYER_NO_BIAS) add(words, ", no bias");
    add_sources(words, info);
}

/* ---- the tree ------------------------------------------------------------------------------- */

typedef struct growing {
    tree tree;
    int64_t room;
} growing;

static void add_branch(growing *g, char *path, char *name, const recur_layer *layer,
                       const recur_layer_info *info)
{
    if (g->tree.count == g->room) {
        g->room = g->room ? 2 * g->room : 16;
        g->tree.at = take(g->tree.at, (size_t)g->room, sizeof *g->tree.at);
    }
    char words[WORDS] = "";
    describe(words, info);
    const bool group = info->kind == RECUR_KIND_COMPOSE && info->variant == RECUR_COMPOSE_GROUP;
    const char *arrow = plain_letters() ? "->" : "→";
    char *shape = group ? text("-")
                        : text("%lld %s %lld", (long long)info->input_size, arrow,
                               (long long)info->output_size);
    g->tree.at[g->tree.count++] = (branch){ .path = path,
                                            .name = name,
                                            .kind = text("%s", words),
                                            .shape = shape,
                                            .params = recur_layer_param_count(layer) };
}

/* The parts of a layer, whose own line is there. `before` are the lines of the tree at the left. */
static void add_parts(growing *g, const recur_layer *layer, const char *path, const char *before)
{
    const bool plain = plain_letters();
    const int64_t parts = described(layer).parts;
    for (int64_t i = 0; i < parts; i++) {
        const bool last = i == parts - 1;
        recur_layer_info info = { .size = sizeof info };
        recur_layer *part;
        check(recur_layer_describe(layer, i, &info), NULL);
        check(recur_layer_child(layer, info.name, &part, NULL), NULL);
        const char *fork = last ? "└─ " : "├─ ", *trunk = last ? "   " : "│  ";
        if (plain) fork = last ? "`- " : "|- ";
        if (plain) trunk = last ? "   " : "|  ";
        char *whole = text("%s%s%s", path, *path ? "." : "", info.name);
        char *further = text("%s%s", before, trunk);
        add_branch(g, whole, text("%s%s%s", before, fork, info.name), part, &info);
        add_parts(g, part, whole, further);
        free(further);
        recur_layer_release(part);
    }
}

tree make_tree(const recur_layer *layer)
{
    growing g = { .room = 0 };
    const recur_layer_info info = described(layer);
    add_branch(&g, text("%s", ""), text("model"), layer, &info);
    add_parts(&g, layer, "", "");
    return g.tree;
}

void free_tree(tree *t)
{
    for (int64_t i = 0; i < t->count; i++) {
        free(t->at[i].path);
        free(t->at[i].name);
        free(t->at[i].kind);
        free(t->at[i].shape);
    }
    free(t->at);
}

int columns(const char *text)
{
    int count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static int wider(int width, const char *text)
{
    return columns(text) > width ? columns(text) : width;
}

void print_tree(const tree *t)
{
    int name = 0, shape = 0, kind = 0;
    for (int64_t i = 0; i < t->count; i++) {
        name = wider(name, t->at[i].name);
        shape = wider(shape, t->at[i].shape);
        kind = wider(kind, t->at[i].kind);
    }
    for (int64_t i = 0; i < t->count; i++) {
        const branch *b = &t->at[i];
        const char *params = b->params ? grouped(b->params) : "-";
        printf("  %s%*s  %s%*s  %s%*s  %11s\n", b->name, name - columns(b->name), "", b->kind,
               kind - columns(b->kind), "", b->shape, shape - columns(b->shape), "", params);
    }
}
