/* value.c - walking through a text that was checked: members, elements, strings. */
#include "json/json.h"

recur__json_kind recur__json_kind_of(recur__json value)
{
    switch (value.at ? *value.at : 0) {
    case 0:
        return RECUR__JSON_NONE;
    case '{':
        return RECUR__JSON_OBJECT;
    case '[':
        return RECUR__JSON_ARRAY;
    case '"':
        return RECUR__JSON_STRING;
    case 't':
        return RECUR__JSON_TRUE;
    case 'f':
        return RECUR__JSON_FALSE;
    case 'n':
        return RECUR__JSON_NULL;
    default:
        return RECUR__JSON_NUMBER;
    }
}

/* ---- members and elements ------------------------------------------------------------------- */

static const char *behind_space(const char *at)
{
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
    return at;
}

static const char *behind_string(const char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\') at++;
    return at + 1;
}

static bool ends_scalar(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind a value that is inside of another one. */
static const char *behind_value(const char *at)
{
    int64_t depth = 0;
    do {
        if (*at == '"') {
            at = behind_string(at);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        else if (depth == 0)
            while (!ends_scalar(at[1])) at++;
        at++;
    } while (depth);
    return at;
}

recur__json_items recur__json_items_of(recur__json container)
{
    const recur__json_kind kind = recur__json_kind_of(container);
    const bool some = kind == RECUR__JSON_OBJECT || kind == RECUR__JSON_ARRAY;
    return (recur__json_items){ .key = { NULL, NULL },
                                .value = { NULL, NULL },
                                .at = some ? container.at : NULL };
}

bool recur__json_next(recur__json_items *items)
{
    if (!items->at) return false;
    const char *at = behind_space(items->at);
    const bool object = *at == '{' || items->key.at;
    if (*at == '{' || *at == '[' || *at == ',') at = behind_space(at + 1);
    if (*at == '}' || *at == ']') {
        items->at = NULL;
        return false;
    }
    if (object) {
        items->key = (recur__json){ at, behind_string(at) };
        at = behind_space(items->key.end);
        at = behind_space(at + 1); /* the colon */
    }
    items->at = behind_value(at);
    items->value = (recur__json){ at, items->at };
    return true;
}

int64_t recur__json_count(recur__json container)
{
    int64_t count = 0;
    recur__json_items items = recur__json_items_of(container);
    while (recur__json_next(&items)) count++;
    return count;
}

recur__json recur__json_member(recur__json object, const char *name)
{
    const recur__json none = { NULL, NULL };
    recur__json_items items = recur__json_items_of(object);
    while (recur__json_next(&items))
        if (recur__json_is(items.key, name)) return items.value;
    return none;
}

/* ---- strings -------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const uint32_t c = (unsigned char)at[i];
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* A character as UTF-8; how many bytes. */
static int encode(uint32_t code, char *to)
{
    static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    int n = 1;
    if (code >= 0x80) n++;
    if (code >= 0x800) n++;
    if (code >= 0x10000) n++;
    for (int i = n - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    to[0] = (char)(first[n] | code);
    return n;
}

/* The next character, or byte of one, of a string: how many bytes, which go to `to`. */
static int next_bytes(const char **at, char *to)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    const char *from = *at;
    *to = *from;
    *at = from + 1;
    if (*from != '\\') return 1;
    *at = from + 2;
    if (from[1] != 'u') {
        const char *letter = strchr(letters, from[1]);
        *to = letter ? meant[letter - letters] : from[1];
        return 1;
    }
    uint32_t code = hex4(from + 2);
    *at = from + 6;
    if (code >= 0xd800 && code <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(from + 8) - 0xdc00);
        *at = from + 12;
    }
    return encode(code, to);
}

int64_t recur__json_bytes(recur__json string)
{
    if (recur__json_kind_of(string) != RECUR__JSON_STRING) return -1;
    int64_t count = 0;
    char bytes[4];
    for (const char *at = string.at + 1; *at != '"';) {
        const int n = next_bytes(&at, bytes);
        if (*bytes == '\0') return -1;
        count += n;
    }
    return count;
}

char *recur__json_copy(recur__json string, char *to)
{
    for (const char *at = string.at + 1; *at != '"';) {
        char bytes[4];
        const int n = next_bytes(&at, bytes);
        memcpy(to, bytes, (size_t)n);
        to += n;
    }
    *to = '\0';
    return to + 1;
}

bool recur__json_is(recur__json string, const char *word)
{
    if (recur__json_kind_of(string) != RECUR__JSON_STRING) return false;
    for (const char *at = string.at + 1; *at != '"';) {
        char bytes[4];
        const int n = next_bytes(&at, bytes);
        for (int i = 0; i < n; i++) {
            if (*word == '\0' || *word != bytes[i]) return false;
            word++;
        }
    }
    return *word == '\0';
}

recur__json_words recur__json_say(recur__json value)
{
    recur__json_words words = { "" };
    const bool string = recur__json_kind_of(value) == RECUR__JSON_STRING;
    const char *end = string ? value.end - 1 : value.end;
    size_t used = 0;
    for (const char *at = string ? value.at + 1 : value.at; at < end;) {
        char bytes[4] = { *at };
        int n = 1;
        if (string)
            n = next_bytes(&at, bytes);
        else
            at++;
        if (used + (size_t)n >= sizeof words.text) break;
        if (*bytes == '\0') *bytes = '?';
        memcpy(words.text + used, bytes, (size_t)n);
        used += (size_t)n;
    }
    return words;
}
