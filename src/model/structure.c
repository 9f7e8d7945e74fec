/* structure.c - what one layer is, as JSON: one table with a row per member of recur_layer_info.
 *
 *     { "type": "lstm", "input_size": 8, "hidden_size": 4, "num_layers": 2, "dropout": 0.5,
 *       "no_bias": true }
 *
 * A member that is zero is not written, for zero is the default of everything. So a member that is
 * there matters, and one that is not known cannot be passed over. What can be computed from the
 * others (output_size of an LSTM) is written and checked. */
#include "model/model.h"

/* ---- forms: how a member lies in the struct, and in JSON ------------------------------------ */

typedef struct member {
    const char *name;
    const struct form *form;
    size_t at, option; /* offsets in recur_layer_info and, unless 0, recur_recurrent_options */
    uint32_t flag;
    enum {
        OF_INFO,
        OF_CLOCKWORK,
        OF_CONV
    } of; /* whose offset `at` is: that of a family's options */
} member;

typedef struct form {
    const char *words;
    size_t bytes;
    void (*put)(recur__json_writer *w, const void *at);
    bool (*take)(recur__json value, void *at); /* false: of another form */
    const char *const *named;                  /* words of the values from 0 on; NULL: numbers */
} form;

static void put_count(recur__json_writer *w, const void *at)
{
    recur__json_put_whole(w, *(const int64_t *)at);
}

static void put_integer(recur__json_writer *w, const void *at)
{
    recur__json_put_whole(w, *(const int32_t *)at);
}

static void put_real(recur__json_writer *w, const void *at)
{
    recur__json_put_double(w, *(const double *)at);
}

static bool take_count(recur__json value, void *at) { return recur__json_whole(value, at); }

static bool take_integer(recur__json value, void *at)
{
    int64_t whole;
    if (!recur__json_whole(value, &whole) || whole < INT32_MIN || whole > INT32_MAX) return false;
    *(int32_t *)at = (int32_t)whole;
    return true;
}

static bool take_real(recur__json value, void *at) { return recur__json_double(value, at); }

/* Integers up to the last that is not 0. */
static void put_periods(recur__json_writer *w, const void *at)
{
    const int32_t *period = at;
    int n = RECUR_MOST_MODULES;
    while (n > 0 && period[n - 1] == 0) n--;
    recur__json_open(w, '[');
    for (int i = 0; i < n; i++) recur__json_put_whole(w, period[i]);
    recur__json_close(w, ']');
}

static bool take_periods(recur__json value, void *at)
{
    int32_t *period = at;
    recur__json_items items = recur__json_items_of(value);
    if (recur__json_kind_of(value) != RECUR__JSON_ARRAY) return false;
    if (recur__json_count(value) > RECUR_MOST_MODULES) return false;
    while (recur__json_next(&items))
        if (!take_integer(items.value, period++)) return false;
    return true;
}

/* Constants have words; theirs is the place. */
static const char *const directions[] = { "forward", "reverse", "bidirectional", NULL };
static const char *const paddings[] = { "zeros", "reflect", NULL };
static const char *const functions[] = { "",         "tanh",     "sigmoid", "relu", "hard_sigmoid",
                                         "softsign", "identity", "silu",    "elu",  "gelu",
                                         "positive", NULL };

/* NULL: there is none. */
static const char *word_of(const char *const *words, int32_t code)
{
    for (int32_t i = 0; words[i]; i++)
        if (i == code) return words[i];
    return NULL;
}

static bool take_word(const char *const *words, recur__json value, int32_t *code)
{
    for (*code = 0; words[*code]; ++*code)
        if (recur__json_is(value, words[*code])) return true;
    return false;
}

