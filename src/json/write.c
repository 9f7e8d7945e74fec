/* write.c - a JSON text, compact, in the order in which it is told. */
#include <inttypes.h>
#include <stdio.h>

#include "json/json.h"

static void put(recur__json_writer *w, const char *bytes, size_t count)
{
    if (w->to && count) memcpy(w->to + w->used, bytes, count);
    w->used += count;
}

/* The comma before all items of a container but the first. */
static void begin_item(recur__json_writer *w)
{
    if (!w->first && w->used) put(w, ",", 1);
    w->first = false;
}

void recur__json_open(recur__json_writer *w, char bracket)
{
    begin_item(w);
    put(w, &bracket, 1);
    w->first = true;
}

void recur__json_close(recur__json_writer *w, char bracket)
{
    put(w, &bracket, 1);
    w->first = false;
}

static bool is_plain(char c) { return (unsigned char)c >= ' ' && c != '"' && c != '\\'; }

static void put_escape(recur__json_writer *w, char c)
{
    static const char letters[] = "\"\\bfnrt";
    static const char meant[] = "\"\\\b\f\n\r\t";
    const char *found = strchr(meant, c);
    char escape[16] = "\\";
    if (found)
        escape[1] = letters[found - meant];
    else
        snprintf(escape, sizeof escape, "\\u%04X", (unsigned)c);
    put(w, escape, strlen(escape));
}

static void put_escaped(recur__json_writer *w, const char *text)
{
    while (*text) {
        const char *end = text;
        while (*end && is_plain(*end)) end++;
        put(w, text, (size_t)(end - text));
        if (*end) put_escape(w, *end++);
        text = end;
    }
}

void recur__json_put_name(recur__json_writer *w, const char *prefix, const char *name)
{
    begin_item(w);
    put(w, "\"", 1);
    put_escaped(w, prefix);
    put_escaped(w, name);
    put(w, "\":", 2);
    w->first = true; /* no comma before the value */
}

void recur__json_put_string(recur__json_writer *w, const char *text)
{
    begin_item(w);
    put(w, "\"", 1);
    put_escaped(w, text);
    put(w, "\"", 1);
}

void recur__json_put_whole(recur__json_writer *w, int64_t value)
{
    char digits[24];
    begin_item(w);
    put(w, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void recur__json_put_true(recur__json_writer *w, bool value)
{
    begin_item(w);
    put(w, value ? "true" : "false", value ? 4 : 5);
}

void recur__json_put_null(recur__json_writer *w)
{
    begin_item(w);
    put(w, "null", 4);
}

/* A number as the C library writes it, with a point, whatever the locale has in its place. */
static size_t with_point(char *text)
{
    size_t used = 0;
    bool replaced = false;
    bool point = false;
    for (const char *at = text; *at; at++) {
        const bool known = strchr("0123456789+-e", *at) != NULL;
        if (known || !replaced) text[used++] = known ? *at : '.';
        replaced = replaced || !known;
        point = point || !known || *at == 'e';
    }
    if (!point) {
        text[used++] = '.';
        text[used++] = '0';
    }
    return used;
}

/* The fewest digits, of 15 to 17, that read back as the same number. */
void recur__json_put_double(recur__json_writer *w, double value)
{
    char text[48];
    size_t used = 0;
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text - 8, "%.*g", digits, value);
        used = with_point(text);
        const recur__json json = { text, text + used };
        if (recur__json_double(json, &back) && memcmp(&back, &value, sizeof value) == 0) break;
    }
    begin_item(w);
    put(w, text, used);
}
