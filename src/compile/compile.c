/* compile.c - a layer as C: checks, names, and the order of both files. */
#include <math.h>
#include <stdio.h>

#include "compile/compile.h"
#include "file/file.h"

/* ---- checks --------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 32 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static recur_status check_name(const char *name)
{
    bool good = is_letter(*name) && strlen(name) <= LONGEST_NAME;
    for (const char *c = name; *c; c++) good = good && (is_letter(*c) || is_digit(*c));
    if (good) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT,
                       "recur_compile_options: the name \"%.60s\" is not one to %d letters, digits "
                       "and _, the first of them no digit",
                       name, LONGEST_NAME);
}

static recur_status take_options(const recur_compile_options *options, recur_compile_options *out)
{
    const uint32_t flags = RECUR_COMPILE_OWN_MATH | RECUR_COMPILE_ARENA | RECUR_COMPILE_IDS |
                           RECUR_COMPILE_LIBRARY_MATH | RECUR_COMPILE_EXACT;
    static const recur__constant precisions[] = { RECUR__CONSTANT(RECUR_PRECISION_FLOAT32),
                                                  RECUR__CONSTANT(RECUR_PRECISION_INT8) };
    RECUR__CHECK(recur__take("recur_compile_options", options, out, sizeof *out));
    RECUR__CHECK(
        recur__check_flags("recur_compile_options", out->flags, flags,
                           "RECUR_COMPILE_OWN_MATH, _LIBRARY_MATH, _EXACT, _ARENA and _IDS"));
    if (out->precision != RECUR_PRECISION_FLOAT32 && out->precision != RECUR_PRECISION_INT8)
        return RECUR__NO_CONSTANT("recur_compile_options", "precision", out->precision, precisions);
    const uint32_t math = out->flags & (RECUR_COMPILE_OWN_MATH | RECUR_COMPILE_LIBRARY_MATH |
                                        RECUR_COMPILE_EXACT);
    if (math & (math - 1))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_compile_options: two or more of RECUR_COMPILE_OWN_MATH, "
                           "_LIBRARY_MATH and _EXACT; set one of them");
    if (out->reserved || out->reserved_pointer)
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_compile_options: reserved is %d, reserved_pointer %s: leave them "
                           "0 and NULL",
                           (int)out->reserved, out->reserved_pointer ? "set" : "NULL");
    if (!out->name) out->name = "model";
    return check_name(out->name);
}

/* Units that are not due take part in zoneout where units beside them in a vector are due. */
static bool has_exact_bits(const recur_layer *layer)
{
    const recur__cell *cell = layer->spec.cell;
    return !cell || !(cell->options & RECUR__OPTION_MODULES) ||
           !(layer->spec.options.zoneout_hidden > 0);
}

static recur_status check_nodes(const recur_layer *layer, uint32_t flags)
{
    for (int64_t i = 0; i < layer->parts; i++) RECUR__CHECK(check_nodes(layer->part[i], flags));
    if (flags & RECUR_COMPILE_EXACT && !has_exact_bits(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_compile_c: RECUR_COMPILE_EXACT, but a layer of type %s with "
                           "zoneout %g; leave one of them out",
                           layer->type, layer->spec.options.zoneout_hidden);
    if (recur__has_c(layer)) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED, "recur_compile_c: there is no C for a layer of type %s",
                       layer->type);
}

static recur_status check_layer(const recur_layer *layer, uint32_t flags)
{
    if (recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_compile_c: a snapshot; compile the layer that it was made of");
    if (!(layer->capabilities & RECUR_CAN_STEP))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_compile_c: a layer of type %s that does not go step by step: it "
                           "looks ahead in time, has a `last`, or is a group",
                           layer->type);
    if (flags & RECUR_COMPILE_IDS && !(layer->capabilities & RECUR_CAN_TAKE_IDS))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_compile_c: RECUR_COMPILE_IDS, but the layer of type %s takes no "
                           "ids",
                           layer->type);
    if (layer->count > INT32_MAX / 4 || layer->state_floats > INT32_MAX / 4)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_compile_c: %lld parameters and %lld numbers of state; %d are the "
                           "most",
                           (long long)layer->count, (long long)layer->state_floats, INT32_MAX / 4);
    for (int64_t i = 0; i < layer->count; i++)
        if (!isfinite(layer->params[i]))
            return recur__fail(RECUR_E_NUMERIC, "recur_compile_c: parameter %lld of %lld is %g",
                               (long long)i, (long long)layer->count, (double)layer->params[i]);
    return check_nodes(layer, flags);
}

