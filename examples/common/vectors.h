/* vectors.h - what vectors of words know: which words are near, and how pairs of words relate. */
#ifndef EXAMPLES_VECTORS_H
#define EXAMPLES_VECTORS_H

#include "words.h"

/* Prints the words nearest by cosine to each of some words (NULL: a choice), line by line. table
 * [v->n][width]. */
void vectors_show_nearest(const vocabulary *v, int64_t width, const float *table, const char *near);

/* Solves analogies a : b = c : ? from pairs that are alike, by the word nearest to b - a + c other
 * than these three. Prints some, and how many of all are right. */
void vectors_show_analogies(const vocabulary *v, int64_t width, const float *table);

/* Writes "words width", then a line for each word. Without a path nothing happens. */
void vectors_write(const vocabulary *v, int64_t width, const float *table, const char *path);

#endif
