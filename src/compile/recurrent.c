/* recurrent.c - a recurrent layer as C: for each layer of the stack its weights, and a function
 * that adds up products as the phases of its kind say and then runs the kind's equations, unit by
 * unit. */
#include <stdio.h>

#include "compile/compile.h"
#include "recurrent/recurrent.h"

/* The normalised kinds add this to a variance: cells/layernorm.h. */
#define EPSILON 1e-5

/* One layer of the stack. */
typedef struct level {
    recur__emitter *e;
    const recur__item *item;
    const recur_layer *layer;
    const recur__cell *cell;
    const recur__cell_c *text;
    int64_t l, H, P;
    recur__weights p;
    char suffix[24];
    const char *x; /* NULL: it takes an id */
} level;

static level level_of(recur__emitter *e, const recur__item *item, int64_t l)
{
    const recur_layer *layer = item->layer;
    level v = {
        .e = e,
        .item = item,
        .layer = layer,
        .cell = layer->spec.cell,
        .text = recur__cell_c_of(layer->spec.cell->kind),
        .l = l,
        .H = layer->spec.hidden_size,
        .P = recur__output_width(layer),
        .p = recur__weights_of(layer, layer->params, l, 0),
    };
    if (layer->spec.num_layers > 1) snprintf(v.suffix, sizeof v.suffix, "_l%lld", (long long)l);
    return v;
}

/* "rnn_bias_l0" */
static void name_of(const level *v, const char *what, char to[RECUR__EXPRESSION])
{
    snprintf(to, RECUR__EXPRESSION, "%s_%.30s%s", v->item->name, what, v->suffix);
}

/* ---- words of the equations ----------------------------------------------------------------- */

static bool uses(const level *v, const char *word)
{
    for (int i = 0; i < 2; i++) {
        if (v->text->before[i] && strstr(v->text->before[i], word)) return true;
        if (v->text->units[i] && strstr(v->text->units[i], word)) return true;
    }
    return false;
}

/* "8 + j" */
static void index_of(const level *v, int64_t block, char to[RECUR__EXPRESSION])
{
    if (block)
        snprintf(to, RECUR__EXPRESSION, "%lld + j", (long long)(block * v->H));
    else
        snprintf(to, RECUR__EXPRESSION, "j");
}

/* Vector i of the kind's own parameters. */
static void say_extra(const level *v, int64_t i)
{
    char index[RECUR__EXPRESSION], name[RECUR__EXPRESSION];
    int t = 0;
    if (v->cell->derive) {
        name_of(v, "derived", name);
    } else {
        while (i >= v->cell->extra[t].blocks) i -= v->cell->extra[t++].blocks;
        name_of(v, v->cell->extra[t].name, name);
    }
    index_of(v, i, index);
    recur__say(v->e, RECUR__SECTION_PARTS, "@_%s[%s]", name, index);
}

/* LN of a gate block. Behind those of the blocks comes one of what stands in block 0. */
static void say_normal(const level *v, int64_t i)
{
    char index[RECUR__EXPRESSION];
    index_of(v, i < v->text->moments ? i : 0, index);
    recur__say(v->e, RECUR__SECTION_PARTS, "(@_normal(k[%s], m%lld) * ", index, (long long)i);
    say_extra(v, i);
    recur__say(v->e, RECUR__SECTION_PARTS, " + ");
    say_extra(v, v->cell->extra[0].blocks + i);
    recur__say(v->e, RECUR__SECTION_PARTS, ")");
}

/* The name of a function: of the layer's own, if a bound is inside; "" for the identity. */
static void say_function(const level *v, const char *word, int32_t function, float bound)
{
    const char *name = function ? recur__activation_c(v->e, function) : NULL;
    if (bound > 0)
        recur__say(v->e, RECUR__SECTION_PARTS, "@_%s_%s", v->item->name, word);
    else if (name)
        recur__say(v->e, RECUR__SECTION_PARTS, "@_%s", name);
}

