/* answers.h - sequences that a network writes symbol by symbol. Symbols are numbered as the letters
 * of a text; behind them come a start and an end. */
#ifndef EXAMPLES_ANSWERS_H
#define EXAMPLES_ANSWERS_H

#include <recur.h>

/* From a state of as many streams as packed has sequences, and the start sign, the likeliest symbol
 * is fed back; guess [N] has what was written, as far as the right answers go. logits:
 * [B][symbols]. */
void answers_write(const recur_layer *layer, recur_state *state, int32_t start,
                   const recur_packed *packed, int64_t symbols, float *logits, int32_t *guess);

/* How many of the first n sequences are right in every symbol. */
int64_t answers_right(const recur_packed *packed, int64_t n, const int32_t *guess,
                      const int32_t *wanted);

/* Prints sequence b up to its end; symbols that are no letters as question marks. */
void answers_print(const recur_packed *packed, int64_t b, const int32_t *guess,
                   const char *letters);

#endif
