/* transfer.c - a model of the next word, with and without vectors that are known already; see
 * transfer.h. */
#include "transfer.h"
#include "run.h"
#include "try.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEARNED = 300, TESTED = 300, BATCH = 20, HIDDEN = 64, LONGEST = 50 };

/* Collects sentences of 2 words or more, cut after the longest length. */
typedef struct {
    int64_t n;
    int64_t start[LEARNED + TESTED], length[LEARNED + TESTED];
} sentences;

static sentences find_sentences(const int32_t *ids, int64_t n)
{
    sentences s = { .n = 0 };
    for (int64_t i = 0, end; i < n && s.n < LEARNED + TESTED; i = end + 1) {
        for (end = i; end < n && ids[end] >= 0; end++) continue;
        if (end - i < 2) continue;
        s.start[s.n] = i;
        s.length[s.n++] = end - i < LONGEST ? end - i : LONGEST;
    }
    return s;
}

typedef struct {
    run run;
    recur_packed *packed;
    int32_t *ids, *next;
    float *logits, *dlogits;
    int64_t words;
} model;

static recur_layer *make_net(int64_t words, int64_t width, uint64_t seed)
{
    recur_layer *part[3];
    const char *const names[] = { "vectors", "rnn", "fc" };
    const recur_recurrent_options gru = {
        .size = sizeof gru, .cell = RECUR_CELL_GRU, .input_size = width, .hidden_size = HIDDEN
    };
    TRY(recur_embedding_create(NULL, words, width, 0, &part[0]));
    TRY(recur_recurrent_create(NULL, &gru, &part[1]));
    TRY(recur_linear_create(NULL, HIDDEN, words, 0, &part[2]));
    recur_layer *net = chain(RECUR_COMPOSE_SEQUENTIAL, 3, names, part);
    TRY(recur_layer_init(net, NULL, RECUR_INIT_DEFAULT, 0, seed));
    return net;
}

/* Moves vectors in, as long on average as the random ones are: sqrt(width). */
static void move_in(recur_layer *net, int64_t words, int64_t width, const float *table)
{
    recur_layer *vectors;
    double squares = 0;
    TRY(recur_layer_child(net, "vectors", &vectors, NULL));
    for (int64_t i = 0; i < words * width; i++) squares += (double)table[i] * (double)table[i];
    const double scale = squares > 0 ? sqrt((double)(words * width) / squares) : 1;
    float *to = recur_layer_params(vectors);
    for (int64_t i = 0; i < words * width; i++) to[i] = (float)(scale * (double)table[i]);
    recur_layer_release(vectors);
}

static model create(int64_t words, int64_t width, const float *table, uint64_t seed)
{
    const recur_loss_options cross_entropy = { .size = sizeof cross_entropy,
                                               .kind = RECUR_LOSS_CROSS_ENTROPY };
    const int64_t rows = BATCH * LONGEST;
    model m = { .run = run_create(make_net(words, width, seed), &cross_entropy, 0.003),
                .words = words };
    if (table) move_in(m.run.net, words, width, table);
    TRY(recur_packed_create(NULL, BATCH, NULL, LONGEST, &m.packed));
    m.ids = NEW(int32_t, rows);
    m.next = NEW(int32_t, rows);
    m.logits = NEW(float, rows *words);
    m.dlogits = NEW(float, rows *words);
    return m;
}

static void release(model *m)
{
    run_release(&m->run);
    recur_packed_release(m->packed);
    free(m->ids);
    free(m->next);
    free(m->logits);
    free(m->dlogits);
}

/* Gives the loss over the rows of one batch of sentences, from `first` on, and learns from them. */
static double run_batch(model *m, int learn, const sentences *s, int64_t first, int64_t n,
                        const int32_t *ids)
{
    int64_t lengths[BATCH] = { 0 };
    double loss;
    for (int64_t b = 0; b < n; b++) lengths[b] = s->length[first + b] - 1;
    TRY(recur_packed_reset(m->packed, n, lengths, 0));
    for (int64_t b = 0; b < n; b++)
        for (int64_t t = 0; t < lengths[b]; t++) {
            const int64_t row = recur_packed_row(m->packed, b, t);
            m->ids[row] = ids[s->start[first + b] + t];
            m->next[row] = ids[s->start[first + b] + t + 1];
        }
    run *r = &m->run;
    TRY(recur_layer_forward_ids(r->net, m->packed, m->ids, NULL, m->logits,
                                learn ? r->tape : NULL));
    TRY(recur_loss_classes(r->loss, recur_packed_rows(m->packed), m->words, m->logits, m->next,
                           &loss, m->dlogits));
    if (learn) {
        memset(r->grads, 0, (size_t)r->count * sizeof *r->grads);
        TRY(recur_layer_backward_ids(r->net, m->packed, m->ids, m->dlogits, NULL, r->grads,
                                     r->tape));
        recur_clip_norm(r->grads, r->count, 5);
        TRY(recur_optimizer_step(r->optimizer, recur_layer_params(r->net), r->grads, r->count, 1));
    }
    return loss * (double)recur_packed_rows(m->packed);
}

/* Gives the mean loss over sentences. */
static double pass(model *m, int learn, const sentences *s, int64_t from, int64_t to,
                   const int32_t *ids)
{
    double loss = 0, rows = 0;
    for (int64_t i = from; i < to; i += BATCH) {
        loss += run_batch(m, learn, s, i, to - i < BATCH ? to - i : BATCH, ids);
        rows += (double)recur_packed_rows(m->packed);
    }
    return loss / rows;
}

void transfer_try(const vocabulary *v, int64_t width, const float *table, const int32_t *ids,
                  int64_t n, int64_t epochs, uint64_t seed)
{
    const sentences s = find_sentences(ids, n);
    const int64_t learned = s.n / 2;
    if (learned < 1) return;
    model scratch = create(v->n, width, NULL, seed), moved = create(v->n, width, table, seed);
    printf("the next word, learned from %lld sentences, tested on %lld others:\n",
           (long long)learned, (long long)(s.n - learned));
    for (int64_t epoch = 1; epoch <= epochs; epoch++) {
        pass(&scratch, 1, &s, 0, learned, ids);
        pass(&moved, 1, &s, 0, learned, ids);
        printf("epoch %2lld  test loss from random vectors %.4f, from these %.4f\n",
               (long long)epoch, pass(&scratch, 0, &s, learned, s.n, ids),
               pass(&moved, 0, &s, learned, s.n, ids));
        fflush(stdout);
    }
    release(&scratch);
    release(&moved);
}
