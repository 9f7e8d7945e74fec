/* 03_ragged.c - lesson 3: a batch of sequences of different lengths, without padding.
 *
 * The sequences are words, their steps are letters. A layout says where each step of each sequence
 * lies: first step 0 of all sequences, then step 1 of those that are long enough, and so on. The
 * network reads each word to its own end, and gives the same numbers as for that word alone. */
#include <math.h>
#include <recur.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 4, LETTERS = 26, HIDDEN = 4, MOST_ROWS = 100 };

static const char *const words[WORDS] = { "gate", "a", "recurrent", "net" };

static void check(recur_status status)
{
    if (status == RECUR_OK) return;
    fprintf(stderr, "%s: %s\n", recur_status_name(status), recur_last_error());
    exit(EXIT_FAILURE);
}

/* An LSTM that takes letters, and a layer that keeps the row of the last step of each sequence. */
static recur_layer *make_network(void)
{
    const recur_recurrent_options lstm = {
        .size = sizeof lstm, .cell = RECUR_CELL_LSTM, .input_size = LETTERS, .hidden_size = HIDDEN
    };
    const char *const names[2] = { "rnn", "last" };
    recur_layer *part[2];
    recur_layer *network;
    check(recur_recurrent_create(NULL, &lstm, &part[0]));
    check(recur_last_create(NULL, HIDDEN, RECUR_DIRECTION_FORWARD, &part[1]));
    check(recur_compose_create(NULL, RECUR_COMPOSE_SEQUENTIAL, 2, names, part, &network));
    check(recur_layer_init(network, NULL, RECUR_INIT_DEFAULT, 0, 1));
    for (int i = 0; i < 2; i++) recur_layer_release(part[i]);
    return network;
}

/* Runs `count` words as one batch: y gets one row for each word. Prints their layout if wanted. */
static void run(const recur_layer *network, const char *const *word, int count, int print, float *y)
{
    int64_t lengths[WORDS];
    char joined[MOST_ROWS] = "";
    char packed[MOST_ROWS];
    int32_t ids[MOST_ROWS];
    for (int b = 0; b < count; b++) {
        lengths[b] = (int64_t)strlen(word[b]);
        strcat(joined, word[b]);
    }
    recur_packed *layout;
    check(recur_packed_create(NULL, count, lengths, 0, &layout)); /* 0: the longest word's steps */
    check(recur_packed_pack(layout, RECUR_LAYOUT_JOINED, sizeof(char), joined, packed));
    for (int64_t row = 0; row < recur_packed_rows(layout); row++) ids[row] = packed[row] - 'a';
    check(recur_layer_forward_ids(network, layout, ids, NULL, y, NULL));

    int64_t row = 0;
    for (int64_t step = 0; print && step < recur_packed_steps(layout); step++) {
        const int64_t size = recur_packed_batch_size(layout, step);
        printf("  step %d: %.*s\n", (int)step, (int)size, packed + row);
        row += size;
    }
    recur_packed_release(layout);
}

int main(void)
{
    recur_layer *network = make_network();
    float together[WORDS * HIDDEN];
    float difference = 0;
    printf("The letters of %d words, packed; longer words stand first:\n", WORDS);
    run(network, words, WORDS, 1, together);

    printf("After its last letter, a word has become %d numbers:\n", HIDDEN);
    for (int b = 0; b < WORDS; b++) {
        float alone[HIDDEN];
        run(network, &words[b], 1, 0, alone);
        printf("  %-10s", words[b]);
        for (int i = 0; i < HIDDEN; i++) {
            printf(" %6.3f", (double)together[b * HIDDEN + i]);
            difference = fmaxf(difference, fabsf(together[b * HIDDEN + i] - alone[i]));
        }
        printf("\n");
    }
    printf("One by one, the words give %s numbers.\n", difference < 1e-6f ? "the same" : "other");
    recur_layer_release(network);
    return difference < 1e-6f ? 0 : EXIT_FAILURE;
}
