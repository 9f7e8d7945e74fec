/* transfer.h - do vectors of words help another model? */
#ifndef EXAMPLES_TRANSFER_H
#define EXAMPLES_TRANSFER_H

#include "words.h"

/* Trains a model of the next word (embedding, GRU, linear) on a little of a text, once from random
 * vectors and once from those in table [v->n][width], and prints the losses on other sentences side
 * by side. ids [n]: -1 between sentences. */
void transfer_try(const vocabulary *v, int64_t width, const float *table, const int32_t *ids,
                  int64_t n, int64_t epochs, uint64_t seed);

#endif
