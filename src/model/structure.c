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
    json_t *(*put)(const void *at);        /* NULL: no memory, or no word for it */
    bool (*take)(json_t *value, void *at); /* false: of another form */
} form;

static json_t *put_count(const void *at) { return json_integer(*(const int64_t *)at); }
static json_t *put_integer(const void *at) { return json_integer(*(const int32_t *)at); }
static json_t *put_real(const void *at) { return json_real(*(const double *)at); }

static bool take_count(json_t *value, void *at)
{
    if (!json_is_integer(value)) return false;
    *(int64_t *)at = json_integer_value(value);
    return true;
}

static bool take_integer(json_t *value, void *at)
{
    if (!json_is_integer(value) || json_integer_value(value) < INT32_MIN ||
        json_integer_value(value) > INT32_MAX)
        return false;
    *(int32_t *)at = (int32_t)json_integer_value(value);
    return true;
}

static bool take_real(json_t *value, void *at)
{
    if (!json_is_number(value)) return false;
    *(double *)at = json_number_value(value);
    return true;
}

/* Integers up to the last that is not 0. */
static json_t *put_periods(const void *at)
{
    const int32_t *period = at;
    int n = RECUR_MOST_MODULES;
    while (n > 0 && period[n - 1] == 0) n--;
    json_t *array = json_array();
    for (int i = 0; array && i < n; i++)
        if (json_array_append_new(array, json_integer(period[i]))) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static bool take_periods(json_t *value, void *at)
{
    if (!json_is_array(value) || json_array_size(value) > RECUR_MOST_MODULES) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!take_integer(json_array_get(value, i), (int32_t *)at + i)) return false;
    return true;
}

/* Constants have words; theirs is the place. */
static const char *const directions[] = { "forward", "reverse", "bidirectional", NULL };
static const char *const paddings[] = { "zeros", "reflect", NULL };
static const char *const functions[] = { "",         "tanh",     "sigmoid", "relu", "hard_sigmoid",
                                         "softsign", "identity", NULL };

static json_t *put_word(const char *const *words, int32_t code)
{
    for (int32_t i = 0; words[i]; i++)
        if (i == code) return json_string(words[i]);
    return NULL;
}

static bool take_word(const char *const *words, json_t *value, int32_t *code)
{
    const char *word = json_string_value(value);
    for (*code = 0; word && words[*code]; ++*code)
        if (strcmp(words[*code], word) == 0) return true;
    return false;
}

static json_t *put_direction(const void *at) { return put_word(directions, *(const int32_t *)at); }
static json_t *put_function(const void *at) { return put_word(functions, *(const int32_t *)at); }
static json_t *put_padding(const void *at) { return put_word(paddings, *(const int32_t *)at); }
static bool take_padding(json_t *value, void *at) { return take_word(paddings, value, at); }
static bool take_direction(json_t *value, void *at) { return take_word(directions, value, at); }
static bool take_function(json_t *value, void *at) { return take_word(functions, value, at); }

static const form counts = { "a whole number", sizeof(int64_t), put_count, take_count };
static const form integers = { "a whole number of 32 bits", sizeof(int32_t), put_integer,
                               take_integer };
static const form reals = { "a number", sizeof(double), put_real, take_real };
static const form periods = { "an array of at most 16 whole numbers",
                              sizeof(int32_t[RECUR_MOST_MODULES]), put_periods, take_periods };
static const form directed = { "forward, reverse or bidirectional", sizeof(int32_t), put_direction,
                               take_direction };
static const form padded = { "zeros or reflect", sizeof(int32_t), put_padding, take_padding };
static const form function = { "the name of a function", sizeof(int32_t), put_function,
                               take_function };
static const form flags = { "true or false", 0, NULL, NULL };

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

static json_t *value_of(const member *m, const recur_layer_info *info)
{
    return is_flag(m) ? json_boolean(info->flags & m->flag) : m->form->put(in_const(m, info));
}

/* ---- out ------------------------------------------------------------------------------------ */

static recur_status check_flags(const recur_layer_info *info)
{
    uint32_t known = 0;
    for (int i = 0; i < MEMBERS; i++) known |= members[i].flag;
    if (!(info->flags & ~known)) return RECUR_OK;
    return recur__fail(RECUR_E_UNSUPPORTED,
                       "flags %#x of a layer of type %s have no name in model files",
                       (unsigned)(info->flags & ~known), info->type);
}

