/* text.c - the text of the C files: measured first, then written, by the same calls. */
#include <stdarg.h>
#include <stdio.h>

#include "compile/compile.h"
#include "json/json.h"

/* ---- characters ----------------------------------------------------------------------------- */

static void put(recur__emitter *e, char c)
{
    if (e->to) e->to[e->used] = c;
    e->used++;
}

static char capital(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

/* What a word at the beginning of a text stands for; NULL: there is none. */
static const char *meaning_of(const recur__emitter *e, const char *text, size_t *length)
{
    const bool exact = recur__is_reference_c(e);
    const struct {
        const char *word, *meaning;
    } words[] = {
        { "@", e->name },
        { "$", e->name },
        { "{wide}", exact ? "double" : "float" },
        { "{to_wide}", exact ? "(double)" : "" },
        { "{narrow}", exact ? "(float)" : "" },
    };
    if (!strchr("@${", *text)) return NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *length = strlen(words[i].word);
        if (strncmp(text, words[i].word, *length) == 0) return words[i].meaning;
    }
    return NULL;
}

static void put_text(recur__emitter *e, const char *text)
{
    while (*text) {
        size_t length = 1;
        const char *meaning = meaning_of(e, text, &length);
        if (!meaning) put(e, *text);
        for (const char *c = meaning; c && *c; c++) put(e, *text == '$' ? capital(*c) : *c);
        text += meaning ? length : 1;
    }
}

static bool is_written(const recur__emitter *e, recur__section section)
{
    return section == e->section || section == RECUR__SECTION_ANY;
}

void recur__say_text(recur__emitter *e, recur__section section, const char *text)
{
    if (is_written(e, section)) put_text(e, text);
}

void recur__say(recur__emitter *e, recur__section section, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    if (!is_written(e, section)) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(e, text);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Nine digits tell a float from all others. Whatever the locale has for a point becomes one. */
recur__constant_text recur__float_text(float number)
{
    recur__constant_text to = { "" };
    char text[32];
    size_t used = 0;
    bool point = false;
    snprintf(text, sizeof text, "%.9g", (double)number);
    for (const char *at = text; *at; at++) {
        const bool known = strchr("0123456789+-e", *at) != NULL;
        if (known || !point) to.text[used++] = known ? *at : '.';
        if (*at == 'e' && !point) { /* 1e-07 has none, and wants none */
            point = true;
            continue;
        }
        point = point || !known;
    }
    if (!point) {
        to.text[used++] = '.';
        to.text[used++] = '0';
    }
    to.text[used++] = 'f';
    to.text[used] = '\0';
    return to;
}

void recur__say_epsilon(recur__emitter *e, recur__section section, double number)
{
    if (!recur__is_reference_c(e) && !recur__is_exact_c(e)) {
        recur__say(e, section, "%s", recur__float_text((float)number).text);
        return;
    }
    recur__json_writer measure = { .to = NULL };
    char text[48] = "";
    recur__json_put_double(&measure, number);
    recur__json_writer write = { .to = text };
    if (measure.used < sizeof text) recur__json_put_double(&write, number);
    recur__say(e, section, "%s", text);
}