static void put_direction(recur__json_writer *w, const void *at)
{
    recur__json_put_string(w, word_of(directions, *(const int32_t *)at));
}
static void put_function(recur__json_writer *w, const void *at)
{
    recur__json_put_string(w, word_of(functions, *(const int32_t *)at));
}
static void put_padding(recur__json_writer *w, const void *at)
{
    recur__json_put_string(w, word_of(paddings, *(const int32_t *)at));
}
static bool take_padding(recur__json value, void *at) { return take_word(paddings, value, at); }
static bool take_direction(recur__json value, void *at) { return take_word(directions, value, at); }
static bool take_function(recur__json value, void *at) { return take_word(functions, value, at); }

static const form counts = { "a whole number of 64 bits", sizeof(int64_t), put_count, take_count,
                             NULL };
static const form integers = { "a whole number of 32 bits", sizeof(int32_t), put_integer,
                               take_integer, NULL };
static const form reals = { "a number in the range of float64", sizeof(double), put_real, take_real,
                            NULL };
static const form periods = { "an array of at most 16 whole numbers",
                              sizeof(int32_t[RECUR_MOST_MODULES]), put_periods, take_periods,
                              NULL };
static const form directed = { "forward, reverse or bidirectional", sizeof(int32_t), put_direction,
                               take_direction, directions };
static const form padded = { "zeros or reflect", sizeof(int32_t), put_padding, take_padding,
                             paddings };
static const form function = { "the name of a function", sizeof(int32_t), put_function,
                               take_function, functions };
static const form flags = { "true or false", 0, NULL, NULL, NULL };

/* ---- the table ------------------------------------------------------------------------------ */

#define INFO(name, form)                                              \
    {                                                                 \
#name, &form, offsetof(recur_layer_info, name), 0, 0, OF_INFO \
    }
#define CLOCKWORK(name, form)                                                     \
    {                                                                             \
#name, &form, offsetof(recur_clockwork_options, name), 0, 0, OF_CLOCKWORK \
    }
#define CONV(name, form)                                                \
    {                                                                   \
#name, &form, offsetof(recur_conv_options, name), 0, 0, OF_CONV \
    }
#define BOTH(name, form)                                                                         \
    {                                                                                            \
#name, &form, offsetof(recur_layer_info, name), offsetof(recur_recurrent_options, name), \
            0, OF_INFO                                                                           \
    }
#define FLAG(name, bit)                                                                            \
    {                                                                                              \
        name, &flags, offsetof(recur_layer_info, flags), offsetof(recur_recurrent_options, flags), \
            bit, OF_INFO                                                                           \
    }

static const member members[] = {
    BOTH(input_size, counts),
    INFO(output_size, counts),
    BOTH(hidden_size, counts),
    BOTH(num_layers, counts),
    BOTH(projection_size, counts),
    BOTH(direction, directed),
    FLAG("no_bias", RECUR_LAYER_NO_BIAS),
    FLAG("cell_names", RECUR_LAYER_CELL_NAMES),
    FLAG("update_new", RECUR_LAYER_UPDATE_NEW),
    FLAG("learn_start", RECUR_LAYER_LEARN_INITIAL_STATE),
    FLAG("output_cell", RECUR_LAYER_OUTPUT_CELL),
    BOTH(dropout, reals),
    BOTH(recurrent_dropout, reals),
    BOTH(zoneout_hidden, reals),
    BOTH(zoneout_cell, reals),
    BOTH(cell_clip, reals),
    BOTH(preactivation_clip, reals),
    BOTH(gate_activation, function),
    BOTH(activation, function),
    BOTH(output_activation, function),
    CLOCKWORK(modules, integers),
    CLOCKWORK(periods, periods),
    INFO(epsilon, reals),
    INFO(channels, counts),
    INFO(groups, counts),
    CONV(out_channels, counts),
    CONV(kernel, counts),
    CONV(stride, counts),
    CONV(dilation, counts),
    CONV(pad_before, counts),
    CONV(pad_after, counts),
    CONV(padding, padded),
};
enum { MEMBERS = sizeof members / sizeof *members };
_Static_assert(MEMBERS <= 64, "recur__structure.told has a bit for each");