/* Which words there are; of those that fit, the longest counts. */
enum {
    WORD_BLOCK,
    WORD_EXTRA,
    WORD_NORMAL,
    WORD_MOMENTS,
    WORD_GATE,
    WORD_CANDIDATE,
    WORD_OUTPUT,
    WORD_BOUNDED,
    WORD_KEPT,
    WORD_UNITS,
    WORD_EPSILON,
    WORD_H,
    WORD_C,
    WORD_U
};
static const char *const words[] = {
    [WORD_BLOCK] = "#k",
    [WORD_EXTRA] = "#e",
    [WORD_NORMAL] = "#n",
    [WORD_MOMENTS] = "#moments",
    [WORD_GATE] = "#gate",
    [WORD_CANDIDATE] = "#candidate",
    [WORD_OUTPUT] = "#output",
    [WORD_BOUNDED] = "#bounded",
    [WORD_KEPT] = "#kept(z)",
    [WORD_UNITS] = "#H",
    [WORD_EPSILON] = "#variance",
    [WORD_H] = "#h",
    [WORD_C] = "#c",
    [WORD_U] = "#u",
};
enum { WORDS = sizeof words / sizeof *words };

/* The word at the beginning of a text: the longest that fits. */
static int word_at(const char *text)
{
    int found = -1;
    for (int i = 0; i < WORDS; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0 &&
            (found < 0 || strlen(words[i]) > strlen(words[found])))
            found = i;
    return found;
}

static bool has_number(int word) { return word <= WORD_MOMENTS; }

static void say_indexed(const level *v, int word, int64_t number)
{
    char index[RECUR__EXPRESSION];
    index_of(v, number, index);
    if (word == WORD_BLOCK) recur__say(v->e, RECUR__SECTION_PARTS, "k[%s]", index);
    if (word == WORD_EXTRA) say_extra(v, number);
    if (word == WORD_NORMAL) say_normal(v, number);
    if (word == WORD_MOMENTS)
        recur__say(v->e, RECUR__SECTION_PARTS, "const @_moments m%lld", (long long)number);
}

static void say_word(const level *v, int word)
{
    recur__emitter *e = v->e;
    const recur__cell_options *f = &v->layer->spec.cell_options;
    const char *kept = f->update_new ? "(1.0f - z)" : "z";
    if (word == WORD_GATE) say_function(v, "gate", f->gate, f->preactivation_clip);
    if (word == WORD_CANDIDATE) say_function(v, "candidate", f->activation, f->preactivation_clip);
    if (word == WORD_OUTPUT) say_function(v, "output", f->output, 0);
    if (word == WORD_BOUNDED) say_function(v, "bounded", 0, f->cell_clip);
    if (word == WORD_KEPT) recur__say(e, RECUR__SECTION_PARTS, "%s", kept);
    if (word == WORD_UNITS) recur__say(e, RECUR__SECTION_PARTS, "%lld", (long long)v->H);
    if (word == WORD_EPSILON) recur__say_epsilon(e, RECUR__SECTION_PARTS, EPSILON);
    if (word == WORD_H) recur__say(e, RECUR__SECTION_PARTS, "h[j]");
    if (word == WORD_C) recur__say(e, RECUR__SECTION_PARTS, "c[j]");
    if (word == WORD_U) recur__say(e, RECUR__SECTION_PARTS, "u[j]");
}

/* Lines of a kind's text, with so many spaces before them. */
static void say_lines(const level *v, const char *text, const char *indent)
{
    bool begins = true;
    while (text && *text) {
        const int word = *text == '#' ? word_at(text) : -1;
        if (begins) recur__say(v->e, RECUR__SECTION_PARTS, "%s", indent);
        begins = *text == '\n';
        if (word < 0) {
            recur__say(v->e, RECUR__SECTION_PARTS, "%c", *text++);
            continue;
        }
        text += strlen(words[word]);
        if (has_number(word))
            say_indexed(v, word, *text++ - '0');
        else
            say_word(v, word);
    }
}

/* ---- functions with a bound ----------------------------------------------------------------- */

static void say_bounded_function(const level *v, const char *word, int32_t function, float bound)
{
    char marked[16];
    snprintf(marked, sizeof marked, "#%s", word);
    if (!(bound > 0) || !uses(v, marked)) return;
    const char *name = function ? recur__activation_c(v->e, function) : NULL;
    recur__need(v->e, RECUR__NEED_BOUNDED);
    recur__say(v->e, RECUR__SECTION_PARTS, "static float @_%s_%s(float a)\n{\n    return ",
               v->item->name, word);
    if (name) recur__say(v->e, RECUR__SECTION_PARTS, "@_%s(", name);
    recur__say(v->e, RECUR__SECTION_PARTS, "@_bounded(%s, a)%s;\n}\n\n",
               recur__float_text(bound).text, name ? ")" : "");
}

