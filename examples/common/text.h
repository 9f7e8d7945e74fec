/* text.h - a text as bytes, and the symbols it is made of. */
#ifndef EXAMPLES_TEXT_H
#define EXAMPLES_TEXT_H

#include <recur.h>

typedef struct {
    int64_t n;
    uint8_t *bytes; /* [n] */
} text;

/* Reads a file; with path NULL, invents n characters of simple sentences, which depend on the
 * seed. */
text text_of(const char *path, uint64_t seed, int64_t n);
void text_release(text *t);

/* The bytes that a text has, in their order: symbol[id], and back: id[byte], -1 if it is not among
 * them. */
typedef struct {
    int64_t n;
    uint8_t symbol[256];
    int32_t id[256];
} alphabet;

alphabet alphabet_of(const text *t);

/* An alphabet as a text of a model file: two hexadecimal digits for each symbol. */
void alphabet_save(const alphabet *a, recur_file *file);
alphabet alphabet_load(const recur_file *file, const char *path);

/* Gives n bytes as ids. A byte that is not in the alphabet ends the program. */
int32_t *alphabet_ids(const alphabet *a, const uint8_t *bytes, int64_t n);

/* A text cut into B strands that lie side by side, each read from beginning to end. */
typedef struct {
    int64_t B, steps; /* predictions in each strand; it has one character more */
    int32_t *ids;     /* strand after strand */
} strands;

strands strands_of(const alphabet *a, const uint8_t *bytes, int64_t n, int64_t B);

/* Gives time-major rows [n][B] from step t on, and the characters that follow them. */
void strands_cut(const strands *s, int64_t t, int64_t n, int32_t *ids, int32_t *labels);

#endif
