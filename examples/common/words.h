/* words.h - a text as words: which there are, how often, and where sentences end. */
#ifndef EXAMPLES_WORDS_H
#define EXAMPLES_WORDS_H

#include "text.h"

/* Words by frequency, the most frequent first. */
typedef struct {
    int64_t n;
    char **word;    /* [n] */
    int64_t *count; /* [n] */
} vocabulary;

/* The words of a text: letters and apostrophes, in lower case; those that come at least so
 * often. */
vocabulary words_of(const text *t, int64_t least);
void words_release(vocabulary *v);

/* The id of a word, -1 if it is none of them. */
int32_t word_id(const vocabulary *v, const char *word);

/* A text as ids; -1 where a sentence ends. Words that are not in the vocabulary are left out. Gives
 * their number. */
int64_t words_read(const vocabulary *v, const text *t, int32_t **ids);

/* The words as a text of a model file. Their counts are those in the given text. */
void words_save(const vocabulary *v, recur_file *file);
vocabulary words_load(const recur_file *file, const char *path, const text *t);

#endif
