/* fuzz_json.c - libFuzzer on the JSON reader: what is accepted is walked to its last value, written
 * anew, and read again as the same. */
#include <stdlib.h>

#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(int good)
{
    if (!good) abort();
}

static char *text_of(recur__json string)
{
    const int64_t bytes = recur__json_bytes(string);
    if (bytes < 0) return NULL;
    check(bytes <= string.end - string.at - 2);
    char *text = malloc((size_t)bytes + 1);
    check(text && recur__json_copy(string, text) == text + bytes + 1);
    check(recur__json_is(string, text) && strlen(text) == (size_t)bytes);
    return text;
}

static void put_scalar(recur__json_writer *w, recur__json value)
{
    double number;
    float single;
    int64_t whole;
    char *text = text_of(value);
    if (text)
        recur__json_put_string(w, text);
    else if (recur__json_whole(value, &whole))
        recur__json_put_whole(w, whole);
    else if (recur__json_double(value, &number))
        recur__json_put_double(w, number);
    else
        recur__json_put_true(w, recur__json_kind_of(value) == RECUR__JSON_TRUE);
    if (recur__json_float(value, &single) && recur__json_double(value, &number))
        check(single - 1e-6f * single == 0 || (single > 0) == (number > 0));
    free(text);
}

/* Copies a value; as deep as the reader allows. */
static void put_value(recur__json_writer *w, recur__json value)
{
    const recur__json_kind kind = recur__json_kind_of(value);
    check(kind != RECUR__JSON_NONE && value.at < value.end);
    check(*recur__json_say(value).text || kind == RECUR__JSON_STRING);
    if (kind != RECUR__JSON_OBJECT && kind != RECUR__JSON_ARRAY) {
        put_scalar(w, value);
        return;
    }
    recur__json_items items = recur__json_items_of(value);
    recur__json_open(w, kind == RECUR__JSON_OBJECT ? '{' : '[');
    while (recur__json_next(&items)) {
        if (kind == RECUR__JSON_OBJECT) {
            char *name = text_of(items.key);
            recur__json_put_name(w, "", name ? name : "");
            free(name);
        }
        put_value(w, items.value);
    }
    recur__json_close(w, kind == RECUR__JSON_OBJECT ? '}' : ']');
}

static char *copy_of(recur__json value, size_t *bytes)
{
    recur__json_writer measure = { .to = NULL };
    put_value(&measure, value);
    recur__json_writer write = { .to = malloc(measure.used) };
    check(write.to != NULL);
    put_value(&write, value);
    check(write.used == measure.used);
    *bytes = write.used;
    return write.to;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    recur__json value;
    /* A block of exactly this size, so that the sanitizer sees a byte too far. */
    char *text = malloc(bytes ? bytes : 1);
    check(text != NULL);
    if (bytes) memcpy(text, data, bytes);
    if (recur__json_check("the text", text, bytes, &value)) {
        check(*recur_last_error());
    } else {
        size_t once;
        size_t twice;
        char *first = copy_of(value, &once);
        check(!recur__json_check("the copy", first, once, &value));
        char *second = copy_of(value, &twice);
        check(once == twice && memcmp(first, second, once) == 0);
        free(first);
        free(second);
    }
    free(text);
    return 0;
}