static void say_functions(const level *v)
{
    const recur__cell_options *f = &v->layer->spec.cell_options;
    say_bounded_function(v, "gate", f->gate, f->preactivation_clip);
    say_bounded_function(v, "candidate", f->activation, f->preactivation_clip);
    say_bounded_function(v, "bounded", 0, f->cell_clip);
}

/* ---- weights -------------------------------------------------------------------------------- */

static recur__matrix_c matrix(const level *v, const char *what, int64_t N, int64_t K,
                              const float *numbers)
{
    recur__matrix_c W = { .N = N, .K = K, .numbers = numbers };
    name_of(v, what, W.name);
    W.precision = recur__leaf_precision(v->layer, v->e->precision);
    return W;
}

static recur__matrix_c matrix_W(const level *v)
{
    return matrix(v, "weight_ih", v->cell->x_gates * v->H, v->p.in, v->p.W);
}

/* Of a clockwork with zeros where a module does not see another. */
static recur__matrix_c matrix_U(const level *v)
{
    const float *U = v->p.U;
    if (U && recur__has_modules(v->layer)) {
        recur__fill_visible_U(v->layer, U, v->e->rows);
        U = v->e->rows;
    }
    return matrix(v, "weight_hh", v->cell->h_gates * v->H, v->P, U);
}

static recur__matrix_c matrix_project(const level *v)
{
    return matrix(v, "weight_hr", v->P, v->H, v->p.project);
}

/* A vector of blocks of H numbers. */
static void say_vector(const level *v, const char *what, int64_t blocks, const float *numbers)
{
    char name[RECUR__EXPRESSION], shape[64];
    name_of(v, what, name);
    snprintf(shape, sizeof shape, "%lld * %lld", (long long)blocks, (long long)v->H);
    recur__say_floats(v->e, name, shape, blocks * v->H, numbers);
}

static void say_weights(const level *v)
{
    recur__emitter *e = v->e;
    const recur__cell *cell = v->cell;
    const recur__matrix_c W = matrix_W(v);
    recur__say_matrix(e, &W);
    if (v->p.U) {
        const recur__matrix_c U = matrix_U(v);
        recur__say_matrix(e, &U);
    }
    if (v->p.b_ih) {
        recur__say(e, RECUR__SECTION_PARTS,
                   "/* bias_ih where W x goes, and bias_hh where U h goes */\n");
        recur__add_biases(v->layer, &v->p, e->rows);
        say_vector(v, "bias", cell->gate_blocks, e->rows);
    }
    if (v->p.project) {
        const recur__matrix_c project = matrix_project(v);
        recur__say_matrix(e, &project);
    }
    if (cell->derive) {
        cell->derive(&v->layer->spec.cell_options, v->H, v->p.extra, e->rows);
        say_vector(v, "derived", cell->derived, e->rows);
        return;
    }
    const float *extra = v->p.extra;
    for (int i = 0; i < RECUR__EXTRAS && cell->extra[i].name; i++) {
        say_vector(v, cell->extra[i].name, cell->extra[i].blocks, extra);
        extra += cell->extra[i].blocks * v->H;
    }
}

/* ---- the function --------------------------------------------------------------------------- */

/* "k + 8" */
static void block_at(const level *v, int64_t block, char to[RECUR__EXPRESSION])
{
    if (block)
        snprintf(to, RECUR__EXPRESSION, "k + %lld", (long long)(block * v->H));
    else
        snprintf(to, RECUR__EXPRESSION, "k");
}

static void say_input(const level *v)
{
    const recur__cell *cell = v->cell;
    const recur__matrix_c W = matrix_W(v);
    if (v->x) recur__say_prepare(v->e, &W, v->x);
    for (recur__run r = recur__x_run(cell, 0); r.gates; r = recur__x_run(cell, r.gate + r.gates)) {
        char y[RECUR__EXPRESSION];
        block_at(v, r.block, y);
        const recur__product_c p = {
            .first = r.gate * v->H, .count = r.gates * v->H, .x = v->x, .y = y
        };
        if (v->x)
            recur__say_product(v->e, &W, &p);
        else
            recur__say_column(v->e, &W, &p);
    }
}

/* Gates of U that follow each other in the gate blocks are one product. */
static void say_state(const level *v, const recur__phase *f, const char *s)
{
    if (!f->h_gates) return;
    const recur__matrix_c U = matrix_U(v);
    recur__say_prepare(v->e, &U, s);
    for (int i = 0, count; i < f->h_gates; i += count) {
        char y[RECUR__EXPRESSION];
        const int block = recur__h_block(f, i);
        for (count = 1; i + count < f->h_gates; count++)
            if (recur__h_block(f, i + count) != block + count) break;
        block_at(v, block, y);
        const recur__product_c p = {
            .first = (f->h_first + i) * v->H, .count = count * v->H, .x = s, .y = y
        };
        recur__say_product(v->e, &U, &p);
    }
}

