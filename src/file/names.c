/* names.c - shapes and names: how many elements, how to say it, whether it is UTF-8. */
#include <stdio.h>

#include "file/file.h"

int64_t recur__shape_count(int rank, const int64_t *shape)
{
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        empty = empty || shape[i] == 0;
        if (shape[i] != 0) product = recur__times(product, shape[i]);
    }
    return empty && product > 0 ? 0 : product;
}

recur__shape_words recur__shape_say(int rank, const int64_t *shape)
{
    enum { LONGEST = 24 }; /* ",-9223372036854775808" and "...]" */
    recur__shape_words words = { "[" };
    size_t used = 1;
    for (int i = 0; i < rank; i++) {
        char *to = words.text + used;
        const size_t room = sizeof words.text - used;
        if (room < 2 * LONGEST) {
            used += (size_t)snprintf(to, room, "...");
            break;
        }
        used += (size_t)snprintf(to, room, "%s%lld", i ? "," : "", (long long)shape[i]);
    }
    memcpy(words.text + used, "]", 2);
    return words;
}

/* Bytes of the character that starts here, 0 if it is none: no surrogates, nothing overlong or
 * above U+10FFFF. */
static int character(const unsigned char *s)
{
    const unsigned char a = s[0];
    int n = 0;
    if (a < 0x80)
        n = 1;
    else if (a >= 0xc2 && a < 0xe0)
        n = 2;
    else if (a >= 0xe0 && a < 0xf0)
        n = 3;
    else if (a >= 0xf0 && a < 0xf5)
        n = 4;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((a == 0xe0 && s[1] < 0xa0) || (a == 0xed && s[1] > 0x9f)) return 0;
    if ((a == 0xf0 && s[1] < 0x90) || (a == 0xf4 && s[1] > 0x8f)) return 0;
    return n;
}

bool recur__is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        const int n = character(s);
        if (n == 0) return false;
        s += n;
    }
    return true;
}