/* Not here: kind, variant and type, which are "type"; parts, name and sources, which are the
 * tree's; offset and capabilities, which follow, as a convolution's in_channels and length do. */
_Static_assert(sizeof(recur_layer_info) ==
                   offsetof(recur_layer_info, reserved_pointer) + sizeof(void *),
               "a new member of recur_layer_info needs a row in this table");

static bool is_flag(const member *m) { return m->form == &flags; }

/* Where a member lies. A layer that is not of a family has zeros for its options. */
static const void *in_const(const member *m, const recur_layer_info *info)
{
    static const recur_clockwork_options no_clockwork;
    static const recur_conv_options no_conv;
    const void *from = info;
    if (m->of == OF_CLOCKWORK) from = info->clockwork ? info->clockwork : &no_clockwork;
    if (m->of == OF_CONV) from = info->conv ? info->conv : &no_conv;
    return (const unsigned char *)from + m->at;
}

static bool is_default(const member *m, const recur_layer_info *info)
{
    static const recur_layer_info none;
    return is_flag(m) ? !(info->flags & m->flag)
                      : memcmp(in_const(m, info), in_const(m, &none), m->form->bytes) == 0;
}

static void put_value(recur__json_writer *w, const member *m, const recur_layer_info *info)
{
    if (is_flag(m))
        recur__json_put_true(w, info->flags & m->flag);
    else
        m->form->put(w, in_const(m, info));
}

/* ---- out ------------------------------------------------------------------------------------ */

recur_status recur__structure_can_put(const recur_layer_info *info)
{
    uint32_t known = 0;
    for (int i = 0; i < MEMBERS; i++) {
        const member *m = &members[i];
        known |= m->flag;
        if (m->form->named && !word_of(m->form->named, *(const int32_t *)in_const(m, info)))
            return recur__fail(RECUR_E_UNSUPPORTED,
                               "%s of a layer of type %s has no name in model "
                               "files",
                               m->name, info->type);
    }
    if (!(info->flags & ~known)) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "flags %#x of a layer of type %s have no name in model files",
                       (unsigned)(info->flags & ~known), info->type);
}

void recur__structure_put(recur__json_writer *w, const recur_layer_info *info, bool is_part)
{
    if (is_part) {
        recur__json_put_name(w, "", "name");
        recur__json_put_string(w, info->name);
    }
    recur__json_put_name(w, "", "type");
    recur__json_put_string(w, info->type);
    for (int i = 0; i < MEMBERS; i++) {
        if (is_default(&members[i], info)) continue;
        recur__json_put_name(w, "", members[i].name);
        put_value(w, &members[i], info);
    }
}

/* ---- in ------------------------------------------------------------------------------------- */

static const member *find(recur__json name)
{
    for (int i = 0; i < MEMBERS; i++)
        if (recur__json_is(name, members[i].name)) return &members[i];
    return NULL;
}

static bool take(const member *m, recur__json value, recur__structure *out)
{
    unsigned char *to = (unsigned char *)&out->info;
    if (m->of == OF_CLOCKWORK) to = (unsigned char *)&out->clockwork;
    if (m->of == OF_CONV) to = (unsigned char *)&out->conv;
    if (!is_flag(m)) return m->form->take(value, to + m->at);
    const recur__json_kind kind = recur__json_kind_of(value);
    if (kind == RECUR__JSON_TRUE) out->info.flags |= m->flag;
    return kind == RECUR__JSON_TRUE || kind == RECUR__JSON_FALSE;
}

/* A member that belongs to the tree; NULL: it is none. */
static recur__json *of_the_tree(recur__json name, recur__structure *out)
{
    if (recur__json_is(name, "type")) return &out->type;
    if (recur__json_is(name, "name")) return &out->name;
    if (recur__json_is(name, "parts")) return &out->parts;
    if (recur__json_is(name, "from")) return &out->from;
    return NULL;
}

