/* numbers.c - members, whole numbers, and arrays of floats on their way into parameters. */
#include "import/import.h"

/* ---- members -------------------------------------------------------------------------------- */

recur_status recur__import_member(const recur__import *in, const char *place, recur__json object,
                                  const char *name, recur__json *out)
{
    *out = (recur__json){ NULL, NULL };
    if (recur__json_kind_of(object) != RECUR__JSON_OBJECT) return RECUR_OK;
    recur__json_items items = recur__json_items_of(object);
    while (recur__json_next(&items)) {
        if (!recur__json_is(items.key, name)) continue;
        if (out->at)
            return recur__import_fail(in, RECUR_E_FORMAT, place, items.key,
                                      "the member \"%.40s\" is there twice", name);
        *out = items.value;
    }
    return RECUR_OK;
}

recur__json recur__import_item(recur__json array, int64_t i)
{
    if (recur__json_kind_of(array) == RECUR__JSON_ARRAY) {
        recur__json_items items = recur__json_items_of(array);
        for (int64_t k = 0; recur__json_next(&items); k++)
            if (k == i) return items.value;
    }
    return (recur__json){ NULL, NULL };
}

recur_status recur__import_whole(const recur__import *in, const char *place, recur__json object,
                                 const char *name, recur__import_range range, int64_t *out)
{
    recur__json value;
    RECUR__CHECK(recur__import_member(in, place, object, name, &value));
    const bool there = value.at && recur__json_kind_of(value) != RECUR__JSON_NULL;
    if (!there && range.otherwise >= range.least) {
        *out = range.otherwise;
        return RECUR_OK;
    }
    if (!there)
        return recur__import_fail(in, RECUR_E_FORMAT, place, object,
                                  "the member \"%.40s\" is expected, and not there", name);
    if (recur__json_kind_of(value) == RECUR__JSON_ARRAY)
        value = recur__import_item(value, recur__json_count(value) - 1);
    if (recur__json_whole(value, out) && *out >= range.least && *out <= RECUR__IMPORT_SIZE)
        return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, place, value.at ? value : object,
                              "\"%.40s\" is %.40s; a whole number from %lld to %d is expected",
                              name, value.at ? recur__json_say(value).text : "empty",
                              (long long)range.least, RECUR__IMPORT_SIZE);
}

/* ---- shapes --------------------------------------------------------------------------------- */

/* Whether a text can hold so many numbers: each takes a character, and one behind it. */
static bool has_room(recur__json value, int rank, const int64_t *dim)
{
    int64_t numbers = 2;
    for (int i = 0; i < rank; i++) numbers = recur__times(numbers, dim[i]);
    return numbers > 0 && numbers <= value.end - value.at;
}

recur_status recur__import_shape(const recur__import *in, const char *place, recur__json value,
                                 int rank, int64_t *dim)
{
    recur__json inner = value;
    for (int i = 0; i < rank; i++) {
        const bool array = recur__json_kind_of(inner) == RECUR__JSON_ARRAY;
        dim[i] = array ? recur__json_count(inner) : 0;
        if (dim[i] == 0)
            return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                                      "numbers in arrays %d deep are expected, but %s", rank,
                                      array ? "one is empty" : "they are not there");
        inner = recur__import_item(inner, 0);
    }
    if (recur__json_kind_of(inner) == RECUR__JSON_ARRAY)
        return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                                  "numbers in arrays %d deep are expected, but they are deeper",
                                  rank);
    if (has_room(value, rank, dim)) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                              "its first elements say %s, but there are not so many numbers",
                              recur__shape_say(rank, dim).text);
}

/* ---- numbers -------------------------------------------------------------------------------- */

recur_status recur__import_float(const recur__import *in, const char *place, recur__json value,
                                 float *out)
{
    if (recur__json_float(value, out)) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                              "a number that a float holds is expected, not %.40s",
                              value.at ? recur__json_say(value).text : "nothing");
}

/* An array of so many elements is there. */
static recur_status check_array(const recur__import *in, const char *place, recur__json value,
                                int64_t n)
{
    if (recur__json_kind_of(value) != RECUR__JSON_ARRAY)
        return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                                  "an array of %lld elements is expected, not %.40s", (long long)n,
                                  value.at ? recur__json_say(value).text : "nothing");
    const int64_t count = recur__json_count(value);
    if (count == n) return RECUR_OK;
    return recur__import_fail(in, RECUR_E_FORMAT, place, value,
                              "an array of %lld elements is expected, but it has %lld",
                              (long long)n, (long long)count);
}

/* Arrays at one depth. Calls itself as deep as the rank, at most RECUR__IMPORT_RANK. Nearly every
 * element is good, so its place is written only for arrays and for what is not. */
static recur_status fill(const recur__import *in, const char *place, recur__json value,
                         const recur__import_target *target, int depth, float *to)
{
    const bool innermost = depth + 1 == target->rank;
    RECUR__CHECK(check_array(in, place, value, target->dim[depth]));
    recur__json_items items = recur__json_items_of(value);
    for (int64_t i = 0; recur__json_next(&items); i++) {
        float *const there = to + i * target->stride[depth];
        if (innermost && recur__json_float(items.value, there)) continue;
        const recur__place at = recur__place_of("%.180s[%lld]", place, (long long)i);
        if (innermost) return recur__import_float(in, at.text, items.value, there);
        RECUR__CHECK(fill(in, at.text, items.value, target, depth + 1, there));
    }
    return RECUR_OK;
}

recur_status recur__import_numbers(const recur__import *in, const char *place, recur__json value,
                                   const recur__import_target *target)
{
    return fill(in, place, value, target, 0, target->to);
}

recur_status recur__import_plain(const recur__import *in, const char *place, recur__json value,
                                 int rank, const int64_t *dim, float *to)
{
    recur__import_target target = { .to = to, .rank = rank };
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        target.dim[i] = dim[i];
        target.stride[i] = stride;
        stride *= dim[i];
    }
    return recur__import_numbers(in, place, value, &target);
}
