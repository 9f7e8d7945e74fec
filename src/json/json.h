/* json.h - JSON texts (RFC 8259): checked once as a whole, then walked where they lie.
 *
 *     text ──▶ recur__json_check ──▶ recur__json, the outermost value
 *                                        │
 *              recur__json_items_of ◀────┘   its members or elements, one after the other:
 *              recur__json_next              key, value ──▶ words, whole numbers, floats
 *
 * A value is two pointers into the text. Reading takes no memory, however long and deep the text
 * is, and does not call itself. What walks trusts the text, for it was checked.
 *
 * Strict: UTF-8 throughout, no lone surrogates, no byte order mark, nothing behind the outermost
 * value, at most RECUR__JSON_DEPTH containers in each other. Keys that come twice are the business
 * of those who know the keys. */
#ifndef RECUR__JSON_H
#define RECUR__JSON_H

#include "base/base.h"

enum { RECUR__JSON_DEPTH = 256 };

/* ---- text and values ------------------------------------------------------------------------ */

typedef enum recur__json_kind {
    RECUR__JSON_NONE, /* there is no value */
    RECUR__JSON_OBJECT,
    RECUR__JSON_ARRAY,
    RECUR__JSON_STRING,
    RECUR__JSON_NUMBER,
    RECUR__JSON_TRUE,
    RECUR__JSON_FALSE,
    RECUR__JSON_NULL,
} recur__json_kind;

typedef struct recur__json {
    const char *at, *end; /* both NULL: there is no value */
} recur__json;

/* Checks a text and gives its outermost value. FORMAT says where the first mistake is and what is
 * expected there; `what` calls the text by name: "the header". */
recur_status recur__json_check(const char *what, const char *text, size_t bytes, recur__json *out);

recur__json_kind recur__json_kind_of(recur__json value);

/* Bytes of the UTF-8 character at `at`, before `end`; 0 if it is none: no surrogates, nothing
 * overlong or above U+10FFFF. */
int recur__utf8(const unsigned char *at, const unsigned char *end);

/* ---- members and elements ------------------------------------------------------------------- */

typedef struct recur__json_items {
    recur__json key;   /* of a member; none in an array */
    recur__json value; /* of a member, or an element */
    const char *at;    /* behind it */
} recur__json_items;

/* Before the first item. Only objects and arrays have some. */
recur__json_items recur__json_items_of(recur__json container);

/* Goes to the next item; false: there is none. */
bool recur__json_next(recur__json_items *items);

int64_t recur__json_count(recur__json container);

/* The first member of this name; none if there is no such one. */
recur__json recur__json_member(recur__json object, const char *name);

/* ---- strings -------------------------------------------------------------------------------- */

/* Bytes of a string's characters, without its escapes; -1: not a string, or one with a character
 * U+0000, which no string of C can hold. Never more than the string takes in the text. */
int64_t recur__json_bytes(recur__json string);

/* Writes these bytes and a 0 behind them; what is behind that. */
char *recur__json_copy(recur__json string, char *to);

/* Whether a string says this word. */
bool recur__json_is(recur__json string, const char *word);

/* A value for messages: the characters of a string, the text of anything else, cut to size. */
typedef struct recur__json_words {
    char text[100];
} recur__json_words;
recur__json_words recur__json_say(recur__json value);

/* ---- numbers: false if it is none, or one that the type does not hold ------------------------ */

bool recur__json_whole(recur__json value, int64_t *out); /* written without point and exponent */
/* Rounded once, to the nearest, ties to even. In every locale. */
bool recur__json_double(recur__json value, double *out);
bool recur__json_float(recur__json value, float *out);

/* ---- writing -------------------------------------------------------------------------------- */

/* Like the carver of base.h: with `to` NULL it only measures, so that one function measures a text
 * and then writes it, and cannot fail. What was opened must be closed. Names and strings are UTF-8.
 */
typedef struct recur__json_writer {
    char *to;
    size_t used;
    bool first; /* nothing lies before in this container */
} recur__json_writer;

void recur__json_open(recur__json_writer *w, char bracket);  /* '{' or '[' */
void recur__json_close(recur__json_writer *w, char bracket); /* '}' or ']' */
void recur__json_put_name(recur__json_writer *w, const char *prefix, const char *name);
void recur__json_put_string(recur__json_writer *w, const char *text);
void recur__json_put_whole(recur__json_writer *w, int64_t value);
void recur__json_put_double(recur__json_writer *w, double value); /* finite; reads back the same */
void recur__json_put_true(recur__json_writer *w, bool value);
void recur__json_put_null(recur__json_writer *w);

#endif
