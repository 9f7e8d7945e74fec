/* words.c - which words a text has; see words.h. A vocabulary is kept sorted twice: by frequency,
 * which gives the ids, and by spelling, to look words up. The second order is found again when it
 * is needed: there are few words. */
#include "words.h"
#include "try.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 40 };

/* ---- from characters to words --------------------------------------------------------------- */

/* Gives the next word at or after *at, in lower case; "." at the end of a sentence, 0 at the end of
 * the text. */
static int next_word(const text *t, int64_t *at, char *word)
{
    int64_t length = 0;
    for (; *at < t->n; ++*at) {
        const int byte = t->bytes[*at];
        if (isalpha(byte) || (byte == '\'' && length > 0)) {
            if (length < LONGEST) word[length++] = (char)tolower(byte);
        } else if (length > 0) {
            break;
        } else if (memchr(".!?;:", byte, 5)) {
            word[length++] = '.';
            ++*at;
            break;
        }
    }
    while (length > 1 && word[length - 1] == '\'') length--;
    word[length] = '\0';
    return length > 0;
}

/* ---- vocabularies --------------------------------------------------------------------------- */

typedef struct {
    char *word;
    int64_t count;
} entry;

static int by_spelling(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->word, ((const entry *)b)->word);
}

/* Orders words by frequency, the most frequent first, and equals by the alphabet. */
static int by_count(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->word, y->word);
}

static char *copy_of(const char *word)
{
    const size_t size = strlen(word) + 1;
    return memcpy(NEW(char, (int64_t)size), word, size);
}

/* Collects all words of a text, one entry each time a word comes. */
static entry *all_words(const text *t, int64_t *n)
{
    char word[LONGEST + 1];
    entry *all = NEW(entry, t->n / 2 + 1); /* a word has a letter and something behind it */
    *n = 0;
    for (int64_t at = 0; next_word(t, &at, word);)
        if (word[0] != '.') all[(*n)++] = (entry){ copy_of(word), 1 };
    return all;
}

vocabulary words_of(const text *t, int64_t least)
{
    int64_t n, kept = 0;
    entry *all = all_words(t, &n);
    qsort(all, (size_t)n, sizeof *all, by_spelling);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && strcmp(all[end].word, all[i].word) == 0; end++)
            free(all[end].word);
        if (end - i < least)
            free(all[i].word);
        else
            all[kept++] = (entry){ all[i].word, end - i };
    }
    qsort(all, (size_t)kept, sizeof *all, by_count);
    vocabulary v = { kept, NEW(char *, kept), NEW(int64_t, kept) };
    for (int64_t i = 0; i < kept; i++) {
        v.word[i] = all[i].word;
        v.count[i] = all[i].count;
    }
    free(all);
    return v;
}

void words_release(vocabulary *v)
{
    for (int64_t i = 0; i < v->n; i++) free(v->word[i]);
    free(v->word);
    free(v->count);
}

int32_t word_id(const vocabulary *v, const char *word)
{
    for (int64_t i = 0; i < v->n; i++)
        if (strcmp(v->word[i], word) == 0) return (int32_t)i;
    return -1;
}

/* Entries whose count is the id, by spelling. */
static entry *index_of(const vocabulary *v)
{
    entry *index = NEW(entry, v->n);
    for (int64_t i = 0; i < v->n; i++) index[i] = (entry){ v->word[i], i };
    qsort(index, (size_t)v->n, sizeof *index, by_spelling);
    return index;
}

int64_t words_read(const vocabulary *v, const text *t, int32_t **ids)
{
    char word[LONGEST + 1];
    entry *index = index_of(v);
    int64_t n = 0;
    *ids = NEW(int32_t, t->n + 1);
    for (int64_t at = 0; next_word(t, &at, word);) {
        const entry key = { word, 0 };
        const entry *found = word[0] == '.'
                                 ? NULL
                                 : bsearch(&key, index, (size_t)v->n, sizeof key, by_spelling);
        if (found)
            (*ids)[n++] = (int32_t)found->count;
        else if (word[0] == '.')
            (*ids)[n++] = -1;
    }
    free(index);
    return n;
}

/* ---- files ---------------------------------------------------------------------------------- */

void words_save(const vocabulary *v, recur_file *file)
{
    int64_t size = 1;
    for (int64_t i = 0; i < v->n; i++) size += (int64_t)strlen(v->word[i]) + 1;
    char *all = NEW(char, size), *at = all;
    for (int64_t i = 0; i < v->n; i++) at += sprintf(at, i ? " %s" : "%s", v->word[i]);
    TRY(recur_file_set_metadata(file, "words", all));
    free(all);
}

vocabulary words_load(const recur_file *file, const char *path, const text *t)
{
    const char *all = recur_file_metadata(file, "words");
    int32_t *ids;
    if (!all || !*all) die("%s: it has no text 'words'", path);
    int64_t most = 1;
    for (const char *c = all; *c; c++) most += *c == ' ';
    vocabulary v = { 0, NEW(char *, most), NEW(int64_t, most) };
    for (char *copy = copy_of(all), *word = strtok(copy, " "); word || (free(copy), 0);
         word = strtok(NULL, " "))
        v.word[v.n++] = copy_of(word);
    const int64_t n = words_read(&v, t, &ids);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] >= 0) v.count[ids[i]]++;
    free(ids);
    return v;
}
