/* text.c - reading and spelling a text; see text.h. */
#include "text.h"
#include "story.h"
#include "try.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static text read_file(const char *path)
{
    text t = { 0, NULL };
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) die("%s: %s", path, strerror(errno));
    t.n = ftell(file);
    if (t.n < 0 || fseek(file, 0, SEEK_SET)) die("%s: %s", path, strerror(errno));
    t.bytes = NEW(uint8_t, t.n);
    if (fread(t.bytes, 1, (size_t)t.n, file) != (size_t)t.n) die("%s: it could not be read", path);
    if (fclose(file)) die("%s: %s", path, strerror(errno));
    if (t.n == 0) die("%s: it is empty", path);
    return t;
}

text text_of(const char *path, uint64_t seed, int64_t n)
{
    if (path) return read_file(path);
    text t = { n, NEW(uint8_t, n) };
    story_tell(seed, n, (char *)t.bytes);
    return t;
}

void text_release(text *t) { free(t->bytes); }

/* ---- alphabets ------------------------------------------------------------------------------ */

static alphabet alphabet_from(const uint8_t *present)
{
    alphabet a = { .n = 0 };
    for (int byte = 0; byte < 256; byte++) {
        a.id[byte] = present[byte] ? (int32_t)a.n : -1;
        if (present[byte]) a.symbol[a.n++] = (uint8_t)byte;
    }
    return a;
}

alphabet alphabet_of(const text *t)
{
    uint8_t present[256] = { 0 };
    for (int64_t i = 0; i < t->n; i++) present[t->bytes[i]] = 1;
    return alphabet_from(present);
}

void alphabet_save(const alphabet *a, recur_file *file)
{
    char digits[2 * 256 + 1] = "";
    for (int64_t i = 0; i < a->n; i++) snprintf(digits + 2 * i, 3, "%02x", a->symbol[i]);
    TRY(recur_file_set_metadata(file, "alphabet", digits));
}

alphabet alphabet_load(const recur_file *file, const char *path)
{
    uint8_t present[256] = { 0 };
    const char *digits = recur_file_metadata(file, "alphabet");
    unsigned byte;
    if (!digits || !*digits) die("%s: it has no text 'alphabet'", path);
    for (const char *d = digits; *d; d += 2) {
        if (strspn(d, "0123456789abcdef") < 2 || sscanf(d, "%2x", &byte) != 1)
            die("%s: text 'alphabet': '%s' are not two hexadecimal digits for each symbol", path,
                digits);
        present[byte] = 1;
    }
    return alphabet_from(present);
}

int32_t *alphabet_ids(const alphabet *a, const uint8_t *bytes, int64_t n)
{
    int32_t *ids = NEW(int32_t, n);
    for (int64_t i = 0; i < n; i++) {
        ids[i] = a->id[bytes[i]];
        if (ids[i] < 0)
            die("byte %lld (%d) is none of the %lld symbols the model knows", (long long)i,
                bytes[i], (long long)a->n);
    }
    return ids;
}

/* ---- strands -------------------------------------------------------------------------------- */

strands strands_of(const alphabet *a, const uint8_t *bytes, int64_t n, int64_t B)
{
    return (strands){ B, n / B - 1, alphabet_ids(a, bytes, n) };
}

void strands_cut(const strands *s, int64_t t, int64_t n, int32_t *ids, int32_t *labels)
{
    for (int64_t b = 0; b < s->B; b++) {
        const int32_t *from = s->ids + b * (s->steps + 1) + t;
        for (int64_t i = 0; i < n; i++) {
            ids[i * s->B + b] = from[i];
            labels[i * s->B + b] = from[i + 1];
        }
    }
}
