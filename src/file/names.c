/* names.c - shapes and names: how many elements, how to say it, whether it is UTF-8. */
#include <stdio.h>

#include "file/file.h"
#include "json/json.h"

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

bool recur__is_checksum(const char *value, size_t length)
{
    const size_t words = strlen(RECUR__CHECKSUM_WORDS);
    if (length != words + RECUR__CHECKSUM_DIGITS) return false;
    if (memcmp(value, RECUR__CHECKSUM_WORDS, words) != 0) return false;
    for (size_t i = words; i < length; i++)
        if (!strchr("0123456789abcdef", value[i])) return false;
    return true;
}

bool recur__is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + strlen(text);
    while (at < end) {
        const int n = recur__utf8(at, end);
        if (n == 0) return false;
        at += n;
    }
    return true;
}