/* ---- nodes and their names ------------------------------------------------------------------ */

static int64_t count_nodes(const recur_layer *layer)
{
    int64_t nodes = 1;
    for (int64_t i = 0; i < layer->parts; i++) nodes += count_nodes(layer->part[i]);
    return nodes;
}

/* "decoder.rnn" of names that users gave becomes decoder_rnn, without what C has no place for. */
static void name_node(recur__item *item, const char *whole, const char *name)
{
    size_t used = 0;
    char joined[2 * RECUR__IDENTIFIER];
    snprintf(joined, sizeof joined, "%s%s%.47s", whole, *whole ? "_" : "", name);
    for (const char *c = joined; *c && used < RECUR__IDENTIFIER - 12; c++)
        item->name[used++] = is_letter(*c) || is_digit(*c) ? *c : '_';
    item->name[used] = '\0';
}

/* Two nodes that would have the same name, or that of one of the file's own, get their number. */
static void make_unique(const recur__item *items, int64_t i)
{
    static const char *const taken[] = {
        "init",         "step",        "run",        "state",     "scratch",  "copy",
        "bits",         "high",        "power",      "rounded",   "root",     "moments",
        "tanh",         "exp",         "sample",     "one",       "q",        "self",
        "sigmoid",      "relu",        "elu",        "gelu",      "silu",     "expm1",
        "normal",       "softmax",     "softsign",   "bounded",   "quantise", "reciprocal",
        "hard_sigmoid", "add_product", "moments_of", "rms_scale", "total",    "pairs",
        "four_sums",    "within",      "add_dots",   "plus",      "of_all",   "positive"
    };
    recur__item *item = (recur__item *)(uintptr_t)&items[i];
    bool twice = false;
    for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
        twice = twice || strcmp(taken[k], item->name) == 0;
    for (int64_t k = 0; k < i; k++) twice = twice || strcmp(items[k].name, item->name) == 0;
    if (!twice) return;
    const size_t used = strlen(item->name);
    snprintf(item->name + used, sizeof item->name - used, "_%lld", (long long)i);
}

static recur__item *name_nodes(recur__emitter *e, recur__item *item, const recur_layer *layer,
                               const recur__item *whole)
{
    item->layer = layer;
    if (whole)
        name_node(item, whole == e->item ? "" : whole->name, layer->name);
    else
        name_node(item, "", layer->parts ? "whole" : layer->type);
    make_unique(e->item, item - e->item);
    recur__item *next = item + 1;
    for (int64_t i = 0; i < layer->parts; i++) next = name_nodes(e, next, layer->part[i], item);
    return next;
}