/* to[j] = value, of which zoneout leaves a share of what stood there. */
static void say_store(const level *v, const char *to, const char *value, double zoneout)
{
    const recur__constant_text share = recur__float_text((float)zoneout);
    if (zoneout > 0)
        recur__say(v->e, RECUR__SECTION_PARTS, "        %s[j] = %s * %s[j] + (1.0f - %s) * %s;\n",
                   to, share.text, to, share.text, value);
    else
        recur__say(v->e, RECUR__SECTION_PARTS, "        %s[j] = %s;\n", to, value);
}

static void say_units(const level *v, int phase)
{
    const recur_recurrent_options *o = &v->layer->spec.options;
    const bool last = phase == v->cell->phases - 1, projects = recur__projects(v->layer);
    for (int b = 0; last && b < v->text->moments; b++) {
        char k[RECUR__EXPRESSION];
        block_at(v, b, k);
        recur__say(v->e, RECUR__SECTION_PARTS, "    const @_moments m%d = @_moments_of(%lld, ", b,
                   (long long)v->H);
        recur__say_epsilon(v->e, RECUR__SECTION_PARTS, EPSILON);
        recur__say(v->e, RECUR__SECTION_PARTS, ", %s);\n", k);
    }
    say_lines(v, v->text->before[phase], "    ");
    recur__say(v->e, RECUR__SECTION_PARTS, "    for (int32_t j = 0; j < %lld; j++) {\n",
               (long long)v->H);
    say_lines(v, v->text->units[phase], "        ");
    if (last && v->cell->states > 1) say_store(v, "c", "after_c", o->zoneout_cell);
    if (last && projects) say_store(v, "u", "after_h", 0);
    const bool only_due = last && v->text->only_due;
    if (only_due) recur__say(v->e, RECUR__SECTION_PARTS, "        if (due) {\n    ");
    if (last && !projects) say_store(v, "h", "after_h", o->zoneout_hidden);
    if (only_due) recur__say(v->e, RECUR__SECTION_PARTS, "        }\n");
    recur__say(v->e, RECUR__SECTION_PARTS, "    }\n");
}

static void say_zeros(const level *v, const char *name, int64_t count)
{
    recur__say(v->e, RECUR__SECTION_PARTS,
               "    for (int32_t j = 0; j < %lld; j++) {\n        %s[j] = 0.0f;\n    }\n",
               (long long)count, name);
}

/* h = W_hr u, of which zoneout leaves a share of the h before. */
static void say_projection(const level *v)
{
    const double zoneout = v->layer->spec.options.zoneout_hidden;
    const recur__matrix_c W = matrix_project(v);
    const char *to = zoneout > 0 ? "k" : "h";
    const recur__product_c p = { .count = v->P, .x = "u", .y = to };
    recur__say_prepare(v->e, &W, "u");
    say_zeros(v, to, v->P);
    recur__say_product(v->e, &W, &p);
    if (!(zoneout > 0)) return;
    recur__say(v->e, RECUR__SECTION_PARTS, "    for (int32_t j = 0; j < %lld; j++) {\n",
               (long long)v->P);
    say_store(v, "h", "k[j]", zoneout);
    recur__say(v->e, RECUR__SECTION_PARTS, "    }\n");
}

static bool has_u(const level *v) { return v->cell->phases > 1 || recur__projects(v->layer); }

static void say_state_place(const level *v, const char *state, int64_t at)
{
    recur__say(v->e, RECUR__SECTION_PARTS, "    float *const %s = state->%s_%s", state,
               v->item->name, state);
    if (at) recur__say(v->e, RECUR__SECTION_PARTS, " + %lld", (long long)at);
    recur__say(v->e, RECUR__SECTION_PARTS, ";\n");
}

