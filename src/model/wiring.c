/* wiring.c - what the parts of a graph take, as JSON: "from", an array of sources, each of them
 * [part], or [part, begin], or [part, begin, count]. The part null is the graph's input. */
#include "model/model.h"

static json_t *source_json(const recur_source *source)
{
    json_t *name = source->part ? json_string(source->part) : json_null(), *array = json_array();
    bool good = json_array_append_new(array, name) == 0;
    if (source->begin || source->count)
        good = good && json_array_append_new(array, json_integer(source->begin)) == 0;
    if (source->count)
        good = good && json_array_append_new(array, json_integer(source->count)) == 0;
    if (good) return array;
    json_decref(array);
    return NULL;
}

recur_status recur__wiring_put(const recur_layer_info *info, json_t *object)
{
    if (!info->source_count) return RECUR_OK;
    json_t *array = json_array();
    bool good = json_object_set_new(object, "from", array) == 0;
    for (int64_t i = 0; good && i < info->source_count; i++)
        good = json_array_append_new(array, source_json(&info->sources[i])) == 0;
    if (good) return RECUR_OK;
    return recur__fail(RECUR_E_MEMORY, "there is no memory to describe the %lld sources of \"%s\"",
                       (long long)info->source_count, info->name);
}

int64_t recur__wiring_count(const json_t *object)
{
    const json_t *from = json_object_get(object, "from");
    return from ? recur__max(1, (int64_t)json_array_size(from)) : 0;
}

/* Index of an earlier part; -1 for null, the input; -2: there is none. */
static int64_t find(const json_t *name, int64_t i, const char *const *names)
{
    if (json_is_null(name)) return -1;
    for (int64_t part = 0; part < i && json_is_string(name); part++)
        if (strcmp(names[part], json_string_value(name)) == 0) return part;
    return -2;
}

static bool take_count(const json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    return !value || json_is_integer(value);
}

recur_status recur__wiring_take(const char *where, const json_t *object, int64_t i,
                                const char *const *names, recur_source *out)
{
    const json_t *from = json_object_get(object, "from");
    if (from && json_array_size(from) == 0)
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\": from of part \"%.100s\" is not an array of sources",
                           where, names[i]);
    for (size_t n = 0; n < json_array_size(from); n++, out++) {
        const json_t *source = json_array_get(from, n);
        const int64_t part = find(json_array_get(source, 0), i, names);
        *out = (recur_source){ .part = part < 0 ? NULL : names[part] };
        if (part < -1 || json_array_size(source) > 3 ||
            !take_count(json_array_get(source, 1), &out->begin) ||
            !take_count(json_array_get(source, 2), &out->count))
            return recur__fail(RECUR_E_FORMAT,
                               "layer \"%.150s\": source %zu of part \"%.100s\" is not [part], "
                               "[part, begin] or [part, begin, count] with a part before it, or "
                               "null",
                               where, n, names[i]);
    }
    return RECUR_OK;
}