/* Floats of the largest tensor that is written in another form than it has in the layer. */
static int64_t row_floats(const recur_layer *layer)
{
    int64_t most = 0;
    for (int64_t i = 0; i < layer->parts; i++) most = recur__max(most, row_floats(layer->part[i]));
    const recur__cell *cell = layer->spec.cell;
    if (!cell) return most;
    const int64_t H = layer->spec.hidden_size;
    most = recur__max(most, recur__max(cell->gate_blocks, cell->derived) * H);
    return cell->options & RECUR__OPTION_MODULES ? recur__max(most, recur__times(H, H)) : most;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static bool takes_ids(const recur__emitter *e)
{
    return e->flags & RECUR_COMPILE_IDS || !(e->layer->capabilities & RECUR_CAN_TAKE_ROWS);
}

static void walk(recur__emitter *e, recur__section section)
{
    e->section = section;
    recur__say_node(e, e->item, (recur__flow){ takes_ids(e) ? "id" : "x", "y" });
}

static bool has_arena(const recur__emitter *e) { return e->flags & RECUR_COMPILE_ARENA; }

/* The arguments of NAME_step, or of its calls. */
static void say_arguments(recur__emitter *e, bool types, const char *x, const char *y)
{
    const recur__section any = RECUR__SECTION_ANY;
    recur__say(e, any, "(%sstate", types ? "@_state *" : "");
    if (has_arena(e)) recur__say(e, any, ", %s", types ? "@_scratch *scratch" : "scratch");
    const char *type = takes_ids(e) ? "int32_t " : "const float *";
    recur__say(e, any, ", %s%s, %s%s)", types ? type : "", x, types ? "float *" : "", y);
}

static void say_run(recur__emitter *e, const char *end)
{
    const recur__section any = RECUR__SECTION_ANY;
    recur__say(e, any, "void @_run(@_state *state, %sint32_t steps, const %s, float *y)%s",
               has_arena(e) ? "@_scratch *scratch, " : "",
               takes_ids(e) ? "int32_t *ids" : "float *x", end);
}

/* Nobody's, unless it is the caller's. */
static void say_scratch(recur__emitter *e)
{
    const recur__section any = RECUR__SECTION_ANY;
    if (!e->has_scratch && !has_arena(e)) return;
    recur__say_text(e, any,
                    "/* What a step takes beside the state. Nothing stays in it. */\n"
                    "typedef struct @_scratch {\n");
    walk(e, RECUR__SECTION_SCRATCH);
    if (e->has_sums) {
        recur__say_text(e, any, "    union {\n");
        walk(e, RECUR__SECTION_SUMS);
        recur__say_text(e, any, "    } one; /* of the part that runs */\n");
    }
    if (e->quantised)
        recur__say(e, any, "    int8_t q[%lld]; /* the row that is multiplied */\n",
                   (long long)e->quantised);
    if (!e->has_scratch) recur__say_text(e, any, "    char none; /* a step takes nothing */\n");
    recur__say_text(e, any, "} @_scratch;\n\n");
}

/* ---- the header ----------------------------------------------------------------------------- */

static void say_version(recur__emitter *e)
{
    const uint32_t version = recur_version();
    recur__say(e, RECUR__SECTION_ANY, "librecur %u.%u.%u", version >> 16, version >> 8 & 255,
               version & 255);
}

static void say_usage(recur__emitter *e)
{
    const recur__section any = RECUR__SECTION_ANY;
    recur__say_text(e, any, " *\n *     @_state state;        what stays between steps\n");
    if (has_arena(e))
        recur__say_text(e, any,
                        " *     @_scratch scratch;    any number of states may share it, "
                        "one after the other\n");
    recur__say(e, any,
               " *     @_init(&state);       before the first step of a sequence\n"
               " *     @_step(&state, %s%s, y);\n *\n",
               has_arena(e) ? "&scratch, " : "", takes_ids(e) ? "id" : "x");
    if (takes_ids(e))
        recur__say_text(e, any,
                        " * An id is below $_SYMBOLS; any other one counts as no symbol.\n");
    else
        recur__say_text(e, any,
                        " * x has $_INPUTS numbers and y $_OUTPUTS; they do not overlap.\n");
    recur__say(e, any, " * Weights take %lld bytes. */\n", (long long)e->constants);
}

static void say_header(recur__emitter *e)
{
    const recur__section any = RECUR__SECTION_ANY;
    recur__say_text(e, any, "/* @.h - a network as C; its weights are in @.c. Made by ");
    say_version(e);
    recur__say_text(e, any, ".\n");
    say_usage(e);
    recur__say_text(e, any,
                    "#ifndef $_H\n#define $_H\n\n#include <stdint.h>\n\n"
                    "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    recur__say(e, any, "#define $_%s %lld\n#define $_OUTPUTS %lld\n#define $_STATE_FLOATS %lld\n\n",
               takes_ids(e) ? "SYMBOLS" : "INPUTS", (long long)e->layer->input_size,
               (long long)e->layer->output_size, (long long)e->layer->state_floats);
    recur__say_text(e, any,
                    "/* What stays between steps. It may be copied. */\n"
                    "typedef struct @_state {\n");
    walk(e, RECUR__SECTION_STATE);
    if (!e->has_state) recur__say_text(e, any, "    char none; /* nothing does */\n");
    recur__say_text(e, any, "} @_state;\n\n");
    if (has_arena(e)) say_scratch(e);
    recur__say_text(e, any, "void @_init(@_state *state);\nvoid @_step");
    say_arguments(e, true, takes_ids(e) ? "id" : "x", "y");
    recur__say_text(e, any, ";\n\n/* Several steps: rows one behind the other. */\n");
    say_run(e, ";\n");
    recur__say_text(e, any, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* ---- the source ----------------------------------------------------------------------------- */

/* Products that are not rounded before they are added would be other bits. */
static const char contraction_text[] =
    "/* a * b + c is rounded twice, as the library does it. */\n"
    "#if defined(__clang__)\n"
    "#pragma STDC FP_CONTRACT OFF\n"
    "#elif defined(__GNUC__) && defined(__FP_FAST_FMAF) && !defined(__STRICT_ANSI__)\n"
    "#pragma GCC optimize(\"fp-contract=off\")\n"
    "#endif\n\n";

static void say_tree(recur__emitter *e)
{
    for (int64_t i = 0; i < e->items; i++) {
        const recur__item *item = &e->item[i];
        recur__say(e, RECUR__SECTION_ANY, " *     %-20s %-16s %lld -> %lld\n", item->name,
                   item->layer->type, (long long)item->layer->input_size,
                   (long long)item->layer->output_size);
    }
    recur__say_text(e, RECUR__SECTION_ANY, " */\n");
}

static void say_functions(recur__emitter *e)
{
    const recur__section any = RECUR__SECTION_ANY;
    const char *unused = e->has_state ? "" : "    (void)state;\n";
    recur__say_text(e, any, "void @_init(@_state *state)\n{\n");
    recur__say_text(e, any, unused);
    walk(e, RECUR__SECTION_INIT);
    recur__say_text(e, any, "}\n\nvoid @_step");
    say_arguments(e, true, takes_ids(e) ? "id" : "x", "y");
    recur__say_text(e, any, "\n{\n");
    if (has_arena(e) && !e->has_scratch) recur__say_text(e, any, "    (void)scratch;\n");
    if (has_arena(e) && e->has_scratch)
        recur__say_text(e, any, "    @_scratch *const t = scratch;\n");
    else if (e->has_scratch)
        recur__say_text(e, any, "    @_scratch scratch;\n    @_scratch *const t = &scratch;\n");
    recur__say_text(e, any, unused);
    walk(e, RECUR__SECTION_STEP);
    recur__say_text(e, any, "}\n\n");
    say_run(e, "\n{\n    for (int32_t i = 0; i < steps; i++) {\n        @_step");
    say_arguments(e, false, takes_ids(e) ? "ids[i]" : "x + i * $_INPUTS", "y + i * $_OUTPUTS");
    recur__say_text(e, any, ";\n    }\n}\n");
}

static void say_source(recur__emitter *e, const recur__sample_c *sample)
{
    const recur__section any = RECUR__SECTION_ANY;
    const uint32_t math = RECUR__NEED_SIGMOID | RECUR__NEED_TANH | RECUR__NEED_EXP |
                          RECUR__NEED_EXPM1;
    recur__say_text(e, any, "/* @.c - a network as C, made by ");
    say_version(e);
    recur__say(e, any, ": %s weights, %lld bytes.\n *\n",
               e->precision == RECUR_PRECISION_INT8 ? "int8" : "float", (long long)e->constants);
    say_tree(e);
    recur__say(e, any, "#include \"%s\"\n\n", e->header ? e->header : "@.h");
    if (e->needs & math && !(e->flags & (RECUR_COMPILE_OWN_MATH | RECUR_COMPILE_EXACT)))
        recur__say_text(e, any, "#include <math.h> /* expf, tanhf */\n\n");
    if (recur__is_reference_c(e) || recur__is_exact_c(e)) recur__say_text(e, any, contraction_text);
    recur__say_support(e);
    if (!has_arena(e)) say_scratch(e);
    walk(e, RECUR__SECTION_PARTS);
    say_functions(e);
    if (sample) {
        recur__say_text(e, any, "\n");
        recur__say_self_test(e, sample);
    }
}

/* ---- making the text ------------------------------------------------------------------------ */

/* Everything that both texts are made of. */
typedef struct job {
    recur__emitter e;
    recur__sample_c sample;
    bool has_sample;
    void *memory;
    size_t bytes;
} job;

static void lay_out(recur__carver *carver, recur__emitter *e)
{
    e->item = recur__carve(carver, e->items, sizeof *e->item);
    e->rows = recur__carve(carver, e->row_floats, sizeof *e->rows);
}

static recur_status begin(const recur_layer *layer, const recur_compile_options *options, job *j)
{
    recur_compile_options o;
    RECUR__CHECK(take_options(options, &o));
    RECUR__CHECK(check_layer(layer, o.flags));
    *j = (job){ .e = { .layer = layer,
                       .ctx = layer->root->ctx,
                       .name = o.name,
                       .flags = o.flags,
                       .precision = o.precision,
                       .items = count_nodes(layer),
                       .row_floats = row_floats(layer) } };
    recur__emitter *e = &j->e;
    if (recur__is_reference_c(e)) e->flags |= RECUR_COMPILE_OWN_MATH;
    if (o.sample) RECUR__CHECK(recur__sample_c_make(e, o.sample, &j->sample));
    j->has_sample = o.sample != NULL;
    if (j->sample.ids) e->flags |= RECUR_COMPILE_IDS;
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, e);
    j->bytes = measure.used;
    j->memory = recur__alloc(e->ctx, j->bytes);
    if (!j->memory) {
        recur__sample_c_free(layer, &j->sample);
        return recur__no_memory(j->bytes);
    }
    recur__carver carve = { j->memory, 0 };
    lay_out(&carve, e);
    name_nodes(e, e->item, layer, NULL);
    walk(e, RECUR__SECTION_NONE);
    if (e->has_sums || e->quantised) e->has_scratch = true;
    return RECUR_OK;
}

static void end(job *j)
{
    recur__sample_c_free(j->e.layer, &j->sample);
    recur__free(j->e.ctx, j->memory, j->bytes);
}

/* Measures with text NULL; gives the bytes, without a 0 behind them. */
static size_t write_text(job *j, int32_t file, char *text)
{
    j->e.to = text;
    j->e.used = 0;
    if (file == RECUR_COMPILE_SOURCE)
        say_source(&j->e, j->has_sample ? &j->sample : NULL);
    else
        say_header(&j->e);
    if (text) text[j->e.used] = '\0';
    return j->e.used;
}

/* ---- the doors ------------------------------------------------------------------------------ */

recur_status recur_compile_c_memory(const recur_layer *layer, const recur_compile_options *options,
                                    int32_t file, char *text, size_t *bytes)
{
    static const recur__constant files[] = { RECUR__CONSTANT(RECUR_COMPILE_SOURCE),
                                             RECUR__CONSTANT(RECUR_COMPILE_HEADER) };
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(bytes);
    if (file != RECUR_COMPILE_SOURCE && file != RECUR_COMPILE_HEADER)
        return RECUR__NO_CONSTANT(__func__, "file", file, files);
    job j;
    RECUR__CHECK(begin(layer, options, &j));
    const size_t room = *bytes, wanted = write_text(&j, file, NULL) + 1;
    recur_status status = RECUR_OK;
    *bytes = wanted;
    if (text && room < wanted)
        status = recur__fail(RECUR_E_SHAPE, "the text needs %zu bytes, room is given for %zu",
                             wanted, room);
    else if (text)
        write_text(&j, file, text);
    end(&j);
    return status;
}

static recur_status write_file(job *j, const char *text, size_t bytes, const char *path)
{
    recur__disk disk;
    RECUR__CHECK(recur__disk_begin(&disk, j->e.ctx, path));
    return recur__disk_end(&disk, recur__disk_put(&disk, (const unsigned char *)text, bytes));
}

static recur_status put_file(job *j, int32_t file, const char *path)
{
    const size_t bytes = write_text(j, file, NULL);
    char *text = recur__alloc(j->e.ctx, bytes + 1);
    if (!text) return recur__no_memory(bytes + 1);
    write_text(j, file, text);
    const recur_status status = write_file(j, text, bytes, path);
    recur__free(j->e.ctx, text, bytes + 1);
    return status;
}

enum { LONGEST_PATH = 4096 };

/* The header's path: that of the source with another letter. Its last part is in an #include. */
static recur_status header_of(const char *path, char header[LONGEST_PATH], const char **base)
{
    const size_t n = strlen(path);
    const char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    if (n < 3 || n >= LONGEST_PATH || strcmp(path + n - 2, ".c") != 0 || strlen(*base) < 3 ||
        strpbrk(*base, "\"\\\n@$"))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_compile_c: the path %.250s does not end in the name of a C file, "
                           "such as model.c",
                           path);
    memcpy(header, path, n + 1);
    header[n - 1] = 'h';
    *base = header + (*base - path);
    return RECUR_OK;
}

recur_status recur_compile_c(const recur_layer *layer, const recur_compile_options *options,
                             const char *path)
{
    char header[LONGEST_PATH];
    const char *base;
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(path);
    RECUR__CHECK(header_of(path, header, &base));
    job j;
    RECUR__CHECK(begin(layer, options, &j));
    j.e.header = base;
    recur_status status = put_file(&j, RECUR_COMPILE_HEADER, header);
    if (!status) status = put_file(&j, RECUR_COMPILE_SOURCE, path);
    end(&j);
    return status;
}