static void say_places(const level *v)
{
    recur__emitter *e = v->e;
    const bool small = recur__leaf_precision(v->layer, e->precision) == RECUR_PRECISION_INT8;
    const bool multiplies = v->x || v->p.U || v->p.project;
    recur__say(e, RECUR__SECTION_PARTS, "    float *const k = t->one.%s;\n", v->item->name);
    if (has_u(v))
        recur__say(e, RECUR__SECTION_PARTS, "    float *const u = k + %lld;\n",
                   (long long)(v->cell->gate_blocks * v->H));
    say_state_place(v, "h", v->l * v->P);
    if (v->cell->states > 1) say_state_place(v, v->cell->state[1].name, v->l * v->H);
    if (small && multiplies) recur__say(e, RECUR__SECTION_PARTS, "    float scale;\n");
}

static void say_level(const level *v)
{
    recur__emitter *e = v->e;
    char bias[RECUR__EXPRESSION];
    name_of(v, "bias", bias);
    recur__say(e, RECUR__SECTION_PARTS, "/* %s%s: %s, %lld %s, %lld units\n *\n%s */\n",
               v->item->name, v->suffix, v->layer->type, (long long)v->p.in,
               v->x ? "numbers" : "symbols", (long long)v->H, v->text->equations);
    say_weights(v);
    recur__say(e, RECUR__SECTION_PARTS, "\n");
    recur__say(e, RECUR__SECTION_PARTS, "static void @_%s%s(@_state *state, @_scratch *t, %s)\n{\n",
               v->item->name, v->suffix, v->x ? "const float *x" : "int32_t id");
    say_places(v);
    if (v->p.b_ih) {
        recur__need(e, RECUR__NEED_COPY);
        recur__say(e, RECUR__SECTION_PARTS, "    @_copy(%lld, @_%s, k);\n",
                   (long long)(v->cell->gate_blocks * v->H), bias);
    } else {
        say_zeros(v, "k", v->cell->gate_blocks * v->H);
    }
    say_input(v);
    for (int i = 0; i < v->cell->phases; i++) {
        say_state(v, &v->cell->phase[i], i ? "u" : "h");
        say_units(v, i);
    }
    if (recur__projects(v->layer)) say_projection(v);
    recur__say(e, RECUR__SECTION_PARTS, "}\n\n");
}

/* ---- the layer ------------------------------------------------------------------------------ */

/* The h of one layer. */
static void h_after(const recur__item *item, int64_t l, char to[RECUR__EXPRESSION])
{
    const int64_t at = l * recur__output_width(item->layer);
    if (at)
        snprintf(to, RECUR__EXPRESSION, "state->%s_h + %lld", item->name, (long long)at);
    else
        snprintf(to, RECUR__EXPRESSION, "state->%s_h", item->name);
}

/* Where the row of y is: h of the last layer, or that and c side by side. */
static void say_result(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const int64_t L = layer->spec.num_layers, H = layer->spec.hidden_size;
    const int64_t P = recur__output_width(layer);
    const bool outputs_cell = recur__outputs_cell(layer);
    char h[RECUR__EXPRESSION];
    h_after(item, L - 1, h);
    if (!flow.want && !outputs_cell) {
        memcpy(item->out, h, sizeof h);
        return;
    }
    const char *y = recur__say_output(e, item, flow);
    recur__need(e, RECUR__NEED_COPY);
    recur__say(e, RECUR__SECTION_STEP, "    @_copy(%lld, %s, %s);\n", (long long)P, h, y);
    if (outputs_cell)
        recur__say(e, RECUR__SECTION_STEP, "    @_copy(%lld, state->%s_c + %lld, %s + %lld);\n",
                   (long long)H, item->name, (long long)((L - 1) * H), y, (long long)P);
}

void recur__say_recurrent(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const bool ids = strcmp(flow.in, "id") == 0;
    const int64_t S = layer->spec.cell->gate_blocks, H = layer->spec.hidden_size;
    char x[RECUR__EXPRESSION];
    snprintf(x, sizeof x, "%s", flow.in);
    for (int64_t l = 0; l < layer->spec.num_layers; l++) {
        level v = level_of(e, item, l);
        v.x = l == 0 && ids ? NULL : "x";
        if (v.text->moments) recur__need(e, RECUR__NEED_MOMENTS);
        if (l == 0) say_functions(&v);
        if (l == 0)
            recur__say(e, RECUR__SECTION_SUMS, "        float %s[%lld];\n", item->name,
                       (long long)((S + has_u(&v)) * H));
        say_level(&v);
        recur__say(e, RECUR__SECTION_STEP, "    @_%s%s(state, t, %s);\n", item->name, v.suffix, x);
        h_after(item, l, x);
    }
    e->has_sums = true;
    say_result(e, item, flow);
}
