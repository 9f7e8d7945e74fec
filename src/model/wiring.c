/* wiring.c - what the parts of a graph take, as JSON: "from", an array of sources, each of them
 * [part], or [part, begin], or [part, begin, count]. The part null is the graph's input. */
#include "model/model.h"

void recur__wiring_put(recur__json_writer *w, const recur_layer_info *info)
{
    if (!info->source_count) return;
    recur__json_put_name(w, "", "from");
    recur__json_open(w, '[');
    for (int64_t i = 0; i < info->source_count; i++) {
        const recur_source *s = &info->sources[i];
        recur__json_open(w, '[');
        if (s->part)
            recur__json_put_string(w, s->part);
        else
            recur__json_put_null(w);
        if (s->begin || s->count) recur__json_put_whole(w, s->begin);
        if (s->count) recur__json_put_whole(w, s->count);
        recur__json_close(w, ']');
    }
    recur__json_close(w, ']');
}

int64_t recur__wiring_count(recur__json object)
{
    const recur__json from = recur__json_member(object, "from");
    return from.at ? recur__max(1, recur__json_count(from)) : 0;
}

/* Index of an earlier part; -1 for null, the input; -2: there is none. */
static int64_t find(recur__json name, int64_t i, const char *const *names)
{
    if (recur__json_kind_of(name) == RECUR__JSON_NULL) return -1;
    for (int64_t part = 0; part < i; part++)
        if (recur__json_is(name, names[part])) return part;
    return -2;
}

static bool take_source(recur__json array, int64_t i, const char *const *names, recur_source *out)
{
    int64_t value[3] = { -2, 0, 0 }; /* part, begin, count */
    recur__json_items items = recur__json_items_of(array);
    if (recur__json_kind_of(array) != RECUR__JSON_ARRAY || recur__json_count(array) > 3)
        return false;
    for (int n = 0; recur__json_next(&items); n++) {
        if (n == 0)
            value[0] = find(items.value, i, names);
        else if (!recur__json_whole(items.value, &value[n]))
            return false;
    }
    *out = (recur_source){ .part = value[0] < 0 ? NULL : names[value[0]],
                           .begin = value[1],
                           .count = value[2] };
    return value[0] >= -1;
}

recur_status recur__wiring_take(const char *where, recur__json object, int64_t i,
                                const char *const *names, recur_source *out)
{
    const recur__json from = recur__json_member(object, "from");
    if (from.at && (recur__json_kind_of(from) != RECUR__JSON_ARRAY || !recur__json_count(from)))
        return recur__fail(RECUR_E_FORMAT,
                           "layer \"%.150s\": from of part \"%.100s\" is not an array of sources",
                           where, names[i]);
    recur__json_items items = recur__json_items_of(from);
    for (int64_t n = 0; recur__json_next(&items); n++, out++)
        if (!take_source(items.value, i, names, out))
            return recur__fail(RECUR_E_FORMAT,
                               "layer \"%.150s\": source %lld of part \"%.100s\" is not [part], "
                               "[part, begin] or [part, begin, count] with a part before it, or "
                               "null",
                               where, (long long)n, names[i]);
    return RECUR_OK;
}