recur_status recur__structure_put(const recur_layer_info *info, bool is_part, json_t **out)
{
    *out = NULL;
    RECUR__CHECK(check_flags(info));
    json_t *object = json_object();
    bool good = !is_part || json_object_set_new(object, "name", json_string(info->name)) == 0;
    good = good && json_object_set_new(object, "type", json_string(info->type)) == 0;
    for (int i = 0; good && i < MEMBERS; i++)
        if (!is_default(&members[i], info))
            good = json_object_set_new(object, members[i].name, value_of(&members[i], info)) == 0;
    if (good) {
        *out = object;
        return RECUR_OK;
    }
    json_decref(object);
    return recur__fail(RECUR_E_MEMORY, "there is no memory to describe a layer of type %s",
                       info->type);
}

/* ---- in ------------------------------------------------------------------------------------- */

static const member *find(const char *name)
{
    for (int i = 0; i < MEMBERS; i++)
        if (strcmp(members[i].name, name) == 0) return &members[i];
    return NULL;
}

static bool take(const member *m, json_t *value, recur_layer_info *info,
                 recur__structure_families *families)
{
    unsigned char *to = (unsigned char *)info;
    if (m->of == OF_CLOCKWORK) to = (unsigned char *)&families->clockwork;
    if (m->of == OF_CONV) to = (unsigned char *)&families->conv;
    if (!is_flag(m)) return m->form->take(value, to + m->at);
    if (json_is_true(value)) info->flags |= m->flag;
    return json_is_boolean(value);
}

static bool is_of_the_tree(const char *name)
{
    static const char *const names[] = { "type", "name", "parts", "from" };
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

recur_status recur__structure_take(const char *where, json_t *object, recur_layer_info *info,
                                   recur__structure_families *families)
{
    const recur__structure_families none = { .clockwork.size = sizeof none.clockwork,
                                             .conv.size = sizeof none.conv };
    *families = none;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        const member *m = find(name);
        if (is_of_the_tree(name)) continue;
        if (!m)
            return recur__fail(RECUR_E_UNSUPPORTED,
                               "layer \"%.150s\": this version does not know what %.80s means",
                               where, name);
        if (!take(m, json_object_iter_value(at), info, families))
            return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\": %s is not %s", where, name,
                               m->form->words);
    }
    if (memcmp(&families->clockwork, &none.clockwork, sizeof none.clockwork))
        info->clockwork = &families->clockwork;
    if (memcmp(&families->conv, &none.conv, sizeof none.conv)) info->conv = &families->conv;
    return RECUR_OK;
}

recur_status recur__structure_text(const char *where, const json_t *object, const char *key,
                                   const char **out)
{
    *out = json_string_value(json_object_get(object, key));
    if (*out) return RECUR_OK;
    return recur__fail(RECUR_E_FORMAT, "layer \"%.150s\": %s is not there, or not a string", where,
                       key);
}

/* A value for messages. */
typedef struct said {
    char text[60];
} said;

static said say(const json_t *value)
{
    said s = { "" };
    const size_t used = json_dumpb(value, s.text, sizeof s.text - 1,
                                   JSON_ENCODE_ANY | JSON_COMPACT);
    s.text[used < sizeof s.text ? used : sizeof s.text - 1] = '\0';
    return s;
}

/* Whether two descriptions agree in a member. */
static bool agree(const member *m, const recur_layer_info *a, const recur_layer_info *b)
{
    return is_flag(m) ? !((a->flags ^ b->flags) & m->flag)
                      : memcmp(in_const(m, a), in_const(m, b), m->form->bytes) == 0;
}

recur_status recur__structure_check(const char *where, json_t *object, const recur_layer_info *made)
{
    recur_layer_info told = { 0 };
    recur__structure_families families;
    RECUR__CHECK(recur__structure_take(where, object, &told, &families));
    for (int i = 0; i < MEMBERS; i++) {
        const member *m = &members[i];
        const json_t *value = json_object_get(object, m->name);
        if (!value || agree(m, &told, made)) continue;
        json_t *here = value_of(m, made);
        const recur_status status = recur__fail(
            RECUR_E_UNSUPPORTED,
            "layer \"%.150s\": %s is %s in the file, and %s in the %.40s that this version makes "
            "of it",
            where, m->name, say(value).text, here ? say(here).text : "something else", made->type);
        json_decref(here);
        return status;
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