static recur_status take_member(const char *where, const recur__json_items *item,
                                recur__structure *out)
{
    const recur__json_words name = recur__json_say(item->key);
    recur__json *tree = of_the_tree(item->key, out);
    const member *m = find(item->key);
    if (!tree && !m)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "layer \"%.150s\": this version does not know what %.80s means", where,
                           name.text);
    const uint64_t bit = m ? UINT64_C(1) << (m - members) : 0;
    if (tree ? tree->at != NULL : (out->told & bit) != 0)
        return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\" has a duplicate %s", where, name.text);
    out->told |= bit;
    if (tree) *tree = item->value;
    if (tree || take(m, item->value, out)) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\": %s is %.60s, not %s", where, m->name,
                       recur__json_say(item->value).text, m->form->words);
}

recur_status recur__structure_take(const char *where, recur__json object, recur__structure *out)
{
    static const recur_clockwork_options no_clockwork = { .size = sizeof no_clockwork };
    static const recur_conv_options no_conv = { .size = sizeof no_conv };
    *out = (recur__structure){ .clockwork = no_clockwork, .conv = no_conv };
    recur__json_items items = recur__json_items_of(object);
    while (recur__json_next(&items)) RECUR__CHECK(take_member(where, &items, out));
    if (memcmp(&out->clockwork, &no_clockwork, sizeof no_clockwork))
        out->info.clockwork = &out->clockwork;
    if (memcmp(&out->conv, &no_conv, sizeof no_conv)) out->info.conv = &out->conv;
    return RECUR_OK;
}

recur_status recur__structure_string(const char *where, recur__json value, const char *name)
{
    if (recur__json_bytes(value) >= 0) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\": %s is not there, or not a string", where,
                       name);
}

/* Whether two descriptions agree in a member. */
static bool agree(const member *m, const recur_layer_info *a, const recur_layer_info *b)
{
    return is_flag(m) ? !((a->flags ^ b->flags) & m->flag)
                      : memcmp(in_const(m, a), in_const(m, b), m->form->bytes) == 0;
}

/* What a layer says of itself, for messages. */
static recur__json_words say_made(const member *m, const recur_layer_info *made)
{
    char text[400];
    recur__json_writer measure = { .to = NULL };
    recur__json_writer write = { .to = text };
    if (m->form->named && !word_of(m->form->named, *(const int32_t *)in_const(m, made)))
        return (recur__json_words){ "something else" };
    put_value(&measure, m, made);
    if (measure.used > sizeof text) return (recur__json_words){ "something else" };
    put_value(&write, m, made);
    return recur__json_say((recur__json){ text, text + write.used });
}

recur_status recur__structure_check(const char *where, const recur__structure *s,
                                    recur__json object, const recur_layer_info *made)
{
    for (int i = 0; i < MEMBERS; i++) {
        const member *m = &members[i];
        if (!(s->told >> i & 1) || agree(m, &s->info, made)) continue;
        return recur__fail(
            RECUR_E_UNSUPPORTED,
            "layer \"%.150s\": %s is %.60s in the file, and %.60s in the %.40s that this version "
            "makes of it",
            where, m->name, recur__json_say(recur__json_member(object, m->name)).text,
            say_made(m, made).text, made->type);
    }
    return RECUR_OK;
}

recur_recurrent_options recur__structure_options(const recur_layer_info *info)
{
    recur_recurrent_options options = { .size = sizeof options,
                                        .cell = info->variant,
                                        .clockwork = info->clockwork };
    for (int i = 0; i < MEMBERS; i++)
        if (members[i].option)
            memcpy((unsigned char *)&options + members[i].option, in_const(&members[i], info),
                   is_flag(&members[i]) ? sizeof options.flags : members[i].form->bytes);
    return options;
}
