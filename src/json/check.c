/* check.c - whether a text is JSON, by the grammar of RFC 8259. Nothing is kept but one bit for
 * each container that is open: whether it is an object. */
#include <stdio.h>

#include "json/json.h"

typedef struct checker {
    const unsigned char *text, *at, *end;
    const char *expected; /* where the first mistake is: what should be there */
    int depth;
    unsigned char objects[RECUR__JSON_DEPTH];
} checker;

/* The next byte; -1 behind the last one. */
static int peek(const checker *c) { return c->at < c->end ? *c->at : -1; }

static bool expect(checker *c, bool good, const char *what)
{
    if (!good) c->expected = what;
    return good;
}

static bool take(checker *c, char wanted)
{
    if (peek(c) != wanted) return false;
    c->at++;
    return true;
}

static bool is_space(unsigned char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static void space(checker *c)
{
    while (c->at < c->end && is_space(*c->at)) c->at++;
}

/* ---- strings -------------------------------------------------------------------------------- */

int recur__utf8(const unsigned char *at, const unsigned char *end)
{
    const unsigned char a = at[0];
    int n = 0;
    if (a < 0x80)
        n = 1;
    else if (a >= 0xc2 && a < 0xe0)
        n = 2;
    else if (a >= 0xe0 && a < 0xf0)
        n = 3;
    else if (a >= 0xf0 && a < 0xf5)
        n = 4;
    if (n > end - at) return 0;
    for (int i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if ((a == 0xe0 && at[1] < 0xa0) || (a == 0xed && at[1] > 0x9f)) return 0;
    if ((a == 0xf0 && at[1] < 0x90) || (a == 0xf4 && at[1] > 0x8f)) return 0;
    return n;
}

/* Four hexadecimal digits; -1 if they are not there. */
static int32_t hex4(checker *c)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = peek(c);
        if (digit >= '0' && digit <= '9')
            value = value * 16 + digit - '0';
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            value = value * 16 + (digit | 0x20) - 'a' + 10;
        else
            return -1;
        c->at++;
    }
    return value;
}

static bool unicode(checker *c)
{
    const int32_t code = hex4(c);
    if (!expect(c, code >= 0, "four hexadecimal digits behind \\u")) return false;
    if (code < 0xd800 || code > 0xdfff) return true;
    const bool second = code < 0xdc00 && take(c, '\\') && take(c, 'u');
    const int32_t low = second ? hex4(c) : -1;
    return expect(c, low >= 0xdc00 && low <= 0xdfff, "both halves of a surrogate pair");
}

static bool escape(checker *c)
{
    if (take(c, 'u')) return unicode(c);
    const int letter = peek(c);
    if (!expect(c, letter > 0 && strchr("\"\\/bfnrt", letter) != NULL,
                "one of \" \\ / b f n r t u behind a backslash"))
        return false;
    c->at++;
    return true;
}

/* Behind the first quotation mark. */
static bool string(checker *c)
{
    for (;;) {
        const int byte = peek(c);
        if (!expect(c, byte >= 0, "the '\"' that ends a string")) return false;
        if (!expect(c, byte >= ' ', "an escape instead of a control character")) return false;
        const int n = recur__utf8(c->at, c->end);
        if (!expect(c, n > 0, "UTF-8")) return false;
        c->at += n;
        if (byte == '"') return true;
        if (byte == '\\' && !escape(c)) return false;
    }
}

/* ---- numbers and words ---------------------------------------------------------------------- */

static bool is_digit(int byte) { return byte >= '0' && byte <= '9'; }

static bool digits(checker *c, const char *what)
{
    if (!expect(c, is_digit(peek(c)), what)) return false;
    while (is_digit(peek(c))) c->at++;
    return true;
}

