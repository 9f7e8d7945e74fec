/* answers.c - writing, counting and printing answers; see answers.h. */
#include "answers.h"
#include "try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void answers_write(const recur_layer *layer, recur_state *state, int32_t start,
                   const recur_packed *packed, int64_t symbols, float *logits, int32_t *guess)
{
    const recur_sample_options greedy = { .size = sizeof greedy, .top_k = 1 };
    const int64_t B = recur_packed_batch(packed);
    int32_t *now = NEW(int32_t, B);
    for (int64_t b = 0; b < B; b++) now[b] = start;
    for (int64_t t = 0; t < recur_packed_steps(packed); t++) {
        TRY(recur_layer_step_ids(layer, now, state, logits, NULL));
        TRY(recur_sample(&greedy, B, symbols, logits, 0, 0, now));
        for (int64_t b = 0; b < B; b++)
            if (t < recur_packed_length(packed, b)) guess[recur_packed_row(packed, b, t)] = now[b];
    }
    free(now);
}

int64_t answers_right(const recur_packed *packed, int64_t n, const int32_t *guess,
                      const int32_t *wanted)
{
    int64_t right = 0;
    for (int64_t b = 0; b < n; b++) {
        const int64_t length = recur_packed_length(packed, b);
        int64_t t = 0;
        while (t < length &&
               guess[recur_packed_row(packed, b, t)] == wanted[recur_packed_row(packed, b, t)])
            t++;
        right += t == length;
    }
    return right;
}

void answers_print(const recur_packed *packed, int64_t b, const int32_t *guess, const char *letters)
{
    const int32_t n = (int32_t)strlen(letters), end = n + 1;
    for (int64_t t = 0; t < recur_packed_length(packed, b); t++) {
        const int32_t id = guess[recur_packed_row(packed, b, t)];
        if (id == end) break;
        putchar(id < n ? letters[id] : '?');
    }
}