static bool number(checker *c)
{
    take(c, '-');
    if (take(c, '0')) {
        if (!expect(c, !is_digit(peek(c)), "no digit behind a 0 that begins a number"))
            return false;
    } else if (!digits(c, "a digit behind the minus")) {
        return false;
    }
    if (take(c, '.') && !digits(c, "a digit behind the point")) return false;
    if (!take(c, 'e') && !take(c, 'E')) return true;
    if (!take(c, '+')) take(c, '-');
    return digits(c, "a digit in the exponent");
}

static bool word(checker *c, const char *letters)
{
    const size_t n = strlen(letters);
    const bool same = (size_t)(c->end - c->at) >= n && memcmp(c->at, letters, n) == 0;
    if (!expect(c, same, "a value")) return false;
    c->at += n;
    return true;
}

static bool scalar(checker *c)
{
    const int byte = peek(c);
    if (take(c, '"')) return string(c);
    if (byte == '-' || is_digit(byte)) return number(c);
    if (byte == 't') return word(c, "true");
    if (byte == 'f') return word(c, "false");
    return word(c, "null");
}

/* ---- containers ----------------------------------------------------------------------------- */

static bool in_object(const checker *c) { return c->depth && c->objects[c->depth - 1]; }

/* "name" : */
static bool name(checker *c)
{
    space(c);
    if (!expect(c, take(c, '"'), "the name of a member in '\"'")) return false;
    if (!string(c)) return false;
    space(c);
    return expect(c, take(c, ':'), "a ':' behind the name of a member");
}

/* The end of the container that is open. */
static bool closing(checker *c)
{
    space(c);
    if (!take(c, in_object(c) ? '}' : ']')) return false;
    c->depth--;
    return true;
}

/* As many containers as begin here, down to a value that has nothing in it. */
static bool opening(checker *c)
{
    for (;;) {
        space(c);
        const bool object = take(c, '{');
        if (!object && !take(c, '[')) return scalar(c);
        if (!expect(c, c->depth < RECUR__JSON_DEPTH, "a depth of at most 256")) return false;
        c->objects[c->depth++] = object;
        if (closing(c)) return true;
        if (object && !name(c)) return false;
    }
}

static bool whole(checker *c)
{
    do {
        if (!opening(c)) return false;
        while (c->depth && closing(c)) {}
        if (c->depth == 0) break;
        if (!expect(c, take(c, ','), in_object(c) ? "a ',' or '}'" : "a ',' or ']'")) return false;
        if (in_object(c) && !name(c)) return false;
    } while (c->depth);
    space(c);
    return expect(c, c->at == c->end, "nothing behind the outermost value");
}

/* ---- the door ------------------------------------------------------------------------------- */

/* What is there instead. */
static void describe(const checker *c, char *to, size_t room)
{
    const int byte = peek(c);
    if (byte < 0)
        snprintf(to, room, "the text ends");
    else if (byte > ' ' && byte < 0x7f)
        snprintf(to, room, "there is '%c'", byte);
    else
        snprintf(to, room, "there is byte 0x%02x", (unsigned)byte);
}

static recur_status mistake(const checker *c, const char *what)
{
    char instead[32];
    size_t line = 1;
    const unsigned char *begin = c->text;
    for (const unsigned char *at = c->text; at < c->at; at++)
        if (*at == '\n') {
            line++;
            begin = at + 1;
        }
    describe(c, instead, sizeof instead);
    return recur__fail(RECUR_E_FORMAT,
                       "%s is not JSON at byte %zu of %zu (line %zu, column %zu): %s is expected, "
                       "but %s",
                       what, (size_t)(c->at - c->text), (size_t)(c->end - c->text), line,
                       (size_t)(c->at - begin) + 1, c->expected, instead);
}

recur_status recur__json_check(const char *what, const char *text, size_t bytes, recur__json *out)
{
    const unsigned char *begin = (const unsigned char *)text;
    checker c = { .text = begin, .at = begin, .end = begin + bytes };
    if (!whole(&c)) return mistake(&c, what);
    while (is_space(*begin)) begin++;
    while (is_space(c.end[-1])) c.end--;
    *out = (recur__json){ (const char *)begin, (const char *)c.end };
    return RECUR_OK;
}
